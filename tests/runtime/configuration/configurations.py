"""What a folder with a configuration comes to, and the mistakes in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qtkit.core.errors import ConfigError
from qtkit.runtime.configuration.models import Configuration
from qtkit.runtime.configuration.reader import read_configuration

WORD = "geheim-9f3a"


def read(folder: Path, text: str, env: str = "", **arguments: Any) -> Configuration:  # noqa: ANN401
    (folder / "qtkit.toml").write_text(text, encoding="utf-8")
    if env:
        (folder / ".env").write_text(env, encoding="utf-8")
    named = {name.replace("__", "."): value for name, value in arguments.items()}
    return read_configuration(folder / "qtkit.toml", arguments=named)


def mistakes(folder: Path, text: str, env: str = "", **arguments: object) -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, text, env, **arguments)
    return str(caught.value)
