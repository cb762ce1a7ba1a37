"""`wrap`: ids, spans, pieces and errors of tokenizers of other libraries."""

from __future__ import annotations

import json
import sys
import types

import numpy as np
import pytest
import sentencepiece
import tiktoken
import tokenizers
from tiktoken.load import load_tiktoken_bpe

import fasttok as ft
from fasttok.core.errors import ScoringError
from fasttok.evaluation.metrics.morphology import count_boundaries, read_morphemes
from fasttok.evaluation.metrics.vocabulary import find_ordinary
from tests import hostile
from tests import metric_oracles as oracles

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
    """Name of a tokenizer, the tokenizer, and the wrapped tokenizer."""
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
    """Return a function that encodes a text with the library itself."""
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


def test_ids_and_spans(pair):
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
            parts = [text.encode()[a:b] for a, b in spans.tolist()]
            assert parts == [tok.id_to_piece(i) for i in row]


# Expected pieces and spans, written by hand: ï has 2 bytes, 東 and 京 have 3, 🦄 has 4.
SPANS = {
    "tiktoken": [
        *[("na", 0, 2), ("ï", 2, 4), ("ve", 4, 6), (b" \xe6\x9d", 6, 9), (b"\xb1", 9, 10), ("京", 10, 13)],
        *[(b"\xf0\x9f", 13, 15), (b"\xa6", 15, 16), (b"\x84", 16, 17), (" a", 17, 19)],
    ],
    "llama3": [
        *[("na", 0, 2), ("ï", 2, 4), ("ve", 4, 6), (" 東京", 6, 13)],
        *[(b"\xf0\x9f", 13, 15), (b"\xa6", 15, 16), (b"\x84", 16, 17), (" a", 17, 19)],
    ],
    "llama2": [
        *[("▁na", 0, 2), ("ï", 2, 4), ("ve", 4, 6), ("▁", 6, 7), ("東", 7, 10), ("京", 10, 13)],
        *[("<0xF0>", 13, 17), ("<0x9F>", 13, 17), ("<0xA6>", 13, 17), ("<0x84>", 13, 17), ("▁a", 17, 19)],
    ],
    "bert": [("naive", 0, 6), ("東", 7, 10), ("京", 10, 13), ("[UNK]", 13, 17), ("a", 18, 19)],
    "sentencepiece": [
        *[("▁na", 0, 2), ("ï", 2, 4), ("ve", 4, 6), ("▁", 6, 7), ("東", 7, 10), ("京", 10, 13)],
        *[("<0xF0>", 13, 13), ("<0x9F>", 13, 13), ("<0xA6>", 13, 13), ("<0x84>", 13, 17), ("▁a", 17, 19)],
    ],
    "sentencepiece unigram": [
        *[("▁", 0, 0), ("n", 0, 1), ("a", 1, 2), ("<unk>", 2, 4), ("ve", 4, 6), ("▁", 6, 7)],
        *[("<unk>", 7, 17), ("▁a", 17, 19)],
    ],
}


def test_byte_spans(pair):
    name, _, tok = pair
    encoding = tok.encode_with_offsets("naïve 東京🦄 a")
    found = [
        (tok.id_to_piece(i), *span)
        for i, span in zip(encoding.ids, encoding.byte_spans.tolist(), strict=True)
    ]
    assert found == [
        (piece if isinstance(piece, bytes) else piece.encode(), *span) for piece, *span in SPANS[name]
    ]


def without_spaces(text: bytes) -> bytes:
    return text.replace("▁".encode(), b" ").strip(b" ")


def test_spans_contain_the_text_of_the_piece(pair):
    name, _, tok = pair
    rewrites = name in ("bert", "sentencepiece unigram")
    n = 0
    for text in TEXTS:
        encoding = tok.encode_with_offsets(text)
        for i, (a, b) in zip(encoding.ids, encoding.byte_spans.tolist(), strict=True):
            piece = without_spaces(tok.id_to_piece(i).removeprefix(b"##"))
            part = without_spaces(text.encode()[a:b])
            is_text = piece and part and i != tok.unk_id and not piece.startswith(b"<0x")
            if is_text and (part.isascii() or not rewrites):
                n += 1
                assert part.lower() == piece.lower()
    assert n > 500


