"""`load` and `save`: read and write tokenizers in any format."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Sequence
from fnmatch import fnmatch
from typing import Any

from fasttok.core.checks import checked_names, checked_path, suggest, unknown_name
from fasttok.core.component import allowing_imports
from fasttok.core.errors import ModelExportError, ModelFormatError
from fasttok.formats.base import Format
from fasttok.formats.gpt2 import GPT2, NAMES
from fasttok.formats.huggingface import classes
from fasttok.formats.huggingface.files import HUGGINGFACE
from fasttok.formats.huggingface.folder import CHAT_TEMPLATES, SETTINGS, TOKENIZER
from fasttok.formats.huggingface.folder_tokens import with_config
from fasttok.formats.native import NATIVE
from fasttok.formats.sentencepiece.files import SENTENCEPIECE
from fasttok.formats.sentencepiece.vocab import SENTENCEPIECE_VOCAB
from fasttok.formats.tekken import TEKKEN
from fasttok.formats.tiktoken import TIKTOKEN
from fasttok.formats.unsupported import describe_unsupported
from fasttok.formats.vocab_txt import VOCAB_TXT
from fasttok.tokenizer.tokenizer import Tokenizer

# The formats by name. A folder is read by the first format that recognizes it, and so is a file, but see
# `Format.is_general`.
FORMATS: dict[str, Format] = {
    format.name: format
    for format in (
        NATIVE,
        HUGGINGFACE,
        SENTENCEPIECE,
        SENTENCEPIECE_VOCAB,
        TIKTOKEN,
        GPT2,
        TEKKEN,
        VOCAB_TXT,
    )
}
# File in the folder of a model, by format, for formats that are a single file.
_IN_FOLDER = {TEKKEN.name: "tekken.json", VOCAB_TXT.name: "vocab.txt"}
_IN_FOLDERS = (
    TOKENIZER,
    *(name for names in NAMES for name in names),
    *_IN_FOLDER.values(),
    *SETTINGS,
)
HEAD = 1 << 10  # number of bytes at the start of a file from which its format is recognized


def load(path: str | os.PathLike[str], *, allow_import: Sequence[str] = (), **options: Any) -> Tokenizer:
    """Load a tokenizer from a file or from the folder of a model.

    The formats are: fasttok, Hugging Face (``tokenizer.json``), sentencepiece (``.model``), tiktoken, GPT-2
    (``vocab.json`` and ``merges.txt``), Mistral (``tekken.json``) and BERT (``vocab.txt``). The format of a
    file is recognized from its content. In a folder, the first of these counts: ``tokenizer.json``, the two
    files of GPT-2, ``tekken.json``, ``vocab.txt``.

    Parameters
    ----------
    path : path
        The file, or the folder. For the two files of GPT-2, one of them or their folder.
    allow_import : sequence of str
        Packages whose components the file may use, such as a custom pretokenizer. Loading imports them, so
        name only packages that you trust. Components of fasttok are always allowed.
    **options
        Settings that the file does not contain. A sentencepiece model takes ``self_test``; see
        `fasttok.formats.sentencepiece.files.load`. A .vocab of sentencepiece takes ``model``, ``normalizer``,
        ``control`` and ``user_defined``; see `fasttok.formats.sentencepiece.vocab.load`. A tiktoken file
        takes ``pretokenizer``, ``special_tokens`` and ``encoding``; see `fasttok.formats.tiktoken.load`. The
        files of GPT-2 take ``special_tokens``; see `fasttok.formats.gpt2.load`. A vocab.txt takes
        ``lowercase`` and others; see `fasttok.formats.vocab_txt.load`. The other formats take no options.

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
        If no format takes these options, or `allow_import` is not a sequence of ``str``.

    Notes
    -----
    The settings in the folder of a model belong to the tokenizer: special tokens by role and the chat
    template (`Tokenizer.config`), added tokens, and, for the files of GPT-2 and BERT, the template and the
    options of the normalizer and pretokenizer, as in ``transformers``. They are in ``tokenizer_config.json``,
    ``special_tokens_map.json``, ``added_tokens.json`` and ``chat_template.jinja``.

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
    name = checked_path("path", path)
    packages = checked_names("allow_import", allow_import)
    if not os.path.splitext(name)[1] and not os.path.lexists(name):  # probably the name of a model
        raise FileNotFoundError(errno.ENOENT, "No such file or folder, and fasttok downloads nothing", name)
    format = find_format(name)
    if format is None:
        if os.path.isdir(name):
            raise IsADirectoryError(errno.EISDIR, describe_unknown(name), name)
        raise ModelFormatError(describe_unknown(name), name)
    _check_options(format, name, options)
    with allowing_imports(packages):
        if not os.path.isdir(name) or format is HUGGINGFACE:  # which reads the settings itself
            return format.load(name, **options)
        if not options and (tokenizer := classes.load(format.name, name)):
            return tokenizer
        file = os.path.join(name, _IN_FOLDER[format.name]) if format.name in _IN_FOLDER else name
        return with_config(format.load(file, **options), name)


