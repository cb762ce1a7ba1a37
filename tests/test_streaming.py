"""Streaming decoding: same text as decoding at once, and never a part of a character."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fasttok as ft
from tests import hostile
from tests.test_fuzz import examples

# Bytes that a UTF-8 decoder treats differently: ASCII, ends of the ranges of continuation bytes, lead bytes.
EDGES = [0x41, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xE2, 0xED, 0xF0, 0xF4, 0xF5, 0xFF]


def stream(tok, parts):
    decoder = ft.StreamDecoder(tok)
    return "".join([*map(decoder.push, parts), decoder.finish()])


def test_all_divisions_of_short_rows_of_edge_bytes(tok):
    for n in range(1, 4):
        for ids in itertools.product(EDGES, repeat=n):
            expected = bytes(ids).decode(errors="replace")
            for cuts in itertools.product([False, True], repeat=n - 1):
                bounds = [0, *(i for i, cut in enumerate(cuts, 1) if cut), n]
                assert stream(tok, [ids[a:b] for a, b in itertools.pairwise(bounds)]) == expected
    for ids in itertools.product(EDGES[1:], repeat=4):
        assert stream(tok, ids) == bytes(ids).decode(errors="replace")


def test_every_pair_of_ids(tok):
    for ids in itertools.product(range(tok.vocab_size), [0x41, 0x80, 0xC3, 0xE6, *range(256, 330, 7), 329]):
        for parts in (ids, ids[::-1]):
            assert stream(tok, parts) == tok.decode(parts)


@examples
@given(
    ids=st.lists(st.one_of(st.integers(0, 329), st.sampled_from(EDGES)), max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=6),
)
def test_any_division_of_random_ids(tok, ids, cuts):
    bounds = [0, *sorted(cuts), len(ids)]
    assert stream(tok, [ids[a:b] for a, b in itertools.pairwise(bounds)]) == tok.decode(ids)


def test_complete_characters_are_returned_immediately(tok):
    for text in hostile.texts(300, seed=42):
        decoder, given_so_far, data = ft.StreamDecoder(tok), "", b""
        for i in tok.encode(text, special="all"):
            given_so_far += decoder.push(i)
            data += tok.id_to_piece(i)
            assert given_so_far == data.decode(errors="ignore")  # all except an incomplete last character
        assert decoder.finish() == ""


def test_push_accepts_ids_in_any_form(tok):
    ids = tok.encode("naïve 東京")
    for parts in (
        ids,
        ids.astype(np.uint16),
        ids.tolist(),
        [ids, [], np.empty(0, np.uint32)],
        [tuple(ids.tolist())],
        [ids[:3].astype(np.int64), ids[3:].tolist()],
    ):
        assert stream(tok, parts) == "naïve 東京"


@pytest.mark.parametrize("bad", [-1, 330, 1 << 70, np.int64(-1), [97, 330], 1.0, True, "a", None, [[97]]])
def test_invalid_ids_do_not_change_the_state(tok, bad):
    decoder = ft.StreamDecoder(tok)
    assert decoder.push([97, 0xC3]) == "a"
    with pytest.raises((IndexError, TypeError)) as here:
        decoder.push(bad)
    with pytest.raises((IndexError, TypeError)) as there:
        tok.decode([bad] if isinstance(bad, (int, np.integer)) else bad)
    assert (here.type, str(here.value)) == (there.type, str(there.value))
    assert decoder.push(0xA9) == "é"


@pytest.mark.parametrize("pretokenizer", ["gpt2", "metaspace", "bert"])
def test_a_long_row_is_decoded_in_slices(pretokenizer, monkeypatch):
    text = "the cat 's hat , that don 't end . 東京 naïve  <s> \n"
    counts = ft.count_pretokens(ft.Corpus.from_texts([text]), pretokenizer)
    model = ft.WordPieceTrainer(vocab_size=44) if pretokenizer == "bert" else ft.BPETrainer(vocab_size=280)
    trained = model.train(counts)
    tok = ft.Tokenizer(trained.model, pretokenizer, trained.special_tokens)
    tok = tok.add_tokens([ft.AddedToken("<s>", special=True), ft.AddedToken(" \u2581")])
    rng = np.random.default_rng(5)
    rows = [tok.encode(text, special="all"), rng.integers(0, tok.vocab_size, 300)]
    for ids, skip, clean_up in itertools.product(rows, (False, True), (False, True)):
        options = {"skip_special_tokens": skip, "clean_up": clean_up}
        expected = tok.decode_bytes(ids, **options)
        assert expected
        for n_ids in (1, 2, 7):
            with monkeypatch.context() as small:
                small.setattr("fasttok.decoders.streaming.SLICE", n_ids)
                assert tok.decode_bytes(ids, **options) == expected
                assert tok.decode(ids, **options) == expected.decode(errors="replace")
                with pytest.raises(IndexError, match=f"id {tok.vocab_size}"):
                    tok.decode_bytes([*ids.tolist(), tok.vocab_size])


def test_memory_for_a_long_row(tok):
    ids = np.tile(tok.encode("the cat and the hat <|end|>", special="all"), 200_000)
    tok.decode_bytes(ids[:9], skip_special_tokens=True)
    for options in ({}, {"skip_special_tokens": True}):
        tracemalloc.start()
        n_bytes = len(tok.decode_bytes(ids, **options))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1.2 * n_bytes + (2 << 20)


def test_decoder_can_be_reused_after_finish(tok):
    decoder = ft.StreamDecoder(tok)
    assert [decoder.push(0xE6), decoder.finish(), decoder.finish()] == ["", "\ufffd", ""]
    assert [decoder.push(0x9D), decoder.push(98), decoder.finish()] == ["\ufffd", "b", ""]
