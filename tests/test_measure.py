"""`measure`: every row against a naive implementation, intervals, and invalid arguments."""

from __future__ import annotations

import hashlib
import json
from itertools import repeat

import numpy as np
import pytest
import tiktoken

import fasttok as ft
from fasttok.core.errors import CorpusError, ScoringError
from fasttok.evaluation.metrics.morphology import read_morphemes
from fasttok.evaluation.metrics.registry import METRICS
from fasttok.evaluation.words import WORDS
from tests import hostile, lm_oracles
from tests import metric_oracles as oracles

NAMES = {
    "compression": {"n_tokens", "bytes_per_token", "characters_per_token", "segmentality"},
    "fertility": {"fertility"},
    "pcw": {"pcw", "strr"},
    "nsl": {"nsl"},
    "parity": {"premium", "max_min"},
    "gini": {"gini"},
    "renyi": {"renyi_efficiency", "renyi_efficiency_nominal"},
    "distribution": {"percentile_frequency", "type_token_ratio", "mattr"},
    "vocabulary": {"vocabulary_use", "vocabulary_use_10", "unreached_pieces", "mean_piece_length"},
    "bits_per_byte": {"bits_per_byte"},
    "unk": {"unk_rate"},
    "lossless": {"lossless_rate"},
    "morphology": {
        "boundary_precision",
        "boundary_recall",
        "boundary_f1",
        "morph_score",
        "morpheme_coverage",
    },
}
TEXTS = {
    "eng": ["The cat sat on the mat.", "", "Low, lower, lowest!", "It's 12345 naïve cats"],
    "deu": ["Die Katze saß auf der Matte.", "Ja", "Niedrig, niedriger!", "Es sind 12345 naive Katzen"],
    "jpn": ["猫はマットの上に座った。", "東京", "低い、低い", "12345匹の猫"],
}
ALL = list(METRICS)
# Byte-fallback pieces that are never a whole character.
PARTS = {f"<0x{byte:02X}>".encode() for byte in range(128, 256)}
MORE = [
    "low lower lowest cats",
    "a 東 the it katze 12345 . , ! '",
]  # texts with the pieces that TEXTS do not reach


def corpus_of(texts, **options) -> ft.TestCorpus:
    corpora = {language: ft.Corpus.from_texts(rows) for language, rows in texts.items()}
    return ft.TestCorpus.from_corpora("texts", corpora, **{"words": "whitespace", **options})


def is_utf8(piece: bytes) -> bool:
    return piece.decode(errors="ignore").encode() == piece


def by_key(rows):
    return {(row["tokenizer"], row["language"], row["metric"]): row for row in rows}


@pytest.fixture(scope="module")
def tokenizers(tok):
    words = [
        "[UNK]",
        "the",
        "cat",
        "##s",
        "low",
        "##er",
        "##est",
        ",",
        ".",
        "!",
        "'",
        "it",
        "katze",
        "12345",
        "a",
        "東",
    ]
    wordpiece = ft.WordPieceModel(["", *words[1:]], unk_id=0)
    pieces = ["", "▁", "a", "c", "t", "▁the", "▁cat", "猫", *(f"<0x{byte:02X}>" for byte in range(256))]
    unigram = ft.UnigramModel(pieces, [0.0, -2.0] + [-3.0] * 262, byte_fallback=True)
    return {
        "bpe": tok,
        "wordpiece": ft.Tokenizer(wordpiece, "bert", {"[UNK]": 0}, normalizer="sp_nfkc_cf"),
        "unigram": ft.Tokenizer(unigram, "metaspace", normalizer="sp_nfkc"),
    }


@pytest.fixture
def gold(tmp_path):
    paths = {"eng": tmp_path / "eng.tsv", "deu": tmp_path / "deu.tsv"}
    paths["eng"].write_text("cats\tcat @@s\nlowest\tlow @@est\nhappily\thappy @@ly\nthe\tthe\n")
    paths["deu"].write_text("Katzen\tKatze @@n\nniedriger\tniedrig @@er\n")
    return {language: read_morphemes(path) for language, path in paths.items()}


