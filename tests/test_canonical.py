"""Older shapes of a tokenizer.json are rewritten to today's, and damage is reported with its JSON path."""

import json
from copy import deepcopy

import pytest
from tokenizers import Tokenizer

from fasttok import ModelFormatError
from fasttok.formats.huggingface.canonical import to_canonical

BPE = {"vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}
TEMPLATE = {
    "single": [{"SpecialToken": {"id": "a", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {"a": {"id": "a", "ids": [0], "tokens": ["a"]}},
}
BERT = {"clean_text": True, "handle_chinese_chars": False, "strip_accents": None, "lowercase": True}
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False}

WORDPIECE = {"continuing_subword_prefix": "##", "max_input_chars_per_word": 5}
TRUNCATION = {"direction": "Left", "strategy": "OnlyFirst", "stride": 0}
LARGEST = (1 << 64) - 1  # sizes are uint64

# Parts of files in older or incomplete shapes, which `tokenizers` opens.
OLD = [
    ("model", BPE),
    ("model", {"type": "BPE", **BPE, "merges": [["a", "b"]]}),
    ("model", BPE | {"merges": ["#version: 0.2", "a b"]}),
    ("model", BPE | {"merges": [], "unk_token": "zz", "dropout": None, "fuse_unk": None, "extra": 1}),
    ("model", {"vocab": {"a": 0}, "unk_token": "a"}),
    ("model", {"vocab": {"a": 0}, "unk_token": "a"} | WORDPIECE),
    ("model", {"vocab": [["a", -1.0]], "unk_id": None}),
    ("model", {"type": "Unigram", "vocab": [["a", -1.0]]}),
    ("model", {"vocab": {"a": 0}, "unk_token": "a"} | WORDPIECE | {"max_input_chars_per_word": LARGEST}),
    ("truncation", TRUNCATION | {"max_length": LARGEST}),
    ("pre_tokenizer", {"type": "FixedLength", "length": LARGEST}),
    ("decoder", {"type": "Strip", "content": "a", "start": LARGEST, "stop": 1 << 32}),
    ("normalizer", {"strip_left": True, "strip_right": False}),
    ("normalizer", {"type": "StripNormalizer", "strip_left": True, "strip_right": False}),
    ("normalizer", BERT),
    ("normalizer", {"type": "Bert", **BERT}),
    ("normalizer", {"type": "Lowercase", "extra": 1}),
    ("normalizer", {"type": "ByteLevel", "add_prefix_space": True}),
    ("normalizer", {"prepend": "x"}),
    ("normalizer", {"pattern": {"String": "a"}, "content": "b"}),
    ("normalizer", {"normalizers": [{"type": "NFC"}, {"normalizers": [{"type": "NFD"}]}]}),
    ("pre_tokenizer", BYTE_LEVEL),
    ("pre_tokenizer", {"type": "Punctuation"}),
    ("pre_tokenizer", {"type": "FixedLength"}),
    ("pre_tokenizer", {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True}),
    ("pre_tokenizer", {"type": "Metaspace", "replacement": "▁", "str_rep": "▁", "add_prefix_space": True}),
    ("pre_tokenizer", {"type": "Metaspace", "replacement": "_", "prepend_scheme": "first", "split": False}),
    ("pre_tokenizer", {"type": "Sequence", "pretokenizers": [BYTE_LEVEL, {"type": "Whitespace"}]}),
    ("post_processor", {"sep": ["a", 0], "cls": ["b", 1]}),
    ("post_processor", {"type": "RobertaProcessing", "sep": ["a", 0], "cls": ["b", 1]}),
    (
        "post_processor",
        {"sep": ["a", 0], "cls": ["b", 1], "trim_offsets": True, "add_prefix_space": True},
    ),
    ("post_processor", TEMPLATE),
    (
        "post_processor",
        {"type": "Sequence", "processors": [BYTE_LEVEL, {"type": "TemplateProcessing", **TEMPLATE}]},
    ),
    ("decoder", {"suffix": "</w>"}),
    ("decoder", {"prefix": "##", "cleanup": True}),
    ("decoder", {"content": " ", "start": 1, "stop": 0}),
    ("decoder", {"pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True}),
    ("decoder", {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True}),
    ("decoder", {"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": "ByteFallback"}]}),
    ("truncation", {"max_length": 5, "strategy": "LongestFirst", "stride": 0}),
    (
        "padding",
        {"strategy": {"Fixed": 5}, "direction": "Left", "pad_id": 1, "pad_type_id": 2, "pad_token": "p"},
    ),
]


def file_with(part, value):
    return {"version": "1.0", "model": {"type": "BPE", **BPE}} | {part: value}


@pytest.mark.parametrize(("part", "value"), OLD)
def test_older_shapes_become_those_that_tokenizers_writes(part, value):
    given = file_with(part, value)
    before = deepcopy(given)
    canonical = to_canonical(given, "f")
    merges = canonical["model"].get("merges", [])
    if merges and isinstance(merges[0], str):  # merges are read later, in both shapes
        canonical["model"]["merges"] = [line.split(" ") for line in merges if not line.startswith("#")]
    assert canonical == json.loads(Tokenizer.from_str(json.dumps(given)).to_str())
    assert given == before


def test_shape_of_today_is_kept():
    for part, value in OLD:
        canonical = to_canonical(file_with(part, value), "f")
        assert to_canonical(canonical, "f") == canonical


@pytest.mark.parametrize("adds", ["pre_tokenizer", "decoder"])
def test_metaspace_without_prefix(adds):
    """`tokenizers` 0.23 no longer opens this shape of 2020 to 2023; its meaning is not in doubt."""
    old = {"type": "Metaspace", "replacement": "▁", "add_prefix_space": False}
    assert to_canonical(file_with(adds, old), "f")[adds]["prepend_scheme"] == "never"


DAMAGED = [
    ("version", "2.0", "version"),
    ("extra", 1, "extra"),
    ("model", None, "model"),
    ("model", {"vocab": {}}, "model"),
    ("model", {"type": "BPE", "vocab": {}}, "model.merges"),
    ("model", BPE | {"dropout": 1.5}, "model.dropout"),
    ("model", {"type": "Unigram", "vocab": {}}, "model.vocab"),
    ("model", {"type": "WordLevel", "vocab": {}}, "model.unk_token"),
    ("normalizer", {"type": "Unknown"}, "normalizer.type"),
    ("normalizer", {}, "normalizer"),
    ("normalizer", "NFC", "normalizer"),
    ("normalizer", {"type": "Strip", "strip_left": 1, "strip_right": False}, "normalizer.strip_left"),
    ("normalizer", {"type": "Sequence", "normalizers": [{"type": "NFC"}, 3]}, "normalizer.normalizers[1]"),
    ("normalizer", {"type": "Replace", "pattern": {"Glob": "a"}, "content": ""}, "normalizer.pattern"),
    ("normalizer", {"type": "Prepend", "prepend": "\ud800"}, "normalizer.prepend"),
    ("pre_tokenizer", {"type": "ByteLevel", "add_prefix_space": True}, "pre_tokenizer.trim_offsets"),
    ("pre_tokenizer", {"type": "CharDelimiterSplit", "delimiter": "--"}, "pre_tokenizer.delimiter"),
    (
        "pre_tokenizer",
        {"type": "Metaspace", "replacement": "▁", "add_prefix_space": False, "prepend_scheme": "first"},
        "pre_tokenizer.add_prefix_space",
    ),
    ("post_processor", {"type": "BertProcessing", "sep": ["a"], "cls": ["b", 1]}, "post_processor.sep"),
    ("post_processor", TEMPLATE | {"single": [{"Text": {}}]}, "post_processor.single[0]"),
    (
        "post_processor",
        TEMPLATE | {"special_tokens": {"a": {"id": "a", "ids": [-1], "tokens": ["a"]}}},
        "post_processor.special_tokens.a.ids[0]",
    ),
    ("decoder", {"type": "Strip", "content": "ab", "start": 1, "stop": 0}, "decoder.content"),
    ("padding", {"strategy": "Longest"}, "padding.strategy"),
    ("truncation", TRUNCATION | {"max_length": 1 << 64}, "truncation.max_length"),
    ("decoder", {"type": "Strip", "content": "a", "start": 1 << 64, "stop": 0}, "decoder.start"),
    (
        "post_processor",
        {"type": "BertProcessing", "sep": ["a", 1 << 32], "cls": ["b", 1]},
        "post_processor.sep[1]",
    ),
    ("added_tokens", [{"id": 0}], "added_tokens[0].content"),
]


@pytest.mark.parametrize(("part", "value", "place"), DAMAGED)
def test_damage_has_a_json_path(part, value, place):
    given = file_with(part, value)
    with pytest.raises(ModelFormatError) as caught:
        to_canonical(given, "f")
    assert caught.value.place == place
    with pytest.raises(BaseException):  # noqa: B017, PT011  (the library raises Exception)
        Tokenizer.from_str(json.dumps(given))


def test_deep_nesting_is_refused():
    normalizer = {"type": "NFC"}
    for _ in range(60):
        normalizer = {"type": "Sequence", "normalizers": [normalizer]}
    with pytest.raises(ModelFormatError, match="nested more than 50 times"):
        to_canonical(file_with("normalizer", normalizer), "f")
