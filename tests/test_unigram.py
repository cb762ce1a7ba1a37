"""Unigram encoding against oracles, sentencepiece and tokenizers."""

from __future__ import annotations

import io
import itertools
import json
import random

import numpy as np
import pytest
import sentencepiece
import tokenizers

import fasttok as ft
from fasttok.corpus import corpus as corpus_module
from tests import hostile, oracles, sentencepiece_file
from tests.conftest import FUZZ
from tests.sentencepiece_file import BYTE, CONTROL, NORMAL, UNKNOWN, UNUSED, USER_DEFINED

BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
SHORT = ["".join(letters) for n in range(9) for letters in itertools.product("ab", repeat=n)]


def tokenizer_of(model, pretokenizer="none"):
    special = {} if model.unk_id is None else {"<unk>": model.unk_id}
    return ft.Tokenizer(model, ft.get_pretokenizer(pretokenizer), special)


def random_pieces(rng, letters, n, longest=5):
    return sorted({"".join(rng.choices(letters, k=rng.randint(1, longest))) for _ in range(n)})


def random_model(rng, letters="abé東", n=12, **options):
    """Return a model whose scores are multiples of 1/8, so that sums are exact and ties are frequent."""
    pieces = random_pieces(rng, letters, n)
    scores = [-rng.randint(1, 40) / 8 for _ in pieces]
    return ft.UnigramModel(["", *pieces], [0, *scores], unk_id=0, **options)


def scores_of(model):
    return {bytes(p): float(s) for p, s in zip(model.pieces, model.scores, strict=True) if len(p)}


def ids_in(model):
    return {piece: i for i, piece in enumerate(model.pieces.to_bytes()) if piece}


# Encoding


def test_small_texts_match_exhaustive_search():
    rng = random.Random(80)
    for _ in range(40):
        model = random_model(rng, rng.choice(["ab", "a", "abc"]))
        rows = tokenizer_of(model).encode_batch(SHORT).to_list()
        scores = scores_of(model)
        assert model.unk_score == min(scores.values()) - 10
        for text, row in zip(SHORT, rows, strict=True):
            _, pieces = oracles.segmentations(text.encode(), scores, model.unk_score)[0]
            assert row == oracles.ids_of_pieces(pieces, ids_in(model), 0)


@pytest.mark.parametrize("byte_fallback", [False, True])
def test_hostile_texts_match_the_oracle(byte_fallback):
    texts = [*hostile.texts(150, seed=81), *hostile.byte_strings(150, seed=82)]
    rng = random.Random(83)
    parts = {t[i : i + rng.randint(1, 4)].replace("\0", "") for t in hostile.texts(40, 84) for i in range(20)}
    pieces = sorted(parts - {"", *BYTES})
    scores = [-rng.random() * 20 for _ in pieces]
    known = {piece.encode(): i + 1 for i, piece in enumerate(pieces)}
    byte_ids = [len(pieces) + 1 + byte for byte in range(256)] if byte_fallback else None
    if byte_fallback:
        pieces, scores = pieces + BYTES, scores + [0.0] * 256
    model = ft.UnigramModel(["", *pieces], [0, *scores], unk_id=0, byte_fallback=byte_fallback)
    tok = tokenizer_of(model)
    by_piece = {piece: float(model.scores[i]) for piece, i in known.items()}
    assert model.unk_score == min(by_piece.values()) - 10
    rows = tok.encode_batch(texts)
    for text, row in zip(ft.Corpus.from_texts(texts), rows, strict=True):
        best = oracles.best_in_a_row([text], len(text), by_piece, model.unk_score)
        assert row.tolist() == oracles.ids_of_pieces(best, known, 0, byte_ids)
        assert not byte_fallback or tok.decode_bytes(row) == text
    assert tok.is_lossless == byte_fallback


