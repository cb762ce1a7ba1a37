"""Charts as SVG that stands in a page and takes colours and typeface from it.

Matplotlib writes colours as numbers; those here are no colours but names, which `_to_page` replaces by
variables of the page, so that one drawing suits light, dark and paper. Text stays text. Every chart is drawn
twice, for a wide and for a narrow page, as what is scaled down cannot be read. The same data give the same
bytes.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

N_HUES = 7
N_COLOURS = 2 * N_HUES  # each hue twice: whole lines and filled marks, then dashed lines and hollow marks
OTHER = 0  # the colour of what is not told apart
MARKERS = ".os^Dvph"  # by hue, so that nobody needs to see these
MARKER_TEXTS = "·●■▲◆▼⬟⬢○□△◇▽⬠⬡"
WIDE, NARROW = 720, 350  # CSS pixels
_PLOT_HEIGHT = {WIDE: 380, NARROW: 270}
_LABEL_CHARACTERS = 26
_LABEL_HEIGHT = 15  # of a line of text
_CHARACTER_WIDTH = 6.4  # on average, at the size of labels
_INK, _MUTED, _GRID, _PAGE = "#010101", "#010102", "#010103", "#010104"
_VARIABLES = {_INK: "--ink", _MUTED: "--muted", _GRID: "--grid", _PAGE: "--page"}
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "fasttok",
    "font.size": 12,
    "axes.edgecolor": _MUTED,
    "axes.labelcolor": _MUTED,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.unicode_minus": False,
    "grid.color": _GRID,
    "text.color": _INK,
    "text.parse_math": False,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "ytick.left": False,
    "lines.linewidth": 2,
    "lines.markersize": 6,
}


class Drawing(NamedTuple):
    """A chart for wide and for narrow pages, both SVG."""

    wide: str
    narrow: str


@dataclass(frozen=True)
class Series:
    """A line of a chart.

    Attributes
    ----------
    label : str
        What it is called.
    colour : int
        From 1 to `N_COLOURS`, or `OTHER`.
    xs, ys : sequence of float
        Its points.
    """

    label: str
    colour: int
    xs: Sequence[float]
    ys: Sequence[float]


@dataclass(frozen=True)
class Axis:
    """An axis of a chart.

    Attributes
    ----------
    label : str
        What it shows and in which unit.
    is_log : bool
        Whether equal distances are equal ratios.
    ticks : sequence of float
        Where to mark it; Matplotlib's own places by default.
    limits : pair of float, optional
        Its ends.
    """

    label: str
    is_log: bool = False
    ticks: Sequence[float] = ()
    limits: tuple[float, float] | None = None


def draw_lines(
    name: str,
    series: Sequence[Series],
    x: Axis,
    y: Axis,
    *,
    markers: bool = False,
    diagonal: str = "",
    meets: bool = False,
) -> Drawing:
    """Lines in one pair of axes, labelled on wide pages.

    Parameters
    ----------
    name : str
        What the identifiers inside begin with; one of its own for every chart of a page.
    series : sequence of Series
        The lines; a line of one point is shown by its mark.
    x, y : Axis
        The axes.
    markers : bool
        Whether to mark the points of every line.
    diagonal : str
        What the line from corner to corner is called, if there is to be one.
    meets : bool
        Whether the lines end in much the same place: then their names stand in the order that they have half
        way, and not beside their ends.
    """

    def draw(figure: Figure, width: int) -> None:
        axes = figure.add_subplot()
        _set_axes(axes, x, y)
        if diagonal:
            axes.plot([0, 1], [0, 1], color=_MUTED, linewidth=1, linestyle=(0, (2, 3)))
            axes.text(0.5, 0.54, diagonal, color=_MUTED, ha="right")
        for line in sorted(series, key=lambda line: line.colour != OTHER):
            alone = len(line.xs) == 1
            axes.plot(
                line.xs,
                line.ys,
                color=_series_colour(line.colour),
                linewidth=1 if line.colour == OTHER else 2,
                linestyle=(0, (4, 2)) if line.colour > N_HUES else "-",
                marker=MARKERS[find_hue(line.colour)] if markers or alone else "",
                markerfacecolor=_PAGE if line.colour > N_HUES else _series_colour(line.colour),
            )
        room = 14
        if width == WIDE:
            longest = max((len(_shortened(line.label)) for line in series if line.colour), default=0)
            room = round(longest * _CHARACTER_WIDTH) + 40
        _set_margins(figure, width, _PLOT_HEIGHT[width], left=40, right=room)
        if width == WIDE:
            _label(axes, [line for line in series if line.colour], meets=meets)

    return _draw(name, _PLOT_HEIGHT, draw)


def draw_panels(name: str, panels: Sequence[Series], x: Axis, y: Axis) -> Drawing:
    """Bars, a small pair of axes for every series, all of one scale; otherwise as `draw_lines`."""
    columns = {WIDE: 4, NARROW: 2}
    heights = {width: 150 * math.ceil(len(panels) / n) + 30 for width, n in columns.items()}

    def draw(figure: Figure, width: int) -> None:
        n_columns = columns[width]
        n_rows = math.ceil(len(panels) / n_columns)
        top = max(max(panel.ys) for panel in panels)
        for i, panel in enumerate(panels):
            axes = figure.add_subplot(n_rows, n_columns, i + 1)
            is_left, is_last = i % n_columns == 0, i + n_columns >= len(panels)
            _set_axes(axes, Axis(x.label if is_last else "", ticks=x.ticks), Axis("", limits=(0, top * 1.08)))
            axes.bar(panel.xs, panel.ys, width=0.82, color=_series_colour(panel.colour))
            fits = round((width - 60) / n_columns / _CHARACTER_WIDTH) - 2
            axes.set_title(_shortened(panel.label, fits), loc="left", fontsize=12, color=_INK, pad=6)
            axes.tick_params(labelleft=is_left)
            if is_left:
                axes.set_ylabel(y.label)
        _set_margins(figure, width, heights[width], left=58, right=6, top=24)
        figure.subplots_adjust(wspace=0.14, hspace=0.62)

    return _draw(name, heights, draw)


def _draw(name: str, heights: dict[int, int], draw: Callable[[Figure, int], None]) -> Drawing:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    drawings = []
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # Names may be in any script; the page's typeface draws them, not the one Matplotlib measures with.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        for width in (WIDE, NARROW):
            figure = Figure((width / 72, heights[width] / 72), dpi=72)
            draw(figure, width)
            out = io.StringIO()
            hidden = dict.fromkeys(("Creator", "Date", "Format", "Type"))
            figure.savefig(out, format="svg", transparent=True, metadata=hidden)
            drawings.append(_to_page(out.getvalue(), f"{name}-{width}"))
    return Drawing(*drawings)


def _set_axes(axes: Axes, x: Axis, y: Axis) -> None:
    from matplotlib.ticker import FuncFormatter, NullLocator

    for scaled, axis, set_scale, set_limits in (
        (x, axes.xaxis, axes.set_xscale, axes.set_xlim),
        (y, axes.yaxis, axes.set_yscale, axes.set_ylim),
    ):
        if scaled.is_log:
            set_scale("log")
            axis.set_minor_locator(NullLocator())
        if scaled.ticks:
            axis.set_ticks(list(scaled.ticks))
        axis.set_major_formatter(FuncFormatter(lambda value, _: shorten_number(value)))
        if scaled.limits:
            set_limits(*scaled.limits)
    axes.set_xlabel(x.label)
    if y.label:
        axes.set_title(y.label, loc="left", fontsize=12, color=_MUTED, pad=10, x=-0.02)
    axes.spines["left"].set_visible(False)


def _set_margins(
    figure: Figure, width: int, height: int, *, left: int, right: int, top: int = 30, bottom: int = 46
) -> None:
    figure.subplots_adjust(left / width, bottom / height, 1 - right / width, 1 - top / height)


def _label(axes: Axes, series: Sequence[Series], *, meets: bool) -> None:
    """Write the names of the lines beside the axes, none over another; `meets` as in `draw_lines`."""
    axes.get_xlim(), axes.get_ylim()  # only now Matplotlib scales the axes
    ends = axes.transData.transform([(line.xs[-1], line.ys[-1]) for line in series])
    middle = [line.ys[len(line.ys) // 2] for line in series]
    order = sorted(range(len(series)), key=lambda i: (middle[i] if meets else ends[i][1], series[i].label))
    left, centre = axes.transAxes.transform((1, 0.5))
    places = [float(centre) if meets else float(ends[i][1]) for i in order]
    for i, height in zip(order, spread(places, _LABEL_HEIGHT), strict=True):
        line, colour = series[i], _series_colour(series[i].colour)
        begin = (left + 8, height) if meets else (ends[i][0] + 6, ends[i][1])
        points = axes.transData.inverted().transform([begin, (left + 22, height), (left + 26, height)])
        axes.plot(
            *zip(points[0], points[1], strict=True),
            color=colour if meets else _MUTED,  # what leads to a name must not look like data
            linewidth=2 if meets else 0.8,
            linestyle=((0, (4, 2)) if line.colour > N_HUES else "-") if meets else (0, (1, 3)),
            clip_on=False,
            scalex=False,
            scaley=False,
        )
        x, y = points[2]
        axes.text(x, y, _shortened(line.label), color=colour, va="center_baseline", fontweight="bold")


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Move ascending places apart as little as needed for `gap` between neighbours.

    Examples
    --------
    >>> spread([0, 1, 50], 10)
    [-4.5, 5.5, 50.0]
    """
    groups: list[tuple[float, int]] = []  # the middle of places that touch, and their number
    for place in places:
        middle, n = float(place), 1
        while groups and middle - groups[-1][0] < gap * (n + groups[-1][1]) / 2:
            before, n_before = groups.pop()
            middle, n = (before * n_before + middle * n) / (n_before + n), n_before + n
        groups.append((middle, n))
    return [middle + gap * (i - (n - 1) / 2) for middle, n in groups for i in range(n)]


