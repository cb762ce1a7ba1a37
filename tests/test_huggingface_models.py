"""Models of tokenizer.json compared with tokenizers; FASTTOK_FUZZ multiplies the random models."""

from __future__ import annotations

import copy
import json
import pickle
import random

import numpy as np
import pytest
import tokenizers
from tokenizers import pre_tokenizers

import fasttok as ft
from fasttok.formats.huggingface.ids import assign_ids
from fasttok.formats.huggingface.numbers import read_float, write_float
from fasttok.models._cache import PretokenCache
from fasttok.text._spans import Boundaries
from tests import huggingface_models as theirs
from tests.conftest import FUZZ
from tests.huggingface_models import load, read, texts, tokenize

N_MODELS = 60 * FUZZ
BYTE_LEVEL = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


def encode_pretoken(model, data):
    """Return the ids of a pretoken with their spans; None for an unknown character."""
    text, offsets = np.frombuffer(data, np.uint8), np.array([0, len(data)])
    ids, spans = np.empty(len(data) + 8, np.uint32), np.empty((len(data) + 8, 2), np.int64)
    cache, out_offsets = PretokenCache(1 << 16), np.empty(2, np.int64)
    found = []
    for _ in range(2):  # first with an empty cache, then with a full one
        try:
            n = model.encoder.encode_located(
                text, offsets, Boundaries(offsets), cache, ids, spans, out_offsets
            )
            located = [(i, tuple(span)) for i, span in zip(ids[:n].tolist(), spans[:n].tolist(), strict=True)]
            n = model.encoder.encode(text, offsets, Boundaries(offsets), cache, ids, out_offsets)
            assert ids[:n].tolist() == [i for i, _ in located]
        except ft.UnknownCharacterError:
            located = None
        found.append(located)
    assert found[0] == found[1]
    return found[0]


def remake(model):
    """Return a model made from its fields in a native file."""
    return type(model).from_dict(json.loads(json.dumps(model.to_dict())))


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece", "wordlevel"])
def test_random_models(kind):
    for seed in range(N_MODELS):
        rng = random.Random(seed)
        fields, letters = getattr(theirs, f"random_{kind}")(rng)
        reference, model = load(fields), read(fields).model
        names = [entry if isinstance(entry, str) else entry[0] for entry in fields["vocab"]]
        again = remake(model) if seed % 5 == 0 else model
        for text in texts(rng, letters, names):
            expected = tokenize(reference, text)
            assert encode_pretoken(model, text.encode()) == expected, (seed, text)
            assert again is model or encode_pretoken(again, text.encode()) == expected, (seed, text)


def test_random_byte_level_models():
    n_of_bytes = 0
    for seed in range(2 * N_MODELS):
        rng = random.Random(seed)
        fields, letters, added = theirs.random_byte_level(rng)
        reference = load(fields | {"dropout": None})
        reference.pre_tokenizer = BYTE_LEVEL
        model, is_byte_level, dropout = read(fields, is_byte_level=True, added=added)
        assert dropout == fields["dropout"]
        n_of_bytes += is_byte_level
        names = list(fields["vocab"])
        for text in texts(rng, letters, names):
            expected = reference.encode(text).ids
            data = text.encode()
            if not is_byte_level:
                data = "".join(theirs.ALPHABET[byte] for byte in data).encode()
            located = encode_pretoken(model, data)
            assert [i for i, _ in located] == expected, (seed, text)
        for name, i in fields["vocab"].items():
            row = bytes(model.pieces[i])
            if not is_byte_level:
                assert row == name.encode()
            elif name in added:
                assert row in (b"", name.encode())
            elif set(name) <= set(theirs.ALPHABET.values()):
                assert "".join(theirs.ALPHABET[byte] for byte in row) == name
            else:
                assert row == name.encode()
    assert n_of_bytes > N_MODELS  # most are over bytes


