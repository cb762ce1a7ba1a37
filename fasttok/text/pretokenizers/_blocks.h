/* Where pretokens begin in the next 64 bytes, all at once, for text that is ASCII.
 *
 * Each function is given a position at which a pretoken begins and sets a bit for every later position in the
 * block at which one begins too. It may leave out any number of bits at the end of the block, where something
 * comes that it cannot tell (a byte that is not ASCII, a contraction or white space across the edge): the caller
 * goes on from the last position it was given. No bits at all: the caller must find the next one itself. Words
 * alone (ft_words) have two bits each.
 *
 * SSE2 is part of every x86-64 processor. Elsewhere no bits are set and the scalar scanners do all the work.
 */
#ifndef FASTTOK_BLOCKS_H
#define FASTTOK_BLOCKS_H

#include <stdint.h>

#if defined(__SSE2__) && defined(__GNUC__)
#include <emmintrin.h>

#define FT_BLOCK 64

typedef struct {
    uint64_t letter, number, space, blank, newline, quote, printable, high;
} ft_classes; /* a bit a byte; blank is U+0020, newline \r or \n, quote ', printable what is from ! to ~, high what is not ASCII */

static inline uint64_t ft_mask(const __m128i *v)
{
    return (uint64_t)(unsigned)_mm_movemask_epi8(v[0]) | (uint64_t)(unsigned)_mm_movemask_epi8(v[1]) << 16
        | (uint64_t)(unsigned)_mm_movemask_epi8(v[2]) << 32 | (uint64_t)(unsigned)_mm_movemask_epi8(v[3]) << 48;
}

/* first <= byte <= last, for bounds below 128; signed comparison leaves bytes from 128 on out. */
static inline __m128i ft_between(__m128i v, char first, char last)
{
    return _mm_and_si128(_mm_cmpgt_epi8(v, _mm_set1_epi8((char)(first - 1))), _mm_cmplt_epi8(v, _mm_set1_epi8((char)(last + 1))));
}

static inline ft_classes ft_classify(const uint8_t *p)
{
    __m128i v[4], letter[4], number[4], control[4], blank[4], newline[4], quote[4], printable[4];
    ft_classes c;
    int i;
    for (i = 0; i < 4; i++) {
        v[i] = _mm_loadu_si128((const __m128i *)(p + 16 * i));
        letter[i] = ft_between(_mm_or_si128(v[i], _mm_set1_epi8(0x20)), 'a', 'z');
        number[i] = ft_between(v[i], '0', '9');
        control[i] = ft_between(v[i], '\t', '\r');
        blank[i] = _mm_cmpeq_epi8(v[i], _mm_set1_epi8(' '));
        newline[i] = _mm_or_si128(_mm_cmpeq_epi8(v[i], _mm_set1_epi8('\n')), _mm_cmpeq_epi8(v[i], _mm_set1_epi8('\r')));
        quote[i] = _mm_cmpeq_epi8(v[i], _mm_set1_epi8('\''));
        printable[i] = ft_between(v[i], '!', '~');
    }
    c.letter = ft_mask(letter);
    c.number = ft_mask(number);
    c.blank = ft_mask(blank);
    c.space = ft_mask(control) | c.blank;
    c.newline = ft_mask(newline);
    c.quote = ft_mask(quote);
    c.printable = ft_mask(printable);
    c.high = ft_mask(v);
    return c;
}

/* Where the bit is set that makes an ASCII letter small; and where slashes are. */
static inline uint64_t ft_small(const uint8_t *p, uint64_t *slashes)
{
    __m128i v[4], slash[4];
    int i;
    for (i = 0; i < 4; i++) {
        v[i] = _mm_loadu_si128((const __m128i *)(p + 16 * i));
        slash[i] = _mm_cmpeq_epi8(v[i], _mm_set1_epi8('/'));
        v[i] = _mm_slli_epi16(v[i], 2); /* bit 5 of every byte is its bit 7 now */
    }
    *slashes = ft_mask(slash);
    return ft_mask(v);
}

/* The bits below n, 0 <= n <= 64. */
static inline uint64_t ft_below(int n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

/* The length of the contraction at p, which is a quote; 0 if there is none. Reads three bytes. */
static inline int ft_contraction(const uint8_t *p, uint8_t fold)
{
    uint8_t a = p[1] | fold, b = p[2] | fold;
    if (a == 's' || a == 'd' || a == 'm' || a == 't')
        return 2;
    return (a == 'l' && b == 'l') || (a == 'v' && b == 'e') || (a == 'r' && b == 'e') ? 3 : 0;
}

/* Mends `starts` for the contractions that begin at a quote; drops what lies behind one too close to the edge. */
static inline uint64_t ft_contractions(const uint8_t *p, uint64_t starts, uint64_t quotes, uint8_t fold)
{
    while (quotes) {
        int at = __builtin_ctzll(quotes), length;
        quotes &= quotes - 1;
        if (!(starts >> at & 1))
            continue;
        if (at > FT_BLOCK - 4)
            return starts & ft_below(at + 1);
        length = ft_contraction(p + at, fold);
        if (length) {
            starts &= ~(UINT64_C(2) << at);
            starts |= UINT64_C(1) << (at + length);
        }
    }
    return starts;
}

/* GPT-2: '(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
static inline uint64_t ft_starts_gpt2(const uint8_t *p)
{
    ft_classes c = ft_classify(p);
    uint64_t other = ~(c.letter | c.number | c.space);
    uint64_t after_space = c.space << 1, after_blank = c.blank << 1, before_space = c.space >> 1;
    /* White space begins a pretoken at its first byte and at its last, if something follows; what follows it
     * begins one unless it was a blank; elsewhere one begins wherever the class changes. */
    uint64_t starts = (c.space & ~(after_space & before_space))
        | (~c.space & after_space & ~after_blank)
        | (~after_space & ((c.letter & ~(c.letter << 1)) | (c.number & ~(c.number << 1)) | (other & ~(other << 1))));
    int usable = FT_BLOCK - 1; /* the last byte's successor is not known */
    if (c.high)
        usable = __builtin_ctzll(c.high) - 1;
    if (usable <= 0)
        return 0;
    starts = (starts | 1) & ft_below(usable);
    return ft_contractions(p, starts, c.quote, 0) & ft_below(usable) & ~UINT64_C(1);
}

