"""`measure`: every figure of several tokenizers on a test corpus, as rows.

Each figure is a function of totals, so there are two things to do: to count, document by document, what each
tokenizer makes of the text; and to add up, for all documents and for those that the bootstrap draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any, TypedDict

import numpy as np

from fasttok.core.errors import FasttokError, ScoringError
from fasttok.evaluation.bootstrap import interval, resample
from fasttok.evaluation.columns import Cut, Text, count_columns
from fasttok.evaluation.encoded import Encoded, encode
from fasttok.evaluation.metrics.distribution import count_in_windows
from fasttok.evaluation.metrics.morphology import count_boundaries
from fasttok.evaluation.metrics.registry import METRICS, SPEED, Figure
from fasttok.evaluation.metrics.vocabulary import find_ordinary, find_unreached
from fasttok.evaluation.sample import TestCorpus
from fasttok.evaluation.wrappers import AnyTokenizer

OVERALL = ""  # the language of figures over all of them


class Row(TypedDict):
    """A figure.

    Attributes
    ----------
    tokenizer, corpus : str
        Their names.
    language : str
        The language, or "" for all of them together.
    metric : str
        What the figure is called, which is more exact than the metric it was asked for by.
    value : float or None
        The figure; None where there was nothing to divide by.
    low, high : float or None
        The 95 % interval of the bootstrap over documents, for figures that are quotients of sums over
        documents. None where a language has but one document, from which nothing can be drawn.
    unit : str
        What it is in; "" for a number without unit.
    n : int
        What it was divided by, so how much it rests on.
    """

    tokenizer: str
    corpus: str
    language: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    n: int


Part = tuple[str, str]  # tokenizer and language
Totals = dict[str, Any]  # by name: numbers or arrays
Parts = dict[Part, Totals]
_RELATIVE = {"baseline_tokens", "aligned_tokens", "tokens_by_language"}  # tokens to divide by, or compare


def measure(
    tokenizers: Mapping[str, AnyTokenizer],
    corpus: TestCorpus,
    metrics: str | Sequence[str],
    *,
    seed: int,
    baseline_tokenizer: str | None = None,
    workers: int | None = None,
) -> list[Row]:
    """Measure tokenizers on a test corpus.

    Parameters
    ----------
    tokenizers : mapping of str to Tokenizer, or what `fasttok.wrap` gives
        The tokenizers by name.
    corpus : TestCorpus
        The text.
    metrics : str or sequence of str
        What to measure: one or several names of `fasttok.evaluation.metrics.registry.METRICS`.
    seed : int
        What the documents that the bootstrap draws depend on, with the names of corpus and language.
    baseline_tokenizer : str, optional
        Which tokenizer's tokens "nsl" divides by.
    workers : int, optional
        Threads; the rows do not depend on it.

    Returns
    -------
    list of Row
        Sorted by tokenizer, corpus, language and metric. Each language has its figures, and so have all
        together, under the language "", with totals over all languages. A metric that asks for what the
        corpus does not have, aligned languages or morphemes, gives no rows.

    Raises
    ------
    TypeError
        If the tokenizers are no mapping of names, one is of another library and not wrapped, or the corpus is
        something else.
    ValueError
        If there is no such metric, the baseline is none of the tokenizers, or "nsl" is asked for without one.
    ScoringError
        If a tokenizer fails; with its name, those of corpus and language, and the document.

    Notes
    -----
    A row is what it is whatever other tokenizers and metrics are asked for. The time is that of encoding all
    text with every tokenizer, of finding where tokens stand if "pcw" or "morphology" is asked for, and of a
    thousand sums over all documents, which are products of matrices. Values are exact sums of integers and
    one division, or, where there are powers or logarithms, decimals rounded once: the same on every machine.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=260)
    >>> texts = ft.Corpus.from_texts(["low", "slow lower"])
    >>> corpus = ft.TestCorpus.from_corpora("tiny", texts, words="whitespace")
    >>> for row in ft.measure({"bpe": tok}, corpus, ["fertility", "pcw"], seed=1):
    ...     print(row["metric"], row["value"], row["n"])
    fertility 1.6666666666666667 3
    pcw 0.6666666666666666 3
    strr 0.3333333333333333 3
    """
    _check_types(tokenizers, corpus)
    figures = _find_figures([metrics] if isinstance(metrics, str) else metrics)
    needed = {name for figure in figures for name in (*figure.of, figure.n)}
    if baseline_tokenizer not in tokenizers and (baseline_tokenizer or "baseline_tokens" in needed):
        raise ValueError(f'"nsl" needs a baseline among the tokenizers, not {baseline_tokenizer!r}')
    if needed & _RELATIVE:
        needed.add("tokens")
    if "unreached" in needed:
        needed.add("counts")
    rows: list[Row] = []
    columns: Parts = {}
    for scope in _count_texts(tokenizers, corpus, needed, workers, columns):
        rows += _rows(figures, corpus.name, *scope)
    for scope in _total_columns(columns, corpus, seed, baseline_tokenizer):
        rows += _rows(figures, corpus.name, *scope)
    if "gold" in needed:
        for scope in _total_morphemes(tokenizers, corpus, seed, workers):
            rows += _rows(figures, corpus.name, *scope)
    return sorted(rows, key=itemgetter("tokenizer", "corpus", "language", "metric"))


def _check_types(tokenizers: Any, corpus: Any) -> None:
    if not isinstance(tokenizers, Mapping):
        raise TypeError(f"tokenizers must be a mapping of names to them, not {type(tokenizers).__name__}")
    for name, tokenizer in tokenizers.items():
        if not isinstance(tokenizer, AnyTokenizer):
            raise TypeError(
                f"tokenizer {name!r} must be a Tokenizer, or what ft.wrap makes of another library's, "
                f"not {type(tokenizer).__name__}"
            )
    if not isinstance(corpus, TestCorpus):
        raise TypeError(
            f"corpus must be a TestCorpus, which TestCorpus.from_corpora makes, not {type(corpus).__name__}"
        )


def _find_figures(metrics: Sequence[str]) -> list[Figure]:
    for name in metrics:
        if name == SPEED:
            raise ValueError(f"{name!r} is a metric of experiments, which ft.compare runs")
        if name not in METRICS:
            raise ValueError(f"no metric {name!r}; there are {', '.join(METRICS)}")
    return [figure for name in dict.fromkeys(metrics) for figure in METRICS[name]]


def _rows(figures: Sequence[Figure], corpus: str, part: Part, totals: Totals) -> Iterator[Row]:
    """The figures for which there are totals; in an array the first is that of all documents."""
    tokenizer, language = part
    for figure in figures:
        if not {*figure.of, figure.n} <= totals.keys():
            continue
        values = np.atleast_1d(figure.function(*(totals[name] for name in figure.of)))
        has_value = not np.isnan(values[0])
        bounds = interval(values[1:]) if has_value and len(values) > 1 else None
        low, high = bounds or (None, None)
        yield Row(
            tokenizer=tokenizer,
            corpus=corpus,
            language=language,
            metric=figure.name,
            value=float(values[0]) if has_value else None,
            low=low,
            high=high,
            unit=figure.unit,
            n=int(np.atleast_1d(totals[figure.n])[0]),
        )


def _count_texts(
    tokenizers: Mapping[str, AnyTokenizer],
    corpus: TestCorpus,
    needed: set[str],
    workers: int | None,
    columns: Parts,
) -> Iterator[tuple[Part, Totals]]:
    """Totals of pieces, a part at a time, as they are long; what is counted by document goes to `columns`."""
    texts = {language: Text(documents, corpus.words) for language, documents in corpus.documents.items()}
    for name, tokenizer in tokenizers.items():
        is_ordinary = find_ordinary(tokenizer)
        described = {
            "vocab_size": tokenizer.vocab_size,
            "is_ordinary": is_ordinary,
            "ordinary": int(np.count_nonzero(is_ordinary)),
        }
        overall: Totals = {"pieces": tokenizer.pieces}
        for language, text in texts.items():
            with _naming(name, corpus, language):
                cut = Cut(text, encode(tokenizer, text.documents, workers=workers))
                columns[name, language] = count_columns(cut, needed)
            totals = _count_pieces(cut.encoded, needed)
            _add(overall, totals)
            if language != OVERALL:
                yield (name, language), described | totals
        if "unreached" in needed:
            with _naming(name, corpus, OVERALL):
                overall["unreached"] = len(find_unreached(tokenizer, overall["counts"]))
        yield (name, OVERALL), described | overall


def _count_pieces(encoded: Encoded, needed: set[str]) -> Totals:
    ids = encoded.ids.values
    totals: Totals = {}
    if "counts" in needed:
        totals["counts"] = np.bincount(ids, minlength=encoded.tokenizer.vocab_size)
        totals["counted"] = len(ids)
    if "in_windows" in needed:
        totals["distinct"], totals["in_windows"] = count_in_windows(ids)
    return totals


def _total_columns(
    columns: Parts, corpus: TestCorpus, seed: int, baseline_tokenizer: str | None
) -> Iterator[tuple[Part, Totals]]:
    """Totals of what was counted by document, and beside them those of others that they are divided by."""
    if corpus.baseline is not None:
        found = _resample(columns, seed, [corpus.name])
    else:
        found = _resample_each_language(columns, seed, [corpus.name])
    parts = _with_overall(found)
    for (name, language), totals in parts.items():
        others: Totals = {}
        if "tokens" in totals and baseline_tokenizer is not None:
            others["baseline_tokens"] = parts[baseline_tokenizer, language]["tokens"]
        if "tokens" in totals and corpus.baseline is not None:
            if language != OVERALL:
                others["aligned_tokens"] = parts[name, corpus.baseline]["tokens"]
            else:
                others["tokens_by_language"] = np.stack([parts[name, x]["tokens"] for x in corpus.languages])
                others["languages"] = len(corpus.languages)
        yield (name, language), totals | others


def _total_morphemes(
    tokenizers: Mapping[str, AnyTokenizer], corpus: TestCorpus, seed: int, workers: int | None
) -> Iterator[tuple[Part, Totals]]:
    """Totals of boundaries of morphemes; what is resampled are words."""
    columns: Parts = {}
    for name, tokenizer in tokenizers.items():
        for language, morphemes in corpus.morphemes.items():
            with _naming(name, corpus, language):
                encoded = encode(tokenizer, morphemes.text, workers=workers)
                columns[name, language] = count_boundaries(morphemes, encoded.byte_spans)._asdict()
    found = _resample_each_language(columns, seed, [corpus.name, "morphemes"])
    for (_, language), totals in found.items():
        morphemes = corpus.morphemes[language]
        totals |= {"aligned_entries": len(morphemes.words), "entries": morphemes.n_entries}
    yield from _with_overall(found).items()


def _resample_each_language(columns: Parts, seed: int, names: list[str]) -> Parts:
    found: Parts = {}
    for language in dict.fromkeys(language for _, language in columns):
        part = {key: values for key, values in columns.items() if key[1] == language}
        found |= _resample(part, seed, [*names, language])
    return found


def _resample(columns: Parts, seed: int, names: list[str]) -> Parts:
    """Totals of columns that have an entry for each of the same documents."""
    flat = [(part, name, column) for part, named in columns.items() for name, column in named.items()]
    found: Parts = {part: {} for part in columns}
    if flat:
        totals = resample(np.stack([column for *_, column in flat], axis=1), seed, names)
        for (part, name, _), total in zip(flat, totals.T, strict=True):
            found[part][name] = total
    return found


def _with_overall(parts: Parts) -> Parts:
    """The parts, and for each tokenizer the sum over its languages."""
    overall: Parts = {}
    for (name, _), totals in parts.items():
        _add(overall.setdefault((name, OVERALL), {}), totals)
    return parts | overall


def _add(overall: Totals, totals: Totals) -> None:
    for name, total in totals.items():
        overall[name] = overall[name] + total if name in overall else total


@contextmanager
def _naming(tokenizer: str, corpus: TestCorpus, language: str) -> Iterator[None]:
    """Errors that come out of a tokenizer, with its name and that of the text."""
    try:
        yield
    except FasttokError as error:
        text = f"{corpus.name}/{language}" if language else corpus.name
        failed = error if isinstance(error, ScoringError) else None
        document = getattr(error, "document", None)
        raise (failed or ScoringError(str(error), document=document)).named(tokenizer, text) from error
