"""Arrange rows of ids for a model: truncate, split into windows, pad to a matrix.

Rows that are truncated or split here keep the special tokens of the template. A row counts as encoded with
the template if it begins and ends with the ids that the template adds. A row that was encoded without the
template has these ids at its ends only if the caller let `encode` find these special tokens in text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fasttok.core._rows import copy_ranges, pad_rows
from fasttok.core.checks import describe
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.tokenizer.filling import TypeIds, types_of
from fasttok.tokenizer.settings import Padding, Truncation
from fasttok.tokenizer.template import Part, Parts

Ends = tuple[Sequence[int], Sequence[int]]  # ids that a template adds before and after a single text

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


def find_type_ids(rows: Ragged, around: tuple[Parts, Part, Parts]) -> TypeIds:
    """Return the type ids of rows of single texts; `around` is that of the template."""
    before, text, after = around
    ends = [part.id for part in before], [part.id for part in after]
    has_ends = _have_ends(rows.values, rows.offsets[:-1], rows.lengths, ends)
    type_ids = np.full(len(rows.values), text.type_id, types_of([*before, text, *after]).dtype)
    _write_ends(type_ids, rows.offsets, has_ends, ends_of_types(around))
    return TypeIds(type_ids, rows.offsets)


def ends_of_types(around: tuple[Parts, Part, Parts]) -> Ends:
    """Return the type ids before and after a single text; `around` is that of the template."""
    before, _, after = around
    return [part.type_id for part in before], [part.type_id for part in after]


def split_into_windows(rows: Ragged, ends: Ends, truncation: Truncation, *, is_strict: bool) -> Windows:
    """Split rows into windows of at most `max_length` ids; each shares `overlap` ids with the one before it.

    If `is_strict`, rows that seem to be pairs are not split.

    Raises
    ------
    ValueError
        If `max_length` is not larger than `overlap` plus the number of ids in `ends` that a window must have,
        a pair would be split, or the strategy is to truncate only the second text of a pair.
    """
    max_length, overlap = truncation.max_length, truncation.overlap
    has_ends = _have_ends(rows.values, rows.offsets[:-1], rows.lengths, ends)
    is_split = rows.lengths > max_length
    _check_strategy(truncation, np.flatnonzero(is_split))
    if is_strict:
        _refuse_pairs(rows, np.flatnonzero(has_ends & is_split), ends)
    # Windows are copied from the whole row, special tokens included. Then the special tokens of the template
    # overwrite both ends of each window.
    n_ends = has_ends * _count_ends(ends)
    # Settings of a file can have an overlap that matters only if a row must be split.
    steps = np.where(is_split | is_strict, max_length - overlap - n_ends, 1)
    if (shortest := int(steps.min(initial=1))) < 1:
        raise ValueError(
            f"max_length must be at least {max_length - shortest + 1}, not {max_length}: it must be larger "
            f"than the overlap of {overlap} plus the {n_ends.max()} special tokens of the template"
        )
    n_windows = 1 + -(-np.maximum(rows.lengths - max_length, 0) // steps)
    documents = np.repeat(np.arange(len(rows)), n_windows)
    numbers = np.arange(len(documents)) - lengths_to_offsets(n_windows)[documents]
    starts = numbers * steps[documents]
    lengths = np.minimum(rows.lengths[documents] - starts, max_length)
    if truncation.side == "left":
        starts = rows.lengths[documents] - starts - lengths
    offsets = lengths_to_offsets(lengths)
    values = np.empty(offsets[-1], np.uint32)
    copy_ranges(rows.values, rows.offsets[documents] + starts, lengths, offsets[:-1], values)
    _write_ends(values, offsets, has_ends[documents], ends)
    return Windows(type(rows)(values, offsets), documents)


_MOST_ITEMS = 1 << 48  # of a matrix of ids; more fit in no memory


def pad_to_matrix(
    rows: Ragged,
    ends: Ends,
    padding: Padding,
    pad_id: int,
    truncation: Truncation | None,
    *,
    is_strict: bool,
    may_widen: bool,
    dtype: np.dtype[Any],
) -> Padded:
    """Truncate rows and pad them to a matrix.

    Parameters
    ----------
    is_strict : bool
        Whether a row that seems to be a pair must not be truncated. If False, a row is also not truncated if
        it could not keep the ids in `ends`.
    may_widen : bool
        Whether the matrix may be wider than the padding says.

    Raises
    ------
    ValueError
        If `max_length` is below the number of ids in `ends` that a truncated row must keep, a pair would be
        truncated, the strategy is to truncate only the second text of a pair, or a row is longer than the
        width of the padding.
    """
    starts, kept = rows.offsets[:-1], rows.lengths
    truncated = np.empty(0, np.int64)  # rows with the ids in `ends`
    truncates_left = truncation is not None and truncation.side == "left"
    if truncation is not None:
        kept, truncated = _truncate(rows, ends, truncation, is_strict)
        if truncates_left:
            starts = starts + (rows.lengths - kept)
    longest = int(kept.max(initial=0))
    width = _round_up(longest if padding.width is None else padding.width, padding.multiple_of)
    if width < longest and not may_widen:
        raise ValueError(
            f"row {int(np.argmax(kept))} has {longest} ids, which is more than width={width}; pass "
            "max_length to truncate rows"
        )
    width = max(width, longest)
    if len(rows) * width > _MOST_ITEMS:
        raise ValueError(f"width {describe(width)} is too large for {len(rows):,} rows")
    ids, mask = np.empty((len(rows), width), dtype), np.empty((len(rows), width), np.bool_)
    on_left = padding.side == "left"
    pad_rows(rows.values, starts, kept, pad_id, on_left, ids, mask.view(np.uint8))
    prefix, suffix = ends
    end = width if on_left else longest  # a truncated row is as long as the longest row
    if len(truncated) and truncates_left and prefix:
        ids[truncated, end - longest : end - longest + len(prefix)] = prefix
    elif len(truncated) and not truncates_left and suffix:
        ids[truncated, end - len(suffix) : end] = suffix
    return Padded(ids, mask)


def _truncate(
    rows: Ragged, ends: Ends, truncation: Truncation, is_strict: bool
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the length of each row after truncation, and the truncated rows that keep the ids in `ends`.

    See `pad_to_matrix`.
    """
    max_length = truncation.max_length
    too_long = np.flatnonzero(rows.lengths > max_length)
    has_ends = _have_ends(rows.values, rows.offsets[too_long], rows.lengths[too_long], ends)
    if max_length < _count_ends(ends):
        if is_strict and has_ends.any():
            raise ValueError(
                f"max_length must be at least {_count_ends(ends)}, not {max_length}: truncated rows keep the "
                "special tokens of the template"
            )
        too_long, has_ends = too_long[~has_ends], has_ends[~has_ends]
    _check_strategy(truncation, too_long[max_length > has_ends * _count_ends(ends)])
    if is_strict:
        _refuse_pairs(rows, too_long[has_ends], ends)
    kept = rows.lengths
    kept[too_long] = max_length
    return kept, too_long[has_ends]


