print "version ${(j:.:)${(s:.:)ZSH_VERSION}[1,2]}"
lines=("${(@f)$(cat)}")
print "args ${(j:|:)@}"
print "env $GREETING"
print "stdin $lines[2]"
print "日本語 🐘"
print -u2 "to stderr"
exit 3
