"""Entry point of the command line, ``fasttok``: the group of all commands."""

from __future__ import annotations

from collections import UserDict
from importlib import import_module

import click

from fasttok import __version__
from fasttok.cli.command import Group

# Modules of the commands, in the order of the help. They are imported when they are needed, so that each
# command starts fast.
HOMES = {
    "train": "train",
    "encode": "encode",
    "decode": "decode",
    "count": "count",
    "tokens": "tokens",
    "pretokens": "pretokens",
    "inspect": "inspect",
    "show": "show",
    "play": "play",
    "convert": "convert",
    "diff": "diff",
    "compare": "experiment",
    "report": "experiment",
    "verify": "experiment",
    "demo": "experiment",
}


class Commands(UserDict[str, click.Command]):
    """Mapping of names to commands that imports a command on first access."""

    def __init__(self) -> None:
        super().__init__(dict.fromkeys(HOMES, click.Command(None)))

    def __getitem__(self, name: str) -> click.Command:
        if self.data[name].name is None:
            self.data[name] = getattr(import_module(f"fasttok.cli.{HOMES[name]}"), name)
        return self.data[name]


@click.group(
    cls=Group,
    commands=Commands(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="fasttok", message="%(prog)s %(version)s")
def main() -> None:
    """Train, use and compare subword tokenizers.

    \b
    Examples:
      fasttok demo                                  compare five model families; write a report
      fasttok train books/*.txt -o tok.json         train a BPE tokenizer with 32,000 ids
      fasttok encode -t tok.json < a.txt > a.ids    encode text, one line per document
      fasttok decode -t tok.json < a.ids            decode the ids to the same text
      fasttok encode books/ -t tok.json -o a.tokens encode a corpus to a store of ids
      fasttok tokens info a.tokens                  print how many ids a store has
      fasttok count books/ --with tok.json          count the tokens of each file
      fasttok play --with tok.json                  show tokens while you type, in the browser
      fasttok convert tok.json hf/ --to huggingface write it for another library
      fasttok diff a.json b.json books/*.txt        find out where two tokenizers differ
      fasttok compare experiment.toml -o results/   train and measure many tokenizers

    \b
    Files:
      FILES are files, folders, or quoted glob patterns. - is standard input; -o - is standard
      output. A name that begins with - needs ./ before it.

    \b
    Exit status:
      0    done, and all that was asked for is saved or printed
      1    an error; or verify or diff found differences
      2    wrong use of a command; or an error of diff
      3    a tokenizer failed in compare
      129  ended by SIGHUP
      130  ended by Ctrl-C
      143  ended by SIGTERM

    \b
    Completion of commands, options, names and files in the shell:
      eval "$(_FASTTOK_COMPLETE=bash_source fasttok)"    in ~/.bashrc
      eval "$(_FASTTOK_COMPLETE=zsh_source fasttok)"     in ~/.zshrc
      _FASTTOK_COMPLETE=fish_source fasttok | source     in ~/.config/fish/config.fish
    """
