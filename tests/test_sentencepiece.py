"""Comparison with sentencepiece: all real model files, and 300 small models of all options of its trainer."""

from __future__ import annotations

import random

import pytest
import sentencepiece

import fasttok as ft
from tests import sentencepiece_models as models
from tests import sentencepiece_oracle as oracle
from tests.conftest import FUZZ, SHARED
from tests.hostile import byte_strings
from tests.huggingface_oracle import Difference
from tests.huggingface_texts import file_texts, random_texts
from tests.sentencepiece_file import fields, message

N_MODELS = models.N_SUITE * FUZZ
BATCH = 20  # models per test
FILES = {path.relative_to(SHARED).as_posix(): path for path in oracle.real_files(SHARED)}


def check(differences: list[Difference], seed: int | None = None) -> None:
    """Fail with the first differences; ``tests.sentencepiece_oracle random SEED SEED+1`` repeats them."""
    assert not differences, f"seed {seed}:\n" + "\n".join(map(str, differences[:3]))


# Small models


@pytest.mark.parametrize("first", range(0, N_MODELS, BATCH))
def test_models_of_all_options_equal_sentencepiece(first):
    for seed in range(first, first + BATCH):
        data = models.model_file(seed)
        tok = oracle.load(data)
        texts = models.texts_for(data, seed, 12)
        check(oracle.compare(data, tok, texts, limit=3), seed)
        check(oracle.compare_written(data, tok, texts), seed)
        if seed % 5 == 0:
            saved = oracle.natively_saved(tok)
            assert saved == tok
            check(oracle.compare(data, saved, texts, limit=3), seed)
            check(oracle.compare_written(data, saved, texts), seed)


def test_small_models_have_all_options():
    """Each option of the trainer, type of piece and edit occurs with each type of model that has it."""
    found: dict[str, set] = {}
    for seed in range(models.N_SUITE):
        parts = fields(models.model_file(seed))
        messages = (dict(parts).get(n, b"") for n in (models.TRAINER, models.NORMALIZER))
        trainer, normalizer = (dict(fields(message)) for message in messages)
        facts = found.setdefault(models.TYPES[trainer.get(3, 1) - 1], set())
        facts |= {("piece", dict(fields(value)).get(3, 1)) for n, value in parts if n == models.PIECE}
        facts |= {("trainer", n) for n, value in trainer.items() if n in (24, 25, 30, 31, 35, 36) and value}
        facts |= {("trainer off", n) for n in (21, 22, 23) if trainer.get(n) == 0}
        facts |= {("normalizer off", n) for n in (3, 4, 5) if normalizer.get(n) == 0}
        facts |= {("normalizer", bytes(normalizer.get(1, b""))), ("unk", trainer.get(40, 0))}
        facts |= {("field", n) for n, _ in parts}
    everywhere = {("piece", kind) for kind in range(1, 7)}
    everywhere |= {("normalizer off", n) for n in (3, 4, 5)} | {("trainer", n) for n in (24, 30, 31, 35)}
    everywhere |= {("field", n) for n in range(1, 6)} | {("trainer off", 22)}
    everywhere |= {("normalizer", name) for name in (b"identity", b"nmt_nfkc", b"nmt_nfkc_cf", b"nfkc")}
    assert set(found) == set(models.TYPES)
    for kind in ("unigram", "bpe"):
        assert everywhere <= found[kind]
        assert {("trainer", 25), ("trainer", 36), ("trainer off", 21), ("trainer off", 23)} <= found[kind]
    for kind in ("char", "word"):
        assert everywhere - found[kind] <= {("piece", 5), ("normalizer off", 5), ("field", 4), ("field", 5)}


def test_small_models_are_deterministic():
    assert models.model_file(7) == models.model_file.__wrapped__(7)


# Real files


@pytest.fixture(scope="module")
def lines(shared):
    """Return lines of all kinds of text: of all languages, code, prose, and generated ones."""
    out = [line for name, some in file_texts(shared, 2, limit=1 << 16) for line in some]
    return out + random_texts("sentencepiece", 200)


@pytest.mark.parametrize("name", FILES)
def test_real_files_equal_sentencepiece(name, lines):
    data = FILES[name].read_bytes()
    tok = ft.load(FILES[name])
    comparison = oracle.Comparison(data, tok, limit=3)
    comparison.run_vocabulary()
    comparison.run(lines, share=0.1)
    comparison.run(random_texts(name, 100, models.parts_of(data)), share=0.5)
    comparison.run_bytes(byte_strings(200))
    check(comparison.differences)
    assert comparison.n_ids > 20_000


