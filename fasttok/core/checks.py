"""Checks of arguments: one function per kind of argument, with the same error messages everywhere.

Every message begins with the name of the argument. Public functions check their arguments before any work.
"""

from __future__ import annotations

import inspect
import math
import operator
import os
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Set
from difflib import get_close_matches
from fractions import Fraction
from numbers import Number
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")

# Larger sizes are reduced to this value, which limits nothing in practice. Adding the size of real data to it
# does not overflow int64.
_LARGEST = 1 << 62
_FLAGS = frozenset((bool, np.bool_))
_DEEPEST = 100  # limit of the depth of nested lists and mappings
_SHOWN = 60  # characters of a value that a message shows


# Messages


def describe(value: Any) -> str:
    """Return a short description of a value for a message: a text or number itself, otherwise its type."""
    if isinstance(value, (str, bytes)):
        return repr(value[:_SHOWN]) + "..." * (len(value) > _SHOWN)
    if isinstance(value, int) and value.bit_length() > 4 * _SHOWN:
        return f"an int of {value.bit_length():,} bits"
    if value is None or value is Ellipsis or isinstance(value, (bool, np.bool_, Number)):
        return f"{value}" if isinstance(value, np.generic) else f"{value!r}"
    return type(value).__name__


def suggest(name: object, names: Iterable[str]) -> str:
    """Return a question about the names nearest to an unknown one; empty if there are none.

    Examples
    --------
    >>> suggest("gpt-2", ["bert", "gpt2"])
    '; did you mean "gpt2"?'
    """
    if not isinstance(name, str):
        return ""
    spellings = {known.lower(): known for known in names}
    near = get_close_matches(name[:_SHOWN].lower(), spellings, cutoff=0.55)
    return f"; did you mean {' or '.join(_quoted(spellings[one]) for one in near)}?" if near else ""


def _quoted(name: str) -> str:
    return f'"{name}"'


def unknown_name(kind: str, name: object, names: Collection[str], more: str = "") -> ValueError:
    """Return the error for an unknown name: the nearest names, then all names.

    Parameters
    ----------
    kind : str
        Kind of the thing that is named, such as "pretokenizer".
    name : object
        Name that is unknown.
    names : collection of str
        Known names.
    more : str
        Further advice, without a full stop at the end.

    Examples
    --------
    >>> unknown_name("format", "tiktokn", ["gpt2", "tiktoken"])
    ValueError('no format is named \\'tiktokn\\'; did you mean "tiktoken"? The names are gpt2, tiktoken')
    """
    question = suggest(name, names)
    all_names = f"{' The' if question else '; the'} names are {', '.join(names)}"
    return ValueError(
        f"no {kind} is named {describe(name)}{question}{all_names}" + (f". {more}" if more else "")
    )


# Numbers


def checked_integer(name: str, value: Any, what: str = "an integer") -> int:
    """Return the value as an ``int``; NumPy integers are accepted. `what` describes it in the message.

    Raises
    ------
    TypeError
        If the value is not an integer, or is a ``bool``.
    """
    if type(value) is int:
        return value
    if isinstance(value, (bool, np.ndarray)):
        raise TypeError(f"{name} must be {what}, not {describe(value)}")
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be {what}, not {describe(value)}") from None


def checked_size(name: str, value: Any, least: int) -> int:
    """Return the value as an ``int`` of at least `least`, reduced to 2^62 if it is larger.

    Raises
    ------
    TypeError, ValueError
        If the value is not an integer, or is below `least`.
    """
    number = checked_integer(name, value)
    if number < least:
        raise ValueError(f"{name} must be at least {least}, not {describe(number)}")
    return min(number, _LARGEST)


def checked_dimension(name: str, value: Any, least: int = 1) -> int:
    """Return the value as an ``int`` from `least` to 2^31 - 1, such as a number of rows of an array.

    Raises
    ------
    TypeError, ValueError
        If the value is not an integer, or is out of range.
    """
    number = checked_integer(name, value)
    if not least <= number < 1 << 31:
        raise ValueError(f"{name} must be from {least} to 2^31 - 1, not {describe(number)}")
    return number


def checked_seed(name: str, value: Any) -> int:
    """Return the value as an ``int`` from 0 to 2^64 - 1.

    Raises
    ------
    ValueError
        If the value is not an integer, or is out of range.
    """
    try:
        number = checked_integer(name, value)
    except TypeError:
        number = -1
    if not 0 <= number < 1 << 64:
        raise ValueError(f"{name} must be an integer from 0 to 2^64 - 1, not {describe(value)}")
    return number


