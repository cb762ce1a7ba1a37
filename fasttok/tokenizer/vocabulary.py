"""`Vocabulary`: the pieces of a model and its added tokens under one numbering of ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from fasttok.core.ids import as_ids, gather_pieces
from fasttok.core.ragged import Ragged
from fasttok.text.added import AddedToken, AddedTokens

MOST_IDS = 1 << 31


class Vocabulary:
    """Pieces by id and ids by piece. Immutable.

    Parameters
    ----------
    pieces : Ragged of uint8
        The model's pieces; an empty row is an id that it does not use.
    added : AddedTokens
        The added tokens, whose ids the model does not use, or uses for the same text.

    Attributes
    ----------
    pieces : Ragged of uint8
        The bytes of every id; an empty row for an id that is not in use.
    """

    def __init__(self, pieces: Ragged, added: AddedTokens) -> None:
        self._model_pieces = pieces
        self._added = added
        self.pieces = pieces
        if len(added):
            rows = pieces.to_bytes()
            rows += [b""] * (int(added.ids.max()) + 1 - len(rows))
            for token, i in added.items():
                rows[i] = token.text.encode()
            self.pieces = Ragged.from_bytes(rows)

    @cached_property
    def _ids(self) -> dict[bytes, int]:
        added = {token.text.encode(): i for token, i in self._added.items()}
        return added | {row: i for i, row in enumerate(self._model_pieces.to_bytes()) if row}

    def id_to_piece(self, i: int) -> bytes:
        """Return the bytes of an id.

        Raises
        ------
        IndexError
            If the id is not in use.
        """
        return gather_pieces(self.pieces, as_ids([i]))

    def piece_to_id(self, piece: bytes) -> int:
        """Return the id of a piece, or of an added token whose text is not a piece too.

        Raises
        ------
        KeyError
            If there is no such piece.
        """
        return self._ids[piece]


def as_added_tokens(tokens: Any) -> dict[AddedToken, int]:
    """Take added tokens as a mapping to their ids; a ``str`` is a special token.

    Raises
    ------
    TypeError, ValueError
        If it is not such a mapping, or a text has two tokens.
    """
    if not isinstance(tokens, Mapping):
        raise TypeError("added_tokens must map each text, or AddedToken, to its id")
    found = {
        token if isinstance(token, AddedToken) else AddedToken(token, special=True): i
        for token, i in tokens.items()
    }
    if len({token.text for token in found}) < len(tokens):
        twice = sorted(token.text for token in found)
        text = next(a for a, b in pairwise(twice) if a == b)
        raise ValueError(f"added token {text!r} is given twice")
    return found


def append_tokens(known: Mapping[AddedToken, int], tokens: Any, first: int) -> dict[AddedToken, int]:
    """Give tokens the ids from `first` on, after those that are known; a ``str`` is a token that is not
    special.

    Raises
    ------
    TypeError
        If `tokens` is not a sequence of ``str`` and AddedToken.
    ValueError
        If a text has a token already, or is given twice.
    """
    if isinstance(tokens, (str, bytes, Mapping)) or not isinstance(tokens, Iterable):
        raise TypeError(f"tokens must be a sequence of str or AddedToken, not {type(tokens).__name__}")
    ids = dict(known)
    texts = {token.text for token in known}
    for i, given in enumerate(tokens, first):
        token = given if isinstance(given, AddedToken) else AddedToken(given)
        if token.text in texts:
            raise ValueError(f"added token {token.text!r} is there already")
        texts.add(token.text)
        ids[token] = i
    return ids


def check_added_tokens(tokens: Mapping[AddedToken, Any], pieces: Ragged) -> None:
    """Refuse tokens whose ids are not ids, or are taken.

    Raises
    ------
    ValueError
        If an id is out of range, given twice, or that of another piece; of a special token, of any piece.
    """
    for i in tokens.values():
        if isinstance(i, (bool, np.bool_)) or not isinstance(i, (int, np.integer)) or not 0 <= i < MOST_IDS:
            token = next(token for token, other in tokens.items() if other is i)
            raise ValueError(f"the id of added token {token.text!r} must be from 0 to 2^31 - 1, not {i!r}")
    if len(set(tokens.values())) < len(tokens):
        owners: dict[int, str] = {}
        for token, i in tokens.items():
            if owners.setdefault(i, token.text) != token.text:
                raise ValueError(f"added tokens {owners[i]!r} and {token.text!r} have the same id {i}")
    for token, i in tokens.items():
        piece = bytes(pieces[i]) if i < len(pieces) else b""
        if piece and (token.special or piece != token.text.encode()):
            kind = "special" if token.special else "added"
            raise ValueError(f"{kind} token {token.text!r} has id {i}, which is the piece {piece!r}")
