"""Spans of tokens: comparison with the oracle, and properties of spans."""

from __future__ import annotations

import random
import unicodedata
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
import tokenizers

import fasttok as ft
from fasttok.evaluation.encoded import encode as encoded_documents
from fasttok.evaluation.words import count_tokens_of_words
from fasttok.text.normalizers import registry
from fasttok.text.rows import Rows
from fasttok.tokenizer import encode, offsets
from tests import hostile, naive_origins, oracles
from tests.conftest import FUZZ
from tests.test_located import locate_naively

END = "<|endoftext|>"
TEXTS = [*hostile.texts(1000, seed=50), *hostile.byte_strings(1000, seed=51), "", b"", bytes(range(256)) * 2]


@pytest.fixture(scope="module", params=[256, 900])
def tokenizer(request):
    """Tokenizer that splits every character into bytes, or one with merges across characters."""
    texts = [*hostile.texts(300, seed=52), *hostile.byte_strings(300, seed=53)]
    trainer = ft.BPETrainer(vocab_size=request.param, special_tokens=[])
    counts = ft.count_pretokens(ft.Corpus.from_texts(texts), "none")
    return ft.Tokenizer(trainer.train(counts)[0], ft.get_pretokenizer("none"), {END: 1000, "é": 1002})


@pytest.mark.parametrize("special", ["none", "all"])
def test_spans_equal_the_oracle(tokenizer, special):
    for text in TEXTS:
        data = text.encode() if isinstance(text, str) else text
        encoding = tokenizer.encode_with_offsets(text, special=special)
        assert encoding.ids.tolist() == tokenizer.encode(text, special=special, as_list=True)
        pieces = [tokenizer.id_to_piece(i) for i in encoding.ids]
        byte_spans, char_spans = oracles.locate(data, pieces)
        assert encoding.byte_spans.tolist() == byte_spans
        assert encoding.char_spans.tolist() == char_spans
        assert [data[start:end] for start, end in byte_spans] == pieces
        assert b"".join(pieces) == data


def test_spans_ascend_and_are_within_the_text(tokenizer):
    text = "".join(hostile.texts(500, seed=54))
    encoding = tokenizer.encode_with_offsets(text)
    for spans, end in ((encoding.byte_spans, len(text.encode())), (encoding.char_spans, len(text))):
        assert spans.dtype == np.int64
        assert spans.shape == (len(encoding.ids), 2)
        assert (spans[0, 0], spans[-1, 1]) == (0, end)
        assert (np.diff(spans, axis=0) >= 0).all()
        assert (spans[:, 0] < spans[:, 1]).all()
    assert (encoding.byte_spans[1:, 0] == encoding.byte_spans[:-1, 1]).all()
    assert (encoding.char_spans[1:, 0] <= encoding.char_spans[:-1, 1]).all()


def test_tokens_with_part_of_a_character_span_the_whole_character():
    tok = ft.train(ft.Corpus.from_texts(["x"]), vocab_size=256)
    encoding = tok.encode_with_offsets("a😀é")
    assert encoding.char_spans.tolist() == [[0, 1], *[[1, 2]] * 4, *[[2, 3]] * 2]
    # Each byte that is not valid UTF-8 is one code point, even at the start of an incomplete character.
    encoding = tok.encode_with_offsets(b"\xf0\x9f\x98a\xff\xc3\xa9")
    assert encoding.char_spans.tolist() == [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 6], [5, 6]]


def test_spans_of_special_tokens(tok):
    text = f"naïve{END}東京{END}"
    encoding = tok.encode_with_offsets(text, special={END})
    positions = np.flatnonzero(encoding.ids == tok.special_tokens[END])
    assert [text[a:b] for a, b in encoding.char_spans[positions]] == [END, END]
    with pytest.raises(ft.SpecialTokenError, match="at byte 6"):
        tok.encode_with_offsets(text, special="raise")


