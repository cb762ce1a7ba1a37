"""Losses in training are said: text of special tokens, bytes, characters and words."""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest

import fasttok as ft
from fasttok.experiment.run.counting import recipe_of
from fasttok.models.loss import count_lost
from tests import hostile

END = "<|endoftext|>"
DOCUMENTS = [f"the cat sat on the mat{END}the dog ate the cat{END}", f"{END}a mat<s> and a cat</s>"] * 4
OPTIONS = {
    "bpe": {"vocab_size": 290},
    "unigram": {"vocab_size": 30},
    "wordpiece": {"vocab_size": 45},
    "character": {},
    "word": {"unk": "<unk>"},
    "byte": {},
}
MODELS = pytest.mark.parametrize("model", OPTIONS)


@pytest.fixture(autouse=True)
def _small_vocabularies():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the vocabulary has")
        yield


def train(source, model="bpe", **options):
    return ft.train(source, model, **OPTIONS[model] | options)


def pieces_of(tok):
    return [piece for piece in tok.model.pieces.to_bytes() if piece]


def equal(a, b):
    return (
        pieces_of(a) == pieces_of(b)
        and a.special_tokens == b.special_tokens
        and a.model.to_dict() == b.model.to_dict()
    )


# Text of special tokens


@MODELS
@pytest.mark.parametrize("pretokenizer", ["o200k", "gpt2", "metaspace", "none", "whitespace_split"])
def test_a_corpus_is_split_at_the_special_tokens(model, pretokenizer):
    special = [END, "<s>", "</s>"]
    corpus = ft.Corpus.from_texts(DOCUMENTS)
    tok = train(corpus, model, pretokenizer=pretokenizer, special_tokens=special)
    parts = [part for text in DOCUMENTS for part in text.replace("</s>", END).replace("<s>", END).split(END)]
    if pretokenizer != "metaspace":  # which treats the beginning of a document and that of a part differently
        assert equal(
            tok, train(ft.Corpus.from_texts(parts), model, pretokenizer=pretokenizer, special_tokens=special)
        )
    expected = {*special, *tok.special_tokens}
    assert set(tok.provenance["recipe"]["split_special"]) == expected
    counts = ft.count_pretokens(corpus, pretokenizer, split_special=expected)
    assert equal(tok, train(counts, model, special_tokens=special))  # without a warning
    if model != "byte":
        assert not any(b"endoftext" in piece for piece in pieces_of(tok))


@MODELS
def test_splitting_can_be_chosen(model):
    corpus = ft.Corpus.from_texts(DOCUMENTS)
    plain = ft.count_pretokens(corpus)
    tok = train(corpus, model, special_tokens=[END], split_special=False)
    assert tok.provenance["recipe"]["split_special"] == []
    with pytest.warns(UserWarning, match=r"seem to contain the text of the special token '<\|endoftext\|>'"):
        from_counts = train(plain, model, special_tokens=[END])
    assert equal(tok, from_counts)
    for texts in (["mat", END], {END, "mat"}, (text for text in ("mat", END))):
        tok = train(corpus, model, special_tokens=["<pad>"], split_special=texts)
        assert tok.provenance["recipe"]["split_special"] == [END, "mat"]
        assert tok.special_tokens.keys() - {"<unk>", "[UNK]"} == {"<pad>"}
    with pytest.raises(ValueError, match="counts have already been split"):
        train(plain, model, split_special=["mat"])
    for wrong in (END, True, 3, [1], {"a": 1}):
        with pytest.raises(TypeError, match="split_special"):
            train(corpus, model, split_special=wrong)


def test_the_preset_of_a_library_that_does_not_split(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    corpus = ft.Corpus.from_texts(DOCUMENTS)
    tok = train(corpus, special_tokens=[END], compat="huggingface", pretokenizer="gpt2")
    assert tok.provenance["recipe"]["split_special"] == []
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE())
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=290,
        special_tokens=[END],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    theirs.train_from_iterator(DOCUMENTS, trainer)
    assert tok.to_tokenizers().get_vocab() == theirs.get_vocab()
    split = train(
        corpus, special_tokens=[END], compat="huggingface", pretokenizer="gpt2", split_special=[END]
    )
    assert split.provenance["recipe"]["split_special"] == [END]
    assert not equal(tok, split)


