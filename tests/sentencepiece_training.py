"""Naive training of BPE by sentencepiece's rules, and small corpora with options; imports nothing of fasttok.

The rules were found by experiments with sentencepiece 0.2.3. Everything is counted again after every merge.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import regex

MARK = "▁"
DIGITS = {chr(c) for c in (*range(0x30, 0x3A), *range(0xFF10, 0xFF1A))}
SCRIPTS = ["Latin", "Cyrillic", "Thai", "Inherited", "Common"]


@dataclass
class Options:
    vocab_size: int
    special_tokens: tuple[str, ...] = ("<unk>", "<s>", "</s>")
    user_defined: tuple[str, ...] = ()
    byte_fallback: bool = False
    character_coverage: float = 0.9995
    required_characters: str = ""
    max_piece_length: int = 16
    split_digits: bool = False
    split_by_number: bool = True
    split_by_unicode_script: bool = True
    split_by_whitespace: bool = True
    treat_whitespace_as_suffix: bool = False
    allow_whitespace_only_pieces: bool = False


def script_of(c: str) -> str:
    if regex.match(r"[\p{Han}\p{Hiragana}\p{Katakana}\u30fc]", c):
        return "Han"
    return next((s for s in SCRIPTS if regex.match(rf"\p{{Script={s}}}", c)), "other")


def is_valid(piece: str, options: Options) -> bool:
    """Return whether a string of two or more characters may be a piece."""
    if len(piece) > options.max_piece_length:
        return False
    if not (options.allow_whitespace_only_pieces and set(piece) == {MARK}):
        marks = [i for i, c in enumerate(piece) if c == MARK]
        if options.treat_whitespace_as_suffix:
            marks = [len(piece) - 1 - i for i in marks]
        if any(i > 0 if options.split_by_whitespace else i == len(piece) - 1 for i in marks):
            return False
    if options.split_digits and DIGITS & set(piece):
        return False
    before = None
    for c in piece:
        if c == MARK or not options.split_by_unicode_script:
            continue
        script = script_of(c)
        if script == "Inherited":
            continue
        if c in DIGITS and not options.split_by_number:
            before = None
            continue
        if before not in (None, script):
            return False
        before = script
    return True


def learn_pieces(words: dict[str, int], options: Options) -> list[str]:
    """Return the pieces in the order of their ids; `words` are pretokens with ▁."""
    names = [f"<0x{byte:02X}>" for byte in range(256)] if options.byte_fallback else []
    reserved = [*options.special_tokens, *options.user_defined, *names]
    longest_first = sorted(reserved, key=len, reverse=True)
    expression = regex.compile("|".join(map(regex.escape, longest_first)))
    replaced = [(expression.sub("\x1f", word), n) for word, n in words.items()]

    totals: Counter[str] = Counter()
    for word, n in replaced:
        for c in word:
            totals[c] += n
    n_all, covered, characters = sum(totals.values()), 0, []
    for c in options.required_characters:
        totals[c] += 0
    for c in sorted(totals, key=lambda c: (c not in options.required_characters, -totals[c], c)):
        if np.float32(covered / n_all) >= np.float32(options.character_coverage):
            break
        covered += totals[c]
        characters += [c] if c != "\x1f" else []
    characters.sort(key=lambda c: (-totals[c], c))

    rows = [([c if c in characters else None for c in word], n) for word, n in replaced]
    n_merges = options.vocab_size - len(reserved) - len(characters)
    merged: list[str] = []
    seen: set[tuple[str, str]] = set()  # pairs that were neighbours, even while a merge was under way
    while len(merged) < n_merges:
        counts: Counter[tuple[str, str]] = Counter()
        for row, n in rows:
            for left, right in pairwise(row):
                if left and right and is_valid(left + right, options):
                    counts[left, right] += n
        seen |= set(counts)
        candidates = {pair: counts[pair] for pair in seen if "".join(pair) not in merged}
        if not candidates:
            break
        best = min(candidates, key=lambda p: (-candidates[p], len("".join(p)), "".join(p)))
        merged.append("".join(best))
        if not candidates[best]:
            continue
        for row, _ in rows:
            i = 0
            while i < len(row) - 1:
                if (row[i], row[i + 1]) == best:
                    row[i : i + 2] = [merged[-1]]
                    neighbours = [(row[j], row[j + 1]) for j in (i - 1, i) if 0 <= j < len(row) - 1]
                    seen |= {p for p in neighbours if all(p) and is_valid("".join(p), options)}
                i += 1
    return [*reserved, *merged, *characters]


# Texts with many ties: runs of one letter, scripts, digits, Inherited characters, reserved texts, ▁.
LETTERS = (
    "  aab", "aaab  ", " abcdé東ひカー", "a1б2\u0301 ab", "a1.,２ ", " <s>a", "aab▁ b", "กาขไ าา ab"
)  # fmt: skip


def make_case(rng: random.Random) -> tuple[list[str], dict[str, Any], dict[str, Any], str]:
    """Return lines, options of `BPETrainer`, options of `Metaspace`, and the name of a normalizer."""
    letters = rng.choice(LETTERS)
    lines = ["".join(rng.choices(letters, k=rng.randint(1, 30))) for _ in range(rng.randint(1, 6))]
    lines.append("ab")  # at least one pretoken
    options: dict[str, Any] = {"vocab_size": rng.randint(25, 70)}
    marks: dict[str, Any] = {}

    def sometimes() -> bool:
        return rng.random() < 0.3

    for option in ("split_digits", "allow_whitespace_only_pieces", "byte_fallback"):
        if sometimes():
            options[option] = True
    for option in ("split_by_number", "split_by_unicode_script"):
        if sometimes():
            options[option] = False
    if sometimes():
        marks["treat_whitespace_as_suffix"] = True
    for option in ("split_by_whitespace", "remove_extra_whitespaces", "add_dummy_prefix"):
        if sometimes():
            marks[option] = False
    if "treat_whitespace_as_suffix" in marks and "split_by_whitespace" not in marks:
        options.pop("allow_whitespace_only_pieces", None)
    if sometimes():
        options["max_piece_length"] = rng.choice([1, 2, 3, 4])
    if sometimes():
        options["character_coverage"] = rng.choice([0.98, 0.99, 1.0])
    if sometimes():
        options["user_defined"] = rng.choice([["ab"], ["a", "aab"], ["<s>a", "1"], ["東", "ba"]])
    if sometimes():
        options["required_characters"] = rng.choice(["zq", "ß"])
    elif options.get("byte_fallback") and sometimes():
        options["character_coverage"] = "auto"
    if options.get("byte_fallback"):
        options["vocab_size"] += 256
    return lines, options, marks, rng.choice(["nmt_nfkc", "nmt_nfkc", "sp_nfkc_cf", "identity"])
