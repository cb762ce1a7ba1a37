"""Counting pretokens on all cores: the one pass over the text that every trainer starts from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import TypeVar, overload

from fasttok.core.parallel import map_ordered, resolve_workers
from fasttok.core.progress import Bar
from fasttok.corpus.corpus import BATCH_BYTES, Batch, Corpus
from fasttok.counts._hash import PretokenTable
from fasttok.counts.spill import Spill, share_memory
from fasttok.counts.table import PretokenCounts, Recipe
from fasttok.text.added import AddedToken, AddedTokens
from fasttok.text.normalizers.registry import AnyNormalizer, get_normalizer
from fasttok.text.pipeline import Pipeline
from fasttok.text.pretokenizers.registry import AnyPretokenizer, get_pretokenizer

SMALL_BATCH = 1 << 18  # bytes; less is not worth a turn
Tag = TypeVar("Tag")


@overload
def count_pretokens(
    corpus: Corpus,
    pretokenizer: AnyPretokenizer = "gpt2",
    normalizer: AnyNormalizer = None,
    *,
    split_special: Iterable[str] = (),
    workers: int | None = None,
    progress: bool = False,
    batch_bytes: int = BATCH_BYTES,
    max_memory: int | str | None = None,
) -> PretokenCounts: ...
@overload
def count_pretokens(
    corpus: Mapping[Tag, Corpus],
    pretokenizer: AnyPretokenizer = "gpt2",
    normalizer: AnyNormalizer = None,
    *,
    split_special: Iterable[str] = (),
    workers: int | None = None,
    progress: bool = False,
    batch_bytes: int = BATCH_BYTES,
    max_memory: int | str | None = None,
) -> dict[Tag, PretokenCounts]: ...
def count_pretokens(
    corpus: Corpus | Mapping[Tag, Corpus],
    pretokenizer: AnyPretokenizer = "gpt2",
    normalizer: AnyNormalizer = None,
    *,
    split_special: Iterable[str] = (),
    workers: int | None = None,
    progress: bool = False,
    batch_bytes: int = BATCH_BYTES,
    max_memory: int | str | None = None,
) -> PretokenCounts | dict[Tag, PretokenCounts]:
    """Read a corpus once and count its pretokens.

    Parameters
    ----------
    corpus : Corpus, or mapping of tag to Corpus
        The documents. No pretoken reaches across two of them. Several corpora, for example one a language,
        are counted one after another.
    pretokenizer : str, sequence, dict or Pretokenizer
        What cuts them; see `get_pretokenizer`.
    normalizer : str, sequence, dict or Normalizer, optional
        What rewrites them before that; see `get_normalizer`.
    split_special : iterable of str
        Texts of special tokens. Documents are cut where one stands, and it is not counted; where two
        could start at one place the longer one does. Without this their text is ordinary text.
    workers : int, optional
        Number of threads; default: all CPUs. The result does not depend on it.
    progress : bool
        Show a bar on the standard error stream.
    batch_bytes : int
        How much text a thread takes at a time. The result does not depend on it.
    max_memory : int or str, optional
        The most memory for the tables of all threads together: bytes, or text like "2GB" or "500 MiB".
        What is beyond it goes to temporary files (in the folder that ``tempfile`` chooses; ``TMPDIR``
        names another), which are gone at the end. The result does not depend on it.

    Returns
    -------
    PretokenCounts, or dict of tag to PretokenCounts
        The distinct pretokens with their counts; of each corpus where several are given. To put these
        together, each with a weight, there is `PretokenCounts.mix`.

    Raises
    ------
    CorpusError, TextError, OSError
        If the corpus cannot be read, or temporary files cannot be written.
    OverflowError
        If a count passes 2^63 - 1.
    ValueError
        If `max_memory` is too little to be of use: below 4 MiB a thread.

    Notes
    -----
    O(n) time in the bytes of the corpus, and O(k log k) in the distinct pretokens. Memory: a hash table of
    the distinct pretokens a thread, 32 bytes an entry, at most half full, and the bytes of those above 15
    bytes. `max_memory` bounds these tables. It does not bound the batches of text that are under way, two
    a thread, which are made smaller to suit it but never smaller than a document that cannot be cut; nor
    the result, 16 bytes a distinct pretoken and 4 a code point, which takes two to three times that while it
    is put into order.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.count_pretokens(ft.Corpus.from_texts(["to be or not to be"])).most_common(3)
    [(b' be', 2), (b' not', 1), (b' or', 1)]
    >>> counts = ft.count_pretokens({"en": ft.Corpus.from_texts(["no"]), "de": ft.Corpus.from_texts(["so"])})
    >>> ft.PretokenCounts.mix([(counts["en"], 1), (counts["de"], 2.5)]).to_dict()
    {b'so': 3, b'no': 1}
    """
    for part in corpus.values() if isinstance(corpus, Mapping) else [corpus]:
        if not isinstance(part, Corpus):
            raise TypeError(
                f"corpus must be a Corpus, not {type(part).__name__}; make one with Corpus.from_files or "
                "Corpus.from_texts"
            )
    if isinstance(split_special, str):
        raise TypeError("split_special must be a collection of str, not one str")
    specials = tuple(sorted(set(split_special), key=lambda token: (-len(token.encode()), token)))
    tokens = AddedTokens([AddedToken(token, special=True) for token in specials], range(len(specials)))
    pipeline = Pipeline(get_normalizer(normalizer), get_pretokenizer(pretokenizer), tokens)
    if isinstance(corpus, Mapping):
        return {
            tag: count_pretokens(
                part,
                pipeline.pretokenizer,
                pipeline.normalizer,
                split_special=specials,
                workers=workers,
                progress=progress,
                batch_bytes=batch_bytes,
                max_memory=max_memory,
            )
            for tag, part in corpus.items()
        }
    recipe = Recipe(
        pipeline.pretokenizer.config(),
        None if pipeline.normalizer is None else pipeline.normalizer.config(),
        corpus.document_rule,
        specials,
    )
    tables = [PretokenTable() for _ in range(resolve_workers(workers))]
    share = None
    if max_memory is not None:
        share = share_memory(max_memory, len(tables))
        # In the worst case a batch takes a hundred times its size in a table: keep that a part of the share.
        batch_bytes = min(batch_bytes, share // 256)
    spill = Spill(share)
    if n_bytes := corpus.most_bytes():  # a small file is shared out, too
        batch_bytes = min(batch_bytes, max(n_bytes // (4 * len(tables)), SMALL_BATCH))

    def count_batch(table: PretokenTable, batch: Batch) -> int:
        with batch.placing_errors():
            prepared = pipeline.prepare(batch.rows(), "all")
            spill.make_room(table, len(prepared.rows.documents.values))
            prepared.run(table.count)
        return len(batch.documents.values)

    batches = corpus.batches(pipeline if pipeline.may_cut("all") else None, batch_bytes)
    with (
        spill,
        Bar(desc="counting", unit="B", unit_scale=True, disable=not progress) as bar,
        closing(map_ordered(count_batch, batches, tables)) as counted,
    ):
        for n_bytes in counted:
            bar.update(n_bytes)
        rows, counts = spill.merge(tables)
    return PretokenCounts.from_sorted(
        rows,
        counts,
        recipe,
    )
