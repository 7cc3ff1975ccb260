# The main process takes too much.
print("before", flush=True)
held = []
while True:
    held.append(b"x" * (8 << 20))
