"""`WordPieceModel`: longest-match-first segmentation of words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core._trie import Trie
from fasttok.core.checks import checked_size, checked_text
from fasttok.core.ragged import Ragged, read_only
from fasttok.models.base import Model
from fasttok.models.pieces import as_pieces, begin_with, check_different, check_id, check_utf8
from fasttok.models.raw_words._raw_word_encoder import RawWordEncoder
from fasttok.models.wordpiece._longest_match import MARK, ZERO, LongestMatchEncoder

if TYPE_CHECKING:
    from fasttok.text.words.marked_words import MarkedWords
    from fasttok.text.words.raw_words import RawWords

LONGEST_WORD = 100  # default of max_input_chars_per_word
NO_LIMIT = (1 << 63) - 1  # value of the kernel for a limit of None


class WordPieceModel(Model):
    """WordPiece: segment words from left to right, with the longest matching piece at each position.

    A word is a pretoken. A piece whose name begins with the continuation prefix matches only inside a word;
    it stands for the text after the prefix. If any part of a word matches no piece, the whole word is
    unknown.

    Parameters
    ----------
    pieces : Ragged of uint8, or sequence of str or bytes
        Name of each id, in UTF-8. An empty row is an id without a piece, for example of a special token.
    continuing_subword_prefix : str
        Continuation prefix: prefix of the names of pieces that continue a word. If it is empty, every piece
        can both begin and continue a word.
    unk_id : int, optional
        Id of unknown words. It can be the id of a piece. Without it, an unknown word is an error.
    max_input_chars_per_word : int, optional
        Maximum length of a word in characters; longer words are unknown. None means no limit. The default is
        that of Hugging Face ``tokenizers``; Google's BERT uses 200.
    max_input_bytes_per_word : int, optional
        Maximum length of a word in bytes; longer words are unknown. None, the default, means no limit.
        TensorFlow Text uses 100.

    Attributes
    ----------
    pieces : Ragged of uint8
        Names of the ids, as given.
    begins_word : ndarray of bool, shape (n,)
        Whether each piece begins a word, that is, has no continuation prefix.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If a piece is not UTF-8 or occurs twice, or if an id or a limit is out of range.

    Notes
    -----
    The algorithm is that of Schuster & Nakajima (2012) and Wu et al. (2016), section 4.1. Following Song et
    al. (2021), section 3, one pass over a word of n bytes takes O(n) for any vocabulary. A word that occurred
    before takes one cache lookup. The tables take about 20 bytes per byte of the pieces.

    At the start of a word, all pieces match by their names: a word whose text itself begins with the prefix
    can match a continuation piece. This is also the case in ``tokenizers`` and BERT.

    Decoding differs from ``tokenizers`` in two cases. A continuation piece at the start of a text is written
    without its prefix. A piece that consists of the prefix alone is not a continuation piece.

    Examples
    --------
    >>> import fasttok as ft
    >>> model = ft.WordPieceModel(["", "un", "##aff", "##able", "##a"], unk_id=0)
    >>> tok = ft.Tokenizer(model, "whitespace_split", {"[UNK]": 0})
    >>> [tok.id_to_piece(i).decode() for i in tok.encode("unaffable unaffected")]
    ['un', '##aff', '##able', '[UNK]']
    >>> tok.decode([1, 2, 3, 1, 0])
    'unaffable un [UNK]'
    """

    kind = "wordpiece"
    begins_word: NDArray[np.bool_]

    def __init__(
        self,
        pieces: Ragged | Sequence[str | bytes],
        *,
        continuing_subword_prefix: str = "##",
        unk_id: int | None = None,
        max_input_chars_per_word: int | None = LONGEST_WORD,
        max_input_bytes_per_word: int | None = None,
    ) -> None:
        self.pieces = as_pieces(pieces)
        self.continuing_subword_prefix = checked_text("continuing_subword_prefix", continuing_subword_prefix)
        self.unk_id = check_id("unk_id", unk_id, self.pieces, may_be_piece=True)
        self.max_input_chars_per_word = _checked_limit("max_input_chars_per_word", max_input_chars_per_word)
        self.max_input_bytes_per_word = _checked_limit("max_input_bytes_per_word", max_input_bytes_per_word)
        check_utf8(self.pieces)
        check_different(self.pieces)
        self._prefix = continuing_subword_prefix.encode()
        continues = begin_with(self.pieces, self._prefix) & (self.pieces.lengths > len(self._prefix))
        self.begins_word = read_only(~continues)

    @cached_property
    def encoder(self) -> LongestMatchEncoder:
        n = len(self._prefix)
        keys = {MARK + MARK: 0}  # creates the node of continuation pieces, and matches no text
        has_zeros, rows = not self.pieces.values.all(), self.pieces.to_bytes()
        if has_zeros:
            rows = [row.replace(b"\0", ZERO) for row in rows]
        for i, (row, begins) in enumerate(zip(rows, self.begins_word.tolist(), strict=True)):
            if row and i not in self._excluded:
                keys[row] = i
                if not begins:
                    keys[MARK + row[n:]] = i
        in_order = sorted(keys)
        flat = Ragged.from_bytes(in_order)
        trie = Trie.build(flat, np.array([keys[key] for key in in_order], np.int32))
        limits = (self.max_input_chars_per_word, self.max_input_bytes_per_word)
        encoder = LongestMatchEncoder(
            trie,
            flat.values,
            flat.offsets,
            -1 if self.unk_id is None else self.unk_id,
            NO_LIMIT if limits[0] is None else limits[0],
            NO_LIMIT if limits[1] is None else limits[1],
            has_zeros,
        )
        encoder.set_lengths(np.maximum(self.pieces.lengths - n, 0).astype(np.uint32))
        return encoder

    def _excluding(self, ids: frozenset[int]) -> WordPieceModel:
        return self._copy_excluding(ids, "encoder")

    def on_raw_words(self, raw_words: RawWords | MarkedWords) -> WordPieceModel | None:
        from fasttok.text.words.raw_words import RawWords  # has large tables

        if not isinstance(raw_words, RawWords):
            return None
        if self.unk_id is None:
            return None  # errors have the position of an unknown character in the rewritten text
        model = self._copy_excluding(self._excluded)
        parts = (raw_words.scanner, raw_words.code_points, raw_words.words)
        model.__dict__["encoder"] = RawWordEncoder(self.encoder, *parts)
        return model

    @property
    def decoded_pieces(self) -> Ragged:
        n = len(self._prefix)
        rows = zip(self.pieces.to_bytes(), self.begins_word.tolist(), strict=True)
        return Ragged.from_bytes([row if begins else row[n:] for row, begins in rows])

    @property
    def is_lossless(self) -> bool:
        return False  # some character is always unknown

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "continuing_subword_prefix": self.continuing_subword_prefix,
            "unk_id": self.unk_id,
            "max_input_chars_per_word": self.max_input_chars_per_word,
            "max_input_bytes_per_word": self.max_input_bytes_per_word,
            "pieces": [piece.decode() for piece in self.pieces.to_bytes()],
        }

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> WordPieceModel:
        prefix, pieces = fields["continuing_subword_prefix"], fields["pieces"]
        if not isinstance(prefix, str):
            raise TypeError(f"continuing_subword_prefix must be a str, not {type(prefix).__name__}")
        if not isinstance(pieces, list) or not all(isinstance(piece, str) for piece in pieces):
            raise TypeError("pieces must be a list of str")
        return cls(
            pieces,
            continuing_subword_prefix=prefix,
            unk_id=fields["unk_id"],
            max_input_chars_per_word=fields["max_input_chars_per_word"],
            max_input_bytes_per_word=fields["max_input_bytes_per_word"],
        )


def _checked_limit(option: str, limit: int | None) -> int | None:
    return None if limit is None else checked_size(option, limit, least=0)