def spans_of_text(tok, encoding, text: bytes) -> list[list[int]]:
    ids, spans = encoding.ids.tolist(), encoding.byte_spans.tolist()
    pieces, written = [tok.id_to_piece(i) for i in ids], [tok.decode_bytes([i]) for i in ids]
    return oracles.spans_of_text(spans, pieces, written, len(text))


def measure_bits(tok, rows: list[str]) -> int:
    """Return the bits of documents, times 1,024; each half is predicted by a model of the other half."""
    texts = [text if isinstance(text, bytes) else text.encode() for text in rows]
    order = sorted({hashlib.blake2b(text, digest_size=16).digest() for text in texts})
    halves = [order.index(hashlib.blake2b(text, digest_size=16).digest()) % 2 for text in texts]
    ids = [tok.encode(text, as_list=True) for text in texts]
    units = 0
    for half in (0, 1):
        train = [row for row, one in zip(ids, halves, strict=True) if one != half]
        model = lm_oracles.KneserNey(train, 3, tok.vocab_size + 1, end=tok.vocab_size)
        test = [row for row, one in zip(ids, halves, strict=True) if one == half]
        units += sum(round(1024 * lm_oracles.measure_bits(model, row)) for row in test)
    return units


def naive_values(tok, languages, rule: str, baseline: list[str] | None, n_base: int):
    """Return the values of metrics over some languages; `baseline` is the text for the premium."""
    texts = [
        text if isinstance(text, bytes) else text.encode() for rows in languages.values() for text in rows
    ]
    encodings = [tok.encode_with_offsets(text) for text in texts]
    ids = [encoding.ids.tolist() for encoding in encodings]
    flat = [i for row in ids for i in row]
    words = [oracles.words(text, rule) for text in texts]
    tokens_of_words = [
        oracles.tokens_of_word(word, spans)
        for row, spans in zip(words, map(spans_of_text, repeat(tok), encodings, texts), strict=True)
        for word in row
    ]
    n_words = len(tokens_of_words)
    characters = [len(text.decode(errors="surrogateescape")) for text in texts]
    special = set(tok.special_tokens.values())
    ordinary = [i for i in range(tok.vocab_size) if i not in special and len(tok.pieces[i])]
    windows = [
        oracles.count_in_windows([i for text in rows for i in tok.encode(text)], 2000)
        for rows in languages.values()
    ]
    lossless = [tok.decode_bytes(row) == text for row, text in zip(ids, texts, strict=True)]
    values = {
        "n_tokens": len(flat),
        "bytes_per_token": oracles.quotient(sum(map(len, texts)), len(flat)),
        "characters_per_token": oracles.quotient(sum(characters), len(flat)),
        "segmentality": oracles.quotient(
            sum(max(len(row) - 1, 0) for row in ids), sum(max(n - 1, 0) for n in characters)
        ),
        "fertility": oracles.quotient(len(flat), n_words),
        "pcw": oracles.quotient(sum(n >= 2 for n in tokens_of_words), n_words),
        "strr": oracles.quotient(sum(n == 1 for n in tokens_of_words), n_words),
        "nsl": oracles.quotient(len(flat), n_base),
        "renyi_efficiency": oracles.renyi_efficiency(flat, 2.5),
        "renyi_efficiency_nominal": oracles.renyi_efficiency(flat, 2.5, tok.vocab_size),
        "percentile_frequency": oracles.percentile_frequency(flat, 3, 83),
        "type_token_ratio": oracles.quotient(len(set(flat)), len(flat)),
        "mattr": oracles.quotient(*(sum(part) for part in zip(*windows, strict=True))),
        "vocabulary_use": oracles.quotient(len(set(flat) & set(ordinary)), len(ordinary)),
        "vocabulary_use_10": oracles.quotient(sum(flat.count(i) >= 10 for i in ordinary), len(ordinary)),
        "bits_per_byte": oracles.quotient(
            sum(measure_bits(tok, rows) for rows in languages.values()), 1024 * sum(map(len, texts))
        ),
        "unk_rate": oracles.quotient(flat.count(tok.unk_id), len(flat)),
        "lossless_rate": oracles.quotient(sum(lossless), len(texts)),
    }
    if baseline is not None:
        values["premium"] = oracles.quotient(len(flat), sum(tok.count(text) for text in baseline))
    return values


