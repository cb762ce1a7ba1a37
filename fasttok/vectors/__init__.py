"""Vectors for the ids of a tokenizer: embedding tables, positions, numbers of parameters, word vectors."""

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
from fasttok.vectors.words.cooccurrence import Cooccurrence, cooccurrence
from fasttok.vectors.words.pooling import DocumentVectors
from fasttok.vectors.words.ppmi import PPMIMatrix
from fasttok.vectors.words.queries import Neighbours
from fasttok.vectors.words.word_vectors import WordVectors

__all__ = [
    "Cooccurrence",
    "DocumentVectors",
    "EmbeddingTable",
    "Neighbours",
    "PPMIMatrix",
    "ParameterCount",
    "Rotary",
    "Transfer",
    "WordVectors",
    "alibi",
    "alibi_slopes",
    "cooccurrence",
    "count_parameters",
    "learned",
    "relative_bias",
    "relative_buckets",
    "rotary",
    "sinusoidal",
    "transfer",
]