@MODELS
def test_pieces_of_unigram_do_not_depend_on_the_preset(model):
    corpus = ft.Corpus.from_texts(DOCUMENTS)
    kinds = [train(corpus, "unigram", special_tokens=[END], compat=c) for c in (None, "huggingface")]
    assert pieces_of(kinds[0]) == pieces_of(kinds[1])


def test_continued_training_splits_at_old_and_new_special_tokens():
    corpus = ft.Corpus.from_texts(DOCUMENTS)
    start = train(corpus, vocab_size=270, special_tokens=[END], special_ids="first")
    more = ft.train(corpus, vocab_size=291, start=start, special_tokens=["</s>"])
    assert more.provenance["recipe"]["split_special"] == [END, "</s>"]
    assert not any(b"endoftext" in piece or b"</" in piece for piece in pieces_of(more))
    with pytest.warns(UserWarning, match="seem to contain the text of the special token .* and of 1 others"):
        ft.train(ft.count_pretokens(corpus), vocab_size=291, start=start, special_tokens=["</s>"])


@pytest.mark.parametrize(
    ("text", "pretokenizer", "special", "warns"),
    [
        ("a<|end|>b", "o200k", "<|end|>", True),
        ("a.<|end|>\n", "gpt2", "<|end|>", True),
        ("a <|end|> b", "whitespace_split", "<|end|>", True),
        ("A<S>b", ["none"], "<s>", False),
        ("a[MASK]b", "o200k", "[MASK]", True),
        ("the end <| |>", "gpt2", "<|end|>", False),
        ("a [b] SEP", "gpt2", "[SEP]", False),
        ("a [b] sep", "bert", "[SEP]", False),
        ("an end", "o200k", "<|end|>", False),
        ("a▁<s>b", "metaspace", "<s>", True),
    ],
)
def test_unsplit_counts(text, pretokenizer, special, warns):
    counts = ft.count_pretokens(ft.Corpus.from_texts([text]), pretokenizer)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train(counts, special_tokens=[special])
    assert any("seem to contain" in str(one.message) for one in caught) == warns
    split = ft.count_pretokens(ft.Corpus.from_texts([text]), pretokenizer, split_special=[special])
    train(split, special_tokens=[special])  # without a warning


def test_the_text_of_a_special_token_has_the_id_of_the_token():
    corpus = ft.Corpus.from_texts(["<s>ab<s>" * 9])
    tok = train(corpus, vocab_size=262, special_tokens=["<s>"], split_special=False, pretokenizer="none")
    learned = pieces_of(tok).index(b"<s>")
    special = tok.special_tokens["<s>"]
    assert learned != special
    assert tok.encode("<s>").tolist() == [learned]
    assert tok.piece_to_id("<s>") == tok.piece_to_id(b"<s>") == special
    assert tok.id_to_piece(special) == tok.id_to_piece(learned) == b"<s>"
    with pytest.raises(ValueError, match=f"'<s>' is already in the vocabulary, with id {special}"):
        tok.add_tokens(["<s>"])


@MODELS
def test_experiments_count_like_train(tmp_path, model):
    (tmp_path / "train.txt").write_text("\n".join(DOCUMENTS * 3))
    lines = "\n".join(f"{key} = {value!r}" for key, value in OPTIONS[model].items())
    experiment = ft.Experiment.from_toml(
        f"""
        name = "special tokens"
        [corpus.train]
        eng = {{ files = ["train.txt"], document = "line" }}
        [corpus.test]
        eng = {{ files = ["train.txt"] }}
        [[tokenizer]]
        model = "{model}"
        {lines}
        special_tokens = ["{END}"]
        [[tokenizer]]
        name = "other"
        model = "{model}"
        {lines}
        special_tokens = ["<s>", "<never>"]
        [[tokenizer]]
        name = "none"
        model = "{model}"
        {lines}
        [metrics]
        use = "compression"
        words = "whitespace"
        """,
        folder=tmp_path,
    )
    results = ft.compare(experiment, tmp_path / "out")
    assert not results.failures
    corpus = ft.Corpus.from_files(tmp_path / "train.txt", document="line")
    specials = ([END], ["<s>", "<never>"], [])
    for name, special in zip(results.tokenizers, specials, strict=True):
        tok = results.tokenizer(name)
        options = {} if model != "character" else {"unk": "<unk>"}
        expected = train(corpus, model, special_tokens=special, **options)
        assert tok.provenance["counts"] == expected.provenance["counts"], name
        assert tok.fingerprint() == expected.fingerprint(), name
    assert len(set(map(recipe_of, experiment.tokenizers))) == 3
    counted = [row for row in results.timings if row["stage"] == "count"]
    assert len(counted) == 4  # split at all texts, and once per tokenizer, as two of the texts occur


