import sys

try:
    with open("flood.bin", "wb") as file:
        for _ in range(4096):
            file.write(bytes(1 << 20))
except OSError as error:
    print(error)
for _ in range(300):
    sys.stdout.write("flood " * 20000)
