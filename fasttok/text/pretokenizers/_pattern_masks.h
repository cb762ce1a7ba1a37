/* Find all pretokens that begin in a block of text, from masks that have one bit per character.
 *
 * Bit i of a mask tells whether character i of the block has a property. A pretoken begins at character 0. Each function
 * below follows the regular expression of a pattern (scanners.py) and returns a bit for every character at which a
 * pretoken begins. It stores in *known the number of characters up to which the bits are correct: what follows the
 * block is unknown, and a few rare combinations are left to the scanner of single pretokens.
 *
 * A sum propagates a bit upwards: m + s clears the run of ones of m that begins at the bit s, and sets the bit after it.
 */
#ifndef FASTTOK_PATTERN_MASKS_H
#define FASTTOK_PATTERN_MASKS_H

#include "../../core/_keys.h"

#if defined(__GNUC__)
#define FT_INLINE static inline __attribute__((always_inline))
#else
#define FT_INLINE static inline
#endif

#define FT_BLOCK 64 /* bytes of a block, and most characters */

/* Bits of a class, as in _scan.pxd. */
enum { FT_LETTER = 1, FT_NUMBER = 2, FT_SPACE = 4, FT_MARK = 8, FT_UPPER = 16, FT_LOWER = 32 };

/* The patterns, as in _scan.pyx. */
enum { FT_GPT2, FT_CL100K, FT_LLAMA3, FT_QWEN2, FT_O200K };

typedef struct {
    uint64_t letter, number, space, mark, upper, lower; /* classes */
    uint64_t blank, newline, quote, slash; /* U+0020, \r or \n, ', / */
    int n; /* number of characters */
} ft_masks;

/* Letters of contractions, in lower case or, for patterns that ignore case, in any case. */
typedef struct {
    uint64_t one; /* s, d, m or t */
    uint64_t l, e, v_or_r;
    uint64_t unclear; /* the first byte of U+017F, the long s, which equals s if case is ignored */
} ft_contraction_letters;