def test_pieces_outside_the_byte_alphabet():
    vocab = {name: i for i, name in enumerate(theirs.ALPHABET.values())} | {"中": 256, "Ġé": 257, "": 258}
    fields = {"type": "BPE", "vocab": vocab, "merges": []}
    model, is_byte_level, _ = read(fields, is_byte_level=True)
    assert is_byte_level
    assert model.pieces[256:258].to_bytes() == ["中".encode(), b" \xe9"]
    assert encode_pretoken(model, "中".encode()) != [(256, (0, 3))]
    # An added token names the id of its piece, unless text can become the piece.
    model, is_byte_level, _ = read(fields, is_byte_level=True, added=["中", "Ġé"])
    assert is_byte_level
    assert model.pieces[256:258].to_bytes() == [b"", b""]
    tok = ft.Tokenizer(model, "none", {ft.AddedToken("中"): 256, ft.AddedToken("Ġé"): 257})
    assert tok.encode("中Ġé").tolist() == [256, 257]
    assert not read(fields, is_byte_level=True, added=["é"]).is_byte_level
    # `ignore_merges` would find the row of the piece.
    fields["ignore_merges"] = True
    assert not read(fields, is_byte_level=True).is_byte_level
    assert not read(fields, is_byte_level=True, added=["中", "Ġé"]).is_byte_level
    assert read(fields | {"vocab": {**vocab, "Ġé": 259}}, is_byte_level=True, added=["中"]).is_byte_level
    # Merges with such pieces.
    more = {**vocab, "中中": 260}
    assert not read(
        {"type": "BPE", "vocab": more, "merges": [["中", "中"]]}, is_byte_level=True
    ).is_byte_level


def test_merges_as_texts_and_pairs():
    vocab = {name: i for i, name in enumerate(["a", "b", "ab", "bb", "abb", "é", "éa", "#"])}
    pairs = [["b", "b"], ["a", "b"], ["é", "a"], ["b", "b"]]
    fields = {"type": "BPE", "vocab": vocab, "merges": pairs}
    as_texts = fields | {"merges": ["#version: 0.2", *map(" ".join, pairs)]}
    models = [read(fields).model, read(as_texts).model]
    # Of equal pairs, the last rank counts.
    assert models[0].merges.tolist() == models[1].merges.tolist() == [[0, 1], [5, 0], [1, 1]]
    assert models[0].merge_ids.tolist() == [2, 6, 3]
    for model in models:
        for text in ("abb", "bbb", "éabb"):
            assert encode_pretoken(model, text.encode()) == tokenize(load(fields), text)