def test_invalid_and_empty_texts(tok):
    with pytest.raises(ft.TextError, match="position 1"):
        tok.encode_with_offsets("a\ud800")
    with pytest.raises(TypeError, match="must be str or bytes, not list"):
        tok.encode_with_offsets(["a"])
    empty = tok.encode_with_offsets("")
    assert (empty.ids.shape, empty.byte_spans.shape, empty.char_spans.shape) == ((0,), (0, 2), (0, 2))


# Oracle: normalizers, real and generated texts, all kinds of models, text in parts

COMPOSING = [
    "e\u0301", "a\u0323\u0307", "a\u0307\u0323", "\u1112\u1161\u11ab", "\u1100\u1161", "\u11a8", "\uac00",
    "ﷺ", "ﬁ", "½", "İ", "ẞ", "Σ", "\u0958", "\u0915\u093c", "\u0928", "\u093c", "\u0344", "\u1e69", "Ａ", "ｶﾞ",
    "s\u0323\u0307", "e" + "\u0301" * 40, "b\u0316\u0301\u0323\u0307", "o\u031b\u0323", "u\u0308\u0304", "Å",
    "\u034f", "\x01", "\x7f", "\t", "▁", "x",
]  # fmt: skip
SEQUENCES = [
    ("nfd", "nfc"), ("nfd", "strip_accents", "lowercase"), ("nmt_nfkc", "nfd"), ("nfkd", "nmt_nfkc"),
    ("byte_level", "nfc"), ("nfc", "byte_level"), ("strip", "bert", "nfc"),
    ("nmt", "sp_nfkc_cf", "nfkd", "nfc"),
    ("prepend", "nfd", "nfc"), ("nfd", "replace"), ("regex_replace", "nfd"), ("nfc", "replace", "nfd"),
]  # fmt: skip
MORE_STEPS = {
    "prepend": (ft.Prepend("▁é"), naive_origins.prepend("▁é")),
    "replace": (ft.Replace("\u0301", "xé"), naive_origins.replace("\u0301", "xé")),
    "regex_replace": (ft.RegexReplace(r"[^ \n]{2}", "ö"), naive_origins.replace(r"[^ \n]{2}", "ö")),
}
STEPS = {name: (name, step) for name, step in naive_origins.STEPS.items()} | MORE_STEPS
# The steps of each normalizer, and those of its oracle.
NORMALIZERS = {
    " ".join(names): tuple(zip(*(STEPS[name] for name in names), strict=True))
    for names in (*((name,) for name in naive_origins.STEPS), *SEQUENCES)
}


def test_every_normalizer_is_tested():
    assert naive_origins.STEPS.keys() == set(registry.NAMES)
    assert {name for names in SEQUENCES for name in names} >= MORE_STEPS.keys()


@pytest.fixture(scope="module")
def models():
    """Models of every kind, with pretokenizers that keep or drop white space."""
    texts = [text for text in hostile.texts(200, seed=55) if "\x00" not in text]
    texts += ["한국어 e\u0301 e\u0301 Việt हिन्दी the newest café " * 5]
    texts = [unicodedata.normalize(form, text) for text in texts for form in ("NFC", "NFD")]

    def train(trainer, pretokenizer):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some pretokenizers separate marks from letters
            counts = ft.count_pretokens(ft.Corpus.from_texts(texts), pretokenizer)
        model, special, *_ = trainer.train(counts)
        return model, pretokenizer, special

    unknown = {"special_tokens": ["<unk>"], "unk": "<unk>"}
    return {
        "bytes": (ft.ByteModel(), "none", {}),
        "byte-level BPE": train(ft.BPETrainer(vocab_size=500), "o200k"),
        "BPE": train(ft.BPETrainer(vocab_size=400, units="character", **unknown), "o200k"),
        "unigram": train(ft.UnigramTrainer(vocab_size=350), "o200k"),
        "wordpiece": train(ft.WordPieceTrainer(vocab_size=450), "bert"),
        "characters": train(ft.CharacterTrainer(**unknown), "o200k"),
        "characters and bytes": train(ft.CharacterTrainer(vocab_size=300, byte_fallback=True), "none"),
        "words": train(ft.WordTrainer(vocab_size=100, **unknown), "whitespace_split"),
    }


