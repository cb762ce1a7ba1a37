"""Comparison of fasttok with other libraries on all the shared data and on hostile text."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
import tiktoken
import tokenizers

import fasttok as ft
from fasttok.text.unicode.byte_alphabet import write_bytes
from tests import hostile
from tests.conformance import (
    OUTPUT,
    PATTERNS,
    TRAININGS,
    comparable_lines,
    data_files,
    hash_ids,
    hash_rows,
    hash_spans,
    read_bytes,
    tiktoken_encoding,
    train_tokenizers,
    vocabulary_and_merges,
)

EXPECTED = json.loads(OUTPUT.read_text())


def as_tokenizers_writes(tok: ft.Tokenizer) -> tuple[list[str], list[list[str]]]:
    """Return the pieces by id and the merges of a tokenizer, in the spelling of tokenizers."""
    pieces = [write_bytes(piece) for piece in tok.model.pieces.to_bytes()]
    for token, i in tok.special_tokens.items():
        pieces[i] = token
    return pieces, [[pieces[left], pieces[right]] for left, right in tok.merges.tolist()]


@pytest.fixture(scope="module")
def corpora(shared, tmp_path_factory):
    """Paths of the training files by name; compressed files are decompressed first."""
    folder = tmp_path_factory.mktemp("corpora")
    paths = {}
    for name in TRAININGS:
        paths[name] = shared / name
        if name.endswith(".xz"):
            paths[name] = folder / "english.txt"
            paths[name].write_bytes(read_bytes(shared / name))
    return paths


@pytest.mark.parametrize("name", list(TRAININGS))
def test_merges_equal_tokenizers_on_real_text(corpora, name):
    corpus = ft.Corpus.from_files(corpora[name])
    tok = ft.train(corpus, pretokenizer="gpt2", vocab_size=TRAININGS[name], compat="huggingface")
    pieces, merges = as_tokenizers_writes(tok)
    assert {"pieces": hash_rows([pieces]), "merges": hash_rows(merges)} == EXPECTED["trained"][name]


@pytest.mark.parametrize("name", [*PATTERNS, "tokenizers_english"])
def test_ids_equal_the_other_libraries_on_all_shared_data(shared, corpora, name):
    if name == "tokenizers_english":
        corpus = ft.Corpus.from_files(corpora["data/prose/english.txt.xz"])
        tok = ft.train(corpus, pretokenizer="gpt2", vocab_size=32_000, compat="huggingface")
    else:
        tok = ft.load(shared / f"tokenizers/tiktoken/{name}.tiktoken")
    files = data_files(shared)
    assert len(files) == len(EXPECTED["ids"][name]) > 150
    for path in files:
        data = read_bytes(path)
        ids = tok.encode(data)
        assert hash_ids(ids) == EXPECTED["ids"][name][path.relative_to(shared).as_posix()], path
        assert tok.decode_bytes(ids) == data
        if len(data) > 1 << 22:
            assert (tok.encode_files(path, workers=2).values == ids).all()


@pytest.mark.parametrize("name", PATTERNS)
def test_tiktoken_on_hostile_text(shared, name):
    tok, encoding = ft.load(shared / f"tokenizers/tiktoken/{name}.tiktoken"), tiktoken_encoding(shared, name)
    texts = hostile.texts(10_000, seed=34)
    assert tok.encode_batch(texts).to_list() == encoding.encode_ordinary_batch(texts)
    text = "".join(texts)
    assert tok.encode(text, as_list=True) == encoding.encode_ordinary(text)
    runs = [
        unit * n for unit in ("a", " ", "\n", "ab", "é", "東", "!", "1", " \n") for n in (1, 33, 257, 5000)
    ]
    assert tok.encode_batch(runs).to_list() == encoding.encode_ordinary_batch(runs)


def parts_of_lines(text: str) -> Iterator[str]:
    """Yield a text in parts of about a megabyte that end at line ends."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + 1_000_000) + 1 or len(text)
        yield text[start:end]
        start = end


def test_bert_equals_tokenizers_on_all_shared_data(shared):
    """All ids and spans agree; one line is skipped for a code point that tokenizers does not know."""
    tok = ft.load(shared / "tokenizers/bert/minilm/vocab.txt", lowercase=True)
    files = data_files(shared)
    assert len(files) == len(EXPECTED["bert"]) > 150
    n_skipped = 0
    for path in files:
        whole = read_bytes(path).decode()
        text = comparable_lines(whole)
        n_skipped += whole.count("\n") - text.count("\n")
        ids, spans, start = [], [], 0
        for part in parts_of_lines(text):
            encoding = tok.encode_with_offsets(part)
            ids.append(encoding.ids)
            spans.append(encoding.char_spans + start)
            start += len(part)
        found = {"ids": hash_ids(np.concatenate(ids)), "spans": hash_spans(np.concatenate(spans))}
        assert found == EXPECTED["bert"][path.relative_to(shared).as_posix()], path
        assert np.array_equal(tok.encode(text), np.concatenate(ids))
    assert n_skipped == 1


