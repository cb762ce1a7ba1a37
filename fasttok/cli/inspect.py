"""Command ``fasttok inspect``: print the contents of a tokenizer or of counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fasttok.cli.command import Command
from fasttok.cli.convert import SETTINGS
from fasttok.cli.pretokens import describe_counts, format_counts
from fasttok.cli.shared.colours import coloured
from fasttok.cli.shared.inputs import contains_counts, open_tokenizer, tokenizer_path
from fasttok.cli.shared.options import json_option, opening_options, option, top_option
from fasttok.cli.shared.outputs import check_output, print_json

if TYPE_CHECKING:
    import fasttok as ft

MOST_SPECIAL = 20  # special tokens that are printed
LONGEST = 2000  # characters of an entry of the provenance that are printed


@click.command(cls=Command)
@click.argument("path", type=click.Path())
@option("--text", help="Text to encode as an example.")
@top_option("pieces per list, or of pretokens,")
@json_option
@opening_options
def inspect(
    path: str,
    text: str | None,
    top: int,
    as_json: bool,
    rank_encoding: str | None,
    pretokenizer: str | None,
    allow_import: tuple[str, ...],
) -> None:
    """Print the contents of a tokenizer or of counts.

    PATH is a tokenizer file or folder, or a file of counts that `fasttok pretokens` saved; - is standard
    input.

    --json prints one object. For a tokenizer, its keys are model, vocab_size, lossless, normalizer,
    pretokenizer, special_tokens (ids by text), added_tokens (number), template, padding, truncation,
    trim_offsets, roles, chat_template, provenance, first_pieces, last_pieces, longest_pieces, and example, if
    --text is given, with the keys text, ids and tokens. For counts, they are those of `fasttok pretokens`.

    \b
    Examples:
      fasttok inspect tok.json --text "the newest"
      fasttok inspect books.npz --top 50
      fasttok inspect tok.json --json | jq .special_tokens
    """
    check_output(None, [path])
    with tokenizer_path(path) as file:
        if contains_counts(file) or path.lower().endswith(".npz"):
            for flag, value in (
                ("--text", text),
                ("--rank-encoding", rank_encoding),
                ("--pretokenizer", pretokenizer),
            ):
                if value is not None:
                    raise click.UsageError(f"{flag} is for tokenizers, but {path} contains counts")
            _inspect_counts(file, top, as_json)
            return
        tok = open_tokenizer(file, allow_import, rank_encoding=rank_encoding, pretokenizer=pretokenizer)
    if as_json:
        print_json(_describe(tok, text, top))
    else:
        _print(tok, text, top)


def _inspect_counts(file: str, top: int, as_json: bool) -> None:
    import fasttok as ft

    counts = ft.PretokenCounts.load(file)
    if as_json:
        print_json(describe_counts(counts, top))
        return
    first, *rows = format_counts(counts, top).splitlines()
    more = [f"recipe        {counts.recipe.to_json()}", f"fingerprint   {counts.fingerprint()}"]
    click.echo("\n".join([first, *more, *rows]))


def _print(tok: ft.Tokenizer, text: str | None, top: int) -> None:
    click.echo(tok)
    click.echo(f"lossless      {'yes' if tok.is_lossless else 'no'}")
    click.echo(f"model         {tok.model!r}")
    special = list(tok.special_tokens.items())
    for token, i in special[:MOST_SPECIAL]:
        click.echo(f"special       {i} {token}")
    if len(special) > MOST_SPECIAL:
        click.echo(f"special       … and {len(special) - MOST_SPECIAL:,} more; see --json")
    for name in SETTINGS:
        if (setting := getattr(tok, name)) is not None:
            click.echo(f"{name:<13} {setting}")
    if tok.config is not None:
        roles = ", ".join(f"{role} {token}" for role, token in tok.config.roles.items())
        click.echo(f"roles         {roles or 'none'}")
        click.echo(f"chat template {'no' if tok.config.chat_template is None else 'yes'}")
    for key, value in tok.provenance.items():
        click.echo(f"{key:<13} {_shorten(str(value))}")
    for name, pieces in _choose_pieces(tok, top).items():
        click.echo(f"{name:<13} {'  '.join(pieces)}")
    if text is not None:
        data = text.encode(errors="surrogateescape")
        ids = tok.encode(data, as_list=True)
        click.echo(f"\n{coloured(tok.show(data))}\n{' '.join(map(str, ids))}\n{len(ids)} tokens")


def _shorten(text: str) -> str:
    """Return the beginning of a long text, such as the counts of all pieces."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text):,} characters; see --json)"


def _describe(tok: ft.Tokenizer, text: str | None, top: int) -> dict[str, Any]:
    """Return the contents of a tokenizer as JSON."""
    settings = {name: getattr(tok, name) for name in SETTINGS}
    config = tok.config
    found: dict[str, Any] = {
        "model": tok.model.kind,
        "vocab_size": tok.vocab_size,
        "lossless": tok.is_lossless,
        "normalizer": None if tok.normalizer is None else tok.normalizer.config(),
        "pretokenizer": tok.pretokenizer.config(),
        "special_tokens": tok.special_tokens,
        "added_tokens": len(tok.added_tokens),
        **{name: None if setting is None else setting.config() for name, setting in settings.items()},
        "roles": {} if config is None else dict(config.roles),
        "chat_template": config is not None and config.chat_template is not None,
        "provenance": tok.provenance,
    }
    for name, pieces in _choose_pieces(tok, top).items():
        found[f"{name.split()[0]}_pieces"] = pieces
    if text is not None:
        data = text.encode(errors="surrogateescape")
        found["example"] = {
            "text": text,
            "ids": tok.encode(data, as_list=True),
            "tokens": list(tok.show(data).tokens),
        }
    return found


def _choose_pieces(tok: ft.Tokenizer, top: int) -> dict[str, list[str]]:
    """Return some learned pieces: results of merges, or, if the model has none, pieces other than bytes."""
    from fasttok.display.colours import visible

    pieces = tok.model.pieces.to_bytes()
    if hasattr(tok.model, "merge_ids"):
        learned = [pieces[i] for i in dict.fromkeys(tok.model.merge_ids.tolist())]
    else:
        byte_ids = getattr(tok.model, "byte_ids", None)
        of_bytes = set() if byte_ids is None else set(byte_ids.tolist())
        learned = [piece for i, piece in enumerate(pieces) if piece and i not in of_bytes]
    longest = sorted(learned, key=lambda piece: (-len(piece), piece))
    chosen = {
        "first pieces": learned[:top],
        "last pieces": learned[max(0, len(learned) - top) :],
        "longest": longest[:top],
    }
    return {name: list(map(visible, found)) for name, found in chosen.items()}
