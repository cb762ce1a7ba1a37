"""`Metaspace` and "script", compared with naive versions, sentencepiece and tokenizers."""

from __future__ import annotations

import io
import itertools
import pickle

import numpy as np
import pytest
import regex
import sentencepiece
from tokenizers import pre_tokenizers

import fasttok as ft
from fasttok.text.pretokenizers import _metaspace
from fasttok.text.rows import Rows
from tests import hostile, oracles, unicode_differences
from tests.pipelines import rows_of

FLAGS = ("add_dummy_prefix", "remove_extra_whitespaces", "treat_whitespace_as_suffix")
OPTIONS = [dict(zip(FLAGS, values, strict=True)) for values in itertools.product([True, False], repeat=3)]
PREFIX_OPTIONS = [options for options in OPTIONS if not options["treat_whitespace_as_suffix"]]
SCRIPTS = ["Latin", "Greek", "Cyrillic", "Arabic", "Hebrew", "Devanagari", "Thai", "Lao", "Khmer", "Tibetan"]
SCRIPTS += ["Hangul", "Inherited"]
SHORT = ["".join(letters) for n in range(7) for letters in itertools.product("a ▁\t", repeat=n)]


def rewrite(step: ft.Metaspace, rows: list[bytes], aligned: bool = True, **options: object) -> Rows:
    return step.primitives[0].rewrite(rows_of(ft.Ragged.from_bytes(rows), aligned=aligned, **options))


# Rewriting


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_rewriting_is_that_of_the_oracle(options):
    step = ft.Metaspace(**options)
    texts = [text.encode() for text in SHORT] + hostile.byte_strings(500, seed=70)
    for text in texts:
        written = rewrite(step, [text])
        expected, origins = oracles.write_marks(text, **options)
        assert written.documents.values.tobytes() == expected
        assert written.raw_spans.tolist() == [list(pair) for pair in itertools.pairwise(origins)]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_rewriting_depends_on_whether_a_row_begins_or_ends_a_document(options):
    step = ft.Metaspace(**options)
    rows = hostile.byte_strings(2000, seed=71)
    rng = np.random.default_rng(0)
    begins, ends = rng.random((2, len(rows))) < 0.5
    written = rewrite(step, rows, begins=begins, ends=ends)
    expected = [
        oracles.write_marks(row, **options, begins=a, ends=b)
        for row, a, b in zip(rows, begins.tolist(), ends.tolist(), strict=True)
    ]
    assert written.documents.to_bytes() == [text for text, _ in expected]
    bounds, starts = written.documents.offsets.tolist(), np.cumsum([0, *map(len, rows)]).tolist()
    for (_, origins), start, (a, b) in zip(expected, starts, itertools.pairwise(bounds), strict=False):
        assert written.raw_spans[a:b, 0].tolist() == [start + i for i in origins[:-1]]
    assert (written.raw_spans[1:, 0] == written.raw_spans[:-1, 1]).all()
    assert (np.diff(written.raw_spans) >= 0).all()
    again = rewrite(step, rows, aligned=False, begins=begins, ends=ends)
    assert again.raw_spans is None
    assert again.documents == written.documents


@pytest.mark.parametrize("options", PREFIX_OPTIONS, ids=str)
def test_rewriting_is_that_of_sentencepiece(options):
    flags = {name: options[name] for name in FLAGS[:2]}
    peer = sentencepiece.SentencePieceNormalizer(rule_name="identity", escape_whitespaces=True, **flags)
    step = ft.Metaspace(**options)
    for text in [*SHORT, *hostile.texts(2000, seed=72)]:
        if not text or "\x00" in text:
            continue
        normalized, origins = peer.normalize(text, with_offsets=True)
        written = rewrite(step, [text.encode()])
        assert written.documents.values.tobytes().decode() == normalized
        # The peer gives one origin per code point, counted in code points. Compare them in bytes.
        positions = np.cumsum([0, *(len(c.encode()) for c in text)]).tolist()
        at = np.cumsum([0, *(len(c.encode()) for c in normalized)])
        if normalized:  # the peer has no valid end for an empty result
            assert written.raw_spans[at[:-1], 0].tolist() == [positions[i] for i in origins[:-1]]
            assert written.raw_spans[-1, 1] == positions[origins[-1]]


