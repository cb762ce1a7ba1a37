"""Reads the SVG and HTML of drawings with the parsers of the standard library."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from html.parser import HTMLParser

SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {"svg", "title", "desc", "style", "path", "circle", "text", "g", "rect"}


@dataclass
class Read:
    """Content of a drawing: boxes with label and kind, their second lines, places, lines and words."""

    title: str
    description: str
    boxes: list[tuple[str, str]] = field(default_factory=list)
    smalls: list[str] = field(default_factory=list)
    places: list[tuple[float, float, float]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    size: tuple[float, float] = (0, 0)

    def overlaps(self) -> bool:
        """Return whether two boxes overlap, or one is outside of the drawing."""
        width, height = self.size
        return any(
            not 0 <= x <= x + w <= width or not 0 <= y <= y + 32 <= height for x, y, w in self.places
        ) or any(
            abs(y - other_y) < 32 and x < other_x + other_w and other_x < x + w
            for i, (x, y, w) in enumerate(self.places)
            for other_x, other_y, other_w in self.places[:i]
        )


def read_drawing(svg: str) -> Read:
    """Parse an SVG as XML, check its elements, and return its content."""
    root = ET.fromstring(svg)  # noqa: S314  (made by the test)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= ALLOWED
    assert root.get("role") == "img"
    assert [child.tag for child in root][:2] == [f"{SVG}title", f"{SVG}desc"]
    read = Read(root[0].text or "", root[1].text or "")
    read.size = float(root.get("width", 0)), float(root.get("height", 0))
    read.paths = [path.get("class", "") for path in root.findall(f"{SVG}path")]
    read.words = [word.text or "" for word in root.findall(f"{SVG}text")]
    for group in root.findall(f"{SVG}g"):
        first, *others = group.findall(f"{SVG}text")
        read.boxes.append((first.text or "", group.get("class", "").removeprefix("box ")))
        read.smalls += [one.text or "" for one in others]
        [rect] = group.findall(f"{SVG}rect")
        x, y, width = (float(rect.get(name, 0)) for name in ("x", "y", "width"))
        read.places.append((x, y, width))
    return read


class Page(HTMLParser):
    """Parser that collects the tags of a page, its titles and its table cells."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.titles: list[str] = []
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.titles += [value or "" for name, value in attrs if name == "title"]
        if tag not in ("br", "wbr"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data


def tags_of(page: str) -> set[str]:
    """Return the tags of a page, all of which must be closed."""
    read = Page(page)
    assert not read.open
    return read.tags
