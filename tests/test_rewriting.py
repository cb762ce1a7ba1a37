"""Pipelines that rewrite text: counts, ids, decoding, offsets and files."""

from __future__ import annotations

import io
import itertools
import pickle

import numpy as np
import pytest
import sentencepiece

import fasttok as ft
from fasttok.corpus import corpus as corpus_module
from fasttok.text.pipeline import Pipeline
from tests import hostile, oracles
from tests.conftest import FUZZ
from tests.pipelines import pretokens

pytestmark = pytest.mark.filterwarnings("ignore:the vocabulary has")

END = "<|end|>"
FLAGS = ("add_dummy_prefix", "remove_extra_whitespaces", "treat_whitespace_as_suffix", "split_by_whitespace")
OPTIONS = [dict(zip(FLAGS, values, strict=True)) for values in itertools.product([True, False], repeat=4)]
STEPS = [ft.Metaspace(*values) for values in itertools.product([True, False], repeat=4)]
PIPELINES = [
    *((None, step) for step in STEPS),
    (None, "sentencepiece"),
    (None, ["metaspace", "script", "digits_threes_right"]),
    ("nmt_nfkc", "metaspace"),
    ("sp_nfkc_cf", ["metaspace", "script", "digits_single"]),
    ("nmt_nfkc", "gpt2"),
    ("identity", ["metaspace", "whitespace_split"]),
    ("bert", "bert"),
    ("nfd", "gpt2"),
    (["strip", "nfkc", {"name": "replace", "pattern": "b", "replacement": ""}], "metaspace"),
]
SHORT = [
    *hostile.byte_strings(50, seed=80),
    b"a  b",
    b" a b ",
    "a ▁ b".encode(),
    b"x  ",
    "é́ б 12 ".encode(),
    b"",
]


def make_pipeline(normalizer: object, steps: object) -> Pipeline:
    return Pipeline(ft.get_normalizer(normalizer), ft.get_pretokenizer(steps))


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return ["low lower lowest newest widest", "it's 12 naïve 東京 и так"] * 3


def characters(texts: list[str], normalizer: object, steps: object, **options: object) -> ft.Tokenizer:
    """Train a tokenizer over characters, with an unknown token."""
    return ft.train(
        ft.Corpus.from_texts(texts),
        vocab_size=90,
        units="character",
        unk="<unk>",
        special_tokens=["<unk>", END, "<▁>"],
        pretokenizer=steps,
        normalizer=normalizer,
        **options,
    )


def only_bytes(normalizer: object, steps: object) -> ft.Tokenizer:
    """Train a tokenizer whose pieces are bytes, so that every ▁ is three ids."""
    counts = ft.PretokenCounts.from_dict({"a": 1}, steps, normalizer)
    return ft.train(counts, vocab_size=257, special_tokens=[END])


# Batches


@pytest.mark.parametrize(("normalizer", "steps"), PIPELINES, ids=str)
def test_a_safe_cut_changes_no_pretoken(normalizer, steps):
    pipeline = make_pipeline(normalizer, steps)
    found = 0
    for data in SHORT:
        whole = pretokens(pipeline, data)
        is_right: dict[int, bool] = {}
        for start, end in itertools.combinations(range(len(data) + 1), 2):
            cut = pipeline.find_cut(np.frombuffer(data[start:end], np.uint8))
            position = start + cut
            if cut and position not in is_right:
                found += 1
                before = pretokens(pipeline, data[:position], ends=False)
                is_right[position] = before + pretokens(pipeline, data[position:], begins=False) == whole
                assert is_right[position], (data, position)
    first = getattr(pipeline.pretokenizer, "steps", (pipeline.pretokenizer,))[0]
    cuts_words = getattr(first, "split_by_whitespace", True)
    has_claims = pipeline.normalizer is None or pipeline.normalizer.cuts.neutral.any()
    assert (found > 10) == (cuts_words and has_claims)


