"""Command ``fasttok train``: train a tokenizer and save it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from fasttok.cli.command import Command
from fasttok.cli.convert import WRITTEN, check_target, is_folder, save_tokenizer
from fasttok.cli.shared.inputs import (
    STDIN,
    check_stdin,
    contains_counts,
    expand,
    open_corpus,
    open_tokenizer,
    refuse_reading_options,
    say,
)
from fasttok.cli.shared.options import (
    READING,
    allow_import_option,
    files_argument,
    normalizers_option,
    option,
    output_option,
    pretokenizers_option,
    progress_options,
    rank_encoding_option,
    reading_options,
    split_special_option,
    workers_option,
)
from fasttok.cli.shared.outputs import STDOUT, check_output
from fasttok.cli.shared.progress import show_progress
from fasttok.cli.shared.trainer_options import trainer_options

if TYPE_CHECKING:
    import fasttok as ft

# Models that a format can hold, and the steps that it needs; these are not in the file.
HOLDS: dict[str | None, tuple[tuple[str, ...], dict[str, tuple[str, ...]]]] = {
    "tiktoken": (("bpe", "byte"), {"normalizer": ()}),
    "gpt2": (("bpe", "byte"), {"normalizer": (), "pretokenizer": ("gpt2",)}),
    "vocab.txt": (("wordpiece",), {"normalizer": ("bert",), "pretokenizer": ("bert",)}),
}
VOCAB_SIZE = 32_000  # default for the trainers that require a size
MODELS = ("bpe", "unigram", "wordpiece", "character", "byte", "word")


@click.command(cls=Command)
@output_option("File to save the tokenizer to", required=True)
@option("--to", type=click.Choice(WRITTEN), help="Format to write.  [default: fasttok]")
@option("--model", type=click.Choice(MODELS), default="bpe", help="Model family; bpe is byte-level.")
@option(
    "--vocab-size",
    type=int,
    metavar="N",
    help="Number of ids, including special tokens and bytes.  [default: 32000; wordpiece: 30000; "
    "character, word: no limit]",
)
@pretokenizers_option
@normalizers_option
@option(
    "--special-token",
    "special_tokens",
    multiple=True,
    metavar="TEXT",
    help="Text of a special token. Repeatable.",
)
@split_special_option
@option(
    "--no-split-special",
    is_flag=True,
    help="Learn the text of special tokens like any other.  [default: split the text at them]",
)
@option("--template", metavar="TEXT", help='Template of the tokenizer for one text, such as "<s> $A </s>".')
@option("--pair-template", metavar="TEXT", help='Template for two texts, such as "$A <sep> $B:1".')
@option(
    "--start",
    metavar="FILE",
    type=click.Path(),
    help="Tokenizer to continue from: its ids stay, and new merges follow (bpe).",
)
@option("--piece-counts", is_flag=True, help="Keep the count of each id in the training data.")
@trainer_options
@rank_encoding_option
@allow_import_option
@reading_options
@workers_option
@progress_options
@files_argument
def train(
    files: tuple[str, ...],
    output: str,
    to: str | None,
    pretokenizers: tuple[str, ...],
    normalizers: tuple[str, ...],
    split_special: tuple[str, ...],
    no_split_special: bool,
    template: str | None,
    pair_template: str | None,
    start: str | None,
    piece_counts: bool,
    rank_encoding: str | None,
    allow_import: tuple[str, ...],
    workers: int | None,
    progress: str,
    quiet: bool,
    **options: Any,
) -> None:
    """Train a tokenizer on text and save it.

    FILES are files, folders, or quoted glob patterns; - is standard input, and the default. FILES may instead
    all be files of counts that `fasttok pretokens` saved; the counts are added.

    Text is split at the special tokens of the tokenizer, so that nothing is learned from them;
    --no-split-special learns them like any other text.

    \b
    Examples:
      fasttok train books/ web.jsonl.gz -o tok.json --special-token "<|endoftext|>"
      zcat big.gz | fasttok train - -o tok.json --vocab-size 50000
      fasttok train books/ -o tok.json --model unigram \\
          --normalizer nmt_nfkc --pretokenizer sentencepiece
      fasttok train books/ -o mine.tiktoken --to tiktoken --special-token "<|endoftext|>"
    """
    import fasttok as ft

    if split_special and no_split_special:
        raise click.UsageError("--split-special and --no-split-special cannot be combined")
    reading = {name: options.pop(name) for name in READING}
    options["start"] = start
    options = {name: value for name, value in options.items() if value is not None and value != ()}
    options = _checked_options(options)
    check_target(output, to)
    check_stdin([*([start] if start else []), *(files or [STDIN])])
    source: ft.Corpus | ft.PretokenCounts
    counted = _find_counts([file for name in files for file in expand(name)])
    if counted:
        inputs = counted
    else:
        source = open_corpus(files, quiet=quiet, **reading)
        inputs = list(source.files)
    check_output(output, [*inputs, *([start] if start else [])], folder=is_folder(output, to))
    if start is not None:
        options["start"] = open_tokenizer(start, allow_import, rank_encoding=rank_encoding)
    elif rank_encoding is not None:
        raise click.UsageError("--rank-encoding has no effect without --start")
    given = None if template is None and pair_template is None else _make_template(template, pair_template)
    steps = {"pretokenizer": pretokenizers, "normalizer": normalizers}
    check_possible(to, options, None if counted or start is not None else steps, given)
    if counted:
        source = ft.PretokenCounts.mix((ft.PretokenCounts.load(file), 1) for file in counted)
    with show_progress(progress, quiet) as shown:
        tok = ft.train(
            source,
            pretokenizer=pretokenizers or None,
            normalizer=normalizers or None,
            split_special=False if no_split_special else split_special or None,
            workers=workers,
            progress=shown,
            piece_counts=piece_counts,
            **options,
        )
    if given is not None:
        tok = tok.with_settings(template=given)
    save_tokenizer(tok, output, to, keep=True)
    if not quiet:
        say(f"{'standard output' if output == STDOUT else output}: {tok}")


def _find_counts(files: Sequence[str]) -> list[str]:
    """Return the files if they contain counts; nothing if they contain text.

    Raises
    ------
    click.UsageError
        If only some of them contain counts, or an option for text is given with counts.
    """
    counted = [file for file in files if contains_counts(file)]
    if not counted:
        return []
    if len(counted) < len(files):
        raise click.UsageError(f"counts and text cannot be mixed: {counted[0]} contains counts")
    refuse_reading_options(f"is for text, but {counted[0]} contains counts")
    return counted


def _checked_options(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of the trainer, with a default for the size.

    Raises
    ------
    click.UsageError
        If the trainer does not have one of them.
    """
    from fasttok.models.registry import TRAINERS

    known = {field.name: field for field in dataclasses.fields(TRAINERS.find(options["model"]))}
    for name in options.keys() - known.keys() - {"model"}:
        flag = "--special-token" if name == "special_tokens" else f"--{name.replace('_', '-')}"
        raise click.UsageError(f"{flag} is not an option of --model {options['model']}")
    if "vocab_size" in known and known["vocab_size"].default is dataclasses.MISSING:
        options.setdefault("vocab_size", VOCAB_SIZE)
    return options


