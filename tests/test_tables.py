"""Reading text columns: Parquet files, Arrow streams, data frames and iterables of records."""

from __future__ import annotations

import builtins
import random
import re

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import fasttok as ft
from tests import hostile

TEXTS = ["one", "", "two two", "naïve 東京", "one", "<|endoftext|>", "last\nline"]
BYTES = [text.encode() for text in TEXTS]
TYPES = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.binary(),
    pa.large_binary(),
    pa.dictionary(pa.int32(), pa.string()),
    pa.dictionary(pa.int8(), pa.binary()),
]


def write_parquet(path, texts, kind=None, **options):
    kind = kind or pa.string()
    values = pa.array(texts, kind.value_type if pa.types.is_dictionary(kind) else kind)
    values = values.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else values
    pq.write_table(pa.table({"id": range(len(texts)), "text": values}), path, **options)
    return path


class Dataset:
    """Imitation of a Hugging Face ``Dataset``: an iterable of records without the Arrow stream protocol."""

    def __init__(self, records):
        self._records = records
        self.column_names = list(records[0])

    def __iter__(self):
        return iter(self._records)

    def __getitem__(self, key):
        raise AssertionError("must be read by iterating, since indexing may load a whole column")


class IterableDataset:
    """Imitation of a Hugging Face ``IterableDataset``: no length, and the columns may be unknown."""

    column_names = None

    def __init__(self, records):
        self._records = records

    def __iter__(self):
        yield from self._records


# Parquet


@pytest.mark.parametrize("kind", TYPES, ids=str)
@pytest.mark.parametrize("options", [{}, {"row_group_size": 2}, {"compression": "zstd"}], ids=str)
def test_parquet_columns_of_every_text_type(tmp_path, kind, options):
    if pa.types.is_dictionary(kind):
        options = {**options, "store_schema": True}
    corpus = ft.Corpus.from_files(write_parquet(tmp_path / "a.parquet", TEXTS, kind, **options))
    assert list(corpus) == BYTES
    assert list(corpus) == BYTES  # read a second time


def test_parquet_of_several_batches(tmp_path):
    texts = hostile.texts(3000, seed=40)
    path = write_parquet(tmp_path / "a.parquet", texts, row_group_size=1100)
    assert list(ft.Corpus.from_files(path)) == [text.encode() for text in texts]
    frame = ft.Corpus.from_table(pq.read_table(path))
    assert frame.fingerprint() == ft.Corpus.from_files(path).fingerprint()


def test_parquet_among_other_files(tmp_path):
    (tmp_path / "a.txt").write_text("plain")
    (tmp_path / "sub").mkdir()
    write_parquet(tmp_path / "sub" / "b.parquet", ["x\ny", "z"])
    corpus = ft.Corpus.from_files(tmp_path)
    assert list(corpus) == [b"plain", b"x\ny", b"z"]
    assert corpus.most_bytes() == 5  # a Parquet file may hold more text than bytes
    assert list(ft.Corpus.from_files(f"{tmp_path}/**/*.parquet", document="line")) == [b"x", b"y", b"z"]


def test_bytes_that_are_not_utf8_are_kept(tmp_path):
    rows = hostile.byte_strings(600, seed=41)
    path = write_parquet(tmp_path / "a.parquet", rows, pa.binary())
    assert list(ft.Corpus.from_files(path)) == rows
    assert list(ft.Corpus.from_table(pq.read_table(path))) == rows


def test_choice_of_column(tmp_path):
    table = pa.table({"text": [1, 2], "text.en": ["a", "b"], "content": ["c", None]})
    pq.write_table(table, tmp_path / "a.parquet")
    assert list(ft.Corpus.from_files(tmp_path, field="text.en")) == [b"a", b"b"]
    with pytest.raises(ft.CorpusError, match="column 'text' must be text, not int64"):
        list(ft.Corpus.from_files(tmp_path))
    with pytest.raises(
        ft.CorpusError, match="no column 'body' .the columns are: 'text', 'text.en', 'content'"
    ):
        list(ft.Corpus.from_files(tmp_path, field="body"))
    with pytest.raises(ft.CorpusError, match=r"a.parquet: row 1: column 'content' is null") as error:
        list(ft.Corpus.from_files(tmp_path, field="content"))
    assert (error.value.path, error.value.row) == (str(tmp_path / "a.parquet"), 1)


