"""The self test of a model file: samples of text with their pieces, which sentencepiece's trainer can add.

Versions of sentencepiece before 0.2.3 encode the samples when they open a file, and refuse the file if a
sample does not give its pieces. Unigram models may give other pieces with the same total score.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fasttok.core.errors import ModelFormatError
from fasttok.formats.sentencepiece.messages import Sample
from fasttok.models.unigram.model import UnigramModel
from fasttok.tokenizer.tokenizer import Tokenizer

TOLERANCE = 1e-7  # difference of total scores that counts as none


def check_samples(tokenizer: Tokenizer, samples: Sequence[Sample]) -> None:
    """Encode the samples of a file and compare the pieces.

    Raises
    ------
    ModelFormatError
        If a sample gives other pieces. The path is empty.
    """
    bad = [sample for sample in samples if not _passes(tokenizer, sample)]
    if bad:
        found = " ".join(_names(tokenizer, tokenizer.encode(bad[0].input or "").tolist()))
        raise ModelFormatError(
            f"{len(bad)} of {len(samples)} samples of the self test fail; the first: {bad[0].input or ''!r} "
            f"gives the pieces {found!r}, not {bad[0].expected or ''!r}. The file may be damaged; "
            "self_test=False opens it without this test",
            "",
            "self_test_data",
        )


def _passes(tokenizer: Tokenizer, sample: Sample) -> bool:
    ids, expected = tokenizer.encode(sample.input or "").tolist(), sample.expected or ""
    if _matches(tokenizer, ids, expected):
        return True
    if not isinstance(tokenizer.model, UnigramModel):
        return False
    wanted = [_find(tokenizer, text) for text in expected.split(" ")]
    return abs(_total(tokenizer.model, ids) - _total(tokenizer.model, wanted)) <= TOLERANCE


def _names(tokenizer: Tokenizer, ids: Sequence[int]) -> list[str]:
    return [tokenizer.id_to_piece(i).decode() for i in ids]


def _matches(tokenizer: Tokenizer, ids: Sequence[int], expected: str) -> bool:
    """Return whether pieces with spaces between them are `expected`; the unknown token is any text."""
    unk = tokenizer.model.unk_id
    literals = [""]
    for k, i in enumerate(ids):
        if k:
            literals[-1] += " "
        if i == unk:
            literals.append("")
        else:
            literals[-1] += tokenizer.id_to_piece(i).decode()
    if len(literals) == 1:
        return literals[0] == expected
    first, *others, last = literals
    if not expected.startswith(first):
        return False
    at = len(first)
    for literal in others:
        at = expected.find(literal, at + 1)  # the text of the unknown token is not empty
        if at < 0:
            return False
        at += len(literal)
    return len(expected) - len(last) > at and expected.endswith(last)


def _find(tokenizer: Tokenizer, text: str) -> int | None:
    """Return the id of a piece; None if it is unknown."""
    try:
        return tokenizer.piece_to_id(text)
    except KeyError:
        return None


def _total(model: UnigramModel, ids: Sequence[int | None]) -> float:
    total = np.float32(0)
    for i in ids:
        is_piece = i is not None and i != model.unk_id
        total += np.float32(model.scores[i] if is_piece else model.unk_score)
    return float(total)
