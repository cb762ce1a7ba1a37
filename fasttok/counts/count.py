"""Counting pretokens on all cores: the one pass over the text that every trainer starts from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import closing

from fasttok.counts._hash import PretokenTable
from fasttok.counts.table import PretokenCounts, Recipe
from fasttok.errors import PatternError
from fasttok.parallel import map_ordered, resolve_workers
from fasttok.progress import Bar
from fasttok.ragged import Ragged
from fasttok.text.corpus import BATCH_BYTES, Batch, Corpus
from fasttok.text.pretokenizers import Pretokenizer, get_pretokenizer


def count_pretokens(
    corpus: Corpus,
    pretokenizer: str | Pretokenizer = "gpt2",
    *,
    split_special: Iterable[str] = (),
    workers: int | None = None,
    progress: bool = False,
    batch_bytes: int = BATCH_BYTES,
) -> PretokenCounts:
    """Read a corpus once and count its pretokens.

    Parameters
    ----------
    corpus : Corpus
        The documents. No pretoken reaches across two of them.
    pretokenizer : str or Pretokenizer
        What cuts them; see `get_pretokenizer`.
    split_special : iterable of str
        Texts of special tokens. Documents are cut where one stands, and it is not counted; where two
        could start at one place the longer one does. Without this their text is ordinary text.
    workers : int, optional
        Threads; by default one a processor. The result does not depend on it.
    progress : bool
        Show a bar on the standard error stream.
    batch_bytes : int
        How much text a thread takes at a time. The result does not depend on it.

    Returns
    -------
    PretokenCounts
        The distinct pretokens with their counts.

    Raises
    ------
    CorpusError, TextError, OSError
        If the corpus cannot be read.

    Notes
    -----
    O(n) time in the bytes of the corpus. Memory: a hash table of the distinct pretokens a thread, 32
    bytes an entry, at most half full.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.count_pretokens(ft.Corpus.from_texts(["to be or not to be"])).most_common(3)
    [(b' be', 2), (b' not', 1), (b' or', 1)]
    """
    if not isinstance(corpus, Corpus):
        raise TypeError(
            f"corpus must be a Corpus, not {type(corpus).__name__}; make one with Corpus.from_files or "
            "Corpus.from_texts"
        )
    if isinstance(split_special, str):
        raise TypeError("split_special must be a collection of str, not one str")
    cutter = get_pretokenizer(pretokenizer)
    specials = tuple(sorted(set(split_special), key=lambda token: (-len(token.encode()), token)))
    if "" in specials:
        raise ValueError("a special token must not be empty")
    find_special = re.compile(b"|".join(re.escape(token.encode()) for token in specials))
    # A cut falls in front of white space; a special token with white space inside could be cut apart. (What
    # is white space to Python is so to the scanners too, but for the four separators from U+001C on.)
    is_safe = not any(re.search(r"[\S\x1c-\x1f]\s", token) for token in specials)
    tables = [PretokenTable() for _ in range(resolve_workers(workers))]

    def count_batch(table: PretokenTable, batch: Batch) -> int:
        documents = batch.documents
        if specials:
            documents = _cut_out(documents, find_special)
        try:
            for boundaries in cutter.boundaries(documents):
                table.add(documents.values, boundaries)
        except PatternError as error:
            raise error.moved(batch.first) from None
        return len(batch.documents.values)

    batches = corpus.batches(cutter if is_safe else None, batch_bytes)
    with (
        Bar(desc="counting", unit="B", unit_scale=True, disable=not progress) as bar,
        closing(map_ordered(count_batch, batches, tables)) as counted,
    ):
        for n_bytes in counted:
            bar.update(n_bytes)
    first, *others = tables
    for table in others:
        first.add_table(table)
    return PretokenCounts.from_table(first, Recipe(cutter.config(), None, corpus.document_rule, specials))


def _cut_out(documents: Ragged, expression: re.Pattern[bytes]) -> Ragged:
    """The documents without the matches, each cut in two where one stood."""
    rows: list[bytes] = []
    for document in documents.to_bytes():
        rows.extend(filter(None, expression.split(document)))
    return Ragged.from_bytes(rows)
