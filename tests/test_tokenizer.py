"""Tokenizer: encoding, special tokens, batches, decoding, vocabulary and errors."""

from __future__ import annotations

import itertools
import json
import random

import numpy as np
import pytest

import fasttok as ft
from tests import hostile

END, OTHER = "<|endoftext|>", "<|end|>"


def plain(tok, text):
    """Return the ids of a text, encoded pretoken by pretoken."""
    rows = [tok.encode(p) for p in tok.pretokenizer.split_text(text)]
    return [i for row in rows for i in row.tolist()]


# Text to ids


def test_encode(tok):
    ids = tok.encode("the lowest naïve")
    assert ids.dtype == np.uint32
    assert ids.tolist() == tok.encode("the lowest naïve", as_list=True) == plain(tok, "the lowest naïve")
    assert all(type(i) is int for i in tok.encode("the", as_list=True))
    assert tok.count("the lowest naïve") == len(ids)
    assert tok.encode("").tolist() == [] == tok.encode(b"", as_list=True)
    for form in (bytes, bytearray, memoryview):
        assert tok.encode(form(b"the \xff")).tolist() == tok.encode(b"the \xff").tolist()


def test_decoding_returns_every_text_and_byte_string(tok):
    assert tok.is_lossless
    for text in hostile.texts(1000, seed=21):
        assert tok.decode(tok.encode(text), errors="strict") == text
        assert tok.decode(tok.encode(text, special="all"), errors="strict") == text
    for data in [*hostile.byte_strings(1000, seed=22), bytes(range(256)) * 3]:
        assert tok.decode_bytes(tok.encode(data)) == data
        assert tok.decode_bytes(tok.encode(data, special="all")) == data


def test_a_batch_equals_encoding_each_text(tok, monkeypatch):
    texts = [*hostile.texts(300, seed=23), "", "x" * 5000, *hostile.byte_strings(300, seed=24), ""]
    expected = [tok.encode(text).tolist() for text in texts]
    for workers, size in itertools.product((1, 2, 7), (10, 1000, 1 << 22)):
        monkeypatch.setattr("fasttok.tokenizer.encode.BATCH_BYTES", size)
        for special in ("none", "all"):
            batch = tok.encode_batch(iter(texts), workers=workers, special=special)
            assert batch.values.dtype == np.uint32
            loop = expected if special == "none" else [tok.encode(t, special=special).tolist() for t in texts]
            assert batch.to_list() == loop
    assert tok.encode_batch([]).to_list() == []
    assert tok.encode_batch([""]).to_list() == [[]]


