"""Every command in a real shell: pipes that close, full disks, closed descriptors, signals.

The rule that these tests have in common: nothing that was asked for is ever missing with status 0, except
what the reader of a pipe did not want.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

import fasttok as ft
from fasttok.cli.main import main
from tests.conftest import ROOT
from tests.test_faults import as_nobody

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")

WORDS = ["the", "cat", "hat", "some", "other", "words", "that", "are", "in", "néw", "東京", "lower", "wider"]
TEXT = "".join(f"{WORDS[i % 13]} {WORDS[i * i % 11]} {i}\n" for i in range(100))
EXPERIMENT = """
name = "small"
[corpus.train]
python = { files = "t.txt" }
[corpus.test]
python = { files = "t.txt" }
parallel = { files = "t.txt" }
[[tokenizer]]
model = ["byte", "character"]
[metrics]
use = ["compression", "lossless"%s]
words = "whitespace"
"""
# A metric that waits forever if there is a file named wait.
SLOW_METRIC = """
import pathlib, time
import fasttok as ft

def count(cut):
    if pathlib.Path("wait").exists():
        print("begun", flush=True)
        time.sleep(600)
    return cut.encoded.ids.lengths

metric = ft.Metric("slow", of=(ft.Column("slow", count), "tokens"), definition="One.")
"""


@dataclass(frozen=True)
class Case:
    """A command, the files that it saves, and its exit statuses.

    Parameters
    ----------
    command : str
        Command in a folder with the files of `prepare`.
    saved : tuple of str
        Files that it saves.
    status : int
        Exit status.
    error : int
        Exit status if standard output or a file cannot be written.
    is_summary : bool
        Whether standard output is only a remark about what is saved.
    """

    command: str
    saved: tuple[str, ...] = ()
    status: int = 0
    error: int = 1
    is_summary: bool = False


CASES = {
    "train": Case("train t.txt -o new.json --vocab-size 290", ("new.json",), is_summary=True),
    "encode": Case("encode -t t.json t.txt --document line"),
    "decode": Case("decode -t t.json t.ids --document line"),
    "count": Case("count t.txt t.jsonl --with t.json"),
    "tokens": Case("tokens info t.tokens"),
    "pretokens": Case("pretokens t.txt -o new.npz", ("new.npz",), is_summary=True),
    "inspect": Case("inspect t.json"),
    "show": Case("show 'low 東京' --with t.json --with u.json"),
    "play": Case("play --with t.json --static new.html", ("new.html",), is_summary=True),
    "convert": Case("convert t.json new.tiktoken --to tiktoken", ("new.tiktoken",), is_summary=True),
    "diff": Case("diff t.json u.json t.txt", status=1, error=2),
    "compare": Case("compare e.toml -o new --workers 1", ("new/metrics.jsonl",), is_summary=True),
    "report": Case("report results -o new.html", ("new.html",), is_summary=True),
    "verify": Case("verify changed --workers 1", status=1),
    "demo": Case("demo -o new --workers 1", ("new/metrics.jsonl", "new/report.html"), is_summary=True),
}
# Commands with -o and their output in place of {}.
WRITING = {
    "train": "train t.txt -o {} --vocab-size 290",
    "encode": "encode -t t.json t.txt -o {}",
    "decode": "decode -t t.json t.ids -o {}",
    "count": "count t.txt --with t.json -o {}",
    "pretokens": "pretokens t.txt -o {}",
    "play": "play --with t.json --static {}",
    "convert": "convert t.json {} --to tiktoken",
    "diff": "diff t.json u.json -o {}",
    "report": "report results -o {}",
    "compare": "compare e.toml -o {}",
    "demo": "demo -o {}",
}
FOLDERS = ("compare", "demo")  # commands whose output is a folder
PRINTING = ("tokens", "inspect", "show", "verify")  # commands without -o

# Shell commands that must end like the command itself, and save and print the same.
HARMLESS = {
    "closes at once": "{} 2>&1 | true",
    "closes early": "{} | head -c 1",
    "slow reader, no stderr": "{} 2>&- | (sleep 0.1; cat) >out",
    "no terminal, no stdin, full stderr": "setsid -w {} <&- 2>/dev/full >out",
}


def test_every_command_has_a_case():
    assert set(CASES) == set(main.commands) == {*WRITING, *PRINTING}


def prepare(folder: Path) -> None:
    """Write the inputs of all commands."""
    (folder / "t.txt").write_text(TEXT)
    (folder / "t.jsonl").write_text(json.dumps({"text": TEXT}) + "\n")
    (folder / "tmp").mkdir()
    corpus = ft.Corpus.from_texts([TEXT])
    tok = ft.train(corpus, vocab_size=280, pretokenizer="gpt2")
    tok.save(folder / "t.json")
    tok.encode_corpus(corpus, folder / "t.tokens")
    ft.train(corpus, vocab_size=290, pretokenizer="gpt2").save(folder / "u.json")
    ids = [" ".join(map(str, tok.encode(line).tolist())) for line in TEXT.splitlines()]
    (folder / "t.ids").write_text("\n".join(ids) + "\n")
    (folder / "e.toml").write_text(EXPERIMENT % "")
    ft.compare(folder / "e.toml", folder / "results")
    shutil.copytree(folder / "results", folder / "changed")
    rows = (folder / "changed/metrics.jsonl").read_text()
    (folder / "changed/metrics.jsonl").write_text(rows.replace("1.0", "2.0"))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    prepare(folder)
    return folder


@pytest.fixture(scope="module")
def bin_folder(tmp_path_factory):
    """Return a folder with the program fasttok, whose demo is small."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "demo.py").write_text(
        "import pathlib\nfrom fasttok.cli import experiment, process\n"
        "experiment.DEMO = pathlib.Path('e.toml')\nprocess.run()\n"
    )
    (folder / "fasttok").write_text(
        f'#!/bin/sh\n[ "$1" = demo ] && exec {sys.executable} {folder}/demo.py "$@"\n'
        f'exec {sys.executable} -m fasttok "$@"\n'
    )
    (folder / "fasttok").chmod(0o755)
    return folder


