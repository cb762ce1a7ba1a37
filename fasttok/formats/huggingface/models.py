"""`read_model`: make a model from the object ``model`` of a tokenizer.json."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fasttok.core.errors import ModelFormatError
from fasttok.core.ragged import Ragged
from fasttok.formats.huggingface._models import Reason, read_merges, read_scores, read_vocab
from fasttok.formats.huggingface.shapes import Place, describe
from fasttok.models._pieces import PieceTable
from fasttok.models.base import Model
from fasttok.models.bpe._encode import MOST_PIECES
from fasttok.models.bpe._merges import find_repeated
from fasttok.models.bpe.alphabets import Bytes, Characters
from fasttok.models.bpe.model import BPEModel, make_checked
from fasttok.models.pieces import MOST_IDS
from fasttok.models.unigram.model import UnigramModel
from fasttok.models.units.word import WordModel
from fasttok.models.wordpiece.model import WordPieceModel
from fasttok.text.unicode.byte_alphabet import BYTE_OF_CHARACTER

Config = dict[str, Any]

# Byte of each character of GPT-2's byte alphabet; 0xFFFF for the other characters.
_BYTE_OF = np.full(max(map(ord, BYTE_OF_CHARACTER)) + 1, 0xFFFF, np.uint16)
_BYTE_OF[[ord(character) for character in BYTE_OF_CHARACTER]] = list(BYTE_OF_CHARACTER.values())


class ReadModel(NamedTuple):
    """Model of a tokenizer.json.

    Attributes
    ----------
    model : Model
        The model. It encodes without dropout.
    is_byte_level : bool
        Whether the model takes raw bytes. If False, although `read_model` was called with
        ``is_byte_level=True``, the model takes texts in GPT-2's byte alphabet.
    dropout : float or None
        Dropout of the file, with which ``tokenizers`` would skip merges at random.
    """

    model: Model
    is_byte_level: bool = False
    dropout: float | None = None


def read_model(
    fields: Config,
    place: Place,
    *,
    n_file_bytes: int,
    is_byte_level: bool = False,
    added: Collection[str] = (),
) -> ReadModel:
    """Make a model that gives the ids of ``tokenizers`` 0.23 from the object ``model`` of a tokenizer.json.

    Parameters
    ----------
    fields : dict
        The object, as `to_canonical` returns it. Numbers with a fraction or an exponent must be parsed by
        `read_float`. Merges may be pairs of names, or strings with one space.
    place : Place
        Position of the object, for error messages.
    n_file_bytes : int
        Number of bytes of the file. Larger ids are an error, so that a short file cannot ask for much memory.
    is_byte_level : bool
        Whether the pretokens of the file are bytes in GPT-2's byte alphabet. If the model has an equivalent
        that takes the bytes themselves, this is returned.
    added : collection of str
        Texts of the added tokens. The row of such a piece can be empty, because the added token names the id.

    Returns
    -------
    ReadModel

    Raises
    ------
    ModelFormatError
        If an entry of the vocabulary or the merges is invalid, or ``tokenizers`` refuses the model. Its
        `place` is the JSON path of the error, such as ``model.merges[17]``.

    Notes
    -----
    Takes O(n) time for a file of n bytes. These models are refused although ``tokenizers`` takes them:

    - Two names with the same id.
    - BPE with byte fallback and a prefix or suffix whose bytes all have pieces; see `Characters`.
    - BPE with a merge that changes nothing, because the right part consists of the continuation prefix, or
      with a merge of the piece ``""``; BPE with the unknown token ``""``.
    - Ids from 2^24 on, or from 2^21 - 1 on with BPE.

    Examples
    --------
    >>> fields = {"type": "WordLevel", "vocab": {"<unk>": 0, "low": 1}, "unk_token": "<unk>"}
    >>> place = Place("a.json", "model")
    >>> read_model(fields, place, n_file_bytes=100).model
    WordModel(2 pieces)
    >>> read_model(fields | {"vocab": {"low": "1"}}, place, n_file_bytes=100)
    Traceback (most recent call last):
    fasttok.core.errors.ModelFormatError: a.json: model.vocab["low"]: the id must be an integer, not '1'
    """
    most = MOST_PIECES if fields["type"] == "BPE" else MOST_IDS
    limit = min(most, n_file_bytes)
    try:
        if fields["type"] == "BPE":
            return _read_bpe(fields, place, limit, is_byte_level, frozenset(added))
        if fields["type"] == "WordPiece":
            return ReadModel(_read_wordpiece(fields, place, limit))
        if fields["type"] == "WordLevel":
            return ReadModel(_read_wordlevel(fields, place, limit))
        return ReadModel(_read_unigram(fields, place))
    except ModelFormatError:
        raise
    except ValueError as error:
        raise place.error(str(error)) from None


def _read_pieces(
    vocab: dict[str, int], place: Place, limit: int, byte_of: NDArray[np.uint16] | None = None
) -> tuple[Ragged, list[str]]:
    """Return the pieces of a vocabulary with ids below `limit`, and the names that `byte_of` cannot write."""
    try:
        values, offsets, outside = read_vocab(vocab, limit, byte_of)
    except UnicodeEncodeError as error:
        raise place.error(f"a name contains a lone surrogate: {error.object!r}") from None
    except ValueError as error:
        name, message = error.args
        raise place.entry(name).error(message) from None
    return Ragged(values, offsets), outside


def _read_wordpiece(fields: Config, place: Place, limit: int) -> WordPieceModel:
    pieces, _ = _read_pieces(fields["vocab"], place.at("vocab"), limit)
    return WordPieceModel(
        pieces,
        continuing_subword_prefix=fields["continuing_subword_prefix"],
        unk_id=_find_unk(fields, place),
        max_input_chars_per_word=fields["max_input_chars_per_word"],
    )


def _read_wordlevel(fields: Config, place: Place, limit: int) -> WordModel:
    pieces, _ = _read_pieces(fields["vocab"], place.at("vocab"), limit)
    return WordModel(pieces, unk_id=_find_unk(fields, place))


def _read_unigram(fields: Config, place: Place) -> UnigramModel:
    vocab, unk_id = fields["vocab"], fields["unk_id"]
    here = place.at("vocab")
    try:
        values, offsets, scores = read_scores(vocab)
    except UnicodeEncodeError as error:
        raise here.error(f"a name contains a lone surrogate: {error.object!r}") from None
    except ValueError as error:
        index, message = error.args
        raise here.at(index).error(message) from None
    for index in np.flatnonzero(~np.isfinite(scores))[:1].tolist():
        raise here.at(index).error(f"the score must be finite, not {scores[index]}")
    if unk_id is not None:
        if unk_id >= len(vocab):
            raise place.at("unk_id").error(f"must be from 0 to {len(vocab) - 1}, not {unk_id}")
        if not vocab[unk_id][0]:
            raise place.at("unk_id").error("the unknown token must have a name that is not empty")
    # Without an unknown token, an unknown character is an error, whether there are bytes or not.
    byte_fallback = fields["byte_fallback"] and unk_id is not None
    return UnigramModel(
        Ragged(values, offsets), scores, unk_id=unk_id, byte_fallback=byte_fallback, compat="huggingface"
    )


def _find_unk(fields: Config, place: Place) -> int | None:
    """Return the id of the unknown token; None if it is not in the vocabulary."""
    unk = fields["unk_token"]
    unk_id: int | None = None if unk is None else fields["vocab"].get(unk)
    if unk_id is not None and not unk:
        raise place.at("unk_token").error("the unknown token must have a name that is not empty")
    return unk_id


def _read_bpe(
    fields: Config, place: Place, limit: int, is_byte_level: bool, added: frozenset[str]
) -> ReadModel:
    prefix = fields["continuing_subword_prefix"] or ""
    suffix = fields["end_of_word_suffix"] or ""
    if is_byte_level and not prefix and not suffix:
        model = _read_byte_level(fields, place, limit, added)
        if model is not None:
            return ReadModel(model, True, fields["dropout"])
    pieces, _ = _read_pieces(fields["vocab"], place.at("vocab"), limit)
    alphabet = Characters(
        suffix,
        prefix,
        _find_unk(fields, place),
        fields["byte_fallback"],
        fields["fuse_unk"],
        drop_unk=fields["unk_token"] is None,
        compat="huggingface",
    )
    table = PieceTable(pieces.values, pieces.offsets, np.ones(len(pieces), np.uint8))
    merges, here = fields["merges"], place.at("merges")
    pairs, ids, index, reason = _read_merges(merges, here, table, len(prefix.encode()), None)
    if reason:
        raise _merge_error(merges, here, index, reason, prefix)
    pairs, ids = _without_repeats(pairs, ids)
    model = make_checked(pieces, pairs, ids, alphabet, fields["ignore_merges"])
    return ReadModel(model, False, fields["dropout"])


def _read_byte_level(fields: Config, place: Place, limit: int, added: frozenset[str]) -> BPEModel | None:
    """Return the equivalent over bytes of a model over the byte alphabet; None if there is none.

    All 256 bytes must be pieces. Text never becomes a piece with a character outside the alphabet. The row of
    such a piece is its name in UTF-8, or empty if an added token has this name.
    """
    ignore_merges = fields["ignore_merges"]
    pieces, outside = _read_pieces(fields["vocab"], place.at("vocab"), limit, _BYTE_OF)
    if len(np.unique(pieces.values[pieces.offsets[:-1][pieces.lengths == 1]])) < 256:
        return None
    names = {fields["vocab"][name]: name.encode() for name in outside if name and name not in added}
    if names and ignore_merges:
        return None  # the rows of these pieces would match text
    if names:
        rows = pieces.to_bytes()
        for i, name in names.items():
            rows[i] = name
        pieces = Ragged.from_bytes(rows)
    table = PieceTable(pieces.values, pieces.offsets, np.ones(len(pieces), np.uint8))
    if names and table.find_duplicate() is not None:
        return None
    merges, here = fields["merges"], place.at("merges")
    pairs, ids, index, reason = _read_merges(merges, here, table, 0, _BYTE_OF)
    if reason == Reason.OUTSIDE:
        return None
    if reason:
        raise _merge_error(merges, here, index, reason, "")
    pairs, ids = _without_repeats(pairs, ids)
    shadowed = _find_shadowed(fields["vocab"], added)
    if shadowed:
        if ignore_merges or np.isin(ids, shadowed).any() or (pieces.lengths[shadowed] == 1).any():
            return None
        rows = pieces.to_bytes()
        for i in shadowed:
            rows[i] = b""
        pieces = Ragged.from_bytes(rows)
    return make_checked(pieces, pairs, ids, Bytes(), ignore_merges)


def _find_shadowed(vocab: dict[str, int], added: frozenset[str]) -> list[int]:
    """Return the ids of pieces with the name of an added token whose text has other bytes than the piece."""
    names = [name for name in added if not name.isascii() and name in vocab]
    return [vocab[name] for name in names if all(character in BYTE_OF_CHARACTER for character in name)]


def _read_merges(
    merges: list[Any], place: Place, table: PieceTable, skipped: int, byte_of: NDArray[np.uint16] | None
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], int, int]:
    try:
        return read_merges(merges, table, skipped, byte_of)
    except UnicodeEncodeError as error:
        raise place.error(f"a name contains a lone surrogate: {error.object!r}") from None


def _merge_error(merges: list[Any], place: Place, index: int, reason: int, prefix: str) -> ModelFormatError:
    """Return the error for a merge that `read_merges` rejected."""
    merge, here = merges[index], place.at(index)
    if reason == Reason.NOT_A_PAIR:
        kind = "a string with one space" if isinstance(merges[0], str) else "an array of two strings"
        return here.error(f"must be {kind}, not {describe(merge)}")
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    if reason == Reason.NO_LEFT or reason == Reason.NO_RIGHT:
        return here.error(f"{left if reason == Reason.NO_LEFT else right!r} is not a piece")
    if reason == Reason.SHORT_RIGHT:
        return here.error(f"{right!r} is shorter than the continuation prefix {prefix!r}")
    if reason == Reason.NO_CHANGE:
        return here.error(f"merging {left!r} and {right!r} changes nothing; fasttok does not support this")
    rest = right.encode()[len(prefix.encode()) :].decode(errors="replace")
    return here.error(f"{left!r} and {right!r} join to {left + rest!r}, which is not a piece")


def _without_repeats(
    pairs: NDArray[np.uint32], ids: NDArray[np.uint32]
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Return the merges without those whose pair is merged again later: the last rank counts."""
    if find_repeated(pairs, ids) < 0:
        return pairs, ids
    keys = pairs[:, 0].astype(np.uint64) << np.uint64(32) | pairs[:, 1]
    _, firsts = np.unique(keys[::-1], return_index=True)
    kept = np.sort(len(keys) - 1 - firsts)
    return pairs[kept], ids[kept]
