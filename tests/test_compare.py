"""`compare`, `verify` and `Results`: reproducible bytes, interrupted runs, caching and failures."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

import fasttok as ft
from fasttok.experiment.run import costs as costs_module
from fasttok.experiment.run import counting as counting_module
from fasttok.experiment.run import run as run_module
from fasttok.experiment.run.costs import measure_cost
from fasttok.experiment.run.folder import lock_folder
from fasttok.experiment.run.results import SHAPE
from tests.conftest import ROOT
from tests.test_cli import run as command
from tests.test_faults import run_child

SPECIFICATION = """\
name = "tested"
seed = 3

[corpus.train]
one = { files = "one.md", weight = 2 }
two = { files = "two.md", weight = 0.5 }

[corpus.test]
held = { files = "held/*.md", document = "line" }
aligned = { parallel = "aligned/*.txt", baseline = "en" }

[[tokenizer]]
model = ["bpe", "unigram", "word"]
vocab_size = [300, 350]

[[tokenizer]]
model = ["character", "byte"]
pretokenizer = "whitespace"

[[tokenizer]]
load = "tiny.json"

[metrics]
use = ["compression", "fertility", "nsl", "parity", "renyi", "speed"]
words = "whitespace"
baseline = "tiny"
"""
NAMES = [
    "bpe-300",
    "bpe-350",
    "unigram-300",
    "unigram-350",
    "word-300",
    "word-350",
    "character",
    "byte",
    "tiny",
]
N_CELLS = 4 + 9 + 18  # counts (2 recipes × 2 languages), tokenizers, measurements (9 tokenizers × 2 corpora)


def write_files(folder: Path) -> Path:
    """Write a small experiment and its text to a folder; return the path of the specification."""
    texts = {
        name: (ROOT / name).read_text()
        for name in ("README.md", "CHANGELOG.md", "docs/design/architecture.md")
    }
    files = {
        **{"one.md": texts["README.md"], "two.md": texts["CHANGELOG.md"]},
        **{"held/a.md": texts["CHANGELOG.md"][:6000], "held/b.md": texts["README.md"][-3000:]},
        **{"aligned/en.txt": "the house\nthe cat\n", "aligned/de.txt": "das Haus\ndie Katze\n"},
        **{"tiny.json": (ROOT / "tests/data/tiny.json").read_text(), "experiment.toml": SPECIFICATION},
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(text)
    return folder / "experiment.toml"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Path of the specification, and results of an uninterrupted run."""
    path = write_files(tmp_path_factory.mktemp("tested"))
    return path, ft.compare(path, path.parent / "results")


@pytest.fixture
def copied(finished, tmp_path):
    """Paths of a copy of specification and results, which tests can damage."""
    shutil.copytree(finished[0].parent, tmp_path / "copy")
    return tmp_path / "copy" / "experiment.toml", tmp_path / "copy" / "results"


def reproducible_files(folder) -> dict[str, bytes]:
    """Return the files of a results folder that must be equal in every run, by name."""
    paths = [
        *Path(folder).glob("*s.jsonl"),
        *Path(folder).glob("tokenizers/*"),
        Path(folder, "experiment.toml"),
    ]
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in paths if path.name != "timings.jsonl"
    }


def change(path: Path, old: str, new: str) -> None:
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


# Content of the results


def test_files_and_rows_of_the_results(finished):
    path, results = finished
    files = {f"{name}.jsonl" for name in ("metrics", "curves", "failures", "timings")}
    files |= {"experiment.toml", "manifest.json", "cells", "tokenizers"}
    assert set(os.listdir(results.folder)) == files
    assert Path(results.folder, "experiment.toml").read_bytes() == path.read_bytes()
    assert results.tokenizers == NAMES
    assert sorted(os.listdir(Path(results.folder, "tokenizers"))) == sorted(f"{name}.json" for name in NAMES)
    assert results.failures == []
    assert len(list(Path(results.folder, "cells").glob("*.json"))) == N_CELLS
    assert {row["tokenizer"] for row in results.rows} == set(NAMES)
    assert {row["corpus"] for row in results.rows} == {"held", "aligned"}
    assert [(line["tokenizer"], line["corpus"]) for line in results.curves] == sorted(
        (name, corpus) for name in NAMES for corpus in ("held", "aligned")
    )
    assert {row["language"] for row in results.rows} == {"", "a", "b", "en", "de"}
    assert results.manifest["command"]
    assert results.manifest["versions"]["fasttok"] == ft.__version__


