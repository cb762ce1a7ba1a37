"""Tests of the report: complete, safe for any text, and the same bytes for the same results."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import fasttok as ft
from fasttok.cli.main import main
from fasttok.evaluation.encoded import encode
from fasttok.experiment.report import charts, languages, tables, vocabularies
from fasttok.experiment.report.charts import Axis, Series, draw_lines, draw_panels, spread
from fasttok.experiment.report.report import WORDS, Report, render_report, write_report
from fasttok.experiment.run import curves
from fasttok.text.unicode.scripts import find_main_script

EXPERIMENT = """
name = "Small & <b>hostile</b>"
seed = 3
[corpus.train]
all = { sample = "parallel" }
[corpus.test]
parallel = { sample = "parallel" }
alone = { files = "alone.txt" }
[[tokenizer]]
model = ["bpe", "character"]
vocab_size = [600, 1200]
[[tokenizer]]
model = "wordpiece"
vocab_size = [100, 6000]
pretokenizer = "bert"
[metrics]
use = ["compression", "fertility", "parity", "gini", "renyi", "speed"]
words = "unicode"
"""
HOSTILE = '<script>alert("x")</script> &amp; </style> {{ 7 * 7 }} \u202e back\x07 naïve 東京 ' * 3
SECTIONS = [
    *("compared", "metrics", "compression", "premium", "lorenz", "ranks"),
    *("lengths", "overlap", "time", "sentences", "failures", "again"),
]
CHROMIUM = shutil.which("chromium")
VOID = {"meta", "link", "wbr", "br", "path", "use"}


class Page(HTMLParser):
    """Parsed page with its tags and text; fails if tags are not balanced."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, dict[str, str]]] = []
        self.text: list[tuple[str, str]] = []  # the open tags, and the text in them
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.attributes.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append((" ".join(self.open), data))

    def values(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.attributes if name in attributes]

    def words(self) -> str:
        return "".join(data for tags, data in self.text if "script" not in tags and "style" not in tags)


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("comparison")
    (folder / "alone.txt").write_text(HOSTILE)
    (folder / "experiment.toml").write_text(EXPERIMENT)
    return ft.compare(folder / "experiment.toml", folder / "results")


@pytest.fixture(scope="session")
def page(results):
    return render_report(results)


# The page


def test_ids_and_links_are_consistent(page):
    parsed = Page(page)
    ids = parsed.values("id")
    assert len(ids) == len(set(ids))
    assert [name for name in ids if name in SECTIONS] == SECTIONS
    for link in parsed.values("href"):
        assert link.startswith(("#", "data:")), link
        assert link[1:] in ids or link == "data:,", link
    for name in re.findall(r"url\(#([^)]*)\)", page):
        assert name in ids


def test_no_network_requests(page):
    assert not re.search(r"https?:|src=|@import|//[a-z]+\.", page)
    assert set(re.findall(r"url\((.)", page)) <= {"#"}


def test_every_chart_has_alternative_text_and_units(page):
    drawings = re.findall(r'<div class="chart" role="img" aria-label="([^"]{30,})">', page)
    # Compression and frequencies of each corpus, the Lorenz curves of one corpus, the lengths of pieces.
    assert len(drawings) == page.count('class="chart"') == 6
    for axis in (
        "Bytes per token",
        "Vocabulary size, ids",
        "Share of the languages",
        "Occurrences (log",
        "Characters",
    ):
        assert page.count(f">{axis}") >= 2, axis  # for wide and for narrow pages


def test_text_is_never_markup(page):
    parsed = Page(page)
    assert "<script>" in parsed.words()
    assert page.count("<script>") == 1
    assert page.count("</style>") == 1
    assert "{{ 7 * 7 }}".replace(" ", "·") in parsed.words().replace(" ", "·").replace("\n", "")
    assert "Small & <b>hostile</b>" in parsed.words()
    assert not set(parsed.words()) & set("\u202e\x07")


def test_tables_contain_the_values_of_the_rows(results, page):
    words = Page(page).words()
    for row in results.rows:
        if row["metric"] == "bytes_per_token" and not row["language"]:
            assert f"{row['value']:.2f}" in words
    best = re.findall(r'<td class="number best"[^>]*><b>([\d.,]+)', page)
    fertility = [row["value"] for row in results.rows if row["metric"] == "fertility" and not row["language"]]
    assert f"{min(fertility):.2f}" in best


def test_failures_are_reported(results, page):
    [failure] = results.failures
    assert failure["tokenizer"] == "wordpiece-100"
    assert failure["message"] in Page(page).words()
    assert "1 failure in this comparison" in page


