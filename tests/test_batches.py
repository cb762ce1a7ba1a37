"""Batches for a model: templates, pairs, truncation, windows, padding and skipping special tokens."""

from __future__ import annotations

import itertools
import json
import pickle
import random

import numpy as np
import pytest
import tokenizers

import fasttok as ft
from fasttok.tokenizer.template import quote
from tests import hostile, oracles

SPECIAL = ["[PAD]", "[CLS]", "[SEP]", "<s>"]
TEMPLATES = [
    ("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1"),
    ("$A", "$A $B"),
    ("<s> $A", "<s> $A <s>:3 <s> $B:7"),
    ("$A:0 [SEP]:0 [CLS]:2", "$A:0 [SEP]:0 $B:1 [SEP]:1 [CLS]:2"),
    ("[CLS] [CLS] $A <s> [SEP] [SEP]", "$B:255 [CLS] [SEP] $A:1"),
    ("$A:3 <s>:256", "$B:70000 $A $B:1 <s>"),
]
TRUNCATIONS = ("longest_first", "only_first", "only_second")


@pytest.fixture(scope="module")
def plain():
    """Return a tokenizer without a template, in which the id of every byte is the byte."""
    counts = ft.PretokenCounts.from_dict({"a": 1})
    return ft.train(counts, vocab_size=260, special_tokens=SPECIAL)


@pytest.fixture(scope="module")
def bert(plain):
    return plain.with_template(*TEMPLATES[0])


def peer(tok):
    """Return the same tokenizer and template in tokenizers, for ASCII text."""
    vocabulary = {chr(i): i for i in range(128)} | tok.special_tokens
    other = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, []))
    other.add_special_tokens(SPECIAL)
    other.post_processor = tokenizers.processors.TemplateProcessing(
        single=tok.template.single, pair=tok.template.pair, special_tokens=list(tok.special_tokens.items())
    )
    return other


def count_added(template):
    return sum("$" not in word for word in template.split())


def letters(n, first="a"):
    return "".join(chr(ord(first) + i) for i in range(n))


# Templates


@pytest.mark.parametrize(("single", "pair"), TEMPLATES)
def test_templates_of_single_texts(plain, single, pair, tmp_path):
    tok = plain.with_template(single, pair)
    texts = ["", "abc", *hostile.texts(40, seed=51)]
    expected = []
    for text in texts:
        filled = oracles.fill_template(single, [list(text.encode())], tok.special_tokens)
        expected.append([i for i, _ in filled])
    for text, row in zip(texts, expected, strict=True):
        ids = tok.encode(text, add_special_tokens=True)
        assert (ids.dtype, ids.tolist()) == (np.uint32, row)
        assert tok.encode(text, as_list=True, add_special_tokens=True) == row
        assert tok.encode(text).tolist() == list(text.encode())
    for workers in (1, 2):
        batch = tok.encode_batch(texts, workers=workers, add_special_tokens=True)
        assert (batch.values.dtype, batch.to_list()) == (np.uint32, expected)
        assert tok.encode_batch(texts, as_list=True, workers=workers, add_special_tokens=True) == expected
    assert tok.encode_batch([], add_special_tokens=True).to_list() == []
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    assert tok.encode_files(tmp_path / "texts.jsonl", add_special_tokens=True).to_list() == expected


@pytest.mark.parametrize(("single", "pair"), TEMPLATES)
def test_templates_equal_tokenizers(plain, single, pair):
    tok = plain.with_template(single, pair)
    other = peer(tok)
    for n, m in itertools.product(range(4), repeat=2):
        texts = letters(n), letters(m, "p")
        assert tok.encode(texts[0], add_special_tokens=True).tolist() == other.encode(texts[0]).ids
        for adds in (False, True):
            ids, type_ids = tok.encode_pairs([texts], add_special_tokens=adds)
            encoding = other.encode(*texts, add_special_tokens=adds)
            assert (ids[0].tolist(), type_ids[0].tolist()) == (encoding.ids, encoding.type_ids)


