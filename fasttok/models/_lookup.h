/* Look up pretokens that follow each other in the table of a cache; see _cache.pyx for the table.
 *
 * The two loops of a look-up are functions of their own, and leave what is rare to other functions, so that the compiler
 * keeps their variables in registers.
 */
#ifndef FASTTOK_LOOKUP_H
#define FASTTOK_LOOKUP_H

#include "../core/_keys.h"

#if defined(__GNUC__)
#define FT_LIKELY(x) __builtin_expect(!!(x), 1)
#define FT_NOINLINE __attribute__((noinline, unused))
#else
#define FT_LIKELY(x) (x)
#define FT_NOINLINE
#endif

#define FT_LOOKUPS 64 /* pretokens of a block, which are looked up together */
#define FT_INLINE_IDS 4 /* ids that an entry has space for */
#define FT_IN_ARENA 15 /* stored instead of the number of ids if they are in the arena */

/* Key of the pretoken. The top four bits of key.high are the number of ids, from 1 to 4, if the ids are in the entry, or
 * FT_IN_ARENA. An empty entry is all zero. */
typedef struct {
    ft_key key;
    uint32_t ids[FT_INLINE_IDS];
} ft_cache_entry;

/* Whether the key of an entry is `key`, whatever the number of its ids. */
static inline int ft_is_key(ft_key found, ft_key key)
{
    return ((found.low ^ key.low) | (found.high ^ key.high) << 4) == 0;
}

static inline int ft_has_key(const ft_cache_entry *entry, ft_key key)
{
    return ft_is_key(entry->key, key);
}

/* `ft_make_key` for keys that are seldom made. */
static FT_NOINLINE ft_key ft_make_other_key(const uint8_t *text, size_t start, size_t length, size_t text_length)
{
    return ft_make_key(text, start, length, text_length);
}

/* Keys of pretokens, and the entry at which the search for each begins. */
typedef struct {
    uint64_t low[FT_LOOKUPS], high[FT_LOOKUPS];
    const ft_cache_entry *entries[FT_LOOKUPS];
} ft_block;

static inline ft_key ft_block_key(const ft_block *block, size_t i)
{
    ft_key key = {block->low[i], block->high[i]};
    return key;
}

/* A function that sets pretokens i to n - 1 of a block, and fetches their entries. Pretoken k is text[starts[k] .. ends[k]). */
typedef void ft_begin(ft_block *block, const uint8_t *text, size_t text_length, const uint32_t *starts,
    const uint32_t *ends, size_t i, size_t n, const ft_cache_entry *entries, int shift);

static inline void ft_set_pretoken(ft_block *block, size_t i, ft_key key, const ft_cache_entry *entries, int shift)
{
    block->low[i] = key.low;
    block->high[i] = key.high;
    block->entries[i] = &entries[ft_hash_key(key) >> shift];
    FT_PREFETCH(block->entries[i]);
}

/* The function for pretokens as they are in the text. */
static FT_NOINLINE void ft_begin_block(ft_block *block, const uint8_t *text, size_t text_length, const uint32_t *starts,
    const uint32_t *ends, size_t i, size_t n, const ft_cache_entry *entries, int shift)
{
    /* Up to which length 16 bytes may be read from the start of a pretoken. */
    const size_t longest = (size_t)ends[n - 1] + 16 <= text_length ? FT_LONG - 1 : 0;
    for (; i < n; i++) {
        size_t start = starts[i], length = ends[i] - start;
        ft_key key;
        if (FT_LIKELY(length <= longest)) {
            key.low = ft_load8(text + start) & ft_key_masks[length].low;
            key.high = (ft_load8(text + start + 8) & ft_key_masks[length].high) | (uint64_t)length << 56;
        } else
            key = ft_make_other_key(text, start, length, text_length);
        ft_set_pretoken(block, i, key, entries, shift);
    }
}

