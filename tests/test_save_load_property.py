"""Every tokenizer that can be made can be saved, loaded, pickled and copied, and is then equal."""

from __future__ import annotations

import copy
import json
import pickle
import random
import warnings

import numpy as np
import pytest

import fasttok as ft
from fasttok.formats import vocab_txt
from fasttok.models.bpe.by_score import merges_by_score
from fasttok.models.pieces import BYTE_NAMES, MOST_UNUSED
from tests import hostile
from tests.conftest import FUZZ
from tests.test_components import ALL_NORMALIZERS, ALL_PRETOKENIZERS
from tests.test_decoders import CONFIGS as DECODERS

PARTS = ["a", "b", "c", "ab", "bc", "é", "東", " ", " a", "▁", "▁a", "##", "##a", "</w>", "😀", "\u0301", "."]
RAW = [b"\xff", b"\xe6\x9d", b"\0", b"a\0b", b"\xed\xb2\x80", b"\r\n"]
TEXTS = [*hostile.texts(4, seed=610), "ab abc <s> <|x|> 東é", "a\u0301b  ▁a ##a", "", " "]
BYTES = [*hostile.byte_strings(4, seed=611), b"\xffab\xe6\x9d"]
PROVENANCES = [
    {},
    {"": None, "a": [1, [2.5, {"b": True}]], "é\ud800": "\udcff\0"},
    {"big": 1 << 80, "small": 5e-324, "minus": -0.0, "deep": json.loads("[" * 90 + "]" * 90)},
]
CONFIGS = [
    None,
    ft.ModelConfig({}),
    ft.ModelConfig(
        {
            "chat_template": [{"name": "default", "template": "{{ messages }}\0"}],
            "pad_token": "<s>",
            "eos_token": {"content": "<|x|>", "lstrip": True},
            "padding_side": "left",
            "truncation_side": "left",
            "model_max_length": 1 << 90,
        }
    ),
]


# Tokenizers


def random_pieces(rng: random.Random, raw: bool = True, n: int = 25) -> list[bytes]:
    """Return distinct pieces, some of which are empty."""
    pieces = {"".join(rng.choices(PARTS, k=rng.randint(1, 3))).encode() for _ in range(n)}
    pieces |= set(rng.sample(RAW, 3)) if raw else set()
    rows = rng.sample(sorted(pieces), len(pieces))
    for _ in range(rng.randint(0, 4)):
        rows.insert(rng.randrange(len(rows) + 1), b"")
    return rows


def empty_or_last(rng: random.Random, pieces: list[bytes]) -> int:
    """Return an id without a piece."""
    return rng.choice([*(i for i, piece in enumerate(pieces) if not piece), len(pieces), len(pieces) + 7])


def bpe_over_bytes(rng: random.Random) -> ft.Model:
    pieces = [bytes([byte]) for byte in range(256)] + [b""] * rng.randint(0, 3)
    rng.shuffle(pieces)
    merges, ids = [], []
    for _ in range(rng.randint(0, 20)):
        left, right = (rng.choice([i for i, piece in enumerate(pieces) if piece]) for _ in "ab")
        if pieces[left] + pieces[right] not in pieces:
            pieces.append(pieces[left] + pieces[right])
            merges.append((left, right))
            ids.append(len(pieces) - 1)
    order = rng.sample(range(len(ids)), len(ids))
    rows = np.array(merges, np.uint32).reshape(-1, 2)[order]
    whole = rng.random() < 0.5
    pieces += [b"never merged"] if whole else []
    return ft.BPEModel(pieces, rows, np.array(ids, np.uint32)[order], ignore_merges=whole)


