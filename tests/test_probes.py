"""`probe`: findings about tokens, tokenizers that lose text or fail, tables."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

import fasttok as ft
from fasttok.evaluation import probe_texts
from fasttok.evaluation.probe_texts import Tokenized
from fasttok.evaluation.probes import Probe, Probes

BYTES = ft.Tokenizer(ft.ByteModel(), "gpt2")
LINES = {code: path.read_text("utf-8").splitlines() for code, path in ft.parallel_sample().items()}


@pytest.fixture(scope="module")
def tok():
    return ft.train(ft.Corpus.from_texts(LINES["eng"] * 3 + ["a|b|c|d<i>e<i>"] * 9), vocab_size=500)


def cut(text: str, *pieces: str) -> Tokenized:
    """Return a text with its tokens; a piece of a character that is not ASCII takes its bytes."""
    assert "".join(pieces) == text
    spans, start = [], 0
    for piece in pieces:
        spans.append((start, start + len(piece.encode())))
        start = spans[-1][1]
    return Tokenized(text, spans, len(pieces))


def rows_of(tok, probe: str) -> dict[str, tuple[int | None, str]]:
    return {row.text: (row.n_tokens, row.finding) for row in ft.probe(tok).rows if row.probe == probe}


# Findings


@pytest.mark.parametrize(
    ("function", "tokens", "finding"),
    [
        ("digits", cut("12", "12"), "the digits are in one token"),
        ("digits", cut("123", "1", "2", "3"), "each digit is a token"),
        ("digits", cut("1234567", "123", "456", "7"), "groups of 3, 3, 1 digits, from the left"),
        ("digits", cut("1234567", "1", "234", "567"), "groups of 1, 3, 3 digits, from the right"),
        ("digits", cut("123456", "123", "456"), "groups of 3, 3 digits"),
        ("digits", cut("123456", "1", "234", "56"), "groups of 1, 3, 2 digits"),
        ("separators", cut("1,234,567", "1", ",", "234", ",", "567"), "each separator is a token of its own"),
        ("separators", cut("1,234,567", "1,", "234,", "567"), "no separator is a token of its own"),
        ("separators", cut("1 234 567", "1", " ", "234", " 567"), "1 of 2 separators is a token of its own"),
        ("letters", cut("low", "low"), "the 3 letters are in one token"),
        ("letters", cut(" low", " ", "low"), "the 3 letters are in one token"),
        ("letters", cut("low", "l", "o", "w"), "each letter is a token"),
        ("letters", cut(" low", " l", "o", "w"), "each letter is a token"),
        ("letters", cut("lowest", "low", "e", "st"), "5 of 6 letters are in tokens of several letters"),
        ("words", cut("getUserName", "get", "User", "Name"), "a token begins at 3 of 3 words"),
        ("words", cut("getUserName", "getU", "serN", "ame"), "a token begins at 1 of 3 words"),
        ("words", cut("get_user_name", "get", "_user", "_", "name"), "a token begins at 3 of 3 words"),
        ("words", cut("get_user_name", "get_", "user_n", "ame"), "a token begins at 2 of 3 words"),
        ("operators", cut("a == b -> c", "a", " ==", " b", " ", "->", " c"), "each operator is one token"),
        ("operators", cut("a == b -> c", "a", " =", "= b", " -> c"), "no operator is one token"),
        ("operators", cut("a == b -> c", "a", " ==", " b -> c"), "1 of 2 operators is one token"),
        ("run", cut("a  b", "a", "  ", "b"), "the white space is one token"),
        ("run", cut("a  b", "a", "  b"), "the white space shares a token"),
        ("run", cut("a  b", "a", " ", " b"), "the white space is in 2 tokens, one of them shared"),
        ("run", cut("a\r\nb", "a", "\r", "\n", "b"), "the white space is in 2 tokens"),
        ("run", cut("é\u00a0b", "é", "\u00a0", "b"), "the white space is one token"),
        ("run", Tokenized("a  b", [(0, 1), (3, 4)], 2), "the white space is in no token"),
        ("emoji", cut("😀", "😀"), "one symbol of 1 character and 4 bytes, in 1 token"),
        ("emoji", cut("👍🏽", "👍", "🏽"), "one symbol of 2 characters and 8 bytes, in 2 tokens"),
    ],
)
def test_findings(function, tokens, finding):
    assert getattr(probe_texts, f"describe_{function}")(tokens) == finding


# Tokenizers


def test_bytes():
    numbers = rows_of(BYTES, "numbers")
    assert numbers["1"] == (1, "the digits are in one token")
    assert numbers["1234567890"] == (10, "each digit is a token")
    assert numbers["0…999"] == (10 + 180 + 2700, "10 of 1,000 numbers are one token")
    assert rows_of(BYTES, "spelling")["Mississippi"] == (11, "each letter is a token")
    code = rows_of(BYTES, "code")
    assert code["1…16 spaces"] == (136, f"tokens: {' '.join(map(str, range(1, 17)))}")
    assert code["    return"] == (10, "the white space is in 4 tokens")
    assert code["getUserNameFromDatabase"] == (23, "a token begins at 5 of 5 words")
    assert rows_of(BYTES, "white space")["a\r\nb"] == (4, "the white space is in 2 tokens")
    assert rows_of(BYTES, "emoji")["\U0001f1e9\U0001f1ea"][0] == 8
    scripts = rows_of(BYTES, "scripts")
    assert len(scripts) == 20
    for code_, name in probe_texts.LANGUAGES.items():
        text, english = LINES[code_][1], LINES["eng"][1]
        n, finding = scripts[text]
        assert n == len(text.encode())
        premium = f": {n / len(english.encode()):.1f} times the tokens of English"
        assert finding == name + premium * (name != "English")


def test_rows_are_those_of_the_tokenizer(tok):
    for row in ft.probe(tok).rows:
        if row.tokens:
            assert row.n_tokens == len(row.tokens) == tok.count(row.text)
            assert list(row.tokens) == tok.tokens(row.text)
        else:
            assert row.text in ("0…999", "1…16 spaces", "1…16 tabs")
    n_single = sum(tok.count(str(i)) == 1 for i in range(1000))
    assert rows_of(tok, "numbers")["0…999"][1] == f"{n_single} of 1,000 numbers are one token"
    assert ft.probe(tok) == ft.probe(tok)


def test_a_tokenizer_that_loses_text():
    model = ft.WordPieceModel(["", "where", "is", "the", "##s", "a", "b", "return", "1"], unk_id=0)
    lossy = ft.Tokenizer(model, "bert", {"[UNK]": 0}, normalizer="bert")
    white = rows_of(lossy, "white space")
    assert white["a\nb"] == (2, "the white space is in no token; decoding gives another text")
    [emoji, *_] = (row for row in ft.probe(lossy).rows if row.probe == "emoji")
    assert emoji.tokens == ("⟦😀⟧",)
    assert "unknown tokens" in rows_of(lossy, "spelling")["Mississippi"][1]
    assert rows_of(lossy, "numbers")["1"] == (1, "the digits are in one token")


def test_a_tokenizer_that_fails():
    letters = ft.train(ft.Corpus.from_texts(["abcdefghijklmnopqrstuvwxyz "]), model="character")
    assert rows_of(letters, "spelling")["strawberry"] == (10, "each letter is a token")
    assert rows_of(letters, "numbers")["12"] == (None, "cannot be encoded: 1 is not in the vocabulary")
    assert rows_of(letters, "numbers")["0…999"] == (None, "cannot be encoded: 0 is not in the vocabulary")
    assert rows_of(letters, "code")["1…16 tabs"] == (None, r"cannot be encoded: \t is not in the vocabulary")
    scripts = rows_of(letters, "scripts")
    assert scripts[LINES["eng"][1]] == (None, "English: cannot be encoded: W is not in the vocabulary")
    assert scripts[LINES["jpn"][1]][1].startswith("Japanese: cannot be encoded")
    assert " –  " in repr(ft.probe(letters))


def test_wrapped_tokenizers(tok):
    assert ft.probe(ft.wrap(tok.to_tiktoken())).rows == ft.probe(tok).rows
    assert ft.probe(ft.wrap(tok)).rows == ft.probe(tok).rows
    theirs = pytest.importorskip("tokenizers")
    words = theirs.Tokenizer(theirs.models.WordLevel({"[UNK]": 0, "a": 1, "b": 2}, unk_token="[UNK]"))  # noqa: S106
    words.pre_tokenizer = theirs.pre_tokenizers.Whitespace()
    assert rows_of(ft.wrap(words), "white space")["a  b"][0] == 2
    with pytest.raises(TypeError, match=r"tok must be a Tokenizer, not Tokenizer; wrap .* with ft.wrap"):
        ft.probe(words)


@pytest.mark.parametrize(
    ("pretokenizer", "normalizer"), [("metaspace", None), (ft.Regex(".+"), ft.Prepend("▁"))]
)
def test_a_tokenizer_that_adds_a_space(pretokenizer, normalizer):
    pieces = ["", "▁", *map(chr, range(33, 127)), "12"]
    model = ft.UnigramModel(pieces, [0.0, *[-5.0] * 95, -1.0], unk_id=0)
    adding = ft.Tokenizer(model, pretokenizer, {"<unk>": 0}, normalizer=normalizer)
    assert adding.tokens("12") == ["▁", "12"]
    numbers = {text: finding.split("; ")[0] for text, (_, finding) in rows_of(adding, "numbers").items()}
    assert numbers["12"] == "the digits are in one token"
    assert numbers["123"] == "groups of 2, 1 digits, from the left"


def test_a_tokenizer_that_drops_white_space():
    dropping = ft.Tokenizer(ft.ByteModel(), "whitespace_split")
    assert rows_of(dropping, "code")["1…16 spaces"] == (0, "never a token")
    keeping = ft.Tokenizer(ft.WordModel([" " * n for n in range(1, 17)] + ["return"]), ft.Regex(" +|[a-z]+"))
    assert rows_of(keeping, "code")["1…16 spaces"] == (16, "always one token")


def test_a_tokenizer_that_drops_all_text():
    dropping = ft.Tokenizer(ft.ByteModel(), "none", normalizer=ft.RegexReplace("[0-9a-z]", ""))
    assert rows_of(dropping, "numbers")["123"] == (
        0, "no token has a part of the text; decoding gives another text"
    )  # fmt: skip
    assert rows_of(dropping, "spelling")["strawberry"][1].startswith("no token has a part of the text")


# Tables


class Cells(HTMLParser):
    """Texts of the cells of a table, and the tags in it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "td":
            self.texts.append("")

    def handle_data(self, data):
        if self.texts:
            self.texts[-1] += data.strip("\n")