def test_results_match_the_separate_steps(finished):
    path, results = finished
    folder = path.parent
    corpora = {name: ft.Corpus.from_files(folder / f"{name}.md") for name in ("one", "two")}
    tokenizers = {}
    for pretokenizer, models in {
        "o200k": {
            **{f"bpe-{size}": {"model": "bpe", "vocab_size": size} for size in (300, 350)},
            **{f"unigram-{size}": {"model": "unigram", "vocab_size": size} for size in (300, 350)},
            **{f"word-{size}": {"model": "word", "vocab_size": size, "unk": "<unk>"} for size in (300, 350)},
        },
        "whitespace": {"character": {"model": "character", "unk": "<unk>"}, "byte": {"model": "byte"}},
    }.items():
        for name, options in models.items():
            special = ["<unk>"] if options["model"] in ("unigram", "word", "character") else []
            counted = ft.count_pretokens(corpora, pretokenizer, split_special=special)
            counts = ft.PretokenCounts.mix([(counted["one"], 2), (counted["two"], 0.5)])
            tokenizers[name] = ft.train(counts, **options)
    tokenizers["tiny"] = ft.load(folder / "tiny.json")
    for name, tok in tokenizers.items():
        tok.save(folder / "again.json")
        assert (folder / "again.json").read_bytes() == Path(
            results.folder, "tokenizers", f"{name}.json"
        ).read_bytes()
        assert results.tokenizer(name).fingerprint() == tok.fingerprint()
    held = {stem: ft.Corpus.from_files(folder / f"held/{stem}.md", document="line") for stem in "ab"}
    aligned = {
        stem: ft.Corpus.from_files(folder / f"aligned/{stem}.txt", document="line") for stem in ("de", "en")
    }
    use = ["compression", "fertility", "nsl", "parity", "renyi"]
    expected = [
        row
        for corpus in (
            ft.TestCorpus.from_corpora("held", held, words="whitespace"),
            ft.TestCorpus.from_corpora("aligned", aligned, words="whitespace", baseline="en"),
        )
        for row in ft.measure(
            tokenizers,
            corpus,
            [name for name in use if name != "parity" or corpus.name == "aligned"],
            seed=3,
            baseline_tokenizer="tiny",
        )
    ]
    key = ("tokenizer", "corpus", "language", "metric")
    assert results.rows == sorted(expected, key=lambda row: [row[name] for name in key])


def test_timings(finished):
    _, results = finished
    stages = [(row["stage"], row["tokenizer"], row["corpus"], row["state"]) for row in results.timings]
    trained = [(name, state) for name in NAMES[:-1] for state in ("cold", "warm")]
    assert stages[:4] == [("count", "", language, "cold") for language in ("one", "two")] * 2
    assert stages[4:20] == [("train", name, "", state) for name, state in trained]
    coded = [
        (stage, name, corpus, state)
        for name in ("tiny", *NAMES[:-1])  # the baseline first
        for corpus in ("held", "aligned")
        for state in ("cold", "warm")
        for stage in ("encode", "decode")
    ]
    assert stages[20:] == coded
    assert all(row["seconds"] > 0 and row["n_bytes"] > 0 for row in results.timings)
    memory = [row["memory"] for row in results.timings]
    assert all(isinstance(size, int) and size >= 0 for size in memory) or set(memory) == {None}
    for name, data in reproducible_files(results.folder).items():
        assert b"seconds" not in data, name
        assert str(Path(results.folder).parent).encode() not in data, name


def test_a_cost_is_the_median_of_several_runs(monkeypatch):
    ticks = iter([0, 5, 10, 11, 20, 23])
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    results = iter("abc")
    result, cost = measure_cost(lambda: next(results), times=3)
    assert (result, cost.seconds) == ("c", 3)


def test_warm_encoding_and_decoding_run_five_times(small, monkeypatch):
    change(small, 'use = "compression"', 'use = "speed"')
    times = []
    for module in (run_module, costs_module):
        monkeypatch.setattr(
            module, "measure_cost", lambda work, n=1: times.append(n) or measure_cost(work, n)
        )
    ft.compare(small, small.parent / "results")
    assert times == [1] * 4 + [1, 1, 5, 5] * 2  # training cold and warm; encoding and decoding


def test_a_finished_run_is_read_from_the_cache(copied, monkeypatch):
    path, results = copied
    before = reproducible_files(results)
    timings = (results / "timings.jsonl").read_bytes()
    for module, name in (
        (run_module, "train"),
        (run_module, "score"),
        (counting_module, "count_corpus"),
    ):
        monkeypatch.setattr(module, name, None)
    again = ft.compare(path, results)
    assert reproducible_files(results) == before
    assert sorted((results / "timings.jsonl").read_bytes().splitlines()) == sorted(timings.splitlines())
    assert again.tokenizers == NAMES


