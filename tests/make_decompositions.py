"""Write ``fasttok/text/unicode/_decompositions.py`` from unicodedata2, ``regex`` and ``tokenizers``.

The version of Unicode is that of sentencepiece's built-in rules, which fasttok must reproduce. It is also the
version of the Rust standard library from which ``tokenizers`` takes lower case. Other tables of
``tokenizers`` are older. Code points on which they disagree are listed in
``tests/normalizer_differences.py``, so that comparisons can skip exactly these.

Run: ``python -m tests.make_decompositions`` with ``unicodedata2==17.0.1`` installed.
"""

from __future__ import annotations

import sys
import textwrap
from importlib import import_module
from pathlib import Path
from types import ModuleType

import regex
from regex import _regex
from tokenizers import normalizers

from tests.make_unicode import ranges, wrapped

VERSION = "17.0.0"
CONSTANT = ("COMBINING", "MARKS", "OTHERS")  # tables in which all code points of a run have the same value
# The ranges of Chinese characters in BERT's original code.
IDEOGRAPHS = (
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0x2F800, 0x2FA1F),
)  # fmt: skip
ROOT = Path(__file__).resolve().parent.parent
SURROGATES = range(0xD800, 0xE000)
HANGUL = range(0xAC00, 0xAC00 + 11172)  # decomposed by arithmetic
CODE_POINTS = [c for c in range(0x110000) if c not in SURROGATES and c not in HANGUL]


def decompositions(ucd: ModuleType) -> tuple[dict[int, tuple[int, ...]], dict[int, tuple[int, ...]]]:
    """Return the canonical and the compatibility decompositions in one step."""
    canonical, compatible = {}, {}
    for c in CODE_POINTS:
        tag, _, parts = ucd.decomposition(chr(c)).rpartition(">")
        if parts:
            (compatible if tag else canonical)[c] = tuple(int(part, 16) for part in parts.split())
    return canonical, compatible


def foldings(ucd: ModuleType) -> dict[int, tuple[int, ...]]:
    """Return the simple case folding. `regex` does not fold "I", because Turkish folds it differently."""
    found: dict[int, tuple[int, ...]] = {ord("I"): (ord("i"),)}
    for c in CODE_POINTS:
        folded = _regex.fold_case(int(regex.I | regex.U), chr(c))
        if folded != chr(c) and ucd.category(chr(c)) != "Cn":
            found[c] = (ord(folded),)
    return dict(sorted(found.items()))


def lower_case() -> dict[int, tuple[int, ...]]:
    """Return the lower-case mappings of `tokenizers`."""
    lower = normalizers.Lowercase().normalize_str
    found = {c: tuple(map(ord, lower(chr(c)))) for c in CODE_POINTS}
    return {c: target for c, target in found.items() if target != (c,)}


def marks(ucd: ModuleType) -> dict[int, tuple[int, ...]]:
    """Return the marks: 1 for nonspacing marks (Mn), 2 for all others (Mc, Me)."""
    categories = {c: ucd.category(chr(c)) for c in CODE_POINTS}
    return {c: (1 if name == "Mn" else 2,) for c, name in categories.items() if name[0] == "M"}


def differences(ucd: ModuleType) -> dict[str, set[int]]:
    """Return the code points that normalizers of ``tokenizers`` rewrite differently from these tables."""

    def options(**given: bool) -> normalizers.BertNormalizer:
        names = ("clean_text", "handle_chinese_chars", "strip_accents", "lowercase")
        return normalizers.BertNormalizer(**(dict.fromkeys(names, False) | given))

    def dropped(step: normalizers.Normalizer) -> set[int]:
        return {c for c in CODE_POINTS if not step.normalize_str(chr(c))}

    normal_forms = set()
    for name in ("NFC", "NFD", "NFKC", "NFKD"):
        step = getattr(normalizers, name)()
        for c in CODE_POINTS:
            texts = [chr(c)]
            if ucd.combining(chr(c)):
                texts += [
                    text
                    for mark in "\u0334\u0323\u0301\u0345"
                    for text in (f"a{mark}{chr(c)}", f"a{chr(c)}{mark}")
                ]
            if any(step.normalize_str(text) != ucd.normalize(name, text) for text in texts):
                normal_forms.add(c)
    known = marks(ucd)
    nonspacing = {c for c, value in known.items() if value == (1,)}
    others = {c for c in CODE_POINTS if ucd.category(chr(c)) in ("Cc", "Cf", "Co")}
    # BERT also drops U+FFFD, and replaces tabs and line ends by spaces.
    others = (others | {0xFFFD}) - set(map(ord, "\t\n\r"))
    bert = (nonspacing ^ dropped(options(strip_accents=True))) | (others ^ dropped(options(clean_text=True)))
    apart = options(handle_chinese_chars=True).normalize_str
    bert |= {c for c in CODE_POINTS if (len(apart(chr(c))) == 3) != any(a <= c <= b for a, b in IDEOGRAPHS)}
    return {
        "normal_forms": normal_forms,
        "strip_accents": known.keys() ^ dropped(normalizers.StripAccents()),
        "bert": bert,
    }


