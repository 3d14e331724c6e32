"""The parts of the documentation that are written from the source, so that they cannot drift.

    python -m tests.docs.generated        rewrites them (`make docs`)

A part stands between two comments, ``<!-- from the source: NAME -->`` and ``<!-- end -->``.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import click
import msgspec
from pydantic_core import PydanticUndefined

from qtkit.cli import qtkit
from qtkit.core.config.messages import shown
from qtkit.core.paths import write_atomic
from qtkit.desk.commands.command_table import DESK_COMMANDS
from qtkit.desk.shell.commands import WORDS, usage
from qtkit.model.events import BY_KIND
from qtkit.model.skip_reasons import GLOSSARY
from qtkit.runtime.configuration.keys import SECTIONS, all_keys
from qtkit.runtime.configuration.vendor_key_names import COUNTERPARTS
from qtkit.runtime.settings import SessionSettings
from qtkit.stages import all_stages
from qtkit.trading.engine.commands import COMMANDS
from qtkit.trading.risk.settings import RiskSettings

ROOT = Path(__file__).resolve().parents[2]
_PART = re.compile(r"(<!-- from the source: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _row(*cells: object) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def _table(*head: str) -> list[str]:
    return [_row(*head), "|" + "---|" * len(head)]


def glossary() -> str:
    """Return the skip reasons: what each means and what to do."""
    lines = _table("reason", "what it means", "what to do")
    lines += [
        _row(
            f"`{reason.name}`" + ("" if reason.exists else " (reserved)"),
            reason.meaning,
            reason.what_to_do,
        )
        for reason in GLOSSARY.values()
    ]
    if not all(reason.exists for reason in GLOSSARY.values()):
        lines += ["", "A reserved reason has its name already; this version does not produce it."]
    return "\n".join(lines)


def events() -> str:
    """Return every event: how it is written, what it says, what it carries."""
    lines = _table("kind", "topic", "what happened", "fields")
    for kind, event in BY_KIND.items():
        sentence = (inspect.getdoc(event) or "").splitlines()[0]
        fields = [f"`{f.name}`" for f in msgspec.structs.fields(event) if f.name != "trading_date"]
        lines.append(_row(f"`{kind}`", event.topic, sentence, ", ".join(fields)))
    return "\n".join(lines)


def stages() -> str:
    """Return the table of stages."""
    lines = _table("stage", "what it verifies", "checks")
    lines += [
        _row(f"{stage.label} · {stage.title}", stage.verifies, _span(stage.checks))
        for stage in all_stages()
    ]
    return "\n".join(lines)


def _span(checks: tuple[object, ...]) -> str:
    first, last = (getattr(check, "id") for check in (checks[0], checks[-1]))  # noqa: B009
    return f"{first} to {last}"


def checklist() -> str:
    """Return every stage with what to do and each of its checks."""
    parts = list[str]()
    for stage in all_stages():
        parts += [
            f"## {stage.label} · {stage.title}",
            "",
            f"**Verifies:** {stage.verifies}",
            "",
            f"**Operate:** {stage.operate}",
            "",
            f"**Headless:** {stage.headless}",
            "",
            *_table("id", "holds when"),
        ]
        parts += [
            _row(f"{check.id}{' ◆' if check.scenarios else ''}", check.sentence)
            for check in stage.checks
        ]
        parts.append("")
    return "\n".join(parts).rstrip()


def commands() -> str:
    """Return every verb of the command line with its arguments and options."""
    return "\n".join(line for name, command in _verbs() for line in _described(name, command))


def _verbs() -> Iterator[tuple[str, click.Command]]:
    root = click.Context(qtkit, info_name="qtkit")
    for verb in qtkit.list_commands(root):
        command = qtkit.get_command(root, verb)
        if isinstance(command, click.Group):
            yield f"qtkit {verb}", command
            for name in command.list_commands(root):
                found = command.get_command(root, name)
                if found is not None:
                    yield f"qtkit {verb} {name}", found
        elif command is not None:
            yield f"qtkit {verb}", command


def _described(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=name, terminal_width=1000, max_content_width=1000)
    is_group = isinstance(command, click.Group)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    yield f"{'##' if name.count(' ') == 1 else '###'} {name}"
    yield ""
    yield from (inspect.cleandoc(command.help or "")).splitlines()
    yield ""
    if is_group:
        return
    yield f"    {usage}"
    yield ""
    options = [p.get_help_record(context) for p in command.params]
    shown = [record for record in options if record is not None]
    if shown:
        yield from _table("option", "meaning")
        for option, meaning in shown:
            yield _row(f"`{option}`", re.sub(r"\s+", " ", meaning))
        yield ""


def shell() -> str:
    """Return the commands of the operator's shell."""
    lines = _table("command", "what it does")
    for word, command in WORDS.items():
        declared = DESK_COMMANDS.get(word)
        verb = declared and COMMANDS.get(declared.verb)
        only = (
            "Only in a session that was started with `--debug`."
            if verb and verb.needs_debug
            else ""
        )
        sentences = (command.help, declared.more if declared else "", only)
        lines.append(_row(f"`{usage(word)}`", " ".join(filter(None, sentences))))
    return "\n".join(lines)