@pytest.fixture
def folder(prepared, tmp_path):
    return Path(shutil.copytree(prepared, tmp_path / "work"))


class Shell:
    """Bash in a folder in which `prepare` wrote the inputs."""

    def __init__(self, folder: Path, bin_folder: Path) -> None:
        self.folder = folder
        self.before = self.contents()
        path = f"{bin_folder}:{os.environ['PATH']}"
        self.env = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder / "tmp")}

    def contents(self) -> dict[str, bytes]:
        """Return all files except caches of experiments."""
        files = (file for file in self.folder.rglob("*") if file.is_file())
        names = {str(file.relative_to(self.folder)): file for file in files}
        return {name: file.read_bytes() for name, file in names.items() if "/cells/" not in name}

    def new_files(self) -> dict[str, bytes]:
        """Return the files that are new or changed; inputs must not be."""
        now = self.contents()
        assert {name: now.get(name) for name in self.before} == self.before
        return {name: data for name, data in now.items() if name not in self.before}

    def run(self, script: str) -> tuple[int, str]:
        """Run a script; return the status of the first command of its last pipeline, and standard error."""
        done = subprocess.run(
            ["/bin/bash", "-c", f'{script}\necho "${{PIPESTATUS[0]}}" >../status'],
            cwd=self.folder,
            env=self.env,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
            text=True,
        )
        for noise in ("Traceback", "Exception ignored", "BrokenPipe"):
            assert noise not in done.stderr
        assert list((self.folder / "tmp").iterdir()) == []
        return int((self.folder.parent / "status").read_text()), done.stderr


@pytest.fixture
def shell(folder, bin_folder):
    return Shell(folder, bin_folder)


