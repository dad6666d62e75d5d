"""The one exception type that torchmagic raises at its public edges."""

from __future__ import annotations


class TorchmagicError(Exception):
    """Something that the user can mend: what is wrong, where, and what to do.

    Args:
        message: one sentence that says what is wrong and where.
        hint: what the user can do about it.

    >>> str(TorchmagicError("No course in 'here'.", hint="Run `torchmagic course init here`."))
    "No course in 'here'. Run `torchmagic course init here`."
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()
