"""The dialect of Oniguruma, compared with the engine of tokenizers."""

from __future__ import annotations

import _thread
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from unicodedata import category

import numpy as np
import pytest
from tokenizers import Regex, normalizers, pre_tokenizers

import fasttok as ft
from fasttok.core.ragged import Ragged
from fasttok.text import oniguruma_program
from fasttok.text._spans import list_spans
from fasttok.text.oniguruma import CompiledPattern, compile_pattern
from fasttok.text.pretokenizers.classes import BEHAVIORS
from fasttok.text.unicode import _oniguruma, code_point_sets
from fasttok.text.unicode.utf8 import byte_positions
from tests import hostile, naive_oniguruma
from tests.conftest import FUZZ
from tests.naive_oniguruma import Oracle
from tests.oniguruma_patterns import POSIX, DenseMaker, Maker

MARK = "\ue123"  # in no text
# All assigned code points, and every hundredth of the others.
ALL = "".join(
    c for c in map(chr, range(0x110000)) if category(c) not in ("Cn", "Co", "Cs") or ord(c) % 100 == 9
)
ALL = ALL.encode(errors="ignore").decode()


def as_tokenizers_matches(pattern: Regex, text: str) -> tuple[str, list[str]]:
    """Return the text with a mark instead of every match, and the text split at all matches."""
    marked = normalizers.Replace(pattern, MARK).normalize_str(text)
    pieces = pre_tokenizers.Split(pattern, "isolated").pre_tokenize_str(text)
    return marked, [piece for piece, _ in pieces]


def find_in_rows(
    pattern: CompiledPattern, documents: list[bytes], timeout: float = 60.0
) -> list[list[tuple[int, int]]]:
    """Return the spans of the matches in each document, in code points."""
    rows = Ragged.from_bytes(documents)
    starts, ends, bounds = pattern.find(rows, timeout)
    spans = []
    for row, document in enumerate(documents):
        positions = byte_positions(document.decode(errors="surrogateescape")) + rows.offsets[row]
        part = slice(bounds[row], bounds[row + 1])
        columns = (np.searchsorted(positions, found[part]).tolist() for found in (starts, ends))
        spans.append(list(zip(*columns, strict=True)))
    return spans


def find(pattern: str, text: str | bytes, dialect: str = "oniguruma") -> list[tuple[int, int]]:
    """Return the spans of the matches in a text, in code points."""
    data = text if isinstance(text, bytes) else text.encode()
    return find_in_rows(compile_pattern(pattern, dialect), [data])[0]


def as_fasttok_matches(pattern: CompiledPattern, text: str) -> tuple[str, list[str]]:
    marked, last, cuts = "", 0, {0, len(text)}
    for start, end in find_in_rows(pattern, [text.encode()])[0]:
        marked += text[last:start] + MARK
        last = end
        cuts |= {start, end}
    ordered = sorted(cuts)
    return marked + text[last:], [text[a:b] for a, b in itertools.pairwise(ordered)]


def compare(pattern: str, texts: list[str]) -> None:
    theirs, ours = Regex(pattern), compile_pattern(pattern, "oniguruma")
    for text in filter(None, texts):
        assert as_fasttok_matches(ours, text) == as_tokenizers_matches(theirs, text), (pattern, text)


@pytest.mark.parametrize("maker_class", [Maker, DenseMaker])
def test_random_patterns_match_as_in_the_regex_module(maker_class):
    n = 300 * FUZZ
    maker = maker_class(seed=503)
    texts = [*hostile.byte_strings(400, seed=505), *(text.encode() for text in hostile.texts(200, seed=506))]
    n_compared = n_slow = 0
    while n_compared < n:
        pattern = maker.pattern(maker.rng.randint(1, 4))
        try:
            compiled = compile_pattern(pattern, "oniguruma")
        except ft.PatternError:
            continue
        n_compared += 1
        data = [*(maker.text().encode() for _ in range(12)), *maker.rng.sample(texts, 12)]
        try:
            found = find_in_rows(compiled, data, timeout=0.2)
        except ft.PatternError:  # exponential; the module has a guard against some of them
            n_slow += 1
            continue
        oracle = Oracle(pattern)
        expected = [oracle.find(document.decode(errors="surrogateescape")) for document in data]
        assert found == expected, pattern
    assert n_slow < n / 50


