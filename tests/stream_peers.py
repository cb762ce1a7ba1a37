"""Check token files with litdata and MosaicML's streaming library, which need an environment of their own.

``make .venv-streams`` makes it: mosaicml-streaming needs an older transformers than the tests, and both need
torchvision, which transformers imports if it is installed. Here neither is used.

- ``.venv/bin/python -m tests.stream_peers write FOLDER`` exports the sample with fasttok.
- ``.venv-streams/bin/python tests/stream_peers.py read FOLDER`` reads these files with the libraries.
- ``.venv-streams/bin/python tests/stream_peers.py record`` makes tests/data/streams, the same ids as the
  libraries write them. The tests compare with these files.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

RECORDED = Path(__file__).parent / "data/streams"
VOCABULARIES = {"uint16": 65_536, "int32": 100_000}
BLOCK = 16  # ids per item of litdata's loader
LIMIT = 900  # bytes of a chunk or shard


def sample(dtype: str) -> list[list[int]]:
    """Return documents that end with 0, some of which have more than 255 ids."""
    source = random.Random(8)
    lengths = [1, 3, 254, 255, 256, 300, 2, 7, 40, 100, 90]
    return [[*(source.randrange(1, VOCABULARIES[dtype]) for _ in range(n - 1)), 0] for n in lengths]


def write(folder: Path) -> None:
    """Export the sample with fasttok."""
    import fasttok as ft

    for dtype, vocab_size in VOCABULARIES.items():
        store = ft.TokenStore.from_arrays(
            folder / f"{dtype}.tokens", sample(dtype), vocab_size=vocab_size, separator_id=0
        )
        store.export(folder / f"litdata-{dtype}", format="litdata", chunk_bytes=LIMIT)
        store.export(folder / f"mds-{dtype}", format="mds", size_limit=LIMIT)


def read(folder: Path) -> None:
    """Read the exported sample with the libraries; any difference is an error."""
    _without_torchvision()
    from litdata import StreamingDataset, TokensLoader
    from streaming import LocalDataset

    for dtype in VOCABULARIES:
        rows = sample(dtype)
        samples = LocalDataset(local=str(folder / f"mds-{dtype}"))
        found = [samples[i]["tokens"] for i in range(len(samples))]
        _check([one.tolist() for one in found] == rows, f"MDS of {dtype}")
        _check({str(one.dtype) for one in found} == {dtype}, f"types of MDS of {dtype}")
        blocks = StreamingDataset(
            str(folder / f"litdata-{dtype}"), item_loader=TokensLoader(BLOCK), shuffle=False
        )
        expected = []
        for chunk in blocks_of(rows, np.dtype(dtype).itemsize):
            expected += [chunk[i : i + BLOCK] for i in range(0, len(chunk) - BLOCK + 1, BLOCK)]
        _check([block.tolist() for block in blocks] == expected, f"litdata of {dtype}")
        print(f"{dtype}: {len(found)} samples of MDS, {len(expected)} blocks of litdata")


def blocks_of(rows: list[list[int]], itemsize: int) -> list[list[int]]:
    """Return the ids of each chunk: whole documents of at most `LIMIT` bytes, or one larger document."""
    chunks: list[list[int]] = []
    for row in rows:
        if chunks and (len(chunks[-1]) + len(row)) * itemsize <= LIMIT:
            chunks[-1] += row
        else:
            chunks.append([*row])
    return chunks


def record() -> None:
    """Write the sample with the libraries."""
    _without_torchvision()
    import torch
    from litdata.streaming.item_loader import TokensLoader
    from litdata.streaming.writer import BinaryWriter
    from streaming.base.format.mds.writer import MDSWriter

    for dtype in VOCABULARIES:
        rows = sample(dtype)
        writer = MDSWriter(
            columns={"tokens": f"ndarray:{dtype}"}, out=str(RECORDED / f"mds-{dtype}"), size_limit=LIMIT
        )
        with writer:
            for row in rows:
                writer.write({"tokens": np.array(row, dtype)})
        chunks = BinaryWriter(
            str(RECORDED / f"litdata-{dtype}"), chunk_bytes=1 << 26, item_loader=TokensLoader()
        )
        for i, row in enumerate(rows):
            chunks.add_item(i, torch.from_numpy(np.array(row, dtype)))
        chunks.done()
        chunks.merge()


def _without_torchvision() -> None:
    """Let the streaming library be imported without its part for images."""
    sys.modules["streaming.vision"] = ModuleType("streaming.vision")


def _check(is_right: Any, what: str) -> None:
    if not is_right:
        raise SystemExit(f"{what}: the library reads something else")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["write", folder]:
            write(Path(folder))
        case ["read", folder]:
            read(Path(folder))
        case ["record"]:
            record()
        case _:
            raise SystemExit(__doc__)