def test_missing_and_damaged_cells_are_computed_again(copied, finished):
    path, results = copied
    cells = sorted((results / "cells").glob("*"))
    for i, cell in enumerate(cells):
        if i % 3 == 0:
            cell.unlink()
        elif i % 3 == 1 and cell.suffix == ".json":
            cell.write_text(["[]", "{", '{"inputs": 5}'][i // 3 % 3])
        elif i % 3 == 1:
            cell.write_bytes(cell.read_bytes()[: i * 100])
    (results / "tokenizers/bpe-300.json").unlink()
    change(results / "tokenizers/byte.json", "kind", "mind")
    ft.compare(path, results)
    assert reproducible_files(results) == reproducible_files(finished[1].folder)


def test_another_experiment_in_the_same_folder(copied, finished, monkeypatch):
    path, results = copied
    change(path, '["bpe", "unigram", "word"]', '["bpe", "word"]')
    change(path, "[300, 350]", "[300, 320]")
    found = ft.compare(path, results)
    assert found.tokenizers == ["bpe-300", "bpe-320", "word-300", "word-320", "character", "byte", "tiny"]
    assert {row["tokenizer"] for row in found.rows} == set(found.tokenizers)
    change(path, "[300, 320]", "[300, 350]")
    change(path, '["bpe", "word"]', '["bpe", "unigram", "word"]')
    monkeypatch.setattr(run_module, "train", None)  # everything must come from the cache
    ft.compare(path, results)
    assert reproducible_files(results) == reproducible_files(finished[1].folder)


def test_a_folder_with_results_of_another_experiment(small, monkeypatch):
    out = small.parent / "results"
    ft.compare(small, out)
    before = contents(out)
    change(small, 'name = "small"', 'name = "other"')
    with pytest.raises(
        FileExistsError, match="the folder contains results of the experiment 'small'; choose"
    ):
        ft.compare(small, out)
    assert contents(out) == before
    assert f"Error: {out}: the folder contains" in command("compare", small, "-o", out, code=1).output
    monkeypatch.setattr(run_module.Run, "train", None)
    with pytest.raises(TypeError):
        ft.compare(small, small.parent / "interrupted")
    monkeypatch.undo()
    change(small, 'name = "other"', 'name = "third"')
    with pytest.raises(FileExistsError, match="of the experiment 'other'"):
        ft.compare(small, small.parent / "interrupted")
    (out / "experiment.toml").write_text("name = ")  # an unreadable specification has no name
    assert ft.compare(small, out).manifest["name"] == "third"


def test_changed_text_is_counted_again(copied):
    path, results = copied
    with (path.parent / "one.md").open("a") as file:
        file.write("zebra " * 1000)
    assert " zebra" in map(
        bytes.decode, ft.compare(path, results).tokenizer("word-300").model.pieces.to_bytes()
    )


# Reproducibility


def test_results_do_not_depend_on_workers_and_hash_seeds(finished):
    path, results = finished
    for workers in (1, 2, 3):
        out = path.parent / f"again-{workers}"
        subprocess.run(
            [
                sys.executable,
                "-m",
                "fasttok",
                "compare",
                path,
                "-o",
                out,
                "--workers",
                str(workers),
                "--quiet",
            ],
            env={**os.environ, "PYTHONHASHSEED": str(workers)},
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
        assert reproducible_files(out) == reproducible_files(results.folder)


def test_a_killed_run_can_be_continued(finished, tmp_path):
    path, results = finished
    out = tmp_path / "results"
    arguments = [sys.executable, "-m", "fasttok", "compare", path, "-o", out, "--quiet"]
    for n_cells in (1, 5, 15, 25):
        with subprocess.Popen(arguments, cwd=ROOT) as process:
            while process.poll() is None and len(list(out.glob("cells/*.json"))) < n_cells:
                time.sleep(0.001)
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        with pytest.raises(ft.ExperimentError, match="the comparison has not finished; run it again"):
            ft.Results.load(out)
    assert 25 <= len(list(out.glob("cells/*.json"))) < N_CELLS
    ft.compare(path, out)
    assert reproducible_files(out) == reproducible_files(results.folder)


def test_a_run_continues_after_a_full_disk(finished, tmp_path):
    path, results = finished
    run_child("fill_disk_in_a_comparison", path, tmp_path / "results")
    assert reproducible_files(tmp_path / "results") == reproducible_files(results.folder)


@pytest.mark.parametrize("workers", [1, 2])
def test_verify(finished, workers):
    path, results = finished
    before = {path: path.stat().st_mtime_ns for path in Path(results.folder).rglob("*")}
    assert ft.verify(results.folder, workers=workers) == []
    assert {path: path.stat().st_mtime_ns for path in Path(results.folder).rglob("*")} == before
    assert path.exists()


def test_verify_reports_differences(copied):
    _, results = copied
    change(results / "tokenizers/bpe-300.json", '"kind": "bpe"', '"kind": "BPE"')
    change(
        results / "metrics.jsonl",
        '"language": "de", "metric": "fertility", "value": ',
        '"language": "de", "metric": "fertility", "value": 1',
    )
    (results / "tokenizers/byte.json").unlink()
    (results / "failures.jsonl").write_text('{"tokenizer": "none"}\n')
    metrics, failures, bpe, byte = ft.verify(results)
    assert re.search(r'metrics.jsonl, line \d+: was .*"fertility", "value": 1\d.* and is ', metrics)
    assert failures == """failures.jsonl, line 1: was '{"tokenizer": "none"}' and is ''"""
    assert re.search(r"tokenizers/bpe-300.json, line \d+: was .*BPE.* and is .*bpe", bpe)
    assert byte == "tokenizers/byte.json is missing"
    assert command("verify", results, "--quiet", code=1).output.splitlines()[-1] == byte


def test_verify_reports_changed_text_and_versions(copied):
    path, results = copied
    with (path.parent / "one.md").open("a") as file:
        file.write("zebra " * 1000)
    manifest = json.loads((results / "manifest.json").read_text())
    manifest["versions"]["numpy"] = "1.0"
    (results / "manifest.json").write_text(json.dumps(manifest))
    found = ft.verify(results)
    assert found[0] == "the text of corpus.train.one has changed"
    assert found[1].startswith("numpy was 1.0 and is ")
    assert any(line.startswith("tokenizers/word-300.json, line ") for line in found[2:])


def test_verify_with_text_in_another_folder(copied, tmp_path):
    path, results = copied
    moved = shutil.move(results, tmp_path / "sent")
    with pytest.raises(ft.ExperimentError, match=r"one.md: No such file or directory"):
        ft.verify(moved)
    output = command("verify", moved, "--folder", path.parent, "--quiet").output
    assert output == f"{moved}: verified, all results are the same byte for byte\n"


# Failures

FAILING = """\
[[tokenizer]]
name = "small"
model = "unigram"
vocab_size = 20
character_coverage = 1.0

[[tokenizer]]
name = "strict"
model = "bpe"
vocab_size = 300
units = "character"

[[tokenizer]]
load = "damaged.json"

"""


def test_failures_do_not_affect_other_tokenizers(finished, tmp_path):
    path = write_files(tmp_path)
    change(path, "[metrics]", FAILING + "[metrics]")
    (tmp_path / "damaged.json").write_text("{")
    (tmp_path / "aligned/de.txt").write_text("das Haus\ndie Ŧatze\n")
    out = tmp_path / "results"
    result = command("compare", path, "-o", out, "--quiet", code=3)
    results = ft.Results.load(out)
    assert [(row["tokenizer"], row["corpus"], row["error"]) for row in results.failures] == [
        ("small-unigram-20", "", "ValueError"),
        ("strict-bpe-300", "aligned", "ScoringError"),
        ("damaged", "", "ModelFormatError"),
    ]
    messages = [row["message"] for row in results.failures]
    assert messages[0].startswith("vocab_size must be at least ")
    assert re.search(r"'aligned/de', document 1.*cannot encode 'Ŧ'", messages[1])
    assert messages[2].startswith("damaged.json: line 1: not JSON")
    assert "strict-bpe-300 failed on aligned: " in result.output
    assert set(results.tokenizers) == {*NAMES, "strict-bpe-300"}
    assert {row["corpus"] for row in results.rows if row["tokenizer"] == "strict-bpe-300"} == {"held"}
    held = [row for row in results.rows if row["corpus"] == "held" and row["tokenizer"] in NAMES]
    assert held == [row for row in finished[1].rows if row["corpus"] == "held"]
    assert ft.verify(out) == []


def test_without_baseline_only_nsl_is_missing(finished, tmp_path):
    path = write_files(tmp_path)
    (tmp_path / "tiny.json").write_text("{")
    results = ft.compare(path, tmp_path / "results")
    assert [row["tokenizer"] for row in results.failures] == ["tiny"]
    others = [row for row in finished[1].rows if row["metric"] != "nsl" and row["tokenizer"] != "tiny"]
    assert results.rows == others


@pytest.mark.parametrize(
    ("name", "text", "line", "message"),
    [
        ("aligned/de.txt", "das Haus\n", 10, "en has 2 documents, de has 1"),
        ("aligned/de.txt", "", 10, "language 'de', has no text"),
        ("held/a.md", "", 9, "language 'a', has no text"),
        ("two.md", "", 6, "corpus.train.two: no text in "),
    ],
)
def test_invalid_text_is_an_error_with_a_line(tmp_path, name, text, line, message):
    path = write_files(tmp_path)
    (tmp_path / name).write_text(text)
    with pytest.raises(ft.ExperimentError, match=message) as caught:
        ft.compare(path, tmp_path / "results")
    assert caught.value.line == line
    assert not list(tmp_path.glob("results/tokenizers/*"))
    assert f"Error: {path}:{line}: " in command("compare", path, "-o", tmp_path / "results", code=1).output


# Small runs

SMALL = """\
name = "small"

[corpus.train]
one = { files = "one.txt", weight = 1 }

[corpus.test]
held = { files = "held.txt", document = "line" }

[[tokenizer]]
model = ["byte", "word"]

[metrics]
use = "compression"
words = "whitespace"
"""


@pytest.fixture
def small(tmp_path):
    """Path of the specification of a quick experiment."""
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "one.txt").write_text("the cat and the hat sat on the mat\n" * 20)
    (folder / "held.txt").write_text("the cat\nthe dog is here\n\nzebra\n")
    (folder / "experiment.toml").write_text(SMALL)
    return folder / "experiment.toml"


@pytest.fixture
def small_results(small):
    """Folder with the results of the quick experiment."""
    return Path(ft.compare(small, small.parent / "results").folder)


def add_tokenizers(path: Path, *lines: str) -> None:
    change(path, "[metrics]", "\n".join(f"[[tokenizer]]\n{line}\n" for line in lines) + "[metrics]")


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("spelled", ["./experiment.toml", "{parent}/experiment.toml", "{absolute}"])
def test_messages_of_failures_do_not_contain_the_folder(small, monkeypatch, spelled):
    folder = small.parent
    (folder.parent / "outside.json").write_text("{")
    (folder / "all").mkdir()
    (folder / "all/inside.json").write_text("{")
    names = ("../outside.json", "all/*.json", str(folder / "all/inside.json"))
    add_tokenizers(small, *(f'name = "n{i}"\nload = "{name}"' for i, name in enumerate(names)))
    monkeypatch.chdir(folder.parent if "parent" in spelled else folder)
    results = ft.compare(spelled.format(parent=folder.name, absolute=small), folder / "results")
    assert [row["tokenizer"] for row in results.failures] == ["n0-outside", "n1-inside", "n2-inside"]
    for row, name in zip(results.failures, ("outside", "inside", "inside"), strict=True):
        assert row["message"].startswith(f"{name}.json: line 1: not JSON")
    assert ft.verify(folder / "results") == []


def test_results_in_a_symlinked_folder(small, tmp_path):
    (tmp_path / "large/disk").mkdir(parents=True)
    (small.parent / "results").symlink_to(tmp_path / "large/disk")
    ft.compare(small, small.parent / "results")
    for results in (small.parent / "results", tmp_path / "large/disk"):
        assert ft.verify(results) == []


def test_only_one_run_can_use_a_folder(small):
    out = small.parent / "results"
    with lock_folder(str(out)):
        with pytest.raises(BlockingIOError, match="another run is using this folder: '.*results'"):
            ft.compare(small, out)
        assert not (out / "experiment.toml").exists()
    assert ft.compare(small, out).tokenizers == ["byte", "word"]


@pytest.mark.parametrize("suffix", [".tokenizer", ".json"])
def test_a_tokenizer_that_changes_during_a_run(small, monkeypatch, suffix):
    (small.parent / "tiny.json").write_text((ROOT / "tests/data/tiny.json").read_text())
    add_tokenizers(small, 'load = "tiny.json"')
    out = small.parent / "results"

    def change_files(self):
        for path in (
            (out / "cells").glob("*.tokenizer") if suffix == ".tokenizer" else [small.parent / "tiny.json"]
        ):
            ft.train(ft.PretokenCounts.from_dict({"other": 9}), model="byte").save(path)
        step(self)

    step_name = "measure" if suffix == ".tokenizer" else "begin"
    step = getattr(run_module.Run, step_name)
    monkeypatch.setattr(run_module.Run, step_name, change_files)
    if suffix == ".tokenizer":
        with pytest.raises(ft.ExperimentError, match="the file was changed"):
            ft.compare(small, out)
    else:
        assert ft.compare(small, out).manifest["tokenizers"]["tiny"]["model"] == "byte"
    monkeypatch.setattr(run_module.Run, step_name, step)
    ft.compare(small, out)
    assert ft.verify(out) == []


@pytest.mark.parametrize("damage", ["cut off", "empty", "other counts"])
def test_damaged_counts_are_computed_again(small, damage):
    out = small.parent / "results"
    before = reproducible_files(ft.compare(small, out).folder)
    [counts] = (out / "cells").glob("*.npz")
    if damage == "other counts":
        ft.PretokenCounts.from_dict({"zzz": 5}).save(counts)
    else:
        counts.write_bytes(counts.read_bytes()[: 500 if damage == "cut off" else 0])
    for tokenizer in (out / "cells").glob("*.tokenizer"):
        tokenizer.unlink()
    ft.compare(small, out)
    assert reproducible_files(out) == before


def test_a_folder_with_other_files_is_not_changed(small, tmp_path):
    folder = small.parent
    other = tmp_path / "other"
    (other / "tokenizers").mkdir(parents=True)
    (other / "cells").mkdir()
    for name in ("experiment.toml", "manifest.json", "tokenizers/byte.json", "metrics.jsonl"):
        (other / name).write_text('{"mine": 1}')
    (folder / "manifest.json").write_text("{}")
    ours = ft.compare(small, folder / "results").folder
    for name in (other, folder):
        before = contents(name)
        with pytest.raises(FileExistsError):
            ft.compare(small, name)
        assert contents(name) == before
    shutil.rmtree(f"{ours}/cells")  # the manifest still identifies the folder
    ft.compare(small, ours)


def test_the_folder_of_the_experiment_cannot_contain_results(small, monkeypatch):
    monkeypatch.chdir(small.parent)
    for output in (".", small.parent, "../small"):
        with pytest.raises(
            FileExistsError, match="the folder contains the experiment itself; choose another"
        ):
            ft.compare("experiment.toml", output)
    assert sorted(os.listdir(small.parent)) == ["experiment.toml", "held.txt", "one.txt"]


def test_input_files_cannot_be_in_the_results_folder(small):
    out = small.parent / "results"
    ft.compare(small, out)
    before = contents(out)
    for old, new, line in (
        ('files = "one.txt"', 'files = "results/metrics.jsonl", field = "metric"', 4),
        ('files = "held.txt"', 'files = ["held.txt", "results/metrics.jsonl"], field = "metric"', 7),
        ('model = ["byte", "word"]', 'load = "results/tokenizers/byte.json"', 9),
    ):
        small.write_text(SMALL)
        change(small, old, new)
        with pytest.raises(ft.ExperimentError, match="is inside the folder for the results") as caught:
            ft.compare(small, out)
        assert caught.value.line == line
        assert contents(out) == before


def test_errors_in_counting_do_not_change_earlier_results(small):
    out = small.parent / "results"
    ft.compare(small, out)
    before = contents(out)
    change(small, '"one.txt"', '"two.txt"')
    (small.parent / "two.txt").write_text("")
    with pytest.raises(ft.ExperimentError, match="no text in"):
        ft.compare(small, out)
    assert contents(out) == before
    assert ft.Results.load(out).tokenizers == ["byte", "word"]


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (OverflowError("too large"), "OverflowError", "too large"),
        (MemoryError(), "MemoryError", "not enough memory"),
        (type("_ArrayMemoryError", (MemoryError,), {})("of NumPy"), "MemoryError", "of NumPy"),
    ],
)
@pytest.mark.parametrize("step", ["train", "score"])
def test_errors_that_become_failures(small, monkeypatch, step, error, kind, message):
    work = getattr(run_module, step)

    def fail_for_words(source, target, *rest, **options):
        if "word" in (target if step == "train" else source):
            raise error
        return work(source, target, *rest, **options)

    monkeypatch.setattr(run_module, step, fail_for_words)
    results = ft.compare(small, small.parent / "results")
    corpus = "held" if step == "score" else ""
    assert results.failures == [{"tokenizer": "word", "corpus": corpus, "error": kind, "message": message}]
    assert {row["tokenizer"] for row in results.rows} == {"byte"}


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, OSError(28, "No space left on device"), KeyError("bug")]
)
def test_errors_that_end_a_run(small, monkeypatch, error):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(run_module, "train", fail)
    with pytest.raises(type(error) if isinstance(error, Exception) else error):
        ft.compare(small, small.parent / "results")


