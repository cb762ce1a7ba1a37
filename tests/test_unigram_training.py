"""Unigram training: kernels against naive sums over all segmentations, and properties of trained models."""

from __future__ import annotations

import itertools
import json
import math
import random
import string

import numpy as np
import pytest

import fasttok as ft
from fasttok.models._cache import PretokenCache
from fasttok.models.unigram import lattices as module
from fasttok.models.unigram.alphabet import choose_characters, to_symbols
from fasttok.models.unigram.lattices import Lattices
from fasttok.models.unigram.pruning import LEAST, estimate_losses, keep_best, penalize
from fasttok.models.unigram.seeds import seed_with_bpe, seed_with_substrings
from tests import hostile, oracles

SHORT = ["".join(w) for n in range(1, 9) for w in itertools.product("ab", repeat=n)]


def random_words(seed: int, alphabet: str = "abc", n: int = 20, longest: int = 8) -> dict[str, int]:
    rng = random.Random(seed)
    words = {"".join(rng.choices(alphabet, k=rng.randint(1, longest))) for _ in range(n)}
    return {word: rng.randint(1, 50) for word in sorted(words)}


def build_lattices(
    words: dict[str, int],
    max_length: int = 16,
    n_seeds: int = 1000,
    find_seeds=seed_with_substrings,
    excluded=(),
):
    """Return the lattices of words with seed pieces, and the weights and texts of the pieces."""
    counts = ft.PretokenCounts.from_dict(words)
    corpus = to_symbols(counts, choose_characters(counts, 1))
    lattices, weights = find_seeds(corpus, n_seeds, max_length, corpus.symbols_of(excluded), 2)
    return lattices, weights, texts_of(lattices, corpus.characters)


def texts_of(lattices: Lattices, characters: np.ndarray) -> list[str]:
    return ["".join(chr(c) for c in characters[symbols]) for symbols in lattices.strings()]


def arcs_of(lattices: Lattices, texts: list[str]) -> list[tuple[int, str, list[str]]]:
    """Return the slice of every node, the text up to it, and the texts of its arcs."""
    tree, found = lattices.tree, []
    symbols, offsets = lattices.words.values, lattices.offsets
    slice_of = np.searchsorted(tree.slices, np.arange(len(tree.starts)), side="right") - 1
    for w, (start, length, shared) in enumerate(zip(tree.starts, tree.lengths, tree.shared, strict=True)):
        word = "".join(texts[i] for i in symbols[start : start + length].tolist())
        for depth in range(shared + 1, length + 1):
            node = tree.nodes[w] + depth - shared - 1
            arcs = lattices.arcs[offsets[node] : offsets[node + 1]].tolist()
            names = [texts[arc & 0xFFFFFF] for arc in arcs]
            assert [arc >> 24 for arc in arcs] == list(map(len, names))
            found.append((int(slice_of[w]), word[:depth], names))
    return found


CORPORA = [
    dict.fromkeys(SHORT, 1),
    *map(random_words, range(30)),
    random_words(99, string.printable, 200, 40),
]


@pytest.mark.parametrize("words", CORPORA)
@pytest.mark.parametrize("max_length", [2, 3, 16])
def test_seed_substrings_match_naive_search(words, max_length):
    _, weights, texts = build_lattices(words, max_length)
    n_characters = sum(len(text) == 1 for text in texts)
    expected = oracles.substrings(words, max_length)
    frequent = {text: count for text, count in expected.items() if count > 1}
    found = dict(zip(texts[n_characters:], weights[n_characters:].tolist(), strict=True))
    if len(frequent) < 1000:
        assert found == {text: count * len(text) for text, count in frequent.items()}
    else:
        best = sorted((count * len(text) for text, count in frequent.items()), reverse=True)[:1000]
        assert sorted(found.values(), reverse=True) == best
    assert sorted(map(len, texts)) == list(map(len, texts))


