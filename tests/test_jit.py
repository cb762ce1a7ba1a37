"""Kernels: machine code on disk, types of arguments, and loading while pretokens are counted."""

from __future__ import annotations

import _thread
import math
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import fasttok as ft
from fasttok.core.jit.kernel import njit

MODULE = """
import numpy as np
from fasttok.core.jit.kernel import njit
FACTOR = {factor}

@njit
def scale(x):
    return x * FACTOR {addend}

@njit
def total(values, weights, last):
    n, real = np.int64(0), 0.0
    for i in range(last):
        for j in range(2):
            n += scale(np.int64(values[i, j]))
        real += weights[i]
    values[0, 0] = 7
    return n, real, n > 5
"""
CALL = """
import sys
import numpy as np
import kernels_of_test as k
values = np.array([[1, 2], [3, 4]], np.uint32)
print(*k.total(values, np.array([0.5, 0.25], np.float32), 2), values[0, 0], "numba" in sys.modules)
"""


def run_kernel(folder, cache, factor=10, addend="", **environment):
    (folder / "kernels_of_test.py").write_text(MODULE.format(factor=factor, addend=addend))
    path = f"{folder}:{Path(__file__).parent.parent}"
    places = {"NUMBA_CACHE_DIR": str(cache)} if cache else {}
    command = [sys.executable, "-B", "-W", "error", "-c", CALL]
    done = subprocess.run(
        command,
        env={"PYTHONPATH": path, **places, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert ("first use only" in done.stderr) == done.stdout.endswith("True\n")
    return done.stdout.split()


def test_machine_code_is_stored_and_loaded_without_numba(tmp_path):
    cache = tmp_path / "cache"
    assert run_kernel(tmp_path, cache) == ["100", "0.75", "1", "7", "True"]
    assert run_kernel(tmp_path, cache) == ["100", "0.75", "1", "7", "False"]
    assert len(list(cache.iterdir())) == 1
    # A changed constant and a changed function that the kernel calls: both count.
    assert run_kernel(tmp_path, cache, factor=1) == ["10", "0.75", "1", "7", "True"]
    assert run_kernel(tmp_path, cache, factor=1, addend="- 2") == ["2", "0.75", "0", "7", "True"]
    assert run_kernel(tmp_path, cache) == ["100", "0.75", "1", "7", "False"]
    # Another setting of Numba is another compilation; damaged files are compiled again.
    assert run_kernel(tmp_path, cache, NUMBA_OPT="1")[-1] == "True"
    for path in cache.iterdir():
        path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    assert run_kernel(tmp_path, cache)[-1] == "True"
    for path in cache.iterdir():
        path.write_bytes(b"")
    assert run_kernel(tmp_path, cache)[-1] == "True"


def test_machine_code_goes_to_the_first_folder_that_can_be_written(tmp_path):
    (tmp_path / "__pycache__").write_text("a file, not a folder")
    users = {"XDG_CACHE_HOME": str(tmp_path / "user")}
    assert run_kernel(tmp_path, None, **users)[-1] == "True"
    assert [path.name.partition("-")[0] for path in (tmp_path / "user/fasttok").iterdir()] == [
        "kernels_of_test.total"
    ]
    assert run_kernel(tmp_path, None, **users)[-1] == "False"
    nowhere = {"XDG_CACHE_HOME": str(tmp_path / "__pycache__")}
    for _ in range(2):  # it works without storing anything
        assert run_kernel(tmp_path, None, **nowhere) == ["100", "0.75", "1", "7", "True"]


@njit
def add(values, number):
    return values[0] + number


def test_one_compilation_per_type():
    assert add(np.array([3], np.int64), 4) == 7
    assert add(np.array([3], np.int64), np.int64(4)) == 7
    assert add(np.array([3], np.uint8), 0.5) == 3.5
    assert add(np.array([-0.5], np.float32), np.float32(0.25)) == -0.25
    assert len(add._loaded) == 3
    read_only = np.array([3], np.int64)
    read_only.setflags(write=False)
    assert add(read_only, 1) == 4


@pytest.mark.parametrize(
    "arguments",
    [
        ([1, 2], 3),
        (np.array(["a"]), 3),
        (np.zeros((1, 1, 1)), 3),
        (np.zeros(4, np.int64)[::2], 3),
        (np.zeros(4, ">i8"), 3),
        (np.zeros(4, np.complex128), 3),
        (np.zeros(4), None),
        (np.zeros(4), 1 << 63),
        (np.zeros(4),) * 30,
    ],
)
def test_other_arguments_are_errors(arguments):
    with pytest.raises((TypeError, ValueError, OverflowError)):
        add(*arguments)


@njit
def halve(values, flags, first):
    n = 0
    for i in range(first, len(values), 2):
        flags[i] = not values[i] & 1
        if flags[i] and values[i] != 4:
            n += 1
            values[i] //= 2
    return n, add(values, 1) > 2 if n > 1 else flags[first]


@njit
def average(values, row, weight):
    total = 0.0
    for i in range(len(values[row])):
        total += values[row, i] * weight if values[row][i] > 1 else math.sqrt(values[row, i])
    values[0, 0], values[row, 1] = values[row, 1], values[0, 0]
    return total / len(values)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint32, np.int64])
