"""Naive twins of what fasttok computes: the standard library, numpy and regex only, never fasttok.

Each is written to be seen to be right, not to be fast.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import accumulate, groupby, pairwise
from math import inf
from typing import Any

import numpy as np
import regex


def split(pattern: str, document: bytes) -> list[bytes]:
    """The matches of a pattern and the stretches between them, as bytes.

    A byte that is not UTF-8 is one code point, U+DC80 to U+DCFF, which no class of `regex` contains.
    """
    text = document.decode(errors="surrogateescape")
    pretokens, end = [], 0
    for match in regex.finditer(pattern, text):
        pretokens += [text[end : match.start()], match.group()]
        end = match.end()
    pretokens.append(text[end:])
    return [p.encode(errors="surrogateescape") for p in pretokens if p]


def find_all(pattern: str, document: bytes) -> list[bytes]:
    """The matches of a pattern alone, as bytes; otherwise as `split`."""
    text = document.decode(errors="surrogateescape")
    return [match.encode(errors="surrogateescape") for match in regex.findall(pattern, text)]


def split_in_steps(patterns: list[str], document: bytes) -> list[bytes]:
    """Each pattern on the pretokens of the one before, every one a text of its own."""
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
    """White space as marks, and for each byte and the end where in the document it comes from."""
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
    """The words that marks begin, or end."""
    mark = "▁".encode()
    first, *others = text.split(mark)
    if treat_whitespace_as_suffix:
        words = [word + mark for word in [first, *others][:-1]] + [first, *others][-1:]
    else:
        words = [first, *(mark + word for word in others)]
    return [word for word in words if word]


def split_at_scripts(document: bytes, scripts: list[str]) -> list[bytes]:
    """Runs of one script, of those given and Common, which is what is of none of them."""

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
    """At every place what the longest rule says; and where each byte of that, and its end, came from.

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
    """Single code points to their NFKC, all ways of writing a character to that; of this Python's Unicode.

    Code points that this version does not have are left as they are.
    """
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
    if folded:
        rules = {key: "".join(map(fold_simply, value)) for key, value in rules.items()}
    return {key: value for key, value in rules.items() if key != value}


def fold_simply(c: str) -> str:
    """One code point for one."""
    folded = c.casefold()
    return folded if len(folded) == 1 else c.lower() if len(c.lower()) == 1 else c


Made = list[tuple[str, int, int]]  # code points, and the bytes from and to that each was made of


def code_points(document: bytes) -> Made:
    """A text code point by code point, as it stands; a byte that is not UTF-8 is one, U+DC80 to U+DCFF."""
    text = document.decode(errors="surrogateescape")
    ends = list(accumulate((len(c.encode(errors="surrogateescape")) for c in text), initial=0))
    return list(zip(text, ends, ends[1:], strict=False))


def normal_form(form: str, document: bytes) -> Made:
    """NFC, NFD, NFKC or NFKD of this Python's Unicode, step by step."""
    return composed(decomposed(form, code_points(document)), form.endswith("C"))


def decomposed(form: str, made: Made) -> Made:
    """Code points decomposed one by one, and then their marks in order."""
    form = form.replace("C", "D")
    out = [(d, start, end) for c, start, end in made for d in unicodedata.normalize(form, c)]
    runs = [list(run) for _, run in groupby(out, lambda item: unicodedata.combining(item[0]) > 0)]
    return [item for run in runs for item in sorted(run, key=lambda item: unicodedata.combining(item[0]))]


def composed(made: Made, composes: bool) -> Made:
    """What can be composed is, if asked for; and where code points have changed places, stretches ascend."""
    out: list[list[Any]] = []
    starter, last = None, 0
    for c, start, end in made:
        class_ = unicodedata.combining(c)
        if composes and starter is not None and (last < class_ or starter is out[-1]):
            joined = unicodedata.normalize("NFC", starter[0] + c)
            if len(joined) == 1 and unicodedata.normalize("NFD", joined) == unicodedata.normalize(
                "NFD", starter[0] + c
            ):
                starter[:] = [joined, min(starter[1], start), max(starter[2], end)]
                continue
        out.append([c, start, end])
        starter = out[-1] if class_ == 0 else starter
        last = class_
    starts = list(accumulate((item[1] for item in reversed(out)), min))[::-1]
    ends = list(accumulate((item[2] for item in out), max))
    return [(item[0], start, end) for item, start, end in zip(out, starts, ends, strict=True)]


