/* 16-byte keys of pretokens, for hash tables that compare two machine words instead of bytes.
 *
 * The key of a pretoken of up to 15 bytes is the bytes themselves, with the length (1 to 15) in the top byte of the
 * second word. The key of a longer pretoken is a hash of its bytes in the first word and its length in the second
 * word, whose top byte is then 0; equal keys of longer pretokens do not imply equal bytes. The second word of a key
 * is never 0, so tables mark empty entries with 0.
 */
#ifndef FASTTOK_KEYS_H
#define FASTTOK_KEYS_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__GNUC__)
#define FT_PREFETCH(p) __builtin_prefetch(p)
#else
#define FT_PREFETCH(p)
#endif

#if defined(__linux__)
#include <sys/mman.h>
#endif
#define FT_LARGE_PAGE ((size_t)2 << 20)

#define FT_LONG 16 /* smallest length of a pretoken that does not fit its key */

typedef struct {
    uint64_t low, high;
} ft_key;

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
static __inline int ft_ctz(uint64_t x)
{
    unsigned long i;
    _BitScanForward64(&i, x);
    return (int)i;
}
static __inline int ft_highest_bit(uint64_t x)
{
    unsigned long i;
    _BitScanReverse64(&i, x);
    return (int)i;
}
#else
/* Positions of the lowest and of the highest set bit; x must not be 0. */
#define ft_ctz(x) __builtin_ctzll(x)
#define ft_highest_bit(x) (63 - __builtin_clzll(x))
#endif

/* Read eight bytes as a little-endian word. */
static inline uint64_t ft_load8(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* Read four bytes as a little-endian word. */
static inline uint32_t ft_load4(const uint8_t *p)
{
    uint32_t word;
    memcpy(&word, p, 4);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    return word;
}

/* Return a 64-bit hash of n >= 8 bytes. */
static inline uint64_t ft_hash_bytes(const uint8_t *p, size_t n)
{
    uint64_t h = n * 0x9E3779B97F4A7C15u;
    size_t i;
    for (i = 0; i + 8 <= n; i += 8) {
        h = (h ^ ft_load8(p + i)) * 0xD6E8FEB86659FD93u;
        h ^= h >> 32;
    }
    h = (h ^ ft_load8(p + n - 8)) * 0xD6E8FEB86659FD93u;
    return h ^ h >> 32;
}

/* Mask of the bytes that belong to a pretoken, for each length. */
static const ft_key ft_key_masks[FT_LONG] = {
    {UINT64_C(0x0), UINT64_C(0x0)},
    {UINT64_C(0xFF), UINT64_C(0x0)},
    {UINT64_C(0xFFFF), UINT64_C(0x0)},
    {UINT64_C(0xFFFFFF), UINT64_C(0x0)},
    {UINT64_C(0xFFFFFFFF), UINT64_C(0x0)},
    {UINT64_C(0xFFFFFFFFFF), UINT64_C(0x0)},
    {UINT64_C(0xFFFFFFFFFFFF), UINT64_C(0x0)},
    {UINT64_C(0xFFFFFFFFFFFFFF), UINT64_C(0x0)},
    {UINT64_C(0xFFFFFFFFFFFFFFFF), UINT64_C(0x0)},
    {UINT64_C(0xFFFFFFFFFFFFFFFF), UINT64_C(0xFF)},
    {UINT64_C(0xFFFFFFFFFFFFFFFF), UINT64_C(0xFFFF)},
    {UINT64_C(0xFFFFFFFFFFFFFFFF), UINT64_C(0xFFFFFF)},
    {UINT64_C(0xFFFFFFFFFFFFFFFF), UINT64_C(0xFFFFFFFF)},
    {UINT64_C(0xFFFFFFFFFFFFFFFF), UINT64_C(0xFFFFFFFFFF)},
    {UINT64_C(0xFFFFFFFFFFFFFFFF), UINT64_C(0xFFFFFFFFFFFF)},
    {UINT64_C(0xFFFFFFFFFFFFFFFF), UINT64_C(0xFFFFFFFFFFFFFF)},
};

/* Return the key of text[start .. start + length), length >= 1; nothing beyond text_length is read. */
static inline ft_key ft_make_key(const uint8_t *text, size_t start, size_t length, size_t text_length)
{
    const uint8_t *p = text + start;
    uint8_t padded[16];
    ft_key key;
    if (length >= FT_LONG) {
        key.low = ft_hash_bytes(p, length);
        key.high = length;
        return key;
    }
    if (start + 16 > text_length) {
        memset(padded, 0, 16);
        memcpy(padded, p, length);
        p = padded;
    }
    key.low = ft_load8(p) & ft_key_masks[length].low;
    key.high = (ft_load8(p + 8) & ft_key_masks[length].high) | (uint64_t)length << 56;
    return key;
}

/* Return a 64-bit hash of a key. Only its high bits depend on all of the key; tables use them as the index. */
static inline uint64_t ft_hash_key(ft_key key)
{
    return key.low * 0x9E3779B97F4A7C15u + key.high * 0xC2B2AE3D27D4EB4Fu;
}

/* Ask the system to back new memory with large pages. This avoids most of the page faults of the first access, and
 * most of the misses of the address cache (TLB) in large tables. */
static inline void ft_use_large_pages(void *start, size_t n_bytes)
{
#if defined(MADV_HUGEPAGE)
    uintptr_t first = ((uintptr_t)start + FT_LARGE_PAGE - 1) & ~(FT_LARGE_PAGE - 1);
    uintptr_t end = ((uintptr_t)start + n_bytes) & ~(FT_LARGE_PAGE - 1);
    if (first < end)
        madvise((void *)first, end - first, MADV_HUGEPAGE); /* only advice, so the result does not matter */
#else
    (void)start;
    (void)n_bytes;
#endif
}

/* Allocate zeroed memory for a hash table, aligned to a cache line, or to a large page if the table is large.
 * *block is the pointer to free. Returns NULL if there is no memory. */
static inline void *ft_calloc_table(size_t n_bytes, void **block)
{
    size_t line = n_bytes < FT_LARGE_PAGE ? 64 : FT_LARGE_PAGE;
    void *start;
    *block = calloc(n_bytes + line, 1);
    if (*block == NULL)
        return NULL;
    start = (void *)(((uintptr_t)*block + line - 1) & ~(uintptr_t)(line - 1));
    ft_use_large_pages(start, n_bytes);
    return start;
}

#endif
