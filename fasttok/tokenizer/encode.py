"""`TextEncoder`: encode text as ids, reusing caches and buffers between calls."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import cached_property
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from fasttok.core._lists import lists_of_rows
from fasttok.core.errors import UnknownCharacterError
from fasttok.core.parallel import map_ordered, resolve_workers
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.corpus.corpus import BATCH_BYTES, Batch, Corpus
from fasttok.models._cache import SPARE_IDS, PretokenCache
from fasttok.models._encoder import PretokenEncoder
from fasttok.models.base import Model
from fasttok.models.sampling import Dropout, Sampler
from fasttok.text._spans import Spans
from fasttok.text.added import Special
from fasttok.text.pipeline import Pipeline, Prepared
from fasttok.text.rows import Rows
from fasttok.text.unicode.utf8 import Errors, encode_utf8

CACHE_BYTES = 64 << 20  # maximum size of a cache of pretokens
MAX_KEPT_IDS = 2 * BATCH_BYTES  # maximum length of a buffer of ids that is kept for reuse
MAX_KEPT_BUFFERS = 8  # maximum number of buffers of ids that are kept for reuse
PART_BYTES = 1 << 16  # approximate size of the parts in which `encode_located` processes a long text
MAX_KEPT_SPANS = 4 * PART_BYTES  # maximum length of a buffer of spans that is kept for reuse
SMALL_BATCH = 1 << 18  # characters; below this size, encoding in the calling thread is faster than batching


class EncodeOptions(TypedDict, total=False):
    """Keyword arguments of `Tokenizer.encode`."""

    special: Special
    errors: Errors
    sampling: Sampler | None


class BatchOptions(EncodeOptions, total=False):
    """Keyword arguments of `Tokenizer.encode_batch`."""

    workers: int | None


_NO_BUFFERS = np.empty(0, np.uint32), np.empty((0, 2), np.int64)  # initial buffers of ids and spans


class TextEncoder:
    """Encoder of text for a pipeline and a model. Safe to share between threads.

    Parameters
    ----------
    pipeline : Pipeline
        Pipeline: splits text at added tokens, normalizes it and splits it into pretokens.
    model : Model
        Subword model: maps pretokens to ids.
    n_ids : int
        Largest id of the vocabulary plus one.
    """

    def __init__(self, pipeline: Pipeline, model: Model, n_ids: int) -> None:
        self._pipeline = pipeline
        self._model = model
        self._n_ids = n_ids
        self._caches: list[PretokenCache] = []  # idle caches
        self._buffers: list[NDArray[np.uint32]] = []  # idle buffers
        self._located = threading.local()  # buffers of ids and spans of each thread, for `encode_located`

    @cached_property
    def _integers(self) -> list[int]:
        """One int object per id, shared by all lists of ids."""
        return list(range(self._n_ids))

    def encode_text(
        self, text: str | bytes, special: Special, errors: Errors, sampling: Sampler | None = None
    ) -> NDArray[np.uint32]:
        """Return the ids of one text."""
        sampling = self._check_sampling(sampling)
        prepared = self._pipeline.prepare(Rows.of_text(encode_utf8(text, errors)), special)
        cache = self._take_cache()
        try:
            rows, buffer = self._encode(cache, prepared, sampling)
        finally:
            self._caches.append(cache)
        ids = rows.values
        del rows
        if len(buffer) <= MAX_KEPT_IDS or ids.base is not buffer:
            ids = ids.copy()
            self._keep_buffer(buffer)
            return ids
        n = len(ids)
        del ids
        buffer.resize(n, refcheck=False)  # frees the unused part; a copy would need twice the memory
        return buffer

    def encode_list(
        self, text: str | bytes, special: Special, errors: Errors, sampling: Sampler | None
    ) -> list[int]:
        """Return the ids of one text as a list."""
        if errors == "strict" and sampling is None and type(text) in (str, bytes) and len(text) < SMALL_BATCH:
            try:
                scanner = self._scanner if special == "none" else None
                if scanner is not None or (scanner := self._find_scanner((text,), special)) is not None:
                    cache = self._take_cache()
                    try:
                        return self._model.encoder.encode_to_list(text, scanner, cache, self._integers)
                    finally:
                        self._caches.append(cache)
            except UnicodeEncodeError:
                pass  # encode_text raises the error with its position
        ids = self.encode_text(text, special, errors, sampling)
        return lists_of_rows(ids, np.array([0, len(ids)], np.int64), self._integers)[0]

    def encode_lists(
        self,
        texts: Iterable[str | bytes],
        special: Special,
        errors: Errors,
        workers: int | None,
        sampling: Sampler | None,
    ) -> list[list[int]]:
        """Return the ids of every text as a list; the calling thread encodes small batches by itself."""
        resolve_workers(workers)  # check `workers` even if a small batch does not need it
        if errors == "strict" and sampling is None and isinstance(texts, (list, tuple)):
            try:
                if sum(map(len, texts)) < SMALL_BATCH and (scanner := self._find_scanner(texts, special)):
                    encode, integers, cache = (
                        self._model.encoder.encode_to_list,
                        self._integers,
                        self._take_cache(),
                    )
                    try:
                        return [encode(text, scanner, cache, integers) for text in texts]
                    finally:
                        self._caches.append(cache)
            except (TypeError, UnicodeEncodeError, UnknownCharacterError):
                pass  # encode_corpus raises the error with its document and position
        rows = self.encode_corpus(Corpus.from_texts(texts, errors=errors), special, workers, sampling)
        return lists_of_rows(rows.values, rows.offsets, self._integers)

    @cached_property
    def _scanner(self) -> Spans | None:
        """Scanner for every raw text with ``special="none"``; None if texts must be prepared first.

        Texts must be prepared if the pipeline rewrites text, has several stages, or has added tokens that are
        found in every text.
        """
        return self._pipeline.scanner if self._pipeline.added.match_modes("none") is None else None

    def _find_scanner(self, texts: Sequence[str | bytes], special: Special) -> Spans | None:
        """Return the scanner for these raw texts; None if they must be prepared first.

        Texts must be prepared if the pipeline rewrites text or has several stages, or if one of the texts may
        contain an added token to find.
        """
        scanner, added = self._pipeline.scanner, self._pipeline.added
        if scanner is None or (modes := added.match_modes(special)) is None:
            return scanner
        return None if any(added.may_occur_in(text, modes) for text in texts) else scanner

    def encode_corpus(
        self, corpus: Corpus, special: Special, workers: int | None, sampling: Sampler | None
    ) -> Ragged:
        """Return the ids of every document, encoded on several threads."""
        sampling = self._check_sampling(sampling)
        # Sampling depends on the positions of pretokens in the rewritten document, which are only known for
        # whole documents.
        is_whole = (sampling is not None and self._pipeline.rewrites) or not self._may_cut(special)
        batches = corpus.batches(None if is_whole else self._pipeline)
        # A first guess: natural text has far fewer ids; other text may have more.
        n_ids = corpus.most_bytes() // 2
        joined = _RowsBuilder(n_ids, self._fused_id)
        caches = [self._take_cache() for _ in range(resolve_workers(workers))]

        _ = self._model.encoder, self._model.part_encoder  # build both here, not in several threads at once

        def encode_batch(cache: PretokenCache, batch: Batch) -> tuple[Ragged, bool, NDArray[np.uint32]]:
            with batch.locating_errors():
                prepared = self._pipeline.prepare(batch.rows(), special)
                rows, buffer = self._encode(cache, prepared, sampling, batch)
            return rows, batch.continues, buffer

        try:
            with closing(map_ordered(encode_batch, batches, caches)) as encoded:
                for rows, continues, buffer in encoded:
                    joined.add(rows, continues)
                    self._keep_buffer(buffer)
        finally:
            self._caches.extend(caches)
        return joined.finish()

    @property
    def _fused_id(self) -> int | None:
        """Id of the unknown token, if runs of it are fused even across parts of a document; None otherwise.

        If the pipeline has several stages, a run ends where a pretoken of an earlier stage ends, so it never
        continues in the next part.
        """
        return self._model.unk_id if self._model.fuse_unk and self._pipeline.has_one_stage else None

    def _may_cut(self, special: Special) -> bool:
        """Whether a document may be encoded in parts."""
        if self._model.needs_whole_rows:
            return False
        if (unk_id := self._fused_id) is not None and self._pipeline.added.finds(unk_id, special):
            return False  # an unknown token found as text must not be fused with unknown characters
        return self._pipeline.may_cut(special)

    def _encode(
        self,
        cache: PretokenCache,
        prepared: Prepared,
        sampling: Sampler | None,
        batch: Batch | None = None,
    ) -> tuple[Ragged, NDArray[np.uint32]]:
        """Encode documents; return their ids, one row per document, and the buffer to keep for reuse."""
        encoder = self._model.encoder if batch is None or not batch.is_part else self._model.part_encoder
        if sampling is not None:
            documents, starts = prepared.row_documents(), prepared.row_starts()
            if batch is not None:
                starts = np.where(documents == 0, starts + batch.start, starts)
                documents = documents + batch.first
            encoder = self._model.sampling_encoder(sampling, documents, starts)
        buffer = self._take_buffer(len(prepared.rows.documents.values))
        out_offsets = np.empty(len(prepared.rows) + 1, np.int64)
        n = prepared.run(
            lambda text, offsets, spans: encoder.encode(text, offsets, spans, cache, buffer, out_offsets)
        )
        return prepared.join(Ragged(buffer[:n], out_offsets)), buffer

    def encode_located(self, data: bytes, special: Special) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """Return the ids of one text and their spans in its bytes: int64 of shape (n, 2).

        A long text is processed in parts, so that the alignment of its bytes fits in the processor's cache.
        """
        cache = self._take_cache()
        try:
            if len(data) <= PART_BYTES or not self._may_cut(special):
                rows = Rows.of_text(data, aligned=True)
                ids, spans = self._locate(cache, rows, self._model.encoder, special)
                return ids.copy(), spans.copy()
            located = _SpansBuilder(len(data), self._fused_id)
            for batch in self._split_into_parts(data):
                encoder = self._model.part_encoder if batch.is_part else self._model.encoder
                with batch.locating_errors():
                    ids, spans = self._locate(cache, batch.rows(aligned=True), encoder, special)
                located.add(ids, spans, batch.start, len(batch.documents.values))
            return located.finish()
        finally:
            self._caches.append(cache)

    def _split_into_parts(self, data: bytes) -> Iterator[Batch]:
        """Split a text into parts of about `PART_BYTES` that can be encoded separately."""
        text, start, n_bytes = np.frombuffer(data, np.uint8), 0, PART_BYTES
        while start + n_bytes < len(text):
            cut = self._pipeline.find_cut(text[start : start + n_bytes])
            if cut:
                part = Ragged(text[start : start + cut], np.array([0, cut]))
                yield Batch(part, 0, continues=True, start=start)
                start += cut
            n_bytes = PART_BYTES if cut else 2 * n_bytes
        yield Batch(Ragged(text[start:], np.array([0, len(text) - start])), 0, start=start)

    def _locate(
        self, cache: PretokenCache, rows: Rows, encoder: PretokenEncoder, special: Special
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """Encode one aligned row; the next call in this thread may overwrite the returned ids and spans."""
        prepared = self._pipeline.prepare(rows, special)
        n = len(prepared.rows.documents.values) + SPARE_IDS
        ids, spans = getattr(self._located, "buffers", _NO_BUFFERS)
        if n > len(ids):
            ids, spans = np.empty(n, np.uint32), np.empty((n, 2), np.int64)
            if n <= MAX_KEPT_SPANS:
                self._located.buffers = ids, spans
        out_offsets = np.empty(len(prepared.rows) + 1, np.int64)
        n = prepared.run(
            lambda text, offsets, pretokens: encoder.encode_located(
                text, offsets, pretokens, cache, ids, spans, out_offsets
            )
        )
        found = prepared.join(Ragged(ids[:n], out_offsets)).values
        return found, prepared.join_spans(spans[:n], out_offsets)

    def _check_sampling(self, sampling: Sampler | None) -> Sampler | None:
        """Return `sampling`, or None if it has no effect; raise an error if the model does not support it."""
        if sampling is None:
            return None
        self._model.check_sampling(sampling)
        return None if isinstance(sampling, Dropout) and sampling.limit == 0 else sampling

    def _take_cache(self) -> PretokenCache:
        """Take a cache for exclusive use; the caller puts it back into `_caches`."""
        try:
            return self._caches.pop()
        except IndexError:
            return PretokenCache(CACHE_BYTES)

    def _take_buffer(self, n_bytes: int) -> NDArray[np.uint32]:
        """Take a buffer for the ids of `n_bytes` of text; reused memory is faster than new memory."""
        n = n_bytes + SPARE_IDS
        try:
            buffer = self._buffers.pop()
        except IndexError:
            buffer = np.empty(0, np.uint32)
        return buffer if n <= len(buffer) else np.empty(n, np.uint32)

    def _keep_buffer(self, buffer: NDArray[np.uint32]) -> None:
        if len(buffer) <= MAX_KEPT_IDS and len(self._buffers) < MAX_KEPT_BUFFERS:
            self._buffers.append(buffer)


class _RowsBuilder:
    """Concatenates the rows of batches, and joins the parts of a document that spans several batches.

    Parameters
    ----------
    n_ids : int
        Initial capacity in ids. Unused capacity costs no physical memory, since it is never written.
    unk_id : int, optional
        Id of the unknown token, if runs of it are fused, even across batches.
    """

    def __init__(self, n_ids: int, unk_id: int | None) -> None:
        self._unk_id = unk_id
        self._values = np.empty(n_ids, np.uint32)
        self._n_ids = 0
        self._lengths: list[NDArray[np.int64]] = []
        self._continues = False

    def add(self, rows: Ragged, continues: bool) -> None:
        """Append the rows of the next batch; `continues` is `Batch.continues`."""
        if self._continues and self._ends_unknown() and len(rows[0]) and rows[0][0] == self._unk_id:
            offsets = np.maximum(rows.offsets - 1, 0)
            rows = Ragged(rows.values[1:], offsets)
        lengths = rows.lengths
        if self._continues:
            self._lengths[-1][-1] += lengths[0]
            lengths = lengths[1:]
        if len(lengths):
            self._lengths.append(lengths)
        self._continues = continues
        end = self._n_ids + len(rows.values)
        if end > len(self._values):
            larger = np.empty(2 * end, np.uint32)
            larger[: self._n_ids] = self._values[: self._n_ids]
            self._values = larger
        self._values[self._n_ids : end] = rows.values
        self._n_ids = end

    def _ends_unknown(self) -> bool:
        """Return whether the ids of the last row so far end with the unknown token."""
        is_begun = bool(self._lengths[-1][-1])
        return self._unk_id is not None and is_begun and self._values[self._n_ids - 1] == self._unk_id

    def finish(self) -> Ragged:
        """Return all rows and free the unused memory."""
        self._values.resize(self._n_ids, refcheck=False)
        return Ragged(
            self._values, lengths_to_offsets(np.concatenate(self._lengths) if self._lengths else [])
        )


class _SpansBuilder:
    """Concatenates the ids and spans of the parts of a text.

    Parameters
    ----------
    n_bytes : int
        Number of bytes of the text.
    unk_id : int, optional
        Id of the unknown token, if runs of it are fused, even across parts.
    """

    def __init__(self, n_bytes: int, unk_id: int | None) -> None:
        self._n_bytes = n_bytes
        self._unk_id = unk_id
        self._ids, self._spans = np.empty(0, np.uint32), np.empty((0, 2), np.int64)
        self._n = 0

    def add(self, ids: NDArray[np.uint32], spans: NDArray[np.int64], start: int, n_bytes: int) -> None:
        """Append the next part, which consists of `n_bytes` bytes from byte `start` of the text."""
        n, end = self._n, self._n + len(ids)
        if n and len(ids) and self._ids[n - 1] == ids[0] == self._unk_id:
            self._spans[n - 1, 1] = spans[0, 1] + start
            ids, spans, end = ids[1:], spans[1:], end - 1
        if end > len(self._ids):
            # Expect as many ids per byte as so far, plus 10 %, so that the arrays rarely grow again.
            share = self._n_bytes / max(1, start + n_bytes)
            size = end if share <= 1 else int(1.1 * share * end) + 1
            ids_before, spans_before = self._ids, self._spans
            self._ids, self._spans = np.empty(size, np.uint32), np.empty((size, 2), np.int64)
            self._ids[:n], self._spans[:n] = ids_before[:n], spans_before[:n]
        self._ids[n:end] = ids
        np.add(spans, start, out=self._spans[n:end])
        self._n = end

    def finish(self) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """Return all ids and spans and free the unused memory."""
        self._ids.resize(self._n, refcheck=False)
        self._spans.resize((self._n, 2), refcheck=False)
        return self._ids, self._spans
