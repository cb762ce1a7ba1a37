"""Components (values with a name and options) and the registries that find them by name.

Normalizers, pretokenizers, decoders and model families are components. Files and arguments refer to a
component of fasttok by its name; the registry imports its class on first use. They refer to a component of
another package by its import path, ``package.module:Class``. Reading a file imports such a class only if the
caller allows it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import MISSING, Field, fields, is_dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from fasttok.core.checks import checked_mapping, checked_names, describe, suggest, unknown_name

if TYPE_CHECKING:
    from typing_extensions import Self

C = TypeVar("C")
_IMPORT_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
# Packages from which the file being read may import components. None: no file is being read, and every module
# that the program has imported may be used.
_allowed: ContextVar[tuple[str, ...] | None] = ContextVar("fasttok_allowed_imports", default=None)


class Component:
    """Base class of values with a name and options. They can be compared, hashed, pickled and saved to files.

    Derived classes are frozen dataclasses; their fields are the options.

    Attributes
    ----------
    name : str
        Name in files and arguments. A component of another package has its import path there instead.
    """

    name: str

    def config(self) -> dict[str, Any]:
        """Return the name and the result of `changed_options`, as a dict of JSON values."""
        return {"name": name_of(self)} | self.changed_options()

    def changed_options(self) -> dict[str, Any]:
        """Return the options that have no default or differ from it, as a dict of JSON values."""
        options = {}
        for field in _options_of(type(self)):
            value = getattr(self, field.name)
            if field.name != "name" and (field.default is MISSING or value != field.default):
                options[field.name] = list(value) if isinstance(value, tuple) else value
        return options

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make a component from the result of `config`.

        Raises
        ------
        TypeError, ValueError
            If an option is unknown, missing, or has an invalid value.
        """
        checked_mapping("config", config, "options to values")
        names = {field.name for field in _options_of(cls)}
        options = {key: value for key, value in config.items() if key != "name" or "name" in names}
        for key in options.keys() - names:
            raise TypeError(f"config has the unknown option {describe(key)}{suggest(key, names)}")
        for key in sorted(_required_options(cls) - options.keys()):
            raise TypeError(f"config is missing the option {key!r}")
        return cls(**{key: tuple(v) if isinstance(v, list) else v for key, v in options.items()})


def _options_of(kind: type) -> list[Field[Any]]:
    """Return the fields that are options. Fields that comparisons ignore are not options."""
    if not is_dataclass(kind):
        raise TypeError(f"{import_path(kind)} must be a frozen dataclass; its fields are the options")
    return [field for field in fields(kind) if field.init and field.compare]


def _required_options(kind: type) -> set[str]:
    """Return the names of the options without a default."""
    options = _options_of(kind)
    return {one.name for one in options if one.default is MISSING and one.default_factory is MISSING}


def name_of(component: Component) -> str:
    """Return the name of a component of fasttok, or the import path of a component of another package.

    Raises
    ------
    ValueError
        If the class of the component is defined inside a function, so that it has no import path.
    """
    kind = type(component)
    if kind.__module__.partition(".")[0] == "fasttok":
        return component.name
    return check_importable(import_path(kind))


def import_path(kind: type) -> str:
    """Return the import path of a class, ``package.module:Class``."""
    return f"{kind.__module__}:{kind.__qualname__}"


def check_importable(path: str) -> str:
    """Return the given import path; raise an error if the class is defined inside a function.

    Raises
    ------
    ValueError
        If the class is defined inside a function.
    """
    if "<locals>" in path:
        raise ValueError(
            f"{path} is defined inside a function, so it has no import path; define it at module level"
        )
    return path


MAX_STEPS = 100  # maximum length of a sequence, since each step may take a frame on Python's stack


def make_sequence(kind: str, given: Iterable[C | None], sequence: type[C]) -> C:
    """Return a component that applies several components in order. A single component is returned unchanged.

    Parameters
    ----------
    kind : str
        Kind of the components with the indefinite article, used in messages: "a normalizer".
    given : iterable
        The components. A sequence among them is replaced by its steps.
    sequence : type
        Class of the result; its constructor takes the tuple of steps.

    Raises
    ------
    TypeError
        If a component is None.
    ValueError
        If there are no steps, or more than 100.
    """
    steps: list[C] = []
    for one in given:
        if one is None:
            raise TypeError(f"a step of a sequence must be {kind}, not None")
        steps.extend(cast("Any", one).steps if isinstance(one, sequence) else [one])
    if not 1 <= len(steps) <= MAX_STEPS:
        raise ValueError(
            f"a sequence must have from 1 to {MAX_STEPS} steps, not {len(steps)}; each step is {kind}"
        )
    return cast("Any", sequence)(tuple(steps)) if len(steps) > 1 else steps[0]


