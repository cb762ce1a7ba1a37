"""Files of ids for other projects: equal to what their scripts write, read back, and safe against damage."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import random
import resource
import shutil
import struct
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import fasttok as ft
from fasttok.tokens.exports import arrow, base, build_nanogpt, datatrove, mds, megatron, nanogpt, olmo
from fasttok.tokens.exports.importing import import_store
from fasttok.tokens.exports.registry import FORMATS
from tests import stream_peers, token_files

EOT = 7
# Names of outputs, whose suffixes some projects prescribe.
NAMES = {
    "nanogpt": "train.bin",
    "llmc": "data.bin",
    "megatron": "data",
    "datatrove": "data.ds",
    "olmo": "data.npy",
    "parquet": "data.parquet",
    "arrow": "data.arrow",
}
OPTIONS = {"datatrove": {"tokenizer_name": "gpt2"}}
FOLDERS = ("build-nanogpt", "litdata", "mds")
SMALL_VOCABULARY = ("nanogpt", "build-nanogpt")  # formats of uint16 only
NO_BOUNDARIES = ("nanogpt", "build-nanogpt", "llmc")  # formats that do not hold the ends of documents


def make_rows(vocab_size: int, n: int = 12, longest: int = 400, seed: int = 5) -> list[list[int]]:
    """Return documents without the separator, some of which are empty; they have the largest id."""
    source = random.Random(seed)
    rows = [
        [i for i in (source.randrange(vocab_size) for _ in range(source.randrange(longest))) if i != EOT]
        for _ in range(n)
    ]
    return [[], [vocab_size - 1, 0], *rows, []]


def make_store(folder: Path, rows: list[list[int]], vocab_size: int, separator: int | None = EOT):
    ended = [row if separator is None else [*row, separator] for row in rows]
    path = folder / f"{len(list(folder.iterdir()))}.tokens"
    return ft.TokenStore.from_arrays(path, ended, vocab_size=vocab_size, separator_id=separator)


def files_of(path: Path) -> dict[str, bytes]:
    """Return the contents of a folder."""
    return {file.name: file.read_bytes() for file in path.iterdir()}


def export(store, folder: Path, name: str, **options) -> Path:
    """Export a store to an empty folder; return the path that an import reads."""
    folder.mkdir()
    path = folder / NAMES.get(name, "files")
    written = store.export(path, format=name, **OPTIONS.get(name, {}), **options)
    assert sorted(written) == sorted(str(file) for file in folder.rglob("*") if file.is_file())
    return path


@pytest.fixture(params=[False, True], ids=["one block", "small blocks"])
def _blocks(request, monkeypatch):
    """Copy ids in blocks of 31 in one of the two runs."""
    if request.param:
        for module in (base, nanogpt, megatron, datatrove, olmo, arrow, mds):
            monkeypatch.setattr(module, "BLOCK", 31)
        monkeypatch.setattr(olmo, "ROWS", 3)


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("vocab_size", [300, 65_499, 65_500, 65_536, 65_537, 200_000])
@pytest.mark.parametrize("name", token_files.WRITERS)
def test_files_equal_those_of_the_projects(tmp_path, name, vocab_size):
    if name in SMALL_VOCABULARY and vocab_size > 65_536:
        return
    rows = make_rows(vocab_size)
    path = export(make_store(tmp_path, rows, vocab_size), tmp_path / "out", name)
    expected = token_files.WRITERS[name](rows, EOT, vocab_size)
    found = files_of(path if name in FOLDERS else tmp_path / "out")
    if name == "olmo":
        found["data.csv.gz"] = gzip.decompress(found["data.csv.gz"])
    assert found == expected


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("vocab_size", [300, 65_500, 100_000])
@pytest.mark.parametrize("name", FORMATS)
def test_exported_ids_are_imported(tmp_path, name, vocab_size):
    if name in SMALL_VOCABULARY and vocab_size > 65_536:
        return
    store = make_store(tmp_path, make_rows(vocab_size), vocab_size)
    path = export(store, tmp_path / "out", name)
    copy = import_store(path, tmp_path / "copy", format=name, vocab_size=vocab_size, separator_id=EOT)
    copy.verify()
    assert np.array_equal(copy.ids, store.ids)
    assert copy.ids.dtype == store.ids.dtype
    assert np.array_equal(copy.offsets, store.offsets)
    assert (copy.vocab_size, copy.separator_id) == (vocab_size, EOT)


@pytest.mark.parametrize("name", FORMATS)
def test_documents_without_separators(tmp_path, name):
    rows = [row for row in make_rows(300) if row or name != "mds"]
    store = make_store(tmp_path, rows, 300, separator=None)
    path = export(store, tmp_path / "out", name)
    copy = import_store(path, tmp_path / "copy", format=name, vocab_size=300)
    assert np.array_equal(copy.ids, store.ids)
    expected = [0, store.n_ids] if name in NO_BOUNDARIES else store.offsets
    assert np.array_equal(copy.offsets, expected)


@pytest.mark.parametrize("name", FORMATS)
def test_a_store_without_documents(tmp_path, name):
    store = make_store(tmp_path, [], 300)
    path = export(store, tmp_path / "out", name)
    if name == "build-nanogpt":
        assert files_of(path) == {}
        return
    copy = import_store(path, tmp_path / "copy", format=name, vocab_size=300, separator_id=EOT)
    assert (copy.n_ids, copy.n_documents) == (0, 0)


@pytest.mark.parametrize("name", FORMATS)
def test_exports_do_not_depend_on_shards_of_the_store(tmp_path, name):
    rows = make_rows(300, 40, 3500)
    whole = make_store(tmp_path, rows, 300)
    cut = ft.TokenStore.from_arrays(
        tmp_path / "cut", np.array(whole.ids), np.array(whole.offsets), vocab_size=300, separator_id=EOT,
        shard_size=65_536,
    )  # fmt: skip
    for i, store in enumerate((whole, cut)):
        export(store, tmp_path / f"out{i}", name)
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / f"out{i}").rglob("*.*")} for i in (0, 1))
    assert first == second


# Options of each format


@pytest.mark.parametrize("size", [1, 300, 10**6])
def test_shards_of_llmc_and_build_nanogpt(tmp_path, size):
    rows = make_rows(300)
    store = make_store(tmp_path, rows, 300)
    for name, writer in (
        ("llmc", token_files.llmc_shards),
        ("build-nanogpt", token_files.build_nanogpt),
    ):
        if size == 1:
            rows = make_rows(300, 3, 20)
            store = make_store(tmp_path, rows, 300)
        path = tmp_path / f"{name}"
        store.export(path, format=name, shard_size=size)
        assert files_of(path) == writer(rows, EOT, 300, size)
        copy = import_store(path, tmp_path / f"{name} copy", format=name, vocab_size=300, separator_id=EOT)
        assert np.array_equal(copy.ids, store.ids)
        assert np.array_equal(copy.offsets, store.offsets)


@pytest.mark.parametrize("name", ["llmc", "build-nanogpt"])
def test_separators_may_stay_at_the_end(tmp_path, name):
    store = make_store(tmp_path, make_rows(300), 300)
    path = export(store, tmp_path / "out", name, separator="last")
    options = {"format": name, "vocab_size": 300, "separator_id": EOT}
    copy = import_store(path, tmp_path / "copy", **options, separator="last")
    assert np.array_equal(copy.ids, store.ids)
    assert np.array_equal(copy.offsets, store.offsets)
    store = make_store(tmp_path, make_rows(300)[1:], 300)
    path = export(store, tmp_path / "out2", name, separator="last")
    with pytest.raises(ft.TokenStoreError, match=r'the first id is 299, not .* 7; .* pass separator="last"'):
        import_store(path, tmp_path / "copy2", **options)


def test_variants_of_llmc(tmp_path):
    rows = make_rows(300)
    store = make_store(tmp_path, rows, 300)
    for variant in ("gpt-2", "llama-3"):
        export(store, tmp_path / variant, "llmc", variant=variant)
        assert files_of(tmp_path / variant) == token_files.llmc(rows, EOT, 300, variant)


def test_documents_held_out_as_by_nanogpt(tmp_path):
    rows = [[i] for i in range(10)]
    store = make_store(tmp_path, rows, 300, 255)
    path = tmp_path / "data"
    store.export(path, format="nanogpt", held_out=0.25, seed=2357)
    # datasets 5.2: Dataset.from_dict({"i": range(10)}).train_test_split(test_size=0.25, seed=2357)
    val, train = [8, 3, 0], [9, 5, 6, 2, 7, 4, 1]
    found = {file: np.frombuffer(data, "<u2")[::2].tolist() for file, data in files_of(path).items()}
    assert found == {"val.bin": val, "train.bin": train}


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("held_out", [0.0005, 0.1, 0.9])
def test_every_document_is_in_one_part(tmp_path, held_out):
    rows = [[i, *row] for i, row in enumerate(make_rows(300)[1:-1], 8)]
    store = make_store(tmp_path, rows, 300)
    store.export(tmp_path / "data", format="nanogpt", held_out=held_out, seed=1)
    split = []
    for name in ("val.bin", "train.bin"):
        ids = np.fromfile(tmp_path / "data" / name, np.uint16).tolist()
        ends = [i + 1 for i, one in enumerate(ids) if one == EOT]
        split.append([ids[a:b] for a, b in zip([0, *ends], ends, strict=False)])
    assert len(split[0]) == {0.0005: 1, 0.1: 2, 0.9: 12}[held_out]
    assert sorted(split[0] + split[1]) == sorted([*row, EOT] for row in rows)


def test_ids_held_out_as_for_characters(tmp_path):
    """The script for characters keeps int(0.9 n) ids: 1,003,854 and 111,540 of Tiny Shakespeare's."""
    ids = np.random.default_rng(3).integers(0, 65, 1_115_394, np.uint16)
    store = ft.TokenStore.from_arrays(tmp_path / "s", ids, vocab_size=65)
    store.export(tmp_path / "data", format="nanogpt", held_out=0.1)
    train, val = (np.fromfile(tmp_path / "data" / f"{name}.bin", np.uint16) for name in ("train", "val"))
    assert (len(train), len(val)) == (1_003_854, 111_540)
    assert np.array_equal(np.concatenate((train, val)), ids)


