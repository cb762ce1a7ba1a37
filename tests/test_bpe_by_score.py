"""BPE by sentencepiece's rules, compared with a naive oracle and with sentencepiece."""

from __future__ import annotations

import itertools
import json
import pickle
import random

import numpy as np
import pytest
import sentencepiece

import fasttok as ft
from fasttok.models.bpe.by_score import merges_by_score
from fasttok.models.bpe.model import BPEModel
from fasttok.models.bpe.splitting import find_splitting
from tests import oracles, sentencepiece_file
from tests.sentencepiece_file import BYTE, CONTROL, NORMAL, UNKNOWN, UNUSED, USER_DEFINED

LETTERS = ["a", "b", "c", "▁", "é", "東", "😀"]
BYTES = [(f"<0x{byte:02X}>", 0.0, BYTE) for byte in range(256)]


def encode_naively(rows, text, byte_fallback):
    """Return the ids and texts of the tokens of a text; `rows` has the pieces, scores and types."""
    ids, scores, at = {}, {}, {piece: i for i, (piece, *_) in enumerate(rows)}
    for i, (piece, score, kind) in enumerate(rows):
        if kind in (NORMAL, USER_DEFINED, UNUSED):
            ids[piece.encode()] = i
        if kind in (NORMAL, UNUSED):
            scores[piece.encode()] = np.float32(score)
    unk_id = next(i for i, row in enumerate(rows) if row[2] == UNKNOWN)
    tokens = oracles.encode_by_score(
        text.encode(),
        ids,
        scores,
        unk_id=unk_id,
        byte_ids=[at[f"<0x{byte:02X}>"] for byte in range(256)] if byte_fallback else None,
        user_defined=[piece.encode() for piece, _, kind in rows if kind == USER_DEFINED],
        unused=[piece.encode() for piece, _, kind in rows if kind == UNUSED],
    )
    placed = oracles.place_tokens([(0, len(text.encode()))], [tokens], None if byte_fallback else unk_id)
    return [(i, text.encode()[start:end]) for i, start, end in placed]


def random_rows(rng, byte_fallback, kinds, n=40):
    """Return random pieces: many can be made of each other in several ways, and many have equal scores."""
    texts = set()
    letters = [letter for letter in LETTERS if rng.random() < 0.8] or ["a"]
    texts.update(letter for letter in LETTERS if rng.random() < 0.7)
    parts = [*LETTERS]
    while len(parts) < n:
        joined = rng.choice(parts) + rng.choice(letters if rng.random() < 0.5 else parts)
        if len(joined) <= 9:
            parts.append(joined)
            texts.add(joined)
    rows = [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), *(BYTES if byte_fallback else [])]
    distinct = rng.random() < 0.5
    for k, text in enumerate(sorted(texts, key=lambda _: rng.random())):
        kind = rng.choice(kinds) if rng.random() < 0.4 else NORMAL
        rows.append((text, -float(k) if distinct else -rng.randrange(6) / 3, kind))
    rng.shuffle(rows)
    return rows


def make_model(rows, byte_fallback):
    kinds = [kind for *_, kind in rows]
    pieces = [text if kind in (NORMAL, USER_DEFINED, UNUSED, BYTE) else "" for text, _, kind in rows]
    user_defined = [i for i, kind in enumerate(kinds) if kind == USER_DEFINED]
    found = merges_by_score(
        pieces, [score for _, score, _ in rows], byte_fallback=byte_fallback, user_defined=user_defined
    )
    return ft.BPEModel(
        pieces,
        **found._asdict(),
        alphabet=ft.Characters(
            unk_id=kinds.index(UNKNOWN), byte_fallback=byte_fallback, compat="sentencepiece"
        ),
        user_defined=user_defined,
        unused=[i for i, kind in enumerate(kinds) if kind == UNUSED],
    )


def make_tokenizer(rows, byte_fallback, pretokenizer="none"):
    special = {text: i for i, (text, _, kind) in enumerate(rows) if kind in (UNKNOWN, CONTROL)}
    return ft.Tokenizer(make_model(rows, byte_fallback), pretokenizer, special)


def random_texts(rng, n):
    letters = [*LETTERS, "x", "y", "\u0301"]
    lengths = [rng.choice((1, 3, 9, 30, 64, 65, 200)) for _ in range(n)]
    return ["".join(rng.choices(letters[: rng.choice((2, 4, 10))], k=length)) for length in lengths]


KINDS = {
    "normal": (NORMAL,),
    "user-defined": (NORMAL, USER_DEFINED),
    "unused": (NORMAL, UNUSED),
    "all": (NORMAL, USER_DEFINED, UNUSED),
}


