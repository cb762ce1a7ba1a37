"""Naive reference implementations, with the standard library, NumPy and regex only, never fasttok.

They are written to be obviously correct, not fast.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from fractions import Fraction
from itertools import accumulate, groupby, pairwise
from math import inf
from typing import Any

import numpy as np
import regex


def split(pattern: str, document: bytes) -> list[bytes]:
    """Return the matches of a pattern and the texts between them, as bytes.

    An invalid byte 0xNN is decoded as U+DCNN. No character class of `regex` contains these code points.
    """
    text = document.decode(errors="surrogateescape")
    pretokens, end = [], 0
    for match in regex.finditer(pattern, text):
        pretokens += [text[end : match.start()], match.group()]
        end = match.end()
    pretokens.append(text[end:])
    return [p.encode(errors="surrogateescape") for p in pretokens if p]


def boundaries(pattern: str, documents: list[bytes]) -> list[int]:
    """Return where the parts of `split` begin and end in the joined documents; the pattern has no groups."""
    find, texts = regex.compile(f"({pattern})"), [data.decode(errors="surrogateescape") for data in documents]
    lengths = [len(part) for text in texts for part in find.split(text) if part]
    code_points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)
    sizes = 1 + (code_points >= 0x80) + (code_points >= 0x800).astype(int) + (code_points >= 0x10000)
    sizes[(code_points >= 0xDC80) & (code_points <= 0xDCFF)] = 1  # an invalid byte
    return np.append(0, np.cumsum(sizes))[np.cumsum([0, *lengths])].tolist()


def find_all(pattern: str, document: bytes) -> list[bytes]:
    """Return the matches of a pattern, as bytes, without the texts between them."""
    text = document.decode(errors="surrogateescape")
    return [match.encode(errors="surrogateescape") for match in regex.findall(pattern, text)]


def split_in_steps(patterns: list[str], document: bytes) -> list[bytes]:
    """Apply each pattern to the pretokens of the previous pattern, each of which is a separate text."""
    pretokens = [document]
    for pattern in patterns:
        pretokens = [part for pretoken in pretokens for part in split(pattern, pretoken)]
    return pretokens


def write_marks(
    document: bytes,
    add_dummy_prefix: bool = True,
    remove_extra_whitespaces: bool = True,
    treat_whitespace_as_suffix: bool = False,
    begins: bool = True,
    ends: bool = True,
) -> tuple[bytes, list[int]]:
    """Write ▁ for spaces, as `Metaspace` does; return the text and the origins of its bytes and its end."""
    out = [(bytes([byte]), i) for i, byte in enumerate(document)]
    end = len(document)
    if remove_extra_whitespaces:
        if begins:
            out = out[len(document) - len(document.lstrip(b" ")) :]
        out = [pair for k, pair in enumerate(out) if pair[0] != b" " or k == 0 or out[k - 1][0] != b" "]
    if not out:
        return b"", [len(document)]
    mark = "▁".encode()
    if add_dummy_prefix and begins and not treat_whitespace_as_suffix:
        out.insert(0, (mark, out[0][1]))
    flat = [(byte, i) for piece, i in out for byte in (mark if piece == b" " else piece)]
    while remove_extra_whitespaces and ends and bytes(byte for byte, _ in flat[-3:]) == mark:
        end = flat[-3][1]
        flat = flat[:-3]
    if add_dummy_prefix and ends and treat_whitespace_as_suffix:
        flat += [(byte, end) for byte in mark]
    return bytes(byte for byte, _ in flat), [i for _, i in flat] + [end]


def split_at_marks(text: bytes, treat_whitespace_as_suffix: bool = False) -> list[bytes]:
    """Split a text before each ▁, or after it."""
    mark = "▁".encode()
    first, *others = text.split(mark)
    if treat_whitespace_as_suffix:
        words = [word + mark for word in [first, *others][:-1]] + [first, *others][-1:]
    else:
        words = [first, *(mark + word for word in others)]
    return [word for word in words if word]


def split_at_scripts(document: bytes, scripts: list[str]) -> list[bytes]:
    """Split a text into runs of one script; a character of none of the given scripts is Common.

    A ▁ belongs to the run of the character after it, and an inherited character to the run before it.
    """

    def script(character: str) -> str:
        if regex.match(r"[\p{Han}\p{Hiragana}\p{Katakana}\u30fc]", character):
            return "Han"
        names = [name for name in scripts if regex.match(rf"\p{{Script={name}}}", character)]
        return names[0] if names else "Common"

    runs: list[str] = []
    of_run = ""
    for match in regex.finditer(r"(?s)(▁*)(.?)", document.decode(errors="surrogateescape")):
        marks, character = match.groups()
        found = script(character) if character else "Inherited"
        if not runs or "Inherited" != found != of_run != "":
            runs.append("")
            of_run = ""
        runs[-1] += marks + character
        of_run = of_run if found == "Inherited" else found
    return [run.encode(errors="surrogateescape") for run in runs if run]


def rewrite(rules: dict[str, str], data: bytes, longest: int) -> tuple[bytes, list[int]]:
    """Apply the longest matching rule at each position; return the text and the origins of its bytes and end.

    No rule has more than `longest` code points.
    """
    text, origins, position, i = data.decode(errors="surrogateescape"), [], 0, 0
    out = []
    while i < len(text):
        key = next((text[i : i + n] for n in range(longest, 0, -1) if text[i : i + n] in rules), None)
        source = key or text[i]
        size = len(source.encode(errors="surrogateescape"))
        is_broken = "\udc80" <= source <= "\udcff"
        written = (rules[key] if key else "\ufffd" if is_broken else source).encode()
        out.append(written)
        origins += [position + (0 if key or is_broken else k) for k in range(len(written))]
        position += size
        i += len(source)
    return b"".join(out), [*origins, position]


def nfkc_rules(folded: bool) -> dict[str, str]:
    """Return rules from code points, and from all decomposed forms of characters, to their NFKC forms.

    The version of Unicode is that of Python. Code points that it does not have are not changed.
    """
    rules = all_nfkc_rules()
    if folded:
        rules = {key: "".join(map(fold_simply, value)) for key, value in rules.items()}
    return {key: value for key, value in rules.items() if key != value}


@functools.cache
def all_nfkc_rules() -> dict[str, str]:
    """Return the rules of `nfkc_rules` before case is folded, and also those that change nothing."""
    normal = functools.partial(unicodedata.normalize, "NFKC")
    characters = [chr(c) for c in range(1, 0x110000) if not 0xD800 <= c < 0xE000]
    decomposed = {c: unicodedata.normalize("NFKD", c) for c in characters}
    rules = {c: normal(c) for c in characters}
    ways: dict[str, list[str]] = {}
    for c, parts in decomposed.items():
        if len(parts) == 1:
            ways.setdefault(parts, []).append(c)
    for c, parts in decomposed.items():
        if len(parts) > 1 and unicodedata.normalize("NFC", parts) == c:
            rules |= {"".join(way): c for way in itertools.product(*(ways[part] for part in parts))}
    return rules


def fold_simply(c: str) -> str:
    """Fold the case of one code point to one code point."""
    folded = c.casefold()
    return folded if len(folded) == 1 else c.lower() if len(c.lower()) == 1 else c


Made = list[tuple[str, int, int]]  # code points, each with the byte span that it was made from


def code_points(document: bytes) -> Made:
    """Return the code points of a text; an invalid byte 0xNN is U+DCNN."""
    text = document.decode(errors="surrogateescape")
    ends = list(accumulate((len(c.encode(errors="surrogateescape")) for c in text), initial=0))
    return list(zip(text, ends, ends[1:], strict=False))


def normal_form(form: str, document: bytes) -> Made:
    """Return the NFC, NFD, NFKC or NFKD of a text, step by step, with Python's version of Unicode."""
    return in_normal_form(form, code_points(document))


