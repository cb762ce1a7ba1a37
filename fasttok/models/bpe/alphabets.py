"""`Bytes` and `Characters`: the symbols that byte-pair encoding begins with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fasttok.core.checks import checked_flag
from fasttok.models.pieces import as_id


@dataclass(frozen=True)
class Bytes:
    """Byte-pair encoding begins with the 256 bytes, each of which is a piece.

    Attributes
    ----------
    kind : str
        The kind of a model with this alphabet.
    """

    kind: ClassVar[str] = "bpe"


@dataclass(frozen=True)
class Characters:
    """Byte-pair encoding begins with the characters of a pretoken. A byte that is not UTF-8 counts as one.

    Parameters
    ----------
    end_of_word_suffix : str
        The text at the end of the name of each piece that ends a pretoken, ``</w>`` as a rule; empty for
        none. With one, the last character of a pretoken is another symbol than the same character elsewhere.
    continuing_subword_prefix : str
        The text before the name of each piece that does not begin a pretoken, ``##`` as a rule; empty for
        none. A merge joins the name of its left part to that of its right part without the prefix.
    unk_id : int, optional
        The id of each character that is not a piece. Without one, such a character is an error.
    byte_fallback : bool
        Whether a character that is not a piece becomes the pieces of its bytes instead, ``<0x00>`` to
        ``<0xFF>``, all of which must be there. A piece that a merge makes is never one of these.
    fuse_unk : bool
        Whether a run of characters within a pretoken that are not pieces becomes one unknown token.

    Raises
    ------
    TypeError
        If an option is of the wrong type.
    ValueError
        If the suffix or the prefix holds a lone surrogate.

    Notes
    -----
    The options are those of the model ``BPE`` of tokenizers, and mean the same with these exceptions. A
    character without a piece is an error where no id is given for it; tokenizers drops it. The bytes that a
    character becomes are its own; tokenizers adds those of the prefix and the suffix. With `ignore_merges`, a
    text such as ``<0x41>``, ``##a`` or ``a</w>`` is not taken for the piece of this name, which stands for
    another text; tokenizers takes it.
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
