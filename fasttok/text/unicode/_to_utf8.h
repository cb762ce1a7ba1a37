/* Conversion of the code points of a str to UTF-8.
 *
 * A str has 1, 2 or 4 bytes per code point. The functions write the UTF-8 of n code points to `out` and return the
 * number of bytes, or -1 - i if code point i is a surrogate, which UTF-8 does not have. `out` needs space for
 * FT_UTF8_SPACE(kind, n) bytes: the functions write more than they return.
 *
 * The plain functions handle 16 ASCII characters at a time with SSE2, and all others one by one. With AVX2, eight code
 * points of any kind become four bytes each, of which those in use are moved together; with AVX-512 VBMI2, 16.
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
#define FT_UTF8_AVX2 __attribute__((target("avx2")))
#define FT_UTF8_AVX512 __attribute__((target("avx512f,avx512bw,avx512vbmi2,popcnt")))
#endif

enum { FT_UTF8_BY_ONE, FT_UTF8_BY_8, FT_UTF8_BY_16 }; /* plain, AVX2, AVX-512 */

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
/* For four code points, the bytes in use of four bytes each, and their number. Bits i and 4 + i of the index are the
 * lower and the upper bit of the length of code point i, less one. */
static uint8_t ft_used_bytes[256][16], ft_n_used_bytes[256];

static void __attribute__((constructor)) ft_fill_used_bytes(void)
{
    int lengths, i, j, n;
    for (lengths = 0; lengths < 256; lengths++) {
        for (i = n = 0; i < 4; i++)
            for (j = 0; j <= (lengths >> i & 1) + 2 * (lengths >> (4 + i) & 1); j++)
                ft_used_bytes[lengths][n++] = (uint8_t)(4 * i + j);
        ft_n_used_bytes[lengths] = (uint8_t)n;
    }
}

/* Write 8 code points; return the number of bytes, or -1 if one of them is a surrogate. */
FT_UTF8_AVX2 static inline int ft_avx2_write(__m256i c, uint8_t *out)
{
    __m256i last = _mm256_and_si256(c, _mm256_set1_epi32(0x3F));
    __m256i second = _mm256_and_si256(c, _mm256_set1_epi32(0x3F << 6));
    __m256i two = _mm256_cmpgt_epi32(c, _mm256_set1_epi32(0x7F)), three = _mm256_cmpgt_epi32(c, _mm256_set1_epi32(0x7FF));
    __m256i four = _mm256_cmpgt_epi32(c, _mm256_set1_epi32(0xFFFF)), word;
    __m256i is_surrogate = _mm256_cmpeq_epi32(
        _mm256_and_si256(c, _mm256_set1_epi32((int)0xFFFFF800)), _mm256_set1_epi32(0xD800));
    __m256i bytes = c;
    int lower, upper, a, b;
    if (_mm256_movemask_epi8(is_surrogate))
        return -1;
    word = _mm256_or_si256(_mm256_srli_epi32(c, 6), _mm256_slli_epi32(last, 8));
    bytes = _mm256_blendv_epi8(bytes, _mm256_or_si256(word, _mm256_set1_epi32(0x80C0)), two);
    word = _mm256_or_si256(_mm256_srli_epi32(c, 12), _mm256_slli_epi32(second, 2));
    word = _mm256_or_si256(word, _mm256_slli_epi32(last, 16));
    bytes = _mm256_blendv_epi8(bytes, _mm256_or_si256(word, _mm256_set1_epi32(0x8080E0)), three);
    lower = _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_or_si256(_mm256_andnot_si256(three, two), four)));
    upper = _mm256_movemask_ps(_mm256_castsi256_ps(three));
    if (lower & upper) { /* four bytes */
        word = _mm256_and_si256(_mm256_srli_epi32(c, 4), _mm256_set1_epi32(0x3F00));
        word = _mm256_or_si256(word, _mm256_srli_epi32(c, 18));
        word = _mm256_or_si256(word, _mm256_slli_epi32(second, 10));
        word = _mm256_or_si256(word, _mm256_slli_epi32(last, 24));
        bytes = _mm256_blendv_epi8(bytes, _mm256_or_si256(word, _mm256_set1_epi32((int)0x808080F0)), four);
    }
    a = (lower & 0xF) | (upper & 0xF) << 4;
    b = lower >> 4 | (upper & 0xF0);
    _mm_storeu_si128((__m128i *)out,
        _mm_shuffle_epi8(_mm256_castsi256_si128(bytes), _mm_loadu_si128((const __m128i *)ft_used_bytes[a])));
    _mm_storeu_si128((__m128i *)(out + ft_n_used_bytes[a]),
        _mm_shuffle_epi8(_mm256_extracti128_si256(bytes, 1), _mm_loadu_si128((const __m128i *)ft_used_bytes[b])));
    return ft_n_used_bytes[a] + ft_n_used_bytes[b];
}

