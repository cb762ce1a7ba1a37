"""Added tokens: texts with an id outside the model, and the search for them.

Tokens that are not special are always found in text. A special token is found only if the caller allows it.
Otherwise its text is ordinary text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.core._trie import Trie
from fasttok.core.checks import checked_flag, describe, suggest
from fasttok.core.component import Component
from fasttok.core.ragged import Ragged
from fasttok.text._added import TokenFinder, TokenSearch
from fasttok.text.rows import Rows
from fasttok.text.steps import Normalizer
from fasttok.text.unicode.utf8 import encode_utf8

Special = Literal["none", "all", "raise"] | Collection[str]

MAX_MODES = 16  # maximum number of values of `special` that are remembered
# Match modes of tokens, as in _added.pyx.
SKIPPED, MATCHED, MATCHED_INSIDE = 0, 1, 2

# Unicode's white space, which `lstrip` and `rstrip` include in a token.
WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)


@dataclass(frozen=True)
class AddedToken(Component):
    """Added token: a text with its own id outside the model.

    The flags are those of Hugging Face ``tokenizers``.

    Parameters
    ----------
    text : str
        Text of the token.
    special : bool
        Whether the token is special. A special token is found in text only if ``special=`` of
        `Tokenizer.encode` allows it. Decoding with ``skip_special_tokens=True`` skips it. Other added tokens
        are always found.
    lstrip, rstrip : bool
        Whether the token includes all white space directly before it (`lstrip`) and after it (`rstrip`).
    single_word : bool
        Whether the token is found only if no letter, digit, mark or underscore is next to it.
    normalized : bool, optional
        Whether to normalize the token's text and to search for it in the normalized text. Default: True
        unless the token is special.

    Raises
    ------
    ValueError
        If the text is empty or not a ``str``.
    TextError
        If the text contains a lone surrogate.
    TypeError
        If a flag is not a bool.

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
            raise ValueError(
                f"the text of an added token must be a str and not empty, not {describe(self.text)}"
            )
        if not self.text.isascii():
            encode_utf8(self.text)
        if self.normalized is None and isinstance(self.special, bool):
            object.__setattr__(self, "normalized", not self.special)
        for flag in (self.special, self.lstrip, self.rstrip, self.single_word, self.normalized):
            if flag is not True and flag is not False:
                for name in ("special", "lstrip", "rstrip", "single_word", "normalized"):
                    checked_flag(f"{name} of added token {self.text!r}", getattr(self, name))

    def __hash__(self) -> int:
        return hash(self.text)  # fast, since some vocabularies have half a million added tokens

    @property
    def is_plain(self) -> bool:
        """Whether the token is found without regard to the text around it."""
        return not (self.lstrip or self.rstrip or self.single_word)


