"""Random sequences of normalizers: text and offsets are those of `tokenizers`."""

from __future__ import annotations

import random

import pytest
from tokenizers import Regex, normalizers

import fasttok as ft
from fasttok.text.normalizers.charsmap import CharsMapNormalizer
from tests import hostile
from tests.peer_normalizers import check_located

VERSION = "tokenizers-0.23"
PEERS = {
    "nfc": normalizers.NFC(),
    "nfd": normalizers.NFD(),
    "nfkc": normalizers.NFKC(),
    "nfkd": normalizers.NFKD(),
    "lowercase": normalizers.Lowercase(),
    "strip_accents": normalizers.StripAccents(),
    "nmt": normalizers.Nmt(),
}
REPLACED = [("a", "bb"), (" ", "▁"), ("e", ""), ("\u0301", "x"), ("ab", "é"), ("▁", ""), ("中。", "\u0308")]
PATTERNS = [(r"\s+", " "), (".{2}", "é"), (r"\w+", ""), (r"[^a-z]", "-")]
# Matches of these can be empty and at the start. After that, most other steps of tokenizers fail.
LAST_PATTERNS = [("^", "▁"), ("$", "!"), ("(?=a)", "z"), ("", "-")]
CHARACTERS = [
    *"aeEöİΣσ가각각\u09c7\u09be中。1½;=<\u0338   \t\n\x00\x01\x85\xa0\u200d\u034f\ufffd\ue000abab",
    *"\u0301\u0323\u0327\u0308\u0345\u05b0\u094d\u3099\u302e\u1b44\U0001d165\U0001d16dﬁ…\u0344\u0f73\u0f74\u0f71",
    *"\U0001d15e\u1100\u1161\u11a8\U0001d1bb\u0958\u1cf2",
]
CHARSMAP = ft.get_normalizer("nmt_nfkc").to_bytes()
BOTH = tuple[ft.Normalizer, normalizers.Normalizer]


def random_step(rng: random.Random) -> BOTH:
    """Return a normalizer of fasttok and of tokenizers."""
    kind = rng.choice(["unicode"] * 5 + ["bert", "strip", "replace", "regex", "byte_level", "charsmap"])
    if kind == "unicode":
        name = rng.choice(list(PEERS))
        return ft.UnicodeNormalizer(name, VERSION), PEERS[name]
    if kind == "bert":
        options = ("clean_text", "handle_chinese_chars", "strip_accents", "lowercase")
        given = {option: rng.random() < 0.5 for option in options}
        return ft.BertNormalizer(**given, unicode=VERSION), normalizers.BertNormalizer(**given)
    if kind == "strip":
        sides = rng.choice([(True, True), (True, False), (False, True)])
        return ft.Strip(*sides, scope="segment"), normalizers.Strip(*sides)
    if kind == "replace":
        pair = rng.choice(REPLACED)
        return ft.Replace(*pair), normalizers.Replace(*pair)
    if kind == "regex":
        return regex_step(*rng.choice(PATTERNS))
    if kind == "byte_level":
        return ft.ByteLevelNormalizer(), normalizers.ByteLevel()
    return CharsMapNormalizer.from_bytes(CHARSMAP, by="grapheme"), normalizers.Precompiled(CHARSMAP)


def regex_step(pattern: str, replacement: str) -> BOTH:
    return (
        ft.RegexReplace(pattern, replacement, "oniguruma"),
        normalizers.Replace(Regex(pattern), replacement),
    )


@pytest.mark.parametrize("seed", range(10))
def test_random_sequences(seed):
    rng = random.Random(seed)
    for _ in range(25):
        steps = [random_step(rng) for _ in range(rng.randint(1, 4))]
        if rng.random() < 0.2:
            steps.append(regex_step(*rng.choice(LAST_PATTERNS)))
        ours, theirs = zip(*steps, strict=True)
        texts = ["".join(rng.choices(CHARACTERS, k=rng.randint(0, 10))) for _ in range(40)]
        texts += hostile.texts(10, rng.randrange(10**6))
        check_located(ft.get_normalizer(list(ours)), normalizers.Sequence(list(theirs)), texts)
