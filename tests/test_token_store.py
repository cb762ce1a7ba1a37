"""Token stores: ids on disk are those that were written, and damage is an error that names the place."""

from __future__ import annotations

import json
import os
import pickle
import re

import numpy as np
import pytest
from xxhash import xxh3_128

import fasttok as ft
from tests import hostile

UNIT = 1 << 16  # smallest shard


def naive_store(path):
    """Return description, ids and offsets of a store, read by the documented layout."""
    description = json.loads((path / "store.json").read_text())
    shards = sorted(name for name in os.listdir(path) if name.startswith("ids-"))
    dtype = {"uint16": "<u2", "uint32": "<u4"}[description["dtype"]]
    ids = np.concatenate([np.fromfile(path / name, dtype) for name in shards])
    return description, ids, np.fromfile(path / "offsets.bin", "<i8")


@pytest.mark.parametrize(("vocab_size", "dtype"), [(1, "uint16"), (1 << 16, "uint16"), (65_537, "uint32")])
@pytest.mark.parametrize("n", [0, 1, UNIT - 1, UNIT, UNIT + 1, 3 * UNIT])
def test_arrays_are_written_and_read(tmp_path, vocab_size, dtype, n):
    rng = np.random.default_rng(n)
    ids = rng.integers(0, vocab_size, n)
    offsets = np.array([0, *sorted(rng.integers(0, n + 1, 5)), n])
    store = ft.TokenStore.from_arrays(
        tmp_path / "a", ids, offsets, vocab_size=vocab_size, shard_size=UNIT, separator_id=0
    )
    description, expected, expected_offsets = naive_store(tmp_path / "a")
    assert (expected == ids).all()
    assert (expected_offsets == offsets).all()
    assert (description["n_ids"], description["n_documents"]) == (n, 6)
    assert store.ids.dtype == store.dtype == np.dtype(dtype)
    assert not store.ids.flags.writeable
    assert not store.offsets.flags.writeable
    assert (store.ids == ids).all()
    assert (store.offsets == offsets).all()
    assert store.offsets.dtype == np.int64
    for i in range(-6, 6):
        assert (store.document(i) == ids[offsets[i % 6] : offsets[i % 6 + 1]]).all()
        assert store.document(i).base is not None
    store.verify()
    assert sorted(os.listdir(tmp_path)) == ["a"]


def test_rows_and_arrays_give_the_same_bytes(tmp_path):
    rows = [[1, 2, 3], [], [4, 5]]
    given = {
        "rows": rows,
        "generator": (np.array(row, np.uint8) for row in rows),
        "ragged": ft.Ragged.from_rows(rows),
    }
    stores = [ft.TokenStore.from_arrays(tmp_path / name, ids, vocab_size=6) for name, ids in given.items()]
    for store in stores:
        for name in os.listdir(tmp_path / "rows"):
            assert (tmp_path / "rows" / name).read_bytes() == (
                tmp_path / os.path.basename(store.path) / name
            ).read_bytes()
    ragged = ft.Ragged(np.arange(9), np.array([3, 4, 6]))  # whose values are not all in rows
    part = ft.TokenStore.from_arrays(tmp_path / "part", ragged, vocab_size=6)
    assert (part.ids.tolist(), part.offsets.tolist()) == ([3, 4, 5], [0, 1, 3])
    with pytest.raises(ValueError, match="offsets must begin with 0 and end with the number of ids, 9"):
        ft.TokenStore.from_arrays(tmp_path / "b", ragged.values, ragged.offsets, vocab_size=9)
    flat = ft.TokenStore.from_arrays(tmp_path / "flat", np.arange(6), vocab_size=6)
    assert (len(flat), flat.document(0).tolist()) == (1, [0, 1, 2, 3, 4, 5])


def test_views_outlive_the_store_and_its_files(tmp_path):
    store = ft.TokenStore.from_arrays(tmp_path / "a", [[1, 2, 3]], vocab_size=4)
    again = pickle.loads(pickle.dumps(store))  # noqa: S301
    row = store.document(0)
    for path in (tmp_path / "a").iterdir():
        path.unlink()
    del store
    assert row.tolist() == [1, 2, 3]
    with pytest.raises(FileNotFoundError):
        _ = again.ids