def test_spans_join_to_the_text(pair):
    _, _, tok = pair
    text = "The cat sat"
    parts = [text[a:b] for a, b in tok.encode_with_offsets(text).byte_spans.tolist()]
    assert "".join(parts).replace(" ", "") == "Thecatsat"
    assert not any(" " in part.strip() for part in parts)


def test_special_tokens_are_neither_added_nor_parsed(pair):
    _, _, tok = pair
    assert tok.special_tokens
    for token, i in tok.special_tokens.items():
        assert tok.id_to_piece(i) == token.encode()
        if i != tok.unk_id:
            assert i not in tok.encode_batch([f"a {token} b", token]).values.tolist()


def test_no_truncation_and_no_padding(pair):
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


def test_measure_together_with_a_fasttok_tokenizer(pair, tok):
    name, _, wrapped = pair
    corpus = ft.TestCorpus.from_corpora("texts", ft.Corpus.from_texts(TEXTS), words="unicode")
    metrics = ["compression", "pcw", "renyi", "unk", "lossless"]
    # "vocabulary" encodes every piece; one tokenizer of each library is enough.
    metrics += ["vocabulary"] if name in ("tiktoken", "bert", "sentencepiece unigram") else []
    rows = ft.measure({"ours": tok, "theirs": wrapped}, corpus, metrics, seed=7)
    values = {(row["tokenizer"], row["metric"]): row["value"] for row in rows}
    assert None not in values.values()
    assert values["ours", "lossless_rate"] == 1.0
    assert (values["theirs", "lossless_rate"] == 1.0) == (name in ("tiktoken", "llama3"))
    assert (values["theirs", "unk_rate"] > 0) == (name in ("bert", "sentencepiece unigram"))


def test_wrap_returns_fasttok_and_wrapped_tokenizers_unchanged(shared):
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


def test_wrap_takes_fast_tokenizers_of_transformers():
    tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=261)
    theirs = pytest.importorskip("transformers").PreTrainedTokenizerFast(tokenizer_object=tok.to_tokenizers())
    assert ft.wrap(theirs).encode_batch(["lowest slow"]) == tok.encode_batch(["lowest slow"])


def test_wrap_does_not_change_the_tokenizer(shared):
    theirs = tokenizers.Tokenizer.from_file(str(shared / "tokenizers/bert/minilm/tokenizer.json"))
    before = theirs.to_str()
    ft.wrap(theirs).encode_batch(["a"])
    assert theirs.to_str() == before
    assert theirs.padding is not None
    assert not theirs.encode_special_tokens


def test_dropout_is_disabled():
    pieces = {"a": 0, "b": 1, "ab": 2, "abab": 3}
    model = tokenizers.models.BPE(pieces, [("a", "b"), ("ab", "ab")], dropout=0.9)
    tok = ft.wrap(tokenizers.Tokenizer(model))
    assert tok.encode_batch(["abab"] * 50).to_list() == [[3]] * 50
    assert tok.encode_with_offsets("abab").ids.tolist() == [3]


def test_pieces_outside_of_the_byte_alphabet():
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE({"a": 0, "東": 1, "Ġa": 2, "a b": 3}, []))
    theirs.decoder = tokenizers.decoders.ByteLevel()
    tok = ft.wrap(theirs)
    assert tok.pieces.to_bytes() == [b"a", "東".encode(), b" a", b"a b"]
    assert [tok.decode_bytes([i]) for i in range(4)] == tok.pieces.to_bytes()


