"""`find_splitting`: whether text can be split into words or at runs of ▁ without changing ids.

sentencepiece encodes whole texts. Encoding words instead lets the tokenizer remember them.

**Claim.** If no piece contains a position at which text is split, then encoding the parts gives the same
pieces as encoding the text, except for equal scores and unknown characters (see below).

**Proof.** Let a *cut* be a position at which text is split; whether a position is a cut depends on the
characters next to it. Every piece that the encoder matches is a substring of the text, and no piece contains
a cut.

- Unigram: a segmentation of the text is one of each part. The score is a sum, so the best one consists of the
  best ones of the parts. `fasttok.UnigramModel` decides near ties in the sums of whole rows.
- BPE: at first, no symbol contains a cut: symbols are characters or user-defined pieces. A merge gives a
  piece, which contains no cut. So all merges are inside parts. Merges in different parts do not affect each
  other, and their order in each part is by score, then from left to right, as in the text.
- Unused pieces of BPE are split again, inside the part.

Unknown characters next to a cut form one unknown token. Models with ``fuse_unk`` join them across pretokens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.formats.sentencepiece.messages import NORMAL, UNUSED, USER_DEFINED, Pieces
from fasttok.text.pretokenizers.metaspace import MarkRuns, Metaspace
from fasttok.text.pretokenizers.sequence import SequencePretokenizer
from fasttok.text.pretokenizers.split import Split
from fasttok.text.steps import Pretokenizer

MARK = "▁".encode()
# sentencepiece's models of words split before every ▁, even if ▁ belongs to the word before it.
BEFORE_MARKS = Split("▁", "merged_with_next", dialect="text")


def find_splitting(pieces: Pieces, as_suffix: bool) -> Literal["words", "runs"] | None:
    """Return how text can be split without changing ids.

    Parameters
    ----------
    pieces : Pieces
        The pieces of the model.
    as_suffix : bool
        Whether ▁ belongs to the word before it.

    Returns
    -------
    {"words", "runs"} or None
        "words": before every ▁, or after every ▁ with `as_suffix`. "runs": before every run of ▁. None: not
        at all.
    """
    is_text = np.isin(pieces.types, (NORMAL, USER_DEFINED, UNUSED))
    values, offsets = pieces.texts.values, pieces.texts.offsets
    starts = find_marks(values)
    rows = np.searchsorted(offsets, starts, side="right") - 1
    starts = starts[is_text[rows]]
    rows = rows[is_text[rows]]
    if as_suffix:
        return "words" if (starts + len(MARK) == offsets[rows + 1]).all() else None
    inner = starts > offsets[rows]
    if not inner.any():
        return "words"
    follows = np.isin(starts - len(MARK), starts)  # the mark directly before it is in the same piece
    return "runs" if follows[inner].all() else None


def find_marks(values: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the positions of ▁ in text."""
    if len(values) < len(MARK):
        return np.empty(0, np.int64)
    is_mark = values[: len(values) - 2] == MARK[0]
    is_mark &= values[1:-1] == MARK[1]
    is_mark &= values[2:] == MARK[2]
    return np.flatnonzero(is_mark).astype(np.int64)


# Pretokenizers after `Metaspace` whose boundaries depend on the two characters next to them, and on the last
# character before them that has a script. `_split_by` tries all such neighbours.
_LOCAL = ("script", "digits_single")
_NEIGHBOURS = ("", "a", "\u0431", "\u3042", "1", ".", "▁")


def check_splitting(
    pretokenizer: Pretokenizer,
    pieces: Pieces,
    kind: str,
    fail: Callable[[str], NoReturn],
    *,
    is_whole: bool = False,
) -> Metaspace:
    """Return the step of a pretokenizer that replaces spaces, after checking that the others change no ids.

    Parameters
    ----------
    pretokenizer : Pretokenizer
        Pretokenizer of a tokenizer.
    pieces : Pieces
        Its pieces.
    kind : str
        Type of its model.
    fail : callable
        Function of a message that raises an error.
    is_whole : bool
        Whether the model encodes whole rows of text, so that further steps have no effect.
    """
    steps = pretokenizer.steps if isinstance(pretokenizer, SequencePretokenizer) else (pretokenizer,)
    first, *others = steps
    if not isinstance(first, Metaspace):
        fail(
            f"the pretokenizer {pretokenizer}; it can hold fasttok.Metaspace, in training pretokenizer="
            '"metaspace"'
        )
    if kind == "word":
        as_suffix = first.treat_whitespace_as_suffix
        if others != [BEFORE_MARKS] * as_suffix or first.split_by_whitespace == as_suffix:
            fail(
                f"a word model with the pretokenizer {pretokenizer}: sentencepiece splits such text before "
                "every ▁, as fasttok.Metaspace does without treat_whitespace_as_suffix"
            )
        return first
    if first.split_by_whitespace and first.escape_whitespaces:
        _check_no_piece_split(pieces, first.treat_whitespace_as_suffix, "words", fail)
    for step in others:
        if step == MarkRuns():
            _check_no_piece_split(pieces, False, "runs", fail)
        elif step.name in _LOCAL:
            if not is_whole and (i := _find_split(step, pieces)) is not None:
                fail(
                    f"the pretokenizer {step.name!r}, which splits the piece {_shown(pieces, i)} of id {i}; "
                    'train with compat="sentencepiece", which encodes whole texts, or without this step'
                )
        else:
            fail(
                f"the pretokenizer {step}: sentencepiece encodes whole texts; after fasttok.Metaspace, only "
                "steps are allowed that split no piece: " + ", ".join(("mark_runs", *_LOCAL))
            )
    return first


def _check_no_piece_split(
    pieces: Pieces, as_suffix: bool, where: Literal["words", "runs"], fail: Callable[[str], NoReturn]
) -> None:
    found = find_splitting(pieces, as_suffix)
    if found != where and not (found == "words" and not as_suffix):
        fail(
            "a tokenizer that splits text into words although a piece contains a ▁ in the middle; make it "
            "with fasttok.Metaspace(split_by_whitespace=False), which gives the ids of sentencepiece"
        )


def _find_split(step: Pretokenizer, pieces: Pieces) -> int | None:
    """Return the first id of a piece that a pretokenizer splits in some text; None if there is none."""
    ids = np.flatnonzero(np.isin(pieces.types, (NORMAL, USER_DEFINED, UNUSED)))
    rows = pieces.texts.take(ids).to_bytes()
    for before in _NEIGHBOURS:
        for after in _NEIGHBOURS:
            first, last = before.encode(), after.encode()
            texts = Ragged.from_bytes([first + row + last for row in rows])
            boundaries = step.split(texts)
            inner = np.searchsorted(boundaries, texts.offsets[1:] - len(last), "left")
            inner -= np.searchsorted(boundaries, texts.offsets[:-1] + len(first), "right")
            if (inner > 0).any():
                return int(ids[np.argmax(inner > 0)])
    return None


def _shown(pieces: Pieces, i: int) -> str:
    return repr(bytes(pieces.texts[i]).decode())
