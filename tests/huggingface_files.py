"""Random tokenizer.json files of all components and options, each of which `tokenizers` opens.

`random_file(seed)` gives the same file for the same seed. About half of the files have the component settings
of a published file (tests/huggingface_recipes.py); the others are drawn freely. A small vocabulary is
built from words as the components of the file split them, so that pieces are found in texts.
"""

from __future__ import annotations

import base64
import copy
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from typing import Any

os.environ["RUST_BACKTRACE"] = "0"  # a panic of the library prints one line
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # threads are slower for small batches
import sentencepiece
import tokenizers
from tokenizers.pre_tokenizers import ByteLevel

from tests import huggingface_recipes as recipes
from tests.conftest import SHARED
from tests.huggingface_recipes import RECIPES, Json, Recipe
from tests.huggingface_texts import SCRIPTS, random_texts
from tests.sentencepiece_file import fields as protobuf_fields

BEHAVIORS = ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")
BYTE_NAMES = [f"<0x{byte:02X}>" for byte in range(256)]
ALPHABET = sorted(ByteLevel.alphabet())
REGEXES = [
    recipes.GPT2, recipes.LLAMA3, recipes.QWEN2, recipes.O200K, recipes.TEKKEN, recipes.BLOOM, recipes.KIMI,
    recipes.CLIP, *recipes.DEEPSEEK_LLM, *recipes.DEEPSEEK_CODER, *recipes.DEEPSEEK_V3, r"\s+", r"\s",
    r" +", r" {2,}", r"\s+$", r"^\s+|\s+$", r"\d+", r"\d", r"[0-9]{1,3}", r"\d{1,3}(?=(?:\d{3})*\b)",
    r"\w+", r"\w+|[^\w\s]+", r"\W", r"\b", r"\B", r"", r"(?=[A-Z])", r"(?<=[a-z])(?=[A-Z])", r"(?<!^)",
    r"$", r"^", r"^.", r"(?m)^.", r".", r"(?m:.)", r"[^a-z]", r"(?i)THE|low", r"(?i:s)|(?i)ß",
    r"[[:punct:]]+", r"[[:alpha:]]+|[[:^alpha:]]", r"\p{P}", r"\p{Lu}\p{Ll}*", r"\p{Mn}+", r"\p{M}",
    r"\p{Han}", r"\p{Han}|\p{Hiragana}+|\p{Katakana}+", r"\p{Thai}+", r"\p{Arabic}+", r"\p{S}",
    r"\p{Sc}|\p{So}", r"\p{Cf}", r"\p{C}", r"\p{Zs}+", r"\p{Emoji}", r"\P{L}+", r"[\p{L}&&[^a-z]]+",
    r"[^\p{L}\p{N}\s]", r"\X", r"\R", r"\h+", r"[\x{4e00}-\x{9fff}]", "[\u4e00-\u9fff]+", r"[一-龥ぁ-ん]",
    r"e|é", r"\u00e9|\x{301}", r"<0x[0-9A-F]{2}>", r"▁", r"▁+", r"(▁)", r"a|ab|abc", r"(?>a|ab)c", r"a*?b",
    r"(a+)+b?", r"(.)\1", r"(?<x>l)o\k<x>?", r"(?:the|low)(?!er)", r"'(?:[sdmt]|ll|ve|re)", r"[,.!?]",
    r"[^\s]+", r"\S+|\s+(?=\s)|\s", r"\n", r"\r?\n", r"\r", r"[\t\n\r]", r"\A.", r".\z", r"\G\w",
    r"\x00|\x1b", r"[-\]\[]",
]  # fmt: skip
LITERALS = [
    " ", " ", "  ", "\n", "▁", ",", "e", "é", "\u0301", "the", "low", "aa", "東", "😀", "-", "<s>", "Ġ",
    "|", "\u00a0", "\t", "", "''", "``", ".", "ﬁ", "\U000e0001", "ab",
]  # fmt: skip
CONTENTS = [
    "",
    " ",
    "  ",
    "▁",
    "_",
    "a",
    "é",
    "e\u0301",
    "東京",
    "x y",
    "\n",
    "<s>",
    "##",
    "'",
    '"',
    "\\1",
    "$0",
    "😀",
]
TOKENS = [
    "<s>", "</s>", "<unk>", "<pad>", "<mask>", "[CLS]", "[SEP]", "[UNK]", "[PAD]", "<|endoftext|>",
    "<|im_start|>", "<0x41>", "<0x0A>", "low", "the", "Low", "THE", "a", "b", "ab", "est", " the", "the ",
    "  ", "    ", "\n", "\n\n", "\t", "▁", "▁▁", "▁the", "é", "e\u0301", "Ünï", "ß", "İ", "ﬁ", "①", "東京",
    "日", "각", "ไทย", "हि", "😀", "👨‍👩‍👧", ".", ",", "...", "'s", "_", "1", "123", "Ġ", "##est", "a b",
    "<s", "s>", "<s><s>", "x", "\u00a0", "\u200b", "\u0301", "\r", "</w>",
]  # fmt: skip


