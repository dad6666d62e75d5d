"""nbgrader, for students and graders: the course, and the folder by which assignments come and go."""

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "torch101"
c.Exchange.root = "/srv/nbgrader/exchange"
