"""Native files and tiktoken rank files: round trips, and errors for damaged and unsupported files."""

from __future__ import annotations

import base64
import json
import os
import random
import stat

import pytest
import tiktoken

import fasttok as ft
from fasttok.core.saving import atomic_write
from tests import hostile, oracles


def small():
    counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2, "\u00e9t\u00e9": 3, b"\xff\xfe": 9})
    return ft.train(counts, vocab_size=262, special_tokens=["<|end|>"])


# The native file


def test_the_native_file_is_readable(tmp_path):
    small().save(tmp_path / "a.json")
    lines = (tmp_path / "a.json").read_text().splitlines()
    assert lines[:3] == ["{", ' "format": "fasttok",', ' "version": 1,']
    assert '   "\\udcff\\udcfe",' in lines
    assert "   [255, 254, 256]," in lines
    fields = json.loads((tmp_path / "a.json").read_text())
    assert fields["special_tokens"] == {"<|end|>": 261}
    assert fields["pretokenizer"] == {"name": "o200k"}
    assert fields["provenance"]["trainer"]["vocab_size"] == 262
    assert fields["provenance"]["counts"]["n_pretokens"] == 19


def test_a_file_with_flipped_bits(tmp_path):
    path = tmp_path / "a.json"
    tok = small()
    tok.save(path)
    data = path.read_bytes()
    rng = random.Random(28)
    refused = 0
    for _ in range(3000):
        damaged = bytearray(data)
        damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            loaded = ft.load(path)
        except ft.ModelFormatError:
            refused += 1
        else:
            assert loaded.decode_bytes(loaded.encode(b"lower \xff\xfe")) == b"lower \xff\xfe"
    assert refused > 2000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda f: f.update(format="other"),
            "format: unknown field; the fields are version, ",
        ),  # tokenizer.json
        (lambda f: f.update(version=4), "version: version 4 is unknown; this fasttok reads versions 1 to 3"),
        (lambda f: f.pop("model"), "'model' is missing"),
        (lambda f: f["model"].update(kind="lstm"), "model: no model is named 'lstm'; the names are bpe"),
        (lambda f: f["model"]["pieces"].__setitem__(1, ""), "model: byte-level BPE needs .*; 1 missing"),
        (lambda f: f["model"]["pieces"].append("a"), "model: ids 97 and 261 have the same piece b'a'"),
        (lambda f: f["model"]["pieces"].append(5), "model: "),
        (lambda f: f["model"]["pieces"].append("\ud800"), "model: "),
        (lambda f: f["model"]["merges"].append([1, 2, 3]), "model: merge 5 joins"),
        (lambda f: f["model"]["merges"].append([1, 2]), "model: "),
        (lambda f: f["model"]["merges"].append([1, 2, -1]), "model: each merge must be a row of ids"),
        (lambda f: f["model"]["merges"].append([1, 2, 1e300]), "model: each merge must be a row of ids"),
        (lambda f: f["model"]["merges"].append(f["model"]["merges"][0]), "model: the pair .* merged twice"),
        (lambda f: f["model"].update(merges=7), "model: "),
        (lambda f: f["model"].update(ignore_merges="no"), "model: ignore_merges must be True or False"),
        (lambda f: f["special_tokens"].update(x=97), "special token 'x' has id 97"),
        (lambda f: f["special_tokens"].update(x="y"), "must be from 0"),
        (
            lambda f: f["special_tokens"].update(x=(1 << 31) - 1),
            "special_tokens: the id of added token 'x' must be from 0 to 2\\^24 - 1",
        ),
        (lambda f: f.update(special_tokens=[]), "special_tokens: must be a dict, not a list"),
        (lambda f: f.update(normalizer="nfc"), "normalizer: must be a dict, not a str"),
        (lambda f: f.update(pretokenizer={"name": "x"}), "pretokenizer: not the configuration"),
        (
            lambda f: f.update(pretokenizer={"name": "regex", "pattern": "("}),
            "pretokenizer: .*does not compile",
        ),
        (lambda f: f.update(provenance=None), "provenance: must be a dict, not a NoneType"),
    ],
)
def test_invalid_content_names_its_field(tmp_path, change, message):
    path = tmp_path / "a.json"
    small().save(path)
    fields = json.loads(path.read_text())
    fields["special_tokens"] = {"<|end|>": 300}
    change(fields)
    path.write_text(json.dumps(fields))
    with pytest.raises(ft.ModelFormatError, match=message):
        ft.load(path)


@pytest.mark.parametrize(
    "data", [b"", b"\0" * 100, b"PK\x03\x04", b"[1, 2]", b"{" * 100_000, b'{"a": ' * 50_000, b"{\xff}"]
)
def test_files_of_other_kinds(tmp_path, data):
    path = tmp_path / "a.json"
    path.write_bytes(data)
    with pytest.raises(ft.ModelFormatError):
        ft.load(path)


