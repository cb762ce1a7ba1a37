"""`Replace` and `RegexReplace`: text and offsets, compared with an oracle and with `tokenizers`."""

from __future__ import annotations

import itertools
import json
import pickle
import re

import numpy as np
import pytest
from tokenizers import Regex, normalizers

import fasttok as ft
from fasttok.text.rows import Rows
from tests import hostile
from tests.peer_normalizers import check_located

PAIRS = [
    ("a", "bb"), ("a", ""), (" ", "▁"), ("aa", "a"), ("abab", "x"), ("中", "Ü"), ("é", "e\u0301"),
    ("\x00", "!"), ("\u0301", "x"), ("ab" * 200, "y"), ("", "-"), ("", ""),
]  # fmt: skip
PATTERNS = [
    (r"\s+", " "), (r"^", "▁"), (r"$", "!"), (r"a*", "x"), (r"(?=b)", "é"), (r"", "-"), (r".", ""),
    (r"\w+", "東"), (r"[^a-z]{2}", "q"), (r"(a)(b)", "$1\\1"), (r"\b", "|"), (r" {2,}", "▁"),
]  # fmt: skip
TEXTS = [
    *hostile.texts(400, seed=320),
    *map("".join, itertools.product(["a", "b", "é", " ", "中", "\u0301"], repeat=4)),
    "ab" * 1000 + "a" + "ab" * 205,
    "",
]


def replaced(pattern: str, replacement: str, data: bytes) -> list[tuple[str, int, int]]:
    """Return the characters of the result with the spans of their origins in code points of the raw text."""
    text, out, done = data.decode(errors="surrogateescape"), [], 0
    for match in re.finditer(re.escape(pattern), text) if text else ():
        start, end = match.span()
        out += [(text[i], i, i + 1) for i in range(done, start)]
        out += [(c, max(end - 1, 0), end) for c in replacement]
        done = end
    return out + [(text[i], i, i + 1) for i in range(done, len(text))]


@pytest.mark.parametrize(("pattern", "replacement"), PAIRS)
def test_replace_against_the_oracle(pattern, replacement):
    texts = [*hostile.byte_strings(300, seed=321), *(text.encode() for text in TEXTS)]
    whole = ft.Ragged.from_bytes([b"ab", *texts, b"ab"])
    part = ft.Ragged(whole.values, whole.offsets[1:-1])
    normalizer = ft.Replace(pattern, replacement)
    rows = normalizer.rewrite(Rows.of(part, aligned=True))
    assert normalizer.rewrite(Rows.of(part)).documents == rows.documents
    for row, text in enumerate(texts):
        expected = replaced(pattern, replacement, text)
        written = "".join(c for c, _, _ in expected).encode(errors="surrogateescape")
        assert rows.documents[row].tobytes() == written, text
        lengths = [len(c.encode(errors="surrogateescape")) for c in text.decode(errors="surrogateescape")]
        at = np.cumsum([part.offsets[row], *lengths])
        start, end = rows.documents.offsets[row : row + 2]
        spans = rows.raw_spans[start:end]
        origins = [(at[a], at[b]) for c, a, b in expected for _ in c.encode(errors="surrogateescape")]
        assert ((spans[:, 0] >= [a for a, _ in origins]) & (spans[:, 1] <= [b for _, b in origins])).all()
        first = np.cumsum([0, *(len(c.encode(errors="surrogateescape")) for c, _, _ in expected)])[:-1]
        assert spans[first, 0].tolist() == [at[a] for _, a, _ in expected], text


@pytest.mark.parametrize(("pattern", "replacement"), PAIRS)
def test_replace_is_that_of_tokenizers(pattern, replacement):
    check_located(ft.Replace(pattern, replacement), normalizers.Replace(pattern, replacement), TEXTS)
    as_pattern = ft.RegexReplace(pattern, replacement, dialect="text")
    check_located(as_pattern, normalizers.Replace(pattern, replacement), TEXTS[::5])


@pytest.mark.parametrize(("pattern", "replacement"), PATTERNS)
def test_regular_expressions_are_those_of_tokenizers(pattern, replacement):
    normalizer = ft.RegexReplace(pattern, replacement, dialect="oniguruma")
    check_located(normalizer, normalizers.Replace(Regex(pattern), replacement), TEXTS)


