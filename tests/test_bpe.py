"""BPE over bytes: training options, encoding compared with the oracle, the cache, invalid input."""

from __future__ import annotations

import random

import numpy as np
import pytest

import fasttok as ft
from fasttok.models._cache import PretokenCache
from tests import hostile, oracles

WORDS = {"low": 5, "lower": 2, "newest": 6, "widest": 3}


def encode_pretokens(model, pretokens, limit=1 << 20):
    rows = ft.Ragged.from_bytes(pretokens)
    return model.encode_pretokens(rows.values, rows.offsets, PretokenCache(limit)).to_list()


def make_oracle(model):
    merges = {
        tuple(pair): (rank, merged)
        for rank, (pair, merged) in enumerate(
            zip(model.merges.tolist(), model.merge_ids.tolist(), strict=True)
        )
    }
    return lambda pretoken: oracles.encode_word([int(model.byte_ids[b]) for b in pretoken], merges)


# Training


def test_ids_are_bytes_then_merges_then_special_tokens():
    counts = ft.PretokenCounts.from_dict(WORDS)
    tok = ft.train(counts, vocab_size=262, special_tokens=["<a>", "<b>"])
    assert tok.vocab_size == 262
    assert [tok.id_to_piece(i) for i in range(256)] == [bytes([i]) for i in range(256)]
    assert [tok.id_to_piece(i) for i in range(256, 262)] == [b"es", b"est", b"lo", b"low", b"<a>", b"<b>"]
    assert tok.special_tokens == {"<a>": 260, "<b>": 261}
    assert tok.merges.tolist() == [[101, 115], [256, 116], [108, 111], [258, 119]]
    assert tok.merges.dtype == np.uint32


def test_training_equals_the_oracle():
    rng = random.Random(17)
    for tie_break in ("ids", "shortest", "largest"):
        for _ in range(60):
            words = {bytes(rng.choices(b"abcd", k=rng.randint(1, 9))): rng.randint(1, 6) for _ in range(25)}
            n_ids = 256 + rng.randint(0, 60)
            counts = ft.PretokenCounts.from_dict(words)
            expected = oracles.learn_merges(
                [(list(word), n) for word, n in words.items()], 256, n_ids, ties=tie_break
            )
            kept = {(left, right): merged for left, right, merged in expected}
            trainer = ft.BPETrainer(vocab_size=256 + len({m for *_, m in expected}), tie_break=tie_break)
            model, *_ = trainer.train(counts)
            assert dict(zip(map(tuple, model.merges.tolist()), model.merge_ids.tolist(), strict=True)) == kept


