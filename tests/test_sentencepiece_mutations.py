"""Damaged sentencepiece models: each is refused with ModelFormatError or gives a tokenizer that works.

Batches run in child processes with a limit on memory, so that a crash, a hang and an allocation that the file
does not justify are seen. A failure names its seed; this repeats it and leaves the file in FOLDER:

    python -m tests.test_sentencepiece_mutations SEED SEED+1 FOLDER
"""

from __future__ import annotations

import faulthandler
import functools
import json
import random
import resource
import struct
import subprocess
import sys
import time
import traceback
from pathlib import Path

import pytest

import fasttok as ft
from tests.conftest import FUZZ, ROOT
from tests.sentencepiece_file import fields, message, number
from tests.sentencepiece_models import model_file

N_FILES = 250 + 5000 * (FUZZ - 1)
BATCH = 250
SECONDS = 20  # for opening one file and using it
SPARE_BYTES = 384 << 20  # memory that a small file may take
PER_MODEL = 50  # files that are made of one valid file
TEXTS = [
    "the lowest",
    "",
    "  a\r\n<s>東京 é e\u0301 low</s>",
    "x" * 300,
    "😀👨‍👩‍👧\x00\u0378 ▁ <0x41>▁",
    "12345.6",
]
NAME = "damaged.model"

# Messages in the fields of a model and of its messages.
MESSAGES = {(1,), (2,), (3,), (4,), (5,), (4, 1)}
NUMBERS = (0, 1, 2, 3, 4, 5, 6, 7, 127, 128, 255, 1 << 31, (1 << 32) - 1, 1 << 40, (1 << 64) - 1)
FLOATS = (0.0, -0.0, 1.0, -1e30, 3.4e38, float("inf"), float("-inf"), float("nan"))
BYTES = [
    b"", b"a", b"\0", b"\xff", b"\xc3", "▁".encode(), "▁▁".encode(), b"<unk>", b"<s>", b"<0x41>", b" ",
    b"a b", b"\n", b"x" * 7999, b"x" * 8000, b"\0\4\0\0", b"\0\4\0\0" + bytes(1025), b"\xf0\x9f\x98\x80",
    b"\xed\xa0\x80",
    b"\xff\xff\xff\xff\x0f", b"\x80" * 12, b"\x0b" * 300, b"\x0a\xff\xff\xff\xff\x0f", b"\x12\0" * 1200,
    b"\x0a\0" * 5000, "▁".encode() * 2000,
]  # fmt: skip


def write_field(field: int, value: bytes | int, wire_type: int) -> bytes:
    if isinstance(value, int):
        return number(field << 3) + number(value & (1 << 64) - 1)
    if wire_type in (1, 5):
        return number(field << 3 | wire_type) + value
    return message(field, value)


@functools.lru_cache(maxsize=2)
def _parsed(seed: int) -> list[tuple[int, bytes | int]]:
    return fields(model_file(seed))


def damage_fields(
    parts: list[tuple[int, bytes | int]], rng: random.Random, path: tuple[int, ...] = ()
) -> bytes:
    """Return a message with a change of one of its fields, or of a field of one of its messages."""
    rows = list(parts)
    at = rng.randrange(len(rows)) if rows else 0
    if rows and not path and rng.random() < 0.6:  # pieces are many, the other messages few
        at = next(i for i in range(len(rows) - 1, -1, -1) if rows[i][0] == rng.choice((1, 2, 3)) or i == at)
    field, value = rows[at] if rows else (1, b"")
    inner = (*path, field)
    if rows and inner in MESSAGES and isinstance(value, bytes) and len(value) < 5000 and rng.random() < 0.8:
        rows[at] = field, damage_message(value, rng, inner)
    else:
        action = rng.randrange(7)
        new: bytes | int = rng.choice(BYTES)
        if isinstance(value, int) or action == 6:
            new = rng.choice(NUMBERS)
        elif len(value) == 4 and field in (2, 10, 15, 51):
            new = struct.pack("<f", rng.choice(FLOATS))
        elif value and action < 3:
            new = damage_bytes(value, rng)
        if action == 3 and rows:
            del rows[at]
        elif action == 4:
            rows.insert(at, (field, value))
        elif action == 5:
            rows.insert(rng.randint(0, len(rows)), (rng.choice((*range(1, 7), field, 24, 35, 44, 200)), new))
        elif rows:
            rows[at] = field, new
    is_score = len(path) > 0
    return b"".join(
        write_field(
            f, v, 5 if is_score and f in (2, 10, 15, 51) and isinstance(v, bytes) and len(v) == 4 else 2
        )
        for f, v in rows
    )


def damage_message(data: bytes, rng: random.Random, path: tuple[int, ...] = ()) -> bytes:
    try:
        parts = fields(data)
    except IndexError:  # already damaged
        return damage_bytes(data, rng)
    return damage_fields(parts, rng, path)


