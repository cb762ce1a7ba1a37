"""Make tokenizers of the content of sentencepiece model files, with the ids and text of sentencepiece 0.2.3.

Pieces of text are in the model, also user-defined ones. Control pieces and the unknown token are special
tokens, so that text never becomes one. All that the tokenizer does not use is kept in its provenance.
"""

from __future__ import annotations

import base64
from dataclasses import replace

import numpy as np

from fasttok.core.errors import ModelFormatError
from fasttok.decoders.sentencepiece import SPACE_OPTIONS, SentencePiece
from fasttok.formats.sentencepiece.checks import check_pieces
from fasttok.formats.sentencepiece.kept import keep
from fasttok.formats.sentencepiece.messages import (
    CONTROL,
    UNKNOWN,
    USER_DEFINED,
    ModelProto,
    NormalizerSpec,
    Pieces,
    TrainerSpec,
)
from fasttok.formats.sentencepiece.models import make_model
from fasttok.formats.sentencepiece.splitting import BEFORE_MARKS, find_splitting
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
    unknown, control = (_decode(pieces, kind) for kind in (UNKNOWN, CONTROL))
    special = unknown | control
    return Tokenizer(
        model,
        _make_pretokenizer(kind, pieces, trainer, spec),
        dict(sorted(special.items(), key=lambda item: item[1])),
        {"format": "sentencepiece", "sentencepiece": keep(content)},
        normalizer=_make_normalizer(pieces, spec),
        decoder=_make_decoder(unknown, control, trainer, spec, content.denormalizer_spec),
        config=_make_config(unknown, control, trainer),
    )


def _decode(pieces: Pieces, kind: int) -> dict[str, int]:
    """Return the ids of the pieces of a type by their texts."""
    ids = pieces.ids_of(kind)
    texts = pieces.texts.take(np.array(ids, np.int64)).to_bytes()
    return {text.decode(): i for text, i in zip(texts, ids, strict=True)}


def _make_normalizer(pieces: Pieces, spec: NormalizerSpec) -> CharsMapNormalizer:
    """Return the normalizer. Without rules, it replaces bytes that are not UTF-8."""
    normalizer = _read_rules(spec, "normalizer_spec")
    if texts := _decode(pieces, USER_DEFINED):
        normalizer = replace(normalizer, keep=tuple(texts))
    if spec.remove_extra_whitespaces is not False and normalizer.writes_double_spaces:
        normalizer = replace(normalizer, protect_spaces=True)
    return normalizer


def _read_rules(spec: NormalizerSpec, place: str) -> CharsMapNormalizer:
    try:
        return CharsMapNormalizer.from_bytes(spec.precompiled_charsmap or b"")
    except ModelFormatError as error:
        raise ModelFormatError(str(error), "", f"{place}.precompiled_charsmap") from None


def _make_pretokenizer(kind: str, pieces: Pieces, trainer: TrainerSpec, spec: NormalizerSpec) -> Pretokenizer:
    as_suffix = bool(trainer.treat_whitespace_as_suffix)
    splits = find_splitting(pieces, as_suffix) if kind != "word" else None if as_suffix else "words"
    step = Metaspace(
        spec.add_dummy_prefix is not False,
        spec.remove_extra_whitespaces is not False,
        as_suffix,
        splits == "words",
        escape_whitespaces=spec.escape_whitespaces is not False,
    )
    if kind == "word" and as_suffix:
        return SequencePretokenizer((step, BEFORE_MARKS))
    return SequencePretokenizer((step, MarkRuns())) if splits == "runs" else step


def _make_decoder(
    unknown: dict[str, int],
    control: dict[str, int],
    trainer: TrainerSpec,
    spec: NormalizerSpec,
    denormalizer: NormalizerSpec | None,
) -> SentencePiece:
    data, options = b"", []
    if denormalizer is not None and denormalizer.precompiled_charsmap:
        _read_rules(denormalizer, "denormalizer_spec")
        data = denormalizer.precompiled_charsmap
        options = [name for name in SPACE_OPTIONS if getattr(denormalizer, name) is not False]
    try:
        return SentencePiece(
            spec.add_dummy_prefix is not False,
            spec.remove_extra_whitespaces is not False,
            unk=next(iter(unknown)),
            unk_surface=UNK_SURFACE if trainer.unk_surface is None else trainer.unk_surface,
            control=tuple(control),
            denormalizer=base64.b64encode(data).decode(),
            denormalizer_options=tuple(options),
        )
    except ValueError as error:
        raise ModelFormatError(str(error), "", "denormalizer_spec") from None


def _make_config(unknown: dict[str, int], control: dict[str, int], trainer: TrainerSpec) -> ModelConfig:
    """Return the roles of special tokens. As in sentencepiece, the names in the file count, not the ids."""
    roles = {}
    for role, default in ROLES.items():
        name = getattr(trainer, f"{role}_piece") or default
        if name in control:
            roles[f"{role}_token"] = name
    [roles["unk_token"]] = unknown
    return ModelConfig(roles)
