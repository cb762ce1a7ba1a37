"""Benchmarks: other ids have no time, libraries take turns, and the page and its picture come from rows."""

from __future__ import annotations

import difflib
import json
import math
import random
import re
import subprocess
import sys
from itertools import pairwise

import click
import numpy as np
import pytest
from click.testing import CliRunner

import fasttok as ft
from benchmarks import cells, picture, runs, sweep, texts
from benchmarks.__main__ import main
from benchmarks.page import SECTIONS, newest_rows, render
from benchmarks.peers import REFERENCES, TASKS
from benchmarks.peers.common import cut_in_documents
from benchmarks.peers.encode import LIBRARIES, MOST_DIFFERENCES, VOCABULARIES, count_differences
from benchmarks.peers.small import KINDS, libraries_for
from benchmarks.quality import Scorer
from benchmarks.sweep import Effort, measure_cell, near, summarize
from benchmarks.turns import ROOT, Failed, Measured, take_turns

EFFORT = Effort(processes=2, turns=3, turn_s=0.5, enough_s=100.0)


class FakeProcess:
    """A process that answers with given seconds and outcomes, and writes down when it is asked."""

    def __init__(self, library, log, seconds, outcomes=("0",), load_s=0.25):
        self.library, self.log, self.load_s = library, log, load_s
        self.seconds, self.outcomes = iter(seconds), outcomes
        self.log.append((library, "start"))

    def wait(self):
        self.log.append((self.library, "wait"))
        return self.load_s

    def turn(self, seconds):
        self.log.append((self.library, seconds))
        n = sum(one == self.library and isinstance(what, float) for one, what in self.log)
        return {
            "seconds": next(self.seconds),
            "peak_mb": 10 + n,
            "outcome": self.outcomes[min(n, len(self.outcomes)) - 1],
        }

    def close(self):
        self.log.append((self.library, "close"))

    def end(self):
        self.log.append((self.library, "end"))


def measured(*seconds, **others):
    return Measured(seconds=[[*one] for one in seconds], load_s=0.5, peak_mb=50, **others)


def cell(own, other, name="gigatoken", **others):
    return {
        "fasttok": {"load_s": 0.5, "cold_s": own[0], "warm_s": own[1], "peak_mb": 100},
        name: {"load_s": 0.25, "cold_s": other[0], "warm_s": other[1], "peak_mb": 120},
        **others,
    }


def row(libraries, arguments=("Thai", "o200k_base", "file", "1"), task="sweep", mb=2.0):
    return {"task": task, "arguments": [*arguments], "mb": mb, "libraries": libraries} | {
        "date": "2026-12-01",
        "commit": "abc",
        "python": "3.11.7",
        "versions": {"gigatoken": "0.10.0"},
        "machine": "a machine",
    }


# The gate


def test_a_library_with_other_ids_has_no_time():
    log = []
    outcomes = {"fasttok": ("0",), "wrong": ("17",), "late": ("0", "0", "3")}
    found = measure_cell(
        tuple(outcomes), lambda name: FakeProcess(name, log, [0.1] * 9, outcomes[name]), EFFORT, within=9.0
    )
    summary = summarize(found)
    assert summary["wrong"] == {"differences": 17}
    assert summary["late"] == {"differences": 3}  # although its first ids were right
    assert summary["fasttok"]["cold_s"] == 0.1
    assert [what for name, what in log if name == "wrong"] == ["start", "wait", 0.0, "close", "end"]


def test_a_library_that_fails_has_no_time():
    def start(name):
        if name == "absent":
            raise Failed("ModuleNotFoundError: No module named 'absent'")
        return FakeProcess(name, [], [0.1] * 9)

    found = measure_cell(("absent", "fasttok"), start, EFFORT)
    assert summarize(found)["absent"] == {"fault": "ModuleNotFoundError: No module named 'absent'"}
    assert "cold_s" in summarize(found)["fasttok"]


def test_times_of_own_texts_are_not_recorded(monkeypatch, tmp_path):
    monkeypatch.setattr(runs, "RESULTS", tmp_path / "results.jsonl")
    own = tmp_path / "own.txt"
    own.write_text("a")
    row = runs.record({"task": "decode"}, str(own))
    assert row["task"] == "decode"
    assert "commit" in row
    assert not runs.RESULTS.exists()
    runs.record({"task": "decode"}, str(texts.SHARED / "data/prose/ja_manpages.txt"))
    runs.record({"task": "decode"}, str(texts.SCRATCH / "english.txt"))
    runs.record({"task": "startup"})
    assert len(runs.RESULTS.read_text().splitlines()) == 3


