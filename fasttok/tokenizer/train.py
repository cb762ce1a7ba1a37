"""`train`: a corpus or counts in, a tokenizer with its provenance out."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from fasttok import __version__
from fasttok.core.component import import_path
from fasttok.corpus.corpus import Corpus
from fasttok.counts.count import count_pretokens
from fasttok.counts.table import PretokenCounts
from fasttok.models.base import Trainer
from fasttok.models.registry import TRAINERS
from fasttok.text.added import AddedToken
from fasttok.text.normalizers.registry import AnyNormalizer, get_normalizer
from fasttok.text.pretokenizers.registry import AnyPretokenizer, get_pretokenizer
from fasttok.tokenizer.tokenizer import Tokenizer


def train(
    source: Corpus | PretokenCounts,
    model: str | type[Trainer] = "bpe",
    *,
    pretokenizer: AnyPretokenizer | None = None,
    normalizer: AnyNormalizer = None,
    workers: int | None = None,
    progress: bool = False,
    **options: Any,
) -> Tokenizer:
    """Train a tokenizer.

    Parameters
    ----------
    source : Corpus or PretokenCounts
        What to learn from. Counts are made once and serve any number of trainings; for a corpus they are
        made here.
    model : {"bpe", "unigram", "wordpiece", "character", "byte", "word"}, or Trainer
        The algorithm: its name, the import path of a trainer, ``package.module:Class``, or a class derived
        from `Trainer`.
    pretokenizer : str, sequence, dict or Pretokenizer, optional
        For a corpus, what cuts it; by default that of the `start`, or "gpt2". Counts know theirs.
    normalizer : str, sequence, dict or Normalizer, optional
        For a corpus, what rewrites it before that; by default that of the `start`, or none. Counts know
        theirs.
    workers : int, optional
        Number of threads; default: all CPUs. The result does not depend on it.
    progress : bool
        Show bars on the standard error stream.
    **options
        The options of the algorithm's trainer: ``vocab_size``, which "bpe" and "unigram" must be given,
        ``special_tokens`` and many more; see `BPETrainer`, `UnigramTrainer`, `WordPieceTrainer`,
        `CharacterTrainer`, `ByteTrainer` and `WordTrainer`.

    Returns
    -------
    Tokenizer

    Raises
    ------
    ValueError
        If there is nothing to train on, or an option is out of range.
    TypeError
        If an option does not exist.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["the cat and the hat"]), model="bpe", vocab_size=258)
    >>> [tok.id_to_piece(i) for i in (256, 257)]
    [b'at', b'he']
    """
    kind = find_trainer(model)
    name = model if isinstance(model, str) else import_path(kind)
    try:
        trainer = kind(**options)
    except TypeError as error:
        raise TypeError(f"train() for {name}: {error}".replace(f"{kind.__name__}.__init__() ", "")) from None
    about_trainer = {"model": name, **_as_json(trainer.config(), name)}
    if not isinstance(source, (Corpus, PretokenCounts)):
        raise TypeError(
            f"source must be a Corpus or PretokenCounts, not {type(source).__name__}; make a corpus with "
            "Corpus.from_files or Corpus.from_texts"
        )
    if isinstance(source, PretokenCounts):
        if pretokenizer is not None:
            raise ValueError("counts know their pretokenizer; give one only with a corpus")
        if normalizer is not None:
            raise ValueError("counts know their normalizer; give one only with a corpus")
        counts = source
        cutter = get_pretokenizer(counts.recipe.pretokenizer)
        rewriter = get_normalizer(counts.recipe.normalizer)
    else:
        if pretokenizer is None:
            pretokenizer = getattr(options.get("start"), "pretokenizer", "gpt2")
        if normalizer is None:
            normalizer = getattr(options.get("start"), "normalizer", None)
        cutter, rewriter = get_pretokenizer(pretokenizer), get_normalizer(normalizer)
        counts = count_pretokens(source, cutter, rewriter, workers=workers, progress=progress)
    learned, special_tokens, rounds = trainer.train(counts, workers=workers, progress=progress)
    provenance: dict[str, Any] = {
        "fasttok": __version__,
        "trainer": about_trainer,
        "recipe": asdict(counts.recipe),
        "counts": {
            "fingerprint": counts.fingerprint(),
            "n_pretokens": counts.total,
            "n_distinct": len(counts),
        },
    }
    if rounds:
        provenance["rounds"] = rounds
    provenance = json.loads(json.dumps(provenance))  # lists for tuples, as a file gives it back
    start: Tokenizer | None = options.get("start")
    added = {} if start is None else start.added_tokens
    known = {token.text for token in added}
    added |= {AddedToken(t, special=True): i for t, i in special_tokens.items() if t not in known}
    return Tokenizer(
        learned,
        cutter,
        added,
        provenance,
        normalizer=rewriter,
        template=None if start is None else start.template,
        decoder=None if start is None else start.given_decoder,
    )


def _as_json(options: dict[str, Any], name: str) -> dict[str, Any]:
    """The options of a trainer as the provenance has them."""
    written = {}
    for option, value in options.items():
        try:
            written[option] = json.loads(json.dumps(value, default=_item))
        except (TypeError, ValueError):
            raise TypeError(
                f"train() for {name}: option {option} must be plain JSON, not {value!r}"
            ) from None
    return written


def _item(value: Any) -> Any:
    """The Python value of a scalar of NumPy."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError


def find_trainer(model: str | type[Trainer]) -> type[Trainer]:
    """Return the class of a trainer by its name or import path; a class is returned as it is.

    Raises
    ------
    TypeError, ValueError
        If there is no such trainer.
    """
    if isinstance(model, str):
        return TRAINERS.find(model)
    if not isinstance(model, type) or not issubclass(model, Trainer):
        raise TypeError(f"model must be the name of an algorithm or a Trainer class, not {model!r}")
    return model