def test_recipes_share_counts_if_no_text_to_split_at_occurs(tmp_path):
    (tmp_path / "train.txt").write_text("the cat sat on the mat\n" * 9)
    experiment = ft.Experiment.from_toml(
        """
        name = "plain"
        [corpus.train]
        eng = { files = ["train.txt"] }
        [corpus.test]
        eng = { files = ["train.txt"] }
        [[tokenizer]]
        model = ["bpe"]
        vocab_size = 270
        special_tokens = ["<s>", "</s>"]
        [[tokenizer]]
        model = ["unigram", "wordpiece"]
        vocab_size = 24
        [metrics]
        use = "compression"
        words = "whitespace"
        """,
        folder=tmp_path,
    )
    results = ft.compare(experiment, tmp_path / "out")
    assert len([row for row in results.timings if row["stage"] == "count"]) == 1
    corpus = ft.Corpus.from_files(tmp_path / "train.txt")
    for name, model, special in (("bpe-270", "bpe", ["<s>", "</s>"]), ("unigram-24", "unigram", [])):
        options = {"vocab_size": int(name.split("-")[1]), "special_tokens": special}
        expected = ft.train(corpus, model, **options)
        assert results.tokenizer(name).provenance["counts"] == expected.provenance["counts"]
    again = ft.compare(experiment, tmp_path / "out")
    assert len([row for row in again.timings if row["stage"] == "count"]) == 1


# Bytes, characters and words


RAW = [b"caf\xe9 na\x00me low lower caf\xe9 lowest \xff\xfe "] * 5


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("unigram", {}, r"20 bytes that are not UTF-8 and 5 characters U\+0000 .* become the unknown token"),
        ("unigram", {"unk": None}, "the model does not know: encoding them is an error"),
        ("unigram", {"compat": "huggingface"}, "bytes that are not UTF-8"),
        ("unigram", {"method": "mingram"}, "bytes that are not UTF-8"),
        ("word", {}, "the corpus contains 20 bytes that are not UTF-8. The model learns them"),
        ("character", {"unk": "<unk>"}, "knows no other such bytes"),
        ("bpe", {"units": "character", "vocab_size": 60}, "encoding= to Corpus.from_files"),
        ("wordpiece", {}, r"are skipped: .* contain U\+0000 or bytes that are not UTF-8"),
    ],
)
def test_bytes_that_are_not_utf8_are_reported(model, options, message):
    with pytest.warns(UserWarning, match=message) as caught:
        tok = train(ft.Corpus.from_texts(RAW), model, **options)
    assert {w.filename for w in caught} == {__file__}
    assert not tok.is_lossless
    assert len([w for w in caught if "not UTF-8" in str(w.message)]) == 1


@pytest.mark.parametrize("model", ["unigram", "byte"])
@pytest.mark.parametrize("normalizer", ["nmt_nfkc", ["sp_nfkc", "lowercase"], "identity"])
def test_bytes_that_a_normalizer_replaces_are_reported(model, normalizer):
    raw = [b"gr\xfc\xdfe " * 20, b"low lower " * 20]
    with pytest.warns(UserWarning, match=r"40 characters U\+FFFD, .* not UTF-8. .*encoding=") as caught:
        train(ft.Corpus.from_texts(raw), model, normalizer=normalizer)
    assert {w.filename for w in caught} == {__file__}
    train(ft.Corpus.from_texts(raw[1:]), model, normalizer=normalizer)  # without a warning


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("bpe", {}),
        ("byte", {}),
        ("unigram", {"byte_fallback": True, "vocab_size": 280}),
        ("word", {"byte_fallback": True}),
        ("character", {"byte_fallback": True}),
    ],
)
def test_models_that_know_all_bytes_do_not_warn(model, options):
    tok = train(ft.Corpus.from_texts(RAW), model, **options)  # without a warning
    assert tok.is_lossless
    assert "lost" not in tok.provenance
    for text in [*RAW, *hostile.byte_strings(50, seed=620)]:
        assert tok.decode_bytes(tok.encode(text)) == text


