"""Charsmap normalizers: rules, kernel and precompiled charsmaps, compared with sentencepiece.

FASTTOK_FUZZ multiplies the random texts.
"""

from __future__ import annotations

import base64
import functools
import io
import itertools
import json
import lzma
import pickle
import random
import struct
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import sentencepiece

import fasttok as ft
from fasttok.text import cuts
from fasttok.text.normalizers import sentencepiece_rules
from fasttok.text.normalizers.charsmap import CharsMapNormalizer
from fasttok.text.normalizers.precompiled_charsmap import MAX_BYTES
from fasttok.text.normalizers.registry import SENTENCEPIECE
from fasttok.text.rows import Rows
from fasttok.text.unicode.normal_forms import Unicode
from tests import hostile, oracles
from tests.conftest import FUZZ
from tests.test_cuts import kind

RULE_NAMES = SENTENCEPIECE[1:]  # without "identity"
UNCHANGED = {"add_dummy_prefix": False, "escape_whitespaces": False, "remove_extra_whitespaces": False}
SMALL = {
    "a": "b",
    "ab": "",
    "abc": "xyz" * 5,
    "é": "e\u0301",
    "e\u0301": "é",
    "\n": " ",
    "\t": "",
    "日本": "j",
    "😀": ":)",
}
PARTS = [*SMALL, "a", "b", "c", "d", "e", "\u0301", "日", "本", "語", "😀", "x" * 20, " ", "é" * 6]


@pytest.fixture(scope="module", params=RULE_NAMES)
def name(request):
    return request.param


@pytest.fixture(scope="module", params=SENTENCEPIECE)
def any_name(request):
    return request.param


@functools.cache
def theirs(name: str) -> sentencepiece.SentencePieceNormalizer:
    return sentencepiece.SentencePieceNormalizer(rule_name=name.removeprefix("sp_"), **UNCHANGED)


@functools.cache
def their_rules(name: str) -> dict[str, str]:
    return dict(theirs(name).Decompile())


@functools.cache
def our_rules(name: str) -> dict[str, str]:
    made = sentencepiece_rules.make_rules(name)
    keys = ["".join(chr(c) for c in key if c) for key in made.keys.tolist()]
    return {key: made.replacements[value] for key, value in zip(keys, made.values.tolist(), strict=True)}


def check_against_sentencepiece(name: str, texts: list[bytes]) -> None:
    peer = theirs(name)
    got = ft.get_normalizer(name).rewrite(Rows.of(ft.Ragged.from_bytes(texts))).documents
    for text, ours in zip(texts, got.to_bytes(), strict=True):
        assert ours == peer.Normalize(text), text


def small_byte_strings(n: int, seed: int) -> list[bytes]:
    rng = random.Random(seed)
    parts = [part.encode() for part in PARTS] + hostile.BROKEN
    return [b"".join(rng.choices(parts, k=rng.randint(0, 30))) for _ in range(n)]


def check_against_oracle(normalizer: CharsMapNormalizer, known: dict[str, str], texts: list[bytes]) -> None:
    """Compare text and origins with the oracle; the documents are in the middle of a larger array."""
    longest = max(map(len, known), default=0)
    documents = ft.Ragged.from_bytes([b"before", *texts, b"after"])
    part = ft.Ragged(documents.values, documents.offsets[1:-1])
    rewritten = normalizer.rewrite(Rows.of(part, aligned=True))
    assert normalizer.rewrite(Rows.of(part)).raw_spans is None
    assert normalizer.rewrite(Rows.of(part)).documents == rewritten.documents
    assert rewritten.raw_spans.dtype == np.int64
    assert rewritten.raw_spans.shape == (len(rewritten.documents.values), 2)
    assert np.array_equal(rewritten.raw_spans[1:, 0], rewritten.raw_spans[:-1, 1])
    for row, text in enumerate(texts):
        expected, origins = oracles.rewrite(known, text, longest)
        start, end = rewritten.documents.offsets[row : row + 2]
        assert rewritten.documents[row].tobytes() == expected, text
        assert (rewritten.raw_spans[start:end, 0] - part.offsets[row]).tolist() == origins[:-1], text
    assert rewritten.raw_spans[-1:, 1].tolist() in ([], [part.offsets[-1]])


