"""What the shell completes: names that the course in question knows."""

from __future__ import annotations

from pathlib import Path

import click


def known_assignments(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Assignments that the course has a source of; the course is the option ``folder``."""
    source = Path(ctx.params.get("folder") or ".") / "source"
    names = sorted(path.name for path in source.glob("*") if path.is_dir())
    return [name for name in names if name.startswith(incomplete)]
