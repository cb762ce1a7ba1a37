"""`Experiment`: valid specifications, and the messages and lines of invalid ones."""

from __future__ import annotations

import base64
import os
import re

import pytest

import fasttok as ft
from fasttok.corpus.sample import parallel_sample
from fasttok.experiment.spec.tokenizers import Loading, Training
from fasttok.experiment.spec.toml import TomlFile, suggest
from fasttok.formats.base import Format, Option
from fasttok.formats.registry import FORMATS
from tests import sentencepiece_file
from tests.conftest import ROOT

GOOD = """\
name = "all of it"
seed = 7

[corpus.train]
en = { files = "en/*.txt", weight = 2 }
de = { files = ["de.txt", "more/"], weight = 0.5 }

[corpus.test]
held = { files = "held.jsonl", field = "body" }
aligned = { parallel = "aligned/*.txt", baseline = "en" }
shipped = { sample = "parallel" }

[[tokenizer]]
model = ["bpe", "unigram", "character", "word", "byte"]
vocab_size = [
  300,  # small
  400,
]

[[tokenizer]]
model = "wordpiece"
vocab_size = 500
pretokenizer = ["digits_single", "bert"]
normalizer = ["nfkc", "lowercase"]
method = "likelihood"

[[tokenizer]]
name = "found"
load = ["tiny.json"]

[metrics]
use = ["compression", "speed", "compression"]
words = "whitespace"
baseline = "found-tiny"
"""


RANKS = "".join(f"{base64.b64encode(bytes([i])).decode()} {i}\n" for i in range(256))


