"""`compare_tokenizers` and ``fasttok diff``: differences of parts and of ids, against plain loops."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from functools import partial

import pytest
import tiktoken
import tokenizers
from click.testing import CliRunner

import fasttok as ft
from fasttok.cli.main import main
from fasttok.evaluation import comparison
from tests import hostile

TEXTS = ["low lower lowest newest", "the widest wide low", "new new lower 12345"]


@pytest.fixture(scope="module")
def trained():
    corpus = ft.Corpus.from_texts(TEXTS)
    return [ft.train(corpus, vocab_size=size, special_tokens=["<s>"]) for size in (266, 268)]


def words(*pieces, **options):
    return ft.Tokenizer(ft.WordModel(list(pieces), **options), "bert", {"[UNK]": 0})


def test_equal_tokenizers(trained):
    corpus = ft.Corpus.from_texts(TEXTS)
    found = ft.compare_tokenizers(
        trained[0], ft.train(corpus, vocab_size=266, special_tokens=["<s>"]), corpus
    )
    assert not found
    assert repr(found).splitlines() == [
        "vocabulary    265 pieces, the same",
        "merges        9 merges, the same",
        "added tokens  1, the same",
        "settings      the same",
        "ids           3 documents of 61 bytes, 31 tokens: the same",
    ]
    assert found.to_dict()["same"] is True
    assert found.to_dict()["merges"] == {
        "n_a": 9, "n_b": 9, "only_a": [], "only_b": [], "moved": [], "first": None
    }  # fmt: skip


def test_vocabulary_and_merges(trained):
    a, b = trained
    found = ft.compare_tokenizers(a, b)
    of_a, of_b = ({tok.id_to_piece(i): i for i in range(tok.vocab_size - 1)} for tok in trained)
    assert found.pieces.only_a == ()
    assert dict(found.pieces.only_b) == {piece: i for piece, i in of_b.items() if piece not in of_a}
    assert found.pieces.moved == ()
    assert found.pieces.first == 265
    assert found.merges.first == 9
    assert [one.place for one in found.merges.only_b] == [9, 10]
    left, right = b.merges[9].tolist()
    assert found.merges.only_b[0].item == (b.id_to_piece(left), b.id_to_piece(right))
    assert found.added_tokens.moved == ((b"<s>", 265, 267),)
    assert found.ids is None
    back = ft.compare_tokenizers(b, a)
    assert back.pieces.only_a == found.pieces.only_b
    assert back.merges.first == 9
    assert "  only in a   265 " in repr(back)


def test_pieces_at_other_places():
    found = ft.compare_tokenizers(words("", "a", "b", "c"), words("", "b", "a", "d", "c")).pieces
    assert found.moved == ((b"a", 1, 2), (b"b", 2, 1), (b"c", 3, 4))
    assert (found.only_a, found.only_b, found.first) == ((), ((b"d", 3),), 1)


def test_names_of_two_pieces():
    # The piece "a" and the piece "a" that ends a word have the same name without the other's suffix.
    alphabet = ft.Characters(end_of_word_suffix="x")
    a = ft.Tokenizer(ft.BPEModel(["a", "x", "ax", "ax"], [[0, 1]], [3], alphabet=alphabet), "none")
    b = ft.Tokenizer(ft.BPEModel(["a", "x", "ax"], [], alphabet=alphabet), "none")
    assert not ft.compare_tokenizers(a, a)
    assert ft.compare_tokenizers(a, b).pieces.only_a == ((b"ax", 3),)


def test_several_places_of_one_item():
    def compare(a, b):
        found = comparison._compare(a, b)
        return found.only_a, found.only_b, found.moved, found.first

    assert compare([("a", 1), ("a", 5)], [("a", 1), ("a", 5)]) == ((), (), (), None)
    assert compare([("a", 1)], [("a", 1), ("a", 5)]) == ((), (("a", 5),), (), 5)
    assert compare([("a", 1), ("a", 5)], [("a", 2), ("a", 6)]) == ((), (), (("a", 1, 2), ("a", 5, 6)), 1)


def test_settings_of_a_folder():
    plain = ft.Tokenizer(ft.ByteModel(), "gpt2", {"<s>": 256, "</s>": 257})
    a, b = (
        plain.with_settings(config=ft.ModelConfig({"eos_token": token, "chat_template": "{{ x }}"}))
        for token in ("<s>", "</s>")
    )
    assert not ft.compare_tokenizers(a, a)
    found = ft.compare_tokenizers(a, b)
    assert [(one.name, one.a, one.b) for one in found.settings] == [("config.eos_token", "<s>", "</s>")]
    found = ft.compare_tokenizers(plain, b)
    assert [one.name for one in found.settings] == ["config.eos_token", "config.chat_template"]
    assert not ft.compare_tokenizers(plain, plain.with_settings(template=ft.Template("$A", "$A $B:1")))


def test_special_tokens_that_are_pieces():
    words = ft.Tokenizer(ft.WordModel(["<s>", "a"]), "bert", {"<s>": 0})
    assert not ft.compare_tokenizers(words, ft.Tokenizer(ft.WordModel(["", "a"]), "bert", {"<s>": 0}))


def test_control_characters_of_added_tokens_are_escaped():
    plain = ft.Tokenizer(ft.ByteModel(), "gpt2")
    other = plain.add_tokens([ft.AddedToken("\x1b[31m\n", lstrip=True)])
    shown = repr(ft.compare_tokenizers(plain, other))
    assert "\x1b" not in shown
    assert "only in b   256 \\x1b[31m\\n" in shown
    stripping = plain.add_tokens([ft.AddedToken("\x1b[31m\n", rstrip=True)])
    assert "\x1b" not in repr(ft.compare_tokenizers(other, stripping))


def test_an_unexpected_error_has_status_2(monkeypatch, tmp_path):
    ft.Tokenizer(ft.ByteModel(), "gpt2").save(tmp_path / "a.json")
    monkeypatch.setattr(ft, "compare_tokenizers", lambda *args, **options: 1 / 0)
    result = CliRunner().invoke(main, ["diff", *[str(tmp_path / "a.json")] * 2])
    assert result.exit_code == 2
    assert "ZeroDivisionError" in result.output


def test_settings():
    a = words("", "a", unk_id=0)
    b = ft.Tokenizer(
        ft.WordModel(["", "a"]),
        "whitespace_split",
        {"[UNK]": 0},
        normalizer="nfc",
        template=ft.Template("[UNK] $A"),
    )
    found = {one.name: (one.a, one.b) for one in ft.compare_tokenizers(a, b).settings}
    assert found == {
        "normalizer": (None, {"name": "nfc"}),
        "pretokenizer": ({"name": "bert"}, {"name": "whitespace_split"}),
        "template": (None, {"single": "[UNK] $A", "pair": None}),
        "model.unk_id": (0, None),
    }
    assert '  normalizer: none and {"name": "nfc"}' in repr(ft.compare_tokenizers(a, b)).splitlines()
    tools = [a.add_tokens([ft.AddedToken("<t>", lstrip=flag)]) for flag in (True, False)]
    found = ft.compare_tokenizers(*tools)
    assert [one.name for one in found.settings] == ["added token <t>"]
    assert found.settings[0].a["lstrip"] is True
    assert not found.added_tokens
    assert found


def test_scores():
    scores = [-1.0, -2.0, -3.0, -4.0]
    model, other = (
        ft.UnigramModel(["", "a", "b", "ab"], [0, *s[1:]], unk_id=0) for s in (scores, scores[::-1])
    )
    a, b = (ft.Tokenizer(one, "none", {"<unk>": 0}) for one in (model, other))
    found = ft.compare_tokenizers(a, b)
    assert found.scores == ((b"a", -2.0, -3.0), (b"b", -3.0, -2.0), (b"ab", -4.0, -1.0))
    assert found.merges is None
    assert "scores        3 pieces differ: a -2 and -3, b -3 and -2, ab -4 and -1" in repr(found)
    assert not found.pieces


def expected_counts(a, b, texts):
    """Return the numbers of documents with other ids, and with other pieces."""
    ids = [(a.encode(text).tolist(), b.encode(text).tolist()) for text in texts]
    pieces = [([a.id_to_piece(i) for i in x], [b.id_to_piece(i) for i in y]) for x, y in ids]
    return sum(x != y for x, y in ids), sum(x != y for x, y in pieces)


def test_ids_of_a_corpus(trained):
    a, b = trained
    permuted = list(range(265))
    random.Random(1).shuffle(permuted)
    rows = [b""] * 265
    for i, j in enumerate(permuted):
        rows[j] = a.id_to_piece(i)
    merges = [[permuted[x] for x in merge] for merge in a.merges.tolist()]
    renumbered = ft.Tokenizer(ft.BPEModel(rows, merges), "gpt2", {"<s>": 265})
    texts = [*TEXTS, "", *hostile.texts(400, seed=2), "", "the lowest"]
    for batch_bytes in (1, 50, 1 << 22):
        corpus = ft.Corpus.from_texts(texts)
        corpus.batches = partial(corpus.batches, batch_bytes=batch_bytes)
        for x, y in ((a, b), (a, renumbered), (b, renumbered), (a, a)):
            found = ft.compare_tokenizers(x, y, corpus).ids
            assert (found.n_differ, found.n_split) == expected_counts(x, y, texts)
            assert found.n_documents == len(texts)
            assert found.n_bytes == sum(len(text.encode()) for text in texts)
            assert found.n_tokens_a == len(x.encode_batch(texts).values)
            assert found.n_tokens_b == len(y.encode_batch(texts).values)
            assert bool(found) == (found.n_differ > 0)


def test_examples_show_the_first_difference(trained):
    a, b = trained
    texts = [*hostile.texts(50, seed=3), "xy the widest wide low and more text after it " * 2, *TEXTS]
    found = ft.compare_tokenizers(a, b, ft.Corpus.from_texts(texts), examples=3).ids
    assert found.n_split > 3
    assert len(found.examples) == 3
    for example in found.examples:
        text = texts[example.document].encode()
        rows = [[(i, tok.id_to_piece(i)) for i in tok.encode(text).tolist()] for tok in trained]
        n = next(k for k, (x, y) in enumerate(zip(*rows, strict=False)) if x[1] != y[1])
        assert example.byte == sum(len(piece) for _, piece in rows[0][:n])
        assert example.skipped == max(0, n - 3)
        assert list(example.a) == rows[0][example.skipped : example.skipped + 10]
        assert list(example.b) == rows[1][example.skipped : example.skipped + 10]
    assert ft.compare_tokenizers(a, b, ft.Corpus.from_texts(texts), examples=0).ids.examples == ()
    with pytest.raises(ValueError, match="examples must be at least 0"):
        ft.compare_tokenizers(a, b, examples=-1)


def test_one_row_is_the_beginning_of_the_other():
    dropping = ft.Tokenizer(ft.ByteModel(), "whitespace_split")
    keeping = ft.Tokenizer(ft.ByteModel(), "gpt2")
    [example] = ft.compare_tokenizers(dropping, keeping, ft.Corpus.from_texts(["abcd "])).ids.examples
    assert (example.byte, example.a, example.skipped) == (4, ((98, b"b"), (99, b"c"), (100, b"d")), 1)
    assert example.b[-1] == (32, b" ")


def test_an_error_names_tokenizer_and_document():
    a, b = words("", "low", "new", unk_id=0), words("", "low")
    texts = ["low"] * 5 + ["low new"]
    with pytest.raises(
        ft.ScoringError, match="tokenizer 'b', document 5: cannot encode 'n' .* of document 5"
    ):
        ft.compare_tokenizers(a, b, ft.Corpus.from_texts(texts))
    broken = ft.Corpus.from_texts([b"low", b"\xff"])
    theirs = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))  # noqa: S106
    with pytest.raises(ft.ScoringError, match="tokenizer 'b', document 1: not UTF-8 at byte 0"):
        ft.compare_tokenizers(a, theirs, broken)


def test_tokenizers_of_other_libraries(tmp_path, tok):
    encoding = tok.to_tiktoken()
    corpus = ft.Corpus.from_texts(hostile.texts(200, seed=4))
    found = ft.compare_tokenizers(tok, encoding, corpus)
    assert not found
    assert found.merges is None
    assert found.pieces.n_a == found.pieces.n_b == 328
    assert found.added_tokens.n_b == 2
    tok.save(tmp_path / "pair", format="gpt2")
    theirs = tokenizers.ByteLevelBPETokenizer.from_file(
        str(tmp_path / "pair/vocab.json"), str(tmp_path / "pair/merges.txt")
    )
    theirs.add_special_tokens(["<|endoftext|>", "<|end|>"])
    assert not ft.compare_tokenizers(tok, theirs._tokenizer, corpus)
    other = tiktoken.Encoding(
        "x", pat_str=r"\S+|\s+", mergeable_ranks=encoding._mergeable_ranks, special_tokens={}
    )
    found = ft.compare_tokenizers(ft.wrap(other), tok, corpus)
    assert found.ids.n_split > 0
    assert [one.item for one in found.added_tokens.only_b] == [b"<|endoftext|>", b"<|end|>"]
    with pytest.raises(TypeError, match="cannot wrap int"):
        ft.compare_tokenizers(tok, 5)


def test_json_holds_everything(trained, tmp_path):
    found = ft.compare_tokenizers(*trained, ft.Corpus.from_texts(TEXTS))
    fields = json.loads(json.dumps(found.to_dict()))
    assert fields["pieces"]["only_b"][0] == {"item": trained[1].id_to_piece(265).decode(), "place": 265}
    assert fields["merges"]["only_b"][0]["item"] == [piece.decode() for piece in found.merges.only_b[0].item]
    assert fields["ids"]["examples"][0]["a"][0] == [
        found.ids.examples[0].a[0][0],
        found.ids.examples[0].a[0][1].decode(),
    ]
    broken = ft.compare_tokenizers(ft.Tokenizer(ft.ByteModel(), "gpt2"), words("", "a")).to_dict()
    assert broken["pieces"]["only_a"][-1]["item"] == "\udcff"


# The command


@pytest.fixture
def files(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, tok in zip("ab", trained, strict=True):
        tok.save(f"{name}.json")
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS))


def run(*arguments):
    result = CliRunner().invoke(main, ["diff", *arguments])
    return result.exit_code, result.output


@pytest.mark.usefixtures("files")
def test_the_exit_status_says_whether_there_are_differences():
    assert run("a.json", "a.json") == (
        0,
        "a             a.json\nb             a.json\nvocabulary    265 pieces, the same\n"
        "merges        9 merges, the same\nadded tokens  1, the same\nsettings      the same\n",
    )
    code, output = run("a.json", "b.json", "--document", "line", "texts.txt")
    assert code == 1
    assert "ids           3 documents of 61 bytes, 31 and " in output
    code, output = run("a.json", "b.json", "texts.txt", "--json")
    assert code == 1
    assert json.loads(output)["ids"]["n_documents"] == 1
    assert (json.loads(output)["a"], json.loads(output)["b"]) == ("a.json", "b.json")


@pytest.mark.usefixtures("files")
def test_a_failure_has_another_exit_status(tmp_path):
    assert run("a.json", "missing.json") == (2, "Error: missing.json: No such file or directory\n")
    (tmp_path / "damaged.json").write_text("{")
    code, output = run("damaged.json", "a.json")
    assert (code, output.startswith("Error: damaged.json: ")) == (2, True)
    assert run("a.json")[0] == 2
    assert run("a.json", "b.json", "nothing.txt")[0] == 2


@pytest.mark.usefixtures("files")
def test_paths_are_opened(tmp_path):
    found = ft.compare_tokenizers("a.json", tmp_path / "b.json", "texts.txt")
    assert (found.a, found.b) == ("a.json", str(tmp_path / "b.json"))
    assert found.ids.n_documents == 1


@pytest.mark.usefixtures("files")
def test_text_from_standard_input():
    command = [
        sys.executable,
        "-c",
        "from fasttok.cli.main import main; main()",
        "diff",
        "a.json",
        "b.json",
        "-",
    ]
    result = subprocess.run(command, input=b"low", check=False, capture_output=True)
    assert result.returncode == 1
    assert b"1 documents of 3 bytes, 1 tokens: the same" in result.stdout
