"""`transfer`: the embedding table of a model after its tokenizer has been replaced.

A row of the new table is made from the rows of old ids with the same text. Families of tokenizers write the
same text differently: a word after a space is " low" in a byte-level vocabulary, "▁low" in one of
sentencepiece and "low" in one of WordPiece, where "##low" continues a word. So pieces are compared by the
text that they add between other pieces when they are decoded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_choice, checked_instance
from fasttok.core.errors import UnknownCharacterError
from fasttok.core.ragged import Ragged
from fasttok.tokenizer.tokenizer import Tokenizer
from fasttok.vectors._sums import sum_rows
from fasttok.vectors.table import EmbeddingTable

# Letters before a text that keep it from being encoded as the beginning of a word. If a token contains both
# the letter and the start of the text, the next letter is tried.
_CONTEXTS = (b"q", b"z", b"x", b"j", b"k", b"v", b"w", b"Q", b"Z", b"X", b"0", b"7")
_REPLACEMENT = "\ufffd".encode()
_BYTE_NAME = re.compile(rb"<0x([0-9A-Fa-f]{2})>")  # piece of a byte
_CHUNK = 1 << 14  # new rows that are computed at a time


@dataclass(frozen=True, eq=False)
class Transfer:
    """Embedding table for a new tokenizer, and where each of its rows comes from; `transfer` makes it.

    Attributes
    ----------
    table : EmbeddingTable
        Table with one row per id of the new tokenizer.
    sources : Ragged of int64
        For each new id, the old ids whose rows were averaged; one id if its row was copied, none if the row
        is the mean of the old table.
    copied, averaged, new : ndarray of int64
        New ids whose row is a row of the old table, those whose row is the mean of several rows, and those
        that have nothing in common with the old vocabulary. Together they are all new ids.

    Examples
    --------
    >>> import fasttok as ft
    >>> old, new = (ft.train(ft.Corpus.from_texts(["low lower"]), vocab_size=n) for n in (257, 258))
    >>> ft.vectors.transfer(old, new, ft.vectors.EmbeddingTable.random(old, 8, seed=1))
    Transfer(258 ids: 257 copied, 1 averaged, 0 new)
    """

    table: EmbeddingTable
    sources: Ragged
    copied: NDArray[np.int64]
    averaged: NDArray[np.int64]
    new: NDArray[np.int64]

    def __repr__(self) -> str:
        parts = (f"{len(getattr(self, name)):,} {name}" for name in ("copied", "averaged", "new"))
        return f"Transfer({len(self.sources):,} ids: {', '.join(parts)})"


def transfer(
    old_tok: Tokenizer,
    new_tok: Tokenizer,
    table: EmbeddingTable | NDArray[Any],
    method: Literal["mean", "copy"] = "mean",
) -> Transfer:
    """Return an embedding table for another tokenizer, made from the rows of an existing table.

    Parameters
    ----------
    old_tok : Tokenizer
        Tokenizer of `table`.
    new_tok : Tokenizer
        Tokenizer for which a table is made.
    table : EmbeddingTable or array_like of float, shape (n, dim)
        Table of the old tokenizer. It may have more rows than the old tokenizer has ids; these are not used.
    method : {"mean", "copy"}
        Row of a piece that the old vocabulary does not have. "mean": the mean of the rows of the ids with
        which the old tokenizer encodes its text. "copy": the mean of the old table.

    Returns
    -------
    Transfer
        The new table and a report.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If `table` has fewer rows than the old tokenizer has ids, or `method` is unknown.

    Notes
    -----
    Each new id is treated by the first of these rules that applies.

    1. An added token, special or not: the row of the old added token or piece with the same text is copied.
    2. The unknown token of the model: the row of the old unknown token is copied.
    3. Other special tokens are new.
    4. A piece with the same text as an old piece: its row is copied. If there are several, the one that is
       written the same in the vocabulary is preferred, then the one with the smallest id.
    5. Other pieces: the old tokenizer encodes the text, as it would within a longer text. A text that begins
       a word is encoded as the beginning of a word. A text that continues a word is encoded after a letter,
       if the old tokenizer treats these differently. Unknown tokens are left out.
    6. If nothing is left, or the id is not in use, the id is new.

    New ids have the mean of the rows of all old ids in use, except that of the padding. Means are computed in
    float64 and rounded once. If the old padding is copied to a new id, this is the `padding_id` of the new
    table.

    Examples
    --------
    >>> import fasttok as ft
    >>> old, new = (ft.train(ft.Corpus.from_texts(["low lower"]), vocab_size=n) for n in (257, 258))
    >>> table = ft.vectors.EmbeddingTable.random(old, dim=8, seed=1)
    >>> result = ft.vectors.transfer(old, new, table)
    >>> new.id_to_piece(257), [old.id_to_piece(i) for i in result.sources[257]]
    (b'low', [b'lo', b'w'])
    >>> result.table
    EmbeddingTable(258 ids, dim=8)
    """
    for name, tok in (("old_tok", old_tok), ("new_tok", new_tok)):
        checked_instance(name, tok, Tokenizer, "a Tokenizer")
    old_table = table if isinstance(table, EmbeddingTable) else EmbeddingTable(table)
    checked_choice("method", method, "mean", "copy")
    if old_table.vocab_size < old_tok.vocab_size:
        raise ValueError(
            f"table has {old_table.vocab_size:,} rows, but the old tokenizer has {old_tok.vocab_size:,} ids; "
            "pass the table of old_tok"
        )
    sources = _find_sources(old_tok, new_tok, method == "mean")
    rows = Ragged.from_rows(sources, np.int64)
    lengths = rows.lengths
    weights = _average(rows, old_table.weights, _average_old(old_tok, old_table))
    padding = [] if old_table.padding_id is None else [old_table.padding_id]
    padding_id = sources.index(padding) if padding and padding in sources else None
    return Transfer(
        EmbeddingTable(weights, padding_id),
        rows,
        *(np.flatnonzero(mask) for mask in (lengths == 1, lengths > 1, lengths == 0)),
    )


# Sources of rows


def _find_sources(old: Tokenizer, new: Tokenizer, encodes: bool) -> list[list[int]]:
    """Return the old ids of each new id, by the rules of `transfer`."""
    old_texts, new_texts = _Texts(old), _Texts(new)
    by_text: dict[bytes, int] = {}
    by_text_and_piece: dict[tuple[bytes, bytes], int] = {}
    for i, text in enumerate(old_texts.texts):
        if text and i not in old_texts.added:
            by_text.setdefault(text, i)
            by_text_and_piece.setdefault((text, old_texts.pieces[i]), i)
    named = {piece: i for i, piece in reversed([*enumerate(old_texts.pieces)]) if piece}
    named |= {text: i for i, text in old_texts.added.items()}
    special = set(new.special_tokens.values())
    sources: list[list[int]] = [[] for _ in range(new.vocab_size)]
    others = []
    for i, text in enumerate(new_texts.texts):
        found = named.get(new_texts.added.get(i, b""))
        if found is None and i == new.unk_id:
            found = old.unk_id
        elif found is None and text and i not in special:
            found = by_text_and_piece.get((text, new_texts.pieces[i]), by_text.get(text))
            if found is None:
                others.append(i)
        if found is not None:
            sources[i] = [found]
    if encodes:
        segments = _Segmenter(old, old_texts.texts).encode([new_texts.texts[i] for i in others])
        for i, ids in zip(others, segments, strict=True):
            sources[i] = ids
    return sources


class _Texts:
    """Texts of the ids of a tokenizer.

    Attributes
    ----------
    pieces : list of bytes
        Bytes of each id in the vocabulary; empty if the id is not in use.
    texts : list of bytes
        Text that each id adds between other ids; empty for unknown tokens and for ids that are not in use.
    added : dict of int to bytes
        Text of each added token by id.
    """

    def __init__(self, tok: Tokenizer) -> None:
        self.pieces = tok.pieces.to_bytes()
        self.added = {i: token.text.encode() for token, i in tok.added_tokens.items()}
        decoder = tok.text_decoder(clean_up=False)
        written = decoder.written.to_bytes()
        self.texts = self._filter(written, decoder.decoder.filter())
        for i, piece in enumerate(tok.model.decoded_pieces.to_bytes()):
            # A decoder that replaces a byte which is no character by itself hides which byte it was.
            if i not in self.added and _REPLACEMENT in self.texts[i] and _REPLACEMENT not in piece:
                name = _BYTE_NAME.fullmatch(piece)
                self.texts[i] = bytes([int(name[1], 16)]) if name else piece
        for i, text in self.added.items():
            self.texts[i] = text
        if tok.unk_id is not None:
            self.texts[tok.unk_id] = b""

    def _filter(self, written: list[bytes], text_filter: Any) -> list[bytes]:
        """Return the part of filtered text that comes from each id, between two ids of an ordinary piece."""
        plain = [i for i, row in enumerate(written) if row and i not in self.added]
        if text_filter is None or not plain:
            return written
        # Rows that are not UTF-8 are bytes, or have marks of the decoder.
        words = (
            written[i] for i in plain if _is_utf8(written[i]) and _is_word(text_filter.apply(written[i] * 2))
        )
        context = next(words, written[plain[0]])
        two, three = (text_filter.apply(context * n) for n in (2, 3))
        n = len(three) - len(two)
        filtered = {i: text_filter.apply(context + written[i] + context) for i in plain}
        # The filter may change the context at the start of the text, or at its end.
        found = []
        for start, end in ((two[: len(two) - n], three[len(three) - n :]), (three[:n], two[n:])):
            texts = written.copy()
            n_found = 0
            for i, text in filtered.items():
                if text.startswith(start) and text.endswith(end) and len(text) >= len(start) + len(end):
                    texts[i] = text[len(start) : len(text) - len(end)]
                    n_found += 1
            found.append((n_found, texts))
        return max(found, key=lambda pair: pair[0])[1]


def _is_utf8(text: bytes) -> bool:
    return _REPLACEMENT not in text.decode(errors="replace").encode()


def _is_word(text: bytes) -> bool:
    return text.decode(errors="replace").replace(" ", "").isalnum()


class _Segmenter:
    """Encoder of texts as parts of longer texts.

    Parameters
    ----------
    tok : Tokenizer
        The tokenizer.
    texts : list of bytes
        Text of each id, between other ids.
    """

    def __init__(self, tok: Tokenizer, texts: list[bytes]) -> None:
        self._tok = tok
        self._texts = texts

    def encode(self, texts: Sequence[bytes]) -> list[list[int]]:
        """Return the ids of each text; without unknown tokens, so there may be none."""
        normalizer = self._tok.normalizer
        targets: list[set[Any]] = [
            {text} if normalizer is None else {text, normalizer.normalize(text)} for text in texts
        ]
        found: dict[int, list[int]] = {}
        first: dict[int, list[int]] = {}
        left = list(range(len(texts)))
        # Encode each text alone, then without a space that the tokenizer may add itself, then after a letter.
        for before, drops_space in ((b"", False), (b"", True), *((letter, False) for letter in _CONTEXTS)):
            if not left:
                break
            tried = [before + (texts[i].removeprefix(b" ") if drops_space else texts[i]) for i in left]
            for i, ids in zip(left, self._encode(tried), strict=True):
                first.setdefault(i, ids)
                ends = (self._find_end(ids, target) for target in sorted(targets[i]))
                if (end := next((end for end in ends if end is not None), None)) is not None:
                    found[i] = end
            left = [i for i in left if i not in found]
        rows = [found.get(i, first[i]) for i in range(len(texts))]
        return [[i for i in row if i != self._tok.unk_id] for row in rows]

    def _find_end(self, ids: list[int], text: bytes) -> list[int] | None:
        """Return the last ids whose texts are the given text, or None if there are none."""
        end = len(text)
        for n, i in enumerate(reversed(ids), 1):
            piece = self._texts[i]
            if not piece or not text.endswith(piece, 0, end):
                return None
            end -= len(piece)
            if end == 0:
                return ids[len(ids) - n :]
        return None

    def _encode(self, texts: list[bytes]) -> list[list[int]]:
        try:
            return self._tok.encode_batch(texts, as_list=True)
        except UnknownCharacterError:
            return [self._encode_one(text) for text in texts]

    def _encode_one(self, text: bytes) -> list[int]:
        try:
            return self._tok.encode(text, as_list=True)
        except UnknownCharacterError:
            return []


# Rows


def _average_old(old: Tokenizer, table: EmbeddingTable) -> NDArray[np.float64]:
    """Return the mean of the rows of all ids in use, except the padding."""
    is_used = old.pieces.lengths > 0
    if table.padding_id is not None and table.padding_id < len(is_used):
        is_used[table.padding_id] = False
    ids = np.flatnonzero(is_used)
    [total] = sum_rows(table.weights, ids, np.array([0, len(ids)]))
    mean: NDArray[np.float64] = total / max(1, len(ids))
    return mean


def _average(rows: Ragged, weights: NDArray[np.float32], default: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the mean of the weights of each row of ids; `default` if the row is empty."""
    lengths = rows.lengths
    result = np.empty((len(rows), weights.shape[1]), np.float32)
    result[:] = default
    is_single = lengths == 1
    result[is_single] = weights[rows.values[rows.offsets[:-1][is_single]]]
    several = np.flatnonzero(lengths > 1)
    for start in range(0, len(several), _CHUNK):
        part = rows.take(several[start : start + _CHUNK])
        sums = sum_rows(weights, part.values, part.offsets)
        result[several[start : start + _CHUNK]] = sums / part.lengths[:, None]
    return result
