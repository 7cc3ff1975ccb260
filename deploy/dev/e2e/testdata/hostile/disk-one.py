# One file that is larger than all may be together.
print("before", flush=True)
with open("big", "wb") as f:
    while True:
        f.write(b"x" * (1 << 20))
