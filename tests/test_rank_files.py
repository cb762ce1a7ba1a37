"""Rank files of tiktoken: parsing, encodings known by content or name, and live tiktoken encodings."""

from __future__ import annotations

import base64
import builtins
import hashlib
import importlib
import json
import random

import numpy as np
import pytest
import tiktoken

import fasttok as ft
from fasttok.formats._ranks import parse_ranks
from fasttok.formats.encodings import ENCODINGS, find_encoding, hash_of
from fasttok.text.pretokenizers.scanners import NAMED
from tests import hostile

BYTES = b"".join(base64.b64encode(bytes([b])) + b" %d\n" % b for b in range(256))


def parse(data):
    values, offsets, ranks, lines, bad = parse_ranks(np.frombuffer(data, np.uint8))
    return ft.Ragged(values, offsets).to_bytes(), ranks.tolist(), lines.tolist(), bad


def parse_in_python(data):
    rows, ranks, lines = [], [], []
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            encoded, digits = line.split()
            row = base64.b64decode(encoded, validate=True)
            if not row or len(encoded) % 4 or not digits.isdigit() or len(digits) > 10:
                raise ValueError
        except ValueError:
            return rows, ranks, lines, number
        rows.append(row)
        ranks.append(int(digits))
        lines.append(number)
    return rows, ranks, lines, 0


def test_parsing_valid_lines():
    rng = random.Random(1)
    for _ in range(300):
        data = b""
        for _ in range(rng.randint(0, 8)):
            space = rng.choice([b" ", b"\t", b"  ", b" \x0b"])
            start, end = rng.choice([b"", b" ", b"\n"]), rng.choice([b"\n", b"\r\n", b" \n", b"\n\n"])
            piece = base64.b64encode(rng.randbytes(rng.randint(1, 9)))
            data += start + piece + space + b"%d" % rng.randrange(10**10) + end
        data = data[: len(data) - rng.randint(0, 1)]
        assert parse(data) == parse_in_python(data)
        assert parse(data)[3] == 0


def test_parsing_damaged_lines():
    rng = random.Random(2)
    n_bad = 0
    for _ in range(3000):
        data = bytearray(BYTES[: rng.randint(1, 40)] + b"YWI= 256\nYWJjZA== 257")
        for _ in range(rng.randint(0, 3)):
            data[rng.randrange(len(data))] = rng.choice(b"=+/aA09 \n\r\t\x00\xff!-_")
        assert parse(bytes(data)) == parse_in_python(bytes(data)), bytes(data)
        n_bad += parse(bytes(data))[3] > 0
    assert 500 < n_bad < 2900
    assert parse(b"") == ([], [], [], 0)
    for line in (
        b"YQ== 12345678901",
        b"YQ= 1",
        b"YQ=== 1",
        b"YWI 1",
        b"Y 1",
        b"=== 1",
        b"YQ== 1 2",
        b"YQ==1",
    ):
        assert parse(b"\n" + line + b"\n")[3] == 2


# Encodings


def test_encodings_are_those_of_tiktoken(monkeypatch, shared):
    hashes = {}

    def remember(url, expected_hash):
        hashes[url] = expected_hash
        return {}

    module = importlib.import_module("tiktoken_ext.openai_public")
    monkeypatch.setattr(module, "load_tiktoken_bpe", remember)
    monkeypatch.setattr(module, "data_gym_to_mergeable_bpe_ranks", lambda **_: {})
    theirs = {name: make()["special_tokens"] for name, make in module.ENCODING_CONSTRUCTORS.items()}
    ours = {name: encoding.special_tokens for name, encoding in ENCODINGS.items()}
    assert theirs["o200k_harmony"].pop("<|reserved_200018|>") == 200018
    assert {name: ours[name] for name in theirs} == theirs
    assert {one.sha256 for name, one in ENCODINGS.items() if name in theirs} == set(hashes.values())
    assert ours.keys() - theirs == {"llama3", "qwen"}


def test_llama3_has_the_ranks_and_special_tokens_of_its_tokenizer_json(shared):
    from fasttok.text.unicode.byte_alphabet import read_bytes

    fields = json.loads((shared / "tokenizers/huggingface/lenml_llama3_1/tokenizer.json").read_text())
    data = b"".join(
        base64.b64encode(read_bytes(piece)) + b" %d\n" % i for piece, i in fields["model"]["vocab"].items()
    )
    assert hashlib.sha256(data).hexdigest() == ENCODINGS["llama3"].sha256
    tokens = {token["content"]: token["id"] for token in fields["added_tokens"]}
    assert ENCODINGS["llama3"].special_tokens == tokens
    assert find_encoding(hash_of(data), "tokenizer") == "llama3"


