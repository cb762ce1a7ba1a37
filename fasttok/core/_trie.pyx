"""Tries over bytes in one flat array (double array): each node is a unit of 32 bits; XOR finds its children.

The layout is that of darts-clone, which sentencepiece's precompiled normalization rules also use. The bits of a
unit:

- 0 to 7: label, the byte that leads to the node.
- 8: set if a key ends at the node.
- 9 to 30: offset. If bit 9 is clear, bits 10 to 30 are the offset. If it is set, they are the upper bits of an
  offset whose lower eight bits are 0.
- 31: set in a value (the other 31 bits) and in an unused unit, clear in a node.

The base of a node is its index XOR its offset. The value of the node is the unit at the base, and the child of a
byte is the unit at the base XOR the byte. So the children of a node are in one block of 256 units. Two nodes must
not have the same base, unless they share their children; otherwise a walk would mistake the children of one for
those of the other.

Yata et al., "A compact static double-array keeping character codes" (2007).
"""

import numpy as np

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcmp, memcpy

from fasttok.core._keys cimport ctz

cdef enum:
    BLOCK = 256  # units per block; their indices differ only in the lower eight bits
    N_OPEN = 16  # number of newest blocks that are searched for free units
    NEAR = 1 << 21  # offsets below this need no extension bit
    MOST = 1 << 29  # largest number of units

cdef uint32_t UNUSED = 1U << 31  # content of an unused unit; also the flag of a value
cdef uint32_t ENDS = 1U << 8  # flag: a key ends at the node
cdef uint32_t EXTENDED = 1U << 9  # flag: the offset is extended by eight zero bits


cdef struct Node:
    Py_ssize_t first  # keys first to last - 1 go through the node
    Py_ssize_t last
    Py_ssize_t depth  # number of bytes from the root to the node
    uint32_t index  # index of the unit of the node


cdef struct Placed:  # entry of the hash table: a node whose children have been placed
    uint64_t hash
    Node node
    uint32_t base  # base of the node; 0, which is never a base, marks an empty entry


cdef struct OpenBlock:
    uint32_t first  # index of the first unit
    int n_free
    uint64_t free[4]  # one bit per unit: set if the unit is not used yet
    uint64_t is_base[4]  # one bit per unit: set if the unit is the base of a node


@cython.final
cdef class Trie:
    """Trie that finds the keys at the start of a text.

    Parameters
    ----------
    units : uint32[n]
        Units. n must be a multiple of 256, n > 0, and `find_stray` must return -1 for the units.
    """

    def __cinit__(self, const uint32_t[::1] units not None):
        self.units = np.asarray(units).view()
        self.units.flags.writeable = False
        self.start = &units[0]

    @staticmethod
    def build(keys, values, bint share=False):
        """Build the trie of some keys.

        Parameters
        ----------
        keys : Ragged of uint8
            The k keys, sorted by their bytes, distinct, not empty and without zero bytes.
        values : int32[k]
            Value of each key, 0 or more.
        share : bool
            Whether nodes with equal subtrees share their children. This saves space if many keys have equal
            suffixes and equal values. Building then takes time quadratic in the length of a key.

        Raises
        ------
        ValueError
            If the trie needs more than 2^29 units, about one per byte of the keys.
        MemoryError
            If there is not enough memory.
        """
        cdef Builder builder = Builder(share)
        cdef uint32_t[::1] units
        if len(keys):
            builder.build(keys.values, keys.offsets, values)
        else:
            builder.open_block()
            builder.units[0] = 1 << 10  # root without children; with offset 0 it would be its own child
        units = np.empty(builder.n_units, np.uint32)
        memcpy(&units[0], builder.units, builder.n_units * sizeof(uint32_t))
        return Trie(units)

    def find_prefixes(self, const uint8_t[::1] text not None):
        """Return the length and value of every key that is a prefix of a text, shortest first; for tests."""
        cdef TrieNode node = trie_root(self.start)
        cdef Py_ssize_t i
        cdef list found = []
        for i in range(text.shape[0]):
            if not trie_step(self.start, &node, text[i]):
                break
            if trie_has_value(node):
                found.append((i + 1, trie_value(self.start, node)))
        return found


def find_stray(const uint32_t[::1] units not None):
    """Return the index of the first unit of `units`, uint32[n], whose base is outside the array, or -1.

    Values and unused units have no base. If the result is -1 and n is a multiple of 256, no walk can leave the array.
    """
    cdef Py_ssize_t i, stray = -1, n = units.shape[0]
    with nogil:
        for i in range(n):
            if not units[i] & UNUSED and <Py_ssize_t>(<uint32_t>i ^ trie_offset(units[i])) >= n:
                stray = i
                break
    return stray


