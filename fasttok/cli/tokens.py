"""Commands for stores of ids: ``fasttok tokens info``, ``verify``, ``pack``, ``export`` and ``import``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from fasttok.cli.command import Command, Group
from fasttok.cli.shared.inputs import open_tokenizer, say
from fasttok.cli.shared.options import Decorator, json_option, opening_options, option, quiet_option
from fasttok.cli.shared.outputs import print_json
from fasttok.core.errors import TokenStoreError

if TYPE_CHECKING:
    import fasttok as ft

# Formats that can be exported and imported.
FORMATS = (
    "nanogpt",
    "build-nanogpt",
    "llmc",
    "megatron",
    "datatrove",
    "olmo",
    "litdata",
    "mds",
    "parquet",
    "arrow",
)
PACKING = ("best_fit", "concatenate", "bos_best_fit")


def new_store_option(what: str, **settings: Any) -> Decorator:
    """Return the option -o for a new store."""
    return option("-o", "--output", type=click.Path(), help=what, **settings)


@click.group(cls=Group)
def tokens() -> None:
    """Look at, check, pack, export and import stores of ids.

    A store is the folder that `fasttok encode -o NAME.tokens` writes.

    \b
    Examples:
      fasttok tokens info train.tokens
      fasttok tokens verify train.tokens && fasttok tokens export train.tokens -o train.bin --to nanogpt
      fasttok tokens pack train.tokens --context 2048
      fasttok tokens import train.bin -o train.tokens --from nanogpt --vocab-size 50257 --separator-id 50256
    """


@tokens.command(cls=Command)
@json_option
@click.argument("stores", nargs=-1, required=True, type=click.Path())
def info(stores: tuple[str, ...], as_json: bool) -> None:
    """Print the description of stores.

    --json prints one line per store: an object with the keys path, ids, documents, vocab_size, dtype, bytes
    (of all files), source_bytes (of the text), bytes_per_token, separator_id, tokenizer and corpus
    (fingerprints), and files (SHA-256 by name). A value that is not known is null.

    \b
    Examples:
      fasttok tokens info train.tokens
      fasttok tokens info *.tokens --json | jq .ids
    """
    import fasttok as ft

    for i, path in enumerate(stores):
        found = _describe(ft.TokenStore.open(path))
        if as_json:
            print_json(found)
        else:
            click.echo("\n" * (i > 0) + _format(found))


def _describe(store: ft.TokenStore) -> dict[str, Any]:
    """Return the description of a store as JSON."""
    return {
        "path": store.path,
        "ids": store.n_ids,
        "documents": store.n_documents,
        "vocab_size": store.vocab_size,
        "dtype": store.dtype.name,
        "bytes": sum(file.bytes for file in store.files.values()),
        "source_bytes": store.source_bytes,
        "bytes_per_token": store.bytes_per_token,
        "separator_id": store.separator_id,
        "tokenizer": store.tokenizer_fingerprint,
        "corpus": store.corpus_fingerprint,
        "files": {name: file.sha256 for name, file in store.files.items()},
    }


def _format(found: dict[str, Any]) -> str:
    """Return the description of a store as text."""
    lines = [
        f"{found['path']}: {found['ids']:,} ids of {_documents(found['documents'])}",
        f"vocabulary      {found['vocab_size']:,} ids, stored as {found['dtype']}",
        f"files           {len(found['files']):,}, {found['bytes']:,} bytes",
    ]
    if found["source_bytes"] is not None:
        lines.append(f"text            {found['source_bytes']:,} bytes")
    if found["bytes_per_token"] is not None:
        lines.append(f"bytes per token {found['bytes_per_token']:.4f}")
    lines.append(f"separator       {'none' if found['separator_id'] is None else found['separator_id']}")
    lines += [f"{name:<15} {found[name]}" for name in ("tokenizer", "corpus") if found[name] is not None]
    return "\n".join(lines)


def _documents(n: int) -> str:
    return f"{n:,} document{'s' * (n != 1)}"


@tokens.command(cls=Command)
@option("--with", "with_path", type=click.Path(), help="Tokenizer that must have encoded the stores.")
@opening_options
@quiet_option
@click.argument("stores", nargs=-1, required=True, type=click.Path())
def verify(
    stores: tuple[str, ...],
    with_path: str | None,
    rank_encoding: str | None,
    pretokenizer: str | None,
    allow_import: tuple[str, ...],
    quiet: bool,
) -> None:
    """Check the contents of stores.

    All files are read and compared with their hashes; all ids must be in the vocabulary, and all borders of
    documents in order. The exit status is 1 if a store is damaged; the others are still checked.

    \b
    Examples:
      fasttok tokens verify train.tokens val.tokens
      fasttok tokens verify train.tokens --with tok.json
    """
    import fasttok as ft

    tok = None
    if with_path is not None:
        tok = open_tokenizer(with_path, allow_import, rank_encoding=rank_encoding, pretokenizer=pretokenizer)
    errors: list[TokenStoreError | OSError] = []
    for path in stores:
        try:
            store = ft.TokenStore.open(path, tok)
            store.verify()
        except (TokenStoreError, OSError) as error:
            errors.append(error)
            if len(stores) > 1:
                say(str(error), "error")
        else:
            if not quiet:
                click.echo(f"{path}: ok, {store.n_ids:,} ids of {_documents(store.n_documents)}")
    if len(stores) == 1 and errors:
        raise errors[0]
    if errors:
        raise click.ClickException(f"{len(errors)} of {len(stores)} stores are not as they were written")


@tokens.command(cls=Command)
@new_store_option("Store to write, in which each row is a document. Without it, only the report is printed.")
@option(
    "--context", type=click.IntRange(min=1), default=2048, metavar="N", help="Ids that a model reads at once."
)
@option(
    "--method",
    type=click.Choice(PACKING),
    default="best_fit",
    help="best_fit cuts documents that are longer than a row, concatenate cuts anywhere; bos_best_fit begins "
    "every row with a document and drops ids that do not fit.",
)
@option(
    "--bos-id",
    type=click.IntRange(min=0),
    metavar="ID",
    help="Id at the beginning of each document, for bos_best_fit.  [default: the separator of the store]",
)
@option(
    "--pad-id", type=click.IntRange(min=0), default=0, metavar="ID", help="Id that fills the space of rows."
)
@option("--keep-last", is_flag=True, help="Keep the last row if it is not full, with padding.")
@json_option
@click.argument("store", type=click.Path())
def pack(
    store: str,
    output: str | None,
    context: int,
    method: str,
    bos_id: int | None,
    pad_id: int,
    keep_last: bool,
    as_json: bool,
) -> None:
    """Pack the documents of a store into rows of one length.

    Prints how many rows there are, which share of their space has ids, which share of the ids is lost, and
    how many documents are not in one row as a whole. The rows of concatenate and best_fit have as many ids as
    the context; those of bos_best_fit have one more.

    --json prints one object with the keys method, context, row_length, rows, ids, utilization and cropped
    (shares), and cut (documents).

    \b
    Examples:
      fasttok tokens pack train.tokens --context 2048
      fasttok tokens pack train.tokens --method bos_best_fit -o rows.tokens
    """
    import fasttok as ft

    opened = ft.TokenStore.open(store)
    packed = ft.tokens.pack(opened, context, method, bos_id=bos_id, pad_id=pad_id, keep_last=keep_last)
    if output is not None:
        packed.save(output)
    found = {
        "method": method,
        "context": context,
        "row_length": packed.row_length,
        "rows": len(packed),
        "ids": packed.n_ids,
        "utilization": packed.utilization,
        "cropped": packed.cropped,
        "cut": packed.n_cut,
    }
    if as_json:
        print_json(found)
    else:
        click.echo(
            f"{len(packed):,} rows of {packed.row_length:,} ids: {packed.utilization:.2%} used, "
            f"{packed.cropped:.2%} of the ids cropped, {packed.n_cut:,} of {_documents(len(opened))} cut"
            + (f"; saved in {output}" if output is not None else "")
        )


def _read_options(values: tuple[str, ...]) -> dict[str, Any]:
    """Return the values of --option: numbers if they are JSON numbers, otherwise texts."""
    found: dict[str, Any] = {}
    for value in values:
        name, equals, text = value.partition("=")
        name = name.replace("-", "_")
        if not equals or not name.isidentifier():
            raise click.UsageError(f"--option {value}: write it as NAME=VALUE, such as seed=7")
        if name in found:
            raise click.UsageError(f"--option {name} is given twice")
        try:
            number = json.loads(text)
        except (ValueError, RecursionError):
            number = None
        found[name] = number if type(number) in (int, float) else text
    return found


@contextmanager
def _naming_options(options: tuple[str, ...]) -> Iterator[None]:
    """Turn an error about the name or type of a value of --option into one of usage."""
    try:
        yield
    except TypeError as error:
        if not options:
            raise
        raise click.UsageError(f"--option: {error}") from error


format_option = option(
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="Option of the format, such as held_out=0.1; see the reference page on token files. Repeatable.",
)


@tokens.command(cls=Command)
@new_store_option("File or folder to write, depending on the format.", required=True)
@option("--to", type=click.Choice(FORMATS), required=True, help="Format to write.")
@format_option
@quiet_option
@click.argument("store", type=click.Path())
def export(store: str, output: str, to: str, options: tuple[str, ...], quiet: bool) -> None:
    """Write the ids of a store for another project.

    \b
    Examples:
      fasttok tokens export train.tokens -o train.bin --to nanogpt
      fasttok tokens export train.tokens -o data --to nanogpt --option held_out=0.0005 --option seed=2357
      fasttok tokens export train.tokens -o train --to megatron
    """
    import fasttok as ft

    values = _read_options(options)
    with _naming_options(options):
        written = ft.TokenStore.open(store).export(output, format=to, **values)
    if not quiet:
        for path in written:
            click.echo(os.fspath(path))


@tokens.command("import", cls=Command)
@new_store_option("Store to write.", required=True)
@option("--from", "source_format", type=click.Choice(FORMATS), required=True, help="Format of the files.")
@option(
    "--vocab-size",
    type=click.IntRange(min=1),
    metavar="N",
    help="Size of the vocabulary.  [default: that of the tokenizer given by --with]",
)
@option(
    "--separator-id",
    type=click.IntRange(min=0),
    metavar="ID",
    help="Id between documents, at which files without borders of documents are split.",
)
@option(
    "--with",
    "with_path",
    type=click.Path(),
    help="Tokenizer that has made the ids; its fingerprint is stored.",
)
@opening_options
@format_option
@quiet_option
@click.argument("files", nargs=-1, required=True, type=click.Path())
def import_(
    files: tuple[str, ...],
    output: str,
    source_format: str,
    vocab_size: int | None,
    separator_id: int | None,
    with_path: str | None,
    rank_encoding: str | None,
    pretokenizer: str | None,
    allow_import: tuple[str, ...],
    options: tuple[str, ...],
    quiet: bool,
) -> None:
    """Make a store of files of ids that another project has written.

    FILES are files or folders of one format, whose ids follow each other.

    \b
    Examples:
      fasttok tokens import train.bin -o train.tokens --from nanogpt --vocab-size 50257 --separator-id 50256
      fasttok tokens import ids.parquet -o train.tokens --from parquet --vocab-size 32000
    """
    import fasttok as ft

    fingerprint = None
    if with_path is None and vocab_size is None:
        raise click.UsageError("the size of the vocabulary is not in the files; pass --vocab-size or --with")
    if with_path is not None:
        tok = open_tokenizer(with_path, allow_import, rank_encoding=rank_encoding, pretokenizer=pretokenizer)
        if vocab_size not in (None, tok.vocab_size):
            raise click.UsageError(f"--vocab-size is {vocab_size}, but {with_path} has {tok.vocab_size} ids")
        fingerprint, vocab_size = tok.fingerprint(), tok.vocab_size
    values = _read_options(options)
    with _naming_options(options):
        store = ft.tokens.import_store(
            list(files) if len(files) > 1 else files[0],
            output,
            format=source_format,
            vocab_size=vocab_size,
            separator_id=separator_id,
            tokenizer_fingerprint=fingerprint,
            **values,
        )
    if not quiet:
        say(f"{output}: {store.n_ids:,} ids of {_documents(store.n_documents)}")
