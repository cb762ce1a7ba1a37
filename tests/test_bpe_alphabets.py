"""BPE over characters with all options and merges in any order, compared with the oracle and tokenizers."""

from __future__ import annotations

import itertools
import json
import pickle
import random
from copy import copy
from dataclasses import replace

import numpy as np
import pytest
import tokenizers

import fasttok as ft
from fasttok.models._cache import PretokenCache
from fasttok.models.bpe.model import BPEModel
from tests import hostile, oracles
from tests.test_located import encode_located

BYTES = [b"<0x%02X>" % byte for byte in range(256)]
LETTERS = ["a", "b", "c", "é", "東", "😀"]
ODD = [*LETTERS, "#", "<", "/", "w", ">", "\udcff", "\udce6", "\u0301"]
OPTIONS = [
    dict(
        zip(
            ("has_unk", "fuse_unk", "byte_fallback", "has_prefix", "has_suffix", "ignores"), bits, strict=True
        )
    )
    for bits in itertools.product([False, True], repeat=6)
]


class Vocabulary:
    """Random vocabulary of characters, with the tables that the oracle needs."""

    def __init__(self, rng, letters, prefix, suffix, options, n_merges=40, bytes_merge=False):
        self.rng, self.prefix, self.suffix = rng, prefix.encode(), suffix.encode()
        self.options = options
        self.marks = {}  # for each piece: whether it can begin a pretoken, and whether it ends one
        self.symbols = {}
        for letter in letters:
            name = letter.encode(errors="surrogateescape")
            for continues, ends in itertools.product([False, bool(prefix)], [False, bool(suffix)]):
                marked = self.prefix * continues + name + self.suffix * ends
                if rng.random() < 0.8 and marked not in self.marks:
                    self.marks[marked] = (not continues, ends)
                    self.symbols[marked] = len(self.symbols)
        self.bytes = BYTES if options["byte_fallback"] else []
        parts = list(self.symbols) + (rng.sample(BYTES, 5) if bytes_merge and self.bytes else [])
        self.merges = self._merge(parts, n_merges)
        rng.shuffle(self.merges)
        made = {merged for *_, merged in self.merges}
        others = [name for name in (b"xyz", b"abcabc", b"##qq", b"qq</w>") if name not in made | set(parts)]
        names = [*self.symbols, *self.bytes, *sorted(made - set(self.bytes)), *others]
        rng.shuffle(names)
        self.rows = [b"<unk>", *names]
        self.ids = {name: i for i, name in enumerate(self.rows)}
        self.unk_id = 0 if options["has_unk"] else None
        self.marks |= {name: self.read(name) for name in others}
        texts = [*self.symbols, *made, *others]
        self.plain = {name: self.ids[name] for name in texts if self.is_text(name)}

    def read(self, name):
        """Return the marks of a piece without a merge, according to its name."""
        ends = bool(self.suffix) and name.endswith(self.suffix)
        return not (self.prefix and name.startswith(self.prefix)), ends

    def _merge(self, parts, n_merges):
        """Return random valid merges that never give two pieces the same name."""
        parts, merges, pairs = list(parts), [], set()
        atoms, with_bytes = set(parts), set(BYTES)
        for _ in range(20 * n_merges):
            left, right = self.rng.choices(parts, k=2)
            begins, ends = self.marks.get(left, (None, False))
            right_begins, right_ends = self.marks.get(right, (None, False))
            if ends or (self.prefix and right_begins) or (left, right) in pairs:
                continue
            rest = right if right_begins is None else right.removeprefix(self.prefix)
            joined, marks = left + rest, (begins, right_ends)
            of_bytes = left in with_bytes or right in with_bytes
            if joined in atoms or self.marks.get(joined, marks) != marks or len(joined) > 40:
                continue
            if joined in self.marks and (of_bytes or joined in with_bytes):
                continue
            pairs.add((left, right))
            merges.append((left, right, joined))
            self.marks[joined] = marks
            parts.append(joined)
            if of_bytes:
                with_bytes.add(joined)
            if len(merges) == n_merges:
                break
        self.with_bytes = with_bytes
        return merges

    def is_text(self, name):
        begins, ends = self.marks[name]
        return begins is True and not ends and name not in self.with_bytes

    def table(self):
        return [[self.ids[left], self.ids[right], self.ids[merged]] for left, right, merged in self.merges]

    def model(self, with_ids=True):
        table = np.array(self.table(), np.uint32).reshape(-1, 3)
        alphabet = ft.Characters(
            self.suffix.decode(),
            self.prefix.decode(),
            self.unk_id,
            self.options["byte_fallback"],
            self.options["fuse_unk"],
        )
        return ft.BPEModel(
            [b"", *self.rows[1:]],
            table[:, :2],
            table[:, 2] if with_ids else None,
            alphabet=alphabet,
            ignore_merges=self.options["ignores"],
        )

    def oracle(self, pretoken):
        """Return (id, length) pairs; for an unknown character, None and its byte offset."""
        try:
            return oracles.encode_characters(
                pretoken,
                {name: self.ids[name] for name in self.symbols},
                {(left, right): (rank, merged) for rank, (left, right, merged) in enumerate(self.table())},
                prefix=self.prefix,
                suffix=self.suffix,
                byte_ids=[self.ids[name] for name in BYTES] if self.bytes else None,
                unk_id=self.unk_id,
                fuse_unk=self.options["fuse_unk"],
                whole=self.plain if self.options["ignores"] else None,
            )
        except ValueError as error:
            return None, error.args[0]