@cython.final
cdef class Builder:
    """Builder that places the nodes depth first: the subtree of a child before the children of its siblings."""

    cdef uint32_t* units
    cdef Py_ssize_t n_units
    cdef Py_ssize_t units_capacity
    cdef OpenBlock blocks[N_OPEN]  # ring buffer of the newest blocks
    cdef Node* nodes  # stack of the nodes whose children are not placed yet
    cdef Py_ssize_t n_nodes
    cdef Py_ssize_t nodes_capacity
    cdef bint share
    cdef Placed* placed  # hash table
    cdef Py_ssize_t n_placed
    cdef Py_ssize_t placed_capacity  # a power of two

    def __cinit__(self, bint share):
        self.share = share

    def __dealloc__(self):
        free(self.units)
        free(self.nodes)
        free(self.placed)

    cdef int build(
        self, const uint8_t[::1] keys, const int64_t[::1] offsets, const int32_t[::1] values
    ) except -1 nogil:
        cdef uint8_t labels[256]
        cdef Py_ssize_t firsts[257]
        cdef Py_ssize_t i, n_labels
        cdef uint32_t base, offset
        cdef Node node
        cdef Placed* slot = NULL
        self.open_block()
        self._take(0)
        self.blocks[0].is_base[0] |= 1  # with base 0 the root would be mistaken for a child
        self.units[0] = 0
        node.first = 0
        node.last = offsets.shape[0] - 1
        node.depth = 0
        node.index = 0
        self._push(node)
        while self.n_nodes:
            self.n_nodes -= 1
            node = self.nodes[self.n_nodes]
            if self.share:
                slot = self._find_placed(keys, offsets, values, node)
                offset = slot.base ^ node.index
                if slot.base and offset < NEAR:
                    self.units[node.index] |= offset << 10 | self.units[slot.node.index] & ENDS
                    continue
            n_labels = 0
            for i in range(node.first, node.last):
                base = keys[offsets[i] + node.depth] if offsets[i] + node.depth < offsets[i + 1] else 0
                if n_labels == 0 or labels[n_labels - 1] != base:
                    labels[n_labels] = base
                    firsts[n_labels] = i
                    n_labels += 1
            firsts[n_labels] = node.last
            base = self._find_base(labels, n_labels, node.index)
            if self.share and slot.base == 0:
                slot.base = base
                slot.node = node
            offset = base ^ node.index
            self.units[node.index] |= offset << 10 if offset < NEAR else offset << 2 | EXTENDED
            for i in range(n_labels):
                self._take(base ^ labels[i])
                self.units[base ^ labels[i]] = labels[i]
            node.depth += 1
            for i in range(n_labels - 1, -1, -1):
                if labels[i] == 0:
                    self.units[node.index] |= ENDS
                    self.units[base] = UNUSED | <uint32_t>values[firsts[0]]
                else:
                    node.first = firsts[i]
                    node.last = firsts[i + 1]
                    node.index, offset = base ^ labels[i], node.index
                    self._push(node)
                    node.index = offset
        return 0

    cdef Placed* _find_placed(
        self, const uint8_t[::1] keys, const int64_t[::1] offsets, const int32_t[::1] values, Node node
    ) except NULL nogil:
        """Return the entry of a node with the same subtree as this node, or a new entry with base 0."""
        cdef uint64_t hash = 0
        cdef Py_ssize_t i, k
        if 2 * self.n_placed >= self.placed_capacity:
            self._grow_placed()
        for k in range(node.first, node.last):
            for i in range(offsets[k] + node.depth, offsets[k + 1]):
                hash = mix(hash ^ keys[i])
            hash = mix(hash ^ <uint64_t>values[k] << 8)
        k = hash >> 20 & self.placed_capacity - 1
        while self.placed[k].base:
            if self.placed[k].hash == hash and is_same(keys, offsets, values, self.placed[k].node, node):
                return &self.placed[k]
            k = k + 1 & self.placed_capacity - 1
        self.placed[k].hash = hash
        self.n_placed += 1
        return &self.placed[k]

    cdef int _grow_placed(self) except -1 nogil:
        cdef Py_ssize_t i, k, capacity = max(2 * self.placed_capacity, BLOCK)
        cdef Placed* placed = <Placed*>calloc(capacity, sizeof(Placed))
        if placed == NULL:
            with gil:
                raise MemoryError("not enough memory for a trie")
        for i in range(self.placed_capacity):
            if self.placed[i].base:
                k = self.placed[i].hash >> 20 & capacity - 1
                while placed[k].base:
                    k = k + 1 & capacity - 1
                placed[k] = self.placed[i]
        free(self.placed)
        self.placed = placed
        self.placed_capacity = capacity
        return 0

    cdef uint32_t _find_base(
        self, const uint8_t* labels, Py_ssize_t n, uint32_t index
    ) except? 0xFFFFFFFF nogil:
        """Find and mark a base for the children of the unit at `index`, in a new block if no open block fits."""
        cdef Py_ssize_t k, newest = self.n_units // BLOCK
        cdef OpenBlock* block
        cdef uint64_t found[4]
        cdef uint64_t word
        cdef int i, j
        for k in range(max(newest - N_OPEN, 0), newest):
            block = &self.blocks[k % N_OPEN]
            if block.n_free < n:
                continue
            for i in range(4):
                found[i] = ~block.is_base[i]
            if (index ^ block.first) >= NEAR:  # a large offset must have 0 in its lower eight bits
                word = found[index >> 6 & 3] & <uint64_t>1 << (index & 63)
                found[:] = [0, 0, 0, 0]
                found[index >> 6 & 3] = word
            for j in range(n):
                for i in range(4):
                    found[i] &= permute(block.free[i ^ labels[j] >> 6], labels[j] & 63)
                if not found[0] | found[1] | found[2] | found[3]:
                    break
            for i in range(4):
                if found[i]:
                    j = ctz(found[i])
                    block.is_base[i] |= <uint64_t>1 << j
                    return block.first | i << 6 | j
        self.open_block()
        block = &self.blocks[newest % N_OPEN]
        block.is_base[index >> 6 & 3] |= <uint64_t>1 << (index & 63)
        return block.first | index & 255

    cdef int open_block(self) except -1 nogil:
        """Append a block of unused units."""
        cdef OpenBlock* block = &self.blocks[self.n_units // BLOCK % N_OPEN]
        cdef void* moved
        cdef Py_ssize_t i
        if self.n_units == MOST:
            with gil:
                raise ValueError("too many keys for a trie: it would have more than 2^29 units")
        if self.n_units == self.units_capacity:
            moved = realloc(self.units, (2 * self.units_capacity + BLOCK) * sizeof(uint32_t))
            if moved == NULL:
                with gil:
                    raise MemoryError("not enough memory for a trie")
            self.units = <uint32_t*>moved
            self.units_capacity = 2 * self.units_capacity + BLOCK
        for i in range(BLOCK):
            self.units[self.n_units + i] = UNUSED
        block.first = self.n_units
        block.n_free = BLOCK
        for i in range(4):
            block.free[i] = ~<uint64_t>0
            block.is_base[i] = 0
        self.n_units += BLOCK
        return 0

    cdef inline void _take(self, uint32_t index) noexcept nogil:
        """Mark a unit as used."""
        cdef OpenBlock* block = &self.blocks[index // BLOCK % N_OPEN]
        block.free[index >> 6 & 3] &= ~(<uint64_t>1 << (index & 63))
        block.n_free -= 1

    cdef int _push(self, Node node) except -1 nogil:
        """Push a node on the stack."""
        cdef void* moved
        if self.n_nodes == self.nodes_capacity:
            moved = realloc(self.nodes, (2 * self.nodes_capacity + BLOCK) * sizeof(Node))
            if moved == NULL:
                with gil:
                    raise MemoryError("not enough memory for a trie")
            self.nodes = <Node*>moved
            self.nodes_capacity = 2 * self.nodes_capacity + BLOCK
        self.nodes[self.n_nodes] = node
        self.n_nodes += 1
        return 0


cdef inline uint64_t mix(uint64_t hash) noexcept nogil:
    hash = (hash + 0x9E3779B97F4A7C15ULL) * 0xBF58476D1CE4E5B9ULL
    return hash ^ hash >> 32


cdef bint is_same(
    const uint8_t[::1] keys, const int64_t[::1] offsets, const int32_t[::1] values, Node a, Node b
) noexcept nogil:
    """Return whether two nodes have the same subtree."""
    cdef Py_ssize_t i, start_a, start_b, length
    if a.last - a.first != b.last - b.first:
        return False
    for i in range(a.last - a.first):
        start_a = offsets[a.first + i] + a.depth
        start_b = offsets[b.first + i] + b.depth
        length = offsets[a.first + i + 1] - start_a
        if values[a.first + i] != values[b.first + i] or offsets[b.first + i + 1] - start_b != length:
            return False
        if length and memcmp(&keys[start_a], &keys[start_b], length):
            return False
    return True


cdef inline uint64_t permute(uint64_t bits, int k) noexcept nogil:
    """Return `bits` permuted: bit i of the result is bit i ^ k of `bits`."""
    if k & 1:
        bits = bits >> 1 & 0x5555555555555555ULL | (bits & 0x5555555555555555ULL) << 1
    if k & 2:
        bits = bits >> 2 & 0x3333333333333333ULL | (bits & 0x3333333333333333ULL) << 2
    if k & 4:
        bits = bits >> 4 & 0x0F0F0F0F0F0F0F0FULL | (bits & 0x0F0F0F0F0F0F0F0FULL) << 4
    if k & 8:
        bits = bits >> 8 & 0x00FF00FF00FF00FFULL | (bits & 0x00FF00FF00FF00FFULL) << 8
    if k & 16:
        bits = bits >> 16 & 0x0000FFFF0000FFFFULL | (bits & 0x0000FFFF0000FFFFULL) << 16
    if k & 32:
        bits = bits >> 32 | bits << 32
    return bits
