"""Added tokens: texts with an id of their own beside the model's, and how they are found.

Tokens that are not special are always found in text. A special token is found only where the caller allows
it; its text is ordinary text otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.core._trie import Trie
from fasttok.core.component import Component
from fasttok.core.ragged import Ragged
from fasttok.text._added import TokenFinder
from fasttok.text.rows import Rows
from fasttok.text.steps import Normalizer
from fasttok.text.unicode.utf8 import encode_utf8

Special = Literal["none", "all", "raise"] | Collection[str]

# What becomes of a token's text, as TokenFinder has it.
PASSED_OVER, FOUND, FOUND_INSIDE = 0, 1, 2

# The white space of Unicode, which `lstrip` and `rstrip` take.
WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)


@dataclass(frozen=True)
class AddedToken(Component):
    """A text with an id of its own beside the model's, with the flags of tokenizers.

    Parameters
    ----------
    text : str
        The text.
    special : bool
        Whether plain text never becomes this token unless `Tokenizer.encode` is told so by ``special=``, and
        decoding leaves it out with ``skip_special_tokens=True``. Other tokens are always found.
    lstrip, rstrip : bool
        Whether the token takes the white space before it, or after it.
    single_word : bool
        Whether the token is found only where no letter, digit, mark or underscore is next to it.
    normalized : bool, optional
        Whether it is looked for in the normalized text, and its text normalized too; by default only if it is
        not special.

    Raises
    ------
    TypeError, ValueError
        If the text is empty or has no UTF-8 form, or a flag is not a bool.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.PretokenCounts.from_dict({"a": 1}), vocab_size=256)
    >>> tok = tok.add_tokens([ft.AddedToken("<tool>", rstrip=True)])
    >>> tok.encode("a<tool>  b").tolist()
    [97, 256, 98]
    """

    text: str
    special: bool = False
    lstrip: bool = False
    rstrip: bool = False
    single_word: bool = False
    normalized: bool | None = None
    name = "added_token"

    def __post_init__(self) -> None:
        if not isinstance(self.text, str) or not self.text:
            raise ValueError(f"an added token must be a str that is not empty, not {self.text!r}")
        if not self.text.isascii():
            encode_utf8(self.text, "strict")
        if self.normalized is None:
            object.__setattr__(self, "normalized", not self.special)
        for flag in (self.special, self.lstrip, self.rstrip, self.single_word, self.normalized):
            if flag is not True and flag is not False:
                raise TypeError(f"the flags of added token {self.text!r} must be True or False, not {flag!r}")

    def __hash__(self) -> int:
        return hash(self.text)  # there are vocabularies of half a million

    @property
    def is_plain(self) -> bool:
        """Whether the token is its text and nothing around it matters."""
        return not (self.lstrip or self.rstrip or self.single_word)


class AddedTokens:
    """The added tokens of one pipeline, and the tries that find them. Immutable.

    They are looked for twice, the longest at the leftmost place each time: those that are not normalized in
    the raw text, then the others in what the normalizer has made of the text between.

    Parameters
    ----------
    tokens : sequence of AddedToken
        The tokens, no text twice.
    ids : sequence of int
        The id of each, from 0 to 2^24 - 1.
    normalizer : Normalizer, optional
        What rewrites text, and the texts of normalized tokens.
    """

    def __init__(
        self, tokens: Sequence[AddedToken] = (), ids: Sequence[int] = (), normalizer: Normalizer | None = None
    ) -> None:
        self.tokens = tuple(tokens)
        self.ids = np.array(ids, np.uint32)
        self.is_special = np.array([token.special for token in self.tokens], np.bool_)
        self._normalizer = normalizer
        self._rules: dict[str, NDArray[np.uint8] | None] = {}

    def __len__(self) -> int:
        return len(self.tokens)

    def items(self) -> Iterator[tuple[AddedToken, int]]:
        """Iterate over the tokens and their ids."""
        return zip(self.tokens, self.ids.tolist(), strict=True)

    @cached_property
    def special_ids(self) -> dict[str, int]:
        """The id of each special token by its text."""
        return {token.text: i for token, i in self.items() if token.special}

    @cached_property
    def ids_by_text(self) -> dict[str, int]:
        """The id of each token by its text."""
        return {token.text: i for token, i in self.items()}

    @cached_property
    def are_plain_specials(self) -> bool:
        """Whether all are special tokens without any flag, which a text and an id say all of."""
        return all(token.special and token.is_plain and not token.normalized for token in self.tokens)

    def config(self) -> list[dict[str, Any]]:
        """Return the tokens and their ids as plain JSON."""
        return [{"id": i, **token.changed_options()} for token, i in self.items()]

    def rules(self, special: Special) -> NDArray[np.uint8] | None:
        """Return what becomes of each token's text: uint8[n]; None where no token is to be found.

        Raises
        ------
        ValueError, TypeError
            If `special` is not what `Tokenizer.encode` takes.
        """
        if isinstance(special, str):
            if special in self._rules:
                return self._rules[special]
            if special not in ("none", "all", "raise"):
                raise ValueError(
                    f'special must be "none", "all", "raise" or a set of tokens, not {special!r}'
                )
            self._rules[special] = self._make_rules(PASSED_OVER if special == "none" else FOUND_INSIDE)
            return self._rules[special]
        if not isinstance(special, Collection):
            raise TypeError(f'special must be "none", "all", "raise" or a set of tokens, not {special!r}')
        allowed = list(special)
        for token in allowed:
            if not isinstance(token, str) or isinstance(special, bytes) or token not in self.special_ids:
                raise ValueError(f"{token!r} is not a special token of this tokenizer")
        is_allowed = np.array([token.text in allowed for token in self.tokens], np.bool_)
        return self._make_rules(np.where(is_allowed, FOUND_INSIDE, PASSED_OVER))

    def finds(self, i: int, special: Special) -> bool:
        """Whether a token with this id may be found in text."""
        rules = self.rules(special)
        return rules is not None and bool(rules[self.ids == i].any())

    def _make_rules(self, of_special: int | NDArray[np.int64]) -> NDArray[np.uint8] | None:
        rules = np.where(self.is_special, of_special, FOUND).astype(np.uint8)
        return rules if rules.any() else None

    @cached_property
    def raw_finder(self) -> TokenFinder | None:
        """The trie of the tokens that are looked for in the raw text."""
        return self._make_finder({i: t.text.encode() for i, t in enumerate(self.tokens) if not t.normalized})

    @cached_property
    def normalized_finder(self) -> TokenFinder | None:
        """The trie of the tokens that are looked for in the normalized text."""
        return self._make_finder({i: text for i, text in self.normalized_texts.items() if text})

    @cached_property
    def normalized_texts(self) -> dict[int, bytes]:
        """The normalized texts of the tokens that have one, by number."""
        numbers = [i for i, token in enumerate(self.tokens) if token.normalized]
        rows = Ragged.from_bytes([self.tokens[i].text.encode() for i in numbers])
        if self._normalizer is not None and numbers:
            rows = self._normalizer.rewrite(Rows.of(rows)).documents
        return dict(zip(numbers, rows.to_bytes(), strict=True))

    def _make_finder(self, texts: dict[int, bytes]) -> TokenFinder | None:
        """The trie of texts by number. Of the same texts the first counts, special ones first."""
        if not texts:
            return None
        order = [*texts]
        if len(set(texts.values())) < len(
            texts
        ):  # the last one stays: the first special one, if there is one
            order.sort(key=lambda number: (self.tokens[number].special, -number))
        numbers = {texts[number].replace(b"\0", b"\xff"): number for number in order}
        keys = sorted(numbers)
        trie = Trie.build(Ragged.from_bytes(keys), np.array([numbers[key] for key in keys], np.int32))
        return TokenFinder(trie, bytes({0 if key[0] == 0xFF else key[0] for key in keys}))

    def may_occur_in(self, text: str | bytes, rules: NDArray[np.uint8]) -> bool:
        """Whether a text may hold a token: certainly not, if this is False."""
        if self.normalized_finder is not None and self._normalizer is not None:
            return True
        finders = (self.raw_finder, self.normalized_finder)
        return any(finder.occurs_in(text, rules) for finder in finders if finder is not None)

    def find(self, finder: TokenFinder, rows: Rows, rules: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Find tokens: the row, begin and end in the values, and number of each, int64[m, 4].

        Ordered by row and place. White space that a token takes is part of it.
        """
        documents = rows.documents
        text = np.ascontiguousarray(documents.values)
        found = finder.find(text, documents.offsets, rules)
        if self._have_flags[found[:, 3]].any():
            found = self._apply_flags(found, text, documents.offsets)
        return found

    @cached_property
    def _have_flags(self) -> NDArray[np.bool_]:
        return np.array([not token.is_plain for token in self.tokens], np.bool_)

    def _apply_flags(
        self, found: NDArray[np.int64], text: NDArray[np.uint8], offsets: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Drop what is not a single word, and let tokens take the white space next to them."""
        kept = []
        last_row, last_stop = -1, 0
        for row, first, last, number in found.tolist():
            start, stop = first, last
            token = self.tokens[number]
            begin, end = int(offsets[row]), int(offsets[row + 1])
            if row != last_row:
                last_row, last_stop = row, begin
            if token.single_word and (
                _is_word_character(_last_character(text, begin, start))
                or _is_word_character(_first_character(text, stop, end))
            ):
                continue
            if token.lstrip:
                while (space := _last_character(text, last_stop, start)) in _SPACES:
                    start -= len(space.encode())
                start = max(start, last_stop)
            if token.rstrip:
                while (space := _first_character(text, stop, end)) in _SPACES:
                    stop += len(space.encode())
            if start < stop:  # else a token before has taken all of it
                kept.append((row, start, stop, number))
                last_stop = stop
        return np.array(kept, np.int64).reshape(-1, 4)


_SPACES = frozenset(WHITE_SPACE)


def _first_character(text: NDArray[np.uint8], start: int, end: int) -> str:
    """The character at `start`, empty at the end; one that is not UTF-8 is one byte of it."""
    return text[start : min(start + 4, end)].tobytes().decode(errors="surrogateescape")[:1]


def _last_character(text: NDArray[np.uint8], begin: int, stop: int) -> str:
    """The character before `stop`, empty at the beginning."""
    return text[max(begin, stop - 4) : stop].tobytes().decode(errors="surrogateescape")[-1:]


def _is_word_character(character: str) -> bool:
    r"""Whether a character is one of a word: ``\w`` of Unicode's regular expressions."""
    import regex

    return bool(regex.match(r"[\w\u200c\u200d]", character))
