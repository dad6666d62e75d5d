"""The warm engine of the engine's tests, for checks in the real judge."""

from tests.engine.conftest import engine, grade

__all__ = ["engine", "grade"]
