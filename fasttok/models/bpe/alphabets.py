"""`Bytes` and `Characters`: the symbols that byte-pair encoding starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from fasttok.core.checks import checked_choice, checked_flag, checked_integer, checked_text


@dataclass(frozen=True)
class Bytes:
    """Alphabet of the 256 bytes: every byte is a piece, so every text can be encoded.

    Attributes
    ----------
    kind : str
        Name that native files give the models with this alphabet.

    Examples
    --------
    >>> import fasttok as ft
    >>> pieces = [*(bytes([byte]) for byte in range(256)), b"ab"]
    >>> model = ft.BPEModel(pieces, [[97, 98]], alphabet=ft.Bytes())
    >>> ft.Tokenizer(model, "none").encode("abé").tolist()
    [256, 195, 169]
    """

    kind: ClassVar[str] = "bpe"


@dataclass(frozen=True)
class Characters:
    """Alphabet of characters. A byte that is not UTF-8 counts as a character.

    Parameters
    ----------
    end_of_word_suffix : str
        Suffix of the name of each piece that ends a pretoken, usually ``</w>``; empty for no suffix. With a
        suffix, the last character of a pretoken is a different symbol from the same character elsewhere.
    continuing_subword_prefix : str
        Continuation prefix: prefix of the name of each piece that does not begin a pretoken, usually ``##``;
        empty for no prefix. A merge joins the name of its left part and the name of its right part without
        the prefix.
    unk_id : int, optional
        Id of the unknown token, which replaces each character that is not a piece. Without an `unk_id`, such
        a character is an error.
    byte_fallback : bool
        Whether a character that is not a piece is encoded as its bytes. The pieces ``<0x00>`` to ``<0xFF>``
        must then all exist. The result of a merge is never one of them, whatever its name is.
    fuse_unk : bool
        Whether consecutive unknown characters of a pretoken become one unknown token.
    drop_unk : bool
        Whether an unknown character is dropped if there is no `unk_id`. As in Hugging Face ``tokenizers``,
        the span of each token after it then begins too early, by the length of the dropped text.
    compat : {"huggingface", "sentencepiece"}, optional
        Library whose ids are reproduced in the cases described in the notes.

    Raises
    ------
    TypeError
        If an option has the wrong type.
    ValueError
        If the suffix or the prefix contains a lone surrogate, `compat` is unknown, ``compat="huggingface"``
        is combined with byte fallback and a prefix or suffix whose bytes all have pieces, or
        ``compat="sentencepiece"`` has no `unk_id` or is combined with a prefix, a suffix, `fuse_unk` or
        `drop_unk`.

    Notes
    -----
    The options are those of the ``BPE`` model of Hugging Face ``tokenizers``, where `drop_unk` is always
    True. With ``compat="huggingface"``, the names of the pieces alone decide, as in ``tokenizers``:

    - A piece is a character if its name is that of a character, even if merges produce it too. The unknown
      token and the byte pieces can be ordinary pieces, with merges.
    - A character is encoded as bytes if the pieces of its bytes exist; the other byte pieces may be missing.
      An unknown token comes after the bytes of the next characters.
    - With `ignore_merges`, the text ``<0x41>``, ``##a`` or ``a</w>`` becomes the piece with this name.
      Without `compat`, it never does, because the piece stands for a different text.
    - All pieces have different names.

    With ``compat="sentencepiece"``, the symbols are those of sentencepiece:

    - User-defined pieces of the model are found first, the longest one at each position. They never merge.
    - The other symbols are single characters, whether they are pieces or not. A character that is not a piece
      can be a part of a merge. If it is left over, it is unknown.
    - An unknown character is encoded as bytes or, without byte fallback, as the unknown token. A run of
      unknown characters becomes one unknown token, even across pretokens.
    - Byte pieces and the unknown token never match text and never merge.

    Without `compat`, byte fallback writes the bytes of the character alone. ``tokenizers`` adds those of the
    prefix and suffix, so that a text can have more ids than bytes. ``compat="huggingface"`` does not support
    this.

    Examples
    --------
    >>> import fasttok as ft
    >>> alphabet = ft.Characters(end_of_word_suffix="</w>", unk_id=0)
    >>> model = ft.BPEModel(["", "a", "b</w>", "ab</w>"], [[1, 2]], alphabet=alphabet)
    >>> tok = ft.Tokenizer(model, "whitespace_split", {"<unk>": 0})
    >>> [tok.id_to_piece(i).decode() for i in tok.encode("ab aab c")]
    ['ab</w>', 'a', 'ab</w>', '<unk>']
    """

    end_of_word_suffix: str = ""
    continuing_subword_prefix: str = ""
    unk_id: int | None = None
    byte_fallback: bool = False
    fuse_unk: bool = False
    drop_unk: bool = False
    compat: Literal["huggingface", "sentencepiece"] | None = None

    kind: ClassVar[str] = "bpe_characters"

    def __post_init__(self) -> None:
        for option in ("end_of_word_suffix", "continuing_subword_prefix"):
            checked_text(option, getattr(self, option))
        for option in ("byte_fallback", "fuse_unk", "drop_unk"):
            checked_flag(option, getattr(self, option))
        if self.compat is not None:
            checked_choice("compat", self.compat, "huggingface", "sentencepiece")
        if self.unk_id is not None:
            object.__setattr__(self, "unk_id", checked_integer("unk_id", self.unk_id))
        if self.compat == "sentencepiece":
            for option in ("end_of_word_suffix", "continuing_subword_prefix", "fuse_unk", "drop_unk"):
                if getattr(self, option):
                    raise ValueError(
                        f'compat="sentencepiece" cannot have {option}={getattr(self, option)!r}: '
                        "sentencepiece has no such option"
                    )
            if self.unk_id is None:
                raise ValueError(
                    'compat="sentencepiece" needs unk_id, as every model of sentencepiece has one'
                )
