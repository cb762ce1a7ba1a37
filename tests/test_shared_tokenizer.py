"""One tokenizer in several threads, and containers of texts that change while they are read."""

from __future__ import annotations

import sys
import threading

import pytest

import fasttok as ft


@pytest.fixture(scope="module")
def tok():
    special = [f"<{i}>" for i in range(40)]
    return ft.train(ft.Corpus.from_texts(["low lower lowest"]), vocab_size=303, special_tokens=special)


class Longer(list):
    """List that yields more items than its length."""

    def __iter__(self):
        return iter(["low"] * 20_000)


class Shorter(list):
    """List that yields fewer items than its length."""

    def __iter__(self):
        return iter(["low"])


@pytest.mark.parametrize(("container", "n"), [(Longer, 20_000), (Shorter, 1)])
def test_lists_that_lie_about_their_length(tok, container, n):
    # Their items may be those of the list or those of its iterator.
    texts, readings = container(["lower"] * 3), (["lower"] * 3, ["low"] * n)
    assert tok.encode_batch(texts).to_list() in [tok.encode_batch(one).to_list() for one in readings]
    assert tok.count_batch(texts).tolist() in [tok.count_batch(one).tolist() for one in readings]


def test_a_list_that_grows_while_it_is_encoded(tok):
    # A text of more than 1,024 bytes is encoded without the GIL, so the other thread then runs.
    texts = ["low lower " * 200] * 4
    expected = tok.encode(texts[0]).tolist()
    stop = threading.Event()

    def grow():
        while not stop.is_set():
            texts.extend([texts[0]] * 100)
            del texts[4:]

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        for _ in range(60):
            rows = tok.encode_batch(texts, workers=1)
            assert len(rows) >= 4
            assert rows[len(rows) - 1].tolist() == expected
    finally:
        stop.set()
        thread.join()


def test_many_kinds_of_special_tokens_in_several_threads(tok):
    # Each set of allowed tokens has an encoder of its own, and the oldest are dropped.
    errors = []

    def work(k):
        try:
            for i in range(1500):
                text = f"low <{i % 40}>"
                allowed = {f"<{j}>" for j in range(40) if (i * 37 + k) >> j % 11 & 1}
                tok.encode(text, special=allowed)
        except Exception as error:
            errors.append(error)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not errors
