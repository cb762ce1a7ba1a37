"""Train WordPiece on a text file, and pad batches of BERT's ids.

Trainers break ties differently, so only the number of pieces is compared after training. All libraries use
the normalizer and pretokenizer of BERT. `benchmarks.peers.encode` encodes with BERT's vocabulary.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.peers.common import Work, hash_ids, read_text, use_threads

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
BATCH = {"fasttok": encode_batch, "fasttok, padding": pad_batch}
