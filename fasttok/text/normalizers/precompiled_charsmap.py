"""Compile rewrite rules to charsmaps; read and write sentencepiece's ``precompiled_charsmap``.

The format has three parts, and its numbers are little-endian:

1. the length of the trie in bytes (4 bytes);
2. the units of the trie (a double array), as they are in memory;
3. the replacements, each followed by a byte 0.

A charsmap without rules is empty data.

The trie of a file is used without conversion. So the properties on which walks through the trie rely are
checked once, after reading: no unit leads out of the array, every replacement is within part 3, and both
sides of every rule have at most 256 bytes. If rules are applied to grapheme clusters, walks have at most five
bytes, and only these are checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fasttok.core._trie import Trie, find_stray
from fasttok.core.errors import ModelFormatError
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.text.normalizers._charsmap import CharsMap
from fasttok.text.normalizers._graphemes import GraphemeMap
from fasttok.text.normalizers.sentencepiece_rules import Rules, make_rules
from fasttok.text.unicode import _grapheme_breaks
from fasttok.text.unicode._utf8 import encode_code_points
from fasttok.text.unicode.normal_forms import N_SYLLABLES, N_TRAILING, SYLLABLES

MAX_BYTES = 256  # maximum length of a key, and of a replacement
BLOCK = 1024  # the length of a trie in bytes is a multiple of this
LONGEST_CLUSTER = 5  # a cluster with more bytes is not replaced as a whole
NO_NODE = np.uint32(1 << 31)  # bit of a unit that is a value or unused
HAS_VALUE = np.uint32(1 << 8)  # bit of a unit at which a key ends
# The classes of code points in the order of _graphemes.pyx.
CLASSES = (
    "OTHER", "CONTROL", "EXTEND", "NON_JOINER", "JOINER", "SPACING", "PREPEND", "LEADING", "VOWEL",
    "TRAILING", "SYLLABLE", "CLOSED_SYLLABLE", "PICTOGRAPH", "CONSONANT", "LINKER",
)  # fmt: skip


def compile_named(name: str) -> CharsMap:
    """Return the charsmap of a named normalizer; "identity" has no rules."""
    rules = Rules.empty() if name == "identity" else make_rules(name)
    is_part = rules.keys > 0
    offsets = lengths_to_offsets(is_part.sum(axis=1))
    text = np.empty(4 * offsets[-1], np.uint8)
    text_offsets = np.empty_like(offsets)
    n = encode_code_points(rules.keys[is_part], offsets, text, text_offsets)
    return _compile(Ragged(text[:n], text_offsets), rules.values, rules.replacements)


def compile_charsmap(rules: Mapping[str, str]) -> CharsMap:
    """Return the charsmap of a mapping of texts to their replacements.

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
    return _compile(Ragged.from_bytes(keys), values, replacements)


def _compile(keys: Ragged, values: NDArray[np.int64], replacements: list[str]) -> CharsMap:
    strings = [text.encode() + b"\0" for text in replacements]
    starts = lengths_to_offsets([len(string) for string in strings])
    trie = Trie.build(keys, starts[values].astype(np.int32), share=True)
    return CharsMap(trie, b"".join(strings))


def keep_texts(charsmap: CharsMap, keep: tuple[str, ...], protects: bool) -> CharsMap:
    """Return a charsmap that copies the texts `keep` unchanged.

    `protects` tells whether runs of spaces are written as ▁; see `CharsMapNormalizer`.

    Raises
    ------
    ValueError
        If a text contains U+0000.
    """
    if wrong := [text for text in keep if "\0" in text]:
        raise ValueError(f"keep contains {wrong[0]!r}; a text that is kept must not contain U+0000")
    kept = None
    if keep:
        keys = Ragged.from_bytes(sorted(text.encode() for text in keep))
        kept = Trie.build(keys, np.zeros(len(keys), np.int32))
    firsts = sorted({ord(text[0]) for text in keep})
    return CharsMap(charsmap.trie, charsmap.replacements, kept, firsts, protects)


def write_charsmap(charsmap: CharsMap | GraphemeMap) -> bytes:
    """Return a charsmap in the format of sentencepiece."""
    if isinstance(charsmap, GraphemeMap):
        return charsmap.data
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


