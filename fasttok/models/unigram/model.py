"""`UnigramModel`: pieces with probabilities, and the most probable segmentation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.core._trie import Trie
from fasttok.core.ragged import Ragged, read_only
from fasttok.models._encoder import PretokenEncoder
from fasttok.models.base import Model
from fasttok.models.pieces import (
    as_id,
    as_pieces,
    check_id,
    check_texts,
    find_byte_ids,
    ids_by_piece,
    write_bytes,
)
from fasttok.models.sampling import Sampling, check_alpha
from fasttok.models.unigram._sampling import SamplingEncoder
from fasttok.models.unigram._viterbi import RowEncoder, UnigramEncoder
from fasttok.models.unigram.lattice import Lattice
from fasttok.text.unicode.utf8 import encode_utf8

Compat = Literal["sentencepiece", "huggingface"]
PER_PIECE = -1e6  # in the score of a path, for the fewest pieces: more than probabilities come to


class UnigramModel(Model):
    """Pieces with probabilities: a pretoken becomes the pieces whose probabilities have the largest product.

    Of several such segmentations it is the one whose last piece starts earliest, and so on towards the front.
    A character that is no piece may stand for itself at the lowest score of all less 10; where it does, it
    becomes its bytes, or the unknown token, one for a run of them, or an error.

    Parameters
    ----------
    pieces : Ragged of uint8, or sequence of str or bytes
        The text of each id, in UTF-8; an empty row is an id that no text becomes, as that of a special token.
    scores : array of float64, shape (n,)
        The natural logarithm of each piece's probability.
    unk_id : int, optional
        The id of characters that are not there. Its row must be empty.
    byte_fallback : bool
        Whether such characters become their bytes. Then ``<0x00>`` to ``<0xFF>`` must be pieces; they are
        never found in text, and decoding writes their byte.
    user_defined : collection of int
        Ids of pieces that are preferred: a piece of k bytes has the score (k - 1) / 10, whatever `scores`
        says.
    compat : {"sentencepiece", "huggingface"}, optional
        Whose ids to give where they differ. sentencepiece adds up scores over a whole row of text, whatever
        the pretokens, in single precision; so does this then, and has no use for a cache. tokenizers finds
        the pieces of bytes in text too, and counts the scores of all ids for the lowest; such a model is
        not lossless.
    fewest_pieces : bool
        Encode by a segmentation of the fewest pieces, of these the most probable one. Lattices and sampling
        go by probability alone.

    Attributes
    ----------
    pieces : Ragged of uint8
        The texts of the ids, as given.
    scores : ndarray of float64, shape (n,)
        Their scores, as given.
    unk_score : float
        The score of a character that is no piece.

    Raises
    ------
    ValueError
        If a piece is not UTF-8, has the character U+0000 or stands twice, a score is not finite, the numbers
        of pieces and scores differ, pieces for bytes are missing, an id is out of range, `unk_id` is a
        piece's or a user-defined id is none's, or there are more than 2^24 pieces.

    Notes
    -----
    Kudo (2018), section 3.2; the scores of user-defined pieces are those of sentencepiece. A pretoken of n
    bytes takes O(n k) where k is the length of the longest piece that it holds, and 8 bytes of memory for
    each byte of the longest piece of all; one met before takes a look into the cache.

    Examples
    --------
    >>> import fasttok as ft
    >>> model = ft.UnigramModel(["", "a", "b", "ab", "aba"], [0, -2, -2, -3, -4.5], unk_id=0)
    >>> tok = ft.Tokenizer(model, ft.get_pretokenizer("none"), {"<unk>": 0})
    >>> [tok.id_to_piece(i).decode() for i in tok.encode("ababxy")]
    ['ab', 'ab', '<unk>']
    """

    kind = "unigram"
    can_sample = (Sampling,)

    def __init__(
        self,
        pieces: Ragged | Sequence[str | bytes],
        scores: NDArray[np.float64] | Sequence[float],
        *,
        unk_id: int | None = None,
        byte_fallback: bool = False,
        user_defined: Collection[int] = (),
        compat: Compat | None = None,
        fewest_pieces: bool = False,
    ) -> None:
        self.pieces = as_pieces(pieces)
        self.scores = read_only(np.array(scores, np.float64))
        self.unk_id = check_id("unk_id", unk_id, self.pieces)
        self.byte_fallback = byte_fallback
        self.user_defined = frozenset(as_id("user_defined", i) for i in user_defined)
        self.compat = compat
        self.fewest_pieces = fewest_pieces
        self.needs_whole_rows = compat == "sentencepiece"
        self.fuse_unk = compat != "huggingface"
        if compat not in (None, "sentencepiece", "huggingface"):
            raise ValueError(f'compat must be None, "sentencepiece" or "huggingface", not {compat!r}')
        if fewest_pieces and compat is not None:
            raise ValueError(f"compat={compat!r} knows no segmentation of the fewest pieces")
        self._check_scores()
        check_texts(self.pieces)
        self._ids = ids_by_piece(self.pieces)
        self._check_ids()
        self.byte_ids = self._find_bytes() if byte_fallback else None

    def _check_scores(self) -> None:
        n = len(self.pieces)
        if self.scores.shape != (n,):
            raise ValueError(f"{n} pieces but scores of shape {self.scores.shape}")
        bad = np.flatnonzero(~np.isfinite(self.scores))
        if self.compat == "sentencepiece" and not len(bad):
            bad = np.flatnonzero(np.abs(self.scores) > np.finfo(np.float32).max)
        if len(bad):
            i = int(bad[0])
            raise ValueError(f"the score of id {i}, {bytes(self.pieces[i])!r}, is {self.scores[i]}")

    def _check_ids(self) -> None:
        for i in self.user_defined:
            if not 0 <= i < len(self.pieces) or not len(self.pieces[i]):
                raise ValueError(f"user-defined id {i} is no piece's")

    def _find_bytes(self) -> NDArray[np.uint32]:
        """The id of each byte."""
        ids = find_byte_ids(self._ids)
        if not self.user_defined.isdisjoint(ids.tolist()):
            raise ValueError("a piece for a byte is not found in text, and cannot be user-defined")
        return ids

    @cached_property
    def is_matched(self) -> NDArray[np.bool_]:
        """Whether each piece is looked for in text."""
        mask = self.pieces.lengths > 0
        if self.byte_ids is not None and self.compat != "huggingface":
            mask[self.byte_ids] = False
        return read_only(mask)

    @cached_property
    def unk_score(self) -> float:
        """The score of a character that is no piece."""
        counts = self.is_matched.copy()
        counts[list(self.user_defined)] = False
        if self.compat == "huggingface":
            counts[:] = True
        lowest = self.scores[counts].min() if counts.any() else np.float64(0)
        if self.compat == "sentencepiece":
            return float(lowest.astype(np.float32) - np.float32(10))
        return float(lowest) - 10

    @cached_property
    def _largest_score(self) -> float:
        return float(np.abs(np.append(self.scores, self.unk_score)).max())

    @cached_property
    def encoder(self) -> UnigramEncoder:
        return self._make_encoder()

    @cached_property
    def part_encoder(self) -> UnigramEncoder:
        return self._make_encoder(is_of_parts=True)

    @cached_property
    def _trie(self) -> Trie:
        by_text = sorted(np.flatnonzero(self.is_matched).tolist(), key=self.pieces.to_bytes().__getitem__)
        ids = np.array(by_text, np.int32)
        return Trie.build(self.pieces.take(ids), ids)

    @cached_property
    def _likelihood_encoder(self) -> UnigramEncoder:
        """What knows the scores as they are."""
        return self._make_encoder(per_piece=0) if self.fewest_pieces else self.encoder

    def _make_encoder(self, is_of_parts: bool = False, per_piece: float | None = None) -> UnigramEncoder:
        scores = self.scores.copy()
        preferred = list(self.user_defined)
        scores[preferred] = 0.1 * (self.pieces.lengths[preferred] - 1)
        if self.compat == "sentencepiece":
            scores = scores.astype(np.float32).astype(np.float64)
        if per_piece is None:
            per_piece = PER_PIECE if self.fewest_pieces else 0
        kind = RowEncoder if self.compat == "sentencepiece" else UnigramEncoder
        encoder = kind(
            self._trie,
            scores + per_piece,
            self.pieces.lengths.astype(np.uint32),
            self.unk_score + per_piece,
            -1 if self.unk_id is None else self.unk_id,
            self.byte_ids,
            settles_ties=self.compat is None and not self.fewest_pieces,
            fuse_unk=self.fuse_unk,
            is_of_parts=is_of_parts,
        )
        lengths = self.pieces.lengths.astype(np.uint32)
        if self.byte_ids is not None:
            # tokenizers finds pieces of bytes in text too, so that there the id does not say which it is.
            lengths[self.byte_ids] = 0 if self.compat == "huggingface" else 1
        encoder.set_lengths(lengths)
        return encoder

    def _make_sampling_encoder(
        self, sampling: Sampling, documents: NDArray[np.int64], starts: NDArray[np.int64]
    ) -> PretokenEncoder:
        """Every pretoken by itself and in double precision."""
        check_alpha(sampling.alpha, self._largest_score)
        return SamplingEncoder(
            sampling.seed, sampling.epoch, documents, starts, self._likelihood_encoder, sampling.alpha
        )

    def lattice(self, text: str | bytes) -> Lattice:
        """All segmentations of a text, which is taken as it is and as one pretoken.

        What a tokenizer's normalizer and pretokenizer do to text is not done to it: with "metaspace", say
        ``lattice("▁word")``.

        Raises
        ------
        TextError
            At a lone surrogate in a ``str``.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.UnigramModel(["a", "aa"], [-2, -3]).lattice("aaa").viterbi().pieces
        ('a', 'aa')
        """
        return Lattice(self._likelihood_encoder, encode_utf8(text))

    @property
    def decoded_pieces(self) -> Ragged:
        return write_bytes(self.pieces, self.byte_ids)

    @property
    def is_lossless(self) -> bool:
        # tokenizers takes the text <0x41> for a piece, and decodes it as an A.
        return self.byte_fallback and self.compat != "huggingface"

    def to_dict(self) -> dict[str, Any]:
        texts = [piece.decode() for piece in self.pieces.to_bytes()]
        return {
            "kind": self.kind,
            "unk_id": self.unk_id,
            "byte_fallback": self.byte_fallback,
            "user_defined": sorted(self.user_defined),
            "compat": self.compat,
            "fewest_pieces": self.fewest_pieces,
            "pieces": list(zip(texts, self.scores.tolist(), strict=True)),
        }

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> UnigramModel:
        unk_id, user_defined = fields["unk_id"], fields["user_defined"]
        if unk_id is not None and type(unk_id) is not int:
            raise TypeError("unk_id must be an id or null")
        if not isinstance(user_defined, list) or not all(type(i) is int for i in user_defined):
            raise TypeError("user_defined must be a list of ids")
        for option in ("byte_fallback", "fewest_pieces"):
            if not isinstance(fields[option], bool):
                raise TypeError(f"{option} must be true or false")
        if not all(type(piece) is str and type(score) in (int, float) for piece, score in fields["pieces"]):
            raise TypeError("pieces must be rows of text and a score")
        return cls(
            [piece for piece, _ in fields["pieces"]],
            [float(score) for _, score in fields["pieces"]],
            unk_id=unk_id,
            byte_fallback=fields["byte_fallback"],
            user_defined=user_defined,
            compat=fields["compat"],
            fewest_pieces=fields["fewest_pieces"],
        )
