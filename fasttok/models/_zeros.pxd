"""Text for tries whose keys contain U+0000, which a trie cannot store.

In the keys, a byte that begins no character of UTF-8 replaces it. In the text, bytes that are not UTF-8 are replaced by
0xFF, so that they are not mistaken for it. Models without such pieces read the text itself.
"""

from libc.stdint cimport uint8_t
from libc.stdlib cimport malloc
from libc.string cimport memchr, memcpy

from fasttok.text.unicode._utf8 cimport read_code_point


cdef inline bint may_have_zeros(const uint8_t* text, Py_ssize_t length, uint8_t label) noexcept nogil:
    """Return whether a text contains a zero byte, or the byte that replaces it in the keys."""
    return memchr(text, 0, length) != NULL or memchr(text, label, length) != NULL


cdef inline uint8_t* replace_zeros(const uint8_t* text, Py_ssize_t length, uint8_t label) noexcept nogil:
    """Return a copy of a text with `label` instead of zero bytes, to be freed; NULL if there is no memory."""
    cdef uint8_t* copied = <uint8_t*>malloc(length)
    cdef Py_ssize_t i = 0, size
    if copied != NULL:
        while i < length:
            read_code_point(text, i, length, &size)
            memcpy(copied + i, text + i, size)
            if text[i] == 0:
                copied[i] = label
            elif size == 1 and text[i] >= 0x80:
                copied[i] = 0xFF
            i += size
    return copied
