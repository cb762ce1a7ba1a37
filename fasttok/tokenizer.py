"""`Tokenizer`: text to ids and back."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from fasttok._gather import gather_rows, measure_rows
from fasttok.errors import PatternError, SpecialTokenError
from fasttok.models._cache import SPARE_IDS, PretokenCache
from fasttok.models.base import Model
from fasttok.parallel import map_ordered, resolve_workers
from fasttok.ragged import Ragged, lengths_to_offsets
from fasttok.special import Special, SpecialTokens
from fasttok.text.corpus import BATCH_BYTES, Batch, Corpus
from fasttok.text.pretokenizers import Pretokenizer
from fasttok.text.readers import PathLike
from fasttok.text.utf8 import Errors, encode_utf8

CACHE_BYTES = 64 << 20
KEPT_IDS = 2 * BATCH_BYTES  # a worker's room for ids is kept up to this size
Ids = Sequence[int] | NDArray[Any]


class _Worker:
    """What one thread at a time works with: the cache of its pretokens, and room to write ids to."""

    def __init__(self) -> None:
        self.cache = PretokenCache(CACHE_BYTES)
        self._room = np.empty(0, np.uint32)

    def room(self, n_bytes: int) -> NDArray[np.uint32]:
        """Room for the ids of so many bytes, the same memory every time unless that would be much."""
        n = n_bytes + SPARE_IDS
        if n > KEPT_IDS:
            return np.empty(n, np.uint32)
        if n > len(self._room):
            self._room = np.empty(n, np.uint32)
        return self._room


class Tokenizer:
    """A pretokenizer, a model and special tokens: turns text into ids and ids into text.

    Made by `fasttok.train` or `fasttok.load`. Immutable and safe to share between threads; caches of
    pretokens, one a worker and each within 64 MiB, are kept from call to call.

    Parameters
    ----------
    model : Model
        What turns pretokens into ids.
    pretokenizer : Pretokenizer
        What cuts text into pretokens.
    special_tokens : mapping of str to int
        Texts with an id of their own, which plain text never becomes.
    provenance : mapping, optional
        Where the tokenizer comes from; plain JSON, kept in the file.

    Raises
    ------
    ValueError
        If the id of a special token is taken, negative, or given twice.

    Examples
    --------
    >>> import fasttok as ft
    >>> corpus = ft.Corpus.from_texts(["low lower lowest newest widest"])
    >>> tok = ft.train(corpus, model="bpe", vocab_size=262, special_tokens=["<|endoftext|>"])
    >>> ids = tok.encode("lowest")
    >>> ids.dtype, tok.decode(ids)
    (dtype('uint32'), 'lowest')
    """

    def __init__(
        self,
        model: Model,
        pretokenizer: Pretokenizer,
        special_tokens: Mapping[str, int] | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.pretokenizer = pretokenizer
        self.provenance = dict(provenance or {})
        self._special = SpecialTokens({} if special_tokens is None else special_tokens, model.pieces)
        self._pieces = self._special.added_to(model.pieces)
        self._ids: dict[bytes, int] | None = None
        self._workers: list[_Worker] = []  # those that are idle

    # What it is

    @property
    def vocab_size(self) -> int:
        """The number of ids: the largest id in use, plus one."""
        return len(self._pieces)

    @property
    def special_tokens(self) -> dict[str, int]:
        """The id of each special token."""
        return dict(self._special.ids)

    @property
    def merges(self) -> NDArray[np.uint32]:
        """The merges of the model: uint32 of shape (m, 2), pairs of ids in order of rank.

        Raises
        ------
        AttributeError
            If the model has no merges.
        """
        merges: NDArray[np.uint32] = self.model.merges  # type: ignore[attr-defined]
        return merges

    @property
    def is_lossless(self) -> bool:
        """Whether ``decode_bytes(encode(x))`` is x for every text and every byte string."""
        return self.pretokenizer.is_partition and self.model.is_lossless

    def id_to_piece(self, i: int) -> bytes:
        """The bytes of an id; for a special token, its text in UTF-8.

        Raises
        ------
        IndexError
            If the id is not in use.
        """
        return self._gather(_as_ids([i])).tobytes()

    def piece_to_id(self, piece: bytes | str) -> int:
        """The id of a piece; or of a special token, unless its text is a piece too.

        Raises
        ------
        KeyError
            If there is no such piece.
        """
        if self._ids is None:
            special = {token.encode(): i for token, i in self._special.ids.items()}
            rows = enumerate(self.model.pieces.to_bytes())
            self._ids = special | {row: i for i, row in rows if row}
        return self._ids[encode_utf8(piece)]

    def __repr__(self) -> str:
        return f"Tokenizer({self.model.kind}, vocab_size={self.vocab_size:,}, {self.pretokenizer})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.model, self.pretokenizer, self._special.ids, self.provenance)

    # Text to ids

    @overload
    def encode(
        self,
        text: str | bytes,
        *,
        special: Special = ...,
        as_list: Literal[False] = ...,
        errors: Errors = ...,
    ) -> NDArray[np.uint32]: ...
    @overload
    def encode(
        self, text: str | bytes, *, special: Special = ..., as_list: Literal[True], errors: Errors = ...
    ) -> list[int]: ...
    def encode(
        self,
        text: str | bytes,
        *,
        special: Special = "none",
        as_list: bool = False,
        errors: Errors = "strict",
    ) -> NDArray[np.uint32] | list[int]:
        """Turn a text into ids.

        Parameters
        ----------
        text : str or bytes
            The text; bytes need not be valid UTF-8.
        special : {"none", "all", "raise"} or collection of str
            What the text of a special token becomes: with "none", ids of ordinary text, as if there were
            no special tokens; with "all", its own id; with a collection, its own id if it is in there;
            with "raise", an error. Where two could start at one place the longer one does.
        as_list : bool
            Give a list of ``int`` instead of an array.
        errors : {"strict", "replace", "surrogatepass"}
            What a lone surrogate in a ``str`` does: raise `TextError`, become U+FFFD, or be its three
            bytes.

        Returns
        -------
        ndarray of uint32, shape (n,), or list of int

        Raises
        ------
        TextError
            At a lone surrogate when `errors` is "strict".
        SpecialTokenError
            At the text of a special token when `special` is "raise".

        Notes
        -----
        O(n log n) in the bytes of the longest pretoken, O(n) in the text.
        """
        documents = Ragged.from_bytes([encode_utf8(text, errors)])
        worker = self._take_worker()
        try:
            ids = self._encode_documents(worker, documents, special, self._special.expression(special)).values
        finally:
            self._workers.append(worker)
        return ids.tolist() if as_list else ids

    def encode_batch(
        self,
        texts: Iterable[str | bytes],
        *,
        special: Special = "none",
        errors: Errors = "strict",
        workers: int | None = None,
    ) -> Ragged:
        """Turn texts into ids, on several threads if there is much to do.

        Parameters
        ----------
        texts : iterable of str or bytes
            The texts.
        special, errors
            As in `encode`.
        workers : int, optional
            Threads; by default one a processor. The result does not depend on it.

        Returns
        -------
        Ragged of uint32
            A row a text.
        """
        return self._encode_corpus(Corpus.from_texts(texts, errors=errors), special, workers)

    def encode_files(
        self,
        paths: PathLike | Iterable[PathLike] | Corpus,
        *,
        special: Special = "none",
        workers: int | None = None,
    ) -> Ragged:
        """Turn the documents of files into ids.

        Parameters
        ----------
        paths : path, iterable of paths, or Corpus
            What `Corpus.from_files` takes; or a corpus, for other rules of what a document is.
        special, workers
            As in `encode_batch`.

        Returns
        -------
        Ragged of uint32
            A row a document.
        """
        corpus = paths if isinstance(paths, Corpus) else Corpus.from_files(paths)
        return self._encode_corpus(corpus, special, workers)

    def count(self, text: str | bytes, *, special: Special = "none", errors: Errors = "strict") -> int:
        """Count the tokens of a text; otherwise as `encode`."""
        return len(self.encode(text, special=special, errors=errors))

    def _encode_corpus(self, corpus: Corpus, special: Special, workers: int | None) -> Ragged:
        expression = self._special.expression(special)
        # A document is only cut between batches where no special token can stand.
        batches = corpus.batches(None if expression else self.pretokenizer)
        taken = [self._take_worker() for _ in range(resolve_workers(workers))]

        def encode_batch(worker: _Worker, batch: Batch) -> tuple[Ragged, bool]:
            try:
                return self._encode_documents(worker, batch.documents, special, expression), batch.continues
            except (PatternError, SpecialTokenError) as error:
                raise error.moved(batch.first) from None

        try:
            return _join_rows(map_ordered(encode_batch, batches, taken), corpus.most_bytes())
        finally:
            self._workers.extend(taken)

    def _encode_documents(
        self, worker: _Worker, documents: Ragged, special: Special, expression: re.Pattern[bytes] | None
    ) -> Ragged:
        """Encode a batch, a row a document; `worker` is this call's alone, `expression` finds `special`."""
        if expression is None:
            return self._encode_plain(worker, documents)
        if special == "raise":
            self._special.refuse(documents, expression)
            return self._encode_plain(worker, documents)
        split = self._special.split(documents, expression)
        return split.join(self._encode_plain(worker, split.segments))

    def _encode_plain(self, worker: _Worker, documents: Ragged) -> Ragged:
        """Encode a batch in which the texts of special tokens are ordinary text."""
        text = documents.values
        ids = worker.room(len(text))
        offsets = np.zeros(len(documents) + 1, np.int64)
        n_ids = 0
        row = 0  # documents before this one have ended
        for boundaries in self.pretokenizer.boundaries(documents):
            encoded = self.model.encode_pretokens(text, boundaries, worker.cache, ids[n_ids:])
            next_row = int(np.searchsorted(documents.offsets, boundaries[-1], side="right"))
            ends = np.searchsorted(boundaries, documents.offsets[row:next_row])
            offsets[row:next_row] = encoded.offsets[ends] + n_ids
            row = next_row
            n_ids += len(encoded.values)
        offsets[row:] = n_ids
        return Ragged(ids[:n_ids].copy(), offsets)

    def _take_worker(self) -> _Worker:
        """A worker that nobody else uses until it is put on the list again."""
        try:
            return self._workers.pop()
        except IndexError:
            return _Worker()

    # Ids to text

    def decode(self, ids: Ids, *, errors: Literal["replace", "strict"] = "replace") -> str:
        """Turn ids into text.

        Parameters
        ----------
        ids : sequence or array of int
            The ids; those of special tokens become their texts.
        errors : {"replace", "strict"}
            What bytes that are not UTF-8 do, which the ids of part of a text may give: become U+FFFD,
            or raise ``UnicodeDecodeError``.

        Returns
        -------
        str

        Raises
        ------
        IndexError
            If an id is negative, not below `vocab_size`, or not in use.
        TypeError
            If the ids are not integers.
        """
        return self.decode_bytes(ids).decode(errors=_checked_errors(errors))

    def decode_bytes(self, ids: Ids) -> bytes:
        """Turn ids into the bytes of the text; otherwise as `decode`. O(length of the result)."""
        return self._gather(_as_ids(ids)).tobytes()

    def decode_batch(
        self, batch: Ragged | Iterable[Ids], *, errors: Literal["replace", "strict"] = "replace"
    ) -> list[str]:
        """Turn every row of a batch into text; otherwise as `decode`."""
        _checked_errors(errors)
        rows = batch if isinstance(batch, Ragged) else Ragged.from_arrays([_as_ids(row) for row in batch])
        ids = _as_ids(rows.values)
        text = self._gather(ids, rows.offsets)
        ends = lengths_to_offsets(self._pieces.lengths[ids])[rows.offsets]
        return [row.decode(errors=errors) for row in Ragged(text, ends).to_bytes()]

    def _gather(self, ids: NDArray[Any], rows: NDArray[np.int64] | None = None) -> NDArray[np.uint8]:
        """The pieces of the ids, one after another; `rows` are the offsets of rows to name in an error."""
        offsets = self._pieces.offsets
        n_bytes, bad = measure_rows(offsets, ids, False)
        if bad >= 0:
            i = int(ids[bad])
            why = (
                "is not in use"
                if 0 <= i < self.vocab_size
                else f"is outside the vocabulary of {self.vocab_size} ids"
            )
            place = f"position {bad}"
            if rows is not None:
                row = int(np.searchsorted(rows, bad, side="right")) - 1
                place = f"position {bad - rows[row]} of row {row}"
            raise IndexError(f"id {i} at {place} {why}")
        text = np.empty(n_bytes, np.uint8)
        gather_rows(self._pieces.values, offsets, ids, text)
        return text

    # Files

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the tokenizer to one self-contained file, whole or not at all; `fasttok.load` reads it."""
        from fasttok.formats.native import save

        save(self, path)

    def to_tiktoken(self, path: str | os.PathLike[str]) -> None:
        """Write a tiktoken rank file; see `fasttok.formats.tiktoken.save`."""
        from fasttok.formats.tiktoken import save

        save(self, path)


def _as_ids(ids: Ids) -> NDArray[Any]:
    """A row of ids as a contiguous array of uint32 or int64; none of them looked at yet."""
    if isinstance(ids, (str, bytes)) or not hasattr(ids, "__len__"):
        raise TypeError(f"ids must be one row of integers, not {type(ids).__name__}")
    try:
        array = np.asarray(ids)
    except ValueError:
        array = np.empty((0, 0))
    if array.ndim != 1:
        raise TypeError("ids must be one row of integers; for several rows there is decode_batch")
    if len(array) == 0:
        return np.empty(0, np.int64)
    if array.dtype == object and all(type(i) is int for i in array.tolist()):
        raise IndexError("an id beyond 64 bits is outside any vocabulary")
    if array.dtype.kind not in "iu":
        raise TypeError(f"ids must be integers, not {array.dtype}")
    if array.dtype == np.uint64:
        array = np.minimum(array, np.uint64(1 << 62))
    return np.ascontiguousarray(array if array.dtype == np.uint32 else array.astype(np.int64))


def _checked_errors(errors: str) -> str:
    if errors not in ("replace", "strict"):
        raise ValueError(f'errors must be "replace" or "strict", not {errors!r}')
    return errors


def _join_rows(parts: Iterator[tuple[Ragged, bool]], room: int) -> Ragged:
    """Put batches behind one another; where one continues, its last row and the next one's first are one.

    `room` is for how many ids to make room at first. What stays unused of it is memory never touched; a
    second copy of all ids, to join them at the end, would cost more than the encoding of some texts.
    """
    values = np.empty(room, np.uint32)
    n_ids = 0
    lengths: list[NDArray[np.int64]] = []
    continues = False
    for rows, goes_on in parts:
        row_lengths = rows.lengths
        if continues:
            lengths[-1][-1] += row_lengths[0]
            row_lengths = row_lengths[1:]
        if len(row_lengths):
            lengths.append(row_lengths)
        continues = goes_on
        end = n_ids + len(rows.values)
        if end > len(values):
            larger = np.empty(2 * end, np.uint32)
            larger[:n_ids] = values[:n_ids]
            values = larger
        values[n_ids:end] = rows.values
        n_ids = end
    values.resize(n_ids, refcheck=False)  # gives the rest back, in place
    return Ragged(values, lengths_to_offsets(np.concatenate(lengths) if lengths else []))
