"""TOML files with validated access: errors name the key and the line."""

from __future__ import annotations

import codecs
import difflib
import glob
import os
import re
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from fasttok.core.errors import ExperimentError
from fasttok.corpus.files import find_files

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Key = str | int
# Types of TOML values, as error messages name them.
KINDS = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}
_MISSING: Any = object()


@dataclass(frozen=True)
class TomlFile:
    """Text of a TOML file, with a search for the lines of its values.

    Attributes
    ----------
    text : str
        Content of the file.
    path : str
        Path of the file in errors.
    """

    text: str
    path: str

    @classmethod
    def read(cls, path: str) -> TomlFile:
        """Read a file. A byte order mark is ignored.

        Raises
        ------
        OSError
            If the file cannot be opened.
        ExperimentError
            If the file is not UTF-8.
        """
        with open(path, "rb") as file:
            data = file.read().removeprefix(codecs.BOM_UTF8)
        try:
            return cls(data.decode(), path)
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise ExperimentError("not UTF-8", path, line) from None

    def parse(self) -> Table:
        """Return the root table of the file.

        Raises
        ------
        ExperimentError
            If the file is not valid TOML, or exceeds the limits of Python's parser.
        """
        try:
            return Table(self, (), tomllib.loads(self.text))
        except tomllib.TOMLDecodeError as error:
            match = re.fullmatch(r"(.*) \(at line (\d+), column \d+\)", str(error))
            if match is None:
                raise ExperimentError(f"not TOML: {error}", self.path) from None
            raise ExperimentError(f"not TOML: {match[1]}", self.path, int(match[2])) from None
        except RecursionError:
            raise ExperimentError("nested too deeply", self.path, self._find(RecursionError)) from None
        except ValueError:  # raised by int() for a long number
            message = "a number has too many digits"
            raise ExperimentError(message, self.path, self._find(ValueError)) from None

    def _find(self, kind: type[Exception]) -> int | None:
        """Return the number of the line, from 1, at which parsing first fails with this exception."""
        for n in range(1, len(self._lines) + 1):
            try:
                tomllib.loads("\n".join(self._lines[:n]))
            except tomllib.TOMLDecodeError:
                continue  # the value continues on the next line
            except kind:
                return n
        return None

    @property
    def _lines(self) -> list[str]:
        return self.text.replace("\r\n", "\n").split("\n")

    def line(self, keys: tuple[Key, ...]) -> int | None:
        """Return the number of the line, from 1, where the value at the keys begins; None if it is missing.

        The file is parsed again with one more line at a time, in O(n²). Only error messages need the line.
        """
        lines = self._lines
        begun = 0  # number of lines before the current statement
        for n in range(1, len(lines) + 1):
            try:
                values = tomllib.loads("\n".join(lines[:n]))
            except tomllib.TOMLDecodeError:
                continue  # the value continues on the next line
            if _has(values, keys):
                return begun + 1
            begun = n
        return None


@dataclass(frozen=True)
class Table:
    """Table of a TOML file.

    Attributes
    ----------
    file : TomlFile
        File that contains the table.
    keys : tuple of str and int
        Keys of tables and indices of lists that lead from the root to the table.
    values : dict
        Content of the table.
    """

    file: TomlFile
    keys: tuple[Key, ...]
    values: dict[str, Any]

    def error(self, message: str, *keys: Key) -> ExperimentError:
        """Return an error about the value at the given keys, or about the table if there are no keys."""
        whole = (*self.keys, *keys)
        name = ".".join(shown(key) for key in whole if isinstance(key, str))
        return ExperimentError(
            f"{name}: {message}" if name else message,
            self.file.path,
            self.file.line(whole) if whole else None,
        )

    def check_keys(self, *known: str) -> None:
        """Raise an error for unknown keys."""
        for key in self.values:
            if key not in known:
                raise self.error(f"unknown key; {suggest(key, known)}", key)

    def check_name(self, name: str, *keys: Key) -> None:
        """Raise an error at the given keys if a name is empty or not printable."""
        if not name:
            raise self.error("a name must not be empty", *keys)
        if not name.isprintable():  # control characters, such as U+202E, and bytes that are not UTF-8
            raise self.error(f"a name must be printable, not {name!r}", *keys)

    def value(self, key: str, *kinds: type, default: Any = _MISSING) -> Any:
        """Return the value of a key, which must have one of the types; without a default, it is required."""
        if key not in self.values:
            if default is _MISSING:
                raise self.error(f"the key {key} is missing")
            return default
        value = self.values[key]
        if type(value) not in kinds:  # not isinstance, because True is an int
            wanted = " or ".join(KINDS[kind] for kind in kinds)
            raise self.error(f"must be {wanted}, not {value!r}", key)
        return value

    def values_of(self, key: str, kind: type) -> list[Any]:
        """Return the values of a key, which must be a single value or a list of at least one value."""
        value = self.value(key, kind, list)
        values = value if isinstance(value, list) else [value]
        if not values:
            raise self.error("must not be empty", key)
        for item in values:
            if type(item) is not kind:
                raise self.error(f"must be {KINDS[kind]} or a list of these, not {item!r}", key)
        return values

    def choice(self, key: str, choices: Collection[str], default: Any = _MISSING) -> str:
        """Return the value of a key, which must be one of the choices."""
        value: str = self.value(key, str, default=default)
        if value not in choices:
            raise self.error(f"unknown value {value!r}; {suggest(value, choices)}", key)
        return value

    def table(self, key: str) -> Table:
        """Return the subtable of a key; an empty table if the key is missing."""
        return Table(self.file, (*self.keys, key), self.value(key, dict, default={}))

    def tables(self, key: str) -> list[Table]:
        """Return the tables in the list of a key; an empty list if the key is missing."""
        rows = self.value(key, list, default=[])
        for row in rows:
            if not isinstance(row, dict):
                raise self.error(f"must be an array of tables, [[{key}]]; found {row!r}", key)
        return [Table(self.file, (*self.keys, key, i), row) for i, row in enumerate(rows)]


def find_files_of(table: Table, key: str, folder: str, patterns: Sequence[str] | None = None) -> list[str]:
    """Return the files of the paths and glob patterns in a key; relative ones start from `folder`.

    `patterns` are some of them; default: all.
    """
    if patterns is None:
        patterns = table.values_of(key, str)
    starts = [glob.escape(folder) if glob.has_magic(pattern) else folder for pattern in patterns]
    try:
        return find_files(list(map(os.path.join, starts, patterns))).files
    except FileNotFoundError as error:
        raise table.error(f"{shown(error.filename)}: {error.strerror}", key) from None
    except ValueError as error:
        raise table.error(str(error), key) from None


def shown(text: str) -> str:
    """Return the text itself, or its ``repr`` if it is empty or not printable."""
    return text if text and text.isprintable() else repr(text)


def suggest(word: str, known: Collection[str]) -> str:
    """Return a hint that names the known word closest to `word`, or all known words."""
    close = difflib.get_close_matches(word, known, 1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"


def _has(values: Any, keys: tuple[Key, ...]) -> bool:
    """Return whether the nested values contain the keys."""
    for key in keys:
        is_there = key < len(values) if isinstance(key, int) else isinstance(values, dict) and key in values
        if not is_there:
            return False
        values = values[key]
    return True
