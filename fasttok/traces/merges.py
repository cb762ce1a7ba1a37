"""`MergeTrace`: the merges of a training of BPE or WordPiece."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from fasttok.core.checks import checked_integer, checked_word, describe
from fasttok.display.colours import escape
from fasttok.models.merging.merge_steps import Candidate, MergeStep
from fasttok.tokenizer.tokenizer import Tokenizer
from fasttok.traces.replay import Replay, replay_merges
from fasttok.traces.slider import Panel, draw_steps
from fasttok.traces.tables import TraceTable, make_frame

SHOWN = 10  # merges that the text of a trace shows


@dataclass(frozen=True, eq=False, repr=False)
class MergeTrace:
    """Merges of a training of BPE or WordPiece, as returned by `trace`.

    The ``repr`` is a table of the first merges. A notebook shows each merge with its candidates, and a slider
    over the merges, if jinja2 is installed. Pieces are written as `Tokenizer.show` writes them.

    Attributes
    ----------
    tokenizer : Tokenizer
        The trained tokenizer.
    steps : tuple of MergeStep
        Every merge of the training, in order. With ``compat="sentencepiece"``, a vocabulary can have further
        pieces, without a merge, if no pair was left to merge.
    start : Tokenizer or None
        The tokenizer that training continued from, if any. Its merges are not in `steps`.

    Examples
    --------
    >>> import fasttok as ft
    >>> counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2, "newest": 6, "widest": 3})
    >>> ft.trace(counts, vocab_size=258)
    2 merges, 79 tokens before and 61 after
    step  left  right  piece  count  runner-up  its count  words  tokens
       1  e     s      es         9  s + t              9      2      70
       2  es    t      est        9  l + o              7      2      61
    """

    tokenizer: Tokenizer
    steps: tuple[MergeStep, ...]
    start: Tokenizer | None = field(default=None)

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def by_score(self) -> bool:
        """Whether the pair with the highest score was merged, not the most frequent one.

        It is True for WordPiece with ``method="likelihood"``.
        """
        return bool(self.tokenizer.provenance["trainer"].get("method") == "likelihood")

    @property
    def has_scores(self) -> bool:
        """Whether tables have scores: for WordPiece models."""
        return self.tokenizer.model.kind == "wordpiece"

    def __repr__(self) -> str:
        n = len(self.steps)
        if not n:
            return self._title()
        score = ("score",) if self.by_score else ()
        columns = (
            *("step", "left", "right", "piece", "count", *score, "runner-up", "its count"),
            *(*(f"its {name}" for name in score), "words", "tokens"),
        )
        rows = []
        for i, step in enumerate(self.steps[:SHOWN], 1):
            best, *others = step.candidates
            second = others[0] if others else None
            pair = None if second is None else f"{escape(second.left)} + {escape(second.right)}"
            scores = [(best.score,), (second and second.score,)] if score else [(), ()]
            row = (i, *_names(best), best.count, *scores[0], pair, second and second.count, *scores[1])
            rows.append((*row, step.n_words, step.n_tokens_after))
        note = f"… and {n - SHOWN:,} more merges; to_pandas() has all" if n > SHOWN else ""
        return repr(TraceTable(self._title(), columns, tuple(rows), note))

    def _title(self) -> str:
        n = len(self.steps)
        if not n:
            return "0 merges"
        before, after = self.steps[0].n_tokens_before, self.steps[-1].n_tokens_after
        return f"{n:,} merge{'s' * (n != 1)}, {before:,} tokens before and {after:,} after"

    def _repr_html_(self) -> str | None:
        return draw_steps(self._title(), "merge", len(self.steps), self._panel)

    def _panel(self, i: int) -> Panel:
        """Return the panel of a step, counted from 0."""
        step, start = self.steps[i], self.steps[0].n_tokens_before
        best = step.candidates[0]
        left, right, piece = _names(best)
        n_merged = step.n_tokens_before - step.n_tokens_after
        words = f"{step.n_words:,} distinct word{'s' * (step.n_words != 1)}"
        text = (
            f"{n_merged:,} occurrence{'s' * (n_merged != 1)} in {words}. Tokens: {step.n_tokens_before:,} "
            f"before, {step.n_tokens_after:,} after, {step.n_tokens_after / start:.1%} of those at the start."
        )
        values = [one.score if self.by_score else one.count for one in step.candidates]
        table = self._candidates(i, f"Best pairs by {'score' if self.by_score else 'count'}")
        table = replace(table, shares=tuple(value / values[0] for value in values))
        return Panel((f"{i + 1:,}.", left, "+", right, "→", piece), text, table)

    def candidates(self, step: int) -> TraceTable:
        """Return the best pairs before a merge, with their counts and scores; the first pair is merged.

        Parameters
        ----------
        step : int
            Number of the merge, from 1.

        Raises
        ------
        TypeError, ValueError
            If `step` is not the number of a merge.

        Examples
        --------
        >>> import fasttok as ft
        >>> counts = ft.PretokenCounts.from_dict({"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5})
        >>> options = {"method": "likelihood", "vocab_size": 13}
        >>> ft.trace(counts, model="wordpiece", **options).candidates(1)
        Step 1: ##g + ##s is merged
        left  right  piece  count  count of left  count of right    score
        ##g   ##s    ##gs       5             20               5     0.05
        b     ##u    bu         4              4              36  0.02778
        h     ##u    hu        15             15              36  0.02778
        p     ##u    pu        17             17              36  0.02778
        ##u   ##g    ##ug      20             36              20  0.02778
        """
        number = checked_integer("step", step)
        if not 1 <= number <= len(self.steps):
            raise ValueError(
                f"step must be from 1 to {len(self.steps)}, the number of merges, not {describe(step)}"
            )
        left, right, _ = _names(self.steps[number - 1].candidates[0])
        return self._candidates(number - 1, f"Step {number:,}: {left} + {right} is merged")

    def _candidates(self, i: int, title: str) -> TraceTable:
        score = ("score",) if self.has_scores else ()
        rows = tuple(
            (*_names(one), one.count, one.left_count, one.right_count, *((one.score,) if score else ()))
            for one in self.steps[i].candidates
        )
        columns = ("left", "right", "piece", "count", "count of left", "count of right", *score)
        return TraceTable(title, columns, rows)

    def replay(self, word: str) -> Replay:
        """Apply the merges to a word, in the order of training.

        The tokens after the last merge are those that BPE gives. A WordPiece model finds the longest pieces
        instead, so its tokens can differ; the result shows them.

        Parameters
        ----------
        word : str
            Word, or a longer text. It is normalized and split into pretokens as the training corpus was.

        Raises
        ------
        TypeError, ValueError
            If `word` is not a str, is empty, or contains a lone surrogate.

        Examples
        --------
        >>> import fasttok as ft
        >>> counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2, "newest": 6, "widest": 3})
        >>> ft.trace(counts, vocab_size=260).replay("lowest")
        Tokens of 'lowest'
        step  merge   tokens
           0          l|o|w|e|s|t
           1  e + s   l|o|w|es|t
           2  es + t  l|o|w|est
           3  l + o   lo|w|est
           4  lo + w  low|est
        """
        return replay_merges(self.tokenizer, self.steps, self.start, checked_word("word", word))

    def to_pandas(self) -> Any:
        """Return one row per merge as a ``pandas.DataFrame``.

        The columns are step (from 1), left, right, piece, count, left_count, right_count, runner_up_left,
        runner_up_right, runner_up_count, n_words, n_tokens_before and n_tokens_after; for WordPiece, also
        score and runner_up_score. `MergeStep` and `Candidate` describe them. The columns of a runner-up are
        missing values where no other pair could be merged.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        best = [step.candidates[0] for step in self.steps]
        second = [step.candidates[1] if len(step.candidates) > 1 else None for step in self.steps]
        names = list(map(_names, best))
        others = [(None, None, None) if one is None else _names(one) for one in second]
        columns: dict[str, Any] = {"step": range(1, len(self.steps) + 1)}
        columns |= {name: [row[i] for row in names] for i, name in enumerate(("left", "right", "piece"))}
        for name in ("count", "left_count", "right_count"):
            columns[name] = [getattr(one, name) for one in best]
        if self.has_scores:
            columns["score"] = [one.score for one in best]
        columns["runner_up_left"] = [row[0] for row in others]
        columns["runner_up_right"] = [row[1] for row in others]
        columns["runner_up_count"] = [one and one.count for one in second]
        if self.has_scores:
            columns["runner_up_score"] = [one and one.score for one in second]
        for name in ("n_words", "n_tokens_before", "n_tokens_after"):
            columns[name] = [getattr(step, name) for step in self.steps]
        return make_frame(columns).astype({"runner_up_count": "Int64"})


def _names(candidate: Candidate) -> tuple[str, str, str]:
    """Return the two pieces of a pair and the merged piece in readable form."""
    return escape(candidate.left), escape(candidate.right), escape(candidate.piece)
