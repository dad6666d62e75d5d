"""A report as one HTML page: no network, no script; light, dark and on paper; for screen readers too."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from graders.reporting import plots
from graders.reporting.attention import first_things
from graders.reporting.facts import ClassFacts
from graders.reporting.items import ENOUGH, LOW
from graders.reporting.misconceptions import NAMED, OWN_ERROR, SAID, STOPPED
from graders.reporting.similar import CLASSES, COMMON
from graders.wording import number_text
from torchmagic.render.graph_templates import printable

#: Reasons that are shown with an example; the others are in a table.
MOST_EXAMPLES = 15
_KINDS = {NAMED: "misconception", SAID: "same message", OWN_ERROR: "error in the answer", STOPPED: "stopped"}
_OUTCOMES = {
    "passed": "all tests passed",
    "failed": "some answers are wrong",
    "error": "an answer's own code, or a test of it, raised an error",
    "not attempted": "handed in as released",
    "timeout": "ran out of time",
    "memory": "ran out of memory",
    "crashed": "the program ended, or broke off the talk with the judge",
    "grader error": "a test failed by itself: scores stay what they were",
    "unreadable": "no notebook that can be read: scores stay what they were",
    "missing": "nothing was handed in",
}


def report_html(facts: ClassFacts, made: str = "") -> str:
    """The whole page.

    Args:
        made: when it was made, in words for the page's foot.
    """
    return _template().render(
        facts=facts,
        made=made,
        first=first_things(facts),
        histogram=plots.histogram(facts.scores),
        plots=plots,
        examples=facts.shared[:MOST_EXAMPLES],
        rest=facts.shared[MOST_EXAMPLES:],
        kinds=_KINDS,
        outcomes=_OUTCOMES,
        low=LOW,
        enough=ENOUGH,
        common=COMMON,
        classes=CLASSES,
        ranking=sorted(facts.students, key=lambda one: (one.score is None, -(one.score or 0.0), one.student)),
    )


@lru_cache(maxsize=1)
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("graders.reporting"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "number": _number,
        "percent": _percent,
        "seconds": _seconds,
        "ticked": _ticked,
        "harmless": Markup,
    }
    css = Path(__file__).parent / "templates" / "report.css"
    environment.globals["css"] = Markup(css.read_text(encoding="utf-8"))  # ours, with nothing put into it
    return environment.get_template("report.html.j2")


def _finalize(value: object) -> object:
    """Text without what no page can hold, its lines kept."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return "\n".join(printable(line) for line in value.expandtabs(4).split("\n"))


def _number(value: float | None) -> str:
    return "–" if value is None else number_text(round(float(value), 2))


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _ticked(text: str) -> Markup:
    """A sentence with what stands in backticks as code."""
    pieces = printable(text).split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if place % 2 else Markup.escape(piece)
        for place, piece in enumerate(pieces)
    )
