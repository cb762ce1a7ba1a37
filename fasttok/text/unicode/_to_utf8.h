/* Conversion of the code points of a str to UTF-8.
 *
 * A str has 1, 2 or 4 bytes per code point. The functions write the UTF-8 of n code points to `out` and return the
 * number of bytes, or -1 - i if code point i is a surrogate, which UTF-8 does not have. `out` needs space for
 * FT_UTF8_SPACE(kind, n) bytes: the functions write more than they return.
 *
 * The plain functions handle 16 ASCII characters at a time with SSE2, and all others one by one. With AVX-512 VBMI2, 16
 * code points of any kind become four bytes each, of which those in use are moved together.
 */
#ifndef FASTTOK_TO_UTF8_H
#define FASTTOK_TO_UTF8_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FT_UTF8_SPACE(kind, n) (((kind) == 1 ? 2 : (kind) == 2 ? 3 : 4) * (n) + 64)

#if defined(__SSE2__)
#include <emmintrin.h>
#endif
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define FT_WIDE_UTF8 1
#define FT_WIDE_TARGET __attribute__((target("avx512f,avx512bw,avx512vbmi2,popcnt")))
#endif

/* If the first 16 code points are ASCII, write them and return 1. */
static inline int ft_write_ascii_1(const uint8_t *in, uint8_t *out)
{
    uint64_t a, b;
    memcpy(&a, in, 8);
    memcpy(&b, in + 8, 8);
    if ((a | b) & UINT64_C(0x8080808080808080))
        return 0;
    memcpy(out, in, 16);
    return 1;
}

static inline int ft_write_ascii_2(const uint16_t *in, uint8_t *out)
{
#if defined(__SSE2__)
    __m128i a = _mm_loadu_si128((const __m128i *)in), b = _mm_loadu_si128((const __m128i *)(in + 8));
    __m128i high = _mm_and_si128(_mm_or_si128(a, b), _mm_set1_epi16((short)0xFF80));
    if (_mm_movemask_epi8(_mm_cmpeq_epi8(high, _mm_setzero_si128())) != 0xFFFF)
        return 0;
    _mm_storeu_si128((__m128i *)out, _mm_packus_epi16(a, b));
#else
    unsigned i, all = 0;
    for (i = 0; i < 16; i++)
        all |= in[i];
    if (all >= 0x80)
        return 0;
    for (i = 0; i < 16; i++)
        out[i] = (uint8_t)in[i];
#endif
    return 1;
}

static inline int ft_write_ascii_4(const uint32_t *in, uint8_t *out)
{
    uint32_t all = 0;
    int i;
    for (i = 0; i < 16; i++)
        all |= in[i];
    if (all >= 0x80)
        return 0;
    for (i = 0; i < 16; i++)
        out[i] = (uint8_t)in[i];
    return 1;
}

static inline uint8_t *ft_write_utf8(uint32_t c, uint8_t *out)
{
    if (c < 0x80) {
        *out++ = (uint8_t)c;
        return out;
    }
    if (c < 0x800) {
        *out++ = (uint8_t)(0xC0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *out++ = (uint8_t)(0xE0 | c >> 12);
        } else {
            *out++ = (uint8_t)(0xF0 | c >> 18);
            *out++ = (uint8_t)(0x80 | (c >> 12 & 0x3F));
        }
        *out++ = (uint8_t)(0x80 | (c >> 6 & 0x3F));
    }
    *out++ = (uint8_t)(0x80 | (c & 0x3F));
    return out;
}

