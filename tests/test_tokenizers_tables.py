"""Normalizers with ``unicode="tokenizers-0.23"``: for every code point, the results of `tokenizers`."""

from __future__ import annotations

import itertools
import random

import pytest
from tokenizers import normalizers

import fasttok as ft
from fasttok.text import cuts
from fasttok.text.normalizers.code_points import NAMES, NMT_SPACES
from fasttok.text.normalizers.registry import UNICODE as UNICODE_NAMES
from fasttok.text.unicode.normal_forms import Unicode
from tests import hostile
from tests.peer_normalizers import check_located
from tests.test_code_points import COMPOSING, FREQUENT, rewrite
from tests.test_cuts import kind

VERSION = "tokenizers-0.23"
CODE_POINTS = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
UNICODE = Unicode()
# Code points that a normalizer changes with one of the tables.
CHANGING = {
    *UNICODE.combining,
    *UNICODE.compatible,
    *UNICODE.marks,
    *UNICODE.lower,
    *map(ord, NMT_SPACES),
    *range(0x2B81E, 0x2B922),
}
CHANGING |= UNICODE.others - set(range(0xE010, 0xF8FF)) - set(range(0xF0010, 0x10FFFE))
CHANGING = [*map(chr, sorted(CHANGING)), *"中㐀각가힣\u1100\u1161\u11a8"]
PEERS = {
    "nfc": normalizers.NFC(),
    "nfd": normalizers.NFD(),
    "nfkc": normalizers.NFKC(),
    "nfkd": normalizers.NFKD(),
    "lowercase": normalizers.Lowercase(),
    "strip_accents": normalizers.StripAccents(),
    "nmt": normalizers.Nmt(),
}
FORMS = list(PEERS)[:4]
BERT = ("clean_text", "handle_chinese_chars", "strip_accents", "lowercase")
OPTIONS = [dict(zip(BERT, flags, strict=True)) for flags in itertools.product([False, True], repeat=4)]
COMPONENTS = [
    *(pytest.param(ft.UnicodeNormalizer(name, VERSION), peer, id=name) for name, peer in PEERS.items()),
    *(
        pytest.param(
            ft.BertNormalizer(**options, unicode=VERSION), normalizers.BertNormalizer(**options), id=str(i)
        )
        for i, options in enumerate(OPTIONS)
    ),
]


def in_lines(texts: list[str], n: int = 4096) -> list[str]:
    """Join texts to longer ones, since every call has a cost."""
    return ["x".join(texts[i : i + n]) for i in range(0, len(texts), n)]


@pytest.mark.parametrize(("normalizer", "peer"), COMPONENTS)
def test_every_code_point(normalizer, peer):
    texts = in_lines(CODE_POINTS)
    for text, written in zip(texts, rewrite(normalizer, texts), strict=True):
        assert written == peer.normalize_str(text)
    check_located(normalizer, peer, in_lines(CHANGING))


@pytest.mark.parametrize(("normalizer", "peer"), COMPONENTS)
def test_every_code_point_that_changes_between_marks(normalizer, peer):
    marked = [f"a\u0345{c}b{c}\u0334" for c in CHANGING]
    if normalizer.name == "bert":
        marked = marked[::16]
    check_located(normalizer, peer, in_lines(marked))


@pytest.mark.parametrize("form", FORMS)
def test_every_pair_that_composes_in_some_version(form):
    pairs = [chr(a) + chr(b) for a, b in UNICODE.composed]
    marks = [chr(c) for c in UNICODE.combining]
    texts = [f"{a}{b}e{b}{a}" for a, b in itertools.product(marks, "\u0334\u0323\u0301\u0345")]
    texts += [f"{pair}{mark}" for pair, mark in itertools.product(pairs, "\u0334\u0323\u0301")]
    check_located(ft.UnicodeNormalizer(form, VERSION), PEERS[form], in_lines(pairs) + in_lines(texts))


@pytest.mark.parametrize(("normalizer", "peer"), COMPONENTS)
def test_random_text(normalizer, peer):
    rng = random.Random(310)
    texts = [
        "".join(rng.choice(rng.choice((CHANGING, FREQUENT))) for _ in range(rng.randint(0, 12)))
        for _ in range(1500)
    ]
    check_located(normalizer, peer, [*texts, *hostile.texts(300, 310), *COMPOSING, ""])


@pytest.mark.parametrize("normalizer", [COMPONENTS[i].values[0] for i in (0, 1, 2, 3, 5, 6, -1)], ids=str)
def test_claims_about_cuts(normalizer):
    known = normalizer.cuts
    kept = (cuts.LETTER, cuts.NUMBER, cuts.PUNCTUATION, cuts.BLANK)
    if normalizer.name in FORMS:
        for c, written in zip(CODE_POINTS, rewrite(normalizer, CODE_POINTS), strict=True):
            assert known.becomes[kind(c), kind(written[-1])]
            assert known.becomes[kind(c), kind(written[0])] or kind(c) < cuts.BLANK
        return
    if normalizer.name == "strip_accents":
        assert normalizer.normalize("\u1cf2\u1cf3") == ""
        assert not known.neutral.any()
        return
    chosen = [c for c in CODE_POINTS if kind(c) in kept]
    before = normalizer.normalize("e\u302e")
    after = rewrite(normalizer, [f"{c}\u0301" for c in chosen])
    both = rewrite(normalizer, [f"e\u302e{c}\u0301" for c in chosen])
    for c, written, part, whole in zip(chosen, rewrite(normalizer, chosen), after, both, strict=True):
        assert known.becomes[kind(c), kind(written[0])]
        assert known.becomes[kind(c), kind(written[-1])]
        assert whole == before + part


def test_options():
    assert tuple(PEERS) == NAMES == UNICODE_NAMES
    with pytest.raises(
        ValueError, match='unicode must be None or "tokenizers-0.23", not "17"'.replace('"17"', "'17'")
    ):
        ft.UnicodeNormalizer("nfc", "17")
    with pytest.raises(ValueError, match="unicode must be None or"):
        ft.BertNormalizer(unicode="tokenizers")
    with pytest.raises(ValueError, match='name must be "nfc"'):
        ft.UnicodeNormalizer("nfx")
    normalizer = ft.UnicodeNormalizer("nfd", VERSION)
    assert normalizer.config() == {"name": "nfd", "unicode": VERSION}
    assert ft.get_normalizer(normalizer.config()) == normalizer
    assert ft.get_normalizer("nfd") == ft.UnicodeNormalizer("nfd") != normalizer
