"""`Tokenizer`: text to ids and back."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fasttok.core.checks import checked_choice, checked_flag, checked_integer, checked_size
from fasttok.core.errors import TemplateError
from fasttok.core.ids import Ids, as_ids, as_known_rows, as_rows
from fasttok.core.ids import Rows as IdRows
from fasttok.core.ragged import Ragged
from fasttok.corpus.corpus import Corpus
from fasttok.corpus.readers import PathLike
from fasttok.decoders.base import Decoder
from fasttok.decoders.derived import derive_decoder
from fasttok.decoders.registry import AnyDecoder, get_decoder
from fasttok.decoders.text import TextDecoder
from fasttok.models.base import Model
from fasttok.models.sampling import Sampler
from fasttok.text.added import AddedToken, AddedTokens, Special
from fasttok.text.normalizers.registry import AnyNormalizer, get_normalizer
from fasttok.text.pipeline import Pipeline
from fasttok.text.pretokenizers.registry import AnyPretokenizer, get_pretokenizer
from fasttok.text.unicode.utf8 import Errors, encode_utf8
from fasttok.tokenizer.batches import (
    Ends,
    Padded,
    Pairs,
    TextPair,
    Truncation,
    Windows,
    checked_dtype,
    cut_windows,
    find_pad_id,
    frame_rows,
    iterate_texts,
    join_pairs,
    pad_to_matrix,
)
from fasttok.tokenizer.encode import BatchOptions, EncodeOptions, TextEncoder
from fasttok.tokenizer.offsets import Encoding, locate
from fasttok.tokenizer.template import PLAIN_PAIR, Template
from fasttok.tokenizer.vocabulary import Vocabulary, append_tokens, as_added_tokens, check_added_tokens

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from fasttok.display.colours import ColouredTokens


class Tokenizer:
    """A pipeline, a model and a decoder: turns text into ids and ids into text.

    Made by `fasttok.train` or `fasttok.load`. Immutable and safe to share between threads; caches of
    pretokens, one per thread and each of about 64 MiB at most, are kept from call to call.

    Parameters
    ----------
    model : Model
        The model, which turns pretokens into ids.
    pretokenizer : str, sequence, dict or Pretokenizer
        The pretokenizer, which cuts text into pretokens; see `get_pretokenizer`.
    added_tokens : mapping of str or AddedToken to int
        Texts with ids beside the model's; see `AddedToken`. A ``str`` is a special token, which plain text
        never becomes.
    provenance : mapping, optional
        Where the tokenizer comes from; plain JSON, kept in the file.
    normalizer : str, sequence, dict or Normalizer, optional
        The normalizer, which rewrites text before it is cut; see `get_normalizer`.
    template : Template, optional
        The special tokens around a text, which ``add_special_tokens=True`` asks for.
    decoder : str, sequence, dict or Decoder, optional
        The decoder, which turns ids into text; see `get_decoder`. It is kept in the file. Without one, the
        decoder follows from the pretokenizer and the model.

    Raises
    ------
    ValueError
        If the id of an added token is taken, negative, or given twice, or the model's unknown token is not a
        special one of them.
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
        added_tokens: Mapping[str, int] | Mapping[AddedToken, int] | None = None,
        provenance: Mapping[str, Any] | None = None,
        *,
        normalizer: AnyNormalizer = None,
        template: Template | None = None,
        decoder: AnyDecoder = None,
    ) -> None:
        if template is not None and not isinstance(template, Template):
            raise TypeError(f"template must be a Template, not {type(template).__name__}")
        self.model = model
        self.normalizer = get_normalizer(normalizer)
        self.pretokenizer = get_pretokenizer(pretokenizer)
        self.template = template
        self.provenance = dict(provenance or {})
        tokens = as_added_tokens(added_tokens or {})
        check_added_tokens(tokens, model.pieces)
        self._added = AddedTokens(tuple(tokens), tuple(tokens.values()), self.normalizer)
        self._vocabulary = Vocabulary(model.pieces, self._added)
        if model.unk_id is not None and model.unk_id not in self._added.special_ids.values():
            raise ValueError(f"the model's unknown token has id {model.unk_id}, which no special token has")
        self._bound = (template or Template("$A")).bind(self._added.special_ids)
        self._ends = self._bound.ends
        self._pipeline = Pipeline(self.normalizer, self.pretokenizer, self._added)
        self._encoder = TextEncoder(self._pipeline, model, self.vocab_size)
        self.given_decoder = get_decoder(decoder)
        self._derived_decoder = derive_decoder(self.pretokenizer, model)
        self._text_decoders: dict[bool, TextDecoder] = {}

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
        if self._pipeline.rewrites or self.decoder != self._derived_decoder:
            return False
        if any((token.lstrip or token.rstrip) and not token.special for token in self.added_tokens):
            return False
        return self.pretokenizer.is_partition and self.model.is_lossless

    def fingerprint(self) -> str:
        """Return a SHA-256 over all that ids and decoded text depend on; provenance does not enter."""
        model = {"kind": self.model.kind} | self.model.to_dict()
        parts: list[Any] = [self.pretokenizer.config(), model, self.special_tokens]
        if not self._added.are_plain_specials:
            parts[2] = sorted(self._added.config(), key=lambda token: int(token["id"]))
        if self.normalizer is not None:
            parts.append(self.normalizer.config())
        if self.template is not None:
            parts.append(self.template.config())
        if self.given_decoder is not None:
            parts.append({"decoder": self.given_decoder.config()})
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def __repr__(self) -> str:
        steps = [step for step in (self.normalizer, self.pretokenizer) if step is not None]
        return f"Tokenizer({self.model.kind}, vocab_size={self.vocab_size:,}, {', '.join(map(str, steps))})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _make, (type(self), self._arguments())

    def _arguments(self) -> dict[str, Any]:
        """Return the arguments with which the constructor makes the same tokenizer."""
        return {
            "model": self.model,
            "pretokenizer": self.pretokenizer,
            "added_tokens": self.added_tokens,
            "provenance": self.provenance,
            "normalizer": self.normalizer,
            "template": self.template,
            "decoder": self.given_decoder,
        }

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
        other._bound = other.template.bind(self._added.special_ids)
        other._ends = other._bound.ends
        return other

    # Pieces

    @property
    def vocab_size(self) -> int:
        """The number of ids: the largest id in use, plus one."""
        return len(self._vocabulary.pieces)

    @property
    def pieces(self) -> Ragged:
        """The bytes of each id, as `id_to_piece` gives them; an empty row for an id that is not in use."""
        return self._vocabulary.pieces

    @property
    def unk_id(self) -> int | None:
        """The id of what is not in the vocabulary, where the model has one."""
        return self.model.unk_id

    @property
    def special_tokens(self) -> dict[str, int]:
        """The id of each special token."""
        return dict(self._added.special_ids)

    @property
    def added_tokens(self) -> dict[AddedToken, int]:
        """The id of each added token, special or not."""
        return dict(self._added.items())

    @property
    def has_plain_tokens(self) -> bool:
        """Whether all added tokens are special and have no flags: texts and ids are all there is to them."""
        return self._added.are_plain_specials

    def id_to_piece(self, i: int) -> bytes:
        """The bytes of an id; for a special token, its text in UTF-8.

        Raises
        ------
        IndexError
            If the id is not in use.
        """
        return self._vocabulary.id_to_piece(i)

    def piece_to_id(self, piece: bytes | str) -> int:
        """The id of a piece; or of a special token, unless its text is a piece too.

        Raises
        ------
        KeyError
            If there is no such piece.
        """
        return self._vocabulary.piece_to_id(encode_utf8(piece))

    def add_tokens(self, tokens: Iterable[str | AddedToken]) -> Tokenizer:
        """Return the same tokenizer with more added tokens, whose ids follow those in use.

        Parameters
        ----------
        tokens : iterable of str or AddedToken
            The tokens. A ``str`` is a token that is not special: it is found in every text.

        Raises
        ------
        TypeError
            If a token is neither.
        ValueError
            If a token is empty, is given twice, or is there already, be it as a piece of the model.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.PretokenCounts.from_dict({"a": 1}), vocab_size=256)
        >>> tok = tok.add_tokens(["<tool>", ft.AddedToken("<s>", special=True)])
        >>> tok.encode("a<tool><s>").tolist()
        [97, 256, 60, 115, 62]
        >>> tok.encode("a<tool><s>", special="all").tolist()
        [97, 256, 257]
        """
        added = append_tokens(self._vocabulary, self.added_tokens, tokens)
        return _make(type(self), self._arguments() | {"added_tokens": added})

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
        sampling: Sampler | None = None,
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
        sampling : Dropout or Sampling, optional
            Draw the ids by chance: `Dropout` for byte-pair encoding, `Sampling` for Unigram.

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
            If the model cannot sample in this way.

        Notes
        -----
        O(n log n) in the bytes of the longest pretoken, O(n) in the text; with `Dropout` of p, the former is
        divided by 1 - p, and no pretoken is known from before.

        What is drawn depends on seed, epoch, the number of the document (its row in a batch, its index in a
        corpus; 0 for a single text) and the byte of the document at which the pretoken begins, on nothing
        else. `Dropout` says how.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=261)
        >>> for epoch in range(3):
        ...     [tok.id_to_piece(i) for i in tok.encode(" lower", sampling=ft.Dropout(0.3, 3, epoch))]
        [b' lowe', b'r']
        [b' ', b'lo', b'w', b'e', b'r']
        [b' low', b'e', b'r']
        """
        if add_special_tokens:
            self._require_template()
        if as_list:
            row = self._encoder.encode_list(text, special, errors, sampling)
            return [*self._ends[0], *row, *self._ends[1]] if add_special_tokens else row
        ids = self._encoder.encode_text(text, special, errors, sampling)
        if not add_special_tokens:
            return ids
        before, after = (np.array(end, np.uint32) for end in self._ends)
        return np.concatenate([before, ids, after])

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
        sampling: Sampler | None = None,
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
            Number of threads; default: all CPUs. The result does not depend on it.
        sampling
            As in `encode`; the draws for a text depend on its row.

        Returns
        -------
        Ragged of uint32, or list of lists of int
            A row per text.
        """
        if not as_list:
            corpus = Corpus.from_texts(texts, errors=errors)
            return self._encode_corpus(corpus, add_special_tokens, special, workers, sampling)
        if add_special_tokens:
            self._require_template()
        lists = self._encoder.encode_lists(texts, special, errors, workers, sampling)
        before, after = self._ends
        return [[*before, *row, *after] for row in lists] if add_special_tokens else lists

    def encode_files(
        self,
        paths: PathLike | Iterable[PathLike] | Corpus,
        *,
        add_special_tokens: bool = False,
        special: Special = "none",
        workers: int | None = None,
        sampling: Sampler | None = None,
    ) -> Ragged:
        """Turn the documents of files into ids.

        Parameters
        ----------
        paths : path, iterable of paths, or Corpus
            What `Corpus.from_files` takes; or a corpus, for other rules of what a document is.
        add_special_tokens, special, workers
            As in `encode_batch`.
        sampling
            As in `encode`; the draws for a document depend on its index in the corpus.

        Returns
        -------
        Ragged of uint32
            A row per document.
        """
        corpus = paths if isinstance(paths, Corpus) else Corpus.from_files(paths)
        return self._encode_corpus(corpus, add_special_tokens, special, workers, sampling)

    def encode_pairs(
        self,
        pairs: Iterable[TextPair],
        *,
        max_length: int | None = None,
        truncation: Truncation = "longest_first",
        add_special_tokens: bool = False,
        **options: Unpack[BatchOptions],
    ) -> Pairs:
        """Turn pairs of texts into ids, a row per pair, with type ids that tell the texts apart.

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
        ids, spans = self._encoder.encode_located(data, special)
        return locate(data, ids, spans)

    def count(self, text: str | bytes, *, special: Special = "none", errors: Errors = "strict") -> int:
        """Count the tokens of a text; otherwise as `encode`."""
        return len(self.encode(text, special=special, errors=errors))

    def show(self, text: str | bytes, *, special: Special = "none") -> ColouredTokens:
        """Return the tokens of a text side by side; in a notebook in colours. Otherwise as `encode`.

        An unknown token is shown as the text that it stands for, and marked.
        """
        from fasttok.display.colours import show

        return show(self, text, special)

    def _encode_corpus(
        self,
        corpus: Corpus,
        add_special_tokens: bool,
        special: Special,
        workers: int | None,
        sampling: Sampler | None,
    ) -> Ragged:
        if not add_special_tokens:
            return self._encoder.encode_corpus(corpus, special, workers, sampling)
        self._require_template()
        return frame_rows(self._bound.single, self._encoder.encode_corpus(corpus, special, workers, sampling))

    def _require_template(self) -> None:
        if self.template is None:
            raise TemplateError(
                'this tokenizer has no template; tok.with_template("[CLS] $A [SEP]"), say, is one that has'
            )

    # Ids to text

    @property
    def decoder(self) -> Decoder:
        """The decoder: the one given, or the one that follows from the pretokenizer and the model."""
        return self._derived_decoder if self.given_decoder is None else self.given_decoder

    def text_decoder(self, clean_up: bool = True) -> TextDecoder:
        """Return the decoder with the tables of this vocabulary; `clean_up` as in `decode`.

        Raises
        ------
        TypeError
            If `clean_up` is neither True nor False.
        """
        checked_flag("clean_up", clean_up)
        if clean_up not in self._text_decoders:
            decoder = self.decoder if clean_up else self.decoder.without_clean_up()
            self._text_decoders[clean_up] = (
                self.text_decoder()
                if not clean_up and decoder == self.decoder
                else TextDecoder(
                    decoder, self.model, self._added.ids_by_text, self._added.special_ids.values()
                )
            )
        return self._text_decoders[clean_up]

    def decode(
        self,
        ids: Ids,
        *,
        errors: Literal["replace", "strict"] = "replace",
        skip_special_tokens: bool = False,
        clean_up: bool = True,
    ) -> str:
        """Turn ids into text.

        Parameters
        ----------
        ids : sequence or array of int
            The ids; those of special tokens become their texts.
        errors : {"replace", "strict"}
            What bytes that are not UTF-8 do, which the ids of part of a text may give: become U+FFFD,
            or raise ``UnicodeDecodeError``.
        skip_special_tokens : bool
            Leave out the ids of special tokens, that of unknown words too.
        clean_up : bool
            Where words are joined by spaces because the pretokenizer dropped those of the text, as with
            WordPiece: leave out the space before ``.``, ``?``, ``!``, ``,``, ``n't``, ``'m``, ``'s``, ``'ve``
            and ``'re``, as tokenizers does. False also turns off the `clean_up` of a decoder that was given.

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
        checked_choice("errors", errors, "replace", "strict")
        text = self.decode_bytes(ids, skip_special_tokens=skip_special_tokens, clean_up=clean_up)
        return text.decode(errors=errors)

    def decode_bytes(self, ids: Ids, *, skip_special_tokens: bool = False, clean_up: bool = True) -> bytes:
        """Turn ids into the bytes of the text; otherwise as `decode`. O(length of the result)."""
        return self.text_decoder(clean_up).decode(as_ids(ids), skip_special_tokens)

    def decode_batch(
        self,
        batch: IdRows,
        *,
        errors: Literal["replace", "strict"] = "replace",
        skip_special_tokens: bool = False,
        clean_up: bool = True,
    ) -> list[str]:
        """Turn every row of a batch into text; otherwise as `decode`."""
        checked_choice("errors", errors, "replace", "strict")
        texts = self.text_decoder(clean_up).decode_rows(as_rows(batch), skip_special_tokens)
        return [text.decode(errors=errors) for text in texts]

    # Batches for a model

    def pad(
        self,
        rows: IdRows,
        max_length: int | None = None,
        *,
        side: Literal["right", "left"] = "right",
        width: int | None = None,
        pad_id: int | None = None,
        dtype: DTypeLike = np.int64,
    ) -> Padded:
        """Put rows of ids in a matrix for a model, with a mask that says where they are.

        Parameters
        ----------
        rows : Ragged or iterable of rows of int
            The rows, as `encode_batch` gives them.
        max_length : int, optional
            Longer rows are cut to so many ids. One that was made with the template keeps its special tokens.
        side : {"right", "left"}
            The side of the padding. Rows are always cut on the right.
        width : int, optional
            The number of columns; by default the length of the longest row, after cutting.
        pad_id : int, optional
            The id of the padding; by default the id of ``[PAD]``, ``<pad>`` or ``<|pad|>``, whichever is
            a special token.
        dtype : {np.int64, np.int32}
            The type of the ids: int64 is what most models take, int32 half the memory.

        Returns
        -------
        Padded
            The ids and the mask: C-contiguous, writeable, new, so that ``torch.from_numpy`` copies nothing.

        Raises
        ------
        IndexError
            If an id is negative or not below `vocab_size`.
        TypeError
            If the rows are not rows of integers, or `dtype` is another type.
        ValueError
            If `max_length` is below 1, or less than the special tokens that a row is to keep; if a row that
            is to be cut is of a pair; if a row is longer than `width`; if there is no token to pad with, or
            `pad_id` does not fit the `dtype`.

        Notes
        -----
        O(size of the matrix). Type ids are padded alike: ``tok.pad(pairs.type_ids, pad_id=0)``. Whether a row
        was made with the template is seen from its first and last ids. A row of a pair, which has one of
        these inside as well, is not cut: `encode_pairs` does that.

        Examples
        --------
        >>> import fasttok as ft
        >>> counts = ft.PretokenCounts.from_dict({"a": 1})
        >>> tok = ft.train(counts, vocab_size=259, special_tokens=["[PAD]", "[CLS]", "[SEP]"])
        >>> tok = tok.with_template("[CLS] $A [SEP]")
        >>> ids, mask = tok.pad(tok.encode_batch(["abcd", "a"], add_special_tokens=True), max_length=5)
        >>> ids.tolist()
        [[257, 97, 98, 99, 258], [257, 97, 258, 256, 256]]
        >>> mask.sum(axis=1).tolist()
        [5, 3]
        """
        checked_choice("side", side, "right", "left")
        if max_length is not None:
            max_length = checked_size("max_length", max_length, least=1)
        if width is not None:
            width = checked_size("width", width, least=0)
        pad_id = find_pad_id(self._added.special_ids) if pad_id is None else checked_integer("pad_id", pad_id)
        known, ends = self._look_at(rows)
        return pad_to_matrix(
            known,
            ends,
            pad_id,
            max_length=max_length,
            width=width,
            on_left=side == "left",
            dtype=checked_dtype(dtype, pad_id),
        )

    def windows(self, rows: IdRows, max_length: int, stride: int = 0) -> Windows:
        """Cut rows of ids into windows that overlap, so that nothing of a long text is lost.

        Parameters
        ----------
        rows : Ragged or iterable of rows of int
            The rows, as `encode_batch` gives them.
        max_length : int
            The most ids of a window. Where a row was made with the template, each of its windows has the
            special tokens.
        stride : int
            How many ids a window shares with the one before; those of the template do not count.

        Returns
        -------
        Windows
            The windows, and the row that each is of. A row that is short enough, an empty one as well, is one
            window.

        Raises
        ------
        IndexError, TypeError
            As in `pad`.
        ValueError
            If `stride` is negative, or `max_length` has no room for an id beside those of the template and
            those shared; or if a row that is to be cut is of a pair.

        Notes
        -----
        O(length of the result), which grows as `stride` comes near to `max_length`. The windows are those of
        ``tokenizers``, which calls all but the first overflowing.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.PretokenCounts.from_dict({"a": 1}), vocab_size=257, special_tokens=["<s>"])
        >>> tok = tok.with_template("<s> $A")
        >>> windows = tok.windows(tok.encode_batch(["abcdef", "g"], add_special_tokens=True), 4, stride=1)
        >>> tok.decode_batch(windows.ids), windows.documents.tolist()
        (['<s>abc', '<s>cde', '<s>ef', '<s>g'], [0, 0, 0, 1])
        """
        max_length = checked_size("max_length", max_length, least=1)
        stride = checked_size("stride", stride, least=0)
        known, ends = self._look_at(rows)
        return cut_windows(known, ends, max_length, stride)

    def _look_at(self, rows: IdRows) -> tuple[Ragged, Ends]:
        """The rows, checked, and what they begin and end with if they were made with the template."""
        is_types = isinstance(rows, Ragged) and rows.values.dtype == np.uint8  # type ids look like ids
        return as_known_rows(rows, self.vocab_size), ([], []) if is_types else self._ends

    # Files

    def save(self, path: str | os.PathLike[str], format: str = "fasttok") -> None:
        """Write the tokenizer to a file, whole or not at all; see `fasttok.formats.registry.save`."""
        from fasttok.formats.registry import save

        save(self, path, format)


def _make(kind: type[Tokenizer], arguments: dict[str, Any]) -> Tokenizer:
    """Make a tokenizer of its arguments, by name."""
    return kind(**arguments)
