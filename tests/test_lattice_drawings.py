"""The table of the Viterbi algorithm against listing all segmentations, and drawings of lattices."""

from __future__ import annotations

import math
import random
import runpy
import sys

import numpy as np
import pytest

import fasttok as ft
from fasttok.display.lattices import MOST_CHARACTERS, choose_levels
from fasttok.display.tables import MOST_LISTED
from tests import hostile, oracles
from tests.conftest import ROOT
from tests.drawn import Page, read_drawing, tags_of
from tests.test_unigram import SHORT, random_model, scores_of

HOSTILE = [
    '<script>alert("1")</script>',
    "&amp;'",
    "\u05e9\u05dc\u05d5\u05dd",
    "a\0\u202e",
    "\u0301e\u0301",
    "]]>",
    "東京",
]


def unaffable():
    pieces = ["", "un", "a", "aff", "able", "ff", "u", "n", "f", "b", "l", "e"]
    scores = [0, -3, -3, -4, -4, -5, -6, -5, -6, -6, -6, -5]
    return ft.UnigramModel(pieces, scores, unk_id=0)


def model_of_hostile_pieces():
    pieces = sorted(
        {part for text in HOSTILE for part in (text[:1], text[:3], text[2:]) if part and "\0" not in part}
    )
    return ft.UnigramModel(["", *pieces], [0, *(-1.0 - i for i in range(len(pieces)))], unk_id=0)


# The table


def test_the_table_agrees_with_all_segmentations():
    rng = random.Random(7)
    n_ties = 0
    for _ in range(25):
        model = random_model(rng, rng.choice(["ab", "a", "abc"]), rng.randint(1, 14))
        for text in rng.sample(SHORT, 30):
            table = model.lattice(text).table()
            expected = oracles.back_pointers(text.encode(), scores_of(model), model.unk_score)
            columns = (table.positions, table.best_scores, table.starts, table.is_on_best_path)
            assert list(zip(*(column.tolist() for column in columns), strict=True)) == expected
            paths = oracles.segmentations(text.encode(), scores_of(model), model.unk_score)
            n_ties += len(paths) > 1 and paths[0][0] == paths[1][0]
    assert n_ties > 20


def test_the_best_path_of_the_table_is_that_of_viterbi():
    for text in [*hostile.texts(60, 8), *hostile.byte_strings(60, 9), *HOSTILE, ""]:
        lattice = model_of_hostile_pieces().lattice(text)
        table, best = lattice.table(), lattice.viterbi()
        pieces = [
            piece for piece, is_best in zip(table.pieces, table.is_on_best_path, strict=True) if is_best
        ]
        assert pieces == ["", *best.pieces]
        assert table.best_scores[-1] == best.score
        arcs = table.arcs[1:]
        assert (lattice.starts[arcs] == table.starts[1:]).all()
        assert (lattice.ends[arcs] == table.positions[1:]).all()
        assert (lattice.ids[arcs] == table.ids[1:]).all()
        assert (table.arcs[0], table.starts[0], table.ids[0]) == (-1, -1, -1)
        for name in ("positions", "best_scores", "arcs", "starts", "ids", "is_on_best_path"):
            assert not getattr(table, name).flags.writeable


def test_the_table_by_hand():
    # un (-3), aff (-4) and able (-4): no other way to these positions is better.
    table = unaffable().lattice("unaffable").table()
    assert table.positions.tolist() == list(range(10))
    assert table.best_scores.tolist() == [0, -6, -3, -6, -12, -7, -10, -16, -22, -11]
    assert table.starts.tolist() == [-1, 0, 0, 2, 3, 2, 5, 6, 7, 5]
    assert np.flatnonzero(table.is_on_best_path).tolist() == [0, 2, 5, 9]
    assert repr(table).splitlines()[:3] + repr(table).splitlines()[-1:] == [
        "position  best score  piece  from  best",
        "       0       0.000               *",
        "       1      -6.000  u         0",
        "       9     -11.000  able      5  *",
    ]


def test_the_table_as_a_data_frame():
    table = unaffable().lattice("unx").table()
    frame = table.to_pandas()
    assert frame["position"].tolist() == [0, 1, 2, 3]
    assert frame["piece"].tolist() == ["", "u", "un", "x"]
    assert frame["id"].tolist() == [-1, 6, 1, -1]
    assert frame["start"].tolist() == [-1, 0, 0, 2]
    assert frame["best_score"].tolist() == [0.0, -6.0, -3.0, -19.0]
    assert frame["is_on_best_path"].tolist() == [True, False, True, True]


def test_long_tables_are_cut():
    table = ft.UnigramModel(["a"], [-1]).lattice("a" * 500).table()
    lines = repr(table).splitlines()
    assert len(lines) == 62
    assert lines[31].split() == ["…"] * 5
    assert lines[-1].split()[0] == "500"
    rows = Page(table._repr_html_()).rows
    assert len(rows) == 1 + MOST_LISTED
    assert f"first {MOST_LISTED} of 501 rows" in table._repr_html_()


# Drawings


def test_probabilities_of_all_segmentations_add_up_to_one():
    lattice = unaffable().lattice("unaffable")
    found = lattice.nbest(1000)
    assert len(found) < 1000
    probabilities = [math.exp(one.score - lattice.log_likelihood()) for one in found]
    assert math.fsum(probabilities) == pytest.approx(1, abs=1e-12)
    # The drawing says the probability of the best one, and of each arc the sum over those that contain it.
    drawing = read_drawing(lattice._repr_svg_())
    assert f"un|aff|able, with probability {probabilities[0]:.2f}." in drawing.description
    for (label, kind), small, start, end in zip(
        *(drawing.boxes, drawing.smalls), *sorted_spans(lattice), strict=True
    ):
        containing = [
            probability
            for one, probability in zip(found, probabilities, strict=True)
            if (start, end) in spans_of(one.pieces)
        ]
        assert label == "unaffable"[start:end]
        total = math.fsum(containing)
        assert small == (
            "<0.01" if total < 0.005 else ">0.99" if 0.995 <= total < 1 - 1e-9 else f"{total:.2f}"
        )
        assert (kind == "best") == ((start, end) in {(0, 2), (2, 5), (5, 9)})


