"""nbgrader's configuration of this course; its options are listed by `nbgrader --help-all`."""

c = get_config()

c.CourseDirectory.course_id = "assignments"

# Submissions are run and scored by torchmagic's engine, each behind walls of its own.
from graders.nbgrader_plugin import configure; configure(c)

# Collecting from the exchange folder follows no link out of a submission, and no single one stops it.
# Take this line away where another exchange than nbgrader's folder is in use.
c.ExchangeFactory.collect = "graders.nbgrader_plugin.collect.CarefulCollect"