def random_words(rng, letters, n, longest=12):
    words = ["".join(rng.choices(letters, k=rng.randint(1, longest))) for _ in range(n)]
    return [word.encode(errors="surrogateescape") for word in words]


def encode_pretoken(model, pretoken):
    rows = ft.Ragged.from_bytes([pretoken])
    return model.encode_pretokens(rows.values, rows.offsets, PretokenCache(1 << 16)).values


@pytest.mark.parametrize("seed", range(2))
def test_ids_and_lengths_equal_the_oracle(seed):
    rng = random.Random(seed)
    for options in OPTIONS:
        prefix = rng.choice(["##", "a", "#"]) if options["has_prefix"] else ""
        suffix = rng.choice(["</w>", "w", "\u0301"]) if options["has_suffix"] else ""
        if prefix and suffix:
            prefix = (
                "##"  # with "a" and "w", the name "aw" would be ambiguous: an "a" at the end, or a "w" inside
            )
        vocabulary = Vocabulary(rng, ODD, prefix, suffix, options, bytes_merge=True)
        model = vocabulary.model()
        pretokens = random_words(rng, [*ODD, "q", "Q"], 40) + random_words(rng, [*ODD, "q"], 2, longest=150)
        pretokens += [
            name.removeprefix(vocabulary.prefix) for name in vocabulary.rows[1:] if name != vocabulary.prefix
        ]
        pretokens += [data for data in hostile.byte_strings(20, seed=seed) if data]
        all_ids, all_lengths, encoded = [], [], []
        for pretoken in pretokens:
            expected = vocabulary.oracle(pretoken)
            if expected[0] is None:
                with pytest.raises(ft.UnknownCharacterError) as caught:
                    encode_pretoken(model, pretoken)
                assert caught.value.position == expected[1]
                continue
            ids, lengths = map(list, zip(*expected, strict=True))
            assert encode_pretoken(model, pretoken).tolist() == ids, (pretoken, options)
            encoded.append(pretoken)
            all_ids += ids
            all_lengths += lengths
        special = {} if model.unk_id is None else {"<unk>": model.unk_id}
        found = encode_located(ft.Tokenizer(model, "none", special), [*encoded, b""], PretokenCache(1 << 16))
        assert [end - start for row in found for _, start, end in row] == all_lengths
        known = np.array(all_ids) != (-1 if model.unk_id is None else model.unk_id)
        decoded = model.decoded_pieces.lengths[np.array(all_ids)[known]]
        assert decoded.tolist() == np.array(all_lengths)[known].tolist()
        if model.is_lossless:
            assert b"".join(map(bytes, model.decoded_pieces.take(np.array(all_ids)))) == b"".join(encoded)


@pytest.mark.parametrize("options", OPTIONS)
def test_ids_and_offsets_equal_tokenizers(options):
    rng = random.Random(repr(options))
    prefix, suffix = "##" * options["has_prefix"], "</w>" * options["has_suffix"]
    for _ in range(4):
        vocabulary = Vocabulary(rng, LETTERS, prefix, suffix, options, bytes_merge=not prefix)
        names = {"unk_token": "<unk>" if options["has_unk"] else ""}
        names |= {"continuing_subword_prefix": prefix, "end_of_word_suffix": suffix}
        theirs = tokenizers.Tokenizer(
            tokenizers.models.BPE(
                vocab={name.decode(): i for name, i in vocabulary.ids.items()},
                merges=[(left.decode(), right.decode()) for left, right, _ in vocabulary.merges],
                fuse_unk=options["fuse_unk"],
                byte_fallback=options["byte_fallback"],
                ignore_merges=options["ignores"],
                **{option: name for option, name in names.items() if name},
            )
        )
        theirs.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
        special = {"<unk>": 0} if options["has_unk"] else {}
        ours = ft.Tokenizer(vocabulary.model(with_ids=False), "whitespace_split", special)
        words = [word for word in random_words(rng, [*LETTERS, "q", "Q"], 300) if vocabulary.oracle(word)[0]]
        if options["byte_fallback"] and (prefix or suffix):
            # tokenizers also adds the bytes of prefix and suffix.
            words = [word for word in words if not has_bytes(vocabulary, word)]
        assert len(words) > 10
        for start in range(0, len(words), 5):
            text = " ".join(word.decode() for word in words[start : start + 5])
            encoding, expected = ours.encode_with_offsets(text), theirs.encode(text)
            assert encoding.ids.tolist() == expected.ids
            assert encoding.char_spans.tolist() == [list(span) for span in expected.offsets]


