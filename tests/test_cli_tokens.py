"""Stores on the command line: ``fasttok encode -o x.tokens`` and ``fasttok tokens``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

import fasttok as ft
from fasttok.cli.main import main
from fasttok.cli.tokens import FORMATS, PACKING, tokens
from fasttok.tokens.exports import registry
from fasttok.tokens.packing import _PLANNERS

DOCUMENTS = ["the cat and the hat", "the newest naïve 東京", "", "a hat"] * 5


def run(*arguments: Any, code: int = 0, stdin: bytes | None = None) -> Result:
    result = CliRunner().invoke(main, [str(a) for a in arguments], input=stdin)
    assert result.exit_code == code, result.output
    return result


def shell(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "fasttok", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, check=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    (folder / "a.jsonl").write_text("".join(json.dumps({"body": text}) + "\n" for text in DOCUMENTS))
    corpus = ft.Corpus.from_texts(DOCUMENTS)
    tok = ft.train(corpus, vocab_size=280, special_tokens=["<end>"], pretokenizer="gpt2")
    tok.save(folder / "tok.json")
    tok.with_template("<end> $A").save(folder / "template.json")
    tok.encode_corpus(corpus, folder / "a.tokens", separator="<end>")
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.jsonl", "tok.json", "template.json"):
        os.link(made / name, tmp_path / name)
    (tmp_path / "a.tokens").symlink_to(made / "a.tokens")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(store: str) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in Path(store).iterdir()}


# encode -o x.tokens


def test_encoding_to_a_store_gives_that_of_encode_corpus(folder):
    end = ["--separator-token", "<end>"]
    result = run("encode", "a.jsonl", "--field", "body", "--with", "tok.json", "-o", "new.tokens", *end)
    assert result.stdout == ""
    store = ft.TokenStore.open("new.tokens", ft.load("tok.json"))
    assert f"new.tokens: {store.n_ids:,} ids of 20 documents" in result.stderr
    assert contents("new.tokens") == contents("a.tokens")
    piped = shell(
        "encode", "-t", "tok.json", "--field", "body", "-o", "piped.tokens/", "--quiet", *end,
        stdin=Path("a.jsonl").read_bytes(),
    )  # fmt: skip
    assert (piped.returncode, piped.stdout, piped.stderr) == (0, b"", b"")
    assert contents("piped.tokens") == contents("a.tokens")


def test_options_of_encoding_to_a_store(folder):
    tok = ft.load("tok.json")
    common = ["encode", "a.jsonl", "--field", "body", "--quiet", "--workers", 1]
    run(*common, "-t", "template.json", "--add-special-tokens", "-o", "b.tokens")
    store = ft.TokenStore.open("b.tokens")
    end = tok.special_tokens["<end>"]
    assert store.document(0).tolist() == [end, *tok.encode(DOCUMENTS[0])]
    assert store.separator_id is None
    run(*common, "-t", "tok.json", "--template", "$A <end>", "-o", "c.tokens")
    assert ft.TokenStore.open("c.tokens").document(2).tolist() == [end]
    (folder / "s.txt").write_text("a<end>hat")
    run("encode", "s.txt", "-t", "tok.json", "--allow-special", "<end>", "-o", "d.TOKENS", "--quiet")
    assert ft.TokenStore.open("d.TOKENS").document(0).tolist() == [*tok.encode("a"), end, *tok.encode("hat")]
    run(*common, "-t", "tok.json", "-o", "e.tokens", "--shard-size", 65536)
    assert ft.TokenStore.open("e.tokens").n_documents == 20


def test_errors_of_encoding_to_a_store(folder):
    common = ["encode", "a.jsonl", "--field", "body", "-t", "tok.json"]
    before = sorted(os.listdir())
    for arguments, message in (
        (["-o", "a.tokens"], "the path exists"),
        (["-o", "new.tokens", "--separator-token", "<eot>"], "'<eot>' is not an added token"),
        (["-o", "new.tokens", "--shard-size", "70000"], "65,536"),
        (["-o", "missing/new.tokens", "--field", "x"], "no field"),
    ):
        result = run(*common, *arguments, code=1)
        assert message in result.stderr, arguments
        assert result.stderr.startswith("Error: ")
        assert "Traceback" not in result.stderr
    assert sorted(os.listdir()) in (before, sorted([*before, "missing"]))
    assert not [name for name in os.listdir() if name.startswith("new")]


def test_ids_are_printed_while_the_input_goes_on_and_a_closed_reader_is_no_error(folder):
    """The first documents are printed before the end of the input, which never comes."""
    line = json.dumps({"body": DOCUMENTS[0]}) + "\n"
    endless = (
        f"while sleep 0.1; do cat one.jsonl || exit; done | {sys.executable} -m fasttok encode -t tok.json"
    )
    Path("one.jsonl").write_text(line * 100)
    script = f"({endless} --field body; echo $? >status) 2>errors | head -1"
    done = subprocess.run(["/bin/bash", "-c", script], capture_output=True, check=True, timeout=100)
    expected = " ".join(map(str, ft.load("tok.json").encode(DOCUMENTS[0]).tolist()))
    assert done.stdout.decode() == expected + "\n"
    assert Path("errors").read_text() == ""
    assert Path("status").read_text() == "0\n"


# tokens


def test_every_command_for_stores_has_examples_and_help_texts():
    assert [*tokens.commands] == ["info", "verify", "pack", "export", "import"]
    for name, command in tokens.commands.items():
        assert "Example" in (command.help or ""), name
        for one in command.params:
            if isinstance(one, click.Option):
                assert one.help, f"{name} {one.name}"
        assert run("tokens", name, "-h").output == run("tokens", name, "--help").output


def test_info_describes_stores(folder):
    store = ft.TokenStore.open("a.tokens")
    text = run("tokens", "info", "a.tokens").output
    assert text.startswith(f"a.tokens: {store.n_ids:,} ids of 20 documents\n")
    assert f"separator       {store.separator_id}\n" in text
    assert f"bytes per token {store.bytes_per_token:.4f}\n" in text
    found = json.loads(run("tokens", "info", "a.tokens", "--json").output)
    assert found["ids"] == store.n_ids
    assert found["documents"] == 20
    assert found["source_bytes"] == sum(len(text.encode()) for text in DOCUMENTS)
    assert found["tokenizer"] == ft.load("tok.json").fingerprint()
    assert found["bytes"] == sum(
        os.path.getsize(Path("a.tokens", name)) for name in ("ids-00000.bin", "offsets.bin")
    )
    ft.TokenStore.from_arrays("b.tokens", [[1, 2]], vocab_size=70_000)
    lines = run("tokens", "info", "a.tokens", "b.tokens", "--json").output.splitlines()
    second = json.loads(lines[1])
    assert (second["dtype"], second["documents"], second["tokenizer"]) == ("uint32", 1, None)
    assert second["bytes_per_token"] is None
    assert "separator       none" in run("tokens", "info", "b.tokens").output


def test_verify_finds_damage_and_other_tokenizers(folder):
    good = ft.TokenStore.open("a.tokens")
    result = run("tokens", "verify", "a.tokens", "--with", "tok.json")
    assert result.output == f"a.tokens: ok, {good.n_ids:,} ids of 20 documents\n"
    assert run("tokens", "verify", "a.tokens", "--quiet").output == ""
    assert "Error" in run("tokens", "verify", "a.tokens", "--with", "template.json", code=1).stderr
    ft.TokenStore.from_arrays("bad.tokens", [[1, 2, 3]], vocab_size=10)
    Path("bad.tokens/ids-00000.bin").write_bytes(np.array([1, 2, 4], "<u2").tobytes())
    result = run("tokens", "verify", "bad.tokens", code=1)
    assert result.stderr.startswith("Error: bad.tokens/ids-00000.bin: ")
    result = run("tokens", "verify", "bad.tokens", "a.tokens", code=1)
    assert "a.tokens: ok" in result.stdout
    assert "Error: 1 of 2 stores" in result.stderr
    assert "No such file" in run("tokens", "verify", "missing.tokens", code=1).stderr
    assert "a.tokens: ok" in run("tokens", "verify", "missing.tokens", "a.tokens", code=1).stdout


def test_pack_reports_and_saves(folder):
    assert set(PACKING) == set(_PLANNERS)
    store = ft.TokenStore.open("a.tokens")
    for method in PACKING:
        packed = ft.tokens.pack(store, 16, method)
        arguments = ["tokens", "pack", "a.tokens", "--context", 16, "--method", method]
        assert json.loads(run(*arguments, "--json").output) == {
            "method": method,
            "context": 16,
            "row_length": packed.row_length,
            "rows": len(packed),
            "ids": packed.n_ids,
            "utilization": packed.utilization,
            "cropped": packed.cropped,
            "cut": packed.n_cut,
        }
        text = run(*arguments, "-o", f"{method}.tokens").output
        assert text.startswith(
            f"{len(packed)} rows of {packed.row_length} ids: {packed.utilization:.2%} used"
        )
        saved = ft.TokenStore.open(f"{method}.tokens")
        assert saved.ids.reshape(-1, packed.row_length).tolist() == packed.rows.tolist()
    last = ["--method", "concatenate", "--keep-last", "--pad-id", 7]
    run("tokens", "pack", "a.tokens", "--context", 16, *last, "-o", "last.tokens")
    kept = ft.tokens.pack(store, 16, "concatenate", keep_last=True, pad_id=7)
    assert ft.TokenStore.open("last.tokens").ids.tolist() == kept.rows.ravel().tolist()
    message = run("tokens", "pack", "a.tokens", code=1).stderr
    assert message == f"Error: --context must be at most the number of ids, {store.n_ids}, not 2048\n" or (
        message == f"Error: context must be at most the number of ids, {store.n_ids}, not 2048\n"
    )
    assert (
        "the path exists"
        in run("tokens", "pack", "a.tokens", "--context", 16, "-o", "last.tokens", code=1).stderr
    )


def test_export_and_import(folder):
    assert set(FORMATS) == set(registry.FORMATS)
    store = ft.TokenStore.open("a.tokens")
    assert run("tokens", "export", "a.tokens", "-o", "train.bin", "--to", "nanogpt").stdout == "train.bin\n"
    assert Path("train.bin").read_bytes() == store.ids.astype("<u2").tobytes()
    end = ["--separator-id", store.separator_id, "--vocab-size", 280]
    run(
        "tokens", "import", "train.bin", "-o", "b.tokens", "--from", "nanogpt", *end[:2], "--with", "tok.json"
    )
    again = ft.TokenStore.open("b.tokens", ft.load("tok.json"))
    assert again.ids.tolist() == store.ids.tolist()
    assert again.offsets.tolist() == store.offsets.tolist()
    options = ["--option", "held_out=0.5", "--option", "seed=1"]
    written = run("tokens", "export", "a.tokens", "-o", "data", "--to", "nanogpt", *options).stdout
    assert {Path(line).name for line in written.splitlines()} >= {"train.bin", "val.bin"}
    for arguments, code, message in (
        (["export", "a.tokens", "-o", "x", "--to", "nanogpt", "--option", "seed"], 2, "as NAME=VALUE"),
        (["export", "a.tokens", "-o", "x", "--to", "nanogpt", "--option", "colour=1"], 2, "colour"),
        (
            ["export", "a.tokens", "-o", "x", "--to", "nanogpt", "--option", "held_out=ten"],
            2,
            "held_out must",
        ),
        (
            ["export", "a.tokens", "-o", "x", "--to", "olmo", *options],
            2,
            "label_mask, but was given held_out",
        ),
        (
            ["import", "train.bin", "-o", "x", "--from", "nanogpt", "--with", "tok.json", "--option", "a=1"],
            2,
            "a",
        ),
        (["import", "train.bin", "-o", "x", "--from", "nanogpt"], 2, "pass --vocab-size or --with"),
        (["export", "a.tokens", "-o", "x", "--to", "nanogpt", *options, "--option", "seed=2"], 2, "twice"),
        (["import", "a.jsonl", "-o", "a.tokens", "--from", "nanogpt", *end], 1, "the path exists"),
        (
            ["import", "train.bin", "-o", "x", "--from", "nanogpt", "--vocab-size", 9, "--with", "tok.json"],
            2,
            "--vocab-size is 9, but tok.json has 280 ids",
        ),
    ):
        assert message in run("tokens", *arguments, code=code).stderr
        assert not Path("x").exists()