@pytest.mark.parametrize("byte_fallback", [False, True])
@pytest.mark.parametrize("kinds", KINDS.values(), ids=KINDS)
def test_ids_equal_the_oracle_and_sentencepiece(kinds, byte_fallback):
    rng = random.Random(f"{kinds} {byte_fallback}")
    for _ in range(25):
        rows = random_rows(rng, byte_fallback, kinds)
        tok = make_tokenizer(rows, byte_fallback)
        theirs = sentencepiece.SentencePieceProcessor()
        theirs.LoadFromSerializedProto(sentencepiece_file.write(rows, byte_fallback, sentencepiece_file.BPE))
        texts = random_texts(rng, 12)
        expected = [encode_naively(rows, text, byte_fallback) for text in texts]
        ids = [[i for i, _ in row] for row in expected]
        assert theirs.encode(texts) == ids
        assert [tok.encode(text).tolist() for text in texts] == ids
        assert tok.encode_batch(texts, workers=2).to_list() == ids
        for text, row in zip(texts[:4], expected, strict=False):
            spans = tok.encode_with_offsets(text).byte_spans
            assert [text.encode()[start:end] for start, end in spans.tolist()] == [part for _, part in row]


def test_rows_are_split_into_pretokens_and_unknown_runs_are_fused_across_them():
    rows = [("<unk>", 0.0, UNKNOWN), ("▁", -1.0, NORMAL), ("a", -2.0, NORMAL), ("▁a", -3.0, NORMAL)]
    whole, split = make_tokenizer(rows, False), make_tokenizer(rows, False, ft.MarkRuns())
    for text in ("▁aa▁xy▁a", "xx", "x▁xx▁▁", "a😀東▁a" * 30):
        assert whole.encode(text).tolist() == split.encode(text).tolist()
    words = ft.Tokenizer(whole.model, "whitespace_split", {"<unk>": 0})
    encoding = words.encode_with_offsets("a xx yy a")
    assert encoding.ids.tolist() == [2, 0, 2]
    assert encoding.byte_spans.tolist() == [[0, 1], [2, 7], [8, 9]]
    assert words.encode_batch(["x", "x x", "a x"]).to_list() == [[0], [0], [2, 0]]


def naive_merges(texts, scores, merges):
    """Return the merges between the texts in `merges`, sorted by rank, id and length of the left part."""
    ids = {text: i for i, text in enumerate(texts) if i in merges}
    rows, extra = [], set()
    for text, i in ids.items():
        for k in range(1, len(text)):
            parts = text[:k], text[k:]
            if all(part in ids or (len(part) == 1 and part not in texts) for part in parts):
                rows.append((np.float32(scores[i]), i, k, parts))
                extra.update(part for part in parts if part not in ids)
    at = ids | {character: len(texts) + k for k, character in enumerate(sorted(extra))}
    rows.sort(key=lambda row: (-row[0], *row[1:3]))
    distinct = sorted({row[0] for row in rows}, reverse=True)
    return (
        [[at[part] for part in parts] for *_, parts in rows],
        [i for _, i, *_ in rows],
        [distinct.index(score) for score, *_ in rows],
        "".join(sorted(extra)),
    )


@pytest.mark.parametrize("byte_fallback", [False, True])
def test_merges_by_score_equal_the_oracle(byte_fallback):
    rng = random.Random(4)
    for _ in range(20):
        rows = random_rows(rng, byte_fallback, KINDS["all"], n=30)
        texts = [text if kind not in (UNKNOWN, CONTROL) else "" for text, _, kind in rows]
        merges = {i for i, (*_, kind) in enumerate(rows) if kind in (NORMAL, UNUSED)}
        user_defined = [i for i, (*_, kind) in enumerate(rows) if kind == USER_DEFINED]
        scores = [score for _, score, _ in rows]
        found = merges_by_score(texts, scores, byte_fallback=byte_fallback, user_defined=user_defined)
        ours = (found.merges.tolist(), found.merge_ids.tolist(), found.merge_ranks.tolist())
        assert (*ours, found.extra_characters) == naive_merges(texts, scores, merges)


def test_scores_are_compared_in_single_precision():
    pieces = ["", "a", "b", "c", "ab", "bc", "cb"]
    for scores, ranks in {
        (1.0, 1.0 + 1e-9, 0.5): [0, 0, 1],
        (-0.0, 0.0, float("-inf")): [0, 0, 1],
        (1e300, float("inf"), 3e38): [0, 0, 1],
    }.items():
        found = merges_by_score(pieces, [float("nan")] * 4 + list(scores))
        assert found.merge_ids.tolist() == [4, 5, 6]
        assert found.merge_ranks.tolist() == ranks