def test_type_ids_without_a_template(plain):
    ids, type_ids = plain.encode_pairs([("ab", "c"), ("", "d"), ("", "")])
    assert (ids.to_list(), type_ids.to_list()) == ([[97, 98, 99], [100], []], [[0, 0, 1], [1], []])
    assert (ids.values.dtype, type_ids.values.dtype) == (np.uint32, np.uint8)


@pytest.mark.parametrize(
    ("single", "pair", "message"),
    [
        ("", None, "template '': must contain \\$A once and not \\$B"),
        ("[CLS]", None, "\\$A once"),
        ("$A $A", None, "\\$A once"),
        ("$ $A", None, "\\$A once"),
        ("$A $B", None, "not \\$B"),
        ("$A $C", None, "'\\$C' is not a text; the texts are \\$A and \\$B"),
        ("$A:x", None, "'\\$A:x' is not a text"),
        ("$A:4294967296", None, "type id 4294967296 must be at most 4294967295"),
        ("$A:" + "9" * 5000, None, "type id 99999999999999999999 must be at most"),
        ('$A "a\\x"', None, "is not a JSON string"),
        ('$A "[SEP] "', None, "'\\[SEP\\] ' is not a special token"),
        ("$A [CLS]:1:2", None, "'\\[CLS\\]:1' is not a special token"),
        ("[cls] $A", None, "template '\\[cls\\] \\$A': '\\[cls\\]' is not a special token of this tokenizer"),
    ],
)
def test_invalid_templates(plain, single, pair, message):
    with pytest.raises(ft.TemplateError, match=message) as error:
        plain.with_template(single, pair)
    assert error.value.template == (single if pair is None else pair)
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)  # noqa: S301


def test_names_of_special_tokens_can_be_quoted():
    names = ["a b", "$A", "x:1", '"', "\u3000", "é\\n", "", "a"]
    counts = ft.PretokenCounts.from_dict({"a": 1})
    tok = ft.train(counts, vocab_size=262, special_tokens=["a b", "$A", "x:1", '"', "\u3000", "é\\n"])
    ids = {"": 65, "a": 97}
    words = [f"{quote(name)}:{i}" if i % 2 else quote(name) for i, name in enumerate(names)]
    tok = tok.with_template(" ".join([*words, "$A:9"]), ids=ids)
    expected = [tok.special_tokens[name] if name in tok.special_tokens else ids[name] for name in names]
    rows = tok.encode_batch(["b"], add_special_tokens=True)
    assert rows.to_list() == [[*expected, 98]]
    assert tok.type_ids(rows).to_list() == [[0, 1, 0, 3, 0, 5, 0, 7, 9]]
    assert [word.name for word in tok.template.words()[0]] == [*names, "$A"]


def test_ids_of_special_tokens(plain, tmp_path):
    tok = plain.with_template("<x> $A [SEP]", "$A <x>:2 $B", ids={"<x>": [97, 259, 97], "[SEP]": 258})
    assert tok.template == ft.Template("<x> $A [SEP]", "$A <x>:2 $B", ids=[("<x>", (97, 259, 97))])
    assert hash(tok.template) == hash(ft.Template("<x> $A [SEP]", "$A <x>:2 $B", ids={"<x>": [97, 259, 97]}))
    assert tok.encode("b", add_special_tokens=True).tolist() == [97, 259, 97, 98, 258]
    ids, type_ids = tok.encode_pairs([("b", "c")], add_special_tokens=True)
    assert (ids.to_list(), type_ids.to_list()) == ([[98, 97, 259, 97, 99]], [[0, 2, 2, 2, 0]])
    tok.save(tmp_path / "tok.json")
    assert json.loads((tmp_path / "tok.json").read_text())["version"] == 3
    for copy in (ft.load(tmp_path / "tok.json"), pickle.loads(pickle.dumps(tok))):  # noqa: S301
        assert copy.template == tok.template
        assert copy.fingerprint() == tok.fingerprint() != plain.with_template("<s> $A").fingerprint()
    assert tok.add_tokens(["<new>"]).template == tok.template
    for ids, error, message in (
        ({"<x>": 260}, ft.TemplateError, "id 260 of '<x>' is not in the vocabulary"),
        ({"<x>": -1}, ft.TemplateError, "id -1 of '<x>' is not in the vocabulary"),
        ({"<x>": []}, ft.TemplateError, "the ids of '<x>' must not be empty"),
        ({"<y>": 1}, ft.TemplateError, "ids are given for '<y>', which is not in it"),
        ({"<x>": "a"}, TypeError, "an id of '<x>' must be an integer"),
        ({"<x>": True}, TypeError, "an id of '<x>' must be an integer"),
        ({1: 1}, TypeError, "1 is not a name"),
        ({}, ft.TemplateError, "'<x>' is not a special token"),
    ):
        with pytest.raises(error, match=message):
            plain.with_template("<x> $A", ids=ids)
    unused = ft.Tokenizer(plain.model, "none", {"<s>": 300}, template=None)
    with pytest.raises(ft.TemplateError, match="id 299 of 'x' is not in the vocabulary"):
        unused.with_template("x $A", ids={"x": 299})


