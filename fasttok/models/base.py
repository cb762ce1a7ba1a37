"""The contract of a model with the tokenizer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import Field, fields
from typing import Any, ClassVar, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from fasttok.core.component import import_path
from fasttok.core.ragged import Ragged
from fasttok.counts.table import PretokenCounts
from fasttok.models._cache import SPARE_IDS, PretokenCache
from fasttok.models._encoder import PretokenEncoder
from fasttok.models._python import PythonEncoder
from fasttok.models.sampling import Dropout, Sampling
from fasttok.text._spans import Boundaries


class Round(TypedDict):
    """What a round of training left."""

    n_pieces: int
    log_likelihood_per_character: float
    n_tokens: int


class Trained(NamedTuple):
    """What a trainer makes.

    Attributes
    ----------
    model : Model
        The model.
    special_tokens : dict of str to int
        The id of each special token.
    rounds : sequence of Round
        Of a training that goes in rounds: the pieces left after each, the log likelihood of the corpus with
        them in nats per character, and its tokens.
    """

    model: Model
    special_tokens: dict[str, int]
    rounds: Sequence[Round] = ()


class Trainer(ABC):
    """Makes a model from counts. Derived classes are frozen dataclasses; their fields, plain JSON, are the
    options.

    A trainer of your own is used by `train` as any other, by its class or its import path; the how-to in the
    documentation has an example.
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
            Number of threads; default: all CPUs. The model does not depend on it.
        progress : bool
            Show bars on the standard error stream.
        """

    def config(self) -> dict[str, Any]:
        """Return the options by name, for the provenance of what is trained."""
        return {option.name: getattr(self, option.name) for option in fields(self)}


class Model(ABC):
    """Turns pretokens into ids. Immutable; what it remembers is in caches that the tokenizer owns.

    A model of your own needs `pieces`, `encode_pretoken`, `is_lossless`, `to_dict` and `from_dict`; the
    how-to in the documentation has an example.

    Attributes
    ----------
    kind : str
        What the model is, in files and for people.
    pieces : Ragged of uint8
        The bytes that each id is called by; an empty row is an id that the model does not use.
    unk_id : int or None
        The id of what is not in the vocabulary, where the model has one. It is a special token's.
    begins_word, ends_word : ndarray of bool, or None
        Whether each piece is marked as the beginning of a pretoken, or as its end; None where none are.
    needs_whole_rows : bool
        Whether the ids of a text depend on more than its pretokens, so that it must not be cut.
    fuse_unk : bool
        Whether a run of unknown tokens is one: of all that a text has between added tokens, also across
        pretokens, or, where a step takes the pretokens of another for texts, of each of those.
    can_sample : tuple of type
        The values that `sampling_encoder` takes: `Dropout`, `Sampling`, or none of them.
    """

    pieces: Ragged
    unk_id: int | None = None
    _encoder: PretokenEncoder | None = None
    begins_word: NDArray[np.bool_] | None = None
    ends_word: NDArray[np.bool_] | None = None
    needs_whole_rows: bool = False
    fuse_unk: bool = False
    can_sample: ClassVar[tuple[type, ...]] = ()

    @property
    def kind(self) -> str:
        """The name of the family in files and for people; of a model from elsewhere, its import path."""
        return import_path(type(self))

    @property
    def encoder(self) -> PretokenEncoder:
        """The kernel that encodes, with its table of lengths; never changed, shared by all threads."""
        if self._encoder is None:
            n_ids = max(len(self.pieces), 0 if self.unk_id is None else self.unk_id + 1)
            self._encoder = PythonEncoder(self.encode_pretoken, n_ids)
            self._encoder.set_lengths(self.decoded_pieces.lengths.astype(np.uint32))
        return self._encoder

    def encode_pretoken(self, pretoken: bytes) -> Sequence[int]:
        """Return the ids of one pretoken, at least one and at most one per byte.

        Models of fasttok have a kernel instead (`encoder`).

        Raises
        ------
        UnknownCharacterError
            At a byte of the pretoken from which on the model has no id.
        """
        raise NotImplementedError(f"{type(self).__name__} has neither encode_pretoken nor an encoder")

    @property
    def part_encoder(self) -> PretokenEncoder:
        """The same for rows that are parts of documents, where that makes a difference."""
        return self.encoder

    def sampling_encoder(
        self, sampling: Dropout | Sampling, documents: NDArray[np.int64], starts: NDArray[np.int64]
    ) -> PretokenEncoder:
        """Return the kernel that encodes some rows of text by chance, once.

        Parameters
        ----------
        sampling : Dropout or Sampling
            What is drawn, and what the chance depends on.
        documents, starts : ndarray of int64, shape (k,)
            Of every row, the number of its document, and where in the document it begins, in bytes.

        Raises
        ------
        TypeError, ValueError
            As `check_sampling`.
        """
        self.check_sampling(sampling)
        return self._make_sampling_encoder(sampling, documents, starts)

    def check_sampling(self, sampling: Any) -> None:
        """Refuse what `sampling_encoder` does not take.

        Raises
        ------
        TypeError
            If it is neither a `Dropout` nor a `Sampling`.
        ValueError
            If the model does not take it; `can_sample` says what it takes.
        """
        if not isinstance(sampling, (Dropout, Sampling)):
            raise TypeError(f"sampling must be a Dropout or a Sampling, not {type(sampling).__name__}")
        if not isinstance(sampling, self.can_sample):
            taken = " or ".join(kind.__name__ for kind in self.can_sample) or "neither Dropout nor Sampling"
            raise ValueError(
                f"{type(sampling).__name__} is not for a model of kind {self.kind!r}, which takes {taken}"
            )

    def _make_sampling_encoder(
        self, sampling: Any, documents: NDArray[np.int64], starts: NDArray[np.int64]
    ) -> PretokenEncoder:
        """Do what `sampling_encoder` says, for a value that the model takes."""
        raise NotImplementedError(f"{type(self).__name__} says that it can sample, but does not")

    def encode_pretokens(
        self, text: NDArray[np.uint8], boundaries: NDArray[np.int64], cache: PretokenCache
    ) -> Ragged:
        """Encode the pretokens between consecutive `boundaries` in `text`, for looking at.

        Parameters
        ----------
        text : ndarray of uint8
            UTF-8, or any bytes.
        boundaries : ndarray of int64, shape (k + 1,)
            Where pretokens begin and end.
        cache : PretokenCache
            Used by this call alone while it runs, and only ever with this model.

        Returns
        -------
        Ragged of uint32
            A row per pretoken.
        """
        out = np.empty(int(boundaries[-1] - boundaries[0]) + SPARE_IDS, np.uint32)
        offsets = np.empty(len(boundaries), np.int64)
        n = self.encoder.encode(text, boundaries, Boundaries(boundaries), cache, out, offsets)
        return Ragged(out[:n], offsets)

    @property
    def decoded_pieces(self) -> Ragged:
        """The bytes of text that each id stands for, without the marks of words: Ragged of uint8."""
        return self.pieces

    @property
    @abstractmethod
    def is_lossless(self) -> bool:
        """Whether every pretoken has ids, and what decoding writes for them is the pretoken."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """What the native file holds of the model; plain JSON."""

    @classmethod
    @abstractmethod
    def from_dict(cls, fields: dict[str, Any]) -> Model:
        """The inverse of `to_dict`.

        Raises
        ------
        KeyError, TypeError, ValueError
            If the fields are not a model.
        """

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.pieces):,} pieces)"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_dict, (self.to_dict(),)
