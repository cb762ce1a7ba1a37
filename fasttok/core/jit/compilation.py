"""`compile_kernel`: machine code of a kernel. This module imports Numba, which is slow."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from typing import Any

import numba
import numpy as np
from llvmlite import binding, ir
from numba import types  # type: ignore[attr-defined]
from numba.core.compiler_lock import global_compiler_lock
from numba.core.errors import NumbaError

from fasttok.core.jit.storage import ENTRY, Code
from fasttok.core.jit.translation import KernelType, target
from fasttok.core.jit.views import View, make_view

C_LIBRARY = {"sqrt", "sqrtf"}  # functions that LLVM finds in every process


def compile_kernel(kernel: KernelType, kinds: bytes, machine: Any) -> Code:
    """Compile a kernel for arguments of some types.

    Parameters
    ----------
    kernel : KernelType
        The kernel.
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
        If the kernel does what kernels cannot do; see `Kernel`.
    """
    given = []
    for code in (kinds[i : i + 3].decode() for i in range(0, len(kinds), 3)):
        kind = numba.from_dtype(np.dtype(code[:2] if code[0] != "b" else bool))
        given.append(View(kind, int(code[2])) if code[2] != "0" else kind)
    try:
        with global_compiler_lock:
            function = kernel.translate(tuple(given))
            found = function.signature.return_type
            returned = [] if found == types.none else getattr(found, "types", [found])
            results = "".join("f" if isinstance(kind, types.Float) else "i" for kind in returned)
            module = _link([_write_entry(function, results), *function.library.modules.values()])
    except NumbaError as error:
        raise NotImplementedError(f"cannot compile the {kernel.name}: {error}") from error
    _optimise(module, machine)
    declared = {one.name for one in module.functions if one.is_declaration} - C_LIBRARY
    if needed := sorted(name for name in declared if not name.startswith("llvm.")):
        raise NotImplementedError(f"the {kernel.name} needs {', '.join(needed)}; a kernel creates no objects")
    return Code(results, machine.emit_object(module))


def _write_entry(function: Any, results: str) -> str:
    """Return the text of a function that calls a kernel with arguments and results at given addresses."""
    word, pointer = ir.IntType(64), ir.IntType(8).as_pointer()
    module = target.create_module("entry")
    parameters = [pointer.as_pointer(), word.as_pointer()]
    entry = ir.Function(module, ir.FunctionType(ir.IntType(32), parameters), ENTRY)
    builder = ir.IRBuilder(entry.append_basic_block())

    def read(array: Any) -> Iterator[Any]:
        for i in count():
            yield builder.load(builder.gep(array, [word(i)]))

    addresses, lengths = map(read, entry.args)
    values = []
    for kind in function.signature.args:
        address = next(addresses)
        if isinstance(kind, View):
            values.append(make_view(target, builder, kind, address, islice(lengths, kind.n_axes)))
        else:
            address = builder.bitcast(address, target.get_data_type(kind).as_pointer())
            values.append(target.unpack_value(builder, kind, address))

    called, found = target.declare_function(module, function.fndesc), function.signature.return_type
    status, result = target.call_conv.call_function(builder, called, found, function.signature.args, values)
    is_tuple = hasattr(found, "types")
    for i, code in enumerate(results):
        value, kind = (builder.extract_value(result, i), found.types[i]) if is_tuple else (result, found)
        value = target.cast(builder, value, kind, types.float64 if code == "f" else types.int64)
        builder.store(value, builder.bitcast(next(addresses), value.type.as_pointer()))
    builder.ret(status.code)
    return str(module)


def _link(texts: list[str]) -> Any:
    """Return a module with all functions. All but the entry are dropped where their calls are inlined."""
    module, *others = [binding.parse_assembly(text) for text in texts]
    for other in others:
        module.link_in(other)
    for one in (*module.functions, *module.global_variables):
        if not one.is_declaration and one.name != ENTRY:
            one.linkage = "linkonce_odr"
    module.verify()
    return module


def _optimise(module: Any, machine: Any) -> None:
    """Run the passes of LLVM's level 2. Those of level 3 take longer, and the kernels do not get faster."""
    options = binding.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = True
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
