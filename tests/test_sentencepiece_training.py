"""``compat="sentencepiece"`` of `BPETrainer`, compared with sentencepiece and with a naive oracle."""

from __future__ import annotations

import io
import random
import warnings

import pytest

import fasttok as ft
from tests import sentencepiece_training as oracle

# Names that differ in sentencepiece.
THEIR_NAMES = {
    "user_defined": "user_defined_symbols",
    "required_characters": "required_chars",
    "max_piece_length": "max_sentencepiece_length",
}


def train_theirs(lines, **options):
    sentencepiece = pytest.importorskip("sentencepiece")
    options = {THEIR_NAMES.get(name, name): value for name, value in options.items()}
    if options.get("character_coverage") == "auto":
        options |= {"character_coverage": 0.9995, "auto_character_coverage": True}
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        model_type="bpe",
        hard_vocab_limit=False,
        minloglevel=4,
        **options,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


def train_ours(lines, marks=None, normalizer="nmt_nfkc", **options):
    step = {"name": "metaspace", **(marks or {})}
    pretokenizer = step
    if options.get("allow_whitespace_only_pieces") and step.get("split_by_whitespace", True):
        pretokenizer = [step | {"split_by_whitespace": False}, "mark_runs"]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*no other pair occurs")
        return ft.train(
            ft.Corpus.from_texts(lines),
            compat="sentencepiece",
            pretokenizer=pretokenizer,
            normalizer=normalizer,
            workers=1,
            **options,
        )


def pieces_of(theirs):
    return [theirs.id_to_piece(i) for i in range(theirs.get_piece_size())]


def names_of(tok):
    return [tok.id_to_piece(i).decode() for i in range(tok.vocab_size)]


def test_pieces_and_ids_on_small_corpora():
    rng = random.Random(11)
    for _ in range(80):
        lines, options, marks, normalizer = oracle.make_case(rng)
        rules = {"sp_nfkc_cf": "nfkc_cf"}.get(normalizer, normalizer)
        theirs = train_theirs(lines, normalization_rule_name=rules, **marks, **options)
        ours = train_ours(lines, marks, normalizer, **options)
        assert names_of(ours) == pieces_of(theirs), (lines, options, marks, normalizer)
        text = " ".join(lines) + " zß<s>\u0301"
        assert ours.encode(text).tolist() == theirs.encode(text), (lines, options, marks, normalizer)


def test_pieces_equal_those_of_the_oracle():
    rng = random.Random(12)
    for _ in range(40):
        lines, options, marks, normalizer = oracle.make_case(rng)
        if options.get("character_coverage") == "auto":
            continue
        ours = train_ours(lines, marks, normalizer, **options)
        words = ft.count_pretokens(
            ft.Corpus.from_texts(lines), ours.pretokenizer, normalizer, workers=1
        ).to_dict()
        words = {word.decode(): n for word, n in words.items()}
        rules = {
            name: marks[name]
            for name in marks
            if name in ("split_by_whitespace", "treat_whitespace_as_suffix")
        }
        options = {name: tuple(v) if isinstance(v, list) else v for name, v in options.items()}
        assert names_of(ours) == oracle.learn_pieces(words, oracle.Options(**rules, **options)), (
            lines,
            options,
        )


@pytest.mark.parametrize(
    ("file", "n_lines", "options"),
    [
        ("prose/tinyshakespeare.txt", 8000, {"vocab_size": 2000}),
        ("prose/wagahai.txt", 400, {"vocab_size": 3000, "byte_fallback": True}),
        ("languages/km.txt", 150, {"vocab_size": 1000, "character_coverage": 0.99}),
        ("code/go.txt", 3000, {"vocab_size": 1500, "split_digits": True, "user_defined": ["func", "\t"]}),
    ],
)
def test_pieces_and_ids_on_real_text(shared, file, n_lines, options):
    lines = (shared / "data" / file).read_text().split("\n")[:n_lines]
    lines = [line for line in lines if len(line.encode()) <= 4192]  # sentencepiece skips the others
    theirs, ours = train_theirs(lines, **options), train_ours(lines, **options)
    assert names_of(ours) == pieces_of(theirs)
    for line in lines[:300]:
        ids = ours.encode(line).tolist()
        assert ids == theirs.encode(line)
        assert ours.decode(ids) == theirs.decode(ids)