def has_bytes(vocabulary, word):
    """Return whether byte fallback applies to a character of the word."""
    without = copy(vocabulary)
    without.bytes, without.unk_id = [], None
    return without.oracle(word)[0] is None


def test_merge_ids_are_found_by_the_joined_names():
    rng = random.Random(5)
    for options in OPTIONS[::3]:
        prefix, suffix = "##" * options["has_prefix"], "</w>" * options["has_suffix"]
        vocabulary = Vocabulary(rng, LETTERS, prefix, suffix, options)
        assert vocabulary.model(with_ids=False).to_dict() == vocabulary.model().to_dict()


def test_begins_word_and_ends_word():
    pieces = ["##c", "a", "ab", "##b", "abc", "##bc", "", "zz", "##zz"]
    merges = [["a", "##bc"], ["ab", "##c"], ["##b", "##c"], ["a", "##b"]]
    pairs = [[pieces.index(part) for part in pair] for pair in merges]
    model = ft.BPEModel(pieces, pairs, alphabet=ft.Characters(continuing_subword_prefix="##", unk_id=6))
    assert model.merge_ids.tolist() == [4, 4, 5, 2]
    assert model.begins_word.tolist() == [False, True, True, False, True, False, False, True, False]
    assert model.ends_word is None
    assert model.decoded_pieces.to_bytes() == [b"c", b"a", b"ab", b"b", b"abc", b"bc", b"", b"zz", b"zz"]
    tok = ft.Tokenizer(model, "whitespace_split", {"<unk>": 6})
    assert tok.encode("abc ab  aé").tolist() == [4, 2, 1, 6]
    assert tok.decode(tok.encode("abc ab  a")) == "abc ab a"
    both = ft.Characters("</w>", "##")
    model = ft.BPEModel(["a", "##b</w>", "ab</w>", "##a"], [[0, 1]], alphabet=both)
    assert model.ends_word.tolist() == [False, True, True, False]
    assert model.begins_word is None
    assert model.decoded_pieces.to_bytes() == [b"a", b"b", b"ab", b"a"]
    assert not model.is_lossless


def test_merges_of_byte_fallback_pieces():
    pieces = [*BYTES, b"a", b"<0xC3><0xA9>", b"<0xC3><0xA9>a", b"<", b"0"]
    merges = [[257, 256, 258], [0xC3, 0xA9, 257]]
    table = np.array(merges, np.uint32)
    model = ft.BPEModel(pieces, table[:, :2], table[:, 2], alphabet=ft.Characters(byte_fallback=True))
    tok = ft.Tokenizer(model, "none")
    assert tok.encode("éaé<0xC3><0xA9>").tolist()[:2] == [258, 257]
    assert tok.is_lossless
    for data in [
        "éaé",
        "<0xC3><0xA9>a",
        b"\xc3a",
        *hostile.texts(100, 3),
        *hostile.byte_strings(100, seed=4),
    ]:
        assert tok.decode_bytes(tok.encode(data)) == (data.encode() if isinstance(data, str) else data)
    whole = ft.Tokenizer(
        ft.BPEModel(pieces, table[:, :2], table[:, 2], alphabet=model.alphabet, ignore_merges=True), "none"
    )
    for text in ("<0xC3>", "<0xC3><0xA9>"):  # the text must not become the byte fallback piece of this name
        assert whole.decode(whole.encode(text)) == text


