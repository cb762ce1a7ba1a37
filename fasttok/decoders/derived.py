"""`derive_decoder`: default decoder of a tokenizer."""

from __future__ import annotations

from fasttok.decoders.base import Decoder
from fasttok.decoders.registry import DECODERS
from fasttok.decoders.sequence import Sequence
from fasttok.decoders.steps import Pieces, SpaceAfter, SpaceBefore
from fasttok.models.base import Model
from fasttok.text.steps import Pretokenizer


def derive_decoder(pretokenizer: Pretokenizer, model: Model) -> Decoder:
    """Return the decoder that reverses a pretokenizer and a model.

    Usually, spaces are part of pieces. After `fasttok.Metaspace`, each ▁ becomes a space. If the pretokenizer
    discards white space, a space is written before each piece that the model marks as the start of a word, or
    else after each piece that it marks as the end of a word. A custom pretokenizer that rewrites text names
    its decoder in `Pretokenizer.decoder_config`.

    Parameters
    ----------
    pretokenizer : Pretokenizer
        Pretokenizer of the tokenizer.
    model : Model
        Model of the tokenizer.

    Returns
    -------
    Decoder
        Default decoder.

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
