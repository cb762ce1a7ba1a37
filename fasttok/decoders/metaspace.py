"""`Metaspace`: decoder that turns ▁ back into spaces."""

from __future__ import annotations

from dataclasses import dataclass, fields

from fasttok.core.checks import checked_flag
from fasttok.decoders.base import Decoder, Filter
from fasttok.text.pretokenizers._metaspace import write_spaces
from fasttok.text.pretokenizers.metaspace import MARK


@dataclass(frozen=True)
class Metaspace(Decoder):
    """Decoder that replaces each ▁ by a space, and removes each ▁ added at the start or end of a text.

    The decoder reverses `fasttok.Metaspace` with the same options. It acts on the joined text, because a ▁
    can be encoded as three tokens, one per byte.

    Parameters
    ----------
    add_dummy_prefix : bool
        Whether to remove one ▁ at the start of the text, or at the end with `treat_whitespace_as_suffix`.
    remove_extra_whitespaces : bool
        Whether to remove every ▁ at the start of the text.
    treat_whitespace_as_suffix : bool
        Whether ▁ belongs to the word before it. If True, no ▁ is removed at the start.

    Raises
    ------
    TypeError
        If an option is not a bool.

    Notes
    -----
    The decoder "metaspace_tokens" is ``Metaspace`` of Hugging Face ``tokenizers``, which differs: it also
    replaces each ▁ in the text of an added token, and it removes every ▁ of the first token and no ▁ of other
    tokens. Without added tokens, both decoders agree if the first token is a ▁ followed by other characters
    and contains no further ▁.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.Tokenizer(ft.WordModel(["▁low", "▁▁lower"]), "none", decoder="metaspace")
    >>> tok.decode([0, 1])
    'low  lower'
    """

    add_dummy_prefix: bool = True
    remove_extra_whitespaces: bool = True
    treat_whitespace_as_suffix: bool = False

    name = "metaspace"
    sees_first = False
    sees_last = False

    def __post_init__(self) -> None:
        for field in fields(self):
            checked_flag(field.name, getattr(self, field.name))

    @property
    def drops_last(self) -> bool:
        """Whether a ▁ at the end of the text is removed."""
        return self.treat_whitespace_as_suffix and self.add_dummy_prefix

    def filter(self) -> Filter:
        return MetaspaceFilter(self)


class MetaspaceFilter(Filter):
    """Filter of `Metaspace`; holds back at most 5 bytes.

    Parameters
    ----------
    options : Metaspace
        Options of the decoder.
    """

    def __init__(self, options: Metaspace) -> None:
        self._options = options
        self._drops_last = options.drops_last
        self._begun = False  # whether the ▁ to remove at the start are already removed
        self._held = b""  # an incomplete ▁, or a ▁ that is removed if it is the last one

    def push(self, text: bytes) -> bytes:
        if not text:
            return b""
        options, text = self._options, self._held + text
        if not self._begun and not options.treat_whitespace_as_suffix:
            if options.remove_extra_whitespaces:
                while text.startswith(MARK):
                    text = text[len(MARK) :]
                self._begun = not MARK.startswith(text)
            else:
                self._begun = text.startswith(MARK) or not MARK.startswith(text)
                if options.add_dummy_prefix:
                    text = text.removeprefix(MARK)
        n = len(text) - self._measure_open_end(text)
        text, self._held = text[:n], text[n:]
        return write_spaces(text)

    def _measure_open_end(self, text: bytes) -> int:
        """Count the bytes to hold back: a possible start of a ▁, and a ▁ to remove if the text ends here."""
        n = next((n for n in (2, 1) if text.endswith(MARK[:n])), 0)
        if self._drops_last and text.endswith(MARK, 0, len(text) - n):
            n += len(MARK)
        return n

    def pause(self) -> bytes:
        held, self._held, self._begun = self._held, b"", True
        return write_spaces(held)

    def finish(self) -> bytes:
        held, self._held, self._begun = self._held, b"", False
        return b"" if held == MARK and self._drops_last else write_spaces(held)

    def keeps(self, text: bytes) -> bool:
        return MARK not in text