def refusal(fields: Json) -> str:
    """Return the library's message if it does not open a file, or panics when it encodes; else an empty text.

    An ordinary exception for a text, such as an unknown character, is no refusal; a panic is one.
    """
    try:
        tok = tokenizers.Tokenizer.from_str(dump(fields))
    except BaseException as error:  # a panic is a BaseException
        reraise(error)
        return f"{type(error).__name__}: {error}"
    try:
        encoding = tok.encode("the low 東", "é a", add_special_tokens=True)
        tok.decode(encoding.ids)
    except Exception:
        return ""
    except BaseException as error:
        reraise(error)
        return f"{type(error).__name__}: {error}"
    return ""


def reraise(error: BaseException) -> None:
    """Raise the error if it is a request to stop."""
    if isinstance(error, (KeyboardInterrupt, SystemExit, GeneratorExit)):
        raise error


def dump(fields: Json) -> str:
    """Return the text of a file."""
    return json.dumps(fields, ensure_ascii=False)


@cache
def charsmaps() -> tuple[str, ...]:
    """Return charsmaps in base64: sentencepiece's own, those of the shared models, and small ones."""
    found = []
    for name in ("nmt_nfkc", "nfkc", "nmt_nfkc_cf", "nfkc_cf"):
        found.append(
            _charsmap(sentencepiece.SentencePieceNormalizer(rule_name=name).serialized_model_proto())
        )
    for path in sorted((SHARED / "tokenizers/sentencepiece").rglob("*.model")):
        found.append(_charsmap(path.read_bytes()))
    for rules in (
        {"a": "b", "ab": "c", "B": ""},
        {"e\u0301": "é", "é": "e", " ": "▁", "  ": " "},
        {"l": "L", "lo": "low", "low": "l", "👍🏽": "👍", "\u0301": ""},
        {"東京": "とうきょう", "東": "ひがし", "ﬁ": "fi", "<": "(", "\n": " ", "\t": "    "},
        {"がっ": "x", "か\u3099": "が", "\u200d": "", "각": "a", "\u1100\u1161": "가"},
    ):
        found.append(
            _charsmap(
                sentencepiece.SentencePieceNormalizer(norm_map=list(rules.items())).serialized_model_proto()
            )
        )
    return tuple(dict.fromkeys(text for text in found if text))


def _charsmap(model: bytes) -> str:
    """Return the charsmap of a sentencepiece model in base64; empty if it has none."""
    for number, value in protobuf_fields(model):
        if number == 3 and isinstance(value, bytes):
            for inner, charsmap in protobuf_fields(value):
                if inner == 2 and isinstance(charsmap, bytes) and charsmap:
                    return base64.b64encode(charsmap).decode()
    return ""


def random_file(seed: int | str) -> Json:
    """Return a random file that the library opens, as parsed JSON.

    Without the shared data, some files have other charsmaps.
    """
    rng = random.Random(f"file {seed}")
    while True:
        fields = _draw(rng)
        if fields is not None and not refusal(fields) and "" not in _names(fields["model"]["vocab"]):
            return fields


def _names(vocab: Any) -> list[str]:
    """Return the names of a vocabulary.

    fasttok has no piece with an empty name: its id would not be in use.
    """
    return [row[0] for row in vocab] if isinstance(vocab, list) else list(vocab)


def _draw(rng: random.Random) -> Json | None:
    """Return a file that the library may refuse; None if the library panics while it is made."""
    recipe = RECIPES[rng.choice(list(RECIPES))] if rng.random() < 0.5 else random_recipe(rng)
    if rng.random() < 0.2:
        recipe = _mix(rng, recipe)
    fields = _with_charsmaps(rng, copy.deepcopy(_components(recipe)))
    texts = random_texts(rng.random(), 25, ["low", "lower", "the", "東京"]) + rng.sample(SCRIPTS, 8)
    words = _words(fields, texts)
    if words is None:
        return None
    names = [token["content"] for token in fields["added_tokens"]]
    fields["model"] = MODELS[recipe.model](rng, words, names, recipe.options)
    if rng.random() < 0.03:
        _add_oddity(fields, rng)
    if not _number_tokens(fields, rng):
        return None
    fields["post_processor"] = _post_processor(recipe, fields, rng)
    return old_shape(fields, rng)


def _components(recipe: Recipe) -> Json:
    """Return the file without model and post-processor."""

    def named(step: Json) -> Json:
        return {"type": step} if isinstance(step, str) else step

    return {
        "version": "1.0",
        "truncation": recipe.truncation,
        "padding": recipe.padding and {"pad_id": 0, "pad_token": "[PAD]"} | recipe.padding,
        "added_tokens": [_token(word) for word in recipe.tokens.split(" ") if word],
        "normalizer": named(recipe.normalizer),
        "pre_tokenizer": named(recipe.pre_tokenizer),
        "post_processor": None,
        "decoder": named(recipe.decoder),
    }


