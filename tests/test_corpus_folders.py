"""Files of a corpus: folders, globs, links, what is skipped and what is given twice."""

from __future__ import annotations

import errno
import gzip
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import fasttok as ft
from fasttok.core.saving import atomic_write
from fasttok.corpus import files as corpus_files


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(name.encode()) if name.endswith(".gz") else name.encode())


def relative(corpus, folder):
    return [os.path.relpath(path, folder) for path in corpus.files]


def skipped(corpus, folder):
    return {os.path.relpath(path, folder): reason for path, reason in corpus.skipped.items()}


@pytest.fixture
def books(tmp_path):
    folder = tmp_path / "books"
    make(folder, "b.txt", "a/c.txt", "a/d/e.txt.gz", "a.txt", "A.TXT", "x.text", "a/z.txt")
    make(
        folder,
        ".hidden.txt",
        ".git/a.txt",
        ".ipynb_checkpoints/b-checkpoint.txt",
        "a/.cache/f.txt",
        "._b.txt",
    )
    make(
        folder, "b.txt~", "#b.txt#", "a/.c.txt.swp", "b.txt.bak", "notes.md", "README", "a.tar", "c.txt.orig"
    )
    return folder


TAKEN = ["A.TXT", "a.txt", "a/c.txt", "a/d/e.txt.gz", "a/z.txt", "b.txt", "x.text"]
SKIPPED = {
    ".hidden.txt": "hidden",
    ".git": "hidden",
    ".ipynb_checkpoints": "hidden",
    "a/.cache": "hidden",
    "a/.c.txt.swp": "hidden",
    "._b.txt": "hidden",
    "b.txt~": "backup or temporary file",
    "#b.txt#": "backup or temporary file",
    "b.txt.bak": "backup or temporary file",
    "c.txt.orig": "backup or temporary file",
    "notes.md": "suffix '.md' is of no text or record format; pass its name or a glob",
    "README": "suffix '' is of no text or record format; pass its name or a glob",
    "a.tar": "suffix '.tar' is of no text or record format; pass its name or a glob",
}


@pytest.mark.parametrize("end", ["", "/", "/**", "/**/*", "/**/**", "/**/**/*", "/./**"])
def test_a_folder_and_its_glob_are_the_same(books, end):
    corpus = ft.Corpus.from_files(f"{books}{end}")
    assert relative(corpus, books) == TAKEN
    assert skipped(corpus, books) == SKIPPED
    assert len(list(corpus)) == len(TAKEN)


def test_relative_names(books, monkeypatch):
    monkeypatch.chdir(books)
    for given in (".", "**", "**/*", "./**"):
        assert [os.path.normpath(path) for path in ft.Corpus.from_files(given).files] == TAKEN, given
    assert ft.Corpus.from_files("*.txt").files == ("a.txt", "b.txt")
    assert ft.Corpus.from_files("a/*").files == ("a/c.txt", "a/z.txt")
    monkeypatch.chdir(books.parent)
    assert ft.Corpus.from_files("books").files == tuple(f"books/{name}" for name in TAKEN)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.txt", ["a.txt", "b.txt"]),
        ("*", ["A.TXT", "README", "a.tar", "a.txt", "b.txt", "notes.md", "x.text"]),
        ("*.md", ["notes.md"]),
        ("**/*.txt", ["a.txt", "a/c.txt", "a/z.txt", "b.txt"]),
        ("**/c.txt", ["a/c.txt"]),
        ("a/**/*.gz", ["a/d/e.txt.gz"]),
        ("*/c.txt", ["a/c.txt"]),
        ("[ab].txt", ["a.txt", "b.txt"]),
        ("?/[!c]*.txt", ["a/z.txt"]),
        (".hidden.*", [".hidden.txt"]),  # hidden files are taken if the glob says so
        (".git/*", [".git/a.txt"]),
        ("b.txt*", ["b.txt"]),
        ("*.bak", ["b.txt.bak"]),  # and so are backups
        ("**/*~", ["b.txt~"]),
    ],
)
def test_globs(books, pattern, expected):
    corpus = ft.Corpus.from_files(f"{books}/{pattern}", format="text")
    assert relative(corpus, books) == expected
    names = {path for path in corpus.files if not os.path.basename(path).startswith(".")}
    assert names <= {str(path) for path in Path(books).glob(pattern)}


