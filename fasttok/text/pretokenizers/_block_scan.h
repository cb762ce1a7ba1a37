/* Scan text for the ends of pretokens in blocks of 64 bytes.
 *
 * There are three ways to turn a block into masks and masks into positions: with AVX-512 (VBMI2), with AVX2, and in
 * plain C. All of them use the same algebra on masks, _pattern_masks.h, and find the same ends.
 */
#ifndef FASTTOK_BLOCK_SCAN_H
#define FASTTOK_BLOCK_SCAN_H

#include <stddef.h>

#include "../../core/_ones.h"
#include "../unicode/_utf8.h"
#include "_pattern_masks.h"

#if defined(__GNUC__) && defined(__x86_64__)
#define FT_X86 1
#include <immintrin.h>
#define FT_AVX2 __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))
#define FT_AVX512 \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,avx512vbmi2,avx2,bmi,bmi2,lzcnt,popcnt")))
#else
#define FT_X86 0
#define FT_AVX2
#define FT_AVX512
#endif

#define FT_FARTHEST ((size_t)1 << 31) /* offset from `base` from which on no block is scanned */
#define FT_READ_BYTES (FT_BLOCK + 3) /* bytes that must be readable: the last character may cross the end of a block */

/* Instruction sets, from the slowest way to scan to the fastest. */
enum { FT_WAY_PLAIN, FT_WAY_AVX2, FT_WAY_AVX512 };

/* The characters of a block: their classes, their first bytes, and their positions. */
typedef struct {
    uint8_t kinds[FT_BLOCK], bytes[FT_BLOCK], positions[FT_BLOCK];
} ft_characters;

static const uint8_t ft_numbers[FT_BLOCK] = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
    32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60,
    61, 62, 63};

/* Read the characters of the block at p one by one; return their number. */
static inline int ft_read_characters(const uint8_t *p, const uint8_t *classes, ft_characters *c)
{
    ptrdiff_t at = 0, length;
    int n = 0;
    while (at < FT_BLOCK) {
        c->bytes[n] = p[at];
        c->positions[n] = (uint8_t)at;
        if (p[at] < 0x80) {
            c->kinds[n] = classes[p[at]];
            at++;
        } else {
            c->kinds[n] = classes[ft_read_code_point(p, at, FT_READ_BYTES, &length)];
            at += length;
        }
        n++;
    }
    memset(c->kinds + n, 0, FT_BLOCK - n);
    memset(c->bytes + n, 0, FT_BLOCK - n);
    return n;
}

/* The same for a block of ASCII. Compilers turn the loop into vector instructions. */
static inline int ft_read_ascii(const uint8_t *p, ft_characters *c)
{
    int i;
    memcpy(c->bytes, p, FT_BLOCK);
    memcpy(c->positions, ft_numbers, FT_BLOCK);
    for (i = 0; i < FT_BLOCK; i++) {
        uint8_t b = c->bytes[i];
        uint8_t is_letter = (uint8_t)((b | 0x20) - 'a') < 26, is_lower = (uint8_t)(b - 'a') < 26;
        uint8_t is_number = (uint8_t)(b - '0') < 10, is_space = b == ' ' || (uint8_t)(b - '\t') < 5;
        c->kinds[i] = (uint8_t)((is_letter * (FT_LETTER | FT_UPPER) ^ is_lower * (FT_UPPER | FT_LOWER))
            | is_number * FT_NUMBER | is_space * FT_SPACE);
    }
    return FT_BLOCK;
}

/* In plain C. */

/* Return a bit for each of 64 bytes: bit `bit` of the byte. */
FT_INLINE uint64_t ft_bit_plane(const uint8_t *bytes, int bit)
{
    uint64_t mask = 0;
    int i;
    for (i = 0; i < 8; i++)
        mask |= ((ft_load8(bytes + 8 * i) >> bit & UINT64_C(0x0101010101010101)) * UINT64_C(0x0102040810204080) >> 56)
            << 8 * i;
    return mask;
}

