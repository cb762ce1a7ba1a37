"""How good Unigram vocabularies are on text that was held out, by one scorer.

A vocabulary is its pieces and their probabilities, which are made to sum to 1. The scorer is given the same
words and the same characters for all: those that cover 0.9995 of the training text, as both trainers choose
them; other characters are left out of the text. It says how probable the text is over all segmentations, and
how many tokens its most probable segmentation has.
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
from fasttok.models.unigram.alphabet import choose_characters, spell
from fasttok.models.unigram.lattices import Lattices

Vocabulary = dict[str, float]  # piece to log probability
LONGEST = 32  # characters; no piece of either trainer has more
NORMALIZER = "nmt_nfkc"


@dataclass(frozen=True)
class Score:
    """What a vocabulary makes of a text."""

    nats_per_character: float
    n_tokens: int


class Scorer:
    """Scores vocabularies on a text.

    Parameters
    ----------
    test : Corpus
        The text.
    characters : ndarray of uint32
        The code points that all vocabularies have.
    """

    def __init__(self, test: ft.Corpus, characters: NDArray[np.uint32]) -> None:
        self._characters = [chr(c) for c in characters.tolist()]
        counts = ft.count_pretokens(test, "metaspace", NORMALIZER)
        corpus = spell(counts, characters)
        self._words, self._counts = corpus.words, corpus.counts
        self._substrings = Substrings(self._words, len(characters), LONGEST)

    def score(self, vocabulary: Vocabulary) -> Score:
        """The negative log likelihood a character, and the tokens."""
        numbers = {c: i for i, c in enumerate(self._characters)}
        longer = sorted((p for p in vocabulary if len(p) > 1 and numbers.keys() >= set(p)), key=len)
        probabilities = np.exp([vocabulary[piece] for piece in self._characters + longer])
        scores = np.log(probabilities / probabilities.sum())
        rows = self._substrings.find(Ragged.from_rows([[numbers[c] for c in piece] for piece in longer]))
        n = len(numbers)
        offsets, arcs = self._substrings.arcs(rows, n)
        lengths = np.concatenate([np.ones(n, np.int64), rows[:, 0]])
        places = np.zeros(len(lengths), np.int64)
        lattices = Lattices(self._words, self._counts, offsets, arcs, places, lengths, 2)
        _, log_likelihood = lattices.expect(np.exp(scores))
        n_characters = int(self._words.lengths @ self._counts)
        return Score(-log_likelihood / n_characters, int(lattices.count_best(scores).sum()))


def hold_out(path: str) -> tuple[Path, Path]:
    """Two files of its lines: for training, and every tenth by a hash of its content for testing.

    A line for testing that stands in the other file too is left out.
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
    """Its pieces, of its largest vocabulary if it refuses so many."""
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
    first = 3  # behind <unk>, <s> and </s>
    return {processor.id_to_piece(i): processor.get_score(i) for i in range(first, len(processor))}


def train_fasttok(counts: ft.PretokenCounts, n_pieces: int) -> Vocabulary:
    """Exactly so many pieces."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # there must be so many
        tok = ft.train(counts, model="unigram", vocab_size=n_pieces + 1)
    pieces = [piece.decode() for piece in tok.model.pieces.to_bytes()]
    return dict(zip(pieces[1:], tok.model.scores[1:].tolist(), strict=True))


def compare(path: str, vocab_size: int) -> tuple[int, Score, Score]:
    """The number of pieces, and the scores of sentencepiece and fasttok."""
    train, test = hold_out(path)
    corpus = ft.Corpus.from_files(train, document="line")
    counts = ft.count_pretokens(corpus, "sentencepiece", NORMALIZER)
    scorer = Scorer(ft.Corpus.from_files(test, document="line"), choose_characters(counts, 0.9995))
    theirs = train_sentencepiece(train, vocab_size)
    ours = train_fasttok(counts, len(theirs))
    return len(theirs), scorer.score(theirs), scorer.score(ours)
