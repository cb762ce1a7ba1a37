"""Exceptions that fasttok raises for invalid input, and `warn`. Each message gives the location of the error.

Python's own exceptions are used where they fit: ``OSError`` for a file that cannot be opened, ``IndexError``
for an id outside the vocabulary, ``TypeError`` for an argument of the wrong type.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

_PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")


class FasttokError(ValueError):
    """Base class of all exceptions in this module; a subclass of ``ValueError``.

    Examples
    --------
    >>> import fasttok as ft
    >>> try:
    ...     ft.get_pretokenizer("(a")
    ... except ft.FasttokError as error:
    ...     print(type(error).__name__)
    PatternError
    """

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions are pickled when a worker process returns them. Unpickling must not call __init__, whose
        # arguments differ from `self.args`.
        return _bare_error, (type(self), *self.args), vars(self)


def _bare_error(kind: type[FasttokError], *args: Any) -> FasttokError:
    return kind.__new__(kind, *args)


class CorpusError(FasttokError):
    """Error in a corpus: damaged file, malformed record, missing column, exhausted iterator.

    Attributes
    ----------
    path : str or None
        File with the error; None if the corpus was not read from files.
    line : int or None
        Line in the file, counted from 1.
    row : int or None
        Row of the table or Parquet file, counted from 0.

    Examples
    --------
    >>> import fasttok as ft
    >>> list(ft.Corpus.from_table([{"text": "one"}, {"body": "two"}]))
    Traceback (most recent call last):
    fasttok.core.errors.CorpusError: row 1: no column 'text' (the columns are: 'body'); pass the name of the
    one with the text as column=..., or pass nulls="skip" to skip rows without text
    """

    def __init__(
        self, message: str, path: str | None = None, line: int | None = None, row: int | None = None
    ) -> None:
        location = f"{path}:{line}: " if path and line else f"{path}: " if path else ""
        super().__init__(location + ("" if row is None else f"row {row}: ") + message)
        self.path = path
        self.line = line
        self.row = row


class TextError(FasttokError):
    """Error in a ``str`` that contains a lone surrogate and therefore cannot be encoded in UTF-8.

    Attributes
    ----------
    position : int
        Index of the surrogate in the string, in code points.
    document : int or None
        Index of the string in its batch or corpus.

    Examples
    --------
    >>> import fasttok as ft
    >>> list(ft.Corpus.from_texts(["fine", "a\\ud800"]))
    Traceback (most recent call last):
    fasttok.core.errors.TextError: lone surrogate U+D800 at position 1 of document 1 cannot be encoded in
    UTF-8; pass errors="replace" to replace it by U+FFFD, or errors="surrogatepass" to keep it
    """

    def __init__(
        self, surrogate: str, position: int, document: int | None = None, has_option: bool = True
    ) -> None:
        location = "" if document is None else f" of document {document}"
        advice = (
            'pass errors="replace" to replace it by U+FFFD, or errors="surrogatepass" to keep it'
            if has_option  # whether the function has the option `errors`
            else 'replace it first, for example with text.encode(errors="replace").decode()'
        )
        super().__init__(
            f"lone surrogate U+{ord(surrogate):04X} at position {position}{location} cannot be encoded in"
            f" UTF-8; {advice}"
        )
        self.position = position
        self.document = document


class SpecialTokenError(FasttokError):
    """Error in a text that contains a special token although ``special="raise"`` forbids it.

    Attributes
    ----------
    token : str
        Special token that was found.
    position : int
        Position of the token in its document, in bytes of UTF-8.
    document : int
        Index of the document in its batch or corpus.

    Examples
    --------
    >>> import fasttok as ft
    >>> corpus = ft.Corpus.from_texts(["a text"])
    >>> tok = ft.train(corpus, model="byte", special_tokens=["<s>"])
    >>> tok.encode("a <s>", special="raise")
    Traceback (most recent call last):
    fasttok.core.errors.SpecialTokenError: special token '<s>' at byte 2 of document 0 is not allowed in a
    text; pass special="none" to encode it as plain text, or special="all" or a set of tokens to allow it
    """

    def __init__(self, token: str, position: int, document: int) -> None:
        super().__init__(
            f"special token {token!r} at byte {position} of document {document} is not allowed in a text; "
            'pass special="none" to encode it as plain text, or special="all" or a set of tokens to allow it'
        )
        self.token = token
        self.position = position
        self.document = document

    def at(self, document: int, position: int) -> SpecialTokenError:
        """Return a copy of the error with another document and position."""
        return SpecialTokenError(self.token, position, document)


class UnknownCharacterError(FasttokError):
    """Error for a character that is not in the vocabulary of a model without an unknown token.

    Attributes
    ----------
    character : str
        The character, or the first character of an unknown word. A byte 0xNN that is not valid UTF-8 is given
        as U+DCNN.
    position : int
        Position of the character in its document, in bytes of UTF-8.
    document : int
        Index of the document in its batch or corpus.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["abc"]), model="character")
    >>> tok.encode("abd")
    Traceback (most recent call last):
    fasttok.core.errors.UnknownCharacterError: cannot encode 'd' (U+0064) at byte 2 of document 0: the
    character, or the word that starts with it, is not in the vocabulary. Train with an unknown token
    (unk="<unk>") or, if the model supports it, with byte_fallback=True.
    """

    def __init__(self, character: str, position: int, document: int = 0) -> None:
        super().__init__(
            f"cannot encode {character!r} (U+{ord(character):04X}) at byte {position} of document {document}:"
            " the character, or the word that starts with it, is not in the vocabulary. Train with an unknown"
            ' token (unk="<unk>") or, if the model supports it, with byte_fallback=True.'
        )
        self.character = character
        self.position = position
        self.document = document

    def at(self, document: int, position: int) -> UnknownCharacterError:
        """Return a copy of the error with another document and position."""
        return UnknownCharacterError(self.character, position, document)


class TemplateError(FasttokError):
    """Error in a template: malformed, missing, or with special tokens that the tokenizer does not have.

    Attributes
    ----------
    template : str or None
        The template; None if it is missing.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.Template("[CLS] $A $C")
    Traceback (most recent call last):
    fasttok.core.errors.TemplateError: template '[CLS] $A $C': '$C' is not a text; the texts are
    $A and $B
    """

    def __init__(self, message: str, template: str | None = None) -> None:
        super().__init__(message if template is None else f"template {template!r}: {message}")
        self.template = template


class PatternError(FasttokError):
    """Error in a regular expression that does not compile, or that exceeds its time limit on a text.

    Attributes
    ----------
    document : int or None
        Index of the document on which the time limit was exceeded.
    position : int
        Always 0: the position in the document is unknown.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.get_pretokenizer("(a")
    Traceback (most recent call last):
    fasttok.core.errors.PatternError: pattern '(a' does not compile: missing ) at position 2
    """

    position = 0

    def __init__(self, message: str, document: int | None = None) -> None:
        super().__init__(message if document is None else f"{message}, on document {document}")
        self.message = message
        self.document = document

    def at(self, document: int, position: int) -> PatternError:
        """Return a copy of the error for another document; `position` is ignored."""
        return PatternError(self.message, document)


class RecipeError(FasttokError):
    """Error for counts that cannot be combined because they were made with different recipes.

    A recipe records how text was split into pretokens. The recipes may be those of two counts, or of counts
    and a tokenizer.

    Examples
    --------
    >>> import fasttok as ft
    >>> a = ft.PretokenCounts.from_dict({"low": 5}, pretokenizer="gpt2")
    >>> b = ft.PretokenCounts.from_dict({"low": 2}, pretokenizer="bert")
    >>> a + b
    Traceback (most recent call last):
    fasttok.core.errors.RecipeError: cannot add counts with different recipes: pretokenizer {'name': 'gpt2'}
    and {'name': 'bert'}
    """


class ExperimentError(FasttokError):
    """Error in the file of an experiment, or in a folder of results that is incomplete or changed.

    Attributes
    ----------
    path : str
        File of the experiment, or file or folder of its results.
    line : int or None
        Line in the file, counted from 1.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.Experiment.from_toml('name = "small"\\nseed = "seven"')
    Traceback (most recent call last):
    fasttok.core.errors.ExperimentError: experiment.toml:2: seed: must be a whole number, not 'seven'
    """

    def __init__(self, message: str, path: str, line: int | None = None) -> None:
        super().__init__(f"{path}: {message}" if line is None else f"{path}:{line}: {message}")
        self.path = path
        self.line = line


class ScoringError(FasttokError):
    """Error of a tokenizer that fails on a text of a test corpus.

    Attributes
    ----------
    message : str
        Message without the names of the tokenizer, the text and the document.
    tokenizer : str or None
        Name of the tokenizer, if known.
    text : str or None
        Name of the corpus, followed by the language if the corpus has several.
    document : int or None
        Index of the document, if the error comes from a single document.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["abc"]), model="character")
    >>> corpus = ft.TestCorpus.from_corpora("test", {"en": ft.Corpus.from_texts(["abd"])}, words="whitespace")
    >>> ft.measure({"characters": tok}, corpus, ["compression"], seed=7)
    Traceback (most recent call last):
    fasttok.core.errors.ScoringError: tokenizer 'characters', corpus 'test/en', document 0: cannot encode 'd'
    (U+0064) at byte 2 of document 0: the character, or the word that starts with it, is not in the
    vocabulary. Train with an unknown token (unk="<unk>") or, if the model supports it, with
    byte_fallback=True.
    """

    def __init__(
        self,
        message: str,
        tokenizer: str | None = None,
        text: str | None = None,
        document: int | None = None,
    ) -> None:
        location = [
            *([] if tokenizer is None else [f"tokenizer {tokenizer!r}"]),
            *([] if text is None else [f"corpus {text!r}"]),
            *([] if document is None else [f"document {document}"]),
        ]
        super().__init__(": ".join([", ".join(location)] * bool(location) + [message]))
        self.message = message
        self.tokenizer = tokenizer
        self.text = text
        self.document = document

    def named(self, tokenizer: str, text: str) -> ScoringError:
        """Return a copy of the error with the names of the tokenizer and the text."""
        return ScoringError(self.message, tokenizer, text, self.document)


class ModelFormatError(FasttokError):
    """Error in a file of a tokenizer, a model or counts: truncated, damaged or of another format.

    Attributes
    ----------
    path : str
        The file.
    place : str
        Field, line or byte offset of the error; empty if unknown.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.PretokenCounts.load(ft.parallel_sample()["eng"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    fasttok.core.errors.ModelFormatError: ...eng.txt: not a file of pretoken counts
    """

    def __init__(self, message: str, path: str, place: str = "") -> None:
        super().__init__(": ".join(part for part in (path, place, message) if part))
        self.path = path
        self.place = place


class ModelExportError(FasttokError):
    """Error for a tokenizer that a file format cannot represent without changing its ids or its text.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["abc"]), model="character")
    >>> tok.save("vocab.txt", format="vocab.txt")
    Traceback (most recent call last):
    fasttok.core.errors.ModelExportError: a vocab.txt can only hold WordPiece, not a model of kind
    'character'
    """


class TokenStoreError(FasttokError):
    """Error in a folder of stored ids: incomplete, damaged, made by another tokenizer, or of another format.

    Attributes
    ----------
    path : str
        The folder, or the file in it with the error.
    place : str
        Place of the error in the file; empty if the whole file, or the folder, is wrong.

    Examples
    --------
    >>> import tempfile
    >>> import fasttok as ft
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ft.TokenStore.open(folder)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    fasttok.core.errors.TokenStoreError: ...: not a token store: the folder has no file store.json
    """

    def __init__(self, message: str, path: str, place: str = "") -> None:
        super().__init__(": ".join(part for part in (path, place, message) if part))
        self.path = path
        self.place = place


def warn(message: str) -> None:
    """Issue a ``UserWarning`` for the innermost line outside fasttok, however deep in fasttok it arises."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and os.path.abspath(frame.f_code.co_filename).startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)
