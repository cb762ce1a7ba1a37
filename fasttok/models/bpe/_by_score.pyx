"""Kernel of BPE by sentencepiece's rules: find the symbols of a text, merge them, and write what is left over.

The ranks of the merges come from the scores of the pieces. The kernel differs from that of other characters in four
ways: user-defined pieces are found before merging; characters that are not pieces can merge; the result of a merge
can be unused, and is then split again; and runs of unknown characters become one unknown token, even across pretokens.

A long pretoken is cut between two symbols that are not next to each other in any result of a merge, because no symbol
can ever contain both. The parts are merged on their own: merges in different parts do not affect each other. They
repeat much more often than long pretokens, and therefore usually come from the cache.
"""

import numpy as np

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from fasttok.core._interrupt cimport Interrupt
from fasttok.core._keys cimport LONG
from fasttok.core._trie cimport Trie, TrieNode, trie_has_value, trie_root, trie_step, trie_value
from fasttok.models._cache cimport PretokenCache
from fasttok.models._encoder cimport DO_NOT_CACHE, OUT_OF_MEMORY, PretokenEncoder
from fasttok.models._pieces cimport NOTHING
from fasttok.models.bpe._encode cimport MergeEncoder
from fasttok.models.unigram._viterbi cimport fuse_unknown
from fasttok.text._spans cimport Spans
from fasttok.text.unicode._utf8 cimport read_code_point

cdef enum:
    PAGE = 256  # code points per page of the table of characters
    PAGES = 0x1100  # number of pages
    CHUNK = 512  # spans per request
    MOST_CACHED = 1 << 10  # maximum length of a pretoken whose ids are cached
    NEVER_NEXT = 0xFFFFFFFF  # code point that is next to none; the character of a user-defined piece


cdef inline uint64_t hash_neighbours(uint64_t left, uint64_t right) noexcept nogil:
    return (left << 32 | right) * 0x9E3779B97F4A7C15ULL