def test_tables(tok):
    probes = ft.probe(tok)
    lines = repr(probes).splitlines()
    assert len(lines) == len(probes) + 1  # no row is left out
    assert lines[0].split() == ["probe", "text", "n", "tokens", "finding"]
    assert all(line.rstrip().endswith(row.finding) for line, row in zip(lines[1:], probes.rows, strict=True))
    pytest.importorskip("jinja2")
    cells = Cells()
    cells.feed(probes._repr_html_())
    assert cells.texts[::3] == ["".join(row.tokens) or row.text for row in probes.rows]
    assert cells.texts[1::3] == [f"{row.n_tokens:,}" for row in probes.rows]
    assert cells.texts[2] == probes.rows[0].finding
    for name in ("numbers", "spelling", "code", "white space", "emoji", "scripts"):
        assert probes._repr_html_().count(f">{name}</th>") == 1


def test_hostile_pieces():
    pytest.importorskip("jinja2")
    rows = (
        Probe("numbers", "<b>|", ("<script>", "1|2"), 2, "a <finding>"),
        Probe("numbers", "<b>&", (), None, "cannot be encoded"),
    )
    probes = Probes(rows)
    cells = Cells()
    cells.feed(probes._repr_html_())
    assert cells.texts[0] == "<script>1|2"
    assert not {"script", "b", "finding"} & set(cells.tags)
    assert "<script>|1\\x7c2" in repr(probes)
    words = ft.WordModel(["", "<script>", "1|2"], unk_id=0)
    assert len(ft.probe(ft.Tokenizer(words, "whitespace_split", {"<unk>": 0}))) == 60


def test_pandas():
    pytest.importorskip("pandas")
    probes = ft.probe(BYTES)
    frame = probes.to_pandas()
    assert list(frame.columns) == ["probe", "text", "tokens", "n_tokens", "finding"]
    assert frame["n_tokens"].tolist() == [row.n_tokens for row in probes.rows]
    assert frame["tokens"].tolist() == [row.tokens for row in probes.rows]
    letters = ft.train(ft.Corpus.from_texts(["abc"]), model="character")
    assert ft.probe(letters).to_pandas()["n_tokens"].isna().any()
