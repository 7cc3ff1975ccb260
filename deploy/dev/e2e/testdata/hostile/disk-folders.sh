# So do folders.
echo before
i=0
while :; do
    mkdir -p d$i/{0,1,2,3,4,5,6,7,8,9}/{0,1,2,3,4,5,6,7,8,9}
    i=$((i + 1))
done