def in_normal_form(form: str, made: Made) -> Made:
    """Decompose code points one by one, sort their marks and, for NFC and NFKC, compose them.

    Each code point takes the place of a number of input code points: the first one of a decomposition of 1,
    the others of none, and a composition of the sum. In the order of the output, each code point has the
    span of the first input code point whose place it takes or, if there is none, of the one before.
    """
    pieces = [unicodedata.normalize(form.replace("C", "D"), c) for c, _, _ in made]
    items = [(d, int(k == 0)) for piece in pieces for k, d in enumerate(piece)]
    runs = [list(run) for _, run in groupby(items, lambda item: unicodedata.combining(item[0]) > 0)]
    items = [item for run in runs for item in sorted(run, key=lambda item: unicodedata.combining(item[0]))]
    out, used = [], 0
    for c, taken in composed(items) if form.endswith("C") else items:
        _, start, end = made[used if taken else used - 1]
        out.append((c, start, end))
        used += taken
    return out


def composed(items: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Compose decomposed code points, each given with the number of code points whose place it takes."""
    out: list[list[Any]] = []
    starter, last = None, 0
    for c, taken in items:
        class_ = unicodedata.combining(c)
        if starter is not None and (last < class_ or starter is out[-1]):
            joined = unicodedata.normalize("NFC", starter[0] + c)
            if len(joined) == 1 and unicodedata.normalize("NFD", joined) == unicodedata.normalize(
                "NFD", starter[0] + c
            ):
                starter[:] = [joined, starter[1] + taken]
                continue
        out.append([c, taken])
        starter = out[-1] if class_ == 0 else starter
        last = class_
    return [(c, taken) for c, taken in out]


def bert_text(
    document: bytes, clean_text: bool, handle_chinese_chars: bool, strip_accents: bool, lowercase: bool
) -> Made:
    """Apply those of BERT's four normalization steps that are switched on, in order."""
    made = code_points(document)
    if clean_text:
        made = [
            (" " if regex.fullmatch(r"\s", c) else c, start, end)
            for c, start, end in made
            if c in "\t\n\r" or (c not in "\0\ufffd" and unicodedata.category(c) not in ("Cc", "Cf", "Co"))
        ]
    if handle_chinese_chars:
        is_chinese = regex.compile(
            r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002a6df\U0002a700-\U0002b73f"
            r"\U0002b740-\U0002b81f\U0002b820-\U0002ceaf\U0002f800-\U0002fa1f]"
        ).fullmatch
        made = [(d, start, end) for c, start, end in made for d in (f" {c} " if is_chinese(c) else c)]
    if strip_accents:
        made = [item for item in in_normal_form("NFD", made) if unicodedata.category(item[0]) != "Mn"]
    if lowercase:
        made = [(d, start, end) for c, start, end in made for d in c.lower()]
    return made


def count(pattern: str, documents: list[bytes]) -> dict[bytes, int]:
    """Return the distinct pretokens with their counts, in order of descending count, then of bytes."""
    counts = Counter(pretoken for document in documents for pretoken in split(pattern, document))
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def learn_merges(
    words: list[tuple[list[int], int]],
    n_alphabet: int,
    n_symbols: int,
    min_count: int = 1,
    max_length: int | None = None,
    ties: str = "ids",
    veto: list[tuple[int, ...]] | None = None,
    by_likelihood: bool = False,
    strings: list[tuple[int, ...]] | None = None,
) -> list[tuple[int, int, int]]:
    """Learn merges by byte-pair encoding, counting all pairs again after every merge.

    Overlapping occurrences count. The most frequent pair is merged; with `by_likelihood`, the pair with the
    greatest quotient of its count and the product of the counts of its symbols. Ties go to the smallest pair.
    With the ties "shortest", they go to the shortest merged string, then to the smallest one, then to the
    smallest pair; with "largest", to the pair whose strings are largest. A merged string that already is a
    symbol keeps its number. Pairs that would give a string in `veto` are not merged. Symbol i of the alphabet
    has the string ``strings[i]``, by default i itself.
    """
    strings = dict(enumerate(strings or [(i,) for i in range(n_alphabet)]))  # string of each symbol
    numbers = {string: i for i, string in strings.items()}
    words = [(list(word), n) for word, n in words]
    merges: list[tuple[int, int, int]] = []
    while len(strings) < n_symbols:
        counts: Counter[tuple[int, int]] = Counter()
        symbols: Counter[int] = Counter()
        for word, n in words:
            for pair in pairwise(word):
                counts[pair] += n
            for symbol in word:
                symbols[symbol] += n

        order = {}
        for pair, n in counts.items():
            joined = strings[pair[0]] + strings[pair[1]]
            score = Fraction(n, symbols[pair[0]] * symbols[pair[1]]) if by_likelihood else n
            tie = (len(joined), joined) if ties == "shortest" else ()
            if ties == "largest":  # the complement of each unit, and an end mark above all of them
                tie = tuple((*(-unit for unit in strings[symbol]), 1) for symbol in pair)
            order[pair] = (-score, *tie, pair)
        allowed = [
            p
            for p in counts
            if counts[p] >= min_count
            and strings[p[0]] + strings[p[1]] not in (veto or [])
            and (max_length is None or len(strings[p[0]] + strings[p[1]]) <= max_length)
        ]
        if not allowed:
            break
        best = min(allowed, key=order.__getitem__)
        joined = strings[best[0]] + strings[best[1]]
        merged = numbers.setdefault(joined, len(strings))
        strings[merged] = joined
        merges.append((*best, merged))
        words = [(replace(word, best, merged), n) for word, n in words]
    return merges


def learn_merges_of_bytes(words: dict[bytes, int], n_merges: int) -> list[tuple[bytes, bytes]]:
    """Learn merges of byte strings: among the most frequent pairs, the greatest pair is merged."""
    rows = [([bytes([byte]) for byte in word], n) for word, n in words.items()]
    merges: list[tuple[bytes, bytes]] = []
    while len(merges) < n_merges:
        counts: Counter[tuple[bytes, bytes]] = Counter()
        for row, n in rows:
            for pair in pairwise(row):
                counts[pair] += n
        if not counts:
            break
        best = max(counts, key=lambda pair: (counts[pair], pair))
        merges.append(best)
        for row, _ in rows:
            i = 0
            while i < len(row) - 1:
                if (row[i], row[i + 1]) == best:
                    row[i : i + 2] = [best[0] + best[1]]
                i += 1
    return merges


def count_merges(words: list[tuple[list[int], int]], merges: list[tuple[int, int, int]]) -> list[list[int]]:
    """Return the count of each merge's pair, with overlaps, and how many of these occurrences are merged."""
    words, found = [(list(word), n) for word, n in words], []
    for left, right, merged in merges:
        frequency = sum(n for word, n in words for pair in pairwise(word) if pair == (left, right))
        before = sum(len(word) * n for word, n in words)
        words = [(replace(word, (left, right), merged), n) for word, n in words]
        found.append([frequency, before - sum(len(word) * n for word, n in words)])
    return found


def choose_characters(
    counts: dict[str, int], merged: list[str], frequencies: list[int], budget: int
) -> tuple[int, int, str]:
    """Return the greatest gain of automatic character coverage, the number of merges, and the characters.

    All numbers of merges are tried; ties go to the greatest number.
    """
    gain = {c: n * (len(c.encode()) - 1) for c, n in counts.items()}
    found = []
    for k in range(len(merged) + 1):
        needed = sorted(set("".join(merged[:k])))
        n_left = budget - k - len(needed)
        if n_left >= 0:
            others = [c for c in sorted(gain, key=lambda c: (-gain[c], -counts[c], c)) if gain[c]]
            others = [c for c in others if c not in needed][:n_left]
            total = sum(frequencies[:k]) + sum(gain.get(c, 0) for c in needed + others)
            found.append((total, k, "".join(needed + others)))
    return max(found)


def merge_characters(word: str, merged: list[str]) -> list[str]:
    """Merge the characters of a word, one merge after the other; a merge is given by its joined string."""
    row = list(word)
    for text in merged:
        i = 0
        while i + 1 < len(row):
            if row[i] + row[i + 1] == text:
                row[i : i + 2] = [text]
            i += 1
    return row


def continue_merges(
    words: dict[bytes, int],
    pieces: list[bytes],
    merges: list[tuple[int, int, int]],
    n_new: int,
    min_count: int = 1,
    max_length: int | None = None,
    by_length: bool = False,
    ignore_merges: bool = False,
) -> list[tuple[int, int, int]]:
    """Return the merges of up to `n_new` more training steps; all words are encoded again before each step.

    Pairs whose joined bytes are already a piece are skipped. A new piece gets the next id. Bytes are ordered
    by their ids.
    """
    pieces, merges, n_old = list(pieces), list(merges), len(merges)
    for _ in range(n_new):
        ids = {piece: i for i, piece in enumerate(pieces) if piece}
        table = {(left, right): (rank, merged) for rank, (left, right, merged) in enumerate(merges)}
        counts: Counter[tuple[int, int]] = Counter()
        for word, n in words.items():
            if not (ignore_merges and word in ids):
                for pair in pairwise(encode_word([ids[bytes([b])] for b in word], table)):
                    counts[pair] += n

        order = {}
        for (left, right), n in counts.items():
            joined = pieces[left] + pieces[right]
            if n >= min_count and (max_length is None or len(joined) <= max_length) and joined not in ids:
                by_string = (len(joined), [ids[bytes([b])] for b in joined]) if by_length else ()
                order[left, right] = (-n, *by_string, left, right)
        if not order:
            break
        left, right = min(order, key=order.__getitem__)
        merges.append((left, right, len(pieces)))
        pieces.append(pieces[left] + pieces[right])
    return merges[n_old:]


def replace(word: list[int], pair: tuple[int, int], merged: int) -> list[int]:
    """Merge every occurrence of a pair in a word, from the left."""
    out, i = [], 0
    while i < len(word):
        if tuple(word[i : i + 2]) == pair:
            out.append(merged)
            i += 2
        else:
            out.append(word[i])
            i += 1
    return out


def encode_word(word: list[int], merges: dict[tuple[int, int], tuple[int, int]]) -> list[int]:
    """Merge the pair with the lowest rank, ties from the left, until no pair merges.

    `merges` maps a pair to its rank and merged id.
    """
    word = list(word)
    while True:
        ranked = [(merges[pair][0], i) for i, pair in enumerate(pairwise(word)) if pair in merges]
        if not ranked:
            return word
        _, i = min(ranked)
        word[i : i + 2] = [merges[word[i], word[i + 1]][1]]


def list_merges(
    word: list[int], merges: dict[tuple[int, int], tuple[int, int]]
) -> list[tuple[int, int, int, int]]:
    """Return rank, left id, right id and place in the word of each merge that `encode_word` applies."""
    found: list[tuple[int, int, int, int]] = []
    while True:
        ranked = [(merges[pair][0], i, pair) for i, pair in enumerate(pairwise(word)) if pair in merges]
        if not ranked:
            return found
        rank, i, pair = sorted(ranked)[0]
        found.append((rank, *pair, i))
        word = [*word[:i], merges[pair][1], *word[i + 2 :]]


def encode_by_ranks(pretoken: bytes, ranks: dict[bytes, int]) -> list[int]:
    """Encode a pretoken by tiktoken's rule.

    A pretoken that is a piece gets its id. Otherwise, neighbours whose joined bytes are a piece are merged,
    the lowest rank first, ties from the left.
    """
    if pretoken in ranks:
        return [ranks[pretoken]]
    parts = [pretoken[i : i + 1] for i in range(len(pretoken))]
    while True:
        ranked = [(ranks[a + b], i) for i, (a, b) in enumerate(pairwise(parts)) if a + b in ranks]
        if not ranked:
            return [ranks[part] for part in parts]
        _, i = min(ranked)
        parts[i : i + 2] = [parts[i] + parts[i + 1]]


def is_sampled(index: int, fraction: Fraction, seed: int) -> bool:
    """Return whether a document is in a sample."""
    data, key = index.to_bytes(8, "little"), seed.to_bytes(8, "little")
    drawn = int.from_bytes(hashlib.blake2b(data, digest_size=8, key=key).digest(), "little")
    return Fraction(drawn, 1 << 64) < fraction


def add_counts(parts: list[dict[bytes, int]]) -> list[tuple[bytes, int]]:
    """Add counts; return all pretokens in the order of their bytes."""
    total: Counter[bytes] = Counter()
    for part in parts:
        total.update(part)
    return sorted(total.items())


def locate(text: bytes, pieces: list[bytes]) -> tuple[list[list[int]], list[list[int]]]:
    """Return the spans of the pieces of a text, in bytes and in code points.

    A span in code points includes every character of which the piece has a byte.
    """
    characters = text.decode(errors="surrogateescape")
    owners = [i for i, c in enumerate(characters) for _ in c.encode(errors="surrogateescape")]
    byte_spans, char_spans, start = [], [], 0
    for piece in pieces:
        end = start + len(piece)
        byte_spans.append([start, end])
        char_spans.append([min(owners[start:end]), max(owners[start:end]) + 1])
        start = end
    return byte_spans, char_spans


def place_tokens(
    spans: Sequence[tuple[int, int]],
    tokens: Sequence[Sequence[tuple[int | list[int], int]]],
    joined: int | None = None,
) -> list[tuple[int, int, int]]:
    """Return the ids of a row, each with the start and end of its span in bytes.

    `tokens` has the ids of each pretoken with their numbers of bytes; several ids in a list have the same
    bytes. `spans` are the spans of the pretokens. Consecutive ids equal to `joined` become one id with the
    span of all.
    """
    placed: list[tuple[int, int, int]] = []
    for (start, end), row in zip(spans, tokens, strict=True):
        at = start
        for i, length in row:
            first = placed.pop()[1] if i == joined and placed and placed[-1][0] == joined else at
            placed += [(one, first, at + length) for one in (i if isinstance(i, list) else [i])]
            at += length
        assert at == end
    return placed


def locate_spans(text: bytes, byte_spans: Sequence[Sequence[int]]) -> list[list[int]]:
    """Convert spans in bytes to spans in code points, with every character of which a byte is in the span.

    An empty span inside a character becomes the span of this character; one between characters stays empty.
    """
    characters = text.decode(errors="surrogateescape")
    bounds = list(accumulate((len(c.encode(errors="surrogateescape")) for c in characters), initial=0))
    spans = []
    for start, end in byte_spans:
        first = max(i for i, bound in enumerate(bounds) if bound <= start)
        spans.append([first, sum(bound < end for bound in bounds[:-1])])
    return spans


def trim_spans(
    text: bytes,
    pieces: Sequence[bytes],
    byte_spans: Sequence[Sequence[int]],
    char_spans: Sequence[Sequence[int]],
    add_prefix_space: bool,
) -> tuple[list[list[int]], list[list[int]]]:
    """Return the spans of byte-level tokens without the spaces at both ends of each token."""
    characters = text.decode(errors="surrogateescape")
    starts = [0]
    for character in characters:
        starts.append(starts[-1] + len(character.encode(errors="surrogateescape")))
    trimmed: tuple[list[list[int]], list[list[int]]] = [], []
    for i, piece in enumerate(pieces):
        (begin, end), (first, last) = map(list, (byte_spans[i], char_spans[i]))
        before, after = len(piece) - len(piece.lstrip(b" ")), len(piece) - len(piece.rstrip(b" "))
        if add_prefix_space and before == 1 and 0 in (i, first):
            before = 0
        first = min(first + before, last)
        if last >= after:
            last = max(last - after, first)
        begin = min(max(begin, starts[first]), end)
        trimmed[0].append([begin, max(min(end, starts[last]), begin)])
        trimmed[1].append([first, last])
    return trimmed


def splitmix(state: int) -> tuple[int, int]:
    """Return the next state and the next number of SplitMix64."""
    state = (state + 0x9E3779B97F4A7C15) % (1 << 64)
    x = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) % (1 << 64)
    x = ((x ^ x >> 27) * 0x94D049BB133111EB) % (1 << 64)
    return state, x ^ x >> 31


