"""Files in docs/experiments/: valid experiment files, and the script that splits text."""

from __future__ import annotations

import subprocess
import sys

import fasttok as ft
from tests.conftest import ROOT

FOLDER = ROOT / "docs/experiments"


def split(text, folder):
    subprocess.run([sys.executable, FOLDER / "split.py", text, folder], check=True)
    return [(folder / f"{name}.txt").read_bytes().splitlines() for name in ("train", "test")]


def test_split_assigns_every_line_once(tmp_path):
    rows = [f"line {i % 700}".encode() for i in range(1000)] + [b"", b" "]
    (tmp_path / "text.txt").write_bytes(b"\n".join(rows))
    train, test = split(tmp_path / "text.txt", tmp_path / "made/there")
    assert not set(train) & set(test)
    assert sorted(train + test) == sorted(set(rows) - {b"", b" "})
    assert 40 < len(test) < 100


def test_split_does_not_depend_on_the_order_of_lines(tmp_path):
    rows = [f"line {i}".encode() for i in range(300)]
    (tmp_path / "text.txt").write_bytes(b"\n".join(rows))
    (tmp_path / "reversed.txt").write_bytes(b"\r\n".join(rows[::-1]) + b"\r\n")
    one = split(tmp_path / "text.txt", tmp_path / "one")
    other = split(tmp_path / "reversed.txt", tmp_path / "other")
    assert [part[::-1] for part in other] == one


def test_experiment_files_are_valid(shared, tmp_path):
    split(shared / "data/languages/dz.txt", tmp_path / "build/dz")
    dzongkha = ft.Experiment.load(FOLDER / "dzongkha.toml", folder=tmp_path)
    assert {tokenizer.name for tokenizer in dzongkha.tokenizers} >= {
        "bpe-10000",
        "wordpiece-30000",
        "unigram-30000",
    }
    ntrex = ft.Experiment.load(FOLDER / "ntrex.toml")
    assert len(ntrex.test[0].texts) == 131
