"""Rules that split a text, or a stream of chunks, into documents."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasttok.core import _rows
from fasttok.core.checks import checked_choice, checked_instance, checked_word
from fasttok.core.ragged import Ragged


@dataclass(frozen=True)
class DocumentRule:
    """Rule that splits a text into documents.

    Attributes
    ----------
    name : str
        "whole", "line", "paragraph", or "separator " and the separator.
    expression : re.Pattern of bytes or None
        Pattern of the text between two documents; None if the whole text is one document.
    keeps_empty : bool
        Whether empty text between two separators is a document.
    """

    name: str
    expression: re.Pattern[bytes] | None
    keeps_empty: bool = True

    def split(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the documents of a text that is given in chunks."""
        if self.expression is None:
            return iter([b"".join(chunks)])
        return split_stream(chunks, self.expression, keep_empty=self.keeps_empty)


def resolve_rule(document: str, separator: str | bytes | None) -> DocumentRule:
    """Return the rule for the arguments `document` and `separator` of `Corpus`."""
    checked_choice("document", document, "whole", "line", "paragraph")
    if separator is not None:
        kinds = (str, bytes)
        checked_instance("separator", separator, kinds, "a str or bytes")
        if document != "whole":
            raise ValueError("pass document or separator, not both")
        data = checked_word("separator", separator).encode() if isinstance(separator, str) else separator
        if not data:
            raise ValueError("separator must not be empty")
        name = "separator " + data.decode(errors="surrogateescape")
        return DocumentRule(name, re.compile(re.escape(data)))
    if document == "whole":
        return DocumentRule("whole", None)
    if document == "line":
        return DocumentRule("line", re.compile(rb"\r?\n"))
    expression = re.compile(rb"\r?\n(?:[ \t]*\r?\n)+|\r?\n\Z")
    return DocumentRule("paragraph", expression, keeps_empty=False)


def split_lines(chunks: Iterable[NDArray[np.uint8]]) -> Iterator[Ragged]:
    r"""Split a stream of bytes at \n and \r\n like `split_stream`, but many lines at a time. O(n)."""
    begun: list[NDArray[np.uint8]] = []  # parts of the unfinished line
    for chunk in chunks:
        n = chunk.tobytes().rfind(b"\n") + 1
        if n:
            yield Ragged(*_rows.split_lines(np.concatenate([*begun, chunk[:n]])))
            begun.clear()
        begun.append(chunk[n:])
    rest = np.concatenate([np.empty(0, np.uint8), *begun])
    if len(rest):
        yield Ragged(rest, np.array([0, len(rest)], np.int64))


def split_stream(
    chunks: Iterable[bytes], separator: re.Pattern[bytes], *, keep_empty: bool
) -> Iterator[bytes]:
    """Split a stream of bytes at a separator; the result does not depend on the chunks.

    Empty text between two separators is yielded only with `keep_empty`. Empty text after the last separator
    is never yielded. Whether a separator matches, and how far, may depend only on its own bytes and on white
    space that follows it. O(n).
    """
    rest = b""
    unread: list[bytes] = []
    unread_bytes = 0
    for chunk in chunks:
        unread.append(chunk)
        unread_bytes += len(chunk)
        if unread_bytes < len(rest):
            continue  # a rest without a separator is searched again only when twice as long
        rest = b"".join([rest, *unread])
        unread, unread_bytes = [], 0
        certain = len(rest.rstrip())  # a separator that ends after this may continue in the next chunk
        start = 0
        for match in separator.finditer(rest):
            if match.end() >= certain:
                break
            if match.start() > start or keep_empty:
                yield rest[start : match.start()]
            start = match.end()
        rest = rest[start:]
    rest = b"".join([rest, *unread])
    *documents, last = separator.split(rest)
    yield from (text for text in documents if text or keep_empty)
    if last:
        yield last
