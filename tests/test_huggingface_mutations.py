"""Damaged tokenizer files: each is refused with ModelFormatError or gives a tokenizer that works.

Batches run in child processes with a limit on memory, so that a crash, a hang and an allocation that the file
does not justify are seen. A failure names its seed; this repeats it and leaves the file in FOLDER:

    python -m tests.test_huggingface_mutations FORMAT SEED SEED+1 FOLDER
"""

from __future__ import annotations

import base64
import faulthandler
import functools
import json
import random
import resource
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import fasttok as ft
from tests import huggingface_files as files
from tests.conftest import FUZZ, ROOT
from tests.huggingface_texts import random_texts

N_FILES = 200 + 1000 * (FUZZ - 1)  # for each format
BATCH = 200
SECONDS = 20  # for opening one file and using it
SPARE_BYTES = 384 << 20  # memory that a small file may take
TEXTS = [
    "the lowest",
    "",
    "  a\r\n<s>東京 é e\u0301 [CLS]low</s>",
    "x" * 300,
    "😀👨‍👩‍👧\x00\u0378 ▁ <0x41>",
    "12345.6 don't",
]

Json = Any


# Valid files


def tokenizer_json(seed: int) -> dict[str, bytes]:
    return {"tokenizer.json": files.dump(files.random_file(seed)).encode()}


def ranks(rng: random.Random) -> list[bytes]:
    """Return pieces by rank, each of which is the concatenation of two earlier ones."""
    pieces = [bytes([byte]) for byte in range(256)]
    for _ in range(rng.randint(0, 40)):
        piece = rng.choice(pieces[97:123] + pieces[256:]) + rng.choice(pieces[32:123] + pieces[256:])
        if piece not in pieces:
            pieces.append(piece)
    return pieces


def tiktoken_file(seed: int) -> dict[str, bytes]:
    lines = [base64.b64encode(piece) + b" %d\n" % i for i, piece in enumerate(ranks(random.Random(seed)))]
    return {"ranks.tiktoken": b"".join(lines)}


def vocab_txt(seed: int) -> dict[str, bytes]:
    rng = random.Random(seed)
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdelostw", *("##" + c for c in "abcdelostw")]
    pieces += ["".join(rng.choices("abcdelostw", k=rng.randint(2, 5))) for _ in range(30)] + [
        "the",
        "low",
        "##est",
        "東",
    ]
    return {"vocab.txt": "".join(f"{piece}\n" for piece in dict.fromkeys(pieces)).encode()}


def tekken_json(seed: int) -> dict[str, bytes]:
    rng = random.Random(seed)
    pieces, version = ranks(rng), rng.choice(("v3", "v7", "v11"))
    special = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"]
    fields = {
        "config": {
            "pattern": r"\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+",
            "num_vocab_tokens": len(pieces),
            "default_vocab_size": len(pieces) + 20,
            "default_num_special_tokens": 20,
            "version": version,
        },
        "vocab": [
            {"rank": i, "token_bytes": base64.b64encode(piece).decode(), "token_str": _text(piece)}
            for i, piece in enumerate(pieces)
        ],
    }
    if version != "v3":
        fields["special_tokens"] = [
            {"rank": i, "token_str": text, "is_control": True} for i, text in enumerate(special)
        ]
    return {"tekken.json": json.dumps(fields).encode()}


def _text(piece: bytes) -> str | None:
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return None


def gpt2_files(seed: int) -> dict[str, bytes]:
    rng = random.Random(seed)
    vocab = {c: i for i, c in enumerate(files.ALPHABET)}
    merges = []
    for _ in range(rng.randint(0, 40)):
        left, right = rng.choice(list(vocab)[64:]), rng.choice(list(vocab)[64:])
        if left + right not in vocab:
            vocab[left + right] = len(vocab)
            merges.append(f"{left} {right}\n")
    vocab["<|endoftext|>"] = len(vocab)
    return {
        "vocab.json": json.dumps(vocab).encode(),
        "merges.txt": "".join(["#version: 0.2\n", *merges]).encode(),
    }


