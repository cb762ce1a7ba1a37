"""Registry of fasttok's metrics: `METRICS` maps the name of each group to its metrics."""

from __future__ import annotations

from collections.abc import Iterable

from fasttok.core.checks import describe_type, unknown_name
from fasttok.evaluation.metric import Metric
from fasttok.evaluation.metrics import (
    compression,
    distribution,
    fertility,
    morphology,
    parity,
    prediction,
    unreached,
    vocabulary,
)

SPEED = "speed"  # measured by experiments only; gives timings instead of rows
# Metrics by group. Metrics are requested by the name of their group.
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
    "bits_per_byte": (prediction.BITS_PER_BYTE,),
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
# Metrics by their own name.
KNOWN = {metric.name: metric for metrics in METRICS.values() for metric in metrics}


def find_metrics(requested: Iterable[str | Metric]) -> list[Metric]:
    """Return the requested metrics without duplicates.

    Parameters
    ----------
    requested : iterable of str or Metric
        Names of groups, or metrics.

    Returns
    -------
    list of Metric
        Metrics in the requested order.

    Raises
    ------
    ValueError
        If no group has a given name, "speed" is requested, which only experiments measure, or two different
        metrics have the same name.
    TypeError
        If an item is neither a str nor a Metric.

    Examples
    --------
    >>> from fasttok.evaluation.metrics import compression
    >>> from fasttok.evaluation.metrics.registry import find_metrics
    >>> [metric.name for metric in find_metrics(["pcw", compression.NSL, "pcw"])]
    ['pcw', 'strr', 'nsl']
    """
    found: dict[str, Metric] = {}
    for one in requested:
        for metric in _find_group(one) if isinstance(one, str) else (one,):
            if not isinstance(metric, Metric):
                raise TypeError(
                    f"metrics: a metric must be the name of a group or a Metric, not {describe_type(metric)}"
                )
            if metric != found.setdefault(metric.name, KNOWN.get(metric.name, metric)):
                raise ValueError(f"another metric is already named {metric.name!r}; rename yours")
    return list(found.values())


def _find_group(name: str) -> tuple[Metric, ...]:
    if name == SPEED:
        raise ValueError(f"{name!r} is measured by experiments only; use ft.compare")
    if name not in METRICS:
        owners = {metric.name: group for group, metrics in METRICS.items() for metric in metrics}
        advice = f'{name!r} is in the group "{owners[name]}"' if name in owners else ""
        raise unknown_name("group of metrics", name, tuple(METRICS), advice)
    return METRICS[name]