@pytest.fixture
def folder(tmp_path):
    files = {
        **{"en/a.txt": "the cat", "en/b.txt": "the hat", "de.txt": "der Hut", "more/x.txt": "der Fuchs"},
        **{
            "held.jsonl": '{"body": "a hat"}\n',
            "aligned/en.txt": "one\ntwo\n",
            "aligned/de.txt": "eins\nzwei\n",
        },
        **dict.fromkeys(["tiny.json", "other/tiny.json"], (ROOT / "tests/data/tiny.json").read_text()),
        **{"bare.tiktoken": RANKS, "vocab.txt": "[UNK]\nThe\nthe\n##s\n"},
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def read(text, folder):
    (folder / "experiment.toml").write_text(text)
    return ft.Experiment.load(folder / "experiment.toml")


def test_read_all_parts_of_a_specification(folder):
    experiment = read(GOOD, folder)
    assert (experiment.name, experiment.seed, experiment.words) == ("all of it", 7, "whitespace")
    assert (experiment.metrics, experiment.baseline) == (("compression", "speed"), "found-tiny")
    en, de = experiment.training
    assert (en.language, en.weight, de.language, de.weight) == ("en", 2, "de", 0.5)
    assert en.text.files == (f"{folder}/en/a.txt", f"{folder}/en/b.txt")
    assert de.text.files == (f"{folder}/de.txt", f"{folder}/more/x.txt")
    held, aligned, shipped = experiment.test
    assert (list(held.texts), held.baseline, held.texts[""].options["field"]) == ([""], None, "body")
    assert (list(aligned.texts), aligned.baseline) == (["de", "en"], "en")
    assert aligned.texts["de"].options["document"] == "line"
    assert (len(shipped.texts), shipped.baseline) == (20, "eng")


def test_one_tokenizer_per_model_and_size(folder):
    tokenizers = {tokenizer.name: tokenizer for tokenizer in read(GOOD, folder).tokenizers}
    sized = [f"{model}-{size}" for model in ("bpe", "unigram", "character", "word") for size in (300, 400)]
    assert list(tokenizers) == [*sized, "byte", "wordpiece-500", "found-tiny"]
    assert tokenizers["bpe-400"].options == {"vocab_size": 400}
    assert tokenizers["word-300"].options == {"vocab_size": 300, "unk": "<unk>"}
    wordpiece = tokenizers["wordpiece-500"]
    assert isinstance(wordpiece, Training)
    assert wordpiece.options == {"vocab_size": 500, "method": "likelihood"}
    assert ft.get_pretokenizer(wordpiece.pretokenizer) == ft.get_pretokenizer(["digits_single", "bert"])
    assert wordpiece.normalizer == ft.get_normalizer(["nfkc", "lowercase"]).config()
    assert tokenizers["found-tiny"] == Loading("found-tiny", f"{folder}/tiny.json", {})


def test_options_are_passed_to_the_trainer(folder):
    text = GOOD.replace(
        'model = ["bpe", "unigram", "character", "word", "byte"]', 'model = "word"\nunk = "?"'
    )
    assert read(text, folder).tokenizers[0].options == {"vocab_size": 300, "unk": "?"}
    text = text.replace('unk = "?"', "byte_fallback = true")
    assert read(text, folder).tokenizers[0].options == {"vocab_size": 300, "byte_fallback": True}


def test_paths_start_from_the_folder(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("[elsewhere]")  # not a glob pattern
    for path in folder.iterdir():
        (elsewhere / path.name).symlink_to(path)
    experiment = ft.Experiment.from_toml(GOOD, folder=elsewhere)
    assert experiment.training[0].text.files == (f"{elsewhere}/en/a.txt", f"{elsewhere}/en/b.txt")
    assert ft.Experiment.load(read(GOOD, folder).file.path, folder=elsewhere).training == experiment.training


# Text in GOOD, its replacement, and the line and message of the resulting error.
WRONG = [
    ('name = "all of it"\n', "", None, "the key name is missing"),
    ("seed = 7", "seed = -7", 2, "seed: must be from 0 to 2^64 - 1, not -7"),
    ("seed = 7", "seed = true", 2, "seed: must be a whole number, not True"),
    ("seed = 7", "sede = 7", 2, "sede: unknown key; did you mean 'seed'?"),
    ("seed = 7", "seed = 7 7", 2, "not TOML"),
    ("seed = 7", "seed = " + "7" * 5000, 2, "a number has too many digits"),
    ("seed = 7", "seed = [\n[7],\n" + "[" * 3000, 4, "nested too deeply"),
    ("seed = 7", "seed = " + "[" * 3000 + "]" * 3000, 2, "nested too deeply"),
    ('"all of it"', '""', 1, "name: a name must not be empty"),
    ('"all of it"', r'"all\nof it"', 1, r"name: a name must be printable, not 'all\nof it'"),
    ("de = {", '"" = {', 6, "corpus.train.'': a name must not be empty"),
    ("de = {", r'"a\u202Eb" = {', 6, r"corpus.train.'a\u202eb': a name must be printable, not 'a\u202eb'"),
    ("held = {", '"" = {', 9, "corpus.test.'': a name must not be empty"),
    ("held = {", r'"a\u0001b" = {', 9, r"corpus.test.'a\x01b': a name must be printable, not 'a\x01b'"),
    (
        'files = "held.jsonl"',
        r'"f\u202Es" = "held.jsonl"',
        9,
        r"corpus.test.held.'f\u202es': unknown key",
    ),
    ('"held.jsonl"', r'"h\u202Ed"', 9, r"h\u202ed': No such file or directory"),
    ("weight = 2", "wieght = 2", 5, "corpus.train.en.wieght: unknown key; did you mean 'weight'?"),
    ("weight = 2", "weight = 0", 5, "corpus.train.en.weight: must be above 0 and below 2^63, not 0"),
    ("weight = 2", "weight = nan", 5, "must be above 0 and below 2^63, not nan"),
    ("weight = 2", "weight = 1e19", 5, "must be above 0 and below 2^63, not 1e+19"),
    ("weight = 2", f"weight = {1 << 63}", 5, "must be above 0 and below 2^63"),
    ("weight = 2", 'weight = "2"', 5, "must be a whole number or a number, not '2'"),
    ('"en/*.txt"', '"en/*.text"', 5, "en/*.text: no file matches"),
    ('"more/"', '"more/y.txt"', 6, "more/y.txt: No such file or directory"),
    ('["de.txt", "more/"]', "[]", 6, "corpus.train.de.files: must not be empty"),
    ('["de.txt", "more/"]', '["de.txt", 5]', 6, "must be text or a list of these, not 5"),
    (
        '["de.txt", "more/"]',
        '"de.txt", document = "line"',
        6,
        "document or separator differs from that of 'en'",
    ),
    ('["de.txt", "more/"]', '"de.txt", document = "lines"', 6, "unknown value 'lines'; did you mean 'line'?"),
    ('["de.txt", "more/"]', '"de.txt", separator = ""', 6, "separator: must not be empty"),
    (
        '["de.txt", "more/"]',
        '"de.txt", separator = "-", document = "line"',
        6,
        "document and separator exclude each other",
    ),
    (
        'files = "held.jsonl", ',
        "",
        9,
        "exactly one of files, parallel, sample, to specify its text; found none",
    ),
    ('files = "held.jsonl"', 'files = "held.jsonl", parallel = "x"', 9, "found files and parallel"),
    ('field = "body"', 'baseline = "en"', 9, "only parallel text has a baseline"),
    (', baseline = "en"', "", 10, "corpus.test.aligned: the key baseline is missing"),
    ('baseline = "en"', 'baseline = "eng"', 10, "unknown value 'eng'; did you mean 'en'?"),
    ('baseline = "en"', 'baseline = "en", document = "line"', 10, "one document per line"),
    (
        'baseline = "en"',
        'baseline = "en", morphemes = { fr = "de.txt" }',
        10,
        "fr: not a language of this corpus",
    ),
    ('baseline = "en"', 'baseline = "en", morphemes = { de = "en/*" }', 10, "must be a single file"),
    ('sample = "parallel"', 'sample = "paralel"', 11, "did you mean 'parallel'?"),
    ("[corpus.test]", "[corpus.tests]", 8, "corpus.tests: unknown key; did you mean 'test'?"),
    ('"bpe", "unigram"', '"bpe", "unigramm"', 14, "no model is named 'unigramm'; did you mean 'unigram'?"),
    (
        'model = ["bpe", "unigram", "character", "word", "byte"]',
        "",
        13,
        "must have the key model, to train a tokenizer, or load",
    ),
    ('["bpe", "unigram", "character", "word", "byte"]', '["byte"]', 15, "has no effect on byte"),
    ("  300,", "  0,", 15, "tokenizer.vocab_size: bpe: vocab_size must be at least 256"),
    ("  300,", "  -1,", 15, "vocab_size must be at least 256"),
    ("  300,", "  300.5,", 15, "must be a whole number or a list of these, not 300.5"),
    ("  300,", "  400,", 13, "two tokenizers are named bpe-400; put one of them into a separate"),
    ('model = "wordpiece"\nvocab_size = 500', 'model = "unigram"', 20, "unigram needs the key vocab_size"),
    (
        'method = "likelihood"',
        'method = "likely"',
        25,
        'wordpiece: method must be "frequency", "likelihood"',
    ),
    ('method = "likelihood"', "unk = 5", 25, "wordpiece: unk must be a str, not int"),
    ('method = "likelihood"', "byte_fallback = true", 25, "unknown key"),
    (
        '"word", "byte"]',
        '"word", "byte"]\ntoken_cost = 1',
        15,
        "not an option of bpe; put bpe into a separate",
    ),
    ('["digits_single", "bert"]', '"gpt5"', 23, "no pretokenizer is named 'gpt5'"),
    ('["digits_single", "bert"]', '"a("', 23, "does not compile"),
    ('["digits_single", "bert"]', "[5]", 23, "tokenizer.pretokenizer: "),
    ('["digits_single", "bert"]', "5", 23, "tokenizer.pretokenizer: must be text or a list"),
    ('"nfkc", "lowercase"', '"nfck"', 24, "no normalizer is named 'nfck'"),
    ('name = "found"', 'name = "a/b"', 28, "must consist of letters, digits and . _ + -, not 'a/b'"),
    ('name = "found"', f'name = "{"n" * 191}"', 28, "nnn-tiny.json is longer than 200 bytes"),
    (
        'name = "found"',
        "lowercase = false",
        28,
        "lowercase: not an option of tiny.json; put tiny.json into a separate [[tokenizer]]",
    ),
    ('name = "found"', 'lowercase = "no"', 28, "lowercase: must be true or false, not 'no'"),
    ('name = "found"', "unk = 1979-05-27", 28, "unk: must be text, not datetime.date(1979, 5, 27)"),
    ('name = "found"', "special_tokens = { a = 300 }", 28, "special_tokens: not an option of tiny.json"),
    (
        '"tiny.json"',
        '"bare.tiktoken"',
        29,
        "bare.tiktoken does not contain its pretokenizer; add the key pretokenizer",
    ),
    (
        '"tiny.json"',
        '"de.txt"',
        29,
        "de.txt is neither a fasttok file nor a tokenizer.json of Hugging Face",
    ),
    ('"tiny.json"', '"more/"', 29, "more/ is a folder; name its files, for example more/*.json"),
    ('"tiny.json"', r'"a\u0000b*"', 29, "tokenizer.load: "),
    (
        '["tiny.json"]',
        '["tiny.json", "other/tiny.json"]',
        27,
        "two tokenizers are named found-tiny; put one of them into a separate [[tokenizer]]",
    ),
    ('method = "likelihood"', "max_piece_length = 1979-05-27", 25, "must be an integer, not date"),
    (
        'method = "likelihood"',
        "special_tokens = [1979-05-27]",
        25,
        "wordpiece: each item of special_tokens must",
    ),
    ('method = "likelihood"', f"min_frequency = {1 << 63}", 25, "min_frequency: must fit into 64 bits"),
    ("  300,", f"  {1 << 63},", 15, "tokenizer.vocab_size: must fit into 64 bits"),
    ('name = "found"', "start = 1", 28, "tokenizer.start: unknown key"),
    (
        'load = ["tiny.json"]',
        'load = ["tiny.json", "missing.tiktoken"]',
        29,
        "missing.tiktoken: No such file",
    ),
    (
        '"compression", "speed"',
        '"compresion"',
        32,
        "no metric is named 'compresion'; did you mean 'compression'?",
    ),
    ('["compression", "speed", "compression"]', "[]", 32, "metrics.use: must not be empty"),
    ('words = "whitespace"\n', "", 31, "metrics: the key words is missing"),
    ('words = "whitespace"', 'words = "tsheg"', 33, "known are whitespace, dzongkha, unicode"),
    ('baseline = "found-tiny"', 'baseline = "tiny"', 34, "unknown value 'tiny'"),
    ("[metrics]", "[other]", 31, "other: unknown key"),
]


@pytest.mark.parametrize(("old", "new", "line", "message"), WRONG, ids=[row[3][:50] for row in WRONG])
def test_errors_name_the_line_and_the_problem(folder, old, new, line, message):
    assert GOOD.count(old) == 1
    with pytest.raises(ft.ExperimentError, match=re.escape(message)) as caught:
        read(GOOD.replace(old, new), folder)
    assert caught.value.line == line
    place = f"{folder}/experiment.toml" + (f":{line}" if line else "")
    assert str(caught.value).startswith(f"{place}: ")
    assert str(caught.value).count("experiment.toml") == 1


def load_group(group):
    """Return GOOD with another [[tokenizer]] instead of the last one."""
    return GOOD.replace('name = "found"\nload = ["tiny.json"]', group).replace(
        'baseline = "found-tiny"\n', ""
    )


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ("{ a = 1979-05-27 }", "must be from 0 to 2^24 - 1, not datetime.date(1979, 5, 27)"),
        ('{ a = "300" }', "the id of added token 'a' must be from 0 to 2^24 - 1, not '300'"),
        ("{ a = 300.0 }", "not 300.0"),
        ("{ a = true }", "not True"),
        ("{ a = -1 }", "not -1"),
        (f"{{ a = {1 << 31} }}", "not 2147483648"),
        ("{ a = 300, b = 300 }", "added tokens 'a' and 'b' have the same id 300"),
        ('["a"]', "added_tokens must be a mapping of str or AddedToken to ids, not list"),
    ],
)
def test_invalid_ids_of_added_tokens(folder, ids, message):
    group = f'load = "bare.tiktoken"\npretokenizer = "gpt2"\nspecial_tokens = {ids}'
    with pytest.raises(ft.ExperimentError, match=re.escape(message)) as caught:
        read(load_group(group), folder)
    assert caught.value.line == 30