@pytest.mark.parametrize("dialect", ["oniguruma", "regex", "text"])
def test_every_behavior_of_split(dialect):
    documents = [b"", *hostile.byte_strings(60, seed=508), b"ab", b"aab", b"baa", b"a", b" a b "]
    patterns = [r"\s", r"a|(?<=b)", "a*", r"\w+", r"^|$", "[^a]+", "x"]
    if dialect == "text":
        patterns = ["ab", "", "a"]
    rows = Ragged.from_bytes(documents)
    for pattern, behavior, invert in itertools.product(patterns, BEHAVIORS, (False, True)):
        step = ft.Split(pattern, behavior, invert, dialect)
        found, bounds = list_spans(step.spans(rows), rows.values, rows.offsets)
        matches = find_in_rows(compile_pattern(pattern, dialect), documents)
        for row, document in enumerate(documents):
            positions = byte_positions(document.decode(errors="surrogateescape"))
            spans = naive_oniguruma.split(matches[row], len(positions) - 1, behavior, invert)
            expected = positions[np.array(spans, np.int64).reshape(-1, 2)] + rows.offsets[row]
            assert found[bounds[row] : bounds[row + 1]].tolist() == expected.tolist(), (step, document)


def test_random_patterns_match_alike():
    n = 200 * FUZZ
    maker = Maker(seed=500)
    n_compared = n_refused = 0
    while n_compared < n:
        pattern = maker.pattern(maker.rng.randint(1, 3))
        try:
            Regex(pattern)
        except Exception:  # noqa: S112  (not valid in the library)
            continue
        try:
            compile_pattern(pattern, "oniguruma")
        except ft.PatternError:
            n_refused += 1
            continue
        n_compared += 1
        compare(pattern, [maker.text() for _ in range(8)])
    assert n_refused < n_compared / 8


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+",
        r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
        r" ?[^(\s|[.,!?…。，、।۔،])]+",
        r"[\p{P}\$\+<=>\^~\|`]+|\s?\p{L}+|\s+$|[一-龥ࠀ-一가-퟿]+",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re)?|\p{N}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        r"\w+|[^\w\s]+",
        r"[0-9][0-9][0-9]",
        r"\b|$",
        r"",
        r"x*",
        r"(?<=\d{2}|[a-z]|^)(?=\s)",
        r"(?<!\S)\S|\R|(?>a|ab)c|a{2,3}+b|(?m)a.b|c{,2}?d",
    ],
)
def test_patterns_on_hostile_text(pattern):
    compare(pattern, [*hostile.texts(1500, seed=501), *(Maker(seed=502).text() for _ in range(500))])


def compare_runs(pattern: str) -> None:
    """Compare the runs of code points of a class among all code points."""
    pieces = pre_tokenizers.Split(Regex(f"{pattern}+"), "isolated").pre_tokenize_str(ALL)
    cuts = {0, len(ALL), *itertools.chain(*find(f"{pattern}+", ALL))}
    assert sorted(cuts) == [0, *(end for _, (_, end) in pieces)]


@pytest.mark.parametrize("name", ["Lu", "Cn", "word", "Han", "alpha", "Emoji", "InArrows", "^M"])
def test_properties_of_every_code_point(name):
    compare_runs(rf"\p{{{name}}}")
    compare_runs(rf"[\P{{{name}}}a]")
    compare_runs(rf"(?i:[\p{{{name}}}k&&[\x{{0}}-\u00b0\u0370-\u1dff&&[^\u0587\u03b0\u0390]]])")


@pytest.mark.parametrize(
    "name", [*(f"[[:{name}:]]" for name in POSIX), r"\w", r"\W", r"\d", r"\s", r"\h", "."]
)
def test_classes_of_every_code_point(name):
    compare_runs(name)
    compare_runs(f"[^{name}]")