@pytest.mark.parametrize("slice_nodes", [1, 30, 1 << 12])
@pytest.mark.parametrize("words", CORPORA)
def test_arcs_are_all_occurrences_of_all_pieces(words, slice_nodes, monkeypatch):
    monkeypatch.setattr(module, "SLICE_NODES", slice_nodes)
    monkeypatch.setattr(module, "CALL_SLICES", 2)
    monkeypatch.setattr(module, "ARCS_PER_NODE", 1)
    lattices, _, texts = build_lattices(words)
    found, known = arcs_of(lattices, texts), set(texts)
    # Each prefix of a word is one node, but may be in several slices.
    assert len({(i, prefix) for i, prefix, _ in found}) == len(found)
    assert {prefix for _, prefix, _ in found} == {word[:i] for word in words for i in range(1, len(word) + 1)}
    for _, prefix, arcs in found:
        assert arcs == [prefix[i:] for i in range(len(prefix)) if prefix[i:] in known]


def test_bpe_seeds_are_the_pieces_of_bpe():
    words = random_words(5, "abcd", 60, 12)
    _, weights, texts = build_lattices(words, n_seeds=40, find_seeds=seed_with_bpe)
    counts = ft.PretokenCounts.from_dict(words)
    tok = ft.train(counts, vocab_size=44, units="character")
    assert sorted(texts) == sorted(piece.decode() for piece in tok.model.pieces.to_bytes())
    occurrences = {
        text: sum(count * count_overlapping(word, text) for word, count in words.items()) for text in texts
    }
    assert weights.tolist() == [occurrences[text] * len(text) for text in texts]


def count_overlapping(word: str, text: str) -> int:
    return sum(word.startswith(text, i) for i in range(len(word)))


@pytest.mark.parametrize("slice_nodes", [7, 1 << 12])
@pytest.mark.parametrize("words", CORPORA[:-1])
def test_expected_counts_match_naive_sums(words, slice_nodes, monkeypatch):
    monkeypatch.setattr(module, "SLICE_NODES", slice_nodes)
    lattices, weights, texts = build_lattices(words)
    probabilities = weights / weights.sum()
    expected, log_likelihood = lattices.expect(probabilities)
    by_text = dict(zip(texts, probabilities.tolist(), strict=True))
    naive, naive_likelihood = oracles.expected_pieces(words, by_text)
    np.testing.assert_allclose(expected, [naive[text] for text in texts], rtol=1e-9, atol=1e-9)
    assert log_likelihood == pytest.approx(naive_likelihood, rel=1e-12)


def test_words_whose_probability_underflows():
    # With single characters as pieces, the probability of a word is about 1e-24,000, and the expected counts
    # are the counts of the characters.
    words = {"ab" * 3000: 3, "a" * 6001: 1}
    lattices, _, texts = build_lattices(words, max_length=1)
    expected, log_likelihood = lattices.expect(np.full(2, 1e-4))
    assert dict(zip(texts, expected.tolist(), strict=True)) == pytest.approx({"a": 15001, "b": 9000})
    assert log_likelihood == pytest.approx(24001 * math.log(1e-4))
    # With a piece of two characters, the number of paths is a Fibonacci number.
    lattices, _, texts = build_lattices({"a" * 2000: 2}, max_length=2)
    p = np.array([0.001, 0.000_001])
    expected, log_likelihood = lattices.expect(p)
    fibonacci = [1, 1]
    while len(fibonacci) < 2001:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    assert log_likelihood == pytest.approx(2 * (math.log(fibonacci[2000]) + 2000 * math.log(0.001)))
    assert expected @ [1, 2] == pytest.approx(4000)
    assert texts == ["a", "aa"]


@pytest.mark.parametrize("words", CORPORA[:-1])
def test_expected_counts_if_all_probabilities_are_tiny(words):
    # A factor per character changes the likelihood, but not the expected counts.
    lattices, weights, texts = build_lattices(words, max_length=2)
    probabilities, lengths = weights / weights.sum(), np.array(list(map(len, texts)))
    naive, naive_likelihood = oracles.expected_pieces(
        words, dict(zip(texts, probabilities.tolist(), strict=True))
    )
    n_characters = sum(len(word) * count for word, count in words.items())
    for factor in (1e-40, 1e-60, 1e-90):
        expected, log_likelihood = lattices.expect(probabilities * factor**lengths)
        np.testing.assert_allclose(expected, [naive[text] for text in texts], rtol=1e-9, atol=1e-9)
        assert log_likelihood == pytest.approx(naive_likelihood + n_characters * math.log(factor), rel=1e-12)