def save(tokenizer: Tokenizer, path: str | os.PathLike[str], format: str | None = None) -> None:
    """Write a tokenizer to a file.

    The file is written completely or not at all.

    Parameters
    ----------
    tokenizer : Tokenizer
        The tokenizer.
    path : path
        The file; for "gpt2", the folder; for "huggingface", either.
    format : str, optional
        Name of the format; default: "fasttok", which can hold every tokenizer. "huggingface" can hold what
        ``tokenizers`` can do exactly; see `fasttok.formats.huggingface.files.save`. "sentencepiece" can hold
        what sentencepiece can do, and "sentencepiece.vocab" the pieces and scores of it; see
        `fasttok.formats.sentencepiece.files.save`. "tiktoken" and "gpt2" can hold byte-level BPE; see
        `fasttok.formats.tiktoken.save` and `fasttok.formats.gpt2.save`. "vocab.txt" can hold WordPiece as in
        BERT; see `fasttok.formats.vocab_txt.save`.

    Raises
    ------
    ValueError
        If `format` is unknown; or if it is not given and the path is a folder or has a name that is usual for
        another format, such as ``books.tiktoken``, ``tokenizer.json`` or ``vocab.txt``.
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
    name = checked_path("path", path)
    if format is None:
        check_name(name)
        format = NATIVE.name
    if not isinstance(format, str) or format not in FORMATS:
        raise unknown_name("format", format, [name for name, known in FORMATS.items() if known.save])
    write = FORMATS[format].save
    if write is None:
        raise ModelExportError(
            f"the format {format!r} can only be read; the formats that can be written are {_writable()}"
        )
    write(tokenizer, name)


def check_name(path: str | os.PathLike[str]) -> None:
    """Raise an error if a path is a folder, or has a name that is usual for another format than fasttok's.

    `save` calls this function if no format is given.

    Raises
    ------
    ValueError
        If the name is one of these.

    Examples
    --------
    >>> check_name("books.json")
    >>> check_name("books.tiktoken")
    Traceback (most recent call last):
    ValueError: books.tiktoken: this is the name of a tiktoken rank file; pass format="tiktoken" to write one,
    or format="fasttok" to write fasttok's own format
    """
    name = os.fspath(path)
    base = os.path.basename(name).lower()
    if not base or os.path.isdir(name):
        raise ValueError(
            f"{name}: a folder, but fasttok's own format is one file; add a file name such as tok.json, or "
            'pass format="gpt2" or format="huggingface"'
        )
    own = 'format="fasttok" to write fasttok\'s own format'
    for format in FORMATS.values():
        if any(fnmatch(base, pattern) for pattern in format.names):
            write = f'pass format="{format.name}" to write one, or ' if format.save else "pass "
            raise ValueError(f"{name}: this is the name of {format.description}; {write}{own}")


def _writable() -> str:
    return ", ".join(name for name, format in FORMATS.items() if format.save is not None)


def find_format(path: str) -> Format | None:
    """Return the format of a file or folder, recognized from its content; None if no format fits.

    Raises
    ------
    OSError
        If the file cannot be opened.
    """
    head = _read_head(path)
    if os.path.isdir(path):
        return next((format for format in FORMATS.values() if _is_in_folder(format, path)), None)
    if describe_unsupported(head, path):
        return None
    order = sorted(FORMATS.values(), key=lambda format: format.is_general)
    return next((format for format in order if format.sniff(head, path)), None)


def describe_unknown(path: str) -> str:
    """Return a description of a file or folder for which `find_format` returned None."""
    if os.path.isdir(path):
        models = [name for name in sorted(os.listdir(path)) if name.endswith(".model")]
        if models:
            return (
                f"a folder with the sentencepiece model {models[0]}, but without the files of a tokenizer; "
                f"load {os.path.join(path, models[0])}, which gives the tokenizer of sentencepiece"
            )
        pairs = ", ".join(" with ".join(names) for names in NAMES)
        return (
            "a folder, not a tokenizer; give the path of a file, or a folder that contains "
            f"{TOKENIZER}, {pairs}, {' or '.join(_IN_FOLDER.values())}"
        )
    found = describe_unsupported(_read_head(path), path)
    return found or "neither " + " nor ".join(format.description for format in FORMATS.values())


def files_of(path: str) -> list[str]:
    """Return the files that `load` may read for a path: the file itself, or those in a folder, sorted."""
    if not os.path.isdir(path):
        return [path]
    files = [os.path.join(path, name) for name in _IN_FOLDERS]
    more = os.path.join(path, CHAT_TEMPLATES)
    if os.path.isdir(more):
        files += [os.path.join(more, name) for name in os.listdir(more)]
    return sorted(filter(os.path.isfile, files))


def _is_in_folder(format: Format, folder: str) -> bool:
    if format.name in _IN_FOLDER:
        return os.path.isfile(os.path.join(folder, _IN_FOLDER[format.name]))
    return format.sniff(b"", folder)


def formats_with(options: Collection[str]) -> list[Format]:
    """Return the formats whose loaders take all of the options."""
    return [format for format in FORMATS.values() if format.options.keys() >= set(options)]


def _check_options(format: Format, path: str, options: dict[str, Any]) -> None:
    unknown = [name for name in options if name not in format.options]
    if not unknown:
        return
    takes = f"takes the options {', '.join(format.options)}" if format.options else "takes no options"
    names, question = ", ".join(unknown), suggest(unknown[0], format.options)
    others = formats_with(options)
    if not others:
        raise TypeError(f"{path}: {format.description}, which {takes}, but was given {names}{question}")
    # The file may be damaged and therefore mistaken for another format than the one that the caller expects.
    meant = " or ".join(other.description for other in others)
    raise ModelFormatError(
        f"looks like {format.description}, which {takes}, but not {names}; {meant} takes these", path
    )


def _read_head(path: str) -> bytes:
    if os.path.isdir(path):
        return b""
    with open(path, "rb") as file:
        return file.read(HEAD)