def _round_up(number: int, multiple_of: int | None) -> int:
    return number if multiple_of is None else -(-number // multiple_of) * multiple_of


def override_truncation(default: Truncation | None, **given: Any) -> Truncation | None:
    """Return a truncation with the options that are not None; None if there is no maximum length."""
    options = {name: value for name, value in given.items() if value is not None}
    if default is not None:
        return replace(default, **options)
    return Truncation(**options) if "max_length" in options else None


def override_padding(default: Padding | None, **given: Any) -> Padding:
    """Return a padding with the options that are not None."""
    return replace(default or Padding(), **{name: v for name, v in given.items() if v is not None})


def find_pad_id(
    padding: Padding,
    added_tokens: Mapping[str, int],
    special_tokens: Mapping[str, int],
    roles: Mapping[str, int] = MappingProxyType({}),
) -> int:
    """Return the id of the padding; the mappings contain ids by text, and by role.

    Raises
    ------
    ValueError
        If the padding has no id, and its token is not an added token or, by default, no special token is one
        of `PAD_TOKENS`.
    """
    if padding.pad_id is not None:
        return padding.pad_id
    if padding.pad_token is not None:
        if padding.pad_token not in added_tokens:
            raise ValueError(
                f"the pad_token {padding.pad_token!r} is not an added token; give Padding another pad_token, "
                "or a pad_id"
            )
        return added_tokens[padding.pad_token]
    if "pad" in roles:
        return roles["pad"]
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
    try:
        found = np.dtype(dtype)
    except (TypeError, ValueError, RecursionError):
        raise TypeError(f"dtype must be int64 or int32, not {describe(dtype)}") from None
    is_type = dtype is not None and not isinstance(dtype, np.generic)
    if not is_type or found not in (np.dtype(np.int64), np.dtype(np.int32)):
        raise TypeError(f"dtype must be int64 or int32, not {found}")
    limits = np.iinfo(found)
    if not limits.min <= pad_id <= limits.max:
        raise ValueError(f"pad_id {describe(pad_id)} does not fit dtype {found}")
    return found


def _count_ends(ends: Ends) -> int:
    return len(ends[0]) + len(ends[1])


def _write_ends(
    values: NDArray[Any], offsets: NDArray[np.int64], is_filled: NDArray[np.bool_], ends: Ends
) -> None:
    """Write `ends` to both ends of the rows that are to be filled."""
    prefix, suffix = ends
    for i, value in enumerate(prefix):
        values[offsets[:-1][is_filled] + i] = value
    for i, value in enumerate(reversed(suffix), 1):
        values[offsets[1:][is_filled] - i] = value


def _check_strategy(truncation: Truncation, truncated: NDArray[np.int64]) -> None:
    """Raise an error if rows of single texts are to be truncated, but only second texts may be."""
    if truncation.strategy == "only_second" and len(truncated):
        raise ValueError(
            f"row {truncated[0]} is longer than max_length={truncation.max_length}, but the truncation of "
            'the tokenizer is "only_second", which truncates pairs only; pass max_length to truncate it'
        )


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
