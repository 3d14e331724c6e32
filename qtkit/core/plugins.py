"""Parts by name: those of the package, those that a program registered, those of plug-ins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from qtkit.core.errors import ConfigError
from qtkit.core.text import closest

__all__ = ["Catalogue"]

_Maker = TypeVar("_Maker", bound=Callable[..., Any])


class Catalogue(Generic[_Maker]):
    """What makes one sort of part, by name.

    Parameters
    ----------
    what
        The sort, in words.
    group
        The entry points of other packages that offer such a part: ``name = "module:maker"``.
    own
        Name -> maker, of this package.
    """

    def __init__(self, what: str, group: str, own: Mapping[str, _Maker]) -> None:
        self._what, self._group, self._own = what, group, dict(own)
        self._registered = dict[str, _Maker]()

    def is_own(self, name: str) -> bool:
        """Whether a part is one of this package."""
        return name in self._own

    def names(self) -> tuple[str, ...]:
        """Return the names that there are; those of this package come first."""
        offered = (point.name for point in entry_points(group=self._group))
        return (*self._own, *sorted({*self._registered, *offered} - self._own.keys()))

    @contextmanager
    def registered(self, name: str, maker: _Maker) -> Iterator[None]:
        """Offer a part under a name as long as this lasts.

        Raises
        ------
        ConfigError
            If there is a part of this name.
        """
        if name in self._own or name in self._registered:
            raise ConfigError(f"there is a {self._what} {name!r} already; choose another name")
        self._registered[name] = maker
        try:
            yield
        finally:
            del self._registered[name]

    def named(self, name: str) -> _Maker:
        """Return what makes the part of a name.

        Raises
        ------
        ConfigError
            If there is none, with those that there are; or if a plug-in's cannot be loaded.
        """
        maker = self._own.get(name) or self._registered.get(name)
        if maker is not None:
            return maker
        offered = {point.name: point for point in entry_points(group=self._group)}
        if name in offered:
            return self._loaded(offered[name])
        known = self.names()
        close = closest(name, known)
        hint = f", did you mean {close!r}?" if close else ";"
        raise ConfigError(
            f"there is no {self._what} {name!r}{hint} there are {', '.join(sorted(known))}"
        )

    def objection(self, name: str) -> str:
        """Return why there is no part of a name; "" if there is."""
        try:
            self.named(name)
        except ConfigError as problem:
            return str(problem)
        return ""

    def _loaded(self, point: EntryPoint) -> _Maker:
        try:
            maker: _Maker = point.load()
        except Exception as problem:
            raise ConfigError(
                f"the {self._what} {point.name!r} of {point.value} cannot be loaded "
                f"({type(problem).__name__}: {problem}); repair the package that offers it"
            ) from problem
        return maker
