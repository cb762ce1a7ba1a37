"""Make the models of sentencepiece's four types from the pieces of a file."""

from __future__ import annotations

import numpy as np

from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.formats.sentencepiece.messages import CONTROL, UNKNOWN, USER_DEFINED, Pieces
from fasttok.models.base import Model
from fasttok.models.unigram.model import UnigramModel


def make_model(kind: str, pieces: Pieces, byte_fallback: bool) -> Model:
    """Return the model of a file.

    Parameters
    ----------
    kind : {"unigram", "bpe", "word", "char"}
        Type of the model in the file.
    pieces : Pieces
        The pieces, already checked.
    byte_fallback : bool
        Whether unknown characters are encoded as bytes.

    Raises
    ------
    ValueError
        If fasttok cannot hold the model; the message says why.
    """
    [unk_id] = pieces.ids_of(UNKNOWN)
    rows = without_rows(pieces.texts, np.isin(pieces.types, (UNKNOWN, CONTROL)))
    if kind == "unigram":
        return UnigramModel(
            rows,
            pieces.scores.astype(np.float64),
            unk_id=unk_id,
            byte_fallback=byte_fallback,
            user_defined=pieces.ids_of(USER_DEFINED),
            compat="sentencepiece",
        )
    raise ValueError(f"fasttok cannot read models of type {kind!r} yet")


def without_rows(texts: Ragged, empty: np.ndarray) -> Ragged:
    """Return a copy of the rows in which those of a mask are empty."""
    kept = np.repeat(~empty, texts.lengths)
    return Ragged(texts.values[kept], lengths_to_offsets(np.where(empty, 0, texts.lengths)))
