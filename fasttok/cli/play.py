"""Command ``fasttok play``: a page that shows tokens while you type."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from fasttok.cli.command import Command
from fasttok.cli.shared.inputs import check_stdin, open_tokenizers, say
from fasttok.cli.shared.options import opening_options, option
from fasttok.cli.shared.outputs import check_output, write_text
from fasttok.cli.shared.streams import flush_stdout

if TYPE_CHECKING:
    import fasttok as ft

LANGUAGES = ("deu", "eng", "fra", "spa")  # of the sample that the tokenizers of the page learn from


@click.command(cls=Command)
@option(
    "-t",
    "--tokenizer",
    "--with",
    "paths",
    multiple=True,
    type=click.Path(),
    help="Tokenizer file, folder of a model, or - for standard input. Repeatable.  [default: three small "
    "tokenizers, trained now]",
)
@option("--port", type=click.IntRange(0, 65535), metavar="N", help="Port of the page.  [default: a free one]")
@option("--no-browser", is_flag=True, help="Print the address of the page, but do not open it.")
@option(
    "--static",
    "output",
    type=click.Path(),
    metavar="FILE",
    help="Write the page to one file that needs no server, and end; - is standard output.",
)
@opening_options
def play(
    paths: tuple[str, ...],
    port: int | None,
    no_browser: bool,
    output: str | None,
    rank_encoding: str | None,
    pretokenizer: str | None,
    allow_import: tuple[str, ...],
) -> None:
    """Show tokens while you type, on a page in the browser.

    The page shows the tokens of several tokenizers side by side, with ids, bytes, counts, costs and shares of
    a context. Only this computer can open it, and it makes no requests outside. The address is printed on
    standard output. Ctrl-C ends the command.

    --static writes a page that contains the tokenizers and encodes in the browser, with the ids of fasttok.
    A tokenizer whose ids it cannot reproduce exactly is refused.

    \b
    Examples:
      fasttok play
      fasttok play --with tok.json --with cl100k_base.tiktoken
      fasttok play --with tok.json --port 8000 --no-browser
      fasttok play --with tok.json --static tok.html
    """
    if output is not None and (port is not None or no_browser):
        raise click.UsageError("--static needs no server: leave out --port and --no-browser")
    check_stdin(paths)
    check_output(output, paths)
    opening = {"rank_encoding": rank_encoding, "pretokenizer": pretokenizer}
    if paths:
        opened = open_tokenizers(paths, allow_import, **opening)
        tokenizers = dict(zip(_names(paths), opened, strict=True))
    elif rank_encoding is not None or pretokenizer is not None:
        raise click.UsageError("--rank-encoding and --pretokenizer are for tiktoken rank files; add --with")
    else:
        say(f"Training three small tokenizers on {len(LANGUAGES)} languages; name others with --with")
        tokenizers = _train()
    if output is not None:
        from fasttok.display.play.page import static_page

        write_text(output, static_page(tokenizers))
    else:
        _serve(tokenizers, port or 0, not no_browser)


def _names(paths: tuple[str, ...]) -> list[str]:
    """Return a different name for each tokenizer: its path, with a number if it is given again."""
    names: list[str] = []
    for path in paths:
        name, n = path, 1
        while name in names:
            n += 1
            name = f"{path} ({n})"
        names.append(name)
    return names


def _train() -> dict[str, ft.Tokenizer]:
    """Return a small tokenizer of each subword algorithm."""
    import fasttok as ft

    sample = ft.parallel_sample()
    counts = ft.count_pretokens(ft.Corpus.from_files([sample[language] for language in LANGUAGES]))
    return {
        "BPE": ft.train(counts, "bpe", vocab_size=1000),
        "WordPiece": ft.train(counts, "wordpiece", vocab_size=1000, unk="[UNK]"),
        "Unigram": ft.train(counts, "unigram", vocab_size=1000, byte_fallback=True),
    }


def _serve(tokenizers: dict[str, ft.Tokenizer], port: int, opens_browser: bool) -> None:
    """Serve the page until a signal ends the command."""
    from fasttok.display.play.server import PlayServer

    try:
        server = PlayServer(tokenizers, port)
    except OSError as error:
        raise click.ClickException(
            f"port {port}: {os.strerror(error.errno or 0)}; choose another --port, or leave it out"
        ) from error
    with server:
        click.echo(server.address)
        flush_stdout()
        say("Press Ctrl-C to end")
        if opens_browser:
            import webbrowser
            from threading import Thread

            # In a thread, because a browser in the terminal returns only when it is closed.
            Thread(target=webbrowser.open, args=(server.address,), daemon=True).start()
        server.serve_forever()
