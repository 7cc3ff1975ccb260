import platform
import time

for i in range(1, 6):
    print(f"line {i} of 5, as it is printed")
    time.sleep(0.2)

print(f"Python {platform.python_version()} says hello from a locked-down pod")
