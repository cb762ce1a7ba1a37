"""Counting pretokens; adding, mixing and saving counts."""

from __future__ import annotations

import itertools
import random
from fractions import Fraction

import numpy as np
import pytest

import fasttok as ft
from fasttok.counts._hash import PretokenTable
from fasttok.text.pretokenizers.scanners import PATTERNS
from tests import hostile, oracles

BIG = (1 << 62) + 1


def counts_of(texts, **options):
    return ft.count_pretokens(ft.Corpus.from_texts(texts), **options)


@pytest.mark.parametrize("name", list(PATTERNS))
def test_counts_agree_with_oracle(name):
    documents = hostile.byte_strings(3000, seed=7)
    counts = counts_of(documents, pretokenizer=name)
    expected = oracles.count(PATTERNS[name], documents)
    assert list(counts.to_dict().items()) == list(expected.items())  # including the order
    assert counts.total == sum(expected.values())


def test_pretokens_of_many_lengths_and_many_distinct_ones():
    rng = random.Random(8)
    words = [bytes(rng.choices(b"ab", k=n)) for n in range(1, 40) for _ in range(60)] + [b"x" * 100_000]
    counts = counts_of([b" ".join(words)] * 2)
    assert counts.to_dict() == oracles.count(PATTERNS["o200k"], [b" ".join(words)] * 2)
    many = [b"%d" % i for i in range(50_000)]
    assert counts_of([b" ".join(many)]).to_dict() == oracles.count(PATTERNS["o200k"], [b" ".join(many)])


def test_pretokens_of_zero_bytes_are_distinct():
    words = {b"a": 1, b"a\0": 2, b"a\0\0": 3, b"\0" * 15: 4, b"\0" * 16: 5, b"\0" * 17: 6}
    counts = ft.PretokenCounts.from_dict(words)
    assert counts.to_dict() == words
    assert [p for p, _ in counts.most_common(2)] == [b"\0" * 17, b"\0" * 16]


def test_ties_are_sorted_by_bytes_after_a_long_common_prefix():
    words = [b"prefix-of-15-by" + tail for tail in (b"", b"t", b"tb", b"ta", b"s" * 40, b"\0", b"\xff")]
    counts = ft.PretokenCounts.from_dict(dict.fromkeys(words, 1))
    assert list(counts.to_dict()) == sorted(words)


@pytest.mark.parametrize("alphabet", [b"\0\1", b"a\0\xff", bytes(range(256))])
@pytest.mark.parametrize("prefix", [b"", b"12345678", b"prefix-of-15-by", b"longer than sixteen bytes"])
def test_equal_counts_are_sorted_by_bytes(prefix, alphabet):
    rng = random.Random(len(prefix) + len(alphabet))
    for n in (2, 9, 17, 1000, 20_000):
        words = {prefix + bytes(rng.choices(alphabet, k=rng.randrange(1, 25))) for _ in range(n)}
        assert list(ft.PretokenCounts.from_dict(dict.fromkeys(words, 3)).to_dict()) == sorted(words)


def test_rows_are_sorted_by_count_then_by_bytes():
    rng = random.Random(54)
    words = {bytes(rng.choices(b"abc", k=rng.randrange(1, 20))) for _ in range(5000)}
    counts = {
        word: rng.choice([1, 1, 1, 2, 254, 255, 256, 257, 1 << 40, rng.randrange(1 << 62)]) for word in words
    }
    order = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    assert list(ft.PretokenCounts.from_dict(counts).to_dict().items()) == order
    table = PretokenTable()
    rows = ft.Ragged.from_bytes(list(counts))
    table.add(rows.values, rows.offsets, np.array(list(counts.values())))
    for _ in range(2):  # sorting again changes nothing
        table.sort(by_count=True)
        text, offsets, found = table.rows()
        assert list(zip(ft.Ragged(text, offsets).to_bytes(), found.tolist(), strict=True)) == order


@pytest.mark.parametrize("n_shared", [0, 500, 4000])
@pytest.mark.parametrize("n_own", [1, 300, 3000, 20_000])
def test_absorbed_counts_are_added(n_own, n_shared):
    shared, whole, part = (
        {f"{name} {i}".encode() * (1 + i % 3): i + 1 for i in range(n)}
        for name, n in (("shared", n_shared), ("whole", 4000), ("part", n_own))
    )
    tables = []
    for counts in (whole | shared, part | shared):
        rows = ft.Ragged.from_bytes(list(counts))
        tables.append(PretokenTable())
        tables[-1].add(rows.values, rows.offsets, np.array(list(counts.values())))
    tables[0].absorb(tables[1])
    text, offsets, found = tables[0].rows()
    expected = whole | part | {word: 2 * count for word, count in shared.items()}
    assert dict(zip(ft.Ragged(text, offsets).to_bytes(), found.tolist(), strict=True)) == expected
    assert len(tables[0]) == len(expected)


