# The shell, whose own descriptors are far up, runs out of them.
echo before
i=3
while [ $i -lt 100 ]; do
    eval "exec $i< /dev/null" || exit 1
    i=$((i + 1))
done