def test_spans_of_parts_of_characters(shared, tmp_path):
    """If tiktoken and tokenizers give the same ids, the spans are the same."""
    folder = shared / "tokenizers"
    theirs = tokenizers.Tokenizer.from_file(str(folder / "huggingface/lenml_qwen3/tokenizer.json"))
    ranks = load_tiktoken_bpe(str(folder / "tiktoken/qwen.tiktoken"))
    pattern = json.loads(theirs.to_str())["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]
    others = tiktoken.Encoding("qwen", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    path = tmp_path / "gold.tsv"
    path.write_text("རྫོངཁའི\tརྫོང @@ཁའི\nསახლები\tსახლ @@ები\nབོདསྐད\tབོད @@སྐད\n")
    gold = read_morphemes(path)
    (text,) = gold.text.to_bytes()
    first, second = (ft.wrap(tok).encode_with_offsets(text) for tok in (theirs, others))
    assert first.ids.tolist() == second.ids.tolist()
    spans = first.byte_spans.tolist()
    assert spans == second.byte_spans.tolist()
    assert any(text[start] & 0xC0 == 0x80 for start, _ in spans)
    # starts inside a character are not token boundaries
    edges = set(gold.boundaries.tolist())
    assert list(zip(*map(np.ndarray.tolist, count_boundaries(gold, first.byte_spans)), strict=True)) == [
        oracles.boundaries(tuple(word), edges, spans, text) for word in gold.words.tolist()
    ]


def test_unused_sentencepiece_ids(shared):
    path = shared / "tokenizers/sentencepiece/google_test_model.model"
    piece = b"\x0a\x03xyz\x15\x00\x00\x80\xbf\x18\x05"  # text, score -1, type 5, which is unused
    proto = path.read_bytes() + b"\x0a" + bytes([len(piece)]) + piece
    theirs = sentencepiece.SentencePieceProcessor(model_proto=proto)
    i = theirs.piece_to_id("xyz")
    assert theirs.is_unused(i)
    tok = ft.wrap(theirs)
    assert tok.vocab_size == i + 1
    assert not find_ordinary(tok)[i]
    with pytest.raises(IndexError, match="not in use"):
        tok.id_to_piece(i)


def test_the_unknown_token_is_not_ordinary():
    model = tokenizers.models.BPE({"[UNK]": 0, "a": 1}, [], unk_token="[UNK]")  # noqa: S106
    tok = ft.wrap(tokenizers.Tokenizer(model))
    assert tok.special_tokens == {}
    assert find_ordinary(tok).tolist() == [False, True]


# Errors


def test_wrap_of_other_types():
    for thing in (None, "gpt2", object()):
        with pytest.raises(TypeError, match="cannot wrap .*: expected a tiktoken.Encoding"):
            ft.wrap(thing)


def test_components_in_python_cannot_be_copied():
    theirs = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, "a"))
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.PreTokenizer.custom(object())
    with pytest.raises(TypeError, match="cannot be copied: .*PreTokenizer"):
        ft.wrap(theirs)


def test_the_error_for_a_panic_names_the_document(shared):
    ranks = {bytes([byte]): byte for byte in range(256)} | {b" " * n: 254 + n for n in range(2, 9)}
    loops = r"\p{L}+|\s+(?!\S)|\s+"  # backtracks from the end, one stack frame per space
    tok = ft.wrap(tiktoken.Encoding("x", pat_str=loops, mergeable_ranks=ranks, special_tokens={}))
    with pytest.raises(ScoringError, match="document 1: PanicException") as raised:
        tok.encode_batch(["a", " " * 1_000_000])
    assert raised.value.document == 1


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, MemoryError])
def test_interrupts_and_memory_errors_are_not_converted(kind):
    def fail(*_, **__):
        raise kind

    fake = types.SimpleNamespace(
        encode_ordinary_batch=fail,
        encode_ordinary=fail,
        special_tokens_set=set(),
        n_vocab=0,
        token_byte_values=list,
    )
    with pytest.raises(kind):
        ft.wrap(fake).encode_batch(["a"])
    with pytest.raises(kind):
        ft.wrap(fake).encode_with_offsets("a")


def test_text_that_is_not_utf8(pair):
    _, _, tok = pair
    with pytest.raises(ScoringError, match="document 1: not UTF-8 at byte 2"):
        tok.encode_batch([b"a", b"ab\xff"])
    with pytest.raises(ft.TextError, match="document 1"):
        tok.encode_batch(["a", "b\ud800"])


def test_errors_of_a_library_name_the_document():
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


def test_wrap_imports_no_library(monkeypatch):
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