/* Return the bits below n, 0 <= n <= 64. */
FT_INLINE uint64_t ft_below(int n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

/* Return the number of bits up to the lowest bit of m, but at most n. */
FT_INLINE int ft_limit(int n, uint64_t m)
{
    return m && ft_ctz(m) < n ? ft_ctz(m) : n;
}

/* Return the bits of `run` from which ones of `run` lead up to a bit of `last`, which is a part of `run`. */
FT_INLINE uint64_t ft_fill_down(uint64_t last, uint64_t run)
{
    int step;
    for (step = 1; step < 64; step *= 2) {
        last |= run & last >> step;
        run &= run >> step;
    }
    return last;
}

/* Return a bit for every third digit of a run, which begins a group; `run` has the digits. */
FT_INLINE uint64_t ft_groups_of_three(uint64_t run)
{
    uint64_t later = run & run << 1 & run << 2 & run << 3, groups = 0;
    while (later) {
        uint64_t next = later & (0 - later);
        groups |= next;
        later &= ~(next * 7);
    }
    return groups;
}

/* GPT-2, without contractions. A run of white space begins a pretoken at its first character and, if other text
 * follows, at its last one. The text after it begins a pretoken unless that last one is a blank. Elsewhere, a pretoken
 * begins where the class changes. */
FT_INLINE uint64_t ft_starts_gpt2(const ft_masks *m, int *known)
{
    uint64_t other = ~(m->letter | m->number | m->space), after_space = m->space << 1;
    *known = m->n - 1; /* the last character: whether more white space follows */
    return (m->space & ~(after_space & m->space >> 1)) | (~m->space & after_space & ~(m->blank << 1))
        | (~after_space
            & ((m->letter & ~(m->letter << 1)) | (m->number & ~(m->number << 1)) | (other & ~(other << 1))));
}

/* o200k splits runs of word characters by case: at a capital after lower-case letters, which characters without case
 * may follow; and before the capitals at the end of a word if a character without case precedes them. */
FT_INLINE uint64_t ft_starts_within_words(const ft_masks *m, uint64_t word, int *known)
{
    uint64_t caseless = word & ~m->upper & ~m->lower, lower = m->lower, capitals;
    if (caseless == 0)
        return m->upper & lower << 1;
    lower |= caseless & ~(caseless + (caseless & lower << 1));
    capitals = m->upper & (caseless & ~lower) << 1;
    if (capitals) {
        uint64_t later = ~m->upper & ft_below(m->n);
        int last_run = later ? ft_highest_bit(later) + 1 : 0; /* the capitals that may continue after the block */
        if (last_run < *known)
            *known = last_run;
        capitals &= ft_fill_down(m->upper & ~(word >> 1), m->upper);
    }
    return (m->upper & lower << 1) | capitals;
}

/* cl100k and the patterns derived from it, without contractions. */
FT_INLINE uint64_t ft_starts_cl100k(const ft_masks *m, int pattern, int *known)
{
    uint64_t word = m->letter, other, after_other, taken, run, plain, last, single, prefix, starts, outside;
    int settled;
    if (pattern == FT_O200K)
        word |= m->mark;
    other = ~(word | m->number | m->space);
    /* Line ends after other characters belong to their pretoken; for o200k, also slashes after these line ends. */
    after_other = m->newline & other << 1;
    taken = pattern == FT_O200K ? m->newline | m->slash : m->newline;
    taken = (taken & ~(taken + after_other)) | after_other;
    other &= ~taken;
    /* The remaining white space comes in runs. A pretoken ends after the last line end of a run, and before its last
     * character if that is no line end. */
    run = m->space & ~taken;
    plain = run & ~m->newline;
    last = plain & ~(run >> 1);
    starts = (run & ~(run << 1)) | last;
    if (run & m->newline)
        starts |= ft_fill_down(last, plain) & ~(plain << 1);
    /* A single other character is a prefix of the word after it; so is white space except line ends. */
    single = other & ~(other << 1) & ~(other >> 1) & ~(m->blank << 1);
    prefix = single | (m->space & ~m->newline);
    starts |= (word & ~(word << 1) & ~(prefix << 1)) | (other & ~(other << 1) & ~(m->blank << 1));
    starts |= pattern == FT_QWEN2 ? m->number : m->number & ~(m->number << 1);
    if (pattern != FT_QWEN2)
        starts |= ft_groups_of_three(m->number);
    *known = m->n - 1; /* the last character: whether it is single */
    outside = ~run & ft_below(m->n);
    settled = outside ? ft_highest_bit(outside) + 2 : 1; /* a run of white space at the end may go on */
    if (settled < *known)
        *known = settled;
    if (pattern == FT_O200K) {
        starts |= ft_starts_within_words(m, word, known);
        *known = ft_limit(*known, m->mark & other << 1); /* a mark belongs to several other characters before it */
    }
    return starts;
}

/* Return whether a pretoken that has no end in the block is a word that continues with the last character of the block
 * as if it began there. For o200k, this holds for characters without case. */
FT_INLINE int ft_is_in_word(const ft_masks *m, int pattern)
{
    uint64_t word = m->letter;
    if (pattern == FT_O200K)
        word = (m->letter | m->mark) & ~m->upper & ~m->lower;
    if (m->n < 2 || (pattern == FT_O200K && (m->lower & 1)))
        return 0;
    return (~(word | 1) & ft_below(m->n)) == 0;
}

/* Return a bit for each quote that begins a contraction, if a pretoken begins there: those of two and of three
 * characters. */
FT_INLINE void ft_find_contractions(
    uint64_t quotes, const ft_contraction_letters *letters, uint64_t *two, uint64_t *three)
{
    *two = quotes & letters->one >> 1;
    *three = quotes & ((letters->l >> 1 & letters->l >> 2) | (letters->v_or_r >> 1 & letters->e >> 2));
}

/* Correct `starts` for contractions, which are pretokens of their own. */
FT_INLINE uint64_t ft_split_contractions(
    const ft_masks *m, const ft_contraction_letters *letters, uint64_t starts, int *known)
{
    uint64_t quotes = m->quote & starts & ft_below(*known), two, three, unclear;
    ft_find_contractions(quotes, letters, &two, &three);
    unclear = quotes & (letters->unclear >> 1 | ~ft_below(m->n > 2 ? m->n - 2 : 0));
    if (unclear)
        *known = ft_limit(*known, unclear << 1);
    return (starts & ~((two | three) << 1)) | two << 2 | three << 3;
}

/* Correct `starts` for o200k: a contraction belongs to the word before it. */
FT_INLINE uint64_t ft_join_contractions(
    const ft_masks *m, const ft_contraction_letters *letters, uint64_t starts, int *known)
{
    uint64_t word = m->letter | m->mark, quotes = m->quote & word << 1 & ft_below(*known), two, three, unclear;
    int after = -1; /* the end of the last contraction */
    unclear = quotes & (letters->unclear >> 1 | ~ft_below(m->n > 2 ? m->n - 2 : 0));
    if (unclear) {
        *known = ft_limit(*known, unclear);
        quotes &= ft_below(*known);
    }
    ft_find_contractions(quotes, letters, &two, &three);
    quotes = two | three;
    while (quotes) {
        int at = ft_ctz(quotes);
        quotes &= quotes - 1;
        if (at == after)
            continue; /* a contraction precedes this quote, not a word */
        after = at + (two >> at & 1 ? 2 : 3);
        starts &= ~(ft_below(after - at) << at);
        if (after >= FT_BLOCK)
            break;
        starts |= UINT64_C(1) << after;
        if ((word & ~m->upper & ~m->lower) >> after & 1) {
            /* A character without case at the start of a word: the bits above are for one inside a word. */
            *known = ft_limit(*known, UINT64_C(2) << after);
            break;
        }
    }
    return starts;
}

#endif
