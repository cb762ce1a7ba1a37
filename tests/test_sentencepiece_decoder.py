"""The decoder "sentencepiece", compared with a naive one and with sentencepiece, in batches and streams."""

from __future__ import annotations

import base64
import itertools
import random

import numpy as np
import pytest
import sentencepiece

import fasttok as ft
from fasttok.decoders.sentencepiece import SentencePiece
from fasttok.decoders.text import TextDecoder
from fasttok.text.normalizers.charsmap import CharsMapNormalizer
from tests import decoder_oracles as oracles
from tests.sentencepiece_file import BYTE, CONTROL, NORMAL, UNKNOWN, UNUSED, USER_DEFINED, write_model
from tests.test_decoders import check_all_ways

RULES = {"a": "b", "ab": "  ", " b": "", "é": "e\u0301", "東": "xy▁z", "\ufffd": "?", "c c": " c"}
SPACES = ("add_dummy_prefix", "remove_extra_whitespaces", "escape_whitespaces")


def make_pieces(seed: int, byte_fallback: bool = True) -> list[tuple[str, int]]:
    """Return distinct pieces of all types, in random order."""
    rng = random.Random(seed)
    parts = ["▁", "a", "b", "c", " ", "é", "東", "\ufffd", "<0x41>", "\u2047"]
    texts = {"▁", "▁▁", "▁a", "▁ ", " ", "a▁", "a", "b", "\ufffd", "▁b▁", "東", "<0x41"}
    texts |= {"".join(rng.choices(parts, k=rng.randint(1, 4))) for _ in range(30)}
    texts = {text for text in texts if text != "<0x41>"}
    pieces = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL), ("▁ctl", CONTROL)]
    pieces += [(text, rng.choice([NORMAL] * 3 + [USER_DEFINED, UNUSED])) for text in sorted(texts)]
    if byte_fallback:
        pieces += [(f"<0x{byte:02X}>", BYTE) for byte in range(256)]
    rng.shuffle(pieces)
    return pieces


def make_decoder(pieces: list[tuple[str, int]], options: SentencePiece) -> TextDecoder:
    rows = ["" if kind in (UNKNOWN, CONTROL) else text for text, kind in pieces]
    model = ft.UnigramModel(rows, np.zeros(len(rows)), byte_fallback=any(k == BYTE for _, k in pieces))
    added = {text: i for i, (text, kind) in enumerate(pieces) if kind in (UNKNOWN, CONTROL)}
    return TextDecoder(options, model, added, added.values())


def draw_rows(pieces: list[tuple[str, int]], seed: int, n: int = 80) -> list[list[int]]:
    """Return rows of ids. Many begin with ▁ or control tokens, and have bytes that are nearly UTF-8."""
    rng = random.Random(seed)
    ids = {text: i for i, (text, _) in enumerate(pieces)}
    common = [i for i, (_, kind) in enumerate(pieces) if kind != BYTE]
    starts = [ids[text] for text in ("▁", "▁▁", "▁a", "▁ ", " ", "<s>", "<unk>", "▁ctl")]
    rows: list[list[int]] = [[], [ids["▁"]], [ids["<s>"]]]
    for _ in range(n):
        row = rng.choices(starts, k=rng.randint(0, 4))
        for _ in range(rng.randint(0, 4)):
            row += rng.choices(common, k=rng.randint(0, 3))
            if "<0x41>" in ids:
                data = rng.choice(["é", "東", "😀", "\0", "▁", "a", "\ufffd"]).encode() * rng.randint(1, 2)
                data = data[rng.randint(0, 1) :][: rng.randint(1, 8)]
                data += bytes(rng.choices([0x80, 0xC0, 0xC3, 0xE0, 0xED, 0xA0, 0xF4, 0x90, 0xFF], k=1))
                row += [ids[f"<0x{byte:02X}>"] for byte in data[: rng.randint(0, 9)]]
        rows.append(row)
    return rows


def check(
    pieces: list[tuple[str, int]],
    seed: int,
    normalizer: dict[str, bool],
    unk_surface: str | None = None,
    denormalizer: dict[str, bool] | None = None,
    charsmap: bytes = b"",
    suffix: bool = False,
) -> None:
    data = write_model(
        pieces,
        normalizer,
        as_suffix=suffix,
        unk_surface=unk_surface,
        denormalizer=denormalizer,
        denormalizer_charsmap=charsmap,
    )
    peer = sentencepiece.SentencePieceProcessor(model_proto=data)
    on = {} if denormalizer is None else {name: denormalizer.get(name, True) for name in SPACES}
    options = SentencePiece(
        normalizer.get("add_dummy_prefix", True),
        normalizer.get("remove_extra_whitespaces", True),
        unk_surface=" \u2047 " if unk_surface is None else unk_surface,
        control=tuple(text for text, kind in pieces if kind == CONTROL),
        denormalizer=base64.b64encode(charsmap).decode(),
        denormalizer_options=tuple(name for name in SPACES if on.get(name)) if charsmap else (),
    )
    decoder = make_decoder(pieces, options)
    rows = draw_rows(pieces, seed)
    expected = [peer.decode(row) for row in rows]
    check_all_ways(decoder, rows, [text.encode() for text in expected])
    tokens = [[(*pieces[i],) for i in row] for row in rows]
    naive = [
        oracles.sentencepiece(
            [(text, {UNKNOWN: "unk", CONTROL: "control", BYTE: "byte"}.get(kind, "")) for text, kind in row],
            options.add_dummy_prefix,
            options.remove_extra_whitespaces,
            options.unk_surface,
        )
        for row in tokens
    ]
    if not charsmap:
        assert naive == expected


@pytest.mark.parametrize("n", range(4))
@pytest.mark.parametrize("byte_fallback", [True, False])
def test_text_is_that_of_sentencepiece(n, byte_fallback):
    normalizer = {"add_dummy_prefix": bool(n & 1), "remove_extra_whitespaces": bool(n & 2)}
    for seed, unk_surface in enumerate([None, "", "▁u", "x y", "\u2047"]):
        pieces = make_pieces(100 * n + seed, byte_fallback)
        check(pieces, seed, normalizer, unk_surface, suffix=bool(seed & 1))


@pytest.mark.parametrize("values", list(itertools.product([True, False, None], repeat=3)), ids=str)
def test_denormalizer_is_that_of_sentencepiece(values):
    denormalizer = {name: value for name, value in zip(SPACES, values, strict=True) if value is not None}
    charsmap = CharsMapNormalizer.from_rules(RULES).to_bytes()
    normalizer = {"add_dummy_prefix": True, "remove_extra_whitespaces": False}
    check(make_pieces(7), 8, normalizer, None, denormalizer, charsmap)
