"""Unicode normalizers and BERT's normalizer, compared with naive versions and tokenizers.

FASTTOK_FUZZ multiplies the random texts.
"""

from __future__ import annotations

import functools
import itertools
import random
import unicodedata

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

import fasttok as ft
from fasttok.text import cuts
from fasttok.text.normalizers import code_points
from fasttok.text.normalizers.registry import UNICODE
from fasttok.text.pipeline import Pipeline
from fasttok.text.rows import Rows
from tests import hostile, normalizer_differences, oracles, unicode_differences
from tests.conftest import FUZZ
from tests.peer_normalizers import check_located
from tests.pipelines import located_pretokens, pretokens
from tests.test_cuts import kind

FORMS = UNICODE[:4]
OPTIONS = list(itertools.product([False, True], repeat=4))
NAMES_OF_OPTIONS = ("clean_text", "handle_chinese_chars", "strip_accents", "lowercase")
CODE_POINTS = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
# Code points that this Python's older Unicode also has, except three marks whose category has changed.
KNOWN = [c for c in CODE_POINTS if unicodedata.category(c) != "Cn" and c not in "\u1734\u1715\U0001171e"]
# Code points that normal forms can change: marks of every class, and code points with a decomposition.
CHANGING = [
    c
    for c in KNOWN
    if unicodedata.combining(c) or (unicodedata.normalize("NFKD", c) != c and not "가" <= c <= "힣")
]
# Half of the characters of random texts: bases, marks, spaces and special cases.
FREQUENT = [*"aeEöİΣσ가각각\u09c7\u09be\u0bc6\u0bbe中。1½;=<\u0338 \t\n\x00\x85\xa0\u200d\u034f\ufffd\ue000"]
FREQUENT += [*"\u0301\u0323\u0327\u0308\u0345\u05b0\u094d\u3099\u302e\u1b44\U0001d165\U0001d16d"]

# Texts in which the place of a code point is that of another one, or of none.
COMPOSING = [
    "x\u0344\u0316y",
    "\u0f73\u0f71",
    "\u0f74\u0f73z",
    "\U0001d15e\u0334",
    "é\u0323",
    "a\u0301\u0323b",
]
COMPOSING += [
    "각\u0301",
    "ᄀ\u1161\u11a8\u11a8",
    "\u09c7\u09be\u09be",
    "ﬁ\u0301\u0323",
    "\u0301\u0323\u0301",
    "ṩ",
]


@functools.cache
def without(*differences: tuple[tuple[int, int], ...]) -> frozenset[str]:
    """Return all code points except those in the ranges."""
    skipped = {chr(c) for a, b in itertools.chain(*differences) for c in range(a, b + 1)}
    return frozenset(CODE_POINTS) - skipped


def rewrite(normalizer: ft.Normalizer, texts: list[str]) -> list[str]:
    documents = ft.Ragged.from_bytes([text.encode() for text in texts])
    return [row.decode() for row in normalizer.rewrite(Rows.of(documents)).documents.to_bytes()]


@functools.cache
def in_context(allowed: frozenset[str], step: int = 1) -> list[str]:
    """Return texts with each code point, or every `step`-th one, between letters, and before a mark."""
    ordered = sorted(allowed)[::step]
    chunks = [ordered[start : start + 2048] for start in range(0, len(ordered), 2048)]
    return ["".join(f"a{c}b{c}\u0301" for c in chunk) for chunk in chunks]


def random_texts(n: int, seed: int, allowed: frozenset[str] | None = None) -> list[str]:
    rng, n = random.Random(seed), n * FUZZ
    changing = [c for c in CHANGING if allowed is None or c in allowed]
    frequent = [c for c in FREQUENT if allowed is None or c in allowed]
    return [
        "".join(rng.choice(rng.choice((changing, frequent))) for _ in range(rng.randint(1, 12)))
        for _ in range(n)
    ]


def documents(seed: int) -> list[bytes]:
    """Return texts with marks in every order, texts with invalid bytes, and empty texts."""
    texts = [text.encode() for text in [*random_texts(1000, seed), *hostile.texts(200, seed)]]
    texts += [data for data in hostile.byte_strings(400, seed) if "\U000e0001".encode() not in data]
    rng = random.Random(seed)
    texts += [b"".join(rng.choices([c.encode() for c in FREQUENT] + hostile.BROKEN, k=8)) for _ in range(200)]
    return [*texts, b"", b"a", b""]


