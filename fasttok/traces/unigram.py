"""`UnigramTrace`: the rounds of a training of Unigram."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_integer, checked_word, describe
from fasttok.display.colours import escape
from fasttok.models.rounds import EMStep, PruningStep
from fasttok.tokenizer.tokenizer import Tokenizer
from fasttok.traces.replay import Replay, replay_rounds
from fasttok.traces.slider import Panel, draw_steps
from fasttok.traces.tables import TraceTable, make_frame

NEAR = 8  # kept and pruned pieces that a table of a round shows, those nearest to the limit
EXAMPLES = 3  # pieces that it shows for each other reason

# Reasons why a piece is kept or dropped, apart from its importance.
RARE = "expected count below 0.5"
SINGLE = "single character"
NO_OTHER = "no other segmentation"
UNUSED = "in no best segmentation"
WORSE = "other segmentation is better"


@dataclass(frozen=True, eq=False, repr=False)
class UnigramTrace:
    """Rounds of a training of Unigram, as returned by `trace`.

    A round has one or more EM steps, and ends with pruning; the last round ends the training. The ``repr`` is
    a table of the EM steps. A notebook shows each round with its pruning, and a slider over the rounds,
    if jinja2 is installed. Pieces are written as `Tokenizer.show` writes them.

    Attributes
    ----------
    tokenizer : Tokenizer
        The trained tokenizer.
    steps : tuple of EMStep and PruningStep
        Every step of the training, in order.

    Examples
    --------
    >>> import fasttok as ft
    >>> counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2, "newest": 6, "widest": 3})
    >>> t = ft.trace(counts, model="unigram", vocab_size=15)
    >>> t
    2 rounds, 25 seed pieces, 14 pieces at the end
    round  step  pieces  nats per character  objective  dropped  pruned  left
        1     1      25             -0.5418      2.675       11       0    14
        2     1      14             -0.2893      1.429        0       0    14
        2     2      14             -0.3194      1.577        0       0    14
    """

    tokenizer: Tokenizer
    steps: tuple[EMStep | PruningStep, ...]

    @cached_property
    def _em_steps(self) -> list[EMStep]:
        return [step for step in self.steps if isinstance(step, EMStep)]

    @cached_property
    def _prunings(self) -> list[PruningStep]:
        return [step for step in self.steps if isinstance(step, PruningStep)]

    def __len__(self) -> int:
        return len(self._prunings) + 1

    def _title(self) -> str:
        first, last = self._em_steps[0], self._em_steps[-1]
        return f"{len(self)} rounds, {len(first.names):,} seed pieces, {len(last.pieces):,} pieces at the end"

    def __repr__(self) -> str:
        columns = ("round", "step", "pieces", "nats per character", "objective", "dropped", "pruned", "left")
        rows = [
            (
                *(step.round, step.step, len(step.pieces), step.log_likelihood / step.n_characters),
                *(step.objective, len(step.dropped), self._count_pruned(i)),
                len(step.pieces) - len(step.dropped) - self._count_pruned(i),
            )
            for i, step in enumerate(self._em_steps)
        ]
        return repr(TraceTable(self._title(), columns, tuple(rows)))

    def _count_pruned(self, i: int) -> int:
        """Return the number of pieces that are pruned directly after EM step i."""
        step, *after = self._em_steps[i : i + 2]
        if not after or after[0].round == step.round:
            return 0
        return len(step.pieces) - len(step.dropped) - len(after[0].pieces)

    def _repr_html_(self) -> str | None:
        return draw_steps(self._title(), "round", len(self), self._panel)

    def _panel(self, i: int) -> Panel:
        """Return the panel of a round, counted from 0."""
        steps = [step for step in self._em_steps if step.round == i + 1]
        n_dropped = sum(len(step.dropped) for step in steps)
        nats = ", ".join(f"{step.log_likelihood / step.n_characters:.4f}" for step in steps)
        text = f"Log-likelihood of the corpus before each EM step: {nats} nats per character."
        if n_dropped:
            text += f" {n_dropped:,} pieces are dropped: {RARE}."
        before, after = len(steps[0].pieces), len(steps[-1].pieces) - len(steps[-1].dropped)
        if i == len(self._prunings):
            return Panel((f"Round {i + 1}, the last: {after:,} pieces",), text, None)
        after = int(np.count_nonzero(self._prunings[i].is_kept))
        return Panel((f"Round {i + 1}: {before:,} → {after:,} pieces",), text, self.pruning(i + 1))

    def pruning(self, round: int) -> TraceTable:
        """Return the pieces around the limit of the pruning of a round, and examples of all other reasons.

        Parameters
        ----------
        round : int
            Number of the round, from 1. There is no pruning after the last round.

        Raises
        ------
        TypeError, ValueError
            If `round` is not the number of a round with pruning.

        Examples
        --------
        >>> import fasttok as ft
        >>> counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2, "newest": 6, "widest": 3})
        >>> ft.trace(counts, model="unigram", vocab_size=15, token_cost=0).pruning(1)
        Pruning of round 1: 14 pieces kept, 0 pruned
        piece   kept  probability  reason
        newest  yes        0.3491  probability above the limit
        low     yes        0.2893  probability above the limit
        widest  yes        0.1549  probability above the limit
        lower   yes       0.09319  probability above the limit
        e       yes      0.009048  single character
        w       yes      0.009048  single character
        s       yes      0.009048  single character
        """
        step = self._prunings[self._checked_round(round) - 1]
        reasons, names = _find_reasons(step), step.names
        is_limit = np.isin(reasons, [_describe(step, kept) for kept in (True, False)])
        by_importance = np.argsort(-step.importance, kind="stable")
        near = by_importance[is_limit[by_importance]]
        is_kept = step.is_kept[near]
        chosen = [*near[is_kept][-NEAR:], *near[~is_kept][:NEAR]]
        for reason in (SINGLE, NO_OTHER, WORSE, UNUSED):
            chosen += np.flatnonzero(reasons == reason)[:EXAMPLES].tolist()
        n_kept = int(np.count_nonzero(step.is_kept))
        rows = tuple(
            (
                *(escape(names[step.pieces[i]].tobytes()), bool(step.is_kept[i])),
                *(float(step.importance[i]), str(reasons[i])),
            )
            for i in chosen
        )
        title = f"Pruning of round {step.round}: {n_kept:,} pieces kept, {len(step.pieces) - n_kept:,} pruned"
        return TraceTable(title, ("piece", "kept", step.criterion, "reason"), rows)

    def _checked_round(self, value: Any) -> int:
        number, n = checked_integer("round", value), len(self._prunings)
        if not 1 <= number <= n:
            raise ValueError(f"round must be from 1 to {n}, the rounds with pruning, not {describe(value)}")
        return number

    def to_pandas(self) -> Any:
        """Return one row per EM step as a ``pandas.DataFrame``.

        The columns are round and step (from 1), n_pieces (before the step), log_likelihood (in nats),
        objective (negative, in nats per word), n_dropped (pieces with an expected count below 0.5), n_pruned
        (at the end of the round, directly after the step) and n_pieces_after.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        steps = self._em_steps
        n_before = [len(step.pieces) for step in steps]
        n_dropped = [len(step.dropped) for step in steps]
        n_pruned = list(map(self._count_pruned, range(len(steps))))
        return make_frame(
            {
                "round": [step.round for step in steps],
                "step": [step.step for step in steps],
                "n_pieces": n_before,
                "log_likelihood": [step.log_likelihood for step in steps],
                "objective": [step.objective for step in steps],
                "n_dropped": n_dropped,
                "n_pruned": n_pruned,
                "n_pieces_after": np.subtract(n_before, np.add(n_dropped, n_pruned)),
            }
        )

    def pieces_to_pandas(self, round: int) -> Any:
        """Return one row per piece of a round as a ``pandas.DataFrame``.

        The columns are piece, is_kept, importance (the loss in nats, the expected count, or the probability;
        NaN for a piece that an EM step dropped), criterion (which of them it is), occurrences (in the best
        segmentations; missing for criteria that do not use them), and reason.

        Parameters
        ----------
        round : int
            Number of the round, from 1. There is no pruning after the last round.

        Raises
        ------
        TypeError, ValueError
            If `round` is not the number of a round with pruning.
        ImportError
            If pandas is not installed.
        """
        number = self._checked_round(round)
        step = self._prunings[number - 1]
        dropped = np.concatenate([one.dropped for one in self._em_steps if one.round == number])
        n, names = len(dropped), step.names
        pieces = np.concatenate([step.pieces, dropped])
        occurrences = [None] * len(step.pieces) if step.occurrences is None else step.occurrences.tolist()
        frame = make_frame(
            {
                "piece": [escape(names[i].tobytes()) for i in pieces.tolist()],
                "is_kept": np.concatenate([step.is_kept, np.zeros(n, np.bool_)]),
                "importance": np.concatenate([step.importance, np.full(n, np.nan)]),
                "criterion": step.criterion,
                "occurrences": occurrences + [None] * n,
                "reason": [*_find_reasons(step).tolist(), *[RARE] * n],
            }
        )
        return frame.astype({"occurrences": "Int64"})

    def replay(self, word: str) -> Replay:
        """Return the best segmentations of a word after each round; row 0 has that with the seed pieces.

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
        >>> ft.trace(counts, model="unigram", vocab_size=15).replay("lowest")
        Tokens of 'lowest'
        round  pieces  tokens
            0  25      low|est
            1  14      low|e|s|t
            2  14      low|e|s|t
        """
        return replay_rounds(self.tokenizer, self._em_steps, checked_word("word", word))


def _find_reasons(step: PruningStep) -> NDArray[np.str_]:
    """Return the reason why each piece of a round is kept or pruned."""
    is_single = np.arange(len(step.pieces)) < step.n_single
    if step.occurrences is None:
        is_unused = is_worse = np.zeros(len(step.pieces), np.bool_)
    else:
        is_unused = (step.importance == -np.inf) & (step.occurrences == 0)
        is_worse = (step.importance == -np.inf) & (step.occurrences > 0)
    conditions = [is_single, is_unused, is_worse, (step.importance == np.inf) & step.is_kept, step.is_kept]
    reasons = [SINGLE, UNUSED, WORSE, NO_OTHER, _describe(step, True)]
    return np.select(conditions, reasons, _describe(step, False))


def _describe(step: PruningStep, is_kept: bool) -> str:
    """Return the reason for which a piece is kept or pruned because of its importance."""
    return f"{step.criterion} {'above' if is_kept else 'below'} the limit"
