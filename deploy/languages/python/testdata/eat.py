held = []
while True:
    held.append(b"x" * (4 << 20))
