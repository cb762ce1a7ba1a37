"""Decoders against those of tokenizers, in random sequences over random vocabularies; and their filters."""

from __future__ import annotations

import json
import pickle
import random

import numpy as np
import pytest
import tokenizers

import fasttok as ft
from fasttok.decoders._runs import write_runs
from fasttok.decoders.base import FusedToken
from fasttok.decoders.filters import ReplaceFilter, StripFilter, Utf8Filter
from fasttok.decoders.regroup import CTC, ByteFallback, RunFilter, TokenFilter, mark_empty, mark_end
from fasttok.decoders.streaming import DecodingStream
from fasttok.decoders.text import TextDecoder
from fasttok.decoders.tokens import Replace, Strip, Suffix, WordPiece

BYTES = ["<0xE2>", "<0x96>", "<0x81>", "<0xC3>", "<0xa9>", "<0x41>", "<0x4a>", "<0xFF>", "<0x+5>"]
PIECES = [
    *("▁", "▁a", "a▁b▁", "▁▁", "##", "##b", "####", "</w>", "c</w>", "d</w>e</w>", "_", "é", "a", "aa", "x"),
    *(" ", "  ", " a", "b ", "'", "n't", " n't", "'s", ".", " ?", " do not", " ' ", "|", "<pad>", "a<pad>"),
    *("Ġx", "Ġ", "Ã", "©", "â", "ĸ", "ģ", "😀", "\ufffd", "<0x4G>", "<", "0x41>", "ab", "ba"),
]
TEXTS = ["▁", "##", "</w>", "_", "", " ", "a", "aa", "ab", "é", "'", "|", "Ġ", "<0xE2>", "<0x41>", "\ufffd"]
CHARACTERS = ["▁", " ", "a", "é", "_"]


def draw_step(rng):
    """Return the JSON of a decoder of tokenizers, and the configuration of fasttok's decoder."""
    text, content = (lambda usual: rng.choice([usual, rng.choice(TEXTS)])), rng.choice(CHARACTERS)
    flag, start, stop = rng.random() < 0.6, rng.choice([0, 1, 1, 2, 9]), rng.choice([0, 0, 0, 1, 2])
    prefix, suffix, pad, delimiter = text("##"), text("</w>"), text("<pad>"), text("|")
    pattern, replacement = text("▁"), text(" ")
    scheme = rng.choice(["always", "first", "never"])
    prepends = {"name": "metaspace_tokens", "replacement": content, "prepend": scheme}
    ctc = {"name": "ctc", "pad_token": pad, "word_delimiter_token": delimiter, "clean_up": flag}
    return rng.choice(
        [
            ({"type": "ByteLevel", "add_prefix_space": flag, "trim_offsets": flag}, "byte_level"),
            (
                {"type": "WordPiece", "prefix": prefix, "cleanup": flag},
                {"name": "wordpiece", "prefix": prefix, "clean_up": flag},
            ),
            ({"type": "Metaspace", "replacement": content, "prepend_scheme": scheme}, prepends),
            ({"type": "BPEDecoder", "suffix": suffix}, {"name": "suffix", "suffix": suffix}),
            ({"type": "ByteFallback"}, "byte_fallback"),
            ({"type": "ByteFallback"}, "byte_fallback"),
            ({"type": "Fuse"}, "fuse"),
            (
                {"type": "Strip", "content": content, "start": start, "stop": stop},
                {"name": "strip", "content": content, "start": start, "stop": stop},
            ),
            (
                {"type": "Replace", "pattern": {"String": pattern}, "content": replacement},
                {"name": "replace", "pattern": pattern, "replacement": replacement},
            ),
            (
                {"type": "CTC", "pad_token": pad, "word_delimiter_token": delimiter, "cleanup": flag},
                ctc,
            ),
        ]
    )


