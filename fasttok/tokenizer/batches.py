"""Arrange rows of ids for a model: fill templates, truncate, split into windows, pad to a matrix.

Rows that are truncated or split here keep the special tokens of the template. A row counts as encoded with
the template if it begins and ends with the ids that the template adds. A row that was encoded without the
template has these ids at its ends only if the caller let `encode` find these special tokens in text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fasttok.core._rows import copy_ranges, pad_rows
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.tokenizer.template import Part

Ends = tuple[Sequence[int], Sequence[int]]  # ids that a template adds before and after a single text
TextPair = tuple[str | bytes, str | bytes]
Truncation = Literal["longest_first", "only_first", "only_second"]

PAD_TOKENS = ("[PAD]", "<pad>", "<|pad|>")  # names of the padding token, in order of preference


class Padded(NamedTuple):
    """Matrix of padded ids with its attention mask, as returned by `Tokenizer.pad`.

    Both arrays are C-contiguous and writeable, so ``torch.from_numpy`` takes them without a copy.

    Attributes
    ----------
    ids : ndarray of int64 or int32, shape (k, width)
        The ids, one row per row of the batch. Unused positions contain the pad id.
    mask : ndarray of bool, shape (k, width)
        Attention mask: True for ids, False for padding. Attention in torch takes a bool mask, which needs an
        eighth of the memory of int64. For a model that calculates with the mask, use
        ``mask.astype(np.int64)``.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["low"]), vocab_size=257, special_tokens=["<pad>"])
    >>> padded = tok.pad(tok.encode_batch(["low", "lo"]))
    >>> padded.ids
    array([[108, 111, 119],
           [108, 111, 256]])
    >>> padded.mask
    array([[ True,  True,  True],
           [ True,  True, False]])
    """

    ids: NDArray[Any]
    mask: NDArray[np.bool_]


class Pairs(NamedTuple):
    """Encoded pairs of texts, one row per pair, as returned by `Tokenizer.encode_pairs`.

    Attributes
    ----------
    ids : Ragged of uint32
        Ids of both texts.
    type_ids : Ragged of uint8
        Type id of each id, as given in the template; without a template, 0 for the first text and 1 for the
        second.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["low"]), vocab_size=256)
    >>> pairs = tok.encode_pairs([("lo", "w")])
    >>> pairs.ids[0]
    array([108, 111, 119], dtype=uint32)
    >>> pairs.type_ids[0]
    array([0, 0, 1], dtype=uint8)
    """

    ids: Ragged
    type_ids: Ragged


class Windows(NamedTuple):
    """Windows of long rows, as returned by `Tokenizer.windows`.

    Attributes
    ----------
    ids : Ragged of uint32
        Ids, one row per window.
    documents : ndarray of int64, shape (k,)
        Index of the row that each window comes from, in ascending order.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["low"]), vocab_size=256)
    >>> windows = tok.windows(tok.encode_batch(["lower", "low"]), max_length=3)
    >>> tok.decode_batch(windows.ids), windows.documents
    (['low', 'er', 'low'], array([0, 0, 1]))
    """

    ids: Ragged
    documents: NDArray[np.int64]


def fill_single(parts: Sequence[Part], rows: Ragged) -> Ragged:
    """Return each row with the special tokens of the template of a single text around it."""
    sizes = _measure_parts(parts, rows.lengths[:, np.newaxis])
    return _fill_template(parts, sizes, rows.values, rows.offsets[:-1, np.newaxis])


def iterate_texts(pairs: Iterable[TextPair]) -> Iterator[str | bytes]:
    """Yield both texts of every pair."""
    for i, pair in enumerate(pairs):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"pair {i} must be two texts, not {pair!r:.50}")
        yield from pair


def join_pairs(rows: Ragged, parts: Sequence[Part], max_length: int | None, truncation: Truncation) -> Pairs:
    """Fill the template of a pair with texts: pair i consists of rows 2 i and 2 i + 1.

    The texts are truncated so that no pair has more than `max_length` ids.

    Raises
    ------
    ValueError
        If no id of the text to truncate would be left.
    """
    starts, lengths = rows.offsets[:-1].reshape(-1, 2), rows.lengths.reshape(-1, 2)
    if max_length is not None:
        n_added = sum(part.text is None for part in parts)
        lengths = _shorten_pairs(lengths, max_length - n_added, truncation)
    sizes = _measure_parts(parts, lengths)
    ids = _fill_template(parts, sizes, rows.values, starts)
    type_ids = np.tile(np.array([part.type_id for part in parts], np.uint8), len(sizes))
    return Pairs(ids, Ragged(np.repeat(type_ids, sizes.ravel()), ids.offsets))


def split_into_windows(rows: Ragged, ends: Ends, max_length: int, stride: int) -> Windows:
    """Split rows into windows of at most `max_length` ids; each shares `stride` ids with the one before it.

    Raises
    ------
    ValueError
        If `max_length` is not larger than `stride` plus the number of ids in `ends` that a window must have,
        or a pair would be split.
    """
    has_ends = _have_ends(rows.values, rows.offsets[:-1], rows.lengths, ends)
    _refuse_pairs(rows, np.flatnonzero(has_ends & (rows.lengths > max_length)), ends)
    # Windows are copied from the whole row, special tokens included. Then the special tokens of the template
    # overwrite both ends of each window.
    n_ends = has_ends * _count_ends(ends)
    steps = max_length - stride - n_ends
    if (shortest := int(steps.min(initial=1))) < 1:
        raise ValueError(
            f"max_length must be at least {max_length - shortest + 1}, not {max_length}: it must be larger "
            f"than the stride of {stride} plus the {n_ends.max()} special tokens of the template"
        )
    n_windows = 1 + -(-np.maximum(rows.lengths - max_length, 0) // steps)
    documents = np.repeat(np.arange(len(rows)), n_windows)
    numbers = np.arange(len(documents)) - lengths_to_offsets(n_windows)[documents]
    starts = numbers * steps[documents]
    lengths = np.minimum(rows.lengths[documents] - starts, max_length)
    offsets = lengths_to_offsets(lengths)
    values = np.empty(offsets[-1], np.uint32)
    copy_ranges(rows.values, rows.offsets[documents] + starts, lengths, offsets[:-1], values)
    prefix, suffix = ends
    is_filled = has_ends[documents]
    for i, token in enumerate(prefix):
        values[offsets[:-1][is_filled] + i] = token
    for i, token in enumerate(reversed(suffix), 1):
        values[offsets[1:][is_filled] - i] = token
    return Windows(Ragged(values, offsets), documents)


def pad_to_matrix(
    rows: Ragged,
    ends: Ends,
    pad_id: int,
    *,
    max_length: int | None,
    width: int | None,
    on_left: bool,
    dtype: np.dtype[Any],
) -> Padded:
    """Truncate rows to `max_length` ids and pad them to a matrix.

    Raises
    ------
    ValueError
        If `max_length` is below the number of ids in `ends` that a truncated row must keep, a pair would be
        truncated, or a row is longer than `width`.
    """
    starts, lengths = rows.offsets[:-1], rows.lengths
    kept = lengths if max_length is None else np.minimum(lengths, max_length)
    truncated = np.flatnonzero(kept < lengths)
    truncated = truncated[_have_ends(rows.values, starts[truncated], lengths[truncated], ends)]
    _refuse_pairs(rows, truncated, ends)
    if len(truncated) and max_length is not None and max_length < _count_ends(ends):
        raise ValueError(
            f"max_length must be at least {_count_ends(ends)}, not {max_length}: truncated rows keep the "
            "special tokens of the template"
        )
    longest = int(kept.max(initial=0))
    if width is None:
        width = longest
    if width < longest:
        raise ValueError(
            f"row {int(np.argmax(kept))} has {longest} ids, which is more than width={width}; pass "
            "max_length to truncate rows"
        )
    ids, mask = np.empty((len(rows), width), dtype), np.empty((len(rows), width), np.bool_)
    pad_rows(rows.values, starts, kept, pad_id, on_left, ids, mask.view(np.uint8))
    suffix = ends[1]
    if len(truncated) and suffix:
        end = width if on_left else longest  # a truncated row is as long as the longest row
        ids[truncated, end - len(suffix) : end] = suffix
    return Padded(ids, mask)


def find_pad_id(special_tokens: Mapping[str, int]) -> int:
    """Return the id of the padding token.

    Raises
    ------
    ValueError
        If no special token is one of `PAD_TOKENS`.
    """
    for token in PAD_TOKENS:
        if token in special_tokens:
            return special_tokens[token]
    raise ValueError(
        f"no padding token: none of the special tokens is {', '.join(PAD_TOKENS[:-1])} or {PAD_TOKENS[-1]}; "
        "pass pad_id (any id will do, since the mask marks the padding)"
    )


def checked_dtype(dtype: DTypeLike, pad_id: int) -> np.dtype[Any]:
    """Return the type of the ids.

    Raises
    ------
    TypeError
        If the type is neither int64 nor int32.
    ValueError
        If the pad id does not fit the type.
    """
    found = np.dtype(dtype)
    if found not in (np.dtype(np.int64), np.dtype(np.int32)):
        raise TypeError(f"dtype must be int64 or int32, not {found}")
    limits = np.iinfo(found)
    if not limits.min <= pad_id <= limits.max:
        raise ValueError(f"pad_id {pad_id} does not fit dtype {found}")
    return found


def _measure_parts(parts: Sequence[Part], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of ids of each part of the template in each row: int64 of shape (k, len(parts)).

    `lengths` is the number of ids of each text: int64 with k rows and one column per text of the template.
    """
    sizes = np.ones((len(lengths), len(parts)), np.int64)
    for column, part in zip(sizes.T, parts, strict=True):
        if part.text is not None:
            column[:] = lengths[:, part.text]
    return sizes