def test_any_added_token_can_be_in_a_template(plain):
    tok = plain.add_tokens(["<tool>"]).with_template("<tool> $A")
    assert tok.encode("b", add_special_tokens=True).tolist() == [260, 98]
    with pytest.raises(ft.TemplateError, match="'a' is not a special token of this tokenizer, nor another"):
        plain.with_template("a $A")


def test_type_ids_of_single_texts(plain):
    tok = plain.with_template("[CLS]:4 $A:1 [SEP] <s>:2")
    texts = ["", "ab", "c"]
    rows = tok.encode_batch(texts, add_special_tokens=True)
    types = tok.type_ids(rows)
    assert types.to_list() == [[4, 0, 2], [4, 1, 1, 0, 2], [4, 1, 0, 2]]
    assert (type(types), types.values.dtype) == (ft.TypeIds, np.uint8)
    assert tok.type_ids(tok.encode_batch(texts)).to_list() == [[], [1, 1], [1]]
    assert (
        tok.type_ids(rows[1:]).to_list() == tok.type_ids([rows[1], rows[2]]).to_list() == types[1:].to_list()
    )
    assert [
        tok.encode_with_offsets(t, add_special_tokens=True).type_ids.tolist() for t in texts
    ] == types.to_list()
    assert tok.encode_with_offsets("ab").type_ids.tolist() == [1, 1]
    assert plain.type_ids([[97], []]).to_list() == [[0], []]
    assert tok.type_ids([]).to_list() == []
    for part in (types[1:2], types.take(np.array([1]))):
        assert type(part) is ft.TypeIds
        assert repr(part) == "TypeIds(1 rows, 5 uint8)"
    wide = plain.with_template("$A <s>:256")
    types = wide.type_ids(wide.encode_batch(["a"], add_special_tokens=True))
    assert (types.to_list(), types.values.dtype) == ([[0, 256]], np.uint32)
    assert wide.encode_with_offsets("a", add_special_tokens=True).type_ids.tolist() == [0, 256]
    with pytest.raises(IndexError, match="id 260"):
        tok.type_ids([[260]])
    # Truncated rows keep the type ids of their special tokens, and padding has a type id.
    padding = tok.with_settings(padding=ft.Padding(side="left", pad_type_id=7))
    assert padding.pad(types, max_length=4).ids.tolist() == [[7, 7, 7, 0, 256][3:]]
    long = tok.type_ids(tok.encode_batch(["abcdef", ""], add_special_tokens=True))
    assert padding.pad(long, max_length=5).ids.tolist() == [[4, 1, 1, 0, 2], [7, 7, 4, 0, 2]]
    assert tok.pad(long, max_length=5, pad_id=9).ids.tolist() == [[4, 1, 1, 0, 2], [4, 0, 2, 9, 9]]
    assert type(tok.windows(long, 5).ids) is ft.TypeIds
    assert tok.windows(long, 5).ids.to_list() == [[4, 1, 1, 0, 2]] * 3 + [[4, 0, 2]]


def test_a_template_is_a_str(plain):
    with pytest.raises(TypeError, match="a template must be a str, not list"):
        plain.with_template(["[CLS]", "$A"])
    with pytest.raises(TypeError, match="template must be a Template, not str"):
        ft.Tokenizer(plain.model, plain.pretokenizer, plain.special_tokens, template="[CLS] $A")