def test_regular_expressions_of_the_regex_module():
    assert ft.RegexReplace(r"(\w)\1", r"<\1>").normalize("aabbc dd") == r"<\1><\1>c <\1>"
    assert ft.RegexReplace(r"\p{Lu}++|^", "^").normalize("ABc D") == "^c ^"
    assert ft.RegexReplace(r"^", "x").normalize("") == ""
    assert ft.RegexReplace(r"[^a]", "-").normalize(b"a\xff\xc3b") == b"a---"
    rows = Rows.of(ft.Ragged.from_bytes([b"\xe6b", "é  x".encode(), b""]), aligned=True)
    written = ft.RegexReplace(r"\s+|b|$", "東").rewrite(rows)
    assert written.documents.to_bytes() == [b"\xe6" + 2 * "東".encode(), "é東x東".encode(), b""]
    spans = [[0, 1], *[[1, 2]] * 6, [2, 3], [3, 4], *[[5, 6]] * 3, [6, 7], *[[6, 7]] * 3]
    assert written.raw_spans.tolist() == spans


def test_text_inserted_at_the_start_is_at_the_start_of_the_raw_text():
    for step in (ft.Strip(scope="segment"), ft.Replace(" ", "")):
        peer = normalizers.Strip() if step.name == "strip" else normalizers.Replace(" ", "")
        both = ft.get_normalizer([step, ft.RegexReplace("^", "▁", "oniguruma")])
        their = normalizers.Sequence([peer, normalizers.Replace(Regex("^"), "▁")])
        check_located(both, their, ["  ab ", "é b", " \n", ""])
    tok = ft.Tokenizer(ft.ByteModel(), "none", {ft.AddedToken("<t>", normalized=False): 256}, normalizer=both)
    spans = tok.encode_with_offsets("  a<t>  b", special="all").char_spans
    assert spans.tolist() == [*[[0, 0]] * 3, [2, 3], [3, 6], *[[6, 6]] * 3, [8, 9]]


def test_text_without_a_match_is_returned_without_a_copy():
    rows = Rows.of(ft.Ragged.from_bytes([b"abc", b""]))
    for normalizer in (ft.Replace("x", "y"), ft.RegexReplace("x", "y"), ft.Replace("bca", "")):
        assert normalizer.rewrite(rows) is rows


def test_matches_do_not_cross_the_end_of_a_row():
    documents = ft.Ragged.from_bytes([b"xa", b"b", b"ab", b"", b"a"])
    assert ft.Replace("ab", "").rewrite(Rows.of(documents)).documents.to_bytes() == [
        b"xa",
        b"b",
        b"",
        b"",
        b"a",
    ]


@pytest.mark.timeout(60)
def test_long_patterns_take_linear_time():
    text = "a" * 1_000_000
    assert ft.Replace("a" * 10_000 + "b", "").normalize(text) == text
    assert ft.Replace("a" * 30_000, "b").normalize(text) == "b" * 33 + "a" * 10_000
    assert ft.Replace("ba" * 5_000_000, "b").normalize("ba" * 10_000_001) == "bbba"


def test_options():
    for normalizer in (
        ft.Replace("", "x"),
        ft.RegexReplace("a+", "b", "oniguruma"),
        ft.RegexReplace("a+", "b"),
    ):
        assert ft.get_normalizer(json.loads(json.dumps(normalizer.config()))) == normalizer
        assert pickle.loads(pickle.dumps(normalizer)) == normalizer  # noqa: S301
    assert ft.RegexReplace("a+", "b").config() == {
        "name": "regex_replace",
        "pattern": "a+",
        "replacement": "b",
    }
    with pytest.raises(ValueError, match="dialect must be"):
        ft.RegexReplace("a", "b", "perl")
    with pytest.raises(ft.PatternError, match="does not compile"):
        ft.RegexReplace("(a", "b")
    with pytest.raises(TypeError, match="replacement must be a str"):
        ft.RegexReplace("a", 1)
    with pytest.raises(ValueError, match="pattern contains a lone surrogate at position 1"):
        ft.Replace("a\ud800", "b")


def test_the_error_of_a_timeout_names_the_document():
    normalizer = ft.RegexReplace("(?:a|a)*c|(?:a?){30}a{30}$", "", timeout=0.05)
    corpus = ft.Corpus.from_texts(["b", "a" * 29])
    with pytest.raises(
        ft.PatternError, match="exceeded its timeout of 0.05 s after code point 0, on document 1"
    ):
        ft.count_pretokens(corpus, "none", normalizer, workers=1)
