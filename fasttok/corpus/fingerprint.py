"""`TextHash`: fingerprint of the documents that have been read so far."""

from __future__ import annotations

import numpy as np
from xxhash import xxh3_128

from fasttok.corpus.batches import Batch


class TextHash:
    """Hash of documents and their boundaries; see `Corpus.fingerprint`.

    Attributes
    ----------
    n_documents, n_bytes : int
        Number of complete documents, and of bytes of text.
    """

    def __init__(self) -> None:
        self._text, self._lengths = xxh3_128(), xxh3_128()
        self._begun = 0  # bytes of the document that continues in the next batch
        self.n_documents = 0
        self.n_bytes = 0

    def update(self, batch: Batch) -> None:
        """Add the next batch of a corpus. O(bytes)."""
        documents = batch.documents
        self._text.update(np.ascontiguousarray(documents.values).data)
        lengths = documents.lengths
        lengths[:1] += self._begun
        n = len(lengths) - batch.continues
        self._begun = int(lengths[-1]) if batch.continues else 0
        self._lengths.update(lengths[:n].astype("<i8").tobytes())
        self.n_documents += n
        self.n_bytes += len(documents.values)

    def fingerprint(self) -> str:
        """Return the hash of all documents so far, in hexadecimal; the last one must be complete."""
        return xxh3_128(self._text.digest() + self._lengths.digest()).hexdigest()
