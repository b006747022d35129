"""Stand-ins for the heavy libraries, so that a trainer's configuration code runs in a second, without a GPU or a model.

The configuration code of a trainer sits in files that import torch and a dozen more libraries at their top, and asks
nothing of them. Every top-level import that is neither of the standard library, nor of the checkout, nor one of the
few readers of text named by the caller is answered by a module whose names are empty classes.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any


class _Shape(type):
    """The class of stand-in classes: any attribute is one more of them, any comparison is false."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = _made(name, f"{cls.__module__}.{cls.__name__}")
        setattr(cls, name, made)
        return made

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        decorated = "_ours" in cls.__dict__ and len(args) == 1 and not kwargs and callable(args[0])
        return args[0] if decorated else super().__call__(*args, **kwargs)

    def __repr__(cls) -> str:
        return f"{cls.__module__}.{cls.__qualname__}"

    def __iter__(cls) -> Iterator[Any]:
        return iter(())

    def __len__(cls) -> int:
        return 0

    def __bool__(cls) -> bool:
        return True

    def __contains__(cls, item: object) -> bool:
        return False

    def __getitem__(cls, item: object) -> Any:
        return cls

    def __lt__(cls, other: object) -> bool:
        return False

    def __gt__(cls, other: object) -> bool:
        return False

    def __le__(cls, other: object) -> bool:
        return False

    def __ge__(cls, other: object) -> bool:
        return False


def _made(name: str, module: str) -> Any:
    return _Shape(name, (StandIn,), {"__module__": module, "_ours": True})


class StandIn(metaclass=_Shape):
    """An object of a library that is not there. It can be called, entered, subclassed and used as a decorator."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        decorated = len(args) == 1 and not kwargs and callable(args[0])
        return args[0] if decorated else StandIn()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn()

    def __getitem__(self, item: object) -> Any:
        return StandIn()

    def __setitem__(self, item: object, value: object) -> None:
        pass

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *args: object) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __bool__(self) -> bool:
        return False

    def __add__(self, other: object) -> Any:
        return self

    __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __add__


class _Module(ModuleType):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__: list[str] = []
        self.__all__: list[str] = []
        self.__version__ = "0"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made = _made(name, self.__name__)
        setattr(self, name, made)
        return made


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers imports of everything but the standard library, the folders in `homes` and the modules in `real`."""

    def __init__(self, homes: Sequence[Path], real: Sequence[str]) -> None:
        self.homes, self.real = tuple(homes), frozenset(real)
        self.answered: set[str] = set()

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        top = fullname.partition(".")[0]
        if top in sys.stdlib_module_names or top in self.real or top == "lorabridge" or self._own(top):
            return None
        self.answered.add(top)
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        return _Module(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        pass

    def _own(self, top: str) -> bool:
        return any((home / top).is_dir() or (home / f"{top}.py").is_file() for home in self.homes)


def install(homes: Sequence[Path], real: Sequence[str]) -> Finder:
    """Put the finder in front of all others, and `homes` on the path."""
    finder = Finder(homes, real)
    sys.meta_path.insert(0, finder)
    sys.path[:0] = [str(home) for home in homes]
    return finder
