"""Command ``fasttok diff``: compare two tokenizers."""

from __future__ import annotations

import json
from typing import Any

import click

from fasttok.cli.command import Command
from fasttok.cli.shared.inputs import check_stdin, open_corpus, open_tokenizers, refuse_reading_options
from fasttok.cli.shared.options import (
    files_argument,
    opening_options,
    option,
    output_option,
    quiet_option,
    reading_options,
    workers_option,
)
from fasttok.cli.shared.outputs import check_output, write_text


class DiffCommand(Command):
    """Command whose exit status is 2 if it fails, since 1 means that there are differences."""

    error_status = 2


@click.command(cls=DiffCommand)
@click.argument("a", type=click.Path())
@click.argument("b", type=click.Path())
@files_argument
@option(
    "--examples",
    default=5,
    type=click.IntRange(min=0),
    metavar="N",
    help="Number of documents that differ to show.",
)
@output_option("File to write", default="-")
@option("--json", "as_json", is_flag=True, help="Print all differences as one JSON object.")
@opening_options
@reading_options
@workers_option
@quiet_option
def diff(
    a: str,
    b: str,
    files: tuple[str, ...],
    examples: int,
    output: str,
    as_json: bool,
    rank_encoding: str | None,
    pretokenizer: str | None,
    allow_import: tuple[str, ...],
    workers: int | None,
    quiet: bool,
    **reading: Any,
) -> None:
    """Compare two tokenizers: vocabulary, merges, added tokens, settings, ids.

    A and B are tokenizer files or folders; one of them can be -, standard input. If FILES are given, both
    tokenizers encode them, and the documents whose ids differ are counted and shown. FILES are files,
    folders, or quoted glob patterns, or - for standard input.

    The exit status is 0 if there are no differences, 1 if there are some, and 2 if the command fails.

    \b
    Examples:
      fasttok diff old.json new.json
      fasttok diff tok.json cl100k_base.tiktoken --document line books/*.txt
      fasttok diff a.json b.json --json | jq .merges.first
    """
    import fasttok as ft

    check_stdin([a, b, *files])
    if not files:
        refuse_reading_options("is for text, but there are no FILES", "examples")
    corpus = open_corpus(files, quiet=quiet, **reading) if files else None
    check_output(output, [a, b, *(corpus.files if corpus else ())])
    first, second = open_tokenizers(
        [a, b], allow_import, rank_encoding=rank_encoding, pretokenizer=pretokenizer
    )
    found = ft.compare_tokenizers(first, second, corpus, examples=examples, workers=workers)
    text = (
        json.dumps(found.to_dict() | {"a": a, "b": b})
        if as_json
        else (f"a             {a}\nb             {b}\n{found}")
    )
    write_text(output, f"{text}\n")
    if found:
        raise SystemExit(1)
