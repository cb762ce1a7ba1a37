"""Contract of models: tests that every kind of model must pass."""

from __future__ import annotations

import multiprocessing
import pickle
import threading

import numpy as np
import pytest

import fasttok as ft
from fasttok.models._cache import PretokenCache
from fasttok.models.bpe.by_score import merges_by_score
from tests import hostile


class WholeWords:
    """Trainer of Unigram models with all pretokens and characters as pieces."""

    def __init__(self, **options):
        self.options = options

    def train(self, counts):
        words = {word.decode(): float(n) for word, n in counts.to_dict().items()}
        pieces = words | dict.fromkeys("".join(words), 0.5)
        if self.options.get("byte_fallback"):
            pieces |= {f"<0x{byte:02X}>": 1 for byte in range(256)}
        scores = np.log([1, *pieces.values()]) - 6
        return ft.UnigramModel(["", *pieces], scores, unk_id=0, **self.options), {"<unk>": 0}


UNKNOWN = {"special_tokens": ["<s>", "<unk>"], "unk": "<unk>"}


class CharacterMerges:
    """Trainer of BPE over characters with byte fallback or a prefix."""

    def __init__(self, *, prefix="", **options):
        self.prefix, self.options = prefix, options

    def train(self, counts):
        model = ft.BPETrainer(vocab_size=45, units="character").train(counts).model
        n = len(model.pieces)
        pieces = model.pieces.to_bytes()
        pieces += [self.prefix.encode() + piece for piece in pieces] if self.prefix else []
        pieces += [b"<0x%02X>" % byte for byte in range(256)] if self.options.get("byte_fallback") else []
        shifts = ((0, n, 0), (n, n, n)) if self.prefix else ((0, 0, 0),)
        rows = np.concatenate([model.merges, model.merge_ids[:, None]], axis=1)
        merges = np.concatenate([rows + np.array(shift, np.uint32) for shift in shifts])[::-1]
        alphabet = ft.Characters(
            continuing_subword_prefix=self.prefix, unk_id=len(pieces), fuse_unk=True, **self.options
        )
        pieces.append(b"")
        model = ft.BPEModel(pieces, merges[:, :2], merges[:, 2], alphabet=alphabet)
        return model, {"<unk>": len(pieces) - 1}


class MergesByScore:
    """Trainer of BPE models by sentencepiece's rules, with user-defined and unused pieces."""

    def __init__(self, **options):
        self.options = options

    def train(self, counts):
        pieces = ft.BPETrainer(vocab_size=50, units="character").train(counts).model.pieces.to_bytes()
        n = len(pieces)
        pieces += [b"", b"nn", *([b"<0x%02X>" % byte for byte in range(256)] * bool(self.options))]
        scores = [-float(i) for i in range(len(pieces))]
        merges = merges_by_score(pieces, scores, user_defined=[n + 1], **self.options)
        alphabet = ft.Characters(unk_id=n, compat="sentencepiece", **self.options)
        unused = merges.merge_ids[:5].tolist()
        model = ft.BPEModel(
            pieces, **merges._asdict(), alphabet=alphabet, user_defined=[n + 1], unused=unused
        )
        return model, {"<unk>": n}


class Letters:
    """Trainer of character models by sentencepiece's rules."""

    def train(self, counts):
        pieces = ft.CharacterTrainer(vocab_size=12, **UNKNOWN).train(counts).model.pieces.to_bytes()
        model = ft.CharacterModel(
            [*pieces, b"nn"], unk_id=1, user_defined=[len(pieces)], unused=[5], fuse_unk=True
        )
        return model, {"<s>": 0, "<unk>": 1}


CHARACTERS = ft.BPETrainer(vocab_size=50, units="character", **UNKNOWN)
CLASSIC = ft.BPETrainer(vocab_size=50, units="character", end_of_word_suffix="</w>", **UNKNOWN)
CASES = {
    "bytes": (ft.BPETrainer(vocab_size=280, special_tokens=["<s>"]), "gpt2"),
    "bytes without spaces": (ft.BPETrainer(vocab_size=280, special_tokens=["<s>"]), "whitespace_split"),
    "characters": (CHARACTERS, "gpt2"),
    "characters with a suffix": (CLASSIC, "gpt2"),
    "characters with a suffix, without spaces": (CLASSIC, "whitespace_split"),
    "characters with bytes": (CharacterMerges(byte_fallback=True), "gpt2"),
    "characters with a prefix": (CharacterMerges(prefix="##"), "whitespace_split"),
    "characters with a prefix and bytes": (CharacterMerges(prefix="##", byte_fallback=True), "gpt2"),
    "characters by score": (MergesByScore(), "gpt2"),
    "characters by score with bytes": (MergesByScore(byte_fallback=True), "none"),
    "unigram": (ft.UnigramTrainer(vocab_size=33), "gpt2"),
    "unigram by mingram": (ft.UnigramTrainer(vocab_size=40, method="mingram"), "gpt2"),
    "unigram of whole words": (WholeWords(), "gpt2"),
    "unigram with bytes": (WholeWords(byte_fallback=True), "gpt2"),
    "unigram like sentencepiece": (WholeWords(byte_fallback=True, compat="sentencepiece"), "gpt2"),
    "unigram like tokenizers": (WholeWords(byte_fallback=True, compat="huggingface"), "whitespace"),
    "wordpiece": (ft.WordPieceTrainer(vocab_size=55), "bert"),
    "wordpiece by likelihood": (ft.WordPieceTrainer(vocab_size=70, method="likelihood"), "gpt2"),
    "character": (ft.CharacterTrainer(**UNKNOWN), "gpt2"),
    "character with bytes": (ft.CharacterTrainer(byte_fallback=True), "gpt2"),
    "character like sentencepiece": (Letters(), "gpt2"),
    "byte": (ft.ByteTrainer(special_tokens=["<s>"]), "gpt2"),
    "word": (ft.WordTrainer(**UNKNOWN), "whitespace_split"),
    "word with bytes": (ft.WordTrainer(byte_fallback=True), "gpt2"),
}