# The rules


def test_rules_are_those_of_sentencepiece(name):
    assert our_rules(name) == their_rules(name)


@pytest.mark.parametrize("folded", [False, True])
def test_rules_are_those_of_the_oracle(folded):
    def is_assigned(text):
        return all(unicodedata.category(c) != "Cn" for c in text)

    ours = our_rules("sp_nfkc_cf" if folded else "sp_nfkc")
    known = {key: value for key, value in ours.items() if is_assigned(key + value)}
    assert known == oracles.nfkc_rules(folded)
    assert len(known) > 220_000


def test_nmt_rules():
    plain, nmt = our_rules("sp_nfkc"), our_rules("nmt_nfkc")
    assert plain.keys() - nmt.keys() == {"～"}
    added = {key: value for key, value in nmt.items() if plain.get(key) != value}
    assert len(added) == 45
    assert set(added.values()) == {"", " "}
    folded, nmt_folded = our_rules("sp_nfkc_cf"), our_rules("nmt_nfkc_cf")
    assert added == {key: value for key, value in nmt_folded.items() if folded.get(key) != value}


def test_the_tables_give_the_four_normal_forms():
    unicode = Unicode()
    rng = random.Random(90)
    marks = "\u0300\u0301\u0323\u0327\u0345\u05b0\u3099\u0338\u1161\u11a8"
    texts = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    texts += [
        "".join(rng.choices("aAşệ각가\u1100\u1112か" + marks, k=rng.randint(1, 6))) for _ in range(5000)
    ]
    for text in texts:
        if any(unicodedata.category(c) == "Cn" for c in text):
            continue
        code_points = list(map(ord, text))
        for form, table in (("D", unicode.canonical), ("KD", unicode.compatible)):
            decomposed = unicode.decompose(code_points, table)
            assert "".join(map(chr, decomposed)) == unicodedata.normalize(f"NF{form}", text), text
            composed = "".join(map(chr, unicode.compose(decomposed)))
            assert composed == unicodedata.normalize(f"NF{form[:-1]}C", text), text


# Comparison with sentencepiece


def test_every_code_point_alone(any_name):
    # No rule has this emoji, so the code points around it are rewritten alone.
    alone = [chr(c).encode(errors="surrogatepass") for c in range(0x110000)]
    texts = ["😀".encode().join(alone[start : start + 64]) for start in range(0, len(alone), 64)]
    check_against_sentencepiece(any_name, texts)


def test_every_rule_for_several_code_points(name):
    sequences = [key for key in our_rules(name) if len(key) > 1]
    assert len(sequences) == 220_267
    rng = random.Random(91)
    some = [*hostile.PARTS, "\u0301", "\u3099", "\u11a8", "e", "か", "가"]
    check_against_sentencepiece(name, [key.encode() for key in sequences])
    around = [rng.choice(some) + key + rng.choice(some) for key in rng.sample(sequences, 20_000)]
    check_against_sentencepiece(name, [text.encode() for text in around])
    cut = [text.encode()[: rng.randint(1, 8)] + rng.choice(some).encode() for text in around]
    check_against_sentencepiece(name, cut)


def test_hostile_text(any_name):
    texts = [text.encode() for text in hostile.texts(1000 * FUZZ, seed=92)]
    check_against_sentencepiece(any_name, texts + hostile.byte_strings(1000 * FUZZ, seed=93))
    rng = random.Random(94)
    alphabet = rng.sample(sorted(our_rules("nmt_nfkc_cf")), 300)
    alphabet += [*"aeiou AEI\n\t\u0301\u0307\u0323\u3099\u309a", "\x00", "ſ"]
    check_against_sentencepiece(
        any_name, ["".join(rng.choices(alphabet, k=rng.randint(1, 30))).encode() for _ in range(1500 * FUZZ)]
    )


def test_real_text(shared, any_name):
    for path in sorted((shared / "data").rglob("*.txt*")):
        with lzma.open(path) if path.suffix == ".xz" else open(path, "rb") as file:
            check_against_sentencepiece(any_name, [file.read(200_000)])


