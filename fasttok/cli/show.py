"""Command ``fasttok show``: show the tokens of a text."""

from __future__ import annotations

from typing import Any

import click

from fasttok.cli.command import Command
from fasttok.cli.shared.colours import coloured
from fasttok.cli.shared.inputs import STDIN, binary_stdin, check_stdin, open_tokenizers
from fasttok.cli.shared.options import json_option, opening_options, special_option, with_option
from fasttok.cli.shared.outputs import check_output, print_json


@click.command(cls=Command)
@click.argument("text")
@with_option
@special_option
@json_option
@opening_options
def show(
    text: str,
    paths: tuple[str, ...],
    special: Any,
    as_json: bool,
    rank_encoding: str | None,
    pretokenizer: str | None,
    allow_import: tuple[str, ...],
) -> None:
    """Show the tokens of a text, one line per tokenizer.

    TEXT is the text itself; - reads it from standard input. Each line contains the file, the number of
    tokens, and the tokens in alternating colours. If stdout shows no colours or NO_COLOR is set, | separates
    the tokens. A space is printed as ·, a byte that is not part of a whole character as its number, such as
    <0xE6>, and other signs as escapes of Python; \\x7c is |. Unknown text is underlined; without colours, it
    is in ⟦ ⟧.

    --json prints one object: {"text": TEXT, "tokenizers": [{"file": FILE, "ids": [ID, ...], "tokens":
    [TEXT, ...], "unknown": [POSITION, ...]}, ...]}.

    \b
    Examples:
      fasttok show "unaffable naïve 東京" --with tok.json
      fasttok show "12345" --with bpe.json --with cl100k_base.tiktoken
      fasttok show "12345" --with bpe.json --json | jq '.tokenizers[0].tokens'
    """
    texts = [text] if text == STDIN else []
    check_stdin([*paths, *texts])
    check_output(None, [*paths, *texts])
    data = binary_stdin().read() if text == STDIN else text.encode(errors="surrogateescape")
    tokenizers = open_tokenizers(paths, allow_import, rank_encoding=rank_encoding, pretokenizer=pretokenizer)
    rows = [(path, tok, tok.show(data, special=special)) for path, tok in zip(paths, tokenizers, strict=True)]
    if as_json:
        found = [
            {
                "file": path,
                "ids": tok.encode(data, special=special, as_list=True),
                "tokens": list(tokens.tokens),
                "unknown": sorted(tokens.unknown),
            }
            for path, tok, tokens in rows
        ]
        print_json({"text": data.decode(errors="surrogateescape"), "tokenizers": found})
        return
    width = max(map(len, paths))
    digits = max(len(str(len(tokens))) for _, _, tokens in rows)
    for path, _, tokens in rows:
        click.echo(f"{path:<{width}}  {len(tokens):>{digits}} tokens  {coloured(tokens)}")
