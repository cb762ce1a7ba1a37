"""Files of counts that other programs read or write: TSV, Parquet and Arrow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from fasttok.cli.shared.inputs import check_stdin, tokenizer_path
from fasttok.cli.shared.options import option, options
from fasttok.cli.shared.outputs import is_seekable
from fasttok.core.saving import atomic_write
from fasttok.corpus.compression import import_pyarrow

if TYPE_CHECKING:
    import fasttok as ft

TABLE = ("text_column", "count_column", "header")  # options that have no effect without --counts
SUFFIXES = (".npz", ".tsv", ".parquet", ".arrow")  # of files of counts that can be written
_BEGINS = (b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")  # of Parquet, and of Arrow files and streams

table_options = options(
    option(
        "--counts",
        "kind",
        type=click.Choice(["texts", "pretokens"]),
        help="FILES are tables of counts (TSV, Parquet or Arrow): of texts, which are normalized and split, "
        "or of pretokens.",
    ),
    option("--text-column", metavar="NAME", help="Column of a Parquet or Arrow table with the texts."),
    option("--count-column", metavar="NAME", help="Column of a Parquet or Arrow table with the counts."),
    option("--header", is_flag=True, help="The first line of a TSV table of counts contains names."),
    option(
        "--escapes",
        is_flag=True,
        help=r"Texts in TSV tables of counts, read or written, have the escapes \t, \n, \r, \\ and \xNN.",
    ),
)


def load_counts(
    files: Sequence[str], kind: str, pretokenizer: Any, normalizer: Any, table: dict[str, Any]
) -> ft.PretokenCounts:
    """Return the sum of the counts in tables.

    Parameters
    ----------
    files : sequence of str
        Files and folders of Parquet files; "-" is standard input.
    kind : {"texts", "pretokens"}
        Content of the tables.
    pretokenizer, normalizer
        Steps of the counts.
    table : dict
        Values of the other `table_options`.
    """
    import fasttok as ft

    steps = {"pretokenizer": pretokenizer, "normalizer": normalizer, "split": kind == "texts"}
    columns = {name: table[name] for name in ("text_column", "count_column")}
    lines = {name: table[name] for name in ("header", "escapes")}
    check_stdin(files)

    def load(name: str) -> ft.PretokenCounts:
        with tokenizer_path(name) as path:
            if _is_arrow(path):
                return ft.PretokenCounts.from_arrow(path, **steps, **columns)
            return ft.PretokenCounts.from_tsv(path, **steps, **lines)

    return ft.PretokenCounts.mix((load(name), 1) for name in files)


def save_counts(counts: ft.PretokenCounts, path: str, *, escapes: bool) -> None:
    """Save counts in the format that the name of the file says: one of `SUFFIXES`, or else the native one."""
    if path.lower().endswith(".tsv"):
        counts.to_tsv(path, escapes=escapes)
    elif path.lower().endswith((".parquet", ".arrow")):
        table = counts.to_arrow()
        import pyarrow.parquet

        with atomic_write(path) as file:
            if path.lower().endswith(".parquet"):
                pyarrow.parquet.write_table(table, file)
            else:
                with pyarrow.ipc.new_file(file, table.schema) as writer:
                    writer.write_table(table)
    else:
        counts.save(path)


def check_table_options(kind: str | None, output: str | None) -> None:
    """Raise an error before any work for options of tables that have no effect, or a missing pyarrow.

    Raises
    ------
    click.UsageError
        If no table is read, or, for --escapes, none is written either.
    ImportError
        If a .parquet or .arrow file is to be written, and pyarrow is not installed.
    """
    if output is not None and output.lower().endswith((".parquet", ".arrow")):
        import_pyarrow(f"{os.path.splitext(output)[1].lower()} files")
    context = click.get_current_context()
    is_tsv = output is not None and output.lower().endswith(".tsv")
    for name in TABLE if kind is None else ():
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.replace('_', '-')} has no effect without --counts")
    if kind is None and not is_tsv and context.get_parameter_source("escapes") is ParameterSource.COMMANDLINE:
        raise click.UsageError("--escapes has no effect without --counts or a file that ends with .tsv")


def check_suffix(output: str | None) -> None:
    """Raise an error if the suffix of an output is that of no format of counts; a name may have none.

    Raises
    ------
    click.UsageError
        If the output is a file with another suffix than those in `SUFFIXES`.
    """
    if output is None or not is_seekable(output):
        return
    if os.path.splitext(output)[1].lower() not in ("", *SUFFIXES):
        raise click.UsageError(
            f"-o {output}: the name of a file of counts must end with {', '.join(SUFFIXES)}"
        )


def _is_arrow(path: str) -> bool:
    """Return whether a path is that of a folder, or of a Parquet or Arrow file."""
    if os.path.isdir(path):
        return True
    with open(path, "rb") as file:
        return file.read(6).startswith(_BEGINS)
