"""Conversion of ``str`` to UTF-8 and back: `encode_utf8`, `decode_utf8`; positions of code points."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_choice, describe_type
from fasttok.core.errors import TextError
from fasttok.text.unicode._conversion import str_of_utf8, utf8_of_str

Errors = Literal["strict", "replace", "surrogatepass"]
_ERRORS = get_args(Errors)

LONG_BYTES = 1 << 14  # length from which our own conversion to str is faster than Python's


def checked_errors(errors: Errors) -> Errors:
    """Return the argument `errors`, the handling of lone surrogates, if it is known.

    Raises
    ------
    ValueError
        If it is not known.
    """
    if not (type(errors) is str and errors in _ERRORS):
        checked_choice("errors", errors, *_ERRORS)
    return errors


def encode_utf8(
    text: str | bytes, errors: Errors | None = None, document: int | None = None, name: str = "text"
) -> bytes:
    """Return the UTF-8 bytes of a text. Bytes are returned unchanged, valid or not.

    Parameters
    ----------
    text : str or bytes
        Text to encode.
    errors : {"strict", "replace", "surrogatepass"}, optional
        Handling of a lone surrogate: "strict" raises an error, "replace" writes U+FFFD, "surrogatepass"
        writes its three bytes. These are not valid UTF-8, but byte-level models decode them unchanged. By
        default, the error does not advise to pass `errors`: for functions that do not take it.
    document : int, optional
        Index of the document, for the error message.
    name : str
        Name of the argument, for the error message.

    Raises
    ------
    TextError
        If `errors` is "strict" or None, and the text contains a lone surrogate.
    TypeError
        If the text is neither ``str`` nor bytes.
    ValueError
        If `errors` has another value.

    Examples
    --------
    >>> encode_utf8("naïve")
    b'na\\xc3\\xafve'
    >>> encode_utf8("a\\ud800b", errors="replace").decode()
    'a\ufffdb'
    """
    if errors is not None:
        checked_errors(errors)
    if isinstance(text, bytes):
        return text
    if isinstance(text, (bytearray, memoryview)):
        return bytes(text)
    if not isinstance(text, str):
        place = f"a {name}" if document is None else f"{name} {document}"
        raise TypeError(f"{place} must be str or bytes, not {describe_type(text)}")
    if type(text) is str and not text.isascii() and (data := utf8_of_str(text)) is not None:
        return data
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        if errors is None or errors == "strict":
            can_pass = errors is not None
            raise TextError(text[error.start], error.start, document, can_pass) from None
    if errors == "surrogatepass":
        return text.encode(errors="surrogatepass")
    # UTF-16 turns a pair of surrogates into one code point, and a lone surrogate into U+FFFD.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def decode_utf8(data: bytes, errors: Literal["strict", "replace"]) -> str:
    """Return the text of UTF-8 bytes, exactly as ``bytes.decode`` does, and faster for long texts.

    Raises
    ------
    UnicodeDecodeError
        If `errors` is "strict" and the bytes are not valid.

    Examples
    --------
    >>> decode_utf8(b"na\\xc3\\xafve \\xff", errors="replace")
    'naïve \ufffd'
    """
    if type(data) is bytes and len(data) >= LONG_BYTES and not data.isascii():
        text = str_of_utf8(data)
        if text is not None:
            return text
    return data.decode(errors=errors)


def byte_positions(text: str) -> NDArray[np.int64]:
    r"""Return the position of each code point in the UTF-8 of a text, followed by its length: int64[n + 1].

    A byte 0xNN that is not UTF-8 is the code point U+DCNN.

    Examples
    --------
    >>> byte_positions("aé東\udcffb").tolist()
    [0, 1, 3, 6, 7, 8]
    """
    positions = np.zeros(len(text) + 1, np.int64)
    code_points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    lengths = np.searchsorted(np.array([0x80, 0x800, 0x10000]), code_points, side="right") + 1
    lengths[(code_points >= 0xDC80) & (code_points <= 0xDCFF)] = 1
    np.cumsum(lengths, out=positions[1:])
    return positions