def test_offsets_equal_tokenizers_on_all_shared_data(shared):
    """Offsets agree with trim_offsets=False, which keeps white space at the ends of tokens in their spans."""
    theirs = tokenizers.Tokenizer.from_file(str(shared / "tokenizers/huggingface/gpt2_old_format.json"))
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False)
    theirs.post_processor = tokenizers.processors.ByteLevel(trim_offsets=False)
    ours = ft.load(shared / "tokenizers/tiktoken/r50k_base.tiktoken")
    texts = [read_bytes(path).decode()[:5_000] for path in data_files(shared)]
    n_split = 0
    for text in [*texts, *hostile.texts(3000, seed=55)]:
        expected, encoding = theirs.encode(text), ours.encode_with_offsets(text, special="all")
        assert encoding.ids.tolist() == expected.ids
        assert list(map(tuple, encoding.char_spans.tolist())) == expected.offsets
        n_split += np.count_nonzero(encoding.char_spans[1:, 0] < encoding.char_spans[:-1, 1])
    assert n_split > 100_000


@pytest.mark.parametrize("name", ["r50k_base", "p50k_base", "cl100k_base", "o200k_base"])
def test_special_tokens_of_known_rank_files(shared, name):
    import tiktoken.load
    from tiktoken_ext import openai_public

    original = tiktoken.load.load_tiktoken_bpe
    openai_public.load_tiktoken_bpe = lambda *_, **__: {}
    try:
        constructor = getattr(openai_public, name)()
    finally:
        openai_public.load_tiktoken_bpe = original
    tok = ft.load(shared / f"tokenizers/tiktoken/{name}.tiktoken")
    assert tok.special_tokens == constructor["special_tokens"]
    ranks = original(str(shared / f"tokenizers/tiktoken/{name}.tiktoken"))
    constructor.pop("explicit_n_vocab", None)
    encoding = tiktoken.Encoding(**{**constructor, "mergeable_ranks": ranks})
    assert tok.vocab_size == encoding.n_vocab
    texts = hostile.texts(2000, seed=35)
    assert tok.encode_batch(texts, special="all").to_list() == [
        encoding.encode(text, allowed_special="all") for text in texts
    ]
    assert all(tok.id_to_piece(i) == encoding.decode_single_token_bytes(i) for i in range(0, 50_000, 97))


@pytest.mark.filterwarnings("ignore:the vocabulary has")  # tokenizers also stops early, without a warning
@pytest.mark.parametrize("special", [[], ["<|endoftext|>", "<|end|>"]])
def test_training_equals_tokenizers_on_generated_corpora(special):
    for seed in range(12):
        texts = hostile.texts(60, seed=100 + seed)
        theirs = train_tokenizers(texts, 600, special_tokens=special)
        ours = ft.train(
            ft.Corpus.from_texts(texts),
            pretokenizer="gpt2",
            vocab_size=600,
            special_tokens=special,
            compat="huggingface",
        )
        assert as_tokenizers_writes(ours) == vocabulary_and_merges(theirs)
        for text in hostile.texts(100, seed=200 + seed):
            if not any(token in text for token in special):
                assert ours.encode(text, as_list=True) == theirs.encode(text).ids
            assert ours.encode(text, special="all", as_list=True) == theirs.encode(text).ids


@pytest.mark.filterwarnings("ignore:the vocabulary has")
@pytest.mark.parametrize("options", [{"min_frequency": 3}, {"max_token_length": 4}])
def test_training_options_equal_tokenizers(options):
    ours_of = {
        "min_frequency": lambda n: {"min_frequency": n},
        "max_token_length": lambda n: {"max_piece_length": n - 1},
    }
    [(option, value)] = options.items()
    texts = hostile.texts(300, seed=36)
    theirs = train_tokenizers(texts, 800, **options)
    ours = ft.train(
        ft.Corpus.from_texts(texts),
        pretokenizer="gpt2",
        vocab_size=800,
        compat="huggingface",
        **ours_of[option](value),
    )
    assert as_tokenizers_writes(ours) == vocabulary_and_merges(theirs)


def test_the_hashes_belong_to_the_installed_versions():
    assert EXPECTED["versions"] == {"tiktoken": tiktoken.__version__, "tokenizers": tokenizers.__version__}