def test_the_library_that_gives_the_ids_must_be_installed(monkeypatch, tmp_path):
    class Failing(FakeProcess):
        def __init__(self, task, library, arguments):
            super().__init__(library, [], [])

        def wait(self):
            raise Failed("ModuleNotFoundError: No module named 'tiktoken'")

    monkeypatch.setattr(texts, "SCRATCH", tmp_path)
    monkeypatch.setattr(sweep, "Process", Failing)
    own = tmp_path / "own.txt"
    own.write_text("a")
    with pytest.raises(
        click.ClickException, match=r"^tiktoken, .* No module named 'tiktoken'.*make \.venv/bench"
    ):
        sweep.ids_of(str(own), "cl100k_base")
    assert [*tmp_path.iterdir()] == [own]


def test_unknown_names_are_errors_of_usage():
    for arguments in (
        ["small", "--library", "nope"],
        ["document", "--ranks", "nope"],
        ["cells", "--library", "x"],
    ):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 2
        assert "is not one of" in result.output


def test_a_run_without_any_result_fails(monkeypatch, tmp_path):
    monkeypatch.setattr(runs, "take_turns", lambda *args, **options: {"tokie": Measured(fault="is absent")})
    own = tmp_path / "own.txt"
    own.write_text("a")
    with pytest.raises(click.ClickException, match="no library gave a result"):
        runs.run("decode", ("tokie",), 1, 2, [str(own), "r50k_base.tiktoken"])


@pytest.mark.parametrize("seed", range(20))
def test_differences_are_counted_as_difflib_counts_them(seed):
    rng = random.Random(seed)
    expected = [rng.randrange(100_000) for _ in range(3000)]
    found, position = list(expected), 3000
    for _ in range(rng.randrange(12)):  # from the end, far apart
        position -= rng.randrange(60, 200)
        found[position : position + rng.randrange(4)] = rng.choices(range(100_000), k=rng.randrange(4))
    blocks = difflib.SequenceMatcher(a=expected, b=found, autojunk=False).get_opcodes()
    differing = sum(max(i2 - i1, j2 - j1) for kind, i1, i2, j1, j2 in blocks if kind != "equal")
    assert count_differences(np.array(expected, np.uint32), np.array(found, np.uint32)) == differing


def test_counting_differences_ends():
    a, b = np.arange(50_000), np.arange(50_000, 100_000)
    assert count_differences(a, a) == 0
    assert count_differences(a, b) == MOST_DIFFERENCES
    assert count_differences(a[:10], a[:0]) == 10
    assert count_differences(a[:0], a[:7]) == 7
    assert count_differences(a, a[:-1]) == 1


# Turns


