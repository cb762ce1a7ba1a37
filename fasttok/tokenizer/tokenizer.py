"""`Tokenizer`: convert text to ids and ids to text."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fasttok.core.checks import (
    check_depth,
    checked_batch,
    checked_choice,
    checked_flag,
    checked_instance,
    checked_integer,
    checked_items,
    checked_mapping,
    checked_path,
    checked_size,
    suggest,
)
from fasttok.core.errors import SpecialTokenError, TemplateError, TextError, UnknownCharacterError
from fasttok.core.ids import Ids, as_ids, as_known_rows, as_rows
from fasttok.core.ids import Rows as IdRows
from fasttok.core.ragged import Ragged
from fasttok.corpus.corpus import Corpus, advising_corpus
from fasttok.corpus.files import PathLike
from fasttok.decoders.base import Decoder
from fasttok.decoders.derived import derive_decoder
from fasttok.decoders.registry import AnyDecoder, get_decoder
from fasttok.decoders.streaming import decode_row
from fasttok.decoders.text import TextDecoder
from fasttok.models.base import Model
from fasttok.models.sampling import Sampler
from fasttok.text.added import AddedToken, AddedTokens, Special
from fasttok.text.normalizers.registry import AnyNormalizer, get_normalizer
from fasttok.text.pipeline import Pipeline
from fasttok.text.pretokenizers.registry import AnyPretokenizer, get_pretokenizer
from fasttok.text.unicode.utf8 import Errors, checked_errors, decode_utf8, encode_utf8
from fasttok.tokenizer.batches import (
    Ends,
    Padded,
    Windows,
    checked_dtype,
    ends_of_types,
    find_pad_id,
    find_type_ids,
    override_padding,
    override_truncation,
    pad_to_matrix,
    split_into_windows,
)
from fasttok.tokenizer.encode import BatchOptions, EncodeOptions, TextEncoder
from fasttok.tokenizer.filling import (
    Pairs,
    TextPair,
    TypeIds,
    fill_part,
    fill_parts,
    iterate_texts,
    join_pairs,
    types_of,
)
from fasttok.tokenizer.model_config import ModelConfig
from fasttok.tokenizer.offsets import Encoding, Trimmer, locate, surround
from fasttok.tokenizer.piece_counts import read_piece_counts
from fasttok.tokenizer.settings import Padding, Settings, Side, Strategy, TrimOffsets, Truncation
from fasttok.tokenizer.stream import EncodedPart, Parts, copy_parts, count_parts, join_parts
from fasttok.tokenizer.template import PLAIN_PAIR, AnyIds, Template
from fasttok.tokenizer.vocabulary import Vocabulary, append_tokens, as_added_tokens, check_added_tokens
from fasttok.tokens.layout import SHARD_SIZE, checked_shard_size

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from fasttok.display.colours import ColouredTokens
    from fasttok.display.merge_trees import MergeTree
    from fasttok.tokens.store import TokenStore

LONG_ROW = 1024  # mean length in ids from which the rows of a batch are decoded one by one


class Tokenizer:
    """Complete tokenizer: normalizer, pretokenizer, model, added tokens, template and decoder.

    `encode` converts text to ids and `decode` converts ids to text. Tokenizers are usually made by
    `fasttok.train` or `fasttok.load`. A tokenizer is immutable and safe to share between threads. Tokenizers
    are equal if all that `save` writes is equal.

    Threads that encode at the same time each use a cache of pretokens, of at most about 64 MiB, or 96 MiB for
    BPE with ▁ for spaces. The tokenizer keeps these caches for later calls.

    Parameters
    ----------
    model : Model
        Subword model: maps pretokens to ids.
    pretokenizer : str, sequence, dict or Pretokenizer
        Pretokenizer: splits text into pretokens; see `get_pretokenizer`.
    added_tokens : mapping of str or AddedToken to int, optional
        Ids of tokens that are added to the model's vocabulary; see `AddedToken`. A ``str`` is a special
        token. `encode` finds special tokens in text only if the argument `special` of `encode` allows it.
    provenance : mapping, optional
        Record of how the tokenizer was made, as plain JSON. It is saved with the tokenizer.
    normalizer : str, sequence, dict or Normalizer, optional
        Normalizer: rewrites text before pretokenization; see `get_normalizer`.
    template : Template, optional
        Special tokens that ``add_special_tokens=True`` puts around a text or a pair of texts.
    decoder : str, sequence, dict or Decoder, optional
        Decoder: converts ids to text; see `get_decoder`. Default: derived from the pretokenizer and the
        model. Only a given decoder is saved with the tokenizer.
    padding : Padding, optional
        Defaults of `pad`. `encode` never pads.
    truncation : Truncation, optional
        Defaults of `encode_pairs`, `pad` and `windows`. `encode` never truncates.
    trim_offsets : TrimOffsets, optional
        Exclusion of white space from the spans of `encode_with_offsets`; default: spans include it.
    config : ModelConfig, optional
        Settings of the model that the tokenizer belongs to, such as its chat template. Ids do not depend on
        them.

    Raises
    ------
    ValueError
        If an added token is given twice; if its id is outside 0 to 2^24 - 1, is given twice, is already the
        id of a piece with another text, or leaves more than 2^20 smaller ids without a piece or token; if no
        piece and no added token has the id of the model's unknown token; or if the token of the padding is
        not an added token.
    TypeError
        If `added_tokens` is not a mapping, or a setting such as `template` has the wrong type.
    TemplateError
        If a special token of the template is not in the vocabulary.

    See Also
    --------
    train : Train a tokenizer on a corpus.
    load : Read a tokenizer from a file.

    Examples
    --------
    >>> import fasttok as ft
    >>> corpus = ft.Corpus.from_texts(["low lower lowest"])
    >>> tok = ft.train(corpus, vocab_size=262, special_tokens=["<|endoftext|>"])
    >>> tok
    Tokenizer(bpe, vocab_size=262, ScannerPretokenizer(name='o200k', unicode=None))
    >>> ids = tok.encode("lower lowest")
    >>> ids
    array([257, 101, 114, 259, 260], dtype=uint32)
    >>> [tok.id_to_piece(i) for i in ids]
    [b'low', b'e', b'r', b' lowe', b'st']
    >>> tok.decode(ids)
    'lower lowest'
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
        padding: Padding | None = None,
        truncation: Truncation | None = None,
        trim_offsets: TrimOffsets | None = None,
        config: ModelConfig | None = None,
    ) -> None:
        self.model = checked_instance("model", model, Model, "a Model", "fasttok.train makes one")
        self.normalizer = get_normalizer(normalizer)
        self.pretokenizer = get_pretokenizer(pretokenizer)
        self.provenance = {} if provenance is None else _checked_provenance(provenance)
        tokens = as_added_tokens({} if added_tokens is None else added_tokens)
        check_added_tokens(tokens, model.pieces)
        self._added = AddedTokens(tuple(tokens), tuple(tokens.values()), self.normalizer)
        self._vocabulary = Vocabulary(model.pieces, self._added)
        if model.unk_id is not None and not self._vocabulary.uses(model.unk_id):
            raise ValueError(
                f"the model's unknown token has id {model.unk_id}, but no piece and no added token has this "
                "id; add the unknown token to added_tokens"
            )
        self._set(template, padding, truncation, trim_offsets, config)
        self._pipeline = Pipeline(self.normalizer, self.pretokenizer, self._added)
        self._encoder = TextEncoder(self._pipeline, model, self.vocab_size)
        self.given_decoder = get_decoder(decoder)
        self._derived_decoder = derive_decoder(self.pretokenizer, model)
        self._text_decoders: dict[bool, TextDecoder] = {}

    def _set(
        self,
        template: Template | None,
        padding: Padding | None,
        truncation: Truncation | None,
        trim_offsets: TrimOffsets | None,
        config: ModelConfig | None,
    ) -> None:
        """Check and store the settings of `with_settings`."""
        for name, value, kind in (
            ("template", template, Template),
            ("padding", padding, Padding),
            ("truncation", truncation, Truncation),
            ("trim_offsets", trim_offsets, TrimOffsets),
            ("config", config, ModelConfig),
        ):
            if value is not None and not isinstance(value, kind):
                raise TypeError(f"{name} must be a {kind.__name__}, not {type(value).__name__}")
        ids = self._added.ids_by_text if template or padding else {}
        if padding is not None and padding.pad_token is not None:
            find_pad_id(padding, ids, ids)  # raises an error for an unknown token
        self.template = template and template.without_known_ids(ids)
        self.padding = padding
        self.truncation = truncation
        self.trim_offsets = trim_offsets
        self.config = config
        self._bound = (self.template or Template("$A")).bind(ids, self.pieces)
        self._around = self._bound.around
        before, _, after = self._around
        self._type_dtype = types_of(self._bound.single).dtype
        self._ends: Ends = [part.id for part in before], [part.id for part in after]
        self._fingerprint: str | None = None  # computed on first use

    # Properties

    @property
    def merges(self) -> NDArray[np.uint32]:
        """Merges of the model, as pairs of ids in order of rank: uint32 of shape (m, 2).

        Raises
        ------
        AttributeError
            If the model has no merges.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=258)
        >>> [(tok.id_to_piece(left), tok.id_to_piece(right)) for left, right in tok.merges]
        [(b'l', b'o'), (b'lo', b'w')]
        """
        merges: NDArray[np.uint32] = self.model.merges  # type: ignore[attr-defined]
        return merges

    @property
    def is_lossless(self) -> bool:
        """Whether ``decode_bytes(encode(x)) == x`` for every byte string x.

        Examples
        --------
        >>> import fasttok as ft
        >>> corpus = ft.Corpus.from_texts(["low lower lowest"])
        >>> ft.train(corpus, vocab_size=258).is_lossless
        True
        >>> ft.train(corpus, vocab_size=258, normalizer="lowercase").is_lossless
        False
        """
        if self._pipeline.rewrites or self.decoder != self._derived_decoder:
            return False
        if any((token.lstrip or token.rstrip) and not token.special for token in self.added_tokens):
            return False
        return self.pretokenizer.is_partition and self.model.is_lossless

    @property
    def piece_counts(self) -> NDArray[np.int64] | None:
        """Counts of the ids over the training counts: int64 of shape (vocab_size,), or None if not known.

        `fasttok.train` counts them with ``piece_counts=True`` and keeps them in the provenance. Each pretoken
        is encoded by itself, and its count is added to those of its ids. A pretoken that the model cannot
        encode is not counted. Special tokens have the count 0, except the unknown token.

        Raises
        ------
        ValueError
            If ``provenance["piece_counts"]`` is not a list of counts.

        Examples
        --------
        >>> import fasttok as ft
        >>> counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2})
        >>> tok = ft.train(counts, model="character", piece_counts=True)
        >>> {tok.id_to_piece(i): n for i, n in enumerate(tok.piece_counts.tolist())}
        {b'e': 2, b'l': 7, b'o': 7, b'r': 2, b'w': 7}
        """
        written = self.provenance.get("piece_counts")
        return None if written is None else read_piece_counts(written, self.vocab_size)

    def fingerprint(self) -> str:
        """Return a SHA-256 hash of everything that determines ids and decoded text.

        The provenance is not hashed: two tokenizers with equal fingerprints encode and decode alike, however
        they were made. `padding` and `truncation` are hashed, since batches depend on them; `trim_offsets` is
        not.

        Returns
        -------
        str
            64 hexadecimal digits.

        Examples
        --------
        >>> import fasttok as ft
        >>> corpus = ft.Corpus.from_texts(["low lower lowest"])
        >>> tok, again, larger = (ft.train(corpus, vocab_size=size) for size in (258, 258, 259))
        >>> tok.fingerprint() == again.fingerprint(), tok.fingerprint() == larger.fingerprint()
        (True, False)
        """
        if self._fingerprint is not None:
            return self._fingerprint
        parts: list[Any] = [self.pretokenizer.config(), self.model.file_fields(), self.special_tokens]
        if not self._added.are_plain_specials:
            parts[2] = sorted(self._added.config(), key=lambda token: int(token["id"]))
        if self.normalizer is not None:
            parts.append(self.normalizer.config())
        if self.template is not None and not self.template.is_plain:
            parts.append(self.template.config())
        if self.given_decoder is not None:
            parts.append({"decoder": self.given_decoder.config()})
        parts += [part.config() for part in (self.padding, self.truncation) if part is not None]
        self._fingerprint = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
        return self._fingerprint

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tokenizer):
            return NotImplemented
        if self is other:
            return True
        return (
            (self.vocab_size, self.provenance) == (other.vocab_size, other.provenance)
            and self.settings == other.settings
            and self.fingerprint() == other.fingerprint()
        )

    def __hash__(self) -> int:
        return hash((self.model.kind, self.vocab_size))  # fast, unlike the fingerprint

    def __repr__(self) -> str:
        steps = [step for step in (self.normalizer, self.pretokenizer) if step is not None]
        return f"Tokenizer({self.model.kind}, vocab_size={self.vocab_size:,}, {', '.join(map(str, steps))})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_arguments, (type(self), self._arguments())

    def _arguments(self) -> dict[str, Any]:
        """Return arguments from which the constructor makes an equal tokenizer."""
        return {
            "model": self.model,
            "pretokenizer": self.pretokenizer,
            "added_tokens": self.added_tokens,
            "provenance": self.provenance,
            "normalizer": self.normalizer,
            "decoder": self.given_decoder,
            **self.settings,
        }

    @property
    def settings(self) -> Settings:
        """Settings that `with_settings` changes, by name.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low"]), vocab_size=256)
        >>> tok.with_settings(trim_offsets=ft.TrimOffsets()).settings["trim_offsets"]
        TrimOffsets(add_prefix_space=False)
        """
        return {
            "template": self.template,
            "padding": self.padding,
            "truncation": self.truncation,
            "trim_offsets": self.trim_offsets,
            "config": self.config,
        }

    def with_settings(self, **settings: Unpack[Settings]) -> Tokenizer:
        """Return a copy of the tokenizer with other settings; settings that are not given stay.

        Parameters
        ----------
        **settings
            One or more of ``template``, ``padding``, ``truncation``, ``trim_offsets`` and ``config``, as in
            `Tokenizer`. None turns a setting off.

        Returns
        -------
        Tokenizer
            The copy. It shares the tables and caches of this tokenizer.

        Raises
        ------
        TemplateError, TypeError, ValueError
            As in `Tokenizer`.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low"]), vocab_size=257, special_tokens=["<pad>"])
        >>> rows = tok.encode_batch(["lower", "low"])
        >>> fixed = tok.with_settings(padding=ft.Padding(width=6), truncation=ft.Truncation(4))
        >>> fixed.decode_batch(fixed.pad(rows).ids)
        ['lowe<pad><pad>', 'low<pad><pad><pad>']
        >>> longer = fixed.with_settings(truncation=None)
        >>> longer.decode_batch(longer.pad(rows).ids)
        ['lower<pad>', 'low<pad><pad><pad>']
        """
        for name in settings:
            if name not in self.settings:
                raise TypeError(f"no setting is named {name!r}{suggest(name, self.settings)}")
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        other._set(**(self.settings | settings))
        return other

    def with_template(self, single: str, pair: str | None = None, ids: AnyIds = ()) -> Tokenizer:
        """Return a copy of the tokenizer with another template.

        Parameters
        ----------
        single : str
            Template of a single text, such as ``"[CLS] $A [SEP]"``; see `Template`.
        pair : str, optional
            Template of a pair of texts, such as ``"[CLS] $A [SEP] $B:1 [SEP]:1"``.
        ids : mapping of str to int or sequence of int
            Ids of special tokens that are not added tokens; see `Template`.

        Returns
        -------
        Tokenizer
            The copy. It shares the tables and caches of this tokenizer.

        Raises
        ------
        TemplateError
            If the template is malformed, or contains a special token that is not in the vocabulary.

        Examples
        --------
        >>> import fasttok as ft
        >>> counts = ft.PretokenCounts.from_dict({"a": 1})
        >>> tok = ft.train(counts, vocab_size=258, special_tokens=["<s>", "</s>"])
        >>> tok = tok.with_template("<s> $A </s>")
        >>> tok.encode("a", add_special_tokens=True).tolist()
        [256, 97, 257]
        """
        return self.with_settings(template=Template(single, pair, ids))

    # Vocabulary

    @property
    def vocab_size(self) -> int:
        """Largest id in use plus one, added tokens included. Unused ids below the largest id are included.

        Examples
        --------
        >>> import fasttok as ft
        >>> corpus = ft.Corpus.from_texts(["low lower lowest"])
        >>> ft.train(corpus, vocab_size=258, special_tokens=["<s>"]).vocab_size
        258
        """
        return len(self._vocabulary.pieces)

    @property
    def pieces(self) -> Ragged:
        """Bytes of each id, as `id_to_piece` returns them: Ragged of uint8, one row per id.

        The row of an id that is not in use is empty.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=258)
        >>> tok.pieces[255:].to_bytes()
        [b'\\xff', b'lo', b'low']
        """
        return self._vocabulary.pieces

    @property
    def unk_id(self) -> int | None:
        """Id of the unknown token; None if the model has no unknown token.

        Examples
        --------
        >>> import fasttok as ft
        >>> corpus = ft.Corpus.from_texts(["low lower lowest"])
        >>> tok = ft.train(corpus, model="character", special_tokens=["<unk>"], unk="<unk>")
        >>> tok.unk_id, tok.encode("low?").tolist()
        (0, [3, 4, 8, 0])
        """
        return self.model.unk_id

    @property
    def special_tokens(self) -> dict[str, int]:
        """Id of each special token by its text.

        Examples
        --------
        >>> import fasttok as ft
        >>> corpus = ft.Corpus.from_texts(["low lower lowest"])
        >>> ft.train(corpus, vocab_size=258, special_tokens=["<s>", "</s>"]).special_tokens
        {'<s>': 256, '</s>': 257}
        """
        return dict(self._added.special_ids)

    @property
    def added_tokens(self) -> dict[AddedToken, int]:
        """Id of each added token, special or not.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low"]), vocab_size=257, special_tokens=["<s>"])
        >>> tok = tok.add_tokens(["<tool>"])
        >>> [(token.text, token.special, i) for token, i in tok.added_tokens.items()]
        [('<s>', True, 256), ('<tool>', False, 257)]
        """
        return dict(self._added.items())

    @property
    def has_plain_tokens(self) -> bool:
        """Whether every added token is special and has no other flags; see `AddedToken`.

        A file format that stores only the text and id of each special token can hold such tokens.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low"]), vocab_size=257, special_tokens=["<s>"])
        >>> tok.has_plain_tokens, tok.add_tokens(["<tool>"]).has_plain_tokens
        (True, False)
        """
        return self._added.are_plain_specials

    @property
    def role_ids(self) -> dict[str, int]:
        """Id of the special token of each role that `config` names, such as "bos" and "eos".

        Roles whose token is not an added token are left out.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low"]), vocab_size=257, special_tokens=["</s>"])
        >>> tok.with_settings(config=ft.ModelConfig({"eos_token": "</s>"})).role_ids
        {'eos': 256}
        """
        roles, ids = {} if self.config is None else self.config.roles, self._added.ids_by_text
        return {role: ids[text] for role, text in roles.items() if text in ids}

    def id_to_piece(self, i: int) -> bytes:
        """Return the bytes of an id; for an added token, its text in UTF-8.

        Parameters
        ----------
        i : int
            The id.

        Returns
        -------
        bytes

        Raises
        ------
        IndexError
            If the id is not in use.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=258)
        >>> tok.id_to_piece(257)
        b'low'
        """
        return self._vocabulary.id_to_piece(checked_integer("i", i))

    def piece_to_id(self, piece: bytes | str) -> int:
        """Return the id of a piece or of an added token.

        If an added token and a piece of the model have the same text, the id of the added token is returned.

        Parameters
        ----------
        piece : bytes or str
            The piece; a ``str`` is encoded in UTF-8.

        Returns
        -------
        int

        Raises
        ------
        KeyError
            If the piece is not in the vocabulary.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=258)
        >>> tok.piece_to_id("low")
        257
        """
        return self._vocabulary.piece_to_id(encode_utf8(piece, name="piece"))

    def add_tokens(self, tokens: Iterable[str | AddedToken]) -> Tokenizer:
        """Return a copy of the tokenizer with more added tokens.

        The ids of the new tokens begin at `vocab_size`, in the given order.

        Parameters
        ----------
        tokens : iterable of str or AddedToken
            The tokens. A ``str`` is an added token that is not special, so `encode` always finds it in text.

        Returns
        -------
        Tokenizer

        Raises
        ------
        TypeError
            If `tokens` is a single token, a mapping, or not iterable.
        ValueError
            If a token is neither a ``str`` nor an `AddedToken`, is empty, given twice, or already in the
            vocabulary.

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
        return _from_arguments(type(self), self._arguments() | {"added_tokens": added})

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
        """Return the ids of a text.

        Parameters
        ----------
        text : str or bytes
            The text; bytes need not be valid UTF-8.
        add_special_tokens : bool
            Whether to put the special tokens of the template around the text.
        special : {"none", "all", "raise"} or collection of str
            Treatment of special tokens whose text occurs in `text`. "none" encodes the text of such a token
            as ordinary text. "all" encodes it as the id of the token. A collection works like "all" for the
            special tokens in it, and like "none" for the others. "raise" raises `SpecialTokenError`. Added
            tokens that are not special are always found. If the texts of several tokens overlap, the token
            that begins first is found; if several begin at the same byte, the longest is found.
        as_list : bool
            Whether to return a list of ``int`` instead of an array.
        errors : {"strict", "replace", "surrogatepass"}
            Treatment of lone surrogates in a ``str``. "strict" raises `TextError`, "replace" encodes U+FFFD
            instead, and "surrogatepass" encodes the three bytes of the surrogate.
        sampling : Dropout or Sampling, optional
            Random segmentation instead of the deterministic one: `Dropout` for BPE, `Sampling` for Unigram.

        Returns
        -------
        ndarray of uint32, shape (n,), or list of int

        Raises
        ------
        TextError
            If the text contains a lone surrogate and `errors` is "strict".
        SpecialTokenError
            If the text contains a special token and `special` is "raise".
        UnknownCharacterError
            If a character is not in the vocabulary and the model has no unknown token.
        TemplateError
            If `add_special_tokens` is True and the tokenizer has no template.
        TypeError
            If `text` is neither ``str`` nor bytes, a flag is not True or False, or `special` or `sampling`
            has the wrong type.
        ValueError
            If the model does not support this kind of `sampling`, or `special` or `errors` is invalid.

        Notes
        -----
        BPE takes O(n log m) time for a text of n bytes whose longest pretoken has m bytes. `Dropout` with
        probability p multiplies this by up to 1 / (1 - p). For other models, see their classes. With
        `sampling`, the cache of pretokens is not used.

        A text of four million characters or more is encoded in parts on all CPUs, if the pretokenizer is
        known to split the parts as it splits the whole.

        The random numbers of a pretoken depend only on the seed, the epoch, the index of the document and the
        byte at which the pretoken begins. The index of a single text is 0, that of a text in a batch is its
        row, and that of a document in a corpus is its position. See `Dropout` for the formula.

        Examples
        --------
        >>> import fasttok as ft
        >>> corpus = ft.Corpus.from_texts(["low lower lowest"])
        >>> tok = ft.train(corpus, vocab_size=262, special_tokens=["<|endoftext|>"])
        >>> tok.encode("lower lowest")
        array([257, 101, 114, 259, 260], dtype=uint32)
        >>> tok.encode("low<|endoftext|>", special="all", as_list=True)
        [257, 261]

        BPE-dropout gives another segmentation in every epoch:

        >>> for epoch in range(3):
        ...     [tok.id_to_piece(i) for i in tok.encode(" lower", sampling=ft.Dropout(0.3, 3, epoch))]
        [b' lowe', b'r']
        [b' ', b'lo', b'w', b'e', b'r']
        [b' low', b'e', b'r']
        """
        if type(errors) is not str or errors != "strict":
            checked_errors(errors)
        if add_special_tokens is not False and checked_flag("add_special_tokens", add_special_tokens):
            self._require_template()
        if as_list is True or (as_list is not False and checked_flag("as_list", as_list)):
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
        """Return the ids of several texts, encoded on several threads.

        Parameters
        ----------
        texts : iterable of str or bytes
            The texts.
        add_special_tokens, special, errors
            As in `encode`.
        as_list : bool
            Whether to return lists of ``int`` instead of arrays.
        workers : int, optional
            Number of threads; default: all CPUs. The result does not depend on it.
        sampling : Dropout or Sampling, optional
            As in `encode`. The index of a document is its row.

        Returns
        -------
        Ragged of uint32, or list of lists of int
            One row per text.

        Raises
        ------
        TextError, SpecialTokenError, UnknownCharacterError, TemplateError, ValueError
            As in `encode`. The error message gives the row of the text.
        TypeError
            If `texts` is a single text, a mapping, a table or a set, an item of it is not a text, or an
            option has the wrong type.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=258)
        >>> batch = tok.encode_batch(["low", "lower"])
        >>> batch
        Ragged(2 rows, 4 uint32)
        >>> batch[1]
        array([257, 101, 114], dtype=uint32)
        >>> tok.encode_batch(["low", "lower"], as_list=True)
        [[257], [257, 101, 114]]
        """
        checked_batch("texts", texts)
        checked_errors(errors)
        checked_flag("as_list", as_list)
        if checked_flag("add_special_tokens", add_special_tokens):
            self._require_template()
        rows = self._encoder.encode_few(texts, special, errors, workers, sampling)
        if rows is None:
            corpus = Corpus.from_texts(texts, errors=errors)
            parts = self._encode_parts(corpus, add_special_tokens, special, workers, sampling)
            # The number of ids is rarely higher than that of characters.
            rows = join_parts(parts, expected=sum(map(len, texts)) if isinstance(texts, list | tuple) else 0)
        elif add_special_tokens and len(rows):
            rows = fill_part(self._bound.single, EncodedPart(rows, 0, begins=True, continues=False)).ids
        return self._encoder.to_lists(rows) if as_list else rows

    def encode_files(
        self,
        paths: PathLike | Iterable[PathLike] | Corpus,
        *,
        add_special_tokens: bool = False,
        special: Special = "none",
        workers: int | None = None,
        sampling: Sampler | None = None,
    ) -> Ragged:
        """Return the ids of every document in files, encoded on several threads.

        The ids are those of the text that `Corpus.from_files` reads: without a byte order mark, and not
        compressed.

        Parameters
        ----------
        paths : path, iterable of paths, or Corpus
            Files, as for `Corpus.from_files`; or a `Corpus`, to choose how files are split into documents.
        add_special_tokens, special, workers
            As in `encode_batch`.
        sampling : Dropout or Sampling, optional
            As in `encode`. The index of a document is its position in the corpus.

        Returns
        -------
        Ragged of uint32
            One row per document.

        Raises
        ------
        OSError
            If a file cannot be opened.
        CorpusError
            If a file is damaged, or a record contains no text.
        SpecialTokenError, UnknownCharacterError, TemplateError, ValueError
            As in `encode`. The error message gives the index of the document.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> import fasttok as ft
        >>> path = pathlib.Path(tempfile.mkdtemp(), "words.txt")
        >>> _ = path.write_text("low\\nlower\\n")
        >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=258)
        >>> tok.encode_files(path).to_list()
        [[257, 10, 257, 101, 114, 10]]
        >>> tok.encode_files(ft.Corpus.from_files(path, document="line")).to_list()
        [[257], [257, 101, 114]]
        """
        with advising_corpus(paths):
            corpus = _open(paths)
            parts = self._encode_parts(corpus, add_special_tokens, special, workers, sampling)
            return join_parts(parts, expected=corpus.most_bytes())

    def encode_stream(
        self,
        paths: PathLike | Iterable[PathLike] | Corpus,
        *,
        add_special_tokens: bool = False,
        special: Special = "none",
        workers: int | None = None,
        sampling: Sampler | None = None,
    ) -> Generator[EncodedPart, None, None]:
        """Return a generator of the ids of every document in files, part by part.

        Text and ids need not fit in memory. Text that has been read is encoded without waiting for more, for
        example if the documents are lines of a pipe that another program writes slowly.

        Parameters
        ----------
        paths, add_special_tokens, special, workers, sampling
            As in `encode_files`.

        Yields
        ------
        EncodedPart
            Ids of consecutive documents, or of a part of a long document. The sizes of the parts may change
            in later versions.

        Raises
        ------
        TemplateError, TypeError, ValueError
            Immediately, as in `encode_files`.
        OSError, CorpusError, SpecialTokenError, UnknownCharacterError
            While the parts are generated, as in `encode_files`.

        See Also
        --------
        encode_files : Return the ids of all documents at once.

        Notes
        -----
        Joined, the parts are the result of `encode_files`. At most two parts per thread are in memory, of
        about 1 MiB of text each, unless a longer document must be encoded as a whole; see `Corpus` for when a
        file can be read in parts. With ``special="all"``, also a special token that contains a place where
        the pretokenizer always splits text makes that necessary.

        Examples
        --------
        >>> import fasttok as ft
        >>> corpus = ft.Corpus.from_texts(["low lower lowest"])
        >>> tok = ft.train(corpus, vocab_size=258, special_tokens=["<s>"]).with_template("<s> $A")
        >>> for part in tok.encode_stream(ft.Corpus.from_texts(["lo", "wer"]), add_special_tokens=True):
        ...     for document, ids in enumerate(part.ids, part.first):
        ...         print(document, ids.tolist())
        0 [257, 256]
        1 [257, 119, 101, 114]
        """
        with advising_corpus(paths):
            parts = self._encode_parts(_open(paths), add_special_tokens, special, workers, sampling)
        return _advise(copy_parts(parts), paths)

    def encode_corpus(
        self,
        corpus: PathLike | Iterable[PathLike] | Corpus,
        path: PathLike,
        *,
        separator: str | int | None = None,
        add_special_tokens: bool = False,
        special: Special = "none",
        workers: int | None = None,
        shard_size: int = SHARD_SIZE,
        progress: bool = False,
    ) -> TokenStore:
        """Encode a corpus to a new token store on disk, and open it.

        Text and ids need not fit in memory. Until the store is complete, its folder is named
        ``PATH.partial``. If a run is interrupted, even by ``kill -9`` or a full disk, the same call goes on
        from its last checkpoint, and the store has the same bytes as without an interruption.

        Parameters
        ----------
        corpus : path, iterable of paths, or Corpus
            Text, as in `encode_files`.
        path : str or os.PathLike
            Folder of the new store, such as "train.tokens". It must not exist.
        separator : str or int, optional
            Text of an added token, or an id, that is put after each document; default: nothing.
        add_special_tokens, special, workers
            As in `encode_files`. The bytes of the store do not depend on `workers`.
        shard_size : int, default 2^28
            Number of ids per file, a multiple of 65,536.
        progress : bool, default False
            Whether to show a progress bar on the standard error stream.

        Returns
        -------
        TokenStore
            The new store.

        Raises
        ------
        FileExistsError
            If `path` exists.
        BlockingIOError
            If another process is writing this store.
        TokenStoreError
            If an unfinished store has been begun with another corpus, tokenizer or other options.
        TypeError, ValueError, IndexError, TemplateError
            If an argument is not valid.
        OSError, CorpusError, SpecialTokenError, UnknownCharacterError
            As in `encode_files`; or the store cannot be written.

        See Also
        --------
        TokenStore : The store; it also says how to write ids that exist.

        Notes
        -----
        Checkpoints are about 64 MB of text apart, and always between two documents. A run that goes on reads
        the documents before the checkpoint again, to see that they are the same, but does not encode them.

        Examples
        --------
        >>> import tempfile
        >>> import fasttok as ft
        >>> corpus = ft.Corpus.from_texts(["low lower", "lowest"])
        >>> tok = ft.train(corpus, vocab_size=259, special_tokens=["<|endoftext|>"])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = tok.encode_corpus(corpus, f"{folder}/train.tokens", separator="<|endoftext|>")
        ...     store.ids.tolist(), store.document(1).tolist()
        ([257, 32, 257, 101, 114, 258, 257, 101, 115, 116, 258], [257, 101, 115, 116, 258])
        """
        # Imported here, because most programs only encode and decode.
        from fasttok.tokenizer.stored import HashedCorpus, Options, find_separator, write_store
        from fasttok.tokens.store import TokenStore

        folder = checked_path("path", path)
        with advising_corpus(corpus):
            source = HashedCorpus(_open(corpus))
            parts = self._encode_parts(source, add_special_tokens, special, workers, None)
            options = Options(
                self.vocab_size,
                checked_shard_size(shard_size),
                find_separator(separator, self.added_tokens, self.vocab_size),
                self.fingerprint(),
                {
                    "add_special_tokens": add_special_tokens,
                    "special": special if isinstance(special, str) else sorted(set(special)),
                },
            )
            write_store(source, parts, folder, options, checked_flag("progress", progress))
        return TokenStore.open(folder)

    def encode_pairs(
        self,
        pairs: Iterable[TextPair],
        *,
        max_length: int | None = None,
        truncation: Strategy | None = None,
        add_special_tokens: bool = False,
        **options: Unpack[BatchOptions],
    ) -> Pairs:
        """Return the ids of pairs of texts, with type ids that tell the two texts apart.

        Parameters
        ----------
        pairs : iterable of pairs of str or bytes
            The texts.
        max_length : int, optional
            Maximum number of ids per row, special tokens of the template included; default: that of
            `truncation` of the tokenizer, or else no limit.
        truncation : {"longest_first", "only_first", "only_second"}, optional
            Text that is truncated if a row exceeds `max_length`. "longest_first" removes ids from the longer
            text until both have the same number of ids, then from both alternately. "only_first" and
            "only_second" truncate one text, which must keep at least one id. Default: the strategy of
            `truncation` of the tokenizer, or else "longest_first".
        add_special_tokens : bool
            Whether to put the special tokens of the template around the texts.
        **options
            Options of `encode_batch`, except `as_list`. Sampling and error messages number the texts
            consecutively: pair i consists of documents 2 i and 2 i + 1.

        Returns
        -------
        Pairs
            The ids and type ids, one row per pair. Type ids are those of the template. Without a template,
            they are 0 for the first text and 1 for the second.

        Raises
        ------
        TextError, SpecialTokenError, UnknownCharacterError
            As in `encode`. The error message gives the pair and the number of the document.
        TemplateError
            If `add_special_tokens` is True and the tokenizer has no template for pairs.
        TypeError
            If a pair is not a tuple or list of two texts.
        ValueError
            If `max_length` is below 1 or below the number of special tokens that the template adds, or the
            text to truncate is too short.

        Notes
        -----
        Texts are truncated as in Hugging Face ``tokenizers`` 0.23. If `max_length` is given, a value that is
        too small is an error. Otherwise the setting `truncation` has the effect that it has there: it empties
        both texts if it leaves space for the special tokens only, and truncates nothing if it is below the
        number of special tokens.

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
        checked_items("pairs", pairs, "pairs of texts")
        checked_flag("add_special_tokens", add_special_tokens)
        if truncation is not None:
            checked_choice("truncation", truncation, "longest_first", "only_first", "only_second")
        parts = PLAIN_PAIR if self._bound.pair is None else self._bound.pair
        if not add_special_tokens:
            parts = tuple(part for part in parts if part.text is not None)
        elif self._bound.pair is None:
            self._require_template()
            raise TemplateError(
                "cannot add special tokens to pairs: the template is for single texts only; set one for "
                "pairs with tok.with_template(single, pair)"
            )
        if max_length is not None:
            n_added = sum(part.text is None for part in parts)
            max_length = checked_size("max_length", max_length, least=max(1, n_added))
        limits = self._truncate(max_length=max_length, strategy=truncation)
        try:
            rows = self.encode_batch(iterate_texts(pairs), as_list=False, **options)
        except (TextError, SpecialTokenError, UnknownCharacterError) as error:
            pair, second = divmod(error.document or 0, 2)
            message = str(error).replace(f" of document {error.document}", "", 1)
            error.args = (f"pair {pair}, text {second + 1}: {message}",)
            raise
        return join_pairs(rows, parts, limits, is_strict=max_length is not None)

    def type_ids(self, rows: IdRows) -> TypeIds:
        """Return the type ids of rows of single texts, as the template gives them.

        Parameters
        ----------
        rows : Ragged or iterable of rows of int
            The rows, as `encode_batch` or `windows` returns them, with special tokens of the template or
            without.

        Returns
        -------
        TypeIds
            One row per row. Without a template, all type ids are 0.

        Raises
        ------
        IndexError, TypeError
            As in `pad`.

        Notes
        -----
        Takes O(n) time for n ids. The type ids of pairs are in the result of `encode_pairs`. See `pad` for
        how rows encoded with the template are recognized.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low"]), vocab_size=257, special_tokens=["<cls>"])
        >>> tok = tok.with_template("$A <cls>:2")
        >>> tok.type_ids(tok.encode_batch(["low", "w"], add_special_tokens=True)).to_list()
        [[0, 0, 0, 2], [0, 2]]
        """
        return find_type_ids(as_known_rows(rows, self.vocab_size), self._around)

    def encode_with_offsets(
        self, text: str | bytes, *, special: Special = "none", add_special_tokens: bool = False
    ) -> Encoding:
        """Return the ids of a text and the span of each token in the text.

        Parameters
        ----------
        text : str or bytes
            The text; bytes need not be valid UTF-8.
        special : {"none", "all", "raise"} or collection of str
            Treatment of special tokens whose text occurs in `text`, as in `encode`.
        add_special_tokens : bool
            Whether to put the special tokens of the template around the text. Their spans are (0, 0).

        Returns
        -------
        Encoding
            The ids that `encode` returns, with their spans in bytes and in code points.

        Raises
        ------
        TextError, SpecialTokenError, UnknownCharacterError, TemplateError
            As in `encode`.

        Notes
        -----
        In addition to the time of `encode`, this takes O(n) time for n bytes of text. The spans in code
        points equal the offsets of Hugging Face ``tokenizers``. The setting `trim_offsets` of the tokenizer
        corresponds to ``trim_offsets=True`` there; see `TrimOffsets`.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=261)
        >>> text = "a lower"
        >>> encoding = tok.encode_with_offsets(text)
        >>> encoding.char_spans.tolist()
        [[0, 1], [1, 6], [6, 7]]
        >>> [text[start:end] for start, end in encoding.char_spans]
        ['a', ' lowe', 'r']
        """
        if checked_flag("add_special_tokens", add_special_tokens):
            self._require_template()
        data = encode_utf8(text)
        ids, spans = self._encoder.encode_located(data, special)
        before, one, after = self._around
        encoding = locate(data, ids, spans, np.full(len(ids), one.type_id, self._type_dtype))
        if self.trim_offsets is not None:
            encoding = self._trimmer.trim(data, encoding, self.trim_offsets)
        if not add_special_tokens:
            return encoding
        return surround(encoding, before, after)

    def encode_nbest(
        self, text: str | bytes, n: int, *, special: Special = "none", errors: Errors = "strict"
    ) -> list[tuple[NDArray[np.uint32], float]]:
        """Return the `n` best segmentations of a text under a Unigram model, the best first.

        Parameters
        ----------
        text : str or bytes
            The text; bytes need not be valid UTF-8.
        n : int
            Number of segmentations, at least 1; all are returned if there are fewer.
        special : {"none", "all", "raise"} or collection of str
            Treatment of special tokens whose text occurs in `text`, as in `encode`.
        errors : {"strict", "replace", "surrogatepass"}
            Treatment of lone surrogates in a ``str``, as in `encode`.

        Returns
        -------
        list of (ndarray of uint32, float)
            Ids and score of each segmentation: the sum of the scores of its pieces, which are logarithms of
            probabilities.

        Raises
        ------
        ValueError
            If the model is not a Unigram model, or `n` is not positive.
        TextError, SpecialTokenError, UnknownCharacterError
            As in `encode`.

        Notes
        -----
        Segmentations are different, but their ids can be equal, because a run of unknown characters is a
        single token. If scores are equal, see `Lattice.nbest`.

        With ``compat="sentencepiece"``, the ids, scores and order are those of ``nbest_encode`` of
        sentencepiece, which sums in single precision and, in long texts, drops hypotheses. With `n` 1, the
        ids are those of `encode`, and the score is that of the best segmentation.

        Finding the next segmentation takes up to O(a) time and memory, where a is the number of pieces that
        match the text at all positions.

        Examples
        --------
        >>> import fasttok as ft
        >>> model = ft.UnigramModel([*"abc", "ab", "bc"], [-2, -2, -2, -3, -3.5])
        >>> tok = ft.Tokenizer(model, "none")
        >>> [(ids.tolist(), score) for ids, score in tok.encode_nbest("abc", 3)]
        [([3, 2], -5.0), ([0, 4], -5.5), ([0, 1, 2], -6.0)]
        """
        return self._encoder.encode_nbest(text, checked_size("n", n, least=1), special, errors)

    @cached_property
    def _trimmer(self) -> Trimmer:
        return Trimmer(self.model, self._added, self.vocab_size)

    def count(self, text: str | bytes, *, special: Special = "none", errors: Errors = "strict") -> int:
        """Return the number of tokens of a text.

        Parameters
        ----------
        text, special, errors
            As in `encode`.

        Returns
        -------
        int

        Raises
        ------
        TextError, SpecialTokenError, UnknownCharacterError, ValueError
            As in `encode`.

        Notes
        -----
        A long text is encoded in parts on all CPUs, as in `encode`. The ids are not kept.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=261)
        >>> tok.count("lower lowest")
        5
        """
        checked_errors(errors)
        return self._encoder.count(text, special, errors)

    def count_batch(
        self,
        texts: Iterable[str | bytes],
        *,
        special: Special = "none",
        errors: Errors = "strict",
        workers: int | None = None,
    ) -> NDArray[np.int64]:
        """Return the number of tokens of each of several texts, which are encoded on several threads.

        The ids are not kept, so that they need not fit in memory.

        Parameters
        ----------
        texts, special, errors, workers
            As in `encode_batch`.

        Returns
        -------
        ndarray of int64, shape (n,)
            One number per text.

        Raises
        ------
        TextError, SpecialTokenError, UnknownCharacterError, TypeError, ValueError
            As in `encode_batch`.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=261)
        >>> tok.count_batch(["lower lowest", "", "low"])
        array([5, 0, 1])
        """
        checked_batch("texts", texts)
        checked_errors(errors)
        rows = self._encoder.encode_few(texts, special, errors, workers, None)
        if rows is not None:
            return rows.lengths
        corpus = Corpus.from_texts(texts, errors=errors)
        return count_parts(self._encoder.encode_parts(corpus, special, workers, None))

    def show(self, text: str | bytes, *, special: Special = "none") -> ColouredTokens:
        """Return the tokens of a text for display; a notebook shows them in alternating colours.

        An unknown token is shown as the text that it replaces, with a mark.

        Parameters
        ----------
        text, special
            As in `encode`.

        Returns
        -------
        ColouredTokens
            The tokens in readable form: a space is shown as ``·``.

        Raises
        ------
        TextError, SpecialTokenError, UnknownCharacterError, ValueError
            As in `encode`.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=261)
        >>> tok.show("lower lowest")
        low|e|r|·lowe|st
        """
        from fasttok.display.colours import show

        return show(self, text, special)

    def tokens(self, text: str | bytes, *, special: Special = "none") -> list[str]:
        """Return the tokens of a text in readable form: the labels that `show` displays.

        Parameters
        ----------
        text, special
            As in `encode`.

        Returns
        -------
        list of str
            One label per id. A space is written as ``·``; an unknown token is the text that it replaces.

        Raises
        ------
        TextError, SpecialTokenError, UnknownCharacterError, ValueError
            As in `encode`.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=261)
        >>> tok.tokens("the lowest 東")
        ['t', 'h', 'e', '·lowe', 'st', '·', '<0xE6>', '<0x9D>', '<0xB1>']
        """
        return list(self.show(text, special=special).tokens)

    def merge_tree(self, text: str | bytes) -> MergeTree:
        """Return the merges by which byte-pair encoding makes the tokens of a word, as a tree.

        Parameters
        ----------
        text : str or bytes
            A word, or a short text of at most 1,000 bytes. Added tokens in it are plain text.

        Returns
        -------
        MergeTree
            The merges in the order in which they are applied. A notebook draws the tree.

        Raises
        ------
        ValueError
            If the model has no merges, or unused pieces or extra characters, or if the text is too long.
        TextError, UnknownCharacterError
            As in `encode`.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=261)
        >>> tok.merge_tree("lower")
        step  rank  merge   piece
           1     0  l + o   lo
           2     1  lo + w  low
        <BLANKLINE>
        low
        ├─ lo
        │  ├─ l
        │  └─ o
        └─ w
        e
        r
        """
        from fasttok.display.merge_trees import make_merge_tree

        return make_merge_tree(self, text)

    def _encode_parts(
        self,
        corpus: Corpus,
        add_special_tokens: bool,
        special: Special,
        workers: int | None,
        sampling: Sampler | None,
    ) -> Parts:
        """Return the parts of a corpus; a part is overwritten when the next one is requested."""
        if checked_flag("add_special_tokens", add_special_tokens):
            self._require_template()
        parts = self._encoder.encode_parts(corpus, special, workers, sampling)
        return fill_parts(self._bound.single, parts) if add_special_tokens else parts

    def _require_template(self) -> None:
        if self.template is None:
            raise TemplateError(
                "cannot add special tokens: the tokenizer has no template; set one, for example with "
                'tok.with_template("[CLS] $A [SEP]")'
            )

    # Ids to text

    @property
    def decoder(self) -> Decoder:
        """The given decoder, or by default one derived from the pretokenizer and the model.

        Examples
        --------
        >>> import fasttok as ft
        >>> corpus = ft.Corpus.from_texts(["low lower lowest"])
        >>> ft.train(corpus, vocab_size=261).decoder
        Pieces()
        >>> tok = ft.train(corpus, vocab_size=261, pretokenizer="metaspace")
        >>> [step.name for step in tok.decoder.steps]
        ['pieces', 'metaspace']
        """
        return self._derived_decoder if self.given_decoder is None else self.given_decoder

    def text_decoder(self, clean_up: bool = True) -> TextDecoder:
        """Return the decoder bound to the vocabulary of this tokenizer.

        `decode`, `decode_bytes`, `decode_batch` and `StreamDecoder` use it. The result is cached.

        Parameters
        ----------
        clean_up : bool
            As in `decode`.

        Returns
        -------
        TextDecoder

        Raises
        ------
        TypeError
            If `clean_up` is neither True nor False.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=261)
        >>> tok.text_decoder().lengths(tok.encode("lower lowest")).tolist()  # number of bytes of each id
        [3, 1, 1, 5, 2]
        """
        checked_flag("clean_up", clean_up)
        if clean_up not in self._text_decoders:
            decoder = self.decoder if clean_up else self.decoder.without_clean_up()
            self._text_decoders[clean_up] = (
                self.text_decoder()
                if not clean_up and decoder == self.decoder
                else TextDecoder(
                    decoder,
                    self.model,
                    self._added.ids_by_text,
                    self._added.special_if_normalized()
                    if decoder.reads_normalized
                    else self._added.special_ids.values(),
                    self._added.normalized_by_id() if decoder.reads_normalized else {},
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
        """Return the text of ids.

        Parameters
        ----------
        ids : sequence or array of int
            The ids. The id of an added token is decoded to the text of the token.
        errors : {"replace", "strict"}
            Treatment of bytes that are not valid UTF-8, as when the ids end inside a character. "replace"
            writes U+FFFD, "strict" raises ``UnicodeDecodeError``.
        skip_special_tokens : bool
            Whether to skip the ids of special tokens, including the unknown token.
        clean_up : bool
            Whether to remove the space before ``.``, ``?``, ``!``, ``,``, ``n't``, ``'m``, ``'s``, ``'ve``
            and ``'re``. This only applies if the pretokenizer discards the spaces of the text and the default
            decoder inserts new ones before words, as with WordPiece. A decoder that was given to the
            tokenizer has its own option `clean_up`. With True here, that option decides; with False here,
            nothing is cleaned up.

        Returns
        -------
        str

        Raises
        ------
        IndexError
            If an id is negative, not below `vocab_size`, or not in use.
        TypeError
            If the ids are not one row of integers.
        UnicodeDecodeError
            If the bytes are not valid UTF-8 and `errors` is "strict".

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low"]), vocab_size=259, special_tokens=["<s>"])
        >>> ids = tok.encode("<s>low", special="all")
        >>> tok.decode(ids), tok.decode(ids, skip_special_tokens=True)
        ('<s>low', 'low')
        """
        checked_choice("errors", errors, "replace", "strict")
        text = self.decode_bytes(ids, skip_special_tokens=skip_special_tokens, clean_up=clean_up)
        return decode_utf8(text, errors)

    def decode_bytes(self, ids: Ids, *, skip_special_tokens: bool = False, clean_up: bool = True) -> bytes:
        """Return the text of ids as bytes, which need not be valid UTF-8.

        Parameters
        ----------
        ids, skip_special_tokens, clean_up
            As in `decode`.

        Returns
        -------
        bytes

        Raises
        ------
        IndexError, TypeError
            As in `decode`.

        Notes
        -----
        Takes O(n) time for a result of n bytes, and little memory in addition to the ids and the result.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low"]), vocab_size=258)
        >>> first, second = tok.encode("é")
        >>> tok.decode_bytes([first]), tok.decode([first]), tok.decode([first, second])
        (b'\\xc3', '\ufffd', 'é')
        """
        checked_flag("skip_special_tokens", skip_special_tokens)
        return decode_row(self.text_decoder(clean_up), as_ids(ids), skip_special_tokens)

    def decode_batch(
        self,
        batch: IdRows,
        *,
        errors: Literal["replace", "strict"] = "replace",
        skip_special_tokens: bool = False,
        clean_up: bool = True,
    ) -> list[str]:
        """Return the text of every row of ids.

        Parameters
        ----------
        batch : Ragged or iterable of rows of int
            The rows, as `encode_batch` returns them.
        errors, skip_special_tokens, clean_up
            As in `decode`.

        Returns
        -------
        list of str
            One text per row.

        Raises
        ------
        IndexError, TypeError, UnicodeDecodeError
            As in `decode`. The error message gives the row.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low"]), vocab_size=258)
        >>> tok.decode_batch(tok.encode_batch(["low", "lower"]))
        ['low', 'lower']
        """
        checked_choice("errors", errors, "replace", "strict")
        checked_flag("skip_special_tokens", skip_special_tokens)
        decoder, rows = self.text_decoder(clean_up), as_rows(batch, "batch")
        texts: Iterable[bytes]
        if len(rows.values) >= LONG_ROW * len(rows):
            decoder.check(rows.values, rows.offsets)
            texts = (decode_row(decoder, row, skip_special_tokens) for row in rows)
        else:
            texts = decoder.decode_rows(rows, skip_special_tokens)
        decoded: list[str] = []
        try:
            for text in texts:
                decoded.append(decode_utf8(text, errors))
        except UnicodeDecodeError as error:
            error.reason += f" (row {len(decoded)} of batch)"
            raise
        return decoded

    # Batches for a model

    def pad(
        self,
        rows: IdRows,
        max_length: int | None = None,
        *,
        side: Side | None = None,
        width: int | None = None,
        pad_id: int | None = None,
        dtype: DTypeLike = np.int64,
    ) -> Padded:
        """Pad rows of ids to a matrix and return it with an attention mask.

        The defaults are those of the settings `truncation` and `padding`, if the tokenizer has them; see
        `with_settings`. An argument that is given replaces the option of the setting.

        Parameters
        ----------
        rows : Ragged or iterable of rows of int
            The rows, as `encode_batch` returns them; or `TypeIds`.
        max_length : int, optional
            Maximum number of ids per row; default: no limit. Longer rows are truncated on the right, unless
            the setting `truncation` or the ``truncation_side`` of `config` says left. Rows that were encoded
            with the template keep its special tokens.
        side : {"right", "left"}, optional
            Side of the padding; default: the ``padding_side`` of `config`, or else right.
        width : int, optional
            Number of columns, which `multiple_of` of the setting `padding` may increase. Default: the length
            of the longest row after truncation.
        pad_id : int, optional
            Id of the padding; default: that of the role "pad" of `config`, or else the id of ``[PAD]``,
            ``<pad>`` or ``<|pad|>``, whichever is the first that is a special token. For `TypeIds`, the
            default is 0.
        dtype : {np.int64, np.int32}
            Type of the ids. Most models take int64; int32 needs half the memory.

        Returns
        -------
        Padded
            The ids and the mask. Both are new, writeable, C-contiguous arrays, so ``torch.from_numpy`` takes
            them without a copy.

        Raises
        ------
        IndexError
            If an id is negative or not below `vocab_size`.
        TypeError
            If `rows` does not consist of rows of integers, or `dtype` is neither int64 nor int32.
        ValueError
            If `max_length` is below 1, or below the number of special tokens that a truncated row must keep;
            if a pair would be truncated; if a row, after truncation, is longer than `width`; if `pad_id` is
            not given and there is no padding token; or if `pad_id` does not fit the `dtype`.

        Notes
        -----
        Takes O(n) time for a matrix of n elements.

        A row counts as encoded with the template if it begins and ends with the special tokens of the
        template. If `max_length` is given and one of these tokens also occurs inside a row, the row counts as
        a pair. `pad` does not truncate pairs; use the `max_length` of `encode_pairs`. Without `max_length`,
        pairs are already truncated by the setting `truncation`, so every longer row counts as a single text.

        Examples
        --------
        >>> import fasttok as ft
        >>> counts = ft.PretokenCounts.from_dict({"a": 1})
        >>> tok = ft.train(counts, vocab_size=259, special_tokens=["[PAD]", "[CLS]", "[SEP]"])
        >>> tok = tok.with_template("[CLS] $A [SEP]")
        >>> rows = tok.encode_batch(["abcd", "a"], add_special_tokens=True)
        >>> ids, mask = tok.pad(rows, max_length=5)
        >>> ids
        array([[257,  97,  98,  99, 258],
               [257,  97, 258, 256, 256]])
        >>> mask.astype(int)
        array([[1, 1, 1, 1, 1],
               [1, 1, 1, 0, 0]])
        """
        if side is None and self.config is not None:
            side = self.config.padding_side
        padding = override_padding(self.padding, side=side, width=width, pad_id=pad_id)
        truncation = self._limit_rows(max_length)
        if isinstance(rows, TypeIds):
            found = padding.pad_type_id if pad_id is None else pad_id
        else:
            found = find_pad_id(padding, self._added.ids_by_text, self._added.special_ids, self.role_ids)
        known, ends = self._check_rows(rows)
        return pad_to_matrix(
            known,
            ends,
            padding,
            found,
            truncation,
            is_strict=max_length is not None,
            may_widen=width is None,
            dtype=checked_dtype(dtype, found),
        )

    def _limit_rows(self, max_length: int | None, overlap: int | None = None) -> Truncation | None:
        """Return the truncation of rows; if `max_length` is given, the strategy does not matter."""
        if max_length is None:
            return self._truncate(overlap=overlap)
        max_length = checked_size("max_length", max_length, least=1)
        return self._truncate(max_length=max_length, overlap=overlap, strategy="longest_first")

    def _truncate(self, **given: Any) -> Truncation | None:
        """Return the setting `truncation` with the side of `config` and the options that are not None."""
        side = self.config.truncation_side if self.config else None
        return override_truncation(self.truncation, side=side, **given)

    def windows(self, rows: IdRows, max_length: int | None = None, overlap: int | None = None) -> Windows:
        """Split rows of ids into overlapping windows.

        Parameters
        ----------
        rows : Ragged or iterable of rows of int
            The rows, as `encode_batch` returns them.
        max_length : int, optional
            Maximum number of ids per window, special tokens of the template included. Every window of a row
            that was encoded with the template has the special tokens. Default: that of the setting
            `truncation`, without which `max_length` is required.
        overlap : int, optional
            Number of ids that a window shares with the window before it, special tokens of the template not
            included. Default: that of the setting `truncation`, or else 0.

        Returns
        -------
        Windows
            The windows, with the index of the row that each window comes from. A row of at most `max_length`
            ids is one window, even if it is empty.

        Raises
        ------
        IndexError, TypeError
            As in `pad`.
        ValueError
            If `overlap` is negative; if `max_length` is not larger than `overlap` plus the number of special
            tokens that a window must have, or is missing; or if a pair would be split.

        Notes
        -----
        Takes O(n) time for a result of n ids. The result grows as `overlap` approaches `max_length`.

        The windows equal those of Hugging Face ``tokenizers``, where the windows after the first are in
        ``Encoding.overflowing``. If the setting `truncation` has the side "left", the first window of a row
        is the end of the row, and the last window is its beginning. See `pad` for how pairs, and rows encoded
        with the template, are recognized.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.PretokenCounts.from_dict({"a": 1}), vocab_size=257, special_tokens=["<s>"])
        >>> tok = tok.with_template("<s> $A")
        >>> rows = tok.encode_batch(["abcdef", "g"], add_special_tokens=True)
        >>> windows = tok.windows(rows, max_length=4, overlap=1)
        >>> tok.decode_batch(windows.ids)
        ['<s>abc', '<s>cde', '<s>ef', '<s>g']
        >>> windows.documents
        array([0, 0, 0, 1])
        """
        truncation = self._limit_rows(max_length, overlap)
        if truncation is None:
            raise ValueError("windows needs max_length, since the tokenizer has no truncation")
        known, ends = self._check_rows(rows)
        return split_into_windows(known, ends, truncation, is_strict=max_length is not None)

    def _check_rows(self, rows: IdRows) -> tuple[Ragged, Ends]:
        """Check rows of ids; return them and the ids that the template adds at both ends.

        For type ids, the ends are the type ids of the template.
        """
        if isinstance(rows, TypeIds):
            return TypeIds(rows.values.astype(np.uint32), rows.offsets), ends_of_types(self._around)
        return as_known_rows(rows, self.vocab_size), self._ends

    # Files

    def save(self, path: str | os.PathLike[str], format: str | None = None) -> None:
        """Write the tokenizer to a file.

        The file is written completely or not at all. `fasttok.load` reads it.

        Parameters
        ----------
        path : path
            The file; for "gpt2", the folder; for "huggingface", the file, or the folder if it does not end
            with ``.json``.
        format : str, optional
            Format of the file; default: "fasttok", which can hold every tokenizer. "huggingface" holds what
            the ``tokenizers`` library can do, "sentencepiece" and "sentencepiece.vocab" what that library can
            do, "tiktoken" and "gpt2" byte-level BPE, and "vocab.txt" WordPiece as in BERT. See
            `fasttok.formats.huggingface.files.save`, `fasttok.formats.sentencepiece.files.save`,
            `fasttok.formats.tiktoken.save`, `fasttok.formats.gpt2.save` and `fasttok.formats.vocab_txt.save`.

        Raises
        ------
        ValueError
            If `format` is unknown; or if it is not given and the path is a folder or has a name that is usual
            for another format, such as ``books.tiktoken``, ``tokenizer.json`` or ``vocab.txt``.
        ModelExportError
            If the format cannot hold the tokenizer; the message says why.
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> import pathlib, tempfile
        >>> import fasttok as ft
        >>> path = pathlib.Path(tempfile.mkdtemp(), "low.json")
        >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=261)
        >>> tok.save(path)
        >>> ft.load(path)
        Tokenizer(bpe, vocab_size=261, ScannerPretokenizer(name='o200k', unicode=None))
        """
        from fasttok.formats.registry import save

        save(self, path, format)

    def to_tokenizers(self) -> Any:
        """Return a ``tokenizers.Tokenizer`` of Hugging Face that gives the same ids, offsets and text.

        It always finds special tokens in text, like `encode` with ``special="all"``, and pads and truncates
        as the settings `padding` and `truncation` say.

        Returns
        -------
        tokenizers.Tokenizer
            A new object. Changes of one do not change the other.

        Raises
        ------
        ModelExportError
            If ``tokenizers`` cannot do exactly the same; the message says what.
        ImportError
            If ``tokenizers`` is not installed.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=261)
        >>> tok.to_tokenizers().encode("lower lowest").ids
        [257, 101, 114, 259, 260]
        """
        from fasttok.formats.bridges import to_tokenizers

        return to_tokenizers(self)

    def to_transformers(self) -> Any:
        """Return a tokenizer of Hugging Face ``transformers``, with the chat template and roles of `config`.

        It passes through ``save_pretrained`` and ``from_pretrained``.

        Returns
        -------
        transformers.PreTrainedTokenizerFast
            A new object. Changes of one do not change the other.

        Raises
        ------
        ModelExportError
            As in `to_tokenizers`.
        ImportError
            If ``transformers`` is not installed.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=261)
        >>> tok.to_transformers()("lower lowest")["input_ids"]  # doctest: +SKIP
        [257, 101, 114, 259, 260]
        """
        from fasttok.formats.bridges import to_transformers

        return to_transformers(self)

    def to_tiktoken(self) -> Any:
        """Return a ``tiktoken.Encoding`` with the same pieces, pretokenizer and special tokens.

        Its ``encode_ordinary`` gives the ids of `encode`, and its ``encode`` with ``allowed_special="all"``
        gives those of `encode` with ``special="all"``.

        Returns
        -------
        tiktoken.Encoding

            A new object. Changes of one do not change the other.

        Raises
        ------
        ModelExportError
            If tiktoken cannot represent the tokenizer: in the cases of `fasttok.formats.tiktoken.save`, or if
            the pretokenizer cannot be written as one regular expression with the same meaning in tiktoken.
        ImportError
            If tiktoken is not installed.

        Notes
        -----
        A pretokenizer that is a regular expression has the Unicode tables of the ``regex`` module, which are
        newer than those of tiktoken. Ids may differ for code points that tiktoken does not know.

        Examples
        --------
        >>> import fasttok as ft
        >>> corpus = ft.Corpus.from_texts(["low lower lowest"])
        >>> tok = ft.train(corpus, vocab_size=262, special_tokens=["<|end|>"])
        >>> encoding = tok.to_tiktoken()
        >>> encoding.encode("lower<|end|>", allowed_special="all")
        [257, 101, 114, 261]
        """
        from fasttok.formats.bridges import to_tiktoken

        return to_tiktoken(self)


def _open(paths: PathLike | Iterable[PathLike] | Corpus) -> Corpus:
    return paths if isinstance(paths, Corpus) else Corpus.from_files(paths)


def _advise(parts: Parts, paths: PathLike | Iterable[PathLike] | Corpus) -> Parts:
    with advising_corpus(paths):
        yield from parts


def _checked_provenance(provenance: Any) -> dict[str, Any]:
    """Return a copy of a provenance, as a file returns it.

    Raises
    ------
    TypeError
        If it is not a mapping of plain JSON.
    ValueError
        If it contains a number that is not finite, or is nested more than 100 deep.
    """
    found = dict(checked_mapping("provenance", provenance, "names to plain JSON"))
    check_depth("provenance", found)
    try:
        copied: dict[str, Any] = json.loads(json.dumps(found, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise type(error)(f"provenance must be plain JSON: {error}") from None
    return copied


def _from_arguments(kind: type[Tokenizer], arguments: dict[str, Any]) -> Tokenizer:
    """Make a tokenizer from keyword arguments, which ``pickle`` cannot pass to a class."""
    return kind(**arguments)
