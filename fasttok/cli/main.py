"""Entry point of the command line, ``fasttok``: the group of all commands."""

from __future__ import annotations

import click

import fasttok as ft
from fasttok.cli.coding import decode, encode, inspect, show
from fasttok.cli.common import Group
from fasttok.cli.experiment import DEMO, compare, demo, report, verify
from fasttok.cli.train import count, train

__all__ = ["DEMO", "main"]


@click.group(cls=Group)
@click.version_option(ft.__version__, prog_name="fasttok", message="%(prog)s %(version)s")
def main() -> None:
    """Train, use and compare subword tokenizers.

    \b
    Examples:
      fasttok demo                                  compare five model families; write a report
      fasttok train books/*.txt -o tok.json         train a BPE tokenizer with 32,000 ids
      fasttok encode -t tok.json < a.txt > a.ids    encode text, one line per document
      fasttok decode -t tok.json < a.ids            decode the ids to the same text
      fasttok compare experiment.toml -o results/   train and measure many tokenizers
    """


for _command in (train, encode, decode, count, inspect, show, compare, report, verify, demo):
    main.add_command(_command)
