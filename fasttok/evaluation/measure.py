"""`measure`: the metrics of several tokenizers on a test corpus, as rows.

Each metric is a function of totals, so there are two things to do: to count, document by document, what each
tokenizer makes of the text; and to add up, for all documents and for those that the bootstrap draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import FasttokError, ScoringError
from fasttok.evaluation.bootstrap import interval, resample
from fasttok.evaluation.columns import OF_SPANS, Cut, Key, Text, count_columns
from fasttok.evaluation.encoded import Encoded, encode
from fasttok.evaluation.metric import Metric
from fasttok.evaluation.metrics.distribution import count_in_windows
from fasttok.evaluation.metrics.morphology import count_boundaries
from fasttok.evaluation.metrics.registry import find_metrics
from fasttok.evaluation.metrics.totals import OF_MORPHEMES, OF_OTHERS, OF_PIECES
from fasttok.evaluation.metrics.unreached import find_unreached
from fasttok.evaluation.metrics.vocabulary import find_ordinary
from fasttok.evaluation.sample import TestCorpus
from fasttok.evaluation.wrappers import AnyTokenizer

OVERALL = ""  # the language of rows over all of them


class Row(TypedDict):
    """The value of a metric.

    Attributes
    ----------
    tokenizer, corpus : str
        Their names.
    language : str
        The language, or "" for all of them together.
    metric : str
        Name of the metric; several may be asked for by the name of their group.
    value : float or None
        Its value; None where there was nothing to divide by.
    low, high : float or None
        The 95 % interval of the bootstrap over documents, for metrics that are functions of sums over
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
Totals = dict[Key, Any]  # numbers or arrays
Parts = dict[Part, Totals]
Lengths = Mapping[str, NDArray[np.int64]]  # tokens of each document, by language


