"""Where an exception came from: the user's frame, the failing part of its source, and torch's frames below it."""

from __future__ import annotations

import ast
import dis
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, MappingProxyType, TracebackType
from typing import Any

import executing
import torch

from torchmagic.records import SourceLine

_TORCH = str(Path(torch.__file__).parent)
_OWN = tuple(str(Path(__file__).parents[2] / part) for part in ("observe", "magics.py", "cellrun.py", "error_cards.py"))
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_BETWEEN = ("__torch_function__", "__torch_dispatch__")
_MOST_LINES = 14


@dataclass(frozen=True, slots=True)
class Site:
    """The place of a failure.

    Attributes:
        frame: the user's innermost frame.
        node: what failed there: an expression, or a statement such as ``x += y``; None where it is not known.
        text: the source of ``node`` on one line.
        lines: the source lines, with the failing part marked.
        filename: of the source; "" for a cell.
        outer: the frames around it, outermost first.
        inner: the frames of libraries below it, outermost first.
    """

    frame: FrameType
    node: ast.AST | None
    text: str
    lines: tuple[SourceLine, ...]
    filename: str
    outer: tuple[FrameType, ...]
    inner: tuple[FrameType, ...]


def find_site(traceback: TracebackType | None, sources: Mapping[str, str] = MappingProxyType({})) -> Site | None:
    """The user's innermost place in a traceback; None where the traceback holds no source of theirs."""
    entries = list(_entries(traceback))
    if not entries:
        return None
    chosen = max((i for i, entry in enumerate(entries) if not is_library(entry.tb_frame)), default=None)
    if chosen is None:
        chosen = max((i for i, entry in enumerate(entries) if not _file(entry).startswith(_TORCH)), default=0)
    entry = entries[chosen]
    frames = [each.tb_frame for each in entries]
    source: Any = executing.Source.for_frame(entry.tb_frame)
    if not source.text.strip() and _file(entry) in sources:
        source = executing.Source(_file(entry), sources[_file(entry)].splitlines(keepends=True))
        node = _in_text(entry, source)
    else:
        node = _failing_node(entry, source)
    lines = _marked(source.lines, source.tree, node, entry.tb_lineno)
    return Site(
        frame=entry.tb_frame,
        node=node,
        text="" if node is None else node_text(node, source.text),
        lines=lines,
        filename="" if _is_cell(_file(entry)) else _file(entry),
        outer=tuple(frames[:chosen]),
        inner=tuple(frames[chosen + 1 :]),
    )


def node_text(node: ast.AST, source: str = "") -> str:
    """The code of a node on one line, as the user wrote it where that was one line.

    >>> node_text(ast.parse("f(a,  b)", mode="eval").body, "f(a,  b)")
    'f(a,  b)'
    """
    segment = ast.get_source_segment(source, node) if source else None
    if segment is not None and "\n" not in segment and _same_code(segment, node):
        return segment
    return " ".join(ast.unparse(node).split("\n"))


def is_library(frame: FrameType) -> bool:
    """Whether a frame runs code of torch's, of another library or of Python's own, or stands between for them."""
    return frame.f_code.co_name in _BETWEEN or _foreign(frame.f_code.co_filename)


