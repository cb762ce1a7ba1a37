"""`WordPieceModel`: words as the longest pieces from the left."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core._trie import Trie
from fasttok.core.checks import checked_size, checked_text
from fasttok.core.ragged import Ragged, read_only
from fasttok.models.base import Model
from fasttok.models.pieces import as_pieces, check_id, check_texts, ids_by_piece
from fasttok.models.wordpiece._longest_match import MARK, LongestMatchEncoder

NO_LIMIT = (1 << 63) - 1


class WordPieceModel(Model):
    """Words as pieces: at every place the longest piece there is, from the left.

    A piece that begins with `continuing_subword_prefix` and goes on is for what continues a word, and stands
    there for what follows the prefix. If any part of a word is no piece, the whole word is unknown.

    Parameters
    ----------
    pieces : Ragged of uint8, or sequence of str or bytes
        The text of each id, in UTF-8; an empty row is an id that no text becomes, as that of a special token.
    continuing_subword_prefix : str
        What pieces begin with that continue a word. If it is empty, all pieces do both.
    unk_id : int, optional
        The id of unknown words. Its row must be empty. Without one such a word is an error.
    max_input_chars_per_word : int, optional
        A word of more characters is unknown, as in tokenizers; None for no limit. Google's BERT has 200.
    max_input_bytes_per_word : int, optional
        A word of more bytes is unknown, as in TensorFlow Text, which has 100; None for no limit.

    Attributes
    ----------
    pieces : Ragged of uint8
        The texts of the ids, as given.
    begins_word : ndarray of bool, shape (n,)
        Whether each piece is one that does not continue a word.

    Raises
    ------
    ValueError
        If a piece is not UTF-8, has the character U+0000 or stands twice, an id or a limit is out of range,
        or `unk_id` is a piece's.

    Notes
    -----
    Schuster & Nakajima (2012), Wu et al. (2016), section 4.1; found in one pass, O(n) for a word of n bytes
    with any vocabulary, as in Song et al. (2021), section 3. A word met before takes a look into the cache.
    The tables take some 20 bytes for each byte of the pieces. The limits do not hold where there is no
    unknown token. At the start of a word all pieces are looked for by their text, so that a word that itself
    begins with the prefix can become a piece that is meant to continue one; so it is in tokenizers and BERT.
    Decoding differs from tokenizers in two cases: a text whose first piece continues a word begins without
    the prefix, and a piece that is the prefix alone is a word like others.

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
        max_input_chars_per_word: int | None = 100,
        max_input_bytes_per_word: int | None = None,
    ) -> None:
        self.pieces = as_pieces(pieces)
        self.continuing_subword_prefix = checked_text("continuing_subword_prefix", continuing_subword_prefix)
        self.unk_id = check_id("unk_id", unk_id, self.pieces)
        self.max_input_chars_per_word = _checked_limit("max_input_chars_per_word", max_input_chars_per_word)
        self.max_input_bytes_per_word = _checked_limit("max_input_bytes_per_word", max_input_bytes_per_word)
        check_texts(self.pieces)
        ids_by_piece(self.pieces)  # no two alike
        self._prefix = continuing_subword_prefix.encode()
        continues = [self._continues(row) for row in self.pieces.to_bytes()]
        self.begins_word = read_only(~np.array(continues, np.bool_))

    def _continues(self, piece: bytes) -> bool:
        return piece.startswith(self._prefix) and len(piece) > len(self._prefix)

    @cached_property
    def encoder(self) -> LongestMatchEncoder:
        n = len(self._prefix)
        keys = {MARK + MARK: 0}  # which is in no text
        for i, row in enumerate(self.pieces.to_bytes()):
            if row:
                keys[row] = i
                if self._continues(row):
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
            *(NO_LIMIT if limit is None else limit for limit in limits),
        )
        encoder.set_lengths(np.maximum(self.pieces.lengths - n, 0).astype(np.uint32))
        return encoder

    @property
    def decoded_pieces(self) -> Ragged:
        n = len(self._prefix)
        rows = zip(self.pieces.to_bytes(), self.begins_word.tolist(), strict=True)
        return Ragged.from_bytes([row if begins else row[n:] for row, begins in rows])

    @property
    def is_lossless(self) -> bool:
        return False  # there is always a word with a character that is no piece

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
            raise TypeError("continuing_subword_prefix must be text")
        if not isinstance(pieces, list) or not all(isinstance(piece, str) for piece in pieces):
            raise TypeError("pieces must be a list of texts")
        return cls(
            pieces,
            continuing_subword_prefix=prefix,
            unk_id=fields["unk_id"],
            max_input_chars_per_word=fields["max_input_chars_per_word"],
            max_input_bytes_per_word=fields["max_input_bytes_per_word"],
        )


def _checked_limit(option: str, limit: int | None) -> int | None:
    return None if limit is None else checked_size(option, limit, least=1)