@pytest.mark.parametrize("rule", ["whitespace", "unicode", "dzongkha"])
def test_values_match_naive_implementation(tokenizers, gold, rule):
    corpus = corpus_of(TEXTS, baseline="eng", morphemes=gold, words=rule)
    rows = by_key(ft.measure(tokenizers, corpus, ALL, seed=7, baseline_tokenizer="bpe"))
    for name, tok in tokenizers.items():
        for language in (*TEXTS, ""):
            part = {language: TEXTS[language]} if language else TEXTS
            n_base = sum(tokenizers["bpe"].count(text) for rows_ in part.values() for text in rows_)
            expected = naive_values(tok, part, rule, TEXTS["eng"] if language else None, n_base)
            for metric, value in expected.items():
                found = rows.pop((name, language, metric))["value"]
                assert found == (value if "renyi" not in metric else pytest.approx(value, abs=1e-12)), metric
        costs = [sum(tok.count(text) for text in texts) for texts in TEXTS.values()]
        assert rows.pop((name, "", "gini"))["value"] == pytest.approx(oracles.gini(costs), rel=1e-15)
        assert rows.pop((name, "", "max_min"))["value"] == max(costs) / min(costs)
        ordinary = [
            i for i in range(tok.vocab_size) if len(tok.pieces[i]) and i not in tok.special_tokens.values()
        ]
        assert rows.pop((name, "", "mean_piece_length"))["value"] == sum(
            map(len, oracles.text_of_pieces([tok.id_to_piece(i) for i in ordinary]))
        ) / len(ordinary)
        tried = [*map(chr, range(128)), *(text for texts in TEXTS.values() for text in texts), *MORE]
        tried += [tok.decode([i]) for i in ordinary]
        given = {i for text in tried for i in tok.encode(text).tolist()}
        parts = {i for i in ordinary if tok.id_to_piece(i) in PARTS or not is_utf8(tok.id_to_piece(i))}
        never = set(ordinary) - given - parts
        assert rows.pop((name, "", "unreached_pieces"))["value"] == len(never)
        assert (name == "unigram") == bool(never)  # byte-fallback pieces of characters that have a piece
    assert {metric for _, _, metric in rows} == NAMES["morphology"]


def test_morphology_metrics(tokenizers, gold):
    corpus = corpus_of(TEXTS, morphemes=gold)
    rows = by_key(ft.measure(tokenizers, corpus, ["morphology"], seed=7))
    for name, tok in tokenizers.items():
        sums = np.zeros(5, int)
        for morphemes in gold.values():
            (text,) = morphemes.text.to_bytes()
            spans = tok.encode_with_offsets(text).byte_spans.tolist()
            edges = set(morphemes.boundaries.tolist())
            found = [oracles.boundaries(tuple(word), edges, spans, text) for word in morphemes.words.tolist()]
            sums += np.sum(found, axis=0)
        n_gold, n_predicted, n_correct, n_scored, n_hit = sums.tolist()
        assert rows[name, "", "boundary_precision"]["value"] == oracles.quotient(n_correct, n_predicted)
        assert rows[name, "", "boundary_recall"]["value"] == oracles.quotient(n_correct, n_gold)
        assert rows[name, "", "boundary_f1"]["value"] == oracles.quotient(2 * n_correct, n_predicted + n_gold)
        assert rows[name, "", "morph_score"]["value"] == oracles.quotient(n_hit, n_scored)
        assert rows[name, "", "morpheme_coverage"]["value"] == 5 / 6
        assert rows[name, "eng", "morpheme_coverage"]["value"] == 3 / 4
    assert rows["wordpiece", "eng", "boundary_f1"]["value"] == 1.0  # cat ##s, low ##est


