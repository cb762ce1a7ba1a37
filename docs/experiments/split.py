"""Split a text into lines for training and lines for measuring: python split.py TEXT FOLDER.

Creates the folder and writes train.txt and test.txt to it. Empty lines are omitted, and each repeated line is
written once, in the order of first occurrence. One line in ten is for measuring. The choice depends only on a
hash of the line, so the same lines are chosen in any order.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path


def is_held_out(line: bytes) -> bool:
    """Return whether a line is for measuring: whether its hash is divisible by ten."""
    return int.from_bytes(hashlib.blake2b(line, digest_size=8).digest(), "little") % 10 == 0


def split(text: Path, folder: Path) -> None:
    """Write the lines of a text to train.txt and test.txt in a folder."""
    lines = dict.fromkeys(line for line in text.read_bytes().splitlines() if line.strip())
    folder.mkdir(parents=True, exist_ok=True)
    for name, held_out in (("train", False), ("test", True)):
        part = [line + b"\n" for line in lines if is_held_out(line) == held_out]
        (folder / f"{name}.txt").write_bytes(b"".join(part))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("text", type=Path)
    parser.add_argument("folder", type=Path)
    split(**vars(parser.parse_args()))
