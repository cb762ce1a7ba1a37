"""`CharacterBPEModel`: byte-pair encoding over characters, as it was first published."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged, read_only
from fasttok.models.base import Model
from fasttok.models.bpe._characters import CharacterEncoder
from fasttok.models.bpe.model import check_merges, fields_to_tables, tables_to_fields


class CharacterBPEModel(Model):
    """Byte-pair encoding over characters: merge the neighbours of lowest rank, the leftmost first.

    With a suffix, the last character of a pretoken is another symbol than the same character elsewhere,
    and every piece that ends a pretoken is called by its characters and the suffix. Pieces are told apart by
    what they are, not by what they are called: where text holds the suffix itself, two may be called alike.

    Parameters
    ----------
    pieces : Ragged of uint8
        What each id is called, in UTF-8 with bytes that are not UTF-8 as they are; an empty row is an
        unused id, or the unknown token's. What no merge makes must be one character, with or without the
        suffix.
    merges : ndarray of uint32, shape (m, 2)
        Pairs of ids, each once; the row is the rank. What a merge joins must be there before it.
    merge_ids : ndarray of uint32, shape (m,)
        What each pair becomes: the id of its joined characters.
    end_of_word_suffix : str
        The suffix; empty for none.
    unk_id : int, optional
        The id of characters that are no piece; without one such a character is an error.

    Raises
    ------
    ValueError
        If two ids have the same piece, a piece is no character and no merge makes it, a merge does not fit
        the pieces, or `unk_id` is a piece's.

    Notes
    -----
    Sennrich et al. (2016), section 3.2. A pretoken of n characters takes O(n log n); one met before takes a
    look into the cache.
    """

    kind = "bpe_characters"
    ends_word: NDArray[np.bool_]

    def __init__(
        self,
        pieces: Ragged,
        merges: NDArray[np.uint32],
        merge_ids: NDArray[np.uint32],
        *,
        end_of_word_suffix: str = "",
        unk_id: int | None = None,
    ) -> None:
        self.pieces = Ragged(read_only(pieces.values), read_only(pieces.offsets))
        self.merges = read_only(np.ascontiguousarray(merges, np.uint32).reshape(-1, 2))
        self.merge_ids = read_only(np.ascontiguousarray(merge_ids, np.uint32))
        self.end_of_word_suffix = end_of_word_suffix
        self.unk_id = unk_id
        check_merges(self.pieces, self.merges, self.merge_ids)
        if unk_id is not None and not 0 <= unk_id < 1 << 31:
            raise ValueError(f"unk_id must be from 0 to 2^31 - 1, not {unk_id}")
        if unk_id is not None and unk_id < len(pieces) and len(pieces[unk_id]):
            raise ValueError(f"unk_id {unk_id} is the piece {bytes(pieces[unk_id])!r}")
        self._suffix = end_of_word_suffix.encode()
        self._characters = self._read_alphabet()
        self.ends_word = read_only(self._find_ends())
        self._check_pieces_differ()

    def _read_alphabet(self) -> dict[int, tuple[int, bool]]:
        """The code point of each piece that no merge makes, and whether it ends a pretoken."""
        is_made = np.zeros(len(self.pieces), np.bool_)
        is_made[self.merge_ids] = True
        alphabet = {}
        for i in np.flatnonzero(~is_made & (self.pieces.lengths > 0)).tolist():
            name = bytes(self.pieces[i])
            text = name.decode(errors="surrogateescape")
            is_last = len(text) > 1 and bool(self._suffix) and name.endswith(self._suffix)
            if is_last:
                text = name[: -len(self._suffix)].decode(errors="surrogateescape")
            if len(text) != 1:
                raise ValueError(f"piece {i}, {name!r}, is no character, and no merge makes it")
            alphabet[i] = ord(text), is_last
        return alphabet

    def _find_ends(self) -> NDArray[np.bool_]:
        """Whether each piece ends a pretoken, which is what its right part says."""
        ends: dict[int, bool] = {i: is_last for i, (_, is_last) in self._characters.items()}
        rows = zip(self.merges.tolist(), self.merge_ids.tolist(), strict=True)
        for rank, ((left, right), merged) in enumerate(rows):
            if left not in ends or right not in ends:
                raise ValueError(f"merge {rank} joins ids {left} and {right}, one of which is made after it")
            if ends[left]:
                raise ValueError(f"merge {rank} goes on behind id {left}, which ends a pretoken")
            if ends.setdefault(merged, ends[right]) != ends[right]:
                raise ValueError(f"id {merged} ends a pretoken by one merge and not by another, merge {rank}")
        array = np.zeros(len(self.pieces), np.bool_)
        array[list(ends)] = list(ends.values())
        return array

    def _check_pieces_differ(self) -> None:
        seen: dict[tuple[bytes, bool], int] = {}
        for i, piece in enumerate(zip(self.pieces.to_bytes(), self.ends_word.tolist(), strict=True)):
            if piece[0] and seen.setdefault(piece, i) != i:
                raise ValueError(f"ids {seen[piece]} and {i} have the same piece {piece[0]!r}")

    @cached_property
    def encoder(self) -> CharacterEncoder:
        characters = [code_point << 1 | is_last for code_point, is_last in self._characters.values()]
        return CharacterEncoder(
            np.array(characters, np.uint32),
            np.array(list(self._characters), np.uint32),
            bool(self._suffix),
            self.merges,
            self.merge_ids,
            -1 if self.unk_id is None else self.unk_id,
        )

    def token_lengths(self, pretokens: Ragged, ids: NDArray[np.uint32], n_bytes: int) -> NDArray[np.int64]:
        known = ids if self.unk_id is None else np.where(ids == self.unk_id, 0, ids)
        lengths: NDArray[np.int64] = self.pieces.lengths[known] - len(self._suffix) * self.ends_word[known]
        if self.unk_id is None:
            return lengths
        # An unknown token is one character, where the ids before it leave off.
        unknown = np.flatnonzero(ids == self.unk_id)
        lengths[unknown] = 0
        places = (np.cumsum(lengths) - lengths)[unknown].tolist()
        text, ends = pretokens.values.tobytes(), pretokens.offsets
        shift = 0
        for i, place in zip(unknown.tolist(), places, strict=True):
            at = place + shift
            end = int(ends[np.searchsorted(ends, at, side="right")])
            character = text[at : min(at + 4, end)].decode(errors="surrogateescape")[0]
            lengths[i] = len(character.encode(errors="surrogateescape"))
            shift += int(lengths[i])
        return lengths

    @property
    def decoded_pieces(self) -> Ragged:
        if not self._suffix:
            return self.pieces
        n = len(self._suffix)
        rows = zip(self.pieces.to_bytes(), self.ends_word.tolist(), strict=True)
        return Ragged.from_bytes([row[:-n] if is_last else row for row, is_last in rows])

    @property
    def is_lossless(self) -> bool:
        return False  # there is always a character that training did not see

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "end_of_word_suffix": self.end_of_word_suffix,
            "unk_id": self.unk_id,
            **tables_to_fields(self.pieces, self.merges, self.merge_ids),
        }

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> CharacterBPEModel:
        suffix, unk_id = fields["end_of_word_suffix"], fields["unk_id"]
        if not isinstance(suffix, str):
            raise TypeError("end_of_word_suffix must be text")
        if unk_id is not None and type(unk_id) is not int:
            raise TypeError("unk_id must be an id or null")
        return cls(*fields_to_tables(fields), end_of_word_suffix=suffix, unk_id=unk_id)
