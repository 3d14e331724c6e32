from __future__ import annotations

import os

import pytest


@pytest.fixture
def patient_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do without waiting for the disk in lives that end in order: nobody pulls their plug."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
