"""Normalizers that rewrite text code point by code point: Unicode's normal forms, lower case, and BERT's.

Each normalizer has a table with the replacement of every code point, which is made at first use. The kernel
in `_code_points.pyx` applies the table. If the normalizer requires it, the kernel also reorders and composes
marks.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain

import numpy as np

from fasttok.core.checks import checked_choice, checked_flag
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.text.cuts import REWRITING_CUTS, RewritingCuts
from fasttok.text.normalizers._code_points import CodePoints
from fasttok.text.normalizers.sentencepiece_rules import CONTROLS
from fasttok.text.rows import Rows
from fasttok.text.steps import Normalizer
from fasttok.text.unicode import _classes
from fasttok.text.unicode._utf8 import encode_code_points
from fasttok.text.unicode.normal_forms import (
    N_SYLLABLES,
    N_TRAILING,
    N_VOWELS,
    SYLLABLES,
    TRAILING,
    VOWELS,
    Unicode,
    syllables,
)
from fasttok.text.unicode.versions import checked_version

# The ranges of Chinese characters in BERT's code: CJK ideographs as of Unicode 8.
IDEOGRAPHS = (
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0x2F800, 0x2FA1F),
)  # fmt: skip
FIRST_OF_TOKENIZERS = 0x2B920  # the begin of the range from 0x2B820 on in tokenizers
SPACE = 0x20
# Code points that "nmt" replaces by spaces; nearly those of sentencepiece's "nmt_" rules.
NMT_SPACES = "\t\n\f\r\u1680\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u2581\ufeff\ufffd"
KEPT_CONTROLS = tuple(map(ord, "\t\n\r"))  # control characters that BERT does not drop but replaces by spaces

NAMES = ("nfc", "nfd", "nfkc", "nfkd", "lowercase", "strip_accents", "nmt")  # names of `UnicodeNormalizer`

# Constants of _code_points.pyx.
WORK = 255  # value in place of a combining class: the code point needs more than a copy
SPACED = 1  # value in place of a sequence number: the code point itself, between spaces
N_RESERVED = 2  # sequence numbers that are not sequences: 0 (the code point is copied) and SPACED

Targets = dict[int, tuple[int, ...]]


class _TableBuilder:
    """Builder of a table of replacements.

    Parameters
    ----------
    classes : Mapping of int to int
        Combining classes of marks; empty if the order of marks does not matter.
    """

    def __init__(self, classes: Mapping[int, int]) -> None:
        self.classes = classes
        self.entries = np.zeros(0x110000, np.uint32)
        self._numbers: dict[tuple[tuple[int, ...], int, int], int] = {}

    def number(self, target: tuple[int, ...], first: int, last: int) -> int:
        """Return the number of a sequence.

        `first` is the class of the first code point of the sequence, before any was dropped. `last` is the
        class of the last one that was not dropped or, if all were dropped, of the last one.
        """
        return self._numbers.setdefault((target, first, last), N_RESERVED + len(self._numbers))

    def add(self, targets: Targets, sources: Targets) -> None:
        """Add replacements. `sources` contains the full decompositions, before marks were dropped."""
        classes = self.classes
        for c, target in targets.items():
            source = sources.get(c, (c,))
            first, last = classes.get(source[0], 0), classes.get((target or source)[-1], 0)
            self.entries[c] = WORK << 16 | self.number(target, first, last)

    def add_marks(self) -> None:
        """Map marks that are kept to themselves, so that the kernel knows their classes."""
        for c, class_ in self.classes.items():
            if not self.entries[c]:
                self.entries[c] = class_ << 16 | self.number((c,), class_, class_)

    def compile(self, unicode: Unicode | None = None, *, has_syllables: bool = False) -> CodePoints:
        """Return the table for the kernel. If `unicode` is given, the kernel also composes."""
        keys = list(self._numbers)
        code_points = np.fromiter(chain.from_iterable(target for target, _, _ in keys), np.uint32)
        lengths = [len(target) for target, _, _ in keys]
        if has_syllables:
            parts = syllables()
            numbers = N_RESERVED + len(keys) + np.arange(N_SYLLABLES, dtype=np.uint32)
            self.entries[SYLLABLES : SYLLABLES + N_SYLLABLES] = (0 if unicode else WORK << 16) | numbers
            code_points = np.concatenate([code_points, parts[parts > 0]])
            lengths += np.count_nonzero(parts, axis=1).tolist()
        text, offsets = np.empty(4 * len(code_points) + 1, np.uint8), np.empty(len(lengths) + 1, np.int64)
        encode_code_points(code_points, lengths_to_offsets(lengths), text, offsets)
        sequences = np.zeros(N_RESERVED + len(lengths), np.uint64)
        sequences[N_RESERVED:] = offsets[:-1] | np.diff(offsets) << 32
        sequences[N_RESERVED : N_RESERVED + len(keys)] |= np.array(
            [first << 40 | last << 48 for _, first, last in keys], np.uint64
        )
        pairs = sorted(unicode.composed) if unicode else []
        return CodePoints(
            self.entries,
            sequences,
            text,
            np.array([a << 32 | b for a, b in pairs], np.uint64),
            np.array([unicode.composed[pair] for pair in pairs] if unicode else [], np.uint32),
            unicode is not None,
        )


def _decomposed(table: Targets) -> Targets:
    """Return the full decomposition of every code point of a table of single steps."""
    full: Targets = {}

    def decompose(c: int) -> tuple[int, ...]:
        if c not in full:
            full[c] = tuple(chain.from_iterable(map(decompose, table[c]))) if c in table else (c,)
        return full[c]

    return {c: decompose(c) for c in table}


@cache
def _compile_form(name: str, version: str | None) -> CodePoints:
    """Return the table of a normal form."""
    unicode = Unicode(version)
    table = _TableBuilder(unicode.combining)
    canonical = _decomposed(unicode.canonical)
    full = _decomposed(unicode.compatible) if "k" in name else canonical
    table.add(full, full)
    table.add_marks()
    if name.endswith("d"):
        return table.compile(has_syllables=True)
    # Code points are copied if they compose to themselves again and never compose with the code point before
    # them.
    second = {b for _, b in unicode.composed}
    for c in unicode.composed.values():
        if full[c] == canonical[c] and full[c][0] not in second and full[c][0] not in unicode.combining:
            table.entries[c] &= 0xFFFF
    second.update(range(VOWELS, VOWELS + N_VOWELS), range(TRAILING + 1, TRAILING + N_TRAILING))
    table.entries[list(second)] |= WORK << 16
    return table.compile(unicode, has_syllables=True)


@cache
def _compile_single(name: str, version: str | None) -> CodePoints:
    """Return the table of "lowercase", "strip_accents" or "nmt"."""
    unicode = Unicode(version)
    table = _TableBuilder({})
    if name == "lowercase":
        table.add(unicode.lower, {})
    elif name == "strip_accents":
        table.add(dict.fromkeys(unicode.marks, ()), {})
    else:
        table.add(dict.fromkeys(CONTROLS, ()) | dict.fromkeys(map(ord, NMT_SPACES), (SPACE,)), {})
    return table.compile()


def _spaces() -> Iterable[int]:
    """Return all white-space code points."""
    runs = zip(_classes.STARTS, [*_classes.STARTS[1:], 0x110000], _classes.CLASSES, strict=True)
    return chain.from_iterable(range(start, end) for start, end, bits in runs if bits & 4)


@cache
def _ideographs(version: str | None) -> frozenset[int]:
    """Return the Chinese characters of BERT's code, or of that of ``tokenizers``."""
    found = chain.from_iterable(range(first, last + 1) for first, last in IDEOGRAPHS)
    return frozenset(found) - frozenset(range(0x2B820, FIRST_OF_TOKENIZERS) if version else ())


