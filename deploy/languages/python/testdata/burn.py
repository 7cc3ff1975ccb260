import time

while time.process_time() < 2:
    pass
print("burnt")