VALID: dict[str, tuple[Callable[[int], dict[str, bytes]], dict[str, Any]]] = {
    "huggingface": (tokenizer_json, {}),
    "tiktoken": (tiktoken_file, {"pretokenizer": "gpt2"}),
    "vocab.txt": (vocab_txt, {}),
    "tekken": (tekken_json, {}),
    "gpt2": (gpt2_files, {}),
}


# Damage to the values of JSON

NUMBERS = [
    0, 1, -1, 2, 255, 256, 1 << 16, 1 << 24, (1 << 31) - 1, 1 << 31, 1 << 32, 1 << 53, 1 << 63, 1 << 64,
    -(1 << 63), 0.5, 10**400, 1e308, -1e308, 5e-324, float("nan"), float("inf"), float("-inf"),
]  # fmt: skip
STRINGS = [
    "", "a", " ", "\x00", "\ud800", "\udc80", "é", "e\u0301", "東", "\U0010ffff", "<unk>", "[UNK]", "##",
    "a b", "(", "(a+)+$", "\\", "(?<=a+)b", "[", "\\p{L", "AAAA", "====", "x" * 100_000, "\u0301" * 5000,
    "BPE", "Unigram", "Sequence", "Regex",
]  # fmt: skip
TYPES = [
    "NFC", "NFD", "NFKC", "NFKD", "Nmt", "Lowercase", "StripAccents", "ByteLevel", "BertNormalizer",
    "Strip", "Replace", "Prepend", "Precompiled", "Sequence", "Whitespace", "WhitespaceSplit",
    "Punctuation", "Digits", "Metaspace", "UnicodeScripts", "CharDelimiterSplit", "FixedLength",
    "BertPreTokenizer", "Split", "BertProcessing", "RobertaProcessing", "TemplateProcessing", "BPEDecoder",
    "WordPiece", "CTC", "Fuse", "ByteFallback", "BPE", "WordLevel", "Unigram",
]  # fmt: skip


def random_value(rng: random.Random) -> Json:
    kind = rng.randrange(8)
    if kind < 2:
        return rng.choice(NUMBERS)
    if kind < 4:
        return rng.choice(STRINGS)
    if kind < 6:
        return rng.choice(
            (None, True, False, [], {}, [None], {"type": "Sequence"}, {"a": 0}, [["a", "b"]], [0], ["a"])
        )
    if kind == 6:
        return {"type": rng.choice(TYPES)}
    return functools.reduce(lambda inner, _: [inner], range(rng.choice((3, 50, 500))), 0)


def duplicate(value: Json) -> Json:
    """Return a deep copy of a value, however deep it is."""
    return json.loads(json.dumps(value))


def slots(node: Json) -> list[tuple[Json, Any]]:
    """Return all containers of a value with each of their keys."""
    found, pending = [], [node]
    while pending:
        container = pending.pop()
        keys = container if isinstance(container, dict) else range(len(container))
        for key in list(keys):
            found.append((container, key))
            if isinstance(container[key], (dict, list)):
                pending.append(container[key])
    return found


def damage_value(root: Json, rng: random.Random) -> Json:
    """Change one random value; most of the time, not one of the many in the vocabulary."""
    places = slots(root)
    if not places or rng.random() < 0.01:
        return random_value(rng)
    shallow = [place for place in places if len(place[0]) < 20]
    container, key = rng.choice(shallow if shallow and rng.random() < 0.8 else places)
    value = container[key]
    action = rng.randrange(12)
    if action == 0:
        del container[key]
    elif action == 1 and isinstance(container, list):
        container.insert(key, duplicate(value))
    elif action == 1:
        container[rng.choice(STRINGS)] = duplicate(value)
    elif action == 2 and isinstance(container, dict):
        container[rng.choice([*container, *STRINGS[:12]])] = container.pop(key)
    elif action == 3:
        other, there = rng.choice(places)
        if there in (other if isinstance(other, dict) else range(len(other))):
            container[key], other[there] = duplicate(other[there]), duplicate(value)
    elif action == 4 and isinstance(value, str):
        container[key] = damage_text(value, rng)
    elif action == 4 and isinstance(value, int):
        container[key] = value + rng.choice((-1, 1, 2, 1000, 1 << 24, 1 << 32)) if value is not True else 1
    elif action == 5 and isinstance(value, (list, dict)):
        items = list(value.items()) if isinstance(value, dict) else list(value)
        rng.shuffle(items)
        items = items[: rng.randint(0, len(items))] if rng.random() < 0.5 else items
        container[key] = dict(items) if isinstance(value, dict) else items
    elif action == 6 and isinstance(value, list) and len(value) < 1000:
        container[key] = value * rng.choice((2, 2, 100))
    elif action == 7:
        container[key] = rng.choice(
            ([value], {"a": value}, {"type": "Sequence", "normalizers": [value]}, str(value)[:1000])
        )
    elif action == 8 and isinstance(value, bool):
        container[key] = not value
    elif action == 9 and key == "type":
        container[key] = rng.choice(TYPES)
    else:
        container[key] = random_value(rng)
    return root


