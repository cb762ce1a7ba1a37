"""Pretokenizers: where text may be cut before a model sees it.

Nearly every step is a partition: it only cuts, and the pieces joined are the text. "bert" and
"whitespace_split" leave white space out: they have spans, and no boundaries. "metaspace" rewrites text before
it cuts. The named patterns run on hand-written scanners (`_scan.pyx`, `_words.pyx`); any other regular
expression runs on the ``regex`` module. Steps one after the other are a sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, reduce
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fasttok.errors import PatternError
from fasttok.parallel import end_if_stopped
from fasttok.ragged import Ragged
from fasttok.text._scan import Scanner
from fasttok.text._spans import Nested, Spans
from fasttok.text._words import WordScanner
from fasttok.text.base import SLICE, Pretokenizer, ScanningPretokenizer
from fasttok.text.cuts import CUTS, Cuts
from fasttok.text.metaspace import Metaspace
from fasttok.text.scripts import ScriptPretokenizer

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
    "punctuation": r"\s+|[!-/:-@\[-`{-~\p{P}]|[^\s!-/:-@\[-`{-~\p{P}]+",
    "digits_single": r"\p{N}|\P{N}+",
    "digits_threes_left": r"\p{N}{1,3}|\P{N}+",
    "digits_threes_right": r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))|\P{N}+",
    "none": r"(?s:.+)",
}
# Of these only the matches are pretokens, and what lies between them is left out.
DROPPING: dict[str, str] = {
    "bert": r"[!-/:-@\[-`{-~\p{P}]|[^\s!-/:-@\[-`{-~\p{P}]+",
    "whitespace_split": r"\S+",
}
NAMED = PATTERNS | DROPPING
STEPS: dict[str, Callable[[], Pretokenizer]] = {"metaspace": Metaspace, "script": ScriptPretokenizer}
# What has one name in recipes and files has others here.
ALIASES: dict[str, AnyPretokenizer] = {"p50k": "gpt2", "sentencepiece": ["metaspace", "script"]}
MAX_STEPS = 100  # of a sequence; each is a frame on Python's stack

AnyPretokenizer: TypeAlias = "str | Pretokenizer | Sequence[AnyPretokenizer] | dict[str, Any]"


@dataclass(frozen=True)
class ScannerPretokenizer(ScanningPretokenizer):
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
    def cuts(self) -> Cuts:
        return CUTS[self.name]

    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        if not self.is_partition:
            raise ValueError(f"{self} leaves text out between pretokens, so that they have no boundaries")
        return super().boundaries(documents)

    @cached_property
    def scanner(self) -> Spans:  # type: ignore[override]
        return Scanner(self.name) if self.is_partition else WordScanner(self.name == "bert")

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
        Two or more, none of them a sequence; all but the last are partitions, and only the first may rewrite.
    """

    steps: tuple[Pretokenizer, ...]

    @property
    def is_partition(self) -> bool:
        return self.steps[-1].is_partition

    @property
    def rewriting(self) -> Pretokenizer | None:
        return self.steps[0].rewriting

    def spans(self, documents: Ragged) -> Spans:
        if self.is_partition:
            return super().spans(documents)
        *others, last = self.steps
        return Nested(_in_sequence(others).split(documents), last.spans(documents))

    @property
    def cuts(self) -> Cuts:
        return reduce(Cuts.then, (step.cuts for step in self.steps))

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
        If there are no steps, or more than 100, if one that leaves text out is not the last, or one that
        rewrites text not the first.
    ImportError
        If an expression is given and the ``regex`` module is missing.

    Notes
    -----
    Nearly all of them only cut, so that nothing is lost; the expressions stand in
    `fasttok.text.pretokenizers.PATTERNS`. Words:

    - "gpt2": the pattern of Radford et al. (2019), section 2.2, as released with the model; "p50k" is
      another name for it.
    - "cl100k", "o200k": tiktoken's.
    - "llama3", "qwen2": those of the models' tokenizer files.
    - "whitespace": words with the one space before them.
    - "whitespace_split": words alone. White space separates them and is dropped, so that no tokenizer with
      this step is lossless. In a sequence it can only be the last step.
    - "bert": single characters of punctuation (P, and the symbols of ASCII), and words between them and white
      space, which is dropped; so it, too, can only be the last step. That is how BERT cuts (Devlin et al.
      2019), once text is cleaned, lower-cased and has spaces around Chinese characters.
    - "punctuation": the same cuts, but white space is kept, as pretokens of its own.
    - "metaspace": words with a ▁ before them for the space, as in sentencepiece: `fasttok.Metaspace`, which
      has options. It rewrites text, so that in a sequence it can only be the first step.
    - "sentencepiece": "metaspace" and "script", which are the pretokens that the pieces of sentencepiece's
      models lie in, as they are trained by default.
    - "none": a document is one pretoken.

    Scripts:

    - "script": runs of one script, where Hiragana, Katakana and Han are one, and digits, punctuation and
      white space another. A combining mark is of the script before it, a ▁ of the one behind it.

    Digits, as steps to put before or behind another; what lies between runs of numbers (general category N,
    of any script) is one pretoken. Singh & Strouse (2024) compare them:

    - "digits_single": every digit alone. (The ``split_digits`` of sentencepiece takes only the digits of
      ASCII and their full-width forms apart.)
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
    >>> get_pretokenizer("bert").split_text("it's  1234567")
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
    if text in ALIASES:
        return get_pretokenizer(ALIASES[text])
    if text in STEPS:
        return STEPS[text]()
    if text in NAMED:
        return ScannerPretokenizer(text)
    if not text:
        raise ValueError('a pretokenizer must not be empty; for none at all give "none"')
    if text.isidentifier():  # no expression anybody means looks like a name
        raise ValueError(
            f"no pretokenizer is named {text!r}; the names are {', '.join([*NAMED, *STEPS, *ALIASES])}, and "
            "any other string is read as a regular expression"
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
        if name == "script" and config.keys() == {"name"}:
            return ScriptPretokenizer()
        if name == "metaspace" and config.keys() <= {"name", *(f.name for f in fields(Metaspace))}:
            return Metaspace(**{k: v for k, v in config.items() if k != "name"})
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
    for step in steps[1:]:
        if step.rewriting is not None:
            raise ValueError(f"{step} rewrites text, so that it can only be the first step of a sequence")
    return SequencePretokenizer(tuple(steps)) if len(steps) > 1 else steps[0]