class AddedTokens:
    """Added tokens of one pipeline, with the tries that find them. Immutable.

    The search has two phases. Tokens that are not normalized are found in the raw text. Normalized tokens are
    found in the normalized text between the tokens of the first phase. Matches are leftmost-longest.

    Parameters
    ----------
    tokens : sequence of AddedToken
        Tokens with distinct texts.
    ids : sequence of int
        Id of each token, from 0 to 2^24 - 1.
    normalizer : Normalizer, optional
        Normalizer of the pipeline. It also rewrites the texts of normalized tokens.
    """

    def __init__(
        self, tokens: Sequence[AddedToken] = (), ids: Sequence[int] = (), normalizer: Normalizer | None = None
    ) -> None:
        self.tokens = tuple(tokens)
        self.ids = np.array(ids, np.uint32)
        self.is_special = np.array([token.special for token in self.tokens], np.bool_)
        self._normalizer = normalizer
        self._modes: dict[str | frozenset[str], NDArray[np.uint8] | None] = {}

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
        """Whether all tokens are special without other flags, so that texts and ids fully describe them."""
        return all(token.special and token.is_plain and not token.normalized for token in self.tokens)

    def config(self) -> list[dict[str, Any]]:
        """Return the tokens and their ids as a list of JSON objects."""
        return [{"id": i, **token.changed_options()} for token, i in self.items()]

    def match_modes(self, special: Special) -> NDArray[np.uint8] | None:
        """Return the match mode of each of the n tokens: uint8[n]; None if all tokens are skipped.

        Raises
        ------
        ValueError, TypeError
            If `special` is not a valid argument of `Tokenizer.encode`.
        """
        if isinstance(special, str):
            if special in self._modes:
                return self._modes[special]
            if special not in ("none", "all", "raise"):
                raise ValueError(
                    f'special must be "none", "all", "raise" or several tokens, not {describe(special)}'
                    + suggest(special, ("none", "all", "raise"))
                )
            self._modes[special] = self._make_modes(SKIPPED if special == "none" else MATCHED_INSIDE)
            return self._modes[special]
        is_text = isinstance(special, (bytes, bytearray, memoryview))
        if not isinstance(special, Collection) or is_text or getattr(special, "ndim", 1) != 1:
            raise TypeError(
                f'special must be "none", "all", "raise" or several tokens, not {describe(special)}'
            )
        try:
            allowed = frozenset(special)
            return self._modes[allowed]
        except (KeyError, TypeError):
            pass
        for token in special:
            if not isinstance(token, str) or token not in self.special_ids:
                raise ValueError(
                    f"special: {describe(token)} is not a special token of this tokenizer"
                    + suggest(token, self.special_ids)
                )
        is_allowed = np.array([token.text in allowed for token in self.tokens], np.bool_)
        modes = self._make_modes(np.where(is_allowed, MATCHED_INSIDE, SKIPPED))
        if len(self._modes) >= MAX_MODES:
            known = self._modes.copy()  # at once, as other threads may add some
            self._modes = {key: kept for key, kept in known.items() if isinstance(key, str)}
        self._modes[allowed] = modes
        return modes

    def finds(self, i: int, special: Special) -> bool:
        """Return whether a token with the id `i` can be found in text."""
        modes = self.match_modes(special)
        return modes is not None and bool(modes[self.ids == i].any())

    def _make_modes(self, of_special: int | NDArray[np.int64]) -> NDArray[np.uint8] | None:
        modes = np.where(self.is_special, of_special, MATCHED).astype(np.uint8)
        return modes if modes.any() else None

    @cached_property
    def raw_finder(self) -> TokenFinder | None:
        """The finder for the raw text; None if no token is searched for there."""
        return self._make_finder({i: t.text.encode() for i, t in enumerate(self.tokens) if not t.normalized})

    @cached_property
    def normalized_finder(self) -> TokenFinder | None:
        """The finder for the normalized text; None if no token is searched for there."""
        return self._make_finder({i: text for i, text in self.normalized_texts.items() if text})

    @cached_property
    def normalized_texts(self) -> dict[int, bytes]:
        """The normalized text of each normalized token, by the token's index."""
        numbers = [i for i, token in enumerate(self.tokens) if token.normalized]
        rows = Ragged.from_bytes([self.tokens[i].text.encode() for i in numbers])
        if self._normalizer is not None and numbers:
            rows = self._normalizer.rewrite(Rows.of(rows)).documents
        return dict(zip(numbers, rows.to_bytes(), strict=True))

    def normalized_by_id(self) -> dict[int, bytes]:
        """Return the normalized text of each normalized token, by the token's id."""
        return {int(self.ids[number]): text for number, text in self.normalized_texts.items()}

    def special_if_normalized(self) -> list[int]:
        """Return the ids of the tokens whose text, normalized if they are, is the text of a special token.

        Hugging Face ``tokenizers`` skips these in decoding.
        """
        normalized, texts = self.normalized_by_id(), {text.encode() for text in self.special_ids}
        return [i for token, i in self.items() if normalized.get(i, token.text.encode()) in texts]

    def _make_finder(self, texts: dict[int, bytes]) -> TokenFinder | None:
        """Make a finder for texts by token index.

        Of several tokens with the same text, the finder finds the first special one or, if none is special,
        the first one.
        """
        if not texts:
            return None
        order = [*texts]
        if len(set(texts.values())) < len(texts):
            # Below, a later token overwrites an earlier one with the same text.
            order.sort(key=lambda number: (self.tokens[number].special, -number))
        # A trie cannot contain byte 0; see TokenFinder.
        numbers = {texts[number].replace(b"\0", b"\xff"): number for number in order}
        keys = sorted(numbers)
        trie = Trie.build(Ragged.from_bytes(keys), np.array([numbers[key] for key in keys], np.int32))
        return TokenFinder(trie, bytes({0 if key[0] == 0xFF else key[0] for key in keys}))

    def search(self, special: Special) -> TokenSearch | None:
        """Return a search in raw text, for pipelines without a normalizer; None if all tokens are skipped.

        Tokens with flags, and special tokens that must raise an error, are found but not direct.

        Raises
        ------
        ValueError, TypeError
            As in `match_modes`.
        """
        modes = self.match_modes(special)
        if modes is None:
            return None
        first, *others = (
            finder for finder in (self.raw_finder, self.normalized_finder) if finder is not None
        )
        is_direct = ~self._have_flags
        if isinstance(special, str) and special == "raise":
            is_direct &= ~self.is_special
        return TokenSearch(first, others[0] if others else None, modes, self.ids, is_direct.view(np.uint8))

    def find(self, finder: TokenFinder, rows: Rows, modes: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Find tokens. Return the index of the row, begin, end and index of the token of each: int64[m, 4].

        Begin and end are positions in the values of the rows. Matches are sorted by position. They include
        the white space of `lstrip` and `rstrip`.
        """
        documents = rows.documents
        text = np.ascontiguousarray(documents.values)
        found = finder.find(text, documents.offsets, modes)
        if len(found) and self._have_flags[found[:, 3]].any():
            found = self._apply_flags(found, text, documents.offsets)
        return found

    @cached_property
    def _have_flags(self) -> NDArray[np.bool_]:
        return np.array([not token.is_plain for token in self.tokens], np.bool_)

    def _apply_flags(
        self, found: NDArray[np.int64], text: NDArray[np.uint8], offsets: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Apply `single_word`, `lstrip` and `rstrip` to matches."""
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
            if start < stop:  # otherwise, the token before includes all of its text
                kept.append((row, start, stop, number))
                last_stop = stop
        return np.array(kept, np.int64).reshape(-1, 4)


_SPACES = frozenset(WHITE_SPACE)


def _first_character(text: NDArray[np.uint8], start: int, end: int) -> str:
    """Return the character at `start`, or an invalid byte as a surrogate escape; empty at the end."""
    return text[start : min(start + 4, end)].tobytes().decode(errors="surrogateescape")[:1]


def _last_character(text: NDArray[np.uint8], begin: int, stop: int) -> str:
    """Return the character before `stop`; empty at the beginning."""
    return text[max(begin, stop - 4) : stop].tobytes().decode(errors="surrogateescape")[-1:]


def _is_word_character(character: str) -> bool:
    r"""Return whether a character belongs to a word: ``\w`` in Unicode's regular expressions (UTS #18)."""
    import regex

    return bool(regex.match(r"[\w\u200c\u200d]", character))
