"""Showing tokens in a terminal, a notebook and an HTML page."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner

import fasttok as ft
from fasttok.cli import main as cli
from fasttok.cli.shared import colours
from fasttok.display.colours import (
    MOST_DRAWN,
    ColouredTokens,
    escape,
    split_lines,
    to_html,
    visible,
)
from tests.drawn import Page, tags_of
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


def drawn(shown):
    """Return the tokens that a notebook draws, without the table of tokens."""
    return Cells(shown._repr_html_().partition("<details>")[0])


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
    assert to_html(["a", "b"], unknown={1}).count('<bdi class="unknown">') == 1


def test_a_notebook_shows_the_same_tokens_as_repr(tok):
    shown = tok.show(" lower\n東")
    assert isinstance(shown, ft.ColouredTokens)
    assert repr(shown) == "|".join(shown.tokens)
    assert len(shown) == tok.count(" lower\n東")
    assert drawn(shown).cells == list(shown.tokens)
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
    assert page.count('<bdi class="unknown"') == len(shown.unknown)
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


def test_tokens_are_the_labels_that_show_displays(tok):
    for text in ["lower lowest 東", "", b"\xff", "a\n|b", *texts(50, 2)]:
        assert tok.tokens(text) == list(tok.show(text).tokens)
        assert len(tok.tokens(text)) == tok.count(text)
    assert tok.tokens("a<|end|>", special="all") == ["a", "<|end|>"]
    assert tokenizer_of_few_words().tokens("low 東") == ["low", "東"]
    with pytest.raises(ft.SpecialTokenError):
        tok.tokens("a<|end|>", special="raise")


def test_tokens_have_ids_bytes_and_log_probabilities(tok):
    shown = tok.show(" low東<|end|>", special="all")
    assert list(shown.ids) == tok.encode(" low東<|end|>", special="all", as_list=True)
    assert b"".join(shown.pieces) == " low東<|end|>".encode()
    assert shown.special == {len(shown) - 1}
    assert shown.log_probabilities == ()
    titles = Page(shown._repr_html_()).titles
    assert titles[0] == f"id {shown.ids[0]}, bytes 20 6C 6F 77"
    assert titles[-1] == f"special token, id {shown.ids[-1]}, bytes 3C 7C 65 6E 64 7C 3E"
    rows = Page(shown._repr_html_()).rows
    assert rows[0] == ["token", "id", "bytes"]
    assert rows[1] == ["·low", str(shown.ids[0]), "20 6C 6F 77"]


def test_unigram_tokens_have_log_probabilities():
    pieces = ["", "▁", "a", "<0x0A>"]
    model = ft.UnigramModel(pieces, [0.0, -1.0, -2.5, -4.0], unk_id=0)
    shown = ft.Tokenizer(model, "metaspace", {"<unk>": 0, "<s>": 7}).show("a東<s>", special="all")
    assert shown.tokens == ("▁", "a", "東", "<s>")
    assert repr(shown.log_probabilities) == "(-1.0, -2.5, nan, nan)"
    assert (shown.unknown, shown.special) == ({2}, {3})
    assert shown.pieces == (b"\xe2\x96\x81", b"a", "東".encode(), b"<s>")
    page = Page(shown._repr_html_())
    assert page.titles == [
        "id 1, bytes E2 96 81, log probability -1.000",
        "id 2, bytes 61, log probability -2.500",
        "unknown token, id 0, bytes E6 9D B1",
        "special token, id 7, bytes 3C 73 3E",
    ]
    assert [row[3] for row in page.rows] == ["log probability", "-1.000", "-2.500", "", ""]


def test_a_byte_piece_has_the_byte_of_its_name():
    tok = ft.train(ft.PretokenCounts.from_dict({"a": 1}), model="character", byte_fallback=True)
    shown = tok.show("a\n\xff")
    assert shown.tokens == ("a", "<0x0A>", "<0xC3>", "<0xBF>")
    assert shown.pieces == (b"a", b"\n", b"\xc3", b"\xbf")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a\nb", ["a\\n", "b"]),
        ("a\n\n  b\r\n", ["a\\n", "\\n", "··b\\r\\n", ""]),
        (r"a\nb", [r"a\\nb"]),
        (r"a\\nb" + "\n", [r"a\\\\nb\n", ""]),
        ("\n", ["\\n", ""]),
        ("\r\t", ["\\r\\t"]),
        ("<0x0A>", [r"\x3c0x0A>"]),
        ("", [""]),
    ],
)
def test_lines_of_a_token(text, lines):
    assert split_lines(escape(text.encode())) == lines


def test_line_breaks_are_kept():
    words = ft.Tokenizer(ft.WordModel(["low", "\n\n", "a\nb"], unk_id=3), "none", {"<unk>": 3})
    for pieces, expected in [
        (["low"], "low"),
        (["a\nb"], "a\\n\nb"),
        (["\n\n"], "\\n\n\\n\n"),
        (["x\\n"], "x\\\\n"),
    ]:
        page = words.show("".join(pieces))._repr_html_().partition("<details>")[0]
        tokens = page[page.index("<bdi") : page.index("</span>")]
        assert html.unescape(re.sub("<[^>]*>", "", tokens.replace("<br>", "\n"))) == expected


def test_long_texts_are_drawn_in_part():
    tok = ft.Tokenizer(ft.ByteModel(), "none")
    shown = tok.show("a" * (MOST_DRAWN + 1234))
    assert len(shown) == len(repr(shown).split("|")) == MOST_DRAWN + 1234
    assert len(drawn(shown).cells) == MOST_DRAWN
    page = shown._repr_html_()
    assert "6,234 tokens; the first 5,000 are shown" in page
    assert "first 200 of 6,234 rows" in page
    assert len(page) < 1_000_000


def test_hostile_texts_are_escaped(tok):
    few = tokenizer_of_few_words()
    for text in [*texts(100, 5), *byte_strings(100, 6), "<b title='\"'>&amp;", "\u202e\u0301"]:
        for tokenizer in (tok, few):
            shown = tokenizer.show(text)
            assert drawn(shown).cells == list(shown.tokens)
            assert tags_of(shown._repr_html_()) <= {
                *("style", "span", "bdi", "br", "wbr", "div", "small", "details", "summary"),
                *("table", "thead", "tbody", "tr", "th", "td"),
            }


# Several tokenizers


def test_side_by_side(tok):
    few = tokenizer_of_few_words()
    shown = ft.show_side_by_side("low<b>東", {"mine": tok, "a & b": few})
    assert isinstance(shown, ft.SideBySide)
    assert shown.names == ("mine", "a & b")
    assert shown.shown == (tok.show("low<b>東"), few.show("low<b>東"))
    assert repr(shown).splitlines() == [
        "tokenizer  n  tokens",
        "mine       8  l|o|w|<|b|>|<0xE6>|<0x9D><0xB1>",
        "a & b      5  low|⟦<⟧|⟦b⟧|⟦>⟧|⟦東⟧",
    ]
    page = shown._repr_html_()
    assert Cells(page).cells == [
        *("mine", *tok.tokens("low<b>東")),
        *("a & b", *few.tokens("low<b>東")),
    ]
    assert tags_of(page) == {"style", "dl", "div", "dt", "dd", "small", "span", "bdi", "wbr"}
    assert "8 tokens" in page


def test_names_of_tokenizers_side_by_side(tok):
    bytes_ = ft.Tokenizer(ft.ByteModel(), "none")
    assert ft.show_side_by_side("a", [tok, bytes_, tok]).names == ("bpe 330", "byte 256", "bpe 330 (2)")
    assert ft.show_side_by_side("a", iter([bytes_])).names == ("byte 256",)
    assert ft.show_side_by_side("<|end|>", [tok], special="all").shown[0].tokens == ("<|end|>",)
    hostile = ft.show_side_by_side("a", {"a\n<b>": bytes_})
    assert repr(hostile).splitlines()[1:] == [r"'a\n<b>'   1  a"]
    assert Cells(hostile._repr_html_()).cells == ["a\n<b>", "a"]
    empty = ft.show_side_by_side("a", [])
    assert (empty.names, repr(empty)) == ((), "tokenizer  n  tokens")
    assert Cells(empty._repr_html_()).cells == []


def test_side_by_side_refuses_what_is_not_a_tokenizer(tok):
    with pytest.raises(TypeError, match=r"tokenizers\[1\] must be a Tokenizer, not 'gpt2'"):
        ft.show_side_by_side("a", [tok, "gpt2"])
    with pytest.raises(TypeError, match=r"tokenizers\['x'\] must be a Tokenizer, not ByteModel"):
        ft.show_side_by_side("a", {"x": ft.ByteModel()})
    with pytest.raises(TypeError, match="tokenizers must be a sequence of Tokenizer, not Tokenizer"):
        ft.show_side_by_side("a", tok)
    with pytest.raises(ft.TextError):
        ft.show_side_by_side("\ud800", [tok])


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
