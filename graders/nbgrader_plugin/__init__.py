"""The only package that knows nbgrader: course folders, configuration, autograding through the engine."""