def test_meta_of_characters(tmp_path):
    tok = ft.Tokenizer(ft.CharacterModel([" ", "b", "e", "o", "t"]), "none")
    ids = tok.encode("to be")
    store = ft.TokenStore.from_arrays(tmp_path / "s", ids, vocab_size=tok.vocab_size)
    store.export(tmp_path / "data", format="nanogpt", tokenizer=tok)
    meta = pickle.loads((tmp_path / "data/meta.pkl").read_bytes())  # noqa: S301  our own file
    itos = {i: tok.id_to_piece(i).decode() for i in range(tok.vocab_size)}
    assert meta == {"vocab_size": tok.vocab_size, "itos": itos, "stoi": {c: i for i, c in itos.items()}}
    assert "".join(meta["itos"][i] for i in np.fromfile(tmp_path / "data/train.bin", np.uint16)) == "to be"
    assert [meta["stoi"][c] for c in "to be"] == ids.tolist()


def test_meta_needs_the_tokenizer_of_characters(tmp_path):
    tok = ft.Tokenizer(ft.WordModel(["a", "low"]), "none")
    store = ft.TokenStore.from_arrays(tmp_path / "s", [[0, 1]], vocab_size=2)
    with pytest.raises(ft.TokenStoreError, match=r"meta.pkl holds a vocabulary of characters, but piece 1"):
        store.export(tmp_path / "data", format="nanogpt", tokenizer=tok)
    other = ft.TokenStore.from_arrays(tmp_path / "t", [[1]], vocab_size=5)
    with pytest.raises(ft.TokenStoreError, match="the tokenizer has 2 ids, but the store has 5"):
        other.export(tmp_path / "data", format="nanogpt", tokenizer=tok)
    with pytest.raises(TypeError, match="tokenizer must be a Tokenizer, not 'gpt2'"):
        store.export(tmp_path / "data", format="nanogpt", tokenizer="gpt2")
    assert not (tmp_path / "data").exists()