def test_names_of_byte_pieces_in_text():
    model = ft.UnigramModel(BYTES, [-1.0] * 256, byte_fallback=True)
    tok = tokenizer_of(model)
    assert tok.encode("<0x41>A\x00").tolist() == [*b"<0x41>A\x00"]
    assert tok.id_to_piece(0x41) == b"<0x41>"
    assert tok.decode([0x41]) == "A"
    plain = ft.UnigramModel(["<0x41>", *"<0x4>"], [-1, -9, -9, -9, -9, -9], unk_id=7)
    assert tokenizer_of(plain).encode("<0x41>").tolist() == [0]


def test_unknown_runs_are_fused_across_pretokens():
    model = ft.UnigramModel(["", "a"], [0, -1], unk_id=0)
    for pretokenizer in ("whitespace", "whitespace_split"):
        tok = tokenizer_of(model, pretokenizer)
        assert tok.encode("xyzaxy ya").tolist() == [0, 1, 0, 1]
        assert tok.encode_batch(["xyx", "x", "ax"]).to_list() == [[0], [0], [1, 0]]
        text = "xyzaxy ya"
        spans = tok.encode_with_offsets(text).char_spans.tolist()
        assert [text[start:end] for start, end in spans] == ["xyz", "a", "xy y", "a"]


def test_unknown_runs_are_fused_across_batches(tmp_path, monkeypatch):
    tok = tokenizer_of(ft.UnigramModel(["", "a"], [0, -1], unk_id=0), "whitespace")
    text = "aa xxx aax xa x x x aa xx"
    (tmp_path / "text.txt").write_text(text)
    for n_bytes in range(1, len(text)):
        monkeypatch.setattr(corpus_module.Corpus.batches, "__defaults__", (None, n_bytes))
        assert tok.encode_files(tmp_path / "text.txt").to_list() == [tok.encode(text).tolist()]


def test_near_ties_in_short_texts_match_the_oracle():
    rng = random.Random(90)
    for seed in range(15 * FUZZ):
        pieces = random_pieces(rng, "ab -", 12, 6)
        scores = [-rng.randint(1, 99) / 7 for _ in pieces]  # sums that single precision rounds
        model = ft.UnigramModel(["", *pieces], [0, *scores], unk_id=0, byte_fallback=False)
        for pretokenizer in ("whitespace", "whitespace_split", "none"):
            tok = tokenizer_of(model, pretokenizer)
            for n in (3, 10, 100, 1000, 4192, 4193, 6000):
                text = "".join(rng.choices(["a", "b", "-", " ", "----", "abab", "aaa"], k=n))[:n]
                pretokens = tok.pretokenizer.split_text(text)
                best = oracles.best_in_a_row(pretokens, n, scores_of(model), model.unk_score)
                expected = oracles.ids_of_pieces(best, ids_in(model), 0)
                assert tok.encode(text).tolist() == expected, (seed, pretokenizer, n)
                assert tok.encode(text).tolist() == expected  # again, with a filled cache


