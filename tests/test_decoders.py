"""Decoders against reference implementations and tokenizers, in batches, streams and files."""

from __future__ import annotations

import json
import pickle
import random
from dataclasses import dataclass

import numpy as np
import pytest
import tokenizers

import fasttok as ft
from fasttok.decoders.base import Filter
from fasttok.decoders.metaspace import Metaspace
from fasttok.decoders.registry import DECODERS
from fasttok.decoders.regroup import CTC, ByteFallback
from fasttok.decoders.sentencepiece import SentencePiece
from fasttok.decoders.sequence import Sequence
from fasttok.decoders.steps import Pieces, SpaceAfter, SpaceBefore
from fasttok.decoders.streaming import DecodingStream
from fasttok.decoders.text import TextDecoder
from fasttok.decoders.tokens import ByteLevel, Fuse, Join, MetaspaceTokens, Replace, Strip, Suffix
from fasttok.decoders.tokens import WordPiece as WordPieceDecoder
from tests import decoder_oracles as oracles

MARK = "▁".encode()
PARTS = ["▁", "a", "b", " ", "##", "</w>", "<0xE2>", "<0x96>", "<0x81>", "<0x4a>", "<0x4G>", ".", "'s", "n't"]
PARTS += [" do not", "' ", "é", "?"]
# Pieces that are not UTF-8, most of them parts of a ▁.
RAW = [MARK[:1], MARK[1:], MARK[2:], MARK[:2], b"\xff", b"a" + MARK[:1]]
ADDED = ["<s>", "</s>", "##x", "▁", "<▁>", ".", "</w>", "<0x41>", "a b"]

METASPACES = [
    {
        "name": "metaspace",
        "add_dummy_prefix": bool(n & 1),
        "remove_extra_whitespaces": bool(n & 2),
        "treat_whitespace_as_suffix": bool(n & 4),
    }
    for n in range(8)
]
CONFIGS = [
    [{"name": "byte_fallback"}],
    [{"name": "wordpiece"}],
    [{"name": "wordpiece", "clean_up": False}],
    [{"name": "wordpiece", "prefix": "a"}],
    [{"name": "suffix"}],
    [{"name": "suffix", "suffix": "a"}],
    [{"name": "fuse"}],
    *([step] for step in METASPACES),
    *([{"name": "byte_fallback"}, step] for step in METASPACES),
    [{"name": "byte_fallback"}, {"name": "fuse"}, METASPACES[3]],
    [{"name": "wordpiece"}, {"name": "suffix"}],
    [{"name": "suffix"}, {"name": "wordpiece", "prefix": "b"}, {"name": "byte_fallback"}],
    [{"name": "wordpiece"}, METASPACES[3]],
    [{"name": "suffix"}, METASPACES[5]],
    [{"name": "fuse"}, {"name": "wordpiece"}],
    [METASPACES[3], {"name": "suffix", "suffix": "a"}],
    [METASPACES[5], METASPACES[3], {"name": "fuse"}, {"name": "wordpiece", "clean_up": False}],
]


def make_vocabulary(seed):
    """Return a model with distinct pieces and two empty rows, and added tokens in and after these rows."""
    rng = random.Random(seed)
    pieces = {part.encode() for part in PARTS} | set(RAW)
    pieces |= {"".join(rng.choices(PARTS, k=rng.randint(2, 4))).encode() for _ in range(60)}
    rows = [b"", b"", *sorted(pieces)]
    ids = {token: len(rows) + i + (i > 3) for i, token in enumerate(ADDED[1:])}
    return ft.WordModel(rows), {ADDED[0]: 1} | ids


def draw_rows(model, added, seed, n=300):
    """Return random rows of ids, and the tokens of each row."""
    rng = random.Random(seed)
    pieces = dict(enumerate(model.pieces.to_bytes()))
    tokens = {i: (piece, False) for i, piece in pieces.items() if piece}
    tokens |= {i: (token.encode(), True) for token, i in added.items()}
    short = [i for i, (piece, _) in tokens.items() if len(piece) < 7]
    rows = [[]]
    for _ in range(n):
        row = rng.choices(list(tokens) if rng.random() < 0.5 else short, k=rng.randint(1, 9))
        if rng.random() < 0.5:
            row = [i for i in row if not tokens[i][1]]
        rows.append(row)
    return rows, [[tokens[i] for i in row] for row in rows]


