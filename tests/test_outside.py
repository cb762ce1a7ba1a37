"""Components of other packages: they work like those of fasttok, and files import them only if allowed."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

import fasttok as ft
from fasttok.core.component import allowing_imports
from tests import toy
from tests.conftest import ROOT

TEXTS = ["a banana, an apple", "the newest and the widest house", "naïve 東京"]
CORPUS = ft.Corpus.from_texts(TEXTS * 3)


@pytest.fixture(scope="module")
def tok() -> ft.Tokenizer:
    return ft.train(
        CORPUS, model=toy.PairTrainer, vocab_size=280, pretokenizer=toy.BeforeVowels(), normalizer=toy.Rot13()
    )


def test_training_and_encoding(tok):
    assert tok.vocab_size == 280
    assert tok.provenance["trainer"]["model"] == "tests.toy:PairTrainer"
    for text in TEXTS:
        rotated = "".join(
            chr((ord(c) - 97 + 13) % 26 + 97) if c.isascii() and c.islower() else c for c in text
        )
        assert tok.decode(tok.encode(text)) == rotated
        assert tok.encode_batch([text]).to_list() == [tok.encode(text, as_list=True)]
    encoding = tok.encode_with_offsets("an apple")
    assert encoding.byte_spans[0, 0] == 0
    assert encoding.byte_spans[-1, 1] == 8
    assert (encoding.byte_spans[1:, 0] == encoding.byte_spans[:-1, 1]).all()
    assert toy.BeforeVowels().split_text("banana") == [b"b", b"an", b"an", b"a"]


def test_names_and_configurations():
    step = toy.BeforeVowels("ou")
    assert step.config() == {"name": "tests.toy:BeforeVowels", "vowels": "ou"}
    assert ft.get_pretokenizer(step.config()) == step
    assert ft.get_pretokenizer("tests.toy:BeforeVowels") == toy.BeforeVowels()
    assert ft.get_normalizer("tests.toy:Rot13") == toy.Rot13()
    mixed = ft.get_pretokenizer(["whitespace_split", step])
    assert ft.get_pretokenizer(mixed.config()) == mixed
    by_path = ft.train(CORPUS, model="tests.toy:PairTrainer", vocab_size=280)
    assert by_path.model.to_dict() == ft.train(CORPUS, model=toy.PairTrainer, vocab_size=280).model.to_dict()


def test_files(tok, tmp_path):
    path = tmp_path / "toy.json"
    tok.save(path)
    again = ft.load(path, allow_import=["tests"])
    assert again.fingerprint() == tok.fingerprint()
    assert again.encode(TEXTS[1]).tolist() == tok.encode(TEXTS[1]).tolist()
    assert pickle.loads(pickle.dumps(tok)).fingerprint() == tok.fingerprint()  # noqa: S301
    for allowed in ((), ["numpy"], ["test"], ["tests.toyshop"]):
        with pytest.raises(ft.ModelFormatError, match=r'pass allow_import=\["tests"\] if you trust it'):
            ft.load(path, allow_import=allowed)
    counts = ft.count_pretokens(CORPUS, toy.BeforeVowels(), toy.Rot13())
    counts.save(tmp_path / "toy.npz")
    known = ft.PretokenCounts.load(tmp_path / "toy.npz")
    assert ft.train(known, model=toy.PairTrainer, vocab_size=280).fingerprint() == tok.fingerprint()


def test_a_file_imports_nothing_by_itself(tok, tmp_path):
    tok.save(tmp_path / "toy.json")
    code = (
        "import sys, fasttok as ft\n"
        "try:\n    ft.load(sys.argv[1])\n"
        "except ft.ModelFormatError as error:\n    print('tests.toy' in sys.modules, error)\n"
        "print(ft.load(sys.argv[1], allow_import=['tests']).vocab_size)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "toy.json")],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout.startswith("False ")
    assert done.stdout.endswith("280\n")


def test_objects_that_are_not_components_are_refused():
    with pytest.raises(ValueError, match="os:system is not a pretokenizer"):
        ft.get_pretokenizer("os:system")
    with pytest.raises(ValueError, match="not imported"):
        ft.get_pretokenizer("tests.nowhere:Step")
    with pytest.raises(ValueError, match="cannot import tests.toy:Missing"):
        ft.get_pretokenizer("tests.toy:Missing")
    with pytest.raises(TypeError, match="not a single str"), allowing_imports("tests"):
        pass
    with pytest.raises(TypeError, match="Trainer class"):
        ft.train(CORPUS, model=toy.PairModel)


def test_measuring(tok):
    corpus = ft.TestCorpus.from_corpora("toy", CORPUS, words="whitespace")
    rows = ft.measure({"toy": tok}, corpus, ["compression", "fertility", toy.VOWEL_SHARE], seed=1)
    values = {row["metric"]: row["value"] for row in rows}
    assert values["n_tokens"] == len(tok.encode_files(CORPUS).values)
    assert 0 < values["vowel_share"] < 1


EXPERIMENT = """
name = "toy"
seed = 1

