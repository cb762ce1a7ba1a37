"""`METRICS`: the metrics of fasttok, in the groups that they are asked for by."""

from __future__ import annotations

from collections.abc import Iterable

from fasttok.evaluation.metric import Metric
from fasttok.evaluation.metrics import (
    compression,
    distribution,
    fertility,
    morphology,
    parity,
    unreached,
    vocabulary,
)

SPEED = "speed"  # what an experiment is asked for beside `METRICS`: measured with a clock, without rows
METRICS: dict[str, tuple[Metric, ...]] = {
    "compression": (
        compression.BYTES_PER_TOKEN,
        compression.CHARACTERS_PER_TOKEN,
        compression.N_TOKENS,
        compression.SEGMENTALITY,
    ),
    "fertility": (fertility.FERTILITY,),
    "pcw": (fertility.PCW, fertility.STRR),
    "nsl": (compression.NSL,),
    "parity": (parity.PREMIUM, parity.MAX_MIN),
    "gini": (parity.GINI,),
    "renyi": (distribution.RENYI_EFFICIENCY, distribution.RENYI_EFFICIENCY_NOMINAL),
    "distribution": (
        distribution.PERCENTILE_FREQUENCY,
        distribution.TYPE_TOKEN_RATIO,
        distribution.MATTR,
    ),
    "vocabulary": (
        vocabulary.VOCABULARY_USE,
        vocabulary.VOCABULARY_USE_10,
        unreached.UNREACHED_PIECES,
        vocabulary.MEAN_PIECE_LENGTH,
    ),
    "unk": (vocabulary.UNK_RATE,),
    "lossless": (vocabulary.LOSSLESS_RATE,),
    "morphology": (
        morphology.BOUNDARY_PRECISION,
        morphology.BOUNDARY_RECALL,
        morphology.BOUNDARY_F1,
        morphology.MORPH_SCORE,
        morphology.MORPHEME_COVERAGE,
    ),
}
KNOWN = {metric.name: metric for metrics in METRICS.values() for metric in metrics}


def find_metrics(asked: Iterable[str | Metric]) -> list[Metric]:
    """Return the metrics that are asked for, each once.

    Parameters
    ----------
    asked : iterable of str or Metric
        Names of groups, and metrics.

    Raises
    ------
    TypeError, ValueError
        If there is no such group, one is not a Metric, or two metrics have the same name.

    Examples
    --------
    >>> [metric.name for metric in find_metrics(["pcw", compression.NSL, "pcw"])]
    ['pcw', 'strr', 'nsl']
    """
    found: dict[str, Metric] = {}
    for one in asked:
        for metric in _find_group(one) if isinstance(one, str) else (one,):
            if not isinstance(metric, Metric):
                raise TypeError(f"a metric must be a name or a Metric, not {type(metric).__name__}")
            if metric != found.setdefault(metric.name, KNOWN.get(metric.name, metric)):
                raise ValueError(f"another metric is called {metric.name!r}; give this one another name")
    return list(found.values())


def _find_group(name: str) -> tuple[Metric, ...]:
    if name == SPEED:
        raise ValueError(f"{name!r} is a metric of experiments, which ft.compare runs")
    if name not in METRICS:
        raise ValueError(f"no metric {name!r}; there are {', '.join(METRICS)}")
    return METRICS[name]
