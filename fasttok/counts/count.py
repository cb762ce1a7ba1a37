"""Count pretokens on several threads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from typing import Any, TypeVar, overload

import numpy as np

from fasttok.core.checks import checked_flag, checked_instance, checked_names, checked_size
from fasttok.core.parallel import map_ordered, resolve_workers
from fasttok.core.progress import Bar
from fasttok.corpus.batches import BATCH_BYTES, Batch
from fasttok.corpus.corpus import Corpus
from fasttok.counts._hash import PretokenTable
from fasttok.counts.marks import warn_of_marks
from fasttok.counts.recipe import Recipe
from fasttok.counts.spill import Spill, share_memory
from fasttok.counts.table import PretokenCounts
from fasttok.text.added import AddedToken, AddedTokens
from fasttok.text.normalizers.registry import AnyNormalizer, get_normalizer
from fasttok.text.pipeline import Pipeline
from fasttok.text.pretokenizers.registry import DEFAULT_PRETOKENIZER, AnyPretokenizer, get_pretokenizer

SMALL_BATCH = 1 << 18  # smallest batch, in bytes, that is worth the overhead of a thread
Tag = TypeVar("Tag")


@overload
def count_pretokens(
    corpus: Corpus,
    pretokenizer: AnyPretokenizer = DEFAULT_PRETOKENIZER,
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
    pretokenizer: AnyPretokenizer = DEFAULT_PRETOKENIZER,
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
    pretokenizer: AnyPretokenizer = DEFAULT_PRETOKENIZER,
    normalizer: AnyNormalizer = None,
    *,
    split_special: Iterable[str] = (),
    workers: int | None = None,
    progress: bool = False,
    batch_bytes: int = BATCH_BYTES,
    max_memory: int | str | None = None,
) -> PretokenCounts | dict[Tag, PretokenCounts]:
    """Read a corpus once and count its pretokens.

    Every trainer starts from these counts, so one pass over the text is enough to train many tokenizers.

    Parameters
    ----------
    corpus : Corpus, or mapping of tag to Corpus
        Corpus, or several corpora, for example one per language. Pretokens never span two documents.
    pretokenizer : str, sequence, dict or Pretokenizer
        Pretokenizer that splits the documents; see `get_pretokenizer`.
    normalizer : str, sequence, dict or Normalizer, optional
        Normalizer that is applied first; see `get_normalizer`.
    split_special : iterable of str
        Special tokens. Documents are split at them, and the special tokens are not counted. If several match
        at the same position, the longest is used. By default special tokens in documents are ordinary text.
    workers : int, optional
        Number of threads; default: all CPUs. The result does not depend on it.
    progress : bool
        Whether to show a progress bar on the standard error stream.
    batch_bytes : int
        Size of the batches of text, in bytes. The result does not depend on it.
    max_memory : int or str, optional
        Limit for the memory of the hash tables of all threads together, in bytes, or as text like "2GB" or
        "500 MiB"; default: no limit. Counts beyond the limit are written to temporary files, which are
        deleted at the end. Their folder is the one that ``tempfile`` chooses; the environment variable
        ``TMPDIR`` changes it. The result does not depend on the limit.

    Returns
    -------
    PretokenCounts, or dict of tag to PretokenCounts
        Distinct pretokens with their counts; for a mapping of corpora, one `PretokenCounts` per corpus.
        `PretokenCounts.mix` adds the counts of several corpora with weights.

    Raises
    ------
    CorpusError, TextError, OSError
        If the corpus cannot be read, or temporary files cannot be written.
    OverflowError
        If a count exceeds 2^63 - 1.
    TypeError
        If `corpus` is neither a `Corpus` nor a mapping of tags to corpora, or `split_special` is a single
        ``str``.
    ValueError
        If `max_memory` is not a size, or is below 4 MiB per thread.

    Warns
    -----
    UserWarning
        If more than 1 % of the pretokens begin with a combining mark that the pretokenizer separates from its
        letter, as "gpt2" does in Hindi, Khmer and many other scripts.

    Notes
    -----
    The time is O(n + k log k) for n bytes of text and k distinct pretokens.

    Each thread has a hash table of the distinct pretokens, with 32 bytes per entry and at most half full, and
    stores pretokens of more than 15 bytes separately. `max_memory` limits the size of these tables, but not:

    - the batches in progress, at most two per thread. With a limit they are smaller, but never smaller than a
      document that cannot be split;
    - the result, which takes 16 bytes per distinct pretoken and 4 bytes per code point, and two to three
      times as much while it is sorted.

    Examples
    --------
    >>> import fasttok as ft
    >>> ft.count_pretokens(ft.Corpus.from_texts(["to be or not to be"])).most_common(3)
    [(b' be', 2), (b' not', 1), (b' or', 1)]
    >>> counts = ft.count_pretokens({"en": ft.Corpus.from_texts(["no"]), "de": ft.Corpus.from_texts(["so"])})
    >>> ft.PretokenCounts.mix([(counts["en"], 1), (counts["de"], 2.5)]).to_dict()
    {b'so': 3, b'no': 1}
    """
    parts: dict[str, Any] = {"corpus": corpus}
    if isinstance(corpus, Mapping):
        parts = {f"corpus[{tag!r}]": part for tag, part in corpus.items()}
    for name, part in parts.items():
        advice = "make one with Corpus.from_files or Corpus.from_texts"
        checked_instance(name, part, Corpus, "a Corpus", advice)
    checked_flag("progress", progress)
    checked_size("batch_bytes", batch_bytes, least=1)
    n_workers = resolve_workers(workers)
    if max_memory is not None:
        share_memory(max_memory, n_workers)
    pipeline = make_pipeline(pretokenizer, normalizer, split_special)
    work: dict[str, Any] = {
        "workers": workers,
        "progress": progress,
        "batch_bytes": batch_bytes,
        "max_memory": max_memory,
    }
    counts: PretokenCounts | dict[Tag, PretokenCounts]
    if isinstance(corpus, Mapping):
        counts = {tag: count_corpus(part, pipeline, **work) for tag, part in corpus.items()}
    else:
        counts = count_corpus(corpus, pipeline, **work)
    warn_of_marks(counts, pipeline.pretokenizer)
    return counts


def make_pipeline(
    pretokenizer: AnyPretokenizer, normalizer: AnyNormalizer, split_special: Iterable[str]
) -> Pipeline:
    """Return the pipeline that splits documents at special tokens and makes the pretokens to count."""
    specials = sorted(
        set(checked_names("split_special", split_special)), key=lambda token: (-len(token.encode()), token)
    )
    tokens = AddedTokens([AddedToken(token, special=True) for token in specials], range(len(specials)))
    return Pipeline(get_normalizer(normalizer), get_pretokenizer(pretokenizer), tokens)


def count_corpus(
    corpus: Corpus,
    pipeline: Pipeline,
    *,
    workers: int | None = None,
    progress: bool = False,
    batch_bytes: int = BATCH_BYTES,
    max_memory: int | str | None = None,
    found: set[str] | None = None,
) -> PretokenCounts:
    """Count the pretokens that a pipeline makes of a corpus; see `count_pretokens`. Never warns.

    The special tokens that occur in the corpus are added to `found`.
    """
    specials = tuple(token.text for token in pipeline.added.tokens)
    recipe = Recipe(
        pipeline.pretokenizer.config(),
        None if pipeline.normalizer is None else pipeline.normalizer.config(),
        corpus.document_rule,
        specials,
    )
    n_workers = resolve_workers(workers)
    tables: list[PretokenTable] = []
    share = None
    if max_memory is not None:
        share = share_memory(max_memory, n_workers)
        # In the worst case the entries of a batch take a hundred times its size; they must fit the share
        # of a thread.
        batch_bytes = min(batch_bytes, share // 256)
    spill = Spill(share)
    if n_bytes := corpus.most_bytes():  # smaller batches for small files, so that every thread gets some
        batch_bytes = min(batch_bytes, max(n_bytes // (4 * n_workers), SMALL_BATCH))

    def new_table() -> PretokenTable:
        table = PretokenTable()
        tables.append(table)
        return table

    def count_batch(table: PretokenTable, batch: Batch) -> int:
        with batch.locating_errors():
            prepared = pipeline.prepare(batch.rows(), "all")
            spill.ensure_capacity(table, len(prepared.rows.documents.values))
            prepared.run(table.count)
            if found is not None and len(prepared.found_ids):
                found.update(specials[i] for i in np.unique(prepared.found_ids))
        return len(batch.documents.values)

    batches = corpus.batches(pipeline if pipeline.may_cut("all") else None, batch_bytes)
    with (
        spill,
        Bar(desc="counting", unit="B", unit_scale=True, disable=not progress) as bar,
        closing(map_ordered(count_batch, batches, n_workers, new_table)) as counted,
    ):
        for n_bytes in counted:
            bar.update(n_bytes)
        rows, counts = spill.merge(tables)
    return PretokenCounts.from_sorted(rows, counts, recipe)
