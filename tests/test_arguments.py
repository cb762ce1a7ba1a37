"""Every public function gets more than fifty wrong values for each parameter, and must refuse each of them.

The public functions are found by inspection: a new one fails the test until its parameters have a kind and,
if they are required, a valid value. A value is refused if the call raises a typed error that names the
argument; a result, or an error from inside the library, is a failure.
"""

from __future__ import annotations

import datetime
import enum
import inspect
import itertools
import os
import pathlib
import threading
from collections import UserDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest

import fasttok as ft
from fasttok.counts._hash import PretokenTable

# Errors that a wrong argument may raise. KeyError, AttributeError and others come from inside.
REFUSALS = (TypeError, ValueError, IndexError, OSError)

# Wrong values


class MappingLike:
    """Has the methods of a mapping, but is not registered as one, like the batches of some libraries."""

    def keys(self) -> list[str]:
        return ["text"]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return 1

    def __getitem__(self, key: str) -> list[str]:
        return ["one", "two"]


class DataFrame(MappingLike):
    """A table whose iteration gives the names of its columns, like that of pandas."""

    columns = ("text",)
    shape = (2, 1)

    @property
    def iloc(self) -> Any:
        return self


class Table:
    """A table whose iteration gives columns, like that of pyarrow."""

    column_names = ("text",)
    num_rows = 2

    def __iter__(self) -> Iterator[list[str]]:
        return iter([["one", "two"]])

    def __len__(self) -> int:
        return 1

    def column(self, i: int) -> list[str]:
        return ["one", "two"]


class Colour(enum.Enum):
    RED = "red"


def nest_forever() -> list[Any]:
    nested: list[Any] = []
    nested.append(nested)
    return nested


# Functions that make the values, by label. Values are made anew for each call, as some can be used only once.
VALUES: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "False": lambda: False,
    "np.True_": lambda: np.True_,
    "0": lambda: 0,
    "1": lambda: 1,
    "-1": lambda: -1,
    "-7": lambda: -7,
    "2^64": lambda: 1 << 64,
    "10^30": lambda: 10**30,
    "10^5000": lambda: 10**5000,
    "np.int64(1)": lambda: np.int64(1),
    "np.int64(-1)": lambda: np.int64(-1),
    "np.uint8(1)": lambda: np.uint8(1),
    "0.5": lambda: 0.5,
    "300.0": lambda: 300.0,
    "-0.5": lambda: -0.5,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "-inf": lambda: float("-inf"),
    "np.float32(0.5)": lambda: np.float32(0.5),
    "np.float64(nan)": lambda: np.float64("nan"),
    "1j": lambda: 1j,
    "Decimal": lambda: Decimal("0.5"),
    "Fraction": lambda: Fraction(1, 3),
    "Fraction(5, 2)": lambda: Fraction(5, 2),
    "''": lambda: "",
    "'qzxv'": lambda: "qzxv",
    "'two words'": lambda: "two words",
    "surrogate": lambda: "a\ud800",
    "NUL": lambda: "a\0b",
    "long str": lambda: "qzxv" * 5000,
    "b''": lambda: b"",
    "b'qzxv'": lambda: b"qzxv",
    "b'\\xff'": lambda: b"\xff",
    "bytearray": lambda: bytearray(b"qzxv"),
    "memoryview": lambda: memoryview(b"qzxv"),
    "[]": lambda: [],
    "()": lambda: (),
    "[1, 2]": lambda: [1, 2],
    "[-1]": lambda: [-1],
    "[10^30]": lambda: [10**30],
    "[0.5]": lambda: [0.5],
    "[nan]": lambda: [float("nan")],
    "[True]": lambda: [True],
    "[1, True]": lambda: [1, True],
    "[None]": lambda: [None],
    "['qzxv']": lambda: ["qzxv"],
    "('qzxv',)": lambda: ("qzxv",),
    "['a', 'a']": lambda: ["a", "a"],
    "['a', 1]": lambda: ["a", 1],
    "['a', None]": lambda: ["a", None],
    "['a', '']": lambda: ["a", ""],
    "[surrogate]": lambda: ["a\ud800"],
    "[b'a']": lambda: [b"a"],
    "[['a']]": lambda: [["a"]],
    "[[1, 2]]": lambda: [[1, 2]],
    "[[1.5]]": lambda: [[1.5]],
    "[[]]": lambda: [[]],
    "nested forever": nest_forever,
    "{'a'}": lambda: {"a"},
    "set()": set,
    "{1}": lambda: {1},
    "frozenset": lambda: frozenset(["a", "b"]),
    "dict_keys": {"a": 1}.keys,
    "{}": dict,
    "{'text': ['a']}": lambda: {"text": ["a"]},
    "{'a': 1}": lambda: {"a": 1},
    "{'a': None}": lambda: {"a": None},
    "{1: 2}": lambda: {1: 2},
    "UserDict": lambda: UserDict({"text": ["a"]}),
    "mapping-like": MappingLike,
    "data frame": DataFrame,
    "table": Table,
    "generator of str": lambda: (text for text in ("a", "b")),
    "generator of None": lambda: (None for _ in range(2)),
    "iter([])": lambda: iter([]),
    "range": lambda: range(3),
    "slice": lambda: slice(3),
    "lambda": lambda: lambda: ["a"],
    "lambda of 1": lambda: lambda x: x,
    "len": lambda: len,
    "int": lambda: int,
    "dict class": lambda: dict,
    "object": object,
    "exception": lambda: ValueError("a"),
    "module": lambda: np,
    "path": lambda: pathlib.Path("/dev/null/no/such.file"),
    "0-d array": lambda: np.array(1),
    "array": lambda: np.array([1, 2]),
    "2-d array": lambda: np.array([[1, 2]]),
    "3-d array": lambda: np.ones((1, 2, 2), np.int64),
    "array of float": lambda: np.array([1.5]),
    "array of bool": lambda: np.array([True, False]),
    "array of object": lambda: np.array([None, "a"], object),
    "array of str": lambda: np.array(["a", "b"]),
    "empty array": lambda: np.empty(0, np.int64),
    "Ragged": lambda: ft.Ragged.from_rows([[1, 2]]),
    "member": lambda: Colour.RED,
    "...": lambda: ...,
    "NotImplemented": lambda: NotImplemented,
    "date": lambda: datetime.date(2000, 1, 1),
    "lock": threading.Lock,
}


# Kinds of parameters: the labels of the values that are valid for each


@dataclass(frozen=True)
class Kind:
    """Kind of a parameter.

    Parameters
    ----------
    valid : frozenset of str
        Labels of the values that are not wrong.
    words : tuple of str
        Words of which a message may have one instead of the parameter's name.
    """

    valid: frozenset[str]
    words: tuple[str, ...] = ()

    def __or__(self, other: Kind) -> Kind:
        return Kind(self.valid | other.valid, self.words + other.words)

    def saying(self, *words: str) -> Kind:
        return Kind(self.valid, self.words + words)

    def without(self, *labels: str) -> Kind:
        return Kind(self.valid - set(labels), self.words)


def kind(*labels: str) -> Kind:
    assert set(labels) <= VALUES.keys(), set(labels) - VALUES.keys()
    return Kind(frozenset(labels))


NONE = kind("None")
FLAG = kind("True", "False")
CHOICE = kind()
LARGE = kind("2^64", "10^30", "10^5000")  # valid for limits: they limit nothing
POSITIVE = kind("1", "np.int64(1)", "np.uint8(1)")
COUNT = POSITIVE | kind("0")  # from 0
INTEGER = COUNT | kind("-1", "-7", "np.int64(-1)") | LARGE
SEED = COUNT
UNIT = COUNT | kind("0.5", "np.float32(0.5)")  # from 0 to 1
NUMBER = UNIT | kind("300.0")  # at least 0
WORD = kind("'qzxv'", "'two words'", "NUL", "long str")  # str that is not empty
STR = WORD | kind("''")
BYTES = kind("b''", "b'qzxv'", "b'\\xff'", "bytearray", "memoryview")
TEXT = (STR | BYTES).saying("surrogate")
EMPTY_ROWS = kind("[]", "()", "iter([])", "empty array")
TEXTS = kind(
    "['qzxv']", "('qzxv',)", "['a', 'a']", "['a', '']", "[b'a']", "generator of str", "array of str"
) | EMPTY_ROWS.saying("surrogate")
WORDS = kind("['qzxv']", "('qzxv',)", "generator of str", "array of str", *EMPTY_ROWS.valid)
NAMES = WORDS | kind("['a', 'a']", "{'a'}", "set()", "frozenset", "dict_keys")
IDS = kind("[]", "()", "[1, 2]", "range", "array", "empty array")
ID_ROWS = kind("[]", "()", "iter([])", "[[1, 2]]", "[[]]", "2-d array", "Ragged", "empty array")
# Paths of things that do not exist: the error names the file.
PATH = kind().saying("No such file", "too long", "Not a directory", "does not exist")
OUTPUT = WORD.without("NUL", "long str") | PATH.saying("cannot write", "Is a directory")
FREE_MAPPING = kind("{}", "{'text': ['a']}", "{'a': 1}", "{'a': None}", "{1: 2}", "UserDict")
COMPONENT = kind("NUL")  # not a name, so a regular expression

SIZE = POSITIVE | LARGE


# The functions


