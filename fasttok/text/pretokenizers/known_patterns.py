r"""Regular expressions for which there is a hand-written scanner, in the spellings of libraries and files.

A pattern has many equivalent spellings. These differences do not change the matches:

- A possessive quantifier (``\p{L}++``, ``[^\r\n\p{L}\p{N}]?+``, ``\p{N}{1,3}+``) does not backtrack. In these
  patterns, the rest of the alternative never matches the text that backtracking would give back.
- ``'(?i:[sdmt]|ll|ve|re)`` and ``(?i:'s|'t|'re|'ve|'m|'ll|'d)`` list the same endings. No ending is a
  prefix of another, so their order does not matter.
- ``\s*[\r\n]`` matches up to the last line end of a run of white space, so a further ``+`` matches nothing
  more.
- A final ``\s+`` only ever matches one character, since ``\s+(?!\S)`` before it matches in every longer
  run. So ``\s`` is equivalent.
- ``\s++`` matches a whole run of white space, so ``$`` after it matches only at the end of the text. This
  also holds for engines in which ``$`` matches before a line end.
- ``\s++$`` before ``\s+(?!\S)`` matters only if an alternative between them would end the match earlier, as
  ``\s*[\r\n]`` does in cl100k. GPT-2's pattern has no such alternative.

Tests compare each spelling with its scanner. They also cover spellings that look alike but are not
equivalent:

- Older releases of tiktoken spell cl100k without ``\s++$``. That pattern is "llama3": white space after the
  last line end of a text is a separate pretoken.
- ``'[sS]|'[tT]`` and so on, for engines without ``(?i:…)``, do not match 'ſ (U+017F), which case-folds to s.
- ``[\r\n]*`` instead of ``[\r\n/]*`` in o200k; ``\p{N}{1,2}`` instead of ``\p{N}{1,3}``;
  ``[\p{L}\p{M}]+`` instead of ``\p{L}+``.
- ``\s+$`` instead of ``\s++$``: in Hugging Face ``tokenizers``, ``$`` matches before every line end.
- ``\S+``: the scanner "whitespace_split" drops the text between matches, but an expression given as a
  pretokenizer keeps it. So the patterns of scanners that drop text are not listed.

The expressions have the syntax of the ``regex`` module. ``tokenizers`` interprets some of them differently;
see `NOT_IN_TOKENIZERS`.
"""

from __future__ import annotations

from fasttok.text.pretokenizers.scanners import PATTERNS

# Spellings of each pattern that differ from `PATTERNS`, each with its source.
_SPELLINGS: dict[str, tuple[str, ...]] = {
    "gpt2": (
        # the original release; `ByteLevel` of Hugging Face `tokenizers`
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        # older releases of tiktoken
        r"'s|'t|'re|'ve|'m|'ll|'d| ?[\p{L}]+| ?[\p{N}]+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        # tiktoken 0.14: r50k_base, p50k_base, p50k_edit
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
    ),
    "cl100k": (
        # tiktoken 0.14
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
        r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
        # the same without {1,3}+, which `tokenizers` interprets differently
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*+"
        r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
    ),
    "llama3": (
        # cl100k in older releases of tiktoken, minbpe, and files made from these
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*"
        r"|\s*[\r\n]|\s+(?!\S)|\s+",
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]|\s+(?!\S)|\s+",
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
    "digits_single": (r"\p{N}",),
    "digits_threes_left": (r"\p{N}{1,3}",),  # the first step of DeepSeek V3
    "none": (r"[\s\S]+",),
}

KNOWN_PATTERNS: dict[str, str] = {pattern: name for name, pattern in PATTERNS.items()} | {
    spelling: name for name, spellings in _SPELLINGS.items() for spelling in spellings
}

# Expressions that `tokenizers` interprets differently. In `regex` and in tiktoken's engine, {1,3}+ is
# possessive. In `tokenizers`, the + repeats {1,3}, so a number of any length is one pretoken.
NOT_IN_TOKENIZERS = frozenset(pattern for pattern in KNOWN_PATTERNS if "{1,3}+" in pattern)

# A spelling of each pattern that `regex`, tiktoken and `tokenizers` interpret alike.
CANONICAL: dict[str, str] = PATTERNS | {"cl100k": _SPELLINGS["cl100k"][1], "none": _SPELLINGS["none"][0]}


def find_known(pattern: str) -> str | None:
    r"""Return the name of the scanner that is equivalent to a regular expression; None if unknown.

    Examples
    --------
    >>> find_known(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
    'gpt2'
    >>> find_known(r"\w+") is None
    True
    """
    return KNOWN_PATTERNS.get(pattern)
