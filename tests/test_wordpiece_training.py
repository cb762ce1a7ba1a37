"""WordPiece training: each method against its naive twin and tokenizers, and what a trained model promises."""

from __future__ import annotations

import itertools
import random
import string
import warnings

import numpy as np
import pytest
import tokenizers

import fasttok as ft
from fasttok.models.wordpiece.spelling import spell_words
from tests import hostile, oracles

METHODS = ("frequency", "likelihood", "greedy")
SHORT = ["".join(w) for n in range(1, 9) for w in itertools.product("ab", repeat=n)]


def learn(words: dict[str, int], vocab_size: int, special=("[UNK]",), **options) -> list[str]:
    """The pieces by id, with special tokens in their places; fewer than asked for is no warning here."""
    trainer = ft.WordPieceTrainer(vocab_size, special_tokens=special, unk=special[0], **options)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the vocabulary has|of the .* are left out")
        trained = trainer.train(ft.PretokenCounts.from_dict(words))
    pieces = [bytes(piece).decode() for piece in trained.model.pieces]
    assert not any(pieces[: len(special)])
    assert trained.special_tokens == {token: i for i, token in enumerate(special)}
    return [*special, *pieces[len(special) :]]


def naive(words: dict[str, int], vocab_size: int, method: str, **options) -> list[str]:
    if method == "greedy":
        return oracles.learn_wordpieces_top_down(words, vocab_size, **options)
    return oracles.merge_wordpieces(words, vocab_size, method == "likelihood", **options)[0]


def random_words(rng: random.Random, alphabet: str, n: int = 12, longest: int = 8, most: int = 30):
    words = {"".join(rng.choices(alphabet, k=rng.randint(1, longest))) for _ in range(rng.randint(1, n))}
    return {word: rng.randint(1, most) for word in sorted(words)}


@pytest.mark.parametrize("method", METHODS)
def test_every_string_of_two_letters_up_to_length_8(method):
    for word in SHORT:
        words = {word: 3, "ab": 2}
        options = {"greedy": ("min_frequency", "lowest"), "likelihood": ("min_frequency", "min_count")}
        ours, theirs = options.get(method, ("min_frequency", "min_count"))
        for vocab_size in (6, 9, 30):
            expected = naive(words, vocab_size, method, **{theirs: 1})
            assert learn(words, vocab_size, method=method, **{ours: 1}) == expected, word


@pytest.mark.parametrize("method", ["frequency", "likelihood"])
@pytest.mark.parametrize("prefix", ["##", "", "#", "<c>", "ab"])
def test_merging_on_random_corpora(method, prefix):
    rng = random.Random(61)
    for _ in range(150):
        words = random_words(rng, rng.choice(["ab", "ab#", "abc<>", "aé東😀"]))
        n = len(oracles.begin_vocabulary(words, prefix, ["[UNK]", "ab", prefix + "ba"]))
        special = ["[UNK]", *(["ab", prefix + "ba"] if rng.random() < 0.3 else [])]
        shared = {"prefix": prefix, "special": special}
        vocab_size, least = n + rng.choice([0, 3, 40]), rng.choice([1, 2, 15])
        longest = rng.choice([None, 2, 3])
        found = learn(
            words,
            vocab_size,
            special,
            method=method,
            min_frequency=least,
            max_piece_length=longest,
            continuing_subword_prefix=prefix,
        )
        assert found == naive(words, vocab_size, method, min_count=least, max_length=longest, **shared), words