@pytest.mark.parametrize(("normalizer", "steps"), PIPELINES, ids=str)
def test_the_size_of_batches_changes_nothing(tmp_path, monkeypatch, texts, normalizer, steps):
    tok, dropout = only_bytes(normalizer, steps), ft.Dropout(0.5, seed=1)
    for i, part in enumerate([*SHORT[:50:12], *SHORT[-6::2]]):
        data = part + b" low" + END.encode() + part + b" er  "
        path = tmp_path / f"{i}.txt"
        path.write_bytes(data)
        corpus = ft.Corpus.from_files(path)
        for special in ((), (END,)):
            counts = [
                ft.count_pretokens(
                    corpus, steps, normalizer, batch_bytes=n, workers=n % 2 + 1, split_special=special
                ).to_dict()
                for n in (1, 7, 16, 1000)
            ]
            assert counts == [counts[0]] * 4
        for special in ("none", "all"):
            expected = tok.encode(data, special=special).tolist()
            sampled = tok.encode(data, special=special, sampling=dropout).tolist()
            for n, workers in ((1, 1), (5, 2), (16, 1)):
                monkeypatch.setattr(corpus_module.Corpus.batches, "__defaults__", (None, n))
                options = {"special": special, "workers": workers}
                assert tok.encode_files(path, **options).to_list() == [expected]
                assert tok.encode_files(path, **options, sampling=dropout).to_list() == [sampled]


def test_counting_and_encoding_see_the_same_pretokens(texts):
    for normalizer, steps in PIPELINES:
        pipeline = make_pipeline(normalizer, steps)
        expected: dict[bytes, int] = {}
        for text in texts:
            for pretoken in pretokens(pipeline, text.encode()):
                expected[pretoken] = expected.get(pretoken, 0) + 1
        assert ft.count_pretokens(ft.Corpus.from_texts(texts), steps, normalizer).to_dict() == expected


def test_documents_are_split_at_special_tokens_before_they_are_rewritten():
    corpus = ft.Corpus.from_texts([f"a {END} b{END}c ", f"{END}d", f"  {END}"])
    counts = ft.count_pretokens(corpus, "metaspace", split_special=[END])
    assert counts.to_dict() == {b"c": 1, b"d": 1, "▁".encode(): 1, "▁a".encode(): 1, "▁b".encode(): 1}
    tok = only_bytes(None, "metaspace")
    ids = tok.encode(f"a {END} b{END}c ", special="all")
    assert tok.decode(ids) == f"a {END} b{END}c"
    assert tok.encode(f"{END}d", special="all").tolist() == [256, ord("d")]


# Ids


@pytest.mark.parametrize(("normalizer", "steps"), PIPELINES, ids=str)
def test_all_ways_to_encode_agree(tmp_path, texts, normalizer, steps):
    tok = characters(texts, normalizer, steps)
    tests = [*hostile.texts(200, seed=81), "", " ", *texts]
    for special in ("none", "all"):
        expected = [tok.encode(text, special=special).tolist() for text in tests]
        assert [tok.encode(text, special=special, as_list=True) for text in tests] == expected
        assert tok.encode_batch(tests, special=special).to_list() == expected
        assert tok.encode_batch(tests, special=special, as_list=True, workers=2) == expected
        assert [tok.encode_with_offsets(text, special=special).ids.tolist() for text in tests] == expected
    pipeline = make_pipeline(normalizer, steps)
    for text in tests:
        found = pretokens(pipeline, text.encode())
        offsets = np.cumsum([0, *map(len, found)])
        cache = ft.models._cache.PretokenCache(1 << 20)
        rows = tok.model.encode_pretokens(np.frombuffer(b"".join(found), np.uint8), offsets, cache)
        assert tok.encode(text).tolist() == rows.values.tolist()


def test_the_error_for_an_unknown_character_has_its_raw_position():
    tok = ft.train(
        ft.Corpus.from_texts(["abc fi"]),
        vocab_size=8,
        units="character",
        special_tokens=[END],
        pretokenizer="metaspace",
        normalizer="sp_nfkc",
    )
    with pytest.raises(ft.UnknownCharacterError, match="'x' .* at byte 9 of document 0"):
        tok.encode("  a   ﬁx")  # the ligature has three bytes and becomes two letters
    with pytest.raises(ft.UnknownCharacterError, match="'x' .* at byte 9 of document 0"):
        tok.encode_with_offsets("  a   ﬁx")
    with pytest.raises(ft.UnknownCharacterError, match="'x' .* at byte 12 of document 1"):
        tok.encode_batch(["a", f"  {END}   x"], special="all")


# Decoding


