"""Word vectors: words as ids, searches, analogies, drawings, files, vectors of texts."""

from __future__ import annotations

import importlib.util
import json
import math

import numpy as np
import pytest

import fasttok as ft
from fasttok.vectors.words.drawing import find_components
from tests import vector_oracles as naive

V = ft.vectors
WORDS = [f"w{i}" for i in range(30)]
TOK = ft.Tokenizer(ft.WordModel([*WORDS, "<unk>"], unk_id=30), "whitespace_split", {"<end>": 31})


def make_texts(seed=1, n=80):
    rng = np.random.default_rng(seed)
    return [" ".join(f"w{int(28 * x**2)}" for x in rng.random(15)) for _ in range(n)]


def make_vectors(dim=6):
    return V.cooccurrence(make_texts(), TOK, 3).glove(dim, epochs=3, seed=7)


# Words


def bpe(text="low lower lowest the king sat", size=273, **options):
    return ft.train(ft.Corpus.from_texts([text] * 5), vocab_size=size, **options)


def pieces_of(tok, word):
    vec = V.WordVectors(tok, np.ones((tok.vocab_size, 2), np.float32), np.ones(tok.vocab_size, np.int64))
    return [tok.id_to_piece(i) for i in vec.find_ids(word)]


@pytest.mark.parametrize(
    ("tok", "word", "expected"),
    [
        # Pieces that begin with the space, also of the first word of the text.
        (lambda: bpe(pretokenizer="gpt2"), "king", [b" king"]),
        (lambda: bpe(pretokenizer="gpt2"), "low", [b" low"]),
        (lambda: bpe(pretokenizer="gpt2"), "lowers", [b" lower", b"s"]),
        # The space is a token of its own.
        (lambda: bpe(size=256), "ab", [b"a", b"b"]),
        (lambda: ft.train(ft.Corpus.from_texts(["low ab"]), model="character"), "ab", [b"a", b"b"]),
        (lambda: ft.train(ft.Corpus.from_texts(["low ab"]), model="byte"), "ab", [b"a", b"b"]),
        # The pieces have no space, or a mark of sentencepiece.
        (lambda: bpe(pretokenizer="bert", size=265), "low", [b"low"]),
        (lambda: ft.Tokenizer(ft.WordModel(["▁low", "▁"]), "metaspace"), "low", ["▁low".encode()]),
        (
            lambda: ft.Tokenizer(ft.WordModel(["▁low", "▁"]), ft.Metaspace(remove_extra_whitespaces=False)),
            "low",
            ["▁low".encode()],
        ),
        (
            lambda: ft.Tokenizer(ft.WordPieceModel(["low", "##er", "[UNK]"], unk_id=2), "bert"),
            "lower",
            [b"low", b"##er"],
        ),
        # Unknown tokens are left out.
        (lambda: ft.Tokenizer(ft.WordModel(["low", "?"], unk_id=1), "bert"), "low-cost", [b"low"]),
        # A word that is known only at the start of a text.
        (lambda: ft.Tokenizer(ft.WordModel(["Yes", " yes", "?"], unk_id=2), "gpt2"), "Yes", [b"Yes"]),
        (lambda: ft.Tokenizer(ft.WordModel(["Yes", " yes"]), "gpt2"), "Yes", [b"Yes"]),
        (lambda: ft.Tokenizer(ft.WordModel(["Yes", " yes"]), "gpt2"), "yes", [b" yes"]),
    ],
)
def test_words_have_the_ids_of_words_after_a_space(tok, word, expected):
    assert pieces_of(tok(), word) == expected


def test_a_word_of_several_tokens_has_the_mean_of_their_vectors():
    tok = bpe(pretokenizer="gpt2")
    weights = np.arange(tok.vocab_size * 3, dtype=np.float32).reshape(-1, 3)
    vec = V.WordVectors(tok, weights, np.ones(tok.vocab_size, np.int64))
    ids = list(vec.find_ids("lowers"))
    assert len(ids) == 2
    assert vec["lowers"].tolist() == weights[ids].mean(axis=0).tolist()
    assert vec.nearest("lowers", k=2).queries == {"lowers": tuple(ids)}
    assert not set(ids) & set(vec.nearest("lowers", k=1000).ids.tolist())