def check_against_oracle(normalizer: ft.Normalizer, texts: list[bytes], expected: list[oracles.Made]) -> None:
    """Compare text and spans with the oracle; the documents are in the middle of a larger array."""
    whole = ft.Ragged.from_bytes([b"before", *texts, b"after"])
    part = ft.Ragged(whole.values, whole.offsets[1:-1])
    rewritten = normalizer.rewrite(Rows.of(part, aligned=True))
    assert normalizer.rewrite(Rows.of(part)).raw_spans is None
    assert normalizer.rewrite(Rows.of(part)).documents == rewritten.documents
    assert rewritten.raw_spans.shape == (len(rewritten.documents.values), 2)
    assert (np.diff(rewritten.raw_spans, axis=0) >= 0).all()
    bounds = itertools.pairwise(rewritten.documents.offsets.tolist())
    for text, made, start, (a, b) in zip(texts, expected, part.offsets.tolist(), bounds, strict=False):
        written = "".join(c for c, _, _ in made).encode(errors="surrogateescape")
        assert rewritten.documents.values[a:b].tobytes() == written, text
        spans = (rewritten.raw_spans[a:b] - start).tolist()
        for c, first, last in made:
            encoded = c.encode(errors="surrogateescape")
            found, spans = spans[: len(encoded)], spans[len(encoded) :]
            if text[first:last] == encoded:  # kept code points are copied, or written as a part of a segment
                assert found in ([[i, i + 1] for i in range(first, last)], [[first, last]] * len(encoded)), (
                    text
                )
            else:
                assert found == [[first, last]] * len(encoded), text


# Normal forms


@pytest.mark.parametrize("form", FORMS)
def test_normal_forms_of_every_code_point(form):
    for before, after in (("", ""), ("a", "\u0301b"), ("\u0323", ""), ("ᄀ", "ᆨ")):
        texts = [before + c + after for c in KNOWN]
        for text, written in zip(texts, rewrite(ft.get_normalizer(form), texts), strict=True):
            assert written == unicodedata.normalize(form.upper(), text), text


@pytest.mark.parametrize("form", FORMS)
def test_normal_forms_of_marks_in_every_order(form):
    texts = random_texts(20_000, seed=200)
    for text, written in zip(texts, rewrite(ft.get_normalizer(form), texts), strict=True):
        assert written == unicodedata.normalize(form.upper(), text), text


@pytest.mark.parametrize("form", FORMS)
def test_normal_forms_against_the_oracle(form):
    texts = documents(seed=201)
    check_against_oracle(
        ft.get_normalizer(form), texts, [oracles.normal_form(form.upper(), text) for text in texts]
    )


@pytest.mark.parametrize("form", FORMS)
def test_normal_forms_are_those_of_tokenizers(form):
    peer = getattr(normalizers, form.upper())()
    allowed = without(normalizer_differences.NORMAL_FORMS)
    texts = [*in_context(allowed), *random_texts(3000, 202, allowed), *hostile.texts(1000, 202)]
    for text, written in zip(texts, rewrite(ft.get_normalizer(form), texts), strict=True):
        assert written == peer.normalize_str(text), text


@pytest.mark.parametrize("form", FORMS)
def test_normalized_text_is_returned_without_a_copy(form):
    text = "plain ASCII, Ünïcode ệ 한국어 ภาษาไทย नमस्ते שָׁלוֹם العَرَبِيَّة 東京 naïve "
    normal = unicodedata.normalize(form.upper(), text).encode()
    whole = ft.Ragged.from_bytes([normal, b"", b"\xcc", normal * 1000])
    again = ft.get_normalizer(form).rewrite(Rows.of(whole, aligned=True))
    assert again.documents is whole
    positions = np.arange(len(whole.values))
    assert np.array_equal(again.raw_spans, np.stack([positions, positions + 1], axis=1))
    part = ft.Ragged(whole.values, whole.offsets[1:3])
    assert ft.get_normalizer(form).rewrite(Rows.of(part)).documents is part


@pytest.mark.parametrize("form", FORMS)
def test_offsets_of_normal_forms_are_those_of_tokenizers(form):
    allowed = without(normalizer_differences.NORMAL_FORMS)
    texts = [*random_texts(2000, 211, allowed), *hostile.texts(500, 211), *COMPOSING]
    peer = getattr(normalizers, form.upper())()
    check_located(ft.get_normalizer(form), peer, [text for text in texts if allowed.issuperset(text)])


