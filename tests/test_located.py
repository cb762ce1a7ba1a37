"""Ids and spans that the encoders of all models write, compared with the oracles.

FASTTOK_FUZZ multiplies the random Unigram models.
"""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

import fasttok as ft
from fasttok.models._cache import SPARE_IDS, PretokenCache
from fasttok.text._spans import list_spans
from fasttok.text.unicode._utf8 import locate_code_points
from tests import hostile, oracles
from tests.conftest import FUZZ
from tests.test_model_contract import CASES

BYTE_NAMES = [b"<0x%02X>" % byte for byte in range(256)]
# Each text occurs twice, so that the second time its pretokens are in the cache.
TEXTS = [
    b"",
    *[t.encode() for t in hostile.texts(120, seed=300)],
    *hostile.byte_strings(120, seed=301),
    b"",
] * 2


def encode(tok, rows, cache):
    """Return the ids of each row."""
    text = ft.Ragged.from_bytes(rows)
    out, offsets = np.empty(len(text.values) + SPARE_IDS, np.uint32), np.empty(len(rows) + 1, np.int64)
    spans = tok.pretokenizer.spans(text)
    n = tok.model.encoder.encode(text.values, text.offsets, spans, cache, out, offsets)
    return ft.Ragged(out[:n], offsets).to_list()


def encode_located(tok, rows, cache):
    """Return the ids of each row, each id with the start and end of its bytes in the row."""
    text = ft.Ragged.from_bytes(rows)
    n = len(text.values) + SPARE_IDS
    out, id_spans, offsets = (
        np.empty(n, np.uint32),
        np.empty((n, 2), np.int64),
        np.empty(len(rows) + 1, np.int64),
    )
    spans = tok.pretokenizer.spans(text)
    n = tok.model.encoder.encode_located(text.values, text.offsets, spans, cache, out, id_spans, offsets)
    assert n == offsets[-1]
    found = []
    for start, (a, b) in zip(text.offsets.tolist(), itertools.pairwise(offsets.tolist()), strict=False):
        found.append(list(zip(out[a:b].tolist(), *(id_spans[a:b] - start).T.tolist(), strict=True)))
    return found


# Slow reference encoders, one per model: for each pretoken of a row, the ids and the number of bytes of each.


def bytes_naively(model, pretokens):
    ids = {piece: i for i, piece in enumerate(model.pieces.to_bytes()) if piece}
    rows = zip(model.merges.tolist(), model.merge_ids.tolist(), strict=True)
    merges = {tuple(pair): (rank, merged) for rank, (pair, merged) in enumerate(rows)}
    for pretoken in pretokens:
        word = [ids[pretoken[i : i + 1]] for i in range(len(pretoken))]
        yield [(i, len(model.pieces[i])) for i in oracles.encode_word(word, merges)]


def characters_naively(model, pretokens):
    alphabet, made = model.alphabet, set(model.merge_ids.tolist())
    rows = zip(model.merges.tolist(), model.merge_ids.tolist(), strict=True)
    merges = {tuple(pair): (rank, merged) for rank, (pair, merged) in enumerate(rows)}
    symbols = {p: i for i, p in enumerate(model.pieces.to_bytes()) if p and i not in made}
    for pretoken in pretokens:
        yield oracles.encode_characters(
            pretoken,
            symbols,
            merges,
            prefix=alphabet.continuing_subword_prefix.encode(),
            suffix=alphabet.end_of_word_suffix.encode(),
            byte_ids=None if model.byte_ids is None else model.byte_ids.tolist(),
            unk_id=model.unk_id,
            fuse_unk=alphabet.fuse_unk,
        )


def scores_naively(model, pretokens):
    pieces = model.pieces.to_bytes()
    ids = {piece: i for i, piece in enumerate(pieces) if piece}
    byte_ids = None if model.byte_ids is None else [ids.pop(name) for name in BYTE_NAMES]
    ranks = zip(model.merge_ids.tolist(), model.merge_ranks.tolist(), strict=True)
    scores = {pieces[i]: -rank for i, rank in ranks}
    for pretoken in pretokens:
        yield oracles.encode_by_score(
            pretoken,
            ids,
            scores,
            unk_id=model.unk_id,
            byte_ids=byte_ids,
            user_defined=[pieces[i] for i in model.user_defined],
            unused=[pieces[i] for i in model.unused],
        )


