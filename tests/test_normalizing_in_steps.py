"""`Strip`, `Prepend` and sequences of normalizers."""

from __future__ import annotations

import json
import pickle
import random

import numpy as np
import pytest
from tokenizers import normalizers

import fasttok as ft
from fasttok.text.normalizers.registry import NAMES
from fasttok.text.normalizers.sequence import SequenceNormalizer
from fasttok.text.rows import Rows
from tests import hostile
from tests.peer_normalizers import check_located
from tests.pipelines import rows_of

WHITE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
STEPS = [
    ft.Strip(),
    ft.Strip(left=False),
    ft.Replace("a", "bb"),
    ft.Prepend("▁"),
    ft.BertNormalizer(strip_accents=False),
    ft.get_normalizer("nfkd"),
    ft.get_normalizer("nmt_nfkc"),
]


def texts(seed: int) -> list[str]:
    rng = random.Random(seed)
    parts = [*WHITE, "a", "b", "É", "中", "x y", "\x00", "e\u0301"]
    return [
        "",
        " ",
        *hostile.texts(500, seed),
        *("".join(rng.choices(parts, k=rng.randint(0, 9))) for _ in range(2000)),
    ]


def rewrite(normalizer: ft.Normalizer, rows: list[bytes], **options: object) -> list[bytes]:
    return normalizer.rewrite(rows_of(ft.Ragged.from_bytes(rows), **options)).documents.to_bytes()


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("right", [False, True])
def test_strip(left, right):
    peer = normalizers.Strip(left, right)
    for text in texts(220):
        expected = text.lstrip(WHITE) if left else text
        expected = expected.rstrip(WHITE) if right else expected
        assert ft.Strip(left, right).normalize(text) == expected == peer.normalize_str(text)


def test_strip_only_at_the_ends_of_documents():
    rows = [b" a ", b" b ", b"  ", b" c "]
    begins, ends = np.array([True, False, True, False]), np.array([False, True, False, True])
    assert rewrite(ft.Strip(), rows, begins=begins, ends=ends) == [b"a ", b" b", b"", b" c"]
    documents = ft.Ragged.from_bytes([b"x", *rows])
    part = ft.Ragged(documents.values, documents.offsets[1:])
    rewritten = ft.Strip().rewrite(rows_of(part, begins=begins, ends=ends, aligned=True))
    assert rewritten.raw_spans[:, 0].tolist() == [2, 3, 4, 5, 9, 10]
    assert rewritten.raw_spans[:, 1].tolist() == [3, 4, 5, 6, 10, 11]
    same = ft.Ragged.from_bytes([b"a b", b""])
    assert ft.Strip().rewrite(Rows.of(same)).documents is same


def test_prepend():
    peer = normalizers.Prepend("<é>")
    for text in texts(223):
        assert ft.Prepend("<é>").normalize(text) == peer.normalize_str(text) == ("<é>" + text if text else "")
    rows, begins = [b"", b"ab", b"c", b""], np.array([True, True, False, False])
    documents = ft.Ragged.from_bytes([b"x", *rows])
    part = ft.Ragged(documents.values, documents.offsets[1:])
    rewritten = ft.Prepend("__").rewrite(rows_of(part, begins=begins, aligned=True))
    assert rewritten.documents.to_bytes() == [b"", b"__ab", b"c", b""]
    assert rewritten.raw_spans.tolist() == [[1, 2], [1, 2], [1, 2], [2, 3], [3, 4]]
    assert rewrite(ft.Prepend("__"), rows) == [b"", b"__ab", b"__c", b""]
    present = [b"__a", b"_", b"_a", b"__", b"a__", b""]
    expected = [b"__a", b"___", b"___a", b"__", b"__a__", b""]
    assert rewrite(ft.Prepend("__", unless_present=True), present) == expected


def test_the_offsets_of_prepended_text_are_those_of_tokenizers():
    check_located(ft.Prepend("<é>", scope="segment"), normalizers.Prepend("<é>"), texts(226))


def test_a_sequence_runs_its_steps_in_order():
    rng = random.Random(224)
    for text in texts(225)[::5]:
        steps = rng.choices(STEPS, k=rng.randint(2, 4))
        expected = text
        for step in steps:
            expected = step.normalize(expected)
        sequence = ft.get_normalizer(steps)
        rewritten = sequence.rewrite(Rows.of(ft.Ragged.from_bytes([text.encode()]), aligned=True))
        assert rewritten.documents.to_bytes() == [expected.encode()]
        assert rewritten.raw_spans.shape == (len(rewritten.documents.values), 2)
        assert (np.diff(rewritten.raw_spans, axis=0) >= 0).all()
        assert (rewritten.raw_spans[:, 0] <= rewritten.raw_spans[:, 1]).all()
        assert rewritten.raw_spans.max(initial=0) <= len(text.encode())


