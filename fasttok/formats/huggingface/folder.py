"""Read the settings in the folder of a model: `tokenizer_config.json` and the files that complete it.

`tokenizer_config.json` has the settings. Older folders have some of them in `special_tokens_map.json`
(special tokens by role: bos, eos, …) and in `added_tokens.json`. As in ``transformers``, both are read only
if `tokenizer_config.json` has no field `added_tokens_decoder`. `chat_template.jinja` and the folder
`additional_chat_templates` have the chat templates; without them, `tokenizer_config.json` has them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from fasttok.core.errors import ModelFormatError
from fasttok.formats.huggingface.shapes import Place
from fasttok.formats.json_files import read_object
from fasttok.tokenizer.model_config import ROLES, ModelConfig

TOKENIZER = "tokenizer.json"
CONFIG, TOKENS_BY_ROLE, ADDED, CHAT_TEMPLATE = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
)
CHAT_TEMPLATES = "additional_chat_templates"
MODEL = "config.json"  # settings of the model; only its fields tokenizer_class and model_type are read
# Files that have settings of the tokenizer, and the folder of chat templates.
SETTINGS = (CONFIG, TOKENS_BY_ROLE, ADDED, CHAT_TEMPLATE, CHAT_TEMPLATES, MODEL)
DECODER = "added_tokens_decoder"
ROLE_KEYS = tuple(f"{role}_token" for role in ROLES)
# Lists of further special tokens: the name since version 5 of `transformers`, and the one before.
MORE, MORE_BEFORE = "extra_special_tokens", "additional_special_tokens"


class FolderSettings(NamedTuple):
    """Settings in the folder of a model.

    Attributes
    ----------
    folder : str
        The folder.
    content : dict
        Content of ``tokenizer_config.json``, completed from the other files.
    older : frozenset of str
        Fields that are read from ``special_tokens_map.json``.
    """

    folder: str
    content: dict[str, Any]
    older: frozenset[str] = frozenset()

    def place(self, key: str) -> Place:
        """Return the position of a field."""
        file = TOKENS_BY_ROLE if key in self.older else CONFIG
        return Place(os.path.join(self.folder, file), key)

    def config(self, defaults: Mapping[str, str] | None = None) -> ModelConfig:
        """Return the settings as a `ModelConfig`, given the default special tokens by role.

        Raises
        ------
        ModelFormatError
            If the settings are nested too deeply.
        """
        try:
            return ModelConfig(by_key(defaults or {}) | self.content)
        except (TypeError, ValueError) as error:
            raise Place(os.path.join(self.folder, CONFIG)).error(str(error)) from None


def by_key(roles: Mapping[str, str]) -> dict[str, Any]:
    """Return special tokens by role as fields of the settings."""
    return {f"{role}_token": text for role, text in roles.items()}


def has_settings(settings: FolderSettings) -> bool:
    """Return whether a folder has settings that change a tokenizer."""
    return bool(settings.content) or os.path.exists(os.path.join(settings.folder, ADDED))


def read_config(folder: str) -> FolderSettings:
    """Return the settings of a model.

    Raises
    ------
    ModelFormatError
        If a file is damaged.
    """
    content = read_in(folder, CONFIG)
    older = read_in(folder, TOKENS_BY_ROLE)
    read = set()
    if DECODER not in content:
        own = dict(content)
        for key, value in older.items():
            if _replaces(key, own):
                is_list = key == MORE and isinstance(value, list)
                content[key] = _join(own.get(MORE) or own.get(MORE_BEFORE), value) if is_list else value
                read.add(key)
    template = _read_chat_template(folder)
    if template is not None:
        content["chat_template"] = template
    return FolderSettings(folder, content, frozenset(read))


def _replaces(key: str, content: dict[str, Any]) -> bool:
    """Return whether a field of `special_tokens_map.json` replaces that of `tokenizer_config.json`."""
    if key == MORE_BEFORE:
        return isinstance(content.get(MORE), dict) or not {key, MORE} & content.keys()
    if key == MORE:
        return not isinstance(content.get(MORE), dict)
    if key in ROLE_KEYS:
        return True
    return key.endswith("_token") and not isinstance(content.get(key), str)


def _join(first: Any, second: list[Any]) -> list[Any]:
    """Return the further special tokens of both files; all those of `special_tokens_map.json` are special."""
    joined = list(first) if isinstance(first, list) else []
    for value in second:
        token = value | {"special": True} if isinstance(value, dict) else value
        if token not in joined:
            joined.append(token)
    return joined


def chat_template_files(folder: str) -> dict[str, str]:
    """Return the files of the chat templates in a folder, by name of the template."""
    paths = {"default": os.path.join(folder, CHAT_TEMPLATE)}
    others = os.path.join(folder, CHAT_TEMPLATES)
    if os.path.isdir(others):
        for name in sorted(os.listdir(others)):
            if name.endswith(".jinja"):
                paths[name.removesuffix(".jinja")] = os.path.join(others, name)
    return {name: path for name, path in paths.items() if os.path.exists(path)}


def _read_chat_template(folder: str) -> Any:
    """Return the chat template of the files, a list if there are several; None if there is none."""
    texts = {name: _read_text(path) for name, path in chat_template_files(folder).items()}
    if texts.keys() == {"default"}:
        return texts["default"]
    return [{"name": name, "template": text} for name, text in texts.items()] or None


def _read_text(path: str) -> str:
    """Return the text of a file, with line ends as Python's ``open`` reads them."""
    with open(path, "rb") as file:
        data = file.read()
    try:
        return data.decode().replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise ModelFormatError("not UTF-8", path, f"byte {error.start}") from None


def read_in(folder: str, name: str) -> dict[str, Any]:
    """Return the JSON object in a file of a folder; an empty one if the file is missing.

    Raises
    ------
    ModelFormatError
        If the file is damaged.
    """
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return {}
    return read_object(path)[0]
