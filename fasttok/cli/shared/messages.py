"""Messages of the library in the words of the command line: ``byte_fallback=True`` is ``--byte-fallback``."""

from __future__ import annotations

import re

import click

# Advice for Python that has another form on the command line.
_REWRITTEN = (
    (
        re.compile(r"(tok\.with_settings\((\w+)=None\)) is the tokenizer without (it|them)"),
        r"--drop \2 leaves \3 out (in Python: \1)",
    ),
    (re.compile(r"tok\.with_template\((\"[^\"]*\")\)"), r"--template \1"),
    (re.compile(r"sampling=ft\.Dropout\(([\d.]+), seed\)"), r"--dropout \1"),
    (re.compile(r"ft\.Regex\((.*?)\)"), r"(?:\1)"),
    (
        re.compile(r"For a sequence of steps, pass a list of names"),
        "For a sequence of steps, repeat the option",
    ),
    (re.compile(r"or use to_arrow or save\b"), "or write a .parquet or .npz file"),
    (re.compile(r",? or give its id with ids="), ""),
    (re.compile(r" \(command line: --[a-z-]+\)"), ""),
    (
        re.compile(r"open counts with PretokenCounts\.load"),
        "fasttok train and fasttok inspect take counts, from a file whose name ends with .npz",
    ),
    (re.compile(r"\b(?:ft\.)?count_pretokens\b"), "fasttok pretokens"),
)
_VALUE = r"""\[?(?P<quote>["'])(?P<text>.*?)(?P=quote)(?:[^\[\]]*\])?"""
_PLAIN = re.compile(r"[^\s<>|&;$()*?]+")  # text that the shell leaves as it is
_ASSIGNED = re.compile(rf"\b(?P<name>[a-z_]+)=(?:{_VALUE}|(?P<bare>True|\d[\d.]*)|\.\.\.|…)?")
_CALL = re.compile(r"(\b\w+\([^()]*\))")  # such as the repr of a component
_ADVISED = re.compile(
    r"\b(?P<verb>pass|lower|increase|raise|without|reduce)(?P<space> )(?P<name>[a-z_]+)\b", re.IGNORECASE
)
_ALTERNATIVE = re.compile(r"(?P<verb>--[a-z-]+)(?P<space> or )(?P<name>[a-z_]+)\b")


def translate(message: str) -> str:
    """Return a message of the library in the words of the command that runs."""
    context = click.get_current_context(silent=True)
    if context is None:
        return message
    group = context.find_root().command
    has_own_words = context.command.name in ("compare", "report", "verify", "demo")  # files of experiments
    train = group.commands["train"] if isinstance(group, click.Group) and not has_own_words else None
    return in_options(message, context.command, train)


def in_options(message: str, command: click.Command, train: click.Command | None = None) -> str:
    """Return a message of the library with the names of options instead of arguments.

    Parameters
    ----------
    message : str
        The message.
    command : click.Command
        Command that runs. Its options are known.
    train : click.Command, optional
        Command ``train``, whose options messages of other commands may advise.

    Examples
    --------
    >>> from fasttok.cli.main import main
    >>> in_options('pass special="none" or train with unk=…', main.commands["encode"], main.commands["train"])
    'pass --special none or train with --unk'
    """
    flags = _find_flags(train) | _find_flags(command)
    if "rank file" in message and "rank_encoding" in flags:
        flags["encoding"] = flags["rank_encoding"]
    elif "to" in flags and "nulls" not in flags:  # it reads no text
        flags["format"] = flags["to"]
    tokens = flags.get("allow_special")
    message = message.replace(" or a set of tokens", f" or {tokens}" if tokens else "")
    for pattern, new in _REWRITTEN:
        message = pattern.sub(new, message)

    def assigned(match: re.Match[str]) -> str:
        flag = flags.get(match["name"])
        if flag is None:
            return match[0]
        text = match["text"] if match["text"] is not None else match["bare"]
        if text is None or text == "True":
            return flag
        return f"{flag} {text if _PLAIN.fullmatch(text) else repr(text)}"

    def advised(match: re.Match[str]) -> str:
        return f"{match['verb']}{match['space']}{flags.get(match['name'], match['name'])}"

    def translated(part: str) -> str:
        part = _ASSIGNED.sub(assigned, part)
        return _ALTERNATIVE.sub(advised, _ADVISED.sub(advised, part))

    parts = _CALL.split(message)  # of which every second one is a call
    return "".join(part if i % 2 else translated(part) for i, part in enumerate(parts))


def _find_flags(command: click.Command | None) -> dict[str, str]:
    """Return the longest flag of each option of a command, by its name in Python."""
    found = {}
    for one in command.params if command is not None else ():
        if isinstance(one, click.Option) and one.name:
            flag = max(one.opts, key=len)
            found[one.name] = flag
            found[flag.lstrip("-").replace("-", "_")] = flag
    if "special_token" in found:
        found["special_tokens"] = found["special_token"]
    return found