/* Return a bit for each of 64 bytes: whether the byte | fold is c. */
FT_INLINE uint64_t ft_equal_bytes(const uint8_t *bytes, uint8_t fold, uint8_t c)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), low = ones * 0x7F;
    uint64_t mask = 0;
    int i;
    for (i = 0; i < 8; i++) {
        uint64_t differs = (ft_load8(bytes + 8 * i) | ones * fold) ^ ones * c;
        differs = ~(((differs & low) + low) | differs) >> 7 & ones; /* a bit for each byte of `differs` that is 0 */
        mask |= (differs * UINT64_C(0x0102040810204080) >> 56) << 8 * i;
    }
    return mask;
}

typedef ft_characters ft_plain_characters;

FT_INLINE void ft_plain_masks(const uint8_t *p, const uint8_t *classes, ft_masks *m, ft_plain_characters *c)
{
    uint64_t high = 0;
    int i;
    for (i = 0; i < FT_BLOCK; i += 8)
        high |= ft_load8(p + i);
    m->n = high & UINT64_C(0x8080808080808080) ? ft_read_characters(p, classes, c) : ft_read_ascii(p, c);
    m->letter = ft_bit_plane(c->kinds, 0);
    m->number = ft_bit_plane(c->kinds, 1);
    m->space = ft_bit_plane(c->kinds, 2);
    m->mark = ft_bit_plane(c->kinds, 3);
    m->upper = ft_bit_plane(c->kinds, 4);
    m->lower = ft_bit_plane(c->kinds, 5);
    m->blank = m->newline = 0;
    if (m->space) {
        m->blank = ft_equal_bytes(c->bytes, 0, ' ');
        m->newline = ft_equal_bytes(c->bytes, 0, '\n') | ft_equal_bytes(c->bytes, 0, '\r');
    }
    m->quote = ft_equal_bytes(c->bytes, 0, '\'');
    m->slash = m->newline ? ft_equal_bytes(c->bytes, 0, '/') : 0;
}

FT_INLINE void ft_plain_letters(const ft_plain_characters *c, uint8_t fold, ft_contraction_letters *letters)
{
    letters->one = ft_equal_bytes(c->bytes, fold, 's') | ft_equal_bytes(c->bytes, fold, 'd')
        | ft_equal_bytes(c->bytes, fold, 'm') | ft_equal_bytes(c->bytes, fold, 't');
    letters->l = ft_equal_bytes(c->bytes, fold, 'l');
    letters->e = ft_equal_bytes(c->bytes, fold, 'e');
    letters->v_or_r = ft_equal_bytes(c->bytes, fold, 'v') | ft_equal_bytes(c->bytes, fold, 'r');
    letters->unclear = 0;
    if (fold)
        letters->unclear = ft_equal_bytes(c->bytes, 0, 0xC5);
}

FT_INLINE int ft_plain_position(const ft_plain_characters *c, int character)
{
    return c->positions[character];
}

/* Write base + the position of each character in `starts`; return their number. */
FT_INLINE long ft_plain_positions(uint64_t starts, const ft_plain_characters *c, uint32_t base, uint32_t *out)
{
    long n = 0;
    for (; starts; starts &= starts - 1)
        out[n++] = base + c->positions[ft_ctz(starts)];
    return n;
}

#if FT_X86

/* Return whether PEXT and PDEP take a few cycles: on Excavator, Zen and Zen 2 of AMD, they take hundreds. */
FT_INLINE int ft_has_fast_pext(void)
{
    return !__builtin_cpu_is("amdfam17h") && !__builtin_cpu_is("bdver4");
}

/* With AVX2: masks with a bit per byte of the block, 32 bytes at a time. Where characters have several bytes, the bits of
 * their first bytes are moved together (PEXT), which leaves one bit per character. */

#define FT_AVX2_MASK(v) ((uint64_t)(uint32_t)_mm256_movemask_epi8((v)[0]) | (uint64_t)(uint32_t)_mm256_movemask_epi8((v)[1]) << 32)

/* Bytes from `first` to `last`, both ASCII. Other bytes are negative here, so they never match. */
FT_AVX2 FT_INLINE __m256i ft_avx2_between(__m256i v, char first, char last)
{
    return _mm256_andnot_si256(
        _mm256_cmpgt_epi8(v, _mm256_set1_epi8(last)), _mm256_cmpgt_epi8(v, _mm256_set1_epi8((char)(first - 1))));
}

