"""GloVe: the vectors and losses of the paper's objective, in an order that does not depend on threads."""

from __future__ import annotations

import numpy as np
import pytest

import fasttok as ft
from fasttok.vectors.words import glove
from tests import token_oracles
from tests import vector_oracles as naive

V = ft.vectors
TOK = ft.Tokenizer(ft.WordModel([f"w{i}" for i in range(30)]), "whitespace_split")


def make_cooccurrence(n=40):
    rng = np.random.default_rng(2)
    rows = [(25 * rng.random(25) ** 3).astype(int).tolist() for _ in range(n)]
    return V.cooccurrence(ft.Ragged.from_rows(rows), TOK, 4, weighting="harmonic")


def order_pairs(matrix, seed):
    """Return the pairs in the order that the documentation describes."""
    coo = matrix.tocoo()
    pairs = list(zip(coo.row.tolist(), coo.col.tolist(), coo.data.tolist(), strict=True))
    pairs = [pairs[token_oracles.shuffled(len(pairs), i, seed, 0)] for i in range(len(pairs))]
    return sorted(pairs, key=lambda pair: ((pair[1] - pair[0]) % 8, pair[0] % 8))


@pytest.mark.parametrize("dim", [1, 6, 8])
@pytest.mark.parametrize("seed", [0, (1 << 64) - 1])
def test_vectors_and_losses_match_the_oracle(dim, seed):
    co = make_cooccurrence()
    assert co.matrix.data.max() > 100  # some pairs have the full weight
    vec = co.glove(dim, epochs=3, seed=seed)
    weights, losses = naive.glove(order_pairs(co.matrix, seed), 30, dim, 3, seed)
    np.testing.assert_allclose(vec.table.weights, weights, atol=2e-4)
    np.testing.assert_allclose(vec.losses, losses, rtol=1e-4)
    assert not vec.table.weights[25:].any()
    assert vec.table.weights[:25].any(axis=1).all()


def test_the_number_of_threads_changes_nothing(monkeypatch):
    co = make_cooccurrence()
    one = co.glove(5, epochs=4, seed=7, workers=1)
    monkeypatch.setattr(glove, "_SLICE", 3)
    for workers in (1, 2, 5):
        several = co.glove(5, epochs=4, seed=7, workers=workers)
        assert several.table == one.table
        np.testing.assert_allclose(several.losses, one.losses, rtol=1e-12)
    assert co.glove(5, epochs=4, seed=8).table != one.table


def test_groups_of_the_same_round_have_no_id_in_common():
    coo = make_cooccurrence().matrix.tocoo()
    rows, columns = coo.row.astype(np.int32), coo.col.astype(np.int32)
    order, borders = glove._order_pairs(rows, columns, 1)
    assert sorted(order.tolist()) == list(range(coo.nnz))
    for first in range(0, 64, 8):
        for ids in (rows[order], columns[order]):
            groups = [set(ids[borders[g] : borders[g + 1]].tolist()) for g in range(first, first + 8)]
            assert sum(map(len, groups)) == len(set().union(*groups)) > 0


def test_losses_fall_on_real_text(shared):
    text = (shared / "data/prose/tinyshakespeare.txt").read_text("utf-8")
    corpus = ft.Corpus.from_texts(text[:300_000].split("\n\n"))
    tok = ft.train(
        corpus, model="word", pretokenizer="bert", normalizer="lowercase", vocab_size=1500, unk="<u>"
    )
    vec = V.cooccurrence(corpus, tok, 10, weighting="harmonic").glove(dim=20, seed=7)
    assert len(vec.losses) == 25
    assert (np.diff(vec.losses) < 0).all()
    assert vec.losses[-1] < vec.losses[0] / 2


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"dim": 0}, ValueError, "dim must be from 1"),
        ({"epochs": 0}, ValueError, "epochs must be from 1"),
        ({"epochs": 2.0}, TypeError, "epochs must be an integer"),
        ({"seed": -1}, ValueError, "seed must be an integer from 0"),
        ({"workers": 0}, ValueError, "workers must be at least 1"),
    ],
)
def test_wrong_options_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        make_cooccurrence(2).glove(**({"seed": 1} | options))
