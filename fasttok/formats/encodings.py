"""Encodings by name: the pretokenizers and special tokens of known rank files, which contain neither.

The encodings of OpenAI are those that tiktoken 0.14 registers. The rank file of p50k_edit is that of
p50k_base, and the rank file of o200k_harmony is that of o200k_base.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

END, END_OF_PROMPT = "<|endoftext|>", "<|endofprompt|>"
PREFIX, MIDDLE, SUFFIX = "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>"


class Encoding(NamedTuple):
    """Pretokenizer and special tokens that belong to a rank file.

    Attributes
    ----------
    pretokenizer : str
        Name of the pretokenizer.
    special_tokens : dict of str to int
        Id of each special token.
    sha256 : str
        SHA-256 hash of the rank file, in hexadecimal.
    """

    pretokenizer: str
    special_tokens: dict[str, int]
    sha256: str


def _count_from(first: int, tokens: list[str]) -> dict[str, int]:
    return {token: i for i, token in enumerate(tokens, first)}


def _harmony_tokens() -> dict[str, int]:
    """Return the special tokens of o200k_harmony, without one that shares its id with another.

    tiktoken gives id 200018 to ``<|reserved_200018|>`` too; here it belongs to ``<|endofprompt|>`` only.
    """
    by_id = {i: f"<|reserved_{i}|>" for i in range(200000, 201088)} | {
        199998: "<|startoftext|>",
        199999: END,
        200002: "<|return|>",
        200003: "<|constrain|>",
        200005: "<|channel|>",
        200006: "<|start|>",
        200007: "<|end|>",
        200008: "<|message|>",
        200012: "<|call|>",
        200018: END_OF_PROMPT,
    }
    return {token: i for i, token in sorted(by_id.items())}


def _llama3_tokens() -> dict[str, int]:
    reserved = [f"<|reserved_special_token_{i}|>" for i in range(251)]
    begin = [
        "<|begin_of_text|>",
        "<|end_of_text|>",
        *reserved[:4],
        "<|start_header_id|>",
        "<|end_header_id|>",
    ]
    return _count_from(128000, [*begin, reserved[4], "<|eot_id|>", *reserved[5:]])


_R50K = "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930"
_P50K = "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069"
_CL100K = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"
_O200K = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"
_LLAMA3 = "82e9d31979e92ab929cd544440f129d9ecd797b69e327f80f17e1c50d5551b55"
_QWEN = "b2b1b8dfb5cc5f024bafc373121c6aba3f66f9a5a0269e243470a1de16a33186"

# By name. Of encodings with the same rank file, the first one is the default.
ENCODINGS: dict[str, Encoding] = {
    "r50k_base": Encoding("gpt2", {END: 50256}, _R50K),
    "gpt2": Encoding("gpt2", {END: 50256}, _R50K),
    "p50k_base": Encoding("gpt2", {END: 50256}, _P50K),
    "p50k_edit": Encoding("gpt2", {END: 50256} | _count_from(50281, [PREFIX, MIDDLE, SUFFIX]), _P50K),
    "cl100k_base": Encoding(
        "cl100k", _count_from(100257, [END, PREFIX, MIDDLE, SUFFIX]) | {END_OF_PROMPT: 100276}, _CL100K
    ),
    "o200k_base": Encoding("o200k", {END: 199999, END_OF_PROMPT: 200018}, _O200K),
    "o200k_harmony": Encoding("o200k", _harmony_tokens(), _O200K),
    "llama3": Encoding("llama3", _llama3_tokens(), _LLAMA3),
    "qwen": Encoding(
        "qwen2",
        _count_from(151643, [END, "<|im_start|>", "<|im_end|>", *(f"<|extra_{i}|>" for i in range(205))]),
        _QWEN,
    ),
}


def hash_of(data: bytes) -> str:
    """Return the SHA-256 hash of a rank file, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def encodings_of(digest: str) -> list[str]:
    """Return the names of the encodings with a rank file, known by its hash."""
    return [name for name, encoding in ENCODINGS.items() if encoding.sha256 == digest]


def find_encoding(digest: str, stem: str) -> str | None:
    """Return the name of the encoding of a rank file, known by its content or by its name.

    Parameters
    ----------
    digest : str
        Hash of the file; see `hash_of`.
    stem : str
        Name of the file without extensions. It decides between encodings with the same rank file.

    Returns
    -------
    str or None
        None if neither the content nor the name is known.

    Examples
    --------
    >>> digest = hash_of(b"IQ== 0\\n")
    >>> find_encoding(digest, "cl100k_base"), find_encoding(digest, "mine")
    ('cl100k_base', None)
    """
    same = encodings_of(digest)
    if same and stem not in same:
        return same[0]
    return stem if stem in ENCODINGS else None
