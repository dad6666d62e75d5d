print(open("environment.txt", "rb").read() if __import__("os").path.exists("environment.txt") else "none")
