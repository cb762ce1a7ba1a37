"""Write tokenizers to ``tokenizer.json``.

`to_json` returns the file in today's shape. What ``tokenizers`` cannot do exactly is an error that says what.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from fasttok.core.errors import ModelExportError
from fasttok.decoders.metaspace import Metaspace
from fasttok.decoders.sequence import Sequence
from fasttok.decoders.steps import Pieces, SpaceAfter, SpaceBefore
from fasttok.formats.base import BYTE_DECODERS, check_no_excluded
from fasttok.formats.huggingface.canonical import VERSION
from fasttok.formats.huggingface.ids import assign_ids
from fasttok.formats.huggingface.numbers import write_float
from fasttok.formats.huggingface.processors import write_processor, write_settings
from fasttok.formats.huggingface.shapes import added_fields
from fasttok.formats.huggingface.write_components import (
    BYTE_LEVEL,
    Json,
    check_metaspace_scope,
    join_steps,
    metaspace_decoders,
    replace,
    split,
    steps_of,
    write_byte_level,
    write_decoder,
    write_metaspace,
    write_normalizer,
    write_pretokenizer,
)
from fasttok.models.base import Model
from fasttok.models.bpe.alphabets import Bytes, Characters
from fasttok.models.bpe.model import BPEModel
from fasttok.models.bpe.splitting import find_splitting
from fasttok.models.pieces import BYTE_NAMES
from fasttok.models.unigram.model import UnigramModel
from fasttok.models.units.base import UnitModel
from fasttok.models.units.byte import ByteModel
from fasttok.models.units.character import CharacterModel
from fasttok.models.units.word import WordModel
from fasttok.models.wordpiece.model import WordPieceModel
from fasttok.text.pretokenizers.known_patterns import CANONICAL
from fasttok.text.unicode.byte_alphabet import read_bytes, write_bytes
from fasttok.tokenizer.tokenizer import Tokenizer

_to_json = json.JSONEncoder(ensure_ascii=False).encode
_NO_LIMIT = (1 << 32) - 1  # length that no word reaches


def to_text(tokenizer: Tokenizer) -> str:
    """Return a ``tokenizer.json`` as text.

    Raises
    ------
    ModelExportError
        If ``tokenizers`` cannot do exactly the same; the message says what.
    """
    content = to_json(tokenizer)
    model = content.pop("model")
    parts = json.dumps(content, ensure_ascii=False, indent=2).removesuffix("\n}")
    fields = ",\n    ".join(f"{_to_json(key)}: {_write_field(value)}" for key, value in model.items())
    return f'{parts},\n  "model": {{\n    {fields}\n  }}\n}}\n'


def _write_field(value: Any) -> str:
    """Return a field of the model, with one line per entry; `json` would need seconds for such lines."""
    if isinstance(value, dict):
        return _in_brackets([f"{_to_json(name)}: {i}" for name, i in value.items()], "{}")
    if isinstance(value, list):
        return _in_brackets([_write_entry(*entry) for entry in value], "[]")
    return _to_json(value)


def _write_entry(left: str, right: str | float) -> str:
    """Return a merge, or a piece of Unigram with its score.

    `tokenizers` does not read every number as the nearest one in double precision, so the score is written so
    that it reads the given one.
    """
    return f"[{_to_json(left)}, {_to_json(right) if isinstance(right, str) else write_float(right)}]"


def _in_brackets(lines: list[str], brackets: str) -> str:
    rows = ",\n      ".join(lines)
    return f"{brackets[0]}\n      {rows}\n    {brackets[1]}" if lines else brackets


def to_json(tokenizer: Tokenizer) -> Json:
    """Return the content of a ``tokenizer.json``.

    Raises
    ------
    ModelExportError
        If ``tokenizers`` cannot do exactly the same; the message says what.
    """
    model = tokenizer.model
    check_no_excluded("a tokenizer.json", tokenizer)
    is_bytes = isinstance(model, ByteModel) or (
        isinstance(model, BPEModel) and isinstance(model.alphabet, Bytes)
    )
    written = _write_model(tokenizer)  # first, because no other pipeline helps if the model cannot be written
    normalizers, pretokenizers = _write_pipeline(tokenizer, is_bytes)
    return {
        "version": VERSION,
        **write_settings(tokenizer),
        "added_tokens": [added_fields(token, i) for token, i in _added_by_id(tokenizer)],
        "normalizer": join_steps("normalizers", normalizers),
        "pre_tokenizer": join_steps("pretokenizers", pretokenizers),
        "post_processor": write_processor(tokenizer),
        "decoder": _write_decoder(tokenizer, is_bytes),
        "model": written,
    }


def _added_by_id(tokenizer: Tokenizer) -> list[tuple[Any, int]]:
    return sorted(tokenizer.added_tokens.items(), key=lambda item: item[1])


# Pipeline


def _write_pipeline(tokenizer: Tokenizer, is_bytes: bool) -> tuple[list[Json], list[Json]]:
    """Return the steps of the normalizer and of the pretokenizer.

    If the model is one of bytes, a last step writes them as characters.
    """
    normalizers = [write_normalizer(step) for step in steps_of(tokenizer.normalizer)]
    pretokenizers: list[Json] = []
    steps = steps_of(tokenizer.pretokenizer)
    byte_level = BYTE_LEVEL
    if is_bytes and steps[-1]["name"] == "byte_level" and not steps[-1]["writes_characters"]:
        byte_level = write_byte_level(steps.pop() | {"writes_characters": True})[0]
    for step in steps:
        if step["name"] == "mark_runs" and find_splitting(tokenizer.model) == tokenizer.pretokenizer:
            continue  # it splits only where the model never merges
        if step["name"] != "metaspace":
            pretokenizers += write_pretokenizer(step)
            continue
        if pretokenizers:
            raise ModelExportError(
                "tokenizers cannot write ▁ as the pretokenizer 'metaspace' does after another "
                "pretokenizer; use 'metaspace_split' there"
            )
        if any(token.normalized or not token.special for token in tokenizer.added_tokens):
            raise ModelExportError(
                "tokenizers writes ▁ before it searches for added tokens, and once per text between them,"
                " which 'metaspace' does not; it can hold only added tokens that are special and not "
                "normalized"
            )
        if tokenizer.added_tokens:
            check_metaspace_scope(step)
        normalizers += write_metaspace(step)
        if step["split_by_whitespace"]:
            pretokenizers.append(split({"String": "▁"}, "MergedWithNext"))
    if is_bytes:
        of_gpt2 = split({"Regex": CANONICAL["gpt2"]}, "Isolated")
        if byte_level == BYTE_LEVEL and pretokenizers[-1:] == [of_gpt2]:
            pretokenizers.pop()
            byte_level = BYTE_LEVEL | {"use_regex": True}
        pretokenizers.append(byte_level)
    return normalizers, pretokenizers


# Model


def _write_model(tokenizer: Tokenizer) -> Json:
    model = tokenizer.model
    if isinstance(model, UnigramModel):
        return _write_unigram(tokenizer, model)
    if isinstance(model, BPEModel):
        return _write_bpe(tokenizer, model)
    if isinstance(model, ByteModel):
        names = [write_bytes(bytes([byte])) for byte in range(256)]
        return _bpe({"vocab": _vocabulary(tokenizer, names)})
    if isinstance(model, UnitModel) and (model.user_defined or model.unused or model.fuse_unk):
        raise ModelExportError(
            f"tokenizers has no {model.kind} model with user_defined, unused or fuse_unk: it cannot encode "
            "as sentencepiece does"
        )
    if isinstance(model, CharacterModel):
        names = _names(model)
        return _bpe(
            {
                "vocab": _vocabulary(tokenizer, names),
                "unk_token": _unk(tokenizer) or (_no_name(names) if model.byte_ids is None else None),
                "byte_fallback": model.byte_ids is not None,
            }
        )
    if isinstance(model, WordModel):
        if model.byte_ids is not None:
            raise ModelExportError("the WordLevel model of tokenizers has no byte fallback")
        vocabulary = _vocabulary(tokenizer, _names(model))
        return {
            "type": "WordLevel",
            "vocab": vocabulary,
            "unk_token": _unk(tokenizer) or _no_name(vocabulary),
        }
    if isinstance(model, WordPieceModel):
        if model.max_input_bytes_per_word is not None:
            raise ModelExportError("tokenizers has no limit of bytes per word (max_input_bytes_per_word)")
        vocabulary = _vocabulary(tokenizer, _names(model))
        limit = model.max_input_chars_per_word
        return {
            "type": "WordPiece",
            "unk_token": _unk(tokenizer) or _no_name(vocabulary),
            "continuing_subword_prefix": model.continuing_subword_prefix,
            "max_input_chars_per_word": _NO_LIMIT if limit is None else min(limit, _NO_LIMIT),
            "vocab": vocabulary,
        }
    raise ModelExportError(f"tokenizers has no model of kind {model.kind!r}")


def _write_bpe(tokenizer: Tokenizer, model: BPEModel) -> Json:
    alphabet = model.alphabet
    if model.merge_ranks is not None:
        raise ModelExportError(
            "tokenizers gives every merge another rank, but in this model, as in sentencepiece, all merges "
            'into the same piece have the rank of this piece; save it with format="sentencepiece"'
        )
    if isinstance(alphabet, Bytes):
        names = [write_bytes(piece) for piece in model.pieces.to_bytes()]
        options: Json = {}
    else:
        names = _names(model)
        _check_marks(model, alphabet)
        # An unknown character is an error here, but `tokenizers` drops it if the file has no unknown token.
        is_error = not alphabet.drop_unk and not alphabet.byte_fallback
        options = {
            "unk_token": _unk(tokenizer) or (_no_name(names) if is_error else None),
            "continuing_subword_prefix": alphabet.continuing_subword_prefix or None,
            "end_of_word_suffix": alphabet.end_of_word_suffix or None,
            "fuse_unk": alphabet.fuse_unk,
            "byte_fallback": alphabet.byte_fallback,
        }
    left, right = model.merges.T.tolist()
    options |= {
        "ignore_merges": model.ignore_merges,
        "vocab": _vocabulary(tokenizer, names),
        "merges": [[names[a], names[b]] for a, b in zip(left, right, strict=True)],
    }
    return _bpe(options)


def _check_marks(model: BPEModel, alphabet: Characters) -> None:
    """Raise an error if `tokenizers` treats pieces with a prefix, a suffix or a byte otherwise."""
    has_marks = bool(alphabet.continuing_subword_prefix or alphabet.end_of_word_suffix)
    if alphabet.compat is None and alphabet.byte_fallback and has_marks:
        raise ModelExportError(
            "tokenizers writes the bytes of the prefix and suffix, too, for an unknown character; it cannot "
            "combine byte_fallback with a prefix or suffix as fasttok does"
        )
    if alphabet.compat is None and model.ignore_merges and (alphabet.byte_fallback or has_marks):
        raise ModelExportError(
            "with ignore_merges, tokenizers encodes text such as <0x41> or a</w> as the piece with this "
            'name, which fasttok does only with Characters(compat="huggingface")'
        )


def _bpe(options: Json) -> Json:
    defaults: Json = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
        "vocab": {},
        "merges": [],
    }
    return defaults | options


def _write_unigram(tokenizer: Tokenizer, model: UnigramModel) -> Json:
    if model.compat == "sentencepiece" or model.fewest_pieces:
        how = (
            'compat="sentencepiece"' if model.compat else 'fewest_pieces=True, as method="mingram" trains it'
        )
        raise ModelExportError(
            f'tokenizers cannot segment as a Unigram model with {how}; train with compat="huggingface"'
        )
    if model.unused:
        raise ModelExportError(
            f"id {min(model.unused)} is unused, but all pieces of a Unigram model of tokenizers match text"
        )
    names = _names(model)
    if model.compat is None and model.unk_id is not None and not model.byte_fallback:
        name = tokenizer.pretokenizer.name
        if not (name == "none" or (name == "metaspace" and "▁" in names)):
            raise ModelExportError(
                "tokenizers does not join unknown characters of successive pretokens to one unknown token, "
                'as fasttok does; train with compat="huggingface" or byte_fallback=True'
            )
    scores = model.scores.copy()
    preferred = list(model.user_defined)
    scores[preferred] = 0.1 * (model.pieces.lengths[preferred] - 1)
    if model.compat is None:
        # The unknown score of `tokenizers` follows from the lowest score of all ids, special tokens and bytes
        # too.
        scores[~model.is_matched] = model.unk_score + 10
    rows = [[name, score] for name, score in zip(names, scores.tolist(), strict=True)]
    if model.unk_id is not None:  # the model must know it
        rows += [["", model.unk_score + 10] for _ in range(len(rows), model.unk_id + 1)]
    for token, i in _added_by_id(tokenizer):
        if i == len(rows):
            break
        if i < len(rows) and not rows[i][0]:
            rows[i][0] = token.text
    if missing := [i for i, row in enumerate(rows) if not row[0]]:
        raise ModelExportError(
            f"id {missing[0]} is not in use, but a Unigram model of tokenizers has no unused ids"
        )
    vocabulary = {name: i for i, (name, _) in enumerate(rows)}
    _check_ids(tokenizer, vocabulary, len(rows))
    return {"type": "Unigram", "unk_id": model.unk_id, "vocab": rows, "byte_fallback": model.byte_fallback}


def _names(model: Model) -> list[str]:
    """Return the name of each id; an error if one is not UTF-8."""
    names = []
    for i, piece in enumerate(model.pieces.to_bytes()):
        try:
            names.append(piece.decode())
        except UnicodeDecodeError:
            raise ModelExportError(
                f"piece {piece!r} of id {i} is not UTF-8, so it has no name in JSON"
            ) from None
    return names


def _vocabulary(tokenizer: Tokenizer, names: list[str]) -> dict[str, int]:
    """Return the id of each piece by name, with the added tokens whose ids `tokenizers` would not find
    otherwise.

    Raises
    ------
    ModelExportError
        If two ids have the same name, or `tokenizers` would give an added token another id.
    """
    vocabulary: dict[str, int] = {}
    for i, name in enumerate(names):
        if name and vocabulary.setdefault(name, i) != i:
            raise ModelExportError(f"ids {vocabulary[name]} and {i} have the same piece {name!r}")
    added = {token.text: i for token, i in _added_by_id(tokenizer)}
    unk = {text: i for text, i in added.items() if i == tokenizer.unk_id}  # the model must know it
    with_unk, with_all = (
        dict(sorted((more | vocabulary).items(), key=lambda item: item[1])) for more in (unk, added)
    )
    if assign_ids(added, with_unk, len(with_unk)) == added:
        return with_unk
    owners = {i: name for name, i in vocabulary.items()}
    for text, i in added.items():
        if owners.get(i, text) != text:
            raise ModelExportError(
                f"the added token {text!r} has the id {i} of a piece that tokenizers names {owners[i]!r}"
            )
    _check_ids(tokenizer, with_all, len(with_all))
    return with_all


def _check_ids(tokenizer: Tokenizer, vocabulary: dict[str, int], n_pieces: int) -> None:
    added = _added_by_id(tokenizer)
    found = assign_ids((token.text for token, _ in added), vocabulary, n_pieces)
    for token, i in added:
        if found[token.text] != i:
            raise ModelExportError(
                f"tokenizers would give the added token {token.text!r} the id {found[token.text]}, not {i}"
            )


def _unk(tokenizer: Tokenizer) -> str | None:
    i = tokenizer.unk_id
    return None if i is None else tokenizer.id_to_piece(i).decode()


def _no_name(vocabulary: Collection[str]) -> str:
    """Return a name for the unknown token that is not a piece, so that an unknown word is an error."""
    name = "[UNK]"
    while name in vocabulary:
        name = f"[{name}]"
    return name


# Decoder


def _write_decoder(tokenizer: Tokenizer, is_bytes: bool) -> Json | None:
    given = tokenizer.given_decoder
    if given is not None:
        steps = steps_of(given)
        if steps == [{"name": "join"}]:
            return None
        written = [write_decoder(step) for step in steps]
        if is_bytes and steps[0]["name"] not in BYTE_DECODERS:
            raise ModelExportError(
                "tokenizers can only decode pieces of bytes with ByteLevel, but the tokenizer was given "
                f"{given}"
            )
        return join_steps("decoders", written)
    _check_texts_of_added(tokenizer, is_bytes)
    decoder = tokenizer.decoder
    first, *others = decoder.steps if isinstance(decoder, Sequence) else (decoder,)
    if not is_bytes:
        written = _write_first_decoder(tokenizer, first)
    elif isinstance(first, Pieces):
        written = [BYTE_LEVEL | {"use_regex": True}]
    else:
        raise ModelExportError(f"tokenizers cannot decode bytes as {decoder} does")
    for step in others:
        if not isinstance(step, Metaspace):
            raise ModelExportError(f"tokenizers cannot decode as {decoder} does")
        if any(piece.startswith(b" ") for piece in tokenizer.pieces.to_bytes()):
            raise ModelExportError(
                "tokenizers would remove the space that begins a piece or added token, like that of a ▁"
            )
        written += metaspace_decoders(steps_of(step)[0])
    return join_steps("decoders", written)


def _check_texts_of_added(tokenizer: Tokenizer, is_bytes: bool) -> None:
    """Raise an error if `tokenizers` would decode an added token as other text."""
    for token in tokenizer.added_tokens:
        text: Any = token.text
        if token.normalized and tokenizer.normalizer is not None:
            text = tokenizer.normalizer.normalize(text)
        data = read_bytes(text) if is_bytes else None
        decoded = text if data is None else data.decode(errors="replace")
        if decoded != token.text:
            advice = "; use AddedToken(..., normalized=False)" if text != token.text else ""
            raise ModelExportError(
                f"tokenizers would decode the added token {token.text!r} as {decoded!r}{advice}"
            )


def _write_first_decoder(tokenizer: Tokenizer, decoder: Any) -> list[Json]:
    options = getattr(tokenizer.model, "alphabet", tokenizer.model)
    prefix: str = getattr(options, "continuing_subword_prefix", "")
    suffix: str = getattr(options, "end_of_word_suffix", "")
    if isinstance(decoder, SpaceBefore):
        begins = tokenizer.model.begins_word
        if not prefix and begins is not None and not begins[tokenizer.model.pieces.lengths > 0].all():
            raise ModelExportError(
                "tokenizers cannot join pieces without a prefix and put spaces before added tokens"
            )
        prefix = prefix or _unused_prefix(tokenizer)
        return [{"type": "WordPiece", "prefix": prefix, "cleanup": decoder.clean_up}]
    if isinstance(decoder, SpaceAfter) and suffix:
        _check_suffix(tokenizer, suffix)
        return [{"type": "BPEDecoder", "suffix": suffix}]
    if isinstance(decoder, Pieces) and (written := _write_pieces(tokenizer, prefix, suffix)):
        return written
    raise ModelExportError(f"tokenizers has no decoder that does exactly the same as {decoder}")


def _check_suffix(tokenizer: Tokenizer, suffix: str) -> None:
    """Raise an error if `tokenizers`, which removes the suffix everywhere in a token, would change others."""
    ends = tokenizer.model.ends_word
    for i, piece in enumerate(tokenizer.pieces.to_bytes()):
        is_marked = ends is not None and i < len(ends) and bool(ends[i])
        if piece.count(suffix.encode()) != is_marked:
            raise ModelExportError(
                f"tokenizers would remove the suffix {suffix!r} from {piece.decode(errors='replace')!r}"
            )


def _write_pieces(tokenizer: Tokenizer, prefix: str, suffix: str) -> list[Json] | None:
    """Return decoders that join the pieces without their marks; None if they would change another token."""
    model = tokenizer.model
    has_bytes = getattr(model, "byte_ids", None) is not None
    bytes_ = {name: bytes([byte]) for byte, name in enumerate(BYTE_NAMES)} if has_bytes else {}

    def decode(name: bytes) -> bytes:
        text = name.removeprefix(prefix.encode()).removesuffix(suffix.encode())
        return bytes_.get(text, text)

    added = [token.text.encode() for token, _ in _added_by_id(tokenizer)]
    names, texts = (rows.to_bytes() + added for rows in (model.pieces, model.decoded_pieces))
    if [decode(name) for name in names] != texts:
        return None
    marks = [rf"\A{re.escape(prefix)}"] * bool(prefix) + [rf"{re.escape(suffix)}\z"] * bool(suffix)
    decoders = [replace({"Regex": mark}, "") for mark in marks]
    return [*decoders, *([{"type": "ByteFallback"}] * has_bytes), {"type": "Fuse"}]


def _unused_prefix(tokenizer: Tokenizer) -> str:
    """Return a prefix with which no piece begins."""
    names = tokenizer.pieces.to_bytes()
    prefix = "##"
    while any(name.startswith(prefix.encode()) for name in names):
        prefix += "#"
    return prefix
