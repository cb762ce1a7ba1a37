"""Marked words: their search compared with a naive one, their ids with those of rewriting the whole text."""

from __future__ import annotations

import itertools
import random
import threading
from signal import SIGINT, raise_signal

import numpy as np
import pytest

import fasttok as ft
from fasttok.models._cache import join
from fasttok.models.bpe.by_score import merges_by_score
from fasttok.models.raw_words._marked_word_encoder import MarkedWordEncoder
from fasttok.text._spans import list_spans
from fasttok.text.normalizers.charsmap import CharsMapNormalizer
from fasttok.text.pretokenizers._metaspace import SpaceRunScanner
from fasttok.text.words.marked_words import MarkedWords, find_marked_words
from tests import hostile
from tests.test_wordpiece import encode_forever

MARK = "▁"
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
TEXTS = ["", "▁", "▁▁", "a", "b", "ab", "▁a", "▁ab", "aab", "é", "▁é", "中", "中文", "🙂", "�", "[x]", "▁▁▁▁"]
PARTS = [
    *(
        part.encode()
        for part in (" ", "  ", "▁", "a", "b", "ab", "é", "中", "文", "🙂", "\n", "[x]", "<s>", "\ufffd")
    ),
    *(b"\xff", b"\xe2\x96", b"\xe2", b"\x96\x81", b"\xed\xa0\x80", b"\xf0\x9f"),
    *(b"ab" * 40, "中文".encode() * 30, b"a" * 9000, b" " * 70),
]
WEIGHTS = [8, 3, 3, 6, 6, 3, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.2, 0.2, 0.02, 0.2]


def byte_texts(n: int, seed: int) -> list[bytes]:
    rng = random.Random(seed)
    sizes = [1, 2, 3, 5, 9, 30, 200]
    return [b"", *(b"".join(rng.choices(PARTS, WEIGHTS, k=rng.choice(sizes))) for _ in range(n))]


def score_model(byte_fallback: bool, marks: bool = True, user_defined: bool = False) -> ft.BPEModel:
    texts = TEXTS if marks else [text for text in TEXTS if MARK not in text and text != "\ufffd"]
    pieces = texts + (BYTES if byte_fallback else [])
    known = [pieces.index("[x]")] if user_defined else []
    scores = -np.arange(len(pieces), dtype=float)
    found = merges_by_score(pieces, scores, byte_fallback=byte_fallback, user_defined=known)
    alphabet = ft.Characters(unk_id=0, byte_fallback=byte_fallback, compat="sentencepiece")
    return ft.BPEModel(pieces, **found._asdict(), alphabet=alphabet, user_defined=known)


def character_model(**options) -> ft.BPEModel:
    pieces = ["", *TEXTS[1:11], *(BYTES if options.get("byte_fallback") else [])]
    merges = [["a", "b"], ["▁", "a"], ["▁", "ab"], ["▁", "▁"], ["a", "ab"], ["▁", "é"]]
    ids = [[pieces.index(a), pieces.index(b)] for a, b in merges]
    return ft.BPEModel(pieces, ids, alphabet=ft.Characters(**options))


def sentencepiece(**options) -> ft.Metaspace:
    return ft.Metaspace(remove_extra_whitespaces=False, split_by_whitespace=False, **options)


def huggingface(prefix: str | None, unless_present: bool = False) -> list:
    marks = [ft.Replace(" ", MARK)]
    if prefix:
        prepend = ft.Prepend(MARK, scope=prefix, unless_present=unless_present)
        marks = [*marks, prepend] if unless_present else [prepend, *marks]
    return marks


IDENTITY = ft.get_normalizer("identity")
PIPELINES = {
    "sentencepiece": (IDENTITY, [sentencepiece(), ft.MarkRuns()]),
    "segments": (None, [sentencepiece(scope="segment"), ft.MarkRuns()]),
    "no prefix": (IDENTITY, [sentencepiece(add_dummy_prefix=False), ft.MarkRuns()]),
    "words": (IDENTITY, ft.Metaspace(remove_extra_whitespaces=False)),
    "prepend": (huggingface("segment"), ft.MarkRuns()),
    "prepend to documents": (huggingface("document"), ft.MarkRuns()),
    "prepend unless present": (huggingface("segment", True), ft.MarkRuns()),
    "replace": (huggingface(None)[0], ft.MarkRuns()),
    "split": (None, ft.MetaspaceSplit()),
    "split without prefix": (None, ft.MetaspaceSplit(prepend="never")),
    "not split": (None, [ft.MetaspaceSplit(split_words=False), ft.MarkRuns()]),
}
MODELS = {
    "bytes": score_model(True),
    "unknown": score_model(False),
    "mark is unknown": score_model(True, marks=False),
    "user-defined": score_model(True, user_defined=True),
    "characters": character_model(unk_id=0, byte_fallback=True),
    "fused": character_model(unk_id=0, fuse_unk=True),
    "dropped": character_model(drop_unk=True),
}


def make(model: str, pipeline: str) -> ft.Tokenizer:
    normalizer, pretokenizer = PIPELINES[pipeline]
    chosen = MODELS[model]
    added = {"<s>": len(chosen.pieces)} | ({} if chosen.unk_id is None else {"<unk>": 0})
    return ft.Tokenizer(chosen, pretokenizer, added, normalizer=normalizer)


