"""The test's objects in the student's process: each by its number, and what the student's code did to it.

A module or an optimizer of torch's own kinds, or a generator, is here a real one; anything else is used where it is, in
the judge. :mod:`graders.engine.lending` is the other end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from graders.engine.borrowed import Borrowed, borrowed
from graders.engine.packing import Packer, Unpacker
from graders.engine.random_state import LentGenerators
from graders.engine.structures import Optimizers, build_module
from graders.engine.values import Json


class Lent:
    """What the test has handed to the student's code; one to a student's process."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._borrowed: dict[int, Borrowed] = {}
        self._modules: dict[int, torch.nn.Module] = {}
        self._training: dict[int, bool] = {}
        self._parts: dict[int, dict[str, Any]] = {}
        self._optimizers = Optimizers()
        self._generators = LentGenerators(strict=False)

    def refer(self, value: object) -> dict[str, Json] | None:
        """The JSON by which the judge knows an object of the test's; None for any other."""
        if issubclass(type(value), Borrowed):
            return {"t": "ref", "k": value._borrowed_number}  # type: ignore[attr-defined]
        for table in (self._modules, self._optimizers.by_number, self._generators.by_number):
            for number, known in table.items():
                if known is value:
                    return {"t": "ref", "k": number}
        return None

    def resolve(self, node: Mapping[str, Json], unpacker: Unpacker) -> object:
        """The object here that stands for the test's."""
        if "module_class" in node:
            module = build_module(node, unpacker.unpack, self._modules)
            self._training.update({number: known.training for number, known in self._modules.items()})
            for number, known in self._modules.items():
                self._parts.setdefault(number, dict(known._modules))
            return module
        if "generator" in node:
            return self._generators.build(node, unpacker.decoder.tensors)
        if "optimizer_class" in node:
            return self._optimizers.build(node, unpacker.unpack)
        known_object = self._borrowed.get(node["k"])
        if known_object is None:
            known_object = self._borrowed[node["k"]] = borrowed(self._server, node["k"], node)
        return known_object

    def send(self, header: dict[str, Json], packer: Packer) -> None:
        """Add what the student's code did to modules, generators and optimizers."""
        training = [[k, m.training] for k, m in self._modules.items() if m.training != self._training.get(k)]
        if training:
            header["training"] = training
            self._training.update({k: bool(value) for k, value in training})
        self._generators.send(header, packer.encoder.put)
        optimizers = self._optimizers.changes(packer.encoder.plain, self._server.tensors)
        if optimizers:
            header["optimizers"] = optimizers
        parts = self._new_parts()
        if parts:
            header["submodules"] = parts

    def take(self, header: Mapping[str, Json], unpacker: Unpacker) -> None:
        """Do here what the test did to generators and optimizers."""
        self._generators.take(header, unpacker.decoder.tensors)
        self._optimizers.apply(header.get("optimizers", []), unpacker, self._server.tensors)

    def _new_parts(self) -> list[Json]:
        """The submodules that the student's code put into modules of the test's."""
        found: list[Json] = []
        for number, module in self._modules.items():
            for name, part in module._modules.items():
                if part is not self._parts.get(number, {}).get(name) and part is not None:
                    found.append([number, name, self._server.objects.describe(part)])
            self._parts[number] = dict(module._modules)
        return found
