"""Functions over arrays, compiled to machine code that is kept beside their modules."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, Self, TypeVar

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache

P = ParamSpec("P")
R = TypeVar("R")


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The function compiled by numba at its first call, with the interpreter's lock held.

    It may not make arrays: compiled without numba's counting of references, which costs more than
    what our functions do with a text.

    The machine code is kept. numba's own keeping (`cache=True`) would not do: it refuses to start
    where it cannot write, as in our image, and does not notice when a function that is called, or
    a constant, changes in another module.
    """
    options: dict[str, Any] = {"_nrt": False}
    fast: Any = numba.njit(**options)(function)
    fast._cache = _Kept(function)  # type: ignore[no-untyped-call]
    made: Callable[P, R] = fast
    return made


class _BesideModule:
    """Where numba keeps the code of a function, and what it must be thrown away with."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._file = Path(inspect.getfile(function))
        self._line = inspect.unwrap(function).__code__.co_firstlineno

    @classmethod
    def from_function(cls, function: Callable[..., Any], _file: str) -> Self:
        return cls(function)

    def get_cache_path(self) -> str:
        return str(self._file.parent / "__pycache__")

    def ensure_cache_path(self) -> None:
        Path(self.get_cache_path()).mkdir(exist_ok=True)

    def get_source_stamp(self) -> str:
        """Of every module here and of the function's own: code of one is built into another's."""
        modules = {*Path(__file__).parent.glob("*.py"), self._file}
        sources = b"\0".join(module.read_bytes() for module in sorted(modules))
        return f"{numba.__version__}-{hashlib.blake2b(sources, digest_size=16).hexdigest()}"

    def get_disambiguator(self) -> str:
        return str(self._line)


class _Code(CompileResultCacheImpl):
    _locator_classes = [_BesideModule]  # type: ignore[list-item]  # noqa: RUF012


class _Kept(FunctionCache):
    """Keeps code where that is possible; a function works in its process in any case."""

    _impl_class = _Code

    def load_overload(self, sig: object, target: object) -> object:
        with contextlib.suppress(OSError):
            return super().load_overload(sig, target)  # type: ignore[no-untyped-call]
        return None

    def save_overload(self, sig: object, data: object) -> None:
        with contextlib.suppress(OSError):
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]