def _token(word: str) -> Json:
    """Return an added token of a recipe, without its id."""
    content, slash, flags = word.rpartition("/")
    if not (content and slash and flags and set(flags) <= set("lrwno")):
        content, flags = word, ""
    return {
        "id": 0,
        "content": content.replace("␣", " "),
        "single_word": "w" in flags,
        "lstrip": "l" in flags,
        "rstrip": "r" in flags,
        "normalized": "n" in flags,
        "special": "o" not in flags,
    }


def _with_charsmaps(rng: random.Random, node: Json) -> Json:
    """Fill in the charsmaps of `Precompiled`; the large ones rarely, except in real settings."""
    if isinstance(node, list):
        return [_with_charsmaps(rng, child) for child in node]
    if not isinstance(node, dict):
        return node
    if node.get("type") == "Precompiled":
        return node | {"precompiled_charsmap": rng.choice(charsmaps())}
    return {key: _with_charsmaps(rng, child) for key, child in node.items()}


def _words(fields: Json, texts: list[str]) -> list[str] | None:
    """Return the pretokens of texts as the components of a file rewrite and split them."""
    whole = fields | {"added_tokens": [], "model": {"type": "WordLevel", "vocab": {}, "unk_token": ""}}
    try:
        tok = tokenizers.Tokenizer.from_str(
            dump(whole | {"decoder": None, "padding": None, "truncation": None})
        )
        words = []
        for text in texts:
            rewritten = tok.normalizer.normalize_str(text) if tok.normalizer else text
            split = (
                tok.pre_tokenizer.pre_tokenize_str(rewritten) if tok.pre_tokenizer else [(rewritten, None)]
            )
            words += [word for word, _ in split]
    except BaseException as error:
        reraise(error)
        return None
    return [word for word in words if word] or ["a"]


def _add_oddity(fields: Json, rng: random.Random) -> None:
    """Add something that the library opens though no version of it writes it."""
    tokens, model = fields["added_tokens"], fields["model"]
    kind = rng.randrange(4)
    if kind == 0 and tokens:
        tokens.append(
            rng.choice(tokens) | {"lstrip": _flip(rng), "special": _flip(rng), "normalized": _flip(rng)}
        )
    elif kind == 1:
        tokens.append(_token("x") | {"content": ""})
    elif kind == 2:
        if isinstance(model["vocab"], dict):
            model["vocab"][""] = 1 + max(model["vocab"].values(), default=0)
        else:
            model["vocab"].append(["", -1.0])
    elif isinstance(model["vocab"], dict):
        model.update({"vocab": {}, "merges": []} if "merges" in model else {"vocab": {}})


def _number_tokens(fields: Json, rng: random.Random) -> bool:
    """Give the added tokens the ids of the library; rarely another id, which the library ignores."""
    try:
        tok = tokenizers.Tokenizer.from_str(dump(fields))
    except BaseException as error:
        reraise(error)
        return False
    for token in fields["added_tokens"]:
        found = tok.token_to_id(token["content"])
        token["id"] = rng.randrange(300) if found is None or rng.random() < 0.02 else found
    if rng.random() < 0.9:
        fields["added_tokens"].sort(key=lambda token: token["id"])
    if fields["padding"]:
        special = [token for token in fields["added_tokens"] if "pad" in token["content"].lower()]
        if special:
            fields["padding"] |= {"pad_id": special[0]["id"], "pad_token": special[0]["content"]}
    return True


# Post-processors


def _post_processor(recipe: Recipe, fields: Json, rng: random.Random) -> Json:
    ids = {token["content"]: token["id"] for token in fields["added_tokens"]}
    made: list[Json] = []
    for step in recipe.post:
        if isinstance(step, dict):
            made.append(step)
            continue
        kind, sep, cls, *rest = step
        ends = {"type": f"{kind}Processing", "sep": [sep, ids[sep]], "cls": [cls, ids[cls]]}
        made.append(ends | dict(zip(("trim_offsets", "add_prefix_space"), rest, strict=False)))
    if recipe.single:
        made.append(_template(recipe.single, recipe.pair, ids, rng))
    if not made:
        return None
    return made[0] if len(made) == 1 else {"type": "Sequence", "processors": made}


def _template(single: str, pair: str, ids: dict[str, int], rng: random.Random) -> Json:
    special: Json = {}

    def parse(notation: str) -> Json:
        parts = []
        for word in notation.split():
            name, colon, number = word.rpartition(":")
            if not (name and colon and number.isdigit()):
                name, number = word, "0"
            kind = "Sequence" if name in ("$A", "$B") else "SpecialToken"
            parts.append(
                {kind: {"id": name.removeprefix("$") if kind == "Sequence" else name, "type_id": int(number)}}
            )
            if kind == "SpecialToken":
                special[name] = {"id": name, "ids": [ids.get(name, 0)], "tokens": [name]}
        return parts

    template = {"type": "TemplateProcessing", "single": parse(single), "pair": parse(pair)}
    if rng.random() < 0.03 and special:  # a name may represent several tokens
        several = special[rng.choice(sorted(special))]
        several["ids"] += [0, 1]
        several["tokens"] += ["x", "y"]
    return template | {"special_tokens": special}


