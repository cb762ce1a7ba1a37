"""`Drawing`: lines, boxes and words of an SVG, as the template ``drawing.svg`` draws them.

Lengths are in pixels. Lines and words have the colour of the text around the drawing, and boxes have colours
of their own, so that a drawing suits light and dark pages.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from fasttok.display.tables import measure_width

COLUMN = 38.0  # least width of a column; nine columns fit on the screen of a phone
BOX_HEIGHT = 32.0
_CHARACTER, _SMALL_CHARACTER = 8.0, 5.8  # widths of characters of 13 and 9.5 pixels


class Box(NamedTuple):
    """Box with a label, and a second line in small print.

    Attributes
    ----------
    x, y : float
        Middle of the box.
    width : float
        Width of the box.
    label, small : str
        First and second line; "" for none.
    kind : str
        Classes for the style: "best", "unknown", "plain".
    title : str
        Description for the pointer.
    """

    x: float
    y: float
    width: float
    label: str
    small: str
    kind: str
    title: str


class Line(NamedTuple):
    """Line along an SVG path, of the given width, opacity from 0 to 1, and class for the style."""

    path: str
    width: float
    opacity: float
    kind: str


class Word(NamedTuple):
    """Words with their middle at x, and their baseline at y; `kind` is "" or "small"."""

    x: float
    y: float
    text: str
    kind: str


@dataclass
class Drawing:
    """Content of a drawing. Boxes are drawn over words, and words over lines.

    Attributes
    ----------
    title, description : str
        Name and description for screen readers.
    width, height : float
        Size of the drawing.
    lines : list of Line
        Lines.
    dots : list of (float, float)
        Middles of dots.
    words : list of Word
        Words.
    boxes : list of Box
        Boxes.
    """

    title: str
    description: str
    width: float = 0.0
    height: float = 0.0
    lines: list[Line] = field(default_factory=list)
    dots: list[tuple[float, float]] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    boxes: list[Box] = field(default_factory=list)


def fit_width(text: str, small: str = "") -> float:
    """Return the width of a box for a label and a second line in small print.

    Examples
    --------
    >>> fit_width("low"), fit_width("l", small="rank 12")
    (34.0, 50.6)
    """
    return 10 + max(measure_width(text) * _CHARACTER, measure_width(small) * _SMALL_CHARACTER)


def mark_combining(text: str) -> str:
    r"""Return a label in which a combining mark at the start is put on a dotted circle.

    Examples
    --------
    >>> ascii(mark_combining("\u0301a")), mark_combining("a")
    ("'\\u25cc\\u0301a'", 'a')
    """
    return "\u25cc" + text if unicodedata.category(text[:1] or "a").startswith("M") else text


def join_labels(labels: Iterable[str]) -> str:
    r"""Return labels separated by ``|``, from left to right even if some are written from right to left.

    Examples
    --------
    >>> join_labels(["un", "aff"]), ascii(join_labels(["a", "\u05e9", "\u0301"]))
    ('un|aff', "'a|\\u2068\\u05e9\\u2069|\\u25cc\\u0301'")
    """
    return "|".join(
        f"\u2068{label}\u2069" if is_right_to_left(label) else mark_combining(label) for label in labels
    )


def is_right_to_left(text: str) -> bool:
    """Return whether a text has a character of a script that is written from right to left."""
    return any(unicodedata.bidirectional(character) in ("R", "AL") for character in text)