def test_names_of_properties_ignore_case_and_separators():
    for name in ("Old_Italic", "old italic", "OLD-ITALIC", "olditalic"):
        assert find(rf"\p{{{name}}}", "a\U00010300") == [(1, 2)]
    n_names = sum(len(names.split("|")) for names in _oniguruma.NAMES.split(" "))
    assert n_names > 850
    assert len(code_point_sets.full_folds()) == 104


def test_a_byte_that_is_not_utf_8_has_no_property():
    assert find(r"\p{L}", b"a\xffb") == [(0, 1), (2, 3)]
    assert find(r"\P{L}", b"a\xffb") == [(1, 2)]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"(a)\1", r"\\1 at position 3"),
        (r"(?<n>a)\k<n>", r"\\k at position 7"),
        (r"(?<n>a)\g<n>", r"\\g at position 7"),
        (r"(?~ab)", "a group that is not supported at position 0"),
        (r"(a)?(?(1)b|c)", "a group that is not supported at position 4"),
        (r"(?{x})", "a group that is not supported"),
        (r"(*FAIL)", "a callout"),
        (r"(?W:\w)", "a group that is not supported"),
        (r"a\K", r"\\K"),
        (r"\Ga", r"\\G"),
        (r"\X", r"\\X"),
        (r"\p{Nope}", "the property 'Nope', which is unknown,"),
        (r"(?i)stra(?:ß)+e", "ß, which matches 'ss' if case is ignored"),
        (r"(?i)stra(?:s)se", "'ss', which matches ß if case is ignored"),
        (r"(?i)[a-ß]", "a class with ß, which matches 'ss' if case is ignored"),
        (r"(?:a+?)*", "a lazy quantifier"),
        (r"(?:ab){1}?", r"a quantifier after \{1\}"),
        (r"a{3,2}", "an interval with a first number above the second"),
        (r"(?:a?){2}", "an interval after an expression that may be empty"),
        (r"a{100001}", "a number above 100000"),
        (r"(?<=(?>a))b", "not supported in a look-behind at position 4"),
        (r"(?<=(?<!a)b)c", "not supported in a look-behind at position 4"),
        (r"(?<=\b)a", r"\\b in a look-behind at position 4"),
        (r"*a", "nothing to repeat at position 0"),
        (r"^*", "a quantifier after a condition"),
        (r"a)", r"unmatched \) at position 1"),
        (r"(a", r"unmatched \( at position 0"),
        (r"[a", r"unmatched \[ at position 0"),
        (r"[]", "an empty class"),
        (r"[b-a]", "an empty range"),
        (r"[a-\d]", "a range that ends with a class"),
        (r"[[:foo:]]", r"the POSIX bracket \[:foo:\]"),
        (r"\xff", "bytes that are not UTF-8"),
        (r"\x{d800}", "a number that is not a code point"),
        ("\\", r"\\ at the end"),
        ("(" * 101 + ")" * 101, "more than 100 groups in groups at position 100"),
        ("(?i:" * 199 + "a" + ")" * 199, "more than 100 groups in groups at position 400"),
        ("a" + "*" * 2000, "more than 100 quantifiers after a term at position 0"),
        ("(" * 90 + "a" + ("*" * 90 + ")") * 90, "is not supported: it is nested too deeply"),
        ("[" * 102 + "]" * 102, "more than 100 classes in classes"),
        ("a{" + "9" * 5000 + "}", "a number above 100000 at position 1"),
        ("a{," + "9" * 5000 + "}", "a number above 100000 at position 1"),
        (r"(?<=a?b*)c", "a look-behind that may be empty at position 0"),
        (r"(?<!x|a?b{,2})c", "a look-behind that may be empty at position 0"),
        ("|".join(map(chr, range(0x4E00, 0x4E00 + 12_000))), "it has too many different sets of characters"),
    ],
)
def test_what_is_not_supported_is_refused(pattern, message):
    with pytest.raises(ft.PatternError, match=message):
        compile_pattern(pattern, "oniguruma")


