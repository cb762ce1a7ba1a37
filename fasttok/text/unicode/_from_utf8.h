/* Conversion of UTF-8 to the code points of a str, of 1, 2 or 4 bytes each; the counterpart of _to_utf8.h. */
#ifndef FASTTOK_FROM_UTF8_H
#define FASTTOK_FROM_UTF8_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "_utf8.h"

#define FT_STEP 16 /* bytes that are converted together if all are ASCII */

/* Return the number of code points of n bytes of UTF-8, and store the largest byte. */
static inline ptrdiff_t ft_count_code_points(const uint8_t *text, ptrdiff_t n, uint8_t *largest)
{
    ptrdiff_t i = 0, end, count = 0;
    uint8_t most = 0;
    while (i < n) {
        uint8_t block = 0; /* small blocks and counters, which compilers turn into vector instructions */
        end = n - i < 240 ? n : i + 240;
        for (; i < end; i++) {
            block = (uint8_t)(block + ((int8_t)text[i] >= -64));
            most = text[i] > most ? text[i] : most;
        }
        count += block;
    }
    *largest = most;
    return count;
}

#define FT_DEFINE_FROM_UTF8(kind, type)                                                                                \
    static int ft_from_utf8_##kind(const uint8_t *text, ptrdiff_t n, type *out)                                        \
    {                                                                                                                  \
        ptrdiff_t i = 0, end, length;                                                                                  \
        int j;                                                                                                         \
        while (i < n) {                                                                                                \
            if (n - i >= FT_STEP) {                                                                                    \
                uint64_t a, b;                                                                                         \
                memcpy(&a, text + i, 8);                                                                               \
                memcpy(&b, text + i + 8, 8);                                                                           \
                if (((a | b) & UINT64_C(0x8080808080808080)) == 0) {                                                   \
                    for (j = 0; j < FT_STEP; j++)                                                                      \
                        out[j] = text[i + j];                                                                          \
                    out += FT_STEP;                                                                                    \
                    i += FT_STEP;                                                                                      \
                    continue;                                                                                          \
                }                                                                                                      \
            }                                                                                                          \
            for (end = n - i < FT_STEP ? n : i + FT_STEP; i < end; i += length) {                                      \
                uint32_t c = n - i < 4 ? ft_read_code_point(text, i, n, &length)                                       \
                                       : ft_read_code_point(text + i, 0, 4, &length);                                  \
                if (length == 1 && c >= 0x80) /* so nothing is written beyond the characters that were counted */      \
                    return 0;                                                                                          \
                *out++ = (type)c;                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
        return 1;                                                                                                      \
    }

FT_DEFINE_FROM_UTF8(1, uint8_t)
FT_DEFINE_FROM_UTF8(2, uint16_t)
FT_DEFINE_FROM_UTF8(4, uint32_t)

/* Write the code points of n bytes, of `kind` bytes each, to `out`; return 0 if the bytes are not UTF-8.
 *
 * `kind` must suit the largest byte, and `out` must have space for ft_count_code_points code points. */
static inline int ft_from_utf8(const uint8_t *text, ptrdiff_t n, int kind, void *out)
{
    return kind == 1   ? ft_from_utf8_1(text, n, (uint8_t *)out)
           : kind == 2 ? ft_from_utf8_2(text, n, (uint16_t *)out)
                       : ft_from_utf8_4(text, n, (uint32_t *)out);
}

#endif
