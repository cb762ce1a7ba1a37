"""N best segmentations of texts against oracles and sentencepiece."""

from __future__ import annotations

import random
import struct

import numpy as np
import pytest
import sentencepiece

import fasttok as ft
from tests import oracles, sentencepiece_file
from tests.sentencepiece_file import BYTE, NORMAL, UNKNOWN, UNUSED, USER_DEFINED

BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def nbest_of_sentencepiece(peer, text, n):
    found = []
    data = peer.nbest_encode(text, nbest_size=n, return_type="serialized_proto")
    for field, value in sentencepiece_file.fields(data):
        assert field == 1
        inner = sentencepiece_file.fields(value)
        ids = [dict(sentencepiece_file.fields(piece)).get(2, 0) for key, piece in inner if key == 2]
        [score] = struct.unpack("<f", dict(inner).get(3, bytes(4)))
        found.append((ids, score))
    return found


def as_lists(found):
    return [(ids.tolist(), score) for ids, score in found]


def random_pieces(rng, letters, n):
    return sorted({"".join(rng.choices(letters, k=rng.randint(1, 4))) for _ in range(n)})


def random_file(seed, byte_fallback):
    """Return the pieces of a model whose segmentations often have equal or nearly equal scores."""
    rng = random.Random(seed)
    texts = random_pieces(rng, "abé東", 16)
    scores = [
        [-rng.randint(1, 6) / 2, -rng.randint(1, 30) / 10, -9 * rng.random(), rng.randint(-9, 9) / 3][
            seed % 4
        ]
        for _ in texts
    ]
    kinds = rng.choices([NORMAL, USER_DEFINED, UNUSED], [6, 1, 1] if seed % 2 else [1, 0, 0], k=len(texts))
    pieces = [("<unk>", 0.0, UNKNOWN), *zip(texts, scores, kinds, strict=True)]
    return pieces + [(name, 0.0, BYTE) for name in BYTES] * byte_fallback


@pytest.mark.parametrize("byte_fallback", [False, True])
def test_random_models_match_sentencepiece(byte_fallback):
    for seed in range(16):
        pieces = random_file(seed, byte_fallback)
        data = sentencepiece_file.write(pieces, byte_fallback)
        peer = sentencepiece.SentencePieceProcessor(model_proto=data)
        model = sentencepiece_file.model_of(pieces, byte_fallback)
        tok = ft.Tokenizer(model, "gpt2", {"<unk>": 0})
        rng = random.Random(seed)
        for n, length in [(2, 1), (3, 4), (60, 7), (9, 20), (10, 60), (5, 300)]:
            text = "".join(rng.choices("abé東x ", [6, 6, 3, 3, 1, 1], k=length))
            expected = nbest_of_sentencepiece(peer, text, n)
            assert as_lists(tok.encode_nbest(text, n)) == expected
            assert tok.encode_nbest(text, 1)[0][0].tolist() == peer.nbest_encode(text, nbest_size=1)[0]
            assert tok.encode_nbest(text, 1)[0][1] == expected[0][1]
        assert as_lists(tok.encode_nbest("", 3)) == nbest_of_sentencepiece(peer, "", 3)


def test_a_queue_that_is_reduced():
    pieces = random_file(5, False)
    peer = sentencepiece.SentencePieceProcessor(model_proto=sentencepiece_file.write(pieces))
    tok = ft.Tokenizer(sentencepiece_file.model_of(pieces), "none", {"<unk>": 0})
    text = "".join(random.Random(5).choices("abé東x", [6, 6, 3, 3, 1], k=400))
    expected = peer.nbest_encode(text, nbest_size=512)
    assert [ids for ids, _ in as_lists(tok.encode_nbest(text, 512))] == expected


def test_a_real_model_matches_sentencepiece(shared):
    path = shared / "tokenizers/sentencepiece/google_test_model.model"
    peer = sentencepiece.SentencePieceProcessor(model_file=str(path))
    tok = ft.Tokenizer(sentencepiece_file.model_of(*sentencepiece_file.read(path)), "none", {"<unk>": 0})
    text = (shared / "data/prose/botchan_en.txt").read_text(encoding="utf-8")
    for line in text.splitlines()[100:140]:
        assert as_lists(tok.encode_nbest(peer.normalize(line), 10)) == nbest_of_sentencepiece(peer, line, 10)


