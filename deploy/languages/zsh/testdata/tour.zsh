print "version ${ZSH_VERSION%.*}" | sed -E 's/([0-9]+\.[0-9]+).*/\1/'
lines=("${(@f)$(cat)}")
print "args ${(j:|:)@}"
print "env $GREETING"
print "stdin $lines[2]"
print "日本語 🐘"
print -u2 "to stderr"
exit 3
