"""`KernelType`: translation of kernels to LLVM's language by Numba.

`numba.njit` does more than to translate. It registers all of NumPy, for which it imports SciPy and each
package that extends Numba; it runs passes for what kernels do not have, such as closures; and it compiles
every function to machine code before it translates the one that calls it. That is two thirds of its time. So
its parts are used here without the rest, as Numba itself does for other processors. Numba does not document
these parts for users: `pyproject.toml` has the versions with which the tests pass.
"""

from __future__ import annotations

from typing import Any

from numba import types  # type: ignore[attr-defined]
from numba.core import cgutils, compiler, typed_passes, untyped_passes
from numba.core.codegen import CodeLibrary
from numba.core.compiler_machinery import PassManager
from numba.core.cpu import CPUContext
from numba.core.typing import mathdecl
from numba.core.typing.context import BaseContext
from numba.core.typing.templates import Registry, builtin_registry
from numba.cpython import mathimpl, numbers, rangeobj, tupleobj  # noqa: F401  (they register operators)

import fasttok.core.jit.views  # noqa: F401

PASSES = (
    untyped_passes.TranslateByteCode,
    untyped_passes.FixupArgs,
    untyped_passes.IRProcessing,
    untyped_passes.ReconstructSSA,
    typed_passes.NopythonTypeInference,
    typed_passes.PreLowerStripPhis,
    typed_passes.IRLegalization,
    typed_passes.NativeLowering,
    typed_passes.NoPythonBackend,
)


class _Functions(BaseContext):
    """Functions that kernels may call besides other kernels: operators, `len`, `range`, and those of `math`.

    Numba has more, such as `min`, that it has written in Python and compiles with `njit`.
    """

    def init(self) -> None:
        def is_native(one: Any) -> bool:
            return not any(hasattr(part, "_overload_func") for part in getattr(one, "templates", [one]))

        self._builtin = Registry()
        self._builtin.functions += filter(is_native, builtin_registry.functions)
        self._builtin.attributes += filter(is_native, builtin_registry.attributes)
        self._builtin.globals += [pair for pair in builtin_registry.globals if is_native(pair[1])]

    def refresh(self) -> None:
        self.install_registry(self._builtin)
        self.install_registry(mathdecl.registry)


class _Target(CPUContext):
    """Translations of these functions. Numba's runtime, which allocates arrays, is not among them."""

    def load_additional_registries(self) -> None:
        self.install_registry(mathimpl.registry)

    def post_lowering(self, module: Any, library: Any) -> None:
        pass


class _Compiler(compiler.CompilerBase):
    def define_pipelines(self) -> list[Any]:
        manager = PassManager("kernel")
        for one in PASSES:
            manager.add_pass(one, one.__name__)
        manager.finalize()
        return [manager]


class _Library(CodeLibrary):
    """Text of a function and of those that it calls, in LLVM's language.

    Attributes
    ----------
    modules : dict
        Text of each function, by its name. Nothing is optimised.
    """

    def __init__(self, codegen: Any, name: str) -> None:
        super().__init__(codegen, name)
        self.modules: dict[str, str] = {}

    def add_ir_module(self, module: Any) -> None:
        self.modules[module.name] = cgutils.normalize_ir_text(str(module))

    def add_linking_library(self, library: Any) -> None:
        self.modules |= library.modules

    finalize = get_function = get_llvm_str = get_asm_str = None  # type: ignore[assignment]


target = _Target(_Functions(), "cpu")


class KernelType(types.Callable, types.Dummy):
    """Type of a kernel, for Numba: it translates the kernel when another kernel calls it.

    Parameters
    ----------
    kernel : Kernel
        The kernel.
    """

    def __init__(self, kernel: Any) -> None:
        self.kernel = kernel
        self._translated: dict[tuple[Any, ...], Any] = {}
        super().__init__(f"kernel {kernel.__module__}.{kernel.__name__}")

    @property
    def key(self) -> Any:
        """Value that no other type has."""
        return self.kernel

    def translate(self, given: tuple[Any, ...]) -> Any:
        """Translate the kernel.

        Parameters
        ----------
        given : tuple of numba.types.Type
            Types of the arguments.

        Returns
        -------
        CompileResult
            Numba's description of the function: `signature`, `fndesc` (names), and `library`, whose `modules`
            are the text.
        """
        if given not in self._translated:
            flags: Any = compiler.Flags()
            flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
            flags.error_model = "numpy"
            library = _Library(target.codegen(), self.kernel.__name__)
            function = self.kernel.py_func
            result = compiler.compile_extra(
                target.typing_context, target, function, given, None, flags, {}, library, _Compiler
            )
            target.insert_user_function((self.kernel, given), result.fndesc, [library])
            self._translated[given] = result
        return self._translated[given]

    def get_call_type(self, context: Any, given: Any, _: Any) -> Any:
        """Return the signature of a call, given the types of the arguments."""
        return self.translate(tuple(types.unliteral(one) for one in given)).signature

    def get_call_signatures(self) -> tuple[list[Any], bool]:
        """Return the signatures of the function, which error messages list."""
        return [result.signature for result in self._translated.values()], False

    def get_impl_key(self, called: Any) -> Any:
        """Return the key with which `translate` has inserted a function, given its signature."""
        return self.kernel, called.args