/* What cl100k's pattern and those made after it have in common: the other character in front of a word, line
 * ends, digits in threes or, where `digits` is 1, alone. `usable` is how many bits to trust. */
static inline uint64_t ft_starts_common(ft_classes c, int digits, int *usable)
{
    uint64_t other = ~(c.letter | c.number | c.space);
    uint64_t after_space = c.space << 1, before_space = c.space >> 1;
    /* A line end alone behind other characters belongs to them. */
    uint64_t taken = c.newline & (other << 1);
    /* One other character that begins a pretoken, and white space but for line ends, go with letters behind them. */
    uint64_t single = other & ~(other << 1) & ~(other >> 1) & ~(c.blank << 1);
    uint64_t leads = single | (c.space & ~c.newline);
    uint64_t starts = (c.space & ~(after_space & before_space) & ~taken) | (c.letter & ~(c.letter << 1) & ~(leads << 1))
        | (c.number & ~(c.number << 1)) | (other & ~(other << 1) & ~(c.blank << 1));
    uint64_t fourth = c.number & c.number << 1 & c.number << 2 & c.number << 3;
    uint64_t lines = c.newline & (after_space | before_space); /* white space of several, with line ends: not here */
    *usable = FT_BLOCK - 1;
    if (c.high)
        *usable = __builtin_ctzll(c.high) - 1;
    if (lines) {
        uint64_t before = ~c.space & ft_below(__builtin_ctzll(lines));
        int run = before ? 64 - __builtin_clzll(before) : 0;
        if (run < *usable)
            *usable = run;
    }
    if (digits == 1)
        return starts | c.number | 1;
    while (fourth) { /* every third digit begins a group */
        uint64_t next = fourth & (0 - fourth);
        starts |= next;
        fourth &= ~(next * 7);
    }
    return starts | 1;
}

/* cl100k: '(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+$|\s*[\r\n]|\s+(?!\S)|\s
 * In a block, Llama 3's pattern is the same, and Qwen 2's takes one digit at a time; `digits` is 3 or 1. */
static inline uint64_t ft_starts_cl100k(const uint8_t *p, int digits)
{
    ft_classes c = ft_classify(p);
    int usable;
    uint64_t starts = ft_starts_common(c, digits, &usable);
    if (usable <= 0)
        return 0;
    return ft_contractions(p, starts & ft_below(usable), c.quote, 0x20) & ft_below(usable) & ~UINT64_C(1);
}

/* o200k, where a word also ends before a capital letter behind a small one, and takes a contraction with it. */
static inline uint64_t ft_starts_o200k(const uint8_t *p)
{
    ft_classes c = ft_classify(p);
    uint64_t quotes = c.quote & c.letter << 1, slashes, small = ft_small(p, &slashes) & c.letter;
    int usable, behind = 0; /* the last contraction */
    uint64_t starts = ft_starts_common(c, 3, &usable) | (c.letter & ~small & small << 1);
    while (quotes) {
        int at = __builtin_ctzll(quotes), length;
        quotes &= quotes - 1;
        if (at > FT_BLOCK - 4) {
            if (at < usable)
                usable = at;
            break;
        }
        if (at == behind)
            continue; /* what stands before this quote is a contraction, not a word */
        length = ft_contraction(p + at, 0x20);
        if (length) {
            behind = at + length;
            starts &= ~(ft_below(length) << at);
            starts |= UINT64_C(1) << behind;
        }
    }
    /* Other characters take line ends and slashes behind them: a slash behind a line end is not for here. */
    slashes &= c.newline << 1;
    if (slashes && __builtin_ctzll(slashes) < usable)
        usable = __builtin_ctzll(slashes);
    if (usable <= 0)
        return 0;
    return starts & ft_below(usable) & ~UINT64_C(1);
}

/* Where words begin that white space separates, and in `last` where they have their last bytes; with `apart` every
 * character of punctuation is a word. Unlike above, the first byte may be white space. The nth bit of both is the nth
 * word; a word that may go on behind the edge, or behind a byte that is not ASCII, has none in `last`. */
static inline uint64_t ft_words(const uint8_t *p, int apart, uint64_t *last)
{
    ft_classes c = ft_classify(p);
    int usable = c.high ? __builtin_ctzll(c.high) : FT_BLOCK;
    uint64_t within = ft_below(usable), seen = within & ~c.space;
    uint64_t alone = apart ? seen & c.printable & ~(c.letter | c.number) : 0;
    uint64_t other = seen & ~alone;
    *last = alone | (other & ~(other >> 1) & within >> 1);
    return alone | (other & ~(other << 1));
}

#else
#define FT_BLOCK 64
static inline uint64_t ft_words(const uint8_t *p, int apart, uint64_t *last)
{
    (void)p;
    (void)apart;
    *last = 0;
    return 0;
}
static inline uint64_t ft_starts_gpt2(const uint8_t *p)
{
    (void)p;
    return 0;
}
static inline uint64_t ft_starts_cl100k(const uint8_t *p, int digits)
{
    (void)p;
    (void)digits;
    return 0;
}
static inline uint64_t ft_starts_o200k(const uint8_t *p)
{
    (void)p;
    return 0;
}
#endif

#endif
