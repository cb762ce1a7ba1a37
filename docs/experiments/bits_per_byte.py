"""Bits per byte of tokenizers under n-gram models: python bits_per_byte.py TEXT.

Takes about a fifth of the different lines of a text, chosen by a hash of the line: one line in fifty to
measure, nine in fifty for training. Trains tokenizers, and models of the ids of each, on the lines for
training. Prints a row of a table for each tokenizer: bits per byte of the lines to measure with trigrams and
with 5-grams, each with its 95 % bootstrap interval over lines, the bits with trigrams as a share of those of
bpe-16000, tokens per line, and the share of lines that decoding restores.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import fasttok as ft
from fasttok.evaluation.bootstrap import interval, resample

SEED = 7
ORDERS = (3, 5)
BASE = "bpe-16000"
UNITS = 1024  # parts of a bit that are counted


def read_lines(text: Path) -> tuple[list[bytes], list[bytes]]:
    """Return the lines for training and the lines to measure, without duplicates."""
    parts: tuple[list[bytes], list[bytes]] = ([], [])
    for line in dict.fromkeys(line for line in text.read_bytes().splitlines() if line.strip()):
        part = int.from_bytes(hashlib.blake2b(line, digest_size=8).digest(), "little") % 50
        if part < 10:
            parts[part == 0].append(line)
    return parts


def train_tokenizers(counts: ft.PretokenCounts) -> dict[str, ft.Tokenizer]:
    """Return the tokenizers, all trained from the same counts."""
    return {
        "byte": ft.train(counts, model="byte"),
        **{f"bpe-{size}": ft.train(counts, vocab_size=size) for size in (1000, 4000, 16000, 64000)},
        "unigram-16000": ft.train(counts, model="unigram", vocab_size=16000, byte_fallback=True),
        "wordpiece-16000": ft.train(counts, model="wordpiece", vocab_size=16000),
    }


def describe(values: NDArray[np.float64], digits: int) -> str:
    """Return the value of all lines, and the 95 % interval of those of the resamples."""
    low, high = interval(values[1:]) or (np.nan, np.nan)
    return f"{values[0]:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def run(text: Path) -> None:
    """Train and measure, and print the rows of the table."""
    train, test = read_lines(text)
    n_bytes = np.array([len(line) for line in test])
    print(f"{sum(map(len, train)):,} bytes in {len(train):,} lines for training")
    print(f"{n_bytes.sum():,} bytes in {len(test):,} lines to measure")
    counts = ft.count_pretokens(ft.Corpus.from_texts(train), "gpt2")
    # Totals of the columns over all lines and over each resample: the same draws for all tokenizers.
    all_bytes = resample(n_bytes[:, None], SEED, ["english"])[:, 0]
    bits: dict[str, list[NDArray[np.float64]]] = {}
    notes = {}
    for name, tok in train_tokenizers(counts).items():
        train_ids, test_ids = tok.encode_batch(train), tok.encode_batch(test)
        bits[name] = []
        for order in ORDERS:
            found = ft.lm.NGram(order).fit(train_ids, tok).bits(test_ids, tok)
            units = np.rint(UNITS * found).astype(np.int64)
            bits[name].append(resample(units[:, None], SEED, ["english"])[:, 0] / UNITS)
        restored = np.mean([a == b for a, b in zip(map(tok.decode_bytes, test_ids), test, strict=True)])
        notes[name] = f"{len(test_ids.values) / len(test):.1f} | {restored:.1%}"
    for name, totals in bits.items():
        columns = [describe(total / all_bytes, 3) for total in totals]
        columns.append(describe(totals[0] / bits[BASE][0], 4))
        print(f"| {name} | {' | '.join(columns)} | {notes[name]} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("text", type=Path)
    run(**vars(parser.parse_args()))