class Registry(Generic[C]):
    """Mapping from names to component classes of one kind.

    Parameters
    ----------
    kind : str
        Kind of the components with the indefinite article, used in messages: "a normalizer".
    base : type
        Base class of the components.
    homes : mapping of str to str
        Import path of the class for each name.
    """

    def __init__(self, kind: str, base: type[C], homes: Mapping[str, str]) -> None:
        self.kind = kind
        self._base = base
        self._homes = dict(homes)

    def __iter__(self) -> Iterator[str]:
        return iter(self._homes)

    def __contains__(self, name: object) -> bool:
        return name in self._homes

    def __len__(self) -> int:
        return len(self._homes)

    def find(self, name: str) -> type[C]:
        """Return the class with the given name or import path.

        Raises
        ------
        ValueError
            If there is no such class, or importing it is not allowed; see `allowing_imports`.
        """
        if name in self._homes:
            return cast("type[C]", _import(self._homes[name]))
        if not is_import_path(name):
            raise unknown_name(self._bare_kind, name, tuple(self))
        found = find_import(name, self.kind)
        if not isinstance(found, type) or not issubclass(found, self._base):
            raise ValueError(f"{name} is not {self.kind}")
        return found

    def make(self, config: Any) -> C:
        """Make a component from its configuration.

        Raises
        ------
        ValueError
            If the configuration is not valid.
        """
        if not isinstance(config, dict) or not isinstance(config.get("name"), str):
            raise ValueError(f"not the configuration of {self.kind}: {config!r}")
        try:
            found: Any = self.find(config["name"])
            return cast("C", found.from_config(config))
        except (TypeError, ValueError) as error:
            raise ValueError(f"not the configuration of {self.kind}: {error}") from None

    @property
    def _bare_kind(self) -> str:
        return self.kind.partition(" ")[2]


def is_import_path(name: str) -> bool:
    """Return whether a name has the form of an import path, ``package.module:Class``."""
    return _IMPORT_PATH.fullmatch(name) is not None


def find_import(path: str, kind: str) -> Any:
    """Import and return the object with the given import path, if allowed; see `allowing_imports`.

    Parameters
    ----------
    path : str
        Import path, ``package.module:name``.
    kind : str
        Kind of the object with the indefinite article, used in messages: "a metric".

    Raises
    ------
    ValueError
        If there is no such object, or importing it is not allowed.
    """
    _check_allowed(path, kind)
    return _import(path)


@contextmanager
def allowing_imports(packages: Iterable[str]) -> Iterator[None]:
    """Inside the block, allow import paths only in the given packages, even if others are imported already.

    Components of fasttok are always allowed.

    Parameters
    ----------
    packages : iterable of str
        Names of packages or modules. A name also allows all modules inside the package.

    Raises
    ------
    TypeError
        If `packages` is a single ``str``, or an item is not a ``str``.
    """
    token = _allowed.set(checked_names("allow_import", packages))
    try:
        yield
    finally:
        _allowed.reset(token)


def _check_allowed(path: str, kind: str) -> None:
    module = path.partition(":")[0]
    allowed = _allowed.get()
    if allowed is None:
        if module not in sys.modules:
            package = module.partition(".")[0]
            raise ValueError(
                f"{path} is {kind} from outside fasttok, and its module {module} is not imported; import it "
                f'first, or to a function that reads files pass allow_import=["{package}"] (command line: '
                "--allow-import) if you trust it"
            )
    elif not any(module == name or module.startswith(name + ".") for name in allowed):
        package = module.partition(".")[0]
        raise ValueError(
            f"{path} is {kind} from outside fasttok; a file may import code only if you allow it: pass "
            f'allow_import=["{package}"] if you trust it'
        )


def _import(path: str) -> Any:
    module, _, names = path.partition(":")
    try:
        found = import_module(module)
        for name in names.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"cannot import {path}: {error}") from error
    return found
