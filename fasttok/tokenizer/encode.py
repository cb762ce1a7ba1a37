"""`TextEncoder`: from text to ids, with the caches and the memory that are kept from call to call."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import closing
from fractions import Fraction
from functools import cached_property
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from fasttok.core._lists import lists_of_rows
from fasttok.core.errors import PatternError, SpecialTokenError, UnknownCharacterError
from fasttok.core.parallel import map_ordered, resolve_workers
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.corpus.corpus import BATCH_BYTES, Batch, Corpus
from fasttok.models._cache import SPARE_IDS, PretokenCache
from fasttok.models.base import Model
from fasttok.models.dropout import Dropout
from fasttok.models.sampling import Sampling
from fasttok.text._spans import Spans, list_spans
from fasttok.text.added import Special, SpecialTokens, Split
from fasttok.text.pipeline import Pipeline
from fasttok.text.unicode.utf8 import Errors, encode_utf8

Draws = Dropout | Sampling | None

CACHE_BYTES = 64 << 20
KEPT_IDS = 2 * BATCH_BYTES  # room for ids is kept up to this size,
KEPT_ROOMS = 8  # and so many of them
SMALL_BATCH = 1 << 18  # characters that are encoded sooner than they are gathered


class EncodeOptions(TypedDict, total=False):
    """Options of `Tokenizer.encode`, for signatures that would only repeat them."""

    special: Special
    errors: Errors
    dropout: float | Fraction | None
    seed: int | None
    epoch: int
    sample: Sampling | None


class BatchOptions(EncodeOptions, total=False):
    """Options of `Tokenizer.encode_batch`."""

    workers: int | None


class TextEncoder:
    """Normalizer, pretokenizer, model and special tokens at work. Safe to share between threads.

    Parameters
    ----------
    pipeline : Pipeline
        What rewrites text and cuts it into pretokens.
    model : Model
        What turns pretokens into ids.
    special : SpecialTokens
        What plain text never becomes.
    n_ids : int
        One more than the largest id.
    """

    def __init__(self, pipeline: Pipeline, model: Model, special: SpecialTokens, n_ids: int) -> None:
        self._pipeline = pipeline
        self._pretokenizer = pipeline.pretokenizer
        self._model = model
        self._special = special
        self._n_ids = n_ids
        # For text that is encoded as it comes, with no look at it beforehand.
        self._scanner: Spans | None = None if pipeline.rewrites else pipeline.pretokenizer.scanner
        self._caches: list[PretokenCache] = []  # those that are idle
        self._rooms: list[NDArray[np.uint32]] = []

    @cached_property
    def _integers(self) -> list[int]:
        """One int object an id, for all lists."""
        return list(range(self._n_ids))

    def encode_text(
        self, text: str | bytes, special: Special, errors: Errors, draws: Draws = None
    ) -> NDArray[np.uint32]:
        """The ids of one text."""
        data = np.frombuffer(encode_utf8(text, errors), np.uint8)
        batch = Batch(Ragged(data, np.array([0, len(data)], np.int64)), 0)
        cache = self._take_cache()
        try:
            rows, room = self._encode(cache, batch, special, self._special.expression(special), draws)
        finally:
            self._caches.append(cache)
        ids = rows.values
        del rows
        if len(room) <= KEPT_IDS or ids.base is not room:
            ids = ids.copy()
            self._keep_room(room)
            return ids
        n = len(ids)
        del ids
        room.resize(n, refcheck=False)  # gives the rest back, where a copy would take as much again
        return room

    def encode_list(self, text: str | bytes, special: Special, errors: Errors, draws: Draws) -> list[int]:
        """The ids of one text as a list."""
        if special == "none" and errors == "strict" and draws is None and type(text) in (str, bytes):
            scanner = self._scanner
            if scanner is not None and len(text) < SMALL_BATCH:
                cache = self._take_cache()
                try:
                    return self._model.encoder.encode_to_list(text, scanner, cache, self._integers)
                except UnicodeEncodeError:
                    pass  # what follows says where
                finally:
                    self._caches.append(cache)
        ids = self.encode_text(text, special, errors, draws)
        return lists_of_rows(ids, np.array([0, len(ids)], np.int64), self._integers)[0]

    def encode_lists(
        self,
        texts: Iterable[str | bytes],
        special: Special,
        errors: Errors,
        workers: int | None,
        draws: Draws,
    ) -> list[list[int]]:
        """The ids of every text as a list; the calling thread alone encodes what is soon done."""
        resolve_workers(workers)  # wrong ones are wrong for few texts too
        is_plain = special == "none" and errors == "strict" and draws is None
        if is_plain and self._scanner and isinstance(texts, (list, tuple)):
            try:
                if sum(map(len, texts)) < SMALL_BATCH:
                    return self._encode_small(texts, self._scanner)
            except (TypeError, UnicodeEncodeError, UnknownCharacterError):
                pass  # what follows says what is wrong, and where
        rows = self.encode_corpus(Corpus.from_texts(texts, errors=errors), special, workers, draws)
        return lists_of_rows(rows.values, rows.offsets, self._integers)

    def _encode_small(self, texts: Sequence[str | bytes], scanner: Spans) -> list[list[int]]:
        encode, integers, cache = self._model.encoder.encode_to_list, self._integers, self._take_cache()
        try:
            return [encode(text, scanner, cache, integers) for text in texts]
        finally:
            self._caches.append(cache)

    def encode_corpus(self, corpus: Corpus, special: Special, workers: int | None, draws: Draws) -> Ragged:
        """The ids of every document, on threads."""
        expression = self._special.expression(special)
        # A document is only cut between batches where no special token can stand. What is drawn depends on
        # where pretokens begin in the document as it was rewritten, which is only known of whole ones.
        is_drawn = draws is not None and self._pipeline.rewrites
        is_whole = expression is not None or is_drawn or self._model.takes_rows_whole
        batches = corpus.batches(None if is_whole else self._pipeline)
        n_ids = corpus.most_bytes() // 2  # natural text has far fewer; there can be more
        joined = _JoinedRows(n_ids, self._model.unk_id if self._model.joins_unknown else None)
        caches = [self._take_cache() for _ in range(resolve_workers(workers))]

        _ = self._model.encoder, self._model.part_encoder  # made once, not by every thread that asks first

        def encode_batch(cache: PretokenCache, batch: Batch) -> tuple[Ragged, bool, NDArray[np.uint32]]:
            try:
                rows, room = self._encode(cache, batch, special, expression, draws)
            except (PatternError, SpecialTokenError) as error:
                raise error.moved(batch.first) from None
            except UnknownCharacterError as error:
                before = 0 if error.document else batch.start
                raise error.moved(batch.first + error.document, before + error.position) from None
            return rows, batch.continues, room

        try:
            with closing(map_ordered(encode_batch, batches, caches)) as encoded:
                for rows, continues, room in encoded:
                    joined.add(rows, continues)
                    self._keep_room(room)
        finally:
            self._caches.extend(caches)
        return joined.finish()

    def _encode(
        self,
        cache: PretokenCache,
        batch: Batch,
        special: Special,
        expression: re.Pattern[bytes] | None,
        draws: Draws,
    ) -> tuple[Ragged, NDArray[np.uint32]]:
        """Encode a batch, a row a document; and give the room that the ids stand in, or stood in.

        A `SpecialTokenError`, `PatternError` or `UnknownCharacterError` has its place in the batch.
        """
        raw, split = batch.documents, None
        if expression is not None and special == "raise":
            self._special.refuse(raw, expression)
        elif expression is not None:
            split = self._special.split(raw, expression)
            raw = split.segments
        documents = raw
        if self._pipeline.rewrites:
            begins, ends = batch.begins, batch.ends
            if split is not None:
                begins, ends = split.edges(begins, ends)
            documents = self._pipeline.rewrite(raw, begins=begins, ends=ends)
        encoder = self._model.part_encoder if batch.is_part else self._model.encoder
        if draws is not None:
            starts = self._starts(batch, split, documents)
            rows = np.arange(len(documents)) if split is None else split.rows
            encoder = self._model.drawn_encoder(draws, batch.first + rows, starts)
        room = self._take_room(len(documents.values))
        text, offsets = np.ascontiguousarray(documents.values), np.empty(len(documents) + 1, np.int64)
        try:
            spans = self._pretokenizer.spans(documents)
            n = encoder.encode(text, documents.offsets, spans, cache, room, offsets)
        except UnknownCharacterError as error:
            row, position = error.document, error.position
            if self._pipeline.rewrites:
                _, made_of = self._pipeline.trace(raw, begins=begins, ends=ends)
                position = int(made_of[documents.offsets[row] + position, 0] - raw.offsets[row])
            place = (row, position) if split is None else split.place(row, position)
            raise error.moved(*place) from None
        except PatternError as error:
            row = error.document or 0
            raise error.moved(0 if split is None else int(split.rows[row]) - row) from None
        encoded = Ragged(room[:n], offsets)
        return encoded if split is None else split.join(encoded), room

    def _starts(self, batch: Batch, split: Split | None, documents: Ragged) -> NDArray[np.int64]:
        """Where each row to be encoded begins in its document, or in that as it was rewritten, in bytes."""
        if split is None:
            starts = np.zeros(len(documents), np.int64)
            starts[:1] = batch.start
        elif self._pipeline.rewrites:
            starts = documents.offsets[:-1] - documents.offsets[np.searchsorted(split.rows, split.rows)]
        else:
            starts = split.starts
        return starts

    def encode_aligned(
        self, data: bytes, special: Special
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.int64]]:
        """The ids of one text, and where in it each begins and ends, in bytes; for any model."""
        expression = self._special.expression(special)
        documents = Ragged.from_bytes([data])
        if expression is not None and special == "raise":
            self._special.refuse(documents, expression)
            expression = None
        if expression is None:
            segments, begins, ends = documents, np.ones(1, np.bool_), np.ones(1, np.bool_)
            starts, behind = np.zeros(1, np.int64), [np.empty(0, np.uint32)]
        else:
            split = self._special.split(documents, expression)
            segments, starts, behind = split.segments, split.starts, split.ids_behind
            begins, ends = split.edges(np.ones(1, np.bool_), np.ones(1, np.bool_))
        cache = self._take_cache()
        ids: list[NDArray[np.uint32]] = []
        places: list[NDArray[np.int64]] = []
        try:
            for i, start in enumerate(starts.tolist()):
                found, spans = self._align(segments[i : i + 1], begins[i : i + 1], ends[i : i + 1], cache)
                next_start = int(starts[i + 1]) if i + 1 < len(starts) else len(data)
                token = [[start + segments.lengths[i], next_start]] * len(behind[i])
                ids += [found, behind[i]]
                places += [start + spans, np.array(token, np.int64).reshape(-1, 2)]
        except UnknownCharacterError:
            self.encode_text(data, special, "strict")  # says where
            raise
        finally:
            self._caches.append(cache)
        return np.concatenate(ids), *np.concatenate(places).T

    def _align(
        self, segment: Ragged, begins: NDArray[np.bool_], ends: NDArray[np.bool_], cache: PretokenCache
    ) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """The ids of one row, and where in it each begins and ends: int64[n, 2]."""
        documents, made_of = self._pipeline.trace(segment, begins=begins, ends=ends)
        text = np.ascontiguousarray(documents.values)
        places = documents.offsets.reshape(1, 2)
        if not self._model.takes_rows_whole:
            places = list_spans(self._pretokenizer.spans(documents), text)
        # Every other row: between two pretokens is what was left out.
        stretches = Ragged(text, np.append(places, len(text)))
        pretokens = stretches.take(np.arange(0, 2 * len(places), 2))
        ids = np.empty(len(text) + SPARE_IDS, np.uint32)
        spans = self._pretokenizer.spans(documents)
        n = self._model.encoder.encode(text, documents.offsets, spans, cache, ids, np.empty(2, np.int64))
        ids = ids[:n].copy()
        lengths = self._model.token_lengths(pretokens, ids, len(text))
        # Their first and last bytes, in the pretokens and then in the text that these were cut from. Of
        # several ids for the same bytes, all but the last stand before them, with none of their own.
        firsts = lengths_to_offsets(lengths)[:-1]
        lasts = firsts + np.maximum(lengths - 1, 0)
        shifts = places[:, 0] - pretokens.offsets[:-1]
        first_and_last = [
            made_of[at + shifts[np.searchsorted(pretokens.offsets, at, side="right") - 1]]
            for at in (firsts, lasts)
        ]
        begins_at, ends_at = first_and_last[0][:, 0], first_and_last[1][:, 1]
        return ids, np.stack([begins_at, np.where(lengths > 0, ends_at, begins_at)], axis=1)

    def _take_cache(self) -> PretokenCache:
        """A cache that nobody else uses until it is put on the list again."""
        try:
            return self._caches.pop()
        except IndexError:
            return PretokenCache(CACHE_BYTES)

    def _take_room(self, n_bytes: int) -> NDArray[np.uint32]:
        """Room for the ids of so many bytes: memory used before, as fresh memory is slow at first."""
        n = n_bytes + SPARE_IDS
        try:
            room = self._rooms.pop()
        except IndexError:
            room = np.empty(0, np.uint32)
        return room if n <= len(room) else np.empty(n, np.uint32)

    def _keep_room(self, room: NDArray[np.uint32]) -> None:
        if len(room) <= KEPT_IDS and len(self._rooms) < KEPT_ROOMS:
            self._rooms.append(room)


class _JoinedRows:
    """Batches put behind one another; where one continues, its last row and the next one's first are one.

    Parameters
    ----------
    n_ids : int
        For how many ids to make room at first. What stays unused of it is memory never touched.
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
