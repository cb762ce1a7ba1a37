"""The two files of GPT-2: ids as in Hugging Face ``tokenizers``, round trips, damaged files."""

from __future__ import annotations

import json
import os
import random

import pytest
import tokenizers

import fasttok as ft
from fasttok.formats.gpt2 import read_pair
from tests import hostile

ALPHABET = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())


def write_pair(folder, vocab, merges, names=("vocab.json", "merges.txt"), header="#version: 0.2\n"):
    folder.mkdir(exist_ok=True)
    (folder / names[0]).write_text(json.dumps(vocab))
    (folder / names[1]).write_text(header + "".join(f"{a} {b}\n" for a, b in merges), newline="")
    return folder / names[0], folder / names[1]


def random_pair(rng):
    """Return a random vocabulary, in any order of ids, with merges in any order and repeated merges."""
    pieces, merges = ["a", "b", "c", "d", "Ġ", "Ã", "©"], []
    for _ in range(rng.randint(1, 50)):
        merge = rng.choice(pieces), rng.choice(pieces)
        if merge not in merges:
            merges.append(merge)
            pieces.append("".join(merge))
    rng.shuffle(merges)
    if rng.random() < 0.5:
        merges += rng.sample(merges, len(merges) // 3)
    entries = sorted({*ALPHABET, *pieces, "<|endoftext|>", "<é>", "東"})
    rng.shuffle(entries)
    return {piece: i for i, piece in enumerate(entries)}, merges


def test_ids_equal_those_of_tokenizers(tmp_path):
    rng = random.Random(1)
    for n in range(60):
        paths = write_pair(tmp_path / str(n), *random_pair(rng), header=rng.choice(["", "#version: 0.2\n"]))
        theirs = tokenizers.ByteLevelBPETokenizer.from_file(*map(str, paths))
        tok = ft.load(paths[rng.randrange(2)])
        texts = [*hostile.texts(30, seed=n), *("".join(rng.choices("abcd é", k=40)) for _ in range(20))]
        for text in texts:
            encoding = theirs.encode(text)
            ours = tok.encode_with_offsets(text)
            assert ours.ids.tolist() == encoding.ids
            assert ours.char_spans.tolist() == [list(span) for span in encoding.offsets]
            assert tok.decode(encoding.ids) == theirs.decode(encoding.ids, skip_special_tokens=False)
        for i in range(tok.vocab_size):
            if i != tok.special_tokens["<|endoftext|>"]:
                assert tok.decode([i]) == theirs.decode([i])


@pytest.mark.parametrize(
    "names",
    [
        ("vocab.json", "merges.txt"),
        ("encoder.json", "vocab.bpe"),
        ("roberta-vocab.json", "roberta-merges.txt"),
    ],
)
def test_both_files_are_found(tmp_path, names):
    vocab, merges = random_pair(random.Random(2))
    paths = write_pair(tmp_path / "a", vocab, merges, names)
    tok = ft.load(paths[0])
    assert tok.fingerprint() == ft.load(paths[1]).fingerprint()
    assert read_pair(*paths) == (vocab, merges)
    if "-" in names[0]:
        with pytest.raises(IsADirectoryError):
            ft.load(tmp_path / "a")
    else:
        assert ft.load(tmp_path / "a").fingerprint() == tok.fingerprint()
    os.remove(paths[1])
    with pytest.raises(ft.ModelFormatError, match=f"the other one, {names[1]}, is missing"):
        ft.load(paths[0])


def test_merges_without_a_header_are_recognized_by_name(tmp_path):
    vocab = {character: i for i, character in enumerate([*ALPHABET, "12"])}
    _, path = write_pair(tmp_path / "a", vocab, [("1", "2")], header="")
    assert ft.load(path).encode("12").tolist() == [256]


def test_special_tokens_are_entries_of_the_vocabulary(tmp_path):
    entries = [*ALPHABET, "<s>", "<|endoftext|>", "ab"]
    path, _ = write_pair(tmp_path / "a", {entry: i for i, entry in enumerate(entries)}, [("a", "b")])
    tok = ft.load(path)
    assert tok.special_tokens == {"<|endoftext|>": 257}
    assert tok.encode("ab<|endoftext|>", special="all").tolist() == [258, 257]
    assert ft.load(path, special_tokens=["<s>", "<pad>"]).special_tokens == {"<s>": 256}
    assert ft.load(path, special_tokens=[]).id_to_piece(257) == b"<|endoftext|>"
    with pytest.raises(TypeError, match="special_tokens must be a sequence of str"):
        ft.load(path, special_tokens="<s>")
    with pytest.raises(ft.ModelFormatError, match=r"merges.txt: merge a b: 'a' is given as a special token"):
        ft.load(path, special_tokens=["a"])


# Writing


def test_a_trained_tokenizer_opens_in_tokenizers(tmp_path, tok):
    folder = tmp_path / "out"
    tok.save(folder, format="gpt2")
    assert sorted(os.listdir(folder)) == ["merges.txt", "vocab.json"]
    theirs = tokenizers.ByteLevelBPETokenizer.from_file(
        str(folder / "vocab.json"), str(folder / "merges.txt")
    )
    assert theirs.token_to_id("<|end|>") == tok.special_tokens["<|end|>"]
    again = ft.load(folder, special_tokens=list(tok.special_tokens))
    assert again.fingerprint() == tok.fingerprint()
    texts = hostile.texts(1000, seed=3)
    assert [row.ids for row in theirs.encode_batch(texts)] == tok.encode_batch(texts).to_list()
    ids = tok.encode_batch(texts)
    assert theirs.decode_batch(ids.to_list()) == tok.decode_batch(ids)
    theirs.add_special_tokens(list(tok.special_tokens))
    for text in texts:
        assert theirs.encode(text).ids == tok.encode(text, special="all").tolist()
    again.save(folder, format="gpt2")  # over the existing files
    assert ft.load(folder, special_tokens=list(tok.special_tokens)).fingerprint() == tok.fingerprint()


def test_a_rank_file_can_be_written_as_two_files(tmp_path, shared):
    tok = ft.load(shared / "tokenizers/tiktoken/r50k_base.tiktoken")
    tok.save(tmp_path / "gpt2", format="gpt2")
    again = ft.load(tmp_path / "gpt2")
    assert again.merges.tolist() == tok.merges.tolist()
    assert again.pieces == tok.pieces
    assert again.special_tokens == tok.special_tokens == {"<|endoftext|>": 50256}
    old = json.loads((shared / "tokenizers/huggingface/gpt2_old_format.json").read_text())
    assert json.loads((tmp_path / "gpt2/vocab.json").read_text()) == old["model"]["vocab"]
    assert (tmp_path / "gpt2/merges.txt").read_text().splitlines()[1:] == old["model"]["merges"]
    again.save(tmp_path / "r50k.tiktoken", format="tiktoken")
    original = shared / "tokenizers/tiktoken/r50k_base.tiktoken"
    assert (tmp_path / "r50k.tiktoken").read_bytes() == original.read_bytes()


def test_special_tokens_with_pieces_and_bytes_alone(tmp_path):
    """The ids of special tokens are often rows of the vocabulary, in files of RoBERTa for example."""
    token = ft.AddedToken("<s>", special=True, normalized=True)
    for tok in (
        bpe([b"<s>", b"ab"], [[97, 98]], special={token: 256}, options={"merge_ids": [257]}),
        ft.Tokenizer(ft.ByteModel(), "gpt2", {token: 300}),
    ):
        tok.save(tmp_path / "gpt2", format="gpt2")
        tok.save(tmp_path / "x.tiktoken", format="tiktoken")
        live = tok.to_tiktoken()
        for again in (
            ft.load(tmp_path / "gpt2", special_tokens=["<s>"]),
            ft.load(tmp_path / "x.tiktoken", pretokenizer="gpt2", special_tokens=tok.special_tokens),
        ):
            for special in ("none", "all"):
                ids = tok.encode("ab<s> <s>ab", special=special).tolist()
                assert ids == again.encode("ab<s> <s>ab", special=special).tolist()
                assert ids == live.encode(
                    "ab<s> <s>ab",
                    allowed_special=special if special == "all" else set(),
                    disallowed_special=(),
                )
            assert tok.decode(ids) == again.decode(ids) == live.decode(ids)


def bpe(pieces, merges, pretokenizer="gpt2", special=None, options=None, **parts):
    rows = [*(bytes([byte]) for byte in range(256)), *pieces]
    model = ft.BPEModel(rows, merges, **options or {})
    return ft.Tokenizer(model, pretokenizer, special, **parts)


@pytest.mark.parametrize(
    ("tok", "message"),
    [
        (ft.Tokenizer(ft.WordModel(["a"]), "bert"), "only hold byte-level BPE, not a word model"),
        (bpe([], [], "cl100k"), "loaded with that of GPT-2, but the tokenizer has .*cl100k"),
        (bpe([], [], normalizer="nfc"), "cannot hold a normalizer, .*nfc"),
        (bpe([], [], decoder="space_before"), "cannot hold a decoder, .*SpaceBefore"),
        (
            bpe([], [], special={"<s>": 256}, template=ft.Template("<s> $A")),
            "cannot hold a template, but the tokenizer has .*<s>",
        ),
        (bpe([], []).add_tokens(["<tool>"]), "can only hold special tokens without flags"),
        (bpe([b"abc"], [], options={"ignore_merges": True}), "no merges give 1 pieces. .* b'abc' with"),
        (bpe([b"ab"], [[97, 98]], special={"ab": 300}), "'ab' has the same name as the piece with id 256"),
        (bpe([b"ab"], [[97, 98]], special={"ab": 256}), "cannot hold a merge of id 256, a special token"),
        (bpe([], [], special={"Ġ": 300}), "special token 'Ġ' has the same name as the piece with id 32"),
        (bpe([], [], special={"é": 300}), "special token 'é' has the same name as the piece with id 233"),
        (bpe([], [], special={"<é>": 300}), r"'<é>' cannot be an entry of vocab.json: .* b'<\\xe9>'"),
        (bpe([], [], special={"<s>": 1 << 20}), "the id 1048576 of '<s>' is too large"),
        (
            bpe([b"#v", b"#version"[:3], b"#version", b"#versions"],
                [[35, 118], [256, 101], [258, 115]], options={"merge_ids": [256, 257, 259]}),
            "merge 2 cannot be a line of merges.txt: '#version s' would be read as a comment",
        ),
    ],
)  # fmt: skip
def test_tokenizers_that_the_files_cannot_hold(tmp_path, tok, message):
    with pytest.raises(ft.ModelExportError, match=message):
        tok.save(tmp_path / "out", format="gpt2")
    assert os.listdir(tmp_path) == []


def test_special_tokens_with_other_characters_are_decoded_alike(tmp_path):
    tok = bpe([], [], special={"<東 京>": 256, "<|x|>": 257})
    tok.save(tmp_path / "out", format="gpt2")
    again = ft.load(tmp_path / "out", special_tokens=["<東 京>", "<|x|>"])
    theirs = tokenizers.ByteLevelBPETokenizer.from_file(
        str(tmp_path / "out/vocab.json"), str(tmp_path / "out/merges.txt")
    )
    assert again.decode([256, 257]) == theirs.decode([256, 257]) == "<東 京><|x|>"


def test_a_failed_save_changes_no_file(tmp_path, tok):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(FileExistsError, match="load would read this file"):
        tok.save(folder, format="gpt2")
    assert os.listdir(folder) == ["tokenizer.json"]
    with pytest.raises(FileNotFoundError):
        tok.save(tmp_path / "missing/out", format="gpt2")
    for name in (
        "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja",
        "config.json", "additional_chat_templates",
    ):  # fmt: skip
        other = tmp_path / name / "model"
        other.mkdir(parents=True)
        (other / name).write_text("{}")
        with pytest.raises(FileExistsError, match=f"load would read this file as settings.*{name}"):
            tok.save(other, format="gpt2")
        assert os.listdir(other) == [name]
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError):
        tok.save(tmp_path / "file", format="gpt2")


