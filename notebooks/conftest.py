"""Replaying the notebooks with nbval: they write into a folder that goes, and reports compare."""

import os
from tempfile import TemporaryDirectory

import nbval.kernel
import pytest
from nbval.plugin import IPyNbCell

from tests.notebooks.kernels import PrivateKernel
from tests.notebooks.replaying import comparing_reports

nbval.kernel.KernelManager = PrivateKernel
_HOME = pytest.StashKey()


def pytest_sessionstart(session):
    """Send what the notebooks write, and the kernels' own files, where nobody keeps them."""
    session.stash[_HOME] = home = TemporaryDirectory(prefix="qtkit-notebooks-")
    os.environ.setdefault("QTKIT_OUTPUTS", os.path.join(home.name, "outputs"))
    os.environ.setdefault("IPYTHONDIR", os.path.join(home.name, "ipython"))


def pytest_sessionfinish(session):
    """Leave nothing behind."""
    session.stash[_HOME].cleanup()


def pytest_itemcollected(item):
    """Compare the JSON of a report without its folder and its digests."""
    if isinstance(item, IPyNbCell):
        item.sanitize = comparing_reports(item.sanitize)