@pytest.fixture(params=CASES.values(), ids=CASES)
def tokenizer(request):
    trainer, pretokenizer = request.param
    text = "It's the newest and the widest, naïve 東京 12345\n" * 5
    counts = ft.count_pretokens(ft.Corpus.from_texts([text]), pretokenizer)
    model, special, *_ = trainer.train(counts)
    return ft.Tokenizer(model, ft.get_pretokenizer(pretokenizer), special, {"made": ["here"]})


TEXTS = [*hostile.texts(150, seed=26), *hostile.byte_strings(150, seed=27)]


def ids_of(tokenizer, texts=TEXTS):
    return [tokenizer.encode(text, as_list=True) for text in texts]


def test_round_trip(tokenizer):
    for text in TEXTS:
        back = tokenizer.decode_bytes(tokenizer.encode(text))
        if tokenizer.is_lossless:
            assert back == (text.encode() if isinstance(text, str) else text)


def test_is_lossless_if_and_only_if_all_texts_round_trip(tokenizer):
    texts = [text.encode() if isinstance(text, str) else text for text in TEXTS]
    decoded = [tokenizer.decode_bytes(tokenizer.encode(text)) for text in texts]
    assert tokenizer.is_lossless == (decoded == texts)


def test_batch_and_stream_decoding_equal_decode(tokenizer):
    rows = ids_of(tokenizer)
    expected = [tokenizer.decode(row) for row in rows]
    assert tokenizer.decode_batch(rows) == expected
    decoder = ft.StreamDecoder(tokenizer)
    assert ["".join([*map(decoder.push, row), decoder.finish()]) for row in rows] == expected


def test_empty(tokenizer):
    assert ids_of(tokenizer, ["", b""]) == [[], []]
    assert tokenizer.encode_batch([]).to_list() == []
    assert tokenizer.encode_batch(["", "a", ""]).lengths.tolist()[::2] == [0, 0]


def test_encode_pretokens_returns_one_row_per_pretoken(tokenizer):
    rows = ft.Ragged.from_bytes([b"the", b"newest", b"q", b"the"])
    encoded = tokenizer.model.encode_pretokens(rows.values, rows.offsets, PretokenCache(1 << 16))
    assert encoded.values.dtype == np.uint32
    assert encoded.offsets.dtype == np.int64
    assert encoded.to_list() == ids_of(tokenizer, ["the", "newest", "q", "the"])


def test_ids_do_not_depend_on_batches_or_threads(tokenizer):
    expected = ids_of(tokenizer)
    for workers in (1, 2, 7):
        assert tokenizer.encode_batch(TEXTS, workers=workers).to_list() == expected


def test_threads_can_share_a_tokenizer(tokenizer):
    expected = ids_of(tokenizer)
    results = []
    threads = [threading.Thread(target=lambda: results.append(ids_of(tokenizer))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 8


def test_read_only_and_memory_mapped_input(tokenizer, tmp_path):
    (tmp_path / "text").write_bytes(b"thenewest")
    mapped = np.memmap(tmp_path / "text", np.uint8, "r")
    cache = PretokenCache(1 << 16)
    boundaries = np.array([0, 3, 9])
    boundaries.flags.writeable = False
    encoded = tokenizer.model.encode_pretokens(mapped, boundaries, cache)
    assert encoded.to_list() == ids_of(tokenizer, ["the", "newest"])


def test_save_and_load(tokenizer, tmp_path):
    tokenizer.save(tmp_path / "a.json")
    loaded = ft.load(tmp_path / "a.json")
    assert ids_of(loaded) == ids_of(tokenizer)
    assert loaded.special_tokens == tokenizer.special_tokens
    assert loaded.provenance == tokenizer.provenance
    assert loaded.vocab_size == tokenizer.vocab_size
    loaded.save(tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_pickle(tokenizer):
    tokenizer.encode("fill a cache")
    copy = pickle.loads(pickle.dumps(tokenizer))  # noqa: S301
    assert ids_of(copy) == ids_of(tokenizer)
    assert copy.special_tokens == tokenizer.special_tokens


@pytest.mark.timeout(60)
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_encoding_in_a_child_process(tokenizer):
    expected = ids_of(tokenizer)
    tokenizer.encode_batch(TEXTS, workers=2)  # start threads before the fork
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(ids_of, (tokenizer,)) == expected


@pytest.fixture(scope="module")
def new_process():
    """Return a pool of one process that was not forked, for all tokenizers since its start takes a second."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        yield pool


@pytest.mark.timeout(60)
def test_encoding_in_a_new_process(tokenizer, new_process):
    assert new_process.apply(ids_of, (tokenizer,)) == ids_of(tokenizer)


def test_models_are_read_only(tokenizer):
    for array in (tokenizer.model.pieces.values, tokenizer.model.pieces.offsets):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
