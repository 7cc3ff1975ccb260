# Who copes with it has not failed.
held = []
try:
    while True:
        held.append(open("/dev/null"))
except OSError as e:
    n, held = len(held), None
    print("up to", n + 3)
