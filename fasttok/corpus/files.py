"""Find the files of a corpus: paths, folders and globs, and what is skipped in them."""

from __future__ import annotations

import errno
import fnmatch
import glob
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from fasttok.core.checks import checked_items, checked_path, is_table
from fasttok.corpus.compression import COMPRESSIONS

# A folder is searched for files with these suffixes.
FORMAT_OF_SUFFIX = {
    ".txt": "text",
    ".text": "text",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".jsonlines": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
}
PathLike = str | os.PathLike[str]
# Open descriptors and standard input. Their names say nothing about their content.
_DESCRIPTOR = re.compile(r"/dev/(std(in|out|err)|fd/\d+)|/proc/(self|\d+)/fd/\d+")
_BACKUP = re.compile(r"~\$.*|.*~|#.*#|.*\.(sw[a-z]|bak|orig|tmp|part|crdownload)", re.IGNORECASE)
_ALL = "**"  # part of a glob that matches any number of folders
_TOKENIZER = b'{\n "format": "fasttok",'  # beginning of a tokenizer in fasttok's own format
_SHOWN = 3  # skipped files that an error message names


@dataclass
class Found:
    """Files of a corpus.

    Attributes
    ----------
    files : list of str
        Files to read, sorted within each folder and glob.
    skipped : dict of str to str
        Path of each file or folder that was passed over, and the reason.
    """

    files: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


def find_files(paths: PathLike | Iterable[PathLike], format: str = "auto") -> Found:
    """Expand files, globs and folders to files.

    A folder is expanded to the files in it and its subfolders whose suffix is that of a text or record format
    (of `format`, unless it is "auto"), with or without the suffix of a compression. ``folder/**`` and
    ``folder/**/*`` give the same files. Other globs and names given in full may have any suffix.

    In folders and globs, hidden files and folders, backups of editors, and further names of the same file are
    skipped; in folders, also tokenizers in fasttok's own format. Links to folders are followed, except to
    folders that are read already or contain the link.

    Raises
    ------
    TypeError
        If `paths` is neither a path nor an ordered iterable of paths.
    ValueError
        If there are no paths, or a file is given twice, under whatever name.
    FileNotFoundError
        If a path or the target of a link does not exist, or a glob or folder has no matching file.
    PermissionError
        If a folder cannot be read.
    """
    found = Found()
    names: dict[tuple[int, int], str] = {}
    for name in _checked_paths(paths):
        skipped: dict[str, str] = {}
        if os.path.isdir(name):
            files = _select(_files_under(name, skipped), skipped, format)
            listed = ", ".join(
                suffix for suffix, known in FORMAT_OF_SUFFIX.items() if format in ("auto", known)
            )
            reason = f"the folder contains no file with a suffix of {listed} (pass a glob for other files)"
        elif _exists(name):
            files, reason = [name], ""
        elif glob.has_magic(name):
            files, reason = _expand(name, skipped, format), "no file matches the glob"
        else:
            files, reason = [], os.strerror(errno.ENOENT)
        if not files:
            raise FileNotFoundError(errno.ENOENT, reason + _summary(skipped), name)
        for path in files:
            status = os.stat(path)
            inode = status.st_dev, status.st_ino
            if inode in names and not stat.S_ISCHR(status.st_mode):
                also = "" if names[inode] == path else f", as {names[inode]} and as {path}"
                raise ValueError(
                    f"paths: the same file is given twice{also or f': {path}'}; give it only once, or give "
                    "it more weight with PretokenCounts.mix"
                )
            names[inode] = path
        found.files.extend(files)
        found.skipped.update(skipped)
    if not found.files:
        raise ValueError("no paths were given")
    return found


def suffix_of(path: str) -> str:
    """Return the suffix of a file without the suffix of its compression; ``.jsonl`` also for ``.ndjson``."""
    base, suffix = os.path.splitext(path.lower())
    if suffix in COMPRESSIONS:
        suffix = os.path.splitext(base)[1]
    return ".jsonl" if suffix == ".ndjson" else suffix


def format_of(path: str) -> str | None:
    """Return the format of a file by its name; None if only its content can tell.

    The content decides for standard input and other descriptors, and for pipes whose name has none of the
    suffixes in `FORMAT_OF_SUFFIX`. All other files without such a suffix are plain text.
    """
    named = FORMAT_OF_SUFFIX.get(suffix_of(path))
    if _DESCRIPTOR.fullmatch(path) or (named is None and not is_regular(path)):
        return None
    return named or "text"


def is_regular(path: str) -> bool:
    """Return whether the path is a file that can be opened repeatedly; not a pipe, terminal or device."""
    return stat.S_ISREG(os.stat(path).st_mode)


