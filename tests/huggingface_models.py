"""Random models in the form of tokenizer.json, and the models that tokenizers makes of them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import tokenizers

from fasttok.formats.huggingface.canonical import to_canonical
from fasttok.formats.huggingface.models import ReadModel, read_model
from fasttok.formats.huggingface.numbers import read_float
from fasttok.formats.huggingface.shapes import Place

Fields = dict[str, Any]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
# GPT-2's byte alphabet.
VISIBLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
ALPHABET = {byte: chr(byte) for byte in VISIBLE}
ALPHABET |= {byte: chr(256 + i) for i, byte in enumerate(sorted(set(range(256)) - set(VISIBLE)))}


def load(model: Fields, **more: Any) -> tokenizers.Tokenizer:
    """Load a model into tokenizers; `more` are other fields of the file."""
    fields: Fields = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": None,
        "model": model,
    }
    return tokenizers.Tokenizer.from_str(json.dumps(fields | more))


def read(fields: Any, n_file_bytes: int = 10_000, **options: Any) -> ReadModel:
    """Read a model of a file "a.json" with fasttok."""
    parsed = json.loads(json.dumps({"model": fields}), parse_float=read_float)
    model = to_canonical(parsed, "a.json")["model"]
    return read_model(model, Place("a.json", "model"), n_file_bytes=n_file_bytes, **options)


def tokenize(theirs: tokenizers.Tokenizer, text: str) -> list[tuple[int, tuple[int, int]]] | None:
    """Return the ids of a pretoken with their spans in bytes; None if tokenizers raises an error."""
    try:
        return [(token.id, token.offsets) for token in theirs.model.tokenize(text)]
    except Exception:
        return None


def texts(rng: random.Random, letters: str, names: list[str], n: int = 12) -> Iterator[str]:
    """Yield texts of the letters, of names of pieces and of other characters."""
    parts = [*letters, "x", "y", "é", "日", "<0x41>", "<unk>", "\0", *rng.sample(names, min(4, len(names)))]
    for _ in range(n):
        yield "".join(rng.choices(letters, k=rng.randint(1, 12)))
        yield "".join(rng.choices(parts, k=rng.randint(1, 9))) or "x"
    yield "".join(rng.choices(letters, k=200))
    yield "".join(rng.choices([*letters, "x"], k=90))
    yield from (name for name in names[:6] if name)


def numbered(rng: random.Random, names: set[str]) -> dict[str, int]:
    """Return the names in random order with random ids, some of which are not used."""
    order = sorted(names)
    rng.shuffle(order)
    return dict(zip(order, rng.sample(range(len(order) + rng.randint(0, 5)), len(order)), strict=True))


def random_bpe(rng: random.Random) -> tuple[Fields, str]:
    """Return a model of BPE over characters, and its letters."""
    letters = rng.choice(["ab", "abc", "abé", "aé東", "ab<>", "a#b", "a▁b", "ab</w>", "abcé😀", "a\0"])
    prefix = rng.choice([None, None, None, "", "#", "##", "a", "é"])
    suffix = rng.choice([None, None, None, "", "</w>", "b", "é"])
    first, last = prefix or "", suffix or ""
    names = {
        front + letter + back
        for letter in letters
        for front in ("", first)
        for back in ("", last)
        if rng.random() < 0.8
    }
    byte_fallback, byte_names = rng.random() < 0.4, []
    if byte_fallback and (first or last):
        # With all bytes of the prefix or suffix, texts would have more ids than bytes.
        missing = {mark.encode()[0] for mark in (first, last) if mark}
        byte_names = [name for i, name in enumerate(BYTES) if i not in missing and rng.random() < 0.9]
    elif byte_fallback:
        share = rng.choice([1, 1, rng.random()])
        byte_names = [name for name in BYTES if rng.random() < share]
    unk = rng.choice(
        [None, None, "<unk>", "missing", rng.choice(letters), "ab", rng.choice(BYTES), "##", "aa"]
    )
    pool = [*names, *rng.choices(byte_names, k=3 if byte_names and rng.random() < 0.5 else 0)] or ["a"]
    names |= {*byte_names, *pool}
    if unk not in (None, "missing") and rng.random() < 0.9:
        names.add(unk)
    merges, n_skipped = [], len(first.encode())
    for _ in range(rng.randint(0, 30)):
        left, right = rng.choice(pool), rng.choice(pool)
        rest = right.encode()[n_skipped:]
        try:
            joined = left + rest.decode()
        except UnicodeDecodeError:
            continue  # the prefix ends inside a character: tokenizers crashes
        if rest and len(joined) < 30:
            merges.append([left, right])
            pool.append(joined)
            names.add(joined)
    if merges and rng.random() < 0.3:
        merges += rng.choices(merges, k=3)
    if rng.random() < 0.5:
        rng.shuffle(merges)
    names |= {"".join(rng.choices(letters, k=rng.randint(1, 4))) for _ in range(rng.randint(0, 4))}
    fields = {
        "type": "BPE",
        "dropout": None,
        "unk_token": unk,
        "continuing_subword_prefix": prefix,
        "end_of_word_suffix": suffix,
        "fuse_unk": rng.random() < 0.5,
        "byte_fallback": byte_fallback,
        "ignore_merges": rng.random() < 0.3,
        "vocab": numbered(rng, names),
        "merges": merges,
    }
    if not any(" " in name for pair in merges for name in pair) and rng.random() < 0.3:
        fields["merges"] = [" ".join(pair) for pair in merges]
    return fields, letters


def random_byte_level(rng: random.Random) -> tuple[Fields, str, list[str]]:
    """Return a model of BPE over GPT-2's byte alphabet, letters, and the texts of added tokens."""
    letters = rng.choice(["ab", "a b", "é東", "a\u0120 ", "<s>", "\0\xff"])
    pool = [ALPHABET[byte] for byte in set(letters.encode())]
    names, merges = set(ALPHABET.values()), []
    for _ in range(rng.randint(0, 40)):
        left, right = rng.choice(pool), rng.choice(pool)
        if len(left + right) < 30:
            merges.append([left, right])
            pool.append(left + right)
            names.add(left + right)
    others = ["<s>", "[PAD]", "<｜end▁of｜>", "a b", "Ġx", "中", "é", "Ġé", "<é>"]
    more = [name for name in others if rng.random() < 0.2]
    names |= {*more, "".join(rng.choices(pool, k=2))}
    if rng.random() < 0.1:
        names.discard(rng.choice(list(ALPHABET.values())))
        merges = [pair for pair in merges if {*pair, "".join(pair)} <= names]
    if rng.random() < 0.3:
        rng.shuffle(merges)
    fields = {
        "type": "BPE",
        "dropout": rng.choice([None, 0.1, 0]),
        "unk_token": rng.choice([None, "<s>", "missing"]),
        "continuing_subword_prefix": rng.choice([None, ""]),
        "end_of_word_suffix": rng.choice([None, ""]),
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": rng.random() < 0.4,
        "vocab": numbered(rng, names),
        "merges": merges,
    }
    return fields, letters, [name for name in more if rng.random() < 0.7]


