"""`compile_kernel`: machine code of a kernel from Numba. This module imports Numba, which is slow."""

from __future__ import annotations

import re
from typing import Any

import numba
import numpy as np
from llvmlite import binding
from numba import carray, types  # type: ignore[attr-defined]

from fasttok.core.jit.storage import Code

# Numba's compiler adds a call of this function of its runtime to all code that has arrays, for arrays that it
# allocates itself. Kernels do not allocate arrays, so it is never called.
UNUSED = re.compile(r"^declare( void @NRT_MemInfo_call_dtor\([^)]*\)).*$", re.M)

C_LIBRARY = {"sqrt", "sqrtf"}  # functions that LLVM finds in every process


def make_dispatcher(function: Any) -> Any:
    """Return a function of Numba, without the code that would make it callable from Python and C."""
    options: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    return numba.njit(nogil=True, error_model="numpy", **options)(function)


def compile_kernel(dispatcher: Any, kinds: bytes, machine: Any) -> Code:
    """Compile a kernel for arguments of some types.

    Parameters
    ----------
    dispatcher : Dispatcher
        Kernel as a function of Numba.
    kinds : bytes
        Types of the arguments, as `Arguments` describes them.
    machine : TargetMachine
        Processor, for LLVM.

    Returns
    -------
    Code
        Machine code, with an entry for `Arguments.run`.

    Raises
    ------
    NotImplementedError
        If the kernel creates objects or raises exceptions.
    numba.core.errors.NumbaError
        If Numba cannot compile the kernel.
    """
    codes = [kinds[i : i + 3].decode() for i in range(0, len(kinds), 3)]
    dtypes = [np.dtype(code[:2]) if code[0] != "b" else np.dtype(bool) for code in codes]
    n_axes = [int(code[2]) for code in codes]
    scalars = [numba.from_dtype(dtype) for dtype in dtypes]
    given = [types.Array(t, n, "C") if n else t for t, n in zip(scalars, n_axes, strict=True)]
    dispatcher.compile(tuple(given))
    found = dispatcher.overloads[tuple(given)].signature.return_type
    returned = [] if found == types.none else getattr(found, "types", [found])
    results = "".join("f" if isinstance(one, types.Float) else "i" for one in returned)

    entry = make_dispatcher(_make_entry(dispatcher, dtypes, n_axes, results))
    pointer: Any = types.CPointer
    entry.compile(types.void(pointer(types.voidptr), pointer(types.int64)))
    (compiled,) = entry.overloads.values()
    (ir,) = entry.inspect_llvm().values()
    module = binding.parse_assembly(UNUSED.sub(r"define\1 { ret void }", ir))
    declared = {function.name for function in module.functions if function.is_declaration}
    needed = [name for name in sorted(declared - C_LIBRARY) if not name.startswith("llvm.")]
    if needed:
        raise NotImplementedError(
            f"the kernel {dispatcher.__name__} needs {', '.join(needed)}; a kernel creates no objects"
        )
    return Code(results, compiled.fndesc.llvm_func_name, machine.emit_object(module))


def _make_entry(dispatcher: Any, dtypes: list[np.dtype[Any]], n_axes: list[int], results: str) -> Any:
    """Return a function that calls a kernel with arguments and results at given addresses.

    Numba compiles only functions with a fixed number of arguments, so its text depends on the kernel.
    """
    values, first = [], 0
    for i, n in enumerate(n_axes):
        shape = "".join(f"lengths[{axis}], " for axis in range(first, first + n)) or "1, "
        values.append(f"carray(pointers[{i}], ({shape}), t{i}){'' if n else '[0]'}")
        first += n
    targets = [
        f"carray(pointers[{len(values) + i}], (1, ), {'float64' if code == 'f' else 'int64'})[0]"
        for i, code in enumerate(results)
    ]
    call = f"kernel({', '.join(values)})"
    text = f"def entry(pointers, lengths):\n    {' = '.join(filter(None, [', '.join(targets), call]))}\n"
    namespace = {"kernel": dispatcher, "carray": carray, "int64": np.int64, "float64": np.float64}
    namespace |= {f"t{i}": dtype.type for i, dtype in enumerate(dtypes)}
    exec(text, namespace)  # noqa: S102  (made above, of numbers only)
    return namespace["entry"]