def unigram_naively(model, pretokens, n_bytes):
    is_theirs = model.compat == "huggingface"
    scores = {p: float(s) for p, s in zip(model.pieces.to_bytes(), model.scores, strict=True) if p}
    ids = {piece: i for i, piece in enumerate(model.pieces.to_bytes()) if piece}
    byte_ids = [ids[name] for name in BYTE_NAMES] if model.byte_fallback else None
    if model.byte_fallback and not is_theirs:
        scores = {piece: score for piece, score in scores.items() if piece not in BYTE_NAMES}
    if model.compat == "sentencepiece":
        n_bytes = min(n_bytes, 4192)  # single precision for any length
    elif is_theirs or model.fewest_pieces:
        n_bytes = 4193
    per_piece = -1e6 if model.fewest_pieces else 0
    best = oracles.best_in_a_row(
        pretokens, n_bytes, {p: s + per_piece for p, s in scores.items()}, model.unk_score + per_piece
    )
    for pretoken in pretokens:
        tokens, n = [], 0
        follows = False
        while n < len(pretoken):
            piece = best.pop(0)
            n += len(piece)
            if piece in scores:
                tokens.append((ids[piece], len(piece)))
            elif byte_ids is not None and is_theirs:
                run, length = tokens.pop() if follows else ([], 0)
                tokens.append((run + [byte_ids[byte] for byte in piece], length + len(piece)))
            elif byte_ids is not None:
                tokens += [(byte_ids[byte], 1) for byte in piece]
            elif follows:
                tokens[-1] = (model.unk_id, tokens[-1][1] + len(piece))
            else:
                tokens.append((model.unk_id, len(piece)))
            follows = piece not in scores
        yield tokens
    assert not best


def wordpiece_naively(model, pretokens):
    prefix = model.continuing_subword_prefix
    names = [piece.decode() for piece in model.pieces.to_bytes()]
    ids = {name: i for i, name in enumerate(names) if name}
    for pretoken in pretokens:
        found = oracles.longest_matches(pretoken, ids, prefix, model.max_input_chars_per_word or 1 << 62)
        if found is None:
            yield [(model.unk_id, len(pretoken))]
            continue
        cut = [0] + [len(prefix)] * len(found)
        yield [(i, len(names[i].encode()) - less) for i, less in zip(found, cut, strict=False)]


def bytes_alone_naively(model, pretokens):
    for pretoken in pretokens:
        yield [(byte, 1) for byte in pretoken]


def units_naively(model, pretokens):
    ids = {unit: i for i, unit in enumerate(model.pieces.to_bytes()) if unit and i not in model.unused}
    byte_ids = None if model.byte_ids is None else [ids.pop(name) for name in BYTE_NAMES]
    user_defined = [model.pieces[i].tobytes() for i in model.user_defined]
    for pretoken in pretokens:
        if isinstance(model, ft.WordModel):
            units = [pretoken]
        else:
            units = [unit for unit, _ in oracles.symbols_of(pretoken, user_defined)]
        yield list(zip(*oracles.ids_of_units(units, ids, model.unk_id, byte_ids), strict=True))


def locate_naively(tok, row):
    model, text = tok.model, np.frombuffer(row, np.uint8)
    documents = ft.Ragged.from_bytes([row])
    found, _ = list_spans(tok.pretokenizer.spans(documents), text, documents.offsets)
    spans = [tuple(span) for span in found.tolist()]
    if model.needs_whole_rows:
        spans = [(0, len(row))] if row else []
    pretokens = [row[start:end] for start, end in spans]
    joined = None
    if isinstance(model, ft.BPEModel):
        if isinstance(model.alphabet, ft.Bytes):
            tokens = bytes_naively(model, pretokens)
        elif model.alphabet.compat == "sentencepiece":
            tokens = scores_naively(model, pretokens)
            joined = model.unk_id if model.byte_ids is None else None
        else:
            tokens = characters_naively(model, pretokens)
    elif isinstance(model, ft.UnigramModel):
        tokens = unigram_naively(model, pretokens, len(row))
        joined = model.unk_id if model.fuse_unk and not model.byte_fallback else None
    elif isinstance(model, ft.WordPieceModel):
        tokens = wordpiece_naively(model, pretokens)
    elif isinstance(model, ft.ByteModel):
        tokens = bytes_alone_naively(model, pretokens)
    else:
        tokens = units_naively(model, pretokens)
        joined = model.unk_id if model.fuse_unk else None
    return oracles.place_tokens(spans, list(tokens), joined)


