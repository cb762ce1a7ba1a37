"""Count pretokens on several threads."""

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

SMALL_BATCH = 1 << 18  # smallest batch, in bytes, that is worth the overhead of a thread
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
    for part in corpus.values() if isinstance(corpus, Mapping) else [corpus]:
        if not isinstance(part, Corpus):
            raise TypeError(
                f"corpus must be a Corpus, not {type(part).__name__}; make one with Corpus.from_files or "
                "Corpus.from_texts"
            )
    if isinstance(split_special, str):
        raise TypeError("split_special must be a collection of str, not a single str")
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
        # In the worst case the entries of a batch take a hundred times its size; they must fit the share
        # of a thread.
        batch_bytes = min(batch_bytes, share // 256)
    spill = Spill(share)
    if n_bytes := corpus.most_bytes():  # smaller batches for small files, so that every thread gets some
        batch_bytes = min(batch_bytes, max(n_bytes // (4 * len(tables)), SMALL_BATCH))

    def count_batch(table: PretokenTable, batch: Batch) -> int:
        with batch.locating_errors():
            prepared = pipeline.prepare(batch.rows(), "all")
            spill.ensure_capacity(table, len(prepared.rows.documents.values))
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
    return PretokenCounts.from_sorted(rows, counts, recipe)