def generate(n: int, seed: int) -> list[bytes]:
    """Return texts of characters that compose, decompose, or are dropped; some are not valid UTF-8."""
    rng = random.Random(seed)
    parts = [part.encode() for part in (*COMPOSING * 2, *hostile.PARTS, *" \n" * 5)] + hostile.BROKEN
    return [b"".join(rng.choices(parts, k=rng.randint(0, 10))) for _ in range(n)]


def check_normalized(model, normalizer, steps, texts):
    """Compare the spans of both units with those of the oracle; return the number of tokens."""
    model, pretokenizer, special = model
    plain = ft.Tokenizer(model, pretokenizer, special)
    tok = ft.Tokenizer(model, pretokenizer, special, normalizer=normalizer)
    trimming = tok.with_settings(trim_offsets=ft.TrimOffsets())
    n = 0
    for text in texts:
        written, origins = naive_origins.then(steps, text)
        expected = [(i, origins[a][0], origins[b - 1][1]) for i, a, b in locate_naively(plain, written)]
        encoding = tok.encode_with_offsets(text)
        found = zip(encoding.ids.tolist(), *encoding.byte_spans.T.tolist(), strict=True)
        assert list(found) == expected, (text, normalizer)
        characters = naive_origins.to_characters(text, [span for _, *span in expected])
        assert encoding.char_spans.tolist() == characters, (text, normalizer)
        assert (np.diff(encoding.byte_spans, axis=0) >= 0).all()
        trimmed = trimming.encode_with_offsets(text)
        characters = naive_origins.to_characters(text, trimmed.byte_spans.tolist())
        assert trimmed.char_spans.tolist() == characters, (text, normalizer)
        n += len(expected)
    return n


@pytest.mark.parametrize("name", NORMALIZERS)
def test_spans_of_generated_texts(models, name):
    texts = generate(4000 * FUZZ, seed=56)
    number, n_cases = list(NORMALIZERS).index(name) * len(models), len(NORMALIZERS) * len(models)
    for k, model in enumerate(models.values()):
        assert check_normalized(model, *NORMALIZERS[name], texts[number + k :: n_cases]) > 10


@pytest.mark.parametrize("language", ["kor", "vie", "hin"])
def test_spans_of_decomposed_languages(models, shared, language):
    text = (shared / f"data/parallel/ntrex128/{language}.txt").read_text(encoding="utf-8")
    lines = [unicodedata.normalize("NFD", line).encode() for line in text.splitlines()]
    for number, (normalizer, steps) in enumerate(NORMALIZERS.values()):
        model = list(models.values())[number % len(models)]
        assert check_normalized(model, normalizer, steps, lines[number :: 10 * len(NORMALIZERS)]) > 10
    for model in models.values():
        assert check_normalized(model, "nfc", [naive_origins.STEPS["nfc"]], lines[::100]) > 50


@pytest.mark.parametrize("name", ["nfc", "nmt_nfkc", "bert", "byte_level nfc"])
def test_spans_of_long_texts(models, name, monkeypatch):
    monkeypatch.setattr(encode, "PART_BYTES", 1 << 14)
    text = b" ".join(generate(1600, seed=57))
    assert len(text) > 2 * encode.PART_BYTES
    assert check_normalized(models["characters"], *NORMALIZERS[name], [text]) > 8000


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_spans_of_decomposed_languages_are_those_of_tokenizers(shared, tmp_path, form):
    lines = []
    for language in ("kor", "vie", "hin"):
        text = (shared / f"data/parallel/ntrex128/{language}.txt").read_text(encoding="utf-8")
        lines += [unicodedata.normalize("NFD", line) for line in text.splitlines()[::20]]
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE())
    theirs.normalizer = getattr(tokenizers.normalizers, form)()
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    theirs.train_from_iterator(lines, trainer)
    theirs.save(str(tmp_path / "tokenizer.json"))
    ours = ft.load(tmp_path / "tokenizer.json")
    n_shared = 0
    for line in lines:
        expected, encoding = theirs.encode(line), ours.encode_with_offsets(line)
        assert encoding.ids.tolist() == expected.ids
        assert encoding.char_spans.tolist() == [list(span) for span in expected.offsets]
        n_shared += np.count_nonzero((np.diff(encoding.byte_spans, axis=0) == 0).all(axis=1))
    assert n_shared > 100 or form.endswith("D")  # tokens with the span of the token before