@pytest.fixture(scope="module")
def expected(prepared, bin_folder, tmp_path_factory):
    """Return a function that gives what a command saves and prints if nothing fails."""
    found = {}

    def find(name: str) -> dict[str, bytes]:
        if name not in found:
            folder = Path(shutil.copytree(prepared, tmp_path_factory.mktemp(name) / "work"))
            shell = Shell(folder, bin_folder)
            status, stderr = shell.run(f"fasttok {CASES[name].command} >out")
            assert status == CASES[name].status, stderr
            new = shell.new_files()
            found[name] = {file: new[file] for file in (*CASES[name].saved, "out")}
        return found[name]

    return find


# Standard output and standard error


@pytest.mark.parametrize("how", HARMLESS)
@pytest.mark.parametrize("name", CASES)
def test_streams_that_fail_do_not_end_the_work(shell, expected, name, how):
    case, script = CASES[name], HARMLESS[how]
    status, _ = shell.run(script.format(f"fasttok {case.command}"))
    assert status == case.status
    new = shell.new_files()
    for file in (*case.saved, *(["out"] if script.endswith("out") else [])):
        assert new[file] == expected(name)[file], file


@pytest.mark.parametrize("name", CASES)
def test_standard_output_on_a_full_disk_is_an_error(shell, expected, name):
    case = CASES[name]
    status, stderr = shell.run(f"fasttok {case.command} >/dev/full")
    new = shell.new_files()
    if expected(name)["out"]:
        assert status == case.error
        assert "Error: standard output: cannot write: no space left on device" in stderr
    else:
        assert status == case.status
    if name != "demo":  # it prints before it works
        assert {file: new[file] for file in case.saved} == {file: expected(name)[file] for file in case.saved}


@pytest.mark.parametrize("name", CASES)
def test_closed_standard_output_is_an_error_if_it_was_asked_for(shell, expected, name):
    case = CASES[name]
    status, _ = shell.run(f"fasttok {case.command} >&- 2>&-")
    assert status == (case.status if case.is_summary else case.error)
    new = shell.new_files()  # and no message was written to a file that got the descriptor 1 or 2
    assert {file: new[file] for file in case.saved} == {file: expected(name)[file] for file in case.saved}


@pytest.mark.parametrize(
    "command",
    [
        "train -o new.json --vocab-size 290",
        "encode -t t.json",
        "decode -t t.json",
        "count --with t.json",
        "pretokens -o new.npz",
        "show - --with t.json",
        "inspect -",
        "convert - new.tiktoken --to tiktoken",
        "diff - u.json",
    ],
)
def test_closed_standard_input_is_an_error(shell, command):
    status, stderr = shell.run(f"fasttok {command} <&-")
    assert status in (1, 2)
    assert "standard input" in stderr
    assert shell.new_files() == {}


@pytest.mark.parametrize("command", ["--help", "--version", "train --help"])
def test_help_into_streams_that_fail(shell, command):
    assert shell.run(f"fasttok {command} | true")[0] == 0
    assert shell.run(f"fasttok {command} >/dev/full")[0] == 1
    assert shell.run(f"fasttok {command} >&-")[0] == 1


def test_an_error_is_an_error_without_standard_error(shell):
    for redirection in ("2>&-", "2>/dev/full", "2>&1 | true"):
        assert shell.run(f"fasttok encode -t missing.json t.txt {redirection}")[0] == 1
    assert shell.run("fasttok encode --no-such-option 2>&-")[0] == 2


def test_reader_that_wants_only_the_beginning_ends_an_endless_input(shell):
    for command in ("encode -t t.json --document line", "decode -t t.json --document line"):
        status, stderr = shell.run(f"fasttok {command} < <(yes 108) | head -n 1 >out")
        assert (status, stderr) == (0, "")


