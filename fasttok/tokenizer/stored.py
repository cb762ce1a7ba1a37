"""Encode a corpus to a token store, from the last checkpoint of a run that was interrupted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_integer, describe, suggest
from fasttok.core.errors import TokenStoreError
from fasttok.core.progress import Bar, notify
from fasttok.corpus.batches import BATCH_BYTES, Batch
from fasttok.corpus.corpus import Corpus
from fasttok.corpus.fingerprint import TextHash
from fasttok.text.added import AddedToken
from fasttok.text.pipeline import Pipeline
from fasttok.text.steps import Pretokenizer
from fasttok.tokenizer.stream import EncodedPart, Parts
from fasttok.tokens._separators import insert_separators
from fasttok.tokens.checkpoint import Checkpoint, UnfinishedFolder
from fasttok.tokens.layout import Description, dtype_of
from fasttok.tokens.writer import StoreWriter, Written

CHECKPOINT_BYTES = 64 << 20  # approximate size of the text between two checkpoints


@dataclass(frozen=True)
class Options:
    """Options on which the ids of a store depend, and the size of its shards."""

    vocab_size: int
    shard_size: int
    separator_id: int | None
    tokenizer_fingerprint: str
    encoding: dict[str, Any]

    def fields(self) -> dict[str, Any]:
        """Return all options, by name."""
        return {
            "tokenizer_fingerprint": self.tokenizer_fingerprint,
            "vocab_size": self.vocab_size,
            "separator_id": self.separator_id,
            **self.encoding,
            "shard_size": self.shard_size,
        }


class Mark(NamedTuple):
    """Place between two documents of a corpus at which a checkpoint is possible."""

    n_documents: int
    fingerprint: str


class HashedCorpus(Corpus):
    """Corpus that is hashed while it is read, and whose first documents can be skipped.

    Parameters
    ----------
    corpus : Corpus
        The corpus, which is read once.

    Attributes
    ----------
    text : TextHash
        Hash of all text that has been read.
    marks : deque of Mark
        Places that have been read, about `CHECKPOINT_BYTES` apart. The consumer removes those that it has
        passed.
    start : Mark or None
        Documents before it are read and hashed, but not returned by `batches`.
    bar : Bar or None
        Progress of reading.
    path : str
        Unfinished folder, for messages.
    """

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self.text = TextHash()
        self.marks: deque[Mark] = deque()
        self.start: Mark | None = None
        self.bar: Bar | None = None
        self.path = ""

    def batches(
        self, pretokenizer: Pretokenizer | Pipeline | None = None, batch_bytes: int = BATCH_BYTES
    ) -> Iterator[Batch]:
        """Yield the documents from `start` on in batches; see `Corpus.batches`.

        Raises
        ------
        TokenStoreError
            If the documents before `start` are not those of its fingerprint.
        """
        marked = 0  # bytes before the last mark
        for whole in self._corpus.batches(pretokenizer, batch_bytes):
            batch = whole
            if self.bar is not None:
                self.bar.update(len(batch.documents.values))
            if self.start is not None:
                n_skipped = self.start.n_documents - self.text.n_documents
                if n_skipped > len(batch.documents) - batch.continues:
                    self.text.update(batch)
                    continue
                batch = self._skip(batch, n_skipped)
                marked = self.text.n_bytes
            if not len(batch.documents):
                continue
            self.text.update(batch)
            if not batch.continues and self.text.n_bytes - marked >= CHECKPOINT_BYTES:
                self.marks.append(Mark(self.text.n_documents, self.text.fingerprint()))
                marked = self.text.n_bytes
            yield batch
        if self.start is not None:
            raise self._other_text(f"it has only {self.text.n_documents:,} documents")

    def _skip(self, batch: Batch, n: int) -> Batch:
        """Skip the first `n` documents of a batch, after which the corpus is at `start`."""
        if n:
            self.text.update(Batch(batch.documents[:n], batch.first, start=batch.start))
        if self.start is not None and self.text.fingerprint() != self.start.fingerprint:
            raise self._other_text("these documents of the corpus are different")
        self.start = None
        return Batch(batch.documents[n:], batch.first + n, batch.continues) if n else batch

    def _other_text(self, difference: str) -> TokenStoreError:
        n = 0 if self.start is None else self.start.n_documents
        return TokenStoreError(
            f"cannot go on: the unfinished run has encoded {n:,} documents of another corpus, and "
            f"{difference}; pass the same corpus, or delete the folder to start again",
            self.path,
        )


def find_separator(separator: Any, added_tokens: Mapping[AddedToken, int], vocab_size: int) -> int | None:
    """Return the id of a separator: an id, or the text of an added token.

    Raises
    ------
    TypeError
        If it is neither an integer nor a ``str`` nor None.
    ValueError, IndexError
        If there is no such added token, or no such id.
    """
    if separator is None:
        return None
    if not isinstance(separator, str):
        number = checked_integer("separator", separator, "the text of an added token, an id or None")
        if not 0 <= number < vocab_size:
            raise IndexError(
                f"separator {describe(number)} is not an id of a vocabulary of {vocab_size:,} ids"
            )
        return number
    ids = {token.text: i for token, i in added_tokens.items()}
    if separator not in ids:
        raise ValueError(
            f"separator {describe(separator)} is not an added token{suggest(separator, ids)}; add it with "
            "tok.add_tokens, or pass an id"
        )
    return ids[separator]


def write_store(source: HashedCorpus, parts: Parts, path: str, options: Options, progress: bool) -> None:
    """Write a store, or go on where an interrupted run has stopped.

    Parameters
    ----------
    source : HashedCorpus
        Text, of which nothing has been read.
    parts : generator of EncodedPart
        Ids of `source`, which is encoded while they are read.
    path : str
        Folder of the store.
    options : Options
        Options with which `parts` are encoded.
    progress : bool
        Whether to show a progress bar.

    Raises
    ------
    TokenStoreError
        If the unfinished store is damaged, or was begun with another corpus or other options.
    """
    with closing(parts), UnfinishedFolder(path) as folder:
        source.path = folder.path
        checkpoint, complete = folder.read_checkpoint(), folder.read_complete()
        if complete is not None and complete.encoding is not None:
            _check_options(folder.path, _options_of(complete).fields(), options)
            _check_corpus(source, complete)
            folder.complete()
            return
        if checkpoint is not None and checkpoint.n_documents:
            _check_options(folder.path, checkpoint.options, options)
        else:
            checkpoint = None
        folder.clear(keep=checkpoint)
        if checkpoint is not None:
            notify(f"going on after {checkpoint.n_documents:,} documents, which are in {folder.path}")
        try:
            with Bar("encoding", unit="B", unit_scale=True, disable=not progress) as source.bar:
                _write(parts, source, folder, options, checkpoint)
        except BaseException as error:
            if folder.read_checkpoint() is None:
                folder.delete()  # nothing is lost, and another call can have other options
            elif isinstance(error, OSError) and str(error.filename).startswith(folder.path):
                error.strerror = f"{error.strerror}; the same call goes on when the file can be written"
            raise
        folder.complete()


def _write(
    parts: Parts,
    source: HashedCorpus,
    folder: UnfinishedFolder,
    options: Options,
    checkpoint: Checkpoint | None,
) -> None:
    written = None
    if checkpoint is not None:
        written = Written(checkpoint.n_ids, checkpoint.n_documents, checkpoint.files)
        source.start = Mark(checkpoint.n_documents, checkpoint.corpus_fingerprint)
    with StoreWriter(folder.path, options.vocab_size, options.shard_size, written) as writer:
        for part in parts:
            writer.append_new(*_separate(part, options))
            if source.marks and source.marks[0].n_documents == writer.n_documents:
                fingerprint = source.marks.popleft().fingerprint
                writer.checkpoint(partial(_save, folder, options.fields(), fingerprint))
        writer.finish(
            source_bytes=source.text.n_bytes,
            separator_id=options.separator_id,
            tokenizer_fingerprint=options.tokenizer_fingerprint,
            corpus_fingerprint=source.text.fingerprint(),
            encoding=options.encoding,
        )


def _save(folder: UnfinishedFolder, options: dict[str, Any], fingerprint: str, written: Written) -> None:
    folder.write_checkpoint(
        Checkpoint(options, written.n_documents, written.n_ids, fingerprint, written.files)
    )


def _separate(part: EncodedPart, options: Options) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the ids of a part with separators, and the places after which documents end."""
    values, ends = part.ids.values, part.ids.offsets[1 : len(part.ids.offsets) - part.continues]
    dtype = dtype_of(options.vocab_size)
    if options.separator_id is None:
        return values.astype(dtype), ends
    out = np.empty(len(values) + len(ends), dtype)
    insert_separators(values, ends, options.separator_id, out)
    return out, ends + np.arange(1, len(ends) + 1)


def _options_of(description: Description) -> Options:
    return Options(
        description.vocab_size,
        description.shard_size,
        description.separator_id,
        description.tokenizer_fingerprint or "",
        description.encoding or {},
    )


def _check_options(path: str, then: dict[str, Any], options: Options) -> None:
    """Raise an error if an unfinished store was begun with other options."""
    now = options.fields()
    for name in {**now, **then}:
        if name not in then or name not in now or now[name] != then[name]:
            raise TokenStoreError(
                f"cannot go on: the unfinished run had {name} {describe_option(then.get(name))}, not "
                f"{describe_option(now.get(name))}; pass the same, or delete the folder to start again",
                path,
            )


def describe_option(value: Any) -> str:
    """Return the value of an option for a message."""
    return repr(value) if isinstance(value, list) else describe(value)


def _check_corpus(source: HashedCorpus, complete: Description) -> None:
    """Read the corpus of a store that only has to be renamed, and compare its fingerprint."""
    for _ in source.batches():
        source.marks.clear()
    if source.text.fingerprint() != complete.corpus_fingerprint:
        raise TokenStoreError(
            "cannot go on: the store was written from another corpus; pass the same, or delete the folder to "
            "start again",
            source.path,
        )