def bert_text(
    document: bytes, clean_text: bool, handle_chinese_chars: bool, strip_accents: bool, lowercase: bool
) -> Made:
    """BERT's four steps, one after the other."""
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
        made = [item for item in decomposed("NFD", made) if unicodedata.category(item[0]) != "Mn"]
    if lowercase:
        made = [(d, start, end) for c, start, end in made for d in c.lower()]
    return composed(made, False)


def count(pattern: str, documents: list[bytes]) -> dict[bytes, int]:
    """Distinct pretokens and counts: most frequent first, ties by bytes."""
    counts = Counter(pretoken for document in documents for pretoken in split(pattern, document))
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def learn_merges(
    words: list[tuple[list[int], int]],
    n_alphabet: int,
    n_symbols: int,
    min_count: int = 1,
    max_length: int | None = None,
    by_length: bool = False,
    veto: list[tuple[int, ...]] | None = None,
    by_likelihood: bool = False,
) -> list[tuple[int, int, int]]:
    """Byte-pair encoding that counts all pairs anew after every merge.

    The most frequent pair is merged, overlaps counted, or the one whose count is the greatest share of the
    product of its symbols' counts; ties go by `by_length` as the trainer documents. A merged string that is a
    symbol already keeps its number; one in the veto is not made.
    """
    strings = {i: (i,) for i in range(n_alphabet)}  # what each symbol stands for
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
            order[pair] = (-score, *((len(joined), joined) if by_length else ()), pair)
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


def continue_merges(
    words: dict[bytes, int],
    pieces: list[bytes],
    merges: list[tuple[int, int, int]],
    n_new: int,
    min_count: int = 1,
    max_length: int | None = None,
    by_length: bool = False,
    takes_whole: bool = False,
) -> list[tuple[int, int, int]]:
    """The merges that `n_new` more steps add to a model, which encodes all words anew before each of them.

    A pair whose bytes joined are a piece is passed over; the new piece has the next id. The bytes are
    ordered as their ids are.
    """
    pieces, merges, n_old = list(pieces), list(merges), len(merges)
    for _ in range(n_new):
        ids = {piece: i for i, piece in enumerate(pieces) if piece}
        table = {(left, right): (rank, merged) for rank, (left, right, merged) in enumerate(merges)}
        counts: Counter[tuple[int, int]] = Counter()
        for word, n in words.items():
            if not (takes_whole and word in ids):
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
    """Merge the pair of lowest rank, the leftmost of several, until none is left.

    `merges` maps a pair to its rank and what it becomes.
    """
    word = list(word)
    while True:
        ranked = [(merges[pair][0], i) for i, pair in enumerate(pairwise(word)) if pair in merges]
        if not ranked:
            return word
        _, i = min(ranked)
        word[i : i + 2] = [merges[word[i], word[i + 1]][1]]