def test_libraries_take_turns_while_all_are_alive():
    log = []
    found = take_turns(
        ("a", "b"),
        lambda name: FakeProcess(name, log, [0.3, 0.2, 0.1]),
        lambda name: "0",
        processes=2,
        turns=3,
        turn_s=0.5,
    )
    first = [("a", "start"), ("a", "wait"), ("b", "start"), ("b", "wait")]
    turns = [("a", 0.0), ("b", 0.0), ("b", 0.5), ("a", 0.5), ("a", 0.5), ("b", 0.5)]
    ends = [("a", "close"), ("b", "close"), ("a", "end"), ("b", "end")]
    assert log[: len(log) // 2] == [*first, *turns, *ends]
    assert log[len(log) // 2 :][:4] == [("b", "start"), ("a", "start"), ("b", "wait"), ("a", "wait")]
    assert found["a"].seconds == found["b"].seconds == [[0.3, 0.2, 0.1]] * 2
    assert found["a"].load_s == 0.25
    assert found["a"].peak_mb == 16


def test_a_slow_library_stops():
    log = []
    speeds = {"fasttok": 0.1, "near": 0.14, "far": 0.4, "slow": 7.0}
    found = take_turns(
        speeds,
        lambda name: FakeProcess(name, log, [speeds[name]] * 9),
        lambda name: "0",
        processes=2,
        turns=3,
        enough_s=5.0,
        keep=near,
    )
    assert [len(found[name].seconds) for name in speeds] == [2, 2, 1, 1]
    assert found["slow"].seconds == [[7.0]]
    assert found["far"].seconds == [[0.4] * 3]


def test_fasttok_is_kept_and_libraries_near_the_fastest_other_one():
    found = {
        "fasttok": measured([0.001, 0.001]),
        "best first": measured([0.1, 0.9]),
        "best warm": measured([0.9, 0.1]),
        "neither": measured([0.2, 0.2]),
        "other ids": Measured(outcome="5"),
    }
    assert near(found, 1.5) == ("fasttok", "best first", "best warm")
    assert near(found, 2.0) == ("fasttok", "best first", "best warm", "neither")


def test_a_row_has_the_shortest_times():
    found = {"a": measured([0.5, 0.2, 0.1], [0.4, 0.3]), "b": measured([9.0])}
    assert summarize(found) == {
        "a": {"load_s": 0.5, "cold_s": 0.4, "warm_s": 0.1, "peak_mb": 50},
        "b": {"load_s": 0.5, "cold_s": 9.0, "peak_mb": 50},
    }


# Tables


def test_the_best_peer_is_the_fastest_other_library_with_a_time():
    libraries = cell((0.2, 0.1), (0.3, 0.05), tokie={"cold_s": 0.25}, wrong={"differences": 3})
    assert cells.best_peer(row(libraries), "cold_s") == ("tokie", 1.25)
    assert cells.best_peer(row(libraries), "warm_s") == ("gigatoken", 0.5)
    assert cells.best_peer(row({"fasttok": {"cold_s": 1.0}}), "cold_s") is None
    assert cells.best_peer(row({"fasttok": {"differences": 1}, "tokie": {"cold_s": 1.0}}), "cold_s") is None


def test_tables_of_cells():
    rows = [
        row(cell((0.02, 0.01), (0.03, 0.02), wrong={"differences": 1234})),
        row(cell((0.04, 0.02), (0.02, 0.01)), ("Thai", "o200k_base", "documents", "1")),
        row(cell((0.05, 0.02), (0.02, 0.03)), ("Go", "mistral", "batch", "1")),
    ]
    rates = cells.table_of_rates(rows).splitlines()
    assert rates[0] == "| text | vocabulary | | | fasttok | gigatoken | wrong | × best other |"
    assert rates[2] == (
        "| Thai | o200k_base | file, 1 thread | first | 100 | 67 | 1,234 or more ids differ | 1.50 |"
    )
    assert rates[6] == "| Thai | o200k_base | documents, 1 thread | warm | 100 | 200 | – | 0.50 |"
    ratios = cells.table_of_ratios(rows).splitlines()
    assert ratios[2] == (
        "| Thai | 2.0 | o200k_base | 1.50 gigatoken | 2.00 gigatoken | 0.50 gigatoken | 0.50 gigatoken |"
    )
    assert ratios[3] == "| Go | 2.0 | mistral | 0.40 gigatoken | 1.50 gigatoken | – | – |"
    by_library = cells.table_of_libraries(rows).splitlines()
    assert by_library[3] == "| gigatoken | 3 | 0.50 | 0.40 | 1.50 | 0.50 | 0.25 | 120 | 0 |"
    assert by_library[4] == "| wrong | 0 | – | – | – | – | – | – | 1 |"
    assert "- Thai, o200k_base, file, 1 thread: wrong: 1,234 or more ids differ" in cells.tables_of_sweep(
        rows
    )


# The page


def write(path, *rows):
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return path


def test_the_page_has_the_newest_rows(tmp_path):
    old, new = row(cell((0.02, 0.01), (0.03, 0.02))), row(cell((0.02, 0.01), (0.08, 0.02)))
    train = {key: new[key] for key in ("date", "commit", "python", "versions", "machine")} | {
        "task": "train",
        "library": "gigatoken",
        "arguments": ["a.txt", "32000", "2"],
        "mb": 1.0,
        "cold_s": [0.5],
        "warm_s": [0.25],
        "peak_mb": 7,
    }
    hostile = {key: new[key] for key in ("date", "python", "versions", "machine")} | {
        "task": "hostile encode",
        "library": "fasttok",
        "commit": "abd",
        "arguments": ["a"],
        "cold_s": [0.5],
        "peak_mb": 7,
    }
    path = write(tmp_path / "rows.jsonl", old, new | {"commit": "def"}, train, hostile)
    page = render(path)
    assert "| Thai | 2.0 | o200k_base | 4.00 gigatoken | 2.00 gigatoken |" in page
    assert "1.50 gigatoken" not in page
    assert "| a.txt | 32,000 | 2 | gigatoken | 0.50 | 2.0 | 0.25 | 4.0 | 7 |" in page
    assert "2026-12-01, commit def, a machine, Python 3.11.7. gigatoken 0.10.0." in page
    assert page.endswith("2026-12-01, commit abd, a machine, Python 3.11.7.\n")  # of fasttok the commit tells
    assert page.index("## Train byte-level BPE") < page.index("## Encode eleven languages")
    assert newest_rows(path, "sweep") == [new | {"commit": "def"}]


def test_every_task_has_a_section():
    shown = {task.split()[0] for task in TASKS} - {"expect"}
    made_of_cells = {task for task, section in SECTIONS.items() if section.tables}
    assert made_of_cells == {"sweep", "cells", "wordpiece-encode"}
    assert shown - SECTIONS.keys() == {"encode"}  # the task that measures the cells
    assert SECTIONS.keys() - shown == made_of_cells | {"cold-train", "packing", "quality", "startup"}
    assert REFERENCES.keys() <= TASKS.keys()


def test_calls_and_vocabularies_name_known_libraries():
    for kind in KINDS:
        assert "fasttok" in libraries_for(kind)
        assert set(libraries_for(kind)) <= TASKS["calls"].keys()
    for vocabulary in VOCABULARIES.values():
        assert vocabulary.reference in LIBRARIES
        assert vocabulary.kind in LIBRARIES[vocabulary.reference][1]


# The picture


def test_the_picture_has_a_line_of_dots_per_text(tmp_path):
    rows = [
        row(cell((0.02, 0.01), (0.03, 0.02)), (name, "o200k_base", "file", threads))
        for name in ("English", "Thai")
        for threads in ("1", "2")
    ]
    assert picture.ratios_of(rows) == {
        name: {"cold_s": [1.5] * 2, "warm_s": [2.0] * 2} for name in ("English", "Thai")
    }
    picture.draw(rows, tmp_path / "a.svg")
    picture.draw(rows, tmp_path / "b.svg")
    drawn = (tmp_path / "a.svg").read_text()
    assert drawn == (tmp_path / "b.svg").read_text()
    for text in ("English", "Thai", "1×", "2×", "first run", "warm run"):
        assert f">{text}<" in drawn
    width = float(re.search(r'width="([\d.]+)pt"', drawn)[1])
    assert width <= 360  # a telephone
    picture.draw([], tmp_path / "none.svg")
    assert not (tmp_path / "none.svg").exists()


# Texts


def test_documents_are_the_text_and_split_where_patterns_do():
    text = "".join(f"Zeile {i} endet hier.\n{'  ' * (i % 3)}かな{i}の行\r\n\n" for i in range(500))
    documents = cut_in_documents(text, 700)
    assert "".join(documents) == text
    assert len(documents) > 10
    for before, after in pairwise(documents):
        assert len(before.encode()) > 500
        at_space = re.search(r"[a-z]$", before) and after[0] == " "
        assert at_space or (re.search(r"\S\n$", before) and after[0].isalnum())
    assert cut_in_documents("", 10) == [""]


def test_texts_are_sampled_evenly(tmp_path, monkeypatch):
    folder = tmp_path / "shared/data/languages"
    folder.mkdir(parents=True)
    lines = [f"line {i}\r\n" for i in range(10_000)]
    (folder / "xx.txt").write_bytes("".join([*lines, *lines]).encode())
    monkeypatch.setattr(texts, "SHARED", tmp_path / "shared")
    monkeypatch.setattr(texts, "SCRATCH", tmp_path / "scratch")
    monkeypatch.setitem(texts._LANGUAGES, "Xish", ("xx",))
    with open(texts.in_language("Xish", 10_000)) as file:
        sample = file.read().splitlines()
    numbers = [int(line.removeprefix("line ")) for line in sample]
    assert numbers == sorted(set(numbers))
    assert numbers[0] == 0
    assert numbers[-1] > 9_500
    assert 8_000 < sum(len(line) + 1 for line in sample) <= 10_000
    with open(texts.in_language("Xish", 10_000_000), newline="") as file:
        assert file.read() == "".join(lines).replace("\r\n", "\n")


def test_scorer_sums_over_all_segmentations():
    characters = np.array([ord(c) for c in "▁ab"], np.uint32)
    scorer = Scorer(ft.Corpus.from_texts(["ab a", "ab"]), characters)
    vocabulary = {"▁": 0.3, "a": 0.2, "b": 0.1, "▁a": 0.3, "ab": 0.06, "bb": 0.05}
    total = sum(vocabulary.values())
    p = {piece: value / total for piece, value in vocabulary.items()}
    of_ab = p["▁"] * p["a"] * p["b"] + p["▁a"] * p["b"] + p["▁"] * p["ab"]
    of_a = p["▁"] * p["a"] + p["▁a"]
    score = scorer.score({piece: math.log(value) for piece, value in vocabulary.items()})
    assert score.nats_per_character == pytest.approx(-(2 * math.log(of_ab) + math.log(of_a)) / 8)
    assert score.n_tokens == 2 * 2 + 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux adds the memory of the parent")
def test_peak_memory_does_not_include_that_of_the_parent():
    held = np.ones(400 << 20, np.uint8)
    code = "from benchmarks.measure import peak_mb; print(peak_mb())"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert 10 < int(found.stdout) < 300
    assert held[-1] == 1
