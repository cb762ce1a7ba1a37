"""Draw charts as SVG that takes its colours and typeface from the surrounding page.

Matplotlib writes colours as hexadecimal numbers. The colours in this module are placeholders, which
`_to_page` replaces by CSS variables of the page, so that one drawing suits light pages, dark pages and paper.
Text remains text. Every chart is drawn twice, for wide and for narrow pages, since a scaled-down chart would
not be legible. The same data give the same bytes.
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
N_COLOURS = 2 * N_HUES  # each hue twice: solid lines with filled markers, dashed lines with hollow markers
OTHER = 0  # grey, shared by all families without a colour
MARKERS = ".os^Dvph"  # Matplotlib markers by hue, to tell lines apart without colours
MARKER_TEXTS = "·●■▲◆▼⬟⬢○□△◇▽⬠⬡"  # the markers as characters, by colour
WIDE, NARROW = 720, 350  # widths of a drawing in CSS pixels
_PLOT_HEIGHT = {WIDE: 380, NARROW: 270}  # in CSS pixels, by width
_LABEL_CHARACTERS = 26  # maximum length of a label
_LABEL_HEIGHT = 15  # height of a line of text in CSS pixels
_CHARACTER_WIDTH = 6.4  # average width of a character of a label in CSS pixels
_INK, _MUTED, _GRID, _PAGE = "#010101", "#010102", "#010103", "#010104"  # placeholders
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
    """Chart as two SVG elements, for wide and for narrow pages."""

    wide: str
    narrow: str


@dataclass(frozen=True)
class Series:
    """Line of a chart.

    Attributes
    ----------
    label : str
        Name of the line.
    colour : int
        Colour from 1 to `N_COLOURS`, or `OTHER`.
    xs, ys : sequence of float
        Coordinates of the points.
    """

    label: str
    colour: int
    xs: Sequence[float]
    ys: Sequence[float]


@dataclass(frozen=True)
class Axis:
    """Axis of a chart.

    Attributes
    ----------
    label : str
        Quantity and unit.
    is_log : bool
        Whether the scale is logarithmic.
    ticks : sequence of float
        Positions of the ticks; default: chosen by Matplotlib.
    limits : pair of float, optional
        Ends of the axis.
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
    shared_end: bool = False,
) -> Drawing:
    """Draw lines in one pair of axes, with labels next to the lines on wide pages.

    Parameters
    ----------
    name : str
        Prefix of the identifiers in the SVG; must be unique on the page.
    series : sequence of Series
        Lines; a line with a single point is drawn as a marker.
    x, y : Axis
        Axes of the chart.
    markers : bool
        Whether to draw markers at the points.
    diagonal : str
        Label of a diagonal line from corner to corner; "" for no diagonal.
    shared_end : bool
        Whether all lines end at about the same point. If True, labels are sorted by the middle points of the
        lines and are not placed next to the ends.
    """

    def draw(figure: Figure, width: int) -> None:
        axes = figure.add_subplot()
        _set_axes(axes, x, y)
        if diagonal:
            axes.plot([0, 1], [0, 1], color=_MUTED, linewidth=1, linestyle=(0, (2, 3)))
            axes.text(0.5, 0.54, diagonal, color=_MUTED, ha="right")
        for line in sorted(series, key=lambda line: line.colour != OTHER):
            is_point = len(line.xs) == 1
            axes.plot(
                line.xs,
                line.ys,
                color=_series_colour(line.colour),
                linewidth=1 if line.colour == OTHER else 2,
                linestyle=(0, (4, 2)) if line.colour > N_HUES else "-",
                marker=MARKERS[find_hue(line.colour)] if markers or is_point else "",
                markerfacecolor=_PAGE if line.colour > N_HUES else _series_colour(line.colour),
            )
        right = 14
        if width == WIDE:
            longest = max((len(_shortened(line.label)) for line in series if line.colour), default=0)
            right = round(longest * _CHARACTER_WIDTH) + 40
        _set_margins(figure, width, _PLOT_HEIGHT[width], left=40, right=right)
        if width == WIDE:
            _label(axes, [line for line in series if line.colour], shared_end=shared_end)

    return _draw(name, _PLOT_HEIGHT, draw)


