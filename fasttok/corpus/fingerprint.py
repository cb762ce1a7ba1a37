"""`TextHash`: fingerprint of the documents that have been read so far."""

from __future__ import annotations

import hashlib

import numpy as np

from fasttok.core.parallel import BackgroundHash
from fasttok.corpus.batches import Batch


def _new_hash(data: bytes = b"") -> hashlib.blake2b:
    """Return a BLAKE2b hash of 32 bytes. It is faster than SHA-256, unless the processor has SHA-256."""
    return hashlib.blake2b(data, digest_size=32)


class TextHash:
    """Hash of documents and their boundaries; a context manager. See `Corpus.fingerprint`.

    Attributes
    ----------
    n_documents, n_bytes : int
        Number of complete documents, and of bytes of text.
    """

    def __init__(self) -> None:
        self._text, self._lengths = BackgroundHash(_new_hash()), _new_hash()
        self._begun = 0  # bytes of the document that continues in the next batch
        self.n_documents = 0
        self.n_bytes = 0

    def __enter__(self) -> TextHash:
        return self

    def __exit__(self, *_: object) -> None:
        self._text.close()

    def update(self, batch: Batch) -> None:
        """Add the next batch of a corpus, whose text must not change afterwards. O(bytes)."""
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
        return _new_hash(self._text.digest() + self._lengths.digest()).hexdigest()
