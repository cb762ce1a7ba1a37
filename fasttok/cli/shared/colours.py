"""Tokens in a terminal."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fasttok.display.colours import ColouredTokens

COLOURS = ("cyan", "magenta", "green", "yellow")  # backgrounds of successive tokens in a terminal


def coloured(shown: ColouredTokens) -> str:
    """Return tokens in alternating colours, or separated by | if stdout shows no colours."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return repr(shown)
    return "".join(
        click.style(token, underline=True)
        if i in shown.unknown
        else click.style(token, fg="black", bg=COLOURS[i % len(COLOURS)])
        for i, token in enumerate(shown.tokens)
    )
