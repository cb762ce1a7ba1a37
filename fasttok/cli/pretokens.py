"""Command ``fasttok pretokens``: count the pretokens of a corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fasttok.cli.command import Command
from fasttok.cli.shared.inputs import STDIN, expand, open_corpus, refuse_reading_options
from fasttok.cli.shared.options import (
    files_argument,
    json_option,
    normalizers_option,
    option,
    output_option,
    pretokenizers_option,
    progress_options,
    reading_options,
    split_special_option,
    top_option,
    workers_option,
)
from fasttok.cli.shared.outputs import STDOUT, check_output, print_json, refuse_terminal, saved
from fasttok.cli.shared.progress import show_progress
from fasttok.cli.shared.streams import print_summary
from fasttok.cli.shared.tables import (
    check_suffix,
    check_table_options,
    load_counts,
    save_counts,
    table_options,
)

if TYPE_CHECKING:
    import fasttok as ft

NOT_OF_TABLES = ("split_special", "max_memory", "workers")  # options that have no effect on tables


@click.command(cls=Command)
@output_option("File to save the counts to: .npz, or, for other programs, .tsv, .parquet or .arrow")
@pretokenizers_option
@normalizers_option
@split_special_option
@top_option("most frequent pretokens")
@option(
    "--max-memory",
    metavar="SIZE",
    help="Limit for the memory of the tables, such as 2GB; counts beyond it go to temporary files.",
)
@table_options
@json_option
@reading_options
@workers_option
@progress_options
@files_argument
def pretokens(
    files: tuple[str, ...],
    output: str | None,
    pretokenizers: tuple[str, ...],
    normalizers: tuple[str, ...],
    split_special: tuple[str, ...],
    top: int,
    max_memory: str | None,
    kind: str | None,
    text_column: str | None,
    count_column: str | None,
    header: bool,
    escapes: bool,
    as_json: bool,
    workers: int | None,
    progress: str,
    quiet: bool,
    **reading: Any,
) -> None:
    """Count the pretokens of a corpus.

    Counting is the only pass over the text that training needs. Save the counts to train several tokenizers
    without reading the text again.

    FILES are files, folders, or quoted glob patterns; - is standard input, and the default. With --counts,
    they are tables of texts or pretokens and their counts, which are added.

    --json prints one object with the keys pretokenizer, normalizer, document, split_special, fingerprint,
    n_pretokens, n_distinct and most_common, a list of pairs [PRETOKEN, N].

    \b
    Examples:
      fasttok pretokens books/ --top 20
      fasttok pretokens books/ -o books.npz && fasttok train books.npz -o tok.json
      fasttok pretokens words.tsv --counts texts --pretokenizer metaspace -o words.npz
    """
    import fasttok as ft
    from fasttok.text.pretokenizers.registry import DEFAULT_PRETOKENIZER

    check_table_options(kind, output)
    table = {
        "text_column": text_column,
        "count_column": count_column,
        "header": header,
        "escapes": escapes,
    }
    if kind is None:
        corpus = open_corpus(files, quiet=quiet, **reading)
        inputs = corpus.files
    else:
        refuse_reading_options("is for text, but --counts reads tables", *NOT_OF_TABLES)
        inputs = tuple(file for name in files or [STDIN] for file in expand(name))
    if output == STDOUT:
        if as_json:
            raise click.UsageError("-o - and --json cannot both use standard output")
        refuse_terminal("a file of counts")
    check_output(output, inputs)
    check_suffix(output)
    if kind is None:
        with show_progress(progress, quiet) as shown:
            counts = ft.count_pretokens(
                corpus,
                pretokenizers or DEFAULT_PRETOKENIZER,
                normalizer=normalizers or None,
                split_special=split_special,
                workers=workers,
                progress=shown,
                max_memory=max_memory,
            )
    else:
        counts = load_counts(inputs, kind, pretokenizers or None, normalizers or None, table)
    if output is not None:
        with saved(output, ".npz") as path:
            save_counts(counts, path, escapes=escapes)
    if as_json:
        print_json(describe_counts(counts, top))
    elif output is None:
        click.echo(format_counts(counts, top))
    elif output != STDOUT and not quiet:
        print_summary(format_counts(counts, top))


def format_counts(counts: ft.PretokenCounts, top: int) -> str:
    """Return a summary of counts and the `top` most frequent pretokens, one per line."""
    from fasttok.display.colours import visible

    rows = [f"{n:>12,}  {visible(pretoken)}" for pretoken, n in counts.most_common(top)]
    return "\n".join([str(counts), *rows])


def describe_counts(counts: ft.PretokenCounts, top: int) -> dict[str, Any]:
    """Return counts as JSON; a byte of a pretoken that is not UTF-8 is a lone surrogate, U+DC80 to U+DCFF."""
    from dataclasses import asdict

    return {
        **asdict(counts.recipe),
        "fingerprint": counts.fingerprint(),
        "n_pretokens": counts.total,
        "n_distinct": len(counts),
        "most_common": [
            [pretoken.decode(errors="surrogateescape"), n] for pretoken, n in counts.most_common(top)
        ],
    }
