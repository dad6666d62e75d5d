"""An ipykernel shell without sockets: cells run as in JupyterLab, and what they show is kept in order."""

from __future__ import annotations

import asyncio
import builtins
import getpass
import importlib
import inspect
import io
import json
import os
import sys
from typing import Any

from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core import interactiveshell
from IPython.core.error import StdinNotImplementedError
from IPython.core.interactiveshell import ExecutionResult
from jupyter_client.jsonutil import json_clean, json_default
from jupyter_client.session import Session
from traitlets.config import Config

from graders.engine.cell_text import QuickTransformer

_KEPT = ("display_data", "execute_result", "update_display_data", "error")


def error_text(error: BaseException) -> str:
    """An exception's text; "" where its own ``__str__`` fails."""
    try:
        return str(error)[:4000]
    except BaseException:  # a student's __str__ may do anything
        return ""


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception is Python's, torch's or C++'s way of saying that memory is over."""
    text = error_text(error)
    return isinstance(error, MemoryError) or "can't allocate memory" in text or "bad_alloc" in text


def nobody_answers(prompt: object = "", stream: object = None) -> str:
    """``input`` and ``getpass`` of a kernel whose frontend has nobody to ask, such as nbgrader's."""
    raise StdinNotImplementedError("raw_input was called, but this frontend does not support input requests.")


def no_windows(gui: str | None = None) -> None:
    """What ``%matplotlib inline`` asks of a kernel beyond choosing the backend: no event loop of any toolkit."""
    if gui is not None:
        raise RuntimeError(f"there is no display for {gui!r} here: use `%matplotlib inline`")


class OutputLog:
    """What the running cell has shown, as nbformat outputs, in order and up to a number of bytes."""

    def __init__(self, limit: int = 1 << 20) -> None:
        self.limit = limit
        self.outputs: list[dict[str, Any]] = []
        self._size = 0
        self._dropped = 0
        self._displays: dict[str, dict[str, Any]] = {}
        self._clear_next = False

    def take(self) -> list[dict[str, Any]]:
        """The outputs so far; starts afresh."""
        if self._dropped:
            note = f"\n[{self._dropped} more characters were not kept]\n"
            self.outputs.append({"output_type": "stream", "name": "stdout", "text": note})
        taken, self.outputs, self._size, self._dropped = self.outputs, [], 0, 0
        return taken

    def text(self, stream: str, text: str) -> None:
        """Add text to the stream ``stdout`` or ``stderr``."""
        self._clear()
        room = max(self.limit - self._size, 0)
        kept = text[:room]
        self._dropped += len(text) - len(kept)
        self._size += len(kept)
        if not kept:
            return
        last = self.outputs[-1] if self.outputs else None
        if last is not None and last["output_type"] == "stream" and last["name"] == stream:
            joined = last.pop("text")  # held by nobody else, so that Python appends in place
            joined += kept
            last["text"] = joined
        else:
            self.outputs.append({"output_type": "stream", "name": stream, "text": kept})

    def skip(self, characters: int) -> None:
        """Count text that is not even looked at."""
        self._dropped += characters

    def message(self, kind: str, content: dict[str, Any]) -> None:
        """Add what a kernel would have sent on its IOPub channel."""
        if kind == "clear_output":
            self._clear_next = True
            if not content.get("wait"):
                self._clear()
            return
        if kind not in _KEPT:
            return
        display_id = (content.get("transient") or {}).get("display_id")
        if kind == "update_display_data":
            shown = self._displays.get(str(display_id))
            if shown is not None:
                shown.update(data=content.get("data", {}), metadata=content.get("metadata", {}))
            return
        self._clear()
        size = len(str(content))
        if self._size + size > 8 * self.limit:
            self._dropped += size
            return
        self._size += size
        output = {k: v for k, v in content.items() if k != "transient"}
        output["output_type"] = kind
        self.outputs.append(output)
        if display_id is not None:
            self._displays[str(display_id)] = output

    def _clear(self) -> None:
        if self._clear_next:
            self.outputs.clear()
            self._clear_next = False


class LogStream(io.TextIOBase):
    """A text stream that writes to an :class:`OutputLog`."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, log: OutputLog, name: str) -> None:
        self._log = log
        self.name = name

    def write(self, text: str) -> int:
        """Keep the text."""
        self._log.text(self.name, str(text))
        return len(text)

    def writable(self) -> bool:
        """Always."""
        return True

    def isatty(self) -> bool:
        """Never: a notebook's output area is no terminal."""
        return False

    def fileno(self) -> int:
        """The process's own descriptor, for programs that the cell starts."""
        return 1 if self.name == "stdout" else 2


class _RecordingSession(Session):
    """A kernel session that hands messages to an :class:`OutputLog` instead of a socket."""

    log_to: OutputLog

    def send(self, stream: Any, msg_or_type: Any, content: Any = None, *_: Any, **__: Any) -> Any:
        """Keep one message."""
        if isinstance(msg_or_type, dict):
            kind, content = msg_or_type["header"]["msg_type"], msg_or_type["content"]
        else:
            kind = msg_or_type
        self.log_to.message(str(kind), _as_sent(dict(content or {})))
        return {}


def _as_sent(content: dict[str, Any]) -> dict[str, Any]:
    """A message's content as it arrives at a notebook: plain JSON, NaN and infinity as text."""
    try:
        text = json.dumps(content, default=json_default, allow_nan=False)
    except (TypeError, ValueError):
        text = json.dumps(json_clean(content), default=json_default)
    return json.loads(text)  # type: ignore[no-any-return]


