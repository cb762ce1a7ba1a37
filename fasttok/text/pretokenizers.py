"""Pretokenizers: where text may be cut before a model sees it.

Every step here but one is a partition: it only cuts, and the pieces joined are the text. "whitespace_split"
leaves white space out: it has spans, and no boundaries. The named patterns run on hand-written scanners
(`_scan.pyx`); any other regular expression runs on the ``regex`` module. Steps one after the other are a
sequence.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fasttok.errors import PatternError
from fasttok.parallel import end_if_stopped
from fasttok.ragged import Ragged
from fasttok.text import _scan
from fasttok.text._spans import Boundaries, Nested, Spans, list_spans
from fasttok.text.cuts import CUTS, NOTHING_KNOWN, Cuts

# The expressions that the scanners reproduce, each as its users write it today: GPT-2's as in the
# original release, cl100k's as in tiktoken 0.14 (where white space that ends a text is one pretoken).
# \Z is the end of the text, which Rust and Oniguruma write as $ or \z.
PATTERNS: dict[str, str] = {
    "gpt2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "cl100k": (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s+\Z|\s*[\r\n]|\s+(?!\S)|\s"
    ),
    "llama3": (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
    "qwen2": (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
    "o200k": (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
        r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
    "whitespace": r" ?\S+|\s+(?!\S)|\s+",
    "bert": r"\s+|[!-/:-@\[-`{-~\p{P}]|[^\s!-/:-@\[-`{-~\p{P}]+",
    "digits_single": r"\p{N}|\P{N}+",
    "digits_threes_left": r"\p{N}{1,3}|\P{N}+",
    "digits_threes_right": r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))|\P{N}+",
    "none": r"(?s:.+)",
}
# Of these only the matches are pretokens, and what lies between them is left out.
DROPPING: dict[str, str] = {"whitespace_split": r"\S+"}
NAMED = PATTERNS | DROPPING
ALIASES = {"p50k": "gpt2"}  # one expression has one name in recipes and files
SLICE = 1 << 16  # pretokens a slice of boundaries holds: half a megabyte, which stays in cache
MAX_STEPS = 100  # of a sequence; each is a frame on Python's stack

AnyPretokenizer: TypeAlias = "str | Pretokenizer | Sequence[AnyPretokenizer] | dict[str, Any]"


class Pretokenizer(ABC):
    """Cuts text into pretokens. Immutable; safe to share between threads."""

    @property
    def is_partition(self) -> bool:
        """Whether the pretokens of a text, joined, are the text; if not, some of it is left out."""
        return True

    @abstractmethod
    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        """Yield the boundaries of the pretokens of a batch, slice by slice.

        Parameters
        ----------
        documents : Ragged of uint8
            UTF-8 text, a row a document. No pretoken reaches across documents; an empty document has
            no pretokens.

        Yields
        ------
        ndarray of int64, shape (k + 1,)
            Positions in ``documents.values``: pretoken ``i`` lies between entries ``i`` and ``i + 1``.
            The last entry of a slice is the first of the next. The array is only valid until the next
            one is asked for.

        Raises
        ------
        ValueError
            If there are none, since text is left out between pretokens (`is_partition`).
        """

    @property
    def scanner(self) -> Spans | None:
        """The spans of any text, if they need no look at all of it beforehand; all threads share it."""
        return None

    def spans(self, documents: Ragged) -> Spans:
        """Where the pretokens of a batch lie, for the kernels; to be used up once, document by document."""
        return self.scanner or Boundaries(self.split(documents))

    @abstractmethod
    def config(self) -> dict[str, Any]:
        """What `get_pretokenizer` takes to make this pretokenizer again; plain JSON."""

    @property
    def _cuts(self) -> Cuts:
        return NOTHING_KNOWN

    def find_cut(self, text: NDArray[np.uint8]) -> int:
        """The last position at which cutting the text changes no pretoken; 0 if none is known.

        That holds whatever stands before and behind the text, which may begin and end inside a
        character; the two code points beside a position decide. `fasttok.text.cuts` has the proofs.
        """
        return self._cuts.find(text)

    def split(self, documents: Ragged) -> NDArray[np.int64]:
        """Give all boundaries of a batch at once: int64, one more than there are pretokens.

        Examples
        --------
        >>> import fasttok as ft
        >>> text = ft.Ragged.from_bytes([b"Hello world", b"it's"])
        >>> ft.get_pretokenizer("gpt2").split(text).tolist()
        [0, 5, 11, 13, 15]
        """
        slices = [part[1:].copy() for part in self.boundaries(documents)]
        return np.concatenate([documents.offsets[:1], *slices])

    def split_text(self, text: str | bytes) -> list[bytes]:
        """The pretokens of one text as byte strings, for looking at.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.get_pretokenizer("cl100k").split_text("I'm 12345!")
        [b'I', b"'m", b' ', b'123', b'45', b'!']
        """
        data = text if isinstance(text, bytes) else text.encode()
        documents = Ragged.from_bytes([data])
        return [data[a:b] for a, b in list_spans(self.spans(documents), documents.values).tolist()]


@dataclass(frozen=True)
class ScannerPretokenizer(Pretokenizer):
    """A named pattern on its hand-written scanner. O(n); needs no regular expression engine."""

    name: str

    @property
    def pattern(self) -> str:
        """The regular expression that the scanner reproduces, in the syntax of the ``regex`` module."""
        return NAMED[self.name]

    @property
    def is_partition(self) -> bool:
        return self.name in PATTERNS

    @property
    def _cuts(self) -> Cuts:
        return CUTS[self.name]

    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        if not self.is_partition:
            raise ValueError(f"{self} leaves text out between pretokens, so that they have no boundaries")
        text = np.ascontiguousarray(documents.values)
        first, last = documents.offsets[[0, -1]].tolist()
        state = np.array([0, first], np.int64)
        buffer = np.empty(min(SLICE, last - first) + 1, np.int64)
        buffer[0] = first
        while n := _scan.scan(self.scanner, text, documents.offsets, state, buffer[1:]):
            yield buffer[: n + 1]
            buffer[0] = buffer[n]

    @cached_property
    def scanner(self) -> Spans:
        return _scan.Scanner(self.name)

    def __getstate__(self) -> dict[str, Any]:
        return {"name": self.name}

    def config(self) -> dict[str, Any]:
        return {"name": self.name}


@dataclass(frozen=True)
class RegexPretokenizer(Pretokenizer):
    """Any regular expression, in the syntax and with the Unicode tables of the ``regex`` module.

    Pretokens are the matches and, so that nothing is lost, the stretches between them. A byte that is
    not UTF-8 is seen as one code point, U+DC80 to U+DCFF.

    Parameters
    ----------
    pattern : str
        The expression.
    timeout : float
        The time in seconds a document may take, and as much again for every 100 MB of it, before
        `PatternError` is raised; for an expression that backtracks can take forever.
    """

    pattern: str
    timeout: float = field(default=60.0, compare=False)

    def __post_init__(self) -> None:
        _ = self._compiled  # an expression that does not compile is an error here, not later

    @cached_property
    def _compiled(self) -> Any:
        try:
            import regex
        except ImportError as error:
            raise ImportError(
                "a pretokenizer from a regular expression needs the regex module (pip install regex); "
                f"the named ones do not: {', '.join(NAMED)}"
            ) from error
        try:
            return regex.compile(self.pattern)
        except regex.error as error:
            raise PatternError(f"pattern {self.pattern!r} does not compile: {error}") from None

    def __getstate__(self) -> dict[str, Any]:
        return {"pattern": self.pattern, "timeout": self.timeout}

    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        parts, n = [documents.offsets[:1]], 0
        for row, start in enumerate(documents.offsets[:-1].tolist()):
            ends = self._document_ends(documents[row].tobytes(), row)[1:] + start
            parts.append(ends)
            n += len(ends)
            if n >= SLICE:
                yield (boundaries := np.concatenate(parts))
                parts, n = [boundaries[-1:]], 0
        if n:
            yield np.concatenate(parts)

    def _document_ends(self, document: bytes, row: int) -> NDArray[np.int64]:
        text = document.decode(errors="surrogateescape")
        ends = [0]
        try:
            matches = self._compiled.finditer(text, timeout=self.timeout * (1 + len(text) / 1e8))
            for n, match in enumerate(matches):
                if n % 4096 == 0:
                    end_if_stopped()
                start, end = match.span()
                if start > ends[-1]:
                    ends.append(start)
                if end > start:
                    ends.append(end)
        except TimeoutError:
            raise PatternError(
                f"pattern {self.pattern!r} ran longer than {self.timeout:g} s behind code point {ends[-1]}",
                row,
            ) from None
        if ends[-1] < len(text):
            ends.append(len(text))
        if len(text) == len(document):
            return np.array(ends, np.int64)
        code_points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
        positions = np.zeros(len(text) + 1, np.int64)
        np.cumsum(_utf8_lengths(code_points), out=positions[1:])
        return positions[ends]

    def config(self) -> dict[str, Any]:
        return {"name": "regex", "pattern": self.pattern}


def _utf8_lengths(code_points: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Bytes of each code point, one for an escaped byte (U+DC80 to U+DCFF)."""
    lengths = np.searchsorted(np.array([0x80, 0x800, 0x10000]), code_points, side="right") + 1
    lengths[(code_points >= 0xDC80) & (code_points <= 0xDCFF)] = 1
    return lengths


