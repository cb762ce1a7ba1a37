"""Splitting of whole texts before runs of a mark, compared with encoding them whole."""

from __future__ import annotations

import json
import random
import re

import numpy as np
import pytest
import tokenizers

import fasttok as ft
from fasttok.formats.huggingface.numbers import read_float
from fasttok.models.bpe.splitting import find_splitting
from fasttok.text.pretokenizers.metaspace import MarkRuns
from tests import huggingface_models as theirs
from tests.conftest import FUZZ
from tests.huggingface_models import load, read

N_MODELS = 60 * FUZZ


@pytest.mark.parametrize("mark", ["▁", " ", "a", "é", "😀"])
def test_mark_runs_equals_a_regular_expression(mark):
    rng = random.Random(7)
    pattern = re.compile(f"(?<!{mark})(?={mark})")
    pretokenizer = MarkRuns(mark)
    assert pretokenizer == ft.get_pretokenizer({"name": "mark_runs", "mark": mark})
    for length in [*range(80), *rng.choices(range(3000), k=30)]:
        weights = rng.choice([(1, 1, 1, 1), (20, 1, 1, 1), (1, 5, 5, 1)])
        text = "".join(rng.choices([mark, "x", "\u2580", "\u2582"], weights, k=length))
        expected = [part for part in pattern.split(text) if part]
        assert [part.decode() for part in pretokenizer.split_text(text)] == expected
        # Several rows: the mark before a row does not count.
        rows = ft.Ragged.from_bytes([text.encode(), (mark + text).encode()])
        boundaries = pretokenizer.split(rows).tolist()
        assert len(text.encode()) in boundaries
    assert pretokenizer.split_text(b"\xe2\x96" + mark.encode() + b"\xe2\x96")[0] == b"\xe2\x96"


def test_invalid_marks():
    for mark in ("", "ab", "\ud800"):
        with pytest.raises(ValueError, match="mark"):
            MarkRuns(mark)
    with pytest.raises(TypeError, match="mark must be a str"):
        MarkRuns(b"a")


def with_marks(rng):
    """Return a random model, most of whose merges join no mark to other text before it."""
    fields, letters = theirs.random_bpe(rng)
    letters += "▁"
    pool = [name for name in {*letters, *fields["vocab"]} if name and len(name) < 9]
    names, merges = (
        {*fields["vocab"], *letters},
        [pair.split(" ") if isinstance(pair, str) else pair for pair in fields["merges"]],
    )
    for _ in range(30):
        left, right = rng.choice(pool), rng.choice(pool)
        joins = right.startswith("▁") and not left.endswith("▁")
        if not joins or rng.random() < 0.01:
            merges.append([left, right])
            pool.append(left + right)
            names.add(left + right)
    more = {"continuing_subword_prefix": None, "end_of_word_suffix": None}
    if rng.random() < 0.8:
        more["ignore_merges"] = False
    merges = [pair for pair in merges if "".join(pair) in names]
    return fields | more | {"merges": merges, "vocab": theirs.numbered(rng, names)}, letters


def test_splitting_random_models_changes_no_ids():
    n_split = 0
    for seed in range(3 * N_MODELS):
        rng = random.Random(seed)
        fields, letters = with_marks(rng)
        model = read(fields).model
        splitting = find_splitting(model)
        vocab, unk = fields["vocab"], fields["unk_token"]
        joins = any(b.startswith("▁") and not a.endswith("▁") for a, b in fields["merges"])
        drops = unk is None and not (fields["byte_fallback"] and set(theirs.BYTES) <= vocab.keys())
        is_known = unk is None or not (unk in vocab and unk.endswith("▁"))
        assert (splitting == MarkRuns()) == (
            not joins and not drops and is_known and not fields["ignore_merges"]
        )
        if splitting is None:
            continue
        n_split += 1
        reference = load(fields)
        tok, whole = (ft.Tokenizer(model, step) for step in (splitting, "none"))
        for _ in range(25):
            text = "".join(rng.choices([*letters, "▁", "x", "日", "é"], k=rng.randint(0, 90)))
            try:
                expected = reference.encode(text).ids
            except Exception:
                for one in (tok, whole):
                    with pytest.raises(ft.UnknownCharacterError):
                        one.encode(text)
                continue
            assert tok.encode(text).tolist() == whole.encode(text).tolist() == expected, (seed, text)
            spans = tok.encode_with_offsets(text).byte_spans.tolist()
            assert spans == whole.encode_with_offsets(text).byte_spans.tolist()
    assert n_split > N_MODELS / 2