FT_AVX2 FT_INLINE uint64_t ft_avx2_equal(const __m256i *v, char c)
{
    __m256i same[2];
    same[0] = _mm256_cmpeq_epi8(v[0], _mm256_set1_epi8(c));
    same[1] = _mm256_cmpeq_epi8(v[1], _mm256_set1_epi8(c));
    return FT_AVX2_MASK(same);
}

/* Bytes of at least `first`, 0x81 to 0xFF. ASCII bytes match too; the caller removes them with `high`. */
FT_AVX2 FT_INLINE uint64_t ft_avx2_from(const __m256i *v, uint8_t first)
{
    __m256i above[2];
    above[0] = _mm256_cmpgt_epi8(v[0], _mm256_set1_epi8((char)(first - 1)));
    above[1] = _mm256_cmpgt_epi8(v[1], _mm256_set1_epi8((char)(first - 1)));
    return FT_AVX2_MASK(above);
}

/* Bit `bit` of each byte. */
#define FT_AVX2_PLANE(v, bit) \
    ((uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16((v)[0], 7 - (bit))) \
        | (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16((v)[1], 7 - (bit))) << 32)

/* For characters of several bytes: the bits of the code point in the first four bytes, read as a big-endian word. The
 * index is the upper half of the first byte. */
static const uint32_t ft_code_point_bits[16] = {[0xC] = 0x1F3F0000, [0xD] = 0x1F3F0000, [0xE] = 0x0F3F3F00, [0xF] = 0x073F3F3F};

typedef struct {
    __m256i bytes[2];
    uint64_t first; /* a bit per byte of the block: whether it is the first one of a character */
    int is_read; /* if so, the characters were read one by one, and `bytes` has their first bytes */
    ft_characters read;
} ft_avx2_characters;

/* Find the characters of a block of UTF-8 that has more than ASCII. `high` has a bit for each byte beyond ASCII.
 * Return whether all characters that begin in the block are valid. If so, set c->first and *wide, which has a bit for
 * the first byte of each character of several bytes. */
FT_AVX2 FT_INLINE int ft_avx2_find_characters(const uint8_t *p, uint64_t high, ft_avx2_characters *c, uint64_t *wide)
{
    const __m256i *v = c->bytes;
    uint64_t of_two = ft_avx2_from(v, 0xC0) & high; /* two or more bytes, and so on */
    uint64_t of_three = ft_avx2_from(v, 0xE0) & high, of_four = ft_avx2_from(v, 0xF0) & high;
    uint64_t from_a0 = ft_avx2_from(v, 0xA0) & high;
    uint64_t wrong = of_two & ~(ft_avx2_from(v, 0xC2) & high);
    c->first = ~high | of_two;
    *wide = of_two;
    wrong |= (of_two << 1 | of_three << 2 | of_four << 3) ^ ~c->first;
    wrong |= ft_avx2_equal(v, (char)0xE0) << 1 & ~from_a0; /* overlong */
    wrong |= ft_avx2_equal(v, (char)0xED) << 1 & from_a0; /* surrogates */
    if (of_four) {
        uint64_t from_90 = ft_avx2_from(v, 0x90) & high;
        wrong |= ft_avx2_from(v, 0xF5) & high;
        wrong |= ft_avx2_equal(v, (char)0xF0) << 1 & ~from_90; /* overlong */
        wrong |= ft_avx2_equal(v, (char)0xF4) << 1 & from_90; /* beyond U+10FFFF */
    }
    if (of_two >> 63 | of_three >> 62 | of_four >> 61) { /* the last character crosses the end of the block */
        ptrdiff_t length;
        ft_read_code_point(p, ft_highest_bit(of_two), FT_READ_BYTES, &length);
        wrong |= length == 1;
    }
    return wrong == 0;
}

