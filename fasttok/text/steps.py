"""Base classes of the two kinds of steps: `Normalizer` rewrites text, `Pretokenizer` splits it.

Each step is a component: a frozen dataclass with a name, whose fields are its options. A pipeline groups its
steps into stages.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_instance
from fasttok.core.component import Component, import_path
from fasttok.core.errors import PatternError
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.text._spans import Boundaries, Nested, Spans, list_spans
from fasttok.text.cuts import NOTHING_KNOWN, REWRITES_ANYTHING, Cuts, RewritingCuts
from fasttok.text.pretokenizers._scan import Scanner, scan
from fasttok.text.rows import BEGINS_RAW, FILLED, WHOLE, Rows
from fasttok.text.unicode.utf8 import encode_utf8

SLICE = 1 << 16  # pretokens per slice of boundaries: 512 KiB, so that a slice stays in the cache


class Normalizer(Component, ABC):
    """Base class of normalizers: steps that rewrite text. Immutable; safe to share between threads.

    To write a custom normalizer, derive a frozen dataclass that implements `rewrite`; the documentation has a
    how-to. `get_normalizer` makes the normalizers of fasttok.

    Examples
    --------
    >>> import fasttok as ft
    >>> normalizer = ft.get_normalizer("lowercase")
    >>> isinstance(normalizer, ft.Normalizer)
    True
    >>> normalizer.normalize("Ein Wort")
    'ein wort'
    """

    @abstractmethod
    def rewrite(self, rows: Rows) -> Rows:
        """Rewrite every row, independently of the other rows.

        Parameters
        ----------
        rows : Rows
            Rows of text; read-only.

        Returns
        -------
        Rows
            The rewritten rows, made by `fasttok.text.rows.Rows.rewritten`; `rows` itself if nothing changes.
        """

    @property
    def cuts(self) -> RewritingCuts:
        """Positions at which text may be cut and rewritten in parts; see ``fasttok.text.cuts``."""
        return REWRITES_ANYTHING

    @property
    def looks_at_segments(self) -> bool:
        """Whether the result depends on where text begins or ends at an added token."""
        return False

    @property
    def looks_at_raw_start(self) -> bool:
        """Whether the result depends on which text begins at the first character of its raw document."""
        return False

    @property
    def keeps_start(self) -> bool:
        """Whether the first character that the step writes always originates from the first one it reads."""
        return False

    def normalize(self, text: str | bytes) -> str | bytes:
        """Return one text rewritten, for inspection. The result has the type of `text`, ``str`` or bytes.

        Raises
        ------
        TypeError
            If `text` is neither ``str`` nor bytes.
        TextError
            If a ``str`` contains a lone surrogate.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.get_normalizer("nfkc").normalize("ﬁve m²")
        'five m2'
        """
        out = self.rewrite(Rows.of_text(encode_utf8(text))).documents.values.tobytes()
        return out.decode() if isinstance(text, str) else out


class Pretokenizer(Component, ABC):
    """Base class of pretokenizers: steps that split text. Immutable; safe to share between threads.

    To write a custom pretokenizer, derive a frozen dataclass that implements `boundaries`; the documentation
    has a how-to. `get_pretokenizer` makes the pretokenizers of fasttok.

    Examples
    --------
    >>> import fasttok as ft
    >>> pretokenizer = ft.get_pretokenizer("gpt2")
    >>> isinstance(pretokenizer, ft.Pretokenizer)
    True
    >>> pretokenizer.split_text("two words")
    [b'two', b' words']
    """

    needs_check = True  # whether the boundaries are checked before kernels rely on them

    @property
    def primitives(self) -> tuple[Normalizer | Pretokenizer, ...]:
        """The steps that this step consists of. Each of them either rewrites or splits text."""
        return (self,)

    @property
    def rewrites(self) -> bool:
        """Whether the step rewrites text before it splits it."""
        return any(isinstance(step, Normalizer) for step in self.primitives)

    @property
    def is_partition(self) -> bool:
        """Whether the pretokens of a text, joined, are the text. If not, the step drops some of the text.

        For a pretokenizer that rewrites text, this refers to the rewritten text.
        """
        return True

    @property
    def decoder_config(self) -> dict[str, Any] | None:
        """The configuration of the decoder that reverses the step's rewriting; None if there is none.

        A tokenizer without an explicit decoder applies this decoder after the decoder of its model.
        """
        return None

    @abstractmethod
    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        """Yield the boundaries of the pretokens of a batch, slice by slice.

        Parameters
        ----------
        documents : Ragged of uint8
            UTF-8 text, one row per document. No pretoken crosses the end of a document. An empty document has
            no pretokens.

        Yields
        ------
        ndarray of int64, shape (k + 1,)
            Byte positions in ``documents.values`` in ascending order. Pretoken ``i`` is between entries ``i``
            and ``i + 1``. The first slice begins with ``documents.offsets[0]``. Every other slice begins with
            the last entry of the slice before it. The end of every document is included. An array is valid
            only until the next one is requested.

        Raises
        ------
        ValueError
            If the step rewrites text (`rewrites`) or drops some of it (`is_partition` is False), so that its
            pretokens have no boundaries in `documents`.
        """

    @property
    def scanner(self) -> Spans | None:
        """Spans that are found while a kernel reads the text; None if the text must be split in advance.

        All threads share the scanner.
        """
        return None

    def spans(self, documents: Ragged) -> Spans:
        """Return the spans of the pretokens of a batch, which a kernel consumes document by document."""
        return self.scanner or Boundaries(self.split(documents))

    @property
    def cuts(self) -> Cuts:
        """Known positions at which raw text may be cut; see ``fasttok.text.cuts``."""
        return NOTHING_KNOWN

    def find_cut(self, text: NDArray[np.uint8]) -> int:
        """Return the last byte position at which a cut changes no pretoken; 0 if none is known.

        The position is safe whatever comes before and after `text`, which may begin and end inside a
        character. Whether it is safe depends only on the two code points next to it; ``fasttok.text.cuts``
        has the proofs.
        """
        return self.cuts.find(text)

    def split(self, documents: Ragged) -> NDArray[np.int64]:
        """Return all boundaries of a batch: byte positions, int64, one more than there are pretokens.

        Raises
        ------
        ValueError
            If the step rewrites or drops text; see `boundaries`.

        Examples
        --------
        >>> import fasttok as ft
        >>> text = ft.Ragged.from_bytes([b"Hello world", b"it's"])
        >>> ft.get_pretokenizer("gpt2").split(text).tolist()
        [0, 5, 11, 13, 15]
        """
        checked_instance("documents", documents, Ragged, "a Ragged of uint8")
        if documents.values.dtype != np.uint8:
            raise TypeError(f"documents must be a Ragged of uint8, not of {documents.values.dtype}")
        slices = [part[1:].copy() for part in _boundaries_of(self, documents)]
        return np.concatenate([documents.offsets[:1], *slices])

    def split_text(self, text: str | bytes) -> list[bytes]:
        """Return the pretokens of one text as byte strings, for inspection.

        Raises
        ------
        TypeError
            If `text` is neither ``str`` nor bytes.
        TextError
            If a ``str`` contains a lone surrogate.
        PatternError
            If a regular expression exceeds its timeout.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.get_pretokenizer("cl100k").split_text("I'm 12345!")
        [b'I', b"'m", b' ', b'123', b'45', b'!']
        """
        stages = to_stages(self.primitives)
        rows = Rows.of_text(encode_utf8(text), need_origins((), stages))
        rows, spans = pretokenize(stages, rows)
        data = rows.documents.values.tobytes()
        values = np.ascontiguousarray(rows.documents.values)
        found, _ = list_spans(spans, values, rows.documents.offsets)
        return [data[a:b] for a, b in found.tolist()]


class ScanningPretokenizer(Pretokenizer):
    """Base class of pretokenizers that run on a scanner. `boundaries` requires that the scanner
    drops no text.
    """

    needs_check = False

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
    """Base class of pretokenizers that consist of several steps, their `primitives`."""

    @property
    @abstractmethod
    def primitives(self) -> tuple[Normalizer | Pretokenizer, ...]: ...

    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        raise ValueError(f"{self} rewrites or drops text, so its pretokens have no boundaries")


class Stage(NamedTuple):
    """Steps that rewrite rows, followed by steps that split them.

    The steps that split run in order: each splits the pretokens of the step before it. Only the last of them
    may drop text.
    """

    rewriters: tuple[Normalizer, ...]
    cutters: tuple[Pretokenizer, ...]

    def rewrite(self, rows: Rows) -> Rows:
        """Run the steps that rewrite, in order."""
        for step in self.rewriters:
            rows = step.rewrite(rows)
        return rows

    @property
    def scanner(self) -> Spans | None:
        """Spans that are found while a kernel reads the text; None if the text must be split in advance."""
        if not self.cutters:
            return _WHOLE_TEXT
        return self.cutters[0].scanner if len(self.cutters) == 1 else None

    def spans(self, documents: Ragged) -> Spans:
        """Return the spans of the pretokens of rows, which a kernel consumes row by row."""
        if len(self.cutters) < 2:
            return _WHOLE_TEXT if not self.cutters else self.cutters[0].spans(documents)
        *others, last = self.cutters
        if last.scanner is None and last.is_partition:
            return Boundaries(_all_boundaries(self.cutters, documents))
        boundaries = _all_boundaries(others, documents)
        if last.scanner is not None:
            return Nested(boundaries, last.scanner)
        try:
            return last.spans(Ragged(documents.values, boundaries))
        except PatternError as error:
            raise _in_document(error, documents, boundaries) from None


_WHOLE_TEXT = Scanner("none")


def to_stages(primitives: Sequence[Normalizer | Pretokenizer]) -> list[Stage]:
    """Group steps into one or more stages. The pretokens of a stage are the rows of the next stage."""
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


def need_origins(before: Sequence[Normalizer], stages: Sequence[Stage]) -> bool:
    """Return whether a step that looks at the start of raw documents comes after a step that rewrites text.

    The rows then have to be aligned, since only the origins of the rewritten text tell where it begins.
    """
    keeps_start, rewrites = all(step.keeps_start for step in before), len(before) > 0
    for stage in stages:
        for step in stage.rewriters:
            if step.looks_at_raw_start and not keeps_start:
                return True
            keeps_start &= step.keeps_start
        # Several pretokens of rewritten text may originate from the first character of a document.
        rewrites |= len(stage.rewriters) > 0
        keeps_start &= not (rewrites and stage.cutters)
    return False


def mark_starts(rows: Rows, raw: Rows, documents: NDArray[np.int64]) -> Rows:
    """Return rows with the flag ``BEGINS_RAW`` where the first character originates from the first raw one.

    Parameters
    ----------
    rows : Rows
        Aligned rows, rewritten or not.
    raw : Rows
        Raw documents, or parts of documents.
    documents : ndarray of int64, shape (n_rows,)
        Index of the raw document of each row.
    """
    offsets = rows.documents.offsets
    has_text = offsets[1:] > offsets[:-1]
    first = np.stack([offsets[:-1], offsets[:-1] + 1], axis=1)[has_text]
    origins = rows.trace(first, lengths_to_offsets(has_text))[:, 0]
    documents = documents[has_text]
    distances = origins - raw.documents.offsets[documents]
    begins = (distances == 0) & raw.begins("start")[documents]
    for i in np.flatnonzero((distances > 0) & (distances < 4) & raw.begins("start")[documents]).tolist():
        beginning = raw.documents[int(documents[i])][:4].tobytes().decode(errors="surrogateescape")
        begins[i] = distances[i] < len(beginning[:1].encode(errors="surrogateescape"))
    flags = rows.boundary_flags & np.uint8(WHOLE | FILLED)
    flags[has_text] |= begins * np.uint8(BEGINS_RAW)
    return Rows(rows.documents, flags, rows.aligned, rows.rewritings)


def cut_rows(stage: Stage, rows: Rows) -> tuple[Rows, NDArray[np.int64]]:
    """Make every pretoken a row.

    Also return the index of the first new row of each old row, followed by the number of new rows:
    int64[n_rows + 1].
    """
    documents = rows.documents
    spans, bounds = list_spans(
        stage.spans(documents), np.ascontiguousarray(documents.values), documents.offsets
    )
    parents = np.repeat(np.arange(len(rows)), np.diff(bounds))
    flags = np.full(len(spans), WHOLE, np.uint8)
    flags[spans[:, 0] == documents.offsets[parents]] |= BEGINS_RAW
    flags &= rows.boundary_flags[parents] | np.uint8(WHOLE)
    return rows.cut(spans, flags, parents), bounds


def pretokenize(stages: Sequence[Stage], rows: Rows) -> tuple[Rows, Spans]:
    """Run all stages. Return the rows that the last stage splits, and the spans of the pretokens in them."""
    raw, documents = rows, np.arange(len(rows))
    marks = raw.aligned and need_origins((), stages)
    *others, last = stages
    for stage in others:
        rows, bounds = cut_rows(stage, stage.rewrite(rows))
        documents = np.repeat(documents, np.diff(bounds))
        rows = mark_starts(rows, raw, documents) if marks else rows
    rows = last.rewrite(rows)
    return rows, last.spans(rows.documents)


def _boundaries_of(step: Pretokenizer, documents: Ragged) -> Iterator[NDArray[np.int64]]:
    """Yield the boundaries of a step, checked for the kernels unless they come from one of fasttok's kernels.

    Raises
    ------
    ValueError
        If they violate the contract of `Pretokenizer.boundaries`.
    """
    if not step.needs_check:
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
        f"{import_path(type(step))}.boundaries must yield int64 arrays of ascending positions. The first "
        "array must begin with documents.offsets[0], every other with the last position of the array before "
        "it, and the end of every document must be included"
    )


def boundaries_in_turn(cutters: Sequence[Pretokenizer], documents: Ragged) -> Iterator[NDArray[np.int64]]:
    """Yield the boundaries of several partitions, each of which splits the pretokens of the step before it.

    The boundaries of a step are the offsets of the documents of the next step. They are passed on in slices,
    so memory is bounded by one slice per step.
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
    """Yield the boundaries of a step that takes the pretokens of the step before it as documents."""
    for pretokens in slices:
        try:
            yield from _boundaries_of(step, Ragged(documents.values, pretokens))
        except PatternError as error:
            raise _in_document(error, documents, pretokens) from None


def _in_document(error: PatternError, documents: Ragged, pretokens: NDArray[np.int64]) -> PatternError:
    """Return an error about a pretoken, given the boundaries of all, as an error about its document."""
    start = pretokens[error.document or 0]
    document = int(np.searchsorted(documents.offsets, start, side="right")) - 1
    position = f"in the pretoken at byte {start - documents.offsets[document]}"
    return PatternError(f"{error.message} {position}", document)
