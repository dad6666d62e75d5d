"""The tour: a notebook that shows everything once. It lies beside this file; students get a copy of it."""

from __future__ import annotations

import os
from pathlib import Path

from torchmagic.errors import TorchmagicError
from torchmagic.graph_options import unquoted

#: The notebook as it is shipped, without outputs.
NOTEBOOK = Path(__file__).with_name("tour.ipynb")


def copy_tour(target: str | os.PathLike[str] = NOTEBOOK.name, *, force: bool = False) -> Path:
    """Write the tour where a student can run and change it.

    Args:
        target: the new notebook, or a folder that it goes into. A name without ``.ipynb`` gets it.
        force: replace a file that is there.

    Returns: the path of the copy.

    Raises:
        TorchmagicError: a file with other content is in the way, the name is no notebook's, or there is no such folder.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> copy_tour(folder).name, copy_tour(folder + "/mine").name
    ('tour.ipynb', 'mine.ipynb')
    """
    path = _named(target)
    content = NOTEBOOK.read_bytes()
    try:
        if path.is_file() and path.read_bytes() == content:
            return path
        with path.open("wb" if force else "xb") as file:
            file.write(content)
    except FileExistsError:
        other = path.with_stem(f"{path.stem}-2").name
        raise TorchmagicError(
            f"{path} is there already and may hold your work, so it was left as it is.",
            hint=f"Name another file, such as {other}, or replace it with --force.",
        ) from None
    except (FileNotFoundError, NotADirectoryError):
        raise TorchmagicError(f"There is no folder {str(path.parent)!r}.", hint="Make it first.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TorchmagicError(
            f"{str(path)!r} could not be written ({reason}).", hint="Choose another place."
        ) from error
    return path


def _named(target: str | os.PathLike[str]) -> Path:
    try:
        path = Path(target).expanduser()
        if path.is_dir():
            return path / NOTEBOOK.name
    except (RuntimeError, OSError, ValueError):  # nobody of that name, or a name that no file can have
        raise TorchmagicError(f"{os.fspath(target)!r} is no path of a file.", hint="Choose another name.") from None
    if not path.suffix:
        return path.with_suffix(NOTEBOOK.suffix)
    if path.suffix != NOTEBOOK.suffix:
        raise TorchmagicError(
            f"The tour is a notebook: {path.name} does not end in {NOTEBOOK.suffix}.",
            hint=f"Write {path.with_suffix(NOTEBOOK.suffix)}.",
        )
    return path


def tour_here(line: str) -> str:
    """What ``%torchmagic tour LINE`` does; a problem is said too, in one line, never raised.

    >>> tour_here("no/such/folder/mine.ipynb")
    "There is no folder 'no/such/folder'. Make it first."
    """
    words = line.split()
    force = "--force" in words[:1] + words[-1:]
    name = unquoted(line.removeprefix("--force").removesuffix("--force").strip()) if force else unquoted(line.strip())
    try:
        path = copy_tour(name or NOTEBOOK.name, force=force)
    except TorchmagicError as error:
        return str(error)
    return f"The tour is in {path.resolve()}: open it in the file browser."


def how_to_open(path: Path) -> str:
    """What to type in a terminal to open a notebook, by what is installed beside torchmagic."""
    from importlib.util import find_spec
    from shlex import quote

    for program, package in (("lab", "jupyterlab"), ("notebook", "notebook")):
        if find_spec(package) is not None:
            return f"Open it:  jupyter {program} {quote(str(path))}"
    return "Open it in any notebook program, or install one:  pip install jupyterlab"
