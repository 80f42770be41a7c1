"""The open registry of memories: a package's `__init__` registers its class under its name."""

import difflib
import pkgutil
from collections.abc import Iterator
from importlib import import_module

from .errors import ConfigError, rule_got_do
from .memories.base import Memory

_classes: dict[str, type[Memory]] = {}


def register(name: str, cls: type[Memory]) -> type[Memory]:
    """Make a memory known under `name`; registering the same class again does nothing.

    Raises:
        ConfigError: if `name` is taken by another class, or isn't the class's own `name`.
    """
    if not (isinstance(cls, type) and issubclass(cls, Memory)) or getattr(cls, "name", None) != name:
        raise ConfigError(
            rule_got_do("A memory is registered under its own name.", f"{cls!r} as {name!r}", "Set `name` on the class.")
        )
    known = _classes.setdefault(name, cls)
    if known is not cls:
        raise ConfigError(
            rule_got_do(
                "A memory's name is unique.",
                f"{name!r} for {cls.__module__}.{cls.__qualname__}, taken by {known.__module__}.{known.__qualname__}",
                "Choose another name.",
            )
        )
    return cls


def get(name: str) -> type[Memory]:
    """Return the class registered under `name`.

    Raises:
        ConfigError: if there is none, with the closest name.
    """
    available = names()
    if name in _classes:
        return _classes[name]
    close = difflib.get_close_matches(name, available, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ConfigError(f"Unknown memory {name!r}.{hint} Available: {', '.join(available)}.")


def names() -> tuple[str, ...]:
    """Return the registered names, sorted."""
    _load()
    return tuple(sorted(_classes))


def classes() -> Iterator[tuple[str, type[Memory]]]:
    """Iterate over names and classes, by name."""
    return ((name, _classes[name]) for name in names())


def _load() -> None:
    """Import every method's folder: it registers itself."""
    methods = import_module(f"{__package__}.memories")
    for module in pkgutil.iter_modules(methods.__path__):
        if module.ispkg:
            import_module(f"{methods.__name__}.{module.name}")
