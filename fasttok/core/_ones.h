/* Positions of the ones of a mask, several at a time with AVX2. */
#ifndef FASTTOK_ONES_H
#define FASTTOK_ONES_H

#include <stdint.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

/* The positions of the ones of each byte, in order. */
static uint8_t ft_ones[256][8];

static void __attribute__((constructor)) ft_fill_ones(void)
{
    int byte, bit, n;
    for (byte = 0; byte < 256; byte++)
        for (bit = n = 0; bit < 8; bit++)
            if (byte >> bit & 1)
                ft_ones[byte][n++] = (uint8_t)bit;
}

/* Write base + the position of each one of `mask`; return their number. `out` has space for 64 positions, and any of it may
 * be written. */
__attribute__((target("avx2,popcnt"))) static inline long ft_write_ones(uint64_t mask, uint32_t base, uint32_t *out)
{
    const long n = __builtin_popcountll(mask);
    uint32_t i;
    for (i = 0; i < 64; i += 8, mask >>= 8) {
        __m256i at = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)ft_ones[mask & 0xFF]));
        _mm256_storeu_si256((__m256i *)out, _mm256_add_epi32(at, _mm256_set1_epi32((int)(base + i))));
        out += __builtin_popcount((unsigned)(mask & 0xFF));
    }
    return n;
}
#endif

#endif