def damage_bytes(data: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randint(0, len(data)) if rng.random() < 0.9 else rng.choice((0, len(data)))
        near = min(len(data), at + rng.choice((1, 1, 2, 5, 20, 1000)))
        action = rng.randrange(7)
        if action == 0:
            data = data[:at] + data[near:]
        elif action == 1:
            data = data[:at] + data[at:near] + data[at:]
        elif action < 4:
            data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
        elif action < 6:
            data = data[:at] + rng.choice(BYTES) + data[at if action == 4 else near :]
        elif rng.random() < 0.2:
            data = data[:at]
    return data


def damaged(seed: int) -> bytes:
    rng = random.Random(f"damage sentencepiece {seed}")
    model = seed // PER_MODEL
    if rng.random() < 0.3:
        return damage_bytes(model_file(model), rng)
    data = damage_fields(_parsed(model), rng)
    for _ in range(rng.choice((0, 0, 0, 1, 3))):
        data = damage_message(data, rng)
    return data


# The child process


def ids_of(tok: ft.Tokenizer) -> list[list[int] | None]:
    """Return the ids of the texts; an error of fasttok about a text is correct, any other error is not."""
    rows: list[list[int] | None] = []
    for text in TEXTS:
        try:
            ids = tok.encode(text, as_list=True)
            located = tok.encode_with_offsets(text)
        except ft.FasttokError:
            rows.append(None)
            continue
        assert located.ids.tolist() == ids
        rows.append(ids)
    return rows


def use(tok: ft.Tokenizer, folder: Path, saves: bool) -> None:
    repr(tok)
    rows = ids_of(tok)
    known = [row for row in rows if row is not None]
    assert all(0 <= i < tok.vocab_size for row in known for i in row)
    texts = tok.decode_batch(known)
    assert texts == [tok.decode(row) for row in known]
    if saves:
        tok.save(folder / "again.model", format="sentencepiece")
        again = ft.load(folder / "again.model", self_test=False)
        assert ids_of(again) == rows
        assert again.decode_batch(known) == texts
        tok.save(folder / "again.json")
        assert ft.load(folder / "again.json") == tok


def check(seed: int, folder: Path) -> bool:
    """Damage a file, open and use it; return whether it was opened."""
    path = folder / NAME
    path.write_bytes(damaged(seed))
    try:
        tok = ft.load(path)
    except ft.ModelFormatError as error:
        assert str(path) in str(error), f"no path: {error}"
        return False
    use(tok, folder, seed % 10 == 0)
    return True


def run_batch(first: int, last: int, folder: Path) -> None:
    """Check the files of some seeds; print a line of JSON for each failure and one at the end."""
    path = folder / NAME
    path.write_bytes(model_file(first // PER_MODEL))
    use(ft.load(path), folder, True)
    for model in range(first // PER_MODEL, (last - 1) // PER_MODEL + 1):
        model_file(model)
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + SPARE_BYTES, resource.RLIM_INFINITY))
    n_opened, slowest = 0, (0.0, first)
    for seed in range(first, last):
        (folder / "seed").write_text(str(seed))
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        start = time.monotonic()
        try:
            n_opened += check(seed, folder)
        except Exception as error:
            row = {"seed": seed, "error": repr(error)[:500], "trace": traceback.format_exc()[-3000:]}
            print(json.dumps(row))
        slowest = max(slowest, (time.monotonic() - start, seed))
        faulthandler.cancel_dump_traceback_later()
    print(json.dumps({"opened": n_opened, "slowest": slowest}))


# The tests


@pytest.mark.parametrize("first", range(0, N_FILES, BATCH))
@pytest.mark.timeout(BATCH * SECONDS)
def test_damaged_models(first, tmp_path):
    command = [sys.executable, "-m", "tests.test_sentencepiece_mutations", str(first), str(first + BATCH)]
    done = subprocess.run([*command, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)
    seed = (tmp_path / "seed").read_text() if (tmp_path / "seed").exists() else "none"
    assert done.returncode == 0, (
        f"seed {seed}: the process ended with {done.returncode}\n{done.stderr[-3000:]}"
    )
    *failures, summary = map(json.loads, done.stdout.splitlines())
    assert not failures, f"{len(failures)} failures; the first: {failures[0]}\n{failures[0]['trace']}"
    assert 0 < summary["opened"] < BATCH
    assert summary["slowest"][0] < SECONDS / 2, summary


def test_damage_is_reproducible_and_different():
    contents = [damaged(seed) for seed in range(100)]
    assert [damaged(seed) for seed in range(0, 100, 9)] == contents[::9]
    assert len(set(contents)) > 90


if __name__ == "__main__":
    run_batch(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
