"""Metric functions against naive implementations, on all small inputs and on random ones."""

from __future__ import annotations

import itertools
import math
import os
import random
import subprocess
import sys

import numpy as np
import pytest
import regex
import sentencepiece
import tokenizers
from numpy._core import _multiarray_umath as multiarray

import fasttok as ft
from fasttok.core.errors import CorpusError
from fasttok.evaluation import bootstrap
from fasttok.evaluation.metrics import distribution, morphology, parity, unreached, vocabulary
from fasttok.evaluation.metrics.cost import embedding_cost
from fasttok.evaluation.metrics.totals import divide
from tests import metric_oracles as oracles


def nan_to_none(value: float) -> float | None:
    return None if np.isnan(value) else value


def all_counts(longest: int) -> list[list[int]]:
    return [list(c) for n in range(longest + 1) for c in itertools.product(range(4), repeat=n)]


# Sums and quotients


def test_divide():
    assert divide(1, 3) == 1 / 3
    assert np.isnan(divide(0, 0))
    found = divide(np.array([1, 2, 3]), np.array([2, 0, 3]))
    assert found[[0, 2]].tolist() == [0.5, 1.0]
    assert np.isnan(found[1])


def test_golden_values_of_renyi_efficiency():
    for counts, expected in (([3, 2, 1, 1], 0.826506), ([3, 3, 2, 2, 1], 0.920484)):
        assert distribution.renyi_efficiency(np.array(counts)) == pytest.approx(expected, abs=5e-7)
    for counts, expected in (([3, 2, 1, 1], 0.8031528501359657), ([3, 3, 2, 2, 1], 0.9105681923824472)):
        assert distribution.renyi_efficiency(np.array(counts), 3.0) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("alpha", [0.5, 1, 2, 2.5, 3.0])
def test_renyi_efficiency(alpha):
    for counts in all_counts(4):
        tokens = [i for i, count in enumerate(counts) for _ in range(count)]
        for n_types in (None, 5):
            found = nan_to_none(distribution.renyi_efficiency(np.array(counts, np.int64), alpha, n_types))
            assert found == pytest.approx(oracles.renyi_efficiency(tokens, alpha, n_types), abs=1e-12)


def test_renyi_efficiency_of_large_orders():
    for alpha in (30, 2000):
        total = sum(count**alpha for count in (3, 2, 1, 1))
        expected = (alpha * math.log2(7) - math.log2(total)) / (alpha - 1) / 2
        assert distribution.renyi_efficiency(np.array([3, 2, 1, 1]), alpha) == pytest.approx(expected)
    for alpha in (1e17, 1e308, math.inf):
        found = distribution.renyi_efficiency(np.array([3, 2, 1, 1]), alpha)
        assert found == pytest.approx(math.log2(7 / 3) / 2, rel=1e-15)


@pytest.mark.parametrize("alpha", [0.5, 1, 1 + 2**-52, 2.5, 2000, math.inf])
def test_renyi_efficiency_is_at_most_one(alpha):
    for n_ids, count in itertools.product((2, 3, 5, 7, 11), (1, 7, 1000)):
        assert distribution.renyi_efficiency(np.full(n_ids, count), alpha) == 1.0


# Print results for sensitive counts: NumPy's powers have a different last digit without AVX-512, and its dot
# products on two threads.
DELICATE = """
import numpy as np
from fasttok.evaluation.metrics.distribution import renyi_efficiency
for seed, alpha in ((6, 3), (9, 2.5), (30, 2.5), (101, 3), (114, 3)):
    generator = np.random.default_rng(seed)
    ranks = np.arange(int(generator.integers(20, 2000))) + 2.7
    counts = (1e6 / ranks ** generator.uniform(0.8, 1.3)).astype(np.int64) + 1
    print(renyi_efficiency(counts, alpha).hex())
print(renyi_efficiency(1 + np.arange(60_000) % 100, 1).hex())
"""


def test_renyi_efficiency_is_the_same_on_other_processors_and_threads():
    has = multiarray.__cpu_features__
    features = " ".join(feature for feature in multiarray.__cpu_dispatch__ if has[feature])
    found = {
        subprocess.run(
            [sys.executable, "-c", DELICATE], env=os.environ | extra, check=True, capture_output=True
        ).stdout
        for extra in (
            {"OPENBLAS_NUM_THREADS": "2"},
            {"OPENBLAS_NUM_THREADS": "1", "NPY_DISABLE_CPU_FEATURES": features},
        )
    }
    assert len(found) == 1
    assert len(found.pop().splitlines()) == 6


def test_renyi_efficiency_of_invalid_arguments():
    with pytest.raises(ValueError, match="alpha must be above 0"):
        distribution.renyi_efficiency(np.array([1, 2]), 0)
    with pytest.raises(ValueError, match="2 ids occur"):
        distribution.renyi_efficiency(np.array([1, 2]), n_types=1)