def draw_panels(name: str, panels: Sequence[Series], x: Axis, y: Axis) -> Drawing:
    """Draw one small bar chart per series, all with the same scale; parameters as for `draw_lines`."""
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
    """Call `draw` with a figure of each width and return both as SVG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    drawings = []
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # Names may be in any script. The browser draws them with the typeface of the page, so glyphs that
        # are missing from Matplotlib's font do not matter.
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
    """Set the scales, ticks and labels of the axes."""
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
    """Set the margins of a figure in CSS pixels."""
    figure.subplots_adjust(left / width, bottom / height, 1 - right / width, 1 - top / height)


def _label(axes: Axes, series: Sequence[Series], *, shared_end: bool) -> None:
    """Write the labels of the lines to the right of the axes, without overlaps."""
    axes.get_xlim(), axes.get_ylim()  # make Matplotlib compute the limits
    ends = axes.transData.transform([(line.xs[-1], line.ys[-1]) for line in series])
    middle = [line.ys[len(line.ys) // 2] for line in series]
    order = sorted(
        range(len(series)), key=lambda i: (middle[i] if shared_end else ends[i][1], series[i].label)
    )
    left, centre = axes.transAxes.transform((1, 0.5))
    heights = [float(centre) if shared_end else float(ends[i][1]) for i in order]
    for i, height in zip(order, spread(heights, _LABEL_HEIGHT), strict=True):
        line, colour = series[i], _series_colour(series[i].colour)
        start = (left + 8, height) if shared_end else (ends[i][0] + 6, ends[i][1])
        points = axes.transData.inverted().transform([start, (left + 22, height), (left + 26, height)])
        axes.plot(
            *zip(points[0], points[1], strict=True),
            color=colour if shared_end else _MUTED,  # a leader line must not look like data
            linewidth=2 if shared_end else 0.8,
            linestyle=((0, (4, 2)) if line.colour > N_HUES else "-") if shared_end else (0, (1, 3)),
            clip_on=False,
            scalex=False,
            scaley=False,
        )
        x, y = points[2]
        axes.text(x, y, _shortened(line.label), color=colour, va="center_baseline", fontweight="bold")


def spread(positions: Sequence[float], gap: float) -> list[float]:
    """Move ascending positions apart, as little as needed for a distance of at least `gap`.

    Examples
    --------
    >>> spread([0, 1, 50], 10)
    [-4.5, 5.5, 50.0]
    """
    groups: list[tuple[float, int]] = []  # groups of touching positions: their middle and their number
    for position in positions:
        middle, n = float(position), 1
        while groups and middle - groups[-1][0] < gap * (n + groups[-1][1]) / 2:
            before, n_before = groups.pop()
            middle, n = (before * n_before + middle * n) / (n_before + n), n_before + n
        groups.append((middle, n))
    return [middle + gap * (i - (n - 1) / 2) for middle, n in groups for i in range(n)]


def _series_colour(colour: int) -> str:
    """Return the placeholder of the hue of a colour."""
    return f"#0200{find_hue(colour):02x}"


def find_hue(colour: int) -> int:
    """Return the hue of a colour, from 1 to `N_HUES`; 0 for `OTHER`.

    Examples
    --------
    >>> [find_hue(colour) for colour in (0, 1, 7, 8, 14)]
    [0, 1, 7, 1, 7]
    """
    return colour if colour == OTHER else (colour - 1) % N_HUES + 1


def _shortened(label: str, n: int = _LABEL_CHARACTERS) -> str:
    """Return a label of at most `n` characters."""
    return label if len(label) <= n else label[: n - 1] + "…"


def shorten_number(value: float) -> str:
    """Format a number for an axis: 4k for 4,000, 1.5M for 1,500,000.

    Examples
    --------
    >>> [shorten_number(x) for x in (0, 0.25, 1.125, 12, 4000, 1.5e6, 2e9)]
    ['0', '0.25', '1.125', '12', '4k', '1.5M', '2G']
    """
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:.6g}{name}"
    return f"{value:.6g}"


def _to_page(svg: str, name: str) -> str:
    """Turn a document that Matplotlib wrote into an element of a page.

    Declarations are removed, colours become variables of the page, and identifiers get the prefix `name`.
    """
    size = re.search(r'viewBox="0 0 (\S+) (\S+)"', svg)
    assert size is not None, "the SVG by Matplotlib has no viewBox"  # noqa: S101
    body = svg[svg.index(">", size.end()) + 1 :]
    for part in (r"<metadata>.*?</metadata>", r"<defs>\s*<style.*?</style>\s*</defs>", r"<!--.*?-->"):
        body = re.sub(part, "", body, flags=re.S)
    # Change tags only: a label may contain the same text.
    body = re.sub(r"<[^>]*>", lambda tag: _to_page_tag(tag[0], name), body)
    return f'<svg viewBox="0 0 {size[1]} {size[2]}" width="{size[1]}" aria-hidden="true">{body.strip()}'


def _to_page_tag(tag: str, name: str) -> str:
    tag = re.sub(r' id="[a-z0-9]+(\.axis)?_\d+"', "", tag)  # identifiers of groups are never referenced
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
