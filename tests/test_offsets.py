"""Spans of tokens: comparison with the oracle, and properties of spans."""

from __future__ import annotations

import numpy as np
import pytest

import fasttok as ft
from tests import hostile, oracles

END = "<|endoftext|>"
TEXTS = [*hostile.texts(1000, seed=50), *hostile.byte_strings(1000, seed=51), "", b"", bytes(range(256)) * 2]


@pytest.fixture(scope="module", params=[256, 900])
def tokenizer(request):
    """Tokenizer that splits every character into bytes, or one with merges across characters."""
    texts = [*hostile.texts(300, seed=52), *hostile.byte_strings(300, seed=53)]
    trainer = ft.BPETrainer(vocab_size=request.param, special_tokens=[])
    counts = ft.count_pretokens(ft.Corpus.from_texts(texts), "none")
    return ft.Tokenizer(trainer.train(counts)[0], ft.get_pretokenizer("none"), {END: 1000, "é": 1002})


@pytest.mark.parametrize("special", ["none", "all"])
def test_spans_equal_the_oracle(tokenizer, special):
    for text in TEXTS:
        data = text.encode() if isinstance(text, str) else text
        encoding = tokenizer.encode_with_offsets(text, special=special)
        assert encoding.ids.tolist() == tokenizer.encode(text, special=special, as_list=True)
        pieces = [tokenizer.id_to_piece(i) for i in encoding.ids]
        byte_spans, char_spans = oracles.locate(data, pieces)
        assert encoding.byte_spans.tolist() == byte_spans
        assert encoding.char_spans.tolist() == char_spans
        assert [data[start:end] for start, end in byte_spans] == pieces
        assert b"".join(pieces) == data


def test_spans_ascend_and_are_within_the_text(tokenizer):
    text = "".join(hostile.texts(500, seed=54))
    encoding = tokenizer.encode_with_offsets(text)
    for spans, end in ((encoding.byte_spans, len(text.encode())), (encoding.char_spans, len(text))):
        assert spans.dtype == np.int64
        assert spans.shape == (len(encoding.ids), 2)
        assert (spans[0, 0], spans[-1, 1]) == (0, end)
        assert (np.diff(spans, axis=0) >= 0).all()
        assert (spans[:, 0] < spans[:, 1]).all()
    assert (encoding.byte_spans[1:, 0] == encoding.byte_spans[:-1, 1]).all()
    assert (encoding.char_spans[1:, 0] <= encoding.char_spans[:-1, 1]).all()


def test_tokens_with_part_of_a_character_span_the_whole_character():
    tok = ft.train(ft.Corpus.from_texts(["x"]), vocab_size=256)
    encoding = tok.encode_with_offsets("a😀é")
    assert encoding.char_spans.tolist() == [[0, 1], *[[1, 2]] * 4, *[[2, 3]] * 2]
    # Each byte that is not valid UTF-8 is one code point, even at the start of an incomplete character.
    encoding = tok.encode_with_offsets(b"\xf0\x9f\x98a\xff\xc3\xa9")
    assert encoding.char_spans.tolist() == [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 6], [5, 6]]


def test_spans_of_special_tokens(tok):
    text = f"naïve{END}東京{END}"
    encoding = tok.encode_with_offsets(text, special={END})
    positions = np.flatnonzero(encoding.ids == tok.special_tokens[END])
    assert [text[a:b] for a, b in encoding.char_spans[positions]] == [END, END]
    with pytest.raises(ft.SpecialTokenError, match="at byte 6"):
        tok.encode_with_offsets(text, special="raise")


def test_invalid_and_empty_texts(tok):
    with pytest.raises(ft.TextError, match="position 1"):
        tok.encode_with_offsets("a\ud800")
    with pytest.raises(TypeError, match="must be str or bytes, not list"):
        tok.encode_with_offsets(["a"])
    empty = tok.encode_with_offsets("")
    assert (empty.ids.shape, empty.byte_spans.shape, empty.char_spans.shape) == ((0,), (0, 2), (0, 2))
