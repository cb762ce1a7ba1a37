r"""Regular expressions that a hand-written scanner reproduces, in the spellings of libraries and files.

Many spellings of one pattern say the same in other words. Why each difference changes nothing:

- A possessive quantifier (``\p{L}++``, ``[^\r\n\p{L}\p{N}]?+``, ``\p{N}{1,3}+``) gives nothing back. The rest
  of its alternative, if there is any, never matches what it could give back.
- ``'(?i:[sdmt]|ll|ve|re)`` and ``(?i:'s|'t|'re|'ve|'m|'ll|'d)`` list the same endings. No two of them begin
  alike, so their order does not matter.
- ``\s*[\r\n]`` matches up to the last line end of a run of white space, so a further ``+`` finds nothing.
- A last ``\s+`` sees one character only: ``\s+(?!\S)`` before it matches in every longer run. So ``\s`` is
  enough.
- ``\s++`` takes the whole run, so ``$`` after it is true at the end of the text only, also for engines that
  let it match before a line end.
- ``\s++$`` before ``\s+(?!\S)`` changes something only if an alternative between them would end the match
  earlier, as ``\s*[\r\n]`` does in cl100k. GPT-2's pattern has none.

The tests compare each spelling with its scanner. They also show spellings that look alike and are not:

- Older releases of tiktoken wrote cl100k without ``\s++$``. That is "llama3": white space that ends a text
  after a line end is a pretoken of its own.
- ``'[sS]|'[tT]`` and so on, for engines without ``(?i:…)``, do not match 'ſ (U+017F), which folds to s.
- ``[\r\n]*`` in o200k for ``[\r\n/]*``; ``\p{N}{1,2}`` for ``\p{N}{1,3}``; ``[\p{L}\p{M}]+`` for
  ``\p{L}+``.
- ``\s+$`` for ``\s++$``: tokenizers lets ``$`` match before every line end.
- ``\S+``: the scanner "whitespace_split" discards the text between matches; as an expression it is kept. So
  the patterns of scanners that discard text are not listed.

The expressions are meant as the ``regex`` module reads them. tokenizers reads some otherwise:
`NOT_IN_TOKENIZERS`.
"""

from __future__ import annotations

from fasttok.text.pretokenizers.scanners import PATTERNS

# Other spellings of each pattern, besides that of `PATTERNS`, and where they are used.
_SPELLINGS: dict[str, tuple[str, ...]] = {
    "gpt2": (
        # the original release; tokenizers' ByteLevel
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
        # the same as tokenizers reads it, too
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

# A quantifier after {1,3} is possessive for `regex` and for tiktoken's engine; for tokenizers it repeats
# the repetition, so that a number of any length is one pretoken.
NOT_IN_TOKENIZERS = frozenset(pattern for pattern in KNOWN_PATTERNS if "{1,3}+" in pattern)

# How to write the pattern of each scanner so that `regex`, tiktoken and tokenizers read it alike.
CANONICAL: dict[str, str] = PATTERNS | {"cl100k": _SPELLINGS["cl100k"][1], "none": _SPELLINGS["none"][0]}


def find_known(pattern: str) -> str | None:
    r"""Return the name of the scanner that reproduces a regular expression; None if there is none.

    Examples
    --------
    >>> find_known(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
    'gpt2'
    >>> find_known(r"\w+") is None
    True
    """
    return KNOWN_PATTERNS.get(pattern)
