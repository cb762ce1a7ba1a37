"""`TextDecoder`: from ids to bytes, whole or as they arrive."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ids import gather_pieces, measure_pieces
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.models.base import Model
from fasttok.text.pretokenizers._metaspace import write_spaces
from fasttok.text.pretokenizers.metaspace import MARK, Metaspace
from fasttok.text.pretokenizers.sequence import SequencePretokenizer
from fasttok.text.steps import Pretokenizer

# Words that have no space before them, by how they begin; those of tokenizers' decoder of WordPiece.
CLEANED = re.compile(rb" (?:[.?!,]|n't|'m|'s|'ve|'re)")


@dataclass
class DecodingState:
    """What is known of a stream of ids between two calls.

    Attributes
    ----------
    begun : bool
        Whether the space at the start, which no text had, is behind us.
    held : bytes
        What is written only if something follows, or is the beginning of a mark.
    """

    begun: bool = False
    held: bytes = b""


class TextDecoder:
    """Ids to bytes. Immutable, so that threads share it.

    A space is one of three things: a byte of a piece, which is written; the beginning or the end of a word,
    where the pretokenizer leaves out white space and the model marks where words begin or end; or a ▁ of
    `Metaspace`. The latter two are written between words only: not at the end of a text where they end words,
    not at its start where they begin them.

    Parameters
    ----------
    pretokenizer : Pretokenizer
        What cut the text.
    model : Model
        What the ids are of.
    special : SpecialTokens
        The ids of texts, which are written as they are; where pieces begin words, so do these.
    clean_up : bool
        Whether to leave out the spaces that English has not where words begin: before marks of punctuation
        that end a phrase, and before what is left of a word contracted with the one before it.
    """

    def __init__(
        self,
        pretokenizer: Pretokenizer,
        model: Model,
        added: Mapping[str, int],
        special: Collection[int],
        *,
        clean_up: bool = True,
    ) -> None:
        steps = pretokenizer.steps if isinstance(pretokenizer, SequencePretokenizer) else (pretokenizer,)
        self._metaspace = next((step for step in steps if isinstance(step, Metaspace)), None)
        space = b"" if pretokenizer.is_partition or self._metaspace is not None else b" "
        self._written = _added_to(added, written_pieces(model, space))
        self._at_start: Ragged | None = None  # what is written at the start of a text: the end of the above
        if model.begins_word is not None and space:
            self._at_start = _added_to(added, model.decoded_pieces)
            self._written = _set_apart(self._written, added, clean_up)
        self._spaces: NDArray[np.int64] | None = None  # how many bytes of that are the space behind a word
        if model.ends_word is not None and space:
            self._spaces = np.zeros(len(self._written), np.int64)
            self._spaces[: len(model.pieces)] = model.ends_word
        marked = [i for token, i in added.items() if MARK in token.encode()]
        self._marked_tokens = np.array(marked, np.int64)  # whose ▁ is not a space
        self._is_special = np.zeros(len(self._written), np.bool_)
        self._is_special[list(special)] = True

    def gather(self, ids: NDArray[Any]) -> bytes:
        """What stands in the pieces of the ids, one after another.

        Raises
        ------
        IndexError
            If an id is not in use.
        """
        return gather_pieces(self._written, ids)

    def lengths(self, ids: NDArray[Any]) -> NDArray[np.int64]:
        """How many bytes stand in the piece of each id; all must be in use."""
        lengths: NDArray[np.int64] = self._written.lengths[ids]
        return lengths

    def part(self, ids: NDArray[Any], state: DecodingState) -> bytes:
        """The bytes that are certain with the next ids; `state` is where they go on from, and is moved on.

        Raises
        ------
        IndexError
            If an id is not in use; then the state is as it was.
        """
        if self._metaspace is not None:
            runs = list(self._runs(ids))  # all of them, before the state is touched
            return b"".join([_spaced(text, has_marks, self._metaspace, state) for text, has_marks in runs])
        text = self.gather(ids)
        if self._at_start is not None and not state.begun and len(ids):
            state.begun = True
            return text[int(self._written.lengths[ids[0]] - self._at_start.lengths[ids[0]]) :]
        if self._spaces is None or not text:
            return text
        n = len(text) - int(self._spaces[ids[-1]])
        text, state.held = state.held + text[:n], text[n:]
        return text

    def finish(self, state: DecodingState) -> bytes:
        """The bytes that are certain as nothing follows."""
        held, state.held = state.held, b""
        if self._metaspace is None or (held == MARK and _drops_last(self._metaspace)):
            return b""
        return write_spaces(held)

    def decode(self, ids: NDArray[Any], skip_special_tokens: bool = False) -> bytes:
        """The bytes of one row of ids."""
        if skip_special_tokens:
            ids = ids[self._find_others(ids, None)]
        state = DecodingState()
        return self.part(ids, state) + self.finish(state)

    def decode_rows(self, rows: Ragged, skip_special_tokens: bool = False) -> list[bytes]:
        """The bytes of every row; an error names the row."""
        if skip_special_tokens:
            is_kept = self._find_others(rows.values, rows.offsets)
            rows = Ragged(rows.values[is_kept], lengths_to_offsets(is_kept)[rows.offsets])
        ids, offsets = rows.values, rows.offsets
        text = gather_pieces(self._written, ids, offsets)
        bounds = lengths_to_offsets(self._written.lengths[ids])[offsets]
        starts, ends = bounds[:-1].copy(), bounds[1:].copy()
        is_filled = rows.lengths > 0
        if self._spaces is not None:
            ends[is_filled] -= self._spaces[ids[offsets[1:][is_filled] - 1]]
        if self._at_start is not None:
            first = ids[offsets[:-1][is_filled]]
            starts[is_filled] += self._written.lengths[first] - self._at_start.lengths[first]
        places = zip(starts.tolist(), ends.tolist(), strict=True)
        if self._metaspace is None:
            return [text[start:end] for start, end in places]
        if self._find_marked_tokens(ids):
            return [self.decode(row) for row in rows]
        return [self._spaced_whole(text[start:end], self._metaspace) for start, end in places]

    def _spaced_whole(self, text: bytes, step: Metaspace) -> bytes:
        state = DecodingState()
        return _spaced(text, True, step, state) + self.finish(state)

    def _find_others(self, ids: NDArray[Any], rows: NDArray[np.int64] | None) -> NDArray[np.bool_]:
        """Which ids are not those of special tokens; all must be in use, though they may not be written."""
        measure_pieces(self._written, ids, rows)
        is_kept: NDArray[np.bool_] = ~self._is_special[ids]
        return is_kept

    def _find_marked_tokens(self, ids: NDArray[Any]) -> list[int]:
        """Where special tokens stand whose ▁ is not a space."""
        found: list[int] = []
        if len(self._marked_tokens):
            found = np.flatnonzero(np.isin(ids, self._marked_tokens)).tolist()
        return found

    def _runs(self, ids: NDArray[Any]) -> Iterator[tuple[bytes, bool]]:
        """Texts of ids and whether their ▁ are spaces."""
        start = 0
        for i in self._find_marked_tokens(ids):
            yield self.gather(ids[start:i]), True
            yield self.gather(ids[i : i + 1]), False
            start = i + 1
        yield self.gather(ids[start:]), True


def _added_to(added: Mapping[str, int], pieces: Ragged) -> Ragged:
    rows = pieces.to_bytes()
    rows += [b""] * (max(added.values(), default=-1) + 1 - len(rows))
    for token, i in added.items():
        rows[i] = token.encode()
    return Ragged.from_bytes(rows)


def written_pieces(model: Model, space: bytes) -> Ragged:
    """What is written for each id of the model, with a space before or after what begins or ends a word."""
    rows = model.decoded_pieces.to_bytes()
    if model.begins_word is not None:
        rows = [
            space + row if row and begins else row
            for row, begins in zip(rows, model.begins_word.tolist(), strict=True)
        ]
    if model.ends_word is not None:
        rows = [
            row + space if ends else row for row, ends in zip(rows, model.ends_word.tolist(), strict=True)
        ]
    return Ragged.from_bytes(rows)


def _drops_last(step: Metaspace) -> bool:
    return step.treat_whitespace_as_suffix and step.add_dummy_prefix


def _measure_open_end(text: bytes, step: Metaspace) -> int:
    """How many bytes at the end may be the beginning of a mark, or a mark to be dropped if it is the last."""
    n = next((n for n in (2, 1) if text.endswith(MARK[:n])), 0)
    if _drops_last(step) and text.endswith(MARK, 0, len(text) - n):
        n += len(MARK)
    return n


def _spaced(text: bytes, has_marks: bool, step: Metaspace, state: DecodingState) -> bytes:
    """The next text with spaces for marks, as far as it is certain."""
    if not text:
        return b""
    if not has_marks:
        state.begun = True
        held, state.held = state.held, b""
        return write_spaces(held) + text
    text = state.held + text
    if not state.begun and not step.treat_whitespace_as_suffix:
        if step.remove_extra_whitespaces:
            while text.startswith(MARK):
                text = text[len(MARK) :]
            state.begun = not MARK.startswith(text)
        else:
            state.begun = text.startswith(MARK) or not MARK.startswith(text)
            if step.add_dummy_prefix:
                text = text.removeprefix(MARK)
    n = len(text) - _measure_open_end(text, step)
    text, state.held = text[:n], text[n:]
    return write_spaces(text)


def _set_apart(written: Ragged, added: Mapping[str, int], clean_up: bool) -> Ragged:
    """What is written for each id behind another: special tokens with a space too, and spaces cleaned up."""
    rows = written.to_bytes()
    for i in added.values():
        rows[i] = b" " + rows[i]
    if clean_up:
        rows = [row[1:] if CLEANED.match(row) else row for row in rows]
    return Ragged.from_bytes(rows)