@pytest.mark.parametrize("byte_fallback", [False, True])
@pytest.mark.parametrize("mark", ["prefix", "suffix", "anywhere"])
def test_rows_match_the_oracle_of_sentencepiece(mark, byte_fallback):
    rng = random.Random(f"{mark} {byte_fallback}")
    for seed in range(15):
        pieces = [piece.strip() for piece in random_pieces(rng, "abé東", 20, 4)]
        marks = {"prefix": ["▁{}", "▁▁{}"], "suffix": ["{}▁", "{}▁▁"], "anywhere": ["▁{}", "{}▁{}"]}[mark]
        pieces += [rng.choice(marks).format(*rng.choices(pieces, k=2)) for _ in range(8)]
        pieces = sorted({*pieces, *rng.sample(["▁", "▁▁", "▁▁▁"], 2)})
        scores = [-rng.randint(1, 99) / (10 if seed % 2 else 7) for _ in pieces]
        known = {piece.encode(): i + 1 for i, piece in enumerate(pieces)}
        byte_ids = [len(pieces) + 1 + byte for byte in range(256)] if byte_fallback else None
        if byte_fallback:
            pieces, scores = pieces + BYTES, scores + [0.0] * 256
        model = ft.UnigramModel(
            ["", *pieces], [0, *scores], unk_id=0, byte_fallback=byte_fallback, compat="sentencepiece"
        )
        tok = tokenizer_of(model, rng.choice(["none", "gpt2"]))
        by_piece = {piece: float(model.scores[i]) for piece, i in known.items()}
        units = [*"aaab東é", "▁", "▁", "▁▁", "▁a", "x", "ﷺ", "é" * 9, "ab" * 9]
        units = [unit.encode() for unit in units] + [b"\xe2\x96", b"\x81", b"\xf0", b"\xe6\x9d", b"\xff"]
        texts = [b"".join(rng.choices(units, k=rng.choice([1, 4, 20, 90]))) for _ in range(12)]
        for text in texts * 2:  # the second time, with a filled cache
            best = oracles.best_in_a_row([text], 0, by_piece, model.unk_score)
            assert tok.encode(text).tolist() == oracles.ids_of_pieces(best, known, 0, byte_ids)
            encoding = tok.encode_with_offsets(text)
            assert encoding.ids.tolist() == tok.encode(text).tolist()
            starts, ends = encoding.byte_spans.T.tolist()
            assert [*starts, len(text)] == [0, *ends]


def test_a_character_inside_a_piece_only():
    model = ft.UnigramModel(["ab", "c"], [-1, -1])
    tok = tokenizer_of(model)
    assert tok.encode("abcab").tolist() == [0, 1, 0]
    with pytest.raises(ft.UnknownCharacterError, match="cannot encode 'b'.*at byte 3 of document 1"):
        tok.encode_batch(["ab", "abcb"])
    with pytest.raises(ft.UnknownCharacterError, match="cannot encode '東'.*at byte 2 of document 0"):
        tok.encode("ab東a")


def test_user_defined_pieces_are_preferred():
    model = ft.UnigramModel(["a", "b", "ab", "xab", "x"], [-0.1, -0.1, -90, -3, -4], user_defined=[2])
    assert model.unk_score == -14
    tok = tokenizer_of(model)
    assert tok.encode("ab").tolist() == [2]
    assert tok.encode("xab").tolist() == [3]  # -3 is more than -4 + 0.1


@pytest.mark.parametrize("compat", [None, "sentencepiece"])
def test_unused_pieces_never_match(compat):
    pieces = ["", "a", "b", "ab", "abc", "c"]
    model = ft.UnigramModel(pieces, [0, -2, -2, -1, -1, -70], unk_id=0, unused=[3, 5], compat=compat)
    tok = tokenizer_of(model)
    assert model.unk_score == -12
    assert tok.encode_batch(["ab", "abc", "ac"]).to_list() == [[1, 2], [4], [1, 0]]
    assert tok.decode([3, 5]) == "abc"
    assert tok.piece_to_id("ab") == 3


def test_models_without_normal_pieces_match_sentencepiece():
    for kinds in ((USER_DEFINED, USER_DEFINED), (UNUSED, UNUSED), (UNUSED, USER_DEFINED)):
        pieces = [("<unk>", 0.0, UNKNOWN), ("ab", -1.0, kinds[0]), ("b", -2.0, kinds[1])]
        assert_matches_sentencepiece(pieces, ["ab", "zab", "abab", "bab", "b", "ba", "zzabz"])


@pytest.mark.parametrize("compat", [None, "sentencepiece", "huggingface"])
def test_models_with_empty_rows_only(compat):
    model = ft.UnigramModel(["", ""], [0, 0], unk_id=1, compat=compat)
    tok = tokenizer_of(model)
    assert tok.encode_batch(["", "ab", b"\xff"]).to_list() == [[], [1], [1]]
    assert tokenizer_of(ft.UnigramModel([], [], compat=compat)).encode("").tolist() == []


