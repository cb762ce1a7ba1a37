"""BERT's ``vocab.txt``: a piece a line; the number of the line, from 0, is the id.

The file holds neither what is done to text before, nor which lines are special tokens, nor a template. Those
are BERT's here: Devlin et al. (2019), as released.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

from fasttok.core.checks import checked_size
from fasttok.core.errors import ModelExportError, ModelFormatError
from fasttok.core.ragged import Ragged
from fasttok.core.saving import atomic_write
from fasttok.formats.base import Format, Option
from fasttok.models.options import as_texts
from fasttok.models.wordpiece.model import WordPieceModel
from fasttok.text.normalizers.code_points import BertNormalizer, UnicodeNormalizer
from fasttok.text.pretokenizers.registry import get_pretokenizer
from fasttok.text.rows import Rows
from fasttok.tokenizer.template import Template
from fasttok.tokenizer.tokenizer import Tokenizer

TEMPLATE = Template("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1")
WHITE_SPACE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
WHITE_SPACE_SET = set(WHITE_SPACE)
MARK = "\ufeff"  # of the byte order, which some editors write
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
        The special token that stands for unknown words. If the file has it not, such a word is an error.
    continuing_subword_prefix, max_input_chars_per_word
        As for `WordPieceModel`.

    Returns
    -------
    Tokenizer
        With the template ``[CLS] $A [SEP]`` where the file has these two.

    Raises
    ------
    ModelFormatError
        If the file is not UTF-8, a line holds white space or U+0000, or nothing says that it is a vocabulary:
        there is neither a special token nor a piece with the prefix.
    ValueError, TypeError
        If an option is out of range or of the wrong type.

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
    tokens = as_texts("special_tokens", special_tokens)
    rows = _read(name)
    ids = {piece: i for i, piece in enumerate(rows) if piece}
    n_twice = sum(map(bool, rows)) - len(ids)
    special = {token: ids.pop(token) for token in dict.fromkeys([*tokens, unk]) if token in ids}
    if not special and not any(piece.startswith(continuing_subword_prefix) for piece in ids):
        raise ModelFormatError(
            f"no vocabulary: it has no special token, and no piece begins with {continuing_subword_prefix}",
            name,
        )
    if n_twice:
        warnings.warn(
            f"{name}: {n_twice:,} pieces stand in the file before, and have the later id", stacklevel=3
        )
    pieces = [""] * len(rows)
    for piece, i in ids.items():
        pieces[i] = piece
    if lowercase is None:
        texts = Ragged.from_bytes([piece.encode() for piece in pieces])
        lowercase = UnicodeNormalizer("lowercase").rewrite(Rows.of(texts)).documents == texts
    normalizer = BertNormalizer(
        lowercase=lowercase, strip_accents=strip_accents, handle_chinese_chars=handle_chinese_chars
    )
    model = WordPieceModel(
        pieces,
        continuing_subword_prefix=continuing_subword_prefix,
        unk_id=special.get(unk),
        max_input_chars_per_word=max_input_chars_per_word,
    )
    _ = model.encoder, normalizer.code_points  # here, not when a first text waits for it
    template = TEMPLATE if {"[CLS]", "[SEP]"} <= special.keys() else None
    return Tokenizer(
        model, "bert", special, {"format": "vocab.txt"}, normalizer=normalizer, template=template
    )


def _read(name: str) -> list[str]:
    """The lines, without the white space at their ends."""
    with open(name, "rb") as file:
        data = file.read()
    try:
        lines = data.decode().removeprefix(MARK).split("\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ModelFormatError("not UTF-8", name, f"line {line}") from None
    if not lines[-1]:
        del lines[-1]
    rows = [line.rstrip(WHITE_SPACE) for line in lines]
    for number, row in enumerate(rows, 1):
        if "\0" in row or not WHITE_SPACE_SET.isdisjoint(row):
            raise ModelFormatError("no piece: it holds white space or U+0000", name, f"line {number}")
    return rows


def save(tokenizer: Tokenizer, path: str | os.PathLike[str]) -> None:
    """Write the pieces and special tokens of a WordPiece tokenizer, a line each.

    The file holds nothing else. `load` assumes BERT's normalizer, pretokenizer and template. The options of
    the normalizer, the special tokens, ``unk``, the prefix and the most characters of a word are arguments of
    `load`. A tokenizer without a template, or without one for pairs, is loaded with BERT's if it has the
    special tokens [CLS] and [SEP]. The provenance is not written.

    Parameters
    ----------
    tokenizer : Tokenizer
        A WordPiece tokenizer.
    path : path
        The file; written whole or not at all.

    Raises
    ------
    ModelExportError
        If the model is not WordPiece; if the tokenizer has what no argument of `load` expresses: another
        normalizer than `BertNormalizer` with ``clean_text``, another pretokenizer than "bert", another
        template than BERT's, or a limit of bytes for a word; if an id is not in use or a piece cannot be a
        line; or if nothing in the file would say that it is a vocabulary.
    """
    model = tokenizer.model
    if not isinstance(model, WordPieceModel):
        raise ModelExportError(f"a vocab.txt is for WordPiece, not for a model of kind {model.kind!r}")
    data = "".join(line + "\n" for line in _lines_of(tokenizer)).encode()
    _check_assumed(tokenizer, model)
    prefix = model.continuing_subword_prefix.encode()
    if not tokenizer.special_tokens and all(not row.startswith(prefix) for row in model.pieces.to_bytes()):
        raise ModelExportError(
            "nothing would say that the file is a vocabulary: there is no special token, and no piece begins "
            f"with {prefix.decode()}"
        )
    if not _sniff(data, ""):
        raise ModelExportError(
            f"a vocab.txt cannot begin with {data[:10]!r}: it would be taken for another format"
        )
    with atomic_write(path) as file:
        file.write(data)


def _check_assumed(tokenizer: Tokenizer, model: WordPieceModel) -> None:
    """Refuse what the file does not hold and `load` would not assume."""
    normalizer, pretokenizer = tokenizer.normalizer, tokenizer.pretokenizer
    if not isinstance(normalizer, BertNormalizer) or not normalizer.clean_text:
        raise ModelExportError(
            f"a vocab.txt holds no normalizer and is read with BERT's, but this one has {normalizer}; "
            'train with normalizer="bert"'
        )
    if pretokenizer != get_pretokenizer("bert"):
        raise ModelExportError(
            f"a vocab.txt holds no pretokenizer and is read with BERT's, but this one has {pretokenizer}; "
            'train with pretokenizer="bert"'
        )
    if tokenizer.given_decoder is not None:
        raise ModelExportError(
            f"a vocab.txt holds no decoder, but this tokenizer was given one: {tokenizer.given_decoder}"
        )
    if tokenizer.template not in (None, TEMPLATE, Template(TEMPLATE.single)):
        raise ModelExportError(f"a vocab.txt is read with BERT's template, not with {tokenizer.template}")
    if not tokenizer.has_plain_tokens:
        raise ModelExportError(
            "a vocab.txt holds special tokens without flags only, but this tokenizer has other added tokens"
        )
    if model.max_input_bytes_per_word is not None:
        raise ModelExportError(
            f"a vocab.txt holds no max_input_bytes_per_word, but this model: {model.max_input_bytes_per_word}"
        )


def _lines_of(tokenizer: Tokenizer) -> list[str]:
    lines = []
    for i in range(tokenizer.vocab_size):
        try:
            line = tokenizer.id_to_piece(i).decode()
        except IndexError:
            raise ModelExportError(
                f"id {i} is not in use, but every line of a vocab.txt is a piece"
            ) from None
        if "\0" in line or not WHITE_SPACE_SET.isdisjoint(line) or line.startswith(MARK):
            raise ModelExportError(
                f"the piece {line!r} of id {i} cannot be a line: white space, U+0000 or a byte order mark"
            )
        lines.append(line)
    if len(set(lines)) < len(lines):
        raise ModelExportError("a special token reads like a piece, so that the file would have a line twice")
    return lines


def _sniff(head: bytes, path: str) -> bool:
    first_line = head.lstrip().split(b"\n", 1)[0].split()
    return len(first_line) == 1 and not first_line[0].startswith(b"{")


def _parse_special_tokens(value: Any, path: str) -> list[str]:
    return list(as_texts("special_tokens", value))


def _parse_limit(value: Any, path: str) -> int:
    return checked_size("max_input_chars_per_word", value, 1)


VOCAB_TXT = Format(
    "vocab.txt",
    "a vocab.txt",
    _sniff,
    load,
    save,
    {
        "lowercase": Option((bool,)),
        "strip_accents": Option((bool,)),
        "handle_chinese_chars": Option((bool,)),
        "special_tokens": Option(parse=_parse_special_tokens),
        "unk": Option((str,)),
        "continuing_subword_prefix": Option((str,)),
        "max_input_chars_per_word": Option((int,), _parse_limit),
    },
)
