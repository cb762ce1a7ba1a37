"""Functions with which kernels walk a trie; see _trie.pyx."""

cimport cython
from libc.stdint cimport uint8_t, uint32_t

cdef struct TrieNode:
    uint32_t unit  # unit of the node
    uint32_t children  # base: the index of the value; the child of a byte has the index base ^ byte


@cython.final
cdef class Trie:
    cdef readonly object units  # uint32[n], read-only
    cdef const uint32_t* start  # pointer to the first unit


cdef inline uint32_t trie_offset(uint32_t unit) noexcept nogil:
    """Return the offset of a unit: the index of the unit XOR the base of its children."""
    return (unit >> 10) << ((unit & 0x200) >> 6)


cdef inline TrieNode trie_root(const uint32_t* units) noexcept nogil:
    cdef TrieNode root
    root.unit = units[0]
    root.children = trie_offset(units[0])
    return root


cdef inline bint trie_step(const uint32_t* units, TrieNode* node, uint8_t byte) noexcept nogil:
    """Go to the child of a byte and return whether it exists. If it does not, the node is invalid afterwards."""
    cdef uint32_t index = node.children ^ byte
    node.unit = units[index]
    node.children = index ^ trie_offset(node.unit)
    return node.unit & 0x800000FFU == byte


cdef inline bint trie_has_value(TrieNode node) noexcept nogil:
    """Return whether a key ends at the node."""
    return node.unit >> 8 & 1


cdef inline uint32_t trie_value(const uint32_t* units, TrieNode node) noexcept nogil:
    """Return the value of the key that ends at the node."""
    return units[node.children] & 0x7FFFFFFFU