def test_adding_special_tokens_requires_a_template(plain, tmp_path):
    (tmp_path / "a.txt").write_text("a")
    for encode in (
        lambda: plain.encode("a", add_special_tokens=True),
        lambda: plain.encode("a", as_list=True, add_special_tokens=True),
        lambda: plain.encode_batch(["a"], add_special_tokens=True),
        lambda: plain.encode_batch(["a"], as_list=True, add_special_tokens=True),
        lambda: plain.encode_files(tmp_path, add_special_tokens=True),
        lambda: plain.encode_pairs([("a", "b")], add_special_tokens=True),
    ):
        with pytest.raises(ft.TemplateError, match="the tokenizer has no template; set one"):
            encode()
    with pytest.raises(ft.TemplateError, match="template is for single texts only"):
        plain.with_template("<s> $A").encode_pairs([("a", "b")], add_special_tokens=True)


def test_the_template_is_fingerprinted_saved_and_pickled(plain, bert, tmp_path):
    assert (plain.template, bert.template) == (None, ft.Template(*TEMPLATES[0]))
    fingerprints = {tok.fingerprint() for tok in (plain, bert, plain.with_template(TEMPLATES[0][0]))}
    assert len(fingerprints) == 3
    bert.save(tmp_path / "bert.json")
    for copy in (ft.load(tmp_path / "bert.json"), pickle.loads(pickle.dumps(bert))):  # noqa: S301
        assert copy.template == bert.template
        assert copy.fingerprint() == bert.fingerprint()
        assert copy.encode("a", add_special_tokens=True).tolist() == [257, 97, 258]


def test_loading_files_without_or_with_an_invalid_template(plain, bert, tmp_path):
    path = tmp_path / "tok.json"
    plain.save(path)
    fields = json.loads(path.read_text())
    assert fields.pop("template") is None
    path.write_text(json.dumps(fields))
    assert ft.load(path).template is None
    for template, message in (
        ({"single": "$A <x>"}, "'<x>' is not a special token"),
        ({"single": "<s>"}, "once"),
        ({"single": 1}, "must be a str"),
        ({"single": "$A", "triple": "$A"}, "triple"),
        ({}, "single"),
        ("$A", "must be a dict, not a str"),
        ([], "must be a dict, not a list"),
    ):
        path.write_text(json.dumps(fields | {"template": template}))
        with pytest.raises(ft.ModelFormatError, match=message) as error:
            ft.load(path)
        assert error.value.place == "template"


# Pairs


@pytest.mark.parametrize("truncation", TRUNCATIONS)
@pytest.mark.parametrize(("single", "pair"), TEMPLATES)
def test_pairs_are_truncated_as_in_the_oracle_and_in_tokenizers(plain, single, pair, truncation):
    tok = plain.with_template(single, pair)
    other = peer(tok)
    n_added = count_added(pair)
    for n, m, capacity in itertools.product(range(6), range(6), range(8)):
        texts = letters(n), letters(m, "p")
        if n_added + capacity == 0:
            continue  # max_length is at least 1
        options = {"max_length": n_added + capacity, "truncation": truncation, "add_special_tokens": True}
        left = oracles.shorten_pair((n, m), capacity, truncation)
        if left is None:
            with pytest.raises(ValueError, match="pair 1 is .* too long"):
                tok.encode_pairs([("", ""), texts], **options)
            continue
        ids, type_ids = tok.encode_pairs([("", ""), texts], **options)
        parts = [list(text[:k].encode()) for text, k in zip(texts, left, strict=True)]
        expected = oracles.fill_template(pair, parts, tok.special_tokens)
        assert list(zip(ids[1].tolist(), type_ids[1].tolist(), strict=True)) == expected
        other.enable_truncation(n_added + capacity, strategy=truncation)
        if capacity == 0 < n_added - count_added(single):
            continue  # tokenizers only subtracts the special tokens of a single text from max_length
        encoding = other.encode(*texts)
        assert (ids[1].tolist(), type_ids[1].tolist()) == (encoding.ids, encoding.type_ids)


