if (n := len("four")) > 3:
    print(f"{n=}")
