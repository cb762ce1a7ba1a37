"""nanoGPT: raw uint16 ids, in one file or split into train.bin and val.bin, and meta.pkl for characters."""

from __future__ import annotations

import math
import os
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core._gather import gather_rows
from fasttok.core.checks import checked_number, checked_seed, describe
from fasttok.core.errors import TokenStoreError
from fasttok.tokens.exports.base import (
    BLOCK,
    UINT16_IDS,
    Ids,
    Part,
    TokenFormat,
    TokenSource,
    blocks,
    check_vocabulary,
    open_ids,
    split_at_separators,
    write_blocks,
)
from fasttok.tokens.exports.output import open_files, prepare_folder

PROTOCOL = 4  # of meta.pkl: the default of Python 3.8 to 3.13


def export(
    store: TokenSource,
    path: str,
    *,
    held_out: float | None = None,
    seed: int | None = None,
    tokenizer: Any = None,
) -> tuple[str, ...]:
    """Write the ids as nanoGPT's scripts do.

    Parameters
    ----------
    store : TokenStore
        The ids.
    path : str
        File; with `held_out` or `tokenizer` a folder, into which train.bin, val.bin and meta.pkl are written.
    held_out : float, optional
        Share of the ids or documents that go to val.bin, above 0 and below 1.
    seed : int, optional
        Seed of the documents that are held out. They are those that ``train_test_split`` of Hugging Face
        datasets selects, in its order, as in nanoGPT's script for OpenWebText. Without a seed, the last ids
        are held out, as in its script for characters.
    tokenizer : Tokenizer, optional
        Tokenizer of the store, whose pieces are characters. They are written to meta.pkl.
    """
    check_vocabulary(
        store, UINT16_IDS, "nanoGPT's uint16", 'use another format, such as "llmc" with uint32, or "olmo"'
    )
    if seed is not None and held_out is None:
        raise ValueError("seed selects the documents that are held out; pass held_out too")
    meta = None if tokenizer is None else _make_meta(store, tokenizer)
    if held_out is None and meta is None:
        with open_files(store, [path]) as [file]:
            write_blocks(file, blocks(store, "<u2"))
        return (path,)
    contents: dict[str, Iterator[NDArray[Any]]] = {}
    if held_out is None:
        contents["train.bin"] = blocks(store, "<u2")
    elif seed is None:
        cut = int(len(store.ids) * (1 - checked_share("held_out", held_out)))
        contents = {"train.bin": blocks(store, "<u2", 0, cut), "val.bin": blocks(store, "<u2", cut)}
    else:
        train, val = split_documents(store, checked_share("held_out", held_out), seed)
        contents = {"train.bin": _documents(store, train), "val.bin": _documents(store, val)}
    prepare_folder(store, path)
    names = [*contents, "meta.pkl"] if meta is not None else list(contents)
    paths = [os.path.join(path, name) for name in names]
    with open_files(store, paths) as files:
        for file, arrays in zip(files, contents.values(), strict=False):
            write_blocks(file, arrays)
        if meta is not None:
            files[-1].write(pickle.dumps(meta, PROTOCOL))
    return tuple(paths)


def checked_share(name: str, value: Any) -> float:
    """Return the value as a float above 0 and below 1.

    Raises
    ------
    TypeError, ValueError
        If it is not.
    """
    share = float(checked_number(name, value, 0, 1))
    if not 0 < share < 1:
        raise ValueError(f"{name} must be above 0 and below 1, not {describe(value)}")
    return share


def split_documents(
    store: TokenSource, held_out: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the documents of the two parts, in the order in which Hugging Face datasets puts them.

    Parameters
    ----------
    store : TokenStore
        The documents.
    held_out : float
        Share of the documents in the second part; their number is rounded up.
    seed : int
        Seed of a generator of NumPy, whose permutation begins with the documents that are held out.

    Returns
    -------
    train, val : ndarray of int64
        Indices of documents.

    Raises
    ------
    TokenStoreError
        If a part would have no document.
    """
    n_documents = len(store.offsets) - 1
    n_val = math.ceil(n_documents * held_out)
    if not 0 < n_val < n_documents:
        raise TokenStoreError(
            f"cannot hold out {held_out} of {n_documents} documents: a part would be empty; without seed, "
            "the last ids are held out",
            store.path,
        )
    order = np.random.default_rng(checked_seed("seed", seed)).permutation(n_documents)
    return order[n_val:], order[:n_val]


def _documents(store: TokenSource, order: NDArray[np.int64]) -> Iterator[NDArray[Any]]:
    """Yield the ids of documents in the given order, in blocks of whole documents."""
    values = np.ascontiguousarray(store.ids)
    lengths = np.diff(store.offsets)[order]
    ends = np.cumsum(lengths)
    starts = store.offsets * values.itemsize
    done = at = 0
    while done < len(order):
        stop = max(int(np.searchsorted(ends, at + BLOCK, "right")), done + 1)
        out = np.empty(int(ends[stop - 1]) - at, values.dtype)
        gather_rows(values.view(np.uint8), starts, order[done:stop], out.view(np.uint8))
        yield out.astype("<u2", copy=False)
        done, at = stop, int(ends[stop - 1])


def _make_meta(store: TokenSource, tokenizer: Any) -> dict[str, Any]:
    """Return the contents of meta.pkl, after a check that the pieces are characters."""
    for name in ("vocab_size", "id_to_piece", "added_tokens"):
        if not hasattr(tokenizer, name):
            raise TypeError(f"tokenizer must be a Tokenizer, not {describe(tokenizer)}")
    if tokenizer.vocab_size != store.vocab_size:
        raise TokenStoreError(
            f"the tokenizer has {tokenizer.vocab_size} ids, but the store has {store.vocab_size}: pass the "
            "tokenizer that made the store",
            store.path,
        )
    names = {i: token.text for token, i in tokenizer.added_tokens.items()}
    itos = {}
    for i in range(tokenizer.vocab_size):
        piece = tokenizer.id_to_piece(i)
        itos[i] = names.get(i) or piece.decode(errors="replace")
        if i not in names and (len(itos[i]) > 1 or "\ufffd" in itos[i]):
            raise TokenStoreError(
                f"meta.pkl holds a vocabulary of characters, but piece {i} of the tokenizer is {piece!r}; "
                "export without tokenizer=",
                store.path,
            )
    return {
        "vocab_size": store.vocab_size,
        "itos": itos,
        "stoi": {piece: i for i, piece in itos.items()},
    }


def read(paths: list[str], expected: Ids) -> Iterator[Part]:
    """Read files of raw uint16 ids."""
    return split_at_separators([(path, open_ids(path, "<u2")) for path in paths], expected)


FORMAT = TokenFormat("nanogpt", "nanoGPT: raw uint16 ids", export, read, "*.bin")
