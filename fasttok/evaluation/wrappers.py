"""`wrap`: use tokenizers of other libraries in `fasttok.measure`."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_batch, checked_integer, describe_type
from fasttok.core.errors import ScoringError
from fasttok.core.ids import Ids, as_ids
from fasttok.core.parallel import resolve_workers
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.text.unicode.byte_alphabet import read_bytes
from fasttok.text.unicode.utf8 import encode_utf8
from fasttok.tokenizer.offsets import Encoding, locate
from fasttok.tokenizer.tokenizer import Tokenizer

Result = TypeVar("Result")
# Exceptions that are not failures of a tokenizer. All other exceptions are, including panics of Rust, which
# derive from BaseException only.
_NOT_FAILURES = (KeyboardInterrupt, SystemExit, MemoryError)


@runtime_checkable
class AnyTokenizer(Protocol):
    """Interface of the tokenizers that can be measured: `fasttok.Tokenizer` and results of `wrap`.

    Attributes
    ----------
    vocab_size : int
        Number of ids: the largest id in use plus 1.
    unk_id : int or None
        Id of the unknown token.
    special_tokens : dict of str to int
        Ids of the special tokens by text. Encoding plain text never gives these ids, except the id of the
        unknown token, which can be one of them.
    pieces : Ragged of uint8
        Bytes of each id; an empty row for an unused id.
    """

    @property
    def vocab_size(self) -> int: ...
    @property
    def unk_id(self) -> int | None: ...
    @property
    def special_tokens(self) -> dict[str, int]: ...
    @property
    def pieces(self) -> Ragged: ...

    def encode_batch(self, texts: Iterable[str | bytes], *, workers: int | None = None) -> Ragged:
        """Return the ids of each text without special tokens, one row per text."""

    def encode_with_offsets(self, text: str | bytes) -> Encoding:
        """Return the ids of a text and the span of each token."""

    def decode_bytes(self, ids: Ids) -> bytes:
        """Return the text of ids as bytes."""

    def id_to_piece(self, i: int) -> bytes:
        """Return the piece of an id as bytes."""


def wrap(tokenizer: Any) -> AnyTokenizer:
    """Wrap a tokenizer of another library, so that fasttok can measure it.

    Parameters
    ----------
    tokenizer : tiktoken.Encoding, tokenizers.Tokenizer, sentencepiece.SentencePieceProcessor or Tokenizer
        Tokenizer to wrap. It is not changed. Of a fast tokenizer of ``transformers``, the ``tokenizers``
        object in it is wrapped.

    Returns
    -------
    AnyTokenizer
        The tokenizer itself if it is a `Tokenizer`. Otherwise an object with ``vocab_size``, ``unk_id``,
        ``special_tokens``, ``pieces``, ``encode_batch``, ``encode_with_offsets``, ``decode``,
        ``decode_bytes`` and ``id_to_piece``. Whatever the settings of the given tokenizer, the object never
        adds special tokens, pads, truncates or samples, and encodes the text of a special token as plain
        text.

    Raises
    ------
    TypeError
        If the tokenizer has another type, or if it has components written in Python, which cannot be copied.

    Notes
    -----
    The library is recognized by the methods of the tokenizer; no library is imported. Errors and panics of
    the library become a `ScoringError` with the index of the text. Texts must be UTF-8.

    For tiktoken, and for Hugging Face ``tokenizers`` if the concatenated pieces equal the text, spans are
    computed from the lengths of the pieces and can be parts of characters. Otherwise the spans are those that
    the library reports; ``tokenizers`` reports whole characters.

    Examples
    --------
    >>> import fasttok as ft
    >>> import tokenizers
    >>> theirs = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0, "low": 1}, unk_token="[UNK]"))
    >>> theirs.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    >>> tok = ft.wrap(theirs)
    >>> tok.encode_batch(["low slow", "low"]).to_list(), tok.unk_id
    ([[1, 0], [1]], 0)
    >>> tok.encode_with_offsets("low slow").byte_spans.tolist()
    [[0, 3], [4, 8]]
    """
    if isinstance(tokenizer, (Tokenizer, _Wrapped)):
        return tokenizer
    tokenizer = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if isinstance(tokenizer, type):
        raise TypeError(f"the tokenizer to wrap must be an object, not the class {tokenizer.__name__}")
    for name, kind in _KINDS.items():
        if hasattr(tokenizer, name):
            return kind(tokenizer)
    raise TypeError(
        f"cannot wrap {describe_type(tokenizer)}: expected a tiktoken.Encoding, a "
        "tokenizers.Tokenizer, a fast tokenizer of transformers, a sentencepiece.SentencePieceProcessor or a "
        "fasttok.Tokenizer"
    )


class _Wrapped(ABC):
    """Base class of wrapped tokenizers: checks texts, and adds the index of the text to errors."""

    unk_id: int | None
    special_tokens: dict[str, int]
    pieces: Ragged

    @property
    def vocab_size(self) -> int:
        return len(self.pieces)

    def encode_batch(self, texts: Iterable[str | bytes], *, workers: int | None = None) -> Ragged:
        checked = [_as_text(text, i) for i, text in enumerate(checked_batch("texts", texts))]
        try:
            return Ragged.from_rows(self._encode_rows(checked, workers))
        except _NOT_FAILURES:
            raise
        except BaseException:
            for i, text in enumerate(checked):
                _call(i, self._encode_rows, [text], workers)
            raise

    def encode_with_offsets(self, text: str | bytes) -> Encoding:
        checked = _as_text(text, 0)
        ids, byte_spans = _call(0, self._locate, checked)
        spans = np.array(byte_spans, np.int64).reshape(-1, 2)
        return _call(0, locate, checked.encode(), np.array(ids, np.uint32), spans)

    def decode(self, ids: Ids) -> str:
        return self.decode_bytes(ids).decode(errors="replace")

    @abstractmethod
    def decode_bytes(self, ids: Ids) -> bytes: ...

    def id_to_piece(self, i: int) -> bytes:
        i = checked_integer("i", i)
        if not 0 <= i < len(self.pieces) or not len(self.pieces[i]):
            raise IndexError(f"id {i} is not in use")
        return self.pieces[i].tobytes()

    @abstractmethod
    def _encode_rows(self, texts: list[str], workers: int | None) -> Sequence[Sequence[int]]: ...

    @abstractmethod
    def _locate(self, text: str) -> tuple[Sequence[int], Any]:
        """Return the ids of a text, and the start and end of each token in bytes."""

    def _bounds(self, ids: Sequence[int]) -> NDArray[np.int64]:
        """Return the start and end of each piece in the concatenation of all pieces."""
        bounds = lengths_to_offsets(self.pieces.lengths[ids])
        return np.stack([bounds[:-1], bounds[1:]], axis=1)


class _Tiktoken(_Wrapped):
    def __init__(self, encoding: Any) -> None:
        self._encoding = encoding
        self.unk_id = None
        self.special_tokens = {t: encoding.encode_single_token(t) for t in encoding.special_tokens_set}
        rows = [b""] * encoding.n_vocab
        for piece in encoding.token_byte_values():
            rows[encoding.encode_single_token(piece)] = piece
        for token, i in self.special_tokens.items():
            rows[i] = token.encode()
        self.pieces = Ragged.from_bytes(rows)

    def decode_bytes(self, ids: Ids) -> bytes:
        text: bytes = self._encoding.decode_bytes(as_ids(ids).tolist())
        return text

    def _encode_rows(self, texts: list[str], workers: int | None) -> Sequence[Sequence[int]]:
        rows: list[list[int]] = self._encoding.encode_ordinary_batch(
            texts, num_threads=resolve_workers(workers)
        )
        return rows

    def _locate(self, text: str) -> tuple[Sequence[int], Any]:
        ids = self._encoding.encode_ordinary(text)
        return ids, self._bounds(ids)  # the concatenated pieces always equal the text


class _HuggingFace(_Wrapped):
    def __init__(self, tokenizer: Any) -> None:
        try:
            fields = json.loads(tokenizer.to_str())
        except Exception as error:  # the library raises bare Exception
            raise TypeError(f"cannot wrap a tokenizer that cannot be copied: {error}") from error
        # The post-processor adds special tokens, and its offsets omit the space before a word.
        fields.update(truncation=None, padding=None, post_processor=None)
        if "dropout" in fields["model"]:
            fields["model"]["dropout"] = None
        self._tokenizer = type(tokenizer).from_str(json.dumps(fields))
        self._tokenizer.encode_special_tokens = True
        added = self._tokenizer.get_added_tokens_decoder()
        self.special_tokens = {token.content: i for i, token in added.items() if token.special}
        unk = fields["model"].get("unk_token")
        self.unk_id = fields["model"].get("unk_id") if unk is None else tokenizer.token_to_id(unk)
        vocabulary: dict[str, int] = self._tokenizer.get_vocab(with_added_tokens=True)
        rows = [b""] * (max(vocabulary.values(), default=-1) + 1)
        is_byte_level = '"ByteLevel"' in json.dumps(fields["decoder"])
        for piece, i in vocabulary.items():
            rows[i] = _read_byte_level(piece) if is_byte_level and i not in added else piece.encode()
        self.pieces = Ragged.from_bytes(rows)

    def decode_bytes(self, ids: Ids) -> bytes:
        text: str = self._tokenizer.decode(as_ids(ids).tolist(), skip_special_tokens=False)
        return text.encode()

    def _encode_rows(self, texts: list[str], workers: int | None) -> Sequence[Sequence[int]]:
        # The library reads the number of threads from environment variables; `workers` has no effect.
        return [row.ids for row in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    def _locate(self, text: str) -> tuple[Sequence[int], Any]:
        found = self._tokenizer.encode(text, add_special_tokens=False)
        if self.pieces.take(np.array(found.ids, np.int64)).values.tobytes() == text.encode():
            return found.ids, self._bounds(found.ids)
        starts = lengths_to_offsets([len(character.encode()) for character in text])
        return found.ids, starts[np.array(found.offsets, np.int64).reshape(-1, 2)]


class _SentencePiece(_Wrapped):
    def __init__(self, processor: Any) -> None:
        self._processor = processor
        ids = range(processor.get_piece_size())
        self.unk_id = processor.unk_id()
        rows = [b"" if processor.is_unused(i) else processor.id_to_piece(i).encode() for i in ids]
        self.special_tokens = {
            rows[i].decode(): i for i in ids if processor.is_control(i) or processor.is_unknown(i)
        }
        self.pieces = Ragged.from_bytes(rows)

    def decode_bytes(self, ids: Ids) -> bytes:
        text: bytes = self._processor.decode(as_ids(ids).tolist(), out_type=bytes)
        return text

    def _encode_rows(self, texts: list[str], workers: int | None) -> Sequence[Sequence[int]]:
        rows: list[list[int]] = self._encode(texts, int, resolve_workers(workers))
        return rows

    def _locate(self, text: str) -> tuple[Sequence[int], Any]:
        found = self._encode(text.encode(), "offset_mapping", 1)
        return found["ids"], found["offsets"]

    def _encode(self, texts: Any, kind: Any, n_threads: int) -> Any:
        plain = dict.fromkeys(["add_bos", "add_eos", "reverse", "enable_sampling"], False)
        return self._processor.encode(texts, out_type=kind, num_threads=n_threads, **plain)


# Wrapper classes by a method that identifies the library.
_KINDS: dict[str, Callable[[Any], _Wrapped]] = {
    "encode_ordinary_batch": _Tiktoken,
    "encode_batch_fast": _HuggingFace,
    "get_piece_size": _SentencePiece,
}


def _as_text(text: str | bytes, i: int) -> str:
    """Return text `i` as str; raise an error with the index `i` if the text is not UTF-8."""
    try:
        return encode_utf8(text, document=i).decode()
    except UnicodeDecodeError as error:
        raise ScoringError(f"not UTF-8 at byte {error.start}", document=i) from None


def _call(i: int, function: Callable[..., Result], *args: Any) -> Result:
    """Call a function of another library; turn its errors into a `ScoringError` about text `i`."""
    try:
        return function(*args)
    except _NOT_FAILURES:
        raise
    except BaseException as error:
        raise ScoringError(f"{type(error).__name__}: {error}", document=i) from error


def _read_byte_level(piece: str) -> bytes:
    """Return the bytes of a piece that is written in the byte alphabet of GPT-2.

    A piece with a character outside the alphabet is returned in UTF-8, as the ByteLevel decoder of Hugging
    Face ``tokenizers`` does.
    """
    data = read_bytes(piece)
    return piece.encode() if data is None else data
