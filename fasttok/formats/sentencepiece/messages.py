"""The messages of a sentencepiece model file, as dataclasses, and their wire format (protocol buffers 2).

`read_model` and `write_model` convert between the bytes of a file and a `ModelProto`. Fields that these
messages do not have are kept in raw form, in order, and written back after the others. So are fields whose
value JSON could not hold: text that is not UTF-8, and numbers that are not finite. A message that occurs
several times is merged, as in protocol buffers: the last value of a field counts, and lists are joined.
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import describe_type
from fasttok.core.ragged import Ragged
from fasttok.formats.sentencepiece._pieces import read_fields, read_pieces, write_pieces

VARINT, BYTES, FIXED32 = 0, 2, 5  # wire types
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)  # types of pieces
MOST_PARTS = 1000  # messages other than pieces
MODEL_TYPES = ("unigram", "bpe", "word", "char")  # from 1
M = TypeVar("M", bound="Message")


class WireError(ValueError):
    """Error in the wire format, at a byte of the file."""

    def __init__(self, position: int, message: str) -> None:
        super().__init__(message)
        self.position = position


def _option(number: int, kind: str) -> Any:
    """Return the dataclass field for a field of a message; a kind that ends with "s" is a list."""
    metadata = {"number": number, "kind": kind}
    return field(default=() if kind == "texts" else None, metadata=metadata)


@dataclass(frozen=True)
class Message:
    """Message whose fields are numbers, flags and texts; None is a field that is not in the file.

    Attributes
    ----------
    unknown : bytes
        All other fields, in raw form.
    """

    unknown: bytes = b""
    numbers: ClassVar[Mapping[int, tuple[str, str]]]  # name and kind of each field, by its number

    def __init_subclass__(cls) -> None:
        cls.numbers = {}

    @classmethod
    def _numbers(cls) -> Mapping[int, tuple[str, str]]:
        if not cls.numbers:
            options = [option for option in fields(cls) if option.name != "unknown"]
            options.sort(key=lambda option: int(option.metadata["number"]))
            cls.numbers = {
                option.metadata["number"]: (option.name, option.metadata["kind"]) for option in options
            }
        return cls.numbers

    @classmethod
    def read(cls: type[M], data: bytes, spans: list[tuple[int, int]]) -> M:
        """Read a message from its parts in a file.

        Raises
        ------
        WireError
            If a part is damaged.
        """
        found: dict[str, Any] = {}
        unknown = []
        known = cls._numbers()
        for start, stop in spans:
            for one in read_fields(data, start, stop):
                if len(one) == 2:
                    raise WireError(*one)
                at, number, wire_type, value, first, last = one
                name, kind = known.get(number, ("", ""))
                parsed = _read_value(kind, wire_type, value, data[first:last]) if kind else None
                if parsed is None:
                    unknown.append(data[at:last])
                elif kind == "texts":
                    found.setdefault(name, []).append(parsed)
                else:
                    found[name] = parsed
        for name, parsed in found.items():
            if isinstance(parsed, list):
                found[name] = tuple(parsed)
        return cls(unknown=b"".join(unknown), **found)

    def write(self) -> bytes:
        """Return the message in the wire format."""
        out = []
        for number, (name, kind) in self._numbers().items():
            value = getattr(self, name)
            if kind == "texts":
                out += [_write_value(number, "text", text) for text in value]
            elif value is not None:
                out.append(_write_value(number, kind, value))
        return b"".join(out) + self.unknown

    def to_json(self) -> dict[str, Any]:
        """Return the fields that are in the file as JSON values; bytes are in base64."""
        content: dict[str, Any] = {}
        for name, kind in self._numbers().values():
            value = getattr(self, name)
            if value is None or value == ():
                continue
            if kind == "bytes":
                value = base64.b64encode(value).decode()
            content[name] = list(value) if kind == "texts" else value
        if self.unknown:
            content["unknown_fields"] = base64.b64encode(self.unknown).decode()
        return content

    @classmethod
    def from_json(cls: type[M], content: Any) -> M:
        """Make a message from the result of `to_json`.

        Raises
        ------
        TypeError, ValueError
            If a value is not valid, or a field is unknown.
        """
        if not isinstance(content, Mapping):
            raise TypeError(f"must be an object, not {describe_type(content)}")
        kinds = dict(cls._numbers().values()) | {"unknown_fields": "bytes"}
        found: dict[str, Any] = {}
        for name, value in content.items():
            if name not in kinds:
                raise ValueError(f"unknown field {name!r}")
            found["unknown" if name == "unknown_fields" else name] = _checked_json(name, kinds[name], value)
        return cls(**found)


def _read_value(kind: str, wire_type: int, value: int, content: bytes) -> Any:
    """Return the value of a field; None if it has another type, or JSON could not hold it."""
    if kind in ("text", "texts", "bytes"):
        if wire_type != BYTES:
            return None
        if kind == "bytes":
            return content
        try:
            return content.decode()
        except UnicodeDecodeError:
            return None
    if kind == "float":
        number = struct.unpack("<f", content)[0] if wire_type == FIXED32 else math.nan
        return number if math.isfinite(number) else None
    if wire_type != VARINT:
        return None
    if kind == "flag":
        return value != 0
    if kind == "model_type":
        # A value outside the enumeration is an unknown field.
        return MODEL_TYPES[value - 1] if 1 <= value <= len(MODEL_TYPES) else None
    if kind == "natural":
        return value
    low = value & 0xFFFFFFFF
    return low - (1 << 32) if low >> 31 else low


def _write_value(number: int, kind: str, value: Any) -> bytes:
    if kind in ("text", "bytes"):
        content = value.encode() if kind == "text" else value
        return write_bytes(number, content)
    if kind == "float":
        return write_number(number << 3 | FIXED32) + struct.pack("<f", value)
    if kind == "model_type":
        value = MODEL_TYPES.index(value) + 1
    return write_number(number << 3 | VARINT) + write_number(int(value) & (1 << 64) - 1)


def _checked_json(name: str, kind: str, value: Any) -> Any:
    if kind == "bytes":
        if not isinstance(value, str):
            raise TypeError(f"{name} must be bytes in base64, not {describe_type(value)}")
        return base64.b64decode(value, validate=True)
    if kind == "texts":
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            raise TypeError(f"{name} must be a list of texts")
        return tuple(value)
    kinds = {"text": str, "model_type": str, "flag": bool, "float": float}
    expected = kinds.get(kind, int)
    if type(value) is not expected and not (expected is float and type(value) is int):
        raise TypeError(f"{name} must be {expected.__name__}, not {describe_type(value)}")
    if kind == "model_type" and value not in MODEL_TYPES:
        raise ValueError(f"{name} must be one of {', '.join(MODEL_TYPES)}, not {value!r}")
    if isinstance(value, float) and not abs(value) <= float(np.finfo(np.float32).max):
        raise ValueError(f"{name} must be a number in single precision, not {value!r}")
    if type(value) is int and not -(1 << 31) <= value < 1 << (64 if kind == "natural" else 31):
        raise ValueError(f"{name} is out of range: {value!r}")
    return value


def write_number(value: int) -> bytes:
    """Return a number from 0 to 2^64 - 1 as a varint.

    Examples
    --------
    >>> write_number(300)
    b'\\xac\\x02'
    """
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def write_bytes(number: int, content: bytes) -> bytes:
    """Return a field that holds bytes, a text or a message.

    Examples
    --------
    >>> write_bytes(1, b"ab")
    b'\\n\\x02ab'
    """
    return write_number(number << 3 | BYTES) + write_number(len(content)) + content


@dataclass(frozen=True)
class TrainerSpec(Message):
    """Options of sentencepiece's trainer, some of which matter for encoding and decoding.

    The names are those of sentencepiece 0.2.3; None is an option that is not in the file. The options of its
    `train` function have the same names.
    """

    input: tuple[str, ...] = _option(1, "texts")
    model_prefix: str | None = _option(2, "text")
    model_type: str | None = _option(3, "model_type")
    vocab_size: int | None = _option(4, "integer")
    accept_language: tuple[str, ...] = _option(5, "texts")
    self_test_sample_size: int | None = _option(6, "integer")
    input_format: str | None = _option(7, "text")
    character_coverage: float | None = _option(10, "float")
    input_sentence_size: int | None = _option(11, "natural")
    mining_sentence_size: int | None = _option(12, "integer")
    training_sentence_size: int | None = _option(13, "integer")
    seed_sentencepiece_size: int | None = _option(14, "integer")
    shrinking_factor: float | None = _option(15, "float")
    num_threads: int | None = _option(16, "integer")
    num_sub_iterations: int | None = _option(17, "integer")
    max_sentence_length: int | None = _option(18, "integer")
    shuffle_input_sentence: bool | None = _option(19, "flag")
    max_sentencepiece_length: int | None = _option(20, "integer")
    split_by_unicode_script: bool | None = _option(21, "flag")
    split_by_whitespace: bool | None = _option(22, "flag")
    split_by_number: bool | None = _option(23, "flag")
    treat_whitespace_as_suffix: bool | None = _option(24, "flag")
    split_digits: bool | None = _option(25, "flag")
    allow_whitespace_only_pieces: bool | None = _option(26, "flag")
    control_symbols: tuple[str, ...] = _option(30, "texts")
    user_defined_symbols: tuple[str, ...] = _option(31, "texts")
    vocabulary_output_piece_score: bool | None = _option(32, "flag")
    hard_vocab_limit: bool | None = _option(33, "flag")
    use_all_vocab: bool | None = _option(34, "flag")
    byte_fallback: bool | None = _option(35, "flag")
    required_chars: str | None = _option(36, "text")
    unk_id: int | None = _option(40, "integer")
    bos_id: int | None = _option(41, "integer")
    eos_id: int | None = _option(42, "integer")
    pad_id: int | None = _option(43, "integer")
    unk_surface: str | None = _option(44, "text")
    unk_piece: str | None = _option(45, "text")
    bos_piece: str | None = _option(46, "text")
    eos_piece: str | None = _option(47, "text")
    pad_piece: str | None = _option(48, "text")
    train_extremely_large_corpus: bool | None = _option(49, "flag")
    enable_differential_privacy: bool | None = _option(50, "flag")
    differential_privacy_noise_level: float | None = _option(51, "float")
    differential_privacy_clipping_threshold: int | None = _option(52, "natural")
    pretokenization_delimiter: str | None = _option(53, "text")
    seed_sentencepieces_file: str | None = _option(54, "text")
    auto_character_coverage: bool | None = _option(55, "flag")


@dataclass(frozen=True)
class NormalizerSpec(Message):
    """Normalization of a model file; None is an option that is not in the file."""

    name: str | None = _option(1, "text")
    precompiled_charsmap: bytes | None = _option(2, "bytes")
    add_dummy_prefix: bool | None = _option(3, "flag")
    remove_extra_whitespaces: bool | None = _option(4, "flag")
    escape_whitespaces: bool | None = _option(5, "flag")
    normalization_rule_tsv: str | None = _option(6, "text")


@dataclass(frozen=True)
class Sample(Message):
    """Sample for the self test of a model: a text, and its pieces with spaces between them."""

    input: str | None = _option(1, "text")
    expected: str | None = _option(2, "text")


@dataclass(frozen=True)
class Pieces:
    """Pieces of a model file, one per id.

    Attributes
    ----------
    texts : Ragged of uint8
        Text of each id.
    scores : ndarray of float32, shape (n,)
        Score of each id.
    types : ndarray of uint8, shape (n,)
        Type of each id: 1 to 6 (normal, unknown, control, user-defined, unused, byte).
    has_score, has_type : ndarray of bool, shape (n,)
        Whether each id has a field for its score and for its type in the file, even if this is the default.
    unknown : dict of int to bytes
        Unknown fields of ids, in raw form.
    """

    texts: Ragged
    scores: NDArray[np.float32]
    types: NDArray[np.uint8]
    has_score: NDArray[np.bool_]
    has_type: NDArray[np.bool_]
    unknown: dict[int, bytes] = field(default_factory=dict)

    def ids_of(self, kind: int) -> list[int]:
        """Return the ids of a type."""
        found: list[int] = np.flatnonzero(self.types == kind).tolist()
        return found


@dataclass(frozen=True)
class ModelProto:
    """Content of a model file.

    Attributes
    ----------
    pieces : Pieces
        The pieces.
    trainer_spec, normalizer_spec, denormalizer_spec : message or None
        The specs; None if they are not in the file.
    samples : tuple of Sample or None
        Samples for the self test; None if the file has no test data.
    samples_unknown : bytes
        Unknown fields of the test data.
    unknown : bytes
        Unknown fields of the file.
    """

    pieces: Pieces
    trainer_spec: TrainerSpec | None = None
    normalizer_spec: NormalizerSpec | None = None
    samples: tuple[Sample, ...] | None = None
    samples_unknown: bytes = b""
    denormalizer_spec: NormalizerSpec | None = None
    unknown: bytes = b""


def read_model(data: bytes) -> ModelProto:
    """Read the content of a model file. O(n) time and memory for n bytes.

    Raises
    ------
    WireError
        If the data are not in the wire format.
    """
    values, offsets, scores, types, has_score, has_type, extras, parts, unknown, error = read_pieces(
        data, MOST_PARTS
    )
    if error is not None:
        raise WireError(*error)
    pieces = Pieces(Ragged(values, offsets), scores, types, has_score, has_type, extras)
    spans: dict[int, list[tuple[int, int]]] = {}
    for number, start, stop in parts:
        spans.setdefault(number, []).append((start, stop))
    samples, samples_unknown = None, b""
    if 4 in spans:
        samples, samples_unknown = _read_samples(data, spans[4])
    return ModelProto(
        pieces,
        TrainerSpec.read(data, spans[2]) if 2 in spans else None,
        NormalizerSpec.read(data, spans[3]) if 3 in spans else None,
        samples,
        samples_unknown,
        NormalizerSpec.read(data, spans[5]) if 5 in spans else None,
        unknown,
    )


def _read_samples(data: bytes, spans: list[tuple[int, int]]) -> tuple[tuple[Sample, ...], bytes]:
    samples, unknown = [], []
    for start, stop in spans:
        for one in read_fields(data, start, stop):
            if len(one) == 2:
                raise WireError(*one)
            at, number, wire_type, _, first, last = one
            if number == 1 and wire_type == BYTES:
                samples.append(Sample.read(data, [(first, last)]))
            else:
                unknown.append(data[at:last])
    return tuple(samples), b"".join(unknown)


def write_model(model: ModelProto) -> bytes:
    """Return the content of a model file, with the fields of each message in order of their numbers."""
    pieces = model.pieces
    out = [
        write_pieces(
            pieces.texts.values,
            pieces.texts.offsets,
            pieces.scores,
            pieces.types,
            pieces.has_score.view(np.uint8),
            pieces.has_type.view(np.uint8),
            pieces.unknown,
        )
    ]
    for number in (2, 3, 4, 5):
        if number == 4:
            if model.samples is not None:
                rows = [write_bytes(1, sample.write()) for sample in model.samples]
                out.append(write_bytes(4, b"".join(rows) + model.samples_unknown))
            continue
        spec = {2: model.trainer_spec, 3: model.normalizer_spec, 5: model.denormalizer_spec}[number]
        if spec is not None:
            out.append(write_bytes(number, spec.write()))
    return b"".join(out) + model.unknown