def test_a_pretokenizer_that_discards_all_text(small):
    (small.parent / "blank.txt").write_text("  \n \n")
    change(small, "[corpus.test]", 'two = { files = "blank.txt" }\n[corpus.test]')
    add_tokenizers(small, 'name = "bert"\nmodel = ["byte", "word"]\npretokenizer = "bert"')
    results = ft.compare(small, small.parent / "results")
    message = "no pretokens in corpus.train.two: normalizer and pretokenizer discard all text"
    assert [(row["tokenizer"], row["error"], row["message"]) for row in results.failures] == [
        (name, "ValueError", message) for name in ("bert-byte", "bert-word")
    ]
    assert results.tokenizers == ["byte", "word"]


def test_an_expression_that_takes_too_long(small, monkeypatch):
    monkeypatch.setattr(ft.Regex.__init__, "__defaults__", (0.05,))  # seconds
    (small.parent / "one.txt").write_text("a" * 40)
    add_tokenizers(small, 'name = "slow"\nmodel = "byte"\npretokenizer = "(?:a|a)*c|(?:a?){30}a{30}$"')
    results = ft.compare(small, small.parent / "results")
    assert [(row["tokenizer"], row["error"]) for row in results.failures] == [("slow-byte", "PatternError")]


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ("1e18", "too large: the count of a pretoken exceeds 2^63 - 1"),
        ("1e-300", "too small: all counts, multiplied by their weights, round to 0"),
    ],
)
def test_weights_that_are_too_large_or_too_small(small, weight, message):
    change(small, "weight = 1 }", f"weight = {weight} }}")
    change(small, "[corpus.test]", 'two = { files = "one.txt", weight = 1e-301 }\n[corpus.test]')
    with pytest.raises(ft.ExperimentError, match=re.escape(f"corpus.train.one.weight: {message}")) as caught:
        ft.compare(small, small.parent / "results")
    assert caught.value.line == 4


