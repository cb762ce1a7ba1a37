"""Hand-written scanners, compared with their regular expressions; FASTTOK_FUZZ multiplies long texts."""

from __future__ import annotations

import functools
import itertools
import random
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
import tiktoken

import fasttok as ft
from fasttok.text.pretokenizers.scanners import DROPPING, PATTERNS
from tests import hostile, oracles, unicode_differences
from tests.conftest import FUZZ

NAMES = list(PATTERNS)
SPLITTERS = [name for name in NAMES if name != "none"]


def check(name: str, documents: list[bytes]) -> None:
    """Compare the pretokens of many documents with those of the regular expression."""
    found = ft.get_pretokenizer(name).split(ft.Ragged.from_bytes(documents)).tolist()
    if found != oracles.boundaries(PATTERNS[name], documents):  # find the first document that differs
        for data in documents:
            assert ft.get_pretokenizer(name).split_text(data) == oracles.split(PATTERNS[name], data), data
        raise AssertionError("the documents are split in another way together than alone")


@functools.cache
def code_points_in_context() -> list[bytes]:
    # Each code point alone, doubled, and between neighbours of every class. Ideographs and Hangul syllables,
    # three quarters of the assigned code points, are letters without case, so they have fewer neighbours.
    # Unassigned and private-use code points, three quarters of all, have the same class, so runs of them are
    # split like one code point.
    skipped = set(itertools.chain(*(range(a, b + 1) for a, b in unicode_differences.REGEX)))
    code_points = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000 and c not in skipped]
    assert len(code_points) == 0x110000 - 2048 - 17565
    documents = []
    for start in range(0, len(code_points), 4096):
        contexts, run = [], []
        for c in map(chr, code_points[start : start + 4096]):
            if unicodedata.category(c) in ("Cn", "Co"):
                run.append(c)
            elif unicodedata.name(c, "").startswith(("CJK UNIFIED IDEOGRAPH", "HANGUL SYLLABLE")):
                contexts.append(f"a{c}b 1{c} .{c}")
            else:
                contexts.append(f"a{c}b 1{c}2 .{c}! {c}{c}\n{c} '{c} {c}")
        documents.append("".join([*contexts, "a", *run, "1 ", *run]).encode())
    return documents


@pytest.mark.parametrize("name", NAMES)
def test_every_code_point_in_context(name):
    check(name, code_points_in_context())


@pytest.mark.parametrize("name", NAMES)
def test_every_short_string(name):
    alphabet = ["a", "1", ".", " ", "\n", "\r", "'", "s", "L", "\u00a0", "é"]
    strings = [letters for n in range(5) for letters in itertools.product(alphabet, repeat=n)]
    strings += itertools.product(["a", "1", ".", " ", "\n", "'", "s"], repeat=5)  # one of each kind
    check(name, ["".join(letters).encode() for letters in strings])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("make", [hostile.texts, hostile.byte_strings])
def test_hostile_text(name, make):
    texts = make(4000, seed=1)
    check(name, [text.encode() if isinstance(text, str) else text for text in texts])


@pytest.mark.parametrize("name", NAMES)
def test_text_longer_than_a_block(name):
    # Contractions, digits, line ends and other scripts at every position of a block of 64 bytes.
    parts = [*"abZ \n\r\t.!('1", "  ", "'s", "'ll", "'LL", "'v", "ve"]
    parts += ["23", "4567", "word", "é", "\u00a0", "1234567890", "'ſ", "東", "/", "'Ll", "camelCase", "URLs"]
    rng, texts = random.Random(40), []
    for i in range(2000 * FUZZ):
        if i % 20 == 0:
            weights = [rng.choice([0.1, 1, 1, 3, 12]) for _ in parts]
        texts.append("".join(rng.choices(parts, weights, k=rng.randint(30, 120))).encode())
    check(name, texts)


@pytest.mark.parametrize("name", NAMES)
def test_random_bytes(name):
    rng = np.random.default_rng(2)
    check(name, [rng.integers(0, 256, rng.integers(0, 40), np.uint8).tobytes() for _ in range(500)])


@pytest.mark.parametrize("name", ["gpt2", "cl100k"])
def test_pretokens_are_those_of_tiktoken(name):
    """Compare with tiktoken's engine and patterns, by ids."""
    patterns = {
        "gpt2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
        "cl100k": (
            r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
            r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
        ),
    }
    text = "\n".join(hostile.texts(5000, seed=3))
    pretokens = [p.decode() for p in ft.get_pretokenizer(name).split_text(text)]
    # The vocabulary is the bytes and our pretokens, so tiktoken gives one id per pretoken if it agrees.
    ranks = {bytes([b]): b for b in range(256)}
    for pretoken in pretokens:
        ranks.setdefault(pretoken.encode(), len(ranks))
    encoding = tiktoken.Encoding("x", pat_str=patterns[name], mergeable_ranks=ranks, special_tokens={})
    assert encoding.encode_ordinary(text) == [ranks[p.encode()] for p in pretokens]


