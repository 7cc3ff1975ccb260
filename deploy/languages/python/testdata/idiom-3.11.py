import tomllib

try:
    raise ExceptionGroup("two", [ValueError("one"), KeyError("other")])
except* ValueError as e:
    print(type(e).__name__, tomllib.loads("n = 1"))
except* KeyError:
    pass
