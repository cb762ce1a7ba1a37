"""Load and save the ``tokenizer.json`` of Hugging Face ``tokenizers``, and the folder around it."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from typing import Any

from fasttok.core.errors import ModelExportError
from fasttok.core.saving import write_files
from fasttok.formats.base import Format, check_largest_id
from fasttok.formats.huggingface.folder import (
    ADDED,
    CONFIG,
    DECODER,
    TOKENIZER,
    TOKENS_BY_ROLE,
    by_key,
    chat_template_files,
    has_settings,
    read_config,
)
from fasttok.formats.huggingface.numbers import read_float
from fasttok.formats.huggingface.processors import write_settings
from fasttok.formats.huggingface.read import read_tokenizer
from fasttok.formats.huggingface.write import to_text
from fasttok.formats.json_files import read_object
from fasttok.tokenizer.batches import PAD_TOKENS
from fasttok.tokenizer.tokenizer import Tokenizer

# Usual names of the special token of each role, in order of preference.
USUAL_TOKENS: dict[str, tuple[str, ...]] = {
    "bos": ("<s>", "<bos>", "<|begin_of_text|>", "<|endoftext|>"),
    "eos": ("</s>", "<eos>", "<|end_of_text|>", "<|endoftext|>"),
    "pad": PAD_TOKENS,
    "cls": ("[CLS]", "<cls>"),
    "sep": ("[SEP]", "<sep>"),
    "mask": ("[MASK]", "<mask>"),
}
# Settings that would replace what the `tokenizer.json` says.
_IN_TOKENIZER = (DECODER, "add_bos_token", "add_eos_token", "auto_map", "fast_tokenizer_files")


def load(path: str | os.PathLike[str]) -> Tokenizer:
    """Load a tokenizer from a ``tokenizer.json``, or from the folder of a model that contains one.

    `fasttok.load` calls this function for files and folders that it recognizes.

    Parameters
    ----------
    path : path
        The file or the folder.

    Returns
    -------
    Tokenizer

    Raises
    ------
    ModelFormatError
        If a file is damaged, or contains something that fasttok cannot do exactly as ``tokenizers`` does.

    Notes
    -----
    The ids, offsets and texts are those of ``tokenizers`` 0.23 with ``special="all"``: in fasttok, the text
    of a special token becomes its id only if you allow it. Ids of added tokens are computed as ``tokenizers``
    does, whatever the file says. Padding and truncation of the file are the defaults of `Tokenizer.pad` and
    `Tokenizer.encode_pairs`.
    """
    name = os.fspath(path)
    if not os.path.isdir(name):
        fields, n_bytes = read_object(name, read_float)
        return read_tokenizer(fields, name, n_bytes)
    file = os.path.join(name, TOKENIZER)
    fields, n_bytes = read_object(file, read_float)
    settings = read_config(name)
    return read_tokenizer(fields, file, n_bytes, settings if has_settings(settings) else None)


def save(tokenizer: Tokenizer, path: str | os.PathLike[str]) -> None:
    """Write a ``tokenizer.json``; to a folder, also the ``tokenizer_config.json`` that ``transformers``
    reads.

    Parameters
    ----------
    tokenizer : Tokenizer
        The tokenizer.
    path : path
        The file, whose name ends with ``.json``; any other path is a folder, which is made if it does not
        exist.

    Raises
    ------
    ModelExportError
        If ``tokenizers`` cannot do exactly the same as the tokenizer; or if the folder would have a padding
        token or a role whose token is not an added token, so that ``transformers`` would add one. The
        message says what.
    OSError
        If a file cannot be written; or if the folder has files of chat templates, which ``transformers`` and
        fasttok would read, but not one for each chat template of the tokenizer.

    Notes
    -----
    A single file does not hold the `config` of the tokenizer: its chat template, the roles of special tokens
    and other settings are only written to a folder.

    If the tokenizer has no `config`, special tokens with usual names get their roles in the settings, for
    example ``[PAD]`` that of the padding token.

    In a folder, other files with settings are written again if they exist, so that no file contradicts the
    new ones: `special_tokens_map.json`, `added_tokens.json` and the files of chat templates. No file is
    removed.

    The ids are the same, except those of near ties and of names of byte pieces with a Unigram model without
    ``compat="huggingface"``. Decoded text and offsets differ in these cases:

    - If the first token is a continuation, ``tokenizers`` keeps its prefix: ``##er``.
    - If successive byte pieces are not UTF-8, it writes U+FFFD for each of them.
    - The bytes of an unknown character have the span of the character, or of all unknown characters in a row,
      while in fasttok only the last byte ends after the character.
    - In runs of spaces that `fasttok.Metaspace` merges, the span is the first space.

    Examples
    --------
    >>> import os, tempfile
    >>> import fasttok as ft
    >>> folder = tempfile.mkdtemp()
    >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=261)
    >>> tok.save(folder, format="huggingface")
    >>> sorted(os.listdir(folder))
    ['tokenizer.json', 'tokenizer_config.json']
    """
    name = os.fspath(path)
    text = to_text(tokenizer)
    check_largest_id("a tokenizer.json", tokenizer, tokenizer.vocab_size - 1, len(text))
    if os.path.isdir(name) or not name.lower().endswith(".json"):
        _check_roles(tokenizer)
        config = config_of(tokenizer)
        files = {TOKENIZER: text, CONFIG: _to_json(config)} | _older_files(tokenizer, config, name)
        templates = _template_files(config.get("chat_template"), name)
        os.makedirs(name, exist_ok=True)
        write_files({os.path.join(name, file): text.encode() for file, text in (files | templates).items()})
    else:
        write_files({name: text.encode()})


def config_of(tokenizer: Tokenizer) -> dict[str, Any]:
    """Return the settings for ``transformers``.

    The `tokenizer.json` has the added tokens and the template, so the fields that would replace them are
    dropped, and so is the name of a class in other files. Without settings, the usual names of special tokens
    say which role they have.
    """
    config = _usual_roles(tokenizer) if tokenizer.config is None else dict(tokenizer.config.content)
    kept = {key: _as_token(value) for key, value in config.items() if key not in _IN_TOKENIZER}
    if tokenizer.config is not None:  # the file has the flags of these tokens
        kept |= by_key(tokenizer.config.roles)
    # With an empty list of added tokens, those of the file remain as they are, and no older files are read.
    # Classes of single models make their components anew instead of using those of the file.
    return kept | {DECODER: {}, "tokenizer_class": "PreTrainedTokenizerFast"}


def _check_roles(tokenizer: Tokenizer) -> None:
    """Raise an error if the settings name a token that ``transformers`` would add."""
    roles = {} if tokenizer.config is None else tokenizer.config.roles
    texts = {f"{role}_token": text for role, text in roles.items()}
    if tokenizer.padding is not None and "pad" not in roles:
        texts["the padding token"] = write_settings(tokenizer)["padding"]["pad_token"]
    added = {token.text for token in tokenizer.added_tokens}
    for name, text in texts.items():
        if text not in added:
            raise ModelExportError(
                f"{name} is {text!r}, which is not an added token of the tokenizer; transformers would add it"
            )


def _usual_roles(tokenizer: Tokenizer) -> dict[str, Any]:
    """Return the special tokens with usual names as fields of the settings."""
    tokens = tokenizer.special_tokens
    unk = tuple(text for text, i in tokens.items() if i == tokenizer.unk_id)
    usual = {role: [token for token in names if token in tokens] for role, names in USUAL_TOKENS.items()}
    return by_key({role: found[0] for role, found in (usual | {"unk": unk}).items() if found})


def _older_files(tokenizer: Tokenizer, config: Mapping[str, Any], folder: str) -> dict[str, str]:
    """Return the new content of the files of older versions of ``transformers`` that a folder has."""
    ids = sorted(tokenizer.added_tokens.items(), key=lambda item: item[1])
    roles = {
        key: [_text_of(one) for one in value] if isinstance(value, list) else _text_of(value)
        for key, value in config.items()
        if key.endswith(("_token", "_special_tokens")) and not isinstance(value, bool)
    }
    contents: dict[str, dict[str, Any]] = {TOKENS_BY_ROLE: roles, ADDED: {token.text: i for token, i in ids}}
    return {
        name: _to_json(content)
        for name, content in contents.items()
        if os.path.exists(os.path.join(folder, name))
    }


def _template_files(template: Any, folder: str) -> dict[str, str]:
    """Return the new content of the files of chat templates that a folder has.

    Raises
    ------
    FileExistsError
        If these files cannot have exactly the chat templates of the tokenizer.
    """
    files = chat_template_files(folder)
    texts = _texts_by_name(template) if files else {}
    advice = "save to another folder, or remove the files of chat templates"
    for name, path in files.items():
        if name not in texts:
            message = f"this file would be read, but the tokenizer has no chat template {name!r}; {advice}"
            raise FileExistsError(errno.EEXIST, message, path)
    for name in texts.keys() - files.keys():
        message = f"only files would be read, but the chat template {name!r} has none; {advice}"
        raise FileExistsError(errno.EEXIST, message, next(iter(files.values())))
    return {os.path.relpath(path, folder): texts[name] for name, path in files.items()}


def _texts_by_name(template: Any) -> dict[str, str]:
    """Return the chat templates of the settings: a text, or several with their names."""
    if isinstance(template, list):
        rows = [row for row in template if isinstance(row, dict) and row.keys() >= {"name", "template"}]
        template = {row["name"]: row["template"] for row in rows}
    named = template if isinstance(template, dict) else {"default": template}
    return {name: text for name, text in named.items() if isinstance(text, str)}


def _text_of(token: Any) -> Any:
    return token.get("content", token) if isinstance(token, dict) else token


def _as_token(value: Any) -> Any:
    """Return a setting with the mark of added tokens that ``transformers`` expects in this file."""
    if isinstance(value, list):
        return [_as_token(one) for one in value]
    is_token = isinstance(value, dict) and isinstance(value.get("content"), str)
    return {"__type": "AddedToken", **value} if is_token else value


def _to_json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _sniff(head: bytes, path: str) -> bool:
    return (
        os.path.isfile(os.path.join(path, TOKENIZER))
        if os.path.isdir(path)
        else head.lstrip().startswith(b"{")
    )


HUGGINGFACE = Format(
    "huggingface",
    "a tokenizer.json of Hugging Face",
    _sniff,
    load,
    save,
    is_general=True,
    names=("tokenizer.json",),
)
