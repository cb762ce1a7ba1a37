"""Random texts made of parts that have broken tokenizers."""

from __future__ import annotations

import random

PARTS = [
    "'", "'s", "'S", "'ſ", "'ll", "'LL", "'lL", "'ve", "'rE", "'d", "'t", "'x", "’s",
    " ", "  ", "   ", "\n",
    "\r", "\r\n", "\n\n", "\t", " \n", "\n ", "\u00a0", "\u3000", "\u2028", "\x85", "\x1c", "a", "b", "Z",
    "word", "Ünïcode", "ß", "ſ", "é", "e\u0301", "東京", "日本語", "ภาษาไทย", "ສະບາຍດີ", "العربية",
    "עִבְרִית",
    "हिन्दी", "རྫོང་ཁ", "ខ្មែរ", "한국어", "русский", "0", "12", "123", "1234", "١٢٣", "½", "Ⅷ", "²", ".", "...",
    "?!", "(", "):", "_", "__init__", "+=", "$", "€", "😀", "👨‍👩‍👧", "🇩🇪", "👍🏽", "\u200d", "\ufeff",
    "\ufffd",
    "\x00", "\x7f", "<|endoftext|>", "<0x41>", "▁", "\u0345", "\u0300" * 5, "ǅ", "ʰ", "ª", "\U000e0001",
]  # fmt: skip
BROKEN = [
    b"\xff", b"\x80", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf5\x80\x80\x80"
]  # fmt: skip


def texts(n: int, seed: int = 0) -> list[str]:
    """Return `n` valid texts of random parts."""
    rng = random.Random(seed)
    return ["".join(rng.choices(PARTS, k=rng.randint(0, 12))) for _ in range(n)]


def byte_strings(n: int, seed: int = 0) -> list[bytes]:
    """Return `n` byte strings of random parts, including bytes that are not UTF-8."""
    rng = random.Random(seed)
    parts = [part.encode() for part in PARTS] + 8 * BROKEN
    return [b"".join(rng.choices(parts, k=rng.randint(0, 12))) for _ in range(n)]
