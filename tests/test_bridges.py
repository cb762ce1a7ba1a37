"""Live objects of other libraries, and what `transformers` and the command line make of written files."""

from __future__ import annotations

import json
import sys
import warnings

import pytest
from click.testing import CliRunner

import fasttok as ft
from fasttok.cli.main import main

TEXT = "low lower lowest the new newest <s> naïve 東京"
TEMPLATE = "{% for m in messages %}<s>{{ m.role }}: {{ m.content }}</s>{% endfor %}"
MESSAGES = [{"role": "user", "content": "low new"}, {"role": "assistant", "content": "東京"}]


@pytest.fixture(scope="module")
def tok():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = ft.train(ft.Corpus.from_texts([TEXT * 9]), vocab_size=290, special_tokens=["<s>", "</s>"])
    config = {
        "bos_token": "<s>",
        "eos_token": {"content": "</s>", "lstrip": False},
        "chat_template": TEMPLATE,
    }
    config |= {
        "model_max_length": 77,
        "added_tokens_decoder": {"9": {"content": "<s>"}},
        "auto_map": {"a": "b"},
    }
    return made.with_settings(template=ft.Template("<s> $A </s>"), config=ft.ModelConfig(config))


@pytest.fixture
def folder(tok, tmp_path):
    tok.save(f"{tmp_path}/my_model/", format="huggingface")
    return tmp_path / "my_model"


# Live objects


def test_to_tokenizers(tok):
    pytest.importorskip("tokenizers")
    theirs = tok.to_tokenizers()
    ids = tok.encode(TEXT, special="all", add_special_tokens=True).tolist()
    assert theirs.encode(TEXT).ids == ids
    assert theirs.decode(ids) == tok.decode(ids, skip_special_tokens=True)


def test_to_transformers(tok, monkeypatch):
    pytest.importorskip("transformers")
    theirs = tok.to_transformers()
    ids = tok.encode(TEXT, special="all", add_special_tokens=True).tolist()
    assert theirs(TEXT)["input_ids"] == ids
    assert (theirs.bos_token, theirs.eos_token, theirs.model_max_length) == ("<s>", "</s>", 77)
    chat = "<s>user: low new</s><s>assistant: 東京</s>"
    assert theirs.apply_chat_template(MESSAGES, tokenize=False) == chat
    rows = theirs.apply_chat_template(MESSAGES, return_dict=False)
    assert rows == tok.encode(chat, special="all").tolist()


def test_to_tiktoken(tok):
    pytest.importorskip("tiktoken")
    plain = tok.with_settings(template=None, config=None)
    assert (
        plain.to_tiktoken().encode(TEXT, allowed_special="all") == plain.encode(TEXT, special="all").tolist()
    )