def encode_by_ranks(pretoken: bytes, ranks: dict[bytes, int]) -> list[int]:
    """tiktoken's rule: a pretoken that is a piece is taken whole; otherwise neighbours whose joined bytes
    are a piece merge, lowest rank first, leftmost of several.
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
    """Whether a document is part of a sample."""
    data, key = index.to_bytes(8, "little"), seed.to_bytes(8, "little")
    drawn = int.from_bytes(hashlib.blake2b(data, digest_size=8, key=key).digest(), "little")
    return Fraction(drawn, 1 << 64) < fraction


def add_counts(parts: list[dict[bytes, int]]) -> list[tuple[bytes, int]]:
    """All pretokens in the order of bytes, with their counts added."""
    total: Counter[bytes] = Counter()
    for part in parts:
        total.update(part)
    return sorted(total.items())


def locate(text: bytes, pieces: list[bytes]) -> tuple[list[list[int]], list[list[int]]]:
    """Where each piece of a text begins and ends, in bytes and in code points.

    In code points, a span has all characters of which the piece has a byte.
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
    spans: Sequence[tuple[int, int]], tokens: Sequence[Sequence[tuple[int, int]]], joined: int | None = None
) -> list[tuple[int, int, int]]:
    """Give the ids of a row, each with its first byte and the one after its last.

    `tokens` has the ids of each pretoken, with the number of bytes that each is for; `spans` say where the
    pretokens are. Of several ids `joined` in a row one is left, from where the first begins to where the last
    ends.
    """
    placed: list[tuple[int, int, int]] = []
    for (start, end), row in zip(spans, tokens, strict=True):
        at = start
        for i, length in row:
            first = placed.pop()[1] if i == joined and placed and placed[-1][0] == joined else at
            placed.append((i, first, at + length))
            at += length
        assert at == end
    return placed


def locate_spans(text: bytes, byte_spans: Sequence[Sequence[int]]) -> list[list[int]]:
    """Give the spans in code points of spans in bytes: all characters of which a byte is in the span.

    An empty span within a character has all of it; one between two characters is empty.
    """
    characters = text.decode(errors="surrogateescape")
    bounds = list(accumulate((len(c.encode(errors="surrogateescape")) for c in characters), initial=0))
    spans = []
    for start, end in byte_spans:
        first = max(i for i, bound in enumerate(bounds) if bound <= start)
        spans.append([first, sum(bound < end for bound in bounds[:-1])])
    return spans


def splitmix(state: int) -> tuple[int, int]:
    """The next state and the next number of SplitMix64."""
    state = (state + 0x9E3779B97F4A7C15) % (1 << 64)
    x = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) % (1 << 64)
    x = ((x ^ x >> 27) * 0x94D049BB133111EB) % (1 << 64)
    return state, x ^ x >> 31


def dropout_state(seed: int, epoch: int, document: int, position: int) -> int:
    """The state from which the draws for a pretoken begin: all that they depend on, hashed one by one."""
    state = 0
    for number in (seed, epoch, document, position):
        _, state = splitmix(state ^ number)
    return state


def encode_word_with_dropout(
    word: list[int], merges: dict[tuple[int, int], tuple[int, int]], dropout: Fraction, state: int
) -> list[int]:
    """Go through the possible merges by rank and position, make the first that is not skipped, begin again.

    The end is where all are skipped.
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


def chances_with_dropout(
    word: tuple[int, ...], merges: dict[tuple[int, int], tuple[int, int]], dropout: Fraction
) -> dict[tuple[int, ...], Fraction]:
    """How likely each outcome of `encode_word_with_dropout` is, by trying out what may happen."""
    chances: Counter[tuple[int, ...]] = Counter()
    reached = Fraction(1)
    for _, i in sorted((merges[pair][0], i) for i, pair in enumerate(pairwise(word)) if pair in merges):
        merged = (*word[:i], merges[word[i], word[i + 1]][1], *word[i + 2 :])
        for outcome, chance in chances_with_dropout(merged, merges, dropout).items():
            chances[outcome] += reached * (1 - dropout) * chance
        reached *= dropout
    chances[tuple(word)] += reached
    return chances


def characters_of(text: bytes) -> list[bytes]:
    """The characters of a text; a byte that is not UTF-8 is one."""
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
    """BPE over characters: the ids of a pretoken, and how many of its bytes each stands for.

    The names of `symbols` have prefix and suffix; what is in `whole` is not merged. A ValueError holds the
    place of a character that has no id.
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