def as_array(row):
    return np.array(row, np.int64)


def stream(decoder, row, rng):
    found = DecodingStream(decoder)
    cuts = sorted(rng.choices(range(len(row) + 1), k=rng.randint(0, 5)))
    parts = [found.push(as_array(row[a:b])) for a, b in zip([0, *cuts], [*cuts, len(row)], strict=True)]
    return b"".join([*parts, found.finish()])


def check_all_ways(decoder, rows, expected, seed=1):
    rng = random.Random(seed)
    assert [decoder.decode(as_array(row)) for row in rows] == expected
    batch = ft.Ragged.from_rows(rows, np.int64)
    assert decoder.decode_rows(batch) == expected
    assert decoder.decode_rows(ft.Ragged(batch.values.astype(np.uint32), batch.offsets)) == expected
    for row, text in zip(rows, expected, strict=True):
        assert stream(decoder, row, rng) == text
        assert stream(decoder, row, rng) == text


# Decoding


@pytest.mark.parametrize("steps", CONFIGS, ids=str)
def test_every_way_to_decode_matches_the_oracle(steps):
    for seed in range(2):
        model, added = make_vocabulary(seed)
        rows, tokens = draw_rows(model, added, seed)
        decoder = TextDecoder(ft.get_decoder(steps), model, added, [1])
        check_all_ways(decoder, rows, [oracles.decode(row, *steps) for row in tokens])
        kept = [
            [token for i, token in zip(row, given, strict=True) if i != 1]
            for row, given in zip(rows, tokens, strict=True)
        ]
        expected = [oracles.decode(row, *steps) for row in kept]
        assert [decoder.decode(as_array(row), True) for row in rows] == expected
        assert decoder.decode_rows(ft.Ragged.from_rows(rows, np.int64), True) == expected


@pytest.mark.parametrize("clean_up", [True, False])
def test_spaces_before_words(clean_up):
    names = ["un", "##able", "n't", "##.", "##'s", ".", "##", "do", "?x", "## ."]
    model, added = ft.WordPieceModel(["", *names]), {"<s>": 0, ".": 11, "▁": 12, "'m": 20}
    rows, tokens = draw_rows(model, added, 5, 1000)
    tokens = [
        [
            (text[2:], False, added) if not added and text[2:] and text[:2] == b"##" else (text, True, added)
            for text, added in row
        ]
        for row in tokens
    ]
    decoder = TextDecoder(SpaceBefore(clean_up), model, added)
    check_all_ways(decoder, rows, [oracles.decode_words(row, clean_up) for row in tokens])


def test_spaces_after_words():
    counts = ft.PretokenCounts.from_dict({"ab": 5, "ba": 4, "</w>": 3, "b": 1}, "whitespace_split")
    tok = ft.train(
        counts, vocab_size=14, units="character", end_of_word_suffix="</w>", special_tokens=["<s>"]
    )
    rows, _ = draw_rows(tok.model, tok.special_tokens, 6)
    expected = []
    for row in rows:
        text = b""
        for i in row:
            piece = tok.id_to_piece(i)
            ends = i < len(tok.model.pieces) and bool(tok.model.ends_word[i])
            text += piece[:-4] + b" " if ends else piece
        last = row and row[-1] < len(tok.model.pieces) and bool(tok.model.ends_word[row[-1]])
        expected.append(text[:-1] if last else text)
    assert tok.decoder == SpaceAfter()
    check_all_ways(tok.text_decoder(), rows, expected)


def test_streams_return_certain_bytes_at_once():
    model = ft.WordModel(["a</w>", "b", "▁", "▁b", "a</w>b</w>"])
    steps = DecodingStream(TextDecoder(Suffix(), model))
    assert [steps.push(as_array([i])) for i in (0, 0, 1, 4, 1)] == [b"a", b" a", b" b", b"a", b" b b"]
    assert steps.finish() == b""
    assert [steps.push(as_array([4])), steps.finish(), steps.push(as_array([1]))] == [b"a", b"b", b"b"]
    steps = DecodingStream(TextDecoder(Metaspace(treat_whitespace_as_suffix=True), model))
    assert [steps.push(as_array([i])) for i in (3, 2, 2)] == [b" b", b"", b" "]
    assert steps.finish() == b""