def naive_lost(words, known):
    """Return the counts of lost characters of `count_lost`, one character at a time."""
    lost = {"characters": 0, "pretokens": 0, "bytes_not_utf8": 0, "null_characters": 0}
    distinct, n_all = set(), 0
    for word, n in words.items():
        text = word.decode(errors="surrogateescape")
        unknown = [c for c in text if ord(c) not in known]
        n_all += n * len(text)
        distinct |= set(unknown)
        lost["characters"] += n * len(unknown)
        lost["pretokens"] += n * bool(unknown)
        lost["bytes_not_utf8"] += n * sum("\udc80" <= c <= "\udcff" for c in unknown)
        lost["null_characters"] += n * unknown.count("\0")
    lost |= {"distinct_characters": len(distinct), "share_of_characters": lost["characters"] / n_all}
    return {key: value for key, value in lost.items() if value}


def test_lost_characters_match_the_oracle():
    rng = random.Random(621)
    parts = [b"a", b"b", "é".encode(), "東".encode(), b"\0", b"\xff", b"\xe6\x9d", "😀".encode()]
    for _ in range(200):
        words = {b"".join(rng.choices(parts, k=rng.randint(1, 5))): rng.randint(1, 9) for _ in range(8)}
        counts = ft.PretokenCounts.from_dict(words)
        known = rng.sample([*map(ord, "abé東\0😀"), 0xDCFF], rng.randint(0, 7))
        found = count_lost(counts, np.array(known, np.int64))
        assert found == pytest.approx(naive_lost(words, set(known)))
        assert found.keys() == naive_lost(words, set(known)).keys()


def test_lost_text_is_in_the_provenance(tmp_path):
    words = {"aaaa": 200, "bb": 30, "c": 9, "xyz": 1}
    counts = ft.PretokenCounts.from_dict(words, "none")
    tok = train(counts, "unigram", character_coverage=0.97, vocab_size=5)
    assert tok.provenance["lost"] == {
        "characters": 12,
        "share_of_characters": 12 / 872,
        "distinct_characters": 4,
        "pretokens": 10,
    }
    tok.save(tmp_path / "tok.json")
    assert ft.load(tmp_path / "tok.json").provenance["lost"] == tok.provenance["lost"]
    assert "lost" not in train(counts, "unigram", character_coverage=1, vocab_size=9).provenance
    tok = train(counts, "character", vocab_size=2)
    assert tok.provenance["lost"]["characters"] == 12
    tok = train(counts, "word", vocab_size=3)
    assert tok.provenance["lost"] == {
        "pretokens": 10,
        "share_of_pretokens": 10 / 240,
        "distinct_pretokens": 2,
    }
    with pytest.warns(UserWarning, match="are skipped"):
        tok = train(counts, "wordpiece", limit_alphabet=3)
    assert tok.provenance["lost"]["pretokens"] == 1
    for model in ("bpe", "byte"):
        assert "lost" not in train(counts, model).provenance


# WordPiece


@pytest.mark.parametrize("method", ["frequency", "likelihood", "greedy"])
@pytest.mark.parametrize("longest", [None, 60, 101, 1000])
def test_wordpiece_learns_no_piece_that_it_cannot_encode(method, longest):
    words = {"ab" * 150: 500, "a" * 100: 300, "a" * 101: 300, "b" * 99: 400, "ab": 50}
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        tok = train(
            ft.PretokenCounts.from_dict(words, "none"),
            "wordpiece",
            method=method,
            max_piece_length=longest,
            vocab_size=400,
        )
    pieces = [piece.decode().removeprefix("##") for piece in pieces_of(tok)]
    assert max(map(len, pieces)) <= min(longest or 100, 100)
    for piece in pieces:
        assert 0 not in tok.encode(piece), piece
    limit = 100 if method != "greedy" else min(longest or 50, 100)
    assert tok.provenance["lost"]["pretokens"] == sum(n for word, n in words.items() if len(word) > limit)


def test_wordpiece_warns_of_a_corpus_of_long_words():
    counts = ft.PretokenCounts.from_dict({"a" * 101: 10, "b": 90}, "none")
    with pytest.warns(UserWarning, match="10% of the pretokens are longer than 100 characters"):
        train(counts, "wordpiece")
