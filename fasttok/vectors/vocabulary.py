"""Number of ids that an argument stands for: a tokenizer, a token store, or the number itself."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from fasttok.core.checks import checked_dimension, describe


class HasVocabulary(Protocol):
    """Object that has a number of ids."""

    @property
    def vocab_size(self) -> int: ...


AnyVocabulary = HasVocabulary | int


def count_ids(tokenizer: Any) -> int:
    """Return the number of ids of a tokenizer or token store, or a number of ids after checking it.

    Raises
    ------
    TypeError, ValueError
        If the argument has another type, or the number is not from 1 to 2^31 - 1.
    """
    found = getattr(tokenizer, "vocab_size", tokenizer) if not isinstance(tokenizer, type) else tokenizer
    if isinstance(found, bool) or not isinstance(found, (int, np.integer)):
        raise TypeError(
            f"tokenizer must be a Tokenizer, or another object with a vocab_size, or the number of ids, "
            f"not {describe(tokenizer)}"
        )
    return checked_dimension("tokenizer" if found is tokenizer else "vocab_size of the tokenizer", found)
