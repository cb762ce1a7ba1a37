"""Entry point of ``python -m fasttok``, which runs the command ``fasttok``."""

from fasttok.cli.main import main

main()
