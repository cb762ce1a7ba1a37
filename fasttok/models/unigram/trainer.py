"""`UnigramTrainer`: learn a Unigram vocabulary from pretoken counts."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_flag, checked_integer
from fasttok.core.parallel import import_whole, resolve_workers
from fasttok.core.progress import Bar, announce
from fasttok.core.ragged import Ragged
from fasttok.counts.table import PretokenCounts
from fasttok.models.base import Round, Trained, Trainer
from fasttok.models.options import as_texts, check_not_empty
from fasttok.models.pieces import BYTE_NAMES
from fasttok.models.unigram._elementary import log
from fasttok.models.unigram.alphabet import choose_characters, spell
from fasttok.models.unigram.em import EMOptions, Rounds, train_em
from fasttok.models.unigram.lattices import LONGEST, MOST_PIECES, Lattices
from fasttok.models.unigram.mingram import train_mingram
from fasttok.models.unigram.model import UnigramModel
from fasttok.text.normalizers.registry import get_normalizer
from fasttok.text.pretokenizers.registry import get_pretokenizer

CHOICES: dict[str, tuple[str, ...]] = {
    "method": ("em", "mingram"),
    "initial_pieces": ("substrings", "bpe"),
    "pruning": ("loss", "final"),
}
# Option to the least and the most it may be.
RANGES: dict[str, tuple[float, float]] = {
    "max_piece_length": (1, LONGEST - 1),
    "seed_size": (1, MOST_PIECES // 2),
    "n_sub_iterations": (1, 100),
    "character_coverage": (0, 1),
    "token_cost": (0, 1000),
    "shrinking_factor": (0.01, 0.99),
}


SEEDS = 200_000  # pieces to begin with, if nothing is said,
SEEDS_AN_ID = 6  # or so many for each id if that is more


@dataclass(frozen=True)
class UnigramTrainer(Trainer):
    """Learn pieces and their probabilities: begin with too many, and let the least useful go.

    Parameters
    ----------
    vocab_size : int
        The number of ids in the end: special tokens, the unknown token among them, user-defined pieces, byte
        pieces, characters, and pieces of more than one character.
    special_tokens : sequence of str
        Texts with ids of their own, which come first; plain text never becomes them.
    unk : str, optional
        The special token that characters without a piece become; one that is not among `special_tokens` is
        put before them. With None such a character is an error, or bytes with `byte_fallback`.
    byte_fallback : bool
        Write characters without a piece in 256 pieces for single bytes.
    user_defined : sequence of str
        Texts that are pieces, and never part of another one that is learned. In encoding they are preferred,
        as in sentencepiece: one of k bytes has the score (k - 1) / 10. The normalizer and pretokenizer of the
        counts must leave them whole.
    character_coverage : float
        The share of the text whose characters, the most frequent ones, are pieces; 1 is all of them.
    max_piece_length : int
        The most characters of a piece, at most 254.
    seed_size : int, optional
        The most pieces to begin with; by default six for each id, and at least 200,000.
    initial_pieces : {"substrings", "bpe"}
        What they are: the substrings of pretokens with the highest frequency times length, those always
        followed by the same character aside; or the pieces of byte-pair encoding over characters, four
        times as many as wanted, which is the cheap way; good for few pieces, poor for small corpora.
    method : {"em", "mingram"}
        Expectation maximisation with pruning, or MinGram; see the notes. MinGram has none of the options
        below, nor `seed_size` and `initial_pieces`.
    pruning : {"loss", "final"}
        Which pieces go: those without which the corpus loses least, as sentencepiece estimates it; or the
        least probable ones, which mostly compresses better and models worse.
    token_cost : float
        What a token more counts in the loss, in nats. 0 is sentencepiece's loss.
    shrinking_factor : float
        The share of the pieces that stay in a round of pruning.
    n_sub_iterations : int
        Steps of EM in a round.

    Raises
    ------
    ValueError, TypeError
        If an option is out of range, of the wrong type, or does not go with the method.

    Notes
    -----
    Kudo (2018), section 3.2, with sentencepiece's M step: the probability of a piece with c of n expected
    occurrences is exp(ψ(c) − ψ(n)) while pieces go, where ψ is the digamma function; in the last two steps it
    is c/n. Pieces expected less than half a time go at once. Pruning ends at 1.1 times the pieces wanted, of
    which the most probable stay. Ids go by probability, highest first, then by the bytes of the pieces.

    With a `token_cost` of 1 held-out text is more probable and has fewer tokens than with 0: docs/log.md has
    the figures. "final" is what Land & Pinter (2025) propose, who also find that more than one step of EM in
    a round hardly matters.

    MinGram (Land 2026) begins with the pieces of BPE, 1.1 times as many as wanted, and takes segmentations of
    the fewest pieces, of these the most probable. It counts anew until nothing changes, lets the rarest
    pieces go and counts again. The model then encodes by the fewest pieces, too.

    O(n log n) for n characters of distinct pretokens; up to 100 bytes a character, and 4 for every place
    where a piece can stand. Sums are formed in the same order whatever the number of threads, so that the
    model does not depend on it.

    Examples
    --------
    >>> import fasttok as ft
    >>> counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2, "newest": 6, "widest": 3})
    >>> model = ft.UnigramTrainer(vocab_size=15).train(counts).model
    >>> [bytes(piece).decode() for piece in model.pieces]
    ['', 'newest', 'low', 'widest', 'lower', 'd', 'e', 'i', 'l', 'n', 'o', 'r', 's', 't', 'w']
    """

    vocab_size: int
    special_tokens: tuple[str, ...] = ()
    unk: str | None = "<unk>"
    byte_fallback: bool = False
    user_defined: tuple[str, ...] = ()
    character_coverage: float = 0.9995
    max_piece_length: int = 16
    seed_size: int | None = None
    initial_pieces: Literal["substrings", "bpe"] = "substrings"
    method: Literal["em", "mingram"] = "em"
    pruning: Literal["loss", "final"] = "loss"
    token_cost: float = 1.0
    shrinking_factor: float = 0.75
    n_sub_iterations: int = 1

    def __post_init__(self) -> None:
        for option in ("vocab_size", "max_piece_length", "seed_size", "n_sub_iterations"):
            value = getattr(self, option)
            if option == "seed_size" and value is None:
                continue
            object.__setattr__(self, option, checked_integer(option, value))
        for option in ("character_coverage", "token_cost", "shrinking_factor"):
            if isinstance(getattr(self, option), bool) or not isinstance(getattr(self, option), (int, float)):
                raise TypeError(f"{option} must be a number, not {getattr(self, option)!r}")
        checked_flag("byte_fallback", self.byte_fallback)
        for option in ("special_tokens", "user_defined"):
            object.__setattr__(self, option, _checked_texts(option, getattr(self, option)))
        if self.unk is not None and self.unk not in self.special_tokens:
            tokens = _checked_texts("unk", [self.unk]) + self.special_tokens
            object.__setattr__(self, "special_tokens", tokens)
        both = set(self.special_tokens) & set(self.user_defined)
        if both:
            raise ValueError(f"{min(both)!r} is both a special token and user-defined")
        bytes_ = {name.decode() for name in BYTE_NAMES} & set(self.user_defined)
        if self.byte_fallback and bytes_:
            raise ValueError(f"{min(bytes_)!r} is the name of a byte, and cannot be user-defined")
        for option, values in CHOICES.items():
            if getattr(self, option) not in values:
                raise ValueError(
                    f"{option} must be one of {', '.join(values)}, not {getattr(self, option)!r}"
                )
        for option, (low, high) in RANGES.items():
            if getattr(self, option) is not None and not low <= getattr(self, option) <= high:
                raise ValueError(f"{option} must be from {low} to {high}, not {getattr(self, option)}")
        if self.method == "mingram":
            for known in fields(EMOptions):
                if getattr(self, known.name) != getattr(type(self), known.name):
                    raise ValueError(f'{known.name} is for method="em"')
        if not self.n_reserved < self.vocab_size <= MOST_PIECES // 2:
            raise ValueError(
                f"vocab_size must be at least {self.n_reserved + 1} ({self.n_reserved} ids are special "
                f"tokens, user-defined or bytes) and at most {MOST_PIECES // 2:,}, not {self.vocab_size}"
            )

    @property
    def n_reserved(self) -> int:
        """How many ids are taken before there are characters."""
        return len(self.special_tokens) + len(self.user_defined) + 256 * self.byte_fallback

    def train(self, counts: PretokenCounts, *, workers: int | None = None, progress: bool = False) -> Trained:
        """Learn a model.

        Parameters
        ----------
        counts : PretokenCounts
            The training corpus.
        workers : int, optional
            Number of threads; default: all CPUs. The result does not depend on it.
        progress : bool
            Show a bar on the standard error stream.

        Returns
        -------
        Trained
            The `UnigramModel`, the id of each special token, and what each round left.

        Raises
        ------
        ValueError
            If there is nothing to train on, or `vocab_size` is below the number of characters.

        Warns
        -----
        UserWarning
            If fewer pieces than `vocab_size` asks for occur often enough.
        """
        check_not_empty(counts)
        characters = choose_characters(counts, self.character_coverage)
        characters = characters[
            ~np.isin(characters, [ord(text) for text in self.user_defined if len(text) == 1])
        ]
        corpus = spell(counts, characters, self.user_defined)
        words = corpus.words
        if len(words) == 0:
            raise ValueError(
                "there is nothing to train on: no pretoken holds a character that is to be a piece"
            )
        n_pieces = self.vocab_size - self.n_reserved
        if n_pieces < len(characters):
            raise ValueError(
                f"vocab_size must be at least {self.n_reserved + len(characters)} ({len(characters)} "
                f"characters and {self.n_reserved} other ids), not {self.vocab_size}; a lower "
                "character_coverage asks for less"
            )
        self._warn_of_user_defined(counts)
        announce(
            f"training on {len(words):,} distinct pretokens, {len(words.values):,} characters", show=progress
        )
        import_whole("scipy.special")
        with Bar(desc="pruning", unit="piece", disable=not progress) as bar:
            rounds = Rounds(float(words.lengths @ corpus.counts.astype(np.float64)), bar)
            names = BYTE_NAMES if self.byte_fallback else []
            taken = corpus.numbers(name.decode() for name in names)
            arguments = (corpus, n_pieces, self.max_piece_length, taken)
            if self.method == "mingram":
                lattices, probabilities = train_mingram(*arguments, resolve_workers(workers), rounds)
            else:
                given = {field.name: getattr(self, field.name) for field in fields(EMOptions)}
                if self.seed_size is None:
                    given["seed_size"] = max(SEEDS, SEEDS_AN_ID * self.vocab_size)
                options = EMOptions(**given)
                lattices, probabilities = train_em(*arguments, options, resolve_workers(workers), rounds)
        return self._finish(lattices, probabilities, characters, rounds.reported)

    def _warn_of_user_defined(self, counts: PretokenCounts) -> None:
        normalizer = get_normalizer(counts.recipe.normalizer)
        pretokenizer = get_pretokenizer(counts.recipe.pretokenizer)
        for text in self.user_defined:
            written = str(normalizer.normalize(text)) if normalizer else text
            if not any(text.encode() in pretoken for pretoken in pretokenizer.split_text(written)):
                warnings.warn(
                    f"user-defined {text!r} will never be a piece: the normalizer or pretokenizer of the "
                    "counts changes or cuts it",
                    stacklevel=4,
                )

    def _finish(
        self,
        lattices: Lattices,
        probabilities: NDArray[np.float64],
        characters: NDArray[np.uint32],
        rounds: list[Round],
    ) -> Trained:
        """The model of the pieces that are left."""
        strings = lattices.strings(len(characters))
        joined = characters[strings.values].tobytes().decode("utf-32-le")
        texts = [chr(c) for c in characters.tolist()]
        texts += [joined[start:end] for start, end in pairwise(strings.offsets.tolist())]
        scores = log(probabilities)
        costs = (-scores).tolist()
        order = sorted(range(len(texts)), key=lambda i: (costs[i], texts[i]))  # as their bytes in UTF-8
        n_special = len(self.special_tokens)
        before = [
            *[""] * n_special,
            *self.user_defined,
            *(name.decode() for name in BYTE_NAMES if self.byte_fallback),
        ]
        if len(before) + len(texts) < self.vocab_size:
            warnings.warn(
                f"the vocabulary has {len(before) + len(texts):,} ids, not {self.vocab_size:,}: no more "
                "pieces occur often enough, or are allowed by seed_size and max_piece_length",
                stacklevel=4,
            )
        special_tokens = {token: i for i, token in enumerate(self.special_tokens)}
        model = UnigramModel(
            Ragged.from_bytes([text.encode() for text in [*before, *(texts[i] for i in order)]]),
            np.concatenate([np.zeros(len(before)), scores[order]]),
            unk_id=None if self.unk is None else special_tokens[self.unk],
            byte_fallback=self.byte_fallback,
            user_defined=range(n_special, n_special + len(self.user_defined)),
            fewest_pieces=self.method == "mingram",
        )
        return Trained(model, special_tokens, rounds)


def _checked_texts(option: str, texts: Any) -> tuple[str, ...]:
    checked = as_texts(option, texts)
    for text in checked:
        if "\0" in text:
            raise ValueError(f"{option} must be texts without U+0000, not {text!r}")
    return checked
