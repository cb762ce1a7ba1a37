"""`derive_decoder`: the decoder of a tokenizer that was given none."""

from __future__ import annotations

from dataclasses import fields

from fasttok.decoders.base import Decoder
from fasttok.decoders.metaspace import Metaspace
from fasttok.decoders.steps import Pieces, Sequence, SpaceAfter, SpaceBefore
from fasttok.models.base import Model
from fasttok.text.steps import Pretokenizer


def derive_decoder(pretokenizer: Pretokenizer, model: Model) -> Decoder:
    """Return the decoder that undoes a pretokenizer and a model.

    A space of the text is one of three things: a byte of a piece, which is written; a ▁ of
    `fasttok.Metaspace`, which becomes a space again; or the beginning or the end of a word, where the
    pretokenizer discards white space and the model marks where words begin or end.

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
    step = _find_decoder(pretokenizer)
    if step is not None:
        return Sequence((Pieces(), step))
    if pretokenizer.is_partition:
        return Pieces()
    if model.begins_word is not None:
        return SpaceBefore()
    return Pieces() if model.ends_word is None else SpaceAfter()


def _find_decoder(pretokenizer: Pretokenizer) -> Decoder | None:
    """The step that undoes what a pretokenizer writes; None if it writes nothing."""
    config = pretokenizer.config()
    for step in config["steps"] if config["name"] == "sequence" else [config]:
        if step["name"] == Metaspace.name:
            options = {field.name for field in fields(Metaspace)}
            return Metaspace(**{name: value for name, value in step.items() if name in options})
    return None