def test_names_given_in_full_are_always_read(books):
    for name in (".hidden.txt", "b.txt~", "notes.md", "README", ".ipynb_checkpoints"):
        corpus = ft.Corpus.from_files(books / name)
        assert len(corpus.files) == 1
        assert not corpus.skipped


def test_names_with_the_characters_of_globs(tmp_path):
    make(tmp_path, "[a].txt", "a*/b.txt", "a*/c.txt")
    assert relative(ft.Corpus.from_files(tmp_path / "[a].txt"), tmp_path) == ["[a].txt"]
    assert relative(ft.Corpus.from_files(tmp_path / "a*"), tmp_path) == ["a*/b.txt", "a*/c.txt"]
    assert relative(ft.Corpus.from_files(f"{tmp_path}/a[*]/?.txt"), tmp_path) == ["a*/b.txt", "a*/c.txt"]


def test_temporary_files_of_saves_are_skipped(tmp_path):
    make(tmp_path, "a.txt")
    with atomic_write(tmp_path / "b.txt") as file:
        file.write(b"unfinished")
        file.flush()
        corpus = ft.Corpus.from_files(tmp_path)
    assert relative(corpus, tmp_path) == ["a.txt"]
    assert list(corpus.skipped.values()) == ["hidden"]


def test_formats_of_a_folder(tmp_path):
    names = [
        "a.txt",
        "b.jsonl",
        "b.ndjson.gz",
        "c.json",
        "d.csv",
        "e.tsv",
        "f.parquet",
        "g.arrow",
        "h.feather",
    ]
    make(tmp_path, *names, "i.py")
    found = corpus_files.find_files(tmp_path)
    assert [os.path.basename(path) for path in found.files] == names
    for format, expected in {
        "text": ["a.txt"],
        "jsonl": ["b.jsonl", "b.ndjson.gz"],
        "json": ["c.json"],
        "tsv": ["e.tsv"],
        "arrow": ["g.arrow", "h.feather"],
    }.items():
        found = corpus_files.find_files(tmp_path, format)
        assert [os.path.basename(path) for path in found.files] == expected
        assert found.skipped[str(tmp_path / "d.csv")] == f"not of the format {format}, by its suffix"


@pytest.mark.parametrize("end", ["", "/**", "/**/*"])
def test_links(tmp_path, end):
    books, other = tmp_path / "books", tmp_path / "other"
    make(books, "a/b.txt", "c.txt")
    make(other, "d.txt", "sub/e.txt")
    (books / "0link").symlink_to(other)
    (books / "0again").symlink_to(books / "a")
    (books / "a" / "loop").symlink_to(books)
    (books / "a" / "self").symlink_to(books / "a")
    (books / "up").symlink_to(tmp_path)
    (books / "0.txt").symlink_to(books / "c.txt")
    os.link(books / "c.txt", books / "z.txt")
    (other / "back").symlink_to(books)
    corpus = ft.Corpus.from_files(f"{books}{end}")
    assert relative(corpus, books) == ["0link/d.txt", "0link/sub/e.txt", "a/b.txt", "c.txt"]
    assert skipped(corpus, books) == {
        "0again": "a link to a folder that is read already",
        "a/loop": "a link to a folder that contains it",
        "a/self": "a link to a folder that is read already",
        "up": "a link to a folder that contains it",
        "0link/back": "a link to a folder that contains it",
        "0.txt": f"the same file as {books}/c.txt",
        "z.txt": f"the same file as {books}/c.txt",
    }