FT_AVX2 FT_INLINE void ft_avx2_masks(const uint8_t *p, const uint8_t *classes, ft_masks *m, ft_avx2_characters *c)
{
    __m256i *v = c->bytes, t[2];
    uint64_t high, wide = 0;
    int i;
    v[0] = _mm256_loadu_si256((const __m256i *)p);
    v[1] = _mm256_loadu_si256((const __m256i *)(p + 32));
    high = FT_AVX2_MASK(v);
    c->first = UINT64_MAX;
    c->is_read = high && !(ft_has_fast_pext() && ft_avx2_find_characters(p, high, c, &wide));
    if (c->is_read) {
        c->first = UINT64_MAX;
        m->n = ft_read_characters(p, classes, &c->read);
        t[0] = _mm256_loadu_si256((const __m256i *)c->read.kinds);
        t[1] = _mm256_loadu_si256((const __m256i *)(c->read.kinds + 32));
        m->letter = FT_AVX2_PLANE(t, 0);
        m->number = FT_AVX2_PLANE(t, 1);
        m->space = FT_AVX2_PLANE(t, 2);
        m->mark = FT_AVX2_PLANE(t, 3);
        m->upper = FT_AVX2_PLANE(t, 4);
        m->lower = FT_AVX2_PLANE(t, 5);
        v[0] = _mm256_loadu_si256((const __m256i *)c->read.bytes);
        v[1] = _mm256_loadu_si256((const __m256i *)(c->read.bytes + 32));
    } else {
        m->n = FT_BLOCK;
        for (i = 0; i < 2; i++)
            t[i] = ft_avx2_between(_mm256_or_si256(v[i], _mm256_set1_epi8(0x20)), 'a', 'z');
        m->letter = FT_AVX2_MASK(t);
        m->lower = FT_AVX2_PLANE(v, 5) & m->letter;
        m->upper = m->letter & ~m->lower;
        for (i = 0; i < 2; i++)
            t[i] = ft_avx2_between(v[i], '0', '9');
        m->number = FT_AVX2_MASK(t);
        for (i = 0; i < 2; i++)
            t[i] = _mm256_or_si256(ft_avx2_between(v[i], '\t', '\r'), _mm256_cmpeq_epi8(v[i], _mm256_set1_epi8(' ')));
        m->space = FT_AVX2_MASK(t);
        m->mark = 0;
    }
    m->blank = ft_avx2_equal(v, ' ');
    m->newline = ft_avx2_equal(v, '\n') | ft_avx2_equal(v, '\r');
    m->quote = ft_avx2_equal(v, '\'');
    m->slash = ft_avx2_equal(v, '/');
    if (high && !c->is_read) {
        uint8_t kinds[FT_BLOCK] __attribute__((aligned(32)));
        const uint64_t first = c->first;
        memset(kinds, 0, FT_BLOCK);
        for (; wide; wide &= wide - 1) {
            int at = ft_ctz(wide);
            uint32_t word = __builtin_bswap32(ft_load4(p + at));
            kinds[at] = classes[_pext_u32(word, ft_code_point_bits[word >> 28])];
        }
        t[0] = _mm256_load_si256((const __m256i *)kinds);
        t[1] = _mm256_load_si256((const __m256i *)(kinds + 32));
        m->n = __builtin_popcountll(first);
        m->letter = _pext_u64(m->letter | FT_AVX2_PLANE(t, 0), first);
        m->number = _pext_u64(m->number | FT_AVX2_PLANE(t, 1), first);
        m->space = _pext_u64(m->space | FT_AVX2_PLANE(t, 2), first);
        m->mark = _pext_u64(FT_AVX2_PLANE(t, 3), first);
        m->upper = _pext_u64(m->upper | FT_AVX2_PLANE(t, 4), first);
        m->lower = _pext_u64(m->lower | FT_AVX2_PLANE(t, 5), first);
        m->blank = _pext_u64(m->blank, first);
        m->newline = _pext_u64(m->newline, first);
        m->quote = _pext_u64(m->quote, first);
        m->slash = _pext_u64(m->slash, first);
    }
}

/* A bit for each character: whether its first byte | fold is `letter`. */
#define FT_AVX2_LETTER(letter) \
    (c->first == UINT64_MAX ? ft_avx2_equal(v, letter) : _pext_u64(ft_avx2_equal(v, letter), c->first))

