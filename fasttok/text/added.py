"""Special tokens: texts with an id of their own, which plain text becomes only where it is allowed to."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from itertools import accumulate
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import SpecialTokenError
from fasttok.core.ragged import Ragged, lengths_to_offsets

Special = Literal["none", "all", "raise"] | Collection[str]


class SpecialTokens:
    """The special tokens of one tokenizer. Immutable.

    Parameters
    ----------
    ids : mapping of str to int
        The id of each.
    pieces : Ragged of uint8
        The model's pieces, whose ids are taken.

    Raises
    ------
    TypeError
        If `ids` is not a mapping.
    ValueError
        If an id is taken, out of range or given twice, or a token is empty.
    """

    def __init__(self, ids: Mapping[str, int], pieces: Ragged) -> None:
        if not isinstance(ids, Mapping):
            raise TypeError("special_tokens must map each text to its id")
        owners: dict[int, str] = {}
        for token, i in ids.items():
            if not isinstance(token, str) or not token:
                raise ValueError(f"a special token must be a str that is not empty, not {token!r}")
            token.encode()
            if isinstance(i, bool) or not isinstance(i, int) or not 0 <= i < 1 << 31:
                raise ValueError(f"the id of special token {token!r} must be from 0 to 2^31 - 1, not {i!r}")
            if i < len(pieces) and len(pieces[i]):
                raise ValueError(
                    f"special token {token!r} has id {i}, which is the piece {bytes(pieces[i])!r}"
                )
            if owners.setdefault(i, token) != token:
                raise ValueError(f"special tokens {owners[i]!r} and {token!r} have the same id {i}")
        self.ids = dict(ids)

    def added_to(self, pieces: Ragged) -> Ragged:
        """The pieces with the texts of the special tokens in their rows."""
        if not self.ids:
            return pieces
        rows = pieces.to_bytes()
        rows += [b""] * (max(self.ids.values()) + 1 - len(rows))
        for token, i in self.ids.items():
            rows[i] = token.encode()
        return Ragged.from_bytes(rows)

    def expression(self, special: Special) -> re.Pattern[bytes] | None:
        """What finds the tokens that `special` speaks of, the longest first; None if there are none.

        Raises
        ------
        ValueError, TypeError
            If `special` is not what `Tokenizer.encode` takes.
        """
        if isinstance(special, str):
            if special not in ("none", "all", "raise"):
                raise ValueError(
                    f'special must be "none", "all", "raise" or a set of tokens, not {special!r}'
                )
            tokens: Collection[str] = () if special == "none" else self.ids
        elif not isinstance(special, Collection):
            raise TypeError(f'special must be "none", "all", "raise" or a set of tokens, not {special!r}')
        else:
            tokens = special
            for token in tokens:
                if token not in self.ids:
                    raise ValueError(f"{token!r} is not a special token of this tokenizer")
        longest_first = sorted((token.encode() for token in tokens), key=lambda t: (-len(t), t))
        return re.compile(b"(" + b"|".join(map(re.escape, longest_first)) + b")") if tokens else None

    def refuse(self, documents: Ragged, expression: re.Pattern[bytes]) -> None:
        """Raise `SpecialTokenError` at the first token in any of the documents."""
        for row, document in enumerate(documents.to_bytes()):
            if match := expression.search(document):
                raise SpecialTokenError(match.group().decode(), match.start(), row)

    def split(self, documents: Ragged, expression: re.Pattern[bytes]) -> Split:
        """Cut documents at the tokens in them."""
        segments: list[bytes] = []
        starts: list[int] = []
        tokens: list[bytes] = []
        lengths: list[int] = []
        for document in documents.to_bytes():
            parts = expression.split(document)
            segments += parts[::2]
            starts += list(accumulate(map(len, parts), initial=0))[:-1:2]
            tokens += [*parts[1::2], b""]
            lengths.append(len(parts[::2]))
        ids = {token.encode(): np.array([i], np.uint32) for token, i in self.ids.items()}
        nothing = np.empty(0, np.uint32)
        ids_behind = [ids.get(token, nothing) for token in tokens]
        return Split(Ragged.from_bytes(segments), np.array(starts, np.int64), ids_behind, lengths)


class Split:
    """Documents cut at special tokens: the text between them, and how it all goes together again.

    Parameters
    ----------
    segments : Ragged of uint8
        The text before, between and behind the special tokens, some of it empty.
    starts : ndarray of int64
        Where each segment begins in its document, in bytes.
    ids_behind : list of ndarray
        Behind each segment the id of its special token, or nothing where the document ends.
    lengths : list of int
        How many segments each document has.
    """

    def __init__(
        self,
        segments: Ragged,
        starts: NDArray[np.int64],
        ids_behind: list[NDArray[np.uint32]],
        lengths: list[int],
    ) -> None:
        self.segments = segments
        self.starts = starts
        self.ids_behind = ids_behind
        self._lengths = lengths

    @property
    def rows(self) -> NDArray[np.int64]:
        """The row of the document that each segment is of."""
        return np.repeat(np.arange(len(self._lengths)), self._lengths)

    def edges(
        self, begins: NDArray[np.bool_], ends: NDArray[np.bool_]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which segments begin and end their documents, from which rows do."""
        bounds = lengths_to_offsets(self._lengths)
        is_first, is_last = np.zeros((2, len(self.segments)), np.bool_)
        is_first[bounds[:-1]] = begins
        is_last[bounds[1:] - 1] = ends
        return is_first, is_last

    def place(self, segment: int, position: int) -> tuple[int, int]:
        """The document, and the byte in it, of a byte in a segment."""
        return int(self.rows[segment]), int(self.starts[segment]) + position

    def join(self, encoded: Ragged) -> Ragged:
        """The ids of the documents from those of the segments."""
        parts = [part for pair in zip(encoded, self.ids_behind, strict=True) for part in pair]
        ends = np.cumsum([len(part) for part in parts])[1::2]
        offsets = np.append(0, ends)[lengths_to_offsets(self._lengths)]
        return Ragged(np.concatenate([np.empty(0, np.uint32), *parts]), offsets)
