"""`measure`: compute metrics of several tokenizers on a test corpus, as rows.

Each metric is a function of totals. The computation has two steps: count per document for each tokenizer, and
add up the counts over all documents and over each bootstrap resample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import (
    checked_instance,
    checked_items,
    checked_mapping,
    checked_seed,
    checked_text,
    checked_word,
    describe,
    describe_type,
    suggest,
)
from fasttok.core.errors import FasttokError, ScoringError
from fasttok.core.parallel import resolve_workers
from fasttok.evaluation.bootstrap import interval, resample
from fasttok.evaluation.columns import SPAN_COLUMNS, Cut, Key, count_columns
from fasttok.evaluation.encoded import Encoded, encode
from fasttok.evaluation.metric import Metric
from fasttok.evaluation.metrics.distribution import count_in_windows
from fasttok.evaluation.metrics.morphology import count_boundaries
from fasttok.evaluation.metrics.registry import find_metrics
from fasttok.evaluation.metrics.totals import COMPARISON_TOTALS, MORPHEME_TOTALS, PIECE_TOTALS
from fasttok.evaluation.metrics.unreached import find_unreached
from fasttok.evaluation.metrics.vocabulary import find_ordinary
from fasttok.evaluation.sample import TestCorpus
from fasttok.evaluation.wrappers import AnyTokenizer

OVERALL = ""  # language of rows over all languages together


class Row(TypedDict):
    """Value of one metric for one tokenizer, corpus and language.

    Attributes
    ----------
    tokenizer : str
        Name of the tokenizer.
    corpus : str
        Name of the test corpus.
    language : str
        Name of the language, or "" for all languages together.
    metric : str
        Name of the metric.
    value : float or None
        Value of the metric; None if the denominator is 0.
    low, high : float or None
        95 % bootstrap interval over documents, or over words for metrics of morphemes. None if the metric is
        not a function of sums over documents or words, if a language has only one document or word, if there
        is no value, or if the denominator of a resample is 0.
    unit : str
        Unit of the value; "" for none.
    n : int
        Sample size: usually the denominator of the metric.

    Examples
    --------
    >>> import fasttok as ft
    >>> corpus = ft.TestCorpus.from_corpora("tiny", ft.Corpus.from_texts(["low"]), words="whitespace")
    >>> [row] = ft.measure({"bytes": ft.Tokenizer(ft.ByteModel(), "gpt2")}, corpus, "fertility", seed=1)
    >>> row["metric"], row["value"], row["low"], row["unit"], row["n"]
    ('fertility', 3.0, None, 'tokens/word', 1)
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