def make_peer(pieces, added, special, decoder):
    """Return a tokenizer of tokenizers; `added` maps texts to ids, `special` has some of these texts."""
    flags = dict.fromkeys(["single_word", "lstrip", "rstrip", "normalized"], False)
    fields = {
        "version": "1.0",
        "added_tokens": [
            {"id": i, "content": text, "special": text in special} | flags for text, i in added.items()
        ],
        "decoder": decoder,
        "model": {
            "type": "WordLevel",
            "vocab": {text: i for i, text in enumerate(pieces)},
            "unk_token": pieces[0],
        },
    }
    return tokenizers.Tokenizer.from_str(json.dumps(fields))


def draw_tokenizers(rng):
    """Return a random vocabulary with the same decoder in tokenizers and in fasttok, and a description."""
    pieces = list(dict.fromkeys(rng.choices(BYTES, k=6) + rng.sample(PIECES, rng.randint(3, 30))))
    pieces += {"".join(rng.choices(PIECES, k=2)) for _ in range(5)}.difference(pieces)
    new = rng.sample([text for text in [*PIECES, *BYTES] if text not in pieces], rng.randint(0, 4))
    added = {text: pieces.index(text) for text in rng.sample(pieces, rng.randint(0, 3))}
    added |= {text: i for i, text in enumerate(new, len(pieces))}
    special = {text for text in added if rng.random() < 0.5}
    steps = [draw_step(rng) for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 3, 4, 5]))]
    theirs, ours = None, "join"
    if len(steps) == 1:
        [(theirs, ours)] = steps
    elif steps:
        theirs = {"type": "Sequence", "decoders": [given for given, _ in steps]}
        ours = [given for _, given in steps]
    peer = make_peer(pieces, added, special, theirs)
    decoder = TextDecoder(ft.get_decoder(ours), ft.WordModel(pieces), added, [added[t] for t in special])
    return peer, decoder, f"{ours}, {added}, special: {special}"


def draw_row(rng, n_ids):
    ids = [rng.randrange(n_ids) for _ in range(rng.choice([0, 1, 2, 3, 5, 9, 20]))]
    return [i for i in ids for _ in range(rng.choice([1, 1, 1, 2]))]


def as_array(row):
    return np.array(row, np.int64)


def stream(decoder, row, rng):
    found = DecodingStream(decoder)
    cuts = sorted(rng.choices(range(len(row) + 1), k=rng.randint(0, 20)))
    parts = [found.push(as_array(row[a:b])) for a, b in zip([0, *cuts], [*cuts, len(row)], strict=True)]
    return b"".join([*parts, found.finish()])


def decode_there(peer, row, **options):
    """Return the text, or None if the library fails, as its Strip does if the ends of a token overlap."""
    try:
        return peer.decode(row, **options)
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        return None


def check_rows(peer, decoder, rows, rng, case):
    """Compare all ways to decode rows with the library; return the number of comparisons."""
    n = 0
    for is_skipped in (False, True):
        expected = [decode_there(peer, row, skip_special_tokens=is_skipped) for row in rows]
        kept = [(row, text) for row, text in zip(rows, expected, strict=True) if text is not None]
        batch = decoder.decode_rows(ft.Ragged.from_rows([row for row, _ in kept], np.int64), is_skipped)
        for (row, text), found in zip(kept, batch, strict=True):
            tokens = [peer.id_to_token(i) for i in row]
            assert found.decode(errors="replace") == text, (case, tokens)
            assert decoder.decode(as_array(row), is_skipped) == found, (case, tokens)
            if not is_skipped:
                assert stream(decoder, row, rng) == found, (case, tokens)
        n += len(kept)
    return n


# Sequences


@pytest.mark.parametrize("seed", range(8))
def test_random_sequences_match_tokenizers(seed):
    rng = random.Random(seed)
    n = 0
    for _ in range(100):
        peer, decoder, case = draw_tokenizers(rng)
        rows = [draw_row(rng, decoder.n_ids) for _ in range(5)]
        n += check_rows(peer, decoder, rows, rng, case)
    assert n > 900


LLAMA = [
    {"name": "replace", "pattern": "▁", "replacement": " "},
    "byte_fallback",
    "fuse",
    {"name": "strip", "start": 1},
]
LLAMA_PEER = {
    "type": "Sequence",
    "decoders": [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0},
    ],
}