def test_worked_examples():
    assert ft.get_normalizer("nfc").normalize("e\u0323\u0302 ᄒ\u1161\u11ab Å") == "ệ 한 Å"
    assert ft.get_normalizer("nfd").normalize("ệ 한") == "e\u0323\u0302 ᄒ\u1161\u11ab"
    assert ft.get_normalizer("nfkc").normalize("ﬁ ½ ①Ａ") == "fi 1⁄2 1A"
    # The dot below is reordered before the acute, then composed with the e. The span of a composition is that
    # of its first code point, and the spans of the others stay in order.
    rewritten = ft.get_normalizer("nfc").rewrite(
        Rows.of(ft.Ragged.from_bytes(["xe\u0301\u0323y".encode()]), aligned=True)
    )
    assert rewritten.documents.to_bytes() == ["xẹ\u0301y".encode()]
    assert rewritten.raw_spans.tolist() == [[0, 1], *[[1, 2]] * 3, *[[4, 6]] * 2, [6, 7]]


# Lower case and marks


def test_lower_case_of_every_code_point():
    texts = [f"{before}{c}{before}" for c in KNOWN for before in ("", "A", "Σ ")]
    for text, written in zip(texts, rewrite(ft.get_normalizer("lowercase"), texts), strict=True):
        assert written == "".join(c.lower() for c in text)


def test_lower_case_and_accents_against_the_oracle():
    texts = documents(seed=204)
    made = [oracles.code_points(text) for text in texts]
    lower = [[(d, a, b) for c, a, b in row for d in c.lower()] for row in made]
    check_against_oracle(ft.get_normalizer("lowercase"), texts, lower)
    stripped = [[item for item in row if unicodedata.category(item[0])[0] != "M"] for row in made]
    check_against_oracle(ft.get_normalizer("strip_accents"), texts, stripped)


@pytest.mark.parametrize(
    ("name", "peer", "differences"),
    [
        ("lowercase", normalizers.Lowercase(), ()),
        ("strip_accents", normalizers.StripAccents(), normalizer_differences.STRIP_ACCENTS),
    ],
)
def test_lower_case_and_accents_are_those_of_tokenizers(name, peer, differences):
    allowed = without(differences)
    texts = [*in_context(allowed), *random_texts(3000, 205, allowed), *hostile.texts(1000, 205)]
    texts = [text for text in texts if allowed.issuperset(text)]
    for text, written in zip(texts, rewrite(ft.get_normalizer(name), texts), strict=True):
        assert written == peer.normalize_str(text), text


# BERT


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_bert_against_the_oracle(options):
    normalizer = ft.BertNormalizer(*options)
    # The test below compares all others with tokenizers.
    allowed = without(normalizer_differences.BERT, normalizer_differences.NORMAL_FORMS)
    others = [c for c in KNOWN if c not in allowed]
    texts = [*(c.encode() for c in (CHANGING + others if all(options) else CHANGING)), *documents(seed=206)]
    check_against_oracle(normalizer, texts, [oracles.bert_text(text, *options) for text in texts])


@pytest.mark.parametrize("strip", [None, False, True])
@pytest.mark.parametrize("options", list(itertools.product([False, True], repeat=3)), ids=str)
def test_bert_is_that_of_tokenizers(options, strip):
    given = dict(zip(("clean_text", "handle_chinese_chars", "lowercase"), options, strict=True))
    normalizer = ft.BertNormalizer(**given, strip_accents=strip)
    peer = normalizers.BertNormalizer(**given, strip_accents=strip)
    allowed = without(normalizer_differences.BERT, normalizer_differences.NORMAL_FORMS)
    step = 1 if all(options) and strip is None else 17
    texts = [*in_context(allowed, step), *random_texts(1000, 207, allowed), *hostile.texts(500, 207)]
    texts = [text for text in texts if allowed.issuperset(text)]
    for text, written in zip(texts, rewrite(normalizer, texts), strict=True):
        assert written == peer.normalize_str(text), text


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_offsets_of_words_are_those_of_tokenizers(options):
    given = dict(zip(NAMES_OF_OPTIONS, options, strict=True))
    peer = Tokenizer(models.WordLevel({"[UNK]": 0}, "[UNK]"))
    peer.normalizer = normalizers.BertNormalizer(**given)
    peer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    pipeline = Pipeline(ft.BertNormalizer(**given), ft.get_pretokenizer("bert"))
    allowed = without(
        normalizer_differences.BERT, normalizer_differences.NORMAL_FORMS, unicode_differences.TOKENIZERS_BERT
    )
    texts = [*random_texts(1000, 208, allowed), *hostile.texts(500, 208)]
    texts += map("a{0}b {0}{0}".format, FREQUENT)
    texts = [text for text in texts if allowed.issuperset(text)]
    n_words = 0
    for text, encoding in zip(texts, peer.encode_batch(texts), strict=True):
        ends = np.cumsum([0, *(len(c.encode()) for c in text)]).tolist()
        theirs = [[ends[a], ends[b]] for a, b in encoding.offsets]
        words = located_pretokens(pipeline, text.encode())
        assert words.tolist() == theirs, text
        n_words += len(words)
    assert n_words > 2000


