"""Character, byte and word models: training, encoding, decoding, spans, errors and files."""

from __future__ import annotations

import itertools
import json
import random
import unicodedata
from collections import Counter

import numpy as np
import pytest
import tokenizers

import fasttok as ft
from fasttok.models._cache import PretokenCache
from tests import hostile, oracles
from tests.conftest import FUZZ

BYTE_NAMES = [f"<0x{byte:02X}>".encode() for byte in range(256)]
TRAINED = {"character": oracles.most_frequent_characters, "word": oracles.most_frequent_words}
UNITS = {"character": oracles.characters_of, "word": lambda pretoken: [pretoken]}
PARTS = [
    b"a", b"b", b"c", b"\0", "é".encode(), "東".encode(), "😀".encode(), b"\xff", b"\xe6\x9d", b"<0x41>"
]  # fmt: skip
# Runs a test with character and with word models.
KINDS = pytest.mark.parametrize("kind", TRAINED)


def random_words(rng, n=25):
    words = (b"".join(rng.choices(PARTS, k=rng.randint(1, 4))) for _ in range(n))
    return {word: rng.randint(1, 4) for word in words}


def encode_pretokens(model, pretokens):
    rows = ft.Ragged.from_bytes(pretokens)
    return model.encode_pretokens(rows.values, rows.offsets, PretokenCache(1 << 16))


# Training and encoding


@KINDS
@pytest.mark.parametrize("unk", [None, "<unk>", "<s>"])
@pytest.mark.parametrize("byte_fallback", [False, True])
@pytest.mark.filterwarnings("ignore:the vocabulary has")
def test_training_encoding_and_lengths_match_the_oracle(kind, unk, byte_fallback):
    rng = random.Random(140)
    names = BYTE_NAMES if byte_fallback else []
    special = ["<s>"] if unk in (None, "<s>") else ["<s>", unk]
    for _ in range(20 * FUZZ):
        words = random_words(rng)
        least, most = rng.choice([1, 2, 3]), rng.choice([None, 1, 5, 50])
        known = {word: count for word, count in words.items() if word not in names or kind == "character"}
        expected = TRAINED[kind](known, least, most)
        options = {"special_tokens": ["<s>"], "unk": unk, "byte_fallback": byte_fallback}
        size = None if most is None else len(special) + len(names) + most
        counts = ft.PretokenCounts.from_dict(words)
        tok = ft.train(counts, model=kind, vocab_size=size, min_frequency=least, **options)
        assert tok.model.pieces.to_bytes() == [b""] * len(special) + names + expected
        assert tok.special_tokens == {token: i for i, token in enumerate(special)}
        assert tok.model.unk_id == (None if unk is None else special.index(unk))
        assert tok.is_lossless == byte_fallback

        first = len(special) + len(names)
        ids = {unit: first + i for i, unit in enumerate(expected)}
        byte_ids = [len(special) + byte for byte in range(256)] if byte_fallback else None
        whole = ft.Tokenizer(tok.model, ft.get_pretokenizer("none"), tok.special_tokens)
        for pretoken in [*words, *random_words(rng), b"a" * 40, "é東".encode() * 40]:
            units = UNITS[kind](pretoken)
            if unk is None and not byte_fallback and not set(units) <= set(expected):
                with pytest.raises(ft.UnknownCharacterError):
                    encode_pretokens(tok.model, [pretoken])
                continue
            row, lengths = oracles.ids_of_units(units, ids, tok.model.unk_id, byte_ids)
            assert encode_pretokens(tok.model, [pretoken]).values.tolist() == row
            encoding = whole.encode_with_offsets(pretoken)
            assert encoding.ids.tolist() == row
            assert np.diff(encoding.byte_spans).ravel().tolist() == lengths


@KINDS
def test_every_word_of_two_letters(kind):
    words = [bytes(w) for n in range(1, 9) for w in itertools.product(b"ab", repeat=n)]
    known = {b"a": 3, b"ab": 2, b"aba": 1}
    tok = ft.train(ft.PretokenCounts.from_dict(known), model=kind, min_frequency=2, unk="?")
    ids = {unit: 1 + i for i, unit in enumerate(TRAINED[kind](known, 2, None))}
    expected = [oracles.ids_of_units(UNITS[kind](word), ids, 0, None)[0] for word in words]
    assert encode_pretokens(tok.model, words).to_list() == expected


