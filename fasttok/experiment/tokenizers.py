"""The tokenizers of an experiment, as its file names them: a model at a size each, or a file."""

from __future__ import annotations

import os
import re
from dataclasses import MISSING, dataclass, fields
from itertools import product
from typing import Any

from fasttok.experiment.toml import Table, find_files_of, suggest
from fasttok.text.normalizers import get_normalizer
from fasttok.text.pretokenizers import get_pretokenizer
from fasttok.training import TRAINERS

OF_GROUPS = ("model", "name", "vocab_size", "pretokenizer", "normalizer")  # keys that are no trainer's option
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
                    f"{found[key].name} is there already; with a name these are called otherwise"
                )
            found[key] = tokenizer
    if not found:
        raise root.error("there is no tokenizer to compare: write [[tokenizer]]")
    return tuple(found.values())


def _loadings(group: Table, folder: str) -> list[Loading]:
    group.check_keys("load", "name", "pretokenizer", "special_tokens")
    options: dict[str, Any] = {}
    if "pretokenizer" in group.values:
        options["pretokenizer"] = _pretokenizer(group)
    if "special_tokens" in group.values:
        options["special_tokens"] = group.value("special_tokens", dict)
    return [
        Loading(_name(group, os.path.basename(file).split(".", 1)[0]), file, options)
        for file in find_files_of(group, "load", folder)
    ]


def _trainings(group: Table) -> list[Training]:
    if "model" not in group.values:
        raise group.error("which one? Write model or load")
    models = group.values_of("model", str)
    for model in models:
        if model not in TRAINERS:
            raise group.error(f"{model!r} is not known; {suggest(model, TRAINERS)}", "model")
    known = {model: {option.name for option in fields(TRAINERS[model])} - {"start"} for model in models}
    group.check_keys(*OF_GROUPS, *sorted(set().union(*known.values())))
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
            _check_options(group, model, options)
            name = _name(group, model if size is None else f"{model}-{size}")
            trainings.append(Training(name, model, options, pretokenizer, normalizer))
    return trainings


def _check_options(group: Table, model: str, options: dict[str, Any]) -> None:
    """Let the trainer say what is wrong with its options."""
    for option in fields(TRAINERS[model]):
        if option.default is MISSING and option.name not in options:
            raise group.error(f"{model} needs {option.name}")
    try:
        TRAINERS[model](**options)
    except (TypeError, ValueError) as error:
        key = str(error).split(" ", 1)[0]
        raise group.error(f"{model}: {error}", *[key] * (key in group.values)) from None


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
    if prefix is None:
        return name
    if not re.fullmatch(r"\w[\w.+-]*", prefix):
        raise group.error(f"must be letters, digits and . _ + -, not {prefix!r}", "name")
    return f"{prefix}-{name}"
