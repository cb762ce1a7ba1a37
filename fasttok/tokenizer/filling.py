"""Fill templates with rows of ids: `Pairs` of texts, and `TypeIds`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttok.core._rows import copy_ranges
from fasttok.core.checks import describe, describe_type
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.tokenizer.settings import Strategy, Truncation
from fasttok.tokenizer.stream import EncodedPart, Parts
from fasttok.tokenizer.template import Part

TextPair = tuple[str | bytes, str | bytes]


class TypeIds(Ragged):
    """Type ids of rows of ids, one row per row: a `Ragged` that `Tokenizer.pad` pads with ``pad_type_id``.

    The values are uint8, or uint32 if a type id of the template is above 255.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["low"]), vocab_size=257, special_tokens=["<cls>"])
    >>> tok = tok.with_template("$A <cls>:2").with_settings(padding=ft.Padding(pad_type_id=3))
    >>> type_ids = tok.type_ids(tok.encode_batch(["low", "w"], add_special_tokens=True))
    >>> type_ids.to_list()
    [[0, 0, 0, 2], [0, 2]]
    >>> tok.pad(type_ids).ids
    array([[0, 0, 0, 2],
           [0, 2, 3, 3]])
    """


class Pairs(NamedTuple):
    """Encoded pairs of texts, one row per pair, as returned by `Tokenizer.encode_pairs`.

    Attributes
    ----------
    ids : Ragged of uint32
        Ids of both texts.
    type_ids : TypeIds
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
    type_ids: TypeIds


def fill_part(template: Sequence[Part], part: EncodedPart) -> EncodedPart:
    """Return a part with the special tokens of the template of a single text around each document."""
    at = next(i for i, one in enumerate(template) if one.text is not None)
    rows = part.ids
    sizes = _measure_parts(template, rows.lengths[:, np.newaxis])
    if not part.begins:
        sizes[0, :at] = 0
    if part.continues:
        sizes[-1, at + 1 :] = 0
    return part._replace(ids=_fill_template(template, sizes, rows.values, rows.offsets[:-1, np.newaxis]))


def fill_parts(template: Sequence[Part], parts: Parts) -> Parts:
    """Yield parts with the special tokens of the template of a single text around each document."""
    with closing(parts):
        for part in parts:
            yield fill_part(template, part)


def iterate_texts(pairs: Iterable[TextPair]) -> Iterator[str | bytes]:
    """Yield both texts of every pair."""
    for i, pair in enumerate(pairs):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            given = f"{len(pair)} items" if isinstance(pair, (tuple, list)) else describe(pair)
            raise TypeError(f"pair {i} must be two texts, not {given}")
        for text in pair:
            if not isinstance(text, (str, bytes)):
                raise TypeError(f"pair {i}: a text must be str or bytes, not {describe_type(text)}")
        yield from pair


def join_pairs(rows: Ragged, parts: Sequence[Part], truncation: Truncation | None, is_strict: bool) -> Pairs:
    """Fill the template of a pair with texts: pair i consists of rows 2 i and 2 i + 1.

    The texts are truncated so that no pair has more than ``truncation.max_length`` ids, unless a text occurs
    more than once in the template. If not `is_strict`, a maximum below the number of special tokens has no
    effect, and one that leaves no space for the texts removes both.

    Raises
    ------
    ValueError
        If no id of the text to truncate would be left.
    """
    starts, lengths = rows.offsets[:-1].reshape(-1, 2), rows.lengths.reshape(-1, 2)
    n_added = sum(part.text is None for part in parts)
    if truncation is not None and (is_strict or truncation.max_length >= n_added):
        capacity = truncation.max_length - n_added
        strategy = truncation.strategy if is_strict or capacity else "longest_first"
        kept = _shorten_pairs(lengths, capacity, strategy)
        if truncation.side == "left":
            starts = starts + (lengths - kept)
        lengths = kept
    sizes = _measure_parts(parts, lengths)
    ids = _fill_template(parts, sizes, rows.values, starts)
    type_ids = np.tile(types_of(parts), len(sizes))
    return Pairs(ids, TypeIds(np.repeat(type_ids, sizes.ravel()), ids.offsets))


def types_of(parts: Sequence[Part]) -> NDArray[Any]:
    """Return the type ids of the parts of a template: uint8, or uint32 if one is above 255."""
    type_ids = [part.type_id for part in parts]
    return np.array(type_ids, np.uint8 if max(type_ids, default=0) < 256 else np.uint32)


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
            out[positions[sizes[:, i] > 0, i]] = part.id
        else:
            copy_ranges(values, starts[:, part.text], sizes[:, i], positions[:, i], out)
    return Ragged(out, bounds[:: len(parts)].copy() if parts else np.zeros(len(sizes) + 1, np.int64))


def _shorten_pairs(lengths: NDArray[np.int64], capacity: int, strategy: Strategy) -> NDArray[np.int64]:
    """Return the lengths of both texts after truncation to `capacity` ids per pair: int64 of shape (k, 2).

    Raises
    ------
    ValueError
        If no id of the text to truncate would be left.
    """
    excess = np.maximum(lengths.sum(axis=1) - capacity, 0)
    is_truncated = excess > 0
    kept = lengths.copy()
    if strategy == "longest_first":
        # Each text gets half of the capacity. The longer text (the second, if both are equally long) also
        # gets the part that the shorter one does not need, and the odd id.
        shorter = np.minimum(lengths.min(axis=1), capacity // 2)
        is_first_longer = lengths[:, 0] > lengths[:, 1]
        firsts = np.where(is_first_longer, capacity - shorter, shorter)
        kept[is_truncated] = np.stack([firsts, capacity - firsts], axis=1)[is_truncated]
        return kept
    column = 0 if strategy == "only_first" else 1
    kept[:, column] -= excess
    bad = np.flatnonzero(is_truncated & (kept[:, column] < 1))
    if len(bad):
        pair = int(bad[0])
        raise ValueError(
            f"pair {pair} is {excess[pair]} ids too long, but the {strategy.removeprefix('only_')} text "
            f'has only {lengths[pair, column]} ids and must keep one; use truncation="longest_first"'
        )
    return kept
