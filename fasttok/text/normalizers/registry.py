"""`get_normalizer`: normalizers by name, list of steps or configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from fasttok.core.component import Registry, is_import_path, make_sequence
from fasttok.text.normalizers.sequence import SequenceNormalizer
from fasttok.text.steps import Normalizer

RULES = ("identity", "sp_nfkc", "nmt_nfkc", "sp_nfkc_cf", "nmt_nfkc_cf")
UNICODE = ("nfc", "nfd", "nfkc", "nfkd", "lowercase", "strip_accents")
NORMALIZERS: Registry[Normalizer] = Registry(
    "a normalizer",
    Normalizer,  # type: ignore[type-abstract]
    {
        **dict.fromkeys((*RULES, "charsmap"), "fasttok.text.normalizers.charsmap:CharsMapNormalizer"),
        **dict.fromkeys(UNICODE, "fasttok.text.normalizers.code_points:UnicodeNormalizer"),
        "bert": "fasttok.text.normalizers.code_points:BertNormalizer",
        "strip": "fasttok.text.normalizers.edges:Strip",
        "replace": "fasttok.text.normalizers.charsmap:Replace",
        "prepend": "fasttok.text.normalizers.edges:Prepend",
    },
)
NAMES = (*RULES, *UNICODE, "bert", "strip")  # those that need no options

AnyNormalizer: TypeAlias = "str | dict[str, Any] | Sequence[AnyNormalizer] | Normalizer | None"


def get_normalizer(normalizer: AnyNormalizer) -> Normalizer | None:
    r"""Make a normalizer from its name, a list of steps or a configuration; None is none.

    Parameters
    ----------
    normalizer : str, sequence, dict, Normalizer or None
        A name, see below. A list or tuple has the steps of a sequence, each of which rewrites what the step
        before has written; a sequence inside it counts as its steps, and a single step is that step itself. A
        dict is what `Normalizer.config` gave. None leaves text as it is.

    Raises
    ------
    ValueError
        If there is none of this name, if the configuration is of none, or if there are no steps, or more
        than 100.

    Notes
    -----
    Those of Unicode, version 17:

    - "nfc", "nfd", "nfkc", "nfkd": its normal forms (UAX #15).
    - "lowercase": the full mapping of every code point, whatever stands around it: a capital sigma is σ also
      at the end of a word.
    - "strip_accents": drops all marks (M). Behind "nfd" it takes the accents off letters.

    Those of BERT and others, which have options, so that they are classes too:

    - "bert": cleans text, sets Chinese characters apart, strips accents and makes letters small:
      `fasttok.BertNormalizer`.
    - "strip": drops white space at both ends of a document: `fasttok.Strip`.
    - `fasttok.Replace` writes one text for another, `fasttok.Prepend` one before a document.

    A byte that is not UTF-8 stays as it is in all of these. Not so in sentencepiece's, where it becomes
    U+FFFD. The rules of these are of Unicode 17, too, as in its version 0.2.3:

    - "identity": nothing is rewritten but what is not UTF-8.
    - "sp_nfkc": nearly the normal form NFKC; sequences with a mark in an unusual place stay as they are.
    - "nmt_nfkc": the same; besides control characters are dropped, and line ends, tabs, zero-width spaces,
      "▁" and U+FFFD become spaces. The full-width tilde stays.
    - "sp_nfkc_cf", "nmt_nfkc_cf": the same with simple case folding.

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
            raise ValueError(f"no normalizer is named {normalizer!r}; the names are {', '.join(NAMES)}")
        return NORMALIZERS.make({"name": normalizer})
    if isinstance(normalizer, dict):
        return _from_config(normalizer)
    if isinstance(normalizer, (list, tuple)):
        return make_sequence("a normalizer", map(get_normalizer, normalizer), SequenceNormalizer)
    raise TypeError(
        f"a normalizer must be a name, a list of them or a configuration, not {type(normalizer).__name__}"
    )


def _from_config(config: dict[str, Any]) -> Normalizer:
    is_list = isinstance(config.get("steps"), list)
    if config.get("name") == "sequence" and config.keys() == {"name", "steps"} and is_list:
        steps = map(NORMALIZERS.make, config["steps"])  # a sequence is never written inside another
        return make_sequence("a normalizer", steps, SequenceNormalizer)
    return NORMALIZERS.make(config)
