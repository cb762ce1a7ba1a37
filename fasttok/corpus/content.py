"""Recognize what the first bytes of a file are: byte order mark, UTF-16, binary formats, JSON."""

from __future__ import annotations

import json
import re
from typing import Literal

from fasttok.core.errors import CorpusError

CHECKED_BYTES = 1 << 16  # bytes at the start of a text that are searched for binary content
MOST_PEEKED = 1 << 26  # longest first record of a pipe, in bytes, that is looked at to find its format
# Byte order marks and the codec of the text after them; the longer mark first.
BYTE_ORDER_MARKS = {
    b"\xff\xfe\0\0": "utf-32-le",
    b"\0\0\xfe\xff": "utf-32-be",
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_TABLE = 'pass format="{0}" to read its {1}'
_UNPACK = "extract its files"
_EXPORT = "export it as plain text"
# First bytes of formats that are not text, a description, and advice. A file is of the format only if bytes
# follow that no text contains, because text can begin with "PK" or "%PDF", too.
_KINDS: list[tuple[bytes, str, str]] = [
    (rb"\x1f\x8b|\xfd7zXZ|\x28\xb5\x2f\xfd|\x04\x22\x4d\x18|BZh[1-9]", "damaged compressed data",
     "copy it again"),
    (rb"PK\x03\x04(?s:.{26})(\[Content_Types\]|(_rels|docProps|word|xl|ppt)/)", "an Office document",
     _EXPORT),
    (rb"PK\x03\x04(?s:.{26})mimetypeapplication/", "an OpenDocument or EPUB file", _EXPORT),
    (rb"PK\x03\x04(?s:.{26})[^\0]{0,99}\.npy", "an archive of NumPy", "open counts with PretokenCounts.load"),
    (rb"PK(\x03\x04|\x05\x06|\x07\x08)", "a zip archive", _UNPACK),
    (rb"(?s:.{257})ustar", "a tar archive", _UNPACK),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (rb"Rar!\x1a\x07", "a RAR archive", _UNPACK),
    (rb"MSCF|xar!|!<arch>\n", "an archive", _UNPACK),
    (rb"\x1f[\x9d\xa0]|LZIP|\x5d\0\0|\xff\x06\0\0sNaPpY|\x02\x21\x4c\x18", "data of another compression",
     "decompress it first"),
    (rb"PAR[1E]", "a Parquet file", _TABLE.format("parquet", "column")),
    (rb"ARROW1|\xff\xff\xff\xff.{2}\0\0\x10\0\0\0", "an Arrow file", _TABLE.format("arrow", "column")),
    (rb"FEA1", "a Feather file of version 1", "convert it to Parquet"),
    (rb"ORC|Obj\x01|\x89HDF|RDX[23]\n|SQLite format 3", "a file of tables", "convert it to Parquet"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document", _EXPORT),
    (rb"%PDF-", "a PDF document", _EXPORT),
    (rb"%!PS", "a PostScript document", _EXPORT),
    (rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|RIFF(?s:.{4})WEBP|II\*\0|MM\0\*|BM(?s:.{4})\0{4}|(?s:.{4})ftyp(avif|heic)",
     "an image", ""),
    (rb"ID3[\x02-\x04]|OggS|fLaC|RIFF(?s:.{4})(WAVE|AVI )|(?s:.{4})ftyp|\x1aE\xdf\xa3", "audio or video", ""),
    (rb"\x93NUMPY", "a NumPy array", ""),
    (rb"\x80[\x02-\x05][\x80-\xff}()\]cXK]", "a Python pickle", ""),
    (rb"GGUF|(?s:.{6})\0\0\{\"", "a file of a model's weights", ""),
    (rb"\x7fELF|MZ|\xfe\xed\xfa[\xce\xcf]|[\xce\xcf]\xfa\xed\xfe|\xca\xfe\xba\xbe|\0asm", "a program", ""),
]  # fmt: skip
_KINDS_COMPILED = [(re.compile(begin), kind, advice) for begin, kind, advice in _KINDS]
# The second line of a PDF document is a comment of bytes that are not ASCII, or its first object follows.
_PDF = re.compile(rb"%PDF-\d\.\d\s*[\r\n]+(%[^\r\n]*[\x80-\xff]{4}|\d+ \d+ obj)")
_AS_IT_IS = 'format="text" to read it as it is'


def find_mark(head: bytes) -> bytes:
    """Return the byte order mark with which the bytes begin; empty if there is none."""
    return next((mark for mark in BYTE_ORDER_MARKS if head.startswith(mark)), b"")


def describe_binary(head: bytes) -> tuple[str, str] | None:
    """Return a description of the binary format with which `head` begins, and advice; None for others.

    Whether the content is binary is another question, which `check_text` answers.
    """
    return next(((kind, advice) for begin, kind, advice in _KINDS_COMPILED if begin.match(head)), None)


def check_text(head: bytes, path: str, start: int = 0) -> None:
    """Raise an error if the first bytes of a text, or some bytes after them, are those of binary data.

    Binary data has NUL bytes, or begins like a binary format and has other control characters. Bytes that
    are not UTF-8 are allowed, as byte-level models take every text.

    Parameters
    ----------
    head : bytes
        Bytes of the text.
    path : str
        Name of the file.
    start : int
        Offset of these bytes in the text.

    Raises
    ------
    CorpusError
        The message gives the offset and the kind of the data.
    """
    kind = describe_binary(head) if start == 0 else None
    nul = head.find(0)
    control = _CONTROL.search(head) if nul < 0 and kind else None
    if nul < 0 and control is None and not _PDF.match(head):
        return
    if kind:
        first = start + _first_binary(head)
        advice = "; ".join(part for part in (kind[1], f"pass {_AS_IT_IS}") if part)
        raise CorpusError(f"not text but {kind[0]}, from byte {first:,} on; {advice}", path)
    place = f"binary content: byte {start + nul:,} is NUL"
    if codec := guess_codec(head):
        raise CorpusError(f'{place}; it looks like {codec[:6].upper()}, so pass encoding="{codec}"', path)
    raise CorpusError(f"{place}; pass encoding=... if it is text, or {_AS_IT_IS}", path)


def find_format(text: bytes, is_all: bool) -> Literal["text", "jsonl", "json"] | None:
    """Return the format of a text whose beginning is known; None if more of it must be known.

    Text is JSON lines if its first line is a whole JSON object. It is JSON if it begins with ``[`` and a
    whole JSON object, or with an object of several lines and nothing or another object after it.

    Parameters
    ----------
    text : bytes
        Beginning of the text.
    is_all : bool
        Whether the text ends there.
    """
    begin = text.lstrip(b" \t\r\n")
    is_array = begin[:1] == b"["
    is_short = re.fullmatch(rb"|(\[\s*)?(\{\s*)?", begin) is not None
    if is_short and not is_all and len(text) < CHECKED_BYTES:
        return None
    if not re.match(rb"(\[\s*)?\{\s*[\"}]", begin):
        return "text"
    if not is_array:
        line, end, _ = begin.partition(b"\n")
        if not end and not is_all and len(text) < MOST_PEEKED:
            return None
        if _is_object(line):
            return "jsonl"
    records = begin.removeprefix(b"[").decode(errors="replace").lstrip()
    try:
        _, n = json.JSONDecoder().raw_decode(records)
    except json.JSONDecodeError as error:
        is_cut = error.pos >= len(records) - 16 or error.msg.startswith("Unterminated string")
        return None if is_cut and not is_all and len(text) < MOST_PEEKED else "text"
    except (ValueError, RecursionError):
        return "text"
    after = records[n:].lstrip()
    if not after and not is_all:
        return None
    return "json" if after[:1] in (("]", ",") if is_array else ("", "{")) else "text"


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _first_binary(head: bytes) -> int:
    """Return the position of the first byte that is a control character or not UTF-8."""
    control = _CONTROL.search(head)
    limit = control.start() if control else len(head)
    try:
        head[:limit].decode()
    except UnicodeDecodeError as error:
        return error.start
    return limit


def guess_codec(head: bytes) -> str | None:
    """Return the codec of UTF-32 or UTF-16 that the positions of NUL bytes suggest, or None."""
    of_four = [head[i::4].count(0) / max(len(head[i::4]), 1) for i in range(4)]
    even, odd = (of_four[0] + of_four[2]) / 2, (of_four[1] + of_four[3]) / 2
    if min(of_four[2:]) > 0.9 and of_four[0] < 0.1:
        return "utf-32-le"
    if min(of_four[:2]) > 0.9 and of_four[3] < 0.1:
        return "utf-32-be"
    if odd > 0.3 and even < 0.1:
        return "utf-16-le"
    if even > 0.3 and odd < 0.1:
        return "utf-16-be"
    return None