@pytest.mark.parametrize("steps", [CONFIGS[4], CONFIGS[15], CONFIGS[-1]], ids=str)
def test_bad_ids_leave_the_stream_unchanged(steps):
    model, added = make_vocabulary(0)
    decoder = TextDecoder(ft.get_decoder(steps), model, added)
    rows, _ = draw_rows(model, added, 8, 100)
    for bad in (-1, 0, decoder.n_ids, decoder.n_ids * 2 + 3):  # id 0 has no piece
        for row in rows:
            found = DecodingStream(decoder)
            parts = [found.push(as_array(row))]
            with pytest.raises(IndexError, match=f"id {bad} at position 1"):
                found.push(as_array([3, bad, 3]))
            parts += [found.push(as_array(row)), found.finish()]
            assert b"".join(parts) == decoder.decode(as_array(row * 2))
        with pytest.raises(IndexError, match=f"id {bad} at position 2 of row 3"):
            decoder.decode_rows(ft.Ragged.from_rows([[3], [], [3, 3], [3, 3, bad]], np.int64), True)


def test_ids_with_empty_text_are_in_use():
    model = ft.WordModel(["##", "a", "", "b"])
    decoder = TextDecoder(WordPieceDecoder(), model)
    assert decoder.decode(as_array([1, 0, 3])) == b"a b"
    assert decoder.decode_rows(ft.Ragged.from_rows([[0, 0], [1, 0]])) == [b"##", b"a"]
    for ids in ([0, 1, 2], [1, 0, 2]):
        with pytest.raises(IndexError, match="id 2 at position 2 is not in use"):
            decoder.decode(as_array(ids))


def test_an_empty_vocabulary():
    decoder = TextDecoder(ft.get_decoder("suffix"), ft.WordModel([]))
    assert (decoder.decode(as_array([])), decoder.decode_rows(ft.Ragged.from_rows([[], []]))) == (
        b"",
        [b""] * 2,
    )
    with pytest.raises(IndexError, match="outside the vocabulary of 0 ids"):
        decoder.decode(as_array([0]))


# Against tokenizers; tests/test_tokenizers_decoders.py has the other decoders


def test_metaspace_matches_tokenizers_after_a_plain_first_token():
    names = ["▁a", "b", "▁", "c▁d", "<0xE6>", "<0x9D>", "<0xB1>"]
    rng = random.Random(11)
    theirs = tokenizers.decoders.Sequence(
        [tokenizers.decoders.ByteFallback(), tokenizers.decoders.Metaspace()]
    )
    decoder = TextDecoder(ft.get_decoder(["byte_fallback", "metaspace"]), ft.WordModel(names))
    for _ in range(500):
        row = [
            rng.choice([0, 1]),
            *(i for _ in range(5) for i in rng.choice([[0], [1], [2], [3], [4, 5, 6]])),
        ]
        if row[:2] != [0, 2] or names[row[0]] != "▁":
            assert decoder.decode(as_array(row)).decode() == theirs.decode([names[i] for i in row])
    assert theirs.decode(["▁a▁b"]) == "ab"  # tokenizers removes every ▁ of the first token
    assert theirs.decode(["▁", "▁a"]) == " a"  # and none from other tokens
    row = ft.WordModel(["▁a▁b", "▁", "▁a"])
    assert TextDecoder(Metaspace(), row).decode(as_array([0])) == b"a b"
    assert TextDecoder(Metaspace(), row).decode(as_array([1, 2])) == b"a"


# Components


