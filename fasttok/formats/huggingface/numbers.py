"""`write_float`: write numbers so that Hugging Face ``tokenizers`` reads them unchanged."""

from __future__ import annotations

import math
from fractions import Fraction

from fasttok.formats.huggingface._numbers import read_float

__all__ = ["read_float", "write_float"]


def write_float(value: float) -> str:
    """Return a JSON number that ``tokenizers`` reads as `value`, if there is one.

    The shortest number that Python reads as `value` is often read as a neighbour of it; see `read_float`.

    Parameters
    ----------
    value : float
        Finite number.

    Returns
    -------
    str
        The number. There is no such number for about two in a thousand values; then, the shortest number that
        Python reads as `value`.

    Raises
    ------
    ValueError
        If the value is not finite.

    Examples
    --------
    >>> write_float(-0.5), write_float(-13.437830924987793)
    ('-0.5', '-13.4378309249877930')
    >>> read_float("-13.4378309249877930"), read_float("-13.437830924987793")
    (-13.437830924987793, -13.437830924987791)
    """
    if not math.isfinite(value):
        raise ValueError(f"JSON has no number {value}")
    shortest = repr(value)
    if "." not in shortest and "e" not in shortest:
        shortest += ".0"
    if value == 0 or read_float(shortest) == value:
        return shortest
    sign, exact = "-" if value < 0 else "", Fraction(abs(value))
    power = math.floor(math.log10(abs(value)))
    for n_digits in range(16, 21):
        exponent = power - n_digits + 1
        nearest = round(exact / Fraction(10) ** exponent)
        step = max(1, int(math.ulp(float(nearest))))  # closer integers are the same number in float64
        for digits in (nearest, nearest - step, nearest + step):
            text = _write_decimal(sign, str(digits), exponent)
            if read_float(text) == value:
                return text
    return shortest


def _write_decimal(sign: str, digits: str, exponent: int) -> str:
    """Return the number `digits` times ten to the power of `exponent`; with a point if it needs few zeros."""
    point = len(digits) + exponent
    if 0 < point < len(digits):
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -4 <= point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    return f"{sign}{digits}e{exponent}"