# The kernel


@pytest.mark.parametrize(
    "known",
    [
        SMALL,
        {"a": "", "aaaaaaaaab": "c"},
        {" ": "▁"},
        {"<": "(", "é": "", "ab": "ba"},
        {chr(c): chr(c + 32) for c in range(65, 91)} | {"A\u0301": "á"},
        {
            "a日": "1",
            "é日": "2",
            "日\u0301": "3",
            "日a": "4",
            "日😀": "5",
            "😀日": "6",
            "aa": "x" * MAX_BYTES,
        },
        {},
    ],
    ids=["small", "deleting", "space", "symbols", "lower", "mixed", "none"],
)
def test_custom_rules(known):
    normalizer = CharsMapNormalizer.from_rules(known)
    short = [
        "".join(letters).encode() for n in range(7) for letters in itertools.product("ab\u0301", repeat=n)
    ]
    check_against_oracle(normalizer, known, short)
    check_against_oracle(normalizer, known, small_byte_strings(500 * FUZZ, seed=95))
    check_against_oracle(normalizer, known, hostile.byte_strings(500 * FUZZ, seed=96))
    assert CharsMapNormalizer.from_bytes(normalizer.to_bytes()).to_bytes() == normalizer.to_bytes()


def test_named_rules_against_the_oracle(name):
    texts = [*hostile.byte_strings(500, seed=97), "ｶﾞ é e\u0301ﬁ ㌀\u1100\u1161\u11a8".encode()]
    check_against_oracle(ft.get_normalizer(name), our_rules(name), texts)


@pytest.mark.parametrize("filler", ["x", "é", "日", "😀", "か", "\n", "\xff"])
@pytest.mark.parametrize("rule", ["e\u0301", "か\u3099", "㌀", "\u1100\u1161\u11a8", "\t", "\xff"])
def test_rules_at_the_boundary_of_a_chunk(filler, rule):
    # The kernel works on chunks of 65,536 bytes. A rule that crosses the boundary must be applied as a whole.
    normalizer, peer = ft.get_normalizer("nmt_nfkc"), theirs("nmt_nfkc")
    filler, rule = (s.encode("latin-1") if s == "\xff" else s.encode() for s in (filler, rule))
    for n in range(65_536 - 10, 65_536 + 2):
        count, rest = divmod(n, len(filler))
        first, last = b"." * rest + filler * count, rule + b"e" + filler * 3
        whole = normalizer.rewrite(Rows.of(ft.Ragged.from_bytes([first + last]), aligned=True))
        parts = normalizer.rewrite(Rows.of(ft.Ragged.from_bytes([first, last]), aligned=True))
        assert whole.documents.values.tobytes() == peer.Normalize(first + last)
        assert np.array_equal(whole.documents.values, parts.documents.values)
        assert np.array_equal(whole.raw_spans, parts.raw_spans)


def test_no_documents_and_empty_ones(any_name):
    normalizer = ft.get_normalizer(any_name)
    for texts in ([], [b""], [b"", b"", b"ab", b""], [b"\x01"]):
        rewritten = normalizer.rewrite(Rows.of(ft.Ragged.from_bytes(texts), aligned=True))
        assert len(rewritten.documents) == len(texts)
        assert rewritten.raw_spans.shape == (len(rewritten.documents.values), 2)


def test_text_that_grows_and_text_that_is_dropped():
    normalizer = CharsMapNormalizer.from_rules({"a": "x" * MAX_BYTES, "b": ""})
    text = b"a" * 20_000 + b"b" * 20_000
    rewritten = normalizer.rewrite(Rows.of(ft.Ragged.from_bytes([text, text]), aligned=True))
    assert rewritten.documents.lengths.tolist() == [20_000 * MAX_BYTES] * 2
    assert (rewritten.documents.values == ord("x")).all()
    assert np.array_equal(np.unique(rewritten.raw_spans[:, 0])[:20_000], np.arange(20_000))


