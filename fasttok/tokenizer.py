"""`Tokenizer`: text to ids and back."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from fasttok.decoding import TextDecoder, gather_pieces
from fasttok.encoding import TextEncoder
from fasttok.models.base import Model
from fasttok.models.sampling import Sampling, resolve_draws
from fasttok.offsets import Encoding, locate
from fasttok.ragged import Ragged, lengths_to_offsets
from fasttok.special import Special, SpecialTokens
from fasttok.text.corpus import Corpus
from fasttok.text.normalizers import AnyNormalizer, get_normalizer
from fasttok.text.pipeline import Pipeline
from fasttok.text.pretokenizers import AnyPretokenizer, get_pretokenizer
from fasttok.text.readers import PathLike
from fasttok.text.utf8 import Errors, encode_utf8

Ids = Sequence[int] | NDArray[Any]


class Tokenizer:
    """A normalizer, a pretokenizer, a model and special tokens: turns text into ids and ids into text.

    Made by `fasttok.train` or `fasttok.load`. Immutable and safe to share between threads; caches of
    pretokens, one a thread and each of about 64 MiB at most, are kept from call to call.

    Parameters
    ----------
    model : Model
        What turns pretokens into ids.
    pretokenizer : str, sequence, dict or Pretokenizer
        What cuts text into pretokens; see `get_pretokenizer`.
    special_tokens : mapping of str to int
        Texts with an id of their own, which plain text never becomes.
    provenance : mapping, optional
        Where the tokenizer comes from; plain JSON, kept in the file.
    normalizer : str, sequence, dict or Normalizer, optional
        What rewrites text before it is cut; see `get_normalizer`.

    Raises
    ------
    ValueError
        If the id of a special token is taken, negative, or given twice, or the model's unknown token is
        none of them.

    Examples
    --------
    >>> import fasttok as ft
    >>> corpus = ft.Corpus.from_texts(["low lower lowest newest widest"])
    >>> tok = ft.train(corpus, model="bpe", vocab_size=262, special_tokens=["<|endoftext|>"])
    >>> ids = tok.encode("lowest")
    >>> ids.dtype, tok.decode(ids)
    (dtype('uint32'), 'lowest')
    """

    def __init__(
        self,
        model: Model,
        pretokenizer: AnyPretokenizer,
        special_tokens: Mapping[str, int] | None = None,
        provenance: Mapping[str, Any] | None = None,
        *,
        normalizer: AnyNormalizer = None,
    ) -> None:
        self.model = model
        self.normalizer = normalizer = get_normalizer(normalizer)
        self.pretokenizer = pretokenizer = get_pretokenizer(pretokenizer)
        self.provenance = dict(provenance or {})
        self._special = SpecialTokens({} if special_tokens is None else special_tokens, model.pieces)
        self._pieces = self._special.added_to(model.pieces)
        self._ids: dict[bytes, int] | None = None
        if model.unk_id is not None and model.unk_id not in self._special.ids.values():
            raise ValueError(f"the model's unknown token has id {model.unk_id}, which is no special token's")
        self._pipeline = Pipeline(normalizer, pretokenizer)
        self._encoder = TextEncoder(self._pipeline, model, self._special, len(self._pieces))
        self.decoder = TextDecoder(pretokenizer, model, self._special)

    # What it is

    @property
    def vocab_size(self) -> int:
        """The number of ids: the largest id in use, plus one."""
        return len(self._pieces)

    @property
    def special_tokens(self) -> dict[str, int]:
        """The id of each special token."""
        return dict(self._special.ids)

    @property
    def merges(self) -> NDArray[np.uint32]:
        """The merges of the model: uint32 of shape (m, 2), pairs of ids in order of rank.

        Raises
        ------
        AttributeError
            If the model has no merges.
        """
        merges: NDArray[np.uint32] = self.model.merges  # type: ignore[attr-defined]
        return merges

    @property
    def is_lossless(self) -> bool:
        """Whether ``decode_bytes(encode(x))`` is x for every text and every byte string."""
        return not self._pipeline.rewrites and self.pretokenizer.is_partition and self.model.is_lossless

    def id_to_piece(self, i: int) -> bytes:
        """The bytes of an id; for a special token, its text in UTF-8.

        Raises
        ------
        IndexError
            If the id is not in use.
        """
        return gather_pieces(self._pieces, as_ids([i]))

    def piece_to_id(self, piece: bytes | str) -> int:
        """The id of a piece; or of a special token, unless its text is a piece too.

        Raises
        ------
        KeyError
            If there is no such piece.
        """
        if self._ids is None:
            special = {token.encode(): i for token, i in self._special.ids.items()}
            rows = enumerate(self.model.pieces.to_bytes())
            self._ids = special | {row: i for i, row in rows if row}
        return self._ids[encode_utf8(piece)]

    def fingerprint(self) -> str:
        """A SHA-256 over normalizer, pretokenizer, model and special tokens; provenance does not enter."""
        parts = [self.pretokenizer.config(), self.model.to_dict(), self.special_tokens]
        if self.normalizer is not None:
            parts.append(self.normalizer.config())
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def __repr__(self) -> str:
        steps = [step for step in (self.normalizer, self.pretokenizer) if step is not None]
        return f"Tokenizer({self.model.kind}, vocab_size={self.vocab_size:,}, {', '.join(map(str, steps))})"

    def __reduce__(self) -> tuple[Any, ...]:
        make = partial(type(self), normalizer=self.normalizer)
        return make, (self.model, self.pretokenizer, self._special.ids, self.provenance)

    # Text to ids

    @overload
    def encode(
        self,
        text: str | bytes,
        *,
        special: Special = ...,
        as_list: Literal[False] = ...,
        errors: Errors = ...,
        dropout: float | Fraction | None = ...,
        seed: int | None = ...,
        epoch: int = ...,
        sample: Sampling | None = ...,
    ) -> NDArray[np.uint32]: ...
    @overload
    def encode(
        self,
        text: str | bytes,
        *,
        special: Special = ...,
        as_list: Literal[True],
        errors: Errors = ...,
        dropout: float | Fraction | None = ...,
        seed: int | None = ...,
        epoch: int = ...,
        sample: Sampling | None = ...,
    ) -> list[int]: ...
    def encode(
        self,
        text: str | bytes,
        *,
        special: Special = "none",
        as_list: bool = False,
        errors: Errors = "strict",
        dropout: float | Fraction | None = None,
        seed: int | None = None,
        epoch: int = 0,
        sample: Sampling | None = None,
    ) -> NDArray[np.uint32] | list[int]:
        """Turn a text into ids.

        Parameters
        ----------
        text : str or bytes
            The text; bytes need not be valid UTF-8.
        special : {"none", "all", "raise"} or collection of str
            What the text of a special token becomes: with "none", ids of ordinary text, as if there were
            no special tokens; with "all", its own id; with a collection, its own id if it is in there;
            with "raise", an error. Where two could start at one place the longer one does.
        as_list : bool
            Give a list of ``int`` instead of an array.
        errors : {"strict", "replace", "surrogatepass"}
            What a lone surrogate in a ``str`` does: raise `TextError`, become U+FFFD, or be its three
            bytes.
        dropout : float or Fraction, optional
            The probability by which BPE-dropout skips a merge, from 0, which is no dropout, to 1, which
            leaves the bytes; see the notes.
        seed, epoch : int
            What the draws for `dropout` depend on, each from 0 to 2^64 - 1; a seed must be given with it.
        sample : Sampling, optional
            How to draw the segmentations of a Unigram model, instead of taking the best ones.

        Returns
        -------
        ndarray of uint32, shape (n,), or list of int

        Raises
        ------
        TextError
            At a lone surrogate when `errors` is "strict".
        SpecialTokenError
            At the text of a special token when `special` is "raise".
        UnknownCharacterError
            At a character that the model has no piece for, if it has no unknown token either.
        ValueError
            If `dropout` is no probability, is given without a seed or the seed without it, if the model is
            not one of byte-level BPE; or if there is a `sample` and the model is not Unigram.

        Notes
        -----
        O(n log n) in the bytes of the longest pretoken, O(n) in the text; with a dropout of p, the former
        is divided by 1 - p, and no pretoken is known from before.

        Dropout follows Provilkov et al. (2020), section 3. In every pretoken, the merges that are possible
        are gone through by rank, then position. Each is skipped with probability p; the first that is not
        is made, and all that are then possible, those skipped before among them, are gone through anew.
        The pretoken is done when all are skipped. One that is a piece is not taken whole.

        What is drawn depends on seed, epoch, the number of the document (its row in a batch, its index in
        a corpus; 0 for a single text) and the byte of the document at which the pretoken begins, on
        nothing else. `fasttok.models.dropout.Dropout` says how, so that it can be reproduced. The same holds
        for `sample`. Where text is rewritten first, the byte is one of the document that came out, special
        tokens not counted.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=261)
        >>> for epoch in range(3):
        ...     [tok.id_to_piece(i) for i in tok.encode(" lower", dropout=0.3, seed=3, epoch=epoch)]
        [b' lowe', b'r']
        [b' ', b'lo', b'w', b'e', b'r']
        [b' low', b'e', b'r']
        """
        draws = resolve_draws(dropout, seed, epoch, sample)
        if as_list:
            return self._encoder.encode_list(text, special, errors, draws)
        return self._encoder.encode_text(text, special, errors, draws)

    @overload
    def encode_batch(
        self,
        texts: Iterable[str | bytes],
        *,
        special: Special = ...,
        as_list: Literal[False] = ...,
        errors: Errors = ...,
        workers: int | None = ...,
        dropout: float | Fraction | None = ...,
        seed: int | None = ...,
        epoch: int = ...,
        sample: Sampling | None = ...,
    ) -> Ragged: ...
    @overload
    def encode_batch(
        self,
        texts: Iterable[str | bytes],
        *,
        special: Special = ...,
        as_list: Literal[True],
        errors: Errors = ...,
        workers: int | None = ...,
        dropout: float | Fraction | None = ...,
        seed: int | None = ...,
        epoch: int = ...,
        sample: Sampling | None = ...,
    ) -> list[list[int]]: ...
    def encode_batch(
        self,
        texts: Iterable[str | bytes],
        *,
        special: Special = "none",
        as_list: bool = False,
        errors: Errors = "strict",
        workers: int | None = None,
        dropout: float | Fraction | None = None,
        seed: int | None = None,
        epoch: int = 0,
        sample: Sampling | None = None,
    ) -> Ragged | list[list[int]]:
        """Turn texts into ids, on several threads if there is much to do.

        Parameters
        ----------
        texts : iterable of str or bytes
            The texts.
        special, errors
            As in `encode`.
        as_list : bool
            Give lists of ``int`` instead of arrays.
        workers : int, optional
            Threads; by default one a processor. The result does not depend on it.
        dropout, seed, epoch, sample
            As in `encode`; the draws for a text depend on its row.

        Returns
        -------
        Ragged of uint32, or list of lists of int
            A row a text.
        """
        draws = resolve_draws(dropout, seed, epoch, sample)
        if as_list:
            return self._encoder.encode_lists(texts, special, errors, workers, draws)
        return self._encoder.encode_corpus(Corpus.from_texts(texts, errors=errors), special, workers, draws)

    def encode_files(
        self,
        paths: PathLike | Iterable[PathLike] | Corpus,
        *,
        special: Special = "none",
        workers: int | None = None,
        dropout: float | Fraction | None = None,
        seed: int | None = None,
        epoch: int = 0,
        sample: Sampling | None = None,
    ) -> Ragged:
        """Turn the documents of files into ids.

        Parameters
        ----------
        paths : path, iterable of paths, or Corpus
            What `Corpus.from_files` takes; or a corpus, for other rules of what a document is.
        special, workers
            As in `encode_batch`.
        dropout, seed, epoch, sample
            As in `encode`; the draws for a document depend on its index in the corpus.

        Returns
        -------
        Ragged of uint32
            A row a document.
        """
        corpus = paths if isinstance(paths, Corpus) else Corpus.from_files(paths)
        draws = resolve_draws(dropout, seed, epoch, sample)
        return self._encoder.encode_corpus(corpus, special, workers, draws)

    def encode_with_offsets(self, text: str | bytes, *, special: Special = "none") -> Encoding:
        """Turn a text into ids, and say where in the text each stands.

        Parameters
        ----------
        text : str or bytes
            The text; bytes need not be valid UTF-8.
        special : {"none", "all", "raise"} or collection of str
            As in `encode`.

        Returns
        -------
        Encoding
            The ids that `encode` gives, with their places in bytes and in code points.

        Raises
        ------
        TextError, SpecialTokenError
            As in `encode`.
        UnknownCharacterError
            As in `encode`.

        Notes
        -----
        The time of `encode`, and O(n) in the text. The spans in code points are the offsets of ``tokenizers``
        with ``trim_offsets=False``; its default leaves out the space before a word.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low lower"]), vocab_size=258)
        >>> text = "lower"
        >>> [text[start:end] for start, end in tok.encode_with_offsets(text).char_spans]
        ['low', 'e', 'r']
        """
        data = encode_utf8(text)
        if self.is_lossless:
            # Nothing is lost between the pieces, so their lengths alone say where they stand.
            ids = self._encoder.encode_text(data, special, "strict")
            bounds = lengths_to_offsets(self.decoder.lengths(ids))
            return locate(data, ids, bounds[:-1], bounds[1:])
        return locate(data, *self._encoder.encode_aligned(data, special))

    def count(self, text: str | bytes, *, special: Special = "none", errors: Errors = "strict") -> int:
        """Count the tokens of a text; otherwise as `encode`."""
        return len(self.encode(text, special=special, errors=errors))

    # Ids to text

    def decode(self, ids: Ids, *, errors: Literal["replace", "strict"] = "replace") -> str:
        """Turn ids into text.

        Parameters
        ----------
        ids : sequence or array of int
            The ids; those of special tokens become their texts.
        errors : {"replace", "strict"}
            What bytes that are not UTF-8 do, which the ids of part of a text may give: become U+FFFD,
            or raise ``UnicodeDecodeError``.

        Returns
        -------
        str

        Raises
        ------
        IndexError
            If an id is negative, not below `vocab_size`, or not in use.
        TypeError
            If the ids are not integers.
        """
        return self.decode_bytes(ids).decode(errors=_checked_errors(errors))

    def decode_bytes(self, ids: Ids) -> bytes:
        """Turn ids into the bytes of the text; otherwise as `decode`. O(length of the result)."""
        return self.decoder.decode(as_ids(ids))

    def decode_batch(
        self, batch: Ragged | Iterable[Ids], *, errors: Literal["replace", "strict"] = "replace"
    ) -> list[str]:
        """Turn every row of a batch into text; otherwise as `decode`."""
        _checked_errors(errors)
        rows = batch if isinstance(batch, Ragged) else Ragged.from_arrays([as_ids(row) for row in batch])
        texts = self.decoder.decode_rows(Ragged(as_ids(rows.values), rows.offsets))
        return [text.decode(errors=errors) for text in texts]

    # Files

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the tokenizer to one self-contained file, whole or not at all; `fasttok.load` reads it."""
        from fasttok.formats.native import save

        save(self, path)

    def to_tiktoken(self, path: str | os.PathLike[str]) -> None:
        """Write a tiktoken rank file; see `fasttok.formats.tiktoken.save`."""
        from fasttok.formats.tiktoken import save

        save(self, path)


def as_ids(ids: Ids) -> NDArray[Any]:
    """A row of ids as a contiguous array of uint32 or int64; none of them looked at yet."""
    if isinstance(ids, (str, bytes)) or not hasattr(ids, "__len__"):
        raise TypeError(f"ids must be one row of integers, not {type(ids).__name__}")
    try:
        array = np.asarray(ids)
    except ValueError:
        array = np.empty((0, 0))
    if array.ndim != 1:
        raise TypeError("ids must be one row of integers; for several rows there is decode_batch")
    if len(array) == 0:
        return np.empty(0, np.int64)
    if array.dtype == object and all(type(i) is int for i in array.tolist()):
        raise IndexError("an id beyond 64 bits is outside any vocabulary")
    if array.dtype.kind not in "iu":
        raise TypeError(f"ids must be integers, not {array.dtype}")
    if array.dtype == np.uint64:
        array = np.minimum(array, np.uint64(1 << 62))
    return np.ascontiguousarray(array if array.dtype == np.uint32 else array.astype(np.int64))


def _checked_errors(errors: str) -> str:
    if errors not in ("replace", "strict"):
        raise ValueError(f'errors must be "replace" or "strict", not {errors!r}')
    return errors
