"""A page of a student's in the grader's browser: on the hub's one address it can act as the grader, on subdomains not."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.hub import User, hub, machine, node_proxy, why_not
from tests.e2e.hub_term import ATTACKS, prepare
from tests.e2e.programs import Visitor

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.sandbox,
    pytest.mark.skipif(why_not() is not None, reason=str(why_not())),
]

#: A page with something to click: it opens the grader's own server and asks for a file there, as that server's pages do.
_PAGE = """<!doctype html><title>waiting</title><button>A prize</button><script>
document.querySelector("button").onclick = () => {
  const opened = open("GRACE/lab");
  setInterval(async () => {
    try {
      const xsrf = opened.document.cookie.match(/_xsrf=([^;]+)/)[1];
      const reply = await opened.fetch("GRACE/api/contents/secret.txt", {headers: {"X-XSRFToken": xsrf}});
      if (reply.ok) document.title = "got " + (await reply.json()).content;
    } catch (error) {
      if (error.name === "SecurityError") document.title = "refused";
    }
  }, 300);
};
</script>"""


needs_node = pytest.mark.skipif(node_proxy() is None, reason="needs: npm install -g configurable-http-proxy")


@pytest.mark.parametrize("subdomains", [False, pytest.param(True, marks=needs_node)], ids=["one-address", "subdomains"])
def test_a_students_page_in_the_graders_browser(browser: Browser, tmp_path: Path, subdomains: bool) -> None:
    """Why the page about JupyterHub asks for subdomains."""
    visitor = Visitor(browser, "jupyterhub")
    with machine() as on:
        prepare(on, tmp_path / "source")
        with (
            hub(on, tmp_path / "hub.log", subdomains=subdomains) as running,
            visitor.page() as first,
            visitor.page() as second,
        ):
            grace, ada = User(first, running, "grace"), User(second, running, "ada")
            grace.log_in("grace-pw")
            ada.log_in("ada-pw")
            grace.execute("open('secret.txt', 'w').write('the hidden tests')")
            graces, adas = (user.page.url.split("/lab")[0] for user in (grace, ada))
            assert ada.calls(ATTACKS, "set_trap", page=_PAGE.replace("GRACE", graces)) == "set"
            ada.restart()
            first.goto(f"{adas}/prize")
            first.click("text=A prize")
            first.wait_for_function("document.title !== 'waiting'", timeout=60_000)
            assert first.title() == ("refused" if subdomains else "got the hidden tests")