def damage_text(text: str, rng: random.Random) -> str:
    at, end = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
    part = rng.choice([*STRINGS, text[at:end], text[at : at + 1] * 2])
    return text[:at] + part + text[rng.choice((at, at + 1, end)) :]


# Damage to bytes

TOKENS = [
    b"", b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r", b"\n", b"\n\n", b" ", b"\t",
    b"=", b"null", b"true", b"NaN", b"Infinity", b"-1", b"1e999", b"99999999999999999999", b"9" * 5000,
    b"16777216", b"4294967296", b'"', b"\\", b"\\ud800", b"\\u0000", b"{", b"}", b"[", b"]", b",", b":",
    b"[" * 100_000, b'{"a":' * 100_000, b'"a":1,', b"#version", b"A" * 100_000,
]  # fmt: skip


def damage_bytes(data: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randint(0, len(data)) if rng.random() < 0.9 else rng.choice((0, len(data)))
        near = min(len(data), at + rng.choice((1, 1, 2, 5, 20, 1000)))
        action = rng.randrange(8)
        if action == 0:
            data = data[:at] + data[near:]
        elif action == 1:
            data = data[:at] + data[at:near] + data[at:]
        elif action == 2:
            data = data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]
        elif action < 6:
            data = data[:at] + rng.choice(TOKENS) + data[at if action < 5 else near :]
        elif action == 6:
            lines = data.split(b"\n")
            first, second = rng.randrange(len(lines)), rng.randrange(len(lines))
            lines[first], lines[second] = lines[second], rng.choice((lines[first], lines[second]))
            data = b"\n".join(lines)
        elif rng.random() < 0.2:
            data = data[:at]
        else:
            digits = [i for i in range(at, min(len(data), at + 500)) if data[i : i + 1].isdigit()]
            for i in digits[:1]:
                data = data[:i] + rng.choice((b"0", b"1", b"99999999", b"-1", b"1.0", b"1e3")) + data[i + 1 :]
    return data


