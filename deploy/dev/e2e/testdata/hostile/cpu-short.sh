# Processes that end before anybody looks at them.
echo before
while :; do (for i in {1..2000}; do :; done); done
