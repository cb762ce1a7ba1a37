"""Embedding tables for another tokenizer: sources of rows, means, special tokens, families of tokenizers."""

from __future__ import annotations

import math

import numpy as np
import pytest

import fasttok as ft

V = ft.vectors
WORDS = {"low": 9, "lower": 5, "lowest": 4, "newest": 6, "widest": 3, "Ångström": 2, "snow": 4}


def train(model, n, **options):
    options = {"special_tokens": ["<pad>", "</s>"], **options}
    counts = ft.count_pretokens(
        ft.Corpus.from_texts([" ".join([word] * n) for word, n in WORDS.items()]),
        options.pop("pretokenizer", "gpt2"),
        normalizer=options.pop("normalizer", None),
    )
    return ft.train(counts, model, vocab_size=n, **options)


def wordpiece(pieces, **options):
    special = {text: i for i, text in enumerate(["[PAD]", "[UNK]"])}
    model = ft.WordPieceModel(["[PAD]", "[UNK]", *pieces], unk_id=1)
    return ft.Tokenizer(model, "bert", special, **options)


def metaspace(pieces, **options):
    special = {"<unk>": 0, "<s>": 1}
    model = ft.UnigramModel(["", "", *pieces], [0, 0, *(-len(piece) / 9 - 1 for piece in pieces)], unk_id=0)
    return ft.Tokenizer(model, ft.Metaspace(**options), special)


def sources(old, new, **options):
    """Return the pieces from which the row of each new id is made, by piece."""
    table = V.EmbeddingTable.random(old, 3, seed=1)
    result = V.transfer(old, new, table, **options)
    assert result.table.vocab_size == len(result.sources) == new.vocab_size
    pieces = new.pieces.to_bytes()
    return {
        pieces[i]: [old.id_to_piece(one) for one in row] for i, row in enumerate(result.sources) if pieces[i]
    }


# Rows


@pytest.mark.parametrize("method", ["mean", "copy"])
@pytest.mark.parametrize(("old_size", "new_size"), [(262, 285), (285, 262), (270, 270)])
def test_rows_are_copies_and_means_of_old_rows(method, old_size, new_size):
    old, new = train("bpe", old_size), train("bpe", new_size, special_tokens=["<mask>", "<pad>"])
    rng = np.random.default_rng(1)
    weights = rng.standard_normal((old.vocab_size, 5)).astype(np.float32)
    table = V.EmbeddingTable(weights, padding_id=old.special_tokens["<pad>"])
    weights = table.weights.astype(np.float64)
    result = V.transfer(old, new, table, method=method)
    mean = np.mean([row for i, row in enumerate(weights) if i != table.padding_id], axis=0)
    kinds = {"copied": [], "averaged": [], "new": []}
    for i in range(new.vocab_size):
        piece = new.id_to_piece(i)
        if piece == b"<mask>":
            ids, kind = [], "new"
        elif piece == b"<pad>":
            ids, kind = [old.special_tokens["<pad>"]], "copied"
        else:
            ids = old.encode(piece, as_list=True)
            kind = "copied" if len(ids) == 1 else "averaged"
        if method == "copy" and kind == "averaged":
            ids, kind = [], "new"
        kinds[kind].append(i)
        assert result.sources[i].tolist() == ids
        expected = weights[ids].mean(axis=0) if ids else mean
        np.testing.assert_allclose(result.table.weights[i], expected, rtol=1e-6, atol=1e-7)
    assert {kind: getattr(result, kind).tolist() for kind in kinds} == kinds
    assert result.table.padding_id == new.special_tokens["<pad>"]
    assert not result.table.weights[result.table.padding_id].any()


@pytest.mark.parametrize("model", ["bpe", "unigram", "wordpiece", "character", "word"])
def test_a_table_for_the_same_tokenizer_is_the_same(model):
    options = {"pretokenizer": "bert"} if model == "wordpiece" else {}
    size = {"character": None, "word": None, "bpe": 280}.get(model, 30)
    options |= (
        {"special_tokens": ["<pad>", "<unk>"], "unk": "<unk>"} if model in ("wordpiece", "word") else {}
    )
    tok = train(model, size, **options)
    table = V.EmbeddingTable.random(tok, 4, seed=2, padding_id=tok.special_tokens["<pad>"])
    result = V.transfer(tok, tok, table)
    assert result.table == table
    assert len(result.copied) == tok.vocab_size
    assert repr(result) == f"Transfer({tok.vocab_size} ids: {tok.vocab_size} copied, 0 averaged, 0 new)"


