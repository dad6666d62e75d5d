"""Extensions: nbgrader's parts of Jupyter's server and of JupyterLab, and the files that switch them on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from graders.installation import Found

_PART = "extensions"
_SERVER = {
    "nbgrader.server_extensions.formgrader": "the formgrader",
    "nbgrader.server_extensions.assignment_list": "the assignment list",
    "nbgrader.server_extensions.validate_assignment": "the validate button",
    "nbgrader.server_extensions.course_list": "the course list",
}
_LAB = "@jupyter/nbgrader"


def extension_findings() -> Iterator[Found]:
    """Configuration files that cannot be read, or else the extensions."""
    try:
        from jupyter_core.paths import jupyter_config_path, jupyter_path
        from jupyter_server.serverapp import ServerApp
        from jupyterlab_server.config import get_page_config
    except ImportError as error:
        remedy = "Install it: pip install 'torchmagic[grade]'"
        yield Found(_PART, "Jupyter server", "problem", f"not installed ({error})", remedy)
        return
    broken = list(broken_files([Path(folder) for folder in jupyter_config_path()]))
    yield from broken
    if broken:
        yield Found(_PART, "nbgrader's extensions", "skipped", "not looked at: Jupyter itself stops at such a file")
        return
    server = ServerApp(raise_config_file_errors=True)  # it reads its files and starts nothing
    try:
        server.load_config_file(suppress_errors=False)
    except Exception as error:  # a configuration file is code and may raise anything
        detail = f"a configuration file of Jupyter's raises {type(error).__name__}: {error}"
        yield Found(_PART, "Jupyter server", "problem", detail, "`jupyter server --show-config` says which: mend it.")
        return
    server.find_server_extensions()
    enabled = server.jpserver_extensions
    for name, what in _SERVER.items():
        yield _switched(what, bool(enabled.get(name)), name, "server extension")
    labs = [str(Path(folder, "labextensions")) for folder in jupyter_path()]
    page = get_page_config(labs)
    if not any(each["name"] == _LAB for each in page["federated_extensions"]):
        remedy = "Install nbgrader again: pip install --force-reinstall --no-deps nbgrader"
        yield Found(_PART, "JupyterLab's side", "problem", f"{_LAB} is not among {', '.join(labs[:1])}", remedy)
        return
    off = sorted(name for name in page["disabledExtensions"] if name == _LAB or name.startswith(f"{_LAB}:"))
    if off:
        for name in off:
            yield _switched(f"JupyterLab's side ({name})", False, name, "labextension")
    else:
        yield Found(_PART, "JupyterLab's side", "ok", f"{_LAB} is enabled")


def _switched(what: str, on: bool, name: str, kind: str) -> Found:
    if on:
        return Found(_PART, what, "ok", f"{name} is enabled")
    remedy = f"Unless it is meant so: jupyter {kind} enable {name}{' --sys-prefix' if kind != 'labextension' else ''}"
    return Found(_PART, what, "warning", f"{name} is not enabled", remedy)


def broken_files(folders: list[Path]) -> Iterator[Found]:
    """Files of Jupyter's configuration that do not parse, before Jupyter itself stumbles over them.

    Args:
        folders: where Jupyter looks for its configuration.
    """
    for folder in folders:
        for path in sorted([*folder.glob("jupyter*_config.*"), *folder.glob("jupyter*_config.d/*.json")]):
            if not path.is_file():
                continue
            try:
                text = path.read_text(encoding="utf-8")
                if path.suffix == ".json" and text.strip():
                    json.loads(text)
                elif path.suffix == ".py":
                    compile(text, str(path), "exec")
            except (OSError, ValueError, SyntaxError) as error:
                yield Found(
                    _PART, path.name, "problem", f"{path} cannot be read ({error})", "Mend or remove that file."
                )