# Freely drawn components


def random_recipe(rng: random.Random) -> Recipe:
    """Return components that are drawn independently."""
    kind = rng.choices(list(MODELS), (5, 3, 2, 4))[0]
    contents = rng.sample(TOKENS, rng.choice((0, 0, 1, 2, 3, 4, 6)))
    tokens = [f"{text.replace(' ', '␣')}/{_flags(rng)}".rstrip("/") for text in contents]
    special = [text for text in contents if " " not in text and ":" not in text]
    single, pair = "", ""
    post: tuple[Json, ...] = ()
    choice = rng.random()
    if special and choice < 0.35:
        single, pair = _random_template(rng, special, False), _random_template(rng, special, True)
    elif special and choice < 0.5:
        ends = rng.choice(special), rng.choice(special)
        post = (("Bert", *ends) if rng.random() < 0.5 else ("Roberta", *ends, _flip(rng), _flip(rng)),)
    if rng.random() < 0.25:
        level = recipes.byte_level(_flip(rng), _flip(rng), _flip(rng))
        post = (level, *post) if rng.random() < 0.8 else (*post, level)
    return Recipe(
        kind,
        " ".join(tokens),
        rng.choice((None, random_normalizer(rng), random_normalizer(rng))),
        rng.choice((None, *(random_pretokenizer(rng) for _ in range(4)))),
        rng.choice((None, *(random_decoder(rng) for _ in range(3)))),
        single,
        pair,
        post,
        OPTIONS[kind](rng),
        random_padding(rng) if rng.random() < 0.25 else None,
        random_truncation(rng) if rng.random() < 0.2 else None,
    )


def _mix(rng: random.Random, recipe: Recipe) -> Recipe:
    """Return a recipe with one of its components replaced by a random one."""
    values = {name: getattr(recipe, name) for name in recipe.__dataclass_fields__}
    name = rng.choice(
        ("normalizer", "pre_tokenizer", "decoder", "tokens", "padding", "truncation", "options")
    )
    if name == "tokens":
        extra = [f"{text.replace(' ', '␣')}/{_flags(rng)}".rstrip("/") for text in rng.sample(TOKENS, 2)]
        values["tokens"] = " ".join([*recipe.tokens.split(" "), *extra]).strip(" ")
    elif name == "options":
        values["options"] = OPTIONS[recipe.model](rng)
    else:
        draw = {
            "normalizer": random_normalizer,
            "pre_tokenizer": random_pretokenizer,
            "decoder": random_decoder,
            "padding": random_padding,
            "truncation": random_truncation,
        }[name]
        values[name] = draw(rng)
    return Recipe(**values)


def _flip(rng: random.Random) -> bool:
    return rng.random() < 0.5


def _flags(rng: random.Random) -> str:
    return "".join(
        flag for flag, share in zip("lrwno", (0.2, 0.2, 0.2, 0.5, 0.5), strict=True) if rng.random() < share
    )


def _random_template(rng: random.Random, special: list[str], is_pair: bool) -> str:
    words = [f"{rng.choice(special)}:{rng.choice((0, 0, 0, 1, 2))}" for _ in range(rng.randint(0, 3))]
    for text in ("$A:0", "$B:1") if is_pair else ("$A:0",):
        type_id = text if rng.random() < 0.8 else f"{text[:2]}:{rng.randint(0, 3)}"
        words.insert(rng.randint(0, len(words)), type_id)
    return " ".join(words)


def random_normalizer(rng: random.Random, depth: int = 2) -> Json:
    kind = rng.randrange(18 if depth else 15)
    if kind < 8:
        return {"type": ("NFC", "NFD", "NFKC", "NFKD", "Nmt", "Lowercase", "StripAccents", "ByteLevel")[kind]}
    if kind == 8:
        return recipes.strip(_flip(rng), _flip(rng))
    if kind == 9:
        return {"type": "Prepend", "prepend": rng.choice(("▁", " ", "a", "", "e\u0301", "xy", "東"))}
    if kind == 10:
        return recipes.CHARSMAP
    if kind == 11:
        normalizer = recipes.bert_normalizer(_flip(rng), rng.choice((None, None, True, False)), _flip(rng))
        return normalizer | {"clean_text": _flip(rng)}
    if kind < 15:
        if _flip(rng):
            return recipes.replace(rng.choice(LITERALS), rng.choice(CONTENTS))
        return recipes.replace(rng.choice(REGEXES), rng.choice(CONTENTS), "Regex")
    return recipes.steps(*(random_normalizer(rng, depth - 1) for _ in range(rng.choice((0, 1, 2, 2, 3, 4)))))


