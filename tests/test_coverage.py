"""Automatic character coverage, compared with a search over all choices and with sentencepiece."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
import sentencepiece

import fasttok as ft
from fasttok.core.ragged import Ragged
from fasttok.counts.characters import count_characters
from fasttok.models.coverage import CharacterChoice, choose_characters_automatically
from fasttok.models.merging.engine import learn_merges
from fasttok.models.merging.orders import Frequency
from tests import oracles

LETTERS = "ab\u00e9\u0431\u3042\u754c\U0001f600\0"


def choose(counts: dict[str, int], merged: list[str], frequencies: list[int], budget: int) -> CharacterChoice:
    characters = np.array([ord(c) for c in counts], np.int64)
    totals = np.array(list(counts.values()), np.int64)
    strings = Ragged.from_rows([[ord(c) for c in text] for text in merged])
    return choose_characters_automatically(
        characters, totals, strings, np.array(frequencies, np.int64), budget
    )


def choose_by_merging(
    counts: ft.PretokenCounts, budget: int
) -> tuple[list[str], np.ndarray, CharacterChoice]:
    merged, frequencies = learn(counts, budget)
    totals = count_characters(counts)
    by_text = {chr(c): int(totals[c]) for c in np.flatnonzero(totals).tolist()}
    return merged, frequencies, choose(by_text, merged, frequencies[:, 0].tolist(), budget)


def pieces(tok: ft.Tokenizer) -> list[str]:
    """Return the pieces of a tokenizer with byte pieces, without these."""
    texts = [piece.decode() for piece in tok.model.pieces.to_bytes()]
    return [text for text in texts if text and not (len(text) == 6 and text.startswith("<0x"))]


def learn(counts: ft.PretokenCounts, budget: int) -> tuple[list[str], np.ndarray]:
    """Return the strings of the merges of characters, and the frequencies that `learn_merges` writes."""
    alphabet, symbols = np.unique(counts.code_points, return_inverse=True)
    n, frequencies = len(alphabet), np.zeros((budget, 2), np.int64)
    merges = learn_merges(
        Ragged(symbols.astype(np.uint32), counts.offsets),
        counts.counts,
        n,
        n + budget,
        max_length=16,
        order=Frequency("shortest"),
        frequencies=frequencies,
    )
    strings = [chr(c) for c in alphabet.tolist()]
    for left, right in merges.tolist():
        strings.append(strings[left] + strings[right])
    return strings[n:], frequencies[: len(merges)]


def test_every_choice_is_compared():
    rng = random.Random(5)
    for _ in range(400):
        letters = rng.sample(LETTERS, rng.randint(1, len(LETTERS)))
        counts = {c: rng.choice([1, 2, 3, 10, 50]) for c in letters}
        usable = [c for c in letters if c != "\0"] or ["a"]
        merged = list(
            {"".join(rng.choices(usable, k=rng.randint(2, 3))): 0 for _ in range(rng.randint(0, 8))}
        )
        frequencies = sorted((rng.randint(1, 20) for _ in merged), reverse=True)
        budget = rng.randint(0, 12)
        found = choose(counts, merged, frequencies, budget)
        expected = oracles.choose_characters(counts, merged, frequencies, budget)
        assert (found.gain, found.n_merges, "".join(map(chr, found.characters))) == expected
        assert found.n_bytes == sum(n * len(c.encode()) for c, n in counts.items())
        assert found.n_in_merges == len(set("".join(merged[: found.n_merges])))


def test_the_number_of_tokens_is_that_of_bytes_less_the_gain():
    rng = random.Random(6)
    for _ in range(60):
        words = {"".join(rng.choices(LETTERS[:7], k=rng.randint(1, 8))): rng.randint(1, 9) for _ in range(12)}
        counts = ft.PretokenCounts.from_dict(words)
        budget = rng.randint(1, 20)
        merged, frequencies, choice = choose_by_merging(counts, budget)
        known = {chr(c) for c in choice.characters}
        n_tokens = 0
        for word, n in words.items():
            row = oracles.merge_characters(word, merged[: choice.n_merges])
            n_tokens += n * sum(1 if len(t) > 1 or t in known else len(t.encode()) for t in row)
        overlaps = frequencies[: choice.n_merges]
        assert n_tokens == choice.n_bytes - choice.gain + int((overlaps[:, 0] - overlaps[:, 1]).sum())


@pytest.mark.parametrize(
    ("file", "n_bytes", "vocab_size"),
    [
        ("prose/botchan_en.txt", 250_000, 1000),
        ("prose/wagahai.txt", 300_000, 1500),
        ("languages/km.txt", 300_000, 600),
        ("languages/ko.txt", 200_000, 1000),
        ("languages/ru.txt", 300_000, 900),
        ("code/go.txt", 300_000, 700),
    ],
)
def test_the_pieces_are_those_of_sentencepiece(shared, file, n_bytes, vocab_size):
    with open(shared / "data" / file, encoding="utf-8", newline="\n") as source:
        lines = [line for line in source.read(n_bytes).split("\n")[:-1] if 0 < len(line.encode()) <= 4192]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        model_type="bpe",
        vocab_size=vocab_size,
        byte_fallback=True,
        auto_character_coverage=True,
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    n_reserved = 256 + 3
    theirs = [processor.id_to_piece(i) for i in range(n_reserved, len(processor))]
    counts = ft.count_pretokens(ft.Corpus.from_texts(lines), "sentencepiece", "nmt_nfkc")
    merged, _, choice = choose_by_merging(counts, vocab_size - n_reserved)
    assert merged[: choice.n_merges] + [chr(c) for c in choice.characters] == theirs


def test_characters_of_unigram():
    rng = random.Random(7)
    letters = [chr(c) for c in (0x61, 0x62, 0xE9, 0x431, *range(0x3042, 0x3052), 0x1F600)]
    for _ in range(8):
        words = {"".join(rng.choices(letters, k=rng.randint(1, 6))): rng.randint(1, 9) for _ in range(40)}
        n_pieces = rng.randint(15, 30)
        row = [([ord(c) for c in word], n) for word, n in words.items()]
        alphabet = sorted(set("".join(words)))
        numbers = {ord(c): i for i, c in enumerate(alphabet)}
        row = [([numbers[c] for c in word], n) for word, n in row]
        merges = oracles.learn_merges(
            row, len(alphabet), len(alphabet) + n_pieces, max_length=16, ties="shortest"
        )
        strings = list(alphabet)
        for left, right, _ in merges:
            strings.append(strings[left] + strings[right])
        counted = oracles.count_merges(row, merges)
        totals = {c: sum(word.count(c) * n for word, n in words.items()) for c in alphabet}
        frequencies = [frequency for frequency, _ in counted]
        *_, chosen = oracles.choose_characters(totals, strings[len(alphabet) :], frequencies, n_pieces)
        counts = ft.PretokenCounts.from_dict(words)
        tok = ft.train(counts, model="unigram", vocab_size=257 + n_pieces, character_coverage="auto")
        assert {text for text in pieces(tok) if len(text) == 1} == set(chosen)
        assert tok.model.byte_fallback
        assert tok.provenance["trainer"]["byte_fallback"] is True
        assert all(tok.decode(tok.encode(word)) == word for word in words)


def test_user_defined_pieces_take_no_part():
    words = {"\u3042\u3044\u3042\u3044": 9, "x\u3042\u3042": 5, "\u3044\ud55c": 2, "\0\udcff": 3}
    counts = ft.PretokenCounts.from_dict(
        {text.encode(errors="surrogateescape"): n for text, n in words.items()}
    )
    options = {"vocab_size": 262, "character_coverage": "auto", "user_defined": ["\u3042", "x\u3042"]}
    tok = ft.train(counts, model="unigram", **options)
    # Without them, the text is \u3044 (twice, 9 times), \u3042 after "x\u3042", and \u3044\ud55c.
    assert sorted(pieces(tok)) == ["x\u3042", "\u3042", "\u3044", "\u3044\ud55c", "\ud55c"]


def test_nothing_to_choose_from():
    choice = choose({}, [], [], 5)
    assert (choice.n_merges, len(choice.characters), choice.gain, choice.n_bytes) == (0, 0, 0, 0)


def test_a_character_of_one_byte_needs_no_id():
    choice = choose({"a": 10, "\0": 3, "\udcff": 4, "\u00e9": 1}, [], [], 5)
    assert choice.characters.tolist() == [0xE9]
    assert (choice.gain, choice.n_bytes) == (1, 19)


def test_counts_beyond_64_bits():
    counts = {"\U0001f600": 1 << 62, "\u3042": 1 << 61, "\u00e9": (1 << 62) + 1}
    choice = choose(counts, [], [], 2)
    # The gain of the second character is less than that of the third.
    assert [chr(c) for c in choice.characters] == ["\U0001f600", "\u00e9"]
    assert choice.gain == 3 * (1 << 62) + (1 << 62) + 1


def test_of_equal_gains_the_one_with_more_merges_is_chosen():
    assert choose({"\u00e9": 2, "a": 9, "b": 9}, ["ab"], [2], 3).n_merges == 1


def test_wrong_arguments():
    with pytest.raises(ValueError, match="budget must be at least 0"):
        choose({}, [], [], -1)
    with pytest.raises(ValueError, match="one entry per merge"):
        choose({"a": 1}, ["aa"], [], 3)
    empty = np.zeros(0, np.int64)
    with pytest.raises(ValueError, match="totals must have one entry per character"):
        choose_characters_automatically(np.array([97]), empty, Ragged.from_rows([]), empty, 1)
