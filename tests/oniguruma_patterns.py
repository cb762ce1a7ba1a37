"""Random regular expressions in the syntax of Oniguruma, and texts on which they differ."""

from __future__ import annotations

import random

CHARACTERS = list("abABsSſkK12²Ⅷ \n\r\t\u00a0\u3000.-'_éÉß東あ\u0301▁😀\u200dǅʰςΣ]^[&\u0345ll")
PROPERTIES = ["L", "N", "Lu", "Ll", "Lo", "M", "P", "S", "Z", "Han", "Hiragana", "Latin", "Alphabetic"]
PROPERTIES += ["^L", "alpha", "Nd", "word", "Greek", "Cn", "punct", "Emoji", "InCyrillic"]
POSIX = ["alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct"]
POSIX += ["space", "upper", "xdigit", "word"]
RANGES = ["a-z", "A-Z", "0-9", "a-b", r"\x00-\x7f", r"\u3040-\u30ff", "!-/"]
QUANTIFIERS = ["*", "+", "?", "{2}", "{1,2}", "{,2}", "{2,}", "{0}", "{1}", "{0,1}", "{1,3}"]
GROUPS = ["(?:%s)", "(?:%s)", "(%s)", "(?>%s)", "(?i:%s)", "(?m:%s)", "(?i)%s", "(?=%s)", "(?!%s)"]
GROUPS += ["(?<=%s)", "(?<!%s)", "(?-i:%s)", "(?x: %s )"]
SYMBOLS = ["^", "$", r"\b", r"\B", r"\A", r"\z", r"\Z", r"\R", r"\N", r"\O"]


class Maker:
    """Maker of random patterns and texts."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def text(self) -> str:
        few = self.rng.sample(CHARACTERS, self.rng.randint(1, 8))
        n = self.rng.randint(0, 14)
        return "".join(self.rng.choice(few if self.rng.random() < 0.85 else CHARACTERS) for _ in range(n))

    def literal(self) -> str:
        c = self.rng.choice(CHARACTERS)
        return "\\" + c if c in ".-]^[&" else c

    def escape(self) -> str:
        if self.rng.random() < 0.5:
            return "\\" + self.rng.choice("wWdDsShH")
        return f"\\{self.rng.choice('pP')}{{{self.rng.choice(PROPERTIES)}}}"

    def bracket(self, depth: int = 0) -> str:
        out = "[" + "^" * (self.rng.random() < 0.3)
        for _ in range(self.rng.randint(1, 4)):
            kind = self.rng.random()
            if kind < 0.45:
                out += self.literal()
            elif kind < 0.55:
                out += self.rng.choice(RANGES)
            elif kind < 0.75:
                out += self.escape()
            elif kind < 0.83:
                out += f"[:{self.rng.choice(['', '^'])}{self.rng.choice(POSIX)}:]"
            elif kind < 0.9 and depth < 2:
                out += self.bracket(depth + 1)
            else:
                out += "&&" if kind < 0.96 else "-"
        return out + "]"

    def atom(self, depth: int) -> str:
        kind = self.rng.random()
        if kind < 0.4 or (kind >= 0.75 and depth == 0):
            return self.literal()
        if kind < 0.5:
            return "."
        if kind < 0.62:
            return self.escape()
        if kind < 0.75:
            return self.bracket()
        return self.rng.choice(GROUPS) % self.pattern(depth - 1) if kind < 0.95 else self.rng.choice(SYMBOLS)

    def quantifier(self) -> str:
        return self.rng.choice(QUANTIFIERS) + self.rng.choices(["", "?", "+"], [70, 15, 15])[0]

    def sequence(self, depth: int) -> str:
        n = self.rng.choice([0, 1, 1, 2, 2, 3, 4])
        return "".join(
            self.atom(depth) + (self.quantifier() if self.rng.random() < 0.35 else "") for _ in range(n)
        )

    def pattern(self, depth: int) -> str:
        return "|".join(self.sequence(depth) for _ in range(self.rng.choice([1, 1, 1, 2, 3])))


class DenseMaker(Maker):
    """Maker of patterns of few characters with many groups and quantifiers, and of texts for them."""

    def text(self) -> str:
        return "".join(self.rng.choices("ab\n", [5, 3, 0.3], k=self.rng.randint(0, 10)))

    def atom(self, depth: int) -> str:
        kind = self.rng.random()
        if depth == 0 or kind < 0.45:
            return self.rng.choice(["a", "b", "ab", "[ab]", "[^a]", ".", "c"])
        if kind < 0.52:
            return self.rng.choice(SYMBOLS)
        group = self.rng.choice(
            ["(?:%s)", "(?:%s)", "(?:%s)", "(?>%s)", "(?=%s)", "(?!%s)", "(?<=%s)", "(?<!%s)"]
        )
        return group % self.pattern(depth - 1)

    def sequence(self, depth: int) -> str:
        n = self.rng.choice([0, 1, 1, 2, 2, 3])
        return "".join(
            self.atom(depth) + (self.quantifier() if self.rng.random() < 0.5 else "") for _ in range(n)
        )