def test_each_group_gives_only_its_rows(tokenizers, gold):
    corpus = corpus_of(TEXTS, baseline="eng", morphemes=gold)
    everything = ft.measure(tokenizers, corpus, ALL, seed=7, baseline_tokenizer="bpe")
    assert NAMES.keys() == METRICS.keys()
    for metric, names in NAMES.items():
        rows = ft.measure(tokenizers, corpus, [metric, metric], seed=7, baseline_tokenizer="bpe")
        assert rows == [row for row in everything if row["metric"] in names]
        assert {row["metric"] for row in rows} == names


def test_rows_do_not_depend_on_workers_order_or_other_tokenizers(tokenizers, gold):
    corpus = corpus_of(TEXTS, baseline="eng", morphemes=gold)
    options = {"seed": 7, "baseline_tokenizer": "bpe"}
    rows = ft.measure(tokenizers, corpus, ALL, **options)
    lines = [json.dumps(row) for row in rows]
    assert json.loads(lines[0]) == rows[0]
    assert len({(*list(row.values())[:4],) for row in rows}) == len(rows)
    assert rows == sorted(rows, key=lambda row: tuple(row.values())[:4])
    for workers in (1, 2):
        assert [
            json.dumps(row) for row in ft.measure(tokenizers, corpus, ALL, workers=workers, **options)
        ] == lines
    backwards = dict(reversed(tokenizers.items()))
    assert [json.dumps(row) for row in ft.measure(backwards, corpus, ALL, **options)] == lines
    alone = ft.measure({"bpe": tokenizers["bpe"]}, corpus, ALL, **options)
    assert alone == [row for row in rows if row["tokenizer"] == "bpe"]


def test_intervals(tokenizers):
    texts = TEXTS | {"eng": ["Yes", *TEXTS["eng"][:1], *TEXTS["eng"][2:]]}
    corpus = corpus_of(texts, baseline="eng")
    rows = by_key(ft.measure(tokenizers, corpus, ["compression", "parity", "renyi"], seed=7))
    tok = tokenizers["unigram"]
    columns = [
        [len(text.encode()), tok.count(text), tok.count(base)]
        for text, base in zip(texts["jpn"], texts["eng"], strict=True)
    ]
    totals = oracles.resample(columns, 7, ["texts"], 1000)[1:]  # the same documents in every language
    for metric, values in (
        ("bytes_per_token", [n_bytes / n for n_bytes, n, _ in totals]),
        ("premium", [n / base for _, n, base in totals]),
    ):
        row = rows["unigram", "jpn", metric]
        assert row["low"] == pytest.approx(oracles.percentile(values, 2.5), rel=1e-14)
        assert row["high"] == pytest.approx(oracles.percentile(values, 97.5), rel=1e-14)
        assert row["low"] < row["value"] < row["high"]
    assert [rows["unigram", "eng", "premium"][key] for key in ("low", "value", "high")] == [1.0] * 3
    assert rows["bpe", "jpn", "renyi_efficiency"]["low"] is None
    other = by_key(ft.measure(tokenizers, corpus, ["compression"], seed=8))
    assert [row["value"] for row in other.values()] == [rows[key]["value"] for key in other]
    assert [row["low"] for row in other.values()] != [rows[key]["low"] for key in other]