FT_AVX2 FT_INLINE void ft_avx2_letters(const ft_avx2_characters *c, uint8_t fold, ft_contraction_letters *letters)
{
    __m256i v[2];
    v[0] = _mm256_or_si256(c->bytes[0], _mm256_set1_epi8((char)fold));
    v[1] = _mm256_or_si256(c->bytes[1], _mm256_set1_epi8((char)fold));
    letters->one = FT_AVX2_LETTER('s') | FT_AVX2_LETTER('d') | FT_AVX2_LETTER('m') | FT_AVX2_LETTER('t');
    letters->l = FT_AVX2_LETTER('l');
    letters->e = FT_AVX2_LETTER('e');
    letters->v_or_r = FT_AVX2_LETTER('v') | FT_AVX2_LETTER('r');
    v[0] = c->bytes[0];
    v[1] = c->bytes[1];
    letters->unclear = fold ? FT_AVX2_LETTER((char)0xC5) : 0;
}

FT_AVX2 FT_INLINE int ft_avx2_position(const ft_avx2_characters *c, int character)
{
    if (c->is_read)
        return c->read.positions[character];
    return c->first == UINT64_MAX ? character : ft_ctz(_pdep_u64(UINT64_C(1) << character, c->first));
}

FT_AVX2 FT_INLINE long ft_avx2_positions(uint64_t starts, const ft_avx2_characters *c, uint32_t base, uint32_t *out)
{
    if (c->is_read)
        return ft_plain_positions(starts, &c->read, base, out);
    return ft_write_ones(c->first == UINT64_MAX ? starts : _pdep_u64(starts, c->first), base, out);
}

/* With AVX-512: characters of several bytes are moved together, decoded 16 at a time, and looked up in the table. */

/* Classes of 16 characters, from their first to their fourth bytes; sets *invalid for those that are not UTF-8. */
FT_AVX512 FT_INLINE __m128i ft_avx512_classes(
    __m128i first, __m128i second, __m128i third, __m128i fourth, int has_four, const uint8_t *classes, __mmask16 *invalid)
{
    const __m512i low6 = _mm512_set1_epi32(0x3F);
    __m512i b0 = _mm512_cvtepu8_epi32(first), b1 = _mm512_and_si512(_mm512_cvtepu8_epi32(second), low6);
    __m512i b2 = _mm512_and_si512(_mm512_cvtepu8_epi32(third), low6), two, three, c, found;
    __mmask16 is_three = _mm512_cmpge_epu32_mask(b0, _mm512_set1_epi32(0xE0)), is_four = 0;
    __mmask16 is_two = (__mmask16)(_mm512_cmpge_epu32_mask(b0, _mm512_set1_epi32(0xC0)) & ~is_three);
    two = _mm512_or_si512(_mm512_slli_epi32(_mm512_and_si512(b0, _mm512_set1_epi32(0x1F)), 6), b1);
    three = _mm512_or_si512(_mm512_slli_epi32(_mm512_and_si512(b0, _mm512_set1_epi32(0x0F)), 12),
        _mm512_or_si512(_mm512_slli_epi32(b1, 6), b2));
    c = _mm512_mask_mov_epi32(two, is_three, three);
    if (has_four) {
        __m512i b3 = _mm512_and_si512(_mm512_cvtepu8_epi32(fourth), low6);
        is_four = _mm512_cmpge_epu32_mask(b0, _mm512_set1_epi32(0xF0));
        is_three = (__mmask16)(is_three & ~is_four);
        c = _mm512_mask_mov_epi32(c, is_four,
            _mm512_or_si512(_mm512_slli_epi32(_mm512_and_si512(b0, _mm512_set1_epi32(0x0F)), 18),
                _mm512_or_si512(_mm512_slli_epi32(b1, 12), _mm512_or_si512(_mm512_slli_epi32(b2, 6), b3))));
    }
    *invalid |= _mm512_mask_cmplt_epu32_mask(is_two, c, _mm512_set1_epi32(0x80));
    *invalid |= _mm512_mask_cmplt_epu32_mask(is_three, c, _mm512_set1_epi32(0x800));
    *invalid |= _mm512_mask_cmpeq_epi32_mask(
        is_three, _mm512_and_si512(c, _mm512_set1_epi32(0xF800)), _mm512_set1_epi32(0xD800));
    *invalid |= _mm512_mask_cmplt_epu32_mask(is_four, c, _mm512_set1_epi32(0x10000));
    *invalid |= _mm512_mask_cmpge_epu32_mask(is_four, c, _mm512_set1_epi32(0x110000));
    c = _mm512_maskz_mov_epi32((__mmask16)((is_two | is_three | is_four) & ~*invalid), c);
    /* Four classes are read, so that nothing outside the table is, and one of them is chosen. */
    found = _mm512_i32gather_epi32(_mm512_and_si512(c, _mm512_set1_epi32(~3)), (const int *)classes, 1);
    found = _mm512_srlv_epi32(found, _mm512_slli_epi32(_mm512_and_si512(c, _mm512_set1_epi32(3)), 3));
    return _mm512_cvtepi32_epi8(found);
}

