"""`SequenceNormalizer`: several normalizers in a fixed order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

from fasttok.text.cuts import RewritingCuts
from fasttok.text.rows import Rows
from fasttok.text.steps import Normalizer


@dataclass(frozen=True)
class SequenceNormalizer(Normalizer):
    """Normalizer that runs several normalizers in order.

    Parameters
    ----------
    steps : tuple of Normalizer
        At least two normalizers, none of them a sequence.
    """

    steps: tuple[Normalizer, ...]
    name = "sequence"

    def rewrite(self, rows: Rows) -> Rows:
        for step in self.steps:
            rows = step.rewrite(rows)
        return rows

    @property
    def cuts(self) -> RewritingCuts:
        return reduce(RewritingCuts.then_rewriting, (step.cuts for step in self.steps))

    @property
    def looks_at_segments(self) -> bool:
        return any(step.looks_at_segments for step in self.steps)

    @property
    def looks_at_raw_start(self) -> bool:
        return any(step.looks_at_raw_start for step in self.steps)

    def config(self) -> dict[str, Any]:
        """Return the configurations of the steps."""
        return {"name": self.name, "steps": [step.config() for step in self.steps]}
