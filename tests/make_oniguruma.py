"""Generate ``fasttok/text/unicode/_oniguruma.py``: the properties and the case folding of Oniguruma.

Every table comes from the regular expression engine of ``tokenizers``, which is asked about every code point.
The names of properties to ask for are those that the ``regex`` module knows.

Run: ``python tests/make_oniguruma.py`` with the pinned tokenizers (see pyproject.toml, extra ``test``). It
takes five minutes.
"""

from __future__ import annotations

import base64
import zlib
from pathlib import Path

import numpy as np
import tokenizers
from numpy.typing import NDArray
from regex import _regex_core
from tokenizers import Regex, normalizers

TARGET = Path(__file__).resolve().parent.parent / "fasttok/text/unicode/_oniguruma.py"
CODE_POINTS = np.array([c for c in range(0x110000) if not 0xD800 <= c < 0xE000])
TEXT = "".join(map(chr, CODE_POINTS))
POSIX = ["alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct"]
POSIX += ["space", "upper", "xdigit", "word"]  # in [[:…:]]
CASED = r"\p{CWCF}\p{CWCM}\p{Cased}"  # code points with case folding, and others


def members(pattern: str) -> NDArray[np.bool_]:
    """Return for each code point whether it matches."""
    rest = normalizers.Replace(Regex(pattern), "").normalize_str(TEXT)
    found = np.zeros(0x110000, np.bool_)
    found[CODE_POINTS] = True
    found[np.frombuffer(rest.encode("utf-32-le"), "<u4")] = False
    return found


def boundaries(found: NDArray[np.bool_]) -> list[int]:
    """Return the code points at which membership changes."""
    return np.flatnonzero(np.diff(found.astype(np.int8), prepend=0)).tolist()


def property_names() -> list[str]:
    names = {str(name) for _, values in _regex_core.PROPERTIES.values() for name in values}
    names |= {*_regex_core.PROPERTIES, *("IN" + str(name) for name in _regex_core.PROPERTIES["BLOCK"][1])}
    return sorted(name for name in names if name.isalnum())


def read_properties() -> dict[tuple[int, ...], list[str]]:
    """Return the names of each set of code points. ``[:word:]`` is the name of a set in brackets."""
    names: dict[tuple[int, ...], list[str]] = {}
    for name in property_names():
        try:
            Regex(rf"\p{{{name}}}")
        except Exception:  # noqa: S112  (the engine does not know the name)
            continue
        names.setdefault(tuple(boundaries(members(rf"\p{{{name}}}"))), []).append(name.lower())
    for name in POSIX:
        names.setdefault(tuple(boundaries(members(f"[[:{name}:]]"))), []).append(f"[:{name}:]")
    for name, pattern in (("w", "word"), ("s", "space"), ("d", "digit"), ("h", "xdigit")):
        assert (members(rf"\{name}") == members(rf"\p{{{pattern}}}")).all()
        assert (members(rf"[\{name}]") == members(rf"[[:{pattern}:]]")).all()
        assert (members(rf"[\{name.upper()}]") == members(rf"[^[:{pattern}:]]")).all()
    return names


def read_folds() -> list[list[int]]:
    """Return groups of code points that match each other without regard to case."""
    cased = np.flatnonzero(members(f"[{CASED}]"))
    lines = "\n".join(map(chr, cased))
    groups = set()
    for c in cased.tolist():
        for pattern in (rf"(?i:\x{{{c:X}}})", rf"(?i:[\x{{{c:X}}}])"):
            rest = normalizers.Replace(Regex(pattern), "").normalize_str(lines).split("\n")
            groups.add(tuple(int(other) for other, line in zip(cased, rest, strict=True) if not line))
    others = members(f"(?i)[[^{CASED}]]")
    assert not others[cased].any()  # case folding leaves all other code points alone
    together = sorted(list(group) for group in groups if len(group) > 1)
    assert sum(map(len, together)) == len({c for group in together for c in group})
    return together


def read_full_folds() -> list[str]:
    """Return each code point that folds to several, followed by its folding."""
    folds = [c + c.casefold() for c in TEXT if len(c.casefold()) > 1]
    for c, *folding in folds:
        for pattern, text in ((c, "".join(folding)), ("".join(folding), c), (f"[{c}]", "".join(folding))):
            assert normalizers.Replace(Regex(f"(?i:{pattern})"), "").normalize_str(text) == ""
    return folds


def pack(rows: list[list[int]]) -> str:
    """Pack lists of integers: for each, its length and the differences between its items, in base 128."""
    out = bytearray()
    for row in rows:
        for number in [len(row), *np.diff(row, prepend=0).tolist()]:
            n_digits = max(1, -(-int(number).bit_length() // 7))
            out += bytes(number >> 7 * i & 127 | 128 * (i < n_digits - 1) for i in range(n_digits))
    return base64.b85encode(zlib.compress(bytes(out), 9)).decode()


def wrapped(text: str, width: int) -> str:
    return "\n".join(f"    {text[i : i + width]!a}" for i in range(0, len(text), width))


def main() -> None:
    properties = read_properties()
    names = " ".join("|".join(names) for names in properties.values())
    TARGET.write_text(
        '"""Properties and case folding of the regular expression engine of tokenizers.\n\n'
        f"Generated by tests/make_oniguruma.py from tokenizers {tokenizers.__version__}; do not edit.\n\n"
        "`SETS` has a list of code points for each set, at which membership changes. `FOLDS` has groups\n"
        "of code points that match each other without regard to case. Both are compressed lists of\n"
        "integers, which `fasttok.text.unicode.code_point_sets` reads. `FULL_FOLDS` has code points that\n"
        "match several others, each followed by these. `NAMES` has the names of the sets in their order, in\n"
        'lower case without separators; names of one set are separated by |.\n"""\n\n'
        f"SETS = (\n{wrapped(pack([list(row) for row in properties]), 100)}\n)\n\n"
        f"FOLDS = (\n{wrapped(pack(read_folds()), 100)}\n)\n\n"
        f"FULL_FOLDS = (\n{wrapped(' '.join(read_full_folds()), 16)}\n)\n\n"
        f"NAMES = (\n{wrapped(names, 100)}\n)\n"
    )


if __name__ == "__main__":
    main()
