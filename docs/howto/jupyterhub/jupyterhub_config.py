"""JupyterHub for one nbgrader course, whose students can read neither each other's work nor the hidden tests.

SimpleLocalProcessSpawner alone starts everybody's server as the hub's own user: nothing then stands between students.
Here a hook starts each server as the Unix account with the user's name, and refuses where files would lie open.
"""

import grp
import os
import pwd
import stat
from pathlib import Path

c = get_config()  # noqa: F821

SETTINGS = Path("/etc/jupyterhub")  # this file, and a folder of settings for each role
STATE = Path("/var/lib/jupyterhub")  # the hub's database and secrets: root's alone
PRIVATE = Path("/srv/jupyterhub")  # a folder for each user's sockets and temporary files

# Who: members of two Unix groups, with their Unix passwords. Put your university's authenticator here.
c.JupyterHub.authenticator_class = "pam"
c.LocalAuthenticator.allowed_groups = {"students", "graders"}
c.PAMAuthenticator.open_sessions = False

# Where: behind a web server that speaks TLS. Where students are not trusted, give each user a name of their own, too:
# else a student's page can act as the grader who opens it. This needs a wildcard DNS name and Node.js's proxy.
c.JupyterHub.bind_url = "http://127.0.0.1:8000"
# c.JupyterHub.subdomain_host = "https://hub.example.edu"
c.JupyterHub.db_url = f"sqlite:///{STATE}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = f"{STATE}/cookie_secret"
c.ConfigurableHTTPProxy.pid_file = f"{STATE}/proxy.pid"


def members(group):
    """The names in a Unix group."""
    return set(grp.getgrnam(group).gr_mem)


def check_closed(path, uid, others=0o000):
    """Refuse a path that is not a folder of this user's, or that is open to others for more than ``others``."""
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o077 & ~others:
        raise PermissionError(f"{path} must be a folder of user id {uid}: chmod {0o700 | others:o}")


def as_own_account(spawner):
    """Start this user's server as the account of that name, with no file open to others."""
    account = pwd.getpwnam(spawner.user.name)
    if account.pw_uid < 1000:
        raise PermissionError(f"{account.pw_name} is an account of the system's")
    check_closed(account.pw_dir, account.pw_uid)

    check_closed(PRIVATE, 0, others=0o011)
    own = PRIVATE / account.pw_name
    if not own.exists():
        own.mkdir(0o700)
        os.chown(own, account.pw_uid, account.pw_gid)
    check_closed(own, account.pw_uid)

    spawner.home_dir = account.pw_dir
    spawner.popen_kwargs = {
        "user": account.pw_uid,
        "group": account.pw_gid,
        "extra_groups": [],
        "umask": 0o077,
    }
    role = "grader" if account.pw_name in members("graders") else "student"
    spawner.environment = {
        "JUPYTER_CONFIG_PATH": f"{SETTINGS / role}:{SETTINGS / 'everybody'}",
        "JUPYTER_RUNTIME_DIR": str(own / "run"),  # kernels' sockets; their paths must be short
        "TMPDIR": str(own),
        "LOGNAME": account.pw_name,
        "TRAITLETS_APPLICATION_RAISE_CONFIG_FILE_ERROR": "1",  # no grading without the settings, walls among them
    }


c.JupyterHub.spawner_class = "simple"
c.Spawner.pre_spawn_hook = as_own_account
c.Spawner.default_url = "/lab"
