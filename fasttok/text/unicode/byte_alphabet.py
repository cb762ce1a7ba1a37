"""GPT-2's byte alphabet, which writes each byte as one visible character (Radford et al. 2019, as released).

A byte that is a visible character in Latin-1 is written as that character. The other bytes, in ascending
order, are written as U+0100, U+0101 and so on.
"""

from __future__ import annotations

_VISIBLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_OTHERS = [byte for byte in range(256) if byte not in _VISIBLE]

# All bytes, in the order of their characters.
BYTES_IN_ORDER = (*_VISIBLE, *_OTHERS)
CHARACTER_OF_BYTE = {byte: chr(byte) for byte in _VISIBLE} | {b: chr(256 + i) for i, b in enumerate(_OTHERS)}
BYTE_OF_CHARACTER = {character: byte for byte, character in CHARACTER_OF_BYTE.items()}


def write_bytes(data: bytes) -> str:
    """Return bytes written in the byte alphabet.

    Examples
    --------
    >>> write_bytes(b" low")
    'Ġlow'
    """
    return "".join([CHARACTER_OF_BYTE[byte] for byte in data])


def read_bytes(text: str) -> bytes | None:
    """Return the bytes of a text in the byte alphabet; None if a character is not in it.

    Examples
    --------
    >>> read_bytes("Ġlow"), read_bytes("東")
    (b' low', None)
    """
    try:
        return bytes([BYTE_OF_CHARACTER[character] for character in text])
    except KeyError:
        return None
