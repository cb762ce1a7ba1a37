"""`Pipeline`: what happens to raw text before a model sees it, a normalizer and a pretokenizer as one."""

from __future__ import annotations

from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.text.cuts import Cuts
from fasttok.text.rewriting import Normalizer, Rewritten
from fasttok.text.steps import Pretokenizer


class Pipeline:
    """A normalizer, if there is one, and a pretokenizer. Immutable; safe to share between threads.

    Parameters
    ----------
    normalizer : Normalizer or None
        What rewrites raw text first.
    pretokenizer : Pretokenizer
        What rewrites it further, if it does, and cuts it.
    """

    def __init__(self, normalizer: Normalizer | None, pretokenizer: Pretokenizer) -> None:
        self.normalizer = normalizer
        self.pretokenizer = pretokenizer

    @property
    def rewrites(self) -> bool:
        """Whether the pretokens are those of another text than the raw one."""
        return self.normalizer is not None or self.pretokenizer.rewriting is not None

    def rewrite(
        self,
        documents: Ragged,
        *,
        begins: NDArray[np.bool_] | None = None,
        ends: NDArray[np.bool_] | None = None,
    ) -> Ragged:
        """The text that the pretokenizer cuts; otherwise as `Pretokenizer.rewrite`."""
        return self._rewrite(documents, begins, ends, aligned=False).documents

    def trace(
        self, documents: Ragged, *, begins: NDArray[np.bool_], ends: NDArray[np.bool_]
    ) -> tuple[Ragged, NDArray[np.int64]]:
        """The text that the pretokenizer cuts, and its spans, as `Rewritten` has them."""
        rewritten = self._rewrite(documents, begins, ends, aligned=True)
        return rewritten.documents, cast("NDArray[np.int64]", rewritten.spans)

    def _rewrite(
        self,
        documents: Ragged,
        begins: NDArray[np.bool_] | None,
        ends: NDArray[np.bool_] | None,
        aligned: bool,
    ) -> Rewritten:
        if self.normalizer is None:
            return self.pretokenizer.rewrite(documents, begins=begins, ends=ends, aligned=aligned)
        first = self.normalizer.rewrite(documents, begins=begins, ends=ends, aligned=aligned)
        if self.pretokenizer.rewriting is None:
            return first
        return first.then(
            self.pretokenizer.rewrite(first.documents, begins=begins, ends=ends, aligned=aligned)
        )

    @cached_property
    def _cuts(self) -> Cuts:
        cuts = self.pretokenizer.cuts
        return cuts if self.normalizer is None else self.normalizer.cuts.then(cuts)

    def find_cut(self, text: NDArray[np.uint8]) -> int:
        """The last position at which cutting raw text changes no pretoken; as `Pretokenizer.find_cut`."""
        return self._cuts.find(text)
