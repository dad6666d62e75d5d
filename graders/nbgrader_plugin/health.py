"""What `torchmagic doctor` finds out about a course: its configuration, gradebook and exchange."""

from __future__ import annotations

import importlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbgrader
from alembic.script import ScriptDirectory
from nbgrader.apps import NbGraderApp
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange.default import Exchange
from sqlalchemy import create_engine, inspect, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from traitlets.config import Config

from graders.installation import Found, problems
from graders.nbgrader_plugin.config import CONFIG_NAME, course_config, own_config
from graders.nbgrader_plugin.gradebooks import saying_why_not
from graders.nbgrader_plugin.settings import loaded_classes, missettings
from torchmagic.errors import TorchmagicError

_ENGINE = "graders.nbgrader_plugin.execute.EngineExecute"
_LINE = "from graders.nbgrader_plugin import configure; configure(c)"
_LITTLE = 200 << 20
_INBOUND = 0o2733
_ROOT = 0o777


def course_findings(folder: Path, *, named: bool) -> Iterator[Found]:
    """Everything about the course in a folder.

    Args:
        folder: the course.
        named: whether the user asked for it; if not, a folder that is no course is nothing to complain of.
    """
    if not named and not (folder / CONFIG_NAME).is_file():
        nothing = f"{folder.resolve()} is no course: name one with --course DIR"
        yield Found("course", CONFIG_NAME, "skipped", nothing)
        return
    try:
        own = own_config(folder)
        wrong = list(_setting_findings(own))
        config = Config() if problems(wrong) else course_config(folder)
    except TorchmagicError as error:
        yield Found("course", CONFIG_NAME, "problem", error.message, error.hint)
        return
    yield Found("course", CONFIG_NAME, "ok", str((folder / CONFIG_NAME).resolve()))
    yield from wrong
    if problems(wrong):
        return
    steps = list(own.Autograde.get("autograde_preprocessors", []))
    if _ENGINE in steps:
        yield Found("course", "engine", "ok", "nbgrader autograde and formgrader grade through it")
    else:
        detail = "nbgrader autograde and formgrader run submissions without walls, as you"
        yield Found("course", "engine", "problem", detail, f"Add this line at the end of {CONFIG_NAME}: {_LINE}")
    directory = CourseDirectory(config=config)
    if directory.course_id:
        yield Found("course", "course_id", "ok", directory.course_id)
    else:
        remedy = f'Write into {CONFIG_NAME}: c.CourseDirectory.course_id = "NAME"'
        yield Found("course", "course_id", "problem", "not set: nothing can be released or collected", remedy)
    yield gradebook_finding(str(directory.db_url))
    yield from exchange_findings(config, directory.course_id)


def _setting_findings(config: Config) -> Iterator[Found]:
    """Settings that nothing takes; of those that are no option nbgrader says so only when it comes to use them."""
    NbGraderApp()  # which loads all that nbgrader lets configure
    for module in ("execute", "feedback", "scores"):
        importlib.import_module(f"graders.nbgrader_plugin.{module}")
    for found in missettings(config, loaded_classes()):
        remedy = f"Mend it in {CONFIG_NAME}."
        yield Found("course", found.setting, "problem" if found.fatal else "warning", f"it {found.why}", remedy)


def gradebook_finding(db_url: str) -> Found:
    """Whether a gradebook can be read, and has the tables that this nbgrader wants. A new one is not made."""
    what = "gradebook"
    try:
        with saying_why_not(db_url):
            url = make_url(db_url)
            shown = url.render_as_string(hide_password=True)
            if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
                parent = Path(url.database).parent
                if os.access(parent, os.W_OK | os.X_OK):
                    return Found("course", what, "ok", f"{shown} is made with the first assignment")
                remedy = "Make the folder, writable for you, or mend `CourseDirectory.db_url`."
                return Found("course", what, "problem", f"{parent} cannot be written to", remedy)
            engine = create_engine(url)
            try:
                with engine.connect() as connection:
                    tables = inspect(connection).get_table_names()
                    if not tables:
                        return Found("course", what, "ok", f"{shown} has no tables yet")
                    version = "none"
                    if "alembic_version" in tables:
                        version = str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar())
            finally:
                engine.dispose()
    except (TorchmagicError, SQLAlchemyError) as error:
        problem, hint = (error.message, error.hint) if isinstance(error, TorchmagicError) else (str(error), "")
        return Found("course", what, "problem", problem, hint)
    wanted = ScriptDirectory(str(Path(nbgrader.__file__).parent / "alembic")).get_current_head()
    if version != wanted:
        detail = f"{shown} has the tables of another nbgrader (version {version}; {wanted} is wanted)"
        return Found(
            "course", what, "problem", detail, "Make a copy of it, then bring it up to date: nbgrader db upgrade"
        )
    if url.get_backend_name() == "sqlite" and url.database and not os.access(url.database, os.W_OK):
        return Found("course", what, "problem", f"{shown} is read-only for you", f"chmod u+w {url.database}")
    return Found("course", what, "ok", shown)


