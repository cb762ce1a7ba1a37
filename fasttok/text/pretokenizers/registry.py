"""`get_pretokenizer`: pretokenizers by name, expression, list of steps or configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from fasttok.core.checks import check_depth, checked_text, describe_type, unknown_name
from fasttok.core.component import Registry, is_import_path, make_sequence
from fasttok.text.pretokenizers.expressions import Regex
from fasttok.text.pretokenizers.known_patterns import find_known
from fasttok.text.pretokenizers.scanners import NAMED
from fasttok.text.pretokenizers.sequence import SequencePretokenizer
from fasttok.text.steps import Pretokenizer

PRETOKENIZERS: Registry[Pretokenizer] = Registry(
    "a pretokenizer",
    Pretokenizer,  # type: ignore[type-abstract]
    {
        **dict.fromkeys(NAMED, "fasttok.text.pretokenizers.scanners:ScannerPretokenizer"),
        "metaspace": "fasttok.text.pretokenizers.metaspace:Metaspace",
        "mark_runs": "fasttok.text.pretokenizers.metaspace:MarkRuns",
        "script": "fasttok.text.pretokenizers.scanners:ScriptPretokenizer",
        "split": "fasttok.text.pretokenizers.split:Split",
        "regex": "fasttok.text.pretokenizers.expressions:Regex",
        "split_punctuation": "fasttok.text.pretokenizers.classes:SplitPunctuation",
        "split_digits": "fasttok.text.pretokenizers.classes:SplitDigits",
        "words_and_symbols": "fasttok.text.pretokenizers.classes:WordsAndSymbols",
        "split_scripts": "fasttok.text.pretokenizers.classes:SplitScripts",
        "split_length": "fasttok.text.pretokenizers.classes:SplitLength",
        "byte_level": "fasttok.text.pretokenizers.byte_level:ByteLevel",
        "metaspace_split": "fasttok.text.pretokenizers.metaspace_split:MetaspaceSplit",
    },
)
# Additional names, used in recipes and files.
ALIASES: dict[str, AnyPretokenizer] = {"p50k": "gpt2", "sentencepiece": ["metaspace", "script"]}

DEFAULT_PRETOKENIZER = "o200k"  # for training; it keeps combining marks with their letters in every script

_REQUIRE_OPTIONS = ("regex", "split", "split_length")  # names that are not enough to make a pretokenizer
NAMES = (*(name for name in PRETOKENIZERS if name not in _REQUIRE_OPTIONS), *ALIASES)  # that are enough

AnyPretokenizer: TypeAlias = "str | Pretokenizer | Sequence[AnyPretokenizer] | dict[str, Any]"


def get_pretokenizer(pretokenizer: AnyPretokenizer) -> Pretokenizer:
    r"""Return a pretokenizer, given its name, a regular expression, a list of steps or a configuration.

    Parameters
    ----------
    pretokenizer : str, sequence, dict or Pretokenizer
        - str: a name from the list below, or the import path of a custom pretokenizer,
          ``package.module:Class``. Any other string with characters that a name does not have is a regular
          expression, as in ``fasttok.Regex(pattern)``. If it is a known spelling of a pattern below, as in
          tiktoken or a tokenizer.json, it is the pretokenizer with this name.
        - list or tuple: the steps of a sequence; each step splits the pretokens of the step before it. Nested
          sequences are flattened. A sequence of one step is that step.
        - dict: the configuration that `Pretokenizer.config` returned.
        - Pretokenizer, such as `fasttok.Regex` for a regular expression: returned unchanged.

    Returns
    -------
    Pretokenizer
        The pretokenizer.

    Raises
    ------
    PatternError
        If a regular expression does not compile.
    ValueError
        If the name or the configuration is unknown, an option has an invalid value, or a sequence has no
        steps or more than 100. For an unknown name, the message has the nearest names. A string of letters,
        digits, spaces and ``-_./:`` is a name, never a regular expression.
    TypeError
        If `pretokenizer`, or a step of it, has another type.
    ImportError
        If a regular expression is given and the ``regex`` module is missing.

    Notes
    -----
    A pretokenizer keeps all text unless the list says that it drops or rewrites some. A pretokenizer for a
    named pattern has the attribute ``pattern``, its regular expression. Pretokenizers for words:

    - "gpt2": the pattern of GPT-2 (Radford et al. 2019, section 2.2), as released with the model. "p50k" is
      another name for it.
    - "cl100k", "o200k": the patterns of tiktoken.
    - "llama3", "qwen2": the patterns in the tokenizer files of these models.
    - "whitespace": words, each with the U+0020 before it. Other white space is kept as separate pretokens.
    - "whitespace_split": words without white space. It drops white space, so tokenizers with this step are
      not lossless.
    - "bert": words and single punctuation characters (category P and the ASCII symbols). It drops white
      space. BERT splits text in this way (Devlin et al. 2019) after `fasttok.BertNormalizer`.
    - "punctuation": like "bert", but runs of white space are kept as separate pretokens.
    - "metaspace": words with a ▁ for the space before them, as in sentencepiece; see `fasttok.Metaspace`,
      which has options. It rewrites text. In a sequence, it rewrites every pretoken of the step before it;
      ``["whitespace_split", "metaspace"]`` is the pretokenizer of T5.
    - "sentencepiece": "metaspace" followed by "script". sentencepiece, by default, trains pieces within these
      pretokens.
    - "none": every document is one pretoken.

    Pretokenizers of Hugging Face ``tokenizers``, all of which have options:

    - "split_punctuation", "split_digits": split text at punctuation or at runs of digits; see
      `fasttok.SplitPunctuation` and `fasttok.SplitDigits`.
    - "words_and_symbols": words and runs of symbols, without white space; see `fasttok.WordsAndSymbols`.
    - "split_scripts": runs of one script, with the spaces after them; see `fasttok.SplitScripts`.
    - "byte_level": the pretokens of "gpt2", with one character per byte; see `fasttok.ByteLevel`.
    - "metaspace_split": words with a ▁ for every space; see `fasttok.MetaspaceSplit`.
    - `fasttok.Split` splits text at the matches of a pattern, and `fasttok.SplitLength` into pieces of the
      same length. They have a required option, so they have no name here.

    Scripts:

    - "script": runs of one script. Hiragana, Katakana and Han count as one script; digits, punctuation and
      white space count as another. Most combining marks have the script of the text before them, a ▁ has
      that of the text after it.

    Digits, usually as a step before or after another pretokenizer. Digits are all characters of category N.
    The text between them is one pretoken. Singh & Strouse (2024) compare the three:

    - "digits_single": single digits. (The ``split_digits`` of sentencepiece splits only ASCII digits and
      their full-width forms.)
    - "digits_threes_left": groups of three from the left: 123 456 7.
    - "digits_threes_right": groups of three from the right: 1 234 567.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.get_pretokenizer("gpt2")
    ScannerPretokenizer(name='gpt2', unicode=None)
    >>> ft.get_pretokenizer(r"\d|\D+").split_text("ab12")
    [b'ab', b'1', b'2']
    >>> ft.get_pretokenizer(["digits_threes_right", "gpt2"]).split_text("it's 1234567")
    [b'it', b"'s", b' ', b'1', b'234', b'567']
    >>> ft.get_pretokenizer("bert").split_text("it's  1234567")
    [b'it', b"'", b's', b'1234567']
    """
    if isinstance(pretokenizer, Pretokenizer):
        return pretokenizer
    if isinstance(pretokenizer, str):
        return _from_string(str.__str__(pretokenizer))
    if isinstance(pretokenizer, dict):
        return _from_config(pretokenizer)
    if isinstance(pretokenizer, (list, tuple)):
        check_depth("the list of pretokenizers", pretokenizer)
        return make_sequence("a pretokenizer", map(get_pretokenizer, pretokenizer), SequencePretokenizer)
    raise TypeError(
        "a pretokenizer must be a name, a regular expression, a list of pretokenizers, a configuration or a "
        f"Pretokenizer, not {describe_type(pretokenizer)}"
    )


def is_name_like(text: str) -> bool:
    """Return whether a string looks like a name or several: it has a letter, and no character of patterns.

    Examples
    --------
    >>> [is_name_like(text) for text in ("gpt-2", "Qwen/Qwen2.5", "bert,gpt2", r"\\w+", ", ")]
    [True, True, True, False, False]
    """
    return any(map(str.isalpha, text)) and all(one.isalnum() or one in "-_./:,; " for one in text)


def _from_string(text: str) -> Pretokenizer:
    if text in ALIASES:
        return get_pretokenizer(ALIASES[text])
    if (text in PRETOKENIZERS and text not in _REQUIRE_OPTIONS) or is_import_path(text):
        return PRETOKENIZERS.make({"name": text})
    if not text:
        raise ValueError(
            'a pretokenizer must not be an empty string; "none" keeps every document in one pretoken'
        )
    if is_name_like(text):
        advice = "For a regular expression, pass ft.Regex(pattern)"
        if "," in text:
            advice = f"For a sequence of steps, pass a list of names. {advice}"
        raise unknown_name("pretokenizer", text, NAMES, advice)
    checked_text("pretokenizer", text)
    known = find_known(text)
    return Regex(text) if known is None else PRETOKENIZERS.make({"name": known})


def _from_config(config: dict[str, Any]) -> Pretokenizer:
    if config.get("name") == "sequence" and config.keys() == {"name", "steps"}:
        if not isinstance(config["steps"], list):
            raise ValueError(f"not the configuration of a pretokenizer: {config!r}")
        steps = map(PRETOKENIZERS.make, config["steps"])  # configurations of sequences are not nested
        return make_sequence("a pretokenizer", steps, SequencePretokenizer)
    return PRETOKENIZERS.make(config)