@pytest.mark.parametrize("slice_nodes", [7, 1 << 12])
@pytest.mark.parametrize("words", CORPORA[:-1])
def test_best_segmentations_and_losses_match_naive_search(words, slice_nodes, monkeypatch):
    monkeypatch.setattr(module, "SLICE_NODES", slice_nodes)
    lattices, weights, texts = build_lattices(words)
    n_characters = sum(len(text) == 1 for text in texts)
    scores = np.log(weights / weights.sum())
    by_text = dict(zip(texts, scores.tolist(), strict=True))
    occurrences = lattices.count_best(scores)
    naive = oracles.best_pieces(words, by_text)
    assert occurrences.tolist() == [naive[text] for text in texts]
    for token_cost in (0, 1.5):
        losses = estimate_losses(lattices, scores, occurrences, n_characters, token_cost)
        assert losses[:n_characters].tolist() == [np.inf] * n_characters
        expected = [oracles.loss_without(text, naive, by_text, token_cost) for text in texts[n_characters:]]
        np.testing.assert_allclose(losses[n_characters:], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_keep_removes_the_arcs_of_other_pieces(seed):
    words = random_words(seed)
    lattices, _, texts = build_lattices(words)
    is_kept = np.random.default_rng(seed).random(len(texts)) < 0.5
    is_kept[: len(set("".join(words)))] = True
    before = arcs_of(lattices, texts)
    lattices.keep(is_kept)
    kept = [text for text, keep in zip(texts, is_kept, strict=True) if keep]
    assert arcs_of(lattices, kept) == [
        (*at, [text for text in row if text in set(kept)]) for *at, row in before
    ]


@pytest.mark.parametrize("find_seeds", [seed_with_substrings, seed_with_bpe])
def test_excluded_strings_are_not_seeds(find_seeds):
    words = {"<0x41>ab": 40, "<0x4": 3, "ab": 9, "b<0x41>": 20}
    _, _, texts = build_lattices(words, find_seeds=find_seeds)
    _, _, others = build_lattices(words, find_seeds=find_seeds, excluded=["<0x41>", "b<", "ab", "zz", "<"])
    assert {"<0x41>", "ab"} <= set(texts)
    assert others == [text for text in texts if text not in ("<0x41>", "b<", "ab")]


def test_rescaling_with_a_long_and_many_short_pieces():
    # Sums of short pieces are negligible here, and rescaling must not overflow the sums of the long piece.
    word = "".join(chr(0x4E00 + i) for i in range(200))
    lattices, _, texts = build_lattices({word: 1_000_000, word[50:]: 2}, max_length=254)
    for share in (0.9, 1e-12, 1e-300):
        p = np.where(np.array(list(map(len, texts))) == 1, 1e-6, share)
        expected, log_likelihood = lattices.expect(p)
        by_text = dict(zip(texts, expected.tolist(), strict=True))
        assert by_text[word] == pytest.approx(1_000_000, rel=1e-3)
        assert by_text[word[50:]] == pytest.approx(2, rel=1e-3)
        assert log_likelihood == pytest.approx(1_000_002 * math.log(share), rel=1e-4)
    # Paths of all orders of magnitude.
    lattices, _, texts = build_lattices({"a" * 250: 1}, max_length=250, n_seeds=1000)
    p = np.array([1e-9 if len(text) < 125 else 1e-20 for text in texts])
    expected, log_likelihood = lattices.expect(p)
    assert np.isfinite(log_likelihood)
    assert expected @ [len(text) for text in texts] == pytest.approx(250)


def test_counts_near_2_to_the_62():
    for options in ({}, {"method": "mingram"}, {"initial_pieces": "bpe"}):
        counts = ft.PretokenCounts.from_dict({"a" * 300: 2**52, "ab": 2**50, "b": 5})
        tok = ft.train(counts, model="unigram", vocab_size=5, character_coverage=1, **options)
        assert tok.decode(tok.encode("aaaabab")) == "aaaabab"
    with pytest.raises(OverflowError, match=r"the corpus has 2\^62 characters or more"):
        ft.train(ft.PretokenCounts.from_dict({"a" * 300: 2**54}), model="unigram", vocab_size=10)


def test_text_equal_to_the_name_of_a_byte_piece():
    texts = ["<0x41> abc <0x41> abcd <0x41>"] * 50
    for options in ({}, {"method": "mingram"}, {"initial_pieces": "bpe"}):
        with pytest.warns(UserWarning, match="too few pieces occur often enough"):
            tok = train(texts, vocab_size=300, byte_fallback=True, pretokenizer="whitespace", **options)
        assert tok.decode(tok.encode(texts[0] + " <0x42>")) == texts[0] + " <0x42>"


def test_user_defined_pieces_that_never_match_warn():
    for text in ("cat sat", "ﬁ", "a<b"):
        with pytest.warns(UserWarning, match=f"user-defined piece '{text}' will never match"):
            train(
                [TEXT],
                vocab_size=19,
                user_defined=[text],
                pretokenizer="sentencepiece",
                normalizer="nmt_nfkc",
                character_coverage=0.8,
            )


def test_em_never_decreases_the_likelihood():
    for seed in range(10):
        lattices, weights, _ = build_lattices(random_words(seed, "abcde", 60, 12))
        probabilities = weights / weights.sum()
        before = -np.inf
        for _ in range(20):
            expected, log_likelihood = lattices.expect(probabilities)
            assert log_likelihood >= before - 1e-9 * abs(log_likelihood)
            before = log_likelihood
            probabilities = expected / expected.sum()


def test_keep_best():
    importance = np.array([3.0, np.inf, -np.inf, 3, 1])
    assert keep_best(importance, 2, 0).tolist() == [True, True, False, False, False]
    assert keep_best(importance, 5, 0).tolist() == [True, True, False, True, True]
    assert keep_best(importance, 3, 3).tolist() == [True, True, True, False, False]


def test_keep_best_is_a_stable_sort():
    rng = random.Random(9)
    for _ in range(300):
        n = rng.randint(1, 40)
        values = np.array([rng.choice([0.0, 1.0, 2.0, rng.random(), np.inf, -np.inf]) for _ in range(n)])
        n_kept, n_characters = rng.randint(0, n + 1), rng.randint(0, n)
        rank = [np.inf if i < n_characters else values[i] for i in range(n)]
        best = sorted(range(n), key=lambda i: (-rank[i], i))[:n_kept]
        found = np.flatnonzero(keep_best(values, n_kept, n_characters))
        assert found.tolist() == sorted(i for i in best if rank[i] > -np.inf)


def test_a_penalty_removes_the_rarest_pieces():
    rng = random.Random(8)
    for _ in range(200):
        expected = [rng.choice([0.0, 0.25, 1, 2, rng.uniform(0, 9)]) for _ in range(rng.randint(1, 12))]
        n_characters = rng.randint(0, len(expected))
        n = rng.randint(n_characters, len(expected))
        others = sorted(range(n_characters, len(expected)), key=lambda i: (-expected[i], i))
        kept = [*range(n_characters), *sorted(others[: n - n_characters])]
        penalty = max((expected[i] for i in others[n - n_characters :]), default=0)
        counts = [max(expected[i] - (penalty if i >= n_characters else 0), LEAST) for i in kept]
        found, found_counts = penalize(np.array(expected, np.float64), n, n_characters)
        assert np.flatnonzero(found).tolist() == kept
        assert found_counts.tolist() == counts


def test_sparse_pruning_keeps_what_explains_the_text():
    # Substrings of the word alone are explained by it, so that nothing remains of them without a penalty.
    words = {"abcdefgh": 500, "xy": 300, "xz": 200, **dict.fromkeys("abcdefghxyz", 1)}
    counts = ft.PretokenCounts.from_dict(words)
    tok = ft.train(counts, model="unigram", vocab_size=15, pruning="sparse", shrinking_factor=0.5)
    pieces = {piece.decode() for piece in tok.model.pieces.to_bytes()}
    assert pieces >= {"abcdefgh", "xy", "xz", *"abcdefghxyz"}


# Alphabets


def test_characters_are_chosen_until_coverage():
    counts = ft.PretokenCounts.from_dict({"aaaa": 20, "b": 15, "c": 5, "d\0": 1, b"\xff": 100})
    for coverage, expected in ((1, "abcd"), (0.99, "abc"), (0.95, "abc"), (0.94, "ab"), (0.79, "a")):
        assert "".join(map(chr, choose_characters(counts, coverage))) == expected, coverage


def test_words_are_split_at_unknown_characters_and_separators():
    counts = ft.PretokenCounts.from_dict({"abxba": 5, "xx": 2, "ba": 1, "xa": 3, "bx": 4})
    corpus = to_symbols(counts, np.array([ord("a"), ord("b")], np.uint32))
    rows = zip(corpus.words, corpus.counts, strict=True)
    found = sorted(("".join("ab"[i] for i in row), n) for row, n in rows)
    assert found == [("a", 3), ("ab", 5), ("b", 4), ("ba", 1), ("ba", 5)]
    corpus = to_symbols(counts, np.array([ord("a"), ord("b"), ord("x")], np.uint32), ["bx", "bxb"])
    rows = zip(corpus.words, corpus.counts, strict=True)
    found = sorted(("".join("abx"[i] for i in row), n) for row, n in rows)
    assert found == [("a", 5), ("a", 5), ("ba", 1), ("xa", 3), ("xx", 2)]


# Training

TEXT = "It's the newest and the widest, naïve 東京 12345\n" * 3 + "the cat sat on the mat. " * 20


def train(texts=(TEXT,), **options):
    return ft.train(ft.Corpus.from_texts(list(texts)), model="unigram", **options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"initial_pieces": "bpe"},
        {"pruning": "final"},
        {"pruning": "sparse"},
        {"token_cost": 0},
        {"method": "mingram"},
    ],
    ids=str,
)
def test_training(options, english):
    counts = ft.count_pretokens(ft.Corpus.from_texts([english[: 1 << 20].decode(errors="ignore")]))
    tok = ft.train(counts, model="unigram", vocab_size=2000, **options)
    assert tok.vocab_size == 2000
    assert tok.special_tokens == {"<unk>": 0}
    characters = {chr(c) for c in choose_characters(counts, 0.9995)}
    pieces = [piece.decode() for piece in tok.model.pieces.to_bytes()]
    assert characters <= set(pieces)
    scores = tok.model.scores[1:]
    assert np.exp(scores).sum() == pytest.approx(1)
    assert sorted(scores, reverse=True) == scores.tolist()
    rounds = tok.provenance["rounds"]
    assert rounds[-1]["n_pieces"] == 1999
    sizes = [entry["n_pieces"] for entry in rounds]
    assert sizes == sorted(sizes, reverse=True)
    assert json.loads(json.dumps(tok.provenance)) == tok.provenance


