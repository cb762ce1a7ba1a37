"""Registry of formats: recognizing files, options of loaders, and errors."""

from __future__ import annotations

import inspect
import os

import pytest

import fasttok as ft
from fasttok.core import component
from fasttok.formats.base import Format, Option
from fasttok.formats.registry import FORMATS, find_format
from tests import sentencepiece_file
from tests.test_formats import small


def test_every_option_of_a_loader_is_declared():
    for format in FORMATS.values():
        assert inspect.signature(format.load).parameters.keys() == {"path", *format.options}


def test_a_registered_format_can_be_loaded(tmp_path, monkeypatch):
    def load(path, size=0):
        text = (tmp_path / path / "toy.txt").read_text()
        return ft.train(ft.PretokenCounts.from_dict({text: 1}), vocab_size=256 + size)

    def sniff(head, path):
        return head == b"" and os.path.exists(os.path.join(path, "toy.txt"))

    toy = Format("toy", "a folder of toys", sniff, load, options={"size": Option((int,))})
    monkeypatch.setitem(FORMATS, "toy", toy)
    (tmp_path / "toy.txt").write_text("word")
    assert ft.load(tmp_path).vocab_size == 256
    assert ft.load(tmp_path, size=3).vocab_size == 259
    (tmp_path / "other").write_bytes(b"some words")
    with pytest.raises(ft.ModelFormatError, match="nor a vocab.txt nor a folder of toys$"):
        ft.load(tmp_path / "other")
    with pytest.raises(ft.ModelExportError, match="can only be read; .* are fasttok, tiktoken, vocab.txt$"):
        small().save(tmp_path / "out", format="toy")
    (tmp_path / "vocab.txt").write_text("[UNK]\n")
    with pytest.raises(
        ft.ModelFormatError, match="looks like a vocab.txt, .*, but not size; a folder of toys takes these"
    ):
        ft.load(tmp_path / "vocab.txt", size=3)


def test_options_of_no_format_and_of_another_format(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("[UNK]\n")
    with pytest.raises(
        TypeError, match="a vocab.txt, which takes the options lowercase, .*, but not colour$"
    ):
        ft.load(path, lowercase=True, colour="red")
    with pytest.raises(ft.ModelFormatError, match="not pretokenizer; a tiktoken rank file takes these"):
        ft.load(path, pretokenizer="gpt2")


def test_an_unknown_format(tmp_path):
    with pytest.raises(ValueError, match="no format is named 'json'; the names are fasttok, tiktoken, vocab"):
        small().save(tmp_path / "a", format="json")
    assert os.listdir(tmp_path) == []


def test_loading_imports_only_what_is_allowed(tmp_path, monkeypatch):
    seen = []
    native = FORMATS["fasttok"]

    def load(path):
        seen.append(component._allowed.get())
        return native.load(path)

    path = tmp_path / "a.json"
    small().save(path)
    monkeypatch.setitem(FORMATS, "fasttok", Format("fasttok", native.description, native.sniff, load))
    ft.load(path)
    ft.load(path, allow_import=["mine"])
    assert seen == [(), ("mine",)]
    assert component._allowed.get() is None
    for wrong in ("mine", [1]):
        with pytest.raises(TypeError, match="allow_import must be a sequence of package names"):
            ft.load(path, allow_import=wrong)


def test_errors_name_files_of_other_libraries(tmp_path, shared):
    models = [*(shared / "tokenizers").rglob("*.model")]
    assert models
    for path in models:
        with pytest.raises(
            ft.ModelFormatError, match="a sentencepiece model, which fasttok cannot load; .* ft.wrap$"
        ):
            ft.load(path)
    for kind in range(1, 7):
        path = tmp_path / "sp.model"
        path.write_bytes(sentencepiece_file.write([("\n", -1.5, kind), ("b", -1.0, 1)]))
        with pytest.raises(ft.ModelFormatError, match="a sentencepiece model"):
            ft.load(path)
    with pytest.raises(ft.ModelFormatError, match="a Hugging Face tokenizer.json, .* ft.wrap$"):
        ft.load(shared / "tokenizers/bert/minilm/tokenizer.json")


def test_a_vocabulary_that_begins_like_a_sentencepiece_model(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_bytes(b"\na\n[UNK]\nlow\n")
    assert find_format(str(path)) is FORMATS["vocab.txt"]


def test_loading_a_folder(tmp_path):
    with pytest.raises(IsADirectoryError, match="a folder, not a tokenizer; give the path of a file"):
        ft.load(tmp_path)


def test_missing_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"):
        ft.load(tmp_path / "missing.json")
    with pytest.raises(FileNotFoundError):
        ft.PretokenCounts.load(tmp_path / "missing.npz")
    small().save(tmp_path / "a.json")
    with pytest.raises(TypeError, match="takes no options"):
        ft.load(tmp_path / "a.json", pretokenizer="gpt2")


def test_loading_pretoken_counts_as_a_tokenizer(tmp_path):
    path = tmp_path / "counts.npz"
    ft.PretokenCounts.from_dict({"low": 5}).save(path)
    with pytest.raises(
        ft.ModelFormatError, match="a zip archive, not a tokenizer; load pretoken counts with PretokenCou"
    ):
        ft.load(path)
