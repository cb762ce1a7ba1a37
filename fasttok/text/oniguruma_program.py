"""Compiler from the trees of ``oniguruma_syntax`` to programs for the matcher, ``_matcher``.

Code points that belong to the same sets of a tree are one symbol, so the matcher needs no other tables. The
compiler computes the symbols with which each part of the tree can begin. So the matcher tries only branches
that can begin with the next symbol, and remembers no shorter runs of code points where the rest of the
expression cannot match after them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from itertools import groupby
from typing import NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import PatternError
from fasttok.text.oniguruma_syntax import Atomic, Choice, Look, Node, OneOf, Repeat, Sequence
from fasttok.text.unicode import code_point_sets as sets

MAX_INSTRUCTIONS = 1 << 20
MAX_MEMBERSHIPS = 1 << 27  # sets times symbols
END = 0  # symbol before the begin and after the end of a text
PAGE = 256  # code points


class Op(IntEnum):
    """Operations, in the order of ``_matcher``."""

    ACCEPT = 0
    ONE = 1
    ONE_BEFORE = 2
    AHEAD = 3
    BEHIND = 4
    RUN = 5
    RUN_ALL = 6
    RUN_LAZY = 7
    BRANCH = 8
    RESET = 9
    COUNT = 10
    COUNT_LAZY = 11
    MARK = 12
    CHECK = 13
    ENTER = 14
    CUT = 15
    RETURN = 16
    REFUTE_BEGIN = 17
    REFUTE = 18


# Operations at which the matcher drops all entries of the match or group, so that they are never used.
_DROPPING = (Op.ACCEPT, Op.CUT, Op.RETURN, Op.REFUTE)


class Program(NamedTuple):
    """Arguments of ``_matcher.Matcher``."""

    code: NDArray[np.int32]
    sets: NDArray[np.uint64]
    page_of: NDArray[np.uint16]
    pages: NDArray[np.uint16]
    n_registers: int
    start: int
    first: int


def write_program(tree: Node, pattern: str) -> Program:
    """Compile the tree of a pattern.

    Raises
    ------
    PatternError
        If the program would be too large.
    """
    return _Writer(tree, pattern).program(tree)


class _Writer:
    """Instructions so far, each with the fields of ``Instruction`` in ``_matcher``.

    Instructions are written from the end of the expression to its begin, since each names the next one. A set
    of symbols is an integer with one bit per symbol.
    """

    def __init__(self, tree: Node, pattern: str) -> None:
        self.pattern = pattern
        distinct = {node.members.tobytes(): node.members for node in _list_sets(tree)}
        self.code: list[tuple[int, ...]] = []
        self.n_registers = 0
        self.page_of, self.pages, examples = _make_symbols(list(distinct.values()))
        self.n_words = len(examples) // 64 + 1
        if len(distinct) * len(examples) > MAX_MEMBERSHIPS or len(examples) >= 1 << 16:
            self.fail("it has too many different sets of characters")
        self.all = (2 << len(examples)) - 1
        self.masks = {key: _to_mask(sets.contains(points, examples)) for key, points in distinct.items()}
        self.used: dict[int, int] = {}  # index of the first word of each set in the program
        self.openings: dict[Node, tuple[int, int]] = {}
        self.looks_behind = False

    def program(self, tree: Node) -> Program:
        start = self.write(tree, self.emit(Op.ACCEPT), self.all)
        first = self.place(self.begins(tree, self.all))
        if len(self.used) * self.n_words > MAX_MEMBERSHIPS // 64:
            self.fail("it has too many different sets of characters")
        rows = b"".join(members.to_bytes(8 * self.n_words, "little") for members in self.used)
        return Program(
            np.array(self.code, np.int32),
            np.frombuffer(rows, np.uint64),
            self.page_of,
            self.pages,
            self.n_registers,
            start,
            first,
        )

    def fail(self, why: str) -> NoReturn:
        raise PatternError(f"pattern {self.pattern!r} is not supported: {why}")

    def emit(
        self,
        op: Op,
        next: int = 0,
        other: int = 0,
        first: int = 0,
        rest: int = 0,
        limits: tuple[int, int] = (0, 0),
        register: int = 0,
        at: int | None = None,
    ) -> int:
        """Write an instruction, at the end or at a reserved place; return its place."""
        if at is None:
            at = self.reserve()
        self.code[at] = (op, next, other, self.place(first), self.place(rest), *limits, register)
        return at

    def reserve(self) -> int:
        """Return the place of an instruction that is written later."""
        if len(self.code) == MAX_INSTRUCTIONS:
            self.fail(f"it needs more than {MAX_INSTRUCTIONS} instructions")
        self.code.append((Op.BRANCH,))
        return len(self.code) - 1

    def new_register(self, n: int = 1) -> int:
        self.n_registers += n
        return self.n_registers - n

    def place(self, members: int) -> int:
        """Return the index of the first word of a set in the program."""
        return self.used.setdefault(members, len(self.used) * self.n_words)

    # What a node is and how it begins

    def members(self, node: Node) -> int | None:
        """Return the symbols of a node that always reads one code point of a set; else None."""
        if isinstance(node, OneOf):
            return self.masks[node.members.tobytes()]
        found = [self.members(child) for child in node.nodes] if isinstance(node, Choice) else [None]
        return None if None in found else _union(found)  # type: ignore[arg-type]

    def begins(self, node: Node, after: int) -> int:
        """Return the symbols that can be next where a node matches before one of the symbols `after`.

        The result may have more symbols than necessary, never fewer.
        """
        if self.looks_behind:
            return self.all
        own, passed = self.opening(node)
        return own | after & passed

    def opening(self, node: Node) -> tuple[int, int]:
        """Return the symbols that a node can read first, and those before which its match can be empty."""
        if node not in self.openings:
            self.openings[node] = self.find_opening(node)
        return self.openings[node]

    def find_opening(self, node: Node) -> tuple[int, int]:
        members = self.members(node)
        if members is not None:
            return members, 0
        if isinstance(node, Sequence):
            own, passed = 0, self.all
            for first, may_follow in map(self.opening, reversed(node.nodes)):
                own, passed = first | may_follow & own, may_follow & passed
            return own, passed
        if isinstance(node, Choice):
            firsts, passes = zip(*map(self.opening, node.nodes), strict=True)
            return _union(firsts), _union(passes)
        if isinstance(node, Repeat):
            own, passed = self.opening(node.node)
            return own if node.high != 0 else 0, passed if node.low else self.all
        if isinstance(node, Atomic):
            return self.opening(node.node)
        assert isinstance(node, Look)  # noqa: S101
        members = self.members(node.node)
        if not node.is_ahead or (node.is_negative and members is None):
            return 0, self.all
        own, passed = self.opening(node.node)
        return 0, self.all ^ own if node.is_negative else own | passed

    # Instructions

    def write(self, node: Node, next: int, after: int) -> int:
        """Write a node; return its first instruction.

        `next` is the instruction after the node. `after` has the symbols with which the text after the node
        can begin if the rest of the expression matches.
        """
        members = self.members(node)
        if members is not None:
            return self.emit(Op.ONE_BEFORE if self.looks_behind else Op.ONE, next, first=members)
        if isinstance(node, Sequence):
            for child in node.nodes if self.looks_behind else reversed(node.nodes):
                next, after = self.write(child, next, after), self.begins(child, after)
            return next
        if isinstance(node, Choice):
            return self.write_choice(node, next, after)
        if isinstance(node, Repeat):
            return self.write_repeat(node, next, after)
        if isinstance(node, Look):
            return self.write_look(node, next)
        assert isinstance(node, Atomic)  # noqa: S101
        register = self.new_register(2)
        cut = self.emit(Op.CUT, next, register=register)
        return self.emit(Op.ENTER, self.write(node.node, cut, self.all), register=register)

    def write_choice(self, node: Choice, next: int, after: int) -> int:
        branches: list[Node] = []
        for is_set, neighbours in groupby(node.nodes, lambda child: self.members(child) is not None):
            group = tuple(neighbours)
            branches += [Choice(group)] if is_set else group
        *others, last = branches
        at, rest = self.write(last, next, after), self.begins(last, after)
        for child in reversed(others):
            begins = self.begins(child, after)
            at = self.emit(Op.BRANCH, self.write(child, next, after), at, begins, rest)
            rest |= begins
        return at

    def write_repeat(self, node: Repeat, next: int, after: int) -> int:
        low, high, child = node.low, node.high, node.node
        if high == 0:
            return next
        if low == high == 1:
            return self.write(child, next, after)
        members = None if self.looks_behind else self.members(child)
        if members is not None:
            more = -1 if high is None else high - low
            is_final = self.code[next][0] in _DROPPING
            op = Op.RUN_LAZY if node.is_lazy else Op.RUN
            if not members & after or not more or (is_final and not node.is_lazy):
                op = Op.RUN_ALL
            return self.emit(op, next, first=members, rest=after, limits=(low, more))
        begins = self.begins(child, after)
        at = self.reserve()
        if low > 1 or high not in (1, None):
            register = self.new_register()
            body = self.write(child, at, begins | after)
            op = Op.COUNT_LAZY if node.is_lazy else Op.COUNT
            limits = (low, -1 if high is None else high)
            self.emit(op, next, body, begins, after, limits, register, at)
            return self.emit(Op.RESET, at, register=register)
        if high == 1:
            body = self.write(child, next, after)
        elif not self.opening(child)[1]:
            body = self.write(child, at, begins | after)
        else:  # an empty repetition ends the loop
            register = self.new_register()
            check = self.emit(Op.CHECK, at, next, register=register)
            body = self.emit(Op.MARK, self.write(child, check, begins | after), register=register)
        if node.is_lazy:
            self.emit(Op.BRANCH, next, body, after, begins, at=at)
        else:
            self.emit(Op.BRANCH, body, next, begins, after, at=at)
        return body if low else at

    def write_look(self, node: Look, next: int) -> int:
        members = self.members(node.node)
        if members is not None:
            op = Op.AHEAD if node.is_ahead else Op.BEHIND
            return self.emit(op, next, first=self.all ^ members if node.is_negative else members)
        was_behind, self.looks_behind = self.looks_behind, not node.is_ahead
        register = self.new_register(2)
        end = self.emit(Op.REFUTE if node.is_negative else Op.RETURN, next, register=register)
        body = self.write(node.node, end, self.all)
        self.looks_behind = was_behind
        return self.emit(Op.REFUTE_BEGIN if node.is_negative else Op.ENTER, body, next, register=register)


def _list_sets(node: Node) -> Iterator[OneOf]:
    if isinstance(node, OneOf):
        yield node
        return
    for child in node.nodes if isinstance(node, (Sequence, Choice)) else (node.node,):
        yield from _list_sets(child)


def _make_symbols(
    distinct: list[sets.CodePoints],
) -> tuple[NDArray[np.uint16], NDArray[np.uint16], NDArray[np.int64]]:
    """Return the page of every 256 code points, the symbols of each page, and a code point of each symbol.

    Symbols are counted from 1.
    """
    changes = {0: 0}  # the sets that change at a code point, as bits
    for i, points in enumerate(distinct):
        for point in points.tolist():
            changes[point] = changes.get(point, 0) ^ 1 << i
    changes.pop(sets.N_CODE_POINTS, None)
    bounds, symbols, members = sorted(changes), list[int](), 0
    symbol_of: dict[int, int] = {}
    examples: list[int] = []
    for bound in bounds:
        members ^= changes[bound]
        if members not in symbol_of:
            symbol_of[members] = len(symbol_of) + 1
            examples.append(bound)
        symbols.append(symbol_of[members])
    lengths = np.diff(bounds, append=sets.N_CODE_POINTS)
    table = np.repeat(np.array(symbols).astype(np.uint16), lengths)
    pages: dict[bytes, int] = {}
    page_of = [pages.setdefault(page.tobytes(), len(pages)) for page in table.reshape(-1, PAGE)]
    return np.array(page_of, np.uint16), np.frombuffer(b"".join(pages), np.uint16), np.array(examples)


def _to_mask(members: NDArray[np.bool_]) -> int:
    return int.from_bytes(np.packbits(members, bitorder="little").tobytes(), "little") << 1


def _union(masks: Iterable[int]) -> int:
    union = 0
    for mask in masks:
        union |= mask
    return union
