"""Scanning of blocks with every instruction set; FASTTOK_FUZZ multiplies the texts."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys

import numpy as np
import pytest

import fasttok as ft
from fasttok.text._spans import list_spans
from fasttok.text.pretokenizers._scan import INSTRUCTION_SETS, Scanner, scan
from fasttok.text.pretokenizers.scanners import PATTERNS
from tests import oracles, unicode_differences
from tests.conftest import FUZZ

NAMES = ["gpt2", "cl100k", "llama3", "qwen2", "o200k"]  # the patterns that are scanned in blocks
N_TEXTS = 400 * FUZZ
SKIPPED = set(itertools.chain(*(range(a, b + 1) for a, b in unicode_differences.REGEX)))
ALPHABETS = [
    "'s't'll've're'RE'S \u017f' ",
    "\n\r\n \t  /",
    "0123456789",
    "abcXYZ",
    "\u00e9\u0141\u01c5\u0130\u00df",
    "\u0301\u0300\u093e",  # marks
    "\u3042\u4e00\uac00",
    "\u0661\u00b2\u2460",  # numbers
    "\u00a0\u3000\u2028",  # white space
    '!.,-/"#',
    "\U0001f600\U00010400\U0001d7ce",
    "\u0410\u0430\u0431",
    "\u02b0\u05d0\u10d0",  # letters without case
]
PARTS = {  # for the rules of o200k about case, of contractions, and of line ends
    "case": ["a", "B", "あ", "\u0301", "ǅ", "'s", "'S", " ", ".", "b", "C"],
    "contractions": ["'s", "'ll", "'LL", "'", "'re", "x", "Y", "あ", " ", "'ſ", "é", "\u0301", "1", "'t"],
    "lines": ["\n", "\r", "/", ".", " ", "\t", "a", "\u3000", "//", "!", "\u0301", "'"],
}

is_supported = [
    pytest.param(
        name, marks=pytest.mark.skipif(name not in INSTRUCTION_SETS, reason=f"needs a processor with {name}")
    )
    for name in ("plain", "avx2", "avx512")
]


def random_texts(n: int, seed: int) -> list[bytes]:
    """Return texts of a few random alphabets each; three in ten have bytes that are not UTF-8."""
    rng = random.Random(seed)
    texts = []
    while len(texts) < n:
        chosen = rng.sample(ALPHABETS, rng.randint(1, 6))
        parts = (
            rng.choice(rng.choice(chosen)) * (1 if rng.random() < 0.9 else rng.randint(1, 5))
            for _ in range(rng.randint(1, 400))
        )
        data = bytearray("".join(parts), "utf-8")
        if rng.random() < 0.3:
            for _ in range(rng.randint(1, 4)):
                data[rng.randrange(len(data))] = rng.randrange(256)
        if not any(ord(c) in SKIPPED for c in data.decode(errors="replace")):
            texts.append(bytes(data))
    return texts


def ends_of(scanner: Scanner, data: bytes) -> list[int]:
    spans, _ = list_spans(scanner, np.frombuffer(data, np.uint8), np.array([0, len(data)]))
    return [int(end) for end in spans[:, 1]]


def expected_ends(name: str, data: bytes) -> list[int]:
    return list(itertools.accumulate(len(part) for part in oracles.split(PATTERNS[name], data)))


@pytest.mark.parametrize("instruction_set", is_supported)
@pytest.mark.parametrize("name", NAMES)
def test_random_texts(name, instruction_set):
    scanner = Scanner(name, None, instruction_set)
    for data in random_texts(N_TEXTS, seed=NAMES.index(name)):
        assert ends_of(scanner, data) == expected_ends(name, data), data


@pytest.mark.parametrize("instruction_set", is_supported)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", list(PARTS))
def test_dense_rules(kind, name, instruction_set):
    rng = random.Random(3)
    scanner = Scanner(name, None, instruction_set)
    for _ in range(N_TEXTS):
        data = "".join(rng.choices(PARTS[kind], k=rng.randint(40, 160))).encode()
        assert ends_of(scanner, data) == expected_ends(name, data), data


@pytest.mark.parametrize("instruction_set", is_supported)
@pytest.mark.parametrize("name", NAMES)
def test_every_offset_within_a_block(name, instruction_set):
    scanner = Scanner(name, None, instruction_set)
    tails = [
        "'s",
        "'LLb",
        "\n\n  x",
        "1234567",
        "あB'sあ",
        ".\n/\u0301",
        "\u00a0\u00a0é",
        "𐐀𐐨𝟎",
        "\xe9\u0301B",
    ]
    for tail, n in itertools.product(tails, range(70)):
        for fill in "x", " ", ".", "é":
            data = (fill * n + tail + " and some text that follows" * 4).encode()
            assert ends_of(scanner, data) == expected_ends(name, data), data


@pytest.mark.parametrize("instruction_set", is_supported)
@pytest.mark.parametrize("name", NAMES)
def test_broken_characters_at_the_end_of_a_block(name, instruction_set):
    scanner = Scanner(name, None, instruction_set)
    for character, fill, n in itertools.product(["é", "あ", "𝟎", "\u00a0"], ["x", ".", "é"], range(50, 70)):
        for length in range(1, len(character.encode())):
            for last in ['"', "x", " ", "あ"]:
                broken = character.encode()[:length] + last.encode()
                data = (
                    (fill * n).encode()[: n - n % len(fill.encode())]
                    + broken
                    + b" some text that follows" * 5
                )
                assert ends_of(scanner, data) == expected_ends(name, data), data


@pytest.mark.parametrize("instruction_set", is_supported)
@pytest.mark.parametrize("name", NAMES)
def test_words_of_several_blocks(name, instruction_set):
    rng = random.Random(8)
    scanner = Scanner(name, None, instruction_set)
    starts = ["", " ", ".", "a", "B", "あ", "\u0301", "!\u0301", "1", "\n"]
    starts += [". 'ſ", ". '", ". 's", "1'ſ", "1'll"]
    ends = ["", "B", "b", "Bb", "\u0301B", "'s", "'sあ", " a", "\n", "/", "'ſ"]
    for first, last, fill in itertools.product(starts, ends, ["x", "あ", "B", "あ\u0301", "xあ", "Bあ"]):
        data = (first + fill * rng.randint(20, 90) + last + " and some text that follows" * 4).encode()
        assert ends_of(scanner, data) == expected_ends(name, data), data


@pytest.mark.parametrize("instruction_set", is_supported)
def test_small_capacity(instruction_set):
    # A caller may ask for fewer spans than a block can have.
    data = np.frombuffer(random_texts(1, seed=9)[0] * 20, np.uint8)
    expected = expected_ends("cl100k", data.tobytes())
    for capacity in 1, 63, 64, 65, 200, 600:
        ends, state, found = np.empty(capacity, np.int64), np.zeros(2, np.int64), []
        while n := scan(
            Scanner("cl100k", None, instruction_set), data, np.array([0, len(data)]), state, ends
        ):
            found += ends[:n].tolist()
        assert found == expected


@pytest.mark.parametrize("instruction_set", is_supported)
def test_environment_chooses_the_instruction_set(instruction_set):
    code = (
        "import sys, fasttok as ft\n"
        "from fasttok.text.pretokenizers._scan import Scanner\n"
        "print(Scanner('o200k').instruction_set)\n"
        "pretokenizer = ft.get_pretokenizer('o200k')\n"
        "for text in sys.stdin.buffer.read().split(b'\\0'): print(pretokenizer.split_text(text))"
    )
    texts = [data for data in random_texts(200, seed=12) if b"\0" not in data]
    found = subprocess.run(
        [sys.executable, "-c", code],
        input=b"\0".join(texts),
        capture_output=True,
        env=os.environ | {"FASTTOK_SIMD": instruction_set},
        check=True,
    )
    assert found.stdout.decode().splitlines() == [
        instruction_set,
        *(str(oracles.split(PATTERNS["o200k"], data)) for data in texts),
    ]


def test_unknown_instruction_set_is_refused():
    found = subprocess.run(
        [sys.executable, "-c", "from fasttok.text.pretokenizers import _scan"],
        env=os.environ | {"FASTTOK_SIMD": "mmx"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 1
    assert "FASTTOK_SIMD must be plain, avx2, avx512 or empty, not 'mmx'" in found.stderr


@pytest.mark.skipif("avx512" in INSTRUCTION_SETS, reason="this processor has all instruction sets")
def test_unsupported_instruction_set_is_refused():
    found = subprocess.run(
        [sys.executable, "-c", "from fasttok.text.pretokenizers import _scan"],
        env=os.environ | {"FASTTOK_SIMD": "avx512"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 1
    assert f"this processor does not have; it supports {', '.join(INSTRUCTION_SETS)}" in found.stderr


@pytest.mark.parametrize("name", NAMES)
def test_ends_are_those_of_spans(name):
    # Encoding asks for ends alone; encoding with offsets asks for starts and ends.
    tok = ft.train(ft.Corpus.from_texts(["low lower"]), vocab_size=260, pretokenizer=name)
    for data in random_texts(N_TEXTS, seed=20):
        assert tok.encode(data).tolist() == tok.encode_with_offsets(data).ids.tolist(), data
