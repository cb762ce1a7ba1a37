"""`MergeTree`: the merges by which byte-pair encoding makes the tokens of a word."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import cast

import numpy as np

from fasttok.display.colours import escape, label
from fasttok.display.drawings import (
    BOX_HEIGHT,
    COLUMN,
    Box,
    Drawing,
    Line,
    fit_width,
    join_labels,
    mark_combining,
)
from fasttok.display.rendering import render
from fasttok.display.tables import Table
from fasttok.models.bpe.model import BPEModel
from fasttok.text.unicode.utf8 import encode_utf8
from fasttok.tokenizer.tokenizer import Tokenizer

MOST_BYTES = 1_000  # maximum length of a text; the drawing of a longer one would be useless
_LEVEL = 50  # height of a level of the drawing in pixels
_MARGIN = 12  # width of its margins


@dataclass(frozen=True)
class MergeNode:
    """Symbol in a `MergeTree`: one that merging starts from, or the result of a merge.

    Attributes
    ----------
    id : int
        Id of the symbol.
    label : str
        Symbol in readable form; an unknown character as the text that it replaces, in ``⟦ ⟧``.
    rank : int or None
        Rank of the merge; None for a symbol that merging starts from.
    parts : tuple of int
        Indices of the left and the right part in `MergeTree.nodes`; empty without a merge.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=258)
    >>> tok.merge_tree("lo").nodes[-1]
    MergeNode(id=256, label='lo', rank=0, parts=(0, 1))
    """

    id: int
    label: str
    rank: int | None = None
    parts: tuple[int, ...] = ()


@dataclass(frozen=True, repr=False)
class MergeTree:
    """Merges by which byte-pair encoding makes the tokens of a text, as returned by `Tokenizer.merge_tree`.

    The merge with the lowest rank is applied first, of several the leftmost one, until none is possible.
    Pretokens are merged one after the other. A notebook draws the tree if jinja2 is installed;
    ``_repr_svg_`` returns the drawing as a file that stands alone. The ``repr`` is a table of the merges and
    a tree of text.

    Attributes
    ----------
    nodes : tuple of MergeNode
        Symbols in the order in which they arise. For each pretoken, these are the symbols that merging starts
        from, in the order of the text, and then the result of each merge.
    roots : tuple of int
        Indices of the tokens in `nodes`, in the order of the text.

    Examples
    --------
    >>> import fasttok as ft
    >>> tree = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=258).merge_tree("low")
    >>> [(node.label, node.rank, node.parts) for node in tree.nodes]
    [('l', None, ()), ('o', None, ()), ('w', None, ()), ('lo', 0, (0, 1)), ('low', 1, (3, 2))]
    >>> tree.roots
    (4,)
    """

    nodes: tuple[MergeNode, ...]
    roots: tuple[int, ...]

    @property
    def merges(self) -> tuple[MergeNode, ...]:
        """Results of the merges, in the order in which they are applied."""
        return tuple(node for node in self.nodes if node.parts)

    def __repr__(self) -> str:
        lines = [str(self._table()), ""] if self.merges else []
        for root in self.roots:
            lines += _write_branch(self.nodes, root, "", "")
        return "\n".join(lines)

    def _table(self) -> Table:
        merges = self.merges
        return Table(
            ["step", "rank", "merge", "piece"],
            len(merges),
            lambda i: [str(i + 1), str(merges[i].rank), _describe(self.nodes, merges[i]), merges[i].label],
            right=["step", "rank"],
        )

    def _repr_html_(self) -> str | None:
        summary = "Table of the merges"
        return render("figure.html", drawing=_draw(self), is_file=False, summary=summary, table=self._table())

    def _repr_svg_(self) -> str | None:
        return render("drawing.svg", drawing=_draw(self), is_file=True)


def make_merge_tree(tokenizer: Tokenizer, text: str | bytes) -> MergeTree:
    """Return the merges of a text; see `Tokenizer.merge_tree`.

    Takes O(n²) for a pretoken of n symbols, and O(m l) for m merges of the model in trees of l levels.
    """
    data = encode_utf8(text)
    if not isinstance(tokenizer.model, BPEModel):
        kind = tokenizer.model.kind
        advice = "; tok.model.lattice(text) has its segmentations" * hasattr(tokenizer.model, "lattice")
        raise ValueError(f"merge_tree needs a BPE model; one of kind {kind!r} has no merges{advice}")
    if len(data) > MOST_BYTES:
        raise ValueError(
            f"text must be a word or a short text of at most {MOST_BYTES:,} bytes, not {len(data):,} bytes"
        )
    tokenizer.count(data)  # raises errors that give their place in the text
    special_ids = set(tokenizer.special_tokens.values())
    # Plain text does not become a special token.
    model = cast("BPEModel", tokenizer.model.without_pieces(special_ids))
    added = {token: i for token, i in tokenizer.added_tokens.items() if i == model.unk_id}
    whole, bare = (Tokenizer(one, "none", added) for one in (model, model.without_merges()))
    if tokenizer.normalizer is not None:
        data = encode_utf8(tokenizer.normalizer.normalize(data))
    nodes: list[MergeNode] = []
    roots: list[int] = []
    pretokens = tokenizer.pretokenizer.split_text(data)
    symbols = [_list_leaves(bare, pretoken) for pretoken in pretokens]
    merges = _rank_merges(model, {leaf.id for leaves in symbols for leaf in leaves}, special_ids)
    for pretoken, leaves in zip(pretokens, symbols, strict=True):
        expected = whole.encode(pretoken).tolist()
        made, tokens = merge(leaves, merges, tokenizer, len(nodes))
        if [made[i - len(nodes)].id for i in tokens] != expected:  # ignore_merges: the pretoken is a piece
            made = [MergeNode(i, label(tokenizer, i)) for i in expected]
            tokens = list(range(len(nodes), len(nodes) + len(made)))
        nodes += made
        roots += tokens
    return MergeTree(tuple(nodes), tuple(roots))


def _rank_merges(
    model: BPEModel, symbols: Collection[int], excluded: Collection[int]
) -> dict[tuple[int, int], tuple[int, int]]:
    """Return the rank and the merged id of each pair that can arise from symbols, without excluded ids."""
    may_arise = np.zeros(max(len(model.pieces), (model.unk_id or 0) + 1), np.bool_)
    may_arise[list(symbols)] = True
    left, right = model.merges.T
    is_allowed = ~np.isin(model.merge_ids, list(excluded))
    rows, n_before = np.empty(0, np.int64), -1
    while len(rows) > n_before:
        n_before = len(rows)
        rows = np.flatnonzero(is_allowed & may_arise[left] & may_arise[right])
        may_arise[model.merge_ids[rows]] = True
    ranks = rows if model.merge_ranks is None else model.merge_ranks[rows]
    columns = (model.merges[rows].tolist(), ranks.tolist(), model.merge_ids[rows].tolist())
    return {(pair[0], pair[1]): (rank, i) for pair, rank, i in zip(*columns, strict=True)}


def _list_leaves(bare: Tokenizer, pretoken: bytes) -> list[MergeNode]:
    """Return the symbols of a pretoken, given a tokenizer without merges."""
    encoding = bare.encode_with_offsets(pretoken)
    spans = zip(encoding.ids.tolist(), encoding.byte_spans.tolist(), strict=True)
    return [
        MergeNode(i, f"⟦{escape(pretoken[start:end])}⟧" if i == bare.unk_id else label(bare, i))
        for i, (start, end) in spans
    ]


def merge(
    leaves: list[MergeNode],
    merges: Mapping[tuple[int, int], tuple[int, int]],
    tokenizer: Tokenizer,
    first: int,
) -> tuple[list[MergeNode], list[int]]:
    """Merge the symbols of a pretoken: always the pair of the lowest rank, and of several the leftmost one.

    Parameters
    ----------
    leaves : list of MergeNode
        Symbols of the pretoken.
    merges : mapping of (int, int) to (int, int)
        Rank and merged id of each pair of ids.
    tokenizer : Tokenizer
        Tokenizer that names the ids.
    first : int
        Index of the first symbol in `MergeTree.nodes`.

    Returns
    -------
    nodes : list of MergeNode
        The symbols, followed by the results of the merges in their order.
    tokens : list of int
        Indices of those that remain.
    """
    nodes, tokens = list(leaves), list(range(len(leaves)))
    while True:
        pairs = [(nodes[left].id, nodes[right].id) for left, right in pairwise(tokens)]
        found = [(*merges[pair], place) for place, pair in enumerate(pairs) if pair in merges]
        if not found:
            return nodes, [first + i for i in tokens]
        rank, merged, place = min(found, key=itemgetter(0))  # the first of several
        left, right = tokens[place : place + 2]
        tokens[place : place + 2] = [len(nodes)]
        nodes.append(MergeNode(merged, label(tokenizer, merged), rank, (first + left, first + right)))


def _describe(nodes: Sequence[MergeNode], node: MergeNode) -> str:
    return " + ".join(nodes[part].label for part in node.parts)


def _write_branch(nodes: Sequence[MergeNode], i: int, before: str, below: str) -> list[str]:
    """Return the lines of a node and of its parts, given what is written before its first and other lines."""
    lines: list[str] = []
    stack = [(i, before, below)]
    while stack:  # a loop, because trees can be deeper than the stack of Python
        i, before, below = stack.pop()
        lines.append(before + nodes[i].label)
        if nodes[i].parts:
            left, right = nodes[i].parts
            stack += [(right, f"{below}└─ ", f"{below}   "), (left, f"{below}├─ ", f"{below}│  ")]
    return lines


def _draw(tree: MergeTree) -> Drawing:
    """Return the drawing of a tree: tokens at the top, and at the bottom the symbols as in the text."""
    nodes = tree.nodes
    steps = {i: step for step, i in enumerate((i for i, node in enumerate(nodes) if node.parts), 1)}
    is_root = set(tree.roots)
    smalls = [f"{steps[i]}: rank {node.rank}" if node.parts else "" for i, node in enumerate(nodes)]
    leaves = _leaves_in_order(tree)
    place_of = {leaf: place for place, leaf in enumerate(leaves)}
    firsts, lasts, heights = [0] * len(nodes), [0] * len(nodes), [0] * len(nodes)
    column = COLUMN
    for i, node in enumerate(nodes):  # parts come before what is made of them
        if node.parts:
            left, right = node.parts
            firsts[i], lasts[i] = firsts[left], lasts[right]
            heights[i] = 1 + max(heights[left], heights[right])
        else:
            firsts[i] = lasts[i] = place_of[i]
        column = max(column, (fit_width(node.label, smalls[i]) + 4) / (lasts[i] - firsts[i] + 1))
    depth = max(heights, default=0)
    words = join_labels(nodes[i].label for i in tree.roots)
    drawing = Drawing(
        f"Merges of {words}",
        f"{len(steps):,} merge{'s' * (len(steps) != 1)}, {len(tree.roots):,} "
        f"token{'s' * (len(tree.roots) != 1)}: {words}",
        width=2 * _MARGIN + column * len(leaves),
        height=2 * _MARGIN + BOX_HEIGHT + depth * _LEVEL,
    )
    points = [
        (
            _MARGIN + column * (firsts[i] + lasts[i] + 1) / 2,
            _MARGIN + BOX_HEIGHT / 2 + (depth - heights[i]) * _LEVEL,
        )
        for i in range(len(nodes))
    ]
    for i, node in enumerate(nodes):
        x, y = points[i]
        for part in node.parts:
            x1, y1 = points[part]
            middle = (y + y1) / 2
            path = f"M{x:.1f} {y:.1f}C{x:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
            drawing.lines.append(Line(path, 1.5, 0.6, ""))
        title = f"{node.label}, id {node.id}"
        if node.parts:
            title += f", step {steps[i]}: {_describe(nodes, node)}, rank {node.rank}"
        kind = "best" if i in is_root else "unknown" if node.label.startswith("⟦") else "plain"
        width = fit_width(node.label, smalls[i])
        drawing.boxes.append(Box(x, y, width, mark_combining(node.label), smalls[i], kind, title))
    return drawing


def _leaves_in_order(tree: MergeTree) -> list[int]:
    """Return the indices of the symbols that merging starts from, in the order of the text."""
    leaves, stack = [], list(reversed(tree.roots))
    while stack:
        i = stack.pop()
        parts = tree.nodes[i].parts
        if parts:
            stack += reversed(parts)
        else:
            leaves.append(i)
    return leaves