# Saving


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def write():
        with atomic_write(path) as file:
            file.write(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_save_keeps_mode_and_link(tmp_path):
    path, link = tmp_path / "a.json", tmp_path / "link.json"
    small().save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~_umask()
    path.chmod(0o600)
    link.symlink_to(path)
    small().save(link)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_pipe_is_written_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with atomic_write(pipe) as file:
        file.write(b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


# Rank files of tiktoken


def write_ranks(path, ranks):
    path.write_bytes(b"".join(base64.b64encode(piece) + b" %d\n" % rank for piece, rank in ranks.items()))
    return path


def random_ranks(rng):
    """Return a random vocabulary, with pieces that no merge reaches and ranks in any order."""
    pieces = {bytes(rng.choices(b"abc", k=rng.randint(2, 6))) for _ in range(rng.randint(1, 40))}
    rest = sorted(pieces)
    rng.shuffle(rest)
    return {piece: i for i, piece in enumerate([*(bytes([b]) for b in range(256)), *rest])}


def test_rank_files_encode_like_tiktoken(tmp_path):
    rng = random.Random(29)
    unreached = 0
    for _ in range(150):
        ranks = random_ranks(rng)
        tok = ft.load(write_ranks(tmp_path / "x.tiktoken", ranks), pretokenizer="none")
        encoding = tiktoken.Encoding("x", pat_str=r"(?s:.+)", mergeable_ranks=ranks, special_tokens={})
        unreached += len(ranks) - 256 - len(tok.merges)
        for _ in range(40):
            text = "".join(rng.choices("abcd", k=rng.choice([1, 3, 8, 20, 50, 120])))
            expected = oracles.encode_by_ranks(text.encode(), ranks)
            assert tok.encode(text).tolist() == expected == encoding.encode_ordinary(text)
    assert unreached > 100


def test_every_word_of_two_letters_with_random_ranks(tmp_path):
    import itertools

    words = [bytes(w) for n in range(1, 9) for w in itertools.product(b"ab", repeat=n)]
    rng = random.Random(30)
    for _ in range(40):
        pieces = rng.sample([w for w in words if 2 <= len(w) <= 5], rng.randint(3, 30))
        ranks = {piece: i for i, piece in enumerate([*(bytes([b]) for b in range(256)), *pieces])}
        tok = ft.load(write_ranks(tmp_path / "x.tiktoken", ranks), pretokenizer="none")
        assert tok.encode_batch(words).to_list() == [oracles.encode_by_ranks(w, ranks) for w in words]


def test_saving_a_loaded_rank_file_gives_the_same_bytes(tmp_path):
    ranks = random_ranks(random.Random(31))
    path = write_ranks(tmp_path / "x.tiktoken", ranks)
    ft.load(path, pretokenizer="gpt2").save(tmp_path / "y.tiktoken", format="tiktoken")
    assert (tmp_path / "y.tiktoken").read_bytes() == path.read_bytes()


def test_tiktoken_reads_a_saved_rank_file(tmp_path, tok):
    tok.save(tmp_path / "x.tiktoken", format="tiktoken")
    ranks = {}
    for line in (tmp_path / "x.tiktoken").read_text().splitlines():
        piece, rank = line.split()
        ranks[base64.b64decode(piece)] = int(rank)
    pattern = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
    encoding = tiktoken.Encoding(
        "x", pat_str=pattern, mergeable_ranks=ranks, special_tokens=tok.special_tokens
    )
    again = ft.load(tmp_path / "x.tiktoken", pretokenizer="gpt2", special_tokens=tok.special_tokens)
    for text in hostile.texts(1000, seed=32):
        assert tok.encode(text).tolist() == encoding.encode_ordinary(text) == again.encode(text).tolist()
        assert tok.encode(text, special="all").tolist() == encoding.encode(text, allowed_special="all")
    assert again.vocab_size == tok.vocab_size


def model_of(pieces, merges, merged, **options):
    import numpy as np

    rows = ft.Ragged.from_bytes([*(bytes([b]) for b in range(256)), *pieces])
    model = ft.BPEModel(rows, np.array(merges, np.uint32), np.array(merged, np.uint32), **options)
    return ft.Tokenizer(model, ft.get_pretokenizer("gpt2"))


def test_models_that_tiktoken_would_change_are_refused(tmp_path):
    path = tmp_path / "x.tiktoken"
    # tiktoken merges abc from ab and c, since ab has the lower rank; this model merges it from a and bc.
    other_pair = model_of([b"ab", b"bc", b"abc"], [[97, 98], [98, 99], [97, 257]], [256, 257, 258])
    with pytest.raises(
        ft.ModelExportError, match=r"1 pieces\. .* b'abc' with id 258: .* from \[b'ab', b'c'\], this tok"
    ):
        other_pair.save(path, format="tiktoken")
    other_order = model_of([b"ab", b"bc"], [[98, 99], [97, 98]], [257, 256])
    with pytest.raises(
        ft.ModelExportError, match="in the order of ids, but merge 1 makes id 256 after id 257"
    ):
        other_order.save(path, format="tiktoken")
    no_merge = model_of([b"ab", b"cd"], [[97, 98]], [256])
    with pytest.raises(
        ft.ModelExportError, match=r"b'cd' with id 257: .* from \[b'c', b'd'\], .* from no pair"
    ):
        no_merge.save(path, format="tiktoken")
    unreachable = model_of([b"abc"], [], [])
    unreachable_whole = model_of([b"abc"], [], [], ignore_merges=True)
    with pytest.raises(ft.ModelExportError, match="from no pair, this tokenizer merges it from no pair"):
        unreachable.save(path, format="tiktoken")
    assert not path.exists()
    unreachable_whole.save(path, format="tiktoken")
    assert ft.load(path, pretokenizer="gpt2").encode("abc").tolist() == [256]


def test_components_that_a_rank_file_cannot_hold_are_refused(tmp_path):
    path = tmp_path / "x.tiktoken"
    model = small().model
    for pretokenizer, options, message in [
        ("gpt2", {"normalizer": "nfc"}, "cannot hold a normalizer, .*nfc"),
        ("metaspace", {}, r"cannot rewrite text, but the pretokenizer Metaspace\("),
        (["metaspace", "script"], {}, "cannot rewrite text"),
        ("gpt2", {"template": ft.Template("<s> $A")}, "cannot hold a template, .*<s>"),
    ]:
        with pytest.raises(ft.ModelExportError, match=message):
            ft.Tokenizer(model, pretokenizer, {"<s>": 300}, **options).save(path, format="tiktoken")
    assert not path.exists()
    tok = ft.Tokenizer(model, "whitespace_split", {"<s>": 300})
    tok.save(path, format="tiktoken")
    again = ft.load(path, pretokenizer="whitespace_split", special_tokens={"<s>": 300})
    assert again.encode_batch(hostile.texts(100)).to_list() == tok.encode_batch(hostile.texts(100)).to_list()


BYTES = b"".join(base64.b64encode(bytes([b])) + b" %d\n" % b for b in range(256))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (BYTES + b"YWI= x\n", "line 257: not a base64 piece, a space and a rank"),
        (BYTES + b"YWI=\n", "line 257: not a base64 piece"),
        (BYTES + b"Y!I= 256\n", "line 257: not a base64 piece"),
        (BYTES + b"YWI= -1\n", "line 257: not a base64 piece"),
        (BYTES + b"YWI= 99999999999999\n", "line 257: not a base64 piece"),
        (BYTES + b"YWI= 999999999\n", "line 257: rank 999999999 exceeds the number of bytes of the file"),
        (BYTES + b"YQ== 256\n", "ids 97 and 256 have the same piece b'a'"),
        (BYTES + b"YWI= 97\n", "line 257: rank 97 occurs twice"),
        (BYTES + b" 256\n", "line 257: not a base64 piece"),
        (BYTES[7:], "each of the 256 bytes; 1 missing, the first is 0x00"),
        (BYTES + base64.b64encode(b"a" * 2000) + b" 256\n", "piece 256 has 2,000 bytes; the maximum is"),
    ],
)
def test_damaged_rank_files(tmp_path, data, message):
    path = tmp_path / "cl100k_base.tiktoken"
    path.write_bytes(data)
    with pytest.raises(ft.ModelFormatError, match=message) as error:
        ft.load(path)
    assert str(path) in str(error.value)


