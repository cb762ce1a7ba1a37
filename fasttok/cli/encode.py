"""Command ``fasttok encode``: encode text to ids."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing, nullcontext
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from fasttok.cli.command import Command
from fasttok.cli.shared.inputs import STDIN, check_stdin, open_corpus, open_tokenizer, say
from fasttok.cli.shared.options import (
    DTYPES,
    files_argument,
    opening_options,
    option,
    progress_options,
    reading_options,
    special_options,
    template_options,
    tokenizer_option,
    workers_option,
)
from fasttok.cli.shared.outputs import STDOUT, check_output, is_seekable, opened, refuse_terminal
from fasttok.cli.shared.progress import show_progress

if TYPE_CHECKING:
    import fasttok as ft


@click.command(cls=Command)
@tokenizer_option
@option(
    "-o",
    "--output",
    type=click.Path(),
    default=STDOUT,
    help="File to write; - is standard output. A name that ends with .npy gives a NumPy file, and one that "
    "ends with .tokens a store.",
)
@option(
    "--dtype",
    type=click.Choice(DTYPES),
    help="Write integers of this type, little-endian, instead of text.  [default for .npy: uint32]",
)
@option(
    "--offsets",
    metavar="FILE.npy",
    type=click.Path(),
    help="File for the borders of the documents in binary output: document i is ids[o[i]:o[i + 1]].",
)
@option(
    "--show",
    type=click.Choice(["ids", "pieces", "count"]),
    default="ids",
    help="Output per document: ids, pieces in readable form, or the number of tokens.",
)
@option("--json", "as_json", is_flag=True, help="Print each document as one line of JSON.")
@special_options
@template_options
@option("--dropout", type=float, metavar="P", help="Probability of skipping a merge (BPE-dropout; bpe).")
@option(
    "--sampling",
    type=float,
    metavar="ALPHA",
    help="Sample segmentations; a smaller value gives more varied ones (unigram).",
)
@option("--seed", type=int, default=0, metavar="N", help="Seed of --dropout and --sampling.")
@option("--epoch", type=int, default=0, metavar="N", help="Epoch of --dropout and --sampling.")
@option(
    "--separator-token",
    metavar="TOKEN",
    help="Added token to put after each document in a store, such as <|endoftext|>.",
)
@option(
    "--shard-size",
    type=click.IntRange(min=1),
    metavar="N",
    help="Ids per file of a store, a multiple of 65,536.  [default: 268435456]",
)
@opening_options
@reading_options
@workers_option
@progress_options
@files_argument
def encode(
    path: str,
    files: tuple[str, ...],
    output: str,
    dtype: str | None,
    offsets: str | None,
    show: str,
    as_json: bool,
    special: Any,
    allow_special: tuple[str, ...],
    add_special_tokens: bool,
    template: str | None,
    dropout: float | None,
    sampling: float | None,
    seed: int,
    epoch: int,
    separator_token: str | None,
    shard_size: int | None,
    rank_encoding: str | None,
    pretokenizer: str | None,
    allow_import: tuple[str, ...],
    workers: int | None,
    progress: str,
    quiet: bool,
    **reading: Any,
) -> None:
    """Encode text to ids.

    Prints one line per document: its ids, separated by spaces. Text is encoded as it arrives, in bounded
    memory, and ids are printed at once.

    FILES are files, folders, or quoted glob patterns; - is standard input, and the default.

    Binary files (.npy, --dtype) contain the ids of all documents one after the other. --offsets keeps the
    borders of the documents; --template "$A <|endoftext|>" ends each document with a token.

    --show pieces separates pieces by | and writes a space as ·, a byte that is not part of a whole character
    as <0xE6>, and other signs as escapes of Python: \\n is a line end, \\\\ a backslash, \\x7c is | and \\xb7
    is · itself. So different pieces are always written differently.

    A store (-o NAME.tokens) is a folder with the ids of any number of documents and their borders, which
    `fasttok tokens` and ft.TokenStore open. It must not exist yet. Until it is complete, its name ends with
    .partial; after an interruption, the same command goes on where it stopped, and gives the same bytes.

    \b
    Examples:
      fasttok encode -t tok.json < a.txt > a.ids
      fasttok encode books/ --with tok.json -o train.tokens --separator-token '<|endoftext|>'
      fasttok encode -t tok.json books/ --dtype uint16 -o books.bin --offsets books.npy
      tail -f log | fasttok encode -t tok.json --document line --show count
      fasttok encode -t cl100k_base.tiktoken --show pieces novels/*.txt
    """
    is_npy = output.lower().endswith(".npy") and output != STDOUT
    is_store = output.lower().rstrip(os.sep).endswith(".tokens")
    is_binary = is_npy or dtype is not None
    _check_options_of_stores(is_store)
    if is_store:
        pass
    elif is_binary:
        _check_binary(output, is_npy, offsets, has_ids=show == "ids" and not as_json)
    elif offsets is not None:
        raise click.UsageError("--offsets is for binary output; text has one line per document")
    elif output.lower().endswith(".bin"):
        raise click.UsageError(f"{output}: pass --dtype uint16 or --dtype uint32 for a binary file")
    check_stdin([path, *(files or [STDIN])])
    corpus = open_corpus(files, quiet=quiet, **reading)
    for target in (output, offsets):
        if target is not None:
            check_output(target, [path, *corpus.files], folder=is_store)
    tok = open_tokenizer(path, allow_import, rank_encoding=rank_encoding, pretokenizer=pretokenizer)
    if is_store:
        special = check_special(tok, special, allow_special)
        if template is not None:
            tok = tok.with_template(template)
        with show_progress(progress, quiet) as shown:
            store = tok.encode_corpus(
                corpus,
                output,
                separator=separator_token,
                add_special_tokens=add_special_tokens or template is not None,
                special=special,
                workers=workers,
                progress=shown,
                **({} if shard_size is None else {"shard_size": shard_size}),
            )
        if not quiet:
            n = store.n_documents
            say(f"{output}: {store.n_ids:,} ids of {n:,} document{'s' * (n != 1)}")
        return
    parts = encode_parts(
        tok,
        corpus,
        special=special,
        allow_special=allow_special,
        add_special_tokens=add_special_tokens,
        template=template,
        sampling=_sampler(dropout, sampling, seed, epoch),
        workers=workers,
    )
    with closing(parts):
        if is_binary:
            _write_binary(parts, tok, output, dtype or "uint32", is_npy, offsets, quiet)
        else:
            _write_text(parts, tok, output, show, as_json)


# Options that have no effect on stores, and those that have an effect on nothing else.
NOT_FOR_STORES = ("dtype", "offsets", "show", "as_json", "dropout", "sampling", "seed", "epoch")
FOR_STORES = ("separator_token", "shard_size", "progress")


def _check_options_of_stores(is_store: bool) -> None:
    """Raise an error if an option is given that the kind of output does not have."""
    context = click.get_current_context()
    for one in context.command.params:
        name = one.name or ""
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        flag = max(one.opts, key=len)
        if is_store and name in NOT_FOR_STORES:
            raise click.UsageError(f"{flag} cannot be combined with a store (-o NAME.tokens)")
        if not is_store and name in FOR_STORES:
            raise click.UsageError(f"{flag} is for stores; name one with -o NAME.tokens")


def _check_binary(output: str, is_npy: bool, offsets: str | None, has_ids: bool) -> None:
    """Raise an error if binary output is not possible, or something else than ids is asked for."""
    if not has_ids:
        raise click.UsageError("binary output contains ids only; --show and --json are for text")
    if offsets is not None and os.path.realpath(offsets) == os.path.realpath(output):
        raise click.UsageError("-o and --offsets name the same file")
    if offsets is not None and not is_seekable(offsets):
        raise click.UsageError(
            f"--offsets {offsets}: not a regular file; a .npy file begins with its length; name another file"
        )
    if is_npy and not is_seekable(output):
        raise click.UsageError(
            f"{output}: not a regular file; a .npy file begins with its length; use --dtype"
        )
    if output == STDOUT:
        refuse_terminal("binary output")


def encode_parts(
    tok: ft.Tokenizer,
    corpus: ft.Corpus,
    *,
    special: Any,
    allow_special: tuple[str, ...],
    add_special_tokens: bool,
    template: str | None,
    workers: int | None,
    **options: Any,
) -> Any:
    """Return the stream of encoded parts of a corpus, for the values of the shared options."""
    special = check_special(tok, special, allow_special)
    if template is not None:
        tok = tok.with_template(template)
    return tok.encode_stream(
        corpus,
        add_special_tokens=add_special_tokens or template is not None,
        special=special,
        workers=workers,
        **options,
    )


def check_special(tok: ft.Tokenizer, special: Any, allow_special: tuple[str, ...]) -> Any:
    """Return the special tokens to find in the text, for the values of the shared options."""
    if not allow_special:
        return special
    if special != "none":
        raise click.UsageError("--allow-special and --special cannot be combined")
    for token in allow_special:
        if token not in tok.special_tokens:
            raise click.UsageError(f"--allow-special: {token!r} is not a special token of the tokenizer")
    return set(allow_special)


def _sampler(dropout: float | None, alpha: float | None, seed: int, epoch: int) -> Any:
    import fasttok as ft

    if dropout is not None and alpha is not None:
        raise click.UsageError("--dropout and --sampling cannot be combined")
    if dropout is not None:
        return ft.Dropout(dropout, seed, epoch)
    if alpha is not None:
        return ft.Sampling(alpha, seed, epoch)
    if seed or epoch:
        raise click.UsageError("--seed and --epoch have no effect without --dropout or --sampling")
    return None


def _write_text(parts: Any, tok: ft.Tokenizer, output: str, show: str, as_json: bool) -> None:
    """Write one line per document."""
    from fasttok.cli.shared.ids import LineWriter

    begin, end = ("[", "]\n") if as_json else ("", "\n")
    separator = ", " if as_json else "|" if show == "pieces" else " "
    to_texts = _find_texts if show == "ids" else _make_pieces(tok, as_json)
    with opened(output) as file:
        writer = LineWriter(file.write, to_texts, separator, begin, end)
        n = 0  # number of ids of the current document
        for part in parts:
            ends = part.ids.offsets[1:]
            ends = ends[:-1] if part.continues else ends
            if show == "count":
                n = _write_counts(file, part, n)
            else:
                writer.add(part.ids.values, ends)
            file.flush()


def _write_counts(file: Any, part: Any, n: int) -> int:
    """Write the number of ids of each document that ends in a part.

    Parameters
    ----------
    file : binary file
        File to write.
    part : EncodedPart
        The part.
    n : int
        Number of ids of its first document in earlier parts.

    Returns
    -------
    int
        Number of ids so far of the document that continues, or 0.
    """
    lengths = part.ids.lengths.tolist()
    lengths[0] += n
    rest = lengths.pop() if part.continues else 0
    file.write("".join(f"{length}\n" for length in lengths).encode())
    return rest


def _find_texts(ids: list[int]) -> list[str]:
    return list(map(str, ids))


def _write_binary(
    parts: Any, tok: ft.Tokenizer, output: str, dtype: str, is_npy: bool, offsets: str | None, quiet: bool
) -> None:
    """Write the ids of all documents one after the other, and their borders to another file."""
    import numpy as np

    from fasttok.cli.shared.ids import NpyWriter, check_fits

    check_fits(dtype, tok.vocab_size)
    stored = np.dtype(dtype).newbyteorder("<")
    n_ids = n_documents = 0
    with opened(output) as file, nullcontext() if offsets is None else opened(offsets) as side:
        writer = NpyWriter(file, dtype) if is_npy else None
        borders = None if side is None else NpyWriter(side, "int64")
        if borders is not None:
            borders.write(np.zeros(1, np.int64))
        for part in parts:
            values = part.ids.values
            if writer is not None:
                writer.write(values)
            else:
                file.write(values.astype(stored).tobytes())
                file.flush()
            ends = part.ids.offsets[1:] + n_ids
            ends = ends[:-1] if part.continues else ends
            if borders is not None:
                borders.write(ends)
            n_ids += len(values)
            n_documents += len(ends)
        for one in (writer, borders):
            if one is not None:
                one.finish()
    if not quiet:
        borders_kept = n_documents == 1 or offsets is not None
        name = "standard output" if output == STDOUT else output
        say(
            f"{name}: {n_ids:,} ids of {n_documents:,} document{'s' * (n_documents != 1)}"
            + ("" if borders_kept else ", without borders between the documents; --offsets would keep them")
        )


def _make_pieces(tok: ft.Tokenizer, as_json: bool) -> Callable[[list[int]], list[str]]:
    """Return a function that returns the pieces of ids in readable form; each is made only once."""
    import json

    from fasttok.display.colours import label

    class Table(dict[int, str]):
        def __missing__(self, i: int) -> str:
            shown = label(tok, i)
            self[i] = json.dumps(shown) if as_json else shown.replace("|", r"\x7c")
            return self[i]

    find = Table().__getitem__
    return lambda ids: list(map(find, ids))
