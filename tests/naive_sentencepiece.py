"""A naive version of sentencepiece's normalization, which imports nothing of fasttok."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def normalize(
    text: bytes,
    rules: Mapping[str, str],
    keep: Collection[str] = (),
    *,
    add_dummy_prefix: bool = True,
    remove_extra_whitespaces: bool = True,
    escape_whitespaces: bool = True,
    as_suffix: bool = False,
) -> tuple[bytes, list[int]]:
    """Return the normalized text, the begin of the origin of each byte, and the end of the last origin."""
    units = list(split_units(text, rules, keep))
    at = 0
    if remove_extra_whitespaces:
        while units and units[0][0] == b" ":
            at = units.pop(0)[1]
    if not units:
        return b"", [at]
    mark = "▁".encode() if escape_whitespaces else b" "
    out: list[tuple[bytes, int]] = []  # characters or bytes that are written, with their origins
    if add_dummy_prefix and not as_suffix:
        out.append((mark, at))
    is_after_space = remove_extra_whitespaces
    for unit, end in units:
        kept = unit.lstrip(b" ") if is_after_space else unit
        for byte in kept:
            out.append((mark if byte == 0x20 else bytes([byte]), at))
        if kept:
            is_after_space = remove_extra_whitespaces and kept.endswith(b" ")
        at = end
    if remove_extra_whitespaces:
        written = b"".join(part for part, _ in out)
        while written.endswith(mark):
            origins = [origin for part, origin in out for _ in part]
            at = origins[len(written) - len(mark)]
            written = written[: -len(mark)]
            out = [(bytes([byte]), origin) for byte, origin in zip(written, origins, strict=False)]
    if add_dummy_prefix and as_suffix:
        out.append((mark, at))
    return b"".join(part for part, _ in out), [*(origin for part, origin in out for _ in part), at]


def split_units(text: bytes, rules: Mapping[str, str], keep: Collection[str]) -> list[tuple[bytes, int]]:
    """Return what is written for each unit of a text, and the end of the unit."""
    units, i = [], 0
    while i < len(text):
        kept = max((len(one.encode()) for one in keep if text.startswith(one.encode(), i)), default=0)
        found = max((key.encode() for key in rules if text.startswith(key.encode(), i)), key=len, default=b"")
        if kept:
            units.append((text[i : i + kept], i + kept))
        elif found:
            units.append((rules[found.decode()].encode(), i + len(found)))
        else:
            character = text[i : i + 4].decode(errors="surrogateescape")[0]
            is_valid = not 0xDC80 <= ord(character) <= 0xDCFF
            size = len(character.encode()) if is_valid else 1
            units.append(((character if is_valid else "\ufffd").encode(), i + size))
        i = units[-1][1]
    return units
