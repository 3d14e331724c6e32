"""Get a strategy out of a file."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

from qtkit.core.errors import ConfigError
from qtkit.trading.strategy.guard import strategy_code
from qtkit.trading.strategy.protocol import StrategySpec
from qtkit.trading.strategy.spec_checks import demand_spec

__all__ = ["load_spec", "source_digest"]


class _SourceLoader(SourceFileLoader):
    """Compiles the file each time: what trades is what its digest was taken of.

    Compiled code that Python keeps beside the file is told apart by length and by the second of the
    last change, so that a strategy mended within that second would trade as it was before.
    """

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def load_spec(path: Path) -> StrategySpec:
    """Return the ``SPEC`` of a strategy file.

    Raises
    ------
    ConfigError
        If there is no such file, or it has no ``SPEC`` that can be traded.
    StrategyError
        If the file raises, or exits, when it is imported.
    """
    if not path.is_file():
        raise ConfigError(f"there is no strategy file {path}; give the path of a Python file")
    name = f"qtkit_strategy_{path.stem}"
    found = importlib.util.spec_from_loader(name, _SourceLoader(name, str(path)))
    if found is None or found.loader is None or path.suffix != ".py":
        raise ConfigError(f"{path} is no Python file; give the path of a Python file")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    with strategy_code(str(path)):
        found.loader.exec_module(module)
    spec = getattr(module, "SPEC", None)
    if not isinstance(spec, StrategySpec):
        raise ConfigError(
            f"{path} has no SPEC = StrategySpec(...) (found {type(spec).__name__}); "
            "see examples/live_grid_multi.py"
        )
    demand_spec(spec)
    return spec


def source_digest(path: Path) -> str:
    """Return the sha256 of a strategy's file, hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
