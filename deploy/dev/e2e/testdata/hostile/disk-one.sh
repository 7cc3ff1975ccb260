# The same in a program that dies of it.
echo before
exec head -c 100000000 /dev/zero > /tmp/big