def bpe_over_characters(rng: random.Random) -> ft.Model:
    suffix, prefix = rng.choice([("", ""), ("</w>", ""), ("", "##"), ("é", "")])
    has_bytes = rng.random() < 0.4
    compat = None if has_bytes or suffix or prefix else rng.choice([None, "huggingface"])
    names = sorted({*"abcé東", *("ab" if compat is None else "xy")})
    names += [name + suffix for name in names] if suffix else []
    names += [prefix + name for name in names] if prefix else []
    rows = [name.encode() for name in names] + ([b"\xff"] if rng.random() < 0.5 else [])
    rows += BYTE_NAMES if has_bytes else []
    n = len(rows)
    merges = []
    for left, letter in (("a", "b"), ("b", "c")):
        right = prefix + letter + suffix
        merged = left + right.removeprefix(prefix)
        if left in names and right in names and merged.encode() not in rows:
            rows.append(merged.encode())
            merges.append((names.index(left), names.index(right)))
    alphabet = ft.Characters(
        suffix,
        prefix,
        unk_id=rng.choice([None, len(rows), len(rows) + 3]),
        byte_fallback=has_bytes,
        fuse_unk=rng.random() < 0.5,
        drop_unk=rng.random() < 0.5,
        compat=compat,
    )
    return ft.BPEModel(
        rows,
        np.array(merges, np.uint32).reshape(-1, 2),
        np.arange(n, len(rows), dtype=np.uint32),
        alphabet=alphabet,
        ignore_merges=rng.random() < 0.5,
    )


def bpe_by_score(rng: random.Random) -> ft.Model:
    has_bytes = rng.random() < 0.5
    texts = {piece for piece in ("a", "b", "é", "ab", "aé", "abé", "▁ab", "東") if rng.random() < 0.8}
    pieces = ["", *sorted(texts), *(BYTE_NAMES if has_bytes else [])]
    ids = rng.sample(range(1, len(texts) + 1), min(len(texts), 4))
    user_defined, unused = ids[: rng.randint(0, 2)], ids[2 : rng.randint(2, 4)]
    scores = [rng.choice([0.0, -1.0, -rng.random()]) for _ in pieces]
    found = merges_by_score(pieces, scores, byte_fallback=has_bytes, user_defined=user_defined)
    merges = found._asdict()
    if rng.random() < 0.3:  # not those by score
        merges |= {name: merges[name][:1] for name in ("merges", "merge_ids", "merge_ranks")}
    alphabet = ft.Characters(unk_id=0, byte_fallback=has_bytes, compat="sentencepiece")
    return ft.BPEModel(pieces, **merges, alphabet=alphabet, user_defined=user_defined, unused=unused)


def unigram(rng: random.Random) -> ft.Model:
    compat = rng.choice([None, "sentencepiece", "huggingface"])
    pieces = [piece for piece in random_pieces(rng, raw=False) if b"\0" not in piece]
    has_bytes = rng.random() < 0.5
    pieces += BYTE_NAMES if has_bytes else []
    scores = [rng.choice([-rng.random() * 20, -0.0, -5e-324, -1e30, 3.0]) for _ in pieces]
    used = [i for i, piece in enumerate(pieces) if piece and piece not in BYTE_NAMES]
    rng.shuffle(used)
    return ft.UnigramModel(
        pieces,
        scores,
        unk_id=rng.choice([None, empty_or_last(rng, pieces)]),
        byte_fallback=has_bytes,
        user_defined=used[: rng.randint(0, 3)],
        unused=used[3 : rng.randint(3, 6)] if compat != "huggingface" else (),
        compat=compat,
        fewest_pieces=compat is None and rng.random() < 0.5,
    )


def wordpiece(rng: random.Random) -> ft.Model:
    pieces = random_pieces(rng, raw=False)
    return ft.WordPieceModel(
        pieces + rng.choice([[], ["##\0a"]]),
        continuing_subword_prefix=rng.choice(["##", "", "é"]),
        unk_id=rng.choice([None, empty_or_last(rng, pieces), 0]),
        max_input_chars_per_word=rng.choice([None, 100, 3]),
        max_input_bytes_per_word=rng.choice([None, None, 7]),
    )


def units(rng: random.Random) -> ft.Model:
    kind = rng.choice([ft.CharacterModel, ft.WordModel])
    pieces = random_pieces(rng)
    if kind is ft.CharacterModel:
        pieces = [piece for piece in pieces if len(piece.decode(errors="surrogateescape")) < 2]
    has_bytes = rng.random() < 0.5
    pieces += BYTE_NAMES if has_bytes else []
    unk_id = rng.choice([None, empty_or_last(rng, pieces), 0])
    used = [i for i, piece in enumerate(pieces) if piece and piece.isascii() and piece not in BYTE_NAMES]
    used = [i for i in used if b"\0" not in pieces[i]]
    options = {"unused": used[: rng.randint(0, 2)]}
    options["fuse_unk"] = rng.random() < 0.3 and not (unk_id == 0 and pieces[:1] != [b""])
    if kind is ft.CharacterModel:
        options["user_defined"] = used[2 : rng.randint(2, 4)]
    return kind(pieces, unk_id=unk_id, byte_fallback=has_bytes, **options)