def test_the_other_dialects():
    assert find("a.", "a.ab a.a.", "text") == [(0, 2), (5, 7), (7, 9)]
    assert find("", "ab", "text") == [(0, 0), (1, 1), (2, 2)]
    assert find(r"\d|", "1a", "regex") == [(0, 1), (1, 1), (2, 2)]
    with pytest.raises(ft.PatternError, match="does not compile"):
        compile_pattern("(", "regex")
    for dialect in ("oniguruma", "text"):
        assert find("", "", dialect) == []


def test_patterns_with_many_sets():
    many = "".join(f"{chr(0x4E00 + i)}{chr(0x4E00 + i)}|" for i in range(0, 600, 2)) + "a"
    text = "\u4e00\u4e00\u4e02a\u4e02\u4e02\u4f00\u4f00"
    assert find(many, text) == [(0, 2), (3, 4), (4, 6), (6, 8)]
    assert find(r"a{100000}", "a" * 100_001) == [(0, 100_000)]
    assert find(r"a{" + "0" * 5000 + "2}", "aaa") == [(0, 2)]


def test_the_number_of_instructions_is_limited(monkeypatch):
    monkeypatch.setattr(oniguruma_program, "MAX_INSTRUCTIONS", 100)
    with pytest.raises(ft.PatternError, match="is not supported: it needs more than 100 instructions"):
        compile_pattern("ab" * 50, "oniguruma")
    assert find("(?:ab){50}", "ab" * 50) == [(0, 100)]


@pytest.mark.timeout(20)
def test_large_patterns_compile_in_seconds():
    letters = "".join(map(chr, range(0x4E00, 0x4E00 + 8000)))
    assert find(letters, "x" + letters) == [(1, 8001)]
    assert find("|".join(f"{c}{c}" for c in letters), letters[::-1] + letters[0] + "x") == [(7999, 8001)]
    assert find("(?i)" + 20_000 * "a", "A" * 20_001) == [(0, 20_000)]


SLOW = [
    r"é|(?:a|aa)*c|(?:a|b|ab)*d",
    r"é|(?=(?:aa?)+b)",
    r"é|(?:(?:a{1,2}){2,})+b",
    r"é|a*[b]",
    r"é|(?<=ba*)a",
]


@pytest.mark.parametrize("pattern", SLOW)
def test_a_search_that_takes_too_long_is_ended(pattern):
    documents = Ragged.from_bytes([b"aab", "éé".encode() + b"a" * 400_000])
    start = time.perf_counter()
    with pytest.raises(
        ft.PatternError, match=r"exceeded its timeout of 0.1 s after code point [23], on document 1"
    ):
        compile_pattern(pattern, "oniguruma").find(documents, timeout=0.1)
    assert time.perf_counter() - start < 2


def test_the_positions_to_return_to_are_limited():
    compiled = compile_pattern(r"x|(?:aa|a)*b", "oniguruma")
    assert find_in_rows(compiled, [b"a" * 100_000 + b"b"]) == [[(0, 100_001)]]
    with pytest.raises(
        ft.PatternError, match="needs too much memory for backtracking after code point 1, on document 0"
    ):
        compiled.find(Ragged.from_bytes([b"x" + b"a" * 10_000_000 + b"b"]))


def test_ctrl_c_ends_a_search():
    compiled = compile_pattern(r"(?:a|aa)*c", "oniguruma")
    timer = threading.Timer(0.2, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        compiled.find(Ragged.from_bytes([b"a" * 100]))
    timer.join()


def test_several_threads_search_at_once():
    compiled = compile_pattern(r"(?>\w+|\s)+?(?=\s)|(?:ab?){2,3}", "oniguruma")
    documents = [text.encode() for text in hostile.texts(2000, seed=509)]
    expected = find_in_rows(compiled, documents)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: find_in_rows(compiled, documents), range(8)):
            assert found == expected
