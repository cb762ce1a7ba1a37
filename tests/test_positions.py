"""Positions: sinusoidal and learned vectors, rotations, T5's buckets, ALiBi; against independent formulas."""

from __future__ import annotations

import math
import os
import random
import subprocess
import sys

import numpy as np
import pytest

import fasttok as ft
from fasttok.vectors.elementary import compute_powers, compute_sines
from tests import vector_oracles as naive

V = ft.vectors
CLOSE = {"rtol": 0, "atol": 6e-8}  # one rounding to float32 of numbers up to 1


# Elementary functions


def test_sines_and_cosines_match_the_c_library():
    rng = random.Random(1)
    angles = [rng.random() * 10 ** rng.uniform(-8, 6) for _ in range(5000)]
    angles += [k * math.pi / 4 for k in range(200)] + [0.0, 1e-300, 1_500_000.0]
    sines, cosines = compute_sines(np.array(angles))
    np.testing.assert_allclose(sines, [math.sin(x) for x in angles], rtol=0, atol=4e-16)
    np.testing.assert_allclose(cosines, [math.cos(x) for x in angles], rtol=0, atol=4e-16)


def test_powers_are_rounded_once():
    pairs = [(-2 * i, 96) for i in range(48)] + [(0, 7), (3, 2), (-8, 8)]
    for base in (1.0, 2.0, 10000.0, 500_000.5):
        expected = [base ** (a / b) for a, b in pairs]
        np.testing.assert_allclose(compute_powers(base, pairs), expected, rtol=1e-14)
    assert compute_powers(2, [(-1, 2), (1, 1), (-8, 1)]).tolist() == [math.sqrt(0.5), 2.0, 2.0**-8]


# Vectors


@pytest.mark.parametrize(("n", "dim", "base"), [(1, 1, 10000.0), (9, 5, 10000), (70, 8, 100.0), (3, 64, 1)])
def test_sinusoidal_matches_the_formula(n, dim, base):
    rows = V.sinusoidal(n, dim, base=base)
    assert rows.dtype == np.float32
    assert rows.shape == (n, dim)
    np.testing.assert_allclose(rows, naive.sinusoidal(n, dim, base), **CLOSE)


def test_sinusoidal_is_exact_at_large_positions():
    rows = V.sinusoidal(100_003, 2)
    for p in (65_535, 65_536, 99_999, 100_002):
        np.testing.assert_allclose(rows[p], [math.sin(p), math.cos(p)], **CLOSE)


@pytest.mark.parametrize("init", ["normal", "uniform", "xavier"])
def test_learned_positions_match_the_oracle(init):
    rows = V.learned(7, 5, seed=11, init=init, scale=0.5)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, naive.random_rows(7, 5, 11, 1, init, 0.5), rtol=1e-6)
    rows += 1  # they may be changed
    assert not np.array_equal(V.learned(7, 5, seed=11, init=init), V.learned(7, 5, seed=12, init=init))


# Rotations


