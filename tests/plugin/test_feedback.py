"""`torchmagic feedback`: the pages are nbgrader's, byte for byte; what fails, fails alone; what is up to date stays."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from nbgrader.api import Gradebook
from nbgrader.converters import GenerateFeedback
from nbgrader.coursedir import CourseDirectory

from graders.nbgrader_plugin.autograde import grade_assignment
from graders.nbgrader_plugin.config import course_config
from graders.nbgrader_plugin.feedback_run import write_feedback
from torchmagic.errors import TorchmagicError

from .conftest import RIGHT, WRONG, School

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

STUDENTS = [f"s{number:02}" for number in range(24)]
_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
ODD_TEXTS = (
    "closed too often</div></div> and <b>not at all",
    '<div class="cell border-box-sizing code_cell rendered"> a cell of my own </div>',
    'half a cell: <div class="cell border-box-sizing text_cell',
    "<a title='<div class=\"cell border-box-sizing \">'>quoted</a> <br> <br/> </br> <pre>\n   <i>kept</i>\n</pre>",
    "<!-- a comment --> <p>1<p>2 <textarea> &nbsp; &#182; &copy; &unknown; & < > \xa0 é \U0001f600 <script>alert(1)</script>",
    "![a picture](data:image/png;base64," + _PNG + ") <style>p { color: red }</style> $x_1 < y$ `<b>`",
    '<div class="jp-Notebook"><div class="jp-Cell-inputWrapper">x</div></div>',
    "| a | b |\n|---|:-:|\n| 1 | 2 |\n\n* [x](javascript:alert(1))\n\n```python\nif a < b: pass\n```",
)


def _odd_cells() -> list[Any]:
    """What a student may write, and what their cells may show."""
    shown = [
        new_output("stream", text="  \r50 %\r100 %\n\x1b[31mred\x1b[0m \x00 & < > ' \"\n"),
        new_output("display_data", data={"image/png": _PNG, "text/plain": "<Figure>"}),
        new_output("display_data", data={"text/html": "<table><tr><td>1<td>2</table><style>td {}</style></div>"}),
        new_output("display_data", data={"image/svg+xml": '<svg viewBox="0 0 1 1"><path d="M0 0"/></svg>'}),
        new_output("execute_result", data={"text/latex": "$x < 1$", "text/plain": "x"}, execution_count=1),
        new_output("error", ename="E<b>", evalue="</pre>", traceback=["\x1b[0;31mE\x1b[0m: </pre><b>"]),
    ]
    code = '%%html\n<b>\'x\' "y"</b>\n# é \U0001f600 &amp; <div class="cell border-box-sizing code_cell">'
    cells = [new_markdown_cell(text, id=f"odd-{number}") for number, text in enumerate(ODD_TEXTS)]
    return [*cells, new_code_cell(code, outputs=shown, id="odd-code"), new_code_cell("", id="odd-empty")]


@pytest.fixture(scope="session")
def graded(generated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course with 24 graded submissions, some of them odd: made once."""
    folder = tmp_path_factory.mktemp("feedback") / "course"
    shutil.copytree(generated, folder)
    school = School(folder)
    for number, student in enumerate(STUDENTS):
        given = {**(RIGHT, WRONG)[number % 2], "words": f"Because {student} says so."}
        nb = school.answers(given) if number % 6 else school.released()
        school.hand_in(student, nb)
    rows = grade_assignment(folder, "ps1", jobs=2)
    assert len(rows) == 24
    for number, cell in enumerate(_odd_cells()):
        _change(folder, STUDENTS[number], lambda nb, cell=cell: nb["cells"].insert(3, cell))
    _change(folder, STUDENTS[20], lambda nb: nb["cells"].extend(_odd_cells()))
    _change(folder, STUDENTS[21], lambda nb: nb["metadata"].update(language_info={"name": "r"}))
    return folder


def _change(course: Path, student: str, change: Callable[[Any], object]) -> None:
    path = course / "autograded" / student / "ps1" / "ps1.ipynb"
    nb = json.loads(path.read_text())
    change(nb)
    path.chmod(0o644)
    path.write_text(json.dumps(nb))


@pytest.fixture
def course(graded: Path, tmp_path: Path) -> Path:
    """A fresh copy of it."""
    shutil.copytree(graded, tmp_path / "course")
    return tmp_path / "course"


