"""`METRICS`: which figures each metric has, and what totals they follow from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fasttok.evaluation.metrics.compression import (
    bytes_per_token,
    characters_per_token,
    nsl,
    segmentality,
    token_count,
)
from fasttok.evaluation.metrics.distribution import (
    mattr,
    percentile_frequency,
    renyi_efficiency,
    renyi_efficiency_nominal,
    type_token_ratio,
)
from fasttok.evaluation.metrics.fertility import fertility, pcw, strr
from fasttok.evaluation.metrics.morphology import (
    boundary_f1,
    boundary_precision,
    boundary_recall,
    morph_score,
    morpheme_coverage,
)
from fasttok.evaluation.metrics.parity import gini, max_min, premium
from fasttok.evaluation.metrics.totals import Quotient
from fasttok.evaluation.metrics.vocabulary import (
    lossless_rate,
    mean_piece_length,
    unk_rate,
    unreached_pieces,
    vocabulary_use,
    vocabulary_use_10,
)


@dataclass(frozen=True)
class Figure:
    """A number that `fasttok.evaluation.measure.measure` finds, and what it follows from.

    Attributes
    ----------
    name : str
        What it is called in rows.
    unit : str
        What it is in; "" without unit.
    function : callable
        What makes it of totals; its docstring is the definition.
    of : tuple of str
        The totals, in the order of the function's arguments.
    n : str
        The total that says how much it rests on: what it is divided by.
    """

    name: str
    unit: str
    function: Callable[..., Quotient]
    of: tuple[str, ...]
    n: str


SPEED = "speed"  # what an experiment is asked for beside `METRICS`: with a clock, and no figure of the ids
# What the text must have for a metric, where not all text has it.
NEEDS = {
    **dict.fromkeys(("parity", "gini"), "parallel text of several languages"),
    "morphology": "morphemes of a language of the text",
}
# By what is asked for.
METRICS: dict[str, tuple[Figure, ...]] = {
    "compression": (
        Figure("n_tokens", "tokens", token_count, ("tokens",), "documents"),
        Figure("bytes_per_token", "bytes/token", bytes_per_token, ("bytes", "tokens"), "tokens"),
        Figure(
            "characters_per_token",
            "characters/token",
            characters_per_token,
            ("characters", "tokens"),
            "tokens",
        ),
        Figure("segmentality", "", segmentality, ("cuts", "places"), "places"),
    ),
    "fertility": (Figure("fertility", "tokens/word", fertility, ("tokens", "words"), "words"),),
    "pcw": (
        Figure("pcw", "", pcw, ("continued", "words"), "words"),
        Figure("strr", "", strr, ("single", "words"), "words"),
    ),
    "nsl": (Figure("nsl", "", nsl, ("tokens", "baseline_tokens"), "baseline_tokens"),),
    "parity": (
        Figure("premium", "", premium, ("tokens", "aligned_tokens"), "aligned_tokens"),
        Figure("max_min", "", max_min, ("tokens_by_language",), "languages"),
    ),
    "gini": (Figure("gini", "", gini, ("tokens_by_language",), "languages"),),
    "renyi": (
        Figure("renyi_efficiency", "", renyi_efficiency, ("counts",), "counted"),
        Figure(
            "renyi_efficiency_nominal",
            "",
            renyi_efficiency_nominal,
            ("counts", "vocab_size"),
            "counted",
        ),
    ),
    "distribution": (
        Figure("percentile_frequency", "", percentile_frequency, ("counts",), "counted"),
        Figure("type_token_ratio", "", type_token_ratio, ("counts",), "counted"),
        Figure("mattr", "", mattr, ("distinct", "in_windows"), "in_windows"),
    ),
    "vocabulary": (
        Figure("vocabulary_use", "", vocabulary_use, ("counts", "is_ordinary"), "ordinary"),
        Figure("vocabulary_use_10", "", vocabulary_use_10, ("counts", "is_ordinary"), "ordinary"),
        Figure("unreached_pieces", "pieces", unreached_pieces, ("unreached",), "ordinary"),
        Figure("mean_piece_length", "bytes", mean_piece_length, ("pieces", "is_ordinary"), "ordinary"),
    ),
    "unk": (Figure("unk_rate", "", unk_rate, ("unknown", "tokens"), "tokens"),),
    "lossless": (Figure("lossless_rate", "", lossless_rate, ("lossless", "documents"), "documents"),),
    "morphology": (
        Figure("boundary_precision", "", boundary_precision, ("correct", "predicted"), "predicted"),
        Figure("boundary_recall", "", boundary_recall, ("correct", "gold"), "gold"),
        Figure("boundary_f1", "", boundary_f1, ("correct", "predicted", "gold"), "gold"),
        Figure("morph_score", "", morph_score, ("hit", "scored"), "scored"),
        Figure("morpheme_coverage", "", morpheme_coverage, ("aligned_entries", "entries"), "entries"),
    ),
}