def verbs() -> str:
    """Return the engine's own verbs."""
    lines = _table("verb", "what it does", "arguments", "lowers risk", "needs debug")
    for verb, command in COMMANDS.items():
        arguments = (
            f"`{a.name}`{'' if a.required else '?'}" + (f" ({a.unit})" if a.unit else "")
            for a in command.arguments
        )
        marks = ("yes" if command.lowers_risk else "", "yes" if command.needs_debug else "")
        lines.append(_row(f"`{verb}`", command.help, ", ".join(arguments), *marks))
    return "\n".join(lines)


def settings() -> str:
    """Return the settings of a session with their defaults."""
    return _model(SessionSettings)


def risk() -> str:
    """Return the settings of the risk rules with their defaults."""
    return _model(RiskSettings)


def configuration() -> str:
    """Return every key of a configuration file, section by section."""
    parts = list[str]()
    for section, about in SECTIONS.items():
        keys = [key for key in all_keys().values() if key.section == section]
        parts += [f"## [{section}]", "", about, ""]
        parts += _table("key", "meaning", "allowed", "unit", "default", "changes")
        parts += [
            _row(
                f"`{key.name}`",
                key.meaning,
                key.allowed + (" (a secret)" if key.secret else ""),
                key.unit or "",
                f"`{shown(key.default)}`",
                "at the start" if key.start_only else "while it runs",
            )
            for key in keys
        ]
        parts.append("")
    return "\n".join(parts).rstrip()


def counterparts() -> str:
    """Return the names of other live engines, and what they are called here."""
    lines = _table("name elsewhere", "here", "note")
    lines += [
        _row(f"`{other.name}`", ", ".join(f"`{key}`" for key in other.keys) or "none", other.note)
        for other in COUNTERPARTS
    ]
    return "\n".join(lines)


def _model(model: type[SessionSettings | RiskSettings]) -> str:
    lines = _table("setting", "default", "note")
    for name, field in model.model_fields.items():
        default = field.default
        if default is PydanticUndefined:
            made = field.get_default(call_default_factory=True)
            default = made if isinstance(made, dict | tuple | list) else "see below"
        lines.append(_row(f"`{name}`", f"`{_plain(default)}`", field.description or ""))
    return "\n".join(lines)


def _plain(value: object) -> str:
    return "none" if value is None or value in ((), "") else str(value)


PARTS: Mapping[str, Callable[[], str]] = {
    part.__name__: part
    for part in (
        checklist,
        commands,
        configuration,
        counterparts,
        events,
        glossary,
        risk,
        settings,
        shell,
        stages,
        verbs,
    )
}


def pages() -> list[Path]:
    """Return the pages that have parts from the source."""
    candidates = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    return [page for page in candidates if _PART.search(page.read_text(encoding="utf-8"))]


def rewritten(text: str) -> str:
    """Return a page with its parts as the source has them now."""
    return _PART.sub(lambda found: f"{found[1]}\n{PARTS[found[2]]()}\n\n{found[3]}", text)


def main() -> None:
    """Rewrite every page that has parts from the source."""
    for page in pages():
        write_atomic(page, rewritten(page.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
