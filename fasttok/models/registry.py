"""Registries of model families: trainers by the names that `train` takes, models by their kind in files."""

from __future__ import annotations

from typing import Any

from fasttok.core.component import Registry
from fasttok.models.base import Model, Trainer, make_from_fields

TRAINERS: Registry[Trainer] = Registry(
    "a trainer",
    Trainer,  # type: ignore[type-abstract]
    {
        "bpe": "fasttok.models.bpe.trainer:BPETrainer",
        "unigram": "fasttok.models.unigram.trainer:UnigramTrainer",
        "wordpiece": "fasttok.models.wordpiece.trainer:WordPieceTrainer",
        "character": "fasttok.models.units.character:CharacterTrainer",
        "byte": "fasttok.models.units.byte:ByteTrainer",
        "word": "fasttok.models.units.word:WordTrainer",
    },
)
MODELS: Registry[Model] = Registry(
    "a model",
    Model,  # type: ignore[type-abstract]
    {
        "bpe": "fasttok.models.bpe.model:BPEModel",
        "bpe_characters": "fasttok.models.bpe.model:BPEModel",
        "unigram": "fasttok.models.unigram.model:UnigramModel",
        "wordpiece": "fasttok.models.wordpiece.model:WordPieceModel",
        "character": "fasttok.models.units.character:CharacterModel",
        "byte": "fasttok.models.units.byte:ByteModel",
        "word": "fasttok.models.units.word:WordModel",
    },
)


def read_model(fields: dict[str, Any]) -> Model:
    """Make a model from the result of `Model.file_fields`.

    Raises
    ------
    KeyError, TypeError, ValueError
        If a field is missing or invalid.
    """
    return make_from_fields(MODELS.find(fields["kind"]), fields)
