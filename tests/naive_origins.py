"""Oracle of normalizers: the bytes that they write, each with the span of the raw text that it comes from."""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence

import sentencepiece

from tests import oracles

Origins = list[tuple[int, int]]  # begin and end in the input, per byte
Step = Callable[[bytes], tuple[bytes, Origins]]

WHITE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
NMT_SPACES = "\t\n\f\r\u1680\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u2581\ufeff\ufffd"
NMT_DROPPED = [*range(1, 9), 0xB, *range(0xE, 0x20), 0x7F, 0x8F, 0x9F]
VISIBLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
HIDDEN = [byte for byte in range(256) if byte not in VISIBLE]


def then(steps: Sequence[Step], data: bytes) -> tuple[bytes, Origins]:
    """Apply steps one after the other; return the last text with its origins in the first."""
    origins = [(i, i + 1) for i in range(len(data))]
    for step in steps:
        data, inner = step(data)
        origins = [_origin(origins, start, end) for start, end in inner]
    return data, origins


def _origin(origins: Origins, start: int, end: int) -> tuple[int, int]:
    """Return the origin of a span; that of an empty span is where the origin of the next byte begins."""
    if start < end:
        return origins[start][0], origins[end - 1][1]
    if start == len(origins):
        at = origins[-1][1] if origins else 0
        return at, at
    begin = origins[start][0]
    return begin, max(begin, origins[start - 1][1] if start else 0)


def in_bytes(made: oracles.Made, data: bytes) -> tuple[bytes, Origins]:
    """Return characters as bytes. A byte of a kept character has its own position, others the whole span."""
    n_made = Counter((start, end) for _, start, end in made)
    origins = []
    for c, start, end in made:
        encoded = c.encode(errors="surrogateescape")
        is_kept = data[start:end] == encoded and n_made[start, end] == 1
        origins += [(start + k, start + k + 1) if is_kept else (start, end) for k in range(len(encoded))]
    return "".join(c for c, _, _ in made).encode(errors="surrogateescape"), origins


def _by_character(function: Callable[[str], str]) -> Step:
    """Return a step that replaces each character on its own."""
    return lambda data: in_bytes(
        [(d, start, end) for c, start, end in oracles.code_points(data) for d in function(c)], data
    )


def _nmt(c: str) -> str:
    return "" if ord(c) in NMT_DROPPED else " " if c in NMT_SPACES else c


@functools.cache
def _rules(name: str) -> tuple[dict[str, str], int]:
    """Return the rules of sentencepiece, and the largest number of characters that one of them replaces."""
    if name == "identity":
        return {}, 0
    peer = sentencepiece.SentencePieceNormalizer(
        rule_name=name,
        add_dummy_prefix=False,
        escape_whitespaces=False,
        remove_extra_whitespaces=False,
    )
    rules = dict(peer.Decompile())
    return rules, max(map(len, rules))


def _charsmap(name: str) -> Step:
    def step(data: bytes) -> tuple[bytes, Origins]:
        rules, longest = _rules(name)
        written, begins = oracles.rewrite(rules, data, longest)
        return written, list(itertools.pairwise(begins))

    return step


def _byte_level(data: bytes) -> tuple[bytes, Origins]:
    letters = [chr(byte if byte in VISIBLE else 256 + HIDDEN.index(byte)).encode() for byte in data]
    return b"".join(letters), [(i, i + 1) for i, letter in enumerate(letters) for _ in letter]


def _strip(data: bytes) -> tuple[bytes, Origins]:
    text = data.decode(errors="surrogateescape")
    start = len(text[: len(text) - len(text.lstrip(WHITE))].encode(errors="surrogateescape"))
    written = text.strip(WHITE).encode(errors="surrogateescape")
    start = min(start, len(data) - len(written))
    return written, [(start + i, start + i + 1) for i in range(len(written))]


def prepend(text: str) -> Step:
    """Return a step that inserts a text, which gets the span of the first byte."""
    return lambda data: (
        (text.encode() + data, [(0, 1)] * len(text.encode()) + [(i, i + 1) for i in range(len(data))])
        if data
        else (b"", [])
    )


def replace(pattern: str, replacement: str) -> Step:
    """Return a step that replaces matches, of at least one character, of a regular expression."""

    def step(data: bytes) -> tuple[bytes, Origins]:
        text = data.decode(errors="surrogateescape")
        spans = [(start, end) for _, start, end in oracles.code_points(data)]
        written, origins, done = b"", [], 0
        for match in [*re.finditer(pattern, text), None]:
            start, end = match.span() if match else (len(text), len(text))
            kept = text[done:start].encode(errors="surrogateescape")
            written += kept
            at = spans[done][0] if done < len(spans) else len(data)
            origins += [(at + i, at + i + 1) for i in range(len(kept))]
            if match:
                written += replacement.encode()
                origins += [spans[end - 1]] * len(replacement.encode())
            done = end
        return written, origins

    return step


# The normalizers that have a name.
STEPS: dict[str, Step] = {
    **{name: _charsmap(name.removeprefix("sp_")) for name in ("identity", "sp_nfkc", "nmt_nfkc")},
    **{name: _charsmap(name.removeprefix("sp_")) for name in ("sp_nfkc_cf", "nmt_nfkc_cf")},
    **{
        form: functools.partial(
            lambda form, data: in_bytes(oracles.normal_form(form.upper(), data), data), form
        )
        for form in ("nfc", "nfd", "nfkc", "nfkd")
    },
    "lowercase": _by_character(str.lower),
    "strip_accents": _by_character(lambda c: "" if unicodedata.category(c)[0] == "M" else c),
    "nmt": _by_character(_nmt),
    "bert": lambda data: in_bytes(oracles.bert_text(data, True, True, True, True), data),
    "byte_level": _byte_level,
    "strip": _strip,
}


def to_characters(data: bytes, spans: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return the characters that spans touch, counted from the start of the text.

    An empty span is the character that it is inside of; between two characters, it stays empty.
    """
    owners = [i for i, (_, a, b) in enumerate(oracles.code_points(data)) for _ in range(a, b)]
    n = owners[-1] + 1 if owners else 0
    owners.append(n)
    found = []
    for start, end in spans:
        first = owners[start]
        last = owners[end - 1] + 1 if end else 0
        found.append([first, last if start < end else max(first, last)])
    return found