@pytest.mark.parametrize("compat", [None, "huggingface"])
def test_small_texts_match_exhaustive_search(compat):
    for seed in range(20):
        rng = random.Random(seed)
        pieces = sorted({*random_pieces(rng, "ab", 8), *(["a", "b"] if compat else [])})
        scores = dict(zip(pieces, (-rng.randint(1, 20) / 8 for _ in pieces), strict=True))
        model = ft.UnigramModel(["", *pieces], [0, *scores.values()], unk_id=0, compat=compat)
        tok = ft.Tokenizer(model, "none", {"<unk>": 0})
        known = {piece.encode(): i + 1 for i, piece in enumerate(pieces)}
        by_bytes = {piece.encode(): score for piece, score in scores.items()}
        # A run of unknown characters has ids of its own with compat="huggingface".
        for text in ("a", "abab", "bbaba") if compat else ("a", "abab", "bbabxa", "xx"):
            every = oracles.segmentations(text.encode(), by_bytes, model.unk_score)
            for n in (1, 3, 1000):
                expected = [(oracles.ids_of_pieces(found, known, 0), score) for score, found in every[:n]]
                assert as_lists(tok.encode_nbest(text, n)) == expected


def test_pretokens_and_rows_are_segmented_independently():
    pieces = ["", "a", "b", "ab", " ", "ba"]
    model = ft.UnigramModel(pieces, [0, -1, -1.25, -2, -0.5, -3], unk_id=0)
    tok = ft.Tokenizer(model, "whitespace_split", {"<unk>": 0}).add_tokens(["[x]"])
    new = tok.piece_to_id("[x]")
    one = [([3], -2.0), ([1, 2], -2.25)]
    assert as_lists(tok.encode_nbest("ab", 9)) == one
    sums = sorted(
        (([*i, new, *j, *k], s + t + u) for i, s in one for j, t in one for k, u in one), key=lambda x: -x[1]
    )
    found = as_lists(tok.encode_nbest("ab[x]ab ab", 9))
    assert [score for _, score in found] == [score for _, score in sums]
    assert sorted(found) == sorted(sums)
    assert as_lists(tok.encode_nbest("ab[x]ab ab", 3)) == found[:3]
    assert as_lists(tok.encode_nbest("[x]", 2)) == [([new], 0.0)]
    assert as_lists(tok.encode_nbest("ab c dé", 1)) == [([3, 0], -2 + 3 * model.unk_score)]
    assert tok.encode("ab c dé").tolist() == [3, 0]


def test_the_best_of_all_rows():
    model = ft.UnigramModel(["a", "aa", "aaa"], [-1.0, -1.5, -2.75])
    tok = ft.Tokenizer(model, "none").add_tokens(["|"])
    lists = [as_lists(tok.encode_nbest("a" * n, 99)) for n in (3, 4, 2)]
    sums = sorted((-(a + b + c) for _, a in lists[0] for _, b in lists[1] for _, c in lists[2]))
    for n in (1, 2, 5, 17, 1000):
        found = as_lists(tok.encode_nbest("aaa|aaaa|aa", n))
        assert [-score for _, score in found] == sums[:n]
        assert len({tuple(ids) for ids, _ in found}) == len(found)


def test_errors():
    for compat in (None, "sentencepiece"):
        tok = ft.Tokenizer(ft.UnigramModel(["a", "b", " "], [-1, -2, -3], compat=compat), "whitespace_split")
        with pytest.raises(ft.UnknownCharacterError, match="cannot encode 'c'.*at byte 5 of document 0"):
            tok.add_tokens(["|"]).encode_nbest("a|ab cb", 2)
    with pytest.raises(ValueError, match="n must be at least 1, not 0"):
        tok.encode_nbest("a", 0)
    with pytest.raises(ValueError, match="of kind 'character' has no n best segmentations"):
        ft.Tokenizer(ft.CharacterModel(["a"]), "none").encode_nbest("a", 2)


def test_arrays_are_of_ids():
    tok = ft.Tokenizer(ft.UnigramModel(["a"], [-1], compat="sentencepiece"), "none")
    [(ids, score)] = tok.encode_nbest(b"aa", np.int64(3))
    assert (ids.dtype, ids.tolist(), score) == (np.uint32, [0, 0], -2.0)
