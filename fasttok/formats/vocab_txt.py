"""The ``vocab.txt`` of BERT: one piece per line; the line number, from 0, is the id.

The file contains no normalizer, pretokenizer or template, and does not mark its special tokens. fasttok uses
those of BERT (Devlin et al. 2019), as released.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from fasttok.core.checks import checked_flag, checked_size, checked_text, checked_texts
from fasttok.core.errors import ModelExportError, ModelFormatError, warn
from fasttok.core.ragged import Ragged
from fasttok.core.saving import atomic_write
from fasttok.formats.base import Format, Option, check_no_excluded, warn_of_config
from fasttok.models.wordpiece.model import WordPieceModel
from fasttok.text.normalizers.code_points import BertNormalizer, UnicodeNormalizer
from fasttok.text.pretokenizers.registry import get_pretokenizer
from fasttok.text.rows import Rows
from fasttok.text.unicode.versions import TOKENIZERS_VERSION
from fasttok.tokenizer.template import Template
from fasttok.tokenizer.tokenizer import Tokenizer

PRETOKENIZER = get_pretokenizer({"name": "bert", "unicode": TOKENIZERS_VERSION})
TEMPLATE = Template("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1")  # template of BERT
# Unicode's white space: removed at the end of a line, not allowed inside a piece.
WHITE_SPACE = "\t\n\x0b\x0c\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
WHITE_SPACE_SET = set(WHITE_SPACE)
BYTE_ORDER_MARK = "\ufeff"  # some editors write it at the start of a file
SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")  # special tokens of BERT


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
    """Load a WordPiece tokenizer from a ``vocab.txt`` of BERT.

    `fasttok.load` calls this function for files that it recognizes as a vocab.txt.

    Parameters
    ----------
    path : path
        The file.
    lowercase : bool, optional
        Whether to lowercase text; default: True if lowercasing would change no piece, special tokens
        not included.
    strip_accents : bool, optional
        Whether to strip accents; default: the value of `lowercase`.
    handle_chinese_chars : bool
        Whether to make each CJK ideograph a word.
    special_tokens : sequence of str
        Lines that are special tokens. Those that are not in the file are ignored.
    unk : str
        Special token that replaces unknown words. If it is not in the file, an unknown word is an error.
    continuing_subword_prefix, max_input_chars_per_word
        As in `fasttok.WordPieceModel`.

    Returns
    -------
    Tokenizer
        Tokenizer with the normalizer and pretokenizer of BERT. If the file contains ``[CLS]`` and ``[SEP]``,
        it also has the template of BERT.

    Raises
    ------
    ModelFormatError
        If the file is not UTF-8 or a line contains white space or U+0000; or if the file does not look like a
        vocabulary, because no line is a special token and none begins with `continuing_subword_prefix`.
    ValueError, TypeError
        If an option is out of range or of the wrong type.

    Warns
    -----
    UserWarning
        If a line occurs more than once. The piece has the id of the last occurrence, as in BERT and
        Hugging Face ``tokenizers``; the ids of the earlier occurrences are not in use.

    Notes
    -----
    White space at the end of a line is ignored. The ids equal those of Hugging Face ``tokenizers`` with its
    ``BertNormalizer``, ``BertPreTokenizer`` and ``WordPiece``. The tokenizer uses their Unicode tables, which
    are older than those of a tokenizer trained with fasttok. So a saved copy of such a tokenizer can give
    other ids for recent code points.

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
    tokens = checked_texts("special_tokens", special_tokens)
    checked_text("unk", unk)
    checked_text("continuing_subword_prefix", continuing_subword_prefix)
    checked_flag("handle_chinese_chars", handle_chinese_chars)
    for option, value in (("lowercase", lowercase), ("strip_accents", strip_accents)):
        if value is not None:
            checked_flag(option, value)
    rows = read_lines(name)
    ids = {piece: i for i, piece in enumerate(rows) if piece}
    n_duplicates = sum(map(bool, rows)) - len(ids)
    special = {token: ids.pop(token) for token in dict.fromkeys([*tokens, unk]) if token in ids}
    if not special and not any(piece.startswith(continuing_subword_prefix) for piece in ids):
        raise ModelFormatError(
            "not a vocab.txt: it contains no special token, and no piece begins with "
            f"{continuing_subword_prefix}",
            name,
        )
    if n_duplicates:
        warn(
            f"{name}: {n_duplicates:,} lines are repeated by a later line, whose number is the id of the "
            "piece; the ids of the earlier lines are not in use"
        )
    pieces = [""] * len(rows)
    for piece, i in ids.items():
        pieces[i] = piece
    if lowercase is None:
        texts = Ragged.from_bytes([piece.encode() for piece in pieces if piece not in SPECIAL_TOKENS])
        lowercase = UnicodeNormalizer("lowercase").rewrite(Rows.of(texts)).documents == texts
    normalizer = BertNormalizer(
        lowercase=lowercase,
        strip_accents=strip_accents,
        handle_chinese_chars=handle_chinese_chars,
        unicode=TOKENIZERS_VERSION,
    )
    model = WordPieceModel(
        pieces,
        continuing_subword_prefix=continuing_subword_prefix,
        unk_id=special.get(unk),
        max_input_chars_per_word=max_input_chars_per_word,
    )
    _ = model.encoder, normalizer.code_points  # build both now, not when the first text is encoded
    template = TEMPLATE if {"[CLS]", "[SEP]"} <= special.keys() else None
    provenance = {"format": "vocab.txt", "unicode": TOKENIZERS_VERSION}
    return Tokenizer(model, PRETOKENIZER, special, provenance, normalizer=normalizer, template=template)


