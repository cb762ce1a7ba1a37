"""Print the tables of docs/howto/learn_word_vectors.md: neighbours of words in 20 MB of English prose.

Usage: python docs/experiments/word_vectors.py FILE, where FILE is a text of which the first 20 MB are read.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import fasttok as ft

N_BYTES = 20_000_000
WORDS = ("time", "good", "house", "water", "three", "french", "king", "walked", "monday", "windows")
ANALOGIES = (
    ("king", "man", "woman"),
    ("brother", "he", "she"),
    ("french", "france", "england"),
    ("walked", "walk", "look"),
)


def main() -> None:
    """Train on the file that the command line names, and print the tables."""
    with Path(sys.argv[1]).open("rb") as file:
        lines = file.read(N_BYTES).splitlines()
    corpus = ft.Corpus.from_texts(lines)
    tok = ft.train(
        corpus, model="word", pretokenizer="bert", normalizer="lowercase", vocab_size=20_000, unk="<unk>"
    )
    co = show_time(lambda: ft.vectors.cooccurrence(corpus, tok, window=5))
    near = show_time(lambda: co.ppmi().svd(dim=100))
    co = show_time(lambda: ft.vectors.cooccurrence(corpus, tok, window=10, weighting="harmonic"))
    glove = show_time(lambda: co.glove(dim=100, seed=7))
    print(f"losses of GloVe: {glove.losses[0]:.4f}, {glove.losses[1]:.4f}, ..., {glove.losses[-1]:.4f}\n")
    print("| word | PPMI and SVD | GloVe |\n|---|---|---|")
    for word in WORDS:
        print(f"| {word} | {' | '.join(join(vec.nearest(word, k=5)) for vec in (near, glove))} |")
    print("\n| query | PPMI and SVD | GloVe |\n|---|---|---|")
    for a, b, c in ANALOGIES:
        for method in ("3cosadd", "3cosmul"):
            found = (join(vec.analogy(a, b, c, method, k=5)) for vec in (near, glove))
            print(f"| {a} − {b} + {c}, `{method}` | {' | '.join(found)} |")
    for name, vec in (("PPMI and SVD", near), ("GloVe", glove)):
        for method in ("3cosadd", "3cosmul"):
            found = vec.analogy("king", "man", "woman", method, k=tok.vocab_size).words.index("queen") + 1
            print(f"queen is number {found} for king - man + woman with {name}, {method}")


def show_time(call):  # type: ignore[no-untyped-def]
    """Return the result of a function, and print it with the time that the function took."""
    start = time.perf_counter()
    result = call()
    print(f"{result}: {time.perf_counter() - start:.1f} s")
    return result


def join(found: ft.vectors.Neighbours) -> str:
    """Return the words that were found, separated by commas."""
    return ", ".join(found.words)


if __name__ == "__main__":
    main()
