"""Shared fixtures, and a folder for compiled kernels that all runs of the tests share."""

from __future__ import annotations

import os
import string
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
FUZZ = int(os.environ.get("FASTTOK_FUZZ", "1"))  # factor for the number of random inputs

# The names of its files depend on the code of the kernels and of those that they call.
os.environ.setdefault("NUMBA_CACHE_DIR", f"{tempfile.gettempdir()}/fasttok-kernels")

# Several workers run the tests, so threads of NumPy would only take processors from each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Tests start hundreds of commands. They load much faster if the first one stores the bytecode of the modules.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of real texts and tokenizer files next to the project; skip the test if missing."""
    if not SHARED.is_dir():
        assert not os.environ.get("CI"), "CI must have the shared data"
        pytest.skip("no folder of shared data next to the project")
    return SHARED


@pytest.fixture(scope="session")
def english(shared: Path) -> bytes:
    """Return the first 8 MB of real English prose and documentation."""
    import lzma

    with lzma.open(shared / "data/prose/english.txt.xz") as file:
        return file.read(8 << 20)


@pytest.fixture(scope="session")
def tok():
    """Return a small byte-level BPE tokenizer with two special tokens."""
    import fasttok as ft

    texts = [
        "It's low, lower, lowest; new, newer, newest! naïve 東京 12345 \r\n\n  aaaa aaaaaaa " * 3,
        "the cat and the hat and the rat that sat on a mat, " + string.printable,
    ]
    return ft.train(
        ft.Corpus.from_texts(texts),
        pretokenizer="gpt2",
        vocab_size=330,
        special_tokens=["<|endoftext|>", "<|end|>"],
    )
