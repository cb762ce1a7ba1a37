"""Added tokens of a tokenizer in the folder of a model, as ``transformers`` adds them.

They are in the fields of `tokenizer_config.json`, and in `special_tokens_map.json` and `added_tokens.json`;
see `folder`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from fasttok.core.errors import FasttokError, warn
from fasttok.formats.huggingface.folder import (
    ADDED,
    CONFIG,
    DECODER,
    MORE,
    MORE_BEFORE,
    ROLE_KEYS,
    FolderSettings,
    by_key,
    has_settings,
    read_config,
    read_in,
)
from fasttok.formats.huggingface.ids import assign_ids
from fasttok.formats.huggingface.shapes import (
    ADDED_TOKEN,
    Field,
    Place,
    check_fields,
    check_flag,
    check_id,
    check_list,
    check_object,
    check_text,
)
from fasttok.models.bpe.alphabets import Bytes
from fasttok.text.added import AddedToken
from fasttok.text.unicode.byte_alphabet import read_bytes
from fasttok.tokenizer.tokenizer import Tokenizer

# An added token without id, in the settings. Only the text is required there.
_TOKEN = {
    name: field if name == "content" else Field(check_flag, None)
    for name, field in ADDED_TOKEN.items()
    if name != "id"
}

_MOST_DIGITS = 10  # of an id


class Addition(NamedTuple):
    """Added tokens of a tokenizer, with those that its settings add.

    Attributes
    ----------
    tokens : dict of str to AddedToken
        All added tokens by text: first those of the tokenizer's own file, then the others in the order in
        which ``transformers`` adds them.
    given : dict of str to (Place, int)
        Ids that the settings give to tokens, with their positions.
    """

    tokens: dict[str, AddedToken]
    given: dict[str, tuple[Place, int]]

    def check_ids(self, found: Mapping[str, int]) -> None:
        """Warn if the ids of the tokens, given by text, are not those in the settings."""
        moved = [text for text, (_, i) in self.given.items() if found.get(text, i) != i]
        if moved:
            place, i = self.given[moved[0]]
            warn(
                f"{place.path}: the ids of {len(moved)} added tokens are not those in the file; transformers "
                f"gives {moved[0]!r} the id {found[moved[0]]}, not {i}"
            )
        for text in sorted(self.given.keys() - found.keys()):
            path = self.given[text][0].path
            warn(f"{path}: the added token {text!r} is ignored, because another token has its id")


def with_config(tokenizer: Tokenizer, folder: str) -> Tokenizer:
    """Return a tokenizer with the settings of its folder, added tokens included.

    Raises
    ------
    ModelFormatError
        If a file is damaged, or a field that fasttok uses has the wrong type.
    """
    settings = read_config(folder)
    if not has_settings(settings):
        return tokenizer
    known = {token.text: token for token in tokenizer.added_tokens}
    ids = {token.text: i for token, i in tokenizer.added_tokens.items()}
    addition = read_added(settings, known, ids)
    try:
        tokenizer = _with_tokens(tokenizer, addition)
    except (ValueError, FasttokError) as error:
        raise Place(os.path.join(folder, CONFIG)).error(str(error)) from None
    addition.check_ids({token.text: i for token, i in tokenizer.added_tokens.items()})
    return tokenizer.with_settings(config=settings.config()) if settings.content else tokenizer


def _with_tokens(tokenizer: Tokenizer, addition: Addition) -> Tokenizer:
    """Return a tokenizer with more added tokens, or with other flags of those that it has."""
    known = {token.text: i for token, i in tokenizer.added_tokens.items()}
    is_bytes = isinstance(getattr(tokenizer.model, "alphabet", None), Bytes)
    names = {}
    for text in addition.tokens:
        # In a file, the pieces of byte-level BPE have names in the byte alphabet.
        if not is_bytes or read_bytes(text) == text.encode():
            with suppress(KeyError):
                names[text] = tokenizer.piece_to_id(text)
    ids = add_ids(known, addition.tokens, names, int(np.count_nonzero(tokenizer.pieces.lengths)))
    added = {token: ids[text] for text, token in addition.tokens.items()}
    if list(added.items()) == list(tokenizer.added_tokens.items()):
        return tokenizer
    return Tokenizer(
        tokenizer.model,
        tokenizer.pretokenizer,
        added,
        tokenizer.provenance,
        normalizer=tokenizer.normalizer,
        decoder=tokenizer.given_decoder,
        **tokenizer.settings,
    )


def add_ids(
    known: Mapping[str, int], texts: Iterable[str], vocabulary: Mapping[str, int], n_pieces: int
) -> dict[str, int]:
    """Return the ids of added tokens, given those that the tokenizer has: `known`.

    Other tokens are pieces, or have the ids after the largest id of a known token or after the number of
    pieces, whichever is larger.

    Examples
    --------
    >>> add_ids({"<s>": 2}, ["<s>", "a", "</s>"], {"a": 0, "b": 1}, 2)
    {'<s>': 2, 'a': 0, '</s>': 3}
    """
    least = max([n_pieces, *(i + 1 for i in known.values())])
    return dict(known) | assign_ids([text for text in texts if text not in known], vocabulary, least)


def read_added(
    settings: FolderSettings,
    known: Mapping[str, AddedToken],
    ids: Mapping[str, int],
    defaults: Mapping[str, str] | None = None,
) -> Addition:
    """Return the added tokens of a tokenizer, with those that its settings add.

    The order and the flags are those of ``transformers``, which adds these tokens one after the other:

    1. those of ``added_tokens_decoder`` by id; or, if `tokenizer_config.json` has no such field, those of
       `added_tokens.json` and of the tokenizer's own file, where the latter win if ids are equal;
    2. the special tokens by role, then those of other fields such as ``image_token``, then the list
       ``extra_special_tokens`` or ``additional_special_tokens``: each only if its text is not among the
       tokens of the first step or the tokenizer's own.

    A token that is added again has the new flags, but remains special if it was.

    Parameters
    ----------
    settings : FolderSettings
        The settings.
    known : mapping of str to AddedToken
        Added tokens of the tokenizer's own file by text.
    ids : mapping of str to int
        Their ids.
    defaults : mapping of str to str, optional
        Special tokens by role that the class of the tokenizer has if the settings do not name others.

    Raises
    ------
    ModelFormatError
        If a token or an id has the wrong type.
    """
    named = [*_role_rows(settings, defaults or {}), *_named_rows(settings)]
    special = {row.token.text for row in named}
    further = list(_more_rows(settings, special))
    given: dict[str, tuple[Place, int]] = {}
    if DECODER in settings.content:
        listed = _read_decoder(settings, special, given)
    else:
        listed = _read_older(settings, special, given, known, ids)
    seen = known.keys() | {token.text for token in listed}
    more: dict[str | AddedToken, AddedToken] = {}
    for row in (*named, *further):
        if row.token.text not in seen:
            more.setdefault(row.given, row.token)
    tokens = dict(known)
    for token in (*listed, *more.values()):
        remains_special = token.text in tokens and tokens[token.text].special
        tokens[token.text] = _as_special(token) if remains_special else token
    return Addition(tokens, given)


def _as_special(token: AddedToken) -> AddedToken:
    return token if token.special else replace(token, special=True)


def _read_decoder(
    settings: FolderSettings, special: set[str], given: dict[str, tuple[Place, int]]
) -> list[AddedToken]:
    """Return the tokens of ``added_tokens_decoder`` by id; write the ids to `given`."""
    place = settings.place(DECODER)
    tokens = {}
    for number, fields in check_object(settings.content[DECODER], place).items():
        here = place.at(number)
        if not (number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS):
            raise here.error("the key is not an id")
        i = check_id(int(number), here)
        token = read_token(fields, here)
        tokens[i] = read_token(fields, here, special=True) if token.text in special else token
        given[token.text] = here, i
    return [tokens[i] for i in sorted(tokens)]


def _read_older(
    settings: FolderSettings,
    special: set[str],
    given: dict[str, tuple[Place, int]],
    known: Mapping[str, AddedToken],
    ids: Mapping[str, int],
) -> list[AddedToken]:
    """Return the tokens of `added_tokens.json` and those of the tokenizer by id; write the ids to `given`."""
    place = Place(os.path.join(settings.folder, ADDED))
    texts = _special_texts(settings)
    tokens = {}
    for text, i in read_in(settings.folder, ADDED).items():
        if text:
            token = AddedToken(check_text(text, place), special=text in texts)
            given[text] = place, check_id(i, place.at(text))
            tokens[given[text][1]] = token
    tokens |= {ids[text]: token for text, token in known.items()}
    rows = [token for _, token in sorted(tokens.items(), key=lambda item: item[0])]
    return [_as_special(token) if token.text in special else token for token in rows]


def _special_texts(settings: FolderSettings) -> set[str]:
    """Return the texts of special tokens that ``transformers`` knows when it reads `added_tokens.json`.

    It does not know yet: objects of `tokenizer_config.json`, and lists that it renames later.
    """
    content = settings.content
    roles = {key: content[key] for key in ROLE_KEYS if content.get(key) is not None}
    values = [value for key, value in roles.items() if isinstance(value, str) or key in settings.older]
    key, more = _list_of_more(settings)
    is_renamed = key == MORE_BEFORE and (key in settings.older or isinstance(content.get(MORE), dict))
    if isinstance(more, list) and not is_renamed:
        values += [
            one for one in more if isinstance(one, str) or (key in settings.older and not _is_token(one))
        ]
    return {value if isinstance(value, str) else value.get("content") for value in values}


# Special tokens


class _Row(NamedTuple):
    """Special token of the settings.

    Attributes
    ----------
    token : AddedToken
        The token as it is added.
    given : str or AddedToken
        The text or the token with the flags of the settings. ``transformers`` adds equal ones once.
    """

    token: AddedToken
    given: str | AddedToken


def _read_row(value: Any, place: Place, is_older: bool) -> _Row:
    """Return a special token. All those of `special_tokens_map.json` (`is_older`) are special."""
    token = read_token(value, place, special=True)
    return _Row(token, value if isinstance(value, str) else token if is_older else read_token(value, place))


def _role_rows(settings: FolderSettings, defaults: Mapping[str, str]) -> Iterator[_Row]:
    content = by_key(defaults) | settings.content
    for key in ROLE_KEYS:
        if content.get(key) is not None:
            yield _read_row(content[key], settings.place(key), key in settings.older)


def _named_rows(settings: FolderSettings) -> Iterator[_Row]:
    """Yield the tokens of fields such as ``image_token``, in the order of ``transformers``."""
    texts = []
    for key, value in settings.content.items():
        is_older = key in settings.older
        if not key.endswith("_token") or key in ROLE_KEYS:
            continue
        if isinstance(value, str) and not is_older:
            texts.append(key)
        elif isinstance(value, str) or _is_token(value) or (is_older and isinstance(value, dict)):
            yield _read_row(value, settings.place(key), is_older)
    for key in texts:
        yield _read_row(settings.content[key], settings.place(key), False)
    named = settings.content.get(MORE)
    if isinstance(named, dict):
        for name, value in named.items():
            yield _read_row(value, settings.place(MORE).at(name), MORE in settings.older)


def _more_rows(settings: FolderSettings, special: set[str]) -> Iterator[_Row]:
    """Yield the tokens of the list of further special tokens."""
    key, values = _list_of_more(settings)
    place = settings.place(key)
    for i, value in enumerate(check_list([] if values is None else values, place)):
        token = read_token(value, place.at(i))
        if isinstance(value, str) or token.text in special:
            yield _Row(
                read_token(value, place.at(i), special=True), value if isinstance(value, str) else token
            )
        else:
            yield _Row(token, token)


def _is_token(value: Any) -> bool:
    """Return whether a value has the mark of added tokens in `tokenizer_config.json`."""
    return isinstance(value, dict) and value.get("__type") == "AddedToken"


def _list_of_more(settings: FolderSettings) -> tuple[str, Any]:
    """Return the list of further special tokens and its field."""
    more = settings.content.get(MORE)
    key = MORE if more and not isinstance(more, dict) else MORE_BEFORE
    return key, settings.content.get(key)


def read_token(value: Any, place: Place, special: bool | None = None) -> AddedToken:
    """Return an added token, given its text or its fields; `special` replaces the field.

    Raises
    ------
    ModelFormatError
        If a field has the wrong type, or the text is empty.
    """
    if isinstance(value, str):
        fields: dict[str, Any] = {"content": check_text(value, place)}
    else:
        fields = check_fields(value, _TOKEN, place)
    if not fields["content"]:
        raise place.error("an added token must not be empty")
    options = {key: flag for key, flag in fields.items() if key != "content" and flag is not None}
    if special is not None:
        options["special"] = special
    return AddedToken(fields["content"], **options)
