"""Pretokenizers of `tokenizers`, compared with that library and with regular expressions."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
import regex
import tokenizers
from tokenizers import models, normalizers
from tokenizers import pre_tokenizers as peer

import fasttok as ft
from fasttok.text.pipeline import Pipeline
from fasttok.text.pretokenizers._class_scan import ClassScanner, SharedRunScanner
from fasttok.text.pretokenizers.classes import BEHAVIORS, make_table
from fasttok.text.steps import ScanningPretokenizer
from fasttok.text.unicode import _classes, _script_runs, _tokenizers_classes
from tests import hostile
from tests.peer_pretokenizers import check_pretokens
from tests.pipelines import rows_of

THEIRS = "tokenizers-0.23"
PAIRS = {
    **{f"punctuation {b}": (ft.SplitPunctuation(b, THEIRS), peer.Punctuation(b)) for b in BEHAVIORS},
    "digits": (ft.SplitDigits(unicode=THEIRS), peer.Digits()),
    "individual digits": (ft.SplitDigits(True, THEIRS), peer.Digits(individual_digits=True)),
    "words and symbols": (ft.WordsAndSymbols(THEIRS), peer.Whitespace()),
    "words and symbols, own tables": (ft.WordsAndSymbols(), peer.Whitespace()),
    "scripts": (ft.SplitScripts(THEIRS), peer.UnicodeScripts()),
    "length 1": (ft.SplitLength(1), peer.FixedLength(1)),
    "length 3": (ft.SplitLength(3), peer.FixedLength(3)),
    "byte level": (ft.ByteLevel(unicode=THEIRS), peer.ByteLevel(add_prefix_space=False)),
    "byte level, prefix": (ft.ByteLevel(True, unicode=THEIRS), peer.ByteLevel(add_prefix_space=True)),
    "byte level, no words": (
        ft.ByteLevel(True, use_regex=False, unicode=THEIRS),
        peer.ByteLevel(add_prefix_space=True, use_regex=False),
    ),
    "byte level, alphabet": (
        ft.ByteLevel(use_regex=False),
        peer.ByteLevel(add_prefix_space=False, use_regex=False),
    ),
    **{
        f"metaspace {mark!r} {scheme} {split}": (
            ft.MetaspaceSplit(mark, scheme, split),
            peer.Metaspace(replacement=mark, prepend_scheme=scheme, split=split),
        )
        for mark, scheme, split in [
            *itertools.product("▁", ("always", "first", "never"), (True, False)),
            ("_", "always", True),
            ("é", "first", True),
            (" ", "always", True),
            ("a", "never", True),
        ]
    },
    "whitespace_split": (ft.get_pretokenizer("whitespace_split"), peer.WhitespaceSplit()),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_pretokens_are_those_of_tokenizers(pair):
    rng = random.Random(500)
    parts = [
        "a",
        "é",
        "東",
        "か",
        "カ",
        "ー",
        " ",
        "  ",
        "\n",
        ".",
        "¡",
        "!?",
        "1",
        "²",
        "_",
        "▁",
        "\u0301",
        "\u0378",
    ]
    texts = ["".join(rng.choices(parts, k=rng.randint(0, 9))) for _ in range(600)]
    check_pretokens(*pair, [*texts, *hostile.texts(400, seed=501)])


def code_points() -> list[str]:
    """Return the code points next to which a class or script changes, and every 31st of the others."""
    starts = [*_classes.STARTS, *_tokenizers_classes.SCRIPT_STARTS, *_script_runs.STARTS]
    for first, last in itertools.chain(
        *map(vars(_tokenizers_classes).get, ("WORDS", "PUNCTUATION", "DIGITS"))
    ):
        starts += [first, last + 1]
    found = {*range(0, 0x110000, 31), *range(0x3000), *starts, *(start - 1 for start in starts)}
    return [chr(c) for c in sorted(found - {-1, 0x110000, *range(0xD800, 0xE000)})]


@pytest.mark.parametrize(
    "name", ["punctuation isolated", "individual digits", "words and symbols", "scripts", "byte level"]
)
def test_code_points_have_the_classes_of_tokenizers(name):
    # The generator of the tables compares all code points.
    chosen, step = code_points(), 2048
    texts = ["".join(f"a{c}{c}" for c in chosen[i : i + step]) for i in range(0, len(chosen), step)]
    check_pretokens(*PAIRS[name], texts)


def test_scripts_of_neighbouring_code_points():
    chosen, step = code_points(), 4096
    texts = ["".join(chosen[i : i + step]) for i in range(0, len(chosen), step)]
    check_pretokens(*PAIRS["scripts"], texts)


def test_sequences_are_those_of_tokenizers():
    pairs = [*PAIRS.values(), (ft.get_pretokenizer("bert"), peer.BertPreTokenizer())]
    rng = random.Random(503)
    parts = [
        "a",
        "é",
        "東",
        "か",
        "ー",
        " ",
        "  ",
        "\n",
        ".",
        "¡",
        "1",
        "²",
        "_",
        "▁",
        "\u0301",
        "word",
        "😀",
    ]
    for i in range(400):
        steps = rng.choices(pairs, k=rng.randint(2, 4))
        texts = ["".join(rng.choices(parts, k=rng.randint(0, 7))) for _ in range(6)]
        check_pretokens(
            ft.get_pretokenizer([ours for ours, _ in steps]),
            peer.Sequence([theirs for _, theirs in steps]),
            [*texts, *hostile.texts(2, seed=504 + i)],
        )


PREFIXES = {
    "first": ([ft.MetaspaceSplit(prepend="first")], [peer.Metaspace(prepend_scheme="first")]),
    "always": ([ft.MetaspaceSplit()], [peer.Metaspace()]),
    "words, first": (
        ["whitespace_split", ft.MetaspaceSplit(prepend="first")],
        [peer.WhitespaceSplit(), peer.Metaspace(prepend_scheme="first")],
    ),
    "first after a prefix": (
        [ft.MetaspaceSplit(), ft.SplitLength(1), ft.MetaspaceSplit(prepend="first", split_words=False)],
        [peer.Metaspace(), peer.FixedLength(1), peer.Metaspace(prepend_scheme="first", split=False)],
    ),
}
NORMALIZERS = {
    "none": (None, None),
    "strip": (ft.Strip(scope="segment"), normalizers.Strip()),
    "prepend": (ft.Prepend("x ", scope="segment"), normalizers.Prepend("x ")),
    "lowercase": (ft.get_normalizer("lowercase"), normalizers.Lowercase()),
}


@pytest.mark.parametrize("normalizer", NORMALIZERS.values(), ids=NORMALIZERS)
@pytest.mark.parametrize("steps", PREFIXES.values(), ids=PREFIXES)
def test_prefixes_between_added_tokens_are_those_of_tokenizers(steps, normalizer):
    parts = ["a", "é", "東", " ", "  ", "\n", ".", "1", "▁", "word", "<s>", "<x>"]
    pieces = sorted(set("".join(parts)))
    vocab = {piece: i for i, piece in enumerate([*pieces, "?"])}
    theirs = tokenizers.Tokenizer(models.BPE(vocab=vocab, merges=[], unk_token="?", fuse_unk=False))  # noqa: S106
    theirs.pre_tokenizer = peer.Sequence(steps[1])
    if normalizer[1] is not None:
        theirs.normalizer = normalizer[1]
    flags = {"<s>": False, "<x>": True}
    theirs.add_tokens([tokenizers.AddedToken(text, normalized=flag) for text, flag in flags.items()])
    added = {
        ft.AddedToken(text, normalized=flag): len(vocab) + i for i, (text, flag) in enumerate(flags.items())
    }
    unknown = {ft.AddedToken("?", special=True): len(pieces)}
    model = ft.CharacterModel(pieces, unk_id=len(pieces))
    ours = ft.Tokenizer(model, ft.get_pretokenizer(steps[0]), added | unknown, normalizer=normalizer[0])
    rng = random.Random(505)
    for _ in range(100):
        text = "".join(rng.choices(parts, k=rng.randint(0, 7)))
        expected = theirs.encode(text)
        encoding = ours.encode_with_offsets(text)
        assert encoding.ids.tolist() == ours.encode(text).tolist() == expected.ids, text
        assert list(map(tuple, encoding.char_spans.tolist())) == expected.offsets, text


def test_only_the_first_part_of_a_document_gets_a_prefix():
    text = ("word  and " * 30).encode()
    documents = ft.Ragged.from_bytes([text[:52], text[52:], text])
    begins = np.array([True, False, True])
    expected = ("▁word▁▁and▁" + "word▁▁and▁" * 29).encode()
    for prepend, step in itertools.product(("always", "first"), (None, ft.Strip())):
        pipeline = Pipeline(step, ft.MetaspaceSplit(prepend=prepend, split_words=False))
        prepared = pipeline.prepare(rows_of(documents, begins, np.array([False, True, True])))
        first, second, whole = prepared.rows.documents.to_bytes()
        assert first + second == expected.removesuffix("▁".encode() if step else b"")
        assert whole == first + second


OWN = {
    ft.SplitPunctuation(): r"[!-/:-@\[-`{-~\p{P}]|[^!-/:-@\[-`{-~\p{P}]+",
    ft.SplitPunctuation("removed"): r"[^!-/:-@\[-`{-~\p{P}]+",
    ft.SplitPunctuation("contiguous"): r"[!-/:-@\[-`{-~\p{P}]+|[^!-/:-@\[-`{-~\p{P}]+",
    ft.SplitPunctuation("merged_with_previous"): r"[^!-/:-@\[-`{-~\p{P}]*[!-/:-@\[-`{-~\p{P}]|.+",
    ft.SplitPunctuation("merged_with_next"): r"[!-/:-@\[-`{-~\p{P}]?[^!-/:-@\[-`{-~\p{P}]+|.",
    ft.SplitDigits(): r"\p{N}+|\P{N}+",
    ft.SplitDigits(individual=True): r"\p{N}|\P{N}+",
    ft.SplitLength(3): r".{1,3}",
}


@pytest.mark.parametrize("step", OWN, ids=repr)
def test_bytes_that_are_not_utf8(step):
    for data in hostile.byte_strings(1500, seed=502):
        text = data.decode(errors="surrogateescape")
        expected = [m.encode(errors="surrogateescape") for m in regex.findall(f"(?s){OWN[step]}", text)]
        assert step.split_text(data) == expected


def test_splits_at_one_character_as_in_tokenizers():
    for behavior, invert, c in itertools.product(BEHAVIORS, (False, True), "x東"):
        matches = np.zeros(0x110000, np.bool_)
        matches[ord(c)] = True
        scanner = ClassScanner(make_table(matches, behavior, invert))
        theirs = peer.Split(c, behavior, invert)
        for letters in itertools.product("é" + c, repeat=5):
            text = "".join(letters)
            assert _pieces(scanner, text) == [piece for piece, _ in theirs.pre_tokenize_str(text)]


def _pieces(scanner: ClassScanner, text: str) -> list[str]:
    class Scan(ScanningPretokenizer):
        name = "scan"

        @property
        def scanner(self):
            return scanner

    return [piece.decode() for piece in Scan().split_text(text)]


def test_tables_are_checked():
    for scanner in (ClassScanner, SharedRunScanner):
        with pytest.raises(ValueError, match="one entry per code point"):
            scanner(np.zeros(10, np.uint8))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ft.SplitPunctuation("split"), ValueError, "behavior must be"),
        (lambda: ft.SplitPunctuation(unicode="17"), ValueError, "unicode must be None or"),
        (lambda: ft.SplitDigits(1), TypeError, "individual must be True or False"),
        (lambda: ft.SplitScripts(unicode=3), ValueError, "unicode must be"),
        (lambda: ft.WordsAndSymbols("a"), ValueError, "unicode must be"),
        (lambda: ft.SplitLength(0), ValueError, "length must be at least 1"),
        (lambda: ft.SplitLength("1"), TypeError, "length must be an integer"),
        (lambda: ft.ByteLevel(use_regex=None), TypeError, "use_regex must be True or False"),
        (lambda: ft.ByteLevel(unicode="16"), ValueError, "unicode must be"),
        (lambda: ft.MetaspaceSplit("ab"), ValueError, "replacement must be one character"),
        (lambda: ft.MetaspaceSplit(1), TypeError, "replacement must be a str"),
        (lambda: ft.MetaspaceSplit("\ud800"), ft.TextError, "surrogate"),
        (lambda: ft.MetaspaceSplit(prepend="last"), ValueError, "prepend must be"),
        (lambda: ft.MetaspaceSplit(split_words=1), TypeError, "split_words must be True or False"),
        (lambda: ft.Prepend("a", unless_present=0), TypeError, "unless_present must be"),
        (lambda: ft.get_pretokenizer("split_length"), ValueError, "no pretokenizer is named"),
    ],
)
def test_options_are_checked(make, error, message):
    with pytest.raises(error, match=message):
        make()