def test_the_same_text_in_two_languages(small):
    change(small, "[corpus.test]", 'two = { files = "one.txt" }\n[corpus.test]')
    results = ft.compare(small, small.parent / "results")
    assert [row["corpus"] for row in results.timings if row["stage"] == "count"] == ["one", "two"]


def test_tokenizers_of_an_earlier_run_are_removed(small):
    out = small.parent / "results"
    (small.parent / "tiny.json").write_text((ROOT / "tests/data/tiny.json").read_text())
    add_tokenizers(small, 'load = "tiny.json"', 'model = "character"')
    ft.compare(small, out)
    (out / "tokenizers/own.json").write_text("{}")
    change(small, '["byte", "word"]', '"byte"')
    (small.parent / "tiny.json").write_text("{")
    ft.compare(small, out)
    assert sorted(os.listdir(out / "tokenizers")) == ["byte.json", "character.json", "own.json"]
    assert ft.verify(out) == ["tokenizers/own.json is not part of the new results"]
    assert (out / "tokenizers/own.json").read_text() == "{}"


# Results


def test_a_tokenizer_that_was_changed_after_the_run(small):
    out = small.parent / "results"
    results = ft.compare(small, out)
    shutil.copy(out / "tokenizers/byte.json", out / "tokenizers/word.json")
    with pytest.raises(ft.ExperimentError, match="word.json: the file was changed or belongs to another run"):
        results.tokenizer("word")
    assert results.tokenizer("byte").vocab_size == 256


