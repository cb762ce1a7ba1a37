"""Words: rules that find words, and counts of the tokens of each word."""

from __future__ import annotations

import io
import itertools
import random
import types

import numpy as np
import pytest
import sentencepiece
import tokenizers

import fasttok as ft
from fasttok.evaluation import columns
from fasttok.evaluation.encoded import encode
from fasttok.evaluation.words import WORDS, count_characters, count_tokens_of_words, find_words
from tests import hostile
from tests import metric_oracles as oracles

TIBETAN = ["རྫོང་ཁ་ལུ།", "ཀ༌ཁ ༎ ག", "་་ཀ", "།", "ཀ\u0fd2ཁ\u0f14"]


@pytest.mark.parametrize("rule", WORDS)
def test_words(rule):
    texts = [text.encode() for text in TIBETAN] + [b"", b" ", b"a"]
    texts += [text.encode() for text in hostile.texts(400, seed=61)] + hostile.byte_strings(400, seed=62)
    documents = ft.Ragged.from_bytes(texts)
    starts = documents.offsets.tolist()
    expected = [
        [start + a, start + b]
        for text, start in zip(texts, starts, strict=False)
        for a, b in oracles.words(text, rule)
    ]
    assert find_words(documents, rule).tolist() == expected
    part = ft.Ragged(documents.values, documents.offsets[200:])  # its first offset is not 0
    assert find_words(part, rule).tolist() == [span for span in expected if span[0] >= starts[200]]
    expected_lengths = [len(text.decode(errors="surrogateescape")) for text in texts]
    assert count_characters(documents).tolist() == expected_lengths


# The expected words are written by hand; each case is an example of a rule of UAX #29.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("can't o'clock'", ["can't", "o'clock"]),  # WB6, WB7: one apostrophe between letters
        ("a''b", ["a", "b"]),
        ("e.g. U.S.A.", ["e.g", "U.S.A"]),  # WB6, WB7: one full stop between letters
        ("3.14 1,000,000 1.a", ["3.14", "1,000,000", "1", "a"]),  # WB11, WB12: between numbers
        ("A4 3D x86_64 _a_", ["A4", "3D", "x86_64", "_a_"]),  # WB9, WB10, WB13a, WB13b
        ("well-known a/b", ["well", "known", "a", "b"]),  # WB999
        ("naïve nai\u0308ve", ["naïve", "nai\u0308ve"]),  # WB4: a mark belongs to its letter
        ("カタカナ", ["カタカナ"]),  # WB13
        ("ひらがな", ["ひ", "ら", "が", "な"]),  # WB999: Hiragana is not a class in UAX #29
        ("東京 한국어", ["東", "京", "한국어"]),
        ('בג"ד', ['בג"ד']),  # WB7b, WB7c: quotation marks between Hebrew letters
        ('a"b', ["a", "b"]),
        ("🇩🇪🇫🇷 👍🏽 …", []),  # no letter or number
        ("a\r\nb", ["a", "b"]),  # WB3a, WB3b
    ],
)
def test_words_of_the_unicode_rule(text, expected):
    documents = ft.Ragged.from_bytes([text.encode()])
    assert [text.encode()[a:b].decode() for a, b in find_words(documents, "unicode")] == expected


def test_unknown_rule_and_no_documents():
    with pytest.raises(ValueError, match='words must be "whitespace", "dzongkha" or "unicode"'):
        find_words(ft.Ragged.from_bytes([b"a"]), "spaces")
    assert find_words(ft.Ragged.from_bytes([]), "unicode").shape == (0, 2)


def test_count_tokens_of_words():
    rng = random.Random(5)
    for _ in range(500):
        cuts = sorted(rng.choices(range(13), k=rng.randint(1, 10)))
        spans = [[a, b] for a, b in itertools.pairwise(cuts) if a == b or rng.random() < 0.8]
        edges = sorted(rng.sample(range(13), 4))
        words = [(edges[0], edges[1]), (edges[2], edges[3])]
        found = count_tokens_of_words(np.array(words), np.array(spans, np.int64).reshape(-1, 2))
        assert found.tolist() == [oracles.tokens_of_word(word, spans) for word in words]


def tokens_of_words(tok, texts: list[str]) -> list[int]:
    documents = ft.Ragged.from_bytes([text.encode() for text in texts])
    return columns.Cut(columns.Text(documents, "whitespace"), encode(tok, documents)).tokens_of_words.tolist()


def test_all_tokens_of_a_character_belong_to_its_word():
    pieces = ["", "▁", "a", *(f"<0x{byte:02X}>" for byte in range(256))]
    model = ft.UnigramModel(pieces, [0.0] + [-1.0] * 258, byte_fallback=True, unk_id=0)
    tok = ft.Tokenizer(model, "metaspace", {"<unk>": 0})
    assert tok.encode_with_offsets("東").byte_spans.tolist() == [[0, 0], [0, 1], [1, 2], [2, 3]]
    assert tokens_of_words(tok, ["東 a", "東"]) == [3, 1, 3]  # the bytes count, the ▁ does not


def test_a_dummy_prefix_belongs_to_no_word(shared):
    """Libraries locate the ▁ before a text at its first character or before it; token counts are the same."""
    folder = shared / "tokenizers"
    path = folder / "sentencepiece/tokenizer.model.v1"
    toks = [
        ft.wrap(sentencepiece.SentencePieceProcessor(model_file=str(path))),
        ft.wrap(tokenizers.Tokenizer.from_file(str(folder / "huggingface/lenml_llama2/tokenizer.json"))),
    ]
    first_spans = [tok.encode_with_offsets("東京 東京").byte_spans[0].tolist() for tok in toks]
    assert first_spans == [[0, 0], [0, 3]]
    for tok in toks:
        assert tokens_of_words(tok, ["東京 東京", "東京", "the 東"]) == [2, 2, 2, 1, 1]
        assert tokens_of_words(tok, ["🦄 a🦄"]) == [
            4,
            5,
        ]  # byte-fallback tokens; in sentencepiece, only the last has a nonempty span


def test_a_space_at_the_end_does_not_belong_to_the_next_document():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["low lower lowest newest widest a b c d"] * 50),
        model_writer=model,
        vocab_size=30,
        treat_whitespace_as_suffix=True,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    tok = ft.wrap(sentencepiece.SentencePieceProcessor(model_proto=model.getvalue()))
    one = tokens_of_words(tok, ["low"])
    assert tokens_of_words(tok, ["low"] * 50) == one * 50


def test_an_empty_token_at_the_end_does_not_belong_to_the_next_document():
    spans = np.array([[0, 1], [1, 1]])
    tok = types.SimpleNamespace(
        encode_batch=lambda texts, workers: ft.Ragged.from_rows([[0, 1]] * len(texts)),
        encode_with_offsets=lambda text: types.SimpleNamespace(byte_spans=spans),
        pieces=ft.Ragged.from_bytes([b"a", b"b"]),
    )
    assert tokens_of_words(tok, ["x", "y"]) == [1, 1]


def test_a_metaspace_mark_in_the_text_is_part_of_a_word():
    tok = ft.train(ft.Corpus.from_texts(["▁"]), vocab_size=258)
    assert tokens_of_words(tok, ["▁ ▁"]) == [1, 1]