def test_offsets_exclude_dropped_characters():
    rewritten = ft.BertNormalizer().rewrite(
        Rows.of(ft.Ragged.from_bytes(["\x00É\u0301中\u200d".encode()]), aligned=True)
    )
    assert rewritten.documents.to_bytes() == ["e 中 ".encode()]
    assert rewritten.raw_spans.tolist() == [[1, 3], *[[5, 8]] * 5]


def test_invalid_bytes_are_kept():
    for name in (*UNICODE, "bert"):
        for data in (b"\xff", b"a\xcc", b"\xcc\x81\xcc a", bytes(range(128, 256)), b"e\x81\xcc\x81"):
            written = ft.get_normalizer(name).normalize(data)
            broken = [c for c in data.decode(errors="surrogateescape") if "\udc80" <= c <= "\udcff"]
            assert [
                c for c in written.decode(errors="surrogateescape") if "\udc80" <= c <= "\udcff"
            ] == broken
    with pytest.raises(ft.TextError):
        ft.get_normalizer("nfc").normalize("a\ud800")


@pytest.mark.parametrize("wrong", [{"clean_text": 1}, {"lowercase": None}, {"strip_accents": "no"}])
def test_invalid_options(wrong):
    with pytest.raises(TypeError, match="must be True or False"):
        ft.BertNormalizer(**wrong)


def test_the_number_of_differences_from_tokenizers():
    sizes = {
        name: sum(b - a + 1 for a, b in getattr(normalizer_differences, name))
        for name in ("NORMAL_FORMS", "STRIP_ACCENTS", "BERT")
    }
    assert sizes == {"NORMAL_FORMS": 346, "STRIP_ACCENTS": 450, "BERT": 772}


# Long text


@pytest.mark.parametrize("name", [*UNICODE, "bert"])
@pytest.mark.parametrize("filler", ["x", "é", "日", "가", "A", "\n", "\u0301"])
def test_segments_at_the_boundary_of_a_chunk(name, filler):
    # The kernel works on chunks of 65,536 bytes. A segment that crosses their boundary stays whole.
    normalizer, rest = ft.get_normalizer(name), "e\u0301\u0323ᄀ\u1161\u11a8É\u0323中 "
    for n in range(65_536 - 12, 65_536 + 2):
        count, more = divmod(n, len(filler.encode()))
        first = "." * more + " " + filler * count
        whole = normalizer.normalize(first + " " + rest)
        assert whole == normalizer.normalize(first + " ") + normalizer.normalize(rest)


@pytest.mark.parametrize("form", FORMS)
def test_runs_of_marks_of_any_length(form):
    rng = random.Random(209)
    marks = [c for c in CHANGING if unicodedata.combining(c)]
    for n in (1, 31, 32, 33, 34, 1000):
        text = "e" + "".join(rng.choices(marks, k=n)) + "x"
        assert ft.get_normalizer(form).normalize(text) == unicodedata.normalize(form.upper(), text)
    for text in ("ᄀ" + "\u1161" * 100_000, "ﷺ" * 50_000):
        assert ft.get_normalizer(form).normalize(text) == unicodedata.normalize(form.upper(), text)
    long = [
        "e" + "".join(rng.choices(marks, k=30_000)) + "x",
        "\u0301" * 100_000,
        "a" + "\u0323\u0301" * 20_000,
    ]
    for text in long:  # unicodedata takes O(n²) for these
        expected = "".join(c for c, _, _ in oracles.normal_form(form.upper(), text.encode()))
        assert ft.get_normalizer(form).normalize(text) == expected


