"""Reading a corpus: files, compression, document rules, and errors that give the location."""

from __future__ import annotations

import bz2
import gzip
import itertools
import json
import lzma
import random
import re
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest
import zstandard

import fasttok as ft
from fasttok.corpus.documents import split_lines
from tests import hostile, oracles

LINES = ["one", "", "two two", "naïve 東京", "<|endoftext|>", "last"]


def write_jsonl(path, texts):
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def compress(path):
    data = path.read_bytes()
    made = {
        ".gz": gzip.compress(data),
        ".xz": lzma.compress(data),
        ".bz2": bz2.compress(data),
        ".lz4": pa.compress(data, "lz4", asbytes=True),
        ".zst": zstandard.ZstdCompressor().compress(data[:7]) + zstandard.ZstdCompressor().compress(data[7:]),
    }
    paths = []
    for suffix, content in made.items():
        paths.append(path.with_name(path.name + suffix))
        paths[-1].write_bytes(content)
    return paths


def test_documents_of_text_and_jsonl_files(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"first\r\nfile\xff\n")
    write_jsonl(tmp_path / "b.jsonl", LINES)
    (tmp_path / "c.txt").write_bytes(b"")
    expected = [b"first\r\nfile\xff\n", *[line.encode() for line in LINES], b""]
    for paths in (tmp_path, str(tmp_path / "*"), [tmp_path / "a.txt", str(tmp_path / "[b-c].*")]):
        corpus = ft.Corpus.from_files(paths)
        assert list(corpus) == expected
        assert list(corpus) == expected  # read a second time


def test_compressed_files_read_the_same(tmp_path):
    plain = tmp_path / "a.txt"
    plain.write_text("some text, more text\n" * 3000)
    records = write_jsonl(tmp_path / "b.jsonl", LINES)
    for path in [plain, records]:
        for packed in compress(path):
            assert list(ft.Corpus.from_files(packed)) == list(ft.Corpus.from_files(path)), packed


def test_folder_is_expanded_to_its_text_files_in_order(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("z.txt", "sub/b.ndjson", "a.txt.gz", "notes.md"):
        path = tmp_path / name
        path.write_bytes(
            gzip.compress(b"a") if name.endswith("gz") else b'{"text": "b"}' if "json" in name else b"z"
        )
    assert list(ft.Corpus.from_files(tmp_path)) == [b"a", b"b", b"z"]
    assert list(ft.Corpus.from_files(tmp_path / "notes.md")) == [b"z"]  # a file given by name has any suffix


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"document": "line"}, ["a", "b", "", "", "c", " \t", "d"]),
        ({"document": "paragraph"}, ["a\r\nb", "c", "d"]),
        ({"separator": "b\n"}, ["a\r\n", "\n\nc\n \t\nd\n"]),
        ({"separator": b"\n"}, ["a\r", "b", "", "", "c", " \t", "d"]),
        ({"separator": "zz"}, ["a\r\nb\n\n\nc\n \t\nd\n"]),
    ],
)
@pytest.mark.parametrize("batch_bytes", [1, 2, 3, 7, 1000])
def test_document_rules(tmp_path, options, expected, batch_bytes):
    text = "a\r\nb\n\n\nc\n \t\nd\n"
    if options.get("document") == "paragraph":
        text, expected = text + "\n \n\t e\n\n \r\n\n", [*expected, "\t e"]
    (tmp_path / "a.txt").write_text(text, newline="")
    write_jsonl(tmp_path / "b.jsonl", [text])
    for name in ("a.txt", "b.jsonl"):
        corpus = ft.Corpus.from_files(tmp_path / name, **options)
        rows = [
            row for batch in corpus.batches(batch_bytes=batch_bytes) for row in batch.documents.to_bytes()
        ]
        assert rows == [row.encode() for row in expected]


def test_lines_agree_with_str_split(tmp_path):
    for i, given in enumerate(hostile.texts(200, seed=6)):
        text = given.replace("\r", "")
        corpus = ft.Corpus.from_texts([text], document="line")
        expected = text.split("\n")
        assert [d.decode() for d in corpus] == expected[: len(expected) - (expected[-1] == "")], i