@pytest.mark.parametrize("row", [0, 255, 256, 1099, 1100, 2999])
def test_error_for_null_gives_the_row(tmp_path, row):
    texts = ["x"] * 3000
    texts[row] = None
    path = write_parquet(tmp_path / "a.parquet", texts, row_group_size=1100)
    for corpus in (
        ft.Corpus.from_files(path),
        ft.Corpus.from_table(pq.read_table(path)),
        ft.Corpus.from_table(pd.DataFrame({"text": texts})),
        ft.Corpus.from_table([{"text": text} for text in texts]),
    ):
        with pytest.raises(ft.CorpusError, match=f"row {row}: column 'text' is null") as error:
            list(corpus)
        assert error.value.row == row


def test_damaged_parquet_files(tmp_path):
    path = write_parquet(
        tmp_path / "a.parquet", hostile.texts(400, seed=42), row_group_size=90, write_page_checksum=True
    )
    data = path.read_bytes()
    whole = list(ft.Corpus.from_files(path))
    for end in range(0, len(data), 97):
        path.write_bytes(data[:end])
        with pytest.raises(ft.CorpusError, match="damaged or truncated") as error:
            list(ft.Corpus.from_files(path))
        assert error.value.path == str(path)
    rng = random.Random(43)
    n_refused = 0
    for _ in range(300):
        damaged = bytearray(data)
        damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            texts = list(ft.Corpus.from_files(path))
        except ft.CorpusError as error:
            assert str(path) in str(error)
            n_refused += 1
        else:
            assert len(texts) <= len(whole)
    assert n_refused > 100