def test_read_only_text_and_text_that_is_not_contiguous(name):
    normalizer = ft.get_normalizer(name)
    data = np.frombuffer("ｶﾞ e\u0301".encode(), np.uint8)
    assert not data.flags.writeable
    twice = np.repeat(data, 2)[::2]
    offsets = np.array([0, len(data)])
    got = normalizer.rewrite(Rows.of(ft.Ragged(twice, offsets))).documents
    assert got.values.tobytes() == normalizer.normalize(data.tobytes())


def test_threads_share_a_normalizer(name):
    normalizer = ft.get_normalizer(name)
    batches = [ft.Ragged.from_bytes(hostile.byte_strings(300, seed=seed)) for seed in range(20)]
    alone = [normalizer.rewrite(Rows.of(batch)).documents for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda batch: normalizer.rewrite(Rows.of(batch)).documents, batches)) == alone


# Names and configurations


def test_arguments_of_get_normalizer(any_name):
    normalizer = ft.get_normalizer(any_name)
    assert normalizer.config() == {"name": any_name}
    for given in (any_name, normalizer, json.loads(json.dumps(normalizer.config()))):
        assert ft.get_normalizer(given) is normalizer
    assert pickle.loads(pickle.dumps(normalizer)) is normalizer  # noqa: S301
    assert (
        repr(normalizer)
        == f"CharsMapNormalizer(name={any_name!r}, by='longest', keep=(), protect_spaces=False)"
    )
    assert ft.get_normalizer(None) is None


def test_config_round_trip_of_custom_rules():
    normalizer = CharsMapNormalizer.from_rules(SMALL)
    texts = small_byte_strings(100, seed=98)
    for again in (ft.get_normalizer(normalizer.config()), pickle.loads(pickle.dumps(normalizer))):  # noqa: S301
        assert again.config() == normalizer.config()
        check_against_oracle(again, SMALL, texts)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            "nkfc",
            ValueError,
            "no normalizer is named 'nkfc'; did you mean .*nfkc.* The names are identity, sp_nfkc",
        ),
        ("", ValueError, "no normalizer is named"),
        (7, TypeError, "not int"),
        ({}, ValueError, "not the configuration"),
        ({"name": "sp_nfkc", "more": 1}, ValueError, "not the configuration"),
        ({"name": "charsmap"}, ValueError, "not the configuration"),
        ({"name": "charsmap", "charsmap": 5}, ValueError, "not the configuration"),
        ({"name": "charsmap", "charsmap": "?"}, ValueError, "not the configuration"),
        ({"name": "charsmap", "charsmap": "AAAA"}, ValueError, "byte 0 of the precompiled"),
    ],
)
def test_invalid_arguments_of_get_normalizer(given, error, message):
    with pytest.raises(error, match=message):
        ft.get_normalizer(given)


@pytest.mark.parametrize(
    "known", [{"": "a"}, {"\0": "a"}, {"a": "\0"}, {"a" * 257: ""}, {"a": "é" * 129}, {"\ud800": "a"}]
)
def test_invalid_rules(known):
    with pytest.raises(ValueError, match="a pattern must have 1 to 256 bytes|surrogates not allowed"):
        CharsMapNormalizer.from_rules(known)


def test_the_error_for_a_lone_surrogate_has_its_position():
    with pytest.raises(ft.TextError, match="position 1"):
        ft.get_normalizer("sp_nfkc").normalize("a\ud800")


# Precompiled charsmaps


def field(number: int, payload: bytes) -> bytes:
    """Return a length-delimited field of a protocol buffer."""
    head, size = bytes([number << 3 | 2]), len(payload)
    while size > 0x7F:
        head += bytes([size & 0x7F | 0x80])
        size >>= 7
    return head + bytes([size]) + payload


def charsmap_of(name: str) -> bytes:
    """Return a built-in charsmap of sentencepiece."""
    spec = theirs(name).serialized_normalizer_spec()
    start = spec.index(b"\x12") + 1 if not spec.startswith(b"\x0a") else 2 + spec[1] + 1
    assert spec[start - 1] == 0x12
    size = shift = 0
    while True:
        byte, start = spec[start], start + 1
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return spec[start : start + size]


