"""Every public name with its signature, a line each: Python, JSON, magics, commands, settings, entry points.

What is listed here is public, and nothing else: docs/about/compatibility.md says what is promised of it.
"""

from __future__ import annotations

import configparser
import importlib
import pkgutil
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import griffe
import traitlets
from traitlets import HasTraits

from graders.commands import app
from graders.nbgrader_plugin.exports import FORMATS
from torchmagic.magic_options import GRADTRACE, TENSORINFO

ROOT = Path(__file__).resolve().parents[2]
#: What people import from. Of these the names of ``__all__``, or all that they define themselves without an underscore.
MODULES = (
    "torchmagic",
    "torchmagic.errors",
    "torchmagic.records",
    "torchmagic.graph_records",
    "torchmagic.live_records",
    "torchmagic.traced",
    "graders.checks",
    "graders.strategies",
    "graders.predictions",
    "graders.known_errors",
    "graders.nbgrader_plugin",
)
#: Defined in one of them for the package's own use; with a class, that is what it is made with and what it carries.
_INTERNAL = {
    "graders.checks.CheckFailed.",
    "graders.checks.Rubric.__init__",
    "graders.checks.Rubric.lost",
    "graders.nbgrader_plugin.find_alembic",
    "torchmagic.traced.LiveTraced.__init__",
    "torchmagic.traced.Traced.__init__",
    "torchmagic.traced.caller_variables",
}
#: Settings that come from nbconvert and are documented here.
_BORROWED = ("c.LeaveHiddenTestsOutOfGraded.enabled: Bool = True",)


def public_api() -> str:
    """The listing."""
    sections = {
        "Python, and the fields of records in Python and in JSON": python_names(),
        "Magics": magic_options(),
        "Commands": commands(app, ("torchmagic",)),
        "Settings in nbgrader_config.py": settings(),
        "Exporters": (f"{name}: {dotted}" for name, dotted in FORMATS.items()),
        "Entry points": entry_points(),
    }
    return "\n".join(
        f"# {title}\n" + "".join(f"{line}\n" for line in sorted(lines)) for title, lines in sections.items()
    )


def python_names() -> Iterator[str]:
    """Functions with their signatures; classes with their methods and attributes, inherited ones too."""
    loader = griffe.GriffeLoader(search_paths=[str(ROOT)])
    for package in ("torchmagic", "graders"):
        loader.load(package)
    loader.resolve_aliases(external=False)
    for name in MODULES:
        module = loader.modules_collection[name]
        for member in module.members.values():
            chosen = member.name in module.exports if module.exports else not member.is_alias and member.is_public
            if chosen:
                target = member.final_target if isinstance(member, griffe.Alias) else member
                lines = _described(f"{name}.{member.name}", target)
                yield from (line for line in lines if not line.startswith(tuple(_INTERNAL)))


def _described(name: str, what: Any) -> Iterator[str]:
    if what.is_function:
        yield _without_self(what.signature(name=name))
    elif what.is_class:
        bases = [str(base) for base in what.bases]
        yield f"class {name}" + (f"({', '.join(bases)})" if bases else "")
        for member in what.all_members.values():
            target = member.final_target if isinstance(member, griffe.Alias) else member
            public = not member.name.startswith("_") or (member.name == "__init__" and not what.has_labels("dataclass"))
            if public and target.is_function:
                yield _without_self(target.signature(name=f"{name}.{member.name}"))
            elif public and target.is_attribute:
                default = "" if target.value is None else f" = {target.value}"
                yield f"{name}.{member.name}: {target.annotation or 'Any'}{default}"


def _without_self(signature: str) -> str:
    """Without what Python or hypothesis passes by itself."""
    return re.sub(r"\((self|draw: Any)(, |(?=\)))", "(", signature, count=1)


def magic_options() -> Iterator[str]:
    for name, options in {"tensorinfo": TENSORINFO, "gradtrace": GRADTRACE}.items():
        yield from (f"%{name}", f"%%{name}")
        for words, told in options:
            choices = told.get("choices")
            yield f"%{name} {' '.join(words)}" + (f" {{{','.join(map(str, choices))}}}" if choices else "")
    yield "%hint QUESTION"


def commands(command: click.Command, path: Sequence[str]) -> Iterator[str]:
    """Each command with its arguments, and each of its options."""
    name = " ".join(path)
    arguments = [one.make_metavar(click.Context(command)) for one in command.params if isinstance(one, click.Argument)]
    yield " ".join([name, *arguments])
    for option in command.params:
        if isinstance(option, click.Option):
            kind = "" if option.is_flag or option.count else f" {option.type.name.upper()}"
            choices = (
                f" {{{','.join(map(str, option.type.choices))}}}" if isinstance(option.type, click.Choice) else kind
            )
            several = " ..." if option.multiple else ""
            yield f"{name} {' '.join([*option.opts, *option.secondary_opts])}{choices}{several}"
    if isinstance(command, click.Group):
        context = click.Context(command)
        for sub in command.list_commands(context):
            found = command.get_command(context, sub)
            assert found is not None
            yield from commands(found, (*path, sub))


def settings() -> Iterator[str]:
    """The plugin's own traits that a course may configure."""
    yield from _BORROWED
    package = importlib.import_module("graders.nbgrader_plugin")
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(info.name)
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, HasTraits) and kind.__module__ == info.name:
                given = {name for base in kind.__mro__ if not _is_ours(base) for name in getattr(base, "_traits", ())}
                for name, trait in kind.class_traits(config=True).items():
                    if name not in given and not kind.__name__.startswith("_"):
                        yield f"c.{kind.__name__}.{name}: {type(trait).__name__}{_default(trait)}"


def _is_ours(kind: type) -> bool:
    return kind.__module__.startswith("graders.")


def _default(trait: Any) -> str:
    return "" if trait.default_value is traitlets.Undefined else f" = {trait.default_value!r}"


def entry_points() -> Iterator[str]:
    metadata = configparser.ConfigParser(interpolation=None)
    metadata.read(ROOT / "setup.cfg")
    for group, lines in metadata["options.entry_points"].items():
        yield from (f"{group}: {line}" for line in lines.split("\n") if line)
    yield from (f"extra: torchmagic[{name}]" for name in metadata["options.extras_require"])
