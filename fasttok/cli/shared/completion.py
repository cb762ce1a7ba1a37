"""Completion in the shell, where that of click does not suffice."""

from __future__ import annotations

from click.shell_completion import BashComplete, add_completion_class


class Bash(BashComplete):
    """Completion in bash, which divides ``--option=value`` into three words."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the cursor, without a sign = of its own, and the incomplete word."""
        words, incomplete = super().get_completion_args()
        return words[:-1] if words[-1:] == ["="] else words, incomplete


def add_completion() -> None:
    """Use the classes of this module for completion."""
    add_completion_class(Bash)