def test_batches_that_are_empty_or_not_contiguous():
    data = np.frombuffer("xÉy".encode(), np.uint8)
    twice = np.repeat(data, 2)[::2]
    for name in (*UNICODE, "bert"):
        normalizer = ft.get_normalizer(name)
        for texts in ([], [b""], [b"", b"\x00", b""]):
            assert len(
                normalizer.rewrite(Rows.of(ft.Ragged.from_bytes(texts), aligned=True)).documents
            ) == len(texts)
        written = normalizer.rewrite(Rows.of(ft.Ragged(twice, np.array([0, len(data)])))).documents.values
        assert written.tobytes() == normalizer.normalize(data.tobytes())


# Cuts


def claims(name: str) -> cuts.RewritingCuts:
    return ft.get_normalizer(name).cuts


@pytest.mark.parametrize("form", FORMS)
def test_claims_about_cuts_of_normal_forms(form):
    normalizer = ft.get_normalizer(form)
    becomes = claims(form).becomes
    spaces = [c for c in CODE_POINTS if kind(c) >= cuts.BLANK]
    for k in cuts.KINDS:
        assert becomes[k, k]
    rest = [c for c in CODE_POINTS if c not in "\n\r"]
    for c, written in zip(rest, rewrite(normalizer, ["\n".join(rest)])[0].split("\n"), strict=True):
        if c == written:
            continue
        assert becomes[kind(c), kind(written[-1])]
        assert becomes[kind(c), kind(written[0])] or c not in spaces
    for c in spaces:
        before, after = rewrite(normalizer, ["\u0301e", c + "\u0301"])
        assert normalizer.normalize("\u0301e" + c + "\u0301") == before + after


@pytest.mark.parametrize("name", ["lowercase", "strip_accents", "bert"])
def test_claims_about_cuts_of_lower_case_and_accents(name):
    normalizer, kept = ft.get_normalizer(name), (cuts.LETTER, cuts.NUMBER, cuts.PUNCTUATION, cuts.BLANK)
    becomes = claims(name).becomes
    chosen = [c for c in CODE_POINTS if kind(c) in kept]
    before = normalizer.normalize("e\u302e")
    after = rewrite(normalizer, [f"{c}\u0301" for c in chosen])
    both = rewrite(normalizer, [f"e\u302e{c}\u0301" for c in chosen])
    for c, written, part, whole in zip(chosen, rewrite(normalizer, chosen), after, both, strict=True):
        assert becomes[kind(c), kind(written[0])]
        assert becomes[kind(c), kind(written[-1])]
        assert whole == before + part


@pytest.mark.parametrize(
    "normalizer", [*UNICODE, "bert", "strip", ["bert", "strip"], ["nfd", "strip_accents"]], ids=str
)
@pytest.mark.parametrize(
    "steps",
    ["gpt2", "bert", "whitespace", "punctuation", "digits_single", "metaspace", ft.Metaspace(True, False)],
    ids=str,
)
def test_a_safe_cut_changes_no_pretoken(normalizer, steps):
    pipeline = Pipeline(ft.get_normalizer(normalizer), ft.get_pretokenizer(steps))

    found = 0
    for data in [*hostile.byte_strings(30, seed=210), *(text.encode() for text in random_texts(50, 210))]:
        whole = pretokens(pipeline, data, True, True)
        for end in range(len(data) + 1):
            cut = pipeline.find_cut(np.frombuffer(data[:end], np.uint8))
            if cut:
                found += 1
                assert (
                    pretokens(pipeline, data[:cut], True, False)
                    + pretokens(pipeline, data[cut:], False, True)
                    == whole
                ), (
                    data,
                    cut,
                )
    if steps == "bert" or (steps == "gpt2" and normalizer in UNICODE):
        assert found > 50


def test_a_file_is_read_in_batches(tmp_path):
    (tmp_path / "a.txt").write_text("Éa, 中文 words\n" * 400)
    corpus = ft.Corpus.from_files(tmp_path / "a.txt")
    for name in (*UNICODE, "bert", ["bert", "strip"]):
        pipeline = Pipeline(ft.get_normalizer(name), ft.get_pretokenizer("bert"))
        assert len(list(corpus.batches(pipeline, 64))) > 50
        counts = [ft.count_pretokens(corpus, "bert", name, workers=n, batch_bytes=64) for n in (1, 2)]
        words = pipeline.pretokenizer.split_text(pipeline.normalizer.normalize("Éa, 中文 words\n"))
        assert counts[0] == counts[1]
        assert counts[0].to_dict() == dict.fromkeys(words, 400)


def test_tables_are_made_once():
    assert ft.BertNormalizer().code_points is ft.BertNormalizer(strip_accents=True).code_points
    assert ft.get_normalizer("nfc").code_points is code_points.UnicodeNormalizer("nfc").code_points
