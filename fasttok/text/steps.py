"""The two kinds of steps: `Normalizer`, which rewrites text, and `Pretokenizer`, which cuts it.

A pipeline is a row of them. Each is a component: a frozen dataclass with a name, whose fields are its
options.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttok.core.component import Component, import_path
from fasttok.core.errors import PatternError
from fasttok.core.ragged import Ragged
from fasttok.text._spans import Boundaries, Nested, Spans, list_spans
from fasttok.text.cuts import NOTHING_KNOWN, REWRITES_ANYTHING, Cuts, RewritingCuts
from fasttok.text.pretokenizers._scan import Scanner, scan
from fasttok.text.rows import WHOLE, Rows
from fasttok.text.unicode.utf8 import encode_utf8

SLICE = 1 << 16  # pretokens that a slice of boundaries holds: half a megabyte, which stays in cache


class Normalizer(Component, ABC):
    """A step that rewrites text. Immutable; safe to share between threads.

    To write one of your own, derive a frozen dataclass with a `rewrite`; the how-to in the documentation has
    an example.
    """

    @abstractmethod
    def rewrite(self, rows: Rows) -> Rows:
        """Rewrite every row on its own.

        Parameters
        ----------
        rows : Rows
            The text, and which rows begin and end their document; read-only.

        Returns
        -------
        Rows
            What `Rows.rewritten` makes of the new text; the same rows if nothing changes.
        """

    @property
    def cuts(self) -> RewritingCuts:
        """The places at which text may be cut and its parts rewritten apart; see `fasttok.text.cuts`."""
        return REWRITES_ANYTHING

    @property
    def looks_at_segments(self) -> bool:
        """Whether it does something else where text begins or ends at an added token."""
        return False

    def normalize(self, text: str | bytes) -> str | bytes:
        """Rewrite one text, for looking at; a ``str`` gives a ``str``, bytes give bytes.

        Raises
        ------
        TextError
            If a ``str`` holds a lone surrogate.
        """
        out = self.rewrite(Rows.of_text(encode_utf8(text))).documents.values.tobytes()
        return out.decode() if isinstance(text, str) else out


class Pretokenizer(Component, ABC):
    """A step that cuts text into pretokens. Immutable; safe to share between threads.

    To write one of your own, derive a frozen dataclass with `boundaries`; the how-to in the documentation has
    an example.
    """

    @property
    def primitives(self) -> tuple[Normalizer | Pretokenizer, ...]:
        """The steps that this one consists of, each of which either rewrites or cuts."""
        return (self,)

    @property
    def rewrites(self) -> bool:
        """Whether the pretokens are those of another text than the one given."""
        return any(isinstance(step, Normalizer) for step in self.primitives)

    @property
    def is_partition(self) -> bool:
        """Whether the pretokens of a text, joined, are the text; if not, some of it is left out.

        Of a pretokenizer that rewrites text, the text it has written.
        """
        return True

    @property
    def decoder_config(self) -> dict[str, Any] | None:
        """The configuration of the decoder that undoes what the step writes; None if it writes nothing.

        A tokenizer that is given no decoder has this one, after the one for its model.
        """
        return None

    @abstractmethod
    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        """Yield the boundaries of the pretokens of a batch, slice by slice.

        Parameters
        ----------
        documents : Ragged of uint8
            UTF-8 text, a row per document. No pretoken reaches across documents; an empty document has
            no pretokens.

        Yields
        ------
        ndarray of int64, shape (k + 1,)
            Positions in ``documents.values``: pretoken ``i`` is between entries ``i`` and ``i + 1``.
            The first entry of all is ``documents.offsets[0]``; the last entry of a slice is the first of the
            next. Every document's end is among them. The array is only valid until the next one is asked for.

        Raises
        ------
        ValueError
            If there are none, since it rewrites text or leaves some out (`rewrites`, `is_partition`).
        """

    @property
    def scanner(self) -> Spans | None:
        """The spans of any text, if they need no look at all of it beforehand; all threads share it."""
        return None

    def spans(self, documents: Ragged) -> Spans:
        """Return the places of the pretokens of a batch, which a kernel uses up document by document."""
        return self.scanner or Boundaries(self.split(documents))

    @property
    def cuts(self) -> Cuts:
        """The places at which raw text may be cut, as far as known; see `fasttok.text.cuts`."""
        return NOTHING_KNOWN

    def find_cut(self, text: NDArray[np.uint8]) -> int:
        """Return the last position at which cutting the text changes no pretoken; 0 if none is known.

        That holds whatever comes before and after the text, which may begin and end inside a character; the
        two code points beside a position decide. `fasttok.text.cuts` has the proofs.
        """
        return self.cuts.find(text)

    def split(self, documents: Ragged) -> NDArray[np.int64]:
        """Return all boundaries of a batch at once: int64, one more than there are pretokens.

        Examples
        --------
        >>> import fasttok as ft
        >>> text = ft.Ragged.from_bytes([b"Hello world", b"it's"])
        >>> ft.get_pretokenizer("gpt2").split(text).tolist()
        [0, 5, 11, 13, 15]
        """
        slices = [part[1:].copy() for part in _boundaries_of(self, documents)]
        return np.concatenate([documents.offsets[:1], *slices])

    def split_text(self, text: str | bytes) -> list[bytes]:
        """Return the pretokens of one text as byte strings, for looking at.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.get_pretokenizer("cl100k").split_text("I'm 12345!")
        [b'I', b"'m", b' ', b'123', b'45', b'!']
        """
        rows, spans = pretokenize(to_stages(self.primitives), Rows.of_text(encode_utf8(text)))
        data = rows.documents.values.tobytes()
        places, _ = list_spans(spans, np.ascontiguousarray(rows.documents.values), rows.documents.offsets)
        return [data[a:b] for a, b in places.tolist()]


class ScanningPretokenizer(Pretokenizer):
    """A pretokenizer whose boundaries are those of its scanner, which must be there and leave nothing out."""

    @property
    @abstractmethod
    def scanner(self) -> Spans: ...

    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        text = np.ascontiguousarray(documents.values)
        first, last = documents.offsets[[0, -1]].tolist()
        state = np.array([0, first], np.int64)
        buffer = np.empty(min(SLICE, last - first) + 1, np.int64)
        buffer[0] = first
        while n := scan(self.scanner, text, documents.offsets, state, buffer[1:]):
            yield buffer[: n + 1]
            buffer[0] = buffer[n]


class CompositePretokenizer(Pretokenizer):
    """A pretokenizer that consists of steps which cut and rewrite: its `primitives`."""

    @property
    @abstractmethod
    def primitives(self) -> tuple[Normalizer | Pretokenizer, ...]: ...

    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        raise ValueError(f"{self} rewrites text or leaves some out, so that its pretokens have no boundaries")


class Stage(NamedTuple):
    """Steps that rewrite rows, then steps that cut what was written, of which only the last may leave text
    out.
    """

    rewriters: tuple[Normalizer, ...]
    cutters: tuple[Pretokenizer, ...]

    def rewrite(self, rows: Rows) -> Rows:
        """Rewrite rows, a step after the other."""
        for step in self.rewriters:
            rows = step.rewrite(rows)
        return rows

    @property
    def scanner(self) -> Spans | None:
        """The spans of any text, if they need no look at all of it beforehand."""
        if not self.cutters:
            return _WHOLE_TEXT
        return self.cutters[0].scanner if len(self.cutters) == 1 else None

    def spans(self, documents: Ragged) -> Spans:
        """Give the places of the pretokens to a kernel; a row is a text of its own."""
        if len(self.cutters) < 2:
            return _WHOLE_TEXT if not self.cutters else self.cutters[0].spans(documents)
        *others, last = self.cutters
        if last.is_partition:
            return Boundaries(_all_boundaries(self.cutters, documents))
        return Nested(_all_boundaries(others, documents), last.spans(documents))


_WHOLE_TEXT = Scanner("none")


def to_stages(primitives: Sequence[Normalizer | Pretokenizer]) -> list[Stage]:
    """Group steps into stages; there is one at least. The pretokens of a stage are the rows of the next."""
    stages: list[Stage] = []
    rewriters: list[Normalizer] = []
    cutters: list[Pretokenizer] = []
    for step in primitives:
        is_rewriter = isinstance(step, Normalizer)
        if cutters and (is_rewriter or not cutters[-1].is_partition):
            stages.append(Stage(tuple(rewriters), tuple(cutters)))
            rewriters, cutters = [], []
        if isinstance(step, Normalizer):
            rewriters.append(step)
        else:
            cutters.append(step)
    return [*stages, Stage(tuple(rewriters), tuple(cutters))]


def cut_rows(stage: Stage, rows: Rows) -> tuple[Rows, NDArray[np.int64]]:
    """Make every pretoken a row, a text of its own; and say where those of each row begin: int64[k + 1]."""
    documents = rows.documents
    places, bounds = list_spans(
        stage.spans(documents), np.ascontiguousarray(documents.values), documents.offsets
    )
    parents = np.repeat(np.arange(len(rows)), np.diff(bounds))
    return rows.cut(places, np.full(len(places), WHOLE, np.uint8), parents), bounds


def pretokenize(stages: Sequence[Stage], rows: Rows) -> tuple[Rows, Spans]:
    """Run all stages: the rows that the last one cuts, and their spans."""
    *others, last = stages
    for stage in others:
        rows, _ = cut_rows(stage, stage.rewrite(rows))
    rows = last.rewrite(rows)
    return rows, last.spans(rows.documents)


def _boundaries_of(step: Pretokenizer, documents: Ragged) -> Iterator[NDArray[np.int64]]:
    """Yield what a step's `boundaries` yields, which the kernels rely on: checked, if Python code made it.

    Raises
    ------
    ValueError
        If it is not what `Pretokenizer.boundaries` says.
    """
    if isinstance(step, ScanningPretokenizer):
        yield from step.boundaries(documents)
        return
    offsets = documents.offsets
    position = offsets[0]
    for part in step.boundaries(documents):
        is_array = (
            isinstance(part, np.ndarray) and part.dtype == np.int64 and part.ndim == 1 and len(part) > 0
        )
        if not is_array or part[0] != position or (part[1:] < part[:-1]).any() or part[-1] > offsets[-1]:
            break
        ends = offsets[
            np.searchsorted(offsets, position, "right") : np.searchsorted(offsets, part[-1], "right")
        ]
        if (part[np.searchsorted(part, ends)] != ends).any():
            break
        position = part[-1]
        yield part
    else:
        if position == offsets[-1]:
            return
    raise ValueError(
        f"{import_path(type(step))}.boundaries must yield int64 arrays of ascending positions, the first "
        "documents.offsets[0], each going on where the one before ended, the end of every document among them"
    )


def boundaries_in_turn(cutters: Sequence[Pretokenizer], documents: Ragged) -> Iterator[NDArray[np.int64]]:
    """Yield the boundaries of steps each of which cuts the pretokens of the one before; all are partitions.

    The boundaries of a step are the offsets of the next one's documents, slice by slice, so that memory is
    bounded by a slice per step.
    """
    documents = Ragged(np.ascontiguousarray(documents.values), documents.offsets)
    first, *others = cutters
    slices = _boundaries_of(first, documents)
    for step in others:
        slices = _cut_further(step, documents, slices)
    return slices


def _all_boundaries(cutters: Sequence[Pretokenizer], documents: Ragged) -> NDArray[np.int64]:
    slices = [part[1:].copy() for part in boundaries_in_turn(cutters, documents)]
    return np.concatenate([documents.offsets[:1], *slices])


def _cut_further(
    step: Pretokenizer, documents: Ragged, slices: Iterator[NDArray[np.int64]]
) -> Iterator[NDArray[np.int64]]:
    """Yield the boundaries of a step whose documents are the pretokens of the step before."""
    for pretokens in slices:
        try:
            yield from _boundaries_of(step, Ragged(documents.values, pretokens))
        except PatternError as error:
            start = pretokens[error.document or 0]
            document = int(np.searchsorted(documents.offsets, start, side="right")) - 1
            place = f"in the pretoken at byte {start - documents.offsets[document]}"
            raise PatternError(f"{error.message} {place}", document) from None
