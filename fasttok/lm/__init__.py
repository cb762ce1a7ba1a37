"""N-gram language models over ids."""

from fasttok.lm.ngram import NGram

__all__ = ["NGram"]