@pytest.mark.parametrize("special", [(), ("<|endoftext|>",), ("a b", "\n\n", "\n\nx"), ("\x1c ",)])
def test_counts_do_not_depend_on_workers_and_batches(tmp_path, special):
    text = "".join(hostile.texts(3000, seed=9)).encode() + b"a b\n\nx y" * 50
    path = tmp_path / "a.txt"
    path.write_bytes(text)
    made = [
        ft.count_pretokens(source, split_special=special, workers=workers, batch_bytes=batch_bytes)
        for source in (ft.Corpus.from_files(path, format="text"), ft.Corpus.from_texts([text]))
        for workers, batch_bytes in itertools.product((1, 2, 7), (50, 4096, 1 << 22))
    ]
    assert len({counts.fingerprint() for counts in made}) == 1
    if not special:
        assert made[0].to_dict() == oracles.count(PATTERNS["o200k"], [text])


def test_special_tokens_split_documents():
    counts = counts_of(["a<s>b <s><s>a", "<s>", "<s> x"], split_special=["<s>", "<s> "])
    assert counts.to_dict() == {b"a": 2, b" ": 1, b"b": 1, b"x": 1}  # the longer token matches first
    assert b"<s" in counts_of(["a<s>b"]).to_dict()


def test_several_corpora_are_counted_separately():
    texts = {"en": hostile.texts(300, seed=15), "hi": hostile.texts(200, seed=16), 3: []}
    options = {"pretokenizer": "cl100k", "workers": 2, "batch_bytes": 100}
    specials = ["<|endoftext|>", "a"]
    corpora = {tag: ft.Corpus.from_texts(part) for tag, part in texts.items()}
    counts = ft.count_pretokens(corpora, split_special=iter(specials), **options)
    assert list(counts) == list(texts)
    for tag, part in texts.items():
        assert counts[tag] == counts_of(part, split_special=specials, **options)
    together = counts_of(
        [text for part in texts.values() for text in part], split_special=specials, **options
    )
    assert ft.PretokenCounts.mix((part, 1) for part in counts.values()) == together
    assert ft.count_pretokens({}) == {}


# Addition


def random_counts(rng, words=("a", "b", "cc", "ddd", "é", "x" * 30)):
    chosen = rng.sample(words, rng.randint(1, len(words)))
    return ft.PretokenCounts.from_dict({word: rng.randint(1, 9) for word in chosen})


def test_adding():
    rng = random.Random(10)
    for _ in range(50):
        a, b, c = (random_counts(rng) for _ in range(3))
        assert (a + b) + c == a + (b + c)
        assert a + b == b + a
        total = {k: a.to_dict().get(k, 0) + b.to_dict().get(k, 0) for k in {**a.to_dict(), **b.to_dict()}}
        assert (a + b).to_dict() == total
    parts = [counts_of([text]) for text in ("one two", "two three", "one")]
    assert parts[0] + parts[1] + parts[2] == counts_of(["one two", "two three", "one"])


def test_counts_of_different_recipes_cannot_be_added():
    a = counts_of(["a"])
    for other in (
        counts_of(["a"], pretokenizer="cl100k"),
        counts_of(["a"], split_special=["b"]),
        ft.count_pretokens(ft.Corpus.from_texts(["a"], document="line")),
    ):
        with pytest.raises(ft.RecipeError, match="cannot add counts with different recipes"):
            a + other


