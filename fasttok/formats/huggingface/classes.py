"""Folders of models whose tokenizer is in other files than a ``tokenizer.json``.

A class of ``transformers`` makes the tokenizer from these files. Classes that do so alike are a `Family`:
those of GPT-2 and RoBERTa for ``vocab.json`` and ``merges.txt``, and those of BERT for ``vocab.txt``. The
tokenizer is read from the ``tokenizer.json`` that the class would write.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from fasttok.core.errors import ModelFormatError
from fasttok.formats import gpt2, vocab_txt
from fasttok.formats.huggingface.folder import (
    CONFIG,
    MODEL,
    FolderSettings,
    read_config,
    read_in,
)
from fasttok.formats.huggingface.folder_tokens import read_added
from fasttok.formats.huggingface.ids import assign_ids
from fasttok.formats.huggingface.read import read_tokenizer
from fasttok.formats.huggingface.shapes import Place, added_fields, check_flag, check_text
from fasttok.tokenizer.tokenizer import Tokenizer

Json = dict[str, Any]
Flags = Mapping[str, bool]

_FLAGS = (
    "add_prefix_space",
    "trim_offsets",
    "add_bos_token",
    "add_eos_token",
    "do_lower_case",
    "strip_accents",
    "tokenize_chinese_chars",
)


class Family(NamedTuple):
    """Classes of ``transformers`` that treat the files of a format alike.

    Attributes
    ----------
    names : tuple of str
        Names of the classes, or of types of models, in lower case and without the word "tokenizer".
    roles : dict of str to str
        Default special token of each role.
    ends : tuple of str
        Roles of the special tokens that are put around every text.
    processor : callable
        Function of the special tokens by role, the ids of the added tokens and the flags of the settings that
        returns the post-processor.
    """

    names: tuple[str, ...]
    roles: dict[str, str]
    ends: tuple[str, ...]
    processor: Callable[[Mapping[str, str], Mapping[str, int], Flags], Json]


class _Files(NamedTuple):
    """Content of the files of a tokenizer.

    Attributes
    ----------
    fields : dict
        The ``tokenizer.json`` of the tokenizer, without added tokens and post-processor.
    vocabulary : str
        File of the pieces.
    n_bytes : int
        Limit for ids.
    merges : str
        File of the merges; empty if there is none.
    """

    fields: Json
    vocabulary: str
    n_bytes: int
    merges: str = ""


# Post-processors


def _add_ends(roles: Mapping[str, str], ids: Mapping[str, int], flags: Flags) -> Json:
    """Return the post-processor of GPT-2: bos before each text and eos after it, if the settings say so."""
    bos, eos = (
        [roles[role]] if flags.get(f"add_{role}_token") and role in roles else [] for role in ("bos", "eos")
    )
    single = [*_parts(bos), _text("A"), *_parts(eos)]
    return _template(single, [*single, *_parts(bos, 1), _text("B", 1), *_parts(eos, 1)], ids)


def _add_cls_and_sep(roles: Mapping[str, str], ids: Mapping[str, int], flags: Flags) -> Json:
    """Return the post-processor of BERT."""
    single = [*_parts([roles["cls"]]), _text("A"), *_parts([roles["sep"]])]
    return _template(single, [*single, _text("B", 1), *_parts([roles["sep"]], 1)], ids)


def _add_as_roberta(roles: Mapping[str, str], ids: Mapping[str, int], flags: Flags) -> Json:
    return {
        "type": "RobertaProcessing",
        "sep": [roles["sep"], ids[roles["sep"]]],
        "cls": [roles["cls"], ids[roles["cls"]]],
        "trim_offsets": flags.get("trim_offsets", True),
        "add_prefix_space": flags.get("add_prefix_space", False),
    }


def _text(name: str, type_id: int = 0) -> Json:
    return {"Sequence": {"id": name, "type_id": type_id}}


def _parts(tokens: list[str], type_id: int = 0) -> list[Json]:
    return [{"SpecialToken": {"id": token, "type_id": type_id}} for token in tokens]


def _template(single: list[Json], pair: list[Json], ids: Mapping[str, int]) -> Json:
    names = {part["SpecialToken"]["id"] for part in pair if "SpecialToken" in part}
    tokens = {name: {"id": name, "ids": [ids[name]], "tokens": [name]} for name in names}
    return {"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens}


_ENDOFTEXT = "<|endoftext|>"
_GPT2 = Family(
    ("gpt2", "gpt_neo", "gptj"),
    {"unk": _ENDOFTEXT, "bos": _ENDOFTEXT, "eos": _ENDOFTEXT},
    (),
    _add_ends,
)
_ROBERTA = Family(
    ("roberta", "bart", "longformer", "led"),
    {
        "bos": "<s>", "eos": "</s>", "unk": "<unk>", "sep": "</s>", "pad": "<pad>", "cls": "<s>",
        "mask": "<mask>",
    },
    ("cls", "sep"),
    _add_as_roberta,
)  # fmt: skip
_BERT = Family(
    ("bert", "distilbert", "electra", "mobilebert", "convbert", "squeezebert"),
    {"unk": "[UNK]", "sep": "[SEP]", "pad": "[PAD]", "cls": "[CLS]", "mask": "[MASK]"},
    ("cls", "sep"),
    _add_cls_and_sep,
)
# Families by format. The first one is that of a folder that does not name its class.
FAMILIES = {"gpt2": (_GPT2, _ROBERTA), "vocab.txt": (_BERT,)}


def load(format: str, folder: str) -> Tokenizer | None:
    """Load a tokenizer from a folder as its class in ``transformers`` does.

    Parameters
    ----------
    format : str
        Name of the format of the files.
    folder : str
        The folder.

    Returns
    -------
    Tokenizer or None
        None if the folder has no settings, or the format does not depend on a class.

    Raises
    ------
    ModelFormatError
        If a file is damaged, or the class treats these files in a way that fasttok does not know.
    """
    settings = read_config(folder)
    if format not in FAMILIES or not (settings.content or os.path.exists(os.path.join(folder, MODEL))):
        return None
    family = _find_family(format, settings)
    flags = _read_flags(settings)
    addition = read_added(settings, {}, {}, family.roles)
    config = settings.config(family.roles)
    _check_ends(family, config.roles, settings)
    read = _read_pair if format == "gpt2" else _read_vocab
    files = read(folder, flags, config.roles)
    names = files.fields["model"]["vocab"]
    ids = assign_ids(addition.tokens, names, len(names))
    files.fields["added_tokens"] = [added_fields(token, ids[text]) for text, token in addition.tokens.items()]
    files.fields["post_processor"] = family.processor(config.roles, ids, flags)
    try:
        tokenizer = read_tokenizer(files.fields, folder, files.n_bytes)
    except ModelFormatError as error:
        raise _in_files(error, folder, files) from None
    addition.check_ids(ids)
    return tokenizer.with_settings(config=config)


def _find_family(format: str, settings: FolderSettings) -> Family:
    model = os.path.join(settings.folder, MODEL)
    name, place = settings.content.get("tokenizer_class"), settings.place("tokenizer_class")
    for key in ("tokenizer_class", "model_type"):
        if name is None:
            name, place = read_in(settings.folder, MODEL).get(key), Place(model, key)
    if name is None:
        return FAMILIES[format][0]
    short = check_text(name, place).removesuffix("Fast").removesuffix("Tokenizer").lower()
    for family in FAMILIES[format]:
        if short in family.names:
            return family
    raise place.error(
        f"fasttok does not know how {name} treats the files of {format}; save the tokenizer with "
        "transformers, and load the tokenizer.json that this gives"
    )


def _read_flags(settings: FolderSettings) -> Flags:
    given = {flag: settings.content[flag] for flag in _FLAGS if settings.content.get(flag) is not None}
    return {flag: check_flag(value, settings.place(flag)) for flag, value in given.items()}


def _check_ends(family: Family, roles: Mapping[str, str], settings: FolderSettings) -> None:
    """Check that no special token that the class puts around every text is turned off."""
    for role in family.ends:
        if role not in roles:
            raise settings.place(f"{role}_token").error(
                "must not be null, because the class of the tokenizer puts this token around every text"
            )


def _read_pair(folder: str, flags: Flags, roles: Mapping[str, str]) -> _Files:
    """Read the two files of GPT-2."""
    paths = gpt2.find_pair(folder)
    pair = gpt2.read_pair(*paths)
    adds_space = flags.get("add_prefix_space", False)
    fields = {
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": adds_space, "trim_offsets": True},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True},
        "model": {"type": "BPE", "vocab": pair.vocab, "merges": [list(merge) for merge in pair.merges]},
    }
    return _Files(fields, paths[0], sum(map(os.path.getsize, paths)), paths[1])


def _read_vocab(folder: str, flags: Flags, roles: Mapping[str, str]) -> _Files:
    """Read a vocab.txt."""
    path = os.path.join(folder, "vocab.txt")
    fields = {
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": flags.get("tokenize_chinese_chars", True),
            "strip_accents": flags.get("strip_accents"),
            "lowercase": flags.get("do_lower_case", True),
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": roles.get("unk", "None"),  # str(None), as in `transformers`
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {piece: i for i, piece in enumerate(vocab_txt.read_lines(path))},
        },
    }
    return _Files(fields, path, os.path.getsize(path))


def _in_files(error: ModelFormatError, folder: str, files: _Files) -> ModelFormatError:
    """Return an error about the ``tokenizer.json`` as an error about the file that has the entry."""
    message = str(error).removeprefix(f"{error.path}: ").removeprefix(f"{error.place}: ")
    if error.place.startswith("model.merges["):
        index = error.place.removeprefix("model.merges[").removesuffix("]")
        left, right = files.fields["model"]["merges"][int(index)]
        return ModelFormatError(message, files.merges, f"merge {left} {right}")
    if error.place.startswith("model"):
        place = error.place.removeprefix("model.vocab").removeprefix("model").strip("[].")
        return ModelFormatError(message, files.vocabulary, place)
    if error.place.startswith("added_tokens"):
        return ModelFormatError(message, os.path.join(folder, CONFIG))
    return ModelFormatError(message, folder)
