"""Combining marks that a pretokenizer separates from their letters, as GPT-2's does in many scripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import warn
from fasttok.core.ragged import Ragged
from fasttok.counts.recipe import short_name
from fasttok.counts.table import PretokenCounts
from fasttok.text.pretokenizers.registry import DEFAULT_PRETOKENIZER
from fasttok.text.steps import Pretokenizer
from fasttok.text.unicode._utf8 import decode_code_points
from fasttok.text.unicode.byte_alphabet import BYTE_OF_CHARACTER
from fasttok.text.unicode.classes import MARK, class_of_code_points
from fasttok.text.unicode.scripts import letters_of_scripts, name_scripts

MAX_SHARE = 0.01  # share of pretokens that begin with a mark above which users are warned
LONGEST_WORD = 24  # letters before a mark with which it is tried; pretokenizers can split after some length
NAMED = 4  # number of scripts or languages that a warning names


def share_of_marks(counts: PretokenCounts, pretokenizer: Pretokenizer) -> float:
    """Return the share of the pretokens in the corpus that begin with a mark separated from its letter.

    A pretoken counts if it begins with a combining mark (category M) that `pretokenizer`, which made the
    counts, separates from a letter of the same script. Returns 0 for empty counts. O(k) for k distinct
    pretokens.

    Examples
    --------
    >>> import fasttok as ft
    >>> pretokenizer = ft.get_pretokenizer("cl100k")
    >>> share_of_marks(ft.PretokenCounts.from_dict({"हिन": 2, "्द": 1, "ी": 1}, pretokenizer), pretokenizer)
    0.5
    """
    marks, n_of = _count_marks(counts)
    n_separated = int(n_of[_are_separated(marks, pretokenizer)].sum())
    return n_separated / counts.total if n_separated else 0.0


def warn_of_marks(counts: PretokenCounts | Mapping[Any, PretokenCounts], pretokenizer: Pretokenizer) -> None:
    """Warn if `share_of_marks` is more than 1 %.

    Counts of several corpora, such as languages, cause one warning that names the corpora concerned; a single
    one names the scripts.
    """
    if isinstance(counts, Mapping):
        shares = {str(name): share_of_marks(part, pretokenizer) for name, part in counts.items()}
        shares = {name: share for name, share in shares.items() if share > MAX_SHARE}
        where = name_shares(shares)
    else:
        marks, n_of = _count_marks(counts)
        if n_of.sum() <= MAX_SHARE * counts.total:
            return  # whether separated or not; finding out takes milliseconds
        is_separated = _are_separated(marks, pretokenizer)
        marks, n_of = marks[is_separated], n_of[is_separated]
        shares = {"": int(n_of.sum()) / counts.total} if n_of.sum() > MAX_SHARE * counts.total else {}
        where = ", ".join(name_scripts(marks, n_of)[:NAMED])
    if not shares:
        return
    warn(
        f"the pretokenizer {short_name(pretokenizer.config())!r} separates combining marks from their "
        f"letters: {'up to ' * (len(shares) > 1)}{max(shares.values()):.1%} of the pretokens begin with a "
        f"separated mark ({where}). No token can contain a letter with its mark. The pretokenizer "
        f'"{DEFAULT_PRETOKENIZER}" keeps them together.'
    )


def name_shares(shares: Mapping[str, float]) -> str:
    """Return the largest shares with their names, for a message.

    Examples
    --------
    >>> name_shares({"khm": 0.3, "eng": 0.011, "hin": 0.456})
    'hin 45.6%, khm 30.0%, eng 1.1%'
    """
    largest = sorted(shares, key=lambda name: (-shares[name], name))
    more = f" and {len(largest) - NAMED} more" if len(largest) > NAMED else ""
    return ", ".join(f"{name} {shares[name]:.1%}" for name in largest[:NAMED]) + more


def _count_marks(counts: PretokenCounts) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return the marks that begin pretokens, with the number of pretokens in the corpus."""
    first = _first_code_points(counts)
    is_mark = (class_of_code_points()[first] & MARK) != 0
    marks, indices = np.unique(first[is_mark], return_inverse=True)
    n_of = np.zeros(len(marks), np.int64)
    np.add.at(n_of, indices, counts.counts[is_mark])
    return marks, n_of


def _are_separated(marks: NDArray[np.uint32], pretokenizer: Pretokenizer) -> NDArray[np.bool_]:
    """Return whether `pretokenizer` separates each mark from a letter of the same script."""
    pairs = zip(letters_of_scripts(marks), marks.tolist(), strict=True)
    return np.array([_is_separated(letter, chr(mark), pretokenizer) for letter, mark in pairs], np.bool_)


def _is_separated(letter: str, mark: str, pretokenizer: Pretokenizer) -> bool:
    """Return whether a mark is separated from a letter, or from the last one of a longer word."""
    return any(
        len(pretokenizer.split_text(n * letter + mark)) > len(pretokenizer.split_text(n * letter))
        for n in range(1, LONGEST_WORD + 1)
    )


def _first_code_points(counts: PretokenCounts) -> NDArray[np.uint32]:
    """Return the first code point of every pretoken, also if it is written in GPT-2's byte alphabet."""
    steps = counts.recipe.pretokenizer.get("steps", [counts.recipe.pretokenizer])
    if not len(counts) or not any(step["name"] == "byte_level" for step in steps):
        return counts.code_points[counts.offsets[:-1]]
    byte_of = np.zeros(0x110000, np.uint8)
    for character, byte in BYTE_OF_CHARACTER.items():
        byte_of[ord(character)] = byte
    text = Ragged(byte_of[counts.code_points], counts.offsets)
    code_points, offsets = np.empty(len(text.values), np.uint32), np.zeros(len(text) + 1, np.int64)
    decode_code_points(text.values, text.offsets, code_points, offsets)
    return code_points[offsets[:-1]]
