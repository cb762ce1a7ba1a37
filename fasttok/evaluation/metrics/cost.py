"""What a vocabulary costs the model that uses it."""

from __future__ import annotations

from typing import NamedTuple


class EmbeddingCost(NamedTuple):
    """The parameters that a vocabulary needs.

    Attributes
    ----------
    n_parameters : int
        Parameters of the embedding, and of the output layer where that has its own.
    share : float
        Their share of all parameters of the model.
    """

    n_parameters: int
    share: float


def embedding_cost(
    vocab_size: int, dimension: int, n_other_parameters: int, *, is_tied: bool = True
) -> EmbeddingCost:
    """The parameters of the embedding of a vocabulary.

    Parameters
    ----------
    vocab_size : int
        Ids, special tokens and all.
    dimension : int
        The width of the model.
    n_other_parameters : int
        The parameters of the model without embedding and output layer.
    is_tied : bool
        Whether the output layer shares the embedding's parameters; otherwise it has as many again.

    Returns
    -------
    EmbeddingCost
        The numerator of its share is ``n_parameters``, the denominator these and the others.

    Raises
    ------
    ValueError
        If a size is below 1, or the other parameters below 0.

    Examples
    --------
    >>> embedding_cost(32_000, 1024, 294_912_000)
    EmbeddingCost(n_parameters=32768000, share=0.1)
    """
    if vocab_size < 1 or dimension < 1 or n_other_parameters < 0:
        raise ValueError("sizes must be at least 1, and other parameters at least 0")
    n_parameters = vocab_size * dimension * (1 if is_tied else 2)
    return EmbeddingCost(n_parameters, n_parameters / (n_parameters + n_other_parameters))