def measure(
    tokenizers: Mapping[str, AnyTokenizer],
    corpus: TestCorpus,
    metrics: str | Metric | Sequence[str | Metric],
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
    metrics : str, Metric, or sequence of these
        What to measure: names of groups, those of `fasttok.evaluation.metrics.registry.METRICS`, and metrics
        of your own.
    seed : int
        What the documents that the bootstrap draws depend on, with the names of corpus and language.
    baseline_tokenizer : str, optional
        Which tokenizer's tokens "nsl" divides by.
    workers : int, optional
        Threads; the rows do not depend on it.

    Returns
    -------
    list of Row
        Sorted by tokenizer, corpus, language and metric. Each language has its rows, and so have all
        together, under the language "", with totals over all languages. A metric that asks for what the
        corpus does not have, aligned languages or morphemes, gives no rows.

    Raises
    ------
    TypeError
        If the tokenizers are no mapping of names, one is of another library and not wrapped, or the corpus or
        a metric is something else.
    ValueError
        If there is no such metric, two have one name, a column of your own does not count whole numbers, the
        baseline is none of the tokenizers, or "nsl" is asked for without one.
    ScoringError
        If a tokenizer fails; with its name, those of corpus and language, and the document.

    Notes
    -----
    A row is what it is whatever other tokenizers and metrics are asked for. The time is that of encoding all
    text once with every tokenizer, of finding where tokens stand if "pcw" or "morphology" is asked for, and
    of a thousand sums over all documents, which are products of matrices. Values are exact sums of integers
    and one division, or, where there are powers or logarithms, decimals rounded once: the same on every
    machine.

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
    found = find_metrics([metrics] if isinstance(metrics, (str, Metric)) else metrics)
    is_relative = any("baseline_tokens" in metric.totals for metric in found)
    if baseline_tokenizer not in tokenizers and (baseline_tokenizer or is_relative):
        raise ValueError(f'"nsl" needs a baseline among the tokenizers, not {baseline_tokenizer!r}')
    return score(tokenizers, corpus, found, seed=seed, baseline=baseline_tokenizer, workers=workers)


def score(
    tokenizers: Mapping[str, AnyTokenizer],
    corpus: TestCorpus,
    metrics: Sequence[Metric],
    *,
    seed: int,
    baseline: str | Lengths | None = None,
    workers: int | None = None,
    visit: Callable[[str, Encoded], None] | None = None,
) -> list[Row]:
    """Measure tokenizers as `measure` does, and hand on what was encoded for that.

    Parameters
    ----------
    tokenizers, corpus, metrics, seed, workers
        As for `measure`, but checked already.
    baseline : str, or mapping of str to ndarray of int64, optional
        The baseline tokenizer, or by language the tokens that it has for each document.
    visit : callable, optional
        Called with the language and the tokens of every text, once each.
    """
    needed = _find_needed(metrics)
    of_pieces = [metric for metric in metrics if metric.totals <= OF_PIECES.keys()]
    others = [metric for metric in metrics if metric not in of_pieces]
    kept_names = OF_PIECES.keys() & {total for metric in others for total in metric.totals}
    kept: Parts = {}  # totals of pieces that metrics take together with others
    columns: Parts = {}
    rows: list[Row] = []
    for part, totals in _count_texts(tokenizers, corpus, needed, workers, columns, visit):
        rows += _rows(of_pieces, corpus.name, part, totals)
        kept[part] = {name: totals[name] for name in kept_names if name in totals}
    if "baseline_tokens" not in needed:
        baseline = None
    if isinstance(baseline, str):
        baseline = {language: columns[baseline, language]["tokens"] for language in corpus.languages}
    if baseline is not None:
        for (_, language), counted in columns.items():
            counted["baseline_tokens"] = baseline[language]
    totals_of_parts = [kept, _total_columns(columns, corpus, seed, needed)]
    if needed & OF_MORPHEMES.keys():
        totals_of_parts.append(_total_morphemes(tokenizers, corpus, seed, workers))
    for part in dict.fromkeys(part for parts in totals_of_parts for part in parts):
        totals = {}
        for parts in totals_of_parts:
            totals |= parts.get(part, {})
        rows += _rows(others, corpus.name, part, totals)
    return sorted(rows, key=itemgetter("tokenizer", "corpus", "language", "metric"))


def _find_needed(metrics: Iterable[Metric]) -> set[Key]:
    """The totals that metrics take, and what these follow from."""
    needed: set[Key] = {total for metric in metrics for total in metric.totals}
    if needed & OF_OTHERS.keys():
        needed.add("tokens")
    if needed & {"unreached", "counted"}:
        needed.add("counts")
    if "distinct" in needed:
        needed.add("in_windows")
    return needed


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


def _rows(metrics: Sequence[Metric], corpus: str, part: Part, totals: Totals) -> Iterator[Row]:
    """The metrics for which there are totals; in an array the first is that of all documents."""
    tokenizer, language = part
    for metric in metrics:
        if not metric.totals <= totals.keys():
            continue
        values = np.atleast_1d(metric.function(*(totals[total] for total in metric.of)))
        has_value = not np.isnan(values[0])
        bounds = interval(values[1:]) if has_value and len(values) > 1 else None
        low, high = bounds or (None, None)
        yield Row(
            tokenizer=tokenizer,
            corpus=corpus,
            language=language,
            metric=metric.name,
            value=float(values[0]) if has_value else None,
            low=low,
            high=high,
            unit=metric.unit,
            n=int(np.atleast_1d(totals[metric.rests_on])[0]),
        )


def _count_texts(
    tokenizers: Mapping[str, AnyTokenizer],
    corpus: TestCorpus,
    needed: set[Key],
    workers: int | None,
    columns: Parts,
    visit: Callable[[str, Encoded], None] | None,
) -> Iterator[tuple[Part, Totals]]:
    """Totals of pieces, one part at a time, as they are long; counts per document go to `columns`."""
    with_spans = not needed.isdisjoint(OF_SPANS)
    texts = {language: Text(documents, corpus.words) for language, documents in corpus.documents.items()}
    for name, tokenizer in tokenizers.items():
        is_ordinary = find_ordinary(tokenizer)
        described: Totals = {
            "vocab_size": tokenizer.vocab_size,
            "is_ordinary": is_ordinary,
            "ordinary": int(np.count_nonzero(is_ordinary)),
        }
        overall: Totals = {"pieces": tokenizer.pieces}
        for language, text in texts.items():
            with _naming(name, corpus, language):
                encoded = encode(tokenizer, text.documents, workers=workers, with_spans=with_spans)
                columns[name, language] = dict(count_columns(Cut(text, encoded), needed))
            totals = _count_pieces(encoded, needed)
            if visit is not None:
                visit(language, encoded)
            _add(overall, totals)
            if language != OVERALL:
                yield (name, language), described | totals
        if "unreached" in needed:
            with _naming(name, corpus, OVERALL):
                overall["unreached"] = len(find_unreached(tokenizer, overall["counts"]))
        yield (name, OVERALL), described | overall


def _count_pieces(encoded: Encoded, needed: set[Key]) -> Totals:
    ids = encoded.ids.values
    totals: Totals = {}
    if "counts" in needed:
        totals["counts"] = np.bincount(ids, minlength=encoded.tokenizer.vocab_size)
        totals["counted"] = len(ids)
    if "in_windows" in needed:
        totals["distinct"], totals["in_windows"] = count_in_windows(ids)
    return totals


def _total_columns(columns: Parts, corpus: TestCorpus, seed: int, needed: set[Key]) -> Parts:
    """Totals of what was counted per document, and of the languages that they are compared with."""
    if corpus.baseline is not None:
        found = _resample(columns, seed, [corpus.name])
    else:
        found = _resample_each_language(columns, seed, [corpus.name])
    parts = _with_overall(found)
    if corpus.baseline is None or needed.isdisjoint(OF_OTHERS):
        return parts
    for (name, language), totals in parts.items():
        if language != OVERALL:
            totals["aligned_tokens"] = parts[name, corpus.baseline]["tokens"]
        else:
            totals["tokens_by_language"] = np.stack([parts[name, x]["tokens"] for x in corpus.languages])
            totals["languages"] = len(corpus.languages)
    return parts


def _total_morphemes(
    tokenizers: Mapping[str, AnyTokenizer], corpus: TestCorpus, seed: int, workers: int | None
) -> Parts:
    """Totals of boundaries of morphemes; what is resampled are words."""
    columns: Parts = {}
    for name, tokenizer in tokenizers.items():
        for language, morphemes in corpus.morphemes.items():
            with _naming(name, corpus, language):
                encoded = encode(tokenizer, morphemes.text, workers=workers, with_spans=True)
                counts = count_boundaries(morphemes, encoded.byte_spans)
                columns[name, language] = dict(zip(counts._fields, counts, strict=True))
    found = _resample_each_language(columns, seed, [corpus.name, "morphemes"])
    for (_, language), totals in found.items():
        totals["aligned_entries"] = len(corpus.morphemes[language].words)
        totals["entries"] = corpus.morphemes[language].n_entries
    return _with_overall(found)


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
