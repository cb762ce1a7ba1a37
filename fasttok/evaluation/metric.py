"""`Metric`: name, definition and function of a metric in one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Literal, get_args

from fasttok.core.checks import (
    checked_callable,
    checked_choice,
    checked_items,
    checked_text,
    describe,
    suggest,
)
from fasttok.evaluation.columns import COLUMNS, Column, Key
from fasttok.evaluation.metrics.totals import (
    COMPARISON_TOTALS,
    MORPHEME_TOTALS,
    NEEDS,
    PIECE_TOTALS,
    Quotient,
    divide,
)

Better = Literal["more", "less", "neither"]
# Definitions of all known totals, by name.
DEFINITIONS = {
    **{name: column.definition for name, column in COLUMNS.items()},
    **PIECE_TOTALS,
    **COMPARISON_TOTALS,
    **MORPHEME_TOTALS,
}
# Totals that consist of several numbers even without resamples.
ARRAY_TOTALS = ("counts", "is_ordinary", "pieces", "tokens_by_language")


@dataclass(frozen=True)
class Metric:
    """Definition of a metric: a function of totals over a corpus, with a description for readers.

    Every built-in metric is a `Metric`. `fasttok.measure`, the report and the reference page of the metrics
    read the same object. Create a `Metric` to measure something else.

    Parameters
    ----------
    name : str
        Name of the metric in rows; must differ from the names of the built-in metrics.
    of : sequence of str or Column
        Totals that are passed to `function`, in this order. Each is the name of a known total, such as
        "tokens", "words" or "counts", or a custom `Column`. The reference page of the metrics lists the known
        totals.
    function : callable
        Function of the totals; default: the quotient of two totals. Totals that are sums over documents or
        words are arrays: the first entry is the total of all of them, the others are the totals of resamples.
        For such arrays, the function must return an array of the same length, from which the 95 % interval is
        computed. NaN means that there is no value.
    n : str or Column, optional
        Total that is reported as the sample size ``n`` of a row. It must be a number; default: the last of
        `of`, which is the denominator of a quotient.
    definition : str
        One or two sentences for readers: numerator, denominator and weighting.
    label : str, optional
        Name for readers, for example in column headers; default: `name`.
    unit : str
        Unit, such as "tokens/word"; "" for none.
    source : str
        Publication that defines the metric.
    better : {"more", "less", "neither"}
        Direction of better values: "more" for higher, "less" for lower, "neither" if neither is better.

    Raises
    ------
    TypeError
        If a parameter has the wrong type.
    ValueError
        If `name` is empty or not printable, `of` is empty, a total or the value of `better` is unknown, or
        `n` names an array.

    Notes
    -----
    A metric has a row for each language for which all of its totals exist, and one row for all languages
    together. Some totals require parallel text or morphemes. Others exist only per language, or only over all
    languages.

    Examples
    --------
    Create a metric from two known totals:

    >>> import fasttok as ft
    >>> per_document = ft.Metric(
    ...     "tokens_per_document", of=("tokens", "documents"), unit="tokens/document", better="less",
    ...     definition="Tokens, divided by documents.",
    ... )
    >>> tok = ft.Tokenizer(ft.ByteModel(), "gpt2")
    >>> texts = ft.Corpus.from_texts(["low", "slow lower"])
    >>> corpus = ft.TestCorpus.from_corpora("tiny", texts, words="whitespace")
    >>> for row in ft.measure({"bytes": tok}, corpus, ["fertility", per_document], seed=1):
    ...     print(row["metric"], row["value"], row["unit"])
    fertility 4.333333333333333 tokens/word
    tokens_per_document 6.5 tokens/document

    Create a metric with a custom column that counts the tokens that are a single space:

    >>> import numpy as np
    >>> from fasttok.evaluation.words import count_by_document
    >>> def count_spaces(cut):
    ...     is_space = [piece == b" " for piece in cut.encoded.tokenizer.pieces.to_bytes()]
    ...     ids = cut.encoded.ids
    ...     return count_by_document(ids, np.flatnonzero(np.array(is_space)[ids.values]))
    >>> spaces = ft.Metric(
    ...     "space_rate", of=(ft.Column("spaces", count_spaces), "tokens"),
    ...     definition="Tokens that are one space, divided by all tokens.",
    ... )
    >>> [row] = ft.measure({"bytes": tok}, corpus, spaces, seed=1)
    >>> row["value"], row["n"]
    (0.07692307692307693, 13)

    Create a metric from the number of occurrences of each id:

    >>> hapaxes = ft.Metric(
    ...     "hapax_rate", of=("counts", "counted"), function=lambda counts, n: (counts == 1).sum() / n,
    ...     definition="Ids that occur once, divided by all tokens.",
    ... )
    >>> [row] = ft.measure({"bytes": tok}, corpus, hapaxes, seed=1)
    >>> row["value"]
    0.3076923076923077
    """

    name: str
    of: tuple[Key, ...]
    function: Callable[..., Quotient] = divide
    n: Key | None = None
    _: KW_ONLY
    definition: str
    label: str = ""
    unit: str = ""
    source: str = ""
    better: Better = "neither"

    def __post_init__(self) -> None:
        for key in ("name", "definition", "label", "unit", "source"):
            checked_text(f"{key} of a metric", getattr(self, key))
        if not self.name or not self.name.isprintable():
            raise ValueError(f"the name of a metric must be printable and not empty, not {self.name!r}")
        totals = tuple(checked_items(f"metric {self.name!r}: of", self.of, "totals or columns"))
        checked_callable(f"metric {self.name!r}: function", self.function)
        checked_choice("better", self.better, *get_args(Better))
        object.__setattr__(self, "of", totals)
        object.__setattr__(self, "label", self.label or self.name)
        if not self.of:
            raise ValueError(f"metric {self.name!r}: of must contain at least one total")
        for option, total in [("of", total) for total in totals] + [("n", self.based_on)]:
            if not isinstance(total, (str, Column)):
                raise TypeError(
                    f"metric {self.name!r}: {option} must be names of totals or columns, not "
                    f"{describe(total)}"
                )
            if not isinstance(total, Column) and total not in DEFINITIONS:
                question = suggest(total, DEFINITIONS)
                raise ValueError(
                    f"metric {self.name!r}: no total is named {describe(total)}, as in {option}{question}"
                    f"{' Known' if question else '; known'} are {', '.join(DEFINITIONS)}"
                )
        if self.based_on in ARRAY_TOTALS:
            raise ValueError(
                f"metric {self.name!r}: n must be a total that is a number; {self.based_on!r} is an array"
            )

    @property
    def based_on(self) -> Key:
        """Total that is reported as the sample size ``n`` of a row."""
        return self.of[-1] if self.n is None else self.n

    @property
    def totals(self) -> frozenset[Key]:
        """Totals that are needed to compute the metric, including `based_on`."""
        return frozenset((*self.of, self.based_on))

    @property
    def needs(self) -> str:
        """Requirement that a test corpus must meet, such as parallel text; "" for most metrics."""
        return next((NEEDS[total] for total in self.of if isinstance(total, str) and total in NEEDS), "")

    def describe(self) -> dict[str, str]:
        """Return the description for readers as a dict of plain JSON, without the function."""
        return {
            "name": self.name,
            "label": self.label,
            "unit": self.unit,
            "definition": self.definition,
            "source": self.source,
            "better": self.better,
            "needs": self.needs,
        }