def test_extreme_scores():
    huge = np.finfo(np.float64).max
    model = ft.UnigramModel(["a", "aa"], [-huge, -huge])
    assert tokenizer_of(model).encode("a" * 6).tolist() in ([1, 1, 1], [0] * 6, [1, 0, 0, 0, 0])


# Long pretokens


@pytest.mark.parametrize("compat", [None, "sentencepiece"])
def test_long_pretokens(compat):
    rng = random.Random(85)
    pieces = sorted({*random_pieces(rng, "ab東", 30), "a" * 512, "ab" * 300})
    model = ft.UnigramModel(pieces, [-rng.random() * 9 for _ in pieces], unk_id=99, compat=compat)
    scores = scores_of(model)
    tok = tokenizer_of(model)
    for n in (511, 512, 1500):
        for text in ("a" * n, "ab" * n, "".join(rng.choices("ab東x", k=n))):
            best = oracles.best_in_a_row([text.encode()], len(text.encode()), scores, model.unk_score)
            assert tok.encode(text).tolist() == oracles.ids_of_pieces(best, ids_in(model), 99)


@pytest.mark.parametrize("unit", ["a", "ab", "東", "x", "\u0300"])
def test_a_million_characters(unit):
    model = ft.UnigramModel(["", "a", "b", "ab" * 8, "東" * 3, "東"], [0, -1, -2, -5, -2, -3], unk_id=0)
    tok = tokenizer_of(model)
    text = unit * (1_000_000 // len(unit))
    ids = tok.encode(text)
    assert len(ids) == {"a": 1_000_000, "ab": 62_500, "東": 333_334, "x": 1, "\u0300": 1}[unit]


def test_spans_of_unknown_tokens_and_self_overlapping_pieces():
    tok = tokenizer_of(ft.UnigramModel(["", "aba"], [0, -1], unk_id=0))
    assert tok.encode_with_offsets("xababa").byte_spans.tolist() == [[0, 3], [3, 6]]
    rng = random.Random(91)
    for compat in (None, "sentencepiece", "huggingface"):
        for unk_id in (0, 9):
            for _ in range(200):
                pieces = random_pieces(rng, "ab", 4)
                scores = [-rng.random() * 9 for _ in pieces]
                model = ft.UnigramModel(["", *pieces], [0, *scores], unk_id=unk_id, compat=compat)
                tok = tokenizer_of(model, rng.choice(["none", "whitespace", "whitespace_split"]))
                text = "".join(rng.choices("abc ", k=14))
                encoding = tok.encode_with_offsets(text)
                assert encoding.ids.tolist() == tok.encode(text).tolist()
                for i, (start, end) in zip(encoding.ids.tolist(), encoding.byte_spans.tolist(), strict=True):
                    assert start < end
                    assert i == unk_id or text[start:end] == pieces[i - 1]
                if tok.pretokenizer.is_partition:
                    starts, ends = encoding.byte_spans.T.tolist()
                    assert [*starts, len(text)] == [0, *ends]


def test_arguments_are_copied_and_checked():
    values = np.frombuffer(b"ab", np.uint8).copy()
    pieces = ft.Ragged(values, np.array([0, 0, 1, 2]))
    model = ft.UnigramModel(pieces, [0, -1, -2], unk_id=np.int64(0), user_defined=np.array([2]))
    values[0] = ord("c")
    assert model.to_dict()["pieces"] == [("", 0.0), ("a", -1.0), ("b", -2.0)]
    assert json.loads(json.dumps(model.to_dict()))["unk_id"] == 0
    for wrong in ({"unk_id": True}, {"unk_id": 0.0}, {"user_defined": [2.0]}):
        with pytest.raises(TypeError, match="must be an id"):
            ft.UnigramModel(["", "a", "b"], [0, -1, -2], **wrong)
    with pytest.raises(TypeError, match="a piece must be str or bytes, not int"):
        ft.UnigramModel([1], [0])


# Against sentencepiece and tokenizers


def assert_matches_sentencepiece(pieces, texts, byte_fallback=False):
    peer = sentencepiece.SentencePieceProcessor(model_proto=sentencepiece_file.write(pieces, byte_fallback))
    tok = tokenizer_of(sentencepiece_file.model_of(pieces, byte_fallback), "gpt2")
    assert tok.encode_batch(texts).to_list() == peer.encode(texts)
    assert [tok.decode(row) for row in peer.encode(texts)] == [
        peer.decode(row).replace(" ⁇ ", "<unk>") for row in peer.encode(texts)
    ]


@pytest.mark.parametrize("byte_fallback", [False, True])
def test_random_models_match_sentencepiece(byte_fallback):
    rng = random.Random(86)
    for seed in range(120):
        letters = rng.choice(["ab", "abé東", "ab é東😀"])
        texts = random_pieces(rng, letters, 25, rng.choice([4, 12]))
        kinds = rng.choices(
            [NORMAL, USER_DEFINED, UNUSED], [8, 1, 1] if seed % 2 else [1, 0, 0], k=len(texts)
        )
        tenths = seed % 3 == 0  # single precision rounds sums of tenths and so decides ties
        scores = [-rng.randint(1, 30) / 10 if tenths else -rng.random() * 15 for _ in texts]
        scores = [-40.0 if kind == USER_DEFINED else score for kind, score in zip(kinds, scores, strict=True)]
        pieces = [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), *zip(texts, scores, kinds, strict=True)]
        if byte_fallback:
            pieces += [(name, 0.0, BYTE) for name in BYTES]
        assert_matches_sentencepiece(
            pieces,
            ["".join(rng.choices(letters + "cx", k=k)) for k in (1, 3, 8, 20, 60, 300, 2000)],
            byte_fallback,
        )


