"""Encoding one long text in parts, on several threads: ids, counts and errors are those of the whole text."""

from __future__ import annotations

import random

import numpy as np
import pytest

import fasttok as ft
from fasttok.text.unicode import _conversion
from fasttok.text.unicode._conversion import str_of_utf8
from fasttok.text.unicode.utf8 import LONG_BYTES, decode_utf8
from tests.test_added import SPLIT_CASES
from tests.test_encode_stream import make, make_documents
from tests.test_model_contract import CASES

NAMES = [*CASES, *SPLIT_CASES]


def as_whole(function, text, **options):
    """Return the result of a function for a text, or the type and the message of its error."""
    try:
        result = function(text, **options)
    except (ValueError, LookupError) as error:
        return type(error), str(error)
    return result.tolist() if isinstance(result, np.ndarray) else result


def set_sizes(monkeypatch, tok, long_text, part, window=4096):
    tok._encoder._routes.clear()  # their limit for short texts is that of before
    monkeypatch.setattr("fasttok.tokenizer.encode.LONG_TEXT", long_text)
    monkeypatch.setattr("fasttok.tokenizer.encode.SMALL_BATCH", long_text)
    monkeypatch.setattr("fasttok.tokenizer.encode.BATCH_BYTES", part)
    monkeypatch.setattr("fasttok.tokenizer.stream.LEAST_EXPECTED", 1)
    monkeypatch.setattr("fasttok.tokenizer.parts.WINDOW", window)
    monkeypatch.setattr("fasttok.tokenizer.encode.resolve_workers", lambda workers: 3)


@pytest.mark.parametrize("special", ["none", "all", "raise"])
@pytest.mark.parametrize("name", NAMES)
def test_long_texts_of_every_model(name, special, monkeypatch):
    tok = SPLIT_CASES[name] if name in SPLIT_CASES else make(*CASES[name])
    texts = [text for text in make_documents(32) if len(text) > 20][2:8]  # two long ones and four short ones
    texts += [text.decode(errors="ignore") for text in texts]
    calls = [(tok.encode, text, {"special": special}) for text in texts]
    calls += [(tok.encode, text, {"special": special, "as_list": True}) for text in texts[::2]]
    calls += [(tok.count, text, {"special": special}) for text in texts[1::2]]
    expected = [as_whole(f, text, **options) for f, text, options in calls]
    for part, window in [(3, 2), (7, 4096), (64, 5)]:
        set_sizes(monkeypatch, tok, 8, part, window)
        assert [as_whole(f, text, **options) for f, text, options in calls] == expected


@pytest.mark.parametrize("name", ["bytes", "characters"])
def test_long_documents_in_batches(name, monkeypatch):
    tok = make(*CASES[name])
    texts = [text.decode(errors="ignore") for text in make_documents(33)]
    expected = [tok.encode(text, as_list=True) for text in texts]
    for size in (3, 20, 64):
        set_sizes(monkeypatch, tok, 8, size)
        assert tok.encode_batch(texts, as_list=True, workers=2) == expected
        assert tok.encode_batch(iter(texts), workers=1).to_list() == expected
        assert tok.count_batch(texts, workers=3).tolist() == [len(row) for row in expected]
        batches = [*ft.Corpus.from_texts(texts).batches(ft.get_pretokenizer("gpt2"), size)]
        assert any(batch.start for batch in batches)
        joined = [b""] * len(texts)
        for batch in batches:
            for row, document in enumerate(batch.documents.to_bytes()):
                assert row or len(joined[batch.first]) == batch.start
                joined[batch.first + row] += document
        assert joined == [text.encode() for text in texts]


@pytest.mark.parametrize("errors", ["strict", "replace", "surrogatepass"])
def test_surrogates_and_unknown_characters_in_long_texts(errors, monkeypatch):
    tok = ft.Tokenizer(ft.WordModel(["ab", " ab", " cd", " "]), "gpt2")
    bytes_tok = make(*CASES["bytes"])
    texts = [
        "ab" + " ab" * 30 + last
        for last in ("", "\ud800", "é", "é \udfff", "\ud83d\ude00", "\udfff é", "\U0001f600 \ud800")
    ]
    functions = [tok.encode, tok.count, bytes_tok.encode, bytes_tok.count]
    calls = [(f, text) for f in functions for text in [*texts, *(text + " cd" * 30 for text in texts)]]
    expected = [as_whole(f, text, errors=errors) for f, text in calls]
    assert any(type(one) is tuple for one in expected)
    set_sizes(monkeypatch, tok, 8, 16)
    set_sizes(monkeypatch, bytes_tok, 8, 16)
    assert [as_whole(f, text, errors=errors) for f, text in calls] == expected


