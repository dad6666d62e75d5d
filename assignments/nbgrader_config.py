"""nbgrader's configuration of this course; its options are listed by `nbgrader --help-all`."""

c = get_config()

c.CourseDirectory.course_id = "assignments"

# Submissions are run and scored by torchmagic's engine, each behind walls of its own.
from graders.nbgrader_plugin import configure; configure(c)