def encode_pretokens(tok: ft.Tokenizer, counts: ft.PretokenCounts) -> ft.Ragged:
    return tok.model.encode_pretokens(counts.text.values, counts.text.offsets, PretokenCache(1 << 20))


def test_the_last_round_reports_the_tokens_of_encoding():
    counts = ft.PretokenCounts.from_dict(random_words(3, "abcdef ", 500, 12))
    for options in ({}, {"method": "mingram"}):
        tok = ft.train(counts, model="unigram", vocab_size=60, character_coverage=1, **options)
        n = sum(
            len(ids) * count for ids, count in zip(encode_pretokens(tok, counts), counts.counts, strict=True)
        )
        assert n == tok.provenance["rounds"][-1]["n_tokens"]


def test_small_corpora_round_trip():
    for seed in range(40):
        words = random_words(seed, "ab", seed % 7 + 1, 6)
        counts = ft.PretokenCounts.from_dict(words)
        with pytest.warns(UserWarning, match="too few pieces occur often enough"):
            tok = ft.train(counts, model="unigram", vocab_size=500, character_coverage=1)
        for word in words:
            assert tok.decode(tok.encode(word)) == word


def test_ids_are_ordered_by_kind():
    tok = train(
        [TEXT, *random_words(8, "abcdefgh", 300, 8)],
        vocab_size=330,
        special_tokens=["<s>", "<unk>"],
        byte_fallback=True,
        user_defined=["sat", "東"],
        character_coverage=1,
    )
    pieces = tok.model.pieces.to_bytes()
    assert tok.special_tokens == {"<s>": 0, "<unk>": 1}
    assert [piece.decode() for piece in pieces[:6]] == ["", "", "sat", "東", "<0x00>", "<0x01>"]
    assert pieces[259] == b"<0xFF>"
    assert not any(b"\xe6\x9d\xb1" in piece for piece in pieces[4:])  # never a part of another piece
    assert tok.is_lossless
    for text in hostile.texts(50, seed=4):
        assert tok.decode(tok.encode(text, errors="surrogatepass"), errors="strict") == text