MODELS = [
    bpe_over_bytes,
    bpe_over_characters,
    bpe_by_score,
    unigram,
    wordpiece,
    units,
    lambda _: ft.ByteModel(),
]


def random_tokens(rng: random.Random, model: ft.Model) -> dict[ft.AddedToken, int]:
    """Return added tokens with sparse ids, the unknown token, and tokens that share the id of a piece."""
    pieces = model.pieces.to_bytes()
    free = [i for i, piece in enumerate(pieces) if not piece]
    free += [len(pieces), len(pieces) + 1, 9_999, 100_257]
    free += [len(pieces) + MOST_UNUSED - 100] if rng.random() < 0.1 else []
    rng.shuffle(free)
    texts = rng.sample(["<s>", "<|x|>", " ", "a b", "\0", "東\r\n", "É", "<unk>", "ﬁ"], rng.randint(0, 6))
    tokens = {}
    unk_id = model.unk_id
    if unk_id is not None and not (unk_id < len(pieces) and pieces[unk_id]):
        texts = [text for text in texts if text != "<unk>"]
        tokens[ft.AddedToken("<unk>", special=rng.random() < 0.9)] = unk_id
        free = [i for i in free if i != unk_id]
    flags = ("special", "lstrip", "rstrip", "single_word", "normalized")
    plain = rng.random() < 0.4
    for text in texts[: len(free)]:
        chosen = {"special": True} if plain else {flag: rng.random() < 0.5 for flag in flags}
        tokens[ft.AddedToken(text, **chosen)] = free.pop()
    shared = [i for i, piece in enumerate(pieces) if piece.isascii() and len(piece) > 1 and i != unk_id]
    shared = [i for i in shared if pieces[i] not in BYTE_NAMES and pieces[i].decode() not in texts]
    if shared and rng.random() < 0.3:
        i = rng.choice(shared)
        tokens[ft.AddedToken(pieces[i].decode(), special=True)] = i
    return tokens


def random_template(
    rng: random.Random, tokens: dict[ft.AddedToken, int], used: list[int]
) -> ft.Template | None:
    if rng.random() < 0.4:
        return None
    words = [json.dumps(token.text) for token in tokens][:2]
    ids = {}
    if used and rng.random() < 0.5:
        words.append('"two ids"')
        ids = {"two ids": rng.choices(used, k=2)}
    types = [f":{n}" for n in (0, 1, (1 << 32) - 1)]
    single = " ".join([*(word + rng.choice(types) for word in words), "$A" + rng.choice(types)])
    pair = rng.choice([None, f"$A {' '.join(words)} $B:1 $A:7", "$B $A"])
    return ft.Template(single, pair, ids)


def random_tokenizer(seed: int) -> ft.Tokenizer:
    """Return a tokenizer; the components of a few do not fit together, which is a ValueError."""
    rng = random.Random(seed)
    model = rng.choice(MODELS)(rng)
    used = [i for i, n in enumerate(model.pieces.lengths.tolist()) if n]
    if rng.random() < 0.2 and not isinstance(model, ft.ByteModel):
        fallback = getattr(model, "byte_ids", None)
        known = set() if fallback is None else set(fallback.tolist())
        model = model.without_pieces([i for i in used if i not in known and rng.random() < 0.2])
    tokens = random_tokens(rng, model)
    padding = ft.Padding(
        width=rng.choice([None, 0, np.int64(5)]),
        side=rng.choice(["right", "left"]),
        pad_id=rng.choice([np.uint32(3), 1 << 40, -100]),
        pad_type_id=rng.choice([0, 1 << 33]),
        multiple_of=rng.choice([None, 8]),
    )
    truncation = ft.Truncation(
        rng.choice([0, 7, 1 << 70]),
        rng.choice([0, 3]),
        rng.choice(["longest_first", "only_first", "only_second"]),
        rng.choice(["right", "left"]),
    )
    return ft.Tokenizer(
        model,
        rng.choice(ALL_PRETOKENIZERS),
        tokens,
        rng.choice(PROVENANCES),
        normalizer=rng.choice([None, *ALL_NORMALIZERS]),
        template=random_template(rng, tokens, used),
        decoder=rng.choice([None, None, *DECODERS]),
        padding=rng.choice([None, padding]),
        truncation=rng.choice([None, truncation]),
        trim_offsets=rng.choice([None, ft.TrimOffsets(), ft.TrimOffsets(True)]),
        config=rng.choice(CONFIGS),
    )