def check(tok, rows, limit=1 << 16):
    cache = PretokenCache(limit)
    expected = {row: locate_naively(tok, row) for row in dict.fromkeys(rows)}
    for _ in range(2):  # first with an empty cache, then with a full one
        located = encode_located(tok, rows, cache)
        assert located == [expected[row] for row in rows]
        assert [[i for i, _, _ in row] for row in located] == encode(tok, rows, cache)
    assert encode_located(tok, rows[::-1], cache)[::-1] == located


def tokenizer_of(model, pretokenizer, special=None):
    unknown = {} if model.unk_id is None else {"<unk>": model.unk_id}
    return ft.Tokenizer(model, ft.get_pretokenizer(pretokenizer), unknown if special is None else special)


def train(case, **more):
    trainer, pretokenizer = case
    text = "It's the newest and the widest, naïve 東京 12345\n" * 5
    counts = ft.count_pretokens(ft.Corpus.from_texts([text]), pretokenizer)
    model, special, *_ = trainer.train(counts)
    return tokenizer_of(model, pretokenizer, {**special, **more})


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_model_on_hostile_text(case):
    tok = train(case)
    check(tok, TEXTS)
    check(tok, [b"the newest", b"", b"x", "é東".encode() * 30, b" the" * 700 + b" unthe"])
    assert encode_located(tok, [], PretokenCache(1 << 16)) == []
    assert encode_located(tok, [b"", b""], PretokenCache(1 << 16)) == [[], []]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_encode_with_offsets_equals_the_oracle(case):
    tok = train(case, **{"東<s>": 5000})
    for text in [*TEXTS[:242:3], "東<s>the東<s>東<s> x".encode()]:
        encoding = tok.encode_with_offsets(text)
        spans = encoding.byte_spans.tolist()
        assert [(i, *s) for i, s in zip(encoding.ids.tolist(), spans, strict=True)] == locate_naively(
            tok, text
        )
        assert encoding.char_spans.tolist() == oracles.locate_spans(text, spans)
        expected, start = [], 0
        for part in text.split("東<s>".encode()):
            expected += [(i, a + start, b + start) for i, a, b in locate_naively(tok, part)]
            start += len(part) + 6
            expected.append((5000, start - 6, start))
        encoding = tok.encode_with_offsets(text, special={"東<s>"})
        spans = encoding.byte_spans.tolist()
        assert [(i, *s) for i, s in zip(encoding.ids.tolist(), spans, strict=True)] == expected[:-1]


# Unigram: unknown characters and near ties, where spans do not follow from the ids


def random_pieces(rng, letters, n, longest=5):
    return sorted({"".join(rng.choices(letters, k=rng.randint(1, longest))) for _ in range(n)})


@pytest.mark.parametrize("compat", [None, "sentencepiece", "huggingface"])
def test_several_runs_of_unknown_characters_in_one_pretoken(compat):
    rng = random.Random(302)
    for _ in range(60):
        pieces = random_pieces(rng, "aab ", 4)
        scores = [-rng.randint(1, 99) / 7 for _ in pieces]  # their sums are rounded in single precision
        unk_id = rng.choice([0, 900])  # 900 is larger than the ids of all pieces
        model = ft.UnigramModel(["", *pieces], [0, *scores], unk_id=unk_id, compat=compat)
        tok = tokenizer_of(model, rng.choice(["none", "whitespace", "whitespace_split"]))
        texts = ["".join(rng.choices("aabé東x \t", k=rng.randint(1, 40))).encode() for _ in range(20)]
        check(tok, [*texts, b"a\xffb\xe6\x9dab", *texts[:3]])


@pytest.mark.parametrize("pretokenizer", ["whitespace", "whitespace_split", "none"])
def test_near_ties_in_short_rows_and_in_long_ones(pretokenizer):
    rng = random.Random(303)
    parts = ["a", "b", "-", " ", "----", "abab", "aaa", "é"]
    for _ in range(10 * FUZZ):
        pieces = random_pieces(rng, "ab -", 12, 6)
        scores = [-rng.randint(1, 99) / 7 for _ in pieces]
        model = ft.UnigramModel(["", *pieces], [0, *scores], unk_id=0)
        tok = tokenizer_of(model, pretokenizer)
        texts = ["".join(rng.choices(parts, k=n)).encode()[:n] for n in (3, 10, 100, 1000, 4192, 4193)]
        check(tok, [*texts, *texts[::-1]])
        # Scores so far from zero that rounding in single precision matters.
        far = ft.UnigramModel(["", *pieces], [0, *[s - 40 for s in scores]], unk_id=0)
        check(tokenizer_of(far, pretokenizer), texts[:4])


