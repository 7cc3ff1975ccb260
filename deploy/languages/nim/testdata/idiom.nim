import std/[sequtils, sugar, tables]

iterator countTo(n: int): int =
  for i in 1 .. n:
    yield i

template twice(body: untyped) =
  body
  body

var hits = 0
twice: inc hits
let squares = collect(for i in countTo(3): i * i)
echo hits, " ", squares, " ", {"a": 1}.toTable["a"], " ", squares.filterIt(it mod 2 == 1)