@pytest.mark.parametrize("byte_fallback", [False, True])
def test_dropout_over_characters_equals_the_oracle(byte_fallback):
    rng = random.Random(6)
    options = dict.fromkeys(OPTIONS[0], False) | {"has_unk": True, "byte_fallback": byte_fallback}
    for seed in range(20):
        vocabulary = Vocabulary(rng, ODD, "##", "</w>", options, bytes_merge=True)
        tok = ft.Tokenizer(vocabulary.model(), "none", {"<unk>": 0})
        merges = {
            (left, right): (rank, merged) for rank, (left, right, merged) in enumerate(vocabulary.table())
        }
        texts = random_words(rng, [*ODD, "q"], 40) + random_words(rng, ODD, 3, longest=200)
        for i, text in enumerate(texts):
            before = copy(vocabulary)
            before.merges = []
            word = [piece for piece, _ in before.oracle(text)]
            state = oracles.dropout_state(seed, 2, 0, 0)
            expected = oracles.encode_word_with_dropout(word, merges, 0.25, state)
            assert tok.encode(text, sampling=ft.Dropout(0.25, seed=seed, epoch=2)).tolist() == expected, i
            assert tok.encode(text, sampling=ft.Dropout(1, seed=seed)).tolist() == word
            assert tok.encode(text, sampling=ft.Dropout(0, seed=seed)).tolist() == tok.encode(text).tolist()


def test_dropout_reports_the_position_of_an_unknown_character():
    tok = ft.Tokenizer(ft.BPEModel(["a", "aa"], [[0, 0]], alphabet=ft.Characters()), "whitespace_split")
    with pytest.raises(ft.UnknownCharacterError) as caught:
        tok.encode_batch(["aa", "aa aaé"], sampling=ft.Dropout(0.5, seed=1))
    assert (caught.value.character, caught.value.position, caught.value.document) == ("é", 5, 1)


def test_optional_keys_are_only_in_files_that_need_them():
    plain = ft.BPEModel(["a", "aa"], [[0, 0]], alphabet=ft.Characters())
    assert list(plain.to_dict()) == ["kind", "end_of_word_suffix", "unk_id", "pieces", "merges"]
    alphabet = ft.Characters("</w>", "##", 300, byte_fallback=True, fuse_unk=True)
    model = ft.BPEModel([*BYTES, b"##a"], [], alphabet=alphabet, ignore_merges=True)
    fields = model.to_dict()
    assert fields["continuing_subword_prefix"] == "##"
    assert fields["byte_fallback"] is fields["fuse_unk"] is fields["ignore_merges"] is True
    for other in (BPEModel.from_dict(json.loads(json.dumps(fields))), pickle.loads(pickle.dumps(model))):  # noqa: S301
        assert other.alphabet == alphabet
        assert other.to_dict() == fields
    for field, value in {"byte_fallback": 1, "fuse_unk": "no", "continuing_subword_prefix": None}.items():
        with pytest.raises(TypeError, match=f"{field} must be"):
            BPEModel.from_dict(fields | {field: value})


@pytest.mark.parametrize(
    ("pieces", "merges", "alphabet", "message"),
    [
        (["a", "b"], [[0, 1]], ft.Characters(), "merge 0 joins b'a' and b'b' to b'ab', which is not a piece"),
        (["a", "a"], [], ft.Characters(), "ids 0 and 1 have the same piece b'a'"),
        ([*BYTES, BYTES[1]], [], ft.Characters(byte_fallback=True), "ids 1 and 256 have the same piece"),
        (["a"], [], ft.Characters(byte_fallback=True), "256 of the 256 pieces for bytes are missing"),
        (["a", "b"], [], ft.Characters(unk_id=1), "unk_id 1 is the id of the piece b'b'"),
        (["a"], [], ft.Characters(unk_id=1 << 31), "unk_id must be from 0 to 2,097,150, not 2147483648"),
        (["a"], [], ft.Characters(unk_id=-1), "unk_id must be from 0"),
        (
            ["a", "b", "ab"],
            [[0, 1]],
            ft.Characters("", "#"),
            "the right part of merge 0 is id 1, which begins",
        ),
        ([""], [[0, 0]], ft.Characters(), "merge 0 joins b'' and b''"),
        (["a"], [[0, 1]], ft.Characters(), "a merge names id 1, but there are 1 pieces"),
    ],
)
def test_invalid_models(pieces, merges, alphabet, message):
    with pytest.raises(ValueError, match=message):
        ft.BPEModel(pieces, np.array(merges, np.uint32).reshape(-1, 2), alphabet=alphabet)


