"""Train byte-level BPE on a text file with the pattern of GPT-2.

Libraries differ in the documents (the whole file, or each line with its line end) and in how they break ties.
Each library is compared with a run of fasttok with the same documents and ties.
"""

from __future__ import annotations

from typing import Any

from benchmarks.peers.common import GPT2, Work, hash_pieces, read_text


def decode_gpt2(piece: str) -> bytes:
    """Return the bytes of a piece that is written in the byte alphabet of GPT-2."""
    from fasttok.text.unicode.byte_alphabet import BYTE_OF_CHARACTER

    return bytes(BYTE_OF_CHARACTER[c] for c in piece)


def train_fasttok(path: str, vocab_size: int, threads: int, documents: str = "file", **options: Any) -> Work:
    import fasttok as ft

    def lines() -> Any:
        with open(path, "rb") as file:
            yield from file

    def work() -> Any:
        corpus = ft.Corpus.from_files(path) if documents == "file" else ft.Corpus.from_texts(lines)
        return ft.train(corpus, pretokenizer="gpt2", vocab_size=vocab_size, workers=threads, **options)

    return work, lambda tok: hash_pieces(tok.model.pieces.to_bytes()[256:])


def train_as_gigatoken(path: str, vocab_size: int, threads: int) -> Work:
    return train_fasttok(path, vocab_size, threads, compat="huggingface")


def train_as_tokenizers(path: str, vocab_size: int, threads: int) -> Work:
    return train_fasttok(path, vocab_size, threads, "lines", compat="huggingface")


def train_gigabpe(path: str, vocab_size: int, threads: int) -> Work:
    import gigabpe

    def work() -> Any:
        return gigabpe.train_bpe([path], vocab_size, pretokenizer="bytelevel", threads=threads)

    # The alphabet has only the bytes of the text, so gigabpe learns a few more merges than other libraries.
    return work, lambda result: hash_pieces([decode_gpt2(a + b) for a, b in result[1][: vocab_size - 256]])


def train_gigatoken(path: str, vocab_size: int, threads: int) -> Work:
    import gigatoken

    def work() -> Any:
        return gigatoken.train_bpe(gigatoken.TextFileSource([path]), vocab_size, [])

    return work, lambda result: hash_pieces([a + b for a, b in result[1]])


def train_rustbpe(path: str, vocab_size: int, threads: int) -> Work:
    import rustbpe

    def work() -> Any:
        tok = rustbpe.Tokenizer()
        tok.train_from_iterator(iter([read_text(path)]), vocab_size, pattern=GPT2)
        return tok

    return work, lambda tok: hash_pieces([bytes(piece) for piece, _ in tok.get_mergeable_ranks()][256:])


def train_tokenizers(path: str, vocab_size: int, threads: int) -> Work:
    import json

    import tokenizers
    from tokenizers import pre_tokenizers

    def work() -> Any:
        tok = tokenizers.Tokenizer(tokenizers.models.BPE())
        tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=vocab_size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
        )
        tok.train([path], trainer)
        return tok

    def merged(tok: Any) -> str:
        return hash_pieces([decode_gpt2(a + b) for a, b in json.loads(tok.to_str())["model"]["merges"]])

    return work, merged


REFERENCES = {
    "gigabpe": train_as_tokenizers,
    "gigatoken": train_as_gigatoken,
    "tokenizers": train_as_tokenizers,
}
TASK = {
    "fasttok": train_fasttok,
    "gigabpe": train_gigabpe,
    "gigatoken": train_gigatoken,
    "rustbpe": train_rustbpe,
    "tokenizers": train_tokenizers,
}
