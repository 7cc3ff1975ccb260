# All descriptors at once, and then an error.
print("before", flush=True)
files = []
while True:
    files.append(open("/dev/null"))