def dropout_state(seed: int, epoch: int, document: int, position: int) -> int:
    """Return the initial state of a pretoken's generator: a hash of the four numbers."""
    state = 0
    for number in (seed, epoch, document, position):
        _, state = splitmix(state ^ number)
    return state


def encode_word_with_dropout(
    word: list[int], merges: dict[tuple[int, int], tuple[int, int]], dropout: Fraction, state: int
) -> list[int]:
    """Visit the possible merges by rank and position, apply the first that is not skipped, and start over.

    The word is finished when all merges are skipped.
    """
    word = list(word)
    while True:
        for _, i in sorted((merges[pair][0], i) for i, pair in enumerate(pairwise(word)) if pair in merges):
            state, drawn = splitmix(state)
            if drawn >> 1 >= dropout * (1 << 63):
                word[i : i + 2] = [merges[word[i], word[i + 1]][1]]
                break
        else:
            return word


def probabilities_with_dropout(
    word: tuple[int, ...], merges: dict[tuple[int, int], tuple[int, int]], dropout: Fraction
) -> dict[tuple[int, ...], Fraction]:
    """Return the exact probability of each possible result of `encode_word_with_dropout`."""
    chances: Counter[tuple[int, ...]] = Counter()
    reached = Fraction(1)
    for _, i in sorted((merges[pair][0], i) for i, pair in enumerate(pairwise(word)) if pair in merges):
        merged = (*word[:i], merges[word[i], word[i + 1]][1], *word[i + 2 :])
        for outcome, chance in probabilities_with_dropout(merged, merges, dropout).items():
            chances[outcome] += reached * (1 - dropout) * chance
        reached *= dropout
    chances[tuple(word)] += reached
    return chances