@cache
def _compile_bert(
    clean: bool, space_chinese: bool, strip: bool, lower: bool, version: str | None
) -> CodePoints:
    """Return the table of `BertNormalizer`, which applies the four steps in this order."""
    unicode = Unicode(version)
    table = _TableBuilder(unicode.combining if strip else {})
    full = _decomposed(unicode.canonical) if strip else {}
    nonspacing = unicode.nonspacing if strip else set()
    chinese = _ideographs(version) if space_chinese else frozenset()
    spaces: set[int] = set()
    dropped: set[int] = set()
    if clean:
        spaces = set(_spaces())
        dropped = (unicode.others | {0xFFFD}) - set(KEPT_CONTROLS)
        # Marks are reordered across dropped code points.
        table.entries[list(dropped)] = WORK << 16 | table.number((), WORK, WORK)
        table.add(dict.fromkeys((spaces | set(KEPT_CONTROLS)) - dropped - {SPACE}, (SPACE,)), {})
    table.entries[list(chinese)] = WORK << 16 | SPACED
    targets: Targets = {}
    for c in {*full, *nonspacing, *(unicode.lower if lower else ())} - spaces - dropped:
        target = tuple(part for part in full.get(c, (c,)) if part not in nonspacing)
        if lower:
            target = tuple(chain.from_iterable(unicode.lower.get(part, (part,)) for part in target))
        if c in chinese:
            target = (SPACE, *target, SPACE)
        if target != (c,):
            targets[c] = target
    table.add(targets, full)
    table.add_marks()
    return table.compile(has_syllables=strip)