def _exists(path: str) -> bool:
    """Return whether a path exists; an error if the system does not say so, as in a folder without access."""
    try:
        os.stat(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            return False
        raise
    return True


def _checked_paths(paths: Any) -> list[str]:
    if isinstance(paths, (str, os.PathLike)):
        return [checked_path("paths", paths)]
    if paths is None or isinstance(paths, (bytes, bytearray)):
        raise TypeError(f"paths must be a path or an iterable of paths, not {type(paths).__name__}")
    if is_table(paths):
        kind = type(paths).__name__
        raise TypeError(
            f"paths must be a path or a list of paths, not {kind}; pass a list, such as its values"
        )
    return [
        checked_path(f"paths[{i}]", path) for i, path in enumerate(checked_items("paths", paths, "paths"))
    ]


def _expand(pattern: str, skipped: dict[str, str], format: str) -> list[str]:
    """Return the files that match a glob."""
    parts = re.split(r"[/\\]" if os.name == "nt" else "/", pattern)
    first = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    base = os.sep.join(parts[:first]) + (os.sep if first else "")
    parts = parts[first:]
    if parts[-2:] == [_ALL, "*"]:
        parts.pop()
    if base and not (_exists(base) and os.path.isdir(base)):
        return []
    paths = dict.fromkeys(_matching(base, parts, skipped))
    if _BACKUP.fullmatch(parts[-1]):  # as *.bak, which wants them
        return _select(paths, skipped, None, takes_backups=True)
    return _select(paths, skipped, format if parts[-1] == _ALL else None)


def _matching(base: str, parts: list[str], skipped: dict[str, str]) -> Iterator[str]:
    """Yield the files in the folder `base` that match the parts of a glob."""
    part, *rest = parts
    if part == _ALL and not rest:
        yield from _files_under(base, skipped)
    elif part == _ALL:
        for folder in _folders_under(base, skipped):
            yield from _matching(folder, rest, skipped)
    else:
        for entry in _entries(base):
            if not (fnmatch.fnmatch(entry.name, part) if glob.has_magic(part) else entry.name == part):
                continue
            if _is_hidden(entry.name) and not part.startswith("."):
                skipped[_path(base, entry)] = "hidden"
            elif not _is_folder(entry):
                if not rest:
                    yield _path(base, entry)
            elif rest:
                yield from _matching(_path(base, entry), rest, skipped)
            else:
                skipped[_path(base, entry)] = "a folder"


def _files_under(folder: str, skipped: dict[str, str]) -> Iterator[str]:
    for inside in _folders_under(folder, skipped):
        for entry in _entries(inside):
            if not _is_hidden(entry.name) and not _is_folder(entry):
                yield _path(inside, entry)


def _folders_under(folder: str, skipped: dict[str, str]) -> Iterator[str]:
    """Yield a folder and its subfolders, none of them twice; those reached through links are last."""
    top = os.path.join(os.path.realpath(folder or os.curdir), "")
    pending, links = [folder], list[str]()
    seen = set()
    while pending or links:
        if not pending:
            link = links.pop(0)
            if top.startswith(os.path.join(os.path.realpath(link), "")):
                skipped[link] = "a link to a folder that contains it"
                continue
            pending.append(link)
        path = pending.pop()
        status = os.stat(path or os.curdir)
        if (status.st_dev, status.st_ino) in seen:
            skipped[path] = "a link to a folder that is read already"
            continue
        seen.add((status.st_dev, status.st_ino))
        yield path
        for entry in _entries(path):
            if _is_hidden(entry.name):
                skipped[_path(path, entry)] = "hidden"
            elif _is_folder(entry):
                (links if entry.is_symlink() else pending).append(_path(path, entry))


def _select(
    paths: Iterable[str], skipped: dict[str, str], format: str | None, takes_backups: bool = False
) -> list[str]:
    """Return the sorted files to read; with a format, only those with a suffix of it."""
    taken: dict[tuple[int, int], str] = {}
    for path in sorted(paths, key=lambda path: (os.path.islink(path), path)):
        suffix = suffix_of(path)
        named = FORMAT_OF_SUFFIX.get(suffix)
        if not takes_backups and _BACKUP.fullmatch(os.path.basename(path)):
            skipped[path] = "backup or temporary file"
        elif format is not None and named is None:
            skipped[path] = f"suffix {suffix!r} is of no text or record format; pass its name or a glob"
        elif format not in (None, "auto", named):
            skipped[path] = f"not of the format {format}, by its suffix"
        elif format is not None and named == "json" and _is_tokenizer(path):
            skipped[path] = "a tokenizer that fasttok saved"
        else:
            status = os.stat(path)
            other = taken.get((status.st_dev, status.st_ino))
            if not stat.S_ISREG(status.st_mode):
                skipped[path] = "not a regular file"
            elif other is not None:
                skipped[path] = f"the same file as {other}"
            else:
                taken[status.st_dev, status.st_ino] = path
    return sorted(taken.values())


def _is_tokenizer(path: str) -> bool:
    """Return whether a file begins like a tokenizer in fasttok's own format."""
    with open(path, "rb") as file:
        return file.read(len(_TOKENIZER)) == _TOKENIZER


def _entries(folder: str) -> list[os.DirEntry[str]]:
    """Return the entries of a folder in order of their names; an error if it cannot be read."""
    with os.scandir(folder or os.curdir) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _path(folder: str, entry: os.DirEntry[str]) -> str:
    return os.path.join(folder, entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link to itself
            return False
        raise


def _is_hidden(name: str) -> bool:
    return name.startswith(".")


def _summary(skipped: dict[str, str]) -> str:
    """Return the first skipped paths and why, for an error message."""
    shown = [f"{path} ({reason})" for path, reason in list(skipped.items())[:_SHOWN]]
    more = f" and {len(skipped) - _SHOWN:,} more" if len(skipped) > _SHOWN else ""
    return f"; skipped: {', '.join(shown)}{more}" if shown else ""
