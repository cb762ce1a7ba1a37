"""`ColouredTokens`: show the tokens of a text with visible boundaries."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttok.display.rendering import render
from fasttok.display.tables import Table
from fasttok.text.added import Special
from fasttok.text.unicode.utf8 import encode_utf8
from fasttok.tokenizer.tokenizer import Tokenizer

_SIGNS = {"\\": r"\\", "·": r"\xb7", "⟦": r"\u27e6", "⟧": r"\u27e7"}  # signs of `escape` and `repr`
_BYTE = re.compile(rb"<0x[0-9A-F]{2}>")  # name of a byte piece
_BYTE_TEXT = re.compile("<(?=0x[0-9A-F]{2}>)")  # first character of such a text
_LINE_END = re.compile(r"\\\\|\\n|<0x0A>")  # a line end in readable form, or a backslash, which has two
_MOST_BYTES = 32  # bytes of a token in its description

# CSS of the tokens. The four colours alternate. They are translucent, so they also suit dark pages. The line
# before each token remains visible without colours, for example on paper.
STYLE = """
.ft-tokens { line-height: 1.9; overflow-wrap: anywhere; }
.ft-tokens bdi { border-inline-start: 2px solid #8888; border-radius: 3px; padding: .1em .14em;
  margin-inline-end: 1px; -webkit-box-decoration-break: clone; box-decoration-break: clone; }
.ft-tokens bdi:nth-of-type(4n+1) { background: rgba(0, 114, 178, .25); }
.ft-tokens bdi:nth-of-type(4n+2) { background: rgba(230, 159, 0, .30); }
.ft-tokens bdi:nth-of-type(4n+3) { background: rgba(0, 158, 115, .25); }
.ft-tokens bdi:nth-of-type(4n+4) { background: rgba(204, 121, 167, .30); }
.ft-tokens bdi.unknown { background: none; outline: 2px dotted; outline-offset: -1px; }
.ft-tokens bdi.special { background: none; border: 1px solid; border-radius: 1em; padding: 0 .5em;
  font-family: ui-monospace, monospace; font-size: .85em; }
