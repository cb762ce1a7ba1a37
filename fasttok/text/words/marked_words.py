"""`MarkedWords`: raw text split before spaces, so that each part can be marked and encoded on its own.

Many tokenizers replace every space by a mark, ▁ (U+2581), change nothing else, and split the text before each
run of marks. Then the tokens of a run of spaces and of the text after it do not depend on the text around
them. So an encoder can look raw words up in its cache, and rewrite only those that are not in it.

A raw word ends before each space, except a space that follows a space or ▁ and so continues a run of marks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from fasttok.text._spans import Spans
from fasttok.text.cuts import Cuts
from fasttok.text.normalizers.charsmap import CharsMapNormalizer
from fasttok.text.normalizers.replace import Replace
from fasttok.text.normalizers.sequence import SequenceNormalizer
from fasttok.text.normalizers.strip_prepend import Prepend
from fasttok.text.pretokenizers._metaspace import SpaceRunScanner
from fasttok.text.pretokenizers.metaspace import MarkRuns, Metaspace
from fasttok.text.pretokenizers.metaspace_split import MARK, MetaspaceSplit
from fasttok.text.pretokenizers.sequence import SequencePretokenizer
from fasttok.text.rows import Scope
from fasttok.text.steps import (
    CompositePretokenizer,
    Normalizer,
    Pretokenizer,
    to_stages,
)


@dataclass(frozen=True)
class MarkedWords(CompositePretokenizer):
    """Pretokenizer that splits raw text into raw words; made by `find_marked_words`.

    Parameters
    ----------
    prefix : {"document", "segment"} or None
        Text that gets a mark at its beginning; None for no text. Here it gets a space, because the spaces are
        not marks yet.
    unless_present : bool
        Whether only text that does not begin with a space or a mark gets one.
    repairs : bool
        Whether bytes that are not UTF-8 become U+FFFD.
    words : Spans
        Scanner of the words in a raw word with marks.
    """

    prefix: Scope | None
    unless_present: bool
    repairs: bool
    words: Spans
    name = "marked_words"

    @cached_property
    def primitives(self) -> tuple[Normalizer | Pretokenizer, ...]:  # type: ignore[override]
        if self.prefix is None:
            return (_SpaceRuns(" "),)
        return (_Prefix(" ", self.prefix, self.unless_present), _SpaceRuns(" "))

    @property
    def cuts(self) -> Cuts:
        return _SpaceRuns(" ").cuts


class _Prefix(Prepend):
    """Normalizer that inserts a space, which becomes a mark later."""

    name = "space_prefix"

    @property
    def _present(self) -> tuple[str, ...]:
        return (" ", MARK)


class _SpaceRuns(MarkRuns):
    """Pretokenizer that splits text before every run of spaces, unless it continues a run of marks.

    Its cuts are those of runs of spaces, because no position next to ▁ is used for a cut.
    """

    name = "space_runs"

    @cached_property
    def scanner(self) -> Spans:  # type: ignore[override]
        return SpaceRunScanner()


class _Effect(NamedTuple):
    """Effect of the steps so far on text.

    The first three are options of `MarkedWords`. `has_marks` tells whether spaces have become marks, `splits`
    whether text is split before each run of marks.
    """

    prefix: Scope | None = None
    unless_present: bool = False
    repairs: bool = False
    has_marks: bool = False
    splits: bool = False


def find_marked_words(normalizer: Normalizer | None, pretokenizer: Pretokenizer) -> MarkedWords | None:
    """Return the pretokenizer of raw words for two steps; None if they do anything else."""
    effect = _Effect()
    for step in (*_parts(normalizer), *_parts(pretokenizer)):
        # Only the classes themselves: a class derived from them may do something else.
        after = _AFTER[type(step)](effect, step) if type(step) in _AFTER else None
        if after is None:
            return None
        effect = after
    stages = to_stages(pretokenizer.primitives)
    if not effect.splits or len(stages) > 1 or (words := stages[0].scanner) is None:
        return None
    return MarkedWords(effect.prefix, effect.unless_present, effect.repairs, words)


def _parts(step: Normalizer | Pretokenizer | None) -> Sequence[Normalizer | Pretokenizer]:
    """Return the steps of a sequence, or the step itself."""
    if type(step) is SequenceNormalizer or type(step) is SequencePretokenizer:
        return step.steps
    return () if step is None else (step,)


# Each function returns the effect of a step after those so far, or None if it does anything else.


def _after_charsmap(effect: _Effect, step: CharsMapNormalizer) -> _Effect | None:
    # Every rule has a replacement, which ends with a byte 0. Without rules, only broken UTF-8 is rewritten.
    if step.by != "longest" or step.protect_spaces or step.charsmap.replacements:
        return None
    return effect._replace(repairs=True)


def _after_replace(effect: _Effect, step: Replace) -> _Effect | None:
    return effect._replace(has_marks=True) if (step.pattern, step.replacement) == (" ", MARK) else None


def _after_prepend(effect: _Effect, step: Prepend) -> _Effect | None:
    if step.text != MARK or step.scope == "start":
        return None
    if step.unless_present and not effect.has_marks:
        return None  # looks for a mark where spaces are not marks yet
    return _add_prefix(effect, step.scope, step.unless_present)


def _after_metaspace(effect: _Effect, step: Metaspace) -> _Effect | None:
    if step.remove_extra_whitespaces or step.treat_whitespace_as_suffix or not step.escape_whitespaces:
        return None
    after = _add_prefix(effect, step.scope, False) if step.add_dummy_prefix else effect
    return after and after._replace(has_marks=True, splits=step.split_by_whitespace)


def _after_metaspace_split(effect: _Effect, step: MetaspaceSplit) -> _Effect | None:
    if step.replacement != MARK or step.prepend == "first":
        return None
    after = _add_prefix(effect, "segment", True) if step.prepend == "always" else effect
    return after and after._replace(has_marks=True, splits=step.split_words)


def _after_mark_runs(effect: _Effect, step: MarkRuns) -> _Effect | None:
    return effect._replace(splits=True) if step.mark == MARK and effect.has_marks else None


def _add_prefix(effect: _Effect, scope: Scope, unless_present: bool) -> _Effect | None:
    return None if effect.prefix else effect._replace(prefix=scope, unless_present=unless_present)


_AFTER: dict[type, Callable[[_Effect, Any], _Effect | None]] = {
    CharsMapNormalizer: _after_charsmap,
    Replace: _after_replace,
    Prepend: _after_prepend,
    Metaspace: _after_metaspace,
    MetaspaceSplit: _after_metaspace_split,
    MarkRuns: _after_mark_runs,
}