def test_verify_of_a_changed_specification(small):
    out = small.parent / "results"
    ft.compare(small, out)
    change(out / "experiment.toml", "small", "large")
    with pytest.raises(
        ft.ExperimentError, match="experiment.toml: the file was changed or belongs to another"
    ):
        ft.verify(out)


@pytest.mark.parametrize("keys", SHAPE)
@pytest.mark.parametrize("damage", ["missing", "of another type"])
def test_damaged_manifests(small_results, keys, damage):
    path = small_results / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["own_metrics"] = {"toy:toy": ft.Metric("toy", ("tokens",), definition="Toys.").describe()}
    *path_keys, last = (
        keys.replace("languages.*", "languages.held")
        .replace("tokenizers.*", "tokenizers.byte")
        .replace("own_metrics.*", "own_metrics.toy:toy")
        .split(".")
    )
    inner = manifest
    for key in path_keys:
        inner = inner[key]
    if damage == "missing" and last != "held":
        del inner[last]
    else:
        inner[last] = 0.5
    path.write_text(json.dumps(manifest))
    for read in (ft.Results.load, ft.verify):
        with pytest.raises(
            ft.ExperimentError, match=re.escape(f"manifest.json: {keys} is missing or is not")
        ):
            read(small_results)


def test_results_as_tables(finished):
    _, results = finished
    columns = ["tokenizer", "corpus", "language", "metric", "value", "low", "high", "unit", "n"]
    frame = results.to_pandas()
    assert list(frame.columns) == columns
    assert frame["value"].dtype == frame["low"].dtype == "float64"
    table = results.to_arrow()
    assert table.to_pylist() == results.rows
    assert table.schema.field("value").type == pa.float64()
    assert table.schema.field("n").type == pa.int64()
    assert frame["n"].tolist() == table["n"].to_pylist()
    assert repr(results) == f"Results({results.folder!r}, 9 tokenizers, {len(results.rows):,} rows)"