@pytest.mark.parametrize("name", FILES)
def test_real_files_are_written_as_they_were(name):
    data = FILES[name].read_bytes()
    tok = ft.load(FILES[name])
    assert oracle.written(tok) == data
    if tok.vocab_size < 100_000:  # saving and loading takes seconds for the largest file
        saved = oracle.natively_saved(tok)
        assert saved == tok
        assert oracle.written(saved) == data


@pytest.mark.parametrize("name", FILES)
def test_long_texts_equal_sentencepiece(name, shared):
    """Texts of one line of 60,000 characters, and long runs of one piece, one character and spaces."""
    data = FILES[name].read_bytes()
    tok = ft.load(FILES[name])
    theirs = sentencepiece.SentencePieceProcessor(model_proto=data)
    texts = [
        (shared / "data" / path).read_text("utf-8")[:60_000].replace("\n", joint)
        for path, joint in (("languages/km.txt", " "), ("prose/ja_manpages.txt", ""), ("code/go.txt", "  "))
    ]
    pieces = [piece for piece in models.parts_of(data, 20) if "\0" not in piece][:10]
    texts += [unit * 3000 for unit in ("a", " ", "ab", "▁", "é", "東", "1", "\u0301", "<s>", "😀", *pieces)]
    assert tok.encode_batch(texts).to_list() == theirs.encode(texts)


# Models that fasttok trained

METASPACES = {
    "metaspace": ft.Metaspace(),
    "suffix": ft.Metaspace(treat_whitespace_as_suffix=True),
    "no prefix": ft.Metaspace(add_dummy_prefix=False),
    "spaces kept": ft.Metaspace(remove_extra_whitespaces=False),
    "rows": ft.Metaspace(split_by_whitespace=False),
}
UNK = {"special_tokens": ["<unk>", "<s>", "</s>", "<pad>"], "unk": "<unk>"}
TRAININGS = {
    "unigram": {"special_tokens": ["<unk>", "<s>", "</s>"], "vocab_size": 800},
    "unigram with bytes": {"special_tokens": ["<unk>"], "vocab_size": 1000, "byte_fallback": True},
    "bpe": {"compat": "sentencepiece", "vocab_size": 600},
    "bpe with bytes": {"compat": "sentencepiece", "vocab_size": 1000, "byte_fallback": True},
    "character": UNK,
    "word": UNK | {"vocab_size": 100},
}


@pytest.mark.filterwarnings("ignore:the vocabulary has")
@pytest.mark.parametrize("pretokenizer", METASPACES)
@pytest.mark.parametrize("training", TRAININGS)
def test_trained_models_are_written(training, pretokenizer):
    """sentencepiece opens the file and gives the same ids and texts; so does fasttok."""
    rng = random.Random(f"{training} {pretokenizer}")
    lines = [line for _ in range(4) for line in models.corpus(rng)]
    normalizer = rng.choice(["nmt_nfkc", "nmt_nfkc_cf", None])
    tok = ft.train(
        ft.Corpus.from_texts(lines),
        model=training.split()[0],
        normalizer=normalizer,
        pretokenizer=METASPACES[pretokenizer],
        **TRAININGS[training],
    )
    if training in ("character", "word"):  # sentencepiece gives one id to a run of unknown characters
        model = type(tok.model)(tok.model.pieces, unk_id=tok.model.unk_id, fuse_unk=True)
        tok = ft.Tokenizer(model, tok.pretokenizer, tok.added_tokens, normalizer=tok.normalizer)
    if training == "word" and pretokenizer in ("suffix", "rows"):
        with pytest.raises(ft.ModelExportError, match="before every ▁"):
            oracle.written(tok)
        return
    data = oracle.written(tok)
    assert models.refusal(data) is None
    theirs = sentencepiece.SentencePieceProcessor(model_proto=data)
    texts = models.texts_for(data, training, 60)
    rows = theirs.encode(texts)
    assert tok.encode_batch(texts).to_list() == rows
    check(oracle.compare(data, oracle.load(data), texts))


# Unknown fields


def test_unknown_fields_survive():
    """Fields of later versions, and of extensions, in each message."""
    rng = random.Random(3)
    extra = message(1234, b"unknown")
    parts = fields(models.model_file(1))
    data = b"".join(message(n, value + extra if n > 1 or rng.random() < 0.1 else value) for n, value in parts)
    data += extra
    assert models.refusal(data) is None
    tok = oracle.load(data)
    assert not list(oracle.different_fields(data, oracle.written(tok)))
    assert oracle.written(oracle.natively_saved(tok)) == oracle.written(tok)
    assert tok.encode("the lower").tolist() == oracle.load(models.model_file(1)).encode("the lower").tolist()
