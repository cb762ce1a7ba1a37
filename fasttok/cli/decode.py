"""Command ``fasttok decode``: decode ids to text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from numpy.typing import NDArray

from fasttok.cli.command import Command
from fasttok.cli.shared.ids import IdsError, Part, read_ids
from fasttok.cli.shared.inputs import STDIN, binary_stdin, check_stdin, expand, open_tokenizer
from fasttok.cli.shared.options import DTYPES, opening_options, option, output_option, tokenizer_option
from fasttok.cli.shared.outputs import check_output, opened
from fasttok.decoders.streaming import DecodingStream

if TYPE_CHECKING:
    import fasttok as ft


@click.command(cls=Command)
@tokenizer_option
@output_option("File to write", default="-")
@option(
    "--document",
    type=click.Choice(["whole", "line"]),
    default="whole",
    help="line: end every document with a line end.",
)
@option("--skip-special-tokens", is_flag=True, help="Leave out special tokens, including the unknown token.")
@option("--no-clean-up", is_flag=True, help="Keep the spaces before punctuation that WordPiece inserts.")
@option(
    "--dtype", type=click.Choice(DTYPES), help="FILES are raw little-endian integers of this type, not text."
)
@option(
    "--offsets",
    metavar="FILE.npy",
    type=click.Path(),
    help="Borders of the documents of a binary file, as `fasttok encode --offsets` writes them.",
)
@opening_options
@click.argument("files", nargs=-1, type=click.Path())
def decode(
    path: str,
    files: tuple[str, ...],
    output: str,
    document: str,
    skip_special_tokens: bool,
    no_clean_up: bool,
    dtype: str | None,
    offsets: str | None,
    rank_encoding: str | None,
    pretokenizer: str | None,
    allow_import: tuple[str, ...],
) -> None:
    """Decode ids to text.

    FILES are files of ids, or quoted glob patterns, as `fasttok encode` writes them: text with one line of
    ids per document, .npy files, or raw integers (--dtype). - is standard input, and the default. Prints the
    text without separators between documents. Ids are decoded as they arrive, in bounded memory.

    \b
    Examples:
      fasttok decode -t tok.json a.ids > a.txt
      fasttok encode -t tok.json < a.txt | fasttok decode -t tok.json | cmp - a.txt
      fasttok decode -t tok.json books.bin --dtype uint16 --offsets books.npy --document line
    """
    files = tuple(file for name in files or (STDIN,) for file in expand(name))
    check_stdin([path, *files])
    if offsets is not None and len(files) > 1:
        raise click.UsageError("--offsets belong to one file, but several files are given")
    check_output(output, [path, *files, *([offsets] if offsets else [])])
    tok = open_tokenizer(path, allow_import, rank_encoding=rank_encoding, pretokenizer=pretokenizer)
    borders = None if offsets is None else _read_offsets(offsets)
    stream = DecodingStream(tok.text_decoder(not no_clean_up), skip_special_tokens)
    line_end = b"\n" if document == "line" else b""
    with opened(output) as target:
        for name in files:
            with _open_ids(name) as (file, shown):
                for part in read_ids(file, shown, dtype, borders):
                    target.write(_decode_part(tok, stream, part))
                    if part.ends_document:
                        target.write(stream.finish() + line_end)
                    if part.is_last:
                        target.flush()


@contextmanager
def _open_ids(name: str) -> Iterator[tuple[Any, str]]:
    """Open a file of ids; yield it and its name for error messages."""
    if name == STDIN:
        yield binary_stdin(), "<stdin>"
        return
    with open(name, "rb") as file:
        yield file, click.format_filename(name)


def _read_offsets(name: str) -> NDArray[np.int64]:
    """Return the borders of the documents in a .npy file.

    Raises
    ------
    IdsError
        If it is not an ascending row of integers that starts with 0.
    """
    with open(name, "rb") as file:
        parts = [part.ids for part in read_ids(file, name, None, None)]
    found = np.concatenate([np.empty(0, np.int64), *parts])
    if not len(found) or found[0] != 0 or (np.diff(found) < 0).any():
        raise IdsError(f"{name}: not the borders of documents, which ascend from 0")
    return found


def _decode_part(tok: ft.Tokenizer, stream: DecodingStream, part: Part) -> bytes:
    """Return the text of the next ids; an error says where they are."""
    try:
        return stream.push(part.ids)
    except IndexError:
        for i, number in enumerate(part.ids.tolist(), part.start):
            try:
                tok.id_to_piece(number)
            except IndexError:
                why = (
                    "is not in use"
                    if 0 <= number < tok.vocab_size
                    else f"is outside the vocabulary of {tok.vocab_size} ids"
                )
                raise IdsError(f"{part.place}: id {number} at position {i} {why}") from None
        raise
