"""`Vocabulary`: the side of a tokenizer that needs no text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import DTypeLike

from fasttok.core.checks import checked_choice, checked_integer, checked_size
from fasttok.core.ids import Ids, Rows, as_ids, as_known_rows, as_rows
from fasttok.core.ragged import Ragged
from fasttok.decoders.decoding import TextDecoder, gather_pieces
from fasttok.models.base import Model
from fasttok.text.added import SpecialTokens
from fasttok.text.steps import Pretokenizer
from fasttok.text.unicode.utf8 import encode_utf8
from fasttok.tokenizer.batches import (
    Ends,
    Padded,
    Windows,
    checked_dtype,
    cut_windows,
    find_pad_id,
    pad_to_matrix,
)
from fasttok.tokenizer.template import Template


class Vocabulary:
    """Ids and what can be done with them alone: to look up pieces, to decode, to make batches for a model.

    `Tokenizer` is a vocabulary that turns text into ids as well.

    Parameters
    ----------
    model : Model
        What the pieces are of.
    special_tokens : mapping of str to int
        Texts with an id of their own.
    pretokenizer : Pretokenizer
        What cut the text, which decoding undoes.
    template : Template, optional
        The special tokens around a text.
    """

    def __init__(
        self,
        model: Model,
        special_tokens: Mapping[str, int],
        pretokenizer: Pretokenizer,
        template: Template | None,
    ) -> None:
        if template is not None and not isinstance(template, Template):
            raise TypeError(f"template must be a Template, not {type(template).__name__}")
        self.model = model
        self.template = template
        self._special = SpecialTokens(special_tokens, model.pieces)
        self._pieces = self._special.added_to(model.pieces)
        self._ids: dict[bytes, int] | None = None
        if model.unk_id is not None and model.unk_id not in self._special.ids.values():
            raise ValueError(f"the model's unknown token has id {model.unk_id}, which is no special token's")
        self._bound = (template or Template("$A")).bind(self._special.ids)
        self._ends = self._bound.ends
        self._decoders = {True: TextDecoder(pretokenizer, model, self._special)}
        self._make_decoder = partial(TextDecoder, pretokenizer, model, self._special)

    # Pieces

    @property
    def vocab_size(self) -> int:
        """The number of ids: the largest id in use, plus one."""
        return len(self._pieces)

    @property
    def pieces(self) -> Ragged:
        """The bytes of each id, as `id_to_piece` gives them; an empty row for an id that is not in use."""
        return self._pieces

    @property
    def unk_id(self) -> int | None:
        """The id of what is not in the vocabulary, where the model has one."""
        return self.model.unk_id

    @property
    def special_tokens(self) -> dict[str, int]:
        """The id of each special token."""
        return dict(self._special.ids)

    def id_to_piece(self, i: int) -> bytes:
        """The bytes of an id; for a special token, its text in UTF-8.

        Raises
        ------
        IndexError
            If the id is not in use.
        """
        return gather_pieces(self._pieces, as_ids([i]))

    def piece_to_id(self, piece: bytes | str) -> int:
        """The id of a piece; or of a special token, unless its text is a piece too.

        Raises
        ------
        KeyError
            If there is no such piece.
        """
        if self._ids is None:
            special = {token.encode(): i for token, i in self._special.ids.items()}
            rows = enumerate(self.model.pieces.to_bytes())
            self._ids = special | {row: i for i, row in rows if row}
        return self._ids[encode_utf8(piece)]

    # Ids to text

    def decoder(self, clean_up: bool = True) -> TextDecoder:
        """What turns ids into bytes; `clean_up` as in `decode`."""
        if not isinstance(clean_up, bool):
            raise TypeError(f"clean_up must be True or False, not {clean_up!r}")
        if clean_up not in self._decoders:
            self._decoders[clean_up] = self._make_decoder(clean_up=clean_up)
        return self._decoders[clean_up]

    def decode(
        self,
        ids: Ids,
        *,
        errors: Literal["replace", "strict"] = "replace",
        skip_special_tokens: bool = False,
        clean_up: bool = True,
    ) -> str:
        """Turn ids into text.

        Parameters
        ----------
        ids : sequence or array of int
            The ids; those of special tokens become their texts.
        errors : {"replace", "strict"}
            What bytes that are not UTF-8 do, which the ids of part of a text may give: become U+FFFD,
            or raise ``UnicodeDecodeError``.
        skip_special_tokens : bool
            Leave out the ids of special tokens, that of unknown words too.
        clean_up : bool
            Where words are joined by spaces because the pretokenizer dropped those of the text, as with
            WordPiece: leave out the space before ``.``, ``?``, ``!``, ``,``, ``n't``, ``'m``, ``'s``, ``'ve``
            and ``'re``, as tokenizers does.

        Returns
        -------
        str

        Raises
        ------
        IndexError
            If an id is negative, not below `vocab_size`, or not in use.
        TypeError
            If the ids are not integers.
        """
        checked_choice("errors", errors, "replace", "strict")
        text = self.decode_bytes(ids, skip_special_tokens=skip_special_tokens, clean_up=clean_up)
        return text.decode(errors=errors)

    def decode_bytes(self, ids: Ids, *, skip_special_tokens: bool = False, clean_up: bool = True) -> bytes:
        """Turn ids into the bytes of the text; otherwise as `decode`. O(length of the result)."""
        return self.decoder(clean_up).decode(as_ids(ids), skip_special_tokens)

    def decode_batch(
        self,
        batch: Rows,
        *,
        errors: Literal["replace", "strict"] = "replace",
        skip_special_tokens: bool = False,
        clean_up: bool = True,
    ) -> list[str]:
        """Turn every row of a batch into text; otherwise as `decode`."""
        checked_choice("errors", errors, "replace", "strict")
        texts = self.decoder(clean_up).decode_rows(as_rows(batch), skip_special_tokens)
        return [text.decode(errors=errors) for text in texts]

    # Batches for a model

    def pad(
        self,
        rows: Rows,
        max_length: int | None = None,
        *,
        side: Literal["right", "left"] = "right",
        width: int | None = None,
        pad_id: int | None = None,
        dtype: DTypeLike = np.int64,
    ) -> Padded:
        """Put rows of ids in a matrix for a model, with a mask that says where they stand.

        Parameters
        ----------
        rows : Ragged or iterable of rows of int
            The rows, as `encode_batch` gives them.
        max_length : int, optional
            Longer rows are cut to so many ids. One that was made with the template keeps its special tokens.
        side : {"right", "left"}
            Where the padding stands. Rows are always cut on the right.
        width : int, optional
            The number of columns; by default the length of the longest row, after cutting.
        pad_id : int, optional
            What stands in the padding; by default the id of ``[PAD]``, ``<pad>`` or ``<|pad|>``, whichever is
            a special token.
        dtype : {np.int64, np.int32}
            The type of the ids: int64 is what most models take, int32 half the memory.

        Returns
        -------
        Padded
            The ids and the mask: C-contiguous, writeable, new, so that ``torch.from_numpy`` copies nothing.

        Raises
        ------
        IndexError
            If an id is negative or not below `vocab_size`.
        TypeError
            If the rows are not rows of integers, or `dtype` is another type.
        ValueError
            If `max_length` is below 1, or less than the special tokens that a row is to keep; if a row that
            is to be cut is of a pair; if a row is longer than `width`; if there is no token to pad with, or
            `pad_id` does not fit the `dtype`.

        Notes
        -----
        O(size of the matrix). Type ids are padded alike: ``tok.pad(pairs.type_ids, pad_id=0)``. Whether a row
        was made with the template is seen from its first and last ids. A row of a pair, which has one of
        these inside as well, is not cut: `encode_pairs` does that.

        Examples
        --------
        >>> import fasttok as ft
        >>> counts = ft.PretokenCounts.from_dict({"a": 1})
        >>> tok = ft.train(counts, vocab_size=259, special_tokens=["[PAD]", "[CLS]", "[SEP]"])
        >>> tok = tok.with_template("[CLS] $A [SEP]")
        >>> ids, mask = tok.pad(tok.encode_batch(["abcd", "a"], add_special_tokens=True), max_length=5)
        >>> ids.tolist()
        [[257, 97, 98, 99, 258], [257, 97, 258, 256, 256]]
        >>> mask.sum(axis=1).tolist()
        [5, 3]
        """
        checked_choice("side", side, "right", "left")
        if max_length is not None:
            max_length = checked_size("max_length", max_length, least=1)
        if width is not None:
            width = checked_size("width", width, least=0)
        pad_id = find_pad_id(self._special.ids) if pad_id is None else checked_integer("pad_id", pad_id)
        known, ends = self._look_at(rows)
        return pad_to_matrix(
            known,
            ends,
            pad_id,
            max_length=max_length,
            width=width,
            on_left=side == "left",
            dtype=checked_dtype(dtype, pad_id),
        )

    def windows(self, rows: Rows, max_length: int, stride: int = 0) -> Windows:
        """Cut rows of ids into windows that overlap, so that nothing of a long text is lost.

        Parameters
        ----------
        rows : Ragged or iterable of rows of int
            The rows, as `encode_batch` gives them.
        max_length : int
            The most ids of a window. Where a row was made with the template, each of its windows has the
            special tokens.
        stride : int
            How many ids a window shares with the one before; those of the template do not count.

        Returns
        -------
        Windows
            The windows, and the row that each is of. A row that is short enough, an empty one as well, is one
            window.

        Raises
        ------
        IndexError, TypeError
            As in `pad`.
        ValueError
            If `stride` is negative, or `max_length` has no room for an id beside those of the template and
            those shared; or if a row that is to be cut is of a pair.

        Notes
        -----
        O(length of the result), which grows as `stride` comes near to `max_length`. The windows are those of
        ``tokenizers``, which calls all but the first overflowing.

        Examples
        --------
        >>> import fasttok as ft
        >>> tok = ft.train(ft.PretokenCounts.from_dict({"a": 1}), vocab_size=257, special_tokens=["<s>"])
        >>> tok = tok.with_template("<s> $A")
        >>> windows = tok.windows(tok.encode_batch(["abcdef", "g"], add_special_tokens=True), 4, stride=1)
        >>> tok.decode_batch(windows.ids), windows.documents.tolist()
        (['<s>abc', '<s>cde', '<s>ef', '<s>g'], [0, 0, 0, 1])
        """
        max_length = checked_size("max_length", max_length, least=1)
        stride = checked_size("stride", stride, least=0)
        known, ends = self._look_at(rows)
        return cut_windows(known, ends, max_length, stride)

    def _look_at(self, rows: Rows) -> tuple[Ragged, Ends]:
        """The rows, checked, and what they begin and end with if they were made with the template."""
        is_types = isinstance(rows, Ragged) and rows.values.dtype == np.uint8  # type ids look like ids
        return as_known_rows(rows, self.vocab_size), ([], []) if is_types else self._ends
