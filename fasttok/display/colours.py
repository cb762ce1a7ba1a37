"""`ColouredTokens`: show the tokens of a text with visible boundaries."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from fasttok.text.added import Special
from fasttok.text.unicode.utf8 import encode_utf8
from fasttok.tokenizer.tokenizer import Tokenizer

_SIGNS = {"\\": r"\\", "·": r"\xb7", "⟦": r"\u27e6", "⟧": r"\u27e7"}  # signs of `escape` and `repr`
_BYTE = re.compile(rb"<0x[0-9A-F]{2}>")  # name of a byte piece
_BYTE_TEXT = re.compile("<(?=0x[0-9A-F]{2}>)")  # first character of such a text

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
""".strip()


@dataclass(frozen=True, repr=False)
class ColouredTokens:
    """Tokens of a text, as returned by `Tokenizer.show`.

    A notebook shows them in alternating colours. The ``repr`` shows them separated by ``|``; a ``|`` in a
    token is shown there as ``\\x7c``.

    Attributes
    ----------
    tokens : tuple of str
        Tokens in readable form; see `escape`. A space is shown as ``·``, a byte of an incomplete character
        as ``<0xE6>``, and a character that does not print as an escape sequence.
    unknown : frozenset of int
        Positions of unknown tokens. They are shown as the text that they replace, outlined in a notebook and
        in ``⟦ ⟧`` elsewhere.

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

    def __repr__(self) -> str:
        tokens = (token.replace("|", r"\x7c") for token in self.tokens)
        return "|".join(f"⟦{token}⟧" if i in self.unknown else token for i, token in enumerate(tokens))

    def __len__(self) -> int:
        return len(self.tokens)

    def _repr_html_(self) -> str:
        n = len(self.tokens)
        counted = f"<small>{n:,} token{'s' * (n != 1)}</small>"
        return f"<style>{STYLE}</style>{to_html(self.tokens, self.unknown)} {counted}"


def show(tokenizer: Tokenizer, text: str | bytes, special: Special) -> ColouredTokens:
    """Return the tokens of a text in readable form; see `Tokenizer.show`."""
    data = encode_utf8(text)
    locating = tokenizer.with_settings(trim_offsets=None)  # unknown tokens are shown with their white space
    encoding = locating.encode_with_offsets(data, special=special)
    tokens = [label(tokenizer, i) for i in encoding.ids.tolist()]
    unknown = [position for position, i in enumerate(encoding.ids.tolist()) if i == tokenizer.unk_id]
    for position in unknown:
        start, end = encoding.byte_spans[position].tolist()
        tokens[position] = escape(data[start:end])
    return ColouredTokens(tuple(tokens), frozenset(unknown))


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


def to_html(tokens: Sequence[str], unknown: Collection[int] = ()) -> str:
    """Return tokens in readable form as HTML for `STYLE`; tokens at the positions `unknown` are outlined."""
    cells = (
        f"<bdi{' class=unknown' if i in unknown else ''}>{html.escape(token)}</bdi>"
        for i, token in enumerate(tokens)
    )
    return f'<span class="ft-tokens" dir="{_direction(tokens)}">{"<wbr>".join(cells)}</span>'


def _direction(tokens: Iterable[str]) -> str:
    """Return the direction of a text, "ltr" or "rtl": that of its first character with a strong direction.

    Browsers cannot derive the direction themselves, since they ignore the text inside ``bdi`` elements.
    """
    kinds = (unicodedata.bidirectional(character) for token in tokens for character in token)
    first = next((kind for kind in kinds if kind in ("L", "R", "AL")), "L")
    return "ltr" if first == "L" else "rtl"
