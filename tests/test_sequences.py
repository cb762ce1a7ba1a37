"""Pretokenizers for digits and punctuation, and sequences, compared with naive versions and tokenizers."""

from __future__ import annotations

import itertools
import pickle
import random

import numpy as np
import pytest
import regex
from tokenizers import Regex, pre_tokenizers

import fasttok as ft
from fasttok.text import steps as base
from fasttok.text.pretokenizers import expressions
from fasttok.text.pretokenizers.scanners import PATTERNS
from fasttok.text.pretokenizers.sequence import SequencePretokenizer
from tests import hostile, oracles, unicode_differences

NAMES = list(PATTERNS)
EXPRESSIONS = {**PATTERNS, r"[aeiou]+": r"[aeiou]+"}
PAIRS = list(itertools.product(EXPRESSIONS, repeat=2))


def contexts(differences: tuple[tuple[int, int], ...]) -> list[str]:
    """Return texts with every code point outside `differences`, doubled and between others."""
    skipped = set(itertools.chain(*(range(a, b + 1) for a, b in differences)))
    code_points = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and c not in skipped]
    return [
        "".join(f"a{c}{c} {c}1{c}" for c in code_points[start : start + 1024])
        for start in range(0, len(code_points), 1024)
    ]


def peer(step: pre_tokenizers.PreTokenizer, text: str) -> list[bytes]:
    return [text[a:b].encode() for _, (a, b) in step.pre_tokenize_str(text)]


def isolated(name: str) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Split(Regex(PATTERNS[name].replace(r"\Z", r"\z")), "isolated")


# Digits and punctuation


def test_digits_of_any_script():
    assert ft.get_pretokenizer("digits_single").split_text("a12²x") == [b"a", b"1", b"2", "²".encode(), b"x"]
    assert ft.get_pretokenizer("digits_threes_left").split_text("1234567 12") == [
        b"123", b"456", b"7", b" ", b"12"
    ]  # fmt: skip
    text = "x1٢3٤٥٦7y"
    expected = ["x", "1", "٢3٤", "٥٦7", "y"]
    assert ft.get_pretokenizer("digits_threes_right").split_text(text) == [p.encode() for p in expected]


@pytest.mark.parametrize("n", range(1, 20))
def test_threes_from_the_right_are_groups_of_thousands(n):
    number = "9" * n
    pretokens = ft.get_pretokenizer("digits_threes_right").split_text(f"({number})")
    assert pretokens == [b"(", *f"{int(number):,}".encode().split(b","), b")"]


def test_digits_single_is_that_of_tokenizers():
    step = pre_tokenizers.Digits(individual_digits=True)
    for text in [*contexts(unicode_differences.TOKENIZERS_DIGITS), *hostile.texts(2000, seed=50)]:
        assert ft.get_pretokenizer("digits_single").split_text(text) == peer(step, text)


def test_punctuation_splits_like_bert_and_keeps_white_space():
    is_space = regex.compile(r"\s+").fullmatch
    n_spaces = 0
    for text in [*contexts(unicode_differences.TOKENIZERS_BERT), *hostile.texts(2000, seed=51)]:
        pretokens = ft.get_pretokenizer("punctuation").split_text(text)
        words = [p for p in pretokens if not is_space(p.decode())]
        assert words == ft.get_pretokenizer("bert").split_text(text)
        n_spaces += len(pretokens) - len(words)
    assert n_spaces > 1_000_000


@pytest.mark.parametrize("name", [name for name in NAMES if name != "none"])
def test_the_expressions_split_alike_in_tokenizers(name):
    for text in hostile.texts(1000, seed=52):
        assert ft.get_pretokenizer(name).split_text(text) == peer(isolated(name), text)


# Sequences


@pytest.mark.parametrize("steps", PAIRS, ids="+".join)
def test_two_steps(steps):
    documents = hostile.byte_strings(300, seed=53)
    documents[::20] = [b""] * len(documents[::20])
    pretokenizer = ft.get_pretokenizer(list(steps))
    expected = [p for d in documents for p in oracles.split_in_steps([EXPRESSIONS[s] for s in steps], d)]
    ragged = ft.Ragged.from_bytes(documents)
    boundaries = pretokenizer.split(ragged)
    assert ft.Ragged(ragged.values, boundaries).to_bytes() == expected
    assert set(ragged.offsets.tolist()) <= set(boundaries.tolist())


