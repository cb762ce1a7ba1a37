"""`merges_by_score`: merges of BPE by sentencepiece's rules: by the score of the joined piece."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fasttok.core._trie import Trie
from fasttok.core.checks import checked_flag, checked_numbers
from fasttok.core.ragged import Ragged, lengths_to_offsets, read_only
from fasttok.models.bpe._by_score import ScoreEncoder
from fasttok.models.bpe._encode import MOST_PIECES
from fasttok.models.bpe._merges import UNLISTED, find_all_merges
from fasttok.models.bpe.alphabets import Characters
from fasttok.models.bpe.character_pieces import CharacterPieces
from fasttok.models.pieces import (
    as_pieces,
    check_different,
    check_have_pieces,
    check_texts,
    checked_ids,
    find_all_byte_ids,
    write_bytes,
)


class MergesByScore(NamedTuple):
    """Merges that follow from scores; arguments of `BPEModel`.

    Attributes
    ----------
    merges : ndarray of uint32, shape (m, 2)
        Pairs of ids, sorted by rank, then by the id of the merged piece, then by the length of the left part.
    merge_ids : ndarray of uint32, shape (m,)
        Id of each merged piece.
    merge_ranks : ndarray of uint32, shape (m,)
        Rank of each merge. Pieces with equal scores have equal ranks.
    extra_characters : str
        Characters that are parts of merges, but not pieces. The id of the k-th one is the number of pieces
        plus k.
    """

    merges: NDArray[np.uint32]
    merge_ids: NDArray[np.uint32]
    merge_ranks: NDArray[np.uint32]
    extra_characters: str


def merges_by_score(
    pieces: Ragged | Sequence[str | bytes],
    scores: ArrayLike,
    *,
    byte_fallback: bool = False,
    user_defined: Collection[int] = (),
) -> MergesByScore:
    """Return the merges of BPE by sentencepiece's rules.

    sentencepiece merges two neighbours if their joined text is a piece. The piece with the highest score, as
    float32, is made first; of equal scores, the leftmost one. So every pair of pieces or characters whose
    joined text is a piece is a merge, with the rank of this piece.

    Parameters
    ----------
    pieces : Ragged of uint8, or sequence of str or bytes
        Text of each id, in UTF-8. An empty row is an id that text never gets, such as a control symbol's.
    scores : array_like of float64, shape (n,)
        Score of each id. Those of empty rows, byte pieces and user-defined pieces have no effect.
    byte_fallback : bool
        Whether the pieces ``<0x00>`` to ``<0xFF>`` are those of bytes, which never match text.
    user_defined : collection of int
        Ids of user-defined pieces, which are found in text before merging and never merge.

    Returns
    -------
    MergesByScore
        Arguments of `BPEModel`, for ``alphabet=Characters(compat="sentencepiece")``.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If a piece is not UTF-8, contains U+0000 or occurs twice; if a score is NaN, or there is not one per
        piece; if a byte piece is missing; or if there are more than 2,097,151 merges.

    Notes
    -----
    Takes O(b + m log m) time for b bytes of pieces and m merges: 0.1 s for 256,000 pieces.

    Examples
    --------
    >>> import fasttok as ft
    >>> from fasttok.models.bpe.by_score import merges_by_score
    >>> pieces = ["", "a", "b", "ab", "aba", "ba"]
    >>> found = merges_by_score(pieces, [0, 0, 0, -1, -2, -3])
    >>> found.merges.tolist(), found.merge_ids.tolist(), found.merge_ranks.tolist()
    ([[1, 2], [1, 5], [3, 1], [2, 1]], [3, 4, 4, 5], [0, 1, 1, 2])
    >>> alphabet = ft.Characters(unk_id=0, compat="sentencepiece")
    >>> model = ft.BPEModel(pieces, **found._asdict(), alphabet=alphabet)
    >>> ft.Tokenizer(model, "none", {"<unk>": 0}).encode("ababxy").tolist()
    [3, 3, 0]
    """
    pieces = as_pieces(pieces)
    checked_flag("byte_fallback", byte_fallback)
    user_defined = checked_ids("user_defined", user_defined)
    numbers = checked_numbers("scores", scores)
    if numbers.shape != (len(pieces),):
        raise ValueError(
            f"{len(pieces)} pieces but scores of shape {numbers.shape}: give one score per piece"
        )
    check_texts(pieces)
    check_different(pieces)
    return join_all(pieces, numbers, find_mergeable(pieces, byte_fallback, user_defined))


def find_mergeable(pieces: Ragged, byte_fallback: bool, user_defined: Collection[int]) -> NDArray[np.bool_]:
    """Return whether each piece can take part in merges: bool of shape (n,)."""
    included = pieces.lengths > 0
    byte_ids = find_all_byte_ids(pieces) if byte_fallback else None
    if byte_ids is not None:
        included[byte_ids] = False
    check_have_pieces("user_defined", user_defined, pieces, byte_ids)
    included[list(user_defined)] = False
    return included


def join_all(pieces: Ragged, scores: NDArray[np.float64], included: NDArray[np.bool_]) -> MergesByScore:
    """Return the merges between the included pieces, which the caller has checked.

    Raises
    ------
    ValueError
        If the score of a merged piece is NaN, or there are more than 2,097,151 merges.
    """
    merges, merge_ids = find_all_merges(pieces.values, pieces.offsets, included.view(np.uint8), MOST_PIECES)
    # A character that is a user-defined piece never merges.
    _, others = _find_characters(pieces, (pieces.lengths > 0) & ~included)
    possible = ~np.isin(merges, others + np.uint32(UNLISTED)).any(axis=1)
    merges, merge_ids = merges[possible], merge_ids[possible]
    with np.errstate(over="ignore"):
        scores = scores.astype(np.float32)
    for i in merge_ids[np.isnan(scores[merge_ids])][:1].tolist():
        raise ValueError(f"the score of id {i}, {bytes(pieces[i])!r}, is NaN")
    ranks = np.unique(-scores[merge_ids], return_inverse=True)[1].ravel().astype(np.uint32)
    order = np.argsort(ranks, kind="stable")
    merges, merge_ids, ranks = merges[order], merge_ids[order], ranks[order]
    is_extra = merges >= UNLISTED
    extra, numbers = np.unique(merges[is_extra] - np.uint32(UNLISTED), return_inverse=True)
    merges[is_extra] = len(pieces) + numbers.ravel()
    return MergesByScore(
        read_only(merges), read_only(merge_ids), read_only(ranks), "".join(map(chr, extra.tolist()))
    )


def read_texts(pieces: Ragged, extra_characters: str, alphabet: Characters) -> CharacterPieces:
    """Find the characters and texts of pieces with ``compat="sentencepiece"``, which have no marks.

    Raises
    ------
    ValueError
        If a piece is not UTF-8 or contains U+0000, or a byte piece is missing.
    """
    check_texts(pieces)
    byte_ids = find_all_byte_ids(pieces) if alphabet.byte_fallback else None
    is_piece = pieces.lengths > 0
    ids, characters = _find_characters(pieces, is_piece)
    ids = np.concatenate([ids, len(pieces) + np.arange(len(extra_characters))])
    characters = np.concatenate([characters, as_code_points(extra_characters)])
    is_byte = np.zeros(len(pieces), np.bool_)
    if byte_ids is not None:
        is_byte[byte_ids] = True
    return CharacterPieces(
        alphabet,
        write_bytes(pieces, byte_ids),
        read_only(is_piece & ~is_byte),
        read_only(is_piece & ~is_byte),
        read_only(np.zeros(len(pieces), np.bool_)),
        characters << np.uint32(2),
        ids.astype(np.uint32),
        byte_ids,
        False,
    )


def _find_characters(
    pieces: Ragged, may_be: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.uint32]]:
    """Return the ids of the pieces that are single characters, and their code points."""
    ids = np.flatnonzero(may_be & (pieces.lengths <= 4))
    firsts = pieces.values[pieces.offsets[ids]]
    sizes = 1 + (firsts >= 0xC0) + (firsts >= 0xE0) + (firsts >= 0xF0).astype(np.int64)
    ids = ids[pieces.lengths[ids] == sizes]
    return ids, as_code_points(pieces.take(ids).values.tobytes().decode())


def as_code_points(text: str) -> NDArray[np.uint32]:
    """Return the code points of a text."""
    return np.frombuffer(text.encode("utf-32-le"), np.dtype("<u4")).astype(np.uint32)


def find_neighbours(pieces: Ragged) -> NDArray[np.uint32]:
    """Return the distinct pairs of neighbouring code points of the pieces: uint32 of shape (p, 2)."""
    is_start = (pieces.values & 0xC0) != 0x80
    code_points = as_code_points(pieces.values.tobytes().decode())
    row_of_byte = np.repeat(np.arange(len(pieces)), pieces.lengths)
    row = row_of_byte[is_start]
    joined = row[:-1] == row[1:]
    keys = code_points[:-1][joined].astype(np.uint64) << np.uint64(32) | code_points[1:][joined]
    keys = np.unique(keys)
    return np.stack([keys >> np.uint64(32), keys & np.uint64(0xFFFFFFFF)], axis=1).astype(np.uint32)


def split_unused(
    unused: Collection[int], merges: NDArray[np.uint32], merge_ids: NDArray[np.uint32]
) -> tuple[dict[int, tuple[int, int]], bool]:
    """Return the first pair of each unused piece that merges produce, and whether one has several pairs."""
    rows = np.flatnonzero(np.isin(merge_ids, list(unused)))
    pairs: dict[int, tuple[int, int]] = {}
    for row in rows.tolist():
        left, right = merges[row].tolist()
        pairs.setdefault(int(merge_ids[row]), (left, right))
    return pairs, len(pairs) < len(rows)


def make_encoder(
    parsed: CharacterPieces,
    pieces: Ragged,
    merges: NDArray[np.uint32],
    merge_ids: NDArray[np.uint32],
    merge_ranks: NDArray[np.uint32] | None,
    extra_characters: str,
    user_defined: Collection[int],
    unused: Collection[int],
    excluded: Collection[int],
) -> ScoreEncoder:
    """Make the encoder of a model with ``compat="sentencepiece"`` that does not use the `excluded` pieces."""
    byte_ids, unk_id = parsed.byte_ids, cast("int", parsed.alphabet.unk_id)
    preferred = np.array(sorted(set(user_defined).difference(excluded)), np.int32)
    rows = pieces.take(preferred).to_bytes()
    order = sorted(range(len(rows)), key=rows.__getitem__)
    trie = Trie.build(pieces.take(preferred[order]), preferred[order]) if rows else None
    known = ~np.isin(parsed.ids, [*excluded, *user_defined])
    pairs, has_several = split_unused(unused, merges, merge_ids)
    n = len(pieces)
    lengths = np.ones(n + len(extra_characters), np.int64)
    left_over: dict[int, list[int]] = {}
    unknown = {n + k: character.encode() for k, character in enumerate(extra_characters)}
    characters = set(parsed.ids.tolist())
    unknown |= {i: bytes(pieces[i]) for i in sorted(unused) if i in characters}
    for i, data in unknown.items():
        left_over[i] = [unk_id] if byte_ids is None else [int(byte_ids[byte]) for byte in data]
    for i in sorted(pairs):
        left_over[i] = _split(i, pairs, left_over)
    values = np.arange(len(lengths), dtype=np.uint32)
    for i, ids in left_over.items():
        lengths[i] = len(ids)
    offsets = lengths_to_offsets(lengths)
    finals_of = np.repeat(values, lengths)
    for i, ids in left_over.items():
        finals_of[offsets[i] : offsets[i + 1]] = ids
    is_unused = None
    if has_several:
        is_unused = np.zeros(n, np.uint8)
        is_unused[list(pairs)] = 1
    encoder = ScoreEncoder(
        parsed.characters[known] >> np.uint32(2),
        parsed.ids[known],
        merges,
        merge_ids,
        merge_ranks,
        byte_ids,
        unk_id,
        trie,
        find_neighbours(pieces.take(np.unique(merge_ids))),
        finals_of,
        offsets,
        is_unused,
    )
    sizes = parsed.texts.lengths.astype(np.uint32)
    sizes[unk_id : unk_id + 1] = 0
    encoder.set_lengths(sizes)
    return encoder


def _split(i: int, pairs: dict[int, tuple[int, int]], left_over: dict[int, list[int]]) -> list[int]:
    """Return the ids that replace an unused piece; `left_over` has those that replace unknown characters."""
    stack, ids = [i], []
    while stack:
        i = stack.pop()
        if i in pairs:
            stack += reversed(pairs[i])
        else:
            ids += left_over.get(i, [i])
    return ids