def test_files_are_encoded_as_their_documents(tok, tmp_path, monkeypatch):
    texts = ["one\r\ntwo " * 200, "", "<|endoftext|> naïve 東京\n" * 50]
    for name, text in zip("abc", texts, strict=True):
        (tmp_path / f"{name}.txt").write_text(text, newline="")
    (tmp_path / "d.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    for workers, size in itertools.product((1, 2, 7), (1, 100, 1 << 22)):
        monkeypatch.setattr("fasttok.tokenizer.encode.BATCH_BYTES", size)
        for special in ("none", "all"):
            rows = tok.encode_files(tmp_path, workers=workers, special=special)
            assert rows.to_list() == [tok.encode(t, special=special).tolist() for t in texts * 2]
    lines = tok.encode_files(ft.Corpus.from_files(tmp_path / "c.txt", document="line"))
    assert lines.to_list() == [tok.encode("<|endoftext|> naïve 東京").tolist()] * 50


# Special tokens


def test_plain_text_never_becomes_a_special_token(tok):
    special = set(tok.special_tokens.values())
    rng = random.Random(25)
    parts = [END, OTHER, "<|", "|>", "endoftext", "<", "|", " ", "<|endof", "text|>", "a", "<|<|endoftext|>"]
    for _ in range(2000):
        text = "".join(rng.choices(parts, k=rng.randint(1, 8)))
        for ids in (tok.encode(text), tok.encode_batch([text]).values, tok.encode(text, special=())):
            assert special.isdisjoint(ids.tolist())
        # No special token arises from parts of other special tokens, nor from decoding and encoding again.
        assert tok.encode(tok.decode(tok.encode(text))).tolist() == tok.encode(text).tolist()
        only_other = tok.encode(text, special={OTHER}).tolist()
        assert only_other.count(tok.special_tokens[OTHER]) == text.count(OTHER)
        assert tok.special_tokens[END] not in only_other


def test_allowed_special_tokens(tok):
    end, other = tok.special_tokens[END], tok.special_tokens[OTHER]
    text = f"the{END}cat {OTHER}{END} hat"
    parts = [plain(tok, "the"), [end], plain(tok, "cat "), [other], [end], plain(tok, " hat")]
    assert tok.encode(text, special="all", as_list=True) == [i for part in parts for i in part]
    assert tok.encode(END, special="all").tolist() == [end]
    assert tok.encode(f"{END}{END}", special={END}).tolist() == [end, end]
    assert tok.decode(tok.encode(text, special="all")) == text
    assert tok.count(f"{END}{END}", special="all") == 2


def test_the_longest_special_token_is_found():
    counts = ft.PretokenCounts.from_dict({"a": 1})
    tok = ft.train(counts, vocab_size=259, special_tokens=["<a", "<a>", "a>"])
    assert tok.encode("<a><aa>", special="all").tolist() == [257, 256, 258]
    assert tok.encode("<a>", special=["<a", "a>"]).tolist() == [256, ord(">")]


def test_errors_name_the_document(tok, tmp_path):
    for name, text in {"a": "fine", "b": "x" + END, "c": "a" * 28 + "b" + "a" * 40_000 + "b"}.items():
        (tmp_path / f"{name}.txt").write_text(text)
    with pytest.raises(ft.SpecialTokenError, match="at byte 1 of document 1"):
        tok.encode_files(tmp_path, special="raise")
    slow = ft.Regex(r"(?:a|a)*c|(?:a?){30}a{30}$", timeout=0.05)
    for workers in (1, 2):
        with pytest.raises(ft.PatternError, match="on document 2"):
            ft.count_pretokens(ft.Corpus.from_files(tmp_path), slow, workers=workers)


def test_special_raise(tok):
    with pytest.raises(ft.SpecialTokenError, match="'<|endoftext|>' at byte 3 of document 0") as error:
        tok.encode(f"ü {END}", special="raise")
    assert (error.value.token, error.value.position, error.value.document) == (END, 3, 0)
    with pytest.raises(ft.SpecialTokenError) as error:
        tok.encode_batch(["fine", "a" + OTHER], special="raise", workers=2)
    assert (error.value.token, error.value.position, error.value.document) == (OTHER, 1, 1)
    assert tok.encode("the <|", special="raise").tolist() == plain(tok, "the <|")
    with pytest.raises(ValueError, match="'<s>' is not a special token"):
        tok.encode("a", special={"<s>"})
    with pytest.raises(ValueError, match='special must be "none"'):
        tok.encode("a", special="some")


# Ids to text


def test_decoding(tok):
    ids = tok.encode("naïve 東京")
    for given in (
        ids,
        ids.tolist(),
        tuple(ids.tolist()),
        ids.astype(np.uint16),
        ids.astype(np.int64),
        ids[::1],
    ):
        assert tok.decode(given) == "naïve 東京"
    assert tok.decode(ids[::-1][::-1]) == "naïve 東京"
    assert tok.decode([]) == "" == tok.decode(np.empty(0, np.uint32))
    assert tok.decode_batch(tok.encode_batch(["a", "", "b c"])) == ["a", "", "b c"]
    assert tok.decode_batch([[97], ids]) == ["a", "naïve 東京"]
    for dtype in (np.uint16, np.int32, np.int64):
        assert tok.decode_batch(ft.Ragged.from_rows([[97], [], ids], dtype)) == ["a", "", "naïve 東京"]
    assert tok.decode([0xC3]) == "\ufffd"
    with pytest.raises(UnicodeDecodeError):
        tok.decode([0xC3], errors="strict")


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        ([97, -1], IndexError, "id -1 at position 1.* is outside the vocabulary of 330 ids"),
        ([330], IndexError, "id 330 at position 0"),
        ([1 << 40], IndexError, "id 1099511627776 at position 0"),
        ([1 << 70], IndexError, "an id of more than 64 bits"),
        ([1.0], TypeError, "ids must be integers, not float64"),
        ([True], TypeError, "ids must be integers, not bool"),
        (["a"], TypeError, "ids must be integers"),
        ([[1], [2]], TypeError, "to decode several rows use decode_batch"),
        ([[1, 2], [3]], TypeError, "to decode several rows use decode_batch"),
        (7, TypeError, "one row of integers, not int"),
        ("abc", TypeError, "one row of integers, not str"),
        (iter([1]), TypeError, "one row of integers, not list_iterator"),
        (np.array([1 << 63], np.uint64), IndexError, "outside the vocabulary"),
    ],
)
def test_invalid_ids(tok, ids, error, message):
    for decode in (tok.decode, tok.decode_bytes, lambda ids: tok.decode_batch([[97], ids])):
        with pytest.raises(error, match=message):
            decode(ids)