def read_grapheme_map(data: bytes) -> GraphemeMap:
    """Read a charsmap that is applied to grapheme clusters.

    Everything that Hugging Face ``tokenizers`` accepts is accepted, except rules that it would fail to apply.
    The trie may have any number of units, rules may have any length, and the last replacement may end with
    the data.

    Raises
    ------
    ModelFormatError
        If the data are damaged or have another format.

    Notes
    -----
    O(n) time and memory for n bytes of data.
    """
    if not data:
        return GraphemeMap(compile_charsmap({}).trie, b"", grapheme_classes(), b"")
    n_bytes = int.from_bytes(data[:4], "little")
    if len(data) < 4 or not 4 <= n_bytes <= len(data) - 4:
        raise _damaged(
            0,
            f"the length of the trie is {n_bytes:,} bytes; it must be at least 4 and fit in the "
            f"{len(data):,} bytes of the data",
        )
    n_units = n_bytes // 4
    replacements = data[4 + 4 * n_units :] + b"\0"
    try:
        replacements.decode()
    except UnicodeDecodeError as error:
        raise _damaged(4 + 4 * n_units + error.start, "a replacement is not UTF-8") from None
    # No walk can leave an array whose length is a multiple of 256; units beyond the end match no byte.
    units = np.full(-(-n_units // 256) * 256, NO_NODE, np.uint32)
    units[:n_units] = np.frombuffer(data, "<u4", n_units, 4)
    if units[0] & NO_NODE:
        raise _damaged(4, "a unit leads out of the trie")
    bases, nodes = _bases(units), np.zeros(1, np.int64)
    text = np.frombuffer(replacements, np.uint8)
    parents = np.arange(len(units)) ^ (units & np.uint32(0xFF))  # the base of each node's parent
    is_node = (units & NO_NODE == 0) & (units & np.uint32(0xFF) > 0)
    for level in range(LONGEST_CLUSTER + 1):  # all nodes that a walk can reach
        stray = nodes[bases[nodes] >= len(units)]
        if len(stray):
            raise _damaged(4 + 4 * int(stray[0]), "a unit leads out of the trie")
        ending = nodes[units[nodes] & HAS_VALUE > 0] if level else nodes[:0]
        values = (units[bases[ending]] & ~NO_NODE).astype(np.int64)
        bad = values >= len(text)
        bad |= text[np.minimum(values, len(text) - 1)] & 0xC0 == 0x80
        if bad.any():
            raise _damaged(4 + 4 * int(ending[bad][0]), "a rule has no valid replacement")
        is_base = np.zeros(len(units), np.bool_)
        is_base[bases[nodes]] = True
        nodes = np.flatnonzero(is_node & is_base[parents])
    return GraphemeMap(Trie(units), replacements, grapheme_classes(), bytes(data))


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


def measure_longest(charsmap: CharsMap | GraphemeMap) -> int:
    """Return the number of bytes of the longest pattern of the rules; 0 if there are none."""
    return _check_depth(charsmap.trie.units)


def _check_depth(units: NDArray[np.uint32]) -> int:
    """Check that no walk from the root is longer than the longest allowed key. This also excludes cycles.

    Return the length of the longest walk.
    """
    bases = _bases(units)
    nodes = np.flatnonzero(units & NO_NODE == 0)
    parents = nodes ^ (units[nodes] & np.uint32(0xFF))  # the base of each node's parent
    level = np.zeros(1, np.int64)
    for depth in range(MAX_BYTES + 1):
        is_base = np.zeros(len(units), np.bool_)
        is_base[bases[level]] = True
        level = nodes[is_base[parents]]
        if not len(level):
            return depth
    raise _damaged(4 + 4 * int(level[0]), f"a rule has more than {MAX_BYTES} bytes")


@cache
def grapheme_classes() -> NDArray[np.uint8]:
    """Return the class of every code point: uint8[0x110000]. Bytes that are not UTF-8 are controls."""
    classes = np.zeros(0x110000, np.uint8)
    for name, table in _grapheme_breaks.CLASSES.items():
        for entry in table.split():
            first, _, last = entry.partition("-")
            classes[int(first, 16) : int(last or first, 16) + 1] = CLASSES.index(name)
    classes[SYLLABLES : SYLLABLES + N_SYLLABLES] = CLASSES.index("CLOSED_SYLLABLE")
    classes[SYLLABLES : SYLLABLES + N_SYLLABLES : N_TRAILING] = CLASSES.index("SYLLABLE")
    classes[0xDC80:0xDD00] = CLASSES.index("CONTROL")
    classes.flags.writeable = False
    return classes