def checked_number(name: str, value: Any, least: float = -math.inf, most: float = math.inf) -> float:
    """Return the value as a ``float`` or ``int``, finite and from `least` to `most`.

    Raises
    ------
    TypeError, ValueError
        If the value is not a number of Python or NumPy, is not finite, or is out of range.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} must be a number, not {describe(value)}")
    number: float = value.item() if isinstance(value, np.generic) else value
    if not least <= number <= most or not abs(number) <= sys.float_info.max:  # also if it is NaN
        limits = f" from {least} to {most}" if most < math.inf else f" of at least {least}"
        limits = "" if least == -math.inf else limits
        raise ValueError(f"{name} must be a finite number{limits}, not {describe(number)}")
    return number


def checked_fraction(name: str, value: Any) -> float | Fraction:
    """Return the value as a ``float``, ``int`` or ``Fraction`` from 0 to 1.

    Raises
    ------
    TypeError, ValueError
        If the value is not a number of one of these types or of NumPy, or is out of range.
    """
    kinds = (int, float, np.integer, np.floating, Fraction)
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise TypeError(f"{name} must be a number from 0 to 1, not {describe(value)}")
    number: float | Fraction = value.item() if isinstance(value, np.generic) else value
    if not 0 <= number <= 1:
        raise ValueError(f"{name} must be from 0 to 1, not {describe(number)}")
    return number


def checked_timeout(value: Any) -> float:
    """Return the value of an argument `timeout`, if it is a finite number of seconds above 0.

    Raises
    ------
    TypeError, ValueError
        If it is not.
    """
    number = checked_number("timeout", value)
    if number <= 0:
        raise ValueError(f"timeout must be above 0 seconds, not {describe(number)}")
    return number


def checked_array(name: str, value: Any, what: str) -> NDArray[Any]:
    """Return the value as an array; `what` describes the items, such as "pairs of ids".

    Raises
    ------
    TypeError
        If the value is a text, a number, a mapping, a set, or has rows of different lengths.
    """
    is_text = isinstance(value, (str, bytes, bytearray, memoryview, Set, type))
    if is_text or not hasattr(value, "__len__"):
        raise TypeError(f"{name} must be {what}, not {describe(value)}")
    try:
        array = np.asarray(value)
    except (ValueError, OverflowError):
        raise TypeError(f"{name} must be {what}, not rows of different lengths") from None
    if has_flags(value, array):
        raise TypeError(f"{name} must be {what}, not True or False")
    if array.ndim == 0 or array.dtype.kind not in "iuf" or is_table(value):
        raise TypeError(f"{name} must be {what}, not {describe_items(value)}")
    return array


def checked_row(name: str, value: Any, what: str) -> Any:
    """Return the value if it can be one row of numbers, which are not checked; `what` describes it.

    Raises
    ------
    TypeError
        If the value is a text, a table, a set, or has no length.
    """
    is_text = isinstance(value, (str, bytes, bytearray, memoryview, Set))
    if is_text or not hasattr(value, "__len__") or is_table(value):
        raise TypeError(f"{name} must be {what}, not {describe_type(value)}")
    return value


def has_flags(values: Any, array: NDArray[Any]) -> bool:
    """Return whether True or False is in a list or tuple, of which NumPy has made the numbers in `array`."""
    if not isinstance(values, (list, tuple)):
        return False
    if array.ndim == 1 and len(array) > 64 and array.dtype.kind in "iuf":
        # It is faster to look at the zeros and ones only.
        values = [values[i] for i in np.flatnonzero(array <= 1).tolist()]
    return not _FLAGS.isdisjoint(map(type, values))


def checked_numbers(name: str, value: Any) -> NDArray[np.float64]:
    """Return the value as an array of float64.

    Raises
    ------
    TypeError
        If the value is not a row of numbers.
    """
    array = checked_array(name, value, "a row of numbers")
    if array.ndim != 1:
        raise TypeError(f"{name} must be a row of numbers, not an array of shape {array.shape}")
    return array.astype(np.float64)


def describe_items(value: Any) -> str:
    """Return a description of what is in an array or sequence, for a message."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} and shape {value.shape}"
    return f"{type(value).__name__} of {describe(next(iter(value), None))}"


# Flags, choices, other values


