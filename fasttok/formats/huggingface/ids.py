"""The ids that ``tokenizers`` gives to added tokens when it opens a file, whatever the file says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def assign_ids(texts: Iterable[str], vocabulary: Mapping[str, int], n_pieces: int) -> dict[str, int]:
    """Return the id of each added token.

    A token whose text is a piece has the id of the piece. The first other token has the number of pieces as
    its id, even if a piece has this id, and each further one the next id. The ids in the file do not matter.

    Parameters
    ----------
    texts : iterable of str
        Texts of the tokens, in the order of the file.
    vocabulary : mapping of str to int
        Id of each piece of the model.
    n_pieces : int
        Number of pieces of the model.

    Examples
    --------
    >>> assign_ids(["<s>", "a", "</s>"], {"a": 0, "b": 9}, 2)
    {'<s>': 2, 'a': 0, '</s>': 3}
    """
    ids: dict[str, int] = {}
    next_id = n_pieces
    for text in dict.fromkeys(texts):
        if text in vocabulary:
            ids[text] = vocabulary[text]
        else:
            ids[text] = next_id
            next_id += 1
    return ids