@pytest.mark.parametrize(
    ("change", "place", "message"),
    [
        ({"type": "bpe"}, "model.type", "unknown model 'bpe'"),
        ({"type": None}, "model.type", "unknown model None"),
        ({"vocab": []}, "model.vocab", "must be an object"),
        ({"vocab": {"a": 1.0}}, 'model.vocab["a"]', "the id must be an integer, not 1.0"),
        ({"vocab": {"a": True}}, 'model.vocab["a"]', "the id must be an integer, not True"),
        ({"vocab": {"a": -1}}, 'model.vocab["a"]', "the id must be from 0 to 9999, not -1"),
        ({"vocab": {"é": 10_000}}, 'model.vocab["é"]', "the id must be from 0 to 9999, not 10000"),
        ({"vocab": {"a": 1 << 80}}, 'model.vocab["a"]', "the id must be from 0"),
        ({"vocab": {"a": 1, "b": 1}}, 'model.vocab["b"]', "the id 1 is also the id of 'a'"),
        ({"vocab": {"a\ud800": 1}}, "model.vocab", "lone surrogate"),
        ({"merges": {}}, "model.merges", "must be a list"),
        ({"merges": [["a", "b"], "a b"]}, "model.merges[1]", "must be an array of two strings, not 'a b'"),
        ({"merges": ["a b", ["a", "b"]]}, "model.merges[1]", "must be a string with one space"),
        ({"merges": ["ab"]}, "model.merges[0]", "must be a string with one space, not 'ab'"),
        ({"merges": ["a b", "a b c"]}, "model.merges[1]", "must be a string with one space, not 'a b c'"),
        ({"merges": [["a"]]}, "model.merges[0]", "must be an array of two strings"),
        ({"merges": [["a", 1]]}, "model.merges[0]", "must be an array of two strings"),
        ({"merges": [["a", "b"]] * 70 + [["x", "b"]]}, "model.merges[70]", "'x' is not a piece"),
        ({"merges": ["a x"]}, "model.merges[0]", "'x' is not a piece"),
        ({"merges": ["a "]}, "model.merges[0]", "'' is not a piece"),
        ({"merges": [" a"]}, "model.merges[0]", "'' is not a piece"),
        ({"merges": ["b a"]}, "model.merges[0]", "'b' and 'a' join to 'ba', which is not a piece"),
        ({"merges": [["a", "\ud800"]]}, "model.merges", "lone surrogate"),
        (
            {"continuing_subword_prefix": "##"},
            "model.merges[0]",
            "'b' is shorter than the continuation prefix",
        ),
        (
            {"continuing_subword_prefix": "b", "vocab": {"a": 0, "b": 1, "ab": 2}},
            "model.merges[0]",
            "changes nothing",
        ),
        ({"continuing_subword_prefix": 1}, "model.continuing_subword_prefix", "must be a string, not 1"),
        ({"fuse_unk": 1}, "model.fuse_unk", "must be true or false, not 1"),
        ({"dropout": 1.5}, "model.dropout", "must be a number from 0 to 1, not 1.5"),
        ({"dropout": True}, "model.dropout", "must be a number from 0 to 1"),
        ({"unk_token": 0}, "model.unk_token", "must be a string, not 0"),
        ({"unk_token": "", "vocab": {"a": 0, "b": 1, "ab": 2, "": 3}}, "model.unk_token", "not empty"),
        (
            {"byte_fallback": True, "end_of_word_suffix": "a"},
            "model",
            "byte_fallback with end_of_word_suffix='a'",
        ),
    ],
)
def test_invalid_bpe(change, place, message):
    names = ["a", "b", "ab", *(theirs.BYTES if "byte_fallback" in change else [])]
    fields = {"type": "BPE", "vocab": {name: i for i, name in enumerate(names)}, "merges": [["a", "b"]]}
    for is_byte_level in (False, True):
        with pytest.raises(ft.ModelFormatError) as caught:
            read(fields | change, is_byte_level=is_byte_level)
        assert (caught.value.place, caught.value.path) == (place, "a.json")
        assert message in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "place", "message"),
    [
        ([], "model", "must be an object, not []"),
        ({}, "model", "has no type, and its fields fit no type"),
        ({"type": "BPE", "merges": []}, "model.vocab", "is missing"),
        ({"type": "BPE", "vocab": {}}, "model.merges", "is missing"),
        ({"type": "WordLevel", "vocab": {}}, "model.unk_token", "is missing"),
        ({"type": "WordLevel", "vocab": {}, "unk_token": None}, "model.unk_token", "must be a string"),
        (
            {"type": "WordPiece", "vocab": {}, "unk_token": "u", "continuing_subword_prefix": "##"},
            "model.max_input_chars_per_word",
            "is missing",
        ),
        (
            {
                "type": "WordPiece",
                "vocab": {},
                "unk_token": "u",
                "continuing_subword_prefix": "##",
                "max_input_chars_per_word": -1,
            },
            "model.max_input_chars_per_word",
            "must be an integer from 0",
        ),
        ({"type": "Unigram"}, "model.vocab", "is missing"),
        ({"type": "Unigram", "vocab": {}}, "model.vocab", "must be a list"),
        ({"type": "Unigram", "vocab": [["a"]]}, "model.vocab[0]", "must be a name and a score"),
        ({"type": "Unigram", "vocab": [["a", 1], [1, 1]]}, "model.vocab[1]", "the name must be a string"),
        ({"type": "Unigram", "vocab": [["a", "1"]]}, "model.vocab[0]", "the score must be a number"),
        ({"type": "Unigram", "vocab": [["a", True]]}, "model.vocab[0]", "the score must be a number"),
        ({"type": "Unigram", "vocab": [["a", float("nan")]]}, "model.vocab[0]", "must be finite, not nan"),
        ({"type": "Unigram", "vocab": [["a", 10**400]]}, "model.vocab[0]", "the score is too large"),
        ({"type": "Unigram", "vocab": [["\ud800", 1]]}, "model.vocab", "lone surrogate"),
        ({"type": "Unigram", "vocab": [["a", 1]], "unk_id": 1}, "model.unk_id", "must be from 0 to 0, not 1"),
        ({"type": "Unigram", "vocab": [["", 1]], "unk_id": 0}, "model.unk_id", "not empty"),
        ({"type": "Unigram", "vocab": [], "byte_fallback": None}, "model.byte_fallback", "true or false"),
    ],
)
def test_invalid_models(fields, place, message):
    with pytest.raises(ft.ModelFormatError) as caught:
        read(fields)
    assert caught.value.place == place
    assert message in str(caught.value)