def checked_flag(name: str, value: Any) -> bool:
    """Return the value if it is True or False.

    Raises
    ------
    TypeError
        If the value is not a ``bool``.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {describe(value)}")
    return value


def checked_choice(name: str, value: Any, *choices: str) -> str:
    """Return the value if it is one of the choices.

    Raises
    ------
    ValueError
        If the value is not one of the choices.
    """
    if not isinstance(value, str) or value not in choices:
        *others, last = map(_quoted, choices)
        listed = f"{', '.join(others)} or {last}" if others else last
        raise ValueError(f"{name} must be {listed}, not {describe(value)}{suggest(value, choices)}")
    return choices[choices.index(value)]


def checked_instance(
    name: str, value: Any, kinds: type[T] | tuple[type[T], ...], what: str, advice: str = ""
) -> T:
    """Return the value if it is an instance of `kinds`.

    Parameters
    ----------
    name : str
        Name of the argument.
    value : object
        The argument.
    kinds : type or tuple of types
        Types that are accepted.
    what : str
        Description of these types, such as "a Corpus".
    advice : str
        What to do instead, for the end of the message.

    Raises
    ------
    TypeError
        If the value has another type.
    """
    if not isinstance(value, kinds):
        raise TypeError(f"{name} must be {what}, not {describe(value)}" + (f"; {advice}" if advice else ""))
    return value


def checked_callable(name: str, value: Any) -> Callable[..., Any]:
    """Return the value if it is a function or another callable object.

    Raises
    ------
    TypeError
        If the value cannot be called.
    """
    if not callable(value):
        raise TypeError(f"{name} must be callable, not {describe(value)}")
    function: Callable[..., Any] = value
    return function


def checked_maker(name: str, value: Callable[..., T]) -> Callable[[], T]:
    """Return a function that makes an iterable, if it can be called without arguments.

    Raises
    ------
    TypeError
        If the function needs arguments.
    """
    try:
        inspect.signature(value).bind()
    except TypeError as error:
        raise TypeError(
            f"{name} must be an iterable, or a function without arguments that returns one ({error})"
        ) from None
    except ValueError:
        pass  # a function of C without a signature
    return value


def checked_mapping(name: str, value: Any, what: str) -> Mapping[Any, Any]:
    """Return the value if it is a mapping; `what` says of what, such as "names to tokenizers".

    Raises
    ------
    TypeError
        If the value is not a mapping.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping of {what}, not {describe(value)}")
    return value


def check_depth(name: str, value: Any) -> None:
    """Raise an error if lists, tuples and mappings are nested more than 100 deep, or contain themselves.

    Deeper ones can exceed the stack of Python, or of programs that read files.

    Raises
    ------
    ValueError
        If they are.
    """
    level = [value]
    for _ in range(_DEEPEST):
        inner = [one for each in level for one in (each.values() if isinstance(each, Mapping) else each)]
        nested = {id(one): one for one in inner if isinstance(one, (Mapping, list, tuple))}
        if not nested:
            return
        level = [*nested.values()]
    raise ValueError(f"{name} must not be nested more than {_DEEPEST} deep")


def checked_path(name: str, value: Any) -> str:
    """Return a path as ``str``.

    Raises
    ------
    TypeError
        If the value is neither a ``str`` nor an ``os.PathLike`` object of one.
    ValueError
        If the path is empty, or contains a NUL character.
    """
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(path, str):
        raise TypeError(f"{name} must be a path (str or os.PathLike), not {describe(value)}")
    if not path:
        raise ValueError(f"{name} must not be an empty path")
    if "\0" in path:
        raise ValueError(f"{name} must not contain a NUL character, but is {describe(path)}")
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        raise ValueError(f"{name} is not a path that this system can have: {describe(path)}") from None
    return path


# Texts


def checked_text(name: str, value: Any) -> str:
    """Return the value if it is a ``str`` that can be encoded in UTF-8.

    Raises
    ------
    TypeError, ValueError
        If the value is not a ``str``, or contains a lone surrogate.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {describe_type(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{name} contains a lone surrogate at position {error.start}") from None
    return value


def checked_word(name: str, value: Any) -> str:
    """Return the value as `checked_text` does, if it is not empty.

    Raises
    ------
    TypeError, ValueError
        As in `checked_text`, or if the text is empty.
    """
    if not checked_text(name, value):
        raise ValueError(f"{name} must not be empty")
    return str.__str__(value)


def checked_character(name: str, value: Any) -> str:
    """Return the value as `checked_text` does, if it has a single character.

    Raises
    ------
    TypeError, ValueError
        As in `checked_text`, or if the text does not have exactly one character.
    """
    if len(checked_text(name, value)) != 1:
        raise ValueError(f"{name} must be one character, not {describe(value)}")
    return str.__str__(value)


def describe_type(value: Any) -> str:
    """Return the name of a value's type, or None."""
    return "None" if value is None else type(value).__name__