def _pages(course: Path) -> dict[str, tuple[bytes, int]]:
    """All that lies in the students' feedback folders: contents and permissions."""
    found = (path for path in (course / "feedback").glob("*/**/*") if path.is_file())
    return {str(p.relative_to(course)): (p.read_bytes(), p.stat().st_mode) for p in found}


def _outcomes(course: Path, **options: Any) -> Counter[str]:
    return Counter(row.outcome for row in write_feedback(course, "ps1", **options))


def test_pages_are_nbgraders_byte_for_byte(course: Path) -> None:
    done = School(course).nbgrader("generate_feedback", "ps1")
    assert done.returncode == 0, done.stderr
    theirs = _pages(course)
    assert len([name for name in theirs if name.endswith(".html")]) == 24
    for jobs in (1, 2):
        shutil.rmtree(course / "feedback")
        assert _outcomes(course, jobs=jobs) == {"written": 24}
        ours = _pages(course)
        assert ours.keys() == theirs.keys()
        assert [name for name in ours if ours[name] != theirs[name]] == []


OWN_STEPS = """
from nbgrader.preprocessors import NbGraderPreprocessor
class Signed(NbGraderPreprocessor):
    def preprocess(self, nb, resources):
        nb.cells[0].source += f"\\n\\nFor {resources['nbgrader']['student']}, {resources['nbgrader']['score']} points"
        return nb, resources
c.GenerateFeedback.preprocessors.append(Signed)
c.CourseDirectory.student_id_exclude = "s01,s02"
"""
OTHER_EXPORTER = """
c.GenerateFeedback.exporter_class = "nbconvert.exporters.HTMLExporter"
c.GenerateFeedback.preprocessors = ["nbgrader.preprocessors.GetGrades", "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor"]
c.HTMLExporter.exclude_input_prompt = True
c.HTMLExporter.embed_images = True
c.CourseDirectory.groupshared = True
"""
OTHER_TEMPLATE = "c.HTMLExporter.template_name = 'lab'\n"


@pytest.mark.parametrize("lines", [OWN_STEPS, OTHER_EXPORTER, OTHER_TEMPLATE], ids=["steps", "exporter", "template"])
def test_a_course_configures_its_pages_as_ever(course: Path, lines: str) -> None:
    with (course / "nbgrader_config.py").open("a") as file:
        file.write(lines)
    for student in STUDENTS[3:20]:
        shutil.rmtree(course / "autograded" / student)
    config = course_config(course)
    config.CourseDirectory.assignment_id = "ps1"
    GenerateFeedback(coursedir=CourseDirectory(config=config), config=config).start()
    theirs = _pages(course)
    shutil.rmtree(course / "feedback")
    assert "failed" not in _outcomes(course)
    assert _pages(course) == theirs


def test_what_is_up_to_date_is_left_and_what_has_changed_is_written_again(course: Path) -> None:
    assert _outcomes(course) == {"written": 24}
    before = {name: (course / name).stat().st_mtime_ns for name in _pages(course)}
    assert _outcomes(course) == {"unchanged": 24}
    assert {name: (course / name).stat().st_mtime_ns for name in before} == before
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "abc") as gradebook:
        gradebook.find_comment("words", "ps1", "ps1", "s01").manual_comment = "Well said."
        gradebook.find_grade("words", "ps1", "ps1", "s02").manual_score = 3
        gradebook.db.commit()
    _change(course, "s03", lambda nb: nb["cells"].append(new_markdown_cell("graded again", id="more")))
    (course / "feedback" / "s04" / "ps1" / "ps1.html").unlink()
    (course / "feedback" / "s05" / "ps1" / "ps1.html").write_text("edited")
    rows = write_feedback(course, "ps1")
    assert [row.student for row in rows if row.outcome == "written"] == ["s01", "s02", "s03", "s04", "s05"]
    assert "Well said." in (course / "feedback" / "s01" / "ps1" / "ps1.html").read_text()
    assert _outcomes(course, force=True, students=["s07"]) == {"written": 1}


