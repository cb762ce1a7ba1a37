"""Raw words: their search compared with a naive one, their ids with those of rewritten whole texts."""

from __future__ import annotations

import itertools
import random
import threading
from signal import SIGINT, raise_signal

import numpy as np
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

import fasttok as ft
from fasttok.models._cache import SPARE_IDS, PretokenCache
from fasttok.models.raw_words._raw_word_encoder import RawWordEncoder
from fasttok.text._spans import list_spans
from fasttok.text.words._raw_words import N_PATHS, RawWordScanner, find_kinds
from fasttok.text.words.raw_words import find_raw_words
from tests import hostile, normalizer_differences, oracles, unicode_differences
from tests.test_wordpiece import encode_forever

IN_WORD, SPACES, ALONE = 0, 1, 2
PATHS = range(N_PATHS)
OPTIONS = list(itertools.product([False, True], [False, True], [None, False, True], [False, True]))
NAMES_OF_OPTIONS = ("clean_text", "handle_chinese_chars", "strip_accents", "lowercase")
BERTS = [ft.BertNormalizer(*options) for options in OPTIONS]
BERTS += [ft.BertNormalizer(*options, unicode="tokenizers-0.23") for options in OPTIONS]
OTHERS = [ft.get_normalizer(name) for name in ("lowercase", "strip_accents", "nmt")]
MARKS = ["\u0301", "\u0323", "\u0338", "\u05b0", "\u302e", "\U0001d165", "\u200d", "\u0345"]


def naive_raw_words(kinds: dict[str, int], text: bytes) -> list[tuple[int, int]]:
    """Return the begin and end of each raw word; code points that are not in `kinds` are in words."""
    found, begin, i = [], None, 0
    for _, start, end in oracles.code_points(text):
        c = text[start:end].decode(errors="surrogateescape")
        kind = kinds.get(c, IN_WORD)
        if kind != IN_WORD and begin is not None:
            found.append((begin, start))
            begin = None
        if kind == ALONE:
            found.append((start, end))
        elif kind == IN_WORD and begin is None:
            begin = start
        i = end
    return found if begin is None else [*found, (begin, i)]


def find(scanner: RawWordScanner, text: bytes) -> list[tuple[int, int]]:
    spans, _ = list_spans(scanner, np.frombuffer(text, np.uint8), np.array([0, len(text)]))
    return [(a, b) for a, b in spans.tolist()]


@pytest.mark.parametrize("path", PATHS)
def test_every_kind_of_code_point_at_every_place_of_a_block(path):
    rng = random.Random(1)
    parts = [
        *"aZ0_",
        "~",
        " ",
        "\n",
        "\x00",
        "\x7f",
        "é",
        "\u00a0",
        "߿",
        "ࠀ",
        "中",
        "\ue000",
        "￿",
        "𐀀",
        "😀",
        "\U0010fffd",
    ]
    pieces = (
        [part.encode() for part in parts]
        + hostile.BROKEN
        + [b"\xe4\xb8", b"\xf0\x90\x80", b"\xc2", b"\xf4\x90\x80\x80"]
    )
    n_found = 0
    for round_ in range(60):
        kinds = {c: rng.choice([IN_WORD, SPACES, ALONE]) for c in parts}
        table = np.zeros(0x110000, np.uint8)
        for c, kind in kinds.items():
            table[ord(c)] = kind
        scanner = RawWordScanner(table, path)
        for _ in range(50):
            weights = [rng.choice([0, 0, 1, 1, 8]) for _ in pieces]
            weights[rng.randrange(len(parts))] += 1
            text = b"".join(
                rng.choices(pieces, weights, k=rng.choice([3, 40, 200, 900 if round_ % 20 == 0 else 1]))
            )
            expected = naive_raw_words(kinds, text)
            assert find(scanner, text) == expected, (text, kinds)
            n_found += len(expected)
    assert n_found > 20_000


