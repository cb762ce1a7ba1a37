"""Atomic saves, and checks before work that its output can be written and is none of its inputs."""

from __future__ import annotations

import os
import sys
import tempfile
from functools import partial
from pathlib import Path

import pytest

import fasttok as ft
from fasttok.core.saving import (
    atomic_folder,
    atomic_write,
    check_not_input,
    check_writable,
    delete_temporary_files,
    write_files,
)
from tests.test_faults import as_nobody

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX links, pipes and descriptors")

COUNTS = ft.PretokenCounts.from_dict({"low": 5, "lower": 2})


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Go to a folder with files, links and a pipe of every kind."""
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("old")
    Path("folder").mkdir()
    Path("hard").hardlink_to("file")
    Path("symbolic").symlink_to("file")
    Path("to folder").symlink_to("folder")
    Path("dangling").symlink_to("new")
    Path("lost").symlink_to("missing/new")
    Path("loop").symlink_to("loop")
    os.mkfifo("pipe")
    return tmp_path


def save(path):
    with atomic_write(path) as file:
        file.write(b"new")


WRITABLE = [
    "file",
    "hard",
    "symbolic",
    "dangling",
    "new",
    "folder/new",
    "x" * 255,
    "é" * 127,
    b"bytes",
    "/dev/null",
]


@pytest.mark.parametrize("path", WRITABLE)
def test_what_can_be_written_is_not_refused(path):
    before = sorted(os.listdir())
    check_writable(path)
    check_writable(Path(os.fsdecode(path)))
    assert sorted(os.listdir()) == before
    assert Path("file").read_text() == "old"
    save(path)
    if path != "/dev/null":
        assert Path(os.fsdecode(path)).read_text() == "new"


UNWRITABLE = {
    "folder": IsADirectoryError,
    "to folder": IsADirectoryError,
    "new/": IsADirectoryError,
    "missing/new": FileNotFoundError,
    "lost": FileNotFoundError,
    "file/new": NotADirectoryError,
    "x" * 256: OSError,
    "é" * 128: OSError,
    "loop": OSError,
    "/proc/new": OSError,
    "/dev/fd/99": OSError,
}


@pytest.mark.parametrize("path", UNWRITABLE)
def test_what_cannot_be_written_is_refused_as_saving_refuses_it(path):
    before = sorted(os.listdir())
    for write in (check_writable, save):
        with pytest.raises(UNWRITABLE[path]) as caught:
            write(path)
        assert caught.value.filename is not None
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_what_is_not_a_file_name(path):
    with pytest.raises(ValueError, match="not a file name"):
        check_writable(path)


def test_pipes_are_not_opened():
    check_writable("pipe")  # opening it would wait for a reader


def test_read_only_files_and_folders():
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o777)  # noqa: S103
        file, locked = Path(name, "file"), Path(name, "locked")
        file.write_text("old")
        file.chmod(0o444)
        locked.mkdir(mode=0o555)
        with as_nobody():
            for path in (file, locked / "new"):
                for write in (check_writable, save):
                    with pytest.raises(PermissionError):
                        write(path)
            for path in (locked, locked / "new"):
                with pytest.raises(PermissionError, match="permission denied"):
                    check_writable(path, folder=True)
        assert file.read_text() == "old"
        assert os.listdir(locked) == []


@pytest.mark.parametrize("path", ["folder", "folder/", "to folder", "new", "new/a/b"])
def test_folders_that_exist_or_can_be_made(path):
    check_writable(path, folder=True)
    assert not os.path.exists("new")
    assert os.listdir("folder") == []


@pytest.mark.parametrize(
    "path", ["file", "file/new", "dangling", "pipe", "/proc/new", f"new/{'x' * 256}", "/dev/null"]
)
def test_folders_that_cannot_be_made(path):
    with pytest.raises(OSError, match=r"."):
        check_writable(path, folder=True)


@pytest.mark.parametrize("output", ["file", "./file", "folder/../file", "hard", "symbolic", b"file"])
@pytest.mark.parametrize("source", ["file", "hard", "symbolic", Path("file")])
def test_inputs_are_recognized_under_every_name(output, source):
    with pytest.raises(ValueError, match="it is also an input, which would be destroyed"):
        check_writable(output, ["missing", source])
    with open(source) as file, pytest.raises(ValueError, match="it is also an input"):
        check_writable(output, [file.fileno()])


def test_other_files_devices_and_pipes_are_no_inputs():
    check_writable("new", ["new", "file"])
    check_writable("file", ["folder", "missing", "a\0b", 99])
    for path in ("pipe", "/dev/null"):
        check_writable(path, [path])


def test_folders_and_descriptors_as_outputs():
    with pytest.raises(ValueError, match="also an input"):
        check_writable("to folder", ["folder"], folder=True)
    with open("file", "ab") as file:
        with pytest.raises(ValueError, match="cannot write standard output: it is also an input"):
            check_not_input(file.fileno(), ["hard"], "standard output")
        with pytest.raises(ValueError, match="also an input"):
            check_writable(f"/dev/fd/{file.fileno()}", ["hard"])
        check_writable(f"/dev/fd/{file.fileno()}", ["folder"])
        save(f"/dev/fd/{file.fileno()}")
    assert Path("file").read_text() == "oldnew"
    with open("file", "rb") as file, pytest.raises(OSError, match="bad file descriptor"):
        check_writable(f"/dev/fd/{file.fileno()}")


def test_files_that_belong_together_are_all_written_or_none():
    with pytest.raises(IsADirectoryError):
        write_files({"file": b"new", "second": b"new", "folder": b"new"})
    assert Path("file").read_text() == "old"
    assert not os.path.exists("second")
    write_files({"file": b"new", "second": b"new"})
    assert (Path("file").read_text(), Path("second").read_text()) == ("new", "new")
    assert Path("hard").read_text() == "old"


@pytest.mark.parametrize("path", ["folder", "to folder", "new", "new/a/b"])
def test_folders_are_written_whole(path):
    with atomic_folder(path) as name:
        Path(name, "one").write_text("1")
        assert not os.path.exists(f"{path}/one")
    assert Path(path, "one").read_text() == "1"
    assert not [name for name in os.listdir(os.path.dirname(path) or ".") if name.startswith(".")]
    with pytest.raises(FileExistsError, match="the folder is not empty"), atomic_folder(path):
        pass
    assert os.listdir(path) == ["one"]


@pytest.mark.parametrize("fail", [lambda: 1 / 0, delete_temporary_files])
def test_nothing_is_left_of_a_folder_that_fails(fail):
    before = sorted(os.listdir())
    with pytest.raises((ZeroDivisionError, FileNotFoundError)), atomic_folder("new") as name:  # noqa: PT012
        Path(name, "one").write_text("1")
        fail()
    assert sorted(os.listdir()) == before
    with pytest.raises(NotADirectoryError), atomic_folder("file"):
        pass


def test_temporary_files_can_be_deleted_at_once():
    with pytest.raises(FileNotFoundError), atomic_write("file") as file:  # noqa: PT012
        file.write(b"new")
        assert len([name for name in os.listdir() if name.startswith(".file.")]) == 1
        delete_temporary_files()
        assert not [name for name in os.listdir() if name.startswith(".")]
    assert Path("file").read_text() == "old"


def test_every_save_refuses_what_cannot_be_written(tmp_path):
    tok = ft.train(ft.Corpus.from_texts(["low low"]), vocab_size=258, pretokenizer="gpt2")
    formats = ("fasttok", "huggingface", "tiktoken")
    saves = [COUNTS.save, *(partial(tok.save, format=name) for name in formats)]
    for path in ("missing/a.json", "file/a.json", f"{'x' * 256}.json", "/proc/a.json"):
        for function in saves:
            with pytest.raises(OSError, match=r"."):
                function(path)
    for function in (partial(tok.save, format="gpt2"), partial(tok.save, format="huggingface")):
        with pytest.raises(OSError, match=r"."):
            function("file/a")
    assert Path("file").read_text() == "old"
