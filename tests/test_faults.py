"""Fault injection: damaged files, full disks, interrupts, forks, missing memory, extreme texts.

Tests of the same and of other faults in other files:

=====================================================  ======================================================
fault                                                  tests besides this file
=====================================================  ======================================================
truncated files, flipped bits                          test_formats, test_counts, test_fuzz
extreme sizes, deep nesting, NaN in files              test_formats
duplicate, empty or missing pieces, clashes of ids     test_formats, test_bpe, test_units
invalid precompiled normalization rules                test_normalizers
regular expressions that backtrack                     test_scan, test_tokenizer
lone surrogates                                        test_tokenizer, test_corpus
invalid UTF-8, NUL bytes                               test_tokenizer, test_counts, test_fuzz
pretokens of megabytes                                 test_bpe, test_merging, test_unigram, test_lattice,
                                                       test_units, test_wordpiece_training
unassigned code points                                 test_units
empty or blank texts, empty batches                    test_tokenizer, test_model_contract
empty corpora                                          test_bpe, test_units, test_unigram_training,
                                                       test_wordpiece_training
vocab_size out of range                                test_bpe, test_units, test_unigram_training,
                                                       test_wordpiece_training
counts above 2^31, a million pieces                    test_merging, test_counts, test_units
special tokens in plain text                           test_tokenizer
invalid ids in decoding                                test_tokenizer, test_streaming
variation of hash seed, threads, size of chunks        test_determinism, test_counts, test_tokenizer,
                                                       test_dropout
many threads, fork, spawn, pickle                      test_model_contract
Ctrl-C                                                 test_merging, test_spill, test_wordpiece
exceptions in an iterator                              test_corpus
failed saves                                           test_formats
many distinct words                                    test_bpe
offsets of tokens that are parts of characters         test_offsets, test_fuzz
interrupted comparisons, damaged results               test_compare
invalid options of batches                             test_batches
=====================================================  ======================================================
"""

from __future__ import annotations

import base64
import gc
import io
import itertools
import json
import os
import pickle
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
import zipfile
from contextlib import closing, contextmanager, suppress
from functools import partial

import numpy as np
import pytest

import fasttok as ft
from fasttok.core.parallel import BackgroundThread, map_all, map_ordered
from fasttok.models._cache import PretokenCache
from fasttok.text.pretokenizers.scanners import PATTERNS
from fasttok.tokenizer import encode as encoding_module
from tests import hostile, oracles
from tests.conftest import FUZZ, ROOT
from tests.faults_child import PHASES

COUNTS = ft.PretokenCounts.from_dict({"low": 5, "lower": 2, "été": 3, b"\xff\xfe": 9})


def child(*arguments) -> list[str]:
    return [sys.executable, "-m", "tests.faults_child", *map(str, arguments)]