@pytest.mark.parametrize(
    ("word", "error", "message"),
    [
        ("zzz", ValueError, "word must be a word that the tokenizer knows, not 'zzz'"),
        ("w29", ValueError, "word must be a word of the corpus, but 'w29' has no vector"),
        ("", ValueError, "word must not be empty"),
        (3, TypeError, "word must be a str, not int"),
        (None, TypeError, "word must be a str, not None"),
        ("\ud800", ValueError, "word contains a lone surrogate"),
    ],
)
def test_words_without_a_vector_are_refused(word, error, message):
    vec = make_vectors()
    for call in (vec.nearest, vec.__getitem__):
        with pytest.raises(error, match=message):
            call(word)
    for call in (lambda: vec.similarity("w1", word), lambda: vec.analogy("w1", word, "w2")):
        with pytest.raises(
            error, match=message.replace("word must", "b must").replace("word contains", "b contains")
        ):
            call()


# Similarity


def test_similarities_match_the_oracle():
    vec = make_vectors()
    x, y = vec["w3"].tolist(), vec["w5"].tolist()
    assert vec.similarity("w3", "w5") == pytest.approx(naive.cosine(x, y), abs=1e-6)
    assert vec.similarity("w3", "w5", "dot") == pytest.approx(
        sum(a * b for a, b in zip(x, y, strict=True)), rel=1e-5
    )
    assert vec.similarity("w3", "w5", "euclidean") == pytest.approx(math.dist(x, y), rel=1e-5)
    with pytest.raises(ValueError, match='metric must be "cosine", "dot" or "euclidean"'):
        vec.similarity("w3", "w5", "angle")


def test_nearest_words_match_the_oracle():
    vec = make_vectors()
    rows = vec.table.weights.tolist()
    for word in (0, 7, 20):
        others = [i for i in range(28) if i != word]
        expected = sorted(others, key=lambda i: -naive.cosine(rows[i], rows[word]))
        found = vec.nearest(f"w{word}", k=100)
        assert found.ids.tolist() == expected
        assert found.words == tuple(WORDS[i] for i in expected)
        scores = [naive.cosine(rows[i], rows[word]) for i in expected]
        np.testing.assert_allclose(found.scores, scores, atol=1e-6)
        assert list(vec.nearest(f"w{word}", k=3)) == list(found)[:3]
        assert len(vec.nearest(f"w{word}", k=3)) == 3


def test_equal_words_are_in_the_order_of_their_ids():
    weights = np.zeros((32, 2), np.float32)
    weights[:29] = [3, 4]
    weights[[5, 9]] = [1, 0], [30, 40]
    vec = V.WordVectors(TOK, weights, np.ones(32, np.int64))
    assert vec.nearest("w9", k=30).ids.tolist() == [i for i in range(29) if i not in (5, 9)] + [5]


def test_special_and_unknown_tokens_are_not_found():
    vec = V.WordVectors(TOK, np.ones((32, 2), np.float32), np.ones(32, np.int64))
    assert vec.nearest("w0", k=100).ids.tolist() == list(range(1, 30))
    assert repr(vec) == "WordVectors(30 of 32 ids, dim=2)"


@pytest.mark.parametrize("method", ["3cosadd", "3cosmul"])
def test_analogies_match_the_oracle(method):
    vec = make_vectors()
    rows = vec.table.weights.tolist()

    def score(i):
        x, y, z = (naive.cosine(rows[i], rows[j]) for j in (4, 8, 15))
        if method == "3cosadd":
            return x - y + z
        return (1 + x) / 2 * (1 + z) / 2 / ((1 + y) / 2 + 0.001)

    expected = sorted((i for i in range(28) if i not in (4, 8, 15)), key=score, reverse=True)
    found = vec.analogy("w4", "w8", "w15", method, k=100)
    assert found.ids.tolist() == expected
    np.testing.assert_allclose(found.scores, [score(i) for i in expected], rtol=1e-5, atol=1e-6)
    assert found.queries == {"w4": (4,), "w8": (8,), "w15": (15,)}
    with pytest.raises(ValueError, match='method must be "3cosadd" or "3cosmul"'):
        vec.analogy("w4", "w8", "w15", "add")


