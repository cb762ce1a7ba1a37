"""Requests of the play page: read from JSON, checked, and answered with the tokens of each tokenizer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from concurrent.futures import Executor, wait
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fasttok.core.checks import describe
from fasttok.core.errors import FasttokError
from fasttok.display.colours import escape, label
from fasttok.text.unicode.utf8 import encode_utf8
from fasttok.tokenizer.tokenizer import Tokenizer

MOST_BYTES = 2 << 20  # size of the largest request
MOST_SHOWN = 4000  # tokens that the page shows; it counts all
LONGEST_WAIT = 20.0  # seconds that the tokenizers may take together
_FIELDS = ("text", "special")
_BYTE_LABEL = re.compile("<0x([0-9A-F]{2})>")


class RequestError(FasttokError):
    """Error in a request of the play page.

    Attributes
    ----------
    status : HTTPStatus
        Status of the response.
    """

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = status

    def to_json(self) -> dict[str, Any]:
        """Return the error as the page receives it."""
        return _describe_error(self)


@dataclass(frozen=True)
class TokensRequest:
    """Request for the tokens of a text.

    Attributes
    ----------
    text : bytes
        The text in UTF-8; U+FFFD replaces lone surrogates.
    special : bool
        Whether special tokens are found in the text.
    """

    text: bytes
    special: bool

    @classmethod
    def read(cls, body: bytes) -> TokensRequest:
        """Return the request in a JSON object with the fields text and special.

        Raises
        ------
        RequestError
            If the body is not such an object.
        """
        try:
            fields = json.loads(body.decode())
        except (ValueError, RecursionError) as error:
            raise RequestError(f"the request must be JSON in UTF-8: {str(error)[:200]}") from None
        if not isinstance(fields, dict):
            raise RequestError(f"the request must be an object of JSON, not {describe(fields)}")
        for name in fields:
            if name not in _FIELDS:
                raise RequestError(f"no field is named {describe(name)}; the fields are {', '.join(_FIELDS)}")
        text, special = fields.get("text"), fields.get("special", False)
        if not isinstance(text, str):
            raise RequestError(f"text must be a string of JSON, not {describe(text)}")
        if not isinstance(special, bool):
            raise RequestError(f"special must be true or false, not {describe(special)}")
        return cls(encode_utf8(text, "replace"), special)


class NamedTokenizer:
    """Tokenizer of the play page.

    Parameters
    ----------
    name : str
        Name that the page shows.
    tokenizer : Tokenizer
        The tokenizer.
    """

    def __init__(self, name: str, tokenizer: Tokenizer) -> None:
        self.name = name
        self.tokenizer = tokenizer
        self._special_ids = set(tokenizer.special_tokens.values())
        self._pieces: dict[int, list[str]] = {}

    def describe(self) -> dict[str, Any]:
        """Return what the page shows above the tokens."""
        tok = self.tokenizer
        roles = {} if tok.config is None else {i: role for role, i in tok.role_ids.items()}
        return {
            "name": self.name.encode(errors="replace").decode(),  # the name of a file can be any bytes
            "model": tok.model.kind.partition("_")[0],
            "vocabulary": tok.vocab_size,
            "special": len(self._special_ids),
            "roles": roles,
        }

    def answer(self, request: TokensRequest) -> dict[str, Any]:
        """Return the number of tokens, and the ids and pieces of the first `MOST_SHOWN` of them. O(n)."""
        tok, special = self.tokenizer, "all" if request.special else "none"
        ids = tok.encode(request.text, special=special)
        shown = ids[:MOST_SHOWN].tolist()
        unknown = {}
        if tok.unk_id is not None and tok.unk_id in shown:
            located = tok.with_settings(trim_offsets=None).encode_with_offsets(request.text, special=special)
            for position, i in enumerate(shown):
                if i == tok.unk_id:
                    start, end = located.byte_spans[position].tolist()
                    unknown[position] = [escape(request.text[start:end]), request.text[start:end].hex()]
        return {
            "n": len(ids),
            "ids": shown,
            "pieces": {i: self.describe_piece(i) for i in dict.fromkeys(shown)},
            "unknown": unknown,
        }

    def describe_piece(self, i: int) -> list[str]:
        """Return the readable form of a piece, its bytes in hexadecimal, and "special" or ""."""
        if i not in self._pieces:
            shown, piece = label(self.tokenizer, i), self.tokenizer.id_to_piece(i)
            byte = _BYTE_LABEL.fullmatch(shown)
            bytes_ = byte[1].lower() if byte else piece.hex()
            self._pieces[i] = [shown, bytes_, "special" if i in self._special_ids else ""]
        return self._pieces[i]


class Answerer:
    """Tokenizers that answer requests side by side.

    Parameters
    ----------
    tokenizers : mapping of str to Tokenizer
        Tokenizers by name.
    pool : Executor
        Threads in which they encode.
    longest_wait : float
        Time in seconds after which an answer says that the tokenizers took too long.
    """

    def __init__(
        self, tokenizers: Mapping[str, Tokenizer], pool: Executor, longest_wait: float = LONGEST_WAIT
    ) -> None:
        self.tokenizers = [NamedTokenizer(name, tok) for name, tok in tokenizers.items()]
        self._pool = pool
        self._longest_wait = longest_wait

    def answer(self, request: TokensRequest) -> dict[str, Any]:
        """Return the answer of each tokenizer: its tokens, or its error.

        Raises
        ------
        RequestError
            If the tokenizers take too long.
        """
        futures = [self._pool.submit(one.answer, request) for one in self.tokenizers]
        _, waiting = wait(futures, self._longest_wait)
        if waiting:
            for future in waiting:
                future.cancel()
            raise RequestError(
                f"the tokenizers took longer than {self._longest_wait:g} seconds; make the text shorter",
                HTTPStatus.SERVICE_UNAVAILABLE,
            )
        answers = []
        for future in futures:
            error = future.exception()
            if error is not None and not isinstance(error, FasttokError):
                raise error
            answers.append(future.result() if error is None else _describe_error(error))
        text = request.text
        return {"bytes": len(text), "characters": len(text.decode()), "tokenizers": answers}


def _describe_error(error: BaseException) -> dict[str, Any]:
    return {"error": {"type": type(error).__name__, "message": str(error)}}