""".strip()
MOST_DRAWN = 5_000  # tokens that a notebook draws


@dataclass(frozen=True, repr=False)
class ColouredTokens:
    """Tokens of a text, as returned by `Tokenizer.show`.

    A notebook shows them in alternating colours if jinja2 is installed: the first 5,000 tokens, with line
    breaks where the text has them, and special tokens in a frame. Under the pointer, and in a table of the
    first 200 tokens, a token has its id, its bytes and, with a Unigram model, its log probability. The
    ``repr`` shows all tokens, separated by ``|``; a ``|`` in a token is shown there as ``\\x7c``.

    Attributes
    ----------
    tokens : tuple of str
        Tokens in readable form; see `escape`. A space is shown as ``·``, a byte of an incomplete character
        as ``<0xE6>``, and a character that does not print as an escape sequence.
    unknown : frozenset of int
        Positions of unknown tokens. They are shown as the text that they replace, outlined in a notebook and
        in ``⟦ ⟧`` elsewhere.
    special : frozenset of int
        Positions of special tokens.
    ids : tuple of int
        Id of each token.
    pieces : tuple of bytes
        Bytes of each token: its piece, the byte of a byte piece, or the text that an unknown token replaces.
    log_probabilities : tuple of float
        Score of the piece of each token under a Unigram model, in nats: the natural logarithm of its
        probability. NaN for the unknown token and added tokens. Empty for other models.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=261)
    >>> tok.show("the lowest 東")
    t|h|e|·lowe|st|·|<0xE6>|<0x9D>|<0xB1>
    >>> ft.Tokenizer(ft.WordPieceModel(["", "low"], unk_id=0), "bert", {"[UNK]": 0}).show("low 東")
    low|⟦東⟧
    """

    tokens: tuple[str, ...]
    unknown: frozenset[int] = frozenset()
    special: frozenset[int] = frozenset()
    ids: tuple[int, ...] = ()
    pieces: tuple[bytes, ...] = ()
    log_probabilities: tuple[float, ...] = ()

    def __repr__(self) -> str:
        tokens = (token.replace("|", r"\x7c") for token in self.tokens)
        return "|".join(f"⟦{token}⟧" if i in self.unknown else token for i, token in enumerate(tokens))

    def __len__(self) -> int:
        return len(self.tokens)

    def _repr_html_(self) -> str | None:
        return render(
            "show.html",
            style=STYLE,
            shown=prepare(self),
            n=len(self),
            table=_make_table(self),
        )


def show(tokenizer: Tokenizer, text: str | bytes, special: Special) -> ColouredTokens:
    """Return the tokens of a text in readable form; see `Tokenizer.show`."""
    data = encode_utf8(text)
    locating = tokenizer.with_settings(trim_offsets=None)  # unknown tokens are shown with their white space
    encoding = locating.encode_with_offsets(data, special=special)
    ids = encoding.ids.tolist()
    labels = {i: label(tokenizer, i) for i in set(ids)}
    bytes_of = {i: _bytes_of(tokenizer, i) for i in labels}
    tokens = [labels[i] for i in ids]
    pieces = [bytes_of[i] for i in ids]
    unknown = frozenset(position for position, i in enumerate(ids) if i == tokenizer.unk_id)
    for position in unknown:
        start, end = encoding.byte_spans[position].tolist()
        tokens[position], pieces[position] = escape(data[start:end]), data[start:end]
    special_ids = set(tokenizer.special_tokens.values())
    are_special = frozenset(position for position, i in enumerate(ids) if i in special_ids) - unknown
    scores = getattr(tokenizer.model, "scores", None)
    return ColouredTokens(
        tuple(tokens),
        unknown,
        are_special,
        tuple(ids),
        tuple(pieces),
        () if scores is None else _look_up(scores, tokenizer, ids),
    )


def _look_up(scores: NDArray[np.float64], tokenizer: Tokenizer, ids: Sequence[int]) -> tuple[float, ...]:
    """Return the score of each id; NaN for the unknown token and added tokens."""
    added = {tokenizer.unk_id, *tokenizer.added_tokens.values()}
    found = {i: float(scores[i]) if i not in added and i < len(scores) else math.nan for i in set(ids)}
    return tuple(found[i] for i in ids)


def label(tokenizer: Tokenizer, i: int) -> str:
    """Return the piece of an id as `escape` writes it, and a byte piece by its name, such as ``<0x0A>``.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["|"]), model="character", byte_fallback=True)
    >>> [label(tok, i) for i in tok.encode("|\\n", as_list=True)]
    ['|', '<0x0A>']
    """
    piece = tokenizer.id_to_piece(i)
    return piece.decode() if _is_byte(tokenizer, i, piece) else escape(piece)


def _bytes_of(tokenizer: Tokenizer, i: int) -> bytes:
    """Return the piece of an id, or the byte of a byte piece."""
    piece = tokenizer.id_to_piece(i)
    return bytes([int(piece[3:5], 16)]) if _is_byte(tokenizer, i, piece) else piece


def _is_byte(tokenizer: Tokenizer, i: int, piece: bytes) -> bool:
    """Return whether an id is the byte that its piece names."""
    if not _BYTE.fullmatch(piece):
        return False
    byte = int(piece[3:5], 16)
    byte_ids = getattr(tokenizer.model, "byte_ids", None)
    if byte_ids is not None:
        return bool(byte_ids[byte] == i)
    return tokenizer.text_decoder().written[i].tobytes() == bytes([byte])


def escape(piece: bytes) -> str:
    r"""Return a piece in readable form, different for every piece.

    The form is that of `visible`, but text that looks like one of its signs is shown as an escape sequence:
    ``\``, ``·``, ``⟦``, ``⟧``, and ``<`` at the start of ``<0xE6>``.

    Examples
    --------
    >>> print(escape(b" a\n"), escape("·".encode()), escape(b"\\n"), escape(b"\xe6"), escape(b"<0xE6>"))
    ·a\n \xb7 \\n <0xE6> \x3c0xE6>
    """
    parts = _BYTE_TEXT.split(piece.decode(errors="surrogateescape"))
    return r"\x3c".join("".join(map(_escaped_character, part)) for part in parts)


def _escaped_character(character: str) -> str:
    return _SIGNS.get(character) or _visible_character(character)


def visible(token: bytes) -> str:
    r"""Return a token in readable form.

    A space is shown as a middle dot, and a byte that is not part of a character in hexadecimal. A character
    that does not print, such as a line end or a mark that changes the direction of text, is shown as an
    escape sequence.

    Examples
    --------
    >>> print(visible(" naïve\n".encode()), visible("東".encode()[:2]))
    ·naïve\n <0xE6><0x9D>
    """
    return "".join(map(_visible_character, token.decode(errors="surrogateescape")))


def _visible_character(character: str) -> str:
    if character == " ":
        return "·"
    if "\udc80" <= character <= "\udcff":
        return f"<0x{ord(character) - 0xDC00:02X}>"
    return character if character.isprintable() else repr(character)[1:-1]


class Cell(NamedTuple):
    """Token as a template draws it.

    Attributes
    ----------
    lines : list of str
        Parts of the readable form, between which there are line breaks.
    ends_line : bool
        Whether there is a line break after the token.
    kind : str
        "unknown", "special" or "".
    title : str
        Description for the pointer; "" for none.
    """

    lines: list[str]
    ends_line: bool
    kind: str
    title: str


class Shown(NamedTuple):
    """Tokens as a template draws them, the direction of their text, and the number of those left out."""

    cells: list[Cell]
    direction: str
    n_left_out: int


def prepare(tokens: ColouredTokens) -> Shown:
    """Return tokens for the template ``tokens.html``: at most `MOST_DRAWN`, with line breaks and titles."""
    cells = []
    for position, token in enumerate(tokens.tokens[:MOST_DRAWN]):
        kind = "unknown" if position in tokens.unknown else "special" if position in tokens.special else ""
        title = _title(tokens, position, kind) if tokens.ids else ""
        *lines, last = split_lines(token)
        if last or not lines:
            lines.append(last)
        cells.append(Cell(lines, not last and bool(token), kind, title))
    n_left_out = max(len(tokens) - MOST_DRAWN, 0)
    return Shown(cells, find_direction(tokens.tokens[:MOST_DRAWN]), n_left_out)


def prepare_tokens(tokens: Sequence[str], unknown: Collection[int] = ()) -> Shown:
    """Return tokens in readable form for the template ``tokens.html``, without titles and line breaks."""
    cells = [Cell([token], False, "unknown" if i in unknown else "", "") for i, token in enumerate(tokens)]
    return Shown(cells, find_direction(tokens), 0)


def _title(tokens: ColouredTokens, position: int, kind: str) -> str:
    number, data, score = describe_token(tokens, position)
    parts = [f"{kind} token" * bool(kind), f"id {number}", f"bytes {data or 'none'}"]
    return ", ".join(filter(None, [*parts, f"log probability {score}" * bool(score)]))


def describe_token(tokens: ColouredTokens, position: int) -> tuple[str, str, str]:
    """Return the id, the bytes and the log probability of a token as text; "" without a log probability."""
    data = tokens.pieces[position]
    shown = data[:_MOST_BYTES].hex(" ").upper() + " …" * (len(data) > _MOST_BYTES)
    score = tokens.log_probabilities[position] if tokens.log_probabilities else math.nan
    return str(tokens.ids[position]), shown, "" if math.isnan(score) else f"{score:.3f}"


def _make_table(tokens: ColouredTokens) -> Table:
    n_columns = 4 if tokens.log_probabilities else 3
    return Table(
        ["token", "id", "bytes", "log probability"][:n_columns],
        len(tokens.ids),
        lambda position: [tokens.tokens[position], *describe_token(tokens, position)][:n_columns],
        right=["id", "log probability"],
    )


def split_lines(token: str) -> list[str]:
    r"""Split the readable form of a token after each line end.

    Examples
    --------
    >>> print(split_lines("a·b"), split_lines(escape(b"a\n\n  b\n")), split_lines(escape(rb"a\nb")))
    ['a·b'] ['a\\n', '\\n', '··b\\n', ''] ['a\\\\nb']
    """
    lines, start = [], 0
    for found in _LINE_END.finditer(token):
        if found[0] != r"\\":
            lines.append(token[start : found.end()])
            start = found.end()
    return [*lines, token[start:]]


def to_html(tokens: Sequence[str], unknown: Collection[int] = ()) -> str | None:
    """Return tokens in readable form as HTML for `STYLE`; tokens at the positions `unknown` are outlined.

    None if jinja2 is not installed.
    """
    return render("tokens.html", shown=prepare_tokens(tokens, unknown))


def find_direction(tokens: Iterable[str]) -> str:
    """Return the direction of a text, "ltr" or "rtl": that of its first character with a strong direction.

    Browsers cannot derive the direction themselves, since they ignore the text inside ``bdi`` elements.
    """
    kinds = (unicodedata.bidirectional(character) for token in tokens for character in token)
    first = next((kind for kind in kinds if kind in ("L", "R", "AL")), "L")
    return "ltr" if first == "L" else "rtl"
