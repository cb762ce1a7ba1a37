"""`EncodedPart`: ids of a part of a corpus; joining the parts."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fasttok.core.ragged import Ragged

# NumPy asks for large pages from 4 MiB on, which is so many ids. Smaller arrays grow.
LEAST_EXPECTED = 1 << 20
# Larger arrays grow instead: a system can refuse to reserve more memory than the machine has.
MOST_EXPECTED = 1 << 28


class EncodedPart(NamedTuple):
    """Ids of consecutive documents, or of a part of a long document; see `Tokenizer.encode_stream`.

    The parts of a document, joined, are its ids.

    Attributes
    ----------
    ids : Ragged of uint32
        Ids, at least one row. Each row is a document, except that the first row may continue the last row of
        the previous part, and the last row may continue in the next part.
    first : int
        Index in the corpus of the document in the first row.
    begins : bool
        Whether the first row begins its document. If not, it continues the last row of the previous part.
    continues : bool
        Whether the document in the last row continues in the next part.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=258)
    >>> for part in tok.encode_stream(ft.Corpus.from_texts(["low", "lower"])):
    ...     print(part.ids.to_list(), part.first, part.begins, part.continues)
    [[257], [257, 101, 114]] 0 True False
    """

    ids: Ragged
    first: int
    begins: bool
    continues: bool


Parts = Generator[EncodedPart, None, None]


def fuse_unknown(parts: Parts, unk_id: int) -> Parts:
    """Yield the parts; an unknown token that continues that of the previous part is dropped."""
    last = None  # last id of the document that continues
    with closing(parts):
        for part in parts:
            ids, fused = part.ids, part
            if part.begins:
                last = None
            elif last == unk_id and len(ids[0]) and ids[0][0] == unk_id:
                fused = part._replace(ids=Ragged(ids.values[1:], np.maximum(ids.offsets - 1, 0)))
            if len(ids) > 1:
                last = None
            if len(ids[-1]):
                last = int(ids[-1][-1])
            yield fused


def copy_parts(parts: Parts) -> Parts:
    """Yield copies of parts that are overwritten when the next part is requested."""
    with closing(parts):
        for part in parts:
            yield part._replace(ids=Ragged(part.ids.values.copy(), part.ids.offsets))


def join_parts(parts: Parts, expected: int = 0) -> Ragged:
    """Return the ids of every document, one row per document. The result takes at most 1/8 more memory.

    If `expected` is from LEAST_EXPECTED to MOST_EXPECTED, memory for so many ids is reserved, in large pages;
    otherwise the array grows.
    """
    is_reserved = LEAST_EXPECTED <= expected <= MOST_EXPECTED
    ids, offsets = _Growing(np.uint32, expected if is_reserved else 0), _Growing(np.int64)
    offsets.append(np.zeros(1, np.int64))
    with closing(parts):
        for part in parts:
            if not part.begins:
                offsets.pop()  # the row did not end there
            offsets.append(part.ids.offsets[1:] + ids.n)
            ids.append(part.ids.values)
    return Ragged(ids.finish(), offsets.finish())


def count_parts(parts: Parts) -> NDArray[np.int64]:
    """Return the number of ids of every document: int64, one per document."""
    counts = _Growing(np.int64)
    with closing(parts):
        for part in parts:
            lengths = part.ids.lengths
            if not part.begins:
                lengths[0] += counts.pop()
            counts.append(lengths)
    return counts.finish()


class _Growing:
    """Array that grows by 1/8 of its size whenever it is full, usually without being copied.

    Parameters
    ----------
    dtype : dtype
        Type of the items.
    size : int
        Number of items for which there is space at first.

    Attributes
    ----------
    n : int
        Number of items.
    """

    def __init__(self, dtype: DTypeLike, size: int = 0) -> None:
        self._array: NDArray[Any] = np.empty(size, dtype)  # memory that is not written to is not used
        self.n = 0

    def append(self, values: NDArray[Any]) -> None:
        """Append items."""
        end, size = self.n + len(values), len(self._array)
        if end > size:
            # The memory allocator moves a large array to other addresses without reading or writing it.
            self._array.resize(max(end, size + size // 8), refcheck=False)
        self._array[self.n : end] = values
        self.n = end

    def pop(self) -> Any:
        """Remove the last item and return it."""
        self.n -= 1
        return self._array[self.n]

    def finish(self) -> NDArray[Any]:
        """Return the items and free the unused memory."""
        self._array.resize(self.n, refcheck=False)
        return self._array
