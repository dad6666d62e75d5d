"""A machine for a JupyterHub: namespaces in which the documented setup runs as it would on a fresh Debian."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Page

from tests.e2e.programs import until

ROOT = Path(__file__).parents[2]
#: What the machine has of its own: nothing of this one's is seen there, and nothing that happens there stays.
OWN = ("/home", "/opt", "/root", "/srv", "/tmp", "/dev/shm")
CHANGED = ("/etc", "/var")
#: Where the project stands on the machine, as if installed.
INSTALLED = "/opt/torchmagic"
PATH = f"{sys.prefix}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def why_not() -> str | None:
    """Why no such machine can be made here, if so."""
    if os.geteuid() != 0:
        return "a hub that starts servers as other accounts needs root"
    missing = [name for name in ("unshare", "nsenter", "useradd", "chpasswd") if shutil.which(name) is None]
    if missing:
        return f"needs {', '.join(missing)}"
    tried = subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, text=True)
    return f"needs namespaces: {tried.stderr}" if tried.returncode else None


def node_proxy() -> str | None:
    """JupyterHub's own proxy, a program of Node.js, if it is installed: the one in Python knows no subdomains."""
    elsewhere = os.pathsep.join(f for f in os.environ["PATH"].split(os.pathsep) if not f.startswith(sys.prefix))
    return shutil.which("configurable-http-proxy", path=elsewhere)


def _closed_above(path: Path) -> list[str]:
    """The outermost folder above ``path`` that other accounts cannot enter."""
    above = [str(each) for each in reversed(path.parents) if not each.stat().st_mode & 0o001]
    return above[:1]


def _script() -> str:
    """Make the machine inside fresh mount and process namespaces, say so, and wait."""
    kept = [Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()]
    own = sorted({*OWN, *(closed for path in kept for closed in _closed_above(path))})
    kept = [path for path in kept if any(path.is_relative_to(folder) for folder in own)]
    given = {f"{INSTALLED}/{name}": ROOT / name for name in ("torchmagic", "graders", "docs/howto/jupyterhub")}
    stash = {**{str(path): path for path in kept}, **given}
    lines = [
        "set -eu",
        "mount -t proc -o hidepid=invisible proc /proc",  # as ProtectProc=invisible in jupyterhub.service
        "mount -t tmpfs -o mode=755 tmpfs /mnt",
    ]
    for folder in CHANGED:
        up, work = f"/mnt{folder}/up", f"/mnt{folder}/work"
        lines.append(f"mkdir -p {up} {work}")
        lines.append(f"mount -t overlay -o lowerdir={folder},upperdir={up},workdir={work} overlay {folder}")
    for number, path in enumerate(stash.values()):
        lines.append(f"mkdir /mnt/{number}; mount --rbind {shlex.quote(str(path))} /mnt/{number}")
    for folder in own:
        mode = "1777" if folder in ("/tmp", "/dev/shm") else "755"
        lines.append(f"mount -t tmpfs -o mode={mode} tmpfs {shlex.quote(folder)}")
    for number, place in enumerate(stash):
        lines.append(f"mkdir -p {shlex.quote(place)}; mount --move /mnt/{number} {shlex.quote(place)}")
    lines += ["echo ready", "exec sleep infinity"]
    return "\n".join(lines)


