"""Presets of `BPETrainer`: the options that make it learn what another library learns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Preset:
    """Options of a library.

    Attributes
    ----------
    fixed : dict
        Options that the library does not let users choose. Other values are an error.
    defaults : dict
        Defaults of further options.
    pretokenizer, normalizer : str, dict or list, optional
        Steps that `fasttok.train` uses by default; None for its own defaults.
    """

    fixed: dict[str, Any] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    pretokenizer: Any = None
    normalizer: Any = None


PRESETS: dict[str, Preset] = {
    "huggingface": Preset({"tie_break": "ids", "byte_order": "gpt2", "special_ids": "first"}),
    "rustbpe": Preset(
        {"units": "byte", "tie_break": "ids", "byte_order": "value"},
        pretokenizer="llama3",  # rustbpe's default pattern is a spelling of it
    ),
    "subword-nmt": Preset(
        {"units": "character", "tie_break": "largest", "end_of_word_suffix": "</w>"},
        {"min_frequency": 2},
        # Other white space, such as a tab, is part of a word.
        pretokenizer={"name": "split", "pattern": r"[ \r\n]+", "behavior": "removed"},
    ),
    "cs336": Preset({"units": "byte", "tie_break": "largest"}, {"special_ids": "first"}, pretokenizer="gpt2"),
}
# Options that only this preset has.
ONLY_SENTENCEPIECE: dict[str, Any] = {
    "byte_fallback": False,
    "user_defined": (),
    "character_coverage": 0.9995,
    "required_characters": "",
    "split_digits": False,
    "split_by_number": True,
    "split_by_unicode_script": True,
    "allow_whitespace_only_pieces": False,
}
PRESETS["sentencepiece"] = Preset(
    {"units": "character", "tie_break": "shortest", "special_ids": "first"},
    {"max_piece_length": 16, "unk": "<unk>", **ONLY_SENTENCEPIECE},
    pretokenizer="metaspace",
    normalizer="nmt_nfkc",
)
# Defaults without a preset.
DEFAULTS: dict[str, Any] = {
    "units": "byte",
    "min_frequency": 1,
    "tie_break": "ids",
    "byte_order": "value",
    "special_ids": "last",
}
# Valid values of each option.
CHOICES: dict[str, tuple[str, ...]] = {
    "units": ("byte", "character"),
    "tie_break": ("ids", "shortest", "largest"),
    "byte_order": ("value", "gpt2"),
    "special_ids": ("last", "first"),
}