@KINDS
@pytest.mark.parametrize("pretokenizer", ["gpt2", "whitespace", "none"])
def test_hostile_text_matches_the_oracle(kind, pretokenizer):
    texts = [*hostile.texts(200, seed=141), *hostile.byte_strings(200, seed=142)]
    data = [text.encode() if isinstance(text, str) else text for text in texts]
    counts = ft.count_pretokens(ft.Corpus.from_texts(data[::2] * 2), pretokenizer)
    for options in ({"unk": "<unk>"}, {"byte_fallback": True}):
        tok = ft.train(counts, model=kind, min_frequency=2, **options)
        ids = {unit: i for i, unit in enumerate(tok.model.pieces.to_bytes()) if unit}
        byte_ids = [ids.pop(name) for name in BYTE_NAMES] if "unk" not in options else None
        for text in data:
            units = [u for pretoken in tok.pretokenizer.split_text(text) for u in UNITS[kind](pretoken)]
            row, lengths = oracles.ids_of_units(units, ids, tok.model.unk_id, byte_ids)
            assert tok.encode(text).tolist() == row
            encoding = tok.encode_with_offsets(text)
            assert encoding.ids.tolist() == row
            assert np.diff(encoding.byte_spans).ravel().tolist() == lengths
            assert encoding.byte_spans[1:, 0].tolist() == encoding.byte_spans[:-1, 1].tolist()


def test_bytes_are_their_ids():
    counts = ft.PretokenCounts.from_dict({"a": 1})
    tok = ft.train(counts, model="byte", special_tokens=["<s>", "<t>"])
    assert tok.special_tokens == {"<s>": 256, "<t>": 257}
    assert tok.vocab_size == 258
    assert tok.model.pieces.to_bytes() == [bytes([byte]) for byte in range(256)]
    assert tok.is_lossless
    for text in [*hostile.byte_strings(200, seed=143), bytes(range(256)) * 300]:
        assert tok.encode(text).tolist() == list(text)
        assert tok.decode_bytes(tok.encode(text)) == text
        spans = [[i, i + 1] for i in range(len(text))]
        assert tok.encode_with_offsets(text).byte_spans.tolist() == spans


def test_character_vocabulary_of_shakespeare(shared):
    corpus = ft.Corpus.from_files(shared / "data/prose/tinyshakespeare.txt")
    tok = ft.train(corpus, model="character")
    assert tok.vocab_size == 65
    text = next(iter(corpus)).decode()
    assert [tok.id_to_piece(i).decode() for i in range(65)] == sorted(set(text))
    assert tok.decode(tok.encode(text)) == text


@pytest.mark.parametrize("size", [3, 50, 2000])
def test_word_training_matches_tokenizers(size):
    texts = hostile.texts(3000, seed=145)
    pretokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    theirs = tokenizers.Tokenizer(tokenizers.models.WordLevel(None, "[UNK]"))
    theirs.pre_tokenizer = pretokenizer
    trainer = tokenizers.trainers.WordLevelTrainer(
        vocab_size=size, special_tokens=["[PAD]", "[UNK]"], show_progress=False
    )
    theirs.train_from_iterator(texts, trainer)
    words = Counter(word for text in texts for word, _ in pretokenizer.pre_tokenize_str(text))
    counts = ft.PretokenCounts.from_dict(words, pretokenizer="whitespace_split")
    trained = ft.WordTrainer(vocab_size=size, special_tokens=["[PAD]", "[UNK]"], unk="[UNK]").train(counts)
    pieces = [b"[PAD]", b"[UNK]", *trained.model.pieces.to_bytes()[2:]]
    assert {piece.decode(): i for i, piece in enumerate(pieces)} == theirs.get_vocab()
    for text in texts[:300]:
        row = [word.encode() for word, _ in pretokenizer.pre_tokenize_str(text)]
        assert encode_pretokens(trained.model, row).values.tolist() == theirs.encode(text).ids


@KINDS
def test_counts_above_2_to_the_31(kind):
    words = {"a": (1 << 61) - 1, "b": 1 << 33, "c": (1 << 33) + 1}
    counts = ft.PretokenCounts.from_dict(words)
    tok = ft.train(counts, model=kind, vocab_size=2)
    assert tok.model.pieces.to_bytes() == [b"a", b"c"]
    assert ft.train(counts, model=kind, min_frequency=(1 << 33) + 1).vocab_size == 2


def test_too_many_characters_to_count():
    with pytest.raises(OverflowError, match=r"2\^62 characters or more"):
        ft.train(ft.PretokenCounts.from_dict({"ab": 1 << 61}), model="character")