@pytest.mark.parametrize("end", ["", "/**", "/*.txt"])
def test_links_to_nothing_are_errors(tmp_path, end):
    make(tmp_path, "a.txt")
    (tmp_path / "b.txt").symlink_to(tmp_path / "missing")
    with pytest.raises(FileNotFoundError) as error:
        ft.Corpus.from_files(f"{tmp_path}{end}")
    assert error.value.filename == str(tmp_path / "b.txt")
    (tmp_path / "b.txt").unlink()
    (tmp_path / "b.txt").symlink_to(tmp_path / "b.txt")
    with pytest.raises(OSError, match="symbolic links") as error:
        ft.Corpus.from_files(f"{tmp_path}{end}")
    assert error.value.errno == errno.ELOOP


@pytest.mark.parametrize("end", ["", "/**", "/**/*", "/**/*.txt", "/*/*.txt"])
def test_unreadable_folders_are_errors(tmp_path, monkeypatch, end):
    make(tmp_path, "a/b.txt", "c/d.txt", "e.txt")
    real = os.scandir

    def scandir(path="."):  # the tests may run as a user who can read everything
        if os.path.basename(path) == "c":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(PermissionError) as error:
        ft.Corpus.from_files(f"{tmp_path}{end}")
    assert error.value.filename == str(tmp_path / "c")


