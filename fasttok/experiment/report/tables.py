"""Compute the tables and bar charts of a report from the results."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, fields
from typing import Any

from fasttok.experiment.report.charts import N_COLOURS, OTHER
from fasttok.models.registry import TRAINERS
from fasttok.tokenizer.tokenizer import Tokenizer

Row = Mapping[str, Any]
ENOUGH = 1_000_000  # vocabulary size that every trainer accepts, to read its other defaults
MAX_UNKNOWN = 0.01  # share of unknown tokens up to which a tokenizer can have the best value


@dataclass(frozen=True)
class Compared:
    """One tokenizer of the comparison.

    Attributes
    ----------
    name : str
        Name of the tokenizer.
    family : str
        Name of the family: tokenizers that differ only in the size of the vocabulary.
    colour : int
        Colour of the family; see `charts.Series`.
    kind : str
        Model family, such as "bpe".
    vocab_size : int
        Number of ids.
    recipe : str
        Normalizer and pretokenizer.
    is_other_recipe : bool
        Whether the recipe differs from the most common one.
    options : str
        Training options that are not defaults.
    is_lossless : bool
        Whether decoding restores every text.
    """

    name: str
    family: str
    colour: int
    kind: str
    vocab_size: int
    recipe: str
    is_other_recipe: bool
    options: str
    is_lossless: bool


@dataclass(frozen=True)
class Value:
    """Cell of a table: formatted value, formatted interval, number to sort by, whether it is the best."""

    text: str
    interval: str
    number: float | None
    is_best: bool = False


def describe(tokenizers: Mapping[str, Tokenizer]) -> list[Compared]:
    """Describe the tokenizers, sorted by family and then by vocabulary size."""
    recipes = {name: _recipe(tok) for name, tok in tokenizers.items()}
    usual = Counter(recipes.values()).most_common(1)[0][0] if recipes else ""
    families = _families(tokenizers, recipes)
    sizes = Counter(families.values())
    order = sorted(sizes, key=lambda family: (-sizes[family], family))
    colours = {family: i + 1 if i < N_COLOURS else OTHER for i, family in enumerate(order)}
    compared = [
        Compared(
            name=name,
            family=families[name],
            colour=colours[families[name]],
            kind=tok.model.kind,
            vocab_size=tok.vocab_size,
            recipe=recipes[name],
            is_other_recipe=recipes[name] != usual,
            options=_options(tok),
            is_lossless=tok.is_lossless,
        )
        for name, tok in tokenizers.items()
    ]
    return sorted(
        compared, key=lambda one: (order.index(one.family), one.vocab_size, len(one.name), one.name)
    )


def _recipe(tok: Tokenizer) -> str:
    """Return the normalizer and pretokenizer in short form."""
    parts = [part.config() for part in (tok.normalizer, tok.pretokenizer) if part is not None]
    return " → ".join(map(_short_config, parts))


def _short_config(config: Any) -> str:
    """Return the name of a component without options, otherwise its JSON; steps are joined by arrows."""
    if isinstance(config, list):
        return " → ".join(map(_short_config, config))
    if isinstance(config, dict) and config.keys() == {"name", "steps"}:
        return _short_config(config["steps"])
    if isinstance(config, dict) and list(config) == ["name"]:
        return str(config["name"])
    return config if isinstance(config, str) else json.dumps(config, sort_keys=True, ensure_ascii=False)


def _trainer(tok: Tokenizer) -> dict[str, Any]:
    """Return the configuration of the trainer; empty if the provenance does not contain a valid one."""
    trainer = tok.provenance.get("trainer")
    if isinstance(trainer, dict) and trainer.get("model") in list(TRAINERS):
        return dict(trainer)
    return {}


def _options(tok: Tokenizer) -> str:
    """Return the training options that are not defaults; `vocab_size` is one only if it was not reached."""
    trainer = _trainer(tok)
    if not trainer:
        return ""
    model = TRAINERS.find(trainer.pop("model"))
    has_size = any(option.name == "vocab_size" for option in fields(model))
    defaults = model(**({"vocab_size": ENOUGH} if has_size else {})).config() | {"vocab_size": tok.vocab_size}
    defaults = json.loads(json.dumps(defaults))  # converts tuples to lists, as in the file
    shown = {
        key: value
        for key, value in trainer.items()
        if key != "special_tokens" and value not in (None, defaults.get(key))
    }
    return ", ".join(f"{key} {_short_config(value)}" for key, value in shown.items()) or "defaults"


def _families(tokenizers: Mapping[str, Tokenizer], recipes: Mapping[str, str]) -> dict[str, str]:
    """Return the family of each tokenizer, named after its members without the sizes at their ends."""
    members: dict[str, list[str]] = {}
    for name, tok in tokenizers.items():
        trainer = _trainer(tok)
        trainer.pop("vocab_size", None)
        text = json.dumps(tok.provenance.get("counts"), sort_keys=True)
        shared = [trainer, recipes[name], text] if trainer else name  # unknown training: a separate family
        members.setdefault(json.dumps(shared, sort_keys=True), []).append(name)
    families: dict[str, str] = {}
    for names in members.values():
        stems = {name.rstrip("0123456789-_. ") for name in names} if len(names) > 1 else {names[0]}
        stem = stems.pop()
        label = " / ".join(names) if stems or not stem or stem in families.values() else stem
        families |= dict.fromkeys(names, label)
    return families


def choose_drawn(compared: Iterable[Compared]) -> list[Compared]:
    """Return the largest vocabulary of each coloured family; charts of all vocabularies can be illegible."""
    largest = {one.family: one for one in compared if one.colour != OTHER}
    return list(largest.values())


def headline(
    rows: Sequence[Row], names: Sequence[str], better: Mapping[str, str], unranked: Set[str]
) -> tuple[list[str], dict[str, list[Value]]]:
    """Return the metrics over all languages, and the values of each tokenizer with the best ones marked.

    Parameters
    ----------
    rows : sequence of dict
        Rows of one test corpus.
    names : sequence of str
        Names of the tokenizers.
    better : mapping of str to {"more", "less", "neither"}
        Direction of each metric, in the order in which to show the metrics.
    unranked : set of str
        Tokenizers whose values are never marked as best; see `find_unranked`.
    """
    found = {(row["metric"], row["tokenizer"]): row for row in rows if not row["language"]}
    measured = {metric for metric, _ in found}
    metrics = [metric for metric in better if metric in measured]
    metrics += sorted(measured - set(metrics))
    table: dict[str, list[Value]] = {name: [] for name in names}
    for metric in metrics:
        column = [found.get((metric, name)) for name in names]
        numbers = [row["value"] for row in column if row is not None and row["value"] is not None]
        n_digits = decimals(numbers)
        choose = {"more": max, "less": min}.get(better.get(metric, "neither"))
        ranked = [
            row["value"]
            for name, row in zip(names, column, strict=True)
            if row is not None and row["value"] is not None and name not in unranked
        ]
        best = None if choose is None or len(ranked) < 2 else choose(ranked)
        for name, row in zip(names, column, strict=True):
            table[name].append(make_value(row, n_digits, None if name in unranked else best))
    return metrics, table


def find_unranked(curves: Iterable[Row]) -> set[str]:
    """Return the tokenizers for which too much is unknown, which makes the number of tokens too low.

    Too much is more than 1 % of the tokens, or of the bytes of a language: one unknown token can replace a
    long word.
    """
    return {
        curve["tokenizer"]
        for curve in curves
        if curve["n_unknown"] > MAX_UNKNOWN * curve["n_tokens"] or max_unknown_bytes(curve)[0] > MAX_UNKNOWN
    }


def max_unknown_bytes(curve: Row) -> tuple[float, str]:
    """Return the largest share of the bytes of a language in unknown tokens, and the language.

    Results of earlier versions do not have these shares, so it is 0 for them.
    """
    shares = curve.get("unknown_bytes", {})
    return max(((share, language) for language, share in shares.items()), default=(0.0, ""))


def make_value(row: Row | None, n_digits: int, best: float | None = None) -> Value:
    """Format a row of results as a cell; a dash if there is no value."""
    if row is None or row["value"] is None:
        return Value("—", "", None)
    value = row["value"]
    interval = ""
    if row["low"] is not None and row["high"] is not None:
        interval = f"{row['low']:,.{n_digits}f} – {row['high']:,.{n_digits}f}"
    return Value(f"{value:,.{n_digits}f}", interval, value, value == best)


def decimals(numbers: Iterable[float]) -> int:
    """Return the number of decimals that shows three significant digits of the largest number.

    Examples
    --------
    >>> [decimals([x]) for x in (12345.0, 123.4, 12.34, 1.234, 0.1234, 0.0)]
    [0, 0, 1, 2, 3, 2]
    """
    largest = max(map(abs, numbers), default=0.0)
    return 2 if largest == 0 else min(6, max(0, 2 - math.floor(math.log10(largest))))


@dataclass(frozen=True)
class Bar:
    """Value drawn as a bar; `end`, `low` and `high` are positions in percent of the axis."""

    name: str
    group: str
    value: Value
    end: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class BarChart:
    """Bar chart, longest bar first.

    Attributes
    ----------
    bars : list of Bar
        Bars of the chart.
    marks : list of (float, float)
        Marks of the axis: position in percent, and value.
    one : float
        Position of the value 1, in percent.
    has_intervals : bool
        Whether any bar has an interval.
    """

    bars: list[Bar]
    marks: list[tuple[float, float]]
    one: float
    has_intervals: bool


def draw_bars(rows: Sequence[Row], key: str, groups: Mapping[str, str]) -> BarChart:
    """Return one bar per row, with the name ``row[key]`` and the group ``groups[row[key]]``."""
    n_digits = decimals([row["value"] for row in rows])
    full, marks = scale(max(row["high"] or row["value"] for row in rows))

    def position(number: float) -> float:
        return round(100 * number / full, 2)

    bars = [
        Bar(
            name=row[key],
            group=groups.get(row[key], ""),
            value=make_value(row, n_digits),
            end=position(row["value"]),
            low=None if row["low"] is None else position(row["low"]),
            high=None if row["high"] is None else position(row["high"]),
        )
        for row in sorted(rows, key=lambda row: (-row["value"], row[key]))
    ]
    has_intervals = any(bar.low is not None for bar in bars)
    return BarChart(bars, [(position(mark), mark) for mark in marks], position(1), has_intervals)


def scale(largest: float) -> tuple[float, list[float]]:
    """Return a round upper limit for an axis from 0 that includes `largest`, and at most six marks.

    Examples
    --------
    >>> scale(4.2)
    (5.0, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    >>> scale(0.0)
    (1.0, [0.0, 1.0])
    """
    if largest <= 0:
        return 1.0, [0.0, 1.0]
    unit = 10.0 ** math.floor(math.log10(largest))
    step = next(unit * factor for factor in (0.2, 0.5, 1, 2) if largest <= 5 * unit * factor)
    n = math.ceil(round(largest / step, 9))
    return n * step, [i * step for i in range(n + 1)]


def compare_times(timings: Iterable[Row]) -> list[tuple[str, str, BarChart]]:
    """Return label, unit and one bar per tokenizer for each stage with warm runs.

    First trainings are not compared, because only the first training of a process compiles kernels.
    """
    found: dict[tuple[str, str], dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for timing in timings:
        found[timing["stage"], timing["state"]][timing["tokenizer"]].append(timing)
    charts = []
    for stage, state, label, unit, value_of in (
        ("train", "warm", "Training time, second run", "seconds", _mean_seconds),
        ("train", "warm", "Peak memory of training, without the counts", "MB", _most_memory),
        ("encode", "cold", "Encoding speed, first run", "MB/s", _speed),
        ("encode", "warm", "Encoding speed, later runs (median)", "MB/s", _speed),
        ("decode", "warm", "Decoding speed, later runs (median)", "MB/s", _speed),
    ):
        if not found[stage, "warm"]:
            continue
        values = {name: value_of(of) for name, of in found[stage, state].items()}
        rows = [
            {"tokenizer": name, "value": value, "low": None, "high": None}
            for name, value in values.items()
            if value is not None
        ]
        if rows:
            charts.append((label, unit, draw_bars(rows, "tokenizer", {})))
    return charts


def _mean_seconds(timings: Sequence[Row]) -> float:
    seconds: float = sum(timing["seconds"] for timing in timings)
    return seconds / len(timings)


def _speed(timings: Sequence[Row]) -> float:
    seconds: float = sum(timing["seconds"] for timing in timings)
    n_bytes: int = sum(timing["n_bytes"] for timing in timings)
    return n_bytes / 1e6 / seconds


def _most_memory(timings: Sequence[Row]) -> float | None:
    known: list[int] = [timing["memory"] for timing in timings if timing["memory"] is not None]
    return max(known) / 1e6 if known else None
