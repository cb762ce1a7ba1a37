r"""Parser for regular expressions in the syntax of Oniguruma, the engine of Hugging Face ``tokenizers``.

The result is a tree of few kinds of nodes, in which every character and class is a set of code points. So the
tree needs no tables of the engine that runs it. Constructs that the tree cannot express exactly are refused:
references to groups (``\1``, ``\g<name>``), conditionals, absent operators, ``\K``, ``\G``, ``\X``, ``\y``,
callouts, some options, and case folding of one code point to several (ß to ss).

Differences from the ``regex`` module, apart from Unicode tables:

- ``^`` and ``$`` match at every line, but ``^`` does not match at the end of the text.
- ``(?m)`` lets the dot match line ends; ``(?s)`` does not exist.
- ``a{2,3}+`` repeats ``a{2,3}``, ``a{2}?`` is ``(?:a{2})?``, and ``{,3}`` is ``{0,3}``.
- ``a(?i)b|c`` is ``a(?i:b|c)``.
- ``\h`` is a hexadecimal digit, ``\R`` a line end. ``\pL`` is the text "pL".
- ``[a[bc]&&[^b]]``: classes may contain classes, and ``&&`` is their intersection.
- ``\w`` and ``\p{Word}`` do not contain ² ³ ¹ ¼ ½ ¾ in a class, but do so elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, NoReturn, TypeAlias

import numpy as np

from fasttok.core.errors import PatternError
from fasttok.text.unicode import code_point_sets as sets
from fasttok.text.unicode.code_point_sets import CodePoints

MAX_DEPTH = 100  # of groups in groups, classes in classes, and quantifiers after quantifiers
MAX_REPEAT = 100_000


@dataclass(frozen=True, eq=False)
class OneOf:
    """One code point of a set. `folded` is the code point that was given if case is ignored, or empty."""

    members: CodePoints
    folded: str = ""


@dataclass(frozen=True, eq=False)
class Sequence:
    """Several nodes, one after the other."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, eq=False)