def make_tokenizer() -> ft.Tokenizer:
    tok = ft.train(CORPUS, vocab_size=260, special_tokens=["<s>", "</s>", "<pad>"], pretokenizer="gpt2")
    return tok.with_template("<s> $A </s>", "<s> $A $B </s>")


CORPUS = ft.Corpus.from_texts(["low lower lowest"])
COUNTS = ft.PretokenCounts.from_dict({"low": 5, "lower": 2, "newest": 6, "widest": 3})
TOK = make_tokenizer()
UNIGRAM = ft.UnigramModel(["", "a", "b", "ab"], [0, -1, -1, -1.5], unk_id=0)
TEST_CORPUS = ft.TestCorpus.from_corpora("tiny", ft.Corpus.from_texts(["low", "lower"]), words="whitespace")
SPLIT = ft.get_pretokenizer("whitespace_split")
ROWS = ft.Ragged.from_bytes([b"low", b"lower"])
EXPERIMENT = """
name = "bytes"
[corpus.train]
python = { sample = "python" }
[corpus.test]
sentences = { sample = "parallel" }
[[tokenizer]]
model = "byte"
[metrics]
use = "gini"
words = "whitespace"
"""


# Values that fasttok makes and callers only read. Their methods are called, but not their constructors.
RESULTS = {
    "Candidate",
    "ColouredTokens",
    "Corpus",
    "Cut",
    "Differences",
    "EMStep",
    "EncodedPart",
    "Encoding",
    "Experiment",
    "Lattice",
    "MergeNode",
    "MergeStep",
    "MergeTrace",
    "MergeTree",
    "Padded",
    "Pairs",
    "Probes",
    "PruningStep",
    "Replay",
    "Results",
    "Segmentation",
    "SideBySide",
    "Trained",
    "UnigramTrace",
    "ViterbiTable",
    "Windows",
    "tokens.Batch",
    "tokens.MixedBatch",
    "tokens.MixedBatches",
    "tokens.Mixture",
    "tokens.Packed",
    "tokens.PackedBatch",
    "tokens.PackedBatches",
    "vectors.Cooccurrence",
    "vectors.DocumentVectors",
    "vectors.Neighbours",
    "vectors.PPMIMatrix",
    "vectors.ParameterCount",
    "vectors.Rotary",
    "vectors.Transfer",
    "vectors.WordVectors",
}
# Methods that derived classes implement for fasttok, which calls them with its own arrays.
HOOKS = {
    "Experiment.error",
    "Metric.function",
    "Model.encode_pretoken",
    "Model.encode_pretokens",
    "Model.find_nbest",
    "Model.from_dict",
    "Model.on_raw_words",
    "Model.sampling_encoder",
    "Normalizer.rewrite",
    "Pretokenizer.boundaries",
    "Pretokenizer.find_cut",
    "Pretokenizer.spans",
}
# Methods that no valid call exists for: models that cannot sample, pretokenizers that do not keep the text.
REFUSED = {
    *(f"{model}.check_sampling" for model in ("ByteModel", "CharacterModel", "WordModel", "WordPieceModel")),
    *(f"{step}.split" for step in ("ByteLevel", "Metaspace", "MetaspaceSplit", "SplitScripts")),
    "Tokenizer.encode_nbest",  # the tokenizer of this test has a BPE model
    "WordsAndSymbols.split",
}


@dataclass(frozen=True)
class Call:
    """A public function, class or method, and the names of its parameters."""

    public: Any
    method: str
    parameters: tuple[str, ...]

    def get(self) -> Callable[..., Any]:
        """Return the function; methods are bound to an object."""
        function: Callable[..., Any] = self.public
        return getattr(_instance(self.public), self.method) if self.method else function


def public_things() -> dict[str, Any]:
    """Return the public names and what they name; names that only a package has begin with the package."""
    found = {name: getattr(ft, name) for name in ft.__all__}
    for package in ft._PACKAGES:
        module = getattr(ft, package)
        own = [name for name in module.__all__ if name not in ft.__all__]
        found |= {f"{package}.{name}": getattr(module, name) for name in own}
    return found


def find_calls() -> dict[str, Call]:
    """Return the public functions, classes and methods that have parameters, by name."""
    found = {}
    for name, public in public_things().items():
        if not isinstance(public, type):
            found[name] = Call(public, "", _parameters(public))
            continue
        is_base = inspect.isabstract(public) or public in (ft.Decoder, ft.Filter)
        if is_base or issubclass(public, BaseException):
            continue  # classes derived from base classes are called; errors are made by fasttok
        if name not in RESULTS:
            found[name] = Call(public, "", _parameters(public))
        for method, owner in _methods(public):
            is_hook = any(f"{base.__name__}.{method}" in HOOKS for base in owner.__mro__)
            if not is_hook and f"{name}.{method}" not in REFUSED:
                found[f"{name}.{method}"] = Call(public, method, _parameters(getattr(public, method)))
    return {name: call for name, call in sorted(found.items()) if call.parameters}


def _methods(public: type) -> Iterator[tuple[str, type]]:
    """Yield the public methods of a class that fasttok defines, and the class that defines each."""
    for name in dir(public):
        owner = next(base for base in public.__mro__ if name in vars(base))
        value = vars(owner)[name]
        is_method = inspect.isfunction(value) or isinstance(value, (classmethod, staticmethod))
        if is_method and not name.startswith("_") and owner.__module__.partition(".")[0] == "fasttok":
            yield name, owner