def test_llama_2():
    pieces = ["<unk>", "<s>", *(f"<0x{i:02X}>" for i in range(256)), "▁", "▁a", "b", "é", "▁▁"]
    added, special = {"<unk>": 0, "<s>": 1, "▁<x>": len(pieces)}, {"<unk>", "<s>"}
    peer = make_peer(pieces, added, special, LLAMA_PEER)
    decoder = TextDecoder(ft.get_decoder(LLAMA), ft.WordModel(pieces), added, [0, 1])
    rng, rows = random.Random(1), []
    for _ in range(400):
        text = "".join(rng.choices(["é", "東", "😀", "a", "\x00"], k=rng.randint(0, 4)))
        data = [2 + byte for byte in text.encode()]
        if rng.random() < 0.3:
            data.insert(rng.randint(0, len(data)), 2 + rng.randrange(256))
        others = [rng.choice([0, 1, *range(258, len(pieces) + 1)]) for _ in range(rng.randint(0, 3))]
        rows.append([*others, *data, *rng.sample(others, len(others))])
    assert check_rows(peer, decoder, rows, rng, "llama") == 800


def test_byte_level_pieces_may_be_characters_or_bytes():
    pieces, texts = ["a", "Ġ", "Ã", "©", "é", "Ġa", "©é"], ["Ġ<é>", "東", "a b", "<s>"]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False}
    peer = make_peer(pieces, {text: i for i, text in enumerate(texts, 7)}, {"<s>"}, byte_level)
    rows = [bytes([byte]) for byte in range(256)]
    models = [ft.WordModel(pieces), ft.BPEModel([*rows, b" a", b"\xa9\xe9"], [[32, 97], [0xA9, 0xE9]])]
    ids_of_pieces = [range(7), [97, 32, 0xC3, 0xA9, 0xE9, 256, 257]]
    steps = [{"name": "replace", "pattern": "\ufffd", "replacement": "?"}, {"name": "strip", "start": 1}]
    for model, ids in zip([*models, ft.ByteModel()], [*ids_of_pieces, ids_of_pieces[1][:5]], strict=True):
        added = {text: i for i, text in enumerate(texts, len(model.pieces))}
        here = as_array([*ids, *added.values()])
        there = [*range(len(ids)), *range(7, 11)]
        decoder = TextDecoder(ft.get_decoder("byte_level"), model, added, [added["<s>"]])
        longer = TextDecoder(ft.get_decoder(["byte_level", *steps]), model, added)
        rng = random.Random(2)
        for _ in range(300):
            drawn = draw_row(rng, len(here))
            row, other = here[drawn], [there[i] for i in drawn]
            text = peer.decode(other, skip_special_tokens=False)
            assert decoder.decode(row).decode(errors="replace") == text
            assert decoder.decode(row, True).decode(errors="replace") == peer.decode(other)
            expected = text.replace("\ufffd", "?").removeprefix(" ")
            assert longer.decode(row).decode() == stream(longer, row, rng).decode() == expected


def test_tokenizers_decode_special_tokens_like_tokenizers():
    pieces = ["▁low", "▁er", "<0xC3>", "<0xA9>"]
    added = {"<s>": 4, "▁x": 5, "<0xA9> ": 6}
    tok = ft.Tokenizer(
        ft.WordModel(pieces),
        "none",
        {ft.AddedToken(text, special=i == 4): i for text, i in added.items()},
        decoder=LLAMA,
    )
    peer = make_peer(pieces, added, {"<s>"}, LLAMA_PEER)
    rng = random.Random(3)
    for _ in range(200):
        row = draw_row(rng, 7)
        text = peer.decode(row, skip_special_tokens=False)
        found = ft.StreamDecoder(tok)
        assert tok.decode(row) == text == "".join([*map(found.push, row), found.finish()])
        assert tok.decode_batch([row, row]) == [text, text]
        assert tok.decode(row, skip_special_tokens=True) == peer.decode(row)


