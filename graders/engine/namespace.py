"""Whose is a name in a test cell? The judge's, the instructor's, or the student's.

What a test cell binds is the judge's and stays the judge's, unless the instructor's own notebook lets a
later solution cell bind it again. What the instructor's cells import or define is made anew in the judge.
Built-ins are built-ins unless a solution cell of the instructor's binds them. All else is the student's,
fetched when it is used. So no student can slip another ``allclose``, ``expected`` or ``all`` under a test.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from graders.engine.given import Given
from graders.engine.remote_object import RemoteError, RemoteObject
from graders.engine.shown_types import TypeOf

#: Modules under the names by which everybody imports them; a student's own name for a module counts only so.
CONVENTIONAL: Mapping[str, str] = {
    "np": "numpy",
    "pd": "pandas",
    "plt": "matplotlib.pyplot",
    "nn": "torch.nn",
    "F": "torch.nn.functional",
    "optim": "torch.optim",
    "sp": "scipy",
    "sns": "seaborn",
    "tf": "tensorflow",
    "jnp": "jax.numpy",
    "DataLoader": "torch.utils.data:DataLoader",
    "TensorDataset": "torch.utils.data:TensorDataset",
    "Dataset": "torch.utils.data:Dataset",
    "assert_close": "torch.testing:assert_close",
    "gradcheck": "torch.autograd:gradcheck",
    "assert_allclose": "numpy.testing:assert_allclose",
    "assert_equal": "numpy.testing:assert_equal",
    "assert_array_equal": "numpy.testing:assert_array_equal",
    "assert_almost_equal": "numpy.testing:assert_almost_equal",
}


class JudgeNamespace(dict[str, Any]):
    """The globals of test cells: names that are not here are looked up by whose they are.

    Args:
        given: what the instructor's cells say.
        fetch: gives a student's value by name; raises KeyError where there is none.
    """

    def __init__(self, given: Given, fetch: Callable[[str], Any]) -> None:
        super().__init__(__name__="__main__", __builtins__=builtins)
        self._given = given
        self._fetch = fetch
        self._fetched: dict[str, Any] = {}
        self._starred: dict[str, Any] | None = None
        self._making: set[str] = set()

    def forget_fetched(self) -> None:
        """Fetch the student's values anew from now on: a call may have changed them."""
        self._fetched.clear()

    def release(self, names: Iterable[str]) -> None:
        """A solution cell of the instructor's has bound these names: from now on they are the student's."""
        for name in names:
            if name in self._given.students:
                self.pop(name, None)

    def __contains__(self, name: object) -> bool:
        """``"x" in globals()`` asks whether the student defined x, too."""
        if super().__contains__(name) or not isinstance(name, str):
            return super().__contains__(name)
        try:
            self[name]
        except KeyError:
            return False
        return True

    def get(self, name: str, default: Any = None) -> Any:
        """``globals().get("x")`` likewise."""
        try:
            return self[name]
        except KeyError:
            return default

    def __missing__(self, name: str) -> Any:
        if name in self._fetched:
            return self._fetched[name]
        students = name in self._given.students
        if not students:
            if name in self._given.definitions and name not in self._making:
                return self._make(name)
            if name in self._from_stars():
                return self._keep(name, self._from_stars()[name])
            if name == "type":
                return TypeOf
            if hasattr(builtins, name):
                raise KeyError(name)
            if not self._given.known and ":" in CONVENTIONAL.get(name, ""):
                with contextlib.suppress(ImportError):
                    return self._keep(name, _import(CONVENTIONAL[name]))
        value = self._fetch(name)
        module = value._remote_facts.get("module") if isinstance(value, RemoteObject) else None
        if isinstance(module, str):
            value = _module_by_name(name, module)
        self._fetched[name] = value
        return value

    def _make(self, name: str) -> Any:
        statement = self._given.definitions[name]
        self._making.add(name)
        try:
            exec(compile(ast.Module([statement], []), "<the instructor's cell>", "exec"), self)
        finally:
            self._making.discard(name)
        return self[name]

    def _from_stars(self) -> dict[str, Any]:
        if self._starred is None:
            self._starred = {}
            exec(
                compile(ast.Module(list(self._given.stars), []), "<the instructor's cell>", "exec"),
                self._starred,
            )
            self._starred.pop("__builtins__", None)
        return self._starred

    def _keep(self, name: str, value: Any) -> Any:
        self[name] = value
        return value


def _module_by_name(name: str, module: str) -> Any:
    """The judge's own module for a name that is a module in the student's process."""
    if (
        module == name
        or CONVENTIONAL.get(name) == module
        or (module.startswith("torch.") and module.endswith(f".{name}"))
    ):
        try:
            return importlib.import_module(module)
        except ImportError:
            raise RemoteError(
                f"{name!r} is a module that the judge does not have: import it in the test cell"
            ) from None
    raise RemoteError(f"{name!r} is the module {module!r} for the student: import it in the test cell")


def _import(path: str) -> Any:
    module, _, attribute = path.partition(":")
    return getattr(importlib.import_module(module), attribute)
