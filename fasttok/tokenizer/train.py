"""`train`: train a tokenizer and record its provenance."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import asdict, fields
from typing import Any, Literal

import numpy as np

from fasttok import __version__
from fasttok.core.checks import (
    checked_callable,
    checked_flag,
    checked_instance,
    checked_names,
    describe,
    suggest,
)
from fasttok.core.component import import_path
from fasttok.core.errors import RecipeError, warn
from fasttok.core.parallel import BackgroundThread, resolve_workers
from fasttok.core.ragged import Ragged
from fasttok.corpus.corpus import Corpus
from fasttok.counts.count import count_pretokens
from fasttok.counts.table import PretokenCounts
from fasttok.models.base import Trained, Trainer
from fasttok.models.loss import BYTES, warn_of_learned_bytes, warn_of_replaced_bytes
from fasttok.models.pieces import begin_with, end_with
from fasttok.models.registry import TRAINERS
from fasttok.text.added import AddedToken
from fasttok.text.normalizers.registry import AnyNormalizer, get_normalizer
from fasttok.text.pretokenizers.registry import DEFAULT_PRETOKENIZER, AnyPretokenizer, get_pretokenizer
from fasttok.text.steps import Normalizer, Pretokenizer
from fasttok.tokenizer.model_config import ModelConfig
from fasttok.tokenizer.piece_counts import count_pieces
from fasttok.tokenizer.settings import Settings
from fasttok.tokenizer.tokenizer import Tokenizer


def train(
    source: Corpus | PretokenCounts,
    model: str | type[Trainer] = "bpe",
    *,
    pretokenizer: AnyPretokenizer | None = None,
    normalizer: AnyNormalizer = None,
    split_special: Iterable[str] | Literal[False] | None = None,
    workers: int | None = None,
    progress: bool = False,
    piece_counts: bool = False,
    observer: Callable[[Any], object] | None = None,
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
        given, or else that of the trainer's ``compat`` preset, if it has one, or else "o200k". Not allowed
        with counts, which already have a pretokenizer.
    normalizer : str, sequence, dict or Normalizer, optional
        Normalizer for a corpus. Default: the normalizer of the tokenizer in the option ``start``, if given,
        or else that of the trainer's ``compat`` preset, if it has one, or else none. Not allowed with counts,
        whose pretokens are already normalized.
    split_special : iterable of str or False, optional
        Texts at which the documents of a corpus are split. The texts themselves are not counted, so that
        nothing is learned from them. Default: the special tokens of the trained tokenizer, those of ``start``
        and the unknown token included; with ``compat="huggingface"`` of "bpe" none, because that library
        does not split. False: none; the text of special tokens is learned like any other. Not allowed with
        counts, which have been split by the ``split_special`` of `count_pretokens`.
    workers : int, optional
        Number of threads; default: all CPUs. The result does not depend on it.
    progress : bool
        Whether to show progress bars on the standard error stream.
    piece_counts : bool
        Whether to count how often each id occurs in the training data; see `Tokenizer.piece_counts`.
    observer : callable, optional
        Function that is called with each step of the training: a `MergeStep` per merge of BPE or WordPiece,
        or an `EMStep` or `PruningStep` of Unigram. It makes training slower and does not change the result.
        `trace` collects the steps.
    **options
        Options of the trainer, such as ``special_tokens`` and ``vocab_size``. "bpe" and "unigram" require
        ``vocab_size``. See `BPETrainer`, `UnigramTrainer`, `WordPieceTrainer`, `CharacterTrainer`,
        `ByteTrainer` and `WordTrainer`.

    Returns
    -------
    Tokenizer
        The trained tokenizer. Its ``provenance`` contains the options, the recipe and fingerprint of the
        counts, the part of the corpus that the model cannot encode, if any, the counts of the pieces, if
        asked for, and the version of fasttok.

    Raises
    ------
    ValueError
        If the training data is empty, an option is out of range, `model` is not the name of a trainer,
        counts are given together with `pretokenizer`, `normalizer` or `split_special`, or an `observer` is
        given for a trainer without steps.
    TypeError
        If the trainer does not have one of the options, an option has the wrong type, or `source` is neither
        a `Corpus` nor `PretokenCounts`.

    Warns
    -----
    UserWarning
        If the vocabulary is smaller than ``vocab_size``; if the corpus has text that the model cannot encode
        and that is seldom wanted, such as bytes that are not UTF-8; if the normalizer seems to have replaced
        such bytes; or if counts seem to contain the text of
        a special token. See also `count_pretokens` and the trainers.

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

    The text of a special token is not learned:

    >>> corpus = ft.Corpus.from_texts(["<end>low<end>low<end>"])
    >>> options = {"vocab_size": 259, "special_tokens": ["<end>"], "pretokenizer": "none"}
    >>> tok = ft.train(corpus, **options)
    >>> [tok.id_to_piece(i) for i in (256, 257)]
    [b'lo', b'low']
    >>> tok = ft.train(corpus, **options, split_special=False)
    >>> [tok.id_to_piece(i) for i in (256, 257)]
    [b'<e', b'd>']

    The count of each id in the training data:

    >>> tok = ft.train(counts, vocab_size=258, piece_counts=True)
    >>> {tok.id_to_piece(i): n for i, n in enumerate(tok.piece_counts.tolist()) if n > 1}
    {b' ': 4, b't': 2, b'at': 2, b'he': 2}
    """
    kind = find_trainer(model)
    name = model if isinstance(model, str) else import_path(kind)
    checked_instance(
        "source",
        source,
        (Corpus, PretokenCounts),
        "a Corpus or PretokenCounts",
        "make a corpus with Corpus.from_files or Corpus.from_texts",
    )
    resolve_workers(workers)
    checked_flag("progress", progress)
    checked_flag("piece_counts", piece_counts)
    if observer is not None:
        checked_callable("observer", observer)
    _check_options(name, kind, options)
    try:
        trainer = kind(**options)
    except TypeError as error:
        raise TypeError(f"train() for {name}: {error}".replace(f"{kind.__name__}.__init__() ", "")) from None
    if observer is not None and not trainer.has_steps:
        raise ValueError(
            f'model: "{name}" with these options has no merges and no rounds of pruning, so there are no '
            'steps to observe; use "bpe", "unigram", or "wordpiece" with method="frequency" or "likelihood"'
        )
    observed: dict[str, Any] = {} if observer is None else {"observer": observer}
    about_trainer = {"model": name, **_as_json(trainer.config(), name)}
    splits = _checked_splits(split_special, trainer)
    if isinstance(source, PretokenCounts):
        _refuse_steps(pretokenizer, normalizer, split_special)
        counts = source
        pretokenizer = get_pretokenizer(counts.recipe.pretokenizer)
        normalizer = get_normalizer(counts.recipe.normalizer)
        _warn_of_special_text(counts, trainer.split_special, pretokenizer, normalizer)
    else:
        if pretokenizer is None:
            default = trainer.default_pretokenizer or DEFAULT_PRETOKENIZER
            pretokenizer = getattr(options.get("start"), "pretokenizer", default)
        if normalizer is None:
            normalizer = getattr(options.get("start"), "normalizer", trainer.default_normalizer)
        pretokenizer, normalizer = get_pretokenizer(pretokenizer), get_normalizer(normalizer)
        _check_steps(options.get("start"), pretokenizer=pretokenizer, normalizer=normalizer)
        with closing(BackgroundThread(1)) as thread:
            thread.call(trainer._prepare)
            counts = count_pretokens(
                source, pretokenizer, normalizer, split_special=splits, workers=workers, progress=progress
            )
            thread.wait()
    trained = Trained(*trainer.train(counts, workers=workers, progress=progress, **observed))
    if isinstance(source, Corpus):
        warn_of_replaced_bytes(counts, normalizer)
        if not trained.model.is_lossless and BYTES not in (trained.lost or {}):
            warn_of_learned_bytes(counts)
    start: Tokenizer | None = options.get("start")
    added = {} if start is None else start.added_tokens
    known = {token.text for token in added}
    added |= {AddedToken(t, special=True): i for t, i in trained.special_tokens.items() if t not in known}
    parts = trainer._tokenizer_parts(pretokenizer, normalizer)
    settings: dict[str, Any] = dict(Settings() if start is None else start.settings)
    if "config" in parts:
        settings["config"] = ModelConfig(parts["config"])
    tok = Tokenizer(
        trained.model,
        pretokenizer,
        added,
        _describe_training(about_trainer, counts, trained),
        normalizer=parts.get("normalizer", normalizer),
        decoder=parts.get("decoder") if start is None else start.given_decoder,
        **settings,
    )
    if piece_counts:
        encoding = trained.model.without_pieces(tok.special_tokens.values())
        tok.provenance["piece_counts"] = count_pieces(encoding, counts, tok.vocab_size).tolist()
    return tok