def test_streams_return_text_as_soon_as_possible():
    pieces = ["▁a", "b", "<0xC3>", "<0xA9>", "▁", "<pad>"]
    found = DecodingStream(TextDecoder(ft.get_decoder(LLAMA), ft.WordModel(pieces)))
    assert [found.push(as_array([i])) for i in (0, 4, 2, 3, 1)] == [b"a", b" ", b"", b"", "éb".encode()]
    assert [found.push(as_array([2])), found.finish(), found.push(as_array([0]))] == [b"", UNKNOWN, b"a"]
    found = DecodingStream(TextDecoder(ft.get_decoder(["ctc", "wordpiece"]), ft.WordModel(pieces)))
    assert [found.push(as_array([i])) for i in (1, 1, 5, 1)] == [b"b", b"", b"", b" b"]


def test_strip_where_tokenizers_fails():
    cases = {(" ", 1, 1): "", (" ", 2, 2): "", (" ", 0, 2): "", ("  a ", 3, 2): "a", ("   ", 1, 1): " "}
    for (text, start, stop), expected in cases.items():
        for steps in ([Strip(" ", start, stop)], ["fuse", Strip(" ", start, stop)]):
            decoder = TextDecoder(ft.get_decoder(steps), ft.WordModel([text]))
            assert decoder.decode(as_array([0])).decode() == expected


def test_added_tokens_bypass_own_filters_only():
    """After a filter that added tokens bypass, the decoders of tokenizers still rewrite them."""
    model, added = ft.WordModel(["▁a", "b"]), {"▁a▁": 2, "a": 3}
    for steps, row, text in [
        (["metaspace"], [0, 2, 0], "a▁a▁ a"),
        (["metaspace", {"name": "replace", "pattern": "▁", "replacement": "_"}], [0, 2, 0], "a_a_ a"),
        (["metaspace", {"name": "replace", "pattern": "aa", "replacement": "_"}], [0, 3, 3], "_a"),
        (["metaspace", {"name": "strip", "stop": 2, "content": "▁"}], [0, 2], "a▁a"),
        (["byte_fallback", "metaspace"], [0, 2, 0], "a▁a▁ a"),
        (["ctc", "metaspace"], [0, 0, 2, 0], "a a  a"),
    ]:
        decoder = TextDecoder(ft.get_decoder(steps), model, added)
        rng = random.Random(4)
        assert decoder.decode(as_array(row)).decode() == text
        assert {stream(decoder, row, rng) for _ in range(20)} == {text.encode()}


@pytest.mark.parametrize(
    "pattern", ["a|é", r"\s+", "a*", "^", "$", r"(?<=a)b", r"\w(?=b)", r"(a)(b)?", "", r"\h"]
)
def test_replaced_expressions_match_tokenizers(pattern):
    """The replacement is a literal text; an empty token is not changed, not even by an empty match."""
    pieces = ["a", "b", "ab", "aab ", "é", " a", "1", "a\nb", "A", "  ", "baab", "x1é"]
    rng = random.Random(7)
    for replacement in ("", "x", "$1", "\\1", r"\g<0>"):
        theirs = tokenizers.decoders.Replace(tokenizers.Regex(pattern), replacement)
        ours = ft.get_decoder(
            {"name": "replace", "pattern": pattern, "replacement": replacement, "dialect": "oniguruma"}
        )
        assert pickle.loads(pickle.dumps(ours)) == ours  # noqa: S301
        strip, stripped = Strip("1", 1), tokenizers.decoders.Strip("1", left=1)
        for given, there in [
            ([ours], theirs),
            ([strip, ours], tokenizers.decoders.Sequence([stripped, theirs])),
            (["fuse", ours], tokenizers.decoders.Sequence([tokenizers.decoders.Fuse(), theirs])),
        ]:
            decoder = TextDecoder(ft.get_decoder(given), ft.WordModel(pieces))
            for _ in range(20):
                row = draw_row(rng, len(pieces))
                text = there.decode([pieces[i] for i in row])
                assert decoder.decode(as_array(row)).decode() == stream(decoder, row, rng).decode() == text


def test_invalid_expressions():
    for dialect in ("regex", "oniguruma"):
        with pytest.raises(ft.PatternError, match="pattern '\\(a'"):
            Replace("(a", "", dialect)


# Filters

