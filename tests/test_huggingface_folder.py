"""Folders of models: which file counts, and the settings in the other files, as in `transformers`."""

from __future__ import annotations

import json
import os
import random
import warnings

import pytest
import tokenizers

import fasttok as ft
from fasttok.formats.huggingface import classes
from fasttok.formats.registry import files_of, find_format
from tests.conftest import FUZZ

os.environ.setdefault("HF_HUB_OFFLINE", "1")
TEXTS = [
    "low lower lowest", " low", "the new\n\nnewest  one", "<s>low</s>  <mask> <pad>", "<unk> <x>low <y>",
    "Naïve ÉCOLE 東京", "[CLS] low [MASK] [SEP]", "<|endoftext|>low", "low<tool>er", "", "  ",
]  # fmt: skip

KEYS = {f"{role}_token" for role in ("bos", "eos", "unk", "sep", "pad", "cls", "mask")}


def dump(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False), "utf-8")


@pytest.fixture(scope="module")
def bpe():
    """Return a byte-level tokenizer with special tokens in its vocabulary."""
    corpus = ft.Corpus.from_texts(["low lower lowest the new newest one " * 3])
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "<|endoftext|>"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ft.train(corpus, vocab_size=300, special_tokens=special, pretokenizer="gpt2")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "my_model"


def write(kind, folder, bpe):
    """Write a tokenizer without settings in a format."""
    folder.mkdir(exist_ok=True)
    if kind == "gpt2":
        bpe.save(folder, format="gpt2")
    elif kind == "huggingface":
        bpe.save(folder / "tokenizer.json", format="huggingface")
    elif kind == "vocab.txt":
        lines = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "low", "##er", "##est", "the", "Low", "naive"]
        (folder / "vocab.txt").write_text("\n".join([*lines, "東", "京", "東京", "<x>", *"lowern<>", ""]))
    else:
        pieces = [bytes([byte]) for byte in range(256)] + [b"lo", b"low"]
        import base64

        rows = [
            {"rank": i, "token_bytes": base64.b64encode(piece).decode(), "token_str": None}
            for i, piece in enumerate(pieces)
        ]
        config = {"pattern": r"\s+|\S+", "version": "v3", "default_vocab_size": 278}
        dump(folder / "tekken.json", {"config": config | {"default_num_special_tokens": 20}, "vocab": rows})


def auto(folder):
    """Return the tokenizer of `transformers`."""
    transformers = pytest.importorskip("transformers")
    return transformers.AutoTokenizer.from_pretrained(folder)


def check(folder, texts=TEXTS):
    """Check that `fasttok.load` gives the same tokenizer as `AutoTokenizer`; return both."""
    theirs = auto(folder)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(the id of the added|the ids of|is ignored)")
        ours = ft.load(folder)
    backend = theirs.backend_tokenizer
    # If a token is added again and no longer normalized, the library writes its normalized text until the
    # tokenizer is read again.
    again = tokenizers.Tokenizer.from_str(backend.to_str())
    print(files_of(str(folder)), (folder / "tokenizer_config.json").read_text())
    for text in texts:
        for adds in (False, True):
            expected = backend.encode(text, add_special_tokens=adds)
            options = {"special": "all", "add_special_tokens": adds}
            found = ours.encode_with_offsets(text, **options)
            assert found.ids.tolist() == expected.ids, (text, adds)
            assert found.char_spans.tolist() == [list(span) for span in expected.offsets], (text, adds)
            for skip in (False, True):
                decoded = ours.decode(expected.ids, skip_special_tokens=skip)
                assert decoded in [
                    library.decode(expected.ids, skip_special_tokens=skip) for library in (backend, again)
                ]
            pair = backend.encode(text, "new", add_special_tokens=adds)
            pairs = ours.encode_pairs([(text, "new")], **options)
            assert (pairs.ids[0].tolist(), pairs.type_ids[0].tolist()) == (pair.ids, pair.type_ids)
    roles = {f"{role}_token": text for role, text in (ours.config.roles if ours.config else {}).items()}
    assert roles == {key: theirs.special_tokens_map[key] for key in theirs.special_tokens_map if key in KEYS}
    added = {i: tuple(getattr(token, flag) for flag in FLAGS[:4]) for token, i in ours.added_tokens.items()}
    assert {token.text: i for token, i in ours.added_tokens.items()} == theirs.get_added_vocab()
    decoder = theirs.added_tokens_decoder
    assert added == {i: tuple(getattr(decoder[i], flag) for flag in FLAGS[:4]) for i in decoder}
    template = ours.config.chat_template if ours.config else None
    if isinstance(template, list):
        template = {row["name"]: row["template"] for row in template}
    assert template == theirs.chat_template
    return ours, theirs