@dataclass(frozen=True)
class SequencePretokenizer(Pretokenizer):
    """Steps, each of which cuts the pretokens of the step before further.

    A step sees every pretoken as a text of its own: what stands before and behind it is out of its sight.
    Memory is bounded by a slice a step. A regular expression that is not the first step runs once a
    pretoken, and is as slow as that sounds.

    Parameters
    ----------
    steps : tuple of Pretokenizer
        Two or more, none of them a sequence, and all but the last partitions.
    """

    steps: tuple[Pretokenizer, ...]

    @property
    def is_partition(self) -> bool:
        return self.steps[-1].is_partition

    def spans(self, documents: Ragged) -> Spans:
        if self.is_partition:
            return super().spans(documents)
        *others, last = self.steps
        return Nested(_in_sequence(others).split(documents), last.spans(documents))

    @property
    def _cuts(self) -> Cuts:
        return reduce(Cuts.then, (step._cuts for step in self.steps))

    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        documents = Ragged(np.ascontiguousarray(documents.values), documents.offsets)
        first, *others = self.steps
        slices = first.boundaries(documents)
        for step in others:
            slices = _cut_further(step, documents, slices)
        return slices

    def config(self) -> dict[str, Any]:
        return {"name": "sequence", "steps": [step.config() for step in self.steps]}


