"""`probe`: what a tokenizer does to numbers, words, code, white space, emoji and scripts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple

from fasttok.core.checks import describe
from fasttok.core.errors import FasttokError, UnknownCharacterError
from fasttok.core.versions import import_pandas
from fasttok.display.colours import STYLE, escape, label, prepare_tokens
from fasttok.display.rendering import render
from fasttok.display.tables import Table, measure_width
from fasttok.evaluation.encoded import untrimmed
from fasttok.evaluation.probe_texts import (
    Tokenized,
    describe_indentation,
    make_questions,
    read_sentences,
)
from fasttok.evaluation.wrappers import AnyTokenizer
from fasttok.tokenizer.tokenizer import Tokenizer

WIDEST = 30  # columns of a text or of tokens in a terminal
DEEPEST = 16  # largest indentation


class Probe(NamedTuple):
    """Row of `Probes`: a text, its tokens, and what they show.

    Attributes
    ----------
    probe : str
        "numbers", "spelling", "code", "white space", "emoji" or "scripts".
    text : str
        The text, or a description of several texts.
    tokens : tuple of str
        Tokens in readable form, as `fasttok.Tokenizer.show` writes them; those that are unknown are the text
        that they replace, in ``⟦ ⟧``. Empty for several texts.
    n_tokens : int or None
        Number of tokens; None if the text cannot be encoded.
    finding : str
        What the tokens show, in plain words.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.probe(ft.Tokenizer(ft.ByteModel(), "gpt2")).rows[2]
    Probe(probe='numbers', text='123', tokens=('1', '2', '3'), n_tokens=3, finding='each digit is a token')
    """

    probe: str
    text: str
    tokens: tuple[str, ...]
    n_tokens: int | None
    finding: str


@dataclass(frozen=True, repr=False)
class Probes:
    """Table of what a tokenizer does to several kinds of text; made by `probe`.

    The ``repr`` is a table of text. A notebook shows a table in HTML if jinja2 is installed.

    Attributes
    ----------
    rows : tuple of Probe
        Rows of the table.

    Examples
    --------
    >>> import fasttok as ft
    >>> probes = ft.probe(ft.Tokenizer(ft.ByteModel(), "gpt2"))
    >>> len(probes), probes.rows[0].finding
    (60, 'the digits are in one token')
    """

    rows: tuple[Probe, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        def cells(i: int) -> list[str]:
            row = self.rows[i]
            tokens = "|".join(token.replace("|", r"\x7c") for token in row.tokens)
            text, tokens = (_shorten(one, WIDEST) for one in (_name(row), tokens))
            return [row.probe, text, _format(row.n_tokens), tokens, row.finding]

        return str(Table(["probe", "text", "n", "tokens", "finding"], len(self), cells, right=["n"]))

    def _repr_html_(self) -> str | None:
        groups = [
            (
                name,
                [
                    {
                        "text": _name(row),
                        "shown": prepare_tokens(row.tokens),
                        "n_tokens": _format(row.n_tokens),
                        "finding": row.finding,
                    }
                    for row in rows
                ],
            )
            for name, rows in groupby(self.rows, attrgetter("probe"))
        ]
        return render("probes.html", style=STYLE, groups=groups)

    def to_pandas(self) -> Any:
        """Return the rows as a ``pandas.DataFrame``.

        The columns are those of `Probe`.

        Raises
        ------
        ImportError
            If pandas is not installed.

        Examples
        --------
        >>> import fasttok as ft
        >>> frame = ft.probe(ft.Tokenizer(ft.ByteModel(), "gpt2")).to_pandas()
        >>> frame[frame["probe"] == "emoji"]["n_tokens"].tolist()
        [4, 8, 18, 8, 7]
        """
        pd = import_pandas()
        return pd.DataFrame(self.rows, columns=list(Probe._fields)).astype({"n_tokens": "Int64"})


def probe(tok: AnyTokenizer) -> Probes:
    """Show what a tokenizer does to numbers, spelling, code, white space, emoji and scripts.

    Parameters
    ----------
    tok : Tokenizer, or result of `fasttok.wrap`
        The tokenizer.

    Returns
    -------
    Probes
        Table of fixed texts, with their tokens and a finding about each in plain words.

    Raises
    ------
    TypeError
        If `tok` is not a tokenizer; those of other libraries must be wrapped.

    Notes
    -----
    Numbers: numbers of 1 to 10 digits, separators of thousands, and all numbers from 0 to 999. Spelling:
    letters that the model cannot see because they are in longer tokens. Code: indentation, words in
    identifiers, operators. White space: runs, line ends, a no-break space. Emoji: a skin tone, a family of
    three people joined to one symbol, a flag, a keycap. Scripts: the same sentence in 20 languages.

    A finding also says if decoding does not give the text back, if there are unknown tokens, or if the text
    cannot be encoded at all.

    Examples
    --------
    >>> import fasttok as ft
    >>> corpus = ft.Corpus.from_files(ft.parallel_sample()["eng"], document="line")
    >>> probes = ft.probe(ft.train(corpus, vocab_size=400))
    >>> for row in probes.rows[14:17]:
    ...     print(row.text, row.n_tokens, row.finding)
    strawberry 7 6 of 10 letters are in tokens of several letters
     strawberry 7 6 of 10 letters are in tokens of several letters
    Strawberry 8 4 of 10 letters are in tokens of several letters
    """
    if isinstance(tok, type) or not isinstance(tok, AnyTokenizer):
        raise TypeError(
            f"tok must be a Tokenizer, not {describe(tok)}; wrap tokenizers of other libraries with ft.wrap"
        )
    rows: list[Probe] = []
    for question in make_questions():
        rows.append(_ask(tok, question.probe, question.text, question.finding))
        if question.text == "1 234 567":
            rows.append(_count_numbers(tok))
        if question.text == "\treturn":
            rows += [_count_indentations(tok, " ", "spaces"), _count_indentations(tok, "\t", "tabs")]
    return Probes((*rows, *_compare_languages(tok)))


def _ask(tok: AnyTokenizer, name: str, text: str, finding: Any) -> Probe:
    """Encode a text and describe its tokens."""
    try:
        labels, ids, tokens = _tokenize(tok, text)
    except FasttokError as error:
        return Probe(name, text, (), None, _describe_error(error))
    found = [finding(tokens) if tokens.spans else "no token has a part of the text"]
    if tok.unk_id is not None and tok.unk_id in ids:
        found.append("unknown tokens")
    if tok.decode_bytes(ids) != text.encode():
        found.append("decoding gives another text")
    return Probe(name, text, labels, len(ids), "; ".join(found))


def _tokenize(tok: AnyTokenizer, text: str) -> tuple[tuple[str, ...], list[int], Tokenized]:
    """Return the readable form of the tokens of a text, their ids, and their spans."""
    encoding = untrimmed(tok).encode_with_offsets(text)
    ids: list[int] = encoding.ids.tolist()
    data = text.encode()
    labels = [label(tok, i) if isinstance(tok, Tokenizer) else escape(tok.id_to_piece(i)) for i in ids]
    for position, (start, end) in enumerate(encoding.byte_spans.tolist()):
        if ids[position] == tok.unk_id:
            labels[position] = f"⟦{escape(data[start:end])}⟧"
    spans = [(start, end) for start, end in encoding.byte_spans.tolist() if start < end]
    if len(spans) > 1 and spans[1][0] == 0:
        del spans[0]  # the ▁ that a tokenizer adds at the start of a text
    return tuple(labels), ids, Tokenized(text, spans, len(ids))


def _describe_error(error: FasttokError) -> str:
    if isinstance(error, UnknownCharacterError):
        return f"cannot be encoded: {escape(error.character.encode())} is not in the vocabulary"
    return "cannot be encoded"


def _count_numbers(tok: AnyTokenizer) -> Probe:
    """Count the numbers from 0 to 999 that are one token."""
    text = "0…999"
    try:
        lengths = tok.encode_batch([str(i) for i in range(1000)]).lengths
    except FasttokError as error:
        return Probe("numbers", text, (), None, _describe_error(error))
    n = int((lengths == 1).sum())
    return Probe("numbers", text, (), int(lengths.sum()), f"{n:,} of 1,000 numbers are one token")


def _count_indentations(tok: AnyTokenizer, character: str, name: str) -> Probe:
    """Count the tokens that begin in the indentation, for each width."""
    text = f"1…{DEEPEST} {name}"
    counts = []
    try:
        for n in range(1, DEEPEST + 1):
            _, _, tokens = _tokenize(tok, character * n + "return")
            counts.append(sum(start < n for start, _ in tokens.spans))
    except FasttokError as error:
        return Probe("code", text, (), None, _describe_error(error))
    return Probe("code", text, (), sum(counts), describe_indentation(counts))


def _compare_languages(tok: AnyTokenizer) -> Iterator[Probe]:
    """Yield a row per language, with the number of tokens relative to English."""
    n_english: int | None = None
    for language, text in read_sentences().items():

        def compare(tokens: Tokenized, language: str = language, n_english: int | None = n_english) -> str:
            if not n_english:
                return language
            return f"{language}: {tokens.n_tokens / n_english:.1f} times the tokens of English"

        row = _ask(tok, "scripts", text, compare)
        if row.n_tokens is None:
            row = row._replace(finding=f"{language}: {row.finding}")
        if language == "English":
            n_english = row.n_tokens
        yield row


def _name(row: Probe) -> str:
    """Return the text of a row in readable form, or the description of several texts."""
    is_description = row.n_tokens is not None and not row.tokens
    return row.text if is_description else escape(row.text.encode())


def _format(n: int | None) -> str:
    return "–" if n is None else f"{n:,}"


def _shorten(text: str, widest: int) -> str:
    """Return the beginning of a text that is not wider than a number of columns, and … after it."""
    if measure_width(text) <= widest:
        return text
    while measure_width(text) >= widest:
        text = text[:-1]
    return f"{text}…"