# Options


@KINDS
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vocab_size": 0}, r"vocab_size must be at least 1 \(0 ids are special tokens or bytes\), not 0"),
        ({"vocab_size": 2, "special_tokens": ["<s>"], "unk": "<unk>"}, "at least 3"),
        ({"vocab_size": 256, "byte_fallback": True}, r"at least 257 \(256 ids"),
        ({"min_frequency": 0}, "min_frequency must be at least 1, not 0"),
        ({"min_frequency": 7}, "no .* of the corpus occurs at least 7 times"),
        ({"special_tokens": [""]}, "special_tokens must not be empty"),
        ({"special_tokens": ["a", "a"]}, "special_tokens contains a text twice"),
        ({"unk": ""}, "unk must not be empty"),
        ({"unk": "\ud800"}, "unk contains a lone surrogate at position 0"),
    ],
)
def test_bad_options(kind, options, message):
    with pytest.raises(ValueError, match=message):
        ft.train(ft.PretokenCounts.from_dict({"a": 5, "b": 1}), model=kind, **options)


@KINDS
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vocab_size": 1.5}, "vocab_size must be an integer"),
        ({"min_frequency": None}, "min_frequency must be an integer"),
        ({"byte_fallback": 1}, "byte_fallback must be True or False"),
        ({"special_tokens": "abc"}, "special_tokens must be a sequence of str"),
        ({"special_tokens": [b"a"]}, "must be a str, not bytes"),
        ({"unk": 0}, "must be a str, not int"),
        ({"merges": 3}, "merges"),
    ],
)
def test_options_of_the_wrong_type(kind, options, message):
    with pytest.raises(TypeError, match=message):
        ft.train(ft.PretokenCounts.from_dict({"a": 5}), model=kind, **options)


def test_byte_trainer_rejects_other_options():
    counts = ft.PretokenCounts.from_dict({"a": 5})
    with pytest.raises(TypeError, match=r"train\(\) for byte: .*vocab_size"):
        ft.train(counts, model="byte", vocab_size=300)
    with pytest.raises(ValueError, match="contains a text twice"):
        ft.train(counts, model="byte", special_tokens=["a", "a"])


@pytest.mark.parametrize("kind", ["byte", *TRAINED])
def test_an_empty_corpus(kind):
    for texts in ([], ["", b""]):
        with pytest.raises(ValueError, match="the corpus is empty"):
            ft.train(ft.Corpus.from_texts(texts), model=kind)


@KINDS
def test_fewer_units_than_asked_for(kind):
    counts = ft.PretokenCounts.from_dict({"a": 5, "b": 2, "c": 1})
    with pytest.warns(UserWarning, match=f"has 3 ids, not 10: no other {kind} occurs at least 2 times"):
        tok = ft.train(counts, model=kind, vocab_size=10, min_frequency=2, unk="?")
    assert tok.vocab_size == 3
    assert ft.train(counts, model=kind, vocab_size=3).vocab_size == 3


def test_a_word_equal_to_the_name_of_a_byte_piece():
    counts = ft.PretokenCounts.from_dict({"<0x41>": 9, "A": 5, "b": 3}, pretokenizer="whitespace")
    tok = ft.train(counts, model="word", vocab_size=258, byte_fallback=True)
    assert tok.model.pieces.to_bytes()[256:] == [b"A", b"b"]
    for text in ("<0x41>", "A", "B", "<0x41> A"):
        assert tok.decode(tok.encode(text)) == text
    assert tok.encode("<0x41>").tolist() == list(b"<0x41>")
    without = ft.train(counts, model="word")
    assert without.encode("<0x41>").tolist() == [0]


# Words and spaces


def test_begins_word():
    counts = ft.PretokenCounts.from_dict({"the": 5, "cat": 2}, pretokenizer="whitespace_split")
    tok = ft.train(counts, model="word", special_tokens=["<s>"], unk="[UNK]")
    assert tok.model.begins_word.tolist() == [False, False, True, True]
    assert tok.decode(tok.encode("the  dog the cat")) == "the [UNK] the cat"
    tok = ft.train(counts, model="word", special_tokens=["<s>"], byte_fallback=True)
    assert tok.model.begins_word.tolist() == [False] * 257 + [True] * 2
    assert not tok.is_lossless


# Unknown units


