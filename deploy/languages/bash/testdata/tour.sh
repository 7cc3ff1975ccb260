echo "version ${BASH_VERSINFO[0]}.${BASH_VERSINFO[1]}"
mapfile -t lines
(IFS='|'; echo "args $*")
echo "env $GREETING"
echo "stdin ${lines[1]}"
echo "日本語 🐘"
echo "to stderr" >&2
exit 3
