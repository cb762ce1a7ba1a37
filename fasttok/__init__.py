"""fasttok: the research workbench for subword tokenizers.

Text flows one way::

    Corpus --normalizer, pretokenizer--> PretokenCounts --trainer--> Model
                                                                       |
                       Tokenizer = normalizer + pretokenizer + model + special tokens
                                                                       |
                                    encode, encode_batch, encode_files --> ids (Ragged)

Start with `Corpus`, `count_pretokens`, `train` and `load`; `compare` does all of it for many tokenizers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from fasttok.batches import Padded, Pairs, Windows
    from fasttok.counts.count import count_pretokens
    from fasttok.counts.table import PretokenCounts, Recipe
    from fasttok.data.sample import parallel_sample
    from fasttok.errors import (
        CorpusError,
        ExperimentError,
        FasttokError,
        ModelExportError,
        ModelFormatError,
        PatternError,
        RecipeError,
        ScoringError,
        SpecialTokenError,
        TemplateError,
        TextError,
        UnknownCharacterError,
    )
    from fasttok.evaluation.foreign import wrap
    from fasttok.evaluation.measure import measure
    from fasttok.evaluation.sample import TestCorpus
    from fasttok.experiment.results import Results
    from fasttok.experiment.run import compare
    from fasttok.experiment.spec import Experiment
    from fasttok.experiment.verify import verify
    from fasttok.formats.load import load
    from fasttok.models.base import Trained
    from fasttok.models.bpe.characters import CharacterBPEModel
    from fasttok.models.bpe.model import BPEModel
    from fasttok.models.bpe.trainer import BPETrainer
    from fasttok.models.byte import ByteModel, ByteTrainer
    from fasttok.models.character import CharacterModel, CharacterTrainer
    from fasttok.models.sampling import Sampling
    from fasttok.models.unigram.lattice import Lattice, Segmentation
    from fasttok.models.unigram.model import UnigramModel
    from fasttok.models.unigram.trainer import UnigramTrainer
    from fasttok.models.word import WordModel, WordTrainer
    from fasttok.models.wordpiece.model import WordPieceModel
    from fasttok.models.wordpiece.trainer import WordPieceTrainer
    from fasttok.offsets import Encoding
    from fasttok.ragged import Ragged
    from fasttok.streaming import StreamDecoder
    from fasttok.template import Template
    from fasttok.text.base import Pretokenizer
    from fasttok.text.code_points import BertNormalizer
    from fasttok.text.corpus import Corpus
    from fasttok.text.edges import Prepend, Strip
    from fasttok.text.metaspace import Metaspace
    from fasttok.text.normalizers import Replace, get_normalizer
    from fasttok.text.pretokenizers import get_pretokenizer
    from fasttok.text.rewriting import Normalizer
    from fasttok.tokenizer import Tokenizer
    from fasttok.training import train

# Where each public name lives; imported when first asked for (PEP 562), so that `import fasttok` is quick.
_HOMES = {
    "fasttok.batches": ["Padded", "Pairs", "Windows"],
    "fasttok.counts.count": ["count_pretokens"],
    "fasttok.counts.table": ["PretokenCounts", "Recipe"],
    "fasttok.data.sample": ["parallel_sample"],
    "fasttok.errors": [
        "CorpusError",
        "ExperimentError",
        "FasttokError",
        "ModelExportError",
        "ModelFormatError",
        "PatternError",
        "RecipeError",
        "ScoringError",
        "SpecialTokenError",
        "TemplateError",
        "TextError",
        "UnknownCharacterError",
    ],
    "fasttok.evaluation.foreign": ["wrap"],
    "fasttok.evaluation.measure": ["measure"],
    "fasttok.evaluation.sample": ["TestCorpus"],
    "fasttok.experiment.results": ["Results"],
    "fasttok.experiment.run": ["compare"],
    "fasttok.experiment.spec": ["Experiment"],
    "fasttok.experiment.verify": ["verify"],
    "fasttok.formats.load": ["load"],
    "fasttok.models.base": ["Trained"],
    "fasttok.models.bpe.characters": ["CharacterBPEModel"],
    "fasttok.models.bpe.model": ["BPEModel"],
    "fasttok.models.bpe.trainer": ["BPETrainer"],
    "fasttok.models.byte": ["ByteModel", "ByteTrainer"],
    "fasttok.models.character": ["CharacterModel", "CharacterTrainer"],
    "fasttok.models.sampling": ["Sampling"],
    "fasttok.models.unigram.lattice": ["Lattice", "Segmentation"],
    "fasttok.models.unigram.model": ["UnigramModel"],
    "fasttok.models.unigram.trainer": ["UnigramTrainer"],
    "fasttok.models.word": ["WordModel", "WordTrainer"],
    "fasttok.models.wordpiece.model": ["WordPieceModel"],
    "fasttok.models.wordpiece.trainer": ["WordPieceTrainer"],
    "fasttok.offsets": ["Encoding"],
    "fasttok.ragged": ["Ragged"],
    "fasttok.streaming": ["StreamDecoder"],
    "fasttok.template": ["Template"],
    "fasttok.text.base": ["Pretokenizer"],
    "fasttok.text.corpus": ["Corpus"],
    "fasttok.text.metaspace": ["Metaspace"],
    "fasttok.text.code_points": ["BertNormalizer"],
    "fasttok.text.edges": ["Prepend", "Strip"],
    "fasttok.text.normalizers": ["Replace", "get_normalizer"],
    "fasttok.text.rewriting": ["Normalizer"],
    "fasttok.text.pretokenizers": ["get_pretokenizer"],
    "fasttok.tokenizer": ["Tokenizer"],
    "fasttok.training": ["train"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "BPEModel",
    "BPETrainer",
    "BertNormalizer",
    "ByteModel",
    "ByteTrainer",
    "CharacterBPEModel",
    "CharacterModel",
    "CharacterTrainer",
    "Corpus",
    "CorpusError",
    "Encoding",
    "Experiment",
    "ExperimentError",
    "FasttokError",
    "Lattice",
    "Metaspace",
    "ModelExportError",
    "ModelFormatError",
    "Normalizer",
    "Padded",
    "Pairs",
    "PatternError",
    "Prepend",
    "PretokenCounts",
    "Pretokenizer",
    "Ragged",
    "Recipe",
    "RecipeError",
    "Replace",
    "Results",
    "Sampling",
    "ScoringError",
    "Segmentation",
    "SpecialTokenError",
    "StreamDecoder",
    "Strip",
    "Template",
    "TemplateError",
    "TestCorpus",
    "TextError",
    "Tokenizer",
    "Trained",
    "UnigramModel",
    "UnigramTrainer",
    "UnknownCharacterError",
    "Windows",
    "WordModel",
    "WordPieceModel",
    "WordPieceTrainer",
    "WordTrainer",
    "compare",
    "count_pretokens",
    "get_normalizer",
    "get_pretokenizer",
    "load",
    "measure",
    "parallel_sample",
    "train",
    "verify",
    "wrap",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'fasttok' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
