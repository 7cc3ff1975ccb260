# Children that outlive what started them, at the end of the time.
trap '' TERM INT HUP QUIT USR1 USR2
for i in 1 2 3; do
    (trap '' TERM HUP; setsid sleep 300 &) &
    nohup sleep 300 > /dev/null 2>&1 &
done
echo deaf
while :; do sleep 1; done
