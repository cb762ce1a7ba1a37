/* Search for all pretokens that begin in the next 64 bytes of ASCII text.
 *
 * The argument of each function is a position at which a pretoken begins. The function returns a bit for every later
 * position in the block at which another pretoken begins. It omits the bits at the end of the block from which on the
 * pretokens cannot be determined (a byte that is not ASCII, or a contraction or white space that crosses the end of
 * the block). The caller then continues from the last position returned. If no bit is set, the caller must find the
 * next pretoken with a scalar scanner. ft_words has another interface.
 *
 * This uses SSE2, which every x86-64 processor has. On other processors, no bits are set and the scalar scanners do all
 * the work.
 */
#ifndef FASTTOK_BLOCKS_H
#define FASTTOK_BLOCKS_H

#include <stdint.h>

#if defined(__SSE2__) && defined(__GNUC__)
#include <emmintrin.h>

#define FT_BLOCK 64

typedef struct {
    uint64_t letter, number, space, blank, newline, quote, printable, high;
} ft_classes; /* one bit per byte; blank: U+0020, newline: \r or \n, quote: ', printable: ! to ~, high: not ASCII */

static inline uint64_t ft_mask(const __m128i *v)
{
    return (uint64_t)(unsigned)_mm_movemask_epi8(v[0]) | (uint64_t)(unsigned)_mm_movemask_epi8(v[1]) << 16
        | (uint64_t)(unsigned)_mm_movemask_epi8(v[2]) << 32 | (uint64_t)(unsigned)_mm_movemask_epi8(v[3]) << 48;
}

/* first <= byte <= last, for bounds below 128. Bytes from 128 on are negative here, so they never match. */
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

/* Returns the bytes with bit 5 set, which are the lower-case letters among ASCII letters; stores the slashes. */
static inline uint64_t ft_lower(const uint8_t *p, uint64_t *slashes)
{
    __m128i v[4], slash[4];
    int i;
    for (i = 0; i < 4; i++) {
        v[i] = _mm_loadu_si128((const __m128i *)(p + 16 * i));
        slash[i] = _mm_cmpeq_epi8(v[i], _mm_set1_epi8('/'));
        v[i] = _mm_slli_epi16(v[i], 2); /* moves bit 5 of every byte to its bit 7 */
    }
    *slashes = ft_mask(slash);
    return ft_mask(v);
}

/* The bits below n, 0 <= n <= 64. */
static inline uint64_t ft_below(int n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

/* Returns the length of the contraction at p, which is a quote; 0 if there is none. Reads three bytes. */
static inline int ft_contraction(const uint8_t *p, uint8_t fold)
{
    uint8_t a = p[1] | fold, b = p[2] | fold;
    if (a == 's' || a == 'd' || a == 'm' || a == 't')
        return 2;
    return (a == 'l' && b == 'l') || (a == 'v' && b == 'e') || (a == 'r' && b == 'e') ? 3 : 0;
}

/* Corrects `starts` for the contractions that begin at a quote. Drops the bits after a quote too close to the end. */
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
    /* A run of white space begins a pretoken at its first byte and, if other text follows, at its last byte. The text
     * after it begins a pretoken unless that last byte is a blank. Elsewhere, a pretoken begins wherever the class
     * changes. */
    uint64_t starts = (c.space & ~(after_space & before_space))
        | (~c.space & after_space & ~after_blank)
        | (~after_space & ((c.letter & ~(c.letter << 1)) | (c.number & ~(c.number << 1)) | (other & ~(other << 1))));
    int usable = FT_BLOCK - 1; /* the byte after the last one is unknown */
    if (c.high)
        usable = __builtin_ctzll(c.high) - 1;
    if (usable <= 0)
        return 0;
    starts = (starts | 1) & ft_below(usable);
    return ft_contractions(p, starts, c.quote, 0) & ft_below(usable) & ~UINT64_C(1);
}

/* Returns the bits common to cl100k and the patterns derived from it. They account for a character of another class
 * before a word, for line ends, and for digits: in groups of three or, if `digits` is 1, one by one. Stores the number
 * of valid bits in `usable`. */
