"""`ByteLevelNormalizer`: text and offsets, compared with `tokenizers` and with the alphabet."""

from __future__ import annotations

import numpy as np
from tokenizers import normalizers

import fasttok as ft
from fasttok.text.rows import Rows
from tests import hostile
from tests.peer_normalizers import check_located

ALPHABET = {chr(c): c for c in [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]}
ALPHABET |= {chr(256 + i): b for i, b in enumerate(b for b in range(256) if b not in ALPHABET.values())}


def test_text_and_offsets_are_those_of_tokenizers():
    texts = [*hostile.texts(500, seed=300), "", "a", "é", "".join(map(chr, range(1, 0x3000)))]
    check_located(ft.ByteLevelNormalizer(), normalizers.ByteLevel(), texts)


def test_every_byte_is_written_as_one_character():
    texts = [bytes(range(256)), *hostile.byte_strings(300, seed=301), b""]
    whole = ft.Ragged.from_bytes([b"before", *texts, b"after"])
    part = ft.Ragged(whole.values, whole.offsets[1:-1])
    rows = ft.ByteLevelNormalizer().rewrite(Rows.of(part, aligned=True))
    assert ft.ByteLevelNormalizer().rewrite(Rows.of(part)).documents == rows.documents
    for text, written in zip(texts, rows.documents.to_bytes(), strict=True):
        assert bytes(ALPHABET[c] for c in written.decode()) == text
    positions = [6 + i for i, c in enumerate(rows.documents.values.tobytes().decode()) for _ in c.encode()]
    assert rows.raw_spans.tolist() == [[i, i + 1] for i in positions]


def test_it_has_a_name_and_no_options():
    assert ft.get_normalizer("byte_level") == ft.ByteLevelNormalizer()
    assert ft.ByteLevelNormalizer().config() == {"name": "byte_level"}
    twice = np.repeat(np.frombuffer("é".encode(), np.uint8), 2)[::2]
    rows = ft.ByteLevelNormalizer().rewrite(Rows.of(ft.Ragged(twice, np.array([0, 2]))))
    assert rows.documents.to_bytes() == ["Ã©".encode()]
