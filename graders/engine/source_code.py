"""The student's functions as text: their code from the cells that were run, their signatures, and who raised what."""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import types
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from graders.engine.given import parse_cell, plain_python
from graders.engine.wire import WireError


def code_of(sources: Sequence[str], qualified: str, name: str) -> types.CodeType:
    """The code of the function that the student's cells last defined by that name: compiled, never run.

    It comes from the submission's text, so that what it says of the function's source is true.

    >>> code_of(["def f(x):\\n    return x"], "f", "f").co_varnames
    ('x',)
    """
    wanted = [part for part in qualified.split(".") if part != "<locals>"]
    for number, source in reversed(list(enumerate(sources))):
        if not parse_cell(source):
            continue
        text, filename = plain_python(source), f"<student's cell {number}>"
        try:
            found = _within(compile(text, filename, "exec", dont_inherit=True), wanted)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        if found is not None:
            linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
            return found
    raise OSError(f"no cell of the student's defines {name!r}")


def _within(code: types.CodeType, path: Sequence[str]) -> types.CodeType | None:
    if not path:
        return code
    inner = [const for const in code.co_consts if isinstance(const, types.CodeType) and const.co_name == path[0]]
    return _within(inner[-1], path[1:]) if inner else None


def read_signature(described: Any) -> inspect.Signature:
    """The signature that the student's side described; WireError where it is none."""
    try:
        rows, returns = described
        parameters = [
            inspect.Parameter(
                str(name),
                getattr(inspect.Parameter, str(kind)),
                default=default if has_default else inspect.Parameter.empty,
                annotation=_annotation(note),
            )
            for name, kind, has_default, default, note in rows
        ]
        return inspect.Signature(parameters, return_annotation=_annotation(returns))
    except (TypeError, ValueError, AttributeError) as error:
        raise WireError(f"a signature does not fit together ({error})") from None


def _annotation(note: Any) -> Any:
    if note is None:
        return inspect.Parameter.empty
    kind, value = note
    if kind != "class":
        return value
    module, _, name = str(value).rpartition(".")
    return vars(torch if module == "torch" else builtins).get(name, value)


def raised_on_purpose(error: BaseException | None) -> bool:
    """Whether the test itself raised an exception by a statement that nothing of the student's takes part in.

    Only then may a context manager of the student's swallow it: any other exception can be a failed check.
    """
    trace = error.__traceback__ if error is not None else None
    if error is None or trace is None or isinstance(error, AssertionError) or not isinstance(error, Exception):
        return False
    frame, line = trace.tb_frame, trace.tb_lineno
    if trace.tb_next is not None or frame.f_globals.get("__name__") != "__main__":
        return False
    text = "".join(linecache.getlines(frame.f_code.co_filename))
    try:
        statements = list(_simple_statements(ast.parse(text).body))
    except SyntaxError:
        return False
    here = [node for node in statements if node.lineno <= line <= (node.end_lineno or node.lineno)]
    return bool(here) and isinstance(here[-1], ast.Raise | ast.Expr) and _only_builtins(here[-1])


def _simple_statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        inner = [part for name in ("body", "orelse", "finalbody") for part in getattr(statement, name, [])]
        if not inner:
            yield statement
        yield from _simple_statements(inner)


def _only_builtins(statement: ast.stmt) -> bool:
    names = [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]
    return all(hasattr(builtins, name) for name in names)
