"""Batches for a model: rows of ids in templates, cut to a length, in windows, padded to a matrix.

What is cut here keeps the special tokens of its template. Whether a row was made with the template is seen
from the row: it begins and ends with the ids that the template adds, and plain text never becomes a special
token.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fasttok.core._rows import copy_stretches, pad_rows
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.tokenizer.template import Part

Ends = tuple[Sequence[int], Sequence[int]]
TextPair = tuple[str | bytes, str | bytes]
Truncation = Literal["longest_first", "only_first", "only_second"]

PAD_TOKENS = ("[PAD]", "<pad>", "<|pad|>")


class Padded(NamedTuple):
    """A batch as a matrix; what `Tokenizer.pad` gives.

    Both arrays are C-contiguous and writeable, so that ``torch.from_numpy`` takes them without a copy.

    Attributes
    ----------
    ids : ndarray of int64 or int32, shape (k, width)
        The ids, a row each, and the pad id where a row has no more.
    mask : ndarray of bool, shape (k, width)
        Where the ids of the row stand: the attention mask. A bool is a byte, an eighth of an int64, and
        torch's attention takes it; for a model that calculates with the mask, ``mask.astype(np.int64)``.
    """

    ids: NDArray[Any]
    mask: NDArray[np.bool_]


class Pairs(NamedTuple):
    """Pairs of texts, a row each; what `Tokenizer.encode_pairs` gives.

    Attributes
    ----------
    ids : Ragged of uint32
        The ids of both texts.
    type_ids : Ragged of uint8
        For each id, which text it belongs to, as the template counts them.
    """

    ids: Ragged
    type_ids: Ragged


class Windows(NamedTuple):
    """Long rows in windows; what `Tokenizer.windows` gives.

    Attributes
    ----------
    ids : Ragged of uint32
        A row per window.
    documents : ndarray of int64, shape (k,)
        The row that each window was cut from; they ascend.
    """

    ids: Ragged
    documents: NDArray[np.int64]


def frame_rows(parts: Sequence[Part], rows: Ragged) -> Ragged:
    """Each row in its place in the template of a single text."""
    sizes = _measure_parts(parts, rows.lengths[:, np.newaxis])
    return _fill_template(parts, sizes, rows.values, rows.offsets[:-1, np.newaxis])


def iterate_texts(pairs: Iterable[TextPair]) -> Iterator[str | bytes]:
    """The texts of the pairs, one after another."""
    for i, pair in enumerate(pairs):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(f"pair {i} must be two texts, not {pair!r:.50}")
        yield from pair


def join_pairs(rows: Ragged, parts: Sequence[Part], max_length: int | None, truncation: Truncation) -> Pairs:
    """Rows 2 i and 2 i + 1 in their places in the template of a pair, at most `max_length` ids together.

    Raises
    ------
    ValueError
        If the text that is to be cut would have nothing left.
    """
    starts, lengths = rows.offsets[:-1].reshape(-1, 2), rows.lengths.reshape(-1, 2)
    if max_length is not None:
        n_added = sum(part.text is None for part in parts)
        lengths = _shorten_pairs(lengths, max_length - n_added, truncation)
    sizes = _measure_parts(parts, lengths)
    ids = _fill_template(parts, sizes, rows.values, starts)
    type_ids = np.tile(np.array([part.type_id for part in parts], np.uint8), len(sizes))
    return Pairs(ids, Ragged(np.repeat(type_ids, sizes.ravel()), ids.offsets))


def cut_windows(rows: Ragged, ends: Ends, max_length: int, stride: int) -> Windows:
    """Rows in windows of at most `max_length` ids that share `stride` ids; `ends` are those of the template.

    Raises
    ------
    ValueError
        If a window has no room for more than the template and the stride.
    """
    is_framed = _find_framed(rows.values, rows.offsets[:-1], rows.lengths, ends)
    _refuse_pairs(rows, np.flatnonzero(is_framed & (rows.lengths > max_length)), ends)
    # All windows of a row are cut from it in steps, ends and all; then the ends are written over.
    steps = max_length - stride - is_framed * _count_ends(ends)
    if (shortest := int(steps.min(initial=1))) < 1:
        raise ValueError(
            f"max_length must be at least {max_length - shortest + 1}, not {max_length}: what the template "
            f"adds, the stride of {stride}, and one more"
        )
    n_windows = 1 + -(-np.maximum(rows.lengths - max_length, 0) // steps)
    documents = np.repeat(np.arange(len(rows)), n_windows)
    numbers = np.arange(len(documents)) - lengths_to_offsets(n_windows)[documents]
    starts = numbers * steps[documents]
    lengths = np.minimum(rows.lengths[documents] - starts, max_length)
    offsets = lengths_to_offsets(lengths)
    values = np.empty(offsets[-1], np.uint32)
    copy_stretches(rows.values, rows.offsets[documents] + starts, lengths, offsets[:-1], values)
    prefix, suffix = ends
    framed = is_framed[documents]
    for i, token in enumerate(prefix):
        values[offsets[:-1][framed] + i] = token
    for i, token in enumerate(reversed(suffix), 1):
        values[offsets[1:][framed] - i] = token
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
    """Rows of at most `max_length` ids as a matrix; `ends` are those of the template.

    Raises
    ------
    ValueError
        If a row that is cut has no room for the template, or a row is longer than `width`.
    """
    starts, lengths = rows.offsets[:-1], rows.lengths
    kept = lengths if max_length is None else np.minimum(lengths, max_length)
    cut = np.flatnonzero(kept < lengths)
    framed = cut[_find_framed(rows.values, starts[cut], lengths[cut], ends)]
    _refuse_pairs(rows, framed, ends)
    if len(framed) and max_length is not None and max_length < _count_ends(ends):
        raise ValueError(
            f"max_length must be at least {_count_ends(ends)}, which the template adds, not {max_length}"
        )
    longest = int(kept.max(initial=0))
    if width is None:
        width = longest
    if width < longest:
        raise ValueError(
            f"row {int(np.argmax(kept))} has {longest} ids, more than width={width}; max_length would cut it"
        )
    ids, mask = np.empty((len(rows), width), dtype), np.empty((len(rows), width), np.bool_)
    pad_rows(rows.values, starts, kept, pad_id, on_left, ids, mask.view(np.uint8))
    suffix = ends[1]
    if len(framed) and suffix:
        end = width if on_left else longest  # what was cut is as long as the longest
        ids[framed, end - len(suffix) : end] = suffix
    return Padded(ids, mask)


def find_pad_id(special_tokens: Mapping[str, int]) -> int:
    """The id of the special token that is there to pad.

    Raises
    ------
    ValueError
        If there is none.
    """
    for token in PAD_TOKENS:
        if token in special_tokens:
            return special_tokens[token]
    raise ValueError(
        f"no special token to pad with, {', '.join(PAD_TOKENS[:-1])} or {PAD_TOKENS[-1]}; pass pad_id, which "
        "may be any id, as the mask says what is padding"
    )


def checked_dtype(dtype: DTypeLike, pad_id: int) -> np.dtype[Any]:
    """A type that ids and the pad id fit in.

    Raises
    ------
    TypeError
        If it is neither int64 nor int32.
    ValueError
        If the pad id does not fit.
    """
    found = np.dtype(dtype)
    if found not in (np.dtype(np.int64), np.dtype(np.int32)):
        raise TypeError(f"dtype must be int64 or int32, not {found}")
    limits = np.iinfo(found)
    if not limits.min <= pad_id <= limits.max:
        raise ValueError(f"pad_id {pad_id} does not fit {found}")
    return found


def _measure_parts(parts: Sequence[Part], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many ids each part of a template has, where `lengths` are those of its texts, a column a text.

    Returns
    -------
    ndarray of int64, shape (k, len(parts))
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
    """Texts in their places in a template; they begin in `values` at `starts`, a column a text."""
    bounds = lengths_to_offsets(sizes.ravel())
    out = np.empty(bounds[-1], np.uint32)
    places = bounds[:-1].reshape(sizes.shape)
    for i, part in enumerate(parts):
        if part.text is None:
            out[places[:, i]] = part.id
        else:
            copy_stretches(values, starts[:, part.text], sizes[:, i], places[:, i], out)
    return Ragged(out, bounds[:: len(parts)].copy())


def _shorten_pairs(lengths: NDArray[np.int64], room: int, truncation: Truncation) -> NDArray[np.int64]:
    """How much stays of two texts that have room for so many ids together: int64 of shape (k, 2).

    Raises
    ------
    ValueError
        If the one that is to be cut would have nothing left.
    """
    excess = np.maximum(lengths.sum(axis=1) - room, 0)
    is_cut = excess > 0
    kept = lengths.copy()
    if truncation == "longest_first":
        # Half the room each; what the shorter one leaves of it, and an odd place, goes to the longer one.
        shorter = np.minimum(lengths.min(axis=1), room // 2)
        is_first_longer = lengths[:, 0] > lengths[:, 1]
        firsts = np.where(is_first_longer, room - shorter, shorter)
        kept[is_cut] = np.stack([firsts, room - firsts], axis=1)[is_cut]
        return kept
    column = 0 if truncation == "only_first" else 1
    kept[:, column] -= excess
    bad = np.flatnonzero(is_cut & (kept[:, column] < 1))
    if len(bad):
        pair = int(bad[0])
        raise ValueError(
            f"pair {pair} is {excess[pair]} ids too long, but the text to be cut has only "
            f'{lengths[pair, column]}, of which one must stay; truncation="longest_first" cuts both'
        )
    return kept


def _count_ends(ends: Ends) -> int:
    return len(ends[0]) + len(ends[1])


def _refuse_pairs(rows: Ragged, framed: NDArray[np.int64], ends: Ends) -> None:
    """Raise if one of these rows, which begin and end with the template's ids, has such an id inside."""
    added = [*ends[0], *ends[1]]
    if not added or not len(framed):
        return
    n_before = lengths_to_offsets(np.isin(rows.values, added))[rows.offsets]
    bad = framed[np.diff(n_before)[framed] > len(added)]
    if len(bad):
        raise ValueError(
            f"row {bad[0]} is to be cut, but has a special token of the template inside, as a pair has; "
            "encode_pairs(..., max_length=...) cuts pairs"
        )


def _find_framed(
    values: NDArray[np.uint32], starts: NDArray[np.int64], lengths: NDArray[np.int64], ends: Ends
) -> NDArray[np.bool_]:
    """Which stretches of the values begin and end as the template's rows do."""
    prefix, suffix = ends
    is_framed: NDArray[np.bool_] = lengths >= _count_ends(ends)
    for i, token in enumerate(prefix):
        is_framed[is_framed] = values[starts[is_framed] + i] == token
    for i, token in enumerate(reversed(suffix), 1):
        is_framed[is_framed] = values[(starts + lengths)[is_framed] - i] == token
    return is_framed
