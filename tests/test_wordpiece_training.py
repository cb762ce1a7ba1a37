"""WordPiece training: each method compared with the oracle and tokenizers; properties of trained models.

FASTTOK_FUZZ multiplies the random corpora.
"""

from __future__ import annotations

import itertools
import random
import warnings

import pytest
import tokenizers

import fasttok as ft
from tests import hostile, oracles
from tests.conftest import FUZZ, ROOT

METHODS = ("frequency", "likelihood", "greedy")
SHORT = ["".join(w) for n in range(1, 7) for w in itertools.product("ab", repeat=n)]


def learn(words: dict[str, int], vocab_size: int, special=("[UNK]",), **options) -> list[str]:
    """Return the pieces by id, including special tokens; ignore warnings about too few pieces."""
    trainer = ft.WordPieceTrainer(vocab_size, special_tokens=special, unk=special[0], **options)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the vocabulary has|some of the .* are skipped")
        trained = trainer.train(ft.PretokenCounts.from_dict(words))
    pieces = [bytes(piece).decode() for piece in trained.model.pieces]
    assert not any(pieces[: len(special)])
    assert trained.special_tokens == {token: i for i, token in enumerate(special)}
    return [*special, *pieces[len(special) :]]


def learn_by_oracle(words: dict[str, int], vocab_size: int, method: str, **options) -> list[str]:
    if method == "greedy":
        return oracles.learn_wordpieces_greedily(words, vocab_size, **options)
    return oracles.merge_wordpieces(words, vocab_size, method == "likelihood", **options)[0]


def random_words(rng: random.Random, alphabet: str, n: int = 12, longest: int = 8, most: int = 30):
    words = {"".join(rng.choices(alphabet, k=rng.randint(1, longest))) for _ in range(rng.randint(1, n))}
    return {word: rng.randint(1, most) for word in sorted(words)}


@pytest.mark.parametrize("method", METHODS)
def test_all_strings_of_two_letters_up_to_length_6(method):
    minimum = "lowest" if method == "greedy" else "min_count"
    for word in SHORT:
        words = {word: 3, "ab": 2}
        for vocab_size in (8, 30):
            expected = learn_by_oracle(words, vocab_size, method, **{minimum: 1})
            assert learn(words, vocab_size, method=method, min_frequency=1) == expected, word


@pytest.mark.parametrize("method", ["frequency", "likelihood"])
@pytest.mark.parametrize("prefix", ["##", "", "#", "<c>", "ab"])
def test_merging_methods_on_random_corpora(method, prefix):
    rng = random.Random(61)
    for _ in range(60 * FUZZ):
        words = random_words(rng, rng.choice(["ab", "ab#", "abc<>", "aé東😀"]))
        n = len(oracles.initial_vocabulary(words, prefix, ["[UNK]", "ab", prefix + "ba"]))
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
        assert found == learn_by_oracle(
            words, vocab_size, method, min_count=least, max_length=longest, **shared
        ), words


@pytest.mark.parametrize("prefix", ["##", "", "#", "ab"])
def test_greedy_on_random_corpora(prefix):
    rng = random.Random(62)
    for _ in range(80 * FUZZ):
        words = random_words(rng, rng.choice(["ab", "ab#", "abc", "aé東😀"]), rng.choice([5, 40]))
        options = {
            "lowest": rng.choice([1, 2, 10]),
            "limit": rng.choice([1000, 3]),
            "longest": rng.choice([50, 5]),
        }
        special = ["[UNK]", *(["ab", prefix + "ba"] if rng.random() < 0.3 else [])]
        vocab_size = rng.choice([15, 20, 60])
        if min(map(len, words)) > options["longest"]:
            continue
        found = learn(
            words,
            vocab_size,
            special,
            method="greedy",
            min_frequency=options["lowest"],
            limit_alphabet=options["limit"],
            max_piece_length=options["longest"],
            continuing_subword_prefix=prefix,
        )
        shared = {"prefix": prefix, "special": special}
        assert found == learn_by_oracle(words, vocab_size, "greedy", **options, **shared), words