def test_other_recipes_are_marked(page):
    assert 'title="not the most common normalizer and pretokenizer"' in page
    assert "wordpiece-6000: <code>bert</code>" in page


def test_missing_parts_are_explained(results, page):
    assert "alone has no premiums" in page
    bare = ft.Results(results.folder, [], [], [], [], results.manifest | {"tokenizers": {}})
    text = render_report(bare)
    words = Page(text).words()
    assert words.count("Not shown: ") == 13  # five parts per corpus, three parts of the whole report
    assert words.count("No metric was measured") == 2
    assert 'class="chart"' not in text
    assert "None: every tokenizer was trained or loaded" in words


def test_the_same_results_give_the_same_bytes(results, page):
    code = (
        "import sys, fasttok as ft; from fasttok.experiment.report.report import render_report;"
        "sys.stdout.buffer.write(render_report(ft.Results.load(sys.argv[1])).encode())"
    )
    command = [sys.executable, "-c", code, results.folder]
    again = subprocess.run(command, env={"PYTHONHASHSEED": "5"}, check=True, capture_output=True).stdout
    assert again == page.encode()


def test_the_command_line(results, page, tmp_path):
    path = tmp_path / "page.html"
    result = CliRunner().invoke(main, ["report", results.folder, "-o", str(path)])
    assert result.output.strip() == str(path)
    assert path.read_text() == page
    assert write_report(results.folder) == str(Path(results.folder, "report.html"))
    result = CliRunner().invoke(main, ["report", str(tmp_path)])
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")