def as_nobody(program, *arguments):
    """Run a program as a user without rights, if possible, and return its output."""
    user = 65534 if os.geteuid() == 0 else None
    command = [sys.executable, "-c", program, *map(str, arguments)]
    run = subprocess.run(
        command, capture_output=True, check=False, text=True, env={**os.environ, "NOBODY": str(user)}
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


UNREADABLE = """
import os, sys
import hashlib, numpy
import fasttok as ft
ft.Corpus.from_texts([])
if os.environ["NOBODY"] != "None":
    os.seteuid(int(os.environ["NOBODY"]))
for path in sys.argv[1:]:
    try:
        print(ft.Corpus.from_files(path).files)
    except PermissionError as error:
        print(error.filename)
"""


def test_unreadable_files_are_errors_at_once():
    with tempfile.TemporaryDirectory() as name:  # a folder that others can read, unlike `tmp_path`
        folder = Path(name)
        folder.chmod(0o755)
        make(folder, "a.txt", "b/b.txt", "c/c.txt", "d/d.txt")
        (folder / "a.txt").chmod(0)
        (folder / "b").chmod(0)
        (folder / "d").chmod(0o744)  # its entries can be listed, but not opened
        given = [folder, folder / "a.txt", folder / "b", folder / "b/b.txt", folder / "d", folder / "d/d.txt"]
        out = as_nobody(UNREADABLE, *given, f"{folder}/**/*.txt", f"{folder}/b/*", folder / "c")
        for path in (folder / "b", folder / "d", folder / "a.txt"):
            path.chmod(0o755)
    expected = ["b", "a.txt", "b", "b/b.txt", "d/d.txt", "d/d.txt", "b", "b/*"]
    assert out.splitlines() == [*(f"{folder}/{path}" for path in expected), f"('{folder}/c/c.txt',)"]


def test_pipes_and_sockets_in_folders_are_skipped(tmp_path, monkeypatch):
    make(tmp_path, "a.txt")
    os.mkfifo(tmp_path / "b.txt")
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("c.txt")
        for given in (".", "**", "*.txt"):
            corpus = ft.Corpus.from_files(given)
            assert [os.path.normpath(path) for path in corpus.files] == ["a.txt"]
            assert list(corpus.skipped.values()) == ["not a regular file"] * 2


def test_the_same_file_twice_is_an_error(tmp_path):
    make(tmp_path, "a.txt", "b/c.txt")
    path = tmp_path / "a.txt"
    (tmp_path / "link").symlink_to(path)
    os.link(path, tmp_path / "hard")
    for paths in (
        [path, path],
        [path, str(path)],
        [path, f"{tmp_path}/b/../a.txt"],
        [path, tmp_path / "link"],
        [path, tmp_path / "hard"],
        [tmp_path, path],
        [f"{tmp_path}/**", f"{tmp_path}/*.txt"],
        [tmp_path, tmp_path / "b"],
    ):
        with pytest.raises(ValueError, match="paths: the same file is given twice"):
            ft.Corpus.from_files(paths)
    (tmp_path / "copy.txt").write_bytes(path.read_bytes())
    assert len(ft.Corpus.from_files([path, tmp_path / "copy.txt"]).files) == 2


@pytest.mark.parametrize("name", ["books", "books/**", "books/*.pdf"])
def test_errors_say_what_was_skipped(books, name):
    for path in books.rglob("*"):
        if path.is_file() and not path.name.startswith(".") and path.suffix != ".md":
            path.unlink()
    with pytest.raises(FileNotFoundError) as error:
        ft.Corpus.from_files(books.parent / name)
    assert error.value.filename == str(books.parent / name)
    assert ("skipped: " in error.value.strerror) == (not name.endswith("pdf"))
    if not name.endswith("pdf"):
        assert "and 4 more" in error.value.strerror


def test_files_and_skipped_of_other_corpora(tmp_path):
    make(tmp_path, "a.txt", ".b.txt")
    corpus = ft.Corpus.from_files(tmp_path)
    sample = corpus.sample(0.5, seed=1)
    assert (sample.files, sample.skipped) == (corpus.files, corpus.skipped)
    for other in (ft.Corpus.from_texts(["a"]), ft.Corpus.from_table({"text": ["a"]})):
        assert (other.files, other.skipped, other.skipped_rows) == ((), {}, 0)
    corpus.skipped.clear()  # a copy
    assert corpus.skipped


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (None, "paths must be a path or an iterable of paths, not NoneType"),
        (b"a.txt", "paths must be a path or an iterable of paths, not bytes"),
        (5, "paths"),
        ({"en": "a.txt"}, "paths must be a path or a list of paths, not dict"),
        ({"a.txt", "b.txt"}, "paths must be a .* of paths, not set: "),
        ([5], r"paths\[0\] must be a path"),
        ([["a.txt"]], r"paths\[0\] must be a path"),
        (["a.txt", None], r"paths\[1\] must be a path"),
        ([b"a.txt"], r"paths\[0\] must be a path"),
        ("", "paths must not be an empty path"),
        ("a\0b", "paths must not contain a NUL"),
        ([], "no paths were given"),
        (iter(()), "no paths were given"),
    ],
)
def test_wrong_paths(paths, message):
    with pytest.raises((TypeError, ValueError), match=message):
        ft.Corpus.from_files(paths)


def test_many_kinds_of_paths(tmp_path):
    make(tmp_path, "a.txt", "b.txt")
    names = [str(tmp_path / "a.txt"), str(tmp_path / "b.txt")]
    for paths in (
        names,
        tuple(names),
        iter(names),
        map(Path, names),
        dict.fromkeys(names).keys() and [*names],
    ):
        assert ft.Corpus.from_files(paths).files == tuple(names)


def test_saved_tokenizers_in_a_folder_are_skipped(tmp_path):
    (tmp_path / "a.txt").write_text("low lower")
    (tmp_path / "b.json").write_text('{"text": "a record"}')
    corpus = ft.Corpus.from_files(tmp_path)
    ft.train(corpus, vocab_size=257).save(tmp_path / "tok.json")
    again = ft.Corpus.from_files(tmp_path)
    assert list(again) == list(corpus) == [b"low lower", b"a record"]
    assert again.skipped == {str(tmp_path / "tok.json"): "a tokenizer that fasttok saved"}
    with pytest.raises(ft.CorpusError, match="no field 'text'"):
        ft.Corpus.from_files(tmp_path / "tok.json")  # given by name