def test_the_neighbours_print_the_ids_and_words_in_lines():
    found = V.Neighbours(
        {"a": (1,), "b c": (2, 3)}, (" d", "e\n", "f"), np.arange(3), np.array([0.5, 0.25, -1])
    )
    assert repr(found).splitlines() == [
        "a: id 1",
        "b c: mean of the ids 2, 3",
        "  0.500  ' d'",
        r"  0.250  'e\n'",
        " -1.000  f",
    ]


def test_real_text_has_similar_words_near_each_other(shared):
    text = (shared / "data/prose/tinyshakespeare.txt").read_text("utf-8")
    corpus = ft.Corpus.from_texts(text.split("\n\n"))
    tok = ft.train(
        corpus, model="word", pretokenizer="bert", normalizer="lowercase", vocab_size=3000, unk="<u>"
    )
    vec = V.cooccurrence(corpus, tok, 4).ppmi().svd(dim=50)
    assert {"queen", "duke", "prince"} & set(vec.nearest("king", k=20).words)
    assert vec.similarity("brother", "sister") > vec.similarity("brother", "sword")


# Drawings


def test_principal_components_match_the_covariance():
    rows = np.random.default_rng(3).standard_normal((12, 5)) * [5, 3, 1, 1, 1]
    places = find_components(rows)
    values, vectors = np.linalg.eigh(np.cov(rows.T))
    for k, column in enumerate((-1, -2)):
        expected = (rows - rows.mean(axis=0)) @ vectors[:, column]
        expected *= np.sign(expected[np.abs(expected).argmax()])
        np.testing.assert_allclose(places[:, k], expected, atol=1e-9)
        assert places[:, k].var(ddof=1) == pytest.approx(values[column])
    line = find_components(np.array([[1.0], [2.0], [6.0]]))
    np.testing.assert_allclose(line, [[-2, 0], [-1, 0], [3, 0]], atol=1e-12)


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_drawings_have_the_words_at_their_places(method, tmp_path):
    vec = make_vectors()
    words = [f"w{i}" for i in range(12)]
    figure, again = vec.plot(words, method), vec.plot(words, method)
    [axes] = figure.axes
    assert [text.get_text() for text in axes.texts] == words
    places = np.array([text.xy for text in axes.texts])
    np.testing.assert_array_equal(places, np.array([text.xy for text in again.axes[0].texts]))
    assert len(np.unique(places, axis=0)) == 12
    if method == "pca":
        rows = [vec[word] / np.linalg.norm(vec[word]) for word in words]
        np.testing.assert_allclose(places, find_components(np.array(rows)), atol=1e-6)
    figure.savefig(tmp_path / "a.svg")
    assert "<svg" in (tmp_path / "a.svg").read_text()


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_two_words_and_words_with_signs_are_drawn(method, tmp_path):
    tok = ft.Tokenizer(ft.WordModel(["$x$", "$y_1"]), "whitespace_split")
    vec = V.cooccurrence(["$x$ $y_1"], tok).glove(dim=1, seed=1)
    vec.plot(["$x$", "$y_1"], method).savefig(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((["w1"],), ValueError, "words must be at least two words, not 1"),
        (("w1",), TypeError, "words must be a sequence of str"),
        ((["w1", "w1"],), ValueError, "words contains a text twice"),
        ((["w1", "zzz"],), ValueError, "each of words must be a word that the tokenizer knows, not 'zzz'"),
        ((["w1", "w2"], "umap"), ValueError, 'method must be "pca" or "tsne"'),
    ],
)
def test_wrong_words_are_not_drawn(arguments, error, message):
    with pytest.raises(error, match=message):
        make_vectors().plot(*arguments)


