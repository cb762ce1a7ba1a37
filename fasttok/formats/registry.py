"""`load` and `save`: tokenizers from files and to files, in any format."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Sequence
from typing import Any

from fasttok.core.component import allowing_imports
from fasttok.core.errors import ModelExportError, ModelFormatError
from fasttok.formats.base import Format
from fasttok.formats.foreign import describe_foreign
from fasttok.formats.native import NATIVE
from fasttok.formats.tiktoken import TIKTOKEN
from fasttok.formats.vocab_txt import VOCAB_TXT
from fasttok.tokenizer.tokenizer import Tokenizer

# The first format that recognizes a file reads it.
FORMATS: dict[str, Format] = {format.name: format for format in (NATIVE, TIKTOKEN, VOCAB_TXT)}
HEAD = 1 << 10  # bytes that a format is recognized by


def load(path: str | os.PathLike[str], *, allow_import: Sequence[str] = (), **options: Any) -> Tokenizer:
    """Open a tokenizer's file: fasttok's own, a tiktoken rank file, or BERT's ``vocab.txt``.

    The format is recognized by the content.

    Parameters
    ----------
    path : path
        The file.
    allow_import : sequence of str
        Packages from which the file may name components, such as a pretokenizer of your own. They are
        imported, so name only packages that you trust. Components of fasttok are always allowed.
    **options
        For a rank file, ``pretokenizer`` and ``special_tokens``, which it does not hold; see
        `fasttok.formats.tiktoken.load`. For a vocabulary, ``lowercase`` and others; see
        `fasttok.formats.vocab_txt.load`. fasttok's own file takes no options.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ModelFormatError
        If it is damaged, of a format that is not known here, names a component from a package that is not
        allowed, or is given an option of another format.
    TypeError
        If no format has such an option, or `allow_import` is not a sequence of ``str``.
    """
    name = os.fspath(path)
    format = find_format(name)
    if format is None:
        if os.path.isdir(name):
            raise IsADirectoryError(errno.EISDIR, "a folder; name a tokenizer's file in it", name)
        raise ModelFormatError(describe_unknown(name), name)
    _check_options(format, name, options)
    with allowing_imports(allow_import):
        return format.load(name, **options)


def save(tokenizer: Tokenizer, path: str | os.PathLike[str], format: str = "fasttok") -> None:
    """Write a tokenizer to a file, whole or not at all.

    Parameters
    ----------
    tokenizer : Tokenizer
        The tokenizer.
    path : path
        The file.
    format : str
        The name of the format: "fasttok", which holds every tokenizer whole; "tiktoken", for byte-level BPE
        (`fasttok.formats.tiktoken.save`); or "vocab.txt", for WordPiece as in BERT
        (`fasttok.formats.vocab_txt.save`).

    Raises
    ------
    ValueError
        If there is no such format.
    ModelExportError
        If the format cannot be written, or cannot hold the tokenizer; says what it cannot hold.
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
            f"the format {format!r} can only be read; those that can be written are {writable}"
        )
    write(tokenizer, os.fspath(path))


def find_format(path: str) -> Format | None:
    """Return the format of a file or folder, recognized by its content; None if it has none of these.

    Raises
    ------
    OSError
        If the file cannot be opened.
    """
    head = _read_head(path)
    if describe_foreign(head):
        return None
    return next((format for format in FORMATS.values() if format.sniff(head, path)), None)


def describe_unknown(path: str) -> str:
    """Return what a file without a format is, as far as is known."""
    found = describe_foreign(_read_head(path))
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
        raise TypeError(f"{format.description} takes no options, but there are {names}")
    takes = f"which takes {', '.join(format.options)}, but not {names}"
    others = formats_with(options)
    if not others:
        raise TypeError(f"{path}: {format.description}, {takes}")
    # The file may be damaged, so that it is taken for another format than the caller's.
    meant = " or ".join(other.description for other in others)
    raise ModelFormatError(f"looks like {format.description}, {takes}; {meant} does", path)


def _read_head(path: str) -> bytes:
    if os.path.isdir(path):
        return b""
    with open(path, "rb") as file:
        return file.read(HEAD)
