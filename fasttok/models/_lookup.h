/* Look up pretokens that follow each other in the table of a cache; see _cache.pyx for the table. */
#ifndef FASTTOK_LOOKUP_H
#define FASTTOK_LOOKUP_H

#include "../core/_keys.h"

#if defined(__GNUC__)
#define FT_LIKELY(x) __builtin_expect(!!(x), 1)
#else
#define FT_LIKELY(x) (x)
#endif

#define FT_INLINE_IDS 4 /* ids that an entry has space for */
#define FT_IN_ARENA 15 /* stored instead of the number of ids if they are in the arena */

/* Key of the pretoken. The top four bits of key.high are the number of ids, from 1 to 4, if the ids are in the entry, or
 * FT_IN_ARENA. An empty entry is all zero. */
typedef struct {
    ft_key key;
    uint32_t ids[FT_INLINE_IDS];
} ft_cache_entry;

/* Whether an entry has a key, whatever the number of its ids. */
static inline int ft_has_key(const ft_cache_entry *entry, ft_key key)
{
    return ((entry->key.low ^ key.low) | (entry->key.high ^ key.high) << 4) == 0;
}

/* Make the keys and hashes of n pretokens, the first of which begins at `start`, and fetch their entries. `ends` are
 * offsets from `base`. */
static inline void ft_make_keys(const uint8_t *text, size_t text_length, size_t base, size_t start,
    const uint32_t *ends, long n, const ft_cache_entry *entries, int shift, ft_key *keys, uint64_t *hashes)
{
    const int may_read_16 = base + ends[n - 1] + 16 <= text_length; /* from the start of each pretoken */
    long i;
    for (i = 0; i < n; i++) {
        size_t end = base + ends[i], length = end - start;
        if (FT_LIKELY(length < FT_LONG && may_read_16)) {
            keys[i].low = ft_load8(text + start) & ft_key_masks[length].low;
            keys[i].high = (ft_load8(text + start + 8) & ft_key_masks[length].high) | (uint64_t)length << 56;
        } else
            keys[i] = ft_make_key(text, start, length, text_length);
        start = end;
        hashes[i] = ft_hash_key(keys[i]);
        FT_PREFETCH(&entries[hashes[i] >> shift]);
    }
}

/* Return the entry of a pretoken, or NULL. */
static inline const ft_cache_entry *ft_find_entry(const ft_cache_entry *entries, int shift, const uint8_t *arena,
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

/* Write the ids of pretokens i to n - 1 to *out, and move *out to their end. Return the first pretoken that is not in
 * the table, or n. Up to FT_INLINE_IDS ids may be written after the last one. */
static inline long ft_look_up(const uint8_t *text, size_t base, size_t start, const uint32_t *ends, long i, long n,
    const ft_cache_entry *entries, int shift, const uint8_t *arena, const ft_key *keys, const uint64_t *hashes,
    uint32_t **out)
{
    uint32_t *at = *out;
    for (; i < n; i++) {
        const ft_cache_entry *entry = &entries[hashes[i] >> shift];
        uint64_t n_ids = entry->key.high >> 60;
        memcpy(at, entry->ids, sizeof(entry->ids));
        if (!FT_LIKELY(ft_has_key(entry, keys[i]) && n_ids <= FT_INLINE_IDS)) {
            size_t first = i ? base + ends[i - 1] : start;
            entry = ft_find_entry(entries, shift, arena, keys[i], hashes[i], text + first, base + ends[i] - first);
            if (entry == NULL) {
                *out = at;
                return i;
            }
            n_ids = ft_copy_ids(entry, arena, at);
        }
        at += n_ids;
    }
    *out = at;
    return n;
}

#endif
