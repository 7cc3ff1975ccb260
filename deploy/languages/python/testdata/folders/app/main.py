from parts.greeting import greet

print(greet(open("data/name.txt", encoding="utf-8").read().strip()))