@pytest.mark.parametrize(("library", "method"), [("pandas", "to_pandas"), ("pyarrow", "to_arrow")])
def test_missing_libraries(finished, monkeypatch, library, method):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=f"pip install {library}"):
        getattr(finished[1], method)()


def test_an_unknown_tokenizer(finished):
    with pytest.raises(
        KeyError, match="no tokenizer is named .*bpe-301.*; did you mean .* The names are bpe-300, bpe-350, "
    ):
        finished[1].tokenizer("bpe-301")


def test_unmeasured_metrics(small, finished):
    assert finished[1].unmeasured == []
    change(small, '"compression"', '["gini", "speed", "compression", "morphology", "parity"]')
    out = small.parent / "results"
    output = command("compare", small, "-o", out, "--quiet").output
    assert ft.Results.load(out).unmeasured == ["gini", "morphology", "parity"]
    for metric, needs in (
        ("gini", "parallel text"),
        ("parity", "parallel text"),
        ("morphology", "a file of morphemes"),
    ):
        assert f"{metric} was not measured: it needs {needs}" in output
    assert "speed was" not in output


def test_nsl_is_unmeasured_if_the_baseline_failed(small):
    (small.parent / "tiny.json").write_text("{")
    add_tokenizers(small, 'load = "tiny.json"')
    change(small, 'use = "compression"', 'use = ["compression", "nsl"]\nbaseline = "tiny"')
    out = small.parent / "results"
    output = command("compare", small, "-o", out, "--quiet", code=3).output
    assert ft.Results.load(out).unmeasured == ["nsl"]
    assert "nsl was not measured: it needs tokenizers that do not fail" in output
    assert "tiny failed: tiny.json" in output


