"""Naive packing of documents into rows, and naive mixtures, with the standard library only.

A piece is a tuple (document, begin, end): the ids ``documents[document][begin:end]``. A packing is a list of
rows, each a list of pieces.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

Document = Sequence[int]
Piece = tuple[int, int, int]


def concatenate(documents: Sequence[Document], context: int) -> list[list[Piece]]:
    """Cut the concatenated documents every `context` ids; the last row may be shorter."""
    rows: list[list[Piece]] = []
    space = 0
    for d, document in enumerate(documents):
        begin = 0
        while begin < len(document):
            if not space:
                rows.append([])
                space = context
            end = min(begin + space, len(document))
            rows[-1].append((d, begin, end))
            space -= end - begin
            begin = end
    return rows


def best_fit(documents: Sequence[Document], context: int) -> list[list[Piece]]:
    """Cut documents into pieces of at most `context` ids, and pack these by best fit decreasing.

    The rows are then ordered by their first piece, and the pieces of a row by their place in the corpus.
    """
    pieces = [
        (d, begin, min(begin + context, len(document)))
        for d, document in enumerate(documents)
        for begin in range(0, len(document), context)
    ]
    rows: list[list[Piece]] = []
    changed: list[int] = []  # time of the last change of each row
    for time, piece in enumerate(sorted(pieces, key=lambda piece: piece[1] - piece[2])):
        length = piece[2] - piece[1]
        spaces = [context - sum(end - begin for _, begin, end in row) for row in rows]
        fitting = [i for i in range(len(rows)) if spaces[i] >= length]
        if fitting:
            i = min(fitting, key=lambda i: (spaces[i], -changed[i]))
        else:
            i = len(rows)
            rows.append([])
            changed.append(0)
        rows[i].append(piece)
        changed[i] = time
    return sorted(sorted(row) for row in rows)


def bos_best_fit(
    documents: Sequence[Document], context: int, buffer_size: int, refill: int
) -> list[list[Piece]]:
    """Fill rows of ``context + 1`` ids with documents of a buffer; if none fits, the shortest is cropped.

    The documents include their BOS. The last row may be shorter.
    """
    coming = [d for d in range(len(documents)) if len(documents[d])]
    buffer: list[int] = []
    rows: list[list[Piece]] = []
    while coming or buffer:
        row: list[Piece] = []
        space = context + 1
        while space:
            while len(buffer) < buffer_size and coming:
                buffer += coming[:refill]
                coming = coming[refill:]
            if not buffer:
                break
            fitting = [d for d in buffer if len(documents[d]) <= space]
            if fitting:
                d = max(fitting, key=lambda d: len(documents[d]))  # the first of the longest
            else:
                d = min(buffer, key=lambda d: len(documents[d]))
            buffer.remove(d)
            end = min(space, len(documents[d]))
            row.append((d, 0, end))
            space -= end
        rows.append(row)
    return rows


def ids_of(documents: Sequence[Document], row: list[Piece], length: int, pad_id: int) -> list[int]:
    """Return the ids of a row, padded."""
    ids = [i for d, begin, end in row for i in documents[d][begin:end]]
    return ids + [pad_id] * (length - len(ids))


def next_id(documents: Sequence[Document], row: list[Piece], length: int, is_stream: bool) -> int | None:
    """Return the id that follows a row in its last document or, if `is_stream`, in the corpus."""
    if sum(end - begin for _, begin, end in row) < length:
        return None
    d, _, end = row[-1]
    if end < len(documents[d]):
        return documents[d][end]
    later = [i for document in documents[d + 1 :] for i in document]
    return later[0] if is_stream and later else None


def positions_of(row: list[Piece], length: int) -> list[int]:
    """Return the position of each id in its piece; padding is a piece."""
    sizes = [end - begin for _, begin, end in row]
    sizes.append(length - sum(sizes))
    return [i for size in sizes for i in range(size)][:length]


def borders_of(rows: Sequence[list[Piece]], length: int) -> list[int]:
    """Return the borders of the pieces in the concatenated rows, cut to a length; padding is a piece."""
    borders = [0]
    for r in range(len(rows)):
        at = r * length
        for _, begin, end in rows[r]:
            at = min(at + end - begin, (r + 1) * length)
            if at > borders[-1]:
                borders.append(at)
        if borders[-1] < (r + 1) * length:
            borders.append((r + 1) * length)
    return borders


def share(n: int, weights: Sequence[Fraction]) -> list[int]:
    """Return how many of the first n windows of a mixture are from each store.

    The first store has its share, rounded to the nearest number (halves up); the others share the rest.
    """
    if len(weights) == 1:
        return [n]
    first = math.floor(n * weights[0] / sum(weights) + Fraction(1, 2))
    return [first, *share(n - first, weights[1:])]
