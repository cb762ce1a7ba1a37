"""BERT's ``vocab.txt``: a piece a line; the number of the line, from 0, is the id.

The file holds neither what is done to text before, nor which lines are special tokens, nor a template. Those
are BERT's here: Devlin et al. (2019), as released.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence

from fasttok.errors import ModelExportError, ModelFormatError
from fasttok.models.wordpiece.model import WordPieceModel
from fasttok.saving import atomic_write
from fasttok.template import Template
from fasttok.text.code_points import BertNormalizer
from fasttok.tokenizer import Tokenizer

TEMPLATE = Template("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1")
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def load(
    path: str | os.PathLike[str],
    *,
    lowercase: bool | None = None,
    strip_accents: bool | None = None,
    handle_chinese_chars: bool = True,
    special_tokens: Sequence[str] = SPECIAL_TOKENS,
    unk: str = "[UNK]",
    continuing_subword_prefix: str = "##",
    max_input_chars_per_word: int | None = 100,
) -> Tokenizer:
    """Read a vocabulary of BERT's.

    Parameters
    ----------
    path : path
        The file.
    lowercase : bool, optional
        Whether text is lower-cased; by default where no piece but special tokens has a capital letter.
    strip_accents : bool, optional
        Whether accents are dropped; by default as `lowercase`.
    handle_chinese_chars : bool
        Whether each CJK ideograph is a word.
    special_tokens : sequence of str
        Lines that plain text never becomes; those of them that are in the file.
    unk : str
        The one of them that stands for unknown words. If the file has it not, such a word is an error.
    continuing_subword_prefix, max_input_chars_per_word
        As for `WordPieceModel`.

    Returns
    -------
    Tokenizer
        With the template ``[CLS] $A [SEP]`` where the file has these two.

    Raises
    ------
    ModelFormatError
        If the file is not UTF-8.

    Notes
    -----
    White space at the end of a line is not part of the piece. Of lines that are the same the last has the
    piece, as in other readers; the ids of the others are then not in use, which is a warning. The ids are
    those of tokenizers with ``BertNormalizer``, ``BertPreTokenizer`` and ``WordPiece``.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import fasttok as ft
    >>> path = pathlib.Path(tempfile.mkdtemp(), "vocab.txt")
    >>> _ = path.write_text("[PAD]\\n[UNK]\\n[CLS]\\n[SEP]\\nna\\n##ive\\n!\\n")
    >>> tok = ft.load(path, lowercase=True)
    >>> [tok.id_to_piece(i).decode() for i in tok.encode("Naïve!", add_special_tokens=True)]
    ['[CLS]', 'na', '##ive', '!', '[SEP]']
    """
    name = os.fspath(path)
    pieces, special, n_twice = _read(name, special_tokens)
    if n_twice:
        warnings.warn(
            f"{name}: {n_twice:,} pieces stand in the file before, and have the later id", stacklevel=3
        )
    if lowercase is None:
        lowercase = not any(piece != piece.lower() for piece in pieces)
    normalizer = BertNormalizer(
        lowercase=lowercase, strip_accents=strip_accents, handle_chinese_chars=handle_chinese_chars
    )
    try:
        model = WordPieceModel(
            pieces,
            continuing_subword_prefix=continuing_subword_prefix,
            unk_id=special.get(unk),
            max_input_chars_per_word=max_input_chars_per_word,
        )
    except ValueError as error:
        raise ModelFormatError(str(error), name) from None
    template = TEMPLATE if {"[CLS]", "[SEP]"} <= special.keys() else None
    return Tokenizer(
        model, "bert", special, {"format": "vocab.txt"}, normalizer=normalizer, template=template
    )


def _read(name: str, special_tokens: Sequence[str]) -> tuple[list[str], dict[str, int], int]:
    """The pieces by id, those of special tokens taken out; their ids; how many lines stand there again."""
    with open(name, "rb") as file:
        data = file.read()
    try:
        lines = data.decode().removeprefix("\ufeff").split("\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ModelFormatError("not UTF-8", name, f"line {line}") from None
    if not lines[-1]:
        del lines[-1]
    pieces = [line.rstrip() for line in lines]
    ids = {piece: i for i, piece in enumerate(pieces) if piece}
    special = {token: ids.pop(token) for token in special_tokens if token in ids}
    n_filled = sum(map(bool, pieces))
    rows = [""] * len(pieces)
    for piece, i in ids.items():
        rows[i] = piece
    return rows, special, n_filled - len(ids) - len(special)


def save(tokenizer: Tokenizer, path: str | os.PathLike[str]) -> None:
    """Write the pieces and special tokens of a WordPiece tokenizer, a line each.

    Parameters
    ----------
    tokenizer : Tokenizer
        Its normalizer, pretokenizer and template are not written.
    path : path
        The file; written whole or not at all.

    Raises
    ------
    ModelExportError
        If the model is not WordPiece, an id is not in use, or a piece cannot be a line.
    """
    if not isinstance(tokenizer.model, WordPieceModel):
        raise ModelExportError(
            f"a vocab.txt is for WordPiece, not for a model of kind {tokenizer.model.kind!r}"
        )
    lines = []
    for i in range(tokenizer.vocab_size):
        try:
            line = tokenizer.id_to_piece(i).decode()
        except IndexError:
            raise ModelExportError(
                f"id {i} is not in use, but every line of a vocab.txt is a piece"
            ) from None
        if line != line.rstrip() or "\n" in line:
            raise ModelExportError(
                f"the piece {line!r} of id {i} cannot be a line, as white space is lost there"
            )
        lines.append(line)
    if len(set(lines)) < len(lines):
        raise ModelExportError("a special token reads like a piece, so that the file would have a line twice")
    with atomic_write(path) as file:
        file.write("".join(line + "\n" for line in lines).encode())
