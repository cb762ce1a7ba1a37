"""Compare a tokenizer of fasttok with the `sentencepiece` library on the same model file.

Run ``python -m tests.sentencepiece_oracle`` to compare all real files on the shared data and on generated
lines, and to write their section of the page "Conformance with other libraries" of the documentation. Add
``files PATH ...`` to compare some files and to print their rows only. Run ``python -m
tests.sentencepiece_oracle random FIRST LAST`` to compare small models of all options by seed
(tests/sentencepiece_models.py), as they are and after `save`, and to print shortened differences.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import sentencepiece

from tests import hostile
from tests import sentencepiece_models as models
from tests.huggingface_oracle import (
    Difference,
    Failure,
    attempt,
    long_texts,
    minimize,
    shorten,
    write_section,
)
from tests.huggingface_texts import random_texts
from tests.sentencepiece_file import fields

Span = tuple[int, int]
Located = tuple[list[int], list[Span]]
N_BEST = (1, 2, 7, 30)
LONGEST_N_BEST = 60  # characters; the library takes long for long texts


class Comparison:
    """Comparison of one model file: run it on texts, then look at the differences and counts.

    Parameters
    ----------
    data : bytes
        The file.
    tok : Tokenizer
        fasttok's tokenizer of the same file.
    limit : int
        Number of differences after which nothing more is compared.

    Attributes
    ----------
    differences : list of Difference
    n_texts, n_ids : int
        Numbers of texts, and of ids that the library gave for them.
    """

    def __init__(self, data: bytes, tok: Any, limit: int = 20) -> None:
        self.theirs = sentencepiece.SentencePieceProcessor(model_proto=data, num_threads=1)
        self.tok = tok
        self.limit = limit
        self.differences: list[Difference] = []
        self.n_texts = self.n_ids = 0
        self._is_byte = [self.theirs.is_byte(i) for i in range(self.theirs.get_piece_size())]
        trainer = dict(fields(dict(fields(data)).get(models.TRAINER, b"")))
        self._has_words = trainer.get(3) == 1 + models.TYPES.index("word")
        self._has_n_best = not isinstance(attempt(self._n_best_of, [("a", 1)])[0], Failure)

    def run(self, texts: Sequence[str], seed: int = 0, share: float = 1.0) -> None:
        """Compare ids, offsets, normalized and decoded texts, and n-best segmentations.

        Parameters
        ----------
        share : float
            Share of the texts on which everything is compared. On the others, only ids, offsets and decoded
            text are.
        """
        rng = random.Random(f"compare {seed}")
        texts = list(texts)
        rows = self.theirs.encode(texts)
        self.n_texts += len(texts)
        self.n_ids += sum(map(len, rows))
        self._compare("ids", texts, rows, attempt(self._encode, texts))
        located = self.theirs.encode(texts, return_type="offset_mapping")
        expected = [self._united(row["ids"], row["offsets"]) for row in located]
        found = attempt(lambda batch: [self._locate(text, "char_spans") for text in batch], texts)
        self._compare("ids and offsets", texts, expected, found)
        sample = texts if share == 1 else [text for text in texts if rng.random() < share]
        ids = range(self.theirs.get_piece_size())
        rows = rows + [rng.choices(ids, k=rng.randint(0, 12)) for _ in sample]
        self._compare("decoded text", rows, self._decoded(rows), attempt(self._decode, rows))
        some = [text for text in sample if rng.random() < 0.3]
        self._compare(
            "ids of encode",
            some,
            self.theirs.encode(some),
            attempt(lambda batch: [self.tok.encode(text, as_list=True) for text in batch], some),
        )
        few = [row for row in rows[len(texts) :] if rng.random() < 0.3]
        self._compare("decoded text, streamed,", few, self._decoded(few), attempt(self._stream, few))
        self._compare(
            "normalized text", sample, self.theirs.normalize(sample), attempt(self._normalize, sample)
        )
        if self._has_n_best:
            asked = [(text, rng.choice(N_BEST)) for text in sample if len(text) <= LONGEST_N_BEST]
            expected = attempt(self._n_best_of, asked)
            self._compare("n-best", asked, expected, attempt(self._find_n_best, asked))

    def run_bytes(self, texts: Sequence[bytes]) -> None:
        """Compare ids and offsets on byte strings that need not be UTF-8."""
        texts = list(texts)
        self._compare("ids", texts, self.theirs.encode(texts), attempt(self._encode, texts))
        located = self.theirs.encode(texts, return_type="offset_mapping")
        expected = [self._united(row["ids"], row["offsets"]) for row in located]
        found = attempt(lambda batch: [self._locate(text, "byte_spans") for text in batch], texts)
        self._compare("ids and offsets", texts, expected, found)

    def run_vocabulary(self) -> None:
        """Compare the piece of each id, the id of each piece, and the ids of roles."""
        ids = range(self.theirs.get_piece_size())
        self._compare("size", ["vocabulary"], [len(ids)], [self.tok.vocab_size])
        pieces = [self.theirs.id_to_piece(i) for i in ids]
        found = attempt(lambda batch: [self.tok.id_to_piece(i).decode() for i in batch], list(ids))
        self._compare("piece", list(ids), pieces, found)
        found = attempt(lambda batch: [self.tok.piece_to_id(piece) for piece in batch], pieces)
        self._compare("id", pieces, [self.theirs.piece_to_id(piece) for piece in pieces], found)
        roles = {"bos": self.theirs.bos_id(), "eos": self.theirs.eos_id(), "pad": self.theirs.pad_id()}
        expected = {role: i for role, i in roles.items() if i >= 0}
        found = {role: i for role, i in self.tok.role_ids.items() if role in roles}
        self._compare("ids", ["roles"], [expected], [found])
        self._compare("unk id", ["vocabulary"], [self.theirs.unk_id()], [self.tok.unk_id])

    def _compare(self, kind: str, sources: Sequence[Any], expected: Sequence[Any], found: list[Any]) -> None:
        for source, wanted, got in zip(sources, expected, found, strict=True):
            if wanted != got and len(self.differences) < self.limit:
                self.differences.append(Difference(kind, source, wanted, got))

    def _encode(self, batch: list[Any]) -> Any:
        return self.tok.encode_batch(batch).to_list()

    def _decode(self, batch: list[Any]) -> Any:
        return self.tok.decode_batch(batch)

    def _decoded(self, rows: list[list[int]]) -> list[str]:
        # A row without ids is taken for a row of pieces if all rows of a batch are empty.
        return [self.theirs.decode(row) if row else "" for row in rows]

    def _stream(self, batch: list[list[int]]) -> list[str]:
        import fasttok as ft

        out = []
        for row in batch:
            decoder = ft.StreamDecoder(self.tok)
            out.append("".join(decoder.push(i) for i in row) + decoder.finish())
        return out

    def _normalize(self, batch: list[str]) -> list[str]:
        """Return texts as the pipeline rewrites them, in the spelling of the pieces."""
        import fasttok as ft
        from fasttok.text.rows import Rows

        steps = [self.tok.normalizer, *getattr(self.tok.pretokenizer, "primitives", ())]
        out = []
        for text in batch:
            rows = Rows.of_text(text.encode())
            for step in steps:
                if isinstance(step, ft.Normalizer):
                    rows = step.rewrite(rows)
            out.append(rows.documents.values.tobytes().decode())
        return out

    def _n_best_of(self, asked: list[tuple[str, int]]) -> list[list[list[int]]]:
        return [self.theirs.nbest_encode(text, nbest_size=n) for text, n in asked]

    def _find_n_best(self, asked: list[tuple[str, int]]) -> list[list[list[int]]]:
        rows = [self.tok.encode_nbest(text, n) for text, n in asked]
        return [[list(map(int, ids)) for ids, _ in row] for row in rows]

    def _locate(self, text: str | bytes, kind: str) -> Located:
        encoding = self.tok.encode_with_offsets(text)
        return self._united(encoding.ids.tolist(), getattr(encoding, kind).tolist())

    def _united(self, ids: list[int], spans: Sequence[Sequence[int]]) -> Located:
        """Give all bytes of a character its span: the library gives it to the last byte only.

        In models of words, a whole unknown word has the span that the library gives to its last byte.
        """
        out = [tuple(span) for span in spans]
        i = 0
        while i < len(ids):
            if not self._is_byte[ids[i]]:
                i += 1
                continue
            end = i + 1
            if self._has_words:
                while end < len(ids) and self._is_byte[ids[end]]:
                    end += 1
            else:
                end = i + _length(int(self.theirs.id_to_piece(ids[i])[3:5], 16))
            group = out[i:end]
            span = min(start for start, _ in group), max(stop for _, stop in group)
            out[i:end] = [span] * len(group)
            i = end
        return ids, out  # type: ignore[return-value]


def _length(first: int) -> int:
    """Return the number of bytes of a character in UTF-8, given the first one."""
    return 1 if first < 0x80 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4


def load(data: bytes) -> Any:
    """Open a model file with fasttok."""
    import fasttok as ft

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tokenizer.model")
        path.write_bytes(data)
        return ft.load(path)


def written(tok: Any) -> bytes:
    """Return the model file that fasttok writes for a tokenizer."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "written.model")
        tok.save(path, format="sentencepiece")
        return path.read_bytes()


