r"""Regular expressions that mean the same to ``regex`` and to the engine of another library.

The engines share a large part of their syntax. Only this part is accepted: literals, classes without set
operations, Unicode properties, groups, look-ahead, and greedy, lazy and possessive quantifiers. Some of what
all engines know is refused, because they differ:

- ``^`` and ``$``: ``$`` also matches before a final line end in ``regex``.
- Under ``(?i:…)``, everything but ASCII letters other than i: ``regex`` also equates i and İ, and folds
  classes and properties differently.
- Look-behind, back-references and flags for the whole pattern.
- Properties other than general categories, scripts and a few others: for example, U+00AD is in ``\p{Graph}``
  of ``regex`` only.
- Only for ``tokenizers``: ``\w``, which contains ² there, ``\pL`` without braces, and ``?`` or ``+`` after
  ``{2}``, which is another quantifier there.
"""

from __future__ import annotations

import re
from typing import NoReturn

from fasttok.core.errors import ModelExportError, PatternError
from fasttok.text.oniguruma import compile_pattern
from fasttok.text.unicode._script_runs import NAMES

_LITERAL_ESCAPES = "rntfv" + r"\.+*?()|[]{}^$-/'" + '"'
_PROPERTY = re.compile(r"\\[pP](?:\{\^?([A-Za-z_]+)\}|([A-Z]))")
_CATEGORY = re.compile("L[ultmo]?|M[nce]?|N[dlo]?|P[cdseifo]?|S[mcko]?|Z[slp]?|C[cfosn]?", re.IGNORECASE)
_PROPERTIES = {"alphabetic", "uppercase", "whitespace", "ascii", "any"} | {name.lower() for name in NAMES}
_BYTE = re.compile(r"\\x[0-9A-Fa-f]{2}")
_QUANTIFIER = re.compile(r"(?:[*+?]|(\{)(\d{1,3})(?:,(?:\d{1,3})?)?\})([?+]?)")
_GROUPS = ("(?:", "(?=", "(?!", "(?i:")
_DEEPEST = 50  # maximum depth of groups


def write_for_tiktoken(pattern: str) -> str:
    r"""Return the pattern with which tiktoken finds the same pretokens as `fasttok` does with `pattern`.

    fasttok keeps the text between two matches as a pretoken, which tiktoken would drop. So an alternative is
    added that matches it.

    Raises
    ------
    ModelExportError
        If the pattern is not known to mean the same to both, or may match an empty text.

    Examples
    --------
    >>> print(write_for_tiktoken(r"\d+"))
    (?:\d+)|(?:(?!(?:\d+))(?s:.))+
    """
    if _Parser(pattern, "tiktoken").parse() == 0:
        raise ModelExportError(f"pattern {pattern!r} can match an empty text, which tiktoken cannot encode")
    return rf"(?:{pattern})|(?:(?!(?:{pattern}))(?s:.))+"


def check_for_tokenizers(pattern: str) -> None:
    """Raise an error if a pattern of the ``regex`` module is not known to mean the same to ``tokenizers``.

    Raises
    ------
    ModelExportError
        If it is not, or may match an empty text.
    """
    if _Parser(pattern, "tokenizers").parse() == 0:
        raise ModelExportError(
            f"pattern {pattern!r} can match an empty text, which tokenizers treats in another way"
        )
    try:
        compile_pattern(pattern, "oniguruma")
    except PatternError as error:
        raise ModelExportError(str(error)) from None


class _Parser:
    """Parser of one pattern: accepts the common syntax and computes the length of the shortest match."""

    def __init__(self, pattern: str, library: str) -> None:
        self._pattern = pattern
        self._library = library
        self._at = 0

    def parse(self) -> int:
        """Return the number of code points of the shortest match."""
        width = self._alternatives(depth=0, ignores_case=False)
        if self._at < len(self._pattern):
            self._refuse()
        return width

    def _refuse(self) -> NoReturn:
        raise ModelExportError(
            f"pattern {self._pattern!r} may have another meaning in {self._library}: the syntax at position "
            f"{self._at} is not one that both share"
        )

    def _looking_at(self, text: str) -> bool:
        return self._pattern.startswith(text, self._at)

    def _alternatives(self, depth: int, ignores_case: bool) -> int:
        widths = [self._sequence(depth, ignores_case)]
        while self._looking_at("|"):
            self._at += 1
            widths.append(self._sequence(depth, ignores_case))
        return min(widths)

    def _sequence(self, depth: int, ignores_case: bool) -> int:
        total = 0
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            width, is_quantifiable = self._atom(depth, ignores_case)
            if found := _QUANTIFIER.match(self._pattern, self._at):
                is_other = self._library == "tokenizers" and found[1] and found[3]
                if is_other or not is_quantifiable:
                    self._refuse()
                self._at = found.end()
                width *= int(found[2] or 1) if found[0][0] in "{+" else 0
            total += width
        return total

    def _atom(self, depth: int, ignores_case: bool) -> tuple[int, bool]:
        """Parse one atom; return the length of its shortest match and whether it may have a quantifier."""
        character = self._pattern[self._at]
        if character == "(":
            return self._group(depth, ignores_case)
        if ignores_case and not (character.isascii() and (character.isalpha() or character in " '")):
            self._refuse()
        if ignores_case and character in "iI":
            self._refuse()
        if character == "[":
            self._class()
        elif character == "\\":
            self._escape()
        elif character in "*+?{}^$]":
            self._refuse()
        else:
            self._at += 1
        return 1, True

    def _group(self, depth: int, ignores_case: bool) -> tuple[int, bool]:
        opening = next((text for text in _GROUPS if self._looking_at(text)), "(")
        if depth == _DEEPEST:
            self._refuse()
        self._at += len(opening)
        if self._looking_at("?") or self._looking_at("*"):  # an extension such as look-behind
            self._refuse()
        width = self._alternatives(depth + 1, ignores_case or opening == "(?i:")
        if not self._looking_at(")"):
            self._refuse()
        self._at += 1
        is_look_ahead = opening in ("(?=", "(?!")
        return (0 if is_look_ahead else width), not is_look_ahead

    def _escape(self) -> None:
        if found := _PROPERTY.match(self._pattern, self._at):
            name = found[1] or found[2]
            is_known = _CATEGORY.fullmatch(name) or name.lower().replace("_", "") in _PROPERTIES
            if not is_known or (self._library == "tokenizers" and found[2]):
                self._refuse()
            self._at = found.end()
        elif found := _BYTE.match(self._pattern, self._at):
            self._at = found.end()
        else:
            classes = "sSdD" if self._library == "tokenizers" else "sSdDwW"
            if self._pattern[self._at + 1 : self._at + 2] not in tuple(classes + _LITERAL_ESCAPES):
                self._refuse()
            self._at += 2

    def _class(self) -> None:
        self._at += 2 if self._looking_at("[^") else 1
        start = self._at
        while not self._looking_at("]") or self._at == start:
            if self._at == len(self._pattern) or self._pattern[self._at] in "[]":
                self._refuse()
            if any(self._looking_at(operator) for operator in ("&&", "||", "--", "~~")):
                self._refuse()
            if self._looking_at("\\"):
                self._escape()
            else:
                self._at += 1
        self._at += 1