@pytest.mark.parametrize("library", ["tokenizers", "transformers", "tiktoken"])
def test_a_missing_library(tok, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    convert = getattr(tok.with_settings(template=None, config=None), f"to_{library}")
    with pytest.raises(ImportError, match=f"to_{library} needs {library}: pip install {library}"):
        convert()


# Files


def test_a_written_folder_opens_in_transformers_and_here(tok, folder):
    transformers = pytest.importorskip("transformers")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    assert "auto_map" not in config
    assert config["added_tokens_decoder"] == {}  # those of the tokenizer.json remain as they are
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    again = ft.load(folder)
    assert again.config.chat_template == theirs.chat_template == TEMPLATE
    assert again.config.roles == tok.config.roles
    ids = tok.encode(TEXT, special="all", add_special_tokens=True)
    assert theirs(TEXT)["input_ids"] == ids.tolist()
    assert again.encode(TEXT, special="all", add_special_tokens=True).tolist() == ids.tolist()
    theirs.save_pretrained(folder.parent / "theirs")
    back = ft.load(folder.parent / "theirs")
    assert back.config.chat_template == TEMPLATE
    assert back.encode(TEXT, special="all", add_special_tokens=True).tolist() == ids.tolist()


def test_a_format_must_be_given_for_the_name_of_another(tok, tmp_path):
    for name in ("tokenizer.json", "TOKENIZER.json"):
        with pytest.raises(ValueError, match=r"the name of .*tokenizer.json.*; pass format=\"huggingface\""):
            tok.save(tmp_path / name)
    with pytest.raises(ValueError, match='a folder, but .* pass format="gpt2" or format="huggingface"'):
        tok.save(tmp_path)
    assert list(tmp_path.iterdir()) == []
    tok.save(tmp_path / "tokenizer.json", format="huggingface")
    assert [path.name for path in tmp_path.iterdir()] == ["tokenizer.json"]
    assert json.loads((tmp_path / "tokenizer.json").read_text())["model"]["type"] == "BPE"


# Command line and experiments


def run(*arguments, code=0, stdin=None):
    result = CliRunner().invoke(main, [str(one) for one in arguments], input=stdin)
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.parametrize("name", ["my_model", "my_model/tokenizer.json"])
def test_every_command_takes_written_files(tok, folder, name):
    path, text = folder.parent / name, folder.parent / "a.txt"
    text.write_text("low lower\n")
    ids = " ".join(map(str, tok.encode("low lower\n").tolist()))
    assert run("encode", "-t", path, text).strip() == ids
    assert run("decode", "-t", path, stdin=ids) == "low lower\n"
    assert "low" in run("show", "low lower", "--with", path)
    inspected = run("inspect", path, "--text", "low")
    assert "special       " in inspected
    assert "huggingface" in inspected
    assert all(len(line) < 500 for line in inspected.splitlines())
    native = folder.parent / "tok.json"
    ft.load(path).save(native)
    assert "3 tokens: the same" in run("diff", path, native, text)


def test_experiments_load_folders_and_files(folder):
    there = folder.parent
    (there / "a.txt").write_text("low lower\nnew newest\n" * 30)
    (there / "tokenizer.json").write_bytes((folder / "tokenizer.json").read_bytes())
    spec = """
        name = "files"

        [corpus.test]
        held = { files = "a.txt" }

        [metrics]
        use = ["compression"]
        words = "whitespace"

        [[tokenizer]]
        load = ["my_model/", "tokenizer.json"]
        """
    (there / "experiment.toml").write_text(spec)
    results = ft.compare(there / "experiment.toml", there / "results", progress=False)
    assert not results.failures
    assert set(results.tokenizers) == {"my_model", "tokenizer"}
    (there / "experiment.toml").write_text(spec + "lowercase = true\n")
    with pytest.raises(ft.ExperimentError, match="lowercase: not an option of my_model"):
        ft.Experiment.load(there / "experiment.toml")
    (folder / "tokenizer.json").unlink()
    (there / "experiment.toml").write_text(spec)
    with pytest.raises(ft.ExperimentError, match="my_model/ is a folder; name its files"):
        ft.Experiment.load(there / "experiment.toml")


def test_usual_names_of_special_tokens_give_roles(tmp_path):
    tok = ft.train(
        ft.Corpus.from_texts(["low lower"]), vocab_size=262, special_tokens=["<s>", "[PAD]", "<pad>", "</s>"]
    )
    theirs = tok.to_transformers()
    assert (theirs.pad_token, theirs.bos_token, theirs.eos_token) == ("[PAD]", "<s>", "</s>")
    assert (
        theirs(["low", "lower low"], padding=True).input_ids
        == tok.pad(tok.encode_batch(["low", "lower low"])).ids.tolist()
    )
    words = ft.train(ft.Corpus.from_texts(["low lower"]), model="wordpiece", vocab_size=12)
    assert words.to_transformers().unk_token == "[UNK]"  # noqa: S105
    tok.save(tmp_path / "model", format="huggingface")
    assert ft.load(tmp_path / "model").role_ids == {
        role: tok.special_tokens[token]
        for role, token in {"bos": "<s>", "eos": "</s>", "pad": "[PAD]"}.items()
    }
    given = tok.with_settings(config=ft.ModelConfig({"eos_token": "<s>"}))
    assert given.to_transformers().pad_token is None
