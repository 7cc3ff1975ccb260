# codesaga. "make" alone prints what there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
export CODESAGA_ROOT := $(CURDIR)
BIN := $(CURDIR)/bin
DEV := $(BIN)/codesaga-dev
LDFLAGS := -s -w -X main.version=$(VERSION)

.PHONY: help dev dev-down dev-reset languages languages-pin build test test-unit lint e2e chaos bench history tidy
help: ## print this
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/\1\t\2/' | expand -t 16

dev: build $(DEV) ## set all up, start the real stack and the platform, run a first script
	@deploy/dev/dev.sh

dev-down: $(DEV) ## stop what "make dev" started
	@$(DEV) down

dev-reset: $(DEV) ## stop it, and delete all its data
	@$(DEV) reset

languages: $(DEV) ## build the languages' images, or those of ONLY="ruby go:1.26", and import them
	@$(DEV) images $(ONLY)

languages-pin: $(DEV) ## write the digests of the images that nodes pull into deploy/languages, or INTO=folder
	@$(DEV) pin $(if $(INTO),-into '$(INTO)')

build: ## build the binary into bin/
	@CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/codesaga ./cmd/codesaga

test: lint test-unit e2e ## everything: lint, unit tests, and end to end on the real stack

test-unit: ## the fast tests, without the stack
	go test -race ./...
	cd deploy/dev && go test ./...

lint: ## gofmt, tidy, vet, golangci-lint, workflowcheck
	@deploy/dev/lint.sh

# Left out of "make e2e": the soak takes six minutes. SKIP=none runs it, too.
SKIP ?= TestDF02Soak
e2e: build $(DEV) languages ## end to end, on the real stack
	@SKIP='$(SKIP)' deploy/dev/with-stack.sh sh -ec 'go test -count=1 ./store ./temporal; deploy/dev/e2e.sh'

chaos: build $(DEV) ## a thousand kills at random; their report goes into deploy/bench/RESULTS.md
	@deploy/dev/with-stack.sh go -C deploy/dev/e2e test -count=1 -timeout 12h -run '^TestDF21Chaos$$' . \
		-chaos.runs=$(or $(RUNS),60) -chaos.kills=$(or $(KILLS),1000) -chaos.report=$(CURDIR)/deploy/bench/RESULTS.md

bench: build $(DEV) ## measure, on the real stack, and print figures; ONLY="roles eager throughput crowd replay rebuild sizes reconnect subscribers" for some
	@deploy/dev/with-stack.sh go -C deploy/bench run . $(ONLY)

history: ## record the history of execution ID=… for the replay test, as NAME=…
	@test -n "$(ID)" -a -n "$(NAME)" || { echo 'usage: make history ID=<execution> NAME=<what-happened>' >&2; exit 2; }
	@"$${XDG_CACHE_HOME:-$$HOME/.cache}"/codesaga/temporal-*/temporal workflow show --output json \
		--namespace "$${CODESAGA_TEMPORAL_NAMESPACE:-codesaga}" --workflow-id '$(ID)' > workflows/testdata/histories/$(NAME).json

tidy: ## go mod tidy in every module
	@for m in . deploy/dev deploy/dev/e2e deploy/bench; do (cd $$m && go mod tidy) || exit 1; done

$(DEV): FORCE
	@cd deploy/dev && go build -trimpath -o $(DEV) .
FORCE:
