"""`ByteLevelNormalizer`: writes every byte as its character of the byte alphabet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fasttok.core.ragged import Ragged
from fasttok.text.normalizers._byte_level import write_alphabet
from fasttok.text.rows import Rows
from fasttok.text.steps import Normalizer
from fasttok.text.unicode.byte_alphabet import CHARACTER_OF_BYTE

# The UTF-8 of the character of each byte, padded to two bytes, and its length.
_ALPHABET = np.array(
    [
        [*CHARACTER_OF_BYTE[byte].encode().ljust(2), len(CHARACTER_OF_BYTE[byte].encode())]
        for byte in range(256)
    ],
    np.uint8,
)


@dataclass(frozen=True)
class ByteLevelNormalizer(Normalizer):
    """Normalizer that writes every byte as one visible character, as GPT-2 writes its pieces.

    The characters are those of GPT-2's byte alphabet: a space becomes Ġ, a line end Ċ, and é, which has two
    bytes, becomes Ã©. In offsets, each character originates from its byte. Bytes that are not UTF-8 are
    written like all others.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.ByteLevelNormalizer().normalize("naïve 東\\n")
    'naÃ¯veĠæĿ±Ċ'
    """

    name = "byte_level"

    def rewrite(self, rows: Rows) -> Rows:
        documents = rows.documents
        text = np.ascontiguousarray(documents.values)
        values, offsets, spans = write_alphabet(text, documents.offsets, _ALPHABET, rows.aligned)
        return rows.rewritten(Ragged(values, offsets), spans)