@pytest.mark.parametrize("method", METHODS)
def test_natural_text(method):
    """Real text, including rare words; only few pieces, because the oracle is slow."""
    text = (ROOT / "docs/tutorial/first_tokenizer.md").read_text()
    text += "".join(hostile.texts(150, seed=63)).replace("\0", "")
    counts = ft.count_pretokens(ft.Corpus.from_texts([text]), "whitespace_split")
    words = {word.decode(): n for word, n in counts.to_dict().items()}
    n = len(oracles.initial_vocabulary(words, "##", ["[UNK]"]))
    options = {"min_frequency": 2, "vocab_size": n + 20, "method": method}
    if method == "greedy":
        options |= {"limit_alphabet": n, "max_piece_length": 100}
        expected = learn_by_oracle(words, n + 20, method, lowest=2, limit=n, longest=100)
    else:
        expected = learn_by_oracle(words, n + 20, method, min_count=2)
    assert learn(words, **options) == expected


def test_frequency_equals_tokenizers_without_ties():
    """tokenizers breaks ties at random, and orders ids after the characters by a hash table."""
    rng = random.Random(64)
    n_compared = 0
    while n_compared < 25:
        words = random_words(rng, rng.choice(["abc", "abcdé", "ab東#"]), 60, 6, 999)
        if any(word.startswith("##") for word in words):
            continue  # in tokenizers, two pieces could have the same name
        vocab_size = len(oracles.initial_vocabulary(words, "##", ["[UNK]"])) + rng.choice([5, 15])
        expected, was_tied = oracles.merge_wordpieces(words, vocab_size)
        if was_tied:
            continue
        n_compared += 1
        tok = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))  # noqa: S106
        tok.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
        trainer = tokenizers.trainers.WordPieceTrainer(
            vocab_size=vocab_size, special_tokens=["[UNK]"], show_progress=False
        )
        tok.train_from_iterator([" ".join([word] * n) for word, n in words.items()], trainer)
        theirs = tok.get_vocab()
        n_characters = len(set("".join(words)))
        assert sorted(theirs, key=theirs.get)[: n_characters + 1] == expected[: n_characters + 1]
        ours = learn(words, vocab_size)
        assert set(ours) == set(theirs)
        text = " ".join(words)
        model = ft.WordPieceModel(["", *ours[1:]], unk_id=0)
        ids = ft.Tokenizer(model, "whitespace_split", {"[UNK]": 0}).encode(text)
        assert [ours[i] for i in ids] == tok.encode(text).tokens


# Trained models

TEXT = "It's the newest and the widest, naïve 東京 12345\n" * 3 + "the cat sat on the mat. " * 20


@pytest.mark.parametrize("method", METHODS)
def test_training_with_default_special_tokens(method):
    counts = ft.count_pretokens(ft.Corpus.from_texts([TEXT]), "bert")
    tok = ft.train(counts, model="wordpiece", vocab_size=47, method=method)
    assert tok.vocab_size == 47
    assert tok.special_tokens == {"[UNK]": 0}
    assert tok.model.unk_id == 0
    assert tok.decode(tok.encode("the newest mat")) == "the newest mat"
    assert 0 in tok.encode("the ∂ cat")
    assert tok.provenance["trainer"]["method"] == method


def test_the_special_tokens_of_bert():
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    corpus = ft.Corpus.from_texts([TEXT, "[MASK] [CLS]" * 9])
    with pytest.warns(UserWarning, match="the vocabulary has"):
        tok = ft.train(
            corpus, model="wordpiece", pretokenizer="bert", special_tokens=special, split_special=False
        )
    assert tok.special_tokens == {token: i for i, token in enumerate(special)}
    assert tok.model.unk_id == 1
    assert tok.encode("[MASK]").tolist() == [tok.piece_to_id(piece) for piece in ("[", "MASK", "]")]


def test_no_piece_has_the_name_of_a_special_token():
    words = {"[UNK]": 50, "x[UNK]": 50, "##ing": 40}
    for method in METHODS:
        pieces = learn(words, 60, ("[UNK]", "##ng"), method=method, min_frequency=2)
        assert len(set(pieces)) == len(pieces)
    # Without an unknown token, "[UNK]" is not a special token, so it may be a piece.
    model = ft.WordPieceTrainer(28, unk=None).train(ft.PretokenCounts.from_dict(words)).model
    assert model.unk_id is None
    assert b"[UNK]" in model.pieces.to_bytes()