def random_pretokenizer(rng: random.Random, depth: int = 2) -> Json:
    kind = rng.randrange(22 if depth else 18)
    if kind < 2:
        return recipes.byte_level(_flip(rng), _flip(rng), _flip(rng))
    if kind < 6:
        names = ("Whitespace", "WhitespaceSplit", "BertPreTokenizer", "UnicodeScripts")
        return {"type": names[kind - 2]}
    if kind == 6:
        return {"type": "Punctuation", "behavior": rng.choice(BEHAVIORS)}
    if kind == 7:
        return recipes.digits(_flip(rng))
    if kind < 10:
        return recipes.metaspace(
            rng.choice(("always", "never", "first")), _flip(rng), rng.choice("▁▁▁▁_a é東")
        )
    if kind == 10:
        return {"type": "CharDelimiterSplit", "delimiter": rng.choice(" ,-▁é東\n")}
    if kind == 11:
        return {"type": "FixedLength", "length": rng.choice((1, 2, 3, 5, 100))}
    if kind < 18:
        literal = rng.random() < 0.3
        pattern = rng.choice(LITERALS if literal else REGEXES)
        return recipes.split(pattern, rng.choice(BEHAVIORS), _flip(rng), "String" if literal else "Regex")
    return recipes.sequence(
        *(random_pretokenizer(rng, depth - 1) for _ in range(rng.choice((0, 1, 2, 2, 3, 4))))
    )


def random_decoder(rng: random.Random, depth: int = 2) -> Json:
    kind = rng.randrange(13 if depth else 9)
    if kind == 0:
        return recipes.byte_level(_flip(rng), _flip(rng), _flip(rng))
    if kind == 1:
        return {
            "type": "WordPiece",
            "prefix": rng.choice(("##", "##", "@@", "", "▁", "l")),
            "cleanup": _flip(rng),
        }
    if kind == 2:
        return recipes.metaspace(rng.choice(("always", "never", "first")), _flip(rng), rng.choice("▁▁▁_a"))
    if kind == 3:
        return {"type": "BPEDecoder", "suffix": rng.choice(("</w>", "</w>", "@@", "", "w"))}
    if kind == 4:
        pad, bar = rng.choice(("<pad>", "a", "")), rng.choice(("|", " ", "▁", "e"))
        return {"type": "CTC", "pad_token": pad, "word_delimiter_token": bar, "cleanup": _flip(rng)}
    if kind == 5:
        start, stop = rng.choice(((0, 0), (1, 0), (0, 1), (1, 1), (2, 3), (100, 0)))
        return {"type": "Strip", "content": rng.choice(" ▁ae_"), "start": start, "stop": stop}
    if kind == 6:
        if _flip(rng):
            return recipes.replace(rng.choice(LITERALS), rng.choice(CONTENTS))
        return recipes.replace(rng.choice(REGEXES), rng.choice(CONTENTS), "Regex")
    if kind < 9:
        return {"type": ("ByteFallback", "Fuse")[kind - 7]}
    return recipes.chain(*(random_decoder(rng, depth - 1) for _ in range(rng.choice((0, 1, 2, 3, 4)))))


def random_padding(rng: random.Random) -> Json:
    return {
        "strategy": rng.choice(("BatchLongest", {"Fixed": rng.choice((0, 1, 5, 12, 30))})),
        "direction": rng.choice(("Right", "Left")),
        "pad_to_multiple_of": rng.choice((None, None, None, 1, 4, 8)),
        "pad_type_id": rng.choice((0, 0, 1, 3)),
    }


def random_truncation(rng: random.Random) -> Json:
    return {
        "direction": rng.choice(("Right", "Right", "Left")),
        "max_length": rng.choice((0, 1, 2, 3, 5, 8, 12, 512)),
        "strategy": rng.choice(("LongestFirst", "LongestFirst", "OnlyFirst", "OnlySecond")),
        "stride": rng.choice((0, 0, 0, 1, 2)),
    }


# Models


def _bpe_options(rng: random.Random) -> Json:
    return {
        "byte_level": rng.random() < 0.3,
        "unk_token": rng.choice((None, "<unk>", "<unk>", "[UNK]", "a", "missing")),
        "fuse_unk": _flip(rng),
        "byte_fallback": rng.random() < 0.3,
        "ignore_merges": rng.random() < 0.3,
        "continuing_subword_prefix": rng.choice((None, None, None, "", "##", "@")),
        "end_of_word_suffix": rng.choice((None, None, None, "", "</w>", "_")),
    }


def _wordpiece_options(rng: random.Random) -> Json:
    return {
        "unk_token": rng.choice(("[UNK]", "[UNK]", "<unk>", "a", "missing")),
        "continuing_subword_prefix": rng.choice(("##", "##", "##", "", "@", "▁")),
        "max_input_chars_per_word": rng.choice((100, 100, 1, 3, 5, 10)),
    }


