"""One grammar for all commands: inputs, outputs, names of options, JSON, messages, completion."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

import fasttok as ft
from fasttok.cli.main import main
from fasttok.cli.shared.inputs import unescape
from fasttok.cli.shared.messages import in_options
from fasttok.cli.shared.options import component_names
from fasttok.cli.train import MODELS
from fasttok.models.registry import TRAINERS
from tests.conftest import ROOT
from tests.test_cli import run

TEXT = "the cat and the hat, the newest naïve 東京\n" * 5
READING = ("train", "encode", "count", "pretokens", "diff")  # commands that read text
OPENING = (
    "encode",
    "decode",
    "count",
    "inspect",
    "show",
    "play",
    "convert",
    "diff",
)  # commands that open tokenizers
WORKING = ("train", "pretokens", "compare", "verify", "demo")  # commands that show progress
JSON = ("encode", "count", "pretokens", "inspect", "show", "diff", "compare", "verify")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text(TEXT)
    tok = ft.train(ft.Corpus.from_files("a.txt"), vocab_size=270, special_tokens=["<s>"], pretokenizer="gpt2")
    tok.save("tok.json")
    return tmp_path


def shell(*arguments, stdin: bytes = b"", **settings) -> subprocess.CompletedProcess[bytes]:
    """Run fasttok in a process of its own."""
    command = [sys.executable, "-m", "fasttok", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=False, **settings)


def flags_of(name: str) -> dict[str, click.Option]:
    options = [one for one in main.commands[name].params if isinstance(one, click.Option)]
    return {flag: one for one in options for flag in one.opts}


# Names of options


def test_an_option_has_the_same_meaning_everywhere():
    helps = {}
    for name in main.commands:
        for flag, one in flags_of(name).items():
            helps.setdefault(flag, {})[name] = one.help
    several = {"-o", "--output", "--document", "--offsets", "--pretokenizer", "--template", "--to", "--top"}
    several |= {"--json", "--dtype", "--special", "--quiet", "-t", "--tokenizer", "--with"}
    for flag, texts in helps.items():
        assert flag in several or len(set(texts.values())) == 1, flag


@pytest.mark.parametrize(
    ("flags", "commands"),
    [
        ("--format --field --document --separator --encoding --nulls --errors --workers", READING),
        ("--pretokenizer --rank-encoding --allow-import", OPENING),
        ("--rank-encoding --allow-import --start", ["train"]),
        ("--progress --quiet --workers", WORKING),
        ("--json", JSON),
        ("--template", ["train", "encode", "count", "convert"]),
        ("--to", ["train", "convert"]),
        ("-o", ["train", "encode", "decode", "count", "pretokens", "diff", "compare", "report", "demo"]),
    ],
)
def test_every_command_has_the_shared_options(flags, commands):
    for name in commands:
        assert set(flags.split()) <= flags_of(name).keys(), name


def test_every_option_has_a_help_text_and_every_command_examples():
    for name, command in main.commands.items():
        assert "Example" in command.help, name
        for flag, one in flags_of(name).items():
            assert one.help, f"{name} {flag}"


def test_train_has_every_option_of_the_trainers():
    names = {one.name for one in flags_of("train").values()}
    assert set(MODELS) == set(TRAINERS)
    for model in MODELS:
        assert {field.name for field in dataclasses.fields(TRAINERS.find(model))} <= names


@pytest.mark.parametrize("name", [None, *main.commands])
def test_short_and_long_help_are_the_same(name):
    command = [] if name is None else [name]
    assert run(*command, "-h").output == run(*command, "--help").output


def test_the_help_documents_exit_statuses_and_completion():
    text = run("--help").output
    for status in (0, 1, 2, 3, 129, 130, 143):
        assert re.search(rf"^ +{status}\b", text, re.MULTILINE)
    assert "_FASTTOK_COMPLETE=bash_source" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "Did you mean 'train'?"),
        (["train", "--vocab-sise", "3"], "--vocab-size"),
        (["encode", "--tokeniser", "x"], "--tokenizer"),
        (["train", "a.txt", "-o", "x.json", "--model", "bpee"], "'bpee' is not one of"),
        (["encode", "-t", "tok.json", "--workers", "0"], "--workers"),
        (["encode", "a.txt"], "--tokenizer"),
        (["encode", "-t", "-"], "only once"),
        (["encode", "-t", "/dev/stdin"], "only once"),
        (["encode", "-t", "tok.json", "-", "-"], "only once"),
        (["count", "--with", "-"], "only once"),
        (["count", "a.txt", "--with", "-", "--with", "-"], "only once"),
        (["show", "-", "--with", "-"], "only once"),
        (["show", "the cat", "--with", "-", "--with", "/dev/stdin"], "only once"),
        (["diff", "-", "-"], "only once"),
        (["diff", "tok.json", "/dev/stdin", "-"], "only once"),
        (["decode", "-t", "-", "-"], "only once"),
        (["decode", "-t", "tok.json", "-", "/dev/stdin"], "only once"),
        (["train", "--start", "-", "-o", "new.json"], "only once"),
        (["encode", "-t", "tok.json", "--document", "line", "--separator", "x"], "cannot be combined"),
        (["encode", "-t", "tok.json", "--separator", r"\q"], r"unknown escape \q"),
        (
            ["train", "a.txt", "-o", "x.json", "--split-special", "a", "--no-split-special"],
            "cannot be combined",
        ),
        (["train", "a.txt", "-o", "x.json", "--rank-encoding", "gpt2"], "no effect without --start"),
        (["train", "a.txt", "-o", "x.json", "--pair-template", "$A $B"], "needs --template"),
        (["train", "a.txt", "-o", "x.json", "--template", "<x> $A"], "add --special-token '<x>'"),
        (
            ["train", "a.txt", "-o", "x.json", "--model", "unigram", "--start", "tok.json"],
            "--start is not an option",
        ),
        (["train", "a.txt", "-o", "x", "--to", "tiktoken", "--model", "unigram"], "it is for --model bpe"),
        (
            ["train", "a.txt", "-o", "x", "--to", "tiktoken", "--normalizer", "nfc"],
            "cannot hold a normalizer",
        ),
        (["train", "a.txt", "-o", "x", "--to", "gpt2"], "pass --pretokenizer gpt2"),
        (
            ["train", "a.txt", "-o", "x", "--to", "vocab.txt", "--model", "wordpiece"],
            "pass --normalizer bert",
        ),
        (["train", "a.txt", "-o", "-", "--to", "gpt2"], "cannot be written to standard output"),
        (["train", "a.npz", "a.txt", "-o", "x.json"], "counts and text cannot be mixed"),
        (["train", "a.npz", "-o", "x.json", "--field", "t"], "--field is for text"),
        (["inspect", "a.npz", "--text", "t"], "--text is for tokenizers, but a.npz contains counts"),
        (["inspect", "a.npz", "--pretokenizer", "gpt2"], "--pretokenizer is for tokenizers"),
        (["diff", "tok.json", "tok.json", "--field", "t"], "--field is for text, but there are no FILES"),
        (["diff", "tok.json", "tok.json", "--examples", "1"], "--examples is for text"),
        (
            ["convert", "tok.json", "x.json", "--to", "fasttok", "--template", "$A", "--drop", "template"],
            "cannot be combined",
        ),
        (
            ["inspect", "tok.json", "--pretokenizer", "gpt2"],
            "for tiktoken rank files, but tok.json is not one",
        ),
        (["encode", "-t", "tok.json", "-o", "x.tokens", "--dtype", "uint16"], "--dtype cannot be combined"),
        (["encode", "-t", "tok.json", "-o", "x.tokens", "--show", "count"], "--show cannot be combined"),
        (["encode", "-t", "tok.json", "-o", "x.tokens", "--json"], "--json cannot be combined with a store"),
        (["encode", "-t", "tok.json", "-o", "x.tokens", "--seed", "1"], "--seed cannot be combined"),
        (["encode", "-t", "tok.json", "--separator-token", "<s>"], "--separator-token is for stores"),
        (["encode", "-t", "tok.json", "--shard-size", "65536"], "--shard-size is for stores"),
        (["encode", "-t", "tok.json", "-o", "x", "--progress", "bar"], "--progress is for stores"),
        (["count", "--with", "tok.json", "--price", "-1"], "--price must be a number of at least 0"),
        (["count", "--with", "tok.json", "--price", "nan"], "--price must be a number of at least 0"),
        (["count", "--with", "tok.json", "--context", "0"], "--context"),
        (["tokens", "pack", "a.tokens", "--context", "0"], "--context"),
        (["tokens", "info"], "STORES"),
        (["tokens", "exprot"], "Did you mean 'export'?"),
        (["tokens", "export", "a.tokens", "-o", "x.bin"], "--to"),
        (["tokens", "import", "a.bin", "-o", "x.tokens", "--from", "nanogpt"], "--vocab-size"),
        (["play", "--with", "-", "--with", "-"], "only once"),
        (["play", "--port", "70000"], "--port"),
        (["play", "--with", "tok.json", "--static", "x.html", "--port", "1"], "leave out --port"),
        (["play", "--with", "tok.json", "--static", "x.html", "--no-browser"], "leave out --port"),
        (["play", "--pretokenizer", "gpt2"], "add --with"),
        (["compare", "e.toml", "-o", "-"], "cannot be written to standard output"),
        (["demo", "-o", "-"], "cannot be written to standard output"),
        (["pretokens", "a.txt", "-o", "-", "--json"], "cannot both use standard output"),
    ],
)
def test_wrong_use_is_status_2_and_starts_no_work(folder, arguments, message):
    before = set(os.listdir())
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, message in result.output) == (2, True), result.output
    assert set(os.listdir()) == before


# Inputs


def test_inputs_are_files_folders_globs_and_standard_input(folder):
    (folder / "books").mkdir()
    (folder / "books/b 1.txt").write_text("the hat\n")
    (folder / "books/c.jsonl").write_text('{"text": "the cat"}\n')

    def total(*files, stdin=b""):
        done = shell("count", "--with", "tok.json", "--json", *files, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["total"]

    tok = ft.load("tok.json")
    n = tok.count("the hat\n") + tok.count("the cat")
    assert total("books") == total("books/*") == {"documents": 2, "tokens": [n]}
    assert total("books/b 1.txt", "-", stdin=b"the cat") == {"documents": 2, "tokens": [n]}
    assert total(stdin=b'{"text": "the cat"}\n{"text": "the hat"}\n')["documents"] == 2
    assert total("--format", "text", stdin=b'{"text": "the cat"}\n')["documents"] == 1
    assert total("--format", "csv", "--field", "{a}: {b}", stdin=b"a,b\nthe,cat\n") == {
        "documents": 1,
        "tokens": [tok.count("the: cat")],
    }
    assert total("--encoding", "utf-16", stdin="naïve".encode("utf-16"))["tokens"] == [tok.count("naïve")]
    text = b"the\0cat"
    assert total("--separator", r"\0", "--format", "text", stdin=text)["documents"] == 2
    nulls = b'{"text": null}\n{"text": "the"}\n'
    assert total("--nulls", "skip", stdin=nulls)["documents"] == 1
    done = shell("count", "--with", "tok.json", stdin=nulls)
    assert (done.returncode, b"pass --nulls skip" in done.stderr) == (1, True)
    (folder / "n.jsonl").write_bytes(nulls)
    options = ["--with", "tok.json", "--nulls", "skip", "--field", "text", "a.txt", "n.jsonl"]
    assert b"Skipped n.jsonl: 1 records without text" in shell("count", *options).stderr
    assert shell("count", "--quiet", *options).stderr == b""


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that are bytes")
def test_names_of_files_that_are_unusual(folder):
    for name in (b"-x.txt", b"with space.txt", b"\xff.txt", "東.txt".encode()):
        with open(name, "wb") as file:
            file.write(b"the cat")
        done = shell("count", "--with", "tok.json", "--", name)
        n = ft.load("tok.json").count("the cat")
        assert (done.returncode, done.stdout) == (0, b"%d  %s\n" % (n, name)), done.stderr
        assert shell("count", "--with", "tok.json", b"./" + name).stdout == b"%d  ./%s\n" % (n, name)
        done = shell("encode", "-t", "tok.json", b"./missing" + name)
        assert done.returncode == 1
        assert b"No such file" in done.stderr
        done = shell(
            "train", b"./" + name, "-o", b"./out" + name + b".json", "--vocab-size", "257", "--quiet"
        )
        assert (done.returncode, done.stderr) == (0, b"")


def test_tokenizers_from_standard_input(folder):
    data = (folder / "tok.json").read_bytes()
    expected = run("encode", "-t", "tok.json", "a.txt").output.encode()
    assert shell("encode", "-t", "-", "a.txt", stdin=data).stdout == expected
    assert shell("show", "the cat", "--with", "-", stdin=data).stdout.startswith(b"-  ")
    assert b"vocab_size=270" in shell("inspect", "-", stdin=data).stdout
    assert shell("diff", "-", "tok.json", stdin=data).returncode == 0
    assert shell("convert", "-", "-", "--to", "fasttok", stdin=data).stdout == data
    done = shell("encode", "-t", "-", "a.txt", stdin=data[:-9])
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: standard input: line ")


@pytest.mark.skipif(sys.platform == "win32", reason="needs named pipes")
def test_tokenizers_from_pipes_with_a_name(folder):
    """A pipe, as that of the shell for <(command), can be read only once."""
    os.mkfifo("pipe")
    data = (folder / "tok.json").read_bytes()
    expected = run("encode", "-t", "tok.json", "a.txt").output.encode()
    with subprocess.Popen(["/bin/sh", "-c", "cat tok.json > pipe"]):
        assert shell("encode", "-t", "pipe", "a.txt").stdout == expected
    assert shell("encode", "-t", "/dev/stdin", "a.txt", stdin=data).stdout == expected
    assert b"vocab_size=270" in shell("inspect", "/dev/stdin", stdin=data).stdout
    assert shell("diff", "/dev/stdin", "tok.json", stdin=data).returncode == 0
    assert shell("convert", "/dev/stdin", "-", "--to", "fasttok", stdin=data).stdout == data
    more = ["train", "a.txt", "-o", "more.json", "--vocab-size", "275", "--start", "/dev/stdin"]
    assert shell(*more, stdin=data).returncode == 0
    assert b"/dev/stdin: an empty file" in shell("encode", "-t", "/dev/stdin", "a.txt").stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [(r"\n", "\n"), (r"a\t\0", "a\t\0"), (r"\\n", r"\n"), ("\n--\n", "\n--\n"), ("", "")],
)
def test_escapes_in_separators(text, expected):
    assert unescape(text) == expected


# Outputs


def test_everything_can_be_written_to_standard_output(folder):
    trained = shell("train", "a.txt", "-o", "-", "--vocab-size", "260", "--quiet")
    run("train", "a.txt", "-o", "t.json", "--vocab-size", 260, "--quiet")
    assert trained.stdout == (folder / "t.json").read_bytes()
    counts = shell("pretokens", "a.txt", "-o", "-").stdout
    run("pretokens", "a.txt", "-o", "a.npz")
    (folder / "piped.npz").write_bytes(counts)
    assert ft.PretokenCounts.load("piped.npz").fingerprint() == ft.PretokenCounts.load("a.npz").fingerprint()
    assert b"fingerprint" in shell("inspect", "-", stdin=counts).stdout
    for to in ("huggingface", "tiktoken"):
        done = shell("convert", "tok.json", "-", "--to", to)
        run("convert", "tok.json", f"c.{to}.json", "--to", to)
        assert done.stdout == (folder / f"c.{to}.json").read_bytes()
    for command in (["encode", "-t", "tok.json", "a.txt"], ["count", "--with", "tok.json", "a.txt"]):
        printed = run(*command).output
        assert run(*command, "-o", "-").output == printed
        assert run(*command, "-o", "saved").output == ""
        assert (folder / "saved").read_text() == printed


def test_training_on_files_of_counts_under_any_name(folder):
    run("pretokens", "a.txt", "-o", "counts", "--quiet")
    (folder / "one.npz").write_bytes((folder / "counts").read_bytes())
    run("train", "a.txt", "-o", "expected.json", "--vocab-size", 270, "--quiet")
    for files in ("counts", "one.npz", "on*.npz", "cou[n]ts"):
        run("train", files, "-o", "new.json", "--vocab-size", 270, "--quiet")
        assert not ft.compare_tokenizers(ft.load("new.json"), ft.load("expected.json"))
    assert "PretokenCounts" in run("inspect", "counts").output
    result = run("train", "counts", "a.txt", "-o", "new.json", code=2)
    assert "counts and text cannot be mixed: counts contains counts" in result.output


def test_continuing_from_a_tokenizer_that_does_not_suit(folder):
    run("train", "a.txt", "-o", "u.json", "--model", "unigram", "--vocab-size", 60, "--quiet")
    result = run("train", "a.txt", "--start", "u.json", "-o", "new.json", code=1)
    assert result.output == (
        "Error: start must be a Tokenizer with byte-level BPE, not with a model of kind 'unigram'\n"
    )
    command = ["train", "a.txt", "--start", "tok.json", "-o", "new.json", "--vocab-size", 300]
    for option, name in (("--pretokenizer", "llama3"), ("--normalizer", "nfc")):
        assert f"train without {option}" in run(*command, option, name, code=1).output
    assert not (folder / "new.json").exists()


def test_training_writes_other_formats(folder):
    command = ["train", "a.txt", "--vocab-size", 270, "--special-token", "<s>", "--quiet"]
    remark = run(*command, "-o", "tok.tiktoken", "--to", "tiktoken", "--pretokenizer", "gpt2").stderr
    assert "no special tokens, as every rank file. To open it, pass the pretokenizer 'gpt2'" in remark
    run(*command, "-o", "tokenizer.json", "--to", "huggingface", "--template", "<s> $A")
    assert ft.load("tok.tiktoken", pretokenizer="gpt2").encode("the cat").tolist() == (
        ft.load("tok.json").encode("the cat").tolist()
    )
    assert ft.load("tokenizer.json").template.single == "<s> $A"
    run(*command, "-o", "compat.json", "--compat", "huggingface", "--template", "<s> $A")
    assert ft.load("compat.json").template.single == "<s> $A"
    run("train", "a.txt", "-o", "byte.tiktoken", "--to", "tiktoken", "--model", "byte", "--quiet")
    assert ft.load("byte.tiktoken", pretokenizer="o200k").vocab_size == 256
    output = run("train", "a.txt", "-o", "x.tiktoken", code=1).output
    assert "pass --to tiktoken to write one, or --to fasttok" in output


def test_a_trained_tokenizer_that_a_format_cannot_hold_is_not_lost(folder):
    run("pretokens", "a.txt", "-o", "c.npz", "--pretokenizer", "bert", "--quiet")
    command = ["train", "c.npz", "-o", "x", "--to", "vocab.txt", "--model", "wordpiece", "--vocab-size", "60"]
    result = run(*command, code=1)
    assert "cannot hold" in result.output
    assert "x.fasttok.json" in result.output
    assert ft.load("x.fasttok.json").model.kind == "wordpiece"


def test_continuing_from_a_tokenizer(folder):
    run("train", "a.txt", "-o", "more.json", "--start", "tok.json", "--vocab-size", 275, "--quiet")
    start, more = ft.load("tok.json"), ft.load("more.json")
    assert more.vocab_size == 275
    assert [more.id_to_piece(i) for i in range(270)] == [start.id_to_piece(i) for i in range(270)]


def test_splitting_at_special_tokens(folder):
    (folder / "s.txt").write_text("<s>cat" * 50)
    command = [
        "train",
        "s.txt",
        "--vocab-size",
        260,
        "--special-token",
        "<s>",
        "--pretokenizer",
        "none",
        "--quiet",
    ]
    pieces = {}
    for name, options in {"own": [], "no": ["--no-split-special"], "given": ["--split-special", "a"]}.items():
        CliRunner().invoke(main, [*map(str, command), "-o", f"{name}.json", *options])
        tok = ft.load(f"{name}.json")
        pieces[name] = b" ".join(tok.id_to_piece(i) for i in range(256, tok.vocab_size - 1))
    assert b"<" not in pieces["own"]
    assert b"<" in pieces["no"]
    assert b"a" not in pieces["given"]


def test_rank_files_are_opened_by_every_command(folder):
    run("convert", "tok.json", "mine.tiktoken", "--to", "tiktoken")
    ranks = ["mine.tiktoken", "--pretokenizer", "gpt2"]
    message = "pass --rank-encoding with one of"
    for command in (
        ["inspect"],
        ["encode", "a.txt", "-t"],
        ["count", "a.txt", "--with"],
        ["show", "a", "--with"],
    ):
        assert "Error" not in run(*command, *ranks).output
        result = run(*command, "mine.tiktoken", code=1).output
        assert message in result
        assert "--pretokenizer with a name" in result
        assert not re.search(r"\b(encoding|pretokenizer)=", result)
    shown = run("show", "a", "--with", "tok.json", "--with", *ranks).output
    assert len(shown.splitlines()) == 2
    run("diff", "tok.json", *ranks, code=1)
    run("train", "a.txt", "-o", "x.json", "--start", "tok.json", "--vocab-size", 271, "--quiet")
    result = run(
        "train", "a.txt", "-o", "y.json", "--start", "mine.tiktoken", "--rank-encoding", "nix", code=1
    )
    assert "nix" in result.output


# JSON


def test_json_of_every_command(folder):
    shown = json.loads(run("show", "the | cat", "--with", "tok.json", "--json").output)
    tok = ft.load("tok.json")
    assert shown["text"] == "the | cat"
    assert shown["tokenizers"][0]["ids"] == tok.encode("the | cat", as_list=True)
    assert len(shown["tokenizers"][0]["tokens"]) == tok.count("the | cat")
    found = json.loads(run("inspect", "tok.json", "--text", "the cat", "--json").output)
    assert (found["model"], found["vocab_size"], found["special_tokens"]) == ("bpe", 270, {"<s>": 269})
    assert found["example"]["ids"] == tok.encode("the cat", as_list=True)
    counts = json.loads(run("pretokens", "a.txt", "--json", "--top", 2).output)
    assert (counts["document"], len(counts["most_common"])) == ("whole", 2)
    run("pretokens", "a.txt", "-o", "a.npz", "--quiet")
    assert json.loads(run("inspect", "a.npz", "--json", "--top", 2).output) == counts
    assert json.loads(run("diff", "tok.json", "tok.json", "--json").output)["a"] == "tok.json"
    (folder / "e.toml").write_text(
        'name = "x"\n[corpus.train]\na = { files = "a.txt" }\n[corpus.test]\na = { files = "a.txt" }\n'
        '[[tokenizer]]\nmodel = "byte"\n[metrics]\nuse = "compression"\nwords = "whitespace"\n'
    )
    result = CliRunner().invoke(main, ["compare", "e.toml", "-o", "out", "--json", "--quiet"])
    compared = json.loads(result.stdout)
    assert (compared["output"], compared["tokenizers"], compared["failures"]) == ("out", ["byte"], [])
    verified = json.loads(CliRunner().invoke(main, ["verify", "out", "--json", "--quiet"]).stdout)
    assert verified == {"results": "out", "same": True, "differences": []}


# Progress


@pytest.mark.parametrize("form", ["auto", "bar", "lines", "json", "none"])
def test_progress_on_standard_error(folder, form):
    done = shell("pretokens", "a.txt", "--progress", form)
    assert done.returncode == 0
    if form in ("auto", "none"):
        assert done.stderr == b""
    elif form == "json":
        events = [json.loads(line) for line in done.stderr.splitlines()]
        assert events
        assert all("event" in event for event in events)
    else:
        assert b"counting" in done.stderr
    assert shell("pretokens", "a.txt", "--progress", form, "--quiet").stderr == b""
    done = shell("train", "a.txt", "-o", "new.json", "--vocab-size", "270", "--progress", form)
    last = done.stderr.decode().splitlines()[-1]
    if form == "json":
        event = json.loads(last)
        assert event["event"] == "message"
        last = event["text"]
    assert last.startswith("new.json: Tokenizer(bpe")
    assert b"counting" not in done.stdout


# Messages


@pytest.mark.parametrize(
    ("command", "message", "expected"),
    [
        (
            "encode",
            'pass special="none" or special="all" or a set of tokens',
            "pass --special none or --special all or --allow-special",
        ),
        (
            "encode",
            'token (unk="<unk>") or with byte_fallback=True.',
            "token (--unk '<unk>') or with --byte-fallback.",
        ),
        (
            "train",
            "Increase vocab_size or lower character_coverage.",
            "Increase --vocab-size or lower --character-coverage.",
        ),
        ("train", "count with split_special=['<s>', …]", "count with --split-special '<s>'"),
        ("train", "a rank file; pass encoding= or x", "a rank file; pass --rank-encoding or x"),
        (
            "encode",
            'it looks like UTF-16, so pass encoding="utf-16"',
            "it looks like UTF-16, so pass --encoding utf-16",
        ),
        ("encode", "add it, or give its id with ids=", "add it"),
        ("compare", 'pass allow_import=["x"] (command line: --allow-import)', "pass --allow-import x"),
        (
            "train",
            "the tokenizer has Split(pattern='x', unk=1)",
            "the tokenizer has Split(pattern='x', unk=1)",
        ),
        (
            "convert",
            "holds it; tok.with_settings(padding=None) is the tokenizer without them",
            "holds it; --drop padding leaves them out (in Python: tok.with_settings(padding=None))",
        ),
    ],
)
def test_messages_name_options(command, message, expected):
    train = None if command == "compare" else main.commands["train"]
    assert in_options(message, main.commands[command], train) == expected


def test_errors_of_training_name_options(folder):
    command = ["train", "a.txt", "-o", "x.json", "--quiet", "--model"]
    output = run(*command, "unigram", "--vocab-size", "5", code=1).output
    assert "Increase --vocab-size or lower --character-coverage" in output
    run(*command, "wordpiece", "--vocab-size", "40", "--limit-alphabet", "12")
    output = run(*command, "word", "--min-frequency", "1000", code=1).output
    assert "lower --min-frequency" in output
    run(*command, "character")
    (folder / "new.txt").write_text("Ω")
    output = run("encode", "-t", "x.json", "new.txt", code=1).output
    assert "--unk" in output
    assert "--byte-fallback" in output
    assert "=" not in output


def test_text_of_arguments_that_is_not_utf8(folder):
    for command in (["inspect", "tok.json", "--text", b"\xff"], ["show", b"\xff", "--with", "tok.json"]):
        done = shell(*command)
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"<0xFF>" in done.stdout
    assert json.loads(shell("inspect", "tok.json", "--json", "--text", b"\xff").stdout)["example"] == {
        "text": "\udcff",
        "ids": [255],
        "tokens": ["<0xFF>"],
    }


# Completion


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("fasttok pre", "plain,pretokens"),
        ("fasttok train --mod", "plain,--model"),
        ("fasttok train --model uni", "plain,unigram"),
        ("fasttok train --pretokenizer o2", "plain,o200k"),
        ("fasttok train --normalizer nfk", "plain,nfkc"),
        ("fasttok train --model = uni", "plain,unigram"),  # bash passes --model=uni as three words
        ("fasttok train --model =", "plain,unigram"),
        ("fasttok encode --tokenizer = to", "file,to"),
        ("fasttok encode -t to", "file,to"),
        ("fasttok encode a", "file,a"),
        ("fasttok inspect a", "file,a"),
    ],
)
def test_completion_in_the_shell(words, expected):
    variables = os.environ | {
        "_FASTTOK_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    code = "import sys; sys.argv[0] = 'fasttok'; from fasttok.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, check=False)
    assert expected in done.stdout.decode().splitlines(), done.stderr


@pytest.mark.parametrize("kind", ["pretokenizers", "normalizers"])
def test_all_names_that_are_completed_are_accepted(kind):
    find = ft.get_pretokenizer if kind == "pretokenizers" else ft.get_normalizer
    names = component_names(kind)
    assert len(names) > 10
    for name in names:
        find(name)


# Documentation


@pytest.mark.skipif(sys.platform == "win32" or not os.path.exists("/bin/bash"), reason="needs bash")
def test_the_page_on_pipes_prints_what_it_says(tmp_path):
    page = (ROOT / "docs/howto/use_the_command_line_in_pipes.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    tools = {"fasttok": f'exec {sys.executable} -m fasttok "$@"', "python": f'exec {sys.executable} "$@"'}
    (tmp_path / "bin").mkdir()
    for name, line in tools.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    n_checked = 0
    for block in blocks:
        if "experiment.toml" in block or "bash_source" in block:
            continue
        command, shown = "", []
        for line in [
            *block.splitlines(),
            "$ true",
        ]:  # the last command is only for the output of the one before
            if line.startswith("$ ") or not block.startswith("$ "):
                if command and "| jq" not in command:
                    done = subprocess.run(
                        ["/bin/bash", "-c", command],
                        cwd=tmp_path,
                        env=environment,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT,
                        text=True,
                        check=True,
                    )
                    if block.startswith("$ "):
                        assert done.stdout.splitlines() == shown
                        n_checked += 1
                command, shown = line.removeprefix("$ "), []
            else:
                shown.append(line)
    assert n_checked > 9
