"""Score the Unigram vocabularies of fasttok and sentencepiece on held-out text.

The probabilities of a vocabulary are normalized to sum to 1. All vocabularies are scored on the same words
and the same characters: those that cover 0.9995 of the training text, as both trainers choose them. Other
characters are removed from the text. The score has two parts: the negative log-likelihood per character over
all segmentations, and the number of tokens of the most probable segmentation.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import fasttok as ft
from benchmarks import texts
from fasttok.core.ragged import Ragged
from fasttok.models.substrings import Substrings
from fasttok.models.unigram.alphabet import choose_characters, to_symbols
from fasttok.models.unigram.lattices import Lattices

Vocabulary = dict[str, float]  # piece to log probability
LONGEST = 32  # maximum length of a piece in characters; no piece of either trainer is longer
NORMALIZER = "nmt_nfkc"  # the default of sentencepiece


@dataclass(frozen=True)
class Score:
    """Negative log-likelihood per character of a text in nats, and number of its tokens."""

    nats_per_character: float
    n_tokens: int


class Scorer:
    """Scores vocabularies on a text.

    Parameters
    ----------
    test : Corpus
        Text to score.
    characters : ndarray of uint32
        Code points that all vocabularies contain.
    """

    def __init__(self, test: ft.Corpus, characters: NDArray[np.uint32]) -> None:
        self._characters = [chr(c) for c in characters.tolist()]
        counts = ft.count_pretokens(test, "metaspace", NORMALIZER)
        corpus = to_symbols(counts, characters)
        self._words, self._counts = corpus.words, corpus.counts
        self._substrings = Substrings(self._words, len(characters), LONGEST)

    def score(self, vocabulary: Vocabulary) -> Score:
        """Return the score of a vocabulary."""
        numbers = {c: i for i, c in enumerate(self._characters)}
        longer = sorted((p for p in vocabulary if len(p) > 1 and numbers.keys() >= set(p)), key=len)
        probabilities = np.exp([vocabulary[piece] for piece in self._characters + longer])
        scores = np.log(probabilities / probabilities.sum())
        rows = self._substrings.find(Ragged.from_rows([[numbers[c] for c in piece] for piece in longer]))
        n = len(numbers)
        chains = self._substrings.chains(rows, n)
        lengths = np.concatenate([np.ones(n, np.int64), rows[:, 0]])
        positions = np.zeros(len(lengths), np.int64)
        lattices = Lattices(self._words, self._counts, n, chains, positions, lengths, 2)
        _, log_likelihood = lattices.expect(np.exp(scores))
        n_characters = int(self._words.lengths @ self._counts)
        return Score(-log_likelihood / n_characters, int(lattices.count_best(scores).sum()))


def hold_out(path: str) -> tuple[Path, Path]:
    """Split the lines of a file into a training file and a test file, and return their paths.

    About every tenth line is for testing, chosen by a hash of its content. A test line that also occurs in
    the training file is discarded.
    """
    train, test = (texts.SCRATCH / f"{Path(path).stem}.{part}.txt" for part in ("train", "test"))
    if not test.exists():
        lines = [line for line in Path(path).read_bytes().splitlines() if line.strip()]
        is_held = [
            int.from_bytes(hashlib.blake2b(line, digest_size=8).digest(), "little") % 10 == 0
            for line in lines
        ]
        kept = [line for line, held in zip(lines, is_held, strict=True) if not held]
        known = set(kept)
        held_out = [line for line, held in zip(lines, is_held, strict=True) if held and line not in known]
        train.write_bytes(b"\n".join(kept) + b"\n")
        test.write_bytes(b"\n".join(held_out) + b"\n")
    return train, test


def train_sentencepiece(path: Path, vocab_size: int) -> Vocabulary:
    """Return the pieces that sentencepiece trains; fewer than `vocab_size` ids if it cannot find as many."""
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        input=str(path),
        model_writer=model,
        vocab_size=vocab_size,
        hard_vocab_limit=False,
        num_threads=2,
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    first = 3  # after <unk>, <s> and </s>
    return {processor.id_to_piece(i): processor.get_score(i) for i in range(first, len(processor))}


def train_fasttok(counts: ft.PretokenCounts, n_pieces: int) -> Vocabulary:
    """Return exactly `n_pieces` pieces that fasttok trains."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # fewer pieces are an error
        tok = ft.train(counts, model="unigram", vocab_size=n_pieces + 1)
    pieces = [piece.decode() for piece in tok.model.pieces.to_bytes()]
    return dict(zip(pieces[1:], tok.model.scores[1:].tolist(), strict=True))


def compare(path: str, vocab_size: int) -> tuple[int, Score, Score]:
    """Return the number of pieces, the score of sentencepiece and the score of fasttok."""
    train, test = hold_out(path)
    corpus = ft.Corpus.from_files(train, document="line")
    counts = ft.count_pretokens(corpus, "sentencepiece", NORMALIZER)
    scorer = Scorer(ft.Corpus.from_files(test, document="line"), choose_characters(counts, 0.9995))
    theirs = train_sentencepiece(train, vocab_size)
    ours = train_fasttok(counts, len(theirs))
    return len(theirs), scorer.score(theirs), scorer.score(ours)
