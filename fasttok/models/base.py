"""`Model` and `Trainer`: the base classes of all model families."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import Field, fields
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from fasttok.core.component import import_path
from fasttok.core.ragged import Ragged
from fasttok.counts.table import PretokenCounts
from fasttok.models._cache import SPARE_IDS, PretokenCache
from fasttok.models._encoder import PretokenEncoder
from fasttok.models._python import PythonEncoder
from fasttok.models.pieces import checked_ids
from fasttok.models.sampling import Dropout, Sampling
from fasttok.text._spans import Boundaries
from fasttok.text.steps import Normalizer, Pretokenizer

if TYPE_CHECKING:
    from typing_extensions import Self

    from fasttok.text.words.marked_words import MarkedWords
    from fasttok.text.words.raw_words import RawWords


EXCLUDED = "without_pieces"  # field of the ids of the pieces that `Model.without_pieces` excludes


class Round(TypedDict):
    """State of the vocabulary after one round of training."""

    n_pieces: int
    log_likelihood_per_character: float
    n_tokens: int


class Trained(NamedTuple):
    """Result of a training.

    Attributes
    ----------
    model : Model
        The trained model.
    special_tokens : dict of str to int
        Id of each special token.
    rounds : sequence of Round
        One entry per round, for trainers that work in rounds; otherwise empty. Each entry has the number of
        pieces after the round, the log-likelihood of the corpus in nats per character, and the number of
        tokens of the corpus.
    lost : mapping of str to int or float, optional
        Part of the corpus that the model cannot encode, by kind; see ``provenance["lost"]``.

    Examples
    --------
    >>> import fasttok as ft
    >>> counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2})
    >>> trained = ft.BPETrainer(vocab_size=258, special_tokens=["<s>"]).train(counts)
    >>> bytes(trained.model.pieces[256]), trained.special_tokens
    (b'lo', {'<s>': 257})
    """

    model: Model
    special_tokens: dict[str, int]
    rounds: Sequence[Round] = ()
    lost: Mapping[str, int | float] | None = None


class Trainer(ABC):
    """Base class of trainers, which learn a model from pretoken counts.

    Derived classes are frozen dataclasses. Their fields are the options and must be JSON values.
    `fasttok.train` takes a custom trainer by its class or by its import path.

    Examples
    --------
    A trainer whose pieces are the most frequent characters:

    >>> from collections import Counter
    >>> from dataclasses import dataclass
    >>> import fasttok as ft
    >>> from fasttok.models.base import Trained
    >>> @dataclass(frozen=True)
    ... class FrequentCharacters(ft.Trainer):
    ...     vocab_size: int
    ...
    ...     def train(self, counts, *, workers=None, progress=False):
    ...         totals = Counter()
    ...         for word, n in counts.to_dict().items():
    ...             for character in word.decode():
    ...                 totals[character] += n
    ...         pieces = [character for character, _ in totals.most_common(self.vocab_size)]
    ...         return Trained(ft.CharacterModel(pieces), {})
    >>> counts = ft.PretokenCounts.from_dict({"noon": 2, "zoo": 1})
    >>> ft.train(counts, model=FrequentCharacters, vocab_size=2).encode("no").tolist()
    [1, 0]
    """

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @abstractmethod
    def train(self, counts: PretokenCounts, *, workers: int | None = None, progress: bool = False) -> Trained:
        """Learn a model.

        Parameters
        ----------
        counts : PretokenCounts
            The training corpus.
        workers : int, optional
            Number of threads; default: all CPUs. The model is the same for any number.
        progress : bool
            Whether to show progress bars on standard error.

        Returns
        -------
        Trained
            The model and the id of each special token.
        """

    @property
    def has_steps(self) -> bool:
        """Whether `train` has a parameter `observer`, which is called with each step.

        `fasttok.trace` needs it. The steps are a `MergeStep`, `EMStep` or `PruningStep` each.
        """
        return False

    @property
    def split_special(self) -> tuple[str, ...]:
        """Texts at which `fasttok.train` splits a corpus by default: those of the special tokens."""
        texts = getattr(self, "special_tokens", None) or ()  # a custom trainer may have none
        return tuple(text for text in texts if isinstance(text, str))

    @property
    def default_pretokenizer(self) -> Any:
        """Pretokenizer that `fasttok.train` uses for a corpus by default; None for its own default."""
        return None

    @property
    def default_normalizer(self) -> Any:
        """Normalizer that `fasttok.train` uses for a corpus by default; None for none."""
        return None

    def _prepare(self) -> None:  # noqa: B027  (few trainers have something to load)
        """Load what `train` needs. `fasttok.train` calls this in a thread while it counts pretokens."""

    def _tokenizer_parts(self, pretokenizer: Pretokenizer, normalizer: Normalizer | None) -> dict[str, Any]:
        """Return parts of the trained tokenizer that differ from the usual ones.

        Parameters
        ----------
        pretokenizer : Pretokenizer
            Pretokenizer of the counts.
        normalizer : Normalizer or None
            Normalizer of the counts.

        Returns
        -------
        dict
            Any of "normalizer", a `Normalizer`; "decoder", the name or config of a decoder; and "config", the
            content of a `ModelConfig`.
        """
        return {}

    def config(self) -> dict[str, Any]:
        """Return the options by name. They are stored in the provenance of the trained tokenizer."""
        return {option.name: getattr(self, option.name) for option in fields(self)}


class Model(ABC):
    """Base class of subword models, which map pretokens to ids.

    Models are immutable; the caches belong to the tokenizer. A custom model defines `pieces`,
    `encode_pretoken`, `is_lossless`, `to_dict` and `from_dict`.

    Attributes
    ----------
    kind : str
        Name of the model family in native files.
    pieces : Ragged of uint8
        Name of each id, in bytes. An empty row is an id that the model does not use.
    unk_id : int or None
        Id of the unknown token; None if the model has no unknown token. The id is that of a piece or of an
        added token.
    begins_word, ends_word : ndarray of bool, or None
        Whether each piece is marked as the beginning, or as the end, of a pretoken. None if the model has no
        such marks.
    needs_whole_rows : bool
        Whether the ids of a text depend on more than its pretokens. If so, the text must not be cut.
    resolves_ties : bool
        Whether near ties are decided otherwise in short rows than in long ones. If so, a text in which added
        tokens are found must not be cut, because the rows between them may be short.
    fuse_unk : bool
        Whether consecutive unknown tokens become one, even across pretokens. A run ends at an added token. If
        the pretokenizer works in several stages, each of which splits the pretokens of the stage before, a
        run also ends where a pretoken of an earlier stage ends.
    can_sample : tuple of type
        Types that `sampling_encoder` accepts: `Dropout`, `Sampling`, both or neither.

    Examples
    --------
    A model with one id per letter:

    >>> import fasttok as ft
    >>> class Letters(ft.Model):
    ...     is_lossless = False
    ...
    ...     def __init__(self, letters):
    ...         self.letters = letters
    ...         self.pieces = ft.Ragged.from_bytes([letter.encode() for letter in letters])
    ...
    ...     def encode_pretoken(self, pretoken):
    ...         return [self.letters.index(letter) for letter in pretoken.decode()]
    ...
    ...     def to_dict(self):
    ...         return {"kind": self.kind, "letters": self.letters}
    ...
    ...     @classmethod
    ...     def from_dict(cls, fields):
    ...         return cls(fields["letters"])
    >>> ft.Tokenizer(Letters("abc"), "whitespace_split").encode("cab").tolist()
    [2, 0, 1]
    """

    pieces: Ragged
    unk_id: int | None = None
    _encoder: PretokenEncoder | None = None
    begins_word: NDArray[np.bool_] | None = None
    ends_word: NDArray[np.bool_] | None = None
    needs_whole_rows: bool = False
    resolves_ties: bool = False
    fuse_unk: bool = False
    _excluded: frozenset[int] = frozenset()  # ids of pieces that text never gets; see `without_pieces`
    can_sample: ClassVar[tuple[type, ...]] = ()

    @property
    def kind(self) -> str:
        """Name of the model family; for a custom model, its import path."""
        return import_path(type(self))

    @property
    def encoder(self) -> PretokenEncoder:
        """Encoding kernel, with the length of each id's text. It is immutable and shared by all threads."""
        if self._encoder is None:
            n_ids = max(len(self.pieces), 0 if self.unk_id is None else self.unk_id + 1)
            self._encoder = PythonEncoder(self.encode_pretoken, n_ids)
            self._encoder.set_lengths(self.decoded_pieces.lengths.astype(np.uint32))
        return self._encoder

    def encode_pretoken(self, pretoken: bytes) -> Sequence[int]:
        """Return the ids of one pretoken, at least one and at most one per byte.

        The models of fasttok define a compiled `encoder` instead.

        Raises
        ------
        UnknownCharacterError
            If a character has no id. Its `position` is a byte offset in the pretoken.
        """
        raise NotImplementedError(f"{type(self).__name__} has neither encode_pretoken nor an encoder")

    def without_pieces(self, ids: Collection[int]) -> Model:
        """Return the same model, except that encoding does not use some of its pieces.

        A tokenizer uses the result if special tokens share their ids with pieces, so that plain text does not
        become a special token. Ids, names and scores stay the same. The unknown token still replaces what is
        unknown, even if its id is one of `ids`.

        Parameters
        ----------
        ids : collection of int
            Ids of the pieces.

        Returns
        -------
        Model
            The model itself if encoding never produces these pieces.

        Raises
        ------
        TypeError, ValueError
            If `ids` are not ids, or the model does not support this.

        Examples
        --------
        >>> import fasttok as ft
        >>> model = ft.WordModel(["<unk>", "<s>", "low"], unk_id=0)
        >>> tok = ft.Tokenizer(model.without_pieces([1]), "whitespace_split")
        >>> tok.encode("low <s>").tolist()
        [2, 0]
        """
        n = len(self.pieces)
        known = frozenset(i for i in checked_ids("ids", ids) if i < n and len(self.pieces[i]))
        given = known - self._excluded
        excluded = self._find_producible(given) if given else given
        return self._excluding(self._excluded | excluded) if excluded else self

    def _find_producible(self, ids: frozenset[int]) -> frozenset[int]:
        """Return those of the ids that encoding can produce, apart from the role of the unknown token."""
        return ids

    def _excluding(self, ids: frozenset[int]) -> Model:
        """Return a copy of the model with `_excluded` set to `ids`, and without its encoders."""
        piece = bytes(self.pieces[min(ids)])
        raise ValueError(
            f"a model of kind {self.kind!r} cannot encode without the piece {piece!r}; it must define "
            "without_pieces, or the piece and a special token must not have the same id"
        )

    def _copy_excluding(self, ids: frozenset[int], *encoders: str) -> Self:
        """Return a shallow copy with `_excluded` set to `ids`, and without the given cached attributes."""
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)
        for name in encoders:
            other.__dict__.pop(name, None)
        other._excluded = ids
        return other

    @property
    def part_encoder(self) -> PretokenEncoder:
        """Encoding kernel for rows that are parts of documents; by default the same as `encoder`."""
        return self.encoder

    def sampling_encoder(
        self, sampling: Dropout | Sampling, documents: NDArray[np.int64], starts: NDArray[np.int64]
    ) -> PretokenEncoder:
        """Return a kernel that encodes the given rows once, with random segmentations.

        Parameters
        ----------
        sampling : Dropout or Sampling
            Kind of sampling, with its seed and epoch.
        documents, starts : ndarray of int64, shape (k,)
            For each row, the number of its document and its byte offset in the document.

        Raises
        ------
        TypeError, ValueError
            See `check_sampling`.
        """
        self.check_sampling(sampling)
        return self._make_sampling_encoder(sampling, documents, starts)

    def on_raw_words(self, raw_words: RawWords | MarkedWords) -> Model | None:
        """Return the same model with an encoder that takes raw words; None if there is no such encoder.

        The encoder rewrites a raw word and splits it into words only if it is not in the cache.

        Parameters
        ----------
        raw_words : RawWords or MarkedWords
            Search for raw words: stretches of raw text whose ids do not depend on the text around them.
        """
        return None

    def check_sampling(self, sampling: Any) -> None:
        """Raise an error if `sampling_encoder` does not support this kind of sampling.

        Raises
        ------
        TypeError
            If `sampling` is neither a `Dropout` nor a `Sampling`.
        ValueError
            If its type is not in `can_sample`.
        """
        if not isinstance(sampling, (Dropout, Sampling)):
            raise TypeError(f"sampling must be a Dropout or a Sampling, not {type(sampling).__name__}")
        if not isinstance(sampling, self.can_sample):
            supported = (
                " or ".join(kind.__name__ for kind in self.can_sample) or "neither Dropout nor Sampling"
            )
            raise ValueError(
                f"a model of kind {self.kind!r} does not support {type(sampling).__name__}; it supports "
                f"{supported}"
            )

    def _make_sampling_encoder(
        self, sampling: Any, documents: NDArray[np.int64], starts: NDArray[np.int64]
    ) -> PretokenEncoder:
        """Implement `sampling_encoder` for a value that `check_sampling` has accepted."""
        raise NotImplementedError(
            f"{type(self).__name__}.can_sample is not empty, but _make_sampling_encoder is not defined"
        )

    def find_nbest(
        self, row: bytes, pretokens: NDArray[np.int64], n: int
    ) -> list[tuple[NDArray[np.uint32], float]]:
        """Return the `n` best segmentations of a row of text, the best first.

        Parameters
        ----------
        row : bytes
            Text between added tokens, in UTF-8.
        pretokens : ndarray of int64, shape (k, 2)
            Begin and end of each pretoken in the row.
        n : int
            Number of segmentations, at least 1; all are returned if there are fewer.

        Returns
        -------
        list of (ndarray of uint32, float)
            Ids and score of each segmentation.

        Raises
        ------
        ValueError
            If the model does not score segmentations.
        UnknownCharacterError
            If a character has no id. Its `position` is a byte offset in the row.
        """
        raise ValueError(
            f"a model of kind {self.kind!r} has no n best segmentations; only a Unigram model scores them"
        )

    def encode_pretokens(
        self, text: NDArray[np.uint8], boundaries: NDArray[np.int64], cache: PretokenCache
    ) -> Ragged:
        """Encode the pretokens between consecutive `boundaries` in `text`.

        Parameters
        ----------
        text : ndarray of uint8
            Text in UTF-8, or any bytes.
        boundaries : ndarray of int64, shape (k + 1,)
            Byte offsets at which pretokens begin and end.
        cache : PretokenCache
            Cache of this model. No other call may use it at the same time.

        Returns
        -------
        Ragged of uint32
            Ids, one row per pretoken.
        """
        out = np.empty(int(boundaries[-1] - boundaries[0]) + SPARE_IDS, np.uint32)
        offsets = np.empty(len(boundaries), np.int64)
        n = self.encoder.encode(text, boundaries, Boundaries(boundaries), cache, out, offsets)
        return Ragged(out[:n], offsets)

    @property
    def decoded_pieces(self) -> Ragged:
        """Bytes of text that each id stands for, without word marks: Ragged of uint8."""
        return self.pieces

    @property
    @abstractmethod
    def is_lossless(self) -> bool:
        """Whether every pretoken can be encoded, and decoding its ids gives the same bytes."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return the fields that the native file stores for the model, as a dict of JSON values."""

    @classmethod
    @abstractmethod
    def from_dict(cls, fields: dict[str, Any]) -> Model:
        """Make a model from the fields that `to_dict` returned.

        Raises
        ------
        KeyError, TypeError, ValueError
            If a field is missing or invalid.
        """

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.pieces):,} pieces)"

    def file_fields(self) -> dict[str, Any]:
        """Return what a native file stores: the kind, `to_dict`, and the ids given to `without_pieces`."""
        excluded = {EXCLUDED: sorted(self._excluded)} if self._excluded else {}
        return {"kind": self.kind} | self.to_dict() | excluded

    def __reduce__(self) -> tuple[Any, ...]:
        return make_from_fields, (type(self), self.file_fields())


def make_from_fields(kind: type[Model], fields: dict[str, Any]) -> Model:
    """Make a model from the result of `Model.file_fields`.

    Raises
    ------
    KeyError, TypeError, ValueError
        If a field is missing or invalid.
    """
    model = kind.from_dict({name: value for name, value in fields.items() if name != EXCLUDED})
    ids = fields.get(EXCLUDED, [])
    if not isinstance(ids, list) or not all(type(i) is int and 0 <= i < len(model.pieces) for i in ids):
        raise ValueError(f"{EXCLUDED} must be a list of ids of pieces")
    return model.without_pieces(ids) if ids else model