def segmentations(
    text: bytes, scores: dict[bytes, float], unk_score: float
) -> list[tuple[float, tuple[bytes, ...]]]:
    """Every way to cut a text into pieces, each with the sum of its scores from the left; the best first.

    A character that is no piece is taken for one. Of equal sums, the one whose last piece starts earliest
    comes first; where these are the same, the one whose last but one does, and so on.
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


def best_segmentation(
    text: bytes,
    scores: dict[bytes, float],
    unk_score: float,
    rounded: Callable[[float], float] = float,
    before: float = 0.0,
) -> list[bytes]:
    """The first of `segmentations`, for long texts; every sum is `rounded`, and begins with `before`."""
    places = list(accumulate(map(len, characters_of(text)), initial=0))
    longest = max(map(len, scores), default=1)
    best: list[tuple[float, int]] = [(before, 0)]  # by character: the sum, and where the last piece begins
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
    """The best segmentations of the pretokens of a row of so many bytes.

    In a short row scores are added from its start on and in single precision; in others every pretoken is by
    itself, in double precision.
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
    """What a segmentation is written as: of a piece that has no id its bytes, or one id for a run of them."""
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
    """How often the substrings occur that are not always followed by the same character, from two on."""
    found: Counter[str] = Counter()
    for word, count in words.items():
        for start in range(len(word)):
            for end in range(start + 1, len(word) + 1):
                found[word[start:end]] += count
    goes_on = {text[:-1] for text, count in found.items() if found[text[:-1]] == count}
    return {text: count for text, count in found.items() if 2 <= len(text) <= longest and text not in goes_on}


def expected_pieces(words: dict[str, int], probabilities: dict[str, float]) -> tuple[dict[str, float], float]:
    """How often each piece is expected over all segmentations of the words, and their log likelihood."""
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
    """How often each piece stands in the best segmentations of the words."""
    found = dict.fromkeys(scores, 0)
    in_bytes = {piece.encode(): score for piece, score in scores.items()}
    for word, count in words.items():
        for piece in segmentations(word.encode(), in_bytes, -math.inf)[0][1]:
            found[piece.decode()] += count
    return found


def loss_without(
    piece: str, occurrences: dict[str, int], scores: dict[str, float], token_cost: float
) -> float:
    """What the best segmentations would lose, were the piece not there; see `losses`."""
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
    """How likely each segmentation is to be drawn."""
    ways = segmentations(text, scores, unk_score)
    total = math.fsum(math.exp(alpha * score) for score, _ in ways)
    return {pieces: math.exp(alpha * score) / total for score, pieces in ways}


def draw_segmentation(
    text: bytes, scores: dict[bytes, float], unk_score: float, alpha: float, state: int
) -> tuple[bytes, ...]:
    """Draw the pieces one by one, each by its part in what the segmentations that begin so have together."""
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
    """WordPiece: the longest piece, then the longest one behind it; None where some part is no piece."""
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


def unmatched(text: str, ids: dict[str, int], prefix: str = "##") -> int | None:
    """Where in a word of ASCII the longest matches come to something that is no piece; None if nowhere."""
    start = 0
    while start < len(text):
        ends = (e for e in range(len(text), start, -1) if (prefix if start else "") + text[start:e] in ids)
        end = next(ends, None)
        if end is None:
            return start
        start = end
    return None


def most_frequent_characters(words: dict[bytes, int], least: int, most: int | None) -> list[bytes]:
    """The characters that occur at least so often, at most so many of them, by code point."""
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for character in word.decode(errors="surrogateescape"):
            counts[character] += count
    frequent = [character for character, count in counts.items() if count >= least]
    kept = sorted(frequent, key=lambda character: (-counts[character], character))[:most]
    return [character.encode(errors="surrogateescape") for character in sorted(kept)]


def most_frequent_words(words: dict[bytes, int], least: int, most: int | None) -> list[bytes]:
    """The words that occur at least so often, at most so many of them, the most frequent first."""
    frequent = [word for word, count in words.items() if count >= least]
    return sorted(frequent, key=lambda word: (-words[word], word))[:most]