def checked_texts(name: str, value: Any) -> tuple[str, ...]:
    """Return an ordered collection of ``str``, such as special tokens, as a tuple.

    Raises
    ------
    TypeError
        If the value is a single text, a mapping, a set or not iterable, or an item is not a ``str``.
    ValueError
        If a text is empty, occurs twice or contains a lone surrogate.
    """
    texts = tuple(checked_items(name, value, "str"))
    for text in texts:
        if not isinstance(text, str):
            raise TypeError(f"each item of {name} must be a str, not {describe_type(text)}")
        checked_word(f"each item of {name}", text)
    if len(set(texts)) < len(texts):
        twice = next(text for i, text in enumerate(texts) if text in texts[:i])
        raise ValueError(f"{name} contains a text twice: {describe(twice)}")
    return tuple(map(str.__str__, texts))  # turns subclasses, such as np.str_, into str


def checked_items(name: str, value: Any, what: str, kind: str = "a sequence") -> Iterable[Any]:
    """Return an iterable whose order means something; the items are not checked.

    Parameters
    ----------
    name : str
        Name of the argument.
    value : object
        The argument.
    what : str
        Description of the items, such as "str or AddedToken".
    kind : str
        Description of the whole, for messages.

    Raises
    ------
    TypeError
        If the value is a single text, a mapping, a set, an array that is not flat, or not iterable.
    """
    if is_table(value):
        raise TypeError(f"{name} must be {kind} of {what}, not {type(value).__name__}; pass a list")
    if isinstance(value, Set):
        raise TypeError(
            f"{name} must be {kind} of {what}, not {type(value).__name__}: the order of the items "
            f"matters, and a set has none; pass a list, for example sorted({name})"
        )
    is_flat = not isinstance(value, np.ndarray) or value.ndim == 1
    if isinstance(value, (str, bytes, bytearray, memoryview, type)) or not is_iterable(value) or not is_flat:
        given = "a single str" if isinstance(value, str) else describe_type(value)
        raise TypeError(f"{name} must be {kind} of {what}, not {given}")
    items: Iterable[Any] = value
    return items


def checked_names(name: str, value: Any) -> tuple[str, ...]:
    """Return a collection of ``str`` whose order does not matter, such as packages, as a tuple.

    Raises
    ------
    TypeError
        If the value is a single text, a mapping or not iterable, or an item is not a ``str``.
    ValueError
        If a name is empty or contains a lone surrogate.
    """
    given = value if not isinstance(value, Set) else sorted(value, key=repr)
    names = tuple(checked_items(name, given, "str", "a collection"))
    for one in names:
        checked_word(f"each item of {name}", one)
    return names


def checked_batch(name: str, value: Any) -> Iterable[str | bytes]:
    """Return an iterable of texts; the texts are not checked.

    Raises
    ------
    TypeError
        If the value is one text, a table, a mapping, a set, an array that is not flat, or not iterable.
    """
    texts: Iterable[str | bytes] = value
    if type(value) is list or type(value) is tuple:  # most calls, and short ones should be fast
        return texts
    if isinstance(value, (str, bytes, bytearray, memoryview)):
        raise TypeError(f"{name} must be an iterable of texts, not one text; pass [text] for a single text")
    arrow = ".to_pylist()" if hasattr(value, "to_pylist") else ""  # items of pyarrow are not str
    if is_table(value):
        raise TypeError(
            f"{name} must be an iterable of texts, not {type(value).__name__}, whose items are not texts; "
            f'pass one of its columns, such as table["text"]{arrow}'
        )
    if arrow:
        raise TypeError(
            f"{name} must be an iterable of str or bytes, not {type(value).__name__}; pass {name}{arrow}"
        )
    if isinstance(value, Set) and not isinstance(value, Mapping):
        raise TypeError(
            f"{name} must be an iterable of texts in a certain order, not {type(value).__name__}; pass a list"
        )
    is_flat = not isinstance(value, np.ndarray) or value.ndim == 1
    if isinstance(value, type) or not is_iterable(value) or not is_flat:
        raise TypeError(f"{name} must be an iterable of texts, not {describe_type(value)}")
    return texts


def is_iterable(value: Any) -> bool:
    """Return whether a value can be iterated, also by ``__getitem__``, as sequences of other libraries."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return False
    return isinstance(value, Iterable) or (
        hasattr(value, "__getitem__") and hasattr(value, "__len__") and not isinstance(value, type)
    )


def is_table(value: Any) -> bool:
    """Return whether a value is a mapping, or a data frame, record batch or other table with columns."""
    if isinstance(value, (Mapping, type)):
        return isinstance(value, Mapping)
    has_keys = hasattr(value, "keys") and not hasattr(value, "dtype")  # a pandas Series has both
    return has_keys or hasattr(value, "columns") or hasattr(value, "column_names")
