import std/[os, strutils]

echo "version ", NimMajor, ".", NimMinor
echo "args ", commandLineParams().join("|")
echo "env ", getEnv("GREETING")
discard stdin.readLine
echo "stdin ", stdin.readLine
echo "日本語 🐘"
stderr.writeLine "to stderr"
quit 3