Part = tuple[str, str]  # names of a tokenizer and a language, to which totals or counts belong
Totals = dict[Key, Any]  # totals, or counts per document, by key: numbers or arrays
Parts = dict[Part, Totals]
Lengths = Mapping[str, NDArray[np.int64]]  # number of tokens of each document, by language


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
    tokenizers : mapping of str to Tokenizer, or to results of `fasttok.wrap`
        Tokenizers by name.
    corpus : TestCorpus
        Text to measure on.
    metrics : str, Metric, or sequence of these
        Metrics to compute: names of groups, such as "compression", or custom metrics. The keys of
        ``fasttok.evaluation.metrics.registry.METRICS`` are the groups.
    seed : int
        Seed of the bootstrap. The resamples also depend on the name of the corpus and, unless the text is
        parallel, on the name of the language.
    baseline_tokenizer : str, optional
        Name of the tokenizer with which the others are compared. Needed for metrics relative to a baseline,
        such as "nsl" (normalized sequence length).
    workers : int, optional
        Number of threads; default: all CPUs. The rows do not depend on it.

    Returns
    -------
    list of Row
        Rows sorted by tokenizer, corpus, language and metric. Rows over all languages together have the
        language "".

    Raises
    ------
    TypeError
        If `tokenizers` is not a mapping, a tokenizer of another library is not wrapped, or the corpus or a
        metric has the wrong type.
    ValueError
        If a metric is unknown, two different metrics have the same name, the function of a custom column does
        not return one whole number per document, the baseline is not one of the tokenizers, a metric relative
        to a baseline, such as "nsl", is requested without a baseline, or the corpus lacks what a metric
        needs: parallel text with a baseline for "parity" and "gini", morphemes for "morphology".
    ScoringError
        If a tokenizer fails. The error gives the names of the tokenizer, the corpus and the language, and the
        index of the document if a single document is the cause.

    Notes
    -----
    Each row is independent of the other tokenizers and metrics, except that metrics relative to a baseline
    depend on the baseline tokenizer. Most of the time is spent on encoding all text once per tokenizer, on
    computing spans for "pcw" (proportion of continued words) and "morphology", and on the bootstrap, which is
    a matrix product. Values of the built-in metrics are the same on every machine: each is the quotient of
    two exact integers, or is computed in decimal arithmetic and rounded once.

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
    if isinstance(metrics, (str, Metric)):
        metrics = [metrics]
    found = find_metrics(checked_items("metrics", metrics, "names or Metrics"))
    if not found:
        raise ValueError("metrics must contain at least one metric")
    seed = checked_seed("seed", seed)
    resolve_workers(workers)  # check `workers` before any work
    is_relative = any("baseline_tokens" in metric.totals for metric in found)
    if baseline_tokenizer is not None:
        checked_text("baseline_tokenizer", baseline_tokenizer)
    if baseline_tokenizer not in tokenizers and (baseline_tokenizer is not None or is_relative):
        raise ValueError(
            "baseline_tokenizer must be the name of one of the tokenizers, not "
            + describe(baseline_tokenizer)
            + suggest(baseline_tokenizer, tokenizers)
            + ('; metrics relative to a baseline, such as "nsl", need one' if is_relative else "")
        )
    _check_needs(found, corpus)
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
    """Measure tokenizers like `measure`, and pass the encoded texts to a callback.

    Parameters
    ----------
    tokenizers, corpus, metrics, seed, workers
        Arguments of `measure`, already validated.
    baseline : str, or mapping of str to ndarray of int64, optional
        Name of the baseline tokenizer, or its number of tokens per document, by language.
    visit : callable, optional
        Function that is called once for each tokenizer and language, with the name of the language and the
        `Encoded`.

    Returns
    -------
    list of Row
        Rows as `measure` returns them.
    """
    needed = _find_needed(metrics)
    of_pieces = [metric for metric in metrics if metric.totals <= PIECE_TOTALS.keys()]
    others = [metric for metric in metrics if metric not in of_pieces]
    kept_names = PIECE_TOTALS.keys() & {total for metric in others for total in metric.totals}
    kept: Parts = {}  # the totals in `PIECE_TOTALS` that metrics need together with other totals
    columns: Parts = {}  # counts per document
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
    if needed & MORPHEME_TOTALS.keys():
        totals_of_parts.append(_total_morphemes(tokenizers, corpus, seed, workers))
    for part in dict.fromkeys(part for parts in totals_of_parts for part in parts):
        totals = {}
        for parts in totals_of_parts:
            totals |= parts.get(part, {})
        rows += _rows(others, corpus.name, part, totals)
    return sorted(rows, key=itemgetter("tokenizer", "corpus", "language", "metric"))


def _find_needed(metrics: Iterable[Metric]) -> set[Key]:
    """Return the totals that the metrics need, and the totals from which those are computed."""
    needed: set[Key] = {total for metric in metrics for total in metric.totals}
    if needed & COMPARISON_TOTALS.keys():
        needed.add("tokens")
    if needed & {"unreached", "counted"}:
        needed.add("counts")
    if "distinct" in needed:
        needed.add("in_windows")
    return needed


def _check_needs(metrics: Sequence[Metric], corpus: TestCorpus) -> None:
    """Raise a ValueError if the test corpus lacks what a metric needs, so that it would have no rows."""
    for metric in metrics:
        if corpus.baseline is None and metric.totals & (COMPARISON_TOTALS.keys() - {"baseline_tokens"}):
            raise ValueError(
                f"the metric {metric.name!r} compares languages, so it needs parallel text and a baseline; "
                f"make the test corpus {corpus.name!r} with baseline=, the language to compare with"
            )
        if not corpus.morphemes and metric.totals & MORPHEME_TOTALS.keys():
            raise ValueError(
                f"the metric {metric.name!r} needs words with their morphemes; make the test corpus "
                f"{corpus.name!r} with morphemes="
            )


