"""Open a tokenizer.json.

`tokenizers-pre` is a pre-release of Hugging Face tokenizers, which needs an environment of its own.
"""

from __future__ import annotations

from typing import Any

from benchmarks.peers.common import Work, hash_ids

SAMPLE = "Ünïcode, 123 words\n and more words"


def open_fasttok(path: str) -> Work:
    import fasttok as ft

    return lambda: ft.load(path), lambda tok: hash_ids(tok.encode(SAMPLE))


def open_tokenizers(path: str) -> Work:
    import tokenizers

    def hash_sample(tok: Any) -> str:
        return hash_ids(tok.encode(SAMPLE, add_special_tokens=False).ids)

    return lambda: tokenizers.Tokenizer.from_file(path), hash_sample


OPEN = {"fasttok": open_fasttok, "tokenizers": open_tokenizers, "tokenizers-pre": open_tokenizers}
