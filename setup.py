"""The extension modules; everything else about the package is in pyproject.toml."""

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

DEBUG = os.environ.get("FASTTOK_DEBUG") == "1"
# -ffp-contract=off: a fused multiply-add would make results depend on the processor.
FLAGS = [] if os.name == "nt" else ["-O3", "-ffp-contract=off", "-g0"]

setup(
    ext_modules=cythonize(
        [
            Extension(".".join(path.with_suffix("").parts), [str(path)], extra_compile_args=FLAGS)
            for path in sorted(Path("fasttok").rglob("*.pyx"))
        ],
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