def test_a_pipe_that_does_not_block(shell):
    """Other programs can make a pipe non-blocking; then a write can fail only because the reader is slow."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    (shell.folder / "long.ids").write_text("108 101\n" * 100_000)
    command = ["decode", "-t", "t.json", "long.ids", "--document", "line"]
    with subprocess.Popen(["fasttok", *command], cwd=shell.folder, env=shell.env, stdout=writing) as process:  # noqa: S607
        os.close(writing)
        with open(reading, "rb", buffering=0) as file:
            received = b"".join(iter(lambda: file.read(1000), b""))
        assert process.wait() == 0
    line = ft.load(shell.folder / "t.json").decode_bytes([108, 101]) + b"\n"
    assert received == line * 100_000


def test_standard_output_as_the_output(shell, expected):
    for name in ("train", "play", "convert", "pretokens", "report"):
        [saved] = CASES[name].saved
        command = CASES[name].command.replace(saved, "-")
        assert shell.run(f"fasttok {command} | cat >out")[0] == 0
        assert shell.new_files()["out"] == expected(name)[saved]
    for redirection in (">/dev/full", ">&-"):
        assert shell.run(f"fasttok convert t.json - --to tiktoken {redirection}")[0] == 1


def test_dev_stdout_and_process_substitution_as_the_output(shell, expected):
    model = expected("convert")["new.tiktoken"]
    for script in (
        "fasttok convert t.json /dev/stdout --to tiktoken | cat >out",
        "fasttok convert t.json >(cat >out) --to tiktoken; wait $!",
        "fasttok convert t.json /dev/stdout --to tiktoken >out",
    ):
        shell.run(script)
        assert shell.new_files()["out"] == model
    shell.run("echo kept >out; fasttok convert t.json /dev/stdout --to tiktoken >>out")
    assert shell.new_files()["out"] == b"kept\n" + model


# Outputs that cannot be written

# Functions that read inputs or work; a check of the output comes first.
WORK = (
    "fasttok.load",
    "fasttok.train",
    "fasttok.count_pretokens",
    "fasttok.experiment.report.report.Results.load",
    "fasttok.experiment.run.run.Run.read",
)


@pytest.mark.parametrize("name", WRITING)
def test_outputs_that_cannot_be_written_are_found_before_the_work(folder, monkeypatch, name):
    monkeypatch.chdir(folder)
    monkeypatch.setattr("fasttok.cli.experiment.DEMO", folder / "e.toml")
    for work in WORK:
        monkeypatch.setattr(work, lambda *_, **__: pytest.fail("the work has begun"))
    Path("file").write_text("kept")
    Path("folder").mkdir()
    before = sorted(map(str, folder.rglob("*")))
    bad = ["file/x", "x" * 256, "/proc/x/y", "/sys/x", "/dev/fd/99", ""]
    bad += ["file"] if name in FOLDERS else ["missing/x", "folder", "folder/", "x/"]
    for path in bad:
        result = CliRunner().invoke(main, [path if a == "{}" else a for a in WRITING[name].split()])
        assert result.exit_code in (1, 2), path
        assert re.search("cannot write|must not be an empty path", result.stderr), path
        assert "begun" not in result.stderr
    assert sorted(map(str, folder.rglob("*"))) == before
    assert Path("file").read_text() == "kept"


@pytest.mark.parametrize("name", WRITING)
def test_read_only_folder_and_file(prepared, monkeypatch, name):
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(shutil.copytree(prepared, Path(temporary, "work")))
        for path in (Path(temporary), *Path(temporary).rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        Path(folder, "locked").mkdir(mode=0o555)
        Path(folder, "file").touch(mode=0o444)
        monkeypatch.chdir(folder)
        monkeypatch.setattr("fasttok.cli.experiment.DEMO", folder / "e.toml")
        for output in ("locked", "locked/new") if name in FOLDERS else ("locked/new", "file"):
            arguments = [output if a == "{}" else a for a in WRITING[name].split()]
            with as_nobody():
                result = CliRunner().invoke(main, arguments)
            assert result.exit_code == CASES[name].error, result.output
            assert f"{output}: cannot write: permission denied" in result.stderr
        monkeypatch.undo()


@pytest.mark.parametrize("name", [name for name in WRITING if name not in FOLDERS])
def test_disk_that_fills_up(shell, name):
    """A limit on the size of files stands for a full disk."""
    file = "old.npz" if name == "pretokens" else "old.json"
    (shell.folder / file).write_text("old")
    shell.before = shell.contents()
    command = WRITING[name].format(file)
    status, stderr = shell.run(f"(ulimit -f 0; exec fasttok {command} >/dev/null)")
    assert status == CASES[name].error
    assert re.search(f"{file}.*ile too large", stderr)
    assert shell.new_files() == {}
    status, stderr = shell.run(f"(ulimit -f 0; exec fasttok {command.replace(file, '-')} >out)")
    assert status == CASES[name].error
    assert re.search("standard output: cannot write: file too large|temporary directory", stderr)
    assert shell.new_files() == {"out": b""}


def test_disk_of_temporary_files_that_fills_up(shell):
    status, stderr = shell.run("(ulimit -f 1; exec fasttok encode -t - t.txt) < u.json")
    assert status == 1
    assert re.fullmatch(r"Error: \S+/tmp/\S+/stdin: File too large\n", stderr)


def test_disk_that_fills_up_during_a_comparison(shell):
    status, stderr = shell.run("(ulimit -f 1; exec fasttok compare e.toml -o new)")
    assert status == 1
    assert "File too large" in stderr
    assert "new/manifest.json" not in shell.new_files()
    assert not [name for name in os.listdir(shell.folder / "new/cells") if name.startswith(".")][1:]
    assert shell.run("fasttok compare e.toml -o new")[0] == 0


# Outputs that are inputs

# Commands whose output {} is one of their inputs, the file {in}.
DESTROYING = {
    "train": ("train {in} -o {}", "t.txt"),
    "train, start": ("train t.txt --start {in} -o {}", "t.json"),
    "train, counts": ("train {in} -o {}", "t.npz"),
    "train, folder": ("train texts -o {}", "texts/t.txt"),
    "train, glob": ("train texts/*.txt -o {}", "texts/t.txt"),
    "encode": ("encode -t t.json {in} -o {}", "t.txt"),
    "encode, tokenizer": ("encode -t {in} t.txt -o {}", "t.json"),
    "encode, offsets": ("encode -t t.json {in} -o new.npy --offsets {}", "t.txt"),
    "encode, folder": ("encode -t t.json texts -o {}", "texts/t.txt"),
    "decode": ("decode -t t.json {in} -o {}", "t.ids"),
    "decode, tokenizer": ("decode -t {in} t.ids -o {}", "t.json"),
    "count": ("count {in} --with t.json -o {}", "t.txt"),
    "count, tokenizer": ("count t.txt --with {in} -o {}", "t.json"),
    "pretokens": ("pretokens {in} -o {}", "t.txt"),
    "play": ("play --with {in} --static {}", "t.json"),
    "convert": ("convert {in} {} --to fasttok", "t.json"),
    "diff": ("diff {in} u.json -o {}", "t.json"),
    "diff, texts": ("diff t.json u.json {in} -o {}", "t.txt"),
    "convert, file to folder": ("convert {in} model --to huggingface", "model/tokenizer.json"),
    "convert, folder to file": ("convert model {} --to huggingface", "model/tokenizer.json"),
    "report": ("report results -o {}", "results/metrics.jsonl"),
}


def test_every_command_with_an_output_is_asked_to_destroy_an_input():
    assert {name.partition(",")[0] for name in DESTROYING} == set(WRITING) - set(FOLDERS)


@pytest.mark.parametrize("name", DESTROYING)
def test_outputs_that_are_inputs_are_refused(folder, monkeypatch, name):
    monkeypatch.chdir(folder)
    Path("texts").mkdir()
    shutil.copy("t.txt", "texts")
    ft.count_pretokens(ft.Corpus.from_files("t.txt")).save("t.npz")
    ft.load("t.json").save("model", format="huggingface")
    command, source = DESTROYING[name]
    Path("symbolic").symlink_to(source)
    Path("hard").hardlink_to(source)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for output in (source, f"./{source}", f"texts/../{source}", str(folder / source), "symbolic", "hard"):
        arguments = command.replace("{in}", source).replace("{}", output).split()
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == (2 if name.startswith("diff") else 1), output
        assert "it is also an input, which would be destroyed" in result.stderr
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_new_file_in_an_input_folder_is_no_input(folder, monkeypatch):
    monkeypatch.chdir(folder)
    Path("texts").mkdir()
    shutil.copy("t.txt", "texts")
    result = CliRunner().invoke(main, ["pretokens", "texts", "-o", "texts/new.npz"])
    assert result.exit_code == 0, result.stderr


@pytest.mark.parametrize(
    ("command", "source"),
    [
        ("train - -o t.txt < t.txt", "t.txt"),
        ("pretokens -o t.txt < t.txt", "t.txt"),
        ("encode -t t.json -o t.txt < t.txt", "t.txt"),
        ("encode -t t.json t.txt >> t.txt", "t.txt"),
        ("encode -t t.json t.txt 1<> t.txt", "t.txt"),
        ("encode -t t.json < t.txt >> t.txt", "t.txt"),
        ("encode -t t.json t.txt >> t.json", "t.json"),
        ("decode -t t.json t.ids >> t.ids", "t.ids"),
        ("count t.txt --with t.json >> t.txt", "t.txt"),
        ("pretokens t.txt >> t.txt", "t.txt"),
        ("pretokens t.txt -o - >> t.txt", "t.txt"),
        ("train t.txt -o - >> t.txt", "t.txt"),
        ("inspect t.json >> t.json", "t.json"),
        ("show low --with t.json >> t.json", "t.json"),
        ("show - --with t.json < t.txt >> t.txt", "t.txt"),
        ("play --with t.json --static - >> t.json", "t.json"),
        ("convert t.json - --to tiktoken >> t.json", "t.json"),
        ("convert t.json /dev/stdout --to tiktoken >> t.json", "t.json"),
        ("diff t.json u.json >> u.json", "u.json"),
        ("compare e.toml -o new >> t.txt", "t.txt"),
        ("compare e.toml -o new >> e.toml", "e.toml"),
        ("report results -o - >> results/metrics.jsonl", "results/metrics.jsonl"),
        ("report results >> results/metrics.jsonl", "results/metrics.jsonl"),
        ("verify results >> results/metrics.jsonl", "results/metrics.jsonl"),
    ],
)
def test_redirections_onto_an_input_are_refused(shell, command, source):
    status, stderr = shell.run(f"fasttok {command}")
    assert status == (2 if command.startswith("diff") else 1)
    assert "it is also an input, which would be destroyed" in stderr
    assert shell.new_files() == {}


@pytest.mark.parametrize(
    "command",
    [
        "encode -t t.json t.txt --dtype uint16 --offsets ./out",
        "encode -t t.json t.txt -o out",
        "pretokens t.txt -o out --json",
    ],
)
def test_two_outputs_that_are_one_file_are_refused(shell, command):
    status, stderr = shell.run(f"fasttok {command} > out")
    assert status == 1
    assert "out: standard output is redirected to the same file" in stderr
    assert shell.new_files() == {"out": b""}


@pytest.mark.parametrize("name", ["demo", "report"])
@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_missing_packages_are_found_before_the_work(folder, monkeypatch, name, package):
    monkeypatch.chdir(folder)
    monkeypatch.setattr("fasttok.cli.experiment.DEMO", folder / "e.toml")
    for work in WORK:
        monkeypatch.setattr(work, lambda *_, **__: pytest.fail("the work has begun"))
    monkeypatch.setitem(sys.modules, package, None)
    result = CliRunner().invoke(main, CASES[name].command.split())
    assert result.exit_code == 1
    assert f"not installed: {package}. Run: pip install" in result.stderr
    assert not (folder / "new").exists()


@pytest.mark.parametrize("command", ["pretokens t.parquet -o new.npz", "compare e.toml -o new"])
def test_text_that_needs_a_missing_package_is_found_before_the_work(folder, monkeypatch, command):
    pq = pytest.importorskip("pyarrow.parquet")
    pa = pytest.importorskip("pyarrow")
    pq.write_table(pa.table({"text": ["a"]}), folder / "t.parquet")
    toml = (folder / "e.toml").read_text()
    (folder / "e.toml").write_text(
        toml.replace('python = { files = "t.txt"', 'python = { files = "t.parquet"', 1)
    )
    monkeypatch.chdir(folder)
    for work in WORK:
        monkeypatch.setattr(work, lambda *_, **__: pytest.fail("the work has begun"))
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    result = CliRunner().invoke(main, command.split())
    assert result.exit_code == 1
    assert "pip install pyarrow" in result.stderr
    assert not (folder / "new").exists()


def test_devices_are_never_refused_as_inputs(shell):
    assert shell.run("fasttok count /dev/null --with t.json -o /dev/null")[0] == 0
    assert shell.run("fasttok pretokens t.txt -o /dev/null")[0] == 0


# Signals

SIGNALS = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}
READING = {
    "train": "train - -o new.json",
    "encode": "encode -t t.json -o new.ids --document line",
    "decode": "decode -t t.json -o new.txt",
    "count": "count --with t.json -o new.txt",
    "pretokens": "pretokens -o new.npz --max-memory 32MB --document line",
}


@contextmanager
def working(shell, command: str, **options):
    """Start a command that reads standard input; it has begun to work when the block starts."""
    process = subprocess.Popen(
        ["fasttok", *command.split()],  # noqa: S607
        cwd=shell.folder,
        env=shell.env,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        **options,
    )
    try:
        process.stdin.write(b"108 101\n" * 100_000)  # more than a pipe holds
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("command", "name"),
    [*((command, name) for command in READING for name in ("SIGINT", "SIGTERM")), ("train", "SIGHUP")],
)
def test_signals_end_a_command(shell, command, name):
    number = getattr(signal, name)

    def heed() -> None:  # also if the tests run in the background, or under nohup
        signal.signal(number, signal.SIG_DFL)

    with working(shell, READING[command], preexec_fn=heed) as process:
        process.send_signal(number)
        stderr = process.stderr.read().decode()
        assert process.wait() == SIGNALS[name]
    assert stderr.strip() == ("Interrupted" if name == "SIGINT" else "")
    assert shell.new_files() == {}
    assert list((shell.folder / "tmp").iterdir()) == []


def test_a_second_ctrl_c(shell):
    with working(shell, READING["train"]) as process:
        for _ in range(3):
            process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    assert shell.new_files() == {}


def test_ctrl_c_while_a_slow_reader_blocks_the_output(shell):
    with working(shell, "encode -t t.json") as process:
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130


def test_nohup(shell):
    with working(
        shell, READING["encode"], preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    ) as (process):
        process.send_signal(signal.SIGHUP)
        process.stdin.close()
        assert process.wait() == 0
        process.stdin = None
    assert list(shell.new_files()) == ["new.ids"]


def test_timeout(shell):
    endless = "yes | head -c 100000; exec sleep 30 2>&-"
    status, stderr = shell.run(f"timeout 2 fasttok train - -o new.json < <({endless})")
    assert (status, stderr) == (124, "")
    assert shell.new_files() == {}


@pytest.mark.parametrize("name", ["compare", "verify"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_an_experiment(shell, name, number):
    (shell.folder / "slow.py").write_text(SLOW_METRIC)
    (shell.folder / "slow.toml").write_text(EXPERIMENT % ', "slow:metric"')
    commands = {"compare": "compare slow.toml -o new", "verify": "verify old"}
    if name == "verify":
        assert shell.run("fasttok compare slow.toml -o old --allow-import slow")[0] == 0
    (shell.folder / "wait").touch()
    shell.before = shell.contents()
    command = f"{commands[name]} --allow-import slow"
    with subprocess.Popen(
        ["fasttok", *command.split()],  # noqa: S607
        cwd=shell.folder,
        env=shell.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "begun\n"
        process.send_signal(number)
        assert process.wait() == 128 + number
        assert process.stderr.read() == ("Interrupted\n" if number == signal.SIGINT else "")
    assert list((shell.folder / "tmp").iterdir()) == []
    new = shell.new_files()
    assert "new/manifest.json" not in new
    assert not any("/." in file for file in new)
