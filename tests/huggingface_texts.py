"""Random texts for comparing tokenizers, and the texts of the shared data."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from tests.conformance import data_files, read_bytes

SPACES = [
    " ", " ", " ", " ", "  ", "   ", "    ", " " * 17, "\n", "\n\n", "\r", "\r\n", "\n\r", "\r\r", "\t",
    "\t\t", " \n", "\n ", " \r", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x1f", "\x85", "\u00a0", "\u1680",
    "\u180e", "\u2000", "\u2003", "\u2009", "\u200a", "\u200b", "\u2028", "\u2029", "\u202f", "\u205f",
    "\u2060", "\u3000", "\ufeff",
]  # fmt: skip
WORDS = [
    "the", "low", "lower", "lowest", "new", "newer", "The", "LOW", "Lower", "a", "b", "ab", "est", "est.",
    "I", "don't", "I'm", "WE'LL", "it's", "IT'S", "'s", "'S", "'ſ", "’s", "'ll", "'", "n't", "can not",
    "do not", "naïve", "Ünïcode", "straße", "STRASSE", "ẞ", "İstanbul", "ısı", "ΟΔΥΣΣΕΥΣ", "ὈΔΥΣΣΕΎΣ", "ǅ",
    "ﬁnal", "ﬀ", "Å", "Å", "Ω", "ª", "º", "ʰ", "hello", "world", "Hello", "camelCase", "HTTPServer",
    "snake_case", "__init__", "x1y2", "aaaa", "aaaaaaaa",
]  # fmt: skip
NUMBERS = [
    "0", "1", "12", "123", "1234", "12345", "1234567", "3.14", "1,000", "1e-5", "0x1F", "٣", "١٢٣", "१२३",
    "๑๒", "½", "²", "x²", "Ⅷ", "①", "㊿", "１２", "𝟙", "𝟘𝟙", "৪", "㎏", "5%",
]  # fmt: skip
PUNCTUATION = [
    ".", ",", "!", "?", "...", "…", "?!", ":", ";", "-", "--", "—", "–", "_", "(", ")", "()", "[", "]", "{",
    "}", "/", "\\", "|", "||", "*", "**", "#", "##", "@", "@@", "&", "%", "$", "€", "£", "^", "~", "`",
    "``", "''", '"', "“", "”", "‘", "’", "«", "»", "<", ">", "=", "==", "+", "+=", "。", "，", "、", "！",
    "？", "「", "」", "·", "؟", "،", "।", "§", "©", "™", "×", "÷", "°", "→", "■", "♪", "�",
]  # fmt: skip
EMOJI = [
    "😀", "😀😀", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "🇩🇪🇫🇷", "🇩", "1️⃣", "#️⃣", "❤️", "❤",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "🧑🏿‍🚀", "\u200d", "\ufe0f",
    "\ufe0e", "🏽", "🤷🏼‍♀️", "🫠", "🫩", "🪿",
]  # fmt: skip
MARKS = [
    "e\u0301", "é", "n\u0303", "a\u0308\u0304", "a\u0304\u0308", "\u0301", "\u0300" * 5, "o\u031b\u0323",
    "q\u0323\u0307", "\u0345", "ộ", "ṩ", "Å\u0327", "\u1e9b\u0323", "각", "가\u11a8", "\u1100\u1161\u11a8",
    "\u1100", "\u1161", "が", "か\u3099", "ｶﾞ", "ำ", "น้ำ", "\u0e33", "ि", "क्षि", "श्री", "க்ஷ",
    "\u0f71\u0f72\u0f74", "\u05d1\u05bc\u05b8", "\u0651\u064e", "x\u0338", "\u20d0", "\U0001d15e", "\u0344",
    "\u0958",
]  # fmt: skip
SPECIAL = [
    "<s>", "</s>", "<unk>", "<pad>", "<mask>", "[CLS]", "[SEP]", "[UNK]", "[PAD]", "[MASK]",
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<bos>", "<eos>", "<S>", "< s>", "<s", "s>", "<s><s>",
    "[cls]", "[ CLS ]", "[CLS", "<|endof", "text|>", "<extra_id_0>", "<|endoftext|><|endoftext|>",
    " <mask> ", "x<mask>x", "<0x41>", "<0x0A>", "<0xE2>", "<0xZZ>", "<0x4", "▁", "▁▁", "▁the", "a▁b", "▁ ",
    " ▁", "Ġ", "Ċ", "Ġthe", "Â", "##", "##est", "</w>", "</w", "@@", "low</w>", "|",
]  # fmt: skip
CONTROLS = [
    "\x00", "\x01", "\x07", "\x08", "\x1b", "\x1b[0m", "\x7f", "\x80", "\x9f", "\xad", "\u061c", "\u200c",
    "\u200e", "\u200f", "\u202e", "\u2066", "\u2069", "\ufff9", "\ufffc", "\ufffd", "\ufffe", "\uffff",
    "\ue000", "\uf8ff", "\U000e0001", "\U000f0000", "\U0010ffff", "\U0001fffe", "\u0378", "\u2065",
]  # fmt: skip
SCRIPTS = [
    "東京", "東京都に行きました。", "日本語のテキスト", "カタカナー", "ｶﾀｶﾅ", "㍿", "中文分词",
    "我爱北京天安门", "繁體中文", "𠀀𠮷", "﨑", "龥", "豈", "〇", "한국어", "안녕하세요 세계", "ภาษาไทย",
    "ฉันรักภาษาไทย", "ພາສາລາວ", "ភាសាខ្មែរ", "မြန်မာ", "རྫོང་ཁ་", "हिन्दी में", "संस्कृतम्", "বাংলা",
    "தமிழ்", "తెలుగు", "മലയാളം", "සිංහල", "ગુજરાતી", "ਪੰਜਾਬੀ", "العربية", "السَّلامُ عَلَيْكُمْ", "ﷺ", "ﻼ",
    "فارسی", "اردو", "עִבְרִית", "ייִדיש", "русский язык", "Ёлка", "українська", "ѣ", "Ελληνικά", "ქართული",
    "ᲥᲐᲠᲗᲣᲚᲘ", "հայերեն", "አማርኛ", "ᏣᎳᎩ", "ꭰ", "ⵜⴰⵎⴰⵣⵉⵖⵜ", "Tiếng Việt", "Türkçe", "polski źdźbło",
    "čeština", "ʻōlelo", "𝒜𝓁𝓅𝒽𝒶", "𐐀𐐨", "Ⱥⱥ", "Ɐ", "ꟸ", "ᵃ",
]  # fmt: skip
CODE = [
    "def f(x):\n\treturn x + 1\n", "    if (a == b) {\n        c++;\n    }\n", "/* x */", "// y\r\n",
    "#include <stdio.h>\n", "https://a.b/c?d=e&f=g#h", "user@example.com", "C:\\dir\\f.txt",
    "x = {'a': [1, 2]}", "<div class=\"a\">", "&amp;", "CC(=O)Oc1ccccc1C(=O)O", "ATGCGTA", "a\tb\tc",
    "SPL1T-TH1S-Pl3A5E", "$x^2$", "```py\n",
]  # fmt: skip
# First and last code points of ranges with code points that Unicode 15 and later versions assigned.
NEW = [
    (0x0558, 0x0558), (0x0897, 0x0897), (0x088F, 0x088F), (0x0C5C, 0x0C5C), (0x0CDC, 0x0CF3),
    (0x0ECE, 0x0ECE), (0x1ACF, 0x1AF0), (0x1C89, 0x1C8A), (0x20C1, 0x20C4), (0x2427, 0x2429),
    (0x2FFC, 0x2FFF), (0x31E4, 0x31EF), (0xA7CB, 0xA7F1), (0x105C0, 0x105F3), (0x10940, 0x10959),
    (0x10D40, 0x10D8F), (0x10EC2, 0x10EFF), (0x11380, 0x113E2), (0x116D0, 0x116E3), (0x11B00, 0x11B67),
    (0x11BC0, 0x11BF9), (0x11DB0, 0x11DF1), (0x11F00, 0x11F5A), (0x13430, 0x143FA), (0x16100, 0x16139),
    (0x16D40, 0x16D79), (0x16EA0, 0x16ED3), (0x18D80, 0x191D2), (0x1CC00, 0x1CEFD), (0x1DF1F, 0x1DFFF),
    (0x1E030, 0x1E08F), (0x1E4D0, 0x1E5FF), (0x1F6D8, 0x1F6DC), (0x1F774, 0x1F77F), (0x1F8B2, 0x1F8D8),
    (0x1FA75, 0x1FAFA), (0x2B739, 0x2B81E), (0x2EBF0, 0x2EE5D), (0x31350, 0x33479), (0x3D000, 0x3FC3F),
]  # fmt: skip
CLASSES = [SPACES, WORDS, NUMBERS, PUNCTUATION, EMOJI, MARKS, SPECIAL, CONTROLS, SCRIPTS, CODE]
# Weights of the classes, of random code points, and of the parts of a file, by the kind of text.
STYLES = (
    (8, 8, 1, 2, 0, 0, 0, 0, 0, 0, 0, 4), (4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8),
    (4, 3, 2, 2, 1, 1, 2, 1, 2, 1, 1, 4), (9, 2, 1, 1, 0, 0, 1, 1, 0, 0, 0, 2),
    (2, 2, 0, 1, 0, 0, 8, 0, 1, 0, 0, 8), (2, 1, 0, 0, 2, 6, 0, 0, 3, 0, 3, 1),
    (2, 1, 1, 1, 1, 1, 0, 4, 2, 0, 6, 1), (3, 0, 1, 1, 0, 1, 0, 0, 9, 0, 0, 1),
    (2, 3, 3, 3, 0, 0, 1, 0, 0, 6, 0, 1),
)  # fmt: skip


def random_code_point(rng: random.Random) -> str:
    """Return a code point: of any plane, of a BMP block, or one of those that Unicode assigned lately."""
    while True:
        kind = rng.random()
        if kind < 0.4:
            c = rng.randint(*rng.choice(NEW))
        elif kind < 0.8:
            c = rng.randrange(0x20, 0x10000)
        elif kind < 0.95:
            c = rng.randrange(0x10000, 0x33480)
        else:
            c = rng.randrange(0x33480, 0x110000)
        if not 0xD800 <= c < 0xE000:
            return chr(c)


def random_text(rng: random.Random, parts: list[str], longest: int = 16) -> str:
    """Return one text made of the classes above and of the given parts."""
    weights = rng.choice(STYLES)
    out = []
    if rng.random() < 0.02:  # a long text, or a long run
        longest *= 20
    elif rng.random() < 0.01:
        return rng.choice(parts or WORDS) * rng.randint(100, 500)
    for kind in rng.choices(range(12), weights, k=rng.randint(0, longest)):
        if kind < 10:
            out.append(rng.choice(CLASSES[kind]))
        elif kind == 10 or not parts:
            out.append(random_code_point(rng))
        else:
            out.append(rng.choice(parts))
    return "".join(out)


def random_texts(seed: int | str, n: int, parts: list[str] | None = None) -> list[str]:
    """Return `n` random texts: odd white space, emoji, marks, look-alikes of special tokens, controls, code.

    Parameters
    ----------
    parts : list of str, optional
        Texts to use as well, such as the pieces and added tokens of a file.
    """
    rng = random.Random(f"texts {seed}")
    return [random_text(rng, parts or []) for _ in range(n)]


def parts_of(fields: dict) -> list[str]:
    """Return the texts of the pieces and added tokens of a file, with variants of them."""
    vocab = fields["model"].get("vocab") or {}
    pieces = list(vocab) if isinstance(vocab, dict) else [row[0] for row in vocab]
    rng = random.Random(len(pieces))
    parts = rng.sample(pieces, min(len(pieces), 200))
    parts += [part.replace("▁", " ").replace("Ġ", " ").replace("</w>", " ") for part in parts]
    for token in fields.get("added_tokens") or []:
        content = token["content"]
        parts += 4 * [content] + [
            content.upper(),
            content.lower(),
            f" {content} ",
            content[:-1],
            f"a{content}b",
        ]
    return [part for part in parts if part]


def file_texts(
    shared: Path, lines_per_file: int | None = None, folder: str = "", limit: int | None = None
) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the lines of each file of the shared data.

    Parameters
    ----------
    lines_per_file : int, optional
        Number of lines to take from each file, evenly spaced; default: all.
    folder : str
        Folder of the shared data, for example "parallel"; default: all of it.
    limit : int, optional
        Number of bytes after which a file is truncated.
    """
    for path in data_files(shared):
        name = path.relative_to(shared / "data").as_posix()
        if not name.startswith(folder):
            continue
        text = read_bytes(path, limit).decode(errors="ignore")
        lines = text.split("\n")  # keeps every other line end, such as \r
        if lines_per_file is not None:
            lines = lines[:: max(1, len(lines) // lines_per_file)][:lines_per_file]
        yield name, lines
