"""Compile rewrite rules to charsmaps; read and write sentencepiece's ``precompiled_charsmap``.

The format has three parts, and its numbers are little-endian:

1. the length of the trie in bytes (4 bytes);
2. the units of the trie (a double array), as they are in memory;
3. the replacements, each followed by a byte 0.

A charsmap without rules is empty data.

The trie of a file is used without conversion. So the properties on which walks through the trie rely are
checked once, after reading: no unit leads out of the array, every replacement is within part 3, and both
sides of every rule have at most 256 bytes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fasttok.core._trie import Trie, find_stray
from fasttok.core.errors import ModelFormatError
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.text.normalizers._charsmap import CharsMap
from fasttok.text.normalizers.sentencepiece_rules import Rules, make_rules
from fasttok.text.unicode._utf8 import encode_code_points

MAX_BYTES = 256  # maximum length of a key, and of a replacement
BLOCK = 1024  # the length of a trie in bytes is a multiple of this
NO_NODE = np.uint32(1 << 31)  # bit of a unit that is a value or unused
HAS_VALUE = np.uint32(1 << 8)  # bit of a unit at which a key ends


def compile_named(name: str) -> CharsMap:
    """Return the charsmap of a named normalizer; "identity" has no rules."""
    rules = Rules.empty() if name == "identity" else make_rules(name)
    is_part = rules.keys > 0
    offsets = lengths_to_offsets(is_part.sum(axis=1))
    text = np.empty(4 * offsets[-1], np.uint8)
    text_offsets = np.empty_like(offsets)
    n = encode_code_points(rules.keys[is_part], offsets, text, text_offsets)
    return _compile(Ragged(text[:n], text_offsets), rules.values, rules.replacements)


def compile_charsmap(rules: Mapping[str, str], *, keeps_broken: bool = False) -> CharsMap:
    """Return the charsmap of a mapping of texts to their replacements.

    `keeps_broken` keeps bytes that are not UTF-8; by default they become U+FFFD.

    Raises
    ------
    ValueError
        If a key is empty, or a text is longer than 256 bytes or contains U+0000 or a lone surrogate.
    """
    encoded = {key.encode(): value for key, value in rules.items()}
    for key, value in encoded.items():
        written = value.encode()
        if not key or 0 in key + written or max(len(key), len(written)) > MAX_BYTES:
            raise ValueError(
                f"cannot replace {key!r} by {value!r}: a pattern must have 1 to {MAX_BYTES} bytes of UTF-8, "
                f"a replacement at most {MAX_BYTES}, and neither may contain U+0000"
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
    """Return a charsmap in the format of sentencepiece."""
    if not charsmap.replacements:
        return b""
    units = charsmap.trie.units.astype("<u4").tobytes()
    return len(units).to_bytes(4, "little") + units + charsmap.replacements


def read_charsmap(data: bytes) -> CharsMap:
    """Read a charsmap in the format of sentencepiece.

    Raises
    ------
    ModelFormatError
        If the data are damaged or have another format, or if one side of a rule has more than 256 bytes.

    Notes
    -----
    O(n · length of the longest rule) time for n bytes of data, O(n) memory.
    """
    if not data:
        return compile_charsmap({})
    n_bytes = int.from_bytes(data[:4], "little")
    if not BLOCK <= n_bytes < len(data) - 4 or n_bytes % BLOCK:
        raise _damaged(
            0,
            f"the length of the trie is {n_bytes:,} bytes; it must be a multiple of {BLOCK:,} and fit in the "
            f"{len(data):,} bytes of the data",
        )
    units = np.frombuffer(data, "<u4", n_bytes // 4, 4).astype(np.uint32)
    replacements = data[4 + n_bytes :]
    if replacements[-1] != 0:
        raise _damaged(len(data), "the last replacement does not end with a byte 0")
    try:
        replacements.decode()
    except UnicodeDecodeError as error:
        raise _damaged(4 + n_bytes + error.start, "a replacement is not UTF-8") from None
    stray = 0 if units[0] & NO_NODE else find_stray(units)
    if stray >= 0:
        raise _damaged(4 + 4 * stray, "a unit leads out of the trie")
    _check_values(units, replacements)
    _check_depth(units)
    return CharsMap(Trie(units), replacements)


def _damaged(position: int, message: str) -> ModelFormatError:
    return ModelFormatError(message, "", f"byte {position:,} of the precompiled normalization rules")


def _bases(units: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the base of each unit, from which the indices of its children are computed."""
    shift = (units & np.uint32(0x200)) >> np.uint32(6)
    return np.arange(len(units), dtype=np.uint32) ^ (units >> np.uint32(10)) << shift


def _check_values(units: NDArray[np.uint32], replacements: bytes) -> None:
    """Check that every key has a replacement that begins with a whole character and is not too long."""
    ending = np.flatnonzero(units & (NO_NODE | HAS_VALUE) == HAS_VALUE)
    values = (units[_bases(units)[ending]] & ~NO_NODE).astype(np.int64)
    text = np.frombuffer(replacements, np.uint8)
    ends = np.flatnonzero(text == 0)
    inside = np.minimum(values, len(text) - 1)
    bad = (values >= len(text)) | (text[inside] & 0xC0 == 0x80)
    bad |= ends[np.searchsorted(ends, inside)] - inside > MAX_BYTES
    if bad.any():
        raise _damaged(
            4 + 4 * int(ending[bad][0]), f"a rule has no valid replacement of at most {MAX_BYTES} bytes"
        )


def _check_depth(units: NDArray[np.uint32]) -> None:
    """Check that no walk from the root is longer than the longest allowed key. This also excludes cycles."""
    bases = _bases(units)
    nodes = np.flatnonzero(units & NO_NODE == 0)
    parents = nodes ^ (units[nodes] & np.uint32(0xFF))  # the base of each node's parent
    level = np.zeros(1, np.int64)
    for _ in range(MAX_BYTES + 1):
        is_base = np.zeros(len(units), np.bool_)
        is_base[bases[level]] = True
        level = nodes[is_base[parents]]
        if not len(level):
            return
    raise _damaged(4 + 4 * int(level[0]), f"a rule has more than {MAX_BYTES} bytes")
