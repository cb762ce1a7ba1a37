"""`UnigramModel`: Unigram language model over pieces; encodes by the most probable segmentation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.core._trie import Trie
from fasttok.core.checks import checked_choice, checked_flag, checked_numbers
from fasttok.core.ragged import Ragged, read_only
from fasttok.models._cache import PretokenCache
from fasttok.models._encoder import PretokenEncoder
from fasttok.models._pieces import PieceTable
from fasttok.models.base import Model
from fasttok.models.pieces import (
    NOTHING,
    as_pieces,
    check_different,
    check_have_pieces,
    check_id,
    check_not_fallback,
    check_texts,
    check_utf8,
    checked_ids,
    find_all_byte_ids,
    find_byte_ids,
    write_bytes,
)
from fasttok.models.sampling import Sampling, checked_alpha
from fasttok.models.unigram._rows import RowEncoder
from fasttok.models.unigram._sampling import SamplingEncoder
from fasttok.models.unigram._viterbi import ZERO, NamedEncoder, UnigramEncoder
from fasttok.models.unigram.lattice import Lattice, find_nbest_of_pretokens, find_nbest_of_row
from fasttok.text.unicode.utf8 import encode_utf8

Compat = Literal["sentencepiece", "huggingface"]
# Added to the score of every piece, so that a segmentation with fewer pieces wins whatever the probabilities.
PIECE_PENALTY = -1e6


class UnigramModel(Model):
    """Unigram model: pieces with log probabilities. Encodes each pretoken by its most probable segmentation.

    Ties go to the segmentation whose last piece starts earliest, then to the one whose second-last piece
    starts earliest, and so on. A character that is not a piece gets the lowest score of all pieces,
    except byte pieces, user-defined pieces and unused pieces, minus 10. Encoding writes the bytes of such a
    character, or one unknown token per run of such characters, or raises an error.

    Parameters
    ----------
    pieces : Ragged of uint8, or sequence of str or bytes
        Text of each id, in UTF-8. An empty row is an id that text never gets, such as a special token's id.
    scores : array_like of float64, shape (n,)
        Natural logarithm of each piece's probability.
    unk_id : int, optional
        Id of unknown characters. Its row must be empty, except with ``compat="huggingface"``.
    byte_fallback : bool
        Whether to encode unknown characters as bytes. The pieces must then include ``<0x00>`` to ``<0xFF>``.
        These pieces never match text, and decoding writes their byte.
    user_defined : collection of int
        Ids of preferred pieces: a user-defined piece of k bytes has the score (k - 1) / 10 instead of its
        entry in `scores`.
    unused : collection of int
        Ids whose pieces never match text. They keep their ids, and decoding writes their texts.
    compat : {"sentencepiece", "huggingface"}, optional
        Library whose ids are reproduced where libraries differ. With "sentencepiece", scores are summed in
        single precision over the whole row of text, and pretokens have no effect. For "huggingface", see the
        notes.
    fewest_pieces : bool
        Whether to encode by the segmentation with the fewest pieces, and by the most probable one of these.
        Lattices and sampling use probabilities only.

    Attributes
    ----------
    pieces : Ragged of uint8
        Texts of the ids, as given.
    scores : ndarray of float64, shape (n,)
        Scores of the ids, as given.
    unk_score : float
        Score of a character that is not a piece.

    Raises
    ------
    TypeError
        If a piece or an id has the wrong type.
    ValueError
        If a piece is not UTF-8, contains U+0000 or occurs twice; if a score is not finite; if the numbers of
        pieces and scores differ; if byte pieces are missing; if an id is out of range; if `unk_id` is the id
        of a piece; if a user-defined or unused id has no piece, or is also the other of the two; or if there
        are more than 2^24 pieces. With ``compat="huggingface"``, a piece can occur several times, byte pieces
        can be missing, `unk_id` can be the id of a piece, and no piece can be unused.

    Notes
    -----
    The model is that of Kudo (2018), section 3.2. The scores of user-defined pieces are those of
    sentencepiece. In rows of up to 4,192 bytes, near ties are decided as in sentencepiece, by sums in single
    precision over the whole row (unless `compat` or `fewest_pieces` is set).

    With ``compat="huggingface"``, the ids are those of Hugging Face ``tokenizers``:

    - All pieces match text, also byte pieces and the unknown token, so that the model is not lossless. If a
      piece occurs several times, its last id and score are used.
    - The lowest score is that of all ids.
    - Pieces can contain U+0000. Lattices and sampling do not find them.
    - A run consists of unknown characters and unknown tokens in the same pretoken. If its text is a piece, it
      gets the id of this piece. Otherwise it is encoded as its bytes if all of them have byte pieces, or else
      as one unknown token. All byte pieces of a run have the span of the run.
    - Without `unk_id` and byte fallback, an unknown character is an error even if the best segmentation does
      not contain it, unless a better piece ends with it. (``tokenizers`` raises this error with byte
      fallback, too.)

    With ``compat="sentencepiece"``, a row is cut between neighbouring characters that no piece contains. The
    ids of such a part are cached, unless rounding may change them; then they are found from the sum of the
    row.

    Encoding a pretoken of n bytes takes O(n k) time, where k is the length of the longest piece in the
    pretoken, and 8 bytes of memory per byte of the longest piece of the model. Repeated pretokens come from
    the cache.

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
        unused: Collection[int] = (),
        compat: Compat | None = None,
        fewest_pieces: bool = False,
    ) -> None:
        if compat is not None:
            checked_choice("compat", compat, "sentencepiece", "huggingface")
        self.pieces = as_pieces(pieces)
        self.scores = read_only(checked_numbers("scores", scores))
        is_named = compat == "huggingface"
        self.unk_id = check_id("unk_id", unk_id, self.pieces, may_be_piece=is_named)
        self.byte_fallback = checked_flag("byte_fallback", byte_fallback)
        self.user_defined = checked_ids("user_defined", user_defined)
        self.unused = checked_ids("unused", unused)
        self.compat = compat
        self.fewest_pieces = checked_flag("fewest_pieces", fewest_pieces)
        self.needs_whole_rows = compat == "sentencepiece"
        self.resolves_ties = compat is None and not self.fewest_pieces
        self.fuse_unk = compat != "huggingface"
        if fewest_pieces and compat is not None:
            raise ValueError(
                f"fewest_pieces=True needs compat=None: {compat} cannot encode by the fewest pieces"
            )
        self._check_scores()
        (check_utf8 if is_named else check_texts)(self.pieces)
        if not is_named:
            check_different(self.pieces)
        self._check_ids()
        self._byte_ids: NDArray[np.uint32] | None = None
        if byte_fallback:
            self._byte_ids = find_byte_ids(self.pieces) if is_named else self._find_bytes()

    def _check_scores(self) -> None:
        n = len(self.pieces)
        if self.scores.shape != (n,):
            raise ValueError(f"{n} pieces but scores of shape {self.scores.shape}: give one score per piece")
        bad = np.flatnonzero(~np.isfinite(self.scores))
        if self.compat == "sentencepiece" and not len(bad):
            bad = np.flatnonzero(np.abs(self.scores) > np.finfo(np.float32).max)
        if len(bad):
            i = int(bad[0])
            precision = "float32" if self.compat == "sentencepiece" else "float64"
            raise ValueError(
                f"the score of id {i}, {bytes(self.pieces[i])!r}, is {self.scores[i]}; scores must be finite "
                f"as {precision}"
            )

    def _check_ids(self) -> None:
        for option in ("user_defined", "unused"):
            check_have_pieces(option, getattr(self, option), self.pieces)
        if both := self.user_defined & self.unused:
            raise ValueError(f"id {min(both)} is both in user_defined and in unused: give it in one of them")
        if self.unused and self.compat == "huggingface":
            raise ValueError(
                f"unused contains id {min(self.unused)}, but in Hugging Face tokenizers, all pieces match "
                "text: use another compat"
            )

    def _find_bytes(self) -> NDArray[np.uint32]:
        """Return the id of each byte."""
        ids = find_all_byte_ids(self.pieces)
        for option in ("user_defined", "unused"):
            check_have_pieces(option, getattr(self, option), self.pieces, ids)
        return ids

    @property
    def byte_ids(self) -> NDArray[np.uint32] | None:
        """Id of each byte: uint32 of shape (256,); None without byte fallback for all bytes."""
        byte_ids = self._byte_ids
        return None if byte_ids is None or (byte_ids == NOTHING).any() else byte_ids

    @cached_property
    def is_matched(self) -> NDArray[np.bool_]:
        """Whether each piece can match text."""
        mask = self.pieces.lengths > 0
        if self.compat == "huggingface":
            mask &= self._are_last
        elif self._byte_ids is not None:
            mask[self._byte_ids] = False
        mask[list(self.unused)] = False
        return read_only(mask)

    @property
    def _are_last(self) -> NDArray[np.bool_]:
        """Whether no larger id has the same piece."""
        n = len(self.pieces)
        table = PieceTable(self.pieces.values, self.pieces.offsets, np.ones(n, np.uint8))
        if table.find_duplicate() is None:
            return np.ones(n, np.bool_)
        rows = np.flatnonzero(self.pieces.lengths)
        first = table.find_all(self.pieces.values, self.pieces.offsets)[rows]
        last = np.arange(n)
        last[first] = rows  # the last of several rows with the same first row is kept
        is_last = np.zeros(n, np.bool_)
        is_last[last[first]] = True
        return is_last

    @property
    def _is_used(self) -> NDArray[np.bool_]:
        """Whether each piece matches text in encoding; see `without_pieces`."""
        mask = self.is_matched.copy()
        mask[list(self._excluded)] = False
        return mask

    @cached_property
    def unk_score(self) -> float:
        """Score of a character that is not a piece."""
        counts = self.is_matched.copy()
        counts[list(self.user_defined)] = False
        if self.compat == "huggingface":
            counts[:] = True
        if self.compat == "sentencepiece":
            largest = np.finfo(np.float32).max  # sentencepiece's lowest score of no pieces
            lowest = self.scores[counts].min(initial=largest).astype(np.float32)
            return float(max(lowest - np.float32(10), -largest))
        return float(self.scores[counts].min() if counts.any() else 0) - 10

    @cached_property
    def _largest_score(self) -> float:
        return float(np.abs(np.append(self.scores, self.unk_score)).max())

    @cached_property
    def encoder(self) -> UnigramEncoder:
        return self._make_encoder()

    @cached_property
    def part_encoder(self) -> UnigramEncoder:
        return self._make_encoder(encodes_parts=True)

    @cached_property
    def _trie(self) -> Trie:
        pieces = self.pieces
        if self._has_zeros:
            pieces = Ragged.from_bytes([row.replace(b"\0", ZERO) for row in pieces.to_bytes()])
        by_text = sorted(np.flatnonzero(self._is_used).tolist(), key=pieces.to_bytes().__getitem__)
        ids = np.array(by_text, np.int32)
        return Trie.build(pieces.take(ids), ids)

    @property
    def _has_zeros(self) -> bool:
        """Whether a piece contains U+0000, which the trie has to store as another byte."""
        return not self.pieces.values.all()

    @cached_property
    def _likelihood_encoder(self) -> UnigramEncoder:
        """Encoder by probability alone, without the penalty per piece."""
        return self._make_encoder(piece_penalty=0) if self.fewest_pieces else self.encoder

    def _make_encoder(
        self, encodes_parts: bool = False, piece_penalty: float | None = None
    ) -> UnigramEncoder:
        scores = self.scores.copy()
        preferred = list(self.user_defined)
        scores[preferred] = 0.1 * (self.pieces.lengths[preferred] - 1)
        if self.compat == "sentencepiece":
            scores = scores.astype(np.float32).astype(np.float64)
        if piece_penalty is None:
            piece_penalty = PIECE_PENALTY if self.fewest_pieces else 0
        byte_ids = self._byte_ids
        if byte_ids is not None and self._excluded:
            byte_ids = np.where(np.isin(byte_ids, list(self._excluded)), np.uint32(NOTHING), byte_ids)
        kinds = {"sentencepiece": RowEncoder, "huggingface": NamedEncoder, None: UnigramEncoder}
        encoder = kinds[self.compat](
            self._trie,
            scores + piece_penalty,
            self.pieces.lengths.astype(np.uint32),
            self.unk_score + piece_penalty,
            -1 if self.unk_id is None else self.unk_id,
            byte_ids,
            resolves_ties=self.resolves_ties,
            fuse_unk=self.fuse_unk,
            encodes_parts=encodes_parts,
        )
        lengths = self.pieces.lengths.astype(np.uint32)
        if self._byte_ids is not None:
            # In Hugging Face tokenizers, a byte piece also matches its name in text, so its length is not
            # known (0).
            lengths[self._byte_ids[self._byte_ids != NOTHING]] = 0 if self.compat == "huggingface" else 1
        if isinstance(encoder, NamedEncoder):
            names = PieceTable(self.pieces.values, self.pieces.offsets, self._is_used.view(np.uint8))
            encoder.set_names(names, self._has_zeros)
            if self.unk_id is not None:
                lengths[self.unk_id : self.unk_id + 1] = 0
        if isinstance(encoder, RowEncoder):
            encoder.set_row(self.pieces.values, self.pieces.offsets, self._is_used.view(np.uint8))
        encoder.set_lengths(lengths)
        return encoder

    def _find_producible(self, ids: frozenset[int]) -> frozenset[int]:
        fallback = set() if self._byte_ids is None else set(self._byte_ids.tolist())
        return frozenset(i for i in ids if self.is_matched[i] or i in fallback)

    def _excluding(self, ids: frozenset[int]) -> UnigramModel:
        if self.compat != "huggingface":
            check_not_fallback(self.pieces, ids, self._byte_ids)
        return self._copy_excluding(ids, "encoder", "part_encoder", "_trie", "_likelihood_encoder")

    def _make_sampling_encoder(
        self, sampling: Sampling, documents: NDArray[np.int64], starts: NDArray[np.int64]
    ) -> PretokenEncoder:
        # Sampling is per pretoken and in double precision, whatever `compat` is.
        checked_alpha(sampling.alpha, self._largest_score)
        return SamplingEncoder(
            sampling.seed, sampling.epoch, documents, starts, self._likelihood_encoder, sampling.alpha
        )

    def lattice(self, text: str | bytes) -> Lattice:
        """Return the lattice of all segmentations of `text`, taken as one pretoken.

        The text is neither normalized nor split. For a tokenizer with the "metaspace" pretokenizer, write
        ``lattice("▁word")``.

        Parameters
        ----------
        text : str or bytes
            Text of the pretoken.

        Returns
        -------
        Lattice
            All segmentations and their probabilities.

        Raises
        ------
        TextError
            If a ``str`` contains a lone surrogate.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.UnigramModel(["a", "aa"], [-2, -3]).lattice("aaa").viterbi().pieces
        ('a', 'aa')
        """
        return Lattice(self._likelihood_encoder, encode_utf8(text))

    def find_nbest(
        self, row: bytes, pretokens: NDArray[np.int64], n: int
    ) -> list[tuple[NDArray[np.uint32], float]]:
        if self.compat != "sentencepiece":
            fuses = self.fuse_unk and not self.byte_fallback
            unk_id = self.unk_id if fuses else None
            return find_nbest_of_pretokens(self._likelihood_encoder, row, pretokens, n, unk_id)
        found = find_nbest_of_row(self.encoder, self._row_scores, row, n)
        if n == 1 and row:  # sentencepiece's encoding has its own scores of user-defined pieces
            text, ends = np.frombuffer(row, np.uint8), np.array([0, len(row)], np.int64)
            found = [(self.encode_pretokens(text, ends, PretokenCache(1 << 16)).values, found[0][1])]
        return found

    @cached_property
    def _row_scores(self) -> NDArray[np.float32]:
        """Score of each id in sentencepiece's lattices: there, user-defined pieces count by characters."""
        scores = self.scores.copy()
        for i in self.user_defined:
            scores[i] = 0.1 * (len(bytes(self.pieces[i]).decode()) - 1)
        return scores.astype(np.float32)

    @property
    def decoded_pieces(self) -> Ragged:
        return write_bytes(self.pieces, self._byte_ids)

    @property
    def is_lossless(self) -> bool:
        # Hugging Face tokenizers matches the text <0x41> as a piece and decodes it as A.
        return self.byte_fallback and self.compat != "huggingface"

    def to_dict(self) -> dict[str, Any]:
        texts = [piece.decode() for piece in self.pieces.to_bytes()]
        return {
            "kind": self.kind,
            "unk_id": self.unk_id,
            "byte_fallback": self.byte_fallback,
            "user_defined": sorted(self.user_defined),
            **({"unused": sorted(self.unused)} if self.unused else {}),
            "compat": self.compat,
            "fewest_pieces": self.fewest_pieces,
            "pieces": list(zip(texts, self.scores.tolist(), strict=True)),
        }

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> UnigramModel:
        unk_id, user_defined, unused = fields["unk_id"], fields["user_defined"], fields.get("unused", [])
        if unk_id is not None and type(unk_id) is not int:
            raise TypeError(f"unk_id must be an id or null, not {unk_id!r}")
        for option, ids in (("user_defined", user_defined), ("unused", unused)):
            if not isinstance(ids, list) or not all(type(i) is int for i in ids):
                raise TypeError(f"{option} must be a list of ids")
        for option in ("byte_fallback", "fewest_pieces"):
            if not isinstance(fields[option], bool):
                raise TypeError(f"{option} must be true or false")
        if not all(type(piece) is str and type(score) in (int, float) for piece, score in fields["pieces"]):
            raise TypeError("pieces must be a list of [text, score] pairs")
        return cls(
            [piece for piece, _ in fields["pieces"]],
            [float(score) for _, score in fields["pieces"]],
            unk_id=unk_id,
            byte_fallback=fields["byte_fallback"],
            user_defined=user_defined,
            unused=unused,
            compat=fields["compat"],
            fewest_pieces=fields["fewest_pieces"],
        )
