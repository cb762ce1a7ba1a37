"""Files of ids as the scripts of other projects write them, made value by value from their layouts.

Each function takes the ids of documents without separators, the separator and the size of the vocabulary,
and returns the contents of the files by name. Nothing here imports fasttok.
"""

from __future__ import annotations

import io
import json
import struct

import numpy as np

Rows = list[list[int]]
Files = dict[str, bytes]


def pack(code: str, numbers: list[int]) -> bytes:
    return struct.pack(f"<{len(numbers)}{code}", *numbers)


def last(rows: Rows, eot: int) -> list[int]:
    """Return the ids of all documents, each followed by the separator."""
    return [i for row in rows for i in [*row, eot]]


def first(rows: Rows, eot: int) -> list[int]:
    """Return the ids of all documents, each after a separator."""
    return [i for row in rows for i in [eot, *row]]


def nanogpt(rows: Rows, eot: int, vocab_size: int) -> Files:
    return {"train.bin": pack("H", last(rows, eot))}


def llmc(rows: Rows, eot: int, vocab_size: int, variant: str | None = None) -> Files:
    ids = first(rows, eot)
    if variant == "gpt-2" or (variant is None and vocab_size <= 65536):
        header, code = [20240520, 1, len(ids)], "H"
    else:
        header, code = [20240801, 7, len(ids)], "I"
    return {"data.bin": pack("i", header + [0] * 253) + pack(code, ids)}


def cut(ids: list[int], size: int) -> list[list[int]]:
    return [ids[i : i + size] for i in range(0, len(ids), size)]


def llmc_shards(rows: Rows, eot: int, vocab_size: int, size: int) -> Files:
    code, magic, version = ("H", 20240520, 1) if vocab_size <= 65536 else ("I", 20240801, 7)
    return {
        f"fineweb_{'train' if i else 'val'}_{i:06d}.bin": pack("i", [magic, version, len(ids)] + [0] * 253)
        + pack(code, ids)
        for i, ids in enumerate(cut(first(rows, eot), size))
    }


def build_nanogpt(rows: Rows, eot: int, vocab_size: int, size: int = 10**8) -> Files:
    files = {}
    for i, ids in enumerate(cut(first(rows, eot), size)):
        file = io.BytesIO()
        np.save(file, np.array(ids, np.uint16))
        files[f"edufineweb_{'train' if i else 'val'}_{i:06d}.npy"] = file.getvalue()
    return files


def megatron(rows: Rows, eot: int, vocab_size: int) -> Files:
    size, code, letter = (2, 8, "H") if vocab_size < 65500 else (4, 4, "i")
    lengths = [len(row) + 1 for row in rows]
    pointers = [sum(lengths[:i]) * size for i in range(len(lengths))]
    index = b"MMIDIDX\x00\x00" + struct.pack("<Q", 1) + struct.pack("<B", code)
    index += struct.pack("<Q", len(lengths)) + struct.pack("<Q", len(lengths) + 1)
    index += pack("i", lengths) + pack("q", pointers) + pack("q", list(range(len(lengths) + 1)))
    return {"data.bin": pack(letter, last(rows, eot)), "data.idx": index}


def datatrove(rows: Rows, eot: int, vocab_size: int, name: str = "gpt2") -> Files:
    size = 4 if vocab_size > 65536 else 2
    ids = last(rows, eot)
    ends = [sum(len(row) + 1 for row in rows[: i + 1]) for i in range(len(rows))]
    people = f"{len(ids)} T" if len(ids) < 1000 else f"{len(ids) / 1000:.2f} kT"
    return {
        "data.ds": pack("I" if size == 4 else "H", ids),
        "data.ds.index": pack("Q", ends),
        "data.ds.metadata": "\n".join([f"{name}|{size}", str(len(ids)), people]).encode(),
    }


def olmo(rows: Rows, eot: int, vocab_size: int) -> Files:
    """The second file is compressed; here it is not."""
    lines, at = "", 0
    for row in rows:
        lines += f"{at},{at + len(row) + 1}\n"
        at += len(row) + 1
    code = "I" if vocab_size > 65536 else "H"
    return {"data.npy": pack(code, last(rows, eot)), "data.csv.gz": lines.encode()}


def mds(rows: Rows, eot: int, vocab_size: int, size_limit: int = 1 << 26) -> Files:
    name, letter = ("uint16", "H") if vocab_size <= 65536 else ("int32", "i")
    config = {
        "version": 2,
        "format": "mds",
        "compression": None,
        "hashes": [],
        "size_limit": size_limit,
        "column_names": ["tokens"],
        "column_encodings": [f"ndarray:{name}"],
        "column_sizes": [None],
    }
    text = json.dumps(config, sort_keys=True).encode()
    samples = []
    for row in rows:
        n = len(row) + 1
        shape = bytes([4, n]) if n < 256 else bytes([5]) + struct.pack("<H", n)
        array = shape + pack(letter, [*row, eot])
        samples.append(struct.pack("<I", len(array)) + array)
    shards: list[list[bytes]] = [[]]
    used = 8 + len(text)
    for sample in samples:
        if used + len(sample) + 4 > size_limit and shards[-1]:
            shards.append([])
            used = 8 + len(text)
        shards[-1].append(sample)
        used += len(sample) + 4
    files, entries = {}, []
    for i, shard in enumerate(shards):
        start = 4 + 4 * (len(shard) + 1) + len(text)
        places = [start + sum(map(len, shard[:k])) for k in range(len(shard) + 1)]
        data = struct.pack("<I", len(shard)) + pack("I", places) + text + b"".join(shard)
        raw = {"basename": f"shard.{i:05d}.mds", "bytes": len(data), "hashes": {}}
        files[raw["basename"]] = data
        entries.append({**config, "samples": len(shard), "raw_data": raw, "zip_data": None})
    return {**files, "index.json": json.dumps({"version": 2, "shards": entries}, sort_keys=True).encode()}


def litdata_chunk(rows: Rows, code: str) -> bytes:
    """Return a chunk of litdata; the rows have their separators."""
    items = [pack(code, row) for row in rows]
    start = 4 + 4 * (len(items) + 1)
    places = [start + sum(map(len, items[:k])) for k in range(len(items) + 1)]
    return struct.pack("<I", len(items)) + pack("I", places) + b"".join(items)


WRITERS = {
    "nanogpt": nanogpt,
    "llmc": llmc,
    "build-nanogpt": build_nanogpt,
    "megatron": megatron,
    "datatrove": datatrove,
    "olmo": olmo,
    "mds": mds,
}
