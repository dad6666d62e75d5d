"""Run the tour notebook in a kernel of this very interpreter, and see that the magics drew in it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import nbformat
from ipykernel.kernelspec import make_ipkernel_cmd
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from traitlets import default

from torchmagic.errors import TorchmagicError

_SECONDS = 120
_DRAWING = ("%%tensorinfo", "%%gradtrace", "%tensorinfo", "%gradtrace")


class OwnKernel(KernelSpecManager):
    """Whatever kernel a notebook asks for, it gets one of this interpreter: installed kernels may be of another."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """The one kernel that there is."""
        argv = [*make_ipkernel_cmd(), "--IPKernelApp.log_level=40"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python", env=dict(os.environ))


class OwnKernelManager(AsyncKernelManager):
    """Starts kernels of this interpreter only."""

    @default("kernel_spec_manager")
    def _own_kernel(self) -> KernelSpecManager:
        return OwnKernel(parent=self)


def run_tour(notebook: Path, executed: Path) -> list[str]:
    """Execute a notebook and store it with its outputs.

    Args:
        notebook: the notebook as committed, without outputs.
        executed: where the executed one goes; its folder is the kernel's working folder.

    Returns:
        the first line of every cell in which a magic drew.

    Raises:
        TorchmagicError: a cell failed, or a magic drew nothing; the notebook is stored all the same.
    """
    nb = nbformat.read(notebook, as_version=4)
    executed.parent.mkdir(parents=True, exist_ok=True)
    client = NotebookClient(
        nb,
        kernel_manager_class=OwnKernelManager,
        kernel_name="python3",
        timeout=_SECONDS,
        resources={"metadata": {"path": str(executed.parent)}},
    )
    try:
        asyncio.run(client.async_execute())
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise TorchmagicError(f"{notebook.name} does not run: {_reason(error)}.", hint=f"See {executed}.") from error
    finally:
        nbformat.write(nb, executed)
    cells = [cell for cell in nb.cells if cell.cell_type == "code" and _draws(cell.source)]
    blank = [cell.source.splitlines()[0] for cell in cells if not _drew(cell)]
    if blank or not cells:
        raise TorchmagicError(f"Magics drew nothing in {executed}: {', '.join(blank)}.", hint=f"See {executed}.")
    return [cell.source.splitlines()[0] for cell in cells]


def _reason(error: Exception) -> str:
    if isinstance(error, CellExecutionError):
        return f"{error.ename}: {error.evalue}"
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _draws(source: str) -> bool:
    return source.startswith(_DRAWING) and "--off" not in source.splitlines()[0].split()


def _drew(cell: nbformat.NotebookNode) -> bool:
    shown = [output.data for output in cell.outputs if output.output_type in ("display_data", "execute_result")]
    graph = "gradtrace" in cell.source.split(None, 1)[0]
    return any("<svg" in str(data.get("text/html", "")) or not graph for data in shown if "text/html" in data)