def _store_class() -> Any:
    """IPython's store of what it remembers between commands; IPython 8 has it, or what stands for it, elsewhere."""
    try:
        return importlib.import_module("IPython.external.pickleshare").PickleShareDB
    except ImportError:
        return vars(interactiveshell)["PickleShareDB"]


class StudentShell:
    """Runs cells one after the other, as a notebook's kernel does; one to a process, as IPython demands."""

    def __init__(self, output_limit: int = 1 << 20) -> None:
        self.log = OutputLog(output_limit)
        #: True once descriptors 1 and 2 are files of this process alone, to be read after each cell
        self.own_descriptors = False
        config = Config()
        config.HistoryManager.enabled = False
        session = _RecordingSession()
        session.log_to = self.log
        self._store = _store_class()
        self.shell: Any = ZMQInteractiveShell.instance(config=config)
        self.shell.input_transformer_manager = QuickTransformer()
        self.shell.extension_manager.load_extension("storemagic")  # as kernels do
        self.shell.enable_gui = no_windows  # its own would look for a kernel, and `%matplotlib inline` fail
        for publisher in (self.shell.displayhook, self.shell.display_pub):
            publisher.session = session
            publisher.pub_socket = self.log
        self.shell.displayhook.topic = b"execute_result"
        self._session = session
        self._loop: asyncio.AbstractEventLoop | None = None
        self._before: tuple[Any, ...] = (sys.stdout, sys.stderr, builtins.input, getpass.getpass)

    def open(self) -> StudentShell:
        """Take over the standard streams as a kernel does, and open an event loop for cells that await."""
        self._before = (sys.stdout, sys.stderr, builtins.input, getpass.getpass)
        builtins.input, getpass.getpass = nobody_answers, nobody_answers
        sys.stdout, sys.stderr = LogStream(self.log, "stdout"), LogStream(self.log, "stderr")
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)
        return self

    def close(self) -> None:
        """Give the streams back."""
        sys.stdout, sys.stderr, builtins.input, getpass.getpass = self._before
        if self._loop is not None:
            self._loop.close()

    def keep_state_in(self, folder: str) -> None:
        """Let IPython keep what it remembers between commands (``%cd``, ``%store``) in this folder."""
        self.shell.ipython_dir = folder
        self.shell.db = self._store(f"{folder}/db")  # the one that it would make itself cannot be written to

    @property
    def namespace(self) -> dict[str, Any]:
        """The user's global names."""
        return self.shell.user_ns  # type: ignore[no-any-return]

    def run(self, source: str) -> dict[str, Any]:
        """Run one cell; gives ``status`` (ok or error), ``outputs``, and the error's ``ename`` and ``evalue``."""
        assert self._loop is not None, "open() first"
        try:
            result = self._loop.run_until_complete(self._run(source))
            error = result.error_before_exec or result.error_in_exec
        except Exception as failure:  # the compiler gave up (RecursionError), or the cell broke the shell itself
            error = failure
            self.log.message("error", {"ename": type(error).__name__, "evalue": error_text(error), "traceback": []})
        self._flush_descriptors()
        reply: dict[str, Any] = {"status": "ok" if error is None else "error", "outputs": self.log.take()}
        if error is not None:
            reply.update(ename=type(error).__name__, evalue=error_text(error)[:2000])
            reply["memory"] = out_of_memory(error)
        return reply

    async def _run(self, source: str) -> Any:
        shell = self.shell
        transformed, failure = source, None
        try:
            transformed = shell.transform_cell(source)
        except Exception:  # as a kernel does: the shell itself reports what is wrong with the cell
            failure = sys.exc_info()
        self._name_file(source, transformed)
        try:  # as run_cell does, but the cell is transformed only once
            result = await shell.run_cell_async(
                source, store_history=True, transformed_cell=transformed, preprocessing_exc_tuple=failure
            )
        except BaseException as error:  # an interrupt, or what a hook of the student's raised
            result = ExecutionResult(None)
            result.error_in_exec = error
            shell.showtraceback(running_compiled_code=True)
        finally:
            shell.events.trigger("post_execute")
        shell.events.trigger("post_run_cell", result)
        await asyncio.sleep(0)
        return result

    def _name_file(self, source: str, transformed: str) -> None:
        """Tell inspect whose file a cell is: it would look through all modules for each frame of a traceback.

        With torch imported that takes milliseconds a frame, and an endless recursion has a thousand of them.
        """
        name = self.shell.compile.get_code_name(source, transformed, self.shell.execution_count)
        for path in (name, os.path.normcase(os.path.abspath(name))):
            inspect.modulesbyfile[path] = "__main__"

    def _flush_descriptors(self) -> None:
        """Add what programs started by the cell wrote to descriptors 1 and 2, where these are files of ours."""
        if not self.own_descriptors:
            return
        for number, name in ((1, "stdout"), (2, "stderr")):
            try:
                end = os.lseek(number, 0, os.SEEK_CUR)
            except OSError:
                continue
            if end > 0:
                text = os.pread(number, min(end, self.log.limit), 0).decode("utf-8", "replace")
                os.ftruncate(number, 0)
                os.lseek(number, 0, os.SEEK_SET)
                self.log.text(name, text)
                self.log.skip(max(0, end - self.log.limit))
