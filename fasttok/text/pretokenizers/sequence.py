"""Steps one after the other: each cuts the pretokens of the step before further."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import PatternError
from fasttok.core.ragged import Ragged
from fasttok.text._spans import Nested, Spans
from fasttok.text.cuts import Cuts
from fasttok.text.steps import Pretokenizer

MAX_STEPS = 100  # of a sequence; each is a frame on Python's stack


@dataclass(frozen=True)
class SequencePretokenizer(Pretokenizer):
    """Steps, each of which cuts the pretokens of the step before further.

    A step sees every pretoken as a text of its own: what stands before and behind it is out of its sight.
    Memory is bounded by a slice a step. A regular expression that is not the first step runs once a
    pretoken, and is as slow as that sounds.

    Parameters
    ----------
    steps : tuple of Pretokenizer
        Two or more, none of them a sequence; all but the last are partitions, and only the first may rewrite.
    """

    steps: tuple[Pretokenizer, ...]

    @property
    def is_partition(self) -> bool:
        return self.steps[-1].is_partition

    @property
    def rewriting(self) -> Pretokenizer | None:
        return self.steps[0].rewriting

    def spans(self, documents: Ragged) -> Spans:
        if self.is_partition:
            return super().spans(documents)
        *others, last = self.steps
        return Nested(in_sequence(others).split(documents), last.spans(documents))

    @property
    def cuts(self) -> Cuts:
        return reduce(Cuts.then, (step.cuts for step in self.steps))

    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        documents = Ragged(np.ascontiguousarray(documents.values), documents.offsets)
        first, *others = self.steps
        slices = first.boundaries(documents)
        for step in others:
            slices = _cut_further(step, documents, slices)
        return slices

    def config(self) -> dict[str, Any]:
        return {"name": "sequence", "steps": [step.config() for step in self.steps]}


def _cut_further(
    step: Pretokenizer, documents: Ragged, slices: Iterator[NDArray[np.int64]]
) -> Iterator[NDArray[np.int64]]:
    """The boundaries of a step whose documents are the pretokens of the step before."""
    for pretokens in slices:
        try:
            yield from step.boundaries(Ragged(documents.values, pretokens))
        except PatternError as error:
            start = pretokens[error.document or 0]
            document = int(np.searchsorted(documents.offsets, start, side="right")) - 1
            place = f"in the pretoken at byte {start - documents.offsets[document]}"
            raise PatternError(f"{error.message} {place}", document) from None


def in_sequence(pretokenizers: Iterable[Pretokenizer]) -> Pretokenizer:
    """The pretokenizers as the steps of one, those of a sequence one by one."""
    steps: list[Pretokenizer] = []
    for given in pretokenizers:
        steps.extend(given.steps if isinstance(given, SequencePretokenizer) else [given])
    if not 1 <= len(steps) <= MAX_STEPS:
        raise ValueError(f"a sequence takes from 1 to {MAX_STEPS} steps, not {len(steps)}")
    for step in steps[:-1]:
        if not step.is_partition:
            raise ValueError(f"{step} leaves text out, so that it can only be the last step of a sequence")
    for step in steps[1:]:
        if step.rewriting is not None:
            raise ValueError(f"{step} rewrites text, so that it can only be the first step of a sequence")
    return SequencePretokenizer(tuple(steps)) if len(steps) > 1 else steps[0]
