"""`SequencePretokenizer`: several pretokenizers in a fixed order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.text.cuts import Cuts
from fasttok.text.steps import Normalizer, Pretokenizer, boundaries_in_turn


@dataclass(frozen=True)
class SequencePretokenizer(Pretokenizer):
    """Pretokenizer that runs several pretokenizers in order.

    Every step splits the pretokens of the step before it, as separate texts: a step does not see the text
    around a pretoken. If all steps keep all text and rewrite nothing, memory is bounded by one slice per
    step. A step that rewrites text, or follows a step that drops text, is given the pretokens as rows. A
    regular expression of the ``regex`` module that is not the first step runs once per pretoken, which is
    slow.

    Parameters
    ----------
    steps : tuple of Pretokenizer
        At least two pretokenizers, none of them a sequence.
    """

    steps: tuple[Pretokenizer, ...]
    name = "sequence"

    @property
    def primitives(self) -> tuple[Normalizer | Pretokenizer, ...]:
        return tuple(primitive for step in self.steps for primitive in step.primitives)

    @property
    def decoder_config(self) -> dict[str, Any] | None:
        return next((c for step in self.steps if (c := step.decoder_config) is not None), None)

    @property
    def is_partition(self) -> bool:
        return all(step.is_partition for step in self.steps)

    @property
    def cuts(self) -> Cuts:
        # A step that rewrites, or follows a step that drops text, is given whole pretokens. So only the steps
        # before it matter.
        cuts = self.steps[0].cuts
        for before, step in zip(self.steps, self.steps[1:], strict=False):
            if step.rewrites or not before.is_partition:
                break
            cuts = cuts.then(step.cuts)
        return cuts

    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        if self.rewrites or not self.is_partition:
            raise ValueError(f"{self} rewrites or drops text, so its pretokens have no boundaries")
        return boundaries_in_turn(self.steps, documents)

    def config(self) -> dict[str, Any]:
        """Return the configurations of the steps."""
        return {"name": self.name, "steps": [step.config() for step in self.steps]}
