"""`WordPieceTrainer`: learn a WordPiece vocabulary from pretoken counts with one of three methods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from fasttok.core.checks import (
    checked_choice,
    checked_integer,
    checked_size,
    checked_text,
    checked_texts,
    checked_word,
)
from fasttok.core.errors import warn
from fasttok.core.parallel import resolve_workers
from fasttok.core.progress import announce
from fasttok.counts.table import PretokenCounts
from fasttok.models.base import Trained, Trainer
from fasttok.models.merging.merge_steps import MergeNamer, MergeStep
from fasttok.models.options import check_arguments, describe_minimum
from fasttok.models.wordpiece.greedy import HIGHEST, SLACK, learn_greedily
from fasttok.models.wordpiece.model import LONGEST_WORD, WordPieceModel
from fasttok.models.wordpiece.word_symbols import WordSymbols, words_to_symbols

# Defaults of each method for options that are not given.
DEFAULTS: dict[str, dict[str, int | None]] = {
    "frequency": {"min_frequency": 1, "limit_alphabet": None, "max_piece_length": None},
    "likelihood": {"min_frequency": 2, "limit_alphabet": None, "max_piece_length": None},
    "greedy": {"min_frequency": 10, "limit_alphabet": 1000, "max_piece_length": 50},
}
LEAST = {"min_frequency": 1, "limit_alphabet": 1, "max_piece_length": 2}  # smallest valid values


@dataclass(frozen=True)
class WordPieceTrainer(Trainer):
    """WordPiece: learn pieces of words, with a continuation prefix for pieces inside words.

    A word is a pretoken. A piece inside a word differs from the same text at the start of a word; its name
    has the continuation prefix. Every character is a piece. A character that occurs inside a word is also a
    piece with the prefix.

    Parameters
    ----------
    vocab_size : int
        Number of ids after training: special tokens, characters and longer pieces. With "greedy", up to 5 %
        of them can be missing.
    method : {"frequency", "likelihood", "greedy"}
        Training algorithm. "frequency": repeatedly merge the most frequent pair of neighbouring symbols.
        "likelihood": repeatedly merge the pair with the highest count relative to the counts of its symbols.
        "greedy": select frequent substrings of words, longest first. See the notes.
    special_tokens : sequence of str
        Texts of the special tokens. They get the first ids. Encoding plain text never gives these ids,
        except that an unknown word gets the id of the unknown token.
    unk : str, optional
        Special token that replaces unknown words. It is added before the `special_tokens` if it is not one of
        them. With None, encoding an unknown word is an error.
    min_frequency : int, optional
        Minimum count of a pair; rarer pairs are not merged. The default is 1, or 2 with "likelihood".
        With "greedy", the lower limit of the search for the threshold, the count that a substring needs to
        become a piece (see the notes); the default is 10. If every word has a higher count, the lower limit
        is the count of the rarest word.
    limit_alphabet : int, optional
        Maximum number of characters; default: no limit, or 1,000 with "greedy". The most frequent characters
        are kept; ties go to the smaller code point. Words with other characters are skipped.
    continuing_subword_prefix : str
        Continuation prefix: prefix of the names of pieces that continue a word. If it is empty, every piece
        can both begin and continue a word.
    max_piece_length : int, optional
        Maximum length of a piece in characters, without the prefix; default: 100, which is also the longest
        word that the model can encode. With "greedy", longer words are skipped; the default is 50.

    Raises
    ------
    ValueError, TypeError
        If an option is out of range or has the wrong type.

    Notes
    -----
    Google has not published how BERT's vocabulary was learned. Schuster & Nakajima (2012) choose merges by
    the likelihood of the text under a language model of the pieces.

    **frequency.** Byte-pair encoding over characters, as in the ``WordPieceTrainer`` of Hugging Face
    ``tokenizers``. Ties go to the pair with the smaller ids; in ``tokenizers``, the result differs from run
    to run. "frequency" is the default: it is the method of ``tokenizers``, finds as many pieces as requested
    unless the corpus has no more pairs, and gives about as few tokens as "greedy".

    **likelihood.** The next merge is the pair (x, y) with the greatest f(xy) / (f(x) f(y)), where f is the
    current count, as in Hugging Face's course. Scores are compared exactly; ties go to the pair with the
    smaller ids. Pairs of rare symbols have the highest scores, so a `min_frequency` is necessary.

    **greedy.** The algorithm of TensorFlow Text, as its guide describes it. For a given threshold, all
    substrings of words are counted and visited from long to short. A substring whose count reaches the
    threshold is kept, and its count is subtracted from those of its prefixes. There are four such rounds.
    From the second round on, words are first segmented by longest match with the pieces of the round before,
    and only substrings that begin at the start of a piece are counted. A binary search finds the threshold,
    between `min_frequency` and the smaller of 10,000,000 and the count of the most frequent word. The search
    ends when at most 5 % of the vocabulary is missing. If there are too many pieces, the least frequent are
    dropped. (The code of TensorFlow Text differs from its guide: it also subtracts the counts of substrings
    that are not kept, and so finds only whole words and ends of words.)

    **Ids.** Special tokens come first, then characters by code point. With the merging methods, characters
    with the prefix follow by code point, then merged pieces in the order of merging. With "greedy",
    characters with the prefix and longer pieces follow by descending count, then by code points.

    **Lost words.** Words with U+0000 or with bytes that are not UTF-8 are skipped; a warning says how many.
    The model encodes words of more than 100 characters as unknown (see `WordPieceModel`), so no piece is
    longer. The merging methods learn from parts of such words. The provenance of the tokenizer has the number
    of words that the model cannot encode, under "lost".

    **Names.** Two rules keep the names of pieces unambiguous. In a word that begins with the text of the
    prefix, no piece contains both the prefix and the text after it. No piece of several characters gets the
    name of a special token.

    Training takes O(n log n) for n characters of distinct words. With "likelihood", each merge also takes
    time proportional to the number of pairs with one of its symbols. Merging uses one thread.

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
        checked_choice("method", self.method, *DEFAULTS)
        object.__setattr__(self, "vocab_size", checked_integer("vocab_size", self.vocab_size))
        for option, least in LEAST.items():
            value = getattr(self, option)
            if value is not None:
                object.__setattr__(self, option, checked_size(option, value, least))
        checked_text("continuing_subword_prefix", self.continuing_subword_prefix)
        tokens = checked_texts("special_tokens", self.special_tokens)
        if self.unk is not None and checked_word("unk", self.unk) not in tokens:
            tokens = (self.unk, *tokens)
        object.__setattr__(self, "special_tokens", tokens)
        if self.vocab_size <= len(tokens):
            raise ValueError(
                f"vocab_size must be at least {len(tokens) + 1} ({len(tokens)} special tokens and one "
                f"character), not {self.vocab_size}"
            )

    def config(self) -> dict[str, Any]:
        """Return the options by name, for the provenance; options that were not given have their defaults."""
        return super().config() | {option: self._limit(option) for option in LEAST}

    def _limit(self, option: str) -> int | None:
        """Return the value of an option, or the default of the method."""
        value: int | None = getattr(self, option)
        return DEFAULTS[self.method][option] if value is None else value

    @property
    def has_steps(self) -> bool:
        """Whether `train` takes an observer: not with "greedy", which has no merges."""
        return self.method != "greedy"

    def train(
        self,
        counts: PretokenCounts,
        *,
        workers: int | None = None,
        progress: bool = False,
        observer: Callable[[MergeStep], object] | None = None,
    ) -> Trained:
        """Learn a model.

        Parameters
        ----------
        counts : PretokenCounts
            The training corpus.
        workers : int, optional
            Number of threads that sort substrings with "greedy"; default: all CPUs. The result does not
            depend on it.
        progress : bool
            Whether to show a progress bar on standard error.
        observer : callable, optional
            Function that is called with a `MergeStep` after each merge; see `fasttok.trace`. Not with
            "greedy", which has no merges.

        Returns
        -------
        Trained
            The `WordPieceModel` and the id of each special token.

        Raises
        ------
        ValueError
            If there are no pretokens, `vocab_size` is too small for the special tokens, the characters and
            the characters with the prefix together, or an `observer` is given for "greedy".
        OverflowError
            If the total count of all pairs of neighbouring symbols is 2^63 or more. With "likelihood" or an
            `observer`, also if the total count of all characters is 2^63 or more. With `limit_alphabet` or
            "greedy", also if the corpus has 2^62 characters or more.

        Warns
        -----
        UserWarning
            If words are skipped, or too few pieces are frequent enough.
        """
        check_arguments(counts, workers, progress, observer)
        if observer is not None and not self.has_steps:
            raise ValueError('observer requires method="frequency" or "likelihood": "greedy" has no merges')
        longest = min(self._limit("max_piece_length") or LONGEST_WORD, LONGEST_WORD)
        symbols = words_to_symbols(
            counts,
            self.continuing_subword_prefix,
            self._limit("limit_alphabet"),
            longest if self.method == "greedy" else None,
        )
        n_fixed = len(self.special_tokens) + symbols.n_symbols
        if self.vocab_size < n_fixed:
            raise ValueError(
                f"vocab_size must be at least {n_fixed} ({len(symbols.characters)} characters, "
                f"{len(symbols.continuing)} characters with the prefix, and {len(self.special_tokens)} "
                f"special tokens), not {self.vocab_size}. Increase vocab_size or reduce limit_alphabet"
            )
        n_pieces, n_missing = self.vocab_size - n_fixed, 0.0
        if self.method == "greedy":
            n_missing = SLACK * self.vocab_size
            n_threads = resolve_workers(workers)
            pieces = self._learn_greedily(counts, symbols, n_pieces, n_missing, n_threads, progress)
        else:
            pieces = self._merge(symbols, n_pieces, longest, progress, observer)
        names = ["" for _ in self.special_tokens]
        names += [chr(c) for c in symbols.characters.tolist()] + pieces
        if len(names) < self.vocab_size - n_missing:
            if self.method == "greedy":
                reason = (
                    f"no threshold of at least {self._limit('min_frequency')} gives more pieces without "
                    "exceeding vocab_size"
                )
            else:
                reason = f"no other pair occurs{describe_minimum(self._limit('min_frequency'))}"
                reason += " and is short enough" if self._limit("max_piece_length") else ""
            warn(f"the vocabulary has {len(names):,} ids, not {self.vocab_size:,}: {reason}")
        special_tokens = {token: i for i, token in enumerate(self.special_tokens)}
        model = WordPieceModel(
            names,
            continuing_subword_prefix=self.continuing_subword_prefix,
            unk_id=None if self.unk is None else special_tokens[self.unk],
        )
        return Trained(model, special_tokens, lost=symbols.lost)

    def _prepare(self) -> None:
        if self.method == "greedy":
            return
        from fasttok.models.merging.engine import load_kernels
        from fasttok.models.merging.orders import Frequency, Likelihood

        load_kernels(Likelihood() if self.method == "likelihood" else Frequency())

    def _merge(
        self,
        symbols: WordSymbols,
        n_pieces: int,
        longest: int,
        progress: bool,
        observer: Callable[[MergeStep], object] | None,
    ) -> list[str]:
        """Return the names of the continuing characters, then those of the merged pieces."""
        from fasttok.models.merging.engine import estimate_bytes, learn_merges
        from fasttok.models.merging.orders import Frequency, Likelihood

        words, n_symbols = symbols.words, symbols.n_symbols
        n_pieces = min(n_pieces, len(words.values))  # every merge removes at least one symbol of the words
        order = Likelihood() if self.method == "likelihood" else Frequency()
        megabytes = estimate_bytes(len(words.values), n_symbols + n_pieces, order) / 1e6
        announce(
            f"training on {len(words):,} distinct words with {len(words.values):,} characters; this takes "
            f"about {megabytes:,.0f} MB of memory",
            show=progress,
        )
        prefix = self.continuing_subword_prefix
        texts = [*map(chr, symbols.characters.tolist()), *map(chr, symbols.continuing.tolist())]
        marks = [""] * len(symbols.characters) + [prefix] * len(symbols.continuing)
        names = [(mark + text).encode() for mark, text in zip(marks, texts, strict=True)]
        merges = learn_merges(
            words,
            symbols.counts,
            n_alphabet=n_symbols,
            n_symbols=n_symbols + n_pieces,
            min_count=self._limit("min_frequency") or 1,
            max_length=longest,
            veto=symbols.pieces_to_symbols(self.special_tokens),
            order=order,
            observer=None if observer is None else MergeNamer(observer, names, prefix.encode()),
            progress=progress,
        )
        for left, right in merges.tolist():
            texts.append(texts[left] + texts[right])
            marks.append(marks[left])
        return [mark + text for mark, text in zip(marks, texts, strict=True)][len(symbols.characters) :]

    def _learn_greedily(
        self,
        counts: PretokenCounts,
        symbols: WordSymbols,
        n_pieces: int,
        n_slack: float,
        workers: int,
        progress: bool,
    ) -> list[str]:
        """Return the names of the continuing characters and the longer pieces, sorted by count."""
        words = symbols.words
        announce(
            f"training on {len(words):,} distinct words with {len(words.values):,} characters", show=progress
        )
        lowest = max(self._limit("min_frequency") or 1, int(counts.counts.min()))
        highest = min(HIGHEST, int(counts.counts.max()))
        taken = symbols.pieces_to_symbols(self.special_tokens)
        return learn_greedily(symbols, (lowest, highest), n_pieces, n_slack, taken, workers, progress)
