"""`count_parameters`: number of parameters that the vocabulary and the positions of a model need."""

from __future__ import annotations

from dataclasses import dataclass

from fasttok.core.checks import checked_dimension, checked_flag
from fasttok.vectors.vocabulary import AnyVocabulary, count_ids


@dataclass(frozen=True)
class ParameterCount:
    """Numbers of parameters around the layers of a model; `count_parameters` makes it.

    Attributes
    ----------
    tokens : int
        Parameters of the embedding table.
    positions : int
        Parameters of learned positions.
    types : int
        Parameters of the types of tokens, such as those of BERT's two segments.
    output : int
        Parameters of the output layer; 0 if it shares the embedding table.

    Examples
    --------
    >>> import fasttok as ft
    >>> count = ft.vectors.ParameterCount(tokens=1024, positions=256)
    >>> count.total
    1280
    """

    tokens: int
    positions: int = 0
    types: int = 0
    output: int = 0

    @property
    def total(self) -> int:
        """Sum of all parts.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.vectors.count_parameters(1000, dim=8, tied=False).total
        16000
        """
        return self.tokens + self.positions + self.types + self.output


def count_parameters(
    tokenizer: AnyVocabulary, dim: int, positions: int = 0, types: int = 0, *, tied: bool = True
) -> ParameterCount:
    """Return the number of parameters of the embeddings of a model, by part.

    Parameters
    ----------
    tokenizer : Tokenizer, TokenStore or int
        Tokenizer, another object with the attribute `vocab_size`, or the number of ids.
    dim : int
        Number of columns of the embedding table.
    positions : int
        Number of learned positions; 0 for positions without parameters, such as `rotary`.
    types : int
        Number of types of tokens; 0 if the model has none.
    tied : bool
        Whether the output layer shares the embedding table. If not, it has as many parameters as the table.

    Returns
    -------
    ParameterCount

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or is out of range.

    Examples
    --------
    The embeddings of BERT, whose vocabulary has 30,522 ids:

    >>> import fasttok as ft
    >>> count = ft.vectors.count_parameters(30_522, dim=768, positions=512, types=2)
    >>> count
    ParameterCount(tokens=23440896, positions=393216, types=1536, output=0)
    >>> count.total
    23835648
    """
    n_ids, dim = count_ids(tokenizer), checked_dimension("dim", dim)
    positions, types = checked_dimension("positions", positions, 0), checked_dimension("types", types, 0)
    output = 0 if checked_flag("tied", tied) else n_ids * dim
    return ParameterCount(n_ids * dim, positions * dim, types * dim, output)
