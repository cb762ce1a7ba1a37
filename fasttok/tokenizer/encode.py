"""`TextEncoder`: encode text as ids, reusing caches and buffers between calls."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray

from fasttok.core._lists import Integers
from fasttok.core.errors import PatternError, SpecialTokenError, TextError, UnknownCharacterError
from fasttok.core.parallel import map_ordered, resolve_workers
from fasttok.core.ragged import Ragged
from fasttok.corpus.batches import Batch, split_document
from fasttok.corpus.corpus import Corpus
from fasttok.models._cache import SPARE_IDS, PretokenCache, join
from fasttok.models._encoder import PretokenEncoder
from fasttok.models._short_texts import ShortTexts
from fasttok.models.base import Model
from fasttok.models.sampling import Dropout, Sampler
from fasttok.text.added import AddedTokens, Special
from fasttok.text.pipeline import Pipeline, Prepared
from fasttok.text.rows import Rows
from fasttok.text.unicode.utf8 import Errors, encode_utf8
from fasttok.tokenizer.nbest import find_nbest
from fasttok.tokenizer.parts import StrPart, split_text
from fasttok.tokenizer.stream import EncodedPart, Parts, count_parts, fuse_unknown, join_parts

Result = TypeVar("Result")

# A cache of raw words with marks has an inner cache, of up to half its size, besides these limits.
CACHE_BYTES = 64 << 20  # maximum size of a cache of pretokens
ALL_CACHES_BYTES = 128 << 20  # total size of the caches of the threads of one call, if there are not too many
LEAST_CACHE_BYTES = 4 << 20  # smallest maximum size of a cache
BATCH_BYTES = 1 << 20  # approximate size of the parts of a corpus
# Least size of the first part of a document for models that decide near ties otherwise in short rows. It is
# much larger than a short row, because a normalizer can shorten the text.
LEAST_PART_BYTES = 1 << 16
MAX_KEPT_IDS = 1 << 23  # maximum length of a buffer of ids that is kept for reuse
MAX_KEPT_BUFFERS = 8  # maximum number of buffers of ids that are kept for reuse
PART_BYTES = 1 << 16  # approximate size of the parts in which `encode_located` processes a long text
MAX_KEPT_SPANS = 4 * PART_BYTES  # maximum length of a buffer of spans that is kept for reuse
MAX_ROUTES = 16  # maximum number of values of `special` that are remembered
SMALL_BATCH = 1 << 18  # characters; below this size, encoding in the calling thread is faster than batching
# Length in characters from which one text is encoded on all CPUs. Starting threads takes 0.1 ms, and each new
# thread fills a cache first, so that shorter texts would gain little.
LONG_TEXT = 1 << 22


@dataclass(frozen=True, slots=True)
class Route:
    """Encoders of one value of `special`.

    Attributes
    ----------
    encoder : TextEncoder
        Encoder without the pieces of the special tokens that are not allowed.
    stepwise : TextEncoder
        The same encoder, but with the steps of the tokenizer's pipeline, which sampling and tracing tokens to
        their origins in raw text need.
    short : ShortTexts or None
        Encoder of short texts; None if text must be prepared first, because the pipeline rewrites text or has
        several stages.
    """

    encoder: TextEncoder
    stepwise: TextEncoder
    short: ShortTexts | None


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

    Raises
    ------
    ValueError
        If a special token has the id of a piece, and the model cannot encode without this piece.

    Notes
    -----
    Special tokens may have the ids of pieces. Text that becomes such a piece becomes the special token.
    Therefore, text is encoded without the pieces of those tokens that `special` does not allow; see
    `Model.without_pieces`.
    """

    def __init__(self, pipeline: Pipeline, model: Model, n_ids: int) -> None:
        self._pipeline = pipeline
        self._model = model
        self._integers = Integers(n_ids)  # shared by all lists of ids
        self._shared = _find_shared(pipeline.added, model)  # special tokens that have the id of a piece
        self._restricted: dict[frozenset[int], TextEncoder] = {}  # encoders without pieces, by their ids
        if self._shared:
            self._restrict(frozenset(self._shared.values()))  # raises if the model does not support it
        self._caches: list[PretokenCache] = []  # idle caches
        self._has_first_cache = False
        self._buffers: list[NDArray[np.uint32]] = []  # idle buffers
        self._located = threading.local()  # buffers of ids and spans of each thread, for `encode_located`
        self._routes: dict[str | frozenset[str], Route] = {}  # by `special`, or the frozen set of its texts

    @cached_property
    def _on_raw_words(self) -> TextEncoder:
        """Encoder of the same ids that caches words before they are rewritten; this one if there is none."""
        raw_words = self._pipeline.raw_words
        model = None if raw_words is None else self._model.on_raw_words(raw_words)
        if raw_words is None or model is None:
            return self
        return self._with(Pipeline(None, raw_words, self._pipeline.added), model)

    def _with(self, pipeline: Pipeline, model: Model) -> TextEncoder:
        """Return an encoder with another pipeline and another model, and with its own caches and buffers."""
        other = copy.copy(self)
        other.__dict__.pop("_on_raw_words", None)
        other._pipeline, other._model = pipeline, model
        other._caches, other._buffers, other._located = [], [], threading.local()
        other._has_first_cache = False
        return other

    # The arguments `special`

    def _find_route(self, special: Special) -> Route:
        """Return the route for `special`, which is cached.

        Raises
        ------
        ValueError, TypeError
            If `special` is not a valid argument of `Tokenizer.encode`.
        """
        try:
            return self._routes[special if isinstance(special, str) else frozenset(special)]
        except (KeyError, TypeError):
            return self._make_route(special)

    def _make_route(self, special: Special) -> Route:
        added = self._pipeline.added
        added.match_modes(special)  # raises an error if `special` is not valid
        stepwise = self._choose(special)
        chosen = stepwise._on_raw_words
        chosen._make_first_cache()
        scanner = chosen._pipeline.scanner
        short = None
        kernel = chosen._model.encoder
        if scanner is not None and kernel.ids_per_byte == 1:
            search = added.search(special)
            short = ShortTexts(
                kernel, scanner, search, self._integers, chosen._caches, CACHE_BYTES, SMALL_BATCH
            )
        route = Route(chosen, stepwise, short)
        if len(self._routes) >= MAX_ROUTES:
            routes = self._routes.copy()  # at once, as other threads may add some
            self._routes = {key: kept for key, kept in routes.items() if isinstance(key, str)}
            self._restricted.clear()
        self._routes[special if isinstance(special, str) else frozenset(special)] = route
        return route

    def _make_first_cache(self) -> None:
        """Make the cache that has the pieces of the vocabulary. Those of further threads begin empty."""
        if not self._has_first_cache:
            self._has_first_cache = True
            self._caches.append(self._model.encoder.new_cache(CACHE_BYTES))

    def _choose(self, special: Special) -> TextEncoder:
        """Return the encoder without the pieces of the special tokens that `special` does not allow."""
        if not self._shared or (isinstance(special, str) and special == "all"):
            return self
        allowed = () if isinstance(special, str) else frozenset(special)
        return self._restrict(frozenset(i for text, i in self._shared.items() if text not in allowed))

    def _restrict(self, ids: frozenset[int]) -> TextEncoder:
        """Return an encoder without the given pieces; this one if the model never produces them."""
        restricted = self._restricted.get(ids)
        if restricted is None:
            restricted, model = self, self._model.without_pieces(ids)
            if model is not self._model:
                restricted = self._with(self._pipeline, model)
            self._restricted[ids] = restricted
        return restricted

    # Single texts

    def encode_text(
        self, text: str | bytes, special: Special, errors: Errors, sampling: Sampler | None
    ) -> NDArray[np.uint32]:
        """Return the ids of one text."""
        try:
            route = self._routes[special]  # type: ignore[index]
        except (KeyError, TypeError):
            route = self._find_route(special)
        encoder = route.encoder
        if sampling is not None:
            encoder = route.stepwise
        elif route.short is not None:
            ids = route.short.to_array(text)
            if ids is not None:
                return ids
        return encoder._encode_text(text, special, errors, sampling)

    def encode_list(
        self, text: str | bytes, special: Special, errors: Errors, sampling: Sampler | None
    ) -> list[int]:
        """Return the ids of one text as a list."""
        try:
            route = self._routes[special]  # type: ignore[index]
        except (KeyError, TypeError):
            route = self._find_route(special)
        encoder = route.encoder
        if sampling is not None:
            encoder = route.stepwise
        elif route.short is not None:
            row = route.short.to_list(text)
            if row is not None:
                return row
        ids = encoder._encode_text(text, special, errors, sampling)
        return self.to_lists(Ragged(ids, np.array([0, len(ids)], np.int64)))[0]

    def count(self, text: str | bytes, special: Special, errors: Errors) -> int:
        """Return the number of ids of one text."""
        try:
            route = self._routes[special]  # type: ignore[index]
        except (KeyError, TypeError):
            route = self._find_route(special)
        if route.short is not None:
            n = route.short.count(text)
            if n is not None:
                return n
        encoder = route.encoder
        if encoder._is_long(text, special, None):
            counts = encoder._encode_long(text, special, None, count_parts)
            if counts is not None:
                return int(counts[0])
        rows, buffer = encoder._encode_data(encode_utf8(text, errors), special, None)
        n = len(rows.values)
        encoder._keep_buffer(buffer)
        return n

    def _encode_text(
        self, text: str | bytes, special: Special, errors: Errors, sampling: Sampler | None
    ) -> NDArray[np.uint32]:
        """Return the ids of one text, which is prepared first."""
        if sampling is not None:
            text, sampling = encode_utf8(text, errors), self._check_sampling(sampling)
        if self._is_long(text, special, sampling):
            n = len(text)  # the number of ids is rarely higher
            rows = self._encode_long(text, special, sampling, partial(join_parts, expected=n))
            if rows is not None:
                return rows.values
        rows, buffer = self._encode_data(encode_utf8(text, errors), special, sampling)
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

    # One long text

    def _is_long(self, text: str | bytes, special: Special, sampling: Sampler | None) -> bool:
        """Return whether a text is encoded in parts, on several threads."""
        return (
            type(text) in (str, bytes) and len(text) >= LONG_TEXT and not self._needs_whole(special, sampling)
        )

    def _encode_long(
        self, text: str | bytes, special: Special, sampling: Sampler | None, join: Callable[[Parts], Result]
    ) -> Result | None:
        """Encode the parts of a text on all CPUs, and return them joined; None if there is an error.

        The caller then encodes the whole text, which raises the error with its position in the text.
        """
        parts = split_text(self._pipeline, text, BATCH_BYTES)
        encoded = self._encode_batches(parts, special, resolve_workers(None), sampling)
        try:
            return join(self._fuse(encoded))
        except (TextError, PatternError, SpecialTokenError, UnknownCharacterError):
            return None

    def _encode_data(
        self, data: bytes, special: Special, sampling: Sampler | None
    ) -> tuple[Ragged, NDArray[np.uint32]]:
        """Return the ids of one text, as one row, and the buffer to keep for reuse."""
        prepared = self._pipeline.prepare(Rows.of_text(data), special)
        cache = self._take_cache()
        try:
            return self._encode(cache, prepared, sampling)
        finally:
            self._caches.append(cache)

    def encode_nbest(
        self, text: str | bytes, n: int, special: Special, errors: Errors
    ) -> list[tuple[NDArray[np.uint32], float]]:
        """Return the ids and scores of the `n` best segmentations of one text."""
        encoder = self._find_route(special).stepwise
        return find_nbest(encoder._pipeline, encoder._model, encode_utf8(text, errors), n, special)

    # Several texts

    def to_lists(self, rows: Ragged) -> list[list[int]]:
        """Return rows of ids as lists."""
        return self._integers.lists_of_rows(rows.values, rows.offsets)

    def encode_few(
        self,
        texts: Iterable[str | bytes],
        special: Special,
        errors: Errors,
        workers: int | None,
        sampling: Sampler | None,
    ) -> Ragged | None:
        """Return the ids of a small batch, encoded in the calling thread.

        Return None if it is not small, if a text must be prepared first, or if a text leads to an error, so
        that `encode_parts` raises the error with its document and position.
        """
        if workers is not None:
            resolve_workers(workers)  # check it even if a small batch does not need it
        short = self._find_route(special).short
        if short is None or errors != "strict" or sampling is not None:
            return None
        try:
            if type(texts) not in (list, tuple):
                return None
            few = tuple(texts)  # which no other thread can change
            if sum(map(len, few)) >= SMALL_BATCH:
                return None
            encoded = short.to_rows(few)
        except (TypeError, UnknownCharacterError):
            return None
        return None if encoded is None else Ragged(*encoded)

    def encode_parts(
        self, corpus: Corpus, special: Special, workers: int | None, sampling: Sampler | None
    ) -> Parts:
        """Check the arguments, and return a generator that encodes a corpus part by part on several threads.

        The ids of a part are overwritten when the next part is requested.
        """
        route = self._find_route(special)
        encoder = route.encoder if sampling is None else route.stepwise
        return encoder._encode_parts(
            corpus, special, resolve_workers(workers), encoder._check_sampling(sampling)
        )

    def _encode_parts(
        self, corpus: Corpus, special: Special, n_workers: int, sampling: Sampler | None
    ) -> Parts:
        pipeline = None if self._needs_whole(special, sampling) else self._pipeline
        batches = corpus.batches(pipeline, BATCH_BYTES)
        if self._model.resolves_ties:
            batches = _join_short_parts(batches)
        return self._fuse(self._encode_batches(batches, special, n_workers, sampling))

    def _fuse(self, parts: Parts) -> Parts:
        """Fuse runs of the unknown token across parts, if the model fuses them."""
        return parts if (unk_id := self._fused_id) is None else fuse_unknown(parts, unk_id)

    def _encode_batches(
        self, batches: Iterator[Batch | StrPart], special: Special, n_workers: int, sampling: Sampler | None
    ) -> Parts:
        """Encode the batches of a corpus, or the parts of a text.

        Runs of the unknown token are not fused across parts.
        """
        _ = self._model.encoder, self._model.part_encoder  # build both here, not in several threads at once
        limit = min(CACHE_BYTES, max(ALL_CACHES_BYTES // n_workers, LEAST_CACHE_BYTES))
        caches = self._take_idle_caches(n_workers)
        idle = caches.copy()

        def take_cache() -> PretokenCache:
            if idle:
                return idle.pop()
            cache = PretokenCache(limit)
            caches.append(cache)
            return cache

        def encode_batch(
            cache: PretokenCache, part: Batch | StrPart
        ) -> tuple[EncodedPart, NDArray[np.uint32]]:
            batch = part.to_batch() if isinstance(part, StrPart) else part
            with batch.locating_errors():
                prepared = self._pipeline.prepare(batch.rows(), special)
                rows, buffer = self._encode(cache, prepared, sampling, batch)
            return EncodedPart(rows, batch.first, batch.start == 0, batch.continues), buffer

        try:
            with closing(map_ordered(encode_batch, batches, n_workers, take_cache)) as encoded:
                for part, buffer in encoded:
                    yield part
                    self._keep_buffer(buffer)
        finally:
            self._caches[:0] = caches  # at the front: other callers take the last one, which may be larger

    @property
    def _fused_id(self) -> int | None:
        """Id of the unknown token, if runs of it are fused even across parts of a document; None otherwise.

        If the pipeline has several stages, a run ends where a pretoken of an earlier stage ends, so it never
        continues in the next part.
        """
        return self._model.unk_id if self._model.fuse_unk and self._pipeline.has_one_stage else None

    def _needs_whole(self, special: Special, sampling: Sampler | None) -> bool:
        """Return whether documents must be encoded whole."""
        # Sampling depends on the positions of pretokens in the rewritten document, which are only known for
        # whole documents.
        return not self._may_cut(special) or (sampling is not None and self._pipeline.rewrites)

    def _may_cut(self, special: Special) -> bool:
        """Whether a document may be encoded in parts."""
        if self._model.needs_whole_rows:
            return False
        if self._model.resolves_ties and self._pipeline.added.match_modes(special) is not None:
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
        buffer = self._take_buffer(len(prepared.rows.documents.values) * encoder.ids_per_byte)
        out_offsets = np.empty(len(prepared.rows) + 1, np.int64)
        n = prepared.run(
            lambda text, offsets, spans: encoder.encode(text, offsets, spans, cache, buffer, out_offsets)
        )
        return prepared.join(Ragged(buffer[:n], out_offsets)), buffer

    def encode_located(self, data: bytes, special: Special) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """Return the ids of one text and their spans in its bytes: int64 of shape (n, 2).

        A long text is processed in parts, so that the alignment of its bytes fits in the processor's cache.
        """
        return self._find_route(special).stepwise._encode_located(data, special)

    def _encode_located(self, data: bytes, special: Special) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        cache = self._take_cache()
        try:
            if len(data) <= PART_BYTES or not self._may_cut(special):
                rows = Rows.of_text(data, aligned=True)
                ids, spans = self._locate(cache, rows, self._model.encoder, special)
                return ids.copy(), spans.copy()
            located = _SpansBuilder(len(data), self._fused_id)
            for batch in split_document(np.frombuffer(data, np.uint8), 0, self._pipeline, PART_BYTES):
                encoder = self._model.part_encoder if batch.is_part else self._model.encoder
                with batch.locating_errors():
                    ids, spans = self._locate(cache, batch.rows(aligned=True), encoder, special)
                located.add(ids, spans, batch.start, len(batch.documents.values))
            return located.finish()
        finally:
            self._caches.append(cache)

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

    def _take_idle_caches(self, n: int) -> list[PretokenCache]:
        """Take up to n idle caches for exclusive use, and join them."""
        caches: list[PretokenCache] = []
        while self._caches and len(caches) < n:
            caches.append(self._take_cache())
        if len(caches) > 1:
            join(caches)
        return caches

    def _take_buffer(self, n_ids: int) -> NDArray[np.uint32]:
        """Take a buffer for up to `n_ids` ids; reused memory is faster than new memory."""
        n = n_ids + SPARE_IDS
        try:
            buffer = self._buffers.pop()
        except IndexError:
            buffer = np.empty(0, np.uint32)
        return buffer if n <= len(buffer) else np.empty(n, np.uint32)

    def _keep_buffer(self, buffer: NDArray[np.uint32]) -> None:
        if len(buffer) <= MAX_KEPT_IDS and len(self._buffers) < MAX_KEPT_BUFFERS:
            self._buffers.append(buffer)


def _join_short_parts(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Join the first parts of a document, as a slow pipe gives them, unless they are long."""
    parts: list[Batch] = []
    for batch in batches:
        if not parts and (batch.start > 0 or not batch.continues):
            yield batch
            continue
        parts.append(batch)
        if not batch.continues or sum(len(part.documents.values) for part in parts) >= LEAST_PART_BYTES:
            text = np.concatenate([part.documents.values for part in parts])
            yield Batch(Ragged(text, np.array([0, len(text)], np.int64)), batch.first, batch.continues)
            parts = []


def _find_shared(added: AddedTokens, model: Model) -> dict[str, int]:
    """Return the special tokens that have the id of a piece, with their ids."""
    lengths = model.pieces.lengths
    is_shared = added.is_special & (added.ids < len(lengths))
    is_shared[is_shared] = lengths[added.ids[is_shared]] > 0
    return {added.tokens[i].text: int(added.ids[i]) for i in np.flatnonzero(is_shared).tolist()}


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