def test_existing_paths_are_not_replaced(tmp_path):
    ft.TokenStore.from_arrays(tmp_path / "a", [[1]], vocab_size=4)
    (tmp_path / "file").write_bytes(b"old")
    for name in ("a", "a/", "file"):
        with pytest.raises(FileExistsError, match="the path exists"):
            ft.TokenStore.from_arrays(tmp_path / name, [[2]], vocab_size=4)
    assert ft.TokenStore.open(tmp_path / "a").ids.tolist() == [1]
    with pytest.raises(IndexError, match="id 4 at position 2, in document 1, is not in the vocabulary of 4"):
        ft.TokenStore.from_arrays(tmp_path / "b", [[1, 2], [4, 3]], vocab_size=4)
    assert sorted(os.listdir(tmp_path)) == ["a", "file"]


# Encoding a corpus

TOK = ft.train(
    ft.Corpus.from_texts(["low lower lowest", "new newer"]), vocab_size=265, special_tokens=["<s>", "<|end|>"]
).with_template("<s> $A")


def documents(n=500, seed=5):
    texts = [text.encode("utf-8", "replace") for text in hostile.texts(n, seed=seed)]
    return [*texts, b"", b"low " * 100_000, b""]


@pytest.mark.parametrize(
    ("separator", "options"),
    [
        (None, {}),
        ("<|end|>", {}),
        (7, {}),
        ("<|end|>", {"add_special_tokens": True}),
        (None, {"special": "all"}),
        ("<s>", {"special": {"<s>"}}),
    ],
)
def test_corpus_is_encoded_as_by_encode(tmp_path, separator, options):
    texts = documents()
    texts[3] = b"low<s>low<|end|>"
    corpus = ft.Corpus.from_texts(texts)
    rows = [TOK.encode(text, as_list=True, **options) for text in texts]
    separator_id = {"<s>": 263, "<|end|>": 264}.get(separator, separator)
    if separator is not None:
        rows = [[*row, separator_id] for row in rows]
    stored = TOK.encode_corpus(corpus, tmp_path / "1", separator=separator, workers=1, **options)
    description, ids, offsets = naive_store(tmp_path / "1")
    assert offsets.tolist() == [0, *np.cumsum([len(row) for row in rows])]
    assert ids.tolist() == [i for row in rows for i in row]
    assert stored.source_bytes == description["source_bytes"] == sum(map(len, texts))
    assert stored.bytes_per_token == pytest.approx(stored.source_bytes / len(ids))
    assert stored.separator_id == separator_id
    assert stored.corpus_fingerprint == corpus.fingerprint() == naive_fingerprint(texts)
    assert stored.tokenizer_fingerprint == TOK.fingerprint()
    assert stored.vocab_size == TOK.vocab_size
    stored.verify()


def naive_fingerprint(texts):
    text = xxh3_128(b"".join(texts)).digest()
    lengths = b"".join(len(one).to_bytes(8, "little") for one in texts)
    lengths = xxh3_128(lengths).digest()
    return xxh3_128(text + lengths).hexdigest()


@pytest.mark.parametrize("tok", ["uint16", "uint32"])
def test_bytes_do_not_depend_on_workers_batches_and_checkpoints(tmp_path, monkeypatch, tok):
    if tok == "uint32":
        model = ft.CharacterModel([*map(chr, range(0x10000, 0x20000)), *map(chr, range(500))], unk_id=70)
        tok = ft.Tokenizer(model, "none", {"<|end|>": 66_036})
    else:
        tok = TOK
    (tmp_path / "text.txt").write_bytes(b"low lower \n" * 40_000)  # one document, which is read in parts
    corpora = [
        ft.Corpus.from_texts(documents()),
        ft.Corpus.from_files(tmp_path / "text.txt"),
        ft.Corpus.from_files(tmp_path / "text.txt", document="line"),
    ]
    settings = [(1, 1 << 20, 1 << 26), (2, 1 << 14, 1 << 15), (3, 5000, 1 << 16)]
    for i, corpus in enumerate(corpora):
        expected = None
        for j, (workers, batch, checkpoint) in enumerate(settings):
            monkeypatch.setattr("fasttok.tokenizer.encode.BATCH_BYTES", batch)
            monkeypatch.setattr("fasttok.tokenizer.stored.CHECKPOINT_BYTES", checkpoint)
            path = tmp_path / f"{i}-{j}"
            tok.encode_corpus(corpus, path, separator="<|end|>", workers=workers, shard_size=UNIT)
            found = {file.name: file.read_bytes() for file in path.iterdir()}
            expected = expected or found
            assert found == expected
        assert naive_store(path)[1].max() < tok.vocab_size


