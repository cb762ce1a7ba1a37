"""`TextEncoder`: from text to ids, with the caches and buffers that are kept from call to call."""

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

CACHE_BYTES = 64 << 20
KEPT_IDS = 2 * BATCH_BYTES  # the largest buffer of ids that is kept
KEPT_BUFFERS = 8  # the number of buffers that are kept
PART_BYTES = 1 << 16  # of a text whose tokens are located
KEPT_SPANS = 4 * PART_BYTES  # the largest buffer of spans that is kept
SMALL_BATCH = 1 << 18  # characters that are encoded sooner than they are gathered


class EncodeOptions(TypedDict, total=False):
    """Options of `Tokenizer.encode`, for signatures that would only repeat them."""

    special: Special
    errors: Errors
    sampling: Sampler | None


class BatchOptions(EncodeOptions, total=False):
    """Options of `Tokenizer.encode_batch`."""

    workers: int | None


_NO_BUFFERS = np.empty(0, np.uint32), np.empty((0, 2), np.int64)


class TextEncoder:
    """A pipeline and a model at work. Safe to share between threads.

    Parameters
    ----------
    pipeline : Pipeline
        What splits text at added tokens, rewrites it, and cuts it into pretokens.
    model : Model
        What turns pretokens into ids.
    n_ids : int
        One more than the largest id.
    """

    def __init__(self, pipeline: Pipeline, model: Model, n_ids: int) -> None:
        self._pipeline = pipeline
        self._model = model
        self._n_ids = n_ids
        self._caches: list[PretokenCache] = []  # those that are idle
        self._buffers: list[NDArray[np.uint32]] = []
        self._located = threading.local()  # buffers for ids and spans

    @cached_property
    def _integers(self) -> list[int]:
        """One int object per id, for all lists."""
        return list(range(self._n_ids))

    def encode_text(
        self, text: str | bytes, special: Special, errors: Errors, sampling: Sampler | None = None
    ) -> NDArray[np.uint32]:
        """Return the ids of one text."""
        sampling = self._checked(sampling)
        prepared = self._pipeline.prepare(Rows.of_text(encode_utf8(text, errors)), special)
        cache = self._take_cache()
        try:
            rows, buffer = self._encode(cache, prepared, sampling)
        finally:
            self._caches.append(cache)
        ids = rows.values
        del rows
        if len(buffer) <= KEPT_IDS or ids.base is not buffer:
            ids = ids.copy()
            self._keep_buffer(buffer)
            return ids
        n = len(ids)
        del ids
        buffer.resize(n, refcheck=False)  # gives the rest back, where a copy would take as much again
        return buffer

    def encode_list(
        self, text: str | bytes, special: Special, errors: Errors, sampling: Sampler | None
    ) -> list[int]:
        """Return the ids of one text as a list."""
        if errors == "strict" and sampling is None and type(text) in (str, bytes) and len(text) < SMALL_BATCH:
            try:
                scanner = self._scanner if special == "none" else None
                if scanner is not None or (scanner := self._scanner_of((text,), special)) is not None:
                    cache = self._take_cache()
                    try:
                        return self._model.encoder.encode_to_list(text, scanner, cache, self._integers)
                    finally:
                        self._caches.append(cache)
            except UnicodeEncodeError:
                pass  # what follows says where
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
        """Return the ids of every text as a list; the calling thread alone encodes what is soon done."""
        resolve_workers(workers)  # wrong ones are wrong for few texts too
        if errors == "strict" and sampling is None and isinstance(texts, (list, tuple)):
            try:
                if sum(map(len, texts)) < SMALL_BATCH and (scanner := self._scanner_of(texts, special)):
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
                pass  # what follows says what is wrong, and where
        rows = self.encode_corpus(Corpus.from_texts(texts, errors=errors), special, workers, sampling)
        return lists_of_rows(rows.values, rows.offsets, self._integers)

    @cached_property
    def _scanner(self) -> Spans | None:
        """The spans of any text that is encoded as it is, if no special token is to be found."""
        return self._pipeline.scanner if self._pipeline.added.rules("none") is None else None

    def _scanner_of(self, texts: Sequence[str | bytes], special: Special) -> Spans | None:
        """Return the spans of texts that are encoded as they are: not rewritten, without added tokens."""
        scanner, added = self._pipeline.scanner, self._pipeline.added
        if scanner is None or (rules := added.rules(special)) is None:
            return scanner
        return None if any(added.may_occur_in(text, rules) for text in texts) else scanner

    def encode_corpus(
        self, corpus: Corpus, special: Special, workers: int | None, sampling: Sampler | None
    ) -> Ragged:
        """Return the ids of every document, found on threads."""
        sampling = self._checked(sampling)
        # What is drawn depends on where pretokens begin in the document as it was rewritten, which is only
        # known of whole ones.
        is_drawn = sampling is not None and self._pipeline.rewrites
        is_whole = is_drawn or not self._may_cut(special)
        batches = corpus.batches(None if is_whole else self._pipeline)
        n_ids = corpus.most_bytes() // 2  # natural text has far fewer; there can be more
        joined = _JoinedRows(n_ids, self._fused_id)
        caches = [self._take_cache() for _ in range(resolve_workers(workers))]

        _ = self._model.encoder, self._model.part_encoder  # made once, not by every thread that asks first

        def encode_batch(cache: PretokenCache, batch: Batch) -> tuple[Ragged, bool, NDArray[np.uint32]]:
            with batch.placing_errors():
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
        """The id of which a run in a document is one, also where the document is cut."""
        return self._model.unk_id if self._model.fuse_unk and self._pipeline.has_one_stage else None

    def _may_cut(self, special: Special) -> bool:
        """Whether a document may be encoded in parts."""
        if self._model.needs_whole_rows:
            return False
        if (unk_id := self._fused_id) is not None and self._pipeline.added.finds(unk_id, special):
            return False  # one that was found must not become one with those that were not
        return self._pipeline.may_cut(special)

    def _encode(
        self,
        cache: PretokenCache,
        prepared: Prepared,
        sampling: Sampler | None,
        batch: Batch | None = None,
    ) -> tuple[Ragged, NDArray[np.uint32]]:
        """Encode documents, a row each; and give the buffer that the ids are in, or were in."""
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
        """Return the ids of one text, and begin and end of each in its bytes: int64 of shape (n, 2).

        A long text is worked on in parts, so that what is known of every byte stays in the processor's cache.
        """
        cache = self._take_cache()
        try:
            if len(data) <= PART_BYTES or not self._may_cut(special):
                rows = Rows.of_text(data, aligned=True)
                ids, spans = self._locate(cache, rows, self._model.encoder, special)
                return ids.copy(), spans.copy()
            located = _JoinedSpans(len(data), self._fused_id)
            for batch in self._parts_of(data):
                encoder = self._model.part_encoder if batch.is_part else self._model.encoder
                with batch.placing_errors():
                    ids, spans = self._locate(cache, batch.rows(aligned=True), encoder, special)
                located.add(ids, spans, batch.start, len(batch.documents.values))
            return located.finish()
        finally:
            self._caches.append(cache)

    def _parts_of(self, data: bytes) -> Iterator[Batch]:
        """Cut a text into parts that can be encoded apart, each of about `PART_BYTES`."""
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
        """Encode one aligned row; the ids and spans are in buffers of this thread until it locates more."""
        prepared = self._pipeline.prepare(rows, special)
        n = len(prepared.rows.documents.values) + SPARE_IDS
        ids, spans = getattr(self._located, "buffers", _NO_BUFFERS)
        if n > len(ids):
            ids, spans = np.empty(n, np.uint32), np.empty((n, 2), np.int64)
            if n <= KEPT_SPANS:
                self._located.buffers = ids, spans
        out_offsets = np.empty(len(prepared.rows) + 1, np.int64)
        n = prepared.run(
            lambda text, offsets, pretokens: encoder.encode_located(
                text, offsets, pretokens, cache, ids, spans, out_offsets
            )
        )
        found = prepared.join(Ragged(ids[:n], out_offsets)).values
        return found, prepared.join_spans(spans[:n], out_offsets)

    def _checked(self, sampling: Sampler | None) -> Sampler | None:
        """A way to sample that the model knows; None where nothing is left to chance."""
        if sampling is None:
            return None
        self._model.check_sampling(sampling)
        return None if isinstance(sampling, Dropout) and sampling.limit == 0 else sampling

    def _take_cache(self) -> PretokenCache:
        """Take a cache that nobody else uses until it is put on the list again."""
        try:
            return self._caches.pop()
        except IndexError:
            return PretokenCache(CACHE_BYTES)

    def _take_buffer(self, n_bytes: int) -> NDArray[np.uint32]:
        """Take a buffer for the ids of so many bytes; memory used before is faster than fresh."""
        n = n_bytes + SPARE_IDS
        try:
            buffer = self._buffers.pop()
        except IndexError:
            buffer = np.empty(0, np.uint32)
        return buffer if n <= len(buffer) else np.empty(n, np.uint32)

    def _keep_buffer(self, buffer: NDArray[np.uint32]) -> None:
        if len(buffer) <= KEPT_IDS and len(self._buffers) < KEPT_BUFFERS:
            self._buffers.append(buffer)


