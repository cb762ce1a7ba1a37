"""WordPiece encoding, compared with a naive longest match and with tokenizers."""

from __future__ import annotations

import itertools
import random
import threading
from signal import SIGINT, raise_signal

import numpy as np
import pytest
import tokenizers

import fasttok as ft
from fasttok.core.errors import ModelFormatError, UnknownCharacterError
from fasttok.models._cache import PretokenCache
from tests import hostile, oracles

WORDS = ["".join(word) for n in range(9) for word in itertools.product("ab", repeat=n)]


def encode_words(model: ft.WordPieceModel, words: list[bytes]) -> list[list[int]]:
    """Return the ids of each word, without a pretokenizer."""
    rows = ft.Ragged.from_bytes([word for word in words if word])
    return [row.tolist() for row in model.encode_pretokens(rows.values, rows.offsets, PretokenCache(1 << 20))]


def vocabularies(n: int, seed: int, alphabet: str, prefix: str = "##") -> list[dict[str, int]]:
    """Return random vocabularies, in which some pieces continue words; id 0 is the unknown token."""
    rng = random.Random(seed)
    found = []
    for _ in range(n):
        longest = rng.randint(1, 5)
        strings = [
            "".join(rng.choices(alphabet, k=rng.randint(1, longest))) for _ in range(rng.randint(1, 25))
        ]
        names = dict.fromkeys(rng.choice(["", prefix]) + text for text in strings)
        found.append({name: i for i, name in enumerate(names, 1)})
    return found


def encode_forever(tok: ft.Tokenizer, text: str) -> None:
    while True:
        tok.encode(text)


def make_model(ids: dict[str, int], **options) -> ft.WordPieceModel:
    return ft.WordPieceModel(["", *ids], unk_id=0, **options)


@pytest.mark.parametrize("prefix", ["##", "#", "", "▁", "ab"])
def test_all_words_of_two_letters_equal_the_oracle(prefix):
    words = WORDS[1:]
    for ids in vocabularies(60, seed=1, alphabet="ab", prefix=prefix):
        model = make_model(ids, continuing_subword_prefix=prefix)
        expected = [oracles.longest_matches(word.encode(), ids, prefix) or [0] for word in words]
        assert encode_words(model, [word.encode() for word in words]) == expected, ids


def test_hostile_words_equal_the_oracle():
    words = [w for text in hostile.byte_strings(600, seed=5) for w in text.split()]
    words += [w.encode() for text in hostile.texts(600, seed=6) for w in text.split()]
    alphabet = "".join(sorted({c for word in words for c in word.decode(errors="ignore")} - {"\0"}))
    n_known = 0
    for ids in vocabularies(4, seed=2, alphabet=alphabet):
        for c in alphabet[::2]:
            ids.setdefault(c, len(ids) + 1)
            ids.setdefault("##" + c, len(ids) + 1)
        for limits in ((None, None), (5, None), (None, 5), (7, 9)):
            names = ("max_input_chars_per_word", "max_input_bytes_per_word")
            model = make_model(ids, **dict(zip(names, limits, strict=True)))
            bounds = [float("inf") if limit is None else limit for limit in limits]
            expected = [oracles.longest_matches(word, ids, "##", *bounds) or [0] for word in words]
            assert encode_words(model, words) == expected
            n_known += sum(row != [0] for row in expected)
    assert n_known > 1000


@pytest.mark.parametrize("prefix", ["##", "", "@"])
def test_ids_and_offsets_equal_tokenizers(prefix):
    words = [*WORDS[1:], "##", "##a", "a##", "#", "#a", "a" * 100, "a" * 101, "ab" * 50, "é" * 100, "é" * 101]
    text = " ".join(words)
    for ids in vocabularies(25, seed=3, alphabet="ab#é", prefix=prefix):
        theirs = tokenizers.Tokenizer(
            tokenizers.models.WordPiece(
                {"[UNK]": 0} | ids,
                unk_token="[UNK]",  # noqa: S106
                continuing_subword_prefix=prefix,
            )
        )
        theirs.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
        model = make_model(ids, continuing_subword_prefix=prefix)
        ours = ft.Tokenizer(model, "whitespace_split", {"[UNK]": 0})
        expected = theirs.encode(text)
        encoding = ours.encode_with_offsets(text)
        assert encoding.ids.tolist() == expected.ids
        assert encoding.char_spans.tolist() == [list(span) for span in expected.offsets]


