# More files than are taken, and larger ones.
import os

os.chdir("/out")
with open("0-large", "wb") as f:
    f.truncate(11 << 20)
for i in range(500):
    with open("%03d" % i, "w") as f:
        f.write(str(i))
print("left")