@pytest.mark.parametrize("slice_length", [1, 2, 3, 7])
def test_slices_of_any_length(monkeypatch, slice_length):
    for module in (base, expressions):
        monkeypatch.setattr(module, "SLICE", slice_length)
    rng = random.Random(54)
    names = [*EXPRESSIONS, "digits_threes_right", "gpt2", "cl100k"]
    for seed in range(150):
        steps = rng.choices(names, k=rng.randint(2, 4))
        documents = [b"", *hostile.byte_strings(rng.randint(0, 6), seed=seed), b""]
        rng.shuffle(documents)
        pretokens = [p for d in documents for p in oracles.split_in_steps([EXPRESSIONS[s] for s in steps], d)]
        ragged = ft.Ragged.from_bytes(documents)
        slices = [part.copy() for part in ft.get_pretokenizer(steps).boundaries(ragged)]
        assert all(a[-1] == b[0] for a, b in itertools.pairwise(slices))
        assert all(len(part) > 1 for part in slices)
        joined = [0, *itertools.chain(*(part[1:].tolist() for part in slices))]
        assert joined == list(itertools.accumulate(map(len, pretokens), initial=0))


def test_documents_may_be_a_part_of_the_values():
    text = np.frombuffer(b"ignored 12345 it's 6789 not read" * 2, np.uint8)[::2]  # not contiguous
    for offsets in ([8, 13, 13, 23], [20, 20], [5]):
        documents = ft.Ragged(text, np.array(offsets, np.int64))
        boundaries = ft.get_pretokenizer(["digits_threes_right", "gpt2"]).split(documents)
        expected = [
            p
            for row in documents
            for p in oracles.split_in_steps(
                [PATTERNS["digits_threes_right"], PATTERNS["gpt2"]], row.tobytes()
            )
        ]
        assert boundaries.tolist() == list(itertools.accumulate(map(len, expected), initial=offsets[0]))


def test_more_pretokens_than_one_slice():
    documents = ft.Ragged.from_bytes([b"12345 " * 50_000, b"", b"a1 " * 50_000])
    boundaries = ft.get_pretokenizer(["gpt2", "digits_threes_right"]).split(documents)
    lengths = [2, 3, *[1, 2, 3] * 49_999, 1, *[1, 1] + [2, 1] * 49_999, 1]
    assert boundaries.tolist() == list(itertools.accumulate(lengths, initial=0))


@pytest.mark.parametrize(
    ("steps", "theirs"),
    [
        (["digits_single", "gpt2"], [pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(False)]),
        (["gpt2", "digits_single"], [isolated("gpt2"), pre_tokenizers.Digits(True)]),
        *(
            ([a, b], [isolated(a), isolated(b), pre_tokenizers.ByteLevel(False, use_regex=False)])
            for a, b in itertools.permutations(
                [
                    "digits_threes_right",
                    "digits_threes_left",
                    "digits_single",
                    "gpt2",
                    "cl100k",
                    "o200k",
                    "punctuation",
                ],
                2,
            )
        ),
        (
            ["digits_threes_left", "punctuation", "qwen2"],
            [isolated("digits_threes_left"), isolated("punctuation"), isolated("qwen2")],
        ),
    ],
    ids=str,
)
def test_sequences_are_those_of_tokenizers(steps, theirs):
    step = pre_tokenizers.Sequence(theirs)
    for text in hostile.texts(400, seed=55):
        assert ft.get_pretokenizer(steps).split_text(text) == peer(step, text)


def test_arguments_of_get_pretokenizer():
    steps = ["digits_single", r"x+", ft.get_pretokenizer("cl100k")]
    pretokenizer = ft.get_pretokenizer(steps)
    assert isinstance(pretokenizer, SequencePretokenizer)
    assert pretokenizer.is_partition
    assert [step.config()["name"] for step in pretokenizer.steps] == ["digits_single", "regex", "cl100k"]
    assert ft.get_pretokenizer(tuple(steps)) == pretokenizer
    assert ft.get_pretokenizer([["digits_single"], [[r"x+"], "cl100k"]]) == pretokenizer
    assert ft.get_pretokenizer([pretokenizer, "none"]).steps == (
        *pretokenizer.steps,
        ft.get_pretokenizer("none"),
    )
    assert ft.get_pretokenizer(pretokenizer.config()) == pretokenizer
    assert pickle.loads(pickle.dumps(pretokenizer)) == pretokenizer  # noqa: S301
    assert len({pretokenizer, ft.get_pretokenizer(steps), ft.get_pretokenizer(steps[:2])}) == 2
    assert ft.get_pretokenizer(["p50k"]) == ft.get_pretokenizer("gpt2")


