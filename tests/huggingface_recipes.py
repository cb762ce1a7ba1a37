"""Component settings of published tokenizer.json files, without their vocabularies.

Each recipe has the components of one family of models. tests/huggingface_files.py adds a small vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = Any

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace("{1,3}", "")
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
DEEPSEEK_LLM = (
    "[\r\n]",
    "\\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚ\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45"
    "\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7dꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏]+",
    r"\s?[!-/:-~！-／：-～‘-‟　-。]+",
    r"\s+$",
    "[一-龥ࠀ-一가-퟿]+",
)
DEEPSEEK_CODER = ("[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+")
DEEPSEEK_V3 = (
    r"\p{N}{1,3}",
    "[一-龥぀-ゟ゠-ヿ]+",
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
    "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
)
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
VIKING = r" ?[^(\s|.,!?…。，、।۔،)]+"
KIMI = (
    r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*"
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CLIP = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
SMILES = (
    r"(\[[^\]]+]|Br?|Cl?|N|O|S|P|F|I|b|c|n|o|s|p|\(|\)|\.|=|#|-|\+|\\|\/|:|~|@|\?|>>?|\*|\$|\%[0-9]{2}|[0-9])"
)
SIGLIP_PUNCTUATION = r"""[!"#\$%&'\(\)\*\+,\-\.:;=\?@\[\\\]\^_`\{\|\}~]"""

CHARSMAP = {"type": "Precompiled", "precompiled_charsmap": ""}  # the charsmap is drawn later


def steps(*normalizers: Json) -> Json:
    return {"type": "Sequence", "normalizers": [_named(n) for n in normalizers]}


def sequence(*pretokenizers: Json) -> Json:
    return {"type": "Sequence", "pretokenizers": [_named(p) for p in pretokenizers]}


def chain(*decoders: Json) -> Json:
    return {"type": "Sequence", "decoders": [_named(d) for d in decoders]}


def replace(pattern: str, content: str, kind: str = "String") -> Json:
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


def split(pattern: str, behavior: str = "Isolated", invert: bool = False, kind: str = "Regex") -> Json:
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def byte_level(add_prefix_space: bool = False, trim_offsets: bool = True, use_regex: bool = True) -> Json:
    return {
        "type": "ByteLevel",
        "add_prefix_space": add_prefix_space,
        "trim_offsets": trim_offsets,
        "use_regex": use_regex,
    }


def metaspace(scheme: str = "always", split: bool = True, replacement: str = "▁") -> Json:
    return {"type": "Metaspace", "replacement": replacement, "prepend_scheme": scheme, "split": split}


def digits(individual: bool) -> Json:
    return {"type": "Digits", "individual_digits": individual}


def strip(left: bool = True, right: bool = True) -> Json:
    return {"type": "Strip", "strip_left": left, "strip_right": right}


def bert_normalizer(lowercase: bool = True, strip_accents: bool | None = None, chinese: bool = True) -> Json:
    return {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": chinese,
        "strip_accents": strip_accents,
        "lowercase": lowercase,
    }


def _named(step: Json) -> Json:
    return {"type": step} if isinstance(step, str) else step


@dataclass(frozen=True)
class Recipe:
    """Components of a family of files.

    Attributes
    ----------
    model : str
        Kind of the model, with its `options`.
    tokens : str
        Added tokens, separated by spaces; ␣ is a space of a token. A token may end with "/" and letters that
        set its flags: l(strip), r(strip), w (single_word), n(ormalized), o(rdinary: not special).
    single, pair : str
        Template in the notation of the library; empty for none.
    post : list
        Post-processors before the template; or, without a template, all of them. A tuple ("Bert" or
        "Roberta", sep, cls, …) has names of tokens.
    """

    model: str
    tokens: str = ""
    normalizer: Json = None
    pre_tokenizer: Json = None
    decoder: Json = None
    single: str = ""
    pair: str = ""
    post: tuple[Json, ...] = ()
    options: dict[str, Json] = field(default_factory=dict)
    padding: Json = None
    truncation: Json = None


_BYTES = {"byte_level": True}
_SUFFIX = {"end_of_word_suffix": "</w>", "continuing_subword_prefix": ""}
_FALLBACK = {"byte_fallback": True, "fuse_unk": True, "unk_token": "<unk>"}
_BERT = "[PAD] [UNK] [CLS] [SEP] [MASK]"
_BERT_PAIR = "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1"
_XLMR = "<s> <pad> </s> <unk> <mask>/l"
_XLMR_PAIR = "<s> $A </s> </s> $B </s>"
_LLAMA_NORMALIZER = steps({"type": "Prepend", "prepend": "▁"}, replace(" ", "▁"))
_LLAMA_DECODER = chain(
    replace("▁", " "), "ByteFallback", "Fuse", {"type": "Strip", "content": " ", "start": 1, "stop": 0}
)
_GEMMA_DECODER = chain(replace("▁", " "), "ByteFallback", "Fuse")
_OLD_METASPACE = {"type": "Metaspace", "replacement": "▁", "str_rep": "▁", "add_prefix_space": True}
_ALBERT_STEPS = (replace("``", '"'), replace("''", '"'), "NFKD", "StripAccents", "Lowercase", CHARSMAP)
_WORDPIECE_DECODER = {"type": "WordPiece", "prefix": "##", "cleanup": True}
_BPE_DECODER = {"type": "BPEDecoder", "suffix": "</w>"}
_PAD_TO = {"strategy": {"Fixed": 12}, "direction": "Right", "pad_to_multiple_of": None, "pad_type_id": 0}
_PAD_BATCH = _PAD_TO | {"strategy": "BatchLongest"}
_TRUNCATE = {"direction": "Right", "max_length": 9, "strategy": "LongestFirst", "stride": 0}
_ROBERTA = {"tokens": "<s>/n <pad>/n </s>/n <unk>/n <mask>/l", "decoder": byte_level(), "options": _BYTES}

RECIPES: dict[str, Recipe] = {
    "gpt2": Recipe(
        "BPE",
        "<|endoftext|>/n",
        None,
        byte_level(),
        byte_level(True),
        post=(byte_level(True, False),),
        options=_BYTES,
    ),
    "roberta": Recipe(
        "BPE", pre_tokenizer=byte_level(), post=(("Roberta", "</s>", "<s>", True, False),), **_ROBERTA
    ),
    "bart": Recipe(
        "BPE", pre_tokenizer=byte_level(), post=(("Roberta", "</s>", "<s>", False, False),), **_ROBERTA
    ),
    "layoutlmv3": Recipe(
        "BPE", pre_tokenizer=byte_level(True), post=(("Roberta", "</s>", "<s>", True, True),), **_ROBERTA
    ),
    "longformer": Recipe(
        "BPE", pre_tokenizer=byte_level(True), single="<s> $A </s>", pair=_XLMR_PAIR, **_ROBERTA
    ),
    "opt": Recipe(
        "BPE",
        "<pad>/n </s>/n",
        None,
        byte_level(),
        byte_level(),
        "</s> $A",
        "</s> $A </s> $B",
        options=_BYTES,
    ),
    "deberta": Recipe(
        "BPE",
        "[PAD] [CLS] [SEP] [UNK]/n [MASK]/l",
        None,
        byte_level(),
        byte_level(),
        "[CLS]:0 $A:0 [SEP]:0",
        _BERT_PAIR,
        options=_BYTES | {"unk_token": "[UNK]"},
    ),
    "gpt_neox": Recipe(
        "BPE",
        "<|endoftext|> <|padding|> ␣␣␣␣/on ␣␣/on",
        "NFC",
        byte_level(False, True, True),
        byte_level(False, True, True),
        post=(byte_level(False, True, True),),
        options=_BYTES,
    ),
    "modernbert": Recipe(
        "BPE",
        "[UNK] [CLS] [SEP] [PAD] [MASK]/l |||IP_ADDRESS|||/on",
        "NFC",
        byte_level(),
        byte_level(),
        "[CLS] $A [SEP]",
        "[CLS] $A [SEP] $B [SEP]",
        options=_BYTES,
        padding=_PAD_BATCH,
        truncation=_TRUNCATE,
    ),
    "whisper": Recipe(
        "BPE",
        "<|endoftext|> <|startoftranscript|> <|en|> <|transcribe|> <|notimestamps|> <|0.00|>/o",
        None,
        byte_level(),
        byte_level(),
        "<|startoftranscript|>:0 <|en|>:0 <|transcribe|>:0 <|notimestamps|>:0 $A:0 <|endoftext|>:0",
        "<|startoftranscript|>:0 <|notimestamps|>:0 $A:0 $B:1 <|endoftext|>:1",
        options=_BYTES,
    ),
    "llama2": Recipe(
        "BPE",
        "<unk> <s> </s>",
        _LLAMA_NORMALIZER,
        None,
        _LLAMA_DECODER,
        "<s> $A",
        "<s> $A <s>:1 $B:1",
        options=_FALLBACK,
    ),
    "llama2_community": Recipe(
        "BPE",
        "<unk>/n <s>/n </s>/n [PAD]/o <|im_start|>/r",
        _LLAMA_NORMALIZER,
        None,
        _LLAMA_DECODER,
        "<s> $A",
        "<s> $A <s>:1 $B:1",
        options=_FALLBACK,
    ),
    "yi": Recipe("BPE", "<unk> <|im_end|>", replace(" ", "▁"), None, _GEMMA_DECODER, options=_FALLBACK),
    "phi3": Recipe(
        "BPE",
        "<unk> <s> </s>/r <|end|>/r <|user|>/r",
        _LLAMA_NORMALIZER,
        None,
        _LLAMA_DECODER,
        "$A",
        "$A $B:1",
        options=_FALLBACK,
    ),
    "mistral": Recipe(
        "BPE",
        "<unk> <s> </s> [INST] [/INST] [control_8]",
        None,
        metaspace("first", False),
        _LLAMA_DECODER,
        "<s> $A",
        "<s> $A <s>:1 $B:1",
        options=_FALLBACK | {"ignore_merges": True},
    ),
    "tekken": Recipe(
        "BPE",
        "<unk> <s> </s> [INST] [/INST]",
        None,
        sequence(split(TEKKEN), byte_level(False, True, False)),
        byte_level(),
        "<s> $A",
        "<s> $A <s>:1 $B:1",
        options=_BYTES | {"ignore_merges": True},
    ),
    "llama3": Recipe(
        "BPE",
        "<|begin_of_text|> <|end_of_text|> <|eot_id|>",
        None,
        sequence(split(LLAMA3), byte_level(False, True, False)),
        byte_level(True),
        "<|begin_of_text|> $A",
        "<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
        (byte_level(True, False),),
        _BYTES | {"ignore_merges": True},
    ),
    "gpt_oss": Recipe(
        "BPE",
        "<|startoftext|> <|endoftext|> <|return|>",
        None,
        sequence(split(O200K), byte_level(False, True, False)),
        byte_level(True),
        post=(byte_level(True, False),),
        options=_BYTES,
    ),
    "kimi": Recipe(
        "BPE",
        "[BOS] [EOS] <|im_end|>",
        None,
        sequence(split(KIMI), byte_level(False, True, False)),
        byte_level(),
        options=_BYTES,
    ),
    "qwen": Recipe(
        "BPE",
        "<|endoftext|> <|im_start|> <|im_end|> <tool_call>/o",
        "NFC",
        sequence(split(QWEN2), byte_level(False, False, False)),
        byte_level(False, False, False),
        post=(byte_level(False, False, False),),
        options=_BYTES,
    ),
    "gemma": Recipe(
        "BPE",
        "<pad> <eos> <bos> <unk> <mask>/o [multimodal]/o \n\n/o ▁▁/o <table>/o",
        replace(" ", "▁"),
        split(" ", "MergedWithPrevious", kind="String"),
        _GEMMA_DECODER,
        "<bos> $A",
        "<bos> $A <bos>:1 $B:1",
        options=_FALLBACK,
    ),
    "falcon": Recipe(
        "BPE",
        ">>TITLE<< <|endoftext|> >>QUESTION<<",
        None,
        sequence(
            {"type": "Punctuation", "behavior": "Contiguous"},
            byte_level(),
            digits(False),
            split("[0-9][0-9][0-9]"),
        ),
        byte_level(True),
        post=(byte_level(True, False),),
        options=_BYTES,
    ),
    "starcoder": Recipe(
        "BPE",
        "<|endoftext|> <fim_prefix> <reponame>",
        None,
        sequence(digits(True), byte_level()),
        byte_level(True),
        post=(byte_level(True, False),),
        options=_BYTES,
    ),
    "command_r": Recipe(
        "BPE",
        "<PAD> <UNK> <BOS_TOKEN> <|START_OF_TURN_TOKEN|>/o",
        "NFC",
        sequence(digits(True), byte_level()),
        byte_level(True),
        "<BOS_TOKEN>:0 $A:0",
        "<BOS_TOKEN>:0 $A:0 <BOS_TOKEN>:1 $B:1",
        options=_BYTES,
    ),
    "deepseek_llm": Recipe(
        "BPE",
        "<｜begin▁of▁sentence｜>/n <｜end▁of▁sentence｜>/n ö/on",
        steps(),
        sequence(*map(split, DEEPSEEK_LLM), digits(True), byte_level(False, True, False)),
        byte_level(),
        post=(byte_level(True, False),),
        options=_BYTES,
    ),
    "deepseek_coder": Recipe(
        "BPE",
        "<｜begin▁of▁sentence｜>/n <|EOT|>/n <｜fim▁hole｜>/on õ/on",
        steps(),
        sequence(*map(split, DEEPSEEK_CODER), digits(True), byte_level(False, True, False)),
        byte_level(),
        "<｜begin▁of▁sentence｜> $A",
        "<｜begin▁of▁sentence｜> $A <｜begin▁of▁sentence｜>:1 $B:1",
        options=_BYTES,
    ),
    "deepseek_v3": Recipe(
        "BPE",
        "<｜begin▁of▁sentence｜> <｜end▁of▁sentence｜> <｜User｜>/o",
        steps(),
        sequence(*map(split, DEEPSEEK_V3), byte_level(False, True, False)),
        byte_level(),
        post=(byte_level(True, False),),
        options=_BYTES,
    ),
    "bloom": Recipe(
        "BPE",
        "<unk> <s> </s> <pad>",
        None,
        sequence(split(BLOOM), byte_level(False, True, False)),
        byte_level(True, True, False),
        post=(byte_level(True, False, False),),
        options=_BYTES,
    ),
    "viking": Recipe(
        "BPE",
        "<unk> <s> </s>",
        "NFC",
        sequence(split(VIKING), digits(True), byte_level(False, True, False)),
        byte_level(),
        options=_BYTES,
    ),
    "galactica": Recipe(
        "BPE",
        "<pad> <unk> [START_REF] [END_REF]",
        None,
        sequence(
            split("SPL1T-TH1S-Pl3A5E", "Removed", kind="String"),
            digits(True),
            {"type": "Punctuation", "behavior": "Isolated"},
            byte_level(),
        ),
        byte_level(True),
        options=_BYTES,
        padding=_PAD_BATCH | {"direction": "Left"},
    ),
    "codegen": Recipe(
        "BPE",
        "<|endoftext|>/n ␣␣␣/on ␣␣/on",
        None,
        byte_level(),
        byte_level(True),
        post=(byte_level(True, False),),
        options=_BYTES,
    ),
    "clip": Recipe(
        "BPE",
        "<|startoftext|>/n <|endoftext|>",
        steps("NFC", replace(r"\s+", " ", "Regex"), "Lowercase"),
        sequence(split(CLIP, "Removed", True), byte_level()),
        byte_level(),
        post=(("Roberta", "<|endoftext|>", "<|startoftext|>", False, False),),
        options=_BYTES | _SUFFIX | {"unk_token": "<|endoftext|>"},
    ),
    "openai_gpt": Recipe(
        "BPE",
        "<unk>",
        bert_normalizer(),
        "BertPreTokenizer",
        _BPE_DECODER,
        options={"end_of_word_suffix": "</w>", "unk_token": "<unk>"},
    ),
    "herbert": Recipe(
        "BPE",
        "<s> </s> <unk> <pad> <mask>",
        bert_normalizer(False, False),
        "BertPreTokenizer",
        _BPE_DECODER,
        post=(("Bert", "</s>", "<s>"),),
        options={"end_of_word_suffix": "</w>", "unk_token": "<unk>"},
    ),
    "gpt_sw3": Recipe(
        "BPE",
        "<unk> <s> <pad> <|endoftext|>",
        "NFKC",
        metaspace(),
        metaspace(),
        options={"unk_token": "<unk>"},
    ),
    "arabic": Recipe(
        "BPE",
        "<unk>",
        "NFKC",
        {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True},
        {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True},
        options={"unk_token": "<unk>"},
    ),
    "quick_tour": Recipe(
        "BPE",
        "[UNK] [CLS] [SEP] [PAD] [MASK]",
        None,
        "Whitespace",
        None,
        "[CLS] $A [SEP]",
        "[CLS] $A [SEP] $B:1 [SEP]:1",
        options={"unk_token": "[UNK]"},
        padding=_PAD_BATCH,
    ),
    "bert": Recipe(
        "WordPiece",
        _BERT,
        bert_normalizer(),
        "BertPreTokenizer",
        _WORDPIECE_DECODER,
        "[CLS]:0 $A:0 [SEP]:0",
        _BERT_PAIR,
    ),
    "bert_cased": Recipe(
        "WordPiece",
        _BERT,
        bert_normalizer(False),
        "BertPreTokenizer",
        _WORDPIECE_DECODER,
        post=(("Bert", "[SEP]", "[CLS]"),),
        padding=_PAD_TO,
        truncation=_TRUNCATE,
    ),
    "bert_german": Recipe(
        "WordPiece",
        _BERT,
        bert_normalizer(True, False),
        "Whitespace",
        _WORDPIECE_DECODER,
        "[CLS]:0 $A:0 [SEP]:0",
        _BERT_PAIR,
        padding=_PAD_BATCH,
    ),
    "minilm": Recipe(
        "WordPiece",
        _BERT,
        bert_normalizer(),
        "BertPreTokenizer",
        _WORDPIECE_DECODER,
        "[CLS]:0 $A:0 [SEP]:0",
        _BERT_PAIR,
        padding=_PAD_TO,
        truncation={"max_length": 8, "strategy": "LongestFirst", "stride": 0},
    ),
    "mpnet": Recipe(
        "WordPiece",
        "<s> <pad> </s> [UNK] <mask>/l",
        bert_normalizer(),
        "BertPreTokenizer",
        _WORDPIECE_DECODER,
        post=(("Roberta", "</s>", "<s>", True, False),),
        padding=_PAD_BATCH,
        truncation=_TRUNCATE,
    ),
    "funnel": Recipe(
        "WordPiece",
        "<pad> <unk> <cls> <sep> <mask>",
        bert_normalizer(),
        "BertPreTokenizer",
        _WORDPIECE_DECODER,
        "<cls>:2 $A:0 <sep>:0",
        "<cls>:2 $A:0 <sep>:0 $B:1 <sep>:1",
        options={"unk_token": "<unk>"},
    ),
    "tutorial_wordpiece": Recipe(
        "WordPiece",
        _BERT,
        steps("NFD", "Lowercase", "StripAccents"),
        sequence("WhitespaceSplit", "Punctuation"),
        {"type": "WordPiece", "prefix": "##", "cleanup": False},
        "[CLS]:0 $A:0 [SEP]:0",
        _BERT_PAIR,
    ),
    "t5_old": Recipe(
        "Unigram",
        "<pad> </s> <unk> <extra_id_1> <extra_id_0>",
        CHARSMAP,
        sequence("WhitespaceSplit", _OLD_METASPACE),
        _OLD_METASPACE,
        "$A </s>",
        "$A </s> $B </s>",
    ),
    "t5": Recipe(
        "Unigram",
        "<pad> </s> <unk> <extra_id_0>/lr",
        steps(CHARSMAP, strip(False, True), replace(" {2,}", "▁", "Regex")),
        metaspace(),
        metaspace(),
        "$A </s>",
        "$A </s> $B </s>",
    ),
    "siglip": Recipe(
        "Unigram",
        "</s> <unk>",
        steps(
            "Lowercase",
            replace(SIGLIP_PUNCTUATION, "", "Regex"),
            replace(r"\s+", " ", "Regex"),
            strip(),
            CHARSMAP,
        ),
        sequence("WhitespaceSplit", metaspace()),
        metaspace(),
        "$A </s>",
        "$A </s> $B </s>",
    ),
    "xlm_roberta": Recipe(
        "Unigram",
        _XLMR,
        CHARSMAP,
        sequence("WhitespaceSplit", _OLD_METASPACE),
        _OLD_METASPACE,
        "<s> $A </s>",
        _XLMR_PAIR,
    ),
    "multilingual_e5": Recipe(
        "Unigram",
        _XLMR,
        CHARSMAP,
        sequence("WhitespaceSplit", metaspace()),
        metaspace(),
        "<s> $A </s>",
        _XLMR_PAIR,
        padding=_PAD_BATCH,
        truncation=_TRUNCATE,
    ),
    "camembert": Recipe(
        "Unigram",
        "<s>NOTUSED/o <pad> </s>NOTUSED/o <unk> <unk>NOTUSED/o <mask>/l <s> </s>",
        CHARSMAP,
        sequence("WhitespaceSplit", _OLD_METASPACE),
        _OLD_METASPACE,
        "<s> $A </s>",
        _XLMR_PAIR,
    ),
    "mbart": Recipe(
        "Unigram",
        _XLMR + " en_XX ro_RO",
        CHARSMAP,
        metaspace(),
        metaspace(),
        "$A </s> en_XX",
        "$A $B </s> en_XX",
    ),
    "nllb": Recipe(
        "BPE",
        _XLMR + " eng_Latn fra_Latn",
        steps(CHARSMAP, strip(False, True), replace(" {2,}", "▁", "Regex")),
        metaspace(),
        metaspace(),
        "eng_Latn $A </s>",
        "eng_Latn $A $B </s>",
        options={"unk_token": "<unk>", "fuse_unk": True},
    ),
    "albert": Recipe(
        "Unigram",
        "<pad> <unk> [CLS] [SEP] [MASK]/l",
        steps(*_ALBERT_STEPS),
        sequence("WhitespaceSplit", _OLD_METASPACE),
        _OLD_METASPACE,
        "[CLS]:0 $A:0 [SEP]:0",
        _BERT_PAIR,
    ),
    "albert_new": Recipe(
        "Unigram",
        "<pad> <unk> [CLS] [SEP] [MASK]/l",
        steps(*_ALBERT_STEPS, replace(" {2,}", " ", "Regex")),
        metaspace(),
        metaspace(),
        "[CLS]:0 $A:0 [SEP]:0",
        _BERT_PAIR,
    ),
    "xlnet": Recipe(
        "Unigram",
        "<unk> <s> </s> <cls> <sep> <pad> <mask>/l <eod> <eop>",
        steps(replace("``", '"'), replace("''", '"'), CHARSMAP, replace(" {2,}", " ", "Regex")),
        metaspace(),
        metaspace(),
        "$A:0 <sep>:0 <cls>:2",
        "$A:0 <sep>:0 $B:1 <sep>:1 <cls>:2",
        padding=_PAD_BATCH | {"direction": "Left", "pad_type_id": 3},
    ),
    "deberta_v3": Recipe(
        "Unigram",
        "[PAD] [CLS] [SEP] [UNK]/n [MASK]",
        steps(strip(), CHARSMAP, replace(" {2,}", " ", "Regex")),
        sequence(metaspace()),
        metaspace(),
        "[CLS]:0 $A:0 [SEP]:0",
        _BERT_PAIR,
    ),
    "deberta_v2_punct": Recipe(
        "Unigram",
        "[PAD] [CLS] [SEP] [UNK]/n [MASK]",
        steps("Lowercase", strip(), CHARSMAP, replace(" {2,}", " ", "Regex")),
        sequence({"type": "Punctuation", "behavior": "Isolated"}, metaspace()),
        metaspace(),
        "[CLS]:0 $A:0 [SEP]:0",
        _BERT_PAIR,
    ),
    "pegasus": Recipe(
        "Unigram",
        "<pad> </s> <mask_1> <mask_2> <unk>",
        CHARSMAP,
        sequence("WhitespaceSplit", metaspace()),
        metaspace(),
        "$A </s>",
        "$A $B </s>",
    ),
    "llm_jp": Recipe(
        "Unigram",
        "<unk> <s> </s> <mask> <CLS>",
        steps(replace(" ", "▁")),
        metaspace(),
        chain("ByteFallback", metaspace()),
        "<s> $A",
        "<s> $A $B:1",
        options={"byte_fallback": True},
    ),
    "nepali": Recipe(
        "Unigram",
        "<cls> <sep> <unk> <pad> <mask> <s> </s>",
        steps(replace("“", '"'), replace("”", '"'), replace("‘", "'"), replace(" {2,}", " ", "Regex")),
        {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True},
        {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True},
        "$A:0 <sep>:0 <cls>:2",
        "$A:0 <sep>:0 $B:1 <sep>:1 <cls>:2",
        padding=_PAD_BATCH,
    ),
    "from_sentencepiece": Recipe(
        "Unigram",
        "<unk> <s> </s>",
        steps("Nmt", "NFKC", replace(" {2,}", " ", "Regex")),
        metaspace(),
        metaspace(),
    ),
    "wav2vec2": Recipe(
        "WordLevel",
        "<pad> <s> </s> <unk>",
        replace(" ", "|"),
        split("", kind="Regex"),
        {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|", "cleanup": True},
        options={"unk_token": "<unk>"},
    ),
    "vits": Recipe(
        "WordLevel",
        "<unk>",
        steps(
            "Lowercase",
            replace(r"[^-' \-_abcdefghijklmnopqrstuvwxyz–]", "", "Regex"),
            strip(),
            replace(r"(?=.)|(?<!^)$", "k", "Regex"),
        ),
        split("", kind="Regex"),
        options={"unk_token": "<unk>"},
    ),
    "kokoro": Recipe(
        "WordLevel",
        "$",
        replace(r'[^$;:,.!?—…"()“” ̃ʣʥʦʨᵝabcdefghijklmnoæɔɕçðʤəɚɛ]', "", "Regex"),
        split("", kind="Regex"),
        None,
        "$ $A $",
        "$ $A $B $",
        options={"unk_token": "$"},
    ),
    "smiles": Recipe(
        "WordLevel",
        "[PAD] [CLS] [SEP] [UNK]",
        None,
        split(SMILES),
        {"type": "Fuse"},
        "[CLS] $A [SEP]",
        "[CLS] $A [SEP] $B [SEP]",
        options={"unk_token": "[UNK]"},
    ),
    "codons": Recipe(
        "WordLevel",
        "<unk> <pad>",
        "Lowercase",
        {"type": "FixedLength", "length": 3},
        options={"unk_token": "<unk>"},
    ),
    "word_level": Recipe(
        "WordLevel",
        "[UNK] [PAD] [SOS] [EOS]",
        None,
        "Whitespace",
        None,
        options={"unk_token": "[UNK]"},
        padding=_PAD_BATCH,
    ),
    "columns": Recipe(
        "WordLevel",
        "<unk>",
        strip(),
        sequence({"type": "CharDelimiterSplit", "delimiter": ","}, "WhitespaceSplit", "UnicodeScripts"),
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        options={"unk_token": "<unk>"},
    ),
}