def damaged(kind: str, seed: int) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Return the contents of damaged files by name, and the options for loading them."""
    make, options = VALID[kind]
    contents = dict(_cached(make, seed // 25))
    rng = random.Random(f"damage {kind} {seed}")
    name = rng.choice(list(contents))
    if name.endswith(".json") and rng.random() < 0.7:
        root = json.loads(contents[name])
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            root = damage_value(root, rng)
            if not isinstance(root, (dict, list)):
                break
        contents[name] = json.dumps(root, ensure_ascii=rng.random() < 0.5).encode(errors="surrogatepass")
    elif len(contents) > 1 and rng.random() < 0.05:
        del contents[name]
    else:
        contents[name] = damage_bytes(contents[name], rng)
    return contents, options


@functools.lru_cache(maxsize=4)
def _cached(make: Callable[[int], dict[str, bytes]], seed: int) -> dict[str, bytes]:
    return make(seed)


# The child process


def use(tok: Any) -> None:
    """Encode and decode texts; an error of fasttok about a text is correct, any other error is not."""
    repr(tok)
    rows = []
    for text in TEXTS:
        try:
            ids = tok.encode(text, special="all", as_list=True)
            located = tok.encode_with_offsets(text, special="all")
        except ft.FasttokError:
            continue
        assert located.ids.tolist() == ids
        rows.append(ids)
    assert all(0 <= i < tok.vocab_size for row in rows for i in row)
    for skips in (False, True):
        texts = tok.decode_batch(rows, skip_special_tokens=skips)
        assert texts == [tok.decode(row, skip_special_tokens=skips) for row in rows]


def check(kind: str, seed: int, folder: Path) -> bool:
    """Damage a file, open and use it; return whether it was opened."""
    contents, options = damaged(kind, seed)
    for name in VALID[kind][0](0):
        (folder / name).unlink(missing_ok=True)
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    path = folder if len(contents) > 1 else folder / next(iter(contents))
    try:
        tok = ft.load(path, **options)
    except ft.ModelFormatError as error:
        assert str(folder) in str(error), f"no path: {error}"
        return False
    except TypeError as error:  # the damaged file looks like another format, and `load` was given options
        if "takes no options" not in str(error):
            raise
        return False
    use(tok)
    return True


def run_batch(kind: str, first: int, last: int, folder: Path) -> None:
    """Check the files of some seeds; print a line of JSON for each failure and one at the end."""
    make, options = VALID[kind]
    for name, data in make(first // 25).items():
        (folder / name).write_bytes(data)
    try:
        use(ft.load(folder if kind == "gpt2" else folder / name, **options))  # compiles kernels
    except ft.ModelFormatError:
        assert kind == "huggingface"  # the valid file may need what fasttok refuses
    _cached(make, first // 25)
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + SPARE_BYTES, resource.RLIM_INFINITY))
    n_opened, slowest = 0, (0.0, first)
    for seed in range(first, last):
        (folder / "seed").write_text(str(seed))
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        start = time.monotonic()
        try:
            n_opened += check(kind, seed, folder)
        except Exception as error:
            print(
                json.dumps(
                    {"seed": seed, "error": repr(error)[:500], "trace": traceback.format_exc()[-3000:]}
                )
            )
        slowest = max(slowest, (time.monotonic() - start, seed))
        faulthandler.cancel_dump_traceback_later()
    print(json.dumps({"opened": n_opened, "slowest": slowest}))


# The tests


@pytest.mark.parametrize("first", range(0, N_FILES, BATCH))
@pytest.mark.parametrize("kind", VALID)
@pytest.mark.timeout(BATCH * SECONDS)
def test_damaged_files(kind, first, tmp_path):
    command = [sys.executable, "-m", "tests.test_huggingface_mutations", kind, str(first), str(first + BATCH)]
    done = subprocess.run([*command, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)
    seed = (tmp_path / "seed").read_text() if (tmp_path / "seed").exists() else "none"
    assert done.returncode == 0, (
        f"seed {seed}: the process ended with {done.returncode}\n{done.stderr[-3000:]}"
    )
    *failures, summary = map(json.loads, done.stdout.splitlines())
    assert not failures, f"{len(failures)} failures; the first: {failures[0]}\n{failures[0]['trace']}"
    assert 0 < summary["opened"] < BATCH
    assert summary["slowest"][0] < SECONDS / 2, summary


def test_damage_is_reproducible_and_of_every_kind():
    for kind in VALID:
        for seed in (0, 7, 60):
            assert damaged(kind, seed) == damaged(kind, seed)
    contents = [damaged("huggingface", seed)[0]["tokenizer.json"] for seed in range(300)]
    parsed = 0
    for data in contents:
        try:
            json.loads(data)
        except (ValueError, RecursionError):
            continue
        parsed += 1
    assert 0.6 * len(contents) < parsed < 0.95 * len(contents)
    assert len(set(contents)) > 0.95 * len(contents)


@pytest.mark.parametrize("kind", sorted(VALID.keys() - {"huggingface"}))  # test_huggingface.py opens those
def test_the_valid_files_are_opened(kind, tmp_path):
    make, options = VALID[kind]
    for seed in range(5):
        for name, data in make(seed).items():
            (tmp_path / name).write_bytes(data)
        tok = ft.load(tmp_path if kind == "gpt2" else tmp_path / name, **options)
        for text in random_texts(seed, 10):
            tok.decode(tok.encode(text))


if __name__ == "__main__":
    run_batch(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