def test_options_of_formats(folder):
    group = """load = "vocab.txt"
        lowercase = false
        strip_accents = true
        handle_chinese_chars = false
        unk = "[UNK]"
        continuing_subword_prefix = "##"
        max_input_chars_per_word = 50
        special_tokens = ["[UNK]"]"""
    vocab = read(load_group(group), folder).tokenizers[-1]
    tok = ft.load(vocab.file, **vocab.options)
    assert (vocab.name, tok.encode("Thes").tolist(), tok.special_tokens) == ("vocab", [1, 3], {"[UNK]": 0})
    group = 'load = "bare.tiktoken"\npretokenizer = "cl100k"\nspecial_tokens = { a = 300, b = 2000 }'
    bare = read(load_group(group), folder).tokenizers[-1]
    assert bare.options["special_tokens"] == {"a": 300, "b": 2000}
    assert bare.options["pretokenizer"] == ft.get_pretokenizer("cl100k").config()
    with pytest.raises(ft.ExperimentError, match="must be a sequence of str, not dict"):
        read(load_group('load = "vocab.txt"\nspecial_tokens = { a = 1 }'), folder)
    with pytest.raises(ft.ExperimentError, match="max_input_chars_per_word must be at least 1, not 0"):
        read(load_group('load = "vocab.txt"\nmax_input_chars_per_word = 0'), folder)


