"""`Format`: a file format of tokenizers.

Each format is one `Format` value, defined at the end of its module and listed in `fasttok.formats.registry`.
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
    """Keyword argument of a loader, and how to check it in an experiment's file before anything is loaded.

    Attributes
    ----------
    kinds : tuple of type
        Allowed types of the value; empty if `parse` checks the type.
    parse : callable
        Function of the value and the path of the tokenizer that returns the value as plain JSON. It raises
        ``TypeError`` or ``ValueError`` for a value that the loader would not accept. It does not read the
        file.
    missing : callable
        Function of the path that returns why the option is required to load this file, or None if the option
        is optional.
    """

    kinds: tuple[type, ...] = ()
    parse: Callable[[Any, str], Any] = _as_given
    missing: Callable[[str], str | None] = lambda _: None


@dataclass(frozen=True)
class Format:
    """File format of tokenizers; the "file" may be a folder.

    Attributes
    ----------
    name : str
        Name of the format in arguments, such as ``tok.save(path, format=name)``.
    description : str
        Description of one file, with an article, for messages: "a tiktoken rank file".
    sniff : callable
        Function of the first `fasttok.formats.registry.HEAD` bytes of a file and of its path that returns
        whether the file looks like this format. For a folder, the bytes are empty.
    load : callable
        Function of the path and the options that returns a `Tokenizer`. It raises `ModelFormatError` for a
        damaged file.
    save : callable or None
        Function of a `Tokenizer` and a path that writes the file. It raises `ModelExportError` if the
        format cannot hold the tokenizer. None if fasttok cannot write the format.
    options : mapping of str to Option
        Keyword arguments of `load`.
    """

    name: str
    description: str
    sniff: Callable[[bytes, str], bool]
    load: Callable[..., Tokenizer]
    save: Callable[[Tokenizer, str], None] | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
