"""The page is whole, harmless whatever stands in it, and built for screen readers; the JSON holds the same facts."""

from __future__ import annotations

import itertools
import json
import random
import re
from dataclasses import replace

import pytest
from bs4 import BeautifulSoup
from bs4.element import Tag

from graders.reporting.data import ClassResults, Question
from graders.reporting.export import report_json
from graders.reporting.facts import gather
from graders.reporting.page import report_html
from tests.golden import assert_golden

from .classes import (
    BLANK,
    FAULT,
    LACKING,
    QUESTIONS,
    RIGHT,
    STOPPED,
    WRONG_DIM,
    WRONG_SHAPE,
    class_of,
    lacking,
    student,
)
from .handwriting import RELEASED, answers

CARD = (
    '<div class="tm-compared" onclick="x()"><table><caption>m</caption><tbody><tr><td>3</td></tr></tbody></table></div>'
)


def small() -> ClassResults:
    """A class in which everything happens once."""
    beside = student("kim")
    assert beside.graded is not None
    notebook = beside.graded.notebooks[0]
    cells = tuple(replace(cell, tamper_proof=cell.role != "test") for cell in notebook.cells)
    beside = replace(beside, graded=replace(beside.graded, notebooks=(replace(notebook, cells=cells),)))
    return class_of(
        student("ada", WRONG_DIM, answers=("m = x.mean(0)", "s = x.sum()"), cards=(CARD, "")),
        student("bob", WRONG_DIM, WRONG_SHAPE),
        student("cyd", LACKING, answers=(BLANK, "s = x.sum()")),
        student("dee", LACKING, broken="SyntaxError: incomplete input"),
        student("eve", FAULT, needs_manual_grade=True),
        student("fay", STOPPED, RIGHT, late_penalty=1.0),
        beside,
        lacking("gus", "unreadable"),
        lacking("hal"),
    )


def similar() -> ClassResults:
    """Two who wrote alike among twelve, with cells that belong to no question."""
    chance = random.Random(0)
    works = {f"s{place:02d}": answers(chance) for place in range(12)} | {"x": {}}
    works["x"] = works["s03"]
    return replace(class_of(*(student(who, sources=work) for who, work in works.items())), released=RELEASED)


CLASSES = {
    "small": small(),
    "similar": similar(),
    "one": class_of(student("ada", WRONG_DIM)),
    "nobody": class_of(),
    "nothing": ClassResults("", "", (), (), {}),
    "missing": class_of(lacking("ada"), lacking("bob")),
    "errors": class_of(*(student(f"s{n}", FAULT, FAULT) for n in range(3))),
    "book": class_of(student("ada", graded=None)),
}


def _soup(results: ClassResults, **options: bool) -> BeautifulSoup:
    return BeautifulSoup(report_html(gather(results, **options)), "html.parser")


def test_the_small_page_is_as_stored() -> None:
    text = report_html(gather(small()), made="29 November 2026")
    assert_golden(
        re.sub(r"<style>:root.*?</style>", "<style></style>", text, count=1, flags=re.DOTALL), "report/small.html"
    )


def test_the_small_json_is_as_stored() -> None:
    text = re.sub(r"\d+\.\d{13,}", lambda number: f"{float(number[0]):.12g}", report_json(gather(small())))
    assert_golden(text + "\n", "report/small.json")  # the last digits depend on the version of Python


