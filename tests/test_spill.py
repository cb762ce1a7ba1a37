"""Counting with a memory limit: same counts as without a limit, and no files are left."""

from __future__ import annotations

import itertools
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
import pytest

import fasttok as ft
from fasttok.counts import spill as spilling
from fasttok.counts._hash import PretokenTable
from fasttok.text.pretokenizers.scanners import PATTERNS
from tests import hostile, oracles
from tests.conftest import ROOT

SMALL = 1 << 18


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the folder for temporary files; fails if the test leaves a file in it."""
    path = tmp_path / "temporary"
    path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    yield path
    assert list(path.iterdir()) == []


@pytest.fixture
def runs(monkeypatch):
    """Allow very small limits, and return a list to which the size of each written run is appended."""
    monkeypatch.setattr(spilling, "LEAST_BYTES", SMALL)
    sizes = []
    write = spilling.Spill._write_run

    def counted(self, blocks):
        write(self, blocks)
        sizes.append(os.path.getsize(self._runs[-1]))

    monkeypatch.setattr(spilling.Spill, "_write_run", counted)
    return sizes


def flood(n, seed):
    """Return documents with many distinct pretokens of different lengths, some of them frequent."""
    rng = random.Random(seed)
    words = ["".join(rng.choices("abcdefgh", k=rng.choice([2, 4, 6, 6, 6, 9, 40]))) for _ in range(n)]
    words[:: n // 50 + 1] = hostile.texts(len(words[:: n // 50 + 1]), seed)
    return [" ".join(words[i : i + 500]) for i in range(0, n, 500)]


def table_of(counts):
    table = PretokenTable()
    rows = ft.Ragged.from_bytes(list(counts))
    table.add(rows.values, rows.offsets, np.array(list(counts.values()), np.int64))
    return table


def words(max_length):
    letters = range(1, max_length + 1)
    return [bytes(word) for n in letters for word in itertools.product(b"ab", repeat=n)]


# The order of rows


@pytest.mark.parametrize("n_bytes", [0, 1, 40, 1000, sys.maxsize])
def test_table_is_sorted_by_bytes(n_bytes):
    long = [b"%b%b" % (b"p" * n, tail) for n in (7, 8, 14, 15, 16, 30) for tail in words(3)]
    rng = random.Random(50)
    for pretokens in (
        words(8),
        long,
        [b"\0" * n for n in range(1, 40)] + [b"a" + b"\0" * n for n in range(40)],
        [bytes([a, b]) * n for a in (0, 127, 128, 255) for b in (0, 1, 255) for n in (1, 4, 8, 9)],
        [p for p in set(hostile.byte_strings(3000, seed=51)) if p],
        [b"x"],
        [],
    ):
        counts = dict.fromkeys(pretokens, 0)
        for i, pretoken in enumerate(rng.sample(list(counts), len(counts))):
            counts[pretoken] = i + 1
        table = table_of(counts)
        table.sort()
        found = {}
        for text, offsets, each in table.blocks(n_bytes):
            rows = ft.Ragged(text, offsets).to_bytes()
            assert len(rows) == 1 or len(text) + 16 * len(rows) <= n_bytes
            found.update(zip(rows, each.tolist(), strict=True))
        assert list(found.items()) == sorted(counts.items())


def test_cleared_table_equals_new_table():
    table = table_of({b"a": 1, b"b" * 100: 2})
    table.sort()
    table.clear()
    assert len(table) == 0
    assert table.peak_bytes(0) == PretokenTable().peak_bytes(0)
    rows = ft.Ragged.from_bytes([b"c" * 50, b"a"])
    table.add(rows.values, rows.offsets, np.ones(len(rows), np.int64))
    table.sort()
    assert ft.Ragged(*table.rows()[:2]).to_bytes() == [b"a", b"c" * 50]


@pytest.mark.parametrize("n_runs", [1, 2, 3, 17])
@pytest.mark.parametrize("n_bytes", [1, 60, 100_000])
def test_merging_runs_adds_counts(n_runs, n_bytes):
    rng = random.Random(52)
    pretokens = [*words(6), *(p for p in hostile.byte_strings(200, seed=53) if p)]
    parts = [
        {p: rng.randint(1, 9) for p in rng.sample(pretokens, rng.randint(0, len(pretokens)))}
        for _ in range(n_runs)
    ]
    tables = [table_of(part) for part in parts]
    for table in tables:
        table.sort()
    merged = [
        item
        for text, offsets, counts in spilling.merge_runs(table.blocks(n_bytes) for table in tables)
        for item in zip(ft.Ragged(text, offsets).to_bytes(), counts.tolist(), strict=True)
    ]
    assert merged == oracles.add_counts(parts)


def test_adding_tables_of_very_different_sizes_is_fast():
    # Rows added in the order of their hashes would pile up in a small table, which is a hundred times slower.
    large = ft.PretokenCounts.from_dict({b"%d" % i: 1 for i in range(150_000)})
    assert (large + ft.PretokenCounts.from_dict({"a": 1})).total == 150_001


# The limit


@pytest.mark.parametrize(("workers", "batch_bytes"), [(1, 1 << 22), (2, 1000), (3, 1 << 22)])
def test_counts_do_not_depend_on_the_limit(folder, runs, workers, batch_bytes):
    corpus = ft.Corpus.from_texts(flood(50_000, seed=54))
    expected = ft.count_pretokens(corpus, workers=1)
    assert runs == []
    counts = ft.count_pretokens(corpus, workers=workers, batch_bytes=batch_bytes, max_memory=workers * SMALL)
    assert len(runs) > workers
    assert counts == expected
    assert counts.fingerprint() == expected.fingerprint()
    assert sum(runs) < workers * SMALL * len(runs)


def test_counts_from_runs_agree_with_oracle(folder, runs):
    documents = [text.encode() for text in flood(20_000, seed=55)] + hostile.byte_strings(500, seed=56)
    counts = ft.count_pretokens(ft.Corpus.from_texts(documents), workers=1, max_memory=SMALL)
    assert len(runs) > 1
    assert list(counts.to_dict().items()) == list(oracles.count(PATTERNS["o200k"], documents).items())


def test_more_runs_than_are_merged_at_once(folder, runs, monkeypatch):
    monkeypatch.setattr(spilling, "FAN_IN", 2)
    corpus = ft.Corpus.from_texts(flood(50_000, seed=57))
    counts = ft.count_pretokens(corpus, workers=2, max_memory=2 * SMALL)
    assert len(runs) > 8
    assert counts == ft.count_pretokens(corpus)


def test_nothing_is_written_below_the_limit(folder, runs):
    corpus = ft.Corpus.from_texts(flood(50_000, seed=54))
    assert ft.count_pretokens(corpus, max_memory="2GB") == ft.count_pretokens(corpus)
    assert runs == []
    assert len(ft.count_pretokens(ft.Corpus.from_texts([]), max_memory="2GB")) == 0


def test_tables_stay_within_their_share():
    rng = random.Random(58)
    for length in (2, 7, 40):
        table, spill = PretokenTable(), spilling.Spill(SMALL)
        with spill:
            for _ in range(60):
                batch = ft.Ragged.from_bytes([rng.randbytes(length) for _ in range(2000 // length)])
                spill.ensure_capacity(table, len(batch.values))
                assert table.peak_bytes(len(batch.values)) <= SMALL
                table.add(batch.values, batch.offsets, np.ones(len(batch), np.int64))
            rows, counts = spill.merge([table])
        assert counts.sum() == 60 * (2000 // length)
        assert rows.to_bytes() == sorted(set(rows.to_bytes()))


def test_documents_larger_than_the_limit_are_counted(folder, runs):
    document = " ".join(map(str, range(50_000)))
    counts = ft.count_pretokens(
        ft.Corpus.from_texts([document, "1 2", document]), "gpt2", workers=1, max_memory=SMALL
    )
    assert (counts.total, len(counts)) == (100_002, 50_001)
    assert len(runs) >= 2


def test_sums_of_runs_that_overflow(folder):
    with spilling.Spill(SMALL) as spill:
        for _ in range(2):
            table = table_of({b"a": (1 << 62) + 1, b"b": 1})
            spill.ensure_capacity(table, SMALL)
            assert len(table) == 0
        with pytest.raises(OverflowError, match="exceeds 2.63"):
            spill.merge([PretokenTable()])


def test_limit_applies_to_each_corpus(folder, runs):
    corpora = {tag: ft.Corpus.from_texts(flood(20_000, seed=59 + tag)) for tag in range(2)}
    counts = ft.count_pretokens(corpora, workers=1, max_memory=SMALL)
    assert runs
    assert counts == ft.count_pretokens(corpora)


def test_error_for_small_limit_gives_the_minimum():
    corpus, least = ft.Corpus.from_texts(["a"]), spilling.LEAST_BYTES
    for max_memory in (least - 1, 0, -1, "1MB", "4 MB"):
        with pytest.raises(ValueError, match=f"max_memory must be at least {least:,} bytes with workers=1"):
            ft.count_pretokens(corpus, workers=1, max_memory=max_memory)
    with pytest.raises(ValueError, match=f"max_memory must be at least {3 * least:,} bytes with workers=3"):
        ft.count_pretokens(corpus, workers=3, max_memory=2 * least)
    assert ft.count_pretokens(corpus, workers=3, max_memory=3 * least).total == 1


def test_limits_given_as_text():
    for text, expected in {
        "5000000": 5_000_000,
        "5000000B": 5_000_000,
        "5000 kB": 5_000_000,
        "5MB": 5_000_000,
        " 5m ": 5_000_000,
        "0.005 GB": 5_000_000,
        "0.00001TB": 10_000_000,
        "4MiB": 4 << 20,
        "1.5 GiB": 3 << 29,
        "4096KiB": 4 << 20,
        "1TiB": 1 << 40,
    }.items():
        assert spilling.share_memory(text, 1) == expected, text
    for text in ("", "GB", "-5MB", "5 PB", "5,000,000", "1e9", "five", "5MBB", "5iB", "٥MB"):
        with pytest.raises(ValueError, match="max_memory must be a number of bytes or text like"):
            spilling.share_memory(text, 1)
    for other in (5e9, True, [5_000_000]):
        with pytest.raises(TypeError, match="max_memory must be a number of bytes or text like"):
            spilling.share_memory(other, 1)


# Faults


@pytest.mark.parametrize("workers", [1, 2])
def test_error_for_full_disk_names_the_folder(folder, runs, workers):
    corpus = ft.Corpus.from_texts(flood(30_000, seed=60))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, hard))  # limits the size of files
        with pytest.raises(OSError, match="counts beyond max_memory are written to this folder") as error:
            ft.count_pretokens(corpus, workers=workers, max_memory=workers * SMALL)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert error.value.filename == str(folder)


def test_truncated_run_is_an_error(folder, runs, monkeypatch):
    write = spilling.Spill._write_run

    def write_and_truncate(self, blocks):
        write(self, blocks)
        os.truncate(self._runs[-1], os.path.getsize(self._runs[-1]) - 1)

    monkeypatch.setattr(spilling.Spill, "_write_run", write_and_truncate)
    with pytest.raises(OSError, match="a temporary file was truncated"):
        ft.count_pretokens(ft.Corpus.from_texts(flood(20_000, seed=61)), workers=1, max_memory=SMALL)


@pytest.mark.parametrize("workers", [1, 3])
def test_no_files_are_left_after_an_error_in_the_corpus(folder, runs, workers):
    def texts():
        yield from flood(30_000, seed=62)
        raise KeyError("from the caller")

    with pytest.raises(KeyError, match="from the caller"):
        ft.count_pretokens(ft.Corpus.from_texts(texts), workers=workers, max_memory=workers * SMALL)
    assert runs


CODE = """
import itertools, fasttok as ft
texts = (" ".join(f"{i * 9973 + j:x}" for j in range(9973)) for i in itertools.count())
ft.count_pretokens(ft.Corpus.from_texts(texts), workers=2, max_memory="9MB")
"""


def test_no_files_are_left_after_ctrl_c(folder):
    process = subprocess.Popen(
        [sys.executable, "-c", CODE],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        stderr=subprocess.PIPE,
    )
    while not list(folder.glob("*/*")):  # wait for the first run
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert b"KeyboardInterrupt" in process.communicate()[1]
