"""`NGram`: n-gram language models over ids."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fasttok.core.checks import (
    checked_choice,
    checked_integer,
    checked_number,
    checked_path,
    checked_seed,
    checked_size,
    describe,
)
from fasttok.core.errors import ModelFormatError
from fasttok.core.ids import Ids, as_id_array, as_ids
from fasttok.core.ragged import Ragged, read_only
from fasttok.corpus.corpus import Corpus
from fasttok.lm.documents import Source, join, open_source
from fasttok.lm.files import Header, load_model, save_model
from fasttok.lm.levels import MOST_SYMBOLS, Level, count_levels
from fasttok.lm.logarithms import compute_log2
from fasttok.lm.smoothing import AddK, KneserNey, Smoothing
from fasttok.tokens.store import TokenStore

MOST_ORDER = 5
LN_2 = 0.6931471805599453
Documents = TokenStore | Ragged | Corpus | Iterable[str | bytes] | Iterable[Ids]


class NGram:
    """N-gram language model over ids: each id is predicted from the ids before it, at most ``order - 1``.

    Parameters
    ----------
    order : int
        Length of the longest n-grams, from 1 to 5; 3 is a trigram model.
    smoothing : {"kneser_ney", "add_k"}
        "kneser_ney": interpolated Kneser-Ney smoothing with three discounts per length. "add_k": `k` is added
        to the count of every n-gram of the full length. It is easy to explain, and much worse.
    k : float
        Number that "add_k" adds, above 0.

    Attributes
    ----------
    order, smoothing, k
        The parameters.

    Raises
    ------
    TypeError, ValueError
        If a parameter has the wrong type or is out of range.

    Notes
    -----
    **Documents.** No n-gram crosses the border of a document. Each document begins with a begin symbol, which
    is never predicted, and ends with an end symbol, which is predicted like an id. If a store records the id
    of a separator, this is the end symbol. Otherwise the end symbol is one more id, ``vocab_size``.

    **Kneser-Ney smoothing** is that of Chen and Goodman (1998), "An empirical study of smoothing techniques
    for language modeling", section 3. With the context h, and h' the context without its first symbol::

        p(w | h) = max(c(h w) - D(c(h w)), 0) / c(h) + g(h) p(w | h')

    c(h) is the sum of c(h w) over all w, and g(h) makes the sum of all probabilities 1. The shortest context
    is followed by the uniform distribution over all ids and the end symbol, so no probability is 0. c counts
    occurrences for the longest n-grams, and for n-grams at the beginning of a document, which have nothing
    before them; for others, it counts the different symbols before them.

    D has one value for counts of 1, one for 2, and one for 3 and more. The values are estimated for each
    length from the numbers n1 to n4 of n-grams with counts from 1 to 4. Small texts may have no n-gram with a
    count of 1, 2 or 3, or give a discount that is not above 0 or is more than the count. The discounts of
    this length are then 0.5, 1 and 1.5, which KenLM uses in this case.

    **Size.** `fit` takes O(n log n) time for n ids, and about 60 bytes of memory per id and per document. A
    model has 16 bytes per distinct n-gram, and 24 more per n-gram that is shorter than `order`. Probabilities
    and bits have the same value on every machine.

    Examples
    --------
    >>> import fasttok as ft
    >>> corpus = ft.Corpus.from_files(ft.parallel_sample()["eng"], document="line")
    >>> tok = ft.train(corpus, vocab_size=300)
    >>> lm = ft.lm.NGram(order=3).fit(corpus, tok)
    >>> lm
    NGram(order=3, smoothing="kneser_ney": 300 ids, 3,072 n-grams)
    >>> round(lm.bits_per_byte(["The train leaves at noon."], tok), 2)
    2.37
    """

    def __init__(
        self, order: int = 3, smoothing: Literal["kneser_ney", "add_k"] = "kneser_ney", k: float = 1.0
    ) -> None:
        self.order = checked_integer("order", order)
        if not 1 <= self.order <= MOST_ORDER:
            raise ValueError(f"order must be from 1 to {MOST_ORDER}, not {describe(order)}")
        self.smoothing = checked_choice("smoothing", smoothing, "kneser_ney", "add_k")
        self.k = checked_number("k", k)
        if self.k <= 0:
            raise ValueError(f"k must be above 0, not {describe(k)}")
        if self.smoothing != "add_k" and self.k != 1:
            raise ValueError(f'k is only for smoothing="add_k", not for {smoothing!r}')
        self._found: _Fitted | None = None

    def fit(self, source: Documents, tok: Any = None) -> NGram:
        """Count the n-grams of documents. What was counted before is forgotten.

        Parameters
        ----------
        source : TokenStore, Ragged, Corpus, or iterable of rows of ids or of texts
            Documents for training: stored ids, one row of ids per document, or texts.
        tok : Tokenizer, result of `fasttok.wrap`, or int, optional
            Tokenizer that encodes the texts. For rows of ids, their tokenizer or the number of ids. Not for a
            store.

        Returns
        -------
        NGram
            The model itself.

        Raises
        ------
        TypeError, ValueError
            If an argument is missing or has the wrong type, or there are no documents.
        IndexError
            If an id is not in the vocabulary.
        FasttokError
            If a text cannot be read or encoded.

        Examples
        --------
        >>> import fasttok as ft
        >>> lm = ft.lm.NGram(order=1, smoothing="add_k").fit([[0, 1, 1], [1]], 2)
        >>> lm.probabilities([]).round(2).tolist()
        [0.22, 0.44, 0.33]
        """
        opened = open_source(source, tok)
        vocab_size, end_id = opened.vocab_size, opened.separator_id
        if end_id is None:
            end_id = vocab_size
        begin = max(vocab_size, end_id + 1)
        parts = [join(part.rows, end_id, begin)[0] for part in opened.read()]
        n_symbols = sum(map(len, parts))
        if not n_symbols:
            raise ValueError("source must have at least one document")
        if n_symbols >= MOST_SYMBOLS:
            raise ValueError(f"source must have fewer than 2^32 ids, not {n_symbols:,}; fit a sample of it")
        levels = count_levels(np.concatenate(parts), begin, self.order)
        self._set(levels, vocab_size, end_id, opened.fingerprint)
        return self

    def _set(self, levels: list[Level], vocab_size: int, end_id: int, fingerprint: str | None) -> None:
        begin = max(vocab_size, end_id + 1)
        is_add_k = self.smoothing == "add_k"
        smoothing = AddK(levels, begin, self.k) if is_add_k else KneserNey(levels, begin)
        self._found = _Fitted(smoothing, vocab_size, end_id, fingerprint)

    # What was fitted

    @property
    def _fitted(self) -> _Fitted:
        if self._found is None:
            raise ValueError("the model has not been fitted; call fit first")
        return self._found

    @property
    def vocab_size(self) -> int:
        """Number of ids.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.lm.NGram().fit([[0, 1]], 2).vocab_size
        2
        """
        return self._fitted.vocab_size

    @property
    def end_id(self) -> int:
        """Id of the end symbol: the separator of the store, or `vocab_size`.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.lm.NGram().fit([[0, 1]], 2).end_id
        2
        """
        return self._fitted.end_id

    @property
    def n_ngrams(self) -> tuple[int, ...]:
        """Number of distinct n-grams of each length, from 1 to `order`.

        They include the end symbol and, except for the length 1, the begin symbol.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.lm.NGram(order=2).fit([[0, 1, 0, 1]], 2).n_ngrams
        (3, 4)
        """
        first, *others = map(len, self._fitted.smoothing.levels)
        return first - 1, *others

    @property
    def discounts(self) -> NDArray[np.float64]:
        """Discounts of counts of 1, of 2, and of 3 or more: read-only, shape (order, 3).

        Row i is that of the n-grams of length i + 1.

        Raises
        ------
        ValueError
            If the smoothing is not "kneser_ney".

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.lm.NGram(order=2).fit([[0, 1, 0, 1]], 2).discounts.tolist()
        [[0.5, 1.0, 1.5], [0.5, 1.0, 1.5]]
        """
        model = self._fitted.smoothing
        if not isinstance(model, KneserNey):
            raise ValueError(f'smoothing must be "kneser_ney" for discounts, not "{self.smoothing}"')
        return read_only(model.discounts)

    # Probabilities

    def probabilities(self, history: Ids) -> NDArray[np.float64]:
        """Return the probability of each id, and of the end symbol, after the first ids of a document.

        Parameters
        ----------
        history : array_like of int, shape (n,)
            All ids of the document so far; only the last ``order - 1`` matter.

        Returns
        -------
        ndarray of float64
            Probabilities, with the sum 1; number i is that of id i. The shape is (vocab_size + 1,), or
            (vocab_size,) if the end symbol is one of the ids.

        Raises
        ------
        TypeError, IndexError
            If `history` is not a row of ids of the vocabulary.

        Notes
        -----
        O(order * vocab_size).

        Examples
        --------
        >>> import fasttok as ft
        >>> lm = ft.lm.NGram(order=2).fit([[0, 1, 0]], 2)
        >>> lm.probabilities([0]).round(3).tolist()
        [0.208, 0.396, 0.396]
        """
        return self._fitted.smoothing.distribute(self._context(self._checked_ids("history", history)))

    def _context(self, ids: NDArray[Any]) -> list[int]:
        n = self.order - 1
        context = [self._fitted.smoothing.n_symbols, *ids[len(ids) - min(len(ids), n) :].tolist()]
        return context[len(context) - min(len(context), n) :]

    def _checked_ids(self, name: str, ids: Any) -> NDArray[Any]:
        return as_id_array(as_ids(ids, name), self.vocab_size, name)

    def log_probabilities(self, ids: Ids) -> NDArray[np.float64]:
        """Return the natural logarithm of the probability of each id of a document, and of its end.

        Parameters
        ----------
        ids : array_like of int, shape (n,)
            All ids of a document.

        Returns
        -------
        ndarray of float64
            Entry i is the logarithm of ``probabilities(ids[:i])[ids[i]]``, and the last entry is that of the
            end symbol. So the shape is (n + 1,), or (n,) if the last id is the end symbol itself.

        Raises
        ------
        TypeError, IndexError
            If `ids` is not a row of ids of the vocabulary.

        Examples
        --------
        >>> import fasttok as ft
        >>> lm = ft.lm.NGram(order=2).fit([[0, 1, 0]], 2)
        >>> lm.log_probabilities([0, 1]).round(3).tolist()
        [-0.345, -0.927, -1.925]
        """
        row = self._checked_ids("ids", ids).astype(np.uint32)
        fitted = self._fitted
        symbols, _ = join(Ragged.from_arrays([row]), fitted.end_id, fitted.smoothing.n_symbols)
        logarithms: NDArray[np.float64] = compute_log2(fitted.smoothing.score(symbols)[1:]) * LN_2
        return logarithms

    def sample(self, seed: int, length: int) -> NDArray[np.uint32]:
        """Return the ids of a random document, drawn with the probabilities of the model.

        Parameters
        ----------
        seed : int
            Seed of the random numbers, from 0 to 2^64 - 1.
        length : int
            Largest number of ids. The document is shorter if its end is drawn before.

        Returns
        -------
        ndarray of uint32
            The ids, without the end symbol.

        Raises
        ------
        TypeError, ValueError
            If an argument has the wrong type or is out of range.

        Notes
        -----
        The numbers are those of a Philox generator with the key `seed`: number z gives ``u = (z >> 11) /
        2^53``, and the id is the first one with which the sum of probabilities exceeds u. O(length *
        vocab_size).

        Examples
        --------
        >>> import fasttok as ft
        >>> texts = ["low lower", "lower lowest", "low"]
        >>> tok = ft.train(ft.Corpus.from_texts(texts), model="character")
        >>> lm = ft.lm.NGram(order=4).fit(texts, tok)
        >>> [tok.decode(lm.sample(seed, length=20)) for seed in range(3)]
        [' lower', 'lse t oloret', 'oowoowlsw']
        """
        generator = np.random.Philox(key=checked_seed("seed", seed))
        most = checked_size("length", length, 0)
        ids: list[int] = []
        while len(ids) < most:
            sums = np.cumsum(
                self._fitted.smoothing.distribute(self._context(np.array(ids[-MOST_ORDER:], np.int64)))
            )
            u = float(generator.random_raw() >> 11) * 2.0**-53
            i = int(np.searchsorted(sums, u * sums[-1], side="right"))
            if i == self._fitted.end_id:
                break
            ids.append(i)
        return np.array(ids, np.uint32)

    # Test texts

    def bits(self, source: Documents, tok: Any = None) -> NDArray[np.float64]:
        """Return the number of bits of each document: minus the base 2 logarithm of its probability.

        Parameters
        ----------
        source, tok
            Documents, as in `fit`; `tok` need not be given for rows of ids.

        Returns
        -------
        ndarray of float64, shape (n_documents,)
            Bits of all ids of each document and of its end symbol.

        Raises
        ------
        TypeError, ValueError, IndexError, FasttokError
            As in `fit`; and if the ids are those of another tokenizer, or documents end with another id.

        Notes
        -----
        O(n log m) time for n ids and m distinct n-grams. The memory does not depend on n for a store, or a
        corpus, whose documents have at most 4 million ids.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.lm.NGram(order=2).fit([[0, 1, 0]], 2).bits([[0, 1], []]).round(3).tolist()
        [4.612, 2.778]
        """
        opened = self._open(source, tok)
        return np.concatenate([np.empty(0), *(self._measure(part.rows)[0] for part in opened.read())])

    def cross_entropy(self, source: Documents, tok: Any = None) -> float:
        """Return the cross-entropy: the mean number of bits per symbol, of all ids and end symbols.

        It depends on the tokenizer: longer tokens are harder to predict. Compare tokenizers by
        `bits_per_byte`.

        Parameters
        ----------
        source, tok
            Documents, as in `bits`.

        Returns
        -------
        float
            Bits per symbol; NaN if there are no documents.

        Raises
        ------
        TypeError, ValueError, IndexError, FasttokError
            As in `bits`.

        Examples
        --------
        >>> import fasttok as ft
        >>> round(ft.lm.NGram(order=2).fit([[0, 1, 0]], 2).cross_entropy([[0, 1], []]), 3)
        1.847
        """
        n_bits, n_symbols, _ = self._total(source, tok)
        return n_bits / n_symbols if n_symbols else float("nan")

    def perplexity(self, source: Documents, tok: Any = None) -> float:
        """Return the perplexity, 2 to the power of the cross-entropy; it depends on the tokenizer as this
        does.

        Parameters
        ----------
        source, tok
            Documents, as in `bits`.

        Returns
        -------
        float
            Perplexity per symbol, from 1 on; NaN if there are no documents.

        Raises
        ------
        TypeError, ValueError, IndexError, FasttokError
            As in `bits`.

        Examples
        --------
        >>> import fasttok as ft
        >>> round(ft.lm.NGram(order=2).fit([[0, 1, 0]], 2).perplexity([[0, 1], []]), 3)
        3.599
        """
        return float(2.0 ** self.cross_entropy(source, tok))

    def bits_per_byte(self, source: Documents, tok: Any = None, *, n_bytes: int | None = None) -> float:
        """Return the number of bits of all documents, divided by the number of bytes of their text in UTF-8.

        The bits are those of all ids and of one end symbol per document, whatever the tokenizer. So the
        result can be compared between tokenizers that restore the text: fewer is better. It is an upper bound
        for a model of text, as the same text has other segmentations too.

        Parameters
        ----------
        source, tok
            Documents, as in `bits`.
        n_bytes : int, optional
            Number of bytes of the text; needed for rows of ids, and for a store that does not record it.

        Returns
        -------
        float
            Bits per byte.

        Raises
        ------
        TypeError, ValueError, IndexError, FasttokError
            As in `bits`; and if the number of bytes is not known, or is 0.

        Examples
        --------
        >>> import fasttok as ft
        >>> lm = ft.lm.NGram(order=2).fit([[0, 1, 0]], 2)
        >>> round(lm.bits_per_byte([[0, 1], []], n_bytes=4), 3)
        1.847
        """
        given = None if n_bytes is None else checked_size("n_bytes", n_bytes, 1)
        n_bits, _, known = self._total(source, tok, needs_bytes=given is None)
        total = known if given is None else given
        if not total:
            raise ValueError("source has no text, so it has no bits per byte")
        return n_bits / total

    def _total(self, source: Any, tok: Any, needs_bytes: bool = False) -> tuple[float, int, int]:
        """Return the number of bits, of symbols and of bytes, which is 0 if it is unknown."""
        opened = self._open(source, tok)
        n_bits, n_symbols, n_bytes = 0.0, 0, opened.n_bytes or 0
        for part in opened.read():
            if needs_bytes and part.n_bytes is None and opened.n_bytes is None:
                raise ValueError("n_bytes must be given: the number of bytes of the text is not recorded")
            bits, n = self._measure(part.rows)
            n_bits += sum(bits.tolist())
            n_symbols += n
            n_bytes += part.n_bytes or 0
        return n_bits, n_symbols, n_bytes

    def _open(self, source: Any, tok: Any) -> Source:
        """Return test documents, which must be in the ids of the model."""
        fitted = self._fitted
        opened = open_source(source, tok, fitted.vocab_size)
        if opened.vocab_size != fitted.vocab_size:
            raise ValueError(
                f"source has a vocabulary of {opened.vocab_size:,} ids, but the model was fitted with "
                f"{fitted.vocab_size:,}; use the same tokenizer"
            )
        if fitted.fingerprint and opened.fingerprint and fitted.fingerprint != opened.fingerprint:
            raise ValueError(
                "source has ids of another tokenizer than that of the training text; use the same tokenizer"
            )
        if opened.separator_id not in (None, fitted.end_id):
            raise ValueError(
                f"source ends documents with id {opened.separator_id}, but the training text did not; encode "
                "both with the same separator"
            )
        return opened

    def _measure(self, rows: Ragged) -> tuple[NDArray[np.float64], int]:
        """Return the bits of each document, and the number of all symbols that were predicted."""
        fitted = self._fitted
        symbols, offsets = join(rows, fitted.end_id, fitted.smoothing.n_symbols)
        bits = -compute_log2(fitted.smoothing.score(symbols))
        bits[offsets[:-1]] = 0  # of the begin symbols
        documents = np.repeat(np.arange(len(rows)), np.diff(offsets))
        sums = np.bincount(documents, bits, minlength=len(rows)).astype(np.float64, copy=False)
        return sums, len(symbols) - len(rows)

    # Files

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model to a file, atomically: an ``.npz`` file with the n-grams and their counts.

        Parameters
        ----------
        path : str or os.PathLike
            File to write; an existing file is replaced.

        Raises
        ------
        ValueError
            If the model has not been fitted.
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> import tempfile
        >>> import fasttok as ft
        >>> lm = ft.lm.NGram(order=2).fit([[0, 1, 0]], 2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     lm.save(f"{folder}/lm.npz")
        ...     ft.lm.NGram.load(f"{folder}/lm.npz")
        NGram(order=2, smoothing="kneser_ney": 2 ids, 7 n-grams)
        """
        fitted = self._fitted
        header = Header(
            self.order, self.smoothing, self.k, fitted.vocab_size, fitted.end_id, fitted.fingerprint
        )
        save_model(checked_path("path", path), header, fitted.smoothing.levels)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> NGram:
        """Read a model from a file that `save` wrote.

        Parameters
        ----------
        path : str or os.PathLike
            The file.

        Returns
        -------
        NGram

        Raises
        ------
        OSError
            If the file cannot be read.
        ModelFormatError
            If the file is damaged or is not one of an n-gram model.

        Examples
        --------
        >>> import fasttok as ft
        >>> ft.lm.NGram.load(ft.parallel_sample()["eng"])  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        fasttok.core.errors.ModelFormatError: ...eng.txt: not a file of an n-gram model
        """
        name = checked_path("path", path)
        header, levels = load_model(name)
        try:
            model = cls(header.order, header.smoothing, header.k)  # type: ignore[arg-type]
        except (TypeError, ValueError) as error:
            raise ModelFormatError(str(error), name, "header") from None
        model._set(levels, header.vocab_size, header.end_id, header.fingerprint)
        return model

    def __repr__(self) -> str:
        k = f", k={self.k}" if self.smoothing == "add_k" else ""
        size = "not fitted"
        if self._found is not None:
            size = f"{self.vocab_size:,} ids, {sum(self.n_ngrams):,} n-grams"
        return f'NGram(order={self.order}, smoothing="{self.smoothing}"{k}: {size})'


@dataclass(frozen=True, eq=False)
class _Fitted:
    """Counts of a training text, and what its ids mean."""

    smoothing: Smoothing
    vocab_size: int
    end_id: int
    fingerprint: str | None
