"""`Pipeline`: all that happens to raw text before a model sees it, and the way back.

Added tokens, a normalizer and a pretokenizer. `Pipeline.prepare` is the one place that splits text at added
tokens, rewrites and cuts it; counting, encoding, offsets and the places of errors all come through it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import PatternError, SpecialTokenError, UnknownCharacterError
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.text._added import TokenFinder
from fasttok.text._spans import Spans
from fasttok.text.added import AddedTokens, Special
from fasttok.text.cuts import Cuts
from fasttok.text.rows import BEGINS_DOCUMENT, BEGINS_SEGMENT, ENDS_DOCUMENT, ENDS_SEGMENT, Rows
from fasttok.text.steps import Normalizer, Pretokenizer, cut_rows, to_stages

Result = TypeVar("Result")
NO_TOKENS = AddedTokens()


class Pipeline:
    """Added tokens, a normalizer, if there is one, and a pretokenizer. Immutable; safe to share between
    threads.

    Parameters
    ----------
    normalizer : Normalizer or None
        What rewrites raw text first.
    pretokenizer : Pretokenizer
        What rewrites it further, if it does, and cuts it.
    added : AddedTokens
        At what text is split before that, and after the normalizer.
    """

    def __init__(
        self, normalizer: Normalizer | None, pretokenizer: Pretokenizer, added: AddedTokens = NO_TOKENS
    ) -> None:
        self.normalizer = normalizer
        self.pretokenizer = pretokenizer
        self.added = added
        self._stages = to_stages(pretokenizer.primitives)

    @property
    def rewrites(self) -> bool:
        """Whether the pretokens are those of another text than the raw one."""
        return self.normalizer is not None or self.pretokenizer.rewrites or len(self._stages) > 1

    @property
    def has_one_stage(self) -> bool:
        """Whether no step takes the pretokens of another for texts of their own."""
        return len(self._stages) == 1

    @cached_property
    def scanner(self) -> Spans | None:
        """The spans of any raw text without added tokens, if they need no look at all of it beforehand."""
        return None if self.rewrites else self._stages[0].scanner

    def prepare(self, rows: Rows, special: Special = "none") -> Prepared:
        """Split documents at added tokens, rewrite them, and cut them into pretokens.

        Parameters
        ----------
        rows : Rows
            Documents, or parts of documents at places that `find_cut` has found.
        special : {"none", "all", "raise"} or collection of str
            Which special tokens are found; see `Tokenizer.encode`.

        Raises
        ------
        SpecialTokenError
            At a special token, if `special` is "raise".
        PatternError
            If a regular expression runs too long.
        ValueError, TypeError
            If `special` is something else.
        """
        prepared = Prepared(self, rows, special)
        if (rules := self.added.rules(special)) is not None:
            self._split(prepared, self.added.raw_finder, rules)
        if self.normalizer is not None:
            prepared.rows = self.normalizer.rewrite(prepared.rows)
        if rules is not None:
            self._split(prepared, self.added.normalized_finder, rules)
        *others, last = self._stages
        try:
            for stage in others:
                prepared.replace(*cut_rows(stage, stage.rewrite(prepared.rows)))
            prepared.rows = last.rewrite(prepared.rows)
            prepared.spans = last.spans(prepared.rows.documents)
        except PatternError as error:
            raise prepared.placed(error) from None
        return prepared

    def _split(self, prepared: Prepared, finder: TokenFinder | None, rules: NDArray[np.uint8]) -> None:
        if finder is None:
            return
        found = self.added.find(finder, prepared.rows, rules)
        if prepared.special == "raise":
            self._refuse(prepared, found)
        if len(found):
            prepared.split(found, self.added.ids)

    def _refuse(self, prepared: Prepared, found: NDArray[np.int64]) -> None:
        """Raise at a special token that was found; of rewritten text, by preparing it once more."""
        is_special = self.added.is_special[found[:, 3]]
        if not is_special.any():
            return
        raw = prepared.raw
        if not raw.aligned:
            self.prepare(Rows(raw.documents, raw.edges, True), "raise")
        row, start, _, number = found[np.argmax(is_special)].tolist()
        document, position = prepared.place(row, start)
        raise SpecialTokenError(self.added.tokens[number].text, position, document)

    @cached_property
    def _cuts(self) -> Cuts:
        cuts = self.pretokenizer.cuts
        return cuts if self.normalizer is None else self.normalizer.cuts.then(cuts)

    def find_cut(self, text: NDArray[np.uint8]) -> int:
        """Return the last position at which cutting raw text changes no pretoken, 0 if none is known."""
        return self._cuts.find(text)

    def may_cut(self, special: Special) -> bool:
        """Whether a document may be cut at places that `find_cut` finds, with these tokens to be found.

        The two code points beside a place decide, so that no token is cut apart if there is no such place
        inside it. What takes or looks at the text around it may be.
        """
        if self.added.rules(special) is None:
            return True
        return self._keeps_tokens

    @cached_property
    def _keeps_tokens(self) -> bool:
        steps = (self.normalizer, *self.pretokenizer.primitives)
        if any(isinstance(step, Normalizer) and step.looks_at_segments for step in steps):
            return False  # a part that begins or ends at a token does not know it
        written = self.added.normalized_texts
        return not any(
            not token.is_plain
            or self.find_cut(_bytes(token.text.encode()))
            or self.pretokenizer.find_cut(_bytes(written.get(i, b"")))
            for i, token in enumerate(self.added.tokens)
        )


def _bytes(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8)


class Prepared:
    """Documents as the kernels take them: rows of rewritten text and their spans; and the way back.

    Attributes
    ----------
    raw : Rows
        The documents that were given.
    rows : Rows
        Their text between added tokens, rewritten; where a step takes the pretokens of another for texts of
        their own, a row per pretoken.
    spans : Spans
        The places of the pretokens in the rows, to be used up once.
    """

    spans: Spans

    def __init__(self, pipeline: Pipeline, raw: Rows, special: Special) -> None:
        self._pipeline = pipeline
        self.special = special
        self.raw = self.rows = raw
        # Where the rows of each document begin, int64[k + 1]; None while the rows are the documents.
        self._bounds: NDArray[np.int64] | None = None
        # Where each row begins in the raw text of its document; of use only if nothing rewrites it.
        self._starts: NDArray[np.int64] | None = None
        # The added tokens in order: their ids, the row before which each is, its document, its place in the
        # raw text.
        self._ids = np.empty(0, np.uint32)
        self._places = np.empty(0, np.int64)
        self._documents = np.empty(0, np.int64)
        self._spans = np.empty((0, 2), np.int64)

    # How it is made

    def split(self, found: NDArray[np.int64], ids: NDArray[np.uint32]) -> None:
        """Split rows at the tokens that `AddedTokens.find` has found."""
        rows, starts, stops, numbers = found.T
        old, offsets = self.rows, self.rows.documents.offsets
        n_in_row = np.bincount(rows, minlength=len(old))
        bounds = lengths_to_offsets(n_in_row + 1)
        begins = np.insert(offsets[:-1], rows + 1, stops)
        ends = np.insert(offsets[1:], rows, starts)
        edges = np.full(len(begins), BEGINS_SEGMENT | ENDS_SEGMENT, np.uint8)
        beginning, ending = BEGINS_DOCUMENT | BEGINS_SEGMENT, ENDS_DOCUMENT | ENDS_SEGMENT
        first, last = bounds[:-1], bounds[1:] - 1
        edges[first] = edges[first] & ~np.uint8(beginning) | old.edges & beginning
        edges[last] = edges[last] & ~np.uint8(ending) | old.edges & ending
        parents = np.repeat(np.arange(len(old)), n_in_row + 1)
        spans = old.trace(np.stack([starts, stops], axis=1), lengths_to_offsets(n_in_row))
        documents = self._document_of(rows)
        before = begins - offsets[parents]
        self._starts = before if self._starts is None else self._starts[parents] + before
        self.replace(old.cut(np.stack([begins, ends], axis=1), edges, parents), bounds)
        # Among those that were there, each after the row that it follows.
        places = np.concatenate([self._places, np.arange(len(found)) + rows + 1])
        order = np.argsort(places, kind="stable")
        self._places = places[order]
        self._ids = np.concatenate([self._ids, ids[numbers]])[order]
        self._documents = np.concatenate([self._documents, documents])[order]
        self._spans = np.concatenate([self._spans, spans])[order]

    def replace(self, rows: Rows, bounds: NDArray[np.int64]) -> None:
        """Take rows that are parts of the ones before; `bounds` says where those of each begin."""
        self.rows = rows
        self._bounds = bounds if self._bounds is None else bounds[self._bounds]
        self._places = bounds[self._places]

    # The way back

    def _document_of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        if self._bounds is None:
            return rows
        found: NDArray[np.int64] = np.searchsorted(self._bounds, rows, side="right") - 1
        return found

    def row_documents(self) -> NDArray[np.int64]:
        """The document of each row: int64[k]."""
        return self._document_of(np.arange(len(self.rows)))

    def row_starts(self) -> NDArray[np.int64]:
        """The place of each row in its document, as that is cut; in bytes, int64[k].

        In the raw document with its added tokens; where text is rewritten, in what is written of it, without.
        """
        if self._pipeline.rewrites:
            offsets = self.rows.documents.offsets[:-1]
            if self._bounds is None:
                return np.zeros(len(offsets), np.int64)
            firsts = self.rows.documents.offsets[self._bounds[:-1]]
            return offsets - firsts[self.row_documents()]
        return np.zeros(len(self.rows), np.int64) if self._starts is None else self._starts

    def run(self, kernel: Callable[[NDArray[np.uint8], NDArray[np.int64], Spans], Result]) -> Result:
        """Call a kernel with the text of the rows, their offsets and spans; its errors name raw places."""
        documents = self.rows.documents
        try:
            return kernel(np.ascontiguousarray(documents.values), documents.offsets, self.spans)
        except (PatternError, UnknownCharacterError) as error:
            raise self.placed(error) from None

    def join(self, encoded: Ragged) -> Ragged:
        """Return the ids of the documents, added tokens among them, from those of the rows."""
        if self._bounds is None:
            return encoded
        offsets = encoded.offsets[self._bounds]
        if not len(self._ids):
            return Ragged(encoded.values, offsets)
        offsets = offsets + np.searchsorted(self._documents, np.arange(len(offsets)))
        return Ragged(np.insert(encoded.values, encoded.offsets[self._places], self._ids), offsets)

    def join_spans(self, spans: NDArray[np.int64], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the raw places of all tokens of aligned rows: int64 of shape (n, 2). Writes to `spans`.

        Parameters
        ----------
        spans : ndarray of int64, shape (m, 2)
            Begin and end of the tokens of the rows, in the values of the rows.
        offsets : ndarray of int64
            Where the tokens of each row begin.
        """
        spans = self.rows.trace(spans, offsets)
        return np.insert(spans, offsets[self._places], self._spans, axis=0) if len(self._ids) else spans

    def placed(self, error: PatternError | UnknownCharacterError) -> PatternError | UnknownCharacterError:
        """Return an error that names a row, and a byte in it, with the document and the byte there."""
        row = error.document or 0
        if isinstance(error, PatternError):
            return error.at(int(self._document_of(np.array([row]))[0]), 0)
        prepared = self
        if not self.raw.aligned and (self._pipeline.rewrites or self._bounds is not None):
            raw = Rows(self.raw.documents, self.raw.edges, True)
            prepared = self._pipeline.prepare(raw, self.special)
        return error.at(*prepared.place(row, int(prepared.rows.documents.offsets[row]) + error.position))

    def place(self, row: int, position: int) -> tuple[int, int]:
        """Return the document, and the byte in it, of a row and a position in the values of aligned or raw
        rows.
        """
        document = int(self._document_of(np.array([row]))[0])
        bounds = (np.arange(len(self.rows) + 1) > row).astype(np.int64)
        [[position, _]] = self.rows.trace(np.array([[position, position + 1]]), bounds).tolist()
        return document, position - int(self.raw.documents.offsets[document])