def test_masks(tmp_path):
    store = make_store(tmp_path, [[1, 2], [3]], 300)
    mask = np.array([True, False, True, False, True])
    path = export(store, tmp_path / "a", "datatrove", loss=mask)
    assert Path(f"{path}.loss").read_bytes() == bytes([1, 0, 1, 0, 1])
    export(store, tmp_path / "b", "olmo", label_mask=mask)
    assert (tmp_path / "b/data_label_mask.npy").read_bytes() == bytes([1, 0, 1, 0, 1])
    for name, option in (("datatrove", "loss"), ("olmo", "label_mask")):
        with pytest.raises(ValueError, match=f"{option} must have one value per id: 5, not 4"):
            export(store, tmp_path / f"{name}1", name, **{option: mask[1:]})
        with pytest.raises(TypeError, match=f"{option} must be an array of bool"):
            export(store, tmp_path / f"{name}2", name, **{option: [1, 0, 1, 0, 1]})


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0.00 T"), (7, "7.00 T"), (12, "12.0 T"), (999, "999 T"), (1000, "1.00 kT"), (1234, "1.23 kT"),
        (9994, "9.99 kT"), (9996, "10.0 kT"), (123_456, "123 kT"), (999_600, "1.00 MT"),
        (9_035_582_198, "9.04 GT"), (15 * 10**12, "15.0 TT"),
    ],
)  # fmt: skip
def test_counts_for_people(count, text):
    """The expected texts are those of ``humanize.metric(count, "T")``, humanize 4.17."""
    assert datatrove.format_count(count) == text