def test_added_tokens_keep_their_rows():
    old = train("bpe", 270)
    new = old.add_tokens(["<tool>", ft.AddedToken("<end>", special=True)])
    table = V.EmbeddingTable.random(old, 4, seed=2)
    result = V.transfer(old, new, table)
    np.testing.assert_array_equal(result.table.weights[:270], table.weights)
    # An added token that is not special is text; a special one means nothing to the old model.
    assert [old.id_to_piece(i) for i in result.sources[270]] == [b"<", b"t", b"o", b"o", b"l", b">"]
    assert result.new.tolist() == [271]
    back = V.transfer(new, old, result.table)
    assert back.table == table


def test_a_table_may_have_more_rows_than_ids():
    old = train("bpe", 260)
    table = V.EmbeddingTable.random(320, 4, seed=2, padding_id=310)
    result = V.transfer(old, old, table.weights)
    np.testing.assert_array_equal(result.table.weights, table.weights[:260])
    assert V.transfer(old, old, table).table.padding_id is None


def test_unknown_tokens_are_unknown_tokens_whatever_their_name():
    old, new = wordpiece(["a", "##b"]), metaspace(["▁a", "b", "▁c", "z"])
    found = sources(old, new)
    assert found[b"<unk>"] == [b"[UNK]"]
    assert found[b"<s>"] == []
    assert found["▁a".encode()] == [b"a"]
    assert found[b"b"] == [b"##b"]
    assert found["▁c".encode()] == found[b"z"] == []


# Families of tokenizers


def test_wordpiece_pieces_keep_their_place_in_a_word():
    old = wordpiece(["un", "##un", "##able", "able", "a", "##a", "##b", "b", "q", "z", "##q", "qu", "##d"])
    new = wordpiece(["##unable", "unable", "##una", "ab", "##ab", "##bd", "a", "##a", "##x"])
    assert sources(old, new) == {
        b"[PAD]": [b"[PAD]"],
        b"[UNK]": [b"[UNK]"],
        b"##unable": [b"##un", b"##able"],
        b"unable": [b"un", b"##able"],
        b"##una": [b"##un", b"##a"],
        b"ab": [b"a", b"##b"],
        b"##ab": [b"##a", b"##b"],
        b"##bd": [b"##b", b"##d"],
        b"a": [b"a"],
        b"##a": [b"##a"],
        b"##x": [],
    }


def test_metaspace_pieces_keep_their_place_in_a_word():
    pieces = ["▁", "▁low", "low", "er", "▁er", "e", "r", "l", "o", "w", "q", "z"]
    new_pieces = ["▁lower", "lower", "▁el", "el", "▁▁", "o", "▁lo"]
    expected = {
        "▁lower": ["▁low", "er"],
        "lower": ["low", "er"],
        "▁el": ["▁", "e", "l"],
        "el": ["e", "l"],
        "o": ["o"],
        "▁lo": ["▁", "l", "o"],
    }
    for options in ({}, {"add_dummy_prefix": False}, {"remove_extra_whitespaces": False}):
        found = sources(metaspace(pieces, **options), metaspace(new_pieces, **options))
        for piece, row in expected.items():
            assert found[piece.encode()] == [one.encode() for one in row], (options, piece)


def test_suffixes_of_words_are_part_of_the_text():
    old = ft.Tokenizer(
        ft.BPEModel([*"lowersd", *(f"{c}</w>" for c in "lowersd")], [], alphabet=ft.Characters("</w>")),
        "bert",
    )
    new = ft.Tokenizer(
        ft.BPEModel(["l", "w", "o", "lo", "w</w>", "o</w>", "lo</w>"], [(0, 2), (0, 5)],
                    alphabet=ft.Characters("</w>")), "bert"
    )  # fmt: skip
    found = sources(old, new)
    assert found[b"w"] == [b"w"]
    assert found[b"w</w>"] == [b"w</w>"]
    assert found[b"lo</w>"] == [b"l", b"o</w>"]