def train_peer(texts: list[str], **options: object) -> sentencepiece.SentencePieceProcessor:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        model_type="bpe",
        vocab_size=400,
        normalization_rule_name="identity",
        hard_vocab_limit=False,
        character_coverage=1.0,
        minloglevel=2,
        **options,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_rewriting_is_that_of_a_sentencepiece_model(options):
    peer = train_peer(["a b ab ba"] * 9, **options)
    step = ft.Metaspace(**options)
    for text in [*SHORT, *hostile.texts(500, seed=73)]:
        if text and "\x00" not in text:
            assert rewrite(step, [text.encode()]).documents.values.tobytes().decode() == peer.normalize(text)


# Words and scripts


@pytest.mark.parametrize("as_suffix", [False, True])
def test_words_are_split_at_marks(as_suffix):
    step = ft.Metaspace(False, False, as_suffix)
    texts = hostile.byte_strings(2000, seed=74)
    long = hostile.byte_strings(2000, seed=75)
    texts += [b" ".join(long[start : start + 10]) for start in range(0, 2000, 10)]
    texts += ["▁".encode() * n + b"a" * m for n in range(40) for m in (0, 1, 61, 62, 63, 64, 65, 130)]
    texts += [b"a" * m + "▁".encode() * n for n in range(4) for m in range(130)]
    for text in texts:
        marked, _ = oracles.write_marks(text, False, False)
        assert step.split_text(text) == oracles.split_at_marks(marked, as_suffix)
        documents = ft.Ragged.from_bytes([marked, b"", marked])
        words = oracles.split_at_marks(marked, as_suffix)
        assert np.diff(step.primitives[1].split(documents)).tolist() == 2 * [len(word) for word in words]


def test_marks_become_spaces_in_any_text():
    mark, rng = "▁".encode(), np.random.default_rng(3)
    parts = [mark, mark, mark[:1], mark[:2], mark[1:], b"b", b"a" * 15, b"a" * 16, b"a" * 70]
    for _ in range(5000):
        text = b"".join(parts[i] for i in rng.integers(0, len(parts), rng.integers(0, 12)))
        assert _metaspace.write_spaces(text) == text.replace(mark, b" ")


def test_a_document_is_one_pretoken_without_split_by_whitespace():
    step = ft.Metaspace(split_by_whitespace=False)
    assert step.split_text(" Hello  world ") == ["▁Hello▁world".encode()]
    assert step.split_text("  ") == []


def test_scripts_are_those_of_the_oracle():
    step = ft.get_pretokenizer("script")
    for text in [*hostile.byte_strings(3000, seed=76), "漢ひカー·ｶ".encode()]:
        assert step.split_text(text) == oracles.split_at_scripts(text, SCRIPTS)
    for letters in itertools.product(["a", "α", "1", "\u0301", "▁", "漢", "ー"], repeat=4):
        text = "".join(letters).encode()
        assert step.split_text(text) == oracles.split_at_scripts(text, SCRIPTS)


def test_scripts_are_those_of_tokenizers():
    differing = set(itertools.chain(*(range(a, b + 1) for a, b in unicode_differences.TOKENIZERS_SCRIPTS)))
    step, peer = ft.get_pretokenizer("script"), pre_tokenizers.UnicodeScripts()
    code_points = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000 and c != ord("▁")]
    # Code points that inherit the script before them. The peer splits there.
    inherits = np.ones(len(code_points), np.bool_)
    for before in "a!":
        rows = ft.Ragged.from_bytes([(before + chr(c)).encode() for c in code_points])
        inherits &= np.diff(np.searchsorted(step.split(rows), rows.offsets)) == 1
    known = [
        c for c, skip in zip(code_points, inherits.tolist(), strict=True) if not skip and c not in differing
    ]
    assert 400 < inherits.sum() < 1000
    assert len(known) > 120_000
    for start in range(0, len(known), 512):
        text = "".join(f"a{c}{c}!{c}α" for c in map(chr, known[start : start + 512]))
        assert step.split_text(text) == [part.encode() for part, _ in peer.pre_tokenize_str(text)]