def _cut_further(
    step: Pretokenizer, documents: Ragged, slices: Iterator[NDArray[np.int64]]
) -> Iterator[NDArray[np.int64]]:
    """The boundaries of a step whose documents are the pretokens of the step before."""
    for pretokens in slices:
        try:
            yield from step.boundaries(Ragged(documents.values, pretokens))
        except PatternError as error:
            start = pretokens[error.document or 0]
            document = int(np.searchsorted(documents.offsets, start, side="right")) - 1
            place = f"in the pretoken at byte {start - documents.offsets[document]}"
            raise PatternError(f"{error.message} {place}", document) from None


def get_pretokenizer(pretokenizer: AnyPretokenizer) -> Pretokenizer:
    r"""Make a pretokenizer from a name, a regular expression, a list of steps or a configuration.

    Parameters
    ----------
    pretokenizer : str, sequence, dict or Pretokenizer
        A name, see below; any other string is a regular expression for the ``regex`` module. A list or
        tuple has the steps of a sequence, each of which cuts the pretokens of the step before further;
        a sequence inside it counts as its steps, and a single step is that step itself. A dict is what
        `Pretokenizer.config` gave.

    Raises
    ------
    PatternError
        If an expression does not compile.
    ValueError
        If there are no steps, or more than 100, or one that leaves text out is not the last.
    ImportError
        If an expression is given and the ``regex`` module is missing.

    Notes
    -----
    All of them but one only cut, so that nothing is lost; the expressions stand in
    `fasttok.text.pretokenizers.PATTERNS`. Words:

    - "gpt2": the pattern of Radford et al. (2019), section 2.2, as released with the model; "p50k" is
      another name for it.
    - "cl100k", "o200k": tiktoken's.
    - "llama3", "qwen2": those of the models' tokenizer files.
    - "whitespace": words with the one space before them.
    - "whitespace_split": words alone. White space separates them and is dropped, so that no tokenizer with
      this step is lossless. In a sequence it can only be the last step; behind "bert" it gives what BERT's
      own tokenizer takes for words.
    - "bert": white space, single characters of punctuation (P, and the symbols of ASCII), and what lies
      between. So BERT cuts (Devlin et al. 2019); but here white space is kept, as pretokens of its own,
      and nothing is cleaned, lower-cased or set apart before.
    - "none": a document is one pretoken.

    Digits, as steps to put before or behind another; what lies between runs of numbers (general category N,
    of any script) is one pretoken. Singh & Strouse (2024) compare them:

    - "digits_single": every digit alone.
    - "digits_threes_left": threes from the left, 123 456 7.
    - "digits_threes_right": threes from the right, 1 234 567.

    Examples
    --------
    >>> get_pretokenizer("gpt2")
    ScannerPretokenizer(name='gpt2')
    >>> get_pretokenizer(r"\d|\D+").split_text("ab12")
    [b'ab', b'1', b'2']
    >>> get_pretokenizer(["digits_threes_right", "gpt2"]).split_text("it's 1234567")
    [b'it', b"'s", b' ', b'1', b'234', b'567']
    >>> get_pretokenizer(["bert", "whitespace_split"]).split_text("it's  1234567")
    [b'it', b"'", b's', b'1234567']
    """
    if isinstance(pretokenizer, Pretokenizer):
        return pretokenizer
    if isinstance(pretokenizer, str):
        return _from_string(pretokenizer)
    if isinstance(pretokenizer, dict):
        return _from_config(pretokenizer)
    if isinstance(pretokenizer, (list, tuple)):
        return _in_sequence(map(get_pretokenizer, pretokenizer))
    raise TypeError(
        f"a pretokenizer must be a name, a pattern or a list of them, not {type(pretokenizer).__name__}"
    )