# Settings


WORDS = ["<s>", "</s>", "<x>", "<y>", "<mask>", "low", "<pad>", "[SEP]", "new"]
FLAGS = ("lstrip", "rstrip", "single_word", "normalized", "special")


def draw_flags(rng):
    return {flag: rng.random() < 0.5 for flag in FLAGS if rng.random() < 0.6}


def draw_token(rng, as_text=0.5):
    """Return a token of the settings: its text, or an object with some of its flags."""
    text = rng.choice(WORDS)
    return text if rng.random() < as_text else {"content": text, "__type": "AddedToken", **draw_flags(rng)}


def write_with_flags(folder, bpe, rng):
    """Write a tokenizer.json whose added tokens have random flags, and whose ids may have gaps."""
    write("huggingface", folder, bpe)
    path = folder / "tokenizer.json"
    fields = json.loads(path.read_text("utf-8"))
    if rng.random() < 0.5:
        names = ["[UNK]", *rng.sample([*WORDS, *"lowerns"], 8)]
        vocab = {name: i for i, name in enumerate(dict.fromkeys(names))}
        vocab[names[-1]] += rng.choice([0, 20])  # further tokens have ids in the gap, or after this one
        fields["model"] = {"type": "WordLevel", "unk_token": "[UNK]", "vocab": vocab}
        fields["added_tokens"] = [{"id": 0, "content": text} for text in rng.sample(WORDS, 3)]
        fields |= {"pre_tokenizer": {"type": "Whitespace"}, "decoder": None, "post_processor": None}
    for row in fields["added_tokens"]:
        row |= {flag: rng.random() < 0.5 for flag in FLAGS}
    dump(path, fields)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ft.load(path).save(path, format="huggingface")  # with the ids that the library gives


def write_settings(folder, rng, names):
    """Write random settings to a folder."""
    config = {"tokenizer_class": rng.choice(names), "model_max_length": 512}
    for role in ("bos", "eos", "unk", "sep", "pad", "cls", "mask"):
        if rng.random() < 0.3 and (role != "unk" or "Roberta" in config["tokenizer_class"]):
            config[f"{role}_token"] = draw_token(rng)
    for key in ("image_token", "audio_token"):
        if rng.random() < 0.2:
            config[key] = draw_token(rng)
    for key in ("extra_special_tokens", "additional_special_tokens"):
        if rng.random() < 0.3:
            config[key] = [draw_token(rng) for _ in range(rng.randint(0, 3))]
    if rng.random() < 0.1:
        config["extra_special_tokens"] = {"video_token": draw_token(rng), "eoi_token": draw_token(rng)}
    for flag in (
        "do_lower_case", "strip_accents", "tokenize_chinese_chars", "add_prefix_space", "trim_offsets",
        "add_bos_token", "add_eos_token",
    ):  # fmt: skip
        if rng.random() < 0.3:
            config[flag] = rng.random() < 0.5
    if rng.random() < 0.3:
        rows = {}
        for i in rng.sample(range(400, 410), 3):
            row = draw_token(rng, as_text=0)
            if row["content"] not in [other["content"] for other in rows.values()]:
                rows[str(i)] = row
        config["added_tokens_decoder"] = rows
    if rng.random() < 0.4:
        config["chat_template"] = "{{ messages }}"
    dump(folder / "tokenizer_config.json", config)
    if rng.random() < 0.4:
        older = {}
        for key in ("eos_token", "sep_token", "image_token"):
            if rng.random() < 0.5:
                token = draw_token(rng)
                older[key] = token if isinstance(token, str) else {**token, "lstrip": True}
        for value in older.values():
            if isinstance(value, dict):
                value.pop("__type")
        if rng.random() < 0.3:
            older["additional_special_tokens"] = [draw_token(rng, as_text=1)]
        if rng.random() < 0.2 and not isinstance(config.get("extra_special_tokens"), dict):
            older["extra_special_tokens"] = [draw_token(rng, as_text=1), {"content": "<x>", "rstrip": True}]
        dump(folder / "special_tokens_map.json", older)
    if rng.random() < 0.3:
        first = rng.choice([0, 256, 300, 500])
        dump(folder / "added_tokens.json", {text: first + i for i, text in enumerate(rng.sample(WORDS, 3))})
    if rng.random() < 0.3:
        text = "{% for m in messages %}\r\n{{ m.content }}é{% endfor %}\r"
        (folder / "chat_template.jinja").write_bytes(text.encode())