# Damaged files

VOCAB = {character: i for i, character in enumerate([*ALPHABET, "ab", "abc"])}
MERGES = "#version: 0.2\na b\nab c\n"


@pytest.mark.parametrize(
    ("vocab", "merges", "message"),
    [
        (VOCAB, "a b\n\nab c\n", "merges.txt: line 2: not two pieces separated by one space"),
        (VOCAB, "a  b\n", "merges.txt: line 1: not two pieces"),
        (VOCAB, "#version\na\tb\n", "merges.txt: line 2: not two pieces"),
        (VOCAB, "#version\na b c\n", "merges.txt: line 2: not two pieces"),
        (VOCAB, b"#version\na \xff\n", "merges.txt: line 2: not UTF-8"),
        (VOCAB, "#version\na 東\n", "merges.txt: merge a 東: '東' is not in the vocabulary"),
        (VOCAB, "#version\nc a\n", "merges.txt: merge c a: 'ca' is not in the vocabulary"),
        (VOCAB | {"x": -1}, MERGES, "vocab.json: 'x': must be an id, not -1"),
        (VOCAB | {"x": 1.0}, MERGES, "vocab.json: 'x': must be an id, not 1.0"),
        (VOCAB | {"x": True}, MERGES, "vocab.json: 'x': must be an id, not True"),
        (VOCAB | {"x": None}, MERGES, "vocab.json: 'x': must be an id, not None"),
        (VOCAB | {"x": 10**9}, MERGES, "vocab.json: 'x': id 1000000000 is too large"),
        (VOCAB | {"xy": 5}, MERGES, "vocab.json: '.' and 'xy' have the same id 5"),
        (VOCAB | {"東": 258, "æĿ±": 259}, MERGES, r"ids 258 and 259 have the same piece b'\\xe6\\x9d\\xb1'"),
        ({"!": 0, "a": 1}, MERGES[:14], "needs a piece for each of the 256 bytes; 254 missing"),
        (b'{"!": 0, "a": NaN}', MERGES, "NaN is not a number"),
        (b'{"!": 0, "a": 1', MERGES, "vocab.json: line 1: not JSON"),
        (b'{"!": 0, "\xff": 1}', MERGES, "vocab.json: byte 10: not UTF-8"),
        ([0], MERGES, "vocab.json: must be a JSON object, not list"),
        (VOCAB | {"x\ud800": 258}, MERGES, r"vocab.json: 'x\\ud800': contains a lone surrogate"),
        (VOCAB, b"#version\na \xed\xa0\x80\n", "merges.txt: line 2: not UTF-8"),
    ],
)
def test_damaged_files(tmp_path, vocab, merges, message):
    data = vocab if isinstance(vocab, bytes) else json.dumps(vocab).encode()
    (tmp_path / "vocab.json").write_bytes(data)
    (tmp_path / "merges.txt").write_bytes(merges if isinstance(merges, bytes) else merges.encode())
    with pytest.raises(ft.ModelFormatError, match=message):
        ft.load(tmp_path)


def test_other_files_that_look_like_one_of_the_two(tmp_path):
    (tmp_path / "codes").write_text("#version: 0.2\na b</w>\n")
    with pytest.raises(ft.ModelFormatError, match="is not named vocab.json or merges.txt"):
        ft.load(tmp_path / "codes")
    (tmp_path / "vocab.json").write_text('{"a": 0}')
    with pytest.raises(ft.ModelFormatError, match="the other one, merges.txt, is missing"):
        ft.load(tmp_path / "vocab.json")
    (tmp_path / "merges.txt").write_text(MERGES)
    with pytest.raises(ft.ModelFormatError, match="which takes the options special_tokens, but not pretok"):
        ft.load(tmp_path / "vocab.json", pretokenizer="gpt2")


def test_line_ends_of_windows(tmp_path):
    (tmp_path / "vocab.json").write_text(json.dumps(VOCAB))
    (tmp_path / "merges.txt").write_bytes(MERGES.replace("\n", "\r\n").encode())
    theirs = tokenizers.ByteLevelBPETokenizer.from_file(
        str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt")
    )
    assert ft.load(tmp_path).encode("abc").tolist() == theirs.encode("abc").ids == [257]