def _from_string(text: str) -> Pretokenizer:
    name = ALIASES.get(text, text)
    if name in NAMED:
        return ScannerPretokenizer(name)
    if not text:
        raise ValueError('a pretokenizer must not be empty; for none at all give "none"')
    if text.isidentifier():  # no expression anybody means looks like a name
        raise ValueError(
            f"no pretokenizer is named {text!r}; the names are {', '.join([*NAMED, *ALIASES])}, and any "
            "other string is read as a regular expression"
        )
    return RegexPretokenizer(text)


def _from_config(config: dict[str, Any]) -> Pretokenizer:
    if config.get("name") == "sequence" and config.keys() == {"name", "steps"}:
        return _in_sequence(map(_step_from_config, config["steps"]))
    return _step_from_config(config)


def _step_from_config(config: dict[str, Any]) -> Pretokenizer:
    """A pretokenizer that is no sequence: one is never written inside another."""
    if isinstance(config, dict):
        name = config.get("name")
        if name in NAMED and config.keys() == {"name"}:
            return ScannerPretokenizer(name)
        if name == "regex" and config.keys() == {"name", "pattern"}:
            return RegexPretokenizer(config["pattern"])
    raise ValueError(f"not the configuration of a pretokenizer: {config!r}")


def _in_sequence(pretokenizers: Iterable[Pretokenizer]) -> Pretokenizer:
    """The pretokenizers as the steps of one, those of a sequence one by one."""
    steps: list[Pretokenizer] = []
    for given in pretokenizers:
        steps.extend(given.steps if isinstance(given, SequencePretokenizer) else [given])
    if not 1 <= len(steps) <= MAX_STEPS:
        raise ValueError(f"a sequence takes from 1 to {MAX_STEPS} steps, not {len(steps)}")
    for step in steps[:-1]:
        if not step.is_partition:
            raise ValueError(f"{step} leaves text out, so that it can only be the last step of a sequence")
    return SequencePretokenizer(tuple(steps)) if len(steps) > 1 else steps[0]
