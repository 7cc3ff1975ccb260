import std/strutils

var held = newSeq[byte](40 shl 20)
for i in countup(0, held.high, 4096):
  held[i] = 1
for i in 1 .. 300:
  echo repeat('x', 1023)
doAssert held[4096] == 1