def lines_of(shared, *names):
    texts = [(shared / "data" / name).read_text(encoding="utf-8", errors="replace") for name in names]
    return [line for text in texts for line in text[:40_000].splitlines() if line.strip()]


def assert_lines_match_sentencepiece(peer, tok, lines):
    normal = [peer.normalize(line) for line in lines]
    expected = peer.encode(lines)
    assert tok.encode_batch(normal).to_list() == expected
    assert tok.encode_batch(["".join(normal)]).to_list() == [peer.encode(" ".join(lines))]


NAMES = ["google_test_model.model", "google_test_ja_model.model", "tftext_fast_sentencepiece.model"]


@pytest.mark.parametrize("name", [*NAMES, "ai21_j2/j2-tokenizer.model", "seqio_test.model"])
def test_real_models_match_sentencepiece(shared, name):
    path = shared / "tokenizers/sentencepiece" / name
    peer = sentencepiece.SentencePieceProcessor(model_file=str(path))
    pieces, byte_fallback = sentencepiece_file.read(path)
    lines = lines_of(
        shared, "prose/ja_manpages.txt", "prose/botchan_en.txt", "languages/ko.txt", "code/go.txt"
    )
    normal = [peer.normalize(line) for line in lines]
    expected = peer.encode(lines)
    whole = tokenizer_of(sentencepiece_file.model_of(pieces, byte_fallback))
    assert whole.encode_batch(normal).to_list() == expected
    # Without compat, encode word by word with the cache, unless pieces cross words.
    model = sentencepiece_file.model_of(pieces, byte_fallback, None)
    crosses = any("▁" in text.lstrip("▁") for text, *_ in pieces)
    assert (
        tokenizer_of(model, "none" if crosses else r"▁+[^▁]*|[^▁]+").encode_batch(normal).to_list()
        == expected
    )


