"""`load` and `save`: read and write tokenizers in any format."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Sequence
from typing import Any

from fasttok.core.component import allowing_imports
from fasttok.core.errors import ModelExportError, ModelFormatError
from fasttok.formats.base import Format
from fasttok.formats.native import NATIVE
from fasttok.formats.tiktoken import TIKTOKEN
from fasttok.formats.unsupported import describe_unsupported
from fasttok.formats.vocab_txt import VOCAB_TXT
from fasttok.tokenizer.tokenizer import Tokenizer

# The formats by name. A file is read by the first format that recognizes it, so the order matters.
FORMATS: dict[str, Format] = {format.name: format for format in (NATIVE, TIKTOKEN, VOCAB_TXT)}
HEAD = 1 << 10  # number of bytes at the start of a file from which its format is recognized


def load(path: str | os.PathLike[str], *, allow_import: Sequence[str] = (), **options: Any) -> Tokenizer:
    """Load a tokenizer from a file: a fasttok file, a tiktoken rank file or a BERT ``vocab.txt``.

    The format is recognized from the content of the file.

    Parameters
    ----------
    path : path
        The file.
    allow_import : sequence of str
        Packages whose components the file may use, such as a custom pretokenizer. Loading imports them, so
        name only packages that you trust. Components of fasttok are always allowed.
    **options
        Settings that the file does not contain. A tiktoken file takes ``pretokenizer`` and
        ``special_tokens``; see `fasttok.formats.tiktoken.load`. A vocab.txt takes ``lowercase`` and others;
        see `fasttok.formats.vocab_txt.load`. A fasttok file takes no options.

    Returns
    -------
    Tokenizer

    Raises
    ------
    OSError
        If the file cannot be opened.
    ModelFormatError
        If the file is damaged or of an unknown format; if it uses a component of a package that is not in
        `allow_import`; or if the format of the file does not take the options but another format does.
    TypeError
        If no format takes these options, options are given for a fasttok file, or `allow_import` is not a
        sequence of ``str``.

    See Also
    --------
    Tokenizer.save : Write a tokenizer to a file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import fasttok as ft
    >>> path = pathlib.Path(tempfile.mkdtemp(), "low.json")
    >>> ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=261).save(path)
    >>> tok = ft.load(path)
    >>> tok.encode("lower lowest")
    array([257, 101, 114, 259, 260], dtype=uint32)
    """
    name = os.fspath(path)
    format = find_format(name)
    if format is None:
        if os.path.isdir(name):
            raise IsADirectoryError(errno.EISDIR, "a folder, not a tokenizer; give the path of a file", name)
        raise ModelFormatError(describe_unknown(name), name)
    _check_options(format, name, options)
    with allowing_imports(allow_import):
        return format.load(name, **options)


def save(tokenizer: Tokenizer, path: str | os.PathLike[str], format: str = "fasttok") -> None:
    """Write a tokenizer to a file.

    The file is written completely or not at all.

    Parameters
    ----------
    tokenizer : Tokenizer
        The tokenizer.
    path : path
        The file.
    format : {"fasttok", "tiktoken", "vocab.txt"}
        Name of the format. "fasttok" can hold every tokenizer. "tiktoken" can hold byte-level BPE; see
        `fasttok.formats.tiktoken.save`. "vocab.txt" can hold WordPiece as in BERT; see
        `fasttok.formats.vocab_txt.save`.

    Raises
    ------
    ValueError
        If `format` is unknown.
    ModelExportError
        If the format can only be read, or cannot hold the tokenizer; the message says why.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import fasttok as ft
    >>> tok = ft.train(ft.PretokenCounts.from_dict({"low": 2}), vocab_size=258)
    >>> path = pathlib.Path(tempfile.mkdtemp(), "low.tiktoken")
    >>> tok.save(path, format="tiktoken")
    >>> path.read_text().splitlines()[-1]
    'bG93 257'
    >>> ft.load(path, pretokenizer="gpt2").encode("low").tolist()
    [257]
    """
    if format not in FORMATS:
        raise ValueError(f"no format is named {format!r}; the names are {', '.join(FORMATS)}")
    write = FORMATS[format].save
    if write is None:
        writable = ", ".join(name for name, other in FORMATS.items() if other.save is not None)
        raise ModelExportError(
            f"the format {format!r} can only be read; the formats that can be written are {writable}"
        )
    write(tokenizer, os.fspath(path))


def find_format(path: str) -> Format | None:
    """Return the format of a file or folder, recognized from its content; None if no format fits.

    Raises
    ------
    OSError
        If the file cannot be opened.
    """
    head = _read_head(path)
    if describe_unsupported(head):
        return None
    return next((format for format in FORMATS.values() if format.sniff(head, path)), None)


def describe_unknown(path: str) -> str:
    """Return a description of a file for which `find_format` returned None."""
    found = describe_unsupported(_read_head(path))
    return found or "neither " + " nor ".join(format.description for format in FORMATS.values())


def formats_with(options: Collection[str]) -> list[Format]:
    """Return the formats whose loaders take all of the options."""
    return [format for format in FORMATS.values() if format.options.keys() >= set(options)]


def _check_options(format: Format, path: str, options: dict[str, Any]) -> None:
    unknown = [name for name in options if name not in format.options]
    if not unknown:
        return
    names = ", ".join(unknown)
    if not format.options:
        raise TypeError(f"{path}: {format.description} takes no options, but was given {names}")
    takes = f"which takes the options {', '.join(format.options)}, but not {names}"
    others = formats_with(options)
    if not others:
        raise TypeError(f"{path}: {format.description}, {takes}")
    # The file may be damaged and therefore mistaken for another format than the one that the caller expects.
    meant = " or ".join(other.description for other in others)
    raise ModelFormatError(f"looks like {format.description}, {takes}; {meant} takes these", path)


def _read_head(path: str) -> bytes:
    if os.path.isdir(path):
        return b""
    with open(path, "rb") as file:
        return file.read(HEAD)
