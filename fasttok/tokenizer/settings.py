"""`Padding`, `Truncation` and `TrimOffsets`: settings of a tokenizer for batches and offsets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from fasttok.core.checks import (
    checked_choice,
    checked_flag,
    checked_integer,
    checked_mapping,
    checked_size,
    checked_text,
)
from fasttok.core.component import Component

if TYPE_CHECKING:
    from fasttok.tokenizer.model_config import ModelConfig
    from fasttok.tokenizer.template import Template

Side = Literal["right", "left"]
Strategy = Literal["longest_first", "only_first", "only_second"]


@dataclass(frozen=True)
class Padding(Component):
    """Defaults of `Tokenizer.pad`: where and how rows of ids are padded to a matrix.

    Parameters
    ----------
    width : int, optional
        Number of columns; a batch with a longer row has as many columns as this row has ids. Default: the
        length of the longest row.
    side : {"right", "left"}
        Side of the padding.
    pad_id : int, optional
        Id of the padding; default: the id of `pad_token`.
    pad_type_id : int
        Type id of the padding.
    pad_token : str, optional
        Text of the padding token, which must be an added token if there is no `pad_id`. Default: ``[PAD]``,
        ``<pad>`` or ``<|pad|>``, whichever is the first that is a special token.
    multiple_of : int, optional
        Number of which the number of columns must be a multiple; it is rounded up. Default: 1.

    Raises
    ------
    TypeError
        If an option has the wrong type.
    ValueError
        If `side` is unknown, `width` or `pad_type_id` is negative, or `multiple_of` is below 1.

    See Also
    --------
    Tokenizer.with_settings : Copy a tokenizer with other settings.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["low"]), vocab_size=257, special_tokens=["<end>"])
    >>> tok = tok.with_settings(padding=ft.Padding(side="left", pad_token="<end>", multiple_of=4))
    >>> tok.pad([[108, 111], [119]]).ids
    array([[256, 256, 108, 111],
           [256, 256, 256, 119]])
    """

    width: int | None = None
    side: Side = "right"
    pad_id: int | None = None
    pad_type_id: int = 0
    pad_token: str | None = None
    multiple_of: int | None = None
    name = "padding"

    def __post_init__(self) -> None:
        checked_choice("side", self.side, "right", "left")
        _store(self, "pad_type_id", checked_size("pad_type_id", self.pad_type_id, least=0))
        if self.width is not None:
            _store(self, "width", checked_size("width", self.width, least=0))
        if self.pad_id is not None:
            _store(self, "pad_id", checked_integer("pad_id", self.pad_id))
        if self.pad_token is not None:
            checked_text("pad_token", self.pad_token)
        if self.multiple_of is not None:
            _store(self, "multiple_of", checked_size("multiple_of", self.multiple_of, least=1))


@dataclass(frozen=True)
class Truncation(Component):
    """Defaults of `Tokenizer.encode_pairs`, `Tokenizer.pad` and `Tokenizer.windows`: how rows are truncated.

    Parameters
    ----------
    max_length : int
        Maximum number of ids per row, special tokens of the template included. A maximum below the number of
        special tokens has no effect on rows with special tokens, as in Hugging Face ``tokenizers``.
    overlap : int
        Number of ids that a window of `Tokenizer.windows` shares with the window before it.
    strategy : {"longest_first", "only_first", "only_second"}
        Text of a pair that is truncated. "longest_first" removes ids from the longer text until both have the
        same number of ids, then from both alternately. With "only_second", it is an error if the row of a
        single text is too long.
    side : {"right", "left"}
        Side on which ids are removed from a text.

    Raises
    ------
    TypeError
        If a number is not an integer.
    ValueError
        If `max_length` or `overlap` is negative, or `strategy` or `side` is unknown.

    See Also
    --------
    Tokenizer.with_settings : Copy a tokenizer with other settings.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["low"]), vocab_size=256)
    >>> tok = tok.with_settings(truncation=ft.Truncation(4, side="left"))
    >>> tok.decode_batch(tok.pad(tok.encode_batch(["slower"]), pad_id=0).ids)
    ['ower']
    """

    max_length: int
    overlap: int = 0
    strategy: Strategy = "longest_first"
    side: Side = "right"
    name = "truncation"

    def __post_init__(self) -> None:
        _store(self, "max_length", checked_size("max_length", self.max_length, least=0))
        _store(self, "overlap", checked_size("overlap", self.overlap, least=0))
        checked_choice("strategy", self.strategy, "longest_first", "only_first", "only_second")
        checked_choice("side", self.side, "right", "left")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Truncation:
        """Make a truncation from the result of `config`, also from that of before `stride` became `overlap`.

        Raises
        ------
        TypeError, ValueError
            As in `Component.from_config`, or if both names of the option are given.
        """
        options = dict(checked_mapping("config", config, "options to values"))
        if "stride" in options:
            if "overlap" in options:
                raise ValueError("config has both overlap and stride, which is the former name of overlap")
            options["overlap"] = options.pop("stride")
        return super().from_config(options)


@dataclass(frozen=True)
class TrimOffsets(Component):
    """Exclusion of white space from the spans of tokens, as in Hugging Face ``tokenizers``.

    The span of a token loses one character for each white space character at the beginning and at the end of
    the token. White space is a space if the pieces of the model are bytes; otherwise, and in added tokens, it
    is Unicode's white space and ``Ġ``.

    Parameters
    ----------
    add_prefix_space : bool
        Whether a single space at the beginning of a token stays in its span if the token is the first one or
        its span begins with the text. Such a space may have been added by a pretokenizer.

    Raises
    ------
    TypeError
        If `add_prefix_space` is not a ``bool``.

    See Also
    --------
    Tokenizer.with_settings : Copy a tokenizer with other settings.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=261)
    >>> tok.encode_with_offsets(" lowe lowe").char_spans.tolist()
    [[0, 5], [5, 10]]
    >>> trimming = tok.with_settings(trim_offsets=ft.TrimOffsets())
    >>> trimming.encode_with_offsets(" lowe lowe").char_spans.tolist()
    [[1, 5], [6, 10]]
    >>> trimming = tok.with_settings(trim_offsets=ft.TrimOffsets(add_prefix_space=True))
    >>> trimming.encode_with_offsets(" lowe lowe").char_spans.tolist()
    [[0, 5], [6, 10]]
    """

    add_prefix_space: bool = False
    name = "trim_offsets"

    def __post_init__(self) -> None:
        checked_flag("add_prefix_space", self.add_prefix_space)


class Settings(TypedDict, total=False):
    """Keyword arguments of `Tokenizer.with_settings`."""

    template: Template | None
    padding: Padding | None
    truncation: Truncation | None
    trim_offsets: TrimOffsets | None
    config: ModelConfig | None


def _store(component: Component, option: str, value: Any) -> None:
    """Set an option of a frozen component to its checked value."""
    object.__setattr__(component, option, value)
