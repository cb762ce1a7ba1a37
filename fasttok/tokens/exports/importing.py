"""`import_store`: make a token store of files that another project has written."""

from __future__ import annotations

import errno
import fnmatch
import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from fasttok.core.checks import checked_choice, checked_items, checked_path
from fasttok.core.errors import TokenStoreError
from fasttok.tokens.exports.base import Ids, Part, TokenFormat, check_options, shard_key
from fasttok.tokens.exports.registry import FORMATS
from fasttok.tokens.layout import (
    SHARD_SIZE,
    checked_fingerprint,
    checked_separator_id,
    checked_shard_size,
    checked_vocab_size,
)
from fasttok.tokens.store import TokenStore
from fasttok.tokens.writer import write_parts

Source = str | os.PathLike[str]


def import_store(
    source: Source | Iterable[Source],
    path: Source,
    *,
    format: str,
    vocab_size: int,
    separator_id: int | None = None,
    tokenizer_fingerprint: str | None = None,
    shard_size: int = SHARD_SIZE,
    **options: Any,
) -> TokenStore:
    """Make a token store of files of ids that another project has written.

    The headers of all files are checked before anything is written, the ids while they are copied. It takes
    O(number of ids) and little memory.

    Parameters
    ----------
    source : str, os.PathLike or iterable of them
        File, or folder of files, which are read in the order of their numbers. Of several files, all of
        which have the same format, the ids follow each other. For "megatron" it is the prefix of the two
        files, for "litdata" and "mds" a folder with an index.
    path : str or os.PathLike
        Folder of the new store, which must not exist.
    format : {"nanogpt", "build-nanogpt", "llmc", "megatron", "datatrove", "olmo", "litdata", "mds", \
"parquet", "arrow"}
        Format of the files.
    vocab_size : int
        Size of the vocabulary of the tokenizer that made the ids, which the files do not hold.
    separator_id : int, optional
        Id between documents. Files without boundaries of documents are split after each; the documents of
        other files must end with it. Without it, such files are one document.
    tokenizer_fingerprint : str, optional
        Fingerprint of the tokenizer.
    shard_size : int, default 2^28
        Number of ids per file of the store, a multiple of 65,536.
    **options
        Options of the format: for "llmc" and "build-nanogpt" ``separator="last"`` if documents end with the
        separator, since they begin with it in files of these projects; for "datatrove" ``token_size``; for
        "olmo" ``dtype``; for "mds" ``column`` and ``dtype``; for "parquet" and "arrow" ``column``.

    Returns
    -------
    TokenStore
        The new store. Separators are at the end of documents.

    Raises
    ------
    TokenStoreError
        If a file is cut off, damaged or of another format, or an id is not in the vocabulary. Nothing is left
        of the store.
    FileExistsError
        If `path` exists.
    TypeError, ValueError, IndexError
        If an argument is not valid.
    OSError
        If a file cannot be read, or the store cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import fasttok as ft
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     source, path = f"{folder}/train.bin", f"{folder}/a.tokens"
    ...     np.array([5, 6, 0, 7, 0], np.uint16).tofile(source)
    ...     store = ft.tokens.import_store(source, path, format="nanogpt", vocab_size=8, separator_id=0)
    ...     store.document(0).tolist(), store.document(1).tolist()
    ([5, 6, 0], [7, 0])
    """
    chosen = FORMATS[checked_choice("format", format, *FORMATS)]
    check_options(chosen, chosen.read, options)
    size = checked_vocab_size(vocab_size)
    separator = checked_separator_id(separator_id, size)
    fingerprint = checked_fingerprint("tokenizer_fingerprint", tokenizer_fingerprint)
    limit = checked_shard_size(shard_size)
    paths = _find_files(source, chosen)
    folder = checked_path("path", path)
    parts = chosen.read(paths, Ids(size, separator), **options)
    if separator is not None:
        parts = _check_ends(parts, separator, paths[0])
    write_parts(
        folder,
        ((part.ids, part.ends) for part in parts),
        size,
        limit,
        source_bytes=None,
        separator_id=separator,
        tokenizer_fingerprint=fingerprint,
        corpus_fingerprint=None,
    )
    return TokenStore(folder)


def _find_files(source: Any, format: TokenFormat) -> list[str]:
    """Return the paths of a source, in which folders of files are replaced by their files."""
    if isinstance(source, (str, os.PathLike)):
        sources = [checked_path("source", source)]
    else:
        items = checked_items("source", source, "paths", "a path or a sequence")
        sources = [checked_path(f"item {i} of source", item) for i, item in enumerate(items)]
        if not sources:
            raise ValueError("source must not be empty: it needs at least one path")
    if format.pattern is None:
        return sources
    paths = []
    for one in sources:
        if not os.path.isdir(one):
            paths.append(one)
            continue
        names = fnmatch.filter(os.listdir(one), format.pattern)
        if not names:
            raise FileNotFoundError(errno.ENOENT, f"the folder has no files named {format.pattern}", one)
        paths += [os.path.join(one, name) for name in sorted(names, key=shard_key)]
    return paths


def _check_ends(parts: Iterator[Part], separator: int, path: str) -> Iterator[Part]:
    """Yield the parts; raise an error if a document, apart from the last, does not end with the separator."""
    before, is_new = -1, True  # last id of the earlier parts; whether a document begins after it
    n_documents, bad = 0, -1
    for part in parts:
        ids, ends = part.ids, part.ends
        if len(ends):
            last = ids[np.maximum(ends - 1, 0)] if len(ids) else np.full(len(ends), before)
            wrong = np.asarray(last != separator)
            wrong[1:] |= ends[1:] == ends[:-1]  # empty documents
            if ends[0] == 0:
                wrong[0] = is_new or before != separator
            found = np.flatnonzero(wrong)
            if bad < 0 and len(found):
                bad = n_documents + int(found[0])
            n_documents += len(ends)
            if 0 <= bad < n_documents - 1:
                raise TokenStoreError(
                    f"document {bad:,} does not end with the separator {separator}; import without "
                    "separator_id",
                    path,
                )
            is_new = bool(ends[-1] == len(ids))
        elif len(ids):
            is_new = False
        if len(ids):
            before = int(ids[-1])
        yield part
