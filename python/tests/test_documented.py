"""Every public name says what it is."""

import enum
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import keyfob
import pytest

PACKAGE = Path(keyfob.__file__).parent


def undocumented(module: ModuleType) -> Iterator[str]:
    """Public classes, functions, methods and properties without a docstring, and constants and
    fields of classes without a comment `#:` above them."""
    source = inspect.getsource(module)
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) or callable(value):
            if not inspect.getdoc(value):
                yield name
            if inspect.isclass(value):
                yield from (f"{name}.{inner}" for inner in _silent(value))
        elif name != "__version__" and not re.search(rf"^#: .*\n(#: .*\n)*{name}\b", source, re.M):
            home = inspect.getsource(keyfob._enums)
            if not re.search(rf"^#: .*\n(#: .*\n)*{name}\b", home, re.M):
                yield name


def _silent(kind: type) -> Iterator[str]:
    # The native module has no source, and nothing but methods and properties.
    home = sys.modules[kind.__module__]
    source = inspect.getsource(home) if kind.__module__ != "keyfob" else None
    for name, value in vars(kind).items():
        if name.startswith("_"):
            continue
        if inspect.isroutine(value) or isinstance(value, (property, staticmethod, classmethod)):
            if not inspect.getdoc(value):
                yield name
        elif inspect.isgetsetdescriptor(value) and not value.__doc__:
            yield name
    if source is not None and not issubclass(kind, enum.Enum):
        for name in getattr(kind, "__annotations__", {}):
            commented = rf"^    #: .*\n(    #: .*\n)*    {name}\b"
            if not name.startswith("_") and not re.search(commented, source, re.M):
                yield name


def test_every_public_name_says_what_it_is() -> None:
    assert list(undocumented(keyfob)) == []


def test_a_name_that_says_nothing_is_found() -> None:
    class Silent:
        def method(self) -> None: ...

        @property
        def field(self) -> int:
            return 0

    assert list(_silent(Silent)) == ["method", "field"]


@pytest.mark.parametrize("name", keyfob.__all__)
def test_a_documented_name_does_not_repeat_that_of_its_base(name: str) -> None:
    value = getattr(keyfob, name)
    if inspect.isclass(value):
        assert "__doc__" in vars(value) and value.__doc__
