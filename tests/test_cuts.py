"""Safe cuts: the claims of fasttok/text/cuts.py, and the search for the last safe position.

FASTTOK_FUZZ multiplies the random texts.
"""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
import regex

import fasttok as ft
from fasttok.text import cuts
from fasttok.text.pretokenizers.scanners import PATTERNS
from tests import hostile
from tests.conftest import FUZZ

KINDS = [
    r"\p{L}",
    r"\p{N}",
    r"[!-/:-@\[-`{-~\p{P}]",
    r".",
    r" ",
    r"\s",
]  # regular expressions of the kinds, in the order of cuts.py
WORDS = ["gpt2", "cl100k", "llama3", "qwen2", "o200k", "whitespace"]
DIGITS = ["digits_single", "digits_threes_left", "digits_threes_right"]
SEQUENCES = [
    *([digits, words] for digits in DIGITS for words in WORDS),
    *([words, digits] for digits in DIGITS for words in WORDS),
    *(["none", digits] for digits in DIGITS),
    ["punctuation", "digits_threes_right"],
    ["digits_threes_left", "punctuation"],
    ["gpt2", "cl100k"],
    ["o200k", "digits_single", "whitespace"],
]
# Pretokenizers that have safe positions.
CUTTABLE = [name for name in PATTERNS if name != "none"]


@cache
def find_kinds() -> dict[str, int]:
    """Return the kind of every code point that is not `cuts.OTHER`. A single search per kind is fast."""
    text = "".join(map(chr, range(0x110000)))
    order = (cuts.SPACE, cuts.PUNCTUATION, cuts.NUMBER, cuts.LETTER, cuts.BLANK)  # the last one counts
    return {c: k for k in order for c in regex.findall(KINDS[k], text)}


def kind(code_point: str) -> int:
    return find_kinds().get(code_point, cuts.OTHER)


