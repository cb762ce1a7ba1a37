"""Token stores: ids on disk are those that were written, and damage is an error that names the place."""

from __future__ import annotations

import json
import os
import pickle

import numpy as np
import pytest

import fasttok as ft

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
        with pytest.raises(FileExistsError, match="it exists"):
            ft.TokenStore.from_arrays(tmp_path / name, [[2]], vocab_size=4)
    assert ft.TokenStore.open(tmp_path / "a").ids.tolist() == [1]
    with pytest.raises(IndexError, match="id 4 at position 2, in document 1, is not in the vocabulary of 4"):
        ft.TokenStore.from_arrays(tmp_path / "b", [[1, 2], [4, 3]], vocab_size=4)
    assert sorted(os.listdir(tmp_path)) == ["a", "file"]
