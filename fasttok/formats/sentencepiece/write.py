"""Make the content of sentencepiece model files of tokenizers.

A file is written if sentencepiece gives the same ids for every text; see `make_content` for the exceptions.
What it cannot do is an error that says what, and how to make a tokenizer that it can do.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import ModelExportError, ModelFormatError, warn
from fasttok.core.ragged import Ragged
from fasttok.decoders.sentencepiece import SPACE_OPTIONS, SentencePiece
from fasttok.formats.base import check_no_excluded, check_no_settings
from fasttok.formats.sentencepiece.checks import check_pieces
from fasttok.formats.sentencepiece.kept import kept_scores, kept_types, restore
from fasttok.formats.sentencepiece.messages import (
    BYTE,
    CONTROL,
    NORMAL,
    UNKNOWN,
    UNUSED,
    USER_DEFINED,
    ModelProto,
    NormalizerSpec,
    Pieces,
    TrainerSpec,
)
from fasttok.formats.sentencepiece.models import find_scores, kind_of
from fasttok.formats.sentencepiece.read import ROLES, UNK_SURFACE
from fasttok.formats.sentencepiece.splitting import check_splitting
from fasttok.text.normalizers.charsmap import CharsMapNormalizer
from fasttok.text.normalizers.precompiled_charsmap import write_charsmap
from fasttok.text.pretokenizers.metaspace import Metaspace
from fasttok.tokenizer.tokenizer import Tokenizer

HOLDER = "a sentencepiece model"
# sentencepiece's names of normalizers that have another name in fasttok.
NORMALIZERS = {"sp_nfkc": "nfkc", "sp_nfkc_cf": "nfkc_cf", "charsmap": "user_defined"}


def fail(message: str) -> NoReturn:
    """Raise the error for a tokenizer that the format cannot hold."""
    raise ModelExportError(f"{HOLDER} cannot hold {message}")


def make_content(tokenizer: Tokenizer) -> ModelProto:
    """Return the content of a model file.

    Raises
    ------
    ModelExportError
        If sentencepiece cannot do the same; the message says why.
    """
    model = tokenizer.model
    kind = kind_of(model)
    if kind is None:
        fail(
            f"a model of kind {model.kind!r}; it can hold Unigram, BPE by score (trained with "
            'compat="sentencepiece"), and models of characters or words'
        )
    if not getattr(model, "fuse_unk", True) and getattr(model, "byte_ids", None) is None:
        fail(
            "a model that gives each unknown character its own token; sentencepiece gives one to a run of "
            "them, as a model with fuse_unk=True does"
        )
    check_no_excluded(HOLDER, tokenizer)
    check_no_settings(HOLDER, tokenizer)
    if not tokenizer.has_plain_tokens:
        fail(
            "added tokens that are not special or have flags; make them user-defined pieces of the model, or "
            "load the file and add them with tok.add_tokens"
        )
    kept = tokenizer.provenance.get("sentencepiece", {})
    pieces = _make_pieces(tokenizer, kind, kept)
    content = _restore(kept, pieces)
    try:
        check_pieces(content.pieces, kind, bool((pieces.types == BYTE).any()))
    except ModelFormatError as error:
        fail(f"this vocabulary: {error}")
    step = check_splitting(
        tokenizer.pretokenizer, content.pieces, kind, fail, is_whole=model.needs_whole_rows
    )
    _check_config(tokenizer)
    return replace(
        content,
        trainer_spec=_make_trainer_spec(tokenizer, kind, content, step),
        normalizer_spec=_make_normalizer_spec(tokenizer, content, step),
        denormalizer_spec=_make_denormalizer_spec(tokenizer, content),
    )


def _restore(kept: Any, pieces: Pieces) -> ModelProto:
    """Return the content with all that was kept when a file was loaded."""
    try:
        return restore(kept, pieces)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelExportError(f'provenance["sentencepiece"] is not what ft.load has made: {error}') from None


def _make_pieces(tokenizer: Tokenizer, kind: str, kept: Any) -> Pieces:
    model, n = tokenizer.model, tokenizer.vocab_size
    rows = model.pieces.to_bytes() + [b""] * (n - len(model.pieces))
    types = np.full(n, NORMAL, np.uint8)
    for i in getattr(model, "unused", ()):
        types[i] = UNUSED
    for i in getattr(model, "user_defined", ()):
        types[i] = USER_DEFINED
    byte_ids: NDArray[np.uint32] | None = getattr(model, "byte_ids", None)
    if byte_ids is not None:
        types[byte_ids] = BYTE
    for text, i in tokenizer.special_tokens.items():
        rows[i], types[i] = text.encode(), CONTROL
    if model.unk_id is None or types[model.unk_id] != CONTROL:
        fail(
            "a model without an unknown token that is a special token; train with unk=..., such as "
            'unk="<unk>", also with byte_fallback=True'
        )
    types[model.unk_id] = UNKNOWN
    if kind in ("char", "word"):
        types = kept_types(kept, types)
    if b"" in rows:
        fail(f"the id {rows.index(b'')}, which has no piece; all ids must be in use")
    texts = Ragged.from_bytes(rows)
    for i, row in enumerate(rows):
        try:
            row.decode()
        except UnicodeDecodeError:
            fail(f"the piece {row!r} of id {i}, which is not UTF-8")
    scores = find_scores(model, kind, types, kept_scores(kept, types), fail)
    return Pieces(texts, scores, types, np.ones(n, np.bool_), types != NORMAL, {})


def _check_config(tokenizer: Tokenizer) -> None:
    known = {f"{role}_token" for role in ROLES}
    if tokenizer.config is not None and tokenizer.config.content.keys() - known:
        warn(
            f"{HOLDER} does not hold the config of the tokenizer, except bos, eos, pad and unk: a chat "
            'template and other settings; a folder of format="huggingface" does'
        )


def _make_trainer_spec(
    tokenizer: Tokenizer, kind: str, content: ModelProto, step: Metaspace
) -> TrainerSpec | None:
    pieces, decoder = content.pieces, tokenizer.given_decoder
    is_new = content.trainer_spec is None
    spec = content.trainer_spec or TrainerSpec()
    [unk_id] = pieces.ids_of(UNKNOWN)
    values: dict[str, Any] = {
        "model_type": kind,
        "treat_whitespace_as_suffix": step.treat_whitespace_as_suffix,
        "byte_fallback": bool((pieces.types == BYTE).any()),
    }
    defaults: dict[str, Any] = {"model_type": "unigram", "treat_whitespace_as_suffix": False}
    defaults |= {"byte_fallback": False, "unk_surface": UNK_SURFACE}
    if isinstance(decoder, SentencePiece):
        values["unk_surface"] = decoder.unk_surface
    roles = {"unk": bytes(pieces.texts[unk_id]).decode()}
    if tokenizer.config is not None:
        roles |= {
            role: text for role, text in tokenizer.config.roles.items() if role in ROLES and role != "unk"
        }
    for role, text in roles.items():
        values[f"{role}_piece"], defaults[f"{role}_piece"] = text, ROLES[role]
    changed = {
        name: value
        for name, value in values.items()
        if value != (defaults[name] if (now := getattr(spec, name)) is None else now)
    }
    if is_new and "sentencepiece" not in tokenizer.provenance:
        ids = tokenizer.special_tokens
        changed |= {
            "model_type": kind,
            "vocab_size": len(pieces.types),
            "byte_fallback": values["byte_fallback"],
        }
        changed |= {f"{role}_id": ids.get(roles.get(role, ROLES[role]), -1) for role in ROLES}
    return replace(spec, **changed) if changed else content.trainer_spec


def _make_normalizer_spec(
    tokenizer: Tokenizer, content: ModelProto, step: Metaspace
) -> NormalizerSpec | None:
    normalizer = tokenizer.normalizer
    data, name = b"", "identity"
    if isinstance(normalizer, CharsMapNormalizer) and normalizer.by == "longest":
        data, name = write_charsmap(normalizer.charsmap), NORMALIZERS.get(normalizer.name, normalizer.name)
    elif normalizer is not None:
        fail(
            f'the normalizer {normalizer}; it can hold rules such as normalizer="nmt_nfkc", or those of '
            "CharsMapNormalizer.from_rules"
        )
    _check_kept_texts(normalizer, content.pieces, step)
    spec = content.normalizer_spec or NormalizerSpec()
    if content.normalizer_spec is None and "sentencepiece" not in tokenizer.provenance:
        spec = NormalizerSpec(name=name)
    changed: dict[str, Any] = {}
    for option in SPACE_OPTIONS:
        value = getattr(step, option)
        if value != (getattr(spec, option) is not False):
            changed[option] = value
    if data:
        changed["precompiled_charsmap"] = data
    elif spec.precompiled_charsmap:
        changed["precompiled_charsmap"] = None
    return replace(spec, **changed) if changed or spec.name is not None else content.normalizer_spec


def _check_kept_texts(normalizer: CharsMapNormalizer | None, pieces: Pieces, step: Metaspace) -> None:
    """Check that the normalizer keeps user-defined pieces, and only these, as sentencepiece does."""
    texts = {bytes(pieces.texts[i]).decode() for i in pieces.ids_of(USER_DEFINED)}
    keep = set() if normalizer is None else set(normalizer.keep)
    has_rules = normalizer is not None and bool(normalizer.charsmap.replacements)
    # Without rules, only the spaces of the texts matter.
    matters = {text for text in keep ^ texts if has_rules or " " in text}
    if matters:
        text = min(matters)
        fail(
            "this normalizer: it must keep the texts of the user-defined pieces, and no other text, but "
            f"{text!r} is only {'a kept text' if text in keep else 'a user-defined piece'}; "
            'train with compat="sentencepiece", or give the normalizer the option keep=... with these texts, '
            "such as {'name': 'nmt_nfkc', 'keep': [...]}"
        )
    if normalizer is None or not step.remove_extra_whitespaces or not normalizer.writes_double_spaces:
        return
    if not normalizer.protect_spaces:
        fail("a normalizer that writes several spaces in a row without its option protect_spaces=True")


def _make_denormalizer_spec(tokenizer: Tokenizer, content: ModelProto) -> NormalizerSpec | None:
    decoder = tokenizer.given_decoder
    if decoder is None:
        return None
    if not isinstance(decoder, SentencePiece):
        fail(f'the decoder {decoder}; it can hold the decoder "sentencepiece"')
    data = base64.b64decode(decoder.denormalizer)
    spec = content.denormalizer_spec
    if not data and spec is None:
        return None
    spec = spec or NormalizerSpec(name="user_defined")
    changed: dict[str, Any] = {"precompiled_charsmap": data or None}
    if data:
        for option in SPACE_OPTIONS:
            if (option in decoder.denormalizer_options) != (getattr(spec, option) is not False):
                changed[option] = option in decoder.denormalizer_options
    return replace(spec, **changed)
