"""Normalized text and origins of sentencepiece models: rules, kept texts and spaces, against the library."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import numpy as np
import pytest
import sentencepiece

import fasttok as ft
from fasttok.text.normalizers.charsmap import CharsMapNormalizer
from fasttok.text.pipeline import Pipeline
from fasttok.text.rows import Rows
from tests.naive_sentencepiece import normalize
from tests.sentencepiece_file import NORMAL, UNKNOWN, USER_DEFINED, fields, write_model

SPACES = ("add_dummy_prefix", "remove_extra_whitespaces", "escape_whitespaces")
PARTS = ["a", "b", "c", " ", "  ", "▁", "é", "東", "\x01", "ﬁ", "\xa0", "\n", "😀", "ab"]
Located = list[tuple[bytes, int, int]]  # pieces with their begin and end in bytes


def draw_text(rng: random.Random, most: int = 8) -> str:
    return "".join(rng.choices(PARTS, k=rng.randint(0, most)))


def draw_rules(rng: random.Random) -> dict[str, str]:
    rules = {draw_text(rng, 3): draw_text(rng, 3) for _ in range(rng.choice([0, 0, 1, 3, 6]))}
    return {key: value for key, value in rules.items() if key}


def draw_texts(rng: random.Random, n: int) -> list[bytes]:
    """Return texts, half of them with a byte that is not UTF-8."""
    texts = [b"", b" ", b"  ", "▁".encode()]
    for _ in range(n):
        text = bytearray(draw_text(rng).encode())
        if text and rng.random() < 0.5:
            text[rng.randrange(len(text))] = rng.choice([0x80, 0xFF, 0xE6, 0xC3])
        texts.append(bytes(text))
    return texts


def encode(peer: sentencepiece.SentencePieceProcessor, text: bytes) -> Located:
    found = []
    for field, value in fields(peer.encode(text, return_type="serialized_proto")):
        if field == 2:
            piece = dict(fields(value))
            found.append((piece.get(1, b""), piece.get(4, 0), piece.get(5, 0)))
    return found


@pytest.mark.parametrize("seed", range(120))
def test_text_and_origins_are_those_of_sentencepiece(seed):
    rng = random.Random(seed)
    options = {name: rng.random() < 0.6 for name in SPACES}
    as_suffix = rng.random() < 0.4
    rules = draw_rules(rng)
    keep = tuple(sorted({text for text in (draw_text(rng, 3) for _ in range(rng.choice([0, 0, 3]))) if text}))
    normalizer = replace(CharsMapNormalizer.from_rules(rules), keep=keep)
    if options["remove_extra_whitespaces"] and normalizer.writes_double_spaces:
        normalizer = replace(normalizer, protect_spaces=True)
    step = ft.Metaspace(
        options["add_dummy_prefix"],
        options["remove_extra_whitespaces"],
        as_suffix,
        split_by_whitespace=False,
        escape_whitespaces=options["escape_whitespaces"],
    )
    pipeline = Pipeline(normalizer, step)
    pieces = [("<unk>", UNKNOWN), *((text, USER_DEFINED) for text in keep)]
    pieces += [(c, NORMAL) for c in "abcé▁東" if c not in keep]
    peer = sentencepiece.SentencePieceProcessor(
        model_proto=write_model(pieces, options, as_suffix=as_suffix, charsmap=normalizer.to_bytes())
    )
    texts = draw_texts(rng, 24)
    batch = pipeline.prepare(Rows.of(ft.Ragged.from_bytes(texts))).rows.documents.to_bytes()
    for text, written in zip(texts, batch, strict=True):
        expected, origins = normalize(text, rules, keep, as_suffix=as_suffix, **options)
        located = encode(peer, text)
        assert b"".join(piece for piece, _, _ in located) == expected == written
        bounds = np.cumsum([0, *(len(piece) for piece, _, _ in located)]).tolist()
        spans = [(origins[a], origins[b]) for a, b in itertools.pairwise(bounds)]
        assert [(begin, end) for _, begin, end in located] == spans
        rows = pipeline.prepare(Rows.of(ft.Ragged.from_bytes([text]), aligned=True)).rows
        assert rows.documents.values.tobytes() == expected
        given = np.array([*itertools.pairwise(bounds)], np.int64).reshape(-1, 2)
        assert rows.trace(given, np.array([0, len(given)])).tolist() == [list(span) for span in spans]