def test_options_of_a_new_format(folder, monkeypatch):
    option = Option((int,), missing=lambda path, options: "has no size")
    toy = Format("toy", "a toy", lambda head, _: head.startswith(b"toy"), ft.load, None, {"size": option})
    monkeypatch.setitem(FORMATS, "vocab.txt", toy)
    (folder / "a.toy").write_text("toy")
    assert read(load_group('load = "a.toy"\nsize = 3'), folder).tokenizers[-1].options == {"size": 3}
    for group, message in [
        ('load = "a.toy"\nsize = "3"', "size: must be a whole number, not '3'"),
        ('load = "a.toy"', "a.toy has no size; add the key size"),
        ('load = "a.toy"\nsize = 3\npretokenizer = "gpt2"', "pretokenizer: not an option of a.toy"),
        (
            'load = "vocab.txt"',
            "vocab.txt is neither a fasttok file nor a tokenizer.json of Hugging Face nor .* nor a toy",
        ),
    ]:
        with pytest.raises(ft.ExperimentError, match=message):
            read(load_group(group), folder)


def test_versions_in_file_names_are_kept(folder):
    names = ["Qwen2.5.json", "Qwen2.json", "Qwen2.5-a.b.tiktoken", "Qwen2.JSON.txt", "Qwen2.v3"]
    for name in names:
        (folder / name).write_text("{")
    group = 'load = ["Qwen2.json", "Qwen*"]'  # the first file matches twice
    assert [tokenizer.name for tokenizer in read(load_group(group), folder).tokenizers[-5:]] == [
        *("Qwen2", "Qwen2.5-a.b", "Qwen2.5", "Qwen2.JSON", "Qwen2.v3")
    ]


