"""The operator's shell: lines of text on any session, at a prompt or from a program."""

from qtkit.desk.shell.console import Console, run_line
from qtkit.desk.shell.prompt import interact

__all__ = ["Console", "interact", "run_line"]