def characters_of(text: bytes) -> list[bytes]:
    """Return the characters of a text; a byte that is not UTF-8 counts as a character."""
    return [c.encode(errors="surrogateescape") for c in text.decode(errors="surrogateescape")]


def encode_characters(
    pretoken: bytes,
    symbols: dict[bytes, int],
    merges: dict[tuple[int, int], tuple[int, int]],
    *,
    prefix: bytes = b"",
    suffix: bytes = b"",
    byte_ids: list[int] | None = None,
    unk_id: int | None = None,
    fuse_unk: bool = False,
    whole: dict[bytes, int] | None = None,
) -> list[tuple[int, int]]:
    """Encode a pretoken by BPE over characters; return its ids, each with its number of bytes.

    The names in `symbols` include prefix and suffix. A pretoken in `whole` gets its id without merging. For a
    character that cannot be encoded, a ValueError is raised whose argument is its byte offset.
    """
    if whole and pretoken in whole:
        return [(whole[pretoken], len(pretoken))]
    characters = characters_of(pretoken)
    word: list[tuple[int, int]] = []
    for i, character in enumerate(characters):
        name = (prefix if i else b"") + character + (suffix if i == len(characters) - 1 else b"")
        if name in symbols:
            word.append((symbols[name], len(character)))
        elif byte_ids is not None:
            word += [(byte_ids[byte], 1) for byte in character]
        elif unk_id is None:
            raise ValueError(len(b"".join(characters[:i])))
        elif fuse_unk and word and word[-1][0] == unk_id:
            word[-1] = unk_id, word[-1][1] + len(character)
        else:
            word.append((unk_id, len(character)))
    while True:
        pairs = [(left[0], right[0]) for left, right in pairwise(word)]
        ranked = [(merges[pair][0], i) for i, pair in enumerate(pairs) if pair in merges]
        if not ranked:
            return word
        _, i = min(ranked)
        word[i : i + 2] = [(merges[pairs[i]][1], word[i][1] + word[i + 1][1])]