@pytest.mark.parametrize("name", [b"caf\xe9", b"a\xe2\x80\xaeb", b"n" * 196])
def test_invalid_file_names_of_tokenizers(folder, name):
    try:
        (folder / f"{os.fsdecode(name)}.json").write_text("{")
    except OSError:
        pytest.skip("this file system requires UTF-8 file names")
    with pytest.raises(
        ft.ExperimentError, match="tokenizer.load: .*(must be printable|longer than 200 bytes)"
    ) as caught:
        read(load_group('load = "*.json"'), folder)
    assert caught.value.line == 28
    assert str(caught.value).isprintable()


def test_a_file_that_cannot_be_opened(folder, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("fasttok.experiment.spec.tokenizers.find_format", refuse)
    with pytest.raises(ft.ExperimentError, match="tiny.json: Permission denied") as caught:
        read(GOOD, folder)
    assert caught.value.line == 29


MODEL = '[[tokenizer]]\nmodel = "byte"\n'
TEST = '[corpus.test]\nshipped = { sample = "parallel" }\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no tokenizer to compare; add a table [[tokenizer]]"),
        (MODEL, "there is no training text; add a table [corpus.train]"),
        ('[[tokenizer]]\nload = "tiny.json"\n', "there is no test text; add a table [corpus.test]"),
        ('[[tokenizer]]\nload = "tiny.json"\n' + TEST, "the key use is missing"),
    ],
)
def test_missing_parts(folder, text, message):
    with pytest.raises(ft.ExperimentError, match=re.escape(message)):
        read(f'name = "little"\n{text}', folder)