def ids_of_units(
    units: Sequence[bytes], ids: dict[bytes, int], unk_id: int | None, byte_ids: list[int] | None
) -> tuple[list[int], list[int]]:
    """The id of each unit, or of its bytes, or the unknown one; and how many bytes each of these stands for.

    Raises
    ------
    KeyError
        At a unit that has none of them.
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


def begin_wordpieces(words: dict[str, int], prefix: str) -> list[tuple[bool, str, int]]:
    """Whether it continues a word, text and count of each word, or of the prefix and what is behind it."""
    rows = []
    for word, n in words.items():
        cut = len(prefix) if prefix and word.startswith(prefix) else 0
        rows += [(False, word[:cut] or word, n), (True, word[cut:] if cut else "", n)]
    return [row for row in rows if row[1]]


def begin_vocabulary(words: dict[str, int], prefix: str, special: Sequence[str]) -> list[str]:
    """Special tokens, all characters, and with the prefix those that ever continue a word."""
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
    """WordPiece by merging, all counted anew after every merge; and whether ids ever decided."""
    vocabulary = begin_vocabulary(words, prefix, special)
    rows = [
        ([c if i == 0 and not continues else prefix + c for i, c in enumerate(text)], n)
        for continues, text, n in begin_wordpieces(words, prefix)
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


def learn_wordpieces_top_down(
    words: dict[str, int],
    vocab_size: int,
    lowest: int = 10,
    limit: int = 1000,
    longest: int = 50,
    prefix: str = "##",
    special: Sequence[str] = ("[UNK]",),
) -> list[str]:
    """TensorFlow Text's learner: the longest frequent substrings, by a threshold that is searched."""
    low, high = max(lowest, min(words.values())), min(10_000_000, max(words.values()))
    words = {word: n for word, n in words.items() if len(word) <= longest}
    characters: Counter[str] = Counter()
    for word, n in words.items():
        for c in word:
            characters[c] += n
    allowed = set(sorted(characters, key=lambda c: (-characters[c], c))[:limit])
    words = {word: n for word, n in words.items() if set(word) <= allowed}
    first = begin_vocabulary(words, prefix, special)
    while True:
        threshold = (low + high) // 2
        kept = keep_frequent(begin_wordpieces(words, prefix), threshold, prefix != "")
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
    """The substrings kept with one threshold: whether they continue a word, their text, and how often."""
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
    """The ids of texts in a template with their type ids, word by word."""
    filled = []
    for word in template.split(" "):
        name, _, type_id = word.partition(":")
        ids = texts["AB".index(name[1])] if name[0] == "$" else [special[name]]
        filled += [(i, int(type_id or 0)) for i in ids]
    return filled


def shorten_pair(lengths: tuple[int, int], room: int, truncation: str) -> tuple[int, int] | None:
    """What is left of two texts from which one id after another is taken; None where nothing would be.

    With "longest_first" the longer one loses an id; of two that are equal, the one that was not the longer at
    first.
    """
    left = list(lengths)
    while sum(left) > room:
        if truncation == "longest_first":
            loser = left.index(max(left)) if left[0] != left[1] else int(lengths[0] > lengths[1])
        else:
            loser = ["only_first", "only_second"].index(truncation)
            if left[loser] <= 1:
                return None
        left[loser] -= 1
    return left[0], left[1]


def cut_windows(text: list[int], room: int, stride: int) -> list[list[int]]:
    """A text in stretches of at most `room` ids; each begins with the last `stride` of the one before."""
    stretches, end = [text[:room]], room
    while end < len(text):
        stretches.append(text[end - stride : end - stride + room])
        end += room - stride
    return stretches


def pad(
    rows: list[list[int]], width: int, pad_id: int, side: str
) -> tuple[list[list[int]], list[list[bool]]]:
    """Rows with the pad id on one side, and where their ids stand."""
    ids, mask = [], []
    for row in rows:
        n = width - len(row)
        ids.append(row + n * [pad_id] if side == "right" else n * [pad_id] + row)
        mask.append(len(row) * [True] + n * [False] if side == "right" else n * [False] + len(row) * [True])
    return ids, mask


def find_added(
    text: str, tokens: list[tuple[str, str, frozenset[str]]], allowed: frozenset[str] | None
) -> list[tuple[int, int, str]]:
    """Where added tokens are in a text, as begin, end and name: leftmost, then longest.

    A token is its name, the text that is looked for, and flags: "special", "lstrip", "rstrip", "single_word".
    `allowed` are the names of special tokens that are found; the text of others hides tokens that are not
    special.
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