def encode(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def check_claims(name: str, texts: list[str]) -> int:
    """Cut every text at every position and compare the boundaries of the parts with those of the whole."""
    known = cuts.CUTS[name]
    parts = list({part for text in texts for i in range(len(text) + 1) for part in (text[:i], text[i:])})
    documents = ft.Ragged.from_bytes([encode(part) for part in parts])
    boundaries = ft.get_pretokenizer(name).split(documents)
    rows = np.searchsorted(boundaries, documents.offsets).tolist()
    ends = {
        part: set((boundaries[first : last + 1] - start).tolist())
        for part, first, last, start in zip(parts, rows, rows[1:], documents.offsets.tolist(), strict=False)
    }
    n_checked = 0
    for text in texts:
        kinds = [kind(c) for c in text]
        for i, pair in enumerate(itertools.pairwise(kinds), 1):
            position = len(encode(text[:i]))
            if known.always[pair]:
                assert position in ends[text], (text, i)
            if known.neutral[pair]:
                both = ends[text[:i]] | {position + end for end in ends[text[i:]]}
                assert both == ends[text] | {position}, (text, i)
            n_checked += int(known.always[pair] or known.neutral[pair])
    return n_checked


@pytest.mark.parametrize("name", list(PATTERNS))
def test_claims_on_every_short_text(name):
    alphabet = ["a", "'", "s", "1", "²", ".", "\u0301", " ", "\n", "\u3000"]
    assert {kind(c) for c in alphabet} == set(cuts.KINDS)
    letters = [letters for n in range(5) for letters in itertools.product(alphabet, repeat=n)]
    letters += itertools.product(["a", "'", "s", "1", "\u0301", " ", "\n"], repeat=5)  # each kind again
    assert check_claims(name, ["".join(one) for one in letters]) > 10_000


@pytest.mark.parametrize("name", list(PATTERNS))
def test_claims_on_hostile_text(name):
    texts = [data.decode(errors="surrogateescape") for data in hostile.byte_strings(1000 * FUZZ, seed=60)]
    assert check_claims(name, texts) > 200


def test_claims_are_as_strong_as_expected():
    # Weaker claims would be correct as well, but then fewer positions would be safe.
    assert cuts.CUTS["punctuation"].always.sum() == 23
    assert cuts.CUTS["bert"].always.sum() == 27
    assert cuts.CUTS["whitespace_split"].always.sum() == 20
    for name in ("punctuation", "bert", "whitespace_split"):
        assert cuts.CUTS[name].neutral.all()
    for name in DIGITS:
        assert cuts.CUTS[name].always.sum() == (11 if name == "digits_single" else 10)
        assert cuts.CUTS[name].neutral.sum() == (36 if name == "digits_single" else 35)
    for name in WORDS:
        assert (cuts.CUTS[name].always & cuts.CUTS[name].neutral).sum() == 6
    assert not cuts.CUTS["none"].always.any()
    assert cuts.CUTS["none"].neutral.all()


@pytest.mark.parametrize("steps", [*CUTTABLE, *SEQUENCES], ids=str)
def test_find_cut_changes_no_pretoken(steps):
    pretokenizer = ft.get_pretokenizer(steps)
    found = 0
    tests = [
        *hostile.byte_strings(60 * FUZZ, seed=4),
        "\u3000  b c\u3000 d".encode(),
        "12345 67\u0661\u0662x1".encode(),
    ]
    for data in tests:
        whole = pretokenizer.split_text(data)
        # The text that is searched may begin and end anywhere in the whole text.
        is_right: dict[int, bool] = {}
        for start, end in itertools.combinations(range(len(data) + 1), 2):
            cut = pretokenizer.find_cut(np.frombuffer(data[start:end], np.uint8))
            if cut:
                found += 1
                position = start + cut
                if position not in is_right:
                    parts = pretokenizer.split_text(data[:position]) + pretokenizer.split_text(
                        data[position:]
                    )
                    is_right[position] = parts == whole
                assert is_right[position], (data, position)
    assert found > 1500


@pytest.mark.parametrize("steps", [*CUTTABLE, *SEQUENCES], ids=str)
def test_find_cut_finds_the_last_safe_position(steps):
    known = ft.get_pretokenizer(steps).cuts
    for text in hostile.texts(500, seed=61):
        pairs = [(kind(a), kind(b)) for a, b in itertools.pairwise(text)]
        positions = [i for i, pair in enumerate(pairs, 1) if known.always[pair] and known.neutral[pair]]
        positions = [i for i in positions if "▁" not in text[i - 1 : i + 1]]
        expected = len(text[: positions[-1]].encode()) if positions else 0
        assert ft.get_pretokenizer(steps).find_cut(np.frombuffer(text.encode(), np.uint8)) == expected


@pytest.mark.parametrize("name", WORDS)
def test_find_cut_finds_the_end_of_a_word(name):
    for text in ("a b", "東京 b", "1\nb", "a\u3000b", "a. b"):
        data = np.frombuffer(text.encode(), np.uint8)
        assert ft.get_pretokenizer(name).find_cut(data) == len(text.rstrip("b").rstrip().encode())
    assert ft.get_pretokenizer(name).find_cut(np.frombuffer(b"nothing", np.uint8)) == 0


def test_there_is_no_safe_position_for_regular_expressions():
    for steps in ([r"\w+", "gpt2"], ["gpt2", r"\w+"], [r"\w+"], ["none", "none"], "none"):
        assert ft.get_pretokenizer(steps).find_cut(np.frombuffer(b"a b c 1 d", np.uint8)) == 0


@pytest.mark.parametrize("text", ["1é", "é1", "1東", "١a", "a١", "1😀", "😀1"])
def test_there_is_no_safe_position_next_to_an_incomplete_character(text):
    # The complete character may be a number.
    data = text.encode()
    pretokenizer = ft.get_pretokenizer("digits_threes_left")
    position = len(text[0].encode())
    for start, end in itertools.combinations(range(len(data) + 1), 2):
        is_whole = start == 0 and end == len(data)
        begins_inside = start and len(text[0].encode()) > 1
        if not is_whole and (begins_inside or end < len(data)):
            assert pretokenizer.find_cut(np.frombuffer(data[start:end], np.uint8)) == 0
    assert pretokenizer.find_cut(np.frombuffer(data, np.uint8)) == position
