"""Stored ids in PyTorch: the tensors equal the batches of NumPy, for any number of workers."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

import fasttok as ft

# Python 3.12 warns if a process with threads is forked, and torch if there are more workers than CPUs.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    rng = np.random.default_rng(1)
    rows = [rng.integers(0, 1000, n) for n in (100, 0, 7, 1, 250, 60)]
    return ft.TokenStore.from_arrays(tmp_path_factory.mktemp("torch") / "a.tokens", rows, vocab_size=1000)


def to_lists(batches):
    return [(x.tolist(), y.tolist()) for x, y in batches]


def test_windows_are_tensors_of_int64(store):
    dataset = ft.tokens.WindowDataset(store, 8, 5)
    windows = store.windows(8, 5)
    assert isinstance(dataset, Dataset)
    assert len(dataset) == len(windows)
    for i in (0, 3, -1):
        x, y = dataset[i]
        assert (x.dtype, y.dtype, x.shape) == (torch.int64, torch.int64, (8,))
        assert [x.tolist(), y.tolist()] == [part.tolist() for part in windows[i]]
    for i in (len(windows), -len(windows) - 1):
        with pytest.raises(IndexError, match=f"window {i} does not exist"):
            dataset[i]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_makes_batches_of_windows(store, workers):
    loader = DataLoader(ft.tokens.WindowDataset(store, 8), batch_size=4, num_workers=workers)
    assert to_lists(loader) == to_lists(store.batches(4, 8, drop_last=False))


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("start", [0, 5])
def test_batches_are_the_same_for_any_number_of_workers(store, workers, start):
    options = {"seed": 7, "epoch": 2, "start": start, "drop_last": False}
    dataset = ft.tokens.BatchDataset(store, 4, 8, 3, **options)
    assert isinstance(dataset, IterableDataset)
    loader = DataLoader(dataset, batch_size=None, num_workers=workers)
    batches = [*loader]
    assert {(x.dtype, y.dtype) for x, y in batches} == {(torch.int64, torch.int64)}
    assert len(loader) == len(dataset) == len(batches)
    assert to_lists(batches) == to_lists(store.batches(4, 8, 3, **options))


def test_epochs_and_states(store):
    dataset = ft.tokens.BatchDataset(store, 4, 8, seed=7, start=3)
    expected = to_lists(store.batches(4, 8, seed=7))
    assert to_lists(dataset) == expected[3:]
    state = dataset.state(2)
    assert state == store.batches(4, 8, seed=7, start=5).state
    assert to_lists(ft.tokens.BatchDataset(store, 4, 8, seed=7, start=state)) == expected[5:]
    dataset.set_epoch(1)
    assert to_lists(dataset) == to_lists(store.batches(4, 8, seed=7, epoch=1))
    assert len(dataset) == len(expected)
    assert dataset.state(2)["epoch"] == 1
    parts = [
        ft.tokens.BatchDataset(store, 2, 8, seed=7, epoch=1, rank=rank, world_size=2) for rank in range(2)
    ]
    whole = [x for x, _ in to_lists(dataset)]
    assert [a + b for (a, _), (b, _) in zip(*map(to_lists, parts), strict=True)] == whole


def test_padding_of_targets_is_ignored_by_the_loss(store):
    options = {"within_documents": True, "keep_last": True}
    dataset = ft.tokens.WindowDataset(store, 16, pad_id=999, **options)
    windows = store.windows(16, **options)
    logits = torch.zeros(16, 1000)
    for i in range(len(windows)):
        x, y = dataset[i]
        n = len(windows[i][0])
        assert x.tolist() == [*windows[i][0].tolist(), *[999] * (16 - n)]
        assert y.tolist() == [*windows[i][1].tolist(), *[-100] * (16 - n)]
        assert torch.nn.functional.cross_entropy(logits, y).item() == pytest.approx(np.log(1000), rel=1e-5)
    batches = ft.tokens.BatchDataset(store, 3, 16, seed=1, pad_id=999, drop_last=False, **options)
    expected = store.batches(3, 16, seed=1, pad_id=999, drop_last=False, dtype=np.int64, **options)
    for (x, y), batch in zip(batches, expected, strict=True):
        assert x.tolist() == batch.x.tolist()
        assert y.tolist() == np.where(batch.mask, batch.y, -100).tolist()


def test_datasets_of_a_store_are_pickled_as_its_path(store):
    for dataset in (ft.tokens.WindowDataset(store, 8), ft.tokens.BatchDataset(store, 4, 8, seed=7)):
        data = pickle.dumps(dataset)
        assert len(data) < 2000
        again = pickle.loads(data)  # noqa: S301
        assert to_lists(again) == to_lists(dataset)


def test_tensors_share_the_memory_of_their_batch(store):
    for x, _ in ft.tokens.BatchDataset(store, 4, 8):
        x[:] = -1  # writeable, unlike the store
    assert (store.ids < 1000).all()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda s: ft.tokens.WindowDataset(s, 10**6), ft.TokenStoreError, "a window of context=1000000"),
        (lambda s: ft.tokens.WindowDataset(s, 4, pad_target="x"), TypeError, "pad_target must be an integer"),
        (
            lambda s: ft.tokens.WindowDataset([1, 2], 1),
            TypeError,
            "source must be a TokenStore or an ndarray",
        ),
        (lambda s: ft.tokens.WindowDataset(s, 4)["1"], TypeError, "the index must be an integer"),
        (lambda s: ft.tokens.BatchDataset(s, 4, 8, dtype=np.int32), TypeError, "dtype is not an option"),
        (lambda s: ft.tokens.BatchDataset(s, 4, 8, start=10**6), ValueError, "start must be at most 13"),
        (lambda s: ft.tokens.BatchDataset(s, 4, 8, pad_id=2**63), ValueError, "pad_id .* does not fit"),
        (lambda s: ft.tokens.BatchDataset(s, 4, 8).state(14), ValueError, "taken must be at most 13"),
        (lambda s: ft.tokens.BatchDataset(s, 4, 8).set_epoch(-1), ValueError, "epoch must be an integer"),
    ],
)
def test_invalid_arguments(store, make, error, message):
    with pytest.raises(error, match=message):
        make(store)


def test_without_torch_the_error_says_what_to_install():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import numpy as np, fasttok as ft\n"
        "print(len(ft.tokens.TokenWindows(np.arange(9), 4)))\n"
        "try:\n    ft.tokens.WindowDataset\nexcept ImportError as error:\n    print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=os.environ
    )
    assert run.stdout == "2\ndatasets of PyTorch need torch: pip install torch\n"
