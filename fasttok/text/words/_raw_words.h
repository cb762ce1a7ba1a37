/* Search for the raw words of a text: stretches of raw text that can be rewritten and split on their own.
 *
 * Every code point has a kind. A space separates raw words and is in none. An alone code point is a raw word. Other code
 * points belong to the raw word around them. For each block of 64 bytes, masks with one bit per byte tell where code
 * points of the first two kinds are; from them follow the first bytes of all raw words and the bytes after their ends.
 * Only code points whose first byte may begin several kinds are read one by one.
 *
 * The masks come from AVX-512, from AVX2 or from a loop over bytes, as the processor allows; all give the same masks.
 */
#ifndef FASTTOK_RAW_WORDS_H
#define FASTTOK_RAW_WORDS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../../core/_keys.h"
#include "../../core/_ones.h"

#if defined(__SSE2__) && defined(__GNUC__)
#include <emmintrin.h>
#endif

#define FT_RAW_BLOCK 64
#define FT_RAW_SPARE 128 /* positions that may be written beyond the capacity */

enum { FT_IN_WORD = 0, FT_SPACE = 1, FT_ALONE = 2, FT_LOOK = 4 }; /* FT_LOOK: the byte begins several kinds */
enum { FT_PLAIN, FT_AVX2, FT_AVX512 };

typedef struct {
    const uint8_t *kinds; /* of all code points */
    uint8_t of_byte[256]; /* kind of an ASCII byte; FT_IN_WORD or FT_LOOK for other bytes */
    uint8_t of_prefix[4096]; /* by six bits each of the first two bytes: whether not all code points are FT_IN_WORD */
    /* For AVX2: a byte has a kind if the entries of its two halves have a common bit. The halves of ASCII bytes have a
     * bit per upper half in the tables of FT_SPACE and FT_ALONE; those of other bytes in the table of FT_LOOK. */
    uint8_t low_space[16], low_alone[16], low_look[16];
} ft_raw_tables;

typedef struct {
    uint64_t space, alone, look;
} ft_raw_masks;

/* Fill the tables for bytes, given the kinds of all code points. */
static inline void ft_raw_prepare(ft_raw_tables *t, const uint8_t *kinds)
{
    uint32_t c;
    int b;
    memset(t, 0, sizeof(*t));
    t->kinds = kinds;
    memcpy(t->of_byte, kinds, 128);
    for (c = 0x80; c < 0x110000; c++) {
        uint32_t first, second;
        if (kinds[c] == FT_IN_WORD)
            continue;
        if (c < 0x800) {
            first = 0xC0 | c >> 6;
            second = c & 0x3F;
        } else if (c < 0x10000) {
            first = 0xE0 | c >> 12;
            second = c >> 6 & 0x3F;
        } else {
            first = 0xF0 | c >> 18;
            second = c >> 12 & 0x3F;
        }
        t->of_byte[first] = FT_LOOK;
        t->of_prefix[(first & 0x3F) << 6 | second] = 1;
    }
    for (b = 0; b < 256; b++) {
        uint8_t bit = (uint8_t)(1 << (b >> 4 & 7));
        if (t->of_byte[b] == FT_SPACE)
            t->low_space[b & 15] |= bit;
        if (t->of_byte[b] == FT_ALONE)
            t->low_alone[b & 15] |= bit;
        if (t->of_byte[b] == FT_LOOK)
            t->low_look[b & 15] |= bit;
    }
}

/* Return the kind of the code point at p, whose first byte is FT_LOOK, and store its length. A byte that is not UTF-8
 * belongs to a word. */
static inline int ft_raw_kind(const ft_raw_tables *t, const uint8_t *p, const uint8_t *end, int *length)
{
    uint32_t a = p[0], c;
    *length = 1;
    if (p + 1 >= end || (p[1] & 0xC0) != 0x80 || !t->of_prefix[(a & 0x3F) << 6 | (p[1] & 0x3F)])
        return FT_IN_WORD;
    c = p[1] & 0x3F;
    if (a < 0xE0) {
        *length = 2;
        return t->kinds[(a & 0x1F) << 6 | c];
    }
    if (p + 2 >= end || (p[2] & 0xC0) != 0x80)
        return FT_IN_WORD;
    c = c << 6 | (p[2] & 0x3F);
    if (a < 0xF0) {
        c |= (a & 0x0F) << 12;
        if (c < 0x800)
            return FT_IN_WORD;
        *length = 3;
        return t->kinds[c];
    }
    if (p + 3 >= end || (p[3] & 0xC0) != 0x80)
        return FT_IN_WORD;
    c = (a & 7) << 18 | c << 6 | (p[3] & 0x3F);
    if (c < 0x10000 || c > 0x10FFFF)
        return FT_IN_WORD;
    *length = 4;
    return t->kinds[c];
}