def test_decoders_compare_hash_and_pickle():
    every = [
        *(DECODERS.find(name)() for name in DECODERS if name != "replace"),
        Replace("a", "b"),
        Replace("", " "),
        Strip("é", 1, 2),
        MetaspaceTokens("_", "never"),
        CTC("[PAD]", "_", clean_up=False),
        SpaceBefore(clean_up=False),
        WordPieceDecoder("@", clean_up=False),
        Suffix("@@"),
        SentencePiece(False, unk="[UNK]", unk_surface="?", control=("<s>", "▁")),
        *(Metaspace(*map(bool, (n & 1, n & 2, n & 4))) for n in range(8)),
    ]
    every += [Sequence((ByteFallback(), step)) for step in every if not step.reads_model]
    for step in every:
        again = ft.get_decoder(json.loads(json.dumps(step.config())))
        assert again == step == pickle.loads(pickle.dumps(step)) == eval(repr(step), NAMES)  # noqa: S301, S307
        assert hash(again) == hash(step)
        assert (again.sees_first, again.sees_last, again.joins) == (
            step.sees_first,
            step.sees_last,
            step.joins,
        )
        assert step.without_clean_up().without_clean_up() == step.without_clean_up()
    assert len({repr(step) for step in every}) == len(set(every))
    assert WordPieceDecoder().config() == {"name": "wordpiece"}
    assert Sequence((ByteFallback(), Metaspace())).config() == {
        "name": "sequence",
        "steps": [{"name": "byte_fallback"}, {"name": "metaspace"}],
    }


NAMES = {
    kind.__name__: kind
    for kind in (
        *(ByteFallback, ByteLevel, CTC, Fuse, Join, Metaspace, MetaspaceTokens, Pieces, Replace, Sequence),
        *(SentencePiece, SpaceAfter, SpaceBefore, Strip, Suffix),
    )
} | {"WordPiece": WordPieceDecoder}


def test_sequences_are_flat():
    assert ft.get_decoder(["byte_fallback"]) == ByteFallback()
    nested = ft.get_decoder([["pieces", "suffix"], ("metaspace", {"name": "fuse"})])
    assert nested == Sequence((Pieces(), Suffix(), Metaspace(), Fuse()))
    assert ft.get_decoder(nested) is nested
    assert ft.get_decoder(None) is None


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("nonsense", ValueError, "no decoder is named 'nonsense'; the names are pieces, space_before"),
        ([], ValueError, "from 1 to 100 steps, not 0"),
        (["fuse"] * 101, ValueError, "from 1 to 100 steps, not 101"),
        (["fuse", None], TypeError, "must be a decoder, not None"),
        (
            ["fuse", "pieces"],
            ValueError,
            "Pieces\\(\\) takes its tokens from the model, so it must be the first",
        ),
        (7, TypeError, "must be a name, a list of steps, a configuration or a Decoder, not int"),
        ({}, ValueError, "not the configuration of a decoder"),
        ({"name": "replace", "pattern": "a"}, ValueError, "missing .* 'replacement'"),
        (
            {"name": "replace", "pattern": "a", "replacement": "", "dialect": "perl"},
            ValueError,
            "dialect must be",
        ),
        ({"name": "strip", "content": "ab"}, ValueError, "content must be one character, not 'ab'"),
        ({"name": "strip", "start": -1}, ValueError, "start must be at least 0, not -1"),
        ({"name": "strip", "stop": 1.5}, ValueError, "stop must be an integer"),
        ({"name": "ctc", "pad_token": None}, ValueError, "pad_token must be a str"),
        ({"name": "metaspace_tokens", "replacement": ""}, ValueError, "replacement must be one character"),
        ({"name": "metaspace_tokens", "prepend": "last"}, ValueError, "prepend must be"),
        ({"name": "suffix", "suffix": 7}, ValueError, "suffix must be a str"),
        ({"name": "wordpiece", "clean_up": 1}, ValueError, "clean_up must be True or False"),
        ({"name": "wordpiece", "cleanup": True}, ValueError, "not the configuration of a decoder"),
        (
            {"name": "metaspace", "add_dummy_prefix": None},
            ValueError,
            "add_dummy_prefix must be True or False",
        ),
        ({"name": "sequence"}, ValueError, "not the configuration of a decoder"),
        ({"name": "sequence", "steps": 7}, ValueError, "not the configuration of a decoder"),
        (
            {"name": "sequence", "steps": [{"name": "sequence", "steps": []}]},
            ValueError,
            "no decoder is named",
        ),
        ("fasttok.core.ragged:Ragged", ValueError, "fasttok.core.ragged:Ragged is not a decoder"),
    ],
)
def test_invalid_decoders(given, error, message):
    with pytest.raises(error, match=message):
        ft.get_decoder(given)


