"""Cut a text into lines to train on and lines to measure on: python split.py TEXT FOLDER.

Writes train.txt and test.txt into the folder, which is made. A line that occurs more than once is taken once,
where it stands first, and empty ones are left out. Whether a line is held out depends on the line alone, so
the same lines are, in whatever order they come; it is one in ten.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path


def is_held_out(line: bytes) -> bool:
    """Whether a line is one to measure on: whether the hash of it is divisible by ten."""
    return int.from_bytes(hashlib.blake2b(line, digest_size=8).digest(), "little") % 10 == 0


def split(text: Path, folder: Path) -> None:
    """Write the lines of a text into two files of a folder."""
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
