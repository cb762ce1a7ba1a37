"""Tests of the command line, run as a user would run it."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

import fasttok as ft
from fasttok.cli.convert import WRITTEN
from fasttok.cli.main import main
from fasttok.experiment.spec.texts import SAMPLES
from fasttok.formats.registry import FORMATS
from fasttok.tokenizer.train import TRAINERS

TEXT = "It's the newest, naïve 東京 12345\r\n" * 20


def run(*arguments, stdin: bytes | None = None, code: int = 0):
    result = CliRunner().invoke(main, [str(a) for a in arguments], input=stdin)
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def trained(tmp_path):
    (tmp_path / "a.txt").write_text(TEXT, newline="")
    run(
        "train",
        tmp_path / "a.txt",
        "-o",
        tmp_path / "tok.json",
        "--vocab-size",
        280,
        "--special-token",
        "<s>",
        "--quiet",
    )
    return tmp_path / "tok.json"


def pipe(*arguments, stdin: bytes) -> bytes:
    command = [sys.executable, "-c", "from fasttok.cli.main import main; main()", *map(str, arguments)]
    return subprocess.run(command, input=stdin, check=True, capture_output=True).stdout


def test_encode_and_decode_in_a_pipe_restore_every_byte(trained):
    for data in (TEXT.encode(), b"", b"\xff\x00\r\n\n", b"no line end"):
        ids = pipe("encode", "-t", trained, "--format", "text", stdin=data)
        assert ids.count(b"\n") == 1
        assert pipe("decode", "-t", trained, stdin=ids) == data


def test_training_from_a_pipe_equals_training_from_a_file(trained, tmp_path):
    pipe(
        "train",
        "-",
        "-o",
        tmp_path / "piped.json",
        "--vocab-size",
        280,
        "--special-token",
        "<s>",
        stdin=TEXT.encode(),
    )
    assert (tmp_path / "piped.json").read_bytes() == trained.read_bytes()


def test_training_from_counts_equals_training_from_text(trained, tmp_path):
    result = run(
        "pretokens", tmp_path / "a.txt", "-o", tmp_path / "a.npz", "--top", 2, "--split-special", "<s>"
    )
    assert result.output.splitlines()[1:] == ["          20  \\r\\n", "          20  ·"]
    run(
        "train",
        tmp_path / "a.npz",
        "-o",
        tmp_path / "b.json",
        "--vocab-size",
        280,
        "--special-token",
        "<s>",
        "--quiet",
    )
    assert (tmp_path / "b.json").read_bytes() == trained.read_bytes()
    assert "fingerprint" in run("inspect", tmp_path / "a.npz").output
    run(
        "train",
        tmp_path / "a.npz",
        tmp_path / "a.npz",
        "-o",
        tmp_path / "c.json",
        "--vocab-size",
        280,
        "--quiet",
    )
    counts = ft.PretokenCounts.load(tmp_path / "a.npz")
    assert ft.load(tmp_path / "c.json").provenance["counts"]["fingerprint"] == (counts + counts).fingerprint()


def test_encode_shows_ids_pieces_and_counts(trained, tmp_path):
    tok = ft.load(trained)
    text = "the newest"
    (tmp_path / "t.txt").write_text(text)
    ids = tok.encode(text, as_list=True)
    assert run("encode", "-t", trained, tmp_path / "t.txt").output == " ".join(map(str, ids)) + "\n"
    assert run("encode", "-t", trained, "--show", "count", tmp_path / "t.txt").output == f"{len(ids)}\n"
    shown = run("encode", "-t", trained, "--show", "pieces", tmp_path / "t.txt").output.strip()
    assert shown.replace("|", "").replace("·", " ") == text
    lines = run("encode", "-t", trained, "--document", "line", tmp_path / "a.txt").output.splitlines()
    assert lines == [" ".join(map(str, tok.encode(TEXT.splitlines()[0], as_list=True)))] * 20


def test_documents_that_are_lines_round_trip(trained):
    ids = pipe("encode", "-t", trained, "--document", "line", stdin=b"one\n\ntwo\n")
    assert pipe("decode", "-t", trained, "--document", "line", stdin=ids) == b"one\n\ntwo\n"


def test_special_tokens_in_text(trained, tmp_path):
    (tmp_path / "t.txt").write_text("<s>")
    special = ft.load(trained).special_tokens["<s>"]
    assert run("encode", "-t", trained, "--special", "all", tmp_path / "t.txt").output == f"{special}\n"
    assert str(special) not in run("encode", "-t", trained, tmp_path / "t.txt").output.split()
    assert (
        "special token '<s>' at byte 0"
        in run("encode", "-t", trained, "--special", "raise", tmp_path / "t.txt", code=1).output
    )


def test_inspect(trained):
    output = run("inspect", trained, "--text", "the newest").output
    for expected in ("Tokenizer(bpe, vocab_size=280", "lossless      yes", "special       279 <s>", "tokens"):
        assert expected in output
    assert "template" not in output
    config = ft.ModelConfig({"eos_token": "<s>", "chat_template": "{{ x }}"})
    tok = ft.load(trained).with_settings(
        template=ft.Template("<s> $A"), truncation=ft.Truncation(512), config=config
    )
    tok.save(trained)
    output = run("inspect", trained).output
    for expected in (
        "template      Template(single='<s> $A'",
        "truncation    Truncation(max_length=512",
        "roles         eos <s>",
        "chat template yes",
    ):
        assert expected in output


def test_demo(tmp_path, monkeypatch):
    files = SAMPLES["python"]()["python"]
    monkeypatch.setitem(SAMPLES, "python", lambda: {"python": files[::8]})
    folder = tmp_path / "demo"
    output = run("demo", "-o", folder).output
    assert "\nWarning: the vocabulary has" in output  # the text has fewer distinct characters than vocab_size
    verified = run("verify", folder, "--workers", 1, "--quiet").output
    assert "verified, all results are the same byte for byte" in verified
    rows = [row.split() for row in re.findall(r"^  (\S+-\d+(?: +\d\.\d\d){3})$", output, re.MULTILINE)]
    families = ("bpe", "wordpiece", "unigram", "character", "word")
    assert sorted(name for name, *_ in rows) == sorted(f"{x}-{n}" for x in families for n in (2000, 8000))
    assert {name for name, *_, lossless in rows if lossless != "1.00"} == {"wordpiece-2000", "wordpiece-8000"}
    assert f"Report: {folder}/report.html" in output
    assert "Token cost by language" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "missing.txt", "-o", "x.json"], "missing.txt: No such file or directory"),
        (["train", "bad.jsonl", "-o", "x.json", "--quiet"], "bad.jsonl:1: not a line of JSON"),
        (["train", "empty.txt", "-o", "x.json", "--quiet"], "the corpus is empty"),
        (["train", "a.txt", "-o", "x.json", "--vocab-size", "3"], "vocab_size must be at least 256"),
        (
            ["train", "a.txt", "-o", "no/such/folder/x.json", "--vocab-size", "260", "--quiet"],
            "no/such/folder does not exist",
        ),
        (["encode", "-t", "a.txt", "a.txt"], "neither a fasttok file nor a tokenizer.json of Hugging Face"),
        (["decode", "-t", "tok.json", "a.txt"], "a.txt:1: not a line of ids; expected integers"),
        (
            ["decode", "-t", "tok.json", "ids.txt"],
            "ids.txt:1: id 999 at position 1 is outside the vocabulary",
        ),
        (["inspect", "bad.npz"], "bad.npz: not a file of pretoken counts"),
        (["pretokens", "a.txt", "--pretokenizer", "gpt5"], "no pretokenizer is named 'gpt5'"),
        (
            ["pretokens", "a.txt", "--pretokenizer", "gpt2", "--pretokenizer", "a("],
            "pattern 'a(' does not compile",
        ),
    ],
)
def test_errors_are_printed_on_one_line(trained, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.jsonl").write_text("not json\n")
    (tmp_path / "bad.npz").write_text("not an archive")
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "ids.txt").write_text("97 999\n")
    result = run(*arguments, code=1)
    assert message in result.output
    assert result.output.startswith("Error: ")
    assert not (tmp_path / "x.json").exists()


def test_several_pretokenizers_are_chained(tmp_path):
    (tmp_path / "a.txt").write_text(TEXT, newline="")
    steps = ("--pretokenizer", "digits_threes_right", "--pretokenizer", "gpt2")
    result = run("pretokens", tmp_path / "a.txt", *steps, "-o", tmp_path / "counts.npz")
    assert "pretokenizer=['digits_threes_right', 'gpt2']" in result.output
    assert ft.PretokenCounts.load(tmp_path / "counts.npz").to_dict()[b"345"] == 20
    run("train", tmp_path / "a.txt", *steps, "-o", tmp_path / "tok.json", "--vocab-size", 260, "--quiet")
    assert ft.load(tmp_path / "tok.json").pretokenizer == ft.get_pretokenizer(["digits_threes_right", "gpt2"])


def test_normalizers_run_before_pretokenizers(tmp_path):
    text, counts, path = tmp_path / "a.txt", tmp_path / "a.npz", tmp_path / "a.json"
    text.write_text("the ﬁrst ﬁsh " * 9)
    steps = [
        "--pretokenizer",
        "metaspace",
        "--pretokenizer",
        "script",
        "--normalizer",
        "nfkc",
        "--normalizer",
        "strip",
    ]
    assert "▁fish" in run("pretokens", text, *steps, "-o", counts).output
    normalizer = ft.get_normalizer(["nfkc", "strip"])
    assert ft.PretokenCounts.load(counts).recipe.normalizer == normalizer.config()
    run("train", text, *steps, "-o", path, "--vocab-size", 262, "--quiet")
    tok = ft.load(path)
    assert tok.pretokenizer == ft.get_pretokenizer("sentencepiece")
    assert tok.normalizer == normalizer
    assert "no normalizer is named 'x'" in run("pretokens", text, "--normalizer", "x", code=1).output


@pytest.mark.parametrize(
    ("model", "options", "vocab_size", "pieces"),
    [
        ("wordpiece", ["--vocab-size=14", "--method=likelihood"], 14, "·t|##h|##e|[UNK]"),
        ("character", ["--min-frequency=2", "--unk=?"], 6, "·|t|h|e|·|?"),
        ("word", ["--vocab-size=3", "--unk=[UNK]", "--special-token=<s>"], 3, "·the|[UNK]"),
        ("word", ["--byte-fallback"], 260, "·the|<0x20>|<0x78>"),
        ("byte", ["--special-token=<s>"], 257, "·|t|h|e|·|x"),
    ],
)
def test_training_other_models(tmp_path, model, options, vocab_size, pieces):
    text, path = tmp_path / "a.txt", tmp_path / "tok.json"
    text.write_text("the hat the the the cat")
    run("train", text, "-o", path, "--model", model, *options, "--quiet")
    tok = ft.load(path)
    assert (tok.model.kind, tok.vocab_size) == (model, vocab_size)
    shown = pipe("encode", "-t", path, "--show", "pieces", stdin=b" the x")
    assert shown.decode().strip() == pieces
    output = run("inspect", path, "--text", "the").output
    assert f"Tokenizer({model}, vocab_size={vocab_size}" in output
    assert "first pieces" in output


def test_train_offers_every_model():
    [option] = [option for option in main.commands["train"].params if option.name == "model"]
    assert list(option.type.choices) == list(TRAINERS)


def test_help_of_every_command():
    assert "fasttok demo" in run("--help").output
    commands = (
        "train",
        "encode",
        "decode",
        "count",
        "pretokens",
        "inspect",
        "show",
        "compare",
        "report",
        "verify",
        "demo",
    )
    for command in commands:
        assert command in run("--help").output
        assert len(run(command, "--help").output.splitlines()) > 5


def test_version():
    assert run("--version").output == f"fasttok {ft.__version__}\n"


def test_a_saved_tokenizer_is_json(trained):
    assert json.loads(trained.read_text())["format"] == "fasttok"


def test_training_unigram(tmp_path):
    (tmp_path / "text.txt").write_text("the cat sat on the mat, the hat and the rat\n" * 20)
    options = ["--model", "unigram", "--vocab-size", "300", "--byte-fallback", "--quiet"]
    steps = ["--pretokenizer", "sentencepiece", "--normalizer", "nmt_nfkc"]
    path = str(tmp_path / "tok.json")
    output = run("train", tmp_path / "text.txt", "-o", path, *options, *steps).output
    assert re.match(r"Warning: the vocabulary has \d+ ids, not 300: too few pieces occur often", output)
    tok = ft.load(path)
    assert tok.model.kind == "unigram"
    assert tok.decode(tok.encode("  the ｃａｔ 東")) == "the cat 東"
    assert "longest       ▁and  ▁cat" in run("inspect", path).output
    for model, option in (
        ("bpe", "--token-cost=1"),
        ("unigram", "--min-frequency=3"),
        ("byte", "--vocab-size=300"),
    ):
        result = CliRunner().invoke(main, ["train", path, "-o", path, "--model", model, option])
        assert result.exit_code == 2
        assert f"{option.split('=')[0]} is not an option of --model {model}" in result.output


def test_training_refuses_a_name_of_another_format_before_it_reads_text(tmp_path):
    for name in ("tok.tiktoken", "tokenizer.json"):
        output = run("train", tmp_path / "missing.txt", "-o", tmp_path / name, code=1).output
        assert f"cannot write {tmp_path / name}: this is the name of " in output


def test_convert_offers_every_format():
    assert [name for name, known in FORMATS.items() if known.save is not None] == list(WRITTEN)


def test_convert_between_sentencepiece_and_fasttok(tmp_path):
    names = (tmp_path / name for name in ("a.model", "a.json", "b.model", "b.vocab"))
    first, native, again, vocab = names
    model = ft.UnigramModel(["", "▁", "low", "▁low"], [0, -1, -2, -2.5], unk_id=0, compat="sentencepiece")
    ft.Tokenizer(model, "metaspace", {"<unk>": 0}).save(first, format="sentencepiece")
    run("convert", first, native, "--to", "fasttok")
    run("convert", native, again, "--to", "sentencepiece")
    assert again.read_bytes() == first.read_bytes()
    run("convert", first, vocab, "--to", "sentencepiece.vocab")
    assert vocab.read_text().endswith("▁low\t-2.5\n")
    (tmp_path / "a.txt").write_text("low low")
    assert run("encode", "--tokenizer", again, tmp_path / "a.txt").output.split() == ["3", "3"]


def test_convert(tmp_path):
    tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=261, special_tokens=["<s>"])
    source = tmp_path / "tok.json"
    tok.with_template("<s> $A").save(source)
    assert run("convert", source, tmp_path / "t.json", "--to", "huggingface").output == ""
    assert ft.load(tmp_path / "t.json").encode("low", add_special_tokens=True).tolist() == [260, 257]
    result = run("convert", source, tmp_path / "x.tiktoken", "--to", "tiktoken", code=1)
    assert "with_settings(template=None)" in result.output
    tok.save(tmp_path / "x.tiktoken", format="tiktoken")
    target = tmp_path / "again.json"
    rest = [tmp_path / "x.tiktoken", target, "--to", "fasttok"]
    result = run("convert", *rest, code=1)
    assert "neither its content nor its name is known" in result.output
    assert not target.exists()
    run("convert", *rest, "--pretokenizer", "gpt2")
    assert ft.load(target).encode("lowest").tolist() == tok.encode("lowest").tolist()


def test_encode_with_the_template(tmp_path):
    tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=258, special_tokens=["<s>"])
    tok.with_template("<s> $A").save(tmp_path / "tok.json")
    (tmp_path / "a.txt").write_text("lo")
    result = run("encode", "-t", tmp_path / "tok.json", "--add-special-tokens", tmp_path / "a.txt")
    assert result.output == "257 256\n"
