r"""Where a text may be cut so that its parts can be cut into pretokens apart, and why that changes nothing.

A *place* is the gap between two neighbouring code points, and all that is asked about it is of which of
six kinds these are. Two claims are made about pretokenizers, each of a pair of kinds, and each for every
text with such a place in it, whatever stands on either side:

- it *always* cuts there: the place is a boundary;
- the pair is *neutral*: taken as two texts, the text before the place and the text behind it have the
  boundaries that the whole has, and the place itself; none is lost, none other comes.

Where both hold the place is safe: the parts have the boundaries of the whole, no more and no fewer.

**Words** (gpt2, cl100k, llama3, qwen2, o200k, whitespace). A place between a letter or number and white
space, or between anything that is not white space and U+0020, is safe. No alternative of these patterns
matches across it: only letters or numbers continue a run that has reached one, and of white space only \r
and \n are taken in by other runs. None looks back, so the text behind the place reads the same on its own;
the text before it ends in no white space, so that no alternative asks what follows.

**punctuation** and **digits_single** cut between two code points or not according to these two alone. So
every pair is neutral.

**whitespace_split** is ``\s|\S+``, of which the white space is dropped in the end, and **bert** the same with
punctuation apart. They too cut between two code points or not according to these two alone; what they drop is
beside a boundary on both sides, so a step after them sees the same pretokens.

**digits_threes_left** and **digits_threes_right** cut at both ends of a run of numbers, and inside it they
count from one of its ends. A place with no number on one side is inside no run, and the same runs lie on
either side of it. A place between two numbers is not neutral.

**script** cuts between two code points according to the scripts of these and, where the first inherits its
own, of those before it; and before ▁ according to what stands behind it. Of the kinds only OTHER holds code
points that inherit. So a place is neutral with anything else behind it, and no ▁ before it.

**metaspace** rewrites text before it cuts, and what is said here is of raw text, whose parts are told whether
they begin and end their document. It writes ▁ for every space and always cuts before one. What is left to ask
is whether the parts are rewritten as the whole is. Between anything and a space behind it they are, if runs
of spaces are kept; if not, the space must be the first of its run, so no space stands before it. What it
drops at the end of a document, U+0020 and ▁, does not reach across the place if no ▁ stands there; and what
it drops at the start does not, as something else stands before the place. With the mark as a suffix all this
is turned around: the space stands before the place, which is behind the last of its run, and what stands
behind it is not dropped. As the place is a boundary from then on, no step behind it sees both sides.

No place is beside a ▁ (`_cuts.pyx`), which would be one of OTHER otherwise.

**none** never cuts, so every pair is neutral. About a regular expression nothing is claimed.

**A sequence of steps** has every pair that is neutral to all of its steps, and always cuts where one of
them does. By induction over the steps: say that those done so far, run on the two parts, gave the
boundaries of the whole and the place. Then the two ways have the same pretokens but for the one around the
place, if the place is inside of one, which the parts have in two. The next step cuts the same pretokens the
same way. The one around the place is a text in which the same two code points stand beside the place, so
it and its two parts differ by the place at most; and if this step always cuts there, not at all. From then
on the place is a boundary both ways.

Where a step rewrites text after a cut, or comes after one that drops text, it is given whole pretokens. So
a place in a sequence is safe if it is for the steps before that: it is a boundary then, and no later step
sees both sides.

**What rewrites text** before it is cut (`RewritingCuts`) is asked something else: between code points of
which kinds may raw text be cut so that its parts, each rewritten on its own, joined, are the whole rewritten?
Such a pair is neutral to it. Besides it says what kinds of code points may then stand beside the place. A
claim of the pretokenizer behind it holds of a neutral pair if it holds of all pairs that this may become.
What may become ▁ is neutral to none.

**identity** looks at every code point alone, and none changes its kind.

**nfc, nfd, nfkc, nfkd.** No white space is ever composed with something before it, nor is it a mark, so a
segment of what is put in order or composed (`_code_points.pyx`) begins with it: what stands before it is
rewritten without it. It stays white space, and U+0020 itself. What else stands before it, rewritten, is
something and ends in no white space: tests ask every code point.

**lowercase, strip_accents, bert.** Letters, numbers, punctuation and U+0020 are never dropped, and are no
marks that could change places with others, so that a segment begins with them. A letter may end in a mark, as
İ does, or, with BERT, be between spaces. Of what else there is, some may be dropped; a part of nothing else
would come out empty, and no longer be the beginning of its document, so nothing is claimed of these.

**strip** drops white space at the ends of documents. If one side of the place is none, it drops no more and
no less of either part than of the whole. What it drops stood at the end, where there is nothing beside the
place any more.

**sp_nfkc, nmt_nfkc, sp_nfkc_cf, nmt_nfkc_cf.** A letter or number in front of U+0020: no rule has U+0020 in
it, so none matches across the place, and the U+0020 stays what it is. What a rule makes of code points of
which the last is a letter or number is something, and ends in no white space; so where a step behind drops or
joins white space, that beside the place is on the same side of it either way.

**Any other rules** may do anything, so nothing is claimed of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fasttok.text import _cuts

# The kinds of code points, in the order of _cuts.pyx: BLANK is U+0020, SPACE other white space.
LETTER, NUMBER, PUNCTUATION, OTHER, BLANK, SPACE = KINDS = range(6)


@dataclass(frozen=True, eq=False)
class Cuts:
    """What is known of a pretokenizer at a place between two code points.

    Parameters
    ----------
    always, neutral : ndarray of bool, shape (6, 6)
        The pairs of kinds, before the place and behind it, for which the claim holds; see above.
    """

    always: NDArray[np.bool_]
    neutral: NDArray[np.bool_]

    def then(self, step: Cuts) -> Cuts:
        """What is known of these pretokenizers one after the other."""
        return Cuts(self.always | step.always, self.neutral & step.neutral)

    def find(self, text: NDArray[np.uint8]) -> int:
        """The last place that is safe whatever stands around the text; 0 if there is none. O(n)."""
        safe = self.always & self.neutral
        return int(_cuts.find_cut(text, safe.view(np.uint8))) if safe.any() else 0


@dataclass(frozen=True, eq=False)
class RewritingCuts:
    """What is known of something that rewrites text, at a place between two code points.

    Parameters
    ----------
    neutral : ndarray of bool, shape (6, 6)
        The pairs of kinds, before the place and behind it, at which the parts may be rewritten apart.
    becomes : ndarray of bool, shape (6, 6)
        What may stand beside such a place afterwards, in the row of the kind that stood there before.
    """

    neutral: NDArray[np.bool_]
    becomes: NDArray[np.bool_]

    def then(self, step: Cuts) -> Cuts:
        """What is known of raw text that is rewritten, then cut by a pretokenizer."""
        return Cuts(self._before(step.always), self._before(step.neutral))

    def then_rewriting(self, step: RewritingCuts) -> RewritingCuts:
        """What is known of this and another rewriting one after the other."""
        return RewritingCuts(self._before(step.neutral), self.becomes @ step.becomes)

    def _before(self, claim: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return self.neutral & ~(self.becomes @ ~claim @ self.becomes.T)


_before, _behind = np.indices((len(KINDS), len(KINDS)))
_everywhere = np.ones((len(KINDS), len(KINDS)), np.bool_)
_words = np.isin(_before, (LETTER, NUMBER)) & (_behind >= BLANK) | (_before < BLANK) & (_behind == BLANK)
_both_words = np.isin(_before, (LETTER, NUMBER, OTHER)) & np.isin(_behind, (LETTER, NUMBER, OTHER))
_both_space = (_before >= BLANK) & (_behind >= BLANK)
_numbers = (_before == NUMBER).astype(int) + (_behind == NUMBER)

NOTHING_KNOWN = Cuts(~_everywhere, ~_everywhere)
REWRITES_ANYTHING = RewritingCuts(~_everywhere, _everywhere)
_rules = RewritingCuts(
    np.isin(_before, (LETTER, NUMBER)) & (_behind == BLANK),
    np.where(_before < BLANK, _behind < BLANK, _before == _behind),
)
_forms = RewritingCuts(
    _behind >= BLANK,
    np.where(
        _before < BLANK, _behind < BLANK, (_before == _behind) | (_before == SPACE) & (_behind == BLANK)
    ),
)
_always_there = np.isin(_before, (LETTER, NUMBER, PUNCTUATION, BLANK))
_alone = RewritingCuts(
    _always_there & _always_there.T, (_before == _behind) | (_before == LETTER) & (_behind == OTHER)
)
_bert = RewritingCuts(_alone.neutral, _alone.becomes | (_before == LETTER) & (_behind == BLANK))
REWRITING_CUTS: dict[str, RewritingCuts] = {
    "identity": RewritingCuts(_everywhere, _before == _behind),
    **dict.fromkeys(("sp_nfkc", "nmt_nfkc", "sp_nfkc_cf", "nmt_nfkc_cf"), _rules),
    **dict.fromkeys(("nfc", "nfd", "nfkc", "nfkd"), _forms),
    **dict.fromkeys(("lowercase", "strip_accents"), _alone),
    "bert": _bert,
    "strip": RewritingCuts((_before < BLANK) | (_behind < BLANK), _before == _behind),
}
CUTS: dict[str, Cuts] = {
    **dict.fromkeys(("gpt2", "cl100k", "llama3", "qwen2", "o200k", "whitespace"), Cuts(_words, _words)),
    "whitespace_split": Cuts((_before >= BLANK) | (_behind >= BLANK), _everywhere),
    "bert": Cuts(~_both_words, _everywhere),
    "punctuation": Cuts(~_both_words & ~_both_space, _everywhere),
    "digits_single": Cuts(_numbers >= 1, _everywhere),
    "script": Cuts(~_everywhere, _behind != OTHER),
    **dict.fromkeys(("digits_threes_left", "digits_threes_right"), Cuts(_numbers == 1, _numbers <= 1)),
    "none": Cuts(~_everywhere, _everywhere),
}


def cuts_of_words(remove_extra_whitespaces: bool, as_suffix: bool) -> Cuts:
    """What is known of `Metaspace` where it cuts words."""
    blank, other = (_before, _behind) if as_suffix else (_behind, _before)
    is_known = (blank == BLANK) & ((other != BLANK) | (not remove_extra_whitespaces))
    return Cuts(is_known, is_known)
