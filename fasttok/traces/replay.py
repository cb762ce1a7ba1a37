"""`Replay`: the tokens of one word during a training."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress, pairwise
from typing import Any, NamedTuple

import numpy as np

from fasttok.display.colours import ColouredTokens, escape
from fasttok.models._cache import PretokenCache
from fasttok.models.bpe.alphabets import Bytes
from fasttok.models.bpe.model import BPEModel
from fasttok.models.merging.merge_steps import MergeStep
from fasttok.models.rounds import EMStep
from fasttok.models.unigram._elementary import log
from fasttok.models.unigram.model import PIECE_PENALTY, UnigramModel
from fasttok.models.wordpiece.model import WordPieceModel
from fasttok.tokenizer.tokenizer import Tokenizer
from fasttok.traces.tables import TraceTable

CACHE_BYTES = 1 << 20  # size of the cache for one word


class ReplayRow(NamedTuple):
    """Tokens of a word at one moment of a training.

    Attributes
    ----------
    step : int
        Number of the merge that has led to these tokens, or of the round of a Unigram training; 0 before the
        first merge.
    label : str
        Description of the step.
    tokens : tuple of bytes
        Pieces of the word after the step.
    """

    step: int
    label: str
    tokens: tuple[bytes, ...]


@dataclass(frozen=True, repr=False)
class Replay:
    """Tokens of a word during a training, as returned by `MergeTrace.replay` and `UnigramTrace.replay`.

    The ``repr`` is a table. A notebook shows the tokens in colours if jinja2 is installed.

    Attributes
    ----------
    word : str
        The word.
    columns : tuple of str
        Names of the columns of the table.
    rows : tuple of ReplayRow
        The tokens before the first merge and after each merge that changes them, or in each round.
    note : str
        Text below the table.

    Examples
    --------
    >>> import fasttok as ft
    >>> corpus = ft.Corpus.from_texts(["low low low lower newer wider"])
    >>> replay = ft.trace(corpus, vocab_size=13, compat="subword-nmt").replay("lower")
    >>> replay
    Tokens of 'lower'
    step  merge       tokens
       0              l|o|w|e|r</w>
       1  l + o       lo|w|e|r</w>
       3  e + r</w>   lo|w|er</w>
       4  w + er</w>  lo|wer</w>
    >>> replay.rows[-1].tokens
    (b'lo', b'wer</w>')
    """

    word: str
    columns: tuple[str, str, str]
    rows: tuple[ReplayRow, ...]
    note: str = ""

    def __len__(self) -> int:
        return len(self.rows)

    def _table(self) -> TraceTable:
        rows = tuple(
            (row.step, row.label, ColouredTokens(tuple(map(escape, row.tokens)))) for row in self.rows
        )
        return TraceTable(f"Tokens of {self.word!r}", self.columns, rows, self.note)

    def __repr__(self) -> str:
        return repr(self._table())

    def _repr_html_(self) -> str | None:
        return self._table()._repr_html_()


def replay_merges(
    tokenizer: Tokenizer, steps: Sequence[MergeStep], start: Tokenizer | None, word: str
) -> Replay:
    """Apply the merges of a training to a word; see `MergeTrace.replay`.

    Time is O(m + n^2) for m merges and n symbols.
    """
    merges = [step.candidates[0] for step in steps]
    numbers = {(merge.left, merge.right): i for i, merge in enumerate(merges)}
    parts = [
        part for pretoken in split_word(tokenizer, word) for part in _find_symbols(tokenizer, start, pretoken)
    ]
    rows = [ReplayRow(0, "", _join(parts))]
    while known := {pair for part in parts for pair in pairwise(part)} & numbers.keys():
        left, right = pair = min(known, key=numbers.__getitem__)
        parts = [_merge(part, pair, merges[numbers[pair]].piece) for part in parts]
        rows.append(ReplayRow(numbers[pair] + 1, f"{escape(left)} + {escape(right)}", _join(parts)))
    note = ""
    if isinstance(tokenizer.model, WordPieceModel):
        note = f"The model takes the longest pieces from the left: {tokenizer.show(word)!r}"
    return Replay(word, ("step", "merge", "tokens"), tuple(rows), note)


def replay_rounds(tokenizer: Tokenizer, steps: Sequence[EMStep], word: str) -> Replay:
    """Segment a word with the pieces before each round, and with the model; see `UnigramTrace.replay`.

    Time is O(v + r n^2) for v seed pieces, r rounds and n characters of the word.
    """
    model: Any = tokenizer.model
    separators = [model.pieces[i].tobytes().decode() for i in sorted(model.user_defined)]
    parts = [part for pretoken in split_word(tokenizer, word) for part in _cut(pretoken.decode(), separators)]
    inside = {part[a:b] for part in parts for a in range(len(part)) for b in range(a + 1, len(part) + 1)}
    names = map(bytes.decode, steps[0].names.to_bytes())
    known = {name: i for i, name in enumerate(names) if name in inside}
    rounds = [(len(step.pieces), _find_scores(step, known)) for step in steps if step.step == 1]
    of_model = zip(map(bytes.decode, model.pieces.to_bytes()), model.scores.tolist(), strict=True)
    rounds.append((len(steps[-1].pieces), {name: score for name, score in of_model if name in known}))
    rows = []
    for i, (n_pieces, scores) in enumerate(rounds):
        penalty = PIECE_PENALTY if model.fewest_pieces else 0
        own = UnigramModel(["", *scores], [0, *(score + penalty for score in scores.values())], unk_id=0)
        tokens = [
            piece.encode()
            for part in parts
            for piece in ([part] if part in separators else own.lattice(part).viterbi().pieces)
        ]
        rows.append(ReplayRow(i, f"{n_pieces:,}", tuple(tokens)))
    return Replay(word, ("round", "pieces", "tokens"), tuple(rows))


def _find_scores(step: EMStep, known: dict[str, int]) -> dict[str, float]:
    """Return the log probabilities of those of the pieces that exist before a step and can be used."""
    numbers = np.array([*known.values()], np.int64)
    places = np.minimum(np.searchsorted(step.pieces, numbers), len(step.pieces) - 1)
    probabilities = step.probabilities[places]
    is_left = (step.pieces[places] == numbers) & (probabilities > 0)
    scores = log(probabilities[is_left]).tolist()
    return dict(zip(compress(known, is_left.tolist()), scores, strict=True))


def _cut(text: str, separators: Sequence[str]) -> list[str]:
    """Split a text before and after user-defined pieces, of which the longest one is found."""
    longest_first = sorted(separators, key=lambda one: (-len(one), one))
    expression = "|".join(map(re.escape, longest_first))
    return [part for part in re.split(f"({expression})", text) if part] if separators else [text]


def split_word(tokenizer: Tokenizer, word: str) -> list[bytes]:
    """Return the pretokens of a text, normalized as the training corpus was."""
    normalizer = tokenizer.normalizer
    return tokenizer.pretokenizer.split_text(word if normalizer is None else normalizer.normalize(word))


def _find_symbols(tokenizer: Tokenizer, start: Tokenizer | None, pretoken: bytes) -> list[list[bytes]]:
    """Return the symbols of a pretoken before the first merge, in parts that no merge crosses."""
    model: Any = tokenizer.model
    if start is not None:
        encoding = start.model.without_pieces(start.special_tokens.values())
        data, ends = np.frombuffer(pretoken, np.uint8), np.array([0, len(pretoken)])
        ids = encoding.encode_pretokens(data, ends, PretokenCache(CACHE_BYTES)).values
        return [[start.id_to_piece(i) for i in ids.tolist()]]
    if isinstance(model, BPEModel) and isinstance(model.alphabet, Bytes):
        return [[bytes([byte]) for byte in pretoken]]
    text = pretoken.decode(errors="surrogateescape")
    if isinstance(model, WordPieceModel):
        prefix = model.continuing_subword_prefix
        names = [_encode(character if i == 0 else prefix + character) for i, character in enumerate(text)]
        is_split = prefix != "" and text.startswith(prefix) and text != prefix
        return [names[: len(prefix)], names[len(prefix) :]] if is_split else [names]
    separators = [model.pieces[i].tobytes().decode() for i in sorted(model.user_defined)]
    names = [
        _encode(symbol)
        for part in _cut(text, separators)
        for symbol in ([part] if part in separators else part)
    ]
    names[-1] += model.alphabet.end_of_word_suffix.encode()
    return [names]


def _encode(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _join(parts: list[list[bytes]]) -> tuple[bytes, ...]:
    return tuple(symbol for part in parts for symbol in part)


def _merge(symbols: list[bytes], pair: tuple[bytes, bytes], merged: bytes) -> list[bytes]:
    """Return the symbols with the occurrences of a pair merged, from left to right."""
    found: list[bytes] = []
    i = 0
    while i < len(symbols):
        is_pair = tuple(symbols[i : i + 2]) == pair
        found.append(merged if is_pair else symbols[i])
        i += 1 + is_pair
    return found
