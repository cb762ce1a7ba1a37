"""Encoding in parts: the parts, joined, are the ids of whole documents, and memory stays bounded."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import threading

import numpy as np
import pytest

import fasttok as ft
from fasttok.counts.count import PretokenTable
from fasttok.models._cache import PretokenCache
from tests import hostile
from tests.conftest import ROOT
from tests.test_added import SPLIT_CASES
from tests.test_model_contract import CASES

TEXT = "It's the newest and the widest, naïve 東京 12345\n" * 5


def set_batch_size(monkeypatch, n_bytes):
    monkeypatch.setattr("fasttok.tokenizer.encode.BATCH_BYTES", n_bytes)


def join(parts):
    """Return the rows of the parts, joined in pure Python; check the numbers of the documents."""
    rows, continues = [], False
    for part in parts:
        assert part.ids.values.dtype == np.uint32
        assert len(part.ids)
        assert part.begins != continues
        new = part.ids.to_list()
        if continues:
            rows[-1] += new.pop(0)
            assert part.first == len(rows) - 1
        else:
            assert part.first == len(rows)
        rows += new
        continues = part.continues
    assert not continues
    return rows


def make(trainer, pretokenizer):
    counts = ft.count_pretokens(ft.Corpus.from_texts([TEXT]), pretokenizer)
    model, special, *_ = trainer.train(counts)
    return ft.Tokenizer(model, ft.get_pretokenizer(pretokenizer), special)


@pytest.fixture(params=[*CASES, *SPLIT_CASES])
def any_tok(request):
    return SPLIT_CASES[request.param] if request.param in SPLIT_CASES else make(*CASES[request.param])


def write(folder, documents):
    """Write each document to a file; return the paths in order."""
    paths = [folder / f"{i:03}.txt" for i in range(len(documents))]
    for path, document in zip(paths, documents, strict=True):
        path.write_bytes(document)
    return paths


def make_documents(seed):
    rng = np.random.default_rng(seed)
    short = [text.removeprefix(b"\xef\xbb\xbf") for text in hostile.byte_strings(30, seed=seed)]
    pieces = ["a", " ", "  ", "low ", "\u2603", "\u2603\u2603 ", "<unk>", "<s>", "<t>", "東", "\n"]
    long = ["".join(rng.choice(pieces, 120).tolist()).encode() for _ in range(4)]
    return [b"", *long, b"", *short, "\u2603 ".encode() * 60, b"low lower " * 30, b""]


@pytest.mark.parametrize("special", ["none", "all"])
def test_parts_of_every_model_are_the_ids_of_whole_documents(any_tok, special, tmp_path, monkeypatch):
    documents = make_documents(31)
    expected = [any_tok.encode(text, special=special, as_list=True) for text in documents]
    corpus = ft.Corpus.from_files(write(tmp_path, documents), format="text")
    for workers, n_bytes in [(1, 3), (3, 7), (2, 64), (2, 1 << 20)]:
        set_batch_size(monkeypatch, n_bytes)
        options = {"special": special, "workers": workers}
        assert join(list(any_tok.encode_stream(corpus, **options))) == expected  # parts are not overwritten
        assert any_tok.encode_files(corpus, **options).to_list() == expected


@pytest.mark.parametrize("is_special", [True, False])
def test_near_ties_in_short_rows_between_added_tokens(is_special, tmp_path, monkeypatch):
    rng = random.Random(36)
    scores = [0, -7.1, -3.3, -2.7, -5.9, -1.3]
    model = ft.UnigramModel(["", "2", "22", "the", " ", " the"], scores, unk_id=0, byte_fallback=False)
    added = {ft.AddedToken("<unk>", special=True): 0, ft.AddedToken("<s>", special=is_special): 9}
    tok = ft.Tokenizer(model, "o200k", added)
    parts = ["222", " the", "2222", " ", "<s>", "<s>" * is_special, "a"]
    text = "".join(rng.choices(parts, k=20_000)) + " the" * 2000
    monkeypatch.setattr("fasttok.tokenizer.encode.PART_BYTES", 5000)
    set_batch_size(monkeypatch, 5000)
    corpus = ft.Corpus.from_files(write(tmp_path, [text.encode()]))
    for special in ("none", "all", ["<s>"] if is_special else []):
        expected = tok.encode(text, special=special, as_list=True)
        assert tok.encode_with_offsets(text, special=special).ids.tolist() == expected
        assert join(tok.encode_stream(corpus, special=special)) == [expected]
        assert tok.count(text, special=special) == len(expected)
    # Short documents in parts, as a slow pipe gives them.
    plain = ft.Tokenizer(model, "o200k", {"<unk>": 0})
    set_batch_size(monkeypatch, 100)
    for i in range(10):
        short = text[i * 1000 : i * 1000 + 800]
        corpus = ft.Corpus.from_files(write(tmp_path, [short.encode()]))
        assert join(plain.encode_stream(corpus)) == [plain.encode(short, as_list=True)]


@pytest.mark.parametrize("template", ["<s> $A </s>", "$A </s> <s>", "<s> <s> $A", "$A"])
def test_the_template_is_added_where_documents_begin_and_end(tok, template, tmp_path, monkeypatch):
    tok = tok.add_tokens([ft.AddedToken("<s>", special=True), ft.AddedToken("</s>", special=True)])
    tok = tok.with_template(template)
    documents = make_documents(32)
    expected = [tok.encode(text, add_special_tokens=True, as_list=True) for text in documents]
    corpus = ft.Corpus.from_files(write(tmp_path, documents), format="text")
    for n_bytes in (3, 50, 1 << 20):
        set_batch_size(monkeypatch, n_bytes)
        assert join(tok.encode_stream(corpus, add_special_tokens=True)) == expected
        assert tok.encode_files(corpus, add_special_tokens=True).to_list() == expected


def test_documents_in_lines_records_and_texts(tok, tmp_path, monkeypatch):
    path = tmp_path / "lines.txt"
    path.write_bytes(b"low\n\nlower lowest\r\n<|end|>")
    lines = [b"low", b"", b"lower lowest", b"<|end|>"]
    expected = [tok.encode(line, special="all", as_list=True) for line in lines]
    for n_bytes in (1, 5, 1 << 20):
        set_batch_size(monkeypatch, n_bytes)
        for corpus in (ft.Corpus.from_files(path, document="line"), ft.Corpus.from_texts(lines)):
            assert join(tok.encode_stream(corpus, special="all")) == expected
    assert join(tok.encode_stream(path)) == [tok.encode(path.read_bytes(), as_list=True)]
    assert list(tok.encode_stream(ft.Corpus.from_texts([]))) == []


def test_sampling(tok, tmp_path, monkeypatch):
    documents = [b"the cat and the hat " * 20, b"", b"low lower lowest " * 20]
    corpus = ft.Corpus.from_files(write(tmp_path, documents), format="text")
    expected = tok.encode_batch(documents, sampling=ft.Dropout(0.3, 1)).to_list()
    set_batch_size(monkeypatch, 40)
    assert join(tok.encode_stream(corpus, sampling=ft.Dropout(0.3, 1))) == expected


def test_arguments_are_checked_before_the_first_part(tok, tmp_path):
    corpus = ft.Corpus.from_texts(["a"])
    with pytest.raises(ft.TemplateError, match="has no template"):
        tok.encode_stream(corpus, add_special_tokens=True)
    with pytest.raises(ValueError, match="special must be"):
        tok.encode_stream(corpus, special="some")
    with pytest.raises(ValueError, match="workers must be at least 1"):
        tok.encode_stream(corpus, workers=0)
    with pytest.raises(TypeError, match="sampling"):
        tok.encode_stream(corpus, sampling=0.1)
    with pytest.raises(FileNotFoundError):
        tok.encode_stream(tmp_path / "missing.txt")


def test_errors_name_the_document_and_end_the_threads(tok, tmp_path, monkeypatch):
    documents = [b"low " * 100, b"", b"lower " * 50 + b"<|end|>" + b" low" * 50]
    corpus = ft.Corpus.from_files(write(tmp_path, documents), format="text")
    set_batch_size(monkeypatch, 50)
    with pytest.raises(ft.SpecialTokenError) as caught:
        list(tok.encode_stream(corpus, special="raise", workers=3))
    assert (caught.value.document, caught.value.position) == (2, 300)
    parts = tok.encode_stream(corpus, workers=3)
    assert next(parts).first == 0
    parts.close()
    assert not any(thread.name.startswith("ThreadPool") for thread in threading.enumerate())
    assert tok.encode_files(corpus).to_list() == [tok.encode(text, as_list=True) for text in documents]


# Promptness. A part that did not come would make these tests wait for ever.


@pytest.mark.timeout(60)
@pytest.mark.parametrize("workers", [1, 2, 64])
def test_lines_of_a_slow_pipe_are_encoded_at_once(tok, workers):
    reading, writing = os.pipe()
    try:
        corpus = ft.Corpus.from_files(f"/dev/fd/{reading}", document="line")
        parts = tok.encode_stream(corpus, workers=workers)
        document = 0
        for text in [b"low\n", b"lower\nlowest\n", b"\n" * 3000, b"a\n", b"last, without a line end"]:
            os.write(writing, text)
            if not text.endswith(b"\n"):
                os.close(writing)
            rows = []
            while len(rows) < len(text.splitlines()):
                part = next(parts)
                assert (part.first, part.begins, part.continues) == (document, True, False)
                rows += part.ids.to_list()
                document += len(part.ids)
            assert rows == [tok.encode(line, as_list=True) for line in text.splitlines()]
        assert list(parts) == []
    finally:
        os.close(reading)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("document", ["line", "whole"])
def test_an_endless_pipe(tok, document):
    process = subprocess.Popen(["yes", "the cat"], stdout=subprocess.PIPE)  # noqa: S607
    try:
        corpus = ft.Corpus.from_files(f"/dev/fd/{process.stdout.fileno()}", document=document)
        parts = tok.encode_stream(corpus)
        ids = [i for part in itertools.islice(parts, 3) for i in part.ids.values.tolist()]
        line = tok.encode("the cat\n" if document == "whole" else "the cat", as_list=True)
        assert ids == (line * (len(ids) // len(line) + 1))[: len(ids)]
        parts.close()
    finally:
        process.kill()
        process.communicate()


# Memory

PEAK = """
import resource, sys
import fasttok as ft

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

