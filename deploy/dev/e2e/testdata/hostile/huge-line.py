# One line of 3 MiB.
import sys

sys.stdout.write("x" * (3 << 20))