@pytest.mark.parametrize("seed", range(70 * FUZZ))
def test_settings_equal_those_of_transformers(folder, bpe, seed):
    rng = random.Random(f"settings {seed}")
    kind = rng.choice(["huggingface", "huggingface", "gpt2", "vocab.txt"])
    if kind == "huggingface":
        write_with_flags(folder, bpe, rng)
    else:
        write(kind, folder, bpe)
    names = {
        "huggingface": ["PreTrainedTokenizerFast", "TokenizersBackend"],
        "gpt2": ["GPT2Tokenizer", "GPT2TokenizerFast", "RobertaTokenizer", "BartTokenizer"],
        "vocab.txt": ["BertTokenizer", "BertTokenizerFast", "DistilBertTokenizer", "ElectraTokenizer"],
    }[kind]  # fmt: skip
    write_settings(folder, rng, names)
    check(folder)


@pytest.mark.parametrize(
    ("format", "name"),
    [
        (format, name)
        for format, families in classes.FAMILIES.items()
        for family in families
        for name in family.names
    ],
)
def test_every_class_and_type_of_model(folder, bpe, format, name):
    write(format, folder, bpe)
    dump(folder / "config.json", {"model_type": name})
    by_type = ft.load(folder)
    class_name = auto(folder).__class__.__name__
    for flags in ({}, {"add_bos_token": True, "add_eos_token": True}, {"add_bos_token": False}):
        dump(folder / "tokenizer_config.json", {"tokenizer_class": class_name, **flags})
        ours, _ = check(folder, TEXTS[3:7])
        if not flags:
            assert ours.fingerprint() == by_type.fingerprint()
            assert ours.encode("low", add_special_tokens=True).size >= 1


def test_the_class_in_the_settings_of_the_model(folder, bpe):
    """The class in `config.json` counts before the type of the model, as in Japanese models of BERT."""
    write("vocab.txt", folder, bpe)
    dump(folder / "tokenizer_config.json", {"do_lower_case": False})
    dump(folder / "config.json", {"model_type": "roberta", "tokenizer_class": "BertTokenizer"})
    check(folder)
    dump(folder / "config.json", {"model_type": "bert", "tokenizer_class": "BertJapaneseTokenizer"})
    with pytest.raises(ft.ModelFormatError, match="config.json: tokenizer_class: .* BertJapaneseTokenizer"):
        ft.load(folder)


