held = bytearray(40 << 20)
for i in range(0, len(held), 4096):
    held[i] = 1
for _ in range(300):
    print("x" * 1023)
