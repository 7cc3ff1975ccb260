from dataclasses import dataclass

@dataclass(frozen=True)
class Point:
    x: int
    y: int = 2

print(Point(1))