def test_ids_and_flags_of_added_tokens(folder):
    folder.mkdir()
    model = {"type": "WordLevel", "vocab": {"[UNK]": 0, "a": 1, "b": 9}, "unk_token": "[UNK]"}
    plain = dict.fromkeys(FLAGS, False)
    rows = [{"id": 9, "content": "b", **plain}, {"id": 3, "content": "<k>", **plain}]
    dump(folder / "tokenizer.json", {"model": model, "pre_tokenizer": {"type": "Whitespace"}})
    dump(folder / "tokenizer_config.json", {"added_tokens_decoder": {"3": {"content": "<m>"}}})
    assert check(folder)[0].encode("a <m> b").tolist() == [1, 3, 9]
    fields = {"model": model, "pre_tokenizer": {"type": "Whitespace"}, "added_tokens": rows}
    dump(folder / "tokenizer.json", fields)
    dump(folder / "tokenizer_config.json", {"added_tokens_decoder": {"10": {"content": "<m>"}}})
    assert check(folder)[0].encode("a <m> b").tolist() == [1, 10, 9]
    assert ft.load(folder).encode("<k>").tolist() == [3]
    token = {"content": "<x>", "lstrip": True, "special": False}
    more = {"additional_special_tokens": ["<x>", {"content": "<y>", "__type": "AddedToken"}]}
    dump(folder / "tokenizer_config.json", {"added_tokens_decoder": {"10": token}, **more})
    ours, _ = check(folder, ["a <x> a <y>"])
    assert ours.encode("a <x> a <y>", special="all").tolist() == [1, 10, 1, 11]
    assert ours.special_tokens == {}
    model["vocab"] = {"[UNK]": 0, "a": 3, "b": 1}
    dump(folder / "tokenizer.json", fields | {"added_tokens": []})
    dump(folder / "tokenizer_config.json", {"additional_special_tokens": ["<x>"]})
    with pytest.raises(ft.ModelFormatError, match="tokenizer_config.json: special token '<x>' has id 3, whi"):
        ft.load(folder)
    dump(folder / "tokenizer.json", fields | {"added_tokens": [{"id": 3, "content": "<z>", **plain}]})
    with pytest.raises(ft.ModelFormatError, match="tokenizer.json: added_tokens: added token '<z>' has id 3"):
        ft.load(folder)
    template = {"type": "BertProcessing", "sep": ["[SEP]", 7], "cls": ["b", 1]}
    dump(folder / "tokenizer.json", fields | {"added_tokens": [], "post_processor": template})
    (folder / "tokenizer_config.json").unlink()
    with pytest.raises(ft.ModelFormatError, match="tokenizer.json: post_processor: .*id 7 of"):
        ft.load(folder)


def test_folders_without_a_class(folder, bpe):
    write("gpt2", folder, bpe)
    dump(folder / "tokenizer_config.json", {"add_prefix_space": True, "pad_token": "<pad>"})
    tok = ft.load(folder)
    assert tok.config.roles["eos"] == "<|endoftext|>"
    assert set(tok.special_tokens) == {"<|endoftext|>", "<pad>"}
    assert tok.encode("low").tolist() == bpe.encode(" low").tolist()
    given = ft.load(folder, special_tokens=["<s>"])
    assert set(given.special_tokens) == {"<s>", "<pad>"}
    dump(folder / "tokenizer_config.json", {"tokenizer_class": "Qwen2Tokenizer"})
    message = (
        "tokenizer_config.json: tokenizer_class: fasttok does not know how Qwen2Tokenizer treats .* gpt2; "
    )
    with pytest.raises(ft.ModelFormatError, match=message):
        ft.load(folder)
    dump(folder / "tokenizer_config.json", {})
    dump(folder / "config.json", {"model_type": "clip"})
    with pytest.raises(ft.ModelFormatError, match="config.json: model_type: fasttok does not know how clip"):
        ft.load(folder)


def test_tekken_has_the_settings_of_its_folder(folder, bpe):
    write("tekken", folder, bpe)
    plain = ft.load(folder)
    assert plain.fingerprint() == ft.load(folder / "tekken.json").fingerprint()
    assert plain.config is None
    dump(folder / "tokenizer_config.json", {"eos_token": "</s>", "pad_token": "<mypad>"})
    (folder / "chat_template.jinja").write_text("[INST]{{ messages[0].content }}[/INST]")
    tok = ft.load(folder)
    assert tok.config.roles == {"eos": "</s>", "pad": "<mypad>"}
    assert tok.config.chat_template == "[INST]{{ messages[0].content }}[/INST]"
    assert tok.special_tokens["<mypad>"] == plain.vocab_size
    assert tok.special_tokens["</s>"] == plain.special_tokens["</s>"]


