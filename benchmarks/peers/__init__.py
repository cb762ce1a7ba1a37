"""Benchmark tasks: one function per library and task, written as users of the library would write it.

Each function runs in a separate process. It takes the arguments of the task and returns two functions: the
work to time, which takes no arguments, and a function that turns the result of the work into a string to
compare. A third value, if there is one, is the time that loading took in seconds.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.peers import (
    added,
    decode,
    encode,
    exports,
    hostile,
    huggingface,
    learned_from_ids,
    offsets,
    sentencepiece,
    small,
    special,
    stores,
    token_batches,
    train,
    unigram,
    wordpiece,
)
from benchmarks.peers.common import Work

TASKS: dict[str, dict[str, Callable[..., Work]]] = {
    "train": train.TASK,
    "memory": {name: train.TASK[name] for name in ("fasttok", "gigabpe", "gigatoken")},
    "encode": encode.TASK,
    "expect": encode.EXPECT,
    "document": encode.DOCUMENT,
    "decode": decode.TASK,
    "calls": small.TASK,
    "special": special.TASK,
    "offsets": offsets.TASK,
    "added": added.TASK,
    "unigram": unigram.TRAIN,
    "unigram-words": unigram.TRAIN_ON_WORDS,
    "segment": unigram.ENCODE,
    "wordpiece": wordpiece.TRAIN,
    "batch": wordpiece.BATCH,
    "store": stores.TASK,
    "store-open": stores.OPEN,
    "batches": token_batches.TASK,
    "ngrams": learned_from_ids.NGRAMS,
    "neighbours": learned_from_ids.NEIGHBOURS,
    "open": huggingface.OPEN,
    "sentencepiece-open": sentencepiece.OPEN,
    "sentencepiece-encode": sentencepiece.ENCODE,
    "sentencepiece-train": sentencepiece.TRAIN,
    "hostile train": {"fasttok": hostile.train_hostile},
    "hostile encode": {"fasttok": hostile.encode_hostile},
    "exports export": {"fasttok": exports.export_ids},
    "exports import": {"fasttok": exports.import_ids},
}
# Work of fasttok whose result that of a library must equal, if it is not the work of fasttok that is timed.
REFERENCES: dict[str, dict[str, Callable[..., Work]]] = {
    "train": train.REFERENCES,
    "memory": train.REFERENCES,
    "special": special.REFERENCES,
}