def symbols_of(text: bytes, user_defined: Collection[bytes]) -> list[tuple[bytes, bool]]:
    """Cut a text into user-defined pieces and characters; return whether each is a piece."""
    symbols = []
    while text:
        found = max((piece for piece in user_defined if text.startswith(piece)), key=len, default=b"")
        symbols.append((found or characters_of(text)[0], bool(found)))
        text = text[len(symbols[-1][0]) :]
    return symbols


def encode_by_score(
    pretoken: bytes,
    ids: dict[bytes, int],
    scores: dict[bytes, float],
    *,
    unk_id: int,
    byte_ids: list[int] | None = None,
    user_defined: Collection[bytes] = (),
    unused: Collection[bytes] = (),
) -> list[tuple[int, int]]:
    """Encode a pretoken by BPE as sentencepiece does; return its ids, each with its number of bytes.

    Neighbours merge if their joined text has a score: the highest first, of equal ones the leftmost. An
    unused piece is split again into what it was made of last.
    """
    symbols = symbols_of(pretoken, user_defined)
    splits: dict[bytes, tuple[bytes, bytes]] = {}

    def score(k: int) -> float | None:
        if not 0 <= k < len(symbols) - 1 or symbols[k][1] or symbols[k + 1][1]:
            return None
        joined = symbols[k][0] + symbols[k + 1][0]
        if joined in scores:
            splits[joined] = (symbols[k][0], symbols[k + 1][0])
        return scores.get(joined)

    found = [score(k) for k in range(len(symbols))]
    while any(one is not None for one in found):
        k = found.index(max(one for one in found if one is not None))
        symbols[k : k + 2] = [(symbols[k][0] + symbols[k + 1][0], False)]
        del found[k + 1]
        found[max(k - 1, 0) : k + 1] = [score(j) for j in range(max(k - 1, 0), k + 1)]
    parts = [symbol for symbol, _ in symbols][::-1]
    tokens = []
    while parts:
        part = parts.pop()
        if part in unused and part in splits:
            parts += splits[part][::-1]
        elif part in ids and part not in unused:
            tokens.append((ids[part], len(part)))
        elif byte_ids is not None:
            tokens += [(byte_ids[byte], 1) for byte in part]
        else:
            tokens.append((unk_id, len(part)))
    return tokens


def segmentations(
    text: bytes, scores: dict[bytes, float], unk_score: float
) -> list[tuple[float, tuple[bytes, ...]]]:
    """Return all segmentations of a text, each with the sum of its scores from the left, best first.

    An unknown character counts as a piece. Ties go to the segmentation whose last piece starts earlier, then
    to the one whose last but one piece does, and so on.
    """
    characters = characters_of(text)
    ways: list[list[tuple[float, tuple[bytes, ...]]]] = [[(0.0, ())]]
    for end in range(1, len(characters) + 1):
        ways.append([])
        for start in range(end):
            piece = b"".join(characters[start:end])
            if piece in scores or end - start == 1:
                score = scores.get(piece, unk_score)
                ways[end] += [(before + score, (*pieces, piece)) for before, pieces in ways[start]]
    return sorted(ways[-1], key=lambda way: (-way[0], [-len(piece) for piece in reversed(way[1])]))


def back_pointers(
    text: bytes, scores: dict[bytes, float], unk_score: float
) -> list[tuple[int, float, int, bool]]:
    """Return the rows of the Viterbi table of a text: position, best score, start of the last piece, and
    whether the best segmentation of the whole text has a border there. All segmentations are listed.
    """
    characters, rows = characters_of(text), []
    _, whole = segmentations(text, scores, unk_score)[0]
    borders = {len(b"".join(whole[:i])) for i in range(len(whole) + 1)}
    for n in range(len(characters) + 1):
        prefix = b"".join(characters[:n])
        score, pieces = segmentations(prefix, scores, unk_score)[0]
        start = len(prefix) - len(pieces[-1]) if pieces else -1
        rows.append((len(prefix), score, start, len(prefix) in borders))
    return rows


def best_segmentation(
    text: bytes,
    scores: dict[bytes, float],
    unk_score: float,
    rounded: Callable[[float], float] = float,
    before: float = 0.0,
) -> list[bytes]:
    """Return the pieces of the first result of `segmentations`, in time that also suits long texts.

    Sums of scores start with `before`, and `rounded` rounds every sum.
    """
    places = list(accumulate(map(len, characters_of(text)), initial=0))
    longest = max(map(len, scores), default=1)
    best: list[tuple[float, int]] = [(before, 0)]  # per character: the sum and the start of the last piece
    for end in range(1, len(places)):
        found = []
        for start in range(max(0, end - longest), end):
            piece = text[places[start] : places[end]]
            if piece in scores or end - start == 1:
                found.append((rounded(best[start][0] + scores.get(piece, unk_score)), -start))
        score, start = max(found)
        best.append((score, -start))
    pieces, end = [], len(places) - 1
    while end:
        start = best[end][1]
        pieces.append(text[places[start] : places[end]])
        end = start
    return pieces[::-1]