def test_boundaries_come_in_slices():
    documents = ft.Ragged.from_bytes([b"a " * 70_000, b"", b"b " * 70_000])
    slices = [part.copy() for part in ft.get_pretokenizer("gpt2").boundaries(documents)]
    assert len(slices) > 2
    assert all(a[-1] == b[0] for a, b in itertools.pairwise(slices))
    assert (slices[0][0], slices[-1][-1]) == (0, 280_000)


def test_slices_of_a_regular_expression_contain_many_documents():
    documents = ft.Ragged.from_bytes([b"a b c d e f g h", b""] * 10_000)
    slices = list(ft.get_pretokenizer(r"\w").boundaries(documents))
    assert [len(part) - 1 for part in slices] == [65_550, 65_550, 150_000 - 2 * 65_550]
    assert np.concatenate([[0], *(part[1:] for part in slices)]).tolist() == list(range(150_001))


def test_p50k_is_an_alias_of_gpt2():
    assert ft.get_pretokenizer("p50k") == ft.get_pretokenizer("gpt2")
    assert ft.get_pretokenizer("p50k").config() == {"name": "gpt2"}


def test_threes_from_the_right_take_linear_time():
    # A search for the end of the run from every group would take an hour.
    text = "é" + "1" * 4_000_001 + "²x"
    boundaries = ft.get_pretokenizer("digits_threes_right").split(ft.Ragged.from_bytes([text.encode()]))
    assert boundaries[:3].tolist() == [0, 2, 5]
    assert boundaries[-4:].tolist() == [3_999_998 + k for k in (0, 3, 7, 8)]
    assert (np.diff(boundaries)[1:-2] == 3).all()


def test_named_patterns_need_no_regex_module():
    code = (
        "import sys; sys.modules['regex'] = None\n"
        "import fasttok as ft\n"
        "assert ft.get_pretokenizer('cl100k').split_text('a bc') == [b'a', b' bc']\n"
        "try: ft.get_pretokenizer(r'\\w+')\n"
        "except ImportError as error: assert 'pip install regex' in str(error)\n"
        "else: raise AssertionError\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Regular expressions


def test_a_regular_expression_keeps_the_text_between_matches():
    assert ft.get_pretokenizer(r"\w+").split_text("a, bc!") == [b"a", b", ", b"bc", b"!"]
    assert ft.get_pretokenizer(r"x*").split_text("axxb") == [b"a", b"xx", b"b"]


@pytest.mark.parametrize("name", SPLITTERS)
def test_the_expression_itself_splits_the_same(name):
    pretokenizer = ft.get_pretokenizer(PATTERNS[name])
    documents = ft.Ragged.from_bytes(hostile.byte_strings(500, seed=5))
    assert pretokenizer.split(documents).tolist() == ft.get_pretokenizer(name).split(documents).tolist()


def test_bad_expressions():
    with pytest.raises(ft.PatternError, match=r"does not compile.*position 2"):
        ft.get_pretokenizer("a(")
    with pytest.raises(
        ValueError,
        match="no pretokenizer is named 'gpt3'; did you mean .gpt2.. The names are gpt2.*, script, split_",
    ):
        ft.get_pretokenizer("gpt3")
    with pytest.raises(TypeError, match="must be a name, a regular expression, a list .*, not int"):
        ft.get_pretokenizer(3)
    with pytest.raises(ValueError, match="not the configuration"):
        ft.get_pretokenizer({"name": "gpt2", "more": 1})


def test_a_backtracking_expression_exceeds_its_timeout():

    pretokenizer = ft.Regex(r"(?:a|a)*c|(?:a?){30}a{30}$", timeout=0.1)
    with pytest.raises(ft.PatternError, match=r"its timeout of 0.1 s after code point 0, on document 1"):
        pretokenizer.split(ft.Ragged.from_bytes([b"b", b"a" * 28 + b"b" + b"a" * 40_000 + b"b"]))


@pytest.mark.parametrize("given", [*NAMES, *DROPPING, r"\d|\D+"])
def test_config_round_trip(given):
    pretokenizer = ft.get_pretokenizer(given)
    assert ft.get_pretokenizer(pretokenizer.config()) == pretokenizer
    assert ft.get_pretokenizer(pretokenizer) is pretokenizer
