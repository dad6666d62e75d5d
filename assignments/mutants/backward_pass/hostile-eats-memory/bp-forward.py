hoard = []
while True:
    hoard.append(b'full' * (16 << 20))