/* Write 16 code points; return the number of bytes, or -1 if one of them is a surrogate. */
FT_UTF8_AVX512 static inline int ft_avx512_write(__m512i c, uint8_t *out)
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

/* The following functions write the next code points, 32 or 64, and return 1 if all of them are ASCII. */
FT_UTF8_AVX2 static inline int ft_avx2_ascii_1(const uint8_t *in, uint8_t *out)
{
    __m256i a = _mm256_loadu_si256((const __m256i *)in), b = _mm256_loadu_si256((const __m256i *)(in + 32));
    if (_mm256_movemask_epi8(_mm256_or_si256(a, b)))
        return 0;
    _mm256_storeu_si256((__m256i *)out, a);
    _mm256_storeu_si256((__m256i *)(out + 32), b);
    return 1;
}

FT_UTF8_AVX2 static inline int ft_avx2_ascii_2(const uint16_t *in, uint8_t *out)
{
    __m256i a = _mm256_loadu_si256((const __m256i *)in), b = _mm256_loadu_si256((const __m256i *)(in + 16));
    if (!_mm256_testz_si256(_mm256_or_si256(a, b), _mm256_set1_epi16((short)0xFF80)))
        return 0;
    _mm256_storeu_si256((__m256i *)out, _mm256_permute4x64_epi64(_mm256_packus_epi16(a, b), 0xD8));
    return 1;
}

FT_UTF8_AVX2 static inline int ft_avx2_ascii_4(const uint32_t *in, uint8_t *out)
{
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7), *p = (const __m256i *)in;
    __m256i a = _mm256_loadu_si256(p), b = _mm256_loadu_si256(p + 1);
    __m256i c = _mm256_loadu_si256(p + 2), d = _mm256_loadu_si256(p + 3);
    __m256i all = _mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d));
    if (!_mm256_testz_si256(all, _mm256_set1_epi32((int)0xFFFFFF80)))
        return 0;
    a = _mm256_packus_epi16(_mm256_packus_epi32(a, b), _mm256_packus_epi32(c, d));
    _mm256_storeu_si256((__m256i *)out, _mm256_permutevar8x32_epi32(a, order));
    return 1;
}

FT_UTF8_AVX512 static inline int ft_avx512_ascii_1(const uint8_t *in, uint8_t *out)
{
    __m512i v = _mm512_loadu_si512(in);
    if (_mm512_movepi8_mask(v))
        return 0;
    _mm512_storeu_si512(out, v);
    return 1;
}

FT_UTF8_AVX512 static inline int ft_avx512_ascii_2(const uint16_t *in, uint8_t *out)
{
    __m512i v = _mm512_loadu_si512(in);
    if (_mm512_test_epi16_mask(v, _mm512_set1_epi16((short)0xFF80)))
        return 0;
    _mm256_storeu_si256((__m256i *)out, _mm512_cvtepi16_epi8(v));
    return 1;
}

FT_UTF8_AVX512 static inline int ft_avx512_ascii_4(const uint32_t *in, uint8_t *out)
{
    __m512i v = _mm512_loadu_si512(in), w = _mm512_loadu_si512(in + 16);
    if (_mm512_test_epi32_mask(_mm512_or_si512(v, w), _mm512_set1_epi32((int)0xFFFFFF80)))
        return 0;
    _mm_storeu_si128((__m128i *)out, _mm512_cvtepi32_epi8(v));
    _mm_storeu_si128((__m128i *)(out + 16), _mm512_cvtepi32_epi8(w));
    return 1;
}

