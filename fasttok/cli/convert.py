"""Command ``fasttok convert``: write a tokenizer in another file format."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import click

from fasttok.cli.command import Command
from fasttok.cli.shared.inputs import open_tokenizer, say
from fasttok.cli.shared.options import opening_options, option
from fasttok.cli.shared.outputs import NO_FOLDER, STDOUT, check_output, saved

if TYPE_CHECKING:
    import fasttok as ft

# Formats that `save` can write.
WRITTEN = ("fasttok", "huggingface", "sentencepiece", "sentencepiece.vocab", "tiktoken", "gpt2", "vocab.txt")
SETTINGS = ("template", "padding", "truncation", "trim_offsets")


@click.command(cls=Command)
@click.argument("source", type=click.Path())
@click.argument("target", type=click.Path())
@option("--to", type=click.Choice(WRITTEN), required=True, help="Format to write.")
@option("--template", metavar="TEXT", help='Template to give to the tokenizer, such as "<s> $A </s>".')
@option(
    "--drop",
    type=click.Choice(SETTINGS),
    multiple=True,
    help="Setting to leave out, because the format cannot hold it. Repeatable.",
)
@opening_options
def convert(
    source: str,
    target: str,
    to: str,
    template: str | None,
    drop: tuple[str, ...],
    rank_encoding: str | None,
    pretokenizer: str | None,
    allow_import: tuple[str, ...],
) -> None:
    """Write a tokenizer in another file format.

    SOURCE is a tokenizer file or folder, or - for standard input. TARGET is the path of the file or, for
    gpt2, of the folder; - is standard output. For huggingface, it is a folder if it does not end with .json.
    A rank file whose content and name are not known needs --rank-encoding or --pretokenizer.

    \b
    Examples:
      fasttok convert tok.json tokenizer.json --to huggingface
      fasttok convert tok.json model --to huggingface
      fasttok convert spiece.model tok.json --to fasttok
      fasttok convert mine.tiktoken tok.json --pretokenizer gpt2 --to fasttok
      fasttok convert tok.json tok.tiktoken --to tiktoken --drop template
    """
    if template is not None and "template" in drop:
        raise click.UsageError("--template and --drop template cannot be combined")
    check_target(target, to)
    check_output(target, [source], folder=is_folder(target, to))
    tok = open_tokenizer(source, allow_import, rank_encoding=rank_encoding, pretokenizer=pretokenizer)
    if template is not None:
        tok = tok.with_template(template)
    for name in drop:
        tok = tok.with_settings(**{name: None})  # type: ignore[misc]
    save_tokenizer(tok, target, to)


def is_folder(output: str, to: str | None) -> bool:
    """Return whether a format writes a folder to this path."""
    if to == "huggingface":
        return output != STDOUT and not output.lower().endswith(".json")
    return to == "gpt2"


def check_target(output: str, to: str | None) -> None:
    """Raise an error if the name of the output does not suit the format; None is fasttok's own format.

    Raises
    ------
    click.ClickException
        If the name is usual for another format, or a folder is asked for on standard output.
    """
    from fasttok.formats.registry import check_name

    if output == STDOUT:
        if is_folder(output, to):
            raise click.UsageError(NO_FOLDER)
        return
    if to is None:
        try:
            check_name(output)
        except ValueError as error:
            why = re.sub(r'format="(\S+)"', r"--to \1", str(error).removeprefix(f"{output}: "))
            raise click.ClickException(f"cannot write {output}: {why}") from None


def save_tokenizer(tok: ft.Tokenizer, output: str, to: str | None, *, keep: bool = False) -> None:
    """Save a tokenizer; "-" is standard output.

    Parameters
    ----------
    tok : Tokenizer
        The tokenizer.
    output : str
        File or folder.
    to : str, optional
        Format; default: fasttok's own.
    keep : bool
        Whether to save it in fasttok's own format if the other format cannot hold it, because it was just
        trained.
    """
    from fasttok.core.errors import ModelExportError

    try:
        with saved(output, ".json") as path:
            tok.save(path, format=to or "fasttok")
        if to == "tiktoken":
            say(_missing_in_rank_file(tok, output))
    except ModelExportError as error:
        if not keep or output == STDOUT:
            raise
        rescued = f"{output.rstrip(os.sep)}.fasttok.json"
        tok.save(rescued, format="fasttok")
        say(f"Saved the tokenizer in fasttok's own format instead: {rescued}")
        raise click.ClickException(f"{output}: {error}") from error


def _missing_in_rank_file(tok: ft.Tokenizer, output: str) -> str:
    """Return a remark on what a rank file does not hold."""
    from fasttok.counts.recipe import short_name

    tokens = ", ".join(f"{token} (id {i})" for token, i in tok.special_tokens.items())
    return (
        f"{output} holds no pretokenizer and no special tokens, as every rank file. To open it, pass the "
        f"pretokenizer {short_name(tok.pretokenizer.config())!r}"
        + (f", and in Python the special tokens: {tokens}" if tokens else "")
    )
