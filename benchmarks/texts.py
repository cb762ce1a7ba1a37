"""Texts and models for the benchmarks, made once from the shared data and kept in a scratch folder."""

from __future__ import annotations

import io
import json
import lzma
import sysconfig
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


def rank_file(name: str) -> str:
    """Return the path of a rank file of tiktoken."""
    return str(SHARED / f"tokenizers/tiktoken/{name}.tiktoken")


RANKS = ("r50k_base", "p50k_base", "cl100k_base", "o200k_base", "qwen")  # names of the rank files


def is_own(path: str) -> bool:
    """Return whether a file is of whoever runs the benchmarks: neither shared nor made here."""
    resolved = Path(path).resolve()
    return not any(resolved.is_relative_to(folder.resolve()) for folder in (SHARED, SCRATCH))


def converted(ranks: str) -> str:
    """Return the path of a tokenizer.json that fasttok writes from a rank file.

    The pattern of cl100k_base is written as in the files of Llama 3; it splits all texts at the same places.
    """

    def convert(source: Path) -> Iterable[bytes]:
        import fasttok as ft

        path = SCRATCH / f"{source.stem}.unfinished.json"
        ft.load(source).save(path, format="huggingface")
        made = json.loads(path.read_text())
        path.unlink()
        if source.stem == "cl100k_base":
            llama = json.loads(Path(tokenizer_json("lenml_llama3_1")).read_text())
            made["pre_tokenizer"] = llama["pre_tokenizer"]
        return [json.dumps(made).encode()]

    return _made_once(f"{Path(ranks).stem}.tokenizer.json", Path(ranks), convert)


def bert_vocabulary() -> str:
    """Return the path of the vocabulary of uncased BERT with 30,522 pieces."""
    return str(SHARED / "tokenizers/bert/minilm/vocab.txt")


def bert_json() -> str:
    """Return the path of the tokenizer.json of that vocabulary, changed so that it cuts and pads nothing."""

    def change(source: Path) -> Iterable[bytes]:
        return [json.dumps(json.loads(source.read_text()) | {"truncation": None, "padding": None}).encode()]

    return _made_once("bert.tokenizer.json", Path(bert_vocabulary()).with_name("tokenizer.json"), change)


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


def languages() -> tuple[str, ...]:
    """Return the names of the languages for which there are texts."""
    return tuple(_LANGUAGES)


def in_language(name: str, n_bytes: int) -> str:
    """Return the path of a text in a language, of `n_bytes` bytes or all that there are.

    It is made of 32 evenly spaced parts of all files in the language. Lines of help texts that repeat are
    left out, and all line ends are LF.
    """

    def sample(source: Path) -> Iterable[bytes]:
        del source
        whole = b"".join(_read_language(*_LANGUAGES[name]))
        parts = 32 if len(whole) > n_bytes else 1
        for k in range(parts):
            start = whole.find(b"\n", k * len(whole) // parts - 1) + 1 if k else 0
            yield whole[start : whole.rfind(b"\n", start, start + n_bytes // parts) + 1]

    return _made_once(f"{name}-{n_bytes // 1000}kb.txt", SHARED / "data", sample)


def _read_language(help_texts: str, *patterns: str) -> Iterator[bytes]:
    """Yield the distinct lines of help texts, and all lines of other files."""
    if help_texts:
        lines = Path(language(help_texts)).read_bytes().splitlines()
        yield b"".join(line + b"\n" for line in dict.fromkeys(lines))
    for pattern in patterns:
        if pattern == "python":
            root, files = Path(sysconfig.get_paths()["stdlib"]), "*.py"
            paths = [
                *root.glob(files),
                *(p for f in ("asyncio", "json", "email") for p in (root / f).glob(files)),
            ]
        elif pattern == "english":
            paths = [Path(english())]
        else:
            paths = [*(SHARED / "data").glob(pattern)]
        for path in sorted(paths):
            yield path.read_bytes().replace(b"\r\n", b"\n")


# Languages of texts: the code of the help texts or "", and patterns of other files.
_LANGUAGES = {
    "English": ("", "english"),
    "German": ("de", "parallel/ntrex128/deu.txt"),
    "Russian": ("ru", "parallel/ntrex128/rus.txt"),
    "Chinese": ("zh-cn", "parallel/ntrex128/zho-*.txt"),
    "Japanese": ("", "prose/wagahai.txt", "prose/ja_manpages.txt", "parallel/ntrex128/jpn.txt"),
    "Korean": ("ko", "parallel/ntrex128/kor.txt"),
    "Thai": ("", "parallel/ntrex128/tha.txt"),
    "Hindi": ("hi", "parallel/ntrex128/hin.txt"),
    "Arabic": ("", "parallel/ntrex128/arb.txt"),
    "Go": ("", "code/go.txt"),
    "Python": ("", "python"),
}


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