#define FT_AVX2_LOAD_1(p) _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(p)))
#define FT_AVX2_LOAD_2(p) _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(p)))
#define FT_AVX2_LOAD_4(p) _mm256_loadu_si256((const __m256i *)(p))
#define FT_AVX512_LOAD_1(p) _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(p)))
#define FT_AVX512_LOAD_2(p) _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(p)))
#define FT_AVX512_LOAD_4(p) _mm512_loadu_si512(p)

/* `step` code points are written at once if they are ASCII, otherwise `n_write` of them, which `load` reads. */
#define FT_DEFINE_WIDE(way, target, kind, type, step, n_write, load)                                                  \
    target static ptrdiff_t ft_##way##_utf8_##kind(const type *in, ptrdiff_t n, uint8_t *out)                          \
    {                                                                                                                  \
        uint8_t *at = out;                                                                                             \
        ptrdiff_t i = 0, rest;                                                                                         \
        int j, size;                                                                                                   \
        for (; i + step <= n; i += step) {                                                                             \
            const type *p = in + i;                                                                                    \
            if (ft_##way##_ascii_##kind(p, at)) {                                                                      \
                at += step;                                                                                            \
                continue;                                                                                              \
            }                                                                                                          \
            for (j = 0; j < step; j += n_write) {                                                                      \
                size = ft_##way##_write(load(p + j), at);                                                              \
                if (size < 0)                                                                                          \
                    return ft_plain_utf8_##kind(p + j, n_write, at) - (i + j);                                         \
                at += size;                                                                                            \
            }                                                                                                          \
        }                                                                                                              \
        rest = ft_plain_utf8_##kind(in + i, n - i, at);                                                                \
        return rest < 0 ? rest - i : (at - out) + rest;                                                                \
    }

FT_DEFINE_WIDE(avx2, FT_UTF8_AVX2, 1, uint8_t, 64, 8, FT_AVX2_LOAD_1)
FT_DEFINE_WIDE(avx2, FT_UTF8_AVX2, 2, uint16_t, 32, 8, FT_AVX2_LOAD_2)
FT_DEFINE_WIDE(avx2, FT_UTF8_AVX2, 4, uint32_t, 32, 8, FT_AVX2_LOAD_4)
FT_DEFINE_WIDE(avx512, FT_UTF8_AVX512, 1, uint8_t, 64, 16, FT_AVX512_LOAD_1)
FT_DEFINE_WIDE(avx512, FT_UTF8_AVX512, 2, uint16_t, 32, 16, FT_AVX512_LOAD_2)
FT_DEFINE_WIDE(avx512, FT_UTF8_AVX512, 4, uint32_t, 32, 16, FT_AVX512_LOAD_4)
#endif

/* Return the fastest way that this processor supports. */
static inline int ft_fastest_utf8(void)
{
#if defined(FT_WIDE_UTF8)
    if (__builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512bw"))
        return FT_UTF8_BY_16;
    if (__builtin_cpu_supports("avx2"))
        return FT_UTF8_BY_8;
#endif
    return FT_UTF8_BY_ONE;
}

/* Write the UTF-8 of in[start .. stop), of `kind` bytes per code point. */
static inline ptrdiff_t ft_to_utf8(int kind, const void *in, ptrdiff_t start, ptrdiff_t stop, uint8_t *out, int way)
{
    ptrdiff_t n = stop - start;
#define FT_UTF8_OF_KIND(name) \
    (kind == 1   ? ft_##name##_utf8_1((const uint8_t *)in + start, n, out) \
     : kind == 2 ? ft_##name##_utf8_2((const uint16_t *)in + start, n, out) \
                 : ft_##name##_utf8_4((const uint32_t *)in + start, n, out))
#if defined(FT_WIDE_UTF8)
    if (way == FT_UTF8_BY_16)
        return FT_UTF8_OF_KIND(avx512);
    if (way == FT_UTF8_BY_8)
        return FT_UTF8_OF_KIND(avx2);
#endif
    (void)way;
    return FT_UTF8_OF_KIND(plain);
#undef FT_UTF8_OF_KIND
}

#endif
