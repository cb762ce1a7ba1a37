"""Make tokenizers of the content of sentencepiece model files, with the ids and text of sentencepiece 0.2.3.

Pieces of text are in the model, also user-defined ones. Control pieces and the unknown token are special
tokens, so that text never becomes one. All that the tokenizer does not use is kept in its provenance.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fasttok.core.errors import ModelFormatError
from fasttok.formats.sentencepiece.checks import check_pieces
from fasttok.formats.sentencepiece.kept import keep
from fasttok.formats.sentencepiece.messages import (
    CONTROL,
    UNKNOWN,
    ModelProto,
    NormalizerSpec,
    Pieces,
    TrainerSpec,
)
from fasttok.formats.sentencepiece.models import make_model
from fasttok.formats.sentencepiece.splitting import find_splitting
from fasttok.models.base import Model
from fasttok.text.normalizers.charsmap import CharsMapNormalizer
from fasttok.text.pretokenizers.metaspace import MarkRuns, Metaspace
from fasttok.text.pretokenizers.sequence import SequencePretokenizer
from fasttok.text.steps import Pretokenizer
from fasttok.tokenizer.model_config import ModelConfig
from fasttok.tokenizer.tokenizer import Tokenizer

UNK_SURFACE = " ⁇ "  # default text of an unknown token
# Texts of the pieces of a role, if the file does not say another one.
ROLES = {"unk": "<unk>", "bos": "<s>", "eos": "</s>", "pad": "<pad>"}


def make_tokenizer(content: ModelProto) -> Tokenizer:
    """Return the tokenizer of a model file.

    Raises
    ------
    ModelFormatError
        If sentencepiece refuses the file, or fasttok cannot do the same. Its path is empty.
    """
    pieces = content.pieces
    trainer = content.trainer_spec or TrainerSpec()
    spec = content.normalizer_spec or NormalizerSpec()
    kind = trainer.model_type or "unigram"
    check_pieces(pieces, kind, bool(trainer.byte_fallback))
    try:
        model = make_model(kind, pieces, bool(trainer.byte_fallback))
    except (TypeError, ValueError) as error:
        raise ModelFormatError(str(error), "", "pieces") from None
    special = {_decode(pieces, i): i for kind in (UNKNOWN, CONTROL) for i in pieces.ids_of(kind)}
    return Tokenizer(
        model,
        _make_pretokenizer(kind, pieces, model, trainer, spec),
        dict(sorted(special.items(), key=lambda item: item[1])),
        {"format": "sentencepiece", "sentencepiece": keep(content)},
        normalizer=_make_normalizer(pieces, spec),
        decoder=_make_decoder(trainer, spec, content.denormalizer_spec),
        config=_make_config(pieces, trainer),
    )


def _decode(pieces: Pieces, i: int) -> str:
    piece = bytes(pieces.texts[i])
    try:
        return piece.decode()
    except UnicodeDecodeError:
        raise ModelFormatError(f"the piece {piece!r} is not UTF-8", "", f"piece {i}") from None


def _make_normalizer(pieces: Pieces, spec: NormalizerSpec) -> CharsMapNormalizer:
    """Return the normalizer. Without rules, it replaces bytes that are not UTF-8."""
    return _read_rules(spec, "normalizer_spec")


def _read_rules(spec: NormalizerSpec, place: str) -> CharsMapNormalizer:
    try:
        return CharsMapNormalizer.from_bytes(spec.precompiled_charsmap or b"")
    except ModelFormatError as error:
        raise ModelFormatError(str(error), "", f"{place}.precompiled_charsmap") from None


def _make_pretokenizer(
    kind: str, pieces: Pieces, model: Model, trainer: TrainerSpec, spec: NormalizerSpec
) -> Pretokenizer:
    as_suffix = bool(trainer.treat_whitespace_as_suffix)
    splits = "words" if kind in ("word", "char") else find_splitting(pieces, as_suffix)
    step = Metaspace(
        spec.add_dummy_prefix is not False,
        spec.remove_extra_whitespaces is not False,
        as_suffix,
        splits == "words",
    )
    return SequencePretokenizer((step, MarkRuns())) if splits == "runs" else step


def _make_decoder(trainer: TrainerSpec, spec: NormalizerSpec, denormalizer: NormalizerSpec | None) -> Any:
    if denormalizer is not None:
        _read_rules(denormalizer, "denormalizer_spec")
    return None


def _make_config(pieces: Pieces, trainer: TrainerSpec) -> ModelConfig:
    """Return the roles of special tokens. As in sentencepiece, the names in the file count, not the ids."""
    roles = {}
    control = set(pieces.texts.take(np.array(pieces.ids_of(CONTROL), np.int64)).to_bytes())
    for role, default in ROLES.items():
        name = getattr(trainer, f"{role}_piece") or default
        if name.encode() in control:
            roles[f"{role}_token"] = name
    roles["unk_token"] = _decode(pieces, pieces.ids_of(UNKNOWN)[0])
    return ModelConfig(roles)
