"""Costs and shares of a context that ``fasttok count`` prints."""

from __future__ import annotations

import json

import pytest

import fasttok as ft
from tests.test_cli import run

DOCUMENTS = ["the cat and the hat", "the newest naïve 東京", "", "a hat"] * 5


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tok = ft.train(ft.Corpus.from_texts(DOCUMENTS), model="byte", special_tokens=["<end>"])
    tok.save("tok.json")
    tok.with_template("<end> $A").save("template.json")
    return tmp_path


def test_count_gives_costs_and_shares_of_a_context(folder):
    (folder / "a.txt").write_text("the cat")
    (folder / "b.txt").write_text("the hat and the hat")
    tok = ft.load("tok.json")
    a, b = tok.count("the cat"), tok.count("the hat and the hat")
    count = ["count", "a.txt", "b.txt", "--with", "tok.json"]
    lines = run(*count, "--price", 2.5, "--context", 100).output.splitlines()
    assert [line.split() for line in lines] == [
        ["tokens", "cost", "context", "file"],
        [str(a), f"{2.5 * a / 1e6:.6f}", f"{a:.2f}%", "a.txt"],
        [str(b), f"{2.5 * b / 1e6:.6f}", f"{b:.2f}%", "b.txt"],
        [str(a + b), f"{2.5 * (a + b) / 1e6:.6f}", f"{a + b:.2f}%", "total"],
    ]
    assert run(*count, "--per-file").output == run(*count).output
    assert run(*count, "--total").output == f"{a + b}  total\n"
    found = json.loads(run(*count, "--price", 1_000_000, "--context", 4, "--json").output)
    assert found["files"][0] == {
        "file": "a.txt",
        "documents": 1,
        "tokens": [a],
        "cost": [a],
        "context": [a / 4],
    }
    assert found["total"] == {"documents": 2, "tokens": [a + b], "cost": [a + b], "context": [(a + b) / 4]}
    assert (found["price"], found["context"]) == (1_000_000, 4)
    assert "files" not in json.loads(run(*count, "--total", "--json").output)
    both = run(*count, "-t", "template.json", "--price", 1, "--total").output.splitlines()
    assert both[0].split() == ["tok.json", "cost", "template.json", "cost", "file"]
    assert both[1].split() == [str(a + b), f"{(a + b) / 1e6:.6f}"] * 2 + ["total"]


def test_costs_are_not_rounded_in_binary(folder):
    (folder / "a.txt").write_text("a" * 3)
    ft.train(ft.Corpus.from_texts(["a"]), model="byte").save("bytes.json")
    found = json.loads(run("count", "a.txt", "-t", "bytes.json", "--price", 0.1, "--json").output)
    assert found["total"]["cost"] == [3e-7]  # 3 * 0.1 / 1e6 is 3.0000000000000004e-07
