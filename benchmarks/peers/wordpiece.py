"""Train WordPiece on a text file, encode with BERT's vocabulary, and pad batches.

Trainers break ties differently, so only the number of pieces is compared after training.
After encoding, the ids are compared. All libraries use the normalizer and pretokenizer of BERT.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.peers.common import (
    Work,
    cut_in_parts,
    hash_ids,
    hash_rows,
    read_bytes,
    read_text,
    use_threads,
)

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def train_fasttok(path: str, vocab_size: int, threads: int, method: str) -> Work:
    import fasttok as ft

    def work() -> Any:
        corpus = ft.Corpus.from_files(path, document="line")
        counts = ft.count_pretokens(corpus, "bert", "bert", workers=threads)
        options = {"vocab_size": vocab_size, "special_tokens": SPECIAL, "workers": threads}
        return ft.train(counts, model="wordpiece", method=method, **options)

    def count(tok: Any) -> str:
        # "greedy" searches for a threshold and may end with up to 5 % fewer ids.
        is_enough = tok.vocab_size >= 0.95 * vocab_size and method == "greedy"
        return f"{vocab_size if is_enough else tok.vocab_size} ids"

    return work, count


def train_tokenizers(path: str, vocab_size: int, threads: int) -> Work:
    use_threads(threads)
    import tokenizers
    from tokenizers import models, normalizers, pre_tokenizers, trainers

    def work() -> Any:
        tok = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106 (no password)
        tok.normalizer = normalizers.BertNormalizer()
        tok.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(
            vocab_size=vocab_size, special_tokens=SPECIAL, show_progress=False
        )
        tok.train([path], trainer)
        return tok

    return work, lambda tok: f"{tok.get_vocab_size()} ids"


def encode_fasttok(path: str, vocab: str, threads: int) -> Work:
    import fasttok as ft

    tok = ft.load(vocab, lowercase=True)
    if threads == 1:
        data = read_bytes(path)
        return lambda: tok.encode(data), hash_ids
    return lambda: tok.encode_files(path, workers=threads).values, hash_ids


def encode_tokie(path: str, vocab: str, threads: int) -> Work:
    use_threads(threads)
    import tokie

    tok = tokie.Tokenizer.from_json(tokenizer_json(vocab))
    tok.no_padding()
    tok.no_truncation()
    texts = cut_in_parts(path)
    return lambda: tok.encode_batch_flat(texts, add_special_tokens=False), lambda result: hash_ids(result[0])


def encode_tokenizers(path: str, vocab: str, threads: int) -> Work:
    use_threads(threads)
    import tokenizers

    tok = tokenizers.Tokenizer.from_file(tokenizer_json(vocab))
    tok.no_padding()
    tok.no_truncation()
    texts = cut_in_parts(path)

    def work() -> Any:
        return [row.ids for row in tok.encode_batch_fast(texts, add_special_tokens=False)]

    return work, hash_rows


def tokenizer_json(vocab: str) -> str:
    """Return the path of the tokenizer.json with the same vocabulary."""
    return str(Path(vocab).with_name("tokenizer.json"))


def encode_batch(path: str, vocab: str, n_texts: int) -> Work:
    """Encode a batch; the ids are padded only for the comparison."""
    tok, texts = load_texts(path, vocab, n_texts)
    work = partial(tok.encode_batch, texts, add_special_tokens=True, workers=1)
    return work, lambda rows: hash_padded(tok.pad(rows, max_length=512))


def pad_batch(path: str, vocab: str, n_texts: int) -> Work:
    tok, texts = load_texts(path, vocab, n_texts)
    rows = tok.encode_batch(texts, add_special_tokens=True)
    return lambda: tok.pad(rows, max_length=512), hash_padded


def hash_padded(padded: Any) -> str:
    """Return a hash of the ids in a padded matrix, without the padding."""
    return hash_ids(padded.ids[padded.mask])


def load_texts(path: str, vocab: str, n_texts: int) -> tuple[Any, list[str]]:
    """Return a tokenizer and the first `n_texts` lines of a file that are not empty."""
    import fasttok as ft

    lines = (line for line in read_text(path).split("\n") if line.strip())
    return ft.load(vocab, lowercase=True), [line for line, _ in zip(lines, range(n_texts), strict=False)]


TRAIN = {
    "fasttok": partial(train_fasttok, method="frequency"),
    "fasttok, likelihood": partial(train_fasttok, method="likelihood"),
    "fasttok, greedy": partial(train_fasttok, method="greedy"),
    "tokenizers": train_tokenizers,
}
ENCODE = {"fasttok": encode_fasttok, "tokie": encode_tokie, "tokenizers": encode_tokenizers}
BATCH = {"fasttok": encode_batch, "fasttok, padding": pad_batch}