# Dropped text, added tokens, and spans in any order


def test_dropped_text_belongs_to_no_token_across_an_added_token():
    """Dropped text belongs to the byte before it, but not over an added token."""
    added = {ft.AddedToken("é", normalized=False): 256}
    tok = ft.Tokenizer(ft.ByteModel(), "none", added, normalizer="nmt_nfkc")
    spans = tok.encode_with_offsets("a\x01bé\x01c", special="all").byte_spans
    assert spans.tolist() == [[0, 2], [2, 3], [3, 5], [6, 7]]
    metaspace = ft.Metaspace(treat_whitespace_as_suffix=True, scope="segment")
    tok = ft.Tokenizer(ft.ByteModel(), metaspace, added)
    spans = tok.encode_with_offsets("aé  b", special="all").char_spans
    assert spans.tolist() == [[0, 1], *[[1, 1]] * 3, [1, 2], [4, 5], *[[5, 5]] * 3]


def test_no_span_reaches_into_an_added_token():
    added = {ft.AddedToken("é", lstrip=True): 300, ft.AddedToken("<s>", special=False, normalized=False): 301}
    parts = [*COMPOSING, "é", "<s>", " ", "a"]
    rng = random.Random(58)
    pretokenizers = ["none", "metaspace", "o200k", "byte_level", "whitespace_split", ["script", "metaspace"]]
    for name, (normalizer, _) in NORMALIZERS.items():
        for pretokenizer in pretokenizers:
            tok = ft.Tokenizer(ft.ByteModel(), pretokenizer, added, normalizer=normalizer)
            for _ in range(10):
                text = "".join(rng.choices(parts, k=rng.randint(1, 12)))
                encoding = tok.encode_with_offsets(text, special="all")
                spans = encoding.byte_spans
                assert (np.diff(spans, axis=0) >= 0).all(), (name, pretokenizer, text)
                assert encoding.char_spans.tolist() == naive_origins.to_characters(
                    text.encode(), spans.tolist()
                )
                for start, end in spans[encoding.ids == 301]:
                    assert np.count_nonzero((spans[:, 0] < end) & (spans[:, 1] > start)) == 1


def test_spans_in_any_order_equal_the_oracle():
    rng = random.Random(59)
    for text in [*TEXTS[::20], "한국어 é".encode() * 20, b"abcdefgh" * 4, b"\x80" * 9]:
        data = text.encode() if isinstance(text, str) else text
        spans = [sorted(rng.choices(range(len(data) + 1), k=2)) for _ in range(30)]
        encoding = offsets.locate(data, np.zeros(30, np.uint32), np.array(spans, np.int64))
        assert encoding.char_spans.tolist() == oracles.locate_spans(data, spans)
        assert encoding.byte_spans.tolist() == spans


@dataclass(frozen=True)
class Reversed(ft.Normalizer):
    """Writes the characters of a text in the opposite order, and tells where they come from."""

    shift: int = 0

    def rewrite(self, rows: Rows) -> Rows:
        [text] = rows.documents.to_bytes()
        made = oracles.code_points(text)[::-1]
        documents = ft.Ragged.from_bytes(["".join(c for c, _, _ in made).encode()])
        spans = [[a + self.shift, b + self.shift] for c, a, b in made for _ in c.encode()]
        return rows.rewritten(documents, np.array(spans, np.int64).reshape(-1, 2))


