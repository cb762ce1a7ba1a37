"""Drawing of word vectors as points in a plane."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fasttok.vectors.words.queries import quote

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_METHODS = {"pca": "first two principal components", "tsne": "t-SNE"}


def place_words(rows: NDArray[np.float64], method: str) -> NDArray[np.float64]:
    """Return the place of each row in a plane: float64 of shape (n, 2).

    Parameters
    ----------
    rows : ndarray of float64, shape (n, dim)
        At least two vectors.
    method : {"pca", "tsne"}
        As in `WordVectors.plot`.
    """
    needed = ["matplotlib", *(["sklearn"] if method == "tsne" else [])]
    if missing := [name for name in needed if find_spec(name) is None]:
        names = " ".join("scikit-learn" if name == "sklearn" else name for name in missing)
        raise ImportError(
            f"plot needs packages that are not installed; install them with: pip install {names}"
        )
    places = find_components(rows)
    if method == "pca":
        return places
    from sklearn.manifold import TSNE

    # Starting from the principal components, in the size that scikit-learn recommends, needs no random
    # numbers.
    # The exact method is single-threaded, so that its sums have one order, and fast enough for a drawing.
    start = (places / max(places[:, 0].std(), 1e-300) * 1e-4).astype(np.float32)
    perplexity = min(30, (len(rows) - 1) / 3)
    tsne = TSNE(init=start, perplexity=perplexity, random_state=0, method="exact")
    found: NDArray[np.float64] = tsne.fit_transform(rows)
    return found.astype(np.float64)


def find_components(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the first two principal components of each row: float64 of shape (n, 2).

    In each direction, the number with the largest absolute value is positive. If the rows have less than two
    directions, the missing components are zero.

    Examples
    --------
    >>> find_components(np.array([[1.0, 0.0], [3.0, 0.0], [8.0, 0.0]]))
    array([[-3.,  0.],
           [-1.,  0.],
           [ 4.,  0.]])
    """
    left, values, _ = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    places = np.zeros((len(rows), 2))
    n = min(2, left.shape[1])
    places[:, :n] = left[:, :n] * values[:n]
    largest = places[np.abs(places).argmax(axis=0), [0, 1]]
    return places * np.where(largest < 0, -1.0, 1.0) + 0.0  # no negative zeros


def draw_words(words: Sequence[str], places: NDArray[np.float64], method: str) -> Figure:
    """Return a drawing of words at the given places."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 5), layout="constrained")
    pyplot.close(figure)  # a notebook then shows it once, as the result of the call
    axes.scatter(places[:, 0], places[:, 1], s=14, color="#0072b2")
    for word, place in zip(words, places.tolist(), strict=True):
        text = quote(word).replace("$", r"\$")  # dollar signs would mark formulas
        axes.annotate(text, place, xytext=(4, 3), textcoords="offset points")
    axes.set_title(f"{len(words)} words: {_METHODS[method]}", loc="left", fontsize=10)
    axes.set(xticks=[], yticks=[])
    axes.margins(0.12)
    return figure