def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of the parameters; ``**options`` are replaced by the options in `OPTIONS`."""
    names: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            names += OPTIONS.get(function.__qualname__, ())
        elif parameter.name != "self":
            names.append(parameter.name)
    return tuple(names)


OPTIONS = {
    "Tokenizer.encode_pairs": ("special", "errors", "workers", "sampling"),
    "Tokenizer.with_settings": ("template", "padding", "truncation", "trim_offsets", "config"),
    "trace": ("vocab_size", "special_tokens", "min_frequency", "start", "workers", "progress"),
    "train": ("vocab_size", "special_tokens", "min_frequency", "start"),
    "load": ("special_tokens", "encoding"),
    "BatchDataset": ("seed", "rank", "world_size", "drop_last", "offsets", "within_documents", "keep_last"),
    "TokenStore.export": ("held_out", "seed", "tokenizer"),
    "import_store": ("separator",),
}


NUMBERED = np.arange(5)


def _packed() -> Any:
    return ft.tokens.pack(ft.Ragged.from_rows([[1, 2, 3], [1, 2, 3]]), 3)


@cache
def _folder() -> str:
    import tempfile

    folder = tempfile.mkdtemp()
    TOK.save(f"{folder}/tok.json")
    COUNTS.save(f"{folder}/counts.npz")
    ft.vectors.EmbeddingTable([[1.0, 2.0]]).save(f"{folder}/table.npz")
    ft.lm.NGram().fit([[0, 1]], 2).save(f"{folder}/lm.npz")
    COUNTS.to_tsv(f"{folder}/counts.tsv")
    pathlib.Path(folder, "experiment.toml").write_text(EXPERIMENT)
    return folder


@cache
def _results() -> str:
    folder = f"{_folder()}/results"
    ft.compare(ft.Experiment.from_toml(EXPERIMENT), folder)
    return folder


@cache
def _store() -> str:
    path = f"{_folder()}/a.tokens"
    ft.TokenStore.from_arrays(path, [[1, 2], [3]], vocab_size=4)
    return path


@cache
def _token_file() -> str:
    path = f"{_folder()}/a.bin"
    ft.TokenStore.open(_store()).export(path, format="llmc")
    return path


@cache
def _words_file() -> str:
    path = f"{_folder()}/words-to-load.npz"
    _word_vectors().save(path)
    return path


class NewStore(os.PathLike):
    """Path that is another one, of nothing that exists, in every call that it is given to."""

    numbers = itertools.count()

    def __fspath__(self) -> str:
        return f"{_folder()}/{next(self.numbers)}.tokens"


@cache
def _word_vectors() -> Any:
    texts = ["low lower", "low lowest lower", "lower low"]
    tok = ft.train(ft.Corpus.from_texts(texts), model="word", pretokenizer="whitespace_split")
    return ft.vectors.cooccurrence(texts, tok).ppmi().svd(dim=2)


@cache
def _instance(public: type) -> Any:
    """Return an object of a public class, or the class if its methods need none."""
    made = {
        "AddedToken": lambda: ft.AddedToken("<s>"),
        "BPEModel": lambda: TOK.model,
        "BPETrainer": lambda: ft.BPETrainer(vocab_size=258),
        "BertNormalizer": ft.BertNormalizer,
        "ByteLevel": ft.ByteLevel,
        "ByteLevelNormalizer": ft.ByteLevelNormalizer,
        "ByteModel": ft.ByteModel,
        "ByteTrainer": ft.ByteTrainer,
        "CharacterModel": lambda: ft.CharacterModel(["a"]),
        "CharacterTrainer": ft.CharacterTrainer,
        "Cooccurrence": lambda: ft.vectors.cooccurrence(["low lower"], TOK),
        "Corpus": lambda: CORPUS,
        "DocumentVectors": lambda: _word_vectors().pool(["low", "lower"]),
        "Lattice": lambda: UNIGRAM.lattice("abab"),
        "MergeTrace": lambda: ft.trace(COUNTS, vocab_size=258),
        "UnigramTrace": lambda: ft.trace(COUNTS, "unigram", vocab_size=15),
        "EmbeddingTable": lambda: ft.vectors.EmbeddingTable([[1.0, 2.0]]),
        "MarkRuns": ft.MarkRuns,
        "NGram": lambda: ft.lm.NGram(order=2).fit([[0, 1, 2, 3]], 4),
        "Metaspace": ft.Metaspace,
        "MetaspaceSplit": ft.MetaspaceSplit,
        "ModelConfig": lambda: ft.ModelConfig({}),
        "Batch": lambda: next(ft.tokens.TokenBatches(NUMBERED, 1, 1)),
        "BatchDataset": lambda: ft.tokens.BatchDataset(NUMBERED, 1, 1),
        "TokenBatches": lambda: ft.tokens.TokenBatches(NUMBERED, 1, 1),
        "TokenWindows": lambda: ft.tokens.TokenWindows(NUMBERED, 1),
        "MixedBatch": lambda: next(ft.tokens.mix({_packed(): 1}).batches(1)),
        "MixedBatches": lambda: ft.tokens.mix({_packed(): 1}).batches(1),
        "Mixture": lambda: ft.tokens.mix({_packed(): 1}),
        "Packed": _packed,
        "PPMIMatrix": lambda: ft.vectors.cooccurrence(["low lower"], TOK).ppmi(),
        "PackedBatch": lambda: _packed()[:],
        "PackedBatches": lambda: _packed().batches(1),
        "Padding": ft.Padding,
        "Prepend": lambda: ft.Prepend("a"),
        "PretokenCounts": lambda: COUNTS,
        "Ragged": lambda: ROWS,
        "TypeIds": lambda: ROWS,
        "Recipe": lambda: COUNTS.recipe,
        "Regex": lambda: ft.Regex("a+"),
        "RegexReplace": lambda: ft.RegexReplace("a", "b"),
        "Replace": lambda: ft.Replace("a", "b"),
        "Results": lambda: ft.Results.load(_results()),
        "Rotary": lambda: ft.vectors.rotary(4, 2),
        "Split": lambda: ft.Split(" "),
        "SplitDigits": ft.SplitDigits,
        "SplitLength": lambda: ft.SplitLength(3),
        "SplitPunctuation": ft.SplitPunctuation,
        "SplitScripts": ft.SplitScripts,
        "StreamDecoder": lambda: ft.StreamDecoder(TOK),
        "Strip": ft.Strip,
        "Template": lambda: ft.Template("<s> $A"),
        "Tokenizer": lambda: TOK,
        "TokenStore": lambda: ft.TokenStore.open(_store()),
        "TrimOffsets": ft.TrimOffsets,
        "Truncation": lambda: ft.Truncation(5),
        "UnicodeNormalizer": lambda: ft.UnicodeNormalizer("nfc"),
        "UnigramModel": lambda: UNIGRAM,
        "UnigramTrainer": lambda: ft.UnigramTrainer(vocab_size=12),
        "WordModel": lambda: ft.WordModel(["a"]),
        "WordPieceModel": lambda: ft.WordPieceModel(["a"]),
        "WordPieceTrainer": lambda: ft.WordPieceTrainer(vocab_size=30),
        "WordTrainer": ft.WordTrainer,
        "WordVectors": _word_vectors,
        "WordsAndSymbols": ft.WordsAndSymbols,
    }
    return made.get(public.__name__, lambda: public)()


# Valid values of the required parameters, by function.
VALID: dict[str, dict[str, Any]] = {}
# Kinds of parameters by function and name; "*" is any function.
KINDS: dict[tuple[str, str], Kind] = {}


def valid(name: str, /, **arguments: Any) -> None:
    VALID[name] = arguments


def kinds(*functions: str, **by_parameter: Kind) -> None:
    for function in functions or ("*",):
        for parameter, one in by_parameter.items():
            KINDS[function, parameter] = one


kinds(
    add_special_tokens=FLAG,
    add_prefix_space=FLAG,
    added_tokens=NONE | kind("{}", "{'a': 1}").saying("added token"),
    allow_import=NAMES,
    alpha=NUMBER | kind("2^64", "10^30"),
    as_list=FLAG,
    baseline=NONE,
    baseline_tokenizer=NONE,
    batch_bytes=SIZE,
    behavior=CHOICE,
    byte_fallback=FLAG,
    character_coverage=UNIT,
    clean_up=FLAG,
    column=STR,
    compat=NONE,
    config=kind("{}").saying("text"),
    continuing_subword_prefix=STR,
    corpus=kind(),
    decoder=NONE,
    dialect=CHOICE,
    document=CHOICE,
    dtype=kind("int"),
    encoding=NONE,
    end_of_word_suffix=WORD | NONE,
    epoch=SEED,
    errors=CHOICE,
    examples=COUNT | LARGE,
    field=WORD | NONE,
    format=NONE,
    fraction=UNIT | kind("Fraction"),
    i=COUNT,
    ids=IDS.saying("id"),
    ignore_merges=FLAG,
    individual=FLAG,
    invert=FLAG,
    limit_alphabet=SIZE | NONE,
    lstrip=FLAG,
    rstrip=FLAG,
    max_length=SIZE | NONE,
    max_memory=NONE | LARGE,
    max_piece_length=SIZE | NONE,
    merge_ids=NONE,
    min_frequency=SIZE,
    n=COUNT,
    normalized=FLAG | NONE,
    normalizer=NONE,
    nulls=CHOICE,
    pad_id=NONE | INTEGER.without("2^64", "10^30", "10^5000"),
    paths=PATH,
    path=PATH,
    pattern=STR,
    pretokenizer=COMPONENT,
    probability=UNIT | kind("Fraction"),
    progress=FLAG,
    replacement=STR,
    rows=ID_ROWS,
    scope=CHOICE,
    seed=SEED,
    separator=NONE | WORD | kind("b'qzxv'", "b'\\xff'"),
    side=NONE,
    single_word=FLAG,
    skip_special_tokens=FLAG,
    sampling=NONE,
    special=kind("[]", "()", "set()", "{}", "empty array").saying("special token"),
    special_tokens=WORDS,
    split_special=NONE | FLAG | NAMES,
    overlap=NONE | COUNT | LARGE,
    template=NONE,
    padding=NONE,
    truncation=NONE,
    trim_offsets=NONE,
    text=TEXT,
    texts=TEXTS.saying("text "),
    tokenizer=kind(),
    tie_break=NONE,
    unicode=NONE,
    unk=NONE | WORD,
    unk_id=NONE | COUNT,
    vocab_size=kind(),
    width=NONE | COUNT,
    words=CHOICE,
    workers=NONE | POSITIVE,
)

# Functions

valid("compare", experiment=lambda: ft.Experiment.from_toml(EXPERIMENT), output=lambda: f"{_folder()}/out")
kinds("compare", experiment=PATH, output=OUTPUT, allow_import=NAMES)
valid("compare_tokenizers", a=TOK, b=TOK)
kinds("compare_tokenizers", a=PATH, b=PATH, corpus=NONE | PATH.saying("paths"))
valid("count_pretokens", corpus=CORPUS)
kinds("count_pretokens", corpus=kind("{}"), pretokenizer=COMPONENT, split_special=NAMES)
valid("get_decoder", decoder="fuse")
valid("get_normalizer", normalizer="nfc")
valid("get_pretokenizer", pretokenizer="gpt2")
valid("load", path=lambda: f"{_folder()}/tok.json")
kinds("load", special_tokens=kind(), encoding=kind())
valid("measure", tokenizers={"a": TOK}, corpus=TEST_CORPUS, metrics="fertility", seed=1)
kinds("measure", tokenizers=kind().saying("tokenizer"), metrics=kind())
valid("probe", tok=TOK)
kinds("probe", tok=kind())
valid("train", source=COUNTS, vocab_size=260)
kinds("train", piece_counts=FLAG)
kinds("train", source=kind(), model=kind(), pretokenizer=NONE | COMPONENT, start=NONE, normalizer=NONE)
# A function that cannot be called with a step raises its own error.
OBSERVER = NONE | kind("lambda", "lambda of 1", "len", "int", "dict class")
kinds("train", observer=OBSERVER)
for trainer in ("BPE", "Unigram", "WordPiece"):
    kinds(f"{trainer}Trainer.train", observer=OBSERVER)
valid("trace", source=COUNTS, vocab_size=260)
kinds("trace", source=kind(), model=kind(), start=NONE)
valid("verify", results=lambda: f"{_results()}")
kinds("verify", results=PATH, folder=NONE | OUTPUT | kind("long str", "path"))
valid("wrap", tokenizer=TOK)
valid("write_report", folder=lambda: f"{_results()}")
kinds("write_report", folder=PATH, output=NONE | OUTPUT)

# Values

valid("AddedToken", text="<s>")
kinds("AddedToken", text=WORD.saying("surrogate"), special=FLAG)
valid("AddedToken.from_config", config={"text": "<s>"})
valid("BPEModel", pieces=TOK.model.pieces, merges=TOK.model.merges)
kinds(
    "BPEModel",
    pieces=kind().saying("byte", "surrogate"),
    merges=kind("[]", "()", "empty array").saying("merge"),
)
kinds("BPEModel", alphabet=kind())
kinds("BPEModel", merge_ids=NONE, merge_ranks=NONE, extra_characters=kind("''"))
NO_IDS = kind("[]", "()", "iter([])", "set()", "empty array")
kinds("BPEModel", "CharacterModel", user_defined=NO_IDS)
kinds("BPEModel", "CharacterModel", "WordModel", unused=NO_IDS)
kinds("CharacterModel", "WordModel", fuse_unk=FLAG)
valid("BPEModel.check_sampling", sampling=ft.Dropout(0.5, 1))
valid("UnigramModel.check_sampling", sampling=ft.Sampling(0.5, 1))
kinds("BPEModel.check_sampling", "UnigramModel.check_sampling", sampling=kind())
for model in ("BPEModel", "ByteModel", "CharacterModel", "UnigramModel", "WordModel", "WordPieceModel"):
    valid(f"{model}.without_pieces", ids=[])
    ids = IDS | LARGE.without("2^64", "10^5000") | kind("{1}", "set()", "[10^30]", "iter([])")
    kinds(f"{model}.without_pieces", ids=ids.without("10^30").saying("cannot encode without"))
kinds("BPEModel.has_character", character=kind())
valid("BPEModel.has_character", character="a")
valid("BPETrainer", vocab_size=260)
kinds(
    "BPETrainer", units=NONE | CHOICE, end_of_word_suffix=NONE, byte_order=NONE, special_ids=NONE, start=NONE
)
kinds("BPETrainer", "trace", "train", min_frequency=NONE | SIZE)
kinds("BPETrainer", unk=NONE, byte_fallback=NONE, user_defined=NONE, character_coverage=NONE)
kinds("BPETrainer", required_characters=NONE, split_digits=NONE, split_by_number=NONE)
kinds("BPETrainer", split_by_unicode_script=NONE, allow_whitespace_only_pieces=NONE)
for trainer in ("BPE", "Byte", "Character", "Unigram", "Word", "WordPiece"):
    valid(f"{trainer}Trainer.train", counts=COUNTS)
    kinds(f"{trainer}Trainer.train", counts=kind())
kinds(
    "BertNormalizer",
    clean_text=FLAG,
    handle_chinese_chars=FLAG,
    strip_accents=FLAG | NONE,
    lowercase=FLAG,
)
kinds("ByteLevel", use_regex=FLAG, writes_characters=FLAG)
valid("CharacterModel", pieces=["a"])
valid("WordModel", pieces=["a"])
valid("WordPieceModel", pieces=["a"])
valid("UnigramModel", pieces=["a", "b"], scores=[-1.0, -2.0])
PIECES = kind("[]", "()", "['qzxv']", "('qzxv',)", "[b'a']", "array of str", "generator of str").saying(
    "piece"
)
PIECES = PIECES | kind("iter([])", "empty array", "['a', '']")
for model in ("CharacterModel", "WordModel", "WordPieceModel"):
    kinds(model, pieces=PIECES.saying("surrogate"), unk_id=NONE | COUNT)
kinds("UnigramModel", pieces=PIECES.saying("piece", "surrogate"), scores=kind("[1, 2]", "array"))
kinds("UnigramModel", unused=kind("[]", "()", "iter([])", "set()", "{1}", "empty array"))
kinds("UnigramModel", user_defined=kind("[]", "()", "iter([])", "set()", "{1}", "empty array"))
kinds("UnigramModel", fewest_pieces=FLAG, byte_fallback=FLAG.without("True").saying("pieces for bytes"))
kinds("CharacterModel", byte_fallback=FLAG.saying("pieces for bytes"))
kinds("WordModel", byte_fallback=FLAG.saying("pieces for bytes"))
kinds(
    "WordPieceModel",
    max_input_chars_per_word=NONE | COUNT | LARGE,
    max_input_bytes_per_word=NONE | COUNT | LARGE,
)
valid("UnigramModel.lattice", text="ab")
valid("Tokenizer.encode_nbest", text="a", n=2)
kinds("UnigramModel.lattice", text=TEXT)
valid("show_side_by_side", text="low", tokenizers=[TOK])
kinds("show_side_by_side", tokenizers=kind("[]", "()", "{}", "iter([])", "empty array"))
kinds("Tokenizer.merge_tree", text=TEXT.without("long str"))
for trainer in ("Character", "Word"):
    kinds(f"{trainer}Trainer", vocab_size=NONE | SIZE, byte_fallback=FLAG)
kinds(
    "UnigramTrainer",
    user_defined=WORDS,
    max_piece_length=POSITIVE,
    seed_size=NONE | POSITIVE,
    initial_pieces=CHOICE,
    method=CHOICE,
    pruning=CHOICE,
    token_cost=NUMBER,
    shrinking_factor=kind("0.5", "np.float32(0.5)"),
    byte_fallback=NONE | FLAG.saying("vocab_size"),
    n_sub_iterations=POSITIVE,
)
valid("UnigramTrainer", vocab_size=12)
kinds("WordPieceTrainer", vocab_size=LARGE, method=CHOICE, min_frequency=NONE | SIZE)
kinds(
    "Characters",
    end_of_word_suffix=STR,
    fuse_unk=FLAG,
    drop_unk=FLAG,
    unk_id=NONE | INTEGER,
)
valid("Column", name="long", count=len)
kinds("Column", name=WORD, count=kind("lambda", "lambda of 1", "len", "int", "dict class"), definition=STR)
valid("Metric", name="a", of=("tokens", "documents"), definition="a")
kinds(
    "Metric",
    name=kind("'qzxv'", "'two words'", "long str"),
    of=kind(),
    function=kind("lambda", "lambda of 1", "len", "int", "dict class"),
    n=NONE,
    definition=STR,
    label=STR,
    unit=STR,
    source=STR,
    better=CHOICE,
)
kinds("Corpus.batches", pretokenizer=NONE)
valid("Corpus.from_files", paths=__file__)
valid("Corpus.from_table", table=[{"text": "a"}])
TABLES = kind("data frame", "mapping-like", "{'text': ['a']}", "UserDict")
kinds("Corpus.from_table", table=(TEXTS | TABLES).saying("row", "column"), column=WORD)
valid("Corpus.from_texts", texts=["a"])
kinds("Corpus.from_texts", texts=(TEXTS | kind("lambda")).saying("text "))
valid("Corpus.sample", fraction=0.5, seed=1)
valid("Dropout", probability=0.5, seed=1)
valid("Sampling", alpha=0.5, seed=1)
valid("Experiment.from_toml", text=EXPERIMENT)
kinds("Experiment.from_toml", text=kind().saying("experiment.toml"), folder=STR | kind("path"))
valid("Experiment.load", path=lambda: f"{_folder()}/experiment.toml")
kinds("Experiment.load", path=PATH, folder=NONE | OUTPUT | kind("''", "long str", "path"))
valid("Lattice.nbest", n=1)
kinds("Lattice.nbest", n=SIZE)
valid("Lattice.sample", n=1, seed=1)
kinds("MarkRuns", mark=kind())
kinds(
    "Metaspace",
    add_dummy_prefix=FLAG,
    remove_extra_whitespaces=FLAG,
    treat_whitespace_as_suffix=FLAG,
    split_by_whitespace=FLAG,
    escape_whitespaces=FLAG,
)
kinds("MetaspaceSplit", replacement=kind(), prepend=CHOICE, split_words=FLAG)
valid("ModelConfig", content={})
kinds("ModelConfig", content=FREE_MAPPING)
kinds("Padding", width=NONE | COUNT | LARGE)
kinds("Padding", side=CHOICE, pad_type_id=COUNT | LARGE, pad_token=NONE | WORD | STR, multiple_of=NONE | SIZE)
kinds("Padding", pad_id=NONE | INTEGER)
valid("Prepend", text="a")
kinds("Prepend", text=STR.saying("surrogate"), unless_present=FLAG)
valid("Truncation", max_length=5)
kinds("Truncation", max_length=COUNT | LARGE, overlap=COUNT | LARGE, strategy=CHOICE, side=CHOICE)
valid(
    "PretokenCounts",
    **{name: getattr(COUNTS, name) for name in ("code_points", "offsets", "counts", "recipe")},
)
kinds("PretokenCounts", code_points=kind(), offsets=kind(), counts=kind(), recipe=kind())
valid("TokenStore", path=lambda: _store())  # noqa: PLW0108
valid("TokenStore.open", path=lambda: _store())  # noqa: PLW0108
kinds("TokenStore", "TokenStore.open", path=PATH, tokenizer=NONE)
WINDOWS = {"context": POSITIVE, "stride": NONE | SIZE, "within_documents": FLAG, "keep_last": FLAG}
valid("TokenStore.windows", context=2)
kinds("TokenStore.windows", **WINDOWS)
valid("TokenStore.batches", batch_size=1, context=1)
kinds(
    "TokenStore.batches",
    batch_size=POSITIVE,
    seed=SEED | NONE,
    epoch=SEED | NONE,
    start=kind("0", "1", "np.int64(1)", "np.uint8(1)"),
    rank=kind("0"),
    world_size=POSITIVE,
    drop_last=FLAG,
    dtype=kind("int", "None"),
    pad_id=COUNT,
    **WINDOWS,
)
valid("TokenStore.document", i=0)
kinds("TokenStore.document", i=COUNT | kind("-1", "np.int64(-1)"))
valid("TokenStore.from_arrays", path=NewStore(), ids=[[1, 2]], vocab_size=4)
kinds(
    "TokenStore.from_arrays",
    path=PATH.saying("cannot write") | kind("'qzxv'", "'two words'"),
    ids=(ID_ROWS | kind("array")).saying("id "),
    offsets=NONE,
    vocab_size=kind().saying("vocabulary"),
    separator_id=NONE | COUNT,
    tokenizer_fingerprint=NONE | WORD,
    corpus_fingerprint=NONE | WORD,
    source_bytes=NONE | COUNT | LARGE,
    shard_size=LARGE,
)
valid("TokenStore.export", path=lambda: f"{_folder()}/train.bin", format="nanogpt")
kinds("TokenStore.export", path=OUTPUT, format=CHOICE, held_out=NONE | kind("0.5", "np.float32(0.5)"))
kinds("TokenStore.export", seed=NONE | SEED, tokenizer=NONE)
valid(
    "tokens.import_store",
    source=lambda: _token_file(),  # noqa: PLW0108
    path=NewStore(),
    format="llmc",
    vocab_size=4,
)
kinds(
    "tokens.import_store",
    source=PATH,
    path=PATH.saying("cannot write") | kind("'qzxv'", "'two words'"),
    format=CHOICE,
    vocab_size=kind().saying("vocabulary"),
    separator_id=NONE | COUNT,
    tokenizer_fingerprint=NONE | WORD,
    shard_size=LARGE,
    separator=CHOICE,
)
valid("tokens.pack", store=ft.Ragged.from_rows([[1, 2]]), context=1)
kinds("tokens.pack", store=kind("Ragged"), context=POSITIVE, method=CHOICE, bos_id=NONE, pad_id=COUNT)
kinds("tokens.pack", keep_last=FLAG, buffer_size=SIZE)
BATCHES = {
    "batch_size": POSITIVE,
    "seed": SEED | NONE,
    "epoch": SEED | NONE,
    "start": kind("0", "1", "np.int64(1)", "np.uint8(1)"),
    "rank": kind("0"),
    "world_size": POSITIVE,
    "drop_last": FLAG,
    "dtype": kind("int", "None"),
}
WINDOWS_OF_ARRAYS = {"source": kind("array", "empty array"), "offsets": NONE, **WINDOWS}
for name in ("TokenWindows", "WindowDataset"):
    valid(f"tokens.{name}", source=NUMBERED, context=1)
    kinds(f"tokens.{name}", **WINDOWS_OF_ARRAYS)
for name in ("TokenBatches", "BatchDataset"):
    valid(f"tokens.{name}", source=NUMBERED, batch_size=1, context=1)
    kinds(f"tokens.{name}", **WINDOWS_OF_ARRAYS)
    kinds(
        f"tokens.{name}",
        **{key: one for key, one in BATCHES.items() if (name, key) != ("BatchDataset", "dtype")},
    )
kinds("tokens.TokenBatches", "tokens.BatchDataset", "tokens.WindowDataset", pad_id=INTEGER)
kinds("tokens.BatchDataset", "tokens.WindowDataset", pad_target=INTEGER)
kinds("tokens.Batch.loss_mask", across_documents=FLAG)
valid("tokens.BatchDataset.set_epoch", epoch=1)
valid("tokens.BatchDataset.state", taken=1)
kinds("tokens.BatchDataset.state", taken=COUNT)
valid("tokens.TokenBatches.batch", i=1)
valid("tokens.TokenWindows.find", numbers=np.array([0]))
valid("tokens.TokenWindows.take", numbers=np.array([0]))
kinds("tokens.TokenWindows.find", "tokens.TokenWindows.take", numbers=kind("array", "empty array"))
kinds("tokens.TokenWindows.take", dtype=kind("int", "None"), pad_id=INTEGER)
valid("tokens.Packed.batches", batch_size=1)
kinds("tokens.Packed.batches", **BATCHES)
valid("tokens.Packed.take", rows=[0])
kinds("tokens.Packed.take", rows=IDS.without("[1, 2]", "array", "range"))
kinds("tokens.Packed.loss_mask", rows=NONE | IDS.without("[1, 2]", "array", "range"))
kinds(
    "tokens.Packed.loss_mask",
    "tokens.PackedBatch.loss_mask",
    "tokens.MixedBatch.loss_mask",
    across_documents=FLAG,
)
valid("tokens.Packed.save", path=NewStore(), vocab_size=4)
kinds("tokens.Packed.save", path=PATH.saying("cannot write") | kind("'qzxv'", "'two words'"))
kinds("tokens.Packed.save", vocab_size=kind().saying("vocabulary"))
valid("tokens.PackedBatches.batch", i=1)
valid("tokens.mix", stores=lambda: {_packed(): 1})
kinds("tokens.mix", stores=kind(), seed=SEED | NONE)
valid("tokens.Mixture.locate", n=1)
kinds("tokens.Mixture.locate", n=COUNT | LARGE)
valid("tokens.Mixture.batches", batch_size=1, n_batches=1)
kinds(
    "tokens.Mixture.batches",
    **{name: one for name, one in BATCHES.items() if name not in ("seed", "epoch", "drop_last")},
)
kinds(
    "tokens.Mixture.batches",
    context=NONE,
    stride=NONE,
    within_documents=kind("False"),
    n_batches=NONE | COUNT | LARGE,
)
kinds("tokens.Mixture.batches", batch_size=SIZE, world_size=SIZE, start=COUNT | LARGE)
valid("tokens.MixedBatches.batch", i=1)
kinds("tokens.MixedBatches.batch", i=COUNT | LARGE)
valid("PretokenCounts.from_dict", counts={"a": 1})
kinds("PretokenCounts.from_dict", counts=kind("{}", "{'a': 1}"))
valid("PretokenCounts.from_arrow", table=lambda: COUNTS.to_arrow())  # noqa: PLW0108
kinds("PretokenCounts.from_arrow", table=PATH)
kinds("PretokenCounts.from_arrow", pretokenizer=NONE | COMPONENT)
kinds("PretokenCounts.from_arrow", text_column=NONE, count_column=NONE)
kinds("PretokenCounts.from_arrow", "PretokenCounts.from_tsv", recipe=NONE, split=FLAG)
valid("PretokenCounts.from_tsv", path=lambda: f"{_folder()}/counts.tsv")
kinds("PretokenCounts.from_tsv", "PretokenCounts.to_tsv", escapes=FLAG)
kinds("PretokenCounts.from_tsv", path=PATH, header=FLAG, pretokenizer=NONE | COMPONENT)
valid("PretokenCounts.from_sorted", rows=ROWS, counts=np.array([1, 2]), recipe=COUNTS.recipe)
kinds("PretokenCounts.from_sorted", rows=kind(), counts=kind("array"), recipe=kind())
valid("PretokenCounts.from_table", table=lambda: PretokenTable(), recipe=COUNTS.recipe)  # noqa: PLW0108
kinds("PretokenCounts.from_table", table=kind(), recipe=kind())
valid("PretokenCounts.load", path=lambda: f"{_folder()}/counts.npz")
valid("PretokenCounts.mix", parts=[(COUNTS, 1)])
kinds("PretokenCounts.mix", parts=kind())
valid("PretokenCounts.most_common", n=1)
kinds("PretokenCounts.most_common", n=INTEGER)
kinds("PretokenCounts.save", "PretokenCounts.to_tsv", "Tokenizer.save", path=OUTPUT)
valid("PretokenCounts.save", path=lambda: f"{_folder()}/again.npz")
kinds("PretokenCounts.to_arrow", binary=FLAG)
valid("PretokenCounts.to_tsv", path=lambda: f"{_folder()}/again.tsv")
valid("PretokenCounts.symbols", unit="byte")
kinds("PretokenCounts.symbols", unit=CHOICE)
valid("PretokenCounts.weighted", weight=1)
kinds(
    "PretokenCounts.weighted", weight=NUMBER | kind("2^64", "10^30", "Decimal", "Fraction", "Fraction(5, 2)")
)
valid("Ragged", values=np.array([1, 2]), offsets=np.array([0, 2]))
ARRAYS = kind("array", "array of bool", "array of float", "array of str").saying("offsets")
kinds("Ragged", "TypeIds", values=ARRAYS, offsets=kind("array"))
valid("TypeIds", values=np.array([1, 2]), offsets=np.array([0, 2]))
valid("Ragged.from_arrays", rows=[np.array([1, 2])])
valid("TypeIds.from_arrays", rows=[np.array([1, 2])])
valid("Ragged.from_bytes", rows=[b"a"])
valid("TypeIds.from_bytes", rows=[b"a"])
kinds("Ragged.from_bytes", "TypeIds.from_bytes", rows=kind("[]", "()", "[b'a']", "iter([])", "empty array"))
valid("Ragged.from_rows", rows=[[1, 2]])
valid("TypeIds.from_rows", rows=[[1, 2]])
valid("Ragged.take", rows=[0])
valid("TypeIds.take", rows=[0])
kinds("Ragged.take", "TypeIds.take", rows=kind("[]", "()", "array", "empty array", "range"))
kinds(
    "Ragged.from_arrays",
    "Ragged.from_rows",
    "TypeIds.from_arrays",
    "TypeIds.from_rows",
    dtype=kind("int", "None"),
)
valid("Recipe", pretokenizer={"name": "gpt2"})
kinds("Recipe", pretokenizer=FREE_MAPPING, normalizer=NONE | FREE_MAPPING, document=STR, split_special=WORDS)
valid("Recipe.from_json", text=COUNTS.recipe.to_json())
kinds("Recipe.from_json", text=kind())
valid("Regex", pattern="a+")
TIMEOUT = NUMBER.without("0") | kind("2^64", "10^30")
kinds("Regex", pattern=WORD)
kinds("Regex", "RegexReplace", timeout=TIMEOUT)
valid("RegexReplace", pattern="a", replacement="b")
valid("Replace", pattern="a", replacement="b")
valid("Results.load", folder=lambda: str(_results()))
kinds("Results.load", folder=PATH)
valid("Results.needs", name="gini")
kinds("Results.needs", name=kind())
valid("Results.tokenizer", name="byte")
kinds("Results.tokenizer", name=STR)  # KeyError for an unknown name
valid("Split", pattern=" ")
valid("SplitLength", length=3)
kinds("SplitLength", length=SIZE)
valid("StreamDecoder", tokenizer=TOK)
valid("StreamDecoder.push", ids=[1])
kinds("StreamDecoder.push", ids=(IDS | COUNT).saying("id"))
kinds("Strip", left=FLAG, right=FLAG)
valid("Template", single="$A")
TEMPLATE = kind().saying("template")
kinds("Template", "Tokenizer.with_template", single=TEMPLATE, pair=NONE | STR | TEMPLATE)
kinds("Template", "Tokenizer.with_template", ids=EMPTY_ROWS | kind("{}"))
valid("Template.bind", added_tokens={"<s>": 256}, pieces=TOK.pieces)
valid("Template.without_known_ids", added_tokens={})
kinds("Template.bind", added_tokens=FREE_MAPPING.saying("template"), pieces=kind("Ragged").saying("template"))
kinds("Template.without_known_ids", added_tokens=FREE_MAPPING)
valid("TestCorpus", name="a", documents={"": ROWS}, words="whitespace")
kinds("TestCorpus", name=WORD, documents=kind().saying("has no text"), morphemes=kind("{}"))
kinds("TestCorpus", "TestCorpus.from_corpora", baseline=NONE | kind("''"))
valid("TestCorpus.from_corpora", name="a", corpora=CORPUS, words="whitespace")
kinds("TestCorpus.from_corpora", name=WORD, corpora=kind(), morphemes=NONE | kind("{}"))
valid("Tokenizer", model=TOK.model, pretokenizer="gpt2")
kinds(
    "Tokenizer",
    model=kind(),
    provenance=NONE | kind("{}", "{'a': 1}", "{'text': ['a']}", "{'a': None}", "{1: 2}", "UserDict"),
)
kinds("Tokenizer", "Tokenizer.with_settings", template=NONE, config=NONE)
valid("Tokenizer.add_tokens", tokens=["<tool>"])
kinds("Tokenizer.add_tokens", tokens=WORDS.saying("added token", "surrogate"))
for method in ("count", "encode", "encode_with_offsets", "merge_tree", "show", "tokens"):
    valid(f"Tokenizer.{method}", text="a")
for method in ("decode", "decode_bytes"):
    valid(f"Tokenizer.{method}", ids=[1])
valid("Tokenizer.decode_batch", batch=[[1]])
kinds("Tokenizer.decode_batch", batch=ID_ROWS)
valid("Tokenizer.count_batch", texts=["a"])
valid("Tokenizer.encode_batch", texts=["a"])
valid("Tokenizer.encode_files", paths=__file__)
valid("Tokenizer.encode_stream", paths=__file__)
valid("Tokenizer.encode_corpus", corpus=CORPUS, path=NewStore())
kinds("Tokenizer.encode_corpus", corpus=PATH.saying("paths"), separator=NONE | COUNT, shard_size=LARGE)
kinds("Tokenizer.encode_corpus", path=PATH.saying("cannot write") | kind("'qzxv'", "'two words'"))
valid("Tokenizer.encode_pairs", pairs=[("a", "b")])
kinds("Tokenizer.encode_pairs", pairs=EMPTY_ROWS.saying("pair"), max_length=NONE | SIZE, truncation=NONE)
valid("Tokenizer.id_to_piece", i=1)
for method in ("pad", "type_ids", "windows"):
    valid(f"Tokenizer.{method}", rows=[[1]])
valid("Tokenizer.windows", rows=[[1]], max_length=4)
kinds("Tokenizer.windows", max_length=LARGE | POSITIVE, overlap=NONE | COUNT)
valid("Tokenizer.piece_to_id", piece="a")
kinds("Tokenizer.piece_to_id", piece=TEXT)  # KeyError for an unknown piece
valid("Tokenizer.save", path=lambda: f"{_folder()}/saved.json")
valid("Tokenizer.with_template", single="$A")
valid("UnicodeNormalizer", name="nfc")
kinds("UnicodeNormalizer", name=CHOICE)
SOME_ROWS = kind("[[1, 2]]", "[[]]", "2-d array", "Ragged").saying("id ", "tok")
kinds("lm.NGram", order=POSITIVE, smoothing=CHOICE, k=NUMBER.without("0") | kind("2^64", "10^30"))
valid("lm.NGram.fit", source=[[0]], tok=4)
kinds("lm.NGram.fit", source=SOME_ROWS, tok=POSITIVE)
for method in ("bits", "bits_per_byte", "cross_entropy", "perplexity"):
    valid(f"lm.NGram.{method}", source=[[0]])
    kinds(f"lm.NGram.{method}", source=SOME_ROWS | ID_ROWS, tok=NONE.saying("the same tokenizer"))
valid("lm.NGram.bits_per_byte", source=[[0]], n_bytes=1)
kinds("lm.NGram.bits_per_byte", n_bytes=SIZE)
valid("lm.NGram.load", path=lambda: f"{_folder()}/lm.npz")
valid("lm.NGram.log_probabilities", ids=[0])
valid("lm.NGram.probabilities", history=[0])
kinds("lm.NGram.probabilities", history=IDS)
valid("lm.NGram.sample", seed=1, length=5)
kinds("lm.NGram.sample", length=COUNT | LARGE)
valid("lm.NGram.save", path=lambda: f"{_folder()}/again-lm.npz")
kinds("lm.NGram.save", path=OUTPUT)
INITIAL = {"init": CHOICE, "scale": NUMBER | NONE | kind("2^64", "10^30")}
BUCKETS = {"n_keys": NONE | POSITIVE, "n_buckets": CHOICE, "max_distance": CHOICE, "bidirectional": FLAG}
NUMBERS = kind("[[1, 2]]", "2-d array")
valid("vectors.EmbeddingTable", weights=[[1.0, 2.0]])
kinds("vectors.EmbeddingTable", weights=NUMBERS | kind("[[1.5]]"), padding_id=NONE | kind("0"))
valid("vectors.EmbeddingTable.add", change=[[1.0, 2.0]])
kinds("vectors.EmbeddingTable.add", change=NUMBERS, ids=NONE.saying("change"))
valid("vectors.EmbeddingTable.load", path=lambda: f"{_folder()}/table.npz")
valid("vectors.EmbeddingTable.random", tokenizer=8, dim=2, seed=1)
kinds("vectors.EmbeddingTable.random", tokenizer=POSITIVE, dim=POSITIVE, padding_id=NONE | COUNT, **INITIAL)
valid("vectors.EmbeddingTable.save", path=lambda: f"{_folder()}/again-table.npz")
kinds("vectors.EmbeddingTable.save", path=OUTPUT)
valid("vectors.Rotary.apply", vectors=np.ones((2, 2)))
kinds(
    "vectors.Rotary.apply",
    vectors=kind(),
    positions=NONE | COUNT | kind("[1, 2]", "array", "0-d array", *NUMBERS.valid),
)
valid("vectors.alibi", n=2, n_heads=2)
kinds("vectors.alibi", "vectors.relative_buckets", n=POSITIVE)
valid("vectors.alibi_slopes", n_heads=2)
kinds(n_heads=POSITIVE)
valid("vectors.count_parameters", tokenizer=8, dim=2)
kinds("vectors.count_parameters", tokenizer=POSITIVE, dim=POSITIVE, positions=COUNT, types=COUNT, tied=FLAG)
valid("vectors.learned", n=2, dim=2, seed=1)
kinds("vectors.learned", n=POSITIVE, dim=POSITIVE, **INITIAL)
valid("vectors.relative_bias", n=2, n_heads=2, seed=1)
kinds("vectors.relative_bias", n=POSITIVE, **BUCKETS, **INITIAL)
valid("vectors.relative_buckets", n=2)
kinds("vectors.relative_buckets", **BUCKETS)
BASE = POSITIVE | kind("300.0", "2^64", "10^30")
for position in ("rotary", "sinusoidal"):
    valid(f"vectors.{position}", n=2, dim=2)
    kinds(f"vectors.{position}", n=POSITIVE, dim=POSITIVE, base=BASE)
kinds("vectors.rotary", dim=kind(), layout=CHOICE)
valid("vectors.cooccurrence", source=["low lower"], tokenizer=TOK)
kinds(
    "vectors.cooccurrence",
    source=(TEXTS | kind("Ragged", "range", "2-d array")).saying("texts", "text "),
    tokenizer=kind(),
    window=POSITIVE,
    weighting=CHOICE,
)
kinds("vectors.Cooccurrence.ppmi", shift=NUMBER | kind("2^64", "10^30"), context_smoothing=UNIT)
valid("vectors.Cooccurrence.glove", seed=1)
kinds("vectors.Cooccurrence.glove", dim=POSITIVE, epochs=POSITIVE)
valid("vectors.PPMIMatrix.svd", dim=2)
kinds("vectors.PPMIMatrix.svd", dim=POSITIVE)
for method, words in (("find_ids", "word"), ("nearest", "word"), ("similarity", "ab"), ("analogy", "abc")):
    arguments = [words] if words == "word" else words
    valid(f"vectors.WordVectors.{method}", **dict.fromkeys(arguments, "low"))
    kinds(f"vectors.WordVectors.{method}", **dict.fromkeys(arguments, kind()))
kinds("vectors.WordVectors.similarity", metric=CHOICE)
kinds("vectors.WordVectors.analogy", method=CHOICE)
for method in ("WordVectors.nearest", "WordVectors.analogy", "DocumentVectors.search"):
    kinds(f"vectors.{method}", k=SIZE)
valid("vectors.WordVectors.plot", words=["low", "lower"])
kinds("vectors.WordVectors.plot", words=kind(), method=CHOICE)
valid("vectors.WordVectors.pool", texts=["low"])
kinds("vectors.WordVectors.pool", weights=CHOICE, texts=TEXTS.without(*EMPTY_ROWS.valid).saying("text "))
valid("vectors.WordVectors.save", path=lambda: f"{_folder()}/words.npz")
kinds("vectors.WordVectors.save", path=OUTPUT)
valid("vectors.WordVectors.to_projector", folder=lambda: f"{_folder()}/projector")
kinds("vectors.WordVectors.to_projector", folder=OUTPUT)
valid("vectors.WordVectors.load", path=lambda: _words_file(), tokenizer=_word_vectors().tokenizer)  # noqa: PLW0108
kinds("vectors.WordVectors.load", path=PATH, tokenizer=kind())
valid("vectors.DocumentVectors.embed", texts=["low"])
valid("vectors.DocumentVectors.search", query="low")
kinds("vectors.DocumentVectors.search", query=kind().saying("cannot encode"))
valid("vectors.transfer", old_tok=TOK, new_tok=TOK, table=np.ones((TOK.vocab_size, 2)))
kinds("vectors.transfer", old_tok=kind(), new_tok=kind(), table=kind().saying("weights"), method=CHOICE)
valid("MergeTrace.candidates", step=1)
kinds("MergeTrace.candidates", step=POSITIVE)
for traced in ("MergeTrace", "UnigramTrace"):
    valid(f"{traced}.replay", word="low")
    kinds(f"{traced}.replay", word=WORD)
for method in ("pieces_to_pandas", "pruning"):
    valid(f"UnigramTrace.{method}", round=1)
    kinds(f"UnigramTrace.{method}", round=POSITIVE)
for public in ft.__all__:
    valid(f"{public}.normalize", text="a")
    valid(f"{public}.split_text", text="a")
    valid(f"{public}.split", documents=ROWS)
    KINDS["*", "documents"] = kind()
    if f"{public}.from_config" not in VALID:
        valid(f"{public}.from_config", config=lambda public=public: _instance(getattr(ft, public)).config())
    if public.endswith("Model"):
        valid(f"{public}.from_dict", fields=lambda public=public: _instance(getattr(ft, public)).to_dict())


def _kind(function: str, parameter: str) -> Kind:
    found = KINDS.get((function, parameter)) or KINDS.get(("*", parameter))
    assert found is not None, f"give the parameter {parameter} of {function} a kind in this file"
    return found


def _resolve(value: Any) -> Any:
    """Return a valid value; those that cost time to make are functions."""
    is_late = inspect.isfunction(value) and value.__name__ == "<lambda>"
    return value() if is_late else value


def _consume(result: Any) -> None:
    """Read a lazy result, whose errors come while it is read."""
    if isinstance(result, (ft.Corpus, Iterator)):
        for _ in result:
            pass


CALLS = find_calls()


@pytest.mark.parametrize("name", CALLS)
def test_wrong_values_are_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    function = CALLS[name].get()
    arguments = {key: _resolve(value) for key, value in VALID.get(name, {}).items()}
    _consume(function(**arguments))
    bad = []
    for parameter in CALLS[name].parameters:
        one = _kind(name, parameter)
        for label, make in VALUES.items():
            if label in one.valid:
                continue
            place = f"{parameter}={label}"
            try:
                result = function(**(arguments | {parameter: make()}))
                _consume(result)
            except REFUSALS as error:
                message = str(error)
                if not any(word in message for word in (parameter, *one.words)):
                    bad.append(f"{place} is not named: {type(error).__name__}: {message[:150]}")
            except Exception as error:
                bad.append(f"{place} raised {type(error).__name__}: {str(error)[:150]}")
            else:
                bad.append(f"{place} returned {type(result).__name__}")
    assert not bad, f"{len(bad)} wrong values of {name} are not refused:\n" + "\n".join(bad)


def test_each_kind_and_valid_value_belongs_to_a_parameter():
    for function, parameter in KINDS:
        if function != "*":
            assert parameter in CALLS[function].parameters, f"{function} has no parameter {parameter}"


def test_at_least_fifty_values_are_wrong_for_every_parameter():
    for name, call in CALLS.items():
        for parameter in call.parameters:
            assert len(VALUES.keys() - _kind(name, parameter).valid) >= 50, (name, parameter)


# Arguments whose order decides the result


@pytest.mark.parametrize("given", [{"<a>", "<b>"}, frozenset(["<a>"]), {"<a>": 0}.keys(), {"<a>": 0}])
def test_special_tokens_need_an_order(given):
    trainers = (ft.BPETrainer, ft.UnigramTrainer, ft.WordPieceTrainer, ft.CharacterTrainer, ft.WordTrainer)
    for make in (
        *(lambda one=one: one(vocab_size=300, special_tokens=given) for one in trainers),
        lambda: ft.ByteTrainer(special_tokens=given),
        lambda: ft.UnigramTrainer(vocab_size=300, user_defined=given),
        lambda: ft.train(COUNTS, vocab_size=300, special_tokens=given),
        lambda: TOK.add_tokens(given),
    ):
        with pytest.raises(TypeError, match=r"must be a sequence of .* pass a list"):
            make()
    for repeated in (["<a>", "<a>"], ("<a>", "<b>", "<a>")):
        with pytest.raises(ValueError, match="special_tokens contains a text twice: '<a>'"):
            ft.train(COUNTS, vocab_size=300, special_tokens=repeated)


def test_special_tokens_without_an_order_may_be_a_set():
    assert (
        TOK.encode("<s>low", special={"<s>", "</s>"}).tolist() == TOK.encode("<s>low", special="all").tolist()
    )
    corpus = ft.Corpus.from_texts(["low<s>low"])
    counts = [ft.count_pretokens(corpus, split_special=given) for given in ({"<s>", "<t>"}, ["<t>", "<s>"])]
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    "table",
    [
        {"text": ["one"]},
        UserDict({"text": ["one"]}),
        DataFrame(),
        Table(),
        MappingLike(),
        pytest.param("pandas", id="pandas"),
        pytest.param("pyarrow", id="pyarrow"),
    ],
)
def test_tables_are_not_texts(table):
    if isinstance(table, str):
        library = pytest.importorskip(table)
        columns = {"text": ["one", "two"]}
        table = library.DataFrame(columns) if table == "pandas" else library.table(columns)
    for call in (
        lambda: TOK.encode_batch(table),
        lambda: TOK.encode_batch(table, as_list=True),
        lambda: TOK.count_batch(table),
        lambda: ft.Corpus.from_texts(table),
    ):
        with pytest.raises(TypeError, match=r'texts must be an iterable of texts.*such as table\["text"\]'):
            call()
    with pytest.raises(TypeError, match=r'batch must be .* pass the ids in it, such as batch\["input_ids"\]'):
        TOK.decode_batch(table)
    for call in (TOK.encode, TOK.count, TOK.show, TOK.tokens, TOK.merge_tree, TOK.encode_with_offsets):
        with pytest.raises(TypeError, match="a text must be str or bytes"):
            call(table)


# Names


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ft.get_pretokenizer("gpt-2"), "pretokenizer.*'gpt-2'; did you mean \"gpt2\""),
        (lambda: ft.get_pretokenizer("O200K_base"), 'did you mean "o200k"'),
        (lambda: ft.get_pretokenizer("white space"), "did you mean .*whitespace"),
        (lambda: ft.get_pretokenizer("openai/gpt2"), "pretokenizer.*'openai/gpt2'"),
        (lambda: ft.get_pretokenizer(["nfc", "gpt2"]), "no pretokenizer is named 'nfc'"),
        (lambda: ft.count_pretokens(CORPUS, "gpt-2"), 'did you mean "gpt2"'),
        (lambda: ft.train(CORPUS, vocab_size=260, pretokenizer="gpt-2"), 'did you mean "gpt2"'),
        (lambda: ft.Tokenizer(TOK.model, "gpt-2"), 'did you mean "gpt2"'),
        (lambda: ft.get_normalizer("NFKD"), "normalizer.*did you mean .*nfkd"),
        (lambda: ft.get_normalizer("lower"), 'did you mean "lowercase"'),
        (lambda: ft.get_decoder("bytelevel"), 'decoder.*did you mean "byte_level"'),
        (lambda: ft.train(COUNTS, "word-piece"), "trainer.*did you mean .*wordpiece"),
        (lambda: ft.measure({"a": TOK}, TEST_CORPUS, "fertilty", seed=1), 'did you mean "fertility"'),
        (
            lambda: ft.measure({"a": TOK}, TEST_CORPUS, "premium", seed=1),
            "'premium' is in the group \"parity\"",
        ),
        (lambda: TOK.save("a.json", format="hugging-face"), 'format.*did you mean "huggingface"'),
        (lambda: ft.Split(" ", "merge_with_next"), 'behavior.*did you mean "merged_with_next"'),
        (lambda: TOK.encode("a", errors="replce"), 'errors.*did you mean "replace"'),
        (lambda: TOK.encode("a", special=["<S>"]), 'special: .*did you mean "<s>"'),
        (lambda: TOK.pad([[1]], side="rigth"), 'side.*did you mean "right"'),
    ],
)
def test_unknown_names_give_the_nearest(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ft.train(COUNTS, vocabsize=260), 'vocabsize.*did you mean "vocab_size"'),
        (lambda: ft.train(COUNTS, "unigram", vocab_size=20, coverage=1), "no option is named 'coverage'"),
        (lambda: TOK.with_settings(truncate=None), 'truncate.*did you mean "truncation"'),
        (lambda: ft.Split.from_config({"patern": " "}), 'patern.*did you mean "pattern"'),
    ],
)
def test_unknown_options_give_the_nearest(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_a_regular_expression_is_said_to_be_one():
    for pattern in ("gpt-2", "low", "a b", "§"):
        assert ft.get_pretokenizer(ft.Regex(pattern)) == ft.Regex(pattern)
    assert ft.Regex("ow").split_text("low") == [b"l", b"ow"]
    tok = ft.train(CORPUS, vocab_size=260, pretokenizer=ft.Regex("l[a-z]+"))
    assert tok.pretokenizer.config() == {"name": "regex", "pattern": "l[a-z]+"}
    # Strings that are not names, configurations and old files are read as before.
    assert tok.fingerprint() == ft.train(CORPUS, vocab_size=260, pretokenizer="l[a-z]+").fingerprint()
    assert ft.get_pretokenizer({"name": "regex", "pattern": "low"}) == ft.Regex("low")
    assert ft.Regex("low").split_text("slow") == [b"s", b"low"]


# Numbers


def test_numpy_numbers_are_numbers():
    tok = ft.train(
        CORPUS,
        vocab_size=np.int64(260),
        min_frequency=np.int32(1),
        max_piece_length=np.uint8(9),
        workers=np.int64(2),
        special_tokens=np.array(["<s>"]),
    )
    plain = ft.train(CORPUS, vocab_size=260, max_piece_length=9, special_tokens=["<s>"])
    assert tok.provenance == plain.provenance
    assert tok.fingerprint() == plain.fingerprint()
    unigram = ft.UnigramTrainer(vocab_size=np.int16(12), character_coverage=np.float32(0.5))
    assert type(unigram.config()["character_coverage"]) is float
    assert ft.Sampling(np.float32(0.5), np.uint64(7)) == ft.Sampling(0.5, 7)
    assert ft.Dropout(np.float64(0.25), np.uint64(7), np.int8(2)) == ft.Dropout(0.25, 7, 2)
    assert type(ft.Dropout(np.float64(0.25), np.uint64(7)).seed) is int
    assert list(CORPUS.sample(np.float64(1), seed=np.uint64((1 << 64) - 1))) == list(CORPUS)
    assert ft.Truncation(np.int64(5)).config() == {"name": "truncation", "max_length": 5}
    assert TOK.pad([[1]], np.int64(4), width=np.uint16(4), pad_id=np.int32(0)).ids.shape == (1, 4)
    assert TOK.encode_batch(["low"], workers=np.int64(2)).to_list() == [TOK.encode("low").tolist()]
    assert COUNTS.weighted(np.float32(0.5)) == COUNTS.weighted(0.5)
    assert COUNTS.most_common(np.int64(1)) == COUNTS.most_common(1)
    rows = ft.measure({"a": TOK}, TEST_CORPUS, "fertility", seed=np.int64(3), workers=np.int8(1))
    assert rows == ft.measure({"a": TOK}, TEST_CORPUS, "fertility", seed=3)


def test_classes_derived_from_str_are_str():
    class Name(str):
        def __str__(self):
            return "wrong"

    plain = ft.train(CORPUS, vocab_size=260, pretokenizer="gpt2", normalizer="nfc", special_tokens=["<s>"])
    for kind in (Name, np.str_):
        tok = ft.train(
            ft.Corpus.from_texts(list(map(kind, map(bytes.decode, CORPUS)))),
            kind("bpe"),
            vocab_size=260,
            pretokenizer=kind("gpt2"),
            normalizer=kind("nfc"),
            special_tokens=[kind("<s>")],
        )
        assert tok == plain
        assert repr(tok) == repr(plain)
        assert tok.encode(kind("low<s>"), special=[kind("<s>")]).tolist() == plain.encode(
            "low<s>", special="all", as_list=True
        )


# Errors that say where


def test_rows_are_named():
    for wrong in (None, 3, float("nan"), ["a"]):
        texts = ["a", "b", wrong]
        for call in (
            lambda texts=texts: TOK.encode_batch(texts),
            lambda texts=texts: TOK.encode_batch(texts, as_list=True),
            lambda texts=texts: TOK.encode_batch(iter(texts)),
            lambda texts=texts: TOK.count_batch(texts),
            lambda texts=texts: list(ft.Corpus.from_texts(texts)),
            lambda texts=texts: ft.wrap(TOK).encode_batch(texts),
        ):
            with pytest.raises(TypeError, match=r"texts?.?2.? must be str or bytes"):
                call()
        with pytest.raises(TypeError, match="pair 1: a text must be str or bytes"):
            TOK.encode_pairs([("a", "b"), ("c", wrong)])
    with pytest.raises(ft.TextError, match=r"pair 1, text 2: lone surrogate U\+D800 at position 0 cannot"):
        TOK.encode_pairs([("a", "b"), ("c", "\ud800")])
    with pytest.raises(ft.SpecialTokenError, match="pair 0, text 1: special token '<s>'"):
        TOK.encode_pairs([("<s>", "b")], special="raise")
    for rows in ([[1], [2], ["a"]], [[1], [2], 3], [[1], [2], [True]], [[1], [2], [0.5]]):
        with pytest.raises(TypeError, match="row 2 of batch"):
            TOK.decode_batch(rows)
        with pytest.raises(TypeError, match="row 2 of rows"):
            TOK.pad(rows, pad_id=0)
    with pytest.raises(IndexError, match="row 1"):
        TOK.decode_batch([[1], [10**6]])
    with pytest.raises(UnicodeDecodeError, match="row 1 of batch"):
        TOK.decode_batch([[97], [0xC3]], errors="strict")
    with pytest.raises(TypeError, match=r"corpus\['b'\] must be a Corpus, not str|not 'x'"):
        ft.count_pretokens({"a": CORPUS, "b": "x"})
    with pytest.raises(TypeError, match=r"parts\[1\]"):
        ft.PretokenCounts.mix([(COUNTS, 1), COUNTS])
    with pytest.raises(TypeError, match="position 1"):
        TOK.decode([1, None])


def test_errors_advise_only_options_that_exist(tmp_path):
    for call in (
        TOK.encode_with_offsets,
        TOK.show,
        TOK.tokens,
        TOK.merge_tree,
        TOK.piece_to_id,
        SPLIT.split_text,
        UNIGRAM.lattice,
    ):
        with pytest.raises(ft.TextError, match="replace it first") as caught:
            call("a\ud800")
        assert "pass errors" not in str(caught.value)
    for call in (TOK.encode, TOK.count, lambda text: TOK.encode_batch([text])):
        with pytest.raises(ft.TextError, match='pass errors="replace"'):
            call("a\ud800")
    (tmp_path / "a.jsonl").write_text('{"text": null}\n')
    for call in (
        TOK.encode_files,
        lambda path: list(TOK.encode_stream(path)),
        lambda path: ft.compare_tokenizers(TOK, TOK, path),
    ):
        with pytest.raises(ft.CorpusError, match="make a Corpus with Corpus.from_files"):
            call(tmp_path / "a.jsonl")


def test_metrics_whose_needs_are_not_met_are_errors():
    for metric in ("parity", "gini"):
        with pytest.raises(ValueError, match="needs parallel text and a baseline; .* with baseline="):
            ft.measure({"a": TOK}, TEST_CORPUS, metric, seed=1)
    with pytest.raises(ValueError, match="needs words with their morphemes; .* with morphemes="):
        ft.measure({"a": TOK}, TEST_CORPUS, ["fertility", "morphology"], seed=1)
    with pytest.raises(ValueError, match="baseline_tokenizer must be the name of one of the tokenizers"):
        ft.measure({"a": TOK}, TEST_CORPUS, "nsl", seed=1)
