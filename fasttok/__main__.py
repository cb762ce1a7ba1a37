"""Entry point of ``fasttok`` and ``python -m fasttok``."""

from fasttok.cli.process import run

if __name__ == "__main__":
    run()
