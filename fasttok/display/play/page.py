"""The play page: its files for the server, and all of it in one file."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fasttok.display.play.browser_data import BrowserData
from fasttok.display.play.requests import MOST_BYTES, MOST_SHOWN, NamedTokenizer
from fasttok.tokenizer.tokenizer import Tokenizer

_FOLDER = Path(__file__).parent
_LINKS = '<link rel="stylesheet" href="page.css">\n<script src="page.js" defer></script>\n'
_END = "</body>"


@dataclass(frozen=True)
class Asset:
    """File of the page.

    Attributes
    ----------
    content_type : str
        Value of the header Content-Type.
    content : bytes
        The content.
    """

    content_type: str
    content: bytes


def live_page(tokenizers: Sequence[Mapping[str, Any]]) -> dict[str, Asset]:
    """Return the files of the page that asks a server for tokens, by path.

    Parameters
    ----------
    tokenizers : sequence of mapping
        Description of each tokenizer; see `NamedTokenizer.describe`.
    """
    page = _read("page.html").replace(_END, f"{_data_element(_settings(tokenizers))}\n{_END}")
    return {
        "/": Asset("text/html; charset=utf-8", page.encode()),
        "/page.css": Asset("text/css; charset=utf-8", _read("page.css").encode()),
        "/page.js": Asset("text/javascript; charset=utf-8", _read("page.js").encode()),
    }


def _settings(tokenizers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"tokenizers": tokenizers, "mostBytes": MOST_BYTES, "mostShown": MOST_SHOWN}


def _read(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")


def _data_element(value: Any) -> str:
    """Return an element with JSON, in which no text can end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="data">{text}</script>'


def static_page(tokenizers: Mapping[str, Tokenizer]) -> str:
    """Return the page that encodes in the browser, in one file of HTML.

    Parameters
    ----------
    tokenizers : mapping of str to Tokenizer
        Tokenizers by name.

    Raises
    ------
    ModelExportError
        If the page cannot encode exactly like one of the tokenizers.
    """
    data = BrowserData()
    described = []
    for name, tok in tokenizers.items():
        named = NamedTokenizer(name, tok)
        described.append({**named.describe(), "encoder": data.describe(named)})
    style = f"\n{_read('page.css')}"
    scripts = [f"\n{_read(name)}" for name in ("models.js", "encoder.js", "page.js")]
    policy = (
        f"default-src 'none'; style-src {_hash_source(style)}; img-src data:; base-uri 'none'; "
        f"form-action 'none'; script-src {' '.join(map(_hash_source, scripts))}"
    )
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>{style}</style>\n'
    body = [_data_element({**_settings(described), "sets": data.sets})]
    body += [f"<script>{script}</script>" for script in scripts]
    return _read("page.html").replace(_LINKS, head).replace(_END, "\n".join([*body, _END]))


def _hash_source(text: str) -> str:
    """Return the source in a Content Security Policy that allows this style or script only."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