def assert_interval(row, values: list[float]):
    assert row["low"] == pytest.approx(oracles.percentile(values, 2.5), rel=1e-13)
    assert row["high"] == pytest.approx(oracles.percentile(values, 97.5), rel=1e-13)
    assert row["low"] < row["high"]


def test_intervals_of_metrics_that_compare_tokenizers_or_languages(tokenizers):
    texts_of = TEXTS | {"eng": ["Yes", *TEXTS["eng"][:1], *TEXTS["eng"][2:]]}  # none of them empty
    corpus = corpus_of(texts_of, baseline="eng")
    metrics = ["compression", "nsl", "parity", "gini"]
    rows = by_key(ft.measure(tokenizers, corpus, metrics, seed=7, baseline_tokenizer="bpe"))
    toks = [tokenizers["unigram"], tokenizers["bpe"]]
    columns = [
        [len(text.encode()) for text in texts] + [tok.count(text) for tok in toks for text in texts]
        for texts in zip(*texts_of.values(), strict=True)
    ]
    draws = oracles.resample(columns, 7, ["texts"], 1000)[1:]
    n_bytes, tokens, base = ([draw[i : i + 3] for draw in draws] for i in (0, 3, 6))
    assert_interval(rows["unigram", "jpn", "nsl"], [n[2] / b[2] for n, b in zip(tokens, base, strict=True)])
    assert_interval(rows["unigram", "", "nsl"], [sum(n) / sum(b) for n, b in zip(tokens, base, strict=True)])
    assert_interval(
        rows["unigram", "", "bytes_per_token"],
        [sum(n) / sum(t) for n, t in zip(n_bytes, tokens, strict=True)],
    )
    assert_interval(rows["unigram", "", "max_min"], [max(costs) / min(costs) for costs in tokens])
    assert_interval(rows["unigram", "", "gini"], [oracles.gini(costs) for costs in tokens])


def test_overall_intervals_without_parallel_text(tokenizers):
    texts = {"a": ["one", "three words here"], "b": ["x", "y z", "zzz"]}
    rows = by_key(ft.measure(tokenizers, corpus_of(texts), ["fertility"], seed=7))
    tok = tokenizers["bpe"]
    draws = [
        oracles.resample(
            [[tok.count(text), len(text.split())] for text in part], 7, ["texts", language], 1000
        )
        for language, part in texts.items()
    ]
    values = [(a[0] + b[0]) / (a[1] + b[1]) for a, b in zip(*draws, strict=True)]
    assert_interval(rows["bpe", "", "fertility"], values[1:])


def test_intervals_of_morphology_metrics(tokenizers, gold):
    rows = by_key(ft.measure(tokenizers, corpus_of(TEXTS, morphemes=gold), ["morphology"], seed=7))
    (text,) = gold["deu"].text.to_bytes()
    spans = tokenizers["unigram"].encode_with_offsets(text).byte_spans.tolist()
    edges = set(gold["deu"].boundaries.tolist())
    columns = [oracles.boundaries(tuple(word), edges, spans, text) for word in gold["deu"].words.tolist()]
    draws = oracles.resample(columns, 7, ["texts", "morphemes", "deu"], 1000)[1:]
    precision = [correct / predicted for _, predicted, correct, *_ in draws]
    assert_interval(rows["unigram", "deu", "boundary_precision"], precision)
    f1 = [2 * correct / (n_gold + predicted) for n_gold, predicted, correct, *_ in draws]
    assert_interval(rows["unigram", "deu", "boundary_f1"], f1)


def test_no_interval_if_a_resample_has_denominator_zero(tokenizers):
    rows = by_key(ft.measure(tokenizers, corpus_of({"": ["", "a"]}), ["compression"], seed=7))
    assert rows["bpe", "", "bytes_per_token"]["value"] == 1.0
    assert rows["bpe", "", "bytes_per_token"]["low"] is rows["bpe", "", "bytes_per_token"]["high"] is None