@pytest.mark.parametrize("method", METHODS)
def test_skipped_words_are_counted_in_a_warning(method):
    is_greedy = method == "greedy"
    words = {b"low": 20, b"lo\xff": 30, b"\x00": 4, "東京".encode(): 1, b"l" * 60: 2}
    counts = ft.PretokenCounts.from_dict(words)
    with pytest.warns(
        UserWarning, match="some of the 5 distinct pretokens are skipped: 2 that contain U"
    ) as caught:
        model = (
            ft.WordPieceTrainer(
                7 if is_greedy else 8,
                method=method,
                limit_alphabet=3,
                max_piece_length=50 if is_greedy else None,
            )
            .train(counts)
            .model
        )
    message = str(caught[0].message)
    assert "not UTF-8 (34 occurrences)" in message
    assert "1 that contain a character that is not among the 3 most frequent (1 occurrences)" in message
    assert ("1 that are longer than 50 characters (2 occurrences)" in message) == is_greedy
    assert model.pieces.to_bytes()[1:4] == [b"l", b"o", b"w"]


@pytest.mark.parametrize("method", METHODS)
def test_no_pretokens(method):
    with pytest.raises(ValueError, match="the corpus is empty"):
        ft.train(ft.Corpus.from_texts([""]), model="wordpiece", method=method)
    with (
        pytest.raises(ValueError, match="all of them are skipped"),
        pytest.warns(UserWarning, match="1 that contain U\\+0000"),
    ):
        ft.train(ft.Corpus.from_texts([b"\xff\x00"]), model="wordpiece", method=method)


@pytest.mark.parametrize("method", METHODS)
def test_vocab_size_limits(method):
    counts = ft.PretokenCounts.from_dict({"abc": 50, "ba": 40})
    match = (
        r"vocab_size must be at least 7 \(3 characters, 3 characters with the prefix, and 1 special tokens\)"
    )
    with pytest.raises(ValueError, match=match):
        ft.train(counts, model="wordpiece", vocab_size=6, method=method)
    assert ft.train(counts, model="wordpiece", vocab_size=7, method=method).vocab_size == 7
    with pytest.warns(
        UserWarning,
        match="the vocabulary has .* ids, not 30: no (other pair occurs|threshold of at least 10)",
    ):
        tok = ft.train(counts, model="wordpiece", vocab_size=30, method=method)
    assert tok.count("abc") == 1


@pytest.mark.parametrize("method", METHODS)
def test_counts_beyond_32_bits(method):
    words = {"abab": 1 << 40, "baa": (1 << 40) + 1, "aab": 3 << 50}
    expected = learn_by_oracle(words, 9, method)
    assert learn(words, 9, method=method) == expected


@pytest.mark.parametrize("method", METHODS)
def test_a_word_of_a_million_characters(method):
    word = "".join(random.Random(65).choices("abcdefgh", k=1_000_000))
    pieces = learn({word: 1, "abc": 30, "dab": 20}, 60, method=method)
    assert len(pieces) == (1 + 4 + 3 + 2 if method == "greedy" else 60)  # "greedy" skips the word


def test_the_model_does_not_depend_on_threads():
    rng = random.Random(66)
    counts = ft.PretokenCounts.from_dict(random_words(rng, "abcdefg", 20_000, 9))
    models = [
        ft.WordPieceTrainer(900, method="greedy").train(counts, workers=workers).model.to_dict()
        for workers in (1, 2, 7)
    ]
    assert models[1:] == models[:1] * 2


def test_invalid_options():
    good = {"vocab_size": 300}
    for options, message in (
        ({"vocab_size": 1}, r"vocab_size must be at least 2 \(1 special tokens and one character\)"),
        ({"method": "best"}, "method must be .frequency., .likelihood. or .greedy."),
        ({"min_frequency": 0}, "min_frequency must be at least 1"),
        ({"limit_alphabet": 0}, "limit_alphabet must be at least 1"),
        ({"max_piece_length": 1}, "max_piece_length must be at least 2"),
        ({"special_tokens": ["a", "a"]}, "twice"),
        ({"unk": ""}, "must not be empty"),
    ):
        with pytest.raises(ValueError, match=message):
            ft.WordPieceTrainer(**{**good, **options})
    for options in (
        {"vocab_size": 1.5},
        {"min_frequency": "a"},
        {"special_tokens": "abc"},
        {"unk": b"[UNK]"},
        {"continuing_subword_prefix": None},
    ):
        with pytest.raises(TypeError):
            ft.WordPieceTrainer(**{**good, **options})
