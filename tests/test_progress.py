"""Progress on standard error: bars, lines and JSON; streams that cannot be written."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

import fasttok as ft
from fasttok.core import progress
from tests.conftest import ROOT


class Clock:
    """Clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def work(clock, seconds, **options):
    """Count 1,000 units a second."""
    with progress.Bar("counting", unit="byte", **options) as bar:
        for _ in range(seconds):
            clock.now += 1
            bar.update(1000)
            bar.set_postfix(nats=bar.n / 7)


def test_a_line_in_ten_seconds_and_one_at_the_end(clock, capsys):
    with progress.progress_form("lines"):
        progress.announce("begin", show=True)
        work(clock, 25, total=25_000)
        work(clock, 1, unit_scale=True)
        progress.announce("hidden", show=False)
        work(clock, 30, disable=True)
    assert capsys.readouterr().err.splitlines() == [
        "begin",
        "counting: 10,000 of 25,000 bytes in 10 s, nats 1285.7143",
        "counting: 20,000 of 25,000 bytes in 20 s, nats 2714.2857",
        "counting: 25,000 of 25,000 bytes in 25 s, nats 3571.4286",
        "counting: 1.00kbyte in 1 s, nats 142.8571",
    ]


def test_sparse_lines_are_ten_seconds_apart_and_warnings_are_always_shown(clock, capsys):
    with progress.progress_form("lines", is_sparse=True):
        progress.announce("begin", show=True)
        work(clock, 9)
        progress.show_warning("attention")
        work(clock, 12)
        progress.announce("too early", show=True)
    assert capsys.readouterr().err.splitlines() == [
        "Warning: attention",
        "counting: 1,000 bytes in 1 s",
        "counting: 11,000 bytes in 11 s, nats 1428.5714",
    ]


def test_lines_of_json(clock, capsys):
    with progress.progress_form("json"):
        progress.announce("begin", show=True)
        progress.show_warning("attention")
        work(clock, 2)
    common = {"task": "counting", "total": None, "unit": "byte"}
    assert [json.loads(line) for line in capsys.readouterr().err.splitlines()] == [
        {"event": "message", "text": "begin"},
        {"event": "warning", "text": "attention"},
        {"event": "progress", "n": 1000, "seconds": 1.0, **common},
        {"event": "progress", "n": 2000, "seconds": 2.0, **common, "nats": 1000 / 7},
        {"event": "end", "n": 2000, "seconds": 2.0, **common, "nats": 2000 / 7},
    ]


def test_forms_are_restored_after_an_error(clock, capsys):
    with pytest.raises(KeyError), progress.progress_form("json"), progress.progress_form("lines"):
        raise KeyError
    work(clock, 1)
    assert "\rcounting: 1000byte [" in capsys.readouterr().err


class Broken(io.TextIOBase):
    """Stream that fails in a given way."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def write(self, text: str) -> int:
        raise self.error


STREAMS = {
    "none": None,
    "closed pipe": Broken(BrokenPipeError(32, "Broken pipe")),
    "full disk": Broken(OSError(28, "No space left on device")),
    "closed": Broken(ValueError("I/O operation on closed file")),
}


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize(("model", "vocab_size"), [("bpe", 270), ("unigram", 50), ("wordpiece", 60)])
def test_training_does_not_end_if_progress_cannot_be_shown(monkeypatch, stream, model, vocab_size):
    monkeypatch.setattr(sys, "stderr", STREAMS[stream])
    monkeypatch.setattr(progress, "JSON_SECONDS", 0)
    monkeypatch.setattr(progress, "LINE_SECONDS", 0)
    corpus = ft.Corpus.from_texts([" ".join(f"{i * i} words" for i in range(99))])
    expected = ft.train(corpus, model=model, vocab_size=vocab_size)
    for form in ("bar", "lines", "json"):
        with progress.progress_form(form):
            tok = ft.train(corpus, model=model, vocab_size=vocab_size, progress=True)
        assert tok.model.to_dict() == expected.model.to_dict()


SCRIPT = """
import fasttok as ft
ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=262, progress=True)
print("trained", flush=True)
"""


@pytest.mark.parametrize("redirection", [">trained 2>/dev/full", ">trained 2>&-", "2>&1 >trained | true"])
def test_a_program_ends_with_its_own_status_if_stderr_fails(tmp_path, redirection):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = f'"$0" script.py {redirection}; echo "${{PIPESTATUS[0]}}"'
    done = subprocess.run(
        ["/bin/bash", "-c", command, sys.executable],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, (tmp_path / "trained").read_text()) == ("0\n", "trained\n")
