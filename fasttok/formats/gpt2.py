"""The two files of GPT-2 and RoBERTa: the ids of pieces in ``vocab.json``, merges by rank in ``merges.txt``.

OpenAI released the same two files as ``encoder.json`` and ``vocab.bpe``. Pieces are written in the byte
alphabet; see `fasttok.text.unicode.byte_alphabet`. The files contain neither the pattern nor the special
tokens.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_texts
from fasttok.core.errors import ModelExportError, ModelFormatError
from fasttok.core.ragged import Ragged
from fasttok.core.saving import write_files
from fasttok.formats.base import SPARE_IDS, Format, Option, check_largest_id, check_plain, pieces_in_text
from fasttok.formats.huggingface.folder import SETTINGS, TOKENIZER
from fasttok.formats.huggingface.shapes import SURROGATE
from fasttok.formats.json_files import read_object
from fasttok.models.bpe._encode import BPEEncoder
from fasttok.models.bpe.alphabets import Bytes
from fasttok.models.bpe.model import BPEModel
from fasttok.models.units.byte import ByteModel
from fasttok.text.unicode.byte_alphabet import read_bytes, write_bytes
from fasttok.tokenizer.tokenizer import Tokenizer

SPECIAL_TOKENS = ("<|endoftext|>",)  # special tokens of GPT-2
HEADER = "#version"  # lines that begin with it are not merges
# Ends of the names of both files: the ids and the merges.
NAMES = (("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe"))
_VOCABULARY = re.compile(rb'\s*\{\s*"(?:[^"\\]|\\.)*"\s*:\s*\d+\s*[,}]', re.DOTALL)


class Pair(NamedTuple):
    """Content of the two files.

    Attributes
    ----------
    vocab : dict of str to int
        Id of each piece, in the byte alphabet.
    merges : list of pairs of str
        Pairs of pieces in order of rank.
    """

    vocab: dict[str, int]
    merges: list[tuple[str, str]]


def load(path: str | os.PathLike[str], *, special_tokens: Sequence[str] = SPECIAL_TOKENS) -> Tokenizer:
    """Load byte-level BPE from the two files of GPT-2.

    `fasttok.load` calls this function for files that it recognizes as one of the two, and for folders that
    contain both. The names of the files end with ``vocab.json`` and ``merges.txt``, or with ``encoder.json``
    and ``vocab.bpe``; what comes before must be equal.

    Parameters
    ----------
    path : path
        One of the two files, or the folder of both.
    special_tokens : sequence of str
        Entries of the vocabulary that are special tokens. Those that are not in the file are ignored.

    Returns
    -------
    Tokenizer
        Tokenizer with the pretokenizer of GPT-2.

    Raises
    ------
    ModelFormatError
        If a file is damaged or missing, one of the 256 bytes is not a piece, two entries of the vocabulary
        have the same id or are the same bytes, or a special token is part of a merge.
    TypeError
        If `special_tokens` is not a sequence of ``str``.

    Notes
    -----
    The ids equal those of ``ByteLevelBPETokenizer.from_file`` of Hugging Face ``tokenizers``. Each line of
    the merges is two pieces and one U+0020 between them. Of a repeated merge, the last line counts. Lines
    that begin with ``#version`` are ignored. ``transformers`` ignores the first line instead, whatever it is.

    RoBERTa and BART use other special tokens: ``<s>``, ``<pad>``, ``</s>``, ``<unk>`` and ``<mask>``.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import fasttok as ft
    >>> folder = pathlib.Path(tempfile.mkdtemp(), "low")
    >>> corpus = ft.Corpus.from_texts(["low lower lowest"])
    >>> ft.train(corpus, vocab_size=261, pretokenizer="gpt2").save(folder, format="gpt2")
    >>> tok = ft.load(folder / "merges.txt")
    >>> [tok.id_to_piece(i).decode() for i in tok.encode("lower lowest")]
    ['low', 'e', 'r', ' lowe', 'st']
    """
    vocab_path, merges_path = find_pair(os.fspath(path))
    tokens = checked_texts("special_tokens", special_tokens)
    model, special = make_model(read_pair(vocab_path, merges_path), tokens, vocab_path, merges_path)
    return Tokenizer(model, "gpt2", special, {"format": "gpt2"})


def find_pair(path: str) -> tuple[str, str]:
    """Return the paths of the vocabulary and of the merges, given one of the two or their folder.

    Raises
    ------
    ModelFormatError
        If the other file, or both, are missing, or the name of the file is not known.
    """
    if os.path.isdir(path):
        for names in NAMES:
            vocab_path, merges_path = (os.path.join(path, name) for name in names)
            if os.path.isfile(vocab_path) and os.path.isfile(merges_path):
                return vocab_path, merges_path
        raise ModelFormatError("the folder contains no vocab.json with merges.txt", path)
    for names in NAMES:
        for name, other in (names, names[::-1]):
            if path.endswith(name):
                beside = path.removesuffix(name) + other
                if not os.path.isfile(beside):
                    raise ModelFormatError(
                        f"one of the two files of GPT-2, but the other one, {os.path.basename(beside)}, is "
                        "missing",
                        path,
                    )
                return (path, beside) if name == names[0] else (beside, path)
    raise ModelFormatError(
        "one of the two files of GPT-2, but it is not named vocab.json or merges.txt, so that the other one "
        "cannot be found",
        path,
    )


def read_pair(vocab_path: str | os.PathLike[str], merges_path: str | os.PathLike[str]) -> Pair:
    """Read the two files.

    Raises
    ------
    ModelFormatError
        If the vocabulary is not a JSON object of ids, an id is far larger than the size of the file, or a
        line of the merges is not two words separated by one space.
    """
    return Pair(_read_vocab(os.fspath(vocab_path)), _read_merges(os.fspath(merges_path)))


def _read_vocab(path: str) -> dict[str, int]:
    vocab, size = read_object(path)
    for piece, i in vocab.items():
        if type(i) is not int or i < 0:
            raise ModelFormatError(f"must be an id, not {i!r}", path, repr(piece))
        if i >= size + SPARE_IDS:  # limits the memory for a damaged id
            raise ModelFormatError(f"id {i} is too large for the size of the file", path, repr(piece))
    try:
        "".join(vocab).encode()
    except UnicodeEncodeError:
        piece = next(piece for piece in vocab if SURROGATE.search(piece))
        raise ModelFormatError("contains a lone surrogate", path, repr(piece)) from None
    return vocab


def _read_merges(path: str) -> list[tuple[str, str]]:
    with open(path, "rb") as file:
        data = file.read()
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ModelFormatError("not UTF-8", path, f"line {line}") from None
    if not lines[-1]:
        del lines[-1]
    merges = []
    for number, text in enumerate(lines, 1):
        if text.startswith(HEADER):
            continue
        words = text.removesuffix("\r").split(" ")
        if len(words) != 2:
            raise ModelFormatError("not two pieces separated by one space", path, f"line {number}")
        merges.append((words[0], words[1]))
    return merges


def make_model(
    pair: Pair, special_tokens: Sequence[str], vocab_path: str, merges_path: str
) -> tuple[BPEModel, dict[str, int]]:
    """Return the model and the ids of the special tokens; the paths are for errors.

    Raises
    ------
    ModelFormatError
        As in `load`.
    """
    vocab = dict(pair.vocab)
    special = {token: vocab.pop(token) for token in dict.fromkeys(special_tokens) if token in vocab}
    if len(set(pair.vocab.values())) < len(pair.vocab):
        owners: dict[int, str] = {}
        for piece, i in pair.vocab.items():
            if owners.setdefault(i, piece) != piece:
                raise ModelFormatError(f"{owners[i]!r} and {piece!r} have the same id {i}", vocab_path)
    rows = [b""] * (max(vocab.values(), default=-1) + 1)
    for piece, i in vocab.items():
        data = read_bytes(piece)
        rows[i] = piece.encode() if data is None else data  # as the decoder of the library does
    # Of a repeated merge, the last one counts.
    merges = list(dict.fromkeys(reversed(pair.merges)))[::-1]
    table = np.empty((len(merges), 3), np.uint32)
    for row, (left, right) in enumerate(merges):
        try:
            table[row] = vocab[left], vocab[right], vocab[left + right]
        except KeyError as error:
            is_special = error.args[0] in special
            what = "is given as a special token" if is_special else "is not in the vocabulary"
            raise ModelFormatError(f"{error} {what}", merges_path, f"merge {left} {right}") from None
    try:
        return BPEModel(Ragged.from_bytes(rows), table[:, :2], table[:, 2]), special
    except ValueError as error:
        raise ModelFormatError(str(error), vocab_path) from None


def save(tokenizer: Tokenizer, path: str | os.PathLike[str]) -> None:
    """Write ``vocab.json`` and ``merges.txt`` to a folder, which is made if it does not exist.

    Each of the two files is written completely or not at all, the merges first. Special tokens are entries of
    the vocabulary; those other than ``<|endoftext|>`` must be passed to `load` again. The provenance is not
    written.

    Parameters
    ----------
    tokenizer : Tokenizer
        Tokenizer with a model of byte-level BPE or of bytes, and the pretokenizer of GPT-2.
    path : path
        The folder.

    Raises
    ------
    ModelExportError
        In one of these cases:

        - The model is neither byte-level BPE nor a `fasttok.ByteModel`, or has `ignore_merges` and pieces
          that its merges do not give.
        - The pretokenizer is not that of GPT-2.
        - The tokenizer has another component that the files cannot hold: a normalizer, a decoder that changes
          the bytes of pieces, a template with special tokens, or added tokens that are not special or have
          flags.
        - A special token has the name of another id's piece, is merged, or would be decoded as other text; or
          a merge would be read as a comment.
    OSError
        If a file cannot be written; or if the folder contains a ``tokenizer.json``, which `fasttok.load`
        would read instead, or settings such as a ``tokenizer_config.json``, which would change the tokenizer.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import fasttok as ft
    >>> folder = pathlib.Path(tempfile.mkdtemp(), "low")
    >>> corpus = ft.Corpus.from_texts(["low low low"])
    >>> ft.train(corpus, vocab_size=258, pretokenizer="gpt2").save(folder, format="gpt2")
    >>> print((folder / "merges.txt").read_text())
    #version: 0.2
    l o
    lo w
    <BLANKLINE>
    """
    model = tokenizer.model
    is_bytes = isinstance(model, ByteModel)
    if not is_bytes and not (isinstance(model, BPEModel) and isinstance(model.alphabet, Bytes)):
        raise ModelExportError(f"the files of GPT-2 can only hold byte-level BPE, not a {model.kind} model")
    if isinstance(model, BPEModel) and model.merge_ranks is not None:
        raise ModelExportError(
            "the files of GPT-2 have the merges in order of rank; they cannot hold merge_ranks"
        )
    check_plain("the files of GPT-2", tokenizer)
    if tokenizer.pretokenizer.name != "gpt2":
        raise ModelExportError(
            "the files of GPT-2 cannot hold a pretokenizer and are loaded with that of GPT-2, but the "
            f"tokenizer has {tokenizer.pretokenizer}"
        )
    in_text = pieces_in_text(tokenizer)
    pieces = [write_bytes(piece) for piece in in_text.to_bytes()]
    vocab = _vocabulary_of(tokenizer, pieces)
    merges = ""
    if isinstance(model, BPEModel):
        _check_reachable(model, in_text)
        merges = _merges_of(model, pieces)
    folder = os.fspath(path)
    _check_folder(folder)
    if not os.path.isdir(folder):
        os.mkdir(folder)
    vocab_name, merges_name = NAMES[0]
    files = {merges_name: f"{HEADER}: 0.2\n{merges}", vocab_name: vocab}
    write_files({os.path.join(folder, name): text.encode() for name, text in files.items()})


def _check_folder(folder: str) -> None:
    """Raise an error if `load` would read another file of a folder than those of GPT-2."""
    for name in (TOKENIZER, *SETTINGS):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            what = "instead of those of GPT-2" if name == TOKENIZER else "as settings of the tokenizer"
            raise FileExistsError(
                errno.EEXIST, f"load would read this file {what}; save to another folder, or remove it", path
            )


def _check_reachable(model: BPEModel, pieces: Ragged) -> None:
    """Raise an error if the model gives a pretoken an id that its merges do not give."""
    if not model.ignore_merges:
        return
    byte_ids = cast("NDArray[np.uint32]", model.byte_ids)
    encoder = BPEEncoder(byte_ids, model.merges, model.merge_ids, None)
    is_reached = encoder.is_reachable(pieces.values, pieces.offsets)
    missed = np.flatnonzero((is_reached == 0) & (pieces.lengths > 0))
    if len(missed):
        i = int(missed[0])
        raise ModelExportError(
            "the files of GPT-2 are loaded without ignore_merges, but no merges give "
            f"{len(missed):,} pieces. The first of them is {bytes(pieces[i])!r} with id {i}"
        )


def _vocabulary_of(tokenizer: Tokenizer, pieces: list[str]) -> str:
    """Return the JSON of the ids of pieces, which are given in the byte alphabet, and of special tokens."""
    ids = {piece: i for i, piece in enumerate(pieces) if piece}
    for token, i in tokenizer.special_tokens.items():
        if token in ids:
            raise ModelExportError(
                f"special token {token!r} has the same name as the piece with id {ids[token]}"
            )
        if read_bytes(token) not in (None, token.encode()):
            raise ModelExportError(
                f"special token {token!r} cannot be an entry of vocab.json: it would be decoded as "
                f"{read_bytes(token)!r}"
            )
        ids[token] = i
    ids = dict(sorted(ids.items(), key=lambda item: item[1]))
    text = json.dumps(ids, ensure_ascii=False, indent=0) + "\n"
    check_largest_id("the files of GPT-2", tokenizer, max(ids.values()), len(text))
    return text


def _merges_of(model: BPEModel, pieces: list[str]) -> str:
    """Return the lines of the merges."""
    table = np.column_stack((model.merges, model.merge_ids))
    special = table[~np.array([bool(piece) for piece in pieces])[table]]
    if len(special):
        raise ModelExportError(f"the files of GPT-2 cannot hold a merge of id {special[0]}, a special token")
    lines = [f"{pieces[left]} {pieces[right]}\n" for left, right in model.merges.tolist()]
    for row, line in enumerate(lines):
        if line.startswith(HEADER):
            raise ModelExportError(
                f"merge {row} cannot be a line of merges.txt: {line.strip()!r} would be read as a comment"
            )
    return "".join(lines)


def _sniff(head: bytes, path: str) -> bool:
    if os.path.isdir(path):
        return any(all(os.path.isfile(os.path.join(path, name)) for name in names) for names in NAMES)
    if _VOCABULARY.match(head) or head.startswith(HEADER.encode()):
        return True
    first_line = head.split(b"\n", 1)[0].split(b" ")
    return len(first_line) == 2 and path.endswith(tuple(merges for _, merges in NAMES))


def _parse_special_tokens(value: Any, path: str) -> list[str]:
    return list(checked_texts("special_tokens", value))


GPT2 = Format(
    "gpt2",
    "the vocab.json or merges.txt of GPT-2",
    _sniff,
    load,
    save,
    {"special_tokens": Option(parse=_parse_special_tokens)},
    names=("vocab.json", "merges.txt", "encoder.json", "*.bpe"),
)
