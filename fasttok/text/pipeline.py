"""`Pipeline`: converts raw text to pretokens; `Prepared`: the result, which maps positions to raw text.

A pipeline consists of added tokens, a normalizer and a pretokenizer. `Pipeline.prepare` serves counting,
encoding, offsets and the positions in error messages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import PatternError, SpecialTokenError, UnknownCharacterError
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.text._added import TokenFinder
from fasttok.text._spans import Spans
from fasttok.text.added import AddedTokens, Special
from fasttok.text.cuts import Cuts
from fasttok.text.rows import (
    BEGINS_DOCUMENT,
    BEGINS_RAW,
    BEGINS_SEGMENT,
    ENDS_DOCUMENT,
    ENDS_SEGMENT,
    Rows,
)
from fasttok.text.steps import Normalizer, Pretokenizer, cut_rows, mark_starts, need_origins, to_stages

if TYPE_CHECKING:
    from fasttok.text.words.marked_words import MarkedWords
    from fasttok.text.words.raw_words import RawWords

Result = TypeVar("Result")
NO_TOKENS = AddedTokens()


class Pipeline:
    """Steps from raw text to pretokens. Immutable; safe to share between threads.

    The steps are grouped into stages; see `fasttok.text.steps.Stage`.

    Parameters
    ----------
    normalizer : Normalizer or None
        Step that rewrites the raw text, if any.
    pretokenizer : Pretokenizer
        Step that splits the normalized text. It may rewrite the text first.
    added : AddedTokens
        Added tokens. Depending on its flags, each is searched for in the raw text or in the normalized text.
    """

    def __init__(
        self, normalizer: Normalizer | None, pretokenizer: Pretokenizer, added: AddedTokens = NO_TOKENS
    ) -> None:
        self.normalizer = normalizer
        self.pretokenizer = pretokenizer
        self.added = added
        self._stages = to_stages(pretokenizer.primitives)
        self._needs_origins = need_origins(() if normalizer is None else (normalizer,), self._stages)

    @property
    def rewrites(self) -> bool:
        """Whether row and raw positions can differ: a step rewrites text, or there are several stages."""
        return self.normalizer is not None or self.pretokenizer.rewrites or len(self._stages) > 1

    @property
    def has_one_stage(self) -> bool:
        """Whether the pipeline has one stage, so that all steps split the same rows."""
        return len(self._stages) == 1

    @cached_property
    def scanner(self) -> Spans | None:
        """The scanner for raw text without added tokens.

        None if the pipeline rewrites (see `rewrites`), or if its stage has no scanner.
        """
        return None if self.rewrites else self._stages[0].scanner

    @cached_property
    def raw_words(self) -> RawWords | MarkedWords | None:
        """The pretokenizer of raw words; None if some words depend on text that is not in their raw word."""
        if not self.rewrites or self.added.normalized_finder is not None:
            return None  # nothing is rewritten, or rewritten text is searched before it is split
        from fasttok.text.words.marked_words import find_marked_words

        steps = self.normalizer, self.pretokenizer
        if (marked := find_marked_words(*steps)) is not None:
            return marked
        from fasttok.text.words.raw_words import find_raw_words  # has large tables

        return find_raw_words(*steps)

    def prepare(self, rows: Rows, special: Special = "none") -> Prepared:
        """Split documents at added tokens, normalize them, and split them into pretokens.

        Parameters
        ----------
        rows : Rows
            Raw documents, or parts of documents that were cut at positions found by `find_cut`.
        special : {"none", "all", "raise"} or collection of str
            Special tokens to find in the text; see `Tokenizer.encode`.

        Raises
        ------
        SpecialTokenError
            If `special` is "raise" and the text contains a special token.
        PatternError
            If a regular expression exceeds its timeout.
        ValueError, TypeError
            If `special` is not one of these values.
        """
        if self._needs_origins and not rows.aligned:
            rows = _aligned(rows)
        layout = _Layout(rows, rows)
        if (modes := self.added.match_modes(special)) is not None:
            layout = self._split(layout, self.added.raw_finder, modes, special)
        if self.normalizer is not None:
            try:
                layout = layout.with_rows(self.normalizer.rewrite(layout.rows))
            except PatternError as error:
                raise error.at(layout.document_of(error.document or 0), 0) from None
        if modes is not None:
            layout = self._split(layout, self.added.normalized_finder, modes, special)
        *others, last = self._stages
        try:
            for stage in others:
                layout = self._with_starts(layout)
                layout = layout.with_parts(*cut_rows(stage, stage.rewrite(layout.rows)))
            layout = self._with_starts(layout)
            layout = layout.with_rows(last.rewrite(layout.rows))
            spans = last.spans(layout.rows.documents)
        except PatternError as error:
            raise error.at(layout.document_of(error.document or 0), 0) from None
        return Prepared(self, special, layout, spans)

    def _with_starts(self, layout: _Layout) -> _Layout:
        """Mark the rows that begin at the first character of a raw document, if a step needs this."""
        if not self._needs_origins:
            return layout
        documents = layout.documents_of(np.arange(len(layout.rows)))
        return layout.with_rows(mark_starts(layout.rows, layout.raw, documents))

    def _split(
        self, layout: _Layout, finder: TokenFinder | None, modes: NDArray[np.uint8], special: Special
    ) -> _Layout:
        """Split rows at the added tokens that a finder finds."""
        if finder is None:
            return layout
        found = self.added.find(finder, layout.rows, modes)
        if special == "raise":
            self._check_no_special(layout, found)
        return layout.split(found, self.added.ids) if len(found) else layout

    def _check_no_special(self, layout: _Layout, found: NDArray[np.int64]) -> None:
        """Raise an error for the first special token that was found."""
        is_special = self.added.is_special[found[:, 3]]
        if not is_special.any():
            return
        if not layout.raw.aligned:
            # Only aligned rows have positions in raw text. Preparing them finds the same token.
            self.prepare(_aligned(layout.raw), "raise")
            raise AssertionError("a special token was found in the text, but not in the aligned text")
        row, start, _, number = found[np.argmax(is_special)].tolist()
        document, position = layout.locate(row, start)
        raise SpecialTokenError(self.added.tokens[number].text, position, document)

    @cached_property
    def _cuts(self) -> Cuts:
        cuts = self.pretokenizer.cuts
        return cuts if self.normalizer is None else self.normalizer.cuts.then(cuts)

    def find_cut(self, text: NDArray[np.uint8]) -> int:
        """Return the last position at which a cut of raw text changes no pretoken; 0 if none is known."""
        return self._cuts.find(text)

    def may_cut(self, special: Special) -> bool:
        """Return whether documents may be cut at the positions that `find_cut` finds.

        Added tokens make a cut unsafe if one of them contains such a position, or has a flag that depends on
        the text around it.
        """
        if self.added.match_modes(special) is None:
            return True
        return self._keeps_tokens

    @cached_property
    def _keeps_tokens(self) -> bool:
        """Whether the same added tokens are found however a document is cut."""
        steps = (self.normalizer, *self.pretokenizer.primitives)
        if any(isinstance(step, Normalizer) and step.looks_at_segments for step in steps):
            return False  # a part of a document does not know whether an added token is next to it
        normalized = self.added.normalized_texts
        return not any(
            not token.is_plain
            or self.find_cut(_bytes(token.text.encode()))
            or self.pretokenizer.find_cut(_bytes(normalized.get(i, b"")))
            for i, token in enumerate(self.added.tokens)
        )


def _insert(values: NDArray[Any], positions: NDArray[np.int64], items: NDArray[Any]) -> NDArray[Any]:
    """Return an array with items inserted at positions that ascend; like ``np.insert``, but faster."""
    inserted = positions + np.arange(len(items))
    joined = np.empty((len(values) + len(items), *values.shape[1:]), values.dtype)
    is_old = np.ones(len(joined), np.bool_)
    is_old[inserted] = False
    joined[inserted] = items
    joined[is_old] = values
    return joined


def _bytes(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)


def _aligned(raw: Rows) -> Rows:
    """Return raw documents as aligned rows."""
    return Rows(raw.documents, raw.boundary_flags, True)


@dataclass(frozen=True, eq=False)
class _Found:
    """Added tokens that were found in documents, in the order of the text.

    Parameters
    ----------
    ids : ndarray of uint32, shape (m,)
        Id of each token.
    next_rows : ndarray of int64, shape (m,)
        Index of the row after each token, which is the number of rows before it.
    documents : ndarray of int64, shape (m,)
        Index of the document of each token.
    raw_spans : ndarray of int64, shape (m, 2)
        Begin and end of each token in the values of the raw documents; valid only if the rows are aligned.
    """

    ids: NDArray[np.uint32]
    next_rows: NDArray[np.int64]
    documents: NDArray[np.int64]
    raw_spans: NDArray[np.int64]

    def merged(self, other: _Found) -> _Found:
        """Return the tokens of both in the order of the text. No two tokens may have the same next row."""
        if not len(self.ids):
            return other
        order = np.argsort(np.concatenate([self.next_rows, other.next_rows]))
        return _Found(
            np.concatenate([self.ids, other.ids])[order],
            np.concatenate([self.next_rows, other.next_rows])[order],
            np.concatenate([self.documents, other.documents])[order],
            np.concatenate([self.raw_spans, other.raw_spans])[order],
        )


_NOTHING_FOUND = _Found(
    np.empty(0, np.uint32), np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 2), np.int64)
)


@dataclass(frozen=True, eq=False)
class _Layout:
    """Rows, and their positions in the raw documents.

    The rows of a document are consecutive. Each added token that was found is between two rows, as
    `_Found.next_rows` describes.

    Parameters
    ----------
    raw : Rows
        Raw documents.
    rows : Rows
        Text between added tokens, as the steps so far have rewritten and split it.
    first_rows : ndarray of int64, shape (n_documents + 1,), or None
        Index of the first row of each document, followed by the number of rows. None while the rows are the
        documents.
    starts : ndarray of int64, shape (n_rows,), or None
        Byte position of each row in its raw document; valid only if the pipeline does not rewrite (see
        `Pipeline.rewrites`). None if no added token was found, so that all positions are 0.
    found : _Found
        Added tokens that were found.
    """

    raw: Rows
    rows: Rows
    first_rows: NDArray[np.int64] | None = None
    starts: NDArray[np.int64] | None = None
    found: _Found = _NOTHING_FOUND

    def with_rows(self, rows: Rows) -> _Layout:
        """Return the layout after a step has rewritten each row."""
        return self if rows is self.rows else replace(self, rows=rows)

    def with_parts(self, parts: Rows, bounds: NDArray[np.int64]) -> _Layout:
        """Return the layout after a step has split each row into parts, which are the new rows.

        `bounds`, int64[n_rows + 1], has the index of the first part of each old row, followed by the number
        of parts.
        """
        first_rows = bounds if self.first_rows is None else bounds[self.first_rows]
        found = replace(self.found, next_rows=bounds[self.found.next_rows])
        return replace(self, rows=parts, first_rows=first_rows, found=found)

    def split(self, matches: NDArray[np.int64], ids: NDArray[np.uint32]) -> _Layout:
        """Return the layout after splitting rows at added tokens.

        A row with k tokens becomes k + 1 rows: the texts before, between and after the tokens. For example,
        if "x" and "a<s>b<s>" are rows 0 and 1, the new rows are "x", "a", "b" and "". The next rows of the
        two tokens are 2 and 3.

        Parameters
        ----------
        matches : ndarray of int64, shape (m, 4)
            Tokens found by `AddedTokens.find`, in the order of the text: index of the row, begin and end in
            the values of the rows, index of the token.
        ids : ndarray of uint32
            Id of each added token, by the index of the token.
        """
        rows, begins, ends, tokens = matches.T
        old, offsets = self.rows, self.rows.documents.offsets
        n_in_row = np.bincount(rows, minlength=len(old))
        bounds = lengths_to_offsets(n_in_row + 1)
        parents = np.repeat(np.arange(len(old)), n_in_row + 1)
        # A part begins where its row begins or a token ends, and ends where a token begins or its row ends.
        part_begins = _insert(offsets[:-1], rows + 1, ends)
        part_ends = _insert(offsets[1:], rows, begins)
        # Every part is a segment. The first and the last part keep the flags of their row at its two ends.
        flags = np.full(len(parents), BEGINS_SEGMENT | ENDS_SEGMENT, np.uint8)
        beginning = BEGINS_DOCUMENT | BEGINS_SEGMENT | BEGINS_RAW
        ending = ENDS_DOCUMENT | ENDS_SEGMENT
        first, last = bounds[:-1], bounds[1:] - 1
        flags[first] = flags[first] & ~np.uint8(beginning) | old.boundary_flags & beginning
        flags[last] = flags[last] & ~np.uint8(ending) | old.boundary_flags & ending
        # The row after match i in row r has the index r + 1, plus 1 for each of the i matches before it.
        found = _Found(
            ids[tokens],
            np.arange(len(matches)) + rows + 1,
            self.documents_of(rows),
            old.trace(np.stack([begins, ends], axis=1), lengths_to_offsets(n_in_row)),
        )
        starts = part_begins - offsets[parents]
        if self.starts is not None:
            starts = self.starts[parents] + starts
        parts = old.cut(np.stack([part_begins, part_ends], axis=1), flags, parents)
        layout = self.with_parts(parts, bounds)
        return replace(layout, starts=starts, found=layout.found.merged(found))

    def documents_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the index of the document of each of the given rows."""
        if self.first_rows is None:
            return rows
        found: NDArray[np.int64] = np.searchsorted(self.first_rows, rows, side="right") - 1
        return found

    def document_of(self, row: int) -> int:
        """Return the index of the document of a row."""
        return int(self.documents_of(np.array([row]))[0])

    def locate(self, row: int, position: int) -> tuple[int, int]:
        """Return the document, and the byte position in it, for a position in the values of the rows.

        The rows must be aligned, unless they are the raw documents.
        """
        document = self.document_of(row)
        # One span, in row `row`: the bounds are 0 up to this row and 1 after it.
        bounds = (np.arange(len(self.rows) + 1) > row).astype(np.int64)
        [[position, _]] = self.rows.trace(np.array([[position, position + 1]]), bounds).tolist()
        return document, position - int(self.raw.documents.offsets[document])