@pytest.mark.parametrize("clean_up", [True, False])
def test_decoding_equals_tokenizers(clean_up):
    words = [
        "do",
        "n't",
        "'s",
        "'m",
        "'ve",
        "'re",
        "'d",
        ".",
        "...",
        "!",
        ",",
        ";",
        "?",
        "?x",
        "'n",
        "nt",
        "it",
        "s",
        "un",
        "##able",
        "##.",
        "##'s",
    ]
    names = ["[UNK]", "[CLS]", "[SEP]", *words]
    theirs = tokenizers.decoders.WordPiece(cleanup=clean_up)
    special = {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2}
    model = ft.WordPieceModel(["", "", "", *words], unk_id=0)
    tok = ft.Tokenizer(model, "whitespace_split", special)
    rng = random.Random(7)
    rows = [rng.choices(range(len(names)), k=rng.randint(1, 8)) for _ in range(500)]
    rows = [row for row in rows if not names[row[0]].startswith("##")]
    expected = [theirs.decode([names[i] for i in row]) for row in rows]
    assert [tok.decode(row, clean_up=clean_up) for row in rows] == expected
    assert tok.decode_batch(rows, clean_up=clean_up) == expected
    for row, text in zip(rows, expected, strict=True):
        stream = ft.StreamDecoder(tok, clean_up=clean_up)
        assert "".join([*map(stream.push, row), stream.finish()]) == text


def test_decoded_text_begins_without_space_and_prefix():
    tok = ft.Tokenizer(ft.WordPieceModel(["un", "##able"]), "whitespace_split")
    assert tok.decode([1, 0, 1]) == "able unable"
    assert tok.decode_batch([[1], [], [0, 1]]) == ["able", "", "unable"]


def test_decoding_adds_no_spaces_if_the_pretokenizer_keeps_them():
    model = ft.WordPieceModel(["it", "##s", " it", "##em"])
    tok = ft.Tokenizer(model, "gpt2")
    assert tok.decode(tok.encode("item its its")) == "item its its"


def test_offsets_of_unknown_words_and_of_text_with_the_prefix():
    model = ft.WordPieceModel(["", "a", "##a", "##"], unk_id=0)
    tok = ft.Tokenizer(model, "whitespace_split", {"[UNK]": 0})
    text = "##a  aé ##aa ## x"
    encoding = tok.encode_with_offsets(text)
    assert encoding.ids.tolist() == [2, 0, 2, 2, 3, 0]
    assert [text[a:b] for a, b in encoding.char_spans] == ["##a", "aé", "##a", "a", "##", "x"]


def test_errors_have_the_position_of_the_first_unknown_part():
    n_errors = 0
    for ids in vocabularies(20, seed=4, alphabet="ab"):
        tok = ft.Tokenizer(ft.WordPieceModel(["", *ids]), "whitespace_split")
        for word in WORDS[1:200]:
            position = oracles.find_unmatched(word, ids)
            if position is None:
                assert tok.encode(word, as_list=True) == oracles.longest_matches(word.encode(), ids)
                continue
            with pytest.raises(UnknownCharacterError) as caught:
                tok.encode("  " + word)
            assert caught.value.position == 2 + position
            assert caught.value.character == word[position]
            n_errors += 1
    assert n_errors > 1000