def test_batches_split_a_long_document_where_the_pretokenizer_allows(tmp_path):
    path = tmp_path / "long.txt"
    path.write_bytes("naïve words\r\n and 東京 more\n\n".encode() * 400)
    pretokenizer = ft.get_pretokenizer("gpt2")
    for size in (1, 17, 64, 1000, 10**6):
        batches = list(ft.Corpus.from_files(path).batches(pretokenizer, size))
        assert b"".join(batch.documents.values.tobytes() for batch in batches) == path.read_bytes()
        assert [batch.continues for batch in batches] == [True] * (len(batches) - 1) + [False]
        parts = [p for b in batches for p in pretokenizer.split_text(b.documents.values.tobytes())]
        assert parts == pretokenizer.split_text(path.read_bytes())
    assert len(list(ft.Corpus.from_files(path).batches(None, 64))) == 1  # not split without a pretokenizer


@pytest.mark.parametrize(
    ("n_bytes", "n_batches"),
    [(0, 1), (1, 1), (999, 1), (1000, 2), (1001, 2), (1999, 2), (2000, 3), (2500, 3)],
)
@pytest.mark.parametrize("form", ["plain", "gzip", "utf-16"])
def test_the_end_of_a_file_is_not_a_batch_of_its_own(tmp_path, n_bytes, n_batches, form):
    # A chunk that is known to be the last is not cut: what follows a cut would be less than a line.
    path, text = tmp_path / "a", (b"some words\n" * n_bytes)[:n_bytes]
    data = {"plain": text, "gzip": gzip.compress(text), "utf-16": text.decode().encode("utf-16")}
    path.write_bytes(data[form])
    batches = list(ft.Corpus.from_files(path, format="text").batches(ft.get_pretokenizer("gpt2"), 1000))
    assert b"".join(batch.documents.values.tobytes() for batch in batches) == text
    assert len(batches) == n_batches


def test_the_batch_of_a_small_file_takes_little_memory(tmp_path):
    (tmp_path / "a.txt").write_text("some words")
    (batch,) = ft.Corpus.from_files(tmp_path / "a.txt").batches()
    values = batch.documents.values
    assert values.base is None or values.base.nbytes < 1000


def test_fingerprint_depends_on_documents_not_on_files(tmp_path):
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    (tmp_path / "b.txt").write_text("one\ntwo\n")
    write_jsonl(tmp_path / "c.jsonl", ["one", "two"])
    lines = [ft.Corpus.from_files(tmp_path / name, document="line") for name in ("a.txt", "b.txt", "c.jsonl")]
    texts = ft.Corpus.from_texts(["one", b"two"])
    assert len({corpus.fingerprint() for corpus in [*lines, texts]}) == 1
    assert ft.Corpus.from_texts(["onetwo"]).fingerprint() != texts.fingerprint()
    assert ft.Corpus.from_files(tmp_path / "a.txt").fingerprint() != texts.fingerprint()


def test_second_reading_of_an_iterator_is_an_error():
    corpus = ft.Corpus.from_texts(iter(["a", "b"]))
    assert list(corpus) == [b"a", b"b"]
    with pytest.raises(ft.CorpusError, match="used up; pass a list, or a function"):
        list(corpus)
    again = ft.Corpus.from_texts(lambda: (text for text in ["a", "b"]))
    assert list(again) == list(again) == [b"a", b"b"]