def test_tokenizer_must_be_an_array_of_tables(folder):
    with pytest.raises(ft.ExperimentError, match="tokenizer: must be a list, not") as caught:
        read(GOOD[: GOOD.index("[[tokenizer]]")] + '[tokenizer]\nmodel = "bpe"\n', folder)
    assert caught.value.line == 13
    with pytest.raises(
        ft.ExperimentError, match=re.escape("tokenizer: must be an array of tables, [[tokenizer]]; found 5")
    ):
        read("tokenizer = [5]\n" + GOOD[: GOOD.index("[[tokenizer]]")], folder)


def test_a_file_that_is_not_utf_8(tmp_path):
    path = tmp_path / "experiment.toml"
    path.write_bytes(b'name = "a"\n# \xff\n')
    with pytest.raises(ft.ExperimentError, match="not UTF-8") as caught:
        ft.Experiment.load(path)
    assert caught.value.line == 2
    path.write_bytes(b'name = "')
    with pytest.raises(ft.ExperimentError, match="not TOML"):
        ft.Experiment.load(path)


def test_a_byte_order_mark_is_ignored(folder):
    text = "\ufeff" + GOOD
    assert read(text, folder).name == "all of it"
    with pytest.raises(ft.ExperimentError, match="seed: must be") as caught:
        read(text.replace("seed = 7", "seed = -7"), folder)
    assert caught.value.line == 2
    (folder / "experiment.toml").write_bytes(b"\xef\xbb\xbf#\n#\n\xff\n")
    with pytest.raises(ft.ExperimentError, match="not UTF-8") as caught:
        ft.Experiment.load(folder / "experiment.toml")
    assert caught.value.line == 3


def test_a_folder_named_parallel_is_not_parallel_text(folder):
    (folder / "parallel").mkdir()
    for language in ("eng", "deu"):
        (folder / f"parallel/{language}.txt").write_text("one\n")
    held = read(GOOD.replace('files = "held.jsonl", field = "body"', 'files = "parallel"'), folder).test[0]
    assert (held.baseline, held.texts["eng"].options["document"]) == (None, "whole")


@pytest.mark.parametrize("name", [b"caf\xe9", b"a\xe2\x80\xaeb"], ids=["not UTF-8", "right-to-left override"])
def test_names_of_languages_must_be_printable(folder, name):
    try:
        path = os.fsdecode(name)
        (folder / f"en/{path}.txt").write_text("a")
    except OSError:
        pytest.skip("this file system requires UTF-8 file names")
    assert len(read(GOOD, folder).training[0].text.files) == 3  # names of training files are not languages
    alone = GOOD.replace('"held.jsonl", field = "body"', '"en/??*.txt"')
    assert list(read(alone, folder).test[0].texts) == [""]  # a single language has no name
    with pytest.raises(ft.ExperimentError, match="held.files: a name must be printable, not ") as caught:
        read(GOOD.replace('"held.jsonl", field = "body"', '"en/*.txt"'), folder)
    assert caught.value.line == 9
    assert str(caught.value).isprintable()


LINES = '''\
# first
a = 1
b.c = { d = [1,
  2], e = 5 }

[t]
text = """
a = 5
[u]
"""
x = [
  # more
  { y = 1 },
]
[[rows]]
k = 1
[[rows]]

k = 2
'''


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_of_values(end):
    lines = {
        **{("a",): 2, ("b",): 3, ("b", "c", "d", 1): 3, ("b", "c", "e"): 3, ("t",): 6, ("t", "text"): 7},
        **{("t", "x"): 11, ("t", "x", 0, "y"): 11, ("rows",): 15, ("rows", 0, "k"): 16, ("rows", 1): 17},
        **{("rows", 1, "k"): 19, ("u",): None, ("t", "a"): None, ("rows", 2): None, ("a", "b"): None},
    }
    file = TomlFile(LINES.replace("\n", end), "a.toml")
    assert {keys: file.line(keys) for keys in lines} == lines