def random_unigram(rng: random.Random) -> tuple[Fields, str]:
    letters = rng.choice(["ab", "abc", "aé東", "ab<>unk", "a▁b", "abcé😀", "a", "a\0b", "\0é"])
    names = ["".join(rng.choices(letters, k=rng.randint(1, 4))) for _ in range(rng.randint(1, 25))]
    names += [*(letters if rng.random() < 0.5 else []), *rng.choice([[], ["<unk>"], ["<unk>", "<s>"]])]
    byte_fallback = rng.random() < 0.5
    if byte_fallback:
        share = rng.choice([1, 0.2, 0.9])
        names += [name for name in BYTES if rng.random() < share]
    names += [f"<0x{ord(letter):02X}>" for letter in "ax" if rng.random() < 0.2]
    rng.shuffle(names)
    if rng.random() < 0.6:
        names = list(dict.fromkeys(names))
    kind = rng.randrange(5)
    scores: list[float] = [
        [
            rng.uniform(-20, 0),
            -float(rng.randint(1, 4)),
            rng.randint(0, 60),
            round(rng.uniform(-9, 9), 1),
            rng.choice([-0.1, -0.2, -0.3, -0.7, -1.1]),
        ][kind]
        for _ in names
    ]
    unk_ids = [None, 0, rng.randrange(len(names)), *([names.index("<unk>")] * 3 if "<unk>" in names else [])]
    if rng.random() < 0.2:
        names.append("")
        scores.append(rng.uniform(-30, 0))
    return {
        "type": "Unigram",
        "unk_id": rng.choice(unk_ids),
        "vocab": [list(entry) for entry in zip(names, scores, strict=True)],
        "byte_fallback": byte_fallback,
    }, letters


def random_wordpiece(rng: random.Random) -> tuple[Fields, str]:
    letters = rng.choice(["ab", "abc", "aé東", "ab#", "[UNK]a", "a\0b", "\0é"])
    prefix = rng.choice(["##", "##", "", "#", "é", "a"])
    names = {"".join(rng.choices(letters, k=rng.randint(1, 4))) for _ in range(rng.randint(1, 25))}
    names = {name if rng.random() < 0.5 else prefix + name for name in sorted(names)}
    names |= {front + letter for letter in letters for front in ("", prefix) if rng.random() < 0.5}
    names |= {name for name in ("", prefix) if rng.random() < 0.2}
    unk = rng.choice(["[UNK]", "a", "missing", "ab", prefix + "a"])
    if rng.random() < 0.8:
        names.add(unk)
    return {
        "type": "WordPiece",
        "unk_token": unk,
        "continuing_subword_prefix": prefix,
        "max_input_chars_per_word": rng.choice([100, 100, 5, 0, 1]),
        "vocab": numbered(rng, names),
    }, letters


def random_wordlevel(rng: random.Random) -> tuple[Fields, str]:
    letters = "abé\0"
    names = {"".join(rng.choices(letters, k=rng.randint(1, 3))) for _ in range(15)}
    if rng.random() < 0.5:
        names.add("<unk>")
    return {
        "type": "WordLevel",
        "unk_token": rng.choice(["<unk>", "a", "missing"]),
        "vocab": numbered(rng, names),
    }, letters
