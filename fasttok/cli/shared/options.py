"""Options that several commands share, with one name, meaning and help text each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

DTYPES = ("uint16", "uint32")
READING = ("format", "field", "document", "separator", "encoding", "nulls", "errors")  # `reading_options`
PROGRESS = ("auto", "bar", "lines", "json", "none")
Decorator = Callable[[Callable[..., None]], Callable[..., None]]


def options(*decorators: Decorator) -> Decorator:
    """Return a decorator that adds several options to a command, in their order in the help."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for one in reversed(decorators):
            command = one(command)
        return command

    return decorate


def option(*names: str, **settings: Any) -> Decorator:
    """Return `click.option`, which shows the default unless it is None or False."""
    shown = settings.get("default") not in (None, False) and not settings.get("is_flag")
    return click.option(*names, **({"show_default": True} | settings if shown else settings))


def _complete_names(*kinds: str) -> Callable[..., list[str]]:
    """Return a function that completes names of components in the shell."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        return [name for name in component_names(*kinds) if name.startswith(incomplete)]

    return complete


def component_names(*kinds: str) -> list[str]:
    """Return the names of "pretokenizers" or "normalizers" that need no options."""
    from fasttok.text.normalizers import registry as normalizers
    from fasttok.text.pretokenizers import registry as pretokenizers

    names: list[str] = []
    if "pretokenizers" in kinds:
        names += pretokenizers.NAMES
    if "normalizers" in kinds:
        names += normalizers.NAMES
    return sorted(set(names))


# Text

files_argument = click.argument("files", nargs=-1, type=click.Path())
workers_option = option(
    "--workers", type=click.IntRange(min=1), metavar="N", help="Number of threads.  [default: all CPUs]"
)
reading_options = options(
    option(
        "--format",
        type=click.Choice(["auto", "text", "jsonl", "json", "csv", "tsv", "parquet", "arrow"]),
        default="auto",
        help="Format of the files. auto: by the name of a file; for standard input, by its content.",
    ),
    option(
        "--field",
        metavar="NAME",
        help="Field or column of records that contains the text: a name, a path such as meta.text, or a "
        'template such as "{title}: {text}".  [default: text]',
    ),
    option(
        "--document",
        type=click.Choice(["whole", "line", "paragraph"]),
        help="Unit of text that is one document: a whole file or record, a line, or a paragraph.  "
        "[default: whole]",
    ),
    option(
        "--separator",
        metavar="TEXT",
        help=r"Text between documents, instead of --document; \n, \t, \r, \0 and \\ are escapes.",
    ),
    option("--encoding", metavar="NAME", help="Encoding of the text, such as utf-16.  [default: UTF-8]"),
    option(
        "--nulls",
        type=click.Choice(["raise", "skip"]),
        default="raise",
        help="Records without text: an error, or skipped and counted.",
    ),
    option(
        "--errors",
        type=click.Choice(["strict", "replace", "surrogatepass"]),
        default="strict",
        help="Lone surrogates in JSON: an error, replaced by U+FFFD, or kept as three bytes.",
    ),
)

# Tokenizers

allow_import_option = option(
    "--allow-import",
    metavar="PACKAGE",
    multiple=True,
    help="Package from which custom components or metrics may be imported. It can be in the current folder. "
    "Repeatable.",
)
rank_encoding_option = option(
    "--rank-encoding",
    metavar="NAME",
    help="Encoding whose pretokenizer and special tokens a tiktoken rank file has, such as o200k_harmony.  "
    "[default: recognized from content and name]",
)
opening_options = options(
    rank_encoding_option,
    option(
        "--pretokenizer",
        metavar="NAME",
        shell_complete=_complete_names("pretokenizers"),
        help="Pretokenizer of a tiktoken rank file: a name or a regular expression.",
    ),
    allow_import_option,
)
tokenizer_option = option(
    "-t",
    "--tokenizer",
    "--with",
    "path",
    required=True,
    type=click.Path(),
    help="Tokenizer file, folder of a model, or - for standard input.",
)
with_option = option(
    "-t",
    "--tokenizer",
    "--with",
    "paths",
    multiple=True,
    required=True,
    type=click.Path(),
    help="Tokenizer file, folder of a model, or - for standard input. Repeatable.",
)
special_option = option(
    "--special",
    type=click.Choice(["none", "all", "raise"]),
    default="none",
    help="Special tokens in the text: plain text (none), special tokens (all), or an error (raise).",
)
special_options = options(
    special_option,
    option(
        "--allow-special",
        metavar="TOKEN",
        multiple=True,
        help="Special token to find in the text; others are plain text. Repeatable.",
    ),
)
template_options = options(
    option("--add-special-tokens", is_flag=True, help="Add the special tokens of the template."),
    option(
        "--template",
        metavar="TEXT",
        help='Template to use instead of that of the tokenizer, such as "<s> $A </s>"; implies '
        "--add-special-tokens.",
    ),
)

# Components

pretokenizers_option = option(
    "--pretokenizer",
    "pretokenizers",
    multiple=True,
    metavar="NAME|REGEX",
    shell_complete=_complete_names("pretokenizers"),
    help="Pretokenizer: gpt2, p50k, cl100k, o200k, llama3, qwen2, whitespace, punctuation, whitespace_split, "
    "bert, metaspace, script, sentencepiece, digits_single, digits_threes_left, digits_threes_right, none, "
    "or a regular expression. Repeat to chain several.  [default: o200k]",
)
normalizers_option = option(
    "--normalizer",
    "normalizers",
    multiple=True,
    metavar="NAME",
    shell_complete=_complete_names("normalizers"),
    help="Normalizer, applied before the pretokenizer: nfc, nfd, nfkc, nfkd, lowercase, strip_accents, "
    "strip, bert, or one of sentencepiece: identity, sp_nfkc, nmt_nfkc, sp_nfkc_cf, nmt_nfkc_cf. Repeat to "
    "chain several.  [default: none]",
)

split_special_option = option(
    "--split-special",
    metavar="TOKEN",
    multiple=True,
    help="Special token at which documents are split. It is not counted. Repeatable.",
)


# Output

quiet_option = option(
    "--quiet", is_flag=True, help="Print no progress and no remarks, only results and warnings."
)
progress_options = options(
    option(
        "--progress",
        type=click.Choice(PROGRESS),
        default="auto",
        help="Progress on standard error: a bar, lines, lines of JSON for programs, or none. auto: a bar "
        "in a terminal, otherwise a line now and then.",
    ),
    quiet_option,
)
json_option = option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")


def top_option(what: str) -> Decorator:
    """Return the option --top for the length of a list."""
    return option(
        "--top", default=10, type=click.IntRange(min=0), metavar="N", help=f"Number of {what} to print."
    )


def output_option(what: str, **settings: Any) -> Decorator:
    """Return the option -o for a file."""
    help_text = f"{what}; - is standard output."
    return option("-o", "--output", type=click.Path(), help=help_text, **settings)
