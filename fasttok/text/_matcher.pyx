"""Backtracking matcher of regular expressions, over UTF-8; oniguruma_program.py writes its programs.

A program is a graph of instructions, with one way from each to its `next`. Where there is a second way, the matcher
pushes an entry to a stack, and returns to the last entry when a way fails. The matcher sees text as symbols: code
points that the expression cannot tell apart have the same symbol. END (0) is the symbol before the begin and after the
end of a text. A set of symbols is a row of bits.
"""

import time

import numpy as np

cimport cython
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint64_t
from libc.stdlib cimport calloc, free, realloc

from fasttok.core._interrupt cimport Interrupt
from fasttok.text.unicode._utf8 cimport read_code_point

cdef enum:  # operations, in the order of oniguruma_program.py
    ACCEPT  # end the match
    ONE  # read one code point of the set `first`
    ONE_BEFORE  # read it backwards
    AHEAD  # require that the next symbol is in `first`
    BEHIND  # require that the symbol before is in `first`
    RUN  # read `low` code points of `first`, and up to `high` more; as many as possible
    RUN_ALL  # like RUN, but never return to read fewer
    RUN_LAZY  # like RUN, but as few as possible
    BRANCH  # go to `next`, which begins with a symbol of `first`; or to `other`, which begins with one of `rest`
    RESET  # set a register to 0
    COUNT  # add 1 to a register and go to `other`, from `low` to `high` times, as often as possible; then to `next`
    COUNT_LAZY  # like COUNT, but as rarely as possible
    MARK  # store the position in a register
    CHECK  # go to `other` if the position is still the marked one, else to `next`
    ENTER  # begin a group that is left by CUT or RETURN: store the height of the stack and the position
    CUT  # leave a group: drop the entries of the group
    RETURN  # leave a group: drop its entries and return to its position
    REFUTE_BEGIN  # begin a group whose match is a failure; if it has no match, go to `other`
    REFUTE  # the group matches: drop its entries and fail

cdef enum:
    FAIL = -1
    STOPPED = -2
    NO_ALTERNATIVE = -1  # position of an entry that only restores a register
    CHECK_EVERY = 1 << 20  # steps between two looks at the clock
    MAX_ENTRIES = 1 << 22  # 96 MiB
    # Reasons to stop, in the order of oniguruma.py.
    TOO_LONG = 1
    TOO_DEEP = 2
    INTERRUPTED = 3

cdef struct Instruction:
    int32_t op
    int32_t next
    int32_t other
    int32_t first  # index of the first word of a set
    int32_t rest  # set: symbols with which the second way may begin
    int32_t low
    int32_t high  # -1: no limit
    int32_t register

cdef struct Entry:
    int64_t at  # instruction that pushed the entry
    int64_t position
    int64_t value  # RUN: lowest position; RUN_LAZY: code points left; others: value of the register

cdef struct Source:
    const uint8_t* text
    Py_ssize_t begin
    Py_ssize_t end
    const uint16_t* page_of  # page of every 256 code points
    const uint16_t* pages  # symbols
    const uint16_t* ascii
    const uint64_t* sets


cdef inline Py_ssize_t read(const Source* source, Py_ssize_t i, Py_ssize_t* length) noexcept nogil:
    """Return the symbol at `i`; store its length in bytes, which is 0 for END."""
    cdef Py_ssize_t c
    length[0] = 0
    if i >= source.end:
        return 0
    if source.text[i] < 0x80:
        length[0] = 1
        return source.ascii[source.text[i]]
    c = read_code_point(source.text, i, source.end, length)
    return source.pages[(<Py_ssize_t>source.page_of[c >> 8] << 8) + (c & 0xFF)]


cdef inline Py_ssize_t find_before(const Source* source, Py_ssize_t i) noexcept nogil:
    """Return the begin of the code point that ends at `i`, which must not be the begin of the text."""
    cdef Py_ssize_t start = i - 1, length
    while start > source.begin and i - start < 4 and source.text[start] & 0xC0 == 0x80:
        start -= 1
    read_code_point(source.text, start, i, &length)
    return start if start + length == i else i - 1


