"""The failure of a check, in words for a student; and values of any kind in words."""

from __future__ import annotations

import sys
import types
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from graders.comparison import Compared
    from graders.misconceptions import Finding

_LONGEST = 60
_LONGEST_ERROR = 300
_PLAIN = (bool, int, float, complex, list, tuple, dict, set)


class CheckFailed(AssertionError):
    """A check's reason why an answer is not right yet.

    Attributes:
        redacted: the same reason without expected values, for hidden tests.
        compared: the two sides, where tensors were compared.
        findings: every misconception that explains what was given.
        said: the reason and its redacted form without a diagnosis, where one belongs to it.
        thorough: whether a diagnosis was looked for.
        known: the sentence of an error that an assignment knows and names itself, or "".

    >>> str(CheckFailed("`y` has shape (3,), expected (3, 1)"))
    '`y` has shape (3,), expected (3, 1)'
    """

    def __init__(
        self,
        message: str,
        *,
        redacted: str = "",
        compared: Compared | None = None,
        findings: Sequence[Finding] = (),
        said: tuple[str, str] | None = None,
        thorough: bool = False,
        known: str = "",
    ) -> None:
        super().__init__(message)
        self.redacted = redacted or message
        self.compared = compared
        self.findings = tuple(findings)
        self.said = said
        self.thorough = thorough
        self.known = known
        self._shown = False

    @property
    def misconception(self) -> str:
        """A name for what explains the answer that stays the same whatever the numbers are, or "".

        It is a finding's kind, or the sentence of an error that the assignment knows.

        >>> CheckFailed("`g` is 3. The factor 2 is missing.", known="The factor 2 is missing.").misconception
        'The factor 2 is missing'
        """
        if self.known:
            return " ".join(self.known.split()).strip(" .:")
        from graders.diagnose import choose

        chosen = choose(self.findings)
        return chosen.kind if chosen else ""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback through the grader's own code."""
        from graders.failure_view import show_failure

        first, self._shown = not self._shown, True  # IPython 9 asks again, to keep the text with the cell's history
        return show_failure(self, compared=first)


def should_be(name: str, wanted: str, value: object, *, did: str = "it is") -> CheckFailed:
    """The failure of a value of another kind; for a hidden test without what is in it, which may be a hidden input.

    >>> failure = should_be("`y`", "be a number", [1.5])
    >>> str(failure), failure.redacted
    ('`y` should be a number, but it is a list, [1.5]', '`y` should be a number, but it is a list')
    """
    said = f"{name} should {wanted}, but {did}"
    return CheckFailed(f"{said} {describe(value)}", redacted=f"{said} {describe_kind(value)}")


def failed_call(error: BaseException, name: str) -> BaseException:
    """What to raise where a call of a student's function raised ``error``.

    That is a failure of theirs, with the error's text (for a hidden test with its built-in kind alone, as the text may
    hold the inputs); but what the engine raises, and a lack of memory, stay what they are.

    >>> failed_call(ValueError("no"), "f")
    CheckFailed('`f` raised ValueError: no')
    """
    if isinstance(error, CheckFailed | MemoryError) or getattr(type(error), "is_no_answer", False):
        return error
    kind = next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins")
    try:
        text = " ".join(str(error).split())[:_LONGEST_ERROR]
    except Exception:  # an exception of the student's own may have no text
        text = ""
    said = f"`{name}` raised {type(error).__name__[:_LONGEST]}{': ' if text else ''}{text}"
    return CheckFailed(said, redacted=f"`{name}` raised an error of the kind {kind}")


def describe_kind(value: object) -> str:
    """As :func:`describe`, but without what is in it.

    >>> describe_kind("a"), describe_kind(2.5), describe_kind(None)
    ('a string', 'a float', 'None (was it assigned or returned?)')
    """
    if type(value) is str:
        return "a string"
    if type(value) in _PLAIN:
        return f"{'an' if type(value) is int else 'a'} {type(value).__name__}"
    return describe(value)


def describe(value: object) -> str:
    """A value of any kind in a few words; never raises.

    >>> describe(None), describe([1, 2]), describe("a")
    ('None (was it assigned or returned?)', 'a list, [1, 2]', "a string, 'a'")
    >>> describe(torch.ones(2, 3)), describe(len)
    ('a tensor of shape (2, 3) and dtype float32', 'a function')
    """
    if value is None:
        return "None (was it assigned or returned?)"
    try:
        return _described(value, type(value))
    except Exception:  # an object of the student's own may raise whatever is asked of it
        return "an object that cannot be described"


def _described(value: Any, kind: type) -> str:
    if issubclass(kind, torch.Tensor):
        return _describe_tensor(value)
    numpy = sys.modules.get("numpy")
    if numpy is not None and issubclass(kind, numpy.ndarray):
        shape = numpy.ndarray.shape.__get__(value)
        return f"a NumPy array of shape {shape}: turn it into a tensor with torch.from_numpy"
    if kind in _PLAIN:
        try:
            text = repr(value)
        except Exception:  # of something within
            text = f"of {len(value)}"
        article = "an" if kind is int else "a"
        return f"{article} {kind.__name__}, {text if len(text) <= _LONGEST else text[:_LONGEST] + '…'}"
    if kind is str:
        return f"a string, {value!r:.{_LONGEST}}"
    if kind in _FUNCTIONS or _shows_a_function(value):
        return "a function"
    return f"an object of type {_type_name(value)}"


def _describe_tensor(tensor: Any) -> str:
    try:
        with torch._C.DisableTorchFunctionSubclass():
            return f"a tensor of shape {tuple(tensor.shape)} and dtype {str(tensor.dtype).removeprefix('torch.')}"
    except Exception:  # an exotic tensor may have no shape; it is a tensor all the same
        return "a tensor"


_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)


def _shows_a_function(value: object) -> bool:
    """Of an object of another process, which shows its type to isinstance."""
    return isinstance(value, _FUNCTIONS)


def _type_name(value: object) -> str:
    facts = value.__dict__.get("_remote_facts", {}) if hasattr(type(value), "_remote_refuse") else {}
    return str(facts.get("type", type(value).__name__)).removeprefix("__main__.")[:_LONGEST]