# Equality


def outcome(function, *arguments, **options):
    """Return the result of a function as plain values, or its error."""
    try:
        found = function(*arguments, **options)
    except Exception as error:  # the same error is an equal outcome
        return type(error).__name__, str(error)
    return found.tolist() if isinstance(found, np.ndarray) else found


def spans_of(tok: ft.Tokenizer, text: str | bytes) -> list:
    encoding = tok.encode_with_offsets(text)
    return [encoding.ids.tolist(), encoding.byte_spans.tolist(), encoding.char_spans.tolist()]


def everything_of(tok: ft.Tokenizer) -> list:
    """Return all that distinguishes a tokenizer from another one."""
    found = [
        repr(tok),
        tok.fingerprint(),
        tok.settings,
        tok.provenance,
        list(tok.added_tokens.items()),
        tok.pieces[: len(tok.model.pieces) + 10].to_bytes(),
        tok.vocab_size,
        tok.unk_id,
        tok.role_ids,
        tok.is_lossless,
        tok.model.file_fields(),
        tok.pretokenizer.config(),
        tok.normalizer and tok.normalizer.config(),
        tok.given_decoder,
        repr(tok.decoder),
    ]
    for text in [*TEXTS, *BYTES]:
        ids = outcome(tok.encode, text, special="all")
        found += [ids, outcome(tok.encode, text, add_special_tokens=True)]
        if isinstance(ids, list):
            found += [outcome(tok.decode_bytes, ids), outcome(tok.decode, ids, skip_special_tokens=True)]
        found.append(outcome(spans_of, tok, text))
    rows = [[], [0], [3, 1]]
    found.append(outcome(lambda: [part.tolist() for part in tok.pad(rows)[:2]]))
    return found


@pytest.mark.parametrize("first", range(0, 60 * FUZZ, 20))
def test_a_saved_tokenizer_is_equal(tmp_path, first):
    n_made = 0
    for seed in range(first, first + 20):
        try:
            tok = random_tokenizer(seed)
        except (ValueError, TypeError):
            continue
        n_made += 1
        expected = everything_of(tok)
        path = tmp_path / "tok.json"
        tok.save(path)
        data = path.read_bytes()
        for again in (ft.load(path), pickle.loads(pickle.dumps(tok)), copy.copy(tok), copy.deepcopy(tok)):  # noqa: S301
            assert everything_of(again) == expected, seed
            assert again == tok
            assert hash(again) == hash(tok)
            again.save(path)
            assert path.read_bytes() == data, seed
        if tok.is_lossless:
            for text in BYTES:
                assert tok.decode_bytes(tok.encode(text)) == text, seed
    assert n_made > 12


def test_different_tokenizers_are_not_equal():
    tok = ft.Tokenizer(ft.ByteModel(), "none", {"<s>": 256}, {"a": 1}, decoder="pieces")
    assert tok == with_(tok, provenance={"a": 1})
    assert tok != "tok"
    for changes in (
        {"pretokenizer": "gpt2"}, {"normalizer": "nfc"}, {"added_tokens": {"<s>": 257}}, {"provenance": {}},
        {"added_tokens": {ft.AddedToken("<s>", special=True, lstrip=True): 256}}, {"decoder": None},
        {"template": ft.Template("<s> $A")}, {"padding": ft.Padding(pad_id=0)},
        {"truncation": ft.Truncation(3)}, {"trim_offsets": ft.TrimOffsets()},
        {"config": ft.ModelConfig({})}, {"model": ft.CharacterModel(["a"])},
    ):  # fmt: skip
        assert tok != with_(tok, **{"provenance": {"a": 1}} | changes), changes


