"""`Component`: a value with a name and options; `Registry`: where the components of one kind are looked up.

Normalizers, pretokenizers, decoders and model families are found by name, in files and in arguments alike.
A registry imports a component of fasttok when it is first asked for. A component from elsewhere is named by
its import path, ``package.module:Class``; reading a file never imports one unless the caller allows it.
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

if TYPE_CHECKING:
    from typing_extensions import Self

C = TypeVar("C")
_IMPORT_PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
# Packages from which components may be imported. None: no file is being read, so that what the program has
# imported itself may be named.
_allowed: ContextVar[tuple[str, ...] | None] = ContextVar("fasttok_allowed_imports", default=None)


class Component:
    """A value with a name and options that prints, compares, hashes, pickles and is written to files.

    Derived classes are frozen dataclasses; their fields are the options.

    Attributes
    ----------
    name : str
        The name in files and arguments, for the components of fasttok.
    """

    name: str

    def config(self) -> dict[str, Any]:
        """Return the name and the options that differ from their defaults, as plain JSON."""
        return {"name": name_of(self)} | self.changed_options()

    def changed_options(self) -> dict[str, Any]:
        """Return the options that differ from their defaults, as plain JSON."""
        options = {}
        for field in _options_of(type(self)):
            value = getattr(self, field.name)
            if field.name != "name" and (field.default is MISSING or value != field.default):
                options[field.name] = list(value) if isinstance(value, tuple) else value
        return options

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Make a component from what `config` returned.

        Raises
        ------
        TypeError, ValueError
            If an option is unknown, missing, or has a bad value.
        """
        names = {field.name for field in _options_of(cls)}
        options = {key: value for key, value in config.items() if key != "name" or "name" in names}
        if not options.keys() <= names:
            raise TypeError(f"unknown options: {', '.join(sorted(options.keys() - names))}")
        return cls(**{key: tuple(v) if isinstance(v, list) else v for key, v in options.items()})


def _options_of(kind: type) -> list[Field[Any]]:
    """Return the fields that are options: what makes no difference to comparing makes none to a file."""
    if not is_dataclass(kind):
        raise TypeError(f"{import_path(kind)} must be a frozen dataclass, whose fields are its options")
    return [field for field in fields(kind) if field.init and field.compare]


def name_of(component: Component) -> str:
    """Return the name of a component of fasttok, or the import path of one from elsewhere.

    Raises
    ------
    ValueError
        If it has no import path.
    """
    kind = type(component)
    if kind.__module__.partition(".")[0] == "fasttok":
        return component.name
    return check_importable(import_path(kind))


def import_path(kind: type) -> str:
    """Return the import path of a class, ``package.module:Class``."""
    return f"{kind.__module__}:{kind.__qualname__}"


def check_importable(path: str) -> str:
    """Return the import path of a class that is not defined inside a function.

    Raises
    ------
    ValueError
        If it is; no file can name it then.
    """
    if "<locals>" in path:
        raise ValueError(
            f"{path} is inside a function, where no file can name it; move it to the module's level"
        )
    return path


MAX_STEPS = 100  # of a sequence; each may be a frame on Python's stack


def make_sequence(kind: str, given: Iterable[C | None], sequence: type[C]) -> C:
    """Return one component that does several in turn; a single one is that one itself.

    Parameters
    ----------
    kind : str
        The kind with its article, for messages: "a normalizer".
    given : iterable
        The components. A sequence among them counts as its steps.
    sequence : type
        The class of sequences, made of the steps.

    Raises
    ------
    TypeError
        If one is None.
    ValueError
        If there are no steps, or more than 100.
    """
    steps: list[C] = []
    for one in given:
        if one is None:
            raise TypeError(f"a step of a sequence must be {kind}, not None")
        steps.extend(cast("Any", one).steps if isinstance(one, sequence) else [one])
    if not 1 <= len(steps) <= MAX_STEPS:
        raise ValueError(f"a sequence takes from 1 to {MAX_STEPS} steps, not {len(steps)}")
    return cast("Any", sequence)(tuple(steps)) if len(steps) > 1 else steps[0]


class Registry(Generic[C]):
    """The components of one kind by name.

    Parameters
    ----------
    kind : str
        The kind with its article, for messages: "a normalizer".
    base : type
        The class that all of them derive from.
    homes : mapping of str to str
        The import path of each name.
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
        """Return the class with a name or an import path.

        Raises
        ------
        ValueError
            If there is none, or a file names an import path that the caller has not allowed.
        """
        if name in self._homes:
            return cast("type[C]", _import(self._homes[name]))
        if not is_import_path(name):
            raise ValueError(f"no {self._bare_kind} is named {name!r}; the names are {', '.join(self)}")
        found = find_import(name, self.kind)
        if not isinstance(found, type) or not issubclass(found, self._base):
            raise ValueError(f"{name} is not {self.kind}")
        return found

    def make(self, config: Any) -> C:
        """Make a component from its configuration.

        Raises
        ------
        ValueError
            If it is not the configuration of such a component.
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
    """Whether a name is the import path of a component, ``package.module:Class``."""
    return _IMPORT_PATH.fullmatch(name) is not None


def find_import(path: str, kind: str) -> Any:
    """Return the object of an import path, if it may be imported; see `allowing_imports`.

    Parameters
    ----------
    path : str
        The import path, ``package.module:name``.
    kind : str
        The kind of object with its article, for messages: "a metric".

    Raises
    ------
    ValueError
        If there is no such object, or the path may not be imported.
    """
    _check_allowed(path, kind)
    return _import(path)


@contextmanager
def allowing_imports(packages: Iterable[str]) -> Iterator[None]:
    """While a file is read, let it name components from these packages and from no others.

    Raises
    ------
    TypeError
        If `packages` is one ``str``, or holds anything else.
    """
    if isinstance(packages, str):
        raise TypeError("allow_import must be a sequence of package names, not one str")
    names = tuple(packages)
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"allow_import must be a sequence of package names, not {names!r}")
    token = _allowed.set(names)
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
                f"{kind} from outside fasttok is named, {path}, and {module} is not imported; import it, or "
                f'pass allow_import=["{package}"] (on the command line --allow-import) if you trust it'
            )
    elif not any(module == name or module.startswith(name + ".") for name in allowed):
        package = module.partition(".")[0]
        raise ValueError(
            f"{kind} from outside fasttok is named, {path}; a file does not import code by itself: pass "
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
