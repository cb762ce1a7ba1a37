"""`ByteLevel`: GPT-2's words, written with one character per byte."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import checked_flag
from fasttok.core.ragged import Ragged
from fasttok.text.cuts import NOTHING_KNOWN, Cuts
from fasttok.text.normalizers.byte_level import ByteLevelNormalizer
from fasttok.text.normalizers.strip_prepend import Prepend
from fasttok.text.pretokenizers.scanners import ScannerPretokenizer
from fasttok.text.steps import CompositePretokenizer, Normalizer, Pretokenizer
from fasttok.text.unicode.versions import checked_version


@dataclass(frozen=True)
class ByteLevel(CompositePretokenizer):
    """Pretokenizer of GPT-2, like ``ByteLevel`` of Hugging Face ``tokenizers``.

    It inserts a space before the text, splits the text like "gpt2", and writes every byte as its character of
    GPT-2's byte alphabet. Each of the three is optional. A model over bytes needs no alphabet; for such a
    model, "gpt2" is the same and faster.

    Parameters
    ----------
    add_prefix_space : bool
        Whether to insert a space before each non-empty text between two added tokens, unless it begins with a
        space. After another pretokenizer in a sequence, the space is inserted before every pretoken.
    use_regex : bool
        Whether to split the text. If False, it is only rewritten.
    unicode : {None, "tokenizers-0.23"}
        Version of Unicode's tables. None is Unicode 17. "tokenizers-0.23" is the version of Hugging Face
        ``tokenizers`` 0.23.
    writes_characters : bool
        Whether to write the characters of the byte alphabet. If False, the pretokens consist of bytes.

    Raises
    ------
    TypeError
        If `add_prefix_space`, `use_regex` or `writes_characters` is not a bool.
    ValueError
        If `unicode` has another value.

    Examples
    --------
    >>> import fasttok as ft
    >>> words = ft.ByteLevel(add_prefix_space=True).split_text("naïve words")
    >>> [word.decode() for word in words]
    ['ĠnaÃ¯ve', 'Ġwords']
    """

    add_prefix_space: bool = False
    use_regex: bool = True
    unicode: str | None = None
    writes_characters: bool = True
    name = "byte_level"

    def __post_init__(self) -> None:
        for name in ("add_prefix_space", "use_regex", "writes_characters"):
            checked_flag(name, getattr(self, name))
        checked_version(self.unicode)

    @cached_property
    def primitives(self) -> tuple[Normalizer | Pretokenizer, ...]:  # type: ignore[override]
        steps: list[Normalizer | Pretokenizer] = []
        if self.add_prefix_space:
            steps.append(Prepend(" ", "segment", unless_present=True))
        if self.use_regex:
            steps.append(self._words)
        if self.writes_characters:
            steps.append(ByteLevelNormalizer())
        return tuple(steps) or (self._words,)

    @property
    def _words(self) -> ScannerPretokenizer:
        return ScannerPretokenizer("gpt2" if self.use_regex else "none", self.unicode)

    @property
    def decoder_config(self) -> dict[str, Any] | None:
        return {"name": self.name} if self.writes_characters else None

    @property
    def cuts(self) -> Cuts:
        # Without the pattern, later steps would see rewritten text at the position of a cut.
        return NOTHING_KNOWN if self.rewrites and not self.use_regex else self._words.cuts

    def boundaries(self, documents: Ragged) -> Iterator[NDArray[np.int64]]:
        return super().boundaries(documents) if self.rewrites else self._words.boundaries(documents)

    def __getstate__(self) -> dict[str, Any]:
        return asdict(self)