def test_reading_charsmaps_of_sentencepiece(name):
    normalizer = CharsMapNormalizer.from_bytes(charsmap_of(name))
    assert normalizer.to_bytes() == charsmap_of(name)
    keys = [key.encode() for key in our_rules(name)]
    texts = [*keys, *hostile.byte_strings(2000, seed=99), *[chr(c).encode() for c in range(0x3000)]]
    named = ft.get_normalizer(name)
    batch = ft.Ragged.from_bytes(texts)
    assert normalizer.rewrite(Rows.of(batch)).documents == named.rewrite(Rows.of(batch)).documents


def test_sentencepiece_reads_our_charsmaps(any_name):
    data = ft.get_normalizer(any_name).to_bytes()
    peer = sentencepiece.SentencePieceNormalizer(
        normalizer_spec=field(1, b"ours") + field(2, data), **UNCHANGED
    )
    texts = hostile.byte_strings(2000, seed=100)
    assert [peer.Normalize(text) for text in texts] == [theirs(any_name).Normalize(text) for text in texts]
    if any_name != "identity":
        assert dict(peer.Decompile()) == their_rules(any_name)


def test_a_sentencepiece_model_with_our_charsmap():
    file = io.BytesIO()
    options = {"vocab_size": 40, "normalization_rule_name": "identity", "minloglevel": 2}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["abc xyz j e é e\u0301 :) b d"] * 50),
        model_writer=file,
        hard_vocab_limit=False,
        **options,
    )
    # Protocol buffers merge a repeated message, so the second charsmap replaces the first.
    model = file.getvalue() + field(3, field(2, CharsMapNormalizer.from_rules(SMALL).to_bytes()))
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    for text in ("a ab abc", "日本 😀", "é e\u0301 \t\n d"):
        expected = oracles.rewrite(SMALL, text.encode(), 3)[0].decode()
        assert processor.decode(processor.encode(text)) == " ".join(expected.split()), text


@pytest.mark.parametrize("seed", range(20))
def test_random_rules_round_trip_through_sentencepiece(seed):
    rng = random.Random(seed)
    alphabet = "abé日\u0301😀"
    words = ["".join(rng.choices(alphabet, k=rng.randint(1, 5))) for _ in range(300)]
    known = {key: value for key, value in zip(words[:150], words[150:], strict=True) if key != value}
    normalizer = CharsMapNormalizer.from_rules(known)
    texts = ["".join(rng.choices(alphabet, k=rng.randint(0, 40))).encode() for _ in range(300)]
    check_against_oracle(normalizer, known, texts)
    peer = sentencepiece.SentencePieceNormalizer(norm_map=list(known.items()), **UNCHANGED)
    spec = peer.serialized_normalizer_spec()
    assert [peer.Normalize(text) for text in texts] == [normalizer.normalize(text) for text in texts]
    read = sentencepiece.SentencePieceNormalizer(normalizer_spec=field(2, normalizer.to_bytes()), **UNCHANGED)
    assert dict(read.Decompile()) == dict(peer.Decompile()), spec


def read_damaged(data: bytes, texts: list[bytes]) -> str:
    """Return "error" if reading damaged data raises an error with a position, "read" if it is safe to use."""
    try:
        normalizer = CharsMapNormalizer.from_bytes(data)
    except ft.ModelFormatError as error:
        assert "of the precompiled normalization rules" in error.place
        return "error"
    documents = ft.Ragged.from_bytes(texts)
    rewritten = normalizer.rewrite(Rows.of(documents, aligned=True))
    assert (np.diff(rewritten.raw_spans, axis=0) >= 0).all()
    assert (np.diff(rewritten.raw_spans) >= 0).all()
    assert len(rewritten.documents.values) <= MAX_BYTES * len(documents.values)
    return "read"


def test_every_truncation():
    data = CharsMapNormalizer.from_rules(SMALL).to_bytes()
    for n in range(1, len(data)):
        assert read_damaged(data[:n], [b""]) == "error", n
    assert read_damaged(data, small_byte_strings(10, seed=107)) == "read"


