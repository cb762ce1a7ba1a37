"""`fasttok encode`, `decode` and `count`: ids as text, .npy and raw integers, in bounded memory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

import fasttok as ft
from fasttok.cli.shared import ids as id_files
from tests.hostile import texts
from tests.test_cli import pipe, run

DOCUMENTS = ["the 12345", "", "", "naïve"]
TEXT = "It's the newest, naïve 東京 12345\n"
RUN = (sys.executable, "-m", "fasttok")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ids")
    (folder / "a.txt").write_text(TEXT * 3)
    (folder / "b.txt").write_text("the 12345\n\n\nnaïve")
    corpus = ft.Corpus.from_files(folder / "a.txt")
    tok = ft.train(corpus, vocab_size=280, special_tokens=["<s>", "</s>"], pretokenizer="gpt2")
    tok.save(folder / "tok.json")
    return folder


@pytest.fixture
def tok(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return ft.load("tok.json")


# The pieces of a line, read back


def unescape(shown: str) -> bytes:
    """Return the piece of a readable form, by the rules in the help of `fasttok encode`."""
    signs = r"<0x([0-9A-F]{2})>|\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})|\\(.)|(·)|(.)"
    named = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
    found = b""
    for byte, x, u, long, escaped, space, other in re.findall(signs, shown):
        if byte:
            found += bytes([int(byte, 16)])
        elif x or u or long:
            found += chr(int(x or u or long, 16)).encode()
        else:
            found += (named[escaped] if escaped else " " if space else other).encode()
    return found


HOSTILE = (
    "a|b · c\\n",
    "<0x41><0xE6>",
    "\\x7c|",
    "⟦東⟧ \u00a0\u202e\x00\x7f",
    "·|\\·",
    "||",
    "\ud7ff\U0001f600",
)


@pytest.mark.parametrize("model", ["byte", "bpe", "character"])
def test_pieces_can_be_read_back(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    documents = [*HOSTILE, *texts(60)]
    documents = [text for text in documents if "\n" not in text and "\r" not in text]
    options = {"bpe": {"vocab_size": 300}, "character": {"byte_fallback": True}}.get(model, {})
    ft.train(ft.Corpus.from_texts(documents[::2]), model=model, pretokenizer="gpt2", **options).save("t.json")
    stdin = "".join(f"{text}\n" for text in documents).encode(errors="surrogateescape")
    command = ("encode", "-t", "t.json", "--document", "line", "--format", "text")
    lines = pipe(*command, "--show", "pieces", stdin=stdin).decode().splitlines()
    ids = pipe(*command, stdin=stdin).decode().splitlines()
    assert len(lines) == len(documents)
    for line, text, row in zip(lines, documents, ids, strict=True):
        pieces = line.split("|") if line else []
        assert len(pieces) == len(row.split())
        assert b"".join(map(unescape, pieces)) == text.encode()
        assert all(character.isprintable() and character != " " for character in line)
    as_json = pipe(*command, "--show", "pieces", "--json", stdin=stdin).decode().splitlines()
    assert [[one.replace("|", r"\x7c") for one in json.loads(line)] for line in as_json] == [
        line.split("|") if line else [] for line in lines
    ]


# Text


@pytest.mark.parametrize("slice_size", [1, 2, 3, 1 << 16])
def test_lines_do_not_depend_on_slices(tok, monkeypatch, slice_size):
    monkeypatch.setattr(id_files, "SLICE", slice_size)
    rows = [tok.encode(line, as_list=True) for line in DOCUMENTS]
    for options, expected in (
        ([], [" ".join(map(str, row)) for row in rows]),
        (["--json"], [json.dumps(row) for row in rows]),
        (["--show", "count"], [str(len(row)) for row in rows]),
    ):
        result = run("encode", "-t", "tok.json", "b.txt", "--document", "line", *options)
        assert result.output.splitlines() == expected
        whole = run("encode", "-t", "tok.json", "b.txt", "a.txt", *options).output
        assert len(whole.splitlines()) == 2


@pytest.mark.parametrize("block", [1, 2, 7, 1 << 20])
def test_decoding_does_not_depend_on_blocks(tok, folder, monkeypatch, block):
    monkeypatch.setattr(id_files, "BLOCK", block)
    ids = run("encode", "-t", "tok.json", "a.txt").output
    (folder / "a.ids").write_text(ids.replace(" ", "\t  ").rstrip("\n"))
    (folder / "crlf.ids").write_bytes(ids.encode().replace(b"\n", b"\r\n"))
    for name in ("a.ids", "crlf.ids"):
        assert run("decode", "-t", "tok.json", name).output == TEXT * 3
    (folder / "lines.ids").write_text("116 104 101\n\n  \n97")
    assert run("decode", "-t", "tok.json", "--document", "line", "lines.ids").output == "the\n\n\na\n"
    assert run("decode", "-t", "tok.json", "--document", "line", "l*.ids").output == "the\n\n\na\n"
    assert "no file matches the glob" in run("decode", "-t", "tok.json", "x*.ids", code=1).output


def test_skipping_special_tokens(tok, folder):
    special = tok.special_tokens
    (folder / "s.ids").write_text(f"{special['<s>']} 97 {special['</s>']}\n")
    assert run("decode", "-t", "tok.json", "s.ids").output == "<s>a</s>"
    assert run("decode", "-t", "tok.json", "--skip-special-tokens", "s.ids").output == "a"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"97 x 98\n",
            "bad.ids:1: not a line of ids; expected integers separated by spaces, but position 1 is 'x'",
        ),
        (
            b"97\n\n98 9 1_0\n",
            "bad.ids:3: not a line of ids; expected integers separated by spaces, but position 2",
        ),
        ("٣\n".encode(), "bad.ids:1: not a line of ids"),
        (
            b"97 1-2\n",
            "bad.ids:1: not a line of ids; expected integers separated by spaces, but position 1 is '1-2'",
        ),
        (b"97 -\n", "position 1 is '-'"),
        (b"97 -1\n", "bad.ids:1: id -1 at position 1 is outside the vocabulary"),
        (b"97 98\n99 291\n", "bad.ids:2: id 291 at position 1 is outside the vocabulary"),
        (b"9" * 30 + b"\n", "at position 0 is outside any vocabulary"),
        (b"9" * 5000 + b"\n", "at position 0 is outside any vocabulary"),
        (b"\x93NUMPY\x01\x00", "bad.ids: a damaged .npy file"),
    ],
)
@pytest.mark.parametrize("block", [3, 1 << 20])
def test_errors_in_ids_say_where(tok, folder, monkeypatch, content, message, block):
    monkeypatch.setattr(id_files, "BLOCK", block)
    (folder / "bad.ids").write_bytes(content)
    result = run("decode", "-t", "tok.json", "bad.ids", "-o", "new.txt", code=1)
    if block > 3 or "damaged" not in message:
        assert message in result.output
    assert not (folder / "new.txt").exists()


# Binary files


@pytest.mark.parametrize("dtype", ["uint16", "uint32"])
@pytest.mark.parametrize("name", ["ids.npy", "ids.bin"])
def test_binary_files_contain_the_ids_and_the_borders(tok, folder, name, dtype):
    expected = [tok.encode(text, as_list=True) for text in DOCUMENTS]
    command = ["encode", "-t", "tok.json", "b.txt", "--document", "line", "-o", name, "--dtype", dtype]
    remark = run(*command).output
    assert f"{name}: {sum(map(len, expected))} ids of 4 documents, without borders" in remark
    assert run(*command, "--offsets", "o.npy", "--quiet").output == ""
    flat = np.load(name) if name.endswith(".npy") else np.fromfile(name, dtype)
    assert flat.dtype == dtype
    borders = np.load("o.npy").tolist()
    assert [flat[a:b].tolist() for a, b in pairwise(borders)] == expected
    raw = [] if name.endswith(".npy") else ["--dtype", dtype]
    assert run("decode", "-t", "tok.json", name, *raw).output == "".join(DOCUMENTS)
    options = [*raw, "--offsets", "o.npy", "--document", "line"]
    assert run("decode", "-t", "tok.json", name, *options).output == "the 12345\n\n\nnaïve\n"
    piped = pipe("decode", "-t", "tok.json", *raw, stdin=(folder / name).read_bytes())
    assert piped.decode() == "".join(DOCUMENTS)


def test_raw_integers_in_pipes(tok):
    raw = pipe("encode", "-t", "tok.json", "--dtype", "uint16", stdin=TEXT.encode())
    assert np.frombuffer(raw, "<u2").tolist() == tok.encode(TEXT, as_list=True)
    assert pipe("decode", "-t", "tok.json", "--dtype", "uint16", stdin=raw).decode() == TEXT


def test_an_id_that_does_not_fit_is_an_error_before_any_work(tok, folder):
    ft.Tokenizer(tok.model, "gpt2", {"<big>": 65_536}).save("big.json")
    ft.Tokenizer(tok.model, "gpt2", {"<big>": 65_535}).save("fits.json")
    command = ["encode", "--dtype", "uint16", "-o", "x.bin", "a.txt", "--quiet", "-t"]
    result = run(*command, "big.json", code=2)
    assert "ids up to 65536 of this tokenizer do not fit uint16" in result.output
    assert not (folder / "x.bin").exists()
    run(*command, "fits.json")
    assert len(np.fromfile("x.bin", "uint16")) == tok.count(TEXT * 3)


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        (
            b"\1\0\2",
            ["--dtype", "uint16"],
            "x: truncated: expected ids of 2 bytes, but it ends after 3 bytes",
        ),
        (b"\1\0\2\2", ["--dtype", "uint16"], "x: id 514 at position 1 is outside the vocabulary"),
        (np.arange(9), [], "x: truncated: expected 9 ids, but it ends after"),
        (np.zeros((2, 2), int), [], "x: expected one row of integers, not an array of int64 of shape (2, 2)"),
        (np.zeros(2), [], "x: expected one row of integers, not an array of float64"),
        (np.array([1 << 63], np.uint64), [], "is outside the vocabulary"),
        (np.arange(3), ["--dtype", "uint16"], "x: a .npy file, which says its own type; leave out --dtype"),
        (b"97 98\n", ["--offsets", "o.npy"], "x: --offsets are for .npy and raw files, but this is text"),
        (np.arange(3), ["--offsets", "o.npy"], "x: has 3 ids, but --offsets end at 2"),
        (np.arange(3), ["--offsets", "bad.npy"], "bad.npy: not the borders of documents"),
    ],
)
def test_errors_in_binary_files(tok, folder, content, arguments, message):
    np.save("o.npy", [0, 1, 2])
    np.save("bad.npy", [0, 2, 1])
    if isinstance(content, bytes):
        (folder / "x").write_bytes(content)
    else:
        np.save("x.npy", content if content.dtype != int or content.ndim > 1 else content + 97)
        data = (folder / "x.npy").read_bytes()
        (folder / "x").write_bytes(data[:-4] if "truncated" in message else data)
    assert message in run("decode", "-t", "tok.json", "x", *arguments, code=1).output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "new.npy", "--show", "count"], "binary output contains ids only"),
        (["--dtype", "uint16", "--json"], "binary output contains ids only"),
        (["--offsets", "o.npy"], "--offsets is for binary output"),
        (["-o", "new.bin"], "new.bin: pass --dtype uint16 or --dtype uint32"),
        (["--seed", "3"], "--seed and --epoch have no effect"),
        (["--dropout", "0.1", "--sampling", "0.1"], "cannot be combined"),
        (["--allow-special", "<x>"], "'<x>' is not a special token"),
        (["--allow-special", "<s>", "--special", "all"], "cannot be combined"),
        (["-o", "new.npy", "--dtype", "uint8"], "'uint8' is not one of"),
        (["-o", "new.npy", "--offsets", "./new.npy"], "-o and --offsets name the same file"),
        (["-o", "new.npy", "--offsets", "-"], "--offsets -: not a regular file"),
        (["-o", "new.npy", "--offsets", "/dev/stdout"], "--offsets /dev/stdout: not a regular file"),
        (["-o", "new.npy", "--offsets", os.devnull], "not a regular file"),
    ],
)
def test_wrong_use_of_encode(tok, folder, arguments, message):
    assert message in run("encode", "-t", "tok.json", "a.txt", *arguments, code=2).output
    assert not (folder / "new.npy").exists()


# Special tokens, templates, sampling


def test_special_tokens_and_templates(tok):
    ids = tok.special_tokens

    def run_encode(*options):
        return pipe("encode", "-t", "tok.json", *options, stdin=b"<s>a</s>").decode().split()

    assert run_encode("--special", "all") == [str(ids["<s>"]), "97", str(ids["</s>"])]
    some = run_encode("--allow-special", "<s>")
    assert some[0] == str(ids["<s>"])
    assert str(ids["</s>"]) not in some
    around = run_encode("--template", "<s> $A", "--special", "none")
    assert around[0] == str(ids["<s>"])
    result = run("encode", "-t", "tok.json", "a.txt", "--add-special-tokens", code=1).output
    assert '--template "[CLS] $A [SEP]"' in result
    assert "tok." not in result


def test_dropout_and_sampling(tok):
    row = pipe("encode", "-t", "tok.json", "--dropout", "0.5", "--seed", 3, "--epoch", 2, stdin=TEXT.encode())
    expected = tok.encode(TEXT, sampling=ft.Dropout(0.5, 3, 2), as_list=True)
    assert list(map(int, row.split())) == expected
    assert "does not support" in run("encode", "-t", "tok.json", "a.txt", "--sampling", "0.1", code=1).output


# Counting


def test_counting_tokens_of_files(tok, folder):
    n, m = tok.count(TEXT * 3), tok.count("the 12345\n\n\nnaïve")
    assert run("count", "a.txt", "--with", "tok.json").output == f"{n}  a.txt\n"
    lines = run("count", "a.txt", "b.txt", "--with", "tok.json").output.splitlines()
    assert [line.split() for line in lines] == [[str(n), "a.txt"], [str(m), "b.txt"], [str(n + m), "total"]]
    ft.train(ft.Corpus.from_texts(["a"]), model="byte").save("bytes.json")
    command = ["count", "--with", "tok.json", "--with", "bytes.json"]
    size = (folder / "a.txt").stat().st_size
    lines = pipe(*command, stdin=(TEXT * 3).encode()).decode().splitlines()
    assert [line.split() for line in lines] == [["tok.json", "bytes.json", "file"], [str(n), str(size), "-"]]
    found = json.loads(run(*command, "--json", "a.txt", "b.txt", "--document", "line").output)
    assert found["tokenizers"] == ["tok.json", "bytes.json"]
    assert [(row["file"], row["documents"]) for row in found["files"]] == [("a.txt", 3), ("b.txt", 4)]
    assert found["total"]["documents"] == 7
    assert found["total"]["tokens"] == [sum(row["tokens"][i] for row in found["files"]) for i in range(2)]
    assert found["files"][1]["tokens"][0] == sum(map(tok.count, DOCUMENTS))


def test_counting_without_a_tokenizer_names_the_other_command(folder):
    result = run("count", folder / "a.txt", code=2)
    assert "--with" in result.output
    assert "fasttok pretokens" in run("count", "--help").output


# Streams


def test_the_first_ids_come_before_the_input_ends(tok, folder):
    command = [*RUN, "encode", "-t", "tok.json", "--document", "line"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder) as process:
        for text in ("the\n", "naïve\n"):
            process.stdin.write(text.encode())
            process.stdin.flush()
            assert process.stdout.readline().split() == [b"%d" % i for i in tok.encode(text.rstrip())]
        process.stdin.close()
        assert process.stdout.read() == b""
    assert process.returncode == 0


def test_the_first_text_comes_before_the_ids_end(tok, folder):
    command = [*RUN, "decode", "-t", "tok.json", "--document", "line"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder) as process:
        for i in (97, 98):
            process.stdin.write(b"%d\n" % i)
            process.stdin.flush()
            assert process.stdout.readline() == b"%c\n" % i
        process.stdin.close()
    assert process.returncode == 0


PEAK = "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:], stdout=-3); "
PEAK += "print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)"


def peak_megabytes(folder, *command, repeat: bytes, n: int) -> int:
    """Return the peak memory of a command in MB, to which `n` times `repeat` is piped."""
    process = subprocess.Popen(
        [sys.executable, "-c", PEAK, *RUN, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=folder,
    )
    with process:
        for _ in range(n):
            process.stdin.write(repeat)
        process.stdin.close()
        status, peak = process.stdout.read().split()
    assert status == b"0"
    return int(peak)


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux")
@pytest.mark.parametrize("document", ["whole", "line"])
def test_memory_does_not_grow_with_the_text(tok, folder, document):
    command = ("encode", "-t", "tok.json", "--workers", "2", "--document", document)
    assert peak_megabytes(folder, *command, repeat=TEXT.encode() * 25_000, n=100) < 200


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux")
def test_memory_does_not_grow_with_a_line_of_ids(tok, folder):
    line = (" ".join(map(str, tok.encode(TEXT))) + " ").encode()
    assert peak_megabytes(folder, "decode", "-t", "tok.json", repeat=line * 10_000, n=100) < 100


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_an_endless_text_into_head(tok, folder):
    line = f"yes | {sys.executable} -m fasttok encode -t tok.json --document line | head -1"
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, cwd=folder, timeout=60, check=True)
    assert done.stdout.decode().split() == [str(i) for i in tok.encode("y")]
    assert done.stderr == b""


def test_encoding_imports_no_compiler_and_no_chart(folder):
    code = (
        "import sys; sys.argv = ['fasttok', 'encode', '-t', 'tok.json', 'a.txt']\n"
        "from fasttok.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([name for name in ('numba', 'pyarrow', 'matplotlib', 'jinja2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=folder, check=True)
    assert done.stdout.splitlines()[-1] == b"[]"