def test_texts_whose_scores_sum_to_hundreds_of_thousands(shared):
    path = shared / "tokenizers/sentencepiece/tftext_fast_sentencepiece.model"
    peer = sentencepiece.SentencePieceProcessor(model_file=str(path))
    pieces, byte_fallback = sentencepiece_file.read(path)
    tok = tokenizer_of(sentencepiece_file.model_of(pieces, byte_fallback))
    words = (shared / "data/prose/botchan_en.txt").read_text(encoding="utf-8").split()
    rng = random.Random(92)
    for _ in range(5):
        text = " ".join(rng.choices(words, k=25_000))
        assert tok.encode(peer.normalize(text)).tolist() == peer.encode(text)


@pytest.mark.parametrize("unit", [-3e37, -3e5, -3000.0, -30.0, 30.0, 3000.0, 3e5, 3e37])
def test_large_sums_match_sentencepiece(unit):
    for seed in range(4):
        rng = random.Random(seed)
        texts = sorted({"".join(rng.choices("ab", k=rng.randint(1, 4))) for _ in range(12)} | {"a", "b"})
        pieces = [(text, unit / 10 * len(text) * rng.randint(8, 12), NORMAL) for text in texts]
        texts = ["".join(rng.choices("ab", k=k)) for k in (50, 5000, 15_000)]
        assert_matches_sentencepiece([("<unk>", 0.0, UNKNOWN), *pieces], texts)


def test_a_trained_model_matches_sentencepiece(shared):
    lines = lines_of(shared, "prose/wagahai.txt", "prose/tinyshakespeare.txt")
    file = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=file,
        vocab_size=3000,
        model_type="unigram",
        byte_fallback=True,
        user_defined_symbols=["thee", "▁thou", "である"],
        minloglevel=2,
    )
    peer = sentencepiece.SentencePieceProcessor(model_proto=file.getvalue())
    kinds = [
        BYTE
        if peer.is_byte(i)
        else UNKNOWN
        if peer.is_unknown(i)
        else CONTROL
        if peer.is_control(i)
        else NORMAL
        for i in range(peer.get_piece_size())
    ]
    for symbol in ("thee", "▁thou", "である"):
        kinds[peer.piece_to_id(symbol)] = USER_DEFINED
    pieces = [(peer.id_to_piece(i), peer.get_score(i), kind) for i, kind in enumerate(kinds)]
    tok = tokenizer_of(sentencepiece_file.model_of(pieces, byte_fallback=True))
    lines += lines_of(shared, "languages/ru.txt", "languages/zh-cn.txt")
    assert tok.encode_batch([peer.normalize(line) for line in lines]).to_list() == peer.encode(lines)


@pytest.mark.parametrize("byte_fallback", [False, True])
def test_random_models_match_tokenizers(byte_fallback):
    rng = random.Random(87)
    for seed in range(120):
        letters = rng.choice(["ab", "abé東", "ab é東😀"])
        texts = [*random_pieces(rng, letters, 25), *(BYTES if byte_fallback else [])]
        scores = [-rng.randint(1, 30) / 10 if seed % 2 else -rng.random() * 15 for _ in texts]
        peer = tokenizers.models.Unigram(
            [("<unk>", -17.0), *zip(texts, scores, strict=True)], 0, byte_fallback
        )
        model = ft.UnigramModel(
            ["", *texts], [-17, *scores], unk_id=0, byte_fallback=byte_fallback, compat="huggingface"
        )
        assert model.unk_score == -27
        tok = tokenizer_of(model)
        for k in (1, 3, 8, 20, 60, 300):
            text = "".join(rng.choices([*letters, "c", "x", "<0x41>"], k=k))
            assert tok.encode(text).tolist() == [token.id for token in peer.tokenize(text)]


# Rows are encoded whole