def test_a_normalizer_that_changes_the_order_of_characters():
    model = ft.CharacterTrainer().train(ft.count_pretokens(ft.Corpus.from_texts(["aé東b"]), "none")).model
    tok = ft.Tokenizer(model, "none", normalizer=Reversed())
    encoding = tok.encode_with_offsets("aé東b東")
    assert encoding.byte_spans.tolist() == [[7, 10], [6, 7], [3, 6], [1, 3], [0, 1]]
    assert encoding.char_spans.tolist() == [[4, 5], [3, 4], [2, 3], [1, 2], [0, 1]]


def test_spans_outside_of_the_text_are_refused():
    tok = ft.Tokenizer(ft.ByteModel(), "none", normalizer=Reversed(shift=1))
    with pytest.raises(ValueError, match=r"token 0 has the span \(3, 4\), .* not within the 3 bytes"):
        tok.encode_with_offsets("abc")
    backwards = ft.Tokenizer(ft.WordModel(["cba"]), "none", normalizer=Reversed())
    with pytest.raises(ValueError, match=r"token 0 has the span \(2, 1\)"):
        backwards.encode_with_offsets("abc")


# Other users of spans


def test_trimmed_spans_are_empty_at_the_same_place_in_both_units():
    pieces = [*(bytes([b]) for b in range(256)), b" \xe6"]
    model = ft.BPEModel(pieces, [[32, 0xE6]])
    # Two characters before the normalizer, one space and a third of a character after it.
    tok = ft.Tokenizer(model, "none", normalizer=ft.Replace("ab", " 東"), trim_offsets=ft.TrimOffsets())
    encoding = tok.encode_with_offsets("éab")
    assert [tok.id_to_piece(i) for i in encoding.ids] == [b"\xc3", b"\xa9", b" \xe6", b"\x9d", b"\xb1"]
    assert encoding.byte_spans.tolist() == [[0, 1], [1, 2], [4, 4], [3, 4], [3, 4]]
    assert encoding.char_spans.tolist() == [[0, 1], [0, 1], [3, 3], [2, 3], [2, 3]]


def test_tokens_of_words_are_counted_in_any_order():
    rng = random.Random(60)
    for _ in range(300):
        ends = sorted(rng.sample(range(40), k=8))
        words = np.array(ends, np.int64).reshape(-1, 2)
        spans = [sorted(rng.choices(range(41), k=2)) for _ in range(rng.randint(0, 20))]
        expected = [
            sum(start < b and max(end, start + 1) > a for start, end in spans) for a, b in words.tolist()
        ]
        found = count_tokens_of_words(words, np.array(spans, np.int64).reshape(-1, 2))
        assert found.tolist() == expected


def test_metrics_and_displays_do_not_depend_on_trim_offsets():
    pieces = [*(bytes([b]) for b in range(256)), b"  ", b" a", b"ab"]
    tok = ft.Tokenizer(ft.BPEModel(pieces, [[32, 32], [32, 97], [97, 98]]), "none", normalizer="nfc")
    trimming = tok.with_settings(trim_offsets=ft.TrimOffsets())
    documents = ft.Ragged.from_bytes([b"ab   ab  \n  ab", "a    e\u0301b".encode()])
    for with_spans in (False, True):
        plain, encoded = (encoded_documents(one, documents, with_spans=with_spans) for one in (tok, trimming))
        assert encoded.byte_spans.tolist() == plain.byte_spans.tolist()
    unknown = ft.Tokenizer(ft.WordModel(["a", ""], unk_id=1), "gpt2", {"<unk>": 1})
    trimming = unknown.with_settings(trim_offsets=ft.TrimOffsets())
    assert repr(trimming.show("a b")) == repr(unknown.show("a b")) == "a|⟦·b⟧"


def test_lossless_spans_are_adjacent_and_cover_the_text(tok):
    for text in TEXTS[::10]:
        data = text.encode() if isinstance(text, str) else text
        spans = tok.encode_with_offsets(text).byte_spans
        assert tok.is_lossless
        assert [0, *spans[:, 1].tolist()] == [*spans[:, 0].tolist(), len(data)]