def test_arguments_of_the_wrong_type():
    for options in ({"end_of_word_suffix": None}, {"byte_fallback": 1}, {"fuse_unk": None}, {"unk_id": "0"}):
        with pytest.raises(TypeError, match=f"{next(iter(options))} must be"):
            ft.Characters(**options)
    with pytest.raises(TypeError, match="alphabet must be"):
        ft.BPEModel(["a"], [], alphabet="characters")
    with pytest.raises(TypeError, match="ignore_merges must be"):
        ft.BPEModel(["a"], [], alphabet=ft.Characters(), ignore_merges=1)
    assert ft.Characters() == replace(ft.Characters("x"), end_of_word_suffix="")
    assert hash(ft.Bytes()) == hash(ft.Bytes())


def test_a_merged_piece_is_not_a_byte_fallback_piece():
    letters = ["<0", "x", "41>", "<0x", "<", "0", "4", "1", ">", "41"]
    pieces = [*(name.decode() for name in BYTES), *letters]
    at = {piece: i for i, piece in enumerate(pieces)}
    merges = [["<", "0"], ["<0", "x"], ["4", "1"], ["41", ">"], ["<0x", "41>"]]
    with pytest.raises(ValueError, match="1 of the 256 pieces for bytes are missing, the first is <0x41>"):
        ft.BPEModel(pieces, [[at[a], at[b]] for a, b in merges], alphabet=ft.Characters(byte_fallback=True))


def test_marks_do_not_depend_on_the_order_of_merges():
    rng = random.Random(8)
    words = {word: rng.randint(1, 5) for word in random_words(rng, "abc", 40)}
    trainer = ft.BPETrainer(vocab_size=30, units="character", end_of_word_suffix="</w>")
    model = trainer.train(ft.PretokenCounts.from_dict(words)).model
    for _ in range(10):
        order = np.array(rng.sample(range(len(model.merges)), len(model.merges)))
        other = ft.BPEModel(
            model.pieces, model.merges[order], model.merge_ids[order], alphabet=model.alphabet
        )
        assert other.ends_word.tolist() == model.ends_word.tolist()
        assert other.decoded_pieces == model.decoded_pieces


def test_llama_2_equals_tokenizers(shared):
    path = shared / "tokenizers/huggingface/lenml_llama2/tokenizer.json"
    fields = json.loads(path.read_text())
    model = fields["model"]
    rows = [""] * len(model["vocab"])
    special = {token["content"]: token["id"] for token in fields["added_tokens"]}
    for piece, i in model["vocab"].items():
        rows[i] = "" if piece in special else piece
    pairs = [[model["vocab"][part] for part in merge.split(" ")] for merge in model["merges"]]
    alphabet = ft.Characters(unk_id=special["<unk>"], byte_fallback=True, fuse_unk=True)
    ours = ft.Tokenizer(ft.BPEModel(rows, pairs, alphabet=alphabet), "none", special)
    theirs = tokenizers.Tokenizer.from_str(
        json.dumps(fields | {"normalizer": None, "added_tokens": [], "post_processor": None})
    )
    files = sorted((shared / "data/parallel/ntrex128").glob("*.txt"))
    lines = [line for path in files for line in path.read_text(encoding="utf-8").split("\n")[:20] if line]
    assert len(lines) >= 2000
    lines = [*lines[:2000], *hostile.texts(300, seed=7), "<0x41>", "▁a▁b" * 50]
    expected = [encoding.ids for encoding in theirs.encode_batch(lines)]
    assert ours.encode_batch(lines, as_list=True) == expected
    assert sum(3 <= i < 259 for row in expected for i in row) > 1000
    for line in lines[::20]:
        encoding = ours.encode_with_offsets(line)
        assert encoding.char_spans.tolist() == [list(span) for span in theirs.encode(line).offsets]
        assert ours.decode(encoding.ids) == line


@pytest.mark.parametrize(
    "merges", [[(3, 3), (1, 2)], [(3, 3), (2, 1), (1, 2)], [(2, 2), (5, 1), (1, 2), (2, 1)]]
)
def test_long_pretokens_with_a_merge_that_ranks_before_the_merges_of_its_parts(merges):
    pieces = ["<unk>", "a", "b", "ab", "abab", "ba", "bb", "baa"]
    rng = random.Random(3)
    theirs = tokenizers.Tokenizer(
        tokenizers.models.BPE(
            {piece: i for i, piece in enumerate(pieces)},
            [(pieces[a], pieces[b]) for a, b in merges],
            unk_token=pieces[0],
        )
    )
    model = ft.BPEModel(["", *pieces[1:]], merges, alphabet=ft.Characters(unk_id=0))
    tok = ft.Tokenizer(model, "none", {"<unk>": 0})
    for text in ("ab" * 3000, "ba" * 3000, *("".join(rng.choices("ab", k=n)) for n in (65, 100, 5000))):
        assert tok.encode(text).tolist() == theirs.encode(text).ids