#define FT_DEFINE_PLAIN(kind, type)                                                                                   \
    static ptrdiff_t ft_plain_utf8_##kind(const type *in, ptrdiff_t n, uint8_t *out)                                   \
    {                                                                                                                  \
        uint8_t *at = out;                                                                                             \
        ptrdiff_t i = 0, end;                                                                                          \
        while (i < n) {                                                                                                \
            if (n - i >= 16 && ft_write_ascii_##kind(in + i, at)) {                                                    \
                i += 16;                                                                                               \
                at += 16;                                                                                              \
                continue;                                                                                              \
            }                                                                                                          \
            for (end = n - i < 16 ? n : i + 16; i < end; i++) {                                                        \
                if (kind > 1 && (in[i] & 0xFFFFF800u) == 0xD800)                                                       \
                    return -1 - i;                                                                                     \
                at = ft_write_utf8(in[i], at);                                                                         \
            }                                                                                                          \
        }                                                                                                              \
        return at - out;                                                                                               \
    }

FT_DEFINE_PLAIN(1, uint8_t)
FT_DEFINE_PLAIN(2, uint16_t)
FT_DEFINE_PLAIN(4, uint32_t)

#if defined(FT_WIDE_UTF8)
/* Write 16 code points; return the number of bytes, or -1 if one of them is a surrogate. */
FT_WIDE_TARGET static inline int ft_write_16(__m512i c, uint8_t *out)
{
    __m512i last = _mm512_and_si512(c, _mm512_set1_epi32(0x3F));
    __m512i second = _mm512_and_si512(c, _mm512_set1_epi32(0x3F << 6));
    __mmask16 two = _mm512_cmpge_epu32_mask(c, _mm512_set1_epi32(0x80));
    __mmask16 three = _mm512_cmpge_epu32_mask(c, _mm512_set1_epi32(0x800));
    __mmask16 four = _mm512_cmpge_epu32_mask(c, _mm512_set1_epi32(0x10000));
    __m512i bytes = c, in_use = _mm512_set1_epi32(0xFF), word;
    __mmask64 kept;
    if (_mm512_cmpeq_epi32_mask(_mm512_and_si512(c, _mm512_set1_epi32((int)0xFFFFF800)), _mm512_set1_epi32(0xD800)))
        return -1;
    word = _mm512_or_si512(_mm512_srli_epi32(c, 6), _mm512_slli_epi32(last, 8));
    bytes = _mm512_mask_or_epi32(bytes, two, word, _mm512_set1_epi32(0x80C0));
    in_use = _mm512_mask_mov_epi32(in_use, two, _mm512_set1_epi32(0xFFFF));
    word = _mm512_or_si512(_mm512_srli_epi32(c, 12), _mm512_slli_epi32(second, 2));
    word = _mm512_or_si512(word, _mm512_slli_epi32(last, 16));
    bytes = _mm512_mask_or_epi32(bytes, three, word, _mm512_set1_epi32(0x8080E0));
    in_use = _mm512_mask_mov_epi32(in_use, three, _mm512_set1_epi32(0xFFFFFF));
    if (four) {
        word = _mm512_and_si512(_mm512_srli_epi32(c, 4), _mm512_set1_epi32(0x3F00));
        word = _mm512_or_si512(word, _mm512_srli_epi32(c, 18));
        word = _mm512_or_si512(word, _mm512_slli_epi32(second, 10));
        word = _mm512_or_si512(word, _mm512_slli_epi32(last, 24));
        bytes = _mm512_mask_or_epi32(bytes, four, word, _mm512_set1_epi32((int)0x808080F0));
        in_use = _mm512_mask_mov_epi32(in_use, four, _mm512_set1_epi32(-1));
    }
    kept = _mm512_movepi8_mask(in_use);
    _mm512_storeu_si512(out, _mm512_maskz_compress_epi8(kept, bytes));
    return (int)_mm_popcnt_u64(kept);
}

/* `load` reads 16 code points. `ascii` is a statement that writes the next `step` code points if they are ASCII, and
 * then continues the loop. */
