"""Oracles of the matcher and of `Split`: expressions of Oniguruma, translated to the ``regex`` module.

The translation does not depend on the Unicode tables of ``regex``. Code points that belong to the same sets
of the expression become one symbol. Text is translated to symbols, and the expression to one over symbols.
"""

from __future__ import annotations

import numpy as np
import regex

from fasttok.text.oniguruma_syntax import Atomic, Choice, Look, Node, OneOf, Repeat, Sequence, parse
from fasttok.text.unicode import code_point_sets as sets


class Oracle:
    """An expression, compiled."""

    def __init__(self, pattern: str) -> None:
        tree = parse(pattern)
        distinct = _list_sets(tree)
        bounds = np.unique(np.concatenate([sets.EVERYTHING, *distinct.values()]))
        members = np.array([sets.contains(points, bounds) for points in distinct.values()], np.bool_)
        members = members.reshape(len(distinct), len(bounds))
        _, symbols = np.unique(members, axis=1, return_inverse=True)
        self.bounds, self.symbols = bounds, symbols.ravel()
        rows = zip(distinct, members, strict=True)
        self.compiled = regex.compile(
            _translate(tree, {key: np.unique(self.symbols[row]).tolist() for key, row in rows})
        )

    def find(self, text: str) -> list[tuple[int, int]]:
        """Return the spans of the matches, in code points. An empty match right after another is skipped."""
        code_points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
        symbols = "".join(map(chr, self.symbols[np.searchsorted(self.bounds, code_points, "right") - 1]))
        spans: list[tuple[int, int]] = []
        position, previous_end = 0, -1
        while position <= len(symbols) and symbols:
            match = self.compiled.search(symbols, position)
            if match is None:
                break
            start, end = match.span()
            if start == end == previous_end:
                position += 1
                continue
            spans.append((start, end))
            position = previous_end = end
        return spans


def split(matches: list[tuple[int, int]], n: int, behavior: str, invert: bool) -> list[tuple[int, int]]:
    """Return the spans of the pretokens of a text of n code points, as ``Split`` of ``tokenizers`` does.

    An empty match counts as a match next to which other matches are not contiguous with text.
    """
    parts: list[tuple[int, int, bool]] = []  # matches, and the text between them
    position = 0
    for start, end in matches:
        if position < start:
            parts.append((position, start, invert))
        parts.append((start, end, not invert))
        position = end
    if position < n:
        parts.append((position, n, invert))
    if behavior == "removed":
        parts = [part for part in parts if not part[2]]
    elif behavior == "merged_with_next":
        # From the right: a match joins the text after it, unless this text begins with a match.
        spans: list[list[int]] = []
        previous = False
        for start, end, is_match in reversed(parts):
            if is_match and not previous and spans:
                spans[-1][0] = start
            else:
                spans.append([start, end])
            previous = is_match
        return [(start, end) for start, end in reversed(spans) if start < end]
    joined: list[list[int]] = []
    before: bool | None = None
    for start, end, is_match in parts:
        joins = behavior == "contiguous" and is_match == before
        joins |= behavior == "merged_with_previous" and is_match and before is False
        if joins:
            joined[-1][1] = end
        else:
            joined.append([start, end])
        before = is_match
    return [(start, end) for start, end in joined if start < end]


def _list_sets(node: Node) -> dict[bytes, sets.CodePoints]:
    if isinstance(node, OneOf):
        return {node.members.tobytes(): node.members}
    nodes = node.nodes if isinstance(node, (Sequence, Choice)) else (node.node,)
    return {key: members for child in nodes for key, members in _list_sets(child).items()}


def _translate(node: Node, symbols: dict[bytes, list[int]]) -> str:
    """Return a regular expression over symbols."""
    if isinstance(node, OneOf):
        found = symbols[node.members.tobytes()]
        return "[" + "".join(f"\\U{symbol:08x}" for symbol in found) + "]" if found else "(?!)"
    if isinstance(node, Sequence):
        return "".join(_grouped(child, symbols) for child in node.nodes)
    if isinstance(node, Choice):
        return "|".join(_translate(child, symbols) for child in node.nodes)
    if isinstance(node, Repeat):
        limits = f"{{{node.low},{'' if node.high is None else node.high}}}"
        return _grouped(node.node, symbols, always=True) + limits + "?" * node.is_lazy
    opening = "(?>"
    if isinstance(node, Look):
        opening = f"(?{'' if node.is_ahead else '<'}{'!' if node.is_negative else '='}"
    return f"{opening}{_translate(node.node, symbols)})"


def _grouped(node: Node, symbols: dict[bytes, list[int]], always: bool = False) -> str:
    translated = _translate(node, symbols)
    is_simple = isinstance(node, (OneOf, Atomic, Look)) or (not always and not isinstance(node, Choice))
    return translated if is_simple else f"(?:{translated})"