class Choice:
    """The first node that lets the whole expression match."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, eq=False)
class Repeat:
    """A node several times, as often as possible or, if `is_lazy`, as rarely as possible."""

    node: Node
    low: int
    high: int | None  # None: without limit
    is_lazy: bool = False


@dataclass(frozen=True, eq=False)
class Atomic:
    """A node whose first match is final."""

    node: Node


@dataclass(frozen=True, eq=False)
class Look:
    """A condition on the text after or before a position."""

    node: Node
    is_ahead: bool
    is_negative: bool


Node: TypeAlias = "OneOf | Sequence | Choice | Repeat | Atomic | Look"

NEWLINE = sets.interval(10, 10)
ANY = OneOf(sets.EVERYTHING)
NOT_NEWLINE = OneOf(sets.complement(NEWLINE))
EMPTY = Sequence(())
TEXT_BEGIN = Look(ANY, False, True)
TEXT_END = Look(ANY, True, True)
_AT_NEWLINE = Look(OneOf(NEWLINE), True, False)
LINE_BEGIN = Choice((TEXT_BEGIN, Sequence((Look(OneOf(NEWLINE), False, False), Look(ANY, True, False)))))
LINE_END = Choice((TEXT_END, _AT_NEWLINE))
LAST_LINE_END = Choice((TEXT_END, Look(Sequence((OneOf(NEWLINE), TEXT_END)), True, False)))
# After \r\n, neither the \r alone nor the \n alone matches.
_CRLF = Sequence((OneOf(sets.interval(13, 13)), OneOf(NEWLINE)))
_LINE_ENDS = sets.to_set(np.array([10, 11, 12, 13, 0x85, 0x2028, 0x2029], np.int64))
GENERAL_NEWLINE = Atomic(Choice((_CRLF, OneOf(_LINE_ENDS))))

# Properties of \w, \d, \s and \h; and of the same in brackets.
_TYPES = {"w": "word", "d": "digit", "s": "space", "h": "xdigit"}
_CONTROLS = {"n": 10, "t": 9, "r": 13, "f": 12, "v": 11, "a": 7, "e": 27}
_INTERVAL = re.compile(r"\{(?:(\d+)(,?)(\d*)|,(\d+))\}", re.ASCII)
_GROUP = re.compile(r"\((?!\*)(\?(?:[:=!>]|<[=!])|\?<[^\W\d]\w*>|\?'[^\W\d]\w*'|(?!\?))")
_NAME = re.compile(r"\(\?(?:<[^=!]|')")
_REFUSED = re.compile(r"\\(?:[GKXyY1-9]|[gk][<'])")
_OPTIONS = re.compile(r"\(\?([imx-]*)([:)])")
_CODE_POINT = re.compile(r"\\x\{([0-9a-fA-F]{1,8})\}|\\u([0-9a-fA-F]{4})|\\o\{([0-7]{1,11})\}")
_BYTES = re.compile(r"(?:\\x[0-9a-fA-F]{1,2})+")
_PROPERTY = re.compile(r"\\([pP])\{(\^?)([^(){}|]*)\}")
_POSIX = re.compile(r"\[:(\^?)([a-zA-Z]+):\]")


class _Options(NamedTuple):
    ignores_case: bool = False
    dot_is_any: bool = False
    is_extended: bool = False  # white space and comments are ignored


def parse(pattern: str) -> Node:
    """Return the tree of an expression.

    Raises
    ------
    PatternError
        If the expression is not valid, or has a construct that is not supported.
    """
    return _Parser(pattern).parse()


class _Parser:
    """State of the parser: the expression and the position in it."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.depth = 0
        self.in_look_behind = False
        self.has_names = _NAME.search(pattern) is not None  # then groups without a name capture nothing

    def parse(self) -> Node:
        node = self._choice(_Options())
        if self.at < len(self.pattern):
            self._fail("unmatched )")
        return node

    def _fail(self, what: str, at: int | None = None) -> NoReturn:
        raise PatternError(
            f"pattern {self.pattern!r} is not supported in the dialect of Oniguruma: "
            f"{what} at position {self.at if at is None else at}"
        )

    def _rest(self, n: int = 1) -> str:
        return self.pattern[self.at : self.at + n]

    def _skip(self, text: str) -> bool:
        """Skip the given text if it is next; return whether it is."""
        found = self.pattern.startswith(text, self.at)
        self.at += len(text) * found
        return found

    def _take(self, expression: re.Pattern[str]) -> re.Match[str] | None:
        match = expression.match(self.pattern, self.at)
        if match:
            self.at = match.end()
        return match

    # Groups, sequences and quantifiers

    def _choice(self, options: _Options) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self._fail(f"more than {MAX_DEPTH} groups in groups")
        branches = [self._sequence(options)]
        while self._skip("|"):
            branches.append(self._sequence(options))
        self.depth -= 1
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def _sequence(self, options: _Options) -> Node:
        start, nodes = self.at, list[Node]()
        while self._skip_ignored(options) and self._rest() not in ("|", ")"):
            first = self.at
            node, is_group = self._term(options)
            n_quantifiers, is_once = 0, False
            while self._skip_ignored(options) and (quantifier := self._quantifier()):
                if not n_quantifiers and not is_group:
                    self._check_target(node, first)
                if n_quantifiers == MAX_DEPTH:
                    self._fail(f"more than {MAX_DEPTH} quantifiers after a term", first)
                if is_once:  # the engine sometimes applies it to the last character only
                    self._fail("a quantifier after {1}")
                is_once = quantifier[:2] == (1, 1)
                node = self._repeat(node, *quantifier, is_separate=is_group and not n_quantifiers)
                n_quantifiers += 1
            nodes.extend(node.nodes if isinstance(node, Sequence) else (node,))
        self._check_full_folds(nodes, start)
        return nodes[0] if len(nodes) == 1 else Sequence(tuple(nodes))

    def _skip_ignored(self, options: _Options) -> bool:
        """Skip comments and, in the extended syntax, white space; return whether text is left."""
        while self.at < len(self.pattern):
            if self.pattern.startswith("(?#", self.at):
                end = re.compile(r"(?:[^\\)]|\\.)*\)", re.DOTALL).match(self.pattern, self.at + 3)
                if not end:
                    self._fail("unmatched (")
                self.at = end.end()
            elif options.is_extended and self._rest() in " \t\n\r\f":
                self.at += 1
            elif options.is_extended and self._rest() == "#":
                self.at = (self.pattern.find("\n", self.at) + 1) or len(self.pattern)
            else:
                return True
        return False

    def _term(self, options: _Options) -> tuple[Node, bool]:
        """Parse one character, class, anchor or group. Also return whether it is a capturing group.

        A group with options is like a capturing group: quantifiers inside and after it stay apart.
        """
        c = self._rest()
        if c == "(":
            return self._group(options)
        if c == "[":
            return self._class(options), False
        if c in "*+?" or (c == "{" and _INTERVAL.match(self.pattern, self.at)):
            self._fail("nothing to repeat")
        if c == "\\":
            return self._escape(options), False
        self.at += 1
        if c == ".":
            return (ANY if options.dot_is_any else NOT_NEWLINE), False
        if c in "^$":
            return (LINE_BEGIN if c == "^" else LINE_END), False
        return self._character(ord(c), options), False

    def _character(self, code_point: int, options: _Options) -> OneOf:
        members, c = sets.interval(code_point, code_point), chr(code_point)
        if not options.ignores_case:
            return OneOf(members)
        if c in sets.full_folds():
            self._fail(f"{c}, which matches {sets.full_folds()[c]!r} if case is ignored,")
        return OneOf(sets.fold_code_point(code_point), c)

    def _check_full_folds(self, nodes: list[Node], at: int) -> None:
        """Refuse text that matches a single code point if case is ignored, such as "ss"."""
        text = "".join(node.folded or "\n" if isinstance(node, OneOf) else "\n" for node in nodes)
        if text.strip("\n") and (c := sets.find_full_fold(text)):
            self._fail(f"{sets.full_folds()[c]!r}, which matches {c} if case is ignored,", at)

    def _group(self, options: _Options) -> tuple[Node, bool]:
        start = self.at
        match = self._take(_GROUP)
        if match is None:
            if self.pattern.startswith("(*", start):
                self._fail("a callout")
            return self._option_group(options, start)
        kind = match[1]
        is_capture = len(kind) > len("?<=") or (not kind and not self.has_names)
        was_behind = self.in_look_behind
        if was_behind and (is_capture or kind in ("?=", "?!", "?<=", "?<!", "?>")):
            self._fail("a group that is not supported in a look-behind", start)
        self.in_look_behind = was_behind or kind in ("?<=", "?<!")
        node = self._choice(options)
        self.in_look_behind = was_behind
        if not self._skip(")"):
            self._fail("unmatched (", start)
        if kind == "?>":
            return Atomic(node), False
        if kind in ("?<=", "?<!"):
            for branch in node.nodes if isinstance(node, Choice) else (node,):
                parts = branch.nodes if isinstance(branch, Sequence) else ()
                if sum(isinstance(part, Repeat) for part in parts) > 1 and not shortest(branch):
                    self._fail("a look-behind that may be empty", start)
        if kind in ("?=", "?!", "?<=", "?<!"):
            return Look(node, "<" not in kind, "!" in kind), False
        return node, is_capture

    def _option_group(self, options: _Options, start: int) -> tuple[Node, bool]:
        match = self._take(_OPTIONS)
        if not match:
            self._fail("a group that is not supported", start)
        is_on = True
        for letter in match[1]:
            if letter == "-":
                is_on = False
            elif letter == "i":
                options = options._replace(ignores_case=is_on)
            elif letter == "m":
                options = options._replace(dot_is_any=is_on)
            else:
                options = options._replace(is_extended=is_on)
        node = self._choice(options)
        if match[2] == ":" and not self._skip(")"):
            self._fail("unmatched (", start)
        return node, True

    def _quantifier(self) -> tuple[int, int | None, str] | None:
        r"""Parse a quantifier; return its limits and "", "?" or "+" for its mode. None if there is none."""
        low: int
        high: int | None
        if self._rest() in ("*", "+", "?") and self._rest():
            c = self._rest()
            self.at += 1
            low, high = {"*": (0, None), "+": (1, None), "?": (0, 1)}[c]
            mode = self._rest() if self._rest() in ("?", "+") else ""
            self.at += len(mode)
            return low, high, mode
        match = self._take(_INTERVAL)
        if not match:
            return None
        if match[4] is not None:
            low, high, is_fixed = 0, _to_number(match[4]), False
        else:
            low, is_fixed = _to_number(match[1]), not match[2]
            high = low if is_fixed else _to_number(match[3]) if match[3] else None
        if max(low, high or 0) > MAX_REPEAT:
            self._fail(f"a number above {MAX_REPEAT}", match.start())
        if high is not None and low > high:
            self._fail("an interval with a first number above the second", match.start())
        mode = "?" if not is_fixed and self._skip("?") else ""
        return low, high, mode

    def _check_target(self, node: Node, at: int) -> None:
        is_choice = isinstance(node, Choice) and not _is_condition(node)
        for part in node.nodes if is_choice else (node,):  # type: ignore[union-attr]
            if isinstance(part, Look) or _is_condition(part):
                self._fail("a quantifier after a condition", at)

    def _repeat(self, node: Node, low: int, high: int | None, mode: str, is_separate: bool) -> Node:
        is_lazy = mode == "?"
        if isinstance(node, Repeat) and not is_separate and (is_lazy or node.is_lazy):
            # The engine simplifies some of these, which changes the order in which matches are tried.
            self._fail("a lazy quantifier after a quantifier, or the reverse,")
        if (low > 1 or high not in (0, 1, None)) and shortest(node) == 0:
            # The engine counts an empty repetition or ends the loop, depending on the size of the program.
            self._fail("an interval after an expression that may be empty")
        repeated = Repeat(node, low, high, is_lazy)
        if mode == "+":
            if self.in_look_behind:
                self._fail("a possessive quantifier in a look-behind")
            return Atomic(repeated)
        return repeated

    # Escapes

    def _escape(self, options: _Options) -> Node:
        c = self.pattern[self.at + 1 : self.at + 2]
        if c and c.lower() in _TYPES:
            self.at += 2
            members = _property(_TYPES[c.lower()])
            return OneOf(members if c.islower() else sets.complement(members))
        if self.in_look_behind and c in ("b", "B", "z", "Z", "R"):
            self._fail(f"\\{c} in a look-behind")
        if c in _symbols():
            self.at += 2
            return _symbols()[c]
        if match := _PROPERTY.match(self.pattern, self.at):
            return OneOf(self._read_property(match))
        if _REFUSED.match(self.pattern, self.at):
            self._fail(f"\\{c}")
        return self._character(self._escaped_code_point(), options)

    def _read_property(self, match: re.Match[str], in_brackets: bool = False) -> CodePoints:
        name = match[3]
        is_narrow = in_brackets and sets.property_key(name) == "word"
        members = sets.find_property("[:word:]" if is_narrow else name)
        if members is None or ":" in name:
            self._fail(f"the property {name!r}, which is unknown,")
        self.at = match.end()
        return sets.complement(members) if (match[1] == "P") != bool(match[2]) else members

    def _escaped_code_point(self) -> int:
        r"""Parse an escaped character, such as ``\n``, ``\x41``, ``\x{2581}``, ``\u2581`` or ``\.``."""
        start = self.at
        c = self.pattern[start + 1 : start + 2]
        if not c:
            self._fail(r"\ at the end,")
        if match := self._take(_CODE_POINT):
            code_point = int(match[1] or match[2] or match[3], 8 if match[3] else 16)
            if code_point >= sets.N_CODE_POINTS or 0xD800 <= code_point < 0xE000:
                self._fail("a number that is not a code point,", start)
            return code_point
        if match := _BYTES.match(self.pattern, start):
            data = bytes(int(number, 16) for number in match[0].split("\\x")[1:])
            length = 1 + (data[0] >= 0xC0) + (data[0] >= 0xE0) + (data[0] >= 0xF0)
            try:
                character = data[:length].decode()
            except UnicodeDecodeError:
                self._fail("bytes that are not UTF-8", start)
            for _ in range(length):
                self._take(re.compile(r"\\x[0-9a-fA-F]{1,2}"))
            return ord(character)
        if match := self._take(re.compile(r"\\(0[0-7]{0,2})")):
            return int(match[1], 8)
        if c in "xuo" or c in "cCM" or c.isdigit():
            self._fail(f"\\{c}")
        self.at += 2
        return _CONTROLS.get(c, ord(c))

    # Classes

    def _class(self, options: _Options) -> Node:
        members, is_negative = self._bracket(0)
        if options.ignores_case:
            folds = {} if is_negative else sets.full_folds()
            hits = sets.contains(members, np.array([ord(c) for c in folds], np.int64))
            for i in np.flatnonzero(hits)[:1].tolist():
                c, folding = list(folds.items())[i]
                self._fail(f"a class with {c}, which matches {folding!r} if case is ignored,")
            members = sets.fold(members)
        return OneOf(sets.complement(members) if is_negative else members)

    def _bracket(self, depth: int) -> tuple[CodePoints, bool]:
        """Parse a class; return its code points, before negation, and whether it is negated."""
        start = self.at
        if depth > MAX_DEPTH:
            self._fail(f"more than {MAX_DEPTH} classes in classes")
        self.at += 1
        is_negative = self._skip("^")
        if self._rest() == "]" and not self._has_another_bracket():
            self._fail("an empty class", start)
        parts: list[CodePoints] = []  # the sets of which `&&` makes the intersection
        items: list[CodePoints] = []
        previous = ""  # kind of the item before: "value", "range", "class" or, at the beginning, ""
        value = -1  # the item before, if it is a value
        is_first = True
        while is_first or self._rest() != "]":
            if self.at >= len(self.pattern):
                self._fail("unmatched [", start)
            if self._skip("&&"):
                parts.append(sets.union(*items))
                items, previous = [], ""
            elif self._rest() == "-" and previous == "value" and not self._ends_items(1):
                self.at += 1
                kind, members, last = self._item(depth)
                if kind != "value":
                    self._fail("a range that ends with a class")
                if last < value:
                    self._fail("an empty range")
                items[-1] = sets.interval(value, last)
                previous = "range"
            elif self._rest() == "-" and previous == "class" and not self._ends_items(1):
                self._fail("a range that begins with a class")
            else:
                previous, members, value = self._item(depth, allow_bracket=is_first)
                items.append(members)
            is_first = False
        self.at += 1
        parts.append(sets.union(*items))
        members = sets.combine(lambda *found: np.logical_and.reduce(found), *parts)
        return members, is_negative

    def _has_another_bracket(self) -> bool:
        return re.compile(r"(?:[^\\\]]|\\.)*\]", re.DOTALL).match(self.pattern, self.at + 1) is not None

    def _ends_items(self, ahead: int) -> bool:
        return self.pattern.startswith(("]", "&&"), self.at + ahead)

    def _item(self, depth: int, allow_bracket: bool = False) -> tuple[str, CodePoints, int]:
        """Parse an item of a class: return its kind, its set and, if it is a value, the code point."""
        c = self._rest()
        if c == "[":
            if match := self._take(_POSIX):
                members = sets.find_property(f"[:{match[2]}:]")
                if members is None:
                    self._fail(f"the POSIX bracket {match[0]}", match.start())
                return "class", sets.complement(members) if match[1] else members, -1
            if self.pattern.startswith("[:", self.at):
                self._fail("[: in a class")
            members, is_negative = self._bracket(depth + 1)
            return "class", sets.complement(members) if is_negative else members, -1
        if c == "\\":
            letter = self.pattern[self.at + 1 : self.at + 2]
            if letter and letter.lower() in _TYPES:
                self.at += 2
                members = _property(f"[:{_TYPES[letter.lower()]}:]")
                return "class", members if letter.islower() else sets.complement(members), -1
            if match := _PROPERTY.match(self.pattern, self.at):
                return "class", self._read_property(match, in_brackets=True), -1
            if letter == "b":
                self.at += 2
                return "value", sets.interval(8, 8), 8
            if letter and letter in "123456789":
                self._fail(f"\\{letter}")
            value = self._escaped_code_point()
        else:
            if not c or (c == "]" and not allow_bracket):
                self._fail("unmatched [")
            self.at += 1
            value = ord(c)
        return "value", sets.interval(value, value), value


