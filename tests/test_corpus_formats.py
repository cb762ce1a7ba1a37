"""Formats of a corpus: which one a file has, its text, its encoding and compression, and what is refused."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import itertools
import json
import lzma
import os
import pickle
import random
import subprocess
import sys
import tarfile
import threading
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from pyarrow import feather

import fasttok as ft
from fasttok.corpus import compression, content, records
from fasttok.experiment.run.corpora import open_corpus
from tests import hostile

TEXTS = ["one", "", "two\ntwo", 'a "quoted", text', "naïve 東京", " \t", "C:\\x\r\n", "last"]
BYTES = [text.encode() for text in TEXTS]
COMPRESS = {
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
    ".zst": lambda data: zstandard.ZstdCompressor().compress(data),
    ".lz4": lambda data: pa.compress(data, "lz4", asbytes=True),
}


def write_json_lines(texts):
    return "".join(json.dumps({"id": i, "text": text}) + "\n" for i, text in enumerate(texts)).encode()


def write_delimited(delimiter):
    def write(texts):
        file = io.StringIO(newline="")
        writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerows([["id", "text"], *enumerate(texts)])
        return file.getvalue().encode()

    return write


def write_arrow(make):
    def write(texts):
        sink = io.BytesIO()
        table = pa.table({"id": range(len(texts)), "text": pa.array(texts, pa.string())})
        with make(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=3)
        return sink.getvalue()

    return write


def write_parquet(texts):
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": pa.array(texts, pa.string())}), sink)
    return sink.getvalue()


# Functions that write texts in a format, with the suffix and the format of the file.
WRITERS = {
    "JSON lines": (".jsonl", "jsonl", write_json_lines),
    "JSON lines in .ndjson": (".ndjson", "jsonl", write_json_lines),
    "JSON lines in .jsonlines": (".jsonlines", "jsonl", write_json_lines),
    "JSON lines in .json": (".json", "json", write_json_lines),
    "array": (".json", "json", lambda texts: json.dumps([{"text": text} for text in texts]).encode()),
    "indented array": (
        ".json",
        "json",
        lambda texts: json.dumps([{"text": text, "n": [1, {}]} for text in texts], indent=2).encode(),
    ),
    "indented objects": (
        ".json",
        "json",
        lambda texts: "\n\n".join(json.dumps({"text": text}, indent=1) for text in texts).encode(),
    ),
    "CSV": (".csv", "csv", write_delimited(",")),
    "TSV": (".tsv", "tsv", write_delimited("\t")),
    "Parquet": (".parquet", "parquet", write_parquet),
    "Arrow file": (".arrow", "arrow", write_arrow(pa.ipc.new_file)),
    "Arrow stream": (".arrow", "arrow", write_arrow(pa.ipc.new_stream)),
}
TEXT_WRITERS = {name: WRITERS[name] for name in WRITERS if WRITERS[name][1] not in ("parquet", "arrow")}


def write(path, data):
    path.write_bytes(data)
    return path


def read(path, **options):
    return list(ft.Corpus.from_files(path, **options))


# Formats


@pytest.mark.parametrize("name", WRITERS)
def test_each_format_by_suffix_and_by_name(tmp_path, name):
    suffix, format, make = WRITERS[name]
    path = write(tmp_path / f"a{suffix}", make(TEXTS))
    corpus = ft.Corpus.from_files(path)
    assert list(corpus) == list(corpus) == BYTES
    assert read(path, format=format) == BYTES
    assert read(write(tmp_path / "b.data", make(TEXTS)), format=format) == BYTES
    assert read(write(tmp_path / f"C{suffix.upper()}", make(TEXTS))) == BYTES
    for rule in ({"document": "line"}, {"separator": "two"}):
        assert read(path, **rule) == list(ft.Corpus.from_texts(TEXTS, **rule))


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "Parquet"])
@pytest.mark.parametrize("suffix", COMPRESS)
def test_each_format_compressed(tmp_path, name, suffix):
    inner, format, make = WRITERS[name]
    data = COMPRESS[suffix](make(TEXTS))
    assert read(write(tmp_path / f"a{inner}{suffix}", data)) == BYTES
    assert read(write(tmp_path / f"b{inner}", data)) == BYTES  # the name does not say that it is compressed
    assert read(write(tmp_path / "c", data), format=format) == BYTES


def test_compressed_parquet_is_refused(tmp_path):
    path = write(tmp_path / "a.parquet.gz", gzip.compress(write_parquet(TEXTS)))
    with pytest.raises(ft.CorpusError, match="compressed as a whole.*decompress"):
        ft.Corpus.from_files(path)


@pytest.mark.parametrize("name", TEXT_WRITERS)
@pytest.mark.parametrize("chunk", [1, 2, 7, 50])
def test_records_do_not_depend_on_chunks(monkeypatch, tmp_path, name, chunk):
    monkeypatch.setattr("fasttok.corpus.formats.RECORD_BYTES", chunk)
    suffix, _, make = TEXT_WRITERS[name]
    assert read(write(tmp_path / f"a{suffix}", make(TEXTS))) == BYTES


@pytest.mark.parametrize("name", WRITERS)
def test_random_texts_in_each_format(tmp_path, name):
    suffix, _, make = WRITERS[name]
    texts = [text for text in hostile.texts(400, seed=11) if "\0" not in text]
    path = write(tmp_path / f"a{suffix}", make(texts))
    assert read(path) == [text.encode() for text in texts]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b" \n", []),
        (b"[]", []),
        (b" [ ] \n", []),
        (b'{"text": "a"}', [b"a"]),
        (b'\xef\xbb\xbf[{"text": "a"} , {"text":"b"}]\n', [b"a", b"b"]),
        (b'{"text": "a"} {"text": "b"}{"text":"c"}', [b"a", b"b", b"c"]),
        (b'[{"text": "]"}, {"text": "\\"}, {\\""}]', [b"]", b'"}, {"']),
    ],
)
def test_shapes_of_json(tmp_path, data, expected):
    assert read(write(tmp_path / "a.json", data)) == expected


@pytest.mark.parametrize(
    ("data", "place", "message"),
    [
        (b'[{"text": "a"}\n{"text": "b"}]', ":2: ", "expected , or ]"),
        (b'[{"text": "a"},\n]', ":2: ", "not JSON .Expecting value"),
        (b'[{"text": "a"}', ":1: ", "expected , or ]"),
        (b'[{"text": "a"}]\n[]', ":2: ", "expected the end of the file"),
        (b'[{"text": "a"},\n["b"]]', ":2: row 1: ", "must be a JSON object, not list"),
        (b'[{"text": "a"},\n {"text": "b', ":2: ", "not JSON .Unterminated string"),
        (b'[{"text": "a"},\n {"text": "b\n', ":2: ", "not JSON .Invalid control character"),
        (b'[{"text": "a"},\n {"text": 5}]', ":2: row 1: ", "field 'text' must be a string, not int"),
        (b'[{"text": "a"},\n {"text": "\xff"}]', ": ", "byte 27 is not UTF-8"),
        (b"{]", ":1: ", "not JSON"),
        (b"plain text", ":1: ", "not JSON"),
        (b"[" * 100_000, ":1: ", "not JSON"),
        (b'{"data": [{"text": "a"}]}', ":1: row 0: ", "no field 'text' .the fields are: 'data'."),
    ],
)
def test_errors_in_json(tmp_path, data, place, message):
    path = write(tmp_path / "a.json", data)
    with pytest.raises(ft.CorpusError, match=message) as error:
        read(path)
    assert str(error.value).startswith(f"{path}{place}")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("text\na\nb", ["a", "b"]),
        ("text\r\na\r\n\r\nb\r\n", ["a", "b"]),
        ('"id","text"\n1,"a\r\nb"\r\n2,""\n3,"""x"""\n', ["a\r\nb", "", '"x"']),
        ('text,id\n5" disk,1\na "b" c,2\n', ['5" disk', 'a "b" c']),
        ('\ufefftext,x\n"a,\n\n,b",\n', ["a,\n\n,b"]),
        ('id,text\n1,"a""\n""b"\n2,c', ['a"\n"b', "c"]),
        ("text\n", []),
        ('"te""xt",text\n,a\n', ["a"]),
    ],
)
def test_shapes_of_csv(tmp_path, data, expected):
    path = write(tmp_path / "a.csv", data.encode())
    assert read(path) == [text.encode() for text in expected]
    assert read(write(tmp_path / "a.tsv", data.replace(",", "\t").encode())) == [
        text.replace(",", "\t").encode() for text in expected
    ]


def test_csv_agrees_with_the_writer_of_python(tmp_path):
    rng = random.Random(3)
    for quoting in (csv.QUOTE_ALL, csv.QUOTE_MINIMAL) * 150:
        texts = ["".join(rng.choices('a",\n\r é', k=rng.randint(0, 6))) for _ in range(6)] + ["end"]
        file = io.StringIO(newline="")
        csv.writer(file, quoting=quoting).writerows([["a", "text"], *zip(texts[::-1], texts, strict=True)])
        path = write(tmp_path / "a.csv", file.getvalue().encode())
        expected = [text.encode() for text in texts if text or quoting == csv.QUOTE_ALL]
        assert read(path, nulls="skip") == expected  # without quotes, nothing is null


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        ("id,body\n1,a\n", 1, "no column 'text' .the columns are: 'id', 'body'."),
        ("id;text\n1;a\n", 1, "no column 'text' .*separated by commas"),
        ("", 1, "no column 'text' .the columns are: none"),
        ("text,text\na,b\n", 1, "2 columns are named 'text'"),
        ("id,text\n1,a\n\n2\n", 4, "1 fields, but the first line names 2 columns"),
        ("id,text\n1,a,b\n", 2, "3 fields, but the first line names 2 columns"),
        ('id,text\n1,"a\nb" c\n', 3, "text after the closing quote of field 2"),
        ('id,text\n1,a\n2,"b\nc\nd', 3, "quote of field 2 of this row is never closed"),
        ("id,text\n1,a\n2,\n", 3, 'column .text. is null; pass nulls="skip"'),
        ("text,id\ra,1\rb,2\r", 1, "carriage returns separate the lines"),
        ("text\ra\rb", 1, "carriage returns separate the lines"),
        ("id\ttext\n1\ta\n", 1, 'separated by commas, or pass format="tsv"'),
    ],
)
def test_errors_in_csv_name_the_line(tmp_path, data, line, message):
    path = write(tmp_path / "a.csv", data.encode())
    with pytest.raises(ft.CorpusError, match=message) as error:
        read(path)
    assert (error.value.path, error.value.line) == (str(path), line)


def test_records_that_are_too_long_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "MOST_RECORD", 10_000)
    monkeypatch.setattr("fasttok.corpus.formats.RECORD_BYTES", 1000)
    for name, data in {"a.csv": b'text\n"' + b"x\n" * 10**5, "a.json": b'[{"text": "' + b"x" * 10**5}.items():
        with pytest.raises(ft.CorpusError, match="never closed|more than 10,000 characters"):
            read(write(tmp_path / name, data))


# Fields


def write_nested(folder):
    rows = [
        {"title": "A", "meta": {"text": "one", "en": {"x.y": "x"}}, "meta.en": "dotted"},
        {"title": "B", "meta": {"text": "two", "en": {"x.y": "z"}}, "meta.en": "dots"},
    ]
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "a.json").write_text(json.dumps(rows))
    pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet")
    feather.write_feather(pa.Table.from_pylist(rows), folder / "a.feather")
    return rows


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("title", ["A", "B"]),
        ("meta.text", ["one", "two"]),
        ("meta.en", ["dotted", "dots"]),  # an exact name wins
        ("meta.en.x.y", ["x", "z"]),
        ("{title}\n\n{meta.text}", ["A\n\none", "B\n\ntwo"]),
        ("{{{title}}} {title}", ["{A} A", "{B} B"]),
        ("{meta.en.x.y}{meta.en}", ["xdotted", "zdots"]),
    ],
)
def test_paths_and_templates(tmp_path, field, expected):
    rows = write_nested(tmp_path)
    expected = [text.encode() for text in expected]
    for name in ("a.jsonl", "a.json", "a.parquet", "a.feather"):
        assert read(tmp_path / name, field=field) == expected, name
    assert list(ft.Corpus.from_table(rows, field)) == expected
    assert list(ft.Corpus.from_table(pa.Table.from_pylist(rows), field)) == expected
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    assert list(ft.Corpus.from_table(columns, field)) == expected


def test_fields_that_do_not_exist(tmp_path):
    rows = write_nested(tmp_path)
    for field, message in {
        "meta.body": "no (field|column) '(meta.)?body' .the .*s are: ",
        "{title}{x}": "no (field|column) 'x'",
        "meta.text.more": "(field|column) 'meta.text' must be|no (field|column)",
        "meta": "(field|column) 'meta' must be",
    }.items():
        for name in ("a.jsonl", "a.json", "a.parquet", "a.feather"):
            with pytest.raises(ft.CorpusError, match=message):
                read(tmp_path / name, field=field)
        with pytest.raises(ft.CorpusError, match=message):
            list(ft.Corpus.from_table(rows, field))


def test_columns_of_a_table_with_a_template(tmp_path):
    path = write(tmp_path / "a.csv", b'id,title,text\n1,"A, B",one\n2,C,two\n')
    assert read(path, field="{title}: {text}") == [b"A, B: one", b"C: two"]


@pytest.mark.parametrize("field", ["{", "}", "a{b", "{}", "{{}}", "{a}}", "", "a\ud800"])
def test_invalid_fields(field):
    with pytest.raises(ValueError, match="field"):
        ft.Corpus.from_files("missing", field=field)
    with pytest.raises(ValueError, match="column"):
        ft.Corpus.from_table([], field)


# Rows without text


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "parquet", "arrow", "table", "records", "pandas"])
def test_rows_without_text(tmp_path, kind):
    pandas = pytest.importorskip("pandas")

    def corpus(texts, nulls):
        rows = [{"id": i, "text": text} for i, text in enumerate(texts)]
        table = pa.table({"text": pa.array(texts, pa.string())})
        if kind == "table":
            return ft.Corpus.from_table(table, nulls=nulls)
        if kind == "records":
            some = [row if row["text"] is not None else {"text": float("nan")} for row in rows]
            return ft.Corpus.from_table(some, nulls=nulls)
        if kind == "pandas":
            return ft.Corpus.from_table(pandas.DataFrame(rows), nulls=nulls)
        path = tmp_path / f"a.{kind}"
        if kind == "jsonl":
            some = [row if row["text"] is not None else {"id": 1} for row in rows]
            path.write_text("".join(json.dumps(row) + "\n" for row in some))
        elif kind == "json":
            some = [row if row["text"] is not None else {"text": float("nan")} for row in rows]
            path.write_text(json.dumps(some))
        elif kind == "csv":
            path.write_text("".join(f"{i},{text or ''}\n" for i, text in [("id", "text"), *enumerate(texts)]))
        elif kind == "parquet":
            pq.write_table(table, path)
        else:
            feather.write_feather(table, path)
        return ft.Corpus.from_files(path, nulls=nulls)

    with pytest.raises(ft.CorpusError, match='(is null|no field .*); pass .*nulls="skip"') as error:
        list(corpus(["a", None, "b"], "raise"))
    assert error.value.row == 1 or error.value.line in (2, 3)
    skipping = corpus(["a", None, "b", None, None], "skip")
    for _ in range(2):
        assert list(skipping) == [b"a", b"b"]
        assert skipping.skipped_rows == 3
        assert list(skipping.skipped.values()) == ["3 records without text"] * len(skipping.files)
    assert corpus(["a"], "skip").skipped_rows == 0
    with pytest.raises(ft.CorpusError, match="no text in any of 2 rows"):
        list(corpus([None, None], "skip"))


@pytest.mark.parametrize("suffix", [".jsonl", ".json"])
def test_null_records_are_rows_without_text(tmp_path, suffix):
    path = write(tmp_path / f"a{suffix}", WRITERS["JSON lines"][2](["a"]) + b"null\n" + b'{"text": "b"}\n')
    with pytest.raises(ft.CorpusError, match='a.json.?:2: .*the record is null; pass nulls="skip"'):
        read(path)
    assert read(path, nulls="skip") == [b"a", b"b"]
    for field in ("text", "{text}"):
        corpus = ft.Corpus.from_table([{"text": "a"}, None], field, nulls="skip")
        assert (list(corpus), corpus.skipped_rows) == ([b"a"], 1)


def test_a_sample_counts_skipped_rows(tmp_path):
    path = write(tmp_path / "a.jsonl", b'{"text": "a"}\n{"text": null}\n{"text": "b"}\n')
    sample = ft.Corpus.from_files(path, nulls="skip").sample(1, seed=0)
    assert (list(sample), sample.skipped_rows, sample.files) == ([b"a", b"b"], 1, (str(path),))


def test_values_of_another_type_are_not_skipped(tmp_path):
    path = write(tmp_path / "a.jsonl", b'{"text": "a"}\n{"text": ["b"]}\n')
    with pytest.raises(ft.CorpusError, match="a.jsonl:2: field 'text' must be a string, not list"):
        read(path, nulls="skip")


# Options without effect


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "text", "field": "text"}, "field has no effect on plain text"),
        ({"format": "text", "nulls": "skip"}, "nulls has no effect on plain text"),
        ({"format": "parquet", "encoding": "utf-8"}, "encoding has no effect on parquet"),
        ({"format": "arrow", "encoding": "utf-8"}, "encoding has no effect on arrow"),
        ({"format": "jsonlines"}, 'format must be .* did you mean "jsonl"'),
        ({"format": None}, "format must be"),
        ({"nulls": "drop"}, "nulls must be"),
        ({"nulls": True}, "nulls must be"),
        ({"errors": "ignore"}, "errors must be"),
        ({"encoding": "utf-99"}, "encoding: unknown encoding: utf-99"),
        ({"encoding": "base64"}, "encoding 'base64' is not an encoding of text files"),
        ({"encoding": "idna"}, "encoding 'idna' is not an encoding of text files"),
        ({"encoding": ""}, "encoding"),
        ({"separator": 5}, "separator must be"),
        ({"document": "line", "separator": "x"}, "document or separator, not both"),
        ({"document": "page"}, "document must be"),
    ],
)
def test_options_are_checked_before_anything_is_read(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        ft.Corpus.from_files("missing.txt", **options)


def test_options_without_effect_on_any_of_the_files(tmp_path):
    text = write(tmp_path / "a.txt", b"text")
    jsonl = write(tmp_path / "b.jsonl", b'{"body": "record"}')
    parquet = write(tmp_path / "c.parquet", write_parquet(["column"]))
    for options in ({"field": "body"}, {"nulls": "skip"}):
        with pytest.raises(ValueError, match="has no effect on plain text"):
            ft.Corpus.from_files(text, **options)
    assert read([text, jsonl], field="body") == [b"text", b"record"]
    with pytest.raises(ValueError, match="encoding has no effect on parquet files"):
        ft.Corpus.from_files(parquet, encoding="utf-8")
    assert read([text, parquet], encoding="utf-8") == [b"text", b"column"]
    with pytest.raises(TypeError, match="encoding must be a str"):
        ft.Corpus.from_files(text, encoding=8)
    with pytest.raises(TypeError, match="field must be a str"):
        ft.Corpus.from_files(jsonl, field=["body"])


# Encodings


ENCODINGS = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8", "utf-8-sig", "utf-7", "gb18030"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 1 << 20])
def test_encodings(tmp_path, monkeypatch, encoding, size):
    monkeypatch.setattr("fasttok.corpus.streams.DECODED_BYTES", size)
    text = "one, naïve 東京 😀\r\nlast"
    for name in ("a.txt", "a.txt.gz"):
        data = text.encode(encoding)
        path = write(tmp_path / name, gzip.compress(data) if name.endswith("gz") else data)
        assert read(path, encoding=encoding) == [text.encode()]
        assert read(path, encoding=encoding.upper().replace("-", "_"), document="line") == [
            line.encode() for line in text.split("\r\n")
        ]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "koi8-r", "shift_jis", "iso2022_jp", "cp437"])
def test_encodings_of_one_script(tmp_path, encoding):
    text = {"koi8-r": "мир", "shift_jis": "東京アイウ", "iso2022_jp": "abc 東京 abc"}.get(encoding, "café")
    assert read(write(tmp_path / "a.txt", text.encode(encoding) * 3), encoding=encoding) == [
        text.encode() * 3
    ]


@pytest.mark.parametrize("name", TEXT_WRITERS)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig", "utf-16-be"])
def test_encodings_of_records(tmp_path, name, encoding):
    suffix, _, make = TEXT_WRITERS[name]
    data = make(TEXTS).decode().encode(encoding)
    path = write(tmp_path / f"a{suffix}", data)
    assert read(path, encoding=encoding) == BYTES
    if encoding != "utf-16-be":  # the others have a byte order mark
        assert read(path) == BYTES


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_byte_order_marks_are_removed(tmp_path, codec):
    path = write(tmp_path / "a.txt", "\ufeffab\ufeff\n東".encode(codec))
    expected = ["ab\ufeff\n東".encode()]
    assert read(path) == read(path, format="text") == read(path, encoding=codec) == expected
    general = {"utf-8": "utf-8-sig"}.get(codec, codec[:6])
    assert read(path, encoding=general) == expected
    assert read(path, document="line") == expected[0].split(b"\n")
    for other in ("latin-1", "utf-16-le", "utf-16-be", "utf-8"):
        if other[:6] != codec[:6] or other not in (codec, general):
            with pytest.raises(ft.CorpusError, match=f"byte order mark is that of {codec}, not of"):
                read(path, encoding=other)
    assert read(write(tmp_path / "b.txt", codecs.BOM_UTF8)) == [b""]
    assert ft.Corpus.from_files(path).most_bytes() == (path.stat().st_size if codec == "utf-8" else 0)


@pytest.mark.parametrize(
    ("data", "encoding", "message"),
    [
        (b"abc\xffd", "utf-8", "byte 3: ff is not utf-8 .invalid start byte"),
        (b"abc\xe6\x9d", "utf-8", "byte 3: e6 9d is not utf-8 .unexpected end"),
        (b"caf\xe9", "ascii", "byte 3: e9 is not ascii"),
        (b"a\0b\0c", "utf-16-le", "byte 4: 63 is not utf-16-le"),
        (b"a\0\0\xd8b\0", "utf-16-le", "byte 2: 00 d8 is not utf-16-le"),
        (b"\xff\xfea\0b", None, "byte 4: 62 is not utf-16-le"),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 1 << 20])
def test_errors_of_encodings_give_the_offset(tmp_path, monkeypatch, data, encoding, message, size):
    monkeypatch.setattr("fasttok.corpus.streams.DECODED_BYTES", size)
    path = write(tmp_path / "a.txt", data)
    with pytest.raises(ft.CorpusError, match=message) as error:
        read(path, encoding=encoding)
    assert error.value.path == str(path)
    if encoding == "utf-8":
        assert "\ufffd" in read(path, encoding=encoding, errors="replace")[0].decode()


def test_offset_of_an_error_far_into_a_file(tmp_path):
    path = write(tmp_path / "a.txt", b"x" * 3_000_001 + b"\xff" + b"x" * 9)
    corpus = ft.Corpus.from_files(path, encoding="utf-8")
    with pytest.raises(ft.CorpusError, match="byte 3,000,001: ff is not utf-8"):
        list(corpus)


def test_the_byte_order_of_utf16_without_a_mark(tmp_path):
    path = write(tmp_path / "a.txt", "some text".encode("utf-16-le"))
    assert read(path, encoding="utf-16") == [b"some text"]
    with pytest.raises(ft.CorpusError, match='pass encoding="utf-16-be"'):
        read(write(tmp_path / "b.txt", "some text".encode("utf-16-be")), encoding="utf-16")


def test_lone_surrogates_of_utf16(tmp_path):
    path = write(tmp_path / "a.txt", b"a\0\0\xd8b\0")
    assert read(path, encoding="utf-16-le", errors="replace") == ["a\ufffdb".encode()]
    assert read(path, encoding="utf-16-le", errors="surrogatepass") == [b"a\xed\xa0\x80b"]


def test_bytes_of_other_encodings_are_text(tmp_path):
    for data in (
        "naïve café\n".encode("latin-1"),
        b"\x80abc",
        bytes(range(9, 14)) + b"\x1b[31m\xff",
        b"\x1f",
    ):
        assert read(write(tmp_path / "a.txt", data)) == [data]


# Compression


def test_several_frames_and_padding(tmp_path):
    parts = [b"one\n", b"", b"two\n" * 5000, b"last"]
    for suffix, compress in COMPRESS.items():
        path = write(tmp_path / f"a.txt{suffix}", b"".join(map(compress, parts)))
        assert read(path) == [b"".join(parts)], suffix
    for suffix in (".gz", ".xz"):
        data = COMPRESS[suffix](b"one")
        padded = data + b"\0" * 4 + COMPRESS[suffix](b"two") + b"\0" * 8
        assert read(write(tmp_path / f"a.txt{suffix}", padded)) == [b"onetwo"]
    skippable = b"\x5a\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"abc"
    data = skippable + COMPRESS[".zst"](b"one") + skippable
    assert read(write(tmp_path / "b.txt.zst", data)) == read(write(tmp_path / "b.txt", data)) == [b"one"]


def test_a_damaged_frame_after_the_first_one_is_an_error(tmp_path):
    for suffix, compress in COMPRESS.items():
        first, second = compress(b"one" * 100), compress(b"two" * 100)
        for rest in (second[:-1], second[:3], b"?" + second[1:], b"rubbish"):
            with pytest.raises(ft.CorpusError, match="damaged or truncated"):
                read(write(tmp_path / f"a.txt{suffix}", first + rest))


def test_long_windows_of_zstandard(tmp_path):
    parameters = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=True, write_content_size=False)
    text = b"0123456789abcdef" * 1000
    data = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    packed = data.compress(text) + data.flush()
    assert read(write(tmp_path / "a.txt.zst", packed)) == [text]


@pytest.mark.parametrize("suffix", COMPRESS)
def test_data_that_is_compressed_twice(tmp_path, suffix):
    data = COMPRESS[suffix](COMPRESS[".gz"](b"text"))
    path = write(tmp_path / f"a.txt{suffix}", data)
    with pytest.raises(ft.CorpusError, match=r"compressed data .gzip. .* again, with .*; decompress it once"):
        ft.Corpus.from_files(path)
    assert read(path, format="text")[0][:2] == b"\x1f\x8b"


@pytest.mark.parametrize("suffix", COMPRESS)
def test_names_that_say_a_compression_that_is_not_there(tmp_path, suffix):
    with pytest.raises(ft.CorpusError, match="not .* data, although the name says so; rename the file"):
        ft.Corpus.from_files(write(tmp_path / f"a.txt{suffix}", b"plain text"))
    with pytest.raises(ft.CorpusError, match="an empty file is not .* data"):
        ft.Corpus.from_files(write(tmp_path / f"b.txt{suffix}", b""))
    assert read(write(tmp_path / f"c.txt{suffix}", COMPRESS[suffix](b""))) == [b""]
    other = next(one for one in COMPRESS if one != suffix)
    assert read(write(tmp_path / f"d.txt{suffix}", COMPRESS[other](b"text"))) == [b"text"]


def test_decompression_takes_little_memory(tmp_path):
    n_bytes = 60_000_000
    for suffix in (".gz", ".xz", ".bz2", ".zst"):
        path = str(write(tmp_path / f"a.txt{suffix}", COMPRESS[suffix](bytes(n_bytes))))
        with open(path, "rb") as file:
            reader = compression.open_compressed(file, compression.compression_of_name(path), path)
            buffer, total, largest = memoryview(bytearray(1 << 20)), 0, 0
            while n := reader.readinto(buffer):
                total += n
                largest = max(largest, len(reader._data) + n)
        assert total == n_bytes
        assert largest <= 34 << 20, (suffix, largest)


def test_lz4_needs_pyarrow(tmp_path, monkeypatch):
    path = write(tmp_path / "a.txt.lz4", COMPRESS[".lz4"](b"text"))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r".lz4 files need pyarrow: pip install pyarrow"):
        ft.Corpus.from_files(path)


# Binary content


def tar(mode):
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode=mode) as archive:
        member = tarfile.TarInfo("a.txt")
        member.size = 4
        archive.addfile(member, io.BytesIO(b"text"))
    return sink.getvalue()


def zip_of(name, data=b"text" * 99, method=zipfile.ZIP_DEFLATED):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as archive:
        archive.writestr(name, data)
    return sink.getvalue()


def saved(save, *arguments, **options):
    sink = io.BytesIO()
    save(sink, *arguments, **options)
    return sink.getvalue()


BINARY = {
    "tar": (tar("w:"), "a tar archive"),
    "tar.gz": (tar("w:gz"), "a tar archive"),
    "zip": (zip_of("a.txt"), "a zip archive"),
    "stored zip": (zip_of("a.txt", method=zipfile.ZIP_STORED), "a zip archive"),
    "docx": (zip_of("[Content_Types].xml"), "an Office document"),
    "xlsx": (zip_of("xl/workbook.xml"), "an Office document"),
    "odt": (zip_of("mimetype", b"application/vnd.oasis", zipfile.ZIP_STORED), "an OpenDocument"),
    "npz": (saved(np.savez, a=np.arange(9)), "an archive of NumPy"),
    "npy": (saved(np.save, np.arange(9)), "a NumPy array"),
    "Parquet": (write_parquet(TEXTS), 'a Parquet file, from byte 4 on; pass format="parquet"'),
    "Arrow file": (write_arrow(pa.ipc.new_file)(TEXTS), 'an Arrow file, from byte 6 on; pass format="arrow"'),
    "Arrow stream": (write_arrow(pa.ipc.new_stream)(TEXTS), "an Arrow file"),
    "pickle": (pickle.dumps(TEXTS), "a Python pickle"),
    "pickle 2": (pickle.dumps(TEXTS, 2), "a Python pickle"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n", "a PDF document, from byte 10 on"),
    "PDF of ASCII": (b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\n", "a PDF document"),
    "PNG": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "an image, from byte 0 on"),
    "JPEG": (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "an image"),
    "GIF": (b"GIF89a\x01\0\x01\0\x80", "an image, from byte 6 on"),
    "ELF": (b"\x7fELF\x02\x01\x01\0", "a program"),
    "SQLite": (b"SQLite format 3\0\x10\0", "a file of tables"),
    "old Office": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "an Office document"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\x04", "a 7z archive"),
    "NUL": (b"text\0text", "binary content: byte 4 is NUL; pass encoding"),
    "UTF-16": ("some text\n".encode("utf-16-le"), 'byte 1 is NUL; it looks .* encoding="utf-16-le"'),
    "UTF-16 BE": ("some text\n".encode("utf-16-be"), 'byte 0 is NUL; .* encoding="utf-16-be"'),
    "UTF-32": ("some text\n".encode("utf-32-le"), 'looks like UTF-32, so pass encoding="utf-32-le"'),
    "UTF-32 BE": ("some text\n".encode("utf-32-be"), 'looks like UTF-32, so pass encoding="utf-32-be"'),
    "late NUL": (b"x" * 60_000 + b"\0", "byte 60,000 is NUL"),
    "gzip in gzip": (gzip.compress(gzip.compress(b"text")), "compressed data"),
    "random": (random.Random(5).randbytes(5000), "binary content: byte"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BINARY)
def test_binary_content_is_refused_at_once(tmp_path, kind):
    data, message = BINARY[kind]
    path = write(tmp_path / "a.txt", data)
    for options in ({}, {"document": "line"}, {"format": "jsonl"}, {"format": "csv"}):
        with pytest.raises(ft.CorpusError, match=message) as error:
            ft.Corpus.from_files(path, **options)
        assert error.value.path == str(path)
    with pytest.raises(ft.CorpusError, match=message.split(";")[0]):
        read_pipe(data)
    raw = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    assert read(path, format="text") == [raw]


@pytest.mark.parametrize("kind", [kind for kind in BINARY if kind not in ("gzip in gzip",)])
@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".parquet", ".arrow"])
def test_binary_content_in_files_of_records(tmp_path, kind, suffix):
    data, _ = BINARY[kind]
    if data in (BINARY["Parquet"][0], BINARY["Arrow file"][0], BINARY["Arrow stream"][0]):
        return
    with pytest.raises(ft.CorpusError, match=r"a\."):
        ft.Corpus.from_files(write(tmp_path / f"a{suffix}", data))


BEGINS = [
    *(
        "PK",
        "%PDF-1.4",
        "%!PS",
        "PAR1",
        "ARROW1",
        "BZh91AY&SY",
        "BZh9",
        "GIF89a",
        "ORC",
        "MZ",
        "BM",
        "ID3",
        "RIFF",
    ),
    *(
        "OggS",
        "Rar!",
        "7z",
        "FEA1",
        "LZIP",
        "MSCF",
        "!<arch>\n",
        "SQLite format 3",
        "GGUF",
        "P*M",
        "Obj",
        "fLaC",
    ),
    *("{\\rtf1", "\x1b[1m", "(\u00b5/", "\u00fd7zXZ", "\u00ff\u00d8\u00ff", "\u0080", "\u00d0\u00cf"),
]


@pytest.mark.parametrize("begin", BEGINS)
def test_text_that_begins_like_a_binary_format_is_text(tmp_path, begin):
    for encoding in ("utf-8", "latin-1"):
        for rest in (" is a magic\n", " naïve\n\tcafé\f\n", "", "]]"):
            data = (begin + rest).encode(encoding)
            assert read(write(tmp_path / "a.txt", data)) == [data]
            assert read_pipe(data) == [data]
    assert read(write(tmp_path / "b.txt", b"x" * (content.CHECKED_BYTES + 1) + b"\0"))[0][-1:] == b"\0"


def test_wrong_content_of_arrow_and_parquet(tmp_path):
    for suffix, kind in ((".parquet", "a Parquet"), (".arrow", "an Arrow")):
        with pytest.raises(ft.CorpusError, match=f"not {kind} file"):
            ft.Corpus.from_files(write(tmp_path / f"a{suffix}", b"plain text, long enough"))
    data = write_arrow(pa.ipc.new_file)(TEXTS)
    for end in range(0, len(data) - 1, 61):
        with pytest.raises(ft.CorpusError, match="damaged or truncated|not an Arrow"):
            read(write(tmp_path / "a.arrow", data[:end]))
    data, rng = write_arrow(pa.ipc.new_stream)(hostile.texts(300, seed=8)), random.Random(4)
    for _ in range(300):
        damaged = bytearray(data)
        for _ in range(rng.randint(1, 3)):
            damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        try:
            read(write(tmp_path / "a.arrow", damaged))
        except ft.CorpusError as error:
            assert "a.arrow" in str(error)


@pytest.mark.parametrize(
    "kind", [pa.large_string(), pa.string_view(), pa.binary(), pa.dictionary(pa.int8(), pa.string())]
)
@pytest.mark.parametrize("compress", ["uncompressed", "lz4", "zstd"])
def test_arrow_files_of_every_text_type(tmp_path, kind, compress):
    values = pa.array(TEXTS, kind.value_type if pa.types.is_dictionary(kind) else kind)
    values = values.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else values
    table = pa.table({"id": range(len(TEXTS)), "text": values})
    path = tmp_path / "a.feather"
    feather.write_feather(table, path, compression=compress)
    assert read(path) == BYTES
    invalid = pa.table({"text": pa.array([b"\xff", b"a"]).view(pa.string())})
    feather.write_feather(invalid, path)
    assert read(path) == [b"\xff", b"a"]


# Pipes


def read_pipe(*parts, **options):
    """Return the documents of a corpus that is read from a pipe."""
    ours, theirs = os.pipe()

    def feed():
        with open(theirs, "wb", buffering=0) as file:
            try:
                for part in parts:
                    file.write(part)
            except BrokenPipeError:
                pass

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        return list(ft.Corpus.from_files(f"/dev/fd/{ours}", **options))
    finally:
        os.close(ours)
        thread.join()


@pytest.mark.parametrize("name", [name for name in WRITERS if name != "Parquet"])
@pytest.mark.parametrize("suffix", ["", *COMPRESS])
def test_each_format_from_a_pipe(name, suffix):
    _, format, make = WRITERS[name]
    data = COMPRESS[suffix](make(TEXTS)) if suffix else make(TEXTS)
    assert read_pipe(data, format=format) == BYTES
    if name in ("JSON lines", "array", "indented array", "indented objects"):
        assert read_pipe(data) == read_pipe(data[:1], data[1:9], data[9:]) == BYTES
        assert read_pipe(data, field="{text}") == BYTES


def test_parquet_cannot_come_from_a_pipe():
    with pytest.raises(ft.CorpusError, match="cannot be read from a pipe; save it to a file"):
        read_pipe(write_parquet(TEXTS), format="parquet")


OTHER_TEXTS = [
    *(
        "",
        "\n",
        "a",
        "{",
        "[",
        "{\n",
        "[1, 2]\n",
        '{"a": 1,\n "b": 2} and more\n',
        '{\n "a" is not JSON\n',
        "{not json}\n",
        '"text"\n',
        "[[]]",
        "[{",
    ),
    *(
        "[{}",
        '[{"a": 1} and more',
        '{"a": 1} and more\n',
        "[link](x)\n",
        "{{template}}\n",
        '[{"a": 1',
        "null\n",
    ),
    *("  \n\n text", "[]", "[ ]\n", '[{"a": 1}\n', "[{}] {}"[:3]),
]


@pytest.mark.parametrize("text", OTHER_TEXTS)
def test_pipes_of_other_text(text):
    for parts in ([text], list(text)):
        assert read_pipe(*[part.encode() for part in parts]) == [text.encode()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"text": "a"}', ["a"]),
        ('\n {"text": "a"}\n\n{"text": "b"}', ["a", "b"]),
        ('[ {"text": "a"} ]', ["a"]),
        ('[\n{"text": "a"}\n,{"text": "b"}]', ["a", "b"]),
        ('{"text": "' + "x" * 200_000 + '"}\n', ["x" * 200_000]),
        ('[{"text": "' + "x" * 200_000 + '"}]\n', ["x" * 200_000]),
        ("\ufeff" + '{"text": "a"}\n', ["a"]),
        ('{\n  "text": "a"\n}\n', ["a"]),
        ('{"text": "a"}{"text": "b"}', ["a", "b"]),
        ('{ "text":\n"' + "x" * 200_000 + '"}\n{\n"text":"b"}', ["x" * 200_000, "b"]),
    ],
)
def test_pipes_of_json(text, expected):
    expected = [one.encode() for one in expected]
    assert read_pipe(text.encode()) == expected
    assert read_pipe(*[text.encode()[i : i + 1000] for i in range(0, len(text.encode()), 1000)]) == expected
    if text[0] != "\ufeff":
        assert read_pipe(text.encode(), format="text") == [text.encode()]
        assert read_pipe(text.encode("utf-16")) == expected


def test_errors_of_pipes_advise_to_read_text():
    for text in ('{"text": "a"}\nplain\n', '{"body": "a"}\n', '{\n "body": "a"\n}\n'):
        with pytest.raises(ft.CorpusError, match='pass format="text" if it is not JSON'):
            read_pipe(text.encode())
    with pytest.raises(ValueError, match="field has no effect on plain text"):
        read_pipe(b"plain text\n", field="body")
    with pytest.raises(ValueError, match="nulls has no effect on plain text"):
        read_pipe(b"plain text\n", nulls="skip")


def test_a_pipe_is_read_once(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    for data in (b"plain text", b'{"text": "plain text"}'):
        threading.Thread(target=path.write_bytes, args=[data], daemon=True).start()
        corpus = ft.Corpus.from_files(path)
        assert list(corpus) == [b"plain text"]
        with pytest.raises(ft.CorpusError, match="a pipe can be read only once"):
            list(corpus)
    named = tmp_path / "pipe.jsonl"
    os.mkfifo(named)
    threading.Thread(target=named.write_bytes, args=[b'{"text": "x"}'], daemon=True).start()
    assert read(named) == [b"x"]


def test_text_of_a_slow_pipe_is_passed_on_before_it_ends():
    ours, theirs = os.pipe()
    try:
        os.write(theirs, b"one\ntw")
        batches = ft.Corpus.from_files(f"/dev/fd/{ours}", document="line").batches()
        assert next(batches).documents.to_bytes() == [b"one"]
        os.write(theirs, b"o\nthree")
        assert next(batches).documents.to_bytes() == [b"two"]
        os.close(theirs)
        assert next(batches).documents.to_bytes() == [b"three"]
    finally:
        os.close(ours)


def test_standard_input(tmp_path):
    program = "import fasttok as ft; c = ft.Corpus.from_files('/dev/stdin'); print(list(c), c.most_bytes())"
    path = write(tmp_path / "a", b'{"text": "a"}\n')
    with open(path, "rb") as file:
        out = subprocess.run([sys.executable, "-c", program], stdin=file, capture_output=True, check=True)
    assert out.stdout.split() == [b"[b'a']", b"14"]
    run = subprocess.run([sys.executable, "-c", program], input=b"plain", capture_output=True, check=True)
    assert run.stdout.split() == [b"[b'plain']", b"0"]


# Heads


def test_heads_are_checked_before_anything_is_read(tmp_path):
    write(tmp_path / "a.txt", b"text")
    for name, data in {
        "z.txt": b"\0",
        "z.csv": b"id,body\n1,x\n",
        "z.jsonl": b'{"body": "x"}\n',
        "z.json": b"plain",
        "z.txt.gz": gzip.compress(b"text" * 99)[:-12],
        "z.parquet": write_parquet(["x"])[:-1],
    }.items():
        path = write(tmp_path / name, data)
        with pytest.raises(ft.CorpusError, match=name):
            ft.Corpus.from_files(tmp_path)
        path.unlink()
    assert read(tmp_path) == [b"text"]


def test_files_are_closed(tmp_path):
    n_open = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    for name, (suffix, _, make) in WRITERS.items():
        corpus = ft.Corpus.from_files(write(tmp_path / f"{name}{suffix}", make(TEXTS)))
        next(iter(corpus))
        list(corpus)
        del corpus
    if n_open is not None:
        assert len(os.listdir("/proc/self/fd")) == n_open


def test_counts_do_not_depend_on_the_format(tmp_path):
    texts = [text for text in hostile.texts(300, seed=12) if "\0" not in text]
    expected = ft.count_pretokens(ft.Corpus.from_texts(texts)).fingerprint()
    for name, (suffix, _, make) in WRITERS.items():
        corpus = ft.Corpus.from_files(write(tmp_path / f"{name}{suffix}", make(texts)))
        assert ft.count_pretokens(corpus, workers=2, batch_bytes=1000).fingerprint() == expected, name


# Texts


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["a", None], r"texts\[1\] must be str or bytes, not NoneType"),
        (("a", "b", 3), r"texts\[2\] must be str or bytes, not int"),
        ([["a"]], r"texts\[0\] must be str or bytes, not list"),
        ({"text": ["a"]}, "texts must be an iterable of texts, not dict"),
        ({"a", "b"}, "in a certain order, not set"),
        (frozenset("ab"), "in a certain order, not frozenset"),
        (pa.table({"text": ["a"]}), "texts must be an iterable of texts, not Table"),
        (pa.record_batch({"text": ["a"]}), "texts must be an iterable of texts, not RecordBatch"),
        (b"a", "not one text"),
        (bytearray(b"a"), "not one text"),
        (5, "texts must be an iterable of texts, not int"),
        (None, "texts must be an iterable of texts, not None"),
        (int, "texts must be an iterable of texts"),
    ],
)
def test_wrong_texts_are_refused_at_once(texts, message):
    with pytest.raises(TypeError, match=message):
        ft.Corpus.from_texts(texts)


@pytest.mark.parametrize("texts", [iter(["a", 5]), lambda: ["a", 5], itertools.chain(["a"], [5])])
def test_wrong_items_are_named(texts):
    with pytest.raises(TypeError, match=r"texts\[1\] must be str or bytes, not int"):
        list(ft.Corpus.from_texts(texts))


def test_functions_that_return_the_same_iterator_again():
    texts = iter(["a", "b"])
    corpus = ft.Corpus.from_texts(lambda: texts)
    assert list(corpus) == [b"a", b"b"]
    with pytest.raises(ft.CorpusError, match="returned the same iterator again"):
        list(corpus)
    again = ft.Corpus.from_texts(lambda: iter(["a"]))
    assert [list(again), list(again)] == [[b"a"]] * 2
    same = ["a"]
    again = ft.Corpus.from_texts(lambda: same)
    assert [list(again), list(again)] == [[b"a"]] * 2


@pytest.mark.parametrize(
    "texts", [lambda: None, lambda: "a text", lambda: {"text": ["a"]}, lambda: {"a"}, print]
)
def test_functions_that_return_no_texts(texts):
    with pytest.raises(TypeError, match="texts must be an iterable of texts"):
        list(ft.Corpus.from_texts(texts))


def test_tables_that_are_not_tables():
    for table in ({"a"}, frozenset("a"), None, 5, bytearray(b"a"), str):
        with pytest.raises(TypeError, match="table must have"):
            ft.Corpus.from_table(table)
    for table in ({"text": "abc"}, {"text": {"a", "b"}}, {"text": 5}, {"text": iter(["a"])}):
        with pytest.raises(ft.CorpusError, match="column 'text' must be a list of texts, not"):
            list(ft.Corpus.from_table(table))
    with pytest.raises(ft.CorpusError, match="row 1: columns 'a', 'b' have different lengths"):
        list(ft.Corpus.from_table({"a": ["x", "y"], "b": ["z"]}, "{a}{b}"))
    with pytest.raises(ft.CorpusError, match="row 0: a row must be a record with columns, not str"):
        list(ft.Corpus.from_table(["x"], "{a}{b}"))
    columns = pa.chunked_array([["x"], ["y"]]), pa.array(["x", "y"])
    for column in columns:
        for table in (column, {"text": column}, ArrowStream(column)):
            assert list(ft.Corpus.from_table(table)) == [b"x", b"y"]


class ArrowStream:
    """Object that has the protocol of Arrow streams, and nothing else."""

    def __init__(self, column):
        self._table = pa.table({"text": column})

    def __arrow_c_stream__(self, requested=None):
        return self._table.__arrow_c_stream__(requested)


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="no file that can be opened but not read")
def test_errors_of_the_system_while_reading_name_the_file():
    with pytest.raises(OSError, match="/proc/self/mem"):
        ft.Corpus.from_files("/proc/self/mem")


# Experiments


def write_experiment(folder, train, test):
    text = f'name = "x"\n[corpus.train]\nen = {{ {train} }}\n[corpus.test]\nheld = {{ {test} }}\n'
    path = folder / "experiment.toml"
    path.write_text(
        text + '[[tokenizer]]\nmodel = "byte"\n[metrics]\nuse = ["compression"]\nwords = "whitespace"\n'
    )
    return path


def test_experiments_read_every_format(tmp_path):
    write(tmp_path / "a.data", "id,body\n1,café\n2,\n".encode("latin-1"))
    write(tmp_path / "b.jsonl", b'{"meta": {"text": "held"}}\n')
    options = 'format = "csv", field = "body", encoding = "latin-1", nulls = "skip"'
    path = write_experiment(
        tmp_path, f'files = "a.data", {options}', 'files = "b.jsonl", field = "meta.text"'
    )
    experiment = ft.Experiment.load(path)
    assert list(open_corpus(experiment.training[0].text)) == ["café".encode()]
    assert list(open_corpus(experiment.test[0].texts[""])) == [b"held"]
    assert experiment.test[0].texts[""].options == {"field": "meta.text", "document": "whole"}


def test_experiments_take_the_options_that_errors_advise(tmp_path):
    write(tmp_path / "a.jsonl", b'{"text": "a\\ud800"}\n')
    write(tmp_path / "b.txt", b"caf\xe9")
    wrong = 'files = "b.txt", encoding = "ascii"'
    with pytest.raises(ft.ExperimentError, match='errors="replace"'):
        ft.Experiment.load(write_experiment(tmp_path, 'files = "b.txt"', wrong))
    train, test = 'files = "a.jsonl", errors = "replace"', f'{wrong}, errors = "replace"'
    experiment = ft.Experiment.load(write_experiment(tmp_path, train, test))
    assert list(open_corpus(experiment.training[0].text)) == ["a\ufffd".encode()]
    assert list(open_corpus(experiment.test[0].texts[""])) == ["caf\ufffd".encode()]


@pytest.mark.parametrize(
    ("train", "test", "line", "message"),
    [
        ('files = "a.txt", field = "body"', 'files = "a.txt"', 3, "train.en.field: field has no effect"),
        ('files = "a.txt"', 'files = "a.txt", nulls = "skip"', 5, "held.nulls: nulls has no effect"),
        (
            'files = "a.txt", format = "cvs"',
            'files = "a.txt"',
            3,
            'format: format must be .* did you mean "csv"',
        ),
        ('files = "a.txt", encoding = "x"', 'files = "a.txt"', 3, "encoding: encoding: unknown encoding"),
        ('files = "b.jsonl"', 'files = "a.txt"', 3, "b.jsonl:1: no field 'text'"),
        ('files = "a.txt"', 'files = "c.txt"', 5, "c.txt: binary content"),
        ('files = ["a.txt", "*.txt"]', 'files = "a.txt"', 3, "files: paths: the same file is given twice"),
    ],
)
def test_experiments_check_their_texts_when_they_are_loaded(tmp_path, train, test, line, message):
    write(tmp_path / "a.txt", b"text")
    write(tmp_path / "b.jsonl", b'{"body": "held"}\n')
    write(tmp_path / "c.txt", b"a\0b")
    with pytest.raises(ft.ExperimentError, match=message) as error:
        ft.Experiment.load(write_experiment(tmp_path, train, test))
    assert error.value.line == line