def test_percentile_frequency():
    rng = random.Random(3)
    for _ in range(200):
        tokens = [rng.randrange(rng.randint(1, 150)) for _ in range(rng.randint(0, 400))]
        low, high = sorted(rng.choices(range(101), k=2))
        counts = np.bincount(np.array(tokens, np.int64), minlength=1)
        found = nan_to_none(distribution.percentile_frequency(counts, low, high))
        assert found == oracles.percentile_frequency(tokens, low, high)
        assert distribution.rank_frequency(counts).tolist() == sorted(counts[counts > 0].tolist())[::-1]
    with pytest.raises(ValueError, match="from 0 to 100"):
        distribution.percentile_frequency(np.array([1]), 50, 20)


def test_count_in_windows():
    for n in range(7):
        for tokens in itertools.product(range(3), repeat=n):
            for window in (1, 2, 3, 7):
                found = distribution.count_in_windows(np.array(tokens, np.uint32), window)
                assert found == oracles.count_in_windows(list(tokens), window)
    with pytest.raises(ValueError, match="window"):
        distribution.count_in_windows(np.array([1]), 0)


def test_type_token_ratio():
    assert distribution.type_token_ratio(np.array([5, 0, 3])) == 0.25
    assert np.isnan(distribution.type_token_ratio(np.array([0, 0])))


# Languages


def test_gini_and_lorenz():
    for costs in itertools.chain.from_iterable(itertools.product(range(5), repeat=n) for n in (1, 2, 3, 4)):
        array = np.array(costs)
        assert nan_to_none(parity.gini(array)) == pytest.approx(oracles.gini(list(costs)), abs=1e-15)
        if any(costs):
            curve = parity.lorenz(array)
            assert curve.tolist() == pytest.approx(oracles.lorenz(list(costs)))
            area = (curve[1:] + curve[:-1]).sum() / 2 / len(costs)
            assert parity.gini(array) == pytest.approx(1 - 2 * area)
    many = np.array([[1, 5], [2, 5], [9, 5]])
    assert parity.gini(many).tolist() == [parity.gini(column) for column in many.T]
    assert parity.max_min(many).tolist() == [9.0, 1.0]


# Vocabulary


def test_vocabulary_use(tok):
    is_ordinary = vocabulary.find_ordinary(tok)
    assert np.flatnonzero(~is_ordinary).tolist() == sorted(tok.special_tokens.values())
    counts = np.bincount(tok.encode("low lower lowest"), minlength=tok.vocab_size)
    used = set(tok.encode("low lower lowest").tolist())
    assert vocabulary.vocabulary_use(counts, is_ordinary) == len(used) / 328
    unused = vocabulary.find_unused(counts, is_ordinary).tolist()
    assert unused == [i for i in range(tok.vocab_size) if i not in used | set(tok.special_tokens.values())]


def test_unreached_pieces(tok):
    texts = {i: tok.id_to_piece(i) for i in range(328)}
    whole = {i: text for i, text in texts.items() if "\ufffd" not in text.decode(errors="replace")}
    assert len(whole) < len(texts)
    never = [i for i, text in whole.items() if i not in tok.encode(text).tolist()]
    assert unreached.find_unreached(tok).tolist() == never == []
    counts = ft.PretokenCounts.from_dict({"ab ab": 9}, pretokenizer="none")
    trained = ft.train(counts, vocab_size=259)
    cut = ft.Tokenizer(trained.model, "gpt2")  # splits before a space
    reached = [cut.id_to_piece(i) for i in range(256, 259) if i not in unreached.find_unreached(cut)]
    assert reached == [b"ab", b" ab"]  # but not "ab ab"


def test_unreached_pieces_if_some_texts_cannot_be_encoded():
    tok = ft.Tokenizer(ft.WordPieceModel(["b", "##c", "bc", "b c"]), "bert")  # cannot encode a context
    assert [tok.id_to_piece(i) for i in unreached.find_unreached(tok)] == [b"##c", b"b c"]
    counts = np.bincount(tok.encode("bcc"), minlength=4)
    assert [tok.id_to_piece(i) for i in unreached.find_unreached(tok, counts)] == [b"b c"]
    theirs = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({"a": 0, "a b": 1}, "[UNK]")
    )  # whose unknown token is not in the vocabulary
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    assert unreached.find_unreached(ft.wrap(theirs)).tolist() == [1]