@pytest.mark.parametrize("path", PATHS)
def test_any_bytes(path):
    rng = np.random.default_rng(2)
    steps = find_raw_words(ft.get_normalizer("bert"), ft.get_pretokenizer("bert"))
    kinds = find_kinds(steps.code_points, *_classes(steps.pretokenizer))
    by_character = {chr(c): int(kinds[c]) for c in np.flatnonzero(kinds)}
    scanner = RawWordScanner(kinds, path)
    noise = [rng.integers(0, 256, n, np.uint8).tobytes() for n in rng.integers(0, 300, 1500)]
    for text in [*noise, *hostile.byte_strings(1500, seed=3)]:
        assert find(scanner, text) == naive_raw_words(by_character, text), text


def test_a_scanner_fills_arrays_of_any_size():
    table = np.zeros(0x110000, np.uint8)
    table[[32, 46]] = SPACES, ALONE
    scanner = RawWordScanner(table)
    for n in (1, 63, 64, 65, 511, 512, 513, 5000):
        text = b"a." * n + b" " * 70 + b"b" * 200
        assert find(scanner, text) == naive_raw_words({" ": SPACES, ".": ALONE}, text)


def _classes(pretokenizer):
    from fasttok.text.unicode.classes import find_word_classes

    return find_word_classes(pretokenizer.unicode), pretokenizer.name == "bert"


@pytest.mark.parametrize("name", ["bert", "whitespace_split"])
@pytest.mark.parametrize("normalizer", [BERTS[0], BERTS[6], BERTS[13], BERTS[23], *OTHERS], ids=repr)
def test_text_around_a_space_or_an_alone_code_point_is_independent(normalizer, name):
    """Rewrite and split texts with each such code point whole and in three parts; the words are the same."""
    pretokenizer = ft.get_pretokenizer(name)
    steps = find_raw_words(normalizer, pretokenizer)
    kinds = find_kinds(steps.code_points, *_classes(pretokenizer))
    assert {SPACES, ALONE} - {int(kind) for kind in kinds} <= ({ALONE} if name != "bert" else set())

    def words(text: str) -> list[bytes]:
        return pretokenizer.split_text(normalizer.normalize(text))

    befores = ["a", "a\u0323\u0301", "b" + "".join(MARKS)]
    afters = ["a", *MARKS, "".join(MARKS), "".join(reversed(MARKS)) + "c"]
    separator = "\ufdd0 \ufdd1"  # two code points that nothing changes, between white space
    for kind in (SPACES, ALONE):
        found = [chr(c) for c in np.flatnonzero(kinds == kind)]
        if not found:
            continue
        if kind == SPACES:
            assert not words(" ".join(found))
        # One in a hundred of many, but all that are written differently.
        written = normalizer.normalize(separator.join(found)).split(separator)
        chosen = [
            c
            for c, new in zip(found, written, strict=True)
            if ord(c) < 0x2000 or ord(c) % 97 == 0 or new.strip() != c
        ]
        for before, after in [*zip(befores, afters[-3:], strict=True), *((befores[1], a) for a in afters)]:
            whole = words(separator.join(before + c + after for c in chosen))
            parts = words(separator.join(f"{before} {c} {after}" for c in chosen))
            assert whole == parts


@pytest.mark.parametrize("normalizer", [BERTS[0], BERTS[23], *OTHERS, ft.get_normalizer("nfd")], ids=repr)
def test_no_code_point_has_more_ids_than_bytes(normalizer):
    """There is space for one id per byte of raw text, so NFD does not work on raw words."""
    code_points = [chr(c) for c in range(0x30000) if c != 0xFDD0 and not 0xD800 <= c < 0xE000]
    rewritten = normalizer.normalize("\n\ufdd0\n".join(code_points)).split("\ufdd0")
    assert len(rewritten) == len(code_points)
    pairs = zip(code_points, rewritten, strict=True)
    has_longer = any(len(c.encode()) < len(text.strip()) for c, text in pairs)
    assert has_longer == (find_raw_words(normalizer, ft.get_pretokenizer("bert")) is None)


