"""`get_pretokenizer`: pretokenizers by name, expression, list of steps or configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from fasttok.core.component import Registry, is_import_path, make_sequence
from fasttok.text.pretokenizers.expressions import RegexPretokenizer
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
        "script": "fasttok.text.pretokenizers.script:ScriptPretokenizer",
        "regex": "fasttok.text.pretokenizers.expressions:RegexPretokenizer",
    },
)
# Other names of pretokenizers, as recipes and files have them.
ALIASES: dict[str, AnyPretokenizer] = {"p50k": "gpt2", "sentencepiece": ["metaspace", "script"]}

AnyPretokenizer: TypeAlias = "str | Pretokenizer | Sequence[AnyPretokenizer] | dict[str, Any]"


def get_pretokenizer(pretokenizer: AnyPretokenizer) -> Pretokenizer:
    r"""Make a pretokenizer from a name, a regular expression, a list of steps or a configuration.

    Parameters
    ----------
    pretokenizer : str, sequence, dict or Pretokenizer
        A name, see below, or the import path of a pretokenizer from elsewhere, ``package.module:Class``; any
        other string is a regular expression for the ``regex`` module, which runs on a scanner where it is one
        of the patterns below in the spelling of tiktoken or a tokenizer.json. A list or tuple has the steps
        of a sequence, each of which cuts the pretokens of the step before further; a sequence inside it
        counts as its steps, and a single step is that step itself. A dict is what `Pretokenizer.config` gave.

    Raises
    ------
    PatternError
        If an expression does not compile.
    ValueError
        If there is none of this name, or there are no steps, or more than 100.
    ImportError
        If an expression is given and the ``regex`` module is missing.

    Notes
    -----
    Nearly all of them only cut, so that nothing is lost; their expressions are in
    `fasttok.text.pretokenizers.scanners.PATTERNS`. In a sequence every step takes the pretokens of the step
    before for texts of their own. Words:

    - "gpt2": the pattern of Radford et al. (2019), section 2.2, as released with the model; "p50k" is
      another name for it.
    - "cl100k", "o200k": tiktoken's.
    - "llama3", "qwen2": those of the models' tokenizer files.
    - "whitespace": words with the one space before them.
    - "whitespace_split": words alone. White space separates them and is dropped, so that no tokenizer with
      this step is lossless.
    - "bert": single characters of punctuation (P, and the symbols of ASCII), and words between them and white
      space, which is dropped. That is how BERT cuts (Devlin et al. 2019), once text is cleaned, lower-cased
      and has spaces around Chinese characters.
    - "punctuation": the same cuts, but white space is kept, as pretokens of its own.
    - "metaspace": words with a ▁ before them for the space, as in sentencepiece: `fasttok.Metaspace`, which
      has options. It rewrites the text that it is given: the document, or in a sequence every pretoken of
      the step before, so that ``["whitespace_split", "metaspace"]`` is T5's.
    - "sentencepiece": "metaspace" and "script", which are the pretokens that the pieces of sentencepiece's
      models lie in, as they are trained by default.
    - "none": a document is one pretoken.

    Scripts:

    - "script": runs of one script, where Hiragana, Katakana and Han are one, and digits, punctuation and
      white space another. A combining mark is of the script before it, a ▁ of the one after it.

    Digits, as steps to put before or after another; what lies between runs of numbers (general category N,
    of any script) is one pretoken. Singh & Strouse (2024) compare them:

    - "digits_single": every digit alone. (The ``split_digits`` of sentencepiece takes only the digits of
      ASCII and their full-width forms apart.)
    - "digits_threes_left": threes from the left, 123 456 7.
    - "digits_threes_right": threes from the right, 1 234 567.

    Examples
    --------
    >>> get_pretokenizer("gpt2")
    ScannerPretokenizer(name='gpt2')
    >>> get_pretokenizer(r"\d|\D+").split_text("ab12")
    [b'ab', b'1', b'2']
    >>> get_pretokenizer(["digits_threes_right", "gpt2"]).split_text("it's 1234567")
    [b'it', b"'s", b' ', b'1', b'234', b'567']
    >>> get_pretokenizer("bert").split_text("it's  1234567")
    [b'it', b"'", b's', b'1234567']
    """
    if isinstance(pretokenizer, Pretokenizer):
        return pretokenizer
    if isinstance(pretokenizer, str):
        return _from_string(pretokenizer)
    if isinstance(pretokenizer, dict):
        return _from_config(pretokenizer)
    if isinstance(pretokenizer, (list, tuple)):
        return make_sequence("a pretokenizer", map(get_pretokenizer, pretokenizer), SequencePretokenizer)
    raise TypeError(
        f"a pretokenizer must be a name, a pattern or a list of them, not {type(pretokenizer).__name__}"
    )


def _from_string(text: str) -> Pretokenizer:
    if text in ALIASES:
        return get_pretokenizer(ALIASES[text])
    if (text in PRETOKENIZERS and text != "regex") or is_import_path(text):
        return PRETOKENIZERS.make({"name": text})
    if not text:
        raise ValueError('a pretokenizer must not be empty; for none at all give "none"')
    if text.isidentifier():  # no expression anybody means looks like a name
        names = ", ".join([*PRETOKENIZERS, *ALIASES])
        raise ValueError(
            f"no pretokenizer is named {text!r}; the names are {names}, and any other string is read as a "
            "regular expression"
        )
    known = find_known(text)
    return RegexPretokenizer(text) if known is None else PRETOKENIZERS.make({"name": known})


def _from_config(config: dict[str, Any]) -> Pretokenizer:
    if config.get("name") == "sequence" and config.keys() == {"name", "steps"}:
        if not isinstance(config["steps"], list):
            raise ValueError(f"not the configuration of a pretokenizer: {config!r}")
        steps = map(PRETOKENIZERS.make, config["steps"])  # a sequence is never written inside another
        return make_sequence("a pretokenizer", steps, SequencePretokenizer)
    return PRETOKENIZERS.make(config)
