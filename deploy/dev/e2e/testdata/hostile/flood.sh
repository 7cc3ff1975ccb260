# 100 MiB of output: it is counted.
head -c 104857600 /dev/zero | tr '\0' x
