"""Tiny model files of all options of sentencepiece; `model_file(seed)` gives the same file for the same seed.

sentencepiece trains each model on a few lines. The options that its trainer does not have, but its encoder
reads, are then set in the file: UNUSED pieces, equal scores, spaces that are not escaped, and denormalizers
with several kinds of rules. Every file is one that sentencepiece opens.
"""

from __future__ import annotations

import io
import math
import random
import re
import struct
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import sentencepiece

from tests.huggingface_texts import CODE, MARKS, NUMBERS, PUNCTUATION, SCRIPTS, WORDS, random_texts
from tests.sentencepiece_file import BYTE, NORMAL, UNUSED, USER_DEFINED, fields, message, number

N_SUITE = 300  # number of models in the test suite
TYPES = ("unigram", "bpe", "word", "char")
NORMALIZERS = ("nmt_nfkc", "nfkc", "identity", "nmt_nfkc_cf", "nfkc_cf", "custom")
# Rules of normalizers: code points before, code points after.
RULES = (
    ("A", "a"), ("B", "bb"), ("É", "e\u0301"), ("e\u0301", "é"), ("ﬁ", "fi"), ("ab", "ba"), ("abc", "x"),
    ("\t", " "), ("\r", ""), ("\u3000", " "), ("…", "..."), ("½", " 1/2 "), ("東京", "京"), ("x", "  "),
    ("z", ""), ("q", "▁"), ("▁", "_"), ("the", "The"), ("😀", ":-)"), ("'", "’"), (" ,", ","), ("  ", " "),
    ("\u00a0", "\u00a0\u00a0"), ("low", "high "), ("1", "一"),
)  # fmt: skip
USER_SYMBOLS = (
    "<sep>", "<cls>", "[X]", "ab", "low", "lower", "the", " the", "▁the", "▁", "▁▁", "é", "東京", "東", "1",
    "12", "a b", "a  b", "a▁b", ".", "...", "<0x41>", "<s>x", "😀", "👨‍👩‍👧‍👦", "\n", "\t", "Ａ", "ﬁ", "e",
    "est▁", "$", "=", "x", "--", "\u0301",
)  # fmt: skip
CONTROL_SYMBOLS = ("<mask>", "<2ja>", "<ctrl>", "low", "▁new", "[INST]", "a", "東", "<0x42>")
ODD_PIECES = (
    "a▁b", "▁a▁b", "▁▁▁", "e▁", "▁e▁", "▁", " ", "  ", "a b", " the", "\n", "\t", "\u0301", "é", "e\u0301",
    "lower▁the", "thethe", "aaaa", "\x01", "\ufffd", "<0x4>", "東", "東京▁", "1", "12", "<s>a", "▁<unk>",
    "\U0010ffff", "👍🏽", "low", "er", "wer", "lowe", "owest",
)  # fmt: skip
UNK_SURFACES = (" ⁇ ", "", "?", "<unk>", "▁", " ", "�", "unk unk")

# Fields of the model file, and fields of its messages that are floats.
PIECE, TRAINER, NORMALIZER, SELF_TEST, DENORMALIZER = range(1, 6)
FLOATS = (2, 10, 15, 51)
Options = dict[str, Any]
Parts = list[tuple[int, Any]]


def corpus(rng: random.Random) -> list[str]:
    """Return 40 to 120 lines of words with natural frequencies, in a mixture of scripts and styles."""
    classes = rng.choice(
        [
            [WORDS],
            [WORDS, NUMBERS, PUNCTUATION],
            [SCRIPTS, WORDS],
            [SCRIPTS],
            [WORDS, CODE, NUMBERS],
            [MARKS, WORDS],
        ]
    )
    words = [word for group in classes for word in group]
    rng.shuffle(words)
    weights = [1 / (rank + 1) for rank in range(len(words))]
    joint = rng.choice((" ", " ", " ", "", "  ", "\u3000"))
    lines = []
    for _ in range(rng.randint(40, 120)):
        line = joint.join(rng.choices(words, weights, k=rng.randint(1, 10)))
        lines.append(line.replace("\n", " ").replace("\0", ""))
    return lines


