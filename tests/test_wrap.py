"""Tokenizers of other libraries, wrapped: the ids, places and pieces that they give, and nothing added."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
import sentencepiece
import tiktoken
import tokenizers
from tiktoken.load import load_tiktoken_bpe

import fasttok as ft
from fasttok.errors import ScoringError
from tests import hostile

TEXTS = [text.replace("\x00", "") for text in hostile.texts(300, seed=71)] + [
    "",
    " ",
    "The cat, 東京 🦄 naïve",
]


PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|"
    r"\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)


def tiktoken_of(shared):
    ranks = load_tiktoken_bpe(str(shared / "tokenizers/tiktoken/cl100k_base.tiktoken"))
    special = {"<|endoftext|>": 100257}
    return tiktoken.Encoding("cl100k_base", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens=special)


@pytest.fixture(
    params=["tiktoken", "llama3", "llama2", "bert", "sentencepiece", "sentencepiece unigram"], scope="module"
)
def pair(request, shared):
    """The name of a tokenizer, the tokenizer, and what `wrap` makes of it."""
    folder = shared / "tokenizers"
    theirs = {
        "tiktoken": lambda: tiktoken_of(shared),
        "llama3": lambda: tokenizers.Tokenizer.from_file(
            str(folder / "huggingface/lenml_llama3_1/tokenizer.json")
        ),
        "llama2": lambda: tokenizers.Tokenizer.from_file(
            str(folder / "huggingface/lenml_llama2/tokenizer.json")
        ),
        "bert": lambda: tokenizers.Tokenizer.from_file(str(folder / "bert/minilm/tokenizer.json")),
        "sentencepiece": lambda: sentencepiece.SentencePieceProcessor(
            model_file=str(folder / "sentencepiece/tokenizer.model.v1"), add_bos=True, add_eos=True
        ),
        "sentencepiece unigram": lambda: sentencepiece.SentencePieceProcessor(
            model_file=str(folder / "sentencepiece/google_test_model.model"),
            enable_sampling=True,
            nbest_size=-1,
            alpha=0.1,
        ),
    }[request.param]()
    return request.param, theirs, ft.wrap(theirs)


def their_encoder(name, theirs):
    """What gives the ids of a text, by their own means."""
    if name == "tiktoken":
        return theirs.encode_ordinary
    if name.startswith("sentencepiece"):
        plain = {"add_bos": False, "add_eos": False, "enable_sampling": False}
        return lambda text: theirs.encode(text, out_type=int, **plain)
    theirs = tokenizers.Tokenizer.from_str(theirs.to_str())
    theirs.no_padding()
    theirs.no_truncation()
    theirs.encode_special_tokens = True
    return lambda text: theirs.encode(text, add_special_tokens=False).ids


def test_ids_and_places(pair):
    name, theirs, tok = pair
    rows = tok.encode_batch(TEXTS)
    assert rows.values.dtype == np.uint32
    assert tok.encode_batch([text.encode() for text in TEXTS], workers=1) == rows
    encode = their_encoder(name, theirs)
    for text, row in zip(TEXTS, rows, strict=True):
        encoding = tok.encode_with_offsets(text)
        assert encoding.ids.tolist() == row.tolist() == encode(text)
        spans = encoding.byte_spans
        assert len(spans) == len(row)
        assert (np.diff(spans, axis=0) >= 0).all()
        assert ((spans >= 0) & (spans <= len(text.encode()))).all()
        if name == "tiktoken":
            places = [text.encode()[a:b] for a, b in spans.tolist()]
            assert places == [tok.id_to_piece(i) for i in row]


def test_places_are_those_of_the_words(pair):
    _, _, tok = pair
    text = "The cat sat"
    parts = [text[a:b] for a, b in tok.encode_with_offsets(text).byte_spans.tolist()]
    assert "".join(parts).replace(" ", "") == "Thecatsat"
    assert not any(" " in part.strip() for part in parts)


def test_special_tokens_are_not_added_nor_read(pair):
    _, _, tok = pair
    assert tok.special_tokens
    for token, i in tok.special_tokens.items():
        assert tok.id_to_piece(i) == token.encode()
        if i != tok.unk_id:
            assert i not in tok.encode_batch([f"a {token} b", token]).values.tolist()


def test_long_texts_are_not_cut_and_short_ones_not_padded(pair):
    _, _, tok = pair
    long, short = tok.encode_batch(["cat " * 600, "cat"])
    assert len(long) >= 600
    assert len(short) <= 2


def test_pieces_and_decoding(pair):
    name, _, tok = pair
    ids = tok.encode_batch(["The cat"])[0]
    assert tok.decode(ids).strip().lower() == "the cat"
    assert tok.decode_bytes(ids.tolist()) == tok.decode(ids).encode()
    assert tok.vocab_size == len(tok.pieces) > int(ids.max())
    text = b"".join(tok.id_to_piece(i) for i in ids).replace("▁".encode(), b" ").strip()
    assert text.lower() == (b"thecat" if name == "bert" else b"the cat")
    for i in (-1, tok.vocab_size):
        with pytest.raises(IndexError, match="not in use"):
            tok.id_to_piece(i)


def test_they_are_scored_beside_ours(pair, tok):
    name, _, wrapped = pair
    corpus = ft.TestCorpus.from_corpora("texts", ft.Corpus.from_texts(TEXTS), words="unicode")
    metrics = ["compression", "pcw", "renyi", "vocabulary", "unk", "lossless"]
    rows = ft.measure({"ours": tok, "theirs": wrapped}, corpus, metrics, seed=7)
    values = {(row["tokenizer"], row["metric"]): row["value"] for row in rows}
    assert None not in values.values()
    assert values["ours", "lossless_rate"] == 1.0
    assert (values["theirs", "lossless_rate"] == 1.0) == (name in ("tiktoken", "llama3"))
    assert (values["theirs", "unk_rate"] > 0) == (name in ("bert", "sentencepiece unigram"))


def test_ours_are_what_they_are(shared):
    loaded = ft.load(shared / "tokenizers/tiktoken/cl100k_base.tiktoken")
    assert ft.wrap(loaded) is loaded
    wrapped = ft.wrap(tiktoken_of(shared))
    assert ft.wrap(wrapped) is wrapped
    assert wrapped.encode_batch(TEXTS) == loaded.encode_batch(TEXTS)
    for text in TEXTS:
        found, expected = wrapped.encode_with_offsets(text), loaded.encode_with_offsets(text)
        assert found.byte_spans.tolist() == expected.byte_spans.tolist()
        assert found.char_spans.tolist() == expected.char_spans.tolist()
    assert wrapped.pieces.to_bytes()[:100256] == loaded.pieces.to_bytes()[:100256]


def test_a_tokenizer_is_not_changed_by_wrapping_it(shared):
    theirs = tokenizers.Tokenizer.from_file(str(shared / "tokenizers/bert/minilm/tokenizer.json"))
    before = theirs.to_str()
    ft.wrap(theirs).encode_batch(["a"])
    assert theirs.to_str() == before
    assert theirs.padding is not None
    assert not theirs.encode_special_tokens


# Faults


def test_what_is_no_tokenizer():
    for thing in (None, "gpt2", object()):
        with pytest.raises(TypeError, match="wrap takes a tiktoken Encoding"):
            ft.wrap(thing)


def test_text_that_is_not_utf8(pair):
    _, _, tok = pair
    with pytest.raises(ScoringError, match="document 1: no UTF-8 at byte 2"):
        tok.encode_batch([b"a", b"ab\xff"])
    with pytest.raises(ft.TextError, match="document 1"):
        tok.encode_batch(["a", "b\ud800"])


def test_a_tokenizer_that_raises_names_the_document():
    theirs = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, "[UNK]"))
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tok = ft.wrap(theirs)
    assert tok.encode_batch(["a a"]).to_list() == [[0, 0]]
    with pytest.raises(ScoringError, match=r"document 2: \w+: .*UNK") as raised:
        tok.encode_batch(["a", "a", "b", "b"])
    assert raised.value.document == 2
    with pytest.raises(ScoringError, match="document 0"):
        tok.encode_with_offsets("b")
    corpus = ft.TestCorpus.from_corpora("x", ft.Corpus.from_texts(["a", "b"]), words="unicode")
    with pytest.raises(ScoringError, match="tokenizer 'theirs', corpus 'x', document 1: "):
        ft.measure({"theirs": tok}, corpus, ["compression"], seed=1)


def test_no_peer_is_imported_by_wrapping(monkeypatch):
    for name in ("tiktoken", "tokenizers", "sentencepiece"):
        monkeypatch.setitem(sys.modules, name, None)  # importing it fails
    fake = types.SimpleNamespace(
        encode_ordinary_batch=lambda texts, num_threads: [[*text.encode()] for text in texts],
        encode_single_token=lambda piece: piece[0],
        special_tokens_set=set(),
        n_vocab=256,
        token_byte_values=lambda: [bytes([byte]) for byte in range(256)],
    )
    assert ft.wrap(fake).encode_batch(["ab"]).to_list() == [[97, 98]]
