"""Vectors for the ids of a tokenizer: embedding tables, positions, numbers of parameters."""

from fasttok.vectors.parameters import ParameterCount, count_parameters
from fasttok.vectors.positions import (
    Rotary,
    alibi,
    alibi_slopes,
    learned,
    relative_bias,
    relative_buckets,
    rotary,
    sinusoidal,
)
from fasttok.vectors.table import EmbeddingTable
from fasttok.vectors.transfer import Transfer, transfer

__all__ = [
    "EmbeddingTable",
    "ParameterCount",
    "Rotary",
    "Transfer",
    "alibi",
    "alibi_slopes",
    "count_parameters",
    "learned",
    "relative_bias",
    "relative_buckets",
    "rotary",
    "sinusoidal",
    "transfer",
]
