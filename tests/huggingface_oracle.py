"""Compare a tokenizer of fasttok with the `tokenizers` library on the same file, and reduce differences.

Run ``python -m tests.huggingface_oracle random FIRST LAST`` to compare random files by seed and to print
reduced differences. Run ``python -m tests.huggingface_oracle`` to compare all real files on the shared data
and on generated lines, those of tiktoken with tiktoken, and to write their section of the page "Conformance
with other libraries" of the documentation; this takes about an hour. Add ``files PATH ...`` to compare some
files and to print their rows only.
"""

from __future__ import annotations

import copy
import itertools
import json
import multiprocessing
import os
import random
import re
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import tiktoken
import tiktoken.load
from tiktoken_ext import openai_public

from tests import huggingface_files as files
from tests.huggingface_files import Json
from tests.huggingface_texts import file_texts, parts_of, random_texts

import tokenizers  # isort: skip  (after huggingface_files, which sets how a panic is printed)
from tokenizers.implementations import BertWordPieceTokenizer  # isort: skip

NO_LIMIT = 1 << 30
# The expression in Qwen's own code.
QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


class Difference(NamedTuple):
    """One result that differs: what it is, of which text, pair or row of ids, and the two values."""

    kind: str
    source: Any
    expected: Any
    found: Any

    def __str__(self) -> str:
        return f"{self.kind} of {self.source!r}\n  expected {self.expected!r}\n  found    {self.found!r}"


@dataclass(frozen=True)
class Failure:
    """An exception instead of a result; equal to every other failure, since the messages differ."""

    message: str = field(compare=False)


@dataclass(frozen=True)
class Panic(Failure):
    """A panic of the library: it has no result, so there is nothing to compare."""


def attempt(function: Callable[[list[Any]], Sequence[Any]], items: list[Any]) -> list[Any]:
    """Return the results for a batch; if it fails, the results and failures one by one."""
    try:
        return list(function(items))
    except BaseException as error:  # a panic is a BaseException
        files.reraise(error)
        if len(items) == 1:
            return [Failure(repr(error)) if isinstance(error, Exception) else Panic(repr(error))]
    return [attempt(function, [item])[0] for item in items]


