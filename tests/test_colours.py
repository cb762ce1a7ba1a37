"""Tokens made visible: in the terminal, in a notebook, in a page."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from click.testing import CliRunner

import fasttok as ft
from fasttok import cli
from fasttok.colours import ColouredTokens, to_html, visible
from tests.hostile import byte_strings, texts


class Cells(HTMLParser):
    """The text of each token of a line, and the tags there are."""

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
        (b"\xed\xb2\x80", "<0xED><0xB2><0x80>"),  # a surrogate is no character
        ("\u202e\u200d\x00\x7f".encode(), "\\u202e\\u200d\\x00\\x7f"),
        (b"", ""),
    ],
)
def test_visible(token, expected):
    assert visible(token) == expected


def test_nothing_visible_moves_or_hides_text():
    for token in byte_strings(2_000):
        assert all(character.isprintable() and character != " " for character in visible(token))


def test_html_holds_the_tokens_and_no_tags_of_theirs():
    hostile = ["<script>alert(1)</script>", '"onmouseover="x', "&amp;", "</bdi>", "<0xE6>", "'", "<!--"]
    for tokens in (hostile, [visible(text.encode()) for text in texts(300)], []):
        page = Cells(to_html(tokens, unknown={0}))
        assert page.cells == tokens
        assert set(page.tags) <= {"span", "bdi", "wbr"}
    assert to_html(["a", "b"], unknown={1}).count("class=unknown") == 1


def test_a_notebook_shows_what_the_prompt_does(tok):
    shown = tok.show(" lower\n東")
    assert isinstance(shown, ft.ColouredTokens)
    assert repr(shown) == "|".join(shown.tokens)
    assert len(shown) == tok.count(" lower\n東")
    assert Cells(shown._repr_html_()).cells == list(shown.tokens)
    assert tok.show("<|end|>", special="all").tokens == ("<|end|>",)
    assert ColouredTokens(()).tokens == tok.show("").tokens == ()
    with pytest.raises(ft.TextError):
        tok.show("\ud800")


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


@pytest.mark.parametrize("no_color", ["", "1"])
def test_colours_in_a_terminal_unless_they_are_not_wanted(tok, files, monkeypatch, no_color):
    monkeypatch.setattr(cli.sys, "stdout", type("Terminal", (), {"isatty": lambda self: True})())
    monkeypatch.setenv("NO_COLOR", no_color)
    tokens = tok.show("lower 東").tokens
    line = cli._coloured(tokens)
    assert ("\x1b[" in line) != bool(no_color)
    assert ("|" in line) == bool(no_color)


def test_show_needs_a_tokenizer(files):
    assert CliRunner().invoke(cli.main, ["show", "a"]).exit_code == 2
    result = CliRunner().invoke(cli.main, ["show", "a", "--with", "none.json"])
    assert result.exit_code == 1
    assert result.output.startswith("Error: none.json: ")