def written(mapping: dict[int, tuple[int, ...]], step: int) -> str:
    """Return the entries of a table as text; in a run, a target of one code point grows by `step`."""
    entries: list[list[int]] = []
    for c, target in mapping.items():
        if entries and len(target) == 1:
            first, last, *start = entries[-1]
            if last == c - 1 and len(start) == 1 and start[0] + (c - first) * step == target[0]:
                entries[-1][1] = c
                continue
        entries.append([c, c, *target])
    return " ".join(
        f"{first:X}{f'-{last:X}' if last > first else ''}:{'+'.join(f'{t:X}' for t in target)}"
        for first, last, *target in entries
    )


def literal(name: str, text: str) -> str:
    lines = textwrap.wrap(text, 98, break_on_hyphens=False, break_long_words=False)
    return f"{name} = (\n" + "".join(f'    "{line} "\n' for line in lines) + ")\n"


def main() -> None:
    ucd = import_module("unicodedata2")  # imported here, so that tests can be collected without it
    assert ucd.unidata_version == VERSION
    canonical, compatible = decompositions(ucd)
    combining = {c: (ucd.combining(chr(c)),) for c in CODE_POINTS}
    pairs = {c for c, parts in canonical.items() if len(parts) == 2}
    excluded = {c: () for c in sorted(pairs) if ucd.normalize("NFC", chr(c)) != chr(c)}
    tables = {
        "CANONICAL": canonical,
        "COMPATIBLE": compatible,
        "COMBINING": {c: value for c, value in combining.items() if value[0]},
        "EXCLUDED": excluded,
        "FOLDED": foldings(ucd),
        "LOWER": lower_case(),
        "MARKS": marks(ucd),
        "OTHERS": {c: (1,) for c in CODE_POINTS if ucd.category(chr(c)) in ("Cc", "Cf", "Co")},
    }
    (ROOT / "fasttok/text/unicode/_decompositions.py").write_text(
        f'"""Decompositions, case mappings and some categories of Unicode {VERSION}.\n\n'
        "Generated by tests/make_decompositions.py; do not edit.\n\n"
        "An entry is a code point, or the first and last code point of a run, followed by a colon and\n"
        "its value in hexadecimal. In a run, a value of one code point is that of the first entry and\n"
        "grows by 1 per code point; the values of COMBINING, MARKS and OTHERS are the same in the\n"
        "whole run.\n"
        "\n"
        "CANONICAL, COMPATIBLE: decomposition in one step. COMBINING: combining class, if not 0.\n"
        "EXCLUDED: the two code points of the canonical decomposition do not compose to the entry.\n"
        "FOLDED: simple case folding. LOWER: full lower case, without regard to context. MARKS: 1 for\n"
        "Mn, 2 for Mc and Me. OTHERS: 1 for Cc, Cf and Co. Hangul syllables are not included, since\n"
        'their decomposition is arithmetic.\n"""\n\n'
        + "\n".join(literal(name, written(table, name not in CONSTANT)) for name, table in tables.items())
    )
    for name, table in tables.items():
        print(f"{name}: {len(table)} code points", file=sys.stderr)

    lines = [
        '"""Code points that tokenizers rewrites differently from fasttok, in inclusive ranges.',
        "",
        "Generated by tests/make_decompositions.py; do not edit.",
        '"""',
        "",
    ]
    for name, code_points in differences(ucd).items():
        rows = wrapped([f"({a}, {b})" for a, b in ranges(code_points)])
        lines += [f"# {len(code_points)} code points", f"{name.upper()} = (\n{rows}\n)", ""]
    (ROOT / "tests/normalizer_differences.py").write_text("\n".join(lines[:-1]) + "\n")


if __name__ == "__main__":
    main()
