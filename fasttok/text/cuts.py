r"""Positions at which text may be cut without changing its pretokens, and the proofs.

Long documents are cut into parts, so that several threads can work on them in bounded memory. A cut is
allowed only where the parts, pretokenized separately, give the pretokens of the whole text.

Terms
-----
A *position* is the gap between two neighbouring code points. The *pair* of a position consists of the kinds
of these two code points. There are six kinds: LETTER, NUMBER, PUNCTUATION, BLANK (U+0020), SPACE (all other
white space) and OTHER.

`Cuts` makes two claims about a pretokenizer, for each pair. A claim holds for every text and every position
with that pair, whatever the rest of the text is.

- *always*: the position is a boundary between pretokens.
- *neutral*: if the text before the position and the text after it are pretokenized as two texts, they have
  the boundaries of the whole text, plus the position itself. No other boundary is lost or added.

A position is *safe* if both claims hold for its pair. The two parts then have exactly the boundaries of the
whole text.

A position next to ▁ (U+2581) is never used, because ▁ acts as a space in some steps. `_cuts.pyx` excludes it.

Pretokenizers
-------------
**Words** (gpt2, cl100k, llama3, qwen2, o200k, whitespace). Two groups of pairs are safe: a letter or number
before white space, and anything except white space before U+0020.

- No alternative of these patterns matches across the position. White space never continues a match that has
  reached a letter or number. Of white space, only \r and \n continue a match that has reached another
  character.
- No alternative looks back, so the text after the position is split identically on its own.
- Only alternatives for white space look ahead. The text before the position does not end in white space, so
  its pretokens do not depend on the text that follows.

**punctuation** and **digits_single** decide from the two code points alone whether a position is a boundary.
So every pair is neutral.

**whitespace_split** splits like ``\s|\S+`` and then drops the white space. **bert** does the same and also
splits off punctuation. Both decide from the two code points alone, so every pair is neutral. The dropped text
has a boundary on both sides, so a later step sees the same pretokens.

**digits_threes_left** and **digits_threes_right** cut at both ends of a run of numbers. Inside the run they
count from one of its ends. A position with a number on at most one side is not inside a run, so the parts
have the same runs as the whole. A position between two numbers is not neutral.

**script** decides from the scripts of the two code points, with two exceptions. A code point that inherits
its script takes it from the code points before it. A ▁ takes its script from the code points after it, but a
position next to a ▁ is never used. Only the kind OTHER contains code points that inherit. So a pair is
neutral if its second kind is not OTHER.

**split_punctuation**, **split_digits** and **words_and_symbols** decide from the two code points alone, by a
table of code points, so every pair is neutral. A pair always has a boundary if it has one for all code points
of these kinds in the table, which `find_cuts` in ``pretokenizers/classes.py`` checks. If both code points are
dropped, the position counts as a boundary, as in whitespace_split.

**split_scripts** continues a run with U+0020 and drops U+0020 at the beginning of a text. Every other code
point begins a new run or has the script of the current run. So a pair is neutral if its second code point is
not U+0020: whatever comes before it, the run after the position has its script. This holds for the tables of
Unicode 17. In other tables, more code points act like U+0020, so nothing is claimed.

**split_length** counts from the beginning of a text, so nothing is claimed.

**byte_level** splits like gpt2 before it writes characters, so the safe pairs are the same. The space that it
may insert before a text is inserted before the first part, never before the second. Without the pattern,
nothing is claimed, because later steps see the characters of the byte alphabet.

**metaspace_split** is **metaspace** without `remove_extra_whitespaces`: every code point is rewritten on its
own, and the position before a U+0020 is a boundary, since the mark that replaces it begins a pretoken.

**mark_runs** decides from the two code points alone, so every pair is neutral. If the mark is U+0020, the
position before the first U+0020 of a run is a boundary. **marked_words** uses these claims. It splits before
a U+0020 unless a U+0020 or ▁ precedes it, and a position next to ▁ is never used. The space that it may
insert at the beginning of a document is inserted before the first part, never before the second.

**metaspace** rewrites text before it splits it. Its claims are about raw text. The parts know whether they
begin or end their document. The step writes ▁ for every U+0020 and always cuts before a ▁. So the position
before a U+0020 is a boundary. It is safe if the rewritten parts, joined, are the rewritten whole.

Without `remove_extra_whitespaces`, every code point is rewritten on its own, so the position is safe. With
this option, the position is safe if the code point before it is not U+0020:

- A run of spaces becomes one space. The position is before the first space of its run.
- U+0020 and ▁ are dropped at the end of a document. This never goes beyond the position, since the code
  point before the position is neither of them.
- U+0020 is dropped at the start of a document. This does not reach the position for the same reason.

With `treat_whitespace_as_suffix`, the roles are reversed: U+0020 is before the position, the position is
after the last space of its run, and the code point after it is not dropped. The position is a boundary, so no
later step sees both sides of it.

**none** never cuts, so every pair is neutral.

**Regular expressions**: nothing is claimed.

Sequences of pretokenizers
--------------------------
A pair is neutral for the sequence if it is neutral for every step. The sequence always cuts where at least
one step always cuts. The proof is by induction over the steps:

1. Assume that the steps so far, run on the two parts, gave the boundaries of the whole text and the position.
2. Then both runs have the same pretokens, except for a pretoken that contains the position. The run on the
   parts has this pretoken in two pieces.
3. The next step splits all other pretokens identically in both runs.
4. The pretoken that contains the position is a text with the same pair at the position. The pair is neutral,
   so the step gives the pretoken and its two pieces the same boundaries, except perhaps for the position.
5. If the step always cuts there, the boundaries do not differ at all. From then on, the position is a
   boundary in both runs.

A step that rewrites the pretokens of another step, or follows a step that drops text, is given whole
pretokens. It does not see both sides of a position that is already a boundary. So a position only has to be
safe for the steps before it.

Normalizers
-----------
`RewritingCuts` makes other claims, about text that is rewritten before it is split:

- *neutral*: raw text may be cut at a position with this pair. If the two parts are rewritten separately and
  joined, the result is the rewritten whole.
- *becomes*: the kinds of the code points that may be next to the position after rewriting.

A claim about the pretokenizer that follows also holds for a neutral pair of the raw text if it holds for
every pair that this pair may become. No code point of a neutral pair may become ▁.

**identity** rewrites every code point on its own and never changes its kind.

**nfc, nfd, nfkc, nfkd.** A pair is neutral if its second code point is white space.

- White space is never composed with a code point before it, and it is not a mark. So a new segment begins
  with it (`_code_points.pyx`), and the text before it is rewritten independently.
- White space stays white space, and U+0020 stays U+0020.
- Any other code point before the position is rewritten to at least one code point, the last of which is not
  white space. Tests check every code point.

**lowercase, strip_accents, bert.** A pair is neutral if both code points are letters, numbers, punctuation or
U+0020.

- These code points are never dropped. They are not marks, which could be reordered. So a new segment begins
  with each of them.
- A rewritten letter may end in a mark, as that of İ does. With BERT, spaces may surround it.
- Other code points may be dropped. If the first part contained only these, it would become empty. The
  rewritten document would then begin in the second part, which later steps do not treat as a beginning. So
  nothing is claimed about these code points.

These claims also hold with the tables of ``tokenizers``; tests check every code point with both. The
exception is strip_accents, since two letters are marks in these tables; nothing is claimed about it.

**nmt** rewrites every code point on its own, and drops some control characters. Letters, numbers, punctuation
and U+0020 are never changed. A pair of these is neutral, for the same reason as with "lowercase".

**strip** drops white space at the ends of documents. A pair is neutral if at least one of its code points is
not white space. Then the step drops exactly as much of the two parts as of the whole. If it drops the text
next to the position, no text remains on that side of it.

**sp_nfkc, nmt_nfkc, sp_nfkc_cf, nmt_nfkc_cf.** A letter or number before U+0020 is neutral.

- No rule contains U+0020. So no rule matches across the position, and U+0020 stays as it is.
- A rule whose last code point is a letter or number writes at least one code point, the last of which is not
  white space. So after rewriting, no run of white space crosses the position, and a later step that drops or
  merges white space does the same in the parts as in the whole.

**Other charsmaps** may rewrite anything, so nothing is claimed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fasttok.text import _cuts

# The kinds of code points, in the order of _cuts.pyx. BLANK is U+0020, SPACE is all other white space.
LETTER, NUMBER, PUNCTUATION, OTHER, BLANK, SPACE = KINDS = range(6)


@dataclass(frozen=True, eq=False)
class Cuts:
    """Claims about a pretokenizer at positions between two code points; see the module's docstring.

    Parameters
    ----------
    always, neutral : ndarray of bool, shape (6, 6)
        Pairs for which the claim holds: the row is the kind before the position, the column the kind after
        it.
    """

    always: NDArray[np.bool_]
    neutral: NDArray[np.bool_]

    def then(self, step: Cuts) -> Cuts:
        """Return the claims about this pretokenizer followed by another one."""
        return Cuts(self.always | step.always, self.neutral & step.neutral)

    def find(self, text: NDArray[np.uint8]) -> int:
        """Return the last safe position in the text; 0 if there is none. O(n).

        The position is safe whatever comes before and after the text.
        """
        return 0 if self._safe is None else int(_cuts.find_cut(text, self._safe))

    @cached_property
    def _safe(self) -> NDArray[np.uint8] | None:
        """Pairs between which a text may be cut; None if there are none."""
        safe = self.always & self.neutral
        return safe.view(np.uint8) if safe.any() else None


@dataclass(frozen=True, eq=False)
class RewritingCuts:
    """Claims about a step that rewrites text; see the module's docstring.

    Parameters
    ----------
    neutral : ndarray of bool, shape (6, 6)
        Pairs at which text may be cut and its parts rewritten separately. The row is the kind before the
        position, the column the kind after it.
    becomes : ndarray of bool, shape (6, 6)
        Kinds that may be next to such a position after rewriting. The row is the kind before rewriting, the
        column the kind after rewriting.
    """

    neutral: NDArray[np.bool_]
    becomes: NDArray[np.bool_]

    def then(self, step: Cuts) -> Cuts:
        """Return the claims about raw text that this step rewrites and a pretokenizer then splits."""
        return Cuts(self._before_rewriting(step.always), self._before_rewriting(step.neutral))

    def then_rewriting(self, step: RewritingCuts) -> RewritingCuts:
        """Return the claims about this step followed by another one that rewrites."""
        return RewritingCuts(self._before_rewriting(step.neutral), self.becomes @ step.becomes)

    def _before_rewriting(self, claim: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the neutral pairs for which a claim holds after rewriting, whatever they become."""
        return self.neutral & ~(self.becomes @ ~claim @ self.becomes.T)