@pytest.mark.parametrize("layout", ["half", "interleaved"])
@pytest.mark.parametrize(("n", "dim", "base"), [(5, 2, 10000.0), (40, 6, 500_000), (3, 64, 1.5)])
def test_rotations_match_complex_products(layout, n, dim, base):
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((2, 3, n, dim))
    rotation = V.rotary(n, dim, base=base, layout=layout)
    assert rotation.cosines.dtype == rotation.sines.dtype == np.float32
    assert rotation.cosines.shape == rotation.sines.shape == (n, dim // 2)
    expected = [
        [[naive.rotate(row.tolist(), p, base, layout) for p, row in enumerate(head)] for head in batch]
        for batch in vectors
    ]
    rotated = rotation.apply(vectors)
    assert rotated.dtype == np.float64
    np.testing.assert_allclose(rotated, expected, rtol=0, atol=1e-6)
    for kind, error in ((np.float32, 1e-6), (np.float16, 5e-3)):
        rotated = rotation.apply(vectors.astype(kind))
        assert rotated.dtype == kind
        np.testing.assert_allclose(rotated, expected, rtol=0, atol=error * 10)


@pytest.mark.parametrize("layout", ["half", "interleaved"])
def test_rotations_keep_lengths_and_depend_on_the_difference(layout):
    rng = np.random.default_rng(4)
    rotation = V.rotary(100, 16, layout=layout)
    query, key = rng.standard_normal((2, 1, 16))
    products = {}
    for p, q in [(0, 0), (9, 9), (5, 2), (97, 94), (2, 5), (40, 43)]:
        a, b = rotation.apply(query, [p]), rotation.apply(key, [q])
        assert np.linalg.norm(a) == pytest.approx(np.linalg.norm(query), rel=1e-6)
        assert products.setdefault(p - q, (a @ b.T).item()) == pytest.approx((a @ b.T).item(), abs=1e-5)
    assert len({round(product, 3) for product in products.values()}) == 3


def test_positions_of_rotations_can_be_given():
    rotation = V.rotary(50, 4)
    vectors = np.random.default_rng(5).standard_normal((2, 3, 6, 4))
    whole = rotation.apply(vectors)
    np.testing.assert_array_equal(rotation.apply(vectors[..., 4:, :], range(4, 6)), whole[..., 4:, :])
    rows = np.array(
        [[0, 1, 2, 0, 1, 2], [0, 1, 0, 1, 0, 1]]
    )  # packed documents, one row per row of the batch
    packed = rotation.apply(vectors, rows[:, None, :])
    np.testing.assert_array_equal(packed[0, :, 3:], rotation.apply(vectors[0, :, 3:]))
    np.testing.assert_array_equal(packed[1, :, 4:], rotation.apply(vectors[1, :, 4:]))
    assert rotation.apply(vectors[:, :, :0]).shape == (2, 3, 0, 4)


@pytest.mark.parametrize(
    ("vectors", "positions", "error", "message"),
    [
        ([[1.0, 2.0]], None, TypeError, "vectors must be an array of floating-point numbers, not list"),
        (np.ones((3, 4), int), None, TypeError, "not int64"),
        (np.ones(4), None, ValueError, r"shape \(\.\.\., t, 4\), not \(4,\)"),
        (np.ones((3, 6)), None, ValueError, r"shape \(\.\.\., t, 4\), not \(3, 6\)"),
        (np.ones((9, 4)), None, ValueError, r"9 positions, but the angles of only 8.*rotary\(9, 4\)"),
        (np.ones((2, 4)), [0, 8], IndexError, "positions: 8 at index 1 is outside the 8 positions"),
        (np.ones((2, 4)), [-1, 0], IndexError, "positions: -1 at index 0"),
        (np.ones((2, 4)), [0.5, 1], TypeError, "positions must be integers"),
        (np.ones((2, 4)), [0, 1, 2], ValueError, r"positions of shape \(3,\) do not broadcast to \(2,\)"),
    ],
)
def test_vectors_that_cannot_be_rotated_are_refused(vectors, positions, error, message):
    with pytest.raises(error, match=message):
        V.rotary(8, 4).apply(vectors, positions)


# Biases

BUCKETS = [
    (32, 128, True),
    (32, 128, False),
    (8, 5, True),
    (4, 2, True),
    (2, 7, False),
    (64, 1000, True),
    (6, 81, False),
    (12, 20, True),
]


@pytest.mark.parametrize(("n_buckets", "max_distance", "bidirectional"), BUCKETS)
def test_buckets_match_the_formula(n_buckets, max_distance, bidirectional):
    options = {"n_buckets": n_buckets, "max_distance": max_distance, "bidirectional": bidirectional}
    for n, n_keys in ((1, 1), (150, 1), (1, 150), (30, 170), (21, 20)):
        found = V.relative_buckets(n, n_keys, **options)
        assert found.dtype == np.int64
        assert found.tolist() == [
            [naive.bucket(query, key, **options) for key in range(n_keys)] for query in range(n)
        ]
    whole = V.relative_buckets(2000, **options)
    assert whole.shape == (2000, 2000)
    assert np.unique(whole).tolist() == [
        i for i in range(n_buckets) if not bidirectional or i != n_buckets // 2
    ]


def test_buckets_are_those_of_transformers():
    # Distances at which a bucket begins, by `T5Attention._relative_position_bucket` of transformers 5.24.
    starts = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91]
    both = V.relative_buckets(300)
    assert np.flatnonzero(np.diff(both[:, 0], prepend=-1)).tolist() == starts
    assert np.flatnonzero(np.diff(both[0], prepend=-1)).tolist() == starts
    assert (both[0, 1], both[0, 299], both[299, 0]) == (17, 31, 15)
    before = V.relative_buckets(300, bidirectional=False)
    starts = [*range(16), 16, 19, 21, 24, 27, 31, 35, 40, 46, 52, 59, 67, 77, 87, 99, 113]
    assert np.flatnonzero(np.diff(before[:, 0], prepend=-1)).tolist() == starts
    assert not before[0].any()


