"""``fasttok pretokens`` with tables of counts."""

from __future__ import annotations

import json
import re

import pyarrow as pa
import pyarrow.parquet
import pytest
from click.testing import CliRunner

import fasttok as ft
from fasttok.cli.main import main


def run(*arguments, code=0, stdin=None):
    result = CliRunner().invoke(main, [str(part) for part in arguments], input=stdin)
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.tsv").write_text("the cat\t3\nThe\t2\n")
    (tmp_path / "named.tsv").write_text("word\tn\nhat\t4\n")
    table = pa.table({"word": ["the", "a cat"], "lemma": ["the", "cat"], "n": [5, 6]})
    pyarrow.parquet.write_table(table, tmp_path / "words.parquet")
    (tmp_path / "text.txt").write_text("a b\n a b")
    return tmp_path


STEPS = ("--pretokenizer", "metaspace", "--normalizer", "lowercase", "--quiet")


def test_texts_are_split(folder):
    run("pretokens", "words.tsv", "--counts", "texts", *STEPS, "-o", "c.npz")
    counts = ft.PretokenCounts.load("c.npz")
    assert counts == ft.PretokenCounts.from_tsv("words.tsv", "metaspace", "lowercase", split=True)
    assert counts.to_dict() == {"▁the".encode(): 5, "▁cat".encode(): 3}
    run("train", "c.npz", "-o", "tok.json", "--model", "word", "--piece-counts", "--quiet")
    assert sorted(ft.load("tok.json").piece_counts.tolist()) == [3, 5]
    named = json.loads(
        run("pretokens", "named.tsv", "--counts", "texts", "--header", *STEPS, "--json").output
    )
    assert named["most_common"] == [["▁hat", 4]]
    both = run("pretokens", "words.*", "--counts", "texts", "--text-column", "word", *STEPS, "--json").output
    assert json.loads(both)["most_common"] == [["▁the", 10], ["▁cat", 9], ["▁a", 6]]
    from_stdin = run("pretokens", "--counts", "texts", *STEPS, "--json", stdin="hat\t4\n").output
    assert json.loads(from_stdin) == named


@pytest.mark.parametrize("name", ["c.tsv", "c.parquet", "c.arrow", "c.npz"])
def test_written_tables_are_read_again(folder, name):
    escapes = ["--escapes"] * (name == "c.tsv")
    run("pretokens", "text.txt", "-o", name, "--pretokenizer", "gpt2", "--quiet", *escapes)
    counts = ft.count_pretokens(ft.Corpus.from_files("text.txt"), "gpt2")
    if name == "c.npz":
        assert ft.PretokenCounts.load(name) == counts
        return
    read = [name, "--counts", "pretokens", "--pretokenizer", "gpt2", *escapes]
    run("pretokens", *read, "-o", "again.npz", "--quiet")
    assert ft.PretokenCounts.load("again.npz") == counts
    assert json.loads(run("pretokens", *read, "--json").output)["fingerprint"] == counts.fingerprint()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["text.txt", "-o", "c.tsv"], 1, "contains a line feed; pass --escapes, or write a .parquet or .npz"),
        (["text.txt", "--header"], 2, "--header has no effect without --counts"),
        (["text.txt", "--text-column", "x"], 2, "--text-column has no effect without --counts"),
        (["text.txt", "--escapes", "-o", "c.npz"], 2, "--escapes has no effect without --counts or a file"),
        (["text.txt", "-o", "c.csv"], 2, "c.csv: the name of a file of counts must end with .npz, .tsv"),
        (["named.tsv", "--counts", "texts"], 1, "named.tsv:1: a count must be .*; pass --header if this is"),
        (["words.parquet", "--counts", "texts"], 1, "several columns of text .*; pass --text-column"),
        (["words.tsv", "--counts", "texts", "--field", "x"], 2, "--field is for text, but --counts reads"),
        (["words.tsv", "--counts", "texts", "--max-memory", "1GB"], 2, "--max-memory is for text"),
        (["words.tsv", "--counts", "texts", "--split-special", "x"], 2, "--split-special is for text"),
        (["words.tsv", "--counts", "words"], 2, "'words' is not one of 'texts', 'pretokens'"),
        (["words.tsv", "--counts", "texts", "-o", "words.tsv"], 1, "it is also an input"),
        (["missing.tsv", "--counts", "texts"], 1, "missing.tsv"),
        (["-", "-", "--counts", "texts"], 2, "only once"),
    ],
)
def test_wrong_arguments(folder, arguments, code, message):
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    result = run("pretokens", *arguments, code=code)
    assert re.search(message, " ".join(result.output.split()))
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
