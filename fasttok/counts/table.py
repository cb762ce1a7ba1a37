"""`PretokenCounts`: the distinct pretokens of a corpus and their counts."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import (
    checked_choice,
    checked_flag,
    checked_instance,
    checked_integer,
    checked_items,
    checked_mapping,
    checked_path,
    checked_text,
    describe,
    describe_type,
)
from fasttok.core.errors import ModelFormatError, RecipeError
from fasttok.core.ragged import Ragged, read_only
from fasttok.counts._hash import PretokenTable
from fasttok.counts.arrow import make_table, read_table
from fasttok.counts.files import FORMAT, VERSION, read_arrays, write_arrays
from fasttok.counts.mixing import Weight, add_weighted, exact_weight
from fasttok.counts.recipe import Recipe, short_name
from fasttok.counts.texts import count_texts
from fasttok.counts.tsv import read_tsv, write_tsv
from fasttok.text.normalizers.registry import AnyNormalizer, get_normalizer
from fasttok.text.pretokenizers.registry import DEFAULT_PRETOKENIZER, AnyPretokenizer, get_pretokenizer
from fasttok.text.unicode._utf8 import decode_code_points, encode_code_points

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class PretokenCounts:
    """Distinct pretokens of a corpus and their counts, the input of every trainer.

    Rows are sorted by count in descending order, then by the pretoken's bytes. Equal counts therefore give
    equal arrays, for any number of threads and any order of the documents. `fasttok.count_pretokens` and
    `from_dict` make counts; `from_tsv` and `from_arrow` read those of other programs. Counts with equal
    recipes can be added with ``+``.

    Attributes
    ----------
    code_points : ndarray of uint32, shape (n,)
        Code points of all pretokens, concatenated. A byte 0xNN that is not part of valid UTF-8 is
        U+DCNN, as with Python's error handler "surrogateescape".
    offsets : ndarray of int64, shape (k + 1,)
        Start of each pretoken in `code_points`, followed by n.
    counts : ndarray of int64, shape (k,)
        Count of each pretoken, at least 1.
    recipe : Recipe
        Record of how the text was split into pretokens.

    Examples
    --------
    >>> import fasttok as ft
    >>> counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2})
    >>> counts
    PretokenCounts(2 distinct of 7, pretokenizer='o200k')
    >>> (counts + counts).to_dict()
    {b'low': 10, b'lower': 4}
    """

    code_points: NDArray[np.uint32]
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]
    recipe: Recipe

    @classmethod
    def from_dict(
        cls,
        counts: Mapping[str, int] | Mapping[bytes, int],
        pretokenizer: AnyPretokenizer = DEFAULT_PRETOKENIZER,
        normalizer: AnyNormalizer = None,
    ) -> PretokenCounts:
        """Make counts from a mapping of pretoken to count.

        Parameters
        ----------
        counts : mapping of str or bytes to int
            Count of each pretoken, at least 1. The pretokens are neither normalized nor split.
        pretokenizer : str, sequence, dict or Pretokenizer
            Pretokenizer of the tokenizers that are trained on these counts.
        normalizer : str, sequence, dict or Normalizer, optional
            Normalizer of the tokenizers that are trained on these counts.

        Returns
        -------
        PretokenCounts

        Raises
        ------
        TypeError
            If `counts` is not a mapping.
        ValueError
            If a pretoken is empty, or a count is not an integer from 1 to 2^63 - 1.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.PretokenCounts.from_dict({"low": 5, b"\\xff": 2}).most_common(1)
        [(b'low', 5)]
        """
        checked_mapping("counts", counts, "pretokens to counts")
        rows: list[bytes] = []
        for pretoken, count in counts.items():
            if not isinstance(pretoken, (str, bytes)):
                raise TypeError(
                    f"each pretoken in counts must be str or bytes, not {describe_type(pretoken)}"
                )
            row = _encode(pretoken)
            if not row:
                raise ValueError("counts: a pretoken must not be empty")
            if (
                isinstance(count, bool)
                or not isinstance(count, (int, np.integer))
                or not 1 <= count < 1 << 63
            ):
                raise ValueError(
                    f"counts: the count of {describe(pretoken)} must be an integer from 1 to 2^63 - 1, not "
                    f"{describe(count)}"
                )
            rows.append(row)
        values = np.array(list(counts.values()), np.int64)
        recipe = _make_recipe(get_pretokenizer(pretokenizer), normalizer)
        return cls._from_texts(Ragged.from_bytes(rows), values, recipe)

    @classmethod
    def _from_texts(
        cls,
        texts: Ragged,
        counts: NDArray[np.int64],
        recipe: Recipe,
        steps: tuple[AnyPretokenizer | None, AnyNormalizer] | None = None,
    ) -> PretokenCounts:
        """Make counts from pretokens, or from texts that `steps` split; a text may occur several times."""
        if steps is None:
            table = PretokenTable()
            table.add(texts.values, texts.offsets, counts)
        else:
            pretokenizer, normalizer = steps
            table = count_texts(
                texts, counts, DEFAULT_PRETOKENIZER if pretokenizer is None else pretokenizer, normalizer
            )
        return cls.from_table(table, recipe)

    @classmethod
    def from_tsv(
        cls,
        path: str | os.PathLike[str],
        pretokenizer: AnyPretokenizer | None = None,
        normalizer: AnyNormalizer = None,
        *,
        recipe: Recipe | None = None,
        split: bool = False,
        escapes: bool = False,
        header: bool = False,
    ) -> PretokenCounts:
        r"""Read counts from lines of a text, a tab and a count, the TSV input of sentencepiece.

        The counts of texts that occur in several lines are added. Lines end with ``\n`` or ``\r\n``. Bytes
        that are not UTF-8 are kept. O(n) for a file of n bytes.

        Parameters
        ----------
        path : str or os.PathLike
            File to read.
        pretokenizer : str, sequence, dict or Pretokenizer, optional
            Pretokenizer of the tokenizers that are trained on these counts. Default: "o200k".
        normalizer : str, sequence, dict or Normalizer, optional
            Normalizer of the tokenizers that are trained on these counts.
        recipe : Recipe, optional
            Recipe of the counts, such as that of counts written by `to_tsv`; instead of `pretokenizer` and
            `normalizer`. The file does not contain it.
        split : bool, default False
            Whether each text is a document, as for sentencepiece: it is normalized and split, and its
            pretokens have its count. By default each text is one pretoken.
        escapes : bool, default False
            Whether ``\t``, ``\n``, ``\r``, ``\\`` and ``\xNN`` in texts are escapes; see `to_tsv`.
        header : bool, default False
            Whether the first line contains names and is skipped.

        Returns
        -------
        PretokenCounts

        Raises
        ------
        CorpusError
            If a line is not a text, one tab and an integer from 1 to 2^63 - 1, or a pretoken is empty.
        OverflowError
            If the sum of the counts of a pretoken exceeds 2^63 - 1.
        ValueError
            If `recipe` is combined with `pretokenizer`, `normalizer` or `split`.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import fasttok as ft
        >>> path = Path(tempfile.mkdtemp(), "words.tsv")
        >>> _ = path.write_text("the cat\t3\nthe\t2\n")
        >>> ft.PretokenCounts.from_tsv(path, "metaspace", split=True).to_dict()
        {b'\xe2\x96\x81the': 5, b'\xe2\x96\x81cat': 3}
        """
        name = checked_path("path", path)
        checked_flag("escapes", escapes)
        checked_flag("header", header)
        chosen = _choose_recipe(recipe, pretokenizer, normalizer, split)
        texts, counts = read_tsv(name, escapes=escapes, header=header, allows_empty=split)
        return cls._from_texts(texts, counts, chosen, (pretokenizer, normalizer) if split else None)

    def to_tsv(self, path: str | os.PathLike[str], *, escapes: bool = False) -> None:
        r"""Write lines of a pretoken, a tab and its count, most frequent first, atomically.

        sentencepiece reads such a file with ``input_format="tsv"``. The recipe is not in the file, so it must
        be passed to `from_tsv`. A pretoken that is not UTF-8 is written as it is.

        Parameters
        ----------
        path : str or os.PathLike
            File to write.
        escapes : bool, default False
            Whether a tab, line feed, carriage return or backslash in a pretoken is written as ``\t``,
            ``\n``, ``\r`` or ``\\``, and a byte that is not UTF-8 as ``\xNN``. Other programs do not
            read these escapes.

        Raises
        ------
        ModelExportError
            If a pretoken contains a tab, line feed or carriage return, or the file would begin with a byte
            order mark, and `escapes` is False.
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> from pathlib import Path
        >>> import fasttok as ft
        >>> path = Path(tempfile.mkdtemp(), "counts.tsv")
        >>> counts = ft.PretokenCounts.from_dict({"low": 5, "\n": 2})
        >>> counts.to_tsv(path, escapes=True)
        >>> path.read_text()
        'low\t5\n\\n\t2\n'
        >>> ft.PretokenCounts.from_tsv(path, escapes=True) == counts
        True
        """
        write_tsv(
            checked_path("path", path), self.text, self.counts, escapes=checked_flag("escapes", escapes)
        )

    @classmethod
    def from_arrow(
        cls,
        table: Any,
        pretokenizer: AnyPretokenizer | None = None,
        normalizer: AnyNormalizer = None,
        *,
        recipe: Recipe | None = None,
        split: bool = False,
        text_column: str | None = None,
        count_column: str | None = None,
    ) -> PretokenCounts:
        """Read counts from an Arrow or Parquet table with a column of texts and one of counts.

        Spark, DuckDB, pandas and polars make such tables. The counts of texts in several rows are added. O(n)
        for a table of n bytes. Requires pyarrow.

        Parameters
        ----------
        table : object with ``__arrow_c_stream__``, str or os.PathLike
            Arrow table, data frame or query result; or the path of a Parquet file, an Arrow file, or a folder
            of Parquet files. Texts are strings or bytes, which need not be UTF-8; counts are integers, or
            decimals without fractional digits.
        pretokenizer : str, sequence, dict or Pretokenizer, optional
            Pretokenizer of the tokenizers that are trained on these counts. Default: that of the recipe in
            the metadata of a table made by `to_arrow`, or else "o200k".
        normalizer : str, sequence, dict or Normalizer, optional
            Normalizer of the tokenizers that are trained on these counts. Default: that of the recipe in the
            metadata, or else none.
        recipe : Recipe, optional
            Recipe of the counts, instead of `pretokenizer` and `normalizer`.
        split : bool, default False
            Whether each text is a document: it is normalized and split, and its pretokens have its count. By
            default each text is one pretoken.
        text_column, count_column : str, optional
            Names of the columns. Default: "pretoken" and "count" if they exist, or else the only column of
            text and the only column of integers.

        Returns
        -------
        PretokenCounts

        Raises
        ------
        ImportError
            If pyarrow is not installed.
        CorpusError
            If a column is missing or has another type, a text or count is null, a pretoken is empty, or a
            count is not from 1 to 2^63 - 1.
        RecipeError
            If `recipe`, or `pretokenizer` and `normalizer`, differ from the recipe in the metadata.
        OverflowError
            If the sum of the counts of a pretoken exceeds 2^63 - 1.
        TypeError
            If `table` is neither an Arrow table nor a path.
        ValueError
            If `recipe` is combined with `pretokenizer`, `normalizer` or `split`.

        Examples
        --------
        >>> import fasttok as ft
        >>> import pyarrow as pa
        >>> words = pa.table({"word": ["low", "lower", "low"], "n": [3, 2, 2]})
        >>> ft.PretokenCounts.from_arrow(words, "whitespace_split").to_dict()
        {b'low': 5, b'lower': 2}
        """
        for name, value in {"text_column": text_column, "count_column": count_column}.items():
            if value is not None:
                checked_text(name, value)
        chosen = _choose_recipe(recipe, pretokenizer, normalizer, split)
        texts, counts, written = read_table(table, text_column, count_column, allows_empty=split)
        if split:
            return cls._from_texts(texts, counts, chosen, (pretokenizer, normalizer))
        if written is not None:
            if recipe is not None:
                _check_written(written, recipe, *asdict(recipe))
            if pretokenizer is not None:
                _check_written(written, chosen, "pretokenizer")
            if normalizer is not None:
                _check_written(written, chosen, "normalizer")
            chosen = written
        return cls._from_texts(texts, counts, chosen)

    def to_arrow(self, *, binary: bool = False) -> pa.Table:
        """Return an Arrow table with the columns "pretoken" and "count", most frequent first.

        The metadata of the table contains the recipe. Parquet files keep it; most programs that make a new
        table drop it. Requires pyarrow.

        Parameters
        ----------
        binary : bool, default False
            Whether the pretokens are bytes (large_binary), so that they need not be UTF-8. By default they
            are text (large_string).

        Returns
        -------
        pyarrow.Table

        Raises
        ------
        ImportError
            If pyarrow is not installed.
        ModelExportError
            If a pretoken is not UTF-8, and `binary` is False.

        Examples
        --------
        >>> import fasttok as ft
        >>> counts = ft.PretokenCounts.from_dict({"low": 5, "lower": 2})
        >>> counts.to_arrow().to_pydict()
        {'pretoken': ['low', 'lower'], 'count': [5, 2]}
        >>> ft.PretokenCounts.from_arrow(counts.to_arrow()) == counts
        True
        """
        return make_table(self.text, self.counts, self.recipe, binary=checked_flag("binary", binary))

    @classmethod
    def from_table(cls, table: PretokenTable, recipe: Recipe) -> PretokenCounts:
        """Make counts from a hash table of k pretokens in O(k log k); do not use the table afterwards."""
        checked_instance("table", table, PretokenTable, "a PretokenTable")
        checked_instance("recipe", recipe, Recipe, "a Recipe")
        table.sort(by_count=True)
        text, offsets, counts = table.rows()
        return cls.from_sorted(Ragged(text, offsets), counts, recipe)

    @classmethod
    def from_sorted(cls, rows: Ragged, counts: NDArray[np.int64], recipe: Recipe) -> PretokenCounts:
        """Make counts from k distinct pretokens, in O(k log k).

        Parameters
        ----------
        rows : Ragged of uint8
            Distinct pretokens in UTF-8. Those with the same count must be sorted by their bytes.
        counts : ndarray of int64, shape (k,)
            Count of each pretoken.
        recipe : Recipe
            Record of how the text was split into pretokens.
        """
        checked_instance("rows", rows, Ragged, "a Ragged of uint8")
        checked_instance("counts", counts, np.ndarray, "an ndarray of int64")
        if rows.values.dtype != np.uint8 or counts.dtype != np.int64 or counts.shape != (len(rows),):
            raise ValueError(
                f"rows must be of uint8 and counts of int64, one per row, not {rows.values.dtype} and "
                f"{counts.dtype} for {len(rows):,} rows"
            )
        order = np.argsort(-counts, kind="stable")
        rows = rows.take(order)
        code_points = np.empty(len(rows.values), np.uint32)
        offsets = np.zeros(len(rows) + 1, np.int64)
        n = decode_code_points(rows.values, rows.offsets, code_points, offsets)
        code_points.resize(n, refcheck=False)  # frees the unused part; safe, as there is no other reference
        return cls(code_points, offsets, counts[order], recipe)

    def __post_init__(self) -> None:
        dtypes = {"code_points": np.uint32, "offsets": np.int64, "counts": np.int64}
        for name, dtype in dtypes.items():
            array = getattr(self, name)
            if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != 1:
                raise TypeError(
                    f"{name} must be a flat array of {dtype.__name__}, not {describe_type(array)}"
                )
        if len(self.offsets) != len(self.counts) + 1 or self.offsets[-1] > len(self.code_points):
            raise ValueError(
                "offsets must have one entry more than counts and end at the number of code_points, but have "
                f"{len(self.offsets):,} entries for {len(self.counts):,} counts and "
                f"{len(self.code_points):,} code_points"
            )
        checked_instance("recipe", self.recipe, Recipe, "a Recipe")
        for name in dtypes:
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def __reduce__(self) -> tuple[Any, ...]:
        # pickle does not keep arrays read-only, so the constructor makes the arrays of the copy read-only.
        return type(self), (self.code_points, self.offsets, self.counts, self.recipe)

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def total(self) -> int:
        """Number of pretokens in the corpus: the sum of all counts."""
        return sum(self.counts.tolist())

    @property
    def text(self) -> Ragged:
        """Distinct pretokens as UTF-8: Ragged of uint8."""
        values = np.empty(4 * len(self.code_points), np.uint8)
        offsets = np.zeros(len(self) + 1, np.int64)
        n = encode_code_points(self.code_points, self.offsets, values, offsets)
        return Ragged(values[:n].copy(), offsets)

    def symbols(self, unit: Literal["byte", "character"]) -> Ragged:
        """Return the distinct pretokens as rows of bytes or code points.

        Parameters
        ----------
        unit : {"byte", "character"}
            Unit of the symbols: bytes of UTF-8 (0 to 255), or code points.

        Returns
        -------
        Ragged of uint32
            Symbols, one row per pretoken.

        Examples
        --------
        >>> import fasttok as ft
        >>> counts = ft.PretokenCounts.from_dict({"né": 1})
        >>> counts.symbols("byte").to_list(), counts.symbols("character").to_list()
        ([[110, 195, 169]], [[110, 233]])
        """
        if checked_choice("unit", unit, "byte", "character") == "character":
            return Ragged(self.code_points, self.offsets)
        text = self.text
        return Ragged(text.values.astype(np.uint32), text.offsets)

    def to_dict(self) -> dict[bytes, int]:
        """Return a dict from pretoken to count, most frequent first."""
        return dict(zip(self.text.to_bytes(), self.counts.tolist(), strict=True))

    def most_common(self, n: int) -> list[tuple[bytes, int]]:
        """Return the `n` most frequent pretokens and their counts."""
        n = max(0, min(checked_integer("n", n), len(self)))
        offsets = self.offsets[: n + 1]
        head = PretokenCounts(self.code_points[: offsets[-1]], offsets, self.counts[:n], self.recipe)
        return list(head.to_dict().items())

    def __add__(self, other: PretokenCounts) -> PretokenCounts:
        if not isinstance(other, PretokenCounts):
            return NotImplemented
        return self.mix([(self, 1), (other, 1)])

    def weighted(self, weight: Weight) -> PretokenCounts:
        """Return counts multiplied by `weight` and rounded half up; pretokens with a count of 0 are removed.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.PretokenCounts.from_dict({"a": 5, "b": 1}).weighted(0.5).to_dict()
        {b'a': 3, b'b': 1}
        """
        return self.mix([(self, weight)])

    @staticmethod
    def mix(parts: Iterable[tuple[PretokenCounts, Weight]]) -> PretokenCounts:
        """Add counts with weights, for example the counts of several languages.

        The weighted sum of a pretoken is computed exactly and rounded once, half up. Pretokens whose sum
        rounds to 0 are removed.

        Parameters
        ----------
        parts : iterable of (PretokenCounts, weight)
            Counts and their weights, at least 0. A float is taken as the decimal number that it prints as,
            so 0.1 is exactly one tenth. A ``str`` may be a fraction like "1/3".

        Returns
        -------
        PretokenCounts

        Raises
        ------
        RecipeError
            If the parts have different recipes.
        OverflowError
            If a count exceeds 2^63 - 1.
        TypeError, ValueError
            If there are no parts, a part is not a pair of counts and weight, or a weight is negative or not a
            finite number.

        Examples
        --------
        >>> import fasttok as ft
        >>> en = ft.PretokenCounts.from_dict({"the": 10, "a": 3})
        >>> de = ft.PretokenCounts.from_dict({"der": 8, "a": 1})
        >>> ft.PretokenCounts.mix([(en, 1), (de, 0.5)]).to_dict()
        {b'the': 10, b'a': 4, b'der': 4}
        """
        given = checked_items("parts", parts, "pairs of counts and weight")
        pairs = [_checked_part(i, part) for i, part in enumerate(given)]
        if not pairs:
            raise ValueError("cannot mix counts: no parts were given")
        recipe = pairs[0][0].recipe
        for counts, _ in pairs[1:]:
            if counts.recipe != recipe:
                ours, theirs = asdict(recipe), asdict(counts.recipe)
                differ = ", ".join(f"{k} {ours[k]!r} and {theirs[k]!r}" for k in ours if ours[k] != theirs[k])
                raise RecipeError(f"cannot add counts with different recipes: {differ}")
        return PretokenCounts.from_sorted(*add_weighted(pairs), recipe)

    def fingerprint(self) -> str:
        """Return a SHA-256 hash of pretokens, counts and recipe, in hexadecimal."""
        digest = hashlib.sha256(f"{FORMAT} {VERSION} {self.recipe.to_json()}".encode())
        for array in (self.offsets, self.code_points, self.counts):
            digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
        return digest.hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PretokenCounts):
            return NotImplemented
        return (
            self.recipe == other.recipe
            and np.array_equal(self.counts, other.counts)
            and np.array_equal(self.offsets, other.offsets)
            and np.array_equal(self.code_points, other.code_points)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        name = short_name(self.recipe.pretokenizer)
        return f"PretokenCounts({len(self):,} distinct of {self.total:,}, pretokenizer={name!r})"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the counts to an ``.npz`` file, atomically. Equal counts give equal files."""
        write_arrays(checked_path("path", path), self.recipe, self.code_points, self.offsets, self.counts)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PretokenCounts:
        """Read a file written by `save`.

        Returns
        -------
        PretokenCounts

        Raises
        ------
        ModelFormatError
            If the file was not written by `save`, or its content is invalid.
        """
        name = checked_path("path", path)
        recipe, code_points, offsets, values = read_arrays(name)
        counts = cls(code_points, offsets, values, recipe)
        table = PretokenTable()
        text = counts.text
        table.add(text.values, text.offsets, counts.counts)
        if cls.from_table(table, recipe) != counts:
            raise ModelFormatError("rows are not sorted, or a pretoken is repeated", name, "code_points")
        return counts


