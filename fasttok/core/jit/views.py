"""`View`: type of the arrays in kernels, for Numba.

Numba's own type of arrays has strides, owners and reference counts. With it, Numba takes half as long again,
and writes three times as much text for LLVM. A view is an address and a length per axis. Its operations are
`len`, and to read or write an item at an index, which is not negative. If a view has two axes, one index
gives a row.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from llvmlite import ir
from numba import types  # type: ignore[attr-defined]
from numba.core import cgutils, config
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model


class View(types.Type):
    """C-contiguous array.

    Parameters
    ----------
    dtype : numba.types.Type
        Type of the items.
    n_axes : int
        Number of axes, at least 1.
    """

    def __init__(self, dtype: Any, n_axes: int) -> None:
        self.dtype, self.n_axes = dtype, n_axes
        super().__init__(f"View({dtype}, {n_axes})")

    def find_item(self, index: Any) -> Any:
        """Return the type of an item or row, given the type of its index; None if there is none."""
        parts = getattr(index, "types", [index])
        n_axes = self.n_axes - len(parts)
        if n_axes < 0 or not all(isinstance(part, types.Integer) for part in parts):
            return None
        return View(self.dtype, n_axes) if n_axes else self.dtype


@register_model(View)
class _Model(models.StructModel):
    """Structure of the address and the lengths."""

    def __init__(self, manager: Any, view: View) -> None:
        lengths = [(f"length_{axis}", types.intp) for axis in range(view.n_axes)]
        super().__init__(manager, view, [("address", types.CPointer(view.dtype)), *lengths])


def make_view(context: Any, builder: Any, view: View, address: Any, lengths: Iterable[Any]) -> Any:
    """Return the value of a view in LLVM's language."""
    value = context.get_value_type(view)(ir.Undefined)
    address = builder.bitcast(address, value.type.elements[0])
    for i, member in enumerate([address, *lengths]):
        value = builder.insert_value(value, member, i)
    return value


@infer_global(len)
class _Len(AbstractTemplate):
    def generic(self, given: Any, _: Any) -> Any:
        return signature(types.intp, *given) if isinstance(given[0], View) else None


@lower_builtin(len, View)
def _lower_len(context: Any, builder: Any, call: Any, values: Any) -> Any:
    return builder.extract_value(values[0], 1)


@infer_global(operator.getitem)
class _Getitem(AbstractTemplate):
    def generic(self, given: Any, _: Any) -> Any:
        found = given[0].find_item(given[1]) if isinstance(given[0], View) else None
        return found and signature(found, *given)


@lower_builtin(operator.getitem, View, types.Any)
def _lower_getitem(context: Any, builder: Any, call: Any, values: Any) -> Any:
    address = _locate(context, builder, call, values)
    if isinstance(call.return_type, View):
        length = builder.extract_value(values[0], 2)
        return make_view(context, builder, call.return_type, address, [length])
    return context.unpack_value(builder, call.return_type, address)


@infer_global(operator.setitem)
class _Setitem(AbstractTemplate):
    def generic(self, given: Any, _: Any) -> Any:
        view, index, _ = given
        is_item = isinstance(view, View) and view.find_item(index) == view.dtype
        return signature(types.none, view, index, view.dtype) if is_item else None


@lower_builtin(operator.setitem, View, types.Any, types.Any)
def _lower_setitem(context: Any, builder: Any, call: Any, values: Any) -> Any:
    context.pack_value(builder, call.args[0].dtype, values[2], _locate(context, builder, call, values))
    return context.get_dummy_value()


def _locate(context: Any, builder: Any, call: Any, values: Any) -> Any:
    """Return the address of the item or row of a call."""
    view, index = call.args[:2]
    kinds = getattr(index, "types", [index])
    parts = cgutils.unpack_tuple(builder, values[1]) if hasattr(index, "types") else [values[1]]
    place = context.get_constant(types.intp, 0)
    for axis in range(view.n_axes):
        length = builder.extract_value(values[0], 1 + axis)
        place = builder.mul(place, length)
        if axis < len(parts):
            part = context.cast(builder, parts[axis], kinds[axis], types.intp)
            place = builder.add(place, part)
            if config.BOUNDSCHECK:  # type: ignore[attr-defined]
                with builder.if_then(builder.icmp_unsigned(">=", part, length), likely=False):
                    context.call_conv.return_user_exc(builder, IndexError, ("index out of bounds",))
    return builder.gep(builder.extract_value(values[0], 0), [place])