@KINDS
def test_errors_give_the_position_of_unknown_units(kind):
    counts = ft.PretokenCounts.from_dict({"the": 5, " cat": 2, "\0": 1}, "gpt2")
    tok = ft.train(counts, model=kind)
    for text, character, position in [
        ("the cat dog", "d" if kind == "character" else " ", {"character": 8, "word": 7}[kind]),
        ("the 東", "東" if kind == "character" else " ", {"character": 4, "word": 3}[kind]),
        (b"\xffthe", "\udcff", 0),
        ("\0é", "é", 1),
    ]:
        for encode in (
            tok.encode,
            tok.encode_with_offsets,
            lambda text: tok.encode(text, as_list=True),
            lambda text: tok.encode_batch([text]),
        ):
            with pytest.raises(ft.UnknownCharacterError) as caught:
                encode(text)
            found = caught.value.character, caught.value.position, caught.value.document
            assert found == (character, position, 0)
    with pytest.raises(ft.UnknownCharacterError) as caught:
        tok.encode_batch(["the", "", "the?"], workers=2)
    assert (caught.value.character, caught.value.position, caught.value.document) == ("?", 3, 2)


def test_one_unknown_token_per_unit():
    counts = ft.PretokenCounts.from_dict({"ab": 5})
    characters = ft.train(counts, model="character", unk="?")
    words = ft.train(counts, model="word", unk="?")
    assert characters.encode("xab東\xff yz").tolist() == [0, 1, 2, 0, 0, 0, 0, 0]
    assert words.encode("xab東 yz").tolist() == [0, 0]
    assert words.decode(words.encode("ab yz")) == "ab?"


# Long and unusual text


@pytest.mark.parametrize("options", [{"unk": "?"}, {"byte_fallback": True}])
@KINDS
def test_a_word_of_a_million_characters(kind, options):
    word = "aé東😀b" * 200_000
    seen, unseen = (ft.PretokenCounts.from_dict({text: 2}, pretokenizer="none") for text in (word, "a"))
    tok = ft.train(seen, model=kind, **options)
    ids = tok.encode_batch([word]).values
    assert len(ids) == (1_000_000 if kind == "character" else 1)
    assert tok.decode(ids) == word
    tok = ft.train(unseen, model=kind, **options)
    ids = tok.encode(word)
    assert (
        len(ids)
        == {
            ("character", "?"): 1_000_000,
            ("word", "?"): 1,
            ("character", None): len(word.encode()),
            ("word", None): len(word.encode()),
        }[kind, options.get("unk")]
    )
    assert tok.encode_with_offsets(word).byte_spans[-1, 1] == len(word.encode())


def test_unassigned_code_points():
    code_points = [0x378, 0xE000, 0xFFFE, 0x3FFFF, 0xE0FFF, 0x10FFFF]
    assert {unicodedata.category(chr(c)) for c in code_points} == {"Cn", "Co"}
    text = "".join(map(chr, code_points))
    for kind in TRAINED:
        tok = ft.train(ft.Corpus.from_texts([text]), model=kind)
        assert tok.decode(tok.encode(text)) == text
    characters = ft.train(ft.Corpus.from_texts([text]), model="character")
    assert characters.encode(text).tolist() == list(range(len(code_points)))


# Models and files


@pytest.mark.parametrize("model", [ft.CharacterModel, ft.WordModel])
@pytest.mark.parametrize(
    ("pieces", "options", "message"),
    [
        (["a", "a"], {}, "ids 0 and 1 have the same piece b'a'"),
        (["a"], {"unk_id": 1 << 31}, "unk_id must be from 0 to 2\\^24 - 1, not 2147483648"),
        (["a"], {"unk_id": -1}, "unk_id must be from 0 to 2\\^24 - 1, not -1"),
        (["a"], {"byte_fallback": True}, "256 of the 256 pieces for bytes are missing, the first is <0x00>"),
        (["\ud800"], {}, "lone surrogate"),
    ],
)
def test_invalid_models(model, pieces, options, message):
    with pytest.raises(ValueError, match=message):
        model(pieces, **options)


def test_character_pieces_must_be_single_characters():
    for piece in ("ab", b"\xff\xfe", "e\u0301", b"\xed\xa0\x80"):
        with pytest.raises(ValueError, match="piece 1, .* is not one character"):
            ft.CharacterModel(["a", piece])
    with pytest.raises(ValueError, match="piece 256, b'ab', is not one character"):
        ft.CharacterModel([*BYTE_NAMES, "ab"], byte_fallback=True)


