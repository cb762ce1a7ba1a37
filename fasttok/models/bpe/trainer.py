"""`BPETrainer`: learn a byte-level BPE vocabulary from pretoken counts."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.counts.table import PretokenCounts
from fasttok.models.bpe.model import BPEModel
from fasttok.ragged import Ragged

# What each preset of `compat` fixes.
PRESETS: dict[str, dict[str, Any]] = {
    "huggingface": {"tie_break": "ids", "byte_order": "gpt2", "special_ids": "first"},
}
DEFAULTS: dict[str, Any] = {"tie_break": "ids", "byte_order": "value", "special_ids": "last"}


@dataclass(frozen=True)
class BPETrainer:
    """Learn merges from pretoken counts: join the most frequent pair of neighbours, again and again.

    Parameters
    ----------
    vocab_size : int
        The number of ids in the end: 256 bytes, merges and special tokens.
    min_frequency : int
        A pair that occurs less often is not merged.
    max_piece_length : int, optional
        The most bytes a piece may have, at least 2.
    special_tokens : sequence of str
        Texts that get ids of their own.
    tie_break : {"ids", "shortest"}
        Which of the most frequent pairs goes first: the one of lesser ids, left before right (as in
        tokenizers and rustbpe); or the one whose piece has fewer bytes, then the lesser bytes in
        `byte_order` (as in sentencepiece), then the lesser ids.
    byte_order : {"value", "gpt2"}
        The ids of single bytes, which decide ties: by value, or in the order of the characters that
        GPT-2 writes them as (``!`` first).
    special_ids : {"last", "first"}
        Whether special tokens have the ids behind the pieces or before them.
    compat : {"huggingface"}, optional
        A preset of the last three: the merges, ids and vocabulary of tokenizers' ``BpeTrainer`` with
        ``ByteLevel`` pretokens and its whole alphabet as ``initial_alphabet``. Its ``max_token_length=n``
        is ``max_piece_length=n - 1`` here for n above 2. A special token whose text is also a piece
        would there share its id, so that plain text could become it; here that is an error.

    Raises
    ------
    ValueError
        If a value is out of range, or an option contradicts `compat`.

    Notes
    -----
    Sennrich et al. (2016), algorithm 1. Overlapping occurrences count: ``aaa`` holds ``aa`` twice.
    O(n log n) for n bytes of distinct pretokens.

    Examples
    --------
    >>> import fasttok as ft
    >>> counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2, "newest": 6, "widest": 3})
    >>> model, _ = ft.BPETrainer(vocab_size=260).train(counts)
    >>> [bytes(piece) for piece in model.pieces[256:]]
    [b'es', b'est', b'lo', b'low']
    """

    vocab_size: int
    min_frequency: int = 1
    max_piece_length: int | None = None
    special_tokens: tuple[str, ...] = ()
    tie_break: Literal["ids", "shortest"] | None = None
    byte_order: Literal["value", "gpt2"] | None = None
    special_ids: Literal["last", "first"] | None = None
    compat: Literal["huggingface"] | None = None

    def __post_init__(self) -> None:
        for option in ("vocab_size", "min_frequency", "max_piece_length"):
            value = getattr(self, option)
            if value is not None or option != "max_piece_length":
                try:
                    object.__setattr__(self, option, operator.index(value))  # NumPy's integers become ours
                except TypeError:
                    raise TypeError(f"{option} must be an integer, not {value!r}") from None
        if isinstance(self.special_tokens, (str, Mapping)):
            raise TypeError("special_tokens must be a sequence of str; their ids follow from special_ids")
        object.__setattr__(self, "special_tokens", tuple(self.special_tokens))
        _check_special_tokens(self.special_tokens)
        if self.compat is not None and self.compat not in PRESETS:
            raise ValueError(f"compat must be one of {', '.join(PRESETS)}, not {self.compat!r}")
        preset = PRESETS.get(self.compat or "", {})
        for option, default in DEFAULTS.items():
            given = getattr(self, option)
            if option in preset and given not in (None, preset[option]):
                raise ValueError(f"{option}={given!r} contradicts compat={self.compat!r}")
            object.__setattr__(self, option, preset.get(option, default) if given is None else given)
        choices = {
            "tie_break": ("ids", "shortest"),
            "byte_order": ("value", "gpt2"),
            "special_ids": ("last", "first"),
        }
        for option, values in choices.items():
            if getattr(self, option) not in values:
                raise ValueError(f"{option} must be one of {values}, not {getattr(self, option)!r}")
        if self.min_frequency < 1:
            raise ValueError(f"min_frequency must be at least 1, not {self.min_frequency}")
        if self.max_piece_length is not None and self.max_piece_length < 2:
            raise ValueError(f"max_piece_length must be at least 2, not {self.max_piece_length}")
        smallest = 256 + len(self.special_tokens)
        if not smallest <= self.vocab_size <= 1 << 30:
            raise ValueError(
                f"vocab_size must be at least {smallest} (256 bytes and {len(self.special_tokens)} special "
                f"tokens) and at most 2^30, not {self.vocab_size}"
            )

    def train(self, counts: PretokenCounts, *, progress: bool = False) -> tuple[BPEModel, dict[str, int]]:
        """Learn a model.

        Parameters
        ----------
        counts : PretokenCounts
            The training corpus.
        progress : bool
            Show a bar on the standard error stream.

        Returns
        -------
        model : BPEModel
            The pieces and merges.
        special_tokens : dict of str to int
            The id of each special token.

        Raises
        ------
        ValueError
            If there is nothing to train on.

        Warns
        -----
        UserWarning
            If no pair is left before `vocab_size` is reached.
        """
        if len(counts) == 0:
            raise ValueError("there are no pretokens to train on: the corpus is empty")
        from fasttok.models.merging.engine import learn_merges  # imports Numba

        byte_of_symbol = _byte_order(self.byte_order)
        symbol_of_byte = np.argsort(byte_of_symbol).astype(np.uint32)
        text = counts.text
        merges = learn_merges(
            Ragged(symbol_of_byte[text.values], text.offsets),
            counts.counts,
            n_alphabet=256,
            n_symbols=self.vocab_size - len(self.special_tokens),
            min_count=self.min_frequency,
            max_length=self.max_piece_length,
            by_length=self.tie_break == "shortest",
            progress=progress,
        )
        first = len(self.special_tokens) if self.special_ids == "first" else 0
        pieces = [b""] * first + [bytes([byte]) for byte in byte_of_symbol.tolist()]
        for left, right in (merges + first).tolist():
            pieces.append(pieces[left] + pieces[right])
        if self.compat == "huggingface":
            _check_no_shared_ids(self.special_tokens, set(pieces), byte_of_symbol)
        n_ids = len(pieces) - first + len(self.special_tokens)
        if n_ids < self.vocab_size:
            warnings.warn(
                f"the vocabulary has {n_ids:,} ids, not {self.vocab_size:,}: no pair is left that occurs at "
                f"least {self.min_frequency} times"
                + (" and is short enough" if self.max_piece_length else ""),
                stacklevel=2,
            )
        merge_ids = np.arange(first + 256, len(pieces), dtype=np.uint32)
        model = BPEModel(Ragged.from_bytes(pieces), (merges + first).astype(np.uint32), merge_ids)
        base = 0 if first else len(pieces)
        return model, {token: base + i for i, token in enumerate(self.special_tokens)}


def _check_special_tokens(tokens: tuple[str, ...]) -> None:
    for token in tokens:
        if not isinstance(token, str):
            raise TypeError(f"a special token must be a str, not {type(token).__name__}")
        if not token:
            raise ValueError("a special token must not be empty")
        token.encode()
    if len(set(tokens)) < len(tokens):
        raise ValueError(f"special_tokens holds a token twice: {tokens}")


def _check_no_shared_ids(tokens: tuple[str, ...], pieces: set[bytes], byte_order: NDArray[np.uint8]) -> None:
    """Refuse special tokens that read like a piece in GPT-2's writing, where tokenizers gives both one id."""
    n_visible = 188
    written = {bytes([b]).decode("latin-1"): b for b in byte_order[:n_visible].tolist()}
    written |= {chr(256 + i): b for i, b in enumerate(byte_order[n_visible:].tolist())}
    for token in tokens:
        if all(c in written for c in token) and bytes(written[c] for c in token) in pieces:
            raise ValueError(
                f"special token {token!r} is also a piece; tokenizers would give both one id, and plain text "
                "would become the special token"
            )


def _byte_order(name: str | None) -> NDArray[np.uint8]:
    """The byte that each of the first 256 symbols stands for."""
    if name == "value":
        return np.arange(256, dtype=np.uint8)
    # GPT-2 writes a byte that is a visible character of Latin-1 as that character, and the others, in
    # order, as U+0100 and on; sorted by character, the visible ones come first.
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return np.array(visible + [b for b in range(256) if b not in visible], np.uint8)
