"""`WordPieceTrainer`: learn a WordPiece vocabulary from pretoken counts, in one of three ways."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

from fasttok.core.checks import checked_integer, checked_size, checked_text
from fasttok.core.parallel import import_whole, resolve_workers
from fasttok.core.progress import announce
from fasttok.counts.table import PretokenCounts
from fasttok.models.base import Trained, Trainer
from fasttok.models.options import as_texts, check_not_empty
from fasttok.models.wordpiece.greedy import HIGHEST, SLACK, learn_greedily
from fasttok.models.wordpiece.model import WordPieceModel
from fasttok.models.wordpiece.spelling import SpelledWords, spell_words

# What each method takes for options that are not given, and the least and the most they may be.
DEFAULTS: dict[str, dict[str, int | None]] = {
    "frequency": {"min_frequency": 1, "limit_alphabet": None, "max_piece_length": None},
    "likelihood": {"min_frequency": 2, "limit_alphabet": None, "max_piece_length": None},
    "greedy": {"min_frequency": 10, "limit_alphabet": 1000, "max_piece_length": 50},
}
LEAST = {"min_frequency": 1, "limit_alphabet": 1, "max_piece_length": 2}
LONGEST_WORD = 1000  # with "greedy"; sorting substrings would take long


@dataclass(frozen=True)
class WordPieceTrainer(Trainer):
    """Learn the pieces that words are made of: characters, and longer pieces by one of three methods.

    A piece that continues a word is another one than the same text at its start, and is called by a prefix
    and its text. All characters are pieces, as they are and, if they ever continue a word, with the prefix.

    Parameters
    ----------
    vocab_size : int
        The number of ids in the end: special tokens, characters, longer pieces.
    method : {"frequency", "likelihood", "greedy"}
        Merge the pair of neighbours that occurs most often, again and again; or the pair whose count is the
        greatest share of the product of its symbols' counts; or take the longest substrings of words that
        occur often enough. See the notes.
    special_tokens : sequence of str
        Texts with ids of their own, which come first; plain text never becomes them.
    unk : str, optional
        The special token that words become in which some part is no piece; one that is not among
        `special_tokens` is put before them. With None such a word is an error.
    min_frequency : int, optional
        A pair that occurs less often is not merged; by default 1, with "likelihood" 2. With "greedy" the
        lowest threshold that is tried, by default 10, or the count of the rarest word if that is more.
    limit_alphabet : int, optional
        The most characters, of which the most frequent are taken, of equally frequent ones the lesser. Words
        with others are left out. By default all, with "greedy" 1,000.
    continuing_subword_prefix : str
        What pieces are called with that continue a word. If it is empty, all pieces do both.
    max_piece_length : int, optional
        The most characters of a piece, the prefix aside; by default any number. With "greedy" longer words
        are left out, by default those above 50; it is at most 1,000.

    Raises
    ------
    ValueError, TypeError
        If an option is out of range or of the wrong type.

    Notes
    -----
    How Google learned BERT's vocabulary was never published; Schuster & Nakajima (2012) merge what raises the
    likelihood of the text most under a language model of the pieces.

    "frequency" is what tokenizers' ``WordPieceTrainer`` does: byte-pair encoding over characters, with those
    that begin a word apart. Of equally frequent pairs the one of lesser ids goes first, where tokenizers goes
    by chance. It is the default: what WordPiece means to most, with as many pieces as asked for from corpora
    of any size, and text has about as few tokens with it as with "greedy".

    "likelihood" merges the pair (x, y) of greatest f(xy) / (f(x) f(y)), where f counts what the merges before
    have left, as in the course of Hugging Face. Scores are compared exactly; ties go by ids. As pairs of
    rare symbols have the highest scores, this needs a `min_frequency`.

    "greedy" is the learner of TensorFlow Text, as its guide describes it. With a threshold: substrings of
    words are counted and gone through from long to short; one that occurs often enough is kept, and its
    count taken from all that it begins with. This is done four times, and from the second on counts only what
    begins where a piece of a word does, when words are written with the pieces kept before, the longest from
    the left. The threshold is searched by halves from `min_frequency` to 10,000,000, or the count of the most
    frequent word if that is less, until no more than 5 % of the vocabulary are missing. If there are too many
    pieces even so, the least frequent go. (The code of that learner takes away the counts of substrings that
    are not kept, too, against its guide; it finds whole words and ends of words and nothing else.)

    Ids: special tokens, characters by code point, then by merging the characters with the prefix by code
    point, and the merged pieces in their order; with "greedy" these and the longer pieces by count, the most
    frequent first, then by code points.

    Words with U+0000 or bytes that are not UTF-8 are left out. So that no piece can be read in two ways, a
    word that begins with the prefix is cut after it, and no piece of several characters reads like a
    special token.

    O(n log n) for n characters of distinct words, but by likelihood a merge takes as long as there are pairs
    with one of its two symbols. Merging goes on in one thread. The model does not depend on threads.

    Examples
    --------
    >>> import fasttok as ft
    >>> counts = ft.PretokenCounts.from_dict({"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5})
    >>> for method in ("frequency", "likelihood"):
    ...     model = ft.WordPieceTrainer(vocab_size=14, method=method).train(counts).model
    ...     print(*(bytes(piece).decode() for piece in model.pieces[8:]))
    ##g ##n ##s ##u ##ug ##un
    ##g ##n ##s ##u ##gs bu
    """

    vocab_size: int = 30_000
    method: Literal["frequency", "likelihood", "greedy"] = "frequency"
    special_tokens: tuple[str, ...] = ()
    unk: str | None = "[UNK]"
    min_frequency: int | None = None
    limit_alphabet: int | None = None
    continuing_subword_prefix: str = "##"
    max_piece_length: int | None = None

    def __post_init__(self) -> None:
        if self.method not in DEFAULTS:
            raise ValueError(f"method must be one of {', '.join(DEFAULTS)}, not {self.method!r}")
        object.__setattr__(self, "vocab_size", checked_integer("vocab_size", self.vocab_size))
        for option, least in LEAST.items():
            value = getattr(self, option)
            if value is not None:
                object.__setattr__(self, option, checked_size(option, value, least))
        if self.method == "greedy" and (self.max_piece_length or 0) > LONGEST_WORD:
            raise ValueError(
                f'with method="greedy" max_piece_length must be at most {LONGEST_WORD}, not '
                f"{self.max_piece_length}"
            )
        checked_text("continuing_subword_prefix", self.continuing_subword_prefix)
        tokens = as_texts("special_tokens", self.special_tokens)
        if self.unk is not None and self.unk not in tokens:
            tokens = as_texts("unk", [self.unk]) + tokens
        object.__setattr__(self, "special_tokens", tokens)
        if self.vocab_size <= len(tokens):
            raise ValueError(
                f"vocab_size must be at least {len(tokens) + 1} ({len(tokens)} special tokens and a "
                f"character), not {self.vocab_size}"
            )

    def config(self) -> dict[str, Any]:
        """The options by name, for the provenance of what is trained; the method's where none is given."""
        return super().config() | {option: self._limit(option) for option in LEAST}

    def _limit(self, option: str) -> int | None:
        """An option as it is given, or as the method has it."""
        value: int | None = getattr(self, option)
        return DEFAULTS[self.method][option] if value is None else value

    def train(self, counts: PretokenCounts, *, workers: int | None = None, progress: bool = False) -> Trained:
        """Learn a model.

        Parameters
        ----------
        counts : PretokenCounts
            The training corpus.
        workers : int, optional
            Number of threads that sort substrings with "greedy"; default: all CPUs. The result does not
            depend on it.
        progress : bool
            Show a bar on the standard error stream.

        Returns
        -------
        Trained
            The `WordPieceModel` and the id of each special token.

        Raises
        ------
        ValueError
            If there is nothing to train on, or `vocab_size` is below the number of characters.
        OverflowError
            If counts do not fit 63 bits: those of all pairs of neighbours or, where an alphabet is chosen or
            with "greedy", twice those of all characters.

        Warns
        -----
        UserWarning
            If words are left out, or if there are too few pieces that occur often enough.
        """
        check_not_empty(counts)
        longest = self._limit("max_piece_length") if self.method == "greedy" else None
        spelled = spell_words(counts, self.continuing_subword_prefix, self._limit("limit_alphabet"), longest)
        n_fixed = len(self.special_tokens) + spelled.n_symbols
        if self.vocab_size < n_fixed:
            raise ValueError(
                f"vocab_size must be at least {n_fixed} ({len(spelled.characters)} characters, "
                f"{len(spelled.continuing)} of them also within words, and {len(self.special_tokens)} "
                f"special tokens), not {self.vocab_size}; a lower limit_alphabet asks for less"
            )
        n_pieces, n_missing = self.vocab_size - n_fixed, 0.0
        if self.method == "greedy":
            n_missing = SLACK * self.vocab_size
            n_threads = resolve_workers(workers)
            pieces = self._learn_greedily(counts, spelled, n_pieces, n_missing, n_threads, progress)
        else:
            pieces = self._merge(spelled, n_pieces, progress)
        names = ["" for _ in self.special_tokens]
        names += [chr(c) for c in spelled.characters.tolist()] + pieces
        if len(names) < self.vocab_size - n_missing:
            if self.method == "greedy":
                reason = (
                    f"no threshold from {self._limit('min_frequency')} on gives more without giving too many"
                )
            else:
                reason = f"no pair is left that occurs at least {self._limit('min_frequency')} times"
                reason += " and is short enough" if self._limit("max_piece_length") else ""
            warnings.warn(
                f"the vocabulary has {len(names):,} ids, not {self.vocab_size:,}: {reason}", stacklevel=2
            )
        special_tokens = {token: i for i, token in enumerate(self.special_tokens)}
        model = WordPieceModel(
            names,
            continuing_subword_prefix=self.continuing_subword_prefix,
            unk_id=None if self.unk is None else special_tokens[self.unk],
        )
        return Trained(model, special_tokens)

    def _merge(self, spelled: SpelledWords, n_pieces: int, progress: bool) -> list[str]:
        """The characters that continue a word, and the merged pieces."""
        import_whole("numba")
        from fasttok.models.merging.engine import estimate_bytes, learn_merges
        from fasttok.models.merging.orders import Frequency, Likelihood

        words, n_symbols = spelled.words, spelled.n_symbols
        n_pieces = min(n_pieces, len(words.values))  # a merge takes a symbol away
        order = Likelihood() if self.method == "likelihood" else Frequency()
        megabytes = estimate_bytes(len(words.values), n_symbols + n_pieces, order) / 1e6
        announce(
            f"training on {len(words):,} distinct words, {len(words.values):,} characters: takes about "
            f"{megabytes:,.0f} MB of memory",
            show=progress,
        )
        merges = learn_merges(
            words,
            spelled.counts,
            n_alphabet=n_symbols,
            n_symbols=n_symbols + n_pieces,
            min_count=self._limit("min_frequency") or 1,
            max_length=self._limit("max_piece_length"),
            veto=spelled.spell(self.special_tokens),
            order=order,
            progress=progress,
        )
        prefix = self.continuing_subword_prefix
        texts = [*map(chr, spelled.characters.tolist()), *map(chr, spelled.continuing.tolist())]
        marks = [""] * len(spelled.characters) + [prefix] * len(spelled.continuing)
        for left, right in merges.tolist():
            texts.append(texts[left] + texts[right])
            marks.append(marks[left])
        return [mark + text for mark, text in zip(marks, texts, strict=True)][len(spelled.characters) :]

    def _learn_greedily(
        self,
        counts: PretokenCounts,
        spelled: SpelledWords,
        n_pieces: int,
        n_slack: float,
        workers: int,
        progress: bool,
    ) -> list[str]:
        """The characters that continue a word and the longer pieces, by count."""
        words = spelled.words
        announce(
            f"training on {len(words):,} distinct words, {len(words.values):,} characters", show=progress
        )
        lowest = max(self._limit("min_frequency") or 1, int(counts.counts.min()))
        highest = min(HIGHEST, int(counts.counts.max()))
        taken = spelled.spell(self.special_tokens)
        return learn_greedily(spelled, (lowest, highest), n_pieces, n_slack, taken, workers, progress)