typedef struct {
    __m512i kinds, bytes, positions;
    uint64_t first; /* a bit per byte of the block: whether it is the first one of a character */
} ft_avx512_characters;

/* Read the characters of a block that is not ASCII; return their number. v has the bytes, `ascii` their classes. */
FT_AVX512 static int ft_avx512_read_characters(
    const uint8_t *p, __m512i v, __m512i ascii, const uint8_t *classes, ft_avx512_characters *c)
{
    uint64_t first = _mm512_cmpge_epi8_mask(v, _mm512_set1_epi8(-64)); /* no continuation bytes */
    uint64_t of_two = _mm512_cmpge_epu8_mask(v, _mm512_set1_epi8((char)0xC0)); /* two or more bytes, and so on */
    uint64_t of_three = _mm512_cmpge_epu8_mask(v, _mm512_set1_epi8((char)0xE0));
    uint64_t of_four = _mm512_cmpge_epu8_mask(v, _mm512_set1_epi8((char)0xF0));
    uint32_t after = ft_load4(p + FT_BLOCK - 1) >> 8; /* the three bytes after the block */
    uint32_t needed = (uint32_t)(of_two >> 63 | of_three >> 62 | of_four >> 61);
    int n_wide = __builtin_popcountll(of_two), n, i;
    __mmask16 invalid = 0;
    ft_characters read;
    after = _pext_u32(after >> 7 & ~(after >> 6), 0x010101); /* continuation bytes */
    if ((of_two << 1 | of_three << 2 | of_four << 3) == ~first && (needed & ~after) == 0) {
        __m512i b0 = _mm512_maskz_compress_epi8(of_two, v);
        __m512i b1 = _mm512_maskz_compress_epi8(of_two, _mm512_loadu_si512(p + 1));
        __m512i b2 = _mm512_maskz_compress_epi8(of_two, _mm512_loadu_si512(p + 2));
        __m512i b3 = of_four ? _mm512_maskz_compress_epi8(of_two, _mm512_loadu_si512(p + 3)) : _mm512_setzero_si512();
        __m512i wide = _mm512_setzero_si512();
        /* The first bytes beyond the last character are 0, for which no code point is read. First bytes are at least two
         * apart here, so there are at most 32 characters of several bytes, with one that crosses the end. */
#define FT_SIXTEEN(i) \
    ft_avx512_classes(_mm512_extracti32x4_epi32(b0, i), _mm512_extracti32x4_epi32(b1, i), \
        _mm512_extracti32x4_epi32(b2, i), _mm512_extracti32x4_epi32(b3, i), of_four != 0, classes, &invalid)
        wide = _mm512_inserti32x4(wide, FT_SIXTEEN(0), 0);
        if (n_wide > 16)
            wide = _mm512_inserti32x4(wide, FT_SIXTEEN(1), 1);
#undef FT_SIXTEEN
        if (!invalid) {
            c->bytes = _mm512_maskz_compress_epi8(first, v);
            c->kinds = _mm512_mask_expand_epi8(
                _mm512_maskz_compress_epi8(first, ascii), _mm512_movepi8_mask(c->bytes), wide);
            c->positions = _mm512_maskz_compress_epi8(first, c->positions);
            c->first = first;
            return __builtin_popcountll(first);
        }
    }
    n = ft_read_characters(p, classes, &read);
    for (c->first = 0, i = 0; i < n; i++)
        c->first |= UINT64_C(1) << read.positions[i];
    c->kinds = _mm512_loadu_si512(read.kinds);
    c->bytes = _mm512_loadu_si512(read.bytes);
    c->positions = _mm512_loadu_si512(read.positions);
    return n;
}