def test_several_chat_templates(folder, bpe):
    write("huggingface", folder, bpe)
    dump(folder / "tokenizer_config.json", {"tokenizer_class": "TokenizersBackend"})
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "rag.jinja").write_text("rag")
    (folder / "chat_template.jinja").write_text("usual")
    check(folder, [])
    assert str(folder / "additional_chat_templates" / "rag.jinja") in files_of(str(folder))
    tok = ft.load(folder)
    tok.save(f"{folder.parent}/copy/", format="huggingface")
    check(folder.parent / "copy", ["low"])


# Saving


@pytest.mark.parametrize("seed", range(40))
def test_saving_over_a_folder(folder, bpe, seed):
    rng = random.Random(f"saving {seed}")
    write_with_flags(folder, bpe, rng)
    write_settings(folder, rng, ["PreTrainedTokenizerFast"])
    files = {path.name for path in folder.iterdir()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = ft.load(folder)
        ours.save(folder, format="huggingface")
    assert {path.name for path in folder.iterdir()} == files
    again, _ = check(folder)
    assert again.added_tokens == ours.added_tokens
    for text in TEXTS:
        assert again.encode(text, special="all").tolist() == ours.encode(text, special="all").tolist()
    assert again.config.roles == ours.config.roles
    assert again.config.chat_template == ours.config.chat_template


def test_saving_over_another_model(folder, bpe):
    """Files of another model do not change what is read."""
    write("huggingface", folder, bpe)
    dump(folder / "special_tokens_map.json", {"eos_token": "</s>", "sep_token": "<other>"})
    dump(folder / "added_tokens.json", {"<new>": 275})
    tok = bpe.with_settings(config=ft.ModelConfig({"eos_token": "<s>", "chat_template": "{{ x }}"}))
    tok.save(folder, format="huggingface")
    ours, _ = check(folder)
    assert ours.config.roles == {"eos": "<s>"}
    assert json.loads((folder / "special_tokens_map.json").read_text()) == {"eos_token": "<s>"}
    assert json.loads((folder / "added_tokens.json").read_text()) == dict(ours.special_tokens)
    (folder / "chat_template.jinja").write_text("other")
    tok.save(folder, format="huggingface")
    assert check(folder)[0].config.chat_template == "{{ x }}"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(FileExistsError, match="no chat template 'default'; .*chat_template.jinja"):
        bpe.save(folder, format="huggingface")
    rows = [{"name": name, "template": "t"} for name in ("default", "rag")]
    several = bpe.with_settings(config=ft.ModelConfig({"chat_template": rows}))
    with pytest.raises(FileExistsError, match="only files would be read, but the chat template 'rag'"):
        several.save(folder, format="huggingface")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "rag.jinja").write_text("other")
    several.save(folder, format="huggingface")
    assert check(folder)[0].config.chat_template == rows
    with pytest.raises(FileExistsError, match=r"no chat template 'rag'.*rag\.jinja"):
        tok.save(folder, format="huggingface")


# Which file counts


def test_which_file_of_a_folder_counts(folder, bpe):
    order = ["vocab.txt", "tekken", "gpt2", "huggingface"]
    for kind in order:
        write(kind, folder, bpe)
        assert find_format(str(folder)).name == kind
        assert ft.load(folder).provenance["format"] == kind
    (folder / "config.json").write_text("{}")
    (folder / "README.md").write_text("other")
    names = [os.path.basename(path) for path in files_of(str(folder))]
    assert names == ["config.json", "merges.txt", "tekken.json", "tokenizer.json", "vocab.json", "vocab.txt"]
    assert files_of("a.json") == ["a.json"]


def test_without_settings_a_folder_is_its_files(folder, bpe):
    for kind, file in {
        "gpt2": "vocab.json",
        "vocab.txt": "vocab.txt",
        "huggingface": "tokenizer.json",
    }.items():
        there = folder.parent / kind
        write(kind, there, bpe)
        assert ft.load(there).fingerprint() == ft.load(there / file).fingerprint()
        assert ft.load(f"{there}/").config is None


