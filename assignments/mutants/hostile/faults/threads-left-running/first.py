import threading
import time


def work():
    while True:
        print("still here")
        sum(range(1000))
        time.sleep(0.001)


for _ in range(3):
    threading.Thread(target=work).start()
