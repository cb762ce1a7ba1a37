"""Draw lattice.svg and merges.svg, the pictures of docs/howto/show_tokens.md."""

from __future__ import annotations

from pathlib import Path

import fasttok as ft

PIECES = ["", "un", "a", "aff", "able", "ff", "u", "n", "f", "b", "l", "e"]
SCORES = [0, -3, -3, -4, -4, -5, -6, -5, -6, -6, -6, -5]


def make_pictures() -> dict[str, str]:
    """Return the content of each file by its name."""
    lattice = ft.UnigramModel(PIECES, SCORES, unk_id=0).lattice("unaffable")
    corpus = ft.Corpus.from_files(ft.parallel_sample()["eng"], document="line")
    tree = ft.train(corpus, vocab_size=600, special_tokens=["<|endoftext|>"]).merge_tree(" morning")
    return {"lattice.svg": f"{lattice._repr_svg_()}\n", "merges.svg": f"{tree._repr_svg_()}\n"}


if __name__ == "__main__":
    for name, content in make_pictures().items():
        Path(__file__).with_name(name).write_text(content, encoding="utf-8")