def run_child(*arguments) -> None:
    """Run a function of faults_child in a new process; fail if the process fails."""
    done = subprocess.run(child(*arguments), cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# Files


@pytest.mark.parametrize("name", ["tok.json", "tok.tiktoken", "counts.npz"])
def test_files_truncated_or_damaged_at_every_byte(tmp_path, name):
    path = tmp_path / name
    tok = ft.train(COUNTS, vocab_size=262, special_tokens=["<|end|>"])
    save_ranks = partial(tok.save, format="tiktoken")
    {"tok.json": tok.save, "tok.tiktoken": save_ranks, "counts.npz": COUNTS.save}[name](path)
    options = {"pretokenizer": "gpt2"} if name == "tok.tiktoken" else {}
    data = path.read_bytes()
    refused = {"truncated": 0, "damaged": 0}
    for i in range(len(data)):
        for how in refused:
            flipped = bytes([data[i] ^ 1 << random.Random(i).randrange(8)])
            path.unlink()  # some systems wait for the disk when a file is overwritten
            path.write_bytes(data[:i] if how == "truncated" else data[:i] + flipped + data[i + 1 :])
            try:
                loaded = ft.PretokenCounts.load(path) if name == "counts.npz" else ft.load(path, **options)
            except ft.ModelFormatError as error:
                assert str(path) in str(error)
                refused[how] += 1
                continue
            if name == "counts.npz":
                assert loaded == COUNTS
            else:
                assert loaded.decode_bytes(loaded.encode(b"lower \xff\xfe")) == b"lower \xff\xfe"
    # Valid truncations: JSON without its last line end, a rank file cut before or after the line of a merge.
    assert refused["truncated"] >= len(data) - {"tok.json": 1, "tok.tiktoken": 11, "counts.npz": 0}[name]
    assert refused["damaged"] > len(data) / 3


def archive(path, **members):
    """Write a compressed file of counts in which some arrays are replaced by the given bytes."""
    COUNTS.save(path)
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in parts.items():
            new.writestr(name, members.get(name.removesuffix(".npy"), data))


def array_of(n_claimed: int, n_actual: int) -> bytes:
    """Return an array in the format of NumPy whose header claims another length than the data has."""
    file = io.BytesIO()
    header = {"descr": "<u4", "fortran_order": False, "shape": (n_claimed,)}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + bytes(4 * n_actual)


@pytest.mark.parametrize("n", [1 << 20, 1 << 31, 1 << 40, 1 << 62])
def test_counts_with_a_false_length(tmp_path, n):
    path = tmp_path / "a.npz"
    archive(path, code_points=array_of(n, 10))
    with pytest.raises(ft.ModelFormatError, match="not a file of pretoken counts"):
        ft.PretokenCounts.load(path)


def test_counts_that_claim_more_bytes_than_the_file_has(tmp_path):
    path = tmp_path / "a.npz"
    archive(path, code_points=array_of(10_000_000, 10_000_000))
    assert path.stat().st_size < 100_000
    with pytest.raises(ft.ModelFormatError, match="its arrays claim more bytes than the file has"):
        ft.PretokenCounts.load(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinity_in_files(tmp_path, value):
    path = tmp_path / "a.json"
    tok = ft.train(COUNTS, vocab_size=260)
    tok.save(path)
    path.write_text(path.read_text().replace('"n_distinct": 4', f'"n_distinct": {json.dumps(value)}'))
    with pytest.raises(ft.ModelFormatError, match="is not a number"):
        ft.load(path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        ft.Tokenizer(tok.model, tok.pretokenizer, provenance={"loss": value}).save(path)


def test_piece_of_a_megabyte(tmp_path):
    path = tmp_path / "a.json"
    pieces = [*(bytes([b]) for b in range(256)), *(b"a" * (2 << i) for i in range(20))]
    merges = [[97, 97], *([255 + i, 255 + i] for i in range(1, 20))]
    model = ft.BPEModel(
        ft.Ragged.from_bytes(pieces), np.array(merges, np.uint32), np.arange(256, 276, dtype=np.uint32)
    )
    tok = ft.Tokenizer(model, ft.get_pretokenizer("none"))
    tok.save(path)
    assert ft.load(path).encode("a" * (1 << 20)).tolist() == [275]
    with pytest.raises(ft.ModelExportError, match="piece 266 has 2,048 bytes; the maximum is 1,024"):
        tok.save(tmp_path / "a.tiktoken", format="tiktoken")


def test_million_pieces(tmp_path):
    path = tmp_path / "a.tiktoken"
    letters = [bytes([b]) for b in range(100, 200)]
    pieces = [bytes([b]) for b in range(256)]
    pieces += map(b"".join, itertools.product(letters, letters))
    pieces += map(b"".join, itertools.product(letters, letters, letters))
    path.write_bytes(b"".join(base64.b64encode(p) + b" %d\n" % i for i, p in enumerate(pieces)))
    tok = ft.load(path, pretokenizer="gpt2")
    assert tok.vocab_size == 1_010_256
    ranks = {piece: i for i, piece in enumerate(pieces)}
    rng = random.Random(46)
    for _ in range(300):
        pretoken = bytes(rng.choices(range(100, 120), k=rng.randint(1, 12)))
        pretokens = tok.pretokenizer.split_text(pretoken)
        expected = [i for p in pretokens for i in oracles.encode_by_ranks(p, ranks)]
        assert tok.encode(pretoken).tolist() == expected


# Saving


def test_kill_during_a_save(tmp_path):
    run_child("kill_saves", tmp_path)


def test_full_disk(tmp_path):
    run_child("fill_disk", tmp_path)
    tok = ft.train(COUNTS, vocab_size=260)
    for save in (tok.save, partial(tok.save, format="tiktoken"), COUNTS.save):
        with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
            save("/dev/full")


@contextmanager
def as_nobody():
    """Drop the rights of root, who may write everywhere, within the block."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_read_only_folder():
    tok = ft.train(COUNTS, vocab_size=260)
    with tempfile.TemporaryDirectory() as folder:
        saves = {"a.json": tok.save, "b": partial(tok.save, format="tiktoken"), "c": COUNTS.save}
        for name, save in saves.items():
            path = os.path.join(folder, name)
            with open(path, "wb") as file:
                file.write(b"old")
            os.chmod(folder, 0o555)  # noqa: S103
            with as_nobody(), pytest.raises(PermissionError):
                save(path)
            os.chmod(folder, 0o755)  # noqa: S103
            with open(path, "rb") as file:
                assert file.read() == b"old"
        assert sorted(os.listdir(folder)) == ["a.json", "b", "c"]


# Interrupts


@pytest.fixture(scope="module")
def work_folder(tmp_path_factory):
    """Return a folder with a text of random words, its counts, and a tokenizer."""
    folder = tmp_path_factory.mktemp("work")
    rng = np.random.default_rng(47)
    text = rng.integers(ord("a"), ord("z") + 1, 8_000_000, np.uint8)
    text[rng.random(len(text)) < 1 / 6] = ord(" ")
    text[rng.random(len(text)) < 1 / 60] = ord("\n")
    text.tofile(folder / "text.txt")
    text[:500_000].tofile(folder / "short.txt")
    counts = ft.count_pretokens(ft.Corpus.from_files(folder / "text.txt"))
    counts.save(folder / "all.npz")
    common = ft.PretokenCounts.from_dict(dict(counts.most_common(20_000)))
    common.save(folder / "counts.npz")
    ft.train(common, vocab_size=20_000).save(folder / "tok.json")
    return folder


@pytest.mark.timeout(90 * FUZZ)
@pytest.mark.parametrize("phase", [function.__name__ for function in PHASES])
def test_ctrl_c_at_random_moments(work_folder, phase):
    rng = random.Random(48)
    n_moments = 3 * FUZZ
    command = child("interrupt", phase, work_folder)
    n_during_work = 0
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            for i in range(n_moments):
                print(file=process.stdin, flush=True)
                assert process.stdout.readline() == "begun\n"
                time.sleep(0.4 * (i + rng.random()) / n_moments)
                sent = time.monotonic()
                process.send_signal(signal.SIGINT)
                state, received = json.loads(process.stdout.readline())
                assert received - sent < 1
                n_during_work += state == "during the work"
        except BaseException:
            process.kill()
            raise
    assert process.returncode == 0
    assert n_during_work > n_moments / 2


@pytest.mark.timeout(60)
def test_threads_are_joined_even_after_a_second_ctrl_c():
    may_end, begun, ended = threading.Event(), [], []
    main = threading.main_thread().ident

    def work(state, item):
        if threading.get_ident() != main:
            begun.append(item)
        may_end.wait()
        ended.append(item)

    def interrupt():
        for _ in range(3):
            time.sleep(0.1)
            signal.pthread_kill(main, signal.SIGINT)
        time.sleep(0.1)
        may_end.set()

    thread = threading.Thread(target=interrupt)
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012  (the first interrupt can arrive as soon as the thread runs)
        thread.start()
        list(map_ordered(work, range(2), 2, str))
    assert len(begun) == 1  # the calling thread was interrupted in the other one
    assert ended == begun
    thread.join()


@pytest.mark.timeout(60)
@pytest.mark.parametrize("workers", [2, 3])
def test_the_calling_thread_works_too(workers):
    at_once = threading.Barrier(workers)  # nothing returns unless as many items are in progress

    def work(state, item):
        at_once.wait()
        return state, item, threading.get_ident()

    n = 4 * workers  # a multiple, so that the last ones also find company at the barrier
    with closing(map_ordered(work, range(n), workers, object)) as results:
        done = list(results)
    assert [item for _, item, _ in done] == list(range(n))
    threads = {thread for _, _, thread in done}
    assert threading.get_ident() in threads
    assert len(threads) == len({id(state) for state, _, _ in done}) == workers


@pytest.mark.timeout(60)
def test_the_first_error_is_raised_even_if_the_calling_thread_finds_a_later_one():
    main, has_failed = threading.get_ident(), threading.Event()

    def work(item):
        if threading.get_ident() != main:
            has_failed.wait()  # until the calling thread has an error
        has_failed.set()
        raise ValueError(f"item {item}")

    with pytest.raises(ValueError, match="^item 0$"):
        map_all(work, range(9), 2)


def test_items_are_freed_after_an_error():
    class Item:
        pass

    kept = weakref.WeakSet()

    def items():
        for _ in range(8):
            kept.add(item := Item())
            yield item

    def work(item):
        raise ValueError

    gc.collect()
    gc.disable()  # so that a reference cycle would keep them
    try:
        with suppress(ValueError):
            map_all(work, items(), 2)
        assert len(kept) == 0
    finally:
        gc.enable()


def interrupted_start(monkeypatch, number):
    """Let Ctrl-C come while a thread starts: in the start of the thread with a number, from 1."""
    start, numbers = threading.Thread.start, itertools.count(1)

    def start_and_interrupt(thread):
        start(thread)
        if next(numbers) == number:
            raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", start_and_interrupt)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("number", [1, 2])
def test_ctrl_c_in_the_start_of_a_thread(monkeypatch, number):
    begun, ended = [], []

    def work(item):
        begun.append(item)
        time.sleep(0.2)
        ended.append(item)

    interrupted_start(monkeypatch, number)
    with pytest.raises(KeyboardInterrupt):
        map_all(work, range(6), 3)
    at_return = sorted(begun), sorted(ended)
    time.sleep(0.5)
    assert at_return == (sorted(begun), sorted(ended))
    assert at_return[0] == at_return[1]


@pytest.mark.timeout(60)
def test_ctrl_c_in_the_start_of_the_background_thread(monkeypatch):
    begun, ended = [], []

    def work():
        begun.append(1)
        time.sleep(0.2)
        ended.append(1)

    interrupted_start(monkeypatch, 1)
    thread = BackgroundThread(most=1)
    with pytest.raises(KeyboardInterrupt), closing(thread):
        thread.call(work)
    at_return = list(begun), list(ended)
    time.sleep(0.5)
    assert at_return == (begun, ended)
    assert begun == ended


def test_exception_in_an_iterator(tok):
    def texts():
        for i in itertools.count():
            if i == 5000:
                raise KeyError("from the caller")
            yield "some words " * 300

    for work in (
        lambda: tok.encode_batch(texts(), workers=3),
        lambda: ft.count_pretokens(ft.Corpus.from_texts(texts), workers=3, batch_bytes=10_000),
        lambda: ft.train(ft.Corpus.from_texts(texts), vocab_size=300, workers=3),
    ):
        with pytest.raises(KeyError, match="from the caller"):
            work()
        assert not any(thread.name.startswith("ThreadPool") for thread in threading.enumerate())
    assert (
        tok.encode_batch(["some words"] * 9, workers=3).to_list() == [tok.encode("some words").tolist()] * 9
    )


# Processes and threads


@pytest.mark.timeout(60)
def test_fork_while_threads_work():
    run_child("fork_in_use")


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickles(tok, protocol):
    for thing in (COUNTS, ft.Ragged.from_rows([[1], []]), ft.BPETrainer(vocab_size=300), COUNTS.recipe):
        assert pickle.loads(pickle.dumps(thing, protocol)) == thing  # noqa: S301
    assert not pickle.loads(pickle.dumps(COUNTS, protocol)).counts.flags.writeable  # noqa: S301
    for name in (*PATTERNS, r"\w+|\s"):
        pretokenizer = ft.get_pretokenizer(name)
        copy = pickle.loads(pickle.dumps(pretokenizer, protocol))  # noqa: S301
        assert copy == pretokenizer
        assert copy.split_text("It's 12 o'clock") == pretokenizer.split_text("It's 12 o'clock")
    model = pickle.loads(pickle.dumps(tok.model, protocol))  # noqa: S301
    assert model.to_dict() == tok.model.to_dict()
    copy = pickle.loads(pickle.dumps(tok, protocol))  # noqa: S301
    assert copy.encode_batch(hostile.texts(50, seed=49)) == tok.encode_batch(hostile.texts(50, seed=49))


@pytest.mark.parametrize(
    "error",
    [
        ft.CorpusError("bad", "a.txt", 3),
        ft.TextError("\ud800", 3, 1),
        ft.SpecialTokenError("<s>", 1, 2),
        ft.PatternError("slow", 2),
        ft.RecipeError("different"),
        ft.ModelFormatError("bad", "a.json", "model"),
        ft.ModelExportError("no"),
    ],
)
def test_errors_can_be_pickled(error):
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


# Extreme texts


@pytest.mark.timeout(60)
def test_out_of_memory():
    run_child("run_out_of_memory")


@pytest.mark.parametrize("unit", ["a", " ", "ab"])
@pytest.mark.filterwarnings("ignore:the vocabulary has:UserWarning")
def test_repetitive_pretoken_of_a_megabyte(unit):
    n = 1 << 20
    tok = ft.train(ft.Corpus.from_texts([unit * n]), vocab_size=300)
    # Every merge doubles the largest piece; for "ab" the first merge makes "ab".
    powers = [unit * (1 << i) for i in range(21)][len(unit) == 1 :]
    assert [p.decode() for p in tok.model.pieces.to_bytes()[256:]] == powers
    for extra in range(4):
        sizes = [n, *([2] if extra & 2 else []), *([1] if extra & 1 else [])]
        assert [tok.decode([i]) for i in tok.encode(unit * (n + extra))] == [unit * size for size in sizes]
    assert tok.decode([tok.encode(unit * n + "x")[-1]]).endswith("x")


@pytest.mark.parametrize("name", list(PATTERNS))
@pytest.mark.filterwarnings("ignore:the vocabulary has:UserWarning")
def test_runs_of_combining_marks(name):
    tok = ft.train(
        ft.Corpus.from_texts(["e\u0301\u0301\u0301 \u0301" * 9]), vocab_size=262, pretokenizer=name
    )
    for n in (1, 2, 15, 16, 63, 64, 65, 30_000):
        for text in (
            "e" + "\u0301" * n,
            "\u0301" * n + "e",
            " \u0345" * n,
            "E\u0300" * n + "'s",
            "👍" + "🏽" * n,
        ):
            assert tok.pretokenizer.split_text(text) == oracles.split(PATTERNS[name], text.encode())
            assert tok.decode(tok.encode(text)) == text


def test_corpus_of_special_tokens_only():
    counts = ft.count_pretokens(ft.Corpus.from_texts(["<s>", "<s><s>"]), split_special=["<s>"])
    with pytest.raises(ValueError, match="the corpus is empty"):
        ft.train(counts, vocab_size=300)


def test_counts_above_32_bits_train(tmp_path):
    words = {"ab": (1 << 31) + 1, "bc": 1 << 31, "cd": (1 << 33) - 1, "de": 1 << 33, "xyz": (1 << 61) - 7}
    counts = ft.PretokenCounts.from_dict(words)
    counts.save(tmp_path / "a.npz")
    for source in (counts, ft.PretokenCounts.load(tmp_path / "a.npz")):
        tok = ft.train(source, vocab_size=262)
        assert tok.model.pieces.to_bytes()[256:] == [b"xy", b"xyz", b"de", b"cd", b"ab", b"bc"]
        assert tok.provenance["counts"]["n_pretokens"] == sum(words.values())


def test_cache_keeps_its_limit_with_many_distinct_words(tok, monkeypatch):
    made = []
    monkeypatch.setattr(encoding_module, "CACHE_BYTES", 1 << 20)
    monkeypatch.setattr(
        encoding_module, "PretokenCache", lambda limit: made.append(PretokenCache(limit)) or made[-1]
    )
    fresh = ft.Tokenizer(tok.model, tok.pretokenizer)
    fresh.encode("a")
    made += fresh._encoder._find_route("none").encoder._caches
    assert len(made) == 1
    for start in range(0, 300_000, 60_000):
        words = [f" {i:x}{'long' * (i % 6)}" for i in range(start, start + 60_000)]
        batch = fresh.encode_batch(words, workers=2)
        assert batch.to_list()[::977] == [tok.encode(word).tolist() for word in words[::977]]
        assert all(cache.n_bytes <= 1 << 20 for cache in made)
    assert 1 <= len(made) <= 2
    assert sum(map(len, made)) > 1000


def test_ctrl_c_during_the_import_of_numba():
    code = """
import os, signal, threading, time
import fasttok as ft

counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2})
for seconds in (0.05, 0.2):
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        ft.train(counts, vocab_size=258)
        time.sleep(1)
    except KeyboardInterrupt:
        pass
print(ft.train(counts, vocab_size=258).vocab_size)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.strip() == "258", done.stderr


def test_a_background_thread_calls_in_order_and_stops_at_an_error():
    called = []

    def fail():
        raise OSError("full")

    thread = BackgroundThread(most=100)
    for i in range(20):
        thread.call(called.append, i)
    thread.call(fail)
    thread.call(called.append, 20)
    with pytest.raises(OSError, match="full"):
        thread.wait()
    thread.close()
    assert called == list(range(20))
