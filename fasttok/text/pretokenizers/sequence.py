"""`SequencePretokenizer`: steps one after the other, each of which sees the pretokens of the one before."""

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
    """Steps, each of which takes the pretokens of the step before for texts of their own.

    What comes before and after a pretoken is out of a step's sight. Where all steps only cut, memory is
    bounded by a slice per step; a step that rewrites text, or comes after one that leaves text out, is given
    the pretokens as rows. A regular expression that is not the first step runs once per pretoken, and is as
    slow as that sounds.

    Parameters
    ----------
    steps : tuple of Pretokenizer
        Two or more, none of them a sequence.
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
        # Steps after one that leaves text out, or before one that rewrites, get whole pretokens, so that only
        # those that come first have to cut at a place.
        cuts = self.steps[0].cuts
        for before, step in zip(self.steps, self.steps[1:], strict=False):
            if step.rewrites or not before.is_partition:
                break
            cuts = cuts.then(step.cuts)
        return cuts

    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        if self.rewrites or not self.is_partition:
            raise ValueError(f"{self} rewrites text or leaves some out, so that it has no boundaries")
        return boundaries_in_turn(self.steps, documents)

    def config(self) -> dict[str, Any]:
        """Return the configurations of the steps."""
        return {"name": self.name, "steps": [step.config() for step in self.steps]}
