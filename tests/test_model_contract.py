"""The one list that every model runs through."""

from __future__ import annotations

import multiprocessing
import pickle
import threading

import numpy as np
import pytest

import fasttok as ft
from fasttok.models._cache import PretokenCache
from tests import hostile


class WholeWords:
    """Unigram models of the pretokens and their characters, as no trainer makes them."""

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
    """BPE over characters with byte fallback, or a prefix, as no trainer makes it."""

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


CHARACTERS = ft.BPETrainer(vocab_size=50, units="character", **UNKNOWN)
CLASSIC = ft.BPETrainer(vocab_size=50, units="character", end_of_word_suffix="</w>", **UNKNOWN)
CASES = {
    "bytes": (ft.BPETrainer(vocab_size=280, special_tokens=["<s>"]), "gpt2"),
    "words of bytes": (ft.BPETrainer(vocab_size=280, special_tokens=["<s>"]), "whitespace_split"),
    "characters": (CHARACTERS, "gpt2"),
    "characters with a suffix": (CLASSIC, "gpt2"),
    "words of characters with a suffix": (CLASSIC, "whitespace_split"),
    "characters with bytes": (CharacterMerges(byte_fallback=True), "gpt2"),
    "characters with a prefix": (CharacterMerges(prefix="##"), "whitespace_split"),
    "characters with a prefix and bytes": (CharacterMerges(prefix="##", byte_fallback=True), "gpt2"),
    "unigram": (ft.UnigramTrainer(vocab_size=33), "gpt2"),
    "unigram, fewest pieces": (ft.UnigramTrainer(vocab_size=40, method="mingram"), "gpt2"),
    "unigram of whole words": (WholeWords(), "gpt2"),
    "unigram with bytes": (WholeWords(byte_fallback=True), "gpt2"),
    "unigram as sentencepiece": (WholeWords(byte_fallback=True, compat="sentencepiece"), "gpt2"),
    "unigram as tokenizers": (WholeWords(byte_fallback=True, compat="huggingface"), "whitespace"),
    "wordpiece": (ft.WordPieceTrainer(vocab_size=55), "bert"),
    "wordpiece without spaces": (ft.WordPieceTrainer(vocab_size=70, method="likelihood"), "gpt2"),
    "every character": (ft.CharacterTrainer(**UNKNOWN), "gpt2"),
    "every character, with bytes": (ft.CharacterTrainer(byte_fallback=True), "gpt2"),
    "every byte": (ft.ByteTrainer(special_tokens=["<s>"]), "gpt2"),
    "every word": (ft.WordTrainer(**UNKNOWN), "whitespace_split"),
    "every word, with bytes": (ft.WordTrainer(byte_fallback=True), "gpt2"),
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


def test_is_lossless_tells_the_truth(tokenizer):
    texts = [text.encode() if isinstance(text, str) else text for text in TEXTS]
    came_back = [tokenizer.decode_bytes(tokenizer.encode(text)) for text in texts]
    assert tokenizer.is_lossless == (came_back == texts)


def test_decoding_in_batches_or_as_ids_arrive_is_decoding(tokenizer):
    rows = ids_of(tokenizer)
    expected = [tokenizer.decode(row) for row in rows]
    assert tokenizer.decode_batch(rows) == expected
    decoder = ft.StreamDecoder(tokenizer)
    assert ["".join([*map(decoder.push, row), decoder.finish()]) for row in rows] == expected


def test_empty(tokenizer):
    assert ids_of(tokenizer, ["", b""]) == [[], []]
    assert tokenizer.encode_batch([]).to_list() == []
    assert tokenizer.encode_batch(["", "a", ""]).lengths.tolist()[::2] == [0, 0]


def test_rows_are_pretokens(tokenizer):
    rows = ft.Ragged.from_bytes([b"the", b"newest", b"q", b"the"])
    encoded = tokenizer.model.encode_pretokens(rows.values, rows.offsets, PretokenCache(1 << 16))
    assert encoded.values.dtype == np.uint32
    assert encoded.offsets.dtype == np.int64
    assert encoded.to_list() == ids_of(tokenizer, ["the", "newest", "q", "the"])


def test_batches_and_threads_change_nothing(tokenizer):
    expected = ids_of(tokenizer)
    for workers in (1, 2, 7):
        assert tokenizer.encode_batch(TEXTS, workers=workers).to_list() == expected


def test_many_threads_on_one_tokenizer(tokenizer):
    expected = ids_of(tokenizer)
    results = []
    threads = [threading.Thread(target=lambda: results.append(ids_of(tokenizer))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 8


def test_input_may_be_read_only_or_mapped(tokenizer, tmp_path):
    (tmp_path / "text").write_bytes(b"thenewest")
    mapped = np.memmap(tmp_path / "text", np.uint8, "r")
    cache = PretokenCache(1 << 16)
    boundaries = np.array([0, 3, 9])
    boundaries.flags.writeable = False
    encoded = tokenizer.model.encode_pretokens(mapped, boundaries, cache)
    assert encoded.to_list() == ids_of(tokenizer, ["the", "newest"])


def test_saved_is_loaded(tokenizer, tmp_path):
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
@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_process_encodes(tokenizer, method):
    expected = ids_of(tokenizer)
    tokenizer.encode_batch(TEXTS, workers=2)  # threads have run before the fork
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert pool.apply(ids_of, (tokenizer,)) == expected


def test_a_model_does_not_change(tokenizer):
    for array in (tokenizer.model.pieces.values, tokenizer.model.pieces.offsets):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