def test_tables_of_olmo_do_not_depend_on_the_time(tmp_path, monkeypatch):
    store = make_store(tmp_path, [[1, 2], [3]], 300)
    for i in (0, 1):
        monkeypatch.setattr("time.time", lambda i=i: 1e9 * (i + 1))
        export(store, tmp_path / f"{i}", "olmo")
    assert files_of(tmp_path / "0") == files_of(tmp_path / "1")


@pytest.mark.parametrize("dtype", ["uint16", "int32", "int64"])
def test_chunks_of_litdata(tmp_path, dtype):
    rows = make_rows(300)
    store = make_store(tmp_path, rows, 300)
    letter, code = {"uint16": ("H", 20), "int32": ("i", 16), "int64": ("q", 18)}[dtype]
    path = tmp_path / "data"
    store.export(path, format="litdata", dtype=dtype, chunk_bytes=1000)
    index = json.loads((path / "index.json").read_text())
    assert index["config"]["data_format"] == [f"no_header_tensor:{code}"]
    assert index["config"]["item_loader"] == "TokensLoader"
    rest = [[*row, EOT] for row in rows]
    for chunk in index["chunks"]:
        inside, rest = rest[: chunk["chunk_size"]], rest[chunk["chunk_size"] :]
        data = (path / chunk["filename"]).read_bytes()
        assert data == token_files.litdata_chunk(inside, letter)
        assert (len(data), chunk["dim"]) == (chunk["chunk_bytes"], sum(map(len, inside)))
        size = struct.calcsize(letter)
        assert chunk["dim"] * size <= 1000 or len(inside) == 1
    assert rest == []
    assert len(index["chunks"]) > 3
    copy = import_store(path, tmp_path / "copy", format="litdata", vocab_size=300)
    assert np.array_equal(copy.ids, store.ids)
    assert np.array_equal(copy.offsets, store.offsets)


def test_litdata_is_told_when_ids_change(tmp_path):
    stamps = []
    for i, rows in enumerate(([[1, 2]], [[1, 3]], [[1, 2]])):
        make_store(tmp_path, rows, 300).export(tmp_path / f"out{i}", format="litdata")
        stamps.append(json.loads((tmp_path / f"out{i}/index.json").read_text())["updated_at"])
    assert stamps[0] == stamps[2] != stamps[1]


@pytest.mark.parametrize("limit", [400, 2000, 1 << 26])
def test_shards_of_mds(tmp_path, limit):
    rows = make_rows(300)
    store = make_store(tmp_path, rows, 300)
    store.export(tmp_path / "data", format="mds", size_limit=limit)
    assert files_of(tmp_path / "data") == token_files.mds(rows, EOT, 300, limit)
    copy = import_store(tmp_path / "data", tmp_path / "copy", format="mds", vocab_size=300)
    assert np.array_equal(copy.offsets, store.offsets)


@pytest.mark.parametrize("dtype", stream_peers.VOCABULARIES)
def test_files_equal_those_of_litdata_and_streaming(tmp_path, dtype):
    """The recorded files were written by the libraries; see tests/stream_peers.py."""
    vocab_size, rows = stream_peers.VOCABULARIES[dtype], stream_peers.sample(dtype)
    store = ft.TokenStore.from_arrays(tmp_path / "s", rows, vocab_size=vocab_size)
    recorded = stream_peers.RECORDED
    store.export(tmp_path / "mds", format="mds", size_limit=stream_peers.LIMIT)
    assert files_of(tmp_path / "mds") == files_of(recorded / f"mds-{dtype}")
    store.export(tmp_path / "litdata", format="litdata")
    ours, theirs = files_of(tmp_path / "litdata"), files_of(recorded / f"litdata-{dtype}")
    indices = [json.loads(files.pop("index.json")) for files in (ours, theirs)]
    assert ours == theirs
    for index in indices:
        assert index.pop("updated_at")
    assert indices[0] == indices[1]
    for name in ("mds", "litdata"):
        copy = import_store(
            recorded / f"{name}-{dtype}", tmp_path / f"copy {name}", format=name, vocab_size=vocab_size
        )
        assert [copy.document(i).tolist() for i in range(len(copy))] == rows


