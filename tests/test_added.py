"""Added tokens, with every flag, before and after normalization, compared with `tokenizers`."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pytest
import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers

import fasttok as ft
from fasttok.core.component import allowing_imports
from fasttok.text.unicode.byte_alphabet import CHARACTER_OF_BYTE
from tests import oracles
from tests.conftest import FUZZ

FLAGS = ("special", "lstrip", "rstrip", "single_word", "normalized")
COMBINATIONS = [dict(zip(FLAGS, bits, strict=True)) for bits in itertools.product([False, True], repeat=5)]
# Few letters, so that tokens often overlap, are prefixes of each other, and have neighbours of all kinds.
LETTERS = ["a", "b", "A", " ", " ", "\t", "\u00a0", "é", "_", "1", "<", "東", "\u0301", "-"]
NORMALIZERS = {
    None: None,
    "lowercase": normalizers.Lowercase(),
    "nfd": normalizers.NFD(),
}


UNKNOWN_TOKEN = {ft.AddedToken("<unk>", special=True): 4}


def random_letters(rng: np.random.Generator) -> str:
    """Return a few letters. Texts of few letters contain many tokens of the same letters."""
    return "".join(LETTERS[i] for i in rng.integers(0, len(LETTERS), rng.integers(2, 5)))


def random_text(rng: np.random.Generator, letters: str, maximum: int, minimum: int = 0) -> str:
    return "".join(letters[i] for i in rng.integers(0, len(letters), rng.integers(minimum, maximum + 1)))


def random_tokens(rng: np.random.Generator, letters: str) -> list[ft.AddedToken]:
    texts = dict.fromkeys(random_text(rng, letters, 4, 2) for _ in range(rng.integers(1, 7)))
    return [ft.AddedToken(text, **COMBINATIONS[rng.integers(0, 32)]) for text in texts]


def ours(tokens: list[ft.AddedToken], normalizer: str | None) -> ft.Tokenizer:
    ids = {token: 256 + i for i, token in enumerate(tokens)}
    return ft.Tokenizer(ft.ByteModel(), "none", ids, normalizer=normalizer)


def theirs(tokens: list[ft.AddedToken], normalizer: str | None) -> tokenizers.Tokenizer:
    vocabulary = {character: byte for byte, character in CHARACTER_OF_BYTE.items()}
    peer = tokenizers.Tokenizer(models.BPE(vocabulary, []))
    peer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    peer.decoder = decoders.ByteLevel()
    if normalizer is not None:
        peer.normalizer = NORMALIZERS[normalizer]
    for token in tokens:
        flags = {flag: getattr(token, flag) for flag in FLAGS}
        added = tokenizers.AddedToken(token.text, **flags)
        (peer.add_special_tokens if token.special else peer.add_tokens)([added])
    return peer


def encode_with(peer: tokenizers.Tokenizer, text: str) -> tokenizers.Encoding | None:
    """Encode a text; None if the library panics, for example if a token includes all of the next token."""
    try:
        return peer.encode(text, add_special_tokens=False)
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        return None


def test_ids_and_offsets_are_those_of_tokenizers():
    rng = np.random.default_rng(13)
    n_found = n_cases = 0
    while n_cases < 2000 * FUZZ:
        letters = random_letters(rng)
        tokens = random_tokens(rng, letters)
        normalizer = list(NORMALIZERS)[rng.integers(0, 3)]
        tok, peer = ours(tokens, normalizer), theirs(tokens, normalizer)
        for text in [random_text(rng, letters, 14) for _ in range(10)]:
            for special, reads_specials in (("all", False), ("none", True)):
                peer.encode_special_tokens = reads_specials
                expected = encode_with(peer, text)
                if expected is None:
                    continue
                case = (text, tokens, normalizer, special)
                encoding = tok.encode_with_offsets(text, special=special)
                assert encoding.ids.tolist() == expected.ids, case
                assert tok.encode(text, special=special, as_list=True) == expected.ids, case
                if normalizer is None:
                    assert [tuple(span) for span in encoding.char_spans.tolist()] == expected.offsets, case
                n_found += sum(i >= 256 for i in expected.ids)
            n_cases += 1
    assert n_found > 2000 * FUZZ


def test_a_set_of_allowed_special_tokens_against_the_oracle():
    rng = np.random.default_rng(14)
    for _ in range(1500):
        letters = random_letters(rng)
        tokens = random_tokens(rng, letters)
        tokens = [ft.AddedToken(t.text, t.special, t.lstrip, t.rstrip, t.single_word, False) for t in tokens]
        names = [(t.text, t.text, frozenset(f for f in FLAGS if getattr(t, f))) for t in tokens]
        allowed = frozenset(t.text for t in tokens if t.special and rng.random() < 0.5)
        tok, text = ours(tokens, None), random_text(rng, letters, 16)
        ids = {token.text: i for token, i in tok.added_tokens.items()}
        expected: list[int] = []
        last = 0
        for start, stop, name in oracles.find_added(text, names, allowed):
            expected += [*text[last:start].encode(), ids[name]]
            last = stop
        expected += text[last:].encode()
        assert tok.encode(text, special=allowed).tolist() == expected, (text, tokens, allowed)


def test_batches_give_the_ids_of_single_texts():
    rng = np.random.default_rng(15)
    for normalizer in NORMALIZERS:
        letters = random_letters(rng)
        tokens = random_tokens(rng, letters)
        tok = ours(tokens, normalizer)
        texts = [random_text(rng, letters, 30) for _ in range(300)]
        for special in ("none", "all", [t.text for t in tokens if t.special][:1]):
            rows = [tok.encode(text, special=special).tolist() for text in texts]
            assert tok.encode_batch(texts, special=special).to_list() == rows
            assert tok.encode_batch(texts, special=special, as_list=True, workers=1) == rows


UNKNOWN_LETTERS = ft.BPEModel(
    [b"a", b"b", b" ", b"ab", b""], [[0, 1]], alphabet=ft.Characters(unk_id=4, fuse_unk=True)
)


@pytest.mark.parametrize("model", [ft.ByteModel(), UNKNOWN_LETTERS], ids=["bytes", "fused unknown tokens"])
def test_every_way_of_encoding_gives_the_same_ids(model):
    """The ids of `encode_with_offsets`, for which text is prepared first, are those of the direct ways."""
    rng = np.random.default_rng(21)
    first = max(256, len(model.pieces))
    n_raised = n_found = 0
    unknown = {} if model.unk_id is None else UNKNOWN_TOKEN
    for _ in range(20 * FUZZ):
        letters = random_letters(rng)
        tokens = random_tokens(rng, letters)
        ids = {token: first + i for i, token in enumerate(tokens)}
        tok = ft.Tokenizer(model, "gpt2", ids | unknown)
        specials = [token.text for token in tokens if token.special]
        some = specials[: rng.integers(0, 3)]
        texts = [random_text(rng, letters, 30) for _ in range(8)] + ["", letters * 400]
        texts += [text.encode() + b"\xff" for text in texts[:2]]
        for special in ("none", "all", "raise", some, tuple(some), set(some), frozenset(some)):
            rows = []
            for text in texts:
                try:
                    rows.append(tok.encode_with_offsets(text, special=special).ids.tolist())
                except ft.SpecialTokenError as error:
                    for encode, given in ((tok.encode, text), (tok.count, text), (tok.encode_batch, [text])):
                        with pytest.raises(ft.SpecialTokenError) as caught:
                            encode(given, special=special)
                        assert str(caught.value) == str(error)
                    n_raised += 1
                    break
                assert tok.encode(text, special=special).tolist() == rows[-1]
                assert tok.encode(text, special=special, as_list=True) == rows[-1]
                assert tok.count(text, special=special) == len(rows[-1])
                n_found += max(rows[-1], default=0) >= first
            few = texts[: len(rows)]
            assert tok.encode_batch(few, special=special).to_list() == rows
            assert tok.encode_batch(few, special=special, as_list=True) == rows
            assert tok.encode_batch(iter(few), special=special, workers=1).to_list() == rows
            assert tok.count_batch(few, special=special).tolist() == list(map(len, rows))
            assert tok.count_batch(iter(few), special=special).tolist() == list(map(len, rows))
    assert n_raised > 7
    assert n_found > 100


def test_a_long_text_is_counted_in_parts(monkeypatch):
    tok = ft.Tokenizer(UNKNOWN_LETTERS, "gpt2", {ft.AddedToken("<t>"): 5} | UNKNOWN_TOKEN)
    text = "ab é东é <t> a\n" * 50 + "é " * 300 + "x" * 500
    monkeypatch.setattr("fasttok.tokenizer.encode.SMALL_BATCH", 1)
    for special in ("none", "all"):
        n = len(tok.encode(text, special=special))
        for n_bytes in (1, 7, 100, 1 << 20):
            monkeypatch.setattr("fasttok.tokenizer.encode.BATCH_BYTES", n_bytes)
            assert tok.count(text, special=special) == n
            assert tok.count_batch([text, "", text], special=special).tolist() == [n, 0, n]


def test_a_new_set_at_every_call_makes_nothing_new(monkeypatch):
    made = []
    without_pieces = ft.BPEModel.without_pieces
    monkeypatch.setattr(
        ft.BPEModel, "without_pieces", lambda model, ids: made.append(ids) or without_pieces(model, ids)
    )
    model = ft.BPEModel([*(bytes([i]) for i in range(256)), b"ab", b"cd"], [[97, 98], [99, 100]])
    tokens = {ft.AddedToken(text, special=True): i for text, i in [("ab", 256), ("cd", 257), ("<s>", 258)]}
    tok = ft.Tokenizer(model, "gpt2", tokens)
    for _ in range(5):
        for special, ids in ((["ab"], [256, 99, 100]), ({"cd"}, [97, 98, 257]), ({"ab", "cd"}, [256, 257])):
            assert tok.encode("abcd", special=type(special)(special), as_list=True) == ids
            assert tok.encode("abcd", special=frozenset(special)).tolist() == ids
    assert len(made) == len(set(made)) <= 4
    names = ["ab", "cd", "<s>"]
    for n in range(4):  # more sets than are remembered
        for chosen in itertools.permutations(names, n):
            expected = [*([256] if "ab" in chosen else b"ab"), *([257] if "cd" in chosen else b"cd")]
            assert tok.encode("abcd", special=list(chosen), as_list=True) == expected


def test_a_long_document_is_not_cut_inside_a_token(tmp_path):
    tok = ft.train(ft.PretokenCounts.from_dict({"a": 1}), vocab_size=256)
    tok = tok.add_tokens(["<tool>", "ab", ft.AddedToken("<s>", special=True)])
    text = "a<tool>b ab <s> abab c " * 400_000
    (tmp_path / "long.txt").write_text(text)
    for special in ("none", "all"):
        ids = tok.encode(text, special=special)
        assert np.array_equal(tok.encode_files(tmp_path / "long.txt", special=special).values, ids)


def test_special_raise_names_the_first_special_token():
    tokens = [ft.AddedToken("<t>"), ft.AddedToken("<S>", special=True, normalized=True)]
    tok = ours(tokens, "lowercase")
    assert tok.encode("É<t>", special="raise").tolist() == [*"é".encode(), 256]
    with pytest.raises(ft.SpecialTokenError, match="'<S>' at byte 5 of document 0"):
        tok.encode("É<t><s>", special="raise")
    with pytest.raises(ft.SpecialTokenError, match="at byte 2 of document 1"):
        tok.encode_batch(["a", "É<S>"], special="raise")


def test_plain_text_never_becomes_a_special_token():
    tok = ours([ft.AddedToken("<s>", special=True), ft.AddedToken("s>", normalized=False)], None)
    assert tok.encode("<s>s>").tolist() == [*b"<s>", 257]
    assert tok.decode([256, 257], skip_special_tokens=True) == "s>"


def test_adding_tokens():
    tok = ft.train(ft.PretokenCounts.from_dict({"ab": 1}), vocab_size=258, special_tokens=["<s>"])
    more = tok.add_tokens(["<tool>", ft.AddedToken("<e>", special=True)])
    assert more.vocab_size == tok.vocab_size + 2
    assert more.special_tokens == {"<s>": 257, "<e>": 259}
    assert more.id_to_piece(258) == b"<tool>"
    assert more.piece_to_id("<tool>") == 258
    assert more.fingerprint() != tok.fingerprint()
    for twice, message in (
        (["<s>"], "is already in the vocabulary, with id 257"),
        (["ab"], "already in the vocabulary, with id 256"),
        (["xx", "xx"], "twice"),
    ):
        with pytest.raises(ValueError, match=message):
            more.add_tokens(twice)
    with pytest.raises(ValueError, match="'a' is given twice"):
        ft.Tokenizer(ft.ByteModel(), "none", {"a": 300, ft.AddedToken("a", special=True): 301})
    for wrong in ("one", b"one", {"a": 1}, 3, [b"x"], [""], [3], ft.AddedToken("x")):
        with pytest.raises((TypeError, ValueError)):
            more.add_tokens(wrong)


def test_an_added_token_may_share_the_id_of_its_piece():
    tok = ft.Tokenizer(ft.ByteModel(), "none", {ft.AddedToken("a"): 97})
    assert tok.encode("ba").tolist() == [98, 97]
    with pytest.raises(ValueError, match="cannot encode without the piece b'a'"):
        ft.Tokenizer(ft.ByteModel(), "none", {"a": 97})
    with pytest.raises(ValueError, match="has id 98, which is already the id of the piece"):
        ft.Tokenizer(ft.ByteModel(), "none", {ft.AddedToken("a"): 98})


@pytest.mark.parametrize("flags", COMBINATIONS, ids=str)
def test_files_pickles_and_fingerprints(flags, tmp_path):
    tok = ours([ft.AddedToken("<x> ", **flags), ft.AddedToken("é", special=True)], "lowercase")
    tok.save(tmp_path / "tok.json")
    with allowing_imports([]):
        again = ft.load(tmp_path / "tok.json")
    for other in (again, pickle.loads(pickle.dumps(tok))):  # noqa: S301
        assert other.added_tokens == tok.added_tokens
        assert other.fingerprint() == tok.fingerprint()
        assert (
            other.encode("a <x>  é", special="all").tolist() == tok.encode("a <x>  é", special="all").tolist()
        )


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        *((("",), ValueError), ((3,), ValueError), (("\ud800",), ft.TextError)),
        *((("a", "yes"), TypeError), (("a", True, 1), TypeError)),
    ],
)
def test_invalid_tokens(arguments, error):
    with pytest.raises(error):
        ft.AddedToken(*arguments)


def test_continued_training_keeps_added_tokens_and_the_decoder():
    counts = ft.PretokenCounts.from_dict({"abc": 3, "bcd": 2})
    start = ft.train(counts, vocab_size=258, special_tokens=["<s>"]).add_tokens(["<tool>"])
    start = ft.Tokenizer(start.model, start.pretokenizer, start.added_tokens, decoder="fuse")
    tok = ft.train(counts, start=start, vocab_size=261, special_tokens=["<e>"])
    assert tok.added_tokens.items() >= start.added_tokens.items()
    assert tok.special_tokens == {"<s>": 257, "<e>": 260}
    assert tok.given_decoder == start.given_decoder
    assert tok.encode("<tool>abc").tolist() == [258, 259]


def test_the_fingerprint_does_not_depend_on_the_order():
    tokens = {ft.AddedToken("<t>"): 256, ft.AddedToken("<u>", lstrip=True): 257}
    reordered = dict(reversed(tokens.items()))
    prints = {ft.Tokenizer(ft.ByteModel(), "none", t).fingerprint() for t in (tokens, reordered)}
    assert len(prints) == 1


def test_is_lossless_with_tokens_that_strip_white_space():
    tok = ft.Tokenizer(ft.ByteModel(), "none")
    assert tok.add_tokens(["<t>"]).is_lossless
    assert tok.add_tokens([ft.AddedToken("<t>", lstrip=True, special=True)]).is_lossless
    assert not tok.add_tokens([ft.AddedToken("<t>", rstrip=True)]).is_lossless


def set_part_size(monkeypatch, n_bytes):
    """Process documents in parts of about `n_bytes` bytes."""
    monkeypatch.setattr("fasttok.tokenizer.encode.PART_BYTES", n_bytes)
    monkeypatch.setattr("fasttok.tokenizer.encode.BATCH_BYTES", n_bytes)


WORDS = ft.UnigramModel(["\u2581", "a", "\u2581a"], [-2.0, -3.0, -1.0], unk_id=3)
UNKNOWN = {"<unk>": 3, "<s>": 4}
# Tokenizers whose ids at the end of a part could depend on the text of the next part.
SPLIT_CASES = {
    "rows of words": ft.Tokenizer(WORDS, ["whitespace_split", "metaspace"], UNKNOWN),
    "one row": ft.Tokenizer(WORDS, "metaspace", UNKNOWN),
    "segments": ft.Tokenizer(WORDS, ft.Metaspace(scope="segment"), {**UNKNOWN, ft.AddedToken("<t>"): 5}),
    "no prefix": ft.Tokenizer(WORDS, ft.Metaspace(scope="segment", add_dummy_prefix=False), UNKNOWN),
    "strip": ft.Tokenizer(ft.ByteModel(), "gpt2", {"<s>": 256}, normalizer=ft.Strip(scope="segment")),
}


@pytest.mark.parametrize("name", SPLIT_CASES)
def test_parts_of_a_document_give_the_ids_of_the_whole(name, monkeypatch):
    tok = SPLIT_CASES[name]
    rng = np.random.default_rng(21)
    pieces = ["a", " ", "  ", "\u2603", "<unk>", "<s>", "<t>", "aa "]
    texts = ["".join(rng.choice(pieces, 200).tolist()) for _ in range(20)] + ["\u2603 " * 400]
    for special in ("none", "all"):
        whole = [tok.encode(text, special=special).tolist() for text in texts]
        monkeypatch.undo()
        spans = [tok.encode_with_offsets(text, special=special).byte_spans for text in texts]
        for n_bytes in (7, 64):
            set_part_size(monkeypatch, n_bytes)
            assert tok.encode_batch(texts, special=special).to_list() == whole
            for text, ids, expected in zip(texts, whole, spans, strict=True):
                encoding = tok.encode_with_offsets(text, special=special)
                assert encoding.ids.tolist() == ids
                assert np.array_equal(encoding.byte_spans, expected)
    monkeypatch.undo()
    corpus = ft.Corpus.from_texts(texts)
    steps = (tok.pretokenizer, tok.normalizer)
    counts = [
        ft.count_pretokens(corpus, *steps, split_special=["<s>"], workers=1, batch_bytes=n)
        for n in (7, 1 << 20)
    ]
    assert counts[0].fingerprint() == counts[1].fingerprint()


def test_a_token_may_contain_any_character():
    tok = ft.Tokenizer(ft.ByteModel(), "none", {"a\0": 256, "\0": 257, "\U0010ffff": 258})
    data = "b\0aa\0\U0010ffff".encode() + b"\xff\xfe\0a\xff"
    assert tok.encode(data, special="all").tolist() == [98, 257, 97, 256, 258, 255, 254, 257, 97, 255]
    assert tok.decode_bytes(tok.encode(data, special="all")) == data