def _series_colour(colour: int) -> str:
    """The name of a hue of the page: 0 for `OTHER`, else from 1."""
    return f"#0200{find_hue(colour):02x}"


def find_hue(colour: int) -> int:
    """The hue of a colour, from 1 to `N_HUES`; `OTHER` is 0.

    Examples
    --------
    >>> [find_hue(colour) for colour in (0, 1, 7, 8, 14)]
    [0, 1, 7, 1, 7]
    """
    return colour if colour == OTHER else (colour - 1) % N_HUES + 1


def _shortened(label: str, n: int = _LABEL_CHARACTERS) -> str:
    return label if len(label) <= n else label[: n - 1] + "…"


def shorten_number(value: float) -> str:
    """A number of an axis: 4k for 4,000, 1.5M for 1,500,000, and no more digits than it needs.

    Examples
    --------
    >>> [shorten_number(x) for x in (0, 0.25, 12, 4000, 1.5e6, 2e9)]
    ['0', '0.25', '12', '4k', '1.5M', '2G']
    """
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.3g}"


def _to_page(svg: str, name: str) -> str:
    """What Matplotlib wrote as part of a page: no declarations, its colours, identifiers of its own."""
    size = re.search(r'viewBox="0 0 (\S+) (\S+)"', svg)
    assert size is not None, "Matplotlib wrote no size"  # noqa: S101
    body = svg[svg.index(">", size.end()) + 1 :]
    for part in (r"<metadata>.*?</metadata>", r"<defs>\s*<style.*?</style>\s*</defs>", r"<!--.*?-->"):
        body = re.sub(part, "", body, flags=re.S)
    # Only what stands in tags: what reads like it in a label stays.
    body = re.sub(r"<[^>]*>", lambda tag: _to_page_tag(tag[0], name), body)
    return f'<svg viewBox="0 0 {size[1]} {size[2]}" width="{size[1]}" aria-hidden="true">{body.strip()}'


def _to_page_tag(tag: str, name: str) -> str:
    tag = re.sub(r' id="[a-z0-9]+(\.axis)?_\d+"', "", tag)  # of groups, to which nothing refers
    tag = re.sub(r' id="([^"]*)"', rf' id="{name}-\1"', tag)
    tag = re.sub(r"url\(#([^)]*)\)", rf"url(#{name}-\1)", tag)
    tag = re.sub(r'xlink:href="#([^"]*)"', rf'href="#{name}-\1"', tag)
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    tag = re.sub(r"font: ([^']*?px)[^;\"]*", r"font: \1 sans-serif", tag)
    tag = re.sub(r' transform="rotate\(-?0[^"]*"', "", tag)
    tag = re.sub(r"(\d\.\d{2})\d+", r"\1", tag)
    tag = re.sub(r"#0200([0-9a-f]{2})", lambda found: f"var(--s{int(found[1], 16)})", tag)
    for colour, variable in _VARIABLES.items():
        tag = tag.replace(colour, f"var({variable})")
    return re.sub(r"\s+", " ", tag)