def step_by_step(tok: ft.Tokenizer, texts: list[bytes], special: str) -> list[list[int]]:
    """Return the ids of whole texts that every step rewrites, without a cache of raw words."""
    encoder = tok._encoder._find_route(special).stepwise
    return [encoder._encode_text(text, special, "strict", None).tolist() for text in texts]


def naive_words(text: bytes) -> list[bytes]:
    found, start = [], 0
    for i in range(1, len(text)):
        if text[i : i + 1] == b" " and text[i - 1 : i] != b" " and not text[:i].endswith(MARK.encode()):
            found.append(text[start:i])
            start = i
    return [*found, text[start:]] if text else []


def test_raw_words_begin_with_runs_of_spaces_that_follow_neither_a_space_nor_a_mark():
    scanner = SpaceRunScanner()
    for text in [*byte_texts(3000, 1), b" a" * 5000, b"a" * 700 + b" b", MARK.encode() * 50 + b" a "]:
        spans, _ = list_spans(scanner, np.frombuffer(text, np.uint8), np.array([0, len(text)]))
        assert [text[a:b] for a, b in spans.tolist()] == naive_words(text), text


@pytest.mark.parametrize("special", ["none", "all"])
@pytest.mark.parametrize(("model", "pipeline"), list(itertools.product(MODELS, PIPELINES)))
def test_ids_are_those_of_rewriting_the_whole_text(model, pipeline, special):
    tok = make(model, pipeline)
    encoder = tok._encoder._find_route(special).encoder
    assert isinstance(encoder._model.encoder, MarkedWordEncoder)
    texts = byte_texts(250, 2) + hostile.byte_strings(60, seed=3)
    expected = step_by_step(tok, texts, special)
    for _ in range(3):  # long words are in the cache from the third time on
        assert [tok.encode(text, special=special).tolist() for text in texts] == expected
    assert [tok.encode(text, as_list=True, special=special) for text in texts] == expected
    assert [row.tolist() for row in tok.encode_batch(texts, workers=2, special=special)] == expected
    assert [tok.count(text, special=special) for text in texts] == [len(ids) for ids in expected]