@pytest.mark.parametrize("name", CLASSES)
def test_headings_tables_and_pictures_say_what_they_are(name: str) -> None:
    soup = _soup(CLASSES[name])
    levels = [int(tag.name[1]) for tag in soup.find_all(re.compile(r"^h[1-6]$"))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    for table in soup.select("main table:not(.card table)"):
        assert table.caption is not None
        assert table.caption.get_text(strip=True)
        assert all(cell.get("scope") in ("col", "row") for cell in table.find_all("th"))
    for picture in soup.find_all("svg"):
        assert picture.get("aria-hidden") == "true" or (picture.get("role") == "img" and picture.find("title"))
    ids = [tag["id"] for tag in soup.find_all(id=True)]
    assert len(ids) == len(set(ids))
    for link in soup.select('a[href^="#"]'):
        assert str(link["href"])[1:] in ids


@pytest.mark.parametrize("name", CLASSES)
def test_the_page_needs_nothing_and_runs_nothing(name: str) -> None:
    soup = _soup(CLASSES[name])
    policy = soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
    assert isinstance(policy, Tag)
    assert str(policy["content"]).startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert not soup.find_all(["script", "link", "iframe", "img", "form"])
    assert not [
        tag for tag in soup.find_all(True) for key in tag.attrs if key.startswith("on") or key in ("src", "srcdoc")
    ]


EVIL = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "</title><h1>x",
    "{{ 7*7 }}",
    "a`b`c",
    "x\u202ey",
    "\ud800",
    "a" * 300,
]


@pytest.mark.parametrize("anonymous", [False, True])
def test_hostile_names_and_texts_are_text(anonymous: bool) -> None:
    bad = "".join(EVIL)
    made = [
        student(
            who,
            ("failed", f"CheckFailed: {bad} {who}", bad),
            message=bad,
            answers=(f"m = '{who}'  # {bad}", bad),
        )
        for who in EVIL
    ]
    results = replace(
        class_of(*made, lacking(bad)), course=bad, assignment=bad, questions=(*QUESTIONS, Question(bad, bad, 1.0))
    )
    text = report_html(gather(results, anonymous=anonymous), made=bad)
    soup = BeautifulSoup(text, "html.parser")
    assert not soup.find_all(["script", "img"])
    assert len(soup.find_all("h1")) == 1
    assert "49" not in soup.find("footer").get_text()  # type: ignore[union-attr]
    assert not [tag for tag in soup.find_all(True) for key in tag.attrs if key.startswith("on")]
    assert "\u202e" not in text
    text.encode()
    json.loads(report_json(gather(results, anonymous=anonymous)))


def test_grader_errors_come_before_everything_else() -> None:
    sections = [tag.get("id") for tag in _soup(small()).select("main > section")]
    assert sections[0] == "errors"


def test_what_stands_out_is_said_first() -> None:
    soup = _soup(small())
    said = " ".join(item.get_text(" ", strip=True) for item in soup.select(".first li"))
    for words in (
        "1 test fails by itself",
        "Along the wrong dim",
        "1 student waits for grading by hand",
        "not tamper-proof",
    ):
        assert words in said


def test_both_texts_of_a_similar_pair_stand_side_by_side_and_nobody_is_accused() -> None:
    soup = _soup(similar())
    section = soup.find(id="similar")
    assert isinstance(section, Tag)
    assert section.find("mark")
    assert {tag.get_text() for tag in section.select(".sides p")} == {"s03", "x"}
    assert "look yourself" in section.get_text().lower()
    assert not re.search("plagia|cheat|copied|guilty", section.get_text(), re.IGNORECASE)


def test_an_anonymous_page_shows_no_names_and_no_texts_of_pairs() -> None:
    soup = _soup(similar(), anonymous=True)
    section = soup.find(id="similar")
    assert isinstance(section, Tag)
    assert not section.find_all(["mark", "pre", "code"])
    assert not re.search(r"\bs\d\d\b", soup.get_text())


def test_similar_text_is_looked_for_unless_that_is_not_wanted() -> None:
    assert _soup(small(), similar=False).find(id="similar") is None
    assert json.loads(report_json(gather(small(), similar=False)))["similar"] is None


def test_the_page_says_what_formgraders_button_does_not_keep_and_how_to_get_it() -> None:
    soup = _soup(CLASSES["book"])
    said = soup.find(string=re.compile("torchmagic grade hw adds"))
    assert said is not None
    assert "Of 1 student only the score and how grading ended are known" in said
    assert "No points were lost" not in soup.get_text(), "nobody knows"
    assert _soup(CLASSES["one"]).find(string=re.compile("torchmagic grade hw adds")) is None
