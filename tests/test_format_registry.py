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
    with pytest.raises(
        ft.ModelExportError,
        match="can only be read; .* are fasttok, huggingface, sentencepiece, .* vocab.txt$",
    ):
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
        TypeError, match="a vocab.txt, which takes the options lowercase, .*, but was given colour$"
    ):
        ft.load(path, lowercase=True, colour="red")
    with pytest.raises(ft.ModelFormatError, match="not pretokenizer; a tiktoken rank file takes these"):
        ft.load(path, pretokenizer="gpt2")


def test_an_unknown_format(tmp_path):
    with pytest.raises(
        ValueError,
        match="no format is named 'json'; the names are fasttok, huggingface, sentencepiece, .*, vocab",
    ):
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
        with pytest.raises(TypeError, match="(each item of )?allow_import must be a"):
            ft.load(path, allow_import=wrong)


@pytest.mark.parametrize("kind", range(1, 7))
def test_sentencepiece_models_are_recognized_by_their_content(tmp_path, kind):
    path = tmp_path / "sp.bin"
    for piece in ("\n", "a", "x" * 200, "x" * 1000, "x" * 7999):
        path.write_bytes(sentencepiece_file.write([(piece, -1.5, kind), ("b", -1.0, 1)]))
        assert find_format(str(path)) is FORMATS["sentencepiece"]


def test_a_vocabulary_that_begins_like_a_sentencepiece_model(tmp_path):
    path = tmp_path / "vocab.txt"
    for content in (b"\na\n[UNK]\nlow\n", b"\n\n\na\n", b"\n\n\n\n[UNK]\n"):
        path.write_bytes(content)
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


def test_options_for_a_fasttok_file(tmp_path):
    path = tmp_path / "a.json"
    small().save(path)
    with pytest.raises(TypeError, match="a fasttok file, which takes no options, but was given colour$"):
        ft.load(path, colour="red")
    message = (
        "looks like a fasttok file, which takes no options, but not pretokenizer; a tiktoken rank file takes"
    )
    with pytest.raises(ft.ModelFormatError, match=message):
        ft.load(path, pretokenizer="gpt2")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "a.tiktoken",
            'the name of a tiktoken rank file; pass format="tiktoken" to write one, or format="fast',
        ),
        ("vocab.txt", 'the name of a vocab.txt; pass format="vocab.txt"'),
        ("Merges.TXT", 'the name of the vocab.json or merges.txt of GPT-2; pass format="gpt2"'),
        ("a.bpe", "the vocab.json or merges.txt of GPT-2"),
        ("tekken.json", 'the name of a tekken.json of Mistral; pass format="fasttok" to write'),
        (
            "tokenizer.json",
            'the name of a tokenizer.json of Hugging Face; pass format="huggingface" to write one, or',
        ),
        ("a.model", 'the name of a sentencepiece model; pass format="sentencepiece" to write one, or'),
        ("a.vocab", 'the name of a .vocab of sentencepiece; pass format="sentencepiece.vocab" to write'),
        ("folder/", 'a folder, but fasttok\'s own format is one file; .*, or pass format="gpt2"'),
        ("", "a folder, but"),
    ],
)
def test_names_of_other_formats(tmp_path, name, message):
    path = os.path.join(tmp_path, name)
    with pytest.raises(ValueError, match=message):
        small().save(path)
    assert os.listdir(tmp_path) == []
    if not path.endswith("/"):
        small().save(path, format="fasttok")
        assert ft.load(path).fingerprint() == small().fingerprint()


def test_names_of_no_other_format(tmp_path):
    for name in ("x.json", "my_tokenizer.json", "vocab.txt.json", "no-suffix", "tokenizer.fasttok.json"):
        small().save(tmp_path / name)
    assert len(os.listdir(tmp_path)) == 5


def test_loading_pretoken_counts_as_a_tokenizer(tmp_path):
    path = tmp_path / "counts.npz"
    ft.PretokenCounts.from_dict({"low": 5}).save(path)
    with pytest.raises(
        ft.ModelFormatError, match="a zip archive, not a tokenizer; load pretoken counts with PretokenCou"
    ):
        ft.load(path)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("tokenizer_config.json", b"{}", "settings of a model, not a tokenizer; load the folder"),
        ("a.json", b"", "an empty file"),
        ("a.txt", b"", "an empty file"),
        ("a.json", b"\xef\xbb\xbf{}", "JSON that begins with a byte order mark"),
        ("a.json", b"[1, 2]", "not a JSON object"),
        ("a.json", b"null", "not a JSON object"),
        ("a.json", b'{"version": "1.0", "model": {"a": ', r"at column 35; the file may be cut off"),
        ("a.json", b'{"version": "1.0", "model', r"Unterminated .* at column 20; the file may be cut off"),
    ],
)
def test_files_that_are_no_tokenizers(tmp_path, name, data, message):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ft.ModelFormatError, match=message):
        ft.load(tmp_path / name)