@pytest.mark.parametrize("fraction", [0, 0.001, 0.1, 0.2, 0.5, Fraction(1, 3), 1])
@pytest.mark.parametrize("seed", [0, 1, (1 << 64) - 1])
def test_sample_depends_only_on_seed_and_index(fraction, seed):
    texts = [b"%d" % i for i in range(2000)]
    expected = [t for i, t in enumerate(texts) if oracles.is_sampled(i, Fraction(fraction), seed)]
    for corpus in (
        ft.Corpus.from_texts(texts),
        ft.Corpus.from_texts([b"\n".join(texts)], document="line"),
    ):
        sample = corpus.sample(fraction, seed=seed)
        assert list(sample) == expected
        assert sample.document_rule == corpus.document_rule
        batches = list(sample.batches(batch_bytes=500))
        assert [row for batch in batches for row in batch.documents.to_bytes()] == expected
        starts = [0, *itertools.accumulate(len(batch.documents) for batch in batches)]
        assert [batch.first for batch in batches] == starts[:-1]  # renumbered from 0
    assert abs(len(expected) / len(texts) - fraction) < 0.05


def test_smaller_sample_is_a_subset_and_seeds_are_independent():
    corpus = ft.Corpus.from_texts([b"%d" % i for i in range(3000)])
    samples = [set(corpus.sample(f / 20, seed=5)) for f in range(21)]
    assert all(small < large for small, large in itertools.pairwise(samples))
    other = set(corpus.sample(0.5, seed=6))
    assert 600 < len(samples[10] & other) < 900  # two independent halves: about 750
    twice = corpus.sample(0.5, seed=5).sample(0.5, seed=6)
    assert 600 < len(set(twice)) < 900
    assert set(twice) < samples[10]


def test_sample_opens_only_the_files_it_keeps(tmp_path):
    n = 40
    for i in range(n):
        (tmp_path / f"{i:02}.txt").write_text(f"file {i}\n" * 200)
    corpus = ft.Corpus.from_files(tmp_path).sample(0.4, seed=7)
    kept = [i for i in range(n) if oracles.is_sampled(i, Fraction(0.4), 7)]
    for i in set(range(n)) - set(kept):
        (tmp_path / f"{i:02}.txt").unlink()
    assert list(corpus) == [f"file {i}\n".encode() * 200 for i in kept]
    batches = list(corpus.batches(ft.get_pretokenizer("gpt2"), 64))  # many batches per file
    assert [batch.first for batch in batches if not batch.continues] == list(range(len(kept)))
    made = {
        ft.count_pretokens(corpus, workers=w, batch_bytes=b).fingerprint()
        for w, b in [(1, 64), (2, 1000), (3, 1 << 22)]
    }
    assert len(made) == 1


def test_invalid_arguments_of_sample():
    corpus = ft.Corpus.from_texts(["a"])
    for fraction in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="fraction must be (from 0 to 1|a finite number), not"):
            corpus.sample(fraction, seed=1)
    for seed in (-1, 1 << 64, 0.5, True, None):
        with pytest.raises((TypeError, ValueError), match="seed must be an integer from 0 to"):
            corpus.sample(0.5, seed=seed)
    for fraction in (None, "0.5", True, [0.5]):
        with pytest.raises(TypeError, match="fraction must be a number"):
            corpus.sample(fraction, seed=1)
    numpy = corpus.sample(np.float32(0.5), seed=np.int64(1))
    assert list(numpy) == list(corpus.sample(0.5, seed=1))


def test_exception_in_the_iterator_is_passed_on():
    def texts():
        yield "a"
        raise KeyError("from the caller")

    with pytest.raises(KeyError, match="from the caller"):
        ft.count_pretokens(ft.Corpus.from_texts(texts), workers=2, batch_bytes=1)


# Invalid input


@pytest.mark.parametrize("name", ["missing.txt", "missing/*.txt", "empty"])
def test_missing_files(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError) as error:
        ft.Corpus.from_files(tmp_path / name)
    assert error.value.filename == str(tmp_path / name)