def _word_level_options(rng: random.Random) -> Json:
    return {"unk_token": rng.choice(("<unk>", "[UNK]", "a", "missing"))}


def _unigram_options(rng: random.Random) -> Json:
    return {
        "byte_fallback": rng.random() < 0.3,
        "unk": rng.choice((True, True, True, False)),
        "quantum": rng.choice((0, 0.5)),
    }


OPTIONS: dict[str, Callable[[random.Random], Json]] = {
    "BPE": _bpe_options,
    "WordPiece": _wordpiece_options,
    "WordLevel": _word_level_options,
    "Unigram": _unigram_options,
}


def _numbered(rng: random.Random, names: list[str], pieces: list[str]) -> dict[str, int]:
    """Return ids: special tokens before the pieces, after them or among them; rarely with gaps."""
    order = list(dict.fromkeys(names + pieces if rng.random() < 0.6 else pieces + names))
    if rng.random() < 0.1:
        rng.shuffle(order)
    ids, following = {}, 0
    has_gaps = rng.random() < 0.05
    for piece in order:
        following += has_gaps and rng.random() < 0.1
        ids[piece] = following
        following += 1
    return ids


def make_bpe(rng: random.Random, words: list[str], names: list[str], options: Json) -> Json:
    options = {"unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None} | options
    is_byte_level = options.pop("byte_level", False)
    prefix, suffix = options["continuing_subword_prefix"] or "", options["end_of_word_suffix"] or ""
    rows = []
    for word in rng.sample(words, min(len(words), 120)):
        symbols = [prefix * (i > 0) + c + suffix * (i == len(word) - 1) for i, c in enumerate(word[:40])]
        rows.append(symbols)
    alphabet = dict.fromkeys(symbol for row in rows for symbol in row)
    if is_byte_level and not (prefix or suffix):
        alphabet = dict.fromkeys([*alphabet, *ALPHABET])
    elif is_byte_level:
        alphabet |= dict.fromkeys(
            prefix * a + c + suffix * b for c in ALPHABET for a in (0, 1) for b in (0, 1)
        )
    missing = 0 if is_byte_level else rng.choice((0, 0, 0.05, 0.3))
    pieces = {symbol: None for symbol in sorted(alphabet) if rng.random() >= missing}
    if options.get("byte_fallback"):
        known = BYTE_NAMES if rng.random() < 0.9 else [name for name in BYTE_NAMES if rng.random() < 0.97]
        pieces |= dict.fromkeys(known)
    merges = _learn_merges(rng, rows, pieces, prefix)
    if rng.random() < 0.3:  # pieces that no merge makes
        pieces |= dict.fromkeys(word for word in rng.sample(words, min(len(words), 10)) if len(word) < 30)
    if rng.random() < 0.1:  # an order in which no trainer would make them
        rng.shuffle(merges)
    if rng.random() < 0.03 and merges:
        merges.insert(rng.randint(0, len(merges)), rng.choice(merges))
    in_vocab = [name for name in names if rng.random() < 0.8]
    unk = options["unk_token"]
    if unk not in (None, "missing") and rng.random() < 0.9:
        in_vocab.insert(0, unk)
    vocab = _numbered(rng, in_vocab, list(pieces))
    return (
        {"type": "BPE", "dropout": rng.choice((None, None, None, 0.0))}
        | options
        | {"vocab": vocab, "merges": merges}
    )


def _learn_merges(rng: random.Random, rows: list[list[str]], pieces: dict, prefix: str) -> list[list[str]]:
    """Merge the most frequent pair of symbols again and again; add the merged pieces to `pieces`."""
    rows = [[symbol if symbol in pieces else "" for symbol in row] for row in rows]
    merges = []
    for _ in range(rng.choice((0, 5, 30, 60))):
        counts = Counter(pair for row in rows for pair in pairwise(row) if pair[0] and pair[1])
        if not counts:
            break
        best = counts.most_common(4)
        left, right = best[0][0] if rng.random() < 0.7 else rng.choice(best)[0]
        merged = left + right.removeprefix(prefix)
        pieces[merged] = None
        merges.append([left, right])
        for row in rows:
            i = 0
            while i < len(row) - 1:
                if row[i] == left and row[i + 1] == right:
                    row[i : i + 2] = [merged]
                i += 1
    for _ in range(rng.choice((0, 0, 3))):  # other merges of known pieces
        left, right = rng.choice(list(pieces) or ["a"]), rng.choice(list(pieces) or ["a"])
        # The library cuts the prefix off the second piece even if it is not there, inside of a character too.
        if left in pieces and right.startswith(prefix) and [left, right] not in merges:
            pieces[left + right.removeprefix(prefix)] = None
            merges.insert(rng.randint(0, len(merges)), [left, right])
    return merges


def make_wordpiece(rng: random.Random, words: list[str], names: list[str], options: Json) -> Json:
    options = {
        "unk_token": "[UNK]",
        "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100,
    } | options
    prefix = options["continuing_subword_prefix"]
    pieces = {}
    missing = rng.choice((0, 0.05, 0.3))
    for c in sorted(set("".join(words))):
        pieces |= {piece: None for piece in (c, prefix + c) if rng.random() >= missing}
    for word in rng.choices(words, k=60):
        start = rng.randrange(len(word))
        end = rng.randint(start + 1, min(len(word), start + 8))
        pieces[prefix * (start > 0) + word[start:end]] = None
    in_vocab = [name for name in names if rng.random() < 0.8]
    if options["unk_token"] != "missing":  # noqa: S105
        in_vocab.insert(0, options["unk_token"])
    return {"type": "WordPiece"} | options | {"vocab": _numbered(rng, in_vocab, list(pieces))}


def make_word_level(rng: random.Random, words: list[str], names: list[str], options: Json) -> Json:
    options = {"unk_token": "<unk>"} | options
    pieces = dict.fromkeys(word for word, _ in Counter(words).most_common() if rng.random() < 0.7)
    in_vocab = [name for name in names if rng.random() < 0.8]
    if options["unk_token"] != "missing":  # noqa: S105
        in_vocab.insert(0, options["unk_token"])
    return {
        "type": "WordLevel",
        "vocab": _numbered(rng, in_vocab, list(pieces)),
        "unk_token": options["unk_token"],
    }


def make_unigram(rng: random.Random, words: list[str], names: list[str], options: Json) -> Json:
    options = {"byte_fallback": False, "unk": True, "quantum": 0} | options
    quantum = options["quantum"]

    def score(length: int) -> float:
        value = -rng.uniform(1, 6) - length
        return round(value / quantum) * quantum if quantum else value

    missing = rng.choice((0, 0.05, 0.3))
    scores = {c: score(2) for c in sorted(set("".join(words))) if rng.random() >= missing}
    for word in rng.choices(words, k=80):
        start = rng.randrange(len(word))
        end = rng.randint(start + 1, min(len(word), start + 8))
        scores[word[start:end]] = score(end - start)
    if rng.random() < 0.05:
        scores = dict.fromkeys(scores, 0.0)
    head = [(name, 0.0) for name in names if name not in scores]
    if options["unk"] and not any("unk" in name.lower() for name, _ in head):
        head.append(("<unk>", 0.0))
    tail = [(name, 0.0 if _flip(rng) else -10.0) for name in BYTE_NAMES * options["byte_fallback"]]
    vocab = [*head, *tail, *scores.items()] if rng.random() < 0.8 else [*scores.items(), *head, *tail]
    if rng.random() < 0.02:
        vocab.append(rng.choice(vocab))
    unk_id = next((i for i, (name, _) in enumerate(vocab) if "unk" in name.lower()), None)
    return {
        "type": "Unigram",
        "unk_id": unk_id if options["unk"] else None,
        "vocab": [list(row) for row in vocab],
        "byte_fallback": options["byte_fallback"],
    }


MODELS: dict[str, Callable[..., Json]] = {
    "BPE": make_bpe,
    "WordPiece": make_wordpiece,
    "WordLevel": make_word_level,
    "Unigram": make_unigram,
}


# Older shapes of the same file


def old_shape(fields: Json, rng: random.Random) -> Json:
    """Return the file in an older shape, if the library opens it as the same tokenizer."""
    if rng.random() < 0.4:
        return fields
    expected = canonical(fields)
    for change in rng.sample(CHANGES, rng.randint(1, 4)):
        changed = copy.deepcopy(fields)
        change(changed, rng)
        if changed != fields and expected is not None and canonical(changed) == expected:
            fields = changed
    return fields


def canonical(fields: Json) -> str | None:
    """Return the file as the library writes it; None if it does not open it."""
    try:
        return tokenizers.Tokenizer.from_str(dump(fields)).to_str()
    except BaseException as error:
        reraise(error)
        return None


def nodes(node: Json, kind: str | None = None) -> Iterator[Json]:
    """Iterate over the components of a type in a file, in order; without a type, over all objects."""
    if isinstance(node, dict):
        if kind is None or node.get("type") == kind:
            yield node
        for key, child in node.items():
            if key != "vocab":
                yield from nodes(child, kind)
    elif isinstance(node, list) and node and isinstance(node[0], dict):
        for child in node:
            yield from nodes(child, kind)


def _drop_model_type(fields: Json, rng: random.Random) -> None:
    fields["model"].pop("type", None)


def _join_merges(fields: Json, rng: random.Random) -> None:
    if "merges" in fields["model"]:
        fields["model"]["merges"] = [" ".join(pair) for pair in fields["model"]["merges"]]


def _drop_nulls(fields: Json, rng: random.Random) -> None:
    for node in (fields, fields["model"]):
        for key in [key for key, value in node.items() if value is None or value is False]:
            if rng.random() < 0.7:
                del node[key]


def _drop_defaults(fields: Json, rng: random.Random) -> None:
    """Drop fields that had no default in earlier versions, or did not exist."""
    keys = (
        "use_regex",
        "behavior",
        "length",
        "split",
        "prepend_scheme",
        "byte_fallback",
        "direction",
        "version",
    )
    for node in list(nodes(fields)):
        for key in keys:
            if key in node and rng.random() < 0.7:
                value = node.pop(key)
                if canonical(fields) is None:
                    node[key] = value


def _add_prefix_space(fields: Json, rng: random.Random) -> None:
    for node in nodes(fields, "Metaspace"):
        scheme = node.get("prepend_scheme", "always")
        node["add_prefix_space"] = scheme != "never"
        if scheme == "always" and _flip(rng):
            node.pop("prepend_scheme", None)
            node.pop("split", None)
        if _flip(rng):
            node["str_rep"] = node["replacement"]


def _rename_strip(fields: Json, rng: random.Random) -> None:
    for node in nodes(fields, "Strip"):
        if "strip_left" in node:
            node["type"] = "StripNormalizer"


def _drop_types(fields: Json, rng: random.Random) -> None:
    """Drop the type of components that the library recognizes by their fields."""
    for node in list(nodes(fields)):
        if "type" in node and rng.random() < 0.5:
            kind = node.pop("type")
            if canonical(fields) is None:
                node["type"] = kind


def _add_unknown_fields(fields: Json, rng: random.Random) -> None:
    for node in list(nodes(fields)):
        if rng.random() < 0.3:
            node[rng.choice(("extra", "note", "_comment"))] = rng.choice((None, 1, "x", [], {}))
            if canonical(fields) is None:
                del node[list(node)[-1]]


def _shuffle_keys(fields: Json, rng: random.Random) -> None:
    for node in list(nodes(fields)):
        items = list(node.items())
        rng.shuffle(items)
        node.clear()
        node.update(items)


def _bert_for_template(fields: Json, rng: random.Random) -> None:
    """Leave out the trim options of a Roberta processor, which makes it a Bert processor."""
    for node in nodes(fields, "RobertaProcessing"):
        node.pop("trim_offsets", None)


CHANGES: list[Callable[[Json, random.Random], None]] = [
    _drop_model_type,
    _join_merges,
    _join_merges,
    _drop_nulls,
    _drop_defaults,
    _add_prefix_space,
    _add_prefix_space,
    _rename_strip,
    _drop_types,
    _add_unknown_fields,
    _shuffle_keys,
]


# Fields by which the library recognizes components without type.
UNTYPED_KEYS = {
    "normalizers",
    "strip_left",
    "clean_text",
    "pretokenizers",
    "delimiter",
    "processors",
    "sep",
    "single",
}
UNTYPED_KEYS |= {"add_prefix_space", "individual_digits", "decoders", "prefix", "suffix", "cleanup"}


def features(fields: Json) -> set[str]:
    """Return names of the components, options and shapes of a file, to count what random files cover."""
    found = set()
    for section in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        if fields.get(section) is None:
            found.add(f"{section}=null")
        for node in nodes(fields.get(section)):
            kind = node.get("type")
            if kind is None and set(node) & UNTYPED_KEYS:
                found.add(f"{section} without type")
            for key, value in node.items():
                if kind and (
                    isinstance(value, bool) or value is None or key in ("behavior", "prepend_scheme")
                ):
                    found.add(f"{section}.{kind}.{key}={value}")
                elif kind and isinstance(value, dict) and key == "pattern":
                    found.add(f"{section}.{kind}.{next(iter(value))}")
            if kind == "Split":
                found.add(f"Split {next(iter(node['pattern']))} {node['behavior']} {node['invert']}")
            found |= {f"{section}.{kind}"} if kind else set()
    model = fields["model"]
    kind = model.get("type") or "untyped"
    found.add(f"model.{kind}")
    for key, value in model.items():
        if key not in ("vocab", "merges", "type"):
            has_value = value if isinstance(value, bool) or value is None or value == "" else "given"
            found.add(f"model.{kind}.{key}={has_value}")
    if model.get("merges"):
        found.add(f"model.merges.{'pairs' if isinstance(model['merges'][0], list) else 'strings'}")
    for token in fields.get("added_tokens") or []:
        found |= {f"added_token.{key}={value}" for key, value in token.items() if isinstance(value, bool)}
    for section in ("padding", "truncation"):
        settings = fields.get(section)
        found.add(f"{section}={'given' if settings else 'null' if section in fields else 'missing'}")
        for key, value in (settings or {}).items():
            if key in ("strategy", "direction"):
                found.add(f"{section}.{key}={next(iter(value)) if isinstance(value, dict) else value}")
    found |= {f"missing {key}" for key in ("version", "added_tokens", "normalizer") if key not in fields}
    return found