def natively_saved(tok: Any) -> Any:
    """Return the tokenizer after saving it in fasttok's own format and loading it."""
    import fasttok as ft

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "native.json")
        tok.save(path, format="fasttok")
        return ft.load(path)


def compare(data: bytes, tok: Any, texts: Sequence[str], limit: int = 20) -> list[Difference]:
    """Return the first differences between fasttok's tokenizer of a file and the library's.

    Everything is compared on the texts; the ids also on byte strings that are not UTF-8.
    """
    comparison = Comparison(data, tok, limit)
    comparison.run_vocabulary()
    comparison.run(texts)
    comparison.run_bytes(
        [text.encode() + b"\xff" for text in texts[:3]] + hostile.byte_strings(10, len(data))
    )
    return comparison.differences


def compare_written(data: bytes, tok: Any, texts: Sequence[str]) -> list[Difference]:
    """Return differences, in the library, between a file and the one that fasttok writes after reading it."""
    ours = attempt(lambda _: [written(tok)], [None])[0]
    if isinstance(ours, Failure):
        return [Difference("written file", "save", "a file", ours)]
    if ours == data:
        return []
    reason = models.refusal(ours)
    if reason is not None:
        return [Difference("written file", "sentencepiece", None, reason)]
    theirs = sentencepiece.SentencePieceProcessor(model_proto=data)
    again = sentencepiece.SentencePieceProcessor(model_proto=ours)
    texts = list(texts)
    rows = theirs.encode(texts)
    out = []
    for kind, function in {
        "ids": lambda library: library.encode(texts),
        "pieces": lambda library: library.encode(texts, return_type=str),
        "decoded text": lambda library: [library.decode(row) if row else "" for row in rows],
        "normalized text": lambda library: library.normalize(texts),
    }.items():
        for source, wanted, got in zip(texts, function(theirs), function(again), strict=True):
            if wanted != got:
                out.append(Difference(f"{kind} of the written file,", source, wanted, got))
    out += [Difference("information", "written file", *pair) for pair in different_fields(data, ours)]
    return out