def test_mds_of_other_columns(tmp_path):
    """A sample has two columns: bytes of int64 ids, and a number of 8 bytes; columns are sorted by name."""
    samples = [([1, 2, 3], 10), ([4], 11)]
    data = b""
    places = [0]
    for ids, number in samples:
        encoded = struct.pack(f"<{len(ids)}q", *ids)
        data += struct.pack("<I", len(encoded)) + encoded + struct.pack("<q", number)
        places.append(len(data))
    start = 4 + 4 * 3
    (tmp_path / "shard.00000.mds").write_bytes(
        struct.pack("<I", 2) + struct.pack("<3I", *(start + one for one in places)) + data
    )
    shard = {
        "version": 2, "format": "mds", "compression": None, "column_names": ["ids", "number"],
        "column_encodings": ["bytes", "int"], "column_sizes": [None, 8], "samples": 2,
        "raw_data": {"basename": "shard.00000.mds", "bytes": start + len(data), "hashes": {}},
    }  # fmt: skip
    (tmp_path / "index.json").write_text(json.dumps({"version": 2, "shards": [shard]}))
    options = {"format": "mds", "vocab_size": 300}
    store = import_store(tmp_path, tmp_path / "s", **options, column="ids")
    assert [store.document(i).tolist() for i in range(2)] == [[1, 2, 3], [4]]
    for column, message in (("tokens", "no column 'tokens'"), ("number", "has the encoding 'int'")):
        with pytest.raises(ft.TokenStoreError, match=message):
            import_store(tmp_path, tmp_path / "t", **options, column=column)


def test_mds_cannot_hold_empty_documents(tmp_path):
    store = make_store(tmp_path, [[1], [], [2]], 300, None)
    with pytest.raises(ft.TokenStoreError, match="document 1 is empty, and MDS cannot hold empty arrays"):
        store.export(tmp_path / "data", format="mds")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("vocab_size", [300, 100_000])
def test_columns_of_parquet_and_arrow(tmp_path, vocab_size):
    rows = make_rows(vocab_size)
    store = make_store(tmp_path, rows, vocab_size)
    expected = [[*row, EOT] for row in rows]
    kind = pa.list_(pa.uint16() if vocab_size == 300 else pa.int32())
    table = pq.read_table(export(store, tmp_path / "a", "parquet", column="ids"))
    assert table.column("ids").to_pylist() == expected
    assert table.schema.field("ids").type.value_type == kind.value_type
    for container, open_file in (("stream", pa.ipc.open_stream), ("file", pa.ipc.open_file)):
        path = export(store, tmp_path / container, "arrow", container=container)
        with pa.memory_map(str(path)) as file:
            table = open_file(file).read_all()
        assert table.column("input_ids").to_pylist() == expected
        assert table.schema.field("input_ids").type == kind
        copy = import_store(path, tmp_path / f"copy {container}", format="arrow", vocab_size=vocab_size)
        assert np.array_equal(copy.ids, store.ids)


@pytest.mark.parametrize("kind", [pa.list_(pa.int64()), pa.large_list(pa.uint8()), pa.list_(pa.int32(), 2)])
def test_lists_of_other_types(tmp_path, kind):
    table = pa.table({"text": ["a", "b"], "input_ids": pa.array([[1, 2], [3, 4]], kind)})
    pq.write_table(table, tmp_path / "a.parquet")
    with pa.ipc.new_stream(tmp_path / "a.arrow", table.schema) as writer:
        writer.write_table(table)
    for name in ("parquet", "arrow"):
        store = import_store(tmp_path / f"a.{name}", tmp_path / name, format=name, vocab_size=5)
        assert [store.document(i).tolist() for i in range(2)] == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([[1], None]), "row 1 of the column 'input_ids' is null"),
        (pa.array([[1], [None]]), "null among the ids"),
        (pa.array([1, 2]), "has the type int64, not a list of integers"),
        (pa.array([[1.5], [2.5]]), "has the type list.*, not a list of integers"),
        (pa.array([[1], [5]]), "the id 5 at position 1 is not in the vocabulary of 5 ids"),
        (pa.array([[1], [-1]]), "the id -1 at position 1"),
    ],
)
def test_columns_that_are_not_ids(tmp_path, column, message):
    pq.write_table(pa.table({"input_ids": column}), tmp_path / "a.parquet")
    with pytest.raises(ft.TokenStoreError, match=message):
        import_store(tmp_path / "a.parquet", tmp_path / "s", format="parquet", vocab_size=5)
    assert os.listdir(tmp_path) == ["a.parquet"]


# Layouts of other writers


