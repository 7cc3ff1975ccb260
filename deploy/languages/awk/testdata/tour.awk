BEGIN {
    print "version " substr(PROCINFO["version"], 1, 3)
    for (i = 1; i < ARGC; i++) args = args (i > 1 ? "|" : "") ARGV[i]
    print "args " args
    print "env " ENVIRON["GREETING"]
    getline < "-"
    getline < "-"
    print "stdin " $0
    print "日本語 🐘"
    print "to stderr" > "/dev/stderr"
    exit 3
}
