"""`find_splitting`: pretokenizer that does not change the ids of BPE over whole texts, and the proof.

A model without a pretokenizer encodes each text as one pretoken. This is slow: nothing can be cached. But
most merges of such models never join a mark for spaces, ▁ or U+0020, to the text before it. Then the text can
be split before every run of marks.

**Claim.** Let m be a character that is a piece. Assume that, for every merge (A, B), the name of B does not
begin with m, or the name of A ends with m. Assume further that the name of the unknown token does not end
with m, that no character is dropped, and that there is no prefix, no suffix and no `ignore_merges`. Then
encoding a text gives the same ids as encoding its parts, if it is split before every m that follows another
character.

**Proof.** Call the positions of the splits *cuts*.

1. The initial symbols of the text are those of the parts. Each character is looked up on its own. Unknown
   tokens and bytes are the only symbols that depend on their neighbours: unknown characters are fused, and an
   unknown token comes after the bytes of the next characters. Both end at a known character. m is known, so
   this never crosses a cut.
2. At first, no symbol contains a cut. Assume that this is so after some merges, and that the next merge joins
   two symbols A and B with a cut between them. The name of a symbol consists of the names of its initial
   symbols. B begins with m, so its name begins with m. The last initial symbol of A is a character other than
   m, whose name does not end with m; or a byte, whose name ends with ``>``; or the unknown token, whose name
   does not end with m. So the name of A does not end with m. This contradicts the assumption about merges. By
   induction, no symbol ever contains a cut.
3. So every merge happens inside a part. BPE repeatedly applies the merge with the lowest rank, and of equal
   ranks the leftmost one. Merges in different parts do not affect each other. The order of the merges inside
   a part is the same in the text as in the part alone, because ranks and the order of positions are the same.

With ``compat="sentencepiece"``, m need not be a piece: unknown characters are fused after merging, across
the parts. User-defined pieces are found from the left, the longest one at each position. If none of them has
m after another character, none contains a cut, so that the same ones are found in the parts. They never
merge.
"""

from __future__ import annotations

import numpy as np

from fasttok.models.base import Model
from fasttok.models.bpe.alphabets import Characters
from fasttok.models.bpe.model import BPEModel
from fasttok.models.pieces import begin_with, end_with
from fasttok.text.pretokenizers.metaspace import MarkRuns

MARKS = ("▁", " ")  # characters for spaces, at which text may be split


def find_splitting(model: Model) -> MarkRuns | None:
    """Return a pretokenizer that does not change the ids of a model that encodes whole texts.

    Parameters
    ----------
    model : Model
        The model.

    Returns
    -------
    MarkRuns or None
        The pretokenizer; None if the model is not BPE over characters, or if splitting before runs of ▁ or of
        U+0020 may change ids. See the module for the conditions and the proof.

    Examples
    --------
    >>> import fasttok as ft
    >>> pieces = ["▁", "a", "b", "▁a", "▁▁", "a▁"]
    >>> find_splitting(ft.BPEModel(pieces, [[0, 1], [0, 0]], alphabet=ft.Characters()))
    MarkRuns(mark='▁')
    >>> find_splitting(ft.BPEModel(pieces, [[0, 1], [1, 0]], alphabet=ft.Characters()))  # makes a▁
    """
    if not isinstance(model, BPEModel) or not isinstance(model.alphabet, Characters) or model.ignore_merges:
        return None
    alphabet = model.alphabet
    if model.needs_whole_rows:
        return None
    if alphabet.end_of_word_suffix or alphabet.continuing_subword_prefix:
        return None
    if alphabet.drop_unk and alphabet.unk_id is None and model.byte_ids is None:
        return None
    return next((MarkRuns(mark) for mark in MARKS if _never_joins(model, mark)), None)


def _never_joins(model: BPEModel, mark: str) -> bool:
    """Return whether `mark` is a character, and no merge joins it to other text before it."""
    ends, begins = end_with(model.pieces, mark.encode()), begin_with(model.pieces, mark.encode())
    if model.alphabet.compat == "sentencepiece":  # type: ignore[union-attr]
        if any(_has_after_other(bytes(model.pieces[i]).decode(), mark) for i in model.user_defined):
            return False
        is_mark = np.array([character == mark for character in model.extra_characters], np.bool_)
        ends, begins = np.append(ends, is_mark), np.append(begins, is_mark)
    elif not model.has_character(mark):
        return False
    if model.unk_id is not None and model.unk_id < len(ends) and ends[model.unk_id]:
        return False
    left, right = model.merges.T
    return not np.any(begins[right] & ~ends[left])


def _has_after_other(text: str, mark: str) -> bool:
    """Return whether the mark comes after another character in the text."""
    return mark in text.lstrip(mark)