/* Return the bytes with ASCII capitals in lower case. */
static inline uint64_t ft_fold8(uint64_t word)
{
    uint64_t low = word & UINT64_C(0x7F7F7F7F7F7F7F7F);
    uint64_t from_a = low + UINT64_C(0x3F3F3F3F3F3F3F3F), after_z = low + UINT64_C(0x2525252525252525);
    return word | (from_a & ~after_z & ~word & UINT64_C(0x8080808080808080)) >> 2;
}

/* Return the key of a raw word as ft_make_key does; if `folds`, that of short raw words is in lower case. */
static inline ft_key ft_raw_key(const uint8_t *text, size_t start, size_t length, size_t n_text, int folds)
{
    ft_key key;
#if defined(__SSE2__) && defined(__GNUC__)
    if (length < FT_LONG && start + 16 <= n_text) {
        __m128i v = _mm_loadu_si128((const __m128i *)(text + start));
        __m128i is_capital = _mm_cmpgt_epi8(_mm_add_epi8(v, _mm_set1_epi8(127 - 'Z')), _mm_set1_epi8(126 - 'Z' + 'A'));
        if (folds)
            v = _mm_or_si128(v, _mm_and_si128(is_capital, _mm_set1_epi8(0x20)));
        v = _mm_and_si128(v, _mm_loadu_si128((const __m128i *)&ft_key_masks[length]));
        key.low = (uint64_t)_mm_cvtsi128_si64(v);
        key.high = (uint64_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(v, v)) | (uint64_t)length << 56;
        return key;
    }
#endif
    key = ft_make_key(text, start, length, n_text);
    if (folds && length < FT_LONG) {
        key.low = ft_fold8(key.low);
        key.high = ft_fold8(key.high); /* the length is less than the letter A */
    }
    return key;
}

static inline ft_raw_masks ft_raw_masks_plain(const ft_raw_tables *t, const uint8_t *p)
{
    ft_raw_masks m = {0, 0, 0};
    int i;
    for (i = 0; i < FT_RAW_BLOCK; i++) {
        uint64_t kind = t->of_byte[p[i]];
        m.space |= (kind & 1) << i;
        m.alone |= (kind >> 1 & 1) << i;
        m.look |= (kind >> 2) << i;
    }
    return m;
}

static inline ptrdiff_t ft_raw_positions_plain(uint64_t mask, uint32_t base, uint32_t *out)
{
    ptrdiff_t n = 0;
    while (mask) {
        out[n++] = base + (uint32_t)ft_ctz(mask);
        mask &= mask - 1;
    }
    return n;
}

#define FT_RAW_NAME ft_raw_words_plain
#define FT_RAW_TARGET
#define FT_RAW_MASKS ft_raw_masks_plain
#define FT_RAW_POSITIONS ft_raw_positions_plain
#include "_raw_words_loop.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define FT_RAW_TARGET __attribute__((target("avx2,bmi,bmi2,popcnt")))

FT_RAW_TARGET static inline uint64_t ft_raw_mask_avx2(__m256i a, __m256i b)
{
    __m256i zero = _mm256_setzero_si256();
    uint32_t low = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, zero));
    uint32_t high = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(b, zero));
    return ~(low | (uint64_t)high << 32);
}

FT_RAW_TARGET static inline __m256i ft_raw_table_avx2(const uint8_t *table)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
}

