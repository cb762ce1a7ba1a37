"""`wrap`: tokenizers of other libraries, to be scored beside those of fasttok."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import ScoringError
from fasttok.core.ids import Ids, as_ids
from fasttok.core.parallel import resolve_workers
from fasttok.core.ragged import Ragged, lengths_to_offsets
from fasttok.text.unicode.byte_alphabet import read_bytes
from fasttok.text.unicode.utf8 import encode_utf8
from fasttok.tokenizer.offsets import Encoding, locate
from fasttok.tokenizer.tokenizer import Tokenizer

Result = TypeVar("Result")
# What is no failure of a tokenizer. Anything else is, also what is no Exception, as a panic in Rust.
_NOT_OURS = (KeyboardInterrupt, SystemExit, MemoryError)


@runtime_checkable
class AnyTokenizer(Protocol):
    """What is scored: a `fasttok.Tokenizer`, or what `wrap` makes of another library's.

    Attributes
    ----------
    vocab_size : int
        The number of ids: the largest one in use, plus one.
    unk_id : int or None
        The id of what is not in the vocabulary.
    special_tokens : dict of str to int
        Texts that have an id of their own, which plain text never becomes.
    pieces : Ragged of uint8
        The bytes of each id; an empty row for one that is not in use.
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
        """The ids of texts, a row per text, with no special tokens."""

    def encode_with_offsets(self, text: str | bytes) -> Encoding:
        """The ids of a text, and where each stands."""

    def decode_bytes(self, ids: Ids) -> bytes:
        """The text of ids."""

    def id_to_piece(self, i: int) -> bytes:
        """The bytes of an id."""


def wrap(tokenizer: Any) -> AnyTokenizer:
    """Make a tokenizer of another library one that fasttok can score.

    Parameters
    ----------
    tokenizer : tiktoken.Encoding, tokenizers.Tokenizer, sentencepiece.SentencePieceProcessor or Tokenizer
        The tokenizer; it is not changed, and need not be kept.

    Returns
    -------
    AnyTokenizer
        A `Tokenizer` itself; for others an object with ``vocab_size``, ``unk_id``, ``special_tokens``,
        ``pieces``, ``encode_batch``, ``encode_with_offsets``, ``decode``, ``decode_bytes`` and
        ``id_to_piece``. It adds no special tokens, pads and cuts nothing, draws nothing, and takes the texts
        of special tokens as plain text, whatever the tokenizer was told to do.

    Raises
    ------
    TypeError
        If it is none of these, or has parts written in Python, which cannot be copied.

    Notes
    -----
    Which library it is of is seen from its methods, and none is imported. What fails in there, panics too,
    becomes a `ScoringError` that names the text. Texts must be UTF-8.

    Tokens whose pieces put together are the text stand where their bytes do, though they be parts of
    characters. Otherwise places are what the library says: for ``tokenizers``, whole characters.

    Examples
    --------
    >>> import tokenizers
    >>> theirs = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0, "low": 1}, unk_token="[UNK]"))
    >>> theirs.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    >>> tok = wrap(theirs)
    >>> tok.encode_batch(["low slow", "low"]).to_list(), tok.unk_id
    ([[1, 0], [1]], 0)
    >>> tok.encode_with_offsets("low slow").byte_spans.tolist()
    [[0, 3], [4, 8]]
    """
    if isinstance(tokenizer, (Tokenizer, _Foreign)):
        return tokenizer
    for name, kind in _KINDS.items():
        if hasattr(tokenizer, name):
            return kind(tokenizer)
    raise TypeError(
        "wrap takes a tiktoken Encoding, a tokenizers.Tokenizer, a sentencepiece processor or a Tokenizer, "
        f"not {type(tokenizer).__name__}"
    )