#define FT_AVX512_EQUAL(v, c) _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8((char)(c)))
#define FT_AVX512_PLANE(v, bit) _mm512_test_epi8_mask(v, _mm512_set1_epi8(bit))

FT_AVX512 FT_INLINE void ft_avx512_masks(
    const uint8_t *p, const uint8_t *classes, ft_masks *m, ft_avx512_characters *c)
{
    c->positions = _mm512_loadu_si512(ft_numbers);
    c->bytes = _mm512_loadu_si512(p);
    c->kinds = _mm512_permutex2var_epi8(_mm512_loadu_si512(classes), c->bytes, _mm512_loadu_si512(classes + 64));
    c->first = UINT64_MAX;
    m->n = FT_BLOCK;
    if (_mm512_movepi8_mask(c->bytes))
        m->n = ft_avx512_read_characters(p, c->bytes, c->kinds, classes, c);
    m->letter = FT_AVX512_PLANE(c->kinds, FT_LETTER);
    m->number = FT_AVX512_PLANE(c->kinds, FT_NUMBER);
    m->space = FT_AVX512_PLANE(c->kinds, FT_SPACE);
    m->mark = FT_AVX512_PLANE(c->kinds, FT_MARK);
    m->upper = FT_AVX512_PLANE(c->kinds, FT_UPPER);
    m->lower = FT_AVX512_PLANE(c->kinds, FT_LOWER);
    m->blank = FT_AVX512_EQUAL(c->bytes, ' ');
    m->newline = FT_AVX512_EQUAL(c->bytes, '\n') | FT_AVX512_EQUAL(c->bytes, '\r');
    m->quote = FT_AVX512_EQUAL(c->bytes, '\'');
    m->slash = FT_AVX512_EQUAL(c->bytes, '/');
}

FT_AVX512 FT_INLINE void ft_avx512_letters(
    const ft_avx512_characters *c, uint8_t fold, ft_contraction_letters *letters)
{
    __m512i v = _mm512_or_si512(c->bytes, _mm512_set1_epi8((char)fold));
    letters->one = FT_AVX512_EQUAL(v, 's') | FT_AVX512_EQUAL(v, 'd') | FT_AVX512_EQUAL(v, 'm') | FT_AVX512_EQUAL(v, 't');
    letters->l = FT_AVX512_EQUAL(v, 'l');
    letters->e = FT_AVX512_EQUAL(v, 'e');
    letters->v_or_r = FT_AVX512_EQUAL(v, 'v') | FT_AVX512_EQUAL(v, 'r');
    letters->unclear = fold ? FT_AVX512_EQUAL(c->bytes, 0xC5) : 0;
}

FT_AVX512 FT_INLINE int ft_avx512_position(const ft_avx512_characters *c, int character)
{
    return ft_ctz(_pdep_u64(UINT64_C(1) << character, c->first));
}

FT_AVX512 FT_INLINE long ft_avx512_positions(
    uint64_t starts, const ft_avx512_characters *c, uint32_t base, uint32_t *out)
{
    __m512i found = _mm512_maskz_compress_epi8(starts, c->positions), bases = _mm512_set1_epi32((int)base);
    int n = __builtin_popcountll(starts);
#define FT_SIXTEEN(i) \
    _mm512_storeu_si512( \
        out + 16 * (i), _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(found, i)), bases))
    FT_SIXTEEN(0);
    FT_SIXTEEN(1);
    if (n > 32) {
        FT_SIXTEEN(2);
        FT_SIXTEEN(3);
    }
#undef FT_SIXTEEN
    return n;
}

