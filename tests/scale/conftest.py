"""The plain course of the plugin's tests, for whole runs."""

from __future__ import annotations

from tests.plugin.conftest import generated, school

__all__ = ["generated", "school"]
