"""``python -m fasttok`` is the command ``fasttok``."""

from fasttok.cli import main

main()
