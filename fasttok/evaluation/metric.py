"""`Metric`: all that is known of a metric, as one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Literal, get_args

from fasttok.core.checks import checked_choice
from fasttok.evaluation.columns import COLUMNS, Column, Key
from fasttok.evaluation.metrics.totals import NEEDS, OF_MORPHEMES, OF_OTHERS, OF_PIECES, Quotient, divide

Better = Literal["more", "less", "neither"]
DEFINITIONS = {
    **{name: column.definition for name, column in COLUMNS.items()},
    **OF_PIECES,
    **OF_OTHERS,
    **OF_MORPHEMES,
}
NOT_NUMBERS = ("counts", "is_ordinary", "pieces", "tokens_by_language")


@dataclass(frozen=True)
class Metric:
    """A metric: a function of totals over a corpus, and what readers are told of it.

    Every metric of fasttok is such a value, beside its function; `fasttok.measure`, the report and the
    reference page read the same one. Write your own to measure something else.

    Parameters
    ----------
    name : str
        Name in rows; that of no metric of fasttok.
    of : sequence of str or Column
        The totals that the metric is a function of, in the order of the function's arguments: names of known
        totals, such as "tokens", "words" and "counts" (the reference page of the metrics lists them), or your
        own `Column`, a count per document.
    function : callable
        Function of the totals; by default the quotient of two. Totals of columns are arrays, the first entry
        of all documents and the others of resampled ones, and the function returns an array of the same
        length, from which comes the 95 % interval. NaN means that there is no value.
    n : str or Column, optional
        The total that says how much the metric rests on, a number; by default the last of `of`, the
        denominator of a quotient.
    definition : str
        Numerator, denominator and weighting, in a sentence or two for readers.
    label : str, optional
        Name for readers, as in the head of a column; by default `name`.
    unit : str
        Unit, such as "tokens/word"; "" if there is none.
    source : str
        Publication that defines it.
    better : {"more", "less", "neither"}
        Which values are better; "neither" if that cannot be said.

    Raises
    ------
    TypeError, ValueError
        If a parameter is of another type, a total is not known, or `n` is not a number.

    Notes
    -----
    A metric has a row wherever all of its totals are there: those of parallel text and of morphemes are for
    some corpora only, those of all languages together are not there for a single one.

    Examples
    --------
    A metric of two known totals:

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

    One with a column of its own, which counts in every document the tokens that are a space:

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

    One of the occurrences of the pieces:

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
            if not isinstance(getattr(self, key), str):
                raise TypeError(f"{key} of a metric must be str, not {type(getattr(self, key)).__name__}")
        if not self.name or not self.name.isprintable():
            raise ValueError(f"the name of a metric must be printable and not empty, not {self.name!r}")
        if isinstance(self.of, str) or not callable(self.function):
            raise TypeError(f"metric {self.name!r}: of must be a sequence of totals, function a function")
        checked_choice("better", self.better, *get_args(Better))
        object.__setattr__(self, "of", tuple(self.of))
        object.__setattr__(self, "label", self.label or self.name)
        if not self.of:
            raise ValueError(f"metric {self.name!r} is a function of no total")
        for total in self.totals:
            if not isinstance(total, Column) and total not in DEFINITIONS:
                raise ValueError(
                    f"metric {self.name!r}: no total {total!r}; there are {', '.join(DEFINITIONS)}"
                )
        if self.rests_on in NOT_NUMBERS:
            raise ValueError(
                f"metric {self.name!r} must say by n what it rests on: {self.rests_on!r} is an array"
            )

    @property
    def rests_on(self) -> Key:
        """The total that says how much it rests on."""
        return self.of[-1] if self.n is None else self.n

    @property
    def totals(self) -> frozenset[Key]:
        """The totals that it takes, that which it rests on included."""
        return frozenset((*self.of, self.rests_on))

    @property
    def needs(self) -> str:
        """The property that a text must have for it, where not every text has it; "" for most."""
        return next((NEEDS[total] for total in self.of if isinstance(total, str) and total in NEEDS), "")

    def describe(self) -> dict[str, str]:
        """Return what readers are told of it, as plain JSON."""
        return {
            "name": self.name,
            "label": self.label,
            "unit": self.unit,
            "definition": self.definition,
            "source": self.source,
            "better": self.better,
            "needs": self.needs,
        }