# Errors


def test_a_folder_without_a_tokenizer(folder):
    folder.mkdir()
    names = (
        "tokenizer.json, vocab.json with merges.txt, encoder.json with vocab.bpe, tekken.json or vocab.txt"
    )
    for _ in range(2):
        with pytest.raises(IsADirectoryError, match=f"a folder, not a tokenizer; give .* contains {names}"):
            ft.load(folder)
        (folder / "tokenizer_config.json").write_text("{}")
        (folder / "vocab.json").write_text("{}")  # without merges.txt
    (folder / "spiece.model").write_bytes(b"")
    with pytest.raises(
        IsADirectoryError,
        match="sentencepiece model spiece.model, but without .*; load .*/spiece.model, which",
    ):
        ft.load(folder)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("tokenizer_config.json", "{", "tokenizer_config.json: line 1: not JSON"),
        ("tokenizer_config.json", "[]", "tokenizer_config.json: must be a JSON object"),
        ("tokenizer_config.json", '{"eos_token": 1}', "tokenizer_config.json: eos_token: must be"),
        ("tokenizer_config.json", '{"eos_token": ""}', "tokenizer_config.json: eos_token: .* not be empty"),
        ("tokenizer_config.json", '{"eos_token": {"lstrip": true}}', "eos_token.*content"),
        (
            "tokenizer_config.json",
            '{"eos_token": {"content": "a", "lstrip": 1}}',
            "tokenizer_config.json: eos_token.lstrip: must be",
        ),
        ("tokenizer_config.json", '{"added_tokens_decoder": []}', "config.json: added_tokens_decoder: must"),
        (
            "tokenizer_config.json",
            '{"added_tokens_decoder": {"x": {"content": "a"}}}',
            "tokenizer_config.json: added_tokens_decoder.x: the key is not an id",
        ),
        (
            "tokenizer_config.json",
            '{"extra_special_tokens": ["a", 1]}',
            r"tokenizer_config.json: extra_special_tokens\[1\]: must be",
        ),
        ("special_tokens_map.json", '{"eos_token": 1}', "special_tokens_map.json: eos_token: must be"),
        ("special_tokens_map.json", "x", "special_tokens_map.json: line 1: not JSON"),
        ("added_tokens.json", '{"a": "1"}', "added_tokens.json: a: must be"),
        ("added_tokens.json", '{"a": -1}', "added_tokens.json: a: must be"),
        ("tokenizer_config.json", '{"eos_token": "\\ud800"}', "tokenizer_config.json: .*surrogate"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["huggingface", "gpt2", "tekken"])
def test_damaged_settings(folder, bpe, kind, file, content, message):
    write(kind, folder, bpe)
    (folder / file).write_text(content)
    with pytest.raises(ft.ModelFormatError, match=message):
        ft.load(folder)


def test_other_damaged_files(folder, bpe):
    write("gpt2", folder, bpe)
    dump(folder / "tokenizer_config.json", {"add_prefix_space": "yes"})
    with pytest.raises(ft.ModelFormatError, match="tokenizer_config.json: add_prefix_space: must be"):
        ft.load(folder)
    dump(folder / "tokenizer_config.json", {"model_max_length": 9})
    (folder / "chat_template.jinja").write_bytes(b"a\xff")
    with pytest.raises(ft.ModelFormatError, match="chat_template.jinja: byte 1: not UTF-8"):
        ft.load(folder)
    (folder / "chat_template.jinja").unlink()
    vocab = json.loads((folder / "vocab.json").read_text())
    dump(folder / "vocab.json", {piece: i for piece, i in vocab.items() if piece != "lo"})
    with pytest.raises(ft.ModelFormatError, match="merges.txt: merge l o: 'l' and 'o' join to 'lo'"):
        ft.load(folder)
    dump(folder / "vocab.json", vocab | {"x": -1})
    with pytest.raises(ft.ModelFormatError, match="vocab.json: 'x': must be an id"):
        ft.load(folder)