@pytest.mark.parametrize("scale", [1, BIG // 9])
def test_mixing_rounds_once_half_up(scale):
    rng = random.Random(11)
    for _ in range(60):
        parts = [
            (random_counts(rng), rng.choice([0, 1, 0.5, 0.1, 0.25, "1/3", Fraction(2, 7)])) for _ in range(3)
        ]
        parts = [
            (ft.PretokenCounts.from_dict({k: v * scale for k, v in counts.to_dict().items()}), weight)
            for counts, weight in parts
        ]
        exact: dict[bytes, Fraction] = {}
        for counts, weight in parts:
            for word, n in counts.to_dict().items():
                exact[word] = exact.get(word, Fraction(0)) + n * Fraction(str(weight))
        expected = {word: int(total + Fraction(1, 2)) for word, total in exact.items()}
        expected = {word: n for word, n in expected.items() if n}
        if max(expected.values(), default=0) >= 1 << 63:
            with pytest.raises(OverflowError):
                ft.PretokenCounts.mix(parts)
        else:
            assert ft.PretokenCounts.mix(parts).to_dict() == expected


def test_large_counts():
    counts = ft.PretokenCounts.from_dict({"a": BIG, "b": 5})
    assert counts.total == BIG + 5
    with pytest.raises(OverflowError, match="exceeds 2.63"):
        counts + counts
    assert (counts.weighted(0.5) + counts.weighted("1/4")).to_dict()[b"a"] == (BIG + 1) // 2 + (BIG + 2) // 4


def test_invalid_weights_and_counts():
    counts = ft.PretokenCounts.from_dict({"a": 1})
    with pytest.raises(ValueError, match="at least 0, not -1"):
        counts.weighted(-1)
    for weight in (float("inf"), float("nan")):
        with pytest.raises(ValueError, match="a weight must be a finite number"):
            counts.weighted(weight)
    for parts in ([counts, counts], [(1, counts)], [(counts, 1, 2)]):
        with pytest.raises(TypeError, match="mix takes pairs of PretokenCounts and weight"):
            ft.PretokenCounts.mix(parts)
    with pytest.raises(TypeError, match="counts must be a mapping of pretokens to counts, not list"):
        ft.PretokenCounts.from_dict(["a"])
    with pytest.raises(ValueError, match="no parts were given"):
        ft.PretokenCounts.mix([])
    for bad in ({"a": 0}, {"a": -3}, {"a": 1.5}, {"a": 1 << 63}):
        with pytest.raises(ValueError, match="must be an integer from 1"):
            ft.PretokenCounts.from_dict(bad)
    with pytest.raises(ValueError, match="must not be empty"):
        ft.PretokenCounts.from_dict({"": 1})
    with pytest.raises(TypeError, match="corpus must be a Corpus, not list"):
        ft.count_pretokens(["a"])

    def unread():
        raise AssertionError("the corpus was read before all arguments were checked")

    with pytest.raises(TypeError, match=r"corpus\['de'\] must be a Corpus, not list"):
        ft.count_pretokens({"en": ft.Corpus.from_texts(unread), "de": ["a"]})
    with pytest.raises(TypeError, match="split_special must be a collection of str"):
        counts_of(["the end"], split_special="<|endoftext|>")
    assert [counts.most_common(n) for n in (-1, 0, 1, 5)] == [[], [], [(b"a", 1)], [(b"a", 1)]]


# Symbols and files


def test_symbols_are_lossless():
    documents = hostile.byte_strings(500, seed=12)
    counts = counts_of(documents, pretokenizer="none")
    rows = counts.to_dict()
    characters, in_bytes = counts.symbols("character"), counts.symbols("byte")
    for pretoken, code_points, symbols in zip(rows, characters, in_bytes, strict=True):
        assert "".join(map(chr, code_points)) == pretoken.decode(errors="surrogateescape")
        assert bytes(symbols.tolist()) == pretoken
    assert counts.code_points.dtype == np.uint32
    for unit in ("word", "char"):
        with pytest.raises(ValueError, match='unit must be "byte" or "character"'):
            counts.symbols(unit)


def test_saving(tmp_path):
    counts = counts_of(hostile.byte_strings(300, seed=13), pretokenizer=r"\w+|\s")
    counts.save(tmp_path / "a.npz")
    counts.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    loaded = ft.PretokenCounts.load(tmp_path / "a.npz")
    assert loaded == counts
    assert loaded.fingerprint() == counts.fingerprint()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npz", "b.npz"]


def test_damaged_files(tmp_path):
    path = tmp_path / "a.npz"
    # Large enough that the header of an array is parsed before its checksum is verified.
    counts = ft.PretokenCounts.from_dict({f"é{i}": i for i in range(1, 3000)})
    counts.save(path)
    data = path.read_bytes()
    for end in [*range(0, 1000, 7), *range(0, len(data), 997)]:
        path.write_bytes(data[:end])
        with pytest.raises(ft.ModelFormatError, match="not a file of pretoken counts"):
            ft.PretokenCounts.load(path)
    rng = random.Random(14)
    for _ in range(1500):
        damaged = bytearray(data)
        offset = rng.choice([rng.randrange(len(data)), rng.randrange(1200), -1 - rng.randrange(600)])
        damaged[offset] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            loaded = ft.PretokenCounts.load(path)
        except ft.ModelFormatError as error:
            assert str(path) in str(error)
        else:
            assert loaded == counts  # the changed bit carries no content


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("counts", np.array([3, 2, 0]), "counts: contains a count below 1"),
        ("counts", np.array([3, 2]), "offsets: does not match the other arrays"),
        ("counts", np.array([3.0, 2, 1]), "counts: not a flat array of int64"),
        ("offsets", np.array([0, 3, 2, 4]), "offsets: is not strictly increasing"),
        ("code_points", np.array([97, 0x110000, 98, 99], np.uint32), "code_points: contains an invalid code"),
        ("code_points", np.array([97, 0xD800, 98, 99], np.uint32), "code_points: contains an invalid code"),
        ("counts", np.array([1, 2, 3]), "rows are not sorted"),
        ("code_points", np.array([97, 98, 99, 99], np.uint32), "code_points: rows are not sorted"),
        (
            "header",
            np.array('{"format": "fasttok.counts", "version": 2}'),
            "header: not fasttok.counts version 1",
        ),
    ],
)
def test_invalid_content(tmp_path, field, value, message):
    path = tmp_path / "a.npz"
    ft.PretokenCounts.from_dict({"ab": 3, "é": 2, "c": 1}).save(path)
    with np.load(path) as arrays:
        fields = dict(arrays)
    fields[field] = value
    np.savez(path, **fields)
    with pytest.raises(ft.ModelFormatError, match=message):
        ft.PretokenCounts.load(path)


def test_empty_corpus():
    for texts in ([], [""], ["", b""]):
        counts = counts_of(texts)
        assert (len(counts), counts.total, counts.to_dict()) == (0, 0, {})