def test_native_files_keep_all_options(tmp_path):
    rng = random.Random(7)
    for kinds in (KINDS["normal"], KINDS["all"]):
        rows = random_rows(rng, False, kinds)
        tok = make_tokenizer(rows, False)
        fields = tok.model.to_dict()
        assert "piece_ranks" in fields
        assert "merges" not in fields
        tok.save(tmp_path / "a.json")
        for other in (
            ft.load(tmp_path / "a.json"),
            pickle.loads(pickle.dumps(tok)),  # noqa: S301
        ):
            for name in ("merges", "merge_ids", "merge_ranks"):
                assert np.array_equal(getattr(other.model, name), getattr(tok.model, name))
            for name in ("user_defined", "unused", "extra_characters", "alphabet"):
                assert getattr(other.model, name) == getattr(tok.model, name)
            texts = random_texts(rng, 10)
            assert other.encode_batch(texts).to_list() == tok.encode_batch(texts).to_list()
        some = tok.model.merges[::2], tok.model.merge_ids[::2], tok.model.merge_ranks[::2]
        options = {"user_defined": tok.model.user_defined, "unused": tok.model.unused}
        options |= {"extra_characters": tok.model.extra_characters, "alphabet": tok.model.alphabet}
        fewer = BPEModel(tok.model.pieces, *some[:2], merge_ranks=some[2], **options)
        fields = json.loads(json.dumps(fewer.to_dict()))
        assert "piece_ranks" not in fields
        other = BPEModel.from_dict(fields)
        assert other.to_dict() == fewer.to_dict()
        assert other.merge_ranks.tolist() == some[2].tolist()


def merge_naively(symbols, merges):
    """Merge the symbols; `merges` maps a pair to its rank and its merged symbol."""
    while found := [merges.get(pair, (float("inf"),)) for pair in itertools.pairwise(symbols)]:
        best = min(found)[0]
        if best == float("inf"):
            break
        k = next(k for k, (rank, *_) in enumerate(found) if rank == best)
        symbols[k : k + 2] = [found[k][1]]
    return symbols


@pytest.mark.parametrize("alphabet", [ft.Bytes(), ft.Characters()])
def test_merges_with_ranks_equal_the_oracle(alphabet):
    rng = random.Random(9)
    for _ in range(20):
        pieces = [bytes([byte]) for byte in range(256)] if alphabet == ft.Bytes() else [b"a", b"b", b"c"]
        ids = [pieces.index(letter) for letter in (b"a", b"b", b"c")]
        merges = {}
        for _ in range(40):
            left, right = rng.choices(ids, k=2)
            joined = pieces[left] + pieces[right]
            if len(joined) < 9:
                merged = pieces.index(joined) if joined in pieces else len(pieces)
                if merged == len(pieces):
                    pieces.append(joined)
                    ids.append(merged)
                merges[left, right] = (rng.randrange(12), merged)
        model = ft.BPEModel(
            pieces,
            list(merges),
            [merged for _, merged in merges.values()],
            alphabet=alphabet,
            merge_ranks=[rank for rank, _ in merges.values()],
        )
        tok = ft.Tokenizer(model, "none")
        for _ in range(20):
            text = "".join(rng.choices("abc", k=rng.choice((3, 20, 64, 300))))
            expected = merge_naively([pieces.index(letter.encode()) for letter in text], merges)
            assert tok.encode(text).tolist() == expected


def test_dropout_splits_unused_pieces_and_fuses_unknown_runs():
    rng = random.Random(3)
    for byte_fallback in (False, True):
        for _ in range(10):
            rows = random_rows(rng, byte_fallback, KINDS["all"])
            tok = make_tokenizer(rows, byte_fallback)
            made = set(tok.model.merge_ids.tolist())
            for text in random_texts(rng, 10):
                if not tok.model.unused:
                    expected = tok.encode(text).tolist()
                    assert tok.encode(text, sampling=ft.Dropout(0, seed=1)).tolist() == expected
                none = tok.encode(text, sampling=ft.Dropout(1, seed=1)).tolist()
                some = tok.encode(text, sampling=ft.Dropout(0.3, seed=1)).tolist()
                assert not made.intersection(none)
                for ids in (none, some):
                    assert not tok.model.unused.intersection(ids)
                    assert (tok.model.unk_id, tok.model.unk_id) not in set(itertools.pairwise(ids))
                    if byte_fallback:
                        assert tok.decode(ids) == text


def test_ranks_of_merges_are_not_lost():
    pieces = [*(bytes([byte]) for byte in range(256)), b"ab", b"bc"]
    model = ft.BPEModel(pieces, [[97, 98], [98, 99]], merge_ranks=[1, 0])
    tok = ft.Tokenizer(model, "gpt2")
    assert tok.encode("abc").tolist() == [97, 257]
    for kind in ("gpt2", "tiktoken", "huggingface"):
        with pytest.raises(ft.ModelExportError, match="merge_ranks|every merge another rank"):
            tok.save("unused", format=kind)
    with pytest.raises(ValueError, match="without merge_ranks"):
        ft.BPETrainer(vocab_size=300, start=tok)