def test_an_unknown_word_is_an_error_without_an_unknown_token():
    tok = ft.Tokenizer(ft.WordPieceModel(["a", "##a"]), "whitespace_split")
    with pytest.raises(UnknownCharacterError, match=r"'é' .* at byte 5 of document 0"):
        tok.encode("aa aaé")
    for limits in ({}, {"max_input_chars_per_word": None, "max_input_bytes_per_word": 100}):
        tok = ft.Tokenizer(ft.WordPieceModel(["a", "##a"], **limits), "whitespace_split")
        assert len(tok.encode("a" * 100)) == 100
        with pytest.raises(UnknownCharacterError, match=r"'a' .* at byte 2 .* the word that starts with it"):
            tok.encode("a " + "a" * 101)
    unlimited = ft.WordPieceModel(["a", "##a"], max_input_chars_per_word=None)
    assert len(ft.Tokenizer(unlimited, "none").encode("a" * 1000)) == 1000


def test_encoding_takes_linear_time_for_any_vocabulary():
    """A naive search would look a thousand bytes ahead at each of a million positions."""
    n = 1_000_000
    model = ft.WordPieceModel(
        ["", "a", "##a", "##aa", "a" * 999 + "b", "##" + "a" * 999 + "b"],
        unk_id=0,
        max_input_chars_per_word=None,
    )
    tok = ft.Tokenizer(model, "none", {"[UNK]": 0})
    assert tok.encode("a" * n).tolist() == [1] + [3] * ((n - 1) // 2) + [2] * ((n - 1) % 2)
    assert tok.encode("a" * n + "c").tolist() == [0]


def test_a_word_of_a_million_characters_is_unknown_by_default():
    tok = ft.Tokenizer(ft.WordPieceModel(["", "a", "##a"], unk_id=0), "whitespace_split", {"[UNK]": 0})
    assert tok.encode("a" * 1_000_000 + " a").tolist() == [0, 1]


def test_a_long_word_can_be_interrupted():
    model = ft.WordPieceModel(["", "a", "##a"], unk_id=0, max_input_chars_per_word=None)
    tok = ft.Tokenizer(model, "none", {"[UNK]": 0})
    text = "a" * 100_000_000
    timer = threading.Timer(0.1, raise_signal, [SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        encode_forever(tok, text)
    timer.join()
    assert tok.encode("aa").tolist() == [1, 2]


@pytest.mark.parametrize(
    ("pieces", "options", "message"),
    [
        (["a", "a"], {}, "ids 0 and 1 have the same piece b'a'"),
        ([b"\xff"], {}, "is not UTF-8 at byte 0"),
        (["a"], {"unk_id": -1}, "unk_id must be from 0"),
        (["a"], {"max_input_chars_per_word": -1}, "max_input_chars_per_word must be at least 0"),
        (["a"], {"max_input_bytes_per_word": -3}, "max_input_bytes_per_word must be at least 0"),
        (
            ["a"],
            {"continuing_subword_prefix": "\ud800"},
            "continuing_subword_prefix contains a lone surrogate",
        ),
    ],
)
def test_invalid_models(pieces, options, message):
    with pytest.raises(ValueError, match=message):
        ft.WordPieceModel(pieces, **options)


@pytest.mark.parametrize(
    "options",
    [
        *({"unk_id": True}, {"unk_id": "0"}, {"max_input_chars_per_word": 1.5}),
        *({"max_input_bytes_per_word": True}, {"continuing_subword_prefix": b"##"}),
    ],
    ids=str,
)
def test_options_of_the_wrong_type(options):
    with pytest.raises(TypeError, match=next(iter(options))):
        ft.WordPieceModel(["", "a"], **options)


def test_a_damaged_file_is_an_error(tmp_path):
    path = tmp_path / "tok.json"
    ft.Tokenizer(ft.WordPieceModel(["", "a", "##b"], unk_id=0), "bert", {"[UNK]": 0}).save(path)
    text = path.read_text()
    for old, new in [('"##b"', "5"), ('"unk_id": 0', '"unk_id": "x"'), ('"##b"', '"a"'), ('"##"', "0")]:
        assert old in text
        path.write_text(text.replace(old, new, 1))
        with pytest.raises(ModelFormatError, match="tok.json"):
            ft.load(path)


def test_a_model_without_pieces():
    model = ft.WordPieceModel([""], unk_id=0)
    assert encode_words(model, [b"a", b"bc"]) == [[0], [0]]
    assert np.array_equal(model.begins_word, [True])