def different_fields(data: bytes, other: bytes) -> Iterator[tuple[Any, Any]]:
    """Yield pairs of fields of two model files that do not say the same, whatever the order of the fields."""
    rows, others = (sorted(fields(file), key=lambda row: row[0]) for file in (data, other))
    for row, found in itertools.zip_longest(rows, others):
        if row != found and (
            row is None or found is None or row[0] != found[0] or _inner(row) != _inner(found)
        ):
            yield row, found


def _inner(row: tuple[int, bytes | int]) -> Any:
    return sorted(fields(row[1]), key=lambda field: field[0]) if isinstance(row[1], bytes) else row[1]


def compare_random_models(first: int, last: int, n_texts: int = 40) -> None:
    """Print refusals and shortened differences of the small models from one seed to another."""
    start = time.monotonic()
    n_refused = n_different = 0
    for seed in range(first, last):
        data = models.model_file(seed)
        try:
            tok = load(data)
        except Exception as error:
            n_refused += 1
            print(f"{seed}: refused: {type(error).__name__}: {error}"[:400], flush=True)
            continue
        texts = models.texts_for(data, seed, n_texts)
        checks = {"": lambda t, tok=tok, data=data: compare(data, tok, t, 500)}
        checks["written: "] = lambda t, tok=tok, data=data: compare_written(data, tok, t)
        saved = attempt(lambda _, tok=tok: [natively_saved(tok)], [None])[0]
        if isinstance(saved, Failure):
            print(f"{seed}: native file: {saved}")
        else:
            checks["native: "] = lambda t, saved=saved, data=data: compare(data, saved, t, 500)
        for name, check in checks.items():
            first_of_kind: dict[str, Difference] = {}
            for difference in check(texts):
                first_of_kind.setdefault(difference.kind, difference)
            if first_of_kind:
                print(f"{seed}: {name}{describe(data)}", flush=True)
                for difference in first_of_kind.values():
                    print("  " + ascii(str(shortened(difference, check, data, tok)))[:700], flush=True)
                n_different += 1
                break
    seconds = time.monotonic() - start
    print(f"{last - first} models: {n_different} differ, {n_refused} refused; {seconds:.0f} s")


def shortened(
    difference: Difference, check: Callable[[list[str]], list[Difference]], data: bytes, tok: Any
) -> Difference:
    """Return a difference of the same kind on a text or row of ids that is as short as possible."""
    kind, source, _, _ = difference
    if isinstance(source, list):
        comparison = Comparison(data, tok, 1)

        def differs(row: list[int]) -> bool:
            return comparison._decoded([row]) != attempt(comparison._decode, [row])

        row = minimize(source, differs) if differs(source) else source
        return Difference(kind, row, comparison._decoded([row])[0], attempt(comparison._decode, [row])[0])
    if not isinstance(source, str):
        return difference

    def holds(text: str) -> bool:
        return any(other.kind == kind and other.source == text for other in check([text]))

    if not holds(source):
        return difference
    text = shorten(source, holds)
    return next(other for other in check([text]) if other.kind == kind and other.source == text)