def _make_recipe(pretokenizer: AnyPretokenizer | None, normalizer: AnyNormalizer) -> Recipe:
    """Return the recipe of whole documents; None is the default pretokenizer."""
    chosen = get_pretokenizer(DEFAULT_PRETOKENIZER if pretokenizer is None else pretokenizer)
    first = get_normalizer(normalizer)
    return Recipe(chosen.config(), None if first is None else first.config())


def _choose_recipe(recipe: Recipe | None, pretokenizer: Any, normalizer: Any, split: bool) -> Recipe:
    """Return the recipe for the texts of a file, from arguments only some of which can be combined."""
    checked_flag("split", split)
    if recipe is None:
        return _make_recipe(pretokenizer, normalizer)
    checked_instance("recipe", recipe, Recipe, "a Recipe")
    if pretokenizer is not None or normalizer is not None or split:
        raise ValueError("recipe cannot be combined with pretokenizer, normalizer or split=True")
    return recipe


def _check_written(written: Recipe, given: Recipe, *parts: str) -> None:
    """Raise an error if parts of a recipe that was given are not those of the recipe in a file."""
    for part in parts:
        ours, theirs = getattr(given, part), getattr(written, part)
        if ours != theirs:
            raise RecipeError(f"the {part} {ours!r} is not that of the recipe in the table, {theirs!r}")


def _encode(pretoken: str | bytes) -> bytes:
    if isinstance(pretoken, bytes):
        return pretoken
    try:
        return pretoken.encode(errors="surrogateescape")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"counts: {describe(pretoken)} has a lone surrogate at position {error.start}"
        ) from None


def _checked_part(i: int, part: Any) -> tuple[PretokenCounts, Fraction]:
    if not isinstance(part, tuple) or len(part) != 2 or not isinstance(part[0], PretokenCounts):
        raise TypeError(
            f"parts[{i}]: mix takes pairs of PretokenCounts and weight, such as [(counts, 1), (other, 0.5)], "
            f"not {describe_type(part)}"
        )
    return part[0], exact_weight(part[1])
