"""Train `BPEModel` as sentencepiece does, and the steps of the tokenizer around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fasttok.core.errors import warn
from fasttok.core.ragged import Ragged
from fasttok.counts.table import PretokenCounts
from fasttok.models.base import Trained
from fasttok.models.bpe.alphabets import Characters
from fasttok.models.bpe.by_score import merges_by_score
from fasttok.models.bpe.model import BPEModel
from fasttok.models.loss import count_lost, warn_of_lost_bytes
from fasttok.models.merging.merge_steps import MergeStep
from fasttok.models.options import describe_minimum
from fasttok.models.pieces import BYTE_NAMES
from fasttok.text.normalizers.charsmap import keep_as_sentencepiece
from fasttok.text.pretokenizers.metaspace import MarkRuns, Metaspace
from fasttok.text.pretokenizers.registry import get_pretokenizer
from fasttok.text.steps import Normalizer, Pretokenizer

SPECIAL_TOKENS = ("<unk>", "<s>", "</s>")
ROLES = {"bos": "<s>", "eos": "</s>", "pad": "<pad>"}
MARK = "▁"


def train(
    trainer: Any,
    counts: PretokenCounts,
    *,
    progress: bool,
    observer: Callable[[MergeStep], object] | None,
) -> Trained:
    """Learn the pieces and make the model of `trainer`, a `BPETrainer`; see `BPETrainer.train`."""
    from fasttok.models.bpe.sentencepiece.learning import PieceOptions, learn_pieces
    from fasttok.models.bpe.sentencepiece.piece_rules import PieceRules

    words, splits, as_suffix = find_words(get_pretokenizer(counts.recipe.pretokenizer))
    if words is None:
        warn(
            f"the pretokenizer of the counts is {counts.recipe.pretokenizer['name']!r}, so the pieces are "
            'not those of sentencepiece; count with pretokenizer="metaspace" and normalizer="nmt_nfkc"'
        )
    _check_marks(trainer, words, splits, as_suffix)
    names = [name.decode() for name in BYTE_NAMES] if trainer.byte_fallback else []
    own = trainer.user_defined or ()
    reserved = (*trainer.special_tokens, *own, *names)
    coverage = trainer.character_coverage
    learned = learn_pieces(
        counts,
        PieceOptions(
            n_pieces=trainer.vocab_size - len(reserved),
            reserved=reserved,
            coverage=None if coverage == "auto" else coverage,
            required=trainer.required_characters or "",
            min_frequency=trainer.min_frequency or 1,
            max_piece_length=trainer.max_piece_length or 16,
            rules=PieceRules(
                split_digits=bool(trainer.split_digits),
                split_by_number=bool(trainer.split_by_number),
                split_by_unicode_script=bool(trainer.split_by_unicode_script),
                split_by_whitespace=splits,
                treat_whitespace_as_suffix=as_suffix,
                allow_whitespace_only_pieces=bool(trainer.allow_whitespace_only_pieces),
            ),
        ),
        progress=progress,
        observer=observer,
    )
    n_special = len(trainer.special_tokens)
    texts = [*[""] * n_special, *own, *names, *learned.merged, *learned.characters]
    if len(texts) < trainer.vocab_size:
        warn(
            f"the vocabulary has {len(texts):,} ids, not {trainer.vocab_size:,}: no other pair occurs"
            + describe_minimum(trainer.min_frequency or 1)
            + " and is a valid piece"
        )
    known = {ord(text) for text in (*learned.characters, *own) if len(text) == 1}
    lost = {} if trainer.byte_fallback else count_lost(counts, np.array(sorted(known), np.int64))
    warn_of_lost_bytes(lost, has_unk=True)
    pieces = Ragged.from_bytes([text.encode() for text in texts])
    user_defined = range(n_special, n_special + len(own))
    # The score of a piece is minus its number among the learned ones.
    scores = np.minimum(0, len(reserved) - np.arange(len(texts))).astype(np.float64)
    special_tokens = {token: i for i, token in enumerate(trainer.special_tokens)}
    merges = merges_by_score(
        pieces, scores, byte_fallback=bool(trainer.byte_fallback), user_defined=user_defined
    )
    alphabet = Characters(
        unk_id=special_tokens[str(trainer.unk)],
        byte_fallback=bool(trainer.byte_fallback),
        compat="sentencepiece",
    )
    model = BPEModel(pieces, **merges._asdict(), alphabet=alphabet, user_defined=user_defined)
    return Trained(model, special_tokens, lost=lost)


def find_words(pretokenizer: Pretokenizer) -> tuple[Metaspace | None, bool, bool]:
    """Return the `Metaspace` of a pretokenizer, whether it splits at ▁, and whether ▁ ends words."""
    steps: tuple[Any, ...] = getattr(pretokenizer, "steps", (pretokenizer,))
    words = next((step for step in steps if isinstance(step, Metaspace)), None)
    if words is None:
        return None, True, False
    splits = words.split_by_whitespace or any(isinstance(step, MarkRuns) for step in steps)
    return words, splits, words.treat_whitespace_as_suffix


def _check_marks(trainer: Any, words: Metaspace | None, splits: bool, as_suffix: bool) -> None:
    """Raise a ValueError if the pretokens do not have what sentencepiece's trainer would look at."""
    if trainer.allow_whitespace_only_pieces and splits:
        if as_suffix:
            raise ValueError(
                "allow_whitespace_only_pieces cannot be combined with treat_whitespace_as_suffix and "
                "split_by_whitespace of the pretokenizer; use Metaspace(split_by_whitespace=False, …)"
            )
        if words is not None and words.split_by_whitespace:
            raise ValueError(
                "allow_whitespace_only_pieces needs pretokens with several ▁. Count with the pretokenizer "
                "[Metaspace(split_by_whitespace=False, …), MarkRuns()]"
            )
    if not splits:
        return
    for text in (*trainer.special_tokens, *(trainer.user_defined or ())):
        inside = text[:-1] if as_suffix else text[1:]
        if MARK in inside:
            raise ValueError(
                f"the special token or user-defined text {text!r} has a ▁ inside, so it is in several "
                "pretokens and cannot be found in counts of words; use Metaspace(split_by_whitespace=False)"
            )


def tokenizer_parts(
    trainer: Any, pretokenizer: Pretokenizer, normalizer: Normalizer | None
) -> dict[str, Any]:
    """Return the normalizer, the decoder and the roles of special tokens, as sentencepiece has them."""
    words, *_ = find_words(pretokenizer)
    parts: dict[str, Any] = {}
    if trainer.user_defined:
        removes = words is not None and words.remove_extra_whitespaces
        kept = keep_as_sentencepiece(normalizer, trainer.user_defined, removes_spaces=removes)
        if kept is not None:
            parts["normalizer"] = kept
    if words is not None:
        parts["decoder"] = {
            "name": "sentencepiece",
            "add_dummy_prefix": words.add_dummy_prefix,
            "remove_extra_whitespaces": words.remove_extra_whitespaces,
            "unk": trainer.unk,
            "control": [token for token in trainer.special_tokens if token != trainer.unk],
        }
    roles = {role: text for role, text in ROLES.items() if text in trainer.special_tokens}
    parts["config"] = {f"{role}_token": text for role, text in (roles | {"unk": trainer.unk}).items()}
    return parts