@pytest.mark.parametrize("first", [0, 1])
def test_kernels_with_integers_and_flags(dtype, first):
    values, expected = np.arange(1, 9, dtype=dtype), np.arange(1, 9, dtype=dtype)
    flags = np.zeros((2, 8), bool)
    assert halve(values, flags[0], first) == halve.py_func(expected, flags[1], first)
    assert values.tolist() == expected.tolist()
    assert flags[0].tolist() == flags[1].tolist()


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64])
def test_kernels_with_rows(dtype):
    values, expected = np.arange(6, dtype=dtype).reshape(2, 3), np.arange(6, dtype=dtype).reshape(2, 3)
    assert average(values, 1, 0.5) == average.py_func(expected, 1, 0.5)
    assert average(values, 0, 2) == pytest.approx(average.py_func(expected, 0, 2))
    assert values.tolist() == expected.tolist()


@njit
def calls_with_literals(values):
    return add(values, 1) + add(values, 2) + add(values, values[0])


def test_a_literal_is_no_type_of_its_own():
    number = len(add._numba_type_._translated)
    assert calls_with_literals(np.array([-5], np.int64)) == -17
    assert len(add._numba_type_._translated) <= number + 1


@njit
def return_five(n):
    return n, n, n, n, n


def test_a_kernel_has_at_most_four_results():
    with pytest.raises(TypeError, match="kernels have at most 4 results, not 5"):
        return_five(1)


@njit
def allocate(n):
    return np.zeros(n, np.int64)[0]


@njit
def make_list(n):
    return len([n])


@njit
def take_slice(values):
    return len(values[1:])


@njit
def index_by_float(values):
    return values[0.5]


@njit
def store_row(values):
    values[0] = values[1]


@njit
def raise_error(n):
    if n > 3:
        raise ValueError
    return n


@pytest.mark.parametrize(
    ("kernel", "argument"),
    [
        (allocate, 3),
        (make_list, 3),
        (take_slice, np.zeros(3)),
        (index_by_float, np.zeros(3)),
        (store_row, np.zeros((2, 2))),
        (raise_error, 3),
    ],
)
def test_what_kernels_cannot_do(kernel, argument):
    for _ in range(2):
        with pytest.raises(NotImplementedError, match=rf"kernel \S+\.{kernel.__name__}"):
            kernel(argument)