def rules_file(rng: random.Random, folder: str, name: str) -> str:
    """Write random rules of a normalizer, and return the path."""
    rows = []
    for before, after in rng.sample(RULES, rng.randint(1, 12)):
        rows.append("\t".join(" ".join(f"{ord(c):X}" for c in text) for text in (before, after)))
    path = Path(folder, name)
    path.write_text("\n".join(rows) + "\n")
    return str(path)


def random_options(rng: random.Random, folder: str) -> Options:
    """Draw options of sentencepiece's trainer; files that they name are written to a folder."""

    def often(share: float) -> bool:
        return rng.random() < share

    kind = rng.choices(TYPES, (5, 5, 2, 2))[0]
    options: Options = {"model_type": kind, "vocab_size": rng.choice((60, 120, 250, 500))}
    options["character_coverage"] = rng.choice((0.9995, 1.0, 0.98))
    name = rng.choices(NORMALIZERS, (5, 2, 4, 2, 1, 3))[0]
    if name == "custom":
        options["normalization_rule_tsv"] = rules_file(rng, folder, "normalizer.tsv")
    else:
        options["normalization_rule_name"] = name
    if often(0.15):
        options["denormalization_rule_tsv"] = rules_file(rng, folder, "denormalizer.tsv")
    for option, share, value in (
        ("add_dummy_prefix", 0.3, False),
        ("remove_extra_whitespaces", 0.4, False),
        ("treat_whitespace_as_suffix", 0.25, True),
        ("byte_fallback", 0.4, True),
        ("split_digits", 0.3, True),
        ("split_by_number", 0.2, False),
        ("split_by_unicode_script", 0.3, False),
        ("split_by_whitespace", 0.25, False),
        ("allow_whitespace_only_pieces", 0.3, True),
        ("vocabulary_output_piece_score", 0.1, False),
        ("max_sentencepiece_length", 0.2, rng.choice((1, 2, 4, 30))),
        ("use_all_vocab", 0.3 * (kind in ("char", "word")), True),
        ("unk_surface", 0.3, rng.choice(UNK_SURFACES)),
        ("unk_piece", 0.1, "<UNK>"),
        ("required_chars", 0.2, "".join(rng.sample("éçßあ東кж0123456789", 4))),
        ("user_defined_symbols", 0.4, sorted(rng.sample(USER_SYMBOLS, rng.randint(1, 6)))),
        ("control_symbols", 0.3, sorted(rng.sample(CONTROL_SYMBOLS, rng.randint(1, 4)))),
        ("pretokenization_delimiter", 0.1 * (kind in ("unigram", "bpe")), "|"),
    ):
        if often(share):
            options[option] = value
    if options.get("max_sentencepiece_length") == 1 and kind == "word":
        del options["max_sentencepiece_length"]
    if kind == "bpe" and options.get("byte_fallback") and "required_chars" not in options and often(0.3):
        options["auto_character_coverage"] = True
    if kind == "unigram":
        options["hard_vocab_limit"] = False
        options["num_sub_iterations"] = 1
        options["seed_sentencepiece_size"] = 5000
    ids = rng.choice(
        ((0, 1, 2, -1), (0, 1, 2, 3), (3, 1, 2, 0), (2, -1, 1, 0), (0, -1, -1, -1), (1, 0, 2, -1))
    )
    for role, i in zip(("unk", "bos", "eos", "pad"), ids, strict=True):
        options[f"{role}_id"] = i
    return options


def train(lines: Iterable[str], options: Options) -> bytes:
    """Return the file that sentencepiece trains, with as many pieces as it finds if it finds fewer."""
    options = dict(options)
    lines = list(lines)
    for _ in range(12):
        model = io.BytesIO()
        try:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter(lines), model_writer=model, num_threads=1, minloglevel=4, **options
            )
            return model.getvalue()
        except Exception as error:
            _make_possible(options, str(error))
    raise ValueError(f"sentencepiece finds no model with {options}")


def _make_possible(options: Options, reason: str) -> None:
    """Change the options so that sentencepiece does not fail for this reason again."""
    if found := re.search(r"value <= (\d+)", reason):
        options["vocab_size"] = int(found[1])
    elif "maller than required_chars" in reason or "meta pieces" in reason or "(vocab_size) >= (0)" in reason:
        options["vocab_size"] = 2 * options["vocab_size"]
    elif found := re.search(r"(\S+) is already defined", reason):
        for option in ("control_symbols", "user_defined_symbols"):
            options[option] = [text for text in options.get(option, ()) if text != found[1]]
    else:
        raise ValueError(f"sentencepiece refuses {options}: {reason}")