def test_unused_ids_do_not_decode():
    model, *_ = ft.BPETrainer(vocab_size=256).train(ft.PretokenCounts.from_dict({"a": 1}))
    tok = ft.Tokenizer(model, ft.get_pretokenizer("gpt2"), {"<s>": 300})
    assert tok.vocab_size == 301
    assert tok.decode([300, 97]) == "<s>a"
    with pytest.raises(IndexError, match="id 270 at position 1 is not in use"):
        tok.decode([97, 270])
    with pytest.raises(IndexError, match="not in use"):
        tok.id_to_piece(299)


# Vocabulary and errors


def test_pieces(tok):
    assert tok.vocab_size == 330
    for i in range(tok.vocab_size):
        assert tok.piece_to_id(tok.id_to_piece(i)) == i
    assert tok.piece_to_id(" low") == tok.piece_to_id(b" low") >= 256
    assert tok.id_to_piece(np.uint32(97)) == b"a"
    assert tok.piece_to_id(END) == tok.special_tokens[END]
    with pytest.raises(KeyError):
        tok.piece_to_id(b"no such piece")
    for i in (-1, 330):
        with pytest.raises(IndexError, match="outside the vocabulary"):
            tok.id_to_piece(i)
    assert repr(tok) == "Tokenizer(bpe, vocab_size=330, ScannerPretokenizer(name='gpt2', unicode=None))"


@pytest.mark.parametrize(
    ("special", "message"),
    [
        ({"<s>": 97}, "'<s>' has id 97, which is already the id of the piece b'a'"),
        ({"<s>": 300, "<t>": 300}, "'<s>' and '<t>' have the same id 300"),
        ({"<s>": -1}, "must be from 0 to 2.24 - 1, not -1"),
        ({"<s>": 1 << 31}, "must be from 0 to"),
        ({"<s>": True}, "must be from 0 to"),
        ({"": 300}, "not empty"),
    ],
)
def test_invalid_special_tokens(special, message):
    model, *_ = ft.BPETrainer(vocab_size=256).train(ft.PretokenCounts.from_dict({"a": 1}))
    with pytest.raises(ValueError, match=message):
        ft.Tokenizer(model, ft.get_pretokenizer("gpt2"), special)


def test_lone_surrogates(tok):
    with pytest.raises(ft.TextError, match=r"U\+DC00 at position 1"):
        tok.encode("a\udc00")
    with pytest.raises(ft.TextError, match="position 1 of document 2"):
        tok.encode_batch(["a", "b", "c\ud800"])
    assert tok.decode(tok.encode("a\ud800b", errors="replace")) == "a\ufffdb"
    assert tok.decode_bytes(tok.encode("a\ud800", errors="surrogatepass")) == b"a\xed\xa0\x80"
    assert tok.encode_batch(["a\ud800"], errors="replace")[0].tolist() == tok.encode("a\ufffd").tolist()


def test_invalid_arguments(tok):
    with pytest.raises(TypeError, match="a text must be str or bytes, not int"):
        tok.encode(5)
    with pytest.raises(TypeError, match="not one text"):
        tok.encode_batch("one text")
    with pytest.raises(ValueError, match="workers must be at least 1, not 0"):
        tok.encode_batch(["a"], workers=0)
    with pytest.raises(TypeError, match="workers must be an int or None"):
        tok.encode_batch(["a"], workers=1.5)
    with pytest.raises(FileNotFoundError):
        tok.encode_files("missing.txt")
    with pytest.raises(TypeError, match='special must be "none"'):
        tok.encode("a", special=True)
    with pytest.raises(ValueError, match='errors must be "replace" or "strict"'):
        tok.decode([97], errors="ignore")
    with pytest.raises(TypeError, match="must be a mapping of str or AddedToken to ids, not list"):
        ft.Tokenizer(tok.model, tok.pretokenizer, ["<s>"])


@pytest.mark.parametrize("kept", [8, 100, 1 << 20])
def test_returned_ids_are_never_overwritten(tok, monkeypatch, kept):
    monkeypatch.setattr("fasttok.tokenizer.encode.MAX_KEPT_IDS", kept)
    texts = ["the cat sat on the mat " * n for n in (1, 2, 5, 20)]
    given = [tok.encode(text) for text in texts] + list(tok.encode_batch(texts, workers=2))
    before = [ids.tolist() for ids in given]
    for text in texts:
        tok.encode(text[::-1])
        tok.encode_batch([text[::-1]] * 3, workers=2)
    assert [ids.tolist() for ids in given] == before
