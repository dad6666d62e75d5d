"""nbgrader, for graders: the course's folder, collecting, grading, and what is shown of students' work."""

import os

from graders.nbgrader_plugin import configure

c = get_config()  # noqa: F821

c.CourseDirectory.root = os.path.expanduser("~/torch101")

# From each submission only what its student's own account put there; no link is followed.
c.ExchangeFactory.collect = "graders.nbgrader_plugin.collect.CarefulCollect"
c.CarefulCollect.accounts = True

# In the formgrader, nothing of a student's runs in the grader's browser.
c.HTMLExporter.preprocessors = ["graders.nbgrader_plugin.harmless.HarmlessCells"]

# Submissions are run and scored by torchmagic's engine, each behind walls of its own.
configure(c)