def test_separators(tmp_path):
    for separator, error, message in [
        ("<end>", ValueError, "separator '<end>' is not an added token; did you mean \"<|end|>\""),
        (265, IndexError, "separator 265 is not an id of a vocabulary of 265"),
        (-1, IndexError, "separator -1 is not an id"),
        (1.0, TypeError, "separator must be the text of an added token, an id or None"),
    ]:
        with pytest.raises(error, match=re.escape(message)):
            TOK.encode_corpus(ft.Corpus.from_texts(["a"]), tmp_path / "a", separator=separator)
    assert os.listdir(tmp_path) == []


def test_texts_that_cannot_be_encoded_name_their_document(tmp_path):
    tok = ft.train(ft.Corpus.from_texts(["abc"]), model="character")
    with pytest.raises(ft.UnknownCharacterError, match="document 1:"):
        tok.encode_corpus(ft.Corpus.from_texts(["abc", "abd"]), tmp_path / "a")
    assert os.listdir(tmp_path) == []
    with pytest.raises(FileNotFoundError, match=r"No such file.*missing.txt"):
        tok.encode_corpus(tmp_path / "missing.txt", tmp_path / "a")


def test_empty_corpus(tmp_path):
    store = TOK.encode_corpus(ft.Corpus.from_texts([]), tmp_path / "a", separator=1)
    assert (len(store), store.n_ids, store.bytes_per_token, store.source_bytes) == (0, 0, None, 0)
    assert store.offsets.tolist() == [0]
    assert store.ids.tolist() == []
    with pytest.raises(IndexError, match="there is no document 0"):
        store.document(0)


def test_tiny_shakespeare_as_characters(tmp_path, shared):
    corpus = ft.Corpus.from_files(shared / "data/prose/tinyshakespeare.txt")
    tok = ft.train(corpus, model="character")
    store = tok.encode_corpus(corpus, tmp_path / "a")
    assert (store.n_ids, store.vocab_size, store.dtype) == (1_115_394, 65, np.uint16)
    text = (shared / "data/prose/tinyshakespeare.txt").read_text()
    symbols = "".join(tok.id_to_piece(i).decode() for i in range(65))
    assert "".join(symbols[i] for i in store.ids.tolist()) == text


def test_a_billion_ids_are_opened_as_views_of_a_sparse_file(tmp_path):
    store = ft.TokenStore.from_arrays(tmp_path / "a", [[1, 2, 3]], vocab_size=5)
    n = 10**9
    shards = -(-n // (1 << 28))
    description = json.loads((tmp_path / "a/store.json").read_text()) | {"n_ids": n}
    for i in range(shards):
        size = 2 * min(n - i * (1 << 28), 1 << 28)
        with open(tmp_path / "a" / f"ids-{i:05d}.bin", "ab") as file:
            file.truncate(size)
        description["files"][f"ids-{i:05d}.bin"] = {"bytes": size, "sha256": ""}
    np.array([0, n]).tofile(tmp_path / "a/offsets.bin")
    (tmp_path / "a/store.json").write_text(json.dumps(description))
    store = ft.TokenStore.open(tmp_path / "a")
    assert len(store.ids) == len(store.document(0)) == n
    assert store.ids[:4].tolist() == [1, 2, 3, 0]
    assert store.ids[(1 << 28) - 2 : (1 << 28) + 2].tolist() == [0] * 4
    assert store.ids[-1] == 0