#endif

/* Define the functions of one way. ft_WAY_scan_PATTERN does what ft_scan_blocks describes. */
#define FT_DEFINE_SCAN(way, target, name, pattern) \
    target static long ft_##way##_scan_##name(const uint8_t *text, const uint8_t *classes, size_t base, \
        size_t *position, size_t end, uint32_t *out, long capacity) \
    { \
        size_t i = *position; \
        long n = 0; \
        while (n + FT_BLOCK <= capacity && i + FT_READ_BYTES <= end && i - base < FT_FARTHEST) { \
            ft_##way##_characters c; \
            ft_masks m; \
            int known; \
            uint64_t starts; \
            ft_##way##_masks(text + i, classes, &m, &c); \
            starts = pattern == FT_GPT2 ? ft_starts_gpt2(&m, &known) : ft_starts_cl100k(&m, pattern, &known); \
            if (m.quote) { \
                ft_contraction_letters letters; \
                ft_##way##_letters(&c, pattern == FT_GPT2 ? 0 : 0x20, &letters); \
                starts = pattern == FT_O200K ? ft_join_contractions(&m, &letters, starts, &known) \
                                             : ft_split_contractions(&m, &letters, starts, &known); \
            } \
            starts &= known > 0 ? ft_below(known) & ~UINT64_C(1) : 0; \
            if (starts == 0) { \
                if (known < m.n - 1 || !ft_is_in_word(&m, pattern)) \
                    break; \
                i += ft_##way##_position(&c, m.n - 1); \
                continue; \
            } \
            n += ft_##way##_positions(starts, &c, (uint32_t)(i - base), out + n); \
            i += ft_##way##_position(&c, ft_highest_bit(starts)); \
            *position = i; \
        } \
        return n; \
    }

#define FT_DEFINE_SCANS(way, target) \
    FT_DEFINE_SCAN(way, target, gpt2, FT_GPT2) \
    FT_DEFINE_SCAN(way, target, cl100k, FT_CL100K) \
    FT_DEFINE_SCAN(way, target, qwen2, FT_QWEN2) \
    FT_DEFINE_SCAN(way, target, o200k, FT_O200K)

FT_DEFINE_SCANS(plain, )
#if FT_X86
FT_DEFINE_SCANS(avx2, FT_AVX2)
FT_DEFINE_SCANS(avx512, FT_AVX512)
#endif

/* Return the fastest way that this processor supports. */
static inline int ft_fastest_way(void)
{
#if FT_X86
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi") || !__builtin_cpu_supports("bmi2")
        || !__builtin_cpu_supports("lzcnt") || !__builtin_cpu_supports("popcnt"))
        return FT_WAY_PLAIN;
    if (__builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512vbmi")
        && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        return FT_WAY_AVX512;
    return FT_WAY_AVX2;
#endif
    return FT_WAY_PLAIN;
}

/* Write the ends of the next pretokens from text[*position] on, at which a pretoken begins, as offsets from text[base].
 *
 * `out` has space for `capacity` ends. The function stops when less than a block of space is left, before the last bytes
 * of the text, and before a pretoken whose end the masks do not tell; words are followed over several blocks. It returns
 * the number of ends, and moves *position to the last one. */
static inline long ft_scan_blocks(int way, int pattern, const uint8_t *text, const uint8_t *classes, size_t base,
    size_t *position, size_t end, uint32_t *out, long capacity)
{
    typedef long (*scan)(const uint8_t *, const uint8_t *, size_t, size_t *, size_t, uint32_t *, long);
#define FT_SCANS(way) \
    { \
        ft_##way##_scan_gpt2, ft_##way##_scan_cl100k, ft_##way##_scan_cl100k, ft_##way##_scan_qwen2, \
            ft_##way##_scan_o200k \
    }
#if FT_X86
    static const scan scans[3][5] = {FT_SCANS(plain), FT_SCANS(avx2), FT_SCANS(avx512)};
#else
    static const scan scans[1][5] = {FT_SCANS(plain)};
#endif
#undef FT_SCANS
    return scans[way][pattern](text, classes, base, position, end, out, capacity);
}

#endif