@pytest.mark.parametrize(
    "options", [{}, {"split_digits": True}, {"treat_whitespace_as_suffix": True}], ids=str
)
def test_pieces_of_sentencepiece_are_within_pretokens(options):
    texts = [text for text in hostile.texts(3000, seed=77) if text and not set(text) & set("\x00\n\r\t")]
    peer = train_peer(texts, **options)
    as_suffix = "treat_whitespace_as_suffix" in options
    steps: list[object] = [ft.Metaspace(treat_whitespace_as_suffix=as_suffix), "script"]
    if "split_digits" in options:
        steps.append("digits_single")
    pretokenizer = ft.get_pretokenizer(steps)
    pieces = {peer.id_to_piece(i) for i in range(3, peer.get_piece_size())}
    if "split_digits" in options:  # sentencepiece splits only ASCII and full-width digits
        pieces = {piece for piece in pieces if not regex.search(r"[\p{N}--[0-9]]", piece, regex.V1)}
    # A piece as a text is one pretoken, so it contains no boundary.
    splitter = ft.get_pretokenizer([ft.Metaspace(False, False, as_suffix), *steps[1:]])
    long = [piece for piece in pieces if len(piece) > 1]
    assert len(long) > 100
    assert [piece for piece in long if len(splitter.split_text(piece)) > 1] == []
    # Every frequent pretoken becomes a piece, so no pretoken contains a boundary of the peer.
    again = ["qq 12 é́ и́ 漢カー ..! a1 東京タワー ١٢ русский word", "it's 3.14, ok"]
    trained = train_peer(again * 50, **options)
    known = {trained.id_to_piece(i) for i in range(trained.get_piece_size())}
    for text in again:
        assert {pretoken.decode() for pretoken in pretokenizer.split_text(text)} <= known


def test_names_and_configurations():
    assert ft.get_pretokenizer("metaspace") == ft.Metaspace()
    assert ft.get_pretokenizer("sentencepiece") == ft.get_pretokenizer(["metaspace", "script"])
    assert ft.Metaspace().config() == {"name": "metaspace"}
    for values in itertools.product([True, False], repeat=4):
        step = ft.Metaspace(*values)
        assert ft.get_pretokenizer(step.config()) == step
        assert len(step.config()) == 1 + sum(
            a != b for a, b in zip(values, (True, True, False, True), strict=True)
        )
        assert pickle.loads(pickle.dumps(step)) == step  # noqa: S301
    for config in ({"name": "metaspace", "split": True}, {"name": "script", "x": 1}):
        with pytest.raises(ValueError, match="not the configuration"):
            ft.get_pretokenizer(config)
    with pytest.raises(ValueError, match="add_dummy_prefix must be True or False, not 'no'"):
        ft.get_pretokenizer({"name": "metaspace", "add_dummy_prefix": "no"})


def test_metaspace_after_another_step_rewrites_every_pretoken():
    for steps, words in (
        (["gpt2", "metaspace"], ["▁a", "▁b", "▁c"]),
        (["script", ["metaspace", "script"]], ["▁a", "▁b", "▁c"]),
        (["metaspace", "metaspace"], ["▁", "▁a", "▁", "▁b", "▁", "▁c"]),
        (["whitespace_split", "metaspace"], ["▁a", "▁b", "▁c"]),
    ):
        assert [w.decode() for w in ft.get_pretokenizer(steps).split_text("a b c")] == words, steps
    assert ft.get_pretokenizer(["metaspace", "whitespace_split"]).split_text("a\tb c") == [
        "▁a".encode(), b"b", "▁c".encode()
    ]  # fmt: skip
