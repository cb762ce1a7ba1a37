"""Charsmaps that are applied to grapheme clusters, compared with an oracle and with `tokenizers`."""

from __future__ import annotations

import itertools
import json
import pickle
import random
import struct

import numpy as np
import pytest
from tokenizers import normalizers

import fasttok as ft
from fasttok.text.normalizers.charsmap import CharsMapNormalizer
from fasttok.text.normalizers.precompiled_charsmap import CLASSES, grapheme_classes
from fasttok.text.rows import Rows
from tests import hostile, oracles, sentencepiece_file
from tests.peer_normalizers import check_located, locate_ours

# Characters of every class that affects clusters, with every length in bytes.
SAMPLES = [
    *"\r\n\x00a1 é中😀", "\x85", "\u200b", "\U000e0001", "\u0301", "\u0302", "\u064b", "\u3099", "\U0001d165",
    "\u200c", "\u200d", "\u0903", "\u0e33", "\U00011182", "\u0600", "\u08e2", "\U000110bd", "\u1100",
    "\u1161", "\u11a8", "가", "각", "\ud7b0", "\ud7cb", "©", "‼", "🏽", "❤", "\u0915", "\u0937", "\U00010a10",
    "\u094d", "\u0d4d", "\U00011133", "🇦", "🇧",
]  # fmt: skip
WRITTEN = ["", "X", "XY", "é", "東西z", "\u0301"]


def make(rules: dict[str, str]) -> CharsMapNormalizer:
    return CharsMapNormalizer.from_rules(rules, by="grapheme")


def random_rules(rng: random.Random) -> dict[str, str]:
    keys = rng.sample(SAMPLES, 12) + ["".join(rng.choices(SAMPLES, k=2)) for _ in range(15)]
    return {key: rng.choice(WRITTEN) for key in keys if "\x00" not in key}


def random_texts(rng: random.Random, rules: dict[str, str], n: int) -> list[str]:
    parts = [*rng.sample(SAMPLES, 8), *rng.sample(list(rules), 6)]
    texts = ["".join(rng.choices(parts, k=rng.randint(0, 9))) for _ in range(n)]
    return [("b" * rng.choice([0, 0, 0, 15, 16, 17, 40])).join([text, text[::-1]]) for text in texts]


@pytest.mark.parametrize("seed", range(20))
def test_random_rules_against_the_oracle_and_tokenizers(seed):
    rng = random.Random(seed)
    rules = random_rules(rng)
    normalizer, texts = make(rules), random_texts(rng, rules, 150)
    written, spans = locate_ours(normalizer, texts)
    for text, mine, located in zip(texts, written, spans, strict=True):
        assert (mine, [tuple(span) for span in located.tolist()]) == oracles.rewrite_clusters(rules, text), (
            text
        )
    check_located(normalizer, normalizers.Precompiled(normalizer.to_bytes()), texts)


def test_every_sequence_of_three_samples():
    rules = {"\u0301": "!", "a": "?", "©": "=", "\u0915": "", "\u1161": "xy", "中\u0301": "+", "\n": "_"}
    normalizer = make(rules)
    texts = list(map("".join, itertools.product(SAMPLES, repeat=3)))
    texts = ["z".join(f"{text}\u0301\u0302" for text in texts[i : i + 50]) for i in range(0, len(texts), 50)]
    check_located(normalizer, normalizers.Precompiled(normalizer.to_bytes()), texts)


def test_every_code_point():
    # The marks are kept only if they are in a cluster that begins before them, or in a longer one.
    rules = {"\u0301": "!", "a": "?", "©": "=", "\u0915": "+", "\u1161": "-", "\u11a8": "~"}
    normalizer = make(rules)
    peer = normalizers.Precompiled(normalizer.to_bytes())
    code_points = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    changing = [
        c
        for c, class_ in zip(code_points, np.delete(grapheme_classes(), range(0xD800, 0xE000)), strict=True)
        if class_
    ]
    for pattern, chosen in (
        ("a{0}\u0301\u0302|{0}a\u0301|", code_points),
        ("{0}\u200d©\u0301|©{0}\u200d©\u0301|©\u200d{0}\u0301|", changing),
        ("{0}\u094d\u0915\u0301|\u0915{0}\u0915\u0301|\u0915\u094d{0}\u0915\u0301|", changing),
        ("{0}\u1161\u0301|{0}\u11a8\u0301|가{0}\u0301|각{0}\u0301|\u1100{0}\u0301|", changing),
    ):
        for i in range(0, len(chosen), 4096):
            text = "".join(map(pattern.format, chosen[i : i + 4096]))
            assert normalizer.normalize(text) == peer.normalize_str(text)