@pytest.mark.parametrize("model", MODELS)
def test_the_parts_of_a_long_text_have_its_ids(model, tmp_path):
    tok = make(model, "sentencepiece")
    text = b" ".join(text for text in byte_texts(6000, 4) if text)
    expected = step_by_step(tok, [text], "none")[0]
    assert tok._encoder._find_route("none").encoder._may_cut("none")
    path = tmp_path / "text.txt"
    path.write_bytes(text)
    for workers in (1, 3):
        assert tok.encode_files([path], workers=workers).values.tolist() == expected
    whole = text * (1 + (5 << 20) // len(text))  # long enough for several threads
    assert tok.encode(whole).tolist() == step_by_step(tok, [whole], "none")[0]


def test_a_text_with_three_ids_per_byte():
    tok = make("mark is unknown", "sentencepiece")
    for text in (b" " * 5000, b"\xff" * 5000, b" \xff" * 70, b" ", b"\xff"):
        assert tok.encode(text).tolist() == step_by_step(tok, [text], "none")[0]
        assert len(tok.encode(text)) == 3 * (len(text) + 1)


def test_a_long_word_is_cached_when_it_comes_again():
    tok = make("bytes", "sentencepiece")
    tok.encode("b")
    [cache] = tok._encoder._find_route("none").encoder._caches
    for length, n_new in ((31, 1), (32, 0), (1 << 13, 0), ((1 << 13) + 1, 0)):
        word = " " + "ab" * (length // 2) + "a" * (length % 2)
        before = len(cache)
        tok.encode("b" + word[:length])
        assert len(cache) - before == n_new
        tok.encode("b" + word[:length])
        assert len(cache) - before == (length <= 1 << 13)


@pytest.mark.parametrize("size", [1, 2, 7])
def test_each_raw_word_of_a_text_is_cached_alone(size):
    tok = make("bytes", "sentencepiece")
    rng = random.Random(7)
    for n in (1, 63, 64, 65, 511, 512, 513, 3000):
        drawn = (" " * rng.randint(1, 3) + "".join(rng.choices("ab中", k=size)) for _ in range(n))
        words = ["é", *dict.fromkeys(drawn)]
        encoder = tok._encoder._find_route("none").encoder
        encoder._caches.clear()
        tok.encode("".join(words))
        assert len(encoder._caches[0]) == len(words)


def test_threads_have_the_words_of_one_another():
    tok = make("bytes", "sentencepiece")
    rng = random.Random(5)
    words = ["".join(rng.choices("ab中é", k=rng.randint(1, 40))) for _ in range(3000)]
    texts = [" ".join(rng.choices(words, k=2000)).encode() for _ in range(8)]
    expected = step_by_step(tok, texts, "none")
    for _ in range(3):
        assert [row.tolist() for row in tok.encode_batch(texts * 20, workers=3)] == expected * 20


def test_joined_caches_have_the_words_and_parts_of_one_another():
    caches = []
    tok = make("bytes", "sentencepiece")
    idle = tok._encoder._find_route("none").encoder._caches
    for word in ("ab中", "é🙂aab"):
        idle.clear()
        tok.encode(" ".join(word * n for n in range(1, 40)))
        caches += idle
    words, parts = (sum(map(len, all_)) for all_ in (caches, [cache.inner for cache in caches]))
    join(caches)
    assert [len(cache) for cache in caches] == [words] * 2
    assert [len(cache.inner) for cache in caches] == [parts] * 2


def test_sampling_uses_the_positions_in_rewritten_text():
    tok = make("bytes", "sentencepiece")
    text = "ab aab ▁ab  aab " * 200
    dropout = ft.Dropout(0.5, seed=1)
    sampled = tok.encode(text, sampling=dropout)
    assert sampled.tolist() != tok.encode(text).tolist()
    assert tok.decode(sampled) == tok.decode(tok.encode(text))
    assert tok.encode(text, sampling=dropout, as_list=True) == sampled.tolist()
    assert tok.encode_batch([text], sampling=dropout).values.tolist() == sampled.tolist()


def test_offsets_are_still_those_of_raw_text():
    tok = make("bytes", "sentencepiece")
    text = "ab  中文▁ aab"
    encoding = tok.encode_with_offsets(text)
    assert encoding.ids.tolist() == tok.encode(text).tolist()
    assert [text[a:b] for a, b in encoding.char_spans][-1] == "aab"


@pytest.mark.parametrize(
    ("normalizer", "pretokenizer"),
    [
        ("nfkc", [sentencepiece(), ft.MarkRuns()]),
        ([ft.Replace("-", MARK), ft.Replace(" ", MARK)], ft.MarkRuns()),
        ([ft.Replace(" ", MARK), ft.Prepend("x")], ft.MarkRuns()),
        ([ft.Prepend(MARK), ft.Prepend(MARK), ft.Replace(" ", MARK)], ft.MarkRuns()),
        ([ft.Prepend(MARK, unless_present=True), ft.Replace(" ", MARK)], ft.MarkRuns()),
        ([ft.Prepend(MARK, scope="start"), ft.Replace(" ", MARK)], ft.MarkRuns()),
        (ft.Prepend(MARK), ft.MarkRuns()),
        (IDENTITY, sentencepiece()),
        (IDENTITY, ft.Metaspace()),
        (IDENTITY, ft.Metaspace(remove_extra_whitespaces=False, treat_whitespace_as_suffix=True)),
        (IDENTITY, [sentencepiece(escape_whitespaces=False), ft.MarkRuns()]),
        (IDENTITY, [sentencepiece(), ft.MarkRuns("x")]),
        (IDENTITY, [ft.SplitDigits(), ft.Metaspace(remove_extra_whitespaces=False)]),
        (IDENTITY, [ft.Metaspace(remove_extra_whitespaces=False), ft.SplitDigits()]),
        (IDENTITY, ft.MetaspaceSplit("x")),
        (IDENTITY, ft.MetaspaceSplit(prepend="first")),
        (CharsMapNormalizer.from_rules({"a": "b"}), [sentencepiece(), ft.MarkRuns()]),
        (CharsMapNormalizer.from_rules({"a": ""}), [sentencepiece(), ft.MarkRuns()]),
    ],
)
def test_other_pipelines_rewrite_whole_texts(normalizer, pretokenizer):
    tok = ft.Tokenizer(MODELS["bytes"], pretokenizer, {"<unk>": 0}, normalizer=normalizer)
    assert not isinstance(tok._encoder._pipeline.raw_words, MarkedWords)
    route = tok._encoder._find_route("none")
    assert route.encoder is route.stepwise


def test_a_class_derived_from_a_step_may_do_something_else():
    class Upper(ft.Prepend):
        def rewrite(self, rows):
            return ft.get_normalizer("lowercase").rewrite(super().rewrite(rows))

    steps = ft.get_normalizer([ft.Prepend(MARK), ft.Replace(" ", MARK)])
    assert find_marked_words(steps, ft.MarkRuns()) is not None
    derived = ft.get_normalizer([Upper(MARK), ft.Replace(" ", MARK)])
    assert find_marked_words(derived, ft.MarkRuns()) is None

    class Twice(type(steps)):
        def rewrite(self, rows):
            return super().rewrite(super().rewrite(rows))

    assert find_marked_words(Twice(steps.steps), ft.MarkRuns()) is None


def test_models_without_an_unknown_token_rewrite_whole_texts():
    tok = ft.Tokenizer(character_model(), [sentencepiece(), ft.MarkRuns()])
    with pytest.raises(ft.UnknownCharacterError, match="at byte 3"):
        tok.encode("ab x")


def test_a_long_raw_word_can_be_interrupted():
    tok = make("bytes", "sentencepiece")
    timer = threading.Timer(0.1, raise_signal, [SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        encode_forever(tok, "aab" * 20_000_000)
    timer.join()
    assert tok.encode("ab").tolist() == step_by_step(tok, [b"ab"], "none")[0]
