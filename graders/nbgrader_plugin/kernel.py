"""Which language a notebook is in, by the instructor's word only, and whether its kernel is there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from nbgrader.converters.base import NbGraderException

_PYTHON = {"python", "python3", "ipython"}
_NAME = re.compile(r"[\w.-]+", re.ASCII)


class KernelMissing(NbGraderException):  # type: ignore[misc]
    """A notebook cannot be run here, and the instructor can mend it."""


def true_kernelspec(claimed: Mapping[str, Any], known: Mapping[str, Any], source: Path) -> dict[str, Any]:
    """The kernelspec that a notebook is graded with, its language filled in.

    Args:
        claimed: what the submission says.
        known: the gradebook's; empty where the source notebook names no kernel.
        source: the source notebook, which may name its language elsewhere.

    Raises:
        KernelMissing: only the submission says that it is not in Python. It may not choose: Python runs behind
            walls, and other languages do not.
    """
    if known:
        return {**known, "language": language_of(known) or _info_of(source) or "python"}
    language = language_of(claimed)
    if language and not is_python(language):
        raise KernelMissing(
            f"{source.name} was handed in for the kernel {claimed.get('name')!r}, and the assignment names no kernel: "
            f"choose one in the source notebook and generate the assignment again"
        )
    return {"name": "python3", "display_name": "Python 3", "language": "python"}


def is_python(language: str) -> bool:
    """True for what the engine runs, whatever the kernel is called.

    >>> is_python("Python"), is_python("R")
    (True, False)
    """
    return language.lower() in _PYTHON


def language_of(kernelspec: Mapping[str, Any]) -> str:
    """The language that a kernelspec names, in lower case, or that the installed kernel of its name has; else "".

    >>> language_of({"name": "my-env", "language": "Python"}), language_of({"name": "no-such-kernel"})
    ('python', '')
    """
    language = kernelspec.get("language")
    if not isinstance(language, str) or not language:
        installed = _installed(kernelspec)
        language = installed.language if installed is not None else ""
    return str(language).lower()


def demand_kernel(kernelspec: Mapping[str, Any], notebook: str) -> str:
    """The name of the kernel that a notebook in another language needs.

    Raises:
        KernelMissing: it is not installed here.
    """
    name = str(kernelspec.get("name", ""))
    if _installed(kernelspec) is None:
        present = ", ".join(sorted(KernelSpecManager().find_kernel_specs()))
        raise KernelMissing(
            f"{notebook}.ipynb needs the kernel {name!r}, which is not installed here (installed are: {present}): "
            f"install it, or choose another in the source notebook and generate the assignment again"
        )
    return name


def _installed(kernelspec: Mapping[str, Any]) -> Any:
    name = str(kernelspec.get("name", ""))
    if not _NAME.fullmatch(name):
        return None
    try:
        return KernelSpecManager().get_kernel_spec(name)
    except NoSuchKernel:
        return None


def _info_of(source: Path) -> str:
    """The language in a source notebook's own ``language_info``; "" where there is none to be read."""
    try:
        name = json.loads(source.read_text(encoding="utf-8"))["metadata"]["language_info"]["name"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return name.lower() if isinstance(name, str) else ""
