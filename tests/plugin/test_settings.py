"""Settings of a course that cannot be: each command says which, where, and what would fit, before it does anything."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from nbgrader.plugins import BasePlugin
from traitlets import Unicode
from traitlets.config import Config, Configurable
from traitlets.config.loader import KVArgParseConfigLoader

from graders.courses import config_text
from graders.nbgrader_plugin import execute, feedback
from graders.nbgrader_plugin.autograde import grade_assignments
from graders.nbgrader_plugin.config import course_config
from graders.nbgrader_plugin.scores import EngineLatePenalties
from graders.nbgrader_plugin.settings import loaded_classes, missettings
from torchmagic.errors import TorchmagicError

from .conftest import School

assert execute, feedback  # the classes whose settings are looked at


def course(folder: Path, extra: str) -> Path:
    """A course with more in its configuration."""
    (folder / "nbgrader_config.py").write_text(config_text("tiny", extra), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("c.Execute.timeout = 'five'", "`c.Execute.timeout` is 'five', which is not an int"),
        ("c.EngineExecute.isolation = 'proces'", "is 'proces', which is not any of ['namespaces', 'process']"),
        ("c.EngineExecute.memory_mib = '1 GiB'", "is '1 GiB', which is not an int"),
        ("c.EngineExecute.memory_mib = 0", "`c.EngineExecute.memory_mib` is 0, which is less than 64"),
        ("c.EngineExecute.disk_mib = -1", "is -1, which is less than 1"),
        ("c.EngineExecute.processes = 0", "is 0, which is less than 1"),
        ("c.EngineExecute.total_timeout = -2.5", "is -2.5, which is less than 1"),
        ("c.EngineExecute.total_timeout = float('inf')", "is inf, which is more than 604800"),
        ("c.AssignLatePenalties.plugin_class = 'no.such.Plugin'", "could not be imported (ModuleNotFoundError: "),
        ("c.AssignLatePenalties.plugin_class = 'fractions.Gone'", "could not be imported (ImportError: "),
        ("c.AssignLatePenalties.plugin_class = 'fractions.Fraction'", "'fractions.Fraction', which is not "),
        ("c.AssignLatePenalties.plugin_class = 'broken_plugin.Late'", "(SyntaxError: "),
    ],
)
def test_a_value_that_does_not_fit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str, said: str
) -> None:
    (tmp_path / "broken_plugin.py").write_text("class Late(:\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(TorchmagicError) as caught:
        course_config(course(tmp_path, setting))
    assert said in caught.value.message
    assert setting.partition(" ")[0] in caught.value.message
    assert "nbgrader_config.py" in caught.value.message


@pytest.mark.parametrize(
    "setting",
    [
        "c.Execute.timeout = 5",
        "c.Execute.timeout = None",
        "c.Execute.isolation = 'process'  # a section configures the classes below its own, too",
        "c.Execute.extra_arguments.append('--quiet')",
        "c.CourseDirectory.ignore = ['*.bak']",
        "c.AssignLatePenalties.plugin_class = 'nbgrader.plugins.LateSubmissionPlugin'",
        "c.LateSubmissionPlugin.penalty_method = 'zero'",
        "c.NobodysApp.port = 'somebody else knows'",
    ],
)
def test_what_fits_is_no_matter(tmp_path: Path, setting: str) -> None:
    assert missettings(course_config(course(tmp_path, setting)), loaded_classes()) == []


@pytest.mark.parametrize(("timeout", "seconds"), [(5, 5.0), (None, 90.0), (0, 90.0), (-1, 90.0)])
def test_without_a_time_for_a_cell_it_has_the_notebooks(timeout: int | None, seconds: float) -> None:
    """nbclient takes None and -1 for no limit."""
    step = execute.EngineExecute(timeout=timeout, total_timeout=90.0)
    assert (step.limits().cell_seconds, step.limits().total_seconds) == (seconds, 90.0)


def test_words_of_the_command_line_are_read_by_who_takes_them() -> None:
    words = ["--Execute.timeout=5", "--EngineExecute.memory_mib=100"]
    config = KVArgParseConfigLoader(words, classes=[execute.EngineExecute]).load_config()
    assert config.Execute.timeout == "5", "not a number yet"
    assert missettings(config, loaded_classes()) == []


def test_a_trait_that_asks_its_object_is_left_to_it() -> None:
    class Asking(Unicode):
        def validate(self, obj: Any, value: Any) -> str:
            return str(obj.there[value])

    class Asked(Configurable):
        option = Asking().tag(config=True)

    assert missettings(Config({"Asked": {"option": "x"}}), {"Asked": [Asked]}) == []


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("c.Execute.timout = 5", "`c.Execute.timout` is no option: did you mean `timeout`?"),
        (
            "c.EngineExecute.isolatoin = 'process'",
            "`c.EngineExecute.isolatoin` is no option: did you mean `isolation`?",
        ),
        ("c.Execute.zzz = 1", "`c.Execute.zzz` is no option"),
        ("c.CourseDirctory.x = 1", "`c.CourseDirctory` is no class of nbgrader's or torchmagic's: did you mean"),
    ],
)
def test_what_is_misspelt_is_said_and_stops_nothing(tmp_path: Path, setting: str, said: str) -> None:
    (found,) = missettings(course_config(course(tmp_path, setting)), loaded_classes())
    assert str(found).startswith(said)
    assert not found.fatal


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("x = = 1", "SyntaxError: ", "without walls"),
        ("c.x = TIMEOUT", "NameError: name 'TIMEOUT' is not defined", "without walls"),
        ("import json; json.loads('{')", "JSONDecodeError: ", "without walls"),
        ("raise SystemExit", r"\(SystemExit,", "ends every program"),
        ("import sys; sys.exit()", r"\(SystemExit,", "ends every program"),
        ("import sys; sys.exit(3)", "SystemExit: 3", "ends every program"),
    ],
)
def test_a_file_that_does_not_load_names_its_line(tmp_path: Path, text: str, said: str, hint: str) -> None:
    line = len(config_text("tiny", text).splitlines())
    with pytest.raises(TorchmagicError, match=f"does not load .*{said}.*line {line}") as caught:
        course_config(course(tmp_path, f"{text}\n"))
    assert hint in caught.value.hint


@pytest.mark.slow
@pytest.mark.e2e
def test_nbgrader_goes_on_without_such_a_file_unless_it_is_told_not_to(
    school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As docs/howto/formgrader.md says. Without walls, the submission writes beside the course."""
    ran = tmp_path / "ran"
    school.hand_in("ada", school.answers({"squares": f"open({str(ran)!r}, 'w').close()"}))
    with (school.folder / "nbgrader_config.py").open("a", encoding="utf-8") as file:
        file.write("\nc.x = TIMEOUT\n")
    for told in ("1", "0"):
        monkeypatch.setenv("TRAITLETS_APPLICATION_RAISE_CONFIG_FILE_ERROR", told)
        done = school.nbgrader("autograde", "ps1")
        assert "name 'TIMEOUT' is not defined" in done.stderr
        assert (done.returncode != 0, ran.exists()) == ((True, False) if told == "1" else (False, True)), done.stderr