#define FT_DEFINE_WIDE(kind, type, step, load, ascii)                                                                 \
    FT_WIDE_TARGET static ptrdiff_t ft_wide_utf8_##kind(const type *in, ptrdiff_t n, uint8_t *out)                          \
    {                                                                                                                  \
        uint8_t *at = out;                                                                                             \
        ptrdiff_t i = 0, rest;                                                                                         \
        int j, size;                                                                                                   \
        for (; i + step <= n; i += step) {                                                                             \
            const type *p = in + i;                                                                                    \
            ascii for (j = 0; j < step; j += 16)                                                                       \
            {                                                                                                          \
                size = ft_write_16(load(p + j), at);                                                                   \
                if (size < 0)                                                                                          \
                    return ft_plain_utf8_##kind(p + j, 16, at) - (i + j);                                              \
                at += size;                                                                                            \
            }                                                                                                          \
        }                                                                                                              \
        rest = ft_plain_utf8_##kind(in + i, n - i, at);                                                                \
        return rest < 0 ? rest - i : (at - out) + rest;                                                                \
    }

#define FT_ASCII_1                                                                                                    \
    {                                                                                                                  \
        __m512i v = _mm512_loadu_si512(p);                                                                             \
        if (!_mm512_movepi8_mask(v)) {                                                                                 \
            _mm512_storeu_si512(at, v);                                                                                \
            at += 64;                                                                                                  \
            continue;                                                                                                  \
        }                                                                                                              \
    }
#define FT_ASCII_2                                                                                                    \
    {                                                                                                                  \
        __m512i v = _mm512_loadu_si512(p);                                                                             \
        if (!_mm512_test_epi16_mask(v, _mm512_set1_epi16((short)0xFF80))) {                                            \
            _mm256_storeu_si256((__m256i *)at, _mm512_cvtepi16_epi8(v));                                               \
            at += 32;                                                                                                  \
            continue;                                                                                                  \
        }                                                                                                              \
    }
#define FT_ASCII_4                                                                                                    \
    {                                                                                                                  \
        __m512i v = _mm512_loadu_si512(p), w = _mm512_loadu_si512(p + 16);                                             \
        if (!_mm512_test_epi32_mask(_mm512_or_si512(v, w), _mm512_set1_epi32((int)0xFFFFFF80))) {                      \
            _mm_storeu_si128((__m128i *)at, _mm512_cvtepi32_epi8(v));                                                  \
            _mm_storeu_si128((__m128i *)(at + 16), _mm512_cvtepi32_epi8(w));                                           \
            at += 32;                                                                                                  \
            continue;                                                                                                  \
        }                                                                                                              \
    }
#define FT_LOAD_1(p) _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(p)))
#define FT_LOAD_2(p) _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(p)))
#define FT_LOAD_4(p) _mm512_loadu_si512(p)

FT_DEFINE_WIDE(1, uint8_t, 64, FT_LOAD_1, FT_ASCII_1)
FT_DEFINE_WIDE(2, uint16_t, 32, FT_LOAD_2, FT_ASCII_2)
FT_DEFINE_WIDE(4, uint32_t, 32, FT_LOAD_4, FT_ASCII_4)
#endif

/* Whether this processor has the instructions of the wide functions. */
static inline int ft_has_wide_utf8(void)
{
#if defined(FT_WIDE_UTF8)
    return __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512bw");
#else
    return 0;
#endif
}

/* Write the UTF-8 of in[start .. stop), of `kind` bytes per code point. */
static inline ptrdiff_t ft_to_utf8(int kind, const void *in, ptrdiff_t start, ptrdiff_t stop, uint8_t *out, int is_wide)
{
    ptrdiff_t n = stop - start;
#if defined(FT_WIDE_UTF8)
    if (is_wide)
        return kind == 1   ? ft_wide_utf8_1((const uint8_t *)in + start, n, out)
               : kind == 2 ? ft_wide_utf8_2((const uint16_t *)in + start, n, out)
                           : ft_wide_utf8_4((const uint32_t *)in + start, n, out);
#else
    (void)is_wide;
#endif
    return kind == 1   ? ft_plain_utf8_1((const uint8_t *)in + start, n, out)
           : kind == 2 ? ft_plain_utf8_2((const uint16_t *)in + start, n, out)
                       : ft_plain_utf8_4((const uint32_t *)in + start, n, out);
}

#endif