@pytest.mark.parametrize("model", [ft.CharacterModel, ft.WordModel])
def test_pieces_of_the_wrong_type(model):
    with pytest.raises(TypeError, match="a piece must be str or bytes, not int"):
        model([1])
    with pytest.raises(TypeError, match="Ragged of uint8, not of int64"):
        model(ft.Ragged(np.arange(2), np.array([0, 2])))
    for unk_id in (True, "a"):
        with pytest.raises(TypeError, match="unk_id must be an id"):
            model(["", "a"], unk_id=unk_id)
    assert model(["", "a"], unk_id=np.int64(0)).unk_id == 0


@pytest.mark.parametrize("model", [ft.CharacterModel, ft.WordModel])
def test_a_model_without_pieces(model):
    tok = ft.Tokenizer(model([""], unk_id=0), "gpt2", {"?": 0})
    assert set(tok.encode("ab c").tolist()) == {0}
    with pytest.raises(ft.UnknownCharacterError):
        ft.Tokenizer(model([]), "gpt2").encode("a")


def saved(path, kind):
    counts = ft.PretokenCounts.from_dict({"l": 9, "é": 5, b"\xff": 3})
    tok = ft.train(counts, model=kind, byte_fallback=True, special_tokens=["<|end|>"], unk="<unk>")
    tok.save(path)
    return path.read_bytes()


@KINDS
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m.pop("pieces"), "'pieces' is missing"),
        (lambda m: m.pop("unk_id"), "'unk_id' is missing"),
        (lambda m: m["pieces"].append("l"), "model: ids 258 and 261 have the same piece b'l'"),
        (lambda m: m["pieces"].append(5), "model: pieces must be a list of str"),
        (lambda m: m["pieces"].append("\ud800"), "model: .*surrogates not allowed"),
        (lambda m: m["pieces"].__setitem__(100, ""), "model: 1 of the 256 pieces for bytes are missing"),
        (lambda m: m.update(pieces="abc"), "model: pieces must be a list of str"),
        (lambda m: m.update(pieces={}), "model: pieces must be a list of str"),
        (lambda m: m.update(unk_id=1 << 70), "model: unk_id must be from 0"),
        (lambda m: m.update(unk_id=1.0), "model: unk_id must be an id or null"),
        (lambda m: m.update(unk_id=True), "model: unk_id must be an id or null"),
        (lambda m: m.update(byte_fallback=1), "model: byte_fallback must be true or false"),
        (lambda m: m.update(kind="words"), "model: no model is named 'words'"),
    ],
)
def test_invalid_files(tmp_path, kind, change, message):
    path = tmp_path / "a.json"
    fields = json.loads(saved(path, kind))
    change(fields["model"])
    path.write_text(json.dumps(fields))
    with pytest.raises(ft.ModelFormatError, match=message):
        ft.load(path)


@KINDS
def test_damaged_and_truncated_files(tmp_path, kind):
    path = tmp_path / "a.json"
    data = saved(path, kind)
    rng = random.Random(144)
    refused = 0
    for _ in range(500):
        damaged = bytearray(data)
        damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(rng.choice([damaged, data[: rng.randrange(len(data) - 1)]]))
        try:
            loaded = ft.load(path)
        except ft.ModelFormatError:
            refused += 1
        else:
            assert loaded.decode_bytes(loaded.encode(b"l\xc3\xa9 \xff\xfe")) == b"l\xc3\xa9 \xff\xfe"
    assert refused > 400


def test_the_file_of_a_byte_model_is_small(tmp_path):
    path = tmp_path / "a.json"
    special = {f"<{i}>": 256 + i for i in range(3)}
    tok = ft.Tokenizer(ft.ByteModel(), "none", special)
    tok.save(path)
    assert path.stat().st_size < 256
    loaded = ft.load(path)
    assert loaded.special_tokens == special
    assert loaded.fingerprint() == tok.fingerprint()
    path.write_text(path.read_text().replace("258", "99999999"))
    with pytest.raises(
        ft.ModelFormatError, match=r"special_tokens: the id of added token .* must be from 0 to 2\^24 - 1"
    ):
        ft.load(path)


def test_files_are_readable_text(tmp_path):
    saved(tmp_path / "a.json", "character")
    lines = (tmp_path / "a.json").read_text().splitlines()
    assert '  "kind": "character",' in lines
    assert lines[lines.index('   "l",') :][:3] == ['   "l",', '   "\\u00e9",', '   "\\udcff"']
    fields = json.loads((tmp_path / "a.json").read_text())
    assert fields["provenance"]["trainer"]["special_tokens"] == ["<|end|>", "<unk>"]