def test_rows_are_found_across_families():
    byte_level = ft.Tokenizer(
        ft.BPEModel([*(bytes([i]) for i in range(256)), b"lo", b" lo", b"er"],
                    [(108, 111), (32, 256), (101, 114)]), "gpt2"
    )  # fmt: skip
    unigram = metaspace(["▁lo", "lo", "er", "w", "▁", "l", "o", "e", "r", "▁lower", "é", "q"])
    words = wordpiece(["lo", "##lo", "##er", "##w", "l", "##o", "lower", "q"])
    assert sources(byte_level, unigram)["▁lower".encode()] == [b" lo", b"w", b"er"]
    assert sources(byte_level, unigram)["é".encode()] == [b"\xc3", b"\xa9"]
    assert sources(byte_level, words)[b"lo"] == [b" lo"]
    assert sources(byte_level, words)[b"##lo"] == [b"lo"]
    assert sources(unigram, byte_level)[b" lo"] == ["▁lo".encode()]
    assert sources(unigram, words)[b"##lo"] == [b"lo"]
    assert sources(unigram, words)[b"lower"] == ["▁lower".encode()]
    assert sources(words, unigram)["▁lower".encode()] == [b"lower"]
    assert sources(words, byte_level)[b" lo"] == [b"lo"]
    assert sources(words, byte_level)[b"\xff"] == []


def test_text_is_normalized_as_the_old_tokenizer_does():
    old = wordpiece(["low", "##er", "q", "##low"], normalizer="lowercase")
    new = wordpiece(["Low", "##Er", "Lower", "##LOWER"])
    found = sources(old, new)
    assert found[b"Low"] == [b"low"]
    assert found[b"##Er"] == [b"##er"]
    assert found[b"Lower"] == [b"low", b"##er"]
    assert found[b"##LOWER"] == [b"##low", b"##er"]


def test_characters_without_an_unknown_token_are_new():
    old = ft.Tokenizer(ft.CharacterModel([*"abc"]), "none")
    new = ft.Tokenizer(ft.CharacterModel([*"cdb"]), "none")
    assert sources(old, new) == {b"c": [b"c"], b"d": [], b"b": [b"b"]}
    longer = ft.Tokenizer(ft.WordModel(["ab", "abd"]), "none")
    assert sources(old, longer) == {b"ab": [b"a", b"b"], b"abd": []}


def test_bytes_of_byte_fallback_are_told_apart():
    names = [f"<0x{i:02X}>" for i in range(256)]
    model = ft.UnigramModel(
        ["", *names, "▁a", "a"], [0.0, *[-9.0] * 256, -1, -2], unk_id=0, byte_fallback=True
    )
    old = ft.Tokenizer(model, ft.Metaspace(), {"<unk>": 0})
    decoder = ["byte_fallback", "fuse", "metaspace"]
    for one in (old, ft.Tokenizer(model, ft.Metaspace(), {"<unk>": 0}, decoder=decoder)):
        found = sources(one, ft.Tokenizer(ft.ByteModel(), "none"))
        assert found == {bytes([i]): [b"a" if i == 97 else names[i].encode()] for i in range(256)}


# Errors


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"old_tok": "gpt2"}, TypeError, "old_tok must be a Tokenizer, not 'gpt2'"),
        ({"new_tok": None}, TypeError, "new_tok must be a Tokenizer, not None"),
        ({"table": None}, TypeError, "weights must be an array of numbers, not NoneType"),
        ({"table": np.ones((255, 2))}, ValueError, "table has 255 rows, but the old tokenizer has 256 ids"),
        ({"table": [[math.nan, 1.0]] * 256}, ValueError, "weights must be finite"),
        ({"method": "median"}, ValueError, 'method must be "mean" or "copy".*did you mean "mean"'),
    ],
)
def test_wrong_arguments_are_refused(change, error, message):
    tok = ft.Tokenizer(ft.ByteModel(), "none")
    arguments = {"old_tok": tok, "new_tok": tok, "table": np.ones((256, 2))} | change
    with pytest.raises(error, match=message):
        V.transfer(**arguments)
