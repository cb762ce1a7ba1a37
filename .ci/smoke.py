"""Try an installed fasttok without its test suite: use each kind of model once."""

from __future__ import annotations

import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

import fasttok as ft
from fasttok.cli.experiment import DEMO
from fasttok.display.play.page import static_page


def main() -> None:
    """Train, save, load, encode and decode with each model; stop at the first difference."""
    texts = [path.read_bytes() for path in ft.parallel_sample().values()]
    counts = ft.count_pretokens(ft.Corpus.from_texts(texts))
    for model in ("bpe", "unigram", "wordpiece", "character", "byte", "word"):
        options: dict[str, Any] = {} if model == "byte" else {"vocab_size": 4000}
        if model in ("unigram", "character", "word"):
            options["byte_fallback"] = True
        tok = ft.train(counts, model=model, **options)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "tok.json")
            tok.save(path)
            loaded = ft.load(path)
        rows = tok.encode_batch(texts)
        assert loaded.encode_batch(texts) == rows, model
        if tok.is_lossless:
            assert [tok.decode_bytes(row) for row in rows] == texts, model
        assert static_page({model: tok}).startswith("<!doctype html>")  # of files of the package
        print(f"{model}: {tok.vocab_size} ids, {len(rows.values)} tokens")
    print(ft.Experiment.load(DEMO).name)
    print("fasttok", ft.__version__, "on Python", sys.version.split()[0], platform.machine(), ft.__file__)


if __name__ == "__main__":
    main()
