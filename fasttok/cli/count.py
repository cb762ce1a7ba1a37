"""Command ``fasttok count``: count the tokens of texts."""

from __future__ import annotations

import math
from contextlib import closing
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import click

from fasttok.cli.command import Command
from fasttok.cli.encode import encode_parts
from fasttok.cli.shared.inputs import (
    STDIN,
    STDIN_PATH,
    allow_rereading,
    check_stdin,
    open_corpus,
    open_tokenizers,
)
from fasttok.cli.shared.options import (
    files_argument,
    json_option,
    opening_options,
    option,
    output_option,
    quiet_option,
    reading_options,
    special_options,
    template_options,
    with_option,
    workers_option,
)
from fasttok.cli.shared.outputs import check_output, write_text

if TYPE_CHECKING:
    import fasttok as ft


@click.command(cls=Command)
@with_option
@output_option("File to write", default="-")
@json_option
@option(
    "--per-file/--total",
    default=True,
    help="Print a line per file and the total, or only the total.  [default: --per-file]",
)
@option(
    "--price", type=float, metavar="P", help="Price of a million tokens; adds the cost, in the same unit."
)
@option(
    "--context",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of tokens that a model can read; adds the share of it that the tokens take.",
)
@special_options
@template_options
@opening_options
@reading_options
@workers_option
@quiet_option
@files_argument
def count(
    paths: tuple[str, ...],
    files: tuple[str, ...],
    output: str,
    as_json: bool,
    per_file: bool,
    price: float | None,
    context: int | None,
    special: Any,
    allow_special: tuple[str, ...],
    add_special_tokens: bool,
    template: str | None,
    rank_encoding: str | None,
    pretokenizer: str | None,
    allow_import: tuple[str, ...],
    workers: int | None,
    quiet: bool,
    **reading: Any,
) -> None:
    """Count the tokens of texts.

    Prints one line per file: the number of its tokens and its name; with several files, a last line with the
    total. With several tokenizers, the first line names them, and there is one column per tokenizer. A file
    is encoded in bounded memory. To count pretokens, use `fasttok pretokens`.

    FILES are files, folders, or quoted glob patterns; - is standard input, and the default.

    --price and --context add columns, with a first line that names them: the cost of the tokens, and their
    share of the context in percent.

    --json prints one object: {"tokenizers": [FILE, ...], "files": [{"file": FILE, "documents": N, "tokens":
    [N, ...]}, ...], "total": {"documents": N, "tokens": [N, ...]}}, with one number per tokenizer. --price
    adds the keys price, and cost next to tokens; --context adds context, the number, and next to tokens the
    shares; --total leaves out files.

    \b
    Examples:
      fasttok count README.md docs/ --with tok.json
      cat *.py | fasttok count --with cl100k_base.tiktoken --with tok.json
      fasttok count books/ --with tok.json --json | jq '.total.tokens[0]'
      fasttok count *.txt --with cl100k_base.tiktoken --per-file --price 2.50 --context 128000
    """
    if price is not None and not 0 <= price < math.inf:
        raise click.UsageError(f"--price must be a number of at least 0, not {price}")
    check_stdin([*paths, *(files or [STDIN])])
    if len(paths) > 1:
        allow_rereading(files)
    corpus = open_corpus(files, quiet=quiet, **reading)
    check_output(output, [*paths, *corpus.files])
    tokenizers = open_tokenizers(paths, allow_import, rank_encoding=rank_encoding, pretokenizer=pretokenizer)
    encoding = {
        "special": special,
        "allow_special": allow_special,
        "add_special_tokens": add_special_tokens,
        "template": template,
        "workers": workers,
    }
    rows = []
    for name, part in corpus.by_file().items():
        found = [_count_tokens(tok, part, encoding) for tok in tokenizers]
        rows.append((name, found[0][1], [n for n, _ in found]))
    total = [sum(column) for column in zip(*(tokens for _, _, tokens in rows), strict=True)]
    format = _to_json if as_json else _to_table
    write_text(output, format(paths, rows, total, per_file, price, context))


Row = tuple[str, int, list[int]]  # file, number of documents, number of tokens by tokenizer


def _find_cost(n_tokens: int, price: float) -> Fraction:
    """Return the cost of tokens without rounding; the price is the decimal number that was given."""
    return n_tokens * Fraction(repr(price)) / 1_000_000


def _count_tokens(tok: ft.Tokenizer, corpus: ft.Corpus, encoding: dict[str, Any]) -> tuple[int, int]:
    """Return the number of tokens and of documents of a corpus."""
    n_tokens = n_documents = 0
    with closing(encode_parts(tok, corpus, **encoding)) as parts:
        for part in parts:
            n_tokens += len(part.ids.values)
            n_documents += len(part.ids) - part.continues
    return n_tokens, n_documents


def _shown(name: str) -> str:
    return STDIN if name == STDIN_PATH else name


def _to_json(
    paths: tuple[str, ...],
    rows: list[Row],
    total: list[int],
    per_file: bool,
    price: float | None,
    context: int | None,
) -> str:
    import json

    def describe(n_documents: int, tokens: list[int]) -> dict[str, Any]:
        found: dict[str, Any] = {"documents": n_documents, "tokens": tokens}
        if price is not None:
            found["cost"] = [float(_find_cost(n, price)) for n in tokens]
        if context is not None:
            found["context"] = [n / context for n in tokens]
        return found

    given = {"price": price, "context": context}
    files = [{"file": _shown(name), **describe(n, tokens)} for name, n, tokens in rows if per_file]
    return (
        json.dumps(
            {
                "tokenizers": list(paths),
                **{name: value for name, value in given.items() if value is not None},
                **({"files": files} if per_file else {}),
                "total": describe(sum(n for _, n, _ in rows), total),
            }
        )
        + "\n"
    )


def _to_table(
    paths: tuple[str, ...],
    rows: list[Row],
    total: list[int],
    per_file: bool,
    price: float | None,
    context: int | None,
) -> str:
    """Return the lines of a table, as `wc` prints it."""

    def cells(tokens: list[int]) -> list[str]:
        found = []
        for n in tokens:
            found.append(str(n))
            if price is not None:
                found.append(f"{float(_find_cost(n, price)):.6f}")
            if context is not None:
                found.append(f"{100 * n / context:.2f}%")
        return found

    lines = [(cells(tokens), _shown(name)) for name, _, tokens in rows if per_file]
    if len(rows) > 1 or not per_file:
        lines.append((cells(total), "total"))
    columns = ["cost"] * (price is not None) + ["context"] * (context is not None)
    if len(paths) > 1 or columns:
        names = paths if len(paths) > 1 else ("tokens",)
        lines.insert(0, ([cell for name in names for cell in (name, *columns)], "file"))
    widths = [max(map(len, column)) for column in zip(*(one for one, _ in lines), strict=True)]
    return "".join(
        "  ".join([*(f"{cell:>{width}}" for cell, width in zip(one, widths, strict=True)), name]) + "\n"
        for one, name in lines
    )
