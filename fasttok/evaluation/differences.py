"""`Differences`: differences of two tokenizers, as values that can be printed and written as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, NamedTuple, TypeVar

from fasttok.display.colours import visible

T = TypeVar("T")
SHOWN_ITEMS = 5  # number of items of a list that the text shows
SHOWN_LENGTH = 70  # number of characters of a setting that the text shows


class Moved(NamedTuple):
    """Item that both tokenizers have, at two places.

    Attributes
    ----------
    item : bytes or pair of bytes
        The piece, or the two pieces of a merge.
    a, b : int
        Its id or rank in each of the two tokenizers; for scores, its score.
    """

    item: Any
    a: Any
    b: Any


class Only(NamedTuple):
    """Item that only one of the tokenizers has.

    Attributes
    ----------
    item : bytes or pair of bytes
        The piece, or the two pieces of a merge.
    place : int
        Its id or rank.
    """

    item: Any
    place: int


@dataclass(frozen=True)
class ListDifferences:
    """Differences of two vocabularies or of two lists of merges.

    Attributes
    ----------
    n_a, n_b : int
        Number of pieces or merges.
    only_a, only_b : tuple of Only
        Pieces or merges that only one of the tokenizers has, in the order of ids or ranks.
    moved : tuple of Moved
        Pieces with another id, or merges with another rank, in the order of the first tokenizer.
    first : int or None
        Lowest id or rank at which the two differ; None if they do not differ.

    Examples
    --------
    >>> import fasttok as ft
    >>> a, b = (ft.Tokenizer(ft.WordModel(words), "bert") for words in (["low", "new"], ["low", "old"]))
    >>> pieces = ft.compare_tokenizers(a, b).pieces
    >>> pieces.only_a, pieces.first
    ((Only(item=b'new', place=1),), 1)
    """

    n_a: int
    n_b: int
    only_a: tuple[Only, ...]
    only_b: tuple[Only, ...]
    moved: tuple[Moved, ...]
    first: int | None

    def __bool__(self) -> bool:
        return self.first is not None


@dataclass(frozen=True)
class Setting:
    """Setting with different values.

    Attributes
    ----------
    name : str
        Name of the setting, such as "normalizer", "model.ignore_merges", "config.eos_token" or
        "added token <s>".
    a, b : JSON value
        Values in the two tokenizers.

    Examples
    --------
    >>> import fasttok as ft
    >>> a, b = (ft.Tokenizer(ft.ByteModel(), name) for name in ("gpt2", "o200k"))
    >>> ft.compare_tokenizers(a, b).settings
    (Setting(name='pretokenizer', a={'name': 'gpt2'}, b={'name': 'o200k'}),)
    """

    name: str
    a: Any
    b: Any


@dataclass(frozen=True)
class Example:
    """Document to which the tokenizers give different ids.

    Attributes
    ----------
    document : int
        Index of the document in the corpus.
    byte : int
        Byte of the document at which the first different token begins.
    a, b : tuple of pairs of int and bytes
        Ids and pieces of some tokens before and after this byte.
    skipped : int
        Number of tokens before those in `a` and `b`; they are the same.

    Examples
    --------
    >>> import fasttok as ft
    >>> a, b = (ft.Tokenizer(ft.WordModel(words), "bert") for words in (["low", "new"], ["new", "low"]))
    >>> ft.compare_tokenizers(a, b, ft.Corpus.from_texts(["low"])).ids.examples
    (Example(document=0, byte=0, a=((0, b'low'),), b=((1, b'low'),), skipped=0),)
    """

    document: int
    byte: int
    a: tuple[tuple[int, bytes], ...]
    b: tuple[tuple[int, bytes], ...]
    skipped: int


@dataclass(frozen=True)
class IdDifferences:
    """Differences of the ids of a corpus.

    Attributes
    ----------
    n_documents, n_bytes : int
        Size of the corpus.
    n_tokens_a, n_tokens_b : int
        Number of tokens.
    n_differ : int
        Number of documents with different ids.
    n_split : int
        Number of documents that are split into different pieces. In the other documents that differ, the same
        pieces have other ids.
    examples : tuple of Example
        First documents that are split into different pieces; if there are none, first documents with
        different ids.

    Examples
    --------
    >>> import fasttok as ft
    >>> a, b = (ft.Tokenizer(ft.WordModel(words), "bert") for words in (["low", "new"], ["new", "low"]))
    >>> ids = ft.compare_tokenizers(a, b, ft.Corpus.from_texts(["low", "new low"])).ids
    >>> ids.n_tokens_a, ids.n_differ, ids.n_split
    (3, 2, 0)
    """

    n_documents: int
    n_bytes: int
    n_tokens_a: int
    n_tokens_b: int
    n_differ: int
    n_split: int
    examples: tuple[Example, ...]

    def __bool__(self) -> bool:
        return self.n_differ > 0


@dataclass(frozen=True, repr=False)
class Differences:
    """Differences of two tokenizers, as returned by `compare_tokenizers`.

    It is true if there are any differences. The ``repr`` is a summary.

    Attributes
    ----------
    a, b : str
        Names of the tokenizers: their paths, or "a" and "b".
    pieces : ListDifferences
        Differences of the vocabularies, without added tokens.
    scores : tuple of Moved
        Pieces with different scores, for two Unigram models.
    merges : ListDifferences or None
        Differences of the merges; None unless both tokenizers have merges.
    added_tokens : ListDifferences
        Differences of the added tokens, as texts in UTF-8; those of other libraries without those that are
        not special.
    settings : tuple of Setting, or None
        Settings with different values; None if one of the tokenizers is of another library, whose settings
        are not known.
    ids : IdDifferences or None
        Differences of the ids of the corpus; None if no corpus was given.

    Examples
    --------
    >>> import fasttok as ft
    >>> corpus = ft.Corpus.from_texts(["low lower lowest newest"])
    >>> a, b = (ft.train(corpus, vocab_size=size) for size in (260, 261))
    >>> differences = ft.compare_tokenizers(a, b)
    >>> differences
    vocabulary    260 and 261 pieces: 1 only in b; first difference at id 260
      only in b   260 west
    merges        4 and 5 merges: 1 only in b; first difference at rank 4
      only in b   4 we + st
    added tokens  0, the same
    settings      the same
    >>> bool(differences), differences.to_dict()["merges"]["first"]
    (True, 4)
    """

    a: str
    b: str
    pieces: ListDifferences
    scores: tuple[Moved, ...]
    merges: ListDifferences | None
    added_tokens: ListDifferences
    settings: tuple[Setting, ...] | None
    ids: IdDifferences | None

    def __bool__(self) -> bool:
        return bool(
            self.pieces or self.scores or self.merges or self.added_tokens or self.settings or self.ids
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON. A byte 0xNN that is not UTF-8 is written as U+DCNN.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.Tokenizer(ft.ByteModel(), "gpt2")
        >>> fields = ft.compare_tokenizers(tok, tok).to_dict()
        >>> fields["same"], fields["pieces"]["n_a"], fields["settings"]
        (True, 256, [])
        """
        fields: dict[str, Any] = _as_json(self)
        return {"same": not self, **fields}

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield from _describe("vocabulary", self.pieces, "pieces", "id", visible)
        if self.scores:
            shown = ", ".join(f"{visible(one.item)} {one.a:g} and {one.b:g}" for one in _some(self.scores))
            yield _row("scores", f"{len(self.scores):,} pieces differ: {shown}{_more(self.scores)}")
        if self.merges is not None:
            yield from _describe("merges", self.merges, "merges", "rank", _show_merge)
        yield from _describe("added tokens", self.added_tokens, "", "id", visible)
        differ = f"{len(self.settings)} differ" if self.settings else "the same"
        yield _row("settings", "not compared" if self.settings is None else differ)
        for one in self.settings or ():
            yield f"  {one.name}: {_short(one.a)} and {_short(one.b)}"
        if self.ids is not None:
            yield from self._describe_ids(self.ids)

    def _describe_ids(self, ids: IdDifferences) -> Iterator[str]:
        size = f"{ids.n_documents:,} documents of {ids.n_bytes:,} bytes"
        counts = f"{ids.n_tokens_a:,} and {ids.n_tokens_b:,} tokens" if ids else f"{ids.n_tokens_a:,} tokens"
        differ = f"{ids.n_differ:,} documents differ, {ids.n_split:,} of them in pieces"
        yield _row("ids", f"{size}, {counts}: {differ if ids else 'the same'}")
        for one in ids.examples:
            yield f"  document {one.document:,}, byte {one.byte:,}"
            for name, tokens in (("a", one.a), ("b", one.b)):
                shown = "|".join(visible(piece) for _, piece in tokens)
                numbers = " ".join(str(i) for i, _ in tokens)
                yield f"    {name}  {'…|' if one.skipped else ''}{shown}   {numbers}"


