"""The tokenizers of an experiment, as its file names them: a model at a size each, or a file."""

from __future__ import annotations

import os
import re
from dataclasses import MISSING, dataclass, fields
from itertools import chain, product
from typing import Any

from fasttok.core.component import is_import_path
from fasttok.experiment.spec.toml import Table, find_files_of, shown, suggest
from fasttok.formats.registry import FORMATS, describe_unknown, find_format
from fasttok.models.base import Trainer
from fasttok.models.registry import TRAINERS
from fasttok.text.normalizers.registry import get_normalizer
from fasttok.text.pretokenizers.registry import get_pretokenizer

OF_GROUPS = ("model", "name", "vocab_size", "pretokenizer", "normalizer")  # keys that are no trainer's option
SUFFIXES = (".json", ".tiktoken", ".txt")  # of tokenizers; what else is behind a dot belongs to the name
LONGEST_NAME = 200  # bytes, of 255 that a file may be called by: while it is written it is called longer
# What a comparison needs and a trainer does not take for granted: an id for what training did not see.
UNKNOWN = {"character": "<unk>", "word": "<unk>"}


@dataclass(frozen=True)
class Loading:
    """A tokenizer that is there already: a file, and further arguments of `load`."""

    name: str
    file: str
    options: dict[str, Any]


@dataclass(frozen=True)
class Training:
    """A tokenizer to be trained.

    Attributes
    ----------
    name : str
        What it is called.
    model : str
        The algorithm.
    options : dict
        Arguments of its trainer.
    pretokenizer, normalizer : dict, dict or None
        Their configurations.
    """

    name: str
    model: str
    options: dict[str, Any]
    pretokenizer: dict[str, Any]
    normalizer: dict[str, Any] | None


def read_tokenizers(root: Table, folder: str) -> tuple[Training | Loading, ...]:
    """What every ``[[tokenizer]]`` says; paths start from the folder."""
    found: dict[str, Training | Loading] = {}
    for group in root.tables("tokenizer"):
        for tokenizer in _loadings(group, folder) if "load" in group.values else _trainings(group):
            key = tokenizer.name.casefold()  # on some disks that is the same file
            if key in found:
                raise group.error(
                    f"{found[key].name} is there already; in a [[tokenizer]] of its own, with a name, "
                    "this one is called otherwise"
                )
            found[key] = tokenizer
    if not found:
        raise root.error("there is no tokenizer to compare: write [[tokenizer]]")
    return tuple(found.values())


def _loadings(group: Table, folder: str) -> list[Loading]:
    kinds: dict[str, list[tuple[type, ...]]] = {}
    for format in FORMATS.values():
        for key, option in format.options.items():
            kinds.setdefault(key, []).append(option.kinds)
    group.check_keys("load", "name", *kinds)
    for key, of_formats in kinds.items():
        if key in group.values and all(of_formats):  # otherwise the format says what is wrong
            group.value(key, *chain.from_iterable(of_formats))
    for path in group.values_of("load", str):
        if os.path.isdir(os.path.join(folder, path)):
            files = os.path.join(path, "*.json")
            raise group.error(f"{shown(path)} is a folder; name files in it, say {shown(files)}", "load")
    loadings: list[Loading] = []
    for file in dict.fromkeys(find_files_of(group, "load", folder)):
        name = os.path.basename(file)
        base, suffix = os.path.splitext(name)
        group.check_name(name, "load")
        options = _loading_options(group, file)
        loadings.append(Loading(_name(group, base if suffix.lower() in SUFFIXES else name), file, options))
    return loadings


def _loading_options(group: Table, file: str) -> dict[str, Any]:
    """The options for a file, checked by its format, which its beginning tells."""
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
            raise group.error(f"no option of {name}, which needs a [[tokenizer]] of its own", key)
        try:
            options[key] = option.parse(group.values[key], file)
        except (TypeError, ValueError) as error:
            raise group.error(str(error), key) from None
    for key, option in format.options.items():
        if key not in options and (reason := option.missing(file)):
            raise group.error(f"{name} {reason}: write {key}", "load")
    return options


def _trainings(group: Table) -> list[Training]:
    if "model" not in group.values:
        raise group.error("which one? Write model or load")
    models = group.values_of("model", str)
    trainers = {model: _find_trainer(group, model) for model in models}
    known = {model: {option.name for option in fields(trainers[model])} - {"start"} for model in models}
    group.check_keys(*OF_GROUPS, *sorted(set().union(*known.values()).difference(OF_GROUPS)))
    given = {key: value for key, value in group.values.items() if key not in OF_GROUPS}
    for key, model in product(given, models):
        if key not in known[model]:
            raise group.error(f"no option of {model}, which needs a [[tokenizer]] of its own", key)
    sizes = group.values_of("vocab_size", int) if "vocab_size" in group.values else [None]
    if sizes != [None] and not any("vocab_size" in known[model] for model in models):
        raise group.error(f"does nothing for {' and '.join(models)}", "vocab_size")
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
        raise group.error(f"{model!r} is not known; {suggest(model, list(TRAINERS))}", "model")
    try:
        return TRAINERS.find(model)
    except ValueError as error:
        raise group.error(str(error), "model") from None


def _check_options(group: Table, model: str, trainer: type[Trainer], options: dict[str, Any]) -> None:
    """Let the trainer say what is wrong with its options."""
    for option in fields(trainer):
        if option.default is MISSING and option.name not in options:
            raise group.error(f"{model} needs {option.name}")
    for key, value in options.items():
        if isinstance(value, int) and abs(value) >> 63:
            raise group.error("must fit into 64 bits", key)
    try:
        trainer(**options)
    except (TypeError, ValueError) as error:
        named = [key for key in re.findall(r"\w+", str(error)) if key in options and key in group.values]
        raise group.error(f"{model}: {error}", *named[:1]) from None


def _pretokenizer(group: Table) -> dict[str, Any]:
    try:
        return get_pretokenizer(group.value("pretokenizer", str, list, dict, default="gpt2")).config()
    except (TypeError, ValueError) as error:
        raise group.error(str(error), "pretokenizer") from None


def _normalizer(group: Table) -> dict[str, Any] | None:
    try:
        normalizer = get_normalizer(group.value("normalizer", str, list, dict, default=None))
    except (TypeError, ValueError) as error:
        raise group.error(str(error), "normalizer") from None
    return None if normalizer is None else normalizer.config()


def _name(group: Table, name: str) -> str:
    """What a tokenizer is called, and its file: what it is, behind the name of its group if that has one."""
    prefix = group.value("name", str, default=None)
    if prefix is not None:
        if not re.fullmatch(r"\w[\w.+-]*", prefix):
            raise group.error(f"must be letters, digits and . _ + -, not {prefix!r}", "name")
        name = f"{prefix}-{name}"
    if len(f"{name}.json".encode()) > LONGEST_NAME:
        key = "load" if prefix is None else "name"
        raise group.error(f"{name}.json has more than the {LONGEST_NAME} bytes that a name may have", key)
    return name