def test_rank_files_with_flipped_bits(tmp_path):
    path = tmp_path / "x.tiktoken"
    ranks = random_ranks(random.Random(38))
    data = write_ranks(path, ranks).read_bytes()
    rng = random.Random(39)
    refused = 0
    for _ in range(1500):
        damaged = bytearray(data)
        damaged[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        try:
            loaded = ft.load(path, pretokenizer="gpt2")
        except ft.ModelFormatError:
            refused += 1
        else:
            assert loaded.decode_bytes(loaded.encode(b"abcab \xff")) == b"abcab \xff"
    assert 1500 > refused > 500


def test_a_rank_file_with_an_unknown_name(tmp_path):
    path = tmp_path / "mine.tiktoken"
    path.write_bytes(BYTES)
    with pytest.raises(ValueError, match="does not contain its pretokenizer, and neither its content"):
        ft.load(path)
    assert ft.load(path, pretokenizer="whitespace").encode("a b").tolist() == [97, 32, 98]
    assert ft.load(path, pretokenizer="gpt2", special_tokens={"<s>": 300}).vocab_size == 301


def test_names_of_models_are_not_downloaded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("cl100k_base", "google/gemma-2b"):
        with pytest.raises(FileNotFoundError, match=f"fasttok downloads nothing: '{name}'"):
            ft.load(name)
    with pytest.raises(FileNotFoundError, match=r"No such file or directory: 'tok\.json'"):
        ft.load("tok.json")
