"""`Template`: special tokens around a text or a pair of texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from fasttok.core.errors import TemplateError

_TEXTS = {"$": 0, "$A": 0, "$B": 1}  # index of the text that each word of the notation represents
_MAX_TYPE_ID = 255  # type ids are uint8


class Part(NamedTuple):
    """Part of a template: a text or a special token.

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


class BoundTemplate(NamedTuple):
    """Template with the ids of its special tokens in one tokenizer.

    Attributes
    ----------
    single : tuple of Part
        Parts of the template of a single text.
    pair : tuple of Part, or None
        Parts of the template of a pair; None if there is no such template.
    """

    single: tuple[Part, ...]
    pair: tuple[Part, ...] | None

    @property
    def ends(self) -> tuple[list[int], list[int]]:
        """Ids before a single text and ids after it."""
        position = next(i for i, part in enumerate(self.single) if part.text is not None)
        return [part.id for part in self.single[:position]], [part.id for part in self.single[position + 1 :]]


PLAIN_PAIR = (Part(0, 0, 0), Part(1, 0, 1))  # default for pairs: no special tokens, type ids 0 and 1


@dataclass(frozen=True)
class Template:
    """Special tokens that a model expects around a text, in the notation of Hugging Face ``tokenizers``.

    A template consists of words separated by spaces. ``$A``, or ``$`` for short, is the text, ``$B`` is the
    second text of a pair, and every other word is a special token. A word may end with its type id, as in
    ``$B:1``; the default is 0.

    Parameters
    ----------
    single : str
        Template of a single text: ``$A`` once, and special tokens. Its type ids are not used.
    pair : str, optional
        Template of a pair of texts: ``$A`` and ``$B`` once each, and special tokens.

    Raises
    ------
    TemplateError
        If a text is missing, unknown or occurs more than once, if `single` contains ``$B``, or if a type id
        is above 255.
    TypeError
        If a template is not a ``str``.

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
    """

    single: str
    pair: str | None = None

    def __post_init__(self) -> None:
        _parse(self.single, n_texts=1)
        if self.pair is not None:
            _parse(self.pair, n_texts=2)

    def config(self) -> dict[str, Any]:
        """Return the template as plain JSON.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.Template("[CLS] $A [SEP]").config()
        {'single': '[CLS] $A [SEP]', 'pair': None}
        """
        return asdict(self)

    def bind(self, special_tokens: Mapping[str, int]) -> BoundTemplate:
        """Return the template with the ids of its special tokens.

        Raises
        ------
        TemplateError
            If a word of the template is not one of the special tokens.
        """
        pair = None if self.pair is None else _bind(self.pair, 2, special_tokens)
        return BoundTemplate(_bind(self.single, 1, special_tokens), pair)


def _parse(notation: str, n_texts: int) -> list[tuple[str, int]]:
    """Return the words of a template and their type ids."""
    if not isinstance(notation, str):
        raise TypeError(f"a template must be a str, not {type(notation).__name__}")
    words = []
    for word in notation.split():
        name, colon, number = word.rpartition(":")
        if not (name and colon and number.isascii() and number.isdigit()):
            name, number = word, "0"
        type_id = int(number)
        if name.startswith("$") and name not in _TEXTS:
            raise TemplateError(f"{name!r} is not a text; the texts are $A and $B", notation)
        if type_id > _MAX_TYPE_ID:
            raise TemplateError(f"type id {type_id} must be at most {_MAX_TYPE_ID}", notation)
        words.append((name, type_id))
    texts = sorted(_TEXTS[name] for name, _ in words if name in _TEXTS)
    if texts != list(range(n_texts)):
        needed = "$A once and not $B" if n_texts == 1 else "$A and $B once each"
        raise TemplateError(f"must contain {needed}, separated by spaces from other words", notation)
    return words


def _bind(notation: str, n_texts: int, special_tokens: Mapping[str, int]) -> tuple[Part, ...]:
    parts = []
    for name, type_id in _parse(notation, n_texts):
        if name not in _TEXTS and name not in special_tokens:
            raise TemplateError(f"{name!r} is not a special token of this tokenizer", notation)
        parts.append(Part(_TEXTS.get(name), special_tokens.get(name, 0), type_id))
    return tuple(parts)