def exchange_findings(config: Config, course_id: str) -> Iterator[Found]:
    """The exchange's root, and the course's folders in it.

    Args:
        config: the course's configuration.
        course_id: nbgrader's.
    """
    part = "exchange"
    root = Path(Exchange(config=config).root)
    configured = "root" in config.Exchange
    make = f"mkdir -p {root}; chmod ugo+rwx {root}"
    if not root.is_dir():
        detail = (
            f"{root} is {'a file' if root.exists() else 'not there'}: nothing can be released, fetched or collected"
        )
        remedy = f"{make}; or name another with c.Exchange.root in {CONFIG_NAME}."
        yield Found(part, "root", "problem" if configured else "warning", detail, remedy)
        return
    if not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        yield Found(part, "root", "problem", f"{root} is closed to you", f"As its owner: chmod ugo+rwx {root}")
        return
    yield _open_to_all(root)
    closed = [parent for parent in root.resolve().parents if not parent.stat().st_mode & stat.S_IXOTH]
    if closed:
        detail = f"other accounts do not get to it: {closed[-1]} lets nobody through"
        remedy = f"Unless you are the only user: chmod o+x {closed[-1]}, or move the exchange out of there."
        yield Found(part, "way to it", "warning", detail, remedy)
    yield _keeps_permissions(root)
    free = shutil.disk_usage(root).free
    if free < _LITTLE:
        detail = f"{free >> 20} MiB are free on its disk"
        yield Found(part, "room", "warning", detail, "Make room there, or submissions will be lost.")
    inbound = root / course_id / "inbound"
    if course_id and inbound.is_dir():
        mode = stat.S_IMODE(inbound.stat().st_mode)
        if mode & 0o003 != 0o003:
            detail = f"{inbound} has mode {mode:04o}: students cannot submit"
            yield Found(part, "inbound", "problem", detail, f"chmod {_INBOUND:o} {inbound}")
        else:
            yield Found(part, "inbound", "ok", str(inbound))


def _open_to_all(root: Path) -> Found:
    mode = stat.S_IMODE(root.stat().st_mode)
    if mode & 0o007 == 0o007:
        return Found("exchange", "root", "ok", str(root))
    detail = f"{root} has mode {mode:04o}: other accounts can neither fetch nor submit"
    return Found("exchange", "root", "problem", detail, f"chmod {_ROOT:o} {root}")


def _keeps_permissions(root: Path) -> Found:
    """A folder is made there and removed again: some file systems forget what a folder's mode is, or refuse."""
    what = "file system"
    try:
        with tempfile.TemporaryDirectory(dir=root, prefix=".torchmagic-doctor-") as probe:
            os.chmod(probe, _INBOUND)
            kept = stat.S_IMODE(os.stat(probe).st_mode)
            os.chmod(probe, 0o700)
    except OSError as error:
        return Found("exchange", what, "problem", f"{root}: {error.strerror}", "Move the exchange to another disk.")
    if kept != _INBOUND:
        detail = f"{root} is on a file system that does not keep permissions ({_INBOUND:o} became {kept:o})"
        return Found("exchange", what, "problem", detail, "Move the exchange to a disk that does, as ext4, xfs or NFS.")
    return Found("exchange", what, "ok", "keeps permissions")
