"""Write normalizers, pretokenizers and decoders of fasttok as components of a ``tokenizer.json``.

Each function takes configurations, as `Component.config` returns them. A component without an exact
counterpart is an error that says what to use instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fasttok.core.errors import ModelExportError
from fasttok.formats.huggingface.shapes import BEHAVIORS
from fasttok.formats.patterns import check_for_tokenizers
from fasttok.text.pretokenizers.known_patterns import CANONICAL

Json = dict[str, Any]

_BEHAVIOR_OF = {ours: theirs for theirs, ours in BEHAVIORS.items()}
BYTE_LEVEL: Json = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
_MARK = "▁"
_WITHOUT_OPTIONS = {
    "nfc": "NFC",
    "nfd": "NFD",
    "nfkc": "NFKC",
    "nfkd": "NFKD",
    "lowercase": "Lowercase",
    "nmt": "Nmt",
    "strip_accents": "StripAccents",
    "byte_level": "ByteLevel",
}
_MOST = (1 << 31) - 1  # count that no text reaches


def steps_of(component: Any) -> list[Json]:
    """Return the configurations of a component's steps, with all options; empty for None."""
    if component is None:
        return []
    steps = getattr(component, "steps", (component,))
    return [{"name": step.config()["name"], **_all_options(step)} for step in steps]


def _all_options(step: Any) -> Json:
    """Return all options of a step, including those that have their default."""
    config: Json = step.config()
    return {name: getattr(step, name) for name in getattr(step, "__dataclass_fields__", {})} | config


def join_steps(key: str, steps: list[Json]) -> Json | None:
    """Return the steps as one component: None if there is none, a sequence if there are several."""
    return {"type": "Sequence", key: steps} if len(steps) > 1 else steps[0] if steps else None


# Normalizers


def write_normalizer(step: Json) -> Json:
    """Return the counterpart of a normalizer."""
    name = step["name"]
    if name in _WITHOUT_OPTIONS:
        return {"type": _WITHOUT_OPTIONS[name]}
    if name == "bert":
        options = ("clean_text", "handle_chinese_chars", "strip_accents", "lowercase")
        return {"type": "BertNormalizer", **{option: step[option] for option in options}}
    if name == "strip":
        _check_scope("strip", step)
        return {"type": "Strip", "strip_left": step["left"], "strip_right": step["right"]}
    if name == "prepend" and not step.get("unless_present"):
        _check_scope("prepend", step)
        return {"type": "Prepend", "prepend": step["text"]}
    if name == "replace":
        return replace({"String": step["pattern"]}, step["replacement"])
    if name == "regex_replace":
        return replace(_pattern(step), step["replacement"])
    if name == "charsmap" and step.get("by") == "grapheme":
        return {"type": "Precompiled", "precompiled_charsmap": step["charsmap"]}
    raise ModelExportError(
        f"tokenizers has no normalizer that does exactly the same as {name!r}" + _ADVICE.get(name, "")
    )


_ADVICE = dict.fromkeys(
    ("sp_nfkc", "nmt_nfkc", "sp_nfkc_cf", "nmt_nfkc_cf", "charsmap"),
    ': it applies such rules to grapheme clusters. Save it with format="sentencepiece", or train another '
    'tokenizer with normalizer="nfkc", or ["nmt", "nfkc"]',
)


def _check_scope(name: str, step: Json) -> None:
    if step["scope"] != "segment":
        raise ModelExportError(
            f'tokenizers applies {name!r} to every text between added tokens; use scope="segment"'
        )


def replace(pattern: Json, content: str) -> Json:
    """Return a Replace."""
    return {"type": "Replace", "pattern": pattern, "content": content}


def check_metaspace_scope(step: Json) -> None:
    """Raise an error if `fasttok.Metaspace` treats text after an added token unlike text at the start."""
    if step["scope"] != "segment" and (step["add_dummy_prefix"] or step["remove_extra_whitespaces"]):
        raise ModelExportError(
            "tokenizers applies 'metaspace' to every text between added tokens; use "
            'ft.Metaspace(scope="segment") or pretokenizer="metaspace_split"'
        )


def write_metaspace(step: Json) -> list[Json]:
    """Return normalizers that write ▁ for spaces as `fasttok.Metaspace` does, between added tokens."""
    if step["treat_whitespace_as_suffix"]:
        raise ModelExportError("tokenizers cannot write ▁ after words (treat_whitespace_as_suffix=True)")
    if not step["escape_whitespaces"]:
        raise ModelExportError(
            "tokenizers cannot keep spaces as ft.Metaspace(escape_whitespaces=False) does; use the default"
        )
    written = []
    if step["remove_extra_whitespaces"]:
        written += [replace({"Regex": r"\A +|[ ▁]+\z"}, ""), replace({"Regex": "(?<= ) +"}, "")]
    if step["add_dummy_prefix"]:
        written.append({"type": "Prepend", "prepend": _MARK})
    return [*written, replace({"String": " "}, _MARK)]