def test_unreached_pieces_of_bert(shared):
    path = shared / "tokenizers/bert/minilm/tokenizer.json"
    tok = ft.wrap(tokenizers.Tokenizer.from_file(str(path)))
    found = {tok.id_to_piece(i).decode() for i in unreached.find_unreached(tok)}
    apart = regex.compile(r"[!-/:-@\[-`{-~\p{P}\u4e00-\u9fff]")  # characters that BERT splits into pretokens
    pieces = {tok.id_to_piece(i).decode() for i in np.flatnonzero(vocabulary.find_ordinary(tok))}
    cut = {piece for piece in pieces if len(piece) > 1 and apart.search(piece.removeprefix("##"))}
    assert len(cut) > 1000
    assert found == cut


def test_byte_fallback_pieces_are_unreached_if_their_character_has_a_piece(shared):
    folder = shared / "tokenizers"
    for tok in (
        ft.wrap(
            sentencepiece.SentencePieceProcessor(model_file=str(folder / "sentencepiece/tokenizer.model.v1"))
        ),
        ft.wrap(tokenizers.Tokenizer.from_file(str(folder / "huggingface/lenml_llama2/tokenizer.json"))),
    ):
        pieces = tok.pieces.to_bytes()
        characters = {piece: f"<0x{piece[0]:02X}>".encode() for piece in pieces if len(piece) == 1}
        expected = {characters[piece] for piece in characters if piece < b"\x80"} | {
            b"<0x20>"
        }  # the space is the piece ▁
        assert {pieces[i] for i in unreached.find_unreached(tok)} == expected


def test_pieces_that_are_parts_of_characters_are_not_tested(shared):
    path = shared / "tokenizers/huggingface/lenml_llama3_1/tokenizer.json"
    tok = ft.wrap(tokenizers.Tokenizer.from_file(str(path)))
    assert unreached.find_unreached(tok).tolist() == []


def test_overlap():
    tokens = [["a", "b"], ["b", "c", "d"], ["a", "b"]]
    toks = [ft.Tokenizer(ft.WordPieceModel(pieces), "bert") for pieces in tokens]
    for (ours, a), (theirs, b) in itertools.product(zip(tokens, toks, strict=True), repeat=2):
        assert vocabulary.overlap(a, b) == len({*ours} & {*theirs}) / len({*ours} | {*theirs})


def test_byte_fallback_pieces_count_as_their_bytes():
    names = [f"<0x{byte:02X}>" for byte in range(256)]
    plain = ["a", "▁the"]
    for pieces in (plain + names, plain + names[:-1], names, [f"<0x{byte:02x}>" for byte in range(256)]):
        tok = ft.Tokenizer(ft.WordPieceModel(pieces), "bert")
        is_ordinary = vocabulary.find_ordinary(tok)
        text = oracles.text_of_pieces([piece.encode() for piece in pieces])
        assert vocabulary.mean_piece_length(tok.pieces, is_ordinary) == sum(map(len, text)) / len(text)
        ours = {row.replace("▁".encode(), b" ") for row in text}
        other = ft.Tokenizer(ft.ByteModel(), "gpt2")
        theirs = {bytes([byte]) for byte in range(256)}
        assert vocabulary.overlap(tok, other) == len(ours & theirs) / len(ours | theirs)
    counts = ft.PretokenCounts.from_dict({"low": 1})
    tok = ft.train(counts, model="character", byte_fallback=True)
    assert vocabulary.mean_piece_length(tok.pieces, vocabulary.find_ordinary(tok)) == 1


def test_embedding_cost():
    assert embedding_cost(10, 4, 60) == (40, 0.4)
    assert embedding_cost(10, 4, 20, is_tied=False) == (80, 0.8)
    with pytest.raises(ValueError, match="at least 1"):
        embedding_cost(0, 4, 1)


# Morphemes


def test_read_morphemes(tmp_path):
    path = tmp_path / "gold.tsv"
    path.write_text(
        "walking\twalk @@ing\t100\nhappily\thappy @@ly\nnaïves\tnaï @@ve @@s\nthe cats\tthe cat @@s\n"
    )
    gold = morphology.read_morphemes(path)
    text = gold.text.to_bytes()[0]
    assert text == "walking naïves the cats".encode()
    assert [text[a:b].decode() for a, b in gold.words] == ["walking", "naïves", "the", "cats"]
    assert [text[b:].split()[0].decode() for b in gold.boundaries] == ["ing", "ves", "s", "s"]
    assert gold.n_entries == 5


