"""Export a store of 100 million ids to each format of token files, and import it again."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import numpy as np

from benchmarks.peers.common import Work
from benchmarks.texts import SCRATCH

N_IDS = 100_000_000
VOCABULARY = 50_257
SEPARATOR = 50_256


def store() -> str:
    """Return the path of the store, which is made once: documents of about 1,000 ids."""
    import fasttok as ft

    path = SCRATCH / "export.tokens"
    SCRATCH.mkdir(exist_ok=True)
    if not path.exists():
        generator = np.random.default_rng(0)
        ids = np.minimum(generator.zipf(1.2, N_IDS) - 1, SEPARATOR - 1).astype(np.uint16)
        ends = np.unique(np.append(generator.integers(1, N_IDS, N_IDS // 1000), N_IDS))
        ids[ends - 1] = SEPARATOR
        ft.TokenStore.from_arrays(
            path, ids, np.append(0, ends), vocab_size=VOCABULARY, separator_id=SEPARATOR
        )
    return str(path)


def export_ids(format: str) -> Work:
    import fasttok as ft

    opened = ft.TokenStore.open(SCRATCH / "export.tokens")
    folder = SCRATCH / f"export-{format}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    runs = itertools.count()

    def compare(paths: tuple[str, ...]) -> str:
        sizes = [Path(path).stat().st_size for path in paths]
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return str(sum(sizes))

    return lambda: opened.export(folder / str(next(runs)), format=format), compare


def import_ids(format: str) -> Work:
    import fasttok as ft

    opened = ft.TokenStore.open(SCRATCH / "export.tokens")
    folder = SCRATCH / f"import-{format}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    source = folder / "files"
    opened.export(source, format=format)
    runs = itertools.count()

    def compare(copy: ft.TokenStore) -> str:
        if copy.files != opened.files:
            raise SystemExit(f"{format}: the import is not equal to the store")
        shutil.rmtree(copy.path)
        return str(copy.n_ids)

    def work() -> ft.TokenStore:
        return ft.tokens.import_store(
            source,
            folder / f"{next(runs)}.tokens",
            format=format,
            vocab_size=VOCABULARY,
            separator_id=SEPARATOR,
        )

    return work, compare