@pytest.mark.parametrize(
    ("pretokenizer", "model", "expected"),
    [
        ("gpt2", ft.WordModel(["a"]), Pieces()),
        ("bert", ft.WordModel(["a"]), SpaceBefore()),
        ("whitespace_split", ft.WordPieceModel(["a"]), SpaceBefore()),
        ("gpt2", ft.WordPieceModel(["a"]), Pieces()),
        ("bert", ft.CharacterModel(["a"]), Pieces()),
        ("metaspace", ft.WordModel(["a"]), Sequence((Pieces(), Metaspace()))),
        (
            [ft.Metaspace(add_dummy_prefix=False, split_by_whitespace=False), "script"],
            ft.WordModel(["a"]),
            Sequence((Pieces(), Metaspace(add_dummy_prefix=False))),
        ),
    ],
)
def test_derived_decoders(pretokenizer, model, expected):
    tok = ft.Tokenizer(model, pretokenizer)
    assert tok.decoder == expected
    assert tok.given_decoder is None
    again = ft.Tokenizer(model, pretokenizer, decoder=expected)
    assert again.is_lossless == tok.is_lossless
    assert again.fingerprint() != tok.fingerprint()


# Tokenizers with a custom decoder


class Swapped(Filter):
    """Replaces every ``ab`` of the text by ``ba``."""

    def __init__(self):
        self._held = b""

    def push(self, text):
        text = (self._held + text).replace(b"ab", b"ba")
        n = len(text) - text.endswith(b"a")
        text, self._held = text[:n], text[n:]
        return text

    def finish(self):
        held, self._held = self._held, b""
        return held


class Swap(ft.Decoder):
    sees_first = False
    sees_last = False

    def filter(self):
        return Swapped()


@dataclass(frozen=True)
class Louder(ft.Decoder):
    """Writes upper case, with a mark at both ends of the text."""

    mark: str = "!"

    def rewrite(self, token, *, is_first, is_last):
        mark = self.mark.encode()
        return mark * is_first + token.upper() + mark * is_last


class Wrong(ft.Decoder):
    def rewrite(self, token, *, is_first, is_last):
        return repr(token)


def bytes_tokenizer(decoder=None, **options):
    counts = ft.PretokenCounts.from_dict({"ab": 3})
    tok = ft.train(counts, vocab_size=259, special_tokens=["<ab>", "<s>"])
    special = tok.special_tokens
    return ft.Tokenizer(tok.model, tok.pretokenizer, special, {"a": 1}, decoder=decoder, **options)


def texts_of(tok, text, **options):
    ids = tok.encode(text, special="all")
    found = ft.StreamDecoder(tok)
    streamed = "".join([*map(found.push, ids), found.finish()])
    [batched] = tok.decode_batch([ids])
    assert tok.decode(ids) == streamed == batched
    return streamed


@pytest.mark.parametrize("decoder", [None, Louder("?"), Swap()])
@pytest.mark.parametrize("skip", [False, True])
def test_batches_of_long_rows(decoder, skip, monkeypatch):
    tok = bytes_tokenizer(decoder)
    rows = [tok.encode(text, special="all") for text in ("ab<ab>naïve a<s>", "a", "", "<s>b", "é" * 40)]
    expected = tok.decode_batch(rows, skip_special_tokens=skip)
    monkeypatch.setattr("fasttok.tokenizer.tokenizer.LONG_ROW", 1)
    assert tok.decode_batch(rows, skip_special_tokens=skip) == expected
    assert [tok.decode(row, skip_special_tokens=skip) for row in rows] == expected
    assert tok.decode_batch([]) == []
    with pytest.raises(IndexError, match="position 1 of row 1"):
        tok.decode_batch([[97] * 9, [97, 10**6] * 9])
    with pytest.raises(UnicodeDecodeError, match="row 2 of batch"):
        tok.decode_batch([[97] * 9, [97] * 9, [0xC3] * 9], errors="strict")


