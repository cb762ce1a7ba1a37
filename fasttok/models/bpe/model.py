"""`BPEModel`: byte-pair encoding over bytes or characters."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fasttok.core.checks import (
    checked_array,
    checked_character,
    checked_flag,
    checked_instance,
    checked_text,
)
from fasttok.core.ragged import Ragged, read_only
from fasttok.models._encoder import PretokenEncoder
from fasttok.models._pieces import PieceTable
from fasttok.models.base import Model
from fasttok.models.bpe._characters import CharacterEncoder
from fasttok.models.bpe._dropout import DropoutEncoder
from fasttok.models.bpe._encode import MOST_PIECES, BPEEncoder, MergeEncoder
from fasttok.models.bpe.alphabets import Bytes, Characters
from fasttok.models.bpe.by_score import find_mergeable, join_all, make_encoder, read_texts, split_unused
from fasttok.models.bpe.character_pieces import CharacterPieces, parse_pieces
from fasttok.models.bpe.merges import check_names, check_pairs_differ, find_merge_ids
from fasttok.models.bpe.named_pieces import read_names
from fasttok.models.pieces import (
    NOTHING,
    as_pieces,
    check_different,
    check_have_pieces,
    check_id,
    check_not_fallback,
    checked_ids,
)
from fasttok.models.raw_words._marked_word_encoder import MarkedWordEncoder
from fasttok.models.sampling import Dropout

if TYPE_CHECKING:
    from fasttok.text.words.marked_words import MarkedWords
    from fasttok.text.words.raw_words import RawWords


class BPEModel(Model):
    """Byte-pair encoding: apply the merge with the lowest rank, leftmost first, until none is possible.

    With an end-of-word suffix, the last character of a pretoken is a different symbol from the same character
    elsewhere; with a continuation prefix, the first one is. Two pieces may have the same name if only one of
    them is marked: with the suffix ``</w>``, the name ``a</w>`` may be an ``a`` that ends a word, or the five
    characters themselves.

    Parameters
    ----------
    pieces : Ragged of uint8, or sequence of str or bytes
        Name of each id: the text of the piece in UTF-8, with the prefix and suffix of the alphabet. Bytes
        that are not UTF-8 are kept. An empty row is an unused id or the unknown token. A piece that is
        neither a character nor the result of a merge is allowed, but never used in encoding.
    merges : array_like of uint32, shape (m, 2)
        Distinct pairs of ids; the rank of a merge is its row. A merge may rank before the merges that produce
        its parts.
    merge_ids : array_like of uint32, shape (m,), optional
        Id of each merged piece; default: the id whose name is the two names joined, without the continuation
        prefix of the right one.
    alphabet : Bytes or Characters
        Symbols that merging starts from, with their options. With `Bytes`, every single byte must be a piece.
    ignore_merges : bool
        Whether a pretoken that is itself a piece gets this single id, even if the merges give other ids.
        tiktoken always does so; Hugging Face ``tokenizers`` has an option of this name.
    merge_ranks : array_like of uint32, shape (m,), optional
        Rank of each merge, instead of its row. The merge with the lowest rank is applied first; of several
        merges with this rank, the leftmost one. `merges_by_score` returns the ranks of sentencepiece.
    user_defined : collection of int
        Ids of pieces that are found in text before merging, the longest one at each position, and never
        merge. They need ``alphabet=Characters(compat="sentencepiece")``, as do the next two options.
    unused : collection of int
        Ids of pieces that merges may produce, but that are split again after merging: a piece is split into
        the two parts that were found last for it in the whole row of text, and these in the same way. A
        single character is unknown instead.
    extra_characters : str
        Characters that are parts of merges but not pieces. The id of the k-th one in `merges` is the number
        of pieces plus k.

    Attributes
    ----------
    byte_ids : ndarray of uint32, shape (256,), or None
        Id of each byte; None for characters without byte fallback.
    begins_word : ndarray of bool, shape (n,), or None
        Whether each piece begins a pretoken: it has no prefix and does not start with a byte fallback piece.
        None unless the alphabet has a prefix and no suffix.
    ends_word : ndarray of bool, shape (n,), or None
        Whether each piece has the suffix; None if the alphabet has no suffix.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If a byte is missing, two ids have the same piece, a merge does not fit the pieces, `unk_id` is the id
        of a piece, an option does not fit the alphabet, or there are more than 2,097,151 pieces or merges.

    Notes
    -----
    The algorithm is that of Sennrich et al. (2016), section 3.2; over bytes, that of Radford et al. (2019),
    section 2.2. Encoding a pretoken of n symbols takes O(n log n). A pretoken that occurred before takes one
    cache lookup.

    Examples
    --------
    >>> import fasttok as ft
    >>> pieces = ["", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "a", "b", "▁ab", "ab"]
    >>> merges = [[257, 261], [258, 259]]  # the second merge produces a part of the first
    >>> model = ft.BPEModel(pieces, merges, alphabet=ft.Characters(byte_fallback=True))
    >>> ft.Tokenizer(model, "none").encode("▁abé").tolist()
    [260, 196, 170]
    """

    can_sample = (Dropout,)
    user_defined: frozenset[int] = frozenset()
    unused: frozenset[int] = frozenset()
    extra_characters: str = ""

    def __init__(
        self,
        pieces: Ragged | Sequence[str | bytes],
        merges: ArrayLike,
        merge_ids: ArrayLike | None = None,
        *,
        alphabet: Bytes | Characters = Bytes(),  # noqa: B008  (immutable)
        ignore_merges: bool = False,
        merge_ranks: ArrayLike | None = None,
        user_defined: Collection[int] = (),
        unused: Collection[int] = (),
        extra_characters: str = "",
    ) -> None:
        kinds = (Bytes, Characters)
        checked_instance("alphabet", alphabet, kinds, "Bytes() or Characters(...)")
        checked_flag("ignore_merges", ignore_merges)
        pieces = as_pieces(pieces)
        merges = _checked_merges("merges", merges, 2)
        unk_id = None if isinstance(alphabet, Bytes) else alphabet.unk_id
        self.user_defined = checked_ids("user_defined", user_defined)
        self.unused = checked_ids("unused", unused)
        self.extra_characters = checked_text("extra_characters", extra_characters)
        self._check_options(alphabet, ignore_merges)
        named = pieces
        if extra_characters:
            extra = [character.encode() for character in extra_characters]
            named = Ragged.from_bytes(pieces.to_bytes() + extra)
        _check_ids(named, merges, unk_id)
        prefix = b"" if isinstance(alphabet, Bytes) else alphabet.continuing_subword_prefix.encode()
        is_named = isinstance(alphabet, Bytes) or alphabet.compat is not None
        if merge_ids is None or is_named:
            table = check_different(named)
        if merge_ids is None:
            merge_ids = find_merge_ids(named, merges, table, prefix)
        merge_ids = _checked_merges("merge_ids", merge_ids, 1)
        _check_merge_ids(pieces, merges, merge_ids)
        if is_named:
            check_names(named, merges, merge_ids, len(prefix))
        if not is_named or self._is_by_score(alphabet):
            check_id("unk_id", unk_id, pieces)
        if merge_ranks is not None:
            merge_ranks = _checked_merges("merge_ranks", merge_ranks, 1)
            if len(merge_ranks) != len(merges):
                raise ValueError(
                    f"merges and merge_ranks must have the same length, not {len(merges)} and "
                    f"{len(merge_ranks)}"
                )
        self._fill(pieces, merges, merge_ids, alphabet, ignore_merges, merge_ranks)
        if self._is_by_score(alphabet):
            self._check_mergeable()
        check_pairs_differ(merges, merge_ids)

    @staticmethod
    def _is_by_score(alphabet: Bytes | Characters) -> bool:
        return isinstance(alphabet, Characters) and alphabet.compat == "sentencepiece"

    def _check_options(self, alphabet: Bytes | Characters, ignore_merges: bool) -> None:
        """Raise a ValueError if an option does not fit the alphabet."""
        if self._is_by_score(alphabet):
            if ignore_merges:
                raise ValueError('compat="sentencepiece" cannot have ignore_merges=True')
            return
        for option in ("user_defined", "unused", "extra_characters"):
            if getattr(self, option):
                raise ValueError(f'{option} needs alphabet=Characters(compat="sentencepiece")')

    def _check_mergeable(self) -> None:
        """Raise a ValueError if a merge has a part or a result that never merges in sentencepiece."""
        included = self._find_mergeable()
        check_have_pieces("unused", self.unused, self.pieces)
        parts = np.append(included, np.ones(len(self.extra_characters), np.bool_))
        merges_all = parts[self.merges].all(axis=1) & included[self.merge_ids]
        for rank in np.flatnonzero(~merges_all)[:1].tolist():
            raise ValueError(f"merge {rank} has a byte piece or a user-defined piece, which never merge")

    def _fill(
        self,
        pieces: Ragged,
        merges: NDArray[np.uint32],
        merge_ids: NDArray[np.uint32],
        alphabet: Bytes | Characters,
        ignore_merges: bool,
        merge_ranks: NDArray[np.uint32] | None = None,
    ) -> None:
        self.pieces, self.merges, self.merge_ids = pieces, read_only(merges), read_only(merge_ids)
        self.merge_ranks = None if merge_ranks is None else read_only(merge_ranks)
        self.alphabet, self.ignore_merges = alphabet, ignore_merges
        self._parsed: CharacterPieces | None = None
        if isinstance(alphabet, Bytes):
            self._byte_ids: NDArray[np.uint32] | None = _find_bytes(pieces)
            return
        self.unk_id = alphabet.unk_id
        if self._is_by_score(alphabet):
            parsed = self._parsed = read_texts(pieces, self.extra_characters, alphabet)
            self.fuse_unk = not alphabet.byte_fallback
            self.needs_whole_rows = split_unused(self.unused, self.merges, self.merge_ids)[1]
        else:
            parse = parse_pieces if alphabet.compat is None else read_names
            parsed = self._parsed = parse(pieces, self.merges, self.merge_ids, alphabet)
        self._byte_ids = parsed.byte_ids
        if alphabet.end_of_word_suffix:
            self.ends_word = parsed.ends_word
        elif alphabet.continuing_subword_prefix:
            self.begins_word = parsed.begins_word

    @property
    def byte_ids(self) -> NDArray[np.uint32] | None:
        """Id of each byte: uint32 of shape (256,); None unless all bytes are pieces or byte pieces."""
        byte_ids = self._byte_ids
        return None if byte_ids is None or (byte_ids == NOTHING).any() else byte_ids

    def has_character(self, character: str) -> bool:
        """Return whether a character that no prefix or suffix marks is a piece; False for byte-level BPE."""
        checked_character("character", character)
        return self._parsed is not None and ord(character) << 2 in self._parsed.characters

    @property
    def kind(self) -> str:
        return self.alphabet.kind

    @cached_property
    def encoder(self) -> MergeEncoder:
        merges, merge_ids, ranks = self.merges, self.merge_ids, self.merge_ranks
        may_be = np.ones(len(self.pieces), np.bool_)
        if self._excluded:
            may_be[list(self._excluded)] = False
            kept = may_be[merge_ids]
            merges, merge_ids, ranks = merges[kept], merge_ids[kept], None if ranks is None else ranks[kept]
        byte_ids = self._byte_ids
        names = self.pieces.values, self.pieces.offsets
        if self._parsed is None:
            byte_ids = cast("NDArray[np.uint32]", byte_ids)
            if not self.ignore_merges:
                # A lookup is faster than merging. It gives the same id if the merges produce the piece.
                merged = BPEEncoder(byte_ids, merges, merge_ids, None, ranks)
                may_be &= merged.is_reachable(*names).view(np.bool_)
            may_be &= self.pieces.lengths > 0
            table = PieceTable(*names, may_be.view(np.uint8))
            encoder: MergeEncoder = BPEEncoder(byte_ids, merges, merge_ids, table, ranks)
            encoder.set_lengths(self.pieces.lengths.astype(np.uint32))
            return encoder
        parsed, options = self._parsed, self._parsed.alphabet
        if self._is_by_score(options):
            return make_encoder(
                parsed,
                self.pieces,
                merges,
                merge_ids,
                ranks,
                self.extra_characters,
                self.user_defined,
                self.unused,
                self._excluded,
            )
        known = may_be[parsed.ids]
        if byte_ids is not None:
            byte_ids = np.where(np.isin(byte_ids, list(self._excluded)), np.uint32(NOTHING), byte_ids)
        encoder = CharacterEncoder(
            parsed.characters[known],
            parsed.ids[known],
            bool(options.continuing_subword_prefix),
            bool(options.end_of_word_suffix),
            merges,
            merge_ids,
            byte_ids,
            options.compat is None,
            -1 if self.unk_id is None else self.unk_id,
            options.fuse_unk,
            options.drop_unk,
            parsed.has_several_lengths,
            PieceTable(*names, (parsed.is_plain & may_be).view(np.uint8)) if self.ignore_merges else None,
            ranks,
        )
        lengths = parsed.texts.lengths.astype(np.uint32)
        if self.unk_id is not None and self.unk_id < len(lengths):
            lengths[self.unk_id] = 0
        encoder.set_lengths(lengths)
        return encoder

    def on_raw_words(self, raw_words: RawWords | MarkedWords) -> BPEModel | None:
        from fasttok.text.words.marked_words import MarkedWords  # imports many steps

        if (
            not isinstance(raw_words, MarkedWords)
            or isinstance(self.alphabet, Bytes)
            or self.needs_whole_rows
        ):
            return None
        may_be_unknown = self.byte_ids is None or self._excluded
        if may_be_unknown and self.unk_id is None and not self.alphabet.drop_unk:
            return None  # errors have the position of an unknown character in the rewritten text
        model = self._copy_excluding(self._excluded)
        fused_id = self.unk_id if self.fuse_unk and self.unk_id is not None else -1
        model.__dict__["encoder"] = MarkedWordEncoder(
            self.encoder, raw_words.words, raw_words.repairs, fused_id
        )
        return model

    def without_merges(self) -> BPEModel:
        """Return the same model without its merges: encoding gives the symbols that merging starts from.

        Returns
        -------
        BPEModel
            A model with the same pieces and ids, which applies no merge and looks up no whole pretoken.

        Raises
        ------
        ValueError
            If the model has unused pieces or extra characters: these symbols have no ids in encoding.

        Examples
        --------
        >>> import fasttok as ft
        >>> counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2})
        >>> model = ft.BPETrainer(vocab_size=6, units="character").train(counts).model
        >>> ft.Tokenizer(model.without_merges(), "none").tokens("lower")
        ['l', 'o', 'w', 'e', 'r']
        """
        if self.unused or self.extra_characters:
            raise ValueError(
                "a model with unused pieces or extra characters cannot encode without merges: parts of its "
                "merges have no ids of their own"
            )
        other = self._copy_excluding(self._excluded, "encoder")
        other.merges = read_only(np.empty((0, 2), np.uint32))
        other.merge_ids = read_only(np.empty(0, np.uint32))
        other.merge_ranks, other.ignore_merges = None, False
        return other

    def _find_producible(self, ids: frozenset[int]) -> frozenset[int]:
        if self.ignore_merges:
            return ids
        producible = set(self.merge_ids[np.isin(self.merge_ids, list(ids))].tolist())
        if self._parsed is not None:
            producible |= ids.intersection(self._parsed.ids.tolist())
            producible |= ids.intersection([] if self._byte_ids is None else self._byte_ids.tolist())
            producible |= ids & self.user_defined
        return frozenset(producible)

    def _excluding(self, ids: frozenset[int]) -> BPEModel:
        parsed = self._parsed
        if parsed is not None and parsed.alphabet.compat != "huggingface":
            check_not_fallback(self.pieces, ids, parsed.byte_ids)
        other = self._copy_excluding(ids, "encoder")
        if parsed is not None and not parsed.has_several_lengths:
            # Some bytes may no longer have an id, so that unknown tokens come after the bytes of other
            # characters.
            other._parsed = replace(parsed, has_several_lengths=True)
        return other

    def _make_sampling_encoder(
        self, sampling: Dropout, documents: NDArray[np.int64], starts: NDArray[np.int64]
    ) -> PretokenEncoder:
        """Return the encoder with dropout; without dropout, the ordinary encoder."""
        if sampling.limit == 0:
            return self.encoder
        return DropoutEncoder(sampling.seed, sampling.epoch, documents, starts, self.encoder, sampling.limit)

    @property
    def decoded_pieces(self) -> Ragged:
        return self.pieces if self._parsed is None else self._parsed.texts

    @property
    def is_lossless(self) -> bool:
        if self.byte_ids is None:
            return False  # some character is always unknown
        parsed = self._parsed
        if parsed is None or parsed.alphabet.compat != "huggingface":
            return True
        # With compat, the text <0x41> can become the piece of this name, and is then decoded as A.
        return not (parsed.has_several_lengths or self.ignore_merges)

    def to_dict(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"kind": self.kind}
        if isinstance(self.alphabet, Characters):
            fields |= {"end_of_word_suffix": self.alphabet.end_of_word_suffix, "unk_id": self.unk_id}
            for option in ("continuing_subword_prefix", "byte_fallback", "fuse_unk", "drop_unk", "compat"):
                if value := getattr(self.alphabet, option):
                    fields[option] = value
        if self.ignore_merges or isinstance(self.alphabet, Bytes):
            fields["ignore_merges"] = self.ignore_merges
        for option in ("user_defined", "unused"):
            if ids := sorted(getattr(self, option)):
                fields[option] = ids
        fields["pieces"] = [row.decode(errors="surrogateescape") for row in self.pieces.to_bytes()]
        if (ranks := self._find_piece_ranks()) is not None:
            return fields | {"piece_ranks": ranks}
        if self.extra_characters:
            fields["extra_characters"] = self.extra_characters
        if self.merge_ranks is not None:
            fields["merge_ranks"] = self.merge_ranks.tolist()
        rows = [*self.merges.T.tolist(), self.merge_ids.tolist()]
        return fields | {"merges": list(zip(*rows, strict=True))}

    def _find_piece_ranks(self) -> list[int | None] | None:
        """Return the rank of each piece if the merges follow from these ranks; otherwise None.

        The rank of a piece that is not a result of a merge is None.
        """
        if self.merge_ranks is None or not self._is_by_score(self.alphabet):
            return None
        ranks = np.zeros(len(self.pieces))
        ranks[self.merge_ids] = self.merge_ranks
        found = join_all(self.pieces, -ranks, self._find_mergeable())
        arrays = (self.merges, self.merge_ids, self.merge_ranks)
        is_same = all(np.array_equal(ours, other) for ours, other in zip(found[:3], arrays, strict=True))
        if not is_same or found.extra_characters != self.extra_characters:
            return None
        is_made = np.zeros(len(self.pieces), np.bool_)
        is_made[self.merge_ids] = True
        pairs = zip(is_made.tolist(), ranks.astype(int).tolist(), strict=True)
        return [rank if made else None for made, rank in pairs]

    def _find_mergeable(self) -> NDArray[np.bool_]:
        return find_mergeable(self.pieces, self._byte_ids is not None, self.user_defined)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> BPEModel:
        alphabet: Bytes | Characters = Bytes()
        if fields["kind"] == Characters.kind:
            alphabet = Characters(
                fields["end_of_word_suffix"],
                fields.get("continuing_subword_prefix", ""),
                fields["unk_id"],
                fields.get("byte_fallback", False),
                fields.get("fuse_unk", False),
                fields.get("drop_unk", False),
                fields.get("compat"),
            )
        pieces = Ragged.from_bytes([piece.encode(errors="surrogateescape") for piece in fields["pieces"]])
        options = {name: fields[name] for name in ("user_defined", "unused") if name in fields}
        if "piece_ranks" in fields:
            scores = [float("nan") if rank is None else -rank for rank in fields["piece_ranks"]]
            byte_fallback = fields.get("byte_fallback", False)
            included = find_mergeable(pieces, byte_fallback, options.get("user_defined", ()))
            found = join_all(pieces, np.array(scores, np.float64), included)
            return cls(pieces, **found._asdict(), alphabet=alphabet, **options)
        rows, extra = fields["merges"], fields.get("extra_characters", "")
        n = len(pieces) + len(checked_text("extra_characters", extra))
        if not all(type(i) is int and 0 <= i < n for row in rows for i in row):
            raise ValueError(f"each merge must be a row of ids from 0 to {n - 1}")
        table = np.array(rows, np.uint32).reshape(len(rows), 3)
        whole = fields["ignore_merges"] if isinstance(alphabet, Bytes) else fields.get("ignore_merges", False)
        return cls(
            pieces,
            table[:, :2],
            table[:, 2],
            alphabet=alphabet,
            ignore_merges=whole,
            merge_ranks=fields.get("merge_ranks"),
            extra_characters=extra,
            **options,
        )


def make_checked(
    pieces: Ragged,
    merges: NDArray[np.uint32],
    merge_ids: NDArray[np.uint32],
    alphabet: Bytes | Characters,
    ignore_merges: bool,
) -> BPEModel:
    """Make a model of arguments that the caller has checked, without checking them again.

    The alphabet is one of bytes, or one with `compat`. The pieces must be different, and so must the merges.
    The name of each merged piece must be that of its parts.
    """
    model = BPEModel.__new__(BPEModel)
    model._fill(pieces, merges, merge_ids, alphabet, ignore_merges)
    return model


def _checked_merges(name: str, ids: Any, n_dimensions: int) -> NDArray[np.uint32]:
    """Return ids as a contiguous array of uint32: pairs, or with one dimension a row.

    Raises
    ------
    TypeError, ValueError
        If `ids` are not integers from 0 to 2^32 - 1 in this shape.
    """
    what = "pairs of ids" if n_dimensions == 2 else "a row of ids"
    array = checked_array(name, ids, what)
    if array.shape == (0,):
        array = np.empty((0, 2)[:n_dimensions], np.uint32)
    if array.ndim != n_dimensions or array.shape[1:] not in ((), (2,)):
        raise ValueError(f"{name} must be {what}, not an array of shape {array.shape}")
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be {what}, not of {array.dtype}")
    if array.size and not 0 <= int(array.min()) <= int(array.max()) <= NOTHING:
        raise ValueError(f"{name} must be {what} from 0 to 2^32 - 1")
    return np.ascontiguousarray(array, np.uint32)


def _check_ids(pieces: Ragged, merges: NDArray[np.uint32], unk_id: int | None) -> None:
    n, n_merges = len(pieces), len(merges)
    if n > MOST_PIECES or n_merges > MOST_PIECES:
        raise ValueError(
            f"a BPE model can have at most {MOST_PIECES:,} pieces and {MOST_PIECES:,} merges, not {n:,} "
            f"pieces and {n_merges:,} merges"
        )
    if n_merges and int(merges.max()) >= n:
        raise ValueError(f"a merge names id {merges.max()}, but there are {n} pieces")
    if unk_id is not None and not 0 <= unk_id < MOST_PIECES:
        raise ValueError(f"unk_id must be from 0 to {MOST_PIECES - 1:,}, not {unk_id}")


def _check_merge_ids(pieces: Ragged, merges: NDArray[np.uint32], merge_ids: NDArray[np.uint32]) -> None:
    if len(merges) != len(merge_ids):
        raise ValueError(
            f"merges and merge_ids must have the same length, not {len(merges)} and {len(merge_ids)}"
        )
    if len(merge_ids) and int(merge_ids.max()) >= len(pieces):
        raise ValueError(f"a merge names id {merge_ids.max()}, but there are {len(pieces)} pieces")


def _find_bytes(pieces: Ragged) -> NDArray[np.uint32]:
    """Return the id of each single byte; raise a ValueError if a byte is not a piece."""
    ids = np.full(256, NOTHING, np.uint32)
    rows = np.flatnonzero(pieces.lengths == 1)
    ids[pieces.values[pieces.offsets[rows]]] = rows
    missing = np.flatnonzero(ids == NOTHING)
    if len(missing):
        raise ValueError(
            f"byte-level BPE needs a piece for each of the 256 bytes; {len(missing)} missing, the first is "
            f"0x{missing[0]:02X}"
        )
    return ids