def test_models_without_optional_fields():
    bpe = {"type": "BPE", "vocab": {"a": 0, "b": 5, "ab": 2}, "merges": [["a", "b"]]}
    assert (
        encode_pretoken(read(bpe).model, b"xabb") == tokenize(load(bpe), "xabb") == [(2, (0, 2)), (5, (2, 3))]
    )
    null = dict.fromkeys(("dropout", "unk_token", "fuse_unk", "byte_fallback", "ignore_merges"))
    assert read(bpe | null).model.to_dict() == read(bpe).model.to_dict()
    unigram = {"type": "Unigram", "vocab": [["a", -1]]}
    assert encode_pretoken(read(unigram).model, b"aa") == [(0, (0, 1)), (0, (1, 2))]
    assert encode_pretoken(read(unigram).model, b"ax") is None
    assert encode_pretoken(read({"type": "Unigram", "vocab": []}).model, b"a") is None


# Complete tokenizers


def test_whole_texts_with_dropped_characters_and_runs_of_bytes():
    bpe = {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "é": 3}, "merges": [["a", "b"]]}
    unigram = {
        "type": "Unigram",
        "unk_id": 0,
        "vocab": [["<unk>", 0], ["a", -1], ["▁", -2], *([name, -5] for name in theirs.BYTES)],
        "byte_fallback": True,
    }
    for fields in (bpe, unigram):
        reference, model = load(fields), read(fields).model
        tok = ft.Tokenizer(model, "none")
        for text in ("xabé", "éxab", "日本a日", "x", "", "aé<unk>xa", "日" * 700 + "a日x"):
            encoding, expected = tok.encode_with_offsets(text), reference.encode(text)
            assert encoding.ids.tolist() == tok.encode(text).tolist() == expected.ids
            assert [tuple(span) for span in encoding.char_spans.tolist()] == expected.offsets
            assert tok.encode_batch([text, text]).to_list() == [expected.ids] * 2


def test_native_files_and_pickles(tmp_path):
    bpe = {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "<0x41>": 3}, "merges": [["a", "b"]]}
    unigram = {"type": "Unigram", "unk_id": 1, "vocab": [["a", -1], ["<unk>", -2], ["a", -3], ["\0", -4]]}
    for fields, text in ((bpe | {"byte_fallback": True}, "Axab"), (unigram, "ax<unk>\0a")):
        tok = ft.Tokenizer(read(fields).model, "none")
        tok.save(tmp_path / "tok.json")
        version = json.loads((tmp_path / "tok.json").read_text())["version"]
        assert version == (3 if fields["type"] == "BPE" else 1)
        again = pickle.loads(pickle.dumps(tok))  # noqa: S301
        for other in (ft.load(tmp_path / "tok.json"), again, copy.copy(tok)):
            assert other.fingerprint() == tok.fingerprint()
            assert other.encode(text).tolist() == tok.encode(text).tolist() == load(fields).encode(text).ids
            assert other.pieces == tok.pieces


def test_real_files(shared):
    """Compare pretokens of real text, for each file with a model that needs no other component."""
    lines = (shared / "data/languages/de.txt").read_text().splitlines()[:300]
    words = {word for line in lines for word in line.split(" ") if word}
    for path in sorted((shared / "tokenizers/huggingface").rglob("*.json")):
        fields = json.loads(path.read_text(), parse_float=read_float)
        if "model" not in fields:
            continue
        reference = tokenizers.Tokenizer.from_file(str(path))
        model = fields["model"] | {"type": type(reference.model).__name__}
        is_byte_level = "ByteLevel" in json.dumps(fields["pre_tokenizer"])
        added = [token["content"] for token in fields["added_tokens"]]
        found = read(model, path.stat().st_size, is_byte_level=is_byte_level, added=added)
        assert found.is_byte_level == is_byte_level
        for word in words:
            theirs_of = "".join(theirs.ALPHABET[b] for b in word.encode()) if is_byte_level else word
            expected = [i for i, _ in tokenize(reference, theirs_of) or []]
            assert [i for i, _ in encode_pretoken(found.model, word.encode()) or []] == expected, (path, word)


