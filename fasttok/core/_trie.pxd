"""Tries as kernels walk them; see _trie.pyx."""

cimport cython
from libc.stdint cimport uint8_t, uint32_t

cdef struct TrieNode:
    uint32_t unit  # the node's own
    uint32_t children  # where the children stand, each at this with its byte XORed in, and the value at this itself


@cython.final
cdef class Trie:
    cdef readonly object units  # uint32[n], read-only
    cdef const uint32_t* start  # of the units


cdef inline uint32_t trie_offset(uint32_t unit) noexcept nogil:
    """What the place of a unit and the place of its children differ in."""
    return (unit >> 10) << ((unit & 0x200) >> 6)


cdef inline TrieNode trie_root(const uint32_t* units) noexcept nogil:
    cdef TrieNode root
    root.unit = units[0]
    root.children = trie_offset(units[0])
    return root


cdef inline bint trie_step(const uint32_t* units, TrieNode* node, uint8_t byte) noexcept nogil:
    """Go to the child of a byte; whether there is one. Where there is none, the node is of no use any more."""
    cdef uint32_t place = node.children ^ byte
    node.unit = units[place]
    node.children = place ^ trie_offset(node.unit)
    return node.unit & 0x800000FFU == byte


cdef inline bint trie_has_value(TrieNode node) noexcept nogil:
    """Whether a key ends here."""
    return node.unit >> 8 & 1


cdef inline uint32_t trie_value(const uint32_t* units, TrieNode node) noexcept nogil:
    """The value of the key that ends here."""
    return units[node.children] & 0x7FFFFFFFU
