"""Post-processors, padding and truncation of ``tokenizers``: random files against the library."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest
import tokenizers

import fasttok as ft
from fasttok.formats.huggingface.canonical import to_canonical
from fasttok.formats.huggingface.processors import (
    read_processor,
    read_settings,
    write_processor,
    write_settings,
)
from fasttok.formats.huggingface.shapes import Place

Json = dict[str, Any]

SPECIAL = ["[CLS]", "[SEP]", "<s>", "[PAD]", "end of text"]
ADDED = [
    *(ft.AddedToken(text, special=True) for text in SPECIAL),
    ft.AddedToken("<m>", special=True, lstrip=True),
    ft.AddedToken("<n>", lstrip=True, rstrip=True),
    ft.AddedToken(" <o>  "),
    ft.AddedToken("Ġ<p>\u3000"),
]
IDS = {token: 300 + i for i, token in enumerate(ADDED)}
ID_OF = {token.text: i for token, i in IDS.items()}
MERGES = ["  ", " a", "a ", "  a", "ab", " ab", "ab ", "é"]
PARTS = [
    " ",
    " ",
    "  ",
    "a",
    "b",
    "ab",
    "c",
    "\n",
    "\t",
    "é",
    "東",
    "\u3000",
    "\xa0",
    *(t.text for t in ADDED),
]


def model() -> ft.BPEModel:
    pieces = [bytes([byte]) for byte in range(256)]
    merges = []
    for text in MERGES:
        whole = text.encode()
        cut = next(i for i in range(1, len(whole)) if whole[:i] in pieces and whole[i:] in pieces)
        merges.append([pieces.index(whole[:cut]), pieces.index(whole[cut:])])
        pieces.append(whole)
    return ft.BPEModel(pieces, merges)


MODEL = model()
ALPHABET = {
    byte: chr(byte) if chr(byte).isprintable() and byte not in (0x20, 0xA0, 0xAD) and byte < 256 else None
    for byte in range(256)
}
for number, byte in enumerate(byte for byte in range(256) if ALPHABET[byte] is None):
    ALPHABET[byte] = chr(256 + number)


def library_name(piece: bytes) -> str:
    return "".join(ALPHABET[byte] for byte in piece)


def library_file(
    post_processor: Json | None, truncation: Json | None = None, padding: Json | None = None
) -> Json:
    pieces = [library_name(piece) for piece in MODEL.pieces.to_bytes()]
    return {
        "version": "1.0",
        "truncation": truncation,
        "padding": padding,
        "added_tokens": [
            {
                "id": i,
                "content": token.text,
                **{flag: getattr(token, flag) for flag in ("single_word", "lstrip", "rstrip", "special")},
                "normalized": False,
            }
            for token, i in IDS.items()
        ],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": True,
            "use_regex": False,
        },
        "post_processor": post_processor,
        "decoder": None,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {piece: i for i, piece in enumerate(pieces)} | ID_OF,
            "merges": [[pieces[left], pieces[right]] for left, right in MODEL.merges],
        },
    }


def from_library(fields: Json) -> ft.Tokenizer:
    """Return the tokenizer of a file that `library_file` made, with settings read from the file."""
    canonical = to_canonical(fields, "file")
    template, trim_offsets = read_processor(canonical["post_processor"], Place("file", "post_processor"))
    tokens = {
        token.__class__(**token.changed_options() | {"normalized": False}): i for token, i in IDS.items()
    }
    settings = read_settings(canonical)
    return ft.Tokenizer(MODEL, "none", tokens, template=template, trim_offsets=trim_offsets, **settings)


def in_library(function, *arguments, **options):
    """Return the result of the library; None if it raises an exception or panics."""
    try:
        return function(*arguments, **options)
    except BaseException as error:  # a panic is a BaseException
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        return None


# Random settings


def sequence(name: str, type_id: int = 0) -> Json:
    return {"Sequence": {"id": name, "type_id": type_id}}


def special(name: str, type_id: int = 0) -> Json:
    return {"SpecialToken": {"id": name, "type_id": type_id}}


def template(single: list[Json], pair: list[Json], ids: dict[str, list[int]] | None = None) -> Json:
    names = {part["SpecialToken"]["id"] for part in single + pair if "SpecialToken" in part}
    ids = ids or {}
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": pair,
        "special_tokens": {
            name: {
                "id": name,
                "ids": (found := ids.get(name) or [ID_OF[name]]),
                "tokens": ["x"] * len(found),
            }
            for name in names
        },
    }


def random_template(rng: random.Random) -> Json:
    names = [*SPECIAL, "$A:1", '"', "a b:2"]
    ids = {name: rng.choices([97, 32, 257, 300, 303], k=rng.choice((1, 1, 2, 3))) for name in names[-3:]}
    if rng.random() < 0.1:
        ids["<s>"] = [301, 302]

    def type_id() -> int:
        return rng.choice((0, 0, 0, 1, 2, 7, 255, 256, 70_000) if rng.random() < 0.3 else (0, 0, 0, 1, 2))

    def words(texts: str) -> list[Json]:
        parts = [special(rng.choice(names), type_id()) for _ in range(rng.randrange(4))]
        for text in texts:
            parts.insert(rng.randint(0, len(parts)), sequence(text, type_id()))
        return parts

    pair = rng.choice(("AB", "AB", "AB", "BA", "A", "B", "", "ABA", "BB"))
    return template(words("A" if rng.random() < 0.95 else rng.choice(("", "AA", "AB"))), words(pair), ids)


def random_processor(rng: random.Random, depth: int = 1) -> Json | None:
    kind = rng.randrange(8 if depth else 6)
    if kind < 3:
        return random_template(rng)
    if kind == 3:
        return byte_level(rng)
    cls, sep = rng.choices(SPECIAL, k=2)
    ends = {"sep": [sep, ID_OF[sep]], "cls": [cls, ID_OF[cls]]}
    if kind == 4:
        return {"type": "BertProcessing", **ends}
    if kind == 5:
        flags = {"trim_offsets": rng.random() < 0.5, "add_prefix_space": rng.random() < 0.5}
        return {"type": "RobertaProcessing", **ends, **flags}
    if kind == 6:
        return None
    steps = [random_processor(rng, 0) for _ in range(rng.choice((0, 1, 2, 2, 3)))]
    if rng.random() < 0.5:
        steps = [byte_level(rng), random_template(rng)]
    return {"type": "Sequence", "processors": steps}


def byte_level(rng: random.Random) -> Json:
    flags = {"add_prefix_space": rng.random() < 0.5, "trim_offsets": rng.random() < 0.7, "use_regex": True}
    return {"type": "ByteLevel", **flags}


def random_truncation(rng: random.Random) -> Json:
    max_length = rng.choice((0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 512))
    return {
        "direction": rng.choice(("Right", "Left")),
        "max_length": max_length,
        "strategy": rng.choice(("LongestFirst", "LongestFirst", "OnlyFirst", "OnlySecond")),
        "stride": rng.choice((0, 0, 1, 2, 3)) if max_length > 6 else 0,
    }


def random_padding(rng: random.Random) -> Json:
    return {
        "strategy": rng.choice(("BatchLongest", {"Fixed": rng.choice((0, 1, 5, 12, 30))})),
        "direction": rng.choice(("Right", "Left")),
        "pad_to_multiple_of": rng.choice((None, None, 0, 1, 4, 8)),
        "pad_id": rng.choice((0, 303, 4_000_000_000)),
        "pad_type_id": rng.choice((0, 1, 3, 300)),
        "pad_token": rng.choice(("[PAD]", "nowhere")),
    }


def random_text(rng: random.Random) -> str:
    return "".join(rng.choices(PARTS, k=rng.choice((0, 1, 2, 3, 5, 8))))


# Comparisons


def check_single_texts(tok: ft.Tokenizer, library, texts: list[str], adds: bool) -> None:
    options = {"special": "all", "add_special_tokens": adds}
    rows = tok.encode_batch(texts, **options)
    type_ids = tok.type_ids(rows)
    for i, text in enumerate(texts):
        expected = library.encode(text, add_special_tokens=adds)
        assert rows[i].tolist() == expected.ids
        assert tok.encode(text, as_list=True, **options) == expected.ids
        encoding = tok.encode_with_offsets(text, **options)
        assert encoding.ids.tolist() == expected.ids
        assert encoding.type_ids.tolist() == expected.type_ids
        assert encoding.char_spans.tolist() == [list(span) for span in expected.offsets], text
        check_byte_spans(text, encoding)
        if adds or not set(tok._ends[0] + tok._ends[1]) & set(expected.ids):
            assert type_ids[i].tolist() == expected.type_ids


def check_byte_spans(text: str, encoding: ft.Encoding) -> None:
    """Check that spans in bytes cover the same characters as spans in code points."""
    data = text.encode()
    for (start, end), (first, last) in zip(encoding.byte_spans, encoding.char_spans, strict=True):
        begin, stop = len(text[:first].encode()), len(text[:last].encode())
        if first == last:
            assert start == end
        else:
            assert begin <= start <= end <= stop
            if data[start:end].decode(errors="replace").isprintable():
                assert data[start:end] == text[first:last].encode() or "\ufffd" in data[start:end].decode(
                    errors="replace"
                )


def check_pairs(tok: ft.Tokenizer, library, pairs: list[tuple[str, str]], adds: bool) -> Counter[str]:
    counts: Counter[str] = Counter()
    for pair in pairs:
        expected = in_library(library.encode, *pair, add_special_tokens=adds)
        if expected is None:
            counts["library fails"] += 1
            continue
        found = tok.encode_pairs([("", ""), pair], special="all", add_special_tokens=adds)
        kept = [i for i, mask in enumerate(expected.attention_mask) if mask]
        assert found.ids[1].tolist() == [expected.ids[i] for i in kept]
        assert found.type_ids[1].tolist() == [expected.type_ids[i] for i in kept]
        counts["pairs"] += 1
    return counts


def check_batches(tok: ft.Tokenizer, library, texts: list[str], adds: bool) -> None:
    """Compare padded and truncated rows, and the windows of long rows."""
    rows = tok.encode_batch(texts, special="all", add_special_tokens=adds)
    if not adds and set(tok._ends[0] + tok._ends[1]) & set(rows.values.tolist()):
        return  # a row without special tokens of the template may seem to have them
    for part in (slice(0, len(texts)), slice(0, 2), slice(3, 4)):
        found = in_library(library.encode_batch, texts[part], add_special_tokens=adds)
        if found is None or len({len(row.ids) for row in found}) > 1:
            continue  # an error, or no matrix, since rows are longer than the fixed length
        ids, mask = tok.pad(rows[part], pad_id=None if tok.padding else 0)
        assert ids.tolist() == [row.ids for row in found]
        assert mask.tolist() == [row.attention_mask for row in found]
        if adds or tok.truncation is None or tok.truncation.max_length >= sum(map(len, tok._ends)):
            type_ids, _ = tok.pad(tok.type_ids(rows[part]))
            assert type_ids.tolist() == [row.type_ids for row in found]
    if tok.truncation is None:
        return
    for i, text in enumerate(texts):
        found = in_library(library.encode, text, add_special_tokens=adds)
        n_added = adds * sum(map(len, tok._ends))
        if found is None or tok.truncation.max_length <= n_added + tok.truncation.overlap:
            continue
        windows = tok.windows(rows[i : i + 1])
        expected = [
            [i for i, mask in zip(e.ids, e.attention_mask, strict=True) if mask]
            for e in (found, *found.overflowing)
        ]
        assert windows.ids.to_list() == expected


@pytest.fixture(autouse=True)
def _quiet_panics(monkeypatch):
    monkeypatch.setenv("RUST_BACKTRACE", "0")


@pytest.mark.parametrize("group", range(8))
def test_random_settings_equal_tokenizers(group):
    n_refused = 0
    for seed in range(20 * group, 20 * group + 20):
        rng = random.Random(f"settings {seed}")
        fields = library_file(
            random_processor(rng),
            random_truncation(rng) if rng.random() < 0.7 else None,
            random_padding(rng) if rng.random() < 0.7 else None,
        )
        library = tokenizers.Tokenizer.from_str(json.dumps(fields))
        try:
            tok = from_library(fields)
        except ft.ModelFormatError as error:
            assert error.place.startswith("post_processor")
            n_refused += 1
            continue
        texts = [random_text(rng) for _ in range(6)]
        pairs = list(zip(texts[::2], texts[1::2], strict=True))
        plain = tokenizers.Tokenizer.from_str(json.dumps(fields | {"truncation": None, "padding": None}))
        written = fields | {"post_processor": write_processor(tok)} | write_settings(tok)
        again = from_library(written)
        assert again.template == tok.template
        assert again.fingerprint() == tok.fingerprint()
        for adds in (True, False):
            check_single_texts(tok, plain, texts, adds)
            check_pairs(tok.with_settings(truncation=None), plain, pairs, adds)
            check_pairs(tok, library, pairs, adds)
            check_batches(tok, library, texts, adds)
    assert n_refused < 10


BERT = {"type": "BertProcessing", "sep": ["[SEP]", 301], "cls": ["[CLS]", 300]}
LEVEL = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
PLAIN = template([sequence("A")], [sequence("A"), sequence("B", 1)])


def in_order(*steps: Json) -> Json:
    return {"type": "Sequence", "processors": list(steps)}


@pytest.mark.parametrize(
    ("fields", "place", "message"),
    [
        (template([sequence("A"), sequence("A")], []), "", "does not occur exactly once"),
        (template([special("<s>")], []), "", "does not occur exactly once"),
        (template([sequence("B")], []), ".single[0].Sequence.id", "there is only one text"),
        (
            PLAIN | {"single": [special("x"), sequence("A")]},
            ".single[0].SpecialToken.id",
            "'x' is not in special_tokens",
        ),
        (in_order(LEVEL, LEVEL), ".processors[1]", "trimmed a second time"),
        (in_order(in_order(BERT), in_order(LEVEL)), ".processors[1].processors[0]", "after special tokens"),
        (
            in_order(template([special("<s>"), sequence("A"), special("<s>")], []), PLAIN),
            ".processors[1]",
            "gets 3 parts from a processor before it",
        ),
        (
            in_order(BERT, template([sequence("A")], [sequence("A"), sequence("B"), sequence("B")])),
            "",
            "truncation reserves 3 ids for special tokens, but 4 are added",
        ),
        (
            in_order(template([special("<s>"), sequence("A")], [sequence("A")]), PLAIN),
            "",
            "without special tokens are not those with special tokens",
        ),
    ],
)
def test_processors_that_cannot_be_read_exactly(fields, place, message):
    fields = to_canonical(library_file(fields), "file")["post_processor"]
    with pytest.raises(ft.ModelFormatError, match=message) as error:
        read_processor(fields, Place("file", "post_processor"))
    assert (error.value.path, error.value.place) == ("file", "post_processor" + place)


def test_processors_that_do_nothing_have_a_plain_template():
    for fields in (None, LEVEL | {"trim_offsets": False}, in_order(), PLAIN):
        template, trim_offsets = read_processor(fields, Place("file"))
        assert template.is_plain
        assert trim_offsets is None
    assert read_processor(LEVEL, Place("file")) == (ft.Template("$A", "$A $B:1"), ft.TrimOffsets(True))
    tok = ft.Tokenizer(MODEL, "none", template=ft.Template("$A", "$A $B:1"))
    assert write_processor(tok) is None
    assert write_settings(tok) == {"truncation": None, "padding": None}


def test_equal_names_of_different_tokens_are_kept_apart():
    steps = in_order(BERT, template([special("[CLS]"), sequence("A")], PLAIN["pair"], {"[CLS]": [65]}))
    found = read_processor(
        to_canonical(library_file(steps), "file")["post_processor"], Place("file")
    ).template
    assert found.single == "[CLS] [CLS]' $A [SEP]"
    assert found.ids_by_name == {"[CLS]": (65,), "[CLS]'": (300,), "[SEP]": (301,)}


def test_written_settings():
    tok = ft.Tokenizer(MODEL, "none", {"<pad>": 300, "<s>": 301})
    fields = write_settings(tok.with_settings(padding=ft.Padding()))["padding"]
    assert (fields["pad_id"], fields["pad_token"], fields["strategy"]) == (300, "<pad>", "BatchLongest")
    fields = write_settings(tok.with_settings(padding=ft.Padding(4, pad_id=32)))["padding"]
    assert (fields["pad_id"], fields["pad_token"], fields["strategy"]) == (32, "Ġ", {"Fixed": 4})
    fields = write_settings(tok.with_settings(padding=ft.Padding(pad_id=999)))["padding"]
    assert fields["pad_token"] == "[PAD]"  # noqa: S105
    with pytest.raises(ft.ModelExportError, match="pad_id must be from 0 to"):
        write_settings(tok.with_settings(padding=ft.Padding(pad_id=-100)))
    with pytest.raises(ft.ModelExportError, match="cannot write the padding: no padding token"):
        write_settings(ft.Tokenizer(MODEL, "none", padding=ft.Padding()))
    # A tokenizer without a template for pairs is written with the default of tokenizers.
    single = write_processor(tok.with_template("<s> x $A", ids={"x": [32, 97]}))
    assert single["pair"] == [sequence("A"), sequence("B", 1)]
    assert single["special_tokens"]["x"] == {"id": "x", "ids": [32, 97], "tokens": ["Ġ", "a"]}