def test_megatron_documents_of_several_sequences(tmp_path):
    """Sequences of 2, 1 and 3 ids; documents of two sequences, none, and one; with modes; ids of int64."""
    ids = [1, 2, 3, 4, 5, 6]
    index = b"MMIDIDX\0\0" + struct.pack("<QBQQ", 1, 5, 3, 4)
    index += struct.pack("<3i", 2, 1, 3) + struct.pack("<3q", 0, 16, 24) + struct.pack("<4q", 0, 2, 2, 3)
    (tmp_path / "a.bin").write_bytes(struct.pack("<6q", *ids))
    for name, modes in (("with", bytes(3)), ("without", b"")):
        (tmp_path / "a.idx").write_bytes(index + modes)
        store = import_store(tmp_path / "a.idx", tmp_path / name, format="megatron", vocab_size=300)
        assert [store.document(i).tolist() for i in range(3)] == [[1, 2, 3], [], [4, 5, 6]]


def test_olmo_without_a_table(tmp_path):
    np.array([1, 2, EOT, 3, EOT, 4], np.uint8).tofile(tmp_path / "a.npy")
    options = {"format": "olmo", "vocab_size": 300, "dtype": "uint8"}
    store = import_store(tmp_path / "a.npy", tmp_path / "s", **options, separator_id=EOT)
    assert store.offsets.tolist() == [0, 3, 5, 6]
    store = import_store(tmp_path / "a.npy", tmp_path / "t", **options)
    assert store.offsets.tolist() == [0, 6]


def test_shards_are_read_in_the_order_of_their_numbers(tmp_path):
    for i, name in enumerate(("a_val_000000", "a_train_000001", "a_train_000002", "a_train_000010")):
        np.save(tmp_path / f"{name}.npy", np.array([EOT, 10 + i], np.uint16))
    options = {"format": "build-nanogpt", "vocab_size": 300, "separator_id": EOT}
    store = import_store(tmp_path, tmp_path / "s", **options)
    assert store.ids.tolist() == [10, EOT, 11, EOT, 12, EOT, 13, EOT]
    files = [tmp_path / "a_train_000010.npy", str(tmp_path / "a_train_000001.npy")]
    assert import_store(files, tmp_path / "t", **options).ids.tolist() == [13, EOT, 11, EOT]


# Wrong arguments


@pytest.mark.parametrize("name", SMALL_VOCABULARY)
def test_large_vocabularies_do_not_fit_uint16(tmp_path, name):
    store = make_store(tmp_path, [[1]], 65_537)
    with pytest.raises(
        ft.TokenStoreError, match="uint16 cannot hold a vocabulary of 65,537 ids, only of 65,536"
    ):
        store.export(tmp_path / "out", format=name)
    with pytest.raises(ft.TokenStoreError, match='pass variant="llama-3"'):
        store.export(tmp_path / "out", format="llmc", variant="gpt-2")
    for other in ("litdata", "mds"):
        with pytest.raises(ft.TokenStoreError, match="the type uint16 cannot hold"):
            store.export(tmp_path / "out", format=other, dtype="uint16")
    assert os.listdir(tmp_path) == ["0.tokens"]


@pytest.mark.parametrize("name", ["megatron", "litdata", "mds", "parquet", "arrow"])
def test_vocabularies_that_do_not_fit_int32(tmp_path, name):
    store = make_store(tmp_path, [[1]], (1 << 31) + 1)
    with pytest.raises(ft.TokenStoreError, match=r"int32.* cannot hold a vocabulary of 2,147,483,649 ids"):
        store.export(tmp_path / "out", format=name)
    assert os.listdir(tmp_path) == ["0.tokens"]


def test_llmc_holds_less_than_2_31_ids():
    ids = np.lib.stride_tricks.as_strided(np.zeros(1, np.uint16), (1 << 31,), (0,))
    store = SimpleNamespace(
        path="a", ids=ids, offsets=np.array([0, 1 << 31]), vocab_size=300, separator_id=None
    )
    with pytest.raises(ft.TokenStoreError, match=r"at most 2,147,483,647 ids, .* pass shard_size=10\*\*8"):
        FORMATS["llmc"].export(store, "b")
    for name, message in (("megatron", "lengths are int32"), ("arrow", "a list has less than 2")):
        with pytest.raises(ft.TokenStoreError, match=f"document 0 has 2,147,483,648 ids, but .*{message}"):
            FORMATS[name].export(store, "b")
    store.offsets = np.array([0, 5, 1 << 31])
    for name in ("litdata", "mds"):
        with pytest.raises(ft.TokenStoreError, match="document 1 is too large: .* 4,294,967,295 bytes"):
            FORMATS[name].export(store, "b")
    assert not os.path.exists("b")


