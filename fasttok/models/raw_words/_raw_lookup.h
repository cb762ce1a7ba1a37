/* Keys of raw words for the look-up of _lookup.h, as they are and in lower case. */
#ifndef FASTTOK_RAW_LOOKUP_H
#define FASTTOK_RAW_LOOKUP_H

#include "../../text/words/_raw_words.h"
#include "../_lookup.h"

#define FT_DEFINE_BEGIN(name, folds) \
    static FT_NOINLINE void name(ft_block *block, const uint8_t *text, size_t text_length, const uint32_t *starts, \
        const uint32_t *ends, size_t i, size_t n, const ft_cache_entry *entries, int shift) \
    { \
        for (; i < n; i++) { \
            ft_key key = ft_raw_key(text, starts[i], ends[i] - starts[i], text_length, folds); \
            ft_set_pretoken(block, i, key, entries, shift); \
        } \
    }

FT_DEFINE_BEGIN(ft_begin_raw_block, 0)
FT_DEFINE_BEGIN(ft_begin_folded_block, 1)

#endif