def wordpiece(seed: int = 0) -> tuple[dict[str, int], ft.WordPieceModel]:
    rng = random.Random(seed)
    letters = sorted({c for part in hostile.PARTS for c in part.lower() if c not in "\x00"})
    names = [
        *letters,
        *("##" + c for c in letters),
        "word",
        "##word",
        "##1",
        "12",
        "##cod",
        "ab",
        "##ab",
        "##ba",
    ]
    names = [name for name in dict.fromkeys(names) if rng.random() < 0.85]
    return {name: i for i, name in enumerate(names, 1)}, ft.WordPieceModel(["", *names], unk_id=0)


def tokenizer(normalizer, name: str = "bert", seed: int = 0) -> ft.Tokenizer:
    return ft.Tokenizer(wordpiece(seed)[1], name, {"[UNK]": 0}, normalizer=normalizer)


def naive_ids(normalizer, name: str, ids: dict[str, int], text: bytes) -> list[int]:
    """Rewrite and split the whole text, and encode each word by a naive longest match."""
    words = ft.get_pretokenizer(name).split_text(normalizer.normalize(text))
    return [i for word in words for i in oracles.longest_matches(word, ids, "##", 100) or [0]]


@pytest.mark.parametrize("name", ["bert", "whitespace_split"])
@pytest.mark.parametrize("normalizer", [*BERTS[:24], BERTS[47], *OTHERS], ids=repr)
def test_ids_are_those_of_rewriting_the_whole_text(normalizer, name):
    ids, _ = wordpiece()
    tok = tokenizer(normalizer, name)
    assert isinstance(tok._encoder._find_route("none").encoder._pipeline.scanner, RawWordScanner)
    texts = hostile.byte_strings(120, seed=4)
    texts += [b" ".join(rng_text.split(b"a")) for rng_text in texts[:50]]
    marks = random.Random(5)
    texts += [
        "".join(marks.choices([*MARKS, "a", "e", ".", " ", "中", "I", "İ", "각"], k=9)).encode()
        for _ in range(120)
    ]
    texts += ["\u0301\u0323".join("e" * n).encode() for n in (10, 200, 2000)] + [
        b"Ab" * 800,
        "é".encode() * 700,
    ]
    expected = [naive_ids(normalizer, name, ids, text) for text in texts]
    assert [tok.encode(text).tolist() for text in texts] == expected
    assert [tok.encode(text, as_list=True) for text in texts] == expected  # now from the cache
    assert [row.tolist() for row in tok.encode_batch(texts, workers=2)] == expected
    assert [tok.count(text) for text in texts] == [len(row) for row in expected]


@pytest.mark.parametrize("path", PATHS)
def test_every_path_gives_the_same_ids(path):
    for normalizer in (BERTS[-1], BERTS[0]):
        ids, model = wordpiece()
        steps = find_raw_words(normalizer, ft.get_pretokenizer("bert"))
        kinds = find_kinds(steps.code_points, *_classes(steps.pretokenizer))
        scanner = RawWordScanner(kinds, path)
        encoder = RawWordEncoder(model.encoder, scanner, steps.code_points, steps.words)
        cache = PretokenCache(1 << 20)
        texts = [b"x", *hostile.byte_strings(400, seed=6)]
        rows = ft.Ragged.from_bytes(texts)
        for _ in range(2):
            out, offsets = (
                np.empty(len(rows.values) + SPARE_IDS, np.uint32),
                np.empty(len(rows) + 1, np.int64),
            )
            n = encoder.encode(rows.values, rows.offsets, scanner, cache, out, offsets)
            encoded = [row.tolist() for row in ft.Ragged(out[:n], offsets)]
            assert encoded == [naive_ids(normalizer, "bert", ids, text) for text in texts]