class Prepared:
    """Documents ready for the kernels: rows of rewritten text, spans of pretokens, positions in raw text.

    Attributes
    ----------
    rows : Rows
        Rewritten text between added tokens. If the pipeline has several stages, one row per pretoken of the
        stage before the last.
    spans : Spans
        Spans of the pretokens in the rows. They can be consumed only once.
    """

    def __init__(self, pipeline: Pipeline, special: Special, layout: _Layout, spans: Spans) -> None:
        self.rows = layout.rows
        self.spans = spans
        self._pipeline = pipeline
        self._special = special
        self._layout = layout

    @property
    def found_ids(self) -> NDArray[np.uint32]:
        """Id of each added token that was found, in the order of the text."""
        return self._layout.found.ids

    def row_documents(self) -> NDArray[np.int64]:
        """Return the index of the document of each row: int64[n_rows]."""
        return self._layout.documents_of(np.arange(len(self.rows)))

    def row_starts(self) -> NDArray[np.int64]:
        """Return the byte position of each row in its document: int64[n_rows].

        Positions refer to the raw document if the pipeline does not rewrite (see `Pipeline.rewrites`).
        Otherwise, they refer to the rewritten document without its added tokens.
        """
        first_rows, starts = self._layout.first_rows, self._layout.starts
        if self._pipeline.rewrites:
            offsets = self.rows.documents.offsets
            if first_rows is None:
                return np.zeros(len(self.rows), np.int64)
            return offsets[:-1] - offsets[first_rows[:-1]][self.row_documents()]
        return np.zeros(len(self.rows), np.int64) if starts is None else starts

    def run(self, kernel: Callable[[NDArray[np.uint8], NDArray[np.int64], Spans], Result]) -> Result:
        """Call a kernel with the text of the rows, their offsets and spans. Errors refer to raw documents."""
        documents = self.rows.documents
        try:
            return kernel(np.ascontiguousarray(documents.values), documents.offsets, self.spans)
        except (PatternError, UnknownCharacterError) as error:
            raise self._located(error) from None

    def join(self, encoded: Ragged) -> Ragged:
        """Return the ids of the documents, including added tokens, given the ids of the rows."""
        first_rows, found = self._layout.first_rows, self._layout.found
        if first_rows is None:
            return encoded
        offsets = encoded.offsets[first_rows]
        if not len(found.ids):
            return Ragged(encoded.values, offsets)
        # The ids of a document come after all added tokens in the documents before it.
        offsets = offsets + np.searchsorted(found.documents, np.arange(len(offsets)))
        return Ragged(_insert(encoded.values, encoded.offsets[found.next_rows], found.ids), offsets)

    def join_spans(self, spans: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the spans of all tokens in the raw text, for aligned rows: int64 of shape (n, 2).

        Overwrites `spans`.

        Parameters
        ----------
        spans : ndarray of int64, shape (m, 2)
            Begin and end of the tokens of the rows, in the values of the rows.
        offsets : ndarray of int64, shape (n_rows + 1,)
            Index of the first token of each row, followed by m.
        """
        spans, found = self.rows.trace(spans, offsets), self._layout.found
        return _insert(spans, offsets[found.next_rows], found.raw_spans) if len(found.ids) else spans

    def _located(self, error: PatternError | UnknownCharacterError) -> PatternError | UnknownCharacterError:
        """Return an error about a row as an error about its raw document.

        The error for an unknown character also gives the position in the raw document.
        """
        row, layout = error.document or 0, self._layout
        if isinstance(error, PatternError):
            return error.at(layout.document_of(row), 0)
        if not layout.raw.aligned and (self._pipeline.rewrites or layout.first_rows is not None):
            layout = self._pipeline.prepare(_aligned(layout.raw), self._special)._layout
        return error.at(*layout.locate(row, int(layout.rows.documents.offsets[row]) + error.position))