/* Return the entry of a pretoken, or NULL. */
static inline ft_cache_entry *ft_find_entry(ft_cache_entry *entries, int shift, const uint8_t *arena,
    ft_key key, uint64_t hash, const uint8_t *pretoken, size_t length)
{
    const uint64_t mask = (UINT64_C(1) << (64 - shift)) - 1;
    uint64_t i = hash >> shift, place;
    for (; entries[i].key.high; i = (i + 1) & mask) {
        if (!ft_has_key(&entries[i], key))
            continue;
        if (length < FT_LONG)
            return &entries[i];
        memcpy(&place, entries[i].ids, 8);
        if (memcmp(arena + place + 4 * (size_t)entries[i].ids[2], pretoken, length) == 0)
            return &entries[i];
    }
    return NULL;
}

/* Write the ids of an entry to `out`, which needs space for FT_INLINE_IDS ids at least; return their number. */
static inline size_t ft_copy_ids(const ft_cache_entry *entry, const uint8_t *arena, uint32_t *out)
{
    size_t n = entry->key.high >> 60;
    uint64_t place;
    if (n <= FT_INLINE_IDS) {
        memcpy(out, entry->ids, sizeof(entry->ids));
        return n;
    }
    memcpy(&place, entry->ids, 8);
    n = entry->ids[2];
    memcpy(out, arena + place, 4 * n);
    return n;
}

/* If `entry` has the key and its ids are not in the arena, write them to `out`, which needs space for FT_INLINE_IDS ids,
 * and return their number; otherwise return 0. */
static inline size_t ft_copy_first(const ft_cache_entry *entry, ft_key key, uint32_t *out)
{
    size_t n = entry->key.high >> 60;
    if (!ft_has_key(entry, key) || n > FT_INLINE_IDS)
        return 0;
    memcpy(out, entry->ids, sizeof(entry->ids));
    return n;
}

/* Write the ids of a pretoken to `out`, which needs space for FT_INLINE_IDS ids at least. Return their number, or 0 if the
 * pretoken is not in the table.
 *
 * The entry changes places with the one at which the search begins. So a frequent pretoken is nearly always found at once.
 * The other one is found as before: all entries from its own first place up to its new one are in use, and none is ever
 * removed alone. */
static FT_NOINLINE size_t ft_find_ids(ft_cache_entry *entries, int shift, const uint8_t *arena, ft_key key, uint64_t hash,
    const uint8_t *pretoken, size_t length, uint32_t *out)
{
    ft_cache_entry *entry = ft_find_entry(entries, shift, arena, key, hash, pretoken, length), found;
    if (entry == NULL)
        return 0;
    found = *entry;
    *entry = entries[hash >> shift];
    entries[hash >> shift] = found;
    return ft_copy_ids(&found, arena, out);
}

/* Write the ids of pretokens i to n - 1 of a block to *out, and move *out to their end. Return the first pretoken that is
 * not in the table, or n. Up to FT_INLINE_IDS ids may be written after the last one. */
static FT_NOINLINE size_t ft_look_up(const ft_block *block, const uint8_t *text, const uint32_t *starts,
    const uint32_t *ends, size_t i, size_t n, ft_cache_entry *entries, int shift, const uint8_t *arena, uint32_t **out)
{
    uint32_t *at = *out;
    for (; i < n; i++) {
        const ft_cache_entry *entry = block->entries[i];
        const ft_key found = entry->key, key = ft_block_key(block, i);
        size_t n_ids = found.high >> 60;
        memcpy(at, entry->ids, sizeof(entry->ids));
        if (!FT_LIKELY(ft_is_key(found, key) && n_ids <= FT_INLINE_IDS)) {
            n_ids = ft_find_ids(
                entries, shift, arena, key, ft_hash_key(key), text + starts[i], ends[i] - starts[i], at);
            if (n_ids == 0)
                break;
        }
        at += n_ids;
    }
    *out = at;
    return i;
}

#endif