def test_unreadable_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("x")
    corpus = ft.Corpus.from_files(path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=re.escape(str(path))):
        ft.count_pretokens(corpus)
    path.mkdir()
    with pytest.raises(IsADirectoryError, match=re.escape(str(path))):
        ft.count_pretokens(corpus)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{not json}", "not a line of JSON"),
        (b'"text"', "a line must be a JSON object, not str"),
        (b'{"body": "x"}', "no field 'text' .the fields are: 'body'"),
        (b'{"text": 3}', "field 'text' must be a string, not int"),
        (b'{"text": "a\\ud800"}', r"field 'text': lone surrogate U\+D800 at position 1"),
        (b'{"text": "\xff"}', "not a line of JSON"),
        (b"[" * 100_000, "not a line of JSON"),
    ],
)
def test_errors_in_records_name_file_and_line(tmp_path, line, message):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b'{"text": "fine"}\n\n' + line + b"\n")
    with pytest.raises(ft.CorpusError, match=message) as error:
        list(ft.Corpus.from_files(path))
    assert (error.value.path, error.value.line) == (str(path), 3)
    assert str(error.value).startswith(f"{path}:3: ")


def test_damaged_compressed_files(tmp_path):
    plain = tmp_path / "a.txt"
    plain.write_bytes(bytes(range(1, 256)) * 200)
    for packed in compress(plain):
        data = packed.read_bytes()
        half = len(data) // 2
        for damaged in (data[:half], data[:-1], data[:half] + b"?" + data[half:]):
            packed.write_bytes(damaged)
            with pytest.raises(ft.CorpusError, match="damaged or truncated .* file .*; copy") as error:
                list(ft.Corpus.from_files(packed))
            assert error.value.path == str(packed)


def test_most_bytes_is_an_upper_limit(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"x" * 1000)
    records = write_jsonl(tmp_path / "b.jsonl", LINES)
    (tmp_path / "c.txt.gz").write_bytes(gzip.compress(b"x" * 500))
    assert ft.Corpus.from_files(tmp_path).most_bytes() == 1000 + records.stat().st_size
    assert ft.Corpus.from_texts(["text"]).most_bytes() == 0


def test_no_files():
    with pytest.raises(ValueError, match="no paths were given"):
        ft.Corpus.from_files([])


def test_lone_surrogates():
    texts = ["fine", "ab\ud800c"]
    with pytest.raises(ft.TextError, match="U.D800 at position 2 of document 1") as error:
        list(ft.Corpus.from_texts(texts))
    assert (error.value.position, error.value.document) == (2, 1)
    assert list(ft.Corpus.from_texts(texts, errors="replace"))[1] == "ab\ufffdc".encode()
    assert list(ft.Corpus.from_texts(texts, errors="surrogatepass"))[1] == b"ab\xed\xa0\x80c"


def test_invalid_arguments():
    with pytest.raises(TypeError, match="not one text"):
        ft.Corpus.from_texts("one text")
    with pytest.raises(TypeError, match="must be an iterable of texts, not int"):
        ft.Corpus.from_texts(1)
    with pytest.raises(TypeError, match="must be str or bytes, not int"):
        list(ft.Corpus.from_texts([1]))
    with pytest.raises(ValueError, match="document or separator, not both"):
        ft.Corpus.from_texts([], document="line", separator="x")
    with pytest.raises(ValueError, match="separator must not be empty"):
        ft.Corpus.from_texts([], separator="")
    with pytest.raises(ValueError, match='document must be "whole"'):
        ft.Corpus.from_texts([], document="page")
    with pytest.raises(ValueError, match='errors must be "strict"'):
        list(ft.Corpus.from_texts(["a"], errors="ignore"))
    with pytest.raises(ValueError, match="batch_bytes must be at least 1"):
        list(ft.Corpus.from_texts(["a"]).batches(batch_bytes=0))


def test_lines_of_a_stream_do_not_depend_on_chunks():
    rng = random.Random(5)
    for _ in range(2000):
        data = bytes(rng.choices(b"\r\na", (2, 2, 3), k=rng.randint(0, 12)))
        cuts = sorted(rng.choices(range(len(data) + 1), k=rng.randint(0, 5)))
        chunks = [data[a:b] for a, b in itertools.pairwise([0, *cuts, len(data)])]
        *expected, last = re.split(rb"\r?\n", data)
        blocks = split_lines(np.frombuffer(chunk, np.uint8) for chunk in chunks)
        found = [line for block in blocks for line in block.to_bytes()]
        assert found == expected + ([last] if last else []), (data, chunks)