def test_models_that_are_not_split():
    pieces = ["▁", "a", "▁a", "a▁", " ", " a"]
    alphabet = ft.Characters(unk_id=90)
    assert find_splitting(ft.BPEModel(pieces, [[0, 1], [4, 1]], alphabet=alphabet)) == MarkRuns("▁")
    assert find_splitting(ft.BPEModel(pieces, [[1, 0], [4, 1]], alphabet=alphabet)) == MarkRuns(" ")
    assert find_splitting(ft.BPEModel(pieces[:3], [[0, 1]], alphabet=alphabet)) == MarkRuns("▁")
    assert find_splitting(ft.BPEModel(pieces[1:4], [], alphabet=alphabet)) is None
    for options in ({"end_of_word_suffix": "a"}, {"continuing_subword_prefix": "a"}, {"drop_unk": True}):
        model = ft.BPEModel(["▁", "b"], [], alphabet=ft.Characters(**options))
        assert find_splitting(model) is None
    assert find_splitting(ft.BPEModel(pieces, [[0, 1]], alphabet=alphabet, ignore_merges=True)) is None
    bytes_model = ft.BPEModel([bytes([byte]) for byte in range(256)], [])
    assert find_splitting(bytes_model) is None
    assert find_splitting(ft.WordModel(["▁"])) is None
    # The unknown token ends with the mark, and merges with it.
    named = ft.Characters(unk_id=0, compat="huggingface")
    model = ft.BPEModel(["x▁", "▁", "x▁▁"], [[0, 1]], alphabet=named)
    assert find_splitting(model) is None
    assert ft.Tokenizer(model, "none").encode("q▁").tolist() == [2]


@pytest.fixture(scope="module")
def llama(shared):
    path = shared / "tokenizers/huggingface/lenml_llama2/tokenizer.json"
    fields = json.loads(path.read_text(), parse_float=read_float)
    model = read(fields["model"], path.stat().st_size).model
    return model, tokenizers.Tokenizer.from_file(str(path))


def tokenizer_of(model, pretokenizer):
    special = {"<unk>": 0, "<s>": 1, "</s>": 2}
    return ft.Tokenizer(model, pretokenizer, special, normalizer=[ft.Prepend("▁"), ft.Replace(" ", "▁")])


def test_llama_2_on_real_text(llama, shared):
    model, reference = llama
    splitting = find_splitting(model)
    assert splitting == MarkRuns("▁")
    tok = tokenizer_of(model, splitting)
    for name in ("languages/de.txt", "code/go.txt"):
        text = (shared / "data" / name).read_text()
        lines = [*text.splitlines()[:200], text[:30_000], "▁ ▁▁ a  b   c", "日本 <s>", "  ", ""]
        for line, row in zip(lines, tok.encode_batch(lines, special="all").to_list(), strict=True):
            assert row == reference.encode(line, add_special_tokens=False).ids


def test_a_megabyte_split_and_whole(llama, english):
    model, _ = llama
    text = english[: 1 << 20]
    split, whole = (tokenizer_of(model, step).encode(text) for step in (find_splitting(model), "none"))
    assert np.array_equal(split, whole)


@pytest.mark.timeout(60)
def test_a_megabyte_without_marks(llama):
    model, _ = llama
    tok = tokenizer_of(model, find_splitting(model))
    for text in ("a" * (1 << 20), "日本語" * (1 << 18), " " * (1 << 20), "ab" * (1 << 19)):
        assert tok.decode_bytes(tok.encode(text))[3:].decode().replace("▁", " ") == text