def test_ids_and_type_ids_of_pairs_equal_the_oracle(bert):
    texts = hostile.texts(200, seed=52)
    pairs = list(zip(texts[::2], texts[1::2], strict=True))
    expected = [
        list(
            zip(
                *oracles.fill_template(
                    TEMPLATES[0][1], [list(t.encode()) for t in pair], bert.special_tokens
                ),
                strict=True,
            )
        )
        for pair in pairs
    ]
    for workers in (1, 2):
        ids, type_ids = bert.encode_pairs(iter(pairs), add_special_tokens=True, workers=workers)
        rows = zip(ids, type_ids, strict=True)
        assert [[tuple(a.tolist()), tuple(b.tolist())] for a, b in rows] == expected
    assert bert.encode_pairs([], add_special_tokens=True).ids.to_list() == []
    assert bert.encode_pairs([("<s>", "a")], special="all").ids.to_list() == [[259, 97]]


def test_sampling_of_pairs_numbers_the_texts_consecutively(tok):
    pairs = [("the lowest", "the newest")] * 3
    rows = tok.encode_batch([text for pair in pairs for text in pair], sampling=ft.Dropout(0.5, seed=1))
    ids, _ = tok.encode_pairs(pairs, sampling=ft.Dropout(0.5, seed=1))
    assert ids.to_list() == [[*rows[2 * i], *rows[2 * i + 1]] for i in range(3)]


def test_invalid_arguments_of_encode_pairs(bert):
    with pytest.raises(ValueError, match="max_length must be at least 3, not 2"):
        bert.encode_pairs([("a", "b")], max_length=2, add_special_tokens=True)
    assert bert.encode_pairs([("a", "b")], max_length=2).ids.to_list() == [[97, 98]]
    for max_length in (0, -1):
        with pytest.raises(ValueError, match="max_length must be at least 1"):
            bert.encode_pairs([("a", "b")], max_length=max_length)
    with pytest.raises(TypeError, match="max_length must be an integer, not 2.0"):
        bert.encode_pairs([("a", "b")], max_length=2.0)
    with pytest.raises(
        ValueError, match='truncation must be "longest_first", "only_first" or "only_second", not'
    ):
        bert.encode_pairs([("a", "b")], truncation="longest")
    for pairs in (["ab"], [("a",)], [("a", "b", "c")], [7]):
        with pytest.raises(TypeError, match="pair 0 must be two texts"):
            bert.encode_pairs(pairs)
    with pytest.raises(TypeError, match="a text must be str or bytes, not int"):
        bert.encode_pairs([("a", 1)])
    with pytest.raises(ft.TextError, match="pair 1, text 2"):
        bert.encode_pairs([("a", "b"), ("c", "\ud800")])
    with pytest.raises(TypeError, match="as_list"):
        bert.encode_pairs([("a", "b")], as_list=True)


# Windows


@pytest.mark.parametrize(("single", "pair"), TEMPLATES)
def test_windows_equal_the_oracle_and_tokenizers(plain, single, pair):
    tok = plain.with_template(single, pair)
    other = peer(tok)
    n_added = count_added(single)
    texts = [letters(n) for n in range(12)]
    for adds, capacity in itertools.product((False, True), range(1, 7)):
        rows = tok.encode_batch(texts, add_special_tokens=adds)
        for overlap in range(capacity):
            expected = []
            for i, text in enumerate(texts):
                for part in oracles.cut_windows(list(text.encode()), capacity, overlap):
                    filled = oracles.fill_template(single, [part], tok.special_tokens)
                    expected.append((i, [j for j, _ in filled] if adds else part))
            max_length = capacity + adds * n_added
            ids, documents = tok.windows(rows, max_length, overlap)
            assert (ids.values.dtype, documents.dtype) == (np.uint32, np.int64)
            assert list(zip(documents.tolist(), ids.to_list(), strict=True)) == expected
            if max_length > n_added + overlap:
                other.enable_truncation(max_length, stride=overlap)
                encodings = [other.encode(text, add_special_tokens=adds) for text in texts]
                assert ids.to_list() == [part.ids for e in encodings for part in (e, *e.overflowing)]


