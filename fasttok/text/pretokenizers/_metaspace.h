/* Search for spaces and for the mark that replaces them, U+2581, in blocks of bytes.
 *
 * This uses SSE2, which every x86-64 processor has. On other processors, it searches byte by byte. */
#ifndef FASTTOK_METASPACE_H
#define FASTTOK_METASPACE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__) && defined(__GNUC__)
#include <emmintrin.h>
#define FT_METASPACE_SSE2 1
#endif

/* Copies text up to the next U+0020 or to the end, whichever comes first; returns the number of bytes. May overwrite up
 * to 15 bytes of `out` after the copy. Reads nothing at or after `readable`. */
static inline ptrdiff_t ft_copy_word(const uint8_t *p, const uint8_t *end, const uint8_t *readable, uint8_t *out)
{
    const uint8_t *start = p;
#ifdef FT_METASPACE_SSE2
    const __m128i space = _mm_set1_epi8(' ');
    while (readable - p >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)p);
        unsigned found = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, space));
        _mm_storeu_si128((__m128i *)out, v);
        if (found || end - p <= 16) {
            ptrdiff_t n = found ? __builtin_ctz(found) : 16;
            if (n > end - p)
                n = end - p;
            return p + n - start;
        }
        p += 16;
        out += 16;
    }
#endif
    (void)readable;
    while (p < end && *p != ' ')
        *out++ = *p++;
    return p - start;
}

/* Returns the positions of spaces in the next 64 bytes, one bit per byte. */
static inline uint64_t ft_spaces(const uint8_t *p)
{
    uint64_t found = 0;
    int i;
#ifdef FT_METASPACE_SSE2
    const __m128i space = _mm_set1_epi8(' ');
    for (i = 0; i < 4; i++) {
        __m128i v = _mm_loadu_si128((const __m128i *)(p + 16 * i));
        found |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, space)) << (16 * i);
    }
#else
    for (i = 0; i < 64; i++)
        found |= (uint64_t)(p[i] == ' ') << i;
#endif
    return found;
}

/* Writes text with marks instead of spaces or, if `merge`, one mark instead of a run of spaces. Moves `out` to the end of
 * what was written; may overwrite up to 15 bytes after it. Reads nothing at or after `readable`, and therefore may stop
 * before the end. Returns the place at which it stopped. */
static inline const uint8_t *ft_write_marked(
    const uint8_t *p, const uint8_t *end, const uint8_t *readable, int merge, uint8_t **out)
{
#ifdef FT_METASPACE_SSE2
    const uint8_t *start = p; /* text before it has been written */
    uint8_t *o = *out;
    uint64_t carry = 0; /* whether the block follows a space */
    while (p < end && readable - p >= 64 + 16) {
        uint64_t spaces = ft_spaces(p);
        if (end - p < 64)
            spaces &= ((uint64_t)1 << (end - p)) - 1;
        uint64_t bits = merge ? spaces & ~(spaces << 1 | carry) : spaces;
        carry = spaces >> 63;
        while (bits) {
            const uint8_t *at = p + __builtin_ctzll(bits);
            for (; at - start > 16; start += 16, o += 16)
                _mm_storeu_si128((__m128i *)o, _mm_loadu_si128((const __m128i *)start));
            _mm_storeu_si128((__m128i *)o, _mm_loadu_si128((const __m128i *)start));
            o += at - start;
            memcpy(o, "\xe2\x96\x81", 3);
            o += 3;
            start = at + 1;
            while (merge && start < end && *start == ' ')
                start++;
            bits &= bits - 1;
        }
        p += 64;
    }
    if (p >= end) {
        memcpy(o, start, end - start);
        o += end - start;
        start = end;
    }
    *out = o;
    return start;
#else
    (void)end, (void)readable, (void)merge, (void)out;
    return p;
#endif
}

/* Returns the positions of marks that begin in the next 64 bytes, one bit per byte. Reads 66 bytes. */
static inline uint64_t ft_marks(const uint8_t *p)
{
    uint64_t found = 0;
    int i;
#ifdef FT_METASPACE_SSE2
    const __m128i first = _mm_set1_epi8((char)0xE2), second = _mm_set1_epi8((char)0x96), third = _mm_set1_epi8((char)0x81);
    for (i = 0; i < 4; i++, p += 16) {
        __m128i a = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)p), first);
        __m128i b = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(p + 1)), second);
        __m128i c = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(p + 2)), third);
        uint64_t bits = (unsigned)_mm_movemask_epi8(_mm_and_si128(a, _mm_and_si128(b, c)));
        found |= bits << (16 * i);
    }
#else
    for (i = 0; i < 64; i++)
        found |= (uint64_t)(p[i] == 0xE2 && p[i + 1] == 0x96 && p[i + 2] == 0x81) << i;
#endif
    return found;
}

#endif