def test_options():
    counts = ft.PretokenCounts.from_dict({"abab": 5, "xy": 2, "q": 9})
    with pytest.warns(UserWarning, match=r"has 258 ids, not 300: no other pair occurs at least 3 times"):
        tok = ft.train(counts, vocab_size=300, min_frequency=3)
    assert tok.model.pieces.to_bytes()[256:] == [b"ab", b"abab"]
    with pytest.warns(UserWarning, match="and is short enough"):
        tok = ft.train(counts, vocab_size=300, max_piece_length=3)
    assert tok.model.pieces.to_bytes()[256:] == [b"ab", b"xy"]
    with pytest.warns(UserWarning, match="has 256 ids"):  # larger than 64 bits
        ft.train(counts, vocab_size=300, min_frequency=1 << 70, max_piece_length=1 << 70)
    with pytest.warns(UserWarning, match="has 259 ids"):
        ft.train(counts, vocab_size=300, max_piece_length=1 << 70)
    trainer = ft.BPETrainer(vocab_size=300, compat="huggingface")
    assert (trainer.tie_break, trainer.byte_order, trainer.special_ids) == ("ids", "gpt2", "first")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vocab_size": 255}, r"vocab_size must be at least 256 \(256 bytes and 0 special tokens\)"),
        ({"vocab_size": 257, "special_tokens": ["a", "b"]}, "vocab_size must be at least 258"),
        ({"vocab_size": 300, "min_frequency": 0}, "min_frequency must be at least 1"),
        ({"vocab_size": 300, "max_piece_length": 1}, "max_piece_length must be at least 2"),
        ({"vocab_size": 300, "tie_break": "random"}, "tie_break must be .ids., .shortest. or .largest., not"),
        ({"vocab_size": 300, "compat": "mine"}, "compat must be .huggingface., .rustbpe."),
        (
            {"vocab_size": 300, "compat": "huggingface", "byte_order": "value"},
            "byte_order='value' contradicts",
        ),
        ({"vocab_size": 300, "special_tokens": ["a", "a"]}, "contains a text twice"),
        ({"vocab_size": 300, "special_tokens": [""]}, "must not be empty"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        ft.train(ft.PretokenCounts.from_dict(WORDS), model="bpe", **options)


@pytest.mark.filterwarnings("ignore:the counts seem to contain the text of the special token 'lo'")
@pytest.mark.parametrize("token", ["lo", "a", "\u0120low"])
def test_special_tokens_that_are_also_pieces_are_refused_by_compat(token):
    counts = ft.PretokenCounts.from_dict({"low": 5, " low": 4})
    with pytest.raises(
        ValueError, match="is also a piece: Hugging Face tokenizers would give both the same id"
    ):
        ft.train(counts, vocab_size=260, special_tokens=[token], compat="huggingface")
    tok = ft.train(counts, vocab_size=260, special_tokens=[token])
    assert tok.special_tokens[token] not in tok.encode(f"low {token}")


def test_bad_calls():
    counts = ft.PretokenCounts.from_dict(WORDS)
    for tokens in ("<s>", {"<s>": 5}):
        with pytest.raises(TypeError, match="special_tokens must be a sequence of str"):
            ft.train(counts, vocab_size=300, special_tokens=tokens)
    for size in (32e3, "1000", None):
        with pytest.raises(TypeError, match="vocab_size"):
            ft.train(counts, vocab_size=size)
    assert ft.train(counts, vocab_size=np.int64(257)).vocab_size == 257
    with pytest.raises(TypeError, match="source must be a Corpus or PretokenCounts, not list"):
        ft.train(["a b"], vocab_size=300)
    with pytest.raises(TypeError, match=r"train\(\) for bpe: .*missing.*vocab_size"):
        ft.train(counts)
    with pytest.raises(TypeError, match="must be a str, not bytes"):
        ft.train(counts, vocab_size=300, special_tokens=[b"<s>"])
    with pytest.raises(ValueError, match="special_tokens contains a lone surrogate"):
        ft.train(counts, vocab_size=300, special_tokens=["\ud800"])
    with pytest.raises(TypeError, match="vocabsize"):
        ft.train(counts, vocabsize=300)
    with pytest.raises(ValueError, match="no trainer is named 'lstm'; the names are bpe, unigram"):
        ft.train(counts, model="lstm", vocab_size=300)
    with pytest.raises(ValueError, match="counts already have a pretokenizer"):
        ft.train(counts, vocab_size=300, pretokenizer="gpt2")
    for texts in ([], ["", b""]):
        with pytest.raises(ValueError, match="the corpus is empty"):
            ft.train(ft.Corpus.from_texts(texts), vocab_size=300)


# Encoding


def test_encoding_equals_the_oracle():
    rng = random.Random(18)
    for seed in range(40):
        words = {bytes(rng.choices(b"abc ", k=rng.randint(1, 12))): rng.randint(1, 6) for _ in range(30)}
        model, *_ = ft.BPETrainer(vocab_size=256 + rng.randint(1, 40)).train(
            ft.PretokenCounts.from_dict(words)
        )
        lengths = [*range(1, 80), 200, 500]
        pretokens = [bytes(rng.choices(b"abcd", k=n)) for n in lengths] * 2
        oracle = make_oracle(model)
        assert encode_pretokens(model, pretokens) == [oracle(p) for p in pretokens], seed


def test_merging_from_whole_characters_equals_merging_from_bytes():
    """Merges across and inside characters of two and three bytes, in any mixture of ranks."""
    rng = random.Random(60)
    symbols = [0x20, 0x61, 0xD0, 0xB0, 0xE0, 0xB8, 0x81, 0xE4, 0xF0, 0xFF]
    texts = [
        b" ",
        b"a",
        "\u0430".encode(),
        "\u0e01".encode(),
        "\u0e30".encode(),
        "\u4e01".encode(),
        b"\xe0\xb8",
    ]
    n_whole = 0
    for _ in range(60):
        made = {bytes([byte]): byte for byte in range(256)}
        merges, merge_ids = [], []
        for _ in range(rng.randint(1, 40)):
            parts = [piece for piece, i in made.items() if i >= 256 or i in symbols]
            left, right = rng.choice(parts), rng.choice(parts)
            if rng.random() < 0.6:  # a part of a character and the next byte
                text = rng.choice(texts[2:6])
                k = rng.randint(1, len(text) - 1)
                left, right = text[:k], text[k : k + 1]
            if left in made and right in made and left + right not in made:
                merges.append([made[left], made[right]])
                made[left + right] = len(made)
                merge_ids.append(made[left + right])
        if not merges:
            continue
        model = ft.BPEModel(list(made), merges, merge_ids)
        oracle = make_oracle(model)
        pretokens = [b"".join(rng.choices(texts, k=rng.randint(1, 12))) for _ in range(20)]
        pretokens += [bytes(rng.choices(symbols, k=rng.randint(1, 24))) for _ in range(20)]
        expected = [oracle(p) for p in pretokens]
        n_whole += sum(made.get(text, 0) in ids for text in texts[2:6] for ids in expected)
        assert encode_pretokens(model, pretokens) == expected
    assert n_whole > 200  # the merges do make characters


@pytest.mark.parametrize("is_shuffled", [False, True])
def test_encoding_around_the_lengths_where_the_algorithm_changes(is_shuffled):
    rng = random.Random(57)
    for _ in range(3):
        words = {bytes(rng.choices(b"abc ", k=rng.randint(1, 12))): rng.randint(1, 6) for _ in range(30)}
        model, *_ = ft.BPETrainer(vocab_size=290).train(ft.PretokenCounts.from_dict(words))
        if is_shuffled:  # some merges then rank before those of their parts
            order = np.random.default_rng(rng.randint(0, 99)).permutation(len(model.merges))
            model = ft.BPEModel(model.pieces, model.merges[order], model.merge_ids[order])
        oracle = make_oracle(model)
        pretokens = [bytes(rng.choices(b"abcd", k=n)) for n in (63, 64, 65, 66, 1023, 1024, 1025)]
        pretokens += [b"a" * 1024, b"ab" * 512, b"c" + b"a" * 1023, b"abc" * 341 + b"d"]
        assert encode_pretokens(model, pretokens) == [oracle(p) for p in pretokens]


@pytest.mark.parametrize("n", [31, 32, 33, 64, 1000, 2049])
def test_repeated_characters_around_the_length_limit_of_the_scan(n):
    counts = ft.PretokenCounts.from_dict({"a" * 64: 3, "ab" * 40: 2, " " * 50: 1})
    model, *_ = ft.BPETrainer(vocab_size=270).train(counts)
    pretokens = [b"a" * n, b"ab" * n, b" " * n + b"x", b"ba" * n]
    oracle = make_oracle(model)
    assert encode_pretokens(model, pretokens) == [oracle(p) for p in pretokens]


def make_chain(symbols):
    """Return a model whose merges pair neighbours of the chain `symbols`, the last ones first."""
    pairs = [[symbols[i], symbols[i + 1]] for i in range(len(symbols) - 1)][::-1]
    pieces = [bytes([byte]) for byte in range(256)] + [bytes(pair) for pair in pairs]
    return ft.BPEModel(pieces, pairs, range(256, len(pieces)))


@pytest.mark.parametrize("length", [20, 90, 200])
def test_windows_of_long_pretokens_whose_symbols_depend_on_symbols_far_behind(length):
    """The last symbol of a chain decides which symbols are paired in all of it."""
    rng = random.Random(length)
    chain = list(range(length))
    model = make_chain(chain)
    oracle = make_oracle(model)
    whole = bytes(chain)
    text = b"".join(whole[: length - rng.randint(0, 3)] for _ in range(2200 // length + 3))
    pretokens = [text[i : 1025 + 3 * i] for i in range(0, 300, 97)] + [bytes(rng.choices(chain, k=1500))]
    assert encode_pretokens(model, pretokens) == [oracle(p) for p in pretokens]


def test_windows_that_are_smaller_than_the_pieces():
    doublings = [(b"a" * (1 << i), b"a" * (1 << i)) for i in range(11)]  # up to 2,048 letters
    made = {bytes([byte]): byte for byte in range(256)}
    merges = []
    for left, right in [*doublings, (b"b", b"a" * 512), (b"c", b"b" + b"a" * 512)]:
        merges.append([made[left], made[right]])
        made[left + right] = len(made)
    model = ft.BPEModel(list(made), merges, range(256, len(made)))
    oracle = make_oracle(model)
    rng = random.Random(5)
    pretokens = [b"a" * n for n in (1025, 2048, 3000)]
    pretokens += [b"".join(b"cb" + b"a" * rng.randint(0, 900) for _ in range(5))]
    assert encode_pretokens(model, pretokens) == [oracle(p) for p in pretokens]


def test_windows_that_disagree_with_the_first_one():
    """The first window takes one symbol; a letter behind the window tells that the next is another one."""
    made = {bytes([byte]): byte for byte in range(256)}
    letters = [bytes([byte]) for byte in b"abcdefghi"]
    pairs = [(letter * (1 << i), letter * (1 << i)) for letter in letters for i in range(7)]
    pairs += [(left * 128, right * 128) for left, right in zip(letters[-2::-1], letters[:0:-1], strict=True)]
    merges = []
    for left, right in pairs:
        merges.append([made[left], made[right]])
        made[left + right] = len(made)
    model = ft.BPEModel(list(made), merges, range(256, len(made)))
    pretoken = b"".join(letter * 128 for letter in letters)
    assert encode_pretokens(model, [pretoken]) == [make_oracle(model)(pretoken)]


@pytest.mark.parametrize("symbols", [b"ab", b"abcdefgh", bytes(range(97, 123))])
def test_random_merges_in_windows(symbols):
    rng = random.Random(len(symbols))
    for seed in range(4):
        made = {bytes([byte]): byte for byte in range(256)}
        parts, merges = [bytes([byte]) for byte in symbols], []
        for _ in range(rng.choice([20, 200])):
            left, right = rng.choice(parts), rng.choice(parts)
            if left + right not in made and len(left + right) < 60:
                merges.append([made[left], made[right]])
                made[left + right] = len(made)
                parts.append(left + right)
        order = np.arange(len(merges))
        if seed % 2:
            rng.shuffle(order)
        ids = 256 + np.arange(len(merges))
        model = ft.BPEModel(list(made), np.asarray(merges)[order], ids[order])
        oracle = make_oracle(model)
        pretokens = [bytes(rng.choices(symbols, k=n)) for n in (1025, 2000)]
        pretokens.append(bytes(rng.choices(symbols, k=rng.randint(30, 40))) * 50)
        assert encode_pretokens(model, pretokens) == [oracle(p) for p in pretokens], seed


def test_an_empty_pretoken_has_no_ids(tok):
    encoded = encode_pretokens(tok.model, [b"", b"the", b"", b"", b"cat", b""])
    assert encoded == [[], tok.encode("the").tolist(), [], [], tok.encode("cat").tolist(), []]


def test_the_cache_stays_within_its_limit_and_does_not_change_ids():
    rng = random.Random(19)
    model, *_ = ft.BPETrainer(vocab_size=260).train(ft.PretokenCounts.from_dict({"abcab": 5, "cabba": 4}))
    cache = PretokenCache(1 << 16)
    oracle = make_oracle(model)
    largest = 0
    for _ in range(30):
        pretokens = [bytes(rng.choices(b"abcd", k=rng.choice([3, 6, 15, 16, 17, 60]))) for _ in range(800)]
        pretokens.append(b"abc" * 30_000)  # larger than the whole cache
        rows = ft.Ragged.from_bytes(pretokens * 2)
        encoded = model.encode_pretokens(rows.values, rows.offsets, cache).to_list()
        expected = [oracle(p) for p in pretokens[:-1]]
        assert encoded[:800] == expected
        assert encoded[801:1601] == expected
        assert encoded[800] == encoded[1601]
        assert cache.n_bytes <= cache.limit
        largest = max(largest, len(cache))
    assert largest > 300
    with pytest.raises(ValueError, match="at least 65,536 bytes"):
        PretokenCache(10)


def test_ignore_merges_looks_pieces_up():
    # The merges never produce the piece "abc", because (b, c) is merged first.
    pieces = ft.Ragged.from_bytes([*(bytes([b]) for b in range(256)), b"bc", b"ab", b"abc"])
    merges, merged = (
        np.array([[98, 99], [97, 98], [257, 99]], np.uint32),
        np.array([256, 257, 258], np.uint32),
    )
    by_merges = ft.BPEModel(pieces, merges, merged)
    whole = ft.BPEModel(pieces, merges, merged, ignore_merges=True)
    assert encode_pretokens(by_merges, [b"abc", b"ab"]) == [[97, 256], [257]]
    assert encode_pretokens(whole, [b"abc", b"ab", b"abcc"]) == [[258], [257], [97, 256, 99]]


@pytest.mark.parametrize(
    ("pieces", "merges", "merged", "message"),
    [
        ([b"ab"], [[97, 98]], [257], "a merge names id 257, but there are 257 pieces"),
        ([b"ab"], [[97, 99]], [256], "merge 0 joins b'a' and b'c', but its piece is b'ab'"),
        ([b"ab", b"cd"], [[97, 98], [99, 97]], [256, 257], "merge 1 joins b'c' and b'a'"),
        ([b"ab", b""], [[97, 98], [256, 257]], [256, 256], "merge 1 joins b'ab' and b''"),
        ([b"ab"], [[97, 98]], [256, 256], "merges and merge_ids must have the same length, not 1 and 2"),
        ([b"ab", b"ab"], [], [], "ids 256 and 257 have the same piece b'ab'"),
    ],
)
def test_invalid_models(pieces, merges, merged, message):
    rows = ft.Ragged.from_bytes([*(bytes([b]) for b in range(256)), *pieces])
    with pytest.raises(ValueError, match=message):
        ft.BPEModel(rows, np.array(merges, np.uint32).reshape(-1, 2), np.array(merged, np.uint32))


def test_a_missing_byte_is_an_error():
    rows = ft.Ragged.from_bytes([bytes([b]) for b in range(256) if b != 0x41])
    with pytest.raises(ValueError, match="each of the 256 bytes; 1 missing, the first is 0x41"):
        ft.BPEModel(rows, np.empty((0, 2), np.uint32), np.empty(0, np.uint32))


def test_hostile_pretokens(tok):
    oracle = make_oracle(tok.model)
    pretokens = [p for data in hostile.byte_strings(400, seed=20) for p in tok.pretokenizer.split_text(data)]
    assert encode_pretokens(tok.model, pretokens) == [oracle(p) for p in pretokens]
