#!/usr/bin/env bash
# Runs a command on the real stack, whose addresses it finds in its environment.
# A stack that runs already is used and left as it is; one that was not there is
# stopped in the end.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
dev=$root/bin/codesaga-dev

started=
"$dev" status >/dev/null 2>&1 || started=1
stop() { if [ -n "$started" ]; then "$dev" down; fi; }
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

"$dev" up --detach
eval "$("$dev" env)"
cd "$root"
CODESAGA_BIN=$root/bin/codesaga CODESAGA_DEV_BIN=$dev "$@"