def _to_number(digits: str) -> int:
    """Return the number that digits write, or one above MAX_REPEAT; ``int`` refuses thousands of digits."""
    return int(digits.lstrip("0")[: len(str(MAX_REPEAT)) + 1] or "0")


def shortest(node: Node) -> int:
    """Return the length of the shortest text that may match; for conditions, 0."""
    if isinstance(node, OneOf):
        return 1
    if isinstance(node, Sequence):
        return sum(map(shortest, node.nodes))
    if isinstance(node, Choice):
        return min(map(shortest, node.nodes))
    if isinstance(node, Repeat):
        return node.low * shortest(node.node)
    return 0 if isinstance(node, Look) else shortest(node.node)


def _property(name: str) -> CodePoints:
    found = sets.find_property(name)
    assert found is not None  # noqa: S101
    return found


def _boundary(is_negative: bool) -> Node:
    word = OneOf(_property("word"))
    before, not_before = Look(word, False, False), Look(word, False, True)
    after, not_after = Look(word, True, False), Look(word, True, True)
    if is_negative:
        return Choice((Sequence((before, after)), Sequence((not_before, not_after))))
    return Choice((Sequence((before, not_after)), Sequence((not_before, after))))


@lru_cache(maxsize=1)
def _symbols() -> dict[str, Node]:
    """Return the escapes outside of classes."""
    return {
        "A": TEXT_BEGIN,
        "z": TEXT_END,
        "Z": LAST_LINE_END,
        "b": _boundary(False),
        "B": _boundary(True),
        "R": GENERAL_NEWLINE,
        "N": NOT_NEWLINE,
        "O": ANY,
    }


def _is_condition(node: Node) -> bool:
    return node in (LINE_BEGIN, LINE_END, LAST_LINE_END, _symbols()["b"], _symbols()["B"])