def _refuse_steps(pretokenizer: Any, normalizer: Any, split_special: Any) -> None:
    """Raise an error if a step that comes before counting is given together with counts."""
    if pretokenizer is not None:
        raise ValueError("counts already have a pretokenizer; pass pretokenizer only with a corpus")
    if normalizer is not None:
        raise ValueError("counts already have a normalizer; pass normalizer only with a corpus")
    if split_special is not None:
        raise ValueError(
            "counts have already been split at special tokens, or not; pass split_special only with a "
            "corpus, or to count_pretokens"
        )


def _check_steps(start: Any, **steps: Pretokenizer | Normalizer | None) -> None:
    """Raise an error before counting if the steps are not those of the tokenizer to continue from."""
    if not isinstance(start, Tokenizer):
        return
    for name, step in steps.items():
        own = getattr(start, name)
        found, wanted = step and step.config(), own and own.config()
        if found != wanted:
            raise RecipeError(
                f"the {name} {found} is not that of the start, {wanted}; train without {name}, which is then "
                "that of the start"
            )


def _describe_training(trainer: dict[str, Any], counts: PretokenCounts, trained: Trained) -> dict[str, Any]:
    """Return the provenance of a tokenizer; `trainer` has the name and the options of the trainer."""
    provenance: dict[str, Any] = {
        "fasttok": __version__,
        "trainer": trainer,
        "recipe": asdict(counts.recipe),
        "counts": {
            "fingerprint": counts.fingerprint(),
            "n_pretokens": counts.total,
            "n_distinct": len(counts),
        },
    }
    if trained.rounds:
        provenance["rounds"] = trained.rounds
    if trained.lost:
        provenance["lost"] = dict(trained.lost)
    return provenance


