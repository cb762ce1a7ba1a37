"""Train Unigram on the lines of a file, and encode its lines with a model that sentencepiece trained.

Trainers choose different pieces, so only the number of pieces is compared after training;
`benchmarks.quality` measures the quality of the pieces. After encoding, the ids are compared. Trainers take
the path of the file. For encoding, fasttok takes the path, and sentencepiece takes the lines as strings.
"""

from __future__ import annotations

import io
import json
from functools import partial
from typing import Any

from benchmarks.peers.common import Work, hash_ids, hash_rows, read_text, use_threads

SPECIAL = ["<unk>", "<s>", "</s>"]


def train_fasttok(path: str, vocab_size: int, threads: int, *, pretokenizer: str = "sentencepiece") -> Work:
    import fasttok as ft

    def work() -> Any:
        counts = ft.count_pretokens(
            ft.Corpus.from_files(path, document="line"), pretokenizer, "nmt_nfkc", workers=threads
        )
        return ft.train(
            counts, model="unigram", vocab_size=vocab_size, special_tokens=SPECIAL, workers=threads
        )

    return work, lambda tok: f"{tok.vocab_size} ids"


def train_sentencepiece(path: str, vocab_size: int, threads: int, **options: bool) -> Work:
    import sentencepiece

    def work() -> Any:
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            input=path,
            model_writer=model,
            vocab_size=vocab_size,
            num_threads=threads,
            minloglevel=2,
            **options,
        )
        return model.getvalue()

    def count(model: bytes) -> str:
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        return f"{processor.get_piece_size()} ids"

    return work, count


def train_tokenizers(path: str, vocab_size: int, threads: int) -> Work:
    use_threads(threads)
    import tokenizers
    from tokenizers import normalizers, pre_tokenizers

    def work() -> Any:
        tok = tokenizers.Tokenizer(tokenizers.models.Unigram())
        tok.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
        tok.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer = tokenizers.trainers.UnigramTrainer(
            vocab_size=vocab_size, special_tokens=SPECIAL, unk_token=SPECIAL[0], show_progress=False
        )
        tok.train([path], trainer)
        return tok

    return work, lambda tok: f"{len(json.loads(tok.to_str())['model']['vocab'])} ids"


def load_in_fasttok(model: str) -> Any:
    """Return a fasttok tokenizer with the pieces and scores of a sentencepiece model."""
    import sentencepiece

    import fasttok as ft

    processor = sentencepiece.SentencePieceProcessor(model_file=model)
    ids = range(processor.get_piece_size())
    special = {processor.id_to_piece(i): i for i in ids if processor.is_control(i) or processor.is_unknown(i)}
    pieces = ["" if i in special.values() else processor.id_to_piece(i) for i in ids]
    unigram = ft.UnigramModel(pieces, [processor.get_score(i) for i in ids], unk_id=processor.unk_id())
    return ft.Tokenizer(unigram, "metaspace", special, normalizer="nmt_nfkc")


def encode_fasttok(path: str, model: str, threads: int) -> Work:
    import fasttok as ft

    tok = load_in_fasttok(model)
    lines = ft.Corpus.from_files(path, document="line")
    return lambda: tok.encode_files(lines, workers=threads).values, hash_ids


def encode_sentencepiece(path: str, model: str, threads: int) -> Work:
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_file=model)
    lines = read_text(path).split("\n")
    return lambda: processor.encode(lines, num_threads=threads), hash_rows


TRAIN = {"fasttok": train_fasttok, "sentencepiece": train_sentencepiece, "tokenizers": train_tokenizers}
# Words between spaces are not cut between scripts, nor before digits.
TRAIN_ON_WORDS = {
    "fasttok": partial(train_fasttok, pretokenizer="metaspace"),
    "sentencepiece": partial(train_sentencepiece, split_by_unicode_script=False, split_by_number=False),
}
ENCODE = {"fasttok": encode_fasttok, "sentencepiece": encode_sentencepiece}
