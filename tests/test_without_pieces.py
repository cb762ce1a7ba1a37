"""Special tokens that share their ids with pieces: plain text never becomes them unless it is allowed."""

from __future__ import annotations

import pickle
import random
import threading

import numpy as np
import pytest

import fasttok as ft
from fasttok.models.base import Model
from tests import huggingface_models as theirs
from tests.huggingface_models import load, read, texts
from tests.test_huggingface_models import encode_pretoken

BYTES = [bytes([byte]) for byte in range(256)]


def bpe(*pieces, merges, **options):
    """Return byte-level BPE whose first 256 pieces are the bytes."""
    return ft.BPEModel([*BYTES, *pieces], merges, **options)


MODELS = {
    "bytes": bpe("<s", "<s>", merges=[[60, 115], [256, 62]]),
    "bytes, whole pretokens": bpe("<s>", merges=[], ignore_merges=True),
    "characters": ft.BPEModel(
        ["<", "s", ">", "<s", "<s>", "a"],
        [[0, 1], [3, 2]],
        alphabet=ft.Characters(compat="huggingface", drop_unk=True),
    ),
    "characters without compat": ft.BPEModel(
        ["<", "s", ">", "<s", "<s>", "a"], [[0, 1], [3, 2]], alphabet=ft.Characters()
    ),
    "unigram": ft.UnigramModel(["<s>", "<unk>", "a", "s"], [-1, 0, -2, -3], unk_id=1, compat="huggingface"),
    "unigram without compat": ft.UnigramModel(["<s>", "", "a", "s"], [-1, 0, -2, -3], unk_id=1),
    "unigram like sentencepiece": ft.UnigramModel(
        ["<s>", "", "a", "s"], [-1, 0, -2, -3], unk_id=1, compat="sentencepiece"
    ),
    "wordpiece": ft.WordPieceModel(["[UNK]", "<s>", "a", "##<s>"], unk_id=0),
    "word": ft.WordModel(["<unk>", "<s>", "a"], unk_id=0),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_plain_text_becomes_a_special_token_only_if_allowed(model, tmp_path):
    i = model.pieces.to_bytes().index(b"<s>")
    unknown = {} if model.unk_id is None or len(model.pieces[model.unk_id]) else {"<unk>": model.unk_id}
    tok = ft.Tokenizer(model, "none", {"<s>": i, "</s>": 999, **unknown}, normalizer="nfkc")
    tok.save(tmp_path / "tok.json")
    again = pickle.loads(pickle.dumps(tok))  # noqa: S301
    for other in (tok, ft.load(tmp_path / "tok.json"), again):
        for text in ("<s>", "＜s＞", "<s>＜s＞"):  # NFKC makes <s> of ＜s＞
            ids = encode_in_all_ways(other, text, special="all")
            assert set(ids) == {i}
            for special in ("none", {"</s>"}, ["</s>"]):
                ids = encode_in_all_ways(other, text, special=special)
                assert i not in ids
                assert ids or model.alphabet.drop_unk
            assert set(encode_in_all_ways(other, text, special=["<s>"])) == {i}
        assert i not in encode_in_all_ways(other, "＜s＞", special="raise")
        with pytest.raises(ft.SpecialTokenError):
            other.encode("<s>", special="raise")
        for wrong in ("some", ["<x>"], b"<s>", 3):
            with pytest.raises((ValueError, TypeError), match="special|<x>"):
                other.encode("<s>", special=wrong)
        assert other.fingerprint() == tok.fingerprint()
        assert other.encode("a").tolist() == tok.encode("a", special="all").tolist()


def encode_in_all_ways(tok, text, special):
    ids = tok.encode(text, special=special).tolist()
    assert tok.encode(text, special=special, as_list=True) == ids
    assert tok.encode_with_offsets(text, special=special).ids.tolist() == ids
    assert tok.encode_batch([text] * 3, special=special).to_list() == [ids] * 3
    assert tok.encode_batch([text] * 3, special=special, as_list=True) == [ids] * 3
    assert [row.tolist() for row in tok.encode_batch([text.encode()], special=special)] == [ids]
    return ids


def test_the_model_itself_is_used_if_it_never_makes_the_pieces():
    # A piece that no merge makes, and an id without a piece.
    model = bpe("<s>", "", "ab", merges=[[97, 98, 258]][:0])
    assert model.without_pieces([256]) is model
    assert model.without_pieces([257, 10**6]) is model
    assert model.without_pieces([]) is model
    for other in MODELS.values():
        assert other.without_pieces([]) is other
    named = MODELS["characters"]
    assert named.without_pieces([3]) is not named
    alphabet = ft.Characters(compat="huggingface")
    assert (unused := ft.BPEModel(["a", "xyz"], [], alphabet=alphabet)).without_pieces([1]) is unused
    # Twice the same piece: text gets the last id.
    twice = ft.UnigramModel(["a", "a"], [-1, -2], compat="huggingface")
    assert twice.without_pieces([0]) is twice
    assert encode_pretoken(twice.without_pieces([1]), b"a") is None
    # The restricted model restricts no further.
    restricted = MODELS["word"].without_pieces([1])
    assert restricted.without_pieces([1]) is restricted
    assert encode_pretoken(restricted.without_pieces([2]), b"a") == [(0, (0, 1))]
    assert encode_pretoken(MODELS["word"], b"<s>") == [(1, (0, 3))]


def test_single_bytes_of_byte_level_models_are_always_used():
    model = bpe("!!", merges=[[33, 33]])
    tok = ft.Tokenizer(model, "none", {"!": 33, "!!": 256})
    assert tok.encode("a!!!").tolist() == [97, 33, 33, 33]
    assert tok.encode("a!!!", special="all").tolist() == [97, 256, 33]


def test_merges_of_excluded_pieces_do_not_apply():
    model = MODELS["bytes"]
    restricted = model.without_pieces([256])  # <s
    assert [i for i, _ in encode_pretoken(restricted, b"<s>")] == [60, 115, 62]
    assert [i for i, _ in encode_pretoken(model.without_pieces([257]), b"<s>")] == [256, 62]
    long = b"<s>" * 100
    assert [i for i, _ in encode_pretoken(model.without_pieces([257]), long)] == [256, 62] * 100


def test_bytes_that_byte_fallback_needs():
    names = [*theirs.BYTES, "a"]
    word = ft.WordModel(names, byte_fallback=True)
    unigram = ft.UnigramModel(names, [-1] * 257, byte_fallback=True)
    characters = ft.BPEModel(names, [], alphabet=ft.Characters(byte_fallback=True))
    for model in (word, unigram, characters):
        assert encode_pretoken(model.without_pieces([256]), b"a") == [(97, (0, 1))]
        with pytest.raises(ValueError, match="byte fallback needs the piece b'<0x41>'"):
            model.without_pieces([65])
        with pytest.raises(ValueError, match="a special token must not have its id 65"):
            ft.Tokenizer(model, "none", {"<0x41>": 65})
    # As in tokenizers, a character whose bytes have no ids is unknown.
    alphabet = ft.Characters(byte_fallback=True, unk_id=256, compat="huggingface")
    model = ft.BPEModel([*theirs.BYTES, "<unk>"], [], alphabet=alphabet).without_pieces([0xC3])
    assert encode_pretoken(model, "xéx".encode()) == [(120, (0, 1)), (120, (1, 2)), (256, (2, 4))]
    unigram = ft.UnigramModel(
        [*theirs.BYTES, "<unk>"], [-1] * 257, unk_id=256, byte_fallback=True, compat="huggingface"
    )
    assert encode_pretoken(unigram.without_pieces([0xC3]), "é".encode()) == [(256, (0, 2))]


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece", "wordlevel"])
def test_random_models_never_use_excluded_pieces(kind):
    for seed in range(20):
        rng = random.Random(seed)
        fields, letters = getattr(theirs, f"random_{kind}")(rng)
        model = read(fields).model
        n = len(model.pieces)
        excluded = {i for i in range(n) if len(model.pieces[i]) and rng.random() < 0.2} - {model.unk_id}
        restricted = model.without_pieces(excluded)
        names = [piece.decode() for piece in model.pieces.to_bytes()]
        for text in texts(rng, letters, names):
            located = encode_pretoken(restricted, text.encode())
            if located is not None:
                ids = {i for i, _ in located}
                assert not ids & excluded
                before = encode_pretoken(model, text.encode())
                if before is None or kind == "bpe":
                    continue
                # Without its longest piece, WordPiece may find a way where it found none before.
                if not {i for i, _ in before} & (excluded | {model.unk_id}):
                    assert located == before
        assert restricted.pieces is model.pieces
        assert restricted.to_dict() == model.to_dict()


def test_loaded_files_encode_as_tokenizers_with_all_special_tokens():
    vocab = {"[UNK]": 0, "<s>": 1, "a": 2}
    fields = {"type": "WordLevel", "unk_token": "[UNK]", "vocab": vocab}
    added = [
        {"id": 1, "content": "<s>", "special": True, "normalized": False}
        | dict.fromkeys(("single_word", "lstrip", "rstrip"), False)
    ]
    reference = load(
        fields, added_tokens=added, normalizer={"type": "NFKC"}, pre_tokenizer={"type": "WhitespaceSplit"}
    )
    model = read(fields).model
    tok = ft.Tokenizer(model, "whitespace_split", {"<s>": 1}, normalizer="nfkc")
    for text in ("<s> a ＜s＞", "＜s＞＜s＞ [UNK]", "a<s>a"):
        assert tok.encode(text, special="all").tolist() == reference.encode(text).ids
    assert tok.encode("<s> a ＜s＞").tolist() == [0, 2, 0]


class Letters(Model):
    is_lossless = False

    def __init__(self, letters):
        self.letters = letters
        self.pieces = ft.Ragged.from_bytes([letter.encode() for letter in letters])

    def encode_pretoken(self, pretoken):
        return [self.letters.index(letter) for letter in pretoken.decode()]

    def to_dict(self):
        return {"kind": self.kind, "letters": self.letters}

    @classmethod
    def from_dict(cls, fields):
        return cls(fields["letters"])


class RestrictableLetters(Letters):
    def without_pieces(self, ids):
        return Letters("".join("?" if i in ids else letter for i, letter in enumerate(self.letters)))

    def encode_pretoken(self, pretoken):
        return [max(self.letters.find(letter), 0) for letter in pretoken.decode()]


def test_custom_models():
    with pytest.raises(
        ValueError, match=r"cannot encode without the piece b'b'; it must define without_pieces"
    ):
        ft.Tokenizer(Letters("ab"), "none", {"b": 1})
    tok = ft.Tokenizer(RestrictableLetters("?ab"), "none", {"b": 2})
    assert tok.encode("ab", special="all").tolist() == [1, 2]
    with pytest.raises(ValueError, match="substring not found"):
        tok.encode("ab")


def test_dropout_and_sampling_use_the_restricted_model():
    tok = ft.Tokenizer(MODELS["bytes"], "none", {"<s>": 257})
    for epoch in range(20):
        ids = tok.encode("<s>" * 5, sampling=ft.Dropout(0.1, seed=1, epoch=epoch))
        assert 257 not in ids
    unigram = ft.Tokenizer(MODELS["unigram"], "none", {"<s>": 0})
    for epoch in range(20):
        assert 0 not in unigram.encode("a<s>a", sampling=ft.Sampling(0.5, seed=1, epoch=epoch))


def test_many_sets_of_tokens_on_several_threads():
    names = [f"<{i}>" for i in range(20)]
    model = ft.WordModel(["<unk>", *names], unk_id=0)
    tok = ft.Tokenizer(model, "whitespace_split", {name: i + 1 for i, name in enumerate(names)})
    text, failures = " ".join(names), []

    def encode(seed):
        rng = random.Random(seed)
        for _ in range(60):
            allowed = {name for name in names if rng.random() < 0.5}
            expected = [i + 1 if name in allowed else 0 for i, name in enumerate(names)]
            if tok.encode(text, special=allowed).tolist() != expected:
                failures.append(allowed)

    threads = [threading.Thread(target=encode, args=[seed]) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_training_continues_without_special_tokens_in_text():
    start = ft.Tokenizer(MODELS["bytes"], "none", {"<s>": 257})
    counts = ft.count_pretokens(ft.Corpus.from_texts(["<s>x"] * 5), "none")
    with pytest.warns(UserWarning, match="seem to contain the text of the special token '<s>'"):
        tok = ft.train(counts, vocab_size=260, start=start)
    assert [bytes(tok.pieces[i]) for i in (258, 259)] == [b">x", b"<s>x"]
    assert 257 not in tok.encode("<s>x")


def test_unknown_tokens_that_are_pieces():
    for model in (ft.CharacterModel(["a", "b"], unk_id=1), ft.WordModel(["a", "b"], unk_id=1)):
        tok = ft.Tokenizer(model, "whitespace_split")
        encoding = tok.encode_with_offsets("a b é")
        assert encoding.ids.tolist() == [0, 1, 1]
        assert encoding.byte_spans.tolist() == [[0, 1], [2, 3], [4, 6]]
        assert tok.decode(encoding.ids, skip_special_tokens=True).count("b") == 2
    with pytest.raises(ValueError, match="no piece and no added token has this id"):
        ft.Tokenizer(ft.WordModel(["a"], unk_id=3), "none")
    tok = ft.Tokenizer(ft.WordModel(["a"], unk_id=3), "none", {ft.AddedToken("[UNK]"): 3})
    assert tok.encode("b").tolist() == [3]
    assert tok.unk_id == 3


def test_the_vocabulary_of_shared_ids():
    model = ft.WordModel(["a", "<s>", "", "b"])
    tok = ft.Tokenizer(model, "none", {"<s>": 1, "<t>": 6, ft.AddedToken("b"): 3})
    assert tok.pieces.to_bytes() == [b"a", b"<s>", b"", b"b", b"", b"", b"<t>"]
    assert [tok.piece_to_id(piece) for piece in ("a", "<s>", "b", "<t>")] == [0, 1, 3, 6]
    assert np.diff(tok.pieces.offsets).tolist() == [1, 3, 0, 1, 0, 0, 3]
    with pytest.raises(ValueError, match="'<t>' has id 1, which is already the id of the piece b'<s>'"):
        ft.Tokenizer(model, "none", {"<t>": 1})