def test_ids_equal_tokenizers():
    skipped = {
        chr(c)
        for ranges in (normalizer_differences.BERT, unicode_differences.TOKENIZERS_BERT)
        for a, b in ranges
        for c in range(a, b + 1)
    }
    ids, _ = wordpiece()
    for options in OPTIONS:
        theirs = Tokenizer(models.WordPiece({"[UNK]": 0} | ids, unk_token="[UNK]"))  # noqa: S106
        theirs.normalizer = normalizers.BertNormalizer(**dict(zip(NAMES_OF_OPTIONS, options, strict=True)))
        theirs.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tok = tokenizer(ft.BertNormalizer(*options, unicode="tokenizers-0.23"))
        texts = [text for text in hostile.texts(400, seed=7) if not skipped & {*text}]
        assert len(texts) > 100
        assert [tok.encode(text).tolist() for text in texts] == [theirs.encode(text).ids for text in texts]


def test_pieces_longer_than_keys_and_words_with_many_ids():
    names = ["ab" * 12, "##" + "ab" * 12, "a", "##b", "##a", "b"]
    tok = ft.Tokenizer(ft.WordPieceModel(["", *names], unk_id=0), "bert", {"[UNK]": 0}, normalizer="bert")
    ids = {name: i for i, name in enumerate(names, 1)}
    for n in (7, 8, 9, 15, 16, 17, 24, 49, 50, 51):
        for word in ("ab" * n, "AB" * n, "aB" * n, "Á\u0323b" * n):
            plain = "ab" * n
            expected = oracles.longest_matches(plain.encode(), ids, "##", 100) or [0]
            for text in (word, f" {word}.", f"{word} {word}"):
                found = [i for i in tok.encode(text).tolist() if i or expected == [0]]
                assert found[: len(expected)] == expected


def test_added_tokens_are_found_in_raw_text():
    _, model = wordpiece()
    special = {"[UNK]": 0, "[SEP]": 1000, "[Mask]": 1001}
    tok = ft.Tokenizer(model, "bert", special, normalizer="bert")
    assert tok.encode("Word[SEP]word[mask]", special="all").tolist() == [
        *tok.encode("word"),
        1000,
        *tok.encode("word[mask]"),
    ]
    assert isinstance(tok._encoder._find_route("none").encoder._pipeline.scanner, RawWordScanner)
    with pytest.raises(ft.SpecialTokenError, match="at byte 5"):
        tok.encode("Wörd[SEP]", special="raise")


def test_offsets_are_still_those_of_raw_text():
    tok = tokenizer(ft.BertNormalizer())
    text = "Wörd  Ünïcode 東京"
    encoding = tok.encode_with_offsets(text)
    assert encoding.ids.tolist() == tok.encode(text).tolist()
    assert [text[a:b] for a, b in encoding.char_spans][-2:] == ["東", "京"]


@pytest.mark.parametrize(
    ("normalizer", "name", "tokens"),
    [
        ("nfc", "bert", ()),  # composes across code points
        (["nfd", "lowercase"], "bert", ()),
        ("bert", "gpt2", ()),
        (None, "bert", ()),
        ("bert", "bert", (ft.AddedToken("[x]", normalized=True),)),
    ],
)
def test_other_pipelines_rewrite_whole_texts(normalizer, name, tokens):
    _, model = wordpiece()
    added = {ft.AddedToken("[UNK]", special=True): 0} | {token: 900 + i for i, token in enumerate(tokens)}
    tok = ft.Tokenizer(model, name, added, normalizer=normalizer)
    assert not isinstance(tok._encoder._find_route("none").encoder._pipeline.scanner, RawWordScanner)
    tok.encode("Wörd 東京")


def test_errors_have_the_position_in_raw_text():
    tok = ft.Tokenizer(ft.WordPieceModel(["a", "##a"]), "bert", normalizer="bert")
    with pytest.raises(ft.UnknownCharacterError, match="at byte 4"):
        tok.encode("Á aÉ")


def test_a_long_raw_word_can_be_interrupted():
    tok = tokenizer(ft.BertNormalizer())
    timer = threading.Timer(0.1, raise_signal, [SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        encode_forever(tok, "e\u0301\u0323" * 20_000_000)
    timer.join()
    assert tok.encode("a").tolist() == tok.encode("A").tolist()