@pytest.mark.parametrize("name", FORMATS)
def test_unknown_options_and_values(tmp_path, name):
    store = make_store(tmp_path, [[1]], 300)
    with pytest.raises(TypeError, match=f"format '{name}' takes .*, but was given nonsense"):
        store.export(tmp_path / "out", format=name, nonsense=1)
    with pytest.raises(TypeError, match=f"format '{name}' takes .*, but was given nonsense"):
        import_store("missing", tmp_path / "out", format=name, vocab_size=300, nonsense=1)
    for option in base.option_names(FORMATS[name].export):
        for wrong in (-1, "", "nonsense", 1.5, [1]):
            if option in ("prefix", "column", "tokenizer_name") and wrong == "nonsense":
                continue
            with pytest.raises((TypeError, ValueError), match=option):
                store.export(tmp_path / "out", format=name, **{option: wrong})
    for option in base.option_names(FORMATS[name].read):
        for wrong in (-1, "", "nonsense", 1.5, [1]):
            if option == "column" and wrong == "nonsense":
                continue
            with pytest.raises((TypeError, ValueError), match=option):
                import_store("missing", tmp_path / "out", format=name, vocab_size=300, **{option: wrong})
    assert os.listdir(tmp_path) == ["0.tokens"]


def test_unknown_formats(tmp_path):
    store = make_store(tmp_path, [[1]], 300)
    message = """format must be "nanogpt", .* or "arrow", not 'nano-gpt'; did you mean "nanogpt\""""
    with pytest.raises(ValueError, match=message):
        store.export(tmp_path / "out", format="nano-gpt")
    with pytest.raises(ValueError, match=message):
        import_store("a", tmp_path / "out", format="nano-gpt", vocab_size=300)


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_is_written_into_the_store(tmp_path, name):
    store = make_store(tmp_path, [[1]], 300)
    os.symlink(store.path, tmp_path / "link")
    before = files_of(Path(store.path))
    for path in (f"{store.path}/a", tmp_path / "link/a", f"{store.path}/../link/ids-00000.bin"):
        with pytest.raises(ValueError, match="it is in the token store"):
            store.export(path, format=name)
    if name != "megatron":  # whose files have other names
        with pytest.raises(ValueError, match="it is in the token store"):
            store.export(store.path, format=name, **({"held_out": 0.5} if name == "nanogpt" else {}))
    assert files_of(Path(store.path)) == before


@pytest.mark.parametrize("name", FORMATS)
def test_outputs_that_exist_or_cannot_be_written(tmp_path, name):
    store = make_store(tmp_path, [[1]], 300)
    with pytest.raises(OSError, match=r"cannot write|Not a directory|No such file"):
        store.export("/proc/nothing/a", format=name)
    if name in FOLDERS:
        (tmp_path / "out").mkdir()
        (tmp_path / "out/file").write_text("kept")
        with pytest.raises(FileExistsError, match="the folder is not empty"):
            store.export(tmp_path / "out", format=name)
        assert files_of(tmp_path / "out") == {"file": b"kept"}
    else:
        path = export(store, tmp_path / "out", name)
        first = files_of(tmp_path / "out")
        for file in (tmp_path / "out").iterdir():
            file.write_text("old")
        store.export(path, format=name, **OPTIONS.get(name, {}))  # replaces the files
        assert files_of(tmp_path / "out") == first


