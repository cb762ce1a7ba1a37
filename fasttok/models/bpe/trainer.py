"""`BPETrainer`: learn a BPE vocabulary from pretoken counts, or extend one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import (
    checked_choice,
    checked_flag,
    checked_integer,
    checked_number,
    checked_size,
    checked_text,
    checked_texts,
    checked_word,
    describe,
)
from fasttok.core.errors import warn
from fasttok.core.progress import announce
from fasttok.core.ragged import Ragged
from fasttok.counts.table import PretokenCounts
from fasttok.models.base import Trained, Trainer
from fasttok.models.bpe._encode import MOST_PIECES
from fasttok.models.bpe.alphabets import Bytes, Characters
from fasttok.models.bpe.initial_state import (
    InitialState,
    Start,
    start_from_bytes,
    start_from_characters,
    start_from_tokenizer,
)
from fasttok.models.bpe.model import BPEModel
from fasttok.models.bpe.presets import CHOICES, DEFAULTS, ONLY_SENTENCEPIECE, PRESETS, Preset
from fasttok.models.bpe.sentencepiece import trainer as sentencepiece
from fasttok.models.bpe.sentencepiece.trainer import SPECIAL_TOKENS
from fasttok.models.merging.merge_steps import MergeNamer, MergeStep
from fasttok.models.options import check_arguments, describe_minimum
from fasttok.models.pieces import BYTE_NAMES
from fasttok.text.steps import Normalizer, Pretokenizer
from fasttok.text.unicode.byte_alphabet import BYTES_IN_ORDER, read_bytes


@dataclass(frozen=True)
class BPETrainer(Trainer):
    """Byte-pair encoding: repeatedly merge the most frequent pair of neighbouring symbols.

    Parameters
    ----------
    vocab_size : int
        Number of ids after training: bytes or characters, merges and special tokens. With a `start`, its ids
        are included.
    min_frequency : int, optional
        Minimum count of a pair; rarer pairs are not merged. Default: 1, or 2 with ``compat="subword-nmt"``.
    max_piece_length : int, optional
        Maximum length of a piece in bytes or characters, at least 2; default: no limit.
    special_tokens : sequence of str
        Texts of the special tokens. Special tokens of the `start` keep their ids.
    units : {"byte", "character"}, default "byte"
        Symbols that merging starts from. "byte": the 256 bytes, so that any text can be encoded.
        "character": the characters in the counts; a byte that is not UTF-8 counts as a character.
    end_of_word_suffix : str, optional
        Mark of the last character of a pretoken, usually ``</w>``; only with ``units="character"``. Pieces at
        the end of a word then differ from the same characters inside a word. A character that never ends a
        pretoken in the counts is unknown at the end of a pretoken. If the pretokenizer discards white space,
        the suffix is decoded as a space, except at the end of the text; otherwise it is decoded as nothing.
    unk : str, optional
        Special token that replaces unknown characters; only with ``units="character"``. It must be one of
        `special_tokens`. Without it, encoding an unknown character is an error.
    tie_break : {"ids", "shortest", "largest"}, default "ids"
        Order of equally frequent pairs. "ids": the pair with the smaller left id is merged first, then the
        one with the smaller right id, as in Hugging Face ``tokenizers`` and rustbpe. "shortest": the pair
        that makes the shorter piece is merged first, then the pair whose piece comes first when pieces are
        sorted by the ids of their units, as in sentencepiece. "largest": the pair whose left piece is
        lexicographically larger is merged first, then the pair whose right piece is, as in subword-nmt.
        Bytes are compared by value, and characters by code point; an end-of-word suffix is part of the piece.
        If the pieces do not decide, the pair that is first with "ids" is merged.
    byte_order : {"value", "gpt2"}, default "value"
        Order of the ids of single bytes, which affects ties. "value": by byte value. "gpt2": by the
        code points of the characters that GPT-2 writes for the bytes, so that ``!`` is first.
    special_ids : {"last", "first"}, default "last"
        Whether the ids of special tokens come after or before those of the pieces.
    compat : {"huggingface", "sentencepiece", "rustbpe", "subword-nmt", "cs336"}, optional
        Library whose merges are learned; a preset of other options, and of the pretokenizer and normalizer
        that `fasttok.train` uses for a corpus by default. See the notes. All options below `start` require
        "sentencepiece".
    start : Tokenizer, optional
        Tokenizer with byte-level BPE to continue from. It encodes the pretokens, and merging continues from
        the resulting ids. Existing ids keep their bytes and special tokens. New merges get the next ids, then
        new special tokens. `byte_order` and `special_ids` cannot be given, as the start determines them.
    byte_fallback : bool, default False
        Whether to add 256 byte pieces and encode unknown characters as bytes.
    user_defined : sequence of str, default ()
        Texts that are always pieces, found before the normalizer, and never part of a learned piece.
    character_coverage : float or "auto", default 0.9995
        Fraction of the text that the characters of the vocabulary must cover. The most frequent characters
        are kept. "auto": the characters and the number of merges that give the fewest tokens; it requires
        `byte_fallback`.
    required_characters : str, default ""
        Characters of the vocabulary, however rare they are.
    split_digits : bool, default False
        Whether every digit is a piece of its own.
    split_by_number : bool, default True
        Whether digits have a script of their own, which they share with punctuation.
    split_by_unicode_script : bool, default True
        Whether the letters of a piece have one script. Hiragana, Katakana and Han count as one.
    allow_whitespace_only_pieces : bool, default False
        Whether several ▁ can be a piece. The pretokenizer must keep them together; the default one is then
        ``[Metaspace(split_by_whitespace=False), MarkRuns()]``.

    Raises
    ------
    ValueError
        If a value is out of range, or an option contradicts `compat` or `start`.
    TypeError
        If an argument has the wrong type, or `start` is not a tokenizer with byte-level BPE.

    Notes
    -----
    The algorithm is algorithm 1 of Sennrich et al. (2016). Overlapping occurrences count: ``aaa`` contains
    ``aa`` twice. Training takes O(n log n) for n bytes of distinct pretokens.

    In the paper, the end-of-word suffix is a separate symbol, so each word ending, such as ``est</w>``, needs
    one more merge. Here the suffix is part of the last character, as in the authors' subword-nmt since
    version 0.2 and in ``tokenizers``.

    **Compatibility.** With the same pretokens, the merges equal those of these libraries:

    - "huggingface": the ``BpeTrainer`` of ``tokenizers``; the ids and the vocabulary are also the same. For
      bytes, ``BpeTrainer`` must be used with ``ByteLevel`` pretokens and the whole ``ByteLevel`` alphabet as
      ``initial_alphabet``; for characters, without ``ByteLevel``.
    - "sentencepiece": the BPE trainer of sentencepiece 0.2.3, with the same ids. See below.
    - "rustbpe": ``train_from_iterator`` of rustbpe, with the same ids. The default pretokenizer is "llama3",
      a spelling of rustbpe's default pattern.
    - "subword-nmt": ``learn_bpe`` of subword-nmt, which starts from characters, appends ``</w>`` to the last
      character of a word, and merges no pair that occurs once. By default, words are split at spaces and line
      ends, so that every line of subword-nmt's input can be a document. Set `vocab_size` to the number of
      merges plus that of the characters, and look at ``model.merges``. Words that contain white space, such
      as a tab or U+00A0, or the text ``</w>`` are handled differently in subword-nmt.
    - "cs336": the BPE trainer of the course CS336 at Stanford. The default pretokenizer is "gpt2". Of the
      most frequent pairs, the one with the greatest pair of byte strings is merged. Special tokens have the
      first ids.

    The order of ties of minbpe and of tiktoken's educational trainer depends on which pair comes first in the
    corpus. Counts do not know this, so no preset can give their merges.

    ``max_token_length=n`` of ``tokenizers`` corresponds to ``max_piece_length=n - 1`` here, for n above 2. An
    `end_of_word_suffix` cannot be combined with ``compat="huggingface"``, because ``tokenizers`` numbers
    suffixed characters in a random order. If the text of a special token is also a piece, ``tokenizers``
    gives both the same id, so that plain text can become the special token; here, with
    ``compat="huggingface"``, this is an error.

    **sentencepiece.** The ids are those of the special tokens, by default ``<unk>``, ``<s>`` and ``</s>``,
    then the user-defined pieces, the byte pieces, the merges, and the characters by frequency. The default
    normalizer is "nmt_nfkc". The default pretokenizer is "metaspace", whose options are also options of
    sentencepiece's trainer. `max_piece_length` is ``max_sentencepiece_length`` there, `required_characters`
    is ``required_chars``, and `special_tokens` are the unknown token and ``control_symbols`` in the order of
    their ids.

    Every line of sentencepiece's input must be a document. Counts do not have what sentencepiece knows of
    lines: it skips lines of more than 4,192 bytes (``max_sentence_length``) and lines that contain U+2585.
    Here, these are counted, and U+2585 is unknown. The texts of special tokens and byte pieces are not
    learned. If no pair is left to merge, the strings of all pairs that were neighbours at some time become
    pieces, the shortest first, as in sentencepiece. If there are still fewer pieces than `vocab_size`, there
    is a warning, as if ``hard_vocab_limit`` were False.

    **Continuing.** With the same counts and options, training to 10,000 ids and continuing to 20,000 gives
    the same merges as training to 20,000 at once. The ids are also the same, unless the start has special
    tokens with ids after its pieces.

    Some pieces of a `start` might not be the result of any of its merges, for example in a pruned vocabulary.
    New merges never produce such a piece: pairs with the same bytes are skipped. Without this rule, a new
    merge could produce an existing piece that other merges of the start have as a part. In encoding, those
    merges rank first and would apply to the piece, although in training they did not. Every new piece
    therefore has new bytes and is the result of exactly one merge. ``fasttok.models.merging.kernels``
    explains why no other pair can produce an existing piece.

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

    The example of the paper, over characters:

    >>> classic = ft.BPETrainer(vocab_size=14, units="character", end_of_word_suffix="</w>")
    >>> [bytes(piece).decode() for piece in classic.train(counts).model.pieces]
    ['d', 'e', 'i', 'l', 'n', 'o', 'r</w>', 's', 't</w>', 'w', 'w</w>', 'es', 'est</w>', 'lo']
    """

    vocab_size: int
    min_frequency: int | None = None
    max_piece_length: int | None = None
    special_tokens: tuple[str, ...] = ()
    units: Literal["byte", "character"] | None = None
    end_of_word_suffix: str | None = None
    unk: str | None = None
    tie_break: Literal["ids", "shortest", "largest"] | None = None
    byte_order: Literal["value", "gpt2"] | None = None
    special_ids: Literal["last", "first"] | None = None
    compat: Literal["huggingface", "sentencepiece", "rustbpe", "subword-nmt", "cs336"] | None = None
    start: Start | None = None
    byte_fallback: bool | None = None
    user_defined: tuple[str, ...] | None = None
    character_coverage: float | Literal["auto"] | None = None
    required_characters: str | None = None
    split_digits: bool | None = None
    split_by_number: bool | None = None
    split_by_unicode_script: bool | None = None
    allow_whitespace_only_pieces: bool | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "vocab_size", checked_integer("vocab_size", self.vocab_size))
        if self.compat is not None:
            checked_choice("compat", self.compat, *PRESETS)
        shortest = 1 if self.compat == "sentencepiece" else 2
        for option, least in (("min_frequency", 1), ("max_piece_length", shortest)):
            if getattr(self, option) is not None:
                object.__setattr__(self, option, checked_size(option, getattr(self, option), least))
        object.__setattr__(self, "special_tokens", checked_texts("special_tokens", self.special_tokens))
        for option, choices in CHOICES.items():
            if getattr(self, option) is not None:
                checked_choice(option, getattr(self, option), *choices)
        for option in ("end_of_word_suffix", "unk"):
            if getattr(self, option) is not None:
                checked_word(option, getattr(self, option))
        self._check_sentencepiece()
        self._fill_in_options()
        self._check_units()
        self._check_size()

    def _check_sentencepiece(self) -> None:
        """Check the options that only sentencepiece has, and complete the special tokens."""
        is_chosen = self.compat == "sentencepiece"
        for option in ONLY_SENTENCEPIECE:
            value = getattr(self, option)
            if value is None:
                continue
            if option == "user_defined":
                object.__setattr__(self, option, checked_texts(option, value))
            elif option == "required_characters":
                checked_text(option, value)
            elif option != "character_coverage":
                checked_flag(option, value)
            elif not isinstance(value, str):
                object.__setattr__(self, option, checked_number(option, value, 0, 1))
            elif value != "auto":
                raise ValueError(f'character_coverage must be a number or "auto", not {value!r}')
            if not is_chosen:
                raise ValueError(f'{option} requires compat="sentencepiece"')
        if not is_chosen:
            return
        if self.start is not None:
            raise ValueError('compat="sentencepiece" cannot be combined with start')
        unk = "<unk>" if self.unk is None else self.unk
        if not self.special_tokens:
            tokens: tuple[str, ...] = (unk, *SPECIAL_TOKENS[1:])
        else:
            tokens = (() if unk in self.special_tokens else (unk,)) + self.special_tokens
        object.__setattr__(self, "special_tokens", checked_texts("special_tokens", tokens))
        user_defined, required = self.user_defined or (), self.required_characters or ""
        names = [name.decode() for name in BYTE_NAMES] if self.byte_fallback else []
        for reserved, what in ((tokens, "a special token"), (names, "the name of a byte piece")):
            if both := sorted(set(reserved) & set(user_defined)):
                raise ValueError(f"{both[0]!r} is {what} and cannot be user-defined")
        if both := sorted(set(required) & {*tokens, *user_defined}):
            raise ValueError(f"{both[0]!r} is a required character, so it cannot be a piece of another kind")
        if self.character_coverage == "auto" and not self.byte_fallback:
            raise ValueError('character_coverage="auto" requires byte_fallback=True')
        if self.character_coverage == "auto" and required:
            raise ValueError('character_coverage="auto" cannot be combined with required_characters')
        if any("\0" in text for text in (*user_defined, required)):
            raise ValueError("user_defined and required_characters must not contain U+0000")

    def _fill_in_options(self) -> None:
        """Fill in the options that were not given, from `compat` or the defaults.

        Options that do not apply stay None: `byte_order` for characters, and with a `start` the options that
        it determines.
        """
        preset = PRESETS.get(self.compat or "", Preset())
        for option in {**DEFAULTS, **preset.fixed, **preset.defaults}:
            given = getattr(self, option)
            if option in preset.fixed and given not in (None, preset.fixed[option]):
                raise ValueError(f"{option}={given!r} contradicts compat={self.compat!r}")
            if self.start is not None and option in ("byte_order", "special_ids"):
                if given is not None:
                    raise ValueError(f"{option} cannot be combined with start, which determines it")
                continue
            if given is None and not (option == "byte_order" and self.units == "character"):
                value = (DEFAULTS | preset.defaults | preset.fixed)[option]
                object.__setattr__(self, option, value)

    def _check_units(self) -> None:
        if self.units != "character":
            for option in ("end_of_word_suffix", "unk"):
                if getattr(self, option) is not None:
                    raise ValueError(f'{option} requires units="character"')
        else:
            for option in ("byte_order", "start"):
                if getattr(self, option) is not None:
                    raise ValueError(f'{option} requires units="byte"')
        if self.end_of_word_suffix is not None and self.compat == "huggingface":
            raise ValueError(
                "compat='huggingface' cannot be combined with end_of_word_suffix: Hugging Face "
                "tokenizers numbers suffixed characters in a random order"
            )
        if self.unk is not None and self.unk not in self.special_tokens:
            raise ValueError(f"unk {self.unk!r} must be one of special_tokens")

    def _check_size(self) -> None:
        if self.start is None:
            n_units = 256 if self.units == "byte" else 1
            smallest = n_units + len(self.special_tokens)
            parts = f"{n_units} {self.units}s and {len(self.special_tokens)} special tokens"
            if self.compat == "sentencepiece":
                smallest += len(self.user_defined or ()) + 256 * bool(self.byte_fallback)
                parts += ", user-defined and byte pieces"
        else:
            model = getattr(self.start, "model", None)
            if not isinstance(model, BPEModel) or not isinstance(model.alphabet, Bytes):
                kind = getattr(model, "kind", None)
                found = describe(self.start) if kind is None else f"with a model of kind {kind!r}"
                error = TypeError if kind is None else ValueError
                raise error(f"start must be a Tokenizer with byte-level BPE, not {found}")
            if model.merge_ranks is not None:
                raise ValueError(
                    "start must be a Tokenizer whose merges are in order of rank, without merge_ranks"
                )
            n_new = len(self._new_special_tokens())
            smallest = self.start.vocab_size + max(1, n_new)
            parts = f"the start has {self.start.vocab_size} ids, and {n_new} special tokens are new"
        if not smallest <= self.vocab_size <= MOST_PIECES:
            raise ValueError(
                f"vocab_size must be at least {smallest} ({parts}) and at most {MOST_PIECES:,}, not "
                f"{describe(self.vocab_size)}"
            )

    @property
    def split_special(self) -> tuple[str, ...]:
        """Texts at which `fasttok.train` splits a corpus by default.

        They are those of the special tokens, also of the `start`. Hugging Face ``tokenizers`` does not split
        there, so with ``compat="huggingface"`` there are none. With ``compat="sentencepiece"``, the trainer
        removes them from the pretokens.
        """
        if self.compat in ("huggingface", "sentencepiece"):
            return ()
        known = {} if self.start is None else self.start.special_tokens
        return (*known, *self._new_special_tokens())

    @property
    def default_pretokenizer(self) -> Any:
        """Pretokenizer that `fasttok.train` uses for a corpus by default; None for its own default."""
        if self.allow_whitespace_only_pieces:
            return [{"name": "metaspace", "split_by_whitespace": False}, "mark_runs"]
        return None if self.compat is None else PRESETS[self.compat].pretokenizer

    @property
    def default_normalizer(self) -> Any:
        """Normalizer that `fasttok.train` uses for a corpus by default; None for none."""
        return None if self.compat is None else PRESETS[self.compat].normalizer

    def _tokenizer_parts(self, pretokenizer: Pretokenizer, normalizer: Normalizer | None) -> dict[str, Any]:
        if self.compat != "sentencepiece":
            return {}
        return sentencepiece.tokenizer_parts(self, pretokenizer, normalizer)

    def _new_special_tokens(self) -> list[str]:
        known = {} if self.start is None else self.start.special_tokens
        return [token for token in self.special_tokens if token not in known]

    def config(self) -> dict[str, Any]:
        """Return the options by name, for the provenance; the start is given by its fingerprint."""
        return super().config() | {"start": None if self.start is None else self.start.fingerprint()}

    @property
    def has_steps(self) -> bool:
        """Whether `train` takes an observer: True."""
        return True

    def _prepare(self) -> None:
        from fasttok.models.merging.engine import load_kernels
        from fasttok.models.merging.orders import Frequency

        load_kernels(Frequency())

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
            Has no effect: merging uses one thread.
        progress : bool
            Whether to show the expected memory and a progress bar on standard error. The expected memory is
            also logged, at level INFO of the logger "fasttok".
        observer : callable, optional
            Function that is called with a `MergeStep` after each merge; see `fasttok.trace`.

        Returns
        -------
        Trained
            The `BPEModel` and the id of each special token.

        Raises
        ------
        ValueError
            If there are no pretokens, or `vocab_size` is smaller than the number of characters and special
            tokens.
        RecipeError
            If the counts were made with a different pretokenizer or normalizer than those of the `start`.
        OverflowError
            If the total count of all pairs of neighbouring symbols is 2^63 or more; with an `observer`, also
            if that of all symbols is.

        Warns
        -----
        UserWarning
            If there are no more pairs to merge before `vocab_size` is reached.
        """
        check_arguments(counts, workers, progress, observer)
        if self.compat == "sentencepiece":
            return sentencepiece.train(self, counts, progress=progress, observer=observer)
        from fasttok.models.merging.engine import estimate_bytes, learn_merges
        from fasttok.models.merging.orders import Frequency

        state = self._initial_state(counts)
        words, ids, pieces = state.words, state.ids, list(state.pieces)
        new_tokens = self._new_special_tokens()
        n_last = 0 if self.special_ids == "first" else len(new_tokens)
        n_symbols = len(ids) + self.vocab_size - n_last - len(pieces)
        if n_symbols < len(ids):
            smallest = len(ids) + len(new_tokens)
            raise ValueError(
                f"vocab_size must be at least {smallest} ({len(ids)} characters and {len(new_tokens)} "
                f"special tokens), not {self.vocab_size}"
            )
        order = Frequency(cast(Any, self.tie_break), state.joins)
        megabytes = estimate_bytes(len(words.values), n_symbols, order) / 1e6
        announce(
            f"training on {len(words):,} distinct pretokens with {len(words.values):,} symbols; this takes "
            f"about {megabytes:,.0f} MB of memory",
            show=progress,
        )
        learned = learn_merges(
            words,
            counts.counts if state.counts is None else state.counts,
            n_alphabet=len(ids),
            n_symbols=n_symbols,
            min_count=cast(int, self.min_frequency),
            max_length=self.max_piece_length,
            order=order,
            strings=state.strings,
            veto=state.veto,
            observer=None if observer is None else MergeNamer(observer, [pieces[i] for i in ids.tolist()]),
            progress=progress,
        )
        merge_ids = np.arange(len(pieces), len(pieces) + len(learned), dtype=np.uint32)
        merges = np.concatenate([ids, merge_ids])[learned]
        for left, right in merges.tolist():
            pieces.append(pieces[left] + pieces[right])
        if self.compat == "huggingface":
            _check_no_shared_ids(self.special_tokens, set(pieces), cast(str, self.units))
        n_ids = len(pieces) + n_last
        if n_ids < self.vocab_size:
            warn(
                f"the vocabulary has {n_ids:,} ids, not {self.vocab_size:,}: no other pair occurs"
                + describe_minimum(cast(int, self.min_frequency))
                + (" and is short enough" if self.max_piece_length else "")
            )
        first = len(pieces) if n_last else 0
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

    def _initial_state(self, counts: PretokenCounts) -> InitialState:
        by_value = self.tie_break == "largest"
        if self.start is not None:
            return start_from_tokenizer(counts, self.start, by_value=by_value)
        n_reserved = len(self.special_tokens) if self.special_ids == "first" else 0
        if self.units == "character":
            return start_from_characters(counts, self.end_of_word_suffix or "", n_reserved, by_value=by_value)
        return start_from_bytes(counts, _byte_order(self.byte_order), n_reserved, by_value=by_value)


def _check_no_shared_ids(tokens: tuple[str, ...], pieces: set[bytes], units: str) -> None:
    """Raise a ValueError if a special token equals a piece as ``tokenizers`` writes it in its files."""
    for token in tokens:
        piece = token.encode() if units == "character" else read_bytes(token)
        if piece in pieces:
            raise ValueError(
                f"special token {token!r} is also a piece: Hugging Face tokenizers would give both the same "
                "id, and plain text would become the special token. Choose another text, or train without "
                "compat"
            )


def _byte_order(name: str | None) -> NDArray[np.uint8]:
    """Return the byte of each of the first 256 symbols."""
    return np.array(range(256) if name == "value" else BYTES_IN_ORDER, np.uint8)
