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

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.formats.sentencepiece.messages import NORMAL, UNUSED, USER_DEFINED, Pieces

MARK = "▁".encode()


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
