"""`BPETrainer`: learn a BPE vocabulary from pretoken counts, or go on learning one."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_integer, checked_size
from fasttok.core.parallel import import_whole
from fasttok.core.progress import announce
from fasttok.core.ragged import Ragged
from fasttok.counts.table import PretokenCounts
from fasttok.models.base import Trained, Trainer
from fasttok.models.bpe._encode import MOST_PIECES
from fasttok.models.bpe.alphabets import Bytes, Characters
from fasttok.models.bpe.beginning import (
    Beginning,
    Start,
    begin_with_bytes,
    begin_with_characters,
    begin_with_start,
)
from fasttok.models.bpe.model import BPEModel
from fasttok.models.options import as_texts, check_not_empty
from fasttok.text.unicode.byte_alphabet import BYTES_IN_ORDER, read_bytes

# What each preset of `compat` fixes.
PRESETS: dict[str, dict[str, Any]] = {
    "huggingface": {"tie_break": "ids", "byte_order": "gpt2", "special_ids": "first"},
}
DEFAULTS: dict[str, Any] = {"tie_break": "ids", "byte_order": "value", "special_ids": "last"}
CHOICES: dict[str, tuple[str, ...]] = {
    "units": ("byte", "character"),
    "tie_break": ("ids", "shortest"),
    "byte_order": ("value", "gpt2"),
    "special_ids": ("last", "first"),
}


@dataclass(frozen=True)
class BPETrainer(Trainer):
    """Learn merges from pretoken counts: join the most frequent pair of neighbours, again and again.

    Parameters
    ----------
    vocab_size : int
        The number of ids in the end: 256 bytes, or all characters, merges and special tokens; with a
        `start`, its ids and the new ones.
    min_frequency : int
        A pair that occurs less often is not merged.
    max_piece_length : int, optional
        The most bytes, or characters, a piece may have, at least 2.
    special_tokens : sequence of str
        Texts that get ids of their own. Those that the `start` has keep theirs.
    units : {"byte", "character"}
        What merging begins with. Bytes, all 256 of them, can write any text. Characters are those of the
        counts, by code point; a byte that is not UTF-8 counts as one.
    end_of_word_suffix : str, optional
        For characters: marks the last character of a pretoken, ``</w>`` as a rule, so that a piece at the
        end of a word is another one than the same characters inside. A character that never ended a
        pretoken is unknown at the end of one. Decoding writes the suffix as a space where the pretokenizer
        left out white space, none at the end of the text, and as nothing where it did not.
    unk : str, optional
        For characters: the one of the `special_tokens` that every unknown character becomes. Without one,
        encoding an unknown character is an error.
    tie_break : {"ids", "shortest"}
        Which of the most frequent pairs goes first: the one of lesser ids, left before right (as in
        tokenizers and rustbpe); or the one whose piece has fewer units, then the lesser ones in the order
        of their ids (as in sentencepiece), then the lesser ids.
    byte_order : {"value", "gpt2"}
        The ids of single bytes, which decide ties: by value, or in the order of the characters that
        GPT-2 writes them as (``!`` first).
    special_ids : {"last", "first"}
        Whether special tokens have the ids after the pieces or before them.
    compat : {"huggingface"}, optional
        A preset of the last three: the merges, ids and vocabulary of tokenizers' ``BpeTrainer`` with
        ``ByteLevel`` pretokens and its whole alphabet as ``initial_alphabet``. Its ``max_token_length=n``
        is ``max_piece_length=n - 1`` here for n above 2. For characters, what ``BpeTrainer`` gives without
        ``ByteLevel``; an `end_of_word_suffix` does not go with it, as the order of its alphabet is random
        there. A special token whose text is also a piece would there share its id, so that plain text could
        become it; here that is an error.
    start : Tokenizer, optional
        Go on from this byte-level BPE: the pretokens are encoded with it first, then merging goes on. Its ids
        keep their bytes and meaning, its special tokens too; new merges have the ids after them, in order,
        and new special tokens those after them. `byte_order` and `special_ids` follow from it.

    Raises
    ------
    ValueError
        If a value is out of range, or an option contradicts `compat` or `start`.
    TypeError
        If an argument is of the wrong type, or `start` is no byte-level BPE.

    Notes
    -----
    Sennrich et al. (2016), algorithm 1. Overlapping occurrences count: ``aaa`` holds ``aa`` twice.
    O(n log n) for n bytes of distinct pretokens. The algorithm as printed has the suffix as a symbol of its
    own, which takes a merge more for every ending; here it is part of the last character from the start,
    as in the authors' own subword-nmt since version 0.2, and in tokenizers.

    To resume a training is to continue it: with the same counts and options, a `start` of 10,000 ids
    continued to 20,000 has the merges of 20,000 made at once; and the ids, unless special tokens stand
    between.

    A `start` from elsewhere may hold pieces that its merges do not make of their own bytes, such as what
    is left over in a pruned vocabulary. No new merge joins to one of these: a pair whose bytes are a piece
    already is passed over. Were it merged into that piece, merges of the start, which rank before all new
    ones, would apply to what it made, and text would be encoded otherwise than it was counted. So every new
    piece is new bytes, made by one merge, and the trained tokenizer encodes the corpus just as training left
    it. (No other pair can join to a piece: see `fasttok.models.merging.kernels`.)

    Examples
    --------
    >>> import fasttok as ft
    >>> counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2, "newest": 6, "widest": 3})
    >>> model = ft.BPETrainer(vocab_size=260).train(counts).model
    >>> [bytes(piece) for piece in model.pieces[256:]]
    [b'es', b'est', b'lo', b'low']

    >>> start = ft.train(counts, vocab_size=258)
    >>> tok = ft.train(counts, vocab_size=260, start=start)
    >>> [tok.id_to_piece(i) for i in range(256, 260)]
    [b'es', b'est', b'lo', b'low']

    The same words as the paper has them:

    >>> classic = ft.BPETrainer(vocab_size=14, units="character", end_of_word_suffix="</w>")
    >>> [bytes(piece).decode() for piece in classic.train(counts).model.pieces]
    ['d', 'e', 'i', 'l', 'n', 'o', 'r</w>', 's', 't</w>', 'w', 'w</w>', 'es', 'est</w>', 'lo']
    """

    vocab_size: int
    min_frequency: int = 1
    max_piece_length: int | None = None
    special_tokens: tuple[str, ...] = ()
    units: Literal["byte", "character"] = "byte"
    end_of_word_suffix: str | None = None
    unk: str | None = None
    tie_break: Literal["ids", "shortest"] | None = None
    byte_order: Literal["value", "gpt2"] | None = None
    special_ids: Literal["last", "first"] | None = None
    compat: Literal["huggingface"] | None = None
    start: Start | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "vocab_size", checked_integer("vocab_size", self.vocab_size))
        object.__setattr__(self, "min_frequency", checked_size("min_frequency", self.min_frequency, 1))
        if self.max_piece_length is not None:
            longest = checked_size("max_piece_length", self.max_piece_length, 2)
            object.__setattr__(self, "max_piece_length", longest)
        object.__setattr__(self, "special_tokens", as_texts("special_tokens", self.special_tokens))
        if self.compat is not None and self.compat not in PRESETS:
            raise ValueError(f"compat must be one of {', '.join(PRESETS)}, not {self.compat!r}")
        self._check_units()
        self._fill_in_options()
        self._check_size()

    def _check_units(self) -> None:
        if self.units not in CHOICES["units"]:
            raise ValueError(f"units must be one of {CHOICES['units']}, not {self.units!r}")
        for option in ("end_of_word_suffix", "unk"):
            text = getattr(self, option)
            if text is None:
                continue
            if self.units != "character":
                raise ValueError(f'{option} goes with units="character"')
            if not isinstance(text, str):
                raise TypeError(f"{option} must be a str, not {type(text).__name__}")
        if self.end_of_word_suffix is not None:
            if not self.end_of_word_suffix:
                raise ValueError("end_of_word_suffix must not be empty")
            self.end_of_word_suffix.encode()
            if self.compat == "huggingface":
                raise ValueError(
                    "compat='huggingface' cannot be had with end_of_word_suffix: its ids are random"
                )
        if self.unk is not None and self.unk not in self.special_tokens:
            raise ValueError(f"unk {self.unk!r} must be one of special_tokens")
        if self.units == "character":
            for option in ("byte_order", "start"):
                if getattr(self, option) is not None:
                    raise ValueError(f'{option} goes with units="byte"')

    def _fill_in_options(self) -> None:
        """Set what was not given to what `start`, `compat` or the default says."""
        preset = PRESETS.get(self.compat or "", {})
        for option, default in DEFAULTS.items():
            given = getattr(self, option)
            if self.start is not None and option != "tie_break":
                if given is not None:
                    raise ValueError(f"{option}={given!r} contradicts start, from which it follows")
                continue
            if self.units == "character" and option == "byte_order":
                continue
            if option in preset and given not in (None, preset[option]):
                raise ValueError(f"{option}={given!r} contradicts compat={self.compat!r}")
            value = preset.get(option, default) if given is None else given
            if value not in CHOICES[option]:
                raise ValueError(f"{option} must be one of {CHOICES[option]}, not {value!r}")
            object.__setattr__(self, option, value)

    def _check_size(self) -> None:
        if self.start is None:
            n_units = 256 if self.units == "byte" else 1
            smallest = n_units + len(self.special_tokens)
            parts = f"{n_units} {self.units}s and {len(self.special_tokens)} special tokens"
        else:
            model = getattr(self.start, "model", None)
            if not isinstance(model, BPEModel) or not isinstance(model.alphabet, Bytes):
                raise TypeError(f"start must be a Tokenizer of byte-level BPE, not {self.start!r}")
            n_new = len(self._new_special_tokens())
            smallest = self.start.vocab_size + max(1, n_new)
            parts = f"above the {self.start.vocab_size} ids of the start, with {n_new} new special tokens"
        if not smallest <= self.vocab_size <= MOST_PIECES:
            raise ValueError(
                f"vocab_size must be at least {smallest} ({parts}) and at most {MOST_PIECES:,}, not "
                f"{self.vocab_size}"
            )

    def _new_special_tokens(self) -> list[str]:
        known = {} if self.start is None else self.start.special_tokens
        return [token for token in self.special_tokens if token not in known]

    def config(self) -> dict[str, Any]:
        """The options by name, for the provenance of what is trained: of the start its fingerprint."""
        return super().config() | {"start": None if self.start is None else self.start.fingerprint()}

    def train(self, counts: PretokenCounts, *, workers: int | None = None, progress: bool = False) -> Trained:
        """Learn a model.

        Parameters
        ----------
        counts : PretokenCounts
            The training corpus.
        workers : int, optional
            Taken as every trainer takes it; merging goes on in one thread, whatever it says.
        progress : bool
            Show a bar on the standard error stream, and before it how much memory training takes. That is
            also logged, at level INFO of the logger "fasttok".

        Returns
        -------
        Trained
            The `BPEModel` and the id of each special token.

        Raises
        ------
        ValueError
            If there is nothing to train on, or `vocab_size` is below the number of characters.
        RecipeError
            If the counts were cut by another pretokenizer than that of the `start`.

        Warns
        -----
        UserWarning
            If no pair is left before `vocab_size` is reached.
        """
        check_not_empty(counts)
        import_whole("numba")
        from fasttok.models.merging.engine import estimate_bytes, learn_merges
        from fasttok.models.merging.orders import Frequency

        beginning = self._begin(counts)
        words, ids, pieces = beginning.words, beginning.ids, list(beginning.pieces)
        new_tokens = self._new_special_tokens()
        n_behind = 0 if self.special_ids == "first" else len(new_tokens)
        n_symbols = len(ids) + self.vocab_size - n_behind - len(pieces)
        if n_symbols < len(ids):
            smallest = len(ids) + len(new_tokens)
            raise ValueError(
                f"vocab_size must be at least {smallest} ({len(ids)} characters and {len(new_tokens)} "
                f"special tokens), not {self.vocab_size}"
            )
        order = Frequency(shortest_first=self.tie_break == "shortest")
        megabytes = estimate_bytes(len(words.values), n_symbols, order) / 1e6
        announce(
            f"training on {len(words):,} distinct pretokens, {len(words.values):,} symbols: takes about "
            f"{megabytes:,.0f} MB of memory",
            show=progress,
        )
        learned = learn_merges(
            words,
            counts.counts,
            n_alphabet=len(ids),
            n_symbols=n_symbols,
            min_count=self.min_frequency,
            max_length=self.max_piece_length,
            order=order,
            strings=beginning.strings,
            veto=beginning.veto,
            progress=progress,
        )
        merge_ids = np.arange(len(pieces), len(pieces) + len(learned), dtype=np.uint32)
        merges = np.concatenate([ids, merge_ids])[learned]
        for left, right in merges.tolist():
            pieces.append(pieces[left] + pieces[right])
        if self.compat == "huggingface":
            _check_no_shared_ids(self.special_tokens, set(pieces), self.units)
        n_ids = len(pieces) + n_behind
        if n_ids < self.vocab_size:
            warnings.warn(
                f"the vocabulary has {n_ids:,} ids, not {self.vocab_size:,}: no pair is left that occurs at "
                f"least {self.min_frequency} times"
                + (" and is short enough" if self.max_piece_length else ""),
                stacklevel=2,
            )
        first = len(pieces) if n_behind else 0
        special_tokens = {token: first + i for i, token in enumerate(new_tokens)}
        rows = Ragged.from_bytes(pieces)
        if self.units == "character":
            unk_id = None if self.unk is None else special_tokens[self.unk]
            alphabet = Characters(self.end_of_word_suffix or "", unk_id=unk_id)
            return Trained(BPEModel(rows, merges, merge_ids, alphabet=alphabet), special_tokens)
        if self.start is None:
            return Trained(BPEModel(rows, merges, merge_ids), special_tokens)
        before: BPEModel = self.start.model
        merges, merge_ids = (
            np.concatenate([before.merges, merges]),
            np.concatenate([before.merge_ids, merge_ids]),
        )
        model = BPEModel(rows, merges, merge_ids, ignore_merges=before.ignore_merges)
        return Trained(model, self.start.special_tokens | special_tokens)

    def _begin(self, counts: PretokenCounts) -> Beginning:
        if self.start is not None:
            return begin_with_start(counts, self.start)
        n_reserved = len(self.special_tokens) if self.special_ids == "first" else 0
        if self.units == "character":
            return begin_with_characters(counts, self.end_of_word_suffix or "", n_reserved)
        return begin_with_bytes(counts, _byte_order(self.byte_order), n_reserved)


def _check_no_shared_ids(tokens: tuple[str, ...], pieces: set[bytes], units: str) -> None:
    """Refuse special tokens that read like a piece in tokenizers' writing, which gives both one id."""
    for token in tokens:
        piece = token.encode() if units == "character" else read_bytes(token)
        if piece in pieces:
            raise ValueError(
                f"special token {token!r} is also a piece; tokenizers would give both one id, and plain text "
                "would become the special token"
            )


def _byte_order(name: str | None) -> NDArray[np.uint8]:
    """The byte that each of the first 256 symbols stands for."""
    return np.array(range(256) if name == "value" else BYTES_IN_ORDER, np.uint8)
