#!/usr/bin/env bash
# gofmt, tidy, vet, golangci-lint and workflowcheck. The tools are built once
# into the cache, from the versions that tools/go.mod pins.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"

step() { echo "== $*"; }

step gofmt
unformatted=$(git ls-files -co --exclude-standard -- '*.go' | xargs -r gofmt -l)
test -z "$unformatted" || { echo "not gofmt-ed: $unformatted" >&2; exit 1; }

step tidy
for module in . deploy/dev deploy/dev/e2e deploy/bench; do
	(cd "$module" && go mod tidy -diff) || { echo "$module: run make tidy" >&2; exit 1; }
done

step vet
go vet ./...
for module in deploy/dev deploy/dev/e2e deploy/bench; do (cd "$module" && go vet ./...); done

pins=$(sha256sum deploy/dev/tools/go.mod deploy/dev/tools/go.sum | sha256sum | cut -c1-12)
tools=${XDG_CACHE_HOME:-$HOME/.cache}/codesaga/tools-$pins-$(go env GOVERSION)
if [ ! -e "$tools/stamp" ]; then
	step "build golangci-lint and workflowcheck (once, some minutes)"
	(cd deploy/dev/tools && GOFLAGS=-mod=readonly go build -trimpath -ldflags '-s -w' -o "$tools/" \
		github.com/golangci/golangci-lint/v2/cmd/golangci-lint go.temporal.io/sdk/contrib/tools/workflowcheck)
	touch "$tools/stamp"
fi

step golangci-lint
"$tools/golangci-lint" run ./...

step workflowcheck
"$tools/workflowcheck" ./workflows
