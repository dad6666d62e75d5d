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

import torch

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
        self._bound: dict[str, Any] = {}
        self._unbound: set[str] = set()
        self._told: set[str] = set()

    def forget_fetched(self) -> None:
        """Fetch all of the student's values anew from now on."""
        self._fetched.clear()

    def forget_copies(self) -> None:
        """Fetch anew what was copied, for a call may change it; an object or a tensor stays what it is."""
        stays = (RemoteObject, torch.Tensor)
        self._fetched = {name: value for name, value in self._fetched.items() if isinstance(value, stays)}

    def forget_names(self, names: Iterable[Any]) -> None:
        """Fetch these anew: the student's code has bound them to other values."""
        for name in names:
            if isinstance(name, str):
                self._fetched.pop(name, None)

    def release(self, names: Iterable[str]) -> None:
        """A solution cell of the instructor's has bound these names: from now on they are the student's."""
        for name in names:
            self._unbound.discard(name)
            if name in self._given.students:
                self.pop(name, None)
                self._bound.pop(name, None)

    def __setitem__(self, name: str, value: Any) -> None:
        """Bind a name; for the student's functions too, where the instructor's own look it up.

        Not whenever it is the student's to define: ``y`` may be an answer of theirs here, and the expected one there.
        """
        super().__setitem__(name, value)
        if name in self._given.needed or (name in self._unbound and isinstance(value, RemoteObject)):
            self._bound[name] = value
            self._unbound.discard(name)

    def __delitem__(self, name: str) -> None:
        """Unbind a name: the test's own, or else the student's, so that functions that need it fail."""
        if super().__contains__(name):
            super().__delitem__(name)
            if name not in self._given.students:
                return
        else:
            self[name]  # NameError where there is no such name
        self._fetched.pop(name, None)
        self._bound.pop(name, None)
        self._unbound.add(name)

    def take_bindings(self) -> tuple[dict[str, Any], list[str]]:
        """What a test has done to names of the student's since last asked: bound to values, and unbound."""
        bound, self._bound = self._bound, {}
        unbound = sorted(self._unbound - self._told)
        self._told = set(self._unbound)
        return bound, unbound

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