[corpus.train]
same = { files = "text.txt" }

[corpus.test]
same = { files = "text.txt", document = "line" }

[metrics]
use = ["compression", "tests.toy:VOWEL_SHARE"]
words = "whitespace"

[[tokenizer]]
model = ["tests.toy:PairTrainer", "bpe"]
vocab_size = 280
pretokenizer = "tests.toy:BeforeVowels"
normalizer = "tests.toy:Rot13"
"""


def test_experiments(tmp_path):
    (tmp_path / "text.txt").write_text("\n".join(TEXTS * 20))
    (tmp_path / "experiment.toml").write_text(EXPERIMENT)
    results = ft.compare(tmp_path / "experiment.toml", tmp_path / "results")
    assert {row["tokenizer"] for row in results.rows} == {"PairTrainer-280", "bpe-280"}
    assert {"vowel_share", "n_tokens"} <= {row["metric"] for row in results.rows}
    assert not ft.verify(tmp_path / "results", allow_import=["tests"])
    with pytest.raises(ft.ExperimentError, match="allow_import"):
        ft.Experiment.load(tmp_path / "experiment.toml", allow_import=["numpy"])


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([], "for a pretoken of 2 bytes, not 0"),
        ([1, 2, 3], "for a pretoken of 2 bytes, not 3"),
        ([-1], "ids from 0 to 255, not -1"),
        ([256], "ids from 0 to 255, not 256"),
        ([10**30], "ids from 0 to 255, not 10+"),
        ([1.5], "'float' object cannot be interpreted as an integer"),
        ("x", "integer"),
    ],
)
def test_a_model_that_returns_invalid_ids(ids, message):
    class Broken(toy.PairModel):
        def encode_pretoken(self, pretoken):
            return ids

    broken = ft.Tokenizer(Broken([]), "none")
    for encode in (broken.encode, lambda text: broken.encode_batch([text] * 3, workers=2)):
        with pytest.raises((ValueError, TypeError), match=message):
            encode("ab")


def test_a_model_that_raises_an_unknown_character_error():
    class Picky(toy.PairModel):
        def encode_pretoken(self, pretoken):
            if b"x" in pretoken:
                raise ft.UnknownCharacterError("x", pretoken.index(b"x"))
            return super().encode_pretoken(pretoken)

    picky = ft.Tokenizer(Picky([]), "gpt2")
    with pytest.raises(ft.UnknownCharacterError, match="'x'.* at byte 4 of document 1"):
        picky.encode_batch(["a b", "a bcxd"])
    assert np.array_equal(picky.encode("a b"), list(b"a b"))


def test_offsets_are_refused_if_the_pieces_are_not_the_text():
    class Doubling(toy.PairModel):
        def encode_pretoken(self, pretoken):
            return [256] * len(pretoken)

    doubling = ft.Tokenizer(Doubling([b"ab"]), "none")
    assert doubling.encode("ab").tolist() == [256, 256]
    with pytest.raises(ValueError, match="cannot locate the ids of the pretoken b'ab'"):
        doubling.encode_with_offsets("ab")


def test_spans_after_several_normalizers():
    normalizer = ft.get_normalizer([ft.Replace("a", "bbb"), toy.Rot13()])
    tok = ft.Tokenizer(ft.ByteModel(), "none", {ft.AddedToken("<t>"): 256}, normalizer=normalizer)
    # Each a becomes three b, which have the span of the a.
    for text, parts in (
        ("xayz", ["x", "a", "a", "a", "y", "z"]),
        ("ab<t>cd<t>ef", ["a", "a", "a", "b", "<t>", "c", "d", "<t>", "e", "f"]),
    ):
        encoding = tok.encode_with_offsets(text)
        assert [text[begin:end] for begin, end in encoding.byte_spans.tolist()] == parts


def test_a_component_defined_in_a_function_is_refused_before_any_work():
    @dataclass(frozen=True)
    class Local(ft.Normalizer):
        def rewrite(self, rows):
            raise AssertionError("rewrite must not be called")

    with pytest.raises(ValueError, match="Local is defined inside a function"):
        ft.train(CORPUS, vocab_size=257, normalizer=Local())


def test_the_provenance_contains_the_options_of_any_trainer():
    tok = ft.train(CORPUS, model=toy.PairTrainer, vocab_size=np.int64(257))
    assert tok.provenance["trainer"] == {"model": "tests.toy:PairTrainer", "vocab_size": 257}
    with pytest.raises(
        TypeError, match="tests.toy:PairTrainer: option vocab_size must be plain JSON, not \\{257}"
    ):
        ft.train(CORPUS, model=toy.PairTrainer, vocab_size={257})
