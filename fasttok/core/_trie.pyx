"""Tries over bytes in one flat array: each node a unit of 32 bits, its children found by XOR.

The layout is that of darts-clone, which precompiled normalizations use too. Of a unit, bits 0 to 7 and bit 31 are
the label: the byte that leads here, bit 31 being set only in a value (the other 31 bits) and in a unit that is
not used. Bit 8 says that a key ends here. The rest is the offset: the place of the unit XOR the offset is where
the value stands, and with a byte XORed in, where the child of this byte stands. Offsets of up to 21 bits stand in
bits 10 to 30; with bit 9 set these are the upper bits of an offset whose lower eight are 0.

Children differ in the lower eight bits of their places, so they share a block of 256 units; no two nodes have
their children at the same place, or they would take each other's for their own; unless they are meant to.

Yata et al., "A compact static double-array keeping character codes" (2007).
"""

import numpy as np

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcmp, memcpy

from fasttok.core._keys cimport ctz

cdef enum:
    BLOCK = 256  # units whose places differ in the lower eight bits
    N_OPEN = 16  # blocks that are looked at for room
    NEAR = 1 << 21  # offsets below this fit a unit as they are
    MOST = 1 << 29  # units

cdef uint32_t UNUSED = 1U << 31
cdef uint32_t ENDS = 1U << 8
cdef uint32_t EXTENDED = 1U << 9


cdef struct Node:
    Py_ssize_t first  # of the keys that go through the node
    Py_ssize_t last
    Py_ssize_t depth
    uint32_t place


cdef struct Placed:  # a node whose children have a place
    uint64_t hash
    Node node
    uint32_t base  # of the children; 0, where none can be, in an empty slot


cdef struct OpenBlock:
    uint32_t first  # unit
    int n_free
    uint64_t free[4]  # a bit for each unit
    uint64_t is_base[4]  # places that a node already has its children at


