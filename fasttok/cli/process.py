"""Entry point of ``fasttok``. Signals end the command as documented even while it is still being imported."""

from __future__ import annotations

import sys
from typing import NoReturn

from fasttok.cli.shared.signals import Ended, ending_signals


def run() -> NoReturn:
    """Run the command line and end the process with its exit status; `fasttok.cli.main` lists them."""
    with ending_signals():
        try:
            from fasttok.cli.main import main

            main()
        except Ended as error:  # during the import
            sys.exit(error.status)
    sys.exit(0)
