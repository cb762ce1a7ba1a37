"""Conversion of tokenizers to live objects of other libraries, which are imported on first use."""

from __future__ import annotations

import os
import tempfile
from itertools import pairwise
from typing import Any

from fasttok.core.errors import ModelExportError
from fasttok.formats.huggingface.files import save
from fasttok.formats.huggingface.write import to_text
from fasttok.formats.patterns import write_for_tiktoken
from fasttok.formats.tiktoken import ranked_pieces
from fasttok.text.pretokenizers.expressions import Regex
from fasttok.text.pretokenizers.known_patterns import CANONICAL
from fasttok.text.pretokenizers.scanners import DROPPING, ScannerPretokenizer
from fasttok.text.steps import Pretokenizer
from fasttok.tokenizer.tokenizer import Tokenizer


def to_tiktoken(tokenizer: Tokenizer) -> Any:
    """Return a ``tiktoken.Encoding`` of a tokenizer; see `Tokenizer.to_tiktoken`."""
    try:
        import tiktoken
    except ImportError as error:
        raise ImportError("to_tiktoken needs tiktoken: pip install tiktoken") from error
    pieces = ranked_pieces(tokenizer, "tiktoken")
    pattern = _pattern_for_tiktoken(tokenizer.pretokenizer)
    _check_no_prefixes(tokenizer.special_tokens)
    ranks = {piece: i for i, piece in enumerate(pieces.to_bytes()) if piece}
    try:
        return tiktoken.Encoding(
            "fasttok", pat_str=pattern, mergeable_ranks=ranks, special_tokens=tokenizer.special_tokens
        )
    except ValueError as error:
        raise ModelExportError(f"tiktoken cannot compile the pattern {pattern!r}: {error}") from None


def to_tokenizers(tokenizer: Tokenizer) -> Any:
    """Return a ``tokenizers.Tokenizer`` that does the same as a tokenizer; see `Tokenizer.to_tokenizers`."""
    try:
        import tokenizers
    except ImportError as error:
        raise ImportError("to_tokenizers needs tokenizers: pip install tokenizers") from error
    return tokenizers.Tokenizer.from_str(to_text(tokenizer))


def to_transformers(tokenizer: Tokenizer) -> Any:
    """Return a ``transformers.PreTrainedTokenizerFast``; see `Tokenizer.to_transformers`."""
    try:
        import transformers
    except ImportError as error:
        raise ImportError("to_transformers needs transformers: pip install transformers") from error
    with tempfile.TemporaryDirectory() as folder:
        save(tokenizer, os.path.join(folder, ""))
        return transformers.AutoTokenizer.from_pretrained(folder)


def _pattern_for_tiktoken(pretokenizer: Pretokenizer) -> str:
    """Return the pattern with which tiktoken finds the same pretokens."""
    if isinstance(pretokenizer, ScannerPretokenizer):
        # tiktoken drops the text between matches, and so do the scanners in DROPPING.
        return (CANONICAL | DROPPING)[pretokenizer.name]
    if isinstance(pretokenizer, Regex):
        return write_for_tiktoken(pretokenizer.pattern)
    raise ModelExportError(
        f"tiktoken splits text with one regular expression, but the pretokenizer is {pretokenizer}"
    )


def _check_no_prefixes(special_tokens: dict[str, int]) -> None:
    """Raise an error if tiktoken could find the shorter one of two special tokens."""
    for shorter, longer in pairwise(sorted(special_tokens)):
        if longer.startswith(shorter):
            raise ModelExportError(
                f"special token {shorter!r} is the beginning of {longer!r}; where the longer one occurs, "
                "tiktoken may find either"
            )
