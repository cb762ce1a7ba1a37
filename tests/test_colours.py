"""Showing tokens in a terminal, a notebook and an HTML page."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from click.testing import CliRunner

import fasttok as ft
from fasttok.cli import main as cli
from fasttok.cli.shared import colours
from fasttok.display.colours import ColouredTokens, to_html, visible
from tests.hostile import byte_strings, texts


class Cells(HTMLParser):
    """Parser that collects the text of each token and all tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: list[str] = []
        self._inside = False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "bdi":
            self._inside = True
            self.cells.append("")

    def handle_endtag(self, tag):
        self._inside = self._inside and tag != "bdi"

    def handle_data(self, data):
        if self._inside:
            self.cells[-1] += data


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (b" the", "·the"),
        (b"\r\n\t", "\\r\\n\\t"),
        ("é東".encode(), "é東"),
        (b"\xe6\x9d", "<0xE6><0x9D>"),
        (b"a\xff", "a<0xFF>"),
        (b"\xed\xb2\x80", "<0xED><0xB2><0x80>"),  # a surrogate is not a character
        ("\u202e\u200d\x00\x7f".encode(), "\\u202e\\u200d\\x00\\x7f"),
        (b"", ""),
    ],
)
def test_visible(token, expected):
    assert visible(token) == expected


def test_visible_tokens_contain_only_printable_characters():
    for token in byte_strings(2_000):
        assert all(character.isprintable() and character != " " for character in visible(token))


def test_html_escapes_tags_in_tokens():
    hostile = ["<script>alert(1)</script>", '"onmouseover="x', "&amp;", "</bdi>", "<0xE6>", "'", "<!--"]
    for tokens in (hostile, [visible(text.encode()) for text in texts(300)], []):
        page = Cells(to_html(tokens, unknown={0}))
        assert page.cells == tokens
        assert set(page.tags) <= {"span", "bdi", "wbr"}
    assert to_html(["a", "b"], unknown={1}).count("class=unknown") == 1


def test_a_notebook_shows_the_same_tokens_as_repr(tok):
    shown = tok.show(" lower\n東")
    assert isinstance(shown, ft.ColouredTokens)
    assert repr(shown) == "|".join(shown.tokens)
    assert len(shown) == tok.count(" lower\n東")
    assert Cells(shown._repr_html_()).cells == list(shown.tokens)
    assert tok.show("<|end|>", special="all").tokens == ("<|end|>",)
    assert ColouredTokens(()).tokens == tok.show("").tokens == ()
    with pytest.raises(ft.TextError):
        tok.show("\ud800")


def tokenizer_of_few_words():
    """Return a tokenizer to which most words are unknown."""
    return ft.Tokenizer(ft.WordPieceModel(["", "low", "##er"], unk_id=0), "bert", {"[UNK]": 0})


def test_unknown_text_is_shown_and_marked():
    shown = tokenizer_of_few_words().show("lower <b>東 low")
    assert shown.tokens[:2] == ("low", "##er")
    assert "".join(shown.tokens[2:]) == "<b>東low"
    assert shown.unknown == set(range(2, len(shown) - 1))
    assert "|".join(shown.tokens) == repr(shown).replace("⟦", "").replace("⟧", "")
    assert "⟦東⟧" in repr(shown)
    page = shown._repr_html_()
    assert page.count("<bdi class=unknown>") == len(shown.unknown)
    assert f"{len(shown)} tokens</small>" in page
    assert "1 token</small>" in tokenizer_of_few_words().show("low")._repr_html_()
    assert tokenizer_of_few_words().show(b"\xff").tokens == ("<0xFF>",)
    characters = ft.train(ft.PretokenCounts.from_dict({"ab": 1}), model="character", unk="<unk>")
    assert repr(characters.show("ab東 <unk>")) == "a|b|⟦東⟧|⟦·⟧|⟦<⟧|⟦u⟧|⟦n⟧|⟦k⟧|⟦>⟧"


def test_unknown_text_is_shown_as_in_the_raw_text():
    model = ft.UnigramModel(["", "▁", "a"], [0.0, -1.0, -2.0], unk_id=0)
    tok = ft.Tokenizer(model, "metaspace", {"<unk>": 0}, normalizer="nmt_nfkc")
    shown = tok.show("ａ ㍿")
    assert [shown.tokens[i] for i in shown.unknown] == ["㍿"]
    assert [token for i, token in enumerate(shown.tokens) if i not in shown.unknown] == ["▁", "a", "▁"]


@pytest.fixture
def files(tok, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tok.save("a.json")
    ft.train(ft.PretokenCounts.from_dict({"a": 1}), model="byte").save("bytes.json")
    return ["--with", "a.json", "--with", "bytes.json"]


def test_show_by_several_tokenizers(tok, files):
    result = CliRunner().invoke(cli.main, ["show", "lower <b>", *files])
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        f"a.json      {tok.count('lower <b>')} tokens  {tok.show('lower <b>')!r}",
        "bytes.json  9 tokens  l|o|w|e|r|·|<|b|>",
    ]


@pytest.mark.parametrize(("terminal", "no_color"), [("xterm", ""), ("xterm", "1"), ("dumb", "")])
def test_colours_in_a_terminal_unless_it_has_none(tok, files, monkeypatch, terminal, no_color):
    monkeypatch.setattr(colours.sys, "stdout", type("Terminal", (), {"isatty": lambda self: True})())
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", terminal)
    is_plain = terminal == "dumb" or bool(no_color)
    line = colours.coloured(tokenizer_of_few_words().show("lower 東"))
    assert ("\x1b[" in line) != is_plain
    assert ("|" in line) == ("⟦東⟧" in line) == is_plain
    assert ("\x1b[4m東\x1b[0m" in line) != is_plain


def test_show_needs_a_tokenizer(files):
    assert CliRunner().invoke(cli.main, ["show", "a"]).exit_code == 2
    result = CliRunner().invoke(cli.main, ["show", "a", "--with", "none.json"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: none.json: ")
    result = CliRunner().invoke(cli.main, ["show", "a", "--with", "."])
    assert result.exit_code == 1
    assert result.output.startswith(
        "Error: .: a folder, not a tokenizer; give the path of a file, or a folder that"
    )
