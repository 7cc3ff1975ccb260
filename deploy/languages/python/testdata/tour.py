import os, sys

print("version", "%d.%d" % sys.version_info[:2])
print("args", "|".join(sys.argv[1:]))
print("env", os.environ["GREETING"])
print("stdin", sys.stdin.read().splitlines()[1])
print("日本語 🐘")
print("to stderr", file=sys.stderr)
sys.exit(3)