def test_ids_that_leave_too_many_others_unused_are_refused(tmp_path):
    model = ft.ByteModel()
    largest = 256 + MOST_UNUSED
    tok = ft.Tokenizer(model, "none", {"<s>": largest})
    tok.save(tmp_path / "tok.json")
    assert ft.load(tmp_path / "tok.json").encode("<s>", special="all").tolist() == [largest]
    with pytest.raises(ValueError, match=f"the id {largest + 1} of added token '<s>' is too large"):
        ft.Tokenizer(model, "none", {"<s>": largest + 1})
    text = (tmp_path / "tok.json").read_text().replace(str(largest), str(largest + 1))
    (tmp_path / "tok.json").write_text(text)
    with pytest.raises(ft.ModelFormatError, match=f"special_tokens: the id {largest + 1} .* is too large"):
        ft.load(tmp_path / "tok.json")


@pytest.mark.parametrize(
    "provenance", [{"a": float("nan")}, {"a": {1, 2}}, {"a": b""}, {"a": [float("inf")]}]
)
def test_a_provenance_that_is_not_json_is_refused(provenance):
    with pytest.raises((TypeError, ValueError), match="provenance must be plain JSON"):
        ft.Tokenizer(ft.ByteModel(), "none", provenance=provenance)


def test_a_provenance_that_is_nested_deeply_is_refused():
    with pytest.raises(ValueError, match="provenance must not be nested more than 100 deep"):
        ft.Tokenizer(ft.ByteModel(), "none", provenance={"a": json.loads("[" * 101 + "]" * 101)})


# Other things that are saved


def test_saved_counts_are_equal(tmp_path):
    rng = random.Random(612)
    steps = [step for step in ALL_PRETOKENIZERS if not step.rewrites]
    for _ in range(60):
        words = {rng.choice(PARTS).encode() + rng.choice([b"", *RAW]): rng.choice([1, 3, (1 << 63) - 1])}
        words |= {"".join(rng.choices(PARTS, k=2)).encode(): 1 + i for i in range(rng.randint(0, 9))}
        counts = ft.PretokenCounts.from_dict(
            words if rng.random() < 0.9 else {}, rng.choice(steps), rng.choice([None, *ALL_NORMALIZERS])
        )
        counts.save(tmp_path / "counts.npz")
        loaded = ft.PretokenCounts.load(tmp_path / "counts.npz")
        for again in (loaded, pickle.loads(pickle.dumps(counts)), copy.deepcopy(counts)):  # noqa: S301
            assert again == counts
            assert (again.fingerprint(), repr(again)) == (counts.fingerprint(), repr(counts))
            assert again.to_dict() == counts.to_dict()
    special = ["<s>", "\0", "東\r\n", '"'] * 2
    counts = ft.count_pretokens(
        ft.Corpus.from_texts(["a<s>\0b", b"\xff\0\xed\xb2\x80"], document="line"), split_special=special
    )
    counts.save(tmp_path / "counts.npz")
    assert ft.PretokenCounts.load(tmp_path / "counts.npz") == counts


# Other formats: each property of a tokenizer is written, refused, or warned of

CORPUS = ["It's the newest and the widest, naïve 東京 12345 <s>\n" * 5]
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def base(format: str) -> ft.Tokenizer:
    """Return a tokenizer that a format can hold."""
    corpus = ft.Corpus.from_texts(CORPUS)
    if format == "vocab.txt":
        options = {"pretokenizer": "bert", "normalizer": "bert", "special_tokens": BERT}
        tok = ft.train(corpus, "wordpiece", vocab_size=60, **options)
        return tok.with_settings(template=vocab_txt.TEMPLATE)  # which `load` always sets
    options = {"special_tokens": ["<s>", "<unk>"], "split_special": False}
    return ft.train(corpus, vocab_size=275, pretokenizer="gpt2", **options)


def with_(tok: ft.Tokenizer, **changes) -> ft.Tokenizer:
    arguments = {
        "model": tok.model,
        "pretokenizer": tok.pretokenizer,
        "added_tokens": tok.added_tokens,
        "normalizer": tok.normalizer,
        "decoder": tok.given_decoder,
        **tok.settings,
    }
    return ft.Tokenizer(**arguments | changes)