# Pretokenizers


def write_pretokenizer(step: Json) -> list[Json]:
    """Return the counterparts of a pretokenizer, none if it does nothing."""
    name = step["name"]
    if name == "none":
        return []
    if name in CANONICAL:
        return [split({"Regex": CANONICAL[name]}, "Isolated")]
    if name == "byte_level":
        return write_byte_level(step)
    if name == "regex":
        return [split(_pattern(step | {"dialect": "regex"}), "Isolated")]
    writer = _PRETOKENIZERS.get(name)
    if writer is None:
        raise ModelExportError(f"tokenizers has no pretokenizer that does exactly the same as {name!r}")
    return [writer(step)]


def write_byte_level(step: Json) -> list[Json]:
    """Return the counterparts of `fasttok.ByteLevel`."""
    if step["writes_characters"]:
        return [BYTE_LEVEL | {key: step[key] for key in ("add_prefix_space", "use_regex")}]
    if step["add_prefix_space"]:
        raise ModelExportError(
            "tokenizers cannot insert a space without writing bytes as characters, as ft.ByteLevel("
            "add_prefix_space=True, writes_characters=False) does, except before a model of bytes"
        )
    return [split({"Regex": CANONICAL["gpt2"]}, "Isolated")] if step["use_regex"] else []


def split(pattern: Json, behavior: str, invert: bool = False) -> Json:
    """Return a Split."""
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


_PRETOKENIZERS: dict[str, Callable[[Json], Json]] = {
    "bert": lambda step: {"type": "BertPreTokenizer"},
    "whitespace_split": lambda step: {"type": "WhitespaceSplit"},
    "words_and_symbols": lambda step: {"type": "Whitespace"},
    "split_scripts": lambda step: {"type": "UnicodeScripts"},
    "split": lambda step: split(_pattern(step), _BEHAVIOR_OF[step["behavior"]], step["invert"]),
    "split_punctuation": lambda step: {"type": "Punctuation", "behavior": _BEHAVIOR_OF[step["behavior"]]},
    "split_digits": lambda step: {"type": "Digits", "individual_digits": step["individual"]},
    "split_length": lambda step: {"type": "FixedLength", "length": step["length"]},
    "metaspace_split": lambda step: {
        "type": "Metaspace",
        "replacement": step["replacement"],
        "prepend_scheme": step["prepend"],
        "split": step["split_words"],
    },
}


def _pattern(step: Json) -> Json:
    """Return the pattern of a step, an error if `tokenizers` may interpret it in another way."""
    if step["dialect"] == "regex":
        check_for_tokenizers(step["pattern"])
    return {"String" if step["dialect"] == "text" else "Regex": step["pattern"]}


# Decoders


def write_decoder(step: Json) -> Json:
    """Return the counterpart of a decoder that was given to a tokenizer."""
    name = step["name"]
    writer = _DECODERS.get(name)
    if writer is None:
        raise ModelExportError(f"tokenizers has no decoder that does exactly the same as {name!r}")
    return writer(step)


def metaspace_decoders(step: Json) -> list[Json]:
    """Return decoders that reverse `fasttok.Metaspace` in text that is already joined."""
    n_stripped = _MOST if step["remove_extra_whitespaces"] else int(step["add_dummy_prefix"])
    return [
        replace({"String": _MARK}, " "),
        {"type": "Strip", "content": " ", "start": n_stripped, "stop": 0},
    ]


_DECODERS: dict[str, Callable[[Json], Json]] = {
    "byte_level": lambda step: BYTE_LEVEL | {"use_regex": True},
    "byte_fallback": lambda step: {"type": "ByteFallback"},
    "fuse": lambda step: {"type": "Fuse"},
    "wordpiece": lambda step: {"type": "WordPiece", "prefix": step["prefix"], "cleanup": step["clean_up"]},
    "suffix": lambda step: {"type": "BPEDecoder", "suffix": step["suffix"]},
    "replace": lambda step: replace(_pattern(step), step["replacement"]),
    "strip": lambda step: {"type": "Strip"} | {key: step[key] for key in ("content", "start", "stop")},
    "ctc": lambda step: {
        "type": "CTC",
        "pad_token": step["pad_token"],
        "word_delimiter_token": step["word_delimiter_token"],
        "cleanup": step["clean_up"],
    },
    "metaspace_tokens": lambda step: {
        "type": "Metaspace",
        "replacement": step["replacement"],
        "prepend_scheme": step["prepend"],
        "split": True,
    },
}
