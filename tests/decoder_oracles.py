"""Reference implementations of decoders, written for clarity and independent of fasttok.

A token is a pair of its bytes and whether it is an added token. Only the standard library is used.
"""

from __future__ import annotations

import re
from itertools import groupby

Token = tuple[bytes, bool]
MARK = "▁".encode()


def byte_fallback(tokens: list[Token]) -> list[Token]:
    """Return runs of byte pieces as one token, or as one U+FFFD per byte if they are not UTF-8."""
    names = {form % i: i for i in range(256) for form in (b"<0x%02X>", b"<0x%02x>")}
    result: list[Token] = []
    for is_byte, run in groupby(tokens, key=lambda token: token[0] in names):
        if not is_byte:
            # Bytes that are never in UTF-8 may become U+FFFD at once.
            result += [(re.sub(rb"[\xfe\xff]", "\ufffd".encode(), text), added) for text, added in run]
            continue
        data = bytes(names[text] for text, _ in run)
        try:
            data.decode()
            result.append((data, False))
        except UnicodeDecodeError:
            result += [("\ufffd".encode(), False)] * len(data)
    return result


def wordpiece(tokens: list[Token], prefix: str = "##", clean_up: bool = True) -> list[Token]:
    result = []
    for i, (text, added) in enumerate(tokens):
        row = text
        if i:
            row = row[len(prefix.encode()) :] if row.startswith(prefix.encode()) else b" " + row
        if clean_up:
            for mark in (b".", b"?", b"!", b","):
                row = row.replace(b" " + mark, mark)
            row = row.replace(b" ' ", b"'").replace(b" n't", b"n't").replace(b" 'm", b"'m")
            row = row.replace(b" do not", b" don't")
            for rest in (b"'s", b"'ve", b"'re"):
                row = row.replace(b" " + rest, rest)
        result.append((row, added))
    return result


def suffix(tokens: list[Token], suffix: str = "</w>") -> list[Token]:
    space = [b" "] * (len(tokens) - 1) + [b""]
    return [
        (end.join(text.split(suffix.encode())), added)
        for (text, added), end in zip(tokens, space, strict=False)
    ]


def fuse(tokens: list[Token]) -> list[Token]:
    joined = []
    for added, group in groupby(tokens, key=lambda token: token[1]):
        texts = [text for text, _ in group]
        joined += [(text, True) for text in texts] if added else [(b"".join(texts), False)]
    return [token for token in joined if token[0]]


def metaspace(
    tokens: list[Token],
    add_dummy_prefix: bool = True,
    remove_extra_whitespaces: bool = True,
    treat_whitespace_as_suffix: bool = False,
) -> list[Token]:
    # Items are single bytes and added tokens, so a ▁ is three items in a row.
    items: list[Token] = []
    for text, added in tokens:
        items += [(text, True)][: len(text)] if added else [(bytes([byte]), False) for byte in text]
    mark = [(bytes([byte]), False) for byte in MARK]
    if not treat_whitespace_as_suffix:
        n = len(items) if remove_extra_whitespaces else int(add_dummy_prefix)
        while n and items[:3] == mark:
            items, n = items[3:], n - 1
    elif add_dummy_prefix and items[-3:] == mark:
        items = items[:-3]
    result, i = [], 0
    while i < len(items):
        is_mark = items[i : i + 3] == mark
        result.append((b" ", False) if is_mark else items[i])
        i += 3 if is_mark else 1
    return fuse(result)


STEPS = {
    "byte_fallback": byte_fallback,
    "wordpiece": wordpiece,
    "suffix": suffix,
    "fuse": fuse,
    "metaspace": metaspace,
}


def decode(tokens: list[Token], *steps: dict) -> bytes:
    """Apply steps in order. Once a step has joined the tokens, only metaspace tells added tokens apart."""
    is_joined = False
    for step in steps:
        name, options = step["name"], {key: value for key, value in step.items() if key != "name"}
        if is_joined and name not in ("metaspace", "fuse"):
            tokens = [(b"".join(text for text, _ in tokens), False)]
        tokens = STEPS[name](tokens, **options)
        is_joined |= name in ("fuse", "metaspace")
    return b"".join(text for text, _ in tokens)


def decode_words(tokens: list[tuple[bytes, bool, bool]], clean_up: bool = True) -> bytes:
    """Join pieces with spaces between words.

    Each token is a triple: its text, whether it begins a word, and whether it is an added token. An added
    token always begins a word.
    """
    text = b""
    for i, (piece, begins, added) in enumerate(tokens):
        row = b" " + piece if i and (begins or added) else piece
        text += re.sub(rb"^ (?=[.?!,]|n't|'m|'s|'ve|'re)", b"", row) if clean_up and i else row
    return text


def sentencepiece(
    tokens: list[tuple[str, str]], add_dummy_prefix: bool, remove_extra_whitespaces: bool, unk_surface: str
) -> str:
    """Return the text that sentencepiece gives for pieces with their types: unk, control, byte or others."""
    text, was_removed = "", False
    for is_byte, group in groupby(tokens, key=lambda token: token[1] == "byte"):
        if is_byte:
            data = bytes(int(piece[3:5], 16) for piece, _ in group)
            # An invalid byte becomes a surrogate, which is exactly one U+FFFD per byte.
            decoded = data.decode(errors="surrogateescape")
            text += "".join("\ufffd" if 0xDC80 <= ord(c) <= 0xDCFF else c for c in decoded)
            continue
        for piece, kind in group:
            if kind == "control":
                continue
            if kind == "unk":
                text += unk_surface
                continue
            may_remove = remove_extra_whitespaces or (add_dummy_prefix and not was_removed)
            is_removed = not text and may_remove and piece.startswith("▁")
            was_removed |= is_removed
            text += piece[is_removed:].replace("▁", " ")
    return text
