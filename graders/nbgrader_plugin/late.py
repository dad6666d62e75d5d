"""Penalties for late work, by nbgrader's own setting and check, for scores that are not read through its objects."""

from __future__ import annotations

import logging

from nbgrader.plugins import BasePlugin
from traitlets.config import Config

from graders.nbgrader_plugin.scores import EngineLatePenalties
from torchmagic.errors import TorchmagicError


class LatePenalties:
    """What ``AssignLatePenalties`` and its plugin take off, with the configuration that they have in a course.

    Args:
        config: the course's configuration.

    Raises:
        TorchmagicError: ``AssignLatePenalties.plugin_class`` names no plugin.

    >>> config = Config()
    >>> config.LateSubmissionPlugin.penalty_method = "zero"
    >>> LatePenalties(config).find("ada", 3.5, 60.0)
    3.5
    """

    def __init__(self, config: Config | None) -> None:
        try:
            self._step = EngineLatePenalties(config=config, log=_quiet_log())
            plugin = self._step.plugin_class
        except Exception as error:  # the module that it names is the instructor's, and may raise anything
            cause = error.__cause__ or error
            plugin, why = None, f"{type(cause).__name__}: {cause}"
        if not (isinstance(plugin, type) and issubclass(plugin, BasePlugin)):
            named = f"it is {plugin!r}" if plugin is not None else why
            raise TorchmagicError(
                f"`AssignLatePenalties.plugin_class` names no plugin for late work ({named}).",
                hint="Mend it in nbgrader_config.py; Python must find the module that it names.",
            )

    def find(self, student: str, score: float, seconds: float) -> float | None:
        """The penalty for a notebook, within its score; None where the plugin gives none.

        Args:
            score: of the notebook, whether given by tests or by hand.
            seconds: by how much it is late, more than 0.

        Raises:
            Exception: whatever the plugin raises.
            ValueError: its penalty is not a number.
        """
        return self._step.find(student, score, seconds)


def _quiet_log() -> logging.Logger:
    """nbgrader and plugins log each penalty as a warning: who wants to see that, gives ``torchmagic`` a handler."""
    log = logging.Logger("torchmagic.late")
    log.parent = logging.getLogger("torchmagic")
    log.addHandler(logging.NullHandler())
    return log