def test_every_flipped_bit():
    data = CharsMapNormalizer.from_rules(SMALL).to_bytes()
    texts = [*small_byte_strings(10, seed=101), bytes(range(256))]
    outcomes = set()
    for i in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[i // 8] ^= 1 << i % 8
        outcomes.add(read_damaged(bytes(damaged), texts))
    assert outcomes == {"read", "error"}


def test_damaged_bytes_of_a_sentencepiece_charsmap():
    data, rng = charsmap_of("nmt_nfkc"), random.Random(102)
    texts = [*hostile.byte_strings(30, seed=103), bytes(range(256))]
    for _ in range(60):
        damaged = bytearray(data)
        for _ in range(rng.choice([1, 10, 1000])):
            damaged[rng.randrange(len(data))] = rng.randrange(256)
        read_damaged(bytes(damaged), texts)


def test_random_units_instead_of_a_trie():
    rng = np.random.default_rng(104)
    texts = [bytes(range(256)) * 4]
    for n_bits in range(1, 32):
        for _ in range(20):
            units = rng.integers(0, 1 << n_bits, 512, np.uint32).astype("<u4").tobytes()
            read_damaged(struct.pack("<I", len(units)) + units + b"abc\0", texts)


def units_to_bytes(units: dict[int, int], replacements: bytes = b"x\0", n_units: int = 256) -> bytes:
    array = np.full(n_units, 1 << 31, "<u4")
    for index, unit in units.items():
        array[index] = unit
    return struct.pack("<I", 4 * n_units) + array.tobytes() + replacements


# A child of the root is at index 1 XOR its byte. "a" is a key; its value is at index 96 XOR 2.
ROOT, A_KEY, VALUE = 1 << 10, ord("a") | 1 << 8 | 2 << 10, 1 << 31


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x01", "the trie is 1 bytes; it must be a multiple of 1,024"),
        (b"\xff\xff\xff\xff" + bytes(2000), "the trie is 4,294,967,295 bytes"),
        (b"\x00\x00\x00\x00abc\0", "the trie is 0 bytes"),
        (struct.pack("<I", 1028) + bytes(2000), "the trie is 1,028 bytes"),
        (units_to_bytes({0: ROOT}, b""), "the trie is 1,024 bytes"),
        (units_to_bytes({0: ROOT}, b"no end"), "byte 1,034 .*does not end with a byte 0"),
        (units_to_bytes({0: ROOT}, b"\xff\0"), "byte 1,028 .*is not UTF-8"),
        (units_to_bytes({}), "byte 4 .*leads out"),
        (units_to_bytes({0: ROOT, 7: 256 << 10}), "byte 32 .*leads out"),
        (units_to_bytes({0: ROOT, 7: 0x200 | 1 << 10}), "byte 32 .*leads out"),
        (units_to_bytes({0: ROOT, 96: A_KEY, 98: VALUE | 2}), "byte 388 .*no valid replacement"),
        (units_to_bytes({0: ROOT, 96: A_KEY, 98: 2**32 - 1}), "byte 388 .*no valid replacement"),
        (
            units_to_bytes({0: ROOT, 96: A_KEY, 98: VALUE | 1}, "é\0".encode()),
            "byte 388 .*no valid replacement",
        ),
        (
            units_to_bytes({0: ROOT, 96: A_KEY, 98: VALUE}, b"x" * 257 + b"\0"),
            "byte 388 .*of at most 256 bytes",
        ),
        # cycles: the children of "a" are those of the root; the root is its own child
        (units_to_bytes({0: ROOT, 96: ord("a") | 97 << 10}), "byte 388 .*more than 256 bytes"),
        (units_to_bytes({0: 0}), "byte 4 .*more than 256 bytes"),
    ],
)
def test_invalid_charsmaps(data, message):
    with pytest.raises(ft.ModelFormatError, match=message):
        CharsMapNormalizer.from_bytes(data)


def test_a_hand_written_charsmap():
    data = units_to_bytes({0: ROOT, 96: A_KEY, 98: VALUE | 2}, "x\0é\0".encode())
    normalizer = CharsMapNormalizer.from_bytes(data)
    assert normalizer.normalize("banana") == "bénéné"
    assert normalizer.config()["charsmap"] == base64.b64encode(data).decode()


