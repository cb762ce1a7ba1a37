"""`derive_decoder`: the decoder of a tokenizer that was given none."""

from __future__ import annotations

from fasttok.decoders.base import Decoder
from fasttok.decoders.registry import DECODERS
from fasttok.decoders.steps import Pieces, Sequence, SpaceAfter, SpaceBefore
from fasttok.models.base import Model
from fasttok.text.steps import Pretokenizer


def derive_decoder(pretokenizer: Pretokenizer, model: Model) -> Decoder:
    """Return the decoder that undoes a pretokenizer and a model.

    A space of the text is one of three things: a byte of a piece, which is written; a ▁ of
    `fasttok.Metaspace`, which becomes a space again; or the beginning or the end of a word, where the
    pretokenizer discards white space and the model marks where words begin or end. How to undo what another
    pretokenizer writes is its `Pretokenizer.decoder_config`.

    Parameters
    ----------
    pretokenizer : Pretokenizer
        The pretokenizer.
    model : Model
        The model, whose pieces are asked for what they stand for.

    Examples
    --------
    >>> import fasttok as ft
    >>> derive_decoder(ft.get_pretokenizer("bert"), ft.WordPieceModel(["un", "##able"]))
    SpaceBefore(clean_up=True)
    >>> derive_decoder(ft.get_pretokenizer("gpt2"), ft.WordModel(["low", " lower"]))
    Pieces()
    """
    if pretokenizer.decoder_config is not None:
        return Sequence((Pieces(), DECODERS.make(pretokenizer.decoder_config)))
    if pretokenizer.is_partition:
        return Pieces()
    if model.begins_word is not None:
        return SpaceBefore()
    return Pieces() if model.ends_word is None else SpaceAfter()