def test_known_keys_are_listed_once(folder):
    with pytest.raises(ft.ExperimentError, match="zzz: unknown key; known are ") as caught:
        read(load_group('model = "bpe"\nvocab_size = 300\nzzz = 1'), folder)
    known = str(caught.value).split("known are ")[1].split(", ")
    assert {"model", "vocab_size", "min_frequency"} <= set(known)
    assert len(known) == len(set(known))


def test_an_experiment_loads_a_sentencepiece_model(folder):
    (folder / "sp.model").write_bytes(sentencepiece_file.write([("<unk>", 0.0, 2), ("a", -1.0, 1)]))
    [loading] = read(load_group('load = "sp.model"'), folder).tokenizers[-1:]
    assert (loading.name, loading.file) == ("sp", f"{folder}/sp.model")


def test_suggestions():
    assert suggest("bpee", ["bpe", "byte"]) == "did you mean 'bpe'?"
    assert suggest("x", ["bpe", "byte"]) == "known are bpe, byte"


# Experiment with several model families; without the key baseline, the first tokenizer is the baseline.
FAMILIES = """\
name = "four-families"
seed = 7
[corpus.train]   # language tags and weights
en = { files = "data/en/*.txt", weight = 1.0 }
hi = { files = "data/hi/*.txt", weight = 0.5 }
[corpus.test]
ntrex = { parallel = "ntrex128/*.txt", baseline = "eng" }    # each file's stem is its language
[[tokenizer]]
model = ["bpe", "wordpiece", "unigram", "character", "word"]
vocab_size = [4000, 8000, 16000, 32000]
pretokenizer = "gpt2"
[[tokenizer]]
load = ["cl100k_base.tiktoken", "o200k_base.tiktoken", "mine.json"]
[metrics]
use = ["compression", "fertility", "pcw", "nsl", "parity", "gini", "renyi", "vocabulary", "morphology",
    "speed"]
words = "whitespace"
"""


@pytest.mark.filterwarnings("ignore:the vocabulary has")  # the text is too short for 4,000 pieces
@pytest.mark.filterwarnings("ignore:.*has the name of the rank file")
def test_compare_model_families(tmp_path):
    two_bytes = [bytes([i]) for i in range(256)] + [bytes([i, j]) for i in range(256) for j in range(256)]
    ranks = "".join(f"{base64.b64encode(piece).decode()} {i}\n" for i, piece in enumerate(two_bytes))
    sample = {language: path.read_text() for language, path in parallel_sample().items()}
    files = {
        **{f"data/en/{name}.txt": sample["eng"] for name in "ab"},
        "data/hi/a.txt": sample["hin"],
        **{f"ntrex128/{language}.txt": sample[language] for language in ("eng", "hin", "jpn")},
        **dict.fromkeys(["cl100k_base.tiktoken", "o200k_base.tiktoken"], ranks),
        "mine.json": (ROOT / "tests/data/tiny.json").read_text(),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "experiment.toml").write_text(FAMILIES)
    results = ft.compare(tmp_path / "experiment.toml", tmp_path / "results")
    assert results.failures == []
    models, sizes = ("bpe", "wordpiece", "unigram", "character", "word"), (4000, 8000, 16000, 32000)
    assert results.tokenizers == [
        *(f"{model}-{size}" for model in models for size in sizes),
        *("cl100k_base", "o200k_base", "mine"),
    ]
    metrics = {
        *("n_tokens", "bytes_per_token", "fertility", "pcw", "nsl", "premium", "max_min", "gini"),
        *("renyi_efficiency", "vocabulary_use"),
    }
    for name in results.tokenizers:
        assert metrics <= {row["metric"] for row in results.rows if row["tokenizer"] == name}
    assert {row["stage"] for row in results.timings} >= {"train", "encode"}