def draw_json(rng, depth=2):
    """Return a random value of JSON that could be a token, or something else."""
    kind = rng.randrange(9 if depth else 6)
    if kind < 6:
        return rng.choice(
            [None, True, 7, 1.5, "", "<x>", "\ud800", "1" * 5000, draw_token(rng), draw_token(rng)]
        )
    if kind < 8:
        return [draw_json(rng, depth - 1) for _ in range(rng.randrange(3))]
    keys = ["content", "__type", "special", "lstrip", "3", "a"]
    return {key: draw_json(rng, depth - 1) for key in rng.sample(keys, rng.randrange(4))}


def test_random_settings_are_read_or_refused(folder, bpe):
    rng = random.Random(5)
    keys = [
        "eos_token", "cls_token", "image_token", "extra_special_tokens", "additional_special_tokens",
        "added_tokens_decoder", "tokenizer_class", "add_prefix_space", "chat_template", "<x>",
    ]  # fmt: skip
    folders = [folder.parent / kind for kind in ("huggingface", "gpt2", "vocab.txt", "tekken")]
    for there in folders:
        write(there.name, there, bpe)
    n_read = 0
    for _ in range(400):
        there = rng.choice(folders)
        for name in ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"):
            content = {key: draw_json(rng) for key in rng.sample(keys, rng.randrange(4))}
            (there / name).write_text(json.dumps(content))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tok = ft.load(there)
        except ft.ModelFormatError as error:
            assert str(there) in error.path
            continue
        n_read += 1
        assert tok.decode(tok.encode("low low")) == "low low"
        copy = f"{folder.parent}/copy {n_read}/"
        tok.save(copy, format="huggingface")
        assert ft.load(copy).added_tokens == tok.added_tokens
    assert n_read > 25


@pytest.mark.parametrize("kind", ["gpt2", "vocab.txt"])
def test_special_tokens_that_are_null(folder, bpe, kind):
    write(kind, folder, bpe)
    name = {"gpt2": "RobertaTokenizer", "vocab.txt": "BertTokenizer"}[kind]
    for role in ("cls", "sep"):
        dump(folder / "tokenizer_config.json", {"tokenizer_class": name, f"{role}_token": None})
        with pytest.raises(
            ft.ModelFormatError, match=f"tokenizer_config.json: {role}_token: must not be null"
        ):
            ft.load(folder)
    dump(folder / "tokenizer_config.json", {"tokenizer_class": name, "mask_token": None, "pad_token": None})
    check(folder)
    dump(folder / "tokenizer_config.json", {"tokenizer_class": name, "unk_token": None})
    low = ft.load(folder).encode("low", add_special_tokens=True).tolist()
    assert low == auto(folder).encode("low")
    if kind == "gpt2":
        ends = {"add_bos_token": True, "bos_token": None, "add_eos_token": True}
        dump(folder / "tokenizer_config.json", {"tokenizer_class": "GPT2Tokenizer", **ends})
        check(folder)


def test_errors_in_the_files_of_a_class_name_these_files(folder, bpe):
    write("gpt2", folder, bpe)
    dump(folder / "tokenizer_config.json", {"tokenizer_class": "GPT2Tokenizer"})
    vocab = json.loads((folder / "vocab.json").read_text())
    merges = (folder / "merges.txt").read_text()
    for line, message in {
        "qq l": "merges.txt: merge qq l: 'qq' is not a piece",
        "l qq": "merges.txt: merge l qq: 'qq' is not a piece",
        "z q": "merges.txt: merge z q: 'z' and 'q' join to 'zq', which is not a piece",
    }.items():
        (folder / "merges.txt").write_text(f"{merges}{line}\n")
        with pytest.raises(ft.ModelFormatError, match=message):
            ft.load(folder)
    (folder / "merges.txt").write_text(merges)
    for entry, message in {
        ("x y", 3): "vocab.json: .x y.: the id 3 is also the id of",
        ("x y", 1 << 30): "vocab.json: 'x y': id 1073741824 is too large",
        ("\ud800", 290): r"vocab.json: '\\ud800': contains a lone surrogate",
    }.items():
        dump_ascii = json.dumps(vocab | dict([entry]))
        (folder / "vocab.json").write_text(dump_ascii)
        with pytest.raises(ft.ModelFormatError, match=message):
            ft.load(folder)


