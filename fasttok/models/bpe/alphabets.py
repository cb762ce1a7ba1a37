"""`Bytes` and `Characters`: the symbols that byte-pair encoding starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fasttok.core.checks import checked_flag
from fasttok.models.pieces import as_id


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

    Raises
    ------
    TypeError
        If an option has the wrong type.
    ValueError
        If the suffix or the prefix contains a lone surrogate.

    Notes
    -----
    The options are those of the ``BPE`` model of Hugging Face ``tokenizers``. Three cases differ:

    - An unknown character is an error if there is no `unk_id` and no byte fallback; ``tokenizers`` drops it.
    - Byte fallback writes the bytes of the character alone; ``tokenizers`` adds those of the prefix and
      suffix.
    - With `ignore_merges`, the text ``<0x41>``, ``##a`` or ``a</w>`` never becomes the piece with this name,
      because the piece stands for a different text; ``tokenizers`` uses the piece.

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

    kind: ClassVar[str] = "bpe_characters"

    def __post_init__(self) -> None:
        for option in ("end_of_word_suffix", "continuing_subword_prefix"):
            text = getattr(self, option)
            if not isinstance(text, str):
                raise TypeError(f"{option} must be a str, not {type(text).__name__}")
            text.encode()
        for option in ("byte_fallback", "fuse_unk"):
            checked_flag(option, getattr(self, option))
        if self.unk_id is not None:
            object.__setattr__(self, "unk_id", as_id("unk_id", self.unk_id))
