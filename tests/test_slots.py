"""Joining the bytes of tokens in one pass, and decoding of long rows, which uses it."""

from __future__ import annotations

import random

import numpy as np
import pytest

import fasttok as ft
from fasttok.decoders import streaming
from fasttok.decoders._slots import Slots


@pytest.mark.parametrize("dtype", [np.uint32, np.int64])
def test_joined_rows(dtype):
    rng = random.Random(3)
    for n in (0, 1, 2, 3, 4, 5, 9, 100, 5000, 20_000):
        lengths = [*range(1, 20), 15, 16, 17, 254, 255, 256, 300]
        tokens = [rng.randbytes(rng.choice(lengths)) for _ in range(50)]
        slots = Slots(*vars(ft.Ragged.from_bytes(tokens)).values())
        few = rng.sample(range(50), 3)
        for choices in (range(50), few):
            ids = [rng.choice(choices) for _ in range(n)]
            expected = b"".join(tokens[i] for i in ids)
            array = np.array(ids, dtype)
            assert slots.join(array, b"", b"") == expected
            assert slots.join(array, b"<s>", b"x" * 200) == b"<s>" + expected + b"x" * 200


def test_rows_that_are_longer_than_the_sample():
    tokens = [b"a", b"bc", b"d" * 100_000, b"e" * 7]
    slots = Slots(*vars(ft.Ragged.from_bytes(tokens)).values())
    ids = [0] * 20_000
    for i in (1, 77, 9999, 19_999):
        ids[i] = 2
    ids[12_000:17_000] = [3] * 5000
    assert slots.join(np.array(ids), b"", b"end") == b"".join(tokens[i] for i in ids) + b"end"


def test_rows_that_do_not_exist_or_are_empty():
    slots = Slots(*vars(ft.Ragged.from_bytes([b"a", b"", b"c" * 30])).values())
    for wrong in (1, 3, -1, 1 << 40, -(1 << 62)):
        for place in (0, 3, 4, 6):
            ids = np.zeros(7, np.int64)
            assert slots.join(ids, b"", b"") == b"a" * 7
            ids[place] = wrong
            assert slots.join(ids, b"", b"") is None
    assert slots.join(np.array([0, 2**32 - 1], np.uint32), b"", b"") is None


@pytest.mark.parametrize(
    "decoder", [None, "wordpiece", "suffix", {"name": "replace", "pattern": "b", "replacement": ""}]
)
def test_long_rows_of_ids(decoder, monkeypatch):
    monkeypatch.setattr(streaming, "SLICE", 3)
    pieces = ["ab", "##c", "a</w>", "b", ".", "東" * 6]
    tok = ft.Tokenizer(ft.WordModel(pieces), "none", {"<s>": 7}, decoder=decoder)
    rng = random.Random(4)
    for _ in range(300):
        ids = [rng.choice([0, 1, 2, 3, 4, 5, 7]) for _ in range(rng.randint(4, 12))]
        rewritten = []
        for i, number in enumerate(ids):
            token = "<s>" if number == 7 else pieces[number]
            if decoder == "wordpiece":
                if i:
                    token = token.removeprefix("##") if token.startswith("##") else " " + token
                token = token.replace(" .", ".")
            elif decoder == "suffix":
                token = token.replace("</w>", " " if i + 1 < len(ids) else "")
            elif decoder:
                token = token.replace("b", "")
            rewritten.append(token)
        assert tok.decode(ids) == "".join(rewritten)
        kept = [i for i in ids if i != 7]
        assert tok.decode(ids, skip_special_tokens=True) == tok.decode(kept)
        for wrong in (6, 8, -1):
            i = rng.randrange(len(ids))
            with pytest.raises(IndexError, match=f"id {wrong} at position {i} "):
                tok.decode([*ids[:i], wrong, *ids[i + 1 :]])
