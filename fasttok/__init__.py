"""fasttok: train, run and compare subword tokenizers.

Training and encoding follow one path::

    Corpus --normalizer, pretokenizer--> PretokenCounts --trainer--> Model
                                                                       |
             Tokenizer = normalizer + pretokenizer + model + added tokens + decoder
                                                                       |
                                    encode, encode_batch, encode_files --> ids (Ragged)

Start with `train` for a new tokenizer and with `load` for a tokenizer in a file. `measure` computes metrics
of tokenizers, and `compare` runs a whole experiment with many tokenizers.

Examples
--------
>>> import fasttok as ft
>>> corpus = ft.Corpus.from_texts(["low lower lowest"])
>>> tok = ft.train(corpus, vocab_size=262, special_tokens=["<|endoftext|>"])
>>> tok.encode("lower lowest")
array([257, 101, 114, 259, 260], dtype=uint32)
>>> tok.show("lower lowest")
low|e|r|·lowe|st
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from fasttok import lm as lm
    from fasttok import tokens as tokens
    from fasttok import vectors as vectors
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
        TokenStoreError,
        UnknownCharacterError,
    )
    from fasttok.core.ragged import Ragged
    from fasttok.core.versions import show_versions
    from fasttok.corpus.corpus import Corpus
    from fasttok.corpus.sample import parallel_sample
    from fasttok.counts.count import count_pretokens
    from fasttok.counts.recipe import Recipe
    from fasttok.counts.table import PretokenCounts
    from fasttok.decoders.base import Decoder, Filter
    from fasttok.decoders.registry import get_decoder
    from fasttok.decoders.streaming import StreamDecoder
    from fasttok.display.colours import ColouredTokens
    from fasttok.display.merge_trees import MergeNode, MergeTree
    from fasttok.display.side_by_side import SideBySide, show_side_by_side
    from fasttok.evaluation.columns import Column, Cut
    from fasttok.evaluation.comparison import compare_tokenizers
    from fasttok.evaluation.differences import Differences
    from fasttok.evaluation.measure import measure
    from fasttok.evaluation.metric import Metric
    from fasttok.evaluation.probes import Probes, probe
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
    from fasttok.models.merging.merge_steps import Candidate, MergeStep
    from fasttok.models.rounds import EMStep, PruningStep
    from fasttok.models.sampling import Dropout, Sampling
    from fasttok.models.unigram.lattice import Lattice, Segmentation, ViterbiTable
    from fasttok.models.unigram.model import UnigramModel
    from fasttok.models.unigram.trainer import UnigramTrainer
    from fasttok.models.units.byte import ByteModel, ByteTrainer
    from fasttok.models.units.character import CharacterModel, CharacterTrainer
    from fasttok.models.units.word import WordModel, WordTrainer
    from fasttok.models.wordpiece.model import WordPieceModel
    from fasttok.models.wordpiece.trainer import WordPieceTrainer
    from fasttok.text.added import AddedToken
    from fasttok.text.normalizers.byte_level import ByteLevelNormalizer
    from fasttok.text.normalizers.code_points import BertNormalizer, UnicodeNormalizer
    from fasttok.text.normalizers.registry import get_normalizer
    from fasttok.text.normalizers.replace import RegexReplace, Replace
    from fasttok.text.normalizers.strip_prepend import Prepend, Strip
    from fasttok.text.pretokenizers.byte_level import ByteLevel
    from fasttok.text.pretokenizers.classes import (
        SplitDigits,
        SplitLength,
        SplitPunctuation,
        SplitScripts,
        WordsAndSymbols,
    )
    from fasttok.text.pretokenizers.expressions import Regex
    from fasttok.text.pretokenizers.metaspace import MarkRuns, Metaspace
    from fasttok.text.pretokenizers.metaspace_split import MetaspaceSplit
    from fasttok.text.pretokenizers.registry import get_pretokenizer
    from fasttok.text.pretokenizers.split import Split
    from fasttok.text.steps import Normalizer, Pretokenizer
    from fasttok.tokenizer.batches import Padded, Windows
    from fasttok.tokenizer.filling import Pairs, TypeIds
    from fasttok.tokenizer.model_config import ModelConfig
    from fasttok.tokenizer.offsets import Encoding
    from fasttok.tokenizer.settings import Padding, TrimOffsets, Truncation
    from fasttok.tokenizer.stream import EncodedPart
    from fasttok.tokenizer.template import Template
    from fasttok.tokenizer.tokenizer import Tokenizer
    from fasttok.tokenizer.train import train
    from fasttok.tokens.store import TokenStore
    from fasttok.traces.merges import MergeTrace
    from fasttok.traces.replay import Replay
    from fasttok.traces.trace import trace
    from fasttok.traces.unigram import UnigramTrace

# Public names by module. They are imported on first access (PEP 562), which keeps `import fasttok` fast.
_NAMES_OF_MODULE = {
    "fasttok.tokenizer.batches": ["Padded", "Windows"],
    "fasttok.tokenizer.filling": ["Pairs", "TypeIds"],
    "fasttok.tokenizer.model_config": ["ModelConfig"],
    "fasttok.tokenizer.settings": ["Padding", "TrimOffsets", "Truncation"],
    "fasttok.display.colours": ["ColouredTokens"],
    "fasttok.display.merge_trees": ["MergeNode", "MergeTree"],
    "fasttok.display.side_by_side": ["SideBySide", "show_side_by_side"],
    "fasttok.counts.count": ["count_pretokens"],
    "fasttok.counts.recipe": ["Recipe"],
    "fasttok.counts.table": ["PretokenCounts"],
    "fasttok.corpus.sample": ["parallel_sample"],
    "fasttok.core.errors": [
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
        "TokenStoreError",
        "UnknownCharacterError",
    ],
    "fasttok.evaluation.wrappers": ["wrap"],
    "fasttok.evaluation.columns": ["Column", "Cut"],
    "fasttok.evaluation.comparison": ["compare_tokenizers"],
    "fasttok.evaluation.differences": ["Differences"],
    "fasttok.evaluation.measure": ["measure"],
    "fasttok.evaluation.metric": ["Metric"],
    "fasttok.evaluation.probes": ["Probes", "probe"],
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
    "fasttok.models.merging.merge_steps": ["Candidate", "MergeStep"],
    "fasttok.models.sampling": ["Dropout", "Sampling"],
    "fasttok.models.unigram.lattice": ["Lattice", "Segmentation", "ViterbiTable"],
    "fasttok.models.unigram.model": ["UnigramModel"],
    "fasttok.models.rounds": ["EMStep", "PruningStep"],
    "fasttok.models.unigram.trainer": ["UnigramTrainer"],
    "fasttok.models.units.word": ["WordModel", "WordTrainer"],
    "fasttok.models.wordpiece.model": ["WordPieceModel"],
    "fasttok.models.wordpiece.trainer": ["WordPieceTrainer"],
    "fasttok.tokenizer.offsets": ["Encoding"],
    "fasttok.core.ragged": ["Ragged"],
    "fasttok.core.versions": ["show_versions"],
    "fasttok.decoders.base": ["Decoder", "Filter"],
    "fasttok.decoders.registry": ["get_decoder"],
    "fasttok.decoders.streaming": ["StreamDecoder"],
    "fasttok.tokenizer.template": ["Template"],
    "fasttok.corpus.corpus": ["Corpus"],
    "fasttok.text.pretokenizers.byte_level": ["ByteLevel"],
    "fasttok.text.pretokenizers.classes": [
        "SplitDigits",
        "SplitLength",
        "SplitPunctuation",
        "SplitScripts",
        "WordsAndSymbols",
    ],
    "fasttok.text.pretokenizers.expressions": ["Regex"],
    "fasttok.text.pretokenizers.metaspace": ["MarkRuns", "Metaspace"],
    "fasttok.text.pretokenizers.metaspace_split": ["MetaspaceSplit"],
    "fasttok.text.pretokenizers.split": ["Split"],
    "fasttok.text.normalizers.byte_level": ["ByteLevelNormalizer"],
    "fasttok.text.normalizers.code_points": ["BertNormalizer", "UnicodeNormalizer"],
    "fasttok.text.normalizers.strip_prepend": ["Prepend", "Strip"],
    "fasttok.text.added": ["AddedToken"],
    "fasttok.text.normalizers.replace": ["RegexReplace", "Replace"],
    "fasttok.text.normalizers.registry": ["get_normalizer"],
    "fasttok.text.steps": ["Normalizer", "Pretokenizer"],
    "fasttok.text.pretokenizers.registry": ["get_pretokenizer"],
    "fasttok.tokenizer.stream": ["EncodedPart"],
    "fasttok.tokenizer.tokenizer": ["Tokenizer"],
    "fasttok.tokenizer.train": ["train"],
    "fasttok.tokens.store": ["TokenStore"],
    "fasttok.traces.merges": ["MergeTrace"],
    "fasttok.traces.replay": ["Replay"],
    "fasttok.traces.trace": ["trace"],
    "fasttok.traces.unigram": ["UnigramTrace"],
}
_MODULE_OF = {
    name: home for home, names in _NAMES_OF_MODULE.items() for name in names
}  # module of each public name

__all__ = [
    "AddedToken",
    "BPEModel",
    "BPETrainer",
    "BertNormalizer",
    "ByteLevel",
    "ByteLevelNormalizer",
    "ByteModel",
    "ByteTrainer",
    "Bytes",
    "Candidate",
    "CharacterModel",
    "CharacterTrainer",
    "Characters",
    "ColouredTokens",
    "Column",
    "Corpus",
    "CorpusError",
    "Cut",
    "Decoder",
    "Differences",
    "Dropout",
    "EMStep",
    "EncodedPart",
    "Encoding",
    "Experiment",
    "ExperimentError",
    "FasttokError",
    "Filter",
    "Lattice",
    "MarkRuns",
    "MergeNode",
    "MergeStep",
    "MergeTrace",
    "MergeTree",
    "Metaspace",
    "MetaspaceSplit",
    "Metric",
    "Model",
    "ModelConfig",
    "ModelExportError",
    "ModelFormatError",
    "Normalizer",
    "Padded",
    "Padding",
    "Pairs",
    "PatternError",
    "Prepend",
    "PretokenCounts",
    "Pretokenizer",
    "Probes",
    "PruningStep",
    "Ragged",
    "Recipe",
    "RecipeError",
    "Regex",
    "RegexReplace",
    "Replace",
    "Replay",
    "Results",
    "Sampling",
    "ScoringError",
    "Segmentation",
    "SideBySide",
    "SpecialTokenError",
    "Split",
    "SplitDigits",
    "SplitLength",
    "SplitPunctuation",
    "SplitScripts",
    "StreamDecoder",
    "Strip",
    "Template",
    "TemplateError",
    "TestCorpus",
    "TextError",
    "TokenStore",
    "TokenStoreError",
    "Tokenizer",
    "Trained",
    "Trainer",
    "TrimOffsets",
    "Truncation",
    "TypeIds",
    "UnicodeNormalizer",
    "UnigramModel",
    "UnigramTrace",
    "UnigramTrainer",
    "UnknownCharacterError",
    "ViterbiTable",
    "Windows",
    "WordModel",
    "WordPieceModel",
    "WordPieceTrainer",
    "WordTrainer",
    "WordsAndSymbols",
    "compare",
    "compare_tokenizers",
    "count_pretokens",
    "get_decoder",
    "get_normalizer",
    "get_pretokenizer",
    "load",
    "measure",
    "parallel_sample",
    "probe",
    "show_side_by_side",
    "show_versions",
    "trace",
    "train",
    "verify",
    "wrap",
    "write_report",
]

# Packages whose public names are attributes of the package, such as `fasttok.vectors.sinusoidal`.
_PACKAGES = ["lm", "tokens", "vectors"]


def __getattr__(name: str) -> Any:
    if name in _PACKAGES:
        return import_module(f"fasttok.{name}")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'fasttok' has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_PACKAGES})