UNKNOWN = "\ufffd".encode()


def cut(text, rng):
    cuts = sorted(rng.choices(range(len(text) + 1), k=rng.randint(0, 6)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@pytest.mark.parametrize(
    ("make", "expected", "parts"),
    [
        (lambda: ReplaceFilter(b"aa", b"b"), lambda text: text.replace(b"aa", b"b"), [b"a", b"b", b"aa"]),
        (lambda: ReplaceFilter(b"aab", b""), lambda text: text.replace(b"aab", b""), [b"a", b"b", b"aa"]),
        (lambda: ReplaceFilter(b"\xc3\xa9", b" "), lambda text: text.replace("é".encode(), b" "), ["é", "É"]),
        (
            Utf8Filter,
            lambda text: text.decode(errors="replace").encode(),
            [b"\xe2", b"\x96", b"\x81", b"a", b"\xff", b"\xf0"],
        ),
        *(
            (
                lambda c=c, a=a, b=b: StripFilter(c.encode(), a, b),
                lambda text, c=c, a=a, b=b: Strip(c, a, b).rewrite(text, is_first=True, is_last=True),
                [c, c, "é", "É", "b", b"\xc3"],
            )
            for c in "aé"
            for a in (0, 1, 3)
            for b in (0, 1, 3)
        ),
        *(
            (
                lambda step=step: step.text_filter(),
                lambda text, step=step: step.rewrite(text, is_first=True, is_last=True),
                ["##", " ", "a", "</w>", "<"],
            )
            for step in (WordPiece(), Suffix(), Suffix("a"))
        ),
        (
            lambda: FusedToken(lambda text, **_: b"<" + text + b">"),
            lambda text: b"<" + text + b">",
            ["a"],
        ),
    ],
)
def test_filters_return_the_same_however_the_text_is_cut(make, expected, parts):
    rng = random.Random(5)
    parts = [part if isinstance(part, bytes) else part.encode() for part in parts]
    one = make()
    assert one.takes_added
    assert one.keeps(b"a")
    for _ in range(1500):
        text = b"".join(rng.choices(parts, k=rng.randint(0, 7)))
        assert one.apply(text) == expected(text)
        assert b"".join([*map(one.push, cut(text, rng)), one.finish()]) == expected(text)


def test_marked_tokens_may_be_cut_anywhere():
    rng = random.Random(6)
    rows = [b"\xff" + bytes([byte]) for byte in (0xC3, 0xA9, 0x41, 0xFF, 0xFE)] + [b"\xfe", b"a", b"b"]
    one = RunFilter([])
    for _ in range(3000):
        text = b"".join(rng.choices(rows, k=rng.randint(0, 9)))
        expected = one.push(text) + one.finish()
        assert one.apply(text) == expected == b"".join([*map(one.push, cut(text, rng)), one.finish()])
    both = TokenFilter([ByteFallback(), CTC()])
    tokens = [b"<0xC3>", b"<0xA9>", b"a", b"", b"<pad>", b"\xff\xfe"]
    for _ in range(500):
        text = b"".join(mark_end(token) for token in rng.choices(tokens, k=rng.randint(0, 9)))
        assert both.apply(text) == b"".join([*map(both.push, cut(text, rng)), both.finish()])
    assert mark_empty(b"\xffa\xfe") == UNKNOWN + b"a" + UNKNOWN


def test_long_runs():
    """Time and memory do not depend on how many byte pieces, or how many characters to strip, follow."""
    n = 20_000
    assert write_runs(b"\xff\x80" * n) == UNKNOWN * n
    assert write_runs(b"\xff\xc3\xff\xa9" * n) == "é".encode() * n
    assert write_runs(b"\xff") == b"\0"  # never happens: a byte follows each escape
    steps = ["byte_fallback", "fuse", {"name": "strip", "stop": n}]
    found = DecodingStream(TextDecoder(ft.get_decoder(steps), ft.WordModel(["<0x41>", " "])))
    rows = as_array([0] * n + [1] * n)
    text = b"".join([found.push(rows[i : i + 1]) for i in range(2 * n)])
    assert text + found.finish() == b"A" * n