def test_origins_after_several_steps():
    sequence = ft.get_normalizer([ft.Strip(), ft.Replace("é", "e!"), ft.Prepend("▁"), "nfd", "lowercase"])
    rewritten = sequence.rewrite(Rows.of(ft.Ragged.from_bytes(["  éÀx ".encode()]), aligned=True))
    assert rewritten.documents.to_bytes() == ["▁e!a\u0300x".encode()]
    assert rewritten.raw_spans.tolist() == [*[[2, 4]] * 5, *[[4, 6]] * 3, [6, 7]]


@pytest.mark.parametrize(
    "given", [*NAMES, *STEPS, ["nfd", "strip_accents"], [["nfc"], ft.Replace("a", "")]], ids=str
)
def test_config_round_trip(given):
    normalizer = ft.get_normalizer(given)
    for again in (
        ft.get_normalizer(json.loads(json.dumps(normalizer.config()))),
        pickle.loads(pickle.dumps(normalizer)),  # noqa: S301
        ft.get_normalizer(normalizer),
    ):
        assert again.config() == normalizer.config()
        assert again.normalize(" Éab ﬁ\n") == normalizer.normalize(" Éab ﬁ\n")


def test_nested_sequences_are_flattened():
    assert ft.get_normalizer(["nfc"]) == ft.get_normalizer("nfc")
    nested = ft.get_normalizer(["nfd", ["strip_accents", ("lowercase",)]])
    assert nested == SequenceNormalizer(tuple(map(ft.get_normalizer, ("nfd", "strip_accents", "lowercase"))))
    assert ft.get_normalizer([nested, "strip"]).steps == (*nested.steps, ft.Strip())


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([], ValueError, "from 1 to 100 steps, not 0"),
        (["nfc"] * 101, ValueError, "from 1 to 100 steps, not 101"),
        (["nfc", None], TypeError, "not None"),
        (
            ["nfc", "x"],
            ValueError,
            "no normalizer is named 'x'; the names are .*strip_accents, nmt, bert, byte_level, strip",
        ),
        (
            {"name": "sequence", "steps": [{"name": "sequence", "steps": []}]},
            ValueError,
            "not the configuration",
        ),
        ({"name": []}, ValueError, "not the configuration"),
        ({"name": "replace", "pattern": "a"}, ValueError, "not the configuration.*replacement"),
        ({"name": "replace", "pattern": 1, "replacement": ""}, ValueError, "not the configuration"),
        ({"name": "regex_replace", "pattern": "a"}, ValueError, "not the configuration.*replacement"),
        ({"name": "bert", "lowercase": 1}, ValueError, "lowercase must be True or False, not 1"),
        ({"name": "bert", "more": True}, ValueError, "not the configuration.*more"),
        ({"name": "strip", "left": "no"}, ValueError, "left must be True or False"),
        ({"name": "prepend", "text": 5}, ValueError, "text must be a str, not int"),
        ({"name": "nfc", "more": 1}, ValueError, "not the configuration"),
    ],
)
def test_invalid_arguments(given, error, message):
    with pytest.raises(error, match=message):
        ft.get_normalizer(given)


def test_lone_surrogates_raise():
    with pytest.raises(ft.TextError):
        ft.Prepend("\ud800")
    with pytest.raises(ValueError, match="replacement contains a lone surrogate at position 0"):
        ft.Replace("a", "\ud800")


def test_a_tokenizer_with_steps(tmp_path):
    corpus = ft.Corpus.from_texts(["Déjà vu, it's  1234567 中文 "] * 5)
    steps = [ft.Strip(), ft.Replace("'", "’"), ft.BertNormalizer(handle_chinese_chars=False)]
    tok = ft.train(corpus, normalizer=steps, pretokenizer="bert", vocab_size=270)
    tok.save(tmp_path / "tok.json")
    again = ft.load(tmp_path / "tok.json")
    assert again.normalizer == tok.normalizer
    text = "\tDÉJÀ  vu, IT'S中"
    ids = again.encode(text)
    assert ids.tolist() == tok.encode("deja vu, it’s中").tolist()
    encoding = again.encode_with_offsets(text)
    assert encoding.ids.tolist() == ids.tolist()
    assert encoding.char_spans[0].tolist()[0] == 1
    assert (np.diff(encoding.byte_spans, axis=0) >= 0).all()
    assert encoding.byte_spans.max() <= len(text.encode())
    assert not again.is_lossless
