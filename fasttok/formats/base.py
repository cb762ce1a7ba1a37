"""`Format`: a kind of file or folder that holds a tokenizer.

Each format is one value at the end of its module; `fasttok.formats.registry` collects them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fasttok.tokenizer.tokenizer import Tokenizer


def _as_given(value: Any, path: str) -> Any:
    return value


@dataclass(frozen=True)
class Option:
    """An argument of a loader besides the path, as a file of settings may give it.

    Attributes
    ----------
    kinds : tuple of type
        The types that the value may have; empty where `parse` says what is wrong with one.
    parse : callable
        Takes the value and the path of the tokenizer, which is not read; returns the value as plain JSON.
        Raises ``TypeError`` or ``ValueError`` where the loader would.
    missing : callable
        Takes the path; returns why a tokenizer there cannot be loaded without the option, None if it can.
    """

    kinds: tuple[type, ...] = ()
    parse: Callable[[Any, str], Any] = _as_given
    missing: Callable[[str], str | None] = lambda _: None


@dataclass(frozen=True)
class Format:
    """A kind of file or folder that holds a tokenizer.

    Attributes
    ----------
    name : str
        The name in arguments, such as ``tok.save(path, format=name)``.
    description : str
        One such file with its article, for messages: "a tiktoken rank file".
    sniff : callable
        Takes the first `fasttok.formats.registry.HEAD` bytes of a file and its path; returns whether it looks
        like this format. For a folder there are no bytes.
    load : callable
        Takes the path and the options; returns a `Tokenizer`. Raises `ModelFormatError` for a damaged file.
    save : callable or None
        Takes a `Tokenizer` and the path. Raises `ModelExportError` if the format cannot hold the tokenizer.
        None if the format cannot be written.
    options : mapping of str to Option
        The keyword arguments of `load`.
    """

    name: str
    description: str
    sniff: Callable[[bytes, str], bool]
    load: Callable[..., Tokenizer]
    save: Callable[[Tokenizer, str], None] | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
