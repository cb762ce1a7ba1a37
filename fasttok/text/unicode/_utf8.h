/* Read one code point of UTF-8, valid or not. */
#ifndef FASTTOK_UTF8_H
#define FASTTOK_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Return the code point at text[i] and store its length in bytes; nothing from `end` on is read. An invalid byte 0xNN
 * is the code point U+DCNN.
 *
 * The definition of valid UTF-8 is that of Python's decoder: no overlong forms, no surrogates, nothing above U+10FFFF.
 * Each byte of an invalid sequence is invalid on its own. */
static inline uint32_t ft_read_code_point(const uint8_t *text, ptrdiff_t i, ptrdiff_t end, ptrdiff_t *length)
{
    const uint8_t *p = text + i;
    uint32_t a = p[0], c;
    ptrdiff_t left = end - i;
    *length = 1;
    if (a < 0x80)
        return a;
    if (a < 0xE0) {
        if (a >= 0xC2 && left > 1 && (p[1] & 0xC0) == 0x80) {
            *length = 2;
            return (a & 0x1F) << 6 | (p[1] & 0x3F);
        }
    } else if (a < 0xF0) {
        if (left > 2 && (p[1] & 0xC0) == 0x80 && (p[2] & 0xC0) == 0x80) {
            c = (a & 0x0F) << 12 | (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
            if (c >= 0x800 && (c & 0xF800) != 0xD800) {
                *length = 3;
                return c;
            }
        }
    } else if (a < 0xF5 && left > 3 && (p[1] & 0xC0) == 0x80 && (p[2] & 0xC0) == 0x80 && (p[3] & 0xC0) == 0x80) {
        c = (a & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 | (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3F);
        if (c >= 0x10000 && c < 0x110000) {
            *length = 4;
            return c;
        }
    }
    return 0xDC00 + a;
}

#endif
