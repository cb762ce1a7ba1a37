"""Normalizers one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.text.cuts import RewritingCuts
from fasttok.text.rewriting import Normalizer, Rewritten


@dataclass(frozen=True)
class SequenceNormalizer(Normalizer):
    """Steps, each of which rewrites what the step before has written.

    Parameters
    ----------
    steps : tuple of Normalizer
        Two or more, none of them a sequence.
    """

    steps: tuple[Normalizer, ...]

    def rewrite(
        self,
        documents: Ragged,
        *,
        begins: NDArray[np.bool_] | None = None,
        ends: NDArray[np.bool_] | None = None,
        aligned: bool = False,
    ) -> Rewritten:
        first, *others = self.steps
        rewritten = first.rewrite(documents, begins=begins, ends=ends, aligned=aligned)
        for step in others:
            more = step.rewrite(rewritten.documents, begins=begins, ends=ends, aligned=aligned)
            rewritten = rewritten.then(more)
        return rewritten

    @property
    def cuts(self) -> RewritingCuts:
        return reduce(RewritingCuts.then_rewriting, (step.cuts for step in self.steps))

    def config(self) -> dict[str, Any]:
        return {"name": "sequence", "steps": [step.config() for step in self.steps]}
