"""The 16-byte key of a pretoken, for hash tables that compare two machine words instead of bytes.

Up to 15 bytes are the key themselves, with the length, 1 to 15, in the top byte. A longer pretoken has a
hash of its bytes in the first word and its length in the second, whose top byte is then 0; its bytes must
be compared as well. No key has 0 in its second word, which is how tables mark empty places.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport calloc
from libc.string cimport memcpy

cdef extern from *:
    """
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
      #define FT_LITTLE(x) __builtin_bswap64(x)
    #else
      #define FT_LITTLE(x) (x)
    #endif
    #if defined(__GNUC__)
      #define FT_PREFETCH(p) __builtin_prefetch(p)
    #else
      #define FT_PREFETCH(p)
    #endif
    """
    uint64_t FT_LITTLE(uint64_t x) noexcept nogil
    void FT_PREFETCH(const void* p) noexcept nogil

cdef enum:
    LONG = 16  # from this length on a pretoken does not fit its key

cdef struct Key:
    uint64_t low
    uint64_t high


cdef inline uint64_t load8(const uint8_t* p) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, p, 8)
    return FT_LITTLE(word)


cdef inline uint64_t first_bytes(uint64_t word, Py_ssize_t n) noexcept nogil:
    """The first n bytes of a little-endian word, 1 <= n <= 8."""
    return word & (<uint64_t>0xFFFFFFFFFFFFFFFFULL >> (64 - 8 * n))


cdef inline uint64_t hash_bytes(const uint8_t* p, Py_ssize_t n) noexcept nogil:
    """A 64-bit hash of at least 8 bytes."""
    cdef uint64_t h = <uint64_t>n * 0x9E3779B97F4A7C15ULL
    cdef Py_ssize_t i = 0
    while i + 8 <= n:
        h = (h ^ load8(p + i)) * 0xD6E8FEB86659FD93ULL
        h ^= h >> 32
        i += 8
    h = (h ^ load8(p + n - 8)) * 0xD6E8FEB86659FD93ULL
    return h ^ h >> 32


cdef inline Key make_key(
    const uint8_t* text, Py_ssize_t start, Py_ssize_t length, Py_ssize_t text_length
) noexcept nogil:
    """The key of ``text[start:start + length]``, length >= 1."""
    cdef Key key
    cdef uint8_t padded[16]
    cdef const uint8_t* p = text + start
    if length >= LONG:
        key.low = hash_bytes(p, length)
        key.high = length
        return key
    if start + 16 > text_length:
        memcpy(padded, p, length)
        p = padded
    if length <= 8:
        key.low = first_bytes(load8(p), length)
        key.high = 0
    else:
        key.low = load8(p)
        key.high = first_bytes(load8(p + 8), length - 8)
    key.high |= <uint64_t>length << 56
    return key


cdef inline uint64_t hash_key(Key key) noexcept nogil:
    """A 64-bit hash whose high bits are good enough to index a table with."""
    cdef uint64_t h = key.low * 0x9E3779B97F4A7C15ULL + key.high * 0xC2B2AE3D27D4EB4FULL
    h ^= h >> 32
    return h * 0xD6E8FEB86659FD93ULL


cdef inline void* calloc_lines(Py_ssize_t n_bytes, void** block) noexcept nogil:
    """Zeroed memory that starts on a cache line; `block` is what to free. NULL where there is none."""
    block[0] = calloc(n_bytes + 64, 1)
    if block[0] == NULL:
        return NULL
    return <void*>((<uint64_t>block[0] + 63) & ~<uint64_t>63)
