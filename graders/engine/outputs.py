"""Keep of a student's cell outputs only what nbformat knows, within a size."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_KINDS = {"stream", "display_data", "execute_result", "error"}
_WIDGET = "application/vnd.jupyter.widget-view+json"
_DEEPEST = 100


def clean_outputs(outputs: Any, limit: int) -> tuple[Mapping[str, Any], ...]:
    """The well-formed outputs among ``outputs``, up to about ``8 * limit`` characters.

    >>> clean_outputs([{"output_type": "stream", "name": "stdout", "text": "hi", "x": 1}, 7], 100)
    ({'output_type': 'stream', 'name': 'stdout', 'text': 'hi'},)
    """
    kept: list[Mapping[str, Any]] = []
    room = 8 * limit
    for output in outputs if isinstance(outputs, list) else ():
        if not isinstance(output, dict) or nesting(output) > _DEEPEST:  # what is deeper, nobody can write or read again
            continue
        known = _clean(output)
        if known is None:
            continue
        clean = storable(known)
        room -= len(str(clean))
        if room < 0:
            kept.append({"output_type": "stream", "name": "stdout", "text": "[more output was not kept]\n"})
            break
        kept.append(clean)
    return tuple(kept)


def nesting(data: Any) -> int:
    """How deep JSON is nested, counted without recursion.

    >>> nesting([]), nesting({"a": [1, {"b": 2}]}), nesting("a")
    (1, 3, 0)
    """
    depth, level = 0, [data]
    while level := [item for item in level if isinstance(item, dict | list)]:
        depth += 1
        level = [part for item in level for part in (item.values() if isinstance(item, dict) else item)]
    return depth


def storable(data: Mapping[str, Any]) -> dict[str, Any]:
    """JSON with what UTF-8 cannot write (lone surrogates) replaced: whatever it says, the notebook is written.

    >>> storable({"text": chr(0xD800)})
    {'text': '?'}
    """
    text = json.dumps(data, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.loads(text.encode("utf-8", "replace"))  # type: ignore[no-any-return]
    return dict(data)


def _clean(output: Mapping[str, Any]) -> Mapping[str, Any] | None:
    kind = output.get("output_type")
    if kind not in _KINDS:
        return None
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        return {"output_type": kind, "name": name, "text": str(output.get("text", ""))}
    if kind == "error":
        lines = output.get("traceback")
        return {
            "output_type": kind,
            "ename": str(output.get("ename", "")),
            "evalue": str(output.get("evalue", "")),
            "traceback": [str(line) for line in lines] if isinstance(lines, list) else [],
        }
    data = output.get("data")
    metadata = output.get("metadata")
    clean: dict[str, Any] = {
        "output_type": kind,
        "data": {str(k): v for k, v in data.items() if _is_text(v) or _is_json(str(k), v)}
        if isinstance(data, dict)
        else {},
        "metadata": metadata if isinstance(metadata, dict) else {},
    }
    if kind == "execute_result":
        count = output.get("execution_count")
        clean["execution_count"] = count if type(count) is int else None
    return clean


def _is_json(kind: str, value: Any) -> bool:
    """Whether a page can be made of it: nbconvert looks widgets up by their model's name."""
    if kind == _WIDGET:
        return isinstance(value, dict) and isinstance(value.get("model_id"), str)
    return kind.endswith("json")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(line, str) for line in value))
