"""Command ``fasttok count``: count the tokens of texts."""

from __future__ import annotations

from contextlib import closing
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

    --json prints one object: {"tokenizers": [FILE, ...], "files": [{"file": FILE, "documents": N, "tokens":
    [N, ...]}, ...], "total": {"documents": N, "tokens": [N, ...]}}, with one number per tokenizer.

    \b
    Examples:
      fasttok count README.md docs/ --with tok.json
      cat *.py | fasttok count --with cl100k_base.tiktoken --with tok.json
      fasttok count books/ --with tok.json --json | jq '.total.tokens[0]'
    """
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
    write_text(output, _to_json(paths, rows, total) if as_json else _to_table(paths, rows, total))


Row = tuple[str, int, list[int]]  # file, number of documents, number of tokens by tokenizer


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


def _to_json(paths: tuple[str, ...], rows: list[Row], total: list[int]) -> str:
    import json

    return (
        json.dumps(
            {
                "tokenizers": list(paths),
                "files": [
                    {"file": _shown(name), "documents": n, "tokens": tokens} for name, n, tokens in rows
                ],
                "total": {"documents": sum(n for _, n, _ in rows), "tokens": total},
            }
        )
        + "\n"
    )


def _to_table(paths: tuple[str, ...], rows: list[Row], total: list[int]) -> str:
    """Return the lines of a table, as `wc` prints it."""
    lines = [([str(n) for n in tokens], _shown(name)) for name, _, tokens in rows]
    if len(rows) > 1:
        lines.append(([str(n) for n in total], "total"))
    if len(paths) > 1:
        lines.insert(0, (list(paths), "file"))
    widths = [max(map(len, column)) for column in zip(*(cells for cells, _ in lines), strict=True)]
    return "".join(
        "  ".join([*(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)), name]) + "\n"
        for cells, name in lines
    )