class _JoinedRows:
    """Batches one after the other; where one continues, its last row and the next one's first are one.

    Parameters
    ----------
    n_ids : int
        How many ids to allocate memory for at first. What stays unused of it is memory never touched.
    unk_id : int, optional
        An id of which a run is one, also across batches.
    """

    def __init__(self, n_ids: int, unk_id: int | None) -> None:
        self._unk_id = unk_id
        self._values = np.empty(n_ids, np.uint32)
        self._n_ids = 0
        self._lengths: list[NDArray[np.int64]] = []
        self._continues = False

    def add(self, rows: Ragged, continues: bool) -> None:
        """Copy the next batch to its place; `continues` as in `Batch`."""
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
        """Whether the last row, as far as it has come, ends with the unknown token."""
        is_begun = bool(self._lengths[-1][-1])
        return self._unk_id is not None and is_begun and self._values[self._n_ids - 1] == self._unk_id

    def finish(self) -> Ragged:
        """All rows; the memory that is not used is given back."""
        self._values.resize(self._n_ids, refcheck=False)
        return Ragged(
            self._values, lengths_to_offsets(np.concatenate(self._lengths) if self._lengths else [])
        )


class _JoinedSpans:
    """The ids and spans of the parts of a text, one after the other; a run of unknown tokens is one.

    Parameters
    ----------
    n_bytes : int
        The bytes of the text.
    unk_id : int, optional
        The id of which a run is one, also across parts.
    """

    def __init__(self, n_bytes: int, unk_id: int | None) -> None:
        self._n_bytes = n_bytes
        self._unk_id = unk_id
        self._ids, self._spans = np.empty(0, np.uint32), np.empty((0, 2), np.int64)
        self._n = 0

    def add(self, ids: NDArray[np.uint32], spans: NDArray[np.int64], start: int, n_bytes: int) -> None:
        """Copy the next part, of `n_bytes` from a byte of the text on, to its place."""
        n, end = self._n, self._n + len(ids)
        if n and len(ids) and self._ids[n - 1] == ids[0] == self._unk_id:
            self._spans[n - 1, 1] = spans[0, 1] + start
            ids, spans, end = ids[1:], spans[1:], end - 1
        if end > len(self._ids):
            # With as many ids per byte as so far, and some more, this is the last time.
            share = self._n_bytes / max(1, start + n_bytes)
            size = end if share <= 1 else int(1.1 * share * end) + 1
            ids_before, spans_before = self._ids, self._spans
            self._ids, self._spans = np.empty(size, np.uint32), np.empty((size, 2), np.int64)
            self._ids[:n], self._spans[:n] = ids_before[:n], spans_before[:n]
        self._ids[n:end] = ids
        np.add(spans, start, out=self._spans[n:end])
        self._n = end

    def finish(self) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """Return all ids and spans; the memory that is not used is given back."""
        self._ids.resize(self._n, refcheck=False)
        self._spans.resize((self._n, 2), refcheck=False)
        return self._ids, self._spans
