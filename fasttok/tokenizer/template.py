"""`Template`: special tokens around a text or a pair of texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from fasttok.core.checks import (
    checked_instance,
    checked_integer,
    checked_items,
    checked_mapping,
    checked_text,
    describe,
    describe_type,
)
from fasttok.core.errors import TemplateError
from fasttok.core.ragged import Ragged

MAX_TYPE_ID = 2**32 - 1  # largest type id of Hugging Face tokenizers

_TEXTS = {"$": 0, "$A": 0, "$B": 1}  # index of the text that each word of the notation represents
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"(?::[0-9]+)?(?!\S)|\S+')
_QUOTED = re.compile(r'("(?:[^"\\]|\\.)*")(?::([0-9]+))?')

AnyIds = Mapping[str, int | Sequence[int]] | Iterable[tuple[str, int | Sequence[int]]]


class Word(NamedTuple):
    """Word of a template: a text or the name of a special token.

    Attributes
    ----------
    text : int or None
        Index of the text, 0 or 1; None for a special token.
    name : str
        Name of the special token, without quotes; ``$A`` or ``$B`` for a text.
    type_id : int
        Type id of the word.
    """

    text: int | None
    name: str
    type_id: int


class Part(NamedTuple):
    """Part of a template: a text or one id of a special token.

    Attributes
    ----------
    text : int or None
        Index of the text, 0 or 1; None for a special token.
    id : int
        Id of the special token; 0 for a text.
    type_id : int
        Type id of the part.
    """

    text: int | None
    id: int
    type_id: int


Parts = tuple[Part, ...]


class BoundTemplate(NamedTuple):
    """Template with the ids of its special tokens in one tokenizer.

    Attributes
    ----------
    single : tuple of Part
        Parts of the template of a single text.
    pair : tuple of Part, or None
        Parts of the template of a pair; None if there is no such template.
    """

    single: Parts
    pair: Parts | None

    @property
    def around(self) -> tuple[Parts, Part, Parts]:
        """Parts before a single text, the text, and the parts after it."""
        i = next(i for i, part in enumerate(self.single) if part.text is not None)
        return self.single[:i], self.single[i], self.single[i + 1 :]


PLAIN_PAIR = (Part(0, 0, 0), Part(1, 0, 1))  # default for pairs: no special tokens, type ids 0 and 1


@dataclass(frozen=True)
class Template:
    """Special tokens that a model expects around a text, in the notation of Hugging Face ``tokenizers``.

    A template consists of words separated by spaces. ``$A``, or ``$`` for short, is the text, ``$B`` is the
    second text of a pair, and every other word is a special token. A word may end with its type id, as in
    ``$B:1``; the default is 0. A name with spaces, or one that reads like another word, is written as a JSON
    string: ``"end of text":1``.

    Parameters
    ----------
    single : str
        Template of a single text: ``$A`` once, and special tokens.
    pair : str, optional
        Template of a pair of texts: ``$A``, ``$B`` and special tokens in any order. A text may occur several
        times, or not at all.
    ids : mapping of str to int or sequence of int
        Ids of special tokens by name. Default: each name is the text of an added token. Give the ids of a
        name that is not, or that represents several ids in a row. They may be any ids of the vocabulary. A
        tokenizer drops the ids that its added tokens already have.

    Raises
    ------
    TemplateError
        If `single` does not contain ``$A`` exactly once, or contains ``$B``; if a text is unknown; if a type
        id is above 2^32 - 1; or if `ids` has a name that the template does not contain.
    TypeError
        If a template is not a ``str``, or an id is not an integer.

    See Also
    --------
    Tokenizer.with_template : Copy a tokenizer with another template.

    Examples
    --------
    >>> import fasttok as ft
    >>> counts = ft.PretokenCounts.from_dict({"a": 1})
    >>> tok = ft.train(counts, vocab_size=258, special_tokens=["[CLS]", "[SEP]"])
    >>> template = ft.Template("[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1")
    >>> tok = ft.Tokenizer(tok.model, tok.pretokenizer, tok.special_tokens, template=template)
    >>> tok.decode(tok.encode("a text", add_special_tokens=True))
    '[CLS]a text[SEP]'

    A name for several ids, here those of "Q:":

    >>> tok = tok.with_template('[CLS] "the question" $A', ids={"the question": [81, 58]})
    >>> tok.decode(tok.encode("why?", add_special_tokens=True))
    '[CLS]Q:why?'
    """

    single: str
    pair: str | None = None
    ids: AnyIds = ()

    def __post_init__(self) -> None:
        words = _parse(self.single)
        texts = [word.text for word in words if word.text is not None]
        if texts != [0]:
            raise TemplateError(
                "must contain $A once and not $B, separated by spaces from other words", self.single
            )
        if self.pair is not None:
            words += _parse(self.pair)
        ids = {name: _checked_ids(name, one) for name, one in _pairs_of(self.ids)}
        unknown = ids.keys() - {word.name for word in words if word.text is None}
        if unknown:
            raise TemplateError(f"ids are given for {min(unknown)!r}, which is not in it", self.single)
        object.__setattr__(self, "ids", tuple(sorted(ids.items())))

    def config(self) -> dict[str, Any]:
        """Return the template as plain JSON.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.Template("[CLS] $A [SEP]").config()
        {'single': '[CLS] $A [SEP]', 'pair': None}
        """
        fields: dict[str, Any] = {"single": self.single, "pair": self.pair}
        if self.ids:
            fields["ids"] = {name: list(ids) for name, ids in self.ids_by_name.items()}
        return fields

    @property
    def is_plain(self) -> bool:
        """Whether the template changes nothing: no special tokens, and the type ids that are the default.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.Template("$A", "$A $B:1").is_plain, ft.Template("$A", "$A $B").is_plain
        (True, False)
        """
        return self == PLAIN

    def words(self) -> tuple[list[Word], list[Word] | None]:
        """Return the words of both templates; None for a template of pairs that does not exist.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.Template('$A "end of text":1').words()[0]
        [Word(text=0, name='$A', type_id=0), Word(text=None, name='end of text', type_id=1)]
        """
        return _parse(self.single), None if self.pair is None else _parse(self.pair)

    @property
    def ids_by_name(self) -> dict[str, tuple[int, ...]]:
        """The given ids of special tokens.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.Template("<s> $A", ids={"<s>": 1}).ids_by_name
        {'<s>': (1,)}
        """
        ids: Any = self.ids  # normalized by __post_init__
        return dict(ids)

    def without_known_ids(self, added_tokens: Mapping[str, int]) -> Template:
        """Return the template without the ids that the added tokens, ids by text, already have.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.Template("<s> $A", ids={"<s>": 256}).without_known_ids({"<s>": 256})
        Template(single='<s> $A', pair=None, ids=())
        """
        checked_mapping("added_tokens", added_tokens, "texts to ids")
        needed = {name: ids for name, ids in self.ids_by_name.items() if (added_tokens.get(name),) != ids}
        return replace(self, ids=needed) if len(needed) < len(self.ids_by_name) else self

    def bind(self, added_tokens: Mapping[str, int], pieces: Ragged) -> BoundTemplate:
        """Return the template with the ids of its special tokens.

        Parameters
        ----------
        added_tokens : mapping of str to int
            Ids of the added tokens by text.
        pieces : Ragged
            Bytes of each id of the vocabulary; the row of an id that is not in use is empty.

        Raises
        ------
        TemplateError
            If a word of the template is neither the text of an added token nor in `ids`, or an id is not in
            the vocabulary.
        """
        checked_mapping("added_tokens", added_tokens, "texts to ids")
        checked_instance("pieces", pieces, Ragged, "a Ragged of uint8")
        known = self.ids_by_name
        for name, ids in known.items():
            for i in ids:
                if not 0 <= i < len(pieces) or pieces.offsets[i] == pieces.offsets[i + 1]:
                    raise TemplateError(f"id {i} of {name!r} is not in the vocabulary", self.single)

        def bind_words(notation: str) -> Parts:
            parts: list[Part] = []
            for word in _parse(notation):
                if word.text is not None:
                    parts.append(Part(word.text, 0, word.type_id))
                elif word.name in known:
                    parts += [Part(None, i, word.type_id) for i in known[word.name]]
                elif word.name in added_tokens:
                    parts.append(Part(None, added_tokens[word.name], word.type_id))
                else:
                    raise TemplateError(
                        f"{word.name!r} is not a special token of this tokenizer, nor another added token; "
                        "add it, or give its id with ids=",
                        notation,
                    )
            return tuple(parts)

        return BoundTemplate(bind_words(self.single), None if self.pair is None else bind_words(self.pair))


def quote(name: str) -> str:
    """Return the name of a special token as it is written in a template.

    Examples
    --------
    >>> from fasttok.tokenizer.template import quote
    >>> quote("[CLS]"), quote("end of text"), quote("a:1")
    ('[CLS]', '"end of text"', '"a:1"')
    """
    is_plain = name.split() == [name] and name[0] not in '$"' and not re.search(r":[0-9]+\Z", name)
    return name if is_plain else json.dumps(name, ensure_ascii=False)


def _parse(notation: str) -> list[Word]:
    """Return the words of a template."""
    if not isinstance(notation, str):
        raise TypeError(f"a template must be a str, not {describe_type(notation)}")
    checked_text("a template", notation)
    return [_parse_word(word, notation) for word in _WORD.findall(notation)]


def _parse_word(word: str, notation: str) -> Word:
    if quoted := _QUOTED.fullmatch(word):
        try:
            name, number = json.loads(quoted[1]), quoted[2] or "0"
        except ValueError:
            raise TemplateError(f"{quoted[1]} is not a JSON string", notation) from None
        text = None
    else:
        name, colon, number = word.rpartition(":")
        if not (name and colon and number.isascii() and number.isdigit()):
            name, number = word, "0"
        if name.startswith("$") and name not in _TEXTS:
            raise TemplateError(f"{name!r} is not a text; the texts are $A and $B", notation)
        text = _TEXTS.get(name)
    number = number.lstrip("0") or "0"
    if len(number) > len(str(MAX_TYPE_ID)) or int(number) > MAX_TYPE_ID:
        raise TemplateError(f"type id {number[:20]} must be at most {MAX_TYPE_ID}", notation)
    return Word(text, name, int(number))


def _pairs_of(ids: Any) -> list[tuple[Any, Any]]:
    """Return the items of a mapping, or pairs that were one."""
    pairs = list(ids.items() if isinstance(ids, Mapping) else checked_items("ids", ids, "names with ids"))
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"ids must be a mapping of names to ids, not a list with {describe(pair)}")
    return [(name, one) for name, one in pairs]


def _checked_ids(name: str, ids: int | Sequence[int]) -> tuple[int, ...]:
    if not isinstance(name, str):
        raise TypeError(f"ids must be a mapping of names to ids, but {describe(name)} is not a name")
    several = ids if isinstance(ids, (list, tuple)) else [ids]
    if not several:
        raise TemplateError(f"the ids of {name!r} must not be empty")
    return tuple(checked_integer(f"ids: an id of {name!r}", i) for i in several)


PLAIN = Template("$A", "$A $B:1")  # adds nothing; gives the default type ids
