echo asleep
sleep 60