def test_settings_that_are_nested_deeply(folder, bpe):
    write("huggingface", folder, bpe)
    nested = {"deep": []}
    for _ in range(98):
        nested = {"deep": [nested["deep"]]}
    tok = bpe.with_settings(config=ft.ModelConfig(nested))
    tok.save(folder, format="huggingface")
    assert ft.load(folder).config.content["deep"] == nested["deep"]
    for depth in (99, 500):
        value = []
        for _ in range(depth):
            value = [value]
        with pytest.raises(ValueError, match="must not be nested more than 100 deep"):
            ft.ModelConfig({"deep": value})
        for kind in ("huggingface", "gpt2", "vocab.txt", "tekken"):
            there = folder.parent / f"{kind} {depth}"
            write(kind, there, bpe)
            dump(there / "tokenizer_config.json", {"deep": value})
            with pytest.raises(
                ft.ModelFormatError, match="tokenizer_config.json: content must not be nested"
            ):
                ft.load(there)
    cycle = {}
    cycle["deep"] = cycle
    with pytest.raises(ValueError, match="must not be nested"):
        ft.ModelConfig(cycle)


# Warnings


def caught(function, *args, **options):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        function(*args, **options)
    return found


def test_warnings_name_the_file_and_the_line_of_the_caller(folder, bpe):
    """Each fact is one warning, whatever reads the folder."""
    from fasttok.formats.huggingface import files

    for kind in ("huggingface", "gpt2", "vocab.txt", "tekken"):
        there = folder.parent / kind
        write(kind, there, bpe)
        dump(there / "added_tokens.json", {"<new>": 999})
        for config in ({}, {"eos_token": "<new>"}):
            dump(there / "tokenizer_config.json", config)
            [warning] = caught(ft.load, there)
            assert str(warning.message).startswith(str(there / "added_tokens.json"))
            assert warning.filename == __file__
        options = {"gpt2": {"special_tokens": []}, "vocab.txt": {"special_tokens": ["[UNK]"]}}.get(kind, {})
        [warning] = caught(ft.load, there, **options)
        assert warning.filename == __file__
        text = f"""
            name = "a"
            seed = 7
            [metrics]
            use = ["compression"]
            words = "whitespace"
            [corpus.test]
            eng = {{ files = "a.txt", document = "line" }}
            [[tokenizer]]
            load = "{there}"
        """
        (folder.parent / "a.txt").write_text("low\n")
        (folder.parent / "a.toml").write_text(text)
        found = caught(ft.compare, folder.parent / "a.toml", folder.parent / f"out {kind}")
        assert {warning.filename for warning in found if "<new>" in str(warning.message)} == {__file__}
    there = folder.parent / "huggingface"
    [warning] = caught(files.load, there)
    assert warning.filename == __file__
    fields = json.loads((there / "tokenizer.json").read_text())
    fields["added_tokens"][-1]["id"] = 800
    fields["model"]["dropout"] = 0.5
    dump(there / "tokenizer.json", fields)
    for path in (there, there / "tokenizer.json"):
        found = caught(ft.load, path)
        assert {warning.filename for warning in found} == {__file__}
        assert len(found) == 2 + (path == there)


@pytest.mark.parametrize("kind", ["huggingface", "gpt2", "tekken"])
def test_ids_that_disagree(folder, bpe, kind):
    write(kind, folder, bpe)
    dump(folder / "added_tokens.json", {"<new>": 999})
    dump(folder / "tokenizer_config.json", {"eos_token": "<|endoftext|>"})
    with pytest.warns(UserWarning, match="added_tokens.json: .*'<new>' the id .* not 999"):
        tok = ft.load(folder)
    assert next(token for token in tok.added_tokens if token.text == "<new>") == ft.AddedToken("<new>")
    assert tok.encode("<new>").tolist() == [dict(tok.added_tokens)[ft.AddedToken("<new>")]]
