import socket
import urllib.request

for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "::ffff:127.0.0.1", "127.1.2.3"):
    try:
        socket.create_connection((host, @PORT@), timeout=0.2).sendall(b"hello")
        print("LOOT" + ":", host)
    except OSError as error:
        print(host, error)
with socket.socket(type=socket.SOCK_DGRAM) as datagrams:
    for host in ("127.0.0.1", "127.255.255.255"):
        try:
            datagrams.sendto(b"hello", (host, @PORT@))
        except OSError as error:
            print(host, error)
try:
    urllib.request.urlopen("http://127.0.0.1:@PORT@/", timeout=0.2)
except OSError as error:
    print(error)
