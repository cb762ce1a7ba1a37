"""`Field`: the text of a record, by a name, a dotted path or a template; records without text."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from fasttok.core.checks import checked_choice, checked_word
from fasttok.core.errors import CorpusError

Nulls = Literal["raise", "skip"]
_PART = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|[{}]")


@dataclass(frozen=True)
class Missing:
    """Reason why a record has no text.

    Attributes
    ----------
    reason : str
        Message.
    is_null : bool
        Whether the field exists, but its value is null.
    """

    reason: str
    is_null: bool = False


class WrongValue(Exception):
    """A value that is neither a text nor null, or a column that does not exist."""


class Row(NamedTuple):
    """Text of a record, or why it has none, with its place in the file or table."""

    value: str | bytes | Missing
    line: int | None = None
    row: int | None = None


@dataclass(frozen=True)
class Field:
    """Fields of a record that contain its text.

    Attributes
    ----------
    names : tuple of str
        Names of the fields. A name with dots that no field has is a path: ``meta.text`` is the field ``text``
        in the field ``meta``.
    literals : tuple of str
        Texts before, between and after the fields.
    noun : str
        "field" or "column", for messages.
    """

    names: tuple[str, ...]
    literals: tuple[str, ...]
    noun: str

    @classmethod
    def parse(cls, argument: str, value: Any, noun: str = "field") -> Field:
        """Return the field for a name, or for a template such as ``"{title}: {text}"``.

        Names in braces stand for the text of a field, doubled braces for braces.

        Raises
        ------
        TypeError, ValueError
            If the value is not a ``str``, is empty, or has a brace without a name.
        """
        text = checked_word(argument, value)
        if not re.search("[{}]", text):
            return cls((text,), ("", ""), noun)
        names, literals, end = [], [""], 0
        for part in _PART.finditer(text):
            literals[-1] += text[end : part.start()]
            end = part.end()
            if part[1]:
                names.append(part[1])
                literals.append("")
            elif len(part[0]) == 2:
                literals[-1] += part[0][0]
            else:
                raise ValueError(
                    f'{argument} {text!r} has a single "{part[0]}" at position {part.start()}; write '
                    f'names in braces, as in "{{title}}: {{text}}", and "{part[0] * 2}" for a brace'
                )
        literals[-1] += text[end:]
        if not names:
            raise ValueError(f"{argument} {text!r} names no {noun}")
        return cls(tuple(names), tuple(literals), noun)

    @cached_property
    def single(self) -> str | None:
        """Name of the field whose text is that of the record, unchanged; None for a template."""
        return self.names[0] if self.literals == ("", "") else None

    def extract(self, record: Mapping[Any, Any]) -> str | bytes | Missing:
        """Return the text of a record.

        Raises
        ------
        WrongValue
            If a field is neither text nor null.
        """
        return self.join([self._find(record, name) for name in self.names])

    def join(self, values: Sequence[Any]) -> str | bytes | Missing:
        """Return the text of a record from the values of its fields, in the order of `names`.

        Raises
        ------
        WrongValue
            If a value is neither text nor null.
        """
        for name, value in zip(self.names, values, strict=True):
            if isinstance(value, Missing):
                return value
            if not isinstance(value, (str, bytes)):
                if is_null(value):
                    return Missing(f"{self.noun} {name!r} is null", is_null=True)
                kind = "text" if self.noun == "column" else "a string"
                raise WrongValue(f"{self.noun} {name!r} must be {kind}, not {type(value).__name__}")
        if self.single is not None:
            single: str | bytes = values[0]
            return single
        if all(isinstance(value, str) for value in values):
            return self.literals[0] + "".join(map("".join, zip(values, self.literals[1:], strict=True)))
        parts = [values[i // 2] if i % 2 else self.literals[i // 2] for i in range(2 * len(values) + 1)]
        return b"".join(part.encode() if isinstance(part, str) else part for part in parts)

    def _find(self, record: Mapping[Any, Any], name: str) -> Any:
        if name in record:
            return record[name]
        missing = Missing(self.missing(name, _paths(record)))
        for outer, rest in split_path(name):
            inside = record.get(outer)
            if isinstance(inside, Mapping):
                found = self._find(inside, rest)
                if not isinstance(found, Missing):
                    return found
                missing = Missing(f"in {outer!r}: {found.reason}", found.is_null)
            elif outer in record and is_null(inside):
                missing = Missing(f"{self.noun} {outer!r} is null", is_null=True)
        return missing

    def missing(self, name: str, names: Iterable[Any]) -> str:
        """Return the message for a field that does not exist; `names` are those that do."""
        listed = ", ".join(map(repr, names)) or "none"
        return f"no {self.noun} {name!r} (the {self.noun}s are: {listed})"


def _paths(record: Mapping[Any, Any]) -> Iterator[Any]:
    """Yield the names of the fields of a record; of fields with fields, the paths to them."""
    for name, value in record.items():
        inside = value if isinstance(value, Mapping) else {}
        yield from [f"{name}.{path}" for path in _paths(inside)] or [name]


def split_path(name: str) -> Iterator[tuple[str, str]]:
    """Yield each way to divide a dotted name into a field and a path in it, the longest field first."""
    parts = name.split(".")
    for n in range(len(parts) - 1, 0, -1):
        yield ".".join(parts[:n]), ".".join(parts[n:])


def is_null(value: Any) -> bool:
    """Return whether a value is null: None, NaN, or the missing value of pandas."""
    if value is None or (isinstance(value, (float, np.floating)) and np.isnan(value)):
        return True
    pandas = sys.modules.get("pandas")
    return pandas is not None and (value is pandas.NA or value is pandas.NaT)


def checked_nulls(nulls: Nulls) -> Nulls:
    """Return the argument `nulls`, the treatment of records without text, if it is known.

    Raises
    ------
    ValueError
        If it is not known.
    """
    checked_choice("nulls", nulls, *get_args(Nulls))
    return nulls


def no_text(row: Row, missing: Missing, path: str | None) -> CorpusError:
    """Return the error for a row without text."""
    advice = 'pass nulls="skip" to skip rows without text'
    if not missing.is_null:
        argument = "column" if path is None else "field"
        advice = f"pass the name of the one with the text as {argument}=..., or {advice}"
    message = f"{missing.reason}; {advice}"
    return CorpusError(message, path, row.line, row.row)


def keep_texts(
    rows: Iterable[Row], nulls: Nulls, path: str | None, skipped: dict[str | None, int]
) -> Iterator[tuple[str | bytes, Row]]:
    """Yield the text of each row, with the row. Rows without text are an error or skipped.

    Parameters
    ----------
    rows : iterable of Row
        Rows of a file or table.
    nulls : {"raise", "skip"}
        Treatment of rows without text.
    path : str or None
        Name of the file.
    skipped : dict
        Number of rows without text by file, which is updated.

    Raises
    ------
    CorpusError
        For a row without text, or, after the last row, if no row has text.
    """
    n_rows = n_missing = 0
    first = ""
    skipped.pop(path, None)
    for row in rows:
        n_rows += 1
        if isinstance(row.value, Missing):
            if nulls == "raise":
                raise no_text(row, row.value, path)
            n_missing += 1
            first = first or row.value.reason
            skipped[path] = n_missing
        else:
            yield row.value, row
    if n_missing == n_rows > 0:
        raise CorpusError(f"no text in any of {n_rows:,} rows ({first})", path)
