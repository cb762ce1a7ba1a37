/* Search for all words that are in the next 64 bytes of ASCII text.
 *
 * This uses SSE2, which every x86-64 processor has. On other processors, no word ends in a block, and the scalar
 * scanners do all the work.
 */
#ifndef FASTTOK_BLOCKS_H
#define FASTTOK_BLOCKS_H

#include <stdint.h>

#if defined(__SSE2__) && defined(__GNUC__)
#include <emmintrin.h>

#define FT_BLOCK 64

typedef struct {
    uint64_t letter, number, space, printable, high;
} ft_classes; /* one bit per byte; printable: ! to ~, high: not ASCII */

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
    __m128i v[4], letter[4], number[4], space[4], printable[4];
    ft_classes c;
    int i;
    for (i = 0; i < 4; i++) {
        v[i] = _mm_loadu_si128((const __m128i *)(p + 16 * i));
        letter[i] = ft_between(_mm_or_si128(v[i], _mm_set1_epi8(0x20)), 'a', 'z');
        number[i] = ft_between(v[i], '0', '9');
        space[i] = _mm_or_si128(ft_between(v[i], '\t', '\r'), _mm_cmpeq_epi8(v[i], _mm_set1_epi8(' ')));
        printable[i] = ft_between(v[i], '!', '~');
    }
    c.letter = ft_mask(letter);
    c.number = ft_mask(number);
    c.space = ft_mask(space);
    c.printable = ft_mask(printable);
    c.high = ft_mask(v);
    return c;
}

/* The bits below n, 0 <= n <= 64. */
static inline uint64_t ft_below(int n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

/* Returns the first bytes of words separated by white space, and stores their last bytes in `last`. The nth bits of
 * both belong to the nth word. With `split_punctuation`, every punctuation character is a word. The first
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
#endif

#endif