def test_no_interval_for_a_single_document(tokenizers):
    texts = {"a": ["one text"], "b": ["two", "texts here"]}
    metrics = ["compression", "fertility", "nsl", "unk"]
    rows = ft.measure(tokenizers, corpus_of(texts), metrics, seed=7, baseline_tokenizer="bpe")
    for row in rows:
        assert row["value"] is not None
        assert (row["low"] is None) == (row["high"] is None) == (row["language"] != "b"), row
    one = corpus_of({"a": ["x"], "b": ["yz"]}, baseline="a")
    rows = ft.measure(tokenizers, one, ["parity", "gini"], seed=7)
    assert [row["low"] for row in rows] == [None] * len(rows)


def test_languages_without_parallel_text_are_resampled_separately(tokenizers):
    texts = {"a": ["one", "three words here"], "b": ["x", "y z", "zzz"]}
    rows = by_key(ft.measure(tokenizers, corpus_of(texts), "compression", seed=7))
    n = [[tokenizers["bpe"].count(text)] for text in texts["b"]]
    totals = [total for (total,) in oracles.resample(n, 7, ["texts", "b"], 1000)[1:]]
    assert rows["bpe", "b", "n_tokens"]["high"] == oracles.percentile(totals, 97.5)
    for group in ("parity", "gini"):
        with pytest.raises(ValueError, match=r"needs parallel text and a baseline; .* with baseline="):
            ft.measure(tokenizers, corpus_of(texts), ["compression", group], seed=7)


def test_one_text_without_a_language(tokenizers):
    corpus = ft.TestCorpus.from_corpora("plain", ft.Corpus.from_texts(["the cat"]), words="unicode")
    rows = ft.measure(tokenizers, corpus, ["compression", "renyi", "pcw"], seed=7)
    assert {row["language"] for row in rows} == {""}
    assert len({(row["tokenizer"], row["metric"]) for row in rows}) == len(rows) == 3 * 8


def test_hostile_text(tokenizers):
    texts = [text.encode() for text in hostile.texts(300, seed=63)] + hostile.byte_strings(300, seed=64)
    of_any_text = [group for group in ALL if group not in ("parity", "gini", "morphology")]
    for rule in WORDS:
        corpus = corpus_of({"": texts}, words=rule)
        rows = by_key(ft.measure(tokenizers, corpus, of_any_text, seed=7, baseline_tokenizer="bpe"))
        n_base = sum(tokenizers["bpe"].count(text) for text in texts)
        for name, tok in tokenizers.items():
            for metric, value in naive_values(tok, {"": texts}, rule, None, n_base).items():
                found = rows[name, "", metric]["value"]
                assert found == (value if "renyi" not in metric else pytest.approx(value, abs=1e-12)), metric


def test_value_is_none_if_denominator_is_zero(tokenizers):
    rows = by_key(
        ft.measure(tokenizers, corpus_of({"": [" \n"]}), ["fertility", "compression", "renyi"], seed=7)
    )
    assert rows["bpe", "", "fertility"]["value"] is rows["bpe", "", "fertility"]["low"] is None
    assert rows["wordpiece", "", "bytes_per_token"]["value"] is None
    assert rows["wordpiece", "", "renyi_efficiency"] == {
        "tokenizer": "wordpiece",
        "corpus": "texts",
        "language": "",
        "metric": "renyi_efficiency",
        "value": None,
        "low": None,
        "high": None,
        "unit": "",
        "n": 0,
    }


# Errors


def test_error_names_the_tokenizer_that_failed(tokenizers):
    bad = ft.Tokenizer(ft.WordPieceModel(["cat"]), "bert")
    with pytest.raises(
        ScoringError, match="tokenizer 'bad', corpus 'texts/b', document 1: cannot encode 'd'"
    ) as e:
        ft.measure(
            {"bpe": tokenizers["bpe"], "bad": bad},
            corpus_of({"a": ["cat"], "b": ["cat", "dog"]}),
            ["compression"],
            seed=7,
        )
    assert (e.value.tokenizer, e.value.text, e.value.document) == ("bad", "texts/b", 1)


