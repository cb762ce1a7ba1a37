"""``tekken.json`` of Mistral: ids as in tiktoken with the same pattern and ranks, and damaged files."""

from __future__ import annotations

import json
import random

import pytest
import tiktoken

import fasttok as ft
from tests import hostile, tekken_file

WORDS = ["the", " the", "low", " low", "er", "東京", " ", "  ", "é", "!!", "abc", "ab"]
SPECIAL = ["<unk>", "<s>", "</s>", "[INST]", "[CALL_ID]", "<pad>"]


def make(rng, **options):
    pieces = {bytes(rng.choices(b"abcd ", k=rng.randint(2, 5))) for _ in range(rng.randint(1, 60))}
    rest = sorted(pieces | {word.encode() for word in WORDS if len(word.encode()) > 1})
    rng.shuffle(rest)
    return tekken_file.make_fields(rest, **options)


@pytest.mark.parametrize("version", ["v3", "v7", "v11", "v13", "v15"])
def test_ids_equal_those_of_tiktoken(tmp_path, version):
    rng = random.Random(version)
    for n_unused, special in ((0, SPECIAL), (7, SPECIAL), (3, None if version in ("v3", "v7") else [])):
        fields = make(rng, n_unused=n_unused, special=special, version=version)
        tok = ft.load(tekken_file.write(tmp_path / "tekken.json", fields))
        encoding = tiktoken.Encoding(
            "x",
            pat_str=tekken_file.PATTERN,
            mergeable_ranks=tekken_file.read_ranks(fields),
            special_tokens={},
        )
        assert tok.vocab_size == fields["config"]["default_vocab_size"]
        for text in [*hostile.texts(300, seed=n_unused), "".join(rng.choices("abcd ", k=200)), "<s>[INST]"]:
            ids = tok.encode(text).tolist()
            assert ids == [30 + i for i in encoding.encode(text)]
            assert tok.decode(ids) == encoding.decode([i - 30 for i in ids]) == text


def test_the_special_tokens_come_first(tmp_path):
    fields = tekken_file.make_fields([b"lo", b"low"], special=SPECIAL, version="v11", n_special=8)
    tok = ft.load(tekken_file.write(tmp_path / "tekken.json", fields))
    assert list(tok.special_tokens) == [*SPECIAL, "<SPECIAL_6>", "<SPECIAL_7>"]
    assert list(tok.special_tokens.values()) == list(range(8))
    assert tok.encode("low<s>", special="all", add_special_tokens=True).tolist() == [1, 8 + 257, 1]
    assert tok.decode([1, 8 + 257, 7], skip_special_tokens=True) == "low"
    assert tok.pad([[1]], width=2)[0].tolist() == [[1, 5]]
    assert tok.provenance == {"format": "tekken", "version": "v11"}
    without_begin = tekken_file.make_fields([], special=["<unk>"], version="v11")
    assert ft.load(tekken_file.write(tmp_path / "tekken.json", without_begin)).template is None


def test_implicit_special_tokens(tmp_path):
    fields = tekken_file.make_fields([], version="v7")
    tok = ft.load(tekken_file.write(tmp_path / "any.json", fields))
    assert tok.special_tokens["[TOOL_CONTENT]"] == 19
    assert list(tok.special_tokens)[18:21] == ["[/SYSTEM_PROMPT]", "[TOOL_CONTENT]", "<SPECIAL_20>"]
    assert len(tok.special_tokens) == 30


@pytest.mark.parametrize("first", ["vocab", "special_tokens", "config"])
def test_files_are_recognized_whatever_comes_first(tmp_path, first):
    fields = tekken_file.make_fields([b"low"], special=SPECIAL)
    path = tekken_file.write(tmp_path / "x.json", {first: fields[first], **fields, "image": {"size": 16}})
    assert ft.load(path).encode("low").tolist() == [30 + 256]