# Numbers


def random_numbers(rng):
    """Yield numbers in all forms of JSON."""
    for _ in range(500):
        digits = "".join(rng.choices("0123456789", k=rng.randint(1, 40))).lstrip("0") or "0"
        yield from (
            repr(rng.uniform(-20, 0)),
            f"{rng.uniform(-20, 20):.{rng.randint(1, 30)}f}",
            f"{rng.uniform(-20, 20) * 10.0 ** rng.randint(-320, 290):.{rng.randint(1, 30)}e}",
            digits,
            f"{digits}.{digits[::-1]}",
            f"0.{'0' * rng.randint(0, 30)}{digits}",
            f"{digits[:25]}E{rng.choice(['', '+', '-'])}{rng.randint(0, 280)}",
        )
    yield from ("18446744073709551615", "18446744073709551616", "-9223372036854775809", "9007199254740993.0")
    yield from ("1844674407370955161.55", "-0.0", "0e5", "0e400", "0e-400", "1e-400", "1E+5", "1.5e-0")
    yield "1e-99999999999999999999"


def test_numbers_are_read_as_tokenizers_reads_them():
    numbers = list(random_numbers(random.Random(5)))
    entries = ",".join(f'["p{i}",{number}]' for i, number in enumerate(numbers))
    model = '{"type":"Unigram","unk_id":0,"byte_fallback":false,"vocab":[' + entries + "]}"
    text = json.dumps({"version": "1.0", "added_tokens": [], "model": None}).replace("null", model)
    vocab = json.loads(tokenizers.Tokenizer.from_str(text).to_str())["model"]["vocab"]
    assert [read_float(number) for number in numbers] == [score for _, score in vocab]
    assert any(read_float(number) != float(number) for number in numbers)


def test_numbers_are_written_as_tokenizers_reads_them():
    rng = random.Random(6)
    values = [rng.uniform(-20, 0) for _ in range(1000)]
    values += [rng.uniform(-20, 20) * 10.0 ** rng.randint(-300, 290) for _ in range(1000)]
    texts = [write_float(value) for value in values]
    n_exact = sum(read_float(text) == value for text, value in zip(texts, values, strict=True))
    assert n_exact > 0.995 * len(values)
    for text, value in zip(texts, values, strict=True):
        assert read_float(text) == value or float(text) == value
        assert abs(read_float(text) - value) <= 2 * np.spacing(abs(value))
        assert json.loads(text) == float(text)
    assert [write_float(value) for value in (0.0, -0.5, 3.0, 1e22, 1e-7)] == [
        "0.0",
        "-0.5",
        "3.0",
        "1e+22",
        "1e-07",
    ]
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON has no number"):
            write_float(value)


def test_ids_of_added_tokens_if_ids_of_the_vocabulary_are_missing():
    rng = random.Random(5)
    for _ in range(300):
        names = rng.sample(["a", "b", "c", "d", "<m>", "<n>", "<o>"], rng.randint(1, 7))
        vocab = dict(zip(["[UNK]", *names], rng.sample(range(14), len(names) + 1), strict=True))
        added = rng.sample(["<m>", "<n>", "<o>", "<p>", "a"], rng.randint(0, 5))
        tokens = [
            {"id": i, "content": text, "special": True}
            | dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
            for i, text in enumerate(added)
        ]
        model = {"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"}
        theirs = tokenizers.Tokenizer.from_str(
            json.dumps({"version": "1.0", "added_tokens": tokens, "model": model})
        )
        ids = {text: theirs.token_to_id(text) for text in added}
        assert assign_ids(added, vocab, len(vocab)) == ids