def test_custom_decoders(tmp_path):
    for decoder, text, expected in [
        (Swap(), "ab<ab>a b a", "ba<ab>a b a"),
        (Louder("?"), "ab<ab>naïve a", "?AB<ab>NAïVE A?"),
        (Louder(), "ab", "!AB!"),
        (Louder(), "<s>ab<s>", "<s>AB<s>"),
        (ft.get_decoder([Swap(), Louder()]), "aba<ab>b", "!BAA<ab>B!"),
        (ft.get_decoder([Louder("ab"), "pieces"][::-1]), "c", "abCab"),
    ]:
        tok = bytes_tokenizer(decoder)
        assert texts_of(tok, text) == expected
        assert tok.decoder == decoder
        assert not tok.is_lossless
        path = tmp_path / "tok.json"
        tok.save(path)
        fields = json.loads(path.read_text())
        assert (fields["version"], fields["decoder"]) == (2, decoder.config())
        again = ft.load(path, allow_import=["tests"])
        assert again.decoder == decoder
        assert texts_of(again, text) == expected
        assert again.fingerprint() == tok.fingerprint() != bytes_tokenizer().fingerprint()
        again.save(tmp_path / "again.json")
        assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
        with pytest.raises(ft.ModelFormatError, match='decoder: .*allow_import=\\["tests"\\]'):
            ft.load(path)
        copied = pickle.loads(pickle.dumps(tok))  # noqa: S301
        assert (copied.decoder, copied.fingerprint()) == (decoder, tok.fingerprint())
        framed = tok.with_template("<s> $A")
        assert framed.decoder == decoder
        assert framed.decode(framed.encode("ab")) == tok.decode(tok.encode("ab"))


def test_rewrite_must_return_bytes():
    with pytest.raises(TypeError, match="Wrong\\(\\) must return bytes for a token, not \"b'"):
        bytes_tokenizer(Wrong()).decode([97])
    with pytest.raises(TypeError, match="a decoder must be a name"):
        bytes_tokenizer(7)


def test_files_contain_a_decoder_only_if_it_was_given(tmp_path):
    bytes_tokenizer().save(tmp_path / "tok.json")
    fields = json.loads((tmp_path / "tok.json").read_text())
    assert fields["version"] == 1
    assert "decoder" not in fields
    bytes_tokenizer("pieces").save(tmp_path / "tok.json")
    fields = json.loads((tmp_path / "tok.json").read_text())
    assert list(fields).index("decoder") == list(fields).index("model") - 1
    assert fields["decoder"] == {"name": "pieces"}
    for bad, message in [
        (7, "must be a dict, not a int"),
        ({"name": "x"}, "no decoder is named 'x'"),
        (None, "NoneType"),
    ]:
        (tmp_path / "bad.json").write_text(json.dumps(fields | {"decoder": bad}))
        with pytest.raises(ft.ModelFormatError, match=f"decoder: .*{message}"):
            ft.load(tmp_path / "bad.json")


def test_offsets_do_not_depend_on_the_decoder():
    text = "ab<ab>naïve ab"
    expected = bytes_tokenizer().encode_with_offsets(text, special="all")
    for decoder in (Louder(), "pieces", "suffix", Swap()):
        found = bytes_tokenizer(decoder).encode_with_offsets(text, special="all")
        assert np.array_equal(found.ids, expected.ids)
        assert np.array_equal(found.byte_spans, expected.byte_spans)


def test_clean_up_of_a_given_decoder():
    tok = ft.Tokenizer(ft.WordPieceModel(["a", "##b", "."]), "bert", decoder=["wordpiece", "fuse"])
    assert [tok.decode([0, 1, 2], clean_up=given) for given in (True, False)] == ["ab.", "ab ."]
    assert tok.text_decoder(True) is not tok.text_decoder(False)
    tok = ft.Tokenizer(tok.model, "bert", decoder={"name": "wordpiece", "clean_up": False})
    assert tok.decode([0, 1, 2]) == "ab ."
    assert tok.text_decoder(True) is tok.text_decoder(False)
    with pytest.raises(TypeError, match="clean_up must be True or False"):
        tok.decode([0], clean_up=1)


def test_ctc_writes_spaces_between_words_without_clean_up():
    tok = ft.Tokenizer(ft.WordModel(["<pad>", "|", "l", "o"]), "none", decoder="ctc")
    assert tok.decode([2, 3, 1, 2, 3], clean_up=False) == tok.decode([2, 3, 1, 2, 3]) == "lo lo"
