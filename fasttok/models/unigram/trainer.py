"""`UnigramTrainer`: learn a Unigram model from pretoken counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import (
    checked_choice,
    checked_flag,
    checked_integer,
    checked_number,
    checked_texts,
    checked_word,
    describe,
)
from fasttok.core.errors import warn
from fasttok.core.parallel import import_whole, resolve_workers
from fasttok.core.progress import Bar, announce
from fasttok.core.ragged import Ragged, total_length
from fasttok.counts.table import PretokenCounts
from fasttok.models.base import Round, Trained, Trainer
from fasttok.models.coverage import checked_coverage
from fasttok.models.loss import count_lost, warn_of_lost_bytes
from fasttok.models.options import check_arguments
from fasttok.models.pieces import BYTE_NAMES
from fasttok.models.rounds import EMStep, PruningStep, Rounds
from fasttok.models.substrings import sort_words
from fasttok.models.unigram._elementary import log
from fasttok.models.unigram.alphabet import choose_by_merging, choose_characters, to_symbols
from fasttok.models.unigram.em import EMOptions, train_em
from fasttok.models.unigram.lattices import MAX_LENGTH, MAX_PIECES, Lattices
from fasttok.models.unigram.mingram import train_mingram
from fasttok.models.unigram.model import UnigramModel
from fasttok.text.normalizers.charsmap import keep_as_sentencepiece
from fasttok.text.normalizers.registry import get_normalizer
from fasttok.text.pretokenizers.metaspace import Metaspace
from fasttok.text.pretokenizers.registry import get_pretokenizer
from fasttok.text.steps import Normalizer, Pretokenizer
from fasttok.text.unicode._utf8 import encode_code_points

# Allowed values of the options that are choices.
CHOICES: dict[str, tuple[str, ...]] = {
    "method": ("em", "mingram"),
    "initial_pieces": ("substrings", "bpe"),
    "pruning": ("loss", "final", "sparse"),
}
# Smallest and largest allowed value of each numeric option.
RANGES: dict[str, tuple[float, float]] = {
    "max_piece_length": (1, MAX_LENGTH - 1),
    "seed_size": (1, MAX_PIECES // 2),
    "n_sub_iterations": (1, 100),
    "token_cost": (0, 1000),
    "shrinking_factor": (0.01, 0.99),
}
DEFAULT_SEED_SIZE = 200_000  # `seed_size` defaults to at least this number of pieces
SEEDS_PER_ID = 6  # `seed_size` defaults to this number times `vocab_size`, if that is more


@dataclass(frozen=True)
class UnigramTrainer(Trainer):
    """Trainer of Unigram models by expectation-maximization (EM) with pruning.

    Training starts from many seed pieces, re-estimates their probabilities, and removes the least useful
    pieces until `vocab_size` ids remain.

    Parameters
    ----------
    vocab_size : int
        Number of ids: special tokens (including the unknown token), user-defined pieces, byte pieces,
        characters, and pieces of several characters.
    special_tokens : sequence of str
        Special tokens. Their ids come first, and plain text never gets them.
    unk : str, optional
        Special token that replaces unknown characters. It is put before `special_tokens` if it is not one
        of them. With None, an unknown character raises an error unless `byte_fallback` is set.
    byte_fallback : bool, optional
        Whether to add 256 byte pieces and encode unknown characters as bytes; default: only with
        ``character_coverage="auto"``, which requires it.
    user_defined : sequence of str
        Texts that become pieces and are never part of a learned piece. Encoding prefers them, as
        sentencepiece does: a user-defined piece of k bytes has the score (k - 1) / 10. The normalizer and
        pretokenizer of the counts must leave them unchanged and in one pretoken.
    character_coverage : float or "auto"
        Fraction of the text, from 0 to 1, that the characters of the vocabulary must cover. The most
        frequent characters are kept. The others are unknown; the provenance of the tokenizer says how many
        there are, under "lost". "auto": the characters that byte-pair encoding would need for the fewest
        tokens with this `vocab_size`, where an id for a rare character competes with one for a longer piece;
        the others become bytes. See the notes.
    max_piece_length : int
        Maximum length of a piece in characters, at most 254.
    seed_size : int, optional
        Maximum number of seed pieces; default: six per id, but at least 200,000.
    initial_pieces : {"substrings", "bpe"}
        Seed pieces. "substrings": the substrings of pretokens whose product of frequency and length is
        highest; a substring that is always followed by the same character is skipped. "bpe": the pieces of
        byte-pair encoding over characters, up to four times as many as requested; faster, suited to small
        vocabularies, poor on small corpora.
    method : {"em", "mingram"}
        Expectation-maximization with pruning, or MinGram (see the notes). Only "em" uses `seed_size`,
        `initial_pieces` and the options listed below this one.
    pruning : {"loss", "final", "sparse"}
        Pruning criterion. "loss" removes the pieces whose removal increases the loss of the corpus least,
        estimated as in sentencepiece. "final" removes the least probable pieces, which usually gives fewer
        tokens but a lower likelihood. "sparse" is similar to "final", with a penalty on each piece in the
        M step, as with ``--use_sparse_pruning`` of sentencepiece 0.2.3; see the notes.
    token_cost : float
        Nats that the loss of ``pruning="loss"`` adds for each extra token that the removal of a piece causes.
        0 gives sentencepiece's loss.
    shrinking_factor : float
        Fraction of the pieces that each round of pruning keeps.
    n_sub_iterations : int
        Number of EM steps per round.
    compat : {"sentencepiece", "huggingface"}, optional
        Library whose ids the trained model gives in every detail; see `UnigramModel`. The pieces do not
        depend on it. With "huggingface", `Tokenizer.save` writes files that give the same ids in Hugging
        Face ``tokenizers``.

    Raises
    ------
    ValueError, TypeError
        If an option is out of range, has the wrong type, or does not apply to the method.

    Notes
    -----
    The method is that of Kudo (2018), section 3.2, with the M step of sentencepiece:

    1. **Seed pieces**: the characters and the best `initial_pieces`.
    2. **E step**: compute the expected count of every piece over all segmentations of the corpus. Remove
       pieces with an expected count below 0.5, except characters.
    3. **M step**: set the probability of a piece to exp(ψ(c) − ψ(n)), where c is its expected count, n is the
       sum of all expected counts and ψ is the digamma function.
    4. **Pruning**: after `n_sub_iterations` of steps 2 and 3, keep all characters and the best other pieces,
       so that the fraction `shrinking_factor` of all pieces remains. Repeat from step 2 until 1.1 times the
       requested pieces remain.
    5. **Finalization**: keep the most probable of these pieces, then run two EM steps whose M step is maximum
       likelihood, c / n. Ids are sorted by probability in descending order, then by the pieces' bytes.

    With `token_cost=1`, held-out text is more probable and has fewer tokens than with 0; the measurements
    are in docs/design/log.md. "final" pruning was proposed by Land & Pinter (2025), who also found that more
    than one EM step per round hardly matters.

    With "sparse", the M step is maximum likelihood, with the count max(0, c - λ) for a piece with the
    expected count c, and c for a character. λ is such that the pieces that step 4 removes have a count of 0.
    After the last pruning there is no penalty. sentencepiece has not described its method; the log of its
    trainer shows the same numbers of pieces, and its vocabularies are similar, but not the same.

    MinGram (Land 2026) starts from BPE pieces, 1.1 times as many as requested. It repeats two steps until the
    counts no longer change, at most ten times: segment the corpus into the fewest pieces (among several
    such segmentations, the most probable), and set the probabilities to the relative counts. It then removes
    the rarest pieces and repeats the two steps. The trained model encodes in the same way, with the fewest
    pieces.

    With ``character_coverage="auto"``, characters are chosen by the rule that sentencepiece 0.2.3 has for
    BPE (``--auto_character_coverage``): merges of characters are learned, and of all prefixes of the merges,
    the one that gives the fewest tokens, together with its characters and the most useful other ones,
    determines the characters. The merges themselves are not used. For Unigram, sentencepiece removes
    characters while it trains, with a method that it has not described, and only with its sparse pruning.

    Time is O(n log n) for n characters of distinct pretokens. Memory is up to 100 bytes per character, plus
    4 bytes per occurrence of a piece in a distinct pretoken. Sums are added in the same order for any number
    of threads, so the model is always the same.

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
    byte_fallback: bool | None = None
    user_defined: tuple[str, ...] = ()
    character_coverage: float | Literal["auto"] = 0.9995
    max_piece_length: int = 16
    seed_size: int | None = None
    initial_pieces: Literal["substrings", "bpe"] = "substrings"
    method: Literal["em", "mingram"] = "em"
    pruning: Literal["loss", "final", "sparse"] = "loss"
    token_cost: float = 1.0
    shrinking_factor: float = 0.75
    n_sub_iterations: int = 1
    compat: Literal["sentencepiece", "huggingface"] | None = None

    def __post_init__(self) -> None:
        for option in ("vocab_size", "max_piece_length", "seed_size", "n_sub_iterations"):
            value = getattr(self, option)
            if option == "seed_size" and value is None:
                continue
            object.__setattr__(self, option, checked_integer(option, value))
        for option in ("token_cost", "shrinking_factor"):
            object.__setattr__(self, option, checked_number(option, getattr(self, option), *RANGES[option]))
        object.__setattr__(self, "character_coverage", checked_coverage(self.character_coverage))
        is_automatic = self.character_coverage == "auto"
        if self.byte_fallback is None:
            object.__setattr__(self, "byte_fallback", is_automatic)
        if not checked_flag("byte_fallback", self.byte_fallback) and is_automatic:
            raise ValueError(
                'character_coverage="auto" requires byte_fallback=True: characters without an id become bytes'
            )
        for option in ("special_tokens", "user_defined"):
            object.__setattr__(self, option, _checked_texts(option, getattr(self, option)))
        if self.unk is not None and checked_word("unk", self.unk) not in self.special_tokens:
            tokens = _checked_texts("unk", [self.unk]) + self.special_tokens
            object.__setattr__(self, "special_tokens", tokens)
        both = set(self.special_tokens) & set(self.user_defined)
        if both:
            raise ValueError(f"{min(both)!r} is both a special token and user-defined; remove one of them")
        bytes_ = {name.decode() for name in BYTE_NAMES} & set(self.user_defined)
        if self.byte_fallback and bytes_:
            raise ValueError(
                f"{min(bytes_)!r} cannot be user-defined: with byte_fallback it is the name of a byte piece"
            )
        for option, values in CHOICES.items():
            checked_choice(option, getattr(self, option), *values)
        for option, (low, high) in RANGES.items():
            if getattr(self, option) is not None and not low <= getattr(self, option) <= high:
                raise ValueError(
                    f"{option} must be from {low} to {high}, not {describe(getattr(self, option))}"
                )
        if self.compat is not None:
            checked_choice("compat", self.compat, "sentencepiece", "huggingface")
        if self.method == "mingram":
            if self.compat is not None:
                raise ValueError('compat is only for method="em", not for method="mingram"')
            for known in fields(EMOptions):
                if getattr(self, known.name) != getattr(type(self), known.name):
                    raise ValueError(f'{known.name} is only for method="em", not for method="mingram"')
        if not self.n_reserved < self.vocab_size <= MAX_PIECES // 2:
            raise ValueError(
                f"vocab_size must be at least {self.n_reserved + 1} ({self.n_reserved} ids are special "
                f"tokens, user-defined or bytes) and at most {MAX_PIECES // 2:,}, not "
                f"{describe(self.vocab_size)}"
            )

    @property
    def n_reserved(self) -> int:
        """Number of ids before those of characters: special tokens, user-defined and byte pieces."""
        return len(self.special_tokens) + len(self.user_defined) + (256 if self.byte_fallback else 0)

    @property
    def has_steps(self) -> bool:
        """Whether `train` takes an observer: True."""
        return True

    def train(
        self,
        counts: PretokenCounts,
        *,
        workers: int | None = None,
        progress: bool = False,
        observer: Callable[[EMStep | PruningStep], object] | None = None,
    ) -> Trained:
        """Train a model.

        Parameters
        ----------
        counts : PretokenCounts
            Training corpus.
        workers : int, optional
            Number of threads; default: all CPUs. The result does not depend on it.
        progress : bool
            Whether to show a progress bar on standard error.
        observer : callable, optional
            Function that is called with an `EMStep` after each EM step and with a `PruningStep` after each
            pruning; see `fasttok.trace`.

        Returns
        -------
        Trained
            `UnigramModel`, id of each special token, and metrics of each round.

        Raises
        ------
        ValueError
            If there is nothing to train on, or `vocab_size` is too small for the characters.
        OverflowError
            If the corpus has 2^62 characters or more.

        Warns
        -----
        UserWarning
            If the vocabulary is smaller than `vocab_size`, because too few pieces occur often enough; if a
            user-defined piece can never match, because the normalizer or pretokenizer changes it; or if the
            corpus contains bytes that are not UTF-8 or U+0000, which are no characters of the vocabulary, and
            `byte_fallback` is False.
        """
        check_arguments(counts, workers, progress, observer)
        n_pieces = self.vocab_size - self.n_reserved
        if self.character_coverage == "auto":
            characters = choose_by_merging(counts, n_pieces, self.max_piece_length, self.user_defined)
        else:
            characters = choose_characters(counts, self.character_coverage)
            characters = characters[
                ~np.isin(characters, [ord(text) for text in self.user_defined if len(text) == 1])
            ]
        corpus = to_symbols(counts, characters, self.user_defined)
        words = corpus.words
        if len(words) == 0:
            raise ValueError(
                "there is nothing to train on: no pretoken contains a character of the vocabulary"
            )
        if n_pieces < len(characters):
            raise ValueError(
                f"vocab_size must be at least {self.n_reserved + len(characters)} ({len(characters)} "
                f"characters and {self.n_reserved} other ids), not {self.vocab_size}. Increase vocab_size or "
                "lower character_coverage."
            )
        self._warn_if_never_matched(counts)
        known = np.concatenate([characters, *([ord(c) for c in text] for text in self.user_defined)])
        lost = {} if self.byte_fallback else count_lost(counts, known.astype(np.int64))
        warn_of_lost_bytes(lost, self.unk is not None)
        announce(
            f"training on {len(words):,} distinct pretokens, {len(words.values):,} characters", show=progress
        )
        import_whole("scipy.special")
        with Bar(desc="pruning", unit="piece", disable=not progress) as bar:
            n_characters = total_length(words.lengths, corpus.counts)
            rounds = Rounds(characters, n_characters, int(corpus.counts.sum()), bar, observer)
            names = BYTE_NAMES if self.byte_fallback else []
            excluded = corpus.symbols_of(name.decode() for name in names)
            arguments = (corpus, n_pieces, self.max_piece_length, excluded)
            if self.method == "mingram":
                lattices, probabilities = train_mingram(*arguments, resolve_workers(workers), rounds)
            else:
                given = {field.name: getattr(self, field.name) for field in fields(EMOptions)}
                if self.seed_size is None:
                    given["seed_size"] = max(DEFAULT_SEED_SIZE, SEEDS_PER_ID * self.vocab_size)
                options = EMOptions(**given)
                lattices, probabilities = train_em(*arguments, options, resolve_workers(workers), rounds)
        return self._make_model(lattices, probabilities, characters, rounds.reported)._replace(lost=lost)

    def _warn_if_never_matched(self, counts: PretokenCounts) -> None:
        normalizer = get_normalizer(counts.recipe.normalizer)
        pretokenizer = get_pretokenizer(counts.recipe.pretokenizer)
        if (
            self.compat == "sentencepiece"
            and keep_as_sentencepiece(normalizer, self.user_defined) is not None
        ):
            return  # the normalizer keeps them, and the model encodes whole texts
        for text in self.user_defined:
            written = str(normalizer.normalize(text)) if normalizer else text
            if not any(text.encode() in pretoken for pretoken in pretokenizer.split_text(written)):
                warn(
                    f"user-defined piece {text!r} will never match: the normalizer or pretokenizer of the "
                    "counts changes or splits it. Give its normalized text, or a pretokenizer that keeps it "
                    "whole."
                )

    def _tokenizer_parts(self, pretokenizer: Pretokenizer, normalizer: Normalizer | None) -> dict[str, Any]:
        """Let the normalizer keep user-defined pieces if sentencepiece's would; see `Trainer`."""
        if self.compat != "sentencepiece" or not self.user_defined:
            return {}
        steps = getattr(pretokenizer, "steps", (pretokenizer,))
        removes = any(isinstance(step, Metaspace) and step.remove_extra_whitespaces for step in steps)
        kept = keep_as_sentencepiece(normalizer, self.user_defined, removes_spaces=removes)
        return {} if kept is None else {"normalizer": kept}

    def _make_model(
        self,
        lattices: Lattices,
        probabilities: NDArray[np.float64],
        characters: NDArray[np.uint32],
        rounds: list[Round],
    ) -> Trained:
        """Make the model of the remaining pieces: the most probable first, ties by their UTF-8."""
        n_characters, longer = len(characters), lattices.strings(len(characters))
        numbers = np.arange(n_characters, dtype=np.uint32)
        learned = Ragged(
            np.concatenate([numbers, longer.values]),
            np.concatenate([numbers, n_characters + longer.offsets]),
        )
        # The order of code points is the order of UTF-8.
        ranks = np.empty(n_characters, np.uint32)
        ranks[np.argsort(characters)] = numbers
        by_text, _ = sort_words(Ragged(ranks[learned.values], learned.offsets), n_characters)
        scores = log(probabilities)
        order = by_text[np.argsort(-scores[by_text], kind="stable")]
        chosen = learned.take(order)
        values, offsets = np.empty(4 * len(chosen.values), np.uint8), np.empty(len(order) + 1, np.int64)
        n_bytes = encode_code_points(characters[chosen.values], chosen.offsets, values, offsets)
        n_special = len(self.special_tokens)
        before = [b""] * n_special + [text.encode() for text in self.user_defined]
        before += BYTE_NAMES if self.byte_fallback else []
        n_ids = len(before) + len(order)
        if n_ids < self.vocab_size:
            warn(
                f"the vocabulary has {n_ids:,} ids, not {self.vocab_size:,}: too few pieces occur often "
                "enough, or seed_size or max_piece_length allows too few"
            )
        first = Ragged.from_bytes(before)
        special_tokens = {token: i for i, token in enumerate(self.special_tokens)}
        model = UnigramModel(
            Ragged(
                np.concatenate([first.values, values[:n_bytes]]),
                np.concatenate([first.offsets, first.offsets[-1] + offsets[1:]]),
            ),
            np.concatenate([np.zeros(len(before)), scores[order]]),
            unk_id=None if self.unk is None else special_tokens[self.unk],
            byte_fallback=bool(self.byte_fallback),
            user_defined=range(n_special, n_special + len(self.user_defined)),
            fewest_pieces=self.method == "mingram",
            compat=self.compat,
        )
        return Trained(model, special_tokens, rounds)


def _checked_texts(option: str, texts: Any) -> tuple[str, ...]:
    checked = checked_texts(option, texts)
    for text in checked:
        if "\0" in text:
            raise ValueError(f"{option} must not contain U+0000, but contains {text!r}")
    return checked