def test_missing_packages_are_named(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "fasttok.vectors.words.drawing.find_spec",
        lambda name: None if name in ("sklearn", "matplotlib") else found(name),
    )
    with pytest.raises(ImportError, match="install them with: pip install matplotlib$"):
        make_vectors().plot(["w1", "w2"])
    with pytest.raises(ImportError, match="pip install matplotlib scikit-learn"):
        make_vectors().plot(["w1", "w2"], "tsne")


# Files


def test_files_of_the_projector_have_a_line_per_word(tmp_path):
    tok = ft.Tokenizer(ft.WordModel(["a\tb", "c\nd", "e\\", "f"]), ft.Regex("[^ ]+|f"))
    weights = np.array([[1.5, -2], [0.1, 3], [1e-9, 1e9], [0, 0]], np.float32)
    vec = V.WordVectors(tok, weights, np.array([4, 3, 2, 1]))
    vec.to_projector(tmp_path / "new" / "folder")
    vec.to_projector(tmp_path / "new" / "folder")
    lines = (tmp_path / "new/folder/metadata.tsv").read_text().split("\n")
    assert lines == ["word\tid\tcount", "a\\tb\t0\t4", "c\\nd\t1\t3", "e\\\\\t2\t2", ""]
    table = np.loadtxt(tmp_path / "new/folder/vectors.tsv", delimiter="\t", dtype=np.float32)
    np.testing.assert_array_equal(table, weights[:3])
    with pytest.raises(NotADirectoryError, match="it is not a folder"):
        vec.to_projector(tmp_path / "new/folder/vectors.tsv")


def test_saved_vectors_are_loaded(tmp_path):
    for vec in (make_vectors(), V.cooccurrence(make_texts(), TOK).ppmi().svd(dim=4)):
        vec.save(tmp_path / "a.npz")
        loaded = V.WordVectors.load(tmp_path / "a.npz", TOK)
        assert loaded.table == vec.table
        np.testing.assert_array_equal(loaded.counts, vec.counts)
        np.testing.assert_array_equal(loaded.losses, vec.losses)
        assert repr(loaded.nearest("w3")) == repr(vec.nearest("w3"))


def test_wrong_files_are_refused(tmp_path):
    path = tmp_path / "a.npz"
    make_vectors().save(path)
    other = ft.Tokenizer(ft.WordModel(WORDS), "whitespace_split")
    with pytest.raises(ValueError, match="tokenizer must be the one of the vectors in .*a.npz"):
        V.WordVectors.load(path, other)
    with pytest.raises(TypeError, match="tokenizer must be a Tokenizer"):
        V.WordVectors.load(path, 32)
    data = path.read_bytes()
    for cut in (0, 10, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:cut])
        with pytest.raises(ft.ModelFormatError, match="not a file of word vectors"):
            V.WordVectors.load(path, TOK)
    header = {"format": "fasttok.word_vectors", "version": 1, "tokenizer": TOK.fingerprint()}
    good = {
        "header": np.array(json.dumps(header)),
        "weights": np.ones((32, 2), np.float32),
        "counts": np.ones(32, np.int64),
        "losses": np.empty(0),
    }
    for wrong, message in (
        ({"weights": np.ones((31, 2), np.float32)}, "its arrays are not those of 32 ids"),
        ({"weights": np.ones(32, np.float32)}, "its arrays are not those of 32 ids"),
        ({"counts": np.ones(31, np.int64)}, "its arrays are not those of 32 ids"),
        ({"counts": np.ones(32)}, "counts: must be int64, not float64"),
        ({"weights": np.full((32, 2), np.nan, np.float32)}, "weights: weights must be finite"),
        ({"header": np.array("{}")}, "header: not fasttok.word_vectors version 1"),
    ):
        np.savez(path, **(good | wrong))
        with pytest.raises(ft.ModelFormatError, match=message):
            V.WordVectors.load(path, TOK)
    np.savez(path, **good)
    assert V.WordVectors.load(path, TOK).table.dim == 2


# Vectors of texts


