"""What judges: the checks that a test cell speaks, one grader module a topic, and the engine."""
