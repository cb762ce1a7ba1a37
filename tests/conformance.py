"""Compute hashes of the results of other libraries on the shared data; run ``python -m tests.conformance``.

tests/data/conformance.json contains the hashes by tokenizer and file, and the versions of the libraries. They
are computed without fasttok. tests/test_conformance.py compares fasttok with them, so CI does not have to run
the slower libraries.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import sys
from pathlib import Path

import numpy as np
import tiktoken
import tokenizers
from tiktoken.load import load_tiktoken_bpe

from tests.conftest import ROOT, SHARED
from tests.normalizer_differences import BERT
from tests.unicode_differences import TOKENIZERS_BERT

OUTPUT = ROOT / "tests/data/conformance.json"
PATTERNS = {
    "r50k_base": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
    "cl100k_base": (
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
        r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
    ),
    "o200k_base": "|".join(
        [
            r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
            r"""[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?""",
            r"""\p{N}{1,3}""",
            r""" ?[^\s\p{L}\p{N}]+[\r\n/]*""",
            r"""\s*[\r\n]+""",
            r"""\s+(?!\S)""",
            r"""\s+""",
        ]
    ),
}
# Training files, each one document, and the size of the vocabulary that tokenizers trains on it.
TRAININGS = {
    "data/prose/english.txt.xz": 32_000,
    "data/languages/km.txt": 8_000,
    "data/prose/ja_manpages.txt": 8_000,
    "data/code/go.txt": 8_000,
}


def data_files(shared: Path) -> list[Path]:
    """Return the paths of all text files in the shared data, sorted."""
    return sorted(p for p in (shared / "data").rglob("*") if p.suffix in (".txt", ".tsv", ".xz"))


def read_bytes(path: Path, limit: int | None = None) -> bytes:
    """Return the bytes of a file, decompressed; with a limit, only so many of them."""
    with lzma.open(path) if path.suffix == ".xz" else path.open("rb") as file:
        return file.read(-1 if limit is None else limit)


def hash_ids(ids) -> str:
    """Return a hash of ids, independent of their type."""
    return hashlib.sha256(np.asarray(ids, "<u4").tobytes()).hexdigest()


def hash_spans(spans) -> str:
    """Return a hash of spans of tokens."""
    return hashlib.sha256(np.asarray(spans, "<i8").tobytes()).hexdigest()


def hash_rows(rows: list[list[str]]) -> str:
    """Return a hash of rows of strings, for example merges, in their order."""
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def tiktoken_encoding(shared: Path, name: str) -> tiktoken.Encoding:
    """Return tiktoken's encoding for the shared rank file of this name."""
    ranks = load_tiktoken_bpe(str(shared / f"tokenizers/tiktoken/{name}.tiktoken"))
    return tiktoken.Encoding(name, pat_str=PATTERNS[name], mergeable_ranks=ranks, special_tokens={})


def train_tokenizers(texts: list[str], vocab_size: int, **options) -> tokenizers.Tokenizer:
    """Train byte-level BPE with tokenizers."""
    tok = tokenizers.Tokenizer(tokenizers.models.BPE())
    tok.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tok.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        **options,
    )
    tok.train_from_iterator(texts, trainer)
    return tok


def comparable_lines(text: str) -> str:
    """Return the text without the lines that contain a code point that tokenizers treats differently."""
    differs = np.zeros(0x110000, np.bool_)
    for first, last in [*TOKENIZERS_BERT, *BERT]:
        differs[first : last + 1] = True
    found = {chr(c) for c in np.unique(np.frombuffer(text.encode("utf-32-le"), "<u4")) if differs[c]}
    return "\n".join(line for line in text.split("\n") if not found.intersection(line)) if found else text


def bert_tokenizers(shared: Path) -> tokenizers.Tokenizer:
    """Return BERT's WordPiece tokenizer in tokenizers, which does not find special tokens in text."""
    vocab = str(shared / "tokenizers/bert/minilm/vocab.txt")
    tok = tokenizers.Tokenizer(tokenizers.models.WordPiece.from_file(vocab, unk_token="[UNK]"))  # noqa: S106
    tok.normalizer = tokenizers.normalizers.BertNormalizer()
    tok.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    return tok


def bert_hashes(tok: tokenizers.Tokenizer, text: str) -> dict[str, str]:
    """Return hashes of the ids and of the spans in code points, for all comparable lines."""
    lines = comparable_lines(text).split("\n")
    ids, spans, start = [], [], 0
    for i in range(0, len(lines), 10_000):
        for row, line in zip(tok.encode_batch(lines[i : i + 10_000]), lines[i:], strict=False):
            ids.append(np.array(row.ids, np.int64))
            spans.append(np.array(row.offsets, np.int64).reshape(-1, 2) + start)
            start += len(line) + 1
    return {"ids": hash_ids(np.concatenate(ids)), "spans": hash_spans(np.concatenate(spans))}


def vocabulary_and_merges(tok: tokenizers.Tokenizer) -> tuple[list[str], list[list[str]]]:
    """Return the pieces by id and the merges, in the spelling of tokenizers."""
    model = json.loads(tok.to_str())["model"]
    return sorted(model["vocab"], key=model["vocab"].__getitem__), model["merges"]


def main() -> None:
    """Compute the hashes and write the file."""
    result: dict = {
        "versions": {"tiktoken": tiktoken.__version__, "tokenizers": tokenizers.__version__},
        "ids": {},
        "trained": {},
    }
    files = data_files(SHARED)
    encoders = {}
    for name in PATTERNS:
        encoders[name] = tiktoken_encoding(SHARED, name).encode_ordinary
    for name, vocab_size in TRAININGS.items():
        tok = train_tokenizers([read_bytes(SHARED / name).decode()], vocab_size)
        pieces, merges = vocabulary_and_merges(tok)
        result["trained"][name] = {"pieces": hash_rows([pieces]), "merges": hash_rows(merges)}
        if name == "data/prose/english.txt.xz":
            encoders["tokenizers_english"] = lambda text, tok=tok: tok.encode(text).ids
        print(name, file=sys.stderr)
    for name, encode in encoders.items():
        result["ids"][name] = {}
        for path in files:
            key = path.relative_to(SHARED).as_posix()
            result["ids"][name][key] = hash_ids(encode(read_bytes(path).decode()))
            print(name, key, file=sys.stderr)
    bert = bert_tokenizers(SHARED)
    result["bert"] = {}
    for path in files:
        key = path.relative_to(SHARED).as_posix()
        result["bert"][key] = bert_hashes(bert, read_bytes(path).decode())
        print("bert", key, file=sys.stderr)
    OUTPUT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