def _set(data: bytes, values: dict[int, bytes | int]) -> bytes:
    """Return a protobuf message with other values of some fields."""
    kept = [(field, value) for field, value in fields(data) if field not in values]
    return b"".join(_field(field, value) for field, value in [*kept, *values.items()])


def _field(field: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return number(field << 3) + number(value)
    is_float = field in FLOATS and len(value) == 4
    return number(field << 3 | 5) + value if is_float else message(field, value)


def edit(data: bytes, rng: random.Random) -> bytes:
    """Return a model file with settings that the trainer does not make."""
    parts = fields(data)
    edits = rng.sample(EDITS, rng.choice((0, 0, 0, 1, 1, 2, 3)))
    for name in edits:
        parts = name(parts, rng)
    return b"".join(message(field, value) for field, value in parts)


def with_samples(data: bytes, lines: list[str]) -> bytes:
    """Add samples to a model file, with the pieces that the library checks when it opens the file."""
    library = sentencepiece.SentencePieceProcessor(model_proto=data)
    samples = [message(1, text.encode()) + message(2, _sample(library, text)) for text in lines]
    return data + message(SELF_TEST, b"".join(message(1, sample) for sample in samples))


def _sample(library: Any, text: str) -> bytes:
    return " ".join(library.encode(text, return_type=str)).encode()


def _edit_pieces(parts: Parts, change: Callable[[dict[int, Any]], dict[int, Any]]) -> Parts:
    out: Parts = []
    for field, value in parts:
        if field == PIECE:
            out.append((field, _set(value, change({3: NORMAL, **dict(fields(value))}))))
        else:
            out.append((field, value))
    return out


def unused(parts: Parts, rng: random.Random) -> Parts:
    """Make pieces UNUSED: all kinds of them, so that some are parts of others."""
    share = rng.choice((0.1, 0.4))
    return _edit_pieces(parts, lambda row: {3: UNUSED} if row[3] == NORMAL and rng.random() < share else {})


def user_defined(parts: Parts, rng: random.Random) -> Parts:
    """Make pieces USER_DEFINED that the trainer found."""
    return _edit_pieces(
        parts, lambda row: {3: USER_DEFINED} if row[3] == NORMAL and rng.random() < 0.05 else {}
    )


def equal_scores(parts: Parts, rng: random.Random) -> Parts:
    """Round the scores so that many are equal."""
    step = rng.choice((0.25, 1.0, 5.0, 1000.0))

    def change(row: dict[int, Any]) -> dict[int, Any]:
        [score] = struct.unpack("<f", row.get(2, bytes(4)))
        return {2: struct.pack("<f", round(score / step) * step)} if math.isfinite(score) else {}

    return _edit_pieces(parts, change)


def other_scores(parts: Parts, rng: random.Random) -> Parts:
    """Draw other scores, of any sign."""
    middle, spread = rng.choice(((-10, 5), (0, 1), (-1e6, 3e5), (3, 2)))
    return _edit_pieces(parts, lambda row: {2: struct.pack("<f", rng.gauss(middle, spread))})


def flags(parts: Parts, rng: random.Random) -> Parts:
    """Change settings of white space, the surface of unk and the ids of roles."""
    changes: list[tuple[int, dict[int, bytes | int]]] = [
        (NORMALIZER, {3: rng.randint(0, 1)}),
        (NORMALIZER, {4: rng.randint(0, 1)}),
        (NORMALIZER, {5: 0}),
        (NORMALIZER, {5: 0, 4: 0}),
        (TRAINER, {24: rng.randint(0, 1)}),
        (TRAINER, {44: rng.choice(UNK_SURFACES).encode()}),
        (TRAINER, {46: b"<0x0A>", 47: b"nothing"}),
    ]
    for place, values in rng.sample(changes, rng.randint(1, 3)):
        parts = [(field, _set(value, values) if field == place else value) for field, value in parts]
    return parts


def fewer_pieces(parts: Parts, rng: random.Random) -> Parts:
    """Leave out pieces, also single characters of longer pieces."""
    share = rng.choice((0.05, 0.3))
    return [
        (field, value)
        for field, value in parts
        if field != PIECE or dict(fields(value)).get(3, NORMAL) != NORMAL or rng.random() > share
    ]


def shuffled(parts: Parts, rng: random.Random) -> Parts:
    """Give the pieces other ids."""
    pieces = [value for field, value in parts if field == PIECE]
    rng.shuffle(pieces)
    rest = [(field, value) for field, value in parts if field != PIECE]
    return [*((PIECE, value) for value in pieces), *rest]


def odd_pieces(parts: Parts, rng: random.Random) -> Parts:
    """Add pieces that the trainer seldom finds: with spaces, with marks in the middle."""
    known = {dict(fields(value))[1] for field, value in parts if field == PIECE}
    added: Parts = []
    for text in rng.sample(ODD_PIECES, rng.randint(1, 8)):
        if text.encode() not in known:
            kind = USER_DEFINED if rng.random() < 0.2 else NORMAL
            values = {1: text.encode(), 2: struct.pack("<f", -rng.random() * 20), 3: kind}
            added.append((PIECE, b"".join(_field(n, v) for n, v in values.items())))
    return [*parts, *added]


def without_specs(parts: Parts, rng: random.Random) -> Parts:
    """Leave out the messages of settings, or fields of them, so that the defaults count."""
    left_out = rng.choice((NORMALIZER, TRAINER, None))
    parts = [(field, value) for field, value in parts if field != left_out]
    out: Parts = []
    for field, value in parts:
        if field in (NORMALIZER, TRAINER):
            # Without the type of the model and byte fallback, sentencepiece refuses most files.
            kept = [row for row in fields(value) if row[0] in (3, 35, 2) or rng.random() < 0.5]
            out.append((field, b"".join(_field(n, v) for n, v in kept)))
        else:
            out.append((field, value))
    return out


EDITS = (
    *(unused, user_defined, equal_scores, other_scores, flags),
    *(fewer_pieces, shuffled, odd_pieces, without_specs),
)


@cache
def model_file(seed: int) -> bytes:
    """Return the model file of this seed; sentencepiece opens it."""
    rng = random.Random(f"model {seed}")
    lines = corpus(rng)
    while True:
        with tempfile.TemporaryDirectory() as folder:
            data = train(lines, random_options(rng, folder))
        # The trainer writes the path of the rules: not the same in each run.
        data = edit(_without_paths(data), rng)
        if refusal(data) is None:
            return with_samples(data, lines[:4]) if rng.random() < 0.15 else data


def _without_paths(data: bytes) -> bytes:
    out = b""
    for field, value in fields(data):
        if field in (NORMALIZER, DENORMALIZER):
            rows = [(n, b"rules.tsv" if n == 6 and v else v) for n, v in fields(value)]
            out += message(field, b"".join(_field(n, v) for n, v in rows))
        else:
            out += message(field, value)
    return out


def refusal(data: bytes) -> str | None:
    """Return the reason for which sentencepiece refuses a model file, or None."""
    try:
        sentencepiece.SentencePieceProcessor(model_proto=data)
    except RuntimeError as error:
        return str(error)
    return None


def piece_texts(data: bytes) -> list[str]:
    """Return the texts of the pieces of a file in the order of ids."""
    return [dict(fields(value))[1].decode() for field, value in fields(data) if field == PIECE]


def parts_of(data: bytes, limit: int = 300) -> list[str]:
    """Return texts of pieces and variants of them, to make texts of."""
    pieces = piece_texts(data)
    rng = random.Random(len(pieces))
    some = rng.sample(pieces, min(limit, len(pieces)))
    kinds = [dict(fields(value)).get(3, NORMAL) for field, value in fields(data) if field == PIECE]
    symbols = [text for text, kind in zip(pieces, kinds, strict=True) if kind not in (NORMAL, UNUSED, BYTE)]
    some += 2 * symbols[:50]
    return [part for text in some for part in (text, text.replace("▁", " "), text[:-1]) if part]


def texts_for(data: bytes, seed: int | str, n: int) -> list[str]:
    """Return texts to compare with: random texts, and texts of pieces in all combinations."""
    return ["", " ", "▁", *random_texts(seed, n, parts_of(data))]