@pytest.mark.parametrize("weights", ["mean", "idf", "sif"])
def test_vectors_of_texts_match_the_oracle(weights):
    vec = make_vectors()
    texts = [*make_texts(seed=2, n=30), "", "w29 zzz", "w1 w29 w1 zzz"]
    ids = TOK.encode_batch(texts, as_list=True)
    factors = {
        "mean": dict.fromkeys(range(32), 1.0),
        "idf": naive.idf_weights(ids, 32),
        "sif": naive.sif_weights(vec.counts.tolist()),
    }[weights]
    rows = vec.table.weights.tolist()
    expected = [naive.weighted_mean(row, rows, factors) for row in ids]
    if weights == "sif":
        expected = naive.without_common(expected)
    docs = vec.pool(texts, weights)
    assert docs.vectors.dtype == np.float32
    np.testing.assert_allclose(docs.vectors, expected, atol=2e-6)
    np.testing.assert_array_equal(docs.embed(texts), docs.vectors)
    assert not docs.vectors[30:32].any()
    query = "w3 w4 w4"
    [embedded] = docs.embed([query])
    scores = [naive.cosine(row, embedded.tolist()) for row in docs.vectors.tolist()]
    found = docs.search(query, k=100)
    assert len(found) == len(docs) == 33
    assert [i for i, _ in found] == sorted(range(33), key=lambda i: -round(scores[i], 9))
    np.testing.assert_allclose([score for _, score in found], sorted(scores, reverse=True), atol=1e-6)
    assert docs.search(query, k=2) == found[:2]


@pytest.mark.parametrize("texts", [["w1 w2 w3"], ["w1 w2", "w2 w1 w1 w2", "w1 w2"]])
def test_texts_in_one_direction_have_no_vector_left(texts):
    docs = make_vectors().pool(texts, "sif")
    assert not docs.vectors.any()
    with pytest.raises(ValueError, match="query must have a token with a vector"):
        docs.search(texts[0])


def test_unknown_tokens_are_left_out_of_texts():
    texts = ["w1 zzz w2", "w3 zzz zzz w1", "w2 w3"]
    vec = V.cooccurrence(texts, TOK, 3).glove(3, seed=2)
    assert vec.table.weights[30].any()
    for weights in ("mean", "idf", "sif"):
        found = vec.pool(texts, weights)
        np.testing.assert_array_equal(found.embed(["w1 zzz w2"]), found.embed(["w1 w2"]))
        assert not found.embed(["zzz"]).any()


def test_many_texts_are_pooled_in_parts(monkeypatch):
    vec = make_vectors()
    texts = make_texts(seed=4, n=50)
    whole = vec.pool(texts).vectors
    monkeypatch.setattr("fasttok.vectors.words.pooling._CHUNK", 7)
    np.testing.assert_array_equal(vec.pool(iter(texts)).vectors, whole)
    np.testing.assert_array_equal(vec.pool(ft.Corpus.from_texts(texts)).vectors, whole)


def test_a_search_finds_the_text_of_the_query():
    vec = make_vectors()
    texts = make_texts(seed=6, n=40)
    for weights in ("mean", "idf", "sif"):
        docs = vec.pool(texts, weights)
        for i in (0, 13, 39):
            assert docs.search(texts[i], k=1) == [(i, pytest.approx(1, abs=1e-6))]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda vec: vec.pool("w1"), TypeError, "texts must be an iterable of texts, not one text"),
        (lambda vec: vec.pool([]), ValueError, "texts must have at least one text"),
        (lambda vec: vec.pool(["w1"], "tfidf"), ValueError, 'weights must be "sif", "idf" or "mean"'),
        (lambda vec: vec.pool(["w1", 3]), TypeError, r"texts\[1\] must be str or bytes"),
        (
            lambda vec: vec.pool(["w1"], "mean").search("zzz"),
            ValueError,
            "query must have a token with a vec",
        ),
        (lambda vec: vec.pool(["w1"], "mean").search(b"w1"), TypeError, "query must be a str"),
        (lambda vec: vec.pool(["w1"], "mean").search("w1", 0), ValueError, "k must be at least 1"),
        (lambda vec: vec.pool(["w1"], "mean").embed("w1"), TypeError, "texts must be an iterable of texts"),
        (lambda vec: vec.nearest("w1", k=0), ValueError, "k must be at least 1"),
    ],
)
def test_wrong_arguments_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call(make_vectors())
