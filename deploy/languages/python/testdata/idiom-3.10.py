def describe(value):
    match value:
        case {"kind": "point", "at": [x, y]}:
            return f"a point at {x},{y}"
        case _:
            return "something else"

print(describe({"kind": "point", "at": [1, 2]}))