# Text and JSON


def _row(name: str, text: str) -> str:
    return f"{name:<13} {text}"


def _describe(title: str, found: ListDifferences, unit: str, place: str, show: Any) -> Iterator[str]:
    """Yield the lines of a list."""
    unit = f" {unit}" if unit else ""
    if not found:
        yield _row(title, f"{found.n_a:,}{unit}, the same")
        return
    parts = [
        f"{len(found.only_a):,} only in a" if found.only_a else "",
        f"{len(found.only_b):,} only in b" if found.only_b else "",
        f"{len(found.moved):,} with another {place}" if found.moved else "",
    ]
    differ = ", ".join(filter(None, parts))
    yield _row(
        title, f"{found.n_a:,} and {found.n_b:,}{unit}: {differ}; first difference at {place} {found.first}"
    )
    for name, only in (("only in a", found.only_a), ("only in b", found.only_b)):
        if only:
            shown = ", ".join(f"{one.place} {show(one.item)}" for one in _some(only))
            yield f"  {name:<11} {shown}{_more(only)}"
    if found.moved:
        shown = ", ".join(f"{show(one.item)} {one.a} and {one.b}" for one in _some(found.moved))
        yield f"  {'moved':<11} {shown}{_more(found.moved)}"


def _some(items: tuple[T, ...]) -> tuple[T, ...]:
    return items[:SHOWN_ITEMS]


def _more(items: tuple[Any, ...]) -> str:
    return ", …" if len(items) > SHOWN_ITEMS else ""


def _show_merge(merge: tuple[bytes, bytes]) -> str:
    return f"{visible(merge[0])} + {visible(merge[1])}"


def _short(value: Any) -> str:
    text = "none" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_LENGTH else f"{text[: SHOWN_LENGTH - 1]}…"


def _as_json(value: Any) -> Any:
    """Return dataclasses and named tuples as objects, and bytes as text."""
    if isinstance(value, bytes):
        return value.decode(errors="surrogateescape")
    if is_dataclass(value):
        return {field.name: _as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, (Moved, Only)):
        return {name: _as_json(one) for name, one in value._asdict().items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(one) for one in value]
    return value