def read_lines(name: str) -> list[str]:
    """Return the lines of a vocab.txt without white space at their ends.

    Raises
    ------
    ModelFormatError
        If the file is not UTF-8, or a line contains white space or U+0000.
    """
    with open(name, "rb") as file:
        data = file.read()
    try:
        lines = data.decode().removeprefix(BYTE_ORDER_MARK).split("\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ModelFormatError("not UTF-8", name, f"line {line}") from None
    if not lines[-1]:
        del lines[-1]
    rows = [line.rstrip(WHITE_SPACE) for line in lines]
    for number, row in enumerate(rows, 1):
        if "\0" in row or not WHITE_SPACE_SET.isdisjoint(row):
            raise ModelFormatError(
                "not a piece: the line contains white space or U+0000", name, f"line {number}"
            )
    return rows


def save(tokenizer: Tokenizer, path: str | os.PathLike[str]) -> None:
    """Write the pieces and special tokens of a WordPiece tokenizer, completely or not at all.

    The file contains one piece per line and nothing else. `load` uses the normalizer, pretokenizer and
    template of BERT. The following settings must be passed to `load` again, unless they have their defaults:
    the options of the normalizer, ``special_tokens``, ``unk``, ``continuing_subword_prefix`` and
    ``max_input_chars_per_word``. The provenance is not written.

    A tokenizer without a template, or without a template for pairs, is loaded with the template of BERT if it
    has the special tokens ``[CLS]`` and ``[SEP]``.

    Parameters
    ----------
    tokenizer : Tokenizer
        Tokenizer with a WordPiece model.
    path : path
        The file.

    Raises
    ------
    ModelExportError
        In one of these cases:

        - The model is not WordPiece.
        - The tokenizer has a component that `load` cannot restore: a normalizer other than
          `fasttok.BertNormalizer` with ``clean_text``, a pretokenizer other than "bert", a template other
          than that of BERT, a given decoder, settings for padding or truncation, the option
          ``max_input_bytes_per_word``, a model that encodes without some of its pieces, or added tokens that
          are not special or have flags.
        - An id is not in use, a piece cannot be a line, or a line would occur twice.
        - The file would not be recognized as a vocabulary.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import fasttok as ft
    >>> model = ft.WordPieceModel(["", "low", "##er"], unk_id=0)
    >>> tok = ft.Tokenizer(model, "bert", {"[UNK]": 0}, normalizer="bert")
    >>> path = pathlib.Path(tempfile.mkdtemp(), "vocab.txt")
    >>> tok.save(path, format="vocab.txt")
    >>> path.read_text().split()
    ['[UNK]', 'low', '##er']
    """
    model = tokenizer.model
    if not isinstance(model, WordPieceModel):
        raise ModelExportError(f"a vocab.txt can only hold WordPiece, not a model of kind {model.kind!r}")
    data = "".join(line + "\n" for line in _lines_of(tokenizer)).encode()
    _check_defaults(tokenizer, model)
    prefix = model.continuing_subword_prefix.encode()
    if not tokenizer.special_tokens and all(not row.startswith(prefix) for row in model.pieces.to_bytes()):
        raise ModelExportError(
            "the file would not be recognized as a vocab.txt: the tokenizer has no special token, and no "
            f"piece begins with {prefix.decode()}"
        )
    if not _sniff(data, ""):
        raise ModelExportError(
            f"a vocab.txt cannot begin with {data[:10]!r}: it would be recognized as another format"
        )
    with atomic_write(path) as file:
        file.write(data)


def _check_defaults(tokenizer: Tokenizer, model: WordPieceModel) -> None:
    """Raise an error if the tokenizer has a component that `load` cannot restore."""
    normalizer, pretokenizer = tokenizer.normalizer, tokenizer.pretokenizer
    if not isinstance(normalizer, BertNormalizer) or not normalizer.clean_text:
        raise ModelExportError(
            "a vocab.txt cannot hold a normalizer and is loaded with BERT's, but the tokenizer has "
            f'{"none" if normalizer is None else normalizer}; train with normalizer="bert"'
        )
    if pretokenizer not in (get_pretokenizer("bert"), PRETOKENIZER):
        raise ModelExportError(
            "a vocab.txt cannot hold a pretokenizer and is loaded with BERT's, but the tokenizer has "
            f'{pretokenizer}; train with pretokenizer="bert"'
        )
    if tokenizer.given_decoder is not None:
        raise ModelExportError(
            f"a vocab.txt cannot hold a decoder, but the tokenizer was given {tokenizer.given_decoder}"
        )
    if tokenizer.template not in (None, TEMPLATE, Template(TEMPLATE.single)):
        raise ModelExportError(
            "a vocab.txt cannot hold a template and is loaded with BERT's, but the tokenizer has "
            f"{tokenizer.template}"
        )
    if not tokenizer.has_plain_tokens:
        raise ModelExportError(
            "a vocab.txt can only hold special tokens without flags, but the tokenizer has other added tokens"
        )
    for setting in ("padding", "truncation"):
        if getattr(tokenizer, setting) is not None:
            raise ModelExportError(
                f"a vocab.txt cannot hold settings for {setting}, but the tokenizer has "
                f"{getattr(tokenizer, setting)}; tok.with_settings({setting}=None) is the tokenizer without "
                "them"
            )
    check_no_excluded("a vocab.txt", tokenizer)
    warn_of_config("a vocab.txt", tokenizer)
    if model.max_input_bytes_per_word is not None:
        raise ModelExportError(
            "a vocab.txt cannot hold max_input_bytes_per_word, but the model has "
            f"{model.max_input_bytes_per_word}"
        )


def _lines_of(tokenizer: Tokenizer) -> list[str]:
    lines = []
    for i in range(tokenizer.vocab_size):
        try:
            line = tokenizer.id_to_piece(i).decode()
        except IndexError:
            raise ModelExportError(
                f"id {i} is not in use, but every line of a vocab.txt must be a piece"
            ) from None
        if "\0" in line or not WHITE_SPACE_SET.isdisjoint(line) or line.startswith(BYTE_ORDER_MARK):
            raise ModelExportError(
                f"piece {line!r} with id {i} cannot be a line: it contains white space, U+0000 or a byte "
                "order mark"
            )
        lines.append(line)
    if len(set(lines)) < len(lines):
        raise ModelExportError(
            "a special token has the same text as a piece, so the file would contain a line twice"
        )
    return lines


def _sniff(head: bytes, path: str) -> bool:
    first_line = head.lstrip().split(b"\n", 1)[0].split()
    return len(first_line) == 1 and not first_line[0].startswith(b"{")


def _parse_special_tokens(value: Any, path: str) -> list[str]:
    return list(checked_texts("special_tokens", value))


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
    is_general=True,
    names=("vocab.txt",),
)