def test_windows_of_slices_and_lists(bert):
    rows = bert.encode_batch(["abcdef", "gh", "ijklm"], add_special_tokens=True)
    expected = bert.windows(rows, 5, 1).ids.to_list()[3:]
    for part in (rows[1:], rows.to_list()[1:], ft.Ragged(rows.values, rows.offsets[1:])):
        ids, documents = bert.windows(part, 5, overlap=1)
        assert ids.to_list() == expected
        assert documents.tolist() == [0, 1, 1]
    mixed = bert.windows([[97] * 5, [257, 97, 97, 97, 258]], 4)
    assert mixed.ids.to_list() == [[97] * 4, [97], [257, 97, 97, 258], [257, 97, 258]]
    assert bert.windows([], 5).ids.to_list() == []
    assert bert.windows([[], []], 5).documents.tolist() == [0, 1]


def test_invalid_arguments_of_windows(bert):
    rows = bert.encode_batch(["", "abcdef"], add_special_tokens=True)
    for max_length, overlap, least in ((2, 0, 3), (1, 0, 3), (4, 2, 5), (4, 9, 12)):
        with pytest.raises(
            ValueError, match=f"max_length must be at least {least}, not {max_length}: it must be"
        ):
            bert.windows(rows, max_length, overlap)
    with pytest.raises(ValueError, match="max_length must be at least 3, not 2"):
        bert.windows([[97]], 2, overlap=2)
    with pytest.raises(ValueError, match="overlap must be at least 0, not -1"):
        bert.windows(rows, 4, -1)
    for max_length in (0, -3):
        with pytest.raises(ValueError, match="max_length must be at least 1"):
            bert.windows(rows, max_length)
    assert bert.windows(rows, int(1e30)).ids == rows


# Padding


@pytest.mark.parametrize("dtype", [np.int64, np.int32])
@pytest.mark.parametrize("side", ["right", "left"])
def test_padding_equals_the_oracle(plain, side, dtype):
    rng = random.Random(53)
    for _ in range(200):
        rows = [[rng.randrange(256) for _ in range(rng.randrange(7))] for _ in range(rng.randrange(5))]
        longest = max(map(len, rows), default=0)
        for width in (None, longest, longest + 3):
            expected = oracles.pad(rows, longest if width is None else width, 256, side)
            ids, mask = plain.pad(ft.Ragged.from_rows(rows), side=side, width=width, dtype=dtype)
            assert (ids.dtype, mask.dtype) == (dtype, np.bool_)
            assert (ids.tolist(), mask.tolist()) == expected
            assert ids.shape == mask.shape == (len(rows), longest if width is None else width)
        short = [row[:3] for row in rows]
        expected = oracles.pad(short, max(map(len, short), default=0), -100, side)
        ids, mask = plain.pad(rows, 3, side=side, pad_id=-100, dtype=dtype)
        assert (ids.tolist(), mask.tolist()) == expected


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize(("single", "pair"), TEMPLATES)
def test_padding_and_truncation_equal_tokenizers(plain, single, pair, side):
    tok = plain.with_template(single, pair)
    other = peer(tok)
    texts = ["", "abcdefghi", "a", "abcd"]
    n_added = count_added(single)
    for capacity, width in itertools.product(range(1, 12), (None, 20)):
        other.enable_truncation(n_added + capacity)
        other.enable_padding(direction=side, pad_id=256, length=width)
        encodings = other.encode_batch(texts)
        rows = tok.encode_batch(texts, add_special_tokens=True)
        ids, mask = tok.pad(rows, n_added + capacity, side=side, width=width)
        assert ids.tolist() == [encoding.ids for encoding in encodings]
        assert mask.tolist() == [encoding.attention_mask for encoding in encodings]


def test_truncated_rows_keep_their_special_tokens(bert):
    rows = bert.encode_batch(["abcdef", "", "ab"], add_special_tokens=True)
    cls, sep, pad = 257, 258, 256
    assert bert.pad(rows, 2).ids.tolist() == [[cls, sep]] * 3
    assert bert.pad(rows, 3).ids.tolist() == [[cls, 97, sep], [cls, sep, pad], [cls, 97, sep]]
    assert bert.pad(rows, 3, side="left", width=4).ids.tolist() == [
        [pad, cls, 97, sep], [pad, pad, cls, sep], [pad, cls, 97, sep]
    ]  # fmt: skip
    # Rows without the template are simply truncated.
    others = [[97] * 5, [cls, 97, 98, 99], [97, 98, 99, sep], [cls], []]
    assert bert.pad(others, 2).ids.tolist() == [[97, 97], [cls, 97], [97, 98], [cls, pad], [pad, pad]]
    assert bert.pad(others, 1).ids.tolist() == [[97], [cls], [97], [cls], [pad]]
    with pytest.raises(ValueError, match="max_length must be at least 2, not 1: truncated rows keep"):
        bert.pad(rows, 1)


