"""Compilation with Numba: `njit` makes a kernel, whose machine code is stored on disk.

Only the first call on a machine waits for Numba. It stores the machine code of the kernel, with all functions
that it calls, in one file next to the module, in the user's cache, or in ``NUMBA_CACHE_DIR``. Later processes
load this file with llvmlite, the part of Numba that generates code, and do not import Numba: it takes longer
to import, and to look up its own cache, than most trainings take.

The name of a file contains a hash of the bytecode of its functions, of their constants, and of everything
else that determines the machine code. So a file is used only on the processor and with the versions that it
was made for, and changes of a kernel in another module count, which Numba's own cache does not notice.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, cached_property
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import xxhash

from fasttok.core.jit import storage
from fasttok.core.jit._call import Arguments
from fasttok.core.jit.storage import ENTRY, Code
from fasttok.core.parallel import import_whole
from fasttok.core.progress import notify

_lock = RLock()  # of compiling and loading
_announced: list[str] = []  # messages about compilation, each shown once in a process


class Kernel:
    """Compiled function over arrays and numbers, which runs without the GIL.

    A kernel is compiled once for every combination of types of its arguments. Other kernels can call it. A
    kernel creates no objects: it does not allocate arrays, and does not raise exceptions. It can use numbers,
    tuples of them, operators, `range`, the functions of `math`, other kernels, and arrays by index and `len`.
    Indices are neither negative nor slices. With the environment variable NUMBA_BOUNDSCHECK=1, an index out
    of bounds ends in a RuntimeError.

    Parameters
    ----------
    function : callable
        Function that Numba can compile. It returns None, an integer, a float, a bool, or a tuple of them.

    Attributes
    ----------
    py_func : callable
        The function.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.py_func = function
        self._loaded: dict[bytes, tuple[int, str]] = {}  # address and results, by the types of arguments
        self._engines: list[Any] = []  # they own the machine code
        self.__name__, self.__module__, self.__doc__ = (
            function.__name__,
            function.__module__,
            function.__doc__,
        )

    def __call__(self, *arguments: Any) -> Any:
        """Return the results of the function."""
        if os.environ.get("NUMBA_DISABLE_JIT", "0") != "0":
            return self.py_func(*arguments)
        given = Arguments(arguments)
        return given.run(*self._loaded.get(given.kinds) or self._load(given.kinds))

    @cached_property
    def _numba_type_(self) -> Any:
        """Type for Numba, which asks for it when it compiles a call of this kernel."""
        from fasttok.core.jit.translation import KernelType

        return KernelType(self)

    def _load(self, kinds: bytes) -> tuple[int, str]:
        """Load the machine code for arguments of some types, and compile it if it is not stored."""
        import_whole("llvmlite.binding")
        with _lock:
            if kinds in self._loaded:
                return self._loaded[kinds]
            about = repr((kinds, _describe_machine(), *self._describe(set())))
            digest = xxhash.xxh3_128_hexdigest(about.encode())
            name = f"{self.__module__.rpartition('.')[2]}.{self.__name__}-{digest}.o"
            folders = list(storage.find_folders(self.py_func.__code__.co_filename))
            code = storage.read(name, folders)
            if code is None:
                _announce("compiling code for this machine (some seconds, first use only)")
                import_whole("fasttok.core.jit.compilation")
                from fasttok.core.jit.compilation import compile_kernel

                code = compile_kernel(self._numba_type_, kinds, _target_machine())
                storage.write(name, folders, code)
            address = self._link(code)
            self._loaded[kinds] = address, code.results
            return self._loaded[kinds]

    def _link(self, code: Code) -> int:
        """Place the machine code in memory and return the address of its function."""
        from llvmlite import binding

        engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _target_machine())
        engine.add_object_file(binding.ObjectFileRef.from_data(code.data))
        engine.finalize_object()
        self._engines.append(engine)
        address: int = engine.get_function_address(ENTRY)
        return address

    def _describe(self, seen: set[Kernel]) -> Iterator[Any]:
        """Yield the bytecode and the constants of this kernel and of those that it calls."""
        seen.add(self)
        code = self.py_func.__code__
        yield self.__module__, self.__name__, code.co_code, code.co_consts, code.co_names, code.co_varnames
        for name in code.co_names:
            value = self.py_func.__globals__.get(name)
            if isinstance(value, Kernel):
                if value not in seen:
                    yield from value._describe(seen)
            elif isinstance(value, int | float | np.generic):
                yield name, type(value).__name__, str(value)


def njit(function: Callable[..., Any]) -> Kernel:
    """Compile a function with Numba at its first call; see `Kernel`."""
    return Kernel(function)


@cache
def _target_machine() -> Any:
    """Return LLVM's description of this processor, with the options that Numba uses."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_triple(binding.get_process_triple())
    return target.create_target_machine(
        cpu=binding.get_host_cpu_name(),
        features=binding.get_host_cpu_features().flatten(),
        opt=3,
        reloc="static" if target.name.startswith("x86") else "default",
        codemodel="jitdefault",
        jit=True,
    )


@cache
def _describe_machine() -> tuple[Any, ...]:
    """Return the versions, processor and settings that determine the machine code."""
    import llvmlite
    from llvmlite import binding

    spec = importlib.util.find_spec("numba")  # its version, without importing it
    folder = Path(spec.origin if spec and spec.origin else "").parent
    ours = Path(__file__).parent.glob("*.py")  # a change of the compiler counts, too
    with suppress(OSError):
        return (
            (folder / "_version.py").read_bytes(),
            [xxhash.xxh3_64_hexdigest(path.read_bytes()) for path in sorted(ours)],
            llvmlite.__version__,
            np.__version__,
            sys.version,
            binding.get_process_triple(),
            binding.get_host_cpu_name(),
            binding.get_host_cpu_features().flatten(),
            sorted(
                item for item in os.environ.items() if item[0].startswith("NUMBA_") and "CACHE" not in item[0]
            ),
        )
    return (os.getpid(), folder)  # the version is not known, so only this process may use the code


def _announce(message: str) -> None:
    """Show a message once in a process."""
    if message not in _announced:
        _announced.append(message)
        notify(message)