def with_token(tok: ft.Tokenizer, id: int | None = None, **flags) -> ft.Tokenizer:
    token = ft.AddedToken("<t>", **flags)
    return with_(tok, added_tokens=tok.added_tokens | {token: tok.vocab_size if id is None else id})


def first_special(tok: ft.Tokenizer) -> str:
    return next(iter(tok.special_tokens))


PROPERTIES = {
    "nothing": lambda t: t,
    "a normalizer": lambda t: with_(t, normalizer="nfkc"),
    "a normalizer with options": lambda t: with_(t, normalizer=ft.BertNormalizer(clean_text=False)),
    "a pretokenizer": lambda t: with_(t, pretokenizer="digits_single"),
    "a sequence of pretokenizers": lambda t: with_(t, pretokenizer=["digits_single", "gpt2"]),
    "a pretokenizer that rewrites": lambda t: with_(t, pretokenizer="metaspace"),
    "a pretokenizer that inserts a space": lambda t: with_(
        t, pretokenizer=ft.ByteLevel(add_prefix_space=True, writes_characters=False)
    ),
    "a pretokenizer that writes characters": lambda t: with_(t, pretokenizer=ft.ByteLevel()),
    "a decoder": lambda t: with_(t, decoder="wordpiece"),
    "a decoder of text": lambda t: with_(t, decoder=["pieces", "metaspace"]),
    "a special token": lambda t: with_token(t, special=True),
    "a token that is not special": with_token,
    **{f"the flag {flag}": lambda t, f=flag: with_token(t, special=True, **{f: True})
       for flag in ("lstrip", "rstrip", "single_word", "normalized")},
    **{f"the id {i}": lambda t, i=i: with_token(t, i, special=True) for i in (9_999, 100_257, 1_000_000)},
    "a token with the id of a piece": lambda t: with_(
        t, added_tokens=t.added_tokens | {ft.AddedToken("e", special=True): t.piece_to_id("e")}
    ),
    "a template": lambda t: t.with_template(f"{first_special(t)} $A"),
    "a template for pairs": lambda t: t.with_template("$A", f"$A {first_special(t)} $B:1"),
    "type ids": lambda t: t.with_template("$A:1"),
    "padding": lambda t: t.with_settings(padding=ft.Padding(9, "left", pad_token=first_special(t))),
    "padding with a large type id": lambda t: t.with_settings(
        padding=ft.Padding(pad_type_id=1 << 40, pad_token=first_special(t))
    ),
    "padding with a piece": lambda t: t.with_settings(padding=ft.Padding(pad_id=t.piece_to_id("e"))),
    "truncation": lambda t: t.with_settings(truncation=ft.Truncation(3, side="left")),
    "a chat template": lambda t: t.with_settings(
        config=ft.ModelConfig({"chat_template": "{{ messages }}", "pad_token": first_special(t)})
    ),
    "a side": lambda t: t.with_settings(config=ft.ModelConfig({"padding_side": "left"})),
    "a role of an unknown token": lambda t: t.with_settings(config=ft.ModelConfig({"eos_token": "<new>"})),
    "excluded pieces": lambda t: with_(t, model=t.model.without_pieces([t.piece_to_id("e")])),
}  # fmt: skip
KINDS = {  # properties that only some formats can hold
    "ignored merges": ("bpe", {"ignore_merges": True}),
    "characters": ("characters", {}),
    "a suffix": ("characters", {"end_of_word_suffix": "</w>"}),
    "a suffix with ignored merges": ("characters", {"end_of_word_suffix": "</w>", "ignore_merges": True}),
    "a limit of bytes": ("wordpiece", {"max_input_bytes_per_word": 7}),
    "a limit of characters": ("wordpiece", {"max_input_chars_per_word": 3}),
    "a prefix": ("wordpiece", {"continuing_subword_prefix": "e"}),
}