def test_padded_arrays_are_new_writeable_and_contiguous(bert):
    rows = bert.encode_batch(["abc", "", "a"], add_special_tokens=True)
    for side, dtype in itertools.product(("right", "left"), (np.int64, np.int32)):
        for array in bert.pad(rows, 4, side=side, dtype=dtype):
            assert array.flags.c_contiguous
            assert array.flags.writeable
            assert not np.shares_memory(array, rows.values)
            assert np.shares_memory(np.from_dlpack(array), array)
    for empty in ([], [[], []], ft.Ragged.from_rows([])):
        ids, mask = bert.pad(empty)
        assert ids.shape == mask.shape == (len(empty), 0)
    assert bert.pad([], width=3).ids.shape == (0, 3)
    assert bert.pad([[], []], width=2).ids.tolist() == [[256, 256]] * 2


def test_torch_takes_the_arrays_without_a_copy(bert):
    import torch

    padded = bert.pad(bert.encode_batch(["abc", "", "a"], add_special_tokens=True))
    for array, dtype in zip(padded, (torch.int64, torch.bool), strict=True):
        tensor = torch.from_numpy(array)
        assert (tensor.dtype, tensor.data_ptr()) == (dtype, array.ctypes.data)
        tensor[0, 0] = 1
        assert array[0, 0] == 1