# Kinds of the rows and columns: before and after the position or, in `becomes`, before and after rewriting.
_first, _second = np.indices((len(KINDS), len(KINDS)))
_everywhere = np.ones((len(KINDS), len(KINDS)), np.bool_)
# Safe pairs of the patterns for words.
_words = np.isin(_first, (LETTER, NUMBER)) & (_second >= BLANK) | (_first < BLANK) & (_second == BLANK)
# Pairs of which both kinds are part of words for "bert" and "punctuation".
_both_words = np.isin(_first, (LETTER, NUMBER, OTHER)) & np.isin(_second, (LETTER, NUMBER, OTHER))
_both_space = (_first >= BLANK) & (_second >= BLANK)
_n_numbers = (_first == NUMBER).astype(int) + (_second == NUMBER)

NOTHING_KNOWN = Cuts(~_everywhere, ~_everywhere)
REWRITES_ANYTHING = RewritingCuts(~_everywhere, _everywhere)
_sentencepiece = RewritingCuts(
    np.isin(_first, (LETTER, NUMBER)) & (_second == BLANK),
    np.where(_first < BLANK, _second < BLANK, _first == _second),
)
_normal_forms = RewritingCuts(
    _second >= BLANK,
    np.where(_first < BLANK, _second < BLANK, (_first == _second) | (_first == SPACE) & (_second == BLANK)),
)
_never_dropped = np.isin(_first, (LETTER, NUMBER, PUNCTUATION, BLANK))
_code_points = RewritingCuts(
    _never_dropped & _never_dropped.T, (_first == _second) | (_first == LETTER) & (_second == OTHER)
)
_bert = RewritingCuts(_code_points.neutral, _code_points.becomes | (_first == LETTER) & (_second == BLANK))
REWRITING_CUTS: dict[str, RewritingCuts] = {
    "identity": RewritingCuts(_everywhere, _first == _second),
    **dict.fromkeys(("sp_nfkc", "nmt_nfkc", "sp_nfkc_cf", "nmt_nfkc_cf"), _sentencepiece),
    **dict.fromkeys(("nfc", "nfd", "nfkc", "nfkd"), _normal_forms),
    **dict.fromkeys(("lowercase", "strip_accents"), _code_points),
    "nmt": RewritingCuts(_code_points.neutral, _first == _second),
    "bert": _bert,
    "strip": RewritingCuts((_first < BLANK) | (_second < BLANK), _first == _second),
}
CUTS: dict[str, Cuts] = {
    **dict.fromkeys(("gpt2", "cl100k", "llama3", "qwen2", "o200k", "whitespace"), Cuts(_words, _words)),
    "whitespace_split": Cuts((_first >= BLANK) | (_second >= BLANK), _everywhere),
    "bert": Cuts(~_both_words, _everywhere),
    "punctuation": Cuts(~_both_words & ~_both_space, _everywhere),
    "digits_single": Cuts(_n_numbers >= 1, _everywhere),
    "script": Cuts(~_everywhere, _second != OTHER),
    **dict.fromkeys(("digits_threes_left", "digits_threes_right"), Cuts(_n_numbers == 1, _n_numbers <= 1)),
    "none": Cuts(~_everywhere, _everywhere),
    "split_scripts": Cuts(~_everywhere, _second != BLANK),
}


def without_classes(name: str) -> Cuts:
    """Return the claims about a named pretokenizer that hold with the tables of every version of Unicode.

    Versions agree on white space only: a letter of one version may be unassigned in another.
    """
    return Cuts(_for_any_class(CUTS[name].always), _for_any_class(CUTS[name].neutral))


def _for_any_class(claim: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pairs for which a claim holds whatever the kinds of code points other than white space."""
    known = claim.copy()
    known[:BLANK] = known[:BLANK].all(axis=0)
    known[:, :BLANK] = known[:, :BLANK].all(axis=1, keepdims=True)
    return known


def cuts_of_words(remove_extra_whitespaces: bool, as_suffix: bool) -> Cuts:
    """Return the claims about `Metaspace` with ``split_by_whitespace=True``."""
    blank, other = (_first, _second) if as_suffix else (_second, _first)
    is_known = (blank == BLANK) & ((other != BLANK) | (not remove_extra_whitespaces))
    return Cuts(is_known, is_known)