FT_RAW_TARGET static inline ft_raw_masks ft_raw_masks_avx2(const ft_raw_tables *t, const uint8_t *p)
{
    const __m256i bits = _mm256_setr_epi8(
        1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m256i high_bits = _mm256_setr_epi8(
        0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, -128);
    const __m256i half = _mm256_set1_epi8(15);
    __m256i space[2], alone[2], look[2];
    ft_raw_masks m;
    int i;
    for (i = 0; i < 2; i++) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(p + 32 * i));
        __m256i low = _mm256_and_si256(v, half), high = _mm256_and_si256(_mm256_srli_epi16(v, 4), half);
        __m256i bit = _mm256_shuffle_epi8(bits, high), high_bit = _mm256_shuffle_epi8(high_bits, high);
        space[i] = _mm256_and_si256(_mm256_shuffle_epi8(ft_raw_table_avx2(t->low_space), low), bit);
        alone[i] = _mm256_and_si256(_mm256_shuffle_epi8(ft_raw_table_avx2(t->low_alone), low), bit);
        look[i] = _mm256_and_si256(_mm256_shuffle_epi8(ft_raw_table_avx2(t->low_look), low), high_bit);
    }
    m.space = ft_raw_mask_avx2(space[0], space[1]);
    m.alone = ft_raw_mask_avx2(alone[0], alone[1]);
    m.look = ft_raw_mask_avx2(look[0], look[1]);
    return m;
}

#define FT_RAW_NAME ft_raw_words_avx2
#define FT_RAW_MASKS ft_raw_masks_avx2
#define FT_RAW_POSITIONS ft_write_ones
#include "_raw_words_loop.h"

#define FT_RAW_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi,bmi2,popcnt")))

FT_RAW_TARGET static inline ft_raw_masks ft_raw_masks_avx512(const ft_raw_tables *t, const uint8_t *p)
{
    __m512i v = _mm512_loadu_si512(p), kinds;
    __m512i a = _mm512_loadu_si512(t->of_byte), b = _mm512_loadu_si512(t->of_byte + 64);
    __m512i c = _mm512_loadu_si512(t->of_byte + 128), d = _mm512_loadu_si512(t->of_byte + 192);
    __mmask64 high = _mm512_movepi8_mask(v);
    ft_raw_masks m;
    kinds = _mm512_mask_blend_epi8(high, _mm512_permutex2var_epi8(a, v, b), _mm512_permutex2var_epi8(c, v, d));
    m.space = _mm512_test_epi8_mask(kinds, _mm512_set1_epi8(FT_SPACE));
    m.alone = _mm512_test_epi8_mask(kinds, _mm512_set1_epi8(FT_ALONE));
    m.look = _mm512_test_epi8_mask(kinds, _mm512_set1_epi8(FT_LOOK));
    return m;
}

FT_RAW_TARGET static inline ptrdiff_t ft_raw_positions_avx512(uint64_t mask, uint32_t base, uint32_t *out)
{
    const __m512i all = _mm512_set_epi8(
        63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36,
        35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7,
        6, 5, 4, 3, 2, 1, 0);
    const __m512i bases = _mm512_set1_epi32((int)base);
    uint8_t found[FT_RAW_BLOCK];
    ptrdiff_t n = __builtin_popcountll(mask), i;
    _mm512_storeu_si512(found, _mm512_maskz_compress_epi8(mask, all));
    for (i = 0; i < n; i += 16) {
        __m512i wide = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(found + i)));
        _mm512_storeu_si512(out + i, _mm512_add_epi32(wide, bases));
    }
    return n;
}

#define FT_RAW_NAME ft_raw_words_avx512
#define FT_RAW_MASKS ft_raw_masks_avx512
#define FT_RAW_POSITIONS ft_raw_positions_avx512
#include "_raw_words_loop.h"

/* Return the best path for this processor. */
static inline int ft_raw_best_path(void)
{
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2")
        && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("bmi2"))
        return FT_AVX512;
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2") ? FT_AVX2 : FT_PLAIN;
}

static inline ptrdiff_t ft_raw_words(
    const ft_raw_tables *t, int path, const uint8_t *text, ptrdiff_t end, ptrdiff_t *position, uint32_t *starts,
    uint32_t *ends, ptrdiff_t capacity)
{
    if (path == FT_AVX512)
        return ft_raw_words_avx512(t, text, end, position, starts, ends, capacity);
    if (path == FT_AVX2)
        return ft_raw_words_avx2(t, text, end, position, starts, ends, capacity);
    return ft_raw_words_plain(t, text, end, position, starts, ends, capacity);
}

#else

static inline int ft_raw_best_path(void)
{
    return FT_PLAIN;
}

static inline ptrdiff_t ft_raw_words(
    const ft_raw_tables *t, int path, const uint8_t *text, ptrdiff_t end, ptrdiff_t *position, uint32_t *starts,
    uint32_t *ends, ptrdiff_t capacity)
{
    (void)path;
    return ft_raw_words_plain(t, text, end, position, starts, ends, capacity);
}

#endif

#endif