@pytest.mark.parametrize(
    ("file", "name", "encoding"),
    [
        ("r50k_base", "9b5ad71b2ce5302211f9c61530b329a4922fc6a4", "r50k_base"),
        ("r50k_base", "gpt2.tiktoken", "gpt2"),
        ("p50k_base", "p50k_edit.tiktoken", "p50k_edit"),
        ("p50k_base", "cl100k_base.tiktoken", "p50k_base"),
        ("o200k_base", "tokenizer.model", "o200k_base"),
        ("o200k_base", "o200k_harmony.tiktoken", "o200k_harmony"),
        ("qwen", "tokenizer", "qwen"),
    ],
)
def test_files_are_known_by_content(tmp_path, shared, file, name, encoding):
    path = tmp_path / name
    path.symlink_to(shared / f"tokenizers/tiktoken/{file}.tiktoken")
    tok = ft.load(path)
    assert tok.provenance == {"format": "tiktoken", "encoding": encoding}
    assert tok.special_tokens == ENCODINGS[encoding].special_tokens
    assert tok.pretokenizer == ft.get_pretokenizer(ENCODINGS[encoding].pretokenizer)


def test_a_known_name_with_another_content_is_a_warning(tmp_path, shared):
    path = tmp_path / "cl100k_base.tiktoken"
    lines = (shared / "tokenizers/tiktoken/cl100k_base.tiktoken").read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:40_000]))
    with pytest.warns(UserWarning, match="the name of the rank file of cl100k_base, but is") as caught:
        assert ft.load(path).pretokenizer.name == "cl100k"
    assert caught[0].filename == __file__
    ft.load(path, encoding="cl100k_base")


@pytest.mark.parametrize(
    ("file", "encoding", "owners"),
    [
        ("cl100k_base", "o200k_base", "cl100k_base"),
        ("r50k_base", "cl100k_base", "r50k_base and gpt2"),
        ("p50k_base", "r50k_base", "p50k_base and p50k_edit"),
    ],
)
def test_the_file_of_another_encoding_is_refused(shared, file, encoding, owners):
    path = shared / f"tokenizers/tiktoken/{file}.tiktoken"
    with pytest.raises(ValueError, match=f"{file}.tiktoken is the rank file of {owners}, not of {encoding}"):
        ft.load(path, encoding=encoding)


def test_options_override_the_encoding(tmp_path):
    path = tmp_path / "mine.tiktoken"
    path.write_bytes(BYTES)
    tok = ft.load(path, encoding="p50k_edit")
    assert tok.special_tokens["<|fim_suffix|>"] == 50283
    tok = ft.load(path, encoding="p50k_edit", special_tokens={"<s>": 300}, pretokenizer="o200k")
    assert (tok.special_tokens, tok.pretokenizer.name) == ({"<s>": 300}, "o200k")
    with pytest.raises(ValueError, match="encoding must be \"r50k_base\", .* not 'gpt5'"):
        ft.load(path, encoding="gpt5")
    with pytest.raises(TypeError, match="special_tokens must be a mapping"):
        ft.load(path, encoding="gpt2", special_tokens=["<s>"])


def test_ranks_in_any_order_with_gaps(tmp_path):
    lines = [*BYTES.splitlines(), b"YWI= 260", b"YWJj 258"]
    random.Random(4).shuffle(lines)
    path = tmp_path / "x.tiktoken"
    path.write_bytes(b"\n".join(lines))
    tok = ft.load(path, pretokenizer="none")
    assert tok.vocab_size == 261
    assert [tok.piece_to_id(piece) for piece in (b"a", b"ab", b"abc")] == [97, 260, 258]
    assert tok.encode("abcabab").tolist() == [258, 260, 260] == tok.to_tiktoken().encode("abcabab")
    assert len(tok.pieces[257]) == len(tok.pieces[259]) == 0


# Live encodings


