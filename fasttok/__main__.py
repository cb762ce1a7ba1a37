"""``python -m fasttok`` is the command ``fasttok``."""

from fasttok.cli.main import main

main()
