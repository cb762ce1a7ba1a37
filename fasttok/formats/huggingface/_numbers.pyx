"""Read decimal numbers as serde_json reads them in Hugging Face tokenizers."""

from libc.stdint cimport uint64_t

cdef enum:
    MOST_POWER = 308  # largest power of ten in float64

cdef double powers[MOST_POWER + 1]
cdef Py_ssize_t _i
for _i in range(MOST_POWER + 1):
    powers[_i] = float(f"1e{_i}")


cdef extern from "Python.h":
    const char* PyUnicode_AsUTF8AndSize(object text, Py_ssize_t* length) except NULL


def read_float(str text not None):
    """Return a JSON number as Hugging Face tokenizers reads it: not always the nearest float64.

    serde_json, in its default configuration, reads the digits as an integer of 64 bits, converts it to float64 and
    multiplies or divides it by a power of ten. The result can differ from the nearest float64 in the last bit if the
    number has more than 15 digits. Sums of scores, and so ties between segmentations, depend on this bit.

    Pass this function to ``json.loads`` as `parse_float`.

    Parameters
    ----------
    text : str
        Number in the syntax of JSON.

    Returns
    -------
    float
        The number; infinite if serde_json rejects it as too large.

    Examples
    --------
    >>> read_float("-0.5"), read_float("-13.437830924987793"), float("-13.437830924987793")
    (-0.5, -13.437830924987791, -13.437830924987793)
    """
    cdef Py_ssize_t n, i = 0
    cdef const char* digits = PyUnicode_AsUTF8AndSize(text, &n)
    cdef bint is_negative = n > 0 and digits[0] == c"-", is_full = False, in_fraction = False, down
    cdef uint64_t significand = 0, digit
    cdef Py_ssize_t power = 0, exponent = 0
    cdef double value
    i += is_negative
    while i < n and digits[i] != c"e" and digits[i] != c"E":
        if digits[i] == c".":
            in_fraction = True
        else:
            digit = digits[i] - c"0"
            is_full = is_full or significand > (0xFFFFFFFFFFFFFFFFULL - digit) // 10
            if not is_full:
                significand = 10 * significand + digit
                power -= in_fraction
            elif not in_fraction:
                power += 1  # further digits do not count
        i += 1
    if i < n:
        i += 1
        down = digits[i] == c"-"
        i += down or digits[i] == c"+"
        while i < n:
            exponent = min(10 * exponent + digits[i] - c"0", <Py_ssize_t>1 << 40)
            i += 1
        power += -exponent if down else exponent
    value = significand
    while power < -MOST_POWER and value != 0:
        value /= powers[MOST_POWER]
        power += MOST_POWER
    if value != 0:
        value = value / powers[-power] if power < 0 else value * (
            powers[power] if power <= MOST_POWER else float("inf")
        )
    return -value if is_negative else value
