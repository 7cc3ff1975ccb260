import copy
from dataclasses import dataclass

@dataclass
class Point:
    x: int
    y: int

print(copy.replace(Point(1, 2), y=3))
