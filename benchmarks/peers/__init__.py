"""One function a library and task: how its users would do the same work, as fast as it goes.

Each runs in a process of its own. It is given the arguments of the task and returns the work to time, as
a function of nothing, and what turns that work's result into something to compare.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.peers import added, decode, encode, hostile, offsets, small, train, unigram, wordpiece
from benchmarks.peers.common import Work

TASKS: dict[str, dict[str, Callable[..., Work]]] = {
    "train": train.TASK,
    "memory": {name: train.TASK[name] for name in ("fasttok", "gigabpe", "gigatoken")},
    "encode": encode.TASK,
    "decode": decode.TASK,
    "small": small.TASK,
    "offsets": offsets.TASK,
    "added": added.TASK,
    "unigram": unigram.TRAIN,
    "segment": unigram.ENCODE,
    "wordpiece": wordpiece.TRAIN,
    "bert": wordpiece.ENCODE,
    "batch": wordpiece.BATCH,
    "hostile train": {"fasttok": hostile.train_hostile},
    "hostile encode": {"fasttok": hostile.encode_hostile},
}
# The fasttok run whose result a library's must equal, where it is not the one that is timed.
REFERENCES: dict[str, dict[str, Callable[..., Work]]] = {
    "train": train.REFERENCES,
    "memory": train.REFERENCES,
}