@pytest.mark.slow
@pytest.mark.sandbox
def test_grading_refuses_what_does_not_fit_and_names_what_is_misspelt(tmp_path: Path) -> None:
    told: list[str] = []
    with pytest.raises(TorchmagicError, match=r"`c\.Execute\.timeout` is 'five'"):
        grade_assignments(course(tmp_path, "c.Execute.timeout = 'five'"), ["ps1"], notice=told.append)
    with pytest.raises(TorchmagicError, match="ps1"):
        grade_assignments(course(tmp_path, "c.Execute.timout = 5"), ["ps1"], notice=told.append)
    assert told == ["In nbgrader_config.py `c.Execute.timout` is no option: did you mean `timeout`?"]


class Odd(BasePlugin):
    """Takes off what the student is called."""

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float | None:
        return None if student_id == "none" else float(student_id)


def test_a_penalty_is_within_the_score_and_a_number() -> None:
    config = Config()
    config.AssignLatePenalties.plugin_class = Odd
    step = EngineLatePenalties(config=config)
    assert [step.find(name, 4.0, 60.0) for name in ("none", "1.5", "9", "inf", "-2")] == [None, 1.5, 4.0, 4.0, 0.0]
    with pytest.raises(ValueError, match="AssignLatePenalties"):
        step.find("nan", 4.0, 60.0)


def test_nothing_of_a_course_is_imported_by_its_settings(tmp_path: Path) -> None:
    course_config(course(tmp_path, "c.ServerApp.jpserver_extensions = {'antigravity': True}"))
    assert "antigravity" not in sys.modules