def best_in_a_row(
    pretokens: Sequence[bytes], n_bytes: int, scores: dict[bytes, float], unk_score: float
) -> list[bytes]:
    """Return the best segmentations of the pretokens of a row of `n_bytes` bytes.

    In a row of at most 4,192 bytes, scores are added from the start of the row, in single precision. In a
    longer row, they are added per pretoken, in double precision.
    """

    def single(x: float) -> float:
        return float(np.float32(x))

    rounded = single if n_bytes <= 4192 else float
    scores = {piece: rounded(score) for piece, score in scores.items()}
    row: list[bytes] = []
    total = 0.0
    for pretoken in pretokens:
        pieces = best_segmentation(pretoken, scores, rounded(unk_score), rounded, total)
        row += pieces
        if n_bytes <= 4192:
            for piece in pieces:
                total = rounded(total + scores.get(piece, rounded(unk_score)))
    return row


def ids_of_pieces(
    pieces: Sequence[bytes], ids: dict[bytes, int], unk_id: int | None, byte_ids: list[int] | None = None
) -> list[int]:
    """Return the ids of a segmentation; unknown pieces become their bytes, or one unknown id per run."""
    out: list[int] = []
    for known, run in groupby(pieces, key=ids.__contains__):
        if known:
            out += [ids[piece] for piece in run]
        elif byte_ids is not None:
            out += [byte_ids[byte] for byte in b"".join(run)]
        else:
            assert unk_id is not None
            out.append(unk_id)
    return out


def substrings(words: dict[str, int], longest: int) -> dict[str, int]:
    """Count the substrings of at least two characters that are not always followed by the same character."""
    found: Counter[str] = Counter()
    for word, count in words.items():
        for start in range(len(word)):
            for end in range(start + 1, len(word) + 1):
                found[word[start:end]] += count
    goes_on = {text[:-1] for text, count in found.items() if found[text[:-1]] == count}
    return {text: count for text, count in found.items() if 2 <= len(text) <= longest and text not in goes_on}


def expected_pieces(words: dict[str, int], probabilities: dict[str, float]) -> tuple[dict[str, float], float]:
    """Return the expected count of each piece over all segmentations, and the log-likelihood of the words."""
    expected: dict[str, float] = dict.fromkeys(probabilities, 0.0)
    log_likelihood = 0.0
    scores = {piece.encode(): math.log(p) for piece, p in probabilities.items()}
    for word, count in words.items():
        ways = [
            (math.exp(score), pieces) for score, pieces in segmentations(word.encode(), scores, -math.inf)
        ]
        total = math.fsum(chance for chance, _ in ways)
        log_likelihood += count * math.log(total)
        for chance, pieces in ways:
            for piece in pieces:
                if chance:
                    expected[piece.decode()] += count * chance / total
    return expected, log_likelihood


def best_pieces(words: dict[str, int], scores: dict[str, float]) -> dict[str, int]:
    """Count each piece in the best segmentations of the words."""
    found = dict.fromkeys(scores, 0)
    in_bytes = {piece.encode(): score for piece, score in scores.items()}
    for word, count in words.items():
        for piece in segmentations(word.encode(), in_bytes, -math.inf)[0][1]:
            found[piece.decode()] += count
    return found


def loss_without(
    piece: str, occurrences: dict[str, int], scores: dict[str, float], token_cost: float
) -> float:
    """Return the loss of the best segmentations if the piece is removed.

    The loss is −inf if the piece does not occur or has a better segmentation into other pieces, and inf if it
    has no segmentation into other pieces.
    """
    f = occurrences[piece]
    in_bytes = {other.encode(): score for other, score in scores.items() if other != piece}
    ways = [
        way
        for way in segmentations(piece.encode(), in_bytes, -math.inf)
        if piece.encode() not in way[1] and way[0] > -math.inf
    ]
    if f == 0 or (ways and ways[0][0] > scores[piece]):
        return -math.inf
    if not ways:
        return math.inf
    others = [other.decode() for other in ways[0][1]]
    total = sum(occurrences.values())
    log_likelihood = math.log(f / total)
    log_likelihood -= sum(
        math.log((occurrences[other] + f) / (total + f * (len(others) - 1))) for other in others
    )
    return f * (log_likelihood + token_cost * (len(others) - 1))


def chances_of_segmentations(
    text: bytes, scores: dict[bytes, float], unk_score: float, alpha: float
) -> dict[tuple[bytes, ...], float]:
    """Return the probability of sampling each segmentation."""
    ways = segmentations(text, scores, unk_score)
    total = math.fsum(math.exp(alpha * score) for score, _ in ways)
    return {pieces: math.exp(alpha * score) / total for score, pieces in ways}


def draw_segmentation(
    text: bytes, scores: dict[bytes, float], unk_score: float, alpha: float, state: int
) -> tuple[bytes, ...]:
    """Sample the pieces one by one, in proportion to the total probability of the segmentations with them."""
    chances, drawn = chances_of_segmentations(text, scores, unk_score, alpha), ()
    while len(b"".join(drawn)) < len(text):
        nexts: Counter[bytes] = Counter()
        for pieces, chance in chances.items():
            nexts[pieces[len(drawn)]] += chance
        state, number = splitmix(state)
        left = (number >> 11) / (1 << 53) * nexts.total()
        for piece in sorted(nexts, key=lambda piece: (piece not in scores, len(piece))):
            left -= nexts[piece]
            if left < 0:
                break
        drawn = (*drawn, piece)
        chances = {pieces: chance for pieces, chance in chances.items() if pieces[: len(drawn)] == drawn}
    return drawn


def longest_matches(
    word: bytes,
    ids: dict[str, int],
    prefix: str = "##",
    most_characters: float = inf,
    most_bytes: float = inf,
) -> list[int] | None:
    """Encode a word by WordPiece: repeatedly take the longest piece that matches.

    The result is None if at some position no piece matches, or if the word is too long or is not UTF-8.
    """
    try:
        text = word.decode()
    except UnicodeDecodeError:
        return None
    if len(text) > most_characters or len(word) > most_bytes:
        return None
    found, start = [], 0
    while start < len(text):
        for end in range(len(text), start, -1):
            name = (prefix if start else "") + text[start:end]
            if name in ids:
                found.append(ids[name])
                start = end
                break
        else:
            return None
    return found


def find_unmatched(text: str, ids: dict[str, int], prefix: str = "##") -> int | None:
    """Return the offset in an ASCII word at which `longest_matches` finds no piece; None if there is none."""
    start = 0
    while start < len(text):
        ends = (e for e in range(len(text), start, -1) if (prefix if start else "") + text[start:e] in ids)
        end = next(ends, None)
        if end is None:
            return start
        start = end
    return None


def most_frequent_characters(words: dict[bytes, int], least: int, most: int | None) -> list[bytes]:
    """Return the `most` most frequent characters with a count of at least `least`, sorted by code point."""
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for character in word.decode(errors="surrogateescape"):
            counts[character] += count
    frequent = [character for character, count in counts.items() if count >= least]
    kept = sorted(frequent, key=lambda character: (-counts[character], character))[:most]
    return [character.encode(errors="surrogateescape") for character in sorted(kept)]


