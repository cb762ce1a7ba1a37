"""sentencepiece's ``.vocab`` files: one piece per line, with a tab and its score; the line number is the id.

The trainer of sentencepiece writes such a file next to the model. It contains neither the types of pieces nor
the normalization, and scores have six digits, so the model file is the better one to load.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from fasttok.core.checks import checked_choice, checked_texts
from fasttok.core.errors import ModelExportError, ModelFormatError, warn
from fasttok.core.ragged import Ragged
from fasttok.core.saving import atomic_write
from fasttok.formats.base import Format, Option
from fasttok.formats.sentencepiece.checks import in_file
from fasttok.formats.sentencepiece.messages import (
    BYTE,
    CONTROL,
    MODEL_TYPES,
    NORMAL,
    UNKNOWN,
    USER_DEFINED,
    ModelProto,
    NormalizerSpec,
    Pieces,
    TrainerSpec,
)
from fasttok.formats.sentencepiece.read import make_tokenizer
from fasttok.formats.sentencepiece.write import make_content
from fasttok.models.pieces import BYTE_NAMES
from fasttok.text.normalizers.precompiled_charsmap import compile_named, write_charsmap
from fasttok.tokenizer.tokenizer import Tokenizer

# Names of normalizers in sentencepiece, and those of the same rules in fasttok.
RULES = {
    "nmt_nfkc": "nmt_nfkc",
    "nfkc": "sp_nfkc",
    "nmt_nfkc_cf": "nmt_nfkc_cf",
    "nfkc_cf": "sp_nfkc_cf",
    "identity": "identity",
}
UNK = "<unk>"
CONTROLS = ("<s>", "</s>", "<pad>")  # control pieces, unless others are given
_UNK_LINE = re.compile(rb"^<unk>\t-?0\r?$", re.MULTILINE)


def load(
    path: str | os.PathLike[str],
    *,
    model: str | None = None,
    normalizer: str | None = None,
    control: Sequence[str] = CONTROLS,
    user_defined: Sequence[str] = (),
) -> Tokenizer:
    """Load a tokenizer from a ``.vocab`` file of sentencepiece.

    `fasttok.load` calls this function for files that it recognizes as such: one of the first lines is
    ``<unk>``, a tab and 0.

    Parameters
    ----------
    path : path
        The file, with a score in each line.
    model : {"unigram", "bpe", "word", "char"}, optional
        Type of the model; default: "bpe" if the scores of all pieces of text are whole numbers, or else
        "unigram".
    normalizer : {"nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf", "identity"}, optional
        Normalization, by sentencepiece's names; default: "nmt_nfkc", that of its trainer, with a warning.
    control : sequence of str
        Pieces that are control pieces, if they are in the file.
    user_defined : sequence of str
        User-defined pieces.

    Returns
    -------
    Tokenizer
        Tokenizer with the ids of the model whose file is next to this one, but scores have six digits. So
        Unigram may choose another segmentation where two have nearly the same score. If the pieces include
        ``<0x00>`` to ``<0xFF>``, these are the bytes of unknown characters.

    Raises
    ------
    ModelFormatError
        If the file is not UTF-8, a line has no score, or the pieces are not those of a sentencepiece model.
    TypeError, ValueError
        If an option has another type or value.

    Warns
    -----
    UserWarning
        If no `normalizer` is given.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import fasttok as ft
    >>> path = pathlib.Path(tempfile.mkdtemp(), "low.vocab")
    >>> _ = path.write_text("<unk>\\t0\\n<s>\\t0\\n▁low\\t-1.5\\ner\\t-2.25\\n▁\\t-3.5\\n")
    >>> ft.load(path, normalizer="nmt_nfkc").encode("Low lower", as_list=True)
    [4, 0, 2, 3]
    """
    name = os.fspath(path)
    if model is not None:
        checked_choice("model", model, *MODEL_TYPES)
    if normalizer is not None:
        checked_choice("normalizer", normalizer, *RULES)
    controls, symbols = checked_texts("control", control), checked_texts("user_defined", user_defined)
    texts, scores = _read_lines(name)
    types = np.full(len(texts), NORMAL, np.uint8)
    has_bytes = set(BYTE_NAMES) <= set(texts)
    names = dict.fromkeys(BYTE_NAMES, BYTE) if has_bytes else {}
    names |= dict.fromkeys([text.encode() for text in controls], CONTROL)
    names |= dict.fromkeys([text.encode() for text in symbols], USER_DEFINED) | {UNK.encode(): UNKNOWN}
    for i, text in enumerate(texts):
        types[i] = names.get(text, NORMAL)
    if model is None:
        is_whole = (scores == np.round(scores)) | (types != NORMAL)
        model = "bpe" if is_whole.all() else "unigram"
    if normalizer is None:
        normalizer = "nmt_nfkc"
        warn(
            f"{name} does not say how text is normalized, nor which pieces are user-defined. It is loaded as "
            f"a model of type {model} with normalizer={normalizer!r} and sentencepiece's default options of "
            "white space. Load the .model file, or pass normalizer and user_defined"
        )
    pieces = Pieces(Ragged.from_bytes(texts), scores, types, np.ones(len(texts), np.bool_), types != NORMAL)
    charsmap = write_charsmap(compile_named(RULES[normalizer]))
    content = ModelProto(
        pieces,
        TrainerSpec(model_type=model, vocab_size=len(texts), byte_fallback=has_bytes),
        NormalizerSpec(name=normalizer, precompiled_charsmap=charsmap or None),
    )
    try:
        return make_tokenizer(content)
    except ModelFormatError as error:
        raise in_file(error, name) from None


def _read_lines(path: str) -> tuple[list[bytes], Any]:
    """Return the pieces and the scores of a file."""
    with open(path, "rb") as file:
        lines = file.read().split(b"\n")
    if lines[-1] == b"":
        del lines[-1]
    texts, scores = [], np.empty(len(lines), np.float32)
    for k, line in enumerate(lines):
        text, tab, score = line.rstrip(b"\r").rpartition(b"\t")
        try:
            scores[k] = float(score)
        except ValueError:
            tab = b""
        if not tab:
            raise ModelFormatError(
                "must be a piece, a tab and a score; sentencepiece writes such files with "
                "vocabulary_output_piece_score=True",
                path,
                f"line {k + 1}",
            )
        texts.append(text)
    return texts, scores


def save(tokenizer: Tokenizer, path: str | os.PathLike[str]) -> None:
    """Write a ``.vocab`` file of sentencepiece, completely or not at all.

    The file is that which sentencepiece's trainer writes next to a model file. To load the tokenizer again,
    write the model file, too, with ``format="sentencepiece"``.

    Parameters
    ----------
    tokenizer : Tokenizer
        Tokenizer that a sentencepiece model can hold.
    path : path
        The file.

    Raises
    ------
    ModelExportError
        If a sentencepiece model cannot hold the tokenizer, or a piece contains a line end.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import fasttok as ft
    >>> model = ft.UnigramModel(["", "▁low", "er"], [0, -1.5, -2.25], unk_id=0)
    >>> tok = ft.Tokenizer(model, "metaspace", {"<unk>": 0})
    >>> path = pathlib.Path(tempfile.mkdtemp(), "low.vocab")
    >>> tok.save(path, format="sentencepiece.vocab")
    >>> path.read_text()
    '<unk>\\t0\\n▁low\\t-1.5\\ner\\t-2.25\\n'
    """
    content = make_content(tokenizer)
    spec = content.trainer_spec
    has_scores = spec is None or spec.vocabulary_output_piece_score is not False
    rows = content.pieces.texts.to_bytes()
    for i, row in enumerate(rows):
        if b"\n" in row:
            raise ModelExportError(f"a .vocab cannot hold the piece {row!r} of id {i}, which has a line end")
    if has_scores:
        scores = content.pieces.scores.tolist()
        rows = [b"%s\t%s" % (row, f"{score:.6g}".encode()) for row, score in zip(rows, scores, strict=True)]
    with atomic_write(path) as file:
        file.write(b"".join(row + b"\n" for row in rows))


def _sniff(head: bytes, path: str) -> bool:
    start = b"\n".join(head.split(b"\n")[:5])
    return b"\t" in start.partition(b"\n")[0] and _UNK_LINE.search(start) is not None


SENTENCEPIECE_VOCAB = Format(
    "sentencepiece.vocab",
    "a .vocab of sentencepiece",
    _sniff,
    load,
    save,
    {
        "model": Option((str,)),
        "normalizer": Option((str,)),
        "control": Option((list,)),
        "user_defined": Option((list,)),
    },
    names=("*.vocab",),
)
