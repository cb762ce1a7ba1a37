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
    from fasttok.core.errors import (
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
    from fasttok.core.ragged import Ragged
    from fasttok.corpus.corpus import Corpus
    from fasttok.corpus.sample import parallel_sample
    from fasttok.counts.count import count_pretokens
    from fasttok.counts.table import PretokenCounts, Recipe
    from fasttok.decoders.base import Decoder, Filter
    from fasttok.decoders.registry import get_decoder
    from fasttok.decoders.streaming import StreamDecoder
    from fasttok.display.colours import ColouredTokens
    from fasttok.evaluation.columns import Column, Cut
    from fasttok.evaluation.measure import measure
    from fasttok.evaluation.metric import Metric
    from fasttok.evaluation.sample import TestCorpus
    from fasttok.evaluation.wrappers import wrap
    from fasttok.experiment.report.report import write_report
    from fasttok.experiment.run.results import Results
    from fasttok.experiment.run.run import compare
    from fasttok.experiment.run.verify import verify
    from fasttok.experiment.spec.spec import Experiment
    from fasttok.formats.registry import load
    from fasttok.models.base import Model, Trained, Trainer
    from fasttok.models.bpe.alphabets import Bytes, Characters
    from fasttok.models.bpe.model import BPEModel
    from fasttok.models.bpe.trainer import BPETrainer
    from fasttok.models.sampling import Dropout, Sampling
    from fasttok.models.unigram.lattice import Lattice, Segmentation
    from fasttok.models.unigram.model import UnigramModel
    from fasttok.models.unigram.trainer import UnigramTrainer
    from fasttok.models.units.byte import ByteModel, ByteTrainer
    from fasttok.models.units.character import CharacterModel, CharacterTrainer
    from fasttok.models.units.word import WordModel, WordTrainer
    from fasttok.models.wordpiece.model import WordPieceModel
    from fasttok.models.wordpiece.trainer import WordPieceTrainer
    from fasttok.text.added import AddedToken
    from fasttok.text.normalizers.charsmap import Replace
    from fasttok.text.normalizers.code_points import BertNormalizer
    from fasttok.text.normalizers.edges import Prepend, Strip
    from fasttok.text.normalizers.registry import get_normalizer
    from fasttok.text.pretokenizers.metaspace import Metaspace
    from fasttok.text.pretokenizers.registry import get_pretokenizer
    from fasttok.text.steps import Normalizer, Pretokenizer
    from fasttok.tokenizer.batches import Padded, Pairs, Windows
    from fasttok.tokenizer.offsets import Encoding
    from fasttok.tokenizer.template import Template
    from fasttok.tokenizer.tokenizer import Tokenizer
    from fasttok.tokenizer.train import train

# Where each public name lives; imported when first asked for (PEP 562), so that `import fasttok` is quick.
_HOMES = {
    "fasttok.tokenizer.batches": ["Padded", "Pairs", "Windows"],
    "fasttok.display.colours": ["ColouredTokens"],
    "fasttok.counts.count": ["count_pretokens"],
    "fasttok.counts.table": ["PretokenCounts", "Recipe"],
    "fasttok.corpus.sample": ["parallel_sample"],
    "fasttok.core.errors": [
        "CorpusError",
        "ExperimentError",
        "FasttokError",
        "Model",
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
    "fasttok.evaluation.wrappers": ["wrap"],
    "fasttok.evaluation.columns": ["Column", "Cut"],
    "fasttok.evaluation.measure": ["measure"],
    "fasttok.evaluation.metric": ["Metric"],
    "fasttok.evaluation.sample": ["TestCorpus"],
    "fasttok.experiment.report.report": ["write_report"],
    "fasttok.experiment.run.results": ["Results"],
    "fasttok.experiment.run.run": ["compare"],
    "fasttok.experiment.spec.spec": ["Experiment"],
    "fasttok.experiment.run.verify": ["verify"],
    "fasttok.formats.registry": ["load"],
    "fasttok.models.base": ["Model", "Trained", "Trainer"],
    "fasttok.models.bpe.alphabets": ["Bytes", "Characters"],
    "fasttok.models.bpe.model": ["BPEModel"],
    "fasttok.models.bpe.trainer": ["BPETrainer"],
    "fasttok.models.units.byte": ["ByteModel", "ByteTrainer"],
    "fasttok.models.units.character": ["CharacterModel", "CharacterTrainer"],
    "fasttok.models.sampling": ["Dropout", "Sampling"],
    "fasttok.models.unigram.lattice": ["Lattice", "Segmentation"],
    "fasttok.models.unigram.model": ["UnigramModel"],
    "fasttok.models.unigram.trainer": ["UnigramTrainer"],
    "fasttok.models.units.word": ["WordModel", "WordTrainer"],
    "fasttok.models.wordpiece.model": ["WordPieceModel"],
    "fasttok.models.wordpiece.trainer": ["WordPieceTrainer"],
    "fasttok.tokenizer.offsets": ["Encoding"],
    "fasttok.core.ragged": ["Ragged"],
    "fasttok.decoders.base": ["Decoder", "Filter"],
    "fasttok.decoders.registry": ["get_decoder"],
    "fasttok.decoders.streaming": ["StreamDecoder"],
    "fasttok.tokenizer.template": ["Template"],
    "fasttok.corpus.corpus": ["Corpus"],
    "fasttok.text.pretokenizers.metaspace": ["Metaspace"],
    "fasttok.text.normalizers.code_points": ["BertNormalizer"],
    "fasttok.text.normalizers.edges": ["Prepend", "Strip"],
    "fasttok.text.added": ["AddedToken"],
    "fasttok.text.normalizers.charsmap": ["Replace"],
    "fasttok.text.normalizers.registry": ["get_normalizer"],
    "fasttok.text.steps": ["Normalizer", "Pretokenizer"],
    "fasttok.text.pretokenizers.registry": ["get_pretokenizer"],
    "fasttok.tokenizer.tokenizer": ["Tokenizer"],
    "fasttok.tokenizer.train": ["train"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AddedToken",
    "BPEModel",
    "BPETrainer",
    "BertNormalizer",
    "ByteModel",
    "ByteTrainer",
    "Bytes",
    "CharacterModel",
    "CharacterTrainer",
    "Characters",
    "ColouredTokens",
    "Column",
    "Corpus",
    "CorpusError",
    "Cut",
    "Decoder",
    "Dropout",
    "Encoding",
    "Experiment",
    "ExperimentError",
    "FasttokError",
    "Filter",
    "Lattice",
    "Metaspace",
    "Metric",
    "Model",
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
    "Trainer",
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
    "get_decoder",
    "get_normalizer",
    "get_pretokenizer",
    "load",
    "measure",
    "parallel_sample",
    "train",
    "verify",
    "wrap",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'fasttok' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