@pytest.mark.parametrize("file", ["r50k_base", "p50k_base", "cl100k_base", "o200k_base", "qwen"])
def test_live_encodings_of_real_files(shared, file):
    tok = ft.load(shared / f"tokenizers/tiktoken/{file}.tiktoken")
    encoding = tok.to_tiktoken()
    texts = hostile.texts(1500, seed=5)
    assert [encoding.encode_ordinary(text) for text in texts] == tok.encode_batch(texts).to_list()
    for text in texts:
        assert encoding.encode(text, allowed_special="all") == tok.encode(text, special="all").tolist()
    ids = tok.encode(texts[0] + "東京", special="all").tolist()
    assert encoding.decode(ids) == tok.decode(ids)
    assert encoding.n_vocab == tok.vocab_size
    assert encoding.special_tokens_set == set(tok.special_tokens)


@pytest.mark.parametrize(
    "pretokenizer",
    [
        *NAMED,
        r"\d+",
        r"(?i:'s|'t)|\p{L}+",
        r"a(?=b)|\p{Lu}{2,3}+",
        r"[^\s]+?(?=b)|\s",
        r"(a|b)c|[\]\-x]{2}",
        r"[\p{L}\p{M}]+|\x41|.",
    ],
)
def test_live_encodings_with_any_pretokenizer(tok, pretokenizer):
    made = ft.Tokenizer(tok.model, pretokenizer, tok.special_tokens)
    encoding = made.to_tiktoken()
    for text in [*hostile.texts(1500, seed=6), "abab", "aabcxx]]--", "AAAAA'S'T'x"]:
        assert encoding.encode_ordinary(text) == made.encode(text).tolist(), text


@pytest.mark.parametrize(
    "pattern",
    [
        "^a", "a$", r"a\Z", r"(?<=a)b", r"\bfoo", "[a&&b]", "[a||b]", "(?i:i)", "(?i:[a])", r"(?i:\p{L})",
        "(?i)a", "[[:alpha:]]+", r"(a)\1", "(?P<x>a)", "(?>a)", r"\h", "a{,3}b", "a{b",
        "(?:" * 51 + "a" + ")" * 51, r"\p{InBasicLatin}",
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Possible (nested set|set difference)")
def test_patterns_that_may_mean_something_else_in_tiktoken(tok, pattern):
    made = ft.Tokenizer(tok.model, ft.get_pretokenizer({"name": "regex", "pattern": pattern}))
    with pytest.raises(ft.ModelExportError, match=r"may have another meaning|cannot compile the pattern"):
        made.to_tiktoken()


@pytest.mark.parametrize("pattern", [r"\d*", "a|", "(?=a)", "a??", "(?:a{0,2})+"])
def test_patterns_that_match_an_empty_text(tok, pattern):
    with pytest.raises(ft.ModelExportError, match="can match an empty text"):
        ft.Tokenizer(tok.model, pattern).to_tiktoken()


def test_tokenizers_that_tiktoken_cannot_represent(tok):
    for made, message in [
        (ft.Tokenizer(tok.model, ["digits_single", "gpt2"]), "one regular expression, but .*Sequence"),
        (ft.Tokenizer(tok.model, "metaspace"), "tiktoken cannot rewrite text"),
        (ft.Tokenizer(tok.model, "gpt2", normalizer="nfc"), "tiktoken cannot hold a normalizer"),
        (ft.Tokenizer(tok.model, "gpt2", {"<a": 400, "<a>": 401}), "'<a' is the beginning of '<a>'"),
        (tok.add_tokens(["<tool>"]), "tiktoken can only hold special tokens without flags"),
        (
            ft.Tokenizer(ft.WordModel(["a"]), "bert"),
            "tiktoken can only hold byte-level BPE, not a word model",
        ),
    ]:
        with pytest.raises(ft.ModelExportError, match=message):
            made.to_tiktoken()


def test_a_byte_model_and_its_own_decoder(tmp_path):
    tok = ft.Tokenizer(ft.ByteModel(), "gpt2", {"<s>": 256}, decoder="pieces", template=ft.Template("$A"))
    tok.save(tmp_path / "x.tiktoken", format="tiktoken")
    assert (tmp_path / "x.tiktoken").read_bytes() == BYTES
    encoding = tok.to_tiktoken()
    assert isinstance(encoding, tiktoken.Encoding)
    assert encoding.encode("é<s>", allowed_special="all") == tok.encode("é<s>", special="all").tolist()


def test_tiktoken_is_not_installed(tok, monkeypatch):
    imported = builtins.__import__

    def without_tiktoken(name, *args, **kwargs):
        if name == "tiktoken":
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_tiktoken)
    with pytest.raises(ImportError, match="to_tiktoken needs tiktoken: pip install tiktoken"):
        tok.to_tiktoken()