def _make_template(single: str | None, pair: str | None) -> ft.Template:
    import fasttok as ft

    if single is None:
        raise click.UsageError("--pair-template needs --template, the template for one text")
    return ft.Template(single, pair)


def check_possible(
    to: str | None,
    options: dict[str, Any],
    steps: dict[str, tuple[str, ...]] | None,
    template: ft.Template | None,
) -> None:
    """Raise an error before training if the tokenizer cannot have the template or the format.

    Parameters
    ----------
    to : str, optional
        Format.
    options : dict
        Model and options of the trainer.
    steps : dict, optional
        Names of the "pretokenizer" and of the "normalizer"; None if counts or another tokenizer have them.
    template : Template, optional
        Template of the tokenizer.

    Raises
    ------
    click.UsageError
        If the template has a word that will not be a special token, or the format never holds such a model
        or such steps.
    """
    from fasttok.models.registry import TRAINERS

    model = options["model"]
    trainer = TRAINERS.find(model)(**{name: value for name, value in options.items() if name != "model"})
    if template is not None:
        start = options.get("start")
        known = {
            *getattr(trainer, "special_tokens", ()),
            *(start.special_tokens if start is not None else ()),
        }
        words = [word for part in template.words() for word in part or []]
        for word in words:
            if word.text is None and word.name not in known:
                raise click.UsageError(
                    f"--template: {word.name!r} will not be a special token; add --special-token "
                    f"{word.name!r}"
                )
    if to not in HOLDS:
        return
    models, needed = HOLDS[to]
    if model not in models or getattr(trainer, "units", None) == "character":
        raise click.UsageError(f"--to {to} cannot hold this model; it is for --model {' or '.join(models)}")
    if to != "vocab.txt" and template is not None:
        raise click.UsageError(f"--to {to} cannot hold a template; use --to huggingface")
    if steps is None:
        return
    for step, names in needed.items():
        if steps[step] != names:
            advice = f"pass --{step} {names[0]}" if names else "use --to huggingface"
            raise click.UsageError(f"--to {to} cannot hold {'another' if names else 'a'} {step}; {advice}")
