"""`ModelConfig`: settings of the model that a tokenizer belongs to, as in its ``tokenizer_config.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fasttok.core.checks import check_depth
from fasttok.core.component import Component

ROLES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")


@dataclass(frozen=True)
class ModelConfig(Component):
    """Settings of the model that a tokenizer belongs to: special tokens by role, chat template, and others.

    The settings are those of a ``tokenizer_config.json``. fasttok keeps all of them and writes them back.

    Parameters
    ----------
    content : mapping
        The settings, as plain JSON. The special token of a role such as "bos" is the value of ``bos_token``:
        its text, or an object with the field ``content``.

    Raises
    ------
    TypeError
        If `content` is not a mapping or not plain JSON, or a special token is neither a text nor an object
        with a text.
    ValueError
        If objects and arrays are nested more than 100 deep, or a side has another value than "right" and
        "left".

    Examples
    --------
    >>> import fasttok as ft
    >>> config = ft.ModelConfig({"eos_token": "</s>", "model_max_length": 512})
    >>> config.roles, config.content["model_max_length"]
    ({'eos': '</s>'}, 512)
    """

    content: Mapping[str, Any] = field(repr=False)
    name = "model_config"

    def __post_init__(self) -> None:
        if not isinstance(self.content, Mapping):
            raise TypeError(f"content must be a mapping, not {type(self.content).__name__}")
        check_depth("content", self.content)
        try:
            text = json.dumps(dict(self.content), allow_nan=False, ensure_ascii=False)
            text.encode()  # an error for a lone surrogate, which no file can hold
            object.__setattr__(self, "content", json.loads(text))
        except (TypeError, ValueError) as error:
            raise TypeError(f"content must be plain JSON: {error}") from None
        for key in ("padding_side", "truncation_side"):
            if self.content.get(key) not in (None, "right", "left"):
                raise ValueError(f'{key} must be "right" or "left", not {self.content[key]!r}')
        for role in ROLES:
            _text_of(f"{role}_token", self.content.get(f"{role}_token"))

    @property
    def roles(self) -> dict[str, str]:
        """Text of the special token of each role: "bos", "eos", "unk", "sep", "pad", "cls" and "mask".

        "bos" and "eos" are the beginning and the end of a sequence. Only roles with a token are included.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.ModelConfig({"bos_token": {"content": "<s>"}, "pad_token": None}).roles
        {'bos': '<s>'}
        """
        texts = {role: _text_of(role, self.content.get(f"{role}_token")) for role in ROLES}
        return {role: text for role, text in texts.items() if text is not None}

    @property
    def chat_template(self) -> Any:
        """Chat template: a Jinja template, or a list of several with their names; None if there is none.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.ModelConfig({"chat_template": "{{ messages }}"}).chat_template
        '{{ messages }}'
        """
        return self.content.get("chat_template")

    @property
    def padding_side(self) -> Literal["right", "left"] | None:
        """Side of the padding; None if the settings do not say it.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.ModelConfig({"padding_side": "left"}).padding_side
        'left'
        """
        return self.content.get("padding_side")

    @property
    def truncation_side(self) -> Literal["right", "left"] | None:
        """Side on which long texts are truncated; None if the settings do not say it.

        Examples
        --------
        >>> import fasttok as ft
        >>> print(ft.ModelConfig({}).truncation_side)
        None
        """
        return self.content.get("truncation_side")

    def __hash__(self) -> int:
        return hash(json.dumps(self.content, sort_keys=True))


def _text_of(key: str, value: Any) -> str | None:
    text = value.get("content") if isinstance(value, dict) else value
    if text is not None and not isinstance(text, str):
        raise TypeError(f"{key} must be a text, or an object with the field content, not {value!r}")
    return text
