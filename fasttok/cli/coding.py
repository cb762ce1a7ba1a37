"""Commands that use a tokenizer: ``fasttok encode``, ``decode``, ``inspect`` and ``show``."""

from __future__ import annotations

import sys
from typing import Any

import click

import fasttok as ft
from fasttok.cli.common import (
    Command,
    add_current_folder,
    allow_import_option,
    coloured,
    corpus_options,
    open_corpus,
    print_counts,
    tokenizer_option,
)
from fasttok.display.colours import ColouredTokens, visible

SLICE = 1 << 16  # number of ids that are formatted as text at once


@click.command(cls=Command)
@tokenizer_option
@click.option("--special", type=click.Choice(["none", "all", "raise"]), default="none", show_default=True,
              help="Treatment of special tokens in the text: plain text (none), special tokens (all), or an "
              "error (raise).")  # fmt: skip
@click.option("--show", type=click.Choice(["ids", "pieces", "count"]), default="ids", show_default=True,
              help="Output per document: ids, visible pieces, or the number of tokens.")  # fmt: skip
@corpus_options
@allow_import_option
def encode(
    path: str,
    files: tuple[str, ...],
    document: str,
    field: str,
    workers: int | None,
    special: Any,
    show: str,
    allow_import: tuple[str, ...],
) -> None:
    """Encode text to ids.

    Prints one line per document: its ids, separated by spaces. FILES are text, .jsonl or .parquet files,
    folders, or quoted glob patterns. Without FILES, or for -, plain text is read from standard input.

    \b
    Examples:
      fasttok encode -t tok.json < a.txt > a.ids
      echo "Hello world" | fasttok encode -t tok.json --show pieces
      fasttok encode -t cl100k_base.tiktoken --show count novels/*.txt
    """
    tok = ft.load(path, allow_import=add_current_folder(allow_import))
    for row in tok.encode_files(open_corpus(files, document, field), special=special, workers=workers):
        if show == "count":
            click.echo(len(row))
        elif show == "ids":
            for start in range(0, len(row), SLICE):  # in slices, as text takes far more memory than ids
                click.echo(" ".join(map(str, row[start : start + SLICE].tolist())), nl=False)
                click.echo(" " if start + SLICE < len(row) else "", nl=False)
            click.echo()
        else:
            pieces = tuple(visible(tok.id_to_piece(i)) for i in row.tolist())
            click.echo(coloured(ColouredTokens(pieces)))


@click.command(cls=Command)
@tokenizer_option
@click.option("--document", type=click.Choice(["line"]), help="End every document with a newline.")
@click.argument("files", nargs=-1, type=click.File("r"))
@allow_import_option
def decode(path: str, document: str | None, files: tuple[Any, ...], allow_import: tuple[str, ...]) -> None:
    """Decode ids to text.

    Reads one line of ids per document, as `fasttok encode` prints it, from FILES or standard input, and
    prints the decoded text without separators between documents.

    \b
    Examples:
      fasttok decode -t tok.json a.ids > a.txt
      fasttok encode -t tok.json < a.txt | fasttok decode -t tok.json | cmp - a.txt
    """
    tok = ft.load(path, allow_import=add_current_folder(allow_import))
    for file in files or (sys.stdin,):
        for number, line in enumerate(file, 1):
            try:
                text = tok.decode_bytes([int(word) for word in line.split()])
            except ValueError:
                raise click.ClickException(
                    f"{file.name}:{number}: not a line of ids; expected integers separated by spaces"
                ) from None
            except IndexError as error:
                raise click.ClickException(f"{file.name}:{number}: {error}") from None
            sys.stdout.buffer.write(text + (b"\n" if document else b""))
    sys.stdout.buffer.flush()


@click.command(cls=Command)
@click.argument("path", type=click.Path())
@click.option("--text", help="Text to encode as an example.")
@click.option(
    "--top",
    default=10,
    type=click.IntRange(min=0),
    metavar="N",
    show_default=True,
    help="Number of pieces per list, or of pretokens, to print.",
)
@allow_import_option
def inspect(path: str, text: str | None, top: int, allow_import: tuple[str, ...]) -> None:
    """Print the contents of a tokenizer or of counts.

    PATH is a tokenizer file, or a .npz file that `fasttok count` saved.

    \b
    Examples:
      fasttok inspect tok.json --text "the newest"
      fasttok inspect books.npz --top 50
    """
    if path.endswith(".npz"):
        counts = ft.PretokenCounts.load(path)
        click.echo(counts)
        click.echo(f"recipe        {counts.recipe.to_json()}\nfingerprint   {counts.fingerprint()}")
        print_counts(counts, top)
        return
    tok = ft.load(path, allow_import=add_current_folder(allow_import))
    click.echo(tok)
    click.echo(f"lossless      {'yes' if tok.is_lossless else 'no'}")
    click.echo(f"model         {tok.model!r}")
    for token, i in tok.special_tokens.items():
        click.echo(f"special       {i} {token}")
    for key, value in tok.provenance.items():
        click.echo(f"{key:<13} {value}")
    _print_pieces(tok, top)
    if text is not None:
        ids = tok.encode(text, as_list=True)
        click.echo(f"\n{coloured(tok.show(text))}\n{' '.join(map(str, ids))}\n{len(ids)} tokens")


@click.command(cls=Command)
@click.argument("text")
@click.option(
    "--with", "paths", multiple=True, required=True, type=click.Path(), help="Tokenizer file; repeatable."
)
@allow_import_option
def show(text: str, paths: tuple[str, ...], allow_import: tuple[str, ...]) -> None:
    """Show the tokens of a text, one line per tokenizer.

    Each line contains the file, the number of tokens, and the tokens in alternating colours. If stdout shows
    no colours or NO_COLOR is set, | separates the tokens. A space is printed as ·, and a byte that is not
    part of a whole character as its number, such as <0xE6>. Unknown text is underlined; without colours, it
    is in ⟦ ⟧.

    \b
    Examples:
      fasttok show "unaffable naïve 東京" --with tok.json
      fasttok show "12345" --with bpe.json --with cl100k_base.tiktoken
    """
    packages = add_current_folder(allow_import)
    rows = [(path, ft.load(path, allow_import=packages).show(text)) for path in paths]
    width = max(map(len, paths))
    digits = max(len(str(len(tokens))) for _, tokens in rows)
    for path, tokens in rows:
        click.echo(f"{path:<{width}}  {len(tokens):>{digits}} tokens  {coloured(tokens)}")


def _print_pieces(tok: ft.Tokenizer, top: int) -> None:
    """Print some learned pieces: results of merges, or, if the model has none, pieces other than bytes."""
    pieces = tok.model.pieces.to_bytes()
    if hasattr(tok.model, "merge_ids"):
        learned = [pieces[i] for i in dict.fromkeys(tok.model.merge_ids.tolist())]
    else:
        byte_ids = getattr(tok.model, "byte_ids", None)
        of_bytes = set() if byte_ids is None else set(byte_ids.tolist())
        learned = [piece for i, piece in enumerate(pieces) if piece and i not in of_bytes]
    longest = sorted(learned, key=lambda piece: (-len(piece), piece))
    click.echo("first pieces  " + "  ".join(map(visible, learned[:top])))
    click.echo("last pieces   " + "  ".join(map(visible, learned[max(0, len(learned) - top) :])))
    click.echo("longest       " + "  ".join(map(visible, longest[:top])))