def test_classes_have_members():
    counts = np.bincount(grapheme_classes(), minlength=len(CLASSES))
    assert (counts > 0).all()
    assert counts[CLASSES.index("CLOSED_SYLLABLE")] == 399 * 27


@pytest.mark.parametrize("name", ["sp_nfkc", "nmt_nfkc", "nmt_nfkc_cf"])
def test_rules_of_sentencepiece(name):
    normalizer = CharsMapNormalizer.from_bytes(ft.get_normalizer(name).to_bytes(), by="grapheme")
    peer = normalizers.Precompiled(normalizer.to_bytes())
    texts = [*hostile.texts(1000, 330), "a\u0301\u0302 e\u0301", "\x01\x02abc", "ｶﾞﾊﾟ", "각\u11a8"]
    texts += ["".join(map(chr, range(c, c + 256))) for c in range(1, 0xD700, 256)]
    check_located(normalizer, peer, texts)
    assert normalizer.normalize("a\u0301\u0302") != ft.get_normalizer(name).normalize("a\u0301\u0302")


def test_charsmaps_of_real_files(shared):
    paths = [
        *(shared / "tokenizers/sentencepiece").glob("*.model*"),
        *(shared / "tokenizers").rglob("*_test*.model"),
    ]
    found = set()
    for path in set(paths):
        for field, value in sentencepiece_file.fields(path.read_bytes()):
            if field == 3 and (data := dict(sentencepiece_file.fields(value)).get(2)):
                found.add(data)
    for data in found:
        normalizer = CharsMapNormalizer.from_bytes(data, by="grapheme")
        assert normalizer.to_bytes() == data
        check_located(normalizer, normalizers.Precompiled(data), hostile.texts(1000, 331))
    assert found


def test_invalid_bytes_are_kept():
    normalizer = make({"a": "x", "\u0301": "!", "é": ""})
    for text in [
        *hostile.byte_strings(500, 332),
        b"a\xcc\x81",
        b"\xffa\xcc\x81\xcc",
        b"\xcc\x81\xff\xcc\x81\xcc\x81",
    ]:
        rows = normalizer.rewrite(Rows.of(ft.Ragged.from_bytes([b"a", text, b"a"]), aligned=True))
        expected, _ = oracles.rewrite_clusters(
            {"a": "x", "\u0301": "!", "é": ""}, text.decode(errors="surrogateescape")
        )
        assert rows.documents.to_bytes() == [b"x", expected.encode(errors="surrogateescape"), b"x"]
        assert (np.diff(rows.raw_spans, axis=0) >= 0).all()
        assert (rows.raw_spans[:, 0] < rows.raw_spans[:, 1]).all()


