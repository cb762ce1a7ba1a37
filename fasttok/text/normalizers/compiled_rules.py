"""Precompiled rules: how they are made, and how sentencepiece writes them into its models.

A file's rules are four bytes that say how long the trie is, the trie as it stands in memory, and the
replacements, each with a byte 0 behind it. Numbers are little-endian. No rules at all are no bytes.

A trie that was read is walked as it is. So everything that a walk relies on is checked first, once: that no
unit leads out of the array, that every replacement lies within the text behind it, and that no rule is long
enough to make rewriting slow. A rule takes at most 256 bytes and gives at most as many.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fasttok.core._trie import Trie, find_stray
from fasttok.core.errors import ModelFormatError
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.text.normalizers._charsmap import CharsMap
from fasttok.text.normalizers.named_rules import Rules, make_rules
from fasttok.text.unicode._utf8 import encode_code_points

MAX_BYTES = 256  # of a key, and of a replacement
BLOCK = 1024  # bytes that a trie is a multiple of
NO_NODE = np.uint32(1 << 31)  # a value, or not used
ENDS = np.uint32(1 << 8)


def compile_named(name: str) -> CharsMap:
    """The rules of a named normalizer; "identity" has none."""
    rules = Rules.empty() if name == "identity" else make_rules(name)
    is_part = rules.keys > 0
    offsets = lengths_to_offsets(is_part.sum(axis=1))
    text = np.empty(4 * offsets[-1], np.uint8)
    text_offsets = np.empty_like(offsets)
    n = encode_code_points(rules.keys[is_part], offsets, text, text_offsets)
    return _compile(Ragged(text[:n], text_offsets), rules.values, rules.replacements)


def compile_rules(rules: Mapping[str, str], *, keeps_broken: bool = False) -> CharsMap:
    """Rules from a mapping of text to text; `keeps_broken` leaves bytes that are not UTF-8 as they are.

    Raises
    ------
    ValueError
        If a key is empty, or one of the two is longer than 256 bytes, holds U+0000 or has no UTF-8 form.
    """
    encoded = {key.encode(): value for key, value in rules.items()}
    for key, value in encoded.items():
        written = value.encode()
        if not key or 0 in key + written or max(len(key), len(written)) > MAX_BYTES:
            raise ValueError(
                f"a rule takes from 1 to {MAX_BYTES} bytes of UTF-8 and gives at most as many, no U+0000, "
                f"unlike {key!r}: {value!r}"
            )
    keys = sorted(encoded)
    replacements = sorted(set(encoded.values()))
    index = {text: i for i, text in enumerate(replacements)}
    values = np.array([index[encoded[key]] for key in keys], np.int64)
    return _compile(Ragged.from_bytes(keys), values, replacements, keeps_broken)


def _compile(
    keys: Ragged, values: NDArray[np.int64], replacements: list[str], keeps_broken: bool = False
) -> CharsMap:
    strings = [text.encode() + b"\0" for text in replacements]
    starts = lengths_to_offsets([len(string) for string in strings])
    trie = Trie.build(keys, starts[values].astype(np.int32), share=True)
    return CharsMap(trie, b"".join(strings), keeps_broken)


def write_charsmap(charsmap: CharsMap) -> bytes:
    """The rules as sentencepiece reads them."""
    if not charsmap.replacements:
        return b""
    units = charsmap.trie.units.astype("<u4").tobytes()
    return len(units).to_bytes(4, "little") + units + charsmap.replacements


def read_charsmap(data: bytes) -> CharsMap:
    """Rules as sentencepiece writes them.

    Raises
    ------
    ModelFormatError
        If the bytes are damaged or no rules, or if a rule takes or gives more than 256 bytes.

    Notes
    -----
    O(n) for `n` bytes and the length of the longest rule, with some bytes of memory a byte.
    """
    if not data:
        return compile_rules({})
    n_bytes = int.from_bytes(data[:4], "little")
    if not BLOCK <= n_bytes < len(data) - 4 or n_bytes % BLOCK:
        raise _damaged(0, f"a trie of {n_bytes:,} bytes, in {len(data):,} bytes of rules")
    units = np.frombuffer(data, "<u4", n_bytes // 4, 4).astype(np.uint32)
    replacements = data[4 + n_bytes :]
    if replacements[-1] != 0:
        raise _damaged(len(data), "the last replacement has no end")
    try:
        replacements.decode()
    except UnicodeDecodeError as error:
        raise _damaged(4 + n_bytes + error.start, "a replacement that is not UTF-8") from None
    stray = 0 if units[0] & NO_NODE else find_stray(units)
    if stray >= 0:
        raise _damaged(4 + 4 * stray, "a unit that leads out of the trie")
    _check_values(units, replacements)
    _check_depth(units)
    return CharsMap(Trie(units), replacements)


def _damaged(position: int, message: str) -> ModelFormatError:
    return ModelFormatError(message, "", f"byte {position:,} of the precompiled normalization rules")


def _bases(units: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Where the children of each unit stand."""
    shift = (units & np.uint32(0x200)) >> np.uint32(6)
    return np.arange(len(units), dtype=np.uint32) ^ (units >> np.uint32(10)) << shift


def _check_values(units: NDArray[np.uint32], replacements: bytes) -> None:
    """Every key must stand for a replacement: from a character of it on, and not too long."""
    ending = np.flatnonzero(units & (NO_NODE | ENDS) == ENDS)
    values = (units[_bases(units)[ending]] & ~NO_NODE).astype(np.int64)
    text = np.frombuffer(replacements, np.uint8)
    ends = np.flatnonzero(text == 0)
    inside = np.minimum(values, len(text) - 1)
    bad = (values >= len(text)) | (text[inside] & 0xC0 == 0x80)
    bad |= ends[np.searchsorted(ends, inside)] - inside > MAX_BYTES
    if bad.any():
        raise _damaged(
            4 + 4 * int(ending[bad][0]), f"a rule without a replacement of at most {MAX_BYTES} bytes"
        )


def _check_depth(units: NDArray[np.uint32]) -> None:
    """No walk from the root may go on for longer than a key: neither a long one, nor in a circle."""
    bases = _bases(units)
    nodes = np.flatnonzero(units & NO_NODE == 0)
    parents = nodes ^ (units[nodes] & np.uint32(0xFF))  # where the children of its parents stand
    level = np.zeros(1, np.int64)
    for _ in range(MAX_BYTES + 1):
        is_base = np.zeros(len(units), np.bool_)
        is_base[bases[level]] = True
        level = nodes[is_base[parents]]
        if not len(level):
            return
    raise _damaged(4 + 4 * int(level[0]), f"a rule of more than {MAX_BYTES} bytes")
