"""`Vocabulary`: pieces of a model and added tokens by id."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from fasttok.core.checks import checked_items, describe_type
from fasttok.core.ids import as_ids, gather_pieces
from fasttok.core.ragged import Ragged
from fasttok.models.pieces import MOST_IDS, MOST_UNUSED
from fasttok.text.added import AddedToken, AddedTokens


class Vocabulary:
    """Mapping of ids to pieces and of pieces to ids. Immutable.

    Parameters
    ----------
    pieces : Ragged of uint8
        Pieces of the model; the row of an id that the model does not use is empty.
    added : AddedTokens
        Added tokens. The model does not use the id of an added token, or uses it for a piece with the same
        text.

    Attributes
    ----------
    pieces : Ragged of uint8
        Bytes of each id, added tokens included; the row of an id that is not in use is empty.
    """

    def __init__(self, pieces: Ragged, added: AddedTokens) -> None:
        self._model_pieces = pieces
        self._added = added
        self.pieces = pieces
        if len(added):
            n = len(pieces)
            # The rows of the pieces, then those of the added tokens, then one empty row.
            rows = Ragged.from_bytes([token.text.encode() for token in added.tokens] + [b""])
            values = np.concatenate([pieces.values, rows.values])
            both = Ragged(values, np.concatenate([pieces.offsets, rows.offsets[1:] + pieces.offsets[-1]]))
            row_of = np.full(max(n, int(added.ids.max()) + 1), len(both) - 1)
            row_of[:n] = np.arange(n)
            row_of[added.ids] = np.arange(n, len(both) - 1)
            self.pieces = both.take(row_of)

    @cached_property
    def _ids(self) -> dict[bytes, int]:
        # An added token has precedence over a piece of the model with the same text.
        ids = {row: i for i, row in enumerate(self._model_pieces.to_bytes()) if row}
        return ids | {token.text.encode(): i for token, i in self._added.items()}

    def id_to_piece(self, i: int) -> bytes:
        """Return the bytes of an id; see `Tokenizer.id_to_piece`.

        Raises
        ------
        IndexError
            If the id is not in use.
        """
        if 0 <= i < len(self.pieces) and len(piece := self.pieces[i]):
            return piece.tobytes()
        return gather_pieces(self.pieces, as_ids([i], "i"))  # raises the error

    def uses(self, i: int) -> bool:
        """Return whether an id is in use."""
        return i < len(self.pieces) and bool(self.pieces.offsets[i] < self.pieces.offsets[i + 1])

    def __contains__(self, piece: bytes) -> bool:
        return piece in self._ids

    def piece_to_id(self, piece: bytes) -> int:
        """Return the id of a piece or of an added token; see `Tokenizer.piece_to_id`.

        Raises
        ------
        KeyError
            If the piece is not in the vocabulary.
        """
        return self._ids[piece]


def as_added_tokens(tokens: Any) -> dict[AddedToken, int]:
    """Return a mapping of tokens to ids with each ``str`` replaced by an `AddedToken` that is special.

    Raises
    ------
    TypeError, ValueError
        If `tokens` is not a mapping, or two tokens have the same text.
    """
    if not isinstance(tokens, Mapping):
        raise TypeError(
            f"added_tokens must be a mapping of str or AddedToken to ids, not {describe_type(tokens)}"
        )
    given = [t if isinstance(t, AddedToken) else AddedToken(t, special=True) for t in tokens]
    texts = Counter(token.text for token in given)
    if len(texts) < len(given):
        raise ValueError(f"added token {texts.most_common(1)[0][0]!r} is given twice")
    return dict(zip(given, tokens.values(), strict=True))


def append_tokens(known: Vocabulary, added: Mapping[AddedToken, int], tokens: Any) -> dict[AddedToken, int]:
    """Return the added tokens and the new `tokens`, with ids that follow the vocabulary.

    A ``str`` among `tokens` becomes an added token that is not special.

    Raises
    ------
    TypeError
        If `tokens` is a single token, a mapping, or not iterable.
    ValueError
        If a token is neither a ``str`` nor an AddedToken, is empty, given twice or already in the vocabulary.
    """
    checked_items("tokens", tokens, "str or AddedToken")
    ids, texts = dict(added), set()
    for i, given in enumerate(tokens, len(known.pieces)):
        token = given if isinstance(given, AddedToken) else AddedToken(given)
        text = token.text.encode()
        if text in texts:
            raise ValueError(f"added token {token.text!r} is given twice")
        if text in known:
            raise ValueError(
                f"added token {token.text!r} is already in the vocabulary, with id {known.piece_to_id(text)}"
            )
        texts.add(text)
        ids[token] = i
    return ids


def check_added_tokens(tokens: Mapping[AddedToken, Any], pieces: Ragged | None = None) -> None:
    """Check the ids of added tokens, also against the pieces of a model, if given.

    An added token may have the id of a piece with the same text.

    Raises
    ------
    ValueError
        If an id is out of range, is given twice, leaves more than 2^20 smaller ids unused, or is the id of a
        piece that the token must not share.
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
    if pieces is None:
        return
    n_pieces = len(pieces)
    # A short file must not make a tokenizer with a large table of ids.
    most = max(n_pieces, int(np.count_nonzero(pieces.lengths)) + len(tokens) + MOST_UNUSED)
    for token, i in tokens.items():
        if i >= most:
            raise ValueError(
                f"the id {i} of added token {token.text!r} is too large: it leaves more than "
                f"{MOST_UNUSED:,} smaller ids unused; the largest id that the token can have is {most - 1}"
            )
        piece = bytes(pieces[i]) if i < n_pieces else b""
        if piece and piece != token.text.encode():
            kind = "special" if token.special else "added"
            raise ValueError(
                f"{kind} token {token.text!r} has id {i}, which is already the id of the piece {piece!r}"
            )