def sorted_spans(lattice):
    """Return the starts and ends of the arcs in the order of a drawing: the best path comes last."""
    best = spans_of(lattice.viterbi().pieces)
    spans = list(zip(lattice.starts.tolist(), lattice.ends.tolist(), strict=True))
    spans.sort(key=lambda span: span in best)
    return zip(*spans, strict=True)


def spans_of(pieces):
    ends = np.cumsum([len(piece) for piece in pieces]).tolist()
    return {(end - len(piece), end) for end, piece in zip(ends, pieces, strict=True)}


@pytest.mark.parametrize("text", [*HOSTILE, "unaffable", "", b"\xff\xc3<", "a" * 300, *hostile.texts(25, 12)])
def test_drawings_are_valid_and_show_every_arc(text):
    for model in (
        model_of_hostile_pieces(),
        ft.UnigramModel(["", "a", "aa", "aaa"], [0, -1, -2, -3], unk_id=0),
    ):
        lattice = model.lattice(text)
        drawing = read_drawing(lattice._repr_svg_())
        characters = lattice.text.decode(errors="surrogateescape")
        n_shown = len(characters[:MOST_CHARACTERS].encode(errors="surrogateescape"))
        assert len(drawing.boxes) == len(drawing.paths) == np.count_nonzero(lattice.ends <= n_shown)
        assert not drawing.overlaps()
        assert (f"first {MOST_CHARACTERS} of" in drawing.description) == (len(characters) > MOST_CHARACTERS)
        n_unknown = np.count_nonzero((lattice.ids < 0) & (lattice.ends <= n_shown))
        assert sum("unknown" in kind for _, kind in drawing.boxes) == n_unknown
        page = lattice._repr_html_()
        assert tags_of(page) <= {
            *("figure", "div", "svg", "title", "desc", "style", "path", "circle", "g", "rect", "text"),
            *(
                "figcaption",
                "small",
                "details",
                "summary",
                "table",
                "thead",
                "tbody",
                "tr",
                "th",
                "td",
                "bdi",
            ),
        }
        rows = Page(page).rows[1:]
        assert [row[1:3] for row in rows] == [
            [str(start), str(end)]
            for start, end in zip(lattice.starts.tolist(), lattice.ends.tolist(), strict=True)
            if end <= n_shown
        ][:MOST_LISTED]
        assert tags_of(lattice.table()._repr_html_()) <= {
            *("style", "div", "table", "thead", "tbody", "tr", "th", "td", "bdi", "small")
        }


def test_characters_that_do_not_print_are_escaped_in_drawings():
    drawing = read_drawing(model_of_hostile_pieces().lattice("\u0301\0\u202e<b>&")._repr_svg_())
    assert {"\u25cc\u0301", r"\x00", r"\u202e"} <= {label for label, _ in drawing.boxes}
    assert "<" in drawing.words


def test_a_lattice_without_a_segmentation_is_drawn():
    model = ft.UnigramModel(["a"], [-1.0])  # no unknown token: encoding "x" is an error
    drawing = read_drawing(model.lattice("ax")._repr_svg_())
    assert drawing.boxes == [("a", "best"), ("x", "best unknown")]
    with pytest.raises(ft.UnknownCharacterError):
        model.lattice("ax").viterbi()


def test_levels_of_spans_are_free_and_low():
    rng = random.Random(4)
    for _ in range(200):
        spans = sorted({tuple(sorted(rng.sample(range(9), 2))) for _ in range(rng.randint(0, 12))})
        levels = choose_levels(spans)
        for i, (start, end) in enumerate(spans):
            overlapping = [j for j, (a, b) in enumerate(spans) if j != i and a < end and start < b]
            assert all(levels[j] != levels[i] for j in overlapping)
            inside = [levels[j] for j in overlapping if start <= spans[j][0] and spans[j][1] <= end]
            assert levels[i] > max(inside, default=0)


def test_files_have_colours_for_dark_pages_and_notebooks_take_those_of_the_page():
    lattice = unaffable().lattice("unaffable")
    assert "prefers-color-scheme: dark" in lattice._repr_svg_()
    assert "prefers-color-scheme" not in lattice._repr_html_()


def test_pictures_of_the_guide_are_up_to_date():
    folder = ROOT / "docs/pictures"
    pictures = runpy.run_path(str(folder / "drawings.py"))["make_pictures"]()
    assert len(pictures) == 2
    for name, content in pictures.items():
        assert (folder / name).read_text(encoding="utf-8") == content, (
            f"{name}: run docs/pictures/drawings.py"
        )


def test_notebooks_show_text_if_jinja2_is_missing(monkeypatch, tok):
    from fasttok.display import rendering

    rendering._make_environment.cache_clear()
    monkeypatch.setitem(sys.modules, "jinja2", None)
    lattice = unaffable().lattice("unaffable")
    assert lattice._repr_svg_() is lattice._repr_html_() is lattice.table()._repr_html_() is None
    assert tok.show("low")._repr_html_() is tok.merge_tree("low")._repr_html_() is None
    assert ft.show_side_by_side("low", [tok])._repr_html_() is None
    assert repr(lattice) == "Lattice(9 bytes, 13 arcs)"
    assert repr(tok.show("low")) == "l|o|w"
