"""Combining marks that a pretokenizer separates from their letters: measured, warned about and reported."""

from __future__ import annotations

import unicodedata
import warnings
from pathlib import Path

import pytest
import regex

import fasttok as ft
from fasttok.counts.count import count_corpus
from fasttok.counts.marks import name_shares, share_of_marks
from fasttok.text.pipeline import Pipeline

GPT2 = regex.compile(r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
SEPARATING = ["gpt2", "cl100k", "llama3", "qwen2", "byte_level", ["digits_single", "gpt2"], GPT2.pattern]
KEEPING = [
    "o200k",
    "whitespace",
    "bert",
    "punctuation",
    "sentencepiece",
    "metaspace",
    "none",
    ft.SplitLength(10**6),
]


def share(texts, name):
    pretokenizer = ft.get_pretokenizer(name)
    counts = count_corpus(ft.Corpus.from_texts(texts), Pipeline(None, pretokenizer))
    return share_of_marks(counts, pretokenizer)


@pytest.mark.parametrize("tag", ["eng", "hin", "tam", "tha", "arb", "kor", "vie"])
def test_the_share_equals_that_of_the_oracle(tag):
    sample = ft.parallel_sample()
    text = Path(sample[tag]).read_text(encoding="utf-8")
    pretokens = GPT2.findall(text)
    begins = sum(unicodedata.category(pretoken[0]).startswith("M") for pretoken in pretokens)
    assert share([text], "gpt2") == begins / len(pretokens)
    assert share([text], "o200k") == 0


@pytest.mark.parametrize("name", SEPARATING, ids=str)
def test_separating_pretokenizers_warn(name):
    corpus = ft.Corpus.from_texts(["हिन्दी भाषा"])
    with pytest.warns(UserWarning, match=r"separates combining marks .* (50\.0|71\.4)% .*Devanagari.*o200k"):
        ft.count_pretokens(corpus, name)


@pytest.mark.parametrize("name", KEEPING, ids=str)
def test_other_pretokenizers_do_not_warn(name):
    assert share(["हिन्दी भाषा", "ខ្មែរ", "e\u0301"], name) == 0
    assert share(["၀ေ", "\nေ", " ေ"], name) == 0  # marks that follow no letter


def test_the_default_keeps_marks_with_their_letters():
    assert ft.count_pretokens(ft.Corpus.from_texts(["हिन्दी भाषा"])).to_dict().keys() == {
        "हिन्दी".encode(),
        " भाषा".encode(),
    }


def test_a_share_of_one_percent_is_no_reason_to_warn():
    few = [" a" * 98 + " e\u0301"]
    assert share(few, "gpt2") == 0.01
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ft.count_pretokens(ft.Corpus.from_texts(few), "gpt2")
    with pytest.warns(UserWarning, match=r"1\.0% .*Inherited"):
        ft.count_pretokens(ft.Corpus.from_texts([" a" * 97 + " e\u0301"]), "gpt2")


def test_splitting_after_some_characters_warns():
    corpus = ft.Corpus.from_texts(["हिन्दी भाषा में"])
    for pretokenizer in (ft.SplitLength(2), ft.SplitLength(5), ft.Regex(r"(?s:.{1,3})")):
        with pytest.warns(UserWarning, match="separates combining marks"):
            ft.count_pretokens(corpus, pretokenizer)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ft.count_pretokens(corpus, ft.SplitLength(30))
        ft.count_pretokens(ft.Corpus.from_texts(["\u0301 a \u0301"]), "o200k")  # marks after no letter


def test_a_mapping_warns_once_with_the_names():
    corpora = {
        tag: ft.Corpus.from_texts([text]) for tag, text in (("hi", "हिन्दी"), ("en", "a b"), (3, "ខ្មែ"))
    }
    with pytest.warns(UserWarning, match=r"up to \d.*hi 50\.0%") as caught:
        ft.count_pretokens(corpora, "gpt2")
    assert len(caught) == 1
    assert "en 0" not in str(caught[0].message)
    assert caught[0].filename == __file__


def test_long_lists_are_shortened():
    assert name_shares({str(i): i / 10 for i in range(6)}) == "5 50.0%, 4 40.0%, 3 30.0%, 2 20.0% and 2 more"


def test_the_report_names_tokenizers_and_languages(tmp_path):
    (tmp_path / "hin.txt").write_text("हिन्दी भाषा में\n" * 3, encoding="utf-8")
    (tmp_path / "eng.txt").write_text("in the language\n" * 3, encoding="utf-8")
    (tmp_path / "experiment.toml").write_text(
        """
        name = "marks"
        [corpus.train]
        hin = { files = "hin.txt" }
        eng = { files = "eng.txt" }
        [corpus.test]
        both = { parallel = ["hin.txt", "eng.txt"], baseline = "eng" }
        [[tokenizer]]
        name = "separating"
        model = "byte"
        pretokenizer = "gpt2"
        [[tokenizer]]
        name = "keeping"
        model = "byte"
        [metrics]
        use = "compression"
        words = "whitespace"
        """,
        encoding="utf-8",
    )
    with pytest.warns(UserWarning, match=r"begin with a separated mark \(hin ") as caught:
        results = ft.compare(tmp_path / "experiment.toml", tmp_path / "results")
    assert len(caught) == 1
    shares = {line["tokenizer"]: line["separated_marks"] for line in results.curves}
    assert list(shares["separating-byte"]) == ["hin"]
    assert shares["keeping-byte"] == {}
    page = Path(ft.write_report(tmp_path / "results")).read_text(encoding="utf-8")
    assert "separating-byte (hin " in page
    assert "keeping-byte (" not in page