def describe(data: bytes) -> dict[str, Any]:
    """Return the settings of a model file that differ from the defaults, for messages."""
    parts = fields(data)
    trainer, normalizer = (dict(fields(dict(parts).get(n, b""))) for n in (models.TRAINER, models.NORMALIZER))
    names = {24: "suffix", 35: "byte_fallback", 22: "split_by_whitespace", 44: "unk_surface"}
    out: dict[str, Any] = {"type": models.TYPES[trainer.get(3, 1) - 1], "normalizer": normalizer.get(1)}
    out |= {name: trainer[n] for n, name in names.items() if n in trainer}
    names = {3: "add_dummy_prefix", 4: "remove_extra_whitespaces", 5: "escape_whitespaces"}
    out |= {name: normalizer[n] for n, name in names.items() if n in normalizer}
    out["denormalizer"] = any(n == models.DENORMALIZER and dict(fields(v)).get(2) for n, v in parts)
    rows = [dict(fields(value)) for n, value in parts if n == models.PIECE]
    out["user_defined"] = [row[1].decode() for row in rows if row.get(3) == models.USER_DEFINED]
    out["n_unused"] = sum(row.get(3) == models.UNUSED for row in rows)
    return out


# Real files


def real_files(shared: Path) -> list[Path]:
    """Return the model files of the shared data."""
    folder = shared / "tokenizers/sentencepiece"
    return sorted(path for path in folder.rglob("*") if ".model" in path.name)


def compare_real_file(path: Path, shared: Path, megabytes: float = 20, n_lines: int = 100_000) -> str:
    """Return the row of a file in the table of the documentation; print differences to stderr."""
    import fasttok as ft

    start = time.monotonic()
    data = path.read_bytes()
    comparison = Comparison(data, ft.load(path))
    comparison.run_vocabulary()
    of_pieces = "lines of pieces", random_texts("pieces", n_lines - n_lines // 2, models.parts_of(data, 500))
    for name, lines in itertools.chain(long_texts(shared, megabytes, n_lines // 2), [of_pieces]):
        for i in range(0, len(lines), 2000):
            comparison.run(lines[i : i + 2000], seed=i, share=0.02)
        if len(comparison.differences) >= comparison.limit:
            print(f"{path}: stopped in {name}", file=sys.stderr)
            break
    comparison.run_bytes(hostile.byte_strings(10_000))
    again = compare_written(data, comparison.tok, of_pieces[1][:5000])
    comparison.differences += again[:20]
    print(f"{path}: {time.monotonic() - start:.0f} s", *comparison.differences, sep="\n", file=sys.stderr)
    return (
        f"| {path.relative_to(shared / 'tokenizers').as_posix()} | {comparison.n_texts:,} "
        f"| {comparison.n_ids:,} | {len(comparison.differences)} |"
    )


SECTION = """The `.model` files, compared with sentencepiece {version} on the same texts: the ids, the offsets
(the bytes of a character have its span, which sentencepiece gives to the last of them) and the decoded text;
for 2 % of the texts also the normalized text, the text of random ids, decoded at once and in a stream, and
the 1 to 30 best segmentations, where the model has them. The pieces, the ids of roles and 10,000 byte strings
that are not UTF-8 are compared, too. Each file is written again with `format="sentencepiece"` and opened with
sentencepiece: it gives the same ids, pieces and texts, and has the same information.

{table}

`python -m tests.sentencepiece_oracle` writes this section. The test suite compares 300 small models of all
options of sentencepiece's trainer."""


def main(arguments: list[str]) -> None:
    from tests.conftest import SHARED

    command, *rest = arguments or ["files"]
    if command == "random":
        compare_random_models(int(rest[0]), int(rest[1]))
        return
    if command != "files":
        sys.exit(__doc__)
    rows = ["| file | texts | ids | differences |", "|---|--:|--:|--:|"]
    paths = [Path(path).resolve() for path in rest] if rest else real_files(SHARED)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(int(os.environ.get("FASTTOK_ORACLE_PROCESSES", "2")), context) as pool:
        for row in pool.map(partial(compare_real_file, shared=SHARED.resolve()), paths):
            rows.append(row)
            print(row, flush=True)
    if not rest:
        table = "\n".join(rows)
        write_section("sentencepiece", SECTION.format(version=sentencepiece.__version__, table=table))


if __name__ == "__main__":
    main(sys.argv[1:])