def test_tokenizers_with_extra_characters_are_compared():
    rows = [("<unk>", 0.0, UNKNOWN), ("xy", -1.0, NORMAL), ("xyx", -2.0, NORMAL)]
    tok = make_tokenizer(rows, False)
    other = make_tokenizer(rows[:2], False)
    assert tok.encode("xyxy").tolist() == [1, 1]
    assert ft.compare_tokenizers(tok, other, ft.Corpus.from_texts(["xyx"])) is not None


COMPATIBLE = ft.Characters(unk_id=0, compat="sentencepiece")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"merge_ranks": [0]}, "merges and merge_ranks must have the same length, not 2 and 1"),
        ({"merge_ranks": [0, -1]}, "merge_ranks must be a row of ids from 0"),
        ({"user_defined": [0]}, "user_defined contains id 0, which has no piece"),
        ({"user_defined": [1]}, "merge 0 has a byte piece or a user-defined piece, which never merge"),
        ({"unused": [9]}, "unused contains id 9, which has no piece"),
        ({"ignore_merges": True}, "cannot have ignore_merges"),
        ({"extra_characters": "a"}, "ids 1 and 5 have the same piece b'a'"),
        ({"alphabet": ft.Characters(unk_id=1, compat="sentencepiece")}, "unk_id 1 is the id of the piece"),
        ({"alphabet": ft.Characters(unk_id=0), "unused": [3]}, "unused needs alphabet=Characters"),
        ({"alphabet": ft.Characters(), "user_defined": [3]}, "user_defined needs alphabet=Characters"),
        (
            {"alphabet": ft.Characters(), "extra_characters": "x"},
            "extra_characters needs alphabet=Characters",
        ),
    ],
)
def test_invalid_models(options, message):
    pieces = ["", "a", "b", "ab", "aba"]
    with pytest.raises(ValueError, match=message):
        ft.BPEModel(pieces, [[1, 2], [3, 1]], **{"alphabet": COMPATIBLE} | options)


@pytest.mark.parametrize(
    ("pieces", "scores", "options", "message"),
    [
        (["a", "b"], [0], {}, "2 pieces but scores of shape"),
        (["a", "a"], [0, 0], {}, "ids 0 and 1 have the same piece"),
        (["a", "b", "ab"], [0, 0, float("nan")], {}, "the score of id 2, b'ab', is NaN"),
        ([b"\xff"], [0], {}, "is not UTF-8"),
        (["a\0"], [0], {}, "contains the character U\\+0000"),
        (["a"], [0], {"byte_fallback": True}, "256 of the 256 pieces for bytes are missing"),
        (["", "a"], [0, 0], {"user_defined": [0]}, "user_defined contains id 0, which has no piece"),
    ],
)
def test_invalid_scores(pieces, scores, options, message):
    with pytest.raises(ValueError, match=message):
        merges_by_score(pieces, scores, **options)


def test_alphabets_that_sentencepiece_does_not_have():
    for options in ({"fuse_unk": True}, {"drop_unk": True}, {"end_of_word_suffix": "</w>"}):
        with pytest.raises(ValueError, match=f'compat="sentencepiece" cannot have {next(iter(options))}'):
            ft.Characters(unk_id=0, compat="sentencepiece", **options)
    with pytest.raises(ValueError, match='compat="sentencepiece" needs unk_id'):
        ft.Characters(compat="sentencepiece")


def test_splitting_does_not_change_ids():
    rng = random.Random(12)
    n_split = 0
    for _ in range(60):
        rows = [
            row
            for row in random_rows(rng, False, KINDS["user-defined"])
            if "▁" not in row[0].lstrip("▁") or rng.random() < 0.01
        ]
        model = make_model(rows, False)
        splitting = find_splitting(model)
        crosses = any("▁" in text.lstrip("▁") for text, _, kind in rows if kind in (NORMAL, USER_DEFINED))
        if crosses:
            continue
        n_split += 1
        assert splitting == ft.MarkRuns("▁")
        whole, split = (ft.Tokenizer(model, step, {"<unk>": model.unk_id}) for step in ("none", splitting))
        texts = random_texts(rng, 20)
        assert whole.encode_batch(texts).to_list() == split.encode_batch(texts).to_list()
    assert n_split > 20
    for rows in ([("a▁", 0.0, NORMAL)], [("a▁", 0.0, USER_DEFINED), ("a b", 0.0, NORMAL)]):
        assert find_splitting(make_model([("<unk>", 0.0, UNKNOWN), *rows], False)) != ft.MarkRuns("▁")
