"""Faults of token stores: killed writers, full disks, damaged files, other corpora, tokenizers, options."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys

import numpy as np
import pytest

import fasttok as ft
from fasttok.tokenizer import stored
from fasttok.tokens.checkpoint import UnfinishedFolder
from tests.conftest import ROOT
from tests.store_child import contents

UNIT = 1 << 16
N_KILLS = os.environ.get("FASTTOK_KILLS", "4")  # more take longer
DOCUMENTS = [f"document {i} " * (i % 50) for i in range(400)]
CORPUS = ft.Corpus.from_texts(DOCUMENTS)
TOK = ft.train(CORPUS, vocab_size=280, special_tokens=["<|end|>", "<s>"])


def run_child(*arguments) -> None:
    command = [sys.executable, "-m", "tests.store_child", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path):
    run_child("kill_writers", tmp_path, N_KILLS)


def test_a_full_disk_loses_nothing(tmp_path):
    run_child("fill_disk", tmp_path)


class Interruption(Exception):
    pass


def until(n):
    """Return a corpus whose reading fails at document `n`."""

    def read():
        for i, text in enumerate(DOCUMENTS):
            if i == n:
                raise Interruption
            yield text

    return ft.Corpus.from_texts(read)


@pytest.fixture
def small_checkpoints(monkeypatch):
    monkeypatch.setattr(stored, "CHECKPOINT_BYTES", 1)
    monkeypatch.setattr("fasttok.tokenizer.encode.BATCH_BYTES", 1 << 12)


def encode(path, corpus=CORPUS, tok=TOK, **options):
    return tok.encode_corpus(corpus, path, **({"separator": "<|end|>"} | options))


@pytest.mark.usefixtures("small_checkpoints")
def test_an_exception_keeps_the_checkpoint_and_the_same_call_goes_on(tmp_path):
    expected = contents_of_whole(tmp_path)
    kept = []
    for n in (5, 150, 151, 300, 399):
        with pytest.raises(Interruption):
            encode(tmp_path / "a", until(n))
        path = tmp_path / "a.partial/progress.json"
        kept.append(json.loads(path.read_text())["n_documents"] if path.exists() else 0)
    assert kept == sorted(kept)
    assert 0 < kept[2] < kept[4] < 399
    assert kept[4] > 200
    encode(tmp_path / "a")
    assert contents(tmp_path / "a") == expected
    assert sorted(os.listdir(tmp_path)) == ["a", "whole"]


def contents_of_whole(tmp_path):
    encode(tmp_path / "whole")
    return contents(tmp_path / "whole")


@pytest.fixture
def interrupted(tmp_path, small_checkpoints):
    """Return the path of a store of which 100 to 300 documents have been written."""
    with pytest.raises(Interruption):
        encode(tmp_path / "a", until(300))
    return tmp_path / "a"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"separator": None}, "separator_id 278, not None"),
        ({"separator": "<s>"}, "separator_id 278, not 279"),
        ({"special": "all"}, "special 'none', not 'all'"),
        ({"special": {"<s>", "<|end|>"}}, r"special 'none', not \['<s>', '<\|end\|>'\]"),
        ({"shard_size": UNIT}, "shard_size 268435456, not 65536"),
        ({"tok": TOK.with_template("<s> $A"), "add_special_tokens": True}, "tokenizer_fingerprint"),
        ({"corpus": ft.Corpus.from_texts(["x", *DOCUMENTS[1:]])}, "documents of the corpus are different"),
        (
            {"corpus": ft.Corpus.from_texts([DOCUMENTS[0], "".join(DOCUMENTS[1:3]), "", *DOCUMENTS[3:]])},
            "diff",
        ),
        ({"corpus": ft.Corpus.from_texts(DOCUMENTS[:7])}, "it has only 7 documents"),
        ({"corpus": ft.Corpus.from_texts([])}, "it has only 0 documents"),
    ],
)
def test_other_options_and_corpora_cannot_go_on(interrupted, options, message):
    before = contents(interrupted.parent / "a.partial")
    with pytest.raises(
        ft.TokenStoreError, match=f"cannot go on: .*{message}.*delete the folder to start again"
    ):
        encode(interrupted, **options)
    assert contents(interrupted.parent / "a.partial")["progress.json"] == before["progress.json"]
    store = encode(interrupted)
    assert (store.document(2)[:-1] == TOK.encode(DOCUMENTS[2])).all()
    assert len(store) == 400


def test_damage_of_an_unfinished_store_is_an_error(interrupted):
    for name in ("progress.json", "ids-00000.bin", "offsets.bin"):
        path = interrupted.parent / "a.partial" / name
        data = path.read_bytes()
        for damaged in (data[: len(data) // 3], b"", b"x" + data[1:]):
            path.write_bytes(damaged)
            with pytest.raises(ft.TokenStoreError, match="delete the folder") as caught:
                encode(interrupted)
            assert caught.value.path == str(path)
        path.write_bytes(data)
    encode(interrupted).verify()


def test_an_unfinished_store_is_not_opened_or_overwritten(interrupted):
    for path in (interrupted, f"{interrupted}.partial", f"{interrupted}/"):
        with pytest.raises(ft.TokenStoreError, match="not complete"):
            ft.TokenStore.open(path)
    with pytest.raises(ft.TokenStoreError, match="an unfinished run of encode_corpus"):
        ft.TokenStore.from_arrays(interrupted, [[1]], vocab_size=2)
    encode(interrupted)
    with pytest.raises(FileExistsError, match="the path exists"):
        encode(interrupted)


def test_two_writers_are_refused(interrupted):
    with UnfinishedFolder(str(interrupted)):
        for write in (encode, lambda path: ft.TokenStore.from_arrays(path, [[1]], vocab_size=2)):
            with pytest.raises(BlockingIOError, match="another process is writing this token store"):
                write(interrupted)
    encode(interrupted)


def test_a_complete_store_that_was_not_renamed(tmp_path):
    expected = contents_of_whole(tmp_path)
    (tmp_path / "whole").rename(tmp_path / "a.partial")
    for options in ({"corpus": ft.Corpus.from_texts(["a"])}, {"separator": None}, {"special": "all"}):
        with pytest.raises(ft.TokenStoreError, match="cannot go on"):
            encode(tmp_path / "a", **options)
    encode(tmp_path / "a")
    assert contents(tmp_path / "a") == expected
    assert os.listdir(tmp_path) == ["a"]


def test_remains_of_a_killed_writer_of_arrays_are_replaced(tmp_path):
    for rows in ([[1, 2]], [[1]]):
        ft.TokenStore.from_arrays(tmp_path / "a", rows, vocab_size=3)
        (tmp_path / "a").rename(tmp_path / "a.partial")
        (tmp_path / "a.partial/ids-00001.bin").write_bytes(b"rest")
    ft.TokenStore.from_arrays(tmp_path / "a", [[2]], vocab_size=3).verify()
    (tmp_path / "a").rename(tmp_path / "a.partial")
    assert len(encode(tmp_path / "a")) == 400


# Damaged stores


@pytest.fixture
def store(tmp_path):
    ids = np.random.default_rng(1).integers(0, 500, UNIT + 1000)
    return ft.TokenStore.from_arrays(
        tmp_path / "a",
        ids,
        np.array([0, 10, 10, 500, len(ids)]),
        vocab_size=500,
        shard_size=UNIT,
        separator_id=3,
        tokenizer_fingerprint=TOK.fingerprint(),
    )


@pytest.mark.parametrize("name", ["ids-00000.bin", "ids-00001.bin", "offsets.bin", "store.json"])
def test_truncated_and_missing_files_are_errors(store, tmp_path, name):
    path = tmp_path / "a" / name
    data = path.read_bytes()
    for damaged in (data[:-1], data[: len(data) // 2], b"", data + b"x"):
        path.write_bytes(damaged)
        if name == "store.json" and damaged == data[:-1]:
            continue  # only its line end is missing
        with pytest.raises(ft.TokenStoreError) as caught:
            ft.TokenStore.open(tmp_path / "a")
        assert caught.value.path == str(path)
        assert str(path) in str(caught.value)
    path.unlink()
    with pytest.raises(ft.TokenStoreError, match=name):
        ft.TokenStore.open(tmp_path / "a")


def test_flipped_bits_are_found(store, tmp_path):
    rng = random.Random(3)
    store.verify()
    for name in ("ids-00000.bin", "ids-00001.bin", "offsets.bin"):
        path = tmp_path / "a" / name
        data = path.read_bytes()
        for _ in range(5):
            i = rng.randrange(len(data))
            path.write_bytes(data[:i] + bytes([data[i] ^ 1 << rng.randrange(8)]) + data[i + 1 :])
            with pytest.raises(ft.TokenStoreError, match="damaged") as caught:
                ft.TokenStore.open(tmp_path / "a").verify()
            assert caught.value.path == str(path)
        path.write_bytes(data)
    store.verify()


def rewrite(path, name, array):
    """Replace a file of a store and its hash."""
    (path / name).write_bytes(array.tobytes())
    description = json.loads((path / "store.json").read_text())
    description["files"][name]["sha256"] = hashlib.sha256(array.tobytes()).hexdigest()
    (path / "store.json").write_text(json.dumps(description))


@pytest.mark.parametrize(
    ("i", "value", "message"),
    [
        (0, 1, "offset 0: damaged: it must be 0, not 1"),
        (2, 9, "offset 2: damaged: it is 9, but must be from 10 to 66,536"),
        (3, 70_000, "offset 3: damaged: it is 70,000, but must be from 10 to 66,536"),
        (4, 66_535, "offset 4: damaged: it must be the number of ids, 66,536, not 66,535"),
        (1, -5, "offset 1: damaged: it is -5, but must be from 0 to 66,536"),
    ],
)
def test_wrong_offsets_are_found(store, tmp_path, i, value, message):
    offsets = store.offsets.copy()
    offsets[i] = value
    rewrite(tmp_path / "a", "offsets.bin", offsets)
    again = ft.TokenStore.open(tmp_path / "a")
    for read in (again.verify, lambda: again.offsets, lambda: again.document(0)):
        with pytest.raises(ft.TokenStoreError, match=f"offsets.bin: {message}"):
            read()


def test_ids_outside_the_vocabulary_are_found(store, tmp_path):
    ids = store.ids[UNIT:].copy()
    ids[77] = 500
    rewrite(tmp_path / "a", "ids-00001.bin", ids)
    with pytest.raises(
        ft.TokenStoreError, match="ids-00001.bin: byte 154: damaged: id 500 is not in the voc"
    ):
        ft.TokenStore.open(tmp_path / "a").verify()


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("dtype", "uint32", "dtype: it must be 'uint16' for a vocab_size of 500, not 'uint32'"),
        ("dtype", "float64", "dtype: it must be 'uint16'"),
        ("dtype", None, "dtype: it must be 'uint16'"),
        ("vocab_size", 70_000, "dtype: it must be 'uint32'"),
        ("vocab_size", 0, "vocab_size: it must be at least 1"),
        ("vocab_size", 10**30, "vocab_size: it must be at most 2\\^32"),
        ("vocab_size", "500", "vocab_size: it must be an integer"),
        ("n_ids", UNIT + 999, "files, ids-00001.bin: 2000 bytes do not agree"),
        ("n_ids", 10**15, "n_ids: .* are too many"),
        ("n_ids", -1, "n_ids: it must be at least 0"),
        ("n_documents", 5, "files, offsets.bin: 40 bytes do not agree"),
        ("n_documents", 4.0, "n_documents: it must be an integer"),
        ("shard_size", UNIT + 1, "shard_size: it must be a multiple of 65,536"),
        ("shard_size", 0, "shard_size: it must be at least 65536"),
        ("separator_id", 500, "separator_id: it must be an id below 500"),
        ("separator_id", True, "separator_id: it must be null or int"),
        ("source_bytes", -1, "source_bytes: it must not be negative"),
        ("tokenizer_fingerprint", 7, "tokenizer_fingerprint: it must be null or str"),
        ("encoding", [], "encoding: it must be null or dict"),
        ("files", None, "files, ids-00000.bin: it must have the bytes and sha256"),
        ("format", "parquet", 'not a token store: its "format" is not'),
        ("version", 2, "version: version 2 is not supported"),
    ],
)
def test_wrong_descriptions_are_errors(store, tmp_path, field, value, message):
    path = tmp_path / "a/store.json"
    fields = json.loads(path.read_text())
    for changed in (fields | {field: value}, {name: one for name, one in fields.items() if name != field}):
        path.write_text(json.dumps(changed))
        expected = message if field in changed or field == "format" else f"{field}: the field is missing"
        with pytest.raises(ft.TokenStoreError, match=expected) as caught:
            ft.TokenStore.open(tmp_path / "a")
        assert caught.value.path == str(path)


def test_descriptions_that_are_not_objects_are_errors(store, tmp_path):
    for data in (b"", b"[]", b"7", b"null", b"\xff", b"[" * 100_000):
        (tmp_path / "a/store.json").write_bytes(data)
        with pytest.raises(ft.TokenStoreError, match="store.json: (damaged|not a token store)"):
            ft.TokenStore.open(tmp_path / "a")


def test_other_tokenizers_are_errors(store, tmp_path):
    assert ft.TokenStore.open(tmp_path / "a", TOK).separator_id == 3
    other = TOK.with_template("<s> $A")
    with pytest.raises(ft.TokenStoreError, match="encoded by another tokenizer"):
        ft.TokenStore.open(tmp_path / "a", other)
    ft.TokenStore.from_arrays(tmp_path / "b", [[1]], vocab_size=3)
    with pytest.raises(ft.TokenStoreError, match="does not record its tokenizer"):
        ft.TokenStore.open(tmp_path / "b", TOK)


def test_other_things_are_not_opened(tmp_path):
    (tmp_path / "train.bin").write_bytes(b"\1\0")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ft.TokenStoreError, match="it is a file, and a store is a folder"):
        ft.TokenStore.open(tmp_path / "train.bin")
    with pytest.raises(ft.TokenStoreError, match="the folder has no file store.json"):
        ft.TokenStore.open(tmp_path / "empty")
    with pytest.raises(FileNotFoundError):
        ft.TokenStore.open(tmp_path / "missing")


def test_a_changed_store_is_found(store, tmp_path):
    path = tmp_path / "a/store.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"separator_id": 4}))
    with pytest.raises(ft.TokenStoreError, match="changed since the store was opened"):
        store.verify()
