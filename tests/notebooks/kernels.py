"""Kernels that speak over sockets in a private folder: no port is taken, nobody else can listen."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jupyter_client.manager import AsyncKernelManager, KernelManager

__all__ = ["PrivateKernel", "private_kernel"]


def _private(home: str) -> dict[str, str]:
    return {
        "transport": "ipc",
        "ip": str(Path(home) / "socket"),
        "connection_file": str(Path(home) / "connection.json"),
    }


class PrivateKernel(KernelManager):
    """A kernel manager whose folder goes with it."""

    def __init__(self, **told: Any) -> None:  # noqa: ANN401 - traits
        self._home = TemporaryDirectory(prefix="qtkit-")
        super().__init__(**_private(self._home.name), **told)


def private_kernel(home: str) -> AsyncKernelManager:
    """Return the manager of a kernel of this interpreter, with its sockets in a folder."""
    return AsyncKernelManager(kernel_name="python3", **_private(home))