tok = ft.train(ft.Corpus.from_texts(["the cat and the hat " * 9]), vocab_size=270, special_tokens=["<s>"])
tok = tok.with_template("<s> $A")
corpus = ft.Corpus.from_files(sys.argv[1], document=sys.argv[2])
lines = ft.Corpus.from_texts(["the cat " * 1000] * 1000)
for part in tok.encode_stream(lines, workers=2, add_special_tokens=True):
    pass  # this imports and makes what is needed once
before, n = peak(), 0
if sys.argv[3] == "stream":
    for part in tok.encode_stream(corpus, workers=2, add_special_tokens=True):
        n += len(part.ids.values)
else:
    n = len(tok.encode_files(corpus, workers=2, add_special_tokens=True).values)
print(n, peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has other units elsewhere")
@pytest.mark.parametrize("document", ["line", "whole"])
def test_memory(document, tmp_path):
    path = tmp_path / "long.txt"
    line = b"the cat and the hat and the rat, and no more of that; the cat and the hat and the rat\n"
    path.write_bytes(line * (100_000_000 // len(line)))
    peaks = {}
    for form in ("stream", "files"):
        command = [sys.executable, "-c", PEAK, str(path), document, form]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        n_ids, kilobytes = map(int, done.stdout.split())
        peaks[form] = kilobytes << 10
    assert peaks["stream"] < 40 << 20
    assert peaks["files"] < (4 * n_ids + 8 * len(path.read_bytes()) // len(line)) * 9 / 8 + (40 << 20)


def test_states_are_only_made_for_threads_with_work(tok, monkeypatch):
    made = {"caches": 0, "tables": 0}
    before = threading.active_count()

    def new_cache(limit):
        made["caches"] += 1
        return PretokenCache(limit)

    def new_table():
        made["tables"] += 1
        assert threading.active_count() <= before + 3
        return PretokenTable()

    monkeypatch.setattr("fasttok.tokenizer.encode.PretokenCache", new_cache)
    monkeypatch.setattr("fasttok.counts.count.PretokenTable", new_table)
    fresh = ft.Tokenizer(tok.model, tok.pretokenizer, tok.special_tokens)
    for n_texts, most in [(1, 1), (3, 3)]:
        texts = ["low lower"] * n_texts
        made.update(caches=0, tables=0)
        ft.count_pretokens(ft.Corpus.from_texts(texts), workers=64, batch_bytes=1)
        with monkeypatch.context() as small:
            set_batch_size(small, 1)
            ids = fresh.encode_batch(texts, workers=64).to_list()
        assert ids == [tok.encode("low lower", as_list=True)] * n_texts
        assert made["caches"] <= most
        assert 1 <= made["tables"] <= most
