#!/usr/bin/env bash
# "make dev": the real stack, the platform, a first script, and the addresses.
# It stays until Ctrl-C, which stops all; with DETACH=1 it leaves all running,
# and "make dev-down" stops it.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
dev=$root/bin/codesaga-dev codesaga=$root/bin/codesaga

"$dev" up --detach
eval "$("$dev" env)"
export CODESAGA_LISTEN=${CODESAGA_LISTEN:-127.0.0.1:8080}
server=http://$CODESAGA_LISTEN
state=${CODESAGA_DEV_STATE:-${XDG_STATE_HOME:-$HOME/.local/state}/codesaga/dev}
log=$state/logs/codesaga.log
mkdir -p "$state/logs"
export CODESAGA_DEV_PART=codesaga@$state # by which "down" finds the platform

stop() {
	trap - EXIT INT TERM
	echo
	echo "stopping the platform and the stack"
	kill "$platform" 2>/dev/null && wait "$platform" 2>/dev/null || true
	"$dev" down
}

echo
echo "== codesaga setup"
"$codesaga" setup
if [ "${DETACH:-}" = 1 ]; then
	setsid nohup "$codesaga" all >>"$log" 2>&1 </dev/null &
else
	setsid "$codesaga" all >>"$log" 2>&1 </dev/null &
fi
platform=$!
if [ "${DETACH:-}" != 1 ]; then
	trap stop EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
fi

for _ in $(seq 150); do
	curl -fsS "$server/readyz" >/dev/null 2>&1 && break
	kill -0 "$platform" 2>/dev/null || { echo "the platform ended; the end of $log:" >&2; tail -n 20 "$log" >&2; exit 1; }
	sleep 0.2
done
curl -fsS "$server/readyz" >/dev/null || { echo "the platform is not ready; see $log" >&2; exit 1; }

echo
echo "== codesaga run deploy/dev/hello.py"
"$codesaga" run --server "$server" "$root/deploy/dev/hello.py"

cat <<END

codesaga is up.

  page         $server/
  API          $server/api/v1/executions   (described in $server/openapi.yaml)
  Temporal UI  ${CODESAGA_TEMPORAL_UI_URL:-$CODESAGA_TEMPORAL_ADDRESS}
  logs         $state/logs/

  bin/codesaga run hello.py      eval "\$(bin/codesaga-dev env)" for KUBECONFIG and the rest
  make dev-down                  stops all
END
if [ "${DETACH:-}" != 1 ]; then
	echo "  Ctrl-C                         stops all, too"
	wait "$platform"
fi
