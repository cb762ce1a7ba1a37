"""`compare_tokenizers`: find out where two tokenizers differ, in their parts and in the ids of a corpus."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_path, checked_size
from fasttok.core.errors import FasttokError, ScoringError
from fasttok.core.parallel import resolve_workers
from fasttok.core.ragged import Ragged
from fasttok.corpus.batches import Batch
from fasttok.corpus.corpus import Corpus, advising_corpus
from fasttok.corpus.files import PathLike
from fasttok.display.colours import visible
from fasttok.evaluation.differences import (
    Differences,
    Example,
    IdDifferences,
    ListDifferences,
    Moved,
    Only,
    Setting,
)
from fasttok.evaluation.encoded import untrimmed
from fasttok.evaluation.wrappers import AnyTokenizer, wrap
from fasttok.formats.registry import load
from fasttok.models.unigram.model import UnigramModel
from fasttok.tokenizer.tokenizer import Tokenizer

T = TypeVar("T")
# Attributes of a tokenizer that are compared as settings.
SETTINGS = ("normalizer", "pretokenizer", "decoder", "template", "padding", "truncation", "trim_offsets")
CONTEXT = 3  # number of tokens that an example shows before the first difference
SHOWN_TOKENS = 10  # number of tokens that an example shows


def compare_tokenizers(
    a: Any,
    b: Any,
    corpus: Corpus | PathLike | Iterable[PathLike] | None = None,
    *,
    examples: int = 5,
    workers: int | None = None,
) -> Differences:
    """Compare two tokenizers: vocabulary, merges, added tokens, settings, and the ids of a corpus.

    Parameters
    ----------
    a, b : Tokenizer, path, or tokenizer of another library
        The tokenizers. A path is opened with `load`, a tokenizer of another library is passed to `wrap`. For
        such a tokenizer, merges and settings are not compared.
    corpus : Corpus, path or iterable of paths, optional
        Texts that both tokenizers encode, without the special tokens of a template. Special tokens in the
        text are plain text.
    examples : int
        Maximum number of documents that differ to describe in `Differences.ids`.
    workers : int, optional
        Number of threads; default: all CPUs. The result does not depend on it.

    Returns
    -------
    Differences
        A value that is true if there are differences.

    Raises
    ------
    OSError, ModelFormatError
        If a file cannot be opened, or is not a tokenizer.
    ScoringError
        If a tokenizer fails on a text.
    TypeError
        If `a` or `b` is not a tokenizer.

    Notes
    -----
    The corpus is read in batches of about 4 MiB. Memory grows with the longest document, not with the number
    of documents.

    Examples
    --------
    >>> import fasttok as ft
    >>> corpus = ft.Corpus.from_texts(["low lower lowest newest"])
    >>> a, b = (ft.train(corpus, vocab_size=size) for size in (260, 261))
    >>> differences = ft.compare_tokenizers(a, b, ft.Corpus.from_texts(["slow", "the west"]))
    >>> differences.ids.examples[0].document, differences.ids.examples[0].byte
    (1, 4)
    """
    examples = checked_size("examples", examples, least=0)
    names = [os.fspath(one) if _is_path(one) else name for one, name in ((a, "a"), (b, "b"))]
    resolve_workers(workers)  # check `workers` before any work
    tokenizers = [_open(name, one) for name, one in (("a", a), ("b", b))]
    first, second = tokenizers
    settings = None
    if isinstance(first, Tokenizer) and isinstance(second, Tokenizer):
        settings = tuple(_compare_settings(first, second))
    are_ours = settings is not None
    pieces = _pieces_of(first, are_ours), _pieces_of(second, are_ours)
    merges = None
    if (merges_a := _merges_of(first)) is not None and (merges_b := _merges_of(second)) is not None:
        merges = _compare(merges_a, merges_b)
    ids = None
    if corpus is not None:
        opened = corpus if isinstance(corpus, Corpus) else Corpus.from_files(corpus)
        with advising_corpus(corpus):
            ids = _Comparison(names, tokenizers, examples, workers).run(opened)
    return Differences(
        names[0],
        names[1],
        _compare(*pieces),
        _compare_scores(first, second, *pieces),
        merges,
        _compare(_added_of(first, are_ours), _added_of(second, are_ours)),
        settings,
        ids,
    )


def _open(name: str, one: Any) -> AnyTokenizer:
    if _is_path(one):
        return load(checked_path(name, one))
    try:
        return wrap(one)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None


def _is_path(one: Any) -> bool:
    return isinstance(one, (str, os.PathLike))


# The parts of a tokenizer


def _pieces_of(tokenizer: AnyTokenizer, are_ours: bool) -> list[tuple[bytes, int]]:
    """Return the pieces and their ids, without added tokens, as far as they are known."""
    if are_ours and isinstance(tokenizer, Tokenizer):
        added = set(tokenizer.added_tokens.values())
        rows = enumerate(tokenizer.model.pieces.to_bytes())
        return [(piece, i) for i, piece in rows if piece and i not in added]
    special = set(tokenizer.special_tokens.values())
    return [(row, i) for i, row in enumerate(tokenizer.pieces.to_bytes()) if row and i not in special]


def _merges_of(tokenizer: AnyTokenizer) -> list[tuple[tuple[bytes, bytes], int]] | None:
    """Return the merges and their ranks; None if the tokenizer has no merges, or if they are not known."""
    if not isinstance(tokenizer, Tokenizer) or not hasattr(tokenizer.model, "merges"):
        return None
    extra = getattr(tokenizer.model, "extra_characters", "")
    pieces = tokenizer.model.pieces.to_bytes() + [character.encode() for character in extra]
    return [((pieces[x], pieces[y]), rank) for rank, (x, y) in enumerate(tokenizer.merges.tolist())]


def _added_of(tokenizer: AnyTokenizer, are_ours: bool) -> list[tuple[bytes, int]]:
    """Return the added tokens and their ids; of other libraries, only the special ones are known."""
    tokens = tokenizer.special_tokens
    if are_ours and isinstance(tokenizer, Tokenizer):
        tokens = {token.text: i for token, i in tokenizer.added_tokens.items()}
    return sorted(((text.encode(), i) for text, i in tokens.items()), key=lambda item: item[1])


def _compare(a: list[tuple[T, int]], b: list[tuple[T, int]]) -> ListDifferences:
    """Compare two lists of items with their places.

    An item may occur several times; its first occurrence is compared with the first in the other list, and so
    on.
    """
    places_a, places_b = _number(a), _number(b)
    only_a, only_b = (
        tuple(Only(item, place) for (item, k), place in places.items() if (item, k) not in others)
        for places, others in ((places_a, places_b), (places_b, places_a))
    )
    moved = tuple(
        Moved(item, place, places_b[item, k])
        for (item, k), place in places_a.items()
        if places_b.get((item, k), place) != place
    )
    changed = [one.place for one in only_a + only_b] + [min(one.a, one.b) for one in moved]
    return ListDifferences(len(a), len(b), only_a, only_b, moved, min(changed, default=None))


def _number(items: list[tuple[T, int]]) -> dict[tuple[T, int], int]:
    """Return the place of each occurrence of an item, by the item and the number of occurrences before."""
    counts: Counter[T] = Counter()
    places = {}
    for item, place in items:
        places[item, counts[item]] = place
        counts[item] += 1
    return places


def _compare_scores(
    a: AnyTokenizer, b: AnyTokenizer, pieces_a: list[tuple[bytes, int]], pieces_b: list[tuple[bytes, int]]
) -> tuple[Moved, ...]:
    models = [one.model for one in (a, b) if isinstance(one, Tokenizer)]
    unigram = [model for model in models if isinstance(model, UnigramModel)]
    if len(unigram) < 2:
        return ()
    of_a, of_b = (
        {i: model.scores[i] for i in np.flatnonzero(model.is_matched).tolist()} for model in unigram
    )
    ids = dict(pieces_b)
    shared = [(piece, i, ids[piece]) for piece, i in pieces_a if piece in ids]
    scores = [(piece, of_a[i], of_b[j]) for piece, i, j in shared if i in of_a and j in of_b]
    return tuple(Moved(piece, float(x), float(y)) for piece, x, y in scores if x != y)


def _compare_settings(a: Tokenizer, b: Tokenizer) -> Iterator[Setting]:
    """Yield the settings that differ."""
    values_a, values_b = _settings_of(a), _settings_of(b)
    for name in dict.fromkeys([*values_a, *values_b]):
        x, y = values_a.get(name), values_b.get(name)
        if x != y:
            yield Setting(name, x, y)
    options_b = {token.text: token for token in b.added_tokens}
    for token in a.added_tokens:
        other = options_b.get(token.text, token)
        if token != other:
            name = f"added token {visible(token.text.encode())}"
            yield Setting(name, token.changed_options(), other.changed_options())


def _settings_of(tokenizer: Tokenizer) -> dict[str, Any]:
    settings: dict[str, Any] = {name: getattr(tokenizer, name, None) for name in SETTINGS}
    found = {name: value.config() if hasattr(value, "config") else value for name, value in settings.items()}
    if tokenizer.template is not None and tokenizer.template.is_plain:
        found["template"] = None  # which adds nothing either
    if tokenizer.config is not None:
        found |= {f"config.{name}": value for name, value in tokenizer.config.content.items()}
    model = tokenizer.model.file_fields()
    return found | {f"model.{name}": x for name, x in model.items() if name not in ("pieces", "merges")}


# The ids of a corpus


class _Comparison:
    """Comparison of the ids of two tokenizers on one corpus."""

    def __init__(
        self, names: list[str], tokenizers: list[AnyTokenizer], most_examples: int, workers: int | None
    ) -> None:
        self._names = names
        self._tokenizers = tokenizers
        self._most_examples = most_examples
        self._workers = workers
        numbers: dict[bytes, int] = {}  # number of each piece that one of the tokenizers has
        rows = [one.pieces.to_bytes() for one in tokenizers]
        self._numbers = [
            np.array([numbers.setdefault(piece, len(numbers)) for piece in row], np.uint32) for row in rows
        ]

    def run(self, corpus: Corpus) -> IdDifferences:
        """Encode the corpus with both tokenizers, batch by batch."""
        n_documents = n_bytes = n_tokens_a = n_tokens_b = n_differ = n_split = 0
        examples: list[Example] = []
        other_examples: list[Example] = []  # documents with the same pieces
        for batch in corpus.batches():
            texts = batch.documents.to_bytes()
            a, b = (self._encode(number, texts, batch) for number in (0, 1))
            n_documents += len(texts)
            n_bytes += len(batch.documents.values)
            n_tokens_a += len(a.values)
            n_tokens_b += len(b.values)
            differs, is_split = _find_different_rows(a, b), _find_different_rows(*self._renumber(a, b))
            n_differ += int(differs.sum())
            n_split += int(is_split.sum())
            for found, rows in ((examples, is_split), (other_examples, differs & ~is_split)):
                for row in np.flatnonzero(rows)[: self._most_examples - len(found)].tolist():
                    found.append(self._describe(texts[row], batch.first + row))
        return IdDifferences(
            n_documents, n_bytes, n_tokens_a, n_tokens_b, n_differ, n_split, tuple(examples or other_examples)
        )

    def _encode(self, number: int, texts: list[bytes], batch: Batch) -> Ragged:
        """Return the ids of a batch; errors name the tokenizer and the document."""
        name = self._names[number]
        try:
            with batch.locating_errors():
                return self._tokenizers[number].encode_batch(texts, workers=self._workers)
        except ScoringError as error:
            document = None if error.document is None else batch.first + error.document
            raise ScoringError(error.message, name, document=document) from error
        except FasttokError as error:
            raise ScoringError(str(error), name, document=getattr(error, "document", None)) from error

    def _renumber(self, a: Ragged, b: Ragged) -> tuple[Ragged, Ragged]:
        """Return rows that are equal if they are the same pieces."""
        of_a, of_b = self._numbers
        return Ragged(of_a[a.values], a.offsets), Ragged(of_b[b.values], b.offsets)

    def _describe(self, text: bytes, document: int) -> Example:
        """Return the first difference of a document."""
        a, b = (untrimmed(one).encode_with_offsets(text) for one in self._tokenizers)
        n_split = _count_equal(self._numbers[0][a.ids], self._numbers[1][b.ids])
        is_split = n_split < max(len(a.ids), len(b.ids))
        n = n_split if is_split else _count_equal(a.ids, b.ids)
        starts = [one.byte_spans[n, 0] for one in (a, b) if n < len(one.ids)]
        skipped = max(0, n - CONTEXT)
        shown = slice(skipped, skipped + SHOWN_TOKENS)
        of_a, of_b = (
            tuple((i, tokenizer.id_to_piece(i)) for i in one.ids[shown].tolist())
            for one, tokenizer in zip((a, b), self._tokenizers, strict=True)
        )
        return Example(document, int(min(starts)), of_a, of_b, skipped)


def _count_equal(a: NDArray[Any], b: NDArray[Any]) -> int:
    """Return the number of equal entries at the beginning of two arrays."""
    n = min(len(a), len(b))
    unequal = np.flatnonzero(a[:n] != b[:n])
    return int(unequal[0]) if len(unequal) else n


def _find_different_rows(a: Ragged, b: Ragged) -> NDArray[np.bool_]:
    """Return a mask of the rows that differ."""
    differs: NDArray[np.bool_] = a.lengths != b.lengths
    rows = np.flatnonzero(~differs)
    left, right = (a, b) if len(rows) == len(a) else (a.take(rows), b.take(rows))
    counts = np.concatenate([[0], np.cumsum(left.values != right.values)])
    differs[rows] = np.diff(counts[left.offsets]) > 0
    return differs