class _Foreign(ABC):
    """What the wrapped ones have in common: texts that are checked, errors that name one, pieces."""

    unk_id: int | None
    special_tokens: dict[str, int]
    pieces: Ragged

    @property
    def vocab_size(self) -> int:
        return len(self.pieces)

    def encode_batch(self, texts: Iterable[str | bytes], *, workers: int | None = None) -> Ragged:
        checked = [_as_text(text, i) for i, text in enumerate(texts)]
        try:
            return Ragged.from_rows(self._encode_rows(checked, workers))
        except _NOT_OURS:
            raise
        except BaseException:
            for i, text in enumerate(checked):
                _name_errors(i, self._encode_rows, [text], workers)
            raise

    def encode_with_offsets(self, text: str | bytes) -> Encoding:
        checked = _as_text(text, 0)
        ids, byte_spans = _name_errors(0, self._locate, checked)
        spans = np.array(byte_spans, np.int64).reshape(-1, 2)
        return locate(checked.encode(), np.array(ids, np.uint32), spans)

    def decode(self, ids: Ids) -> str:
        return self.decode_bytes(ids).decode(errors="replace")

    @abstractmethod
    def decode_bytes(self, ids: Ids) -> bytes: ...

    def id_to_piece(self, i: int) -> bytes:
        if not 0 <= i < len(self.pieces) or not len(self.pieces[i]):
            raise IndexError(f"id {i} is not in use")
        return self.pieces[i].tobytes()

    @abstractmethod
    def _encode_rows(self, texts: list[str], workers: int | None) -> Sequence[Sequence[int]]: ...

    @abstractmethod
    def _locate(self, text: str) -> tuple[Sequence[int], Any]:
        """The ids of a text, and begin and end of each in its bytes."""

    def _bounds(self, ids: Sequence[int]) -> NDArray[np.int64]:
        """Begin and end of each of the pieces when they are put together."""
        bounds = lengths_to_offsets(self.pieces.lengths[ids])
        return np.stack([bounds[:-1], bounds[1:]], axis=1)


class _Tiktoken(_Foreign):
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
        return ids, self._bounds(ids)  # its pieces are the text, whole


class _HuggingFace(_Foreign):
    def __init__(self, tokenizer: Any) -> None:
        try:
            fields = json.loads(tokenizer.to_str())
        except Exception as error:  # it raises nothing narrower
            raise TypeError(f"wrap takes no tokenizer that cannot be copied: {error}") from error
        # The post-processor adds special tokens, and leaves the space before a word out of its offsets.
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
        # Its threads are as many as the environment says.
        return [row.ids for row in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    def _locate(self, text: str) -> tuple[Sequence[int], Any]:
        found = self._tokenizer.encode(text, add_special_tokens=False)
        if self.pieces.take(np.array(found.ids, np.int64)).values.tobytes() == text.encode():
            return found.ids, self._bounds(found.ids)
        starts = lengths_to_offsets([len(character.encode()) for character in text])
        return found.ids, starts[np.array(found.offsets, np.int64).reshape(-1, 2)]


class _SentencePiece(_Foreign):
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


# A method that no other of the libraries has.
_KINDS: dict[str, Callable[[Any], _Foreign]] = {
    "encode_ordinary_batch": _Tiktoken,
    "encode_batch_fast": _HuggingFace,
    "get_piece_size": _SentencePiece,
}


def _as_text(text: str | bytes, i: int) -> str:
    try:
        return encode_utf8(text, document=i).decode()
    except UnicodeDecodeError as error:
        raise ScoringError(f"no UTF-8 at byte {error.start}", document=i) from None


def _name_errors(i: int, function: Callable[..., Result], *args: Any) -> Result:
    """What a foreign function gives; whatever it raises becomes an error that names text `i`."""
    try:
        return function(*args)
    except _NOT_OURS:
        raise
    except BaseException as error:
        raise ScoringError(f"{type(error).__name__}: {error}", document=i) from error


def _read_byte_level(piece: str) -> bytes:
    """The bytes of a piece in the alphabet of GPT-2, in which each byte is a visible character.

    A piece with a character outside it stands for itself, as where ``tokenizers`` decodes.
    """
    data = read_bytes(piece)
    return piece.encode() if data is None else data