def of_kind(kind: str, tok: ft.Tokenizer, options: dict) -> ft.Tokenizer | None:
    """Return a tokenizer whose model has options, or None if it is of another kind."""
    model = tok.model
    if kind == "wordpiece" and isinstance(model, ft.WordPieceModel):
        names = {"unk_id": model.unk_id, **options}
        return with_(tok, model=ft.WordPieceModel(model.pieces.to_bytes(), **names))
    if kind != "wordpiece" and isinstance(model, ft.BPEModel):
        if kind == "bpe":
            pieces = [*model.pieces.to_bytes()[:273], b"never merged"]
            tokens = {token: i + 1 for token, i in tok.added_tokens.items()}
            return with_(
                tok, model=ft.BPEModel(pieces, model.merges, model.merge_ids, **options), added_tokens=tokens
            )
        suffix, whole = options.get("end_of_word_suffix", ""), options.get("ignore_merges", False)
        rows = ["a", "b", "a" + suffix, "ab" + suffix] if suffix else ["a", "b", "x", "ab"]
        rows += ["b" + suffix] if suffix else []
        merges = [[0, 4 if suffix else 1]]
        alphabet = ft.Characters(suffix, unk_id=6)
        made = ft.BPEModel(rows, merges, [3], alphabet=alphabet, ignore_merges=whole)
        return with_(
            tok, model=made, added_tokens={"<s>": 5, "<unk>": 6} if suffix else {"<s>": 4, "<unk>": 6}
        )
    return None


def load_again(format: str, path, tok: ft.Tokenizer) -> ft.Tokenizer:
    """Load a file with the options that the documentation names."""
    special = list(tok.special_tokens)
    if format == "tiktoken":
        return ft.load(path, pretokenizer=tok.pretokenizer, special_tokens=tok.special_tokens)
    if format == "gpt2":
        return ft.load(path, special_tokens=special)
    if format == "vocab.txt":
        normalizer = tok.normalizer
        return ft.load(
            path,
            special_tokens=special,
            unk=tok.id_to_piece(tok.unk_id).decode(),
            lowercase=normalizer.lowercase,
            strip_accents=normalizer.strip_accents,
            handle_chinese_chars=normalizer.handle_chinese_chars,
            continuing_subword_prefix=tok.model.continuing_subword_prefix,
            max_input_chars_per_word=tok.model.max_input_chars_per_word,
        )
    return ft.load(path)


def behaviour(tok: ft.Tokenizer, has_config: bool, has_pairs: bool) -> list:
    """Return what a tokenizer does with text and rows."""
    found = []
    has_template = tok.template is not None and not tok.template.is_plain
    for text in [
        "It's the  NEWEST naïve 東京 123 aab",
        "<s>e [CLS] <t>  e<t>x ﬁ</w>ab</w>",
        "ab ab",
        " e\u0301",
    ]:
        ids = outcome(tok.encode, text, special="all")
        found += [ids, outcome(tok.encode, text)]
        found += [outcome(tok.decode, ids), outcome(tok.decode, ids, skip_special_tokens=True)]
        found.append(outcome(tok.encode, text, add_special_tokens=True) if has_template else ids)
    if has_pairs:
        found += [part.tolist() for part in tok.encode_pairs([("ab", "e")], add_special_tokens=True).ids]
    found.append(tok.pad([[40], [41, 42, 43, 44]]).ids.tolist() if tok.padding else None)
    found.append(tok.truncation)
    return [*found, tok.config and tok.config.chat_template] if has_config else found


@pytest.mark.parametrize("format", ["tiktoken", "gpt2", "vocab.txt", "huggingface", "huggingface folder"])
@pytest.mark.parametrize("name", [*PROPERTIES, *KINDS])
def test_each_property_is_written_or_refused_or_warned_of(tmp_path, format, name):
    tok = base(format)
    changed = PROPERTIES[name](tok) if name in PROPERTIES else of_kind(KINDS[name][0], tok, KINDS[name][1])
    if changed is None:
        return
    kind, *folder = format.split()
    path = tmp_path / ("tok.json" if kind == "huggingface" and not folder else "out")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            changed.save(path, format=kind)
        except ft.ModelExportError as error:
            assert name != "nothing", error
            assert list(tmp_path.iterdir()) == []
            return
    if caught:
        assert "does not hold the config" in str(caught[0].message)
        assert changed.config is not None
        return
    again = load_again(kind, path, changed)
    assert again.special_tokens == changed.special_tokens
    has_config = format == "huggingface folder" and name != "nothing"
    has_pairs = changed.template is not None and changed.template.pair is not None
    assert behaviour(again, has_config, has_pairs) == behaviour(changed, has_config, has_pairs)
    if kind == "huggingface":
        assert pytest.importorskip("tokenizers").Tokenizer.from_file(
            str(path if not folder else path / "tokenizer.json")
        )