def test_ids_do_not_depend_on_the_size_of_batches(monkeypatch):
    rng = random.Random(88)
    pieces = random_pieces(rng, "ab ", 30)
    scores = [-rng.random() * 15 for _ in pieces]
    texts = ["".join(rng.choices("ab ", k=3000)) for _ in range(5)]
    for compat in (None, "sentencepiece"):
        model = ft.UnigramModel(["", *pieces], [0, *scores], unk_id=0, compat=compat)
        assert model.needs_whole_rows == (compat is not None)
        tok = tokenizer_of(model, "whitespace")
        expected = [tok.encode(text).tolist() for text in texts]
        for workers, size in itertools.product((1, 2), (10, 1000)):
            monkeypatch.setattr(corpus_module.Corpus.batches, "__defaults__", (None, size))
            assert tok.encode_batch(texts, workers=workers).to_list() == expected


# Invalid arguments


@pytest.mark.parametrize(
    ("pieces", "scores", "options", "message"),
    [
        (["a", "b"], [0.0, float("nan")], {}, "the score of id 1, b'b', is nan"),
        (["a"], [-float("inf")], {}, "is -inf"),
        (["a"], [-1e39], {"compat": "sentencepiece"}, "is -1e\\+39"),
        (["a", "b"], [0.0], {}, r"2 pieces but scores of shape \(1,\)"),
        (["a", "", "a"], [0, 0, 0], {}, "ids 0 and 2 have the same piece b'a'"),
        (["a", b"b\xff"], [0, 0], {}, "the piece b'b\\\\xff' of id 1 is not UTF-8 at byte 1"),
        ([b"\xed\xa0\x80"], [0], {}, "is not UTF-8 at byte 0"),
        (["a\0"], [0], {}, r"contains the character U\+0000"),
        (["a", *BYTES[:65], *BYTES[66:]], [0] * 256, {"byte_fallback": True}, "1 of the 256 .* is <0x41>"),
        (["a"], [0], {"byte_fallback": True}, "256 of the 256"),
        (BYTES, [0] * 256, {"byte_fallback": True, "user_defined": [3]}, "cannot be user-defined"),
        (["a"], [0], {"unk_id": -1}, "unk_id must be from 0"),
        (["a"], [0], {"unk_id": 1 << 31}, "unk_id must be from 0"),
        (["a"], [0], {"unk_id": 0}, "unk_id 0 is the id of the piece b'a'"),
        (["", "a"], [0, 0], {"user_defined": [0]}, "user_defined contains id 0, which has no piece"),
        (["a"], [0], {"user_defined": [1]}, "user_defined contains id 1, which has no piece"),
        (["", "a"], [0, 0], {"unused": [1, 0]}, "unused contains id 0, which has no piece"),
        (BYTES, [0] * 256, {"byte_fallback": True, "unused": [3]}, "so they cannot be unused"),
        (["a", "b"], [0, 0], {"unused": [1], "user_defined": [1]}, "id 1 is both in user_defined and in un"),
        (["a"], [0], {"unused": [0], "compat": "huggingface"}, "all pieces match text: use another compat"),
        (["a"], [0], {"compat": "spm"}, "compat must be"),
    ],
)
def test_invalid_models(pieces, scores, options, message):
    with pytest.raises(ValueError, match=message):
        ft.UnigramModel(pieces, scores, **options)


def test_too_many_pieces(monkeypatch):
    monkeypatch.setattr("fasttok.models.pieces.MOST_IDS", 2)
    with pytest.raises(ValueError, match="at most 2 pieces, not 3"):
        ft.UnigramModel(["a", "b", "c"], [0, 0, 0])


def test_files_keep_scores_exactly(tmp_path):
    rng = random.Random(89)
    scores = [0, *(-rng.random() * 10.0 ** rng.randint(-300, 300) for _ in range(50)), -5e-324, -0.0, 3]
    pieces = ["", *(chr(0x4E00 + i) for i in range(len(scores) - 1))]
    model = ft.UnigramModel(pieces, scores, unk_id=0, user_defined=[5, 2], unused=[9, 4])
    tokenizer_of(model).save(tmp_path / "model.json")
    loaded = ft.load(tmp_path / "model.json").model
    assert loaded.scores.tobytes() == model.scores.tobytes()
    assert loaded.to_dict() == model.to_dict()
    assert loaded.user_defined == {2, 5}
    assert loaded.unused == {4, 9}
    assert "unused" not in ft.UnigramModel(["a"], [0]).to_dict()  # as in files of earlier versions