@dataclasses.dataclass(frozen=True)
class Machine:
    """The machine; its processes are all gone when it is."""

    pid: int

    def path(self, path: str) -> Path:
        """A path of the machine's, seen from outside."""
        return Path(f"/proc/{self.pid}/root{path}")

    def command(self, *command: str) -> list[str]:
        """The command, to be run as the machine's root."""
        environment = [f"PATH={PATH}", f"PYTHONPATH={INSTALLED}", "HOME=/root", "LANG=C.UTF-8"]
        inside = ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--wd=/"]
        return [*inside, "env", "-i", *environment, *command]

    def run(self, *command: str, given: str = "") -> str:
        """Run a command as root, to its end."""
        done = subprocess.run(self.command(*command), input=given, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@contextlib.contextmanager
def machine() -> Iterator[Machine]:
    """A fresh machine."""
    flags = ["--mount", "--pid", "--fork", "--kill-child", "--propagation=private"]
    process = subprocess.Popen(
        ["unshare", *flags, "sh", "-c", _script()], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", "the machine was not made; its errors stand above"
        yield Machine(psutil.Process(process.pid).children()[0].pid)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@dataclasses.dataclass(frozen=True)
class Hub:
    """A running hub."""

    url: str
    ports: dict[str, int]
    log: Path
    machine: Machine


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def hub(
    on: Machine, log: Path, configuration: str = "/etc/jupyterhub/jupyterhub_config.py", subdomains: bool = False
) -> Iterator[Hub]:
    """JupyterHub with a configuration file of the machine's; only the ports are others, and its name, if it has one.

    It is ended; what it started goes with the machine.
    """
    public, internal, proxy = _free_ports(3)
    command = [
        *("sh", "-c", 'umask 077; cd /var/lib/jupyterhub; exec "$0" "$@"', "jupyterhub", f"-f={configuration}"),
        f"--JupyterHub.bind_url=http://127.0.0.1:{public}",
        f"--JupyterHub.hub_port={internal}",
        f"--ConfigurableHTTPProxy.api_url=http://127.0.0.1:{proxy}",
    ]
    url = f"http://127.0.0.1:{public}"
    if subdomains:
        command.append(f"--JupyterHub.subdomain_host=http://hub.localhost:{public}")
        command.append(f"--ConfigurableHTTPProxy.command={node_proxy()}")
    with log.open("wb") as output:
        process = subprocess.Popen(
            on.command(*command), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        try:

            def answers() -> bool:
                assert process.poll() is None, log.read_text()[-3000:]
                try:
                    urllib.request.urlopen(f"{url}/hub/health", timeout=5).close()
                except (urllib.error.URLError, OSError):
                    return False
                return True

            until(answers, 90, "the hub answers")
            if subdomains:
                url = f"http://hub.localhost:{public}"
            yield Hub(url, {"public": public, "hub": internal, "proxy": proxy}, log, on)
        finally:
            with contextlib.suppress(psutil.NoSuchProcess):
                for each in psutil.Process(process.pid).children():  # nsenter's one: the hub
                    each.kill()  # its proxy and everybody's servers go with the machine
            process.kill()
            process.wait()


#: Run code in a kernel of the page's own server, as JupyterLab does, and give all that it prints.
_EXECUTE = """
async ({base, code, kernel}) => {
  const xsrf = document.cookie.split('; ').filter(c => c.startsWith('_xsrf=')).map(c => c.slice(6));
  const ask = async (path, method, body) => {
    for (const token of [...xsrf, '']) {
      const reply = await fetch(base + path, {
        method, body: JSON.stringify(body), headers: {'X-XSRFToken': token, 'Content-Type': 'application/json'}});
      if (reply.ok) return reply.json();
      if (token === '') throw new Error(path + ': ' + reply.status + ' ' + await reply.text());
    }
  };
  const id = kernel || (await ask('api/kernels', 'POST', {name: 'python3'})).id;
  const session = crypto.randomUUID(), message = crypto.randomUUID();
  const socket = new WebSocket(
    location.origin.replace(/^http/, 'ws') + base + 'api/kernels/' + id + '/channels?session_id=' + session);
  let printed = '';
  return await new Promise((resolve, reject) => {
    socket.onerror = () => reject(new Error('no connection to the kernel'));
    socket.onopen = () => socket.send(JSON.stringify({
      channel: 'shell', parent_header: {}, metadata: {}, buffers: [],
      header: {msg_id: message, session, username: '', msg_type: 'execute_request', version: '5.3',
               date: new Date().toISOString()},
      content: {code, silent: false, store_history: false, user_expressions: {}, allow_stdin: false}}));
    socket.onmessage = event => {
      const got = JSON.parse(event.data);
      if (got.parent_header.msg_id !== message) return;
      if (got.msg_type === 'stream') printed += got.content.text;
      if (got.msg_type === 'error') printed += got.content.traceback.join('\\n');
      if (got.msg_type === 'status' && got.content.execution_state === 'idle') {
        socket.close();
        resolve([id, printed]);
      }
    };
  });
}
"""


class User:
    """Somebody at JupyterLab, behind the hub."""

    def __init__(self, page: Page, hub: Hub, name: str) -> None:
        self.page = page
        self.name = name
        self._hub = hub
        self._kernel = ""

    @property
    def base(self) -> str:
        return f"/user/{self.name}/"

    def log_in(self, password: str) -> None:
        """Give name and password; wait until the own server shows JupyterLab."""
        self.page.goto(f"{self._hub.url}/hub/login")
        self.page.fill("input[name=username]", self.name)
        self.page.fill("input[name=password]", password)
        self.page.click("input[type=submit], button[type=submit]")
        self.page.wait_for_url(f"**{self.base}lab**", timeout=120_000)
        self.page.wait_for_selector("#jp-main-dock-panel .jp-Launcher", timeout=120_000)

    def restart(self) -> None:
        """Stop the own server and start it again, on the hub's page for that."""
        self.page.goto(f"{self._hub.url}/hub/home")
        self.page.click("#stop")
        self.page.wait_for_selector("text=Start My Server")
        self.page.click("#start")
        self.page.wait_for_url(f"**{self.base}**", timeout=120_000)
        self._kernel = ""

    def execute(self, code: str) -> str:
        """What a kernel of this user's prints."""
        given = {"base": self.base, "code": code, "kernel": self._kernel}
        self._kernel, printed = self.page.evaluate(_EXECUTE, given)
        return str(printed)

    def shell(self, *lines: str) -> str:
        """What commands print, run one after the other in a terminal's place; each must succeed."""
        script = "set -e\n" + "\n".join(lines)
        code = f"""
import os, subprocess
plain = {{name: value for name, value in os.environ.items() if "COLOR" not in name}}
done = subprocess.run(["bash", "-c", {script!r}], capture_output=True, text=True, env=plain)
print(done.stdout + done.stderr, "STATUS", done.returncode)
"""
        printed = self.execute(code)
        assert printed.rstrip().endswith("STATUS 0"), printed
        return printed

    def calls(self, module: Path, call: str, **known: Any) -> Any:
        """What a function of a module's gives when this user runs it: as data, by way of what it prints."""
        code = f"{module.read_text()}\nimport json\nprint('\\n==', json.dumps({call}(**json.loads({json.dumps(known)!r}))))"
        printed = self.execute(code)
        assert "\n== " in printed, printed
        return json.loads(printed.split("\n== ", 1)[1])
