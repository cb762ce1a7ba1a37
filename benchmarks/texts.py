"""Texts and models for the benchmarks, made once from the shared data and kept in a scratch folder."""

from __future__ import annotations

import io
import lzma
import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

import click
import numpy as np

# Folder with the shared data, and folder for files that are made from it.
SHARED = Path(__file__).resolve().parent.parent.parent / "shared"
SCRATCH = Path(tempfile.gettempdir()) / "fasttok-benchmarks"


def english() -> str:
    """Return the path of 100 MB of English."""
    return _made_once("english.txt", SHARED / "data/prose/english.txt.xz", _unpacked)


def english_start() -> str:
    """Return the path of the first 10 MB of `english`."""

    def start(source: Path) -> Iterable[bytes]:
        with open(source, encoding="utf-8", newline="\n") as file:
            return [line.encode() for line in _first_lines(file, 10_000_000)]

    return _made_once("english-10mb.txt", Path(english()), start)


def ntrex() -> str:
    """Return the path of 25 MB of news in 128 languages: the files of NTREX-128, joined in order of name."""
    return _made_once("ntrex.txt", SHARED / "data/parallel/ntrex128", _joined)


def japanese() -> str:
    """Return the path of 10 MB of Japanese manual pages."""
    return str(SHARED / "data/prose/ja_manpages.txt")


def go_code() -> str:
    """Return the path of source code in Go."""
    return str(SHARED / "data/code/go.txt")


def language(code: str) -> str:
    """Return the path of the help texts of an office suite in a language, 1 to 6 MB."""
    return str(SHARED / f"data/languages/{code}.txt")


def bert_vocabulary() -> str:
    """Return the path of the vocabulary of uncased BERT with 30,522 pieces."""
    return str(SHARED / "tokenizers/bert/minilm/vocab.txt")


def tokenizer_json(name: str) -> str:
    """Return the path of a tokenizer.json, given the name of its folder."""
    return str(SHARED / f"tokenizers/huggingface/{name}/tokenizer.json")


def sentencepiece_model(text: str, model_type: str = "unigram") -> str:
    """Return the path of a model that sentencepiece trains on 10 MB of a text.

    These are its first lines; of `ntrex`, they are every third line, so that each language is among them.
    """

    def train(source: Path) -> Iterable[bytes]:
        import sentencepiece

        model = io.BytesIO()
        with open(source, encoding="utf-8", newline="\n") as file:
            lines = islice(file, 0, None, 3) if source.stem == "ntrex" else file
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=(line.rstrip("\n") for line in _first_lines(lines, 10_000_000)),
                model_writer=model,
                model_type=model_type,
                vocab_size=8_000 if model_type == "bpe" and source.stem == "km" else 32_000,
                hard_vocab_limit=model_type == "bpe",  # only Unigram may have fewer pieces
                num_threads=2,
                minloglevel=2,
            )
        return [model.getvalue()]

    suffix = ".model" if model_type == "unigram" else f".{model_type}.model"
    return _made_once(Path(text).stem + suffix, Path(text), train)


def model_file(name: str) -> str:
    """Return the path of a model file of sentencepiece, given its path in the folder of such files."""
    return str(SHARED / f"tokenizers/sentencepiece/{name}")


def _first_lines(lines: Iterable[str], n: int) -> Iterator[str]:
    """Yield the first lines with at most `n` bytes in total."""
    for line in lines:
        n -= len(line.encode())
        if n < 0:
            break
        yield line


def gigabyte() -> str:
    """Return the path of ten copies of `english`, changed so that later copies contain new words.

    In the second to tenth copy, one in 55 words of six or more lowercase letters gets the last three letters
    of another such word. The number of distinct pretokens therefore grows about as it does in natural text
    (1.4 times for twice the text). All copies have the same length and are about as hard to compress.
    """
    return _made_once("gigabyte.txt", Path(english()), _recombined)


def ids() -> str:
    """Return the path of 100 million random ids of two bytes."""

    def numbers(source: Path) -> Iterable[bytes]:
        rng = np.random.default_rng(7)
        return (rng.integers(0, 50_257, 1_000_000).astype("<u2").tobytes() for _ in range(100))

    return _made_once("ids.bin", SHARED, numbers)


def _made_once(name: str, source: Path, make: Callable[[Path], Iterable[bytes]]) -> str:
    """Return the path of a scratch file; write it with `make` if it does not exist."""
    path = SCRATCH / name
    SCRATCH.mkdir(exist_ok=True)
    if not path.exists():
        if not source.exists():
            raise click.ClickException(
                f"cannot make {name}: {source} does not exist. Name a text with --text."
            )
        unfinished = path.with_suffix(".part")
        with open(unfinished, "wb") as file:
            file.writelines(make(source))
        unfinished.rename(path)
    return str(path)


def _unpacked(source: Path) -> Iterable[bytes]:
    with lzma.open(source) as file:
        yield file.read()


def _joined(source: Path) -> Iterable[bytes]:
    return (path.read_bytes() for path in sorted(source.glob("*.txt")))


def _recombined(source: Path) -> Iterable[bytes]:
    text = np.fromfile(source, np.uint8)
    yield text.tobytes()
    is_small = (text >= ord("a")) & (text <= ord("z"))
    edges = np.flatnonzero(np.diff(is_small, prepend=False, append=False))
    starts, ends = edges[::2], edges[1::2]
    ends = ends[ends - starts >= 6]
    last_three = np.arange(-3, 0)
    for seed in range(1, 10):
        rng = np.random.default_rng(seed)
        chosen = rng.choice(ends, len(ends) // 55, replace=False)
        copy = text.copy()
        copy[chosen[:, None] + last_three] = text[rng.permutation(chosen)[:, None] + last_three]
        yield copy.tobytes()