def test_defaults_and_roles():
    tok = train_ours(["low lower lowest"], vocab_size=20)
    assert tok.special_tokens == {"<unk>": 0, "<s>": 1, "</s>": 2}
    assert tok.role_ids == {"unk": 0, "bos": 1, "eos": 2}
    assert tok.normalizer.config() == {"name": "nmt_nfkc"}
    by_default = ft.train(ft.Corpus.from_texts(["low lower lowest"]), compat="sentencepiece", vocab_size=20)
    assert by_default.fingerprint() == tok.fingerprint()
    assert tok.decode(tok.encode("lo x")) == "lo  ⁇ "
    trained = tok.provenance["trainer"]
    assert (trained["character_coverage"], trained["max_piece_length"]) == (0.9995, 16)
    order = ["<pad>", "</s>", "<unk>"]  # as in T5
    assert train_ours(["low lower"], vocab_size=12, special_tokens=order).role_ids == {
        "pad": 0,
        "eos": 1,
        "unk": 2,
    }
    assert train_ours(["low lower"], vocab_size=12, special_tokens=["<x>"], unk="?").special_tokens == {
        "?": 0,
        "<x>": 1,
    }


def test_user_defined_pieces_are_found_before_the_normalizer():
    lines = ["ＡＢ ab ab  x"]
    options = {"vocab_size": 30, "user_defined": ["ＡＢ", "b  x"]}
    ours, theirs = train_ours(lines, **options), train_theirs(lines, **options)
    assert names_of(ours) == pieces_of(theirs)
    for text in ("ＡＢ ab", "ab  x", "a b  x ＡＢ"):
        assert ours.encode(text).tolist() == theirs.encode(text)


def test_bytes_that_are_not_utf8_are_replaced():
    with pytest.warns(UserWarning, match=r"U\+FFFD, which the normalizer writes"):
        tok = train_ours([b"low \xff lower", b"low"], vocab_size=20, normalizer="identity")
    assert "\ufffd" in names_of(tok)


def test_frequencies_beyond_32_bits_and_counts():
    words = {"▁low": 1 << 40, "▁lower": 3}
    counts = ft.PretokenCounts.from_dict(words, "metaspace", "nmt_nfkc")
    tok = ft.train(counts, compat="sentencepiece", vocab_size=13)
    expected = oracle.learn_pieces(words, oracle.Options(13))
    assert names_of(tok) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compat": None, "byte_fallback": True}, 'byte_fallback requires compat="sentencepiece"'),
        ({"compat": None, "user_defined": ["a"]}, "user_defined requires"),
        ({"compat": "cs336", "character_coverage": 0.5}, "character_coverage requires"),
        ({"character_coverage": "all"}, 'must be a number or "auto"'),
        ({"character_coverage": "auto"}, "requires byte_fallback"),
        ({"character_coverage": 1.5}, "character_coverage must be"),
        ({"units": "byte"}, "contradicts compat"),
        ({"user_defined": ["<s>"]}, "is a special token and cannot be user-defined"),
        ({"user_defined": ["<0x00>"], "byte_fallback": True, "vocab_size": 900}, "name of a byte piece"),
        ({"user_defined": ["a"], "required_characters": "a"}, "is a required character"),
        ({"user_defined": ["a\0"]}, "must not contain U"),
        ({"vocab_size": 200, "byte_fallback": True}, "vocab_size must be at least 260"),
        ({"vocab_size": 4}, "vocab_size must be at least 7 .4 characters and 3 other ids"),
        ({"vocab_size": 20, "user_defined": ["a▁b"]}, "has a ▁ inside"),
        ({"allow_whitespace_only_pieces": True}, "needs pretokens with several ▁"),
    ],
)
def test_options_that_cannot_be_combined(options, message):
    counts = ft.PretokenCounts.from_dict({"▁abc": 2}, "metaspace", "nmt_nfkc")
    with pytest.raises(ValueError, match=message):
        ft.train(counts, **({"vocab_size": 300, "compat": "sentencepiece"} | options))
