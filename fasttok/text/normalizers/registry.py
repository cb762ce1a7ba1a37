"""`get_normalizer`: normalizers by name, list of steps or configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from fasttok.core.checks import check_depth, describe_type, unknown_name
from fasttok.core.component import Registry, is_import_path, make_sequence
from fasttok.text.normalizers.sequence import SequenceNormalizer
from fasttok.text.steps import Normalizer

SENTENCEPIECE = ("identity", "sp_nfkc", "nmt_nfkc", "sp_nfkc_cf", "nmt_nfkc_cf")
UNICODE = ("nfc", "nfd", "nfkc", "nfkd", "lowercase", "strip_accents", "nmt")
NORMALIZERS: Registry[Normalizer] = Registry(
    "a normalizer",
    Normalizer,  # type: ignore[type-abstract]
    {
        **dict.fromkeys((*SENTENCEPIECE, "charsmap"), "fasttok.text.normalizers.charsmap:CharsMapNormalizer"),
        **dict.fromkeys(UNICODE, "fasttok.text.normalizers.code_points:UnicodeNormalizer"),
        "bert": "fasttok.text.normalizers.code_points:BertNormalizer",
        "byte_level": "fasttok.text.normalizers.byte_level:ByteLevelNormalizer",
        "strip": "fasttok.text.normalizers.strip_prepend:Strip",
        "replace": "fasttok.text.normalizers.replace:Replace",
        "regex_replace": "fasttok.text.normalizers.replace:RegexReplace",
        "prepend": "fasttok.text.normalizers.strip_prepend:Prepend",
    },
)
NAMES = (*SENTENCEPIECE, *UNICODE, "bert", "byte_level", "strip")  # names that need no options

AnyNormalizer: TypeAlias = "str | dict[str, Any] | Sequence[AnyNormalizer] | Normalizer | None"


def get_normalizer(normalizer: AnyNormalizer) -> Normalizer | None:
    r"""Return a normalizer, given its name, a list of steps or a configuration.

    Parameters
    ----------
    normalizer : str, sequence, dict, Normalizer or None
        - str: a name from the list below, or the import path of a custom normalizer,
          ``package.module:Class``.
        - list or tuple: the steps of a sequence; each step rewrites the output of the step before it. Nested
          sequences are flattened. A sequence of one step is that step.
        - dict: the configuration that `Normalizer.config` returned.
        - Normalizer or None: returned unchanged.

    Returns
    -------
    Normalizer or None
        The normalizer.

    Raises
    ------
    ValueError
        If the name or the configuration is unknown, an option has an invalid value, or a sequence has no
        steps or more than 100.
    TypeError
        If `normalizer`, or a step of it, has another type.

    Notes
    -----
    Unicode normalizers, with the tables of Unicode 17:

    - "nfc", "nfd", "nfkc", "nfkd": the normal forms (UAX #15).
    - "lowercase": the full lower-case mapping of every code point, without regard to its context. A capital
      sigma becomes σ, even at the end of a word.
    - "strip_accents": drops all marks (category M). After "nfd", this removes the accents of letters.
    - "nmt": drops control characters, and replaces line ends, tabs, some zero-width characters, "▁" and
      U+FFFD by spaces, as ``Nmt`` of Hugging Face ``tokenizers`` does.

    `fasttok.UnicodeNormalizer` also has them with the tables of ``tokenizers``.

    Normalizers with options, which are also classes:

    - "bert": cleans text, puts spaces around Chinese characters, strips accents and lower-cases; see
      `fasttok.BertNormalizer`.
    - "byte_level": writes every byte as a visible character; see `fasttok.ByteLevelNormalizer`.
    - "strip": drops white space at both ends of a document; see `fasttok.Strip`.
    - `fasttok.Replace` replaces a text by another, `fasttok.RegexReplace` the matches of a regular
      expression. `fasttok.Prepend` inserts a text before a document. These have required options, so they
      have no name here.

    All of these keep bytes that are not UTF-8.

    Normalizers of sentencepiece, with the rules of its version 0.2.3, which are also based on Unicode 17.
    Bytes that are not UTF-8 become U+FFFD:

    - "identity": no rules.
    - "sp_nfkc": nearly NFKC. Sequences with marks in a non-canonical order stay as they are.
    - "nmt_nfkc": like "sp_nfkc", but drops control characters and replaces line ends, tabs, some zero-width
      characters, "▁" and U+FFFD by spaces. It keeps the full-width tilde.
    - "sp_nfkc_cf", "nmt_nfkc_cf": like "sp_nfkc" and "nmt_nfkc", with simple case folding.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.get_normalizer("nmt_nfkc").normalize("Ｔｈｅ ﬁrst\nｶﾞ")
    'The first ガ'
    >>> ft.get_normalizer(["nfd", "strip_accents", "lowercase"]).normalize("Žluťoučký")
    'zlutoucky'
    """
    if normalizer is None or isinstance(normalizer, Normalizer):
        return normalizer
    if isinstance(normalizer, str):
        if normalizer not in NAMES and not is_import_path(normalizer):
            raise unknown_name("normalizer", normalizer, NAMES)
        return NORMALIZERS.make({"name": str.__str__(normalizer)})
    if isinstance(normalizer, dict):
        return _from_config(normalizer)
    if isinstance(normalizer, (list, tuple)):
        check_depth("the list of normalizers", normalizer)
        return make_sequence("a normalizer", map(get_normalizer, normalizer), SequenceNormalizer)
    raise TypeError(
        "a normalizer must be a name, a list of normalizers, a configuration or a Normalizer, not "
        f"{describe_type(normalizer)}"
    )


def _from_config(config: dict[str, Any]) -> Normalizer:
    is_list = isinstance(config.get("steps"), list)
    if config.get("name") == "sequence" and config.keys() == {"name", "steps"} and is_list:
        steps = map(NORMALIZERS.make, config["steps"])  # configurations of sequences are not nested
        return make_sequence("a normalizer", steps, SequenceNormalizer)
    return NORMALIZERS.make(config)