def run(code, tmp_path, **environment):
    """Run code of Python with an empty store and return its output."""
    places = {"PYTHONPATH": str(Path(__file__).parent.parent), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-B", "-W", "error", "-c", code]
    done = subprocess.run(command, env=places | environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_compiler_imports_only_what_kernels_need(tmp_path):
    code = """
import sys
from fasttok.models.merging.engine import load_kernels
from fasttok.models.merging.orders import Frequency
load_kernels(Frequency())
print("numba" in sys.modules, *{"scipy.linalg", "numba.np.arraymath"} & sys.modules.keys())
"""
    assert run(code, tmp_path) == ["True"]


def test_kernels_and_functions_of_numba_in_one_process(tmp_path):
    code = """
import numba
import numpy as np
from tests.test_jit import add, allocate

@numba.njit
def total(values):
    return min(values.sum() + np.zeros(3)[1:].sum(), 100) + len(values)

values = np.arange(4)
if {first}:
    print(total(values))
print(add(values, 1))
try:
    allocate(3)
except NotImplementedError:
    print("error")
print(total(values), numba.njit(lambda values: values[-1] + np.dot(values * 1.0, values * 1.0))(values))
"""
    assert run(code.format(first=True), tmp_path) == ["10.0", "1", "error", "10.0", "17.0"]
    assert run(code.format(first=False), tmp_path / "other") == ["1", "error", "10.0", "17.0"]


def test_bounds_of_indices_are_checked_on_demand(tmp_path):
    code = """
import numpy as np
from tests.test_jit import average
values = np.ones((2, 3))
print(average(values, 1, 2))
for row in (2, -1):
    try:
        average(values, row, 2)
    except RuntimeError:
        print("error")
"""
    assert run(code, tmp_path, NUMBA_BOUNDSCHECK="1") == ["1.5", "error", "error"]


TEXTS = ["the cat and the hat " * 40, "low lower lowest " * 30]


@pytest.mark.parametrize(
    ("model", "options"), [("bpe", {}), ("wordpiece", {}), ("wordpiece", {"method": "likelihood"})]
)
def test_kernels_are_loaded_while_pretokens_are_counted(model, options):
    corpus = ft.Corpus.from_texts(TEXTS)
    pretokenizer = "gpt2" if model == "bpe" else "bert"
    options = {"vocab_size": 262 if model == "bpe" else 30, **options}
    before = set(threading.enumerate())
    tok = ft.train(corpus, model, pretokenizer=pretokenizer, **options)
    assert set(threading.enumerate()) == before
    counts = ft.count_pretokens(corpus, pretokenizer)
    expected = ft.train(counts, model, **options)
    assert tok.model.pieces.to_bytes() == expected.model.pieces.to_bytes()


def test_errors_while_kernels_are_loaded(monkeypatch):
    def texts():
        yield "the cat"
        raise OSError("the disk is gone")

    before = set(threading.enumerate())
    with pytest.raises(OSError, match="the disk is gone"):
        ft.train(ft.Corpus.from_texts(texts), vocab_size=258)
    assert set(threading.enumerate()) == before

    def fail(trainer):
        raise RuntimeError("no compiler")

    monkeypatch.setattr(ft.BPETrainer, "_prepare", fail)
    with pytest.raises(RuntimeError, match="no compiler"):
        ft.train(ft.Corpus.from_texts(TEXTS), vocab_size=258)
    with pytest.raises(OSError, match="the disk is gone"):
        ft.train(ft.Corpus.from_texts(texts), vocab_size=258)
    assert set(threading.enumerate()) == before


def test_ctrl_c_ends_the_thread_that_loads_kernels(monkeypatch):
    started = threading.Event()

    def load(trainer):
        started.set()
        time.sleep(0.5)

    def texts():
        started.wait()
        timer.start()
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(ft.BPETrainer, "_prepare", load)
    before = set(threading.enumerate())
    timer = threading.Timer(0.1, _thread.interrupt_main)  # the second Ctrl-C, while the thread is joined
    with pytest.raises(KeyboardInterrupt):
        ft.train(ft.Corpus.from_texts(texts), vocab_size=258)
    timer.join()
    assert set(threading.enumerate()) == before
