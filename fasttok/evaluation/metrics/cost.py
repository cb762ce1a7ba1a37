"""Cost of a vocabulary: the parameters that it adds to a model."""

from __future__ import annotations

from typing import NamedTuple


class EmbeddingCost(NamedTuple):
    """Number of parameters that a vocabulary needs, as `embedding_cost` returns it.

    Attributes
    ----------
    n_parameters : int
        Parameters of the embedding matrix, plus those of the output layer if its weights are not tied.
    share : float
        ``n_parameters`` divided by all parameters of the model.

    Examples
    --------
    >>> from fasttok.evaluation.metrics.cost import EmbeddingCost
    >>> EmbeddingCost(n_parameters=32_768_000, share=0.1).n_parameters
    32768000
    """

    n_parameters: int
    share: float


def embedding_cost(
    vocab_size: int, dimension: int, n_other_parameters: int, *, is_tied: bool = True
) -> EmbeddingCost:
    """Return the number of parameters that the embedding of a vocabulary needs.

    Parameters
    ----------
    vocab_size : int
        Number of ids, including special tokens.
    dimension : int
        Embedding dimension of the model.
    n_other_parameters : int
        Number of parameters of the model without embedding matrix and output layer.
    is_tied : bool
        Whether the output layer shares the weights of the embedding matrix. If False, the vocabulary needs
        twice as many parameters.

    Returns
    -------
    EmbeddingCost
        Number of parameters, and their share of all parameters of the model.

    Raises
    ------
    ValueError
        If `vocab_size` or `dimension` is below 1, or `n_other_parameters` is negative.

    Examples
    --------
    >>> from fasttok.evaluation.metrics.cost import embedding_cost
    >>> embedding_cost(32_000, 1024, 294_912_000)
    EmbeddingCost(n_parameters=32768000, share=0.1)
    """
    if vocab_size < 1 or dimension < 1 or n_other_parameters < 0:
        raise ValueError(
            "vocab_size and dimension must be at least 1, and n_other_parameters at least 0; got "
            f"{vocab_size}, {dimension} and {n_other_parameters}"
        )
    n_parameters = vocab_size * dimension * (1 if is_tied else 2)
    return EmbeddingCost(n_parameters, n_parameters / (n_parameters + n_other_parameters))