@pytest.mark.parametrize("name", FORMATS)
def test_a_full_disk_leaves_nothing(tmp_path, name):
    store = make_store(tmp_path, make_rows(300, 40, 2000), 300)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(OSError, match=r"File too large"):
            store.export(tmp_path / "out", format=name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert os.listdir(tmp_path) == ["0.tokens"]


@pytest.mark.parametrize("name", ["llmc", "build-nanogpt"])
def test_separators_first_need_separators(tmp_path, name):
    for i, rows in enumerate(([[1, EOT], [2, 3], [4, EOT]], [[1, EOT], [], [4, EOT]])):
        store = ft.TokenStore.from_arrays(tmp_path / f"{i}", rows, vocab_size=300, separator_id=EOT)
        with pytest.raises(ft.TokenStoreError, match="document 1 does not end with the separator 7"):
            store.export(tmp_path / "out", format=name)
        export(store, tmp_path / f"out{i}", name, separator="last")


@pytest.mark.parametrize("rows", [[[1, EOT], [2], [3, EOT]], [[], [1, EOT]], [[1, EOT], [], [2, EOT]]])
@pytest.mark.parametrize("name", ["megatron", "datatrove", "olmo", "litdata", "parquet", "arrow"])
@pytest.mark.usefixtures("_blocks")
def test_documents_must_end_with_the_separator(tmp_path, name, rows):
    store = ft.TokenStore.from_arrays(tmp_path / "s", rows, vocab_size=300)
    path = export(store, tmp_path / "out", name)
    bad = next(i for i, row in enumerate(rows) if row[-1:] != [EOT])
    with pytest.raises(ft.TokenStoreError, match=f"document {bad} does not end with the separator 7"):
        import_store(path, tmp_path / "copy", format=name, vocab_size=300, separator_id=EOT)
    assert not (tmp_path / "copy").exists()


# Damaged files


@pytest.mark.parametrize("name", FORMATS)
def test_ids_outside_the_vocabulary(tmp_path, name):
    store = make_store(tmp_path, [[1, 299, 2]], 300)
    path = export(store, tmp_path / "out", name)
    with pytest.raises(
        ft.TokenStoreError, match="the id 299 at position [12] is not in the vocabulary of 299 ids"
    ):
        import_store(path, tmp_path / "copy", format=name, vocab_size=299, separator_id=EOT)
    assert sorted(os.listdir(tmp_path)) == ["0.tokens", "out"]


@pytest.mark.parametrize("name", FORMATS)
def test_files_that_are_cut_off_or_changed(tmp_path, name):
    """Either it is a typed error, or the file is valid: raw ids have no sizes, and ids may be any number."""
    store = make_store(tmp_path, [[1, 2, 3], [4], [5, 6]], 300)
    path = export(store, tmp_path / "out", name)
    source = random.Random(1)
    files = [file for file in (tmp_path / "out").rglob("*") if file.is_file()]
    refused = 0
    for file in files:
        data = file.read_bytes()
        cuts = [data[:n] for n in {*range(0, len(data), max(1, len(data) // 12)), len(data) - 1}]
        changes = []
        for _ in range(15):
            changed = bytearray(data)
            changed[source.randrange(len(data))] = source.randrange(256)
            changes.append(bytes(changed))
        for damaged in (*cuts, *changes, data + b"\0"):
            file.write_bytes(damaged)
            try:
                import_store(path, tmp_path / "copy", format=name, vocab_size=300, separator_id=EOT)
                shutil.rmtree(tmp_path / "copy")
            except ft.TokenStoreError as error:
                assert str(tmp_path) in str(error)
                refused += 1
            except OSError as error:  # an index that names another file
                assert error.filename is not None
                refused += 1
            assert not (tmp_path / "copy.partial").exists()
        file.write_bytes(data)
    assert refused > 5


@pytest.mark.parametrize("name", FORMATS)
def test_files_of_other_kinds(tmp_path, name):
    (tmp_path / "text").write_text("This is a text, and it has nothing to do with the ids of tokens.\n" * 50)
    (tmp_path / "empty").mkdir()
    options = {"format": name, "vocab_size": 300, "separator_id": EOT}
    with pytest.raises((ft.TokenStoreError, OSError)):
        import_store(tmp_path / "text", tmp_path / "s", **options)
    for missing in (tmp_path / "missing", tmp_path / "empty"):
        with pytest.raises(OSError, match=r"No such file|has no files named|index.json"):
            import_store(missing, tmp_path / "s", **options)
    for source in ([], 5, None, [None], b"a", {"a"}):
        with pytest.raises((TypeError, ValueError), match="source"):
            import_store(source, tmp_path / "s", **options)
    assert sorted(os.listdir(tmp_path)) == ["empty", "text"]


def test_an_index_names_only_files_of_its_folder(tmp_path):
    store = make_store(tmp_path, [[1, 2]], 300)
    for name, key in (("litdata", "chunk-0-0.bin"), ("mds", "shard.00000.mds")):
        path = export(store, tmp_path / name, name)
        text = (path / "index.json").read_text()
        shutil.move(path / key, tmp_path / key)
        for outside in (f"../../{key}", str(tmp_path / key), "..", ""):
            (path / "index.json").write_text(text.replace(json.dumps(key), json.dumps(outside)))
            with pytest.raises(ft.TokenStoreError, match="names a file outside its folder"):
                import_store(path, tmp_path / "s", format=name, vocab_size=300)


def test_an_existing_store_is_not_replaced(tmp_path):
    store = make_store(tmp_path, [[1, 2]], 300)
    path = export(store, tmp_path / "out", "nanogpt")
    before = files_of(Path(store.path))
    with pytest.raises(FileExistsError):
        import_store(path, store.path, format="nanogpt", vocab_size=300)
    assert files_of(Path(store.path)) == before


def test_build_nanogpt_needs_npy_files(tmp_path):
    for values in (np.zeros((2, 2), np.uint16), np.zeros(3), np.array([None])):
        np.save(tmp_path / "a.npy", values, allow_pickle=True)
        with pytest.raises(ft.TokenStoreError, match=r"one row of integers|not an .npy file"):
            build_nanogpt.read([str(tmp_path / "a.npy")], base.Ids(300))
