"""Mistral's ``tekken.json``: byte-level BPE as in tiktoken, with its pattern and its special tokens.

The ids of special tokens come first; the id of a piece is its rank plus the number of special tokens. Only
the first pieces of the file are in use, so that the vocabulary has its default size.
"""

from __future__ import annotations

import base64
import os
from typing import Any

from fasttok.core.errors import ModelFormatError
from fasttok.core.ragged import Ragged
from fasttok.formats.base import Format
from fasttok.formats.json_files import checked, read_object
from fasttok.formats.tiktoken import make_model
from fasttok.text.pretokenizers.expressions import Regex
from fasttok.text.pretokenizers.known_patterns import find_known
from fasttok.text.pretokenizers.registry import get_pretokenizer
from fasttok.text.steps import Pretokenizer
from fasttok.tokenizer.template import Template
from fasttok.tokenizer.tokenizer import Tokenizer

# Versions that can be read. They differ in chat templates and settings of images, not in ids of text.
VERSIONS = ("v3", "v7", "v11", "v13", "v15")
OPTIONAL = ("v3", "v7")  # versions whose files may have no list of special tokens
# Special tokens of files without a list of them, in the order of their ids.
IMPLICIT = (
    "<unk>",
    "<s>",
    "</s>",
    "[INST]",
    "[/INST]",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "[TOOL_CALLS]",
    "[IMG]",
    "<pad>",
    "[IMG_BREAK]",
    "[IMG_END]",
    "[PREFIX]",
    "[MIDDLE]",
    "[SUFFIX]",
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "[TOOL_CONTENT]",
)
N_SPECIAL = "default_num_special_tokens"
BEGIN = "<s>"  # special token that begins a text


def load(path: str | os.PathLike[str]) -> Tokenizer:
    """Load a tokenizer from a ``tekken.json`` of Mistral.

    `fasttok.load` calls this function for files that it recognizes as a tekken.json.

    Parameters
    ----------
    path : path
        The file, of version v3, v7, v11, v13 or v15.

    Returns
    -------
    Tokenizer
        Tokenizer with the special tokens of the file. Its template puts ``<s>`` before a text.

    Raises
    ------
    ModelFormatError
        If the file is damaged or of another version.

    Notes
    -----
    The ids equal those of ``mistral-common``. An id below the number of special tokens that the file does
    not name is the special token ``<SPECIAL_N>``, where N is the id. Settings of images and audio are not
    read.

    ``mistral-common`` decodes the ids between two special tokens on their own. So if special tokens are
    skipped, and one of them is inside a character, it writes U+FFFD for both parts of the character, while
    fasttok joins them.

    Examples
    --------
    >>> import base64, json, pathlib, tempfile
    >>> import fasttok as ft
    >>> pieces = [*(bytes([byte]) for byte in range(256)), b"lo", b"low"]
    >>> config = {"pattern": r"\\\\s+|\\\\S+", "version": "v3", "default_vocab_size": 278,
    ...           "default_num_special_tokens": 20}
    >>> vocab = [
    ...     {"rank": i, "token_bytes": base64.b64encode(piece).decode(), "token_str": None}
    ...     for i, piece in enumerate(pieces)
    ... ]
    >>> path = pathlib.Path(tempfile.mkdtemp(), "tekken.json")
    >>> _ = path.write_text(json.dumps({"config": config, "vocab": vocab}))
    >>> tok = ft.load(path)
    >>> tok.encode("low", add_special_tokens=True).tolist()
    [1, 277]
    """
    name = os.fspath(path)
    fields, n_bytes = read_object(name)
    place = "config"
    try:
        config = checked(fields["config"], dict)
        place = "config.version"
        version = config.get("version")
        if version not in VERSIONS:
            raise ValueError(f"version {version!r} is unknown; fasttok reads versions {', '.join(VERSIONS)}")
        place = "config"
        size, n_special = (checked(config[key], int) for key in ("default_vocab_size", N_SPECIAL))
        if not 0 <= n_special <= n_bytes:  # limits the memory for a damaged number
            raise ValueError(f"{n_special} special tokens are too many for the size of the file")
        place = "special_tokens"
        special = _read_special_tokens(fields.get("special_tokens"), n_special, version)
        place = "vocab"
        pieces = _read_pieces(checked(fields["vocab"], list), size - n_special)
        model = make_model(Ragged.from_bytes([b""] * n_special + pieces))
        place = "config.pattern"
        pretokenizer = _read_pattern(checked(config["pattern"], str))
        template = Template(f"{BEGIN} $A") if BEGIN in special else None
        provenance = {"format": "tekken", "version": version}
        place = "special_tokens"
        return Tokenizer(model, pretokenizer, special, provenance, template=template)
    except KeyError as error:
        raise ModelFormatError(f"{error} is missing", name, place) from None
    except (TypeError, ValueError, OverflowError) as error:
        raise ModelFormatError(str(error), name, place) from None


def _read_special_tokens(rows: Any, n: int, version: str) -> dict[str, int]:
    """Return the ids of `n` special tokens; those that are not in the file have no meaning yet."""
    if rows is None and version in OPTIONAL:
        texts = list(IMPLICIT)
    elif rows is None:
        raise ValueError(f"is missing, which is only allowed in versions {' and '.join(OPTIONAL)}")
    else:
        texts = [checked(checked(row, dict)["token_str"], str) for row in checked(rows, list)]
        for i, row in enumerate(rows):
            if row["rank"] != i:
                raise ValueError(f"special token {i} has rank {row['rank']!r}; the ranks must be 0, 1, 2, …")
    if len(texts) > n:
        raise ValueError(f"there are {len(texts)}, but {N_SPECIAL} is {n}")
    texts += [f"<SPECIAL_{i}>" for i in range(len(texts), n)]
    ids = {text: i for i, text in enumerate(texts)}
    if len(ids) < n:
        again = next(text for i, text in enumerate(texts) if ids[text] != i)
        raise ValueError(f"special token {again!r} is given twice")
    return ids


def _read_pieces(rows: list[Any], n: int) -> list[bytes]:
    """Return the first `n` pieces."""
    if not 256 <= n <= len(rows):
        raise ValueError(f"{n} pieces are in use according to config, but the file has {len(rows)}")
    pieces = []
    for i, row in enumerate(rows[:n]):
        if checked(row, dict)["rank"] != i:
            raise ValueError(f"entry {i} has rank {row['rank']!r}; the ranks must be 0, 1, 2, …")
        try:
            piece = base64.b64decode(row["token_bytes"], validate=True)
        except (TypeError, ValueError):
            raise ValueError(f"the bytes of entry {i} are not base64: {row['token_bytes']!r}") from None
        if not piece or (i < 256 and piece != bytes([i])):
            raise ValueError(
                f"entry {i} is {piece!r}; the first 256 must be the bytes, and none may be empty"
            )
        pieces.append(piece)
    return pieces


def _read_pattern(pattern: str) -> Pretokenizer:
    """Return the scanner for a pattern, if there is one, or else a regular expression."""
    known = find_known(pattern)
    return Regex(pattern) if known is None else get_pretokenizer(known)


def _sniff(head: bytes, path: str) -> bool:
    # Any part of the file may be the first one.
    return head.lstrip().startswith(b"{") and any(
        b'"%s"' % key.encode() in head for key in (N_SPECIAL, "num_vocab_tokens", "token_bytes", "is_control")
    )


TEKKEN = Format("tekken", "a tekken.json of Mistral", _sniff, load, names=("tekken.json",))
