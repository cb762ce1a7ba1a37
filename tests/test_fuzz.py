"""Property tests with Hypothesis. FASTTOK_FUZZ multiplies the examples; ``make fuzz`` sets it to 200."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import fasttok as ft
from fasttok.formats.registry import FORMATS
from fasttok.text.pretokenizers.scanners import PATTERNS
from tests import hostile, oracles, tekken_file
from tests.conftest import FUZZ

examples = settings(
    max_examples=100 * FUZZ,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
texts = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(hostile.PARTS), max_size=20).map("".join))
data = st.one_of(st.binary(max_size=60), texts.map(str.encode))
names = st.sampled_from(list(PATTERNS))


@examples
@given(data=data)
def test_decoding_restores_bytes(tok, data):
    assert tok.decode_bytes(tok.encode(data)) == data
    assert tok.decode_bytes(tok.encode(data, special="all")) == data


@examples
@given(data=data, special=st.sampled_from(["none", "all"]))
def test_offsets_agree_with_oracle(tok, data, special):
    encoding = tok.encode_with_offsets(data, special=special)
    pieces = [tok.id_to_piece(i) for i in encoding.ids]
    spans = encoding.byte_spans.tolist(), encoding.char_spans.tolist()
    assert spans == oracles.locate(data, pieces)
    assert [data[start:end] for start, end in spans[0]] == pieces


@examples
@given(data=data, dropout=st.floats(0, 1), seed=st.integers(0, (1 << 64) - 1))
def test_decoding_restores_bytes_after_dropout(tok, data, dropout, seed):
    assert tok.decode_bytes(tok.encode(data, sampling=ft.Dropout(dropout, seed=seed))) == data
    assert tok.decode_bytes(tok.encode(data, sampling=ft.Dropout(dropout, seed=seed), special="all")) == data


pieces = st.lists(st.text("ab東<x", min_size=1, max_size=4), max_size=12, unique=True)


@examples
@given(data=st.one_of(data, st.text("ab東<x0>").map(str.encode)), pieces=pieces, scores=st.randoms())
def test_unigram_agrees_with_oracle(data, pieces, scores):
    by_piece = {piece.encode(): -scores.randint(0, 64) / 8 for piece in pieces}
    names = [b"<0x%02X>" % byte for byte in range(256)]
    rows = [*by_piece, *names]
    model = ft.UnigramModel(rows, [*by_piece.values(), *[0] * 256], byte_fallback=True)
    tok = ft.Tokenizer(model, ft.get_pretokenizer("none"))
    best = oracles.best_segmentation(data, by_piece, model.unk_score)
    ids = {piece: i for i, piece in enumerate(by_piece)}
    assert tok.encode(data).tolist() == oracles.ids_of_pieces(best, ids, None, model.byte_ids.tolist())
    for sample in (None, ft.Sampling(scores.random(), seed=1)):
        assert tok.decode_bytes(tok.encode(data, sampling=sample)) == data


@examples
@given(
    data=st.one_of(data, st.text("ab東<x0>").map(str.encode)),
    pieces=pieces,
    is_whole=st.booleans(),
    has_bytes=st.booleans(),
)
def test_characters_and_words_agree_with_oracle(data, pieces, is_whole, has_bytes):
    split = (lambda text: [text] if text else []) if is_whole else oracles.characters_of
    known = dict.fromkeys(piece.encode() for piece in pieces if is_whole or len(piece) == 1)
    names = [b"<0x%02X>" % byte for byte in range(256)] if has_bytes else []
    rows = [b"", *names, *known]
    model = (ft.WordModel if is_whole else ft.CharacterModel)(rows, unk_id=0, byte_fallback=has_bytes)
    tok = ft.Tokenizer(model, "none", {"<unk>": 0})
    ids = {piece: i for i, piece in enumerate(rows) if piece in known}
    byte_ids = list(range(1, 257)) if has_bytes else None
    row, lengths = oracles.ids_of_units(split(data), ids, 0, byte_ids)
    encoding = tok.encode_with_offsets(data)
    assert encoding.ids.tolist() == row == tok.encode(data, as_list=True)
    assert [end - start for start, end in encoding.byte_spans.tolist()] == lengths
    assert not has_bytes or tok.decode_bytes(row) == data


@examples
@given(batch=st.lists(st.one_of(texts, data), max_size=8), workers=st.integers(1, 3))
def test_batch_agrees_with_loop(tok, batch, workers):
    assert tok.encode_batch(batch, workers=workers).to_list() == [tok.encode(t, as_list=True) for t in batch]


@examples
@given(documents=st.lists(data, max_size=6), name=names, batch_bytes=st.integers(1, 100))
def test_counts_agree_with_oracle(documents, name, batch_bytes):
    documents = [d for d in documents if not _has_other_class(d)]
    corpus = ft.Corpus.from_texts(documents)
    counts = ft.count_pretokens(corpus, name, workers=2, batch_bytes=batch_bytes)
    assert counts.to_dict() == oracles.count(PATTERNS[name], documents)


def _has_other_class(document: bytes) -> bool:
    """Return whether a code point has another class in the newer Unicode tables of the regex module."""
    from tests.unicode_differences import REGEX

    text = document.decode(errors="surrogateescape")
    return any(a <= ord(c) <= b for c in text for a, b in REGEX)


def small_files(folder: Path, tok: ft.Tokenizer, name: str) -> tuple[Path, list[str], dict[str, object]]:
    """Write a small file of a format. Return its path, the parts to damage, and options for loading."""
    path = folder / ("tokenizer.json" if name == "huggingface" else name)
    if name == "tekken":
        pieces = [piece for piece in tok.model.pieces.to_bytes() if len(piece) > 1]
        tekken_file.write(path, tekken_file.make_fields(pieces, special=["<unk>", "<s>"]))
        return path, [""], {}
    if name == "gpt2":
        tok.save(path, format=name)
        return path, ["vocab.json", "merges.txt"], {}
    if name == "vocab.txt":
        pieces = ["", "", "", "the", "low", "##est", "##a", "!"]
        model = ft.WordPieceModel(pieces, unk_id=0)
        tok = ft.Tokenizer(model, "bert", {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2}, normalizer="bert")
    if name.startswith("sentencepiece"):
        unigram = ft.UnigramModel(["", "▁the", "▁low", "est", "▁"], [0, -1, -2, -2.5, -3.25], unk_id=0)
        tok = ft.Tokenizer(unigram, "metaspace", {"<unk>": 0})
    tok.save(path, format=name)
    # A damaged file may look like another format; the options say which one is meant.
    options = {"tiktoken": {"pretokenizer": "gpt2"}, "sentencepiece.vocab": {"normalizer": "nmt_nfkc"}}
    return path, [""], options.get(name, {})


@pytest.fixture(params=FORMATS)
def small(request, tmp_path, tok):
    """Return what `small_files` does, with the bytes of the parts, and the name of the format."""
    path, parts, options = small_files(tmp_path, tok, request.param)
    return path, {path / part: (path / part).read_bytes() for part in parts}, options, request.param


@examples
@given(
    flips=st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 255)), min_size=1, max_size=4),
    which=st.integers(0, 1),
)
@pytest.mark.filterwarnings("ignore::UserWarning")  # a damaged file may be valid, but unusual
def test_damaged_tokenizer_files(small, flips, which):
    path, parts, options, name = small
    for part, whole in parts.items():
        part.write_bytes(whole)
    part = list(parts)[which % len(parts)]
    damaged = bytearray(parts[part])
    for position, byte in flips:
        damaged[position % len(damaged)] = byte
    part.write_bytes(damaged)
    try:
        loaded = ft.load(path, **options)
    except ft.ModelFormatError:
        return
    try:
        ids = loaded.encode(b"the lowest \xff")
    except ft.UnknownCharacterError:
        assert name == "vocab.txt"  # damage to the line of the unknown token
        return
    is_lossy = name == "vocab.txt" or name.startswith("sentencepiece")
    assert is_lossy or loaded.decode_bytes(ids) == b"the lowest \xff"