class Comparison:
    """Comparison of one file: run it on texts, then look at the differences and counts.

    Parameters
    ----------
    source : dict, bytes or path
        The file, for the library: its fields, its content or its path.
    tok : Tokenizer
        fasttok's tokenizer of the same file.
    limit : int
        Number of differences after which nothing more is compared.

    Attributes
    ----------
    differences : list of Difference
    n_texts, n_ids : int
        Numbers of texts, and of ids that the library gave for them with special tokens.
    n_panics, n_errors : int
        Numbers of texts on which the library panics (not compared) and on which it raises an exception.
    """

    def __init__(self, source: Json | bytes | str | os.PathLike[str], tok: Any, limit: int = 20) -> None:
        if isinstance(source, dict):
            text = files.dump(source)
        else:
            text = source.decode() if isinstance(source, bytes) else Path(source).read_text("utf-8")
        self.plain = tokenizers.Tokenizer.from_str(text)
        self.as_saved = self.plain
        if self.plain.truncation or self.plain.padding:
            self.as_saved = tokenizers.Tokenizer.from_str(text)
            self.plain.no_truncation()
            self.plain.no_padding()
        self.tok = tok
        self.limit = limit
        self.differences: list[Difference] = []
        self.n_texts = self.n_ids = self.n_panics = self.n_errors = 0
        self._ids_in_use = sorted(set(self.plain.get_vocab(with_added_tokens=True).values()))

    def run(self, texts: Sequence[str], seed: int = 0, share: float = 1.0) -> None:
        """Compare ids, offsets, type ids, decoded texts, pairs, padding and truncation on texts.

        Parameters
        ----------
        share : float
            Share of the texts on which everything is compared. On the others, only ids, offsets and decoded
            text are, with one encoding by the library.
        """
        rng = random.Random(f"compare {seed}")
        texts = list(texts)
        encodings = attempt(self.plain.encode_batch, texts)
        self.n_texts += len(texts)
        for encoding in encodings:
            if isinstance(encoding, Failure):
                self.n_panics += isinstance(encoding, Panic)
                self.n_errors += not isinstance(encoding, Panic)
            else:
                self.n_ids += len(encoding.ids)
        self._compare_singles(texts, encodings, True)
        sample = texts if share == 1 else [text for text in texts if rng.random() < share]
        self._compare_singles(sample, attempt(self._encode_plainly, sample), False)
        if share < 1:
            self._compare_without_special_tokens(texts, encodings)
        rows = [encoding.ids for encoding in encodings if not isinstance(encoding, Failure)]
        if self._ids_in_use:
            rows += [rng.choices(self._ids_in_use, k=rng.randint(0, 12)) for _ in sample]
        for skip in (False, True):
            self._compare(
                f"decoded text, skip_special_tokens={skip},",
                rows,
                attempt(
                    lambda batch, skip=skip: self.plain.decode_batch(batch, skip_special_tokens=skip), rows
                ),
                attempt(
                    lambda batch, skip=skip: self.tok.decode_batch(batch, skip_special_tokens=skip), rows
                ),
            )
        pairs = list(zip(sample[::2], sample[1::2], strict=False))
        self._compare_pairs(pairs)
        if self.as_saved is not self.plain:
            self._compare_as_saved(sample, pairs)

    def _encode_plainly(self, batch: list[str]) -> Sequence[Any]:
        return self.plain.encode_batch(batch, add_special_tokens=False)

    def _compare(
        self,
        kind: str,
        sources: Sequence[Any],
        expected: list[Any],
        found: list[Any],
        may_fail: bool = False,
    ) -> None:
        for source, wanted, got in zip(sources, expected, found, strict=True):
            if len(self.differences) >= self.limit:
                return
            if isinstance(wanted, Panic) or (may_fail and isinstance(got, Failure)):
                continue
            if wanted != got:
                self.differences.append(Difference(kind, source, wanted, got))

    def _options(self, adds: bool) -> dict[str, Any]:
        """Return the options of the encode methods; fasttok adds special tokens only by a template."""
        return {"special": "all", "add_special_tokens": adds and self.tok.template is not None}

    def _compare_singles(self, texts: list[str], encodings: list[Any], adds: bool) -> None:
        options = self._options(adds)
        kind = f"ids, add_special_tokens={adds},"
        expected = [e if isinstance(e, Failure) else e.ids for e in encodings]
        found = attempt(lambda batch: self.tok.encode_batch(batch, **options).to_list(), texts)
        self._compare(kind, texts, expected, found)
        spans = [e if isinstance(e, Failure) else [list(span) for span in e.offsets] for e in encodings]
        located = attempt(
            lambda batch: [self.tok.encode_with_offsets(text, **options) for text in batch], texts
        )
        self._compare(
            f"ids of encode_with_offsets, add_special_tokens={adds},",
            texts,
            expected,
            [e if isinstance(e, Failure) else e.ids.tolist() for e in located],
        )
        self._compare(
            f"offsets, add_special_tokens={adds},",
            texts,
            spans,
            [e if isinstance(e, Failure) else e.char_spans.tolist() for e in located],
        )
        if adds:
            self._compare(
                "type ids",
                texts,
                [e if isinstance(e, Failure) else e.type_ids for e in encodings],
                attempt(
                    lambda batch: self.tok.type_ids(self.tok.encode_batch(batch, **options)).to_list(), texts
                ),
            )
        some = range(0, len(texts), max(1, len(texts) // 50))
        self._compare(
            f"ids of encode, add_special_tokens={adds},",
            [texts[i] for i in some],
            [expected[i] for i in some],
            attempt(
                lambda batch: [self.tok.encode(text, as_list=True, **options) for text in batch],
                [texts[i] for i in some],
            ),
        )

    def _compare_without_special_tokens(self, texts: list[str], encodings: list[Any]) -> None:
        """Compare ids without the tokens of the template, which the library marks in its encodings."""
        expected = []
        for encoding in encodings:
            if isinstance(encoding, Failure):
                expected.append(encoding)
                continue
            marks = encoding.special_tokens_mask
            expected.append([i for i, mark in zip(encoding.ids, marks, strict=True) if not mark])
        found = attempt(lambda batch: self.tok.encode_batch(batch, **self._options(False)).to_list(), texts)
        self._compare("ids, add_special_tokens=False,", texts, expected, found)

    def _compare_pairs(self, pairs: list[tuple[str, str]]) -> None:
        for adds in (False, True):
            expected = attempt(
                lambda batch, adds=adds: self.plain.encode_batch(batch, add_special_tokens=adds), pairs
            )
            found = attempt(
                lambda batch, adds=adds: _rows_of_pairs(
                    self.tok.encode_pairs(batch, max_length=NO_LIMIT, **self._options(adds))
                ),
                pairs,
            )
            self._compare(f"ids and type ids, add_special_tokens={adds},", pairs, _pairs_of(expected), found)

    def _compare_as_saved(self, texts: list[str], pairs: list[tuple[str, str]]) -> None:
        """Compare padding, truncation and windows as the file sets them."""
        padding, truncation = self.as_saved.padding, self.as_saved.truncation
        most = truncation["max_length"] if truncation else NO_LIMIT
        # With so little space, the library truncates nothing or everything; fasttok may raise an error.
        single_may_fail, pair_may_fail = (
            most <= self.plain.num_special_tokens_to_add(is_pair) for is_pair in (False, True)
        )
        options = self._options(True)

        def expect(batch: list[str]) -> Any:
            rows = self.as_saved.encode_batch(batch)
            if padding and len({len(row.ids) for row in rows}) > 1:
                return Panic("a fixed length below that of a row: not a matrix")
            if padding:
                return [(row.ids, row.type_ids, row.attention_mask) for row in rows]
            return [row.ids for row in rows]

        def pad(batch: list[str]) -> Any:
            rows = self.tok.encode_batch(batch, **options)
            padded = self.tok.pad(rows) if padding else self.tok.pad(rows, pad_id=0)
            if padding:
                type_ids = self.tok.pad(self.tok.type_ids(rows)).ids
                columns = padded.ids.tolist(), type_ids.tolist(), padded.mask.astype(int).tolist()
                return list(zip(*columns, strict=True))
            return [row[mask].tolist() for row, mask in zip(padded.ids, padded.mask, strict=True)]

        batches = [texts[i : i + 6] for i in range(0, len(texts), 6)]
        self._compare(
            "padded ids, type ids and masks" if padding else "truncated ids",
            batches,
            attempt(lambda items: list(map(expect, items)), batches),
            attempt(lambda items: list(map(pad, items)), batches),
            single_may_fail,
        )
        if not truncation:
            return
        self._compare(
            "ids and type ids, truncated,",
            pairs,
            attempt(lambda items: [_unpadded(self.as_saved.encode(*pair)) for pair in items], pairs),
            attempt(lambda items: _rows_of_pairs(self.tok.encode_pairs(items, **options)), pairs),
            pair_may_fail,
        )

        def split(text: str) -> list[list[int]]:
            row = self.as_saved.encode(text)
            return [_unpadded(window)[0] for window in (row, *row.overflowing)]

        self._compare(
            "windows",
            texts,
            attempt(lambda items: list(map(split, items)), texts),
            attempt(
                lambda items: [
                    self.tok.windows(self.tok.encode_batch([text], **options)).ids.to_list() for text in items
                ],
                texts,
            ),
            single_may_fail,
        )


class RankComparison:
    """Comparison of a rank file with tiktoken, with the interface of `Comparison`."""

    def __init__(self, path: Path, tok: Any, limit: int = 20) -> None:
        self.encoding = load_encoding(path)
        self.tok = tok
        self.limit = limit
        self.differences: list[Difference] = []
        self.n_texts = self.n_ids = self.n_panics = self.n_errors = 0

    def run(self, texts: Sequence[str], seed: int = 0, share: float = 1.0) -> None:
        """Compare ids with and without special tokens, the starts of tokens, and decoded texts."""
        plain = self.encoding.encode_ordinary_batch(list(texts), num_threads=2)
        self._compare("ids", texts, plain, self.tok.encode_batch(texts).to_list())
        rows = self.encoding.encode_batch(list(texts), num_threads=2, allowed_special="all")
        self.n_texts += len(texts)
        self.n_ids += sum(map(len, rows))
        located = [self.tok.encode_with_offsets(text, special="all") for text in texts]
        self._compare("ids, special tokens found,", texts, rows, [one.ids.tolist() for one in located])
        decoded = [self.encoding.decode_with_offsets(row) for row in rows]
        starts = [one.char_spans[:, 0].tolist() for one in located]
        self._compare("starts", texts, [offsets for _, offsets in decoded], starts)
        self._compare("decoded text", texts, [text for text, _ in decoded], self.tok.decode_batch(rows))

    def _compare(self, kind: str, sources: Sequence[str], expected: list[Any], found: list[Any]) -> None:
        for source, wanted, got in zip(sources, expected, found, strict=True):
            if wanted != got and len(self.differences) < self.limit:
                self.differences.append(Difference(kind, source, wanted, got))


def load_encoding(path: Path) -> tiktoken.Encoding:
    """Return the encoding that tiktoken makes of a rank file of its own, or of Qwen's."""
    ranks = tiktoken.load.load_tiktoken_bpe(str(path))
    if path.stem == "qwen":
        special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *(f"<|extra_{i}|>" for i in range(205))]
        ids = {token: i for i, token in enumerate(special, len(ranks))}
        return tiktoken.Encoding("qwen", pat_str=QWEN, mergeable_ranks=ranks, special_tokens=ids)
    with mock.patch.object(openai_public, "load_tiktoken_bpe", return_value=ranks):
        if path.stem == "r50k_base":
            return tiktoken.Encoding(**openai_public.r50k_base())
        return tiktoken.Encoding(**openai_public.ENCODING_CONSTRUCTORS[path.stem]())


def make_comparison(path: Path) -> Comparison | RankComparison:
    """Return the comparison of a real file with the library that it belongs to."""
    import fasttok as ft

    tok = ft.load(path)
    if path.suffix == ".tiktoken":
        return RankComparison(path, tok)
    if path.suffix == ".json":
        return Comparison(path, tok)
    theirs = BertWordPieceTokenizer(str(path), lowercase=True)
    comparison = Comparison(json.loads(theirs.to_str()), tok)
    comparison._ids_in_use = []  # decode only what encode gives
    return comparison


def _unpadded(row: Any) -> tuple[list[int], list[int]]:
    """Return the ids and type ids of an encoding of the library without padding."""
    kept = [i for i, mask in enumerate(row.attention_mask) if mask]
    return [row.ids[i] for i in kept], [row.type_ids[i] for i in kept]


def _pairs_of(encodings: list[Any]) -> list[Any]:
    return [e if isinstance(e, Failure) else (e.ids, e.type_ids) for e in encodings]


def _rows_of_pairs(pairs: Any) -> list[Any]:
    return list(zip(pairs.ids.to_list(), pairs.type_ids.to_list(), strict=True))


def compare(
    source: Json | str | os.PathLike[str], tok: Any, texts: Sequence[str], limit: int = 20
) -> list[Difference]:
    """Return the first differences between fasttok's tokenizer of a file and the library's, on texts."""
    comparison = Comparison(source, tok, limit)
    comparison.run(texts)
    return comparison.differences


def brief(fields: Json) -> str:
    """Return the text of a file in ASCII, with long charsmaps abbreviated."""
    return re.sub(r'("precompiled_charsmap": ".{100})[^"]{2000,}', r"\1…", json.dumps(fields))


def load(fields: Json) -> Any:
    """Open a file with fasttok."""
    import fasttok as ft

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tokenizer.json")
        path.write_text(files.dump(fields), "utf-8")
        with warnings.catch_warnings():
            # Random files give added tokens other ids than tokenizers does, and ask for dropout.
            warnings.simplefilter("ignore", UserWarning)
            return ft.load(path)


# Reduction


def shrink(
    fields: Json, texts: list[str], differs: Callable[[Json, list[str]], bool], seconds: float = 60
) -> tuple[Json, list[str]]:
    """Return a smaller file and shorter texts on which `differs` is still true.

    Parameters
    ----------
    differs : callable
        Function of a file and texts. It is called with files that the library opens only.
    seconds : float
        Time after which the smallest file so far is returned.
    """
    end = time.monotonic() + seconds

    def holds(candidate: Json, some: list[str]) -> bool:
        if time.monotonic() > end or files.refusal(candidate):
            return False
        return differs(candidate, some)

    texts = minimize(texts, lambda some: holds(fields, some))
    for i, text in enumerate(texts):
        texts[i] = shorten(text, lambda shorter, i=i: holds(fields, [*texts[:i], shorter, *texts[i + 1 :]]))
    before = None
    while before != fields and time.monotonic() < end:
        before = fields
        i = 0
        while i < len(candidates := list(_simpler(fields))):
            if candidates[i] != fields and holds(candidates[i], texts):
                fields = candidates[i]
            else:
                i += 1
        fields = _fewer(fields, lambda candidate: holds(candidate, texts))
    for i, text in enumerate(texts):
        texts[i] = shorten(text, lambda shorter, i=i: holds(fields, [*texts[:i], shorter, *texts[i + 1 :]]))
    return fields, texts


def minimize(items: list[Any], holds: Callable[[list[Any]], bool]) -> list[Any]:
    """Leave out as many items as possible, in large portions first."""
    size = len(items)
    while size:
        start = 0
        while start < len(items):
            fewer = items[:start] + items[start + size :]
            if holds(fewer):
                items = fewer
            else:
                start += size
        size //= 2
    return items


def shorten(text: str, holds: Callable[[str], bool]) -> str:
    """Return a shorter text on which `holds` is still true: no character can be left out."""
    return "".join(minimize(list(text), lambda letters: holds("".join(letters))))


def _simpler(fields: Json) -> Iterator[Json]:
    """Iterate over the file with one thing simplified."""
    for key in ("padding", "truncation", "post_processor", "decoder", "normalizer", "pre_tokenizer"):
        yield fields | {key: None}
    for section in ("post_processor", "decoder", "normalizer", "pre_tokenizer"):
        for path in list(_paths(fields.get(section))):
            node = _at(fields[section], path)
            for children in ("normalizers", "pretokenizers", "decoders", "processors"):
                for child in node.get(children, ()):
                    yield _replaced(fields, [section, *path], child)
                for i in range(len(node.get(children, ()))):
                    rest = node[children][:i] + node[children][i + 1 :]
                    yield _replaced(fields, [section, *path], node | {children: rest})
            for key, value in node.items():
                if value is True:
                    yield _replaced(fields, [section, *path], node | {key: False})
                if key == "Regex":
                    for pattern in _fewer_alternatives(value):
                        yield _replaced(fields, [section, *path], node | {key: pattern})
                if key == "precompiled_charsmap":
                    for charsmap in files.charsmaps()[-5:]:
                        yield _replaced(fields, [section, *path], node | {key: charsmap})
    for key in (
        "unk_token",
        "continuing_subword_prefix",
        "end_of_word_suffix",
        "byte_fallback",
        "fuse_unk",
        "ignore_merges",
    ):
        if fields["model"].get(key):
            value = False if isinstance(fields["model"][key], bool) else None
            yield fields | {"model": fields["model"] | {key: value}}
    for i, token in enumerate(fields.get("added_tokens") or []):
        for key, value in token.items():
            if value is True:
                tokens = copy.deepcopy(fields["added_tokens"])
                tokens[i][key] = False
                yield fields | {"added_tokens": tokens}


def _fewer_alternatives(pattern: str) -> Iterator[str]:
    """Iterate over a regular expression without one of its alternatives, where that is easily seen."""
    parts, depth, start = [], 0, 0
    for match in re.finditer(r"\\.|[][()|]", pattern, re.DOTALL):
        depth += {"[": 1, "(": 1, "]": -1, ")": -1}.get(match[0], 0)
        if match[0] == "|" and depth == 0:
            parts.append(pattern[start : match.start()])
            start = match.end()
    parts.append(pattern[start:])
    for i in range(len(parts) if depth == 0 and len(parts) > 1 else 0):
        yield "|".join(parts[:i] + parts[i + 1 :])


def _paths(node: Json, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Iterate over the paths of the objects in a component."""
    if isinstance(node, dict):
        yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in items:
        yield from _paths(child, (*path, key))


def _at(node: Json, path: Iterable[Any]) -> Json:
    for key in path:
        node = node[key]
    return node


def _replaced(fields: Json, path: list[Any], value: Json) -> Json:
    changed = fields | {path[0]: copy.deepcopy(fields[path[0]])}
    _at(changed, path[:-1])[path[-1]] = value
    return changed


def _fewer(fields: Json, holds: Callable[[Json], bool]) -> Json:
    """Leave out added tokens, merges and pieces."""
    tokens = fields.get("added_tokens") or []
    if tokens:
        tokens = minimize(tokens, lambda some: holds(fields | {"added_tokens": some}))
        fields = fields | {"added_tokens": tokens}
    model = fields["model"]
    if model.get("merges"):
        merges = minimize(model["merges"], lambda some: holds(fields | {"model": model | {"merges": some}}))
        model = model | {"merges": merges}
    if isinstance(model["vocab"], dict):
        base = model
        pieces = minimize(
            list(model["vocab"].items()), lambda some: holds(fields | {"model": base | {"vocab": dict(some)}})
        )
        model = model | {"vocab": dict(pieces)}
        numbered = fields | {"model": model | {"vocab": {piece: i for i, piece in enumerate(model["vocab"])}}}
        return numbered if holds(numbered) else fields | {"model": model}
    last = model.get("unk_id")
    unknown = None if last is None else model["vocab"][last]

    def with_rows(rows: list[Json]) -> Json:
        unk_id = next((i for i, row in enumerate(rows) if row is unknown), None)
        return fields | {"model": model | {"vocab": rows, "unk_id": unk_id}}

    return with_rows(minimize(model["vocab"], lambda rows: holds(with_rows(rows))))


def shrink_difference(fields: Json, difference: Difference, texts: list[str]) -> tuple[Json, list[str]]:
    """Return a smaller file and shorter texts that show a difference of the same kind."""

    def differs(candidate: Json, some: list[str]) -> bool:
        try:
            found = compare(candidate, load(candidate), some)
        except Exception:
            return False
        return any(other.kind == difference.kind for other in found)

    return shrink(fields, texts, differs)


# Command line


def compare_random_files(first: int, last: int, n_texts: int = 30) -> None:
    """Print refusals and reduced differences of the random files from one seed to another."""
    import fasttok as ft

    start = time.monotonic()
    n_refused = n_different = 0
    for seed in range(first, last):
        fields = files.random_file(seed)
        try:
            tok = load(fields)
        except ft.ModelFormatError as error:
            n_refused += 1
            print(f"{seed}: refused: {error.place}: {error}")
            continue
        texts = random_texts(seed, n_texts, parts_of(fields))
        differences = compare(fields, tok, texts, limit=1)
        if differences:
            n_different += 1
            small, fewer = shrink_difference(fields, differences[0], texts)
            print(f"{seed}: {brief(small)}")
            for difference in compare(small, load(small), fewer, limit=1):
                print(ascii(fewer), ascii(str(difference)).replace("\\n", "\n"))
    seconds = time.monotonic() - start
    print(f"{last - first} files: {n_different} differ, {n_refused} refused; {seconds:.0f} s")


def rank_and_vocabulary_files(shared: Path) -> list[Path]:
    """Return the rank files and the vocab.txt of the shared data."""
    folder = shared / "tokenizers"
    return sorted([*(folder / "tiktoken").glob("*.tiktoken"), *(folder / "bert").rglob("vocab.txt")])


def real_files(shared: Path) -> dict[str, Path]:
    """Return the tokenizer.json files of the shared data by name."""
    folder = shared / "tokenizers"
    found = [*(folder / "huggingface").rglob("*.json"), *(folder / "bert").rglob("tokenizer.json")]
    return {path.relative_to(folder).as_posix(): path for path in sorted(found)}


def long_texts(
    shared: Path, megabytes: float = 20, n_lines: int = 100_000
) -> Iterator[tuple[str, list[str]]]:
    """Yield all parallel texts, an equal part of each other file, and random lines."""
    yield from file_texts(shared, folder="parallel")
    others = [name for name, _ in file_texts(shared, limit=0) if not name.startswith("parallel")]
    for name in others:
        yield from file_texts(shared, folder=name, limit=int(megabytes * 1e6 / len(others)))
    for start in range(0, n_lines, 10_000):
        yield f"generated lines {start}", random_texts(start, min(10_000, n_lines - start))


def compare_real_file(path: Path, shared: Path, megabytes: float = 20, n_lines: int = 100_000) -> str:
    """Return the row of a file in the table of the documentation; print differences to stderr."""
    start = time.monotonic()
    comparison = make_comparison(path)
    if path.suffix == ".json":
        parts = parts_of(json.loads(path.read_text("utf-8")))
    else:
        rows = [row.decode(errors="ignore") for row in comparison.tok.pieces.to_bytes() if row]
        parts = [*comparison.tok.special_tokens, *random.Random(0).sample(rows, 500)]
    of_pieces = "lines of pieces", random_texts("pieces", n_lines - n_lines // 2, parts)
    for name, lines in itertools.chain(long_texts(shared, megabytes, n_lines // 2), [of_pieces]):
        for i in range(0, len(lines), 2000):
            comparison.run(lines[i : i + 2000], seed=i, share=0.02)
        if len(comparison.differences) >= comparison.limit:
            print(f"{path}: stopped in {name}", file=sys.stderr)
            break
    print(f"{path}: {time.monotonic() - start:.0f} s", *comparison.differences, sep="\n", file=sys.stderr)
    return (
        f"| {path.parent.name}/{path.name} | {comparison.n_texts:,} | {comparison.n_ids:,} "
        f"| {len(comparison.differences)} | {comparison.n_panics + comparison.n_errors} |"
    )


SECTION = """Compared with `tokenizers` {tokenizers} or tiktoken {tiktoken}:

- with `tokenizers`: the ids with and without special tokens, the offsets, and the decoded text with and
  without special tokens; for 2 % of the texts also the ids and type ids of pairs, and padding, truncation and
  windows with the settings of the file;
- with tiktoken: the ids with and without special tokens in the text, the start of each token, and the decoded
  text.

{table}

A text on which the library fails has no result to compare. `python -m tests.huggingface_oracle` writes this
section."""


def write_section(title: str, text: str) -> None:
    """Replace the text of a section of the page "Conformance with other libraries"."""
    from tests.conftest import ROOT

    path = ROOT / "docs/reference/conformance_with_other_libraries.md"
    page = path.read_text()
    start = page.index(f"\n## {title}\n") + len(f"\n## {title}\n")
    end = page.find("\n## ", start)
    rest = page[end:] if end >= 0 else ""
    path.write_text(f"{page[:start]}\n{text}\n{rest}")


def main(arguments: list[str]) -> None:
    from tests.conftest import SHARED

    command, *rest = arguments or ["files"]
    if command == "random":
        compare_random_files(int(rest[0]), int(rest[1]))
        return
    if command != "files":
        sys.exit(__doc__)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # one process per processor instead
    rows = ["| file | texts | ids | differences | library fails |", "|---|--:|--:|--:|--:|"]
    paths = map(Path, rest) if rest else [*real_files(SHARED).values(), *rank_and_vocabulary_files(SHARED)]
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        for row in pool.map(partial(compare_real_file, shared=SHARED), paths):
            rows.append(row)
            print(row, flush=True)
    if not rest:
        versions = {"tokenizers": tokenizers.__version__, "tiktoken": tiktoken.__version__}
        write_section("tokenizers and tiktoken", SECTION.format(table="\n".join(rows), **versions))


if __name__ == "__main__":
    main(sys.argv[1:])