def most_frequent_words(words: dict[bytes, int], least: int, most: int | None) -> list[bytes]:
    """Return the `most` most frequent words with a count of at least `least`, by descending count."""
    frequent = [word for word, count in words.items() if count >= least]
    return sorted(frequent, key=lambda word: (-words[word], word))[:most]


def ids_of_units(
    units: Sequence[bytes], ids: dict[bytes, int], unk_id: int | None, byte_ids: list[int] | None
) -> tuple[list[int], list[int]]:
    """Return the id of each unit, or the ids of its bytes, or the unknown id, each with its number of bytes.

    Raises
    ------
    KeyError
        If a unit has no id, and there are neither byte ids nor an unknown id.
    """
    out: list[int] = []
    lengths: list[int] = []
    for unit in units:
        if unit not in ids and byte_ids is not None:
            out += [byte_ids[byte] for byte in unit]
            lengths += [1] * len(unit)
        else:
            out.append(ids[unit] if unit in ids or unk_id is None else unk_id)
            lengths.append(len(unit))
    return out, lengths


def split_after_prefix(words: dict[str, int], prefix: str) -> list[tuple[bool, str, int]]:
    """Split words after the prefix; return (continues a word, text, count) for each part."""
    rows = []
    for word, n in words.items():
        cut = len(prefix) if prefix and word.startswith(prefix) else 0
        rows += [(False, word[:cut] or word, n), (True, word[cut:] if cut else "", n)]
    return [row for row in rows if row[1]]


def initial_vocabulary(words: dict[str, int], prefix: str, special: Sequence[str]) -> list[str]:
    """Return special tokens, all characters, and characters inside words with the prefix."""
    continuing = {c for word in words for c in word[1:]} if prefix else set()
    return [*special, *sorted(set("".join(words))), *sorted(prefix + c for c in continuing)]


def merge_wordpieces(
    words: dict[str, int],
    vocab_size: int,
    by_likelihood: bool = False,
    min_count: int = 1,
    max_length: int | None = None,
    prefix: str = "##",
    special: Sequence[str] = ("[UNK]",),
) -> tuple[list[str], bool]:
    """Learn WordPiece by merging, counting again after every merge.

    Return the vocabulary, and whether any tie was decided by ids.
    """
    vocabulary = initial_vocabulary(words, prefix, special)
    rows = [
        ([c if i == 0 and not continues else prefix + c for i, c in enumerate(text)], n)
        for continues, text, n in split_after_prefix(words, prefix)
    ]
    was_tied = False
    while len(vocabulary) < vocab_size:
        pairs: Counter[tuple[str, str]] = Counter()
        symbols: Counter[str] = Counter()
        for row, n in rows:
            for symbol in row:
                symbols[symbol] += n
            for pair in pairwise(row):
                pairs[pair] += n
        scores = {}
        for (left, right), n in pairs.items():
            joined = left + right[len(prefix) :]
            length = len(joined) - len(prefix) * (prefix != "" and left.startswith(prefix) and left != prefix)
            if n >= min_count and joined not in special and (max_length is None or length <= max_length):
                scores[left, right] = Fraction(n, symbols[left] * symbols[right]) if by_likelihood else n
        if not scores:
            break
        best = max(scores.values())
        ids = {piece: i for i, piece in enumerate(vocabulary) if i >= len(special)}
        tied = [pair for pair, score in scores.items() if score == best]
        was_tied |= len(tied) > 1
        left, right = min(tied, key=lambda pair: (ids[pair[0]], ids[pair[1]]))
        vocabulary.append(left + right[len(prefix) :])
        for row, _ in rows:
            for i in range(len(row) - 1):
                if row[i : i + 2] == [left, right]:
                    row[i : i + 2] = [vocabulary[-1]]
    return vocabulary, was_tied


def learn_wordpieces_greedily(
    words: dict[str, int],
    vocab_size: int,
    lowest: int = 10,
    limit: int = 1000,
    longest: int = 50,
    prefix: str = "##",
    special: Sequence[str] = ("[UNK]",),
) -> list[str]:
    """Learn WordPiece as TensorFlow Text does: keep frequent substrings, and search for the threshold."""
    low, high = max(lowest, min(words.values())), min(10_000_000, max(words.values()))
    words = {word: n for word, n in words.items() if len(word) <= longest}
    characters: Counter[str] = Counter()
    for word, n in words.items():
        for c in word:
            characters[c] += n
    allowed = set(sorted(characters, key=lambda c: (-characters[c], c))[:limit])
    words = {word: n for word, n in words.items() if set(word) <= allowed}
    first = initial_vocabulary(words, prefix, special)
    while True:
        threshold = (low + high) // 2
        kept = keep_frequent(split_after_prefix(words, prefix), threshold, prefix != "")
        names = {prefix * continues + text: n for (continues, text), n in kept.items() if len(text) > 1}
        names = {name: n for name, n in names.items() if name not in special}
        size = len(first) + len(names)
        if vocab_size * 0.95 <= size <= vocab_size or low >= high or threshold <= 1:
            break
        if size > vocab_size:
            low = threshold + 1
        else:
            high = threshold - 1
    best = sorted(names, key=lambda name: (-names[name], name))[: vocab_size - len(first)]
    n_begun = len(special) + len(set("".join(words)))
    counts = {name: names[name] for name in best}
    counts |= {name: kept.get((True, name[len(prefix) :]), 1) for name in first[n_begun:]}
    return first[:n_begun] + sorted(counts, key=lambda name: (-counts[name], name))


def keep_frequent(
    rows: list[tuple[bool, str, int]], threshold: int, marks: bool
) -> dict[tuple[bool, str], int]:
    """Return the counts of the substrings that a threshold keeps, by (continues a word, text)."""
    kept: dict[tuple[bool, str], int] = {}
    for round_number in range(4):
        found: Counter[tuple[bool, str]] = Counter()
        for continues, text, n in rows:
            start = 0
            while start < len(text):
                inside = marks and (continues or start > 0)
                for end in range(start + 1, len(text) + 1):
                    found[inside, text[start:end]] += n
                ends = [end for end in range(start + 1, len(text) + 1) if (inside, text[start:end]) in kept]
                start = max(ends, default=start + 1) if round_number > 0 else start + 1
        kept = {}
        for inside, text in sorted(found, key=lambda key: -len(key[1])):
            n = found[inside, text]
            if n >= threshold:
                kept[inside, text] = n
                for end in range(1, len(text)):
                    found[inside, text[:end]] -= n
    return kept