@pytest.mark.timeout(20)
def test_runs_of_zero_bytes_take_linear_time(any_name):
    text = bytes(5_000_000)
    assert ft.get_normalizer(any_name).normalize(text) == text


def test_rules_of_the_maximum_length():
    longest = {"a" * 256: "b" * 256, "a": "c"}
    normalizer = CharsMapNormalizer.from_bytes(CharsMapNormalizer.from_rules(longest).to_bytes())
    assert normalizer.normalize("a" * 258) == "b" * 256 + "cc"


# Cuts


@pytest.mark.parametrize("name", RULE_NAMES)
def test_claims_about_cuts_hold_for_every_rule(name):
    known = ft.get_normalizer(name).cuts
    for key, value in our_rules(name).items():
        assert " " not in key
        if kind(key[-1]) in (cuts.LETTER, cuts.NUMBER):
            assert value, key
            assert known.becomes[kind(key[-1]), kind(value[-1])], key
            assert kind(value[-1]) < cuts.BLANK, key
    assert known.neutral.sum() == 2


def test_claims_about_cuts_of_identity():
    known = ft.get_normalizer("identity").cuts
    assert known.neutral.all()
    assert np.array_equal(known.becomes, np.eye(len(cuts.KINDS)))
    assert not CharsMapNormalizer.from_rules({"a": "b"}).cuts.neutral.any()


@pytest.mark.parametrize(
    "steps", ["gpt2", "o200k", "whitespace", "bert", ["digits_threes_left", "gpt2"]], ids=str
)
def test_a_safe_cut_changes_no_pretoken(any_name, steps):
    normalizer, pretokenizer = ft.get_normalizer(any_name), ft.get_pretokenizer(steps)
    known = normalizer.cuts.then(pretokenizer.cuts)

    def pretokens(data):
        return pretokenizer.split_text(normalizer.normalize(data))

    found = 0
    tests = [*hostile.byte_strings(400, seed=105), "⑴ ﾊﾟ ﷺ ﹰ ① é a\u200b b \x01 c".encode()]
    for data in tests:
        whole = pretokens(data)
        for end in range(len(data) + 1):
            cut = known.find(np.frombuffer(data[:end], np.uint8))
            if cut:
                found += 1
                assert pretokens(data[:cut]) + pretokens(data[cut:]) == whole, (data, cut)
    assert found > 200


def test_digits_do_not_always_cut_after_a_normalizer():
    # "⑴ " becomes "(1) ": a number in the raw text need not be a number in the normalized text.
    digits = ft.get_pretokenizer("digits_single").cuts
    assert digits.always[cuts.NUMBER, cuts.BLANK]
    normalized = ft.get_normalizer("sp_nfkc").cuts.then(digits)
    assert normalized.neutral[cuts.NUMBER, cuts.BLANK]
    assert not normalized.always.any()
    assert np.array_equal(ft.get_normalizer("identity").cuts.then(digits).always, digits.always)


def test_claims_about_two_normalizers():
    first, second = ft.get_normalizer("identity").cuts, ft.get_normalizer("sp_nfkc").cuts
    for both in (first.then_rewriting(second), second.then_rewriting(first)):
        assert np.array_equal(both.neutral, second.neutral)
        assert np.array_equal(both.becomes[:5], second.becomes[:5])
    assert not cuts.REWRITES_ANYTHING.then_rewriting(second).neutral.any()


def test_spans_compose():
    a = CharsMapNormalizer.from_rules({"é": "e\u0301", "x": ""})
    b = CharsMapNormalizer.from_rules({"e\u0301": "!!!", "\u0301": "?"})
    for text in small_byte_strings(200, seed=106):
        first = a.rewrite(Rows.of(ft.Ragged.from_bytes([text]), aligned=True))
        spans = b.rewrite(first).raw_spans
        middle, expected_first = oracles.rewrite({"é": "e\u0301", "x": ""}, text, 1)
        _, expected_second = oracles.rewrite({"e\u0301": "!!!", "\u0301": "?"}, middle, 2)
        origins = [expected_first[o] for o in expected_second]
        assert spans.tolist() == [list(pair) for pair in itertools.pairwise(origins)]