def test_missing_and_misnamed_parquet_files(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", TEXTS)
    corpus = ft.Corpus.from_files(path)
    path.rename(tmp_path / "a.txt")
    with pytest.raises(FileNotFoundError, match=re.escape(str(path))):
        list(corpus)
    message = "not text but a Parquet file, from byte 4 on; pass format=.parquet"
    with pytest.raises(ft.CorpusError, match=message):
        list(ft.Corpus.from_files(tmp_path / "a.txt"))
    path.write_text("plain text")
    with pytest.raises(ft.CorpusError, match="not a Parquet file"):
        list(corpus)


def test_without_pyarrow(tmp_path, monkeypatch):
    path = write_parquet(tmp_path / "a.parquet", TEXTS)
    table = pq.read_table(path)
    real_import = builtins.__import__

    def import_without_pyarrow(name, *arguments):
        if name.split(".")[0] == "pyarrow":
            raise ImportError("No module named 'pyarrow'")
        return real_import(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", import_without_pyarrow)
    for make, given, what in (
        (ft.Corpus.from_files, path, "Parquet files"),
        (ft.Corpus.from_table, table, "Arrow tables"),
    ):
        with pytest.raises(ImportError, match=rf"{what} need pyarrow: pip install pyarrow"):
            make(given)
    assert list(ft.Corpus.from_table([{"text": "a"}])) == [b"a"]


# Tables


def all_tables(texts):
    records = [{"id": i, "text": text} for i, text in enumerate(texts)]
    columns = {"id": list(range(len(texts))), "text": list(texts)}
    return [
        pa.table(columns),
        pa.table({"text": pa.array(texts).dictionary_encode(), "id": columns["id"]}),
        pa.concat_tables([pa.table(columns).slice(0, 3), pa.table(columns).slice(3)]),
        pa.record_batch(columns),
        pd.DataFrame(columns),
        pd.DataFrame(columns, index=range(7, 7 + len(texts))),
        pd.DataFrame(columns).astype({"text": object}),
        pd.DataFrame(columns).astype({"text": "category"}),
        pd.DataFrame(columns).astype({"text": pd.ArrowDtype(pa.large_string())}),
        pd.Series(texts),
        pd.Series(texts, index=[f"columns{i}" for i in range(len(texts))], dtype=object),
        columns,
        records,
        list(texts),
        Dataset(records),
        IterableDataset(records),
    ]


def test_all_kinds_of_tables_give_the_same_documents_repeatedly():
    for table in all_tables(TEXTS):
        corpus = ft.Corpus.from_table(table)
        assert list(corpus) == BYTES, type(table)
        assert list(corpus) == BYTES, type(table)


def test_document_rule_applies_to_tables():
    for table in all_tables(TEXTS):
        corpus = ft.Corpus.from_table(table, document="line")
        assert list(corpus) == [text for text in b"\n".join(BYTES).split(b"\n") if text], type(table)
        assert corpus.document_rule == "line"


def test_dictionary_of_string_view():  # pyarrow cannot `take` from this type
    words = pa.array(TEXTS, pa.string_view())
    column = pa.DictionaryArray.from_arrays(pa.array([*range(len(TEXTS)), 0], pa.uint32()), words)
    assert list(ft.Corpus.from_table(pa.table({"text": column}))) == [*BYTES, b"one"]


def test_second_reading_of_a_stream_is_an_error():
    table = pa.table({"text": TEXTS})
    for stream in (table.to_reader(max_chunksize=2), iter(Dataset(table.to_pylist()))):
        corpus = ft.Corpus.from_table(stream)
        assert list(corpus) == BYTES
        with pytest.raises(ft.CorpusError, match="Corpus.from_table is used up; pass a table that"):
            list(corpus)


def test_streams_are_read_lazily():
    given = []

    def batches():
        for text in TEXTS:
            given.append(text)
            yield pa.record_batch({"text": [text]})

    schema = pa.schema({"text": pa.string()})
    corpus = ft.Corpus.from_table(pa.RecordBatchReader.from_batches(schema, batches()))
    first = next(iter(corpus.batches(batch_bytes=1)))
    assert first.documents.to_bytes() == [b"one"]
    assert given == ["one"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"body": ["x"]}), "no column 'text' .the columns are: 'body'"),
        (pd.DataFrame({"body": ["x"]}), "no column 'text' .the columns are: 'body'"),
        (pd.DataFrame(), "no column 'text' .the columns are: none"),
        ({"train": [], "test": []}, "no column 'text' .the columns are: 'train', 'test'"),
        ([{"text": "x"}, {"body": "x"}], "row 1: no column 'text' .the columns are: 'body'"),
        (pa.table({"text": [1]}), "column 'text' must be text, not int64"),
        (pa.table({"text": [["x"]]}), "column 'text' must be text, not list<.*: string>"),
        (
            pa.table({"text": pa.array([1, 1]).dictionary_encode()}),
            "column 'text' must be text, not dictionary<values=int64",
        ),
        (pa.Table.from_arrays([pa.array(["x"])] * 2, ["text"] * 2), "2 columns are named 'text'"),
        (pd.DataFrame([["x", "y"]], columns=["text", "text"]), "2 columns are named 'text'"),
        (pd.DataFrame({"text": ["x", 3]}, dtype=object), "row 1: column 'text' must be text, not int"),
        (pd.Series(["x", float("nan")]), "row 1: column 'text' is null"),
        (pd.Series(["x", None], dtype="string"), "row 1: column 'text' is null"),
        ([{"text": "x"}, {"text": None}], "row 1: column 'text' is null"),
        ([{"text": "x"}, {"text": 0.5}], "row 1: column 'text' must be text, not float"),
        ([{"text": "x"}, ["y"]], "row 1: column 'text' must be text, not list"),
        (pa.table({"text": pa.DictionaryArray.from_arrays([0, 1], ["x", None])}), "row 1: .* is null"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_invalid_tables(table, message):
    with pytest.raises(ft.CorpusError, match=message):
        list(ft.Corpus.from_table(table))


def test_single_text_is_not_a_table():
    for text in ("a text", b"a text"):
        with pytest.raises(TypeError, match="table must have rows and a text column, not"):
            ft.Corpus.from_table(text)
    with pytest.raises(TypeError, match="not iterable"):
        ft.Corpus.from_table(5)


def test_lone_surrogates_in_tables():
    table = [{"text": "fine"}, {"text": "ab\ud800"}]
    with pytest.raises(ft.TextError, match="of document 1"):
        list(ft.Corpus.from_table(table))
    assert list(ft.Corpus.from_table(table, errors="replace"))[1] == "ab\ufffd".encode()


def test_counts_of_a_table_are_counts_of_its_texts():
    texts = hostile.texts(2000, seed=44)
    expected = ft.count_pretokens(ft.Corpus.from_texts(texts))
    for table in all_tables(texts):
        counts = ft.count_pretokens(ft.Corpus.from_table(table), workers=2, batch_bytes=1000)
        assert counts == expected, type(table)