@cython.final
cdef class Trie:
    """Which keys a text begins with, byte by byte.

    Parameters
    ----------
    units : uint32[n]
        A multiple of 256 of them, for which `find_stray` finds nothing.
    """

    def __cinit__(self, const uint32_t[::1] units not None):
        self.units = np.asarray(units).view()
        self.units.flags.writeable = False
        self.start = &units[0]

    @staticmethod
    def build(keys, values, bint share=False):
        """The trie of some keys.

        Parameters
        ----------
        keys : Ragged of uint8
            Sorted by their bytes, distinct, none empty, none with a byte 0.
        values : int32[k]
            What each key stands for, not negative.
        share : bool
            Whether nodes below which everything is the same have the same children, where it saves much: where
            many keys end alike and stand for the same. Each byte of a key is then looked at once for each
            before it.

        Raises
        ------
        ValueError
            If there are more than 2^29 units, which takes about as many bytes of keys.
        MemoryError
            If there is no memory for them.
        """
        cdef Builder builder = Builder(share)
        cdef uint32_t[::1] units
        if len(keys):
            builder.build(keys.values, keys.offsets, values)
        else:
            builder.open_block()
            builder.units[0] = 1 << 10  # no child anywhere, nor the root its own: all other units are unused
        units = np.empty(builder.n_units, np.uint32)
        memcpy(&units[0], builder.units, builder.n_units * sizeof(uint32_t))
        return Trie(units)

    def find_prefixes(self, const uint8_t[::1] text not None):
        """The length and the value of every key that a text begins with, the shortest first, for looking at."""
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
    """The first unit whose children would lie outside the array; -1 if there is none.

    Where there is none, and the units are a multiple of 256, no walk leaves the array, whatever the text.
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
    """Places nodes, parents before children, the leftmost child's children before the next child's."""

    cdef uint32_t* units
    cdef Py_ssize_t n_units
    cdef Py_ssize_t room
    cdef OpenBlock blocks[N_OPEN]  # the newest ones; a ring
    cdef Node* nodes  # still to be done, the next one at the end
    cdef Py_ssize_t n_nodes
    cdef Py_ssize_t room_nodes
    cdef bint share
    cdef Placed* placed  # a hash table
    cdef Py_ssize_t n_placed
    cdef Py_ssize_t room_placed  # a power of two

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
        self.blocks[0].is_base[0] |= 1  # children around 0 would take the root for one of them
        self.units[0] = 0
        node.first = 0
        node.last = offsets.shape[0] - 1
        node.depth = 0
        node.place = 0
        self._push(node)
        while self.n_nodes:
            self.n_nodes -= 1
            node = self.nodes[self.n_nodes]
            if self.share:
                slot = self._find_placed(keys, offsets, values, node)
                offset = slot.base ^ node.place
                if slot.base and offset < NEAR:
                    self.units[node.place] |= offset << 10 | self.units[slot.node.place] & ENDS
                    continue
            n_labels = 0
            for i in range(node.first, node.last):
                base = keys[offsets[i] + node.depth] if offsets[i] + node.depth < offsets[i + 1] else 0
                if n_labels == 0 or labels[n_labels - 1] != base:
                    labels[n_labels] = base
                    firsts[n_labels] = i
                    n_labels += 1
            firsts[n_labels] = node.last
            base = self._find_base(labels, n_labels, node.place)
            if self.share and slot.base == 0:
                slot.base = base
                slot.node = node
            offset = base ^ node.place
            self.units[node.place] |= offset << 10 if offset < NEAR else offset << 2 | EXTENDED
            for i in range(n_labels):
                self._take(base ^ labels[i])
                self.units[base ^ labels[i]] = labels[i]
            node.depth += 1
            for i in range(n_labels - 1, -1, -1):
                if labels[i] == 0:
                    self.units[node.place] |= ENDS
                    self.units[base] = UNUSED | <uint32_t>values[firsts[0]]
                else:
                    node.first = firsts[i]
                    node.last = firsts[i + 1]
                    node.place, offset = base ^ labels[i], node.place
                    self._push(node)
                    node.place = offset
        return 0

    cdef Placed* _find_placed(
        self, const uint8_t[::1] keys, const int64_t[::1] offsets, const int32_t[::1] values, Node node
    ) except NULL nogil:
        """The entry of a node with the same keys and values below it as this one; else a new one, its base 0."""
        cdef uint64_t hash = 0
        cdef Py_ssize_t i, k
        if 2 * self.n_placed >= self.room_placed:
            self._grow_placed()
        for k in range(node.first, node.last):
            for i in range(offsets[k] + node.depth, offsets[k + 1]):
                hash = mix(hash ^ keys[i])
            hash = mix(hash ^ <uint64_t>values[k] << 8)
        k = hash >> 20 & self.room_placed - 1
        while self.placed[k].base:
            if self.placed[k].hash == hash and is_same(keys, offsets, values, self.placed[k].node, node):
                return &self.placed[k]
            k = k + 1 & self.room_placed - 1
        self.placed[k].hash = hash
        self.n_placed += 1
        return &self.placed[k]

    cdef int _grow_placed(self) except -1 nogil:
        cdef Py_ssize_t i, k, room = max(2 * self.room_placed, BLOCK)
        cdef Placed* placed = <Placed*>calloc(room, sizeof(Placed))
        if placed == NULL:
            with gil:
                raise MemoryError("no memory for a trie")
        for i in range(self.room_placed):
            if self.placed[i].base:
                k = self.placed[i].hash >> 20 & room - 1
                while placed[k].base:
                    k = k + 1 & room - 1
                placed[k] = self.placed[i]
        free(self.placed)
        self.placed = placed
        self.room_placed = room
        return 0

    cdef uint32_t _find_base(
        self, const uint8_t* labels, Py_ssize_t n, uint32_t place
    ) except? 0xFFFFFFFF nogil:
        """A place for the children of the unit at `place`, marked as such; in a new block if there is no room."""
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
            if (place ^ block.first) >= NEAR:  # only an offset whose lower bits are 0 will do
                word = found[place >> 6 & 3] & <uint64_t>1 << (place & 63)
                found[:] = [0, 0, 0, 0]
                found[place >> 6 & 3] = word
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
        block.is_base[place >> 6 & 3] |= <uint64_t>1 << (place & 63)
        return block.first | place & 255

    cdef int open_block(self) except -1 nogil:
        """Add a block of units that are not used."""
        cdef OpenBlock* block = &self.blocks[self.n_units // BLOCK % N_OPEN]
        cdef void* moved
        cdef Py_ssize_t i
        if self.n_units == MOST:
            with gil:
                raise ValueError("the keys need more than 2^29 units")
        if self.n_units == self.room:
            moved = realloc(self.units, (2 * self.room + BLOCK) * sizeof(uint32_t))
            if moved == NULL:
                with gil:
                    raise MemoryError("no memory for a trie")
            self.units = <uint32_t*>moved
            self.room = 2 * self.room + BLOCK
        for i in range(BLOCK):
            self.units[self.n_units + i] = UNUSED
        block.first = self.n_units
        block.n_free = BLOCK
        for i in range(4):
            block.free[i] = ~<uint64_t>0
            block.is_base[i] = 0
        self.n_units += BLOCK
        return 0

    cdef inline void _take(self, uint32_t place) noexcept nogil:
        cdef OpenBlock* block = &self.blocks[place // BLOCK % N_OPEN]
        block.free[place >> 6 & 3] &= ~(<uint64_t>1 << (place & 63))
        block.n_free -= 1

    cdef int _push(self, Node node) except -1 nogil:
        cdef void* moved
        if self.n_nodes == self.room_nodes:
            moved = realloc(self.nodes, (2 * self.room_nodes + BLOCK) * sizeof(Node))
            if moved == NULL:
                with gil:
                    raise MemoryError("no memory for a trie")
            self.nodes = <Node*>moved
            self.room_nodes = 2 * self.room_nodes + BLOCK
        self.nodes[self.n_nodes] = node
        self.n_nodes += 1
        return 0


cdef inline uint64_t mix(uint64_t hash) noexcept nogil:
    hash = (hash + 0x9E3779B97F4A7C15ULL) * 0xBF58476D1CE4E5B9ULL
    return hash ^ hash >> 32


cdef bint is_same(
    const uint8_t[::1] keys, const int64_t[::1] offsets, const int32_t[::1] values, Node a, Node b
) noexcept nogil:
    """Whether all that is below two nodes is the same."""
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
    """Bit i of the result is bit i ^ k of `bits`."""
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