def test_rows_of_any_kind_can_be_padded(plain):
    expected = [[97, 98, 256], [99, 256, 256], [97, 97, 97]]
    rows = [[97, 98], [99], [97, 97, 97]]
    whole = ft.Ragged.from_rows([[1], *rows, [2]])
    for given in (
        rows,
        tuple(rows),
        iter(rows),
        [np.array(row, np.uint16) for row in rows],
        *[
            ft.Ragged.from_rows(rows, dtype)
            for dtype in (np.uint8, np.uint16, np.uint32, np.int64, np.uint64)
        ],
        whole[1:4],
        ft.Ragged(whole.values, whole.offsets[1:5]),
        ft.Ragged(np.repeat(whole.values, 2)[::2], whole.offsets)[1:4],
    ):
        assert plain.pad(given).ids.tolist() == expected
    read_only = ft.Ragged.from_rows(rows)
    read_only.values.flags.writeable = read_only.offsets.flags.writeable = False
    assert plain.pad(read_only).ids.tolist() == expected
    pairs = plain.encode_pairs([("ab", "c"), ("", "d")])
    assert plain.pad(pairs.type_ids, pad_id=0).ids.tolist() == [[0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize("token", ["[PAD]", "<pad>", "<|pad|>"])
def test_the_padding_token(token):
    tok = ft.train(ft.PretokenCounts.from_dict({"a": 1}), vocab_size=258, special_tokens=["<s>", token])
    assert tok.pad([[], [97]]).ids.tolist() == [[257], [97]]


@pytest.mark.parametrize(
    ("rows", "options", "error", "message"),
    [
        ([[97]], {"max_length": 0}, ValueError, "max_length must be at least 1, not 0"),
        ([[97]], {"max_length": -1}, ValueError, "max_length must be at least 1, not -1"),
        ([[97]], {"max_length": 2.0}, TypeError, "max_length must be an integer, not 2.0"),
        ([[97]], {"side": "Right"}, ValueError, 'side must be "right" or "left", not \'Right\''),
        ([[97]], {"width": -1}, ValueError, "width must be at least 0, not -1"),
        ([[97], [97, 97]], {"width": 1}, ValueError, "row 1 has 2 ids, which is more than width=1"),
        ([[97]], {"dtype": np.float32}, TypeError, "dtype must be int64 or int32, not float32"),
        ([[97]], {"dtype": np.uint32}, TypeError, "dtype must be int64 or int32, not uint32"),
        ([[97]], {"dtype": ">i8"}, TypeError, "dtype must be int64 or int32, not >i8"),
        (
            [[97]],
            {"pad_id": 1 << 31, "dtype": np.int32},
            ValueError,
            "pad_id 2147483648 does not fit dtype int32",
        ),
        ([[97]], {"pad_id": 1.5}, TypeError, "pad_id must be an integer, not 1.5"),
        ([[97]], {"pad_id": "[PAD]"}, TypeError, "pad_id must be an integer"),
        ([[97], [97, 260]], {}, IndexError, "id 260 at position 1 of row 1 is outside the vocabulary of 260"),
        ([[], [-1]], {}, IndexError, "id -1 at position 0 of row 1"),
        ([[1 << 40]], {}, IndexError, "id 1099511627776"),
        ([[1.5]], {}, TypeError, "ids must be integers, not float64"),
        ([[True]], {}, TypeError, "ids must be integers, not bool"),
        ([97, 98], {}, TypeError, "one row of integers, not int"),
        (["ab"], {}, TypeError, "one row of integers, not str"),
        ("ab", {}, TypeError, "rows must be a Ragged or rows of integers, not str"),
        (7, {}, TypeError, "rows must be a Ragged or rows of integers, not int"),
    ],
)
def test_invalid_arguments_of_pad(plain, rows, options, error, message):
    with pytest.raises(error, match=message):
        plain.pad(rows, **options)
    if not options:
        with pytest.raises(error, match=message):
            plain.windows(rows, 5)


def test_padding_without_a_padding_token(tok):
    with pytest.raises(
        ValueError, match=r"no padding token: none .* is \[PAD\], <pad> or <\|pad\|>; pass pad_id"
    ):
        tok.pad([[97]])
    assert tok.pad([[97], []], pad_id=0).ids.tolist() == [[97], [0]]


# Skipping special tokens


def test_decoding_can_skip_special_tokens(bert):
    ids = bert.encode("a<s>b", special="all", add_special_tokens=True)
    assert bert.decode(ids) == "[CLS]a<s>b[SEP]"
    assert bert.decode(ids, skip_special_tokens=True) == "ab"
    assert bert.decode_bytes(ids, skip_special_tokens=True) == b"ab"
    assert (
        bert.decode([257, 258], skip_special_tokens=True) == "" == bert.decode([], skip_special_tokens=True)
    )
    texts = ["", *hostile.texts(50, seed=54)]
    rows = bert.encode_batch(texts, add_special_tokens=True)
    assert bert.decode_batch(rows, skip_special_tokens=True) == texts
    padded = bert.pad(rows)
    assert bert.decode_batch(padded.ids, skip_special_tokens=True) == texts


def test_positions_in_errors_count_skipped_special_tokens(bert):
    with pytest.raises(IndexError, match="id 260 at position 2 is outside"):
        bert.decode([257, 97, 260], skip_special_tokens=True)
    with pytest.raises(IndexError, match="id -1 at position 1 of row 1 is outside"):
        bert.decode_batch([[257, 97], [258, -1]], skip_special_tokens=True)


def test_pad_and_windows_refuse_to_truncate_pairs():
    counts = ft.PretokenCounts.from_dict({"a": 1})
    tok = ft.train(counts, model="character", special_tokens=["[CLS]", "[SEP]", "[PAD]"])
    tok = tok.with_template("[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1")
    pairs = tok.encode_pairs([("aaaaa", "a")], add_special_tokens=True)
    assert tok.pad(pairs.type_ids, pad_id=0, max_length=5).ids.tolist() == [[0, 0, 0, 0, 0]]
    assert tok.pad(pairs.type_ids, pad_id=0, width=11).ids.tolist() == [[0] * 7 + [1] * 2 + [0] * 2]
    assert tok.pad(pairs.ids, width=11).ids.shape == (1, 11)
    for truncate in (tok.pad, tok.windows):
        with pytest.raises(ValueError, match="cannot truncate or split row 0: it seems to be a pair"):
            truncate(pairs.ids, 5)
