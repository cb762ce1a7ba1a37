"""The errors fasttok raises for bad input; each says where the input is bad.

What Python already names well keeps its own name: a file that cannot be opened is an ``OSError``, an
id outside the vocabulary an ``IndexError``, an argument of the wrong type a ``TypeError``.
"""

from __future__ import annotations

from typing import Any


class FasttokError(ValueError):
    """The base of every error below; itself a ``ValueError``."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Not by way of __init__, which takes other arguments: so it comes out of a worker process, too.
        return _bare_error, (type(self), *self.args), vars(self)


def _bare_error(kind: type[FasttokError], *args: Any) -> FasttokError:
    return kind.__new__(kind, *args)


class CorpusError(FasttokError):
    """A corpus that cannot be read as what it claims to be.

    Attributes
    ----------
    path : str or None
        The file, where the corpus comes from files.
    line : int or None
        The line in that file, counted from 1.
    row : int or None
        The row of the table, counted from 0, where the corpus comes from a table or a Parquet file.
    """

    def __init__(
        self, message: str, path: str | None = None, line: int | None = None, row: int | None = None
    ) -> None:
        place = f"{path}:{line}: " if path and line else f"{path}: " if path else ""
        super().__init__(place + ("" if row is None else f"row {row}: ") + message)
        self.path = path
        self.line = line
        self.row = row


class TextError(FasttokError):
    """A ``str`` that has no UTF-8 form: it holds a lone surrogate.

    Attributes
    ----------
    position : int
        The index of the surrogate in the string, in code points.
    document : int or None
        The index of the string in its batch or corpus.
    """

    def __init__(self, surrogate: str, position: int, document: int | None = None) -> None:
        place = "" if document is None else f" of document {document}"
        super().__init__(
            f"lone surrogate U+{ord(surrogate):04X} at position {position}{place} has no UTF-8 form; "
            'pass errors="replace" or errors="surrogatepass" to accept it'
        )
        self.position = position
        self.document = document


class SpecialTokenError(FasttokError):
    """The text of a special token stands in a text where none was allowed.

    Attributes
    ----------
    token : str
        The special token.
    position : int
        Where it stands, in bytes of UTF-8 from the start of its document.
    document : int
        The index of the document in its batch or corpus.
    """

    def __init__(self, token: str, position: int, document: int) -> None:
        super().__init__(
            f"the text of special token {token!r} at byte {position} of document {document}; pass "
            'special="none" to read it as plain text, or allow it with special="all" or a set'
        )
        self.token = token
        self.position = position
        self.document = document

    def at(self, document: int, position: int) -> SpecialTokenError:
        """Return the same error at another place."""
        return SpecialTokenError(self.token, position, document)


class UnknownCharacterError(FasttokError):
    """A character that a model has no piece for, and no unknown token either.

    Attributes
    ----------
    character : str
        The character, of an unknown word the first one; a byte that is not UTF-8 is U+DC80 to U+DCFF.
    position : int
        Where it stands, in bytes of UTF-8 from the start of its document.
    document : int
        The index of the document in its batch or corpus.
    """

    def __init__(self, character: str, position: int, document: int = 0) -> None:
        super().__init__(
            f"no piece for {character!r} (U+{ord(character):04X}) at byte {position} of document {document}, "
            "or for the word that it begins: training did not see it there; an unknown token (unk) or, where "
            "the model has it, byte_fallback would write it"
        )
        self.character = character
        self.position = position
        self.document = document

    def at(self, document: int, position: int) -> UnknownCharacterError:
        """Return the same error at another place."""
        return UnknownCharacterError(self.character, position, document)


class TemplateError(FasttokError):
    """A template that cannot be read, whose special tokens the tokenizer does not have, or that is missing.

    Attributes
    ----------
    template : str or None
        The template, where there is one.
    """

    def __init__(self, message: str, template: str | None = None) -> None:
        super().__init__(message if template is None else f"template {template!r}: {message}")
        self.template = template


class PatternError(FasttokError):
    """A regular expression that does not compile, or runs past its time limit on a text.

    Attributes
    ----------
    document : int or None
        The index of the document on which it ran too long.
    position : int
        Always 0: where in the document is not known.
    """

    position = 0

    def __init__(self, message: str, document: int | None = None) -> None:
        super().__init__(message if document is None else f"{message}, on document {document}")
        self.message = message
        self.document = document

    def at(self, document: int, position: int) -> PatternError:
        """Return the same error on another document; where in it, nobody knows."""
        return PatternError(self.message, document)


class RecipeError(FasttokError):
    """Counts that were made in different ways, or in another way than a tokenizer, and do not go together."""


class ExperimentError(FasttokError):
    """An experiment that cannot be run as it is written, or results that are not whole.

    Attributes
    ----------
    path : str
        The experiment's file, or the file of its results.
    line : int or None
        The line in that file, counted from 1.
    """

    def __init__(self, message: str, path: str, line: int | None = None) -> None:
        super().__init__(f"{path}: {message}" if line is None else f"{path}:{line}: {message}")
        self.path = path
        self.line = line


class ScoringError(FasttokError):
    """A tokenizer that fails on a text that it is to be scored on.

    Attributes
    ----------
    message : str
        What it says.
    tokenizer : str or None
        What the tokenizer is called, once somebody has given it a name.
    text : str or None
        Which text it is: the name of the corpus, and the language if it has several.
    document : int or None
        The index of the document, if only one is to blame.
    """

    def __init__(
        self,
        message: str,
        tokenizer: str | None = None,
        text: str | None = None,
        document: int | None = None,
    ) -> None:
        place = [
            *([] if tokenizer is None else [f"tokenizer {tokenizer!r}"]),
            *([] if text is None else [f"corpus {text!r}"]),
            *([] if document is None else [f"document {document}"]),
        ]
        super().__init__(": ".join([", ".join(place)] * bool(place) + [message]))
        self.message = message
        self.tokenizer = tokenizer
        self.text = text
        self.document = document

    def named(self, tokenizer: str, text: str) -> ScoringError:
        """The same error, of a tokenizer and a text with these names."""
        return ScoringError(self.message, tokenizer, text, self.document)


class ModelFormatError(FasttokError):
    """A model file that is truncated, damaged or of another kind.

    Attributes
    ----------
    path : str
        The file.
    place : str
        The field, line or byte offset at which reading stopped.
    """

    def __init__(self, message: str, path: str, place: str = "") -> None:
        super().__init__(": ".join(part for part in (path, place, message) if part))
        self.path = path
        self.place = place


class ModelExportError(FasttokError):
    """A model that the target format cannot hold without changing what it does."""
