"""`RawWords`: raw text split so that each part can be rewritten, split into words and encoded on its own.

A normalizer that rewrites text code point by code point never looks across white space, nor does a
pretokenizer that splits text into words. So an encoder can look raw words up in its cache, and rewrite only
those that are not in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fasttok.core.ragged import Ragged
from fasttok.text._spans import Spans
from fasttok.text.cuts import Cuts
from fasttok.text.normalizers._code_points import CodePoints
from fasttok.text.normalizers.code_points import CodePointNormalizer
from fasttok.text.pretokenizers.scanners import ScannerPretokenizer
from fasttok.text.steps import Normalizer, Pretokenizer, ScanningPretokenizer
from fasttok.text.unicode.classes import find_word_classes
from fasttok.text.words._raw_words import RawWordScanner, find_kinds


@dataclass(frozen=True)
class RawWords(ScanningPretokenizer):
    """Pretokenizer that splits raw text into raw words; made by `find_raw_words`.

    A raw word is a stretch of raw text whose words are the same whatever is before and after it. Most raw
    words become one word, some become several, or none.

    Parameters
    ----------
    normalizer : CodePointNormalizer
        Normalizer of the raw words.
    pretokenizer : ScannerPretokenizer
        Pretokenizer of the rewritten raw words.
    """

    normalizer: CodePointNormalizer
    pretokenizer: ScannerPretokenizer
    name = "raw_words"

    @property
    def is_partition(self) -> bool:
        return False

    @property
    def cuts(self) -> Cuts:
        return self.normalizer.cuts.then(self.pretokenizer.cuts)

    @property
    def scanner(self) -> RawWordScanner:
        return _find_scanner(self.normalizer, self.pretokenizer)  # type: ignore[return-value]

    @property
    def code_points(self) -> CodePoints:
        """Table that rewrites the raw words."""
        return self.normalizer.code_points

    @property
    def words(self) -> Spans:
        """Spans of the words in a rewritten raw word."""
        return self.pretokenizer.scanner

    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        raise ValueError(f"{self} drops text between raw words, so they have no boundaries")


@lru_cache(maxsize=16)
def _find_scanner(
    normalizer: CodePointNormalizer, pretokenizer: ScannerPretokenizer
) -> RawWordScanner | None:
    classes = find_word_classes(pretokenizer.unicode)
    kinds = find_kinds(normalizer.code_points, classes, pretokenizer.name == "bert")
    return None if kinds is None else RawWordScanner(kinds)


def find_raw_words(normalizer: Normalizer | None, pretokenizer: Pretokenizer) -> RawWords | None:
    """Return the pretokenizer of raw words for two steps; None if they may look across raw words."""
    if not isinstance(normalizer, CodePointNormalizer) or not isinstance(pretokenizer, ScannerPretokenizer):
        return None
    if (
        type(normalizer).rewrite is not CodePointNormalizer.rewrite
        or type(pretokenizer) is not ScannerPretokenizer
    ):
        return None  # a class derived from them may do something else
    if pretokenizer.is_partition or _find_scanner(normalizer, pretokenizer) is None:
        return None
    return RawWords(normalizer, pretokenizer)