def _checked_splits(given: Any, trainer: Trainer) -> tuple[str, ...]:
    """Return the texts at which a corpus is split."""
    if given is None:
        return trainer.split_special
    return () if given is False else checked_names("split_special", given)


def _warn_of_special_text(
    counts: PretokenCounts, tokens: Iterable[str], pretokenizer: Pretokenizer, normalizer: Normalizer | None
) -> None:
    """Warn if pretokens seem to contain the text of special tokens at which the corpus was not split."""
    unsplit = [token for token in tokens if token not in counts.recipe.split_special]
    if not unsplit:
        return
    text = counts.text
    data = text.values.tobytes()
    found = []
    for token in unsplit:
        written = token if normalizer is None else str(normalizer.normalize(token))
        parts = [bytes(part) for part in pretokenizer.split_text(written)]
        if _is_inside(text, data, written.encode()) or (
            _is_unusual(parts) and all(part in data for part in parts) and _are_neighbours(text, parts)
        ):
            found.append(token)
    if found:
        others = f" and of {len(found) - 1:,} others" if len(found) > 1 else ""
        warn(
            f"the counts seem to contain the text of the special token {found[0]!r}{others}, which is "
            f"learned like any other text. To exclude it, count with split_special=[{found[0]!r}, …]"
        )


def _is_inside(text: Ragged, data: bytes, part: bytes) -> bool:
    """Return whether a row of `text`, whose values are `data`, contains `part`."""
    start = data.find(part) if part else -1
    while start >= 0:
        row = int(np.searchsorted(text.offsets, start, side="right")) - 1
        if start + len(part) <= text.offsets[row + 1]:
            return True
        start = data.find(part, start + 1)
    return False


def _is_unusual(parts: list[bytes]) -> bool:
    """Return whether a text of several pretokens has one that is rare in other text, such as "<|".

    The pretokens of "[SEP]", brackets and a word, occur in most texts.
    """
    return len(parts) > 1 and any(len(part) > 1 and part.isascii() and not part.isalnum() for part in parts)


def _are_neighbours(text: Ragged, parts: list[bytes]) -> bool:
    """Return whether the pretokens of a longer text can be `parts`.

    The first and the last of them can then be the end and the beginning of longer pretokens.
    """
    first, *inner, last = parts
    return bool(
        end_with(text, first).any()
        and begin_with(text, last).any()
        and all((begin_with(text, part) & (text.lengths == len(part))).any() for part in inner)
    )


def _check_options(name: str, kind: type[Trainer], options: Iterable[str]) -> None:
    """Raise a TypeError if a trainer does not have one of the options."""
    known = [option.name for option in fields(kind) if option.init]
    for option in options:
        if option not in known:
            question = suggest(option, known)
            raise TypeError(
                f"train() for {name}: no option is named {option!r}{question}"
                f"{' The' if question else '; the'} options are {', '.join(known)}"
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
        try:
            return TRAINERS.find(model)
        except ValueError as error:
            raise ValueError(f"model: {error}") from None
    if not isinstance(model, type) or not issubclass(model, Trainer):
        raise TypeError(f"model must be the name of an algorithm or a Trainer class, not {describe(model)}")
    return model
