"""From ``str`` to UTF-8 and back: one rule for text that has no UTF-8 form."""

from __future__ import annotations

from typing import Literal

from fasttok.core.errors import TextError

Errors = Literal["strict", "replace", "surrogatepass"]


def encode_utf8(text: str | bytes, errors: Errors = "strict", document: int | None = None) -> bytes:
    """Give the UTF-8 bytes of a text; bytes are taken as they are, valid or not.

    Parameters
    ----------
    text : str or bytes
        The text.
    errors : {"strict", "replace", "surrogatepass"}
        What to do with a lone surrogate: raise, write U+FFFD, or write its three bytes, which are not
        valid UTF-8 and which byte-level models give back unchanged.
    document : int, optional
        The index to name in the error.

    Raises
    ------
    TextError
        At a lone surrogate when `errors` is "strict".

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
    # A pair of surrogates in the string is one code point in UTF-16, a lone one becomes U+FFFD.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()