def test_relative_bias_gathers_one_number_per_bucket_and_head():
    options = {"n_buckets": 8, "max_distance": 6, "bidirectional": True}
    bias = V.relative_bias(5, 3, seed=2, n_keys=9, scale=1.0, **options)
    assert bias.dtype == np.float32
    assert bias.shape == (3, 5, 9)
    assert bias.flags.c_contiguous
    table = naive.random_rows(8, 3, 2, 2, "normal", 1.0)
    for head, query, key in np.ndindex(bias.shape):
        expected = table[naive.bucket(query, key, **options)][head]
        assert bias[head, query, key] == pytest.approx(expected, rel=1e-6)


def test_slopes_of_alibi_match_the_formula():
    for n_heads in [*range(1, 70), 96, 128, 100]:
        slopes = V.alibi_slopes(n_heads)
        assert slopes.dtype == np.float32
        np.testing.assert_allclose(slopes, naive.slopes(n_heads), rtol=1e-6)


def test_alibi_falls_with_the_distance():
    bias = V.alibi(7, 12)
    assert bias.dtype == np.float32
    assert bias.shape == (12, 7, 7)
    for head, query, key in np.ndindex(bias.shape):
        assert bias[head, query, key] == pytest.approx(-naive.slopes(12)[head] * abs(query - key), rel=1e-6)
    assert not np.signbit(bias[:, 0, 0]).any()


# Errors


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: V.sinusoidal(0, 4), ValueError, r"n must be from 1 to 2\^31 - 1, not 0"),
        (lambda: V.sinusoidal(4, 1 << 31), ValueError, "dim must be from 1"),
        (lambda: V.sinusoidal(4, 4, base=0.5), ValueError, "base must be"),
        (lambda: V.rotary(4, 5), ValueError, "dim must be even.*not 5"),
        (lambda: V.rotary(4, 4, layout="halves"), ValueError, 'layout must be.*did you mean "half"'),
        (lambda: V.learned(4, 4, 1.5), ValueError, "seed must be"),
        (lambda: V.learned(4, 4, 1, init="gauss"), ValueError, "init must be"),
        (lambda: V.learned(4, 4, 1, scale=-1), ValueError, "scale must be"),
        (lambda: V.relative_buckets(4, n_buckets=6), ValueError, "multiple of 4 with bidirectional=True"),
        (lambda: V.relative_buckets(4, n_buckets=7, bidirectional=False), ValueError, "multiple of 2"),
        (lambda: V.relative_buckets(4, n_buckets=2048), ValueError, "at most 1,024, not 2,048"),
        (lambda: V.relative_buckets(4, max_distance=8), ValueError, "max_distance must be more than 8"),
        (lambda: V.alibi_slopes(True), TypeError, "n_heads must be an integer"),
    ],
)
def test_wrong_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_the_numbers_do_not_depend_on_the_processor():
    code = (
        "import hashlib, fasttok as ft\nv = ft.vectors\n"
        "r = v.rotary(300, 64)\n"
        "arrays = [v.sinusoidal(500, 100), v.learned(100, 64, 3), r.cosines, r.sines, v.alibi(9, 12)]\n"
        "print(hashlib.sha256(b''.join(a.tobytes() for a in arrays)).hexdigest())"
    )
    extensions = " ".join(np.show_config(mode="dicts")["SIMD Extensions"]["found"])
    found = set()
    for disabled in ("", extensions):
        environment = {**os.environ, "NPY_DISABLE_CPU_FEATURES": disabled}
        command = [sys.executable, "-c", code]
        result = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        found.add(result.stdout)
    assert len(found) == 1
