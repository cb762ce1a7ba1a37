"""`encode_utf8`: the conversion of ``str`` to UTF-8, with options for lone surrogates."""

from __future__ import annotations

from typing import Literal

from fasttok.core.errors import TextError

Errors = Literal["strict", "replace", "surrogatepass"]


def encode_utf8(text: str | bytes, errors: Errors = "strict", document: int | None = None) -> bytes:
    """Return the UTF-8 bytes of a text. Bytes are returned unchanged, valid or not.

    Parameters
    ----------
    text : str or bytes
        Text to encode.
    errors : {"strict", "replace", "surrogatepass"}
        Handling of a lone surrogate: "strict" raises an error, "replace" writes U+FFFD, "surrogatepass"
        writes its three bytes. These are not valid UTF-8, but byte-level models decode them unchanged.
    document : int, optional
        Index of the document, for the error message.

    Raises
    ------
    TextError
        If `errors` is "strict" and the text contains a lone surrogate.
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
    if isinstance(text, bytes):
        return text
    if isinstance(text, (bytearray, memoryview)):
        return bytes(text)
    if not isinstance(text, str):
        raise TypeError(f"a text must be str or bytes, not {type(text).__name__}")
    if errors not in ("strict", "replace", "surrogatepass"):
        raise ValueError(f'errors must be "strict", "replace" or "surrogatepass", not {errors!r}')
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        if errors == "strict":
            raise TextError(text[error.start], error.start, document) from None
    if errors == "surrogatepass":
        return text.encode(errors="surrogatepass")
    # UTF-16 turns a pair of surrogates into one code point, and a lone surrogate into U+FFFD.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
