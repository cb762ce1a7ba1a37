"""Models of sentencepiece's four types: make them of the pieces of a file, and find their scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.formats.sentencepiece.messages import CONTROL, NORMAL, UNKNOWN, UNUSED, USER_DEFINED, Pieces
from fasttok.models.base import Model
from fasttok.models.bpe.alphabets import Characters
from fasttok.models.bpe.by_score import merges_by_score
from fasttok.models.bpe.model import BPEModel
from fasttok.models.unigram.model import UnigramModel
from fasttok.models.units.character import CharacterModel
from fasttok.models.units.word import WordModel

COMPAT: Literal["sentencepiece"] = "sentencepiece"


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
    user_defined, unused = pieces.ids_of(USER_DEFINED), pieces.ids_of(UNUSED)
    if kind == "unigram":
        return UnigramModel(
            rows,
            pieces.scores.astype(np.float64),
            unk_id=unk_id,
            byte_fallback=byte_fallback,
            user_defined=user_defined,
            unused=unused,
            compat=COMPAT,
        )
    if kind == "bpe":
        found = merges_by_score(rows, pieces.scores, byte_fallback=byte_fallback, user_defined=user_defined)
        return BPEModel(
            rows,
            **found._asdict(),
            alphabet=Characters(unk_id=unk_id, byte_fallback=byte_fallback, compat=COMPAT),
            user_defined=user_defined,
            unused=unused,
        )
    if kind == "char":
        return CharacterModel(
            rows,
            unk_id=unk_id,
            byte_fallback=byte_fallback,
            user_defined=user_defined,
            unused=[*unused, *unmatched_ids(pieces)],
            fuse_unk=True,
        )
    return WordModel(rows, unk_id=unk_id, byte_fallback=byte_fallback, unused=unused, fuse_unk=True)


def unmatched_ids(pieces: Pieces) -> list[int]:
    """Return the ids of normal pieces with several characters, which models of characters never find."""
    texts = pieces.texts
    is_first = (texts.values & 0xC0 != 0x80).astype(np.int64)  # first byte of a character
    n_first = np.concatenate([[0], np.cumsum(is_first)])
    n_characters = np.diff(n_first[texts.offsets])
    found: list[int] = np.flatnonzero((n_characters > 1) & (pieces.types == NORMAL)).tolist()
    return found


def without_rows(texts: Ragged, empty: NDArray[np.bool_]) -> Ragged:
    """Return a copy of the rows in which those of a mask are empty."""
    kept = np.repeat(~empty, texts.lengths)
    return Ragged(texts.values[kept], lengths_to_offsets(np.where(empty, 0, texts.lengths)))


def kind_of(model: Model) -> str | None:
    """Return the type of a model in a file; None if sentencepiece has no such type."""
    if isinstance(model, UnigramModel) and model.compat != "huggingface" and not model.fewest_pieces:
        return "unigram"
    if (
        isinstance(model, BPEModel)
        and isinstance(model.alphabet, Characters)
        and model.merge_ranks is not None
    ):
        return "bpe" if model.alphabet.compat == COMPAT else None
    if isinstance(model, (CharacterModel, WordModel)):
        return "char" if isinstance(model, CharacterModel) else "word"
    return None


def find_scores(
    model: Model,
    kind: str,
    types: NDArray[np.uint8],
    kept: NDArray[np.float32] | None,
    fail: Callable[[str], NoReturn],
) -> NDArray[np.float32]:
    """Return the scores of all ids.

    Parameters
    ----------
    model : Model
        The model.
    kind : str
        Its type in the file.
    types : ndarray of uint8, shape (n,)
        Types of the ids.
    kept : ndarray of float32, shape (n,), or None
        Scores that were kept when a file was loaded, or the usual ones.
    fail : callable
        Function of a message that raises an error.
    """
    n = len(types)
    if isinstance(model, UnigramModel):
        scores = np.zeros(n, np.float32)
        with np.errstate(over="ignore"):
            scores[: len(model.scores)] = model.scores[:n]
        if not np.isfinite(scores).all():
            fail("a score that is not finite in single precision")
        return scores
    if isinstance(model, BPEModel):
        for candidate in (kept, _scores_of_ranks(model, n)):
            if candidate is not None and _gives_merges(candidate, model):
                return candidate
        fail("these merges: they are not those that follow from scores of their pieces")
    return np.zeros(n, np.float32) if kept is None else kept


def _ranks(model: BPEModel) -> NDArray[np.uint32]:
    return np.arange(len(model.merges), dtype=np.uint32) if model.merge_ranks is None else model.merge_ranks


def _scores_of_ranks(model: BPEModel, n: int) -> NDArray[np.float32]:
    """Return scores that give the merges of a model their ranks, if scores can."""
    ranks = np.full(n, -1, np.int64)
    ranks[model.merge_ids] = _ranks(model)
    rest = np.flatnonzero((ranks < 0) & (np.arange(n) < len(model.pieces)))
    rest = rest[model.pieces.lengths[rest] > 0]
    ranks[rest] = ranks.max(initial=-1) + 1 + np.arange(len(rest))
    return -np.maximum(ranks, 0).astype(np.float32)


def _gives_merges(scores: NDArray[np.float32], model: BPEModel) -> bool:
    found = merges_by_score(
        model.pieces,
        scores[: len(model.pieces)],
        byte_fallback=model.byte_ids is not None,
        user_defined=model.user_defined,
    )
    if found.merges.shape != model.merges.shape or found.extra_characters != model.extra_characters:
        return False
    theirs = np.column_stack([_ranks(model), model.merge_ids, model.merges])
    ours = np.column_stack([found.merge_ranks, found.merge_ids, found.merges])
    return bool((_sorted(theirs) == _sorted(ours)).all())


def _sorted(rows: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return rows[np.lexsort(rows.T[::-1])]
