"""sentencepiece's ``.model`` files: `load`, `save`, and how such a file is recognized."""

from __future__ import annotations

import os

from fasttok.core.checks import checked_flag
from fasttok.core.errors import ModelFormatError
from fasttok.core.saving import atomic_write
from fasttok.formats.base import Format, Option
from fasttok.formats.sentencepiece.checks import MOST_BYTES, in_file
from fasttok.formats.sentencepiece.messages import WireError, read_model, write_model
from fasttok.formats.sentencepiece.read import make_tokenizer
from fasttok.formats.sentencepiece.self_test import check_samples
from fasttok.formats.sentencepiece.write import make_content
from fasttok.tokenizer.tokenizer import Tokenizer

_PIECE = b"\n"  # tag of a piece, and of the text in it
SHORT = 1000  # a longer head may end inside a piece
_AFTER_TEXT = (b"\x15", b"\x18")  # tags of the score and of the type, one of which follows the text


def load(path: str | os.PathLike[str], *, self_test: bool = True) -> Tokenizer:
    """Load a tokenizer from a sentencepiece model file, with the ids and text of sentencepiece 0.2.3.

    `fasttok.load` calls this function for files that it recognizes as sentencepiece models, whatever their
    name.

    Parameters
    ----------
    path : path
        The file: a model of type Unigram, BPE, word or char.
    self_test : bool
        Whether to encode the samples in the file, if it has some, and to compare their pieces.

    Returns
    -------
    Tokenizer
        Tokenizer whose control pieces and unknown token are special tokens. Text never becomes one. The
        roles bos, eos, pad and unk are in its `config`. There is no template: like sentencepiece, `encode`
        adds no special tokens. User-defined pieces are found in text before it is normalized.

    Raises
    ------
    ModelFormatError
        If the file is damaged, sentencepiece refuses it, or a sample fails. The place is the piece, the field
        or the byte.
    TypeError
        If `self_test` is not a bool.

    Notes
    -----
    The rest of the file, such as the options of the trainer and fields that fasttok does not know, is in
    ``tok.provenance["sentencepiece"]``. It is kept in native files, and `save` writes it back: a file that is
    loaded and saved is the same byte by byte, if its fields are in the order of their numbers.

    O(n) for a file of n bytes.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import fasttok as ft
    >>> corpus = ft.Corpus.from_texts(["low lower lowest", "new newer newest"])
    >>> tok = ft.train(corpus, model="unigram", vocab_size=17, pretokenizer="metaspace", unk="<unk>")
    >>> path = pathlib.Path(tempfile.mkdtemp(), "low.model")
    >>> tok.save(path, format="sentencepiece")
    >>> ft.load(path).encode("newest").tolist() == tok.encode("newest").tolist()
    True
    """
    name = os.fspath(path)
    checked_flag("self_test", self_test)
    with open(name, "rb") as file:
        data = file.read()
    try:
        content = read_model(data)
    except WireError as error:
        raise ModelFormatError(str(error), name, f"byte {error.position:,}") from None
    try:
        tokenizer = make_tokenizer(content)
        if self_test and content.samples:
            check_samples(tokenizer, content.samples)
    except ModelFormatError as error:
        raise in_file(error, name) from None
    return tokenizer


def save(tokenizer: Tokenizer, path: str | os.PathLike[str]) -> None:
    """Write a tokenizer to a sentencepiece model file, completely or not at all.

    A tokenizer that was loaded from such a file is written as it was, byte by byte, if the fields of the file
    are in the order of their numbers.

    Parameters
    ----------
    tokenizer : Tokenizer
        Tokenizer with a model of type Unigram, BPE by score (``compat="sentencepiece"``), characters or
        words. It must have an unknown token, and the pretokenizer `fasttok.Metaspace`, after which only steps
        are allowed that split no piece. Its normalizer is None, one of sentencepiece's, or a
        ``CharsMapNormalizer``.
    path : path
        The file.

    Raises
    ------
    ModelExportError
        If sentencepiece cannot do the same; the message says why.
    OSError
        If the file cannot be written.

    Warns
    -----
    UserWarning
        If the tokenizer has a chat template or other settings of a model, which the file does not hold.

    Notes
    -----
    sentencepiece gives the same ids for every text that is UTF-8, with two exceptions. It keeps scores in
    single precision, so a Unigram model without ``compat="sentencepiece"`` may choose another segmentation
    where two have nearly the same score. And it does not find special tokens in text, as ``special="all"``
    does.

    sentencepiece decodes as the decoder "sentencepiece" does. Another decoder that was given cannot be
    saved.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import fasttok as ft
    >>> model = ft.UnigramModel(["", "▁low", "er"], [0, -1.5, -2.25], unk_id=0)
    >>> tok = ft.Tokenizer(model, "metaspace", {"<unk>": 0})
    >>> path = pathlib.Path(tempfile.mkdtemp(), "low.model")
    >>> tok.save(path, format="sentencepiece")
    >>> path.read_bytes()[:14]
    b'\\n\\x0e\\n\\x05<unk>\\x15\\x00\\x00\\x00\\x00'
    """
    data = write_model(make_content(tokenizer))
    with atomic_write(path) as file:
        file.write(data)


def _sniff(head: bytes, path: str) -> bool:
    """Return whether the file begins with a piece that has a score or a type."""
    if not head.startswith(_PIECE):
        return False
    length, at = _read_length(head, len(_PIECE))
    end = at + length
    if not head.startswith(_PIECE, at):
        return False
    length, at = _read_length(head, at + len(_PIECE))
    after = at + length
    if after < len(head):
        return after < end and head.startswith(_AFTER_TEXT, after)
    return after < end and length < MOST_BYTES and len(head) > SHORT  # the head ends inside a long piece


def _read_length(head: bytes, at: int) -> tuple[int, int]:
    """Return the number at a position, which has at most three bytes, and the position after it."""
    value = shift = 0
    for byte in head[at : at + 3]:
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if byte < 0x80:
            break
    return value, at


SENTENCEPIECE = Format(
    "sentencepiece",
    "a sentencepiece model",
    _sniff,
    load,
    save,
    {"self_test": Option((bool,))},
    names=("*.model",),
)
