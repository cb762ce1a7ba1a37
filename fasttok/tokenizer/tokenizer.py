"""`Tokenizer`: text to ids and back."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_choice, checked_size
from fasttok.core.errors import TemplateError
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.corpus.corpus import Corpus
from fasttok.corpus.readers import PathLike
from fasttok.display.colours import ColouredTokens, visible
from fasttok.models.base import Model
from fasttok.models.sampling import Sampling, resolve_draws
from fasttok.text.added import Special
from fasttok.text.normalizers.registry import AnyNormalizer, get_normalizer
from fasttok.text.pipeline import Pipeline
from fasttok.text.pretokenizers.registry import AnyPretokenizer, get_pretokenizer
from fasttok.text.unicode.utf8 import Errors, encode_utf8
from fasttok.tokenizer.batches import Pairs, TextPair, Truncation, frame_rows, iterate_texts, join_pairs
from fasttok.tokenizer.encode import BatchOptions, Draws, EncodeOptions, TextEncoder
from fasttok.tokenizer.offsets import Encoding, locate
from fasttok.tokenizer.template import PLAIN_PAIR, Template
from fasttok.tokenizer.vocabulary import Vocabulary

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Tokenizer(Vocabulary):
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
    template : Template, optional
        The special tokens around a text, which ``add_special_tokens=True`` asks for.

    Raises
    ------
    ValueError
        If the id of a special token is taken, negative, or given twice, or the model's unknown token is
        none of them.
    TemplateError
        If a token of the template is none of them.

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
        template: Template | None = None,
    ) -> None:
        self.normalizer = normalizer = get_normalizer(normalizer)
        self.pretokenizer = pretokenizer = get_pretokenizer(pretokenizer)
        self.provenance = dict(provenance or {})
        super().__init__(model, {} if special_tokens is None else special_tokens, pretokenizer, template)
        self._pipeline = Pipeline(normalizer, pretokenizer)
        self._encoder = TextEncoder(self._pipeline, model, self._special, len(self._pieces))

    # What it is

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

    def fingerprint(self) -> str:
        """A SHA-256 over all that the ids depend on; provenance does not enter."""
        parts = [self.pretokenizer.config(), self.model.to_dict(), self.special_tokens]
        if self.normalizer is not None:
            parts.append(self.normalizer.config())
        if self.template is not None:
            parts.append(self.template.config())
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def __repr__(self) -> str:
        steps = [step for step in (self.normalizer, self.pretokenizer) if step is not None]
        return f"Tokenizer({self.model.kind}, vocab_size={self.vocab_size:,}, {', '.join(map(str, steps))})"

    def __reduce__(self) -> tuple[Any, ...]:
        make = partial(type(self), normalizer=self.normalizer, template=self.template)
        return make, (self.model, self.pretokenizer, self._special.ids, self.provenance)

    def with_template(self, single: str, pair: str | None = None) -> Tokenizer:
        """The same tokenizer with another template; `single` and `pair` are those of `Template`.

        Raises
        ------
        TemplateError
            If the template cannot be read, or one of its tokens is no special token of this tokenizer.

        Examples
        --------
        >>> import fasttok as ft
        >>> counts = ft.PretokenCounts.from_dict({"a": 1})
        >>> tok = ft.train(counts, vocab_size=258, special_tokens=["<s>", "</s>"])
        >>> tok.with_template("<s> $A </s>").encode("a", add_special_tokens=True).tolist()
        [256, 97, 257]
        """
        other = copy.copy(self)  # with the same tables and caches
        other.template = Template(single, pair)
        other._bound = other.template.bind(self._special.ids)
        other._ends = other._bound.ends
        return other

    # Text to ids

    @overload
    def encode(
        self,
        text: str | bytes,
        *,
        add_special_tokens: bool = ...,
        as_list: Literal[False] = ...,
        **options: Unpack[EncodeOptions],
    ) -> NDArray[np.uint32]: ...
    @overload
    def encode(
        self,
        text: str | bytes,
        *,
        add_special_tokens: bool = ...,
        as_list: Literal[True],
        **options: Unpack[EncodeOptions],
    ) -> list[int]: ...
    def encode(
        self,
        text: str | bytes,
        *,
        add_special_tokens: bool = False,
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
        add_special_tokens : bool
            Put the special tokens of the template around the text.
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
            leaves the bytes; see `fasttok.models.dropout.Dropout`.
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
        TemplateError
            If special tokens are to be added and there is no template.
        ValueError
            If `dropout` is no probability, is given without a seed or the seed without it, if the model is
            not one of byte-level BPE; or if there is a `sample` and the model is not Unigram.

        Notes
        -----
        O(n log n) in the bytes of the longest pretoken, O(n) in the text; with a dropout of p, the former
        is divided by 1 - p, and no pretoken is known from before.

        What is drawn, for `dropout` or a `sample`, depends on seed, epoch, the number of the document (its
        row in a batch, its index in a corpus; 0 for a single text) and the byte of the document at which the
        pretoken begins, on nothing else. `fasttok.models.dropout.Dropout` says how.

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
        if add_special_tokens:
            self._require_template()
        if as_list:
            row = self._encoder.encode_list(text, special, errors, draws)
            return [*self._ends[0], *row, *self._ends[1]] if add_special_tokens else row
        ids = self._encoder.encode_text(text, special, errors, draws)
        if not add_special_tokens:
            return ids
        before, behind = (np.array(end, np.uint32) for end in self._ends)
        return np.concatenate([before, ids, behind])

    @overload
    def encode_batch(
        self,
        texts: Iterable[str | bytes],
        *,
        add_special_tokens: bool = ...,
        as_list: Literal[False] = ...,
        **options: Unpack[BatchOptions],
    ) -> Ragged: ...
    @overload
    def encode_batch(
        self,
        texts: Iterable[str | bytes],
        *,
        add_special_tokens: bool = ...,
        as_list: Literal[True],
        **options: Unpack[BatchOptions],
    ) -> list[list[int]]: ...
    def encode_batch(
        self,
        texts: Iterable[str | bytes],
        *,
        add_special_tokens: bool = False,
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
        add_special_tokens, special, errors
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
        if not as_list:
            corpus = Corpus.from_texts(texts, errors=errors)
            return self._encode_corpus(corpus, add_special_tokens, special, workers, draws)
        if add_special_tokens:
            self._require_template()
        lists = self._encoder.encode_lists(texts, special, errors, workers, draws)
        before, behind = self._ends
        return [[*before, *row, *behind] for row in lists] if add_special_tokens else lists

    def encode_files(
        self,
        paths: PathLike | Iterable[PathLike] | Corpus,
        *,
        add_special_tokens: bool = False,
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
        add_special_tokens, special, workers
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
        return self._encode_corpus(corpus, add_special_tokens, special, workers, draws)

    def encode_pairs(
        self,
        pairs: Iterable[TextPair],
        *,
        max_length: int | None = None,
        truncation: Truncation = "longest_first",
        add_special_tokens: bool = False,
        **options: Unpack[BatchOptions],
    ) -> Pairs:
        """Turn pairs of texts into ids, a row a pair, with type ids that tell the texts apart.

        Parameters
        ----------
        pairs : iterable of pairs of str or bytes
            The texts.
        max_length : int, optional
            How many ids a row may have at most, those of the template included.
        truncation : {"longest_first", "only_first", "only_second"}
            Which text is cut where there are more: the one with more ids, until both have the same number,
            then both in turn; or always the same one, of which an id must stay.
        add_special_tokens : bool
            Put the special tokens of the template around the texts.
        **options
            What else `encode_batch` takes, but for `as_list`. Draws, and errors that name a document, count
            the texts one after another: pair i has 2 i and 2 i + 1.

        Returns
        -------
        Pairs
            Both texts in a row, and the type ids, as the template says; without one the type ids are 0 and 1.

        Raises
        ------
        TemplateError
            If special tokens are to be added and there is no template for pairs.
        ValueError
            If `max_length` is less than what the template adds, or the text that is to be cut is too short.

        Notes
        -----
        What is left of each text is what ``tokenizers`` 0.23 leaves of it; but where `max_length` has room
        for the template alone, that cuts both texts whatever it is told, and here only "longest_first" does.

        Examples
        --------
        >>> import fasttok as ft
        >>> counts = ft.PretokenCounts.from_dict({"a": 1})
        >>> tok = ft.train(counts, vocab_size=257, special_tokens=["<sep>"])
        >>> tok = tok.with_template("$A <sep>", "$A <sep> $B:1 <sep>:1")
        >>> ids, type_ids = tok.encode_pairs([("abc", "xyz")], max_length=6, add_special_tokens=True)
        >>> tok.decode(ids[0]), type_ids[0].tolist()
        ('ab<sep>xy<sep>', [0, 0, 0, 1, 1, 1])
        """
        checked_choice("truncation", truncation, "longest_first", "only_first", "only_second")
        parts = self._bound.pair or PLAIN_PAIR
        if not add_special_tokens:
            parts = tuple(part for part in parts if part.text is not None)
        elif not self._bound.pair:
            self._require_template()
            raise TemplateError("the template says nothing of pairs; tok.with_template(single, pair) does")
        if max_length is not None:
            max_length = checked_size("max_length", max_length, least=max(1, len(parts) - 2))
        rows = self.encode_batch(iterate_texts(pairs), as_list=False, **options)
        return join_pairs(rows, parts, max_length, truncation)

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
            bounds = lengths_to_offsets(self.decoder().lengths(ids))
            return locate(data, ids, bounds[:-1], bounds[1:])
        return locate(data, *self._encoder.encode_aligned(data, special))

    def count(self, text: str | bytes, *, special: Special = "none", errors: Errors = "strict") -> int:
        """Count the tokens of a text; otherwise as `encode`."""
        return len(self.encode(text, special=special, errors=errors))

    def show(self, text: str | bytes, *, special: Special = "none") -> ColouredTokens:
        """The tokens of a text side by side; in a notebook in colours. Otherwise as `encode`.

        An unknown token is shown as the text that it stands for, and marked.
        """
        data = encode_utf8(text)
        encoding = self.encode_with_offsets(data, special=special)
        tokens = [self.id_to_piece(i) for i in encoding.ids.tolist()]
        unknown = [place for place, i in enumerate(encoding.ids.tolist()) if i == self.unk_id]
        for place in unknown:
            start, end = encoding.byte_spans[place].tolist()
            tokens[place] = data[start:end]
        return ColouredTokens(tuple(map(visible, tokens)), frozenset(unknown))

    def _encode_corpus(
        self, corpus: Corpus, add_special_tokens: bool, special: Special, workers: int | None, draws: Draws
    ) -> Ragged:
        if not add_special_tokens:
            return self._encoder.encode_corpus(corpus, special, workers, draws)
        self._require_template()
        return frame_rows(self._bound.single, self._encoder.encode_corpus(corpus, special, workers, draws))

    def _require_template(self) -> None:
        if self.template is None:
            raise TemplateError(
                'this tokenizer has no template; tok.with_template("[CLS] $A [SEP]"), say, is one that has'
            )

    # Files

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the tokenizer to one self-contained file, whole or not at all; `fasttok.load` reads it."""
        from fasttok.formats.native import save

        save(self, path)

    def to_tiktoken(self, path: str | os.PathLike[str]) -> None:
        """Write a tiktoken rank file; see `fasttok.formats.tiktoken.save`."""
        from fasttok.formats.tiktoken import save

        save(self, path)

    def to_vocab(self, path: str | os.PathLike[str]) -> None:
        """Write the ``vocab.txt`` of a WordPiece tokenizer; see `fasttok.formats.vocab_txt.save`."""
        from fasttok.formats.vocab_txt import save

        save(self, path)
