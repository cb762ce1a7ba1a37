"""`train`: train a tokenizer and record its provenance."""

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
    """Train a tokenizer on a corpus or on counts of pretokens.

    Parameters
    ----------
    source : Corpus or PretokenCounts
        Training data. The pretokens of a corpus are counted first. To train several tokenizers on the same
        data, count once with `count_pretokens` and pass the counts.
    model : {"bpe", "unigram", "wordpiece", "character", "byte", "word"}, or Trainer
        Algorithm: its name, the import path of a trainer (``package.module:Class``), or a class derived from
        `Trainer`.
    pretokenizer : str, sequence, dict or Pretokenizer, optional
        Pretokenizer for a corpus. Default: the pretokenizer of the tokenizer in the option ``start``, if
        given, or else "gpt2". Not allowed with counts, which already have a pretokenizer.
    normalizer : str, sequence, dict or Normalizer, optional
        Normalizer for a corpus. Default: the normalizer of the tokenizer in the option ``start``, if given,
        or else none. Not allowed with counts, whose pretokens are already normalized.
    workers : int, optional
        Number of threads; default: all CPUs. The result does not depend on it.
    progress : bool
        Whether to show progress bars on the standard error stream.
    **options
        Options of the trainer, such as ``special_tokens`` and ``vocab_size``. "bpe" and "unigram" require
        ``vocab_size``. See `BPETrainer`, `UnigramTrainer`, `WordPieceTrainer`, `CharacterTrainer`,
        `ByteTrainer` and `WordTrainer`.

    Returns
    -------
    Tokenizer
        The trained tokenizer. Its ``provenance`` contains the options, the recipe and fingerprint of the
        counts, and the version of fasttok.

    Raises
    ------
    ValueError
        If the training data is empty, an option is out of range, `model` is not the name of a trainer, or
        counts are given together with a pretokenizer or normalizer.
    TypeError
        If the trainer does not have one of the options, an option has the wrong type, or `source` is neither
        a `Corpus` nor `PretokenCounts`.

    Examples
    --------
    >>> import fasttok as ft
    >>> tok = ft.train(ft.Corpus.from_texts(["the cat and the hat"]), model="bpe", vocab_size=258)
    >>> [tok.id_to_piece(i) for i in (256, 257)]
    [b'at', b'he']

    Two tokenizers from the same counts:

    >>> counts = ft.count_pretokens(ft.Corpus.from_texts(["the cat and the hat"]))
    >>> [ft.train(counts, vocab_size=size).count("the hat") for size in (256, 258)]
    [7, 5]
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
            raise ValueError("counts already have a pretokenizer; pass pretokenizer only with a corpus")
        if normalizer is not None:
            raise ValueError("counts already have a normalizer; pass normalizer only with a corpus")
        counts = source
        pretokenizer = get_pretokenizer(counts.recipe.pretokenizer)
        normalizer = get_normalizer(counts.recipe.normalizer)
    else:
        if pretokenizer is None:
            pretokenizer = getattr(options.get("start"), "pretokenizer", "gpt2")
        if normalizer is None:
            normalizer = getattr(options.get("start"), "normalizer", None)
        pretokenizer, normalizer = get_pretokenizer(pretokenizer), get_normalizer(normalizer)
        counts = count_pretokens(source, pretokenizer, normalizer, workers=workers, progress=progress)
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
    provenance = json.loads(json.dumps(provenance))  # turns tuples into lists, as in a file
    start: Tokenizer | None = options.get("start")
    added = {} if start is None else start.added_tokens
    known = {token.text for token in added}
    added |= {AddedToken(t, special=True): i for t, i in special_tokens.items() if t not in known}
    return Tokenizer(
        learned,
        pretokenizer,
        added,
        provenance,
        normalizer=normalizer,
        template=None if start is None else start.template,
        decoder=None if start is None else start.given_decoder,
    )


def _as_json(options: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the options of a trainer as plain JSON for the provenance."""
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
    """Return the Python value of a NumPy scalar."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError


def find_trainer(model: str | type[Trainer]) -> type[Trainer]:
    """Return the trainer class that `model` names; if `model` is a trainer class, return it.

    Raises
    ------
    TypeError, ValueError
        If no trainer has this name or import path, or `model` is not a trainer class.
    """
    if isinstance(model, str):
        return TRAINERS.find(model)
    if not isinstance(model, type) or not issubclass(model, Trainer):
        raise TypeError(f"model must be the name of an algorithm or a Trainer class, not {model!r}")
    return model