@pytest.mark.parametrize("first", range(0, 300, 60))
def test_other_formats_hold_what_they_take(tmp_path, first):
    """Random models and tokens with usual components: a file that `save` writes gives the same ids and text.

    The exceptions that `fasttok.formats.huggingface.files.save` names are left out.
    """
    n_saved = 0
    for seed in range(first, first + 60):
        rng = random.Random(seed)
        try:
            tok = random_tokenizer(seed)
            tokens = {token: i for token, i in tok.added_tokens.items() if i < 9_999 or rng.random() < 0.3}
            tok = ft.Tokenizer(
                tok.model,
                rng.choice(
                    [
                        "gpt2",
                        "o200k",
                        "none",
                        "whitespace_split",
                        ft.MetaspaceSplit(),
                        ft.SplitDigits(),
                        "bert",
                    ]
                ),
                tokens,
                normalizer=rng.choice([None, None, "nfc", "lowercase", ft.Replace("a", "bb")]),
                **(tok.settings if rng.random() < 0.3 else {}),
            )
        except ValueError:
            continue
        has_continuations = isinstance(tok.model, ft.WordPieceModel)
        is_inexact = isinstance(tok.model, ft.UnigramModel) and tok.model.compat is None
        for kind in ("huggingface", "gpt2", "tiktoken"):
            path = tmp_path / f"{kind} {seed}"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                try:
                    tok.save(path, format=kind)
                except ft.ModelExportError:
                    continue
                again = load_again(kind, path, tok)
            n_saved += 1
            assert again.special_tokens == tok.special_tokens, seed
            for text in TEXTS:
                ids = outcome(tok.encode, text, special="all")
                if not isinstance(ids, list) or is_inexact:
                    continue
                assert outcome(again.encode, text, special="all") == ids, (seed, kind)
                if not has_continuations:
                    assert again.decode(ids) == tok.decode(ids), (seed, kind)
    assert n_saved > 5


@pytest.mark.parametrize("name", [*PROPERTIES, *KINDS])
def test_each_property_is_in_live_objects_or_refused(name):
    pytest.importorskip("tokenizers")
    pytest.importorskip("tiktoken")
    texts = ["It's the  NEWEST naïve 東京 123 aab", "<s>e <t>  e<t>x ﬁ", "ab ab", " e\u0301"]
    for kind in ("huggingface", "vocab.txt"):
        tok = base(kind)
        tok = PROPERTIES[name](tok) if name in PROPERTIES else of_kind(KINDS[name][0], tok, KINDS[name][1])
        if tok is None:
            continue
        for convert, encode in (
            (tok.to_tiktoken, lambda t, text: t.encode(text, allowed_special="all")),
            (tok.to_tokenizers, lambda t, text: t.encode(text, add_special_tokens=False).ids),
        ):
            with warnings.catch_warnings(record=True):
                warnings.simplefilter("always")
                try:
                    theirs = convert()
                except ft.ModelExportError:
                    continue
            if tok.truncation is None and tok.padding is None:
                for text in texts:
                    assert outcome(tok.encode, text, special="all") == encode(theirs, text), (kind, text)


def test_experiments_take_ids_larger_than_the_file(tmp_path):
    base("tiktoken").save(tmp_path / "small.tiktoken", format="tiktoken")
    (tmp_path / "a.txt").write_text("the newest")
    experiment = ft.Experiment.from_toml(
        """
        name = "large ids"
        corpus.test.en = { files = ["a.txt"] }
        [[tokenizer]]
        load = "small.tiktoken"
        pretokenizer = "gpt2"
        special_tokens = { "<|endoftext|>" = 100257 }
        [metrics]
        use = "compression"
        words = "whitespace"
        """,
        folder=tmp_path,
    )
    results = ft.compare(experiment, tmp_path / "out")
    assert results.failures == []
    assert results.tokenizer("small").special_tokens == {"<|endoftext|>": 100257}
