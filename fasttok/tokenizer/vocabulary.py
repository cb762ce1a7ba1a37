"""`Vocabulary`: the pieces of a model and its added tokens under one numbering of ids."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from fasttok.core.ids import as_ids, gather_pieces
from fasttok.core.ragged import Ragged
from fasttok.models.pieces import MOST_IDS
from fasttok.text.added import AddedToken, AddedTokens


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

    def __contains__(self, piece: bytes) -> bool:
        return piece in self._ids

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
    given = [t if isinstance(t, AddedToken) else AddedToken(t, special=True) for t in tokens]
    texts = Counter(token.text for token in given)
    if len(texts) < len(given):
        raise ValueError(f"added token {texts.most_common(1)[0][0]!r} is given twice")
    return dict(zip(given, tokens.values(), strict=True))


def append_tokens(known: Vocabulary, added: Mapping[AddedToken, int], tokens: Any) -> dict[AddedToken, int]:
    """Give tokens the ids after those of a vocabulary and its added tokens; a ``str`` is not special.

    Raises
    ------
    TypeError
        If `tokens` is not a sequence of ``str`` and AddedToken.
    ValueError
        If a text has an id already, be it as a piece, or is given twice.
    """
    if isinstance(tokens, (str, bytes, Mapping, AddedToken)) or not isinstance(tokens, Iterable):
        raise TypeError(f"tokens must be a sequence of str or AddedToken, not one {type(tokens).__name__}")
    ids, texts = dict(added), set()
    for i, given in enumerate(tokens, len(known.pieces)):
        token = given if isinstance(given, AddedToken) else AddedToken(given)
        text = token.text.encode()
        if text in texts:
            raise ValueError(f"added token {token.text!r} is given twice")
        if text in known:
            raise ValueError(f"added token {token.text!r} has an id already, {known.piece_to_id(text)}")
        texts.add(text)
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
            raise ValueError(f"the id of added token {token.text!r} must be from 0 to 2^24 - 1, not {i!r}")
    if len(set(tokens.values())) < len(tokens):
        owners: dict[int, str] = {}
        for token, i in tokens.items():
            if owners.setdefault(i, token.text) != token.text:
                raise ValueError(f"added tokens {owners[i]!r} and {token.text!r} have the same id {i}")
    n_pieces = len(pieces)
    for token, i in tokens.items():
        piece = bytes(pieces[i]) if i < n_pieces else b""
        if piece and (token.special or piece != token.text.encode()):
            kind = "special" if token.special else "added"
            raise ValueError(f"{kind} token {token.text!r} has id {i}, which is the piece {piece!r}")
