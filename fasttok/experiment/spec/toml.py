"""TOML whose errors say where: tables that hand out their values checked."""

from __future__ import annotations

import codecs
import difflib
import glob
import os
import re
import sys
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from fasttok.core.errors import ExperimentError
from fasttok.corpus.readers import find_files

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Key = str | int
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
    """The text of a TOML file, and where in it things stand.

    Attributes
    ----------
    text : str
        The whole text.
    path : str
        What the file is called in errors.
    """

    text: str
    path: str

    @classmethod
    def read(cls, path: str) -> TomlFile:
        """Read a file, which may begin with a byte order mark, as some editors write it.

        Raises
        ------
        OSError
            If it cannot be opened.
        ExperimentError
            If it is not UTF-8.
        """
        with open(path, "rb") as file:
            data = file.read().removeprefix(codecs.BOM_UTF8)
        try:
            return cls(data.decode(), path)
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise ExperimentError("not UTF-8", path, line) from None

    def parse(self) -> Table:
        """The table that is the whole file.

        Raises
        ------
        ExperimentError
            If it is not TOML, or more of it than Python reads.
        """
        try:
            return Table(self, (), tomllib.loads(self.text))
        except tomllib.TOMLDecodeError as error:
            place = re.fullmatch(r"(.*) \(at line (\d+), column \d+\)", str(error))
            if place is None:
                raise ExperimentError(f"not TOML: {error}", self.path) from None
            raise ExperimentError(f"not TOML: {place[1]}", self.path, int(place[2])) from None
        except RecursionError:
            raise ExperimentError("nested too deeply", self.path, self._find(RecursionError)) from None
        except ValueError:  # of int()
            message = "a number has too many digits"
            raise ExperimentError(message, self.path, self._find(ValueError)) from None

    def _find(self, kind: type[Exception]) -> int | None:
        """The line, counted from 1, with which parsing comes to fail in this way."""
        for n in range(1, len(self._lines) + 1):
            try:
                tomllib.loads("\n".join(self._lines[:n]))
            except tomllib.TOMLDecodeError:
                continue  # a value goes on in the next line
            except kind:
                return n
        return None

    @property
    def _lines(self) -> list[str]:
        return self.text.replace("\r\n", "\n").split("\n")

    def line(self, keys: tuple[Key, ...]) -> int | None:
        """The line, counted from 1, on which what gives the keys a value begins; None if nothing does.

        Lines are parsed one more at a time until the value is there: O(n²), for errors only.
        """
        lines = self._lines
        begun = 0  # lines before the statement that is being read
        for n in range(1, len(lines) + 1):
            try:
                values = tomllib.loads("\n".join(lines[:n]))
            except tomllib.TOMLDecodeError:
                continue  # a value goes on in the next line
            if _has(values, keys):
                return begun + 1
            begun = n
        return None


@dataclass(frozen=True)
class Table:
    """A table of a TOML file.

    Attributes
    ----------
    file : TomlFile
        The file it stands in.
    keys : tuple of str and int
        The keys, and indices of lists, that lead to it.
    values : dict
        What it holds.
    """

    file: TomlFile
    keys: tuple[Key, ...]
    values: dict[str, Any]

    def error(self, message: str, *keys: Key) -> ExperimentError:
        """An error about the value at the `keys` of this table, or about the table itself."""
        whole = (*self.keys, *keys)
        name = ".".join(shown(key) for key in whole if isinstance(key, str))
        return ExperimentError(
            f"{name}: {message}" if name else message,
            self.file.path,
            self.file.line(whole) if whole else None,
        )

    def check_keys(self, *known: str) -> None:
        """Refuse keys that are not known."""
        for key in self.values:
            if key not in known:
                raise self.error(f"there is no such key; {suggest(key, known)}", key)

    def check_name(self, name: str, *keys: Key) -> None:
        """Refuse what nothing should be called that stands in reports and terminals; the keys give it."""
        if not name:
            raise self.error("a name must not be empty", *keys)
        if not name.isprintable():  # controls, which may turn the text around, and bytes that are not UTF-8
            raise self.error(f"a name must be printable, not {name!r}", *keys)

    def value(self, key: str, *kinds: type, default: Any = _MISSING) -> Any:
        """The value of a key, of one of the kinds; without a default it must be there."""
        if key not in self.values:
            if default is _MISSING:
                raise self.error(f"{key} is missing")
            return default
        value = self.values[key]
        if type(value) not in kinds:  # True is no number here
            wanted = " or ".join(KINDS[kind] for kind in kinds)
            raise self.error(f"must be {wanted}, not {value!r}", key)
        return value

    def values_of(self, key: str, kind: type) -> list[Any]:
        """The values of a key: one, or a list of at least one."""
        value = self.value(key, kind, list)
        values = value if isinstance(value, list) else [value]
        if not values:
            raise self.error("must not be empty", key)
        for item in values:
            if type(item) is not kind:
                raise self.error(f"must be {KINDS[kind]}, or a list of such, not {item!r}", key)
        return values

    def choice(self, key: str, choices: Collection[str], default: Any = _MISSING) -> str:
        """A text that is one of the choices."""
        value: str = self.value(key, str, default=default)
        if value not in choices:
            raise self.error(f"{value!r} is not known; {suggest(value, choices)}", key)
        return value

    def table(self, key: str) -> Table:
        """A table in this one; an empty one if it is not there."""
        return Table(self.file, (*self.keys, key), self.value(key, dict, default={}))

    def tables(self, key: str) -> list[Table]:
        """The tables of a list in this one; none if it is not there."""
        rows = self.value(key, list, default=[])
        for row in rows:
            if not isinstance(row, dict):
                raise self.error(f"must be tables, [[{key}]], not {row!r}", key)
        return [Table(self.file, (*self.keys, key, i), row) for i, row in enumerate(rows)]


def find_files_of(table: Table, key: str, folder: str) -> list[str]:
    """The files that a key of a table names, by paths and globs that start from the folder."""
    patterns = table.values_of(key, str)
    starts = [glob.escape(folder) if glob.has_magic(pattern) else folder for pattern in patterns]
    try:
        return find_files(map(os.path.join, starts, patterns))
    except FileNotFoundError as error:
        raise table.error(f"{shown(error.filename)}: {error.strerror}", key) from None


def shown(text: str) -> str:
    """A text, or where it is empty or not printable its ``repr``."""
    return text if text and text.isprintable() else repr(text)


def suggest(word: str, known: Collection[str]) -> str:
    """Which of the known words was meant, or all of them."""
    close = difflib.get_close_matches(word, known, 1)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"


def _has(values: Any, keys: tuple[Key, ...]) -> bool:
    for key in keys:
        is_there = key < len(values) if isinstance(key, int) else isinstance(values, dict) and key in values
        if not is_there:
            return False
        values = values[key]
    return True