def decode_with_peer(text: str, options: dict[str, bool]) -> tuple[list[str], str]:
    """Return the pieces of a character model of sentencepiece for a text, and the decoded text."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([text]),
        model_writer=model,
        model_type="char",
        vocab_size=100,
        hard_vocab_limit=False,
        normalization_rule_name="identity",
        character_coverage=1.0,
        minloglevel=2,
        **options,
    )
    peer = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    return peer.encode(text, out_type=str), peer.decode(peer.encode(text, out_type=str))


@pytest.mark.parametrize("text", ["a b", "  a  b ", "▁a", "a▁ b▁", " ▁ ▁a", "a"])
@pytest.mark.parametrize("step", STEPS, ids=str)
def test_decoding_is_that_of_sentencepiece(step, text):
    options = {name: getattr(step, name) for name in FLAGS}
    pieces, expected = decode_with_peer(text, options)
    counts = ft.PretokenCounts.from_dict(dict.fromkeys(pieces, 1), step)
    tok = ft.train(counts, vocab_size=len(set(pieces)), units="character", special_tokens=[])
    ids = tok.encode(text)
    assert [tok.id_to_piece(i).decode() for i in ids] == pieces
    if step.treat_whitespace_as_suffix:
        # The peer keeps the ▁ that it added at the end, and drops one at the start that it did not add.
        normalized = "".join(pieces).replace("▁", " ")
        expected = normalized[:-1] if step.add_dummy_prefix else normalized
    assert tok.decode(ids) == expected
    if not step.remove_extra_whitespaces and "▁" not in text:
        assert tok.decode(ids) == text


@pytest.mark.parametrize(("normalizer", "steps"), PIPELINES, ids=str)
def test_all_ways_to_decode_agree(texts, normalizer, steps):
    rng = np.random.default_rng(2)
    for tok in (characters(texts, normalizer, steps), only_bytes(normalizer, steps)):
        rows = [
            tok.encode(text, special="all")
            for text in [*hostile.texts(60 * FUZZ, seed=82), *texts, " a", f"{END} <▁> a"]
        ]
        used = np.unique(np.concatenate(rows))
        rows += [rng.choice(used, n).astype(np.uint32) for n in range(40)]
        rows += [
            np.array([0xE2, 0x96, 0x81, 0x81, 0xE2, 0xE2, 0x96, 0xE2, 0x96, 0x81][:n]) for n in range(11)
        ] * (tok.vocab_size == 257)
        decoded = [tok.decode_bytes(row) for row in rows]
        assert tok.decode_batch(rows) == [text.decode(errors="replace") for text in decoded]
        for row, text in zip(rows, decoded, strict=True):
            assert tok.decode(row) == text.decode(errors="replace")
            for cuts in ([], [*range(len(row))], sorted(rng.integers(0, len(row) + 1, 3).tolist())):
                decoder = ft.StreamDecoder(tok)
                for _ in range(2):  # after `finish`, a decoder can decode another stream
                    parts = [decoder.push(part) for part in np.split(row, cuts)]
                    assert "".join([*parts, decoder.finish()]) == text.decode(errors="replace")


def test_spaces_are_written_between_words_only(texts):
    for step in (ft.Metaspace(), ft.Metaspace(treat_whitespace_as_suffix=True)):
        tok = characters(texts, None, step)
        assert tok.decode(tok.encode("  low   lower ")) == "low lower"
        decoder = ft.StreamDecoder(tok)
        parts = [decoder.push(i) for i in tok.encode("low low")]
        assert "".join(parts) == "low low"
        assert not any(part.endswith(" ") and step.treat_whitespace_as_suffix for part in parts)
        assert tok.decode(tok.encode("low <▁> low ", special="all")) == "low <▁> low"


def test_rewriting_is_not_lossless(tok):
    assert tok.is_lossless
    assert ft.Tokenizer(tok.model, ft.get_pretokenizer("script")).is_lossless
    assert not ft.Tokenizer(tok.model, ft.get_pretokenizer("metaspace")).is_lossless
    assert not ft.Tokenizer(tok.model, ft.get_pretokenizer(["metaspace", "script"])).is_lossless
    assert not ft.Tokenizer(tok.model, tok.pretokenizer, normalizer=ft.get_normalizer("sp_nfkc")).is_lossless


# Offsets


@pytest.mark.parametrize(("normalizer", "steps"), PIPELINES, ids=str)
def test_spans_ascend_and_are_within_the_text(texts, normalizer, steps):
    for tok in (characters(texts, normalizer, steps), only_bytes(normalizer, steps)):
        for text in [*hostile.texts(100 * FUZZ, seed=83), f" {END} a", f"{END}{END}"]:
            encoding = tok.encode_with_offsets(text, special="all")
            for spans, end in ((encoding.byte_spans, len(text.encode())), (encoding.char_spans, len(text))):
                assert spans.shape == (len(encoding.ids), 2)
                assert (spans >= 0).all()
                assert (spans <= end).all()
                assert (spans[:, 0] <= spans[:, 1]).all()
                assert (np.diff(spans, axis=0) >= 0).all()
            for (start, end), i in zip(encoding.char_spans, encoding.ids.tolist(), strict=True):
                if i in tok.special_tokens.values() and tok.id_to_piece(i) != b"<unk>":
                    assert text[start:end].encode() == tok.id_to_piece(i)
        for data in hostile.byte_strings(70 * FUZZ, seed=84):
            spans = tok.encode_with_offsets(data).byte_spans
            assert (spans[:, 0] <= spans[:, 1]).all()
            assert spans.max(initial=0) <= len(data)


@pytest.mark.parametrize("options", [o for o in OPTIONS if not o["treat_whitespace_as_suffix"]], ids=str)
def test_spans_are_those_of_sentencepiece(options):
    flags = {name: options[name] for name in FLAGS[:2]}
    tests = [text for text in hostile.texts(400, seed=85) if text and "\x00" not in text]
    tok = ft.train(
        ft.Corpus.from_texts(tests), vocab_size=700, units="character", pretokenizer=ft.Metaspace(**options)
    )
    peer = sentencepiece.SentencePieceNormalizer(rule_name="identity", escape_whitespaces=True, **flags)
    for text in tests:
        normalized, origins = peer.normalize(text, with_offsets=True)
        encoding = tok.encode_with_offsets(text)
        pieces = [tok.id_to_piece(i).decode() for i in encoding.ids]
        assert "".join(pieces) == normalized
        ends = list(itertools.accumulate(map(len, pieces), initial=0))
        assert encoding.char_spans.tolist() == [[origins[a], origins[b]] for a, b in itertools.pairwise(ends)]


def test_spans_of_words_that_a_normalizer_and_metaspace_rewrite():
    options = {"units": "character", "pretokenizer": "metaspace", "normalizer": "sp_nfkc"}
    tok = ft.train(ft.Corpus.from_texts(["the fish"]), vocab_size=30, **options)
    text = "  ｔhe \u3000 ﬁsh "
    encoding = tok.encode_with_offsets(text)
    assert [tok.id_to_piece(i).decode() for i in encoding.ids] == ["▁the", "▁fish"]
    assert [text[a:b] for a, b in encoding.char_spans] == ["ｔhe", " \u3000 ﬁsh"]


def test_spans_of_unknown_tokens_and_suffixes():
    counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2}, "whitespace_split")
    options = {"units": "character", "end_of_word_suffix": "</w>", "unk": "<unk>"}
    tok = ft.train(counts, vocab_size=40, special_tokens=["<unk>"], **options)
    text = "low é東 lowé 😀lower"
    encoding = tok.encode_with_offsets(text)
    assert encoding.ids.tolist() == tok.encode(text, as_list=True)
    assert [text[a:b] for a, b in encoding.char_spans] == [
        "low",
        "é",
        "東",
        "lo",
        "w",
        "é",
        "😀",
        "lower",
    ]


# Comparison with Unigram models of sentencepiece


def load_unigram(
    peer: sentencepiece.SentencePieceProcessor, normalizer: str, **options: bool
) -> ft.Tokenizer:
    """Return a tokenizer that is equivalent to a Unigram model of sentencepiece."""
    n = peer.get_piece_size()
    is_special = [peer.is_control(i) or peer.is_unknown(i) for i in range(n)]
    names = [peer.id_to_piece(i) for i in range(n)]
    model = ft.UnigramModel(
        ["" if skip else name for name, skip in zip(names, is_special, strict=True)],
        [peer.get_score(i) for i in range(n)],
        unk_id=peer.unk_id(),
        byte_fallback=any(map(peer.is_byte, range(n))),
        compat="sentencepiece",
    )
    special = {name: i for i, (name, skip) in enumerate(zip(names, is_special, strict=True)) if skip}
    return ft.Tokenizer(
        model,
        ft.Metaspace(split_by_whitespace=False, **options),
        special,
        normalizer=ft.get_normalizer(normalizer),
    )


@pytest.mark.parametrize("byte_fallback", [False, True])
@pytest.mark.parametrize(
    "options", [{}, {"add_dummy_prefix": False}, {"remove_extra_whitespaces": False}], ids=str
)
def test_ids_texts_and_spans_are_those_of_sentencepiece(options, byte_fallback):
    known = [text for text in hostile.texts(1500, seed=87) if "\x00" not in text]
    file = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(known),
        model_writer=file,
        vocab_size=600,
        hard_vocab_limit=False,
        byte_fallback=byte_fallback,
        character_coverage=0.99,
        minloglevel=2,
        **options,
    )
    peer = sentencepiece.SentencePieceProcessor(model_proto=file.getvalue())
    tok = load_unigram(peer, "nmt_nfkc", **options)
    n_unknown = 0
    for text in [*known[:300], *(t for t in hostile.texts(300, seed=88) if "\x00" not in t)]:
        if not tok.normalizer.normalize(text):
            continue  # empty after normalization; the peer may write a ▁ for it
        ids = peer.encode(text)
        encoding = tok.encode_with_offsets(text)
        assert encoding.ids.tolist() == tok.encode(text).tolist() == ids
        if peer.unk_id() in ids:  # the peer decodes it to another text
            n_unknown += 1
            continue
        assert tok.decode(ids) == peer.decode(ids)
        assert tok.decode_batch([ids]) == [peer.decode(ids)]
        normalized, origins = peer.normalize(text, with_offsets=True)
        if not byte_fallback and normalized:
            ends = itertools.accumulate((len(peer.id_to_piece(i)) for i in ids), initial=0)
            expected = [[origins[a], origins[b]] for a, b in itertools.pairwise(ends)]
            # In the peer, the span of the first ▁ includes text that is dropped at the very start.
            expected[0][0] = max(expected[0][0], encoding.char_spans[0, 0])
            assert not tok.normalizer.normalize(text[: expected[0][0]]).strip(" ")
            assert encoding.char_spans.tolist() == expected
    assert (n_unknown > 10) != byte_fallback


# Files


@pytest.mark.parametrize(("normalizer", "steps"), PIPELINES, ids=str)
def test_a_tokenizer_is_saved_with_all_its_steps(tmp_path, texts, normalizer, steps):
    tok = characters(texts, normalizer, steps)
    tok.save(tmp_path / "a.json")
    for copy in (ft.load(tmp_path / "a.json"), pickle.loads(pickle.dumps(tok))):  # noqa: S301
        assert copy.fingerprint() == tok.fingerprint()
        assert copy.pretokenizer == tok.pretokenizer
        assert copy.normalizer == tok.normalizer
        copy.save(tmp_path / "b.json")
        assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
        for text in hostile.texts(50, seed=86):
            assert copy.encode(text).tolist() == tok.encode(text).tolist()
    if normalizer is not None:
        assert (
            tok.fingerprint() != ft.Tokenizer(tok.model, tok.pretokenizer, tok.special_tokens).fingerprint()
        )
        assert tok.provenance["recipe"]["normalizer"] == tok.normalizer.config()


def test_counts_record_their_normalizer(tmp_path, texts):
    corpus = ft.Corpus.from_texts(texts)
    counts = ft.count_pretokens({"a": corpus}, "metaspace", "sp_nfkc")["a"]
    counts.save(tmp_path / "a.npz")
    again = ft.PretokenCounts.load(tmp_path / "a.npz")
    assert again.recipe == counts.recipe
    assert again.recipe.normalizer == {"name": "sp_nfkc"}
    with pytest.raises(ft.RecipeError):
        _ = counts + ft.count_pretokens(corpus, "metaspace")
    with pytest.raises(ValueError, match="counts already have a normalizer"):
        ft.train(counts, vocab_size=300, normalizer="sp_nfkc")
    tok = ft.train(counts, vocab_size=260)
    assert tok.normalizer.config() == {"name": "sp_nfkc"}
    longer = ft.train(corpus, vocab_size=264, start=tok)
    assert longer.normalizer == tok.normalizer
    with pytest.raises(
        ft.RecipeError, match="with the normalizer None, but the start has {'name': 'sp_nfkc'}"
    ):
        ft.train(ft.count_pretokens(corpus, "metaspace"), vocab_size=264, start=tok)


def test_long_text_with_more_ids_than_bytes(texts):
    tok = only_bytes(None, ft.Metaspace(remove_extra_whitespaces=False))
    text = " " * 100_000 + "a"
    assert len(tok.encode(text)) == 300_004
    assert tok.decode(tok.encode(text)) == text
    assert tok.encode_batch([text] * 3, workers=2).lengths.tolist() == [300_004] * 3
    assert len(tok.encode(text, as_list=True)) == 300_004
    written, origins = oracles.write_marks(text.encode(), remove_extra_whitespaces=False)
    spans = tok.encode_with_offsets(text).byte_spans
    assert spans.tolist() == [[a, b] for a, b in itertools.pairwise(origins)]
    assert len(written) == 300_004