@cython.final
cdef class ScoreEncoder(MergeEncoder):
    """Encoder of BPE by sentencepiece's rules.

    A symbol is a piece or a single character. A character that is a part of a merge but not a piece has an id from
    `n_pieces` on. It is unknown if it is left over.

    Parameters
    ----------
    characters, ids : uint32[k]
        Code points of the characters, and their ids.
    merges : uint32[m, 2], merge_ids : uint32[m], merge_ranks : uint32[m] or None
        Distinct pairs, their merged ids and their ranks.
    byte_ids : uint32[256] or None
        Ids of the bytes of unknown characters.
    unk_id : int
        Id of unknown characters if there are no `byte_ids`.
    user_defined : Trie or None
        Texts of the user-defined pieces, with their ids as values.
    neighbours : uint32[p, 2]
        Pairs of code points that are next to each other in a result of a merge.
    finals : uint32[..], final_offsets : int64[s + 1]
        Ids that replace each symbol after merging. For most symbols this is the symbol itself.
    is_unused : uint8[s] or None
        Pieces that are split again as they were found last in the whole row; other symbols are replaced by `finals`.
    """

    cdef uint32_t* cells  # ids by page, and by code point in the page; NOTHING for a character without an id
    cdef uint32_t[PAGES] page_of  # number of the page of a code point shifted right by 8
    cdef bint has_bytes
    cdef uint32_t byte_ids[256]
    cdef uint32_t unk_id
    cdef Trie user_defined
    cdef bint[256] begins_user_defined  # whether a user-defined piece begins with the byte
    cdef uint64_t* neighbours  # bit set of the hashes of `neighbours`
    cdef int neighbours_shift  # a hash shifted right by this number is the number of a bit
    cdef const uint32_t[::1] finals
    cdef const int64_t[::1] final_offsets
    cdef bint has_finals  # whether some symbol is replaced after merging
    cdef const uint8_t[::1] is_unused
    cdef Py_ssize_t n_symbols

    def __cinit__(
        self,
        const uint32_t[::1] characters,
        const uint32_t[::1] ids,
        const uint32_t[:, ::1] merges,
        const uint32_t[::1] merge_ids,
        merge_ranks,
        const uint32_t[::1] byte_ids,
        uint32_t unk_id,
        Trie user_defined,
        const uint32_t[:, ::1] neighbours,
        const uint32_t[::1] finals,
        const int64_t[::1] final_offsets,
        const uint8_t[::1] is_unused,
    ):
        cdef Py_ssize_t i, n_pages
        cdef int bits = 10
        cdef uint64_t place
        cdef TrieNode node
        self.n_symbols = final_offsets.shape[0] - 1
        pages, numbers = np.unique(np.asarray(characters) >> np.uint32(8), return_inverse=True)
        n_pages = len(pages)
        for i in range(PAGES):
            self.page_of[i] = n_pages  # a page without characters
        cdef const int64_t[::1] places = (numbers.ravel() * PAGE + (np.asarray(characters) & 255)).astype(np.int64)
        for i, page in enumerate(pages.tolist()):
            self.page_of[page] = i
        self.cells = <uint32_t*>malloc((n_pages + 1) * PAGE * sizeof(uint32_t))
        while <Py_ssize_t>1 << bits < 8 * neighbours.shape[0]:
            bits += 1
        self.neighbours_shift = 64 - bits
        self.neighbours = <uint64_t*>calloc(1 << (bits - 6), sizeof(uint64_t))
        if self.cells == NULL or self.neighbours == NULL:
            raise MemoryError("not enough memory for the table of characters")
        for i in range((n_pages + 1) * PAGE):
            self.cells[i] = NOTHING
        for i in range(characters.shape[0]):
            self.cells[places[i]] = ids[i]
        for i in range(neighbours.shape[0]):
            place = hash_neighbours(neighbours[i, 0], neighbours[i, 1]) >> self.neighbours_shift
            self.neighbours[place >> 6] |= (<uint64_t>1) << (place & 63)
        self.has_bytes = byte_ids is not None
        if self.has_bytes:
            memcpy(self.byte_ids, &byte_ids[0], sizeof(self.byte_ids))
        self.unk_id = unk_id
        self.user_defined = user_defined
        for i in range(256):
            self.begins_user_defined[i] = False
            if user_defined is not None and i:
                node = trie_root(user_defined.start)
                self.begins_user_defined[i] = trie_step(user_defined.start, &node, i)
        self.finals = finals
        self.final_offsets = final_offsets
        self.has_finals = finals.shape[0] != self.n_symbols or (
            self.n_symbols > 0 and bool(np.any(np.asarray(finals) != np.arange(self.n_symbols)))
        )
        self.is_unused = is_unused
        # No pair consists of two symbols that are not in the merges, so that the largest id can be any of those.
        largest = max(self.n_symbols - 1, unk_id, 0)
        if self.has_bytes:
            largest = max(largest, np.max(byte_ids))
        self.set_merges(merges, merge_ids, largest, merge_ranks)
        self.fused_id = -1 if self.has_bytes else unk_id

    def __dealloc__(self):
        free(self.cells)
        free(self.neighbours)

    cdef inline Py_ssize_t _match(self, const uint8_t* text, Py_ssize_t length, uint32_t* found) noexcept nogil:
        """Return the number of bytes of the longest user-defined piece at the start of a text, and write its id."""
        cdef const uint32_t* units = self.user_defined.start
        cdef TrieNode node = trie_root(units)
        cdef Py_ssize_t i, size = 0
        for i in range(length):
            if text[i] == 0 or not trie_step(units, &node, text[i]):
                break
            if trie_has_value(node):
                size = i + 1
                found[0] = trie_value(units, node)
        return size

    cdef inline uint32_t _next_symbol(
        self, const uint8_t* text, Py_ssize_t i, Py_ssize_t length, Py_ssize_t* size, uint32_t* character
    ) noexcept nogil:
        """Return the id of the symbol at byte i, or NOTHING; write its number of bytes and its code point.

        The code point of a user-defined piece is NEVER_NEXT.
        """
        cdef uint32_t found = 0
        if self.user_defined is not None and self.begins_user_defined[text[i]]:
            size[0] = self._match(text + i, length - i, &found)
            if size[0]:
                character[0] = NEVER_NEXT
                return found
        character[0] = read_code_point(text, i, length, size)
        return self.cells[self.page_of[character[0] >> 8] * PAGE + (character[0] & 255)]

    cdef inline Py_ssize_t _write_unknown(
        self, const uint8_t* text, Py_ssize_t size, uint32_t* ids
    ) noexcept nogil:
        """Write the bytes of an unknown character, or the unknown token; return the number of ids."""
        cdef Py_ssize_t i
        if not self.has_bytes:
            ids[0] = self.unk_id
            return 1
        for i in range(size):
            ids[i] = self.byte_ids[text[i]]
        return size

    cdef Py_ssize_t begin(self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* ids) noexcept nogil:
        cdef Py_ssize_t i = 0, n = 0, size = 0
        cdef uint32_t found, character = 0
        while i < length:
            found = self._next_symbol(pretoken, i, length, &size, &character)
            if found != NOTHING:
                ids[n] = found
                n += 1
            else:
                # Neither the bytes nor the unknown token take part in merges.
                n += self._write_unknown(pretoken + i, size, ids + n)
            i += size
        return n

    cdef Py_ssize_t finish(self, uint32_t* ids, Py_ssize_t n) noexcept nogil:
        cdef Py_ssize_t i, k, size, total = 0
        if not self.has_finals:
            return n
        for i in range(n):
            total += self._n_finals(ids[i])
        # From the end: there is never less space for the new ids than for those before them.
        k = total
        for i in range(n - 1, -1, -1):
            size = self._n_finals(ids[i])
            k -= size
            if ids[i] < <size_t>self.n_symbols:
                memcpy(&ids[k], &self.finals[self.final_offsets[ids[i]]], size * sizeof(uint32_t))
            else:
                ids[k] = ids[i]
        return total

    cdef inline Py_ssize_t _n_finals(self, uint32_t i) noexcept nogil:
        return self.final_offsets[i + 1] - self.final_offsets[i] if i < <size_t>self.n_symbols else 1

    cdef Py_ssize_t encode_pretoken(
        self, const uint8_t* pretoken, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        cdef Py_ssize_t n
        n = self.begin(pretoken, length, out)
        n = self.merge(out, n, NULL, interrupt)
        if n > 0:
            n = self.finish(out, n)
        return n + DO_NOT_CACHE if n > 0 and length > MOST_CACHED else n

    cdef Py_ssize_t encode_row(
        self,
        const uint8_t* text,
        Py_ssize_t n_text,
        Py_ssize_t begin,
        Py_ssize_t end,
        Spans spans,
        PretokenCache cache,
        uint32_t* out,
        int64_t* places,
    ) noexcept nogil:
        """Encode a row as other models do, and fuse runs of unknown tokens."""
        cdef Py_ssize_t n
        if self.is_unused is not None:
            n = self._encode_whole(text + begin, end - begin, out, cache.interrupt)
            if n > 0 and places != NULL:
                n_ids = self.locate_pretoken(text + begin, end - begin, out, n, begin, places, cache.interrupt)
                n = n_ids if n_ids < 0 else n
        else:
            n = self._encode_parts(text, n_text, begin, end, spans, cache, out, places)
        if n > 0 and self.fused_id >= 0:
            n = fuse_unknown(out, n, self.fused_id, places)
        return n

    cdef Py_ssize_t _encode_parts(
        self,
        const uint8_t* text,
        Py_ssize_t n_text,
        Py_ssize_t begin,
        Py_ssize_t end,
        Spans spans,
        PretokenCache cache,
        uint32_t* out,
        int64_t* places,
    ) noexcept nogil:
        """Encode a row as the base class does, except that long pretokens are cut into parts."""
        cdef int64_t starts[CHUNK]
        cdef int64_t ends[CHUNK]
        cdef int64_t part_starts[CHUNK]
        cdef int64_t part_ends[CHUNK]
        cdef Py_ssize_t position = begin, n = 0, i = 0, n_ids, n_parts, written = 0, at = 0
        while True:
            n_parts = 0
            while n_parts < CHUNK:
                if i == n:
                    if position >= end:
                        break
                    n = spans.next(text, begin, end, &position, starts, ends, CHUNK)
                    i = 0
                    if n:
                        at = starts[0]
                    continue
                part_starts[n_parts] = at
                at = self._find_cut(text, at, ends[i]) if ends[i] - at >= LONG else ends[i]
                part_ends[n_parts] = at
                n_parts += 1
                if at == ends[i]:
                    i += 1
                    if i < n:
                        at = starts[i]
            if n_parts == 0:
                return written
            if places == NULL:
                n_ids = self._encode_spans(text, n_text, part_starts, part_ends, n_parts, cache, out + written)
            else:
                n_ids = self.locate_spans(
                    text, n_text, part_starts, part_ends, n_parts, cache, out + written, places + 2 * written
                )
            if n_ids < 0:
                return n_ids
            written += n_ids

    cdef inline Py_ssize_t _find_cut(self, const uint8_t* text, Py_ssize_t i, Py_ssize_t end) noexcept nogil:
        """Return the first position after i where no symbol crosses, or the end."""
        cdef uint32_t character = 0, before = 0
        cdef Py_ssize_t size = 0
        cdef uint64_t place
        self._next_symbol(text, i, end, &size, &before)
        i += size
        while i < end:
            self._next_symbol(text, i, end, &size, &character)
            place = hash_neighbours(before, character) >> self.neighbours_shift
            if not self.neighbours[place >> 6] >> (place & 63) & 1:
                break
            before = character
            i += size
        return i

    cdef Py_ssize_t _encode_whole(
        self, const uint8_t* row, Py_ssize_t length, uint32_t* out, Interrupt interrupt
    ) noexcept nogil:
        """Encode a whole row: split each unused piece as it was found last, anywhere in the row."""
        cdef uint32_t* found
        cdef uint32_t* merged
        cdef uint32_t* stack
        cdef uint32_t i
        cdef Py_ssize_t k, n, depth, written = 0
        if length == 0:
            return 0
        found = <uint32_t*>malloc(2 * self.n_symbols * sizeof(uint32_t) + 1)
        merged = <uint32_t*>malloc(2 * (length + 1) * sizeof(uint32_t))
        if found == NULL or merged == NULL:
            free(found)
            free(merged)
            return OUT_OF_MEMORY
        for k in range(2 * self.n_symbols):
            found[k] = NOTHING
        stack = merged + length + 1
        n = self.begin(row, length, merged)
        n = self._merge_with_heap(merged, n, NULL, found, interrupt)
        if n < 0:
            written = n
        for k in range(n):
            stack[0] = merged[k]
            depth = 1
            while depth:
                depth -= 1
                i = stack[depth]
                if i < <size_t>self.is_unused.shape[0] and self.is_unused[i] and found[2 * <Py_ssize_t>i] != NOTHING:
                    stack[depth] = found[2 * <Py_ssize_t>i + 1]
                    stack[depth + 1] = found[2 * <Py_ssize_t>i]
                    depth += 2
                elif i < <size_t>self.n_symbols:
                    memcpy(
                        out + written, &self.finals[self.final_offsets[i]], self._n_finals(i) * sizeof(uint32_t)
                    )
                    written += self._n_finals(i)
                else:
                    out[written] = i
                    written += 1
        free(found)
        free(merged)
        return written
