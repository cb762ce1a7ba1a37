"""Make a tokenizer from the content of a ``tokenizer.json``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fasttok.core.errors import FasttokError, TemplateError, warn
from fasttok.decoders.base import Decoder
from fasttok.formats.base import SPARE_IDS
from fasttok.formats.huggingface.canonical import to_canonical
from fasttok.formats.huggingface.components import read_decoder, read_normalizer, read_pretokenizer
from fasttok.formats.huggingface.folder import FolderSettings
from fasttok.formats.huggingface.folder_tokens import Addition, add_ids, read_added
from fasttok.formats.huggingface.ids import assign_ids
from fasttok.formats.huggingface.models import read_model
from fasttok.formats.huggingface.processors import read_processor, read_settings
from fasttok.formats.huggingface.shapes import ADDED_TOKEN_FLAGS, Place
from fasttok.models.bpe.splitting import find_splitting
from fasttok.text.added import AddedToken
from fasttok.text.pretokenizers.byte_level import ByteLevel
from fasttok.text.pretokenizers.registry import get_pretokenizer
from fasttok.text.steps import Pretokenizer
from fasttok.text.unicode.byte_alphabet import read_bytes
from fasttok.text.unicode.versions import TOKENIZERS_VERSION
from fasttok.tokenizer.tokenizer import Tokenizer
from fasttok.tokenizer.vocabulary import check_added_tokens

Json = dict[str, Any]


def read_tokenizer(fields: Any, path: str, n_bytes: int, folder: FolderSettings | None = None) -> Tokenizer:
    """Return the tokenizer of a ``tokenizer.json``.

    Parameters
    ----------
    fields : object
        The parsed JSON, in any published shape.
    path : str
        The file, for errors.
    n_bytes : int
        Length of the file. No id may be larger by `SPARE_IDS` or more, so that a short file cannot ask for
        much memory.
    folder : FolderSettings, optional
        Settings in the folder of the file. They are the `config` of the tokenizer, and can add tokens and
        change flags of those in the file.

    Raises
    ------
    ModelFormatError
        If the file is damaged, or fasttok cannot do exactly the same as ``tokenizers``. `place` is the JSON
        path.
    """
    canonical = to_canonical(fields, path)
    place = Place(path)
    normalizer = read_normalizer(canonical["normalizer"], place.at("normalizer"))
    steps = read_pretokenizer(canonical["pre_tokenizer"], place.at("pre_tokenizer"))
    decoder: Decoder | None = read_decoder(canonical["decoder"], place.at("decoder"))
    in_file = _read_added(canonical["added_tokens"])
    ids_in_file = {row["content"]: row["id"] for row in canonical["added_tokens"] if row["content"]}
    padding = canonical["padding"]
    # In `transformers`, the token of the padding is a special token unless the settings name another one.
    roles = {"pad": padding["pad_token"]} if padding and padding["pad_token"] else {}
    addition = read_added(folder, in_file, ids_in_file, roles) if folder else Addition(in_file, {})
    tokens = addition.tokens
    is_byte_level = canonical["model"]["type"] == "BPE" and _is_byte_level(steps, canonical)
    read = read_model(
        canonical["model"],
        place.at("model"),
        n_file_bytes=n_bytes + SPARE_IDS,
        is_byte_level=is_byte_level,
        added=tokens.keys(),
    )
    ids = _find_ids(canonical, ids_in_file, addition, path)
    added = {token: ids[text] for text, token in tokens.items()}
    for text, token in tokens.items():
        if token.normalized and normalizer is not None and not normalizer.normalize(text):
            # `tokenizers` then finds the empty text everywhere.
            raise place.at("added_tokens").error(f"the normalized text of {text!r} is empty")
    if read.dropout:
        warn(
            f"{path}: the file asks for BPE-dropout with the probability {read.dropout:g}, which makes ids"
            f" random; pass sampling=ft.Dropout({read.dropout:g}, seed) to encode if you want that"
        )
    if read.is_byte_level and isinstance(steps[-1], ByteLevel):
        steps = [*steps[:-1], *_without_bytes(steps[-1])]
        is_rewritten = normalizer is not None and any(token.normalized for token in added)
        if not is_rewritten and not any(map(_changes_in_byte_level, tokens)):
            decoder = None  # the default, which writes the bytes of the pieces and the texts of added tokens
    elif not steps and canonical["model"]["type"] == "BPE":
        splitting = find_splitting(read.model)
        steps = [] if splitting is None else [splitting]
    processing = read_processor(canonical["post_processor"], place.at("post_processor"))
    settings = read_settings(canonical)
    settings["template"] = processing.template
    settings["trim_offsets"] = processing.trim_offsets
    settings["config"] = folder.config(roles) if folder and folder.content else None
    try:
        return Tokenizer(
            read.model,
            steps or "none",
            added,
            {"format": "huggingface", "unicode": TOKENIZERS_VERSION},
            normalizer=normalizer,
            decoder=decoder,
            **settings,
        )
    except TemplateError as error:
        raise place.at("post_processor").error(str(error)) from None
    except (TypeError, ValueError, FasttokError) as error:
        own = {token: i for token, i in added.items() if token.text in in_file}
        for tokens_of_file, where in ((own, place.at("added_tokens")), (added, folder and folder.place(""))):
            try:
                check_added_tokens(tokens_of_file, read.model.pieces)
            except ValueError:
                raise (where or place).error(str(error)) from None
        raise place.error(str(error)) from None


def _read_added(rows: list[Json]) -> dict[str, AddedToken]:
    """Return the added tokens by text, in the order of the file."""
    tokens: dict[str, AddedToken] = {}
    for row in rows:
        text = row["content"]
        if not text:  # `tokenizers` ignores empty tokens
            continue
        flags = {flag: row[flag] for flag in ADDED_TOKEN_FLAGS}
        # Of a repeated token, the last row counts, but once it is special, it stays special.
        flags["special"] |= text in tokens and tokens[text].special
        tokens[text] = AddedToken(text, **flags)
    return tokens


def _find_ids(fields: Json, in_file: dict[str, int], addition: Addition, path: str) -> dict[str, int]:
    """Return the ids that ``tokenizers`` gives to added tokens; warn if a file gives them others.

    `in_file` has the ids of the tokens of this file, which are added before those of the settings.
    """
    vocab = fields["model"]["vocab"]
    names = {row[0]: i for i, row in enumerate(vocab)} if isinstance(vocab, list) else vocab
    ids = assign_ids(in_file, names, len(vocab))
    moved = [text for text, i in ids.items() if in_file[text] != i]
    if moved:
        warn(
            f"{path}: the ids of {len(moved)} added tokens are not those in the file; tokenizers gives"
            f" {moved[0]!r} the id {ids[moved[0]]}, not {in_file[moved[0]]}"
        )
    ids = add_ids(ids, addition.tokens, names, len(vocab))
    addition.check_ids(ids)
    return ids


def _is_byte_level(steps: list[Pretokenizer], fields: Json) -> bool:
    """Return whether ByteLevel is the last pretokenizer and the only decoder, so that pieces can be bytes."""
    decoder = fields["decoder"]
    return (
        bool(steps)
        and isinstance(steps[-1], ByteLevel)
        and not any(isinstance(step, ByteLevel) for step in steps[:-1])
        and decoder is not None
        and decoder["type"] == "ByteLevel"
    )


def _without_bytes(step: ByteLevel) -> list[Pretokenizer]:
    """Return the steps of ByteLevel that precede the writing of bytes as characters."""
    if step.add_prefix_space:
        return [replace(step, writes_characters=False)]
    return [get_pretokenizer({"name": "gpt2", "unicode": step.unicode})] if step.use_regex else []


def _changes_in_byte_level(text: str) -> bool:
    """Return whether the decoder ByteLevel changes a text."""
    data = read_bytes(text)
    return data is not None and data != text.encode()
