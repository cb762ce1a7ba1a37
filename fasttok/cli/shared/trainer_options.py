"""Options of ``fasttok train`` that are options of trainers."""

from __future__ import annotations

from typing import Any

import click

from fasttok.cli.shared.options import Decorator, option, options


class Coverage(click.ParamType):  # type: ignore[type-arg]  # not generic in older versions of click
    """Type of ``--character-coverage``: a number, or "auto"."""

    name = "number or auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value of the option."""
        return value if value == "auto" else click.FLOAT.convert(value, param, ctx)


def trainer_option(name: str, models: str, help_text: str, **settings: Any) -> Decorator:
    """Return an option of trainers; the help names the models that have it."""
    return option(name, help=f"{help_text} ({models})", default=None, **settings)


trainer_options = options(
    trainer_option(
        "--unk",
        "unigram, wordpiece, character, word, bpe with --units character",
        "Special token that replaces unknown characters or words.",
        metavar="TEXT",
    ),
    trainer_option(
        "--byte-fallback",
        "unigram, character, word, bpe with --compat sentencepiece",
        "Encode unknown characters as bytes.",
        is_flag=True,
        type=bool,
    ),
    trainer_option(
        "--min-frequency",
        "bpe, wordpiece, character, word",
        "Lowest frequency of the pairs to merge, or of the pieces to keep.  [default: 1; wordpiece: "
        "depends on --method; --compat subword-nmt: 2]",
        type=int,
        metavar="N",
    ),
    trainer_option(
        "--max-piece-length", "bpe, unigram, wordpiece", "Maximum length of a piece.", type=int, metavar="N"
    ),
    trainer_option(
        "--method",
        "unigram, wordpiece",
        "Training method: em (default) or mingram for unigram; frequency (default), likelihood or "
        "greedy for wordpiece.",
        type=click.Choice(["em", "mingram", "frequency", "likelihood", "greedy"]),
    ),
    trainer_option(
        "--compat",
        "bpe, unigram",
        "Library to reproduce: its training (bpe) or its encoding (unigram).",
        type=click.Choice(["huggingface", "sentencepiece", "rustbpe", "subword-nmt", "cs336"]),
    ),
    trainer_option(
        "--character-coverage",
        "unigram, bpe with --compat sentencepiece",
        "Fraction of the text that the characters of the vocabulary must cover; auto: the characters that "
        "give the fewest tokens, with bytes for the others.  [default: 0.9995]",
        type=Coverage(),
        metavar="P|auto",
    ),
    trainer_option(
        "--user-defined",
        "unigram, bpe with --compat sentencepiece",
        "Text that is always a piece. Repeatable.",
        multiple=True,
        metavar="TEXT",
    ),
    trainer_option(
        "--seed-size",
        "unigram",
        "Maximum number of seed pieces.  [default: 6 per id, at least 200000]",
        type=int,
        metavar="N",
    ),
    trainer_option(
        "--initial-pieces",
        "unigram",
        "Seed pieces.  [default: substrings]",
        type=click.Choice(["substrings", "bpe"]),
    ),
    trainer_option(
        "--pruning",
        "unigram",
        "Criterion of pruning.  [default: loss]",
        type=click.Choice(["loss", "final", "sparse"]),
    ),
    trainer_option(
        "--token-cost",
        "unigram",
        "Nats that pruning adds per extra token.  [default: 1]",
        type=float,
        metavar="X",
    ),
    trainer_option(
        "--shrinking-factor",
        "unigram",
        "Fraction of the pieces that each round keeps.  [default: 0.75]",
        type=float,
        metavar="P",
    ),
    trainer_option(
        "--n-sub-iterations", "unigram", "EM steps per round.  [default: 1]", type=int, metavar="N"
    ),
    trainer_option(
        "--limit-alphabet",
        "wordpiece",
        "Maximum number of characters; the most frequent are kept.  [default: no limit; 1000 for "
        "--method greedy]",
        type=int,
        metavar="N",
    ),
    trainer_option(
        "--continuing-subword-prefix",
        "wordpiece",
        "Prefix of pieces that continue a word.  [default: ##]",
        metavar="TEXT",
    ),
    trainer_option(
        "--units",
        "bpe",
        "Symbols that merging starts from.  [default: byte]",
        type=click.Choice(["byte", "character"]),
    ),
    trainer_option(
        "--end-of-word-suffix",
        "bpe with --units character",
        "Mark of the last character of a pretoken, such as </w>.",
        metavar="TEXT",
    ),
    trainer_option(
        "--tie-break",
        "bpe",
        "Order of equally frequent pairs.  [default: ids]",
        type=click.Choice(["ids", "shortest", "largest"]),
    ),
    trainer_option(
        "--byte-order",
        "bpe",
        "Order of the ids of bytes.  [default: value]",
        type=click.Choice(["value", "gpt2"]),
    ),
    trainer_option(
        "--special-ids",
        "bpe",
        "Ids of special tokens: before or after the pieces.  [default: last]",
        type=click.Choice(["last", "first"]),
    ),
    trainer_option(
        "--required-characters",
        "bpe with --compat sentencepiece",
        "Characters of the vocabulary, however rare they are.",
        metavar="TEXT",
    ),
    trainer_option(
        "--split-digits",
        "bpe with --compat sentencepiece",
        "Make every digit a piece of its own.",
        is_flag=True,
        type=bool,
    ),
    trainer_option(
        "--split-by-number/--no-split-by-number",
        "bpe with --compat sentencepiece",
        "Whether digits have a script of their own.  [default: they have]",
        type=bool,
    ),
    trainer_option(
        "--split-by-unicode-script/--no-split-by-unicode-script",
        "bpe with --compat sentencepiece",
        "Whether the letters of a piece have one script.  [default: they have]",
        type=bool,
    ),
    trainer_option(
        "--allow-whitespace-only-pieces",
        "bpe with --compat sentencepiece",
        "Allow pieces of several spaces.",
        is_flag=True,
        type=bool,
    ),
)
