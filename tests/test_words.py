"""Scanners that drop white space, compared with regular expressions and the tokenizers library."""

from __future__ import annotations

import itertools
import random
import unicodedata

import numpy as np
import pytest
from tokenizers import pre_tokenizers

import fasttok as ft
from fasttok.text.pretokenizers.scanners import DROPPING
from tests import hostile, oracles, unicode_differences
from tests.conftest import FUZZ

PEERS = {
    "bert": (pre_tokenizers.BertPreTokenizer(), unicode_differences.TOKENIZERS_BERT),
    "whitespace_split": (pre_tokenizers.WhitespaceSplit(), ()),
}


def words(name: str, documents: list[bytes]) -> list[bytes]:
    return [word for document in documents for word in oracles.find_all(DROPPING[name], document)]


def test_examples():
    split = ft.get_pretokenizer("whitespace_split").split_text
    assert split(" two  words,\u3000three\n") == [b"two", b"words,", b"three"]
    split = ft.get_pretokenizer("bert").split_text
    assert split(" it's  three-\n") == [b"it", b"'", b"s", b"three", b"-"]


@pytest.mark.parametrize("name", DROPPING)
def test_every_short_string(name):
    pretokenizer = ft.get_pretokenizer(name)
    assert not pretokenizer.is_partition
    alphabet = ["a", "é", ".", "»", " ", "\n", "\u00a0", "\x85"]
    for n in range(5):
        for letters in itertools.product(alphabet, repeat=n):
            text = "".join(letters)
            assert pretokenizer.split_text(text) == words(name, [text.encode()])


@pytest.mark.parametrize("name", DROPPING)
def test_hostile_text(name):
    rng = np.random.default_rng(83)
    noise = [rng.integers(0, 256, n, np.uint8).tobytes() for n in rng.integers(0, 200, 500)]
    for document in [*hostile.byte_strings(4000, seed=80), *noise]:
        assert ft.get_pretokenizer(name).split_text(document) == words(name, [document])


@pytest.mark.parametrize("name", DROPPING)
def test_text_longer_than_a_block(name):
    # Every kind of boundary, at every position of a block of 64 bytes.
    parts = [
        "a",
        "Z",
        " ",
        "  ",
        "\t\n",
        ".",
        "!(",
        "'s",
        "12",
        "word",
        "é",
        "\u00a0",
        "東",
        "«",
        "\x7f",
        "\x00",
    ]
    parts += ["x" * 70, " " * 70, "~" * 70]
    rng = random.Random(84)
    pretokenizer = ft.get_pretokenizer(name)
    for i in range(6000):
        if i % 50 == 0:
            weights = [rng.choice([0.1, 1, 1, 3, 12]) for _ in parts[:-3]] + [rng.choice([0, 0.1])] * 3
        data = "".join(rng.choices(parts, weights, k=rng.randint(30, 120))).encode()
        assert pretokenizer.split_text(data) == words(name, [data]), data


@pytest.mark.parametrize("name", DROPPING)
def test_words_are_those_of_tokenizers(name):
    step, differences = PEERS[name]
    skipped = set(itertools.chain(*(range(a, b + 1) for a, b in differences)))
    code_points = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and c not in skipped]
    # A run of letters without case, or of unassigned or private-use code points, is one word: only
    # punctuation and white space end it.
    joins = [unicodedata.category(c) in ("Cn", "Co", "Lo") for c in code_points]
    runs = [c for c, joined in zip(code_points, joins, strict=True) if joined]
    others = [f"a{c}b{c}{c} {c}1{c}" for c, joined in zip(code_points, joins, strict=True) if not joined]
    texts = ["".join(part[i : i + 1024]) for part in (runs, others) for i in range(0, len(part), 1024)]
    for text in [*texts, *hostile.texts(2000, seed=51)]:
        theirs = [text[a:b].encode() for _, (a, b) in step.pre_tokenize_str(text)]
        assert ft.get_pretokenizer(name).split_text(text) == theirs


def test_pretokenizers_that_drop_text_have_no_boundaries():
    text = ft.Ragged.from_bytes([b"a b"])
    sequences = [["punctuation", "whitespace_split"], ["whitespace_split", "punctuation"], ["bert", "bert"]]
    for steps in ("bert", "whitespace_split", *sequences):
        with pytest.raises(ValueError, match="drops text.*, so its pretokens have no boundaries"):
            ft.get_pretokenizer(steps).split(text)


@pytest.mark.parametrize("name", DROPPING)
@pytest.mark.parametrize(
    "steps", [["punctuation"], ["gpt2"], ["digits_single", "cl100k"], [r"[aeiou]+"], ["none"]], ids="+".join
)
def test_scanners_after_other_steps(steps, name):
    documents = [b"", *hostile.byte_strings(600, seed=81), b" ", b""]
    documents[::9] = [b""] * len(documents[::9])
    pretokenizer = ft.get_pretokenizer([*steps, name])
    assert not pretokenizer.is_partition
    assert ft.get_pretokenizer(pretokenizer.config()) == pretokenizer
    before = ft.get_pretokenizer(steps)
    expected = [words(name, before.split_text(document)) for document in documents]
    assert [pretokenizer.split_text(document) for document in documents] == expected
    counts = ft.count_pretokens(ft.Corpus.from_texts(documents), pretokenizer, workers=1)
    assert counts.to_dict() == oracles.count(r"(?s:.+)", list(itertools.chain(*expected)))


@pytest.mark.parametrize(
    "steps", ["bert", "whitespace_split", ["punctuation", "whitespace_split"], ["gpt2", "bert"]], ids=str
)
def test_a_safe_cut_changes_no_word(steps):
    pretokenizer = ft.get_pretokenizer(steps)
    found = 0
    for data in hostile.byte_strings(80 * FUZZ, seed=82):
        whole = pretokenizer.split_text(data)
        for start, end in itertools.combinations(range(len(data) + 1), 2):
            cut = pretokenizer.find_cut(np.frombuffer(data[start:end], np.uint8))
            if cut:
                found += 1
                position = start + cut
                assert (
                    pretokenizer.split_text(data[:position]) + pretokenizer.split_text(data[position:])
                    == whole
                )
    assert found > 800


@pytest.mark.parametrize(
    ("name", "text"), [("whitespace_split", "x1.\u0301 \n\u3000 a"), ("bert", "x.1 .»\n\u3000 ")]
)
def test_every_position_between_words_is_safe(name, text):
    for i in range(4, len(text)):
        data = np.frombuffer(text[: i + 1].encode(), np.uint8)
        assert ft.get_pretokenizer(name).find_cut(data) == len(text[:i].encode())
