/* The loop over blocks, which _raw_words.h includes once per path, with FT_RAW_NAME (the name of the function),
 * FT_RAW_TARGET (its instruction sets), FT_RAW_MASKS and FT_RAW_POSITIONS.
 *
 * Write the first bytes of the next raw words to `starts` and the bytes after their ends to `ends`, relative to the
 * position at the call; return their number. The arrays have space for `capacity + FT_RAW_SPARE` positions, and
 * `capacity` is at least 2. Advance the position: to the end of the text, or to the first raw word not written. The
 * position stays where it is only if a raw word begins there that has more than 4 GiB.
 */
FT_RAW_TARGET static ptrdiff_t FT_RAW_NAME(
    const ft_raw_tables *t, const uint8_t *text, ptrdiff_t end, ptrdiff_t *position, uint32_t *starts, uint32_t *ends,
    ptrdiff_t capacity)
{
    const ptrdiff_t begin = *position;
    ptrdiff_t i = begin, n_starts = 0, n_ends = 0;
    uint64_t in_word = 0, after_alone = 0; /* bit 0: the byte before the block is in a word; ends an alone code point */
    uint8_t padded[FT_RAW_BLOCK];
    while (i < end && n_starts < capacity && i - begin < (ptrdiff_t)UINT32_MAX - FT_RAW_BLOCK) {
        const uint8_t *p = text + i;
        uint64_t first, last, word, valid, look;
        int usable = FT_RAW_BLOCK;
        ft_raw_masks m;
        if (end - i < FT_RAW_BLOCK) {
            usable = (int)(end - i);
            memset(padded, 0, FT_RAW_BLOCK);
            memcpy(padded, p, (size_t)usable);
            p = padded;
        }
        m = FT_RAW_MASKS(t, p);
        p = text + i;
        valid = usable == FT_RAW_BLOCK ? UINT64_MAX : (UINT64_C(1) << usable) - 1;
        first = last = m.alone;
        look = m.look & valid;
        while (look) {
            int at = ft_ctz(look), length, kind = ft_raw_kind(t, p + at, text + end, &length);
            look &= look - 1;
            if (kind == FT_IN_WORD)
                continue;
            if (at + length > usable) { /* the next block begins with this code point */
                usable = at;
                valid = (UINT64_C(1) << usable) - 1;
                break;
            }
            uint64_t bytes = ((UINT64_C(1) << length) - 1) << at;
            if (kind == FT_ALONE) {
                first |= UINT64_C(1) << at;
                last |= UINT64_C(1) << (at + length - 1);
                m.alone |= bytes;
            } else {
                m.space |= bytes;
            }
        }
        word = ~(m.space | m.alone) & valid;
        first = ((word & ~(word << 1 | in_word)) | first) & valid;
        n_starts += FT_RAW_POSITIONS(first, (uint32_t)(i - begin), starts + n_starts);
        first = ((~word & (word << 1 | in_word)) | last << 1 | after_alone) & valid;
        n_ends += FT_RAW_POSITIONS(first, (uint32_t)(i - begin), ends + n_ends);
        in_word = word >> (usable - 1) & 1;
        after_alone = (last & valid) >> (usable - 1) & 1;
        i += usable;
    }
    if (in_word | after_alone) {
        if (after_alone || i == end)
            ends[n_ends++] = (uint32_t)(i - begin);
        else
            i = begin + starts[n_ends]; /* the word may continue, so it is read again */
    }
    *position = i;
    return n_ends;
}

#undef FT_RAW_NAME
#undef FT_RAW_TARGET
#undef FT_RAW_MASKS
#undef FT_RAW_POSITIONS
