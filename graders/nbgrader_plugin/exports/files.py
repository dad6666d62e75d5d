"""Write an export to where it belongs: whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from graders.whole_files import write_whole
from torchmagic.errors import TorchmagicError


def write_export(path: Path, content: bytes) -> None:
    """Write a file beside its place and move it there: nobody sees half of it, and an earlier one stays if this fails.

    Through a link the file it leads to is written; to what is no file (a pipe, a terminal), straight.

    Raises:
        TorchmagicError: a folder is in the place, or the file cannot be written.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise TorchmagicError(f"{path} is a folder.", hint="Name a file with `--to FILE`.")
    if not target.parent.is_dir():
        raise TorchmagicError(f"There is no folder {path.parent}.", hint="Make it first, or name another with `--to`.")
    try:
        if path.exists() and not target.is_file():
            path.write_bytes(content)
            return
        write_whole(target, content)
    except OSError as error:
        raise TorchmagicError(
            f"{path} cannot be written ({error.strerror or error}).", hint="Name another place with `--to`."
        ) from error


def file_name(text: str) -> str:
    """A student's id or an assignment's name as the name of one file or folder, whatever it says; no two become one.

    >>> file_name("ada.l@example.org"), file_name("../x"), file_name("..")
    ('ada.l@example.org', '..%2Fx', '%2E%2E')
    """
    special = '/\\:*?"<>|%'
    kept = "".join(letter if letter.isprintable() and letter not in special else _percent(letter) for letter in text)
    return kept.replace(".", "%2E") or "%" if set(kept) <= {"."} else kept


def _percent(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))
