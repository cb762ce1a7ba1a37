"""Normalizers: what is done to text before it is cut into pretokens.

Those of sentencepiece work by rules (`_charsmap.pyx`), those of Unicode and BERT's code point by code point
(`code_points.py`), and what is done to the ends of documents stands in `edges.py`. Steps one after the other
are a sequence. What they give is a `Rewritten`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache, cached_property, reduce
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fasttok.errors import ModelFormatError
from fasttok.ragged import Ragged
from fasttok.text._charsmap import CharsMap
from fasttok.text.charsmap import compile_named, compile_rules, read_charsmap, write_charsmap
from fasttok.text.code_points import BertNormalizer, UnicodeNormalizer
from fasttok.text.cuts import REWRITING_CUTS, RewritingCuts
from fasttok.text.edges import Prepend, Strip
from fasttok.text.rewriting import Normalizer, Rewritten

RULES = ("identity", "sp_nfkc", "nmt_nfkc", "sp_nfkc_cf", "nmt_nfkc_cf")
UNICODE = ("nfc", "nfd", "nfkc", "nfkd", "lowercase", "strip_accents")
MAX_STEPS = 100  # of a sequence

AnyNormalizer: TypeAlias = "str | dict[str, Any] | Sequence[AnyNormalizer] | Normalizer | None"


@dataclass(frozen=True, eq=False)
class CharsMapNormalizer(Normalizer):
    """Rewrites by rules, as sentencepiece does: at every place the longest rule that matches.

    What no rule begins with stays as it is, but for a byte that is not UTF-8, which becomes U+FFFD. What was
    written is not looked at again. O(n); no rule takes or gives more than 256 bytes.

    Parameters
    ----------
    charsmap : CharsMap
        The rules; see `from_rules` and `from_bytes`.
    name : str or None
        The name `get_normalizer` has for these rules.

    Examples
    --------
    >>> from fasttok.text.normalizers import CharsMapNormalizer
    >>> normalizer = CharsMapNormalizer.from_rules({"a": "b", "ab": "", "c": "…"})
    >>> normalizer.normalize("aabcd")
    'b…d'
    >>> data = normalizer.to_bytes()
    >>> CharsMapNormalizer.from_bytes(data).normalize("aabcd")
    'b…d'
    """

    charsmap: CharsMap = field(repr=False)
    name: str | None = None

    @classmethod
    def from_rules(cls, rules: Mapping[str, str]) -> CharsMapNormalizer:
        """Make a normalizer of rules: what is rewritten, and to what.

        Raises
        ------
        ValueError
            If what is rewritten is empty, or a text is longer than 256 bytes, holds U+0000 or has no UTF-8
            form.
        """
        return cls(compile_rules(rules))

    @classmethod
    def from_bytes(cls, data: bytes) -> CharsMapNormalizer:
        """Read the precompiled rules of a sentencepiece model (``precompiled_charsmap``).

        Raises
        ------
        ModelFormatError
            If they are damaged, or a rule takes or gives more than 256 bytes.
        """
        return cls(read_charsmap(data))

    def to_bytes(self) -> bytes:
        """The rules as a sentencepiece model has them."""
        return write_charsmap(self.charsmap)

    def rewrite(
        self,
        documents: Ragged,
        *,
        begins: NDArray[np.bool_] | None = None,
        ends: NDArray[np.bool_] | None = None,
        aligned: bool = False,
    ) -> Rewritten:
        text = np.ascontiguousarray(documents.values)
        values, offsets, origins = self.charsmap.rewrite(text, documents.offsets, aligned)
        return Rewritten.from_origins(Ragged(values, offsets), origins)

    @property
    def cuts(self) -> RewritingCuts:
        return REWRITING_CUTS[self.name] if self.name else super().cuts

    def config(self) -> dict[str, Any]:
        if self.name is not None:
            return {"name": self.name}
        return {"name": "charsmap", "charsmap": base64.b64encode(self.to_bytes()).decode()}

    def __reduce__(self) -> tuple[Any, ...]:
        return get_normalizer, (self.config(),)


@dataclass(frozen=True)
class Replace(Normalizer):
    """Writes one text for every other, from the left and without overlaps.

    What is replaced by nothing belongs to what stands before it in its document.

    Parameters
    ----------
    pattern : str
        What is replaced, as it stands here: no regular expression.
    replacement : str
        What is written for it.

    Raises
    ------
    ValueError
        If the pattern is empty, or one of the two is longer than 256 bytes, holds U+0000 or has no UTF-8
        form.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.Replace("--", "—").normalize("so --- well")
    'so —- well'
    """

    pattern: str
    replacement: str

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not isinstance(value, str):
                raise TypeError(f"{name} must be a str, not {type(value).__name__}")
        _ = self._rules  # what is no rule is an error here, not later

    @cached_property
    def _rules(self) -> CharsMapNormalizer:
        return CharsMapNormalizer(compile_rules({self.pattern: self.replacement}, keeps_broken=True))

    def __getstate__(self) -> dict[str, Any]:
        return asdict(self)

    def rewrite(
        self,
        documents: Ragged,
        *,
        begins: NDArray[np.bool_] | None = None,
        ends: NDArray[np.bool_] | None = None,
        aligned: bool = False,
    ) -> Rewritten:
        return self._rules.rewrite(documents, aligned=aligned)

    def config(self) -> dict[str, Any]:
        return {"name": "replace", "pattern": self.pattern, "replacement": self.replacement}


@dataclass(frozen=True)
class SequenceNormalizer(Normalizer):
    """Steps, each of which rewrites what the step before has written.

    Parameters
    ----------
    steps : tuple of Normalizer
        Two or more, none of them a sequence.
    """

    steps: tuple[Normalizer, ...]

    def rewrite(
        self,
        documents: Ragged,
        *,
        begins: NDArray[np.bool_] | None = None,
        ends: NDArray[np.bool_] | None = None,
        aligned: bool = False,
    ) -> Rewritten:
        first, *others = self.steps
        rewritten = first.rewrite(documents, begins=begins, ends=ends, aligned=aligned)
        for step in others:
            more = step.rewrite(rewritten.documents, begins=begins, ends=ends, aligned=aligned)
            rewritten = rewritten.then(more)
        return rewritten

    @property
    def cuts(self) -> RewritingCuts:
        return reduce(RewritingCuts.then_rewriting, (step.cuts for step in self.steps))

    def config(self) -> dict[str, Any]:
        return {"name": "sequence", "steps": [step.config() for step in self.steps]}


WITH_OPTIONS: dict[str, Callable[..., Normalizer]] = {
    "bert": BertNormalizer,
    "strip": Strip,
    "replace": Replace,
    "prepend": Prepend,
}
NAMES = (*RULES, *UNICODE, "bert", "strip")


@cache
def _rules(name: str) -> CharsMapNormalizer:
    return CharsMapNormalizer(compile_named(name), name)


def _named(name: str) -> Normalizer:
    if name in RULES:
        return _rules(name)
    return UnicodeNormalizer(name) if name in UNICODE else WITH_OPTIONS[name]()


def get_normalizer(normalizer: AnyNormalizer) -> Normalizer | None:
    r"""Make a normalizer from its name, a list of steps or a configuration; None is none.

    Parameters
    ----------
    normalizer : str, sequence, dict, Normalizer or None
        A name, see below. A list or tuple has the steps of a sequence, each of which rewrites what the step
        before has written; a sequence inside it counts as its steps, and a single step is that step itself. A
        dict is what `Normalizer.config` gave. None leaves text as it is.

    Raises
    ------
    ValueError
        If there is none of this name, if the configuration is of none, or if there are no steps, or more
        than 100.

    Notes
    -----
    Those of Unicode, version 17:

    - "nfc", "nfd", "nfkc", "nfkd": its normal forms (UAX #15).
    - "lowercase": the full mapping of every code point, whatever stands around it: a capital sigma is σ also
      at the end of a word.
    - "strip_accents": drops all marks (M). Behind "nfd" it takes the accents off letters.

    Those of BERT and others, which have options, so that they are classes too:

    - "bert": cleans text, sets Chinese characters apart, strips accents and makes letters small:
      `fasttok.BertNormalizer`.
    - "strip": drops white space at both ends of a document: `fasttok.Strip`.
    - `fasttok.Replace` writes one text for another, `fasttok.Prepend` one before a document.

    A byte that is not UTF-8 stays as it is in all of these. Not so in sentencepiece's, where it becomes
    U+FFFD. The rules of these are of Unicode 17, too, as in its version 0.2.3:

    - "identity": nothing is rewritten but what is not UTF-8.
    - "sp_nfkc": nearly the normal form NFKC; sequences with a mark in an unusual place stay as they are.
    - "nmt_nfkc": the same; besides control characters are dropped, and line ends, tabs, zero-width spaces,
      "▁" and U+FFFD become spaces. The full-width tilde stays.
    - "sp_nfkc_cf", "nmt_nfkc_cf": the same with simple case folding.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.get_normalizer("nmt_nfkc").normalize("Ｔｈｅ ﬁrst\nｶﾞ")
    'The first ガ'
    >>> ft.get_normalizer(["nfd", "strip_accents", "lowercase"]).normalize("Žluťoučký")
    'zlutoucky'
    """
    if normalizer is None or isinstance(normalizer, Normalizer):
        return normalizer
    if isinstance(normalizer, str):
        if normalizer not in NAMES:
            raise ValueError(f"no normalizer is named {normalizer!r}; the names are {', '.join(NAMES)}")
        return _named(normalizer)
    if isinstance(normalizer, dict):
        return _from_config(normalizer)
    if isinstance(normalizer, (list, tuple)):
        return _in_sequence(map(get_normalizer, normalizer))
    raise TypeError(
        f"a normalizer must be a name, a list of them or a configuration, not {type(normalizer).__name__}"
    )


def _from_config(config: dict[str, Any]) -> Normalizer:
    is_list = isinstance(config.get("steps"), list)
    if config.get("name") == "sequence" and config.keys() == {"name", "steps"} and is_list:
        return _in_sequence(map(_step_from_config, config["steps"]))
    return _step_from_config(config)


def _step_from_config(config: dict[str, Any]) -> Normalizer:
    """A normalizer that is no sequence: one is never written inside another."""
    if isinstance(config, dict) and isinstance(name := config.get("name"), str):
        options = {key: value for key, value in config.items() if key != "name"}
        if name in NAMES and not options:
            return _named(name)
        if name in WITH_OPTIONS:
            try:
                return WITH_OPTIONS[name](**options)
            except (TypeError, ValueError) as error:
                raise ValueError(f"not the configuration of a normalizer: {error}") from None
        if name == "charsmap" and options.keys() == {"charsmap"}:
            try:
                return CharsMapNormalizer.from_bytes(base64.b64decode(options["charsmap"], validate=True))
            except (TypeError, binascii.Error, ModelFormatError) as error:
                raise ValueError(f"not the configuration of a normalizer: {error}") from None
    raise ValueError(f"not the configuration of a normalizer: {config!r}")


def _in_sequence(normalizers: Iterable[Normalizer | None]) -> Normalizer:
    """The normalizers as the steps of one, those of a sequence one by one."""
    steps: list[Normalizer] = []
    for given in normalizers:
        if given is None:
            raise TypeError("a step of a sequence must be a normalizer, not None")
        steps.extend(given.steps if isinstance(given, SequenceNormalizer) else [given])
    if not 1 <= len(steps) <= MAX_STEPS:
        raise ValueError(f"a sequence takes from 1 to {MAX_STEPS} steps, not {len(steps)}")
    return SequenceNormalizer(tuple(steps)) if len(steps) > 1 else steps[0]