def test_clusters_at_the_boundary_of_a_chunk():
    normalizer = make({"a": "x", "\u0301": "!"})
    for n in range(65_536 - 6, 65_536 + 2):
        for filler in ("b", "é\u0302", "\n"):
            text = filler * (n // len(filler.encode())) + "a\u0301\u0302 a" * 3
            assert normalizer.normalize(text)[-8:] == "x xx xx x"[-8:]


def test_removed_characters_at_the_start_move_the_offsets():
    # As in tokenizers, which forgets what was removed before the first character that is kept.
    normalizer = make({"a": "", "x": "XYZ"})
    _, [spans] = locate_ours(normalizer, ["a\u0301cxd"])
    assert spans.tolist() == [[0, 1], [1, 2], [1, 2], [1, 2], [2, 3]]
    assert normalizer.normalize("aaa") == ""


def test_configuration():
    normalizer = make({"a": "b", "ab": ""})
    config = normalizer.config()
    assert config.keys() == {"name", "charsmap", "by"}
    for again in (ft.get_normalizer(json.loads(json.dumps(config))), pickle.loads(pickle.dumps(normalizer))):  # noqa: S301
        assert again.config() == config
        assert again.normalize("aab") == "bbb"
    assert "by='grapheme'" in repr(normalizer)
    with pytest.raises(ValueError, match='by must be "longest" or "grapheme"'):
        CharsMapNormalizer.from_bytes(normalizer.to_bytes(), by="word")
    with pytest.raises(ValueError, match="not the configuration"):
        ft.get_normalizer(config | {"by": 1})
    assert make({}).normalize("a\u0301") == "a\u0301"
    assert ft.get_normalizer(make({}).config()).normalize("a") == "a"


# Reading


def units_to_bytes(units: dict[int, int], replacements: bytes, n_units: int = 256, n_extra: int = 0) -> bytes:
    array = np.full(n_units, 1 << 31, "<u4")
    for index, unit in units.items():
        array[index] = unit
    return struct.pack("<I", 4 * n_units + n_extra) + array.tobytes() + replacements


# "a" is a key whose value is at index 96 XOR 2; see test_normalizers.py.
ROOT, A_KEY, VALUE = 1 << 10, ord("a") | 1 << 8 | 2 << 10, 1 << 31
ONE_RULE = {0: ROOT, 96: A_KEY, 98: VALUE}


@pytest.mark.parametrize(
    "data",
    [
        units_to_bytes(ONE_RULE, b"xy"),  # the last replacement ends with the data
        units_to_bytes(ONE_RULE, b"x" * 5000 + b"\0"),
        units_to_bytes(ONE_RULE, b"xy\0", n_units=300),  # the trie has any length
        units_to_bytes(ONE_RULE, b"xy\0", n_extra=3),  # its last bytes are not a unit, but text
        units_to_bytes(ONE_RULE | {7: 256 << 10, 9: 5 | 1 << 8}, b"xy\0"),  # units that no walk reaches
        units_to_bytes({0: ROOT, 96: A_KEY, 98: VALUE | 3}, b"xy\0"),  # an empty replacement at the end
    ],
)
def test_charsmaps_that_tokenizers_accepts(data):
    normalizer = CharsMapNormalizer.from_bytes(data, by="grapheme")
    check_located(normalizer, normalizers.Precompiled(data), ["banana", "", "xyz", "aa\u0301"])
    short = units_to_bytes(
        ONE_RULE, b"xy\0", n_units=99
    )  # tokenizers cannot look up "b", whose unit is missing
    assert CharsMapNormalizer.from_bytes(short, by="grapheme").normalize("ab") == "xyb"
    assert ft.get_normalizer(normalizer.config()).to_bytes() == data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x01", "the trie is 1 bytes; it must be at least 4"),
        (b"\xff\xff\xff\xff" + bytes(2000), "the trie is 4,294,967,295 bytes"),
        (b"\x00\x00\x00\x00abc\0", "the trie is 0 bytes"),
        (units_to_bytes(ONE_RULE, b"x\xff\0"), "byte 1,029 .*is not UTF-8"),
        (units_to_bytes({}, b"x\0"), "byte 4 .*leads out"),
        (units_to_bytes({0: 0x200 | 1 << 10}, b"x\0"), "byte 4 .*leads out"),
        (units_to_bytes(ONE_RULE | {96: ord("a") | 0x200 | 1 << 10}, b"x\0"), "byte 388 .*leads out"),
        (units_to_bytes({0: ROOT, 96: A_KEY, 98: VALUE | 9}, b"x\0"), "byte 388 .*no valid replacement"),
        (
            units_to_bytes({0: ROOT, 96: A_KEY, 98: VALUE | 1}, "é".encode()),
            "byte 388 .*no valid replacement",
        ),
    ],
)
def test_invalid_charsmaps(data, message):
    with pytest.raises(ft.ModelFormatError, match=message):
        CharsMapNormalizer.from_bytes(data, by="grapheme")


@pytest.mark.parametrize("seed", range(3))
def test_damaged_charsmaps_are_refused_or_applied_as_tokenizers_does(seed):
    rng = random.Random(seed)
    data = make(random_rules(rng)).to_bytes()
    texts = [*random_texts(rng, dict.fromkeys(SAMPLES[:1] + SAMPLES[3:], ""), 30), *SAMPLES]
    outcomes = set()
    for _ in range(200):
        damaged = bytearray(data)
        for _ in range(rng.choice([1, 3, 30])):
            damaged[rng.randrange(len(data))] = rng.randrange(256)
        try:
            normalizer = CharsMapNormalizer.from_bytes(bytes(damaged), by="grapheme")
        except ft.ModelFormatError as error:
            assert "of the precompiled normalization rules" in error.place
            outcomes.add("error")
            continue
        try:
            peer = normalizers.Precompiled(bytes(damaged))
            expected = [peer.normalize_str(text) for text in texts]
        except BaseException as error:
            assert type(error).__name__ == "PanicException"
            outcomes.add("panic")
            continue
        assert [normalizer.normalize(text) for text in texts] == expected
        outcomes.add("read")
    assert outcomes >= {"read", "error"}