def test_dropout_in_long_texts(monkeypatch):
    tok = make(*CASES["bytes"])
    text = "It's the newest and the widest, naïve 東京 12345\n" * 20
    options = {"sampling": ft.Dropout(0.5, 3)}
    expected = [tok.encode(one, **options).tolist() for one in (text, text.encode())]
    assert expected[0] != tok.encode(text).tolist()
    set_sizes(monkeypatch, tok, 8, 32)
    assert [tok.encode(one, **options).tolist() for one in (text, text.encode())] == expected


POOLS = [
    "abc xyz,.",
    "äöüß£\x7f\x80",
    "русский \u07ff",
    "日本語\ud7ff\ue000\uffff",
    "\U0001f600\U00010000\U0010ffff",
]


@pytest.mark.parametrize("way", _conversion.WAYS)
def test_utf8_of_str(way):
    rng = random.Random(8)
    try:
        if _conversion.use_way(way) != way:
            pytest.skip(f"needs a processor with {way}")
        for _ in range(8000):
            pools, share = rng.sample(POOLS, rng.randint(1, 3)), rng.random()
            n = rng.choice((0, 1, 5, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 200))
            text = "".join(
                rng.choice(pools[0] if rng.random() < share else rng.choice(pools)) for _ in range(n)
            )
            assert _conversion.utf8_of_str(text) == text.encode()
            i = rng.randint(0, n)
            broken = f"{text[:i]}{chr(rng.randint(0xD800, 0xDFFF))}{text[i:]}"
            assert _conversion.utf8_of_str(broken) is None
            out = np.empty(_conversion.space_for(broken, n + 1), np.uint8)
            assert _conversion.write_utf8(broken, 0, n + 1, out) == -1 - i
            assert out[: _conversion.write_utf8(broken, 0, i, out)].tobytes() == text[:i].encode()
            rest = out[: _conversion.write_utf8(broken, i + 1, n + 1, out)]
            assert rest.tobytes() == text[i:].encode()
    finally:
        _conversion.use_way(_conversion.WAYS[-1])


def decoded(data):
    """Return the text of bytes by Python's own decoder, or None if they are not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def test_str_of_utf8():
    rng = random.Random(9)
    for _ in range(20_000):
        pools, share = rng.sample(POOLS, rng.randint(1, 3)), rng.random()
        n = rng.choice((0, 1, 5, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 300))
        text = "".join(rng.choice(pools[0] if rng.random() < share else rng.choice(pools)) for _ in range(n))
        data = bytearray(text.encode())
        assert str_of_utf8(bytes(data)) == text
        for _ in range(rng.randint(1, 3)):
            data.insert(rng.randint(0, len(data)), rng.choice(b"a\x80\xbf\xc0\xc3\xe0\xed\xf0\xf4\xf8\xff"))
        assert str_of_utf8(bytes(data)) == decoded(bytes(data)), data


@pytest.mark.parametrize("n", [0, 3, 13, 14, 15, 16, 40])
def test_str_of_utf8_with_every_pair_of_bytes(n):
    # Each pair is at the end, or has continuation bytes or text after it.
    for a in range(0x80, 0x100):
        for b in range(0x100):
            for tail in b"", b"\x80", b"\x80\x80", b"\xbf\xbf" + b"x" * 20:
                data = b"x" * n + bytes([a, b]) + tail
                assert str_of_utf8(data) == decoded(data), data


def test_str_of_utf8_without_first_bytes():
    # Such bytes are not counted as characters, so there is no space for them.
    for n in range(1, 100):
        assert str_of_utf8("é".encode() + b"\x80" * n) is None
        assert str_of_utf8(b"\x80" * n) is None


@pytest.mark.parametrize("errors", ["strict", "replace"])
def test_decode_long_texts(errors):
    text = "naïve 日本語 " * LONG_BYTES
    assert decode_utf8(text.encode(), errors) == text
    for broken in text.encode()[:-2], text.encode() + b"\xff":
        if errors == "replace":
            assert decode_utf8(broken, errors) == broken.decode(errors="replace")
        else:
            with pytest.raises(UnicodeDecodeError):
                decode_utf8(broken, errors)