def test_bad_sequences():
    for empty in ([], (), [[]], {"name": "sequence", "steps": []}):
        with pytest.raises(ValueError, match="from 1 to 100 steps, not 0"):
            ft.get_pretokenizer(empty)
    with pytest.raises(ValueError, match="from 1 to 100 steps, not 101"):
        ft.get_pretokenizer(["none"] * 101)
    assert ft.get_pretokenizer(["none"] * 99 + ["gpt2"]).split_text("a b") == [b"a", b" b"]
    with pytest.raises(ValueError, match="no pretokenizer is named 'gpt3'"):
        ft.get_pretokenizer(["gpt2", "gpt3"])
    with pytest.raises(TypeError, match="not int"):
        ft.get_pretokenizer(["gpt2", 3])
    nested = ft.get_pretokenizer(["gpt2", "punctuation"]).config()
    for steps in ([nested, nested], ["gpt2"], [{}], "gpt2", [{"name": "gpt2", "steps": []}]):
        with pytest.raises(ValueError, match="not the configuration of a pretokenizer"):
            ft.get_pretokenizer({"name": "sequence", "steps": steps})


def test_the_error_for_a_timeout_names_the_pretoken():
    slow = ft.Regex(r"(?:a|a)*c|(?:a?){30}a{30}$", timeout=0.1)
    text = b"a" * 28 + b"b" + b"a" * 40_000 + b"b"
    documents = ft.Ragged.from_bytes([b"b b", b"", b"b b " + text])
    with pytest.raises(
        ft.PatternError, match="code point 0 in the pretoken at byte 3, on document 2"
    ) as caught:
        ft.get_pretokenizer(["gpt2", slow, "punctuation"]).split(documents)
    assert caught.value.document == 2
    corpus = ft.Corpus.from_texts([b"b b", b"", b"b b " + text])
    with pytest.raises(ft.PatternError, match="in the pretoken at byte 3, on document 2"):
        ft.count_pretokens(corpus, ["gpt2", slow], workers=1, batch_bytes=1)


# Counting and tokenizers


@pytest.mark.parametrize(
    "steps", [["digits_threes_right", "gpt2"], ["o200k", "digits_single"], ["punctuation"]]
)
@pytest.mark.parametrize("special", [(), ("<fim1>", "x2"), ("a b", "\n\nx"), ("½ 1", "'s")])
def test_counts_do_not_depend_on_workers_and_batches(tmp_path, steps, special):
    text = "".join(hostile.texts(2000, seed=56)) + "x234 <fim1> a b\n\nx½ 1'sx2" * 50
    path = tmp_path / "a.txt"
    path.write_bytes(text.encode())
    made = [
        ft.count_pretokens(source, steps, split_special=special, workers=workers, batch_bytes=batch_bytes)
        for source in (ft.Corpus.from_files(path, format="text"), ft.Corpus.from_texts([text]))
        for workers, batch_bytes in itertools.product((1, 3), (50, 4096, 1 << 22))
    ]
    assert len({counts.fingerprint() for counts in made}) == 1
    parts = regex.split("|".join(special), text) if special else [text]
    expected = [
        p for part in parts for p in oracles.split_in_steps([PATTERNS[s] for s in steps], part.encode())
    ]
    assert made[0].to_dict() == oracles.count(r"(?s:.+)", expected)


def test_a_file_is_read_in_batches(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("it's 1234567 words\n" * 400)
    for steps in (
        ["digits_threes_right", "gpt2"],
        ["cl100k", "digits_single"],
        "digits_threes_left",
        "punctuation",
    ):
        batches = list(ft.Corpus.from_files(path).batches(ft.get_pretokenizer(steps), 64))
        assert len(batches) > 50


def test_a_special_token_is_not_cut(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("ab<1 2>" * 200)
    for name in ("digits_single", "digits_threes_left", "punctuation"):
        for batch_bytes in (1, 5, 8):
            counts = ft.count_pretokens(
                ft.Corpus.from_files(path), name, split_special=["<1 2>"], batch_bytes=batch_bytes
            )
            assert counts.to_dict() == {b"ab": 200}


def test_a_tokenizer_of_steps(tmp_path):
    corpus = ft.Corpus.from_texts(["it's 1234567, not 7654321 " * 5])
    counts = ft.count_pretokens(corpus, ["digits_threes_right", "gpt2", r"\d\d"])
    assert repr(counts).endswith(r"pretokenizer=['digits_threes_right', 'gpt2', '\\d\\d'])")
    counts.save(tmp_path / "counts.npz")
    assert ft.PretokenCounts.load(tmp_path / "counts.npz") == counts
    tok = ft.train(corpus, pretokenizer=["digits_threes_right", "gpt2"], vocab_size=270)
    tok.save(tmp_path / "tok.json")
    again = ft.load(tmp_path / "tok.json")
    assert again.pretokenizer == tok.pretokenizer
    assert tok.is_lossless
    for text in hostile.texts(300, seed=57):
        ids = again.encode(text)
        assert ids.tolist() == tok.encode(text).tolist()
        assert ids.tolist() == [i for p in tok.pretokenizer.split_text(text) for i in tok.encode(p)]
        assert again.decode(ids) == text