@pytest.mark.parametrize(
    "change",
    [
        {"unk_id": "0"},
        {"unk_id": True},
        {"byte_fallback": 1},
        {"user_defined": None},
        {"user_defined": [1.0]},
        {"unused": 1},
        {"unused": [True]},
        {"unused": [0]},
        {"compat": "other"},
        {"compat": ["sentencepiece"]},
        {"pieces": [["", 0], ["a", "0"]]},
        {"pieces": [["", 0], ["a", True]]},
        {"pieces": [["", 0], ["a"]]},
        {"pieces": [["", 0], ["a", 10**400]]},
        {"pieces": [["", 0], ["\udc80", 0]]},
        {"pieces": None},
    ],
)
def test_damaged_files(tmp_path, change):
    tokenizer_of(ft.UnigramModel(["", "a"], [0, -1], unk_id=0)).save(tmp_path / "a.json")
    fields = json.loads((tmp_path / "a.json").read_text())
    fields["model"].update(change)
    (tmp_path / "a.json").write_text(json.dumps(fields))
    with pytest.raises(ft.ModelFormatError, match="model"):
        ft.load(tmp_path / "a.json")


def test_models_are_immutable():
    scores = np.array([-1.0, -2.0])
    model = ft.UnigramModel(["a", "b"], scores)
    scores[0] = -5
    assert model.scores.tolist() == [-1, -2]
    with pytest.raises(ValueError, match="read-only"):
        model.scores[0] = 1


# Spans of tokens


@pytest.mark.parametrize("compat", [None, "sentencepiece", "huggingface"])
@pytest.mark.parametrize("byte_fallback", [False, True])
def test_spans_contain_the_text_of_their_tokens(compat, byte_fallback):
    rng = random.Random(98)
    for pretokenizer in ("none", "whitespace", "whitespace_split", "metaspace"):
        pieces = random_pieces(rng, "ab東 ▁", 30) + (BYTES if byte_fallback else [])
        scores = [-rng.random() * 9 for _ in pieces]
        model = ft.UnigramModel(
            ["", *pieces], [0, *scores], unk_id=0, byte_fallback=byte_fallback, compat=compat
        )
        tok = tokenizer_of(model, pretokenizer)
        for text in [*hostile.byte_strings(20, seed=99), "aéé東é ab", "ab x  東yz<0x41>▁a", "xx ", ""]:
            data = text.encode() if isinstance(text, str) else text
            encoding = tok.encode_with_offsets(text)
            assert encoding.ids.tolist() == tok.encode(text).tolist()
            spans = encoding.byte_spans
            assert (np.diff(spans, axis=0) >= 0).all()
            # With compat="huggingface", all bytes of a run have the span of the run.
            tokens = [
                (start, end, [model.pieces[i] for i, _ in group])
                for (start, end), group in itertools.groupby(
                    zip(encoding.ids.tolist(), spans.tolist(), strict=True), key=lambda token: token[1]
                )
            ]
            if pretokenizer in ("none", "whitespace"):
                assert [end for _, end, _ in tokens[:-1]] == [start for start, _, _ in tokens[1:]]
                assert not len(spans) or (spans[0, 0], spans[-1, 1]) == (0, len(data))
            if pretokenizer == "metaspace":
                continue
            for start, end, pieces_of_span in tokens:
                first = bytes(pieces_of_span[0])
                if len(pieces_of_span) > 1 or (first.decode() in BYTES and data[start:end] != first):
                    assert len(pieces_of_span) == (end - start if compat == "huggingface" else 1)
                    names = [b"<0x%02X>" % byte for byte in data[start:end]]
                    assert [bytes(piece) for piece in pieces_of_span] == names
                elif first:
                    assert data[start:end] == first
