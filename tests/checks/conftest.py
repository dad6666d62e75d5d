"""The warm engine of the engine's tests, for checks in the real judge."""

from tests.engine.conftest import engine, grade

__all__ = ["engine", "grade"]

collect_ignore = ["odd_values.py"]  # doctest looks at each object, and some of these raise at every look