def test_output_of_the_command(small):
    out = small.parent / "its results"
    first = command("compare", small, "-o", out, "--progress", "lines")
    n = len(ft.Results.load(out).rows)
    assert first.stdout.splitlines() == [
        f"Measured 2 tokenizers: {n} rows in {out}",
        f"Next: fasttok report '{out}'",
    ]
    tasks = ["training byte", "training word", "measuring byte on held", "measuring word on held"]
    numbered = [f"{i} of 4: {task}" for i, task in enumerate(tasks, 1)]
    assert [line for line in first.stderr.splitlines() if " of 4: " in line] == numbered
    change(small, '["byte", "word"]', '["byte", "character"]')
    again = command("compare", small, "-o", out, "--progress", "lines").stderr
    numbered = [line.replace("word", "character") + " (cached)" * ("byte" in line) for line in numbered]
    assert [line for line in again.splitlines() if " of 4: " in line] == numbered


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("manifest.json", "{", "manifest.json: not the manifest of a comparison"),
        ("manifest.json", "{}", "manifest.json: not the manifest of a comparison"),
        ("manifest.json", "[]", "manifest.json: not the manifest of a comparison"),
        (
            "manifest.json",
            '{"format": "fasttok.experiment", "version": 9}',
            "cannot read fasttok.experiment version 9; this fasttok",
        ),
        ("manifest.json", '{"format": "fasttok.experiment", "version": 1}', "manifest.json: name is missing"),
        ("metrics.jsonl", "", "metrics.jsonl: the file was changed or belongs"),
        ("timings.jsonl", "{}\n", "timings.jsonl: the file was changed or belongs"),
        ("experiment.toml", SPECIFICATION + "\n", "experiment.toml: the file was changed or belongs"),
    ],
)
def test_damaged_results(copied, file, text, message):
    _, results = copied
    (results / file).write_text(text)
    with pytest.raises(ft.ExperimentError, match=message):
        ft.Results.load(results)


def test_missing_results(tmp_path):
    for read in (ft.Results.load, ft.verify, ft.write_report):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "none")
        with pytest.raises(ft.ExperimentError, match="not a folder of results: manifest.json is missing"):
            read(tmp_path)
    for name in ("report", "verify"):
        output = command(name, tmp_path, code=1).output
        assert output == f"Error: {tmp_path}: not a folder of results: manifest.json is missing\n"
