# Kills its own group, and everybody whom it can reach.
echo before
sleep 30 &
kill -KILL -- -1 0
sleep 30