def _fill_template(
    parts: Sequence[Part],
    sizes: NDArray[np.int64],
    values: NDArray[np.uint32],
    starts: NDArray[np.int64],
) -> Ragged:
    """Fill a template with texts.

    `starts` is the index in `values` at which each text begins, with one row per row of the result and one
    column per text of the template. `sizes` is the result of `_measure_parts`.
    """
    bounds = lengths_to_offsets(sizes.ravel())
    out = np.empty(bounds[-1], np.uint32)
    positions = bounds[:-1].reshape(sizes.shape)
    for i, part in enumerate(parts):
        if part.text is None:
            out[positions[:, i]] = part.id
        else:
            copy_ranges(values, starts[:, part.text], sizes[:, i], positions[:, i], out)
    return Ragged(out, bounds[:: len(parts)].copy())


def _shorten_pairs(lengths: NDArray[np.int64], capacity: int, truncation: Truncation) -> NDArray[np.int64]:
    """Return the lengths of both texts after truncation to `capacity` ids per pair: int64 of shape (k, 2).

    Raises
    ------
    ValueError
        If no id of the text to truncate would be left.
    """
    excess = np.maximum(lengths.sum(axis=1) - capacity, 0)
    is_truncated = excess > 0
    kept = lengths.copy()
    if truncation == "longest_first":
        # Each text gets half of the capacity. The longer text (the second, if both are equally long) also
        # gets the part that the shorter one does not need, and the odd id.
        shorter = np.minimum(lengths.min(axis=1), capacity // 2)
        is_first_longer = lengths[:, 0] > lengths[:, 1]
        firsts = np.where(is_first_longer, capacity - shorter, shorter)
        kept[is_truncated] = np.stack([firsts, capacity - firsts], axis=1)[is_truncated]
        return kept
    column = 0 if truncation == "only_first" else 1
    kept[:, column] -= excess
    bad = np.flatnonzero(is_truncated & (kept[:, column] < 1))
    if len(bad):
        pair = int(bad[0])
        raise ValueError(
            f"pair {pair} is {excess[pair]} ids too long, but the {truncation.removeprefix('only_')} text "
            f'has only {lengths[pair, column]} ids and must keep one; use truncation="longest_first"'
        )
    return kept


def _count_ends(ends: Ends) -> int:
    return len(ends[0]) + len(ends[1])


def _refuse_pairs(rows: Ragged, indices: NDArray[np.int64], ends: Ends) -> None:
    """Raise an error if a row at `indices` contains an id of the template between its ends, as pairs do."""
    added = [*ends[0], *ends[1]]
    if not added or not len(indices):
        return
    n_before = lengths_to_offsets(np.isin(rows.values, added))[rows.offsets]
    bad = indices[np.diff(n_before)[indices] > len(added)]
    if len(bad):
        raise ValueError(
            f"cannot truncate or split row {bad[0]}: it seems to be a pair, since a special token "
            "of the template occurs inside it; to truncate pairs, use encode_pairs(..., max_length=...)"
        )


def _have_ends(
    values: NDArray[np.uint32], starts: NDArray[np.int64], lengths: NDArray[np.int64], ends: Ends
) -> NDArray[np.bool_]:
    """Return whether each row begins and ends with the ids in `ends`: bool of shape (k,)."""
    prefix, suffix = ends
    has_ends: NDArray[np.bool_] = lengths >= _count_ends(ends)
    for i, token in enumerate(prefix):
        has_ends[has_ends] = values[starts[has_ends] + i] == token
    for i, token in enumerate(reversed(suffix), 1):
        has_ends[has_ends] = values[(starts + lengths)[has_ends] - i] == token
    return has_ends