static inline uint64_t ft_starts_common(ft_classes c, int digits, int *usable)
{
    uint64_t other = ~(c.letter | c.number | c.space);
    uint64_t after_space = c.space << 1, before_space = c.space >> 1;
    /* A single line end after other characters belongs to their pretoken. */
    uint64_t taken = c.newline & (other << 1);
    /* A single other character that begins a pretoken is a prefix of a word; so is white space except line ends. */
    uint64_t single = other & ~(other << 1) & ~(other >> 1) & ~(c.blank << 1);
    uint64_t leads = single | (c.space & ~c.newline);
    uint64_t starts = (c.space & ~(after_space & before_space) & ~taken) | (c.letter & ~(c.letter << 1) & ~(leads << 1))
        | (c.number & ~(c.number << 1)) | (other & ~(other << 1) & ~(c.blank << 1));
    uint64_t fourth = c.number & c.number << 1 & c.number << 2 & c.number << 3;
    uint64_t lines = c.newline & (after_space | before_space); /* runs of white space with line ends are left to the scalar scanner */
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
 * In a block, the pattern of Llama 3 is the same; that of Qwen 2 splits digits one by one. `digits` is 3 or 1. */
static inline uint64_t ft_starts_cl100k(const uint8_t *p, int digits)
{
    ft_classes c = ft_classify(p);
    int usable;
    uint64_t starts = ft_starts_common(c, digits, &usable);
    if (usable <= 0)
        return 0;
    return ft_contractions(p, starts & ft_below(usable), c.quote, 0x20) & ft_below(usable) & ~UINT64_C(1);
}

/* o200k: a word also ends between a lower-case and an upper-case letter, and it includes a contraction after it. */
static inline uint64_t ft_starts_o200k(const uint8_t *p)
{
    ft_classes c = ft_classify(p);
    uint64_t quotes = c.quote & c.letter << 1, slashes, lower = ft_lower(p, &slashes) & c.letter;
    int usable, after_contraction = 0; /* the end of the last contraction */
    uint64_t starts = ft_starts_common(c, 3, &usable) | (c.letter & ~lower & lower << 1);
    while (quotes) {
        int at = __builtin_ctzll(quotes), length;
        quotes &= quotes - 1;
        if (at > FT_BLOCK - 4) {
            if (at < usable)
                usable = at;
            break;
        }
        if (at == after_contraction)
            continue; /* a contraction precedes this quote, not a word */
        length = ft_contraction(p + at, 0x20);
        if (length) {
            after_contraction = at + length;
            starts &= ~(ft_below(length) << at);
            starts |= UINT64_C(1) << after_contraction;
        }
    }
    /* Other characters include line ends and slashes after them. A slash after a line end is left to the scalar
     * scanner. */
    slashes &= c.newline << 1;
    if (slashes && __builtin_ctzll(slashes) < usable)
        usable = __builtin_ctzll(slashes);
    if (usable <= 0)
        return 0;
    return starts & ft_below(usable) & ~UINT64_C(1);
}

/* Returns the first bytes of words separated by white space, and stores their last bytes in `last`. The nth bits of
 * both belong to the nth word. With `split_punctuation`, every punctuation character is a word. Unlike above, the first
 * byte may be white space. A word that may continue after the block, or after a byte that is not ASCII, has no bit in
 * `last`. */
static inline uint64_t ft_words(const uint8_t *p, int split_punctuation, uint64_t *last)
{
    ft_classes c = ft_classify(p);
    int usable = c.high ? __builtin_ctzll(c.high) : FT_BLOCK;
    uint64_t within = ft_below(usable), seen = within & ~c.space;
    uint64_t alone = split_punctuation ? seen & c.printable & ~(c.letter | c.number) : 0;
    uint64_t other = seen & ~alone;
    *last = alone | (other & ~(other >> 1) & within >> 1);
    return alone | (other & ~(other << 1));
}

#else
#define FT_BLOCK 64
static inline uint64_t ft_words(const uint8_t *p, int split_punctuation, uint64_t *last)
{
    (void)p;
    (void)split_punctuation;
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
