"""Commands that count and train: ``fasttok train`` and ``fasttok count``."""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import Any

import click

import fasttok as ft
from fasttok.cli.common import (
    Command,
    corpus_options,
    normalizer_option,
    open_corpus,
    print_counts,
    quiet_option,
)

VOCAB_SIZE = 32_000  # default for the trainers that require a size


@click.command(cls=Command)
@click.option("-o", "--output", required=True, type=click.Path(), help="File to save the tokenizer to.")
@click.option(
    "--model",
    type=click.Choice(["bpe", "unigram", "wordpiece", "character", "byte", "word"]),
    default="bpe",
    show_default=True,
    help="Model family; bpe is byte-level.",
)
@click.option(
    "--vocab-size",
    type=int,
    metavar="N",
    help="Number of ids, including special tokens and bytes.  [default: 32000; wordpiece: 30000; character, "
    "word: no limit]",
)
@click.option(
    "--pretokenizer",
    "pretokenizers",
    multiple=True,
    metavar="NAME",
    help="Pretokenizer: gpt2, p50k, cl100k, o200k, llama3, qwen2, whitespace, punctuation, whitespace_split, "
    "bert, metaspace, script, sentencepiece, digits_single, digits_threes_left, digits_threes_right, none, "
    "or a regular expression. Repeat to chain several.  [default: gpt2]",
)
@normalizer_option
@click.option("--special-token", "special_tokens", multiple=True, help="Text of a special token; repeatable.")
@click.option(
    "--unk",
    help="Text of the unknown token, which replaces unknown characters or words (unigram, wordpiece, "
    "character, word).",
)
@click.option(
    "--min-frequency",
    type=int,
    metavar="N",
    help="Lowest frequency of the pairs to merge (bpe, wordpiece) or of the pieces to keep (character, word)."
    "  [default: 1; wordpiece: depends on --method]",
)
@click.option(
    "--compat",
    type=click.Choice(["huggingface"]),
    help="Library whose training is reproduced exactly: Hugging Face tokenizers (bpe).",
)
@click.option(
    "--byte-fallback",
    type=bool,
    is_flag=True,
    default=None,
    help="Encode unknown characters as bytes (unigram, character, word).",
)
@click.option(
    "--method",
    type=click.Choice(["em", "mingram", "frequency", "likelihood", "greedy"]),
    help="Training method: em (default) or mingram for unigram; frequency (default), likelihood or greedy "
    "for wordpiece.",
)
@corpus_options
@quiet_option
def train(
    files: tuple[str, ...],
    output: str,
    document: str,
    field: str,
    workers: int | None,
    pretokenizers: tuple[str, ...],
    normalizers: tuple[str, ...],
    quiet: bool,
    **options: Any,
) -> None:
    """Train a tokenizer on text and save it.

    FILES are text, .jsonl or .parquet files, folders, or quoted glob patterns; text and .jsonl may be
    compressed (.gz, .xz, .zst). Without FILES, or for -, plain text is read from standard input. FILES may
    instead all be .npz files that `fasttok count` saved; their counts are added.

    \b
    Examples:
      fasttok train books/ web.jsonl.gz -o tok.json --special-token "<|endoftext|>"
      zcat big.gz | fasttok train - -o tok.json --vocab-size 50000
      fasttok train books/ -o tok.json --model unigram \\
          --normalizer nmt_nfkc --pretokenizer sentencepiece
    """
    from fasttok.models.registry import TRAINERS

    folder = os.path.dirname(os.path.abspath(output))
    if not os.path.isdir(folder):
        raise click.ClickException(f"cannot write {output}: the folder {folder} does not exist")
    source: ft.Corpus | ft.PretokenCounts
    if files and all(file.endswith(".npz") for file in files):
        source = ft.PretokenCounts.mix((ft.PretokenCounts.load(file), 1) for file in files)
    else:
        source = open_corpus(files, document, field)
    options = {name: value for name, value in options.items() if value is not None}
    known = {option.name: option for option in dataclasses.fields(TRAINERS.find(options["model"]))}
    for name in options.keys() - known.keys() - {"model"}:
        raise click.UsageError(f"--{name.replace('_', '-')} is not an option of --model {options['model']}")
    if "vocab_size" in known and known["vocab_size"].default is dataclasses.MISSING:
        options.setdefault("vocab_size", VOCAB_SIZE)
    tok = ft.train(
        source,
        pretokenizer=pretokenizers or None,
        normalizer=normalizers or None,
        workers=workers,
        progress=not quiet,
        **options,
    )
    tok.save(output)
    click.echo(f"{output}: {tok}", err=True)


@click.command(cls=Command)
@click.option("-o", "--output", type=click.Path(), help="File to save the counts to (.npz).")
@click.option(
    "--pretokenizer",
    "pretokenizers",
    multiple=True,
    metavar="NAME",
    default=["gpt2"],
    show_default=True,
    help="Pretokenizer: a name as for `fasttok train`, or a regular expression; repeat to chain several.",
)
@normalizer_option
@click.option(
    "--split-special",
    multiple=True,
    help="Special token at which documents are split. It is not counted. Repeatable.",
)
@click.option(
    "--top",
    default=10,
    type=click.IntRange(min=0),
    metavar="N",
    show_default=True,
    help="Number of most frequent pretokens to print.",
)
@corpus_options
def count(
    files: tuple[str, ...],
    output: str | None,
    document: str,
    field: str,
    workers: int | None,
    pretokenizers: tuple[str, ...],
    normalizers: tuple[str, ...],
    split_special: tuple[str, ...],
    top: int,
) -> None:
    """Count the pretokens of a corpus.

    Counting is the only pass over the text that training needs. Save the counts to train several tokenizers
    without reading the text again. FILES are text, .jsonl or .parquet files, folders, or quoted glob
    patterns. Without FILES, or for -, plain text is read from standard input.

    \b
    Examples:
      fasttok count books/ --top 20
      fasttok count books/ -o books.npz && fasttok train books.npz -o tok.json
    """
    corpus = open_corpus(files, document, field)
    counts = ft.count_pretokens(
        corpus,
        pretokenizers,
        normalizers or None,
        split_special=split_special,
        workers=workers,
        progress=sys.stderr.isatty(),
    )
    click.echo(counts)
    print_counts(counts, top)
    if output:
        counts.save(output)
