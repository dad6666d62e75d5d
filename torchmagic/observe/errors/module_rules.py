"""Rules for modules of the user's, saved parameters and optimizers."""

from __future__ import annotations

import ast
import re
from typing import Any

from torch import nn

from torchmagic.observe.errors.failure import Failure
from torchmagic.observe.errors.remedies import code_of, offered, with_args
from torchmagic.observe.errors.words import Finding
from torchmagic.records import Clash, Remedy


def no_parameters(failure: Failure, match: re.Match[str]) -> Finding | None:
    """An optimizer with nothing to move."""
    why = (
        "The optimizer was given no parameters: the model has none that nn.Module knows (layers in a "
        "plain list are not found: use nn.ModuleList), or the iterator was used up."
    )
    return Finding("optimizer", why)


def non_leaf(failure: Failure, match: re.Match[str]) -> Finding | None:
    """An optimizer of a computed tensor."""
    x = next((each for each in failure.tensors if not each.value.is_leaf), None)
    name = x.text if x is not None else "The tensor"
    why = (
        f"{name} is not a leaf: it was computed from others, so changing it would not last. An optimizer moves leaves."
    )
    candidates = [with_args(failure, {x: "{}.detach().requires_grad_()"}, trusted=True)] if x is not None else []
    remedies = tuple(
        Remedy(each.code, "optimises a new leaf with these values", True) for each in offered(failure, candidates)
    )
    return Finding("optimizer", why, None, remedies)


def optimizer_argument(failure: Failure, match: re.Match[str]) -> Finding | None:
    """One tensor where a list is wanted."""
    x = failure.tensors[0] if failure.tensors else None
    why = "An optimizer takes a list of tensors (or model.parameters()), also where there is only one."
    remedies: tuple[Remedy, ...] = ()
    if x is not None:
        found = with_args(failure, {x: "[{}]"})
        if found.node is not None:
            remedies = (Remedy(code_of(found.node), "", True),)
    return Finding("optimizer", why, None, remedies)


def state_dict(failure: Failure, match: re.Match[str]) -> Finding | None:
    """Parameters that do not go with the module."""
    text = failure.message
    sizes = re.findall(
        r"size mismatch for ([\w.]+): .*?torch\.Size\(\[([\d, ]*)\]\) from checkpoint.*?torch\.Size\(\[([\d, ]*)\]\)",
        text,
        re.S,
    )
    if sizes:
        name, saved, here = sizes[0]
        more = f" (and {len(sizes) - 1} more)" if len(sizes) > 1 else ""
        why = (
            f"The saved {name} has shape ({saved}), and this module's has "
            f"({here}){more}: the sizes of the layers differ."
        )
        one, other = (tuple(each.split(", ")) for each in (saved, here))
        clash = None
        if len(one) == len(other):
            bad = tuple(i for i, (x, y) in enumerate(zip(one, other, strict=True)) if x != y)
            clash = Clash(((f"saved {name}", one), (f"this {name}", other)), bad)
        return Finding("state-dict", why, clash)
    missing = re.findall(r'"([^"]+)"', text.partition("Missing key(s)")[2].partition("Unexpected key(s)")[0])
    unexpected = re.findall(r'"([^"]+)"', text.partition("Unexpected key(s)")[2])
    parts = []
    if missing:
        parts.append(f"the module has {missing[0]}, which was not saved")
    if unexpected:
        parts.append(f"a saved key, {unexpected[0]}, has no place in the module")
    hint = ""
    if missing and unexpected and {each.removeprefix("module.") for each in unexpected} == set(missing):
        hint = " The saved keys begin with 'module.', as nn.DataParallel writes them: take it away."
    return Finding("state-dict", f"The keys differ: {'; '.join(parts)}.{hint}" if parts else "The keys differ.")


def missing_argument(failure: Failure, match: re.Match[str]) -> Finding | None:
    """forward with too few or too many arguments."""
    module = failure.callee if isinstance(failure.callee, nn.Module) else None
    if module is None and failure.layer is not None:
        module = failure.layer.module
    if module is None:
        return None
    parameters = ""
    code: Any = getattr(type(module).forward, "__code__", None)
    if code is not None:
        parameters = f" forward takes ({', '.join(code.co_varnames[1 : code.co_argcount])})."
    return Finding("forward", f"The arguments of the call go to forward: {match['what']}.{parameters}")


def before_init(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A module that was not set up."""
    why = (
        "A module must call super().__init__() at the start of its own "
        "__init__, before it is given layers or parameters."
    )
    return Finding("module", why, None, (Remedy("super().__init__()", "as the first line of __init__"),))


def no_forward(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A module without forward."""
    why = (
        "The class has no method named forward, which is what a call of the "
        "module runs (check its spelling and indentation)."
    )
    if isinstance(failure.callee, (nn.ModuleList, nn.ModuleDict)):
        why = (
            "ModuleList and ModuleDict only hold layers and have no forward: call "
            "the layers one by one, or use nn.Sequential."
        )
    return Finding("module", why)


def parameter_assignment(failure: Failure, match: re.Match[str]) -> Finding | None:
    """A plain tensor where a module keeps a parameter."""
    node = failure.site.node
    value = node.value if isinstance(node, ast.Assign) else None
    why = f"{match['name']} is a parameter of the module: only an nn.Parameter can take its place."
    remedies: tuple[Remedy, ...] = ()
    if value is not None and isinstance(node, ast.Assign):
        target = ast.unparse(node.targets[0])
        remedies = (Remedy(f"{target} = nn.Parameter({ast.unparse(value)})", "", True),)
    return Finding("module", why, None, remedies)


RULES = [
    (r"empty parameter list", no_parameters),
    (r"can't optimize a non-leaf", non_leaf),
    (r"params argument given to the optimizer", optimizer_argument),
    (r"Error\(s\) in loading state_dict", state_dict),
    (
        r"forward\(\) (?P<what>missing \d+ required .*|takes .* given|got an unexpected keyword argument .*)",
        missing_argument,
    ),
    (r"before Module\.__init__\(\) call|__init__\(\) call", before_init),
    (r'missing the required "forward" function', no_forward),
    (r"as parameter '(?P<name>\w+)' \(torch\.nn\.Parameter or None expected\)", parameter_assignment),
]