def test_byte_pieces_whose_names_occur_in_the_text():
    names = [name.decode() for name in BYTE_NAMES]
    rng = random.Random(304)
    parts = ["<0x41>", "<0x61>", "A", "é", "a", " ", "<0x", "東"]
    for compat in (None, "sentencepiece", "huggingface"):
        model = ft.UnigramModel(
            ["", "a", "<0x", " ", *names], [0, -2, -3, -1] + [-5] * 256, compat=compat, byte_fallback=True
        )
        tok = tokenizer_of(model, "whitespace_split")
        check(tok, ["".join(rng.choices(parts, k=rng.randint(0, 12))).encode() for _ in range(200)])


def test_a_long_pretoken_with_many_runs():
    model = ft.UnigramModel(["", "aba"], [0, -1], unk_id=0)
    tok = tokenizer_of(model, "none")
    check(tok, [b"xabaxyaba" * 100, b"xabaxyaba" * 700, b"aba" * 2000])


def test_the_unknown_id_may_be_larger_than_the_ids_of_all_pieces():
    rows = [b"ab\xc3\xa9b", b"\xff\xe6", "東a東".encode(), b"a"]
    characters = ft.CharacterModel(["", "a", "b"], unk_id=70)
    check(tokenizer_of(characters, "none"), rows)
    pieces = ft.Ragged.from_bytes([b"a", b"b</w>", b"a</w>"])
    empty = np.empty((0, 2), np.uint32), np.empty(0, np.uint32)
    alphabet = ft.Characters(end_of_word_suffix="</w>", unk_id=70)
    marked = ft.BPEModel(pieces, *empty, alphabet=alphabet)
    check(tokenizer_of(marked, "none"), rows)


# Errors


def test_errors_name_the_same_position_as_encode():
    models = {
        "characters": ft.CharacterModel(["a", " "]),
        "words": ft.WordModel(["a", " a"]),
        "unigram": ft.UnigramModel(["a", " "], [-1, -1]),
        "sentencepiece": ft.UnigramModel(["a", " "], [-1, -1], compat="sentencepiece"),
        "wordpiece": ft.WordPieceModel(["a", "##a", " ", "## ", " a"]),
    }
    rows = [b"a a", b"", b"a aa ax a"]
    for name, model in models.items():
        tok = tokenizer_of(model, "gpt2")
        caught = []
        for function in (encode, encode_located):
            with pytest.raises(ft.UnknownCharacterError) as error:
                function(tok, [b"a a", *rows], PretokenCache(1 << 16))
            caught.append((error.value.document, error.value.position, str(error.value)))
        assert caught[0] == caught[1], name
        assert caught[0][0] == 3, name


# Spans in code points


def test_spans_in_code_points_equal_the_oracle():
    rng = random.Random(305)
    for text in [*TEXTS[:241], b"abc", b"abcdefgh" * 3, b"abcdefghijk\xc3\xa9", b"\x80" * 9]:
        # Spans with ascending starts and ends: some are empty, equal or nested.
        ends = sorted(rng.choices(range(len(text) + 1), k=20))
        starts = sorted(rng.choices(range(len(text) + 1), k=20))
        spans = np.sort(np.array([starts, ends], np.int64).T, axis=1).copy()
        out = np.empty_like(spans)
        locate_code_points(np.frombuffer(text, np.uint8), spans, out)
        assert out.tolist() == oracles.locate_spans(text, spans.tolist())


def test_tokens_from_the_same_characters_have_the_same_span():
    tok = ft.Tokenizer(ft.ByteModel(), ft.get_pretokenizer("none"), normalizer="nfc")
    encoding = tok.encode_with_offsets("xe\u0301y")
    assert encoding.byte_spans.tolist() == [[0, 1], [1, 2], [1, 2], [4, 5]]
    assert encoding.char_spans.tolist() == [[0, 1], [1, 2], [1, 2], [3, 4]]