def test_the_model_does_not_depend_on_threads(english, monkeypatch):
    monkeypatch.setattr("fasttok.models.unigram.lattices.SHARD_ARCS", 1 << 14)
    monkeypatch.setattr("fasttok.models.unigram.lattices.SLICE_NODES", 1 << 9)
    monkeypatch.setattr("fasttok.models.unigram.lattices.CALL_SLICES", 4)
    monkeypatch.setattr("fasttok.models.unigram.lattices.SLICE_PIECES", 1 << 8)
    counts = ft.count_pretokens(ft.Corpus.from_texts([english[: 1 << 18]]))
    for options in ({}, {"pruning": "sparse"}, {"method": "mingram"}):
        first, *others = (
            ft.train(counts, model="unigram", vocab_size=1500, workers=workers, **options)
            for workers in (1, 2, 7)
        )
        assert [tok.model.to_dict() for tok in others] == [first.model.to_dict()] * 2
        assert [tok.provenance for tok in others] == [first.provenance] * 2


def test_bad_options():
    good = {"vocab_size": 300}
    for options, message in (
        ({"vocab_size": 1}, "vocab_size must be at least 2"),
        ({"vocab_size": 200, "byte_fallback": True}, "vocab_size must be at least 258"),
        ({"vocab_size": 1 << 30}, "at most"),
        ({"max_piece_length": 0}, "max_piece_length must be from 1 to 254"),
        ({"seed_size": 0}, "seed_size"),
        ({"n_sub_iterations": 0}, "n_sub_iterations"),
        ({"compat": "tiktoken"}, 'compat must be "sentencepiece" or "huggingface", not \'tiktoken\''),
        ({"method": "mingram", "compat": "huggingface"}, "compat is only for method="),
        ({"character_coverage": 1.5}, "character_coverage"),
        ({"character_coverage": math.nan}, "character_coverage"),
        ({"character_coverage": "most"}, 'character_coverage must be a number or "auto"'),
        ({"character_coverage": "auto", "byte_fallback": False}, "requires byte_fallback=True"),
        ({"character_coverage": "auto", "vocab_size": 257}, "vocab_size must be at least 258"),
        ({"token_cost": -1}, "token_cost"),
        ({"shrinking_factor": 1}, "shrinking_factor"),
        ({"pruning": "best"}, "pruning must be .loss., .final. or .sparse."),
        ({"method": "mingram", "pruning": "final"}, 'pruning is only for method="em"'),
        ({"special_tokens": ["<s>", "<s>"]}, "twice"),
        ({"special_tokens": ["a"], "user_defined": ["a"]}, "both a special token and user-defined"),
        ({"user_defined": [""]}, "must not be empty"),
        ({"user_defined": ["a\0"]}, "must not contain U\\+0000"),
        ({"user_defined": ["<0x41>"], "byte_fallback": True}, "the name of a byte"),
    ):
        with pytest.raises(ValueError, match=message):
            ft.UnigramTrainer(**{**good, **options})
    for options in (
        {"vocab_size": 1.5},
        {"special_tokens": "abc"},
        {"user_defined": [b"a"]},
        {"token_cost": "a"},
        {"character_coverage": None},
        {"byte_fallback": 1},
    ):
        with pytest.raises(TypeError):
            ft.UnigramTrainer(**{**good, **options})


def test_nothing_to_train_on():
    with pytest.raises(ValueError, match="the corpus is empty"):
        train([""], vocab_size=300)
    with pytest.raises(ValueError, match="no pretoken contains a character"):
        train([b"\xff\x00"], vocab_size=300)


def test_more_characters_than_vocab_size():
    with pytest.raises(ValueError, match=r"vocab_size must be at least 27 \(26 characters and 1 other ids\)"):
        train([string.ascii_lowercase], vocab_size=26)


def test_a_pretoken_of_a_million_characters():
    text = "".join(random.Random(1).choices("abcdefgh ", k=1_000_000))
    tok = train([text], vocab_size=500, pretokenizer="none")
    assert tok.decode(tok.encode(text)) == text
    assert tok.count(text) == tok.provenance["rounds"][-1]["n_tokens"]
