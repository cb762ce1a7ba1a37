"""`trace`: train a tokenizer and keep every step of its training."""

from __future__ import annotations

from typing import Any

from fasttok.corpus.corpus import Corpus
from fasttok.counts.table import PretokenCounts
from fasttok.models.base import Trainer
from fasttok.models.merging.merge_steps import MergeStep
from fasttok.models.rounds import EMStep, PruningStep
from fasttok.tokenizer.train import train
from fasttok.traces.merges import MergeTrace
from fasttok.traces.unigram import UnigramTrace


def trace(
    source: Corpus | PretokenCounts, model: str | type[Trainer] = "bpe", **options: Any
) -> MergeTrace | UnigramTrace:
    """Train a tokenizer and keep every step of its training, to look at them.

    Parameters
    ----------
    source : Corpus or PretokenCounts
        Training data, as in `train`.
    model : {"bpe", "wordpiece", "unigram"}, or Trainer
        Algorithm, as in `train`. Other families have no steps; nor has "wordpiece" with ``method="greedy"``.
    **options
        Other arguments of `train`, such as ``vocab_size``, except ``observer``.

    Returns
    -------
    MergeTrace or UnigramTrace
        The steps: a `UnigramTrace` of rounds, or a `MergeTrace` of merges. Its `tokenizer` equals the one
        that `train` returns for the same arguments.

    Raises
    ------
    ValueError, TypeError
        As in `train`; also if the model has no steps, or those of a custom trainer have other types.

    Notes
    -----
    The trainers themselves report their steps. Before each merge, the best pairs are found, which takes more
    time than the merge itself: at most O(p) for p different pairs. The memory is about 1 kB per merge, or 40
    bytes per piece and round of Unigram.

    Examples
    --------
    A corpus after the example of Sennrich et al. (2016), trained as their program does:

    >>> import fasttok as ft
    >>> corpus = ft.Corpus.from_texts(["low low low lower newer wider"])
    >>> t = ft.trace(corpus, vocab_size=13, compat="subword-nmt")
    >>> t
    4 merges, 24 tokens before and 12 after
    step  left  right   piece    count  runner-up  its count  words  tokens
       1  l     o       lo           4  o + w</w>          3      2      20
       2  lo    w</w>   low</w>      3  e + r</w>          3      1      17
       3  e     r</w>   er</w>       3  w + e              2      3      14
       4  w     er</w>  wer</w>      2                            2      12
    >>> t.replay("newer")
    Tokens of 'newer'
    step  merge       tokens
       0              n|e|w|e|r</w>
       3  e + r</w>   n|e|w|er</w>
       4  w + er</w>  n|e|wer</w>
    """
    steps: list[Any] = []
    tokenizer = train(source, model, observer=steps.append, **options)
    if steps and all(isinstance(step, (EMStep, PruningStep)) for step in steps):
        return UnigramTrace(tokenizer, tuple(steps))
    if not all(isinstance(step, MergeStep) for step in steps):
        kinds = sorted({type(step).__name__ for step in steps})
        raise TypeError(
            "model: the steps of a trainer must all be MergeStep, or all be EMStep or PruningStep, but some "
            f"of its steps are {', '.join(kinds)}"
        )
    return MergeTrace(tokenizer, tuple(steps), options.get("start"))