cdef inline bint has(const Source* source, int32_t points, Py_ssize_t symbol) noexcept nogil:
    """Return whether a set contains a symbol."""
    return source.sets[points + (symbol >> 6)] >> (symbol & 63) & 1


@cython.final
cdef class Matcher:
    """Search for the matches of a program. For one thread.

    `code`, int32[n, 8], has the instructions; `sets`, uint64[m], the sets; `page_of`, uint16[0x1100], the page of every
    256 code points; `pages`, uint16[k], the symbols of each page. The program begins at instruction `start`; a match
    begins with a symbol of the set `first`.
    """

    cdef const int32_t[:, ::1] code
    cdef const uint64_t[::1] sets
    cdef const uint16_t[::1] page_of, pages
    cdef Py_ssize_t start
    cdef int32_t first
    cdef Source source
    cdef int64_t* registers
    cdef Entry* stack
    cdef Py_ssize_t depth, capacity
    cdef Py_ssize_t steps  # since the last look at the clock
    cdef double seconds, deadline
    cdef Interrupt interrupt
    cdef int reason

    def __cinit__(
        self,
        const int32_t[:, ::1] code not None,
        const uint64_t[::1] sets not None,
        const uint16_t[::1] page_of not None,
        const uint16_t[::1] pages not None,
        Py_ssize_t n_registers,
        Py_ssize_t start,
        int32_t first,
    ):
        self.code, self.sets, self.page_of, self.pages = code, sets, page_of, pages
        self.start, self.first = start, first
        self.source.page_of, self.source.pages, self.source.sets = &page_of[0], &pages[0], &sets[0]
        self.source.ascii = &pages[<Py_ssize_t>page_of[0] << 8]
        self.interrupt = Interrupt()
        self.registers = <int64_t*>calloc(n_registers + 1, sizeof(int64_t))
        if self.registers == NULL:
            raise MemoryError("not enough memory to match a pattern")

    def __dealloc__(self):
        free(self.registers)
        free(self.stack)

    def find(self, const uint8_t[::1] text, const int64_t[::1] offsets, double seconds):
        """Find the matches in rows of text, uint8[n], with the given offsets, int64[n_rows + 1].

        A row may take `seconds`, and the same time again per 10^8 bytes. Return the begins and ends of the matches,
        int64[2, k]; the index of the first match of each row, followed by k, int64[n_rows + 1]; and the reason to stop
        early, 0 if there was none. The search then ended in the row after the last one of which there are bounds.
        """
        cdef Py_ssize_t n_rows = offsets.shape[0] - 1, row = 0, k = 0, i, end, previous_end
        cdef Py_ssize_t capacity = 64 + (offsets[n_rows] - offsets[0]) // 4
        cdef int64_t[::1] bounds = np.zeros(n_rows + 1, np.int64)
        cdef int64_t[:, ::1] found = np.empty((2, capacity), np.int64)
        cdef int64_t[:, ::1] larger
        self.steps = self.reason = 0
        with nogil:
            for row in range(n_rows):
                bounds[row + 1] = k
                if offsets[row] == offsets[row + 1]:
                    continue
                self.source.text = &text[0]
                self.source.begin, self.source.end = offsets[row], offsets[row + 1]
                self.seconds = seconds * (1 + (offsets[row + 1] - offsets[row]) / 1e8)
                self.deadline = 0
                i = offsets[row]
                previous_end = -1
                while self.find_next(&i, &end, previous_end):
                    if k == found.shape[1]:
                        with gil:
                            larger = np.empty((2, 2 * k), np.int64)
                            larger[:, :k] = found
                            found = larger
                    found[0, k] = i
                    found[1, k] = end
                    k += 1
                    i = previous_end = end
                if self.reason:
                    break
                bounds[row + 1] = k
        if self.reason == INTERRUPTED:
            self.interrupt.raise_error()
        n_rows = row + 1 if self.reason else n_rows + 1
        return np.asarray(found)[:, :k], np.asarray(bounds)[:n_rows], self.reason

    cdef bint find_next(self, Py_ssize_t* begin, Py_ssize_t* end, Py_ssize_t previous_end) noexcept nogil:
        """Find the next match from `begin` on; store its begin and end. Return whether there is one.

        An empty match at the end of the previous match is skipped.
        """
        cdef Source source = self.source
        cdef Py_ssize_t i = begin[0], length, symbol
        while True:
            symbol = read(&source, i, &length)
            while not has(&source, self.first, symbol) and length:
                i += length
                self.steps += 1
                if self.steps >= CHECK_EVERY and self.must_stop():
                    return False
                symbol = read(&source, i, &length)
            if has(&source, self.first, symbol):
                end[0] = self.match(&source, i)
                if end[0] == STOPPED:
                    return False
                if end[0] != FAIL and not (i == end[0] and i == previous_end):
                    begin[0] = i
                    return True
            if not length:
                return False
            i += length

    cdef Py_ssize_t match(self, const Source* source, Py_ssize_t i) noexcept nogil:
        """Return the end of the match that begins at `i`; FAIL if there is none, STOPPED if there is a reason to stop."""
        cdef const Instruction* program = <const Instruction*>&self.code[0, 0]
        cdef const Instruction* now
        cdef int64_t* registers = self.registers
        cdef Py_ssize_t at = self.start, length = 0, symbol, begin, left
        cdef bint goes_on, ends
        self.depth = 0
        symbol = read(source, i, &length)
        while True:
            self.steps += 1
            if self.steps >= CHECK_EVERY and self.must_stop():
                return STOPPED
            now = program + at
            at = now.next
            if now.op == ACCEPT:
                return i
            elif now.op == ONE:
                if has(source, now.first, symbol):
                    i += length
                    symbol = read(source, i, &length)
                else:
                    at = FAIL
            elif now.op == ONE_BEFORE:
                at = FAIL
                if i > source.begin:
                    i = find_before(source, i)
                    symbol = read(source, i, &length)
                    if has(source, now.first, symbol):
                        at = now.next
            elif now.op == AHEAD:
                if not has(source, now.first, symbol):
                    at = FAIL
            elif now.op == BEHIND:
                begin = read(source, find_before(source, i), &left) if i > source.begin else 0
                if not has(source, now.first, begin):
                    at = FAIL
            elif now.op == RUN or now.op == RUN_ALL or now.op == RUN_LAZY:
                begin = i
                left = now.low
                while left and has(source, now.first, symbol):
                    i += length
                    symbol = read(source, i, &length)
                    left -= 1
                if left:
                    at = FAIL
                elif now.op == RUN_LAZY:
                    if now.high and not self.push(now - program, i, now.high):
                        return STOPPED
                    if not has(source, now.rest, symbol):
                        at = FAIL
                else:
                    left = i
                    # The match can go on without a single code point only if its symbol is in `rest`.
                    ends = now.op == RUN and (now.high != 1 or has(source, now.rest, symbol))
                    i = self.read_run(source, now, i, &symbol, &length)
                    if ends and i > left and not self.push(now - program, i, left):
                        return STOPPED
                self.steps += i - begin
            elif now.op == BRANCH:
                ends = has(source, now.rest, symbol)
                if not has(source, now.first, symbol):
                    at = now.other if ends else FAIL
                elif ends and not self.push(now - program, i, 0):
                    return STOPPED
            elif now.op == RESET or now.op == MARK:
                if not self.push(now - program, NO_ALTERNATIVE, registers[now.register]):
                    return STOPPED
                registers[now.register] = i if now.op == MARK else 0
            elif now.op == COUNT or now.op == COUNT_LAZY:
                left = registers[now.register]
                ends = left >= now.low and has(source, now.rest, symbol)
                goes_on = (now.high < 0 or left < now.high) and has(source, now.first, symbol)
                if goes_on and not self.push(now - program, i if ends else NO_ALTERNATIVE, left):
                    return STOPPED
                if goes_on and not (ends and now.op == COUNT_LAZY):
                    registers[now.register] += 1
                    at = now.other
                elif not ends:
                    at = FAIL
            elif now.op == CHECK:
                if registers[now.register] == i:
                    at = now.other
            elif now.op == ENTER:
                registers[now.register] = self.depth
                registers[now.register + 1] = i
            elif now.op == CUT:
                self.depth = registers[now.register]
            elif now.op == RETURN:
                self.depth = registers[now.register]
                i = registers[now.register + 1]
                symbol = read(source, i, &length)
            elif now.op == REFUTE_BEGIN:
                registers[now.register] = self.depth
                if not self.push(now - program, i, 0):
                    return STOPPED
            else:  # REFUTE
                self.depth = registers[now.register]
                at = FAIL
            if at == FAIL:
                at = self.go_back(source, &i)
                if at < 0:
                    return at
                symbol = read(source, i, &length)

    cdef inline Py_ssize_t read_run(
        self, const Source* source, const Instruction* now, Py_ssize_t i, Py_ssize_t* symbol, Py_ssize_t* length
    ) noexcept nogil:
        """Read up to `high` code points of a set from `i` on; return the end of the run."""
        cdef Py_ssize_t left = now.high
        while left and has(source, now.first, symbol[0]):
            i += length[0]
            symbol[0] = read(source, i, length)
            left -= 1
        return i

    cdef Py_ssize_t go_back(self, const Source* source, Py_ssize_t* i) noexcept nogil:
        """Return to the last entry: store its position, and return the instruction to continue with.

        Return FAIL if there is no entry left, STOPPED if there is a reason to stop.
        """
        cdef const Instruction* program = <const Instruction*>&self.code[0, 0]
        cdef const Instruction* now
        cdef Entry* top
        cdef Py_ssize_t length, symbol, begin
        while self.depth:
            top = &self.stack[self.depth - 1]
            now = program + top.at
            begin = i[0] = top.position
            if now.op == RUN:  # read fewer code points, up to one after which the program can continue
                while i[0] > top.value:
                    i[0] = find_before(source, i[0])
                    symbol = read(source, i[0], &length)
                    if has(source, now.rest, symbol):
                        break
                else:
                    symbol = -1
                top.position = i[0]
                self.depth -= i[0] == top.value
                self.steps += begin - i[0]
                if symbol >= 0:
                    return now.next
            elif now.op == RUN_LAZY:  # read more of them
                symbol = read(source, i[0], &length)
                while top.value and has(source, now.first, symbol):
                    i[0] += length
                    top.value -= 1
                    symbol = read(source, i[0], &length)
                    if has(source, now.rest, symbol):
                        break
                else:
                    symbol = -1
                top.position = i[0]
                self.depth -= symbol < 0 or not top.value
                self.steps += i[0] - begin
                if symbol >= 0:
                    return now.next
            else:
                self.depth -= 1
                if now.op == BRANCH or now.op == REFUTE_BEGIN:
                    return now.other
                self.registers[now.register] = top.value  # COUNT, COUNT_LAZY, RESET, MARK
                if now.op == COUNT and i[0] >= 0:
                    return now.next
                if now.op == COUNT_LAZY and i[0] >= 0:
                    self.registers[now.register] += 1
                    top.position = NO_ALTERNATIVE
                    self.depth += 1
                    return now.other
        return FAIL

    cdef inline bint push(self, Py_ssize_t at, Py_ssize_t position, int64_t value) noexcept nogil:
        """Push an entry; return whether there is space for it."""
        cdef Py_ssize_t capacity
        cdef void* larger
        if self.depth == self.capacity:
            capacity = max(<Py_ssize_t>256, 2 * self.capacity)
            larger = realloc(self.stack, capacity * sizeof(Entry)) if capacity <= MAX_ENTRIES else NULL
            if larger == NULL:
                self.reason = TOO_DEEP
                return False
            self.stack = <Entry*>larger
            self.capacity = capacity
        self.stack[self.depth].at = at
        self.stack[self.depth].position = position
        self.stack[self.depth].value = value
        self.depth += 1
        return True

    cdef bint must_stop(self) noexcept nogil:
        """Return whether there is a reason to stop: no time left in this row, or an interrupt."""
        self.steps = 0
        if self.interrupt.check():
            self.reason = INTERRUPTED
            return True
        with gil:
            now = time.monotonic()
            if not self.deadline:
                self.deadline = now + self.seconds
            elif now > self.deadline:
                self.reason = TOO_LONG
        return self.reason != 0
