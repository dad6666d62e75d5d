"""Register the magics with an IPython shell, and take them back; all of IPython that this needs is the shell's own."""

from __future__ import annotations

from typing import Any

from torchmagic.magics import NAMES, TorchMagics
from torchmagic.shown import Shown


def load(shell: Any) -> None:
    """Register the magics, the input transformation and the two events; a second time changes nothing."""
    if _registered(shell) is not None:
        return
    magics = TorchMagics(shell)
    shell.register_magics(magics)
    if magics.terminal is not None:
        shell.display_formatter.mimebundle_formatter.for_type(Shown, magics.terminal.bundle)
    shell.input_transformers_cleanup.append(magics.transform)
    shell.Completer.custom_matchers.append(magics.complete)
    shell.events.register("pre_run_cell", magics.before_cell)
    shell.events.register("post_run_cell", magics.after_cell)
    magics.join()


def unload(shell: Any) -> None:
    """Take back what :func:`load` registered."""
    magics = _registered(shell)
    if magics is None:
        return
    if magics.terminal is not None:
        shell.display_formatter.mimebundle_formatter.pop(Shown, None)
    shell.input_transformers_cleanup.remove(magics.transform)
    shell.Completer.custom_matchers.remove(magics.complete)
    shell.events.unregister("pre_run_cell", magics.before_cell)
    shell.events.unregister("post_run_cell", magics.after_cell)
    for kind in ("line", "cell"):
        for name in (*NAMES, "torchmagic", "hint"):
            shell.magics_manager.magics[kind].pop(name, None)
    shell.magics_manager.registry.pop("TorchMagics", None)


def _registered(shell: Any) -> TorchMagics | None:
    found = shell.magics_manager.registry.get("TorchMagics")
    return found if isinstance(found, TorchMagics) else None
