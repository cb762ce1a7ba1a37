"""Filters that act on the joined text of the tokens: replace a text, strip a character, repair UTF-8."""

from __future__ import annotations

import codecs

from fasttok.decoders.base import Filter


class ReplaceFilter(Filter):
    """Filter that replaces every occurrence of a text, from left to right without overlaps.

    It holds back fewer bytes than the text has.

    Parameters
    ----------
    pattern : bytes
        Text to replace; not empty.
    replacement : bytes
        Replacement.
    """

    takes_added = True

    def __init__(self, pattern: bytes, replacement: bytes) -> None:
        self._pattern = pattern
        self._replacement = replacement
        self._held = b""  # start of the pattern at the end of the text

    def push(self, text: bytes) -> bytes:
        if not text:
            return b""
        *parts, rest = (self._held + text).split(self._pattern)
        n = len(rest) - self._measure_open_end(rest)
        rest, self._held = rest[:n], rest[n:]
        return self._replacement.join([*parts, rest])

    def _measure_open_end(self, text: bytes) -> int:
        """Return the length of the longest end of the text that is a start of the pattern."""
        i = text.find(self._pattern[:1], max(0, len(text) - len(self._pattern) + 1))
        while i >= 0 and not self._pattern.startswith(text[i:]):
            i = text.find(self._pattern[:1], i + 1)
        return 0 if i < 0 else len(text) - i

    def finish(self) -> bytes:
        held, self._held = self._held, b""
        return held

    def apply(self, text: bytes) -> bytes:
        return text.replace(self._pattern, self._replacement)


class StripFilter(Filter):
    """Filter that removes a character at the start and at the end of the text.

    It holds back the occurrences of the character that are removed if the text ends.

    Parameters
    ----------
    character : bytes
        Character in UTF-8.
    start, stop : int
        Maximum number of occurrences to remove at the start and at the end.
    """

    takes_added = True

    def __init__(self, character: bytes, start: int, stop: int) -> None:
        self._character = character
        self._start = start
        self._stop = stop
        self._reset()

    def _reset(self) -> None:
        self._to_remove = self._start  # occurrences that may still be removed at the start
        self._n_held = 0
        self._part = b""  # first bytes of the character, at the end of the text

    def push(self, text: bytes) -> bytes:
        if not text or not (self._to_remove or self._stop or self._part):
            return text
        character, text = self._character, self._part + text
        n = count_at_start(text, character, self._to_remove)
        begin = n * len(character)
        # If the text ends here, the next bytes may be further occurrences at the start.
        is_open = len(text) - begin < len(character) and character.startswith(text[begin:])
        self._to_remove = self._to_remove - n if is_open else 0
        n_part = next((k for k in range(len(character) - 1, 0, -1) if text.endswith(character[:k])), 0)
        end = max(begin, len(text) - n_part)
        self._part = text[end:]
        n = count_at_end(text, character, begin, end)
        end -= n * len(character)
        if begin < end:
            before, self._n_held = self._n_held, 0
            text = character * before + text[begin:end]
        else:
            text = b""
        n_out = max(0, self._n_held + n - self._stop)
        self._n_held += n - n_out
        return text + character * n_out

    def pause(self) -> bytes:
        held = self._character * self._n_held + self._part
        self._reset()
        self._to_remove = 0
        return held

    def finish(self) -> bytes:
        # The character is not at the end of the text if an incomplete character follows it.
        held = self._character * self._n_held + self._part if self._part else b""
        self._reset()
        return held

    def apply(self, text: bytes) -> bytes:
        return strip_character(text, self._character, self._start, self._stop)


def strip_character(text: bytes, character: bytes, start: int, stop: int) -> bytes:
    """Remove a character at the start of a text, up to `start` times, then at its end, up to `stop` times."""
    begin = len(character) * count_at_start(text, character, start)
    end = len(text)
    if stop:
        end -= len(character) * min(stop, count_at_end(text, character, begin, end))
    return text[begin:end]


def count_at_start(text: bytes, character: bytes, most: int) -> int:
    """Count how often the text repeats a character at its start, up to `most` times."""
    n = 0
    while n < most and text.startswith(character, n * len(character)):
        n += 1
    return n


def count_at_end(text: bytes, character: bytes, begin: int, end: int) -> int:
    """Count how often ``text[begin:end]`` repeats a character at its end."""
    n = 0
    while text.endswith(character, begin, end):
        n += 1
        end -= len(character)
    return n


class Utf8Filter(Filter):
    """Filter that replaces bytes that are not UTF-8 by U+FFFD, as Python does."""

    takes_added = True

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, text: bytes) -> bytes:
        return self._decoder.decode(text).encode()

    def finish(self) -> bytes:
        return self._decoder.decode(b"", final=True).encode()
