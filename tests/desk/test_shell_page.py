"""The page about the shell names every command, and nothing that is none."""

from __future__ import annotations

import re
from pathlib import Path

from qtkit.desk.shell.commands import WORDS

PAGE = Path(__file__).parents[2] / "docs" / "shell.md"


def test_the_page_has_every_command_and_no_other() -> None:
    table = PAGE.read_text(encoding="utf-8").split("## Commands")[1].split("\n## ")[0]
    named = re.findall(r"^\| `(\w+)", table, re.MULTILINE)

    assert sorted(named) == sorted(WORDS)


def test_the_page_has_every_option_of_a_command() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = {name: line for line in text.splitlines() for name in re.findall(r"^\| `(\w+)", line)}
    quiet = {"--json", "--rows"}
    missing = [
        f"{name} {option}"
        for name, command in WORDS.items()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--") and option not in quiet and option not in rows[name]
    ]

    assert missing == []