def test_a_missing_library_is_an_error_with_a_hint(results, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install jinja2 matplotlib"):
        write_report(results.folder)


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_tables_sort_in_a_browser(page, tmp_path):
    script = """<script>
      const table = document.querySelector("#metrics table"), head = table.tHead.rows[0].cells[1];
      const seen = [];
      for (let i = 0; i < 2; i++) {
        head.querySelector("button").click();
        seen.push([head.getAttribute("aria-sort"), [...table.tBodies[0].rows].map((row) =>
        row.cells[1].dataset.v)]);
      }
      document.title = JSON.stringify(seen);
    </script></body>"""
    path = tmp_path / "page.html"
    path.write_text(page.replace("</body>", script))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--dump-dom"]
    dom = subprocess.run([CHROMIUM, *flags, path.as_uri()], check=True, capture_output=True, text=True).stdout
    (first, up), (second, down) = json.loads(re.search("<title>(.*?)</title>", dom)[1])
    assert (first, second) == ("ascending", "descending")
    assert up == sorted(up, key=float)
    assert down == up[::-1]
    assert len(set(up)) > 1


# Parts of the page


def test_families_differ_in_more_than_the_size():
    counts = ft.PretokenCounts.from_dict({"low": 3, "lower": 2})
    other = ft.PretokenCounts.from_dict({"low": 3}, pretokenizer="whitespace")
    tokenizers = {
        "bpe-1": ft.train(counts, vocab_size=257),
        "bpe-2": ft.train(counts, vocab_size=258),
        "c": ft.train(counts, vocab_size=258, min_frequency=2),
        "d": ft.train(other, vocab_size=257),
        "e": ft.train(counts, model="byte"),
        "f": ft.Tokenizer(ft.ByteModel(), "o200k"),  # no record of its training
    }
    families = {one.name: one.family for one in tables.describe(tokenizers)}
    assert families == {"bpe-1": "bpe", "bpe-2": "bpe", "c": "c", "d": "d", "e": "e", "f": "f"}
    marked = [one.name for one in tables.describe(tokenizers) if one.is_other_recipe]
    assert marked == ["d"]
    drawn = [one.name for one in tables.choose_drawn(tables.describe(tokenizers))]
    assert sorted(drawn) == ["bpe-2", "c", "d", "e", "f"]
    options = {one.name: one.options for one in tables.describe(tokenizers)}
    assert (options["bpe-1"], options["c"], options["f"]) == ("defaults", "min_frequency 2", "")
    characters = ft.train(counts, vocab_size=6, units="character")  # smaller than the 256 bytes
    assert tables.describe({"g": characters})[0].options == "units character"


def test_overlaps_equal_a_simple_implementation():
    rng = np.random.default_rng(1)
    pieces = [bytes([i]) for i in range(40)]
    sets = [{piece for piece in pieces if rng.random() < share} for share in (0, 0.2, 0.5, 0.9, 1, 0)]
    found = vocabularies.overlaps(sets)
    for i, a in enumerate(sets):
        for j, b in enumerate(sets):
            assert found[i][j] == (len(a & b) / len(a | b) if a | b else 1)


def test_tokenizers_with_many_unknown_tokens_are_not_best():
    def row(name, metric, value):
        return {
            "tokenizer": name,
            "metric": metric,
            "language": "",
            "value": value,
            "low": None,
            "high": None,
        }

    rows = [
        row(name, "fertility", value) for name, value in (("a", 1.0), ("b", 3.0), ("c", 2.0), ("d", None))
    ]
    unknown = {"a": 5, "b": 1, "c": 0, "d": 0}  # of 100 tokens
    lines = [{"tokenizer": name, "n_unknown": n, "n_tokens": 100} for name, n in unknown.items()]
    unranked = tables.find_unranked(lines)
    assert unranked == {"a"}
    metrics, table = tables.headline(rows, ["a", "b", "c", "d"], {"fertility": "less"}, unranked)
    assert metrics == ["fertility"]
    assert [values[0].is_best for values in table.values()] == [False, False, True, False]
    assert [values[0].text for values in table.values()] == ["1.00", "3.00", "2.00", "—"]


def test_pieces_are_compared_as_text():
    wordpiece = ft.Tokenizer(ft.WordPieceModel(["low", "##er"]), "bert")
    assert vocabularies.pieces_of(wordpiece) == {b" low", b"er"}
    unigram = ft.Tokenizer(ft.UnigramModel(["▁low", "er"], [-1.0, -2.0]), "metaspace")
    assert vocabularies.pieces_of(unigram) == {b" low", b"er"}
    words = ft.train(ft.PretokenCounts.from_dict({" low": 1}), model="word", special_tokens=["<s>"])
    assert vocabularies.pieces_of(words) == {b" low"}


def test_piece_lengths():
    shares = vocabularies.piece_lengths([b"a", "東".encode(), b"\xe6\x9d", b"x" * 99])
    assert shares == [50, 25, *[0] * 13, 25]
    assert sum(shares) == 100
    assert vocabularies.piece_lengths([]) == [0] * 16


@pytest.mark.parametrize("n", range(8))
def test_labels_do_not_overlap_and_stay_in_order(n):
    rng = np.random.default_rng(n)
    for _ in range(50):
        places = sorted(rng.integers(0, 60, n).tolist())
        moved = spread(places, 10)
        assert all(b - a >= 10 - 1e-9 for a, b in pairwise(moved))
        assert sum(moved) == pytest.approx(sum(places))  # least squares keep the mean
        if all(b - a >= 10 for a, b in pairwise(places)):
            assert moved == places


def test_labels_are_never_markup():
    hostile = ["<b>\"&'$x$", 'id="x" #020001 font-family: y;', "東京 ภาษา", "a" * 99]
    lines = [Series(label, i % 3, [1, 10], [i, i + 1]) for i, label in enumerate(hostile, 1)]
    drawing = draw_lines("name", lines, Axis("x & y", is_log=True), Axis("<y>"), markers=True)
    for svg in drawing:
        assert not {tag for tag, _ in Page(svg).attributes} - {
            "svg",
            "g",
            "path",
            "use",
            "text",
            "defs",
            "clippath",
            "rect",
        }
        assert "x & y" in Page(svg).words()
    words = Page(drawing.wide).words()
    assert hostile[0] in words
    assert 'id="x" #020001 font-famil…' in words
    assert drawing == draw_lines("name", lines, Axis("x & y", is_log=True), Axis("<y>"), markers=True)


def test_colours_are_variables_of_the_page():
    lines = [Series(str(i), i, [0, 1], [i, i]) for i in range(charts.N_COLOURS + 1)]
    for drawing in (
        draw_lines("a", lines, Axis("x"), Axis("y")),
        draw_panels("b", lines, Axis("x"), Axis("y")),
    ):
        for svg in drawing:
            assert not re.findall(r"(?:fill|stroke): #\w+", svg)
            assert {f"--s{i}" for i in range(charts.N_HUES + 1)} == set(re.findall(r"--s\d", svg))


# Data that a run records for the report


def test_curves_equal_a_simple_implementation(tok):
    texts = ["the cat and the hat", "", "a mat that sat " * 20]
    corpus = ft.TestCorpus("c", {"": ft.Ragged.from_bytes([text.encode() for text in texts])}, "whitespace")
    found = curves.collect("t", corpus, {"": encode(tok, corpus.documents[""])})
    ids = [i for text in texts for i in tok.encode(text).tolist()]
    expected = sorted((n for i in range(tok.vocab_size) if (n := ids.count(i))), reverse=True)
    assert found["counts"] == [expected[rank - 1] for rank in found["ranks"]]
    assert found["ranks"][0] == 1
    assert found["ranks"][-1] == len(expected)
    assert found["scripts"] == {"": "Latin"}
    assert json.loads(json.dumps(found)) == found


def to_text(tokens: list[str]) -> bytes:
    """Return the text of visible tokens, for texts without the signs that `visible` uses."""
    text = "".join(tokens).replace("·", " ").encode()
    return re.sub(rb"<0x(..)>", lambda found: bytes.fromhex(found[1].decode()), text)


def test_documents_are_the_same_for_all_tokenizers(results):
    for corpus in ("parallel", "alone"):
        lines = [line for line in results.curves if line["corpus"] == corpus]
        assert len(lines) == 5
        positions = {json.dumps([[d["row"], d["language"]] for d in line["documents"]]) for line in lines}
        assert len(positions) == 1
        texts = {
            to_text(document["tokens"])
            for line in lines
            if results.tokenizer(line["tokenizer"]).is_lossless
            for document in line["documents"]
            if document["language"] in ("", "jpn")
        }
        assert len(texts) == 1


@pytest.mark.parametrize(
    ("lengths", "n", "rows"),
    [
        ([5, 50, 60, 300, 70], 2, [1, 2]),
        ([0, 5, 6], 2, [1, 2]),
        ([400, 500], 1, [0]),
        ([0, 0], 3, []),
    ],
)
def test_choosing_example_documents(lengths, n, rows):
    assert curves.choose_rows(np.array(lengths), n) == rows


def test_tables_by_language(results, page):
    names = ["bpe-600", "wordpiece-6000"]
    rows = [row for row in results.rows if row["corpus"] == "parallel"]
    found = languages.tabulate(rows, names)
    assert list(found) == ["bytes_per_token", "fertility"]
    for metric, table in found.items():
        values = {
            (row["tokenizer"], row["language"]): row["value"] for row in rows if row["metric"] == metric
        }
        assert list(table) == sorted(ft.parallel_sample())
        for language, cells in table.items():
            assert [cell.number for cell in cells] == [values[name, language] for name in names]
    assert languages.tabulate([row for row in results.rows if row["corpus"] == "alone"], names) == {}
    assert page.count(" by language</summary>") == 2


def test_notes_on_training_text_words_and_unknown_tokens(results, page):
    report = Report(results)
    assert list(report.trained_on) == ["all"]
    assert report.trained_on["all"] in page
    assert f"a word is {WORDS['unicode']}." in page
    assert report.find_unspaced("parallel") == []  # Unicode words do not depend on spaces
    spaced = dataclasses.replace(results, manifest={**results.manifest, "words": "whitespace"})
    assert Report(spaced).find_unspaced("parallel") == ["jpn", "tha", "zho"]
    shares = dict(report.unknown_shares("parallel"))
    assert "character-600" in shares  # trained on text with more than 600 characters
    for name, share in shares.items():
        assert f"{name} {share}" in page
    assert "character ‡ from" in report.corpora[0].compression.alt
    assert "bpe from" in report.corpora[0].compression.alt


def test_unknown_tokens_are_recorded():
    tok = ft.train(ft.PretokenCounts.from_dict({"ab": 1}), model="character", unk="?")
    corpus = ft.TestCorpus("c", {"": ft.Ragged.from_bytes([b"abxa"])}, "whitespace")
    encoded = encode(tok, corpus.documents[""])
    found = curves.collect("t", corpus, {"": encoded})
    assert (found["n_tokens"], found["n_unknown"]) == (4, 1)
    assert curves.share_unknown(encoded) == 0.25
    [document] = found["documents"]
    assert (document["tokens"], document["unknown"]) == (["a", "b", "x", "a"], [2])


def test_one_unknown_token_can_replace_much_text():
    tok = ft.train(ft.PretokenCounts.from_dict({"ab": 9}), model="wordpiece", vocab_size=5, unk="?")
    documents = ft.Ragged.from_bytes([b"ab ab", b"ab" + b"x" * 101, b"ab x"])
    for with_spans in (False, True):
        part = encode(tok, documents, with_spans=with_spans)
        assert part.ids.to_list() == [[4, tok.unk_id], [tok.unk_id], [4, tok.unk_id]]  # " ab" is unknown
        assert curves.share_unknown(part) == (3 + 103 + 2) / 112
    line = {"tokenizer": "t", "n_tokens": 1000, "n_unknown": 1, "unknown_bytes": {"x": 0.002, "y": 0.011}}
    assert tables.find_unranked([line]) == {"t"}
    assert tables.max_unknown_bytes(line) == (0.011, "y")
    assert tables.find_unranked([{**line, "unknown_bytes": {"x": 0.01}}]) == set()
    del line["unknown_bytes"]  # as in results of earlier versions
    assert tables.find_unranked([line]) == set()


def test_only_the_beginning_of_a_long_document_is_read(monkeypatch):
    tok = ft.train(ft.PretokenCounts.from_dict({" low": 9}), vocab_size=258)
    text = b"low " * 5000
    corpus = ft.TestCorpus("c", {"": ft.Ragged.from_bytes([text])}, "whitespace")
    encoded = {"": encode(tok, corpus.documents[""])}
    read = []
    original = ft.Tokenizer.encode_with_offsets
    monkeypatch.setattr(
        ft.Tokenizer, "encode_with_offsets", lambda self, text: read.append(len(text)) or original(self, text)
    )
    [document] = curves.collect("t", corpus, encoded)["documents"]
    assert max(read) <= curves.READ_BYTES
    assert document["continues"]
    shown = to_text(document["tokens"])
    assert text.startswith(shown)
    assert 0 <= len(shown) - curves.DOCUMENT_BYTES < len(" low")


@pytest.mark.parametrize(
    "text", [" " * 5000, "東" * 2000, "x" * (curves.READ_BYTES - 2) + "🦄🦄", "é" * 3000]
)
def test_the_beginning_of_a_long_document_without_words(text):
    tok = ft.Tokenizer(ft.CharacterModel(sorted(set(text))), "gpt2")  # fails on part of a character
    corpus = ft.TestCorpus("c", {"": ft.Ragged.from_bytes([text.encode()])}, "whitespace")
    [document] = curves.collect("t", corpus, {"": encode(tok, corpus.documents[""])})["documents"]
    assert document["continues"]
    assert document["tokens"] == ["·" if c == " " else c for c in text][: len(document["tokens"])]


def test_invalid_bytes_are_shown_as_numbers():
    tok = ft.Tokenizer(ft.ByteModel(), "gpt2")
    corpus = ft.TestCorpus("c", {"": ft.Ragged.from_bytes([b"\x80" * 5000])}, "whitespace")
    [document] = curves.collect("t", corpus, {"": encode(tok, corpus.documents[""])})["documents"]
    assert document["tokens"] == ["<0x80>"] * curves.DOCUMENT_BYTES


def test_times_are_compared_only_if_stages_ran_twice():
    def timing(stage, state, seconds, memory=None):
        return {
            **{"stage": stage, "tokenizer": "a", "state": state, "seconds": seconds},
            **{"memory": memory, "n_bytes": 4_000_000},
        }

    once = [timing("train", "cold", 5.0), timing("encode", "cold", 2.0)]
    assert tables.compare_times(once) == []
    twice = [*once, timing("train", "warm", 1.0, 3_000_000), timing("encode", "warm", 0.5)]
    charts = {label: (unit, chart.bars[0].value.number) for label, unit, chart in tables.compare_times(twice)}
    assert charts == {
        "Training time, second run": ("seconds", 1.0),
        "Peak memory of training, without the counts": ("MB", 3.0),
        "Encoding speed, first run": ("MB/s", 2.0),
        "Encoding speed, later runs (median)": ("MB/s", 8.0),
    }


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("GPT-4 говорит", "Cyrillic"),
        ("東京タワーはどこですか", "Hiragana"),
        ("नमस्ते, 2024", "Devanagari"),
        ("12 + 3 = 15 \u0301", "Common"),
        ("", "Common"),
        ("aα", "Greek"),
        ("aαb", "Latin"),
    ],
)
def test_the_main_script_of_a_text(text, script):
    assert find_main_script(np.frombuffer(text.encode() + b"\xff", np.uint8)) == script


@pytest.mark.parametrize(
    "trainer", [7, [], {"model": ["bpe"]}, {"model": "gpt5"}, {"model": "bpe", "new": 1}]
)
def test_an_invalid_provenance_is_ignored(trainer):
    tok = ft.Tokenizer(ft.ByteModel(), "gpt2", provenance={"trainer": trainer})
    [one] = tables.describe({"name": tok})
    assert (one.family, one.kind) == ("name", "byte")
    assert one.options == ("new 1" if isinstance(trainer, dict) and "new" in trainer else "")
