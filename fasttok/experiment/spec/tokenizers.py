"""Tokenizers of an experiment, as experiment.toml specifies them: tokenizers to train and to load."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from itertools import chain, product
from typing import Any

from fasttok.core.component import is_import_path
from fasttok.experiment.spec.toml import Table, find_files_of, shown, suggest
from fasttok.formats.registry import FORMATS, describe_unknown, find_format
from fasttok.models.base import Trainer
from fasttok.models.registry import TRAINERS
from fasttok.text.normalizers.registry import get_normalizer
from fasttok.text.pretokenizers.registry import DEFAULT_PRETOKENIZER, get_pretokenizer

# Keys of [[tokenizer]] that are not passed to a trainer as options.
GROUP_KEYS = ("model", "name", "vocab_size", "pretokenizer", "normalizer")
# File suffixes that are removed from the name of a loaded tokenizer. Other suffixes belong to the name.
SUFFIXES = (".json", ".model", ".tiktoken", ".txt", ".vocab")
# Maximum length of a file name in bytes. File systems allow 255, but while a file is written, it has a longer
# temporary name.
LONGEST_NAME = 200
# Unknown token by model. These models need one, because test text can contain unseen characters and words.
UNKNOWN = {"character": "<unk>", "word": "<unk>"}


@dataclass(frozen=True)
class Loading:
    """Tokenizer to load from a file or a folder.

    Attributes
    ----------
    name : str
        Name of the tokenizer in the results.
    file : str
        Path of the file or folder.
    options : dict
        Keyword arguments of `fasttok.load`.

    Examples
    --------
    >>> from fasttok.experiment.spec.tokenizers import Loading
    >>> Loading("cl100k", "cl100k_base.tiktoken", {"pretokenizer": "cl100k"}).name
    'cl100k'
    """

    name: str
    file: str
    options: dict[str, Any]


@dataclass(frozen=True)
class Training:
    """Tokenizer to train.

    Attributes
    ----------
    name : str
        Name of the tokenizer in the results.
    model : str
        Name or import path of the model family.
    options : dict
        Keyword arguments of the trainer.
    pretokenizer : dict
        Configuration of the pretokenizer.
    normalizer : dict or None
        Configuration of the normalizer.

    Examples
    --------
    >>> import fasttok as ft
    >>> from fasttok.experiment.spec.tokenizers import Training
    >>> Training("bpe-1000", "bpe", {"vocab_size": 1000}, ft.get_pretokenizer("gpt2").config(), None).model
    'bpe'
    """

    name: str
    model: str
    options: dict[str, Any]
    pretokenizer: dict[str, Any]
    normalizer: dict[str, Any] | None


def read_tokenizers(root: Table, folder: str) -> tuple[Training | Loading, ...]:
    """Read all ``[[tokenizer]]`` tables; relative paths start from `folder`."""
    found: dict[str, Training | Loading] = {}
    for group in root.tables("tokenizer"):
        for tokenizer in _loadings(group, folder) if "load" in group.values else _trainings(group):
            key = tokenizer.name.casefold()  # some file systems ignore case
            if key in found:
                raise group.error(
                    f"two tokenizers are named {found[key].name}; put one of them into a separate "
                    "[[tokenizer]] with the key name"
                )
            found[key] = tokenizer
    if not found:
        raise root.error("there is no tokenizer to compare; add a table [[tokenizer]]")
    return tuple(found.values())


def _loadings(group: Table, folder: str) -> list[Loading]:
    """Return the tokenizers of a ``[[tokenizer]]`` with the key ``load``."""
    kinds: dict[str, list[tuple[type, ...]]] = {}
    for format in FORMATS.values():
        for key, option in format.options.items():
            kinds.setdefault(key, []).append(option.kinds)
    group.check_keys("load", "name", *kinds)
    for key, of_formats in kinds.items():
        if key in group.values and all(of_formats):  # otherwise the format itself checks the type
            group.value(key, *chain.from_iterable(of_formats))
    loadings: list[Loading] = []
    for file in dict.fromkeys(chain.from_iterable(_paths(group, folder))):
        name = os.path.basename(file)
        base, suffix = os.path.splitext(name)
        group.check_name(name, "load")
        options = _loading_options(group, file)
        is_file = suffix.lower() in SUFFIXES and not os.path.isdir(file)
        loadings.append(Loading(_name(group, base if is_file else name), file, options))
    return loadings


def _paths(group: Table, folder: str) -> Iterator[list[str]]:
    """Yield the files of each entry of the key ``load``, or the folder if it contains a tokenizer."""
    for path in group.values_of("load", str):
        whole = os.path.join(folder, path)
        if not os.path.isdir(whole):
            yield find_files_of(group, "load", folder, [path])
        elif find_format(whole) is not None:
            yield [os.path.abspath(whole)]
        else:
            files = os.path.join(path, "*.json")
            raise group.error(
                f"{shown(path)} is a folder; name its files, for example {shown(files)}", "load"
            )


def _loading_options(group: Table, file: str) -> dict[str, Any]:
    """Return the options for a file, checked by its format, which is detected from its first bytes."""
    name = os.path.basename(file)
    try:
        format = find_format(file)
    except OSError as error:
        raise group.error(f"{name}: {error.strerror}", "load") from None
    if format is None:
        raise group.error(f"{name} is {describe_unknown(file)}", "load")
    options: dict[str, Any] = {}
    for key in [key for key in group.values if key not in ("load", "name")]:
        option = format.options.get(key)
        if option is None:
            raise group.error(f"not an option of {name}; put {name} into a separate [[tokenizer]]", key)
        try:
            options[key] = option.parse(group.values[key], file)
        except (TypeError, ValueError) as error:
            raise group.error(str(error), key) from None
    for key, option in format.options.items():
        if key not in options and (reason := option.missing(file, options)):
            raise group.error(f"{name} {reason}; add the key {key}", "load")
    return options


def _trainings(group: Table) -> list[Training]:
    """Return the tokenizers of a ``[[tokenizer]]`` with the key ``model``, one per model and size."""
    if "model" not in group.values:
        raise group.error("must have the key model, to train a tokenizer, or load, to read one from a file")
    models = group.values_of("model", str)
    trainers = {model: _find_trainer(group, model) for model in models}
    known = {model: {option.name for option in fields(trainers[model])} - {"start"} for model in models}
    group.check_keys(*GROUP_KEYS, *sorted(set().union(*known.values()).difference(GROUP_KEYS)))
    given = {key: value for key, value in group.values.items() if key not in GROUP_KEYS}
    for key, model in product(given, models):
        if key not in known[model]:
            raise group.error(f"not an option of {model}; put {model} into a separate [[tokenizer]]", key)
    sizes = group.values_of("vocab_size", int) if "vocab_size" in group.values else [None]
    if sizes != [None] and not any("vocab_size" in known[model] for model in models):
        raise group.error(f"has no effect on {' and '.join(models)}; remove it", "vocab_size")
    pretokenizer, normalizer = _pretokenizer(group), _normalizer(group)
    trainings: list[Training] = []
    for model in models:
        for size in sizes if "vocab_size" in known[model] else [None]:
            options = given if size is None else {**given, "vocab_size": size}
            if model in UNKNOWN and not options.keys() & {"unk", "byte_fallback"}:
                options = {**options, "unk": UNKNOWN[model]}
            _check_options(group, model, trainers[model], options)
            short = model.rpartition(":")[2]
            name = _name(group, short if size is None else f"{short}-{size}")
            trainings.append(Training(name, model, options, pretokenizer, normalizer))
    return trainings


def _find_trainer(group: Table, model: str) -> type[Trainer]:
    if model not in TRAINERS and not is_import_path(model):
        raise group.error(f"no model is named {model!r}; {suggest(model, list(TRAINERS))}", "model")
    try:
        return TRAINERS.find(model)
    except ValueError as error:
        raise group.error(str(error), "model") from None


def _check_options(group: Table, model: str, trainer: type[Trainer], options: dict[str, Any]) -> None:
    """Check the options by creating the trainer; convert its errors."""
    for option in fields(trainer):
        if option.default is MISSING and option.name not in options:
            raise group.error(f"{model} needs the key {option.name}")
    for key, value in options.items():
        if isinstance(value, int) and abs(value) >> 63:
            raise group.error(f"must fit into 64 bits, not {value}", key)
    try:
        trainer(**options)
    except (TypeError, ValueError) as error:
        named = [key for key in re.findall(r"\w+", str(error)) if key in options and key in group.values]
        raise group.error(f"{model}: {error}", *named[:1]) from None


def _pretokenizer(group: Table) -> dict[str, Any]:
    given = group.value("pretokenizer", str, list, dict, default=DEFAULT_PRETOKENIZER)
    try:
        return get_pretokenizer(given).config()
    except (TypeError, ValueError) as error:
        raise group.error(str(error), "pretokenizer") from None


def _normalizer(group: Table) -> dict[str, Any] | None:
    given = group.value("normalizer", str, list, dict, default=None)
    try:
        normalizer = get_normalizer(given)
    except (TypeError, ValueError) as error:
        raise group.error(str(error), "normalizer") from None
    return None if normalizer is None else normalizer.config()


def _name(group: Table, name: str) -> str:
    """Return the name of a tokenizer, with the name of its group as a prefix if the group has one."""
    prefix = group.value("name", str, default=None)
    if prefix is not None:
        if not re.fullmatch(r"\w[\w.+-]*", prefix):
            raise group.error(f"must consist of letters, digits and . _ + -, not {prefix!r}", "name")
        name = f"{prefix}-{name}"
    if len(f"{name}.json".encode()) > LONGEST_NAME:
        key = "load" if prefix is None else "name"
        raise group.error(f"the file name {name}.json is longer than {LONGEST_NAME} bytes", key)
    return name