def _check_types(tokenizers: Any, corpus: Any) -> None:
    if not checked_mapping("tokenizers", tokenizers, "names to tokenizers"):
        raise ValueError("tokenizers must contain at least one tokenizer")
    for name, tokenizer in tokenizers.items():
        checked_word("each name in tokenizers", name)
        if not isinstance(tokenizer, AnyTokenizer):
            raise TypeError(
                f"tokenizer {name!r} must be a Tokenizer, not {describe_type(tokenizer)}; wrap tokenizers "
                "of other libraries with ft.wrap"
            )
    advice = "create one with TestCorpus.from_corpora"
    checked_instance("corpus", corpus, TestCorpus, "a TestCorpus", advice)


def _rows(metrics: Sequence[Metric], corpus: str, part: Part, totals: Totals) -> Iterator[Row]:
    """Yield the rows of the metrics for which all totals exist.

    The first entry of an array is the total of all documents, the others are the totals of resamples.
    """
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
            n=int(np.atleast_1d(totals[metric.based_on])[0]),
        )


def _count_texts(
    tokenizers: Mapping[str, AnyTokenizer],
    corpus: TestCorpus,
    needed: set[Key],
    workers: int | None,
    columns: Parts,
    visit: Callable[[str, Encoded], None] | None,
) -> Iterator[tuple[Part, Totals]]:
    """Yield the totals in `PIECE_TOTALS` of one tokenizer and language at a time.

    The counts per document are stored in `columns`.
    """
    with_spans = not needed.isdisjoint(SPAN_COLUMNS)
    for name, tokenizer in tokenizers.items():
        is_ordinary = find_ordinary(tokenizer)
        described: Totals = {
            "vocab_size": tokenizer.vocab_size,
            "is_ordinary": is_ordinary,
            "ordinary": int(np.count_nonzero(is_ordinary)),
        }
        overall: Totals = {"pieces": tokenizer.pieces}
        for language, text in corpus.texts.items():
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
    """Sum the counts per document over documents and resamples.

    For parallel text, the totals of the languages to compare with are added.
    """
    if corpus.baseline is not None:
        found = _resample(columns, seed, [corpus.name])
    else:
        found = _resample_each_language(columns, seed, [corpus.name])
    parts = _with_overall(found)
    if corpus.baseline is None or needed.isdisjoint(COMPARISON_TOTALS):
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
    """Return the totals of morpheme boundaries. The bootstrap resamples words instead of documents."""
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
    """Return the totals of all columns.

    All columns use the same resamples, so they must count the same documents or words.
    """
    flat = [(part, name, column) for part, named in columns.items() for name, column in named.items()]
    found: Parts = {part: {} for part in columns}
    if flat:
        totals = resample(np.stack([column for *_, column in flat], axis=1), seed, names)
        for (part, name, _), total in zip(flat, totals.T, strict=True):
            found[part][name] = total
    return found


def _with_overall(parts: Parts) -> Parts:
    """Return the parts and, for each tokenizer, its sum over all languages."""
    overall: Parts = {}
    for (name, _), totals in parts.items():
        _add(overall.setdefault((name, OVERALL), {}), totals)
    return parts | overall


def _add(overall: Totals, totals: Totals) -> None:
    for name, total in totals.items():
        overall[name] = overall[name] + total if name in overall else total


@contextmanager
def _naming(tokenizer: str, corpus: TestCorpus, language: str) -> Iterator[None]:
    """Add the names of the tokenizer, the corpus and the language to errors of the tokenizer."""
    try:
        yield
    except FasttokError as error:
        text = f"{corpus.name}/{language}" if language else corpus.name
        failed = error if isinstance(error, ScoringError) else None
        document = getattr(error, "document", None)
        raise (failed or ScoringError(str(error), document=document)).named(tokenizer, text) from error