def test_a_broken_submission_does_not_stop_the_others(course: Path) -> None:
    assert _outcomes(course) == {"written": 24}
    path = course / "autograded" / "s05" / "ps1" / "ps1.ipynb"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:500])
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "abc") as gradebook:
        gradebook.remove_submission("ps1", "s06")
    done = _torchmagic(course, "ps1", "--jobs", "2", "--force")
    assert done.returncode == 1, done.stderr
    *_, first, second, last = done.stdout.splitlines()
    assert first.startswith("s05's ps1: nbformat.reader.NotJSONError: ")
    assert second == "s06's ps1: nbgrader.api.MissingEntry: the gradebook has no grades of s06's ps1/ps1.ipynb"
    assert last == "Feedback for 22 of 24 submissions: 22 written; 2 failed."
    assert len([name for name in _pages(course) if name.endswith(".html")]) == 22, "no page that is out of date"
    assert not list(course.glob("feedback/*/.*"))


KILLS = """
import os, signal
from nbgrader.preprocessors import NbGraderPreprocessor
class Kills(NbGraderPreprocessor):
    def preprocess(self, nb, resources):
        if resources["nbgrader"]["student"] in ("s03", "s17"):
            os.kill(os.getpid(), signal.SIGKILL)
        return nb, resources
c.GenerateFeedback.preprocessors.append(Kills)
"""


def test_a_killed_process_costs_its_page_and_no_other(course: Path) -> None:
    with (course / "nbgrader_config.py").open("a") as file:
        file.write(KILLS)
    rows = write_feedback(course, "ps1", jobs=2)
    assert [row.student for row in rows if row.outcome == "failed"] == ["s03", "s17"]
    assert all("killed" in row.message for row in rows if row.outcome == "failed")
    assert Counter(row.outcome for row in rows) == {"written": 22, "failed": 2}


SLEEPS = """
import time
from nbgrader.preprocessors import NbGraderPreprocessor
class Sleeps(NbGraderPreprocessor):
    def preprocess(self, nb, resources):
        time.sleep(0.5)
        return nb, resources
c.GenerateFeedback.preprocessors.append(Sleeps)
"""


def test_ctrl_c_stops_cleanly_and_what_was_written_is_kept(course: Path) -> None:
    with (course / "nbgrader_config.py").open("a") as file:
        file.write(SLEEPS)
    with subprocess.Popen(_command("ps1", "--jobs", "2"), cwd=course, env=_env(), text=True, stdout=-1, stderr=-1, start_new_session=True) as process:  # fmt: skip
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(3)]
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
        _, said = process.communicate(timeout=60)
    assert all(": written" in line for line in first), (first, said)
    assert (process.returncode, said.strip().count("\n")) == (130, 0), said
    assert said.strip().startswith("torchmagic: stopped.")
    written = {name.split("/")[1] for name in _pages(course) if name.endswith(".html")}
    assert 3 <= len(written) < 24
    assert not list(course.glob("feedback/*/.*"))
    (course / "nbgrader_config.py").write_text((course / "nbgrader_config.py").read_text().replace("0.5", "0.0"))
    assert _outcomes(course) == {"written": 24}, "the configuration has changed"


def test_no_place_to_write_to_is_said_before_anything_is_done(course: Path) -> None:
    (course / "feedback").write_text("a file")
    with pytest.raises(TorchmagicError, match=r"No feedback can be written into .*feedback.*Nothing was changed"):
        write_feedback(course, "ps1")
    (course / "feedback").unlink()
    (course / "feedback" / "s02").mkdir(parents=True)
    (course / "feedback" / "s02" / "ps1").write_text("a file")
    (course / "feedback" / "s04").write_text("a file")
    rows = {row.student: row for row in write_feedback(course, "ps1")}
    assert rows["s04"].outcome == "failed"
    assert "feedback/s04" in rows["s04"].message
    assert Counter(row.outcome for row in rows.values())["written"] >= 22


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_to_write_is_said(course: Path) -> None:
    (course / "feedback").mkdir(mode=0o555)
    with pytest.raises(TorchmagicError, match="you may not write there"):
        write_feedback(course, "ps1")


def test_who_was_not_graded_is_said(course: Path) -> None:
    with pytest.raises(TorchmagicError, match=r"Nothing of 'ps2' was graded.*torchmagic grade ps2"):
        write_feedback(course, "ps2")
    with pytest.raises(TorchmagicError, match=r"'zoe'.*Graded were: s00, .* and 14 more"):
        write_feedback(course, "ps1", students=["s01", "zoe"])


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from graders.cli import main; main()", "feedback", *arguments]


def _env() -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])}


def _torchmagic(course: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = _command(*arguments)
    return subprocess.run(command, cwd=course, env=_env(), capture_output=True, text=True, timeout=120, check=False)
