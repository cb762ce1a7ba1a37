"""Open model files of sentencepiece, encode the lines of a file with them, and train BPE.

For encoding, fasttok takes the path of the text, and sentencepiece its lines as strings. All ids and, after
training, all pieces are compared. Both trainers take the path of the text and normalize it with `nmt_nfkc`.
"""

from __future__ import annotations

import io
from typing import Any

from benchmarks.peers.common import Work, hash_ids, hash_pieces, hash_rows, read_text

SAMPLE = "Ünïcode, 123 words\n and more words"


def open_fasttok(model: str) -> Work:
    import fasttok as ft

    return lambda: ft.load(model), lambda tok: hash_ids(tok.encode(SAMPLE))


def open_sentencepiece(model: str) -> Work:
    import sentencepiece

    def work() -> Any:
        return sentencepiece.SentencePieceProcessor(model_file=model)

    return work, lambda processor: hash_ids(processor.encode(SAMPLE))


def encode_fasttok(text: str, model: str, threads: int) -> Work:
    import fasttok as ft

    tok = ft.load(model)
    lines = ft.Corpus.from_files(text, document="line")
    return lambda: tok.encode_files(lines, workers=threads).values, hash_ids


def encode_sentencepiece(text: str, model: str, threads: int) -> Work:
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_file=model)
    # The documents of fasttok have no carriage returns at their ends.
    lines = [line.removesuffix("\r") for line in read_text(text).split("\n")]
    return lambda: processor.encode(lines, num_threads=threads), hash_rows


def train_fasttok(text: str, vocab_size: int, threads: int) -> Work:
    import fasttok as ft

    def work() -> Any:
        corpus = ft.Corpus.from_files(text, document="line")
        return ft.train(corpus, model="bpe", compat="sentencepiece", vocab_size=vocab_size, workers=threads)

    return work, lambda tok: hash_pieces([tok.id_to_piece(i) for i in range(tok.vocab_size)])


def train_sentencepiece(text: str, vocab_size: int, threads: int) -> Work:
    import sentencepiece

    def work() -> Any:
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            input=text,
            model_writer=model,
            model_type="bpe",
            vocab_size=vocab_size,
            num_threads=threads,
            max_sentence_length=1 << 20,  # fasttok uses lines of any length
            minloglevel=2,
        )
        return model.getvalue()

    def pieces(model: bytes) -> str:
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        return hash_pieces([processor.id_to_piece(i).encode() for i in range(processor.get_piece_size())])

    return work, pieces


OPEN = {"fasttok": open_fasttok, "sentencepiece": open_sentencepiece}
ENCODE = {"fasttok": encode_fasttok, "sentencepiece": encode_sentencepiece}
TRAIN = {"fasttok": train_fasttok, "sentencepiece": train_sentencepiece}
