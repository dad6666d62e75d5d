import socket

for host, port in (("127.0.0.1", 22), ("10.0.0.1", 80), ("1.1.1.1", 53)):
    try:
        socket.create_connection((host, port), timeout=0.3)
        print("connected to", host)
    except OSError as error:
        print(host, error)