def test_invalid_metrics_and_baselines(tokenizers):
    corpus = corpus_of(TEXTS)
    with pytest.raises(
        ValueError,
        match="no group of metrics is named 'fertilty'; did you mean .fertility.* names are compression, f",
    ):
        ft.measure(tokenizers, corpus, ["fertilty"], seed=7)
    for baseline in (None, "gpt"):
        with pytest.raises(
            ValueError, match="name of one of the tokenizers, not .*; metrics relative to a baseline"
        ):
            ft.measure(tokenizers, corpus, ["nsl"], seed=7, baseline_tokenizer=baseline)
    with pytest.raises(
        ValueError, match="baseline_tokenizer must be the name of one of the tokenizers, not 'gpt'$"
    ):
        ft.measure(tokenizers, corpus, ["compression"], seed=7, baseline_tokenizer="gpt")


def test_a_single_metric_can_be_given_without_a_list(tokenizers):
    corpus = corpus_of(TEXTS)
    one, several = (ft.measure(tokenizers, corpus, metrics, seed=7) for metrics in ("pcw", ["pcw"]))
    assert one == several


def test_invalid_tokenizers_and_corpora(tokenizers):
    corpus, encoding = (
        corpus_of(TEXTS),
        tiktoken.Encoding("e", pat_str="a", mergeable_ranks={b"a": 0}, special_tokens={}),
    )
    for given, text, message in (
        (list(tokenizers.values()), corpus, "tokenizers must be a mapping of names to tokenizers, not list"),
        (tokenizers["bpe"], corpus, "tokenizers must be a mapping of names to tokenizers, not Tokenizer"),
        ({"a": encoding}, corpus, "tokenizer 'a' must be a Tokenizer, not Encoding; wrap"),
        (tokenizers, ft.Corpus.from_texts(["a"]), "must be a TestCorpus, not Corpus; create one with"),
    ):
        with pytest.raises(TypeError, match=message):
            ft.measure(given, text, ["compression"], seed=7)
    with pytest.raises(ValueError, match="'speed' is measured by experiments only; use ft.compare"):
        ft.measure(tokenizers, corpus, "speed", seed=7)


def test_languages_with_different_numbers_of_documents():
    with pytest.raises(CorpusError, match="'texts' is not parallel: a has 2 documents, b has 1, c has 3"):
        corpus_of({"a": ["x", "y"], "b": ["x"], "c": ["x", "y", "z"]}, baseline="a")
    many = {f"l{i}": ["x"] for i in range(9)} | {"a": ["x", "y"]}
    with pytest.raises(CorpusError, match="l4 has 1, and 4 more languages differ"):
        corpus_of(many, baseline="a")


def test_invalid_test_corpora():
    with pytest.raises(CorpusError, match="language 'b', has no text"):
        corpus_of({"a": ["x"], "b": ["", ""]})
    with pytest.raises(CorpusError, match="'texts' has no text"):
        corpus_of({})
    with pytest.raises(
        ValueError, match="the baseline 'c' is not a language of test corpus 'texts', which has 'a'"
    ):
        corpus_of({"a": ["x"]}, baseline="c")
    with pytest.raises(ValueError, match="has several languages, so none of them can have the name ''"):
        corpus_of({"": ["x"], "b": ["x"]})
    with pytest.raises(ValueError, match='words must be "whitespace"'):
        corpus_of({"a": ["x"]}, words="spaces")


def test_parallel_files_keep_empty_lines(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("x\n\ny\n")
    corpus = ft.TestCorpus.from_corpora("a", ft.Corpus.from_files(path, document="line"), words="unicode")
    assert corpus.documents[""].to_bytes() == [b"x", b"", b"y"]
    assert corpus.languages == ("",)
