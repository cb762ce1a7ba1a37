"""`show_side_by_side`: the tokens of a text by several tokenizers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fasttok.core.checks import checked_instance, checked_items, checked_word
from fasttok.display.colours import STYLE, ColouredTokens, prepare, show
from fasttok.display.rendering import render
from fasttok.display.tables import Table
from fasttok.text.added import Special
from fasttok.tokenizer.tokenizer import Tokenizer


@dataclass(frozen=True, repr=False)
class SideBySide:
    """Tokens of a text by several tokenizers, as returned by `show_side_by_side`.

    A notebook shows them in colours, as `ColouredTokens`. The ``repr`` has a line per tokenizer: its name,
    the number of tokens, and the tokens separated by ``|``.

    Attributes
    ----------
    names : tuple of str
        Names of the tokenizers.
    shown : tuple of ColouredTokens
        Tokens of the text by each of them.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=261)
    >>> found = ft.show_side_by_side("low", {"mine": tok})
    >>> found.names, [len(tokens) for tokens in found.shown]
    (('mine',), [1])
    """

    names: tuple[str, ...]
    shown: tuple[ColouredTokens, ...]

    def __repr__(self) -> str:
        rows = [
            [name if name.isprintable() else ascii(name), f"{len(tokens):,}", repr(tokens)]
            for name, tokens in zip(self.names, self.shown, strict=True)
        ]
        return str(Table(["tokenizer", "n", "tokens"], len(rows), rows.__getitem__, right=["n"]))

    def _repr_html_(self) -> str | None:
        rows = [
            {"name": name, "n": len(tokens), "shown": prepare(tokens)}
            for name, tokens in zip(self.names, self.shown, strict=True)
        ]
        return render("side_by_side.html", style=STYLE, rows=rows)


def show_side_by_side(
    text: str | bytes,
    tokenizers: Mapping[str, Tokenizer] | Iterable[Tokenizer],
    *,
    special: Special = "none",
) -> SideBySide:
    """Return the tokens of a text by several tokenizers, to compare them by eye.

    Parameters
    ----------
    text : str or bytes
        The text.
    tokenizers : mapping of str to Tokenizer, or sequence of Tokenizer
        Tokenizers, by name. Those of a sequence are named by model and size of the vocabulary, such as
        "bpe 300".
    special : {"none", "all", "raise"} or collection of str
        As in `Tokenizer.encode`, for all tokenizers.

    Returns
    -------
    SideBySide
        The tokens and their numbers. A notebook shows them in colours.

    Raises
    ------
    TypeError
        If `tokenizers` is neither a mapping nor a sequence, or one of them is not a `Tokenizer`.
    ValueError
        If a name is empty.
    TextError, SpecialTokenError, UnknownCharacterError
        As in `Tokenizer.encode`.

    Examples
    --------
    >>> import fasttok as ft
    >>> corpus = ft.Corpus.from_texts(["low lower lowest"])
    >>> tokenizers = [ft.train(corpus, vocab_size=size) for size in (257, 261)]
    >>> ft.show_side_by_side("lower lowest", tokenizers)
    tokenizer   n  tokens
    bpe 257    10  lo|w|e|r|·|lo|w|e|s|t
    bpe 261     5  low|e|r|·lowe|st
    """
    named = _name(tokenizers)
    for name, tokenizer in named:
        checked_instance(
            f"tokenizers[{name!r}]",
            tokenizer,
            Tokenizer,
            "a Tokenizer",
            "fasttok.train or fasttok.load makes one",
        )
    names, each = zip(*named, strict=True) if named else ((), ())
    return SideBySide(names, tuple(show(tokenizer, text, special) for tokenizer in each))


def _name(tokenizers: Mapping[str, Tokenizer] | Iterable[Tokenizer]) -> list[tuple[str, Tokenizer]]:
    """Return the names and the tokenizers, which are not checked."""
    if isinstance(tokenizers, Mapping):
        return [(checked_word("each name of tokenizers", name), one) for name, one in tokenizers.items()]
    found: list[tuple[str, Tokenizer]] = []
    for i, one in enumerate(checked_items("tokenizers", tokenizers, "Tokenizer")):
        checked_instance(f"tokenizers[{i}]", one, Tokenizer, "a Tokenizer")
        name = f"{one.model.kind} {one.vocab_size:,}"
        n_same = sum(other.startswith(name) for other, _ in found)
        found.append((f"{name} ({n_same + 1})" if n_same else name, one))
    return found
