"""`Format`: a file format of tokenizers.

Each format is one `Format` value, defined at the end of its module and listed in `fasttok.formats.registry`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fasttok.core.errors import ModelExportError, warn
from fasttok.core.ragged import Ragged
from fasttok.tokenizer.template import PLAIN
from fasttok.tokenizer.tokenizer import Tokenizer

SPARE_IDS = 1 << 19  # an id may exceed the number of bytes of its file by less than this; limits the memory
BYTE_DECODERS = ("pieces", "byte_level")  # decoders that join the bytes of the pieces, as byte-level BPE does


def _as_given(value: Any, path: str) -> Any:
    return value


@dataclass(frozen=True)
class Option:
    """Keyword argument of a loader, and how to check it in an experiment's file before anything is loaded.

    Attributes
    ----------
    kinds : tuple of type
        Allowed types of the value; empty if `parse` checks the type.
    parse : callable
        Function of the value and the path of the tokenizer that returns the value as plain JSON. It raises
        ``TypeError`` or ``ValueError`` for a value that the loader would not accept. It does not read the
        file.
    missing : callable
        Function of the path and the given options that returns why this option is required to load the file,
        or None if it is optional.
    """

    kinds: tuple[type, ...] = ()
    parse: Callable[[Any, str], Any] = _as_given
    missing: Callable[[str, Mapping[str, Any]], str | None] = lambda *_: None


@dataclass(frozen=True)
class Format:
    """File format of tokenizers; the "file" may be a folder.

    Attributes
    ----------
    name : str
        Name of the format in arguments, such as ``tok.save(path, format=name)``.
    description : str
        Description of one file, with an article, for messages: "a tiktoken rank file".
    sniff : callable
        Function of the first `fasttok.formats.registry.HEAD` bytes of a file and of its path that returns
        whether the file looks like this format. For a folder, the bytes are empty.
    load : callable
        Function of the path and the options that returns a `Tokenizer`. It raises `ModelFormatError` for a
        damaged file.
    save : callable or None
        Function of a `Tokenizer` and a path that writes the file. It raises `ModelExportError` if the
        format cannot hold the tokenizer. None if fasttok cannot write the format.
    options : mapping of str to Option
        Keyword arguments of `load`.
    is_general : bool
        Whether `sniff` also accepts files of other formats, which must therefore be asked first.
    names : tuple of str
        Patterns of file names that are usual for this format, in lower case. If no format is given, a
        tokenizer is not saved under such a name.
    """

    name: str
    description: str
    sniff: Callable[[bytes, str], bool]
    load: Callable[..., Tokenizer]
    save: Callable[[Tokenizer, str], None] | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
    is_general: bool = False
    names: tuple[str, ...] = ()


def check_plain(holder: str, tokenizer: Tokenizer) -> None:
    """Check that a byte-level tokenizer has no component beyond pretokenizer, model and special tokens.

    Parameters
    ----------
    holder : str
        Subject of the messages, such as "a rank file".
    tokenizer : Tokenizer
        The tokenizer.

    Raises
    ------
    ModelExportError
        If the tokenizer has a normalizer, a decoder that changes the bytes of pieces, a template with special
        tokens or type ids, settings for padding or truncation, added tokens that are not special or have
        flags, or a model that encodes without some of its pieces.

    Warns
    -----
    UserWarning
        If the tokenizer has a `config`.
    """
    if tokenizer.normalizer is not None:
        raise ModelExportError(
            f"{holder} cannot hold a normalizer, but the tokenizer has {tokenizer.normalizer}"
        )
    # Without a normalizer, `normalized` has no effect, unless there are tokens of both kinds: two searches.
    tokens = tokenizer.added_tokens
    is_plain = all(token.special and token.is_plain for token in tokens)
    if not is_plain or len({token.normalized for token in tokens}) > 1:
        raise ModelExportError(
            f"{holder} can only hold special tokens without flags, but the tokenizer has other added tokens"
        )
    decoder = tokenizer.given_decoder
    if decoder is not None and decoder.name not in BYTE_DECODERS:
        raise ModelExportError(f"{holder} cannot hold a decoder, but the tokenizer was given {decoder}")
    check_no_settings(holder, tokenizer)
    check_no_excluded(holder, tokenizer)
    warn_of_config(holder, tokenizer)


def check_no_settings(holder: str, tokenizer: Tokenizer) -> None:
    """Check that a tokenizer has neither a template with special tokens nor padding or truncation.

    Raises
    ------
    ModelExportError
        If it has.
    """
    template = tokenizer.template
    if template is not None and template.words() not in (PLAIN.words(), (PLAIN.words()[0], None)):
        raise ModelExportError(
            f"{holder} cannot hold a template, but the tokenizer has {template}; "
            "tok.with_settings(template=None) is the tokenizer without it"
        )
    for setting in ("padding", "truncation"):
        if getattr(tokenizer, setting) is not None:
            raise ModelExportError(
                f"{holder} cannot hold settings for {setting}, but the tokenizer has "
                f"{getattr(tokenizer, setting)}; tok.with_settings({setting}=None) is the tokenizer without "
                "them"
            )


def check_no_excluded(holder: str, tokenizer: Tokenizer) -> None:
    """Check that text can become every piece of the model, apart from those with the id of a special token.

    Raises
    ------
    ModelExportError
        If not; see `fasttok.Model.without_pieces`.
    """
    for i in sorted(tokenizer.model._excluded.difference(tokenizer.special_tokens.values()))[:1]:
        raise ModelExportError(
            f"{holder} cannot hold a model that encodes without some of its pieces, such as "
            f"{bytes(tokenizer.model.pieces[i])!r} with id {i}"
        )


def warn_of_config(holder: str, tokenizer: Tokenizer) -> None:
    """Warn if a tokenizer has settings of a model, which a file does not hold."""
    if tokenizer.config is not None:
        warn(
            f"{holder} does not hold the config of the tokenizer: the roles of special tokens, the chat "
            'template and other settings; a folder of format="huggingface" does'
        )


def check_largest_id(holder: str, tokenizer: Tokenizer, largest: int, n_bytes: int) -> None:
    """Raise a `ModelExportError` if an id is so large for its file that `load` would take it for damage."""
    if largest >= n_bytes + SPARE_IDS:
        piece = tokenizer.id_to_piece(largest).decode(errors="replace")
        raise ModelExportError(
            f"the id {largest} of {piece!r} is too large for the number of pieces; {holder} cannot hold it"
        )


def pieces_in_text(tokenizer: Tokenizer) -> Ragged:
    """Return the pieces that text can become: those of the model, without the rows of special tokens."""
    rows = tokenizer.model.pieces.to_bytes()
    for i in tokenizer.special_tokens.values():
        if i < len(rows):
            rows[i] = b""
    return Ragged.from_bytes(rows)
