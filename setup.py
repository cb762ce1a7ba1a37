"""Build the extension modules; all other settings of the package are in pyproject.toml."""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

DEBUG = os.environ.get("FASTTOK_DEBUG") == "1"
# -ffp-contract=off: fused multiply-adds would make results depend on the processor.
FLAGS = [] if os.name == "nt" else ["-O3", "-ffp-contract=off", "-g0"]
# Cython's support code for memoryviews: compiled once, not in every module; the build is five times faster.
SHARED = "fasttok.core._cyutility"

if __name__ == "__main__":  # guard: cythonize starts processes that import this file
    sources = {SHARED: "fasttok/core/_cyutility.c"}
    for path in sorted(Path("fasttok").rglob("*.pyx")):
        sources[".".join(path.with_suffix("").parts)] = str(path)
    setup(
        ext_modules=cythonize(
            [Extension(name, [source], extra_compile_args=FLAGS) for name, source in sources.items()],
            nthreads=os.cpu_count(),
            force=DEBUG,  # existing C files may lack the checks
            shared_utility_qualified_name=SHARED,
            compiler_directives={
                "language_level": 3,
                "boundscheck": DEBUG,
                "wraparound": False,
                "initializedcheck": DEBUG,
                "cdivision": True,
                "freethreading_compatible": True,
            },
        ),
        options={"build_ext": {"parallel": os.cpu_count()}},
    )