def _entries(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _file(entry: TracebackType) -> str:
    return entry.tb_frame.f_code.co_filename


def _foreign(filename: str) -> bool:
    return filename.startswith((*_LIBRARIES, _TORCH, *_OWN, "<frozen", "<__array_function__"))


def _is_cell(filename: str) -> bool:
    """Whether IPython made the file up for a cell: it stands nowhere, or in a kernel's folder of temporary files."""
    return filename.startswith("<") or "ipykernel_" in filename


# -- the node --------------------------------------------------------------------------------------------


def _failing_node(entry: TracebackType, source: Any) -> ast.AST | None:
    if source.tree is None:
        return None
    node: ast.AST | None
    try:
        node = executing.Source.executing(entry).node
    except Exception:  # executing raises its own errors and AssertionError where bytecode puzzles it
        node = None
    if node is None:
        node = _at_position(entry, source.tree)
    if node is None:
        node = _only_candidate(entry, source.tree)
    return None if node is None else _operand_tested(entry, _widened(node))


def _in_text(entry: TracebackType, source: Any) -> ast.AST | None:
    """The node in code that Python does not know as that frame's source."""
    if source.tree is None:
        return None
    node = _at_position(entry, source.tree) or _only_candidate(entry, source.tree)
    return None if node is None else _widened(node)


def _at_position(entry: TracebackType, tree: ast.AST) -> ast.AST | None:
    """The node that spans what the interpreter says was running (Python 3.11 and later)."""
    found = _position(entry.tb_frame.f_code, entry.tb_lasti)
    if found is None:
        return None
    for node in ast.walk(tree):
        span = tuple(getattr(node, name, None) for name in ("lineno", "end_lineno", "col_offset", "end_col_offset"))
        if span == found and not isinstance(node, ast.Expr):
            return node
    return None


def _position(code: CodeType, lasti: int) -> tuple[int, int, int, int] | None:
    positions = getattr(code, "co_positions", None)
    if positions is None:
        return None
    for number, position in enumerate(positions()):
        if number == lasti // 2:
            return None if None in position else position
    return None


def _only_candidate(entry: TracebackType, tree: ast.AST) -> ast.AST | None:
    """The one node on the line that the instruction can belong to (Python 3.10 says no more than the line)."""
    name = dis.opname[entry.tb_frame.f_code.co_code[entry.tb_lasti]] if entry.tb_lasti >= 0 else ""
    line = entry.tb_lineno
    nodes = [
        each for each in ast.walk(tree) if getattr(each, "lineno", 0) <= line <= (getattr(each, "end_lineno", 0) or 0)
    ]
    found = [each for each in nodes if _may_do(each, name)]
    inner = [each for each in found if getattr(each, "lineno", 0) == line] or found
    return inner[0] if len(inner) == 1 else None


def _operand_tested(entry: TracebackType, node: ast.AST) -> ast.AST:
    """The operand of an ``and`` or ``or`` whose truth was asked, told by its jump where nothing tells the place."""
    if not isinstance(node, ast.BoolOp) or hasattr(entry.tb_frame.f_code, "co_positions"):
        return node
    jumps = [
        each.offset
        for each in _on_line(entry.tb_frame.f_code, entry.tb_lineno)
        if each.opname.startswith(("POP_JUMP_IF", "JUMP_IF"))
    ]
    operands = list(_operands(node))
    if len(jumps) != len(operands) or entry.tb_lasti not in jumps:
        return node
    return operands[jumps.index(entry.tb_lasti)]


def _on_line(code: CodeType, line: int) -> Iterator[dis.Instruction]:
    at = None
    for each in dis.get_instructions(code):
        at = each.starts_line or at
        if at == line:
            yield each


def _operands(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BoolOp):
        for each in node.values:
            yield from _operands(each)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield from _operands(node.operand)
    else:
        yield node


def _may_do(node: ast.AST, instruction: str) -> bool:
    """Whether a node is compiled to such an instruction."""
    if instruction.startswith("INPLACE_"):
        return isinstance(node, ast.AugAssign)
    if instruction.startswith("POP_JUMP"):
        return isinstance(node, (ast.If, ast.While, ast.IfExp, ast.Assert))
    if instruction == "FORMAT_VALUE":
        return (
            isinstance(node, ast.JoinedStr) and getattr(getattr(node, "parent", None), "format_spec", None) is not node
        )
    if instruction == "BINARY_SUBSCR":
        return isinstance(node, ast.Subscript) and not isinstance(getattr(node, "parent", None), ast.Assign)
    if instruction in ("GET_ITER", "FOR_ITER"):
        return isinstance(node, (ast.For, ast.comprehension))
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
    kinds = {"STORE_SUBSCR": ast.Subscript, "STORE_ATTR": ast.Attribute, "UNPACK_SEQUENCE": (ast.Tuple, ast.List)}
    if instruction in kinds:
        return any(isinstance(target, kinds[instruction]) for target in targets)  # type: ignore[arg-type]
    return isinstance(node, (ast.BinOp, ast.Call, ast.Subscript, ast.AugAssign, ast.Compare))


def _widened(node: ast.AST) -> ast.AST:
    """The statement, where the failing part of it is what is assigned to; the condition, where a branch failed."""
    parent = getattr(node, "parent", None)
    if isinstance(node, (ast.If, ast.While, ast.Assert, ast.IfExp)):
        return node.test
    if isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
        return node.iter
    if isinstance(node, ast.Expr):
        return node.value
    if isinstance(node, ast.Await):
        return node.value
    if isinstance(node, (ast.Tuple, ast.List)) and isinstance(node.ctx, ast.Store) and isinstance(parent, ast.Assign):
        return parent
    if isinstance(parent, ast.AugAssign) and node is parent.target:
        return parent
    if isinstance(getattr(node, "ctx", None), (ast.Store, ast.Del)) and isinstance(parent, ast.stmt):
        return parent.iter if isinstance(parent, (ast.For, ast.AsyncFor)) else parent
    if isinstance(node, ast.FormattedValue):
        return parent if isinstance(parent, ast.JoinedStr) else node.value
    if isinstance(node, ast.Attribute) and isinstance(parent, ast.Call) and parent.func is node:
        return parent
    return node


# -- the marked lines ------------------------------------------------------------------------------------


def _marked(lines: Sequence[str], tree: ast.AST | None, node: Any, line: int) -> tuple[SourceLine, ...]:
    if node is None or not hasattr(node, "lineno"):
        return (SourceLine(line, lines[line - 1]),) if 0 < line <= len(lines) else ()
    node = _with_trusted_position(lines, node)
    first, last = node.lineno, node.end_lineno or node.lineno
    found = []
    for number in range(first, min(last, first + _MOST_LINES - 1) + 1):
        if number > len(lines):
            break
        text = lines[number - 1]
        start = _column(text, node.col_offset) if number == first else len(text) - len(text.lstrip())
        end = _column(text, node.end_col_offset or 0) if number == last else len(text.rstrip())
        found.append(SourceLine(number, text, start, max(start, end)))
    return tuple(found)


def _with_trusted_position(lines: Sequence[str], node: Any) -> Any:
    """The node, or the string around it: before Python 3.12 the positions inside f-strings are not to be trusted."""
    each = node
    while each is not None:
        if isinstance(each, ast.JoinedStr) and not _same_code(_segment(lines, node), node):
            return each
        each = getattr(each, "parent", None)
    return node


def _segment(lines: Sequence[str], node: Any) -> str:
    return ast.get_source_segment("\n".join(lines), node) or ""


def _same_code(text: str, node: ast.AST) -> bool:
    try:
        tree = ast.parse(text.strip())
    except (SyntaxError, ValueError):
        return False
    body = tree.body[0] if len(tree.body) == 1 else tree
    found = body.value if isinstance(node, ast.expr) and isinstance(body, ast.Expr) else body
    return ast.unparse(found) == ast.unparse(node)


def _column(text: str, offset: int) -> int:
    """The column in characters of an offset in UTF-8 bytes."""
    return len(text.encode()[:offset].decode(errors="ignore"))