def test_a_saved_copy_is_the_same(tmp_path):
    tok = ft.load(tekken_file.write(tmp_path / "tekken.json", make(random.Random(5), special=SPECIAL)))
    tok.save(tmp_path / "copy.json")
    assert ft.load(tmp_path / "copy.json").fingerprint() == tok.fingerprint()
    with pytest.raises(ft.ModelExportError, match="'tekken' can only be read"):
        tok.save(tmp_path / "copy.json", format="tekken")
    with pytest.raises(ft.ModelExportError, match="cannot hold a template, .*<s>"):
        tok.save(tmp_path / "x.tiktoken", format="tiktoken")
    plain = tok.with_template("$A")
    plain.save(tmp_path / "x.tiktoken", format="tiktoken")
    again = ft.load(tmp_path / "x.tiktoken", pretokenizer=tok.pretokenizer)
    encoding = plain.to_tiktoken()
    for text in hostile.texts(300, seed=6):
        ids = tok.encode(text).tolist()
        assert ids == again.encode(text).tolist() == encoding.encode_ordinary(text)
        assert tok.encode(text, special="all").tolist() == encoding.encode(text, allowed_special="all")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda f: f["config"].update(version="v2"),
            "config.version: version 'v2' is unknown; .* v3, v7, v11",
        ),
        (lambda f: f["config"].pop("version"), "config.version: version None is unknown"),
        (lambda f: f["config"].update(version=["v3"]), "config.version: version "),
        (lambda f: f.pop("config"), "config: 'config' is missing"),
        (lambda f: f.update(config=[]), "config: must be dict, not list"),
        (lambda f: f["config"].pop("pattern"), "config.pattern: 'pattern' is missing"),
        (lambda f: f["config"].update(pattern="("), "config.pattern: pattern '\\(' does not compile"),
        (lambda f: f["config"].update(pattern="os:abc"), None),
        (lambda f: f["config"].update(default_vocab_size=True), "config: must be int, not bool"),
        (
            lambda f: f["config"].update(default_vocab_size=10**9),
            "vocab: .* are in use .* but the file has 258",
        ),
        (lambda f: f["config"].update(default_vocab_size=0), "vocab: -30 pieces are in use"),
        (
            lambda f: f["config"].update(default_num_special_tokens=10**9),
            "config: 1000000000 special tokens are",
        ),
        (lambda f: f["config"].update(default_num_special_tokens=-1), "config: -1 special tokens"),
        (lambda f: f["config"].update(default_num_special_tokens=3), "special_tokens: there are 6, but"),
        (
            lambda f: f["config"].update(version="v11") or f.pop("special_tokens"),
            "only allowed in versions v3",
        ),
        (lambda f: f["special_tokens"][1].update(rank=7), "special token 1 has rank 7"),
        (lambda f: f["special_tokens"][1].pop("rank"), "special_tokens: 'rank' is missing"),
        (
            lambda f: f["special_tokens"][1].update({"token_str": "<unk>"}),
            "special token '<unk>' is given twice",
        ),
        (
            lambda f: f["special_tokens"][1].update({"token_str": "<SPECIAL_9>"}),
            "'<SPECIAL_9>' is given twice",
        ),
        (lambda f: f["special_tokens"][1].update({"token_str": ""}), "text of an added token must be"),
        (lambda f: f["special_tokens"][1].update({"token_str": 5}), "special_tokens: must be str, not int"),
        (lambda f: f.update(vocab={}), "vocab: must be list, not dict"),
        (lambda f: f["vocab"].__setitem__(3, 5), "vocab: must be dict, not int"),
        (lambda f: f["vocab"][3].update(rank=4), "vocab: entry 3 has rank 4"),
        (
            lambda f: f["vocab"][3].update({"token_bytes": "Bw=="}),
            "vocab: entry 3 is b'\\\\x07'; the first 256",
        ),
        (lambda f: f["vocab"][257].update({"token_bytes": ""}), "vocab: entry 257 is b''"),
        (
            lambda f: f["vocab"][257].update({"token_bytes": "a b"}),
            "the bytes of entry 257 are not base64: 'a b'",
        ),
        (
            lambda f: f["vocab"][257].update({"token_bytes": None}),
            "the bytes of entry 257 are not base64: None",
        ),
        (
            lambda f: f["vocab"][257].update({"token_bytes": "bG8="}),
            "ids 286 and 287 have the same piece b'lo'",
        ),
    ],
)
def test_damaged_files(tmp_path, change, message):
    fields = tekken_file.make_fields([b"lo", b"low"], special=list(SPECIAL))
    change(fields)
    path = tekken_file.write(tmp_path / "tekken.json", fields)
    if message is None:  # a pattern that looks like an import path is still a pattern
        assert ft.load(path).pretokenizer.pattern == "os:abc"
        return
    with pytest.raises(ft.ModelFormatError, match=message) as error:
        ft.load(path)
    assert str(path) in str(error.value)


def test_files_that_are_not_json_objects(tmp_path):
    path = tmp_path / "tekken.json"
    data = json.dumps(tekken_file.make_fields([]))
    for damaged, message in [
        (data[:-1], "not JSON"),
        (data[:-1] + ', "x": NaN}', "NaN is not a number"),
        (data.encode()[:-1] + b', "\xff": 1}', "not UTF-8"),
    ]:
        path.write_bytes(damaged if isinstance(damaged, bytes) else damaged.encode())
        with pytest.raises(ft.ModelFormatError, match=message):
            ft.load(path)
    path.write_text(data)
    with pytest.raises(
        ft.ModelFormatError, match="looks like a tekken.json of Mistral, which takes no options"
    ):
        ft.load(path, pretokenizer="gpt2")
    with pytest.raises(TypeError, match="which takes no options, but was given colour"):
        ft.load(path, colour="red")