class CodePointNormalizer(Normalizer):
    """Base class of normalizers that use a table of code points."""

    @property
    @abstractmethod
    def code_points(self) -> CodePoints:
        """The table of replacements."""

    def rewrite(self, rows: Rows) -> Rows:
        documents = rows.documents
        text = np.ascontiguousarray(documents.values)
        if self.code_points.leaves_alone(text, documents.offsets):
            return rows
        values, offsets, spans = self.code_points.rewrite(text, documents.offsets, rows.aligned)
        return rows.rewritten(Ragged(values, offsets), spans)


@dataclass(frozen=True)
class UnicodeNormalizer(CodePointNormalizer):
    """Normalizer that rewrites code points by a table: a normal form, lower case, or the removal of marks.

    Parameters
    ----------
    name : {"nfc", "nfd", "nfkc", "nfkd", "lowercase", "strip_accents", "nmt"}
        Name of the normalizer; `fasttok.get_normalizer` describes them.
    unicode : {None, "tokenizers-0.23"}
        Version of Unicode's tables. None is Unicode 17. "tokenizers-0.23" gives the results of Hugging Face
        ``tokenizers`` 0.23, whose tables are older.

    Raises
    ------
    ValueError
        If the name or the version is unknown.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.UnicodeNormalizer("nfkc").normalize("ﬁve m²")
    'five m2'
    >>> new = "\\U000105c9"  # a letter of Unicode 16, which decomposes
    >>> [len(ft.UnicodeNormalizer("nfd", version).normalize(new)) for version in (None, "tokenizers-0.23")]
    [2, 1]
    """

    name: str
    unicode: str | None = None

    def __post_init__(self) -> None:
        checked_choice("name", self.name, *NAMES)
        checked_version(self.unicode)

    @property
    def code_points(self) -> CodePoints:
        compile_table = _compile_form if self.name.startswith("nf") else _compile_single
        return compile_table(self.name, self.unicode)

    @property
    def cuts(self) -> RewritingCuts:
        if self.name == "strip_accents" and self.unicode is not None:
            return super().cuts  # two letters were marks in older versions of Unicode, so they are dropped
        return REWRITING_CUTS[self.name]


@dataclass(frozen=True)
class BertNormalizer(CodePointNormalizer):
    r"""Normalizer of BERT (Devlin et al. 2019), with the options of BERT's tokenizer.

    Bytes that are not UTF-8 are kept, so a word that contains some becomes unknown and not another word.

    Parameters
    ----------
    clean_text : bool
        Whether to drop U+FFFD and control, format and private-use characters (Cc, Cf, Co) except ``\t``,
        ``\n`` and ``\r``, and to replace these three and all other white space by spaces.
    handle_chinese_chars : bool
        Whether to insert a space before and after every Chinese character.
    strip_accents : bool or None
        Whether to decompose text (NFD) and drop nonspacing marks (Mn). None: the same as `lowercase`.
    lowercase : bool
        Whether to lower-case letters.

    unicode : {None, "tokenizers-0.23"}
        Version of Unicode's tables. None is Unicode 17. "tokenizers-0.23" gives the results of Hugging Face
        ``tokenizers`` 0.23, whose tables are older.

    Raises
    ------
    TypeError
        If an option is not a bool; `strip_accents` may also be None.
    ValueError
        If the version is unknown.

    Notes
    -----
    O(n). Chinese characters are those of the eight ranges in BERT's original code. Hugging Face
    ``tokenizers`` 0.23 omits 256 of them, from U+2B820 on. In offsets, inserted spaces belong to the
    character that they surround.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.BertNormalizer().normalize("Àé\tŒuvre 中文")
    'ae œuvre  中  文 '
    >>> ft.BertNormalizer(lowercase=False, handle_chinese_chars=False).normalize("Àé 中文")
    'Àé 中文'
    """

    clean_text: bool = True
    handle_chinese_chars: bool = True
    strip_accents: bool | None = None
    lowercase: bool = True
    unicode: str | None = None
    name = "bert"

    def __post_init__(self) -> None:
        for name in ("clean_text", "handle_chinese_chars", "strip_accents", "lowercase"):
            value = getattr(self, name)
            if name != "strip_accents" or value is not None:
                checked_flag(name, value)
        checked_version(self.unicode)

    @property
    def _strips(self) -> bool:
        return self.lowercase if self.strip_accents is None else self.strip_accents

    @property
    def code_points(self) -> CodePoints:
        return _compile_bert(
            self.clean_text, self.handle_chinese_chars, self._strips, self.lowercase, self.unicode
        )

    @property
    def cuts(self) -> RewritingCuts:
        return REWRITING_CUTS["bert"]