def fill_template(
    template: str, texts: Sequence[list[int]], special: dict[str, int]
) -> list[tuple[int, int]]:
    """Fill texts into a template; return (id, type id) pairs."""
    filled = []
    for word in template.split(" "):
        name, _, type_id = word.partition(":")
        ids = texts["AB".index(name[1])] if name[0] == "$" else [special[name]]
        filled += [(i, int(type_id or 0)) for i in ids]
    return filled


def shorten_pair(lengths: tuple[int, int], capacity: int, truncation: str) -> tuple[int, int] | None:
    """Remove ids from two texts one by one until both fit `capacity`; None if one would be empty.

    With "longest_first", the longer text loses an id; if both are equally long, the first text does, unless
    it was longer originally.
    """
    left = list(lengths)
    while sum(left) > capacity:
        if truncation == "longest_first":
            loser = left.index(max(left)) if left[0] != left[1] else int(lengths[0] > lengths[1])
        else:
            loser = ["only_first", "only_second"].index(truncation)
            if left[loser] <= 1:
                return None
        left[loser] -= 1
    return left[0], left[1]


def cut_windows(text: list[int], capacity: int, overlap: int) -> list[list[int]]:
    """Split a text into windows of at most `capacity` ids, which overlap by `overlap` ids."""
    windows, end = [text[:capacity]], capacity
    while end < len(text):
        windows.append(text[end - overlap : end - overlap + capacity])
        end += capacity - overlap
    return windows


def pad(
    rows: list[list[int]], width: int, pad_id: int, side: str
) -> tuple[list[list[int]], list[list[bool]]]:
    """Return the rows padded on one side, and masks that are False for the padding."""
    ids, mask = [], []
    for row in rows:
        n = width - len(row)
        ids.append(row + n * [pad_id] if side == "right" else n * [pad_id] + row)
        mask.append(len(row) * [True] + n * [False] if side == "right" else n * [False] + len(row) * [True])
    return ids, mask


def find_added(
    text: str, tokens: list[tuple[str, str, frozenset[str]]], allowed: frozenset[str] | None
) -> list[tuple[int, int, str]]:
    """Find added tokens in a text, leftmost first, then longest; return (start, stop, name) triples.

    A token is its name, its text, and its flags: "special", "lstrip", "rstrip", "single_word". Only
    special tokens in `allowed` are found. The text of a special token that is not allowed hides tokens that
    are not special.
    """
    found: list[tuple[int, int, str]] = []
    i = hidden_to = last_stop = 0
    while i < len(text):
        here = [token for token in tokens if token[1] and text.startswith(token[1], i)]
        usable = [t for t in here if "special" not in t[2] or t[0] in allowed]
        longest = max(here, key=lambda t: len(t[1]), default=None)
        chosen = None
        if longest is not None and longest in usable and ("special" in longest[2] or i >= hidden_to):
            chosen = longest
        else:
            specials = [t for t in usable if "special" in t[2]]
            chosen = max(specials, key=lambda t: len(t[1]), default=None)
            is_hiding = longest is not None and longest not in usable
            if is_hiding and chosen is None and i >= hidden_to:
                hidden_to = i + len(longest[1])
        if chosen is None:
            i += 1
            continue
        name, written, flags = chosen
        start, stop = i, i + len(written)
        i = stop
        before, after = text[:start], text[stop:]
        if "single_word" in flags and (regex.search(r"\w\Z", before) or regex.match(r"\w", after)):
            continue
        if "lstrip" in flags:
            start = max(len(before.rstrip()), last_stop)
        if "rstrip" in flags:
            stop += len(after) - len(after.lstrip())
        if start < stop:
            found.append((start, stop, name))
            last_stop = stop
    return found


def grapheme_clusters(text: str) -> list[str]:
    """Divide a text into extended grapheme clusters (UAX #29), by the properties of the `regex` module."""

    def has(pattern: str, character: str) -> bool:
        return regex.fullmatch(rf"[{pattern}]", character) is not None

    control, extend = r"\p{GCB=Control}\p{GCB=CR}\p{GCB=LF}\udc80-\udcff", r"\p{GCB=Extend}\p{GCB=ZWJ}"
    pairs = [
        (r"\p{Any}", extend + r"\p{GCB=SpacingMark}"),
        (r"\p{GCB=Prepend}", r"\p{Any}"),
        (r"\p{GCB=L}", r"\p{GCB=L}\p{GCB=V}\p{GCB=LV}\p{GCB=LVT}"),
        (r"\p{GCB=LV}\p{GCB=V}", r"\p{GCB=V}\p{GCB=T}"),
        (r"\p{GCB=LVT}\p{GCB=T}", r"\p{GCB=T}"),
    ]
    in_conjunct = r"[\p{InCB=Extend}\p{InCB=Linker}]*"
    conjunct = rf"\p{{InCB=Consonant}}{in_conjunct}\p{{InCB=Linker}}{in_conjunct}$"
    emoji = r"\p{ExtPict}\p{GCB=Extend}*\u200d$"
    out: list[str] = []
    for i, c in enumerate(text):
        before, last = text[:i], text[i - 1 : i]
        if not last or has(control, last) or has(control, c):
            joins = last + c == "\r\n"
        else:
            joins = any(has(a, last) and has(b, c) for a, b in pairs)
            joins |= has(r"\p{InCB=Consonant}", c) and bool(regex.search(conjunct, before))
            joins |= has(r"\p{ExtPict}", c) and bool(regex.search(emoji, before))
        if joins:
            out[-1] += c
        else:
            out.append(c)
    return out


def rewrite_clusters(rules: dict[str, str], text: str) -> tuple[str, list[tuple[int, int]]]:
    """Apply rules to grapheme clusters; return the text and the span of each new character in the old text.

    New characters take the places of old ones, in the order of the text.
    """

    def find(part: str) -> str | None:
        return next((rules[part[:n]] for n in range(1, len(part) + 1) if part[:n] in rules), None)

    items: list[list[Any]] = []  # new characters, and how many old ones they take the place of
    for cluster in grapheme_clusters(text):
        is_short = len(cluster.encode(errors="surrogateescape")) < 6
        parts = [cluster] if is_short and find(cluster) is not None else list(cluster)
        for part in parts:
            found = find(part)
            new = part if found is None else found
            items += [[c, int(k < len(part))] for k, c in enumerate(new)]
            if items and len(new) < len(part):
                items[-1][1] += len(part) - len(new)
    spans, used = [], 0
    for _, taken in items:
        at = used if taken else used - 1
        spans.append((at, at + 1))
        used += taken
    return "".join(c for c, _ in items), spans
