"""`Template`: which special tokens stand around a text, or around the two of a pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from fasttok.core.errors import TemplateError

_TEXTS = {"$": 0, "$A": 0, "$B": 1}
_MAX_TYPE_ID = 255  # type ids are uint8


class Part(NamedTuple):
    """A part of what a template makes.

    Attributes
    ----------
    text : int or None
        Which text stands here, 0 or 1; None for a special token.
    id : int
        The id of the special token; 0 for a text.
    type_id : int
        The type id of the part.
    """

    text: int | None
    id: int
    type_id: int


class BoundTemplate(NamedTuple):
    """A template with the ids that its special tokens have in one tokenizer.

    Attributes
    ----------
    single : tuple of Part
        What becomes of a text.
    pair : tuple of Part, or None
        What becomes of two; None if the template does not say.
    """

    single: tuple[Part, ...]
    pair: tuple[Part, ...] | None

    @property
    def ends(self) -> tuple[list[int], list[int]]:
        """The ids before a single text, and those after it."""
        place = next(i for i, part in enumerate(self.single) if part.text is not None)
        return [part.id for part in self.single[:place]], [part.id for part in self.single[place + 1 :]]


PLAIN_PAIR = (Part(0, 0, 0), Part(1, 0, 1))  # two texts where no template says anything of them


@dataclass(frozen=True)
class Template:
    """The special tokens that a model expects around a text, in the notation of ``tokenizers``.

    Words with spaces between them: ``$A``, or ``$`` for short, is the text, ``$B`` the second one of a pair,
    and every other word is a special token. Behind each may stand its type id, as in ``$B:1``; else it is 0.

    Parameters
    ----------
    single : str
        What becomes of a text: ``$A`` once, and special tokens. Only pairs are given type ids.
    pair : str, optional
        What becomes of two texts: ``$A`` and ``$B`` once each, and special tokens.

    Raises
    ------
    TemplateError
        If a text is missing or there more than once, or a type id is above 255.

    See Also
    --------
    Tokenizer.with_template : a tokenizer with another template

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
        """The template as plain JSON."""
        return asdict(self)

    def bind(self, special_tokens: Mapping[str, int]) -> BoundTemplate:
        """Look up the ids of the special tokens.

        Raises
        ------
        TemplateError
            If one of them is not there.
        """
        pair = None if self.pair is None else _bind(self.pair, 2, special_tokens)
        return BoundTemplate(_bind(self.single, 1, special_tokens), pair)


def _parse(notation: str, n_texts: int) -> list[tuple[str, int]]:
    """The words of a template, and the type id of each."""
    if not isinstance(notation, str):
        raise TypeError(f"a template must be a str, not {type(notation).__name__}")
    words = []
    for word in notation.split():
        name, colon, number = word.rpartition(":")
        if not (name and colon and number.isascii() and number.isdigit()):
            name, number = word, "0"
        type_id = int(number)
        if name.startswith("$") and name not in _TEXTS:
            raise TemplateError(f"{name!r} is neither $A nor $B", notation)
        if type_id > _MAX_TYPE_ID:
            raise TemplateError(f"type id {type_id} is above {_MAX_TYPE_ID}", notation)
        words.append((name, type_id))
    texts = sorted(_TEXTS[name] for name, _ in words if name in _TEXTS)
    if texts != list(range(n_texts)):
        needed = "$A once, and no $B" if n_texts == 1 else "$A and $B once each"
        raise TemplateError(f"there must be {needed}, with spaces around", notation)
    return words


def _bind(notation: str, n_texts: int, special_tokens: Mapping[str, int]) -> tuple[Part, ...]:
    parts = []
    for name, type_id in _parse(notation, n_texts):
        if name not in _TEXTS and name not in special_tokens:
            raise TemplateError(f"{name!r} is not a special token of this tokenizer", notation)
        parts.append(Part(_TEXTS.get(name), special_tokens.get(name, 0), type_id))
    return tuple(parts)
