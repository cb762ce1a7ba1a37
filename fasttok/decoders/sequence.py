"""`Sequence`: decoder that applies several decoders in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.component import MAX_STEPS
from fasttok.decoders.base import Decoder, Filter, join_filters
from fasttok.decoders.regroup import (
    ByteFallback,
    MarkedChain,
    Regrouper,
    RunFilter,
    TokenFilter,
    mark_byte,
    mark_empty,
    mark_end,
)
from fasttok.models.base import Model


@dataclass(frozen=True)
class Sequence(Decoder):
    """Sequence of decoders, applied in order.

    Each step rewrites the tokens that the previous step wrote. Once a step has joined the tokens (`Fuse`, or
    a step that acts on the whole text), the later steps act on the joined text.

    Parameters
    ----------
    steps : tuple of Decoder
        From 1 to 100 steps, none of which is a sequence.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.get_decoder(["byte_fallback", "fuse"])
    Sequence(steps=(ByteFallback(), Fuse()))
    """

    steps: tuple[Decoder, ...]
    # Steps that act on tokens, and steps that act on the joined text.
    _on_tokens: tuple[Decoder, ...] = field(init=False, repr=False, compare=False)
    _on_text: tuple[Decoder, ...] = field(init=False, repr=False, compare=False)
    # Index of the first step that merges or drops tokens; len(_on_tokens) if there is none. If the step marks
    # the ends of the tokens, a filter applies the later steps.
    _regroups_at: int = field(init=False, repr=False, compare=False)
    _marks_ends: bool = field(init=False, repr=False, compare=False)

    name = "sequence"

    def __post_init__(self) -> None:
        steps = tuple(self.steps)
        for step in steps:
            if not isinstance(step, Decoder) or isinstance(step, Sequence):
                raise TypeError(f"a step of a sequence must be a Decoder other than a Sequence, not {step!r}")
        if not 1 <= len(steps) <= MAX_STEPS:
            raise ValueError(f"a sequence must have from 1 to {MAX_STEPS} steps, not {len(steps)}")
        if late := next((step for step in steps[1:] if step.reads_model), None):
            raise ValueError(f"{late!r} takes its tokens from the model, so it must be the first step")
        n = next((i for i, step in enumerate(steps, 1) if step.joins), len(steps))
        regroupers = [i for i, step in enumerate(steps[:n]) if isinstance(step, Regrouper)]
        k = regroupers[0] if regroupers else n
        marks_ends = len(regroupers) > 1 or (k < n and not isinstance(steps[k], ByteFallback))
        in_table = steps[:k] if marks_ends else steps[:n]
        values = {
            "steps": steps,
            "_on_tokens": steps[:n],
            "_on_text": steps[n:],
            "_regroups_at": k,
            "_marks_ends": marks_ends,
            "sees_first": any(step.sees_first for step in in_table),
            "sees_last": any(step.sees_last for step in in_table),
            "reads_model": steps[0].reads_model,
            "reads_normalized": any(step.reads_normalized for step in steps),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def rewrite(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        return self._rewrite(token, is_first=is_first, is_last=is_last)

    def rewrite_added(self, token: bytes, *, is_first: bool, is_last: bool) -> bytes:
        return self._rewrite(token, is_added=True, is_first=is_first, is_last=is_last)

    def rewrite_pieces(
        self, model: Model, ids: NDArray[np.int64], *, is_first: bool, is_last: bool
    ) -> list[bytes]:
        if self._regroups_at == 0:
            return super().rewrite_pieces(model, ids, is_first=is_first, is_last=is_last)
        rows = self.steps[0].rewrite_pieces(model, ids, is_first=is_first, is_last=is_last)
        return [self._rewrite(row, start=1, is_first=is_first, is_last=is_last) for row in rows]

    def _rewrite(
        self, token: bytes, *, start: int = 0, is_added: bool = False, is_first: bool, is_last: bool
    ) -> bytes:
        """Apply the steps from the index `start` on to a token, and mark it if a filter reads marks."""
        for i, step in enumerate(self._on_tokens[start:], start):
            if i == self._regroups_at:
                if self._marks_ends:
                    return mark_end(token)
                if marked := mark_byte(token):
                    return marked
            else:
                rewrite = step.rewrite_added if is_added else step.rewrite
                token = rewrite(token, is_first=is_first, is_last=is_last)
        return token if self._regroups_at == len(self._on_tokens) else mark_empty(token)

    def filter(self) -> Filter | None:
        filters: list[Filter | None] = []
        regroups, last = self._on_tokens[self._regroups_at :], self._on_tokens[-1]
        if regroups:
            filters.append(TokenFilter(regroups) if self._marks_ends else RunFilter(regroups[1:]))
        if not isinstance(last, Regrouper):
            filters.append(last.filter_before_steps() if self._on_text else last.filter())
        filters += [step.text_filter() for step in self._on_text]
        if regroups:
            return MarkedChain([one for one in filters if one is not None])
        return join_filters(filters)

    @property
    def joins(self) -> bool:
        return any(step.joins for step in self.steps)

    def without_clean_up(self) -> Decoder:
        return Sequence(tuple(step.without_clean_up() for step in self.steps))

    def config(self) -> dict[str, Any]:
        return {"name": self.name, "steps": [step.config() for step in self.steps]}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Sequence:
        """Raise TypeError: only `get_decoder` can make a sequence, because it finds the steps by name."""
        raise TypeError("cannot make a sequence with from_config. Call fasttok.get_decoder(config)")