def test_read_morphemes_ignores_byte_order_mark_and_extra_spaces(tmp_path):
    path = tmp_path / "gold.tsv"
    path.write_bytes("\ufeffcats\tcat @@s\r\nthe  cats \t the  cat  @@s\n".encode())
    gold = morphology.read_morphemes(path)
    assert gold.text.to_bytes() == [b"cats the cats"]
    assert gold.boundaries.tolist() == [3, 12]
    assert gold.n_entries == 3


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a\ta\nb\n", r"gold.tsv:2: expected a word, a tab"),
        (b"a\ta\n\tb\n", r"gold.tsv:2: expected a word, a tab"),
        (b"a\ta\n  \tb\n", r"gold.tsv:2: expected a word, a tab"),
        (b"a\t\n", r"gold.tsv:1: expected a word, a tab"),
        (b"a\ta\n\xff\ta\n", r"gold.tsv:2: not UTF-8"),
        (b"", r"gold.tsv: the file has no entries"),
    ],
)
def test_read_morphemes_of_invalid_files(tmp_path, data, message):
    path = tmp_path / "gold.tsv"
    path.write_bytes(data)
    with pytest.raises(CorpusError, match=message):
        morphology.read_morphemes(path)


def test_count_boundaries():
    rng = random.Random(9)
    for _ in range(300):
        rows = ["".join(rng.choices("xé東", k=rng.randint(1, 5))) for _ in range(rng.randint(0, 5))]
        starts = [0, *itertools.accumulate(len(row.encode()) + 1 for row in rows)]
        words = [(start, start + len(row.encode())) for start, row in zip(starts, rows, strict=False)]
        text = "".join(f"{row} " for row in rows).encode()
        gold = {p for a, b in words for p in range(a + 1, b) if text[p] & 0xC0 != 0x80 and rng.random() < 0.4}
        cuts = sorted(rng.choices(range(starts[-1] + 1), k=rng.randint(1, 12)))
        spans = [list(span) for span in itertools.pairwise(cuts)]
        morphemes = morphology.Morphemes(
            ft.Ragged.from_bytes([text]),
            np.array(words, np.int64).reshape(-1, 2),
            np.array(sorted(gold), np.int64),
            len(words),
        )
        found = morphology.count_boundaries(morphemes, np.array(spans, np.int64).reshape(-1, 2))
        assert list(zip(*map(np.ndarray.tolist, found), strict=True)) == [
            oracles.boundaries(word, gold, spans, text) for word in words
        ]


def test_read_morphemes_of_sigmorphon_files(shared):
    shares = {}
    for path in [shared / f"data/morphology/{language}.word.dev.tsv" for language in ("lat", "ita")]:
        gold = morphology.read_morphemes(path)
        shares[path.name.split(".")[0]] = len(gold.words) / gold.n_entries
        words = [line.split("\t")[:2] for line in path.read_text().splitlines()]
        pairs = [(word.split(" "), parts.replace(" @@", "").split(" ")) for word, parts in words]
        assert gold.n_entries == sum(len(surface) for surface, _ in pairs)
        aligned = [pair for pair in pairs if len(pair[0]) == len(pair[1])]
        expected = [a for pair in aligned for a, b in zip(*pair, strict=True) if a == b]
        assert gold.text.to_bytes()[0].decode() == " ".join(expected)
    assert shares["lat"] > 0.99  # surface forms
    assert shares["ita"] < 0.7  # canonical ones


# Bootstrap


@pytest.mark.parametrize("n", [2, 7, 50])
def test_resampling(n, monkeypatch):
    rng = random.Random(n)
    columns = [[rng.randrange(100), rng.randrange(1 << 40)] for _ in range(n)]
    expected = oracles.resample(columns, 7, ["corpus", "en"], 20)
    for block in (1, 3 * n, 1 << 22):
        monkeypatch.setattr(bootstrap, "_BLOCK", block)
        found = bootstrap.resample(np.array(columns), 7, ["corpus", "en"], 20)
        assert found.tolist() == expected
    assert bootstrap.resample(np.array(columns), 8, ["corpus", "en"], 20).tolist() != expected
    values = [row[0] for row in expected]
    low, high = bootstrap.interval(np.array(values, np.float64))
    assert low == pytest.approx(oracles.percentile(values, 2.5), rel=1e-15)
    assert high == pytest.approx(oracles.percentile(values, 97.5), rel=1e-15)


def test_a_single_document_gives_no_interval():
    found = bootstrap.resample(np.array([[3, 4]]), 7, ["corpus"], 5)
    assert found[0].tolist() == [3.0, 4.0]
    assert found.shape == (6, 2)
    assert np.isnan(found[1:]).all()
    assert bootstrap.interval(found[1:, 0]) is None


def test_resampling_raises_if_totals_are_not_exact():
    with pytest.raises(OverflowError, match="cannot add the counts exactly"):
        bootstrap.resample(np.array([[1 << 52], [1]]), 7, ["corpus"])
    assert bootstrap.interval(np.array([1.0, np.nan])) is None
    assert bootstrap.resample(np.empty((0, 2), np.int64), 7, ["corpus"], 3).tolist() == [[0.0, 0.0]] * 4
