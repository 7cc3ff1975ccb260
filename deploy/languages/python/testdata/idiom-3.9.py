print({"a": 1} | {"b": 2}, "prefix-x".removeprefix("prefix-"))
