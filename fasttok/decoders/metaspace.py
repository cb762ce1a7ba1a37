"""`Metaspace`: spaces for the marks that stand for white space."""

from __future__ import annotations

from dataclasses import dataclass, fields

from fasttok.core.checks import checked_flag
from fasttok.decoders.base import Decoder, Filter
from fasttok.text.pretokenizers._metaspace import write_spaces
from fasttok.text.pretokenizers.metaspace import MARK


@dataclass(frozen=True)
class Metaspace(Decoder):
    """Write a space for each ▁, and nothing for those at the start or the end that no text had.

    It undoes `fasttok.Metaspace` with the same options. It acts on the joined text, because a ▁ may be made
    of three tokens, one for each byte.

    Parameters
    ----------
    add_dummy_prefix : bool
        Whether the first ▁ of a text was added; with `treat_whitespace_as_suffix`, the last one.
    remove_extra_whitespaces : bool
        Whether all ▁ at the start of a text are left out.
    treat_whitespace_as_suffix : bool
        Whether ▁ belongs to the word before it. Then nothing is left out at the start.

    Notes
    -----
    A ▁ in the text of an added token stays. tokenizers' Metaspace writes a space for it, and leaves out
    every ▁ of the first token and of no other; the two agree where only the first letter of the first token
    is a ▁.
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
        """Whether a ▁ at the end of a text is left out."""
        return self.treat_whitespace_as_suffix and self.add_dummy_prefix

    def filter(self) -> Filter:
        return MetaspaceFilter(self)


class MetaspaceFilter(Filter):
    """The filter of `Metaspace`. It holds back at most two marks.

    Parameters
    ----------
    options : Metaspace
        The options.
    """

    def __init__(self, options: Metaspace) -> None:
        self._options = options
        self._drops_last = options.drops_last
        self._begun = False  # whether the marks at the start, which no text had, are past
        self._held = b""  # the beginning of a mark, or a mark that is written only if something follows

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
        """Count the bytes at the end that may begin a mark, or are one to be left out if it is the last."""
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
